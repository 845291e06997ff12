"""Simple regions of astropy's `regions` package, one by one, to shapes.

All positions are transformed to the frame of the mask in one call.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import BaseCoordinateFrame, SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import float64, unmasked
from hpmask.geometry import frames
from hpmask.regions.compounds import path, sector
from hpmask.regions.figures import Drawn, LonLatBox, OnImage, drawn_of
from hpmask.regions.pixels import PixelFrame
from hpmask.regions.shapes import Combined, Disc, Ellipse, Polygon, Shape, Zone

__all__ = [
    "KINDS",
    "NO_CONTEXT",
    "WHOLE_SKY",
    "Context",
    "Leaf",
    "LonLatBox",
    "Placed",
    "Refused",
    "Unreadable",
    "Unusable",
    "build",
    "is_label",
]

WHOLE_SKY = Disc(0.0, 0.0, math.pi)


@dataclass(frozen=True, slots=True)
class Context:
    """What gives regions a place or an area that they do not have by themselves."""

    pixels: PixelFrame | None = None
    """The image that pixel coordinates belong to."""
    half_width: float | None = None
    """Half of the width of lines in radians."""
    point_radius: float = 0.0
    """Radius of points in radians."""


NO_CONTEXT = Context()


@dataclass(slots=True)
class Unusable:
    """A region of a text that cannot be in a mask: without an area or a position on the sky, or of unknown kind."""

    kind: str
    lacks: Literal["area", "place", "kind"]
    meta: dict[str, Any]


@dataclass(slots=True)
class Unreadable:
    """A part of a text that cannot be read, and why."""

    why: str
    kind: str = "unreadable"
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Leaf:
    """A simple region, and where it was found."""

    region: Any
    number: int
    where: str
    name: str = ""
    """Its name in messages, if that is not clear from the region."""

    @property
    def kind(self) -> str:
        return _kind(type(self.region))  # type: ignore[arg-type]

    def __str__(self) -> str:
        if self.name:
            return self.name
        name = getattr(self.region, "kind", None) or type(self.region).__name__
        return f"region {self.number} ({name}){self.where}"


@cache
def _kind(cls: type) -> str:
    """The name of a class without "SkyRegion", or of the first of its bases that is a known one."""
    for base in cls.__mro__:
        kind = re.sub(r"(Spherical)?SkyRegion$", "", base.__name__)
        if kind in _BUILDERS or kind == "Text" or kind.endswith("PixelRegion"):
            return kind
    return cls.__name__


@dataclass(slots=True)
class Placed:
    """A shape that lies within `reach` of a unit vector."""

    shape: Shape
    centre: tuple[float, float, float]
    reach: float


@dataclass(slots=True)
class Refused:
    """A region that cannot be in a mask, and why."""

    leaf: Leaf
    lacks: Literal["area", "width", "place", "kind", "value", "line"]
    why: str = ""


def is_label(region: Any) -> bool:
    """Whether a region only labels or annotates an image: a text, or an annotation of CRTF."""
    if (getattr(region, "meta", None) or {}).get("type") == "ann":
        return True
    if isinstance(region, Unusable):
        return region.kind == "text"
    return _kind(type(region)) in ("Text", "TextPixelRegion")  # type: ignore[arg-type]


def build(leaves: list[Leaf], frame: str, context: Context = NO_CONTEXT) -> list[Placed | Refused]:
    """The shapes of simple regions, or why they have none.

    Parameters
    ----------
    leaves : list of Leaf
        The regions.
    frame : {"icrs", "galactic"}
        Frame of the shapes.
    context : Context, optional
        The image, and the widths of lines and points.

    Raises
    ------
    ValueError
        If astropy cannot transform a frame to `frame`.

    Examples
    --------
    >>> from hpmask.regions.from_astropy import Leaf, build
    >>> from regions import Regions
    >>> (circle,) = Regions.parse("icrs; circle(0, 45, 90)", format="ds9")
    >>> build([Leaf(circle, 0, "")], "icrs")[0].shape
    Disc(lon=0.0, lat=0.7853981633974483, radius=1.5707963267948966)
    """
    leaves = list(leaves)
    results: list[Placed | Refused | None] = []
    for i, leaf in enumerate(leaves):
        try:
            leaves[i] = _seen(leaf, context.pixels)
            results.append(_refused(leaves[i], context))
        except ValueError as error:
            results.append(Refused(leaf, "value", str(error)))
    known: list[_Places] = []
    located: dict[int, _Place | None] = {}
    for i, leaf in enumerate(leaves):
        if results[i] is None:
            try:
                located[i] = _located(leaf, known)
            except ValueError as error:
                results[i] = Refused(leaf, "value", str(error))
    for places in known:
        places.solve(frame)
    for i, place in located.items():
        try:
            results[i] = _built(leaves[i], place, frame, context)
        except ValueError as error:
            results[i] = Refused(leaves[i], "value", str(error))
    return results  # type: ignore[return-value]


# ---------------------------------------------------------------------- checks

_LINES = ("Line", "Path")


def _seen(leaf: Leaf, pixels: PixelFrame | None) -> Leaf:
    """A region on the sky in place of one in pixels, if there is an image."""
    region = leaf.region
    if pixels is None or is_label(region):
        return leaf
    if isinstance(region, OnImage):
        region = region.region(pixels)
    elif leaf.kind.endswith("PixelRegion"):
        bases = [base.__name__.removesuffix("PixelRegion") for base in type(region).__mro__]
        kind = next((base for base in bases if base in _BUILDERS), None)
        if kind is None:
            return leaf
        region = drawn_of(region, kind)
    if isinstance(region, Drawn):
        region = region.region(pixels)
    return leaf if region is leaf.region else replace(leaf, region=region, name=str(leaf))


def _refused(leaf: Leaf, context: Context) -> Refused | None:
    """Why a region cannot be in a mask, whatever its numbers are; None if it can."""
    region = leaf.region
    if isinstance(region, Unreadable):
        return Refused(leaf, "line", region.why)
    if isinstance(region, Unusable):
        return Refused(leaf, region.lacks)
    if is_label(region):
        return Refused(leaf, "area")
    if isinstance(region, OnImage) or leaf.kind.endswith("PixelRegion"):
        return Refused(leaf, "place" if context.pixels is None else "kind")
    if leaf.kind in _LINES and context.half_width is None:
        return Refused(leaf, "width")
    return None if leaf.kind in _BUILDERS else Refused(leaf, "kind")


# ---------------------------------------------------------------------- places

# A step along an axis, in radians. It is short because some frames differ by slightly more than a rotation (FK4
# contains some aberration), and long enough that rounding turns the axis by less than 1e-12 rad.
_STEP = 1e-3

_DEGREE = float(u.deg.to(u.rad))


class _Places:
    """Positions of one frame, which are transformed to the frame of the mask together."""

    def __init__(self, frame: BaseCoordinateFrame, first: Leaf) -> None:
        self.frame = frame
        self.first = first
        self.lon: list[float] = []
        self.lat: list[float] = []

    def add(self, lon: Iterable[float], lat: Iterable[float]) -> slice:
        start = len(self.lon)
        self.lon.extend(lon)
        self.lat.extend(lat)
        return slice(start, len(self.lon))

    def solve(self, frame: str) -> None:
        """The positions in `frame`."""
        coord = SkyCoord(self.lon * u.rad, self.lat * u.rad, frame=self.frame)
        self.lon, self.lat = frames.to_lonlat(coord, frame, f"{self.first}: its position")  # type: ignore[assignment]


@dataclass(slots=True)
class _Place:
    """Where a region is: its centre or corners, and a second point on its height axis if it has one."""

    places: _Places
    points: slice
    axis: slice | None


def _located(leaf: Leaf, known: list[_Places]) -> _Place | None:
    """The position of a region in its own frame."""
    if leaf.kind in ("Whole", "Range", "LonLatBox"):
        return None
    if leaf.kind == "Lune":
        coord = SkyCoord([leaf.region.center_gc1, leaf.region.center_gc2])
    elif leaf.kind == "Line":
        coord = SkyCoord([leaf.region.start, leaf.region.end])
    else:
        coord = leaf.region.vertices if leaf.kind in _BY_VERTICES else leaf.region.center
    there = frames.directions(coord, "its position")
    lon, lat = (np.ravel(_radians(angle)).tolist() for angle in (there.data.lon, there.data.lat))
    if not all(map(math.isfinite, lon + lat)):
        raise ValueError("its position is not finite")
    if leaf.kind == "Polygon":
        lon, lat = _corners(lon, lat)
    places = next((one for one in known if one.frame.is_equivalent_frame(there)), None)
    if places is None:
        places = _Places(there.replicate_without_data(), leaf)
        known.append(places)
    axis = None
    if hasattr(leaf.region, "angle"):
        angle = _angle(leaf.region, "angle", "its ")
        if not math.isfinite(angle):
            raise ValueError(f"its angle is {leaf.region.angle}")
        axis = places.add(*([value] for value in _step(lon[0], lat[0], angle)))
    return _Place(places, places.add(lon, lat), axis)


def _radians(angle: u.Quantity) -> Any:
    """An angle in radians; astropy's conversion is slow for a single number in the usual unit."""
    return angle.value * _DEGREE if angle.unit is u.deg else angle.to_value(u.rad)


def _angle(region: Any, name: str, of: str = "") -> float:
    """An angle of a region in radians."""
    return float(_radians(float64(unmasked(getattr(region, name), of + name))))


def _corners(lon: list[float], lat: list[float]) -> tuple[list[float], list[float]]:
    """The corners of a polygon without those that repeat the one before."""
    vectors = np.array([_vector(*corner) for corner in zip(lon, lat, strict=True)])
    keep = np.linalg.norm(vectors - np.roll(vectors, 1, axis=0), axis=1) > 1e-14
    if len(np.unique(np.round(vectors, 13), axis=0)) < 3:
        raise ValueError("a polygon needs at least 3 different vertices")
    return np.array(lon)[keep].tolist(), np.array(lat)[keep].tolist()


_BY_VERTICES = ("Polygon", "Outline", "Path")
_BY_ARRAYS = (*_BY_VERTICES, "Line", "Lune")


def _built(leaf: Leaf, place: _Place | None, frame: str, context: Context) -> Placed:
    """The shape of a region whose position is known."""
    if place is None:
        return Placed(_BUILDERS[leaf.kind](leaf.region, frame), (1.0, 0.0, 0.0), math.pi)
    places = place.places
    lon, lat = np.asarray(places.lon)[place.points], np.asarray(places.lat)[place.points]
    values: list[Any] = [lon, lat] if leaf.kind in _BY_ARRAYS else [float(lon[0]), float(lat[0])]
    if place.axis is not None:
        if places.frame.name == frame:
            angle = _angle(leaf.region, "angle")
        else:
            lon2, lat2 = places.lon[place.axis], places.lat[place.axis]
            angle = _position_angle(values[0], values[1], float(lon2[0]), float(lat2[0]))
        values.append(angle)
    if leaf.kind == "Point":
        values.append(context.point_radius)
    elif leaf.kind in _LINES:
        values.append(context.half_width)
    shape, reach = _BUILDERS[leaf.kind](leaf.region, *values)
    return Placed(shape, _vector(float(lon[0]), float(lat[0])), reach)


def _vector(lon: float, lat: float) -> tuple[float, float, float]:
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def _step(lon: float, lat: float, angle: float) -> tuple[float, float]:
    """The position a short step away in the direction of a position angle."""
    # In the axes of the point itself: towards its zenith, its east and its north.
    x, y, z = math.cos(_STEP), math.sin(_STEP) * math.sin(angle), math.sin(_STEP) * math.cos(angle)
    x, z = x * math.cos(lat) - z * math.sin(lat), x * math.sin(lat) + z * math.cos(lat)
    return lon + math.atan2(y, x), math.atan2(z, math.hypot(x, y))


def _position_angle(lon: float, lat: float, lon2: float, lat2: float) -> float:
    """The position angle of a second point as seen from a first one, north through east.

    The four-part formula of spherical trigonometry, with the difference of the latitudes taken out of the
    northern component, so that it stays exact for close points.
    """
    east = math.cos(lat2) * math.sin(lon2 - lon)
    north = math.sin(lat2 - lat) + 2 * math.cos(lat2) * math.sin(lat) * math.sin((lon2 - lon) / 2) ** 2
    return math.atan2(east, north)


# ---------------------------------------------------------------------- the kinds


def _size(region: Any, name: str, most: float, *, part: float = 1.0) -> float:
    """A size of a region in radians, times `part`."""
    value = _angle(region, name) * part
    if not 0 <= value <= most:
        limit = f"{math.degrees(most) / part:g} deg"
        raise ValueError(f"{name} must be between 0 and {limit}, got {getattr(region, name)}")
    return value


def _half(region: Any, name: str) -> float:
    """Half of a full axis, in radians; above 0, for an area, and below 90 deg."""
    value = _size(region, name, math.pi / 2, part=0.5)
    if value in (0, math.pi / 2):
        raise ValueError(f"{name} must be above 0 and below 180 deg, got {getattr(region, name)}")
    return value


def _circle(region: Any, lon: float, lat: float) -> tuple[Shape, float]:
    radius = _size(region, "radius", math.pi)
    return Disc(lon, lat, radius), radius


def _circle_annulus(region: Any, lon: float, lat: float) -> tuple[Shape, float]:
    inner, outer = _size(region, "inner_radius", math.pi), _size(region, "outer_radius", math.pi)
    if inner >= outer:
        raise ValueError(f"inner_radius {region.inner_radius} must be below outer_radius {region.outer_radius}")
    return Combined(Disc(lon, lat, outer), Disc(lon, lat, inner), "-", nested=True), outer


def _ellipse(region: Any, lon: float, lat: float, angle: float, prefix: str = "") -> tuple[Shape, float]:
    half_width, half_height = _half(region, prefix + "width"), _half(region, prefix + "height")
    return Ellipse(lon, lat, half_width, half_height, angle), max(half_width, half_height)


def _rectangle(region: Any, lon: float, lat: float, angle: float, prefix: str = "") -> tuple[Shape, float]:
    half_width, half_height = _half(region, prefix + "width"), _half(region, prefix + "height")
    # Its sides are straight in the gnomonic projection, at the tangents of the semi-axes.
    reach = math.atan(math.hypot(math.tan(half_width), math.tan(half_height)))
    return Polygon.rectangle(lon, lat, half_width, half_height, angle), reach


def _annulus(
    build: Callable[..., tuple[Shape, float]],
) -> Callable[[Any, float, float, float], tuple[Shape, float]]:
    def annulus(region: Any, lon: float, lat: float, angle: float) -> tuple[Shape, float]:
        for name in ("width", "height"):
            inner, outer = getattr(region, f"inner_{name}"), getattr(region, f"outer_{name}")
            if inner >= outer:
                raise ValueError(f"inner_{name} {inner} must be below outer_{name} {outer}")
        outer_shape, reach = build(region, lon, lat, angle, "outer_")
        inner_shape, _ = build(region, lon, lat, angle, "inner_")
        return Combined(outer_shape, inner_shape, "-", nested=True), reach

    return annulus


def _polygon(region: Any, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[Shape, float]:
    return Polygon(lon, lat), _reach(lon, lat)


def _reach(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> float:
    """A radius around the first vertex of a disc that contains the edges between all vertices."""
    vectors = frames.unit_vectors(lon, lat)
    reach = 2 * math.asin(min(1.0, float(np.linalg.norm(vectors - vectors[0], axis=1).max()) / 2))
    # A disc below a hemisphere holds the edges between any two of its points; a greater one may not.
    return reach if reach < 1.5 else math.pi


def _outline(region: Any, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[Shape, float]:
    ends = np.cumsum(region.lengths)[:-1]
    (x, y), *holes = zip(np.split(lon, ends), np.split(lat, ends), strict=True)
    return Polygon(x, y, holes=holes), _reach(lon, lat)


def _line(region: Any, lon: NDArray[np.float64], lat: NDArray[np.float64], half_width: float) -> tuple[Shape, float]:
    return path(lon, lat, half_width), min(_reach(lon, lat) + half_width, math.pi)


def _sector(region: Any, lon: float, lat: float, angle: float) -> tuple[Shape, float]:
    build: Callable[..., tuple[Shape, float]]
    if region.shape == "Circle":

        def build(region: Any, lon: float, lat: float, angle: float, prefix: str) -> tuple[Shape, float]:
            radius = _size(region, prefix + "width", 2 * math.pi) / 2
            return Disc(lon, lat, radius), radius
    else:
        build = _ellipse if region.shape == "Ellipse" else _rectangle
    outer, reach = build(region, lon, lat, angle, "outer_")
    sizes = [(getattr(region, f"inner_{name}"), getattr(region, f"outer_{name}")) for name in ("width", "height")]
    inner = None
    if any(hole.value for hole, _ in sizes):
        if any(hole >= size for hole, size in sizes):
            raise ValueError("its inner sizes must be below the outer ones")
        inner, _ = build(region, lon, lat, angle, "inner_")
    span = math.radians((region.stop - region.start) % 360) or 2 * math.pi
    # The angle is that of the height axis as a position angle; the width axis is 90 deg before it.
    first = angle + math.radians(region.start - 90)
    return sector(outer, inner, lon, lat, first, span, reach), reach


def _point(region: Any, lon: float, lat: float, radius: float) -> tuple[Shape, float]:
    return Disc(lon, lat, radius), radius


def _lune(region: Any, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[Shape, float]:
    first, second = (Disc(float(lon[i]), float(lat[i]), math.pi / 2) for i in (0, 1))
    return Combined(first, second, "&"), math.pi / 2


def _whole(region: Any, frame: str) -> Shape:
    return WHOLE_SKY


def _range(region: Any, frame: str) -> Shape:
    """A box in longitude and latitude; descending latitudes mean the sky outside them."""
    source = region.frame
    if region.longitude_range is None and region.latitude_range is None:
        raise ValueError(
            "a range that was transformed has no limits in longitude and latitude: give it in its first frame"
        )
    if any(getattr(source, name) != default for name, default in _defaults(source)):
        raise ValueError(f"the frame of a range must have the default values of its attributes, got {source!r}")
    lon = region.longitude_range
    if lon is not None and abs(lon[1] - lon[0]) >= 360 * u.deg:
        lon = None

    def zone(south: u.Quantity, north: u.Quantity) -> Shape:
        return Zone.from_angles(lon, (south, north), zone_frame=source.name, frame=frame, closed="both")

    south, north = region.latitude_range if region.latitude_range is not None else (-90, 90) * u.deg
    if south <= north:
        return zone(south, north)
    return Combined(zone(-90 * u.deg, north), zone(south, 90 * u.deg), "|")


def _defaults(frame: BaseCoordinateFrame) -> list[tuple[str, Any]]:
    return [(name, getattr(type(frame)(), name)) for name in frame.frame_attributes]


_BUILDERS: dict[str, Callable[..., Any]] = {
    "Circle": _circle,
    "CircleAnnulus": _circle_annulus,
    "Ellipse": _ellipse,
    "EllipseAnnulus": _annulus(_ellipse),
    "Rectangle": _rectangle,
    "RectangleAnnulus": _annulus(_rectangle),
    "Polygon": _polygon,
    "Point": _point,
    "Outline": _outline,
    "Line": _line,
    "Path": _line,
    "Sector": _sector,
    "Lune": _lune,
    "Range": _range,
    "LonLatBox": _range,
    "Whole": _whole,
}

KINDS = tuple(kind for kind in _BUILDERS if kind not in ("LonLatBox", "Outline", "Path"))
