# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Algebra of sorted, disjoint, non-touching half-open ranges.

A set of n ranges is its 2n boundaries in ascending order: a point is inside if and only if an odd number of boundaries
lies at or below it. Every set operation is therefore a merge of two sorted lists that keeps those boundaries where the
operation's value changes, and the complement is the same list with 0 and the end of the domain added or dropped.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memmove

from hpmask._kernels.constants cimport MAX_ORDER

cdef enum:
    LEAP = 16     # this many boundaries of one list in a row are a long run
    LINE = 8      # boundaries in a line of the cache
    NEAR = 128    # a longer run is not gone through line by line


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


cdef struct Side:
    # Where a merge stands.
    const uint64_t* a
    const uint64_t* b
    Py_ssize_t i        # next boundary of a, up to n
    Py_ssize_t n
    Py_ssize_t j        # next boundary of b, up to m
    Py_ssize_t m
    unsigned int truth
    unsigned int value  # the operation's value up to here
    uint64_t* out
    Py_ssize_t count    # written so far


cdef inline unsigned int _value(unsigned int truth, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """The operation's value after i boundaries of a and j of b."""
    return (truth >> ((i & 1) + 2 * (j & 1))) & 1


cdef inline void _open(
    Side* side, const uint64_t* a, Py_ssize_t i, Py_ssize_t n, const uint64_t* b, Py_ssize_t j, Py_ssize_t m,
    unsigned int truth, uint64_t* out,
) noexcept nogil:
    side.a = a
    side.i = i
    side.n = n
    side.b = b
    side.j = j
    side.m = m
    side.truth = truth
    side.value = _value(truth, i, j)
    side.out = out
    side.count = 0


cdef inline void _step(Side* side) noexcept nogil:
    """Pass the next boundary; both lists have one.

    Without a branch that depends on the data: which list is ahead is a coin toss that a branch predictor would lose
    every other time.
    """
    cdef uint64_t va = side.a[side.i], vb = side.b[side.j]
    cdef unsigned int now
    side.i += va <= vb
    side.j += vb <= va
    now = _value(side.truth, side.i, side.j)
    side.out[side.count] = va if va < vb else vb
    side.count += now ^ side.value
    side.value = now


cdef inline Py_ssize_t _gallop(const uint64_t* a, Py_ssize_t i, Py_ssize_t n, uint64_t value) noexcept nogil:
    """Index of the first of a[i:n] that is >= value; a[i + LEAP - 1] is not.

    As long as that is near, line by line of the cache, which the processor loads ahead; then in steps that double.
    """
    cdef Py_ssize_t step = LINE, near = min(i + NEAR, n - LINE)
    i += LEAP - 1
    while i < near:
        if a[i + LINE] >= value:
            while a[i] < value:
                i += 1
            return i
        i += LINE
    while i + step < n and a[i + step] < value:
        i += step
        step *= 2
    return i + _lower_bound(a + i, (step if i + step < n else n - i), value)


cdef inline void _copy(Side* side, const uint64_t* from_, Py_ssize_t count, bint matters) noexcept nogil:
    """Pass boundaries of one list while the other stands still: all change the value, or none does."""
    if matters and count:
        memcpy(side.out + side.count, from_, count * sizeof(uint64_t))
        side.count += count
    side.value = _value(side.truth, side.i, side.j)


cdef inline bint _leap(Side* side) noexcept nogil:
    """Pass a long run of one list that lies before the next boundary of the other, if there is one.

    Both lists have at least LEAP more.
    """
    cdef Py_ssize_t to
    if side.a[side.i + LEAP - 1] < side.b[side.j]:
        to = _gallop(side.a, side.i, side.n, side.b[side.j])
        to, side.i = side.i, to
        _copy(side, side.a + to, side.i - to, _value(side.truth, 0, side.j) != _value(side.truth, 1, side.j))
        return True
    if side.b[side.j + LEAP - 1] < side.a[side.i]:
        to = _gallop(side.b, side.j, side.m, side.a[side.i])
        to, side.j = side.j, to
        _copy(side, side.b + to, side.j - to, _value(side.truth, side.i, 0) != _value(side.truth, side.i, 1))
        return True
    return False


cdef inline bint _long(const Side* side) noexcept nogil:
    return side.i + LEAP <= side.n and side.j + LEAP <= side.m


cdef Py_ssize_t _finish(Side* side) noexcept nogil:
    """The rest of a merge; returns how many boundaries it wrote in all."""
    cdef int k
    cdef Py_ssize_t i = side.i, j = side.j
    while _long(side):
        if not _leap(side):
            for k in range(LEAP):
                _step(side)
    while side.i < side.n and side.j < side.m:
        _step(side)
    i = side.i
    j = side.j
    side.i = side.n
    side.j = side.m
    _copy(side, side.a + i, side.n - i, _value(side.truth, 0, j) != _value(side.truth, 1, j))
    _copy(side, side.b + j, side.m - j, _value(side.truth, side.n, 0) != _value(side.truth, side.n, 1))
    return side.count


cdef Py_ssize_t _merge(
    const uint64_t* a, Py_ssize_t i, Py_ssize_t n,
    const uint64_t* b, Py_ssize_t j, Py_ssize_t m,
    unsigned int truth, uint64_t* out,
) noexcept nogil:
    """Merge boundaries a[i:n] and b[j:m] under the operation `truth`; returns how many were written.

    Bit (in_a + 2 in_b) of `truth` is the operation's value. A merge waits for each comparison before it knows its next
    load, so its two halves run in one loop and fill each other's waits. They meet at the middle boundary of the longer
    list, and neither can write past its own inputs. Long runs of one list are passed at once.
    """
    cdef Py_ssize_t i2, j2, count, count2
    cdef Side first, second
    cdef int k
    if n - i >= m - j:
        i2 = i + (n - i) // 2
        j2 = j + (_lower_bound(b + j, m - j, a[i2]) if i2 < n else 0)
    else:
        j2 = j + (m - j) // 2
        i2 = i + _lower_bound(a + i, n - i, b[j2])
    _open(&first, a, i, i2, b, j, j2, truth, out)
    _open(&second, a, i2, n, b, j2, m, truth, out + (i2 - i) + (j2 - j))
    while _long(&first) and _long(&second):
        if not (_leap(&first) | _leap(&second)):
            for k in range(LEAP):
                _step(&first)
                _step(&second)
    count = _finish(&first)
    count2 = _finish(&second)
    memmove(out + count, second.out, count2 * sizeof(uint64_t))
    return count + count2


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
        count = _merge(pa, 0, n, pb, 0, m, truth, &out[0])
    return count


def combine_part(
    const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth, uint64_t[::1] out,
    Py_ssize_t i, Py_ssize_t n, Py_ssize_t j, Py_ssize_t m,
):
    """`combine` on boundaries a[i:n] and b[j:m], written from out[i + j] on; returns how many.

    Parts of a and b that are split at the same cell number can run on separate threads.
    """
    if not (0 <= i <= n <= a.shape[0] and 0 <= j <= m <= b.shape[0] and out.shape[0] >= n + m):
        raise ValueError("out is too small, or the parts are outside the arrays")
    if n - i + m - j <= 0:
        return 0
    cdef Py_ssize_t count
    cdef const uint64_t* pa = &a[0] if a.shape[0] else NULL
    cdef const uint64_t* pb = &b[0] if b.shape[0] else NULL
    with nogil:
        count = _merge(pa, i, n, pb, j, m, truth, &out[i + j])
    return count


cdef inline int _check_depth(const uint64_t[::1] starts, const uint64_t[::1] stops, Py_ssize_t depth) except -1:
    if stops.shape[0] != starts.shape[0]:
        raise ValueError("starts and stops must have one length")
    if depth < 1:
        raise ValueError("depth must be at least 1")
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


cdef inline int _pairs(const uint64_t[::1] boundaries) except -1:
    """ValueError unless each range has its stop: kernels go from range to range."""
    if boundaries.shape[0] & 1:
        raise ValueError("boundaries must be pairs of starts and stops")
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
            if part > least:
                k = _append(&out[0], k, first, first + size)
            if first + size < last:
                k = _append(&out[0], k, first + size, last)
            cell = last
            part = stop - last
        if part > least:
            k = _append(&out[0], k, cell, cell + size)
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
