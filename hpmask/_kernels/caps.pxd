# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Caps on the sky over which masks are uniform.

The masks of several energy bins are looked up together. Nothing changes between two neighbouring boundaries, so each
interval between the merged boundaries has a word with one bit per mask. With a single mask, the word is the parity of
the number of the interval, and no words are stored.

In the chart of a base cell (see geometry.pxd; x and y here from 0 to 1) neither coordinate changes by more than STRETCH
times the distance on the sky, so a cap lies within a square around its centre. A walk goes down the quad-tree from the
few cells that hold the square, past those that hold one word, the expected one, and those that lie beyond the square,
and stops at the first other word. Near the edge it gives up after a few steps: it may report a uniform cap as mixed,
but never a mixed one as uniform. A square that leaves the base cell is replaced by the cell at the cap's centre and
that cell's neighbours, at the finest order of cells large enough (`COVER` in constants.pxd).
"""

from libc.math cimport M_PI, fabs, floor, ilogb, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport COVER, END, MAX_ORDER
from hpmask._kernels.geometry cimport cell_at, cell_in, cell_xy, neighbour
from hpmask._kernels.index cimport Index, IndexView, at_or_below, open_index

cdef extern from *:
    """
    /* The largest gradients of x and y. In the belt, with c the cosine of the latitude, sqrt((2 / pi / c)**2 +
       (0.75 c)**2) <= 1.021; in a polar cap, at the distance d from the pole and with the part t of a quarter's
       longitudes, sqrt(1.5 (t cos(d / 2))**2 + (2 / pi)**2 1.5 / cos(d / 2)**2) <= 1.452. */
    #define HPMASK_STRETCH_BELT 1.03
    #define HPMASK_STRETCH 1.46
    """
    const double STRETCH_BELT "HPMASK_STRETCH_BELT"
    const double STRETCH "HPMASK_STRETCH"


cdef enum:
    STEPS = 4       # the number of orders below its first cells at which a cap is examined


cdef struct Cap:
    IndexView index
    int order
    int last                    # the order at which the walk gives up
    bint everywhere             # no square: all cells count
    double left                 # the square
    double right
    double low
    double high
    uint64_t expected
    # The last place that was looked up: from `first` to `final` the word is `here`
    uint64_t first
    uint64_t final
    uint64_t here


cdef inline uint64_t word_at(const IndexView* index, uint32_t below) noexcept nogil:
    return index.word[below] if index.word != NULL else below & 1


cdef inline uint64_t word_of(Cap* cap, uint64_t cell, int order) noexcept nogil:
    """The word at a cell's first place."""
    cdef uint64_t place = cell << (2 * (MAX_ORDER - order))
    cdef uint32_t below
    # Successive look-ups are often close together.
    if not cap.first <= place <= cap.final:
        below = at_or_below(&cap.index, place)
        cap.first = cap.index.edge[below - 1] if below > 0 else 0
        cap.final = cap.index.edge[below] - 1 if below < cap.index.count else ~<uint64_t> 0
        cap.here = word_at(&cap.index, below)
    return cap.here


cdef inline void chart_at(double z, double cos_lat, double lon, int* face, double* x, double* y) noexcept nogil:
    """Base cell and place in it, x and y from 0 to 1, of a position: `geometry.cell_at` without the rounding."""
    cdef double t = lon * (2 / M_PI), a, b
    cdef int quarter, i, j
    if not -4 <= t < 4:
        t -= 4 * floor(t * 0.25)
    if t < 0:
        t += 4
    if t >= 4:
        t = 0
    if fabs(z) <= 2.0 / 3.0:
        a = 0.5 + t - 0.75 * z
        b = 0.5 + t + 0.75 * z
        # Neither is below 0, but by rounding.
        i = <int> a
        j = <int> b
        if i == j:
            face[0] = 4 + (j & 3)
        else:
            face[0] = i & 3 if i < j else 8 + (j & 3)
        x[0] = b - j
        y[0] = 1 - (a - i)
    else:
        quarter = <int> t
        t -= quarter
        a = cos_lat * sqrt(3 / (1 + fabs(z)))
        face[0] = quarter if z > 0 else 8 + quarter
        x[0] = 1 - (1 - t) * a if z > 0 else t * a
        y[0] = 1 - t * a if z > 0 else (1 - t) * a


cdef inline bint same(Cap* cap, uint64_t cell, int64_t x, int64_t y, int order) noexcept nogil:
    """Whether a cell, at (x, y) of its base cell, holds the expected word all over the cap."""
    cdef int shift = 2 * (MAX_ORDER - order), i
    cdef uint64_t start = cell << shift
    cdef uint32_t below
    cdef bint one
    cdef double size
    require(order <= cap.order)
    if not cap.everywhere:
        size = 1.0 / <double> ((<int64_t> 1) << order)
        if x * size > cap.right or (x + 1) * size < cap.left or y * size > cap.high or (y + 1) * size < cap.low:
            return True
    below = at_or_below(&cap.index, start)
    one = at_or_below(&cap.index, start + (((<uint64_t> 1) << shift) - 1)) == below
    if one:
        return word_at(&cap.index, below) == cap.expected
    if order >= cap.last:
        return False
    for i in range(4):
        if not same(cap, 4 * cell + i, 2 * x + (i & 1), 2 * y + (i >> 1), order + 1):
            return False
    return True


cdef inline bint expected_at(Cap* cap, int face, int64_t x, int64_t y) noexcept nogil:
    return word_of(cap, cell_in(face, x, y, cap.order), cap.order) == cap.expected


cdef inline bint in_square(Cap* cap, int face, double half) noexcept nogil:
    """Whether the cap holds one word, by the cells in its square, of that half-width."""
    cdef int order
    cdef int64_t i, j, n = (<int64_t> 1) << cap.order
    cdef int64_t left = <int64_t> (cap.left * n), right = <int64_t> (cap.right * n)
    cdef int64_t low = <int64_t> (cap.low * n), high = <int64_t> (cap.high * n)
    if left == right and low == high:
        # One cell, that at the centre.
        return True
    # Most caps that hold two words show both at the square's corners.
    if not (
        expected_at(cap, face, left, low) and expected_at(cap, face, right, high)
        and expected_at(cap, face, left, high) and expected_at(cap, face, right, low)
    ):
        return False
    if right - left <= 1 and high - low <= 1:
        # No cells but those.
        return True
    order = ilogb(0.5 / half)
    if order > cap.order:
        order = cap.order
    cap.last = order + STEPS
    if cap.last > cap.order:
        cap.last = cap.order
    cap.everywhere = False
    n = (<int64_t> 1) << order
    # The walk begins at the order whose cells are no smaller than the square: it meets at most two by two of them.
    for i in range(<int64_t> (cap.left * n), <int64_t> (cap.right * n) + 1):
        for j in range(<int64_t> (cap.low * n), <int64_t> (cap.high * n) + 1):
            if not same(cap, cell_in(face, i, j, order), i, j, order):
                return False
    return True


cdef inline bint around(Cap* cap, uint64_t cell, double radius) noexcept nogil:
    """Whether the cap holds one word, by the cell (of the finest order) at its centre and that cell's neighbours."""
    cdef int face, dx, dy, order = ilogb(COVER / radius)
    cdef int64_t x, y, other
    if order > cap.order:
        order = cap.order
    cap.last = order
    cap.everywhere = True
    cell >>= 2 * (cap.order - order)
    cell_xy(cell, order, &face, &x, &y)
    if not same(cap, cell, x, y, order):
        return False
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            if dx == 0 and dy == 0:
                continue
            other = neighbour(face, x, y, dx, dy, order)
            if other >= 0 and not same(cap, <uint64_t> other, 0, 0, order):
                return False
    return True


cdef inline int open_cap(Cap* cap, Index index, int order) except -1:
    """Make ready for the masks of a stack (see core/layers.py)."""
    if not 0 <= order <= MAX_ORDER:
        raise ValueError("order must be 0 to 29")
    open_index(&cap.index, index, END)
    cap.order = order
    cap.first = 1
    cap.final = 0
    cap.here = 0
    return 0


cdef inline bint holds_one(Cap* cap, double z, double cos_lat, double phi, double r) noexcept nogil:
    """Whether a cap of radius r about a position surely holds one word, which is then the expected one.

    `cap` is made ready by `open_cap`.
    """
    cdef int face
    cdef double x, y, half = (STRETCH_BELT if fabs(z) + r < 2.0 / 3.0 else STRETCH) * r
    cdef double n = <double> ((<int64_t> 1) << cap.order)
    cdef uint64_t cell
    chart_at(z, cos_lat, phi, &face, &x, &y)
    cap.left = x - half
    cap.right = x + half
    cap.low = y - half
    cap.high = y + half
    if not (cap.left > 0 and cap.right < 1 and cap.low > 0 and cap.high < 1):
        cell = cell_at(z, cos_lat, phi, cap.order)
        cap.expected = word_of(cap, cell, cap.order)
        return around(cap, cell, r)
    cell = cell_in(face, <int64_t> (x * n), <int64_t> (y * n), cap.order)
    cap.expected = word_of(cap, cell, cap.order)
    return in_square(cap, face, half)
