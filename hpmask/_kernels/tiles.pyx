# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sets of ranges as blocks and tiles; tiles.pxd says what these are."""

import numpy as np

from libc.stdint cimport uint64_t

from hpmask._kernels.checked cimport CHECKING, require, require_ranges
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.index cimport Index
from hpmask._kernels.tiles cimport begin


cdef Py_ssize_t _walk(
    const uint64_t* boundary, Py_ssize_t n, int order, uint64_t* start, unsigned char* level, uint64_t* word,
) noexcept nogil:
    """Write the nodes if there is where to, and count them."""
    cdef int bits = 3 if order > 3 else order
    cdef int shift = 2 * (MAX_ORDER - order), width = 2 * bits, top = order - bits, up
    cdef Py_ssize_t i, k = 0
    cdef uint64_t first, stop, tile, rest, some, partial = ~<uint64_t> 0
    for i in range(0, n, 2):
        first = boundary[i] >> shift
        stop = boundary[i + 1] >> shift
        while first < stop:
            tile = first >> width
            up = begin(first, stop, bits, top, &some, &rest)
            first = rest
            # More of the tile that the range before ended in, or another node.
            if up >= 0 or tile != partial:
                k += 1
                if start != NULL:
                    start[k - 1] = tile
                    level[k - 1] = <unsigned char> (up if up >= 0 else 0)
                    word[k - 1] = 0
            if up < 0:
                partial = tile
            if start != NULL:
                word[k - 1] |= some
    return k


cdef class TileSet:
    """A set of cells as nodes, in ascending place: blocks, which are fully inside, and tiles, which are partly inside.

    Parameters
    ----------
    boundaries : numpy.ndarray of uint64, shape (2 n,)
        Starts and stops of the set's ranges at order 29.
    order : int
        Order of the cells.

    Attributes
    ----------
    starts : numpy.ndarray of uint64, shape (n_nodes,)
        Number of each node's first tile, ascending.
    levels : numpy.ndarray of uint8, shape (n_nodes,)
        How many orders each node is above a tile.
    words : numpy.ndarray of uint64, shape (n_nodes,)
        The cells of each tile that are in the set, as bits.
    index : Index
        The index of `starts`.
    """

    def __cinit__(self, const uint64_t[::1] boundaries, int order):
        cdef Py_ssize_t n = boundaries.shape[0], count = 0
        cdef Tiles* view = &self.view
        cdef uint64_t[::1] start, word
        cdef unsigned char[::1] level
        cdef const uint64_t* boundary = &boundaries[0] if n else NULL
        if n & 1 or not 0 <= order <= MAX_ORDER:
            raise ValueError("boundaries must be pairs of starts and stops, order 0 to 29")
        require_ranges(boundaries, (<uint64_t> 12) << (2 * MAX_ORDER))
        with nogil:
            count = _walk(boundary, n, order, NULL, NULL, NULL)
        self.order = view.order = order
        self.starts = start = np.empty(count, dtype=np.uint64)
        self.levels = level = np.empty(count, dtype=np.uint8)
        self.words = word = np.empty(count, dtype=np.uint64)
        if count:
            view.start, view.level, view.word = &start[0], &level[0], &word[0]
            with nogil:
                _walk(boundary, n, order, &start[0], &level[0], &word[0])
        view.count = count
        view.bits = 3 if order > 3 else order
        view.full = ~<uint64_t> 0 >> (64 - (1 << (2 * view.bits)))
        if CHECKING:
            for n in range(count):
                require(word[n] != 0)
                require(word[n] & ~view.full == 0)
                require(level[n] == 0 or word[n] == view.full)
                require(n == 0 or start[n - 1] + ((<uint64_t> 1) << (2 * level[n - 1])) <= start[n])
        self.index = Index(self.starts, order - view.bits, counted_in=order - view.bits)
        view.index = self.index.view

    def __len__(self):
        return self.view.count
