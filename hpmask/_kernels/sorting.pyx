# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The steps of a sort of numbers that ascend for the most part (see sorting.pxd), and of one of many random numbers."""

from libc.stdint cimport int64_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.sorting cimport merge_back, set_aside
from hpmask._kernels.stopping cimport give_up, poll, stopped


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


def distribute(uint64_t[::1] values, uint64_t least, int shift, int64_t[::1] stops):
    """Move numbers so that those with a smaller (value - least) >> shift stand in front; `stops` gets the end of each group.

    This is one step of American flag sort (McIlroy, Bostic and McIlroy, 1993), which needs no memory: the groups are
    counted, and then each number that is not in its group takes the place of one that does not belong there, until the
    place is found whose number began the exchange. The groups are those from 0 to stops.shape[0] - 1, at most 256.
    """
    cdef uint64_t n_groups = stops.shape[0], value, group, other, steps = 0
    cdef int64_t i, n = values.shape[0], total = 0
    cdef int64_t[256] heads
    cdef bint outside = False
    if not (1 <= n_groups <= 256 and 0 <= shift < 64):
        raise ValueError("there must be 1 to 256 groups, and a shift from 0 to 63")
    with nogil:
        stops[:] = 0
        for i in range(n):
            group = (values[i] - least) >> shift
            if group >= n_groups:
                outside = True
                break
            stops[group] += 1
            poll(i, 1 << 16)
    if outside:
        raise ValueError("a value belongs to none of the groups")
    with nogil:
        for i in range(<int64_t> n_groups):
            heads[i] = total
            total += stops[i]
            stops[i] = total
        for group in range(n_groups):
            while heads[group] < stops[group]:
                value = values[heads[group]]
                while True:
                    other = (value - least) >> shift
                    if other == group:
                        break
                    require(heads[other] < stops[other])
                    value, values[heads[other]] = values[heads[other]], value
                    heads[other] += 1
                    steps += 1
                    if stopped(steps, 1 << 16):
                        # No number is lost.
                        values[heads[group]] = value
                        give_up()
                values[heads[group]] = value
                heads[group] += 1
