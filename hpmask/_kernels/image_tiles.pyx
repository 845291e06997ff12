# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Whole tiles of an image at once: what masks hold at the pixels' centres, or all over the pixels.

A tile of pixels is painted where the masks hold one word all over a cap that surely holds the tile's sky (caps.pxd,
projections.pxd). The other tiles are quartered, down to pixels, of which at last the centre alone is asked for: that is
a cap, too, as large as rounding may make the difference between this and wcslib. The pixels that are not decided
even so, next to a cell's edge or where the projection gives no bound, are marked for astropy to decide.

A pixel (x, y) is at the place `plane` (x - origin) of the projection's plane; SIP polynomials move it first. The path
from a tile's centre to one of its points is a straight line in pixels, and in the plane no farther from the centre than
`side` times the tile's half-width.
"""

from libc.math cimport atan2, sqrt
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from hpmask._kernels.caps cimport Cap, holds_one, open_cap
from hpmask._kernels.projections cimport AIT, Projection, native_at, polynomial, stretch

# What marks a pixel that is not decided.
UNDECIDED = 2

cdef enum:
    TILE = 64       # pixels along a side of the largest tiles


cdef struct Field:
    Projection projection
    double plane[4]
    double origin[2]
    double turn[9]          # takes native unit vectors to the masks' frame
    double side
    double slack            # rounding, on the sky
    double margin           # how far beyond their centres the pixels are looked at
    # SIP: coefficients of u**p v**q at [p][q], NULL for none
    const double* a
    const double* b
    int degree
    double sip_origin[2]
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
    cdef double u = x - field.origin[0], v = y - field.origin[1], a, b, r, z
    cdef double q[3]
    if field.a != NULL:
        a = x - field.sip_origin[0]
        b = y - field.sip_origin[1]
        u += polynomial(field.a, field.degree, a, b)
        v += polynomial(field.b, field.degree, a, b)
    a = field.plane[0] * u + field.plane[1] * v
    b = field.plane[2] * u + field.plane[3] * v
    r = half * field.side
    # Of a single place it is infinity times 0, and NaN fails the comparison.
    r = stretch(field.projection, a, b, r) * r + field.slack
    if not r < 0.3:
        return False
    native_at(field.projection, a, b, q)
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
    unsigned char[:, :, ::1] images, Py_ssize_t first, int projection, const double[:, ::1] plane,
    const double[::1] origin, const double[:, ::1] turn, double side, double slack, double margin,
    const double[:, :, ::1] sip, const double[::1] sip_origin, const uint64_t[::1] boundaries,
    const uint32_t[::1] entries, int shift, const uint64_t[::1] words, int order, Py_ssize_t start, Py_ssize_t stop,
):
    """Write bit k of the word under each pixel of the rows from start to stop to image k.

    Where it is not sure it writes UNDECIDED to image 0; returns how many these are. `first` is the number of the images' first row. `margin` is 0 for the
    pixels' centres, 0.5 for all of the pixels. `plane` gives radians; `sip`, of shape (2, degree + 1, degree + 1) or
    empty, holds the polynomials' coefficients.
    """
    cdef Field field
    cdef int k
    cdef Py_ssize_t row, column
    if plane.shape[0] != 2 or plane.shape[1] != 2 or turn.shape[0] != 3 or turn.shape[1] != 3 or origin.shape[0] != 2:
        raise ValueError("plane must have shape (2, 2), turn (3, 3), origin (2,)")
    if not 0 <= projection <= AIT or not 0 <= order <= 29 or not slack > 0 or not margin >= 0:
        raise ValueError("there is no such projection or order, or slack or margin is none")
    if not first <= start <= stop <= first + images.shape[1] or not 1 <= images.shape[0] <= 64:
        raise ValueError("there are no such rows, or no images")
    field.projection = <Projection> projection
    for k in range(4):
        field.plane[k] = plane[k // 2, k % 2]
    for k in range(9):
        field.turn[k] = turn[k // 3, k % 3]
    for k in range(2):
        field.origin[k] = origin[k]
    field.side = side
    field.slack = slack
    field.margin = margin
    field.a = field.b = NULL
    if sip.shape[0]:
        if sip.shape[0] != 2 or sip.shape[1] != sip.shape[2] or sip_origin.shape[0] != 2:
            raise ValueError("sip must have shape (2, n, n), sip_origin (2,)")
        field.a = &sip[0, 0, 0]
        field.b = &sip[1, 0, 0]
        field.degree = <int> sip.shape[1] - 1
        for k in range(2):
            field.sip_origin[k] = sip_origin[k]
    open_cap(&field.cap, boundaries, entries, shift, words, order)
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
                descend(&field, row, column, TILE)
    return field.undecided


def stretches(int projection, const double[::1] x, const double[::1] y, const double[::1] r, double[::1] out):
    """The most by which paths within r of places in the plane are stretched on the sky; infinite if not known."""
    cdef Py_ssize_t i
    if x.shape[0] != y.shape[0] or r.shape[0] != x.shape[0] or out.shape[0] != x.shape[0]:
        raise ValueError("x, y, r and out must have one length")
    if not 0 <= projection <= AIT:
        raise ValueError("no such projection")
    for i in range(x.shape[0]):
        out[i] = stretch(<Projection> projection, x[i], y[i], r[i])


def native_vectors(int projection, const double[:, ::1] places, double[:, ::1] out):
    """Native unit vectors, shape (n, 3), of places in the plane with a bound on the stretch, shape (n, 2)."""
    cdef Py_ssize_t i
    if places.shape[1] != 2 or out.shape[1] != 3 or places.shape[0] != out.shape[0]:
        raise ValueError("places must have shape (n, 2), out shape (n, 3)")
    if not 0 <= projection <= AIT:
        raise ValueError("no such projection")
    for i in range(places.shape[0]):
        native_at(<Projection> projection, places[i, 0], places[i, 1], &out[i, 0])
