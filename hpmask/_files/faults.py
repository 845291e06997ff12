"""Errors of the packages that read files: which of them say something about the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hpmask._utils.words import brief

__all__ = ["content_faults", "is_of_the_machine", "naming"]


def is_of_the_machine(error: BaseException) -> bool:
    """Whether an error says that the disk, the network or the memory failed: it stays what it is.

    Readers also raise OSError for content that is not valid, without an error number.
    """
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)


@contextmanager
def naming(path: Any) -> Iterator[None]:
    """Add the path of a file to errors of the disk that name none, such as those of reading."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def content_faults(start: str, message: Callable[[Exception], str] = brief) -> Iterator[None]:
    """Raise whatever a package raises for the content of a file as a ValueError: `start`, a colon and the message.

    Errors of the disk and the memory, and of a file that does not exist, stay what they are.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # pyarrow, astropy and the parsers of YAML and of tables raise nearly anything
        if is_of_the_machine(error):
            raise
        raise ValueError(f"{start}: {message(error)}") from error
