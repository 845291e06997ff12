# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Shapes that cut each ring of cells in one interval, to ranges of NESTED cells.

In the chart of a base cell (geometry.pxd) a ring is a line of constant s = x + y + 1, and the longitude runs along
v = x - y. A shape is a table with one interval [low, high] of v for each s, and a quad-tree node, a square in x and y,
meets its rings in intervals of v around x - y. Comparing the two decides whether the node is fully inside, is fully
outside, or must be divided. The walk visits the nodes in NESTED order, so the ranges come out ascending, and only nodes
on the outline are divided. The smallest nodes are tiles of 8 x 8 cells: the NESTED numbers in a tile are the bits of a
word, which is put together ring by ring.

A shape fills `table.low` and `table.high` for the rings of one base cell, and calls `walk_face`.
"""

from libc.stdint cimport int64_t, uint64_t

from hpmask._kernels.bits cimport lowest
from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport cell_in
from hpmask._kernels.sink cimport Sink, sink_ends, sink_put

cdef enum:
    MARGIN = 2          # empty rings at either end of a table
    TILE = 3            # log2 of the cells across a tile

cdef extern from *:
    """
    /* Beyond all v of a base cell. */
    #define HPMASK_FAR ((int64_t) 1 << 40)
    /* Cells of a tile: those with x below a number from 0 to 8, and those of each ring, x + y from 0 to 14. */
    static const uint64_t hpmask_below_x[9] = {
        0x0000000000000000, 0x0000050500000505, 0x00000F0F00000F0F, 0x00005F5F00005F5F,
        0x0000FFFF0000FFFF, 0x0505FFFF0505FFFF, 0x0F0FFFFF0F0FFFFF, 0x5F5FFFFF5F5FFFFF,
        0xFFFFFFFFFFFFFFFF
    };
    static const uint64_t hpmask_on_ring[15] = {
        0x0000000000000001, 0x0000000000000006, 0x0000000000000118, 0x0000000000000660,
        0x0000000100011880, 0x0000000600066000, 0x0000011801188000, 0x0000066006600000,
        0x0001188018800000, 0x0006600060000000, 0x0118800080000000, 0x0660000000000000,
        0x1880000000000000, 0x6000000000000000, 0x8000000000000000
    };
    """
    const int64_t FAR "HPMASK_FAR"
    const uint64_t* BELOW_X "hpmask_below_x"
    const uint64_t* ON_RING "hpmask_on_ring"


cdef struct Row:
    # The memory that a table takes for each ring.
    int64_t low
    int64_t high
    double half


cdef struct Table:
    # Intervals of v for the rings first .. last, in a buffer with two empty rings at either end.
    int64_t* low
    int64_t* high
    double* half        # half-widths of the rings, before the conversion to a base cell's chart
    Row* memory         # of all three
    Extent extent
    int64_t first
    int64_t last


cdef struct Walk:
    const int64_t* low      # indexed by s
    const int64_t* high
    int64_t s_min
    int64_t s_max
    int64_t x_min
    int64_t x_max
    int64_t y_min
    int64_t y_max
    int shift               # from a cell's number to order 29
    Sink* sink


cdef inline void put(Walk* walk, uint64_t cell, int size_log2) noexcept nogil:
    sink_put(
        walk.sink,
        cell << walk.shift,
        (cell + ((<uint64_t> 1) << (2 * size_log2))) << walk.shift,
    )


cdef inline int within_tile(int64_t x) noexcept nogil:
    return 0 if x < 0 else 8 if x > 8 else <int> x


cdef inline void put_tile(Walk* walk, int64_t x, int64_t y, uint64_t cell) noexcept nogil:
    """Emit what the table holds of the tile at (x, y)."""
    cdef int64_t s = x + y + 1, v = x - y, first = s, last = s + 14, r
    cdef uint64_t word = 0
    cdef int start, stop
    if first < walk.s_min:
        first = walk.s_min
    if last > walk.s_max:
        last = walk.s_max
    for r in range(first, last + 1):
        # On this ring v = 2x - (x + y) within the tile.
        word |= ON_RING[r - s] & ~BELOW_X[within_tile((walk.low[r] - v + r - s + 1) >> 1)] & BELOW_X[
            within_tile(((walk.high[r] - v + r - s) >> 1) + 1)
        ]
    while word:
        start = lowest(word)
        # The zeros that end the run of ones: they are there unless it reaches the 64th bit.
        stop = lowest(~word & (~<uint64_t> 0 << start)) if word + ((<uint64_t> 1) << start) else 64
        sink_put(walk.sink, (cell + start) << walk.shift, (cell + stop) << walk.shift)
        word = word & (~<uint64_t> 0 << stop) if stop < 64 else 0


cdef inline void descend(Walk* walk, int64_t x, int64_t y, int k, uint64_t cell) noexcept nogil:
    """Emit what the table holds of the node of 2**k by 2**k cells at (x, y), whose first cell is `cell`."""
    cdef int64_t m = ((<int64_t> 1) << k) - 1
    cdef int64_t s = x + y + 1, v = x - y, middle, half, r, a, b
    cdef const int64_t* low = walk.low
    cdef const int64_t* high = walk.high
    if x > walk.x_max or x + m < walk.x_min or y > walk.y_max or y + m < walk.y_min:
        return
    if s > walk.s_max or s + 2 * m < walk.s_min:
        return
    if k == TILE:
        put_tile(walk, x, y, cell)
        return
    # The ring through the middle is the widest: if the outline cuts it the node is mixed, else all rings are asked.
    middle = s + m
    if middle < walk.s_min or middle > walk.s_max or low[middle] > v + m or high[middle] < v - m:
        a = s if s > walk.s_min else walk.s_min
        b = s + 2 * m if s + 2 * m < walk.s_max else walk.s_max
        r = a
        while r <= b:
            half = r - s if r <= middle else s + 2 * m - r
            if low[r] <= v + half and v - half <= high[r]:
                break
            r += 1
        if r > b:
            return
    elif low[middle] <= v - m and v + m <= high[middle] and s >= walk.s_min and s + 2 * m <= walk.s_max:
        r = s
        while r <= s + 2 * m:
            half = r - s if r <= middle else s + 2 * m - r
            if low[r] > v - half or v + half > high[r]:
                break
            r += 1
        if r > s + 2 * m:
            put(walk, cell, k)
            return
    if sink_ends(walk.sink):
        return
    k -= 1
    m = (<int64_t> 1) << k
    descend(walk, x, y, k, cell)
    descend(walk, x + m, y, k, cell + ((<uint64_t> 1) << (2 * k)))
    descend(walk, x, y + m, k, cell + ((<uint64_t> 2) << (2 * k)))
    descend(walk, x + m, y + m, k, cell + ((<uint64_t> 3) << (2 * k)))


cdef inline int bit_length(uint64_t value) noexcept nogil:
    cdef inline int bits = 0
    while value:
        value >>= 1
        bits += 1
    return bits


cdef inline bint make_room(Table* table, size_t rows) noexcept nogil:
    """Room for `rows` rings and their margins; False if there is no memory."""
    cdef size_t room
    if rows + 8 > table.extent.room:
        if not grow(&table.extent, rows + 8, &table.memory, sizeof(Row), NULL, 0, NULL, 0):
            return False
        # Nothing is kept from disc to disc, so that the arrays may lie one behind the other.
        room = table.extent.room
        table.low = <int64_t*> table.memory
        table.high = table.low + room
        table.half = <double*> (table.high + room)
    return True


cdef inline void walk_face(
    Table* table, int face, int64_t s_min, int64_t s_max, int order, Sink* sink
) noexcept nogil:
    """Emit the cells of the rings s_min .. s_max (1 to 2n - 1) of a base cell that the table holds.

    The interval of ring s is at table.low[MARGIN + s - s_min] and table.high[...].
    """
    cdef int64_t n = (<int64_t> 1) << order, count = s_max - s_min + 1, s, low, high
    cdef int64_t* low_of = table.low
    cdef int64_t* high_of = table.high
    cdef int64_t reach[4]
    cdef Walk walk
    cdef int k
    require(1 <= s_min <= s_max + 1 <= 2 * n)
    require(count + 2 * MARGIN <= <int64_t> table.extent.room)
    walk.low = low_of + MARGIN - s_min
    walk.high = high_of + MARGIN - s_min
    for k in range(MARGIN):
        low_of[k] = FAR
        high_of[k] = -FAR
        low_of[MARGIN + count + k] = FAR
        high_of[MARGIN + count + k] = -FAR
    # x = (s - 1 + v) / 2 and y = (s - 1 - v) / 2
    reach[0] = FAR
    reach[1] = -FAR
    reach[2] = FAR
    reach[3] = -FAR
    for s in range(s_min, s_max + 1):
        if order < TILE:
            # A tile is larger than the base cell: the table must end at its sides.
            low = s - 1 if s < n else 2 * n - 1 - s
            if low_of[MARGIN + s - s_min] < -low:
                low_of[MARGIN + s - s_min] = -low
            if high_of[MARGIN + s - s_min] > low:
                high_of[MARGIN + s - s_min] = low
        low = walk.low[s]
        high = walk.high[s]
        if low > high:
            continue
        if s + low < reach[0]:
            reach[0] = s + low
        if s + high > reach[1]:
            reach[1] = s + high
        if s - high < reach[2]:
            reach[2] = s - high
        if s - low > reach[3]:
            reach[3] = s - low
    if reach[0] > reach[1]:
        return
    walk.x_min = reach[0] >> 1
    walk.x_max = (reach[1] - 1) >> 1
    walk.y_min = reach[2] >> 1
    walk.y_max = (reach[3] - 1) >> 1
    if walk.x_min < 0:
        walk.x_min = 0
    if walk.y_min < 0:
        walk.y_min = 0
    if walk.x_max > n - 1:
        walk.x_max = n - 1
    if walk.y_max > n - 1:
        walk.y_max = n - 1
    if walk.x_min > walk.x_max or walk.y_min > walk.y_max:
        return
    walk.s_min = s_min
    walk.s_max = s_max
    walk.shift = 2 * (MAX_ORDER - order)
    walk.sink = sink
    # The smallest node that holds them all.
    k = bit_length(<uint64_t> ((walk.x_min ^ walk.x_max) | (walk.y_min ^ walk.y_max)))
    if k < TILE:
        k = TILE
    low = (walk.x_min >> k) << k
    high = (walk.y_min >> k) << k
    descend(&walk, low, high, k, cell_in(face, low, high, order))
