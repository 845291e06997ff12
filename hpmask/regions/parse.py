"""Region texts and files: the registry of their formats, and the way to the right one.

`FORMATS` lists the formats, one module each. Texts are read line by line, by the strict readers of hpmask. The reader
of the `regions` package skips what it does not understand, but a mask must not lose a region. Each region comes with
its line.
"""

from __future__ import annotations

import io
import lzma
import re
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from astropy.utils.data import get_readable_fileobj

from hpmask._files.faults import content_faults, is_of_the_machine
from hpmask._files.fits_file import units_in
from hpmask._utils.words import brief
from hpmask.regions import crtf, ds9, geojson, mangle, stcs, tiles
from hpmask.regions.format import RegionFormat, Source, TextRegion, shortened
from hpmask.regions.from_astropy import Unreadable

__all__ = ["FORMATS", "TextRegion", "read"]

# The most bytes of a region file. One that begins as a packed file may hold this multiple of its size, plus a fixed
# number of bytes.
_MOST_BYTES = 2**28
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_RATIO, _ALLOWANCE = 100, 1 << 24
_CRTF = re.compile(r"\s*+(#CRTF|[+-]?+\s*+(ann\s++)?[a-z]++\s*+\[)", re.IGNORECASE)


def _by_lines(source: Source, reader: Any) -> list[TextRegion]:
    """The regions of a text, and an `Unreadable` for each part of it that cannot be read, which names the line."""
    found = []
    for number, line in enumerate(source.lines, 1):
        for region in reader.read_line(line):
            if isinstance(region, Unreadable):
                region = Unreadable(str(source.error(number, reader.language, region.why)))
            found.append(TextRegion(region, number))
    return found


def _read_fits(source: Source) -> list[TextRegion]:
    from regions import Regions

    with content_faults(f"{source.name} cannot be read as a FITS region file"):
        # astropy makes a list of as many axes as a header claims: the headers are checked before.
        for _ in units_in(io.BufferedReader(io.BytesIO(source.content))):
            pass
        return [TextRegion(region, None) for region in Regions.read(io.BytesIO(source.content), format="fits")]


# The first that matches reads a source; the last one matches any.
_FORMATS = (
    RegionFormat(
        name="fits",
        description="FITS region files: a table with columns SHAPE, X, Y, R and ROTANG.",
        suffixes=(".fits", ".fit", ".fts"),
        matches=lambda source: source.content.startswith(b"SIMPLE  =") and not tiles.FORMAT.matches(source),
        read=_read_fits,
    ),
    RegionFormat(
        name="crtf",
        description="Region files of CASA and CARTA.",
        suffixes=(".crtf",),
        matches=lambda source: _CRTF.match(source.text) is not None,
        read=lambda source: _by_lines(source, crtf.Reader()),
    ),
    geojson.FORMAT,
    mangle.FORMAT,
    stcs.FORMAT,
    tiles.FORMAT,
    RegionFormat(
        name="ds9",
        description="Region files of ds9.",
        suffixes=(".reg", ".ds9"),
        matches=lambda source: True,
        read=lambda source: _by_lines(source, ds9.Reader()),
    ),
)

FORMATS: Mapping[str, RegionFormat] = MappingProxyType({one.name: one for one in _FORMATS})
"""The known formats by name."""


def read(
    source: str | PathLike[str],
    *,
    invalid: Literal["raise", "skip"] = "raise",
    format: str | None = None,
    **options: Any,
) -> tuple[list[TextRegion], str]:
    """The regions of a text or a file.

    Parameters
    ----------
    source : str or path
        A text in one of the formats, or the path of such a file, which may be packed.
    invalid : {"raise", "skip"}, optional
        Whether a part of a ds9, CRTF or STC-S text that cannot be read, or such a row of a table of tiles, raises an
        error or becomes an `Unreadable`. In the other formats it is an error.
    format : str, optional
        Name of the format. By default the content decides and, for a text that no format knows, the suffix.
    **options
        Options of the format; those that are None count as not given.

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
        If a line cannot be read (it is named), there is no region at all, or the format has not such an option.

    Examples
    --------
    >>> from hpmask.regions.parse import read
    >>> regions, name = read("fk5; circle(83.63, 22.01, 30')")
    >>> len(regions), regions[0].line, name
    (1, 1, 'the text')
    """
    if format is not None and format not in FORMATS:
        raise ValueError(f"format must be {' or '.join(map(repr, FORMATS))}, got {format!r}")
    is_text = isinstance(source, str) and not _is_path(source)
    opened = Source.of_text(str(source)) if is_text else _opened(Path(source))
    chosen = _recognized(opened) if format is None else FORMATS[format]
    given = {name: value for name, value in options.items() if value is not None}
    if others := sorted(set(given) - set(chosen.options)):
        raise ValueError(f"{others[0]}= is not an option of the region format {chosen.name!r} of {opened.name}")
    regions = chosen.read(opened, **given)
    unreadable = [one.region for one in regions if isinstance(one.region, Unreadable)]
    if unreadable and invalid == "raise":
        raise ValueError(f"{unreadable[0].why}. With invalid='skip' such lines are left out")
    if len(unreadable) == len(regions):
        raise ValueError(
            f"{opened.name} holds no region{' that can be read' * bool(regions)}: {shortened(opened.text)}"
        )
    return regions, opened.name


def _opened(path: Path) -> Source:
    name = repr(path.name)
    if not path.is_file():
        raise FileNotFoundError(f"there is no region file {str(path)!r}")
    try:
        # A file that astropy opened itself stays open if it is damaged.
        with open(path, "rb") as raw:
            most = _MOST_BYTES
            if raw.peek(6).startswith(_PACKED):
                most = min(most, _RATIO * path.stat().st_size + _ALLOWANCE)
            with get_readable_fileobj(raw, encoding="binary") as file:
                content = file.read(most + 1)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        # Those who unpack raise an OSError too.
        if is_of_the_machine(error):
            raise
        raise ValueError(f"{name} cannot be unpacked: {brief(error)}") from error
    if len(content) > most:
        raise ValueError(f"{name} has more than {most} bytes, too much for a region file")
    return Source(content, name, path)


def _recognized(source: Source) -> RegionFormat:
    """The format of a source by its content or, if only the last one matches, by its name."""
    found = next(one for one in _FORMATS if one.matches(source))
    if found is not _FORMATS[-1] or source.path is None:
        return found
    name = source.path.name.lower().removesuffix(".gz")
    return next((one for one in _FORMATS if name.endswith(one.suffixes)), found)


_SUFFIXES = tuple(suffix for one in _FORMATS for suffix in one.suffixes)


def _is_path(text: str) -> bool:
    if "\n" in text:
        return False
    if text.lower().removesuffix(".gz").endswith(_SUFFIXES):
        return True
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a character that none can have
        return False
