"""Columns of positions in a table, with their frame and unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._utils.words import brief, listed
from hpmask.catalog.frames import EQUATORIAL, frame_of
from hpmask.geometry.frames import own_angles

__all__ = ["NoPositionError", "Position", "find_position", "is_usual", "numbers"]

# Usual names of longitude and latitude, in the order of preference.
_EQUATORIAL = (
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("ra_j2000", "dec_j2000"),
    ("ra_icrs", "de_icrs"),
    ("ra_icrs", "dec_icrs"),
    ("raicrs", "deicrs"),
    ("ra", "dec"),
    ("ra", "de"),
    ("ra_deg", "dec_deg"),
    ("radeg", "dedeg"),
    ("radeg", "decdeg"),
    ("right_ascension", "declination"),
    ("_raj2000", "_dej2000"),
    ("_ra_icrs", "_de_icrs"),
    ("_ra.icrs", "_de.icrs"),
    ("_ra", "_de"),
    ("ra2000", "dec2000"),
    ("ra2000", "de2000"),
    ("ra_epoch2000", "dec_epoch2000"),
    ("alpha_j2000", "delta_j2000"),
    ("alphawin_j2000", "deltawin_j2000"),
    ("ramean", "decmean"),
    ("rab1950", "deb1950"),
    ("_rab1950", "_deb1950"),
)
_GALACTIC = (("glon", "glat"), ("_glon", "_glat"), ("gal_lon", "gal_lat"), ("l", "b"))
_ECLIPTIC = (("elon", "elat"), ("ecl_lon", "ecl_lat"))
_OF_NO_FRAME = (("lon", "lat"), ("longitude", "latitude"))

_USUAL = frozenset(
    name for pairs in (_EQUATORIAL, _GALACTIC, _ECLIPTIC, _OF_NO_FRAME) for pair in pairs for name in pair
)

_EQUATORIAL_UCDS = ("pos.eq.ra", "pos.eq.dec")
_GALACTIC_UCDS = ("pos.galactic.lon", "pos.galactic.lat")


class NoPositionError(ValueError):
    """A table has no columns of positions, or not the columns that were named."""


@dataclass(frozen=True, slots=True)
class Position:
    """Columns of positions and their frame.

    Attributes
    ----------
    names : tuple of str
        The columns of longitude and latitude, or one of SkyCoord.
    frame : str or frame
        The `frame` for SkyCoord; None if it is not known.
    """

    names: tuple[str, ...]
    frame: Any

    def degrees(self, table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes in degrees, each of shape (n,), NaN where they are missing."""
        if len(self.names) == 1:
            lon, lat = own_angles(table[self.names[0]])
            return numbers(lon.to(u.deg), self.names[0]), numbers(lat.to(u.deg), self.names[0])
        lon, lat = self.names
        return _degrees(table[lon], lon, is_lon=True), _degrees(table[lat], lat, is_lon=False)


def find_position(table: Table, lon: str | None, lat: str | None, catalog_frame: str | None, source: str) -> Position:
    """The columns of the positions of a table.

    If they are not named, the first of these is taken:

    1. the column of SkyCoord, if there is just one;
    2. the columns with the UCDs ``pos.eq.ra;meta.main`` and ``pos.eq.dec;meta.main``;
    3. columns of a usual name, in upper or lower case: equatorial (RAJ2000 and DEJ2000, RA_ICRS and DE_ICRS,
       RA and DEC, RAdeg and DEdeg, _RAJ2000 and _DEJ2000, ALPHA_J2000 and DELTA_J2000 and others, in this
       order), then Galactic (GLON and GLAT, l and b), then ecliptic (ELON and ELAT);
    4. columns with the UCDs of other equatorial, then of Galactic positions.

    Columns in a unit that is not an angle, and text without a unit, are skipped if there are others.
    Numbers without a unit are degrees. `hpmask.catalog.frames.frame_of` says how the frame is found. A name that
    says J2000 is taken for ICRS, which differs from FK5 of J2000 by less than 0.03 arcsec.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    lon, lat : str or None
        Names of the columns, if they are known. `lon` alone may name a column of SkyCoord.
    catalog_frame : str or None
        Frame of the positions, if it is known.
    source : str
        The name of the table in messages.

    Returns
    -------
    Position

    Raises
    ------
    NoPositionError
        If no columns are found; the message lists the columns of the table.
    ValueError
        If the frame is not known, keywords or coordinate systems contradict each other, or `catalog_frame` is not a
        frame of SkyCoord.
    """
    if lon is not None or lat is not None:
        found = _named(table, lon, lat, source)
    else:
        candidates = sorted(_candidates(table), key=lambda one: not _is_readable(table, one))
        if not candidates:
            raise NoPositionError(
                f"{source} has no positions that are known by their names or UCDs: name them by lon and lat. "
                f"Its columns are {listed(table.colnames)}"
            )
        found = candidates[0]
    if catalog_frame is None:
        frame = found.frame if len(found.names) == 1 else frame_of(table, found.names[0], found.frame)
        if frame is None:
            raise ValueError(
                f"the frame of the columns {found.names[0]!r} and {found.names[1]!r} of {source} is not known: "
                f"give it by catalog_frame"
            )
        return Position(found.names, frame)
    if len(found.names) == 1:
        raise ValueError(f"column {found.names[0]!r} holds SkyCoords, which catalog_frame cannot change")
    try:
        SkyCoord(0, 0, unit="deg", frame=catalog_frame)
    except Exception as error:
        raise ValueError(
            f"catalog_frame {catalog_frame!r} is not a frame of SkyCoord, such as 'icrs', 'galactic' or 'fk5'"
        ) from error
    return Position(found.names, catalog_frame)


def is_usual(name: str) -> bool:
    """Whether a column may have positions by its name."""
    return name.lower() in _USUAL


def numbers(column: Any, name: str) -> NDArray[np.float64]:
    """The values of a column as floats, NaN where they are masked."""
    values = getattr(column, "unmasked", column)
    try:
        result = np.array(getattr(values, "value", values), dtype=np.float64)
    except (TypeError, ValueError) as error:
        first = next(((row, value) for row, value in enumerate(values) if not _is_number(value)), None)
        what = str(error) if first is None else f"row {first[0]} has {first[1]!r}"
        raise ValueError(f"column {name!r} must hold numbers: {what}") from error
    mask = getattr(column, "mask", None)
    if mask is not None:
        result[mask] = np.nan
    return result


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None
    return True


# ---------------------------------------------------------------------- finding


def _named(table: Table, lon: str | None, lat: str | None, source: str) -> Position:
    for argument, name in (("lon", lon), ("lat", lat)):
        if name is not None and name not in table.colnames:
            raise NoPositionError(
                f"{argument} is {name!r}, which is not a column of {source}: it has {listed(table.colnames)}"
            )
    if lon is not None and lat is None and isinstance(table[lon], SkyCoord):
        return _of_skycoord(table, lon)
    if lon is None or lat is None:
        given, missing = ("lon", "lat") if lat is None else ("lat", "lon")
        raise ValueError(f"lon and lat must be given together, got {given}={lon or lat!r} without {missing}")
    for candidate in _candidates(table):
        if candidate.names == (lon, lat):
            return candidate
    if re.match(r"_?(ra|alpha)", lon.lower()) and re.match(r"_?(de|delta)", lat.lower()):
        return Position((lon, lat), EQUATORIAL)
    return Position((lon, lat), None)


def _candidates(table: Table) -> Iterator[Position]:
    """All columns that may be positions, the best first."""
    coords = [name for name in table.colnames if isinstance(table[name], SkyCoord)]
    if len(coords) == 1:
        yield _of_skycoord(table, coords[0])
    for lon, lat in _with_ucds(table, _EQUATORIAL_UCDS, main=True):
        yield Position((lon, lat), EQUATORIAL)
    for lon, lat in _with_names(table, _EQUATORIAL):
        yield Position((lon, lat), EQUATORIAL)
    for pairs, frame in ((_GALACTIC, "galactic"), (_ECLIPTIC, "barycentricmeanecliptic")):
        for lon, lat in _with_names(table, pairs):
            yield Position((lon, lat), frame)
    for lon, lat in _with_ucds(table, _EQUATORIAL_UCDS, main=False):
        yield Position((lon, lat), EQUATORIAL)
    for lon, lat in _with_ucds(table, _GALACTIC_UCDS, main=False):
        yield Position((lon, lat), "galactic")
    for lon, lat in _with_names(table, _OF_NO_FRAME):
        yield Position((lon, lat), None)


def _of_skycoord(table: Table, name: str) -> Position:
    return Position((name,), table[name].frame.replicate_without_data())


def _with_names(table: Table, pairs: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    names = {name.lower(): name for name in reversed(table.colnames)}
    for lon, lat in pairs:
        if lon in names and lat in names:
            yield names[lon], names[lat]


def _with_ucds(table: Table, ucds: tuple[str, str], *, main: bool) -> Iterator[tuple[str, str]]:
    words = {name: _ucd_words(table[name]) for name in table.colnames}
    if main:
        words = {name: of for name, of in words.items() if "meta.main" in of}
    lon, lat = ([name for name, of in words.items() if of[0] == ucd] for ucd in ucds)
    yield from zip(lon, lat, strict=False)


def _ucd_words(column: Any) -> list[str]:
    """The words of a column's UCD. Those of UCD1, such as POS_EQ_RA_MAIN, are converted to UCD1+."""
    ucd = str((getattr(column.info, "meta", None) or {}).get("ucd", "")).strip().lower()
    if ucd.startswith("pos_eq"):
        ucd = ucd.replace("_main", ";meta.main").replace("_", ".")
    return [word.strip() for word in ucd.split(";")]


# ---------------------------------------------------------------------- units

_TEXT_UNITS = {"h:m:s": u.hourangle, "hms": u.hourangle, "d:m:s": u.deg, "dms": u.deg}
_UNITS = {"degree": u.deg, "degrees": u.deg, "radian": u.rad, "radians": u.rad}


def _is_text(column: Any) -> bool:
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind == "O":
        # Numbers with None for those that are missing, or text. Where both are, a number was not read as one.
        mask = np.broadcast_to(getattr(column, "mask", False), len(column))
        there = [value for value, masked in zip(column, mask, strict=True) if not masked and value is not None]
        return bool(there) and all(isinstance(value, str | bytes) for value in there)
    return kind in ("S", "U")


def _is_readable(table: Table, position: Position) -> bool:
    """Whether the columns have a unit of angle, or are numbers, which need none."""
    try:
        units = [_unit(table[name], name, is_lon=True) for name in position.names]
    except ValueError:
        return False
    return all(unit or not _is_text(table[name]) for name, unit in zip(position.names, units, strict=True))


def _unit(column: Any, name: str, *, is_lon: bool) -> u.UnitBase | None:
    """The unit of a column of angles; None if it has none."""
    unit = getattr(column, "unit", None)
    if unit is None or str(unit) == "":
        return None
    text = str(unit).strip().strip("\"'").lower()
    if text in _TEXT_UNITS and _is_text(column):
        return _TEXT_UNITS[text]
    if is_lon and text in ("h", "hr", "hour", "hours"):
        return u.hourangle
    unit = _UNITS.get(text) or u.Unit(unit, parse_strict="silent")
    if not unit.is_equivalent(u.rad):
        raise ValueError(f"column {name!r} is in {text!r}, which is not a unit of angle")
    return unit


def _degrees(column: Any, name: str, *, is_lon: bool) -> NDArray[np.float64]:
    """A column of angles in degrees, NaN where they are missing."""
    unit = _unit(column, name, is_lon=is_lon)
    if _is_text(column):
        return _text_degrees(column, name, unit)
    values = numbers(column, name)
    if values.ndim != 1:
        raise ValueError(f"column {name!r} must hold one number per row, got the shape {values.shape}")
    return values if unit in (None, u.deg) else (values * unit).to_value(u.deg)


def _text_degrees(column: Any, name: str, unit: u.UnitBase | None) -> NDArray[np.float64]:
    if unit is None:
        raise ValueError(
            f"column {name!r} holds text: set its unit so that it can be read, for instance "
            f"table[{name!r}].unit = 'hourangle' (or 'deg')"
        )
    mask = np.broadcast_to(getattr(column, "mask", False), len(column))
    texts = [None if masked else str(text).strip() for text, masked in zip(column, mask, strict=True)]
    result = np.full(len(texts), np.nan)
    there = np.array([bool(text) for text in texts], dtype=bool)
    try:
        result[there] = Angle([text for text in texts if text], unit=unit).deg
    except (TypeError, ValueError, u.UnitsError) as error:
        raise ValueError(f"column {name!r} holds text that is not an angle: {brief(error)}") from error
    return result
