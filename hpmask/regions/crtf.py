"""Regions from lines of the CASA Region Text Format (CRTF).

The grammar is that of https://casa.nrao.edu/casadocs/casa-5.4.0/image-analysis/region-file-format. A line is read
completely or is an `Unreadable`.

* A ``box`` is the sky between the two meridians and the two parallels of its corners.
* An ``ellipse`` has semi-axes. The position angle is that of the first, from north through east.
* ``coord=ECLIPTIC`` is the mean ecliptic of J2000, as in casacore. ``MECLIPTIC`` and ``TECLIPTIC``, the mean and true
  ecliptic of date, raise an error, because the text has no date.
* Pixels count from 0. In pixels a ``box`` is upright, and position angles count from the y axis.
* Without ``coord``, the frame is that of the image.
* Annotations (``ann``) and texts are labels: they mark an image, and are not part of a region.
* Ranges of frequency or velocity and Stokes parameters (``range``, ``corr``) are ignored: the region counts with its
  whole area.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from astropy import units as u

from hpmask.regions.figures import Figure, Pixels, Place, Size
from hpmask.regions.from_astropy import Unreadable, Unusable
from hpmask.regions.items import item_or_region
from hpmask.regions.numbers import COLONS, NUMBER, number, sexagesimal

__all__ = ["Reader"]

_FRAMES = {
    "ICRS": "icrs",
    "J2000": "fk5",
    "B1950": "fk4",
    "GALACTIC": "galactic",
    "SUPERGAL": "supergalactic",
    "ECLIPTIC": "barycentricmeanecliptic",
}
# What each shape has: positions or pairs of sizes (p), single sizes (s), words (w).
_SHAPES = {
    "box": "pp",
    "centerbox": "pp",
    "rotbox": "pps",
    "poly": "ppp",
    "circle": "ps",
    "annulus": "pp",
    "ellipse": "pps",
    "symbol": "pw",
    "point": "p",
    "text": "pw",
    "line": "pp",
    "vector": "pp",
    "polyline": "pp",
}
_OPEN_ENDED = ("poly", "polyline")
# Of how many pairs the place of each shape is, if it has more than one.
_N_PLACES = {"box": 2, "line": 2, "vector": 2}
_KEYS = """
coord frame corr veltype restfreq linewidth linestyle symsize symthick symbol color font fontsize fontstyle usetex
label labelpos labelcolor labeloff range comment
""".split()  # noqa: SIM905

_HEAD = re.compile(r"([+-]?)\s*(ann\s+)?([a-z]+)\s*(?=\[)", re.IGNORECASE)
_ITEM = re.compile(
    r"""(?:\s*\[(?P<first>[^\[\],]*),(?P<second>[^\[\],]*)\]\s*|\s*(?P<text>'[^']*'|"[^"]*")\s*|(?P<bare>[^\[\],]*))"""
    r"(?P<end>[,\]])"
)
_PARAMETER = re.compile(r"""\s*+(\w++)\s*+=\s*+('[^']*+'|"[^"]*+"|\[[^\[\]]*+\]|[^,\[\]'"=]++)\s*+(?:,|$)""")
_UNITS = {
    "deg": u.deg,
    "rad": u.rad,
    "arcmin": u.arcmin,
    "arcsec": u.arcsec,
    "'": u.arcmin,
    '"': u.arcsec,
}
# Plain numbers: a polygon may have many thousand coordinates.
_DEGREES = {name: float(unit.to(u.deg)) for name, unit in _UNITS.items()}
_QUANTITY = re.compile(rf"({NUMBER})\s*(deg|rad|arcmin|arcsec|pix|'|\")")
_LETTERS = re.compile(r"([+-]?)(\d+)([hd])(\d+)m(?:(\d++(?:\.\d*+)?)s?)?", re.IGNORECASE)
_DOTS = re.compile(r"([+-]?)(\d+)\.(\d+)\.(\d+(?:\.\d*)?)")


class Reader:
    """Reads regions line by line; the global parameters hold until they change.

    Examples
    --------
    >>> from hpmask.regions.crtf import Reader
    >>> [type(region).__name__ for region in Reader().read_line("circle[[10deg, 20deg], 3arcmin], coord=ICRS")]
    ['Circle']
    """

    language = "crtf"

    def __init__(self) -> None:
        self._globals: dict[str, str] = {}
        # Whether a line that could not be read may have been a global one.
        self._lost = False

    def read_line(self, line: str) -> list[Any]:
        """The region of a line, or an `Unreadable`; empty if there is none."""
        line = line.strip()
        if not line or line.startswith("#"):
            return []
        try:
            return self._read(line)
        except ValueError as error:
            match = _HEAD.match(line)
            if match is None or match[3].lower() not in _SHAPES:
                self._lost = True
            return [Unreadable(str(error))]

    def _read(self, line: str) -> list[Any]:
        if match := re.match(r"global\b", line, re.IGNORECASE):
            parameters = _parameters(line[match.end() :])
            self._globals |= parameters
            self._lost &= "coord" not in parameters
            return []
        match = _HEAD.match(line)
        if match is None:
            raise ValueError("it is neither a region nor a comment nor 'global'")
        sign, annotation, word = match[1], match[2], match[3].lower()
        if word not in _SHAPES:
            raise ValueError(f"{word!r} is not a shape: known are {', '.join(_SHAPES)}")
        items, rest = _items(line[match.end() :])
        _check_items(word, items)
        own = _parameters(rest.lstrip().removeprefix(","))
        meta = {"include": sign != "-", "type": "ann" if annotation else "reg"}
        if annotation or word == "text":
            return [Unusable(f"annotation {word}" if annotation else word, "area", meta)]
        figure, place = _figure_and_place(word, items, (self._globals | own).get("coord"))
        if place.system != "pixel" and self._lost and "coord" not in own:
            raise ValueError("its coord is not known, because what may have been a global line could not be read")
        kind = (
            f"{word} in pixels" if place.system else f"{word} without a frame (coord=ICRS, in its line or a global one)"
        )
        return [item_or_region(replace(figure, name=word), place, meta, kind)]


def _items(text: str) -> tuple[list[str | tuple[str, str]], str]:
    """The items of a bracket, those in inner brackets as pairs, and the text after the bracket."""
    items: list[str | tuple[str, str]] = []
    at = 1
    while match := _ITEM.match(text, at):
        at = match.end()
        if match["first"] is not None:
            items.append((match["first"].strip(), match["second"].strip()))
        else:
            items.append((match["text"] or match["bare"]).strip())
        if match["end"] == "]":
            return items, text[at:]
    raise ValueError(f"{text[at:].strip()!r} is not a pair such as [10deg, 20deg], or a bracket is not closed")


def _check_items(word: str, items: list[str | tuple[str, str]]) -> None:
    form = _SHAPES[word]
    if word in _OPEN_ENDED:
        form = "p" * max(len(form), len(items))
    fits = [isinstance(item, str) != (one == "p") for item, one in zip(items, form, strict=False)]
    if len(items) != len(form) or not all(fits):
        names = {"p": "[.., ..]", "s": "a size", "w": "a word"}
        raise ValueError(f"{word} must have {', '.join(names[one] for one in form)}")


def _parameters(text: str) -> dict[str, str]:
    """Pairs such as ``coord=ICRS``, separated by commas."""
    parameters = {}
    at = 0
    text = text.strip()
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:].strip()!r} is not a list of parameters such as 'coord=ICRS, color=red'")
        key = match[1].lower()
        if key not in _KEYS:
            raise ValueError(f"{match[1]!r} is not a parameter")
        parameters[key] = match[2].strip()
        at = match.end()
    return parameters


def _figure_and_place(word: str, items: list[Any], coord: str | None) -> tuple[Figure, Place]:
    """The figure of a shape with an area or a length, and where it is."""
    n = len(items) if word in _OPEN_ENDED else _N_PLACES.get(word, 1)
    place = _place(items[:n], coord)
    sizes: list[Size] = []
    for item in items[n:] if word != "symbol" else []:
        sizes += [_size(one) for one in ([item] if isinstance(item, str) else item)]
    by_image = place.system == "pixel"
    match word:
        case "poly":
            return Figure("Polygon"), place
        case "box":
            return Figure("LonLatBox"), place
        case "symbol" | "point":
            return Figure("Point"), place
        case "line" | "vector" | "polyline":
            return Figure("Path"), place
        case "circle":
            return Figure("Circle", tuple(sizes)), place
        case "annulus":
            empty = sizes[0].value == 0
            return Figure("Circle", (sizes[1],)) if empty else Figure("CircleAnnulus", tuple(sizes)), place
    angle = 0.0
    if word != "centerbox":
        turn = sizes.pop()
        if isinstance(turn, Pixels):
            raise ValueError("an angle cannot be in pixels")
        angle = float(turn.to_value(u.deg))
    if word == "ellipse":
        # The position angle is that of the first semi-axis.
        sizes = [Pixels(2 * one.value, one.plane) if isinstance(one, Pixels) else 2 * one for one in sizes[::-1]]
    return Figure("Ellipse" if word == "ellipse" else "Rectangle", tuple(sizes), angle, by_image), place


def _place(pairs: list[Any], coord: str | None) -> Place:
    """The positions of some pairs."""
    numbers = [(_coordinate(one, lon=True), _coordinate(other, lon=False)) for one, other in pairs]
    systems = {system for pair in numbers for system, _ in pair}
    if len(systems) > 1:
        raise ValueError("its coordinates must be all in pixels, or none of them")
    points = [(x, y) for (_, x), (_, y) in numbers]
    if systems == {"pixel"}:
        return Place(points, "pixel")
    for _, lat in points:
        if not -90 <= lat <= 90:
            raise ValueError(f"a latitude must be from -90 deg to 90 deg, got {lat:g} deg")
    if coord is None:
        return Place(points, "")
    name = coord.strip("'\"").upper()
    if name not in _FRAMES:
        raise ValueError(f"coord must be one of {', '.join(_FRAMES)}, got {coord}")
    return Place(points, _FRAMES[name])


def _value_and_unit(text: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an angle with a unit such as '3arcmin'")
    return number(match[1]), match[2].lower()


def _size(text: str) -> Size:
    value, unit = _value_and_unit(text)
    return Pixels(value, "pixel") if unit == "pix" else value * _UNITS[unit]


def _coordinate(text: str, *, lon: bool) -> tuple[str, float]:
    """A coordinate: "pixel" and a number of pixels, or "sky" and degrees."""
    if match := _LETTERS.fullmatch(text):
        sign, whole, unit, minutes, seconds = match.groups()
        if unit in "hH" and not lon:
            raise ValueError(f"{text!r} is in hours: a latitude must be in degrees, such as -23d11m00s")
        return "sky", sexagesimal(sign, whole, minutes, seconds) * (15 if unit in "hH" else 1)
    if match := COLONS.fullmatch(text):
        # For CASA, colons mean hours.
        if not lon:
            raise ValueError(f"{text!r} is in hours: a latitude must be in degrees, such as -23d11m00s or -23.11.00")
        return "sky", sexagesimal(*match.groups()) * 15
    if match := _DOTS.fullmatch(text):
        return "sky", sexagesimal(*match.groups())
    value, unit = _value_and_unit(text)
    return ("pixel", value) if unit == "pix" else ("sky", value * _DEGREES[unit])
