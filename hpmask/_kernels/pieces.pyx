# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A set that comes in pieces, from the first cell of the sky to the last, in one growing array.

Shapes are rasterized in blocks along the NESTED curve. Nearly all ranges of a block lie between its first shape and the
first shape of the next block: these pieces follow each other and need no sort. The strays, ranges of shapes that
reach into other blocks, are united with the rest at the end, in place from the last boundary to the first: the result
is never longer than both together, and so never overtakes what is still to be read.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memmove

from hpmask._kernels.checked cimport CHECKING, require, require_ranges
from hpmask._kernels.sink cimport Line, line_grow, line_open, line_take


cdef enum:
    # Ranges for which there is room from the start. It is not touched until it is used, and a block of this size is
    # mapped on its own: it grows without a copy.
    APART = 4_000_000


cdef size_t unite(uint64_t* a, size_t n, const uint64_t* b, size_t m) noexcept nogil:
    """Unite a set of n boundaries, which has room for n + m, with one of m; returns how many it has then."""
    cdef size_t i = n, j = m, k, to = n + m
    cdef uint64_t value
    cdef bint above, below
    while j:
        value = b[j - 1]
        k = i
        while k and a[k - 1] > value:
            k -= 1
        # Up to the boundary of b behind this one, b has all or nothing.
        if not j & 1:
            memmove(a + to - (i - k), a + k, (i - k) * sizeof(uint64_t))
            to -= i - k
        above = (k | j) & 1
        j -= 1
        i = k
        if i and a[i - 1] == value:
            i -= 1
        below = (i | j) & 1
        if above != below:
            to -= 1
            a[to] = value
    # What is left of a stands where it belongs; the rest moves down to it.
    require(i <= to <= n + m)
    memmove(a + i, a + to, (n + m - to) * sizeof(uint64_t))
    if CHECKING:
        for k in range(1, i + (n + m - to)):
            require(a[k - 1] < a[k])
    return i + (n + m - to)


cdef class Pieces:
    """The boundaries of a set: `append` the pieces, `unite` the strays, and `take` the result."""

    cdef Line line

    def __cinit__(self):
        line_open(&self.line, APART)

    def __dealloc__(self):
        free(self.line.edge)

    def append(self, const uint64_t[::1] boundaries):
        """Add a set of which no part lies before the end of those that are here."""
        cdef size_t n = boundaries.shape[0], count = self.line.extent.count, skip = 0
        if n & 1 or (n and count and boundaries[0] < self.line.edge[count - 1]):
            raise ValueError("boundaries must be pairs of starts and stops behind those that are here")
        require_ranges(boundaries, ~<uint64_t> 0)
        if n == 0:
            return
        with nogil:
            if line_grow(&self.line, n // 2):
                if count and boundaries[0] == self.line.edge[count - 1]:
                    skip = 1
                    count -= 1
                memcpy(self.line.edge + count, &boundaries[0] + skip, (n - skip) * sizeof(uint64_t))
                self.line.extent.count = count + n - skip

    def unite(self, const uint64_t[::1] boundaries):
        """Add a set that may lie anywhere."""
        cdef size_t n = boundaries.shape[0], count = self.line.extent.count
        if n & 1:
            raise ValueError("boundaries must be pairs of starts and stops")
        require_ranges(boundaries, ~<uint64_t> 0)
        if n == 0:
            return
        with nogil:
            if line_grow(&self.line, n // 2):
                self.line.extent.count = unite(self.line.edge, count, &boundaries[0], n)

    def take(self):
        """All boundaries as an array. Nothing is left here."""
        try:
            return line_take(&self.line)
        finally:
            self.line.extent.count = self.line.extent.room = 0
