# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Where a sequence of values enters an interval, and where it leaves it.

The values are read once, in blocks of 64. Most blocks of a map are fully inside the interval or fully outside, and
then nothing happens in them. To see that, a block needs the signs of `value - low` and `high - value` only, combined by
"or" and "and" over the block: compilers do this for several values at a time on every processor, which they do not for
comparisons of doubles. An end of the interval at infinity needs no sign. The bits of a value without its sign, taken as
an integer, increase with its size: one addition, which carries into the sign, shows whether the value is NaN, infinite
or as large as `limit`. Blocks with such a value, which may be missing, and those that are partly inside, are read again
value by value, with comparisons.
"""

from cython cimport floating
from libc.math cimport INFINITY, fabs
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* What a block is: see Kind below. SIGN is the bit of the sign, and OUTSIDE an expression whose sign is negative for
       values that are not in the interval. */
    #define HPMASK_KIND_OF(NAME, VALUE, BITS, SIGN, OUTSIDE)                            \\
    static inline int NAME(const VALUE* values, VALUE low, VALUE high, VALUE most) {    \\
        BITS odd = 0, some = 0, all = SIGN, carry;                                      \\
        (void) low; (void) high;                                                        \\
        memcpy(&carry, &most, sizeof(carry));                                           \\
        carry = SIGN - carry;                                                           \\
        for (int k = 0; k < 64; k++) {                                                  \\
            BITS bits, outside;                                                         \\
            const VALUE value = values[k];                                              \\
            memcpy(&bits, &value, sizeof(bits));                                        \\
            OUTSIDE;                                                                    \\
            odd |= (bits & (SIGN - 1)) + carry;                                         \\
            some |= outside;                                                            \\
            all &= outside;                                                             \\
        }                                                                               \\
        return (odd & SIGN) ? 3 : all ? 0 : (some & SIGN) ? 2 : 1;                      \\
    }
    #define HPMASK_BELOW(VALUE)                                                         \\
        { const VALUE d = value - low; memcpy(&outside, &d, sizeof(outside)); }
    #define HPMASK_ABOVE(VALUE)                                                         \\
        { const VALUE d = high - value; memcpy(&outside, &d, sizeof(outside)); }
    #define HPMASK_BOTH(VALUE, BITS)                                                    \\
        { BITS below; HPMASK_BELOW(VALUE); below = outside; HPMASK_ABOVE(VALUE); outside |= below; }
    #define HPMASK_KINDS_OF(NAME, VALUE, BITS, SIGN)                                    \\
        HPMASK_KIND_OF(NAME##_below, VALUE, BITS, SIGN, HPMASK_BELOW(VALUE))            \\
        HPMASK_KIND_OF(NAME##_above, VALUE, BITS, SIGN, HPMASK_ABOVE(VALUE))            \\
        HPMASK_KIND_OF(NAME##_both, VALUE, BITS, SIGN, HPMASK_BOTH(VALUE, BITS))        \\
        static inline int NAME(                                                         \\
            const VALUE* values, VALUE low, VALUE high, VALUE most, int has_low, int has_high) { \\
            return has_low && has_high ? NAME##_both(values, low, high, most)           \\
                : has_low ? NAME##_below(values, low, high, most)                       \\
                : NAME##_above(values, low, high, most);                                \\
        }
    HPMASK_KINDS_OF(hpmask_kind_of_doubles, double, uint64_t, (UINT64_C(1) << 63))
    HPMASK_KINDS_OF(hpmask_kind_of_floats, float, uint32_t, (UINT32_C(1) << 31))
    """
    int kind_of_doubles "hpmask_kind_of_doubles"(
        const double* values, double low, double high, double most, bint has_low, bint has_high
    ) noexcept nogil
    int kind_of_floats "hpmask_kind_of_floats"(
        const float* values, float low, float high, float most, bint has_low, bint has_high
    ) noexcept nogil

cdef enum:
    BLOCK = 64

cdef enum Kind:
    OUT = 0         # no value is in the interval
    IN = 1          # all values are
    PARTLY = 2
    ODD = 3         # a value is infinite, NaN or as large as the limit


def crossings(
    const floating[::1] values, double low, double high, double limit, int64_t start, int64_t[::1] out
):
    """Write the places where `low <= value <= high` becomes true or false; return their number.

    Before the first value it counts as false. The first value has the place `start`, and `out` has room for a place for
    each value. The result is -1 if a value is NaN or below `limit`, which is negative: `out` then is of no use. `low`,
    `high` and `limit` are taken in the precision of the values.
    """
    cdef Py_ssize_t n = values.shape[0], i, k, size, found = 0
    cdef floating first = <floating> low, last = <floating> high, lowest = <floating> limit
    cdef floating most = <floating> fabs(limit)
    cdef bint has_low = first != -INFINITY, has_high = last != INFINITY
    cdef int kind
    cdef bint now, before = False, missing = False
    cdef const floating* value
    if out.shape[0] < n:
        raise ValueError("out must have room for a place for each value")
    if not limit < 0:
        raise ValueError("limit must be negative")
    if low != low or high != high:
        raise ValueError("low and high must not be NaN")
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
                kind = kind_of_doubles(value, first, last, most, has_low, has_high)
            else:
                kind = kind_of_floats(value, first, last, most, has_low, has_high)
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
