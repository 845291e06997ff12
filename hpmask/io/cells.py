"""Cells as files list them: each place of the sky once.

The standard of MOCs forbids a cell that stands there twice or within another one. Such a list tells of a damaged
file or a broken writer, so that no format takes it. Order, and four cells instead of the one that they make up, are no
matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.rangeset import RangeSet

__all__ = ["Pieces", "disjoint"]


def disjoint(starts: NDArray[np.uint64], stops: NDArray[np.uint64], finest: int, order: int | None = None) -> RangeSet:
    """The set of ranges at order 29 that share no place.

    Parameters
    ----------
    starts, stops : numpy.ndarray of uint64, shape (n,)
        The ranges, in any order; start < stop.
    finest : int
        Order of the smallest cell among them.
    order : int, optional
        Order of the set; by default `finest`.

    Raises
    ------
    ValueError
        If two of them overlap, or `finest` is finer than `order`.
    """
    order = finest if order is None else order
    if finest > order:
        raise ValueError(f"the file tells of order {order}, but it has a cell of order {finest}")
    starts, stops = np.sort(starts), np.sort(stops)
    # Disjoint ranges end before the next one begins, however many they are.
    again = np.flatnonzero(stops[:-1] > starts[1:])
    if again.size:
        cell = int(starts[again[0] + 1]) >> 2 * (MAX_ORDER - order)
        raise ValueError(f"overlapping cells: cell {cell} of order {order} is there more than once, or within another")
    return RangeSet.from_ranges(np.stack([starts, stops], axis=1), order)


class Pieces:
    """Cells that come piece by piece. Overlaps end the reading early, so that repeats cost no memory."""

    def __init__(self) -> None:
        self._sets: list[RangeSet] = []

    def add(self, starts: NDArray[np.uint64], stops: NDArray[np.uint64], finest: int) -> None:
        """Add ranges at order 29, whose smallest cell is of order `finest`."""
        self._sets.append(disjoint(starts, stops, finest))

    def union(self, order: int | None) -> RangeSet:
        """All of them, at an order or that of the smallest cell."""
        boundaries = np.concatenate([np.empty(0, np.uint64), *(one.boundaries for one in self._sets)])
        finest = max((one.order for one in self._sets), default=0)
        return disjoint(boundaries[::2], boundaries[1::2], finest, order)
