"""A RangeSet as blocks and tiles of 64 cells, for what goes from cells to their neighbours.

`hpmask/_kernels/tiles.pxd` says what blocks and tiles are.
"""

from __future__ import annotations

import numpy as np

from hpmask._kernels import tiles as _kernel
from hpmask.core.index import Index
from hpmask.core.rangeset import RangeSet

__all__ = ["Tiles"]


class Tiles:
    """The nodes of a set: cells of three orders above it or coarser that are wholly in, and such that are partly in.

    Parameters
    ----------
    plane : RangeSet
        The set; its own order is that of the cells.

    Attributes
    ----------
    starts : numpy.ndarray of uint64, shape (n,)
        Number of each node's first tile, ascending.
    levels : numpy.ndarray of uint8, shape (n,)
        How many orders each node is above a tile.
    words : numpy.ndarray of uint64, shape (n,)
        The cells of each tile that are in, as bits.
    index : hpmask.core.lookup.Index
        Of `starts`.
    """

    def __init__(self, plane: RangeSet) -> None:
        self.order = plane.order
        count = _kernel.count(plane.boundaries, plane.order)
        self.starts = np.empty(count, dtype=np.uint64)
        self.levels = np.empty(count, dtype=np.uint8)
        self.words = np.empty(count, dtype=np.uint64)
        _kernel.fill(plane.boundaries, plane.order, self.starts, self.levels, self.words)
        order = plane.order - min(plane.order, 3)
        self.index = Index(self.starts, order, counted_in=order)
