"""Many shapes of one kind in the frame of a mask, as arrays: their cells, outlines, sizes and the caps that hold them.

Nothing here runs once per shape, except for `Objects`. Angles are in radians, arrays have
one item for each shape. See `hpmask.regions.shapes` for what belongs to a shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import convex as _convex
from hpmask._kernels import discs as _discs
from hpmask._kernels import shapes as _shapes
from hpmask._utils.modes import Mode
from hpmask.core.rangeset import from_starts_stops
from hpmask.geometry import frames
from hpmask.regions import caps as _caps
from hpmask.regions.caps import CapPolygon
from hpmask.regions.convert import cells_of_points
from hpmask.regions.shapes import MODE_NUMBERS, Combined, Disc, Ellipse, Polygon, Shape

__all__ = [
    "Annuli",
    "Batch",
    "Boxes",
    "CapPolygons",
    "Discs",
    "Ellipses",
    "Objects",
    "Paths",
    "Polygons",
    "Raster",
    "Rows",
    "Sizes",
    "batches_of",
    "rows_rasterized",
    "rows_rasterized_by_row",
]

Angles = NDArray[np.float64]
Numbers = NDArray[np.uint64]
Offsets = NDArray[np.int64]
Rows = NDArray[np.intp]
Vectors = NDArray[np.float64]
Caps = tuple[Angles, Angles, Angles]
Raster = tuple[Numbers, Numbers, Rows]

# A cap up to this radius holds the great circles between its points.
_CONVEX_CAP = 1.5


class Sizes(NamedTuple):
    """The fields of `hpmask.regions.shapes.Size`, for many shapes."""

    area: Angles
    curvature: Angles
    straight: Angles
    inradius: Angles


class Batch:
    """Many shapes of one kind."""

    noun: ClassVar[str]
    plural: ClassVar[str]
    narrowest: ClassVar[str] = "the narrowest of {} holds a disc with a radius of {}"

    def __len__(self) -> int:
        raise NotImplementedError

    def take(self, rows: Rows | slice) -> Self:
        """Some of the shapes."""
        raise NotImplementedError

    def rasterize(self, order: int, mode: Mode) -> Raster:
        """Starts and stops (order 29) of the ranges of each shape, and the rows without a cell."""
        raise NotImplementedError

    def rasterize_apart(self, order: int, mode: Mode) -> Raster:
        """The same, where no two ranges of one shape overlap."""
        return self.rasterize(order, mode)

    def rasterize_by_row(self, order: int, mode: Mode) -> tuple[Raster, Offsets]:
        """The same as `rasterize_apart`, and the row of each range."""
        raise NotImplementedError

    @property
    def outline_lengths(self) -> Angles:
        """The lengths of the outlines, approximately."""
        raise NotImplementedError

    @property
    def sizes(self) -> Sizes:
        """The sizes of the shapes, or of their parts. Those without an area are left out."""
        raise NotImplementedError

    @property
    def caps(self) -> Caps:
        """Caps that hold the shapes: longitudes and latitudes of their centres, and their radii."""
        raise NotImplementedError

    @classmethod
    def counted_as(cls, number: int) -> str:
        """A number of shapes with their noun: "1 box", "2 boxes"."""
        return f"{number} {cls.noun if number == 1 else cls.plural}"


class _Fields(Batch):
    """Shapes of which each field is an array with one item for each shape; a base of dataclasses."""

    @property
    def fields(self) -> tuple[Angles, ...]:
        return tuple(getattr(self, one.name) for one in fields(self))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.fields[0])

    def take(self, rows: Rows | slice) -> Self:
        return type(self)(*(field[rows] for field in self.fields))

    def rasterize(self, order: int, mode: Mode) -> Raster:
        return self._rasterized(order, mode, None)

    def rasterize_by_row(self, order: int, mode: Mode) -> tuple[Raster, Offsets]:
        ends = np.empty(len(self), dtype=np.int64)
        return self._rasterized(order, mode, ends), _owners(ends)

    def _rasterized(self, order: int, mode: Mode, ends: Offsets | None) -> Raster:
        """The ranges of `rasterize`. If `ends` is given, it gets the number of ranges up to the end of each shape."""
        raise NotImplementedError


def _owners(ends: Offsets, rows: Rows | None = None) -> Offsets:
    """The row of each range from the number of ranges up to the end of each row."""
    numbers = np.arange(ends.size, dtype=np.int64) if rows is None else rows.astype(np.int64)
    return np.repeat(numbers, np.diff(ends, prepend=0))


@dataclass(frozen=True, slots=True, eq=False)
class Discs(_Fields):
    """Discs: radii from 0 to pi."""

    noun: ClassVar[str] = "disc"
    plural: ClassVar[str] = "discs"
    narrowest: ClassVar[str] = "the smallest of {} has a radius of {}"

    lon: Angles
    lat: Angles
    radius: Angles

    def _rasterized(self, order: int, mode: Mode, ends: Offsets | None) -> Raster:
        some = (np.ascontiguousarray(angle) for angle in self.fields)
        starts, stops, missed = _discs.rasterize(*some, order, MODE_NUMBERS[mode], ends)
        return starts, stops, missed.astype(np.intp)

    @property
    def outline_lengths(self) -> Angles:
        return 2 * np.pi * np.maximum(np.sin(self.radius), 0)

    @property
    def sizes(self) -> Sizes:
        some = self.take(np.flatnonzero(self.radius > 0))
        return Sizes(_cap_areas(some.radius), *_curves(some.lat, some.radius), some.radius)

    @property
    def caps(self) -> Caps:
        return self.lon, self.lat, self.radius


def _cap_areas(radius: Angles) -> Angles:
    return 4 * np.pi * np.sin(radius / 2) ** 2


def _curves(lat: Angles, radius: Angles) -> tuple[Angles, Angles]:
    """The radii of curvature of circles, and the lengths that run along rings of cells: all of it around a pole."""
    sine = np.maximum(np.sin(radius), 0)
    return sine, np.where(np.pi / 2 - np.abs(lat) < radius / 4, 2 * np.pi * sine, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Annuli(_Fields):
    """Discs without a smaller disc around the same centre."""

    noun: ClassVar[str] = "annulus"
    plural: ClassVar[str] = "annuli"

    lon: Angles
    lat: Angles
    inner: Angles
    outer: Angles

    def _rasterized(self, order: int, mode: Mode, ends: Offsets | None) -> Raster:
        some = (np.ascontiguousarray(angle) for angle in self.fields)
        starts, stops, missed = _discs.annuli(*some, order, MODE_NUMBERS[mode], ends)
        return starts, stops, missed.astype(np.intp)

    @property
    def outline_lengths(self) -> Angles:
        return 2 * np.pi * np.maximum(np.sin(self.inner), 0) + 2 * np.pi * np.maximum(np.sin(self.outer), 0)

    @property
    def sizes(self) -> Sizes:
        area = _cap_areas(self.outer) - _cap_areas(self.inner)
        (curvature, straight), (more, longer) = _curves(self.lat, self.outer), _curves(self.lat, self.inner)
        with np.errstate(divide="ignore"):
            inradius = np.minimum(area / self.outline_lengths, self.outer)
        return _with_area(Sizes(area, curvature + more, straight + longer, inradius))

    @property
    def caps(self) -> Caps:
        return self.lon, self.lat, self.outer


def _with_area(sizes: Sizes) -> Sizes:
    """The sizes of the shapes that have an area."""
    there = sizes.area > 0
    return sizes if np.all(there) else Sizes(*(field[there] for field in sizes))


@dataclass(frozen=True, slots=True, eq=False)
class Ellipses(_Fields):
    """Spherical ellipses: half axes below pi/2, `angle` is the position angle of the height axis."""

    noun: ClassVar[str] = "ellipse"
    plural: ClassVar[str] = "ellipses"

    lon: Angles
    lat: Angles
    half_width: Angles
    half_height: Angles
    angle: Angles

    def _rasterized(self, order: int, mode: Mode, ends: Offsets | None) -> Raster:
        some = (np.ascontiguousarray(angle) for angle in self.fields)
        starts, stops, missed = _convex.ellipses(*some, order, MODE_NUMBERS[mode], ends)
        return starts, stops, missed.astype(np.intp)

    @property
    def outline_lengths(self) -> Angles:
        # Ramanujan's formula for plane ellipses; great ones on the sphere are shorter.
        a, b = self.half_width, self.half_height
        return np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b)))

    @property
    def sizes(self) -> Sizes:
        minor, major = np.minimum(self.half_width, self.half_height), np.maximum(self.half_width, self.half_height)
        # The solid angle of the cone, by the parameter of the ellipse in the tangent plane. The integrand is smooth and
        # even: 8 points of a half turn are exact to 1e-12 for small ellipses.
        a, b = np.tan(major), np.tan(minor)
        n = 8 if major.max(initial=0) < 0.1 else 128
        area = np.zeros(len(self))
        for turn in (np.arange(n) * (np.pi / n)).tolist():
            secant = np.sqrt(1 + (a * np.cos(turn)) ** 2 + (b * np.sin(turn)) ** 2)
            area += 1 / (secant * (1 + secant))
        area *= 2 * np.pi / n * a * b
        return _with_area(Sizes(area, major**2 / minor, np.zeros_like(area), minor))

    @property
    def caps(self) -> Caps:
        return self.lon, self.lat, np.maximum(self.half_width, self.half_height)


@dataclass(frozen=True, slots=True, eq=False)
class Boxes(_Fields):
    """Rectangles with sides on great circles: half axes below pi/2, `angle` is that of the height axis."""

    noun: ClassVar[str] = "box"
    plural: ClassVar[str] = "boxes"

    lon: Angles
    lat: Angles
    half_width: Angles
    half_height: Angles
    angle: Angles

    @property
    def corners(self) -> Vectors:
        """Unit vectors of the corners, shape (n, 4, 3)."""
        # In the tangent plane the sides are straight.
        x, y = np.tan(self.half_width), np.tan(self.half_height)
        scale = 1 / np.sqrt(1 + x * x + y * y)
        sin_lon, cos_lon, sin_lat, cos_lat = np.sin(self.lon), np.cos(self.lon), np.sin(self.lat), np.cos(self.lat)
        p, q = np.cos(self.angle), np.sin(self.angle)
        out = np.empty((len(self), 4, 3))
        east: tuple[Any, Any, Any] = (-sin_lon, cos_lon, 0.0)
        north = (-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat)
        center = (cos_lat * cos_lon, cos_lat * sin_lon, sin_lat)
        for k in range(3):
            middle = scale * center[k]
            across = scale * x * (p * east[k] - q * north[k])
            along = scale * y * (p * north[k] + q * east[k])
            for corner, (i, j) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
                out[:, corner, k] = middle + i * across + j * along
        return out

    def rasterize(self, order: int, mode: Mode) -> Raster:
        return Polygons.simple(self.corners).rasterize(order, mode)

    def rasterize_by_row(self, order: int, mode: Mode) -> tuple[Raster, Offsets]:
        return Polygons.simple(self.corners).rasterize_by_row(order, mode)

    @property
    def outline_lengths(self) -> Angles:
        x, y = np.tan(self.half_width), np.tan(self.half_height)
        return 4 * (np.arctan(x / np.hypot(1, y)) + np.arctan(y / np.hypot(1, x)))

    @property
    def sizes(self) -> Sizes:
        x, y = np.tan(self.half_width), np.tan(self.half_height)
        area, length = 4 * np.arctan(x * y / np.sqrt(1 + x * x + y * y)), self.outline_lengths
        # Each side may run along a row of cells.
        return _with_area(Sizes(area, length / (2 * np.pi), length, area / length))

    @property
    def caps(self) -> Caps:
        reach = np.arctan(np.hypot(np.tan(self.half_width), np.tan(self.half_height)))
        return self.lon, self.lat, reach


@dataclass(frozen=True, slots=True, eq=False)
class Polygons(Batch):
    """Polygons with great-circle edges, each of one ring or more, by the even-odd rule over all of its rings.

    Neighbouring vertices of a ring differ, are not opposite each other, and there are three of them at least. The
    smaller side of the first ring is inside, or with `larger` the larger one.
    """

    noun: ClassVar[str] = "polygon"
    plural: ClassVar[str] = "polygons"

    vertices: Vectors
    """Unit vectors, shape (n_vertices, 3)."""
    ring_offsets: Offsets
    """The first vertex of each ring, and the number of vertices."""
    offsets: Offsets
    """The first ring of each polygon, and the number of rings."""
    larger: NDArray[np.uint8]

    @classmethod
    def simple(cls, vertices: Vectors) -> Polygons:
        """Polygons of one ring with as many vertices each, shape (n, k, 3)."""
        n, k, _ = vertices.shape
        return cls(
            vertices.reshape(-1, 3),
            np.arange(0, n * k + 1, k, dtype=np.int64),
            np.arange(n + 1, dtype=np.int64),
            np.zeros(n, dtype=np.uint8),
        )

    def __len__(self) -> int:
        return self.offsets.size - 1

    def take(self, rows: Rows | slice) -> Polygons:
        rings, offsets = _ragged_rows(self.offsets, rows)
        vertices, ring_offsets = _ragged_rows(self.ring_offsets, rings)
        return Polygons(self.vertices[vertices], ring_offsets, offsets, self.larger[rows])

    def rasterize(self, order: int, mode: Mode) -> Raster:
        return self._rasterized(order, mode, None)

    def rasterize_by_row(self, order: int, mode: Mode) -> tuple[Raster, Offsets]:
        owners: list[Offsets] = []
        raster = self._rasterized(order, mode, owners)
        return raster, np.concatenate(owners)

    def _rasterized(self, order: int, mode: Mode, owners: list[Offsets] | None) -> Raster:
        """The ranges of `rasterize`. If `owners` is given, the rows of the ranges are appended to it."""
        # One ring, and its smaller side inside: nearly all of these are done by the faster kernel.
        simple = (np.diff(self.offsets) == 1) & (self.larger == 0)
        rows = np.flatnonzero(simple)
        some = self if simple.all() else self.take(rows)
        number = MODE_NUMBERS[mode]
        ends = None if owners is None else np.empty(len(some), dtype=np.int64)
        starts, stops, missed, left = _convex.polygons(some.vertices, some.ring_offsets, order, number, ends)
        missed = rows[missed.astype(np.intp)]
        if owners is not None and ends is not None:
            owners.append(_owners(ends, rows))
        rows = np.sort(np.append(rows[left.astype(np.intp)], np.flatnonzero(~simple)))
        if not rows.size:
            return starts, stops, missed
        some = self.take(rows)
        ends = None if owners is None else np.empty(len(some), dtype=np.int64)
        try:
            more, more_stops, without = _shapes.polygons(
                some.vertices, some.ring_offsets, some.offsets, some.larger, order, number, ends
            )
        except _shapes.InvalidShape as error:
            raise _shapes.InvalidShape(int(rows[error.row]), error.reason) from None
        if owners is not None and ends is not None:
            owners.append(_owners(ends, rows))
        missed = np.sort(np.append(missed, rows[without.astype(np.intp)]))
        return np.append(starts, more), np.append(stops, more_stops), missed

    def _edges(self) -> tuple[Rows, Angles]:
        """The number of the vertex after each one in its ring, and the length of the edge to it."""
        after = np.arange(1, len(self.vertices) + 1)
        after[self.ring_offsets[1:] - 1] = self.ring_offsets[:-1]
        chords = np.linalg.norm(self.vertices[after] - self.vertices, axis=1)
        return after, 2 * np.arcsin(np.minimum(chords / 2, 1))

    def _sums(self, values: Angles) -> Angles:
        """Sums over the vertices of each polygon."""
        return np.add.reduceat(values, self.ring_offsets[self.offsets[:-1]]) if len(self) else np.zeros(0)

    @property
    def outline_lengths(self) -> Angles:
        return self._sums(self._edges()[1])

    @property
    def sizes(self) -> Sizes:
        after, edges = self._edges()
        length = self._sums(edges)
        # A fan of triangles from the first vertex of each ring. Differences keep the precision of small ones.
        n_rings = self.ring_offsets.size - 1
        first = np.repeat(self.vertices[self.ring_offsets[:-1]], np.diff(self.ring_offsets), axis=0)
        b, c = self.vertices, self.vertices[after]
        volume = _dot(np.cross(b - first, c - first), first)
        excess = 2 * np.arctan2(volume, 1 + _dot(b, first) + _dot(c, first) + _dot(b, c))
        rings = np.abs(np.add.reduceat(excess, self.ring_offsets[:-1])) if n_rings else np.zeros(0)
        rings %= 4 * np.pi
        rings = np.minimum(rings, 4 * np.pi - rings)
        # All rings but the first are holes in it, as far as the size goes.
        holes = np.ones(n_rings, dtype=np.bool_)
        holes[self.offsets[:-1]] = False
        area = rings[self.offsets[:-1]]
        if holes.any():
            area = np.abs(area - np.add.reduceat(np.where(holes, rings, 0.0), self.offsets[:-1]))
        area = np.where(self.larger, 4 * np.pi - area, area)
        # Rows of cells run in a few directions only, and a convex outline has two sides along each of them.
        row = np.repeat(np.arange(len(self)), np.diff(self.ring_offsets[self.offsets]))
        longest = np.lexsort((-edges, row))
        rank = np.arange(edges.size) - self.ring_offsets[self.offsets[:-1]][row]
        straight = self._sums(np.where(rank < 4, edges[longest], 0.0))
        return _with_area(Sizes(area, length / (2 * np.pi), straight, area / length))

    @property
    def caps(self) -> Caps:
        counts = np.diff(self.ring_offsets[self.offsets])
        center, reach = _caps_of(self.vertices, self.ring_offsets[self.offsets[:-1]], counts)
        return *frames.lonlat(center), np.where(self.larger, np.pi, reach)


def _dot(a: Vectors, b: Vectors) -> Angles:
    products: Angles = np.einsum("ij,ij->i", a, b)
    return products


def _caps_of(vectors: Vectors, starts: Offsets, counts: NDArray[np.intp]) -> tuple[Vectors, Angles]:
    """Caps around groups of unit vectors and the great circles between them."""
    if not starts.size:
        return np.empty((0, 3)), np.empty(0)
    center = np.add.reduceat(vectors, starts)
    size = np.linalg.norm(center, axis=1)
    # Points all around the sky may have their mean anywhere.
    lost = size < 1e-3 * counts
    center[lost], size[lost] = (1.0, 0.0, 0.0), 1.0
    center /= size[:, np.newaxis]
    chords = np.linalg.norm(vectors - np.repeat(center, counts, axis=0), axis=1)
    reach = 2 * np.arcsin(np.minimum(np.maximum.reduceat(chords, starts) / 2, 1))
    return center, np.where(reach < _CONVEX_CAP, reach, np.pi)


@dataclass(frozen=True, slots=True, eq=False)
class Paths(Batch):
    """All points within a distance (below pi/2) of lines of great-circle arcs."""

    noun: ClassVar[str] = "path"
    plural: ClassVar[str] = "paths"

    vertices: Vectors
    """Unit vectors, shape (n_vertices, 3)."""
    offsets: Offsets
    """The first vertex of each line, and the number of vertices. Each line has two vertices or more."""
    half_width: Angles

    def __len__(self) -> int:
        return self.offsets.size - 1

    def take(self, rows: Rows | slice) -> Paths:
        vertices, offsets = _ragged_rows(self.offsets, rows)
        return Paths(self.vertices[vertices], offsets, self.half_width[rows])

    def _segments(self) -> tuple[Vectors, Vectors, Rows]:
        """First and last points of the arcs, and the rows that they belong to."""
        counts = np.diff(self.offsets)
        there = np.ones(len(self.vertices), dtype=np.bool_)
        there[self.offsets[1:] - 1] = False
        first = np.flatnonzero(there)
        return self.vertices[first], self.vertices[first + 1], np.repeat(np.arange(len(self)), counts - 1)

    def rasterize(self, order: int, mode: Mode) -> Raster:
        first, last, row = self._segments()
        starts, stops, missed = _shapes.paths(first, last, self.half_width[row], order, MODE_NUMBERS[mode])
        there = np.ones(row.size, dtype=np.bool_)
        there[missed.astype(np.intp)] = False
        return starts, stops, np.flatnonzero(np.bincount(row[there], minlength=len(self)) == 0)

    def rasterize_apart(self, order: int, mode: Mode) -> Raster:
        return self.rasterize_by_row(order, mode)[0]

    def rasterize_by_row(self, order: int, mode: Mode) -> tuple[Raster, Offsets]:
        first, last, row = self._segments()
        ends = np.empty(row.size, dtype=np.int64)
        starts, stops, missed = _shapes.paths(first, last, self.half_width[row], order, MODE_NUMBERS[mode], ends)
        without = np.ones(len(self), dtype=np.bool_)
        without[np.delete(row, missed.astype(np.intp))] = False
        owners = _owners(ends, row)
        # The arcs of a line lie over each other where they meet.
        bent = np.diff(self.offsets) > 2
        apart = ~bent[owners]
        parts, rows = [(starts[apart], stops[apart])], [owners[apart]]
        cuts = np.searchsorted(owners, np.arange(len(self) + 1))
        for k in np.flatnonzero(bent).tolist():
            some = slice(cuts[k], cuts[k + 1])
            boundaries = from_starts_stops(starts[some].copy(), stops[some].copy(), order).boundaries
            parts.append((boundaries[::2], boundaries[1::2]))
            rows.append(np.full(boundaries.size // 2, k, dtype=np.int64))
        starts, stops = (np.concatenate(some) for some in zip(*parts, strict=True))
        return (starts, stops, np.flatnonzero(without)), np.concatenate(rows)

    @property
    def outline_lengths(self) -> Angles:
        first, last, row = self._segments()
        arcs = 2 * np.arcsin(np.minimum(np.linalg.norm(last - first, axis=1) / 2, 1))
        lengths = np.bincount(row, weights=arcs, minlength=len(self))
        return 2 * np.cos(self.half_width) * lengths + 2 * np.pi * np.sin(self.half_width)

    @property
    def sizes(self) -> Sizes:
        # Each arc counts for itself, since others may lie over it.
        first, last, row = self._segments()
        arcs = 2 * np.arcsin(np.minimum(np.linalg.norm(last - first, axis=1) / 2, 1))
        half_width = self.half_width[row]
        sine = np.sin(half_width)
        area = 2 * sine * arcs + _cap_areas(half_width)
        return Sizes(area, sine, 2 * np.cos(half_width) * arcs, half_width)

    @property
    def caps(self) -> Caps:
        center, reach = _caps_of(self.vertices, self.offsets[:-1], np.diff(self.offsets))
        return *frames.lonlat(center), np.minimum(reach + self.half_width, np.pi)


@dataclass(frozen=True, slots=True, eq=False)
class Objects(Batch):
    """Any shapes, one by one."""

    noun: ClassVar[str] = "region"
    plural: ClassVar[str] = "regions"

    shapes: Sequence[Shape]

    def __len__(self) -> int:
        return len(self.shapes)

    def take(self, rows: Rows | slice) -> Objects:
        return Objects(self.shapes[rows] if isinstance(rows, slice) else [self.shapes[row] for row in rows.tolist()])

    def rasterize(self, order: int, mode: Mode) -> Raster:
        return self.rasterize_by_row(order, mode)[0]

    def rasterize_by_row(self, order: int, mode: Mode) -> tuple[Raster, Offsets]:
        starts, stops, missed = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.uint64)], []
        counts = []
        for row, shape in enumerate(self.shapes):
            if isinstance(shape, Disc) and shape.radius == 0 and mode != "inside":
                cells = cells_of_points([shape], order)
            else:
                cells = from_starts_stops(*shape.rasterize(order, mode), order)
            boundaries = cells.boundaries
            if cells.is_empty and shape.misses(order, mode):
                missed.append(row)
            starts.append(boundaries[::2])
            stops.append(boundaries[1::2])
            counts.append(boundaries.size // 2)
        raster = np.concatenate(starts), np.concatenate(stops), np.array(missed, dtype=np.intp)
        return raster, _owners(np.cumsum(counts, dtype=np.int64))

    @property
    def outline_lengths(self) -> Angles:
        return np.array([shape.outline_length for shape in self.shapes], dtype=np.float64)

    @property
    def caps(self) -> Caps:
        lon, lat, reach = np.array([_cap_of(shape) for shape in self.shapes]).reshape(-1, 3).T.copy()
        return lon, lat, reach

    @property
    def sizes(self) -> Sizes:
        return Sizes(*np.array([size for shape in self.shapes for size in shape.sizes]).reshape(-1, 4).T)


@dataclass(frozen=True, eq=False)
class CapPolygons(Objects):
    """Intersections of caps, in one call of their kernel."""

    noun: ClassVar[str] = "polygon"
    plural: ClassVar[str] = "polygons"

    shapes: Sequence[CapPolygon]

    def take(self, rows: Rows | slice) -> CapPolygons:
        return CapPolygons(super().take(rows).shapes)  # type: ignore[arg-type]

    def rasterize(self, order: int, mode: Mode) -> Raster:
        starts, stops, missed = _caps.rasterize(self.shapes, order, mode)
        return starts, stops, missed.astype(np.intp)

    def rasterize_by_row(self, order: int, mode: Mode) -> tuple[Raster, Offsets]:
        ends = np.empty(len(self), dtype=np.int64)
        starts, stops, missed = _caps.rasterize(self.shapes, order, mode, ends)
        return (starts, stops, missed.astype(np.intp)), _owners(ends)


def batches_of(some: Sequence[Shape]) -> list[tuple[Batch, Rows]]:
    """Shapes of any kinds as batches of one kind each, and the numbers of the shapes in each batch."""
    kinds: dict[type[Batch], list[int]] = {}
    for number, shape in enumerate(some):
        kinds.setdefault(_kind_of(shape), []).append(number)
    return [(_FROM_SHAPES[kind]([some[k] for k in rows]), np.array(rows)) for kind, rows in kinds.items()]


def _kind_of(shape: Shape) -> type[Batch]:
    if isinstance(shape, Combined) and shape.nested and isinstance(shape.left, Disc) and isinstance(shape.right, Disc):
        return Annuli
    return next((kind for cls, kind in _KINDS.items() if isinstance(shape, cls)), Objects)


def _polygons_of(some: Sequence[Any]) -> Polygons:
    rings = [ring for shape in some for ring in shape.rings]
    counts = np.cumsum([0, *map(len, rings)], dtype=np.int64)
    owners = np.cumsum([0, *(len(shape.rings) for shape in some)], dtype=np.int64)
    return Polygons(np.concatenate(rings), counts, owners, np.array([shape.larger for shape in some], dtype=np.uint8))


_KINDS: dict[type[Shape], type[Batch]] = {
    Disc: Discs,
    Ellipse: Ellipses,
    Polygon: Polygons,
    CapPolygon: CapPolygons,
}
_FROM_SHAPES: dict[type[Batch], Callable[[Sequence[Any]], Batch]] = {
    Discs: lambda some: Discs(*np.array([(one.lon, one.lat, one.radius) for one in some]).T),
    Annuli: lambda some: Annuli(
        *np.array([(one.left.lon, one.left.lat, one.right.radius, one.left.radius) for one in some]).T
    ),
    Ellipses: lambda some: Ellipses(
        *np.array([(one.lon, one.lat, one.half_width, one.half_height, one.angle) for one in some]).T
    ),
    Polygons: _polygons_of,
    CapPolygons: CapPolygons,
    Objects: Objects,
}


def _cap_of(shape: Shape) -> tuple[float, float, float]:
    """A cap that holds a shape: longitude, latitude and radius."""
    while isinstance(shape, Combined) and shape.sign in "&-":
        shape = shape.left
    if isinstance(shape, Disc):
        return shape.lon, shape.lat, shape.radius
    if isinstance(shape, CapPolygon):
        return shape.cap
    if isinstance(shape, Ellipse):
        return shape.lon, shape.lat, max(shape.half_width, shape.half_height)
    if isinstance(shape, Polygon) and not shape.larger:
        vertices = np.concatenate(shape.rings)
        center, reach = _caps_of(vertices, np.zeros(1, dtype=np.int64), np.array([len(vertices)]))
        lon, lat = frames.lonlat(center)
        return float(lon[0]), float(lat[0]), float(reach[0])
    return 0.0, 0.0, np.pi


def _ragged_rows(offsets: Offsets, rows: Rows | slice) -> tuple[Rows | slice, Offsets]:
    """Which items belong to some rows of a ragged array, and the offsets of these rows among themselves."""
    if isinstance(rows, slice):
        first, last, step = rows.indices(offsets.size - 1)
        if step == 1:
            last = max(first, last)
            begin = int(offsets[first])
            return slice(begin, int(offsets[last])), offsets[first : last + 1] - begin
        rows = np.arange(first, last, step)
    starts, counts = offsets[rows], np.diff(offsets)[rows]
    ends = np.zeros(rows.size + 1, dtype=np.int64)
    np.cumsum(counts, out=ends[1:])
    return np.arange(ends[-1]) + np.repeat(starts - ends[:-1], counts), ends


def rows_rasterized(batch: Batch, rows: Rows | slice, order: int, mode: Mode, *, apart: bool = False) -> Raster:
    """The ranges of some rows of a batch, and the positions among these rows of those without a cell.

    Raises
    ------
    ValueError
        If a row is no shape; the message has its number in the batch.
    """
    some = batch.take(rows)
    with _named(batch, rows):
        return some.rasterize_apart(order, mode) if apart else some.rasterize(order, mode)


def rows_rasterized_by_row(batch: Batch, rows: slice, order: int, mode: Mode) -> tuple[Raster, Offsets]:
    """The same, where no two ranges of one shape overlap, and the position among the rows of the owner of each range.

    Raises
    ------
    ValueError
        If a row is no shape; the message has its number in the batch.
    """
    some = batch.take(rows)
    with _named(batch, rows):
        return some.rasterize_by_row(order, mode)


@contextmanager
def _named(batch: Batch, rows: Rows | slice) -> Iterator[None]:
    """A block whose errors about a row get the number that it has in the batch."""
    try:
        yield
    except _shapes.InvalidShape as error:
        raise ValueError(f"{batch.noun} in row {np.arange(len(batch))[rows][error.row]}: {error.reason}") from None
