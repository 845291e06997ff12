# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Intersections of caps, the polygons of mangle, to ranges of NESTED cells.

A cap is a disc of at most a hemisphere, or all sky outside one. It is given by the axis n of the disc and the square d
of the chord of its radius: the disc holds the points p with |p - n|^2 <= d, a form that is precise for small discs too.
A polygon holds the points that all of its caps hold. Caps are closed.

A walk down the quad-tree keeps, for each node, the caps whose edge may pass it. A node that lies outside a cap is left
out; a cap that holds all of a node is dropped; a node without caps is emitted. At the last order

* in mode center a cell is in if all remaining caps hold its centre, to within TIE;
* in mode overlap it is in if the caps share a point of the cell. Then they share the centre, or a point of the cell's
  edges, or what they share lies within the cell, and its outline has a corner, where the edges of two caps cross, or is
  a full circle. Each is looked for.
* in mode inside it is out if it shares a point with the complement of one of the caps: the same test for one cap.

A part of a cell's edge holds no common point if both of its ends lie farther outside of one cap than the part strays
from its chord, because the distance of a point from the plane of a cap's edge is linear. It holds one if an end is a
common point. It is halved otherwise.
"""

from libc.math cimport asin, atan2, fabs, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free

from hpmask._kernels.buffer cimport Extent, allocate, grow
from hpmask._kernels.cell_edges cimport Edge, bend_of, edge_of, parts_of, point_of
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport CELL_RADIUS, CENTER, INSIDE, MAX_ORDER, OVERLAP, TIE, Mode
from hpmask._kernels.geometry cimport cell_with_tie, cell_xy, place_vector
from hpmask._kernels.polygon cimport chord2, cross, dot
from hpmask._kernels.sink cimport Sink, ends_of, owned, sink_ends, sink_mark, sink_open, sink_put, sink_take

# Rounding in distances on the unit sphere.
cdef double TOUCH = 1e-15

# How often a part of a cell's edge is halved: to below TOUCH even for the largest cells.
cdef enum:
    HALVINGS = 52
    # How many parts of a cell's edges are halved at most. Tens are usual. Caps that leave a sliver of a few 1e-15 rad
    # along an edge would need millions, and count as meeting the cell.
    MOST_HALVINGS = 20_000


cdef struct Cap:
    double axis[3]
    double chord2       # the square of the chord of the radius, at most 2
    double radius
    double sine         # of the radius
    bint outside        # the cap is the sky outside the disc


cdef struct Walk:
    int order
    Mode mode
    const Cap* caps
    int64_t n_caps
    int64_t* active     # per level of the tree, the caps whose edge may pass the node
    int64_t halvings    # how many more parts of the cell's edges may be halved
    Sink* sink


cdef inline double depth_in(const Cap* cap, const double* p, bint flip) noexcept nogil:
    """How deep a point lies in a cap (if `flip`, in its complement), measured along the axis; below 0 outside."""
    cdef double value = 0.5 * (cap.chord2 - chord2(cap.axis, p))
    return -value if cap.outside != flip else value


cdef inline double slack(const Cap* cap, double tie) noexcept nogil:
    """How much the depth changes over `tie` radians: at the edge, the distance times the sine of the radius."""
    # Of a cap that is a point something must be left.
    return tie * (cap.sine + tie)


cdef inline bint hold(const Walk* walk, const int64_t* active, int64_t count, const double* p, double tie, bint flip) noexcept nogil:
    """Whether all active caps hold a point, to within `tie` radians."""
    cdef int64_t i
    cdef const Cap* cap
    for i in range(count):
        cap = walk.caps + active[i]
        if depth_in(cap, p, flip) < -slack(cap, tie):
            return False
    return True


cdef bint share_edge(
    Walk* walk, const int64_t* active, int64_t count, bint flip, const Edge* edge, double from_, double to,
    const double* p, const double* q, double bend, int depth,
) noexcept nogil:
    """Whether the active caps share a point of the part of a cell's edge from p to q, which are not such points.

    `bend` bounds how far the part strays from its chord.
    """
    cdef double middle = 0.5 * (from_ + to)
    cdef double m[3]
    cdef int64_t i
    cdef double limit
    cdef const Cap* cap
    for i in range(count):
        cap = walk.caps + active[i]
        limit = -bend - slack(cap, TOUCH)
        if depth_in(cap, p, flip) < limit and depth_in(cap, q, flip) < limit:
            return False
    if depth == 0:
        return False
    if walk.halvings <= 0:
        return True
    walk.halvings -= 1
    point_of(edge, middle, m)
    return (
        hold(walk, active, count, m, TOUCH, flip)
        or share_edge(walk, active, count, flip, edge, from_, middle, p, m, 0.25 * bend, depth - 1)
        or share_edge(walk, active, count, flip, edge, middle, to, m, q, 0.25 * bend, depth - 1)
    )


cdef inline bint in_cell(const double* p, uint64_t cell, int order) noexcept nogil:
    return cell_with_tie(p[2], sqrt(p[0] * p[0] + p[1] * p[1]), atan2(p[1], p[0]), order, 0) == cell


cdef bint point_on_edge(const Cap* a, const double* towards, double cosine, int sign, double* p) noexcept nogil:
    """A point of a cap's edge, in a direction whose angle with that of `towards` has a cosine; False if there is none.

    All terms are as small as the cap: the point is as precise as its coordinates.
    """
    cdef double along[3]
    cdef double across[3]
    cdef double height = 0.5 * chord2(a.axis, towards), length, sine
    cdef int k
    for k in range(3):
        along[k] = towards[k] - a.axis[k] + height * a.axis[k]
    length = sqrt(dot(along, along))
    if length < 1e-15:
        return False            # the same axis, or the opposite one: there is no direction
    cross(a.axis, along, across)
    sine = sqrt((1 - cosine) * (1 + cosine)) * (1 if sign else -1)
    for k in range(3):
        p[k] = a.axis[k] - 0.5 * a.chord2 * a.axis[k] + a.sine / length * (cosine * along[k] + sine * across[k])
    return True


cdef bint crossing_of(const Cap* a, const Cap* b, int sign, double* p) noexcept nogil:
    """A point where the edges of two caps cross; False if there is none.

    With A, B and D, half of the squared chords of the radii and between the axes (1 minus the cosines of the angles),
    the law of cosines gives the direction of the crossing from the axis of `a` as one with the cosine
    (A + D - B - A D) / (sin a sin d), in which nothing large cancels. It is precise from the smaller cap.
    """
    cdef double aa, bb, d, sines, cosine
    if a.radius > b.radius:
        a, b = b, a
    aa, bb, d = 0.5 * a.chord2, 0.5 * b.chord2, 0.5 * chord2(a.axis, b.axis)
    sines = a.sine * sqrt(d * (2 - d))
    if not sines > 0:
        return False
    cosine = (aa + d - bb - aa * d) / sines
    if fabs(cosine) > 1 + 1e-12:
        return False
    return point_on_edge(a, b.axis, max(-1.0, min(1.0, cosine)), sign, p)


cdef bint share_corner(const Walk* walk, const int64_t* active, int64_t count, bint flip, uint64_t cell) noexcept nogil:
    """Whether a point of a cell that the caps share is a point where two edges cross, or some point of an edge."""
    cdef int64_t i, j
    cdef int k, sign
    cdef const Cap* a
    cdef double normal[3]
    cdef double p[3]
    for i in range(count):
        a = walk.caps + active[i]
        # Some point of the edge, towards the axis of the sky that is farthest from the cap's.
        k = 0 if fabs(a.axis[0]) <= fabs(a.axis[1]) and fabs(a.axis[0]) <= fabs(a.axis[2]) else (
            1 if fabs(a.axis[1]) <= fabs(a.axis[2]) else 2
        )
        normal[0] = normal[1] = normal[2] = 0
        normal[k] = 1
        if (
            point_on_edge(a, normal, 1, 0, p)
            and in_cell(p, cell, walk.order)
            and hold(walk, active, count, p, TOUCH, flip)
        ):
            return True
        for j in range(i + 1, count):
            for sign in range(2):
                if (
                    crossing_of(a, walk.caps + active[j], sign, p)
                    and in_cell(p, cell, walk.order)
                    and hold(walk, active, count, p, 1e-13, flip)
                ):
                    return True
    return False


cdef bint share(Walk* walk, const int64_t* active, int64_t count, bint flip, uint64_t cell, const double* centre) noexcept nogil:
    """Whether the active caps (if `flip`, their complements) share a point of a cell."""
    cdef int64_t x, y
    cdef int face, k, part, parts
    cdef double bend
    cdef double ends[2][3]
    cdef double middle[3]
    cdef Edge edge
    if hold(walk, active, count, centre, 0, flip):
        return True
    walk.halvings = MOST_HALVINGS
    cell_xy(cell, walk.order, &face, &x, &y)
    parts = parts_of(walk.order)
    for k in range(4):
        edge_of(face, x, y, walk.order, k, &edge)
        point_of(&edge, 0, ends[0])
        for part in range(parts):
            point_of(&edge, (part + 1.0) / parts, ends[(part + 1) & 1])
            if hold(walk, active, count, ends[part & 1], TOUCH, flip):
                return True
            point_of(&edge, (part + 0.5) / parts, middle)
            bend = bend_of(ends[0], middle, ends[1]) + TOUCH
            if share_edge(
                walk, active, count, flip, &edge, <double> part / parts, (part + 1.0) / parts, ends[part & 1],
                ends[(part + 1) & 1], bend, HALVINGS,
            ):
                return True
    return share_corner(walk, active, count, flip, cell)


cdef void descend(Walk* walk, int face, int64_t x, int64_t y, int level, uint64_t cell, const int64_t* above, int64_t count) noexcept nogil:
    """Emit what the caps hold of a node of order `level`; above[:count] are those whose edge may pass its parent."""
    cdef double p[3]
    cdef double size = <double> ((<int64_t> 1) << level), radius = CELL_RADIUS / size, distance
    cdef int64_t* active = walk.active + <int64_t> level * walk.n_caps
    cdef int64_t i, now = 0
    cdef int shift = 2 * (MAX_ORDER - level), k
    cdef const Cap* cap
    cdef bint inside
    require(level <= walk.order)
    place_vector(face, <double> (x + y + 1), <double> (x - y), size, p)
    for i in range(count):
        cap = walk.caps + above[i]
        distance = sqrt(chord2(cap.axis, p))
        distance = 2 * asin(0.5 * distance) if distance < 2 else 3.2
        if distance > cap.radius + radius + TIE:
            if not cap.outside:
                return
        elif distance < cap.radius - radius - TIE:
            if cap.outside:
                return
        else:
            require(now < walk.n_caps)
            active[now] = above[i]
            now += 1
    if now and level == walk.order:
        if walk.mode == CENTER:
            inside = hold(walk, active, now, p, TIE, False)
        elif walk.mode == OVERLAP:
            inside = share(walk, active, now, False, cell, p)
        else:
            inside = hold(walk, active, now, p, 0, False)
            for i in range(now):
                inside = inside and not share(walk, active + i, 1, True, cell, p)
        if not inside:
            return
        now = 0
    if now == 0:
        sink_put(walk.sink, cell << shift, (cell + 1) << shift)
        return
    if sink_ends(walk.sink):
        return
    for k in range(4):
        descend(walk, face, 2 * x + (k & 1), 2 * y + (k >> 1), level + 1, 4 * cell + k, active, now)


def rasterize(
    const double[:, ::1] axes, const double[::1] chords2, const unsigned char[::1] outside, const int64_t[::1] offsets,
    int order, int mode, int64_t[::1] ends=None,
):
    """Starts and stops, at order 29, of the ranges of cells of each polygon, and the polygons without a cell.

    Polygon i has the caps offsets[i] to offsets[i + 1]; without caps it is the whole sky. The ranges of a polygon
    ascend. `mode` 0: cells whose centre is in the polygon, 1: cells that meet it, 2: cells fully inside it. If `ends`
    is given, it gets the number of ranges up to the end of each polygon.
    """
    cdef Py_ssize_t n = axes.shape[0], n_polygons = offsets.shape[0] - 1, i
    cdef int64_t first, most = 0, j
    cdef Walk walk
    cdef Sink sink
    cdef Cap* caps
    cdef Cap* cap
    cdef uint64_t* missed = NULL
    cdef Extent misses
    cdef int64_t* all_caps
    cdef int64_t* end = NULL
    cdef size_t before
    cdef uint64_t face, stop
    cdef int k
    if not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE:
        raise ValueError("order must be 0 to 29, mode 0 to 2")
    if axes.shape[1] != 3 or chords2.shape[0] != n or outside.shape[0] != n or n_polygons < 0:
        raise ValueError("axes must have shape (n, 3), chords2 and outside (n,), offsets at least one item")
    if offsets[0] != 0 or offsets[n_polygons] != n:
        raise ValueError("offsets must begin with 0 and end with the number of caps")
    for i in range(n_polygons):
        if offsets[i + 1] < offsets[i]:
            raise ValueError("offsets must ascend")
        most = max(most, offsets[i + 1] - offsets[i])
    for i in range(n):
        if not 0 <= chords2[i] <= 2:
            raise ValueError(f"the square of a chord must be from 0 to 2, that of cap {i} is not")
        if not fabs(dot(&axes[i, 0], &axes[i, 0]) - 1) < 1e-9:
            raise ValueError(f"an axis must be a unit vector, that of cap {i} is not")
    end = ends_of(ends, n_polygons)
    misses.count = misses.room = 0
    misses.failed = False
    walk.order = order
    walk.mode = <Mode> mode
    walk.n_caps = most
    walk.sink = &sink
    caps = <Cap*> allocate(n, sizeof(Cap))
    walk.caps = caps
    walk.active = <int64_t*> allocate(most, (order + 2) * sizeof(int64_t))
    sink_open(&sink, 16 + 4 * n_polygons)
    if caps == NULL or walk.active == NULL:
        sink.extent.failed = True
    else:
        with nogil:
            for i in range(n):
                cap = caps + i
                for k in range(3):
                    cap.axis[k] = axes[i, k]
                cap.chord2 = chords2[i]
                cap.radius = 2 * asin(0.5 * sqrt(cap.chord2))
                cap.sine = sqrt(cap.chord2 * (1 - 0.25 * cap.chord2))
                cap.outside = outside[i] != 0
            all_caps = walk.active + <int64_t> (order + 1) * most
            for i in range(n_polygons):
                first = offsets[i]
                for j in range(offsets[i + 1] - first):
                    all_caps[j] = first + j
                # The first range of a polygon may continue the last one of the polygon before it.
                before = sink.extent.count
                stop = sink.stops[before - 1] if before else 0
                for face in range(12):
                    descend(&walk, <int> face, 0, 0, 0, face, all_caps, offsets[i + 1] - first)
                if sink.extent.failed:
                    break
                if sink.extent.count == before and (before == 0 or sink.stops[before - 1] == stop):
                    if misses.count == misses.room and not grow(&misses, 1, &missed, sizeof(uint64_t), NULL, 0, NULL, 0):
                        sink.extent.failed = True
                        break
                    missed[misses.count] = i
                    misses.count += 1
                if end != NULL:
                    sink_mark(&sink, end + i)
    free(caps)
    free(walk.active)
    try:
        starts, stops = sink_take(&sink)
        return starts, stops, owned(&missed, misses.count)
    finally:
        free(missed)
