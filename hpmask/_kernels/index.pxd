# cython: language_level=3
"""Search in the boundaries of a set of ranges, by an index over buckets of numbers (see lookup.pyx)."""

from libc.stdint cimport uint32_t, uint64_t


cdef struct Index:
    const uint64_t* edge        # the boundaries
    const uint32_t* entry       # entry[b]: how many boundaries lie at or below b << shift
    int shift


cdef inline uint32_t search(const uint64_t* edge, uint32_t a, uint32_t b, uint64_t value) noexcept nogil:
    """How many boundaries lie at or below a value, known to be from a to b."""
    cdef uint32_t mid
    cdef uint32_t n = b - a, half
    # Without a branch on what is compared, which could not be foretold.
    while n > 1:
        half = n >> 1
        a += half & -<uint32_t> (edge[a + half - 1] <= value)
        n -= half
    return a + (edge[a] <= value) if n else a


cdef inline uint32_t at_or_below(const Index* index, uint64_t value) noexcept nogil:
    """How many boundaries lie at or below a value."""
    cdef uint64_t bucket = value >> index.shift
    return search(index.edge, index.entry[bucket], index.entry[bucket + 1], value)
