"""The folders that a recipe may read from: its own, and those that the user allows.

A recipe may come from somebody else, and the mask and the messages about it show what its files hold. It reads no file
that is elsewhere, also not by a link, and nothing from the network.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from hpmask._files.urls import is_url

__all__ = ["Folders", "is_below"]

# The errors of a path that leads nowhere.
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP}


def is_below(path: Path, folder: Path) -> bool:
    """Whether a path is that of a folder or of something in it, when all links are followed."""
    # Unlike Path.resolve, realpath has no error for links that lead to each other.
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


class Folders:
    """The folder of a recipe, and more folders whose files it may read.

    Parameters
    ----------
    own : `~pathlib.Path`
        The folder that paths are relative to.
    more : iterable of str or path
        Other folders.
    """

    def __init__(self, own: Path, more: Iterable[str | os.PathLike[str]] = ()) -> None:
        if isinstance(more, str | os.PathLike):
            raise TypeError(f"folders must be a list of folders, got {os.fspath(more)!r}: write [{os.fspath(more)!r}]")
        self._own = own
        self._all = [own, *(Path(folder).expanduser() for folder in more)]
        for folder in self._all[1:]:
            if not folder.is_dir():
                raise ValueError(f"folders must be folders that exist, got {str(folder)!r}")

    def existing(self, name: str) -> Path:
        """The path of a file, or of a folder of files, that a recipe names.

        Raises
        ------
        ValueError
            If there is none, or if it is not in one of the folders.
        """
        if is_url(name) or name.startswith("file:"):
            raise ValueError(
                f"{name!r} is a URL, and a recipe reads files of this machine only: give the path of a copy"
            )
        if "\0" in name:
            raise ValueError(f"a path has no NUL characters, got {name!r}")
        path = self._own / os.path.expanduser(name)
        self._check(path)
        # The methods of Path hide some errors or all of them, which depends on the version of Python.
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise ValueError(f"the file {path} cannot be read: {error.strerror}") from None
            mode = 0
        is_folder = stat.S_ISDIR(mode)
        if not (is_folder or stat.S_ISREG(mode)):
            # A pipe or a device may have no end.
            what = "is not a regular file" if os.path.lexists(path) else "does not exist"
            raise ValueError(f"the file {path} {what}")
        if is_folder:
            for link in _links(path):
                self._check(link)
        return path

    def _check(self, path: Path) -> None:
        if any(is_below(path, folder) for folder in self._all):
            return
        real = os.path.realpath(path)
        by_link = "" if os.path.abspath(path) == real else f" leads to {real}, which"
        raise ValueError(
            f"{path}{by_link} is not in the folder of the recipe, and a recipe reads files below its own folder only: "
            f"give folders=[{os.path.dirname(real)!r}] to allow this"
        )


def _links(folder: Path) -> Iterator[Path]:
    """The links in a folder and below it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield Path(entry.path)
            elif entry.is_dir():
                yield from _links(Path(entry.path))
