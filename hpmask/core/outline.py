"""Outlines of masks: closed rings along the sides of cells, grouped into polygons with holes.

The compiled kernel `outline` finds the rings. This module groups them by connected component, tells outer rings from
holes, and simplifies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, overload

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation
from numpy.typing import NDArray

from hpmask._kernels import components as _components
from hpmask._kernels import outline as _kernel
from hpmask._kernels.tiles import TileSet
from hpmask._utils.arguments import as_flag, one_angle
from hpmask._utils.words import counted
from hpmask.core.rangeset import RangeSet, from_starts_stops, index_of
from hpmask.core.value import MaskValue, distinct_planes
from hpmask.geometry import healpix
from hpmask.geometry.frames import unit_vectors

__all__ = ["Outline", "OutlinePolygon", "Rings", "one_ring_each", "outline"]

Floats = NDArray[np.float64]
Offsets = NDArray[np.int64]

# Between two points of an outline, the great circle is within this fraction of a cell from the cells' sides.
_TOLERANCE = 1 / 64

# A polygon whose outer ring has more than this fraction of the sky on its side is cut, if it should be. Readers take
# the smaller side of a ring, some of them by counting points.
_LARGE = 0.45


class OutlinePolygon(NamedTuple):
    """A polygon of an outline: an outer ring and the rings of its holes.

    Parameters
    ----------
    outer : `~astropy.coordinates.SkyCoord`, shape (n_points,)
        The points of the outer ring in sequence. The first one is not repeated.
    holes : tuple of `~astropy.coordinates.SkyCoord`
        The rings of the holes.
    """

    outer: SkyCoord
    holes: tuple[SkyCoord, ...]


class Rings(NamedTuple):
    """Rings as arrays."""

    lon: Floats
    """Longitudes of the points in radians, ring by ring, shape (n_points,)."""
    lat: Floats
    """Latitudes."""
    ring_offsets: Offsets
    """Ring k has the points ``ring_offsets[k]`` to ``ring_offsets[k + 1] - 1``, shape (n_rings + 1,)."""
    polygon_offsets: Offsets
    """Polygon k has the rings ``polygon_offsets[k]`` to ``polygon_offsets[k + 1] - 1``, the outer one first."""
    on_cut: NDArray[np.bool_]
    """Whether each point is on a cut between polygons. Such points stay, so that there is no gap between them."""


class Outline(Sequence[OutlinePolygon]):
    """The outline of a mask: a sequence of polygons, each with an outer ring and holes, with arrays of all points.

    `Mask.outline` makes it. The polygons are the connected components of the mask, the largest first. Cells that touch
    in a corner only are not connected.

    Parameters
    ----------
    rings : Rings
        The rings.
    frame : {"icrs", "galactic"}
        The frame.
    order : int
        Order of the mask.
    is_full : bool, optional
        Whether the mask is the whole sky, which has no outline.
    n_vanished : int, optional
        How many rings vanished when the outline was simplified.

    Examples
    --------
    >>> from hpmask import Mask
    >>> ring = Mask.from_regions("icrs; annulus(40, 10, 2, 5)", order=9)
    >>> outline = ring.outline()
    >>> outline
    <Outline icrs order=9 | 1 polygon, 2 rings, 293 points>
    >>> outer, holes = outline[0]
    >>> len(outer), len(holes), len(holes[0])
    (211, 1, 82)
    """

    def __init__(self, rings: Rings, *, frame: str, order: int, is_full: bool = False, n_vanished: int = 0) -> None:
        self._rings = rings
        self._frame = frame
        self._order = order
        self._is_full = is_full
        self._n_vanished = n_vanished

    @property
    def frame(self) -> str:
        """Frame of the points, "icrs" or "galactic"."""
        return self._frame

    @property
    def order(self) -> int:
        """Order of the mask."""
        return self._order

    @property
    def is_full(self) -> bool:
        """Whether the mask is the whole sky, which has no outline."""
        return self._is_full

    @property
    def n_rings(self) -> int:
        """Number of rings."""
        return int(self._rings.ring_offsets.size) - 1

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(self._rings.lon.size)

    @property
    def n_vanished(self) -> int:
        """How many rings vanished when the outline was simplified."""
        return self._n_vanished

    @cached_property
    def points(self) -> SkyCoord:
        """The points of all rings, shape (n_points,), in the mask's frame.

        Along a ring, the kept sky is to the left, seen from outside the sphere: outer rings are anticlockwise and
        holes are clockwise on a globe, as in GeoJSON (RFC 7946).
        """
        return self._sky(slice(None))

    @property
    def ring_offsets(self) -> Offsets:
        """Ring k has the points ``ring_offsets[k]`` to ``ring_offsets[k + 1] - 1``, shape (n_rings + 1,)."""
        return self._rings.ring_offsets.copy()

    @property
    def polygon_offsets(self) -> Offsets:
        """Polygon k has the rings ``polygon_offsets[k]`` to ``polygon_offsets[k + 1] - 1``, the outer one first."""
        return self._rings.polygon_offsets.copy()

    @property
    def rings(self) -> Rings:
        """The rings as arrays of angles in radians."""
        return self._rings

    @cached_property
    def area(self) -> u.Quantity:
        """Area of each polygon without its holes in deg2, shape (n_polygons,), with sides on great circles."""
        starts = self._rings.ring_offsets[:-1]
        areas = _signed_areas(self._rings)
        outer = self._rings.polygon_offsets[:-1]
        areas[outer] += np.where(areas[outer] < 0, 4 * np.pi, 0)
        total = np.add.reduceat(areas, outer) if starts.size else np.zeros(0)
        return (total * u.sr).to(u.deg**2)

    def simplify(self, tolerance: u.Quantity | str) -> Outline:
        """Return the outline with fewer points, within an angle of this one.

        Parameters
        ----------
        tolerance : `~astropy.units.Quantity` or str
            The angle, above 0 and below 45 deg.

        Returns
        -------
        Outline
            Its points are points of this outline. See `Mask.outline`, ``simplify=``.

        Raises
        ------
        TypeError, ValueError
            If `tolerance` is not an angle from 0 to 45 deg.

        Examples
        --------
        >>> from hpmask import Mask
        >>> outline = Mask.from_regions("icrs; circle(40, 10, 5)", order=9).outline()
        >>> outline.n_points, outline.simplify("0.2 deg").n_points
        (211, 16)
        """
        angle = one_angle(tolerance, "tolerance", below=45 * u.deg)
        rings = self._rings
        keep = np.zeros(rings.lon.size, dtype=np.uint8)
        vectors = np.ascontiguousarray(unit_vectors(rings.lon, rings.lat))
        _kernel.simplified(vectors, rings.ring_offsets, rings.on_cut.view(np.uint8), angle, keep)
        ends = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
        counts = np.diff(ends[rings.ring_offsets])
        n_holes = np.diff(rings.polygon_offsets)
        # A hole is within its outer ring, and vanishes with it.
        stays = (counts > 0) & np.repeat(counts[rings.polygon_offsets[:-1]] > 0, n_holes)
        kept = keep.astype(bool) & np.repeat(stays, np.diff(rings.ring_offsets))
        firsts = rings.polygon_offsets[:-1]
        per_polygon = np.add.reduceat(stays.astype(np.int64), firsts) if firsts.size else np.zeros(0, np.int64)
        simpler = Rings(
            rings.lon[kept],
            rings.lat[kept],
            _offsets(counts[stays]),
            _offsets(per_polygon[per_polygon > 0]),
            rings.on_cut[kept],
        )
        vanished = self._n_vanished + int(stays.size - stays.sum())
        return Outline(simpler, frame=self._frame, order=self._order, is_full=self._is_full, n_vanished=vanished)

    def __len__(self) -> int:
        return int(self._rings.polygon_offsets.size) - 1

    @overload
    def __getitem__(self, k: int) -> OutlinePolygon: ...
    @overload
    def __getitem__(self, k: slice) -> list[OutlinePolygon]: ...
    def __getitem__(self, k: int | slice) -> OutlinePolygon | list[OutlinePolygon]:
        """Return a polygon, or a list of them for a slice; 0 is the one of the largest component."""
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            raise TypeError(f"the number of a polygon must be an integer, got {k!r}")
        if not -len(self) <= k < len(self):
            raise IndexError(f"the outline has {counted(len(self), 'polygon')}, got {k}")
        first, stop = self._rings.polygon_offsets[k % len(self) :][:2]
        ends = self._rings.ring_offsets[first : stop + 1]
        outer, *holes = (self._sky(slice(a, b)) for a, b in pairwise(ends))
        return OutlinePolygon(outer, tuple(holes))

    def __iter__(self) -> Iterator[OutlinePolygon]:
        return (self[k] for k in range(len(self)))

    def _sky(self, part: slice) -> SkyCoord:
        data = UnitSphericalRepresentation(self._rings.lon[part] * u.rad, self._rings.lat[part] * u.rad)
        return SkyCoord(data, frame=self._frame)

    def __repr__(self) -> str:
        what = "the whole sky, " if self._is_full and not len(self) else ""
        counts = ((len(self), "polygon"), (self.n_rings, "ring"), (self.n_points, "point"))
        return f"<Outline {self._frame} order={self._order} | {what}{', '.join(counted(*one) for one in counts)}>"


def outline(mask: MaskValue, *, simplify: u.Quantity | str | None = None, split: bool = False) -> Outline:
    """See `hpmask.Mask.outline`."""
    split = as_flag(split, "split")
    if simplify is not None:
        one_angle(simplify, "simplify", below=45 * u.deg)
    planes = distinct_planes(mask)
    if len(planes) > 1:
        raise ValueError(
            f"the mask has {len(planes)} different planes in its {len(mask.planes)} bins, and each plane has its own "
            "outline: combine the bins with reduce('any') or reduce('all'), or take one bin, mask[i]"
        )
    plane = planes[0]
    whole = Outline(_rings_of(plane, split), frame=mask.frame, order=mask.order, is_full=plane.is_full)
    return whole if simplify is None else whole.simplify(simplify)


def one_ring_each(rings: Rings) -> Rings:
    """Polygons without holes: each hole is joined to the outer ring by a line that is passed there and back.

    By the even-odd rule, the two passages cancel each other, wherever the line is. It leads from the first point of the
    hole to the closest point of the outer ring.
    """
    n_rings = np.diff(rings.polygon_offsets)
    if not (n_rings > 1).any():
        return rings
    vectors = unit_vectors(rings.lon, rings.lat)
    pieces: list[NDArray[np.intp]] = []
    counts = []
    for first, n in zip(rings.polygon_offsets[:-1], n_rings, strict=True):
        ends = rings.ring_offsets[first : first + n + 1]
        outer = np.arange(ends[0], ends[1])
        if n == 1:
            pieces.append(outer)
            counts.append(outer.size)
            continue
        firsts = vectors[ends[1:n]]
        parts = [np.argmax(firsts[k : k + 64] @ vectors[outer].T, axis=1) for k in range(0, n - 1, 64)]
        closest = np.concatenate(parts)
        at = 0
        for k in np.argsort(closest, kind="stable"):
            hole = np.arange(ends[k + 1], ends[k + 2])
            join = closest[k]
            pieces += [outer[at : join + 1], hole, hole[:1], outer[join : join + 1]]
            at = join + 1
        pieces.append(outer[at:])
        counts.append(int(ends[n] - ends[0]) + 2 * (n - 1))
    chosen = np.concatenate(pieces)
    return Rings(
        rings.lon[chosen], rings.lat[chosen], _offsets(counts), np.arange(len(counts) + 1), rings.on_cut[chosen]
    )


# ---------------------------------------------------------------------- the rings of a set


def _rings_of(plane: RangeSet, split: bool, tolerance: float = _TOLERANCE, *, is_cut: bool = False) -> Rings:
    """The rings of a set. With `split`, those of large polygons are cut along the edges of base cells.

    `is_cut` says that the set is such a part of a larger one.
    """
    if split and plane.is_full:
        return _cut(plane, tolerance)
    at, side, length, offsets, cells = _kernel.rings(plane.boundaries, index_of(plane), plane.order)
    left = np.empty(cells.size)
    _kernel.areas(at, side, length, offsets, plane.order, left)
    if cells.size:
        labelling = _components.Labelling(TileSet(plane.boundaries, plane.order), False)
        starts, stops, numbers, sizes = labelling.pieces()
        component = numbers[np.searchsorted(starts, cells, side="right") - 1].astype(np.intp)
    else:
        component, sizes = np.empty(0, np.intp), np.empty(0, np.uint64)
    # The largest component first, and of its rings the one with the most sky beyond it, which is the outer one.
    rank = np.empty(sizes.size, dtype=np.intp)
    rank[np.argsort(~sizes, kind="stable")] = np.arange(sizes.size)
    sequence = np.lexsort((left, rank[component]))
    firsts = np.flatnonzero(np.diff(rank[component][sequence], prepend=-1))
    lon, lat, point_offsets, on_edge = _kernel.points(
        at, side, length, offsets, plane.order, tolerance * healpix.cell_side(plane.order)
    )
    on_cut = on_edge.view(np.bool_) if is_cut else np.zeros(lon.size, dtype=np.bool_)
    rings = Rings(lon, lat, point_offsets, np.append(firsts, sequence.size).astype(np.int64), on_cut)
    rings = _taken(rings, sequence)
    if not split:
        return rings
    large = left[sequence][firsts] > _LARGE * 4 * np.pi
    if not large.any():
        return rings
    chosen = large[rank[numbers]]
    pieces = _cut(from_starts_stops(starts[chosen], stops[chosen], plane.order), tolerance)
    return _joined([pieces, _polygons_taken(rings, ~large)])


def _cut(plane: RangeSet, tolerance: float) -> Rings:
    """The rings of the parts of a set in each base cell."""
    parts = []
    for cell in range(12):
        part = plane & RangeSet.from_cells([cell], 0)
        if part:
            parts.append(_rings_of(part, False, tolerance, is_cut=True))
    return _joined(parts)


def _offsets(counts: NDArray[np.integer] | list[int]) -> Offsets:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _taken(rings: Rings, sequence: NDArray[np.intp]) -> Rings:
    """The rings in another sequence, with the offsets of polygons as they are."""
    counts = np.diff(rings.ring_offsets)[sequence]
    offsets = _offsets(counts)
    points = np.repeat(rings.ring_offsets[:-1][sequence] - offsets[:-1], counts) + np.arange(offsets[-1])
    return Rings(rings.lon[points], rings.lat[points], offsets, rings.polygon_offsets, rings.on_cut[points])


def _polygons_taken(rings: Rings, chosen: NDArray[np.bool_]) -> Rings:
    n_rings = np.diff(rings.polygon_offsets)
    in_ring = np.repeat(chosen, n_rings)
    n_points = np.diff(rings.ring_offsets)
    in_point = np.repeat(in_ring, n_points)
    return Rings(
        rings.lon[in_point],
        rings.lat[in_point],
        _offsets(n_points[in_ring]),
        _offsets(n_rings[chosen]),
        rings.on_cut[in_point],
    )


def _joined(parts: list[Rings]) -> Rings:
    return Rings(
        np.concatenate([part.lon for part in parts]),
        np.concatenate([part.lat for part in parts]),
        _offsets(np.concatenate([np.diff(part.ring_offsets) for part in parts])),
        _offsets(np.concatenate([np.diff(part.polygon_offsets) for part in parts])),
        np.concatenate([part.on_cut for part in parts]),
    )


def _signed_areas(rings: Rings) -> Floats:
    """The area of each ring in steradian, -2 pi to 2 pi: positive if it is anticlockwise, seen from outside."""
    starts, counts = rings.ring_offsets[:-1], np.diff(rings.ring_offsets)
    if not starts.size:
        return np.zeros(0)
    b = unit_vectors(rings.lon, rings.lat)
    following = np.arange(1, b.shape[0] + 1)
    following[rings.ring_offsets[1:] - 1] = starts
    c = b[following]
    a = np.repeat(b[starts], counts, axis=0)
    # A fan of triangles from the first point of each ring. Differences keep the precision of small ones.
    volume = (np.cross(b - a, c - a) * a).sum(axis=1)
    excess = 2 * np.arctan2(volume, 1 + (b * a).sum(axis=1) + (c * a).sum(axis=1) + (b * c).sum(axis=1))
    total = np.add.reduceat(excess, starts)
    return np.asarray(total - 4 * np.pi * np.round(total / (4 * np.pi)))
