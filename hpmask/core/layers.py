"""The sets of several energy bins, looked up together: one search gives the answer of each set at a position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import caps as _kernel
from hpmask._kernels import cells as _cells
from hpmask._kernels.index import Index
from hpmask.core import lookup
from hpmask.core.rangeset import RangeSet, index_of

__all__ = ["MAX_SETS", "LayeredSet"]

# The bits of a word.
MAX_SETS = 64


class LayeredSet:
    """Up to 64 sets in one, for look-ups in all of them at once.

    It holds the cell numbers at which any of the sets begins or ends, and a word for each interval between two of them.
    Bit k of a word is 1 if set k contains the interval.

    Parameters
    ----------
    planes : sequence of RangeSet
        The sets.
    order : int
        The finest of their orders.

    Attributes
    ----------
    n : int
        Number of sets.
    index : Index
        The cell numbers with their index, and the words, one before the first number and one after each. A single set
        has no words.
    """

    def __init__(self, planes: Sequence[RangeSet], order: int) -> None:
        self.order = order
        self.n = len(planes)
        if not 1 <= self.n <= MAX_SETS:
            raise ValueError(f"a LayeredSet holds 1 to {MAX_SETS} sets, got {self.n}")
        if self.n == 1:
            self.index = index_of(planes[0])
            return
        places = np.concatenate([plane.boundaries for plane in planes])
        flips = np.repeat(
            np.uint64(1) << np.arange(self.n, dtype=np.uint64), [plane.boundaries.size for plane in planes]
        )
        # The list consists of sorted pieces, which a stable sort merges.
        by_place = np.argsort(places, kind="stable")
        places = places[by_place]
        words = np.bitwise_xor.accumulate(flips[by_place]) if places.size else flips
        last = np.flatnonzero(places[1:] != places[:-1]) if places.size else np.empty(0, dtype=np.intp)
        last = np.append(last, places.size - 1) if places.size else last
        words = np.concatenate([np.zeros(1, dtype=np.uint64), words[last]])
        self.index = Index(np.ascontiguousarray(places[last]), order, words=words)

    def words_at(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], matrix: NDArray[np.float64] | None
    ) -> NDArray[np.uint64]:
        """Words at positions in radians, which `matrix` rotates first; 0 where a position is not finite."""
        numbers = np.empty(lon.size, dtype=np.uint64)
        _cells.numbers(lon, lat, 1.0, self.order, lookup.NO_ROTATION if matrix is None else matrix, numbers)
        words = np.empty(lon.size, dtype=np.uint64)
        _kernel.words_at(self.index, numbers, words)
        return words

    def caps(
        self,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        radius: NDArray[np.float64],
        matrix: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Words at the centres of caps, and whether the word is certainly the same in the whole cap; all in radians."""
        words, one = np.empty(lon.size, dtype=np.uint64), np.empty(lon.size, dtype=np.bool_)
        matrix = lookup.NO_ROTATION if matrix is None else matrix
        _kernel.caps(lon, lat, radius, matrix, self.index, self.order, words, one.view(np.uint8))
        return words, one
