"""Gzipped files, read in pieces and up to a bound.

A few kilobytes can unpack to gigabytes. The content of a mask cannot: its cells differ from each other, and the
readers check them piece by piece. Many small tables, whose headers are alike, pack about 100 times. The bound is for
what is not checked, such as other data in the same file.
"""

from __future__ import annotations

import gzip
import io
import os
from typing import IO, TYPE_CHECKING

from hpmask._utils.errors import MaskFormatError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["unpacked"]

# A file may unpack to this many times its size, and a fixed number of bytes more.
_RATIO = 400
_ALLOWANCE = 1 << 24

_BUFFER = 1 << 16


def unpacked(file: IO[bytes], ratio: int = _RATIO, allowance: int | None = None) -> io.BufferedReader:
    """The content of a gzipped file. It can be read and peeked into, but not be sought in.

    Raises
    ------
    MaskFormatError
        On reading more than `ratio` times the size of the file and `allowance` bytes, by default 16 MiB.
    """
    return io.BufferedReader(_Unpacked(file, ratio, _ALLOWANCE if allowance is None else allowance), _BUFFER)


class _Unpacked(io.RawIOBase):
    def __init__(self, file: IO[bytes], ratio: int, allowance: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)
        self._size = os.fstat(file.fileno()).st_size
        self._most = self._left = ratio * self._size + allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        # Of a bytearray, which `read` of all of it gives, a slice would be a copy.
        view = memoryview(buffer)
        # A piece is filled as far as it goes: a peek must not end with one of many gzip members.
        count = 0
        while count < len(view) and (got := self._gzip.readinto(view[count:])):
            count += got
        self._left -= count
        if self._left < 0:
            raise MaskFormatError(
                f"its {self._size} bytes unpack to more than {self._most}, which is more than such a file does: "
                "unpack it first, if it is right"
            )
        return count
