# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The outline of a set of cells: closed rings of cell sides, with the set to the left, seen from outside the sphere.

1. Pieces. A set is a list of cells of several orders. A side of such a cell is a piece of the outline if the cell of
   the same order across it is outside the set. If that cell is partly in the set, the side is halved, and each half
   looks at the smaller cell across it. The number of look-ups is in proportion to the number of cells of several orders
   and of pieces, and not to the area.
2. Corners. A corner of a cell is a point (i, j) of the grid of a base cell, 0 <= i, j <= n. Points on the edge of a
   base cell are in two, three or four of these grids: `corner_at` chooses one of them. All corners are integers, so
   there is no rounding in the question of which pieces meet.
3. Rings. A hash table has the pieces by the corners where they begin, and each piece is followed by the one that begins
   where it ends. Two pieces begin at a corner where two cells of the set touch each other in the corner only. There the
   ring stays with the cell that it comes from. Rings therefore never cross themselves or others, and two cells that
   share a corner but no side are not connected.
4. Points. Sides are straight in the chart of a base cell (see geometry.pxd), but they are not great circles. `points`
   divides them until arcs of great circles are within a tolerance of them.
"""

from libc.math cimport M_PI, atan2, cos, fabs, floor, sin, sqrt
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from hpmask._kernels.buffer cimport Extent, allocate, grow, huge_pages
from hpmask._kernels.checked cimport require, require_ranges
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport cell_in, cell_xy, central_longitude, neighbour, place, spread
from hpmask._kernels.index cimport Index, IndexView, at_or_below, open_index
from hpmask._kernels.polygon cimport chord2, cross, dot, edge_normal
from hpmask._kernels.stopping cimport failure, stopped

cdef enum:
    # Bits of a coordinate of a corner: they go up to 2**29.
    BITS = 30
    LOW = (1 << BITS) - 1

cdef uint32_t NOTHING = ~<uint32_t> 0

# The sides of a cell, anticlockwise: the place of the cell beyond, where the side begins, and where it leads.
cdef int[4] OVER_X = [0, 1, 0, -1]
cdef int[4] OVER_Y = [-1, 0, 1, 0]
cdef int[4] FROM_X = [0, 1, 1, 0]
cdef int[4] FROM_Y = [0, 0, 1, 1]
cdef int[4] ALONG_X = [1, 0, -1, 0]
cdef int[4] ALONG_Y = [0, 1, 0, -1]


cdef struct Piece:
    uint64_t at         # where it begins: base cell, i and j (see `packed`)
    uint32_t length     # in cells of the set's order
    uint8_t side        # which side of its cells it is
    uint8_t done        # whether it is in a ring


cdef struct Slot:
    uint64_t corner
    uint32_t piece      # NOTHING: empty
    uint32_t shared     # whether another piece begins at this corner


cdef struct Pieces:
    Piece* piece
    Extent extent       # fewer than 2**32 - 1
    IndexView index
    int order


cdef inline uint64_t packed(int face, int64_t i, int64_t j) noexcept nogil:
    return (<uint64_t> face << (2 * BITS)) | (<uint64_t> i << BITS) | <uint64_t> j


cdef inline int face_of(uint64_t at) noexcept nogil:
    return <int> (at >> (2 * BITS))


cdef inline int64_t i_of(uint64_t at) noexcept nogil:
    return <int64_t> ((at >> BITS) & LOW)


cdef inline int64_t j_of(uint64_t at) noexcept nogil:
    return <int64_t> (at & LOW)


cdef inline uint64_t corner_at(int face, int64_t i, int64_t j, int64_t n) noexcept nogil:
    """The corner (i, j) of a base cell as that of one of the base cells that have it, the same for all of them."""
    cdef int column = face & 3, row = face >> 2
    cdef int64_t swap
    require(0 <= face < 12)
    require(0 <= i <= n)
    require(0 <= j <= n)
    # North, to the base cell on whose southern edges it is.
    while row and (i == n or j == n):
        if i == n:
            column += row - 1
            i = 0
        else:
            column += 3 * (2 - row)
            j = 0
        row -= 1
    column &= 3
    if row == 0 and i == n:
        # The edge between two northern base cells is the north-western one of the eastern cell, and the pole is in 0.
        if j == n:
            return packed(0, n, n)
        i = j
        j = n
        column = (column + 1) & 3
    elif row == 2 and i == 0:
        if j == 0:
            return packed(8, 0, 0)
        swap = j
        j = i
        i = swap
        column = (column + 3) & 3
    return packed(4 * row + column, i, j)


cdef inline uint64_t begin_of(const Piece* piece, int64_t n) noexcept nogil:
    return corner_at(face_of(piece.at), i_of(piece.at), j_of(piece.at), n)


cdef inline uint64_t end_of(const Piece* piece, int64_t n) noexcept nogil:
    cdef int64_t length = piece.length
    return corner_at(
        face_of(piece.at),
        i_of(piece.at) + length * ALONG_X[piece.side],
        j_of(piece.at) + length * ALONG_Y[piece.side],
        n,
    )


cdef inline uint64_t cell_beside(const Piece* piece, int64_t steps) noexcept nogil:
    """The cell of the set's order, as its base cell, x and y, that a piece passes after some steps of a cell."""
    return packed(
        face_of(piece.at),
        i_of(piece.at) + steps * ALONG_X[piece.side] - FROM_X[piece.side],
        j_of(piece.at) + steps * ALONG_Y[piece.side] - FROM_Y[piece.side],
    )


cdef inline void put_piece(Pieces* pieces, uint64_t at, uint32_t length, int side) noexcept nogil:
    cdef size_t count = pieces.extent.count
    cdef Piece* last
    cdef int64_t step
    if count:
        last = &pieces.piece[count - 1]
        step = last.length
        # Cells of the set are on the left of both, and none on the right, so that no other piece meets them here.
        if (
            last.side == side and (last.at ^ at) >> (2 * BITS) == 0
            and i_of(at) == i_of(last.at) + step * ALONG_X[side] and j_of(at) == j_of(last.at) + step * ALONG_Y[side]
        ):
            last.length += length
            return
    if count == pieces.extent.room:
        if count >= NOTHING - 1:
            pieces.extent.count = pieces.extent.room = 0
            pieces.extent.failed = True
        if not grow(&pieces.extent, 1, &pieces.piece, sizeof(Piece), NULL, 0, NULL, 0):
            return
    pieces.piece[count].at = at
    pieces.piece[count].length = length
    pieces.piece[count].side = <uint8_t> side
    pieces.piece[count].done = 0
    pieces.extent.count = count + 1


cdef void put_side(Pieces* pieces, int face, int64_t x, int64_t y, int order, int side) noexcept nogil:
    """Add what is outline of one side of a cell of the set."""
    cdef int64_t beyond = neighbour(face, x, y, OVER_X[side], OVER_Y[side], order), size
    cdef int shift = 2 * (MAX_ORDER - order), half
    cdef uint64_t start = <uint64_t> beyond << shift
    cdef uint32_t at = at_or_below(&pieces.index, start)
    if at < pieces.index.count and pieces.index.edge[at] < start + ((<uint64_t> 1) << shift):
        # The cell beyond is partly in the set. The halves of the side come in its direction.
        x = 2 * x + FROM_X[side]
        y = 2 * y + FROM_Y[side]
        for half in range(2):
            put_side(pieces, face, x + half * ALONG_X[side], y + half * ALONG_Y[side], order + 1, side)
        return
    if at & 1:
        return
    require(order <= pieces.order)
    size = (<int64_t> 1) << (pieces.order - order)
    put_piece(
        pieces, packed(face, (x + FROM_X[side]) * size, (y + FROM_Y[side]) * size), <uint32_t> size, side
    )


cdef void find_pieces(Pieces* pieces, const uint64_t[::1] boundaries) noexcept nogil:
    cdef int low = 2 * (MAX_ORDER - pieces.order), shift, side, face
    cdef int64_t x, y
    cdef uint64_t a, b
    cdef Py_ssize_t i
    for i in range(0, boundaries.shape[0] - 1, 2):
        if stopped(<uint64_t> i >> 1, 512):
            pieces.extent.failed = True
            return
        a = boundaries[i]
        b = boundaries[i + 1]
        while a < b:
            # The largest cell that begins at a and does not reach beyond b.
            shift = low
            while shift < 2 * MAX_ORDER and not a & (((<uint64_t> 4) << shift) - 1) and (<uint64_t> 4) << shift <= b - a:
                shift += 2
            cell_xy(a >> shift, MAX_ORDER - (shift >> 1), &face, &x, &y)
            for side in range(4):
                put_side(pieces, face, x, y, MAX_ORDER - (shift >> 1), side)
            a += (<uint64_t> 1) << shift


cdef inline uint64_t hashed(uint64_t corner) noexcept nogil:
    """A number with random high bits. The corners of a square of 8 x 8 are next to each other, along the NESTED curve."""
    cdef uint64_t low = spread((corner >> BITS) & 7) | spread(corner & 7) << 1
    cdef uint64_t high = corner & ~((<uint64_t> 7 << BITS) | 7)
    high = (high ^ (high >> 27)) * <uint64_t> 0x9E3779B97F4A7C15
    high ^= high >> 32
    high *= <uint64_t> 0xD6E8FEB86659FD93
    return ((high >> 26) & ~<uint64_t> 63) | low


cdef bint fill_table(const Pieces* pieces, Slot* table, uint64_t slots) noexcept nogil:
    """Put all pieces into a table of a power of two of slots, more than there are pieces; False because of a signal."""
    cdef uint64_t k, corner
    cdef int64_t n = (<int64_t> 1) << pieces.order
    cdef uint32_t i, shared
    for k in range(slots):
        table[k].piece = NOTHING
    for i in range(<uint32_t> pieces.extent.count):
        if stopped(i, 2048):
            return False
        corner = begin_of(&pieces.piece[i], n)
        k = hashed(corner) & (slots - 1)
        shared = 0
        while table[k].piece != NOTHING:
            if table[k].corner == corner:
                table[k].shared = shared = 1
            k = (k + 1) & (slots - 1)
        table[k].corner = corner
        table[k].piece = i
        table[k].shared = shared
    return True


cdef inline uint32_t next_piece(const Pieces* pieces, const Slot* table, uint64_t slots, uint32_t i) noexcept nogil:
    """The piece that follows a piece; NOTHING if there is none, which the outline of a set does not have."""
    cdef const Piece* piece = &pieces.piece[i]
    cdef uint64_t corner = end_of(piece, (<int64_t> 1) << pieces.order)
    cdef uint64_t k = hashed(corner) & (slots - 1)
    while table[k].piece != NOTHING:
        if table[k].corner == corner:
            if not table[k].shared:
                return table[k].piece
            if cell_beside(&pieces.piece[table[k].piece], 0) == cell_beside(piece, <int64_t> piece.length - 1):
                return table[k].piece
        k = (k + 1) & (slots - 1)
    return NOTHING


def rings(const uint64_t[::1] boundaries, Index index, int order):
    """The rings of the outline of a set as straight runs of cell sides.

    Parameters
    ----------
    boundaries : the ranges of the set at order 29.
    index : their index.
    order : the order of the set.

    Returns
    -------
    at : uint64 (m,): where each run begins: base cell << 60 | i << 30 | j, in the grid of `order`.
    side : uint8 (m,): the side of its cells that it runs along: 0 south-east, 1 north-east, 2 north-west, 3 south-west.
    length : uint32 (m,): how many cells long it is.
    offset : int64 (n + 1,): ring k has the runs offset[k] to offset[k + 1] - 1, in the order in which they follow.
    cell : uint64 (n,): the first number at order 29 of a cell of the set that has a side on the ring.
    """
    import numpy as np

    cdef Pieces pieces
    cdef Slot* table = NULL
    cdef uint64_t slots = 16, place_
    cdef uint32_t i, k, first
    cdef size_t count = 0, begin, n_rings = 0, room
    cdef uint64_t turn = 0
    cdef int64_t step
    cdef int shift = 2 * (MAX_ORDER - order)
    cdef Piece* piece
    cdef Piece run
    cdef uint64_t[::1] at, cell
    cdef uint8_t[::1] side
    cdef uint32_t[::1] length
    cdef int64_t[::1] offset
    if not 0 <= order <= MAX_ORDER or boundaries.shape[0] & 1:
        raise ValueError("order must be 0 to 29, and boundaries pairs of starts and stops")
    open_index(&pieces.index, index, (<uint64_t> 12) << (2 * MAX_ORDER))
    require_ranges(boundaries, (<uint64_t> 12) << (2 * MAX_ORDER))
    pieces.order = order
    pieces.piece = NULL
    pieces.extent.count = pieces.extent.room = 0
    pieces.extent.failed = False
    try:
        with nogil:
            find_pieces(&pieces, boundaries)
        if pieces.extent.failed:
            raise failure("no memory for the outline: use a lower order")
        room = pieces.extent.count
        ats, sides, lengths = np.empty(room, np.uint64), np.empty(room, np.uint8), np.empty(room, np.uint32)
        # A ring has four runs or more, except for rings along the edges of base cells.
        offsets, cells = np.empty(room + 1, np.int64), np.empty(room, np.uint64)
        at, side, length, offset, cell = ats, sides, lengths, offsets, cells
        offset[0] = 0
        while slots < 2 * room:
            slots *= 2
        table = <Slot*> allocate(slots, sizeof(Slot))
        if table == NULL:
            raise failure("no memory for the outline: use a lower order")
        huge_pages(table, slots * sizeof(Slot))
        first = i = 0
        with nogil:
            if not fill_table(&pieces, table, slots):
                pieces.extent.failed = True
            for first in range(<uint32_t> room):
                if pieces.extent.failed:
                    break
                if pieces.piece[first].done:
                    continue
                begin = count
                place_ = cell_beside(&pieces.piece[first], 0)
                cell[n_rings] = cell_in(face_of(place_), i_of(place_), j_of(place_), order) << shift
                i = first
                while True:
                    turn += 1
                    if stopped(turn, 2048):
                        pieces.extent.failed = True
                        break
                    piece = &pieces.piece[i]
                    piece.done = 1
                    k = <uint32_t> count - 1
                    if count > begin and joins(at[k], length[k], side[k], piece):
                        length[k] += piece.length
                    else:
                        at[count] = piece.at
                        side[count] = piece.side
                        length[count] = piece.length
                        count += 1
                    i = next_piece(&pieces, table, slots, i)
                    if i == first:
                        break
                    # Only with the index of other boundaries.
                    if i != NOTHING and pieces.piece[i].done:
                        i = NOTHING
                    if i == NOTHING:
                        break
                if i == NOTHING or pieces.extent.failed:
                    break
                if count > begin + 1:
                    # The ring may have begun within a run.
                    run.at = at[begin]
                    run.side = side[begin]
                    k = <uint32_t> count - 1
                    if joins(at[k], length[k], side[k], &run):
                        at[begin] = at[k]
                        length[begin] += length[k]
                        count -= 1
                n_rings += 1
                offset[n_rings] = <int64_t> count
        if pieces.extent.failed:
            raise failure("no memory for the outline: use a lower order")
        if i == NOTHING:
            raise ValueError("the index is not that of the boundaries")
        return (
            ats[:count].copy(), sides[:count].copy(), lengths[:count].copy(), offsets[:n_rings + 1].copy(),
            cells[:n_rings].copy(),
        )
    finally:
        free(pieces.piece)
        free(table)


cdef inline bint joins(uint64_t at, int64_t length, int side, const Piece* piece) noexcept nogil:
    """Whether a piece goes on straight where a run ends."""
    return (
        side == piece.side and (at ^ piece.at) >> (2 * BITS) == 0
        and i_of(piece.at) == i_of(at) + length * ALONG_X[side]
        and j_of(piece.at) == j_of(at) + length * ALONG_Y[side]
    )


cdef struct Points:
    double* lon
    double* lat
    uint8_t* on_edge    # of a base cell
    Extent extent
    double n
    double tolerance
    bint edge           # whether the run is


cdef struct Spot:
    double s
    double v
    double lon
    double z
    double cos_lat
    double p[3]


cdef inline void put_point(Points* points, const Spot* spot, bint edge) noexcept nogil:
    cdef size_t count = points.extent.count
    if count == points.extent.room and not grow(
        &points.extent, 1,
        &points.lon, sizeof(double), &points.lat, sizeof(double), &points.on_edge, sizeof(uint8_t),
    ):
        return
    points.on_edge[count] = edge
    points.lon[count] = spot.lon
    points.lat[count] = atan2(spot.z, spot.cos_lat)
    points.extent.count = count + 1


cdef inline void set_spot(const Points* points, int face, double s, double v, Spot* spot) noexcept nogil:
    spot.s = s
    spot.v = v
    place(face, s, v, points.n, &spot.z, &spot.cos_lat, &spot.lon)
    spot.p[0] = spot.cos_lat * cos(spot.lon)
    spot.p[1] = spot.cos_lat * sin(spot.lon)
    spot.p[2] = spot.z


cdef inline double from_arc(const double* a, const double* b, const double* p) noexcept nogil:
    """Sine of the distance of a point from the great circle through a and b."""
    cdef double way[3]
    cdef double normal[3]
    cdef int i
    if chord2(a, b) == 0:
        return 0
    edge_normal(a, b, normal)
    # Relative to a, so that points close to it do not lose precision.
    for i in range(3):
        way[i] = p[i] - a[i]
    return fabs(dot(way, normal))


cdef void divide(Points* points, int face, const Spot* a, const Spot* b, int depth) noexcept nogil:
    """Add the points between two points of a straight run, so that the arcs are within the tolerance of it."""
    cdef Spot middle
    cdef Spot quarter
    cdef double ds = b.s - a.s, dv = b.v - a.v
    cdef bint far
    set_spot(points, face, a.s + 0.5 * ds, a.v + 0.5 * dv, &middle)
    far = from_arc(a.p, b.p, middle.p) > points.tolerance
    if not far:
        set_spot(points, face, a.s + 0.25 * ds, a.v + 0.25 * dv, &quarter)
        far = from_arc(a.p, b.p, quarter.p) > points.tolerance
    if not far:
        set_spot(points, face, a.s + 0.75 * ds, a.v + 0.75 * dv, &quarter)
        far = from_arc(a.p, b.p, quarter.p) > points.tolerance
    if not far or depth == 0:
        return
    divide(points, face, a, &middle, depth - 1)
    put_point(points, &middle, points.edge)
    divide(points, face, &middle, b, depth - 1)


def points(
    const uint64_t[::1] at, const uint8_t[::1] side, const uint32_t[::1] length, const int64_t[::1] offset,
    int order, double tolerance,
):
    """The points of rings, such that the arcs of great circles between them are within a tolerance of the cell sides.

    Parameters
    ----------
    at, side, length, offset : rings, as from `rings`.
    order : the order of the set.
    tolerance : radians.

    Returns
    -------
    lon, lat : float64 (m,): the points in radians, longitudes from 0 to 2 pi. A corner of cells has the same numbers in
        all rings.
    offset : int64 (n + 1,): ring k has the points offset[k] to offset[k + 1] - 1. The first one is not repeated.
    edge : uint8 (m,): whether a point is on a run, or at the end of one, along the edge of a base cell.
    """
    import numpy as np

    cdef Points out
    cdef Py_ssize_t n_rings = offset.shape[0] - 1, r
    cdef int64_t n = (<int64_t> 1) << order, k, i, j
    cdef uint64_t corner
    cdef int face
    cdef Spot a
    cdef Spot b
    cdef Spot exact
    cdef bint before
    if not 0 <= order <= MAX_ORDER or not tolerance > 0:
        raise ValueError("order must be 0 to 29, and the tolerance positive")
    check_runs(at, side, length, offset, order)
    offsets = np.zeros(n_rings + 1, np.int64)
    cdef int64_t[::1] out_offset = offsets
    cdef double[::1] lons, lats
    cdef uint8_t[::1] edge
    out.lon = NULL
    out.lat = NULL
    out.on_edge = NULL
    out.edge = before = False
    out.extent.count = out.extent.room = 0
    out.extent.failed = False
    out.n = <double> n
    out.tolerance = tolerance
    try:
        with nogil:
            for r in range(n_rings):
                if offset[r + 1] > offset[r]:
                    before = at_edge(at[offset[r + 1] - 1], side[offset[r + 1] - 1], n)
                for k in range(offset[r], offset[r + 1]):
                    if stopped(k, 256):
                        out.extent.failed = True
                    if out.extent.failed:
                        break
                    face = face_of(at[k])
                    i = i_of(at[k])
                    j = j_of(at[k])
                    out.edge = at_edge(at[k], side[k], n)
                    # The numbers of the corner come from one chart for all base cells that share it.
                    corner = corner_at(face, i, j, n)
                    set_spot(
                        &out, face_of(corner), <double> (i_of(corner) + j_of(corner)),
                        <double> (i_of(corner) - j_of(corner)), &exact,
                    )
                    put_point(&out, &exact, before or out.edge)
                    before = out.edge
                    set_spot(&out, face, <double> (i + j), <double> (i - j), &a)
                    i += <int64_t> length[k] * ALONG_X[side[k]]
                    j += <int64_t> length[k] * ALONG_Y[side[k]]
                    set_spot(&out, face, <double> (i + j), <double> (i - j), &b)
                    divide(&out, face, &a, &b, 48)
                out_offset[r + 1] = <int64_t> out.extent.count
        if out.extent.failed:
            raise failure("no memory for the outline: use a lower order")
        lon, lat = np.empty(out.extent.count), np.empty(out.extent.count)
        edges = np.empty(out.extent.count, np.uint8)
        lons, lats, edge = lon, lat, edges
        if out.extent.count:
            memcpy(&lons[0], out.lon, out.extent.count * sizeof(double))
            memcpy(&lats[0], out.lat, out.extent.count * sizeof(double))
            memcpy(&edge[0], out.on_edge, out.extent.count)
        return lon, lat, offsets, edges
    finally:
        free(out.lon)
        free(out.lat)
        free(out.on_edge)


cdef inline bint at_edge(uint64_t at, int side, int64_t n) noexcept nogil:
    """Whether a run is along the edge of its base cell."""
    if side == 0:
        return j_of(at) == 0
    if side == 1:
        return i_of(at) == n
    if side == 2:
        return j_of(at) == n
    return i_of(at) == 0


cdef int check_runs(
    const uint64_t[::1] at, const uint8_t[::1] side, const uint32_t[::1] length, const int64_t[::1] offset, int order,
) except -1:
    """Raise unless all runs lie in base cells, and offsets ascend within them."""
    cdef Py_ssize_t m = at.shape[0], k
    cdef int64_t n = (<int64_t> 1) << order, i, j
    cdef bint good = side.shape[0] == m and length.shape[0] == m and offset.shape[0] > 0
    if good:
        good = offset[0] == 0 and offset[offset.shape[0] - 1] <= m
        for k in range(offset.shape[0] - 1):
            good = good and offset[k] <= offset[k + 1]
        for k in range(m):
            if not good:
                break
            good = side[k] < 4 and face_of(at[k]) < 12 and i_of(at[k]) <= n and j_of(at[k]) <= n
            if good:
                i = i_of(at[k]) + <int64_t> length[k] * ALONG_X[side[k]]
                j = j_of(at[k]) + <int64_t> length[k] * ALONG_Y[side[k]]
                good = 0 <= i <= n and 0 <= j <= n
    if not good:
        raise ValueError("the runs must be those of rings of this order")
    return 0


cdef struct Sum:
    double area         # integral of (z0 - z) dlon
    double turn         # integral of dlon
    double to_north     # 1 - z0
    double to_south     # 1 + z0


cdef inline double lon_within(int face, double s, double v, double n) noexcept nogil:
    """Longitude of a point of a base cell from the middle of the base cell."""
    cdef double rho = (2 + (face >> 2)) * n - s
    cdef double width = rho if rho < n else n if rho <= 3 * n else 4 * n - rho
    return v / width * (M_PI / 4) if width > 0 else 0


cdef void add_run(Sum* sum, int face, double s0, double v0, double s1, double v1, double n) noexcept nogil:
    """Add a straight run that does not leave its polar cap or the belt."""
    cdef double base = (2 + (face >> 2)) * n
    cdef double a = base - s0, b = base - s1, middle = 0.5 * (a + b), turn, unit = M_PI / (12 * n * n)
    if middle < n:
        turn = (v1 / b - v0 / a) * (M_PI / 4) if a > 0 and b > 0 else 0
        sum.area += unit * (a * v1 - v0 * b) - sum.to_north * turn
    elif middle <= 3 * n:
        turn = (v1 - v0) / n * (M_PI / 4)
        sum.area += ((middle - 2 * n) * 2 / (3 * n) + (1 - sum.to_north)) * turn
    else:
        a = 4 * n - a
        b = 4 * n - b
        turn = (v1 / b - v0 / a) * (M_PI / 4) if a > 0 and b > 0 else 0
        sum.area += sum.to_south * turn - unit * (a * v1 - v0 * b)
    sum.turn += turn


def areas(
    const uint64_t[::1] at, const uint8_t[::1] side, const uint32_t[::1] length, const int64_t[::1] offset,
    int order, double[::1] out,
):
    """The area (steradian, 0 to 4 pi) to the left of each ring, within rounding of that of its cells.

    It is the integral of (1 - z) dlon along the ring, and 4 pi more if the south pole is to the left. z is taken
    relative to that of the first point, so that small rings keep their precision. In the chart of a base cell, z and lon
    are such that the integral along a straight run is a product of its ends. A pole on the ring counts as to its right.
    """
    cdef Py_ssize_t n_rings = offset.shape[0] - 1, r
    cdef int64_t k, next_
    cdef double n = <double> ((<int64_t> 1) << order), s0, v0, s1, v1, cut, rho, before, after, turn, winding, total
    cdef int face, other
    cdef Sum sum
    if not 0 <= order <= MAX_ORDER or out.shape[0] != n_rings:
        raise ValueError("order must be 0 to 29, and out have one value for each ring")
    check_runs(at, side, length, offset, order)
    with nogil:
        for r in range(n_rings):
            out[r] = 0
            if offset[r] == offset[r + 1]:
                continue
            k = offset[r]
            sum.area = sum.turn = 0
            rho = (2 + (face_of(at[k]) >> 2)) * n - (i_of(at[k]) + j_of(at[k]))
            if rho < n:
                sum.to_north = rho * rho / (3 * n * n)
                sum.to_south = 2 - sum.to_north
            elif rho <= 3 * n:
                sum.to_north = 1 + (rho - 2 * n) * 2 / (3 * n)
                sum.to_south = 2 - sum.to_north
            else:
                rho = 4 * n - rho
                sum.to_south = rho * rho / (3 * n * n)
                sum.to_north = 2 - sum.to_south
            for k in range(offset[r], offset[r + 1]):
                face = face_of(at[k])
                s0 = <double> (i_of(at[k]) + j_of(at[k]))
                v0 = <double> (i_of(at[k]) - j_of(at[k]))
                s1 = s0 + <double> length[k] * (ALONG_X[side[k]] + ALONG_Y[side[k]])
                v1 = v0 + <double> length[k] * (ALONG_X[side[k]] - ALONG_Y[side[k]])
                # Polar base cells reach from the cap, where s is above n in the north and below it in the south.
                if face >> 2 != 1 and (s0 - n) * (s1 - n) < 0:
                    cut = v0 + (v1 - v0) * ((n - s0) / (s1 - s0))
                    add_run(&sum, face, s0, v0, n, cut, n)
                    add_run(&sum, face, n, cut, s1, v1, n)
                else:
                    add_run(&sum, face, s0, v0, s1, v1, n)
                if (face < 4 and s1 == 2 * n) or (face >= 8 and s1 == 0):
                    # At a pole: around it, on the left.
                    next_ = k + 1 if k + 1 < offset[r + 1] else offset[r]
                    other = face_of(at[next_])
                    before = central_longitude(face) * (M_PI / 4) + lon_within(face, s0, v0, n)
                    after = central_longitude(other) * (M_PI / 4) + lon_within(
                        other,
                        i_of(at[next_]) + j_of(at[next_])
                        + <double> length[next_] * (ALONG_X[side[next_]] + ALONG_Y[side[next_]]),
                        i_of(at[next_]) - j_of(at[next_])
                        + <double> length[next_] * (ALONG_X[side[next_]] - ALONG_Y[side[next_]]),
                        n,
                    )
                    turn = (after - before) / (2 * M_PI)
                    turn = 2 * M_PI * (turn - floor(turn))
                    if face < 4:
                        turn -= 2 * M_PI
                        sum.area -= sum.to_north * turn
                    else:
                        sum.area += sum.to_south * turn
                    sum.turn += turn
            winding = floor(sum.turn / (2 * M_PI) + 0.5)
            total = sum.area + sum.to_north * 2 * M_PI * winding
            if winding < 0 or (winding == 0 and total < 0):
                total += 4 * M_PI
            out[r] = total


cdef inline double chord2_from_arc(const double* a, const double* b, const double* normal, const double* p) noexcept nogil:
    """Square of the chord, or of the sine, of the distance of a point from the arc from a to b (below 180 deg)."""
    cdef double side[3]
    cdef double height, first, last
    cdef int i
    cross(normal, a, side)
    first = 0
    for i in range(3):
        first += side[i] * (p[i] - a[i])
    cross(b, normal, side)
    last = 0
    for i in range(3):
        last += side[i] * (p[i] - b[i])
    if first >= 0 and last >= 0:
        height = 0
        for i in range(3):
            height += normal[i] * (p[i] - a[i])
        return height * height
    first = chord2(a, p)
    last = chord2(b, p)
    return first if first < last else last


cdef struct Chains:
    int64_t* end        # first and last point of the chains that are still to be simplified
    Extent extent       # of ends


cdef inline void put_chain(Chains* chains, int64_t first, int64_t last) noexcept nogil:
    cdef size_t count = chains.extent.count
    if count + 2 > chains.extent.room and not grow(
        &chains.extent, 2, &chains.end, sizeof(int64_t), NULL, 0, NULL, 0
    ):
        return
    chains.end[count] = first
    chains.end[count + 1] = last
    chains.extent.count = count + 2


def simplified(
    const double[:, ::1] vectors, const int64_t[::1] offset, const uint8_t[::1] fixed, double tolerance,
    uint8_t[::1] keep,
):
    """Mark the points that rings keep when they are simplified; a ring that keeps none vanishes.

    The method is that of Douglas and Peucker (1973): of a chain of points, the one that is farthest from the arc between
    its ends is kept, and divides the chain, unless all points are within the tolerance (radians, below pi / 2) of the
    arc. A ring is cut into chains at its first point, the one farthest from it, and those that are fixed.
    """
    cdef Py_ssize_t n_rings = offset.shape[0] - 1, r
    cdef int64_t a, b, k, far, begin, stop, kept
    cdef double limit, d, most, length
    cdef const double* v
    cdef const double* first
    cdef const double* last
    cdef double normal[3]
    cdef double less[3]
    cdef double more[3]
    cdef int i
    cdef bint arc
    cdef Chains chains
    if (
        vectors.shape[1] != 3 or keep.shape[0] != vectors.shape[0] or fixed.shape[0] != vectors.shape[0]
        or n_rings < 0 or offset[0] != 0
        or offset[n_rings] != vectors.shape[0] or not 0 <= tolerance < M_PI / 2
    ):
        raise ValueError("vectors must have shape (n, 3), fixed and keep n values, and the tolerance be below pi / 2")
    for r in range(n_rings):
        if offset[r] > offset[r + 1]:
            raise ValueError("offsets must ascend")
    # The smaller of sine and chord, so that neither is above the tolerance.
    limit = sin(tolerance)
    limit *= limit
    chains.end = NULL
    chains.extent.count = chains.extent.room = 0
    chains.extent.failed = False
    try:
        with nogil:
            v = &vectors[0, 0] if vectors.shape[0] else NULL
            for r in range(n_rings):
                if chains.extent.failed:
                    break
                begin = offset[r]
                stop = offset[r + 1]
                far = begin
                most = 0
                kept = 0
                for k in range(begin, stop):
                    keep[k] = fixed[k]
                    kept += fixed[k]
                    d = chord2(v + 3 * begin, v + 3 * k)
                    if d > most:
                        most = d
                        far = k
                if most <= limit and kept == 0:
                    continue
                keep[begin] = keep[far] = 1
                kept = 0
                a = begin
                for k in range(begin, stop):
                    if keep[k]:
                        kept += 1
                        put_chain(&chains, a, k)
                        a = k
                # `stop` stands for the first point again.
                put_chain(&chains, a, stop)
                while chains.extent.count:
                    chains.extent.count -= 2
                    a = chains.end[chains.extent.count]
                    b = chains.end[chains.extent.count + 1]
                    if b - a < 2:
                        continue
                    first = v + 3 * a
                    last = v + 3 * (b if b < stop else begin)
                    for i in range(3):
                        less[i] = first[i] - last[i]
                        more[i] = first[i] + last[i]
                    cross(less, more, normal)
                    length = sqrt(dot(normal, normal))
                    # Ends that are nearly opposite each other have no arc: the chain is divided.
                    arc = length > 1e-6 or dot(first, last) > 0
                    for i in range(3):
                        normal[i] = normal[i] / length if length > 0 else 0
                    far = a
                    most = -1
                    for k in range(a + 1, b):
                        if stopped(k, 2048):
                            chains.extent.count = 0
                            chains.extent.failed = True
                            break
                        if arc:
                            d = chord2_from_arc(first, last, normal, v + 3 * k)
                        else:
                            d = chord2(first, v + 3 * k)
                            length = chord2(last, v + 3 * k)
                            d = d if d < length else length
                        if d > most:
                            most = d
                            far = k
                    if chains.extent.failed:
                        break
                    if arc and most <= limit:
                        continue
                    keep[far] = 1
                    kept += 1
                    put_chain(&chains, a, far)
                    put_chain(&chains, far, b)
                if kept < 3:
                    for k in range(begin, stop):
                        keep[k] = 0
        if chains.extent.failed:
            raise failure("no memory for the simplified outline")
    finally:
        free(chains.end)
