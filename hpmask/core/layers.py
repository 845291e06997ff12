"""The sets of several energy bins, looked up together: one search gives the answer of each set at a position."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import caps as _kernel
from hpmask._kernels import cells as _cells
from hpmask._kernels import flags as _flags
from hpmask._kernels.index import Index
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.parallel import thread_map
from hpmask.core.positions import NO_ROTATION
from hpmask.core.rangeset import RangeSet, index_of

__all__ = ["MAX_SETS", "LayeredSet", "merged"]

# The bits of a word.
MAX_SETS = 64

# Boundaries in one part of a merge, so that all steps of it stay in the cache.
_PART = 1 << 14


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
        parts = [(places, words) for places, words, _ in merged(planes, 0, n_threads=None)]
        places = np.concatenate([places for places, _ in parts])
        words = np.concatenate([np.zeros(1, dtype=np.uint64), *(words for _, words in parts)])
        self.index = Index(places, order, words=words)

    def words_at(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], matrix: NDArray[np.float64] | None
    ) -> NDArray[np.uint64]:
        """Words at positions in radians, which `matrix` rotates first; 0 where a position is not finite."""
        numbers = np.empty(lon.size, dtype=np.uint64)
        _cells.numbers(lon, lat, 1.0, self.order, NO_ROTATION if matrix is None else matrix, numbers)
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
        matrix = NO_ROTATION if matrix is None else matrix
        _kernel.caps(lon, lat, radius, matrix, self.index, self.order, words, one.view(np.uint8))
        return words, one


def merged(
    planes: Sequence[RangeSet], shift: int, *, n_threads: int | None
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.uint64], int]]:
    """The cell numbers at which any set begins or ends, with the words from there on, in parts along the curve.

    Parameters
    ----------
    planes : sequence of RangeSet
        The sets, up to 64 of them.
    shift : int
        Parts are cut at multiples of ``1 << shift``, at most 58.
    n_threads : int or None
        Number of threads.

    Yields
    ------
    places, words : numpy.ndarray of uint64, shape (n,)
        A part: ascending numbers, and the words. Bit k of a word is that of set k. The first word of all is 0.
    stop : int
        Where the part ends, in units of ``1 << shift``; at last the end of the sky.
    """
    lists = [plane.boundaries for plane in planes]
    samples = np.sort(np.concatenate([one[:: _PART // 8] for one in lists]))
    inner = np.unique(samples[8::8] >> np.uint64(shift))
    inner = inner[inner > 0]
    stops = np.append(inner, np.uint64(12 << 2 * MAX_ORDER >> shift))
    cuts = [np.concatenate([[0], np.searchsorted(one, inner << np.uint64(shift)), [one.size]]) for one in lists]

    def part(number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64], int]:
        leaves: deque[tuple[NDArray[np.uint64], NDArray[np.uint64], np.uint64]] = deque()
        for k, (one, cut) in enumerate(zip(lists, cuts, strict=True)):
            first, last = int(cut[number]), int(cut[number + 1])
            bit = np.uint64(1 << k)
            words = np.zeros(last - first, dtype=np.uint64)
            words[first % 2 :: 2] = bit
            leaves.append((one[first:last], words, bit * np.uint64(first % 2)))
        while len(leaves) > 1:
            a, b = leaves.popleft(), leaves.popleft()
            places, words = (np.empty(a[0].size + b[0].size, dtype=np.uint64) for _ in range(2))
            n = _flags.merge(*a, *b, places, words)
            leaves.append((places[:n], words[:n], a[2] | b[2]))
        places, words, _ = leaves.pop()
        return places, words, int(stops[number])

    yield from thread_map(part, range(stops.size), n_threads)
