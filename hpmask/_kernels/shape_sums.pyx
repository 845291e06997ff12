# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""How much of each of many shapes lies in a set, and sums of values on cells over each of them.

A shape is some ranges of numbers, with the number of the shape for each. With M(x), the amount below the number x, a
range from a to b has M(b) - M(a): two searches in sorted numbers and sums up to each of them, whatever the range holds.
For a set, M counts numbers, and is exact. For values, M is a sum of floating point numbers. It is kept as two numbers,
the second of which holds the rounding errors of the first (Knuth, The Art of Computer Programming 2, section 4.2.2,
theorem B). The difference of two large sums is therefore as exact as the values are.
"""

from libc.stdint cimport int64_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.index cimport Index, IndexView, at_or_below, open_index
from hpmask._kernels.stopping cimport poll

cdef uint64_t END = (<uint64_t> 12) << (2 * MAX_ORDER)


cdef inline uint64_t below(const IndexView* view, uint64_t x) noexcept nogil:
    """How many boundaries lie at or below a number, which may be the end of the sky."""
    return view.count if x >= END else at_or_below(view, x)


cdef inline int check(
    const uint64_t[::1] starts, const uint64_t[::1] stops, const int64_t[::1] owner, Py_ssize_t shapes
) except -1:
    """ValueError unless each range has its stop and its shape, and ends within the sky."""
    cdef Py_ssize_t n = starts.shape[0], i
    if stops.shape[0] != n or owner.shape[0] != n:
        raise ValueError("starts, stops and owner must have one length")
    for i in range(n):
        if not (starts[i] <= stops[i] <= END and 0 <= owner[i] < shapes):
            raise ValueError("ranges must lie within the sky, and belong to shapes that there are")
    return 0


def shared(
    Index index not None, const uint64_t[::1] before, const uint64_t[::1] starts, const uint64_t[::1] stops,
    const int64_t[::1] owner, uint64_t[::1] out,
):
    """Add to each shape how many numbers of its ranges are in the set.

    `index` is that of the set, and `before` has how many numbers of the set lie before each of its ranges, and their
    total.
    """
    cdef Py_ssize_t n = starts.shape[0], i
    cdef IndexView view
    cdef uint64_t k, amount
    cdef int side
    cdef uint64_t x
    cdef uint64_t m[2]
    check(starts, stops, owner, out.shape[0])
    open_index(&view, index, END)
    if view.count & 1 or before.shape[0] != <Py_ssize_t> (view.count // 2) + 1:
        raise ValueError("before must have one number more than the set has ranges")
    with nogil:
        for i in range(n):
            poll(i, 1024)
            for side in range(2):
                x = stops[i] if side else starts[i]
                k = below(&view, x)
                # An odd number of boundaries lies at or below a number in a range.
                require(k <= view.count)
                amount = before[k >> 1]
                if k & 1:
                    amount += x - view.edge[k - 1]
                m[side] = amount
            out[owner[i]] += m[1] - m[0]


def prefix(const double[::1] values, double[::1] high, double[::1] low):
    """Write the sums of the values before each one, and of all: high + low, each of one item more than `values`."""
    cdef Py_ssize_t n = values.shape[0], i
    cdef double total = 0.0, error = 0.0, next_, back
    if high.shape[0] != n + 1 or low.shape[0] != n + 1:
        raise ValueError("high and low must have one item more than values")
    with nogil:
        high[0] = low[0] = 0.0
        for i in range(n):
            next_ = total + values[i]
            back = next_ - total
            error += (total - (next_ - back)) + (values[i] - back)
            total = next_
            high[i + 1] = total
            low[i + 1] = error


def sums(
    Index index not None, const double[::1] values, const double[::1] high, const double[::1] low,
    const uint64_t[::1] starts, const uint64_t[::1] stops, const int64_t[::1] owner, double[::1] out, double[::1] rest,
):
    """Add to each shape the sum over its ranges: to `out`, and what rounding takes away from it to `rest`.

    `index` is that of ascending numbers, and values[k] is the value of the interval from number k to number k + 1, which
    counts by the part of it that is in a range. Before the first number and after the last one there is nothing.
    `high` and `low` are those of `prefix`.
    """
    cdef Py_ssize_t n = starts.shape[0], m = values.shape[0], i
    cdef IndexView view
    cdef uint64_t a, b
    cdef double parts[4]
    cdef double size, total, next_, back
    cdef int k, used
    check(starts, stops, owner, out.shape[0])
    open_index(&view, index, END)
    if rest.shape[0] != out.shape[0] or high.shape[0] != m + 1 or low.shape[0] != m + 1:
        raise ValueError("out and rest must have one length, high and low one item more than values")
    if m and <Py_ssize_t> view.count != m + 1:
        raise ValueError("there must be one number more than values")
    if m == 0:
        return
    with nogil:
        for i in range(n):
            poll(i, 1024)
            a = below(&view, starts[i])
            b = below(&view, stops[i])
            used = 0
            if a == b:
                if 0 < a <= <uint64_t> m:
                    size = <double> (view.edge[a] - view.edge[a - 1])
                    parts[0] = values[a - 1] * (<double> (stops[i] - starts[i]) / size)
                    used = 1
            else:
                # The rest of the interval that the range begins in, whole ones, and a part of the last one.
                if 0 < a:
                    size = <double> (view.edge[a] - view.edge[a - 1])
                    parts[used] = values[a - 1] * (<double> (view.edge[a] - starts[i]) / size)
                    used += 1
                parts[used] = high[b - 1] - high[a]
                parts[used + 1] = low[b - 1] - low[a]
                used += 2
                if b <= <uint64_t> m:
                    size = <double> (view.edge[b] - view.edge[b - 1])
                    parts[used] = values[b - 1] * (<double> (stops[i] - view.edge[b - 1]) / size)
                    used += 1
            for k in range(used):
                total = out[owner[i]]
                next_ = total + parts[k]
                back = next_ - total
                rest[owner[i]] += (total - (next_ - back)) + (parts[k] - back)
                out[owner[i]] = next_
