"""Files that are opened for reading: by path, by URL, or open already, gzipped or not."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hpmask._files.faults import naming
from hpmask._files.unpack import packed_size, unpacked
from hpmask._files.urls import as_place, copied_from_url, is_file, name_of_place, open_url
from hpmask._utils.errors import MaskFormatError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["START", "Opened", "Source", "opened", "to_end"]

_GZIP = b"\x1f\x8b"

START = 1 << 16
"""Bytes by which the format of a file is recognized: comments may come first."""

Source = str | os.PathLike[str] | IO[bytes]
"""A file to read: a path, a URL, or a file that is open in binary mode."""


@dataclass(frozen=True)
class Opened:
    """A file that is open for reading.

    Attributes
    ----------
    file : BufferedReader
        The content, unpacked if it is gzipped.
    name : str
        Name of the file, for histories and warnings.
    raw : FileIO, optional
        The file itself, if it is a file of this machine or a copy on it. None if only parts of it are fetched.
    """

    file: BufferedReader[Any]
    name: str
    raw: FileIO | None


@contextmanager
def opened(source: Source, *, partly: bool = False) -> Iterator[Opened]:
    """Open a file to read a mask from. An open file is read from its place to its end, and stays open.

    Whatever is wrong with the content becomes a `MaskFormatError` that begins with the path.

    Parameters
    ----------
    source : str, path or binary file
        The file.
    partly : bool, optional
        Whether only parts of the file are wanted: a file by URL is then not copied first.
    """
    shown = _name_of(source) if is_file(source) else os.fspath(source)  # type: ignore[arg-type]
    with naming(shown), ExitStack() as stack:
        name, raw = _name_and_raw(source, partly, stack)
        buffered: BufferedReader[Any] = stack.enter_context(BufferedReader(raw, START))
        local = raw if isinstance(raw, FileIO) else None
        try:
            # A gzipped file has to be read from its beginning: a local copy is as good.
            file: BufferedReader[Any] = buffered
            if buffered.peek(2)[:2] == _GZIP:
                if local is None:
                    local = stack.enter_context(_copied(buffered))
                    buffered = stack.enter_context(BufferedReader(local, START))
                file = unpacked(buffered)
            if not file.peek(1):
                raise MaskFormatError("the file is empty")
            yield Opened(file, name, local)
        except (ValueError, EOFError, RecursionError, zlib.error, gzip.BadGzipFile) as error:
            raise MaskFormatError(f"{shown}: {error}") from error


def _name_of(file: object) -> str:
    """The name of an open file, without its folder."""
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else "file"


def _name_and_raw(source: Source, partly: bool, stack: ExitStack) -> tuple[str, RawIOBase]:
    if is_file(source):
        name = _name_of(source)
        # As a whole, a file of any kind is copied: it may be a pipe, or begin in the middle of another.
        if not partly or not source.seekable() or source.tell():  # type: ignore[union-attr]
            return name, stack.enter_context(_copied(source))  # type: ignore[arg-type]
        return name, _Borrowed(source)  # type: ignore[arg-type]
    place = as_place(source)  # type: ignore[arg-type]
    if isinstance(place, Path):
        return place.name, stack.enter_context(FileIO(place))
    if partly:
        return name_of_place(place), _Borrowed(stack.enter_context(open_url(place)))
    return name_of_place(place), _raw(stack.enter_context(copied_from_url(place)))


@contextmanager
def _copied(file: IO[bytes]) -> Iterator[FileIO]:
    """A temporary copy of the rest of a file."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        yield _raw(copy)


def _raw(copy: IO[bytes]) -> FileIO:
    raw: FileIO = copy.raw  # type: ignore[attr-defined]
    raw.seek(0)
    return raw


class _Borrowed(RawIOBase):
    """A file of someone else, which closing leaves open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        content = self._file.read(len(view))
        view[: len(content)] = content
        return len(content)


def to_end(file: BufferedReader[Any]) -> None:
    """Read a gzipped file to its end, where the checksum of its content stands."""
    if packed_size(file) is not None:
        while file.read(1 << 20):
            pass
