"""Atomic writing: at any moment a path holds the complete old file or the complete new one.

Errors name the path that the user gave, and not the temporary one, which is gone by then.
"""

from __future__ import annotations

import errno
import gzip
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from hpmask._files.faults import naming
from hpmask._files.new_file import new_file
from hpmask._files.renaming import exchanged, renamed_to_new
from hpmask._files.urls import as_place, is_file, name_of_place, written_to_url
from hpmask._utils.arguments import as_flag

__all__ = [
    "check_folder_target",
    "check_target",
    "created",
    "place_folder",
    "replacing",
    "replacing_folder",
]

_TEMPORARY = re.compile(r"\.hpmask-[0-9a-f]{16}\.tmp")

# As small as with the default 9 to within a percent, and several times faster.
_GZIP_LEVEL = 6

# Age in seconds of the last write at which a temporary file must belong to a process that was killed.
_ABANDONED = 3600

# The errors of os.link where hard links do not exist or are not allowed.
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP}

# The errors of os.fsync where a directory cannot be flushed.
_NO_FLUSH = {errno.EINVAL, errno.EBADF, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENOSYS, errno.ENOTSUP}


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
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
def replacing(path: str | Path, *, overwrite: bool, durable: bool = True) -> Iterator[IO[bytes]]:
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
    durable : bool, optional
        Whether the new file has its name on the disk when this function returns. Otherwise a power cut may bring the
        old file back, which is as complete.

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
    temporary = path.with_name(_temporary_name())
    try:
        with _naming(temporary, path):
            with new_file(temporary, shown=path) as file:
                status = os.stat(temporary)
                _sweep(path.parent, status.st_mtime - _ABANDONED)
                yield file
            if mode is not None:
                os.chmod(temporary, mode)
            _mode_to_keep(path, overwrite)
            _place(temporary, path, status, overwrite=overwrite)
    except BaseException:
        # An error of this must not hide the first one. What stays is removed in an hour.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if durable:
        _flush_names(path.parent)


def _temporary_name() -> str:
    return f".hpmask-{secrets.token_hex(8)}.tmp"


@contextmanager
def _naming(temporary: Path, path: Path) -> Iterator[None]:
    """In errors, replace a temporary path, and those of files below it, by the path that the user gave."""
    try:
        yield
    except OSError as error:
        name, start = error.filename, os.fspath(temporary)
        if isinstance(name, str | os.PathLike):
            name = os.fspath(name)
            if isinstance(name, str) and (name == start or name.startswith(start + os.sep)):
                error.filename = os.fspath(path) + name.removeprefix(start)
        if error.filename2 is not None:
            # The other name of a renaming is a temporary one, or the same. None would be shown as a name.
            del error.filename2
        raise


def _place(temporary: Path, path: Path, status: os.stat_result, *, overwrite: bool) -> None:
    """Give a file its name, in one step, so that no other writer comes in between."""
    try:
        if overwrite:
            os.replace(temporary, path)
            return
        os.link(temporary, path)
    except OSError as error:
        # A file server that does something, and does not hear that its answer has arrived, does it again and fails.
        if not _is_at(path, status):
            if isinstance(error, FileExistsError):
                raise _exists(path) from None
            if overwrite or error.errno not in _NO_LINKS:
                raise
            _place_without_links(temporary, path)
            return
    # The file has its name. That it has another one as well is no failure of the write.
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def _is_at(path: Path, status: os.stat_result) -> bool:
    """Whether a path leads to the file or folder with this status."""
    try:
        return status.st_ino != 0 and os.path.samestat(os.stat(path), status)
    except OSError:
        return False


def _place_without_links(temporary: Path, path: Path) -> None:
    """Give a file its name, if no other one has it, where there are no hard links."""
    try:
        if renamed_to_new(temporary, path):
            return
        # In two steps: an empty file reserves the name and is then replaced.
        reserved = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        raise _exists(path) from None
    try:
        os.close(reserved)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _flush_names(folder: Path) -> None:
    """Flush the names in a folder to the disk, if the system can do this.

    Raises
    ------
    OSError
        If the disk fails.
    """
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        # One may write in a folder that one may not read.
        return
    with naming(folder):
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NO_FLUSH:
                raise
        finally:
            os.close(descriptor)


def _sweep(folder: Path, before: float) -> None:
    """Remove the temporary files and folders of killed processes: those of this user, last written before a time.

    The time is that of the folder's file system, whose clock may differ from the clock of this machine. Errors are
    ignored, so that they do not fail the write that follows.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
                    if not ours or status.st_mtime >= before:
                        continue
                    if stat.S_ISREG(status.st_mode):
                        os.unlink(entry.path)
                    elif stat.S_ISDIR(status.st_mode) and not _written_since(Path(entry.path), before):
                        # Its writer may only sleep: under another name it cannot take its place with files missing.
                        doomed = folder / _temporary_name()
                        os.rename(entry.path, doomed)
                        _remove(doomed)


def _remove(folder: Path) -> None:
    """Remove a folder, as far as this is possible."""
    # rmtree raises what closing a folder raises.
    with suppress(OSError):
        shutil.rmtree(folder, ignore_errors=True)


def _written_since(folder: Path, time: float) -> bool:
    """Whether anything in a folder was written at this time or later."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_mtime >= time:
                return True
            if entry.is_dir(follow_symlinks=False) and _written_since(Path(entry.path), time):
                return True
    return False


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
def created(target: str | os.PathLike[str] | IO[bytes], *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Make a file, which is gzipped if its name ends in ``.gz``. It takes its place when it is complete.

    Parameters
    ----------
    target : str, path or binary file
        A path or a URL; or a file that is open for writing, which gets the content when it is complete.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    binary file
    """
    with _whole(target, overwrite=as_flag(overwrite, "overwrite")) as (file, name):
        if name.lower().endswith(".gz"):
            # Without a name and a time inside, equal content makes equal bytes.
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        else:
            yield file


@contextmanager
def _whole(target: Any, *, overwrite: bool) -> Iterator[tuple[IO[bytes], str]]:
    """A file to write to, whose content reaches the target as a whole, and the name of the target."""
    if is_file(target, "write"):
        with tempfile.TemporaryFile() as file:
            yield file, ""
            file.seek(0)
            shutil.copyfileobj(file, target, 1 << 20)
        return
    place = as_place(target)
    name = name_of_place(place)
    with (
        replacing(place, overwrite=overwrite)
        if isinstance(place, Path)
        else written_to_url(place, overwrite=overwrite) as file
    ):
        yield file, name


Obstacle = Callable[[Path], str | None]
"""Why a folder with files must not be replaced, in the words of an error such as "Not a mask"; None if it may be."""


def check_folder_target(path: str | os.PathLike[str], *, overwrite: bool, obstacle: Obstacle) -> Path:
    """`path` with links resolved, if a folder may be written there. To be called before the work, not after it.

    A folder that is empty may be replaced, and one with files if `obstacle` knows that they are what is replaced.

    Raises
    ------
    FileExistsError
        If `path` exists, and `overwrite` is False or the folder has other files.
    FileNotFoundError
        If there is no such directory to write in.
    NotADirectoryError
        If `path` is a file.
    """
    overwrite = as_flag(overwrite, "overwrite")
    target = Path(os.path.realpath(path))
    if target.exists():
        if not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory, so a directory cannot replace it", str(target))
        if not overwrite:
            raise _exists(target)
        # Another process may replace the folder while it is looked at, which then seems to lack files.
        looked_at = None
        while (words := _obstacle_at(target, obstacle)) is not None and looked_at != (here := _identity(target)):
            looked_at = here
        if words is not None:
            raise FileExistsError(errno.EEXIST, f"{words}, so it is not replaced", str(target))
    elif not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {target.parent} to write {target.name} in")
    return target


def _obstacle_at(target: Path, obstacle: Obstacle) -> str | None:
    """Why a folder must not be replaced; None if it may be, or is there no more."""
    try:
        with os.scandir(target) as entries:
            if next(entries, None) is None:
                return None
    except FileNotFoundError:
        return None
    return obstacle(target)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a folder from another one that gets its name; None if there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def replacing_folder(path: str | os.PathLike[str], *, overwrite: bool, obstacle: Obstacle) -> Iterator[Path]:
    """A folder to write files in, which takes its place at `path` when the block ends without an error.

    Until then it has a temporary name beside `path`, and after an error it is removed.

    Parameters
    ----------
    path : str or path
        Path of the folder.
    overwrite : bool
        Whether a folder that exists may be replaced.
    obstacle : callable
        ``obstacle(folder) -> str or None``: why a folder with files must not be replaced, as the beginning of an error
        such as "Not a mask"; None if it may be.

    Yields
    ------
    pathlib.Path
        The folder with the temporary name.

    Raises
    ------
    FileExistsError
        If `path` exists, and `overwrite` is False or the folder has other files.
    FileNotFoundError
        If there is no such directory to write in.
    NotADirectoryError
        If `path` is a file.
    """
    target = check_folder_target(path, overwrite=overwrite, obstacle=obstacle)
    temporary = target.with_name(_temporary_name())
    try:
        with _naming(temporary, target):
            temporary.mkdir()
            _sweep(target.parent, os.stat(temporary).st_mtime - _ABANDONED)
            yield temporary
            replaces = overwrite and check_folder_target(target, overwrite=True, obstacle=obstacle).exists()
            aside = target.with_name(f".hpmask-{secrets.token_hex(8)}.old") if replaces else None
            place_folder(temporary, target, aside=aside)
    finally:
        _remove(temporary)


def place_folder(folder: Path, target: Path, *, aside: Path | None) -> None:
    """Give a complete folder its name, which is on the same file system.

    Where the system can exchange two folders, a folder is replaced in one step. Elsewhere there is none for a moment,
    and never a mixture of both.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    target : pathlib.Path
        The name.
    aside : pathlib.Path or None
        Where the folder goes that has the name until then, before it is removed; None if none may have it. A process
        that is killed in the moment without a folder leaves it there.

    Raises
    ------
    FileExistsError
        If a folder has the name in the meantime.
    OSError
        If the folder cannot be moved. The one that had the name has it again.
    """
    for parent, _, _ in os.walk(folder, topdown=False):
        _flush_names(Path(parent))
    if aside is None:
        _rename_to_new(folder, target)
    elif exchanged(folder, target):
        _remove(folder)
    else:
        _replace_in_steps(folder, target, aside)
    _flush_names(target.parent)


def _rename_to_new(folder: Path, target: Path) -> None:
    """Give a folder a name that none has."""
    status = os.stat(folder)
    try:
        if not renamed_to_new(folder, target):
            os.rename(folder, target)
    except OSError as error:
        # See `_place`.
        if not _is_at(target, status):
            raise _exists(target) if target.exists() else error from None


def _replace_in_steps(folder: Path, target: Path, aside: Path) -> None:
    """Give a folder the name of another one, which goes aside and is removed."""
    old, new = os.stat(target), os.stat(folder)
    try:
        os.rename(target, aside)
        os.rename(folder, target)
    except BaseException:
        if not _is_at(target, new):
            if _is_at(aside, old):
                os.rename(aside, target)
            raise
    # Until here it was complete, and kept whatever happens. From here on, a killed process may leave a part of it.
    doomed = aside.with_name(_temporary_name())
    with suppress(OSError):
        os.rename(aside, doomed)
    # Also where a file server has renamed it, and says that it has not.
    _remove(doomed)
