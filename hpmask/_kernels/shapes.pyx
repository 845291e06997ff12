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
"""

from libc.limits cimport INT_MAX
from libc.math cimport M_PI, asin, atan2, fabs, sin, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from hpmask._kernels.buffer cimport allocate
from hpmask._kernels.constants cimport CELL_RADIUS, CENTER, INSIDE, MAX_ORDER, OVERLAP, TIE, Mode
from hpmask._kernels.geometry cimport cell_with_tie, cell_xy, place, place_vector
from hpmask._kernels.polygon cimport (
    Edges, chord2, cross, dot, edge_normal, edges_close, edges_hold, edges_open,
)
from hpmask._kernels.sink cimport Sink, sink_open, sink_put, sink_take

cdef enum Kind:
    POLYGON = 0
    ELLIPSE = 1
    ZONE = 2

# Columns of an arc.
cdef enum:
    NORMAL = 0
    LEVEL = 3       # c
    POLAR = 4       # the circle's distance from n
    FIRST = 5       # a
    LAST = 8        # b
    AFTER = 11      # n x a
    BEFORE = 14     # b x n
    ARC_SIZE = 17

# Rounding in distances on the unit sphere.
cdef double TOUCH = 1e-15
# Vertices of a polygon closer than this are one; neighbours this close to opposite do not define their edge.
cdef double SAME = 1e-14
cdef double OPPOSITE = 1e-9


cdef struct Geometry:
    Kind kind
    const double* arcs
    int n_arcs
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


cdef struct Walk:
    const Geometry* shape
    int order
    Mode mode
    uint64_t* cell_of               # the cell in which each arc begins
    int* active                     # per level of the tree, the arcs that pass the node
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


cdef bint holds(const Geometry* g, const double* p) noexcept nogil:
    """Whether the shape holds a point."""
    cdef double x, y
    if g.kind == ELLIPSE:
        return distance(p, g.focus1) + distance(p, g.focus2) <= g.distance_sum
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


cdef struct Edge:
    # A straight line in the chart of a base cell.
    int face
    double n
    double s
    double v
    double ds
    double dv


cdef inline void point_of(const Edge* edge, double part, double* p) noexcept nogil:
    place_vector(edge.face, edge.s + part * edge.ds, edge.v + part * edge.dv, edge.n, p)


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
        if g.kind != ELLIPSE and fabs(a) > bend and fabs(b) > bend:
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
    cdef const Geometry* g = walk.shape
    cdef int64_t x, y
    cdef int i, k, part, parts
    cdef double x0, y0, bend
    cdef double ends[2][3]
    cdef double middle[3]
    cdef Edge edge
    cdef const double* arc
    for i in range(count):
        if walk.cell_of[active[i]] == cell:
            return True
    edge.n = <double> ((<int64_t> 1) << walk.order)
    cell_xy(cell, walk.order, &edge.face, &x, &y)
    parts = 8 if walk.order < 3 else 1      # edges of the largest cells bend too much to be taken whole
    for k in range(4):
        # from the southern corner to the eastern, northern, western and southern one
        x0 = x + (1 if k == 1 or k == 2 else 0)
        y0 = y + (1 if k == 2 or k == 3 else 0)
        edge.s = x0 + y0
        edge.v = x0 - y0
        edge.ds = 1 if k < 2 else -1
        edge.dv = 1 if k == 0 or k == 3 else -1
        point_of(&edge, 0, ends[0])
        for part in range(parts):
            point_of(&edge, (part + 1.0) / parts, ends[(part + 1) & 1])
            point_of(&edge, (part + 0.5) / parts, middle)
            # Half of this is how far the middle strays from the chord; four times that bounds all of the part.
            bend = 0
            for i in range(3):
                bend += (ends[0][i] + ends[1][i] - 2 * middle[i]) ** 2
            bend = 2 * sqrt(bend) + TOUCH
            for i in range(count):
                arc = g.arcs + active[i] * ARC_SIZE if g.arcs != NULL else NULL
                if crossed(
                    g, arc, &edge, <double> part / parts, (part + 1.0) / parts, ends[part & 1], ends[(part + 1) & 1],
                    bend, 40,
                ):
                    return True
    return False


cdef void descend(Walk* walk, int face, int64_t x, int64_t y, int level, uint64_t cell, const int* above, int count) noexcept nogil:
    """Emit what the shape holds of a node of order `level`; above[:count] are the arcs that pass its parent."""
    cdef const Geometry* g = walk.shape
    cdef double p[3]
    cdef double size = <double> ((<int64_t> 1) << level), radius = CELL_RADIUS / size
    cdef double chord = radius      # the chord is shorter than the angle
    cdef int* active = walk.active + <size_t> level * g.n_arcs
    cdef int i, now = 0, shift = 2 * (MAX_ORDER - level)
    cdef bint inside
    place_vector(face, <double> (x + y + 1), <double> (x - y), size, p)
    for i in range(count):
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
    if walk.sink.extent.failed:
        return
    for i in range(4):
        descend(walk, face, 2 * x + (i & 1), 2 * y + (i >> 1), level + 1, 4 * cell + i, active, now)


cdef class Outline:
    """A shape by its outline. Made by `polygon`, `ellipse` and `zone`."""

    cdef Geometry g
    cdef object _kept           # the array that g.arcs points into,
    cdef double* _memory        # or the memory

    def __cinit__(self):
        self._memory = NULL
        self.g.edges.lon = NULL
        self.g.edges.normal = NULL
        self.g.edges.bucket = NULL
        self.g.edges.edge_of = NULL

    def __dealloc__(self):
        free(self._memory)
        edges_close(&self.g.edges)

    @property
    def length(self):
        """Length of the outline in radians; for an ellipse, of the circle round it."""
        cdef const double* a
        cdef double total = 0, radius
        cdef int i
        if self.g.kind == ELLIPSE:
            return 2 * M_PI * sin(0.5 * self.g.distance_sum)
        for i in range(self.g.n_arcs):
            a = self.g.arcs + i * ARC_SIZE
            radius = sin(a[POLAR])
            if radius > 0:
                total += 2 * radius * asin(min(1.0, sqrt(chord2(a + FIRST, a + LAST)) / (2 * radius)))
        return total

    def rasterize(self, int order, int mode):
        """Range starts and stops (order 29, ascending) of the shape's cells.

        `mode` 0: cells whose centre is in the shape, 1: cells that meet it, 2: cells fully inside it.
        """
        cdef Walk walk
        cdef Sink sink
        cdef int i, n = self.g.n_arcs
        cdef const double* p
        cdef int* all_arcs
        if not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE:
            raise ValueError("order must be 0 to 29, mode 0 to 2")
        walk.shape = &self.g
        walk.order = order
        walk.mode = <Mode> mode
        walk.sink = &sink
        walk.cell_of = <uint64_t*> allocate(n, sizeof(uint64_t))
        walk.active = <int*> allocate(n, (order + 2) * sizeof(int))
        sink_open(&sink, 16)
        if walk.cell_of == NULL or walk.active == NULL:
            sink.extent.failed = True
        else:
            with nogil:
                all_arcs = walk.active + <size_t> (order + 1) * n
                for i in range(n):
                    all_arcs[i] = i
                    p = &self.g.tip[0] if self.g.kind == ELLIPSE else self.g.arcs + i * ARC_SIZE + FIRST
                    walk.cell_of[i] = cell_with_tie(
                        p[2], sqrt(p[0] * p[0] + p[1] * p[1]), atan2(p[1], p[0]), order, 0
                    )
                for i in range(12):
                    descend(&walk, i, 0, 0, 0, <uint64_t> i, all_arcs, n)
        free(walk.cell_of)
        free(walk.active)
        return sink_take(&sink)


cdef void set_arcs(Outline outline, const double[:, ::1] arcs):
    outline.g.n_arcs = <int> arcs.shape[0]
    outline.g.arcs = &arcs[0, 0] if arcs.shape[0] else NULL


cdef void set_edge(double* arc, const double* a, const double* b) noexcept nogil:
    """The great-circle arc from a to b."""
    cdef int i
    edge_normal(a, b, arc + NORMAL)
    arc[LEVEL] = 0
    arc[POLAR] = M_PI / 2
    for i in range(3):
        arc[FIRST + i] = a[i]
        arc[LAST + i] = b[i]
    cross(arc + NORMAL, a, arc + AFTER)
    cross(b, arc + NORMAL, arc + BEFORE)


def polygon(const double[:, ::1] vertices):
    """A polygon by its vertices, unit vectors of shape (n, 3). One that repeats the one before it is left out.

    Raises ValueError for vertices that are not finite, too few, or opposite to the next one.
    """
    cdef Outline self = Outline()
    cdef int given, n = 0, i, k, last
    cdef double* kept
    cdef double* normals
    cdef double opposite[3]
    if vertices.shape[1] != 3:
        raise ValueError("vertices must have shape (n, 3)")
    # Edges and vertices are numbered by ints, by ARC_SIZE and then some numbers each.
    if vertices.shape[0] > INT_MAX // (ARC_SIZE + 6):
        raise ValueError(f"a polygon must have fewer vertices, got {vertices.shape[0]}")
    given = <int> vertices.shape[0]
    self.g.kind = POLYGON
    self._memory = <double*> allocate(given, (ARC_SIZE + 6) * sizeof(double))
    if self._memory == NULL:
        raise MemoryError("no memory for the polygon")
    kept = self._memory + given * ARC_SIZE
    normals = kept + 3 * given
    last = given - 1
    for i in range(given):
        for k in range(3):
            if not fabs(vertices[i, k]) <= 2:
                raise ValueError(f"a polygon's vertices must be finite, vertex {i} is not")
            opposite[k] = -vertices[i, k]
        if chord2(&vertices[i, 0], &vertices[last, 0]) < SAME * SAME:
            continue
        if chord2(opposite, &vertices[last, 0]) < OPPOSITE * OPPOSITE:
            raise ValueError(
                f"a polygon's neighbouring vertices must not be opposite each other, {last} and {i} are"
            )
        memcpy(kept + 3 * n, &vertices[i, 0], 3 * sizeof(double))
        n += 1
        last = i
    if n < 3:
        raise ValueError(f"a polygon needs three different vertices, got {n or min(given, 1)}")
    for i in range(n):
        set_edge(self._memory + i * ARC_SIZE, kept + 3 * i, kept + 3 * (i + 1 if i + 1 < n else 0))
        memcpy(normals + 3 * i, self._memory + i * ARC_SIZE + NORMAL, 3 * sizeof(double))
    self.g.arcs = self._memory
    self.g.n_arcs = n
    if not edges_open(&self.g.edges, kept, normals, n):
        raise MemoryError("no memory for the polygon")
    return self


def ellipse(const double[::1] focus1, const double[::1] focus2, const double[::1] tip, double distance_sum):
    """An ellipse by its foci, a point of its outline and the sum of the distances of the outline to the foci."""
    cdef Outline self = Outline()
    cdef int i
    if focus1.shape[0] != 3 or focus2.shape[0] != 3 or tip.shape[0] != 3:
        raise ValueError("foci and tip must have shape (3,)")
    self.g.kind = ELLIPSE
    self.g.arcs = NULL
    self.g.n_arcs = 1
    for i in range(3):
        self.g.focus1[i] = focus1[i]
        self.g.focus2[i] = focus2[i]
        self.g.tip[i] = tip[i]
    self.g.distance_sum = distance_sum
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
    set_arcs(self, arcs)
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
