"""Atomic writing: at any moment a path holds the complete old file or the complete new one."""

from __future__ import annotations

import errno
import gzip
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from hpmask._utils.arguments import as_flag

__all__ = ["check_target", "created", "replacing"]

_TEMPORARY = re.compile(r"\.hpmask-[0-9a-f]{16}\.tmp")

# As small as with the default 9 to within a percent, and several times faster.
_GZIP_LEVEL = 6

# Age in seconds of the last write at which a temporary file must belong to a process that was killed.
_ABANDONED = 3600

# The errors of os.link where hard links do not exist or are not allowed.
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP}


def check_target(path: str | Path, *, overwrite: bool) -> Path:
    """`path` with links resolved, if a file may be written there. To be called before the work, not after it.

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

    Until then it has a temporary name in the same directory, and after an error it is removed. Temporary files of
    killed processes are removed once they are an hour old. A new file gets the mode given by the umask; a replaced
    file keeps its mode. A symbolic link stays, and the file that it points to is replaced.

    Of several writers with `overwrite` False, exactly one succeeds.

    Parameters
    ----------
    path : str or path
        Path of the file.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    binary file

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
            # After a power cut there must not be a renamed file whose bytes never reached the disk.
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
    """Give a file its name unless the name is taken, in one step, so that no other writer comes in between."""
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
    """As `_place`, in two steps: an empty file reserves the name and is then replaced."""
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
    """Remove the temporary files of killed processes: those of this user that were last written before a time.

    The time is that of the folder's file system, whose clock may differ from the clock of this machine. Errors are
    ignored, so that they do not fail the write that follows.
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
    """Mode of the file that is to be replaced, or None if there is no file. Raises if it must not be replaced."""
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


@contextmanager
def created(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Make a file, which is gzipped if its name ends in ``.gz``. It takes its place when it is complete."""
    with replacing(path, overwrite=overwrite) as file:
        if path.name.lower().endswith(".gz"):
            # Without a name and a time inside, equal content makes equal bytes.
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        else:
            yield file
