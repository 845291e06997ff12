# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Numbers, centres and edges of NESTED cells; the formulas are in geometry.pxd."""

from libc.math cimport atan2, cos, sin
from libc.stdint cimport int64_t, uint8_t, uint64_t

from hpmask._kernels.constants cimport CELL_RADIUS as _CELL_RADIUS, MAX_ORDER
from hpmask._kernels.geometry cimport (
    base_ring, cell_at, cell_xy, central_longitude, place, place_vector, ring_odd, ring_width,
)

CELL_RADIUS = _CELL_RADIUS


def cells_at(const double[::1] lon, const double[::1] lat, int order, uint64_t[::1] out):
    """NESTED cells that hold positions (radians)."""
    cdef Py_ssize_t n = lon.shape[0], i
    if lat.shape[0] != n or out.shape[0] != n or not 0 <= order <= MAX_ORDER:
        raise ValueError("lon, lat and out must have one length, order 0 to 29")
    with nogil:
        for i in range(n):
            out[i] = cell_at(sin(lat[i]), cos(lat[i]), lon[i], order)


def centres(const uint64_t[::1] cells, int order, double[::1] lon, double[::1] lat):
    """Centres of NESTED cells (radians)."""
    cdef Py_ssize_t n = cells.shape[0], i
    cdef int face
    cdef int64_t x, y
    cdef double z, cos_lat, size
    if lon.shape[0] != n or lat.shape[0] != n or not 0 <= order <= MAX_ORDER:
        raise ValueError("cells, lon and lat must have one length, order 0 to 29")
    size = <double> ((<int64_t> 1) << order)
    with nogil:
        for i in range(n):
            cell_xy(cells[i], order, &face, &x, &y)
            place(face, <double> (x + y + 1), <double> (x - y), size, &z, &cos_lat, &lon[i])
            lat[i] = atan2(z, cos_lat)


def centre_vectors(const uint64_t[::1] cells, int order, double[:, ::1] out):
    """Unit vectors of the centres of NESTED cells, shape (n, 3)."""
    cdef Py_ssize_t n = cells.shape[0], i
    cdef int face
    cdef int64_t x, y
    cdef double size
    if out.shape[0] != n or out.shape[1] != 3 or not 0 <= order <= MAX_ORDER:
        raise ValueError("out must have shape (n, 3), order be 0 to 29")
    size = <double> ((<int64_t> 1) << order)
    with nogil:
        for i in range(n):
            cell_xy(cells[i], order, &face, &x, &y)
            place_vector(face, <double> (x + y + 1), <double> (x - y), size, &out[i, 0])


def edges(const uint64_t[::1] cells, int order, int steps, double[:, :, ::1] out):
    """Points along the edges of NESTED cells: unit vectors of shape (n, 4 * steps, 3).

    From the southern corner by the eastern, the northern and the western one, `steps` points from each corner on.
    """
    cdef Py_ssize_t n = cells.shape[0], i
    cdef int face, k
    cdef int64_t x, y
    cdef double size, dx, dy, part
    if out.shape[0] != n or steps < 1 or out.shape[1] != 4 * steps or out.shape[2] != 3 or not 0 <= order <= MAX_ORDER:
        raise ValueError("out must have shape (n, 4 * steps, 3), order be 0 to 29")
    size = <double> ((<int64_t> 1) << order)
    with nogil:
        for i in range(n):
            cell_xy(cells[i], order, &face, &x, &y)
            for k in range(4 * steps):
                part = <double> (k % steps) / steps
                if k < steps:
                    dx, dy = part, 0
                elif k < 2 * steps:
                    dx, dy = 1, part
                elif k < 3 * steps:
                    dx, dy = 1 - part, 1
                else:
                    dx, dy = 0, 1 - part
                place_vector(face, x + dx + y + dy, x + dx - y - dy, size, &out[i, k, 0])


cdef inline int64_t ring_number(uint64_t cell, int order) noexcept nogil:
    """RING number of a NESTED cell.

    Cell k of a ring of 4w cells is centred at the longitude (2k + odd) / w in units of pi/4, and that is c + v / w in the
    chart of geometry.pxd. Of the cells before a ring, 2r(r - 1) lie in the northern cap, and as many behind it in the
    southern one.
    """
    cdef int64_t n = (<int64_t> 1) << order, x, y, ring, width, k, before
    cdef int face
    cell_xy(cell, order, &face, &x, &y)
    ring = base_ring(face, n) - (x + y + 1)
    width = ring_width(ring, n)
    k = central_longitude(face) * width + x - y - ring_odd(ring, n)
    if k < 0:
        k += 8 * width
    if ring < n:
        before = 2 * ring * (ring - 1)
    elif ring <= 3 * n:
        before = 2 * n * (n - 1) + 4 * n * (ring - n)
    else:
        before = 12 * n * n - 2 * width * (width + 1)
    return before + (k >> 1)


def set_ring(const uint64_t[::1] boundaries, int order, uint8_t value, uint8_t[::1] out):
    """Write `value` to the cells of a set into a full RING map; the boundaries are NESTED cells of its order."""
    cdef Py_ssize_t n = boundaries.shape[0] // 2, i
    cdef uint64_t cell
    if not 0 <= order <= MAX_ORDER or out.shape[0] != (<Py_ssize_t> 12) << (2 * order):
        raise ValueError("out must be a full map, order 0 to 29")
    if n and boundaries[2 * n - 1] > <uint64_t> out.shape[0]:
        raise ValueError("the boundaries must be ascending cells of the order")
    with nogil:
        for i in range(n):
            for cell in range(boundaries[2 * i], boundaries[2 * i + 1]):
                out[ring_number(cell, order)] = value


def read_ring(const uint8_t[::1] values, int order, uint64_t start, uint8_t[::1] out):
    """The values of a full RING map in the NESTED cells from `start` on."""
    cdef Py_ssize_t n = out.shape[0], i
    if not 0 <= order <= MAX_ORDER or values.shape[0] != (<Py_ssize_t> 12) << (2 * order) \
            or start + n > <uint64_t> values.shape[0]:
        raise ValueError("values must be a full map that has the cells, order 0 to 29")
    with nogil:
        for i in range(n):
            out[i] = values[ring_number(start + i, order)]
