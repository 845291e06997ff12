# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sorting of numbers that ascend for the most part, such as the starts of the ranges of shapes in NESTED order.

The ranges of one shape ascend, and those of the next one mostly lie behind them. The exceptions are few and come in
groups: shapes that overlap, and shapes across the side of a large cell, parts of which lie far away on the curve. Such
groups are set aside in one pass, sorted apart, and merged with the rest. (This is drop-merge sort, by E. Ernerfeldt.)

Where a number is smaller than the one before it, either the numbers just kept are too large or the ones that follow
are too small. Both are counted in step, and the fewer are set aside: "100 101 900 901 102 103" loses 900 and 901, and
"500 501 3 4 502 503" loses 3 and 4. Each step of a count sets one number aside, so the pass is linear.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy

from hpmask._kernels.checked cimport CHECKING, require

cdef enum:
    PATIENCE = 1000     # numbers that may be set aside before the sequence is judged


cdef inline Py_ssize_t set_aside(uint64_t* a, Py_ssize_t n, uint64_t* aside, Py_ssize_t room) noexcept nogil:
    """Move numbers of `a` to `aside` until the rest ascends, which is then a[: n - count]; returns the count.

    If more than `room` are in the way, or half of the numbers so far, returns -1, and `a` has all its numbers in
    another sequence.
    """
    cdef Py_ssize_t kept = 0, i = 0, count = 0, d
    cdef uint64_t value, last = 0
    cdef bint back
    while i < n:
        value = a[i]
        if value >= last:
            a[kept] = value
            last = value
            kept += 1
            i += 1
            continue
        d = 1
        while True:
            if d >= kept or a[kept - 1 - d] <= value:
                back = True
                break
            if i + d >= n or a[i + d] >= last:
                back = False
                break
            d += 1
        if count + d > room or (count > PATIENCE and 2 * count > i):
            # a[kept : i] is free, and has the size of what was set aside. Without room there may be no memory at `aside`.
            if count:
                memcpy(a + kept, aside, count * sizeof(uint64_t))
            return -1
        if back:
            kept -= d
            memcpy(aside + count, a + kept, d * sizeof(uint64_t))
            last = a[kept - 1] if kept else 0
        else:
            memcpy(aside + count, a + i, d * sizeof(uint64_t))
            i += d
        count += d
        require(kept + count == i)
    if CHECKING:
        for i in range(1, kept):
            require(a[i - 1] <= a[i])
    return count


cdef inline void merge_back(uint64_t* a, Py_ssize_t kept, const uint64_t* aside, Py_ssize_t count) noexcept nogil:
    """Merge a[:kept] with `count` numbers into a[: kept + count]; both ascend."""
    cdef uint64_t value
    while count:
        value = aside[count - 1]
        while kept and a[kept - 1] > value:
            a[kept + count - 1] = a[kept - 1]
            kept -= 1
        a[kept + count - 1] = value
        count -= 1


cdef inline int _compare(const void* first, const void* second) noexcept nogil:
    cdef uint64_t a = (<const uint64_t*> first)[0], b = (<const uint64_t*> second)[0]
    return (a > b) - (a < b)


cdef inline void sort_numbers(uint64_t* a, Py_ssize_t n, uint64_t* spare) noexcept nogil:
    """Sort `a`, with spare memory for half as many numbers."""
    cdef Py_ssize_t count = set_aside(a, n, spare, n // 2)
    if count < 0:
        qsort(a, n, sizeof(uint64_t), _compare)
        return
    if count:
        # Behind the numbers that were kept there is as much room as was set aside.
        sort_numbers(spare, count, a + n - count)
        merge_back(a, n - count, spare, count)
    if CHECKING:
        for count in range(1, n):
            require(a[count - 1] <= a[count])
