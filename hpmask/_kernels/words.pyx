# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The bytes of numbers in FITS files, which are big-endian, and the sums of these bytes.

DATASUM adds up 32-bit words. The two words of a 64-bit number are its halves, in whichever order the machine stores
them, so the sum needs no bytes in the sequence of the file.
"""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define HPMASK_BIG_ENDIAN(value) (value)
    #elif defined(__GNUC__) || defined(__clang__)
    #define HPMASK_BIG_ENDIAN(value) __builtin_bswap64(value)
    #else
    #include <stdlib.h>
    #define HPMASK_BIG_ENDIAN(value) _byteswap_uint64(value)
    #endif
    """
    uint64_t big_endian "HPMASK_BIG_ENDIAN"(uint64_t value) nogil


def total(const uint64_t[::1] values):
    """The sum of the upper and the lower halves of numbers, fewer than 2**31 of them."""
    cdef Py_ssize_t n = values.shape[0], i
    cdef uint64_t sum = 0
    if n >> 31:
        raise ValueError("there must be fewer than 2**31 values")
    with nogil:
        for i in range(n):
            sum += (values[i] >> 32) + (values[i] & <uint64_t> 0xFFFFFFFF)
    return sum


def write(const uint64_t[::1] values, uint64_t[::1] out):
    """Write numbers to `out` in big-endian order."""
    cdef Py_ssize_t n = values.shape[0], i
    if out.shape[0] != n:
        raise ValueError("values and out must have one length")
    with nogil:
        for i in range(n):
            out[i] = big_endian(values[i])
