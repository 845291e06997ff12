"""Renaming without replacing, and exchanging two names: one step each, where the system can do it.

Linux has them as flags of renameat2, and macOS as flags of renamex_np. Python has neither.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["exchanged", "renamed_to_new"]

# On Linux: RENAME_EXCHANGE, RENAME_NOREPLACE, AT_FDCWD. On macOS: RENAME_SWAP, RENAME_EXCL.
_EXCHANGE = 2
_NEW = {"linux": 1, "darwin": 4}
_CURRENT_FOLDER = -100

# The errors of systems and of file systems that cannot do it.
_UNABLE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def exchanged(one: Path, other: Path) -> bool:
    """Exchange two files or folders. Returns False if the system cannot do this in one step, and nothing is done.

    Raises
    ------
    OSError
        If it fails for another reason.
    """
    return _renamed(one, other, _EXCHANGE)


def renamed_to_new(path: Path, new: Path) -> bool:
    """Give a file or folder a name that none has. Returns False if the system cannot do this in one step.

    Raises
    ------
    FileExistsError
        If something has the name.
    OSError
        If it fails for another reason.
    """
    return _renamed(path, new, _NEW.get(sys.platform, 0))


def _renamed(path: Path, new: Path, flag: int) -> bool:
    rename = _function()
    if rename is None:
        return False
    if rename(os.fsencode(path), os.fsencode(new), flag) == 0:
        return True
    error = ctypes.get_errno()
    if error in _UNABLE:
        return False
    raise OSError(error, os.strerror(error), str(path), None, str(new))


@cache
def _function() -> Callable[[bytes, bytes, int], int] | None:
    """The function of the C library with two paths and flags, or None if it has none."""
    if sys.platform not in _NEW:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        found = getattr(library, "renamex_np", None)
        if found is not None:
            found.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
        return found
    function = getattr(library, "renameat2", None)
    if function is None:
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return lambda path, new, flag: int(function(_CURRENT_FOLDER, path, _CURRENT_FOLDER, new, flag))
