"""The index of sorted cell numbers. It says where each bucket of numbers begins, which shortens the search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import lookup as _kernel
from hpmask._utils.arguments import MAX_ORDER

__all__ = ["Index"]


class Index:
    """An index of sorted cell numbers, such as the boundaries of a set: where each bucket of numbers begins.

    Parameters
    ----------
    boundaries : numpy.ndarray of uint64
        Numbers of cells of the order `counted_in`, ascending.
    order : int
        A bucket is not smaller than a cell of this order.
    counted_in : int, optional
        The order of the numbers, at least `order`.
    """

    __slots__ = ("boundaries", "entries", "shift")

    def __init__(self, boundaries: NDArray[np.uint64], order: int, *, counted_in: int = MAX_ORDER) -> None:
        self.boundaries = boundaries
        # About as many buckets as boundaries.
        bits = min(max(boundaries.size, 1).bit_length(), 4 + 2 * order)
        self.shift = 4 + 2 * counted_in - bits
        buckets = -(-(12 << (2 * counted_in)) >> self.shift)
        self.entries = np.empty(buckets + 1, dtype=np.uint32)
        _kernel.fill_index(self.boundaries, self.shift, self.entries)

    def inside(self, numbers: NDArray[np.uint64], out: NDArray[np.uint8]) -> None:
        """Write to `out` whether each cell number (at order 29) is in the set."""
        _kernel.inside(numbers, self.boundaries, self.entries, self.shift, out)
