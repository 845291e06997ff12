# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Values of masks at the pixels of an image, by whole tiles: at the pixels' centres, or all over the pixels.

A tile of pixels is painted at once where the masks hold one word all over a cap that surely holds the tile's sky
(caps.pxd, projections.pxd). The other tiles are quartered, down to single pixels. Of a pixel, only the centre is looked
up: that is a cap, too, as large as the difference by rounding between these formulas and wcslib's may be. Pixels that
are still undecided, next to a cell's edge or where the projection has no bound, are marked for astropy to decide.

A pixel (x, y) lies at `to_plane` (x - origin) in the projection's plane; SIP polynomials move it first. The path from a
tile's centre to one of its points is a straight line in pixels, and in the plane it stays within `side` times the
tile's half-width of the centre.
"""

from libc.math cimport atan2, sqrt
from libc.stdint cimport uint64_t
from libc.string cimport memset

from hpmask._kernels.caps cimport Cap, holds_one, open_cap
from hpmask._kernels.checked cimport require
from hpmask._kernels.index cimport Index
from hpmask._kernels.projections cimport Projection, View, native_at, polynomial, stretch
from hpmask._kernels.stopping cimport poll

# The value of an undecided pixel.
UNDECIDED = 2

cdef enum:
    TILE = 64       # pixels along a side of the largest tiles


cdef struct Field:
    View projection
    double turn[9]          # takes native unit vectors to the masks' frame
    double margin           # how far beyond their centres the pixels are examined
    Cap cap
    unsigned char* image    # from the first row on
    Py_ssize_t per_image    # bytes from image to image
    Py_ssize_t first        # the rows
    Py_ssize_t stop
    Py_ssize_t nx
    Py_ssize_t n_images
    Py_ssize_t undecided


cdef inline bint one_word(Field* field, double x, double y, double half) noexcept nogil:
    """Whether there is surely one word (cap.expected) under a square of pixel coordinates about (x, y)."""
    cdef const View* projection = &field.projection
    cdef double u = x - projection.origin[0], v = y - projection.origin[1], a, b, r, z
    cdef double q[3]
    if projection.a != NULL:
        a = x - projection.sip_origin[0]
        b = y - projection.sip_origin[1]
        u += polynomial(projection.a, projection.degree, a, b)
        v += polynomial(projection.b, projection.degree, a, b)
    a = projection.to_plane[0] * u + projection.to_plane[1] * v
    b = projection.to_plane[2] * u + projection.to_plane[3] * v
    r = half * projection.side
    # For a single place without a bound this is infinity times 0, and NaN fails the comparison.
    r = stretch(projection.kind, a, b, r, projection.rim) * r + projection.slack
    if not r < 0.3:
        return False
    native_at(projection.kind, a, b, q)
    a = field.turn[0] * q[0] + field.turn[1] * q[1] + field.turn[2] * q[2]
    b = field.turn[3] * q[0] + field.turn[4] * q[1] + field.turn[5] * q[2]
    z = field.turn[6] * q[0] + field.turn[7] * q[1] + field.turn[8] * q[2]
    return holds_one(&field.cap, z, sqrt(a * a + b * b), atan2(b, a), r)


cdef void descend(Field* field, Py_ssize_t row, Py_ssize_t column, int size) noexcept nogil:
    cdef Py_ssize_t j, k, height = min(<Py_ssize_t> size, field.stop - row)
    cdef Py_ssize_t width = min(<Py_ssize_t> size, field.nx - column)
    cdef double half = 0.5 * (size - 1)
    cdef unsigned char* target = field.image + (row - field.first) * field.nx + column
    cdef uint64_t word
    if height <= 0 or width <= 0:
        return
    require(field.first <= row)
    require(0 <= column)
    if one_word(field, column + half, row + half, half + field.margin):
        word = field.cap.expected
        for k in range(field.n_images):
            for j in range(height):
                if size == 1:
                    target[0] = (word >> k) & 1
                else:
                    memset(target + j * field.nx, <int> ((word >> k) & 1), width)
            target += field.per_image
    elif size == 1:
        target[0] = 2
        field.undecided += 1
    else:
        size //= 2
        descend(field, row, column, size)
        descend(field, row, column + size, size)
        descend(field, row + size, column, size)
        descend(field, row + size, column + size, size)


def paint(
    unsigned char[:, :, ::1] images, Py_ssize_t first, Projection projection not None, const double[:, ::1] turn,
    double margin, Index index not None, int order, Py_ssize_t start, Py_ssize_t stop,
):
    """Write bit k of the word under each pixel of the rows from start to stop to image k.

    Where the word is not certain it writes UNDECIDED to image 0; it returns the number of such pixels. `first` is the
    number of the images' first row. `turn` takes native unit vectors to the masks' frame. `margin` is 0 to look at the
    pixels' centres, 0.5 to look at whole pixels. `index` is that of the masks with their words, `order` the finest of
    their orders.
    """
    cdef Field field
    cdef int k
    cdef Py_ssize_t row, column
    if turn.shape[0] != 3 or turn.shape[1] != 3 or not margin >= 0:
        raise ValueError("turn must have shape (3, 3), and margin must not be below 0")
    if not first <= start <= stop <= first + images.shape[1] or not 1 <= images.shape[0] <= 64:
        raise ValueError("start and stop must be rows of the images, and there must be 1 to 64 images")
    field.projection = projection.view
    for k in range(9):
        field.turn[k] = turn[k // 3, k % 3]
    field.margin = margin
    open_cap(&field.cap, index, order)
    field.n_images = images.shape[0]
    field.nx = images.shape[2]
    field.per_image = images.shape[1] * images.shape[2]
    field.first = first
    field.stop = stop
    field.undecided = 0
    if start == stop or field.nx == 0:
        return 0
    field.image = &images[0, 0, 0]
    with nogil:
        for row from start <= row < stop by TILE:
            for column from 0 <= column < field.nx by TILE:
                poll((row + column) // TILE, 2)
                descend(&field, row, column, TILE)
    return field.undecided
