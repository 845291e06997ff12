# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Discs to ranges of NESTED cells.

A disc cuts each ring of cells in one interval of longitudes: in each base cell it is a table of intervals, which a walk
turns to ranges (see rings.pxd).

The three modes differ in the table alone. A cell with centre (c, u) is the diamond |s - c| + |v - u| <= 1. Let the
disc's edge be v = high(s). The diamond meets the disc if and only if u <= high(s) + 1 - |s - c| for some s, and is
fully inside it if and only if u <= high(s) - 1 + |s - c| for all s within 1 of c. The same holds on the low side. Each
mode thus has an interval of u for each c. The extremes lie at s = c, at s = c +- 1, or where the edge runs parallel to
the side of a cell, which is where the derivative of high(s) +- s changes sign.

A disc of more than a hemisphere is the complement of a disc around its antipode, and an annulus is a disc less a disc.
What is outside is taken in the dual mode (a cell meets the complement if and only if it is not fully inside).
"""

from libc.math cimport M_PI, asin, ceil, cos, fabs, floor, isfinite, sin, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport CHECKING, require
from hpmask._kernels.constants cimport CENTER, END, INSIDE, MAX_ORDER, OVERLAP, TIE, Mode
from hpmask._kernels.geometry cimport base_ring, central_longitude, ring_height
from hpmask._kernels.rings cimport FAR, MARGIN, Table, make_room, walk_face
from hpmask._kernels.sink cimport Sink, ends_of, owned, sink_close, sink_ends, sink_mark, sink_open, sink_put, sink_take
from hpmask._kernels.sorting cimport sort_numbers
from hpmask._kernels.stopping cimport stopped

cdef double EVERYWHERE = 1e3      # half-width, in units of pi/4, of a ring that lies in the disc all around
cdef double NOWHERE = -1e3
cdef double STEEP = 1e300

cdef enum:
    PIECES = 16


cdef struct Disc:
    double t            # longitude of the centre in units of pi/4, in [0, 8)
    double z            # sin and cos of its latitude
    double cos_lat
    double chord2       # squared chord of the radius
    double n            # 2**order
    double slope        # 2 / (3 n**2)
    double quarter      # 1 / (4 cos_lat)
    double rho_min      # the rings that the disc reaches
    double rho_max
    double full_min     # rings all around a pole that lie in the disc: [0, full_min] and [full_max, 4n]
    double full_max
    double low          # the part of the sky where the disc's edge is
    double high
    int64_t first       # the first ring in it
    int64_t last_node


cdef struct Node:
    # The disc's edge on one (continuous) ring.
    double half         # half of the ring's part in the disc, in units of pi/4
    double rate         # the ring's width times the derivative of `half` by rho
    double width


cdef struct Nodes:
    # The edge at disc.low, on the rings from disc.first on, and at disc.high.
    Node* node
    Extent extent


cdef struct Strip:
    # A function between two rings, sense * edge + up * (rho - level), with one maximum.
    double t
    double sense
    double up
    double level
    double dwidth       # the derivative of the width of rings by rho
    double a            # the part of the strip that the disc reaches
    double b
    double va           # the function there
    double vb
    double fa           # and its derivative
    double fb
    double low          # bounds of the maximum
    double high
    double spare        # what is added to the upper one, by the width of the bracket
    double weight_a     # of the derivatives, for the next step (see narrow)
    double weight_b
    int steps


cdef inline double ring_of(double colatitude, double n) noexcept nogil:
    """The (continuous) ring at a colatitude of 0 to pi."""
    cdef double z = cos(colatitude)
    if z > 2.0 / 3.0:
        return n * sqrt(6.0) * sin(0.5 * colatitude)
    if z < -2.0 / 3.0:
        return 4 * n - n * sqrt(6.0) * sin(0.5 * (M_PI - colatitude))
    return n * (2 - 1.5 * z)


cdef inline double half_width(const Disc* disc, double rho, double* width) noexcept nogil:
    """Half of the ring's part in the disc, in units of pi/4: EVERYWHERE or NOWHERE if all or nothing is.

    sin(dlon / 2)**2 = (sin(r / 2)**2 - sin((lat - lat0) / 2)**2) / (cos lat cos lat0), with the sines as chords,
    which keeps its precision for discs of any size.
    """
    cdef double z, cos_lat, a, b, q, below
    ring_height(rho, disc.n, &z, &cos_lat, width)
    a = z - disc.z
    b = cos_lat - disc.cos_lat
    q = disc.chord2 - (a * a + b * b)
    if q < 0:
        return NOWHERE
    below = 4 * cos_lat * disc.cos_lat
    if q >= below:
        return EVERYWHERE
    return (8 / M_PI) * asin(sqrt(q / below))


cdef inline void set_node(const Disc* disc, double rho, Node* node) noexcept nogil:
    """The disc's edge on a ring that it cuts."""
    cdef double n = disc.n, z, cos_lat, dz, a, b, q, dq, inverse, root, rest
    ring_height(rho, n, &z, &cos_lat, &node.width)
    node.half = 0
    node.rate = 0
    if cos_lat * disc.cos_lat <= 0:
        return
    # dz / drho = -2 width / (3 n**2)
    dz = -node.width * disc.slope
    inverse = 1 / cos_lat
    a = z - disc.z
    b = cos_lat - disc.cos_lat
    q = (disc.chord2 - (a * a + b * b)) * inverse * disc.quarter
    # d(chord**2) = -2 d(z z0 + c c0) with c' = -z z' / c
    dq = dz * inverse * inverse * (2 * (disc.z * cos_lat - z * disc.cos_lat) * disc.quarter + q * z)
    if q <= 0 or q >= 1:    # at the very tips, and by rounding next to them
        node.half = 0 if q <= 0 else 4
        node.rate = STEEP if dq > 0 else -STEEP
        return
    root = sqrt(q)
    rest = sqrt(1 - q)
    node.half = (8 / M_PI) * asin(root)
    node.rate = (4 / M_PI) * node.width * dq / (root * rest)


cdef bint set_nodes(Disc* disc, Nodes* nodes) noexcept nogil:
    """The disc's edge on all rings that it cuts, and at both ends; False if there is no memory, or it is to end."""
    cdef double low = disc.rho_min, high = disc.rho_max
    cdef int64_t count, k
    if low < disc.full_min:
        low = disc.full_min
    if high > disc.full_max:
        high = disc.full_max
    disc.low = low
    disc.high = high
    disc.first = <int64_t> floor(low) + 1
    count = <int64_t> ceil(high) - disc.first
    if count < 0:
        count = 0
    nodes.extent.count = 0
    if not grow(&nodes.extent, <size_t> count + 2, &nodes.node, sizeof(Node), NULL, 0, NULL, 0):
        return False
    set_node(disc, low, &nodes.node[0])
    for k in range(count):
        if stopped(k, 4096):
            return False
        set_node(disc, <double> (disc.first + k), &nodes.node[k + 1])
    set_node(disc, high, &nodes.node[count + 1])
    disc.last_node = count + 1
    return True


cdef inline double height_at(const Disc* disc, const Strip* strip, double rho, double* slope) noexcept nogil:
    """The function of a strip, and its derivative by rho (about +-STEEP where the edge runs along the ring)."""
    cdef Node node
    set_node(disc, rho, &node)
    slope[0] = strip.sense * (strip.dwidth * (strip.t + node.half) + node.rate) + strip.up
    return strip.sense * node.width * (strip.t + node.half) + strip.up * (rho - strip.level)


cdef inline void tangents(Strip* strip) noexcept nogil:
    """Bound the maximum between a and b: a concave function lies below its tangents.

    To third order in 1 / pole the edge is concave where it turns, for which there is something to spare.
    """
    cdef double width = strip.b - strip.a, reach, bound
    reach = (strip.vb - strip.va - strip.fb * width) / (strip.fa - strip.fb)
    bound = strip.va + strip.fa * reach
    strip.high = strip.low + 1.25 * (bound - strip.low) + strip.spare * width
    if strip.high < strip.low:
        strip.high = strip.low


cdef void narrow(const Disc* disc, Strip* strip) noexcept nogil:
    """Evaluate a strip once more, near its maximum, and bound that closer.

    False position of the derivative with the Illinois rule; bisection where an end is steep, or when the bracket
    shrinks slowly.
    """
    cdef double mid, f, value, fa = strip.fa * strip.weight_a, fb = strip.fb * strip.weight_b
    strip.steps += 1
    if strip.steps % 4 == 0 or fabs(fa) > 1e6 or fabs(fb) > 1e6:
        mid = 0.5 * (strip.a + strip.b)
    else:
        mid = (strip.a * fb - strip.b * fa) / (fb - fa)
        if not strip.a < mid < strip.b:
            mid = 0.5 * (strip.a + strip.b)
    value = height_at(disc, strip, mid, &f)
    if value > strip.low:
        strip.low = value
    if fabs(f) * (strip.b - strip.a) < 1e-13 or strip.steps >= 60:
        # What is left of the bracket times the slope there bounds the error.
        strip.high = strip.low
        return
    if f > 0:
        strip.a = mid
        strip.va = value
        strip.fa = f
        strip.weight_a = 1
        strip.weight_b *= 0.5
    else:
        strip.b = mid
        strip.vb = value
        strip.fb = f
        strip.weight_b = 1
        strip.weight_a *= 0.5
    tangents(strip)


cdef double in_pieces(const Disc* disc, const Strip* whole) noexcept nogil:
    """The largest value in a strip that may have several extremes: at low orders and next to a pole."""
    cdef Strip piece
    cdef double low = whole.a, high, value_low, value, best, slope_low, slope_high
    cdef int i
    piece.t = whole.t
    piece.sense = whole.sense
    piece.up = whole.up
    piece.level = whole.level
    piece.dwidth = whole.dwidth
    best = value_low = height_at(disc, whole, low, &slope_low)
    for i in range(PIECES):
        high = whole.b if i == PIECES - 1 else whole.a + (i + 1) * (whole.b - whole.a) / PIECES
        value = height_at(disc, whole, high, &slope_high)
        if value > best:
            best = value
        if slope_low > 0 and slope_high <= 0 and high > low:
            piece.a = low
            piece.b = high
            piece.va = value_low
            piece.vb = value
            piece.fa = slope_low
            piece.fb = slope_high
            piece.low = best
            piece.high = FAR
            piece.weight_a = piece.weight_b = 1
            piece.steps = 0
            piece.spare = FAR       # no bound but the last
            while piece.high > piece.low:
                narrow(disc, &piece)
            best = piece.low
        low = high
        value_low = value
        slope_low = slope_high
    return best


cdef inline void open_strip(
    const Disc* disc, const Node* nodes, double t, int64_t ring, bint largest, double up, Strip* strip
) noexcept nogil:
    """The largest value of sense * edge + up * (rho - level) between two rings, or bounds of it.

    The sense is 1 for OVERLAP (`largest`) and -1 for INSIDE, for which the least of the edge is needed. The level is
    the northern ring where `up` is 1, and the southern one where it is -1.
    """
    cdef double a = <double> ring, b = a + 1, pole
    cdef const Node* na
    cdef const Node* nb
    strip.sense = 1 if largest else -1
    if disc.full_min >= b or disc.full_max <= a or (largest and (disc.full_min >= a or disc.full_max <= b)):
        # The disc has all of the ring.
        strip.low = strip.high = strip.sense * <double> FAR
        return
    if (not largest and (disc.rho_min > a or disc.rho_max < b)) or disc.low > b or disc.high < a:
        strip.low = strip.high = -strip.sense * <double> FAR
        return
    strip.t = t
    strip.up = up
    strip.level = a if up > 0 else b
    strip.dwidth = 1 if b <= disc.n else 0 if b <= 3 * disc.n else -1
    if a < disc.low:
        a = disc.low
        na = nodes
    else:
        require(0 <= ring - disc.first + 1 <= disc.last_node)
        na = nodes + (ring - disc.first + 1)
    if b > disc.high:
        b = disc.high
        nb = nodes + disc.last_node
    else:
        require(0 <= ring - disc.first + 2 <= disc.last_node)
        nb = nodes + (ring - disc.first + 2)
    strip.a = a
    strip.b = b
    pole = a if a < 2 * disc.n else 4 * disc.n - b
    if disc.n <= 32 or pole < 8:
        strip.low = strip.high = in_pieces(disc, strip)
        return
    strip.va = strip.sense * na.width * (t + na.half) + up * (a - strip.level)
    strip.vb = strip.sense * nb.width * (t + nb.half) + up * (b - strip.level)
    strip.low = strip.va if strip.va > strip.vb else strip.vb
    strip.high = strip.low
    strip.fa = strip.sense * (strip.dwidth * (t + na.half) + na.rate) + up
    strip.fb = strip.sense * (strip.dwidth * (t + nb.half) + nb.rate) + up
    if strip.fa > 0 and strip.fb <= 0 and b > a:
        strip.weight_a = strip.weight_b = 1
        strip.steps = 0
        strip.spare = 4 / (pole * pole)
        tangents(strip)


cdef inline bint settled(double low, double high, double sense, double slack) noexcept nogil:
    return high <= low or floor(sense * low + slack) == floor(sense * high + slack)


cdef inline int64_t outermost(
    const Disc* disc, const Node* nodes, double t, int64_t ring, Mode mode, double slack
) noexcept nogil:
    """The outermost v of the cells of a ring that meet the disc (or lie in it), on the eastern side.

    Seen from a base cell whose middle lies t (units of pi/4) west of the disc's centre.
    """
    cdef Strip north, south
    cdef double low, high
    # north of the centre |s - c| = c - rho, south of it rho - c
    open_strip(disc, nodes, t, ring - 1, mode == OVERLAP, 1, &north)
    open_strip(disc, nodes, t, ring, mode == OVERLAP, -1, &south)
    while True:
        low = north.low if north.low > south.low else south.low
        high = north.high if north.high > south.high else south.high
        if settled(low, high, north.sense, slack):
            return <int64_t> floor(north.sense * low + slack)
        if north.high >= south.high:
            narrow(disc, &north)
        else:
            narrow(disc, &south)


cdef inline int64_t at_ends(
    const Disc* disc, const Node* nodes, double t, int64_t ring, Mode mode, double slack
) noexcept nogil:
    """`outermost`, fast where the maxima of both strips are at their ends."""
    cdef double sense = 1 if mode == OVERLAP else -1, dwidth, north, south, middle
    cdef double rate_north, rate_south, rate
    cdef const Node* node
    cdef int64_t n = <int64_t> disc.n
    if n <= 32 or ring <= disc.first or ring - disc.first + 2 >= disc.last_node or ring < 9 or ring > 4 * n - 9:
        return outermost(disc, nodes, t, ring, mode, slack)
    if ring == n or ring == 3 * n:      # the rate has two values there
        return outermost(disc, nodes, t, ring, mode, slack)
    dwidth = 1 if ring < n else 0 if ring < 3 * n else -1
    node = nodes + (ring - disc.first)
    rate_north = sense * (dwidth * (t + node[0].half) + node[0].rate)
    rate = sense * (dwidth * (t + node[1].half) + node[1].rate)
    rate_south = sense * (dwidth * (t + node[2].half) + node[2].rate)
    if (rate_north > -1 and rate <= -1) or (rate > 1 and rate_south <= 1):
        return outermost(disc, nodes, t, ring, mode, slack)
    north = sense * node[0].width * (t + node[0].half)
    middle = sense * node[1].width * (t + node[1].half) + 1
    south = sense * node[2].width * (t + node[2].half)
    if north > middle:
        middle = north
    if south > middle:
        middle = south
    return <int64_t> floor(sense * middle + slack)


cdef void in_face(
    const Disc* disc, const Node* nodes, int face, double t, int order, Mode mode, double slack, Table* table,
    double half_max, Sink* sink
) noexcept nogil:
    """The disc's cells in one base cell. t is the disc's longitude from the base cell's middle, in units of pi/4."""
    cdef int64_t n = (<int64_t> 1) << order
    cdef int64_t base = base_ring(face, n), s, ring, s_min, s_max
    cdef double width, half, v_min, v_max, margin, ds, dv
    s_min = base - table.last
    s_max = base - table.first
    if s_min < 1:
        s_min = 1
    if s_max > 2 * n - 1:
        s_max = 2 * n - 1
    if s_min > s_max:
        return
    # Compare a box around the disc's part in this chart with the base cell, the diamond |s - n| + |v| <= n.
    if half_max < 8:
        v_min = (t - half_max) * n if t < half_max else 0
        v_max = (t + half_max) * n if t > -half_max else 0
        ds = 0
        if s_min > n:
            ds = <double> (s_min - n)
        elif s_max < n:
            ds = <double> (n - s_max)
        dv = 0
        if v_min > 0:
            dv = v_min
        elif v_max < 0:
            dv = -v_max
        if ds + dv > n + 2:
            return
    if mode == CENTER:
        for s in range(s_min, s_max + 1):
            ring = base - s
            require(table.first <= ring <= table.last)
            half = table.half[ring - table.first]
            # the ring's width, as in ring_height
            width = n
            if ring < n:
                width = ring
            elif ring > 3 * n:
                width = 4 * n - ring
            if half == NOWHERE:
                table.low[MARGIN + s - s_min] = FAR
                table.high[MARGIN + s - s_min] = -FAR
            elif half == EVERYWHERE:
                table.low[MARGIN + s - s_min] = -FAR
                table.high[MARGIN + s - s_min] = FAR
            else:
                table.low[MARGIN + s - s_min] = <int64_t> ceil(width * (t - half))
                table.high[MARGIN + s - s_min] = <int64_t> floor(width * (t + half))
    else:
        for s in range(s_min, s_max + 1):
            if stopped(s - s_min, 4096):
                sink.extent.failed = True
                return
            table.high[MARGIN + s - s_min] = at_ends(disc, nodes, t, base - s, mode, slack)
            table.low[MARGIN + s - s_min] = -at_ends(disc, nodes, -t, base - s, mode, slack)
    walk_face(table, face, s_min, s_max, order, sink)


cdef struct Scratch:
    # Memory that is kept from shape to shape.
    Table table
    Nodes nodes
    Sink beyond         # the disc around the antipode of a wide one
    Sink hole           # the inner disc of an annulus
    Sink disc           # and its outer one
    Sink polar          # a disc that holds a pole
    uint64_t* spare
    Extent extent       # of spare


cdef void open_scratch(Scratch* scratch) noexcept nogil:
    memset(scratch, 0, sizeof(Scratch))


cdef bint close_scratch(Scratch* scratch) noexcept nogil:
    """Free the memory; returns whether some was missing."""
    cdef bint failed = scratch.table.extent.failed or scratch.nodes.extent.failed or scratch.extent.failed
    failed |= scratch.beyond.extent.failed or scratch.hole.extent.failed or scratch.disc.extent.failed
    failed |= scratch.polar.extent.failed
    free(scratch.table.memory)
    free(scratch.nodes.node)
    free(scratch.spare)
    sink_close(&scratch.beyond)
    sink_close(&scratch.hole)
    sink_close(&scratch.disc)
    sink_close(&scratch.polar)
    return failed


cdef bint tidy(Sink* sink, Scratch* scratch) noexcept nogil:
    """Sort and unite the ranges of one shape; False if there is no memory.

    They ascend within each part of each base cell, so there is mostly nothing to do.
    """
    cdef size_t n = sink.extent.count, i, k = 0
    cdef bint sorted_ = True
    if sink.extent.failed:
        return False
    for i in range(1, n):
        if sink.starts[i] <= sink.stops[i - 1]:
            sorted_ = False
            break
    if sorted_:
        return True
    if not grow(&scratch.extent, n, &scratch.spare, sizeof(uint64_t), NULL, 0, NULL, 0):
        return False
    sort_numbers(sink.starts, <Py_ssize_t> n, scratch.spare)
    sort_numbers(sink.stops, <Py_ssize_t> n, scratch.spare)
    # Before start i lies a gap if and only if the i ranges before it have ended.
    for i in range(1, n):
        if sink.starts[i] > sink.stops[i - 1]:
            sink.stops[k] = sink.stops[i - 1]
            k += 1
            sink.starts[k] = sink.starts[i]
    sink.stops[k] = sink.stops[n - 1]
    sink.extent.count = k + 1
    if CHECKING:
        for i in range(sink.extent.count):
            require(sink.starts[i] < sink.stops[i])
            require(sink.stops[i] <= END)
            require(i == 0 or sink.stops[i - 1] < sink.starts[i])
    return True


cdef bint one_disc(
    double lon, double lat, double radius, int order, Mode mode, Scratch* scratch, Sink* sink
) noexcept nogil:
    """Emit one disc of a radius up to pi / 2; False if there is no memory, or it is to end."""
    cdef Table* table = &scratch.table
    cdef Nodes* nodes = &scratch.nodes
    cdef Sink* out = sink
    cdef size_t i
    cdef Disc disc
    cdef double n = <double> ((<int64_t> 1) << order), colatitude = 0.5 * M_PI - lat
    cdef double chord = 2 * sin(0.5 * radius), t, seen, half_max, half, width, slack = 0
    cdef int64_t first, last, ring, size = (<int64_t> 1) << order
    cdef int face
    cdef bint around = False, pole = False
    t = lon * (4 / M_PI)
    t -= 8 * floor(t / 8)
    disc.t = t
    disc.z = sin(lat)
    disc.cos_lat = cos(lat)
    if disc.cos_lat < 0:
        disc.cos_lat = 0
    disc.chord2 = chord * chord
    disc.n = n
    disc.slope = 2 / (3 * n * n)
    disc.quarter = 0.25 / disc.cos_lat if disc.cos_lat > 0 else 0
    disc.full_min = -1
    disc.full_max = 4 * n + 1
    disc.rho_min = 0
    disc.rho_max = 4 * n
    if colatitude - radius > 0:
        disc.rho_min = ring_of(colatitude - radius, n)
    if colatitude - radius <= 1e-15:
        disc.full_min = ring_of(radius - colatitude if radius > colatitude else 0, n)
        pole = True
    if colatitude + radius < M_PI:
        disc.rho_max = ring_of(colatitude + radius, n)
    if colatitude + radius >= M_PI - 1e-15:
        disc.full_max = ring_of(
            2 * M_PI - colatitude - radius if radius > M_PI - colatitude else M_PI, n
        )
        pole = True
    if mode == OVERLAP:
        # Cells reach one ring beyond their centre; the edge may graze them within the rounding of the chart.
        slack = 1e-10 + 2e-15 * n
        disc.rho_min -= slack
        disc.rho_max += slack
    elif mode == INSIDE:
        slack = -1e-10 - 2e-15 * n
    # One ring more at either end: the table decides, not the rounding of rho_min and rho_max.
    first = <int64_t> ceil(disc.rho_min) - 1
    last = <int64_t> floor(disc.rho_max) + 1
    if first < 1:
        first = 1
    if last > 4 * size - 1:
        last = 4 * size - 1
    if not make_room(table, <size_t> (last - first + 1)):
        return False
    table.first = first
    table.last = last
    half_max = -1
    if mode == CENTER:
        for ring in range(first, last + 1):
            if stopped(ring - first, 4096):
                return False
            half = half_width(&disc, <double> ring, &width)
            table.half[ring - first] = half
            if half == EVERYWHERE:
                around = True
            elif half > half_max:
                half_max = half
    else:
        if not set_nodes(&disc, nodes):
            return False
        # The disc is widest between rings, and where the pole is in it all longitudes are.
        half_max = widest(&disc, radius)
    if pole:
        half_max = 4
        around = True
    if half_max < 0 and not around:
        return True
    if half_max >= 3:
        # Base cells are visited from both sides, and the two parts of a ring may have cells in common.
        out = &scratch.polar
        out.extent.count = 0
    for face in range(12):
        # Base cells reach from the ring (face // 4) n to the ring (face // 4 + 2) n.
        if last <= (face >> 2) * size or first >= ((face >> 2) + 2) * size:
            continue
        seen = t - central_longitude(face)
        if seen >= 4:
            seen -= 8
        elif seen < -4:
            seen += 8
        if around or fabs(seen) <= 1 + half_max:
            in_face(&disc, nodes.node, face, seen, order, mode, slack, table, EVERYWHERE if around else half_max, out)
        # The disc as seen the other way around the sphere.
        if half_max >= 3:
            seen = seen - 8 if seen > 0 else seen + 8
            if fabs(seen) <= 1 + half_max:
                in_face(
                    &disc, nodes.node, face, seen, order, mode, slack, table, EVERYWHERE if around else half_max, out
                )
    if out != sink:
        if not tidy(out, scratch):
            return False
        for i in range(out.extent.count):
            sink_put(sink, out.starts[i], out.stops[i])
    return True


cdef double widest(const Disc* disc, double radius) noexcept nogil:
    """Largest half-width of a disc that holds no pole, in units of pi/4: sin(half) = sin(r) / cos(lat)."""
    cdef double ratio
    if disc.cos_lat <= 0:
        return 4
    ratio = sin(radius) / disc.cos_lat
    if ratio >= 1:
        return 4
    return (4 / M_PI) * asin(ratio) * (1 + 1e-12) + 1e-12


cdef inline Mode dual(Mode mode) noexcept nogil:
    """The mode in which the cells outside a shape are those of its complement in this mode."""
    return CENTER if mode == CENTER else INSIDE if mode == OVERLAP else OVERLAP


cdef void subtract(Sink* sink, const Sink* disc, const Sink* hole) noexcept nogil:
    """Put the ranges of `disc` less those of `hole`; both are tidy."""
    cdef size_t i, j = 0
    cdef uint64_t start, stop
    for i in range(disc.extent.count):
        start = disc.starts[i]
        stop = disc.stops[i]
        while j < hole.extent.count and hole.stops[j] <= start:
            j += 1
        while j < hole.extent.count and hole.starts[j] < stop:
            if hole.starts[j] > start:
                sink_put(sink, start, hole.starts[j])
            start = hole.stops[j]
            if start >= stop:
                break
            j += 1
        if start < stop:
            sink_put(sink, start, stop)


cdef bint any_disc(
    double lon, double lat, double radius, int order, Mode mode, Scratch* scratch, Sink* sink
) noexcept nogil:
    """Emit one disc of a radius up to pi; False if there is no memory.

    Discs are closed: in mode CENTER a centre that is on the edge, to within TIE, is in.
    """
    cdef double tie = TIE if mode == CENTER else 0, rest
    cdef uint64_t start = 0
    cdef size_t i
    if radius + tie >= M_PI:
        sink_put(sink, 0, END)
        return True
    if radius + tie <= 0.5 * M_PI:
        return one_disc(lon, lat, radius + tie, order, mode, scratch, sink)
    # Outside a wide disc lies a disc around the antipode, without its edge.
    rest = M_PI - radius - tie
    scratch.beyond.extent.count = 0
    if not (
        one_disc(lon - M_PI if lon > 0 else lon + M_PI, -lat, rest if rest > 0 else 0, order, dual(mode), scratch, &scratch.beyond)
        and tidy(&scratch.beyond, scratch)
    ):
        return False
    for i in range(scratch.beyond.extent.count):
        if scratch.beyond.starts[i] > start:
            sink_put(sink, start, scratch.beyond.starts[i])
        start = scratch.beyond.stops[i]
    if start < END:
        sink_put(sink, start, END)
    return True


cdef bint one_shape(
    double lon, double lat, const double* inner, double outer, int order, Mode mode, Scratch* scratch, Sink* sink
) noexcept nogil:
    """Emit a disc or, if there is an inner radius, an annulus; False if there is no memory."""
    if inner == NULL:
        return any_disc(lon, lat, outer, order, mode, scratch, sink)
    scratch.disc.extent.count = scratch.hole.extent.count = 0
    if not (
        any_disc(lon, lat, outer, order, mode, scratch, &scratch.disc)
        and tidy(&scratch.disc, scratch)
        and any_disc(lon, lat, inner[0], order, dual(mode), scratch, &scratch.hole)
        and tidy(&scratch.hole, scratch)
    ):
        return False
    subtract(sink, &scratch.disc, &scratch.hole)
    return True


cdef tuple all_shapes(
    const double[::1] lon, const double[::1] lat, const double[::1] inner, const double[::1] outer, int order, int mode,
    int64_t[::1] ends,
):
    """Starts, stops and rows without a cell of discs or, unless `inner` is None, annuli."""
    cdef Py_ssize_t n = lon.shape[0], i
    cdef Sink sink
    cdef Scratch scratch
    cdef bint good = True, has_hole = inner is not None
    cdef double each, ranges = 0
    cdef size_t before
    cdef uint64_t stop
    cdef uint64_t* missed = NULL
    cdef const double* own_inner = NULL
    cdef int64_t* end = ends_of(ends, n)
    cdef Extent extent
    if (
        lat.shape[0] != n or outer.shape[0] != n or (inner is not None and inner.shape[0] != n)
        or not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE
    ):
        raise ValueError("angles must have one length, order 0 to 29, mode 0 to 2")
    for i in range(n):
        if not (
            isfinite(lon[i])
            and fabs(lat[i]) <= 0.5 * M_PI + 1e-9
            and 0 <= outer[i] <= M_PI
            and (inner is None or 0 <= inner[i] <= outer[i])
        ):
            raise ValueError(f"a disc must have a finite position and radii from 0 to pi, the inner one first, {i} has not")
    open_scratch(&scratch)
    memset(&extent, 0, sizeof(Extent))
    with nogil:
        # About two ranges for each ring that a small disc meets; what large ones need beyond that comes as they go.
        for i in range(n):
            each = 2 + 3 * outer[i] * <double> ((<int64_t> 1) << order)
            ranges += each if each < 32 else 32
        sink_open(&sink, <size_t> ranges)
        for i in range(n):
            require(fabs(lat[i]) <= 0.5 * M_PI + 1e-9)
            require(0 <= outer[i] <= M_PI + 1e-9)
            before = sink.extent.count
            stop = sink.stops[before - 1] if before else 0
            if has_hole:
                # A point is not taken away.
                own_inner = &inner[i] if inner[i] > 0 else NULL
            good = one_shape(lon[i], lat[i], own_inner, outer[i], order, <Mode> mode, &scratch, &sink)
            if not good or sink_ends(&sink):
                break
            # A range that continues the last one changes its stop, not the count.
            if sink.extent.count == before and (before == 0 or sink.stops[before - 1] == stop):
                if extent.count == extent.room and not grow(
                    &extent, 1, &missed, sizeof(uint64_t), NULL, 0, NULL, 0
                ):
                    break
                missed[extent.count] = <uint64_t> i
                extent.count += 1
            if end != NULL:
                sink_mark(&sink, end + i)
    sink.extent.failed |= close_scratch(&scratch) or not good or extent.failed
    try:
        starts, stops = sink_take(&sink)
        return starts, stops, owned(&missed, extent.count)
    finally:
        free(missed)


def rasterize(
    const double[::1] lon, const double[::1] lat, const double[::1] radius, int order, int mode, int64_t[::1] ends=None
):
    """Range starts and stops (order 29) of the cells of each disc, and the numbers of the discs that have no cell.

    The ranges come disc by disc. Those of one disc do not overlap, those of different discs may. Angles in radians:
    latitudes within [-pi/2, pi/2], radii from 0 to pi. `mode` 0: cells whose centre is in the disc or within TIE of it,
    1: cells that meet it, 2: cells fully inside it. If `ends` is given, it gets the number of ranges up to the end of
    each disc.
    """
    return all_shapes(lon, lat, None, radius, order, mode, ends)


def annuli(
    const double[::1] lon, const double[::1] lat, const double[::1] inner, const double[::1] outer, int order, int mode,
    int64_t[::1] ends=None,
):
    """The same for annuli: discs of radius `outer` less those of radius `inner`, 0 <= inner <= outer <= pi.

    In mode 0, centres within TIE of either disc are in that disc. The edge of the inner disc is thus outside. An annulus
    with an inner radius of 0 is a disc.
    """
    if inner is None:
        raise ValueError("inner must be an array")
    return all_shapes(lon, lat, inner, outer, order, mode, ends)
