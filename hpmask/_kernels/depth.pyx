# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""How many ranges cover each number: ranges with counts.

A coverage is the sorted ranges on which a positive count is constant: 2n boundaries, start and stop of each range, and
n counts. Ranges may touch if their counts differ. The functions sweep over the boundaries in ascending order, and begin
a range where the count changes. All that happens at one number is done before the count is looked at.

The functions return how many ranges the result has, and write as many as fit. A first call without room counts.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

from hpmask._kernels.checked cimport require, require_ascending

cdef enum:
    MOST = 0x7FFFFFFF


cdef struct Sweep:
    uint64_t* boundary
    int32_t* number
    Py_ssize_t room     # ranges that can be written
    Py_ssize_t n        # ranges so far; the last one is open while `now` is positive
    int64_t now         # the count up to here
    int64_t most        # the largest count


cdef inline int _paired(Py_ssize_t n_boundaries, Py_ssize_t n_counts) except -1:
    if n_boundaries != 2 * n_counts:
        raise ValueError("there must be two boundaries for each count")
    return 0


cdef inline void _open(Sweep* sweep, uint64_t[::1] boundaries, int32_t[::1] counts) noexcept:
    sweep.room = counts.shape[0]
    sweep.boundary = &boundaries[0] if sweep.room else NULL
    sweep.number = &counts[0] if sweep.room else NULL
    sweep.n = 0
    sweep.now = 0
    sweep.most = 0


cdef inline void _reach(Sweep* sweep, uint64_t place, int64_t count) noexcept nogil:
    """From `place` on, the count is this."""
    require(count >= 0)
    require(sweep.now == 0 or sweep.n > 0)
    if count == sweep.now:
        return
    if sweep.now > 0 and sweep.n <= sweep.room:
        sweep.boundary[2 * sweep.n - 1] = place
    if count > 0:
        if sweep.n < sweep.room:
            sweep.boundary[2 * sweep.n] = place
            sweep.number[sweep.n] = <int32_t> count
        sweep.n += 1
        if count > sweep.most:
            sweep.most = count
    sweep.now = count


cdef inline Py_ssize_t _closed(const Sweep* sweep) except -1:
    if sweep.most > MOST:
        raise OverflowError("more than 2**31 - 1 shapes cover one cell")
    return sweep.n


def levels(
    const uint64_t[::1] starts, const uint64_t[::1] stops, uint64_t[::1] boundaries, int32_t[::1] counts,
):
    """The coverage of ranges, from their sorted starts and their sorted stops.

    The count at a number is the number of starts at or below it less the number of stops at or below it, so the two
    lists may be sorted apart. Empty ranges (start == stop) cover nothing.
    """
    cdef Py_ssize_t n = starts.shape[0], i = 0, j = 0
    cdef uint64_t place
    cdef Sweep sweep
    if stops.shape[0] != n:
        raise ValueError("starts and stops must have one length")
    _paired(boundaries.shape[0], counts.shape[0])
    _open(&sweep, boundaries, counts)
    require_ascending(starts)
    require_ascending(stops)
    with nogil:
        while j < n:
            place = stops[j]
            if i < n and starts[i] < place:
                place = starts[i]
            while i < n and starts[i] == place:
                i += 1
            while j < n and stops[j] == place:
                j += 1
            _reach(&sweep, place, i - j)
    return _closed(&sweep)


cdef inline int64_t _after(
    const uint64_t[::1] boundaries, const int32_t[::1] counts, Py_ssize_t* i, uint64_t place, int64_t now,
) noexcept nogil:
    """The count of a coverage from `place` on. `i` is the first boundary that has not been passed."""
    while i[0] < boundaries.shape[0] and boundaries[i[0]] == place:
        now = 0 if i[0] & 1 else counts[i[0] >> 1]
        i[0] += 1
    return now


def added(
    const uint64_t[::1] a, const int32_t[::1] count_a, const uint64_t[::1] b, const int32_t[::1] count_b,
    uint64_t[::1] boundaries, int32_t[::1] counts,
):
    """The sum of two coverages."""
    cdef Py_ssize_t n = a.shape[0], m = b.shape[0], i = 0, j = 0
    cdef int64_t now_a = 0, now_b = 0
    cdef uint64_t place
    cdef Sweep sweep
    _paired(n, count_a.shape[0])
    _paired(m, count_b.shape[0])
    _paired(boundaries.shape[0], counts.shape[0])
    _open(&sweep, boundaries, counts)
    require_ascending(a)
    require_ascending(b)
    with nogil:
        while i < n or j < m:
            place = a[i] if i < n else b[j]
            if j < m and b[j] < place:
                place = b[j]
            now_a = _after(a, count_a, &i, place, now_a)
            now_b = _after(b, count_b, &j, place, now_b)
            _reach(&sweep, place, now_a + now_b)
    return _closed(&sweep)
