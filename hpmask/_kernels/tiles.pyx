# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sets of ranges as blocks and tiles; tiles.pxd says what these are."""

from libc.stdint cimport uint64_t


cdef inline int _level(uint64_t start, uint64_t stop, int top) noexcept nogil:
    """How many orders above a tile the largest block is that begins at one tile and ends at or before another."""
    cdef int level = 0
    cdef uint64_t size = 4
    while level < top and (start & (size - 1)) == 0 and size <= stop - start:
        level += 1
        size <<= 2
    return level


cdef Py_ssize_t _walk(
    const uint64_t* boundary, Py_ssize_t n, int order, uint64_t* start, unsigned char* level, uint64_t* word,
) noexcept nogil:
    """Write the nodes if there is where to, and count them."""
    cdef int bits = 3 if order > 3 else order
    cdef int shift = 2 * (29 - order), width = 2 * bits, top = order - bits, up
    cdef Py_ssize_t i, k = 0
    cdef uint64_t first, stop, tile, last, partial = ~<uint64_t> 0, low = ((<uint64_t> 1) << width) - 1
    cdef uint64_t ones = ~<uint64_t> 0 >> (63 - low)
    cdef uint64_t some
    for i in range(0, n, 2):
        first = boundary[i] >> shift
        stop = boundary[i + 1] >> shift
        while first < stop:
            tile = first >> width
            last = stop >> width
            if (first & low) == 0 and tile < last:
                up = _level(tile, last, top)
                if start != NULL:
                    start[k] = tile
                    level[k] = <unsigned char> up
                    word[k] = ones
                k += 1
                first += (<uint64_t> 1) << (2 * up + width)
                continue
            some = ones << (first & low) & ones
            if tile == last:
                some &= ((<uint64_t> 1) << (stop & low)) - 1
            # More of the tile that the range before ended in, or another one.
            if tile != partial:
                partial = tile
                k += 1
                if start != NULL:
                    start[k - 1] = tile
                    level[k - 1] = 0
                    word[k - 1] = 0
            if start != NULL:
                word[k - 1] |= some
            first = stop if tile == last else (tile + 1) << width
    return k


def count(const uint64_t[::1] boundaries, int order):
    """How many nodes a set has."""
    if boundaries.shape[0] == 0:
        return 0
    cdef Py_ssize_t k
    with nogil:
        k = _walk(&boundaries[0], boundaries.shape[0], order, NULL, NULL, NULL)
    return k


def fill(
    const uint64_t[::1] boundaries, int order, uint64_t[::1] start, unsigned char[::1] level, uint64_t[::1] word
):
    """Write the nodes of a set, whose number is `count`, in ascending place."""
    if boundaries.shape[0] == 0 or start.shape[0] == 0:
        return
    if level.shape[0] != start.shape[0] or word.shape[0] != start.shape[0]:
        raise ValueError("start, level and word must have one length")
    with nogil:
        _walk(&boundaries[0], boundaries.shape[0], order, &start[0], &level[0], &word[0])
