# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sets of cells as blocks and tiles, for operations on neighbours of 64 cells at a time.

A tile is a cell of three orders above the set's, so 8 x 8 cells, and their NESTED numbers within it are the bits of
one 64-bit word: the bits 0, 2, 4 of a bit's number are x, the others y. A set is a sorted list of nodes: blocks, which
are cells of the order of tiles or coarser that are fully inside the set, and tiles that are partly inside. At orders
below 3 there is no room for such tiles, and the base cells are the tiles, with 1, 4 or 16 cells.

Three shifts move all cells by one in x: one shift for the cells of even x, and two for the others, by the number of
bits that the 1 is carried.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from hpmask._kernels.bits cimport lowest
from hpmask._kernels.checked cimport require
from hpmask._kernels.geometry cimport cell_xy, neighbour
from hpmask._kernels.index cimport Index, IndexView, at_or_below
from hpmask._kernels.sink cimport Line, line_put

cdef struct Tiles:
    # The memory of a TileSet. It stays valid as long as the TileSet lives.
    IndexView index                 # of `start`
    const uint64_t* start           # number of each node's first tile
    const unsigned char* level      # how many orders each node is above the tiles: 0 for a tile
    const uint64_t* word            # the cells that are in; `full` for blocks
    Py_ssize_t count
    int order                       # of the cells
    int bits                        # log2 of the cells across a tile
    uint64_t full                   # the word with all cells in


cdef class TileSet:
    cdef Tiles view
    cdef readonly int order
    cdef readonly object starts
    cdef readonly object levels
    cdef readonly object words
    cdef readonly Index index


cdef enum:
    # For columns and rows that leave a tile: how far their bits move to enter the next.
    ACROSS_X = 21
    ACROSS_Y = 42


cdef inline uint64_t x_low() noexcept nogil:
    """The cells with x = 0."""
    return 0x0000050500000505


cdef inline uint64_t y_low() noexcept nogil:
    """The cells with y = 0."""
    return 0x0000000000330033


cdef inline uint64_t x_high() noexcept nogil:
    """The cells with x = 7."""
    return x_low() << ACROSS_X


cdef inline uint64_t y_high() noexcept nogil:
    """The cells with y = 7."""
    return y_low() << ACROSS_Y


cdef inline uint64_t along_x(uint64_t w) noexcept nogil:
    """The cells and those beside them in x, within the tile."""
    return (
        w
        | ((w & <uint64_t> 0x5555555555555555) << 1)
        | ((w & <uint64_t> 0x0A0A0A0A0A0A0A0A) << 3)
        | ((w & <uint64_t> 0x0000A0A00000A0A0) << 11)
        | ((w & <uint64_t> 0xAAAAAAAAAAAAAAAA) >> 1)
        | ((w & <uint64_t> 0x5050505050505050) >> 3)
        | ((w & <uint64_t> 0x0505000005050000) >> 11)
    )


cdef inline uint64_t along_y(uint64_t w) noexcept nogil:
    """The cells and those beside them in y, within the tile."""
    return (
        w
        | ((w & <uint64_t> 0x3333333333333333) << 2)
        | ((w & <uint64_t> 0x00CC00CC00CC00CC) << 6)
        | ((w & <uint64_t> 0x00000000CC00CC00) << 22)
        | ((w & <uint64_t> 0xCCCCCCCCCCCCCCCC) >> 2)
        | ((w & <uint64_t> 0x3300330033003300) >> 6)
        | ((w & <uint64_t> 0x0033003300000000) >> 22)
    )


cdef inline uint64_t around(uint64_t w, bint corners) noexcept nogil:
    """The cells and their neighbours within the tile."""
    return along_y(along_x(w)) if corners else along_x(w) | along_y(w)


cdef inline uint64_t carried(uint64_t w, int dx, int dy, bint corners) noexcept nogil:
    """What the cells touch in the tile at (dx, dy), if that lies in the same base cell; `corners`: at corners, too."""
    if dx and dy:
        if not corners:
            return 0
        if dx > 0:
            return w >> 63 if dy > 0 else ((w >> 21) & 1) << 42
        return ((w >> 42) & 1) << 21 if dy > 0 else w << 63
    if dx:
        w = w & x_high() if dx > 0 else w & x_low()
        w = along_y(w) if corners else w
        return w >> ACROSS_X if dx > 0 else w << ACROSS_X
    w = w & y_high() if dy > 0 else w & y_low()
    w = along_x(w) if corners else w
    return w >> ACROSS_Y if dy > 0 else w << ACROSS_Y


cdef inline uint64_t beside(uint64_t tile, int dx, int dy) noexcept nogil:
    """Number of the tile at (dx, dy), which must lie in the same base cell."""
    cdef uint64_t in_x = 0x5555555555555555, in_y = 0xAAAAAAAAAAAAAAAA
    cdef uint64_t x = tile & in_x, y = tile & in_y
    if dx > 0:
        x = ((x | in_y) + 1) & in_x
    elif dx < 0:
        x = (x - 1) & in_x
    if dy > 0:
        y = ((y | in_x) + 1) & in_y
    elif dy < 0:
        y = (y - 2) & in_y
    return x | y


cdef inline uint64_t end_of(const Tiles* tiles, Py_ssize_t k) noexcept nogil:
    """One past a node's last tile."""
    return tiles.start[k] + ((<uint64_t> 1) << (2 * tiles.level[k]))


cdef inline Py_ssize_t find(const Tiles* tiles, uint64_t tile) noexcept nogil:
    """The node that holds a tile, -1 if none does."""
    cdef Py_ssize_t k = <Py_ssize_t> at_or_below(&tiles.index, tile) - 1
    return k if k >= 0 and tile < end_of(tiles, k) else -1


cdef inline bint inner(const Tiles* tiles, uint64_t tile, int* face, int64_t* x, int64_t* y) noexcept nogil:
    """Where a tile lies, and whether all tiles round it lie in its base cell."""
    cdef int order = tiles.order - tiles.bits
    cdef int64_t last = ((<int64_t> 1) << order) - 1
    cell_xy(tile, order, face, x, y)
    return 0 < x[0] < last and 0 < y[0] < last


cdef inline void put_word(Line* line, uint64_t tile, uint64_t word, int width, int shift) noexcept nogil:
    """The cells of a tile as ranges at order 29: 2**width cells of 2**shift numbers each."""
    cdef uint64_t base = tile << width
    cdef int first, stop
    require(width == 6 or word >> ((<uint64_t> 1) << width) == 0)
    while word:
        first = lowest(word)
        # The zeros that end the run of ones: they are there unless it reaches the 64th bit.
        stop = lowest(~word & (~<uint64_t> 0 << first)) if word + ((<uint64_t> 1) << first) else 64
        line_put(line, (base + first) << shift, (base + stop) << shift)
        word = word & (~<uint64_t> 0 << stop) if stop < 64 else 0


cdef inline int begin(uint64_t first, uint64_t stop, int bits, int top, uint64_t* word, uint64_t* rest) noexcept nogil:
    """The level of the block of whole tiles that the cells from `first` up to `stop` begin with, or -1 for a tile.

    `word` gets the cells of the tile, `rest` the first of the remaining cells. Tiles are 2**bits cells across, and
    `top` is the level of a base cell.
    """
    cdef int width = 2 * bits, level = 0
    cdef uint64_t low = ((<uint64_t> 1) << width) - 1, tile = first >> width, last = stop >> width, size = 4
    require(first < stop)
    word[0] = ~<uint64_t> 0 >> (63 - low)
    if (first & low) == 0 and tile < last:
        while level < top and (tile & (size - 1)) == 0 and size <= last - tile:
            level += 1
            size <<= 2
        rest[0] = first + ((<uint64_t> 1) << (2 * level + width))
        return level
    word[0] &= word[0] << (first & low)
    if tile == last:
        word[0] &= ((<uint64_t> 1) << (stop & low)) - 1
    rest[0] = stop if tile == last else (tile + 1) << width
    require(word[0] != 0)
    require(first < rest[0] <= stop)
    return -1
