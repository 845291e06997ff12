"""Regions from ds9 and CRTF text and files.

The `regions` package reads them. It skips what it cannot read with a warning; here that is an error, for a
mask must not lose a region.
"""

from __future__ import annotations

import re
import warnings
from bisect import bisect_left
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["read"]

_SUFFIXES = (".reg", ".ds9", ".crtf", ".fits", ".fit", ".fts")
_CRTF = re.compile(r"\s*(#CRTF|[+-]?\s*(ann\s+)?[a-z]+\s*\[)", re.IGNORECASE)
# What the readers may leave out with a warning: looks and labels.
_HARMLESS = re.compile(r'^DS9 meta |^DS9 "(?!include)|duplicate metadata|^dashed lines|^facecolor')


def read(source: str | PathLike[str]) -> tuple[Sequence[Any], str]:
    """The regions of a text or a file.

    Parameters
    ----------
    source : str or path
        A ds9 or CRTF text, or the path of a ds9, CRTF or FITS region file.

    Returns
    -------
    regions : sequence of regions.Region
        At least one.
    name : str
        What to call the source in a message.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line cannot be read (it is named), or there is no region at all.

    Examples
    --------
    >>> from hpmask.region_text import read
    >>> regions, name = read("fk5; circle(83.63, 22.01, 30')")
    >>> len(regions), name
    (1, 'the text')
    """
    from astropy.utils.data import get_readable_fileobj
    from regions import Regions

    if isinstance(source, str) and not _is_path(source):
        name, text = "the text", source
    else:
        path = Path(source)
        name = repr(path.name)
        if not path.is_file():
            raise FileNotFoundError(f"there is no region file {str(path)!r}")
        with get_readable_fileobj(path, encoding="binary") as file:
            content = file.read()
        if content.startswith(b"SIMPLE  ="):
            return _strictly(lambda: Regions.read(str(path), format="fits")), name
        # Labels may be in any encoding; regions themselves are ASCII.
        text = content.decode("utf-8", errors="replace")
    regions = _parse(text, name)
    if not regions:
        raise ValueError(f"{name} holds no region: {_shortened(text)}")
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


def _parse(text: str, name: str) -> Sequence[Any]:
    """The regions of a text, all of them or an error that names the line."""
    from regions import Regions

    language = "crtf" if _CRTF.match(text) else "ds9"
    lines = text.splitlines()

    def attempt(n_lines: int) -> Sequence[Any] | Exception:
        """What the first lines hold, or why they cannot be read."""
        try:
            part = "\n".join(lines[:n_lines])
            return _strictly(lambda: Regions.parse(part, format=language))
        except Exception as error:  # the parsers raise nearly anything
            return error

    result = attempt(len(lines))
    if not isinstance(result, Exception):
        return result
    number = bisect_left(range(len(lines)), True, key=lambda n: isinstance(attempt(n), Exception))
    error = attempt(number)
    why = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    line = _shortened(lines[number - 1])
    raise ValueError(f"line {number} of {name} cannot be read as {language}: {line}: {why}") from result


def _strictly(reader: Callable[[], Sequence[Any]]) -> Sequence[Any]:
    """What `reader` gives; an error if it left out a region with nothing but a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regions = reader()
    for warning in caught:
        if not _HARMLESS.search(str(warning.message)):
            raise ValueError(str(warning.message))
    return regions


def _shortened(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")
