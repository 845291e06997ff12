# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Algebra of sorted, disjoint, non-touching half-open ranges.

A set of n ranges is its 2n boundaries in ascending order: a point is inside iff an odd number of boundaries lies at
or below it. Every set operation is therefore a merge of two sorted lists that keeps those boundaries where the
operation's value changes, and the complement is the same list with 0 and the end of the domain added or dropped.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memmove


cdef inline Py_ssize_t _lower_bound(const uint64_t* a, Py_ssize_t n, uint64_t value) noexcept nogil:
    """Number of elements of sorted `a` that are < value."""
    cdef Py_ssize_t low = 0, high = n, mid
    while low < high:
        mid = (low + high) >> 1
        if a[mid] < value:
            low = mid + 1
        else:
            high = mid
    return low


cdef inline Py_ssize_t _merge(
    const uint64_t* a, Py_ssize_t i, Py_ssize_t n,
    const uint64_t* b, Py_ssize_t j, Py_ssize_t m,
    unsigned int truth, uint64_t* out,
) noexcept nogil:
    """Merge boundaries a[i:n] and b[j:m] under the operation `truth`; returns how many were written.

    Bit (in_a + 2 in_b) of `truth` is the operation's value. The loop has no branch that depends on the data: which
    list is ahead is a coin toss that a branch predictor would lose every other time.
    """
    cdef Py_ssize_t k = 0
    cdef uint64_t va, vb, v
    cdef unsigned int value = (truth >> ((i & 1) + 2 * (j & 1))) & 1
    cdef unsigned int now
    while i < n and j < m:
        va = a[i]
        vb = b[j]
        v = va if va < vb else vb
        i += va <= vb
        j += vb <= va
        now = (truth >> ((i & 1) + 2 * (j & 1))) & 1
        out[k] = v
        k += now ^ value
        value = now
    while i < n:
        v = a[i]
        i += 1
        now = (truth >> ((i & 1) + 2 * (j & 1))) & 1
        out[k] = v
        k += now ^ value
        value = now
    while j < m:
        v = b[j]
        j += 1
        now = (truth >> ((i & 1) + 2 * (j & 1))) & 1
        out[k] = v
        k += now ^ value
        value = now
    return k


cdef Py_ssize_t _merge_twice(
    const uint64_t* a, Py_ssize_t i, Py_ssize_t n,
    const uint64_t* b, Py_ssize_t j, Py_ssize_t m,
    unsigned int truth, uint64_t* out,
) noexcept nogil:
    """`_merge` with its two halves in one loop.

    A merge waits for each comparison before it knows its next load; two independent merges fill each other's waits.
    The halves meet at the middle boundary of the longer list, so neither can write past its own inputs.
    """
    cdef Py_ssize_t i2, j2, p, q, k = 0, k2
    cdef uint64_t va, vb, v, wa, wb, w
    cdef unsigned int value, now, value2, now2
    cdef uint64_t* out2
    if n - i >= m - j:
        i2 = i + (n - i) // 2
        j2 = j + _lower_bound(b + j, m - j, a[i2])
    else:
        j2 = j + (m - j) // 2
        i2 = i + _lower_bound(a + i, n - i, b[j2])
    out2 = out + (i2 - i) + (j2 - j)
    p = i2
    q = j2
    k2 = 0
    value = (truth >> ((i & 1) + 2 * (j & 1))) & 1
    value2 = (truth >> ((p & 1) + 2 * (q & 1))) & 1
    while i < i2 and j < j2 and p < n and q < m:
        va = a[i]
        vb = b[j]
        wa = a[p]
        wb = b[q]
        v = va if va < vb else vb
        w = wa if wa < wb else wb
        i += va <= vb
        j += vb <= va
        p += wa <= wb
        q += wb <= wa
        now = (truth >> ((i & 1) + 2 * (j & 1))) & 1
        now2 = (truth >> ((p & 1) + 2 * (q & 1))) & 1
        out[k] = v
        out2[k2] = w
        k += now ^ value
        k2 += now2 ^ value2
        value = now
        value2 = now2
    k += _merge(a, i, i2, b, j, j2, truth, out + k)
    k2 += _merge(a, p, n, b, q, m, truth, out2 + k2)
    memmove(out + k, out2, k2 * sizeof(uint64_t))
    return k + k2


def combine(const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth, uint64_t[::1] out):
    """Write the boundaries of an operation on two sets to `out`; returns how many.

    `truth` holds the operation's value for (in_a + 2 in_b) in its bits 0 to 3; bit 0 must be 0 (use `complement` for
    the rest). `out` must hold len(a) + len(b). A pure merge, linear in the number of ranges.
    """
    cdef Py_ssize_t n = a.shape[0], m = b.shape[0], count
    if out.shape[0] < n + m:
        raise ValueError("out is too small")
    if n + m == 0:
        return 0
    cdef const uint64_t* pa = &a[0] if n else NULL
    cdef const uint64_t* pb = &b[0] if m else NULL
    with nogil:
        if n > 64 and m > 64:
            count = _merge_twice(pa, 0, n, pb, 0, m, truth, &out[0])
        else:
            count = _merge(pa, 0, n, pb, 0, m, truth, &out[0])
    return count


def combine_part(
    const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth, uint64_t[::1] out,
    Py_ssize_t i, Py_ssize_t n, Py_ssize_t j, Py_ssize_t m,
):
    """`combine` on boundaries a[i:n] and b[j:m], written from out[i + j] on; returns how many.

    With parts that meet at one value of the cell number, so that each may run on a thread of its own.
    """
    if out.shape[0] < n + m or n > a.shape[0] or m > b.shape[0]:
        raise ValueError("out is too small")
    if n - i + m - j <= 0:
        return 0
    cdef Py_ssize_t count
    cdef const uint64_t* pa = &a[0] if a.shape[0] else NULL
    cdef const uint64_t* pb = &b[0] if b.shape[0] else NULL
    with nogil:
        if n - i > 64 and m - j > 64:
            count = _merge_twice(pa, i, n, pb, j, m, truth, &out[i + j])
        else:
            count = _merge(pa, i, n, pb, j, m, truth, &out[i + j])
    return count


def at_least(const uint64_t[::1] starts, const uint64_t[::1] stops, Py_ssize_t depth, uint64_t[::1] out):
    """Boundaries of the points that at least `depth` ranges cover, from sorted starts and sorted stops.

    How many ranges cover a point is the number of starts at or below it less the number of stops at or below it, so
    the two lists may be sorted apart. depth 1 is the union of all ranges, depth n the intersection of n sets.
    Empty ranges (start == stop) cover nothing. `out` must hold 2 len(starts). Returns how many were written.
    """
    cdef Py_ssize_t n = starts.shape[0], i = 0, j = 0, k = 0
    cdef int64_t cover = 0
    cdef uint64_t v, s, e
    cdef unsigned int value = 0, now
    if stops.shape[0] != n or out.shape[0] < 2 * n:
        raise ValueError("starts and stops must have one length, out twice that")
    if depth < 1:
        raise ValueError("depth must be at least 1")
    with nogil:
        while j < n:
            # All boundaries at one value count together: touching ranges become one.
            e = stops[j]
            v = e
            if i < n:
                s = starts[i]
                v = s if s < e else e
                while i < n and starts[i] == v:
                    i += 1
                    cover += 1
            while j < n and stops[j] == v:
                j += 1
                cover -= 1
            now = cover >= depth
            out[k] = v
            k += now ^ value
            value = now
    return k


def first_fault(const uint64_t[::1] boundaries, uint64_t unit, uint64_t end):
    """Index of the first boundary that breaks the invariant, or -1.

    Boundaries must increase strictly (ranges are sorted, not empty, disjoint, do not touch), be multiples of `unit`
    (a power of two) and at most `end`.
    """
    cdef Py_ssize_t n = boundaries.shape[0], i
    cdef uint64_t previous, v, low = unit - 1
    cdef bint bad
    if n == 0:
        return -1
    with nogil:
        previous = boundaries[0]
        bad = (previous & low) != 0 or previous > end
        i = 0
        if not bad:
            for i in range(1, n):
                v = boundaries[i]
                if v <= previous or (v & low) != 0 or v > end:
                    bad = True
                    break
                previous = v
    return i if bad else -1


def widen(const uint64_t[::1] boundaries, int shift, uint64_t[::1] out):
    """Boundaries of all cells of 2**shift numbers that the set touches; returns how many were written."""
    cdef Py_ssize_t n = boundaries.shape[0], i, k = 0
    cdef uint64_t start, stop, low = ((<uint64_t> 1) << shift) - 1
    if out.shape[0] < n:
        raise ValueError("out is too small")
    with nogil:
        for i in range(0, n, 2):
            start = boundaries[i] & ~low
            stop = (boundaries[i + 1] + low) & ~low
            if k and start <= out[k - 1]:
                if stop > out[k - 1]:
                    out[k - 1] = stop
            else:
                out[k] = start
                out[k + 1] = stop
                k += 2
    return k


def centres(const uint64_t[::1] boundaries, int shift, uint64_t[::1] out):
    """Boundaries of the cells of 2**shift numbers whose number start + 3/4 2**shift is in the set.

    That number is the first of the quarter that has the cell's centre for its southern corner, so the cell's centre
    is in the set. A boundary moves to the first cell whose centre lies at or past it. shift is even and at least 2.
    Returns how many were written.
    """
    cdef Py_ssize_t n = boundaries.shape[0], i, k = 0
    cdef uint64_t start, stop, before = ((<uint64_t> 1) << (shift - 2)) - 1
    if out.shape[0] < n:
        raise ValueError("out is too small")
    with nogil:
        for i in range(0, n, 2):
            start = ((boundaries[i] + before) >> shift) << shift
            stop = ((boundaries[i + 1] + before) >> shift) << shift
            if start == stop:
                continue
            if k and start == out[k - 1]:
                out[k - 1] = stop
            else:
                out[k] = start
                out[k + 1] = stop
                k += 2
    return k


def any_inside(const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth):
    """Whether the operation `truth` (see `combine`) on two sets holds anything; stops at the first find."""
    cdef Py_ssize_t n = a.shape[0], m = b.shape[0], i = 0, j = 0
    cdef uint64_t va, vb
    cdef unsigned int value = 0
    with nogil:
        while not value and (i < n or j < m):
            va = a[i] if i < n else ~<uint64_t> 0
            vb = b[j] if j < m else ~<uint64_t> 0
            i += va <= vb
            j += vb <= va
            value = (truth >> ((i & 1) + 2 * (j & 1))) & 1
    return bool(value)


cdef inline int _largest(uint64_t start, uint64_t length, int shift_min) noexcept nogil:
    """log2 of the largest quad-tree cell that begins at `start` and fits into `length`; at least shift_min."""
    cdef int shift = shift_min
    while shift < 58 and (start & (((<uint64_t> 4) << shift) - 1)) == 0 and ((<uint64_t> 4) << shift) <= length:
        shift += 2
    return shift


def count_cells(const uint64_t[::1] boundaries, int shift_min):
    """How many multi-order cells the ranges consist of, none smaller than 2**shift_min numbers."""
    cdef Py_ssize_t n = boundaries.shape[0], i, count = 0
    cdef uint64_t start, stop
    with nogil:
        for i in range(0, n, 2):
            start = boundaries[i]
            stop = boundaries[i + 1]
            while start < stop:
                start += (<uint64_t> 1) << _largest(start, stop - start, shift_min)
                count += 1
    return count


def fill_cells(const uint64_t[::1] boundaries, int shift_min, uint64_t[::1] number, unsigned char[::1] order):
    """Write the multi-order cells of the ranges in ascending place: their NESTED number and their order."""
    cdef Py_ssize_t n = boundaries.shape[0], i, k = 0, room = number.shape[0]
    cdef uint64_t start, stop
    cdef int shift
    if order.shape[0] < room:
        room = order.shape[0]
    with nogil:
        for i in range(0, n, 2):
            start = boundaries[i]
            stop = boundaries[i + 1]
            while start < stop and k < room:
                shift = _largest(start, stop - start, shift_min)
                number[k] = start >> shift
                order[k] = <unsigned char> (29 - (shift >> 1))
                start += (<uint64_t> 1) << shift
                k += 1
    return k


def total(const uint64_t[::1] boundaries):
    """How many numbers the ranges hold."""
    cdef Py_ssize_t n = boundaries.shape[0], i
    cdef uint64_t count = 0
    with nogil:
        for i in range(0, n, 2):
            count += boundaries[i + 1] - boundaries[i]
    return count
