# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Search in the boundaries of a set of ranges, by an index over buckets of numbers (see lookup.pyx)."""

from libc.stdint cimport uint32_t, uint64_t


cdef extern from *:
    """
    #define HPMASK_END ((uint64_t) 12 << 58)
    """
    const uint64_t END "HPMASK_END"     # of the numbers of cells at order 29


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


cdef inline int open_index(
    Index* index, const uint64_t[::1] edges, const uint32_t[::1] entries, int shift, uint64_t end
) except -1:
    """Make ready for numbers below `end`, by the entries of `fill_index`; ValueError if there are too few of them."""
    if not (0 <= shift < 64 and <uint64_t> entries.shape[0] >= ((end - 1) >> shift) + 2):
        raise ValueError("there must be an entry for each bucket of the numbers, and one more")
    if entries[entries.shape[0] - 1] > <uint64_t> edges.shape[0]:
        raise ValueError("entries must be of these boundaries")
    index.edge = &edges[0] if edges.shape[0] else NULL
    index.entry = &entries[0]
    index.shift = shift
    return 0
