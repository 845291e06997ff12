# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""How much of each coarse cell some ranges cover, and which coarse cells they touch: one pass over the ranges.

A coarse cell is a run of 2**shift numbers. Ranges ascend and are disjoint, so the cells that they touch ascend as well,
and all that is known of a cell is complete when a range begins in a later one.
"""

from libc.stdint cimport int32_t, uint64_t

from hpmask._kernels.checked cimport require_disjoint
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.stopping cimport poll


def touched(const uint64_t[::1] boundaries, int shift):
    """How many cells the ranges touch."""
    cdef Py_ssize_t n = boundaries.shape[0] // 2, i
    cdef uint64_t count = 0, first, last, next_ = 0
    if boundaries.shape[0] & 1 or not 0 <= shift <= 2 * MAX_ORDER:
        raise ValueError("boundaries must be pairs of starts and stops, shift 0 to 58")
    require_disjoint(boundaries, ~<uint64_t> 0)
    with nogil:
        for i in range(n):
            first = boundaries[2 * i] >> shift
            last = (boundaries[2 * i + 1] - 1) >> shift
            # `next_` is the first cell that no range before has touched.
            if first < next_:
                first = next_
            if last >= first:
                count += last + 1 - first
                next_ = last + 1
    return count


def sums(
    const uint64_t[::1] boundaries, const int32_t[::1] counts, int shift, int unit, uint64_t[::1] cells,
    double[::1] out,
):
    """Write the cells that the ranges touch, and the part of each that they cover; return how many cells.

    `counts` has a weight for each range, or is empty: each range counts once. The boundaries are multiples of 2**unit.
    A part is a sum of integers times a power of two: it is exact if the sum is at most 2**53.
    """
    cdef Py_ssize_t n = boundaries.shape[0] // 2, i, k = -1, room = cells.shape[0]
    cdef uint64_t start, stop, cell, last, edge, size
    cdef double scale, weight = 1.0
    cdef bint weighted = counts.shape[0] > 0
    if boundaries.shape[0] & 1 or not 0 <= unit <= shift <= 2 * MAX_ORDER or out.shape[0] != room:
        raise ValueError("boundaries must be pairs, unit at most shift, shift at most 58, cells and out of one length")
    if weighted and counts.shape[0] != n:
        raise ValueError("counts must be empty or have one for each range")
    size = (<uint64_t> 1) << shift
    scale = 1.0 / <double> ((<uint64_t> 1) << (shift - unit))
    with nogil:
        for i in range(n):
            start = boundaries[2 * i]
            stop = boundaries[2 * i + 1]
            if weighted:
                weight = counts[i]
            cell = start >> shift
            last = (stop - 1) >> shift
            while cell <= last:
                poll(cell, 16384)
                if k < 0 or cells[k] != cell:
                    k += 1
                    if k >= room:
                        break
                    cells[k] = cell
                    out[k] = 0.0
                edge = (cell << shift) + size
                if edge > stop:
                    edge = stop
                out[k] += weight * <double> ((edge - start) >> unit)
                start = edge
                cell += 1
            if k >= room:
                break
        if k < room:
            for i in range(k + 1):
                out[i] *= scale
    if k >= room:
        raise ValueError("cells and out are too small")
    return k + 1
