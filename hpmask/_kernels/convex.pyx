# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Polygons and ellipses in batches to ranges of NESTED cells, ring by ring.

The outline of a shape is cut where its latitude has an extreme, into pieces on which the latitude is monotone. Each
ring of cell centres (a parallel) crosses a piece once or not at all. A side of a polygon makes one or two pieces, for
its great circle has one extreme of the latitude in each hemisphere. An ellipse makes two or four.

Mode center. The crossings of a ring, sorted by longitude, bound the intervals that the shape holds: by the even-odd
rule if no pole is inside, and otherwise by whether the outline enters or leaves the shape there. Most rings have one
interval, but a convex shape may have more: a side that bulges towards the pole passes a parallel twice, and around a
pole each corner may do so. The rings of a base cell with their first intervals are a table (rings.pxd), those with
their second intervals another one, and so forth. A walk turns each table to ranges.

A crossing is computed to within a bound of its rounding. Where a cell's centre lies within that bound, the exact test
of polygon.pxd, or the definition of the ellipse, decides. A ring that passes a vertex or an extreme of the latitude
within rounding is decided cell by cell. Polygons that share a side therefore share no cell and leave none out.

Modes overlap and inside. A cell meets the shape if and only if its centre is inside or the outline meets the cell; it is
fully inside if and only if its centre is and the outline does not meet it. A cell with centre (c, u) in the chart is
the diamond |s - c| + |v - u| <= 1. A piece v = edge(rho) meets it if and only if u is from the smallest value of
edge - 1 + |rho - c| to the largest of edge + 1 - |rho - c|, for the piece is connected. The extremes lie at the ends of
the piece, at rings, or where the derivative of edge +- rho changes sign (as in discs.pyx). Each piece thus has an
interval of cells for each ring: the intervals of all pieces are added to those of the centres, or taken from them.
"""

from libc.math cimport M_PI, acos, asin, atan2, cbrt, ceil, cos, fabs, floor, isfinite, sin, sqrt, tan
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memcpy, memset

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport CENTER, INSIDE, MAX_ORDER, Mode
from hpmask._kernels.geometry cimport base_ring, central_longitude, place_vector, ring_height
from hpmask._kernels.polygon cimport (
    AFTER, ARC_SIZE, BEFORE, FIRST, LAST, LEVEL, NORMAL, POLAR, Edges, chord2, cross, dot, edge_normal, edges_close,
    edges_hold, edges_open, edges_set,
)
from hpmask._kernels.rings cimport FAR, MARGIN, Table, make_room, walk_face
from hpmask._kernels.sink cimport Sink, ends_of, owned, sink_ends, sink_mark, sink_open, sink_take
from hpmask._kernels.stopping cimport stopped

cdef enum Status:
    DONE = 0
    LEFT = 1            # not a shape for this method
    FAILED = 2          # no memory

# Vertices closer than this are one; neighbours this close to opposite do not define their side (as in shapes.pyx).
cdef double SAME = 1e-14
cdef double OPPOSITE = 1e-9
# A polygon's vertices are within acos(this) of their mean, else it is too large.
cdef double NARROW = 0.02
# Rounding and ties, in distances on the sphere: a centre this close to a side is decided by the exact test.
cdef double NEAR_SIDE = 2e-14
cdef double NEAR_ELLIPSE = 3e-15
# Semi-axes are this long at least. A thinner ellipse has its two sides in the wrong order, for their places are rounded.
cdef double THINNEST = 1e-14
# The same for a ring and a vertex. The exact test looks a step of 4 TIE north of a centre.
cdef double NEAR_VERTEX = 1e-13
cdef double STEEP = 1e300
cdef int64_t MOST_RINGS = (<int64_t> 1) << 26
# Most cells within rounding of one side, and most cells of a ring to be decided one by one.
cdef double MOST_CELLS = 16384


cdef struct Piece:
    # A part of the outline with a monotone latitude; longitudes from the shape's own, in units of pi/4.
    int64_t first           # the rings that cross it
    int64_t last
    double rho_a            # its northern and southern end
    double rho_b
    double lon_a
    double lon_b
    bint enters             # whether the shape lies to the east
    # Of a side: where the parallel at z crosses its circle, which is n.p = 0 with a horizontal part h of n, is at
    # along = -z n_z / h in the direction of that part and sqrt(cos_lat**2 - along**2) at right angles to it.
    double ratio            # -n_z / h
    double x_along          # the same position towards the side's first vertex, and to the left of that
    double x_root
    double y_along
    double y_root
    double lon              # of the first vertex
    double h
    double turn             # n_z, with the sign of the root
    # Of an ellipse: its parameter at the ends, and the longitude in the middle.
    double theta_a
    double theta_b
    double middle


cdef struct Cut:
    # A crossing of a ring.
    double lon
    double near             # bound of its rounding
    int64_t row
    bint enters


cdef struct Row:
    # A ring.
    double z
    double cos_lat
    double width
    Cut cut[2]
    int64_t n_cuts
    bint touched            # passes an end of a piece within rounding
    bint full               # is inside all around


cdef struct Interval:
    # A ring's part in the shape beyond the first one.
    int64_t row
    Cut west
    Cut east


cdef enum Kind:
    HELD = 0                # centres in the shape
    MET = 1                 # cells that the outline meets


cdef struct Span:
    # Cells of a ring of a base cell.
    int64_t row
    int64_t low
    int64_t high
    Kind kind


cdef struct Layer:
    # An interval for a table beyond the first.
    int64_t number
    int64_t row
    int64_t low
    int64_t high


cdef struct Ellipse:
    double a                # tangents of the semi-axes
    double b
    double x0               # the centre, seen from its own meridian
    double z0
    double wx               # the axes of width and height
    double wy
    double wz
    double hx
    double hy
    double hz
    double focus1[3]
    double focus2[3]
    double distance_sum
    double inverse_a
    double inverse_b
    bint quick              # for `quick_ellipse`


cdef struct Work:
    # One shape, in memory that the next one uses again.
    int order
    Mode mode
    double n
    double belt_slope       # d(z) / d(rho) in the belt, and by rho in the cap
    double cap_slope
    double t                # longitude of the shape in units of pi/4, in [0, 8)
    bint is_ellipse
    Ellipse ellipse
    int pole                # 1: the north pole is inside, -1: the south pole, 0: none
    double lon_min          # of the outline
    double lon_max
    double rho_min
    double rho_max
    int64_t first           # rings
    int64_t last
    bint plain              # one interval a ring, none of them touched
    Status status
    int n_vertices
    double* vertices
    double* normals
    double* lons
    double* rhos
    Extent vertex_extent
    Edges edges             # for the exact test, if it was called for
    bint edges_are_open
    double* arcs            # of these, in the columns of polygon.pxd
    Extent arc_extent
    Piece* pieces
    Extent piece_extent
    Row* rows
    Extent row_extent
    Cut* cuts               # of rings with more than two, or around a pole
    Extent cut_extent
    Interval* intervals
    Extent interval_extent
    Span* spans
    Extent span_extent
    Span* sorted_spans
    Extent sorted_extent
    int64_t* begin          # of each row's spans
    Extent begin_extent
    Layer* layers
    Extent layer_extent
    Table table
    Sink* sink


# ---------------------------------------------------------------------- geometry


cdef inline double rho_of(double z, double cos_lat, double n) noexcept nogil:
    """The (continuous) ring of a latitude, precise also at the poles."""
    if z > 2.0 / 3.0:
        return n * cos_lat * sqrt(3 / (1 + z))
    if z < -2.0 / 3.0:
        return 4 * n - n * cos_lat * sqrt(3 / (1 - z))
    return n * (2 - 1.5 * z)


cdef inline double arctangent(double y, double x) noexcept nogil:
    """atan2, as a series where that is exact to the last digits: shapes are small."""
    cdef double q, q2
    if fabs(y) < 0.02 * x:
        q = y / x
        q2 = q * q
        return q * (1 - q2 * (1.0 / 3 - q2 * (1.0 / 5 - q2 * (1.0 / 7 - q2 * (1.0 / 9)))))
    return atan2(y, x)


cdef inline double wrapped(double lon) noexcept nogil:
    """A difference of longitudes in units of pi/4, within [-4, 4)."""
    lon -= 8 * floor(lon / 8 + 0.5)
    return lon if lon < 4 else lon - 8


cdef inline double distance(const double* a, const double* b) noexcept nogil:
    """Angle between two unit vectors, precise at all angles."""
    cdef double c[3]
    cross(a, b, c)
    return atan2(sqrt(dot(c, c)), dot(a, b))


cdef bint set_edges(Work* work) noexcept nogil:
    """Prepare the exact test; False if there is no memory."""
    cdef int i
    cdef int* rings = [0, work.n_vertices]
    cdef double* arc
    # Nothing is kept from polygon to polygon: the count stays 0.
    if not grow(&work.arc_extent, work.n_vertices * ARC_SIZE, &work.arcs, sizeof(double), NULL, 0, NULL, 0):
        return False
    for i in range(work.n_vertices):
        arc = work.arcs + i * ARC_SIZE
        memcpy(arc + NORMAL, work.normals + 3 * i, 3 * sizeof(double))
        arc[LEVEL] = 0
        arc[POLAR] = M_PI / 2
        memcpy(arc + FIRST, work.vertices + 3 * i, 3 * sizeof(double))
        memcpy(arc + LAST, work.vertices + 3 * (i + 1 if i + 1 < work.n_vertices else 0), 3 * sizeof(double))
        cross(arc + NORMAL, arc + FIRST, arc + AFTER)
        cross(arc + LAST, arc + NORMAL, arc + BEFORE)
    return edges_set(&work.edges, work.arcs, rings, 1)


cdef bint holds(Work* work, int face, int64_t s, int64_t v) noexcept nogil:
    """Whether the shape holds the centre of a cell: the exact test."""
    cdef double p[3]
    place_vector(face, <double> s, <double> v, work.n, p)
    if work.is_ellipse:
        return distance(p, work.ellipse.focus1) + distance(p, work.ellipse.focus2) <= work.ellipse.distance_sum
    if not work.edges_are_open:
        work.edges_are_open = True
        edges_open(&work.edges)
        if not set_edges(work):
            work.status = FAILED
    if work.status == FAILED:
        return False
    return edges_hold(&work.edges, p)


# ---------------------------------------------------------------------- the outline by rings


cdef inline double side_at(const Piece* piece, double z, double cos_lat, double* steep) noexcept nogil:
    """Longitude at which a parallel crosses a side. `steep` is the derivative of n.p along the parallel."""
    cdef double along = z * piece.ratio, root = cos_lat * cos_lat - along * along
    root = sqrt(root) if root > 0 else 0
    steep[0] = piece.h * root
    return piece.lon + (4 / M_PI) * arctangent(
        piece.y_along * along + piece.y_root * root, piece.x_along * along + piece.x_root * root
    )


cdef inline double tilt_at(const Ellipse* e, double c, double s) noexcept nogil:
    """The derivative of z by the parameter of cosine c and sine s, times a positive number."""
    return (
        -e.a * e.wz * (1 + e.b * e.b) * s + e.b * e.hz * (1 + e.a * e.a) * c + (e.a * e.a - e.b * e.b) * e.z0 * s * c
    )


cdef inline double tilt(const Ellipse* e, double theta) noexcept nogil:
    return tilt_at(e, cos(theta), sin(theta))


cdef double ellipse_lon(const Ellipse* e, double theta, double middle) noexcept nogil:
    """Longitude of a point of an ellipse, from the ellipse's own, in units of pi/4, within 4 of `middle`."""
    cdef double p = e.a * cos(theta), q = e.b * sin(theta)
    return middle + wrapped((4 / M_PI) * atan2(p * e.wy + q * e.hy, e.x0 + p * e.wx + q * e.hx) - middle)


cdef double ellipse_at(
    const Ellipse* e, const Piece* piece, double rho, double z, double cos_lat, double* dlat, double* dlon
) noexcept nogil:
    """Longitude at which a parallel crosses a piece of an ellipse, and the direction of the ellipse there.

    The point of the parameter theta is the direction of centre + a cos(theta) W + b sin(theta) H. Its latitude is
    nearly a cosine between the ends of the piece, which gives the first guess; then Newton's steps, in a bracket.
    """
    cdef double low = piece.theta_a, high = piece.theta_b, theta, part, c, s, x, y, height, size, gap, slope, step, cross2
    cdef int i
    part = (rho - piece.rho_a) / (piece.rho_b - piece.rho_a) if piece.rho_b > piece.rho_a else 0
    part = 0 if part < 0 else 1 if part > 1 else part
    theta = low + (high - low) * acos(1 - 2 * part) / M_PI
    for i in range(80):
        c = cos(theta)
        s = sin(theta)
        x = e.x0 + e.a * c * e.wx + e.b * s * e.hx
        y = e.a * c * e.wy + e.b * s * e.hy
        height = e.z0 + e.a * c * e.wz + e.b * s * e.hz
        cross2 = x * x + y * y
        size = 1 + e.a * e.a * c * c + e.b * e.b * s * s
        # The latitude minus the ring's, as z or, at a pole, as the distance from the axis
        if fabs(z) < 0.9:
            gap = height / sqrt(size) - z
        else:
            gap = (cos_lat * cos_lat - cross2 / size) / (z + height / sqrt(size))
        slope = tilt_at(e, c, s) / (size * sqrt(size))
        # theta_a is the northern end
        if gap > 0:
            low = theta
        else:
            high = theta
        step = -gap / slope if slope != 0 else 0
        if fabs(step) < 1e-15 or (i > 4 and fabs(gap) < 2e-16 * (cos_lat if cos_lat > 1e-9 else 1e-9)):
            break
        if i > 50 or slope == 0 or not (low < theta + step < high or high < theta + step < low):
            step = 0.5 * (low + high) - theta
            if fabs(step) < 1e-16:
                break
        theta += step
    # d(z) = slope d(theta), and cos(lat) d(lat) = d(z)
    dlat[0] = slope
    dlon[0] = (
        x * (-e.a * s * e.wy + e.b * c * e.hy) - y * (-e.a * s * e.wx + e.b * c * e.hx)
    ) / cross2 if cross2 > 0 else 0
    return piece.middle + wrapped((4 / M_PI) * arctangent(y, x) - piece.middle)


cdef bint quick_ellipse(
    const Ellipse* e, bint west, double half, double z, double cos_lat, double* lon, double* dlon
) noexcept nogil:
    """`cross_ellipse` for one that cuts each ring in one interval, within a small `half` (in radians) of longitudes.

    With x = tan(lon / 2), the components of (1 + x**2) (p - centre) along the axes are quadratic in x, free of
    cancellation, and the equation of the ellipse is quartic. Its quadratic part gives the first guess; then Newton's
    steps. Next to the northern and southern end, where the two solutions meet, the answer is no.
    """
    cdef double dc = cos_lat - e.x0, dz = z - e.z0, u0, u1, u2, w0, w1, w2, n0, n2, a, b, c, root, x, step, u, w, n, f
    cdef double gx, gy, gz, cs, sn
    cdef int i
    # in units of the tangents of the semi-axes
    u0 = (e.wx * dc + e.wz * dz) * e.inverse_a
    u1 = 2 * e.wy * cos_lat * e.inverse_a
    u2 = (e.wx * (dc - 2 * cos_lat) + e.wz * dz) * e.inverse_a
    w0 = (e.hx * dc + e.hz * dz) * e.inverse_b
    w1 = 2 * e.hy * cos_lat * e.inverse_b
    w2 = (e.hx * (dc - 2 * cos_lat) + e.hz * dz) * e.inverse_b
    n0 = e.x0 * cos_lat + e.z0 * z
    n2 = e.z0 * z - e.x0 * cos_lat
    a = u1 * u1 + w1 * w1 + 2 * (u0 * u2 + w0 * w2 - n0 * n2)
    b = u0 * u1 + w0 * w1
    c = u0 * u0 + w0 * w0 - n0 * n0
    root = b * b - a * c
    if not (a > 0 and root > 1e-3 * a):
        return False
    root = sqrt(root)
    x = (-b - root if west else root - b) / a
    for i in range(5):
        u = u0 + x * (u1 + x * u2)
        w = w0 + x * (w1 + x * w2)
        n = n0 + x * x * n2
        f = 2 * (u * (u1 + 2 * x * u2) + w * (w1 + 2 * x * w2) - 2 * n * x * n2)
        step = (u * u + w * w - n * n) / f
        x -= step
        if fabs(step) < 1e-8 * half:
            break
    else:
        return False
    if not fabs(x) < half or (f > 0) == west:
        return False
    # The gradient of the equation, up to a factor, and the derivative along the parallel and the meridian.
    a = 1 / (1 + x * x)
    cs = (1 - x * x) * a
    sn = 2 * x * a
    u *= a * e.inverse_a
    w *= a * e.inverse_b
    n *= a
    gx = u * e.wx + w * e.hx - n * e.x0
    gy = u * e.wy + w * e.hy
    gz = u * e.wz + w * e.hz - n * e.z0
    dlon[0] = (4 / M_PI) * ((gx * cs + gy * sn) * z / cos_lat - gz) / (cos_lat * (gy * cs - gx * sn))
    lon[0] = (8 / M_PI) * arctangent(x, 1)
    return True


cdef bint cross_ellipse(
    const Work* work, const Piece* piece, double rho, double z, double cos_lat, double* lon, double* dlon, double* near
) noexcept nogil:
    """Longitude at which a parallel crosses a piece of an ellipse, its derivative by z and a bound of its rounding.

    False where the ellipse runs along the parallel.
    """
    cdef double dlat, slope
    if not (
        work.ellipse.quick
        and quick_ellipse(&work.ellipse, piece.enters, 0.125 * M_PI * work.lon_max, z, cos_lat, lon, dlon)
    ):
        lon[0] = ellipse_at(&work.ellipse, piece, rho, z, cos_lat, &dlat, dlon)
        # The latitude falls from theta_a to theta_b: next to the ends, which run along parallels, rounding hides that.
        dlat = -fabs(dlat) if piece.theta_b > piece.theta_a else fabs(dlat)
        if dlat == 0:
            near[0] = 1e-9
            return False
        dlon[0] *= (4 / M_PI) / dlat
    slope = cos_lat * cos_lat * dlon[0]
    near[0] = NEAR_ELLIPSE * (4 / M_PI) / cos_lat * sqrt(1 + slope * slope)
    return True


cdef struct Sample:
    # A point of a piece, and its direction there.
    double rho
    double width
    double lon
    double dlon             # d(lon) / d(z)
    double level            # 0, or where the piece runs along the ring the sign of -d(lon) / d(z)


cdef void sample_at(
    const Work* work, const Piece* piece, double rho, double z, double cos_lat, double width, Sample* out
) noexcept nogil:
    """The point of a piece on the ring `rho`."""
    cdef double near, steep
    out.rho = rho
    out.width = width
    out.dlon = 0
    out.level = 0
    if work.is_ellipse:
        if rho <= piece.rho_a or rho >= piece.rho_b or not cross_ellipse(
            work, piece, rho, z, cos_lat, &out.lon, &out.dlon, &near
        ):
            # Southwards, the piece in the west widens from its northern end and narrows at its southern one.
            out.level = -1 if piece.enters == (rho - piece.rho_a < piece.rho_b - rho) else 1
            out.lon = piece.lon_a if rho - piece.rho_a < piece.rho_b - rho else piece.lon_b
            out.dlon = 0
            return
    else:
        out.lon = side_at(piece, z, cos_lat, &steep)
        if cos_lat > 0 and piece.turn != 0:
            if steep == 0:
                out.level = -1 if piece.turn > 0 else 1
            else:
                out.dlon = (4 / M_PI) * piece.turn / (cos_lat * cos_lat * steep)
    if rho == piece.rho_a:
        out.lon = piece.lon_a
    elif rho == piece.rho_b:
        out.lon = piece.lon_b


cdef inline double slope_of(const Work* work, const Sample* at, double t, int64_t strip) noexcept nogil:
    """Derivative of v by rho, in the part of the chart with the strip south of ring `strip`.

    Seen from a base cell whose middle lies t (units of pi/4) west of the shape's longitude.
    """
    if at.level != 0:
        return at.level * STEEP
    if strip < work.n:
        return t + at.lon + at.width * at.dlon * work.cap_slope * at.rho
    if strip < 3 * work.n:
        return at.width * at.dlon * work.belt_slope
    return -(t + at.lon) + at.width * at.dlon * work.cap_slope * (4 * work.n - at.rho)


cdef struct Extremes:
    double plus_max         # of edge + rho
    double plus_min
    double minus_max        # of edge - rho
    double minus_min


cdef inline void take(Extremes* all_, double v, double rho) noexcept nogil:
    if v + rho > all_.plus_max:
        all_.plus_max = v + rho
    if v + rho < all_.plus_min:
        all_.plus_min = v + rho
    if v - rho > all_.minus_max:
        all_.minus_max = v - rho
    if v - rho < all_.minus_min:
        all_.minus_min = v - rho


cdef struct Bracket:
    # Two places with a zero of a function between them, and the values there, halved by the Illinois rule.
    double a
    double b
    double fa
    double fb


cdef inline double between(const Bracket* bracket, bint bisect) noexcept nogil:
    """Where to evaluate next: by false position, or in the middle."""
    cdef double a = bracket.a, b = bracket.b, mid
    if not bisect:
        mid = (a * bracket.fb - b * bracket.fa) / (bracket.fb - bracket.fa)
        if a < mid < b or b < mid < a:
            return mid
    return 0.5 * (a + b)


cdef inline void shrink(Bracket* bracket, double mid, double f) noexcept nogil:
    """Take in the value at a place between the two."""
    if (f > 0) == (bracket.fa > 0):
        bracket.a = mid
        bracket.fa = f
        bracket.fb *= 0.5
    else:
        bracket.b = mid
        bracket.fb = f
        bracket.fa *= 0.5


cdef void turning(
    const Work* work, const Piece* piece, double t, int64_t strip, double a, double b, double slope_a, double slope_b,
    double sign, Extremes* all_,
) noexcept nogil:
    """Take the value where the derivative of edge + sign * rho changes sign between a and b.

    False position with the Illinois rule; bisection where an end is steep, or when the bracket shrinks slowly. What
    is left of the bracket times the slope there bounds the error of the value.
    """
    cdef Bracket bracket = Bracket(a, b, slope_a + sign, slope_b + sign)
    cdef double mid, f, z, cos_lat, width
    cdef Sample at
    cdef int i
    for i in range(60):
        mid = between(&bracket, i % 4 == 3 or fabs(bracket.fa) > 1e6 or fabs(bracket.fb) > 1e6)
        ring_height(mid, work.n, &z, &cos_lat, &width)
        sample_at(work, piece, mid, z, cos_lat, width, &at)
        f = slope_of(work, &at, t, strip) + sign
        if fabs(f) * (bracket.b - bracket.a) < 1e-13:
            break
        shrink(&bracket, mid, f)
    take(all_, at.width * (t + at.lon), at.rho)


cdef inline double slack_of(const Work* work) noexcept nogil:
    """Rounding, in cells: cells this close to the outline count as met."""
    return 1e-10 + 2e-15 * work.n


cdef double theta_on(const Work* work, const Piece* piece, const Sample* at) noexcept nogil:
    """The parameter of a point of a piece of an ellipse."""
    cdef const Ellipse* e = &work.ellipse
    cdef double z, cos_lat, width, x, y, u, w, middle = 0.5 * (piece.theta_a + piece.theta_b)
    if at.rho <= piece.rho_a:
        return piece.theta_a
    if at.rho >= piece.rho_b:
        return piece.theta_b
    ring_height(at.rho, work.n, &z, &cos_lat, &width)
    x = cos_lat * cos(at.lon * (M_PI / 4)) - e.x0
    y = cos_lat * sin(at.lon * (M_PI / 4))
    u = x * e.wx + y * e.wy + (z - e.z0) * e.wz
    w = x * e.hx + y * e.hy + (z - e.z0) * e.hz
    return middle + (M_PI / 4) * wrapped((4 / M_PI) * (atan2(w * e.inverse_b, u * e.inverse_a) - middle))


cdef void turning_by_theta(
    const Work* work, const Piece* piece, double t, int64_t strip, const Sample* from_, const Sample* to, double sign,
    Extremes* all_,
) noexcept nogil:
    """`turning` for an ellipse, by its parameter, in which it is smooth also where it runs along a parallel."""
    cdef const Ellipse* e = &work.ellipse
    # A piece may have both its ends on one ring, by rounding.
    cdef Bracket bracket = Bracket(
        theta_on(work, piece, from_), piece.theta_b if to.rho >= piece.rho_b else theta_on(work, piece, to), 0, 0
    )
    cdef double theta, f
    cdef double p, q, c, s, x, y, z, size, across, rho, fall, lon, width, cos_lat, dlon
    cdef int i
    for i in range(60):
        if i < 2:
            theta = bracket.b if i else bracket.a
        else:
            theta = between(&bracket, i % 4 == 1)
        c = cos(theta)
        s = sin(theta)
        p = e.a * c
        q = e.b * s
        x = e.x0 + p * e.wx + q * e.hx
        y = p * e.wy + q * e.hy
        size = 1 / sqrt(1 + p * p + q * q)
        z = (e.z0 + p * e.wz + q * e.hz) * size
        across = x * x + y * y
        cos_lat = sqrt(across) * size
        rho = rho_of(z, cos_lat, work.n)
        lon = piece.middle + wrapped((4 / M_PI) * arctangent(y, x) - piece.middle)
        dlon = (4 / M_PI) * (x * (e.b * c * e.hy - e.a * s * e.wy) - y * (e.b * c * e.hx - e.a * s * e.wx)) / across
        # d(rho) / d(theta)
        fall = tilt_at(e, c, s) * size * size * size
        if strip < work.n:
            width = rho
            fall /= work.cap_slope * rho
            f = width * dlon + (t + lon) * fall
        elif strip < 3 * work.n:
            width = work.n
            fall /= work.belt_slope
            f = width * dlon
        else:
            width = 4 * work.n - rho
            fall /= work.cap_slope * width
            f = width * dlon - (t + lon) * fall
        f += sign * fall
        if i == 0:
            bracket.fa = f
            continue
        if i == 1:
            bracket.fb = f
            if (bracket.fa > 0) == (bracket.fb > 0):
                return
            continue
        if fabs(f) * fabs(bracket.b - bracket.a) < 1e-13:
            break
        shrink(&bracket, theta, f)
    take(all_, width * (t + lon), rho)


cdef inline void none_of(Extremes* all_) noexcept nogil:
    all_.plus_max = all_.minus_max = -<double> FAR
    all_.plus_min = all_.minus_min = <double> FAR


cdef void part_extremes(
    const Work* work, const Piece* piece, double t, int64_t strip, const Sample* a, const Sample* b, Extremes* all_
) noexcept nogil:
    """Take the extremes of edge + rho and edge - rho beyond a, up to b, where a and b are close."""
    cdef double slope_a = slope_of(work, a, t, strip), slope_b = slope_of(work, b, t, strip)
    cdef double sign
    cdef int k
    take(all_, b.width * (t + b.lon), b.rho)
    for k in range(2):
        sign = 1 - 2 * k
        if (slope_a + sign > 0) == (slope_b + sign > 0):
            continue
        if work.is_ellipse:
            turning_by_theta(work, piece, t, strip, a, b, sign, all_)
        else:
            turning(work, piece, t, strip, a.rho, b.rho, slope_a, slope_b, sign, all_)


cdef void short_extremes(
    const Work* work, const Piece* piece, double t, int64_t strip, const Sample* a, const Sample* b, Extremes* all_
) noexcept nogil:
    """`part_extremes` where a and b are on one ring, within rounding.

    A side has its extremes at its ends, within that rounding, because its longitude is monotone. An ellipse may reach
    far beyond the ends: its tip in the east or west is between them.
    """
    cdef double lon_b = piece.lon_b if b.rho >= piece.rho_b else b.lon
    take(all_, b.width * (t + lon_b), b.rho)
    if a.rho <= piece.rho_a:
        take(all_, a.width * (t + piece.lon_a), a.rho)
    if work.is_ellipse:
        turning_by_theta(work, piece, t, strip, a, b, 1, all_)
        turning_by_theta(work, piece, t, strip, a, b, -1, all_)


cdef void strip_extremes(
    const Work* work, const Piece* piece, double t, int64_t strip, const Sample* a, const Sample* b, Extremes* all_
) noexcept nogil:
    """Extremes of edge + rho and edge - rho from a to b in a strip between two rings."""
    cdef double rho, z, cos_lat, width
    cdef Sample low, high
    cdef int i
    none_of(all_)
    take(all_, a.width * (t + a.lon), a.rho)
    if b.rho - a.rho < 0.5 * slack_of(work):
        short_extremes(work, piece, t, strip, a, b, all_)
    elif work.n <= 32 or a.rho < 8 or b.rho > 4 * work.n - 8:
        # One cell is a large part of the outline and of the chart.
        low = a[0]
        for i in range(1, 17):
            if i == 16:
                high = b[0]
            else:
                rho = a.rho + i * (b.rho - a.rho) / 16
                ring_height(rho, work.n, &z, &cos_lat, &width)
                sample_at(work, piece, rho, z, cos_lat, width, &high)
            part_extremes(work, piece, t, strip, &low, &high, all_)
            low = high
    else:
        part_extremes(work, piece, t, strip, a, b, all_)


# ---------------------------------------------------------------------- crossings


cdef inline bint ends(Work* work, int64_t step) noexcept nogil:
    """Whether a loop over rings must end, because of a signal."""
    if stopped(<uint64_t> step, 1024):
        work.status = FAILED
        return True
    return False


cdef inline bint room(Work* work, Extent* extent, size_t need, void* array, size_t item) noexcept nogil:
    if need > extent.room and not grow(extent, need - extent.count, array, item, NULL, 0, NULL, 0):
        work.status = FAILED
        return False
    return True


cdef inline void put_cut(Work* work, int64_t row, double lon, double near, bint enters) noexcept nogil:
    cdef Row* ring = work.rows + row
    cdef Cut* cut
    require(0 <= row <= work.last - work.first)
    if ring.n_cuts < 2:
        cut = &ring.cut[ring.n_cuts]
    else:
        if not room(work, &work.cut_extent, work.cut_extent.count + 1, &work.cuts, sizeof(Cut)):
            return
        cut = work.cuts + work.cut_extent.count
        work.cut_extent.count += 1
    ring.n_cuts += 1
    cut.row = row
    cut.lon = lon if work.pole == 0 else wrapped(lon)
    cut.near = near
    cut.enters = enters


cdef bint open_rows(Work* work) noexcept nogil:
    """The rings that the shape reaches, without crossings."""
    cdef int64_t ring, most = 4 * (<int64_t> work.n) - 1
    cdef Row* row
    work.first = <int64_t> floor(work.rho_min) - 1
    work.last = <int64_t> ceil(work.rho_max) + 1
    if work.pole > 0 or work.first < 1:
        work.first = 1
    if work.pole < 0 or work.last > most:
        work.last = most
    if work.last - work.first > MOST_RINGS and not work.is_ellipse:
        work.status = LEFT
        return False
    if not room(work, &work.row_extent, <size_t> (work.last - work.first + 1), &work.rows, sizeof(Row)):
        return False
    for ring in range(work.first, work.last + 1):
        if ends(work, ring - work.first):
            return False
        row = work.rows + (ring - work.first)
        ring_height(<double> ring, work.n, &row.z, &row.cos_lat, &row.width)
        row.n_cuts = 0
        row.touched = False
        row.full = False
    work.cut_extent.count = 0
    work.interval_extent.count = 0
    return True


cdef inline void touch(Work* work, double rho, double slack) noexcept nogil:
    """Mark the ring that an end of a piece is on, within rounding."""
    cdef double ring = floor(rho + 0.5)
    if fabs(rho - ring) <= slack and work.first <= ring <= work.last:
        work.rows[<int64_t> ring - work.first].touched = True
        work.plain = False


cdef void cross_rings(Work* work) noexcept nogil:
    """The crossings of all rings with all pieces."""
    cdef Piece* piece
    cdef Row* row
    cdef size_t k
    cdef int64_t ring
    cdef double lon, steep, dlon, near
    for k in range(work.piece_extent.count):
        piece = work.pieces + k
        for ring in range(piece.first, piece.last + 1):
            if ends(work, ring - piece.first):
                return
            row = work.rows + (ring - work.first)
            if work.is_ellipse:
                cross_ellipse(work, piece, <double> ring, row.z, row.cos_lat, &lon, &dlon, &near)
            else:
                lon = side_at(piece, row.z, row.cos_lat, &steep)
                near = NEAR_SIDE * (4 / M_PI) / steep if steep > 0 else 8
                if near * row.width > MOST_CELLS:
                    work.status = LEFT
                    return
            put_cut(work, ring - work.first, lon, near, piece.enters)
            if work.status != DONE:
                return


cdef int by_row_and_lon(const void* a, const void* b) noexcept nogil:
    cdef const Cut* x = <const Cut*> a
    cdef const Cut* y = <const Cut*> b
    if x.row != y.row:
        return -1 if x.row < y.row else 1
    return -1 if x.lon < y.lon else 1 if x.lon > y.lon else 0


cdef void put_interval(Work* work, const Cut* west, const Cut* east, bint first) noexcept nogil:
    cdef Interval* one
    cdef Row* row = work.rows + west.row
    if first:
        row.cut[0] = west[0]
        row.cut[1] = east[0]
        return
    if not room(work, &work.interval_extent, work.interval_extent.count + 1, &work.intervals, sizeof(Interval)):
        return
    one = work.intervals + work.interval_extent.count
    work.interval_extent.count += 1
    one.row = west.row
    one.west = west[0]
    one.east = east[0]
    work.plain = False


cdef void pair_up(Work* work) noexcept nogil:
    """Turn the crossings of each ring to intervals."""
    cdef int64_t ring, i, k, n, begin, total
    cdef Row* row
    cdef Cut swap
    cdef Cut* cuts
    for ring in range(work.first, work.last + 1):
        row = work.rows + (ring - work.first)
        if work.pole != 0:
            row.full = row.n_cuts == 0 and (ring < work.rho_min if work.pole > 0 else ring > work.rho_max)
        if row.n_cuts & 1:
            # The ends of pieces that meet have the same rings: this cannot be.
            work.status = LEFT
            return
        if row.n_cuts == 2 and work.pole == 0:
            if row.cut[0].lon > row.cut[1].lon:
                swap = row.cut[0]
                row.cut[0] = row.cut[1]
                row.cut[1] = swap
        elif row.n_cuts > 0:
            for i in range(2):
                if not room(work, &work.cut_extent, work.cut_extent.count + 1, &work.cuts, sizeof(Cut)):
                    return
                work.cuts[work.cut_extent.count] = row.cut[i]
                work.cut_extent.count += 1
    total = <int64_t> work.cut_extent.count
    if total == 0:
        return
    qsort(work.cuts, total, sizeof(Cut), by_row_and_lon)
    begin = 0
    while begin < total:
        cuts = work.cuts + begin
        n = work.rows[cuts[0].row].n_cuts
        if work.pole == 0:
            for i in range(0, n, 2):
                put_interval(work, cuts + i, cuts + i + 1, i == 0)
        else:
            k = 0 if cuts[0].enters else 1
            for i in range(k, n, 2):
                if not cuts[i].enters or cuts[(i + 1) % n].enters:
                    work.status = LEFT
                    return
                swap = cuts[(i + 1) % n]
                if i + 1 == n:
                    swap.lon += 8
                put_interval(work, cuts + i, &swap, i == k)
        if work.status != DONE:
            return
        begin += n


# ---------------------------------------------------------------------- a base cell


cdef inline int64_t reach(int64_t s, int64_t size) noexcept nogil:
    """Largest |v| of the cells of a row of a base cell."""
    return s - 1 if s <= size else 2 * size - 1 - s


cdef int64_t decided(Work* work, int face, int64_t s, int64_t low, int64_t high, int step) noexcept nogil:
    """The first cell from low to high that the shape holds, or the first beyond them; from high to low if step is -1."""
    cdef int64_t size = (<int64_t> 1) << work.order, most = reach(s, size), v
    cdef int64_t a = low if low > -most else -most, b = high if high < most else most
    if step > 0:
        for v in range(a, b + 1):
            if (v - s) & 1 and holds(work, face, s, v):
                return v
        return high + 1
    v = b
    while v >= a:
        if (v - s) & 1 and holds(work, face, s, v):
            return v
        v -= 1
    return low - 1


cdef inline int64_t first_cell(Work* work, int face, int64_t s, double width, double t, const Cut* cut) noexcept nogil:
    """The lowest v of an interval that begins at a crossing."""
    cdef double v = width * (t + cut.lon), near = width * cut.near
    cdef int64_t low = <int64_t> ceil(v - near)
    if low <= v + near:
        if work.mode == CENTER:
            return decided(work, face, s, low, <int64_t> floor(v + near), 1)
        return <int64_t> ceil(v)
    return low


cdef inline int64_t last_cell(Work* work, int face, int64_t s, double width, double t, const Cut* cut) noexcept nogil:
    """The highest v of an interval that ends at a crossing."""
    cdef double v = width * (t + cut.lon), near = width * cut.near
    cdef int64_t high = <int64_t> floor(v + near)
    if high >= v - near:
        if work.mode == CENTER:
            return decided(work, face, s, <int64_t> ceil(v - near), high, -1)
        return <int64_t> floor(v)
    return high


cdef inline void put_span(Work* work, int64_t row, int64_t low, int64_t high, Kind kind) noexcept nogil:
    cdef Span* span
    require(row >= 0)
    if low > high:
        return
    if not room(work, &work.span_extent, work.span_extent.count + 1, &work.spans, sizeof(Span)):
        return
    span = work.spans + work.span_extent.count
    work.span_extent.count += 1
    span.row = row
    span.low = low
    span.high = high
    span.kind = kind


cdef void held_spans(Work* work, int face, double t, int64_t s_min, int64_t s_max) noexcept nogil:
    """The cells of a base cell whose centres are inside, as spans."""
    cdef int64_t size = (<int64_t> 1) << work.order, base = base_ring(face, size), s, low, high, v, most
    cdef Row* row
    cdef Interval* one
    cdef size_t k
    for s in range(s_min, s_max + 1):
        require(work.first <= base - s <= work.last)
        if ends(work, s - s_min):
            return
        row = work.rows + (base - s - work.first)
        most = reach(s, size)
        if row.touched and work.mode == CENTER:
            low = -most
            high = most
            if work.pole == 0:
                low = <int64_t> floor(row.width * (t + work.lon_min)) - 1
                high = <int64_t> ceil(row.width * (t + work.lon_max)) + 1
                low = low if low > -most else -most
                high = high if high < most else most
            for v in range(low, high + 1):
                if (v - s) & 1 and holds(work, face, s, v):
                    put_span(work, s - s_min, v, v + 1, HELD)
        elif row.full:
            put_span(work, s - s_min, -size, size, HELD)
        elif row.n_cuts > 0:
            low = first_cell(work, face, s, row.width, t, &row.cut[0])
            high = last_cell(work, face, s, row.width, t, &row.cut[1])
            put_span(work, s - s_min, low, high, HELD)
    for k in range(work.interval_extent.count):
        one = work.intervals + k
        s = base - (one.row + work.first)
        row = work.rows + one.row
        if s_min <= s <= s_max and not (row.touched and work.mode == CENTER):
            low = first_cell(work, face, s, row.width, t, &one.west)
            high = last_cell(work, face, s, row.width, t, &one.east)
            put_span(work, s - s_min, low, high, HELD)


cdef inline void sample_on(const Work* work, const Piece* piece, double rho, Sample* out) noexcept nogil:
    """The point of a piece on a ring between its ends."""
    cdef double z, cos_lat, width
    cdef const Row* row
    cdef int64_t ring = <int64_t> rho
    if rho == <double> ring and work.first <= ring <= work.last:
        row = work.rows + (ring - work.first)
        sample_at(work, piece, rho, row.z, row.cos_lat, row.width, out)
    else:
        ring_height(rho, work.n, &z, &cos_lat, &width)
        sample_at(work, piece, rho, z, cos_lat, width, out)


cdef void met_spans(Work* work, int face, double t, int64_t s_min, int64_t s_max) noexcept nogil:
    """The cells of a base cell that the outline meets, as spans."""
    cdef int64_t size = (<int64_t> 1) << work.order, base = base_ring(face, size), c, begin, end, s, most
    cdef double slack = slack_of(work), a, b, low, high
    cdef Extremes before, after
    cdef Sample from_, to
    cdef Piece* piece
    cdef size_t k
    for k in range(work.piece_extent.count):
        piece = work.pieces + k
        # An end that is on a ring within rounding is in the strips on both sides of it.
        begin = <int64_t> floor(piece.rho_a - slack)
        end = <int64_t> floor(piece.rho_b + slack) + 1
        # base - s_max and base - s_min are the rings of the table; the strip c - 1 is north of ring c.
        if begin < base - s_max:
            begin = base - s_max
        if end > base - s_min:
            end = base - s_min
        none_of(&after)
        to.rho = -1
        for c in range(begin - 1, end + 1):
            if ends(work, c - begin + 1):
                return
            before = after
            a = <double> c
            b = a + 1
            if a < piece.rho_a:
                a = piece.rho_a
            if b > piece.rho_b:
                b = piece.rho_b
            if a - b > slack:
                none_of(&after)
            else:
                if a > b:
                    # Beside the strip, within rounding
                    a = b = piece.rho_a if a == piece.rho_a else piece.rho_b
                if to.rho == a:
                    from_ = to
                else:
                    sample_on(work, piece, a, &from_)
                if b > a:
                    sample_on(work, piece, b, &to)
                else:
                    to = from_
                strip_extremes(work, piece, t, c, &from_, &to, &after)
            if c < begin:
                continue
            high = before.plus_max - c + 1
            if after.minus_max + c + 1 > high:
                high = after.minus_max + c + 1
            low = before.minus_min + c - 1
            if after.plus_min - c - 1 < low:
                low = after.plus_min - c - 1
            s = base - c
            most = reach(s, size)
            if low - slack > most or high + slack < -most:
                continue
            put_span(work, s - s_min, <int64_t> ceil(low - slack), <int64_t> floor(high + slack), MET)
            if work.status != DONE:
                return


cdef int by_low(const void* a, const void* b) noexcept nogil:
    cdef const Span* x = <const Span*> a
    cdef const Span* y = <const Span*> b
    return -1 if x.low < y.low else 1 if x.low > y.low else 0


cdef bint sort_spans(Work* work, int64_t rows) noexcept nogil:
    """Sort the spans by rows and in them by their first cell."""
    cdef size_t total = work.span_extent.count, k
    cdef int64_t r, i, j, count
    cdef Span* own
    cdef Span one
    cdef int64_t* begin
    if not room(work, &work.sorted_extent, total, &work.sorted_spans, sizeof(Span)):
        return False
    if not room(work, &work.begin_extent, <size_t> rows + 2, &work.begin, sizeof(int64_t)):
        return False
    begin = work.begin
    memset(begin, 0, (<size_t> rows + 2) * sizeof(int64_t))
    for k in range(total):
        require(work.spans[k].row < rows)
        begin[work.spans[k].row + 2] += 1
    for r in range(rows):
        begin[r + 2] += begin[r + 1]
    # begin[r + 1] is where the next span of row r goes, and in the end where those of row r + 1 begin.
    for k in range(total):
        r = work.spans[k].row
        work.sorted_spans[begin[r + 1]] = work.spans[k]
        begin[r + 1] += 1
    for r in range(rows):
        own = work.sorted_spans + begin[r]
        count = begin[r + 1] - begin[r]
        if count > 16:
            qsort(own, count, sizeof(Span), by_low)
            continue
        for i in range(1, count):
            one = own[i]
            j = i
            while j > 0 and own[j - 1].low > one.low:
                own[j] = own[j - 1]
                j -= 1
            own[j] = one
    return True


cdef void put_layer(Work* work, int64_t number, int64_t row, int64_t low, int64_t high) noexcept nogil:
    cdef Layer* one
    require(row + 2 * MARGIN < <int64_t> work.table.extent.room)
    require(low <= high)
    if number == 0:
        work.table.low[MARGIN + row] = low
        work.table.high[MARGIN + row] = high
        return
    if not room(work, &work.layer_extent, work.layer_extent.count + 1, &work.layers, sizeof(Layer)):
        return
    one = work.layers + work.layer_extent.count
    work.layer_extent.count += 1
    one.number = number
    one.row = row
    one.low = low
    one.high = high


cdef void put_union(Work* work, int64_t row, const Span* spans, int64_t count) noexcept nogil:
    """Put the cells of a row that are held or met into layers."""
    cdef int64_t number = 0, i, low, high
    if count == 0:
        return
    low = spans[0].low
    high = spans[0].high
    for i in range(1, count):
        if spans[i].low > high + 1:
            put_layer(work, number, row, low, high)
            number += 1
            low = spans[i].low
            high = spans[i].high
        elif spans[i].high > high:
            high = spans[i].high
    put_layer(work, number, row, low, high)


cdef void put_difference(Work* work, int64_t row, const Span* spans, int64_t count) noexcept nogil:
    """Put the cells of a row that are held and not met into layers."""
    # The last cell met so far, and the cells held that are not decided yet: [low, high].
    cdef int64_t number = 0, i, met = -FAR, low = FAR, high = -FAR, stop
    for i in range(count):
        if low <= high and spans[i].low > (low if spans[i].kind == MET else high + 1):
            stop = high if high < spans[i].low - 1 else spans[i].low - 1
            put_layer(work, number, row, low, stop)
            number += 1
            low = FAR if spans[i].kind == HELD else low
        if spans[i].kind == MET:
            if spans[i].high > met:
                met = spans[i].high
            if low <= met:
                low = met + 1
        elif low > high:
            low = spans[i].low if spans[i].low > met else met + 1
            high = spans[i].high
        elif spans[i].high > high:
            high = spans[i].high
    if low <= high:
        put_layer(work, number, row, low, high)


cdef int by_number(const void* a, const void* b) noexcept nogil:
    cdef const Layer* x = <const Layer*> a
    cdef const Layer* y = <const Layer*> b
    if x.number != y.number:
        return -1 if x.number < y.number else 1
    return -1 if x.row < y.row else 1 if x.row > y.row else 0


cdef void walk_layers(Work* work, int face, int64_t s_min) noexcept nogil:
    """The tables beyond the first."""
    cdef size_t total = work.layer_extent.count, i = 0, j
    cdef int64_t row, first, last
    if total == 0:
        return
    qsort(work.layers, total, sizeof(Layer), by_number)
    while i < total:
        j = i
        while j < total and work.layers[j].number == work.layers[i].number:
            j += 1
        first = work.layers[i].row
        last = work.layers[j - 1].row
        for row in range(first, last + 1):
            work.table.low[MARGIN + row - first] = FAR
            work.table.high[MARGIN + row - first] = -FAR
        while i < j:
            work.table.low[MARGIN + work.layers[i].row - first] = work.layers[i].low
            work.table.high[MARGIN + work.layers[i].row - first] = work.layers[i].high
            i += 1
        walk_face(&work.table, face, s_min + first, s_min + last, work.order, work.sink)


cdef void in_face(Work* work, int face, double seen) noexcept nogil:
    """The shape's cells in a base cell. `seen` is the shape's longitude from the base cell's middle, within 4 of it."""
    cdef int64_t size = (<int64_t> 1) << work.order, base = base_ring(face, size), s, s_min, s_max
    cdef int turns = 2 if work.pole != 0 else 1, k
    cdef bint here = False, in_belt
    cdef double t, ds, dv, tiny = 1e-9
    cdef int64_t count
    cdef const Span* spans
    cdef Row* row
    s_min = base - work.last
    s_max = base - work.first
    if s_min < 1:
        s_min = 1
    if s_max > 2 * size - 1:
        s_max = 2 * size - 1
    if s_min > s_max:
        return
    # In the belt v is a multiple of the longitude, and the base cell the diamond |s - n| + |v| <= n.
    in_belt = work.pole == 0 and work.first >= size and work.last <= 3 * size
    ds = <double> (s_min - size if s_min > size else size - s_max if s_max < size else 0)
    work.span_extent.count = 0
    for k in range(-turns, turns + 1):
        # The shape as seen the other way around the sphere, too.
        t = seen + 8 * k
        if work.pole == 0:
            if t + work.lon_min > 1 + tiny or t + work.lon_max < -1 - tiny:
                continue
            dv = 0
            if t + work.lon_min > 0:
                dv = (t + work.lon_min) * work.n
            elif t + work.lon_max < 0:
                dv = -(t + work.lon_max) * work.n
            if in_belt and ds + dv > work.n + 2:
                continue
        if work.plain and work.mode == CENTER:
            for s in range(s_min, s_max + 1):
                if ends(work, s - s_min):
                    return
                row = work.rows + (base - s - work.first)
                if row.n_cuts == 0:
                    work.table.low[MARGIN + s - s_min] = FAR
                    work.table.high[MARGIN + s - s_min] = -FAR
                else:
                    work.table.low[MARGIN + s - s_min] = first_cell(work, face, s, row.width, t, &row.cut[0])
                    work.table.high[MARGIN + s - s_min] = last_cell(work, face, s, row.width, t, &row.cut[1])
            walk_face(&work.table, face, s_min, s_max, work.order, work.sink)
        else:
            here = True
            held_spans(work, face, t, s_min, s_max)
            if work.mode != CENTER:
                met_spans(work, face, t, s_min, s_max)
        if work.status != DONE:
            return
    if not here or not sort_spans(work, s_max - s_min + 1):
        return
    work.layer_extent.count = 0
    for s in range(s_min, s_max + 1):
        work.table.low[MARGIN + s - s_min] = FAR
        work.table.high[MARGIN + s - s_min] = -FAR
        spans = work.sorted_spans + work.begin[s - s_min]
        count = work.begin[s - s_min + 1] - work.begin[s - s_min]
        if work.mode == INSIDE:
            put_difference(work, s - s_min, spans, count)
        else:
            put_union(work, s - s_min, spans, count)
    walk_face(&work.table, face, s_min, s_max, work.order, work.sink)
    walk_layers(work, face, s_min)


cdef void put_shape(Work* work) noexcept nogil:
    """Emit a shape whose pieces are there."""
    cdef int face
    cdef size_t k
    cdef int64_t low, high
    cdef double slack = 1.5 * work.n * (NEAR_ELLIPSE if work.is_ellipse else NEAR_VERTEX)
    cdef Piece* piece
    work.plain = work.pole == 0
    if not open_rows(work):
        return
    for k in range(work.piece_extent.count):
        piece = work.pieces + k
        touch(work, piece.rho_a, slack)
        touch(work, piece.rho_b, slack)
    if not work.is_ellipse and work.mode == CENTER and not work.plain:
        for low in range(work.last - work.first + 1):
            if work.rows[low].touched:
                if (8 if work.pole else work.lon_max - work.lon_min) * work.rows[low].width > MOST_CELLS:
                    work.status = LEFT
                    return
    cross_rings(work)
    if work.status == DONE:
        pair_up(work)
    if work.status != DONE:
        return
    if not make_room(&work.table, <size_t> (work.last - work.first + 1)):
        work.status = FAILED
        return
    for face in range(12):
        in_face(work, face, wrapped(work.t - central_longitude(face)))
        if work.status != DONE:
            return


# ---------------------------------------------------------------------- polygons


cdef Piece* new_piece(Work* work) noexcept nogil:
    if not room(work, &work.piece_extent, work.piece_extent.count + 1, &work.pieces, sizeof(Piece)):
        return NULL
    work.piece_extent.count += 1
    return work.pieces + work.piece_extent.count - 1


cdef void put_side(
    Work* work, const double* a, const double* n, double h, bint rises, double lon,
    double rho_a, double lon_a, double rho_b, double lon_b, bint interior_left,
) noexcept nogil:
    """A piece of a side from its northern end (rho_a, lon_a) to its southern one; `rises` in the sense of the outline."""
    cdef Piece* piece = new_piece(work)
    cdef double x, y, sign = 1 if rises else -1
    if piece == NULL:
        return
    if rho_b < rho_a:
        # By rounding only.
        rho_b = rho_a
    piece.rho_a = rho_a
    piece.rho_b = rho_b
    piece.lon_a = lon_a
    piece.lon_b = lon_b
    piece.first = <int64_t> floor(rho_a) + 1
    piece.last = <int64_t> floor(rho_b)
    if piece.first < 1:
        piece.first = 1
    if piece.last > 4 * (<int64_t> work.n) - 1:
        piece.last = 4 * (<int64_t> work.n) - 1
    piece.enters = rises != interior_left
    piece.h = h
    piece.ratio = -n[2] / h if h > 0 else 0
    x = n[0] / h if h > 0 else 1
    y = n[1] / h if h > 0 else 0
    piece.x_along = a[0] * x + a[1] * y
    piece.y_along = a[0] * y - a[1] * x
    piece.x_root = -piece.y_along * sign
    piece.y_root = piece.x_along * sign
    piece.lon = lon
    piece.turn = sign * n[2]
    piece.theta_a = piece.theta_b = piece.middle = 0
    if rho_a < work.rho_min:
        work.rho_min = rho_a
    if rho_b > work.rho_max:
        work.rho_max = rho_b


cdef bint take_vertices(Work* work, const double* given, int64_t count) noexcept nogil:
    """The vertices of a polygon, without those that repeat the one before, and the normals of its sides."""
    cdef int64_t i, last = count - 1
    cdef int n = 0, k
    cdef double opposite[3]
    if count < 3 or count > (1 << 27):
        work.status = LEFT
        return False
    if <size_t> count > work.vertex_extent.room and not (
        grow(
            &work.vertex_extent, <size_t> count, &work.vertices, 3 * sizeof(double), &work.normals, 3 * sizeof(double),
            &work.lons, 2 * sizeof(double),
        )
    ):
        work.status = FAILED
        return False
    work.rhos = work.lons + work.vertex_extent.room
    for i in range(count):
        for k in range(3):
            if not fabs(given[3 * i + k]) <= 2:
                work.status = LEFT
                return False
            opposite[k] = -given[3 * i + k]
        if chord2(given + 3 * i, given + 3 * last) < SAME * SAME:
            continue
        if chord2(opposite, given + 3 * last) < OPPOSITE * OPPOSITE:
            work.status = LEFT
            return False
        memcpy(work.vertices + 3 * n, given + 3 * i, 3 * sizeof(double))
        n += 1
        last = i
    if n < 3:
        work.status = LEFT
        return False
    work.n_vertices = n
    for i in range(n):
        # A side there and back again: it may have no area.
        if chord2(work.vertices + 3 * i, work.vertices + 3 * ((i + 2) % n)) < SAME * SAME:
            work.status = LEFT
            return False
    for k in range(n):
        edge_normal(work.vertices + 3 * k, work.vertices + 3 * (k + 1 if k + 1 < n else 0), work.normals + 3 * k)
    if work.mode != CENTER and n > 4 and not turns_one_way(work) and has_twins(work):
        work.status = LEFT
        return False
    return True


cdef bint turns_one_way(const Work* work) noexcept nogil:
    """Whether the outline turns to one side at all vertices, as that of a convex polygon does."""
    cdef int i, n = work.n_vertices, to_left = 0
    for i in range(n):
        to_left += dot(work.normals + 3 * i, work.vertices + 3 * ((i + 2) % n)) > 0
    return to_left == 0 or to_left == n


cdef struct Height:
    double height       # along an axis that no circle of users is likely to be around: few vertices are as high
    int vertex


cdef int compare_heights(const void* a, const void* b) noexcept nogil:
    cdef double difference = (<const Height*> a).height - (<const Height*> b).height
    return -1 if difference < 0 else 1 if difference > 0 else 0


cdef bint has_twins(Work* work) noexcept nogil:
    """Whether two vertices are one: a side may then be there twice, and such sides are no part of the outline."""
    # In the memory of the longitudes and rings, which come later.
    cdef Height* heights = <Height*> work.lons
    cdef const double* p
    cdef int i, j, n = work.n_vertices
    for i in range(n):
        p = work.vertices + 3 * i
        heights[i].height = 0.31 * p[0] + 0.73 * p[1] + 0.61 * p[2]
        heights[i].vertex = i
    qsort(heights, n, sizeof(Height), compare_heights)
    for i in range(n):
        j = i + 1
        while j < n and heights[j].height - heights[i].height < SAME:
            if chord2(work.vertices + 3 * heights[i].vertex, work.vertices + 3 * heights[j].vertex) < SAME * SAME:
                return True
            j += 1
    return False


cdef bint place_vertices(Work* work) noexcept nogil:
    """Longitudes and rings of the vertices, and whether a pole is inside; False for polygons that are left."""
    cdef double middle[3]
    cdef double length, lon, step, first, cos_lat
    cdef const double* p
    cdef const double* q
    cdef int i, k, n = work.n_vertices, north = 0, south = 0
    cdef bint winds = False
    for k in range(3):
        middle[k] = 0
        for i in range(n):
            middle[k] += work.vertices[3 * i + k]
    length = sqrt(dot(middle, middle))
    for i in range(n):
        if not dot(middle, work.vertices + 3 * i) > NARROW * length:
            work.status = LEFT
            return False
    lon = atan2(middle[1], middle[0]) * (4 / M_PI)
    work.t = lon if lon >= 0 else lon + 8
    if work.t >= 8:
        work.t = 0
    length = sqrt(middle[0] * middle[0] + middle[1] * middle[1])
    if length < 1e-9:
        middle[0] = 1
        middle[1] = 0
        work.t = 0
    work.lon_min = work.lon_max = 0
    for i in range(n):
        p = work.vertices + 3 * i
        cos_lat = sqrt(p[0] * p[0] + p[1] * p[1])
        if cos_lat < 1e-12:
            # Its longitude is not defined.
            work.status = LEFT
            return False
        lon = (4 / M_PI) * arctangent(middle[0] * p[1] - middle[1] * p[0], middle[0] * p[0] + middle[1] * p[1])
        work.lons[i] = lon
        work.rhos[i] = rho_of(p[2], cos_lat, work.n)
        if lon < work.lon_min:
            work.lon_min = lon
        if lon > work.lon_max:
            work.lon_max = lon
    work.pole = 0
    if work.lon_max - work.lon_min < 3.9:
        return True
    # It may reach around a pole, or across one.
    for i in range(n):
        step = work.lons[i + 1 if i + 1 < n else 0] - work.lons[i]
        if fabs(fabs(step) - 4) < 1e-9:
            work.status = LEFT
            return False
        if fabs(step) > 4:
            winds = True
        north += work.normals[3 * i + 2] > 1e-12
        south += work.normals[3 * i + 2] < -1e-12
    if not winds:
        return True
    if north < n and south < n:
        work.status = LEFT
        return False
    # All sides go around the axis in one sense. Once around, or the polygon crosses itself.
    first = work.lons[0]
    for i in range(1, n):
        step = wrapped(work.lons[i] - work.lons[i - 1])
        work.lons[i] = work.lons[i - 1] + step
    step = work.lons[n - 1] + wrapped(first - work.lons[n - 1]) - first
    if fabs(fabs(step) - 8) > 0.1:
        work.status = LEFT
        return False
    work.pole = 1 if middle[2] > 0 else -1
    return True


cdef void one_polygon(Work* work, const double* given, int64_t count) noexcept nogil:
    cdef int i, j, n
    cdef const double* a
    cdef const double* b
    cdef const double* normal
    cdef double h, rise_a, rise_b, rho, lon, lon_b, step
    cdef bint left, rises
    work.piece_extent.count = 0
    if not take_vertices(work, given, count) or not place_vertices(work):
        return
    n = work.n_vertices
    work.rho_min = 4 * work.n
    work.rho_max = 0
    # Which side is inside matters around a pole only.
    left = (work.normals[2] > 0) == (work.pole > 0)
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        a = work.vertices + 3 * i
        b = work.vertices + 3 * j
        normal = work.normals + 3 * i
        lon = work.lons[i]
        step = wrapped(work.lons[j] - lon)
        if work.pole == 0:
            step = work.lons[j] - lon
        lon_b = lon + step
        h = sqrt(normal[0] * normal[0] + normal[1] * normal[1])
        rise_a = normal[0] * a[1] - normal[1] * a[0]
        rise_b = normal[0] * b[1] - normal[1] * b[0]
        if (rise_a > 0 and rise_b < 0) or (rise_a < 0 and rise_b > 0):
            # The northernmost point is h_hat turned away from n: at right angles to n, above its horizontal part.
            rises = rise_a > 0
            rho = rho_of(h if rises else -h, fabs(normal[2]), work.n)
            # Its longitude from that of a: the direction of -n_z (n_x, n_y), or the opposite at the southernmost point.
            h = -normal[2] if rises else normal[2]
            h = (4 / M_PI) * atan2(
                h * (a[0] * normal[1] - a[1] * normal[0]), h * (a[0] * normal[0] + a[1] * normal[1])
            )
            # within the side, for rounding
            h = fabs(h) if fabs(h) < fabs(step) else fabs(step)
            h = lon + (h if step > 0 else -h)
            if rises:
                rho = min(rho, work.rhos[i], work.rhos[j])
                put_side(
                    work, a, normal, sqrt(normal[0] * normal[0] + normal[1] * normal[1]), True, lon,
                    rho, h, work.rhos[i], lon, left,
                )
                put_side(
                    work, a, normal, sqrt(normal[0] * normal[0] + normal[1] * normal[1]), False, lon,
                    rho, h, work.rhos[j], lon_b, left,
                )
            else:
                rho = max(rho, work.rhos[i], work.rhos[j])
                put_side(
                    work, a, normal, sqrt(normal[0] * normal[0] + normal[1] * normal[1]), False, lon,
                    work.rhos[i], lon, rho, h, left,
                )
                put_side(
                    work, a, normal, sqrt(normal[0] * normal[0] + normal[1] * normal[1]), True, lon,
                    work.rhos[j], lon_b, rho, h, left,
                )
        elif work.rhos[j] < work.rhos[i]:
            put_side(work, a, normal, h, True, lon, work.rhos[j], lon_b, work.rhos[i], lon, left)
        else:
            put_side(work, a, normal, h, False, lon, work.rhos[i], lon, work.rhos[j], lon_b, left)
        if work.status != DONE:
            return
    put_shape(work)


# ---------------------------------------------------------------------- ellipses


cdef double level_at(const Ellipse* e, double a, double b) noexcept nogil:
    """Where `tilt` changes sign between a and b: false position with the Illinois rule, and bisection."""
    cdef Bracket bracket = Bracket(a, b, tilt(e, a), tilt(e, b))
    cdef double mid = a, f
    cdef int i
    for i in range(100):
        mid = between(&bracket, i % 4 == 3)
        if bracket.b - bracket.a < 1e-15 or mid <= bracket.a or mid >= bracket.b:
            break
        f = tilt(e, mid)
        if f == 0:
            break
        shrink(&bracket, mid, f)
    return mid


cdef int level_points(const Ellipse* e, double* theta) noexcept nogil:
    """The parameters, up to four, at which an ellipse runs along a parallel.

    alpha sin(theta) + beta cos(theta) + gamma sin(theta) cos(theta) = 0 has four solutions if |alpha|**(2/3) +
    |beta|**(2/3) < |gamma|**(2/3), which is the evolute of an ellipse, and else two.
    """
    cdef double alpha = -e.a * e.wz * (1 + e.b * e.b), beta = e.b * e.hz * (1 + e.a * e.a)
    cdef double gamma = (e.a * e.a - e.b * e.b) * e.z0
    cdef double at, high, f, g
    cdef int count = 0, k, parts, tries
    cdef double size = fabs(alpha) + fabs(beta)
    if size <= 1e-16 * (e.a + e.b) and fabs(gamma) <= 1e-16:
        # A circle around a pole, or a point.
        for k in range(4):
            theta[k] = 0.5 * M_PI * k
        return 4
    if size >= 2 * fabs(gamma):
        # No other solution: one within a quarter turn or so on either side of the northernmost direction.
        at = atan2(beta, -alpha)
        theta[0] = level_at(e, at - 0.5 * M_PI, at + 0.5 * M_PI)
        theta[1] = level_at(e, at + 0.5 * M_PI, at + 1.5 * M_PI)
        return 2
    parts = 64
    for tries in range(5):
        count = 0
        # an odd start, so that no solution is at the ends of a part
        at = 0.0123
        f = tilt(e, at)
        for k in range(parts):
            high = 0.0123 + 2 * M_PI * (k + 1) / parts
            g = tilt(e, high)
            if (f > 0) != (g > 0) and count < 4:
                theta[count] = level_at(e, at, high)
                count += 1
            at = high
            f = g
        if count == 4:
            break
        if cbrt(alpha * alpha) + cbrt(beta * beta) > cbrt(gamma * gamma):
            break
        parts *= 8
    return count


cdef void one_ellipse(
    Work* work, double lon, double lat, double half_width, double half_height, double angle
) noexcept nogil:
    cdef Ellipse* e = &work.ellipse
    cdef Piece* piece
    cdef double c = cos(lat), d = sin(lat), p = cos(angle), q = sin(angle), cl = cos(lon), sl = sin(lon)
    cdef double major, minor, x, half, ratio, north, lows, highs
    cdef double center[3]
    cdef double axis[3]
    cdef double theta[5]
    cdef double rho[5]
    cdef double r, z, size
    cdef int count, k
    if half_width < THINNEST:
        half_width = THINNEST
    if half_height < THINNEST:
        half_height = THINNEST
    work.t = lon * (4 / M_PI)
    work.t -= 8 * floor(work.t / 8)
    if work.t >= 8:
        work.t = 0
    if c < 0:
        c = 0
    e.a = tan(half_width)
    e.b = tan(half_height)
    e.x0 = c
    e.z0 = d
    e.wx = q * d
    e.wy = p
    e.wz = -q * c
    e.hx = -p * d
    e.hy = q
    e.hz = p * c
    # The foci, in the frame of the cells
    center[0] = c * cl
    center[1] = c * sl
    center[2] = d
    if half_width > half_height:
        major = half_width
        minor = half_height
        axis[0] = -p * sl + q * d * cl
        axis[1] = p * cl + q * d * sl
        axis[2] = -q * c
    else:
        major = half_height
        minor = half_width
        axis[0] = -p * d * cl - q * sl
        axis[1] = -p * d * sl + q * cl
        axis[2] = p * c
    x = 2 * asin(sqrt(sin((major + minor) / 2) * sin((major - minor) / 2) / cos(minor)))
    for k in range(3):
        e.focus1[k] = cos(x) * center[k] + sin(x) * axis[k]
        e.focus2[k] = cos(x) * center[k] - sin(x) * axis[k]
    e.distance_sum = 2 * major
    # The pole is at (w_z, h_z) in the axes of the ellipse.
    work.pole = 0
    half = (
        (e.wz / e.a) ** 2 + (e.hz / e.b) ** 2 if e.a > 0 and e.b > 0 else 4
    )
    if half < d * d:
        work.pole = 1 if d > 0 else -1
    ratio = sin(major) / c if c > 0 else 1
    work.lon_max = 4 if ratio >= 1 or work.pole else (4 / M_PI) * asin(ratio) * (1 + 1e-12) + 1e-12
    work.lon_min = -work.lon_max
    count = level_points(e, theta)
    e.inverse_a = 1 / e.a if e.a > 0 else 0
    e.inverse_b = 1 / e.b if e.b > 0 else 0
    e.quick = count == 2 and minor > 1e-3 * major and work.lon_max < 0.3
    work.piece_extent.count = 0
    work.rho_min = 4 * work.n
    work.rho_max = 0
    for k in range(count):
        r = e.a * cos(theta[k])
        x = e.b * sin(theta[k])
        size = 1 / sqrt(1 + r * r + x * x)
        z = (d + r * e.wz + x * e.hz) * size
        north = (c + r * e.wx + x * e.hx) * size
        x = (r * e.wy + x * e.hy) * size
        rho[k] = rho_of(z, sqrt(north * north + x * x), work.n)
        if rho[k] < work.rho_min:
            work.rho_min = rho[k]
        if rho[k] > work.rho_max:
            work.rho_max = rho[k]
    theta[count] = theta[0] + 2 * M_PI
    rho[count] = rho[0]
    for k in range(count):
        piece = new_piece(work)
        if piece == NULL:
            return
        memset(piece, 0, sizeof(Piece))
        piece.middle = ellipse_lon(e, 0.5 * (theta[k] + theta[k + 1]), 0)
        lows = ellipse_lon(e, theta[k], piece.middle)
        highs = ellipse_lon(e, theta[k + 1], piece.middle)
        # Anticlockwise: the inside is to the left, in the west where the outline rises.
        piece.enters = rho[k + 1] >= rho[k]
        if piece.enters:
            piece.theta_a = theta[k]
            piece.theta_b = theta[k + 1]
            piece.rho_a = rho[k]
            piece.rho_b = rho[k + 1]
            piece.lon_a = lows
            piece.lon_b = highs
        else:
            piece.theta_a = theta[k + 1]
            piece.theta_b = theta[k]
            piece.rho_a = rho[k + 1]
            piece.rho_b = rho[k]
            piece.lon_a = highs
            piece.lon_b = lows
        piece.first = <int64_t> floor(piece.rho_a) + 1
        piece.last = <int64_t> floor(piece.rho_b)
        if piece.first < 1:
            piece.first = 1
        if piece.last > 4 * (<int64_t> work.n) - 1:
            piece.last = 4 * (<int64_t> work.n) - 1
    put_shape(work)


# ---------------------------------------------------------------------- batches


cdef struct Numbers:
    # Numbers of shapes.
    uint64_t* items
    Extent extent


cdef inline void put_number(Numbers* numbers, uint64_t item) noexcept nogil:
    if numbers.extent.count == numbers.extent.room and not grow(
        &numbers.extent, 1, &numbers.items, sizeof(uint64_t), NULL, 0, NULL, 0
    ):
        return
    numbers.items[numbers.extent.count] = item
    numbers.extent.count += 1


cdef void work_open(Work* work, int order, int mode, bint is_ellipse, Sink* sink) noexcept nogil:
    memset(work, 0, sizeof(Work))
    work.order = order
    work.mode = <Mode> mode
    work.n = <double> ((<int64_t> 1) << order)
    work.belt_slope = -2 / (3 * work.n)
    work.cap_slope = work.belt_slope / work.n
    work.is_ellipse = is_ellipse
    work.sink = sink


cdef void work_close(Work* work) noexcept nogil:
    if work.edges_are_open:
        edges_close(&work.edges)
    free(work.vertices)
    free(work.normals)
    free(work.arcs)
    free(work.lons)
    free(work.pieces)
    free(work.rows)
    free(work.cuts)
    free(work.intervals)
    free(work.spans)
    free(work.sorted_spans)
    free(work.begin)
    free(work.layers)
    free(work.table.memory)


cdef double expected(double length, int order) noexcept nogil:
    """Ranges to make room for: about two for each ring that a small shape meets, and more for large ones as they come."""
    cdef double each = 2 + 1.2 * length * <double> ((<int64_t> 1) << order)
    return each if each < 64 else 64


def polygons(
    const double[:, ::1] vertices, const int64_t[::1] offsets, int order, int mode, int64_t[::1] ends=None
):
    """Range starts and stops (order 29) of the cells of polygons, and the numbers of polygons without a cell.

    `vertices` are unit vectors, those of polygon i from offsets[i] to offsets[i + 1], in either sense; a vertex that
    repeats the one before it is left out. The smaller side is inside, by the even-odd rule. `mode` 0: cells whose
    centre is in the polygon, 1: cells that meet it, 2: cells fully inside it.

    The ranges come polygon by polygon, and those of different polygons may overlap. If `ends` is given, it gets the
    number of ranges up to the end of each polygon. The last array has the numbers of
    the polygons that were left out: those that do not fit into a hemisphere, pass a pole or go around one other than
    once, turn back on themselves, have a side along a parallel within rounding, or are not valid.
    """
    cdef Py_ssize_t n = offsets.shape[0] - 1, i
    cdef Sink sink
    cdef Work work
    cdef Numbers missed, left
    cdef size_t before
    cdef uint64_t stop
    cdef double ranges = 0
    cdef int64_t* end = ends_of(ends, n)
    if vertices.shape[1] != 3 or n < 0 or not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE:
        raise ValueError("vertices must have shape (N, 3), offsets at least one number, order 0 to 29, mode 0 to 2")
    if offsets[0] < 0 or offsets[n] > vertices.shape[0]:
        raise ValueError("offsets must be within the vertices")
    for i in range(n):
        if offsets[i] > offsets[i + 1]:
            raise ValueError("offsets must ascend")
    memset(&missed, 0, sizeof(Numbers))
    memset(&left, 0, sizeof(Numbers))
    with nogil:
        for i in range(n):
            if offsets[i + 1] - offsets[i] > 1:
                ranges += expected(
                    2 * sqrt(chord2(&vertices[offsets[i], 0], &vertices[offsets[i] + 1, 0])), order
                )
        sink_open(&sink, <size_t> ranges if ranges < 1e12 else 0)
        work_open(&work, order, mode, False, &sink)
        for i in range(n):
            before = sink.extent.count
            stop = sink.stops[before - 1] if before else 0
            work.status = DONE
            one_polygon(&work, &vertices[offsets[i], 0] if offsets[i] < vertices.shape[0] else NULL, offsets[i + 1] - offsets[i])
            if work.edges_are_open:
                edges_close(&work.edges)
                work.edges_are_open = False
            if work.status == FAILED or sink_ends(&sink):
                break
            if work.status == LEFT:
                # What it has put so far is taken back.
                sink.extent.count = before
                if before:
                    sink.stops[before - 1] = stop
                put_number(&left, <uint64_t> i)
            elif sink.extent.count == before and (before == 0 or sink.stops[before - 1] == stop):
                put_number(&missed, <uint64_t> i)
            if end != NULL:
                sink_mark(&sink, end + i)
        work_close(&work)
    sink.extent.failed |= work.status == FAILED or missed.extent.failed or left.extent.failed
    try:
        starts, stops = sink_take(&sink)
        return starts, stops, owned(&missed.items, missed.extent.count), owned(&left.items, left.extent.count)
    finally:
        free(missed.items)
        free(left.items)


def ellipses(
    const double[::1] lon, const double[::1] lat, const double[::1] half_width, const double[::1] half_height,
    const double[::1] angle, int order, int mode, int64_t[::1] ends=None,
):
    """Range starts and stops (order 29) of the cells of ellipses, and the numbers of ellipses without a cell.

    All angles in radians: see `hpmask.regions.shapes.Ellipse`. Latitudes within [-pi/2, pi/2], semi-axes from 0 to
    below pi/2. Modes and ranges as in `polygons`.
    """
    cdef Py_ssize_t n = lon.shape[0], i
    cdef Sink sink
    cdef Work work
    cdef Numbers missed
    cdef size_t before
    cdef uint64_t stop
    cdef double ranges = 0
    cdef int64_t* end = ends_of(ends, n)
    if not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE:
        raise ValueError("order must be 0 to 29, mode 0 to 2")
    if not n == lat.shape[0] == half_width.shape[0] == half_height.shape[0] == angle.shape[0]:
        raise ValueError("the positions, sizes and angles of ellipses must have one length")
    memset(&missed, 0, sizeof(Numbers))
    for i in range(n):
        if not (
            isfinite(lon[i] + angle[i])
            and fabs(lat[i]) <= 0.5 * M_PI + 1e-9
            and 0 <= half_width[i] < 0.5 * M_PI
            and 0 <= half_height[i] < 0.5 * M_PI
        ):
            raise ValueError(f"an ellipse must have a finite position and semi-axes from 0 to below pi/2, {i} has not")
    with nogil:
        for i in range(n):
            ranges += expected(2 * (half_width[i] + half_height[i]), order)
        sink_open(&sink, <size_t> ranges if ranges < 1e12 else 0)
        work_open(&work, order, mode, True, &sink)
        for i in range(n):
            before = sink.extent.count
            stop = sink.stops[before - 1] if before else 0
            work.status = DONE
            one_ellipse(&work, lon[i], lat[i], half_width[i], half_height[i], angle[i])
            if work.status != DONE or sink_ends(&sink):
                break
            if sink.extent.count == before and (before == 0 or sink.stops[before - 1] == stop):
                put_number(&missed, <uint64_t> i)
            if end != NULL:
                sink_mark(&sink, end + i)
        work_close(&work)
    sink.extent.failed |= work.status == FAILED or missed.extent.failed
    try:
        starts, stops = sink_take(&sink)
        return starts, stops, owned(&missed.items, missed.extent.count)
    finally:
        free(missed.items)
