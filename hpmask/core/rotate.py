"""Sets of cells in another frame: a new cell is in if and only if its centre was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import rotate as _kernel
from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.parallel import thread_map
from hpmask.core.rangeset import RangeSet, from_starts_stops, index_of

__all__ = ["affordable_order", "rotated"]


def affordable_order(plane: RangeSet, order: int, most: float) -> int:
    """The finest order, up to `order`, at which a set has up to about `most` ranges in another frame.

    The edge of a cell follows no cells of another frame, so that a single cell has a range there for each cell along
    its edge: a mask at an order that is much finer than its cells would grow a million times. A set whose ranges are
    as short as they are many does not grow, as is usual: its own order is always affordable.
    """
    most = max(most, 32 * plane.n_ranges)
    edges = _half_of_edges(plane)
    if edges * 2.0 ** (order - MAX_ORDER) > most:
        # Of a sky with holes, the holes have the same edges.
        edges = min(edges, _half_of_edges(~plane))
    while order > 0 and edges * 2.0 ** (order - MAX_ORDER) > most:
        order -= 1
    return order


def _half_of_edges(plane: RangeSet) -> float:
    """Half of the cells of the finest order along the edges of squares with the areas of the ranges."""
    length = plane.ranges[:, 1] - plane.ranges[:, 0]
    return 2 * float(np.sqrt(length.astype(np.float64)).sum())


def rotated(plane: RangeSet, matrix: NDArray[np.float64], order: int, *, n_threads: int | None = None) -> RangeSet:
    """The cells of `order` whose centre, rotated by `matrix`, is in `plane`.

    The cost is proportional to the length of the outline of the set.

    Parameters
    ----------
    plane : RangeSet
        The set in its own frame.
    matrix : numpy.ndarray, shape (3, 3)
        Rotation of unit vectors from the new frame to the frame of the set.
    order : int
        Order of the new cells.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`.

    Returns
    -------
    RangeSet
    """
    order = check_order(order)
    if not plane:
        return RangeSet.empty(order)
    index = index_of(plane)
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)

    def face(number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        return _kernel.rotate(  # type: ignore[no-any-return]
            index, plane.order, matrix, order, number
        )

    starts, stops = zip(*thread_map(face, range(12), n_threads), strict=True)
    return from_starts_stops(np.concatenate(starts), np.concatenate(stops), order)
