# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The cells that hold positions, as numbers that an index looks up (index.pyx)."""

from libc.math cimport atan2, cos, fabs, sin, sqrt
from libc.stdint cimport uint64_t

from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport cell_at

cdef uint64_t NOWHERE = ~<uint64_t> 0
cdef double HALF_PI = 1.5707963267948966

cdef enum:
    BLOCK = 256


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
            -1.0 / 39916800.0 + y * (1.0 / 6227020800.0 + y * (-1.0 / 1307674368000.0 + y * (1.0 / 355687428096000.0 + y * (
                -1.0 / 121645100408832000.0 + y * (1.0 / 51090942171709440000.0))))))))))


def numbers(
    const double[::1] lon, const double[::1] lat, double unit, int order, const double[:, ::1] matrix,
    uint64_t[::1] out,
):
    """NESTED cells, as numbers at order 29, that hold positions; returns the first position that is none, or -1.

    `unit` is the angles' unit in radians; `matrix`, shape (3, 3) or (0, 3) for none, rotates the positions first.
    A position that is not finite, or whose latitude is none, gets the number 2**64 - 1, which is in no range.
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
