# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Many caps on the sky at once, and what the masks hold in them: see caps.pxd."""

from libc.math cimport atan2, cos, fabs, sin, sqrt
from libc.stdint cimport int64_t, uint64_t

from hpmask._kernels.caps cimport Cap, holds_one, open_cap, word_of
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.index cimport Index
from hpmask._kernels.stopping cimport poll


def caps(
    const double[::1] lon, const double[::1] lat, const double[::1] radius, const double[:, ::1] matrix,
    Index index not None, int order, uint64_t[::1] word, unsigned char[::1] one,
):
    """Write the word at the centre of each cap, and whether the cap surely holds no other.

    Angles are in radians. A radius that is not finite stands for an unknown cap. `matrix` takes unit vectors to the
    masks' frame, unless it is empty. `index` is that of the masks with their words, `order` the finest of their orders.
    """
    cdef Py_ssize_t n = lon.shape[0], i
    cdef Cap cap
    cdef double x, y, z, u, v, phi, cos_lat
    cdef bint turn = matrix.shape[0] == 3
    if lat.shape[0] != n or radius.shape[0] != n or word.shape[0] != n or one.shape[0] != n:
        raise ValueError("lon, lat, radius, word and one must have one length")
    if turn and matrix.shape[1] != 3:
        raise ValueError("matrix must have shape (3, 3), or (0, 3)")
    open_cap(&cap, index, order)
    with nogil:
        for i in range(n):
            poll(i, 256)
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
            one[i] = holds_one(&cap, z, cos_lat, phi, radius[i] + 1e-12)
            word[i] = cap.expected


def words_at(Index index not None, const uint64_t[::1] number, uint64_t[::1] out):
    """The word at each cell number (order 29); 0 at the number 2**64 - 1, which is not a cell."""
    cdef Py_ssize_t n = number.shape[0], i
    cdef Cap cap
    if out.shape[0] != n:
        raise ValueError("number and out must have one length")
    open_cap(&cap, index, MAX_ORDER)
    with nogil:
        for i in range(n):
            poll(i, 512)
            out[i] = 0 if number[i] == ~<uint64_t> 0 else word_of(&cap, number[i], MAX_ORDER)


def paint(
    unsigned char[:, :, ::1] images, const int64_t[::1] row, const int64_t[::1] column, const uint64_t[::1] word
):
    """Write bit k of each pixel's word to image k."""
    cdef Py_ssize_t n = row.shape[0], n_images = images.shape[0], ny = images.shape[1], nx = images.shape[2], t, k
    if column.shape[0] != n or word.shape[0] != n:
        raise ValueError("row, column and word must have one length")
    with nogil:
        # Image by image, so that what is written lies close together.
        for k in range(n_images):
            for t in range(n):
                if 0 <= row[t] < ny and 0 <= column[t] < nx:
                    images[k, row[t], column[t]] = (word[t] >> k) & 1
