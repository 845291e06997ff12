# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Whole tiles of an image at once: caps on the sky in which masks are the same all over.

The masks of several energy bins are asked together. Between two boundaries of any of them nothing changes, so that a
word of bits, one per mask, goes with each place between the merged boundaries; with a single mask the word is the
parity of the place, and none are stored.

In the chart of a base cell (see geometry.pxd; x and y here from 0 to 1) neither coordinate changes by more than STRETCH
times the way on the sky, so that a cap lies within a square about its centre's place. A walk goes down the quad-tree
from the few cells that hold the square, past those that hold one word, the expected one, and those that lie beyond
the square, and stops at the first other word. Near the edge it gives up after a few steps: it may call a cap mixed that
is not, but never the other way round. A square that leaves the base cell is replaced by the cell at the cap's centre
and that cell's neighbours, at the finest order of cells large enough (rotate.pyx has the measured width).
"""

from libc.math cimport M_PI, atan2, cos, fabs, floor, ilogb, sin, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from hpmask._kernels.geometry cimport cell_at, cell_xy, neighbour, spread
from hpmask._kernels.index cimport Index, at_or_below

# Within this distance / 2**order of a cell there is nothing but its neighbours.
cdef double WIDTH = 0.69
# The largest gradients of x and y. In the belt, with c the cosine of the latitude, sqrt((2 / pi / c)**2 +
# (0.75 c)**2) <= 1.021; in a polar cap, at the distance d from the pole and with the part t of a quarter's longitudes,
# sqrt(1.5 (t cos(d / 2))**2 + (2 / pi)**2 1.5 / cos(d / 2)**2) <= 1.452.
cdef double STRETCH_BELT = 1.03
cdef double STRETCH = 1.46

cdef enum:
    STEPS = 4       # how far below its first cells a cap is looked at


cdef struct Cap:
    Index index
    const uint64_t* word        # NULL: parity
    int order
    int last                    # the order at which the walk gives up
    bint everywhere             # no square: all of the cells count
    double left                 # the square
    double right
    double low
    double high
    uint64_t expected


cdef inline uint64_t word_at(const uint64_t* word, uint32_t below) noexcept nogil:
    return word[below] if word != NULL else below & 1


cdef inline void chart_at(double z, double cos_lat, double lon, int* face, double* x, double* y) noexcept nogil:
    """Base cell and place in it, x and y from 0 to 1, of a position: `geometry.cell_at` without the rounding."""
    cdef double t = lon * (2 / M_PI), a, b, i, j
    cdef int quarter
    t -= 4 * floor(t * 0.25)
    if t >= 4:
        t = 0
    if fabs(z) <= 2.0 / 3.0:
        a = 0.5 + t - 0.75 * z
        b = 0.5 + t + 0.75 * z
        i = floor(a)
        j = floor(b)
        if i == j:
            face[0] = 4 + (<int> j & 3)
        else:
            face[0] = <int> i & 3 if i < j else 8 + (<int> j & 3)
        x[0] = b - j
        y[0] = 1 - (a - i)
    else:
        quarter = <int> t
        t -= quarter
        a = cos_lat * sqrt(3 / (1 + fabs(z)))
        face[0] = quarter if z > 0 else 8 + quarter
        x[0] = 1 - (1 - t) * a if z > 0 else t * a
        y[0] = 1 - t * a if z > 0 else (1 - t) * a


cdef bint same(const Cap* cap, uint64_t cell, int64_t x, int64_t y, int order) noexcept nogil:
    """Whether a cell, at (x, y) of its base cell, holds the expected word all over the cap."""
    cdef int shift = 2 * (29 - order), i
    cdef uint64_t start = cell << shift
    cdef uint32_t below
    cdef bint one
    cdef double size
    if not cap.everywhere:
        size = 1.0 / <double> ((<int64_t> 1) << order)
        if x * size > cap.right or (x + 1) * size < cap.left or y * size > cap.high or (y + 1) * size < cap.low:
            return True
    below = at_or_below(&cap.index, start)
    one = at_or_below(&cap.index, start + (((<uint64_t> 1) << shift) - 1)) == below
    if one:
        return word_at(cap.word, below) == cap.expected
    if order >= cap.last:
        return False
    for i in range(4):
        if not same(cap, 4 * cell + i, 2 * x + (i & 1), 2 * y + (i >> 1), order + 1):
            return False
    return True


cdef bint in_square(Cap* cap, int face, double half) noexcept nogil:
    """Whether the cap holds one word, by the cells in its square, of that half-width."""
    cdef int order = ilogb(0.5 / half)
    cdef int64_t i, j, n
    cdef uint64_t cell
    if order > cap.order:
        order = cap.order
    cap.last = order + STEPS
    if cap.last > cap.order:
        cap.last = cap.order
    cap.everywhere = False
    # Most caps that hold two words show both at the square's corners.
    n = (<int64_t> 1) << cap.order
    for i in range(2):
        for j in range(2):
            cell = (<uint64_t> face << (2 * cap.order)) | spread(
                <uint64_t> ((cap.right if i else cap.left) * n)
            ) | (spread(<uint64_t> ((cap.high if j else cap.low) * n)) << 1)
            if word_at(cap.word, at_or_below(&cap.index, cell << (2 * (29 - cap.order)))) != cap.expected:
                return False
    n = (<int64_t> 1) << order
    # The walk begins where the square is no larger than a cell: it meets two by two of them at most.
    for i in range(<int64_t> (cap.left * n), <int64_t> (cap.right * n) + 1):
        for j in range(<int64_t> (cap.low * n), <int64_t> (cap.high * n) + 1):
            cell = (<uint64_t> face << (2 * order)) | spread(<uint64_t> i) | (spread(<uint64_t> j) << 1)
            if not same(cap, cell, i, j, order):
                return False
    return True


cdef bint around(Cap* cap, uint64_t cell, double radius) noexcept nogil:
    """Whether the cap holds one word, by the cell (of the finest order) at its centre and that cell's neighbours."""
    cdef int face, dx, dy, order = ilogb(WIDTH / radius)
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


cdef inline void open_index(
    Index* index, const uint64_t[::1] boundaries, const uint32_t[::1] entries, int shift
) noexcept nogil:
    index.edge = &boundaries[0] if boundaries.shape[0] else NULL
    index.entry = &entries[0]
    index.shift = shift


def caps(
    const double[::1] lon, const double[::1] lat, const double[::1] radius, const double[:, ::1] matrix,
    const uint64_t[::1] boundaries, const uint32_t[::1] entries, int shift, const uint64_t[::1] words, int order,
    uint64_t[::1] word, unsigned char[::1] one,
):
    """Write the word at the centre of each cap, and whether the cap surely holds no other.

    Angles in radians; a radius that is not finite is that of a cap that is not known. `matrix` takes unit vectors to
    the masks' frame, unless it is empty. `order` is the masks' finest.
    """
    cdef Py_ssize_t n = lon.shape[0], i
    cdef Cap cap
    cdef int face
    cdef double x, y, z, u, v, phi, cos_lat, half, r
    cdef uint64_t cell
    cdef bint turn = matrix.shape[0] == 3
    if lat.shape[0] != n or radius.shape[0] != n or word.shape[0] != n or one.shape[0] != n:
        raise ValueError("lon, lat, radius, word and one must have one length")
    if words.shape[0] and words.shape[0] != boundaries.shape[0] + 1:
        raise ValueError("there must be one word more than boundaries")
    with nogil:
        open_index(&cap.index, boundaries, entries, shift)
        cap.word = &words[0] if words.shape[0] else NULL
        cap.order = order
        for i in range(n):
            one[i] = 0
            word[i] = 0
            if not (0 <= radius[i] < 0.3 and fabs(lat[i]) <= 1.6 and fabs(lon[i]) < 1e15):
                continue
            cos_lat = cos(lat[i])
            phi = lon[i]
            x = cos_lat * cos(phi)
            y = cos_lat * sin(phi)
            z = sin(lat[i])
            cos_lat = fabs(cos_lat)
            if turn:
                u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z
                v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z
                z = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z
                phi = atan2(v, u)
                cos_lat = sqrt(u * u + v * v)
            r = radius[i] + 1e-12
            cell = cell_at(z, cos_lat, phi, order)
            cap.expected = word_at(cap.word, at_or_below(&cap.index, cell << (2 * (29 - order))))
            word[i] = cap.expected
            chart_at(z, cos_lat, phi, &face, &x, &y)
            half = (STRETCH_BELT if fabs(z) + r < 2.0 / 3.0 else STRETCH) * r
            cap.left = x - half
            cap.right = x + half
            cap.low = y - half
            cap.high = y + half
            if cap.left > 0 and cap.right < 1 and cap.low > 0 and cap.high < 1:
                one[i] = in_square(&cap, face, half)
            else:
                one[i] = around(&cap, cell, r)


def words_at(
    const uint64_t[::1] number, const uint64_t[::1] boundaries, const uint32_t[::1] entries, int shift,
    const uint64_t[::1] words, uint64_t[::1] out,
):
    """The word at each cell number (order 29); 0 at the number 2**64 - 1, which is no cell."""
    cdef Py_ssize_t n = number.shape[0], i
    cdef Index index
    cdef const uint64_t* word = &words[0] if words.shape[0] else NULL
    if out.shape[0] != n:
        raise ValueError("number and out must have one length")
    if words.shape[0] and words.shape[0] != boundaries.shape[0] + 1:
        raise ValueError("there must be one word more than boundaries")
    with nogil:
        open_index(&index, boundaries, entries, shift)
        for i in range(n):
            out[i] = 0 if number[i] == ~<uint64_t> 0 else word_at(word, at_or_below(&index, number[i]))


def paint(
    unsigned char[:, :, ::1] images, const int64_t[::1] row, const int64_t[::1] column, int size,
    const uint64_t[::1] word,
):
    """Fill square tiles, given by their first row and column and cut off at the image's edge, with bit k in image k."""
    cdef Py_ssize_t n = row.shape[0], n_images = images.shape[0], ny = images.shape[1], nx = images.shape[2]
    cdef Py_ssize_t t, k, j, bottom, width
    if column.shape[0] != n or word.shape[0] != n:
        raise ValueError("row, column and word must have one length")
    with nogil:
        if size == 1:
            # Image by image, so that what is written lies close together.
            for k in range(n_images):
                for t in range(n):
                    if 0 <= row[t] < ny and 0 <= column[t] < nx:
                        images[k, row[t], column[t]] = (word[t] >> k) & 1
            n = 0
        for t in range(n):
            if row[t] < 0 or row[t] >= ny or column[t] < 0 or column[t] >= nx:
                continue
            bottom = min(row[t] + size, ny)
            width = min(<int64_t> size, nx - column[t])
            for k in range(n_images):
                for j in range(row[t], bottom):
                    memset(&images[k, j, column[t]], <int> ((word[t] >> k) & 1), width)

