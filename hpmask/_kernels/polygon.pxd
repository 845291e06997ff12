# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which points a polygon holds: the even-odd rule along meridians, in a frame whose poles are far from its outline.

Each edge that passes north of a point, on the way from the point to the pole, changes sides. The edges are sorted into
parts of the longitude circle, so that a point asks only those that may pass its meridian.
"""

from libc.limits cimport INT_MAX
from libc.math cimport M_PI, atan2, cos, fabs, floor, hypot, sin, sqrt
from libc.stdint cimport int64_t
from libc.stdlib cimport free

from hpmask._kernels.buffer cimport allocate
from hpmask._kernels.constants cimport TIE

cdef enum:
    SAMPLES = 4096


cdef struct Edges:
    int n
    double turn[9]          # rotates to the frame
    double* lon             # of the vertices, within [-pi, pi)
    double* normal          # of the edge from each vertex to the next, towards its closed side (see `set_closed_side`)
    int* bucket             # edges of part k of the longitudes: edge_of[bucket[k]] to edge_of[bucket[k + 1] - 1]
    int* edge_of
    int n_buckets
    bint pole_inside


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


cdef inline double wrapped(double angle) noexcept nogil:
    """An angle of a difference of longitudes, within [-pi, pi)."""
    if angle >= M_PI:
        return angle - 2 * M_PI
    if angle < -M_PI:
        return angle + 2 * M_PI
    return angle


cdef inline void turned(const Edges* edges, const double* p, double* out) noexcept nogil:
    out[0] = dot(edges.turn, p)
    out[1] = dot(edges.turn + 3, p)
    out[2] = dot(edges.turn + 6, p)


cdef inline double edge_distance2(const double* pole, const double* a, const double* b, const double* normal) noexcept nogil:
    """Squared sine, roughly, of the distance of a pole or its opposite to an edge."""
    cdef double side[3]
    cdef double first, last, height
    cross(normal, a, side)
    first = dot(side, pole)
    cross(b, normal, side)
    last = dot(side, pole)
    height = dot(normal, pole)
    if first * last >= 0:
        return height * height
    first = 1 - fabs(dot(a, pole))
    last = 1 - fabs(dot(b, pole))
    return 2 * (first if first < last else last)


cdef inline void choose_frame(Edges* edges, const double* vertices, const double* normals) noexcept nogil:
    """Turn to a frame whose poles are far from all edges."""
    cdef double pole[3]
    cdef double best[3]
    cdef double height, radius, lon, near, this, found = -1, length
    cdef double* x = edges.turn
    cdef int n = edges.n, k, e, axis = 0
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
        for e in range(n):
            this = edge_distance2(pole, vertices + 3 * e, vertices + 3 * (e + 1 if e + 1 < n else 0), normals + 3 * e)
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
    for k in range(3):
        pole[k] = 0
        if fabs(best[k]) < fabs(best[axis]):
            axis = k
    pole[axis] = 1
    cross(best, pole, x)
    length = sqrt(dot(x, x))
    for k in range(3):
        x[k] /= length
        x[6 + k] = best[k]
    cross(best, x, x + 3)


cdef inline bint fill_buckets(Edges* edges, const double* step) noexcept nogil:
    """Sort the edges into equal parts of the longitudes; False if there is no memory."""
    cdef int n = edges.n, count = n, e, k, part, low, high, i
    cdef int64_t total = 0
    cdef double scale, west
    if count < 8:
        count = 8
    elif count > 4096:
        count = 4096
    scale = count / (2 * M_PI)
    edges.n_buckets = count
    edges.bucket = <int*> allocate(count + 1, sizeof(int))
    if edges.bucket == NULL:
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
            edges.edge_of = <int*> allocate(total, sizeof(int))
            if edges.edge_of == NULL:
                return False
        for e in range(n):
            west = edges.lon[e] + (step[e] if step[e] < 0 else 0)
            # one part more on either side, for the rounding of the part that a point falls into
            low = <int> floor((west + M_PI) * scale) - 1
            high = <int> floor((west + fabs(step[e]) + M_PI) * scale) + 1
            if high - low + 1 > count:
                high = low + count - 1
            for part in range(low, high + 1):
                k = (part + 2 * count) % count
                if i == 0:
                    edges.bucket[k] += 1
                else:
                    # The first pass left the end of each part: it becomes the beginning.
                    edges.bucket[k] -= 1
                    edges.edge_of[edges.bucket[k]] = e
    return True


cdef inline bint north_is_smaller(const Edges* edges, const double* vertices, const double* step) noexcept nogil:
    """Whether the frame's north pole is on the smaller side of an outline that does not cross itself.

    The triangles from the pole to each edge add up to the side that contains the pole if the outline runs around the
    pole, and otherwise to the other side. tan(E / 2) = t1 t2 sin(dlon) / (1 + t1 t2 cos(dlon)) with
    t = tan(colatitude / 2) (Todhunter, Spherical Trigonometry, art. 103).
    """
    cdef double p[3]
    cdef double area = 0, turns = 0, t, first, last, product
    cdef int e, n = edges.n
    turned(edges, vertices, p)
    t = hypot(p[0], p[1]) / (1 + p[2])
    first = t
    for e in range(n):
        if e + 1 < n:
            turned(edges, vertices + 3 * (e + 1), p)
            last = hypot(p[0], p[1]) / (1 + p[2])
        else:
            last = first
        product = t * last
        area += 2 * atan2(product * sin(step[e]), 1 + product * cos(step[e]))
        turns += step[e]
        t = last
    area = fabs(area)
    area -= 4 * M_PI * floor(area / (4 * M_PI))
    turns = floor(fabs(turns) / (2 * M_PI) + 0.5)
    if (<int> turns) % 2:
        return area <= 2 * M_PI
    return area > 2 * M_PI


cdef inline bint edges_hold(const Edges* edges, const double* p) noexcept nogil:
    """Whether the polygon holds a point; one that is on an edge, or is a vertex, as the sky just north of it."""
    cdef double q[3]
    cdef double north[3]
    cdef double lon, da, db, step = 4 * TIE
    cdef int bucket, i, e, f
    cdef bint inside = edges.pole_inside
    # A step north from a vertex, all polygons round it look at their edges from one side.
    north[0] = p[0] * (1 - step * p[2])
    north[1] = p[1] * (1 - step * p[2])
    north[2] = p[2] + step * (1 - p[2] * p[2])
    turned(edges, north, q)
    lon = atan2(q[1], q[0])
    bucket = <int> ((lon + M_PI) * (edges.n_buckets / (2 * M_PI)))
    if bucket < 0:
        bucket = 0
    elif bucket >= edges.n_buckets:
        bucket = edges.n_buckets - 1
    for i in range(edges.bucket[bucket], edges.bucket[bucket + 1]):
        e = edges.edge_of[i]
        f = e + 1 if e + 1 < edges.n else 0
        da = wrapped(edges.lon[e] - lon)
        db = wrapped(edges.lon[f] - lon)
        # A vertex on the meridian counts as west of it, for both of its edges.
        if (da <= 0) != (db <= 0) and fabs(da - db) < M_PI:
            # Whether the point and the frame's north pole are on different sides of the edge.
            if (dot(edges.normal + 3 * e, p) >= -TIE) != (dot(edges.normal + 3 * e, edges.turn + 6) > 0):
                inside = not inside
    return inside


cdef inline bint north_is_inside(const Edges* edges, const double* vertices, const double* step) noexcept nogil:
    """Whether the frame's north pole is inside, by edges whose `pole_inside` is False: the smaller side is inside.

    Both sides follow from the even-odd rule, so the formula for areas holds only where the outline does not cross
    itself. It decides where counting points leaves a doubt.
    """
    cdef double p[3]
    cdef double lon, radius, height
    cdef int e, k, held = 0
    cdef bint hemisphere = True
    for k in range(3):
        p[k] = 0
        for e in range(edges.n):
            p[k] -= vertices[3 * e + k]
    for e in range(edges.n):
        hemisphere = hemisphere and dot(vertices + 3 * e, p) < 0
    if hemisphere:
        # All of the outline is in the hemisphere opposite to p, so p is outside.
        return edges_hold(edges, p)
    for k in range(SAMPLES):
        height = (2 * k + 1.0) / SAMPLES - 1
        radius = sqrt(1 - height * height)
        lon = k * M_PI * (3 - sqrt(5.0))
        p[0] = radius * cos(lon)
        p[1] = radius * sin(lon)
        p[2] = height
        held += edges_hold(edges, p)
    if held < 0.49 * SAMPLES:
        return False
    if held > 0.51 * SAMPLES:
        return True
    return north_is_smaller(edges, vertices, step)


cdef inline bint edges_open(Edges* edges, const double* vertices, const double* normals, int n) noexcept nogil:
    """Prepare a polygon of n vertices and the normals of its edges; False if there is no memory."""
    cdef double p[3]
    cdef double* step
    cdef int e
    cdef bint good
    edges.n = n
    edges.bucket = NULL
    edges.edge_of = NULL
    edges.lon = <double*> allocate(n, sizeof(double))
    edges.normal = <double*> allocate(n, 3 * sizeof(double))
    step = <double*> allocate(n, sizeof(double))
    good = edges.lon != NULL and edges.normal != NULL and step != NULL
    if good:
        choose_frame(edges, vertices, normals)
        for e in range(n):
            turned(edges, vertices + 3 * e, p)
            edges.lon[e] = atan2(p[1], p[0])
            if edges.lon[e] >= M_PI:
                edges.lon[e] = -M_PI
            set_closed_side(
                vertices + 3 * e, vertices + 3 * (e + 1 if e + 1 < n else 0), normals + 3 * e, edges.normal + 3 * e
            )
        for e in range(n):
            step[e] = wrapped(edges.lon[e + 1 if e + 1 < n else 0] - edges.lon[e])
        good = fill_buckets(edges, step)
    if good:
        edges.pole_inside = False
        edges.pole_inside = north_is_inside(edges, vertices, step)
    free(step)
    return good


cdef inline void edges_close(Edges* edges) noexcept nogil:
    free(edges.lon)
    free(edges.normal)
    free(edges.bucket)
    free(edges.edge_of)
    edges.lon = NULL
    edges.normal = NULL
    edges.bucket = NULL
    edges.edge_of = NULL
