# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sums of values on cells over a set of ranges, where a cell that is partly in the set counts by that part.

Cells and ranges are in the order of the NESTED curve, so one pass over both finds how many cells of order 29 they
share.
The sum is kept as two numbers, the second of which holds the rounding errors of the first (Knuth, The Art of Computer
Programming 2, section 4.2.2, theorem B), and is therefore as exact as a sum in twice the precision, rounded once.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from hpmask._kernels.checked cimport require, require_ranges
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.stopping cimport poll


def inside(
    const double[::1] values, const uint64_t[::1] cells, const uint8_t[::1] orders, int order, uint64_t first,
    bint density, const uint64_t[::1] boundaries,
):
    """Return the sum over the set, the number of NaN in it, and the row of the first of them (or -1).

    `cells` are ascending NESTED numbers, each of its order in `orders`, or all of `order` if `orders` is empty. If
    `cells` is empty as well, they are first, first + 1, and so on. With `density`, each value counts times 4**-order.
    """
    cdef Py_ssize_t n = values.shape[0], m = boundaries.shape[0] // 2, i, j = 0, low, high, mid
    cdef int64_t missing = 0, row = -1
    cdef uint64_t start, stop, a, b, shared
    cdef int shift, k
    cdef double v, total = 0.0, error = 0.0, next_, back
    cdef double area[30]
    cdef const uint64_t* c = &cells[0] if cells.shape[0] else NULL
    cdef const uint8_t* o = &orders[0] if orders.shape[0] else NULL
    if cells.shape[0] not in (0, n) or orders.shape[0] not in (0, n) or not 0 <= order <= MAX_ORDER:
        raise ValueError("cells and orders must have one length with values, or be empty, order 0 to 29")
    require_ranges(boundaries, (<uint64_t> 12) << (2 * MAX_ORDER))
    v = 1.0
    for k in range(MAX_ORDER + 1):
        area[k] = v
        v *= 0.25
    with nogil:
        for i in range(n):
            poll(i, 8192)
            k = order if o == NULL else (o[i] if o[i] <= MAX_ORDER else MAX_ORDER)
            shift = 2 * (MAX_ORDER - k)
            start = (first + <uint64_t> i if c == NULL else c[i]) << shift
            stop = start + ((<uint64_t> 1) << shift)
            require(stop <= (<uint64_t> 12) << (2 * MAX_ORDER))
            if i == 0:
                # The first range that ends after the start.
                low = 0
                high = m
                while low < high:
                    mid = (low + high) >> 1
                    if boundaries[2 * mid + 1] <= start:
                        low = mid + 1
                    else:
                        high = mid
                j = low
            while j < m and boundaries[2 * j + 1] <= start:
                j += 1
            shared = 0
            while j < m and boundaries[2 * j] < stop:
                a = boundaries[2 * j]
                b = boundaries[2 * j + 1]
                shared += (b if b < stop else stop) - (a if a > start else start)
                if b > stop:
                    break
                j += 1
            require(shared <= stop - start)
            if shared == 0:
                continue
            v = values[i]
            if v != v:
                if row < 0:
                    row = i
                missing += 1
                continue
            if density:
                v = v * area[k]
            if shared != stop - start:
                # The division by a power of two is exact.
                v = v * (<double> shared * (1.0 / <double> ((<uint64_t> 1) << shift)))
            next_ = total + v
            back = next_ - total
            error += (total - (next_ - back)) + (v - back)
            total = next_
    # An infinite value has no rounding error.
    return total + error if error == error else total, missing, row
