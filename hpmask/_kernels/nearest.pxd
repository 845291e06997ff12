# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Distances to the nearest cell centre of a set, or of its complement: branch and bound in the quad-tree of the cells.

A node of the tree is a cell of any order. Two look-ups in the boundaries show whether a node meets the target: the
complement of the set for a position inside, and the set for a position outside. A node that does is shrunk to the
smallest node that holds all of its target, and left out if it cannot hold a nearer centre than the best one so far. The
nearest of four children is searched first.

Two bounds limit the centres that a node can hold. First, all centres in it lie within `reach` of its own. That bound
alone would be expensive where an edge is far away, long and smooth: many nodes along it are equally near within the
radius of a node, and their number grows with the order. The second bound follows the edge. With c the node's centre,
p the position, X and Y the coordinates along the sides of base cells, from 0 to 1, and x a point in the node,

    |p - x|**2 = |p - c|**2 - 2 p (x - c)
    x - c = (X - Xc) dx/dX + (Y - Yc) dx/dY + at most `bend`

where |X - Xc| and |Y - Yc| are at most h for the centres of cells, and p dx/dX = (p - c) dx/dX, because dx/dX is at
right angles to c. With s = X + Y and v = X - Y the linear part of p (x - c) is at most
2 h max(|(p - c) dx/ds|, |(p - c) dx/dv|). `bend` bounds half the second derivatives over |ds| + |dv| <= 2 h. These are
at most 2.2 h**2 in the belt and (2.8 + 1.02 / rho) h**2 in a cap, with rho the ring nearest to the pole that the node
reaches, in units of nside. A node at a pole, or across the edge of a cap, where dx/dv jumps, has the first bound only.

The search does not start at the top. A first bound comes from the answer of the position before, and from the last cell
of the target before the position and the first one after it, in the order of numbers. Everything within `COVER` / nside
of a position lies in its cell or the neighbours of its cell. The search starts from these cells, at the finest order
whose cells are wide enough. They are kept for the next position, which usually starts there too.

Distances between unit vectors are compared as squared chords: chords obey the triangle inequality, and need no arc
sine. They cannot resolve distances near 180 degrees; there the chord to the antipode is compared.
"""

from libc.math cimport INFINITY, M_PI, asin, cos, fabs, sin, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport CELL_RADIUS, COVER, END, MAX_ORDER
from hpmask._kernels.geometry cimport cell_xy, neighbour, place, place_vector
from hpmask._kernels.index cimport IndexView, at_or_below, search


cdef enum:
    # A node leaves at most three of its children on the stack when the fourth is looked into; nine or twelve start.
    STACK = 3 * (MAX_ORDER + 1) + 13

cdef extern from *:
    """
    /* For rounding, in squared chords divided by the chord. */
    #define HPMASK_ROOM 4e-15
    """
    const double ROOM "HPMASK_ROOM"


cdef struct Node:
    uint64_t start          # the first of its numbers at order 29
    int order
    uint32_t low            # boundaries at or below its start,
    uint32_t high           # and below its end
    double centre[3]
    double along[3]         # 4 h dx/ds
    double across[3]        # 4 h dx/dv
    double bend             # twice that; infinite where there is no second bound
    double chord2           # from a position to the centre: of the nodes that a search holds


cdef struct Start:
    int64_t cell            # where a search starts: a cell and its neighbours, those that meet the target
    int n
    Node node[9]


cdef struct Target:
    IndexView index
    int order               # of the cells whose centres count
    uint32_t side           # 1: the set, 0: its complement
    double most             # chord beyond which distances do not matter
    double size[MAX_ORDER + 1]        # 1 / nside, by order
    double reach[MAX_ORDER + 1]       # bound of the distance from a node's centre to the centres in it, by order
    int n_base
    Node base[12]
    Start start[MAX_ORDER + 1]
    double answer[3]        # of the position before
    bint answered


cdef inline double square(const double* a, const double* b) noexcept nogil:
    """Squared chord between two unit vectors."""
    return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2])


cdef inline double opposite(const double* a, const double* b) noexcept nogil:
    """Squared chord between a unit vector and the antipode of another."""
    return (a[0] + b[0]) * (a[0] + b[0]) + (a[1] + b[1]) * (a[1] + b[1]) + (a[2] + b[2]) * (a[2] + b[2])


cdef inline void centre_of(uint64_t start, int order, double* centre) noexcept nogil:
    """Centre of the cell of an order that begins at a number."""
    cdef int face
    cdef int64_t x, y
    cell_xy(start >> (2 * (MAX_ORDER - order)), order, &face, &x, &y)
    place_vector(face, <double> (x + y + 1), <double> (x - y), <double> ((<int64_t> 1) << order), centre)


cdef inline uint32_t count(const IndexView* index, uint32_t low, uint32_t high, uint64_t value) noexcept nogil:
    """How many boundaries lie at or below a value, known to be from low to high."""
    if high - low > 32:
        return at_or_below(index, value)
    return search(index.edge, low, high, value)


cdef inline void frame(const Target* target, Node* node) noexcept nogil:
    """Place the centre of a node, and what bounds the centres of the target's cells in it."""
    cdef int face
    cdef int64_t x, y, n = (<int64_t> 1) << node.order
    cdef double z, cos_lat, lon, c, s, rho, rho_min, g, radial, skew, rise, turn, h, size = target.size[node.order]
    cell_xy(node.start >> (2 * (MAX_ORDER - node.order)), node.order, &face, &x, &y)
    place(face, <double> (x + y + 1), <double> (x - y), <double> n, &z, &cos_lat, &lon)
    c = cos(lon)
    s = sin(lon)
    node.centre[0] = cos_lat * c
    node.centre[1] = cos_lat * s
    node.centre[2] = z
    node.bend = INFINITY
    if node.order == target.order:
        return
    h = (size - target.size[target.order]) / 2
    # dx/ds is radial (away from the axis), skew (eastwards) and rise (northwards along the axis); dx/dv is turn, also
    # eastwards.
    rho = (2 + (face >> 2)) - <double> (x + y + 1) * size
    if face >= 8:
        rho = 4 - rho
    if 4 <= face < 8 or rho > 1:
        rise = 2.0 / 3.0
        radial = -rise * z / cos_lat
        skew = 0
        turn = M_PI / 4 * cos_lat
        node.bend = 4.4 * h * h
    else:
        rho_min = rho - size
        if rho == 1 or rho_min <= 0:
            return
        g = sqrt((2 - rho * rho / 3) / 3)
        turn = M_PI / 4 * g
        rise = rho * (2.0 / 3.0)
        radial = rho * rho / (9 * g) - g
        skew = turn * (<double> (x - y) * size / rho)
        if face >= 8:
            radial = -radial
            skew = -skew
        node.bend = (5.6 + 2.04 / rho_min) * h * h
    h *= 4
    node.along[0] = h * (radial * c - skew * s)
    node.along[1] = h * (radial * s + skew * c)
    node.along[2] = h * rise
    node.across[0] = -h * turn * s
    node.across[1] = h * turn * c
    node.across[2] = 0


cdef inline bint settle(const Target* target, Node* node) noexcept nogil:
    """Shrink a node to its target and place its centre; False if there is no target in it."""
    cdef const uint64_t* edge = target.index.edge
    cdef uint64_t first, last
    cdef int shift = 2 * (MAX_ORDER - node.order)
    if node.low == node.high:
        if (node.low & 1) != target.side:
            return False
    else:
        first = node.start if (node.low & 1) == target.side else edge[node.low]
        last = (
            node.start + (((<uint64_t> 1) << shift) - 1) if (node.high & 1) == target.side else edge[node.high - 1] - 1
        )
        if node.order < target.order and first >> (shift - 2) == last >> (shift - 2):
            while node.order < target.order and first >> (shift - 2) == last >> (shift - 2):
                shift -= 2
                node.order += 1
            node.start = first >> shift << shift
            # All boundaries but those of the target itself were left outside.
            if node.low < node.high and edge[node.low] <= node.start:
                node.low += 1
            if node.low < node.high and edge[node.high - 1] >= node.start + ((<uint64_t> 1) << shift):
                node.high -= 1
    require(node.order <= target.order)
    require(node.low <= node.high <= target.index.count)
    frame(target, node)
    return True


cdef inline bint look(const Target* target, uint64_t cell, int order, Node* node) noexcept nogil:
    """The node of a cell, settled; False if there is no target in it."""
    cdef int shift = 2 * (MAX_ORDER - order)
    node.start = cell << shift
    node.order = order
    node.low = at_or_below(&target.index, node.start)
    node.high = at_or_below(&target.index, node.start + (((<uint64_t> 1) << shift) - 1))
    return settle(target, node)


cdef inline void lean(const Node* node, const double* p, double* along, double* across) noexcept nogil:
    """How much the squared chord from p may fall within a node, to first order: along ds and along dv."""
    cdef double x = p[0] - node.centre[0], y = p[1] - node.centre[1], z = p[2] - node.centre[2]
    along[0] = x * node.along[0] + y * node.along[1] + z * node.along[2]
    across[0] = x * node.across[0] + y * node.across[1]


cdef inline bint beyond(const Target* target, const Node* node, const double* p, double best) noexcept nogil:
    """Whether all centres in a node are farther away than the best one so far."""
    cdef double limit = best + target.reach[node.order], along, across
    if node.chord2 > limit * limit:
        return True
    if node.bend == INFINITY:
        return False
    lean(node, p, &along, &across)
    return node.chord2 - max(fabs(along), fabs(across)) - node.bend > best * (best + ROOM)


cdef inline int divide(
    const Target* target, const Node* node, const double* p, double best, Node* child
) noexcept nogil:
    """Those children of a node that meet the target and may hold a nearer centre, settled; returns how many."""
    cdef const uint64_t* edge = target.index.edge
    cdef int n = 0, k, shift = 2 * (MAX_ORDER - node.order - 1)
    cdef uint32_t low = node.low, high, next_low
    cdef uint64_t stop
    cdef double along, across, x, y, lower = 0, limit = best * (best + ROOM)
    if node.bend != INFINITY:
        # The second bound again, for each quarter of the node, before anything of the child is known.
        lean(node, p, &along, &across)
        x = (along + across) / 2
        y = (along - across) / 2
        lower = square(p, node.centre) - node.bend
    for k in range(4):
        high = node.high
        next_low = low
        if k < 3 and low < node.high:
            stop = node.start + (<uint64_t> (k + 1) << shift)
            next_low = count(&target.index, low, node.high, stop)
            # A boundary at the end of this child is at the start of the next one.
            high = next_low - 1 if next_low > low and edge[next_low - 1] == stop else next_low
        if node.bend == INFINITY or (
            lower - (fabs(x) if (x > 0) == (k & 1) else 0) - (fabs(y) if (y > 0) == (k >> 1) else 0) <= limit
        ):
            child[n].start = node.start + (<uint64_t> k << shift)
            child[n].order = node.order + 1
            child[n].low = low
            child[n].high = high
            if settle(target, &child[n]):
                child[n].chord2 = square(p, child[n].centre)
                n += 1
        low = next_low
    return n


cdef inline void candidate(
    const double* p, const double* centre, double* best, double* best2, double* best_opposite, double* answer
) noexcept nogil:
    """Take a centre if it is nearer than the best one so far."""
    cdef double chord2 = square(p, centre), far = opposite(p, centre)
    if chord2 > 2 and best2[0] > 2:
        # Beyond 90 degrees the chord to the antipode is the finer measure.
        if far <= best_opposite[0]:
            return
    elif chord2 >= best2[0]:
        return
    best2[0] = chord2
    best[0] = sqrt(chord2)
    best_opposite[0] = far
    answer[0] = centre[0]
    answer[1] = centre[1]
    answer[2] = centre[2]


cdef inline double angle_of(double best, double best2, double best_opposite) noexcept nogil:
    """The angle, from the measure that `candidate` goes by: so a nearer centre never has the larger angle."""
    return 2 * asin(best / 2) if best2 <= 2 else M_PI - 2 * asin(sqrt(best_opposite) / 2)


cdef inline double nearest(Target* target, const double* p, uint64_t number) noexcept nogil:
    """Angle from a position, which has this number and is not in the target, to the nearest centre in the target."""
    cdef const uint64_t* edge = target.index.edge
    cdef double best = target.most, best2 = best * best, best_opposite = 4 - best2
    cdef double centre[3]
    cdef uint64_t cell
    cdef Node stack[STACK]
    cdef Node child[4]
    cdef Node node
    cdef Start* start
    cdef const Node* first
    cdef int n, m, i, j, k, depth = 0, size = 2 * (MAX_ORDER - target.order)
    cdef int64_t x, y, beside
    cdef int face
    cdef uint32_t at = at_or_below(&target.index, number)

    # A first bound.
    if target.answered:
        candidate(p, target.answer, &best, &best2, &best_opposite, target.answer)
    for k in range(2):
        if k == 0:
            # A boundary at 0 is where the complement ends that is not there.
            if at == 0 or edge[at - 1] == 0:
                continue
            cell = edge[at - 1] - 1
        else:
            if at == target.index.count or edge[at] == END:
                continue
            cell = edge[at]
        centre_of(cell >> size << size, target.order, centre)
        candidate(p, centre, &best, &best2, &best_opposite, target.answer)

    # Where to start.
    k = 0
    while k < target.order and best * ((<int64_t> 1) << (k + 1)) <= COVER:
        k += 1
    if k == 0:
        first, n = target.base, target.n_base
    else:
        start = &target.start[k]
        cell = number >> (2 * (MAX_ORDER - k))
        if start.cell != <int64_t> cell:
            start.cell = <int64_t> cell
            start.n = 0
            cell_xy(cell, k, &face, &x, &y)
            for i in range(-1, 2):
                for j in range(-1, 2):
                    beside = neighbour(face, x, y, i, j, k) if i or j else <int64_t> cell
                    if beside >= 0 and look(target, <uint64_t> beside, k, &start.node[start.n]):
                        start.n += 1
        first, n = start.node, start.n

    # The nearest on top of the stack.
    for i in range(n):
        node = first[i]
        node.chord2 = square(p, node.centre)
        if node.order == target.order:
            candidate(p, node.centre, &best, &best2, &best_opposite, target.answer)
        elif not beyond(target, &node, p, best):
            j = depth
            while j > 0 and stack[j - 1].chord2 < node.chord2:
                stack[j] = stack[j - 1]
                j -= 1
            stack[j] = node
            depth += 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if beyond(target, &node, p, best):
            continue
        n = divide(target, &node, p, best, child)
        m = depth
        for i in range(n):
            if child[i].order == target.order:
                candidate(p, child[i].centre, &best, &best2, &best_opposite, target.answer)
            elif not beyond(target, &child[i], p, best):
                j = depth
                while j > m and stack[j - 1].chord2 < child[i].chord2:
                    stack[j] = stack[j - 1]
                    j -= 1
                stack[j] = child[i]
                depth += 1
                require(depth <= STACK)
    if best == target.most:
        return INFINITY
    target.answered = True
    return angle_of(best, best2, best_opposite)


cdef inline void begin(Target* target, const IndexView* index, int order, uint32_t side, double most) noexcept nogil:
    cdef int k
    target.index = index[0]
    target.order = order
    target.side = side
    # All are nearer than 3: chords reach 2.
    target.most = 3 if most >= M_PI else 2 * sin(most / 2)
    target.answered = False
    for k in range(order + 1):
        # A cell of the order itself has its own centre alone.
        target.size[k] = 1 / <double> ((<int64_t> 1) << k)
        target.reach[k] = CELL_RADIUS * target.size[k] if k < order else 0
        target.start[k].cell = -1
    target.n_base = 0
    for k in range(12):
        if look(target, <uint64_t> k, 0, &target.base[target.n_base]):
            target.n_base += 1
