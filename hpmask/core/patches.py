"""Patches of equal area: a set divided into parts with the same number of cells, for jackknife estimates.

All cells of the set have a rank, their place along the NESTED curve among the cells of the set. A part is some
intervals of ranks, and a cut may fall between any two cells. Parts are therefore equal to within one cell.

"curve": part k of n has the ranks from k N // n to (k + 1) N // n. A part is a piece of the curve, and may consist of
several areas that are far from each other.

"compact": the set is divided in two, and each part is divided again. The cut is perpendicular to the longest axis of
the part: the direction in which the unit vectors of its coarse cells, weighted by the cells of the set in them, have
the largest variance. The coarse cells are sorted along this direction. The first ones are one half; the one at which
the half is reached is divided by ranks. If the number of patches is odd, the halves are in proportion to their patches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import fractions as _fractions
from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.coverage import Counts, Levels
from hpmask.core.rangeset import RangeSet
from hpmask.geometry import healpix

__all__ = ["METHODS", "numbered"]

Numbers = NDArray[np.uint64]
Ranks = NDArray[np.int64]

METHODS = ("compact", "curve")

# Coarse cells of a patch, about: the error of its shape is that of its outermost cells.
_CELLS = 512
# Where all directions are alike, rounding must not decide between them.
_PREFERENCE = np.diag([3e-6, 2e-6, 1e-6])


def numbered(plane: RangeSet, n: int, method: str) -> Levels:
    """The ranges of `n` patches of a set that has at least `n` cells, with the numbers 1 to n of the patches."""
    total = plane.n_cells
    bounds = np.array([k * total // n for k in range(n + 1)], dtype=np.int64)
    if method == "curve":
        return _cut(plane, bounds[:-1], np.arange(1, n + 1, dtype=np.int32))
    pieces = [(lo, np.full(lo.size, k + 1, dtype=np.int32)) for lo, k in _bisected(*_coarse_cells(plane, n), bounds)]
    ranks, numbers = (np.concatenate(some) for some in zip(*pieces, strict=True))
    sequence = np.argsort(ranks)
    ranks, numbers = ranks[sequence], numbers[sequence]
    changes = np.diff(numbers, prepend=0) != 0
    return _cut(plane, ranks[changes], numbers[changes])


def _before(plane: RangeSet) -> Ranks:
    """How many cells of the set lie before each of its ranges, and their number: shape (n_ranges + 1,)."""
    lengths = (plane.boundaries[1::2] - plane.boundaries[0::2]) >> np.uint64(2 * (MAX_ORDER - plane.order))
    return np.concatenate([[0], np.cumsum(lengths.astype(np.int64))])


def _cut(plane: RangeSet, cuts: Ranks, numbers: Counts) -> Levels:
    """The ranges of a set, cut at some ranks, of which the first is 0, with the numbers of the pieces."""
    before = _before(plane)
    ranks = np.union1d(before[:-1], cuts)
    row = np.searchsorted(before, ranks, side="right") - 1
    shift = np.uint64(2 * (MAX_ORDER - plane.order))
    boundaries = np.empty(2 * ranks.size, dtype=np.uint64)
    boundaries[0::2] = plane.boundaries[0::2][row] + ((ranks - before[row]).astype(np.uint64) << shift)
    boundaries[1::2] = boundaries[0::2] + (np.diff(ranks, append=before[-1]).astype(np.uint64) << shift)
    return boundaries, numbers[np.searchsorted(cuts, ranks, side="right") - 1]


def _coarse_cells(plane: RangeSet, n: int) -> tuple[Ranks, Ranks, NDArray[np.float64]]:
    """Coarse cells, enough for `n` patches: the ranks that begin and end each, and unit vectors of their centres."""
    order = 0
    while order < plane.order and _fractions.touched(plane.boundaries, 2 * (MAX_ORDER - order)) < _CELLS * n:
        order += 1
    cells = plane.at_order(order, mode="overlap").cells()
    before, shift = _before(plane), np.uint64(2 * (MAX_ORDER - order))
    ranks = []
    for places in (cells << shift, (cells + np.uint64(1)) << shift):
        # An odd number of boundaries lies at or below a place in a range.
        below = np.searchsorted(plane.boundaries, places, side="right")
        rank = before[below // 2]
        inside = np.flatnonzero(below % 2)
        more = places[inside] - plane.boundaries[below[inside] - 1]
        rank[inside] += (more >> np.uint64(2 * (MAX_ORDER - plane.order))).astype(np.int64)
        ranks.append(rank)
    return ranks[0], ranks[1], healpix.centre_vectors(cells, order)


def _bisected(lo: Ranks, hi: Ranks, vectors: NDArray[np.float64], bounds: Ranks) -> Iterator[tuple[Ranks, int]]:
    """The first ranks of the intervals of each patch, and its number."""
    todo = [(lo, hi, vectors, 0, bounds.size - 1)]
    while todo:
        lo, hi, vectors, first, last = todo.pop()
        if last - first == 1:
            yield lo, first
            continue
        middle = (first + last) // 2
        wanted = int(bounds[middle] - bounds[first])
        along = np.argsort(vectors @ _longest_axis(vectors, (hi - lo).astype(np.float64)), kind="stable")
        lo, hi, vectors = lo[along], hi[along], vectors[along]
        sums = np.cumsum(hi - lo)
        # The cell at which the half is reached, and the rank in it.
        k = int(np.searchsorted(sums, wanted))
        cut = hi[k] - (sums[k] - wanted)
        todo.append((lo[: k + 1], np.append(hi[:k], cut), vectors[: k + 1], first, middle))
        rest = k if cut < hi[k] else k + 1
        rest_lo = lo[rest:].copy()
        if rest == k:
            rest_lo[0] = cut
        todo.append((rest_lo, hi[rest:], vectors[rest:], middle, last))


def _longest_axis(vectors: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction in which weighted points have the largest variance; its largest component is positive."""
    weights = weights / weights.sum()
    apart = vectors - weights @ vectors
    variance = apart.T @ (apart * weights[:, np.newaxis])
    variance += np.trace(variance) * _PREFERENCE
    axis = np.linalg.eigh(variance)[1][:, -1]
    return np.asarray(axis * np.sign(axis[np.argmax(np.abs(axis))]))
