"""Regions from lines of ds9's language.

The grammar is that of https://ds9.si.edu/doc/ref/region.html. A statement is read completely or is an `Unreadable`: a
text that ds9 skips, or reads only in part, is not passed over here, since a mask must not lose a region.

Statements are separated by line ends and ``;``. Properties follow a ``#``; only ``include`` makes a difference to a
mask. A property of a region has priority over its sign, and its sign over a ``global`` property.

* Angles, also those of pandas and vectors, are anticlockwise from the west, or from the x axis of an image for
  regions in pixels. Those of epandas and bpandas are from the first axis of the ellipse or box. (If north is not up in
  an image, ds9 writes the angles of epandas and bpandas in sky coordinates with the rotation of the image counted
  twice. Nothing in the file says so.)
* Without a frame, numbers are physical pixels. Sexagesimal positions and those with a unit are then in FK5.
* ``wcs`` alone is the frame of the image. ``wcsa`` to ``wcsz`` need a frame of the sky after them. Positions of
  templates (``wcs0``) and in ``linear``, ``detector`` and ``amplifier`` coordinates are not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from astropy import units as u

from hpmask.regions.figures import Figure, Pixels, Place, Size
from hpmask.regions.from_astropy import Unreadable, Unusable
from hpmask.regions.items import item_or_region
from hpmask.regions.numbers import COLONS, NUMBER, number, sexagesimal

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
_HOURS = ("icrs", "fk5", "fk4", "")
_PIXELS = ("image", "physical")
_UNKNOWN = ("linear", "amplifier", "detector")
_WCS = re.compile(r"wcs([a-z0]?)")

_AREAS = ("circle", "circle3d", "ellipse", "box", "rotbox", "polygon", "annulus", "point", "panda", "epanda", "bpanda")
# How many numbers these have.
_LINES: dict[str, Sequence[int]] = {
    "line": (4,),
    "vector": (4,),
    "segment": range(4, 2**31, 2),
    "polyline": range(4, 2**31, 2),
}
_NO_AREA = {"text": 2, "ruler": 4, "compass": 3, "projection": 5}
_SHAPES = (*_AREAS, *_LINES, *_NO_AREA, "composite", "cpanda")
_SAME = {"circle3d": "circle", "rotbox": "box", "polyline": "segment", "cpanda": "panda"}
_SECTORS = {"panda": "Circle", "epanda": "Ellipse", "bpanda": "Rectangle"}
# ds9 writes these after a "#", so that older programs read them as comments.
_HIDDEN = re.compile(
    r"#\s*+(?=[+-]?+\s*+(?:text|composite|vector|ruler|compass|projection|segment)\s*\(\s*[-+.\d]|tile\s+\d+\s*$)",
    re.IGNORECASE,
)
_POINTS = ("circle", "box", "diamond", "cross", "x", "arrow", "boxcircle")

# A value in delimiters or a colour is one token: the ";" and "#" in it do not separate statements.
_TOKEN = re.compile(r"""=\s*(?:\{[^}]*\}|"[^"]*"|'[^']*'|\#\w*)|\{[^{}]*\}|[^;#={]+|.""", re.DOTALL)
_LABEL = re.compile(r"""=\s*(?:\{[^}]*\}|"[^"]*"|'[^']*')""")
_OPEN = re.compile(r"""=\s*[{"']""")
_WORDS = re.compile(r"""\s*+,?+\s*+(?:\{[^}]*+\}|"[^"]*+"|'[^']*+')(?=\s*+(?:\)|\||$))""")
_INCLUDE = re.compile(r"(?<!\w)include\s*=\s*(\S*)", re.IGNORECASE)
_GLOBAL_WCS = re.compile(r"(?<!\w)wcs\s*=\s*wcs([a-z0]?)\b", re.IGNORECASE)
_YES_NO = {**dict.fromkeys(("1", "yes", "true", "on"), True), **dict.fromkeys(("0", "no", "false", "off"), False)}

_HEAD = re.compile(r"([+-]?)\s*([a-z]\w*)\s*", re.IGNORECASE)
_DECIMAL = re.compile(rf"({NUMBER})([drip]?)", re.IGNORECASE)
_LETTERS = re.compile(r"([+-]?)(\d+)[hd](?:(\d+)m(?:(\d++(?:\.\d*+)?)s)?)?", re.IGNORECASE)
_SIZE = re.compile(rf"({NUMBER})([drip\"']?)", re.IGNORECASE)
_UNITS = {"d": u.deg, "r": u.rad, '"': u.arcsec, "'": u.arcmin}
_PLANES = {"i": "image", "p": "physical"}


class Reader:
    """Reads regions line by line; the frame and the global properties hold until they change.

    Examples
    --------
    >>> from hpmask.regions.ds9 import Reader
    >>> [type(region).__name__ for region in Reader().read_line("fk5; circle(10, 20, 3') # color=red")]
    ['Circle']
    """

    language = "ds9"

    def __init__(self) -> None:
        # "image", "physical", "wcs" for the sky, or one of the systems that are not known.
        self._system = ""
        self._sky = ""
        self._wcs = ""
        self._tile = 1
        self._include: bool | None = True
        # Whether a statement that could not be read may have been a frame.
        self._lost = False

    def read_line(self, line: str) -> list[Any]:
        """The regions of a line, and an `Unreadable` for each part that cannot be read."""
        found: list[Any] = []
        try:
            statements = list(_statements(line))
        except ValueError as error:
            self._note(line, several=";" in line)
            return [Unreadable(str(error))]
        for head, tail in statements:
            try:
                found += list(self._read(head, tail))
            except ValueError as error:
                self._note(head)
                found.append(Unreadable(str(error)))
        return found

    def _note(self, text: str, *, several: bool = False) -> None:
        """After a text that cannot be read: what it may have said."""
        match = _HEAD.match(_HIDDEN.sub("", text.strip()))
        word = match[2].lower() if match else ""
        if word == "global":
            self._include = None if "include" in text.lower() else self._include
        if several or word not in (*_SHAPES, "global"):
            self._lost = True

    def _read(self, head: str, properties: str) -> Iterator[Any]:
        """The regions of a statement."""
        match = _HEAD.match(head)
        if match is None:
            raise ValueError(f"{head!r} is not a region")
        sign, word, rest = match[1], match[2].lower(), head[match.end() :]
        wcs = _WCS.fullmatch(word)
        if word == "global":
            self._read_global(sign, rest, properties)
        elif word == "tile" and not sign and rest.isdigit():
            self._tile = int(rest)
        elif wcs or word in (*_FRAMES, *_PIXELS, *_UNKNOWN):
            if sign or rest:
                extra = f"{rest!r} follows it" if rest else "it has a sign"
                raise ValueError(f"the frame {word!r} must stand alone, before a ';' or a line end, but {extra}")
            self._lost = False
            if wcs:
                # The frame that was stated before holds for the first WCS of an image only.
                self._system, self._wcs = "wcs", wcs[1]
                self._sky = "" if wcs[1] else self._sky
            elif word in _FRAMES:
                self._system, self._sky = "wcs", _FRAMES[word]
            else:
                self._system = word
        else:
            stated = _included(properties)
            if stated is None and sign:
                stated = sign == "+"
            if rest.lower().startswith("point") and word in _POINTS:
                word, rest = "point", rest[len("point") :].strip()
            yield from self._shape(word, rest, stated)

    def _read_global(self, sign: str, rest: str, properties: str) -> None:
        include = _included(rest + properties)
        if "(" in _LABEL.sub("=", rest):
            raise ValueError(f"{rest.strip()!r} follows 'global', and cannot be read as properties")
        if sign:
            raise ValueError("a sign belongs before a region, not before 'global'")
        self._include = self._include if include is None else include
        for wcs in _GLOBAL_WCS.findall(_LABEL.sub("=", rest + properties)):
            self._wcs = wcs.lower()

    def _shape(self, word: str, rest: str, stated: bool | None) -> Iterator[Any]:
        """The regions of a shape, whose own sign or property is `stated`."""
        if word not in _SHAPES:
            raise ValueError(f"{word!r} is not a shape or frame of ds9")
        values = _arguments(word, rest)
        if word == "composite":
            if len(values) not in (2, 3):
                raise ValueError(f"composite has {len(values)} numbers, it must have 3")
            if stated is False:
                raise ValueError("a composite cannot be excluded as a whole: give its regions a '-' each")
            return
        if self._lost:
            raise ValueError("its frame is not known, because what may have been a frame could not be read")
        if stated is None and self._include is None:
            raise ValueError("the global property include could not be read: give the region a sign")
        meta = {"include": self._include if stated is None else stated}
        if word in _NO_AREA:
            for value in values:
                _checked(value)
            if len(values) != _NO_AREA[word]:
                raise ValueError(f"{word} cannot have {len(values)} numbers")
            yield Unusable(word, "area", meta)
            return
        name = word
        word = _SAME.get(word, word)
        if word in _LINES and len(values) not in _LINES[word]:
            raise ValueError(f"{word} cannot have {len(values)} numbers")
        n = len(values) if word in ("polygon", "line", "segment") else 2
        if word == "polygon" and (n < 6 or n % 2):
            raise ValueError(f"a polygon must have an even number of at least 6 numbers, got {n}")
        if len(values) < 2:
            raise ValueError(f"{word} needs a position, two numbers")
        place = self._place(values[:n])
        # Without a frame, ds9 takes positions of the sky for those of a frame of the sky.
        by_image = (self._system or place.system) in _PIXELS
        figures = [replace(one, name=name) for one in _figures(word, values[n:], self._size, by_image=by_image)]
        where = self._nowhere(place, figures)
        if where:
            yield Unusable(f"{name} in {where}", "place", meta)
            return
        for figure in figures:
            yield item_or_region(figure, place, meta, f"{name} in {self._named(place)}")

    def _named(self, place: Place) -> str:
        """The coordinates of a place that needs an image, for messages."""
        if not place.system:
            return "wcs coordinates"
        if self._system in _PIXELS:
            return f"{self._system} coordinates"
        if self._system or place.system == "image":
            return "pixels"
        return "physical coordinates, since no frame was found: write fk5, icrs or galactic before the regions"

    def _nowhere(self, place: Place, figures: Sequence[Figure]) -> str:
        """The coordinates of a place that cannot be known; empty if it can."""
        planes = {size.plane for figure in figures for size in figure.sizes if isinstance(size, Pixels)}
        pixels = bool(planes) or place.system in _PIXELS
        if self._system in _UNKNOWN:
            return f"{self._system} coordinates"
        if self._tile > 1 and pixels:
            return f"pixels of tile {self._tile}"
        if self._system == "wcs" and self._wcs == "0" and place.system not in _PIXELS:
            return "coordinates of a template (wcs0)"
        if not place.system and self._wcs:
            return f"wcs{self._wcs} coordinates"
        return ""

    # ------------------------------------------------------------------ numbers

    def _place(self, values: list[str]) -> Place:
        """A position or vertices: longitudes and latitudes, or x and y, in turn."""
        celestial = self._sky if self._system == "wcs" else "fk5"
        systems = set()
        numbers = []
        for i, value in enumerate(values):
            system, one = _coordinate(value, hours=celestial in _HOURS and i % 2 == 0)
            if system == "plain":
                system = "sky" if self._system in ("wcs", *_UNKNOWN) else self._system or "physical"
            systems.add(system)
            numbers.append(one)
        if len(systems) > 1:
            raise ValueError("its coordinates must be all in one system")
        (system,) = systems
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if system == "sky":
            for _, lat in points:
                if self._system not in _UNKNOWN and not -90 <= lat <= 90:
                    raise ValueError(f"a latitude must be from -90 deg to 90 deg, got {lat:g} deg")
            return Place(points, celestial)
        return Place(points, system)

    def _size(self, text: str) -> Size:
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a number")
        value, unit = number(match[1]), match[2].lower()
        if unit in _PLANES:
            return Pixels(value, _PLANES[unit])
        if unit or self._system in ("wcs", *_UNKNOWN):
            return value * _UNITS.get(unit, u.deg)
        return Pixels(value, self._system or "physical")


# ---------------------------------------------------------------------- statements


def _statements(line: str) -> Iterator[tuple[str, str]]:
    """The region, frame or "global" of each statement of a line, and the properties after it."""
    for statement in _split(line):
        hidden = _HIDDEN.match(statement)
        if hidden and statement[hidden.end() :].lower().startswith("tile"):
            yield statement[hidden.end() :], ""
            continue
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
    begun = False
    for match in _TOKEN.finditer(line):
        if match[0] == "#" and not begun and not _HIDDEN.match(line, match.start()):
            return
        if match[0] == "=" and _OPEN.match(line, match.start()):
            raise ValueError(f"the value that begins with {line[match.end() :].strip()[:20]!r} has no end")
        if match[0] == ";":
            yield line[start : match.start()].strip()
            start, begun = match.end(), False
        elif not begun:
            begun = not match[0].isspace()
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
    if word == "text":
        rest = _WORDS.sub("", rest)
    rest = rest.rstrip().removesuffix("|").removesuffix("|").rstrip()
    if rest.startswith("("):
        inner, closing, behind = rest[1:].partition(")")
        if not closing:
            raise ValueError("the parenthesis is not closed")
    else:
        inner, behind = rest, ""
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


def _coordinate(text: str, *, hours: bool) -> tuple[str, float]:
    """A coordinate: "sky" and degrees, a kind of pixels and their number, or "plain" and a number without a unit.

    Colons mean hours if `hours`.
    """
    if match := _DECIMAL.fullmatch(text):
        value, unit = number(match[1]), match[2].lower()
        if unit in _UNITS:
            return "sky", float((value * _UNITS[unit]).to_value(u.deg))
        return _PLANES.get(unit, "plain"), value
    match = COLONS.fullmatch(text) or _LETTERS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number")
    hours = hours if ":" in text else "h" in text.lower()
    return "sky", sexagesimal(*match.groups()) * (15 if hours else 1)


def _angle(text: str) -> float:
    """An angle in degrees."""
    match = _DECIMAL.fullmatch(text)
    if match is None or match[2].lower() in _PLANES:
        raise ValueError(f"{text!r} is not an angle in degrees")
    return float((number(match[1]) * _UNITS.get(match[2].lower(), u.deg)).to_value(u.deg))


def _count(text: str, what: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 1000):
        raise ValueError(f"{what} must be 1 to 1000, got {text}")
    return int(text)


# ---------------------------------------------------------------------- figures


def _figures(word: str, sizes: list[str], size: Callable[[str], Size], *, by_image: bool) -> Iterator[Figure]:
    """The figures of a shape; several if it is a row of rings. `sizes` are the numbers after its position."""
    if word in ("point", "polygon", "line", "segment"):
        _check_count(word, sizes, (0,))
        yield Figure("Path" if word in _LINES else word.capitalize())
    elif word == "circle":
        _check_count(word, sizes, (1,))
        yield Figure("Circle", (size(sizes[0]),))
    elif word == "vector":
        yield Figure("Vector", (size(sizes[0]),), _angle(sizes[1]), by_image)
    elif word == "annulus":
        n_rings, sizes = _n_rings(sizes, 2)
        _check_count(word, sizes, range(2, 2**31))
        for (inner,), (outer,) in pairwise(_rings([(size(one),) for one in sizes], n_rings)):
            yield Figure("CircleAnnulus", (inner, outer)) if _value(inner) else Figure("Circle", (outer,))
    elif word in _SECTORS:
        yield _sector(word, sizes, size, by_image=by_image)
    else:
        n_rings, sizes = _n_rings(sizes, 4)
        _check_count(word, sizes, range(2, 2**31))
        angle = _angle(sizes.pop()) if len(sizes) % 2 else 0.0
        # A box has full axes, an ellipse semi-axes.
        factor, kind = (2, "Ellipse") if word == "ellipse" else (1, "Rectangle")
        lengths = [_times(factor, size(one)) for one in sizes]
        axes = _rings(list(zip(lengths[::2], lengths[1::2], strict=True)), n_rings)
        if len(axes) == 1:
            yield Figure(kind, axes[0], angle, by_image)
        for inner, outer in pairwise(axes):
            if any(map(_value, inner)):
                yield Figure(f"{kind}Annulus", (*inner, *outer), angle, by_image)
            else:
                yield Figure(kind, outer, angle, by_image)


def _sector(word: str, texts: list[str], size: Callable[[str], Size], *, by_image: bool) -> Figure:
    """The figure of a panda, an epanda or a bpanda: the numbers of its sectors and rings only draw lines in it."""
    _check_count(word, texts, (6,) if word == "panda" else (8, 9))
    start, stop = _angle(texts[0]), _angle(texts[1])
    _count(texts[2], "the number of angles")
    n = 2 if word == "panda" else 4
    _count(texts[3 + n], "the number of rings")
    angle = _angle(texts[4 + n]) if len(texts) > 4 + n else 0.0
    factor = 1 if word == "bpanda" else 2
    sizes = [_times(factor, size(one)) for one in texts[3 : 3 + n]]
    if word == "panda":
        sizes = [sizes[0], sizes[0], sizes[1], sizes[1]]
    _check_units(sizes)
    inner, outer = sizes[:2], sizes[2:]
    hollow = any(map(_value, inner))
    if not all(_value(one) > 0 for one in (*outer, *(inner if hollow else ()))) or any(
        _value(a) >= _value(b) for a, b in zip(inner, outer, strict=True)
    ):
        raise ValueError("its outer sizes must be greater than the inner ones, and positive")
    return Figure("Sector", tuple(sizes), angle, by_image, _SECTORS[word], start, stop)


def _check_count(word: str, sizes: list[str], known: Sequence[int]) -> None:
    if len(sizes) not in known:
        raise ValueError(f"{word} cannot have {len(sizes)} numbers after its position")


def _check_units(sizes: Sequence[Size]) -> None:
    if len({one.plane if isinstance(one, Pixels) else "" for one in sizes}) > 1:
        raise ValueError("its sizes must be all angles, or all in pixels of one kind")


def _value(size: Size) -> float:
    """A size as a number; in radians if it is an angle."""
    return size.value if isinstance(size, Pixels) else float(size.to_value(u.rad))


def _times(factor: float, size: Size) -> Size:
    return Pixels(factor * size.value, size.plane) if isinstance(size, Pixels) else factor * size


def _n_rings(sizes: list[str], at: int) -> tuple[int, list[str]]:
    """The number of rings that ``n=`` asks for, 0 if it does not, and the sizes without it."""
    match = re.fullmatch(r"n=(\d+)", sizes[at], re.IGNORECASE) if len(sizes) > at else None
    if match is None:
        return 0, sizes
    return _count(match[1], "n"), sizes[:at] + sizes[at + 1 :]


def _rings(limits: list[tuple[Size, ...]], n_rings: int) -> list[tuple[Size, ...]]:
    """The limits of all rings, from the inside to the outside."""
    _check_units([size for limit in limits for size in limit])
    if not n_rings:
        return limits
    if len(limits) != 2:
        raise ValueError("n= needs exactly one inner and one outer size")
    first, last = limits
    return [tuple(_between(a, b, k / n_rings) for a, b in zip(first, last, strict=True)) for k in range(n_rings + 1)]


def _between(first: Size, last: Size, part: float) -> Size:
    if isinstance(first, Pixels):
        return Pixels(first.value + part * (_in_unit_of(first, last) - first.value), first.plane)
    return (first.value + part * (_in_unit_of(first, last) - first.value)) * first.unit


def _in_unit_of(first: Size, last: Size) -> float:
    return last.value if isinstance(last, Pixels) else float(last.to_value(first.unit))  # type: ignore[union-attr]
