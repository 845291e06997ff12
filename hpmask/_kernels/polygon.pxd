# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which points a polygon holds: the even-odd rule along meridians, in a frame whose poles are far from its outline.

A polygon has one or more rings of great-circle edges. A point is inside if it is inside an odd number of the rings,
where the inside of a ring is the smaller of the two classes of points that the even-odd rule makes. The sides of a
ring, and of all rings together, only differ by whether the frame's north pole is inside. Each edge that passes north
of a point, on the way from the point to the pole, changes sides. The edges are sorted into parts of the longitudes, so
that a point asks only those that may pass its meridian.
"""

from libc.limits cimport INT_MAX
from libc.math cimport M_PI, atan2, cos, fabs, floor, sin, sqrt
from libc.stdint cimport int64_t
from libc.stdlib cimport free

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport TIE

# Columns of an arc: a piece of the circle n.p = c, from a anticlockwise around n to b.
cdef enum:
    NORMAL = 0      # n
    LEVEL = 3       # c, for an edge 0
    POLAR = 4       # the circle's distance from n
    FIRST = 5       # a
    LAST = 8        # b
    AFTER = 11      # n x a
    BEFORE = 14     # b x n
    ARC_SIZE = 17

cdef enum:
    SAMPLES = 4096
    MOST_PARTS = 1 << 16


cdef struct Side:
    # An edge in the polygon's frame. Longitudes are the measure of `longitude`.
    double first
    double last
    double normal[3]        # towards its closed side (see `set_closed_side`), in the frame of the points
    bint north              # whether the frame's north pole is on that side


cdef struct Edges:
    int n
    const double* arcs      # in columns as above
    Side* side
    double turn[9]          # rotates to the frame
    int* bucket             # edges of part k of the longitudes: edge_of[bucket[k]] to edge_of[bucket[k + 1] - 1]
    int* edge_of
    int n_buckets
    double west             # the parts begin here,
    double east             # end here,
    double scale            # and this many have a width of 1
    bint pole_inside
    Extent side_room        # of the arrays, which are kept from polygon to polygon
    Extent bucket_room
    Extent edge_of_room


cdef inline double dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


cdef inline void cross(const double* a, const double* b, double* out) noexcept nogil:
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


cdef inline double chord2(const double* a, const double* b) noexcept nogil:
    cdef double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2]
    return x * x + y * y + z * z


cdef inline void edge_normal(const double* a, const double* b, double* normal) noexcept nogil:
    """Unit normal of the great circle from a to b: a x b, without the cancellation for close points."""
    cdef double less[3]
    cdef double more[3]
    cdef double length
    cdef int i
    for i in range(3):
        less[i] = a[i] - b[i]
        more[i] = a[i] + b[i]
    cross(less, more, normal)
    length = sqrt(dot(normal, normal))
    for i in range(3):
        normal[i] /= length


cdef inline void set_closed_side(const double* a, const double* b, const double* normal, double* out) noexcept nogil:
    """The normal of the edge from a to b or its opposite: to the north or, of an edge along a meridian, to the east.

    Points on an edge belong to that side. The polygon beyond the edge, which has the edge from b to a, finds the same
    numbers, for all that differs there is the sign of the normal: of two polygons one holds the point.
    """
    cdef double side = normal[2]
    cdef int i
    if fabs(side) <= TIE:
        side = normal[1] * (a[0] + b[0]) - normal[0] * (a[1] + b[1])
    if side == 0:
        side = normal[0] if normal[0] != 0 else normal[1]       # across a pole, as far to one side as to the other
    for i in range(3):
        out[i] = normal[i] if side >= 0 else -normal[i]


cdef inline double longitude(double x, double y) noexcept nogil:
    """A measure of the direction (x, y), within [-2, 2): it grows with the longitude, and by 2 for half a turn."""
    cdef double sum = fabs(x) + fabs(y), part
    if sum == 0:
        return 0
    part = y / sum
    if x >= 0:
        return part
    if part < 0:
        return -2 - part
    return 2 - part if part > 0 else -2


cdef inline double wrapped(double angle) noexcept nogil:
    """A difference of such longitudes, within [-2, 2)."""
    if angle >= 2:
        return angle - 4
    if angle < -2:
        return angle + 4
    return angle


cdef inline void turned(const Edges* edges, const double* p, double* out) noexcept nogil:
    out[0] = dot(edges.turn, p)
    out[1] = dot(edges.turn + 3, p)
    out[2] = dot(edges.turn + 6, p)


cdef inline double edge_distance2(const double* pole, const double* arc) noexcept nogil:
    """Squared sine, roughly, of the distance of a pole or its opposite to an edge."""
    cdef double first = dot(arc + AFTER, pole), last = dot(arc + BEFORE, pole), height
    if first * last >= 0:
        height = dot(arc + NORMAL, pole)
        return height * height
    first = 1 - fabs(dot(arc + FIRST, pole))
    last = 1 - fabs(dot(arc + LAST, pole))
    return 2 * (first if first < last else last)


cdef inline void choose_frame(Edges* edges) noexcept nogil:
    """Turn to a frame whose poles are far from all edges, and whose meridian 0 is that of the first vertex."""
    cdef double pole[3]
    cdef double best[3]
    cdef double height, radius, lon, near, this, found = -1, length
    cdef double* x = edges.turn
    cdef const double* first = edges.arcs + FIRST
    cdef int k, e
    for k in range(3):
        best[k] = 0
    # Points spread evenly over half the sphere: of 64 one is far enough from any edges there may be.
    for k in range(64):
        height = (k + 0.5) / 64
        radius = sqrt(1 - height * height)
        # The half keeps the frame's pole off the meridian 0, and the frame's meridians off the most likely sides.
        lon = (k + 0.5) * M_PI * (3 - sqrt(5.0))
        pole[0] = radius * cos(lon)
        pole[1] = radius * sin(lon)
        pole[2] = height
        near = 4
        for e in range(edges.n):
            this = edge_distance2(pole, edges.arcs + e * ARC_SIZE)
            if this < near:
                near = this
                if near <= found:
                    break
        if near > found:
            found = near
            best[0] = pole[0]
            best[1] = pole[1]
            best[2] = pole[2]
            if found > 0.05:
                break
    cross(best, first, x + 3)
    length = sqrt(dot(x + 3, x + 3))
    for k in range(3):
        x[3 + k] /= length
        x[6 + k] = best[k]
    cross(x + 3, best, x)


cdef inline bint fill_buckets(Edges* edges) noexcept nogil:
    """Sort the edges into equal parts of the longitudes that they have; False if there is no memory."""
    cdef int n = edges.n, count = 2 * n, e, k, part, low, high, i
    cdef int64_t total = 0
    cdef double west = 2, east = -2, step, first
    cdef bint around
    if count < 8:
        count = 8
    elif count > MOST_PARTS:
        count = MOST_PARTS
    for e in range(n):
        first = edges.side[e].first
        if first < west:
            west = first
        if first > east:
            east = first
    # Where all are within half a turn, no edge passes longitude 2, and sky beyond has no edge on its meridians.
    around = east - west >= 1.99 or east - west < 1e-9
    if around:
        west = -2
        east = 2
    edges.west = west
    edges.east = east
    edges.scale = count / (east - west)
    edges.n_buckets = count
    if not grow(&edges.bucket_room, count + 1, &edges.bucket, sizeof(int), NULL, 0, NULL, 0):
        return False
    for k in range(count + 1):
        edges.bucket[k] = 0
    for i in range(2):
        if i == 1:
            for k in range(count):
                total += edges.bucket[k]
                # An edge may be in all of the parts: they may be more than an int counts.
                if total > INT_MAX:
                    return False
                edges.bucket[k] = <int> total
            edges.bucket[count] = <int> total
            if not grow(&edges.edge_of_room, total, &edges.edge_of, sizeof(int), NULL, 0, NULL, 0):
                return False
        for e in range(n):
            first = edges.side[e].first
            step = wrapped(edges.side[e].last - first)
            # one part more on either side, for the rounding of the part that a point falls into
            low = <int> floor((first + (step if step < 0 else 0) - west) * edges.scale) - 1
            high = <int> floor((first + (step if step > 0 else 0) - west) * edges.scale) + 1
            if not around:
                low = low if low > 0 else 0
                high = high if high < count else count - 1
            elif high - low + 1 > count:
                high = low + count - 1
            for part in range(low, high + 1):
                k = (part + 2 * count) % count
                require(0 <= k < count)
                if i == 0:
                    edges.bucket[k] += 1
                else:
                    # The first pass left the end of each part: it becomes the beginning.
                    edges.bucket[k] -= 1
                    require(0 <= edges.bucket[k] < total)
                    edges.edge_of[edges.bucket[k]] = e
    return True


cdef inline bint crosses_odd(const Edges* edges, const double* p, int start, int stop) noexcept nogil:
    """Whether the way from a point to the frame's north pole crosses an odd number of the edges start to stop - 1.

    A point that is on an edge, or is a vertex, counts as the sky just north of it.
    """
    cdef double north[3]
    cdef double lon, da, db, step = 4 * TIE
    cdef const Side* side
    cdef int bucket, i, e
    cdef bint odd = False
    # A step north from a vertex, all polygons round it look at their edges from one side.
    north[0] = p[0] * (1 - step * p[2])
    north[1] = p[1] * (1 - step * p[2])
    north[2] = p[2] + step * (1 - p[2] * p[2])
    lon = longitude(dot(edges.turn, north), dot(edges.turn + 3, north))
    if lon < edges.west or lon > edges.east:
        return False
    bucket = <int> ((lon - edges.west) * edges.scale)
    if bucket >= edges.n_buckets:
        bucket = edges.n_buckets - 1
    require(bucket >= 0)
    for i in range(edges.bucket[bucket], edges.bucket[bucket + 1]):
        e = edges.edge_of[i]
        if e < start or e >= stop:
            continue
        side = edges.side + e
        da = wrapped(side.first - lon)
        db = wrapped(side.last - lon)
        # A vertex on the meridian counts as west of it, for both of its edges.
        if (da <= 0) != (db <= 0) and fabs(da - db) < 2:
            # Whether the point and the frame's north pole are on different sides of the edge.
            if (dot(side.normal, p) >= -TIE) != side.north:
                odd = not odd
    return odd


cdef inline bint edges_hold(const Edges* edges, const double* p) noexcept nogil:
    """Whether the polygon holds a point; one that is on an edge, or is a vertex, as the sky just north of it."""
    return edges.pole_inside != crosses_odd(edges, p, 0, edges.n)


cdef inline bint north_is_smaller(const Edges* edges, int start, int stop) noexcept nogil:
    """Whether the frame's north pole is on the smaller side of a ring that does not cross itself.

    The triangles from the pole to each edge add up to the side that contains the pole if the ring runs around the
    pole, and otherwise to the other side. tan(E / 2) = t1 t2 sin(dlon) / (1 + t1 t2 cos(dlon)) with
    t = tan(colatitude / 2) (Todhunter, Spherical Trigonometry, art. 103).
    """
    cdef double p[3]
    cdef double q[3]
    cdef double area = 0, turns = 0, sine, cosine
    cdef int e
    for e in range(start, stop):
        turned(edges, edges.arcs + e * ARC_SIZE + FIRST, p)
        turned(edges, edges.arcs + e * ARC_SIZE + LAST, q)
        sine = p[0] * q[1] - p[1] * q[0]
        cosine = p[0] * q[0] + p[1] * q[1]
        area += 2 * atan2(sine, (1 + p[2]) * (1 + q[2]) + cosine)
        turns += atan2(sine, cosine)
    area = fabs(area)
    area -= 4 * M_PI * floor(area / (4 * M_PI))
    turns = floor(fabs(turns) / (2 * M_PI) + 0.5)
    if (<int> turns) % 2:
        return area <= 2 * M_PI
    return area > 2 * M_PI


cdef inline bint north_is_inside(const Edges* edges, int start, int stop) noexcept nogil:
    """Whether the frame's north pole is inside a ring, the edges start to stop - 1: the smaller side is inside.

    Both sides follow from the even-odd rule, so the formula for areas holds only where the ring does not cross itself.
    It decides where counting points leaves a doubt.
    """
    cdef double p[3]
    cdef double lon, radius, height
    cdef int e, k, held = 0
    cdef bint hemisphere = True
    for k in range(3):
        p[k] = 0
        for e in range(start, stop):
            p[k] -= edges.arcs[e * ARC_SIZE + FIRST + k]
    for e in range(start, stop):
        hemisphere = hemisphere and dot(edges.arcs + e * ARC_SIZE + FIRST, p) < 0
    if hemisphere:
        # All of the ring is in the hemisphere opposite to p, so p is outside.
        height = sqrt(dot(p, p))
        for k in range(3):
            p[k] /= height
        return crosses_odd(edges, p, start, stop)
    for k in range(SAMPLES):
        height = (2 * k + 1.0) / SAMPLES - 1
        radius = sqrt(1 - height * height)
        lon = k * M_PI * (3 - sqrt(5.0))
        p[0] = radius * cos(lon)
        p[1] = radius * sin(lon)
        p[2] = height
        held += crosses_odd(edges, p, start, stop)
    if held < 0.49 * SAMPLES:
        return False
    if held > 0.51 * SAMPLES:
        return True
    return north_is_smaller(edges, start, stop)


cdef inline void edges_open(Edges* edges) noexcept nogil:
    """Begin without memory."""
    edges.n = 0
    edges.side = NULL
    edges.bucket = NULL
    edges.edge_of = NULL
    edges.side_room.count = edges.side_room.room = 0
    edges.bucket_room.count = edges.bucket_room.room = 0
    edges.edge_of_room.count = edges.edge_of_room.room = 0
    edges.side_room.failed = edges.bucket_room.failed = edges.edge_of_room.failed = False


cdef inline bint edges_set(Edges* edges, const double* arcs, const int* rings, int n_rings) noexcept nogil:
    """Prepare a polygon: ring k has the arcs rings[k] to rings[k + 1] - 1. False if there is no memory."""
    cdef double p[3]
    cdef const double* arc
    cdef Side* side
    cdef int e, k
    edges.n = rings[n_rings]
    edges.arcs = arcs
    if not grow(&edges.side_room, edges.n, &edges.side, sizeof(Side), NULL, 0, NULL, 0):
        return False
    choose_frame(edges)
    for e in range(edges.n):
        arc = arcs + e * ARC_SIZE
        side = edges.side + e
        turned(edges, arc + FIRST, p)
        side.first = longitude(p[0], p[1])
        turned(edges, arc + LAST, p)
        side.last = longitude(p[0], p[1])
        set_closed_side(arc + FIRST, arc + LAST, arc + NORMAL, side.normal)
        side.north = dot(side.normal, edges.turn + 6) > 0
    if not fill_buckets(edges):
        return False
    edges.pole_inside = False
    for k in range(n_rings):
        edges.pole_inside = edges.pole_inside != north_is_inside(edges, rings[k], rings[k + 1])
    return True


cdef inline void edges_close(Edges* edges) noexcept nogil:
    free(edges.side)
    free(edges.bucket)
    free(edges.edge_of)
    edges_open(edges)
