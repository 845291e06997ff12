# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Shapes with an outline of arcs to ranges of NESTED cells.

A walk down the quad-tree keeps, for each node, the arcs of the outline that pass within its bounding cap. A node that
no arc passes is fully inside or outside, as its centre is. The others are divided, so the cost grows with the outline.
A cell of the last order that arcs pass is decided by its centre (mode center), or by whether the outline meets the
cell. The shape meets a cell if and only if it holds the cell's centre or the outline meets the cell. It holds all of
the cell if and only if it holds the centre and the outline does not meet the cell. An arc meets a cell if and only if
it begins in the cell or crosses one of its edges.

Whether a zone holds a centre is decided by the latitude and longitude of the centre in the zone's frame, each compared
with two limits. A centre within TIE of a limit is on it, and the zone holds it if the zone is closed there. Zones that
share a limit do the same arithmetic with it, so they partition the centres. If both frames are the same, latitude and
longitude are computed from the ring and the place in it, so all cells of a ring, or on a meridian, are decided alike.

An arc is a piece of a circle n.p = c, from a anticlockwise around n to b, no longer than half the circle; its points
are those of the circle with (n x a).p >= 0 and (b x n).p >= 0. An ellipse is the curve whose distances to two foci
have a given sum.

`polygons` and `paths` take many shapes in one call and keep the memory of the walk from one to the next. `compound` is
the same walk with the outlines of several shapes, of which it decides a boolean function; see the text above it.
"""

from libc.limits cimport INT_MAX
from libc.math cimport M_PI, asin, atan2, cos, fabs, rint, sin, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from hpmask._kernels.buffer cimport Extent, allocate, grow
from hpmask._kernels.cell_edges cimport Edge, bend_of, edge_of, parts_of, point_of
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport CELL_RADIUS, CENTER, INSIDE, MAX_ORDER, OVERLAP, TIE, Mode
from hpmask._kernels.geometry cimport cell_with_tie, cell_xy, place, place_vector
from hpmask._kernels.polygon cimport (
    AFTER, ARC_SIZE, BEFORE, FIRST, LAST, LEVEL, NORMAL, POLAR, Edges, chord2, cross, dot, edge_normal, edges_close,
    edges_hold, edges_open, edges_set,
)
from hpmask._kernels.sink cimport Sink, ends_of, sink_close, sink_ends, sink_grow, sink_mark, sink_open, sink_put, sink_take
from hpmask._kernels.stopping cimport look as stopped_now

cdef enum Kind:
    POLYGON = 0
    ELLIPSE = 1
    ZONE = 2
    PATH = 3
    DISC = 4

cdef enum:
    # A node with more arcs than this takes long by itself.
    MANY = 4096

cdef enum Fault:
    # Why a row of a batch is no shape.
    NONE = 0
    NO_MEMORY = 1
    TOO_MANY = 2
    NOT_FINITE = 3
    FEW = 4
    ENDS_OPPOSITE = 5
    NO_AREA = 6
    WIDTH = 7

# Rounding in distances on the unit sphere.
cdef double TOUCH = 1e-15
# Vertices of a polygon closer than this are one; neighbours this close to opposite do not define their edge.
cdef double SAME = 1e-14
cdef double OPPOSITE = 1e-9
# Radius of a cap that holds all of the sky; one below SMALL_REACH also holds the arcs between its points.
cdef double FAR_REACH = 4
cdef double SMALL_REACH = 1.5
cdef double[3] POLE = [0, 0, 1]
# One over the width of the grid on which vertices of different edges are compared: a few times SAME.
cdef double GRID = 3.5e13


cdef struct Geometry:
    Kind kind
    const double* arcs
    int n_arcs
    const int* bounds               # the arcs of the outline: a polygon may have others
    int n_bounds
    double middle[3]                # all of the outline is within `reach` of this point
    double reach                    # FAR_REACH: not known
    bint far_inside                 # whether the shape holds the sky beyond
    Edges edges                     # polygon
    # ellipse
    double focus1[3]
    double focus2[3]
    double tip[3]                   # a point of the outline
    double distance_sum
    # zone
    double axes[9]                  # the x, y and z axis of its frame
    bint aligned                    # whether these are the cells' own
    double south
    double north
    double west                     # from 0 to 2 pi
    double east
    double width                    # 2 pi: all longitudes
    bint closed[4]                  # the limits, in that order
    # path
    double first[3]
    double last[3]
    bint is_long                    # whether first and last differ
    double normal[3]                # of the circle from first to last
    double after[3]                 # normal x first
    double before[3]                # last x normal
    double sine                     # of the half-width and TIE
    double chord2                   # square of the chord of the half-width and TIE
    double pole_chord2              # square of the chord of what remains to 90 deg
    # disc
    double centre[3]
    double radius


cdef struct Walk:
    const Geometry* shape
    int order
    Mode mode
    uint64_t* cell_of               # the cell in which each arc begins
    int* active                     # arcs that pass a node, behind those that pass its parent
    Extent cells_room
    Extent active_room
    Sink* sink


cdef inline double distance(const double* a, const double* b) noexcept nogil:
    """Angle between two unit vectors, precise at all angles."""
    cdef double c[3]
    cross(a, b, c)
    return atan2(sqrt(dot(c, c)), dot(a, b))


cdef inline bint within(double angle, bint closed) noexcept nogil:
    """Whether a position is on the inner side of a limit, which is `angle` away in the direction outwards."""
    return angle >= -TIE if closed else angle > TIE


cdef inline double unrolled(const Geometry* g, double angle) noexcept nogil:
    """A difference of longitudes, cut in the middle of those that the zone leaves out."""
    cdef double least = 0.5 * g.width - M_PI
    if angle < least:
        return angle + 2 * M_PI
    if angle >= least + 2 * M_PI:
        return angle - 2 * M_PI
    return angle


cdef bint zone_holds(const Geometry* g, double lat, double lon) noexcept nogil:
    """Whether a zone holds a position given in the frame of the zone; lon from -pi to 2 pi."""
    if not within(lat - g.south, g.closed[0]) or not within(g.north - lat, g.closed[1]):
        return False
    if g.width >= 2 * M_PI:
        return True
    if lon < 0:
        lon += 2 * M_PI
    return within(unrolled(g, lon - g.west), g.closed[2]) and within(unrolled(g, g.east - lon), g.closed[3])


cdef bint path_holds(const Geometry* g, const double* p) noexcept nogil:
    """Whether a point is within the half-width of an arc: of the circle beside it, or of its ends."""
    cdef double south[3]
    cdef double height
    cdef int i
    if g.is_long and dot(g.after, p) >= 0 and dot(g.before, p) >= 0:
        height = dot(g.normal, p)
        if fabs(height) < 0.9:
            return fabs(height) <= g.sine
        if height > 0:
            return chord2(g.normal, p) >= g.pole_chord2
        for i in range(3):
            south[i] = -g.normal[i]
        return chord2(south, p) >= g.pole_chord2
    return chord2(g.first, p) <= g.chord2 or chord2(g.last, p) <= g.chord2


cdef bint holds(const Geometry* g, const double* p) noexcept nogil:
    """Whether the shape holds a point."""
    cdef double x, y
    if g.kind == ELLIPSE:
        return distance(p, g.focus1) + distance(p, g.focus2) <= g.distance_sum
    if g.kind == PATH:
        return path_holds(g, p)
    if g.kind == DISC:
        return distance(g.centre, p) <= g.radius
    if g.kind == ZONE:
        x = dot(g.axes, p)
        y = dot(g.axes + 3, p)
        return zone_holds(g, atan2(dot(g.axes + 6, p), sqrt(x * x + y * y)), atan2(y, x))
    return edges_hold(&g.edges, p)


cdef bint holds_centre(const Geometry* g, int face, int64_t x, int64_t y, double size, const double* p) noexcept nogil:
    """Whether the shape holds the centre p of the cell (x, y) of a base cell."""
    cdef double z, cos_lat, lon
    if g.kind != ZONE or not g.aligned:
        return holds(g, p)
    place(face, <double> (x + y + 1), <double> (x - y), size, &z, &cos_lat, &lon)
    return zone_holds(g, atan2(z, cos_lat), lon)


cdef inline bint passes(const Geometry* g, int arc, const double* p, double radius, double chord) noexcept nogil:
    """Whether an arc may pass within `radius` (whose chord is `chord`) of a point: never a wrong no."""
    cdef const double* a
    cdef double height
    if g.kind == ELLIPSE:
        # The sum of the distances changes at most twice as fast as the point moves.
        return fabs(distance(p, g.focus1) + distance(p, g.focus2) - g.distance_sum) <= 2 * radius
    a = g.arcs + arc * ARC_SIZE
    height = dot(a + NORMAL, p)
    # Heights above the circle's plane change no faster than the distance: most arcs are ruled out here.
    if fabs(height - a[LEVEL]) > radius:
        return False
    if dot(a + AFTER, p) >= 0 and dot(a + BEFORE, p) >= 0:
        if a[LEVEL] == 0:
            return True
        return fabs(distance(a + NORMAL, p) - a[POLAR]) <= radius
    return chord2(a + FIRST, p) <= chord * chord or chord2(a + LAST, p) <= chord * chord


cdef inline bint is_far(const Geometry* g, const double* p, double radius) noexcept nogil:
    """Whether no part of the outline is within `radius` of a point; False where that is not obvious."""
    cdef double limit = g.reach + radius    # a chord of that length spans a larger angle
    return limit < 2 and chord2(g.middle, p) > limit * limit


cdef void set_reach(Geometry* g, const double* middle, double reach) noexcept nogil:
    """Let the outline be within `reach` of a direction."""
    cdef double opposite[3]
    cdef double length = sqrt(dot(middle, middle))
    cdef int i
    g.reach = FAR_REACH
    g.far_inside = False
    if length == 0 or reach > SMALL_REACH:
        return
    for i in range(3):
        g.middle[i] = middle[i] / length
        opposite[i] = -g.middle[i]
    g.reach = reach + TIE
    g.far_inside = holds(g, opposite)


cdef inline double value_at(const Geometry* g, const double* arc, const double* p) noexcept nogil:
    """The equation of an arc's curve: zero on it, and changing no faster than the point moves."""
    cdef double south[3]
    cdef int i
    if g.kind == ELLIPSE:
        return 0.5 * (distance(p, g.focus1) + distance(p, g.focus2) - g.distance_sum)
    if fabs(arc[LEVEL]) < 0.9:
        return dot(arc + NORMAL, p) - arc[LEVEL]
    # Around a pole, heights hardly change with the distance, and chords are more accurate.
    if arc[LEVEL] > 0:
        return 0.5 * (chord2(arc + NORMAL, arc + FIRST) - chord2(arc + NORMAL, p))
    for i in range(3):
        south[i] = -arc[NORMAL + i]
    return 0.5 * (chord2(south, p) - chord2(south, arc + FIRST))


cdef inline double touch(const Geometry* g, const double* arc) noexcept nogil:
    """Rounding error of that value: a value nearer to zero counts as a touch."""
    if g.kind == ELLIPSE or fabs(arc[LEVEL]) < 0.9:
        return TOUCH
    # It changes with the distance times the radius of the circle; of a circle that is a pole something must be left.
    return TOUCH * (sqrt(dot(arc + AFTER, arc + AFTER)) + TOUCH)


cdef inline bint on_arc(const Geometry* g, const double* arc, const double* p, double margin) noexcept nogil:
    """Whether a point of the arc's circle is on the arc, and that far from its ends."""
    return g.kind == ELLIPSE or (dot(arc + AFTER, p) >= margin and dot(arc + BEFORE, p) >= margin)


cdef inline double with_slope(const double* focus, const double* p, const double* way, double* slope) noexcept nogil:
    """The distance of p from a focus; adds to `slope` its derivative along `way`, as a function in space."""
    cdef double from_focus[3]
    cdef double chord, half
    cdef int i
    for i in range(3):
        from_focus[i] = p[i] - focus[i]
    chord = sqrt(dot(from_focus, from_focus))
    half = min(0.5 * chord, 1.0)
    if chord > 0:
        slope[0] += dot(from_focus, way) / (chord * sqrt(1 - half * half))
    return 2 * asin(half)


cdef bint keeps_off(const Geometry* g, const double* p, const double* q, double bend) noexcept nogil:
    """Whether an ellipse keeps off a part of a cell's edge, which strays no further than `bend` from its chord p q.

    The distance from a focus, 2 asin(chord / 2), is convex in space. On the chord the sum of the distances is therefore
    no larger than at its ends, and no smaller than on its tangents there. This matters next to a thin ellipse, where the
    sum grows with the square of the distance.
    """
    cdef double way[3]
    cdef double at_p, at_q, slope_p = 0, slope_q = 0, sum = g.distance_sum, low, slack
    cdef int i
    for i in range(3):
        way[i] = q[i] - p[i]
    at_p = with_slope(g.focus1, p, way, &slope_p) + with_slope(g.focus2, p, way, &slope_p)
    at_q = with_slope(g.focus1, q, way, &slope_q) + with_slope(g.focus2, q, way, &slope_q)
    # Up to 2.5 rad from a focus, with some room, the distance changes at most 4 times as fast as a point in space moves.
    if at_p > 2.5 or at_q > 2.5:
        return False
    # Next to nothing for rounding: a part that is not ruled out, and does not touch, is halved to the end.
    slack = 8 * bend + 0.5 * TOUCH
    if at_p < sum and at_q < sum:
        return max(at_p, at_q) < sum - slack
    if slope_p >= 0:
        low = at_p
    elif slope_q <= 0:
        low = at_q
    else:
        # where the tangents meet
        low = at_p + slope_p * (at_q - slope_q - at_p) / (slope_p - slope_q)
    return low > sum + slack


cdef inline bint beyond(
    const Geometry* g, const double* arc, const double* p, const double* q, double bend
) noexcept nogil:
    """Whether the line from p to q, which strays no further than `bend`, lies beyond one end of the arc."""
    cdef double limit = -bend - TOUCH
    if g.kind == ELLIPSE:
        return False
    return (
        (dot(arc + AFTER, p) < limit and dot(arc + AFTER, q) < limit)
        or (dot(arc + BEFORE, p) < limit and dot(arc + BEFORE, q) < limit)
    )


cdef bint crossed(
    const Geometry* g, const double* arc, const Edge* edge, double from_, double to, const double* p, const double* q,
    double bend, int depth,
) noexcept nogil:
    """Whether an arc crosses or touches the part of a cell's edge from p to q.

    `bend` bounds how far the part strays from its chord. With no change of sign, the arc's curve keeps off the part
    if its value at both ends is larger than that, or than the way to the other end; else the part is halved.
    """
    cdef double a, b, middle, length, near = touch(g, arc)
    cdef double m[3]
    if beyond(g, arc, p, q, bend):
        return False
    a = value_at(g, arc, p)
    b = value_at(g, arc, q)
    if fabs(a) <= near and on_arc(g, arc, p, -near):
        return True
    if fabs(b) <= near and on_arc(g, arc, q, -near):
        return True
    if (a > 0) == (b > 0):
        length = sqrt(chord2(p, q)) + bend
        if fabs(a) + fabs(b) > length:
            return False
        if g.kind == ELLIPSE:
            if keeps_off(g, p, q, bend):
                return False
        elif fabs(a) > bend and fabs(b) > bend:
            return False
        if depth == 0:
            return False
    elif on_arc(g, arc, p, bend) and on_arc(g, arc, q, bend):
        return True
    elif depth == 0:
        return on_arc(g, arc, p, -near)
    middle = 0.5 * (from_ + to)
    point_of(edge, middle, m)
    return (
        crossed(g, arc, edge, from_, middle, p, m, 0.25 * bend, depth - 1)
        or crossed(g, arc, edge, middle, to, m, q, 0.25 * bend, depth - 1)
    )


cdef bint meets(Walk* walk, uint64_t cell, const int* active, int count) noexcept nogil:
    """Whether any of the active arcs meets a cell."""
    cdef int i
    for i in range(count):
        if walk.cell_of[active[i]] == cell:
            return True
    return edges_meet(walk.shape, walk.order, cell, active, count)


cdef bint edges_meet(const Geometry* g, int order, uint64_t cell, const int* active, int count) noexcept nogil:
    """Whether any of the active arcs crosses or touches an edge of a cell."""
    cdef int64_t x, y
    cdef int face, i, k, part, parts
    cdef double bend
    cdef double ends[2][3]
    cdef double middle[3]
    cdef Edge edge
    cdef const double* arc
    cell_xy(cell, order, &face, &x, &y)
    parts = parts_of(order)
    for k in range(4):
        edge_of(face, x, y, order, k, &edge)
        point_of(&edge, 0, ends[0])
        for part in range(parts):
            point_of(&edge, (part + 1.0) / parts, ends[(part + 1) & 1])
            point_of(&edge, (part + 0.5) / parts, middle)
            bend = bend_of(ends[0], middle, ends[1]) + TOUCH
            for i in range(count):
                arc = g.arcs + active[i] * ARC_SIZE if g.arcs != NULL else NULL
                if crossed(
                    g, arc, &edge, <double> part / parts, (part + 1.0) / parts, ends[part & 1], ends[(part + 1) & 1],
                    bend, 40,
                ):
                    return True
    return False


cdef void descend(
    Walk* walk, int face, int64_t x, int64_t y, int level, uint64_t cell, const int* above, int count, int* active
) noexcept nogil:
    """Emit what the shape holds of a node of order `level`.

    above[:count] are the arcs that pass its parent; from `active` on there is room for lists of this and lower levels.
    """
    cdef const Geometry* g = walk.shape
    cdef double p[3]
    cdef double size = <double> ((<int64_t> 1) << level), radius = CELL_RADIUS / size
    cdef double chord = radius      # the chord is shorter than the angle
    cdef int i, now = 0, shift = 2 * (MAX_ORDER - level)
    cdef bint inside
    place_vector(face, <double> (x + y + 1), <double> (x - y), size, p)
    if is_far(g, p, radius):
        if g.far_inside:
            sink_put(walk.sink, cell << shift, (cell + 1) << shift)
        return
    if g.reach < 0.25 * radius and level < walk.order:
        # All of the outline is near: no arc is ruled out.
        for i in range(4):
            descend(walk, face, 2 * x + (i & 1), 2 * y + (i >> 1), level + 1, 4 * cell + i, above, count, active)
        return
    # Each level has a list of at most all arcs.
    require(0 <= level <= walk.order)
    require(active - walk.active + count <= <Py_ssize_t> walk.active_room.room)
    if count > MANY and stopped_now():
        walk.sink.extent.failed = True
        return
    for i in range(count):
        require(0 <= above[i] < g.n_arcs)
        if passes(g, above[i], p, radius, chord):
            active[now] = above[i]
            now += 1
    if now == 0:
        if holds_centre(g, face, x, y, size, p):
            sink_put(walk.sink, cell << shift, (cell + 1) << shift)
        return
    if level == walk.order:
        inside = holds_centre(g, face, x, y, size, p)
        if walk.mode == OVERLAP:
            inside = inside or meets(walk, cell, active, now)
        elif walk.mode == INSIDE:
            inside = inside and not meets(walk, cell, active, now)
        if inside:
            sink_put(walk.sink, cell << shift, (cell + 1) << shift)
        return
    if sink_ends(walk.sink):
        return
    for i in range(4):
        descend(walk, face, 2 * x + (i & 1), 2 * y + (i >> 1), level + 1, 4 * cell + i, active, now, active + now)


cdef inline void walk_open(Walk* walk, int order, Mode mode, Sink* sink) noexcept nogil:
    """Begin without memory."""
    walk.order = order
    walk.mode = mode
    walk.sink = sink
    walk.cell_of = NULL
    walk.active = NULL
    walk.cells_room.count = walk.cells_room.room = walk.active_room.count = walk.active_room.room = 0
    walk.cells_room.failed = walk.active_room.failed = False


cdef inline void walk_close(Walk* walk) noexcept nogil:
    free(walk.cell_of)
    free(walk.active)


cdef bint walk_shape(Walk* walk, const Geometry* shape) noexcept nogil:
    """Emit the cells of a shape, ascending; whether there are any. Without memory the sink fails."""
    cdef Sink* sink = walk.sink
    cdef size_t before = sink.extent.count
    cdef uint64_t end = sink.stops[before - 1] if before else 0
    cdef const double* p
    cdef int i, k
    walk.shape = shape
    if (
        not grow(&walk.cells_room, shape.n_arcs, &walk.cell_of, sizeof(uint64_t), NULL, 0, NULL, 0)
        or not grow(
            &walk.active_room, <size_t> shape.n_bounds * (walk.order + 1), &walk.active, sizeof(int), NULL, 0, NULL, 0
        )
    ):
        sink.extent.count = sink.extent.room = 0
        sink.extent.failed = True
        return False
    for k in range(shape.n_bounds):
        i = shape.bounds[k]
        if shape.kind == ELLIPSE:
            p = <const double*> &shape.tip[0]
        else:
            p = shape.arcs + i * ARC_SIZE + FIRST
        walk.cell_of[i] = cell_with_tie(p[2], sqrt(p[0] * p[0] + p[1] * p[1]), atan2(p[1], p[0]), walk.order, 0)
    for i in range(12):
        descend(walk, i, 0, 0, 0, <uint64_t> i, shape.bounds, shape.n_bounds, walk.active)
    # A range that begins where the last shape's ended has made that longer.
    return sink.extent.count > before or (before > 0 and sink.stops[before - 1] != end)


cdef struct Polygon:
    # Memory for a polygon, kept from one to the next.
    double* arcs
    int* rings              # ring k has the arcs rings[k] to rings[k + 1] - 1
    int* bounds             # arcs that divide the inside from the outside
    int* table              # of hashes, and the hash of each arc
    uint64_t* hash
    Extent arcs_room
    Extent rings_room
    Extent bounds_room
    Extent table_room
    Extent hash_room
    int n_bounds
    int ring                # where there is a fault: the ring, and one or two of its vertices, or how many it has
    int64_t vertex[2]


cdef inline void polygon_open(Polygon* polygon, Edges* edges) noexcept nogil:
    """Begin without memory."""
    polygon.arcs = NULL
    polygon.rings = NULL
    polygon.bounds = NULL
    polygon.table = NULL
    polygon.hash = NULL
    polygon.arcs_room.count = polygon.arcs_room.room = 0
    polygon.arcs_room.failed = False
    polygon.rings_room = polygon.bounds_room = polygon.table_room = polygon.hash_room = polygon.arcs_room
    edges_open(edges)


cdef inline void polygon_close(Polygon* polygon, Edges* edges) noexcept nogil:
    free(polygon.arcs)
    free(polygon.rings)
    free(polygon.bounds)
    free(polygon.table)
    free(polygon.hash)
    edges_close(edges)
    polygon_open(polygon, edges)


cdef void set_arc(
    double* arc, const double* normal, double level, double polar, const double* a, const double* b
) noexcept nogil:
    """The arc of the circle normal.p = level, `polar` from the normal, from a anticlockwise to b."""
    cdef int i
    for i in range(3):
        arc[NORMAL + i] = normal[i]
        arc[FIRST + i] = a[i]
        arc[LAST + i] = b[i]
    arc[LEVEL] = level
    arc[POLAR] = polar
    cross(normal, a, arc + AFTER)
    cross(b, normal, arc + BEFORE)


cdef void set_edge(double* arc, const double* a, const double* b) noexcept nogil:
    """The great-circle arc from a to b."""
    cdef double normal[3]
    edge_normal(a, b, normal)
    set_arc(arc, normal, 0, M_PI / 2, a, b)


cdef void any_across(const double* p, double* normal) noexcept nogil:
    """A unit vector at right angles to another."""
    cdef double axis[3]
    cdef int i, k = 0
    for i in range(3):
        axis[i] = 0
        if fabs(p[i]) < fabs(p[k]):
            k = i
    axis[k] = 1
    edge_normal(p, axis, normal)


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """A hash of a number (the finalizer of MurmurHash3)."""
    x = (x ^ (x >> 33)) * <uint64_t> 0xff51afd7ed558ccd
    x = (x ^ (x >> 33)) * <uint64_t> 0xc4ceb9fe1a85ec53
    return x ^ (x >> 33)


cdef inline uint64_t place_hash(const double* p) noexcept nogil:
    """A hash that is the same for points which differ by rounding, unless a limit of the grid is between them."""
    cdef uint64_t hash = 0
    cdef int i
    for i in range(3):
        hash = mixed(hash + <uint64_t> <int64_t> rint(p[i] * GRID))
    return hash


cdef bint same_edge(const double* a, const double* b) noexcept nogil:
    """Whether two edges join the same points, in either sense."""
    cdef double limit = 16 * SAME * SAME
    if chord2(a + FIRST, b + FIRST) < limit and chord2(a + LAST, b + LAST) < limit:
        return True
    return chord2(a + FIRST, b + LAST) < limit and chord2(a + LAST, b + FIRST) < limit


cdef int without_pairs(Polygon* polygon, int start, int stop) noexcept nogil:
    """Take from bounds[start:stop] the edges that are there twice: they divide nothing. The new end; -1: no memory.

    Such are the slits that join a hole to the outer ring, and the common sides of several parts.
    """
    cdef int count = stop - start, i, k, slot, kept = start
    cdef size_t size = 8
    cdef int* bounds = polygon.bounds
    while size < <size_t> count * 2:
        size *= 2
    if not grow(&polygon.table_room, size, &polygon.table, sizeof(int), NULL, 0, NULL, 0):
        return -1
    for i in range(<int> size):
        polygon.table[i] = -1
    for i in range(start, stop):
        slot = <int> (polygon.hash[bounds[i]] & (size - 1))
        while True:
            k = polygon.table[slot]
            if k < 0:
                polygon.table[slot] = i
                break
            # An edge that has gone is there as its complement, and its slot is not free.
            if (
                bounds[k] >= 0
                and polygon.hash[bounds[k]] == polygon.hash[bounds[i]]
                and same_edge(polygon.arcs + bounds[k] * ARC_SIZE, polygon.arcs + bounds[i] * ARC_SIZE)
            ):
                bounds[k] = -1
                bounds[i] = -1
                break
            slot = (slot + 1) & <int> (size - 1)
    for i in range(start, stop):
        if bounds[i] >= 0:
            bounds[kept] = bounds[i]
            kept += 1
    return kept


cdef bint has_area(const Polygon* polygon, int start, int stop) noexcept nogil:
    """Whether the edges bounds[start:stop] of a ring are not all on one great circle, or go once around it."""
    cdef const double* arc
    cdef double normal[3]
    cdef double side[3]
    cdef double length = -1, this, turn = 0
    cdef int i
    for i in range(start, stop):
        arc = polygon.arcs + polygon.bounds[i] * ARC_SIZE
        this = chord2(arc + FIRST, arc + LAST)
        if this > length:
            # The longest edge has the most accurate normal.
            length = this
            memcpy(normal, arc + NORMAL, sizeof(normal))
    if length < 0:
        return False
    for i in range(start, stop):
        arc = polygon.arcs + polygon.bounds[i] * ARC_SIZE
        if fabs(dot(normal, arc + FIRST)) > SAME or fabs(dot(normal, arc + LAST)) > SAME:
            return True
        cross(arc + FIRST, arc + LAST, side)
        turn += atan2(dot(side, normal), dot(arc + FIRST, arc + LAST))
    return (<int64_t> rint(turn / (2 * M_PI))) % 2 != 0


cdef Fault set_polygon(
    Polygon* polygon, Geometry* g, const double* vertices, const int64_t* offsets, int64_t n_rings, bint larger
) noexcept nogil:
    """Prepare the polygon whose ring k has the vertices offsets[k] to offsets[k + 1] - 1 of `vertices`."""
    cdef int64_t total = offsets[n_rings] - offsets[0], given, i, last, first_kept, kept
    cdef int64_t k
    cdef int n = 0, start, j, end
    cdef const double* ring
    cdef double opposite[3]
    g.kind = POLYGON
    polygon.ring = 0
    # Arcs and their numbers are counted by ints.
    if total > INT_MAX // (2 * ARC_SIZE) or n_rings > INT_MAX // 2:
        return TOO_MANY
    if (
        not grow(&polygon.arcs_room, total, &polygon.arcs, ARC_SIZE * sizeof(double), NULL, 0, NULL, 0)
        or not grow(&polygon.rings_room, n_rings + 1, &polygon.rings, sizeof(int), NULL, 0, NULL, 0)
        or not grow(&polygon.bounds_room, total, &polygon.bounds, sizeof(int), NULL, 0, NULL, 0)
        or not grow(&polygon.hash_room, total, &polygon.hash, sizeof(uint64_t), NULL, 0, NULL, 0)
    ):
        return NO_MEMORY
    polygon.rings[0] = 0
    polygon.n_bounds = 0
    if n_rings == 0:
        polygon.vertex[0] = 0
        return FEW
    for k in range(n_rings):
        polygon.ring = <int> k
        ring = vertices + 3 * offsets[k]
        given = offsets[k + 1] - offsets[k]
        start = n
        last = given - 1
        first_kept = kept = -1
        for i in range(given):
            for j in range(3):
                if not fabs(ring[3 * i + j]) <= 2:
                    polygon.vertex[0] = i
                    return NOT_FINITE
                opposite[j] = -ring[3 * i + j]
            if chord2(ring + 3 * i, ring + 3 * last) < SAME * SAME:
                continue
            if chord2(opposite, ring + 3 * last) < OPPOSITE * OPPOSITE:
                polygon.vertex[0] = last
                polygon.vertex[1] = i
                return ENDS_OPPOSITE
            if kept < 0:
                first_kept = i
            else:
                set_edge(polygon.arcs + n * ARC_SIZE, ring + 3 * kept, ring + 3 * i)
                n += 1
            kept = i
            last = i
        if n - start < 2:
            polygon.vertex[0] = n - start + 1 if given else 0
            return FEW
        set_edge(polygon.arcs + n * ARC_SIZE, ring + 3 * kept, ring + 3 * first_kept)
        n += 1
        polygon.rings[k + 1] = n
        end = polygon.n_bounds
        for j in range(start, n):
            polygon.hash[j] = (
                place_hash(polygon.arcs + j * ARC_SIZE + FIRST) + place_hash(polygon.arcs + j * ARC_SIZE + LAST)
            )
            polygon.bounds[end] = j
            end += 1
        end = without_pairs(polygon, polygon.n_bounds, end)
        if end < 0:
            return NO_MEMORY
        if not has_area(polygon, polygon.n_bounds, end):
            return NO_AREA
        polygon.n_bounds = end
    if n_rings > 1:
        polygon.n_bounds = without_pairs(polygon, 0, polygon.n_bounds)
        if polygon.n_bounds < 0:
            return NO_MEMORY
        if polygon.n_bounds == 0:
            return NO_AREA
    require(n <= total)
    require(0 < polygon.n_bounds <= n)
    g.arcs = polygon.arcs
    g.n_arcs = n
    g.bounds = polygon.bounds
    g.n_bounds = polygon.n_bounds
    if not edges_set(&g.edges, polygon.arcs, polygon.rings, <int> n_rings):
        return NO_MEMORY
    if larger:
        g.edges.pole_inside = not g.edges.pole_inside
    set_polygon_reach(g)
    return NONE


cdef void set_polygon_reach(Geometry* g) noexcept nogil:
    """Find a cap with all vertices; a small one also holds the edges."""
    cdef double middle[3]
    cdef double reach2 = 0, length
    cdef int i, k
    for k in range(3):
        middle[k] = 0
        for i in range(g.n_arcs):
            middle[k] += g.arcs[i * ARC_SIZE + FIRST + k]
    length = sqrt(dot(middle, middle))
    for k in range(3):
        middle[k] /= length if length > 0 else 1
    for i in range(g.n_arcs):
        reach2 = max(reach2, chord2(middle, g.arcs + i * ARC_SIZE + FIRST))
    # The angle whose chord that is.
    set_reach(g, middle, 2 * asin(min(1.0, 0.5 * sqrt(reach2))))


class InvalidShape(ValueError):
    """A row of a batch that is no shape.

    Attributes
    ----------
    row : int
    reason : str
    """

    def __init__(self, row, reason):
        super().__init__(f"row {row}: {reason}")
        self.row = row
        self.reason = reason

    def __reduce__(self):
        return InvalidShape, (self.row, self.reason)


cdef object polygon_reason(const Polygon* polygon, Fault fault, int64_t n_rings):
    """What is wrong with a polygon."""
    where = f"ring {polygon.ring}: " if n_rings > 1 else ""
    if fault == TOO_MANY:
        return f"a polygon must have fewer than {INT_MAX // (2 * ARC_SIZE)} vertices"
    if fault == NOT_FINITE:
        return f"{where}a polygon's vertices must be finite, vertex {polygon.vertex[0]} is not"
    if fault == FEW:
        return f"{where}a polygon needs three different vertices, got {polygon.vertex[0]}"
    if fault == ENDS_OPPOSITE:
        return (
            f"{where}a polygon's neighbouring vertices must not be opposite each other, "
            f"{polygon.vertex[0]} and {polygon.vertex[1]} are"
        )
    return f"{where}a polygon must have an area, but all sides of this one run there and back"


cdef class Outline:
    """A shape by its outline. Made by `polygon`, `ellipse`, `disc` and `zone`."""

    cdef Geometry g
    cdef Polygon _memory
    cdef object _kept           # the array that g.arcs points into, if not into the memory

    def __cinit__(self):
        polygon_open(&self._memory, &self.g.edges)

    def __dealloc__(self):
        polygon_close(&self._memory, &self.g.edges)

    @property
    def length(self):
        """Length of the outline in radians; for an ellipse, of the circle round it."""
        cdef const double* a
        cdef double total = 0, radius
        cdef int i
        if self.g.kind == ELLIPSE:
            return 2 * M_PI * sin(0.5 * self.g.distance_sum)
        for i in range(self.g.n_bounds):
            a = self.g.arcs + self.g.bounds[i] * ARC_SIZE
            radius = sin(a[POLAR])
            if radius > 0:
                total += 2 * radius * asin(min(1.0, sqrt(chord2(a + FIRST, a + LAST)) / (2 * radius)))
        return total

    def holds(self, const double[::1] point):
        """Whether the shape holds a point, a unit vector."""
        if point.shape[0] != 3:
            raise ValueError("point must have shape (3,)")
        return holds(&self.g, &point[0])

    def passes(self, const double[::1] point, double radius):
        """Whether the outline passes within `radius` of a point, a unit vector."""
        cdef int i
        if point.shape[0] != 3:
            raise ValueError("point must have shape (3,)")
        for i in range(self.g.n_bounds):
            if passes(&self.g, self.g.bounds[i], &point[0], radius, radius):
                return True
        return False

    def turn(self):
        """Let what is outside be inside, for a polygon."""
        if self.g.kind != POLYGON:
            raise ValueError("only a polygon has another side")
        self.g.edges.pole_inside = not self.g.edges.pole_inside
        self.g.far_inside = not self.g.far_inside

    def rasterize(self, int order, int mode):
        """Range starts and stops (order 29, ascending) of the shape's cells.

        `mode` 0: cells whose centre is in the shape, 1: cells that meet it, 2: cells fully inside it.
        """
        cdef Walk walk
        cdef Sink sink
        check_order_and_mode(order, mode)
        with nogil:
            sink_open(&sink, 16)
            walk_open(&walk, order, <Mode> mode, &sink)
            walk_shape(&walk, &self.g)
            walk_close(&walk)
        return sink_take(&sink)


cdef int check_order_and_mode(int order, int mode) except -1:
    if not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE:
        raise ValueError("order must be 0 to 29, mode 0 to 2")
    return 0


cdef bint list_all(Outline outline) noexcept:
    """Let all arcs be those of the outline."""
    cdef Polygon* memory = &outline._memory
    cdef int i
    if not grow(&memory.bounds_room, outline.g.n_arcs, &memory.bounds, sizeof(int), NULL, 0, NULL, 0):
        return False
    for i in range(outline.g.n_arcs):
        memory.bounds[i] = i
    outline.g.bounds = memory.bounds
    outline.g.n_bounds = outline.g.n_arcs
    return True


cdef int check_offsets(const int64_t[::1] offsets, int64_t stop, str name) except -1:
    """Raise ValueError unless offsets ascend from 0 to `stop`."""
    cdef Py_ssize_t i
    if offsets.shape[0] < 1 or offsets[0] != 0 or offsets[offsets.shape[0] - 1] != stop:
        raise ValueError(f"{name} must begin with 0 and end with {stop}")
    for i in range(1, offsets.shape[0]):
        if offsets[i] < offsets[i - 1]:
            raise ValueError(f"{name} must not descend")
    return 0


def polygon(const double[:, ::1] vertices, const int64_t[::1] rings, bint larger):
    """A polygon by its vertices, unit vectors of shape (n, 3): ring k has rings[k] to rings[k + 1] - 1.

    A vertex that repeats the one before it is left out. The smaller side of each ring is inside that ring, and what is
    inside an odd number of rings is inside the polygon; or what is not, if `larger`. Raises ValueError for a polygon
    that `polygons` refuses.
    """
    cdef Outline self = Outline()
    cdef Fault fault
    cdef double none = 0
    cdef const double* given = &none
    if vertices.shape[1] != 3:
        raise ValueError("vertices must have shape (n, 3)")
    if vertices.shape[0]:
        given = &vertices[0, 0]
    check_offsets(rings, vertices.shape[0], "rings")
    fault = set_polygon(&self._memory, &self.g, given, &rings[0], rings.shape[0] - 1, larger)
    if fault == NO_MEMORY:
        raise MemoryError("no memory for the polygon")
    if fault != NONE:
        raise ValueError(polygon_reason(&self._memory, fault, rings.shape[0] - 1))
    return self


def ellipse(const double[::1] focus1, const double[::1] focus2, const double[::1] tip, double distance_sum):
    """An ellipse by its foci, a point of its outline and the sum of the distances of the outline to the foci."""
    cdef Outline self = Outline()
    cdef double between[3]
    cdef int i
    if focus1.shape[0] != 3 or focus2.shape[0] != 3 or tip.shape[0] != 3:
        raise ValueError("foci and tip must have shape (3,)")
    self.g.kind = ELLIPSE
    self.g.arcs = NULL
    self.g.n_arcs = 1
    if not list_all(self):
        raise MemoryError("no memory for the ellipse")
    for i in range(3):
        self.g.focus1[i] = focus1[i]
        self.g.focus2[i] = focus2[i]
        self.g.tip[i] = tip[i]
        between[i] = focus1[i] + focus2[i]
    self.g.distance_sum = distance_sum
    set_reach(&self.g, between, 0.5 * distance_sum)
    return self


def disc(const double[::1] centre, double radius):
    """All points within `radius`, from 0 to pi, of a point, a unit vector."""
    cdef Outline self = Outline()
    cdef Polygon* memory = &self._memory
    cdef double across[3]
    cdef double side[2][3]
    cdef double sine = sin(radius), cosine = cos(radius)
    cdef int i
    if centre.shape[0] != 3:
        raise ValueError("centre must have shape (3,)")
    self.g.kind = DISC
    memcpy(self.g.centre, &centre[0], sizeof(self.g.centre))
    self.g.radius = radius
    self.g.n_arcs = 0
    if radius < M_PI:
        # Two halves of the circle.
        if not grow(&memory.arcs_room, 2, &memory.arcs, ARC_SIZE * sizeof(double), NULL, 0, NULL, 0):
            raise MemoryError("no memory for the disc")
        any_across(&centre[0], across)
        for i in range(3):
            side[0][i] = cosine * centre[i] + sine * across[i]
            side[1][i] = cosine * centre[i] - sine * across[i]
        for i in range(2):
            set_arc(memory.arcs + i * ARC_SIZE, &centre[0], cosine, radius, side[i], side[1 - i])
        self.g.arcs = memory.arcs
        self.g.n_arcs = 2
    if not list_all(self):
        raise MemoryError("no memory for the disc")
    set_reach(&self.g, &centre[0], radius)
    return self


def zone(
    const double[:, ::1] arcs, const double[:, ::1] axes, bint aligned, const double[::1] limits, double width,
    const unsigned char[::1] closed,
):
    """The points between two latitudes and two longitudes of a frame.

    `axes` are the x, y and z axis of the frame, as rows; `aligned` says that they are those of the cells. `limits` are
    south, north, west and east, the last two from 0 to 2 pi, and `closed` whether the zone holds the points on each.
    `width` is from west to east, 2 pi for all longitudes.
    """
    cdef Outline self = Outline()
    cdef int i
    if arcs.shape[1] != ARC_SIZE or arcs.shape[0] > INT_MAX // ARC_SIZE or axes.shape[0] != 3 or axes.shape[1] != 3:
        raise ValueError("arcs or axes has a wrong shape")
    if limits.shape[0] != 4 or closed.shape[0] != 4:
        raise ValueError("limits and closed must have shape (4,)")
    self.g.kind = ZONE
    self.g.reach = FAR_REACH
    self.g.far_inside = False
    self.g.n_arcs = <int> arcs.shape[0]
    self.g.arcs = &arcs[0, 0] if arcs.shape[0] else NULL
    if not list_all(self):
        raise MemoryError("no memory for the zone")
    for i in range(9):
        self.g.axes[i] = axes[i // 3, i % 3]
    self.g.aligned = aligned
    self.g.south = limits[0]
    self.g.north = limits[1]
    self.g.west = limits[2]
    self.g.east = limits[3]
    self.g.width = width
    for i in range(4):
        self.g.closed[i] = closed[i]
    self._kept = (arcs,)
    return self


def polygons(
    const double[:, ::1] vertices, const int64_t[::1] ring_offsets, const int64_t[::1] polygon_offsets,
    const unsigned char[::1] larger, int order, int mode, int64_t[::1] ends=None,
):
    """Range starts and stops (order 29) of the cells of polygons, one after the other, and rows of those without any.

    Polygon i has the rings polygon_offsets[i] to polygon_offsets[i + 1] - 1, and ring k the vertices ring_offsets[k]
    to ring_offsets[k + 1] - 1, unit vectors of shape (n, 3); see `polygon` for `larger`. Raises InvalidShape for the
    first polygon with a vertex that is not finite, fewer than three different ones in a ring, two neighbours that are
    opposite each other, or a ring without an area. If `ends` is given, it gets the number of ranges up to the end of
    each polygon.
    """
    cdef Polygon polygon
    cdef Geometry g
    cdef Walk walk
    cdef Sink sink, missed
    cdef Fault fault = NONE
    cdef double none = 0
    cdef const double* given = &none
    cdef int64_t row = 0, n = polygon_offsets.shape[0] - 1
    cdef int64_t* end = ends_of(ends, n)
    check_order_and_mode(order, mode)
    if vertices.shape[1] != 3 or larger.shape[0] != n:
        raise ValueError("vertices must have shape (n, 3), larger a value for each polygon")
    check_offsets(ring_offsets, vertices.shape[0], "ring_offsets")
    check_offsets(polygon_offsets, ring_offsets.shape[0] - 1, "polygon_offsets")
    if vertices.shape[0]:
        given = &vertices[0, 0]
    with nogil:
        sink_open(&sink, 8 * n)
        sink_open(&missed, 0)
        walk_open(&walk, order, <Mode> mode, &sink)
        polygon_open(&polygon, &g.edges)
        while row < n and not sink.extent.failed:
            fault = set_polygon(
                &polygon, &g, given, &ring_offsets[polygon_offsets[row]],
                polygon_offsets[row + 1] - polygon_offsets[row], larger[row],
            )
            if fault != NONE:
                break
            if not walk_shape(&walk, &g):
                put_row(&missed, row)
            if sink_ends(&sink):
                break
            if end != NULL:
                sink_mark(&sink, end + row)
            row += 1
        walk_close(&walk)
    try:
        if fault == NO_MEMORY:
            raise MemoryError("no memory for the polygons")
        if fault != NONE:
            raise InvalidShape(row, polygon_reason(&polygon, fault, polygon_offsets[row + 1] - polygon_offsets[row]))
    finally:
        polygon_close(&polygon, &g.edges)
        if fault != NONE:
            sink_close(&sink)
            sink_close(&missed)
    return take_with_rows(&sink, &missed)


cdef inline void put_row(Sink* missed, int64_t row) noexcept nogil:
    """Add a row to a list, which is kept in the starts of a sink."""
    cdef size_t count = missed.extent.count
    if count == missed.extent.room and not sink_grow(missed, 1):
        return
    missed.starts[count] = missed.stops[count] = <uint64_t> row
    missed.extent.count = count + 1


cdef tuple take_with_rows(Sink* sink, Sink* missed):
    """Starts and stops of the ranges, and the rows without any."""
    try:
        starts, stops = sink_take(sink)
    except BaseException:
        sink_close(missed)
        raise
    return starts, stops, sink_take(missed)[0]


cdef struct Path:
    double arcs[4 * ARC_SIZE]
    int bounds[4]


cdef Fault set_path(Path* path, Geometry* g, const double* first, const double* last, double half_width) noexcept nogil:
    """Prepare the points within `half_width` of the great-circle arc between two points.

    Beside the arc, the outline is on two parallels of its circle, and beyond each end on half a circle around it.
    """
    cdef double* arc = path.arcs
    cdef double forward[3]
    cdef double side[4][3]          # left and right of the first point, left and right of the last one
    cdef double sine, cosine, length2 = chord2(first, last)
    cdef bint is_long = length2 >= SAME * SAME
    cdef int i, k, n = 0
    g.kind = PATH
    for i in range(3):
        if not fabs(first[i]) <= 2 or not fabs(last[i]) <= 2:
            return NOT_FINITE
        forward[i] = -last[i]
    # 90 deg in other units may come out a bit above pi / 2.
    if not 0 <= half_width <= M_PI / 2 * (1 + 1e-12):
        return WIDTH
    if chord2(first, forward) < OPPOSITE * OPPOSITE:
        return ENDS_OPPOSITE
    half_width = min(half_width, M_PI / 2)
    g.is_long = is_long
    memcpy(g.first, first, sizeof(g.first))
    memcpy(g.last, last if is_long else first, sizeof(g.last))
    if is_long:
        edge_normal(first, last, g.normal)
    else:
        any_across(first, g.normal)
    cross(g.normal, g.first, g.after)
    cross(g.last, g.normal, g.before)
    g.sine = sin(min(half_width + TIE, M_PI / 2))
    g.chord2 = 4 * sin(0.5 * (half_width + TIE)) ** 2
    g.pole_chord2 = 4 * sin(0.5 * max(M_PI / 2 - half_width - TIE, 0.0)) ** 2
    sine = sin(half_width)
    cosine = cos(half_width)
    for k in range(4):
        for i in range(3):
            side[k][i] = cosine * (g.first[i] if k < 2 else g.last[i]) + (sine if k % 2 == 0 else -sine) * g.normal[i]
    if is_long:
        set_arc(arc, g.normal, sine, M_PI / 2 - half_width, side[0], side[2])
        n = 1
        if half_width > 0:
            set_arc(arc + ARC_SIZE, g.normal, -sine, M_PI / 2 + half_width, side[1], side[3])
            n = 2
    if half_width > 0 or not is_long:
        set_arc(arc + n * ARC_SIZE, g.first, cosine, half_width, side[0], side[1])
        n += 1
        set_arc(arc + n * ARC_SIZE, g.last, cosine, half_width, side[3], side[2])
        n += 1
    for i in range(n):
        path.bounds[i] = i
    g.arcs = path.arcs
    g.bounds = path.bounds
    g.n_arcs = g.n_bounds = n
    for i in range(3):
        forward[i] = g.first[i] + g.last[i]
    set_reach(g, forward, half_width + asin(min(1.0, 0.5 * sqrt(length2))))
    return NONE


def paths(
    const double[:, ::1] first, const double[:, ::1] last, const double[::1] half_width, int order, int mode,
    int64_t[::1] ends=None,
):
    """Range starts and stops (order 29) of the cells of paths, one after the other, and the rows of those without any.

    A path is all points within `half_width`, from 0 to pi / 2, of the great-circle arc from `first` to `last`, unit
    vectors of shape (n, 3); where they are the same, a disc. It is closed. Raises InvalidShape for the first row with
    another half-width, a point that is not finite, or points that are opposite each other. `ends` as for `polygons`.
    """
    cdef Geometry g
    cdef Path path
    cdef Walk walk
    cdef Sink sink, missed
    cdef Fault fault = NONE
    cdef Py_ssize_t row = 0, n = first.shape[0]
    cdef int64_t* end = ends_of(ends, n)
    check_order_and_mode(order, mode)
    if first.shape[1] != 3 or last.shape[1] != 3 or last.shape[0] != n or half_width.shape[0] != n:
        raise ValueError("first and last must have shape (n, 3), half_width (n,)")
    with nogil:
        sink_open(&sink, 8 * n)
        sink_open(&missed, 0)
        walk_open(&walk, order, <Mode> mode, &sink)
        edges_open(&g.edges)
        while row < n and not sink.extent.failed:
            fault = set_path(&path, &g, &first[row, 0], &last[row, 0], half_width[row])
            if fault != NONE:
                break
            if not walk_shape(&walk, &g):
                put_row(&missed, row)
            if sink_ends(&sink):
                break
            if end != NULL:
                sink_mark(&sink, end + row)
            row += 1
        walk_close(&walk)
    if fault != NONE:
        sink_close(&sink)
        sink_close(&missed)
    if fault == WIDTH:
        raise InvalidShape(row, f"half the width must be from 0 to 90 deg, got {half_width[row] * 180 / M_PI:.6g} deg")
    if fault == NOT_FINITE:
        raise InvalidShape(row, "the ends of a path must be finite")
    if fault == ENDS_OPPOSITE:
        raise InvalidShape(row, "the ends of a path must not be opposite each other")
    return take_with_rows(&sink, &missed)


# ---------------------------------------------------------------------- compounds
#
# A compound is a boolean function of shapes, its leaves. The walk is that of one shape, with the arcs of all leaves.
# Where no arc of a leaf passes a node, the leaf holds all or nothing of it. If the function follows from these leaves,
# the node is done. Else what is known is folded into the function, so that its children have only the leaves whose
# outlines pass the node: a union of thousands of shapes costs little more than its parts. A cell of the last order that the outline of one leaf passes is decided like that of one shape. One
# that several outlines pass is divided further by `look`, until each piece is passed by one outline, or by arcs that
# neither end nor cross in it: then points next to each arc, on both sides of it, are in all pieces that the arcs make.
# After LEVELS divisions, which only pieces at vertices and crossings reach, a grid of points decides.

cdef enum Sign:
    # Steps of a program in postfix order; a number from 0 on is a leaf.
    OR = -1
    AND = -2
    XOR = -3
    MINUS = -4
    NOT = -5

cdef enum:
    UNKNOWN = 2
    LEVELS = 6          # a piece of the last level has 1/64 of the cell's width
    POINTS = 4          # and that many points along each side
    MOST_ARCS = 24      # of a piece whose pairs of arcs are compared

# Distance from an arc of the points on either side: more than TIE and rounding.
cdef double ASIDE = 1e-13


cdef struct Compound:
    const Geometry** leaf
    const int* leaf_of              # of each arc, ascending
    const int* arc_of               # its number in the leaf
    const uint64_t* cell_of         # of order 29, in which it begins
    const int* program              # what is left of it at the node
    int steps
    unsigned char* state            # of each leaf: whether it holds the node, or UNKNOWN where its outline passes
    unsigned char* stack
    int* begin                      # of the steps of each item of the stack
    int order
    Mode mode
    bint some_in                    # what was found in a cell
    bint some_out
    Sink* sink


cdef int evaluate(Compound* c) noexcept nogil:
    """The compound by the states of its leaves: 0, 1 or UNKNOWN."""
    cdef unsigned char* stack = c.stack
    cdef unsigned char a, b
    cdef int i, step, top = 0
    for i in range(c.steps):
        step = c.program[i]
        if step >= 0:
            stack[top] = c.state[step]
            top += 1
            continue
        if step == NOT:
            a = stack[top - 1]
            stack[top - 1] = a if a == UNKNOWN else 1 - a
            continue
        top -= 1
        a = stack[top - 1]
        b = stack[top]
        if step == MINUS:
            b = b if b == UNKNOWN else 1 - b
        if step == OR:
            a = 1 if a == 1 or b == 1 else a | b
        elif step == XOR:
            a = UNKNOWN if a == UNKNOWN or b == UNKNOWN else a ^ b
        else:
            a = 0 if a == 0 or b == 0 else UNKNOWN if a == UNKNOWN or b == UNKNOWN else 1
        stack[top - 1] = a
    return stack[0]


cdef int fold(Compound* c, int* out) noexcept nogil:
    """Write the program without the leaves whose state is known; the number of its steps, 0 if nothing is left to ask.

    The result is then in stack[0].
    """
    cdef unsigned char* stack = c.stack
    cdef int* begin = c.begin
    cdef unsigned char a, b
    cdef int i, step, top = 0, n = 0
    for i in range(c.steps):
        step = c.program[i]
        if step >= 0:
            stack[top] = c.state[step]
            begin[top] = n
            if stack[top] == UNKNOWN:
                out[n] = step
                n += 1
            top += 1
            continue
        if step == NOT:
            if stack[top - 1] == UNKNOWN:
                out[n] = NOT
                n += 1
            else:
                stack[top - 1] = 1 - stack[top - 1]
            continue
        top -= 1
        a = stack[top - 1]
        b = stack[top]
        if a == UNKNOWN and b == UNKNOWN:
            out[n] = step
            n += 1
        elif step == OR:
            if a == 1 or b == 1:
                stack[top - 1] = 1
                n = begin[top - 1]
            elif a == 0:
                stack[top - 1] = b
        elif step == XOR:
            # What is known has no steps; if it is 1, the rest turns round.
            if a == UNKNOWN or b == UNKNOWN:
                stack[top - 1] = UNKNOWN
                if a == 1 or b == 1:
                    out[n] = NOT
                    n += 1
            else:
                stack[top - 1] = a ^ b
        elif a == 0 or b == (1 if step == MINUS else 0):
            stack[top - 1] = 0
            n = begin[top - 1]
        elif a == 1:
            stack[top - 1] = b
            if step == MINUS:
                if b == UNKNOWN:
                    out[n] = NOT
                    n += 1
                else:
                    stack[top - 1] = 1 - b
    return n


cdef int still_passing(
    Compound* c, int face, int64_t x, int64_t y, int level, const double* p, const int* above, int count, int* active,
    int* leaves,
) noexcept nogil:
    """Which arcs of above[:count] pass a node with the centre p: their number, and that of their leaves.

    Sets the states of all leaves in the list.
    """
    cdef double size = <double> ((<int64_t> 1) << level), radius = CELL_RADIUS / size
    cdef const Geometry* g
    cdef int i = 0, now = 0, before, leaf
    leaves[0] = 0
    while i < count:
        leaf = c.leaf_of[above[i]]
        g = c.leaf[leaf]
        before = now
        if is_far(g, p, radius):
            c.state[leaf] = g.far_inside
            while i < count and c.leaf_of[above[i]] == leaf:
                i += 1
            continue
        while i < count and c.leaf_of[above[i]] == leaf:
            if passes(g, c.arc_of[above[i]], p, radius, radius):
                active[now] = above[i]
                now += 1
            i += 1
        if now > before:
            c.state[leaf] = UNKNOWN
            leaves[0] += 1
        else:
            c.state[leaf] = holds_centre(g, face, x, y, size, p)
    return now


cdef inline void found(Compound* c, bint value) noexcept nogil:
    if value:
        c.some_in = True
    else:
        c.some_out = True


cdef inline bint decided(const Compound* c) noexcept nogil:
    """Whether what else is in the cell makes no difference."""
    return c.some_in if c.mode == OVERLAP else c.some_out


cdef void look_at_one(
    Compound* c, int face, int64_t x, int64_t y, int level, uint64_t cell, const double* p, const int* active, int count
) noexcept nogil:
    """What is in a node that arcs of one leaf pass."""
    cdef int leaf = c.leaf_of[active[0]], inside, other
    cdef const Geometry* g = c.leaf[leaf]
    cdef double size = <double> ((<int64_t> 1) << level)
    c.state[leaf] = holds_centre(g, face, x, y, size, p)
    inside = evaluate(c)
    c.state[leaf] = 1 - c.state[leaf]
    other = evaluate(c)
    c.state[leaf] = UNKNOWN
    found(c, inside)
    if inside != other and not decided(c) and any_meets(c, cell, level, active, count):
        found(c, other)


cdef bint any_meets(Compound* c, uint64_t cell, int level, const int* active, int count) noexcept nogil:
    """Whether any of the active arcs, of one leaf, meets a node."""
    cdef const Geometry* g = c.leaf[c.leaf_of[active[0]]]
    cdef int i, arc
    for i in range(count):
        if c.cell_of[active[i]] >> (2 * (MAX_ORDER - level)) == cell:
            return True
    for i in range(count):
        arc = c.arc_of[active[i]]
        if edges_meet(g, level, cell, &arc, 1):
            return True
    return False


cdef bint sample(Compound* c, const double* p, const int* active, int count) noexcept nogil:
    """Look at a point that is on none of the active arcs; False if it is on one."""
    cdef int i, leaf, last = -1
    for i in range(count):
        if passes(c.leaf[c.leaf_of[active[i]]], c.arc_of[active[i]], p, 0.5 * ASIDE, 0.5 * ASIDE):
            return False
    for i in range(count):
        leaf = c.leaf_of[active[i]]
        if leaf != last:
            c.state[leaf] = holds(c.leaf[leaf], p)
            last = leaf
    found(c, evaluate(c))
    last = -1
    for i in range(count):
        c.state[c.leaf_of[active[i]]] = UNKNOWN
    return True


cdef bint is_in(const double* p, uint64_t cell, int level) noexcept nogil:
    return cell_with_tie(p[2], sqrt(p[0] * p[0] + p[1] * p[1]), atan2(p[1], p[0]), level, 0) == cell


cdef bint arcs_apart(const double* a, const double* b, const double* p, double radius) noexcept nogil:
    """Whether the circles of two arcs do not cross within `radius` of a point, or are the same there."""
    cdef double sum = 0, less = 0, at_p, change
    cdef int i, sign
    for sign in range(-1, 2, 2):
        # The difference of the two heights is zero where they cross, and changes by at most `change`.
        change = 0
        for i in range(3):
            change += (a[NORMAL + i] + sign * b[NORMAL + i]) ** 2
        change = sqrt(change) * radius
        at_p = fabs(dot(a + NORMAL, p) - a[LEVEL] + sign * (dot(b + NORMAL, p) - b[LEVEL]))
        if at_p > change or at_p + change < 0.1 * ASIDE:
            return True
    return False


cdef bint beside_arcs(
    Compound* c, int level, uint64_t cell, const double* p, double radius, const int* active, int count
) noexcept nogil:
    """Look at points next to each arc, where it is next to the centre p of a node; whether that is all there is."""
    cdef const Geometry* g
    cdef const double* arc
    cdef double foot[3]
    cdef double point[3]
    cdef double height, length, rest
    cdef int i, j, k, sign, number
    cdef bint all_ = count <= MOST_ARCS, seen
    for i in range(count):
        g = c.leaf[c.leaf_of[active[i]]]
        if g.kind == ELLIPSE:
            all_ = False
            continue
        number = c.arc_of[active[i]]
        arc = g.arcs + number * ARC_SIZE
        rest = sqrt(dot(arc + AFTER, arc + AFTER))      # the circle's radius
        height = dot(arc + NORMAL, p)
        for k in range(3):
            foot[k] = p[k] - height * arc[NORMAL + k]
        length = sqrt(dot(foot, foot))
        if rest < radius or length == 0:
            all_ = False
            continue
        # No end may be near, in which case also the foot is on the arc.
        if not on_arc(g, arc, p, radius * rest):
            all_ = False
        for k in range(3):
            foot[k] = arc[LEVEL] * arc[NORMAL + k] + rest / length * foot[k]
        if not on_arc(g, arc, foot, 0):
            continue
        seen = False
        for sign in range(-1, 2, 2):
            for k in range(3):
                point[k] = foot[k] + sign * ASIDE / rest * (arc[NORMAL + k] - arc[LEVEL] * foot[k])
            if is_in(point, cell, level):
                seen = True
                sample(c, point, active, count)
                if decided(c):
                    return True
        if not seen and all_ and (
            c.cell_of[active[i]] >> (2 * (MAX_ORDER - level)) == cell or edges_meet(g, level, cell, &number, 1)
        ):
            all_ = False
        if all_:
            for j in range(i):
                g = c.leaf[c.leaf_of[active[j]]]
                if not arcs_apart(arc, g.arcs + c.arc_of[active[j]] * ARC_SIZE, p, radius):
                    all_ = False
                    break
    return all_


cdef void look(
    Compound* c, int face, int64_t x, int64_t y, int level, uint64_t cell, const double* p, int depth,
    const int* active, int count, int* room,
) noexcept nogil:
    """What is in a node that arcs of several leaves pass; p is its centre."""
    cdef double size = <double> ((<int64_t> 1) << level), radius = CELL_RADIUS / size
    cdef double q[3]
    cdef int i, j, now, leaves, value
    cdef int64_t x2, y2
    sample(c, p, active, count)
    if decided(c) or beside_arcs(c, level, cell, p, radius, active, count) or decided(c):
        return
    if depth == 0:
        for i in range(POINTS):
            for j in range(POINTS):
                place_vector(
                    face, x + y + (i + j + 1.0) / POINTS, x - y + <double> (i - j) / POINTS, size, q
                )
                sample(c, q, active, count)
        return
    for i in range(4):
        x2 = 2 * x + (i & 1)
        y2 = 2 * y + (i >> 1)
        place_vector(face, <double> (x2 + y2 + 1), <double> (x2 - y2), 2 * size, q)
        now = still_passing(c, face, x2, y2, level + 1, q, active, count, room, &leaves)
        value = evaluate(c)
        if value != UNKNOWN:
            found(c, value)
        elif leaves == 1:
            look_at_one(c, face, x2, y2, level + 1, 4 * cell + i, q, room, now)
        else:
            look(c, face, x2, y2, level + 1, 4 * cell + i, q, depth - 1, room, now, room + now)
        if decided(c):
            return


cdef void descend_compound(
    Compound* c, int face, int64_t x, int64_t y, int level, uint64_t cell, const int* above, int count, int* active,
    int* folded,
) noexcept nogil:
    """`descend` for a compound; `folded` has room for the programs of the levels below."""
    cdef double p[3]
    cdef const int* program = c.program
    cdef int i, now, leaves, value, steps = c.steps, shift = 2 * (MAX_ORDER - level)
    place_vector(face, <double> (x + y + 1), <double> (x - y), <double> ((<int64_t> 1) << level), p)
    now = still_passing(c, face, x, y, level, p, above, count, active, &leaves)
    c.steps = fold(c, folded)
    c.program = folded
    value = UNKNOWN if c.steps else c.stack[0]
    if value == UNKNOWN and level == c.order:
        c.some_in = c.some_out = False
        if leaves == 1:
            look_at_one(c, face, x, y, level, cell, p, active, now)
        else:
            look(c, face, x, y, level, cell, p, min(LEVELS, MAX_ORDER - level), active, now, active + now)
        value = c.some_in if c.mode == OVERLAP else not c.some_out
    if value == UNKNOWN:
        if not sink_ends(c.sink):
            for i in range(4):
                descend_compound(
                    c, face, 2 * x + (i & 1), 2 * y + (i >> 1), level + 1, 4 * cell + i, active, now, active + now,
                    folded + c.steps,
                )
    elif value:
        sink_put(c.sink, cell << shift, (cell + 1) << shift)
    c.program = program
    c.steps = steps


def compound(list outlines, const int[::1] program, int order, int mode):
    """Range starts and stops (order 29, ascending) of the cells of a boolean function of shapes; mode 1 or 2.

    `program` is the function in postfix order: numbers of `outlines`, and -1 for |, -2 for &, -3 for ^, -4 for -.
    """
    cdef Compound c
    cdef Sink sink
    cdef Outline outline
    cdef Py_ssize_t n = len(outlines), i, k, total = 0, depth = 0
    cdef int j, levels
    cdef const double* p
    cdef const Geometry** leaf = NULL
    cdef int* ints = NULL           # three lists of one number for each arc, and the active ones of each level
    cdef int* programs = NULL       # the places of the stack's items, and a program for each level
    cdef unsigned char* bytes_ = NULL
    cdef uint64_t* cells = NULL
    check_order_and_mode(order, mode)
    if mode == CENTER:
        raise ValueError("mode must be 1 or 2")
    for i in range(program.shape[0]):
        if not MINUS <= program[i] < n:
            raise ValueError(f"program must have numbers from -4 to {n - 1}")
        depth += 1 if program[i] >= 0 else -1
        if depth < 1:
            raise ValueError("program has a sign without two operands before it")
    if depth != 1:
        raise ValueError("program must leave one result")
    for outline in outlines:
        total += outline.g.n_bounds
    if total > INT_MAX // 2 or n > INT_MAX // 2:
        raise ValueError("a compound must have fewer sides")
    levels = order + LEVELS + 4
    sink_open(&sink, 16)
    try:
        leaf = <const Geometry**> allocate(n, sizeof(Geometry*))
        ints = <int*> allocate(total, levels * sizeof(int))
        bytes_ = <unsigned char*> allocate(n + program.shape[0], 1)
        cells = <uint64_t*> allocate(total, sizeof(uint64_t))
        programs = <int*> allocate(program.shape[0], (order + 2) * sizeof(int))
        if leaf == NULL or ints == NULL or bytes_ == NULL or cells == NULL or programs == NULL:
            sink.extent.failed = True
            return sink_take(&sink)
        k = 0
        for i in range(n):
            outline = outlines[i]
            leaf[i] = &outline.g
            for j in range(outline.g.n_bounds):
                ints[k] = <int> i
                ints[total + k] = outline.g.bounds[j]
                ints[2 * total + k] = <int> k
                if outline.g.kind == ELLIPSE:
                    p = &outline.g.tip[0]
                else:
                    p = outline.g.arcs + outline.g.bounds[j] * ARC_SIZE + FIRST
                cells[k] = cell_with_tie(p[2], sqrt(p[0] * p[0] + p[1] * p[1]), atan2(p[1], p[0]), MAX_ORDER, 0)
                k += 1
            # Without arcs it holds all or nothing.
            bytes_[i] = UNKNOWN if outline.g.n_bounds else holds(&outline.g, POLE)
        c.leaf = leaf
        c.leaf_of = ints
        c.arc_of = ints + total
        c.cell_of = cells
        c.program = &program[0]
        c.steps = <int> program.shape[0]
        c.state = bytes_
        c.stack = bytes_ + n
        c.begin = programs
        c.order = order
        c.mode = <Mode> mode
        c.some_in = c.some_out = False
        c.sink = &sink
        with nogil:
            for j in range(12):
                descend_compound(&c, j, 0, 0, 0, <uint64_t> j, ints + 2 * total, <int> total, ints + 3 * total, programs + c.steps)
        return sink_take(&sink)
    finally:
        sink_close(&sink)
        free(leaf)
        free(ints)
        free(programs)
        free(bytes_)
        free(cells)
