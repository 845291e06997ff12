# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Distances to the nearest cell centre on the other side of a set's edge: of positions, and of all cells of a map.

Positions are searched for one by one (see nearest.pxd). The cells of a map search together, because neighbouring cells
have nearly the same answer. A walk goes down the quad-tree of the map. A node of it carries, for either side of the set
that it meets, a list of pieces: nodes of the quad-tree of the other side that together hold the nearest centre to every
cell in the node. Its children begin with its lists, and shorten them.

A list is shortened by one centre q of the other side near the node's own centre c. A piece with centre y is useless if
all centres x in it are farther than q from all places p in the node. As all of these are unit vectors, that is the case
if p (q - x) > 0. With |p - c| <= r and |x - y| <= t

    p (q - x) = c (q - y) + (p - c) (q - y) - (p - c) (x - y) - c (x - y)
    c (x - y) <= |c - y| t,     because y (x - y) <= 0
    p (q - x) >= (|c - y|**2 - |c - q|**2) / 2 - r |q - y| - t (r + |c - y|)

and nothing is lost if the right side is above 0. For t = 0 it asks whether the great circle halfway between q and y
passes the node. Far from an edge, this leaves a handful of centres for thousands of cells, and the number of pieces
grows with the edge, not with the sky.

Pieces are divided until they are half of the node's size, and further down where they are few. A node is finished if it
lies on one side and has at most `ENOUGH` pieces left that are all single cells: each of its cells is compared with
these. The last four cells of a branch are finished in the same way. If pieces are larger than cells even there, as near
the edge of a mask finer than the map, each cell searches in them by branch and bound (see nearest.pxd).

If a mask finer than the map has an edge in every few cells of the map, neighbours share too little. Each cell of the
map then searches as a position does.

Pieces are kept for the whole walk, each with its children once it has been divided.
"""

from libc.math cimport INFINITY, M_PI, cos, sin, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport END, MAX_ORDER
from hpmask._kernels.geometry cimport cell_xy, place_vector, ring_number_at
from hpmask._kernels.index cimport Index, IndexView, at_or_below, open_index
from hpmask._kernels.nearest cimport (
    Node, Target, angle_of, begin, beyond, candidate, centre_of, count, divide, frame, nearest, opposite, square,
)
from hpmask._kernels.stopping cimport failure, poll, stopped

cdef enum:
    # Centres that all cells of a node compare.
    ENOUGH = 4
    # A list up to this long is divided down to single cells, as long as it stays so.
    FEW = 24
    # 40 MB of them; beyond that single cells are searched for without keeping any.
    MOST_PIECES = 1 << 18

# A piece is divided if it is larger than this part of the node that it is for.
cdef double PART = 0.5

# Boundaries per cell of a coarser map from which on its cells search alone.
cdef double CROWD = 0.2

# For rounding, in squared chords.
cdef double MARGIN = 2e-15


cdef struct Piece:
    Node node
    double reach            # from its centre to the centres in it
    double some[3]          # one of these, the one of its first cell
    int child               # the first of its children, -1 before it is divided
    int n_children


cdef struct Best:
    double centre[3]        # a centre of the other side near a node
    bint found
    int first               # the pieces of a node: where they begin in the lists,
    int n                   # how many they are,
    bint whole              # and whether all are single cells


cdef struct Walk:
    Target target[2]        # what cells outside and inside look for
    Target grid             # the map
    uint32_t sides          # 1: cells outside are asked for, 2: inside, 3: both
    uint64_t centre         # of a cell of the map: its number at order 29, from the cell's start
    bint nest
    double* out
    Piece* piece
    int n_pieces
    Extent pieces           # their room
    int* list
    int top
    Extent entries          # the lists' room
    bint alone              # each cell searches for itself


cdef inline double radius(const Node* node, double reach) noexcept nogil:
    """Bound of the distance from a node's centre to the centres in it."""
    cdef double a, b
    if reach == 0 or node.bend == INFINITY:
        return reach
    # |ds| |dx/ds| + |dv| |dx/dv| + bend, over |ds| + |dv| <= 2 h.
    a = node.along[0] * node.along[0] + node.along[1] * node.along[1] + node.along[2] * node.along[2]
    b = node.across[0] * node.across[0] + node.across[1] * node.across[1]
    return min(reach, (sqrt(max(a, b)) + node.bend) / 2)


cdef inline bint out_of_memory(const Walk* walk) noexcept nogil:
    return walk.pieces.failed or walk.entries.failed


cdef bint more_list(Walk* walk, int n) noexcept nogil:
    """Make room for n more entries in the lists."""
    walk.entries.count = walk.top
    return grow(&walk.entries, n, &walk.list, sizeof(int), NULL, 0, NULL, 0)


cdef bint add_pieces(Walk* walk, int inside, const Node* node, int n, const double* some) noexcept nogil:
    """Keep nodes as pieces; `some` is the centre of their first cell, if it is known."""
    cdef Piece* piece
    cdef int i, order = walk.target[inside].order
    cdef uint64_t first
    walk.pieces.count = walk.n_pieces
    if not grow(&walk.pieces, n, &walk.piece, sizeof(Piece), NULL, 0, NULL, 0):
        return False
    for i in range(n):
        piece = &walk.piece[walk.n_pieces + i]
        piece.node = node[i]
        piece.reach = radius(&node[i], walk.target[inside].reach[node[i].order])
        piece.child = -1
        piece.n_children = 0
        if node[i].order == order:
            memcpy(piece.some, node[i].centre, sizeof(piece.some))
        elif i == 0 and some != NULL:
            memcpy(piece.some, some, sizeof(piece.some))
        else:
            first = node[i].start
            if (node[i].low & 1) != walk.target[inside].side:
                first = walk.target[inside].index.edge[node[i].low]
            centre_of(first, order, piece.some)
    walk.n_pieces += n
    return True


cdef bint split(Walk* walk, int inside, int which) noexcept nogil:
    """Append the children of a piece to the lists."""
    cdef Node child[4]
    cdef double some[3]
    cdef int i, n, first
    require(0 <= which < walk.n_pieces)
    if walk.piece[which].child < 0:
        n = divide(&walk.target[inside], &walk.piece[which].node, walk.piece[which].node.centre, INFINITY, child)
        first = walk.n_pieces
        memcpy(some, walk.piece[which].some, sizeof(some))
        if not add_pieces(walk, inside, child, n, some):
            return False
        walk.piece[which].child = first
        walk.piece[which].n_children = n
    if not more_list(walk, 4):
        return False
    for i in range(walk.piece[which].n_children):
        walk.list[walk.top] = walk.piece[which].child + i
        walk.top += 1
    require(walk.top <= <int> walk.entries.room)
    return True


cdef inline bint useless(const Piece* piece, const double* c, double r, const double* q, double chord2) noexcept nogil:
    """Whether all centres in a piece are farther than q from all places within r of c; chord2 is that from c to q."""
    cdef double own = square(c, piece.node.centre), gain = (own - chord2) / 2 - MARGIN
    if gain <= 0:
        return False
    if piece.reach == 0:
        return gain * gain > r * r * square(q, piece.node.centre)
    return gain > r * sqrt(square(q, piece.node.centre)) + piece.reach * (r + sqrt(own))


cdef bint shorten(Walk* walk, int inside, const double* c, double r, const Best* old, Best* new) noexcept nogil:
    """The pieces that matter to places within r of c, from a list that serves these and more. False: out of memory."""
    cdef const Target* target = &walk.target[inside]
    cdef const Piece* piece
    cdef int first = walk.top, i, kept, which, stop
    cdef double chord2 = INFINITY, other, limit
    # Whether to divide all, once. With r = 0 there is nothing to compare their size with.
    cdef bint all = r == 0 and old.n <= FEW
    new[0] = old[0]
    new.first = first
    if not more_list(walk, old.n):
        return False
    memcpy(&walk.list[first], &walk.list[old.first], old.n * sizeof(int))
    walk.top += old.n
    if new.found:
        chord2 = square(c, new.centre)
    while True:
        # Children are appended at the end, and kept pieces move to the front.
        i = kept = first
        stop = walk.top
        while i < walk.top:
            which = walk.list[i]
            i += 1
            piece = &walk.piece[which]
            limit = target.most + piece.reach + r + MARGIN
            if square(c, piece.node.centre) > limit * limit:
                continue
            other = square(c, piece.some)
            if other < chord2:
                chord2 = other
                new.found = True
                memcpy(new.centre, piece.some, sizeof(new.centre))
            if useless(piece, c, r, new.centre, chord2):
                continue
            if piece.node.order < target.order and ((all and i <= stop) or (r > 0 and piece.reach > PART * r)):
                if not split(walk, inside, which):
                    return False
                continue
            walk.list[kept] = which
            kept += 1
        # Once more, with the last q.
        walk.top = kept
        kept = first
        new.whole = True
        for i in range(first, walk.top):
            which = walk.list[i]
            if not useless(&walk.piece[which], c, r, new.centre, chord2):
                walk.list[kept] = which
                kept += 1
                if walk.piece[which].node.order < target.order:
                    new.whole = False
        walk.top = kept
        new.n = kept - first
        if new.whole or new.n > FEW:
            return True
        all = True


cdef double nearest_of(Walk* walk, int inside, const Best* list, const double* p, uint64_t number) noexcept nogil:
    """Angle from a place, which has this number, to the nearest centre in a list of pieces."""
    cdef Target* target = &walk.target[inside]
    cdef double best = target.most, best2 = best * best, best_opposite = 4 - best2
    cdef int i, j, k, child, which, bottom = walk.top
    cdef Piece* piece
    if list.n == 0:
        return INFINITY
    if not list.whole:
        if walk.alone or walk.n_pieces > MOST_PIECES:
            return nearest(target, p, number)
        if target.answered:
            candidate(p, target.answer, &best, &best2, &best_opposite, target.answer)
        candidate(p, list.centre, &best, &best2, &best_opposite, target.answer)
    for i in range(list.first, list.first + list.n):
        if not more_list(walk, 1):
            return 0
        walk.list[walk.top] = walk.list[i]
        walk.top += 1
        piece = &walk.piece[walk.list[i]]
        piece.node.chord2 = square(p, piece.node.centre)
        # As in nearest.pxd, but the children are there.
        while walk.top > bottom:
            walk.top -= 1
            piece = &walk.piece[walk.list[walk.top]]
            if piece.node.order == target.order:
                candidate(p, piece.node.centre, &best, &best2, &best_opposite, target.answer)
                continue
            if beyond(target, &piece.node, p, best):
                continue
            j = walk.top
            if not split(walk, inside, walk.list[walk.top]):
                return 0
            # The nearest on top.
            for k in range(j, walk.top):
                which = walk.list[k]
                piece = &walk.piece[which]
                piece.node.chord2 = square(p, piece.node.centre)
                child = k
                while child > j and walk.piece[walk.list[child - 1]].node.chord2 < piece.node.chord2:
                    walk.list[child] = walk.list[child - 1]
                    child -= 1
                walk.list[child] = which
    if best == target.most:
        return INFINITY
    target.answered = True
    return angle_of(best, best2, best_opposite)


cdef void finish(Walk* walk, const Node* node, const Best* list) noexcept nogil:
    """Write the distances of the cells of a node."""
    cdef int order = walk.grid.order, face, inside
    cdef int64_t x, y, n = (<int64_t> 1) << order
    cdef uint64_t cell = node.start >> (2 * (MAX_ORDER - order)), number
    cdef uint64_t stop = cell + ((<uint64_t> 1) << (2 * (order - node.order)))
    cdef double p[3]
    cdef double angle
    while cell < stop and not out_of_memory(walk):
        if stopped(cell, 64):
            walk.pieces.failed = True
            break
        number = (cell << (2 * (MAX_ORDER - order))) + walk.centre
        inside = node.low & 1
        if node.low != node.high:
            inside = at_or_below(&walk.target[0].index, number) & 1
        cell_xy(cell, order, &face, &x, &y)
        angle = INFINITY
        if walk.sides >> inside & 1 and list[inside].n > 0:
            place_vector(face, <double> (x + y + 1), <double> (x - y), <double> n, p)
            angle = nearest_of(walk, inside, &list[inside], p, number)
        require(cell < (<uint64_t> 12) << (2 * order))
        walk.out[cell if walk.nest else ring_number_at(face, x, y, n)] = angle if inside else -angle
        cell += 1


cdef void descend(Walk* walk, Node* node, const Best* above) noexcept nogil:
    """Write the distances of the cells of a node, by the lists of the node above."""
    cdef Best list[2]
    cdef Node child
    cdef int inside, k, top = walk.top, shift = 2 * (MAX_ORDER - node.order - 1)
    cdef bint done = True
    cdef double r
    cdef uint32_t low = node.low
    if walk.alone:
        finish(walk, node, above)
        return
    frame(&walk.grid, node)
    r = radius(node, walk.grid.reach[node.order])
    for inside in range(2):
        list[inside] = above[inside]
        list[inside].n = 0
        if (node.low != node.high or (node.low & 1) == inside) and walk.sides >> inside & 1:
            if not shorten(walk, inside, node.centre, r, &above[inside], &list[inside]):
                return
            if not list[inside].whole or list[inside].n > ENOUGH:
                done = False
    if node.order >= walk.grid.order - 1 or (done and node.low == node.high):
        finish(walk, node, list)
    else:
        for k in range(4):
            child.start = node.start + (<uint64_t> k << shift)
            child.order = node.order + 1
            child.low = count(&walk.target[0].index, low, node.high, child.start)
            child.high = count(
                &walk.target[0].index, child.low, node.high, child.start + (((<uint64_t> 1) << shift) - 1)
            )
            low = child.high
            descend(walk, &child, list)
            if out_of_memory(walk):
                return
    walk.top = top


cdef bint walk_down(Walk* walk, uint64_t cell, int order) noexcept nogil:
    """Write the distances of the map's cells in a cell of an order."""
    cdef Best list[2]
    cdef Node node
    cdef int inside, i, shift = 2 * (MAX_ORDER - order)
    walk.n_pieces = walk.top = 0
    for inside in range(2):
        list[inside].found = list[inside].whole = False
        list[inside].first = walk.top
        list[inside].n = walk.target[inside].n_base
        if not more_list(walk, list[inside].n):
            return False
        for i in range(list[inside].n):
            walk.list[walk.top] = walk.n_pieces + i
            walk.top += 1
        if not add_pieces(walk, inside, walk.target[inside].base, list[inside].n, NULL):
            return False
    node.start = cell << shift
    node.order = order
    node.low = at_or_below(&walk.target[0].index, node.start)
    node.high = at_or_below(&walk.target[0].index, node.start + (((<uint64_t> 1) << shift) - 1))
    descend(walk, &node, list)
    return not out_of_memory(walk)


def vectors(const double[::1] lon, const double[::1] lat, double unit, const double[:, ::1] matrix, double[:, ::1] out):
    """Unit vectors of positions; `unit` is the angles' unit in radians, `matrix` as in cells.numbers."""
    cdef Py_ssize_t n = lon.shape[0], i
    cdef int k
    cdef double cos_lat
    cdef double p[3]
    cdef bint turn = matrix.shape[0] == 3
    if lat.shape[0] != n or out.shape[0] != n or out.shape[1] != 3 or matrix.shape[1] != 3:
        raise ValueError("lon, lat and out must have one length, out shape (n, 3), matrix (3, 3) or (0, 3)")
    with nogil:
        for i in range(n):
            poll(i, 2048)
            cos_lat = cos(lat[i] * unit)
            p[0] = cos_lat * cos(lon[i] * unit)
            p[1] = cos_lat * sin(lon[i] * unit)
            p[2] = sin(lat[i] * unit)
            for k in range(3):
                out[i, k] = matrix[k, 0] * p[0] + matrix[k, 1] * p[1] + matrix[k, 2] * p[2] if turn else p[k]


def signed(
    Index index not None, int order, const double[:, ::1] position, const uint64_t[::1] number, double most,
    double[::1] out,
):
    """Angle from each position to the nearest centre of a cell of `order` on the other side of a set's edge.

    Positive inside the set, negative outside; infinite if there is no other side, or none within the angle `most`.
    `number` holds the cells of the positions at order 29. It is quick if positions that follow each other are near each
    other.
    """
    cdef Py_ssize_t n = number.shape[0], i
    cdef Target target[2]
    cdef IndexView view
    cdef uint32_t inside
    cdef double angle
    if position.shape[0] != n or position.shape[1] != 3 or out.shape[0] != n or not 0 <= order <= MAX_ORDER:
        raise ValueError("position, number and out must have one length, order be 0 to 29")
    open_index(&view, index, END)
    with nogil:
        for inside in range(2):
            begin(&target[inside], &view, order, 1 - inside, most)
        for i in range(n):
            poll(i, 64)
            inside = at_or_below(&view, number[i]) & 1
            angle = nearest(&target[inside], &position[i, 0], number[i])
            out[i] = angle if inside else -angle


def fill_map(
    Index index not None, int own, uint64_t start, uint64_t stop, int order, int map_order, bint nest, uint32_t sides,
    uint64_t centre, double most, double[::1] out,
):
    """Write the signed distances of the map's cells in the cells from `start` to `stop` of an order.

    They are those of `signed`; `own` is the order of the cells whose centres count, `map_order` that of the map,
    no coarser than `order`. Cells outside, if `sides` lacks 1, and those inside, if it lacks 2, get infinite values.
    The side of a cell is that of its first number at order 29 plus `centre`.
    """
    cdef Walk* walk
    cdef IndexView view
    cdef uint64_t cell
    cdef uint32_t inside
    cdef bint ok = True
    if not (0 <= order <= map_order <= MAX_ORDER and 0 <= own <= MAX_ORDER and stop <= (<uint64_t> 12) << (2 * order)):
        raise ValueError("orders must be 0 to 29, and cells of them")
    if <uint64_t> out.shape[0] != (<uint64_t> 12) << (2 * map_order):
        raise ValueError("out must be a full map")
    open_index(&view, index, END)
    walk = <Walk*> malloc(sizeof(Walk))
    if walk == NULL:
        raise failure("no memory for the distances")
    walk.piece = NULL
    walk.list = NULL
    memset(&walk.pieces, 0, sizeof(Extent))
    memset(&walk.entries, 0, sizeof(Extent))
    walk.alone = own > map_order and view.count > CROWD * out.shape[0]
    walk.nest = nest
    walk.sides = sides
    walk.centre = centre
    walk.out = &out[0]
    with nogil:
        for inside in range(2):
            begin(&walk.target[inside], &view, own, 1 - inside, most)
        begin(&walk.grid, &view, map_order, 1, M_PI)
        cell = start
        while ok and cell < stop:
            ok = walk_down(walk, cell, order)
            cell += 1
    free(walk.piece)
    free(walk.list)
    free(walk)
    if not ok:
        raise failure("no memory for the distances")
