"""Polygons in tables: tiles with their corners in columns, footprints with a corner in each row, columns of STC-S.

A table is read in one of three ways, by its columns:

* a column of STC-S, such as ``s_region``: each row has the regions of its text;
* columns of corners, whose names differ by a number from 1 (or 0) on alone, such as ``ra1, dec1, ..., ra4, dec4`` or
  ``RAC1, DECC1, ...``: each row is a polygon;
* one column of longitudes and one of latitudes: each row is a corner. Rows of one value in a column such as ``POLY``
  are a polygon; without such a column all rows are one.

The columns of corners can also be given by patterns, ``columns=("corner{}_ra", "corner{}_dec")``.

A text file without a suffix of its own for tables (``.txt``, ``.dat``) has columns that are separated by spaces, tabs,
commas, semicolons or ``|``. The last comment or the first line may name the columns; without names, the first two are
the longitude and the latitude of a corner, and a third one the polygon. Empty lines separate polygons.

Angles are degrees unless the columns have units. Columns ``l``/``b``, ``glon``/``glat`` are Galactic and
``elon``/``elat`` ecliptic; others are in the frame that the reader is given, ICRS by default.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._files import tables
from hpmask._utils.arguments import masked
from hpmask._utils.words import brief, listed
from hpmask.regions import stcs
from hpmask.regions.format import RegionFormat, Source, TextRegion, shortened
from hpmask.regions.from_astropy import Unreadable
from hpmask.regions.items import Corners, check_frame
from hpmask.regions.numbers import NUMBER, number

__all__ = ["FORMAT"]

Floats = NDArray[np.float64]

# The endings of text files that have columns of numbers and do not say how.
_TEXT = (".txt", ".dat")
# The parts of names of columns that mean a longitude and a latitude, and their frames; None: that of the reader.
_PAIRS = (
    (("ra", "rac", "raj2000", "ra_icrs", "_ra", "ra_corner", "corner_ra", "lon", "alpha", "ra_deg", "rac_deg"), None),
    (("l", "glon", "gal_lon"), "galactic"),
    (("elon", "ecl_lon"), "barycentricmeanecliptic"),
)
_LATITUDES = {
    "ra": "dec", "rac": "decc", "raj2000": "dej2000", "ra_icrs": "de_icrs", "_ra": "_dec", "ra_corner": "dec_corner",
    "corner_ra": "corner_dec", "lon": "lat", "alpha": "delta", "ra_deg": "dec_deg", "rac_deg": "decc_deg",
    "l": "b", "glon": "glat", "gal_lon": "gal_lat", "elon": "elat", "ecl_lon": "ecl_lat",
}  # fmt: skip
_OTHER_LATITUDES = {"ra": ("de", "declination"), "rac": ("dec_c",), "lon": ("dec",)}
_GROUPS = ("poly", "polygon", "poly_id", "polygon_id", "region", "tile", "ring")
_STCS = ("s_region", "stcs", "stc_s", "stc-s", "footprint")
_SEPARATORS = re.compile(r"[\s,;|]+")
_NUMERIC = re.compile(NUMBER)


def _read(source: Source, region_frame: str | None = None, columns: Sequence[str] | None = None) -> list[TextRegion]:
    frame = None if region_frame is None else check_frame(region_frame)
    if columns is not None:
        columns = _checked_patterns(columns)
    name = "" if source.path is None else source.path.name.lower().removesuffix(".gz")
    if not name.endswith(tables.SUFFIXES):
        return _of_text(source, frame, columns)
    assert source.path is not None
    try:
        table, what = tables.load(
            source.path, noun="region", unsuitable=lambda table, what: _why_not(table.colnames, what, columns)
        )
    except ImportError as error:
        raise ValueError(f"{source.name} cannot be read: {brief(error)}") from error
    return _of_table(table, what, frame, columns)


def _checked_patterns(columns: Any) -> tuple[str, str]:
    pair = () if isinstance(columns, str) else tuple(columns)
    if len(pair) != 2 or not all(isinstance(one, str) and one.count("{}") == 1 for one in pair):
        raise ValueError(
            f"columns must be two names with {{}} for the number of the corner, such as ('ra{{}}', 'dec{{}}'), "
            f"got {columns!r}"
        )
    return pair[0], pair[1]


# ---------------------------------------------------------------------- the columns


def _corner_columns(names: Sequence[str], patterns: Sequence[str] | None) -> tuple[list[tuple[str, str]], str | None]:
    """The columns of the corners of a tile, at least 3 pairs or none, and the frame that their names mean."""
    lower = {name.lower(): name for name in names}
    candidates: list[tuple[str, str, str | None]] = []
    if patterns is not None:
        candidates = [(patterns[0].lower(), patterns[1].lower(), None)]
    else:
        for words, frame in _PAIRS:
            for lon in words:
                for lat in (_LATITUDES[lon], *_OTHER_LATITUDES.get(lon, ())):
                    candidates += [(f"{lon}{sign}{{}}", f"{lat}{sign}{{}}", frame) for sign in ("", "_")]
                    candidates.append((f"corner{{}}_{lon}", f"corner{{}}_{lat}", frame))
    for lon, lat, frame in candidates:
        # Names may be in any case: the patterns are in lower case.
        form = re.compile(re.escape(lon).replace(r"\{\}", r"(\d{1,4})"))
        numbers = sorted(int(match[1]) for name in lower if (match := form.fullmatch(name)))
        found = [
            (lower[lon.replace("{}", str(k))], lower[lat.replace("{}", str(k))])
            for k in numbers
            if lon.replace("{}", str(k)) in lower and lat.replace("{}", str(k)) in lower
        ]
        if len(found) >= 3 and len(found) == len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1:
            return found, frame
    return [], None


def _vertex_columns(names: Sequence[str]) -> tuple[str, str, str | None, str | None] | None:
    """Columns of the longitude, the latitude and the polygon of corners, and the frame; None if there are none."""
    lower = {name.lower(): name for name in names}
    for words, frame in _PAIRS:
        for lon in words:
            for lat in (_LATITUDES[lon], *_OTHER_LATITUDES.get(lon, ())):
                if lon in lower and lat in lower:
                    group = next((lower[word] for word in _GROUPS if word in lower), None)
                    return lower[lon], lower[lat], group, frame
    return None


def _why_not(names: Sequence[str], what: str, patterns: Sequence[str] | None) -> str | None:
    """Why a table holds no polygons, or None."""
    has_text = patterns is None and any(name.lower() in _STCS for name in names)
    if has_text or _corner_columns(names, patterns)[0] or (patterns is None and _vertex_columns(names) is not None):
        return None
    wanted = (
        f"{patterns[0]!r} and {patterns[1]!r}" if patterns else "'ra1', 'dec1' and so on, 'ra' and 'dec', or 's_region'"
    )
    return f"{what} has no columns of corners such as {wanted}: it has {listed(names)}"


def _of_table(table: Table, what: str, frame: str | None, patterns: Sequence[str] | None) -> list[TextRegion]:
    """The polygons of a table."""
    names = table.colnames
    if (why := _why_not(names, what, patterns)) is not None:
        raise ValueError(f"{why}. Give columns=")
    corners, named = _corner_columns(names, patterns)
    used = frame or named or "icrs"
    if corners:
        lon, lat = (
            np.stack([_degrees(table[pair[side]], pair[side], what) for pair in corners], axis=1) for side in (0, 1)
        )
        return _tiles(lon, lat, used, what)
    text = next((name for name in names if name.lower() in _STCS), None)
    if text is not None and patterns is None:
        return _of_texts(table[text], text, what, used)
    found = _vertex_columns(names)
    assert found is not None
    used = frame or found[3] or "icrs"
    lon, lat = (_degrees(table[name], name, what) for name in found[:2])
    group = np.zeros(len(table), dtype=np.int64) if found[2] is None else _groups(table[found[2]])
    return _outlines(lon, lat, group, np.arange(1, len(lon) + 1), used, what, "row")


def _degrees(column: Any, name: str, what: str) -> Floats:
    """The angles of a column; NaN where it has none."""
    unit = getattr(column, "unit", None)
    try:
        factor = 1.0 if unit is None or str(unit) == "" else float(u.Unit(unit).to(u.deg))
        values = np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)
    except (TypeError, ValueError, u.UnitConversionError) as error:
        raise ValueError(f"column {name!r} of {what} is not one of angles: {brief(error)}") from error
    if values.ndim != 1:
        raise ValueError(f"column {name!r} of {what} must have a number in each row, got shape {values.shape}")
    return np.asarray(values * factor)


def _groups(column: Any) -> NDArray[Any]:
    """The numbers of the polygons of rows, which begin a new one wherever the value of a column changes."""
    values = np.asarray(column)
    return np.cumsum(np.concatenate([[0], values[1:] != values[:-1]])) if len(values) else np.empty(0, np.int64)


def _tiles(lon: Floats, lat: Floats, frame: str, what: str) -> list[TextRegion]:
    """A polygon for each row; the corners that a row lacks stand at its end."""
    there = np.isfinite(lon) & np.isfinite(lat)
    counts = there.sum(axis=1)
    bad = (counts < 3) | (np.cumprod(there, axis=1).sum(axis=1) != counts) | (there & (np.abs(lat) > 90)).any(axis=1)
    both = np.stack([lon, lat], axis=2)

    def polygon(row: int, n: int) -> Corners | Unreadable:
        if not bad[row]:
            return Corners([both[row, :n]], frame=frame)
        got = f"{lon[row].tolist()[:8]}, {lat[row].tolist()[:8]}"
        return Unreadable(
            f"row {row + 1} of {what} has not the corners of a polygon, at least 3 with latitudes from -90 to 90 deg: "
            f"{got}"
        )

    return [TextRegion(polygon(row, n), row + 1, "row") for row, n in enumerate(counts.tolist())]


def _outlines(
    lon: Floats, lat: Floats, group: NDArray[Any], lines: NDArray[Any], frame: str, what: str, unit: str
) -> list[TextRegion]:
    """A polygon for each run of rows of one group."""
    bad = ~(np.isfinite(lon) & (np.abs(lat) <= 90))
    if bad.any():
        k = int(np.argmax(bad))
        raise ValueError(
            f"{unit} {lines[k]} of {what} is not a corner: a longitude and a latitude from -90 to 90 deg, "
            f"got {lon[k]} and {lat[k]}"
        )
    cuts = np.flatnonzero(group[1:] != group[:-1]) + 1
    both = np.stack([lon, lat], axis=1)
    found = []
    for start, ring in zip([0, *cuts.tolist()], np.split(both, cuts), strict=True):
        if 0 < len(ring) < 3:
            raise ValueError(f"the polygon from {unit} {lines[start]} of {what} on has fewer than 3 corners")
        if len(ring):
            found.append(TextRegion(Corners([ring], frame=frame), int(lines[start]), unit))
    return found


def _of_texts(column: Any, name: str, what: str, frame: str) -> list[TextRegion]:
    """The regions of texts in STC-S; rows without a text have none."""
    found = []
    gone = masked(column)
    for row, text in enumerate(np.asarray(column).tolist(), 1):
        text = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
        if gone[row - 1] or text is None or not str(text).strip():
            continue
        try:
            found += [TextRegion(region, row, "row") for region in stcs.regions_of(str(text), frame)]
        except ValueError as error:
            why = f"row {row} of {what}: column {name!r} cannot be read as STC-S: {shortened(str(text))}: {error}"
            found.append(TextRegion(Unreadable(why), row, "row"))
    return found


# ---------------------------------------------------------------------- texts


def _of_text(source: Source, frame: str | None, patterns: Sequence[str] | None) -> list[TextRegion]:
    """The polygons of a text in columns."""
    comment, names = "", None
    rows: list[list[str]] = []
    lines: list[int] = []
    group, groups = 0, []
    for at, line in enumerate(source.lines, 1):
        text = line.strip()
        if text.startswith("#"):
            comment = comment if rows else text
            continue
        if not text:
            group += 1
            continue
        words = _SEPARATORS.split(text.strip("|,; \t"))
        if not rows and names is None and not _NUMERIC.fullmatch(words[0]):
            names = words
            continue
        if rows and len(words) != len(rows[0]):
            raise source.error(at, "a table of corners", f"it has {len(words)} columns, not {len(rows[0])}")
        rows.append(words)
        lines.append(at)
        groups.append(group)
    if not rows:
        return []
    width = len(rows[0])
    if names is None:
        names = _SEPARATORS.split(comment.lstrip("#").strip("|,; \t"))
        if len(names) != width or _why_not(names, "", patterns) is not None:
            names = None
    if names is None and patterns is None and width in (2, 3):
        names = ["ra", "dec", "poly"][:width]
    if names is None or len(names) != width:
        raise ValueError(
            f"{source.name} cannot be read as a table of corners: its {width} columns need names, in the last "
            "comment or in the first line"
        )
    why = _why_not(names, source.name, patterns)
    if why is not None:
        raise ValueError(f"{why}. Give columns=")
    corners, named = _corner_columns(names, patterns)
    at_lines = np.array(lines)
    if corners:
        lon, lat = (
            np.stack([_numbers(source, rows, lines, names.index(pair[k])) for pair in corners], axis=1) for k in (0, 1)
        )
        return _tiles(lon, lat, frame or named or "icrs", source.name)
    found = _vertex_columns(names)
    if found is None:
        raise ValueError(f"{source.name}: a text with columns of STC-S must be a table such as .csv, .ecsv or .vot")
    lon, lat = (_numbers(source, rows, lines, names.index(name)) for name in found[:2])
    keys = np.array(groups)
    if found[2] is not None:
        keys = _groups(np.array([row[names.index(found[2])] for row in rows]))
    return _outlines(lon, lat, keys, at_lines, frame or found[3] or "icrs", source.name, "line")


def _numbers(source: Source, rows: list[list[str]], lines: list[int], column: int) -> Floats:
    values = np.empty(len(rows))
    for k, row in enumerate(rows):
        try:
            values[k] = number(row[column])
        except ValueError as error:
            raise source.error(lines[k], "a table of corners", error) from error
    return values


def _matches(source: Source) -> bool:
    """Whether a source is a table by its name, or its first lines are those of columns of corners."""
    if source.content.startswith(b"SIMPLE  ="):
        names = re.findall(rb"TTYPE\d{1,3} *= *'([^' ]{1,68}) *'", source.content)
        return _why_not([one.decode("latin-1") for one in names], "", None) is None
    name = "" if source.path is None else source.path.name.lower().removesuffix(".gz")
    if name.endswith(tables.SUFFIXES):
        return True
    numeric = 0
    for line in re.split(r"[\r\n]+", source.text[:50_000])[:1000]:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        words = _SEPARATORS.split(text.strip("|,; \t"))
        if not _NUMERIC.fullmatch(words[0]):
            if numeric or _why_not(words, "", None) is not None:
                return False
            continue
        numeric += 1
        if numeric == 3:
            return True
    return False


FORMAT = RegionFormat(
    name="table",
    description="Tables of polygons: corners in columns or in rows, or a column of STC-S.",
    suffixes=(*(one for one in tables.SUFFIXES if one not in (".fits", ".fit", ".fts")), *_TEXT),
    matches=_matches,
    read=_read,
    options=("region_frame", "columns"),
)
