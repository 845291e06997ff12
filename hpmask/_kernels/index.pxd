# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Search in the sorted boundaries of a set, by an index over buckets of numbers (see index.pyx)."""

from libc.stdint cimport uint32_t, uint64_t

from hpmask._kernels.checked cimport require

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define HPMASK_PREFETCH(address) __builtin_prefetch((const void*) (address))
    #else
    #define HPMASK_PREFETCH(address) ((void) 0)
    #endif
    """
    void prefetch "HPMASK_PREFETCH"(const void* address) noexcept nogil


cdef struct IndexView:
    # The memory of an Index. It stays valid as long as the Index lives.
    const uint64_t* edge        # the boundaries
    const uint32_t* entry       # entry[b]: how many boundaries lie at or below b << shift
    const uint64_t* word        # the words between the boundaries (see caps.pxd); NULL: parity
    uint32_t count              # of the boundaries
    int shift
    uint64_t end                # one past the last number that can be looked up


cdef class Index:
    cdef IndexView view
    cdef readonly object boundaries
    cdef readonly object entries
    cdef readonly object words


cdef inline uint32_t search(const uint64_t* edge, uint32_t a, uint32_t b, uint64_t value) noexcept nogil:
    """How many boundaries lie at or below a value, known to be from a to b."""
    cdef uint32_t n = b - a, half
    require(a <= b)
    # There is no branch on the comparison, because a processor could not predict it.
    while n > 1:
        half = n >> 1
        a += half & -<uint32_t> (edge[a + half - 1] <= value)
        n -= half
    return a + (edge[a] <= value) if n else a


cdef inline uint32_t at_or_below(const IndexView* index, uint64_t value) noexcept nogil:
    """How many boundaries lie at or below a value."""
    cdef uint64_t bucket = value >> index.shift
    require(value < index.end)
    return search(index.edge, index.entry[bucket], index.entry[bucket + 1], value)


cdef inline int open_index(IndexView* view, Index index, uint64_t end) except -1:
    """Take the memory of an index, which must be good for numbers below `end`."""
    if index.view.end != end:
        raise ValueError("the index is one of numbers of another order")
    view[0] = index.view
    return 0
