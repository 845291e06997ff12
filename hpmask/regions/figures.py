"""What the readers of ds9 and CRTF make: regions of the `regions` package, and those that it has no class for.

A figure is a shape without a place: its kind, sizes and angle. On a position of the sky and with angles as sizes it is
a region of the sky. If its position or its sizes are in pixels, it is a region once the image is known (`OnImage`).

Angles are those of the `regions` package: anticlockwise as seen with north up and east to the left, from the west (or
the x axis of an image) to the first axis, which is called the width axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from astropy import units as u
from astropy.coordinates import FK4, BaseCoordinateFrame, SkyCoord
from numpy.typing import NDArray

from hpmask.regions.pixels import PLANES, Piece, PixelFrame, arc, closed, segment

__all__ = [
    "Drawn",
    "Figure",
    "LonLatBox",
    "OnImage",
    "Outline",
    "Path",
    "Pixels",
    "Place",
    "Sector",
    "drawn_of",
    "region_of",
]

Floats = NDArray[np.float64]
Meta = dict[str, Any]
Form = Literal["area", "path", "point"]

# How many edges each side of a box has that is not a zone.
_BOX_STEPS = 256

# The kinds with an axis whose direction counts.
_TURNED = ("Ellipse", "EllipseAnnulus", "Rectangle", "RectangleAnnulus", "Sector", "Vector")


# ---------------------------------------------------------------------- regions of the sky


@dataclass(slots=True)
class LonLatBox:
    """The sky between two meridians and two parallels; `regions` has such a class from version 0.12 on."""

    frame: BaseCoordinateFrame
    longitude_range: u.Quantity
    latitude_range: u.Quantity
    meta: Meta


@dataclass(slots=True)
class Path:
    """Great-circle arcs from vertex to vertex: a line, a vector or segments."""

    kind: str
    vertices: SkyCoord
    meta: Meta


@dataclass(slots=True)
class Sector:
    """A part of a disc, ellipse or rectangle, or of a ring of these, between two directions from its centre.

    Attributes
    ----------
    kind : str
        Its name in messages.
    shape : {"Circle", "Ellipse", "Rectangle"}
    outer_width, outer_height, inner_width, inner_height : `~astropy.units.Quantity`
        Full axes of the outline and of the hole; 0 if there is no hole.
    angle : `~astropy.units.Quantity`
        That of the width axis.
    start, stop : float
        The directions of its sides in degrees, anticlockwise from the width axis. If they are the same, it is the whole
        ring.
    """

    kind: str
    shape: str
    center: SkyCoord
    outer_width: u.Quantity
    outer_height: u.Quantity
    inner_width: u.Quantity
    inner_height: u.Quantity
    angle: u.Quantity
    start: float
    stop: float
    meta: Meta


@dataclass(slots=True)
class Outline:
    """The sky within an outline and outside of the holes in it: polygons with great-circle edges."""

    vertices: SkyCoord
    lengths: tuple[int, ...]
    """Number of vertices of the outline and of each hole."""
    meta: Meta


def _box_between(corners: SkyCoord, meta: Meta) -> LonLatBox | Outline:
    """The box between two opposite corners.

    Raises
    ------
    ValueError
        If it would have no area, or if it is not clear on which side of the corners it is.
    """
    lon1, lon2 = corners.spherical.lon.deg
    lat1, lat2 = sorted(corners.spherical.lat.deg)
    width = (lon2 - lon1) % 360
    if width in (0, 180) or lat1 == lat2:
        raise ValueError("a box needs corners of different latitudes, and of longitudes less than 180 deg apart")
    if width > 180:
        lon1, lon2, width = lon2, lon1, 360 - width
    frame = corners.frame.replicate_without_data()
    if not isinstance(frame, FK4):
        return LonLatBox(frame, [lon1, lon2] * u.deg, [lat1, lat2] * u.deg, meta)
    # FK4 has the aberration of light in it, which bends meridians and parallels.
    along = np.linspace(0, 1, _BOX_STEPS, endpoint=False)
    lon = lon1 + width * np.concatenate([along, np.ones(_BOX_STEPS), 1 - along, np.zeros(_BOX_STEPS)])
    lat = lat1 + (lat2 - lat1) * np.concatenate([np.zeros(_BOX_STEPS), along, np.ones(_BOX_STEPS), 1 - along])
    return Outline(SkyCoord(lon, lat, unit="deg", frame=frame), (lon.size,), meta)


# ---------------------------------------------------------------------- regions of an image


@dataclass(slots=True)
class Drawn:
    """A region in a plane of pixels.

    Attributes
    ----------
    kind : str
        Its name in messages.
    form : {"area", "path", "point"}
    plane : {"pixel", "image", "physical"}
    rings : tuple of tuple of callable
        For an area, the outline and the holes, each of pieces that follow each other. For a path, its lines.
    last : numpy.ndarray, shape (2,)
        The last point of a path, or a point.
    """

    kind: str
    form: Form
    plane: str
    rings: tuple[tuple[Piece, ...], ...]
    last: Floats
    meta: Meta

    def region(self, pixels: PixelFrame) -> Any:
        """The region of the sky under it.

        Raises
        ------
        ValueError
            If it is not on the sky, or reaches more than 90 deg from its middle.
        """
        if self.form == "area":
            rings = [pixels.outline(ring, self.plane) for ring in self.rings]
            middle = rings[0].mean(axis=0)
            if not (rings[0] @ middle > 1e-9).all():
                raise ValueError("its outline reaches more than 90 deg from its middle")
            lengths = tuple(len(ring) for ring in rings)
            return Outline(pixels.coord(np.concatenate(rings)), lengths, self.meta)
        end = pixels.vectors(self.last[np.newaxis], self.plane)
        if self.form == "path" and self.rings[0]:
            end = np.concatenate([pixels.outline(self.rings[0], self.plane), end])
        coord = pixels.coord(end)
        return (
            Path(self.kind, coord, self.meta) if self.form == "path" else _sky_class("Point")(coord[0], meta=self.meta)
        )


@dataclass(slots=True)
class OnImage:
    """A region whose position or sizes are in pixels, or in the frame of an image."""

    kind: str
    figure: Figure
    place: Place
    meta: Meta

    def region(self, pixels: PixelFrame) -> Any:
        """The region of the sky, or what is drawn on the image.

        Raises
        ------
        ValueError
            If it cannot be.
        """
        return self.figure.on_image(self.place, pixels, self.meta)


# ---------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Pixels:
    """A size in pixels of a plane."""

    value: float
    plane: str


Size: TypeAlias = u.Quantity | Pixels


@dataclass(frozen=True, slots=True)
class Place:
    """Points where a region is.

    Attributes
    ----------
    points : list of (float, float)
        In degrees or pixels.
    system : str
        "pixel", "image" or "physical" for pixels, else the name of a frame; empty for the frame of the image.
    """

    points: list[tuple[float, float]]
    system: str

    def coord(self, pixels: PixelFrame | None = None) -> SkyCoord:
        """The positions; `pixels` is needed unless the system is the name of a frame."""
        if self.system in PLANES:
            assert pixels is not None
            return pixels.sky(np.array(self.points), self.system)
        frame = pixels.frame if pixels is not None and not self.system else self.system
        lon, lat = np.array(self.points).T
        return SkyCoord(lon, lat, unit="deg", frame=frame)


@dataclass(frozen=True, slots=True)
class Figure:
    """A shape without a place.

    Attributes
    ----------
    kind : str
        The name of the class in `regions` without "SkyRegion", or "LonLatBox", "Path", "Vector" or "Sector".
    sizes : tuple of Quantity or Pixels
        The radius of a circle, the inner and outer radius of an annulus, the width and height of an ellipse or a
        rectangle, those of the hole and of the outline of their annuli and of a sector, the length of a vector.
    angle : float
        In degrees.
    by_image : bool
        Whether the angle counts from the x axis of the image, and not from the west.
    shape : str
        The shape of a sector: see `Sector`.
    start, stop : float
        The sides of a sector.
    name : str
        The name in messages.
    """

    kind: str
    sizes: tuple[Size, ...] = ()
    angle: float = 0.0
    by_image: bool = False
    shape: str = ""
    start: float = 0.0
    stop: float = 0.0
    name: str = ""

    def on_sky(self, coord: SkyCoord, meta: Meta) -> Any:
        """The region at a position of the sky, or with vertices there. All sizes are angles."""
        turn = self.angle * u.deg
        match self.kind:
            case "Polygon":
                return _sky_class("Polygon")(coord, meta=meta)
            case "LonLatBox":
                return _box_between(coord, meta)
            case "Path":
                return Path(self.name, coord, meta)
            case "Point":
                return _sky_class("Point")(coord[0], meta=meta)
            case "Vector":
                # Position angles count from north.
                end = coord[0].directional_offset_by(turn - 90 * u.deg, self.sizes[0])
                return Path(self.name, SkyCoord([coord[0], end]), meta)
            case "Sector":
                width, height, outer_width, outer_height = self.sizes
                return Sector(
                    self.name,
                    self.shape,
                    coord[0],
                    outer_width,
                    outer_height,
                    width,
                    height,
                    turn,
                    self.start,
                    self.stop,
                    meta,
                )
            case "Circle" | "CircleAnnulus":
                return _sky_class(self.kind)(coord[0], *self.sizes, meta=meta)
        sizes = self.sizes
        if len(sizes) == 4:
            sizes = (sizes[0], sizes[2], sizes[1], sizes[3])
        return _sky_class(self.kind)(coord[0], *sizes, turn, meta=meta)

    def on_image(self, place: Place, pixels: PixelFrame, meta: Meta) -> Any:
        """The region of the sky, or what is drawn on the image, if the place or the sizes are in pixels."""
        planes = {size.plane if isinstance(size, Pixels) else "" for size in self.sizes}
        if len(planes) > 1:
            raise ValueError("its sizes must be all in pixels of one kind, or all angles")
        (plane,) = planes or {place.system if place.system in PLANES else ""}
        if plane:
            return self._drawn(place, plane, pixels, meta)
        coord = place.coord(pixels)
        if self.kind not in _TURNED or not self.by_image:
            return self.on_sky(coord, meta)
        plane = place.system if place.system in PLANES else "image"
        (point,) = place.points[:1] if place.system in PLANES else pixels.points(coord[:1], plane)
        # Position angles count from north.
        return self._turned(lambda angle: pixels.position_angle(np.array(point), plane, angle) + np.pi / 2).on_sky(
            coord, meta
        )

    def _turned(self, turn: Callable[[float], float]) -> Figure:
        """The figure with its directions in another system; `turn` gives a direction in radians there."""
        first, start, stop, ahead = (
            float(np.degrees(turn(np.radians(self.angle + more)))) for more in (0.0, self.start, self.stop, 1.0)
        )
        if np.sin(np.radians(ahead - first)) < 0:  # the image is mirrored
            start, stop = stop, start
        return replace(self, angle=first, start=start - first, stop=stop - first)

    def _drawn(self, place: Place, plane: str, pixels: PixelFrame, meta: Meta) -> Drawn:
        """What is drawn on a plane."""
        points = np.array(place.points, dtype=np.float64)
        if place.system != plane:
            points = pixels.points(place.coord(pixels), plane)
        figure = self
        if self.kind in _TURNED and not self.by_image:
            center = place.coord(pixels)[0]
            figure = self._turned(lambda angle: pixels.plane_angle(center, plane, angle - np.pi / 2))
        sizes = [size.value for size in self.sizes if isinstance(size, Pixels)]
        return figure.drawn(points, sizes, float(np.radians(figure.angle)), plane, meta)

    def drawn(self, points: Floats, sizes: Sequence[float], angle: float, plane: str, meta: Meta) -> Drawn:
        """What is drawn on a plane at points of shape (n, 2), with sizes in pixels and an angle in radians."""
        kind, center = self.name, points[0]
        if not np.isfinite([*points.ravel(), *sizes, angle]).all():
            raise ValueError("its numbers must be finite")
        if self.kind == "Point":
            return Drawn(kind, "point", plane, (), center, meta)
        if self.kind == "Vector":
            points = np.array([center, center + sizes[0] * np.array([np.cos(angle), np.sin(angle)])])
        if self.kind in ("Path", "Vector"):
            lines = tuple(segment(a, b) for a, b in pairwise(points) if (a != b).any())
            return Drawn(kind, "path", plane, (lines,), points[-1], meta)
        if self.kind == "LonLatBox":
            (x1, y1), (x2, y2) = points
            if x1 == x2 or y1 == y2:
                raise ValueError("a box needs corners with different x and y")
            points = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
        if self.kind in ("LonLatBox", "Polygon"):
            if len(np.unique(points, axis=0)) < 3:
                raise ValueError("a polygon needs at least 3 different vertices")
            different = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
            return Drawn(kind, "area", plane, (closed(different),), center, meta)
        # From the hole to the outline, with full axes.
        pairs = [(2 * size, 2 * size) for size in sizes] if self.kind.startswith("Circle") else _pairs(sizes)
        for smaller, larger in pairwise(pairs):
            if not (smaller[0] < larger[0] and smaller[1] < larger[1]):
                raise ValueError("the hole of a ring must be smaller than its outline")
        if not all(size > 0 for pair in pairs if pair != (0.0, 0.0) for size in pair) or pairs[-1] == (0.0, 0.0):
            raise ValueError(f"its sizes must be positive, got {', '.join(f'{size:g}' for size in sizes)}")
        form = self.shape if self.kind == "Sector" else self.kind.removesuffix("Annulus")
        start, stop = (np.radians(self.start), np.radians(self.stop)) if self.kind == "Sector" else (0.0, 0.0)
        span = (stop - start) % (2 * np.pi) or 2 * np.pi
        curves = [_curve(form, center, pair, angle, start, span) for pair in pairs[::-1] if pair != (0.0, 0.0)]
        if span == 2 * np.pi:
            return Drawn(kind, "area", plane, tuple(curves), center, meta)
        # Outwards along the first side, along the outline, and back along the second side and the hole.
        one = np.array([0.0, 1.0])
        outer = curves[0]
        inner = tuple(_reversed(piece) for piece in curves[1][::-1]) if len(curves) == 2 else ()
        back = inner[0](one)[0] if inner else center
        home = inner[-1](one)[1] if inner else center
        sides = segment(home, outer[0](one)[0]), segment(outer[-1](one)[1], back)
        return Drawn(kind, "area", plane, ((sides[0], *outer, sides[1], *inner),), center, meta)


def region_of(figure: Figure, place: Place, meta: Meta, kind: str) -> Any:
    """The region of a figure at a place; an `OnImage` with the name `kind` if the image has to be known."""
    if not place.system or place.system in PLANES or any(isinstance(size, Pixels) for size in figure.sizes):
        return OnImage(kind, figure, place, meta)
    return figure.on_sky(place.coord(), meta)


# ---------------------------------------------------------------------- pixel regions of the regions package


def drawn_of(region: Any, kind: str) -> Drawn:
    """What a pixel region of the `regions` package draws; `kind` is the name of its class without "PixelRegion".

    Raises
    ------
    ValueError
        If its numbers are impossible.
    """
    meta = region.meta

    def xy(coord: Any) -> Floats:
        return np.stack([np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in (coord.x, coord.y)], axis=-1)

    names = {
        "Circle": ("radius",),
        "CircleAnnulus": ("inner_radius", "outer_radius"),
        "Ellipse": ("width", "height"),
        "EllipseAnnulus": ("inner_width", "inner_height", "outer_width", "outer_height"),
    }
    names |= {name.replace("Ellipse", "Rectangle"): values for name, values in names.items()}
    sizes = [float(getattr(region, name)) for name in names.get(kind, ())]
    if kind == "Line":
        points, kind = np.concatenate([xy(region.start), xy(region.end)]), "Path"
    else:
        points = xy(region.vertices if kind == "Polygon" else region.center)
    angle = float(u.Quantity(region.angle).to_value(u.rad)) if hasattr(region, "angle") else 0.0
    return Figure(kind, name=type(region).__name__).drawn(points, sizes, angle, "pixel", meta)


# ---------------------------------------------------------------------- curves


def _sky_class(kind: str) -> Any:
    """A class of the `regions` package, which is imported only if it is needed."""
    import regions

    return getattr(regions, f"{kind}SkyRegion")


def _pairs(sizes: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(sizes[::2], sizes[1::2], strict=True))


def _curve(
    form: str, center: Floats, size: tuple[float, float], angle: float, start: float, span: float
) -> tuple[Piece, ...]:
    """The part of the outline of an ellipse or rectangle between two directions from its width axis, anticlockwise."""
    a, b = size[0] / 2, size[1] / 2
    if form == "Rectangle":
        corner = np.arctan2(b, a)
        corners = np.array([corner, np.pi - corner, np.pi + corner, 2 * np.pi - corner])
        turns = np.sort((corners - start) % (2 * np.pi))
        directions = start + np.concatenate([[0.0], turns[(turns > 0) & (turns < span)], [span]])
        cosine, sine = np.cos(directions), np.sin(directions)
        with np.errstate(divide="ignore"):
            far = np.minimum(a / np.abs(cosine), b / np.abs(sine))
        x, y = far * cosine, far * sine
        points = center + np.stack(
            [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1
        )
        return tuple(segment(first, last) for first, last in pairwise(points))
    # The parameter of the ellipse in a direction is less than a quarter turn from it.
    first, last = (
        turn + np.arctan2(a * np.sin(turn), b * np.cos(turn)) - np.arctan2(np.sin(turn), np.cos(turn))
        for turn in (start, start + span)
    )
    n = int(np.ceil(span / (np.pi / 2) - 1e-9))
    cuts = np.linspace(first, last, n + 1)
    return tuple(arc(center, (a, b), angle, x, y) for x, y in pairwise(cuts))


def _reversed(piece: Piece) -> Piece:
    return lambda t: piece(1 - t)
