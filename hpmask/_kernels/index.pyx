# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which numbers lie in a set of ranges.

A number is inside if and only if an odd number of range boundaries lies at or below it. An index over buckets, the
numbers with common high bits, holds how many boundaries lie at or below each bucket's first number. Most buckets hold
no boundary within, and the answer is the parity of that one entry; the others need a short search.
"""

import numpy as np

from libc.stdint cimport uint32_t, uint64_t

from hpmask._kernels.checked cimport CHECKING, require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.stopping cimport poll

cdef uint64_t NOWHERE = ~<uint64_t> 0

cdef enum:
    BLOCK = 256


cdef class Index:
    """The boundaries of a set, and where each bucket of cell numbers begins in them.

    Parameters
    ----------
    boundaries : numpy.ndarray of uint64, shape (n,)
        Ascending cell numbers of the order `counted_in`; fewer than 2**32 of them.
    order : int
        Buckets are no smaller than a cell of this order.
    counted_in : int, optional
        Order of the numbers, at least `order`.
    words : numpy.ndarray of uint64, shape (n + 1,), optional
        The words before the first boundary, between two boundaries and after the last one (see caps.pxd). By default
        a word is the parity of the number of boundaries below.
    """

    def __cinit__(self, boundaries, int order, *, int counted_in=MAX_ORDER, words=None):
        cdef const uint64_t[::1] edge = boundaries
        cdef const uint64_t[::1] word = words
        cdef Py_ssize_t n = edge.shape[0]
        cdef int bits = 0
        cdef uint64_t b, buckets, i = 0
        cdef uint32_t[::1] entry
        if not 0 <= order <= counted_in <= MAX_ORDER or <uint64_t> n > <uint32_t> ~<uint32_t> 0:
            raise ValueError("orders must be 0 to 29, order at most counted_in, and boundaries fewer than 2**32")
        if word is not None and word.shape[0] != n + 1:
            raise ValueError("there must be one word more than boundaries")
        # About as many buckets as boundaries.
        while bits < 4 + 2 * order and ((n if n else 1) >> bits):
            bits += 1
        self.view.end = (<uint64_t> 12) << (2 * counted_in)
        self.view.shift = 4 + 2 * counted_in - bits
        buckets = ((self.view.end - 1) >> self.view.shift) + 1
        self.entries = np.empty(buckets + 1, dtype=np.uint32)
        self.boundaries = boundaries
        self.words = words
        entry = self.entries
        self.view.edge = &edge[0] if n else NULL
        self.view.entry = &entry[0]
        self.view.word = &word[0] if word is not None else NULL
        self.view.count = <uint32_t> n
        with nogil:
            for b in range(buckets + 1):
                # The product is below 2**64: it exceeds `end` by less than a bucket.
                while i < <uint64_t> n and edge[i] <= b << self.view.shift:
                    i += 1
                entry[b] = <uint32_t> i
        if CHECKING:
            for i in range(1, <uint64_t> n):
                require(edge[i - 1] < edge[i])
            # The last one may be the end of the numbers.
            require(n == 0 or edge[n - 1] <= self.view.end)

    @property
    def shift(self):
        """Bucket b begins at the number ``b << shift``."""
        return self.view.shift

    def inside(self, const uint64_t[::1] number, unsigned char[::1] out):
        """Write whether each number is in the set; 2**64 - 1 is in none."""
        cdef Py_ssize_t n = number.shape[0], first
        cdef int k, count
        cdef uint64_t value
        cdef IndexView index = self.view
        cdef uint32_t low[BLOCK]
        cdef uint32_t high[BLOCK]
        if out.shape[0] != n:
            raise ValueError("number and out must have one length")
        if index.count == 0:
            out[:] = 0
            return
        with nogil:
            for first from 0 <= first < n by BLOCK:
                poll(first // BLOCK, 32)
                count = <int> (n - first) if n - first < BLOCK else BLOCK
                # Each step asks for the memory of the next one before any of it is needed.
                for k in range(count):
                    value = number[first + k]
                    require(value < index.end or value == NOWHERE)
                    if value != NOWHERE:
                        prefetch(&index.entry[value >> index.shift])
                for k in range(count):
                    value = number[first + k]
                    if value == NOWHERE:
                        low[k] = 0
                        high[k] = 0
                        continue
                    low[k] = index.entry[value >> index.shift]
                    high[k] = index.entry[(value >> index.shift) + 1]
                    if low[k] != high[k]:
                        prefetch(&index.edge[low[k]])
                for k in range(count):
                    out[first + k] = search(index.edge, low[k], high[k], number[first + k]) & 1
