# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where a sequence of values enters an interval, and where it leaves it.

The values are read once, in blocks. For most blocks of a map it is enough to count the values in the interval, which
the compiler does several at a time: if none or all of them are, nothing happens in the block. The same loop counts the
values above a limit, so that NaN and UNSEEN are found on the way.
"""

from cython cimport floating
from libc.stdint cimport int64_t

cdef extern from *:
    """
    /* Counters as wide as the values: then the compiler counts several values in one instruction. */
    #define HPMASK_COUNT(NAME, VALUE, COUNT)                                                                     \
    static inline void NAME(const VALUE* value, VALUE least, VALUE most, VALUE lowest, int* inside, int* sound) { \
        COUNT in = 0, above = 0;                                                                                  \
        for (int k = 0; k < 64; k++) {                                                                            \
            in += (COUNT) ((value[k] >= least) & (value[k] <= most));                                             \
            above += (COUNT) (value[k] > lowest);                                                                 \
        }                                                                                                         \
        *inside = (int) in;                                                                                       \
        *sound = (int) above;                                                                                     \
    }
    HPMASK_COUNT(hpmask_count_double, double, int64_t)
    HPMASK_COUNT(hpmask_count_float, float, int32_t)
    """
    void count_double "hpmask_count_double"(
        const double* value, double least, double most, double lowest, int* inside, int* sound
    ) noexcept nogil
    void count_float "hpmask_count_float"(
        const float* value, float least, float most, float lowest, int* inside, int* sound
    ) noexcept nogil


cdef enum:
    BLOCK = 64


cdef inline bint within(floating value, floating low, floating high) noexcept nogil:
    # NaN fails every comparison.
    return low <= value and value <= high


def crossings(
    const floating[::1] values, double low, double high, double limit, int64_t start, int64_t[::1] out
):
    """Write the places where `low <= value <= high` becomes true or false; return their number.

    Before the first value it counts as false. The first value has the place `start`, and `out` has room for a place for
    each value. The result is -1 if a value is NaN or not above `limit`: `out` then is of no use. `low`, `high` and
    `limit` are taken in the precision of the values.
    """
    cdef Py_ssize_t n = values.shape[0], i, k, size, found = 0
    cdef floating least = <floating> low, most = <floating> high, lowest = <floating> limit
    cdef int inside, sound
    cdef bint now, before = False, missing = False
    cdef const floating* value
    if out.shape[0] < n:
        raise ValueError("out must have room for a place for each value")
    with nogil:
        i = 0
        while i < n:
            size = BLOCK if n - i >= BLOCK else n - i
            value = &values[i]
            if size == BLOCK:
                if floating is double:
                    count_double(value, least, most, lowest, &inside, &sound)
                else:
                    count_float(value, least, most, lowest, &inside, &sound)
            else:
                inside = sound = 0
                for k in range(size):
                    inside += within(value[k], least, most)
                    sound += value[k] > lowest
            if sound < size:
                missing = True
                break
            if inside == 0 or inside == size:
                now = inside > 0
                if now != before:
                    out[found] = start + i
                    found += 1
                    before = now
            else:
                for k in range(size):
                    now = within(value[k], least, most)
                    if now != before:
                        out[found] = start + i + k
                        found += 1
                        before = now
            i += size
    return -1 if missing else found
