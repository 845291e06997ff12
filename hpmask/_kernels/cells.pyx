# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Numbers, centres and edges of NESTED cells, and RING maps; the formulas are in geometry.pxd."""

from libc.math cimport atan2, cos, fabs, sin, sqrt
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from hpmask._kernels.checked cimport require_ranges
from hpmask._kernels.constants cimport (
    CELL_RADIUS as _CELL_RADIUS, CENTER, INSIDE, MAX_ORDER, OVERLAP, TIE as _TIE,
)
from hpmask._kernels.geometry cimport (
    cell_at, cell_xy, place, place_vector, ring_number, ring_number_at,
)
from hpmask._kernels.stopping cimport poll

# For Python: see constants.pxd.
CELL_RADIUS = _CELL_RADIUS
TIE = _TIE
MODES = {"center": CENTER, "overlap": OVERLAP, "inside": INSIDE}

cdef uint64_t NOWHERE = ~<uint64_t> 0
cdef double HALF_PI = 1.5707963267948966

cdef enum:
    BLOCK = 256
    # Cells along a side of the squares of `read_ring`, the order of SIDE, and the cells of a square.
    SIDE = 16
    SIDE_ORDER = 4
    SQUARE = 256


def cells_at(const double[::1] lon, const double[::1] lat, int order, uint64_t[::1] out):
    """NESTED cells that hold positions (radians)."""
    cdef Py_ssize_t n = lon.shape[0], i
    if lat.shape[0] != n or out.shape[0] != n or not 0 <= order <= MAX_ORDER:
        raise ValueError("lon, lat and out must have one length, order 0 to 29")
    with nogil:
        for i in range(n):
            poll(i, 1024)
            out[i] = cell_at(sin(lat[i]), cos(lat[i]), lon[i], order)


cdef inline void sines(const double* angle, double* sine, int n) noexcept nogil:
    """Sines of angles within [-pi/2, pi/2], to 2e-16: the Taylor series, which ends at 1e-18 there.

    Without branches or calls, so that the compiler may do several at a time.
    """
    cdef int i
    cdef double x, y
    for i in range(n):
        x = angle[i]
        y = x * x
        sine[i] = x + x * y * (-1.0 / 6.0 + y * (1.0 / 120.0 + y * (-1.0 / 5040.0 + y * (1.0 / 362880.0 + y * (
            -1.0 / 39916800.0 + y * (1.0 / 6227020800.0 + y * (-1.0 / 1307674368000.0 + y * (
                1.0 / 355687428096000.0 + y * (
                    -1.0 / 121645100408832000.0 + y * (1.0 / 51090942171709440000.0))))))))))


def numbers(
    const double[::1] lon, const double[::1] lat, double unit, int order, const double[:, ::1] matrix,
    uint64_t[::1] out,
):
    """Write the NESTED cells, as numbers at order 29, that hold positions; return the first bad position, or -1.

    `unit` is the angles' unit in radians. `matrix` has shape (3, 3) and rotates the positions first, or (0, 3) for no
    rotation. A position that is not finite, or whose latitude exceeds 90 deg, gets the number 2**64 - 1, which is in no
    range.
    """
    cdef Py_ssize_t n = lon.shape[0], first, i, bad = -1
    cdef int k, count, shift = 2 * (MAX_ORDER - order)
    cdef double angle[BLOCK]
    cdef double sine[BLOCK]
    cdef double z, cos_lat, phi, x, y, u, v
    cdef bint turn = matrix.shape[0] == 3
    if lat.shape[0] != n or out.shape[0] != n or matrix.shape[1] != 3 or not 0 <= order <= MAX_ORDER:
        raise ValueError("lon, lat and out must have one length, matrix shape (3, 3) or (0, 3), order be 0 to 29")
    with nogil:
        for first from 0 <= first < n by BLOCK:
            poll(first // BLOCK, 16)
            count = <int> (n - first) if n - first < BLOCK else BLOCK
            for k in range(count):
                angle[k] = lat[first + k] * unit
            sines(angle, sine, count)
            for k in range(count):
                i = first + k
                phi = lon[i] * unit
                # NaN fails every comparison
                if not (fabs(angle[k]) <= HALF_PI + 1e-9 and fabs(phi) < 1e15):
                    out[i] = NOWHERE
                    if bad < 0:
                        bad = i
                    continue
                z = sine[k]
                if turn:
                    cos_lat = cos(angle[k])
                    x = cos_lat * cos(phi)
                    y = cos_lat * sin(phi)
                    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z
                    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z
                    z = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z
                    phi = atan2(v, u)
                    cos_lat = sqrt(u * u + v * v)
                elif fabs(z) < 0.99:
                    cos_lat = sqrt((1 - z) * (1 + z))
                else:
                    cos_lat = fabs(cos(angle[k]))
                out[i] = cell_at(z, cos_lat, phi, order) << shift
    return bad


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
            poll(i, 1024)
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
            poll(i, 1024)
            cell_xy(cells[i], order, &face, &x, &y)
            place_vector(face, <double> (x + y + 1), <double> (x - y), size, &out[i, 0])


def edges(const uint64_t[::1] cells, int order, int steps, double[:, :, ::1] out):
    """Points along the edges of NESTED cells: unit vectors of shape (n, 4 * steps, 3).

    They run from the southern corner to the eastern, the northern and the western one, with `steps` points on each
    edge.
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
                poll(i * 4 * steps + k, 1024)
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


def set_ring(const uint64_t[::1] boundaries, int order, uint8_t value, uint8_t[::1] out):
    """Write `value` to the cells of a set into a full RING map; the boundaries are NESTED cells of its order."""
    cdef Py_ssize_t n = boundaries.shape[0] // 2, i
    cdef uint64_t cell
    if not 0 <= order <= MAX_ORDER or out.shape[0] != (<Py_ssize_t> 12) << (2 * order):
        raise ValueError("out must be a full map, order 0 to 29")
    if n and boundaries[2 * n - 1] > <uint64_t> out.shape[0]:
        raise ValueError("the boundaries must be ascending cells of the order")
    require_ranges(boundaries, <uint64_t> out.shape[0])
    with nogil:
        for i in range(n):
            for cell in range(boundaries[2 * i], boundaries[2 * i + 1]):
                poll(cell, 8192)
                out[ring_number(cell, order)] = value


def read_ring(const uint8_t[::1] values, int order, uint64_t start, uint8_t[::1] out):
    """The values of a full RING map in the NESTED cells from `start` on.

    A square of SIDE x SIDE cells is a run of NESTED cells, and each of its diagonals is a run of RING cells, unless the
    meridian of longitude 0 cuts it. So two RING numbers give all cells of a diagonal, and a square with one value, of
    which most masks consist, is filled without a look at its single cells.
    """
    cdef Py_ssize_t n = out.shape[0], i, j
    cdef int64_t first[2 * SIDE - 1]
    cdef uint8_t dx[SQUARE]
    cdef uint8_t dy[SQUARE]
    cdef int64_t x, y
    cdef int face, d
    if not 0 <= order <= MAX_ORDER or values.shape[0] != (<Py_ssize_t> 12) << (2 * order) \
            or start + n > <uint64_t> values.shape[0]:
        raise ValueError("values must be a full map that has the cells, order 0 to 29")
    with nogil:
        for j in range(SQUARE):
            dx[j] = dy[j] = 0
            for d in range(4):
                dx[j] |= <uint8_t> (((j >> (2 * d)) & 1) << d)
                dy[j] |= <uint8_t> (((j >> (2 * d + 1)) & 1) << d)
        i = 0
        while i < n:
            if order < SIDE_ORDER or (start + i) % SQUARE or n - i < SQUARE:
                out[i] = values[ring_number(start + i, order)]
                i += 1
                continue
            poll(i // SQUARE, 64)
            cell_xy(start + i, order, &face, &x, &y)
            if not square_runs(face, x, y, order, first):
                for j in range(SQUARE):
                    out[i + j] = values[ring_number(start + i + j, order)]
            elif is_uniform(&values[0], first):
                memset(&out[i], values[first[0]], SQUARE)
            else:
                for j in range(SQUARE):
                    d = dx[j] + dy[j]
                    out[i + j] = values[first[d] + dx[j] - max(d - (SIDE - 1), 0)]
            i += SQUARE


cdef bint square_runs(int face, int64_t x, int64_t y, int order, int64_t* first) noexcept nogil:
    """Write the first RING number of each diagonal of the square at (x, y); False if one is not a run."""
    cdef int64_t n = (<int64_t> 1) << order
    cdef int d, least, most
    for d in range(2 * SIDE - 1):
        least = max(d - (SIDE - 1), 0)
        most = min(d, SIDE - 1)
        first[d] = ring_number_at(face, x + least, y + d - least, n)
        if ring_number_at(face, x + most, y + d - most, n) != first[d] + most - least:
            return False
    return True


cdef bint is_uniform(const uint8_t* values, const int64_t* first) noexcept nogil:
    """Whether all cells of a square have the value of the first one."""
    cdef int d, k
    cdef uint8_t value = values[first[0]], differs = 0
    for d in range(2 * SIDE - 1):
        for k in range(min(d, 2 * SIDE - 2 - d) + 1):
            differs |= values[first[d] + k] ^ value
        if differs:
            return False
    return True
