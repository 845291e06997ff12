# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The steps of a sort of numbers that ascend for the most part (see sorting.pxd)."""

from libc.stdint cimport uint64_t

from hpmask._kernels.sorting cimport merge_back, set_aside


def part(uint64_t[::1] values, uint64_t[::1] aside):
    """Move numbers to `aside` until the rest ascends, and stands in front; returns how many, or -1 if it is too small.

    `values` then has the same numbers in another sequence.
    """
    cdef Py_ssize_t count
    if values.shape[0] == 0:
        return 0
    with nogil:
        count = set_aside(&values[0], values.shape[0], &aside[0] if aside.shape[0] else NULL, aside.shape[0])
    return count


def join(uint64_t[::1] values, const uint64_t[::1] aside):
    """Merge the numbers that `part` set aside, which have been sorted, with the others."""
    cdef Py_ssize_t kept = values.shape[0] - aside.shape[0]
    if kept < 0:
        raise ValueError("aside has more numbers than values")
    if aside.shape[0] == 0:
        return
    with nogil:
        merge_back(&values[0], kept, &aside[0], aside.shape[0])
