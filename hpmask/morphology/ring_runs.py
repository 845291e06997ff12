"""Runs: a set of cells as stretches of neighbouring pixels along the rings of the RING scheme.

On a ring of constant latitude, the pixels within an angle of a given pixel form one stretch of longitudes. That makes
runs the right form for a dilation by an angle. Runs are boundaries of ranges of numbers, as in a RangeSet, so the set
operations of RangeSet apply to them (see _kernels/runs.pyx).
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import runs as _kernel
from hpmask._utils.parallel import thread_map
from hpmask.core.rangeset import RangeSet, difference_of, from_starts_stops, trusted, union_of

__all__ = ["count_rows", "fringe", "mirrored", "runs_of", "set_of"]

Runs = NDArray[np.uint64]

# With fewer ranges than this, a second thread costs more than it saves.
_PARALLEL_FROM = 20_000


def runs_of(plane: RangeSet, *, n_threads: int = 1) -> Runs:
    """The runs of a set's cells."""
    ranges = plane.boundaries
    if n_threads > 1 and plane.n_ranges > _PARALLEL_FROM:
        middle = 2 * (plane.n_ranges // 2)
        return union_of(*thread_map(lambda some: _united(some, plane.order), (ranges[:middle], ranges[middle:]), 2))
    return _united(ranges, plane.order)


def _united(ranges: NDArray[np.uint64], order: int) -> Runs:
    return _union(_kernel.from_ranges(ranges, order), order)


def _union(pieces: tuple[Runs, Runs], order: int) -> Runs:
    """Boundaries of the union of ranges that may overlap, in any order."""
    starts, stops = pieces
    return from_starts_stops(starts, stops, order).boundaries


def set_of(runs: Runs, order: int, *, n_threads: int = 1) -> RangeSet:
    """The cells of runs."""
    halves = [(0, 5), (6, 11)] if n_threads > 1 and runs.size > 2 * _PARALLEL_FROM else [(0, 11)]
    done = thread_map(lambda faces: _in_faces(runs, order, *faces), halves, n_threads)
    return trusted(_joined([face for half in done for face in half]), order)


def _in_faces(runs: Runs, order: int, first: int, last: int) -> list[NDArray[np.uint64]]:
    """Boundaries of the cells in each of some base cells."""
    # The smallest first: each set is about a tenth of the one before it.
    return [reduce(union_of, reversed(sets)) for sets in _kernel.to_ranges(runs, order, first, last)]


def _joined(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Boundaries of consecutive parts as one list."""
    parts = [part for part in parts if part.size]
    for k in range(1, len(parts)):
        if parts[k - 1][-1] == parts[k][0]:
            parts[k - 1], parts[k] = parts[k - 1][:-1], parts[k][1:]
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])


def count_rows(plane: RangeSet) -> int:
    """Approximate number of runs of a set, in pieces: a measure of the work of `runs_of`."""
    return int(_kernel.count_rows(plane.boundaries, plane.order))


def mirrored(runs: Runs, order: int) -> Runs:
    """The runs reflected at the equator."""
    out = np.empty_like(runs)
    _kernel.mirror(runs, order, out)
    return out


def fringe(runs: Runs, order: int) -> Runs:
    """Runs outside some runs that include all pixels with a neighbour inside."""
    return difference_of(_union(_kernel.fringe(runs, order), order), runs)
