"""The frame of a catalog's positions, from its column names, FITS keywords and VOTable coordinate systems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from astropy.coordinates import FK4, FK5, FK4NoETerms
from astropy.table import Table

__all__ = ["EQUATORIAL", "frame_of"]

Frame = Any  # what SkyCoord takes: a name or a frame, of astropy, which has no types

# Equatorial positions in a frame that is not known yet.
EQUATORIAL = "equatorial"

# Equinoxes that an EPOCH card without EQUINOX means. Other years are often those of the observation.
_EQUINOXES_AS_EPOCH = (1855.0, 1875.0, 1900.0, 1950.0, 2000.0)
_LAST_BESSELIAN = 1984.0
_FRAMES = {"ICRS": "icrs", "FK5": "fk5", "FK4": "fk4", "FK4-NO-E": "fk4noeterms"}

# The values of COOSYS in VOTable 1.0 to 1.4, and those of the IVOA vocabulary of reference frames.
_SYSTEMS = {
    "icrs": "icrs",
    "eq_fk5": "fk5",
    "fk5": "fk5",
    "eq_fk4": "fk4",
    "fk4": "fk4",
    "galactic": "galactic",
    "galactic_ii": "galactic",
    "supergalactic": "supergalactic",
    "super_galactic": "supergalactic",
    "ecliptic": "barycentricmeanecliptic",
}


def frame_of(table: Table, name: str, kind: Frame) -> Frame:
    """The frame of the positions in a column.

    A VOTable coordinate system that the column refers to counts first. For equatorial positions, a year or "ICRS" in
    the name counts next, then the keywords RADESYS (or RADECSYS), EQUINOX and EPOCH of the table. The keywords mean
    what they mean for images (FITS Standard 4.0, section 8.3): RADESYS without EQUINOX is FK5 of J2000 or FK4 of
    B1950, EQUINOX without RADESYS is FK4 before 1984 and FK5 from then on. Without any of these, the frame is ICRS.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    name : str
        The column of longitudes.
    kind : str, frame or None
        The kind of position by the column's name or UCD: `EQUATORIAL`, a frame, or None.

    Returns
    -------
    str, frame or None
        The `frame` for SkyCoord; None if it is not known.

    Raises
    ------
    ValueError
        If two of them contradict each other, or one has a value that does not name a frame.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from hpmask.catalog.frames import EQUATORIAL, frame_of
    >>> frame_of(Table({"RA": [10.0], "DEC": [-5.0]}, meta={"EQUINOX": 1950.0}), "RA", EQUATORIAL)
    <FK4 Frame (equinox=B1950.000, obstime=B1950.000)>
    """
    coosys = (table[name].info.meta or {}).get("coosys")
    named = _frame_of_name(name) if kind == EQUATORIAL else kind
    if coosys is None:
        return _frame_of_keywords(table.meta) if kind == EQUATORIAL and named is None else named
    frame = _frame_of_coosys(coosys, name)
    families = [_family(one) for one in (frame, named) if one is not None]
    if len(set(families)) > 1:
        raise ValueError(f"column {name!r} is {families[1]} by its name, but refers to {_told(coosys)}: {_GIVE}")
    return frame


def _family(frame: Frame) -> str:
    """The name that a frame shares with frames that are nearly the same."""
    name = frame if isinstance(frame, str) else frame.name
    return {"icrs": "ICRS or FK5", "fk5": "ICRS or FK5"}.get(name, name)


def _frame_of_coosys(coosys: Mapping[str, Any], name: str) -> Frame:
    frame = _SYSTEMS.get(str(coosys.get("system")).strip().lower())
    if frame is None:
        raise ValueError(
            f"column {name!r} refers to {_told(coosys)}, whose system is not one of {', '.join(_SYSTEMS)}: {_GIVE}"
        )
    equinox = coosys.get("equinox")
    if frame not in ("fk4", "fk5") or not equinox:
        return frame
    match = re.fullmatch(r"\s*([BJ]?)\s*(\d{4}(?:\.\d*)?)\s*", str(equinox), re.I)
    if match is None:
        raise ValueError(f"column {name!r} refers to {_told(coosys)}, whose equinox is not a year: {_GIVE}")
    if frame == "fk4" and (match[1].upper() == "J" or float(match[2]) >= _LAST_BESSELIAN):
        raise ValueError(f"column {name!r} refers to {_told(coosys)}, but FK4 is older than 1984: {_GIVE}")
    return FK5(equinox=f"B{match[2]}") if frame == "fk5" and match[1].upper() == "B" else _fk(frame, float(match[2]))


_GIVE = "give the frame by catalog_frame"


def _told(coosys: Mapping[str, Any]) -> str:
    attributes = "".join(f" {key}={value!r}" for key, value in coosys.items() if value)
    return f"COOSYS{attributes}"


def _frame_of_name(name: str) -> Frame | None:
    if "1950" in name:
        return "fk4"
    return "icrs" if "2000" in name or "icrs" in name.lower() else None


def _frame_of_keywords(meta: Mapping[str, Any]) -> Frame:
    header = {str(key).upper(): value for key, value in meta.items()}
    system = _system(header)
    equinox, said = _equinox(header, system)
    if equinox is None:
        return _FRAMES[system or "ICRS"]
    if system is None:
        return _fk("fk4" if equinox < _LAST_BESSELIAN else "fk5", equinox)
    if system == "ICRS":
        if equinox != 2000:
            raise ValueError(f"the table has RADESYS = 'ICRS', which has no equinox, and {said}: {_GIVE}")
        return "icrs"
    if system != "FK5" and equinox >= _LAST_BESSELIAN:
        raise ValueError(f"the table has RADESYS = {system!r}, which is older than 1984, and {said}: {_GIVE}")
    return _fk(_FRAMES[system], equinox)


def _system(header: Mapping[str, Any]) -> str | None:
    """The reference system by its keywords."""
    said = {key: str(header[key]).strip().upper() for key in ("RADESYS", "RADECSYS") if header.get(key)}
    both = " and ".join(f"{key} = {value!r}" for key, value in said.items())
    if len(set(said.values())) > 1:
        raise ValueError(f"the table has {both}, which contradict each other: {_GIVE}")
    system = next(iter(said.values()), None)
    if system and system not in _FRAMES:
        raise ValueError(f"the table has {both}, which is not one of {', '.join(_FRAMES)}: {_GIVE}")
    return system or None


def _equinox(header: Mapping[str, Any], system: str | None) -> tuple[float | None, str]:
    """The equinox in years, and the keyword with its value."""
    for key in ("EQUINOX",) if system == "ICRS" else ("EQUINOX", "EPOCH"):
        value = header.get(key)
        if value is None or str(value).strip() == "":
            continue
        said = f"{key} = {value!r}"
        year = re.fullmatch(r"\s*[BJ]?\s*(\d{4}(?:\.\d*)?)\s*", str(value), re.I)
        if year is None:
            raise ValueError(f"the table has {said}, which is not a year: {_GIVE}")
        if key == "EPOCH" and float(year[1]) not in _EQUINOXES_AS_EPOCH:
            raise ValueError(
                f"the table has {said}, which may be the equinox of its frame or the time of its positions: {_GIVE}"
            )
        return float(year[1]), said
    return None, ""


def _fk(frame: str, year: float) -> Frame:
    if frame == "fk5":
        return FK5(equinox=f"J{year}")
    # The positions are for the time of the equinox.
    return {"fk4": FK4, "fk4noeterms": FK4NoETerms}[frame](equinox=f"B{year}")
