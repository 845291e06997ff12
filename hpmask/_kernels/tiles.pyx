# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Whole tiles of an image at once: caps on the sky in which masks are the same all over, and blocks of pixels.

The masks of several energy bins are asked together. Between two boundaries of any of them nothing changes, so that a
word of bits, one per mask, goes with each place between the merged boundaries; with a single mask the word is the
parity of the place, and none are stored.

A cap lies within the cell at its centre and that cell's neighbours, at the finest order of cells large enough (see
rotate.pyx for the measured width). From these a walk goes down to cells that hold one word, leaves out those whose
bounding caps do not meet the cap, and stops at the first word that is not the one at the centre. Near the edge it
gives up after a few steps: it may call a cap mixed that is not, but never the other way round.
"""

from libc.math cimport M_PI, atan2, cos, fabs, floor, ilogb, sin, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from hpmask._kernels.geometry cimport cell_at, cell_xy, neighbour, place_vector
from hpmask._kernels.index cimport Index, at_or_below

# Within this distance / 2**order of a cell there is nothing but its neighbours.
cdef double WIDTH = 0.69
# An upper bound of the distance from a cell's centre to its edge, times 2**order: hpmask.healpix.cell_radius.
cdef double CELL_RADIUS = 1.07

cdef enum:
    STEPS = 4       # how far below its first cells a cap is looked at


cdef struct Cap:
    Index index
    const uint64_t* word        # NULL: parity
    int order
    int last                    # the order at which the walk gives up
    double center[3]
    double radius
    uint64_t expected


cdef inline uint64_t word_at(const Index* index, const uint64_t* word, uint32_t below) noexcept nogil:
    return word[below] if word != NULL else below & 1


cdef bint same(const Cap* cap, uint64_t cell, int order) noexcept nogil:
    """Whether a cell holds the expected word all over the cap."""
    cdef int shift = 2 * (29 - order), face, i
    cdef int64_t x, y
    cdef uint64_t start = cell << shift
    cdef uint32_t below = at_or_below(&cap.index, start)
    cdef bint one = at_or_below(&cap.index, start + (((<uint64_t> 1) << shift) - 1)) == below
    cdef double p[3]
    cdef double reach, dx, dy, dz
    if one and word_at(&cap.index, cap.word, below) == cap.expected:
        return True
    cell_xy(cell, order, &face, &x, &y)
    place_vector(face, <double> (x + y + 1), <double> (x - y), <double> ((<int64_t> 1) << order), p)
    dx = p[0] - cap.center[0]
    dy = p[1] - cap.center[1]
    dz = p[2] - cap.center[2]
    # A chord is shorter than its angle.
    reach = cap.radius + CELL_RADIUS / <double> ((<int64_t> 1) << order)
    if dx * dx + dy * dy + dz * dz > reach * reach:
        return True
    if one or order >= cap.last:
        return False
    for i in range(4):
        if not same(cap, 4 * cell + i, order + 1):
            return False
    return True


cdef bint around(Cap* cap, uint64_t cell, int order) noexcept nogil:
    """Whether the cap holds one word, by a cell with its centre and that cell's neighbours."""
    cdef int face, dx, dy
    cdef int64_t x, y, other
    if not same(cap, cell, order):
        return False
    cell_xy(cell, order, &face, &x, &y)
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            if dx == 0 and dy == 0:
                continue
            other = neighbour(face, x, y, dx, dy, order)
            if other >= 0 and not same(cap, <uint64_t> other, order):
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
    cdef int coarse, k
    cdef double x, y, z, phi, cos_lat
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
                cap.center[0] = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z
                cap.center[1] = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z
                z = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z
                x = cap.center[0]
                y = cap.center[1]
                phi = atan2(y, x)
                cos_lat = sqrt(x * x + y * y)
            cap.center[0] = x
            cap.center[1] = y
            cap.center[2] = z
            cap.radius = radius[i] + 1e-12
            # The finest order whose cells and their neighbours hold all of the cap.
            coarse = ilogb(WIDTH / cap.radius)
            if coarse > order:
                coarse = order
            cap.last = coarse + STEPS
            if cap.last > order:
                cap.last = order
            cell = cell_at(z, cos_lat, phi, order)
            cap.expected = word_at(&cap.index, cap.word, at_or_below(&cap.index, cell << (2 * (29 - order))))
            word[i] = cap.expected
            one[i] = around(&cap, cell >> (2 * (order - coarse)), coarse)


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
            out[i] = 0 if number[i] == ~<uint64_t> 0 else word_at(&index, word, at_or_below(&index, number[i]))


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
        for t in range(n):
            if row[t] < 0 or row[t] >= ny or column[t] < 0 or column[t] >= nx:
                continue
            bottom = min(row[t] + size, ny)
            width = min(<int64_t> size, nx - column[t])
            for k in range(n_images):
                for j in range(row[t], bottom):
                    memset(&images[k, j, column[t]], <int> ((word[t] >> k) & 1), width)


def blocks(
    const double[::1] x, const double[::1] y, const double[::1] half_x, const double[::1] half_y,
    const int64_t[:, ::1] total, int outside, unsigned char[::1] out,
):
    """What an image holds in rectangles of pixel coordinates: 0 False only, 1 True only, 2 both or not known.

    total[j, i] counts the True pixels of rows below j and columns below i. Beyond the image the value is `outside`. A
    rectangle with a half-width that is not finite is not known; one with a centre that is not finite, but known
    half-widths, is all outside.
    """
    cdef Py_ssize_t n = x.shape[0], i
    cdef int64_t ny = total.shape[0] - 1, nx = total.shape[1] - 1, left, right, low, high, count, area
    cdef double a, b, c, d
    cdef bint beyond
    if y.shape[0] != n or half_x.shape[0] != n or half_y.shape[0] != n or out.shape[0] != n:
        raise ValueError("x, y, half_x, half_y and out must have one length")
    with nogil:
        for i in range(n):
            if not (half_x[i] < 1e300 and half_y[i] < 1e300):
                out[i] = 2
                continue
            # The pixels' numbers at the sides: pixel i reaches from i - 0.5 to i + 0.5.
            a = floor(x[i] - half_x[i] + 0.5)
            b = floor(x[i] + half_x[i] + 0.5)
            c = floor(y[i] - half_y[i] + 0.5)
            d = floor(y[i] + half_y[i] + 0.5)
            if not (b >= 0 and a < nx and d >= 0 and c < ny):
                out[i] = outside
                continue
            beyond = a < 0 or b >= nx or c < 0 or d >= ny
            left = <int64_t> a if a > 0 else 0
            low = <int64_t> c if c > 0 else 0
            right = <int64_t> b + 1 if b < nx else nx
            high = <int64_t> d + 1 if d < ny else ny
            count = total[high, right] - total[low, right] - total[high, left] + total[low, left]
            area = (right - left) * (high - low)
            if count == 0 and not (beyond and outside):
                out[i] = 0
            elif count == area and (outside or not beyond):
                out[i] = 1
            else:
                out[i] = 2
