"""Lists of cells in files, in which no two cells may overlap.

The MOC standard forbids a cell that is listed twice or lies inside another one. Such a list means that the file is
damaged or its writer is broken, and all formats refuse it. Cells may be in any order, and four cells may stand for the
one that they make up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.rangeset import RangeSet

__all__ = ["Pieces", "disjoint"]


def disjoint(starts: NDArray[np.uint64], stops: NDArray[np.uint64], finest: int, order: int | None = None) -> RangeSet:
    """The set of disjoint ranges.

    Parameters
    ----------
    starts, stops : numpy.ndarray of uint64, shape (n,)
        The ranges in cells of order 29, in any order; start < stop.
    finest : int
        Order of the smallest cell among them.
    order : int, optional
        Order of the set; by default `finest`.

    Returns
    -------
    RangeSet

    Raises
    ------
    ValueError
        If two of them overlap, or `finest` is finer than `order`.
    """
    order = finest if order is None else order
    if finest > order:
        raise ValueError(f"the order of the file is {order}, but it has a cell of order {finest}")
    starts, stops = np.sort(starts), np.sort(stops)
    # Sorted starts and stops belong to each other if and only if the ranges are disjoint.
    again = np.flatnonzero(stops[:-1] > starts[1:])
    if again.size:
        cell = int(starts[again[0] + 1]) >> 2 * (MAX_ORDER - order)
        raise ValueError(
            f"overlapping cells: cell {cell} of order {order} is listed more than once, or lies inside another cell"
        )
    return RangeSet.from_ranges(np.stack([starts, stops], axis=1), order)


class Pieces:
    """Cells that are read in pieces. Overlaps in a piece raise at once, so that repeated cells cost no memory."""

    def __init__(self) -> None:
        self._sets: list[RangeSet] = []

    def add(self, starts: NDArray[np.uint64], stops: NDArray[np.uint64], finest: int) -> None:
        """Add ranges at order 29, whose smallest cell is of order `finest`."""
        self._sets.append(disjoint(starts, stops, finest))

    def union(self, order: int | None) -> RangeSet:
        """All cells, at `order` or, by default, at the order of the smallest cell."""
        boundaries = np.concatenate([np.empty(0, np.uint64), *(one.boundaries for one in self._sets)])
        finest = max((one.order for one in self._sets), default=0)
        return disjoint(boundaries[::2], boundaries[1::2], finest, order)
