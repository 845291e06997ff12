"""Files that are replaced whole: the old one or the new one is there at any moment, never half of one."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hpmask.arguments import as_flag

__all__ = ["check_target", "replacing"]


def check_target(path: str | Path, *, overwrite: bool) -> Path:
    """`path`, links followed, if a file may be written there: to be asked before the work, not after it.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    FileNotFoundError
        If there is no such directory.
    OSError
        If `path` is something that cannot be replaced by a file.
    TypeError
        If `overwrite` is neither True nor False.
    """
    overwrite = as_flag(overwrite, "overwrite")
    target = Path(os.path.realpath(path))
    _mode_to_keep(target, overwrite)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {target.parent} to write {target.name} in")
    return target


@contextmanager
def replacing(path: str | Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place at `path` when the block ends without an error.

    Until then it has a temporary name in the same directory; after an error nothing of it is left. A new
    file gets the mode that the umask gives, a replaced one keeps its own. A symbolic link stays, and the
    file that it points to is replaced.

    Parameters
    ----------
    path : path
        Where the file goes.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    FileNotFoundError
        If there is no such directory.
    OSError
        If `path` is something that cannot be replaced by a file, or writing fails.
    """
    path = check_target(path, overwrite=overwrite)
    mode = _mode_to_keep(path, overwrite)
    temporary = path.with_name(f".hpmask-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            # A power cut must not leave a renamed file whose bytes never reached the disk.
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        _mode_to_keep(path, overwrite)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode_to_keep(path: Path, overwrite: bool) -> int | None:
    """Mode of the file that is to be replaced, None if there is none; raises if it must not be."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "File exists: overwrite=True replaces it", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file, so it cannot be replaced", str(path))
    return stat.S_IMODE(mode)
