# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sets of sorted, disjoint, non-touching half-open ranges: unions of many, other orders, cells, and checks.

A set of n ranges is its 2n boundaries in ascending order: a point is inside if and only if an odd number of boundaries
lies at or below it. `merge` has the operations on two sets.
"""

from libc.stdint cimport int64_t, uint64_t

from hpmask._kernels.checked cimport require, require_ascending, require_disjoint, require_ranges
from hpmask._kernels.constants cimport MAX_ORDER

# The ranges may be those of numbers of any kind.
cdef uint64_t ANY = ~<uint64_t> 0


cdef inline int _check_depth(const uint64_t[::1] starts, const uint64_t[::1] stops, Py_ssize_t depth) except -1:
    if stops.shape[0] != starts.shape[0]:
        raise ValueError("starts and stops must have one length")
    if depth < 1:
        raise ValueError("depth must be at least 1")
    require_ascending(starts)
    require_ascending(stops)
    return 0


def count_at_least(const uint64_t[::1] starts, const uint64_t[::1] stops, Py_ssize_t depth):
    """How many boundaries `at_least` writes."""
    cdef Py_ssize_t n = starts.shape[0] - (depth - 1), i, k = 0
    cdef uint64_t start, stop = 0
    _check_depth(starts, stops, depth)
    with nogil:
        for i in range(n):
            start = starts[i + depth - 1]
            if start < stops[i]:
                k += start > stop or k == 0
                stop = stops[i]
    return 2 * k


def at_least(const uint64_t[::1] starts, const uint64_t[::1] stops, Py_ssize_t depth, uint64_t[::1] out):
    """Boundaries of the points that at least `depth` ranges cover, from sorted starts and sorted stops.

    How many ranges cover a point is the number of starts at or below it less the number of stops at or below it, so
    the two lists may be sorted apart. If i stops lie at or below a point, it is covered `depth` times if and only if
    start number i + depth - 1 does, too: the set is the union of the ranges from that start to stop i, which ascend.
    depth 1 is the union of all ranges, depth n the intersection of n sets. Empty ranges (start == stop) cover nothing.
    `out` must hold as many as `count_at_least` says. Returns how many were written.
    """
    cdef Py_ssize_t n = starts.shape[0] - (depth - 1), i, k = 0, room = out.shape[0]
    cdef uint64_t start
    _check_depth(starts, stops, depth)
    with nogil:
        for i in range(n):
            start = starts[i + depth - 1]
            if start >= stops[i]:
                continue
            if k == 0 or start > out[k - 1]:
                if k + 2 > room:
                    k = -1
                    break
                out[k] = start
                k += 2
            out[k - 1] = stops[i]
    if k < 0:
        raise ValueError("out is too small")
    require_ranges(out[:k], ANY)
    return k


def first_fault(const uint64_t[::1] boundaries, uint64_t unit, uint64_t end):
    """Index of the first boundary that breaks the invariant, or -1.

    Boundaries must increase strictly (ranges are sorted, not empty, disjoint, do not touch), be multiples of `unit`
    (a power of two) and at most `end`.
    """
    cdef Py_ssize_t n = boundaries.shape[0], i
    cdef uint64_t previous, v, low = unit - 1, bits, disorder = 0
    cdef bint bad
    if n == 0:
        return -1
    with nogil:
        # Most boundaries are right. A pass without branches finds that out, and the last one is then the largest.
        bits = boundaries[0]
        for i in range(1, n):
            disorder |= boundaries[i] <= boundaries[i - 1]
            bits |= boundaries[i]
        previous = boundaries[0]
        bad = (previous & low) != 0 or previous > end
        i = 0
        if not bad and (disorder != 0 or (bits & low) != 0 or boundaries[n - 1] > end):
            for i in range(1, n):
                v = boundaries[i]
                if v <= previous or (v & low) != 0 or v > end:
                    bad = True
                    break
                previous = v
    return i if bad else -1


cdef inline int _pairs(const uint64_t[::1] boundaries) except -1:
    """ValueError unless each range has its stop: kernels go from range to range."""
    if boundaries.shape[0] & 1:
        raise ValueError("boundaries must be pairs of starts and stops")
    # Those of a coverage may touch.
    require_disjoint(boundaries, ANY)
    return 0


def widen(const uint64_t[::1] boundaries, int shift, uint64_t[::1] out):
    """Boundaries of all cells of 2**shift numbers that the set touches; returns how many were written."""
    cdef Py_ssize_t n = boundaries.shape[0], i, k = 0
    cdef uint64_t start, stop, low
    _pairs(boundaries)
    if out.shape[0] < n or not 0 <= shift <= 2 * MAX_ORDER:
        raise ValueError("out is too small, or shift is not from 0 to 58")
    low = ((<uint64_t> 1) << shift) - 1
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
    require_ranges(out[:k], ANY)
    return k


def covered(const uint64_t[::1] boundaries, int shift, uint64_t least, uint64_t[::1] out):
    """Boundaries of the cells of 2**shift numbers of which more than `least` are in the set; returns how many.

    A range takes in all cells between the cells of its ends. How much of those two is in the set is added up over the
    ranges that reach into them. `least` is below 2**shift.
    """
    cdef Py_ssize_t n = boundaries.shape[0], i, k = 0
    cdef uint64_t size, low, cell = 0, part = 0, start, stop, first, last
    _pairs(boundaries)
    if out.shape[0] < n or not 0 <= shift <= 2 * MAX_ORDER or least >= (<uint64_t> 1) << shift:
        raise ValueError("out is too small, shift is not from 0 to 58, or least not below 2**shift")
    size = (<uint64_t> 1) << shift
    low = size - 1
    with nogil:
        # `part` is what the ranges so far have of the cell that begins at `cell`.
        for i in range(0, n, 2):
            start = boundaries[i]
            stop = boundaries[i + 1]
            first = start & ~low
            last = (stop - 1) & ~low
            if first != cell:
                if part > least:
                    k = _append(&out[0], k, cell, cell + size)
                cell = first
                part = 0
            if first == last:
                part += stop - start
                continue
            part += first + size - start
            require(part <= size)
            if part > least:
                k = _append(&out[0], k, first, first + size)
            if first + size < last:
                k = _append(&out[0], k, first + size, last)
            cell = last
            part = stop - last
        if part > least:
            k = _append(&out[0], k, cell, cell + size)
    require_ranges(out[:k], ANY)
    return k


cdef inline Py_ssize_t _append(uint64_t* out, Py_ssize_t k, uint64_t start, uint64_t stop) noexcept nogil:
    """Append a range that begins at or after the end of the last one, and merge them if they touch."""
    if k and out[k - 1] == start:
        out[k - 1] = stop
        return k
    out[k] = start
    out[k + 1] = stop
    return k + 2


def centres(const uint64_t[::1] boundaries, int shift, uint64_t[::1] out):
    """Boundaries of the cells of 2**shift numbers whose number start + 3/4 2**shift is in the set.

    That number is the first of the quarter that has the cell's centre for its southern corner, so the cell's centre
    is in the set. A boundary moves to the first cell whose centre lies at or past it. shift is even and at least 2.
    Returns how many were written.
    """
    cdef Py_ssize_t n = boundaries.shape[0], i, k = 0
    cdef uint64_t start, stop, before
    _pairs(boundaries)
    if out.shape[0] < n or not 2 <= shift <= 2 * MAX_ORDER:
        raise ValueError("out is too small, or shift is not from 2 to 58")
    before = ((<uint64_t> 1) << (shift - 2)) - 1
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
    require_ranges(out[:k], ANY)
    return k


def any_inside(const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth):
    """Whether the operation `truth` (see `merge.combine`) on two sets holds anything; stops at the first find."""
    cdef Py_ssize_t n = a.shape[0], m = b.shape[0], i = 0, j = 0
    cdef uint64_t va, vb
    cdef unsigned int value = 0
    require_ranges(a, ANY)
    require_ranges(b, ANY)
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
    # Ranges consist of whole cells.
    require(0 <= shift_min <= 2 * MAX_ORDER)
    require(shift_min % 2 == 0)
    require(start % ((<uint64_t> 1) << shift_min) == 0)
    require(length >= (<uint64_t> 1) << shift_min)
    while (
        shift < 2 * MAX_ORDER and (start & (((<uint64_t> 4) << shift) - 1)) == 0 and ((<uint64_t> 4) << shift) <= length
    ):
        shift += 2
    return shift


def count_cells(const uint64_t[::1] boundaries, int shift_min):
    """How many multi-order cells the ranges consist of, none smaller than 2**shift_min numbers."""
    cdef Py_ssize_t n = boundaries.shape[0], i, count = 0
    cdef uint64_t start, stop
    _pairs(boundaries)
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
    _pairs(boundaries)
    if order.shape[0] < room:
        room = order.shape[0]
    with nogil:
        for i in range(0, n, 2):
            start = boundaries[i]
            stop = boundaries[i + 1]
            while start < stop and k < room:
                shift = _largest(start, stop - start, shift_min)
                number[k] = start >> shift
                order[k] = <unsigned char> (MAX_ORDER - (shift >> 1))
                start += (<uint64_t> 1) << shift
                k += 1
    return k


def total(const uint64_t[::1] boundaries):
    """How many numbers the ranges hold."""
    cdef Py_ssize_t n = boundaries.shape[0], i
    cdef uint64_t count = 0
    _pairs(boundaries)
    with nogil:
        for i in range(0, n, 2):
            count += boundaries[i + 1] - boundaries[i]
    return count
