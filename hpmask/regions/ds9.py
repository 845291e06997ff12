"""Regions from lines of ds9's language.

The grammar is that of https://ds9.si.edu/doc/ref/region.html. A line is read completely or raises: a text that ds9
skips, or reads only in part, is an error here, since a mask must not lose a region.

Statements are separated by line ends and ``;``. Properties follow a ``#``; only ``include`` makes a difference to a
mask. A property of a region has priority over its sign, and its sign over a ``global`` property.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask.regions.from_astropy import Unusable
from hpmask.regions.numbers import COLONS, NUMBER, OffSky, number, sexagesimal, size

__all__ = ["Reader"]

# Frames of the sky as astropy names them.
_FRAMES = {
    "icrs": "icrs",
    "fk5": "fk5",
    "j2000": "fk5",
    "fk4": "fk4",
    "b1950": "fk4",
    "galactic": "galactic",
    "ecliptic": "barycentricmeanecliptic",
}
_OFF_SKY = re.compile(r"image|physical|linear|amplifier|detector|wcs[a-z0]?")

_AREAS = ("circle", "ellipse", "box", "polygon", "annulus", "point")
# How many numbers each of the others has.
_OTHERS: dict[str, Sequence[int]] = {
    "text": (2,),
    "line": (4,),
    "vector": (4,),
    "ruler": (4,),
    "compass": (3,),
    "projection": (5,),
    "segment": range(4, 2**31, 2),
    "panda": (8,),
    "epanda": (10, 11),
    "bpanda": (10, 11),
}
_PANDAS = ("panda", "epanda", "bpanda")
# ds9 writes these after a "#", so that older programs read them as comments.
_HIDDEN = re.compile(
    r"#\s*(?=[+-]?\s*(?:text|composite|vector|ruler|compass|projection|segment)\s*\(\s*[-+.\d])", re.IGNORECASE
)
_POINTS = ("circle", "box", "diamond", "cross", "x", "arrow", "boxcircle")

# A value in delimiters or a colour is one token: the ";" and "#" in it do not separate statements.
_TOKEN = re.compile(r"""=\s*(?:\{[^}]*\}|"[^"]*"|'[^']*'|\#\w*)|\{[^{}]*\}|[^;#={]+|.""", re.DOTALL)
_LABEL = re.compile(r"""=\s*(?:\{[^}]*\}|"[^"]*"|'[^']*')""")
_OPEN = re.compile(r"""=\s*[{"']""")
_INCLUDE = re.compile(r"(?<!\w)include\s*=\s*(\S*)", re.IGNORECASE)
_YES_NO = {**dict.fromkeys(("1", "yes", "true", "on"), True), **dict.fromkeys(("0", "no", "false", "off"), False)}

_HEAD = re.compile(r"([+-]?)\s*([a-z]\w*)\s*", re.IGNORECASE)
_DECIMAL = re.compile(rf"({NUMBER})([drip]?)", re.IGNORECASE)
_LETTERS = re.compile(r"([+-]?)(\d+)[hd](?:(\d+)m(?:(\d+\.?\d*)s)?)?", re.IGNORECASE)
_SIZE = re.compile(rf"({NUMBER})([drip\"']?)", re.IGNORECASE)
_UNITS = {"": u.deg, "d": u.deg, "r": u.rad, '"': u.arcsec, "'": u.arcmin, "i": None, "p": None}


class Reader:
    """Reads regions line by line; the frame and the global properties hold until they change.

    Examples
    --------
    >>> from hpmask.regions.ds9 import Reader
    >>> [type(region).__name__ for region in Reader().read_line("fk5; circle(10, 20, 3') # color=red")]
    ['CircleSkyRegion']
    """

    language = "ds9"

    def __init__(self) -> None:
        self._frame: str | None = None
        self._include = True

    def read_line(self, line: str) -> list[Any]:
        """The regions of a line.

        Raises
        ------
        ValueError
            If any part of the line is not understood.
        """
        return [region for head, tail in _statements(line) for region in self._read(head, tail)]

    def _read(self, head: str, properties: str) -> Iterator[Any]:
        """The regions of a statement."""
        match = _HEAD.match(head)
        if match is None:
            raise ValueError(f"{head!r} is not a region")
        sign, word, rest = match[1], match[2].lower(), head[match.end() :]
        if word == "global":
            include = _included(rest + properties)
            if "(" in _LABEL.sub("=", rest):
                raise ValueError(f"{rest.strip()!r} follows 'global', and cannot be read as properties")
            if sign:
                raise ValueError("a sign belongs before a region, not before 'global'")
            self._include = self._include if include is None else include
        elif word in _FRAMES or _OFF_SKY.fullmatch(word):
            if sign or rest:
                extra = f"{rest!r} follows it" if rest else "it has a sign"
                raise ValueError(f"the frame {word!r} must stand alone, before a ';' or a line end, but {extra}")
            self._frame = word
        else:
            stated = _included(properties)
            if stated is None and sign:
                stated = sign == "+"
            if rest.lower().startswith("point") and word in _POINTS:
                word, rest = "point", rest[len("point") :].strip()
            yield from self._shape(word, rest, stated)

    def _shape(self, word: str, rest: str, stated: bool | None) -> Iterator[Any]:
        """The regions of a shape, whose own sign or property is `stated`."""
        if word not in (*_AREAS, *_OTHERS, "composite"):
            raise ValueError(f"{word!r} is not a shape or frame of ds9")
        values = _arguments(word, rest)
        if word == "composite":
            if len(values) not in (2, 3):
                raise ValueError(f"composite has {len(values)} numbers, it must have 3")
            if stated is False:
                raise ValueError("a composite cannot be excluded as a whole: give its regions a '-' each")
            return
        if self._frame is None:
            raise ValueError("a frame was not found: write fk5, icrs or galactic before the regions")
        meta = {"include": self._include if stated is None else stated}
        if word in _OTHERS:
            for value in values:
                _checked(value)
            if len(values) not in _OTHERS[word]:
                raise ValueError(f"{word} cannot have {len(values)} numbers")
            yield Unusable(word, "kind" if word in _PANDAS else "area", meta)
            return
        frame = _FRAMES.get(self._frame)
        try:
            yield from _areas(word, values, frame, meta)
        except OffSky:
            yield Unusable(f"{word} in {'pixels' if frame else self._frame + ' coordinates'}", "place", meta)


# ---------------------------------------------------------------------- statements


def _statements(line: str) -> Iterator[tuple[str, str]]:
    """The region, frame or "global" of each statement of a line, and the properties after it."""
    for statement in _split(line):
        hidden = _HIDDEN.match(statement)
        if hidden:
            # Their properties follow the parenthesis, without a "#".
            head, closing, properties = statement[hidden.end() :].partition(")")
            if "(" in _LABEL.sub("=", properties):
                raise ValueError(f"{properties.strip()!r} follows the region, and cannot be read as properties")
            yield head + closing, properties
            continue
        head = ""
        for match in _TOKEN.finditer(statement):
            if match[0] == "#":
                break
            head += match[0]
        properties = statement[len(head) :]
        if head.strip():
            yield head.strip(), properties


def _split(line: str) -> Iterator[str]:
    """The statements of a line; a comment that begins one takes the rest of the line."""
    start = 0
    for match in _TOKEN.finditer(line):
        if not line[start : match.start()].strip() and match[0] == "#" and not _HIDDEN.match(line, match.start()):
            return
        if match[0] == "=" and _OPEN.match(line, match.start()):
            raise ValueError(f"the value that begins with {line[match.end() :].strip()[:20]!r} has no end")
        if match[0] == ";":
            yield line[start : match.start()].strip()
            start = match.end()
    yield line[start:].strip()


def _included(properties: str) -> bool | None:
    """The value of the property ``include``, None if it is not among the properties."""
    # Labels may hold any text.
    include = None
    for value in _INCLUDE.findall(_LABEL.sub("=", properties)):
        if value.lower() not in _YES_NO:
            raise ValueError(f"include must be 0 or 1, got {value!r}")
        include = _YES_NO[value.lower()]
    return include


# ---------------------------------------------------------------------- numbers


def _arguments(word: str, rest: str) -> list[str]:
    """The numbers of a shape, as they are written."""
    rest = rest.removesuffix("||").rstrip()
    if rest.startswith("("):
        inner, closing, behind = rest[1:].partition(")")
        if not closing:
            raise ValueError("the parenthesis is not closed")
    else:
        inner, behind = rest, ""
    if word == "text":
        inner = re.sub(r"\{[^}]*\}$", "", inner)
        behind = re.sub(r"^\s*\{[^}]*\}$", "", behind)
    if behind:
        raise ValueError(f"{behind.strip()!r} follows the region: a ';' or a line end must separate regions")
    values = re.split(r"\s*,\s*|\s+", inner.strip())
    if "" in values:
        raise ValueError(f"{word} lacks a number")
    return values


def _checked(value: str) -> None:
    """Raise if a value is not a number of any kind."""
    if not any(form.fullmatch(value) for form in (_SIZE, COLONS, _LETTERS)):
        raise ValueError(f"{value!r} is not a number")


def _areas(word: str, values: list[str], frame: str | None, meta: dict[str, Any]) -> Iterator[Any]:
    """The regions of a shape; several if it is a row of annuli."""
    import regions

    if word == "polygon":
        if len(values) < 6 or len(values) % 2:
            raise ValueError(f"a polygon must have an even number of at least 6 numbers, got {len(values)}")
        yield regions.PolygonSkyRegion(_positions(values, frame), meta=meta)
        return
    if len(values) < 2:
        raise ValueError(f"{word} needs a position, two numbers")
    place, sizes = values[:2], values[2:]
    if word == "point":
        _check_count(word, sizes, (0,))
        yield regions.PointSkyRegion(_positions(place, frame)[0], meta=meta)
    elif word == "circle":
        _check_count(word, sizes, (1,))
        yield regions.CircleSkyRegion(_positions(place, frame)[0], _size(sizes[0], frame), meta=meta)
    elif word == "annulus":
        n_rings, sizes = _n_rings(sizes, 2)
        _check_count(word, sizes, range(2, 2**31))
        radii = _rings(u.Quantity([_size(size, frame) for size in sizes])[:, np.newaxis], n_rings)
        center = _positions(place, frame)[0]
        for (inner,), (outer,) in pairwise(radii):
            yield regions.CircleAnnulusSkyRegion(center, inner, outer, meta=meta)
    else:
        n_rings, sizes = _n_rings(sizes, 4)
        _check_count(word, sizes, range(2, 2**31))
        angle = _size(sizes.pop(), "") if len(sizes) % 2 else 0 * u.deg
        # A box has full axes, an ellipse semi-axes.
        factor = 2 if word == "ellipse" else 1
        axes = _rings(u.Quantity([factor * _size(size, frame) for size in sizes]).reshape(-1, 2), n_rings)
        center = _positions(place, frame)[0]
        if len(axes) == 1:
            one = regions.EllipseSkyRegion if word == "ellipse" else regions.RectangleSkyRegion
            yield one(center, *axes[0], angle, meta=meta)
        else:
            ring = regions.EllipseAnnulusSkyRegion if word == "ellipse" else regions.RectangleAnnulusSkyRegion
            for inner, outer in pairwise(axes):
                yield ring(center, inner[0], outer[0], inner[1], outer[1], angle, meta=meta)


def _check_count(word: str, sizes: list[str], known: Sequence[int]) -> None:
    if len(sizes) not in known:
        raise ValueError(f"{word} cannot have {len(sizes)} numbers after its position")


def _n_rings(sizes: list[str], at: int) -> tuple[int, list[str]]:
    """The number of rings that ``n=`` asks for, 0 if it does not, and the sizes without it."""
    match = re.fullmatch(r"n=(\d+)", sizes[at], re.IGNORECASE) if len(sizes) > at else None
    if match is None:
        return 0, sizes
    if not 1 <= int(match[1]) <= 1000:
        raise ValueError(f"n must be 1 to 1000, got {match[1]}")
    return int(match[1]), sizes[:at] + sizes[at + 1 :]


def _rings(limits: u.Quantity, n_rings: int) -> u.Quantity:
    """The limits of all rings, shape (n, 1) or (n, 2)."""
    if n_rings and len(limits) != 2:
        raise ValueError("n= needs exactly one inner and one outer size")
    return np.linspace(limits[0], limits[1], n_rings + 1) if n_rings else limits


def _size(text: str, frame: str | None) -> u.Quantity:
    value = size(text, _SIZE, _UNITS, "a number")
    if frame is None:
        raise OffSky
    return value


def _positions(values: list[str], frame: str | None) -> SkyCoord:
    """Positions of longitudes and latitudes in turn, shape (n,)."""
    equatorial = frame in ("icrs", "fk5", "fk4")
    degrees = [_degrees(value, hours=equatorial and i % 2 == 0) for i, value in enumerate(values)]
    if frame is None or None in degrees:
        raise OffSky
    return SkyCoord(degrees[::2], degrees[1::2], unit="deg", frame=frame)


def _degrees(text: str, *, hours: bool) -> float | None:
    """A coordinate in degrees, None if it is in pixels; colons mean hours if `hours`."""
    if match := _DECIMAL.fullmatch(text):
        unit, value = _UNITS[match[2].lower()], number(match[1])
        return None if unit is None else float((value * unit).to_value(u.deg))
    match = COLONS.fullmatch(text) or _LETTERS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number")
    hours = hours if ":" in text else "h" in text.lower()
    return sexagesimal(*match.groups()) * (15 if hours else 1)
