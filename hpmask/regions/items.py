"""Regions of files as plain numbers: the items of formats that may hold thousands of them.

Angles are degrees in the frame of the item. `place` makes shapes of all items of a file together.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask.geometry import frames
from hpmask.regions.caps import cap_polygons
from hpmask.regions.figures import Figure, Place, region_of
from hpmask.regions.from_astropy import WHOLE_SKY, Leaf, Placed, Refused
from hpmask.regions.pixels import PLANES
from hpmask.regions.shapes import Disc, Polygon

__all__ = [
    "INCLUDED",
    "Caps",
    "Circle",
    "Compound",
    "Corners",
    "Item",
    "Point",
    "WholeSky",
    "check_frame",
    "complement",
    "item_or_region",
    "place",
]

Floats = NDArray[np.float64]

INCLUDED: Mapping[str, Any] = {"include": True}

# The names of frames in files, and those of astropy.
_FRAMES = {"ecliptic": "barycentricmeanecliptic", "j2000": "fk5", "b1950": "fk4", "equatorial": "icrs"}


def check_frame(name: str) -> str:
    """The name of a frame as astropy has it.

    Raises
    ------
    ValueError
        If it is not the name of a frame that is fixed to the sky.

    Examples
    --------
    >>> from hpmask.regions.items import check_frame
    >>> check_frame("ecliptic")
    'barycentricmeanecliptic'
    """
    known = _FRAMES.get(name.lower(), name.lower()) if isinstance(name, str) else ""
    try:
        SkyCoord(0 * u.deg, 0 * u.deg, frame=known).transform_to("icrs")
    except Exception as error:  # frames of a place and a time, without them, fail in ways of their own
        raise ValueError(
            f"region_frame must be a frame that is fixed to the sky, such as 'icrs', 'fk5', 'galactic' or 'ecliptic', "
            f"got {name!r}"
        ) from error
    return known


@dataclass(slots=True, kw_only=True)
class Item:
    """A region by its numbers."""

    kind: ClassVar[str]
    """Its name in messages."""
    meta: Mapping[str, Any] = field(default_factory=lambda: INCLUDED, repr=False)
    frame: str = "icrs"
    """Name of a frame of astropy."""

    @property
    def positions(self) -> Floats:
        """Longitudes and latitudes, shape (n, 2)."""
        return np.empty((0, 2))


@dataclass(slots=True)
class Corners(Item):
    """A polygon by its corners: one outline, or several of which points inside an odd number count."""

    kind: ClassVar[str] = "polygon"
    rings: Sequence[Floats]
    """Longitudes and latitudes of the corners of each outline, shape (n, 2)."""

    @property
    def positions(self) -> Floats:
        return self.rings[0] if len(self.rings) == 1 else np.concatenate(self.rings)


@dataclass(slots=True)
class Circle(Item):
    """A disc."""

    kind: ClassVar[str] = "circle"
    lon: float
    lat: float
    radius: float

    @property
    def positions(self) -> Floats:
        return np.array([[self.lon, self.lat]])


@dataclass(slots=True)
class Point(Item):
    """A point: a disc if points are given a radius."""

    kind: ClassVar[str] = "point"
    lon: float
    lat: float

    @property
    def positions(self) -> Floats:
        return np.array([[self.lon, self.lat]])


@dataclass(slots=True)
class Caps(Item):
    """What some caps share: see `hpmask.regions.caps`."""

    kind: ClassVar[str] = "polygon"
    axes: Floats
    """Unit vectors, shape (n, 3)."""
    cm: Floats
    weight: float = 1.0

    @property
    def positions(self) -> Floats:
        return np.degrees(np.transpose(frames.lonlat(self.axes)))


@dataclass(slots=True)
class WholeSky(Item):
    """All of the sky."""

    kind: ClassVar[str] = "whole sky"


@dataclass(slots=True)
class Compound:
    """Two regions joined by an operator, in the form of compounds of astropy's `regions`."""

    meta: ClassVar[Mapping[str, Any]] = INCLUDED
    region1: Any
    region2: Any
    operator: Callable[[Any, Any], Any]


def complement(region: Any) -> Compound:
    """The sky outside a region."""
    return Compound(WholeSky(), region, operator.xor)


def item_or_region(figure: Figure, place: Place, meta: dict[str, Any], kind: str) -> Any:
    """As `region_of`, with discs and points as items: objects of astropy's `regions` take many times as long."""
    if place.system not in PLANES and place.system:
        (lon, lat), *_ = place.points
        if figure.kind == "Point":
            return Point(lon, lat, meta=meta, frame=place.system)
        if figure.kind == "Circle" and isinstance(figure.sizes[0], u.Quantity):
            radius = float(figure.sizes[0].to_value(u.deg))
            if 0 < radius <= 180:
                return Circle(lon, lat, radius, meta=meta, frame=place.system)
    return region_of(figure, place, meta, kind)


# ---------------------------------------------------------------------- shapes


def place(leaves: Sequence[Leaf], frame: str, point_radius: float = 0.0) -> list[Placed | Refused]:
    """The shapes of items, or why they have none.

    Parameters
    ----------
    leaves : list of Leaf
        Their regions are items.
    frame : {"icrs", "galactic"}
        Frame of the shapes.
    point_radius : float, default 0.0
        Radius of points in radians.

    Examples
    --------
    >>> from hpmask.regions.from_astropy import Leaf
    >>> from hpmask.regions.items import Circle, place
    >>> place([Leaf(Circle(0.0, 45.0, 90.0), 0, "")], "icrs")[0].shape
    Disc(lon=0.0, lat=0.7853981633974483, radius=1.5707963267948966)
    """
    items: list[Item] = [leaf.region for leaf in leaves]
    placed: list[Placed | Refused] = [Placed(WHOLE_SKY, (1.0, 0.0, 0.0), math.pi)] * len(items)
    by_frame: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        by_frame.setdefault(item.frame, []).append(i)
    for source, rows in by_frame.items():
        positions = [items[i].positions for i in rows]
        ends = np.cumsum([len(one) for one in positions])
        lonlat = np.concatenate(positions)
        lon, lat = np.radians(lonlat.T)
        if source != frame and len(lonlat):
            there = SkyCoord(lon * u.rad, lat * u.rad, frame=source)
            lon, lat = frames.to_lonlat(there, frame, f"the positions of {leaves[rows[0]]}")
        vectors = frames.unit_vectors(lon, lat)
        caps: list[tuple[int, Floats]] = []
        for i, first, last in zip(rows, [0, *ends.tolist()], ends.tolist(), strict=False):
            item = items[i]
            if isinstance(item, Caps):
                caps.append((i, item.axes if source == frame else vectors[first:last]))
            elif not isinstance(item, WholeSky):
                try:
                    placed[i] = _placed(item, lon[first:last], lat[first:last], vectors[first:last], point_radius)
                except ValueError as error:
                    placed[i] = Refused(leaves[i], "value", str(error))
        if caps:
            _place_caps(caps, items, placed)
    return placed


def _placed(item: Item, lon: Floats, lat: Floats, vectors: Floats, point_radius: float) -> Placed:
    centre = tuple(vectors[0].tolist())
    if isinstance(item, Circle | Point):
        radius = math.radians(item.radius) if isinstance(item, Circle) else point_radius
        return Placed(Disc(float(lon[0]), float(lat[0]), radius), centre, radius)
    assert isinstance(item, Corners)
    away = vectors - vectors[0]
    reach = 2 * math.asin(min(1.0, math.sqrt(float(np.einsum("ij,ij->i", away, away).max())) / 2))
    # A disc below a hemisphere holds the edges between any two of its points; a greater one may not.
    ends = list(accumulate(len(ring) for ring in item.rings))
    rings = [vectors[first:last] for first, last in zip([0, *ends], ends, strict=False)]
    return Placed(Polygon.from_vectors(rings), centre, reach if reach < 1.5 else math.pi)


def _place_caps(caps: list[tuple[int, Floats]], items: list[Item], placed: list[Placed | Refused]) -> None:
    cm = np.concatenate([items[i].cm for i, _ in caps])  # type: ignore[attr-defined]
    axes = np.concatenate([axes for _, axes in caps])
    shapes = cap_polygons(axes, cm, np.cumsum([0, *(len(one) for _, one in caps)]))
    for (i, _), shape in zip(caps, shapes, strict=True):
        lon, lat, radius = shape.cap
        placed[i] = Placed(shape, tuple(frames.unit_vectors(lon, lat).tolist()), radius)
