"""The digest by which histories name the files that masks were read from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO
from threading import Event

from hpmask._utils.parallel import thread_count

__all__ = ["digest_of", "digesting", "short_digest"]

# Hexadecimal digits in a history: files of one project do not share 48 bits by chance.
_DIGITS = 12

# Smaller files are hashed sooner than a thread starts.
_SMALL = 1 << 20

_PIECE = 1 << 20


def short_digest(content: bytes) -> str:
    """The first 12 hexadecimal digits of the SHA-256 digest, as ``sha256sum`` prints them."""
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def digest_of(path: str | os.PathLike[str]) -> str:
    """`short_digest` of the content of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


@contextmanager
def digesting(file: FileIO) -> Iterator[Callable[[], str | None]]:
    """Hash an open file while the block reads it.

    The block gets a function that returns the digits of `short_digest`, or None for a pipe. It may move the file, so
    that it must be the last to read it.
    """
    # Hashing 100 MB takes nearly as long as reading a MOC of that size. A second thread costs hardly any time.
    if not hasattr(os, "pread") or os.fstat(file.fileno()).st_size < _SMALL or thread_count(None) == 1:
        yield lambda: _hashed(file)
        return
    stopped = Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_hashed_aside, file.fileno(), stopped)
        try:
            yield future.result
        finally:
            # The file must stay open until the thread has left it.
            stopped.set()


def _hashed(file: FileIO) -> str | None:
    if not file.seekable():
        return None
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def _hashed_aside(descriptor: int, stopped: Event) -> str:
    """Hash a file without moving it."""
    state = hashlib.sha256()
    place = 0
    while not stopped.is_set() and (piece := os.pread(descriptor, _PIECE, place)):
        state.update(piece)
        place += len(piece)
    return state.hexdigest()[:_DIGITS]
