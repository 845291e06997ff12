"""New files that are written, whose errors name a path."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["new_file"]


@contextmanager
def new_file(path: str | Path, *, shown: str | os.PathLike[str] | None = None) -> Iterator[IO[bytes]]:
    """A file to write to, which must not be there yet, and is on the disk when the block ends without an error.

    After an error it is there as well, with a part of its content: it belongs into a folder of `replacing_folder`.

    Parameters
    ----------
    path : str or path
        Path of the file.
    shown : str or path, optional
        The path that errors name in its place.

    Yields
    ------
    binary file

    Raises
    ------
    OSError
        If the file cannot be made or written.
    """
    raw = _NewFile(path, path if shown is None else shown)
    file = io.BufferedWriter(raw)
    try:
        yield file
        file.flush()
        # After a power cut there must not be a renamed file whose bytes never reached the disk.
        raw.flush_to_disk()
    except BaseException:
        # What is still in the buffer need not be written, and must not raise another error.
        with suppress(OSError):
            raw.close()
        raise
    # Some file systems report here for the first time that the disk is full.
    file.close()


class _NewFile(io.RawIOBase):
    """A new file that is open for writing. Its errors name a path.

    It is not a `io.FileIO`, for which astropy lets the C library write arrays: numpy does not see when this fails.
    """

    def __init__(self, path: str | Path, shown: str | os.PathLike[str]) -> None:
        self._shown = os.fspath(shown)
        with self._naming():
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(path, flags, 0o666)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = self._shown
            raise

    def write(self, content: Buffer, /) -> int:
        with self._naming():
            return os.write(self._descriptor, content)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        with self._naming():
            return os.lseek(self._descriptor, offset, whence)

    def truncate(self, size: int | None = None, /) -> int:
        size = self.tell() if size is None else size
        with self._naming():
            os.ftruncate(self._descriptor, size)
        return size

    def flush_to_disk(self) -> None:
        with self._naming():
            os.fsync(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            super().close()
            with self._naming():
                os.close(self._descriptor)
