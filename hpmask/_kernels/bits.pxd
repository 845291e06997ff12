# cython: language_level=3
"""Bits of words."""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    static __inline int hpmask_lowest(unsigned long long word) {
        unsigned long place;
        _BitScanForward64(&place, word);
        return (int) place;
    }
    #else
    #define hpmask_lowest(word) __builtin_ctzll(word)
    #endif
    """
    int lowest "hpmask_lowest"(uint64_t word) noexcept nogil        # number of the lowest bit of a word that is not 0
