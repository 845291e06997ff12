"""A set of cells in another frame: a new cell is in iff its centre was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpmask import healpix, lookup
from hpmask.rangeset import MAX_ORDER, RangeSet, check_order

__all__ = ["rotated"]

# Nodes of the tree that are asked about together.
_CHUNK = 1 << 17


def rotated(plane: RangeSet, matrix: NDArray[np.float64], order: int) -> RangeSet:
    """The cells of `order` whose centre, rotated by `matrix`, is in `plane`.

    The walk goes down the quad-tree of the new frame and divides only the nodes that an outline may pass, so its cost
    grows with the outline of the set.

    Parameters
    ----------
    plane : RangeSet
        The set in its own frame.
    matrix : numpy.ndarray, shape (3, 3)
        Takes unit vectors of the new frame to the set's frame.
    order : int
        Order of the new cells.
    """
    order = check_order(order)
    nodes = np.arange(12, dtype=np.uint64)
    starts, stops = [], []
    for level in range(order + 1):
        shift = np.uint64(2 * (MAX_ORDER - level))
        mixed = []
        for first in range(0, nodes.size, _CHUNK):
            some = nodes[first : first + _CHUNK]
            vectors = healpix.centre_vectors(some, level) @ matrix.T
            lon = np.arctan2(vectors[:, 1], vectors[:, 0])
            lat = np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1]))
            if level == order:
                inside = lookup.contains_lonlat(plane, lon, lat)
            else:
                uniform, inside = _around(plane, lon, lat, level)
                mixed.append(some[~uniform])
                inside &= uniform
            starts.append(some[inside] << shift)
            stops.append((some[inside] + np.uint64(1)) << shift)
        if level < order:
            nodes = (np.concatenate(mixed)[:, np.newaxis] * np.uint64(4) + np.arange(4, dtype=np.uint64)).ravel()
    return RangeSet._from_starts_stops(np.concatenate(starts), np.concatenate(stops), order)


def _around(
    plane: RangeSet, lon: NDArray[np.float64], lat: NDArray[np.float64], level: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the set is the same all over a node of order `level` round each position, and whether that is inside.

    Looked at are the cell one order coarser at the position and its neighbours: together they hold the node.
    """
    coarse = max(level - 1, 0)
    cells = healpix.cells_at(lon, lat, coarse)
    block = np.vstack([healpix.neighbours(cells, coarse), cells.astype(np.int64)])
    block = np.where(block < 0, block[-1], block).astype(np.uint64)
    shift = np.uint64(2 * (MAX_ORDER - coarse))
    boundaries = plane.boundaries
    below = np.searchsorted(boundaries, block << shift, side="right")
    within = np.searchsorted(boundaries, (block + np.uint64(1)) << shift, side="left")
    inside = below % 2 == 1
    uniform = (below == within).all(axis=0) & (inside == inside[-1]).all(axis=0)
    return uniform, inside[-1]
