"""The description of a region format, for the registry of `hpmask.regions.parse`."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hpmask._utils.words import brief

__all__ = ["RegionFormat", "Source", "TextRegion", "shortened"]


@dataclass(frozen=True, slots=True)
class TextRegion:
    """A region of a text or a file."""

    region: Any
    """A region of the `regions` package, or of `hpmask.regions.figures`, `from_astropy` or `items`."""
    line: int | None
    """The number of its line or row, from 1; None if the format has neither."""
    unit: str = "line"
    """What the number counts."""


class Source:
    """A text or a file that a format reads."""

    def __init__(self, content: bytes, name: str, path: Path | None = None) -> None:
        """`name`: what to call it in messages. `path`: of the file, if it is one."""
        self.content = content
        self.name = name
        self.path = path

    @classmethod
    def of_text(cls, text: str) -> Source:
        """A text that is not in a file."""
        self = cls(b"", "the text")
        self.text = text.removeprefix("\ufeff")
        return self

    @cached_property
    def text(self) -> str:
        """The content as text. Labels may be in any encoding; regions themselves are ASCII."""
        utf16 = self.content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return self.content.decode("utf-16" if utf16 else "utf-8", errors="replace").removeprefix("\ufeff")

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return re.split(r"\r\n|\r|\n", self.text)

    def error(self, number: int, language: str, why: object) -> ValueError:
        """The error for a line, by its number from 1."""
        where = f"line {number} of {self.name} cannot be read as {language}"
        return ValueError(f"{where}: {shortened(self.lines[number - 1])}: {brief(why)}")


@dataclass(frozen=True)
class RegionFormat:
    """A format of region files and texts: its name, and the functions that recognize and read it."""

    name: str
    """The name that users give as ``format=``."""
    description: str
    """What the format is, in one or two sentences."""
    suffixes: tuple[str, ...]
    """Endings of file names that mean this format, in lower case and without ``.gz``."""
    matches: Callable[[Source], bool]
    """Whether a source looks like this format."""
    read: Callable[..., list[TextRegion]]
    """``read(source, **options)``: all regions of a source. Raises a ValueError that names the line or the file."""
    options: tuple[str, ...] = ()
    """Names of the keyword options that `read` takes."""


def shortened(text: str) -> str:
    """The beginning of a text, in quotes, for messages."""
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")
