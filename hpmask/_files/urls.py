"""Files by URL, such as ``s3://bucket/mask.fits``, through fsspec."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.request import url2pathname

from hpmask._files.new_file import new_file

__all__ = [
    "Place",
    "as_place",
    "copied_from_url",
    "filesystem_of",
    "is_file",
    "is_url",
    "local_file",
    "name_of_place",
    "open_url",
    "written_to_url",
]

# A scheme has two letters at least: one letter is a drive of Windows. fsspec chains schemes by two colons.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+::)*[A-Za-z][A-Za-z0-9+.-]+://")

Place = str | Path
"""Where a file is: a path, or a string that is a URL."""


def is_file(source: object, does: str = "read") -> bool:
    """Whether a source (or a target, with ``does="write"``) is an open file.

    Raises
    ------
    TypeError
        If it is a file of text.
    """
    if isinstance(source, str | os.PathLike) or not hasattr(source, does):
        return False
    if isinstance(getattr(source, "encoding", None), str):
        raise TypeError(f"path must be a path, a URL or a file open in binary mode, got a file of text: {source!r}")
    return True


def is_url(place: object) -> bool:
    """Whether this is the URL of a file that is not a local path."""
    return isinstance(place, str) and _URL.match(place) is not None


def as_place(path: str | os.PathLike[str]) -> Place:
    """A path from the user: a URL stays a string, and ``file://`` and all other strings become paths."""
    text = os.fspath(path)
    if text.startswith("file://"):
        return Path(url2pathname(text.removeprefix("file://")))
    return text if is_url(text) else Path(text)


def name_of_place(place: Place) -> str:
    """The name of the file, without its folder."""
    return place.name if isinstance(place, Path) else re.split(r"[?#]", place)[0].rstrip("/").rpartition("/")[2]


def _fsspec() -> Any:
    try:
        import fsspec
    except ImportError as error:
        raise ImportError('a file by URL needs fsspec, which is not installed: pip install "hpmask[remote]"') from error
    return fsspec


def filesystem_of(url: str) -> tuple[Any, str]:
    """The file system of a URL, as fsspec has it, and the path in it.

    Raises
    ------
    ImportError
        As `open_url`.
    """
    with _connected(url):
        system, path = _fsspec().core.url_to_fs(url)
    return system, str(path)


@contextmanager
def _connected(url: str) -> Iterator[None]:
    """Raise the errors of fsspec and of the packages below it as errors that name the URL."""
    try:
        yield
    except FileNotFoundError as error:
        # HTTP servers that do not answer are reported like files that they do not have.
        if isinstance(error.__cause__, OSError | TimeoutError):
            raise _unreachable(url) from error
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url) from error
    except ImportError as error:
        missing = re.search(r"(?i:install) ['\"]?([\w-]+)", str(error))
        if missing is None:
            raise
        scheme = url.partition("://")[0]
        raise ImportError(f"{url}: {scheme}:// needs a package that is missing: pip install {missing[1]}") from error
    except ValueError as error:
        if not str(error).startswith("Protocol not known"):
            raise
        raise ValueError(f"{url}: there is no way to reach files by {url.partition('://')[0]}://") from error
    except (ConnectionError, TimeoutError) as error:
        raise _unreachable(url) from error
    except OSError as error:
        # aiohttp's errors of connections are such, without the name of a file.
        if type(error).__module__.startswith("aiohttp"):
            raise _unreachable(url) from error
        raise


def _unreachable(url: str) -> OSError:
    return OSError(errno.EHOSTUNREACH, "The server cannot be reached", url)


@contextmanager
def open_url(url: str) -> Iterator[IO[bytes]]:
    """Open the file at a URL for reading. What is read is fetched in blocks, where the server allows it.

    Raises
    ------
    ImportError
        If fsspec, or the package that it needs for this kind of URL, is not installed.
    FileNotFoundError
        If there is no such file.
    OSError
        If the server cannot be reached.
    ValueError
        If fsspec does not know this kind of URL.
    """
    with ExitStack() as stack:
        with _connected(url):
            file = stack.enter_context(_fsspec().open(url, "rb"))
        yield file


@contextmanager
def copied_from_url(url: str) -> Iterator[IO[bytes]]:
    """A temporary local copy of the file at a URL, open at its beginning."""
    with tempfile.TemporaryFile() as copy:
        with open_url(url) as file:
            shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        yield copy


@contextmanager
def local_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file as one of this machine: itself, or a temporary copy of the same name of the file at a URL.

    Raises
    ------
    ImportError, FileNotFoundError
        As `open_url`, for a URL.
    """
    place = as_place(path)
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, name_of_place(place) or "file")
        with open_url(place) as file, open(copy, "wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
        yield copy


@contextmanager
def written_to_url(url: str, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A temporary local file, which is sent to a URL when the block ends without an error.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    ImportError
        As `open_url`.
    """
    filesystem, path = filesystem_of(url)
    with _connected(url):
        exists = not overwrite and filesystem.exists(path)
    if exists:
        raise FileExistsError(errno.EEXIST, "File exists: overwrite=True replaces it", url)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder, "file")
        with new_file(local) as file:
            yield file
        # One call sends the whole file. Stores of objects show it when it is complete.
        with _connected(url):
            filesystem.put_file(str(local), path)
