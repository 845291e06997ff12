"""Regions in the language STC-S of the Virtual Observatory.

The language is that of the IVOA note STC-S 1.33 for regions of space, with the forms in use today: ``s_region`` of
ObsCore, the shapes of DALI 1.1 (``CIRCLE 10 20 1``), and the geometries of ADQL (``CIRCLE('ICRS', 10, 20, 1)``).
A line is read completely or raises.

* Frames are ICRS, FK5, J2000, FK4, B1950, GALACTIC, SUPER_GALACTIC and ECLIPTIC. Without one, or with UNKNOWNFrame, it
  is the frame that the reader is given, ICRS by default. Words for the reference position are ignored.
* A polygon is the smaller of the two sides of its outline. The note says that its corners go around it anticlockwise,
  but most files have them in either sense.
* A box has sides on great circles, at right angles to the arms of a cross along the meridian and the great circle at
  right angles to it. An ellipse has semi-axes and the position angle of the first, from north through east.
* The planes of a Convex are ``x y z offset``: it holds the points p with n.p >= offset for each of them.
* Several shapes in one line, without a word that joins them, are their union.
* Units apply to positions and sizes alike. A fill factor, errors, resolutions and sizes of pixels are ignored. Times
  and spectra are refused.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import ICRS, SkyCoord

from hpmask.regions.format import RegionFormat, Source, TextRegion
from hpmask.regions.from_astropy import LonLatBox, Unreadable
from hpmask.regions.items import INCLUDED, Caps, Circle, Compound, Corners, Point, WholeSky, check_frame, complement
from hpmask.regions.numbers import number

__all__ = ["FORMAT", "regions_of"]

_FRAMES = {
    "ICRS": "icrs",
    "FK5": "fk5",
    "J2000": "fk5",
    "FK4": "fk4",
    "B1950": "fk4",
    "GALACTIC": "galactic",
    "GALACTIC_II": "galactic",
    "GAL_II": "galactic",
    "SUPER_GALACTIC": "supergalactic",
    "ECLIPTIC": "barycentricmeanecliptic",
}
_UNKNOWN_FRAME = "UNKNOWNFRAME"
_PLACES = """
BARYCENTER GALACTIC_CENTER GEOCENTER HELIOCENTER LSR LSRK LSRD LOCAL_GROUP_CENTER TOPOCENTER RELOCATABLE
UNKNOWNREFPOS EMBARYCENTER
""".split()  # noqa: SIM905
_FLAVORS = ("SPHERICAL2", "SPHER2", "CART3", "CARTESIAN3", "UNITSPHERE")
_OTHER_FLAVORS = ("CARTESIAN1", "CARTESIAN2", "CART1", "CART2", "SPHERICAL3", "SPHER3")
_JOINS = ("UNION", "INTERSECTION", "DIFFERENCE", "NOT")
_SHAPES = ("CIRCLE", "ELLIPSE", "BOX", "POLYGON", "POSITION", "POINT", "CONVEX", "ALLSKY", "RANGE")
# Parts of a phrase that make no difference to the region, each followed by numbers.
_IGNORED = ("FILLFACTOR", "ERROR", "RESOLUTION", "SIZE", "PIXSIZE", "ERROR2", "RESOLUTION2", "SIZE2", "PIXSIZE2")
_UNITS = {"deg": 1.0, "rad": math.degrees(1.0), "arcmin": 1 / 60, "arcsec": 1 / 3600}

_TOKEN = re.compile(r"[()]|[^\s()]+")
_NUMBER = re.compile(r"[-+.]?[\d.]|[-+]?(?:inf|nan)", re.IGNORECASE)
_ADQL = re.compile(r"(\b[A-Za-z]++)\s*+\(\s*+(?:'([^'()]*+)'\s*+,)?([-+.\d\s,eE]++)\)")
_BEGIN = re.compile(
    r"\s*(?:(?:CIRCLE|ELLIPSE|BOX|POLYGON|POSITION|POINT|CONVEX|RANGE)(?:\s+[-+.\w]|\s*\(\s*')|ALLSKY\b"
    r"|(?:UNION|INTERSECTION|DIFFERENCE|NOT)\b(?:\s+\w+)*\s*\()",
    re.IGNORECASE,
)
_DEEPEST = 100


def regions_of(text: str, frame: str = "icrs") -> list[Any]:
    """The regions of a text in STC-S, in `frame` where it names none.

    Raises
    ------
    ValueError
        If any part of the text is not understood.

    Examples
    --------
    >>> from hpmask.regions.stcs import regions_of
    >>> regions_of("Circle ICRS GEOCENTER 10 20 0.5")
    [Circle(frame='icrs', lon=10.0, lat=20.0, radius=0.5)]
    """
    if "'" in text or "," in text:
        text = _ADQL.sub(lambda match: f"{match[1]} {match[2] or ''} {match[3].replace(',', ' ')}", text)
    return _Phrase(_TOKEN.findall(text), frame).regions()


class _Phrase:
    """The words of a text, read from the first to the last."""

    def __init__(self, words: list[str], frame: str) -> None:
        self._words = words
        self._at = 0
        self._frame = frame

    def regions(self) -> list[Any]:
        found = []
        while self._at < len(self._words):
            found.append(self._region(self._frame, 1.0, 0))
        return found

    def _next(self) -> str:
        """The next word in upper case; empty at the end."""
        return self._words[self._at].upper() if self._at < len(self._words) else ""

    def _take(self) -> str:
        word = self._next()
        self._at += 1
        return word

    def _region(self, frame: str, unit: float, depth: int) -> Any:
        word = self._take()
        if depth > _DEEPEST:
            raise ValueError(f"there are more than {_DEEPEST} parentheses within each other")
        if word == "":
            raise ValueError("a region is missing at the end")
        if word not in _SHAPES and word not in _JOINS:
            raise ValueError(f"{self._words[self._at - 1]!r} is not a region of STC-S")
        if word in ("CIRCLE", "ELLIPSE", "BOX", "POLYGON", "POSITION", "POINT", "CONVEX", "RANGE", "ALLSKY"):
            self._ignored()
        frame, cartesian = self._place(frame)
        if word in _JOINS:
            return self._joined(word, frame, unit, depth)
        self._ignored()
        values = self._numbers()
        if not values and self._next() not in ("", ")", *_SHAPES, *_JOINS) and word != "ALLSKY":
            raise ValueError(f"{self._words[self._at]!r} after {word.capitalize()} is not known")
        return _shape(word, values, frame, self._properties(unit), cartesian)

    def _place(self, frame: str) -> tuple[str, bool]:
        """The frame, and whether coordinates are Cartesian; the place of the observer is left out."""
        word = self._next()
        if word in _FRAMES:
            frame = _FRAMES[self._take()]
            equinox = {"fk5": "J2000", "fk4": "B1950"}.get(frame)
            if re.fullmatch(r"[JB]\d{4}(\.\d*)?", self._next()):
                given = self._take()
                if equinox is None or given.rstrip("0").rstrip(".").rstrip("0") != equinox.rstrip("0"):
                    raise ValueError(f"{word} {given} is not known: the equinox must be J2000 for FK5, B1950 for FK4")
        elif word == _UNKNOWN_FRAME:
            frame = self._frame
            self._take()
        if self._next() in _PLACES:
            self._take()
        word = self._next()
        if word in _OTHER_FLAVORS:
            raise ValueError(f"{word} coordinates have no position on the sky")
        return frame, word in _FLAVORS and self._take().startswith(("CART", "UNIT"))

    def _numbers(self) -> list[float]:
        start = self._at
        while self._at < len(self._words) and _NUMBER.match(self._words[self._at]):
            self._at += 1
        return [_value(word) for word in self._words[start : self._at]]

    def _ignored(self) -> None:
        while self._next() in _IGNORED:
            word = self._take()
            if not self._numbers_if_any(word):
                raise ValueError(f"numbers must follow {word}")

    def _numbers_if_any(self, word: str) -> bool:
        if word == "FILLFACTOR":
            # The numbers of the shape may follow.
            if not _NUMBER.match(self._next()):
                return False
            _value(self._take())
            return True
        return bool(self._numbers())

    def _properties(self, unit: float) -> float:
        """The size of the unit, in degrees, of what stands behind the numbers of a shape."""
        while True:
            word = self._next()
            if word in _IGNORED:
                self._ignored()
            elif word == "EPOCH":
                self._take()
                self._take()
            elif word == "POSITION" and self._at + 1 < len(self._words) and _NUMBER.match(self._words[self._at + 1]):
                # The position that belongs to a region, without a frame of its own.
                self._take()
                if len(self._numbers()) != 2:
                    raise ValueError("a position has two numbers")
            elif word == "UNIT":
                self._take()
                units = []
                while self._next().lower() in _UNITS:
                    units.append(self._take().lower())
                if len(set(units)) != 1:
                    got = ", ".join(units) or self._next() or "nothing"
                    raise ValueError(f"unit must be one of {', '.join(_UNITS)}, the same for all numbers, got {got}")
                unit = _UNITS[units[0]]
            else:
                return unit

    def _joined(self, word: str, frame: str, unit: float, depth: int) -> Any:
        if self._take() != "(":
            raise ValueError(f"a parenthesis must follow {word}")
        parts = []
        while self._next() not in (")", ""):
            parts.append(self._region(frame, unit, depth + 1))
        if self._take() != ")":
            raise ValueError(f"the parenthesis after {word} is not closed")
        self._properties(unit)
        least, most = {"NOT": (1, 1), "DIFFERENCE": (2, 2)}.get(word, (1, math.inf))
        if not least <= len(parts) <= most:
            needed = {"NOT": "one region", "DIFFERENCE": "two regions"}.get(word, "at least one region")
            raise ValueError(f"{word} needs {needed}, got {len(parts)}")
        if word == "NOT":
            return complement(parts[0])
        if word == "DIFFERENCE":
            # As in the note: the sky that is in one of the two, but not in both.
            return Compound(parts[0], parts[1], operator.xor)
        return _chain(parts, operator.or_ if word == "UNION" else operator.and_)


def _chain(parts: list[Any], sign: Callable[[Any, Any], Any]) -> Any:
    while len(parts) > 1:
        pairs = [Compound(a, b, sign) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]


def _value(word: str) -> float:
    if word[-1] in "fFyY" and word.lower().lstrip("+-") in ("inf", "infinity"):
        return -math.inf if word.startswith("-") else math.inf
    return number(word)


# ---------------------------------------------------------------------- shapes

_COUNTS = {"CIRCLE": 3, "ELLIPSE": 5, "BOX": 4, "POSITION": 2, "POINT": 2, "ALLSKY": 0, "RANGE": 4}


def _shape(word: str, values: list[float], frame: str, unit: float, cartesian: bool) -> Any:
    """A shape by its numbers."""
    name = word.capitalize()
    if word in _COUNTS and len(values) != _COUNTS[word]:
        raise ValueError(f"{name} has {_COUNTS[word]} numbers, got {len(values)}")
    if word != "RANGE" and not all(map(math.isfinite, values)):
        raise ValueError("a number is infinite")
    if word == "ALLSKY":
        return WholeSky(frame=frame)
    if word == "CONVEX":
        return _convex(values, frame)
    if cartesian:
        raise ValueError(f"Cartesian coordinates are for Convex only, not for {name}")
    if word == "POLYGON":
        if len(values) < 6 or len(values) % 2:
            raise ValueError(f"Polygon has an even number of at least 6 numbers, got {len(values)}")
        corners = np.array(values).reshape(-1, 2) * unit
        if (np.abs(corners[:, 1]) > 90).any():
            raise ValueError("a latitude is not between -90 and 90 deg")
        return Corners([corners], frame=frame)
    values = [value * unit for value in values]
    if word == "RANGE":
        return _range(*values, frame=frame)
    lon, lat = values[:2]
    if not abs(lat) <= 90:
        raise ValueError(f"a latitude must be between -90 and 90 deg, got {lat:.10g}")
    if word in ("POSITION", "POINT"):
        return Point(lon, lat, frame=frame)
    if word == "CIRCLE":
        return Circle(lon, lat, values[2], frame=frame)
    import regions

    centre = SkyCoord(lon, lat, unit="deg", frame=frame)
    meta = dict(INCLUDED)
    if word == "BOX":
        return regions.RectangleSkyRegion(centre, values[2] * u.deg, values[3] * u.deg, meta=meta)
    # The position angle is in the unit of the other numbers.
    return regions.EllipseSkyRegion(
        centre, 2 * values[3] * u.deg, 2 * values[2] * u.deg, angle=values[4] * u.deg, meta=meta
    )


def _convex(values: list[float], frame: str) -> Caps:
    if not values or len(values) % 4:
        raise ValueError(f"Convex has four numbers for each plane, x y z offset, got {len(values)}")
    planes = np.array(values).reshape(-1, 4)
    length = np.linalg.norm(planes[:, :3], axis=1)
    if not (length > 0).all():
        raise ValueError("the vector of a plane of a Convex must not be 0")
    # 1 - n.p <= 1 - offset; below 0 no point is as far along the axis.
    cm = 1 - planes[:, 3] / length
    return Caps(planes[:, :3] / length[:, np.newaxis], np.where(cm < 0, -2.0, cm), frame=frame)


def _range(west: float, east: float, south: float, north: float, *, frame: str) -> LonLatBox:
    """The sky between two longitudes and two latitudes; infinite ones are no limits."""
    lon = [0.0, 360.0] if math.isinf(west) or math.isinf(east) else [west, east]
    lat = [max(south, -90.0) if math.isinf(south) else south, min(north, 90.0) if math.isinf(north) else north]
    there = SkyCoord(0, 0, unit="deg", frame=frame).frame.replicate_without_data() if frame != "icrs" else ICRS()
    return LonLatBox(there, lon * u.deg, lat * u.deg, dict(INCLUDED))


# ---------------------------------------------------------------------- files


def _matches(source: Source) -> bool:
    start = source.text[:10_000]
    line = next((one for one in re.split(r"[\r\n]", start) if one.strip() and not one.lstrip().startswith("#")), "")
    return _BEGIN.match(line) is not None


def _read(source: Source, region_frame: str = "icrs") -> list[TextRegion]:
    """The regions of all lines, and an `Unreadable` for each line that cannot be read.

    A line may go on in the next ones while a parenthesis is open.
    """
    frame = check_frame(region_frame)
    found: list[TextRegion] = []
    begun: list[str] = []
    first = n_open = 0
    for at, line in enumerate(source.lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not begun:
            first = at
        begun.append(line)
        n_open += line.count("(") - line.count(")")
        if n_open > 0 and at < len(source.lines):
            continue
        try:
            found += [TextRegion(region, first) for region in regions_of(" ".join(begun), frame)]
        except ValueError as error:
            found.append(TextRegion(Unreadable(str(source.error(first, "STC-S", error))), first))
        begun, n_open = [], 0
    if begun:
        raise source.error(first, "STC-S", "a parenthesis is not closed")
    return found


FORMAT = RegionFormat(
    name="stcs",
    description="STC-S of the Virtual Observatory, as in columns s_region: a region or several in each line.",
    suffixes=(".stcs", ".stc"),
    matches=_matches,
    read=_read,
    options=("region_frame",),
)
