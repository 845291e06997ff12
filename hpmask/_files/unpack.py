"""Gzipped files, read in pieces and up to a bound.

A few kilobytes can unpack to gigabytes. The cells of a mask cannot, because they differ from each other and the readers
check them piece by piece. Many small tables with similar headers compress about 100 times. The bound is for data that
is not checked, such as other HDUs in the same file.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import shutil
import tempfile
from typing import IO, TYPE_CHECKING

from hpmask._utils.errors import MaskFormatError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["packed_size", "spooled", "unbounded", "unpacked"]

# A file may unpack to this multiple of its size, plus a fixed number of bytes.
_RATIO = 400
_ALLOWANCE = 1 << 24

_BUFFER = 1 << 16


def unpacked(file: IO[bytes], ratio: int = _RATIO, allowance: int | None = None) -> io.BufferedReader:
    """The content of a gzipped file, which can be read and peeked into, but cannot be seeked.

    Raises
    ------
    MaskFormatError
        While reading, when the content exceeds `ratio` times the size of the file plus `allowance` bytes (by default
        16 MiB).
    """
    return io.BufferedReader(_Unpacked(file, ratio, _ALLOWANCE if allowance is None else allowance), _BUFFER)


def packed_size(file: IO[bytes]) -> int | None:
    """Size of the compressed file below a file of `unpacked`, or None for another file."""
    raw = getattr(file, "raw", None)
    return raw.packed_size if isinstance(raw, _Unpacked) else None


def unbounded(file: IO[bytes]) -> None:
    """Lift the bound of a file of `unpacked`, for a reader that bounds the memory that it takes."""
    raw = getattr(file, "raw", None)
    if isinstance(raw, _Unpacked):
        raw.lift()


def spooled(file: IO[bytes]) -> IO[bytes]:
    """The rest of a file as a temporary file, which can be seeked. It is deleted when it is closed or forgotten."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115  the caller reads it
    shutil.copyfileobj(file, copy, 1 << 20)
    copy.seek(0)
    return copy


class _Unpacked(io.RawIOBase):
    def __init__(self, file: IO[bytes], ratio: int, allowance: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)
        self.packed_size = os.fstat(file.fileno()).st_size
        self._most: float = ratio * self.packed_size + allowance
        self._left: float = self._most

    def lift(self) -> None:
        self._most = self._left = math.inf

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        # `read` may give a bytearray, of which a slice would be a copy.
        view = memoryview(buffer)
        # The buffer is filled as far as possible: a peek must not end with the first of many gzip members.
        count = 0
        while count < len(view) and (got := self._gzip.readinto(view[count:])):
            count += got
        self._left -= count
        if self._left < 0:
            raise MaskFormatError(
                f"its {self.packed_size} bytes unpack to more than {self._most} bytes, more than expected of such a "
                "file: unpack it first, if it is valid"
            )
        return count
