# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where a sequence of values enters an interval, and where it leaves it.

The values are read once, in blocks of 64. Most blocks of a map are fully inside the interval or fully outside, and
then nothing happens in them. To see that, a block needs the signs of `value - low` and `high - value` only, combined by
"or" and "and" over the block: compilers do this for several values at a time on every processor, which they do not for
comparisons of doubles. The sign of `value - limit` and the exponent of the value, which is the largest one for NaN and
infinity, show in the same loop whether the block has a value that may be missing. Such blocks, and those that are partly
inside, are read again value by value, with comparisons.
"""

from cython cimport floating
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* What a block is: see Kind below. ABS are the bits of a value without its sign. Adding STEP, the lowest bit of the
       exponent, carries into the sign if the exponent is the largest one. */
    #define HPMASK_KIND_OF(NAME, VALUE, BITS, ABS, STEP)                               \\
    static inline int NAME(const VALUE* value, VALUE low, VALUE high, VALUE limit) {    \\
        const BITS sign = ~(ABS);                                                       \\
        BITS odd = 0, some = 0, all = sign;                                             \\
        for (int k = 0; k < 64; k++) {                                                  \\
            const VALUE from_low = value[k] - low, to_high = high - value[k];           \\
            const VALUE from_limit = value[k] - limit;                                  \\
            BITS bits, a, b, c;                                                         \\
            memcpy(&bits, &value[k], sizeof(bits));                                     \\
            memcpy(&a, &from_low, sizeof(a));                                           \\
            memcpy(&b, &to_high, sizeof(b));                                            \\
            memcpy(&c, &from_limit, sizeof(c));                                         \\
            odd |= ((bits & (ABS)) + (STEP)) | c;                                       \\
            some |= a | b;                                                              \\
            all &= a | b;                                                               \\
        }                                                                               \\
        return (odd & sign) ? 3 : all ? 0 : (some & sign) ? 2 : 1;                      \\
    }
    HPMASK_KIND_OF(hpmask_kind_of_doubles, double, uint64_t, UINT64_C(0x7fffffffffffffff), UINT64_C(0x0010000000000000))
    HPMASK_KIND_OF(hpmask_kind_of_floats, float, uint32_t, UINT32_C(0x7fffffff), UINT32_C(0x00800000))
    """
    int kind_of_doubles "hpmask_kind_of_doubles"(
        const double* value, double low, double high, double limit
    ) noexcept nogil
    int kind_of_floats "hpmask_kind_of_floats"(const float* value, float low, float high, float limit) noexcept nogil

cdef enum:
    BLOCK = 64

cdef enum Kind:
    OUT = 0         # no value is in the interval
    IN = 1          # all values are
    PARTLY = 2
    ODD = 3         # a value is infinite, NaN or below the limit


def crossings(
    const floating[::1] values, double low, double high, double limit, int64_t start, int64_t[::1] out
):
    """Write the places where `low <= value <= high` becomes true or false; return their number.

    Before the first value it counts as false. The first value has the place `start`, and `out` has room for a place for
    each value. The result is -1 if a value is NaN or below `limit`: `out` then is of no use. `low`, `high` and
    `limit` are taken in the precision of the values.
    """
    cdef Py_ssize_t n = values.shape[0], i, k, size, found = 0
    cdef floating first = <floating> low, last = <floating> high, lowest = <floating> limit
    cdef int kind
    cdef bint now, before = False, missing = False
    cdef const floating* value
    if out.shape[0] < n:
        raise ValueError("out must have room for a place for each value")
    # The sign of value - low must be that of a positive number if both are zero: -0.0 - 0.0 is negative.
    if first == 0:
        first = <floating> -0.0
    if last == 0:
        last = <floating> 0.0
    with nogil:
        i = 0
        while i < n and not missing:
            size = BLOCK if n - i >= BLOCK else n - i
            value = &values[i]
            if size < BLOCK:
                kind = ODD
            elif floating is double:
                kind = kind_of_doubles(value, first, last, lowest)
            else:
                kind = kind_of_floats(value, first, last, lowest)
            if kind == IN or kind == OUT:
                if before != (kind == IN):
                    before = kind == IN
                    out[found] = start + i
                    found += 1
            else:
                for k in range(size):
                    # NaN fails every comparison.
                    if not value[k] >= lowest:
                        missing = True
                        break
                    now = first <= value[k] and value[k] <= last
                    if now != before:
                        before = now
                        out[found] = start + i + k
                        found += 1
            i += size
    return -1 if missing else found
