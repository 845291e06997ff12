# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sets of ranges as blocks and tiles; tiles.pxd says what these are."""

from libc.stdint cimport uint64_t

from hpmask._kernels.tiles cimport begin


cdef Py_ssize_t _walk(
    const uint64_t* boundary, Py_ssize_t n, int order, uint64_t* start, unsigned char* level, uint64_t* word,
) noexcept nogil:
    """Write the nodes if there is where to, and count them."""
    cdef int bits = 3 if order > 3 else order
    cdef int shift = 2 * (29 - order), width = 2 * bits, top = order - bits, up
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


cdef inline int _check(const uint64_t[::1] boundaries, int order) except -1:
    if boundaries.shape[0] & 1 or not 0 <= order <= 29:
        raise ValueError("boundaries must be pairs of starts and stops, order 0 to 29")
    return 0


def count(const uint64_t[::1] boundaries, int order):
    """How many nodes a set has."""
    _check(boundaries, order)
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
    _check(boundaries, order)
    if boundaries.shape[0] == 0 or start.shape[0] == 0:
        return
    if level.shape[0] != start.shape[0] or word.shape[0] != start.shape[0]:
        raise ValueError("start, level and word must have one length")
    with nogil:
        _walk(&boundaries[0], boundaries.shape[0], order, &start[0], &level[0], &word[0])
