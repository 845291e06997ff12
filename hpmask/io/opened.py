"""Files that are opened for reading, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from hpmask._files.unpack import packed_size, unpacked
from hpmask._utils.errors import MaskFormatError

__all__ = ["START", "opened", "to_end"]

_GZIP = b"\x1f\x8b"

START = 1 << 16
"""Bytes by which the format of a file is recognized: comments may come first."""


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[BufferedReader[Any], FileIO]]:
    """Open a file: its content, unpacked if it is gzipped, and the file itself.

    Whatever is wrong with the content becomes a `MaskFormatError` that begins with the path.
    """
    path = Path(path)
    if path.is_dir():
        raise MaskFormatError(f"{path}: this is a directory, not a mask file")
    with FileIO(path) as raw, BufferedReader(raw, START) as buffered:
        file = unpacked(buffered) if buffered.peek(2)[:2] == _GZIP else buffered
        try:
            if not file.peek(1):
                raise MaskFormatError("the file is empty")
            yield file, raw
        except (ValueError, EOFError, RecursionError, zlib.error, gzip.BadGzipFile) as error:
            raise MaskFormatError(f"{path}: {error}") from error


def to_end(file: BufferedReader[Any]) -> None:
    """Read a gzipped file to its end, where the checksum of its content stands."""
    if packed_size(file) is not None:
        while file.read(1 << 20):
            pass
