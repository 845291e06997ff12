"""Polygons whose sides are circles of any size, as the intersection of caps: the polygons of mangle.

A cap is written as mangle does (Hamilton and Tegmark 2004, MNRAS 349, 115): an axis n and a number cm. For cm >= 0 it
holds the points p with ``1 - n.p <= cm``, and for cm < 0 those with ``1 - n.p >= -cm``. Caps are closed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import cap_polygons as _kernel
from hpmask._utils.modes import Mode
from hpmask.geometry import frames
from hpmask.regions.compounds import joined
from hpmask.regions.shapes import MODE_NUMBERS, Combined, Disc, Shape, Size

__all__ = ["CapPolygon", "cap_polygons", "rasterize"]

Vectors = NDArray[np.float64]
Numbers = NDArray[np.uint64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]

# Pairs of caps that are looked at together.
_PAIRS = 1 << 20
# Edges closer than this, in radians, are one.
_SAME = 1e-13


@dataclass(frozen=True, eq=False)
class CapPolygon(Shape):
    """The points that some caps share; made by `cap_polygons`."""

    axes: Vectors
    """Axes of discs of at most a hemisphere, shape (n, 3)."""
    chords2: Floats
    """Squares of the chords of their radii, shape (n,)."""
    outside: Flags
    """Whether the cap is the sky outside the disc, shape (n,)."""
    sides: _Sides
    """What is known of its outline."""

    def rasterize(self, order: int, mode: Mode) -> tuple[Numbers, Numbers]:
        return rasterize([self], order, mode)[:2]

    @property
    def outline_length(self) -> float:
        return self.sides.length

    @property
    def parts(self) -> Shape:
        """The same as a compound of discs, for compounds with other shapes."""
        lon, lat = frames.lonlat(self.axes)
        radius = 2 * np.arcsin(np.sqrt(self.chords2) / 2)
        discs = [Disc(*one) for one in np.transpose([lon, lat, radius]).tolist()]
        inner = [disc for disc, outside in zip(discs, self.outside, strict=True) if not outside]
        outer = [disc for disc, outside in zip(discs, self.outside, strict=True) if outside]
        shared = joined("&", inner or [Disc(0.0, 0.0, math.pi)])
        return Combined(shared, joined("|", outer), "-") if outer else shared

    @property
    def cap(self) -> tuple[float, float, float]:
        """Longitude, latitude and radius, in radians, of a disc that holds the polygon: its smallest one."""
        if self.outside.all():
            return 0.0, 0.0, math.pi
        k = int(np.argmin(np.where(self.outside, np.inf, self.chords2)))
        lon, lat = frames.lonlat(self.axes[k])
        return float(lon), float(lat), 2 * math.asin(math.sqrt(self.chords2[k]) / 2)

    @property
    def area(self) -> float:
        """Area in steradian."""
        return self.sides.area

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        length, area = self.outline_length, self.sides.area
        if area <= 0:
            return ()
        return (Size(area, self.sides.radius, self.sides.straight, area / length if length else math.pi),)


class _Sides(NamedTuple):
    """The outline of a polygon."""

    area: float
    length: float
    radius: float
    """The sine of the largest radius of its circles, or 0 without any."""
    straight: float
    """The length of its four longest sides: each may run along a row of cells."""


def rasterize(
    shapes: Sequence[CapPolygon], order: int, mode: Mode, ends: NDArray[np.int64] | None = None
) -> tuple[Numbers, Numbers, NDArray[np.uint64]]:
    """Starts and stops, at order 29, of the cells of polygons one after the other, and the rows of those without any.

    If `ends` is given, it gets the number of ranges up to the end of each polygon.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask.regions.caps import cap_polygons, rasterize
    >>> north = cap_polygons(np.array([[0.0, 0.0, 1.0]]), np.array([1.0]), np.array([0, 1]))
    >>> starts, stops, missed = rasterize(north, 1, "inside")
    >>> int((stops - starts).sum()) // 4**28, missed
    (12, array([], dtype=uint64))
    """
    counts = [len(one.chords2) for one in shapes]
    return _kernel.rasterize(  # type: ignore[no-any-return]
        np.ascontiguousarray(np.concatenate([np.empty((0, 3)), *(one.axes for one in shapes)])),
        np.concatenate([np.empty(0), *(one.chords2 for one in shapes)]),
        np.concatenate([np.empty(0, bool), *(one.outside for one in shapes)]).view(np.uint8),
        np.cumsum([0, *counts], dtype=np.int64),
        order,
        MODE_NUMBERS[mode],
        ends,
    )


def cap_polygons(axes: Vectors, cm: Floats, offsets: Rows) -> list[CapPolygon]:
    """Polygons by their caps.

    Parameters
    ----------
    axes : numpy.ndarray of float, shape (n, 3)
        Unit vectors.
    cm : numpy.ndarray of float, shape (n,)
        The caps about them, as mangle writes them.
    offsets : numpy.ndarray of int, shape (m + 1,)
        Polygon i has the caps from ``offsets[i]`` to ``offsets[i + 1]``. Without caps it is the whole sky.

    Examples
    --------
    A hemisphere without the octant at its middle has the area of 4 - 1 octants:

    >>> import numpy as np
    >>> from hpmask.regions.caps import cap_polygons
    >>> x, y, z = np.eye(3)
    >>> half, octant = cap_polygons(np.array([x, x, y, z]), np.array([1.0, 1, 1, 1]), np.array([0, 1, 4]))
    >>> [round(one.area / (np.pi / 2), 6) for one in (half, octant)]
    [4.0, 1.0]
    """
    axes = axes / np.linalg.norm(axes, axis=1)[:, np.newaxis]
    size, outside = np.minimum(np.abs(cm), 2.0), np.signbit(cm)
    # Of a disc larger than a hemisphere: the sky outside the disc about the other end of its axis.
    large = size > 1
    axes = np.where(large[:, np.newaxis], -axes, axes)
    chords2, outside = 2 * np.where(large, 2 - size, size), outside ^ large
    # The whole sky is no limit. Of the points that a cap leaves out, it is one that hides nothing.
    every = outside & (chords2 == 0)
    sides = _sides(axes, chords2, outside, offsets, every)
    return [
        CapPolygon(axes[a:b][keep], chords2[a:b][keep], outside[a:b][keep], one)
        for (a, b), one in zip(pairwise(offsets.tolist()), sides, strict=True)
        for keep in [~every[a:b]]
    ]


# ---------------------------------------------------------------------- outlines


def _sides(axes: Vectors, chords2: Floats, outside: Flags, offsets: Rows, every: Flags) -> list[_Sides]:
    """The outlines of all polygons at once."""
    n = len(offsets) - 1
    row = np.repeat(np.arange(n), np.diff(offsets))
    cap, first, last = _arcs(axes, chords2, outside, offsets, row)
    cosine, sine = 1 - chords2 / 2, np.sqrt(chords2 * (1 - chords2 / 4))
    lengths = sine[cap] * (last - first)
    # Arcs of at most a quarter turn, of which the sums of signed triangles have one meaning.
    pieces = np.maximum(np.ceil((last - first) / (np.pi / 2) - 1e-12).astype(np.int64), 1)
    part = np.concatenate([np.empty(0), *map(np.arange, pieces.tolist())])
    cap4 = np.repeat(cap, pieces)
    first4: Floats = np.repeat(first, pieces)
    step: Floats = np.repeat((last - first) / pieces, pieces)
    centre = axes[cap4]
    east, north = (one[cap4] for one in _perpendicular(axes))

    def at(angle: Floats) -> Vectors:
        around = np.cos(angle)[:, np.newaxis] * east + np.sin(angle)[:, np.newaxis] * north
        return np.asarray(cosine[cap4][:, np.newaxis] * centre + sine[cap4][:, np.newaxis] * around)

    a, b = at(first4 + part * step), at(first4 + (part + 1) * step)
    # Seen from some point: the triangle with an arc, its side curved. The sum over the outline is the area.
    seen = np.array([0.26726124191242440, 0.53452248382484880, 0.80178372573727319])
    signed = (
        _triangle(np.broadcast_to(seen, a.shape), a, b) + step * (chords2[cap4] / 2) - _triangle(centre, a, b)
    ) * np.where(outside[cap4], -1, 1)
    area = np.bincount(row[cap4], signed, n)
    length = np.bincount(row[cap], lengths, n)
    radius = np.zeros(n)
    np.maximum.at(radius, row[cap], sine[cap])
    # Rounding may take an area of nearly nothing below zero.
    area = np.where(area < -1e-12, area % (4 * np.pi), area)
    area = np.where(area >= 4 * np.pi - 1e-12, area - 4 * np.pi, area)
    # Without an outline, a polygon is nothing or, if none of its caps is a limit, the whole sky.
    limits = np.bincount(row, ~every, n)
    area = np.where(limits > 0, np.maximum(area, 0), 4 * np.pi)
    ranks = np.lexsort((-lengths, row[cap]))
    place = np.arange(len(ranks)) - np.searchsorted(row[cap][ranks], row[cap][ranks])
    straight = np.bincount(row[cap][ranks], np.where(place < 4, lengths[ranks], 0), n)
    return [_Sides(*one) for one in np.transpose([area, length, radius, straight]).tolist()]


def _triangle(a: Vectors, b: Vectors, c: Vectors) -> Floats:
    """Signed areas of triangles, positive if anticlockwise. Differences keep the precision of small ones."""
    volume = (np.cross(b - a, c - a) * a).sum(axis=1)
    return np.asarray(2 * np.arctan2(volume, 1 + (a * b).sum(axis=1) + (a * c).sum(axis=1) + (b * c).sum(axis=1)))


def _perpendicular(axes: Vectors) -> tuple[Vectors, Vectors]:
    """Two unit vectors at right angles to each axis and to each other."""
    other = np.eye(3)[np.argmin(np.abs(axes), axis=1)] if len(axes) else np.empty((0, 3))
    east = np.cross(other, axes)
    east /= np.linalg.norm(east, axis=1)[:, np.newaxis]
    return east, np.cross(axes, east)


def _arcs(axes: Vectors, chords2: Floats, outside: Flags, offsets: Rows, row: Rows) -> tuple[Rows, Floats, Floats]:
    """The arcs of the edges of caps that lie in all other caps of their polygon.

    Returns the caps, and the angles at which the arcs begin and end, measured from the vectors of `_perpendicular`.
    """
    n = len(chords2)
    counts = np.diff(offsets)[row]
    dead = np.zeros(n, dtype=np.bool_)
    found: list[tuple[Rows, Floats, Floats]] = []
    ends = np.cumsum(counts)
    start = 0
    while start < n:
        # All pairs of caps of the same polygon, some million at a time.
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _PAIRS, side="right")))
        own = np.repeat(np.arange(start, stop), counts[start:stop])
        other = offsets[row[own]] + np.arange(len(own)) - (ends[own] - counts[own] - done)
        dead_own, *hidden = _hidden(axes, chords2, outside, own[own != other], other[own != other])
        dead[dead_own] = True
        found.append(hidden)  # type: ignore[arg-type]
        start = stop
    own = np.concatenate([np.empty(0, np.int64), *(some[0] for some in found)])
    begin, width = (np.concatenate([np.empty(0), *(some[k] for some in found)]) for k in (1, 2))
    # Hidden intervals begin at 0 to 2 pi; those that reach around are cut there.
    begin = begin % (2 * np.pi)
    around = begin + width > 2 * np.pi
    caps = np.arange(n)
    every = np.concatenate([own, own[around], own, own[around], caps, caps])
    angle = np.concatenate(
        [
            begin,
            np.zeros(around.sum()),
            np.where(around, 2 * np.pi, begin + width),
            begin[around] + width[around] - 2 * np.pi,
            np.zeros(n),
            np.full(n, 2 * np.pi),
        ]
    )
    step = np.repeat([1, 1, -1, -1, 0, 0], [len(own), around.sum(), len(own), around.sum(), n, n])
    ranks = np.lexsort((angle, every))
    every, angle, depth = every[ranks], angle[ranks], np.cumsum(step[ranks])
    seen = (depth[:-1] == 0) & (every[1:] == every[:-1]) & (angle[1:] > angle[:-1]) & ~dead[every[:-1]]
    return every[:-1][seen], angle[:-1][seen], angle[1:][seen]


def _hidden(
    axes: Vectors, chords2: Floats, outside: Flags, own: Rows, other: Rows
) -> tuple[Rows, Rows, Floats, Floats]:
    """The parts of the edge of caps `own` that are not in the caps `other`.

    Returns the caps that have no edge left, and caps with an interval of angles that is hidden: its begin and width.
    """
    east, north = _perpendicular(axes)
    x, y = ((axes[other] * one[own]).sum(axis=1) for one in (east, north))
    along = (axes[other] * axes[own]).sum(axis=1)
    cosine, sine = 1 - chords2 / 2, np.sqrt(chords2 * (1 - chords2 / 4))
    # A point of the edge is in the disc of the other cap if reach cos(angle - middle) >= least.
    reach, least = sine[own] * np.hypot(x, y), cosine[other] - cosine[own] * along
    same = (reach < _SAME) & (np.abs(least) < _SAME)
    # Of caps with the same edge, one is enough; if they hold its two sides, they share the edge alone.
    alike = (along > 0) == (outside[own] == outside[other])
    gone = np.where(same, ~alike | (other < own), np.where(outside[other], least < -reach, least > reach))
    cut = ~same & (np.abs(least) <= reach) & (reach > 0)
    half = np.arccos(np.clip(least[cut] / reach[cut], -1, 1))
    middle = np.arctan2(y[cut], x[cut])
    disc = ~outside[other][cut]
    begin = np.where(disc, middle + half, middle - half)
    return own[gone], own[cut], begin, np.where(disc, 2 * np.pi - 2 * half, 2 * half)
