# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Distances of positions to the nearest cell centre on the other side of a set's edge (see nearest.pxd)."""

from libc.math cimport cos, sin
from libc.stdint cimport uint32_t, uint64_t

from hpmask._kernels.constants cimport END, MAX_ORDER
from hpmask._kernels.index cimport Index, IndexView, at_or_below, open_index
from hpmask._kernels.nearest cimport Target, begin, nearest


def vectors(const double[::1] lon, const double[::1] lat, double unit, const double[:, ::1] matrix, double[:, ::1] out):
    """Unit vectors of positions; `unit` is the angles' unit in radians, `matrix` as in lookup.numbers."""
    cdef Py_ssize_t n = lon.shape[0], i
    cdef int k
    cdef double cos_lat
    cdef double p[3]
    cdef bint turn = matrix.shape[0] == 3
    if lat.shape[0] != n or out.shape[0] != n or out.shape[1] != 3 or matrix.shape[1] != 3:
        raise ValueError("lon, lat and out must have one length, out shape (n, 3), matrix (3, 3) or (0, 3)")
    with nogil:
        for i in range(n):
            cos_lat = cos(lat[i] * unit)
            p[0] = cos_lat * cos(lon[i] * unit)
            p[1] = cos_lat * sin(lon[i] * unit)
            p[2] = sin(lat[i] * unit)
            for k in range(3):
                out[i, k] = matrix[k, 0] * p[0] + matrix[k, 1] * p[1] + matrix[k, 2] * p[2] if turn else p[k]


def signed(
    Index index not None, int order, const double[:, ::1] position, const uint64_t[::1] number, double most,
    double[::1] out,
):
    """Angle from each position to the nearest centre of a cell of `order` on the other side of a set's edge.

    Positive inside the set, negative outside; infinite if there is no other side, or none within the angle `most`.
    `number` holds the cells of the positions at order 29. It is quick if positions that follow each other are near each
    other.
    """
    cdef Py_ssize_t n = number.shape[0], i
    cdef Target target[2]
    cdef IndexView view
    cdef uint32_t inside
    cdef double angle
    if position.shape[0] != n or position.shape[1] != 3 or out.shape[0] != n or not 0 <= order <= MAX_ORDER:
        raise ValueError("position, number and out must have one length, order be 0 to 29")
    open_index(&view, index, END)
    with nogil:
        for inside in range(2):
            begin(&target[inside], &view, order, 1 - inside, most)
        for i in range(n):
            inside = at_or_below(&view, number[i]) & 1
            angle = nearest(&target[inside], &position[i, 0], number[i])
            out[i] = angle if inside else -angle
