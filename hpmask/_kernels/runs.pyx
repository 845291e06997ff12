# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Ranges of NESTED cells to runs of pixels along the rings, and back.

A run is a stretch of neighbouring pixels on one ring, kept as the range [ring << bits | first, ring << bits | last + 1)
with bits = order + 3 and pixels counted from longitude 0 as in the RING scheme. Runs are thus ranges of numbers, sorted
and disjoint, and the set operations of ranges hold for them. A run that crosses longitude 0 is two runs.

Both conversions use tiles of 8 x 8 cells, whose NESTED numbers are the 64 bits of a word. In the chart of a base cell
(geometry.pxd) a tile is a diamond of 15 rings; row h of it has 8 - |h - 7| cells.
"""

from libc.math cimport ceil, floor
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport require, require_ranges
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport base_ring, cell_in, cell_xy, central_longitude, ring_odd, ring_width, spread
from hpmask._kernels.sink cimport Line, Sink, line_open, line_put, line_take, sink_ends, sink_open, sink_put, sink_take
from hpmask._kernels.tiles cimport begin, lowest, put_word

cdef enum:
    ROWS = 15
    FACES = 12
    DIGIT = 11
    SIZE = 1 << DIGIT

cdef int64_t NONE = <int64_t> 1 << 60

# FIRST[h][k]: bits of the first k cells, by ascending longitude, of row h of a tile
cdef uint64_t[ROWS][9] FIRST


cdef void _fill_first() noexcept:
    cdef int h, k, x
    for h in range(ROWS):
        FIRST[h][0] = 0
        for k in range(8):
            x = (h - 7 if h > 7 else 0) + k
            FIRST[h][k + 1] = FIRST[h][k]
            if k < 8 - (h - 7 if h > 7 else 7 - h):
                FIRST[h][k + 1] |= (<uint64_t> 1) << (spread(<uint64_t> x) | (spread(<uint64_t> (h - x)) << 1))


_fill_first()


cdef inline int _half(int h) noexcept nogil:
    """Half-width of row h of a tile: it holds the v from -half to half, in steps of 2."""
    return h if h <= 7 else 14 - h


# ---------------------------------------------------------------------- to runs


cdef inline void _put_run(Sink* sink, int face, int64_t s, int64_t v0, int64_t v1, int64_t n, int bits) noexcept nogil:
    """The cells v0, v0 + 2, ... v1 of row s of a base cell, as a run (or two)."""
    cdef int64_t ring = base_ring(face, n) - s, width, first, u0, u1, odd
    cdef uint64_t key = <uint64_t> ring << bits
    require(0 < ring < 4 * n)
    require(v0 <= v1)
    if n <= ring <= 3 * n:
        odd = 1 - ((ring - n) & 1)
        u0 = central_longitude(face) * n + v0
        u1 = central_longitude(face) * n + v1
        if u1 < 0:
            u0 += 8 * n
            u1 += 8 * n
        elif u0 < 0:
            sink_put(sink, key | <uint64_t> ((u0 + 8 * n - odd) >> 1), key | <uint64_t> (4 * n))
            u0 = odd
        sink_put(sink, key | <uint64_t> ((u0 - odd) >> 1), key | <uint64_t> (((u1 - odd) >> 1) + 1))
    else:
        width = ring if ring < n else 4 * n - ring
        first = (face & 3) * width
        sink_put(
            sink,
            key | <uint64_t> (first + ((v0 - 1 + width) >> 1)),
            key | <uint64_t> (first + ((v1 - 1 + width) >> 1) + 1),
        )


cdef void _put_block(Sink* sink, uint64_t cell, int k, int order) noexcept nogil:
    """The rows of a block of 2**k x 2**k cells, `cell` its first."""
    cdef int face
    cdef int64_t x, y, h, half, m = ((<int64_t> 1) << k) - 1, n = (<int64_t> 1) << order
    cell_xy(cell, order, &face, &x, &y)
    for h in range(2 * m + 1):
        half = h if h <= m else 2 * m - h
        _put_run(sink, face, x + y + 1 + h, x - y - half, x - y + half, n, order + 3)


cdef void _put_tile(Sink* sink, uint64_t tile, uint64_t word, int order) noexcept nogil:
    """The rows of the cells of a tile whose bits are set."""
    cdef int face, h, k, size, start
    cdef int64_t x, y, s, v, n = (<int64_t> 1) << order
    cdef uint64_t bits
    if order < 3:
        # A tile is a base cell, and smaller.
        while word:
            _put_block(sink, (tile << (2 * order)) + <uint64_t> lowest(word), 0, order)
            word &= word - 1
        return
    if word == 0:
        return
    cell_xy(tile << 6, order, &face, &x, &y)
    for h in range(ROWS):
        size = _half(h) + 1
        bits = word & FIRST[h][size]
        if bits == 0:
            continue
        s = x + y + 1 + h
        v = x - y - _half(h)
        start = -1
        for k in range(size + 1):
            # FIRST[h][k + 1] is FIRST[h][k] behind the row's end, so that the last run is closed there.
            if k < size and bits & (FIRST[h][k] ^ FIRST[h][k + 1]):
                if start < 0:
                    start = k
            elif start >= 0:
                _put_run(sink, face, s, v + 2 * start, v + 2 * (k - 1), n, order + 3)
                start = -1


def from_ranges(const uint64_t[::1] boundaries, int order):
    """Runs of the cells of a set, in pieces: starts and stops, unsorted and touching."""
    cdef Py_ssize_t count = boundaries.shape[0] // 2, i
    cdef int bits = 3 if order > 3 else order, shift = 2 * (MAX_ORDER - order), level
    cdef uint64_t first, stop, rest, some, tile = ~<uint64_t> 0, word = 0
    cdef Sink sink
    if not 0 <= order <= MAX_ORDER:
        raise ValueError("order must be 0 to 29")
    require_ranges(boundaries, (<uint64_t> 12) << (2 * MAX_ORDER))
    sink_open(&sink, 2 * <size_t> count)
    with nogil:
        for i in range(count):
            first = boundaries[2 * i] >> shift
            stop = boundaries[2 * i + 1] >> shift
            while first < stop and not sink_ends(&sink):
                level = begin(first, stop, bits, order - bits, &some, &rest)
                if level >= 0:
                    _put_block(&sink, first, level + bits, order)
                else:
                    if first >> (2 * bits) != tile:
                        _put_tile(&sink, tile, word, order)
                        tile = first >> (2 * bits)
                        word = 0
                    word |= some
                first = rest
        _put_tile(&sink, tile, word, order)
    return sink_take(&sink)


def count_rows(const uint64_t[::1] boundaries, int order):
    """The approximate number of pieces of `from_ranges`: those of blocks, and two for the part of a range in a tile."""
    cdef Py_ssize_t count = boundaries.shape[0] // 2, i
    cdef int bits = 3 if order > 3 else order, shift = 2 * (MAX_ORDER - order), level
    cdef uint64_t first, stop, rest, some, total = 0
    with nogil:
        for i in range(count):
            first = boundaries[2 * i] >> shift
            stop = boundaries[2 * i + 1] >> shift
            while first < stop:
                level = begin(first, stop, bits, order - bits, &some, &rest)
                total += ((<uint64_t> 2) << (level + bits)) - 1 if level >= 0 else 2
                first = rest
    return total


def mirror(const uint64_t[::1] runs, int order, uint64_t[::1] out):
    """The runs on the other side of the equator: ring r becomes 4 nside - r. Sorted again."""
    cdef Py_ssize_t count = runs.shape[0], i = 0, end, k
    cdef int bits = order + 3
    cdef uint64_t ring, last, rest
    if out.shape[0] != count or not 0 <= order <= MAX_ORDER:
        raise ValueError("out must be as long as runs, order from 0 to 29")
    last = (<uint64_t> 4) << order
    rest = ((<uint64_t> 1) << bits) - 1
    with nogil:
        while i < count:
            ring = runs[i] >> bits
            end = i
            while end < count and runs[end] >> bits == ring:
                end += 1
            for k in range(i, end):
                out[count - end + k - i] = ((last - ring) << bits) | (runs[k] & rest)
            i = end


def fringe(const uint64_t[::1] runs, int order):
    """Runs that hold the eight neighbours of every pixel of some runs, and a few more: starts and stops, unsorted.

    Neighbours lie at most two rings away. There they are at most 3 pixels of the coarser ring off, save across a
    pole, where whole rings are taken.
    """
    cdef Py_ssize_t count = runs.shape[0] // 2, i
    cdef int bits = order + 3
    cdef int64_t n, ring, target, width, other, low, high, size, odd, odd_other
    cdef uint64_t rest, key
    cdef double a, b, by
    cdef Sink sink
    if not 0 <= order <= MAX_ORDER:
        raise ValueError("order must be from 0 to 29")
    n = (<int64_t> 1) << order
    rest = ((<uint64_t> 1) << bits) - 1
    # Five rings for each run.
    sink_open(&sink, 5 * <size_t> count)
    with nogil:
        for i in range(count):
            if sink_ends(&sink):
                break
            ring = <int64_t> (runs[2 * i] >> bits)
            width = ring_width(ring, n)
            odd = ring_odd(ring, n)
            a = <double> (2 * (runs[2 * i] & rest) + odd) / (2 * width)
            b = <double> (2 * (runs[2 * i + 1] & rest) - 2 + odd) / (2 * width)
            for target in range(ring - 2, ring + 3):
                if target < 1 or target >= 4 * n:
                    continue
                key = <uint64_t> target << bits
                other = ring_width(target, n)
                odd_other = ring_odd(target, n)
                size = 4 * other
                by = 3.0 / (width if width < other else other)
                low = <int64_t> floor((a - by) * other - 0.5 * odd_other)
                high = <int64_t> ceil((b + by) * other - 0.5 * odd_other) + 1
                if target <= 4 or target >= 4 * n - 4 or high - low >= size:
                    sink_put(&sink, key, key | <uint64_t> size)
                    continue
                if low < 0:
                    sink_put(&sink, key | <uint64_t> (low + size), key | <uint64_t> size)
                    low = 0
                if high > size:
                    sink_put(&sink, key, key | <uint64_t> (high - size))
                    high = size
                sink_put(&sink, key | <uint64_t> low, key | <uint64_t> high)
    return sink_take(&sink)


# ---------------------------------------------------------------------- to ranges


cdef struct Rows:
    # Rows of a base cell, by ascending s, with their pieces [v0, v1] by ascending v, none touching the next.
    int64_t* s
    size_t* first       # index of each row's first piece, and one more entry behind the last
    Extent rows
    int64_t* v0
    int64_t* v1
    Extent pieces


cdef struct Tiles:
    uint64_t* tile
    uint64_t* word
    Extent extent


cdef void _rows_free(Rows* rows) noexcept nogil:
    free(rows.s)
    free(rows.first)
    free(rows.v0)
    free(rows.v1)
    memset(rows, 0, sizeof(Rows))


cdef inline bint _rows_failed(const Rows* rows) noexcept nogil:
    return rows.rows.failed or rows.pieces.failed


cdef inline void _rows_put(Rows* rows, int64_t s, int64_t v0, int64_t v1) noexcept nogil:
    """Add a piece; rows and pieces come in ascending order."""
    cdef size_t row = rows.rows.count, piece = rows.pieces.count
    require(v0 <= v1)
    # Behind the last row is one more entry.
    if row + 2 > rows.rows.room and not grow(
        &rows.rows, 2, &rows.s, sizeof(int64_t), &rows.first, sizeof(size_t), NULL, 0
    ):
        return
    if piece == rows.pieces.room and not grow(
        &rows.pieces, 1, &rows.v0, sizeof(int64_t), &rows.v1, sizeof(int64_t), NULL, 0
    ):
        return
    require(row == 0 or rows.s[row - 1] < s or (rows.s[row - 1] == s and rows.v1[piece - 1] < v0))
    if row == 0 or rows.s[row - 1] != s:
        rows.s[row] = s
        rows.first[row] = piece
        row += 1
        rows.rows.count = row
    elif rows.v1[piece - 1] + 2 == v0:
        rows.v1[piece - 1] = v1
        return
    rows.v0[piece] = v0
    rows.v1[piece] = v1
    rows.pieces.count = piece + 1
    rows.first[row] = piece + 1


cdef inline bint _tiles_grow(Tiles* tiles, size_t more) noexcept nogil:
    return grow(&tiles.extent, more, &tiles.tile, sizeof(uint64_t), &tiles.word, sizeof(uint64_t), NULL, 0)


cdef inline void _tiles_put(Tiles* tiles, uint64_t tile, uint64_t word) noexcept nogil:
    cdef size_t count = tiles.extent.count
    if count == tiles.extent.room and not _tiles_grow(tiles, 1):
        return
    tiles.tile[count] = tile
    tiles.word[count] = word
    tiles.extent.count = count + 1


cdef void _tiles_free(Tiles* tiles) noexcept nogil:
    free(tiles.tile)
    free(tiles.word)
    memset(tiles, 0, sizeof(Tiles))


cdef void _split_belt(Rows* faces, int64_t ring, int64_t n, int64_t u0, int64_t u1) noexcept nogil:
    """A run of the belt, cells u0, u0 + 2, ... u1 counted in half pixels from longitude 0, given to its base cells."""
    cdef int64_t equator = (ring - n if ring < 2 * n else 3 * n - ring) - 1     # half-widths of the base cells' rows
    cdef int64_t cap = (2 * n - ring if ring < 2 * n else ring - 2 * n) - 1
    cdef int64_t c, end
    cdef int face
    while u0 <= u1:
        c = 2 * ((u0 + n) // (2 * n))
        if u0 >= c * n - equator and u0 <= c * n + equator:
            face = 4 + <int> ((c >> 1) & 3)
            end = c * n + equator
        else:
            c = 2 * (u0 // (2 * n)) + 1
            face = (0 if ring < 2 * n else 8) + <int> ((c >> 1) & 3)
            end = c * n + cap
        if end > u1:
            end = u1
        _rows_put(&faces[face], base_ring(face, n) - ring, u0 - c * n, end - c * n)
        u0 = end + 2


cdef void _split(Rows* faces, const uint64_t* run, size_t count, int order) noexcept nogil:
    """Give each base cell its rows of the runs; those that have `failed` set get none."""
    cdef int bits = order + 3, face
    cdef int64_t n = (<int64_t> 1) << order, ring, width, odd, seam, p0, p1, end, col
    cdef uint64_t rest = ((<uint64_t> 1) << bits) - 1
    cdef size_t begin, stop = count, i
    # s ascends where the rings descend
    while stop > 0:
        ring = <int64_t> (run[2 * stop - 2] >> bits)
        begin = stop
        while begin > 0 and <int64_t> (run[2 * begin - 2] >> bits) == ring:
            begin -= 1
        width = ring_width(ring, n)
        if n <= ring <= 3 * n:
            odd = ring_odd(ring, n)
            # What lies just west of longitude 0 comes first in its base cell, the one round longitude 0.
            seam = 8 * n - ((ring - n if ring < 2 * n else 3 * n - ring) - 1)
            i = stop
            while i > begin and 2 * <int64_t> ((run[2 * i - 1] & rest) - 1) + odd >= seam:
                i -= 1
            while i < stop:
                p0 = 2 * <int64_t> (run[2 * i] & rest) + odd
                p1 = 2 * <int64_t> ((run[2 * i + 1] & rest) - 1) + odd
                _rows_put(&faces[4], 3 * n - ring, (p0 if p0 > seam else seam) - 8 * n, p1 - 8 * n)
                i += 1
            for i in range(begin, stop):
                p0 = 2 * <int64_t> (run[2 * i] & rest) + odd
                p1 = 2 * <int64_t> ((run[2 * i + 1] & rest) - 1) + odd
                _split_belt(faces, ring, n, p0, p1 if p1 < seam else seam - 2)
        else:
            for i in range(begin, stop):
                p0 = <int64_t> (run[2 * i] & rest)
                p1 = <int64_t> (run[2 * i + 1] & rest) - 1
                while p0 <= p1:
                    col = p0 // width
                    end = (col + 1) * width - 1
                    if end > p1:
                        end = p1
                    face = <int> col + (0 if ring < n else 8)
                    _rows_put(
                        &faces[face], base_ring(face, n) - ring,
                        2 * (p0 - col * width) + 1 - width, 2 * (end - col * width) + 1 - width,
                    )
                    p0 = end + 1
        stop = begin


cdef inline int64_t _up(int64_t value, int64_t parity) noexcept nogil:
    """The first number of a parity at or above value / 8."""
    value = (value + 7) >> 3
    return value + ((value ^ parity) & 1)


cdef inline int64_t _down(int64_t value, int64_t parity) noexcept nogil:
    """The last number of a parity at or below value / 8."""
    value = value >> 3
    return value - ((value ^ parity) & 1)


cdef struct Cursor:
    size_t at           # piece of a row that a walk along a row of tiles has come to
    size_t end
    int64_t touch0      # tiles that it touches, and those whose row it fills
    int64_t touch1
    int64_t fill0
    int64_t fill1


cdef inline void _load(Cursor* cursor, const Rows* rows, int half, int64_t parity) noexcept nogil:
    cdef int64_t v0, v1
    if cursor.at >= cursor.end:
        cursor.touch0 = NONE
        cursor.touch1 = NONE
        cursor.fill0 = NONE
        cursor.fill1 = -NONE
        return
    v0 = rows.v0[cursor.at]
    v1 = rows.v1[cursor.at]
    cursor.touch0 = _up(v0 - half, parity)
    cursor.touch1 = _down(v1 + half, parity)
    cursor.fill0 = _up(v0 + half, parity)
    cursor.fill1 = _down(v1 - half, parity)


cdef void _tile_row(
    const Rows* rows, size_t row, int64_t t, int face, int order, Tiles* tiles, Rows* full
) noexcept nogil:
    """One row of tiles: those that are filled go to `full` as pieces, those that are filled in part to `tiles`.

    The tiles (X, Y) with X + Y + 1 = t, at v = X - Y, meet the rows s = 8 t - 7 + h; `row` is the first of these.
    """
    cdef Cursor[ROWS] cursors
    cdef int h, half
    cdef int64_t parity = (t + 1) & 1, v, next_v, fill, a, b, middle
    cdef uint64_t word
    cdef bint filled
    cdef size_t i
    for h in range(ROWS):
        cursors[h].at = 0
        cursors[h].end = 0
    while row < rows.rows.count and rows.s[row] <= 8 * t + 7:
        h = <int> (rows.s[row] - (8 * t - 7))
        require(0 <= h < ROWS)
        cursors[h].at = rows.first[row]
        cursors[h].end = rows.first[row + 1]
        row += 1
    for h in range(ROWS):
        _load(&cursors[h], rows, _half(h), parity)
    v = -NONE
    while True:
        next_v = NONE
        for h in range(ROWS):
            while cursors[h].touch1 < v or cursors[h].touch1 < cursors[h].touch0:
                cursors[h].at += 1
                _load(&cursors[h], rows, _half(h), parity)
            if cursors[h].touch0 < next_v:
                next_v = cursors[h].touch0
        if next_v == NONE:
            return
        if next_v > v:
            v = next_v
        fill = NONE
        filled = True
        for h in range(ROWS):
            if cursors[h].fill0 > v or cursors[h].fill1 < v:
                filled = False
                break
            if cursors[h].fill1 < fill:
                fill = cursors[h].fill1
        if filled:
            _rows_put(full, t, v, fill)
            v = fill + 2
            continue
        word = 0
        middle = 8 * v
        for h in range(ROWS):
            if cursors[h].touch0 > v:
                continue
            half = _half(h)
            if cursors[h].fill0 <= v <= cursors[h].fill1:
                word |= FIRST[h][half + 1]
                continue
            i = cursors[h].at
            while i < cursors[h].end and rows.v0[i] <= middle + half:
                a = rows.v0[i] - (middle - half)
                b = rows.v1[i] - (middle - half)
                if a < 0:
                    a = 0
                if b > 2 * half:
                    b = 2 * half
                if a <= b:
                    word |= FIRST[h][(b >> 1) + 1] ^ FIRST[h][a >> 1]
                i += 1
        if word:
            _tiles_put(tiles, cell_in(face, (t - 1 + v) >> 1, (t - 1 - v) >> 1, order - 3), word)
        v += 2


cdef void _tile_rows(const Rows* rows, int face, int order, Tiles* tiles, Rows* full) noexcept nogil:
    """All rows of tiles of a base cell."""
    cdef size_t row = 0
    cdef int64_t t = 0
    while not tiles.extent.failed and not _rows_failed(full):
        t += 1
        while row < rows.rows.count and rows.s[row] < 8 * t - 7:
            row += 1
        if row == rows.rows.count:
            return
        if rows.s[row] > 8 * t + 7:
            t = rows.s[row] >> 3
        _tile_row(rows, row, t, face, order, tiles, full)


cdef bint _sort(Tiles* tiles, Tiles* other, int key_bits) noexcept nogil:
    """Sort the tiles by number, digit by digit, with the help of others; False if there is no memory."""
    cdef size_t[SIZE] counts
    cdef size_t i, k, total, n = tiles.extent.count
    cdef int shift = 0
    cdef Tiles swap
    other.extent.count = 0
    if not _tiles_grow(other, n):
        return False
    while shift < key_bits:
        memset(counts, 0, sizeof(counts))
        for i in range(n):
            counts[(tiles.tile[i] >> shift) & (SIZE - 1)] += 1
        total = 0
        for k in range(SIZE):
            i = counts[k]
            counts[k] = total
            total += i
        for i in range(n):
            k = (tiles.tile[i] >> shift) & (SIZE - 1)
            other.tile[counts[k]] = tiles.tile[i]
            other.word[counts[k]] = tiles.word[i]
            counts[k] += 1
        swap = tiles[0]
        tiles[0] = other[0]
        other[0] = swap
        tiles.extent.count = n
        shift += DIGIT
    return True


cdef void _put_cells(Line* line, const Rows* rows, int face, int order) noexcept nogil:
    """Ranges at order 29 of rows of an order below 3."""
    cdef size_t row, i
    cdef int64_t v
    cdef uint64_t word = 0
    for row in range(rows.rows.count):
        for i in range(rows.first[row], rows.first[row + 1]):
            for v from rows.v0[i] <= v <= rows.v1[i] by 2:
                word |= (<uint64_t> 1) << cell_in(0, (rows.s[row] - 1 + v) >> 1, (rows.s[row] - 1 - v) >> 1, order)
    put_word(line, <uint64_t> face, word, 2 * order, 2 * (MAX_ORDER - order))


def to_ranges(const uint64_t[::1] runs, int order, int first_face, int last_face):
    """The cells of sorted runs in some base cells as ranges at order 29.

    For each base cell, boundaries of a few sets that are to be united. Tiles that are filled in part are written out;
    those that are filled form rows of cells of the order less 3, and so on, so that the work grows with the outline
    alone.
    """
    cdef Rows[FACES] faces
    cdef Rows full
    cdef Tiles tiles, other
    cdef Line line
    cdef int face, level
    cdef size_t i
    cdef bint failed
    cdef const uint64_t* run = &runs[0] if runs.shape[0] else NULL
    if not (0 <= order <= MAX_ORDER and 0 <= first_face <= last_face < FACES):
        raise ValueError("order must be 0 to 29, base cells 0 to 11")
    memset(faces, 0, sizeof(faces))
    memset(&full, 0, sizeof(Rows))
    memset(&tiles, 0, sizeof(Tiles))
    memset(&other, 0, sizeof(Tiles))
    result = []
    try:
        with nogil:
            for face in range(FACES):
                # Those that are not asked for take nothing.
                faces[face].rows.failed = not first_face <= face <= last_face
            _split(faces, run, runs.shape[0] // 2, order)
        for face in range(first_face, last_face + 1):
            sets = []
            result.append(sets)
            level = order
            while True:
                line_open(&line, faces[face].pieces.count)
                with nogil:
                    failed = _rows_failed(&faces[face])
                    if level >= 3:
                        tiles.extent.count = 0
                        _tile_rows(&faces[face], face, level, &tiles, &full)
                        if tiles.extent.count > 1:
                            failed |= not _sort(&tiles, &other, 2 * (level - 3) + 4)
                        failed |= tiles.extent.failed or _rows_failed(&full)
                        for i in range(tiles.extent.count):
                            put_word(&line, tiles.tile[i], tiles.word[i], 6, 2 * (MAX_ORDER - level))
                        _rows_free(&faces[face])
                        faces[face] = full
                        memset(&full, 0, sizeof(Rows))
                    else:
                        _put_cells(&line, &faces[face], face, level)
                line.extent.failed |= failed
                sets.append(line_take(&line))
                level -= 3
                if level < 0 or faces[face].rows.count == 0:
                    break
    finally:
        _tiles_free(&tiles)
        _tiles_free(&other)
        for face in range(FACES):
            _rows_free(&faces[face])
    return result
