"""Regions on the sphere, their sizes and their cells.

Angles are radians in the frame of the mask that the shape is meant for.

Discs and ellipses are closed: their edge belongs to them. For a zone, `closed` says which edges belong to it. A side of
a polygon belongs to the polygon north of it or, if the side runs along a meridian, east of it. A point within 1e-14 rad
of an edge of a zone or polygon is on the edge. Zones and polygons that share an edge therefore share no point of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import CartesianRepresentation, SkyCoord
from numpy.typing import ArrayLike, NDArray

from hpmask._kernels import cells as _cells
from hpmask._kernels import discs as _discs
from hpmask._kernels import shapes as _kernel
from hpmask._utils.arguments import Closed, as_angle, as_flag, check_closed
from hpmask._utils.modes import Mode
from hpmask.core.rangeset import RangeSet, from_starts_stops
from hpmask.geometry import frames

__all__ = [
    "DUAL",
    "MODE_NUMBERS",
    "TIE",
    "Combined",
    "Disc",
    "Ellipse",
    "Polygon",
    "Shape",
    "Size",
    "Zone",
    "longitudes",
]

Vectors = NDArray[np.float64]
Numbers = NDArray[np.uint64]

# As in the kernels: a point this close to an edge, in radians, is on it.
TIE: float = _cells.TIE

# The kernels' numbers of the modes.
MODE_NUMBERS: dict[Mode, int] = _cells.MODES
# The mode in which the complement of a shape is the complement of the shape in this mode.
DUAL: dict[Mode, Mode] = {"center": "center", "overlap": "inside", "inside": "overlap"}


class Size(NamedTuple):
    """The sizes that determine the order of the cells: see `hpmask.regions.order`."""

    area: float
    """Area in steradian."""
    curvature: float
    """Largest radius of curvature of the outline, in radians; the sum of those of several curves."""
    straight: float
    """Length, in radians, of the outline that may run along rows of cells."""
    inradius: float
    """A radius, in radians, of a disc that fits into the shape."""


class Shape:
    """A region on the sphere: its cells, the length of its outline and its size."""

    def rasterize(self, order: int, mode: Mode) -> tuple[Numbers, Numbers]:
        """Starts and stops, at order 29, of ranges of the cells of `order`; they may overlap, in any sequence."""
        raise NotImplementedError

    @property
    def outline_length(self) -> float:
        """Length of the outline in radians."""
        raise NotImplementedError

    @property
    def outline(self) -> Any:
        """The shape as the kernel for outlines takes it; of one part only."""
        raise NotImplementedError

    @property
    def parts(self) -> Shape | None:
        """A compound that is the same as a shape without an `outline`."""
        return None

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The size of the shape, or those of its parts; none if it has no area."""
        raise NotImplementedError

    def misses(self, order: int, mode: Mode) -> bool:
        """Whether a shape that holds no cell is too small for one: True, except for a shape of several parts."""
        return True


class _Outlined(Shape):
    """A shape that the compiled walk knows by its outline."""

    @property
    def outline_length(self) -> float:
        return float(self.outline.length)

    def rasterize(self, order: int, mode: Mode) -> tuple[Numbers, Numbers]:
        starts, stops = self.outline.rasterize(order, MODE_NUMBERS[mode])
        return starts, stops


@dataclass(frozen=True)
class Disc(Shape):
    """All points within `radius` (0 to pi) of a position: great-circle distance."""

    lon: float
    lat: float
    radius: float

    def __post_init__(self) -> None:
        _check_position(self.lon, self.lat)
        # 180 deg in other units may come out a bit above pi.
        if not 0 <= self.radius <= np.pi * (1 + 1e-12):
            raise ValueError(f"radius must be from 0 to 180 deg, got {np.degrees(self.radius):.6g} deg")

    def rasterize(self, order: int, mode: Mode) -> tuple[Numbers, Numbers]:
        place = (np.array([value], dtype=np.float64) for value in (self.lon, self.lat, self.radius))
        starts, stops, _ = _discs.rasterize(*place, order, MODE_NUMBERS[mode])
        return starts, stops

    @cached_property
    def outline(self) -> Any:
        return _kernel.disc(frames.unit_vectors(self.lon, self.lat), self.radius)

    @property
    def outline_length(self) -> float:
        return 2 * math.pi * max(0.0, math.sin(self.radius))

    @property
    def sizes(self) -> tuple[Size, ...]:
        if self.radius == 0:
            return ()
        sine = max(0.0, math.sin(self.radius))
        # Around a pole the outline runs along a ring of cells.
        is_polar = math.pi / 2 - abs(self.lat) < self.radius / 4
        area = 4 * math.pi * math.sin(self.radius / 2) ** 2
        return (Size(area, sine, 2 * math.pi * sine if is_polar else 0.0, self.radius),)


@dataclass(frozen=True)
class Ellipse(_Outlined):
    """A spherical ellipse.

    ``(u / tan half_width)**2 + (w / tan half_height)**2 <= n**2``, with n towards the centre, w along the height axis
    and u along the width axis. Equally, the distances to two foci have at most a given sum. The semi-axes are true
    angles below pi/2. `angle` is the position angle of the height axis, from north through east.
    """

    lon: float
    lat: float
    half_width: float
    half_height: float
    angle: float

    def __post_init__(self) -> None:
        _check_position(self.lon, self.lat, self.angle)
        _check_semi_axes(self.half_width, self.half_height)

    @cached_property
    def outline(self) -> Any:
        center, width_axis, height_axis = _axes(self.lon, self.lat, self.angle)
        a, b, axis = self.half_height, self.half_width, height_axis
        if b > a:
            a, b, axis = b, a, width_axis
        # cos c = cos a / cos b, in a form that keeps its precision for small ellipses
        c = 2 * np.arcsin(np.sqrt(np.sin((a + b) / 2) * np.sin((a - b) / 2) / np.cos(b)))
        foci = [np.cos(c) * center + sign * np.sin(c) * axis for sign in (1, -1)]
        return _kernel.ellipse(foci[0], foci[1], np.cos(a) * center + np.sin(a) * axis, 2 * a)

    @property
    def sizes(self) -> tuple[Size, ...]:
        minor, major = sorted([self.half_width, self.half_height])
        if minor == 0:
            return ()
        # The solid angle of the cone, by the parameter of the ellipse in the tangent plane; the integrand is smooth.
        turns = np.arange(256) * (2 * np.pi / 256)
        a, b = math.tan(major), math.tan(minor)
        secant = np.sqrt(1 + (a * np.cos(turns)) ** 2 + (b * np.sin(turns)) ** 2)
        area = float(2 * np.pi * np.mean(a * b / (secant * (1 + secant))))
        return (Size(area, major * major / minor, 0.0, minor),)


class Polygon(_Outlined):
    """A polygon with great-circle edges and any number of rings, by the even-odd rule.

    Parameters
    ----------
    lon, lat : array_like of float, shape (n,)
        Vertices of the first ring in radians, in either sense. A vertex that repeats the one before it is left out, so
        the first may be repeated at the end.
    holes : sequence of (lon, lat), optional
        Further rings: pairs of arrays as the two of the first ring.
    larger : bool, default False
        Whether what is described in the Notes is outside, and the rest of the sky inside.
    inside : (float, float), optional
        Longitude and latitude in radians of a point that is inside. It decides in place of `larger`.

    Raises
    ------
    ValueError
        If a vertex is not finite; if a ring has fewer than three different vertices, two neighbours that are opposite
        each other, or no area, as its sides run there and back; if `inside` is given with `larger`, or is on an edge.

    Notes
    -----
    A ring divides the sky into points that an odd number of its edges separates from some fixed point, and all others.
    The inside of the ring is the smaller of the two. A point is inside the polygon if it is inside an odd number of
    rings. A ring within the first one is therefore a hole, and one elsewhere another part of the polygon. A ring may
    cross itself and others. An edge that is there twice divides nothing: a slit from the outer ring to a hole leaves no
    trace, nor does the common side of two parts.

    If a ring crosses itself and does not fit into a hemisphere, its smaller side is found by counting points. The areas
    of the two sides must then differ by more than about one per cent of the sky.
    """

    def __init__(
        self,
        lon: ArrayLike,
        lat: ArrayLike,
        *,
        holes: Iterable[tuple[ArrayLike, ArrayLike]] = (),
        larger: bool = False,
        inside: tuple[float, float] | None = None,
    ) -> None:
        self._set([_ring(lon, lat), *(_ring(*hole) for hole in holes)], as_flag(larger, "larger"))
        if inside is None:
            return
        if larger:
            raise ValueError("give one of larger and inside, which both say which side of a polygon is inside")
        point = frames.unit_vectors(*map(float, inside))
        if not np.isfinite(point).all():
            raise ValueError(f"inside must be finite, got {inside}")
        if self._outline.passes(point, 1e-14):
            raise ValueError(f"inside must not be on an edge of the polygon, got {inside} (in radians)")
        if not self._outline.holds(point):
            self._outline.turn()
            self.larger = True

    def _set(self, rings: list[Vectors], larger: bool = False) -> None:
        self.rings = rings
        self.larger = larger
        """Whether the inside is the rest of the sky."""
        ends = np.cumsum([0, *map(len, rings)], dtype=np.int64)
        self._outline: Any = _kernel.polygon(np.ascontiguousarray(np.concatenate(rings)), ends, larger)

    @classmethod
    def from_vectors(cls, rings: list[Vectors]) -> Polygon:
        """The polygon whose rings have vertices at these unit vectors, each of shape (n, 3)."""
        self = cls.__new__(cls)
        self._set(rings)
        return self

    @classmethod
    def rectangle(cls, lon: float, lat: float, half_width: float, half_height: float, angle: float) -> Polygon:
        """The rectangle with sides on great circles, `half_width` and `half_height` (below pi/2) from its centre.

        `angle` is the position angle of the height axis, from north through east.
        """
        _check_position(lon, lat, angle)
        _check_semi_axes(half_width, half_height)
        # In the tangent plane the sides are straight.
        x, y = math.tan(half_width), math.tan(half_height)
        corners = np.array([(1, x, y), (1, -x, y), (1, -x, -y), (1, x, -y)]) / math.sqrt(1 + x * x + y * y)
        return cls.from_vectors([corners @ _axes(lon, lat, angle)])

    @property
    def outline(self) -> Any:
        return self._outline

    @property
    def vertices(self) -> Vectors:
        """The vertices of all rings as unit vectors, shape (n, 3)."""
        return self.rings[0] if len(self.rings) == 1 else np.concatenate(self.rings)

    @cached_property
    def area(self) -> float:
        """Area in steradian; where rings cross, the net area."""
        first, *others = map(_ring_area, self.rings)
        area = abs(first - sum(others))
        return 4 * math.pi - area if self.larger else area

    @property
    def sizes(self) -> tuple[Size, ...]:
        length, area = self.outline_length, self.area
        if area <= 0:
            return ()
        sides = np.concatenate([np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1) for ring in self.rings])
        # Rows of cells run in a few directions only, and a convex outline has two sides along each of them.
        straight = float(np.sort(2 * np.arcsin(np.minimum(sides / 2, 1)))[-4:].sum())
        return (Size(area, length / (2 * math.pi), straight, area / length),)


def _ring(lon: ArrayLike, lat: ArrayLike) -> Vectors:
    """The vertices of a ring as unit vectors."""
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    if lon.ndim != 1 or lon.shape != lat.shape:
        raise ValueError(
            f"a polygon needs as many longitudes as latitudes in two lists, got shapes {lon.shape} and {lat.shape}"
        )
    with np.errstate(invalid="ignore"):
        # The kernel reports which vertex is not finite.
        return frames.unit_vectors(lon, lat)


def _ring_area(vertices: Vectors) -> float:
    """Area of the smaller side of a ring in steradian; if it crosses itself, the net area."""
    a, b, c = vertices[0], vertices[1:-1], vertices[2:]
    # A fan of triangles from the first vertex. Differences keep the precision of small ones.
    volume = np.cross(b - a, c - a) @ a
    excess = 2 * np.arctan2(volume, 1 + b @ a + c @ a + (b * c).sum(axis=1))
    total = abs(float(excess.sum())) % (4 * math.pi)
    return min(total, 4 * math.pi - total)


class Zone(_Outlined):
    """The sky between two longitudes and two latitudes of some frame; use `from_angles`."""

    def __init__(
        self, axes: Vectors, lon: tuple[float, float] | None, lat: tuple[float, float], closed: Closed, summary: str
    ) -> None:
        """`axes`: the axes x, y and z of the zone's frame as rows of unit vectors. `lon`: the western and the eastern
        longitude, from 0 to 2 pi, or None for all. Angles in radians.
        """
        self.axes = axes
        self.lon = lon
        self.lat = lat
        self.closed = closed
        self.summary = summary

    @classmethod
    def from_angles(cls, lon: Any, lat: Any, *, zone_frame: str, frame: str, closed: str = "left") -> Zone:
        """A zone in `zone_frame` as a shape in `frame`; see `hpmask.Mask.from_zone`."""
        checked = check_closed(closed)
        axes = _frame_axes(zone_frame, frame)
        span = None if lon is None else longitudes(lon, checked)
        low, high = (-90.0, 90.0) if lat is None else _latitudes(lat, checked)
        text = f"lat {low:.6g} to {high:.6g} deg"
        if span is not None:
            west, east = span
            text = f"lon {west:.6g} to {east if west <= east else east + 360:.6g} deg, {text}"
            span = math.radians(west), math.radians(east)
        return cls(axes, span, (math.radians(low), math.radians(high)), checked, f"{text}, {zone_frame}")

    @cached_property
    def outline(self) -> Any:
        low, high = self.lat
        start, end = (0.0, 2 * np.pi) if self.lon is None else self.lon
        width = self.width
        normal, level, first, last = [], [], [], []

        def at(lon: float, lat: float) -> Vectors:
            return np.asarray(frames.unit_vectors(lon, lat) @ self.axes)

        # Parallels, in pieces of at most a quarter turn. A pole needs no line, unless the zone is a single point.
        pieces = max(1, int(np.ceil(width / (np.pi / 2) - 1e-12)))
        turns = [start + width * k / pieces for k in range(pieces)] + [end]
        for lat in (low, high):
            if not _is_pole(lat) or high - low < 1e-13:
                for a, b in pairwise(turns):
                    normal.append(self.axes[2])
                    level.append(np.sin(lat))
                    first.append(at(a, lat))
                    last.append(at(b, lat))
        if self.lon is not None:
            cuts = sorted({low, high, min(max(low, 0.0), high)})
            for lon in (start, end):
                east = frames.unit_vectors(lon + np.pi / 2, 0.0) @ self.axes
                for a, b in pairwise(cuts):
                    # A path northwards is anticlockwise around the point in the west.
                    normal.append(-east)
                    level.append(0.0)
                    first.append(at(lon, a))
                    last.append(at(lon, b))
        none = np.empty((0, 3))
        arcs = _arcs(
            np.array(normal) if normal else none,
            np.array(level),
            np.array(first) if first else none,
            np.array(last) if last else none,
        )
        left, right = self.closed in ("left", "both"), self.closed in ("right", "both")
        # A pole is not the edge of anything beyond: it belongs to the zone that ends there.
        closed = np.array([left or _is_pole(low), right or _is_pole(high), left, right], dtype=np.uint8)
        aligned = np.array_equal(self.axes, np.eye(3))
        return _kernel.zone(arcs, self.axes, aligned, np.array([low, high, start, end]), width, closed)

    @property
    def width(self) -> float:
        """The difference of the longitudes in radians, 2 pi for all longitudes."""
        return 2 * math.pi if self.lon is None else (self.lon[1] - self.lon[0]) % (2 * math.pi)

    @property
    def sizes(self) -> tuple[Size, ...]:
        low, high = self.lat
        # The difference of the sines of the latitudes.
        area = self.width * 2 * math.cos((low + high) / 2) * math.sin((high - low) / 2)
        length = self.outline_length
        if area <= 0:
            return ()
        return (Size(area, 0.0, length, area / length if length else math.pi),)


@dataclass(frozen=True)
class Combined(Shape):
    """Two shapes joined by ``|``, ``&``, ``^`` or ``-``. An annulus is its outer shape minus its inner one."""

    left: Shape
    right: Shape
    sign: Literal["|", "&", "^", "-"]
    nested: bool = False
    """Whether the left shape contains the right one, as in an annulus."""

    def rasterize(self, order: int, mode: Mode) -> tuple[Numbers, Numbers]:
        """Starts and stops of the cells.

        Centres are combined as sets. In the other modes each cell is decided by the whole compound, with two exceptions
        that need no more than sets: a union meets the cells that any of its parts meets, and of two nested shapes the
        right one is subtracted in the dual mode.
        """
        if self.sign == "|" and mode != "inside":
            ranges = [part.rasterize(order, mode) for part in self._united()]
            return np.concatenate([some for some, _ in ranges]), np.concatenate([some for _, some in ranges])
        if mode == "center" or self.nested:
            left = from_starts_stops(*self.left.rasterize(order, mode), order)
            right = from_starts_stops(*self.right.rasterize(order, DUAL[mode] if self.sign == "-" else mode), order)
            operation = {"|": left.__or__, "&": left.__and__, "^": left.__xor__, "-": left.__sub__}
            return _ends(operation[self.sign](right))
        starts, stops = _kernel.compound(*self._program, order, MODE_NUMBERS[mode])
        return starts, stops

    def _united(self) -> list[Shape]:
        """The parts of a union of unions."""
        parts: list[Shape] = []
        todo: list[Shape] = [self]
        while todo:
            one = todo.pop()
            if isinstance(one, Combined) and one.sign == "|":
                todo += [one.right, one.left]
            else:
                parts.append(one)
        return parts

    @cached_property
    def _program(self) -> tuple[list[Any], NDArray[np.int32]]:
        """The outlines of all shapes, and the compound in postfix order, as the kernel takes it."""
        outlines: list[Any] = []
        steps: list[int] = []
        todo: list[Shape | str] = [self]
        while todo:
            one = todo.pop()
            if isinstance(one, str):
                steps.append(-1 - "|&^-".index(one))
            elif isinstance(one, Combined):
                todo += [one.sign, one.right, one.left]
            elif (parts := one.parts) is not None:
                todo.append(parts)
            else:
                steps.append(len(outlines))
                outlines.append(one.outline)
        return outlines, np.array(steps, dtype=np.int32)

    @property
    def outline_length(self) -> float:
        return self.left.outline_length + self.right.outline_length

    @property
    def sizes(self) -> tuple[Size, ...]:
        outer, inner = self.left.sizes, self.right.sizes
        if not (self.nested and len(outer) == len(inner) == 1):
            return outer + inner
        area = outer[0].area - inner[0].area
        if area <= 0:
            return ()
        return (
            Size(
                area,
                outer[0].curvature + inner[0].curvature,
                outer[0].straight + inner[0].straight,
                area / self.outline_length,
            ),
        )

    def misses(self, order: int, mode: Mode) -> bool:
        """Whether the shape, which holds no cell, or one of its parts is too small for a cell.

        Parts that each have cells may cancel each other.
        """
        if self.nested:
            return True
        parts = (self.left,) if self.sign == "-" else (self.left, self.right)
        return any(not part.rasterize(order, mode)[0].size and part.misses(order, mode) for part in parts)


def _ends(cells: RangeSet) -> tuple[Numbers, Numbers]:
    """Starts and stops of the ranges of a set."""
    boundaries = cells.boundaries
    return boundaries[::2].copy(), boundaries[1::2].copy()


# ---------------------------------------------------------------------- geometry


def _axes(lon: float, lat: float, angle: float) -> Vectors:
    """Unit vectors to a centre, along the width axis and along the height axis of a shape there, as rows."""
    # Plain floats: this runs once per shape, and an array of three is slow to handle.
    a, b, c, d = math.cos(lon), math.sin(lon), math.cos(lat), math.sin(lat)
    p, q = math.cos(angle), math.sin(angle)
    east = (-b, a, 0.0)
    north = (-d * a, -d * b, c)
    return np.array(
        [
            (c * a, c * b, d),
            [p * e - q * n for e, n in zip(east, north, strict=True)],
            [p * n + q * e for e, n in zip(east, north, strict=True)],
        ]
    )


def _check_position(lon: float, lat: float, angle: float = 0.0) -> None:
    if not math.isfinite(lon + lat + angle):
        raise ValueError(
            f"a shape's position and angle must be finite, got lon={lon:.6g}, lat={lat:.6g}, angle={angle:.6g}"
        )


def _check_semi_axes(half_width: float, half_height: float) -> None:
    for name, value in (("width", half_width), ("height", half_height)):
        if not 0 <= value < np.pi / 2:
            raise ValueError(f"half the {name} must be from 0 to below 90 deg, got {np.degrees(value):.6g} deg")


def _is_pole(lat: float) -> bool:
    return abs(lat) >= np.pi / 2 - TIE


def longitudes(values: Any, closed: Closed, name: str = "lon") -> tuple[float, float] | None:
    """Two longitudes in degrees, from 0 to 360, or None if they are the ends of the full circle.

    Raises
    ------
    TypeError, ValueError
        If they are anything else, or one meridian; the error names the argument `name`.
    """
    west, east = _pair(values, name)
    tie, span = math.degrees(TIE), east - west
    if abs(span - 360) <= tie:
        return None
    got = f"got {west:.15g} deg and {east:.15g} deg"
    if span > 360:
        raise ValueError(f"{name} must not go around more than once, {got}")
    # Degrees, because their remainder of 360 is exact.
    if abs(math.remainder(span, 360)) <= tie and not (closed == "both" and abs(span) <= tie):
        raise ValueError(
            f"{name} must be two different meridians, from west to east, or 360 deg apart for the full circle "
            f"such as ('0 deg', '360 deg'), {got}"
        )
    # Twice: of the smallest negative numbers the remainder is 360.
    return west % 360 % 360, east % 360 % 360


def _latitudes(values: Any, closed: Closed) -> tuple[float, float]:
    """Two latitudes in degrees."""
    south, north = _pair(values, "lat")
    got = f"got {south:.15g} deg and {north:.15g} deg"
    tie = math.degrees(TIE)
    if not -90 - tie <= south <= north <= 90 + tie:
        raise ValueError(f"lat must ascend from at least -90 deg to at most 90 deg, {got}")
    if north - south <= tie and closed != "both" and not _is_pole(math.radians(south)):
        raise ValueError(f"lat must be two different parallels unless closed is 'both', {got}")
    return max(south, -90.0), min(north, 90.0)


def _pair(values: Any, name: str) -> tuple[float, float]:
    """Two angles in degrees."""
    try:
        first, last = values
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a pair of angles, got {values!r}") from None
    pair = [float(as_angle(value, name).to_value(u.deg)) for value in (first, last)]
    if not np.isfinite(pair).all():
        raise ValueError(f"{name} must be finite, got {values!r}")
    return pair[0], pair[1]


def _frame_axes(source: str, target: str) -> Vectors:
    """The x, y and z axes of one frame as unit vectors in another, shape (3, 3)."""
    axes = SkyCoord(CartesianRepresentation(np.eye(3)), frame=source)
    try:
        result = np.ascontiguousarray(axes.transform_to(target).cartesian.xyz.value.T)
    except Exception as error:
        # Frames of a place and a time, without them, fail in ways of their own.
        raise ValueError(f"zone_frame {source!r} is not fixed to the sky: give one that is, such as 'fk5'") from error
    if not np.allclose(result @ result.T, np.eye(3), rtol=0, atol=1e-9):
        raise ValueError(f"zone_frame {source!r} is not a rotation of {target!r}: give one that is, such as 'fk5'")
    if np.allclose(result, np.eye(3), rtol=0, atol=TIE):
        return np.eye(3)
    left, _, right = np.linalg.svd(result)
    return np.ascontiguousarray(left @ right)


def _arcs(normal: Vectors, level: NDArray[np.float64], first: Vectors, last: Vectors) -> NDArray[np.float64]:
    """Arcs in the columns of the kernel: the circles n.p = level from `first` anticlockwise around n to `last`."""
    return np.ascontiguousarray(
        np.column_stack(
            [
                normal,
                level,
                np.arccos(level),
                first,
                last,
                np.cross(normal, first),
                np.cross(last, normal),
            ]
        )
    )
