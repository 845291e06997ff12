"""Regions from lines of the CASA Region Text Format (CRTF).

The grammar is that of https://casa.nrao.edu/casadocs/casa-5.4.0/image-analysis/region-file-format. A line is read
completely or raises.

* A ``box`` is the sky between the two meridians and the two parallels of its corners.
* An ``ellipse`` has semi-axes. The position angle is that of the first, from north through east.
* ``coord=ECLIPTIC`` is the mean ecliptic of J2000, as in casacore. ``MECLIPTIC`` and ``TECLIPTIC``, the mean and true
  ecliptic of date, raise an error, because the text has no date.
* Ranges of frequency or velocity and Stokes parameters (``range``, ``corr``) are ignored: the region counts with its
  whole area.
"""

from __future__ import annotations

import re
from typing import Any

from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph

from hpmask.regions.from_astropy import LonLatBox, Unusable
from hpmask.regions.numbers import COLONS, NUMBER, OffSky, sexagesimal, size

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
_NO_AREA = ("text", "line", "vector", "polyline")
_KEYS = """
coord frame corr veltype restfreq linewidth linestyle symsize symthick symbol color font fontsize fontstyle usetex
label labelpos labelcolor labeloff range comment
""".split()  # noqa: SIM905

_HEAD = re.compile(r"([+-]?)\s*(ann\s+)?([a-z]+)\s*(?=\[)", re.IGNORECASE)
_ITEM = re.compile(
    r"""(?:\s*\[(?P<first>[^\[\],]*),(?P<second>[^\[\],]*)\]\s*|\s*(?P<text>'[^']*'|"[^"]*")\s*|(?P<bare>[^\[\],]*))"""
    r"(?P<end>[,\]])"
)
_PARAMETER = re.compile(r"""\s*(\w+)\s*=\s*('[^']*'|"[^"]*"|\[[^\[\]]*\]|[^,\[\]'"=]+)\s*(?:,|$)""")
_UNITS = {
    "deg": u.deg,
    "rad": u.rad,
    "arcmin": u.arcmin,
    "arcsec": u.arcsec,
    "'": u.arcmin,
    '"': u.arcsec,
    "pix": None,
}
_QUANTITY = re.compile(rf"({NUMBER})\s*(deg|rad|arcmin|arcsec|pix|'|\")")
_LETTERS = re.compile(r"([+-]?)(\d+)([hd])(\d+)m(?:(\d+\.?\d*)s?)?", re.IGNORECASE)
_DOTS = re.compile(r"([+-]?)(\d+)\.(\d+)\.(\d+(?:\.\d*)?)")


class Reader:
    """Reads regions line by line; the global parameters hold until they change.

    Examples
    --------
    >>> from hpmask.regions.crtf import Reader
    >>> [type(region).__name__ for region in Reader().read_line("circle[[10deg, 20deg], 3arcmin], coord=ICRS")]
    ['CircleSkyRegion']
    """

    language = "crtf"

    def __init__(self) -> None:
        self._globals: dict[str, str] = {}

    def read_line(self, line: str) -> list[Any]:
        """The regions of a line: one or none.

        Raises
        ------
        ValueError
            If any part of the line is not understood.
        """
        line = line.strip()
        if not line or line.startswith("#"):
            return []
        if match := re.match(r"global\b", line, re.IGNORECASE):
            self._globals |= _parameters(line[match.end() :])
            return []
        match = _HEAD.match(line)
        if match is None:
            raise ValueError("it is neither a region nor a comment nor 'global'")
        sign, annotation, word = match[1], match[2], match[3].lower()
        if word not in _SHAPES:
            raise ValueError(f"{word!r} is not a shape: known are {', '.join(_SHAPES)}")
        items, rest = _items(line[match.end() :])
        _check_items(word, items)
        parameters = self._globals | _parameters(rest.lstrip().removeprefix(","))
        meta = {"include": sign != "-", "type": "ann" if annotation else "reg"}
        if annotation or word in _NO_AREA:
            return [Unusable(f"annotation {word}" if annotation else word, "area", meta)]
        try:
            return [_region(word, items, parameters.get("coord"), meta)]
        except OffSky:
            return [Unusable(f"{word} in pixels", "place", meta)]


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


def _region(word: str, items: list[Any], coord: str | None, meta: dict[str, Any]) -> Any:
    """The region of a shape with an area."""
    import regions

    pairs = items if word in _OPEN_ENDED else items[: 2 if word == "box" else 1]
    lon, lat = [_degrees(one, lon=True) for one, _ in pairs], [_degrees(one, lon=False) for _, one in pairs]
    if coord is None:
        raise ValueError("a frame was not found: give it as coord=ICRS, in the line or in a global one")
    if coord.strip("'\"").upper() not in _FRAMES:
        raise ValueError(f"coord must be one of {', '.join(_FRAMES)}, got {coord}")
    frame = _FRAMES[coord.strip("'\"").upper()]
    where = SkyCoord(lon, lat, unit="deg", frame=frame)
    sizes = []
    for item in items[len(pairs) :] if word != "symbol" else []:
        sizes += [_size(size) for size in ([item] if isinstance(item, str) else item)]
    match word:
        case "poly":
            return regions.PolygonSkyRegion(where, meta=meta)
        case "box":
            return LonLatBox(frame_transform_graph.lookup_name(frame)(), *_limits(*lon, *lat), meta)
        case "symbol" | "point":
            return regions.PointSkyRegion(where[0], meta=meta)
        case "circle":
            return regions.CircleSkyRegion(where[0], *sizes, meta=meta)
        case "annulus":
            return regions.CircleAnnulusSkyRegion(where[0], *sizes, meta=meta)
        case "ellipse":
            first, second, angle = sizes
            return regions.EllipseSkyRegion(where[0], 2 * second, 2 * first, angle, meta=meta)
    return regions.RectangleSkyRegion(where[0], *sizes, meta=meta)


def _limits(lon1: float, lon2: float, lat1: float, lat2: float) -> tuple[u.Quantity, u.Quantity]:
    """The longitudes, from west to east, and latitudes between two corners."""
    width = (lon2 - lon1) % 360
    if width in (0, 180) or lat1 == lat2:
        raise ValueError("a box needs corners of different latitudes, and of longitudes less than 180 deg apart")
    if width > 180:
        lon1, lon2 = lon2, lon1
    return u.Quantity([lon1, lon2], "deg"), u.Quantity(sorted([lat1, lat2]), "deg")


def _size(text: str) -> u.Quantity:
    return size(text, _QUANTITY, _UNITS, "an angle with a unit such as '3arcmin'")


def _degrees(text: str, *, lon: bool) -> float:
    """A coordinate in degrees."""
    if match := _LETTERS.fullmatch(text):
        sign, whole, unit, minutes, seconds = match.groups()
        if unit in "hH" and not lon:
            raise ValueError(f"{text!r} is in hours: a latitude must be in degrees, such as -23d11m00s")
        return sexagesimal(sign, whole, minutes, seconds) * (15 if unit in "hH" else 1)
    if match := COLONS.fullmatch(text):
        # For CASA, colons mean hours.
        if not lon:
            raise ValueError(f"{text!r} is in hours: a latitude must be in degrees, such as -23d11m00s or -23.11.00")
        return sexagesimal(*match.groups()) * 15
    if match := _DOTS.fullmatch(text):
        return sexagesimal(*match.groups())
    return float(_size(text).to_value(u.deg))
