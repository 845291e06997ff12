"""Files that are replaced whole: the old one or the new one is there at any moment, never half of one."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hpmask._utils.arguments import as_flag

__all__ = ["check_target", "replacing"]

_TEMPORARY = re.compile(r"\.hpmask-[0-9a-f]{16}\.tmp")

# Seconds after which a temporary file that nobody writes to belongs to a process that was killed.
_ABANDONED = 3600

# What os.link raises where hard links do not exist or are not allowed.
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP}


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

    Until then it has a temporary name in the same directory; after an error nothing of it is left. Temporary files
    of killed processes are removed once they are an hour old. A new file gets the mode that the umask gives, a
    replaced one keeps its own. A symbolic link stays, and the file that it points to is replaced.

    Of several writers with `overwrite` False, exactly one succeeds.

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
            _sweep(path.parent, os.fstat(file.fileno()).st_mtime - _ABANDONED)
            yield file
            # A power cut must not leave a renamed file whose bytes never reached the disk.
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        _mode_to_keep(path, overwrite)
        if overwrite:
            os.replace(temporary, path)
        else:
            _place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _place(temporary: Path, path: Path) -> None:
    """Give a file its name, unless that name is taken: one step, so that no other writer comes in between."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _place_without_links(temporary, path)
    else:
        temporary.unlink()


def _place_without_links(temporary: Path, path: Path) -> None:
    """The same in two steps: an empty file reserves the name, and is then replaced."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        raise _exists(path) from None
    try:
        os.replace(temporary, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sweep(folder: Path, before: float) -> None:
    """Remove temporary files of killed processes: those of this user that were last written to before a time.

    The time is that of the folder's file system, whose clock may differ from this machine's. Nothing here fails the
    write that it precedes.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
                    if stat.S_ISREG(status.st_mode) and ours and status.st_mtime < before:
                        os.unlink(entry.path)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "File exists: overwrite=True replaces it", str(path))


def _mode_to_keep(path: Path, overwrite: bool) -> int | None:
    """Mode of the file that is to be replaced, None if there is none; raises if it must not be."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not overwrite:
        raise _exists(path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file, so it cannot be replaced", str(path))
    return stat.S_IMODE(mode)
