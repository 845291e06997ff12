"""Files that are replaced whole: the old one or the new one is there at any moment, never half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["check_target", "replacing"]


def check_target(path: str | Path, *, overwrite: bool) -> Path:
    """`path` as a Path that may be written, links followed.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    FileNotFoundError
        If its directory does not exist.
    IsADirectoryError
        If it is a directory.
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise IsADirectoryError(f"path is a directory: {target}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {target.parent} to write {target.name} in")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} is there already: overwrite=True replaces it")
    return target


@contextmanager
def replacing(path: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary path to write to; at the end it takes the place of `path` in one step.

    If anything fails, `path` stays as it was and the temporary file goes.
    """
    target = check_target(path, overwrite=overwrite)
    # In the same directory, or the last step would be a copy. Writers may look at how the name ends.
    temporary = target.with_name(f".{secrets.token_hex(6)}.{target.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        check_target(target, overwrite=overwrite)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
