# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The edges of a cell, which are straight in the chart of its base cell (geometry.pxd) and curves on the sphere."""

from libc.math cimport sqrt
from libc.stdint cimport int64_t

from hpmask._kernels.geometry cimport place_vector


cdef struct Edge:
    # A straight line in the chart of a base cell.
    int face
    double n
    double s
    double v
    double ds
    double dv


cdef inline void edge_of(int face, int64_t x, int64_t y, int order, int k, Edge* edge) noexcept nogil:
    """Edge k of a cell: from the southern corner to the eastern, northern, western and southern one."""
    cdef double x0 = x + (1 if k == 1 or k == 2 else 0)
    cdef double y0 = y + (1 if k == 2 or k == 3 else 0)
    edge.face = face
    edge.n = <double> ((<int64_t> 1) << order)
    edge.s = x0 + y0
    edge.v = x0 - y0
    edge.ds = 1 if k < 2 else -1
    edge.dv = 1 if k == 0 or k == 3 else -1


cdef inline int parts_of(int order) noexcept nogil:
    """Into how many parts an edge is taken: those of the largest cells bend too much to be taken whole."""
    return 8 if order < 3 else 1


cdef inline void point_of(const Edge* edge, double part, double* p) noexcept nogil:
    place_vector(edge.face, edge.s + part * edge.ds, edge.v + part * edge.dv, edge.n, p)


cdef inline double bend_of(const double* p, const double* middle, const double* q) noexcept nogil:
    """How far a part of an edge strays from its chord from p to q, at most: four times as far as its middle does."""
    cdef double sum = 0
    cdef int i
    for i in range(3):
        sum += (p[i] + q[i] - 2 * middle[i]) ** 2
    return 2 * sqrt(sum)
