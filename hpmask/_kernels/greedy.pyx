# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The cells of highest density that hold a given part of a sum, without a sort.

A cell has a key, its density, by which cells are ordered, and a weight, its part of the sum. Positive floating-point
numbers are in the order of their bits, so `tally` adds up weights in bins of the leading bits of the keys. The bin where
the sum reaches its level is divided by the next bits, and so on. This is a radix sort that goes down into one bin only.

The weights are added as integers (see `tally`). Such sums do not depend on the order of the cells, nor on how the cells
are divided among threads.

A value is a density, or the sum over its cell. Keys and weights are the value times a power of four, which is exact.
`orders` has the order of each cell. If it is empty, all cells have one order, and key and weight are the value itself.
"""

from libc.float cimport DBL_MAX
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport MAX_ORDER


cdef struct Scale:
    # Factors from value to key and to weight, for each order.
    double key[30]
    double weight[30]


cdef int _prepare(Scale* scale, Py_ssize_t n, const uint8_t[::1] orders, bint density) except -1:
    cdef int k
    cdef double power = 1.0
    if orders.shape[0] not in (0, n):
        raise ValueError("orders must have one length with values, or be empty")
    for k in range(MAX_ORDER + 1):
        scale.key[k] = 1.0 if density else power
        scale.weight[k] = 1.0 / power if density else 1.0
        power *= 4.0
    return 0


cdef inline int _order(const uint8_t* orders, Py_ssize_t i) noexcept nogil:
    """The order of a cell within the bounds of the tables."""
    cdef int k = orders[i]
    return k if k <= MAX_ORDER else MAX_ORDER


cdef inline uint64_t _bits(double key) noexcept nogil:
    """The bits of a number that is not negative. Adding 0 removes the sign of -0."""
    cdef uint64_t bits
    key += 0.0
    memcpy(&bits, &key, sizeof(uint64_t))
    return bits


def largest(const double[::1] values, const uint8_t[::1] orders, bint density):
    """The first row whose value is negative, not finite, or has no finite key (or -1), and the largest weight."""
    cdef Py_ssize_t n = values.shape[0], i, bad = -1
    cdef double v, most = 0.0
    cdef Scale scale
    cdef int k
    cdef const uint8_t* o = &orders[0] if orders.shape[0] else NULL
    _prepare(&scale, n, orders, density)
    with nogil:
        for i in range(n):
            v = values[i]
            k = 0 if o == NULL else _order(o, i)
            # NaN fails every comparison.
            if not (v >= 0.0 and v * scale.key[k] <= DBL_MAX):
                bad = i
                break
            v = v * scale.weight[k]
            most = v if v > most else most
    return bad, most


def tally(
    const double[::1] values, const uint8_t[::1] orders, bint density, double unit, int bits, int shift, int width,
    uint64_t prefix, uint64_t[::1] whole, uint64_t[::1] rest,
):
    """Add the weights of the cells whose key has the bits `prefix` above the bits [shift, shift + width) to bins.

    Those bits of the key number the bin. A weight times `unit` is added as its integer part in `whole` and as `bits`
    bits of its fraction in `rest`. The caller chooses `unit`, a power of two, and `bits` such that no sum overflows.
    """
    cdef Py_ssize_t n = values.shape[0], i
    cdef uint64_t key, w, low, fraction = (<uint64_t> 1) << bits
    cdef double v
    cdef Scale scale
    cdef int k
    cdef const uint8_t* o = &orders[0] if orders.shape[0] else NULL
    _prepare(&scale, n, orders, density)
    if not 0 <= bits <= 62 or not 0 <= shift or not 1 <= width <= 16 or shift + width > 63:
        raise ValueError("bits must be from 0 to 62, width from 1 to 16, shift + width at most 63")
    if whole.shape[0] != (<Py_ssize_t> 1) << width or rest.shape[0] != whole.shape[0]:
        raise ValueError("whole and rest must have 2**width bins")
    low = ((<uint64_t> 1) << width) - 1
    with nogil:
        for i in range(n):
            v = values[i]
            k = 0 if o == NULL else _order(o, i)
            key = _bits(v * scale.key[k]) >> shift
            if key >> width != prefix:
                continue
            key &= low
            v = v * scale.weight[k] * unit
            require(0 <= v < 18446744073709551616.0)
            w = <uint64_t> v
            whole[key] += w
            rest[key] += <uint64_t> ((v - <double> w) * <double> fraction)


def collect(
    const double[::1] values, const uint8_t[::1] orders, bint density, int shift, uint64_t prefix, int64_t first,
    int64_t[::1] rows,
):
    """Write first + i for the cells whose key has the bits `prefix` from bit `shift` on; returns how many there are.

    Nothing is written where `rows` ends.
    """
    cdef Py_ssize_t n = values.shape[0], i, count = 0, room = rows.shape[0]
    cdef Scale scale
    cdef const uint8_t* o = &orders[0] if orders.shape[0] else NULL
    _prepare(&scale, n, orders, density)
    if not 0 <= shift <= 63:
        raise ValueError("shift must be from 0 to 63")
    with nogil:
        for i in range(n):
            if _bits(values[i] * scale.key[0 if o == NULL else _order(o, i)]) >> shift == prefix:
                if count < room:
                    rows[count] = first + i
                count += 1
    return count


def select(const double[::1] values, const uint8_t[::1] orders, bint density, uint64_t key, uint8_t[::1] out):
    """Whether the key of each cell is above `key`, given as the bits of a number."""
    cdef Py_ssize_t n = values.shape[0], i
    cdef Scale scale
    cdef const uint8_t* o = &orders[0] if orders.shape[0] else NULL
    _prepare(&scale, n, orders, density)
    if out.shape[0] != n:
        raise ValueError("values and out must have one length")
    with nogil:
        for i in range(n):
            out[i] = _bits(values[i] * scale.key[0 if o == NULL else _order(o, i)]) > key
