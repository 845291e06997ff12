"""Polygon files of mangle: masks of galaxy surveys (Swanson, Tegmark, Hamilton and Hill 2008, MNRAS 387, 1391).

These are the formats that the program mangle calls ``polygon``, ``rectangle``, ``circle`` and ``vertices``. A polygon
is what its caps share (see `hpmask.regions.caps`); a mask is the union of the polygons.

* The files do not name the frame of their positions. It is the one that the reader is given, ICRS by default.
* A polygon has a weight, 1 by default, which is often the completeness of the survey. Polygons of weight 0 are holes.
  Those that count have a weight above 0 or, if it is given, of at least `min_weight`.
* The corners of ``vertices`` go around the smaller side of their outline, in either sense.
* A line that begins with a word is a comment, as is all text before the first keyword. ``N polygons`` must be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask.regions.format import RegionFormat, Source, TextRegion
from hpmask.regions.items import Caps, Corners, Item, check_frame
from hpmask.regions.numbers import NUMBER, number

__all__ = ["FORMAT"]

Floats = NDArray[np.float64]

_LANGUAGE = "a polygon file of mangle"
# To place the sides of a polygon takes time with the square of their number.
_MOST_CAPS = 1000
_UNITS = {"d": 1.0, "r": math.degrees(1.0), "m": 1 / 60, "s": 1 / 3600}
_KINDS = ("polygon", "spolygon", "rectangle", "circle", "vertices")
_OTHER_KINDS = ("edges", "Region", "healpix_weight", "graphics")
# Keywords that say how a file was made, or what stands beyond its numbers.
_IGNORED = ("pixelization", "snapped", "balkanized", "real")

_HEAD = re.compile(
    rf"s?polygon\s+(?P<id>-?\d+)\s*\(\s*(?P<n>\d+)\s*caps\s*,\s*(?P<weight>{NUMBER})\s*weight\b(?P<rest>[^()]*)\)\s*+:?+\s*+"
)
_BARE_HEAD = re.compile(rf"s?polygon\s+-?\d+\s+(?P<n>\d+)(?:\s+(?P<weight>{NUMBER}))?(?:\s+{NUMBER})*\s*")
_KIND_HEAD = re.compile(rf"\w+(?:\s+-?\d+\s+(?P<n>\d+)(?:\s+(?P<weight>{NUMBER}))?(?:\s+-?\d+)?)?\s*(?:[A-Za-z].*)?")
_IS_NUMERIC = re.compile(r"[-+.\d]|nan\b|inf", re.IGNORECASE)
_COUNT = re.compile(r"\s*(\d+)\s+polygons\s*")
_MATCH = re.compile(
    r"^[^\S\n]*+(?:s?polygon\s+-?\d+\s*\(\s*\d+\s*caps|\d+\s+polygons\s*$|unit\s+[drmsh]\s*$|rectangle\s*$"
    r"|(?:vertices|rectangle)\s+-?\d+\s+\d+(?:\s|$)|(?:circle|vertices)(?:\s+-?\d+\s+\d+)?\s*$)",
    re.MULTILINE,
)


class _Reader:
    """Reads lines in the format of the last keyword."""

    def __init__(self, source: Source, frame: str, wanted: Callable[[float], bool]) -> None:
        self._source = source
        self._frame = frame
        self._wanted = wanted
        self._kind = ""
        self._n = 0
        self._weight = 1.0
        self._unit = 1.0
        self._skip = 0
        self.expected: int | None = None
        self.count = 0

    def regions(self) -> list[TextRegion]:
        found: list[TextRegion] = []
        lines = iter(enumerate(self._source.lines, 1))
        at = 0
        try:
            for at, line in lines:
                polygon = self._keyword(line)
                if polygon:
                    axes, cm, first = np.empty((self._n, 3)), np.empty(self._n), at
                    for k in range(self._n):
                        at, line = next(lines, (len(self._source.lines), ""))
                        axes[k], cm[k] = _cap(line)
                    found += self._item(Caps(axes, cm), first)
                elif polygon is None and self._kind:
                    found += self._data(line, at)
        except ValueError as error:
            raise self._source.error(at, _LANGUAGE, error) from error
        if self.expected is not None and self.expected != self.count:
            raise ValueError(
                f"{self._source.name} should have {self.expected} polygons and has {self.count}: is a part of it lost?"
            )
        return found

    def _item(self, item: Item, line: int) -> list[TextRegion]:
        self.count += 1
        if not self._wanted(self._weight):
            return []
        item.frame = self._frame
        if isinstance(item, Caps):
            item.weight = self._weight
        return [TextRegion(item, line)]

    def _keyword(self, line: str) -> bool | None:
        """Read a line with a keyword: True if the caps of a polygon follow; None if it has no keyword."""
        words = line.split(maxsplit=2)
        word = words[0] if words else ""
        if word in _IGNORED:
            return False
        if word in _OTHER_KINDS:
            raise ValueError(f"{word!r} is a format that is not read; mangle's poly2poly turns it into polygons")
        if count := _COUNT.fullmatch(line):
            self.expected = int(count[1])
            return False
        if word == "unit":
            if len(words) != 2 or words[1] not in _UNITS:
                raise ValueError(f"the unit must be one of {', '.join(_UNITS)}")
            self._unit = _UNITS[words[1]]
            return False
        if word in ("skip", "end"):
            if len(words) != 2 or not words[1].isdecimal():
                raise ValueError(f"an integer must follow {word!r}")
            if word == "end" and int(words[1]):
                raise ValueError("lines that are read up to a column only, by 'end', are not known")
            self._skip = int(words[1][:9])
            return False
        if word not in _KINDS:
            return None
        is_polygon = word.endswith("polygon")
        head = (_HEAD.match(line) or _BARE_HEAD.fullmatch(line)) if is_polygon else _KIND_HEAD.fullmatch(line.strip())
        if head is None:
            raise ValueError(f"{word!r} must be followed by an identifier, the number of caps and a weight")
        self._kind = word
        self._weight = 1.0 if head["weight"] is None else number(head["weight"])
        # Without a number of corners or circles, a line has as many as stand in it.
        self._n = int(head["n"][:12]) if head["n"] else 0
        if is_polygon and self._n > _MOST_CAPS:
            raise ValueError(f"a polygon may have up to {_MOST_CAPS} caps, got {head['n']}")
        return is_polygon

    def _data(self, line: str, at: int) -> list[TextRegion]:
        """The polygons of a line of numbers."""
        words = line[self._skip :].split()
        if self._kind == "vertices" and words[:1] == ["r"]:
            words = words[1:]  # the corners are in the other sense
        if not words or not _IS_NUMERIC.match(words[0]):
            return []  # as for mangle, a line that begins with a word is a comment
        if self._kind.endswith("polygon"):
            raise ValueError("numbers stand behind the caps of a polygon")
        values = np.array([number(word) for word in words]) * self._unit
        if self._kind == "rectangle":
            if len(values) != 4:
                raise ValueError(f"a rectangle has 4 angles, got {len(values)}")
            return self._item(_rectangle(*values.tolist()), at)
        size = 3 if self._kind == "circle" else 2
        if not len(values) or len(values) % size or self._n not in (0, len(values) // size):
            wanted = f"{self._n * size}" if self._n else f"a multiple of {size}"
            raise ValueError(f"{self._kind} needs {wanted} angles in a line, got {len(values)}")
        if self._kind == "circle":
            return self._item(_circles(values.reshape(-1, 3)), at)
        corners = values.reshape(-1, 2)
        if len(corners) < 3:
            raise ValueError(f"a polygon needs at least 3 corners, got {len(corners)}")
        if (np.abs(corners[:, 1]) > 90 + 1e-9).any():
            raise ValueError("a latitude is not between -90 and 90 deg")
        return self._item(Corners([corners]), at)


def _cap(line: str) -> tuple[list[float], float]:
    words = line.split()
    if len(words) != 4:
        raise ValueError(f"a cap has 4 numbers, got {len(words)}")
    x, y, z, cm = map(number, words)
    # The files have up to 19 digits, others as few as 6.
    if not abs(x * x + y * y + z * z - 1) < 1e-4:
        raise ValueError("the axis of a cap must be a unit vector")
    return [x, y, z], -math.ulp(0) if words[3].startswith("-") and cm == 0 else cm


def _axis(az: Any, el: Any) -> Floats:
    return np.stack([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)], axis=-1)


def _rectangle(west: float, east: float, south: float, north: float) -> Caps:
    """The sky between two meridians and two parallels, up to 180 deg wide, or all around."""
    if not -90 - 1e-9 <= south <= north <= 90 + 1e-9:
        raise ValueError(
            f"latitudes must ascend from at least -90 to at most 90 deg, got {south:.10g} and {north:.10g}"
        )
    south, north = math.radians(max(south, -90.0)), math.radians(min(north, 90.0))
    # 1 - sin, in a form that keeps its precision near the pole
    levels = [2 * math.sin(math.pi / 4 - lat / 2) ** 2 for lat in (south, north)]
    axes, cm = [np.array([0.0, 0.0, 1.0])] * 2, [levels[0], -max(levels[1], math.ulp(0))]
    width = (east - west) % 360
    if width and abs(east - west) < 360:
        if width > 180 + 1e-9:
            raise ValueError(f"a rectangle must not be wider than 180 deg, got {west:.10g} to {east:.10g}")
        sides = np.radians([west, east]) + np.pi / 2
        axes += list(_axis(sides, 0 * sides))
        cm += [1.0, -1.0]
    return Caps(np.array(axes), np.array(cm))


def _circles(values: Floats) -> Caps:
    """What circles share; a negative radius means the sky outside."""
    az, el, radius = np.radians(values).T
    if (np.abs(radius) > np.pi * (1 + 1e-12)).any() or (np.abs(values[:, 1]) > 90 + 1e-9).any():
        raise ValueError("a latitude must be between -90 and 90 deg, and a radius between -180 and 180 deg")
    cm = 2 * np.sin(radius / 2) ** 2
    return Caps(_axis(az, el), np.where(np.signbit(radius), -np.maximum(cm, math.ulp(0)), cm))


def _matches(source: Source) -> bool:
    return _MATCH.search(source.text[:100_000]) is not None


def _read(source: Source, region_frame: str = "icrs", min_weight: float | None = None) -> list[TextRegion]:
    if min_weight is not None and not (isinstance(min_weight, int | float) and math.isfinite(min_weight)):
        raise ValueError(f"min_weight must be a finite number, got {min_weight!r}")
    least = None if min_weight is None else float(min_weight)
    reader = _Reader(source, check_frame(region_frame), lambda one: one > 0 if least is None else one >= least)
    found = reader.regions()
    if not found and reader.count:
        least_text = "above 0" if least is None else f"of at least {least:g}"
        raise ValueError(f"{source.name} has {reader.count} polygons, but none with a weight {least_text}")
    return found


FORMAT = RegionFormat(
    name="mangle",
    description="Polygon files of mangle: polygons by caps, rectangles, circles and vertices.",
    suffixes=(".ply", ".pol", ".rect", ".vrt"),
    matches=_matches,
    read=_read,
    options=("region_frame", "min_weight"),
)
