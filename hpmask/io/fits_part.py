"""The ranges of a sorted RANGE table that meet a part of the sky, found by bisection in the file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpmask._files.hdu import Hdu
from hpmask._utils.errors import MaskFormatError
from hpmask.core.rangeset import RangeSet, checked

__all__ = ["PART_FROM", "ranges_within"]

PART_FROM = 1 << 20
"""Bytes of a table from which parts of it are read. A smaller one takes no longer as a whole, and is checked."""

# Ranges that are read at a time: as many as the buffer of the file holds.
_BLOCK = 4096

_NUMBER = np.dtype(">u8")


def ranges_within(hdu: Hdu, order: int, footprint: RangeSet) -> RangeSet:
    """The ranges that meet a set, and some beside them. What is not read is not checked.

    Parameters
    ----------
    hdu : Hdu
        A table of sorted ranges in a file that can be moved.
    order : int
        Order of the set.
    footprint : RangeSet
        The sky that is wanted.

    Raises
    ------
    MaskFormatError
        If the file is cut short, or the ranges that are read are not sorted.
    """
    n_numbers = hdu.size // _NUMBER.itemsize
    if n_numbers % 2:
        raise MaskFormatError(f"ranges have two ends, but there are {n_numbers} numbers")
    blocks: dict[int, NDArray[np.uint64]] = {}
    end = np.iinfo(np.uint64).max
    n_blocks = -(-n_numbers // (2 * _BLOCK))

    def block(k: int) -> NDArray[np.uint64]:
        if k not in blocks:
            numbers = hdu.some(_NUMBER, 2 * _BLOCK * k, min(2 * _BLOCK * (k + 1), n_numbers))
            blocks[k] = numbers.astype(np.uint64)
        return blocks[k]

    def first_of(k: int) -> int:
        return int(block(k)[0]) if k < n_blocks else int(end)

    if n_blocks and first_of(0) >= int(block(n_blocks - 1)[-1]):
        raise MaskFormatError("the ranges of the table are not sorted")
    # The numbers in blocks a to b - 1 lie between the first one of a and the first one of b.
    wanted: list[int] = []
    waiting = [(0, n_blocks)] if n_blocks else []
    while waiting:
        a, b = waiting.pop()
        low, high = first_of(a), first_of(b)
        if low >= high:
            raise MaskFormatError("the ranges of the table are not sorted")
        ends = np.array([low, high], dtype=np.uint64)
        i = int(np.searchsorted(footprint.boundaries, ends[0], "right"))
        j = int(np.searchsorted(footprint.boundaries, ends[1], "left"))
        if i % 2 == 0 and i == j:
            continue
        if b - a == 1:
            wanted.append(a)
        else:
            middle = (a + b) // 2
            # The left half is taken first, so that the blocks are found in their order.
            waiting += [(middle, b), (a, middle)]
    return checked(np.concatenate([np.empty(0, dtype=np.uint64), *(block(k) for k in wanted)]), order)
