# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A set of cells seen from a rotated frame.

A walk goes down the quad-tree of the new frame. A node of order k, rotated, lies within the cell of order k - 1 at its
centre and that cell's neighbours: the distance from a cell to the far side of its neighbours is at least COVER /
2**order (constants.pxd), and twice that exceeds CELL_RADIUS / 2**k, the distance from a node's centre to its corners.
If the old set is the same all over these cells, the node is decided; otherwise it is divided. A cell of the last order
is decided by its centre.
"""

from libc.math cimport atan2, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport END, MAX_ORDER
from hpmask._kernels.geometry cimport cell_at, cell_xy, neighbour, place_vector
from hpmask._kernels.index cimport Index, IndexView, at_or_below, open_index
from hpmask._kernels.sink cimport Sink, sink_ends, sink_open, sink_put, sink_take


cdef struct Walk:
    IndexView index
    double matrix[9]
    int old_order
    int order
    Sink* sink


cdef inline bint uniform(const IndexView* index, uint64_t cell, int order, uint32_t* below) noexcept nogil:
    """Whether a cell is fully inside or fully outside; below[0] is then the number of boundaries up to it."""
    cdef int shift = 2 * (MAX_ORDER - order)
    cdef uint64_t start = cell << shift
    below[0] = at_or_below(index, start)
    return at_or_below(index, start + (((<uint64_t> 1) << shift) - 1)) == below[0]


cdef bint same_around(const IndexView* index, uint64_t cell, int order, bint* inside) noexcept nogil:
    """Whether a cell and its neighbours are all inside or all outside."""
    cdef uint32_t below
    cdef int face, dx, dy
    cdef int64_t x, y, other
    if not uniform(index, cell, order, &below):
        return False
    inside[0] = below & 1
    cell_xy(cell, order, &face, &x, &y)
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            if dx == 0 and dy == 0:
                continue
            other = neighbour(face, x, y, dx, dy, order)
            if other < 0:
                continue
            if not uniform(index, <uint64_t> other, order, &below) or (below & 1) != inside[0]:
                return False
    return True


cdef void descend(Walk* walk, int face, int64_t x, int64_t y, int level, uint64_t cell) noexcept nogil:
    cdef double p[3]
    cdef double q[3]
    cdef int i, coarse = level - 1 if level else 0, shift = 2 * (MAX_ORDER - level)
    cdef bint inside = False
    cdef uint64_t old
    place_vector(face, <double> (x + y + 1), <double> (x - y), <double> ((<int64_t> 1) << level), p)
    for i in range(3):
        q[i] = walk.matrix[3 * i] * p[0] + walk.matrix[3 * i + 1] * p[1] + walk.matrix[3 * i + 2] * p[2]
    require(level <= walk.order)
    if level == walk.order:
        coarse = walk.old_order
    old = cell_at(q[2], sqrt(q[0] * q[0] + q[1] * q[1]), atan2(q[1], q[0]), coarse)
    if level == walk.order:
        inside = at_or_below(&walk.index, old << (2 * (MAX_ORDER - coarse))) & 1
    elif sink_ends(walk.sink):
        return
    elif not same_around(&walk.index, old, coarse, &inside):
        for i in range(4):
            descend(walk, face, 2 * x + (i & 1), 2 * y + (i >> 1), level + 1, 4 * cell + i)
        return
    if inside:
        sink_put(walk.sink, cell << shift, (cell + 1) << shift)


def rotate(Index index not None, int old_order, const double[:, ::1] matrix, int order, int face):
    """Range starts and stops (order 29, ascending) of the cells of one base cell whose rotated centre is in a set.

    The set is given by its index, with at least one boundary, and its order; `matrix` takes unit vectors of the new
    frame to the set's.
    """
    cdef Walk walk
    cdef Sink sink
    cdef int i
    if index.view.count == 0 or matrix.shape[0] != 3 or matrix.shape[1] != 3:
        raise ValueError("the set must not be empty and the matrix must have shape (3, 3)")
    if not 0 <= order <= MAX_ORDER or not 0 <= old_order <= MAX_ORDER or not 0 <= face < 12:
        raise ValueError("orders must be 0 to 29, the base cell 0 to 11")
    open_index(&walk.index, index, END)
    walk.old_order = old_order
    walk.order = order
    walk.sink = &sink
    for i in range(9):
        walk.matrix[i] = matrix[i // 3, i % 3]
    sink_open(&sink, 16)
    with nogil:
        descend(&walk, face, 0, 0, 0, <uint64_t> face)
    return sink_take(&sink)
