# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Positions that are uniform in area over a set of ranges.

A position comes from one uniform number u of [0, 1) with 128 bits. With N the number of cells of order 29 in the set,
the integer part of u N says which of them it is, counted along the ranges: a search in the sums of their lengths finds
the range. The first 64 bits of the fraction are two numbers of 32 bits, which are the place in the cell. Each cell has
the same part of the 2**128 values of u to within one, so all cells have the same probability to 2**-66.

The place (x, y) is uniform in the square of the cell in the chart of its base cell (geometry.pxd), and so is the
position in the cell on the sphere. With s = x + y and v = x - y, the chart has, for a map with n**2 cells in a base
cell,

    belt:   lon = (c + v / n) pi/4,     z = (2n - rho) 2 / (3n)         d(lon, z) / d(v, rho) = pi / (6 n**2)
    cap:    lon = (c + v / rho) pi/4,   z = 1 - rho**2 / (3 n**2)       the same: (pi/4 / rho) (2 rho / (3 n**2))

and d(s, v) / d(x, y) = 2. The area element on the sphere, d(lon) d(z), is therefore pi / (3 n**2) dx dy everywhere:
the area of a cell, 4 pi / (12 n**2), times that of the square (Gorski et al. 2005, ApJ 622, 759, section 5).
"""

from libc.math cimport M_PI, atan2
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport cell_xy, place
from hpmask._kernels.index cimport Index, IndexView, open_index, prefetch, search
from hpmask._kernels.stopping cimport poll

cdef enum:
    BLOCK = 256

cdef double TO_DEGREES = 180 / M_PI
# 2**-32.
cdef double STEP = 1.0 / 4294967296.0
# How far positions stay inside the cells of the set's order, in sides of cells of order 29: 1e-13 rad or more. Rounding
# of the angles, and the tie rule of geometry.cell_at, reach less far.
cdef double MARGIN = 1.0 / 8192.0


cdef inline void multiply(uint64_t a, uint64_t b, uint64_t* high, uint64_t* low) noexcept nogil:
    """The product of two numbers, as the upper and the lower 64 bits."""
    cdef uint64_t half = 0xFFFFFFFF
    cdef uint64_t p = (a & half) * (b & half), q = (a >> 32) * (b & half), r = (a & half) * (b >> 32)
    # At most (2**32 - 1)**2 + 2 (2**32 - 1): no carry is lost.
    cdef uint64_t middle = q + (p >> 32)
    cdef uint64_t second = r + (middle & half)
    low[0] = (second << 32) | (p & half)
    high[0] = (a >> 32) * (b >> 32) + (middle >> 32) + (second >> 32)


cdef inline double inside(int64_t x, uint64_t bits, int64_t side) noexcept nogil:
    """A place from 0 to 1 in cell x, from 32 bits, but away from the edges of the cells of `side` cells of order 29."""
    cdef int64_t low = x & (side - 1)
    cdef double fraction = (<double> bits + 0.5) * STEP
    if low == 0 and fraction < MARGIN:
        fraction = MARGIN
    elif low == side - 1 and fraction > 1 - MARGIN:
        fraction = 1 - MARGIN
    return fraction


def positions(
    Index ends not None, int counted_in, const uint64_t[::1] gaps, int order, const uint64_t[::1] words,
    double[::1] lon, double[::1] lat,
):
    """Write longitudes (0 to below 360) and latitudes, in degrees, from two words of random bits for each position.

    `ends` is the index, in numbers of the order `counted_in`, of the sums of the lengths of the ranges up to each one.
    `gaps` has, for each range, how many cells up to its end are not in the set. The set consists of cells of `order`.
    """
    cdef Py_ssize_t n = lon.shape[0], first
    cdef IndexView view
    cdef uint64_t total, high, low, half = 0xFFFFFFFF
    cdef uint64_t cell[BLOCK]
    cdef uint64_t fraction[BLOCK]
    cdef uint32_t a[BLOCK]
    cdef uint32_t b[BLOCK]
    cdef int face, i, count
    cdef int64_t x, y, side
    cdef double size = <double> ((<int64_t> 1) << MAX_ORDER), z, cos_lat, phi, fx, fy
    if lat.shape[0] != n or words.shape[0] != 2 * n or not 0 <= order <= MAX_ORDER or not 0 <= counted_in <= MAX_ORDER:
        raise ValueError("lon and lat must have one length, words twice as many, orders be 0 to 29")
    open_index(&view, ends, (<uint64_t> 12) << (2 * counted_in))
    if view.count == 0 or gaps.shape[0] != <Py_ssize_t> view.count:
        raise ValueError("there must be ranges, and a sum and a gap for each")
    total = view.edge[view.count - 1]
    if total > (<uint64_t> 12) << (2 * counted_in):
        raise ValueError("the sums exceed the numbers of the index")
    if total == 0:
        raise ValueError("the ranges hold no cell")
    side = (<int64_t> 1) << (MAX_ORDER - order)
    with nogil:
        for first from 0 <= first < n by BLOCK:
            poll(first // BLOCK, 16)
            count = <int> (n - first) if n - first < BLOCK else BLOCK
            # Each step asks for the memory of the next one before any of it is needed.
            for i in range(count):
                # (the first word 2**64 + the second) total / 2**128
                multiply(words[2 * (first + i)], total, &cell[i], &fraction[i])
                multiply(words[2 * (first + i) + 1], total, &high, &low)
                fraction[i] += high
                cell[i] += fraction[i] < high
                prefetch(&view.entry[cell[i] >> view.shift])
            for i in range(count):
                a[i] = view.entry[cell[i] >> view.shift]
                b[i] = view.entry[(cell[i] >> view.shift) + 1]
                prefetch(&view.edge[a[i]])
            for i in range(count):
                a[i] = search(view.edge, a[i], b[i], cell[i])
                require(a[i] < view.count)
                prefetch(&gaps[a[i]])
            for i in range(count):
                cell_xy(cell[i] + gaps[a[i]], MAX_ORDER, &face, &x, &y)
                fx = inside(x, fraction[i] >> 32, side)
                fy = inside(y, fraction[i] & half, side)
                place(face, <double> (x + y) + (fx + fy), <double> (x - y) + (fx - fy), size, &z, &cos_lat, &phi)
                phi *= TO_DEGREES
                lon[first + i] = phi if phi < 360 else 0
                lat[first + i] = atan2(z, cos_lat) * TO_DEGREES
