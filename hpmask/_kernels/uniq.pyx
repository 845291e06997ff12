# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Ascending UNIQ numbers of cells of several orders, in the order of their places on the NESTED curve.

The UNIQ number of cell c of order k is 4 * 4**k + c. Ascending numbers are therefore one run of ascending cells for each
order. `boundaries` merges the runs. It takes cells from one run for as long as they lie before the heads of all others,
which are compared only then: neighbouring cells mostly have the same order.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

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


def boundaries(
    const uint64_t[::1] uniq, const int64_t[::1] firsts, const int64_t[::1] ends, const uint8_t[::1] run_orders,
    const uint8_t[::1] chosen, uint64_t[::1] out,
):
    """Merge runs of ascending cells, and write the boundaries of the cells that are chosen; returns how many.

    Run j is uniq[firsts[j]:ends[j]], all of order run_orders[j]. If two cells overlap, the result is (-1, row, row).
    Otherwise it is (count, -1, -1).
    """
    cdef Py_ssize_t n = uniq.shape[0], n_runs = firsts.shape[0], j, k, count = 0, room = out.shape[0]
    cdef int64_t i[30]
    cdef int64_t end, row, last = -1, clash = -1
    cdef uint64_t head[30]
    cdef uint64_t start, stop = 0, size, offset, limit, open_stop = 0
    cdef int shift
    cdef bint full = False
    if ends.shape[0] != n_runs or run_orders.shape[0] != n_runs or n_runs > 30 or chosen.shape[0] != n:
        raise ValueError("firsts, ends and run_orders must have one length of at most 30, chosen that of uniq")
    for j in range(n_runs):
        if not 0 <= firsts[j] <= ends[j] <= n or run_orders[j] > MAX_ORDER:
            raise ValueError("the runs must lie within uniq, and have orders 0 to 29")
    with nogil:
        for j in range(n_runs):
            i[j] = firsts[j]
            head[j] = NOWHERE
            if i[j] < ends[j]:
                shift = 2 * run_orders[j]
                head[j] = (uniq[i[j]] - ((<uint64_t> 4) << shift)) << (2 * MAX_ORDER - shift)
        while True:
            # The run with the first cell, and where the next one begins.
            k = 0
            limit = NOWHERE
            for j in range(1, n_runs):
                if head[j] < head[k]:
                    limit = head[k]
                    k = j
                elif head[j] < limit:
                    limit = head[j]
            if n_runs == 0 or head[k] == NOWHERE:
                break
            shift = 2 * (MAX_ORDER - run_orders[k])
            size = (<uint64_t> 1) << shift
            offset = (<uint64_t> 4) << (2 * run_orders[k])
            row = i[k]
            end = ends[k]
            start = head[k]
            while True:
                if start < stop:
                    clash = row
                    break
                stop = start + size
                last = row
                if chosen[row]:
                    if count and start == open_stop:
                        open_stop = stop
                        out[count - 1] = stop
                    else:
                        if count + 2 > room:
                            full = True
                            break
                        out[count] = start
                        out[count + 1] = stop
                        open_stop = stop
                        count += 2
                row += 1
                if row >= end:
                    start = NOWHERE
                    break
                start = (uniq[row] - offset) << shift
                if start > limit:
                    break
            if clash >= 0 or full:
                break
            i[k] = row
            head[k] = start
    if full:
        raise ValueError("out is too small")
    if clash >= 0:
        return -1, last, clash
    return count, -1, -1
