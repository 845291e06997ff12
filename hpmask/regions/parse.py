"""Regions from ds9 and CRTF texts and files.

Texts are read line by line, by the strict readers of hpmask. The reader of the `regions` package skips what it does not
understand, but a mask must not lose a region. Each region comes with its line.
"""

from __future__ import annotations

import codecs
import io
import lzma
import re
import zlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from astropy.utils.data import get_readable_fileobj

from hpmask.regions import crtf, ds9
from hpmask.regions.from_astropy import Unreadable

__all__ = ["TextRegion", "read"]

# A small packed file may be huge when it is unpacked.
_MOST_BYTES = 2**28
_SUFFIXES = (".reg", ".ds9", ".crtf", ".fits", ".fit", ".fts")
_CRTF = re.compile(r"\s*(#CRTF|[+-]?\s*(ann\s+)?[a-z]+\s*\[)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextRegion:
    """A region of a text."""

    region: Any
    """A region of the `regions` package, or one of those of `hpmask.regions.figures` and `from_astropy`."""
    line: int | None
    """The number of its line, from 1; None in a FITS file."""


def read(source: str | PathLike[str], *, invalid: Literal["raise", "skip"] = "raise") -> tuple[list[TextRegion], str]:
    """The regions of a text or a file.

    Parameters
    ----------
    source : str or path
        A ds9 or CRTF text, or the path of a ds9, CRTF or FITS region file.
    invalid : {"raise", "skip"}, optional
        Whether a part of a line that cannot be read raises an error, or becomes an `Unreadable`.

    Returns
    -------
    regions : list of TextRegion
        At least one that can be read.
    name : str
        The name of the source in messages.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line cannot be read (it is named) and `invalid` is "raise", or there is no region at all.

    Examples
    --------
    >>> from hpmask.regions.parse import read
    >>> regions, name = read("fk5; circle(83.63, 22.01, 30')")
    >>> len(regions), regions[0].line, name
    (1, 1, 'the text')
    """
    if isinstance(source, str) and not _is_path(source):
        name, text = "the text", source
    else:
        path = Path(source)
        name = repr(path.name)
        if not path.is_file():
            raise FileNotFoundError(f"there is no region file {str(path)!r}")
        try:
            with get_readable_fileobj(path, encoding="binary") as file:
                content = file.read(_MOST_BYTES + 1)
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise ValueError(f"{name} cannot be unpacked: {error}") from error
        if len(content) > _MOST_BYTES:
            raise ValueError(f"{name} has more than {_MOST_BYTES} bytes, too much for a region file")
        if content.startswith(b"SIMPLE  ="):
            from regions import Regions

            try:
                found = [TextRegion(region, None) for region in Regions.read(io.BytesIO(content), format="fits")]
            except Exception as error:  # the reader raises nearly anything for a damaged file
                raise ValueError(f"{name} cannot be read as a FITS region file: {error}") from error
            if not found:
                raise ValueError(f"{name} holds no region")
            return found, name
        # Labels may be in any encoding; regions themselves are ASCII.
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if utf16 else "utf-8", errors="replace")
    text = text.removeprefix("\ufeff")
    regions = _parse(text, name, invalid)
    if all(isinstance(one.region, Unreadable) for one in regions):
        raise ValueError(f"{name} holds no region{' that can be read' * bool(regions)}: {_shortened(text)}")
    return regions, name


def _is_path(text: str) -> bool:
    if "\n" in text:
        return False
    if text.lower().removesuffix(".gz").endswith(_SUFFIXES):
        return True
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a character that none can have
        return False


def _parse(text: str, name: str, invalid: Literal["raise", "skip"]) -> list[TextRegion]:
    """The regions of a text, all of them or an error that names the line."""
    reader = crtf.Reader() if _CRTF.match(text) else ds9.Reader()
    found = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        for region in reader.read_line(line):
            if isinstance(region, Unreadable):
                where = f"line {number} of {name} cannot be read as {reader.language}"
                region = Unreadable(f"{where}: {_shortened(line)}: {region.why}")
                if invalid == "raise":
                    raise ValueError(region.why)
            found.append(TextRegion(region, number))
    return found


def _shortened(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")
