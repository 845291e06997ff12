"""Sorting of cell numbers: the starts of ranges of shapes, which ascend for the most part, and random ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import sorting as _kernel

__all__ = ["sort"]

# With fewer numbers, the general sort is as fast as any.
_FEW = 5_000
# Random numbers that NumPy sorts in one call. More of them are distributed before.
_SORTED_AT_ONCE = 1 << 21


def sort(numbers: NDArray[np.uint64]) -> None:
    """Sort in place. Numbers that ascend for the most part take little more than a pass over them."""
    aside = np.empty(numbers.size // 4, dtype=np.uint64)
    count = _kernel.part(numbers, aside)
    if count < 0:
        # Long ascending runs are merged by NumPy's stable sort.
        if np.count_nonzero(numbers[1:] < numbers[:-1]) > numbers.size // 32:
            _sort_random(numbers)
        else:
            numbers.sort(kind="stable")
        return
    few = aside[:count]
    if count > _FEW:
        sort(few)
    else:
        few.sort()
    _kernel.join(numbers, few)


def _sort_random(numbers: NDArray[np.uint64]) -> None:
    """Sort in place. NumPy sorts groups that fit in the processor's cache, and a signal is answered between them."""
    if numbers.size <= _SORTED_AT_ONCE:
        numbers.sort()
        return
    least, most = int(numbers.min()), int(numbers.max())
    shift = max((most - least).bit_length() - 8, 0)
    stops = np.zeros(((most - least) >> shift) + 1, dtype=np.int64)
    _kernel.distribute(numbers, least, shift, stops)
    if shift:
        for start, stop in pairwise([0, *stops.tolist()]):
            _sort_random(numbers[start:stop])
