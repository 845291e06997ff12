"""What a file format is to the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from hpmask.core.value import MaskValue

__all__ = ["Format"]


@dataclass(frozen=True)
class Format:
    """A file format: what it is called and how it is told, read and written."""

    name: str
    """The word for it in ``format=``."""

    description: str
    """What it is and which masks it holds."""

    suffixes: tuple[str, ...]
    """Ends of file names that mean it, in lower case and without ``.gz``."""

    matches: Callable[[bytes], bool]
    """Whether a file that begins with these bytes looks like it."""

    read: Callable[[IO[bytes], str], MaskValue]
    """The mask in a file; the name goes into its history. Raises a ValueError that says what is wrong."""

    write: Callable[[MaskValue, IO[bytes]], None]
    """Write a mask into a file. Raises a ValueError if the format cannot hold it."""
