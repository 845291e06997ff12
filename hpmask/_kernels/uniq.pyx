# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Ascending UNIQ numbers of cells of several orders, in the order of their places on the NESTED curve.

The UNIQ number of cell c of order k is 4 * 4**k + c. Ascending numbers are therefore one run of ascending cells for each
order. The functions merge the runs. They take cells from one run for as long as they lie before the heads of all others,
which are compared only then: neighbouring cells mostly have the same order.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from hpmask._kernels.checked cimport CHECKING, require
from hpmask._kernels.constants cimport MAX_ORDER

cdef uint64_t NOWHERE = ~<uint64_t> 0


def orders(const uint64_t[::1] uniq, uint8_t[::1] out):
    """Write the order of each cell; return the first row that has no UNIQ number (or -1), and whether they ascend."""
    cdef Py_ssize_t n = uniq.shape[0], i, bad = -1
    cdef uint64_t v, before = 0, low = 4, high = 16
    cdef uint8_t k = 0
    cdef bint ascending = True
    if out.shape[0] != n:
        raise ValueError("uniq and out must have one length")
    with nogil:
        for i in range(n):
            v = uniq[i]
            # Most cells have the order of the one before.
            if v < low or v >= high:
                if v < 4 or v >= (<uint64_t> 16) << (2 * MAX_ORDER):
                    bad = i
                    break
                k = 0
                low = 4
                while v >= low << 2:
                    low <<= 2
                    k += 1
                high = low << 2
            out[i] = k
            ascending = ascending and v > before
            before = v
    return bad, ascending


cdef struct Runs:
    # Where the merge stands in each run.
    Py_ssize_t n
    int64_t row[30]     # next row, up to end
    int64_t end[30]
    int order[30]
    uint64_t head[30]   # the place of the next cell, NOWHERE at the end


cdef int _open(
    Runs* runs, const uint64_t[::1] uniq, const int64_t[::1] firsts, const int64_t[::1] ends,
    const uint8_t[::1] run_orders,
) except -1:
    cdef Py_ssize_t j, row
    runs.n = firsts.shape[0]
    if ends.shape[0] != runs.n or run_orders.shape[0] != runs.n or runs.n > 30:
        raise ValueError("firsts, ends and run_orders must have one length of at most 30")
    for j in range(runs.n):
        if not 0 <= firsts[j] <= ends[j] <= uniq.shape[0] or run_orders[j] > MAX_ORDER:
            raise ValueError("the runs must lie within uniq, and have orders 0 to 29")
        if CHECKING:
            # Ascending cells of the order. Some may be equal: they overlap.
            for row in range(<Py_ssize_t> firsts[j], <Py_ssize_t> ends[j]):
                require(uniq[row] >= _first_of(run_orders[j]))
                require(uniq[row] < _first_of(run_orders[j] + 1))
                require(row == firsts[j] or uniq[row - 1] <= uniq[row])
        runs.row[j] = firsts[j]
        runs.end[j] = ends[j]
        runs.order[j] = run_orders[j]
        runs.head[j] = NOWHERE
        if firsts[j] < ends[j]:
            runs.head[j] = (uniq[firsts[j]] - _first_of(runs.order[j])) << _shift_of(runs.order[j])
    return 0


cdef inline uint64_t _first_of(int order) noexcept nogil:
    """The UNIQ number of cell 0 of an order."""
    return (<uint64_t> 4) << (2 * order)


cdef inline int _shift_of(int order) noexcept nogil:
    return 2 * (MAX_ORDER - order)


cdef inline Py_ssize_t _next_run(const Runs* runs, uint64_t* limit) noexcept nogil:
    """The run with the first cell (or -1), and the place where the next run begins."""
    cdef Py_ssize_t j, k = 0
    limit[0] = NOWHERE
    if runs.n == 0:
        return -1
    for j in range(1, runs.n):
        if runs.head[j] < runs.head[k]:
            limit[0] = runs.head[k]
            k = j
        elif runs.head[j] < limit[0]:
            limit[0] = runs.head[j]
    return k if runs.head[k] != NOWHERE else -1


def nested(
    const uint64_t[::1] uniq, const int64_t[::1] firsts, const int64_t[::1] ends, const uint8_t[::1] run_orders,
    int64_t[::1] out,
):
    """Merge runs of ascending cells: write their rows in the order of their places.

    Run j is uniq[firsts[j]:ends[j]], all of order run_orders[j]. `out` must hold all of their rows. If two cells
    overlap, their rows are returned, otherwise (-1, -1).
    """
    cdef Runs runs
    cdef Py_ssize_t k, count = 0, room = out.shape[0]
    cdef int64_t row, last = -1, clash = -1
    cdef uint64_t start, stop = 0, limit = 0, offset
    cdef int shift
    _open(&runs, uniq, firsts, ends, run_orders)
    for k in range(runs.n):
        room -= ends[k] - firsts[k]
    if room < 0:
        raise ValueError("out is too small")
    with nogil:
        while clash < 0:
            k = _next_run(&runs, &limit)
            if k < 0:
                break
            shift = _shift_of(runs.order[k])
            offset = _first_of(runs.order[k])
            start = runs.head[k]
            row = runs.row[k]
            while True:
                if start < stop:
                    clash = row
                    break
                stop = start + ((<uint64_t> 1) << shift)
                last = row
                out[count] = row
                count += 1
                row += 1
                start = (uniq[row] - offset) << shift if row < runs.end[k] else NOWHERE
                if start > limit or start == NOWHERE:
                    break
            runs.row[k] = row
            runs.head[k] = start
    if clash >= 0:
        return last, clash
    return -1, -1


def boundaries(
    const uint64_t[::1] uniq, const int64_t[::1] firsts, const int64_t[::1] ends, const uint8_t[::1] run_orders,
    const uint8_t[::1] chosen, uint64_t[::1] out,
):
    """Merge runs as `nested` does, and write the boundaries of the cells that are chosen; returns how many.

    If two cells overlap, chosen or not, the result is (-1, row, row). Otherwise it is (count, -1, -1).
    """
    cdef Runs runs
    cdef Py_ssize_t k, count = 0, room = out.shape[0]
    cdef int64_t row, last = -1, clash = -1
    cdef uint64_t start, stop = 0, limit = 0, offset
    cdef int shift
    cdef bint full = False
    if chosen.shape[0] != uniq.shape[0]:
        raise ValueError("uniq and chosen must have one length")
    _open(&runs, uniq, firsts, ends, run_orders)
    with nogil:
        while clash < 0 and not full:
            k = _next_run(&runs, &limit)
            if k < 0:
                break
            shift = _shift_of(runs.order[k])
            offset = _first_of(runs.order[k])
            start = runs.head[k]
            row = runs.row[k]
            while True:
                if start < stop:
                    clash = row
                    break
                stop = start + ((<uint64_t> 1) << shift)
                last = row
                if chosen[row]:
                    if count and start == out[count - 1]:
                        out[count - 1] = stop
                    elif count + 2 > room:
                        full = True
                        break
                    else:
                        out[count] = start
                        out[count + 1] = stop
                        count += 2
                row += 1
                start = (uniq[row] - offset) << shift if row < runs.end[k] else NOWHERE
                if start > limit or start == NOWHERE:
                    break
            runs.row[k] = row
            runs.head[k] = start
    if full:
        raise ValueError("out is too small")
    if clash >= 0:
        return -1, last, clash
    return count, -1, -1
