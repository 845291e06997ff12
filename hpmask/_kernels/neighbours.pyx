# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The neighbours of a set's cells that are outside, and the cells of a set that have neighbours outside.

tiles.pxd says what blocks and tiles are. The cost of both functions is proportional to the outline. There are two of
them because a set may have far fewer nodes than its complement, or far more.

From outside (`touched`): a tile marks the cells that its own cells touch in the eight tiles around it. A block does so
along each of its four sides, where the block of its size that lies beyond is not in the set. If that one holds a part
of the set, each half of the side is treated separately. Cells in a tile of the set are added to the marks of that tile.
Cells outside, or in a tile of another thread, are noted in a list, which is sorted later.

From inside (`edges`): a tile looks for cells outside in the eight tiles around it. So do those tiles of a block that
lie along a side, or a part of a side, where the block beyond is not fully inside the set; their cells are noted in a
list.

At the edges of a base cell, where x and y may be exchanged, the cells go one by one through `neighbour`.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport cell_xy, neighbour
from hpmask._kernels.index cimport at_or_below
from hpmask._kernels.sink cimport Line, line_open, line_put, line_take, owned
from hpmask._kernels.stopping cimport failure, stopped
from hpmask._kernels.tiles cimport (
    Tiles,
    TileSet,
    around,
    beside,
    carried,
    end_of,
    find,
    inner,
    lowest,
    put_word,
    x_high,
    x_low,
    y_high,
    y_low,
)


cdef struct Notes:
    # Tiles, and cells in them: in no order and with repeats.
    uint64_t* tile
    uint64_t* word
    Extent extent


cdef struct Step:
    Tiles tiles
    bint corners
    uint64_t* grown     # from outside: what lands in each node of the set; NULL from inside
    Notes* outside      # cells in tiles that are not nodes of this thread
    Py_ssize_t low      # the nodes that this thread looks at, and may write to
    Py_ssize_t high
    uint64_t first      # from inside: the tiles of the present block
    uint64_t stop


cdef inline bint notes_grow(Notes* notes, size_t more) noexcept nogil:
    return grow(&notes.extent, more, &notes.tile, sizeof(uint64_t), &notes.word, sizeof(uint64_t), NULL, 0)


cdef inline void notes_open(Notes* notes) noexcept nogil:
    notes.tile = notes.word = NULL
    notes.extent.count = notes.extent.room = 0
    notes.extent.failed = False
    notes_grow(notes, 16)


cdef inline void note(Notes* notes, uint64_t tile, uint64_t word) noexcept nogil:
    cdef size_t count = notes.extent.count
    if word == 0:
        return
    if count and notes.tile[count - 1] == tile:
        notes.word[count - 1] |= word
        return
    if count == notes.extent.room and not notes_grow(notes, 1):
        return
    notes.tile[count] = tile
    notes.word[count] = word
    notes.extent.count = count + 1


cdef inline tuple notes_take(Notes* notes):
    """The tiles and words as two arrays; frees the rest. Raises MemoryError where some were lost, or the error of a signal."""
    try:
        if notes.extent.failed:
            raise failure("no memory for the cells: use a lower order")
        return owned(&notes.tile, notes.extent.count), owned(&notes.word, notes.extent.count)
    finally:
        free(notes.tile)
        free(notes.word)


cdef inline void give(Step* step, uint64_t tile, uint64_t word) noexcept nogil:
    """Cells of a tile are touched."""
    cdef Py_ssize_t k = find(&step.tiles, tile)
    require(word & ~step.tiles.full == 0)
    if k < 0:
        note(step.outside, tile, word)
    elif step.low <= k < step.high:
        step.grown[k] |= word
    else:
        note(step.outside, tile, word & ~step.tiles.word[k])


cdef void give_singly(Step* step, uint64_t tile, uint64_t word) noexcept nogil:
    """Mark all cells that some cells of a tile touch in other tiles, cell by cell."""
    cdef int width = 2 * step.tiles.bits, face, dx, dy
    cdef uint64_t cell, low = ((<uint64_t> 1) << width) - 1
    cdef int64_t x, y, other
    if width == 6:
        word &= x_low() | x_high() | y_low() | y_high()
    while word:
        cell_xy((tile << width) | lowest(word), step.tiles.order, &face, &x, &y)
        word &= word - 1
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                if (dx == 0 and dy == 0) or (dx and dy and not step.corners):
                    continue
                other = neighbour(face, x, y, dx, dy, step.tiles.order)
                if other < 0:
                    continue
                cell = <uint64_t> other
                if cell >> width != tile:
                    give(step, cell >> width, (<uint64_t> 1) << (cell & low))


cdef void give_around(Step* step, uint64_t tile, uint64_t word) noexcept nogil:
    """Mark all cells that the cells of a tile touch in other tiles."""
    cdef int face, dx, dy
    cdef int64_t x, y
    cdef uint64_t touched
    if not inner(&step.tiles, tile, &face, &x, &y):
        give_singly(step, tile, word)
        return
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            if dx or dy:
                touched = carried(word, dx, dy, step.corners)
                if touched:
                    give(step, beside(tile, dx, dy), touched)


cdef inline uint64_t rim(int dx, int dy) noexcept nogil:
    """The cells of a tile on its side, or in its corner, towards (dx, dy)."""
    cdef uint64_t word = ~<uint64_t> 0
    if dx:
        word &= x_high() if dx > 0 else x_low()
    if dy:
        word &= y_high() if dy > 0 else y_low()
    return word


cdef void give_beyond(Step* step, int face, int64_t x, int64_t y, int dx, int dy) noexcept nogil:
    """Mark the cells that a whole tile at (x, y) touches in the one at (dx, dy), which exists."""
    cdef int order = step.tiles.order - step.tiles.bits
    cdef int64_t n = (<int64_t> 1) << order
    if 0 <= x + dx < n and 0 <= y + dy < n:
        give(step, <uint64_t> neighbour(face, x, y, dx, dy, order), rim(-dx, -dy))
    else:
        give_singly(step, <uint64_t> neighbour(face, x, y, 0, 0, order), rim(dx, dy))


cdef uint64_t edge_singly(const Step* step, uint64_t tile, uint64_t word) noexcept nogil:
    """The cells of a tile, out of `word`, with a neighbour outside the set in another tile, cell by cell."""
    cdef const Tiles* tiles = &step.tiles
    cdef int width = 2 * tiles.bits, face, dx, dy
    cdef uint64_t cell, one, edge = 0, low = ((<uint64_t> 1) << width) - 1
    cdef int64_t x, y, other
    cdef Py_ssize_t k
    if width == 6:
        word &= x_low() | x_high() | y_low() | y_high()
    while word:
        one = word & (~word + 1)
        word ^= one
        cell_xy((tile << width) | lowest(one), tiles.order, &face, &x, &y)
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                if (dx == 0 and dy == 0) or (dx and dy and not step.corners):
                    continue
                other = neighbour(face, x, y, dx, dy, tiles.order)
                if other < 0:
                    continue
                cell = <uint64_t> other
                if cell >> width != tile:
                    k = find(tiles, cell >> width)
                    if k < 0 or not (tiles.word[k] >> (cell & low)) & 1:
                        edge |= one
    return edge


cdef uint64_t edge_of(const Step* step, uint64_t tile, uint64_t word) noexcept nogil:
    """The cells of a tile of the set, whose cells are `word`, that have a neighbour outside the set."""
    cdef const Tiles* tiles = &step.tiles
    cdef int face, dx, dy
    cdef int64_t x, y
    cdef uint64_t edge = around(~word & tiles.full, step.corners)
    cdef Py_ssize_t k
    if not inner(tiles, tile, &face, &x, &y):
        return (edge | edge_singly(step, tile, word)) & word
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            # Nothing to find out: no cell there, or they are at the edge already.
            if (dx == 0 and dy == 0) or not word & ~edge & rim(dx, dy) or (dx and dy and not step.corners):
                continue
            k = find(tiles, beside(tile, dx, dy))
            if k < 0:
                edge |= rim(dx, dy)
            elif tiles.word[k] != tiles.full:
                edge |= carried(~tiles.word[k], -dx, -dy, step.corners)
    return edge & word


cdef void edge_beside(Step* step, int face, int64_t x, int64_t y, int dx, int dy) noexcept nogil:
    """Note the cells of a block with neighbours outside the set in the tile at (dx, dy) from its tile at (x, y)."""
    cdef const Tiles* tiles = &step.tiles
    cdef int order = tiles.order - tiles.bits, ax = dy != 0, ay = dx != 0, i
    cdef int64_t n = (<int64_t> 1) << order
    cdef uint64_t tile, out = ~<uint64_t> 0
    cdef bint here = 0 <= x + dx < n and 0 <= y + dy < n
    cdef Py_ssize_t k
    if here:
        k = find(tiles, <uint64_t> neighbour(face, x, y, dx, dy, order))
        if k >= 0:
            out = ~tiles.word[k]
    if dx and dy:
        ax = ay = 0
    # The tiles of the block before and after this one along the side touch it, too, in a corner.
    for i in range(-1, 2):
        if (i and not (step.corners and ax != ay)) or not (0 <= x + i * ax < n and 0 <= y + i * ay < n):
            continue
        tile = <uint64_t> neighbour(face, x, y, i * ax, i * ay, order)
        if not step.first <= tile < step.stop:
            continue
        if here:
            note(step.outside, tile, carried(out, i * ax - dx, i * ay - dy, step.corners))
        else:
            note(step.outside, tile, edge_singly(step, tile, rim(dx, dy)))


cdef inline void at_outline(Step* step, int face, int64_t x, int64_t y, int dx, int dy) noexcept nogil:
    """A tile at (x, y) of a block, beyond which the tile at (dx, dy), which exists, is not fully inside the set."""
    if step.grown != NULL:
        give_beyond(step, face, x, y, dx, dy)
    else:
        edge_beside(step, face, x, y, dx, dy)


cdef void outline_side(Step* step, int face, int64_t x, int64_t y, int level, int dx, int dy) noexcept nogil:
    """The tiles on the side towards (dx, dy) of a block that lie at the outline of the set.

    (x, y) is the block's place among those of its level.
    """
    cdef const Tiles* tiles = &step.tiles
    cdef uint64_t first = <uint64_t> neighbour(face, x, y, dx, dy, tiles.order - tiles.bits - level) << (2 * level)
    cdef uint64_t last = first + (((<uint64_t> 1) << (2 * level)) - 1)
    cdef Py_ssize_t k = <Py_ssize_t> at_or_below(&tiles.index, first)
    cdef bint held = k and first < end_of(tiles, k - 1)
    cdef int64_t i, size = (<int64_t> 1) << level
    cdef int half
    if held and tiles.level[k - 1] >= level and tiles.word[k - 1] == tiles.full:
        return
    if level == 0 or (not held and k == <Py_ssize_t> at_or_below(&tiles.index, last)):
        for i in range(size):
            at_outline(
                step, face,
                x * size + (i if dx == 0 else size - 1 if dx > 0 else 0),
                y * size + (i if dy == 0 else size - 1 if dy > 0 else 0),
                dx, dy,
            )
        return
    for half in range(2):
        outline_side(
            step, face,
            2 * x + (half if dx == 0 else 1 if dx > 0 else 0),
            2 * y + (half if dy == 0 else 1 if dy > 0 else 0),
            level - 1, dx, dy,
        )


cdef void outline(Step* step, uint64_t start, int level) noexcept nogil:
    """The tiles of a block that lie at the outline of the set."""
    cdef const Tiles* tiles = &step.tiles
    cdef int face, dx, dy, order = tiles.order - tiles.bits
    cdef int64_t x, y, other, last = ((<int64_t> 1) << level) - 1
    cdef Py_ssize_t k
    step.first = start
    step.stop = start + ((<uint64_t> 1) << (2 * level))
    cell_xy(start, order, &face, &x, &y)
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            if (dx == 0) != (dy == 0):
                outline_side(step, face, x >> level, y >> level, level, dx, dy)
            elif dx and step.corners:
                other = neighbour(face, x + (last if dx > 0 else 0), y + (last if dy > 0 else 0), dx, dy, order)
                if other < 0:
                    continue
                k = find(tiles, <uint64_t> other)
                if k < 0 or tiles.word[k] != tiles.full:
                    at_outline(step, face, x + (last if dx > 0 else 0), y + (last if dy > 0 else 0), dx, dy)


cdef int open_step(
    Step* step, TileSet tiles, const uint64_t[::1] found, bint corners, Py_ssize_t low, Py_ssize_t high, Notes* outside
) except -1:
    """Make ready for the nodes from `low` to `high`."""
    step.tiles = tiles.view
    if step.tiles.count == 0:
        raise ValueError("the set must not be empty")
    if found.shape[0] != step.tiles.count or not 0 <= low <= high <= step.tiles.count:
        raise ValueError("found must have a word for each node, low and high be numbers of nodes")
    step.low = low
    step.high = high
    step.corners = corners
    step.outside = outside
    notes_open(outside)
    return 0


def touched(
    TileSet tiles not None, bint corners, uint64_t[::1] found, Py_ssize_t low, Py_ssize_t high,
):
    """The cells outside a set that touch it.

    Looks at the nodes from `low` to `high`. Writes to `found` those in these nodes, and returns other tiles and the
    words of such cells in them, in no order and with repeats.
    """
    cdef Step step
    cdef Notes outside
    cdef Py_ssize_t k
    open_step(&step, tiles, found, corners, low, high, &outside)
    step.grown = &found[0]
    with nogil:
        for k in range(low, high):
            found[k] = 0
        for k in range(low, high):
            if stopped(k, 1024):
                outside.extent.failed = True
            if outside.extent.failed:
                break
            if step.tiles.level[k]:
                outline(&step, step.tiles.start[k], step.tiles.level[k])
            else:
                step.grown[k] |= around(step.tiles.word[k], corners)
                give_around(&step, step.tiles.start[k], step.tiles.word[k])
        for k in range(low, high):
            step.grown[k] &= step.tiles.full & ~step.tiles.word[k]
    return notes_take(&outside)


def edges(
    TileSet tiles not None, bint corners, uint64_t[::1] found, Py_ssize_t low, Py_ssize_t high,
):
    """The cells of a set that have a neighbour outside.

    Looks at the nodes from `low` to `high`. Writes to `found` those in tiles, and returns the tiles of blocks and the
    words of such cells in them, in no order and with repeats.
    """
    cdef Step step
    cdef Notes inside
    cdef Py_ssize_t k
    open_step(&step, tiles, found, corners, low, high, &inside)
    step.grown = NULL
    with nogil:
        for k in range(low, high):
            if stopped(k, 1024):
                inside.extent.failed = True
            if inside.extent.failed:
                break
            if step.tiles.level[k]:
                found[k] = 0
                outline(&step, step.tiles.start[k], step.tiles.level[k])
            else:
                found[k] = edge_of(&step, step.tiles.start[k], step.tiles.word[k])
    return notes_take(&inside)


def boundaries(
    TileSet tiles not None, const uint64_t[::1] word, const uint64_t[::1] tile, const uint64_t[::1] tile_word,
):
    """Boundaries of the cells `word` in the nodes, which of a block are all or none, and `tile_word` in tiles.

    `tile` ascends, with repeats; it may hold tiles of a block only if the block's word is 0.
    """
    cdef const Tiles* nodes = &tiles.view
    cdef Py_ssize_t n = nodes.count, m = tile.shape[0], i = 0, j = 0
    cdef int width = 2 * nodes.bits, shift = 2 * (MAX_ORDER - nodes.order)
    cdef uint64_t some, here, stop
    cdef Line line
    if word.shape[0] != n or tile_word.shape[0] != m:
        raise ValueError("word must have one value for each node, and tile_word for each tile")
    line_open(&line, n + m)
    with nogil:
        while (i < n or j < m) and not line.extent.failed:
            if j == m or (i < n and nodes.start[i] < tile[j]):
                if nodes.level[i] == 0:
                    put_word(&line, nodes.start[i], word[i], width, shift)
                elif word[i]:
                    stop = nodes.start[i] + ((<uint64_t> 1) << (2 * nodes.level[i]))
                    line_put(&line, nodes.start[i] << width << shift, stop << width << shift)
                i += 1
                continue
            here = tile[j]
            some = 0
            while j < m and tile[j] == here:
                some |= tile_word[j]
                j += 1
            if i < n and nodes.start[i] == here and nodes.level[i] == 0:
                some |= word[i]
                i += 1
            put_word(&line, here, some, width, shift)
    return line_take(&line)
