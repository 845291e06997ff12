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

from libc.math cimport M_PI, asin, ceil, cos, fabs, floor, sin, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.constants cimport CENTER, END, INSIDE, MAX_ORDER, OVERLAP, TIE, Mode
from hpmask._kernels.geometry cimport base_ring, central_longitude, ring_height
from hpmask._kernels.rings cimport FAR, MARGIN, Table, make_room, walk_face
from hpmask._kernels.sink cimport Sink, owned, sink_close, sink_open, sink_put, sink_take
from hpmask._kernels.sorting cimport sort_numbers

cdef double EVERYWHERE = 1e3      # half-width, in units of pi/4, of a ring that lies in the disc all around
cdef double NOWHERE = -1e3
cdef double STEEP = 1e300


cdef struct Disc:
    double t            # longitude of the centre in units of pi/4, in [0, 8)
    double z            # sin and cos of its latitude
    double cos_lat
    double chord2       # squared chord of the radius
    double n            # 2**order
    double rho_min      # the rings that the disc reaches
    double rho_max
    double full_min     # rings all around a pole that lie in the disc: [0, full_min] and [full_max, 4n]
    double full_max


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


cdef double edge_at(const Disc* disc, double t, double rho, double* slope) noexcept nogil:
    """v of the disc's edge on a ring that it cuts, and its derivative by rho (+-STEEP where it runs along the ring).

    Seen from a base cell whose middle lies t (units of pi/4) west of the disc's centre.
    """
    cdef double n = disc.n, z, cos_lat, width, dz, dwidth, a, b, q, below, dq, half
    ring_height(rho, n, &z, &cos_lat, &width)
    if rho < n:
        dz = -2 * rho / (3 * n * n)
        dwidth = 1
    elif rho <= 3 * n:
        dz = -2 / (3 * n)
        dwidth = 0
    else:
        dz = -2 * (4 * n - rho) / (3 * n * n)
        dwidth = -1
    below = 4 * cos_lat * disc.cos_lat
    if below <= 0:
        slope[0] = 0
        return width * t
    a = z - disc.z
    b = cos_lat - disc.cos_lat
    q = (disc.chord2 - (a * a + b * b)) / below
    # d(chord**2) = -2 d(z z0 + c c0) with c' = -z z' / c
    dq = (dz / cos_lat) * (2 * (disc.z * cos_lat - z * disc.cos_lat) / below + q * z / cos_lat)
    if q <= 0 or q >= 1:    # at the very tips, and by rounding next to them
        slope[0] = STEEP if dq > 0 else -STEEP
        return width * (t + (0 if q <= 0 else 4))
    half = (8 / M_PI) * asin(sqrt(q))
    slope[0] = dwidth * (t + half) + width * (4 / M_PI) * dq / sqrt(q * (1 - q))
    return width * (t + half)


cdef double turning_value(
    const Disc* disc, double t, double a, double b, double slope_a, double slope_b, double sign
) noexcept nogil:
    """edge + sign * rho where its derivative, slope + sign, changes sign between a and b.

    False position with the Illinois rule; bisection where an end is steep, or when the bracket shrinks slowly. What
    is left of the bracket times the slope there bounds the error of the value.
    """
    cdef double fa = slope_a + sign, fb = slope_b + sign, mid, f, value, slope
    cdef int i
    for i in range(60):
        if i % 4 == 3 or fabs(fa) > 1e6 or fabs(fb) > 1e6:
            mid = 0.5 * (a + b)
        else:
            mid = (a * fb - b * fa) / (fb - fa)
            if not a < mid < b:
                mid = 0.5 * (a + b)
        value = edge_at(disc, t, mid, &slope)
        f = slope + sign
        if fabs(f) * (b - a) < 1e-13:
            break
        if (f > 0) == (fa > 0):
            a = mid
            fa = f
            fb *= 0.5
        else:
            b = mid
            fb = f
            fa *= 0.5
    return value + sign * mid


cdef void edge_extremes(
    const Disc* disc, double t, double a, double b, bint largest, double* plus, double* minus
) noexcept nogil:
    """Largest (or smallest) values of edge + rho and edge - rho on [a, b], which holds no corner of the chart."""
    cdef double value, low = a, high, slope_low, slope_high, sign
    cdef double best[2]
    cdef int pieces = 1, i, k
    cdef bint rising
    # One cell is a small part of the disc's edge and of the chart, save at low orders and next to a pole.
    if disc.n <= 32 or a < 8 or b > 4 * disc.n - 8:
        pieces = 16
    value = edge_at(disc, t, a, &slope_low)
    best[0] = value + a
    best[1] = value - a
    for i in range(pieces):
        high = b if i == pieces - 1 else a + (i + 1) * (b - a) / pieces
        value = edge_at(disc, t, high, &slope_high)
        for k in range(2):
            sign = 1 - 2 * k
            if (value + sign * high > best[k]) == largest:
                best[k] = value + sign * high
            rising = slope_low + sign > 0
            if rising == largest and (slope_high + sign > 0) != rising and high > low:
                keep_better(turning_value(disc, t, low, high, slope_low, slope_high, sign), largest, &best[k])
        low = high
        slope_low = slope_high
    plus[0] = best[0]
    minus[0] = best[1]


cdef inline void keep_better(double value, bint largest, double* best) noexcept nogil:
    if (value > best[0]) == largest:
        best[0] = value


cdef void side(const Disc* disc, double t, int64_t first, int64_t last, Mode mode, Table* table, double* out) noexcept nogil:
    """Outermost v of the cells of rings first .. last that meet the disc (or lie in it), on the eastern side.

    Seen from a base cell whose middle lies t (units of pi/4) west of the disc's centre. Written to out[ring - first].
    """
    cdef int64_t j, c
    cdef double a, b, plus, minus, nothing = -<double> FAR, everything = <double> FAR
    cdef bint largest = mode == OVERLAP, cut
    cdef double* edge = table.edge
    # edge[2 (j - first + 1)], [.. + 1]: extremes of edge + rho and edge - rho between the rings j and j + 1
    for j in range(first - 1, last + 1):
        a = <double> j
        b = a + 1
        plus = nothing
        minus = nothing
        cut = disc.rho_min > a or disc.rho_max < b      # a part of the strip lies outside the disc
        if disc.full_min >= b or disc.full_max <= a:
            plus = everything
            minus = everything
        elif largest and (disc.full_min >= a or disc.full_max <= b):
            plus = everything
            minus = everything
        elif largest or not cut:
            if a < disc.rho_min:
                a = disc.rho_min
            if b > disc.rho_max:
                b = disc.rho_max
            if a < disc.full_min:
                a = disc.full_min
            if b > disc.full_max:
                b = disc.full_max
            if a <= b:
                edge_extremes(disc, t, a, b, largest, &plus, &minus)
        edge[2 * (j - first + 1)] = plus
        edge[2 * (j - first + 1) + 1] = minus
    for c in range(first, last + 1):
        j = c - first
        # north of the centre (strip c - 1) |s - c| = c - rho, south of it (strip c) rho - c
        if largest:
            plus = edge[2 * j] - c + 1
            minus = edge[2 * (j + 1) + 1] + c + 1
            out[j] = plus if plus > minus else minus
        else:
            minus = edge[2 * j + 1] + c - 1
            plus = edge[2 * (j + 1)] - c - 1
            out[j] = plus if plus < minus else minus


cdef void in_face(
    const Disc* disc, int face, double t, int order, Mode mode, double slack, Table* table, double half_max, Sink* sink
) noexcept nogil:
    """The disc's cells in one base cell. t is the disc's longitude from the base cell's middle, in units of pi/4."""
    cdef int64_t n = (<int64_t> 1) << order
    cdef int64_t base = base_ring(face, n), s, ring, s_min, s_max
    cdef double width, half, v_min, v_max, margin, ds, dv
    cdef double* east
    cdef double* west
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
        east = table.half
        side(disc, t, base - s_max, base - s_min, mode, table, east)
        for s in range(s_min, s_max + 1):
            table.high[MARGIN + s - s_min] = <int64_t> floor(east[s_max - s] + slack)
        west = table.half
        side(disc, -t, base - s_max, base - s_min, mode, table, west)
        for s in range(s_min, s_max + 1):
            table.low[MARGIN + s - s_min] = <int64_t> ceil(-west[s_max - s] - slack)
    walk_face(table, face, s_min, s_max, order, sink)


cdef bint one_disc(double lon, double lat, double radius, int order, Mode mode, Table* table, Sink* sink) noexcept nogil:
    """Emit one disc of a radius up to pi / 2; False if there is no memory."""
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
    for ring in range(first, last + 1):
        half = half_width(&disc, <double> ring, &width)
        table.half[ring - first] = half
        if half == EVERYWHERE:
            around = True
        elif half > half_max:
            half_max = half
    if mode != CENTER:
        # The disc is widest between rings, and where the pole is in it all longitudes are.
        half_max = widest(&disc, radius)
    if pole:
        half_max = 4
        around = True
    if half_max < 0 and not around:
        return True
    for face in range(12):
        seen = t - central_longitude(face)
        if seen >= 4:
            seen -= 8
        elif seen < -4:
            seen += 8
        if around or fabs(seen) <= 1 + half_max:
            in_face(&disc, face, seen, order, mode, slack, table, EVERYWHERE if around else half_max, sink)
        # The disc as seen the other way around the sphere.
        seen = seen - 8 if seen > 0 else seen + 8
        if fabs(seen) <= 1 + half_max:
            in_face(&disc, face, seen, order, mode, slack, table, EVERYWHERE if around else half_max, sink)
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


cdef struct Scratch:
    # Memory that is kept from shape to shape.
    Table table
    Sink beyond         # the disc around the antipode of a wide one
    Sink hole           # the inner disc of an annulus
    Sink disc           # and its outer one
    uint64_t* spare
    Extent extent       # of spare


cdef void open_scratch(Scratch* scratch) noexcept nogil:
    memset(scratch, 0, sizeof(Scratch))


cdef bint close_scratch(Scratch* scratch) noexcept nogil:
    """Free the memory; returns whether some was missing."""
    cdef bint failed = scratch.table.extent.failed or scratch.extent.failed
    failed |= scratch.beyond.extent.failed or scratch.hole.extent.failed or scratch.disc.extent.failed
    free(scratch.table.memory)
    free(scratch.spare)
    sink_close(&scratch.beyond)
    sink_close(&scratch.hole)
    sink_close(&scratch.disc)
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
    return True


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
        return one_disc(lon, lat, radius + tie, order, mode, &scratch.table, sink)
    # Outside a wide disc lies a disc around the antipode, without its edge.
    rest = M_PI - radius - 2 * tie
    scratch.beyond.extent.count = 0
    if not (
        one_disc(lon + M_PI, -lat, rest if rest > 0 else 0, order, dual(mode), &scratch.table, &scratch.beyond)
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
    const double[::1] lon, const double[::1] lat, const double[::1] inner, const double[::1] outer, int order, int mode
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
    cdef Extent extent
    if (
        lat.shape[0] != n or outer.shape[0] != n or (inner is not None and inner.shape[0] != n)
        or not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE
    ):
        raise ValueError("angles must have one length, order 0 to 29, mode 0 to 2")
    open_scratch(&scratch)
    memset(&extent, 0, sizeof(Extent))
    with nogil:
        # About two ranges for each ring that a small disc meets; what large ones need beyond that comes as they go.
        for i in range(n):
            each = 2 + 3 * outer[i] * <double> ((<int64_t> 1) << order)
            ranges += each if each < 32 else 32
        sink_open(&sink, <size_t> ranges)
        for i in range(n):
            before = sink.extent.count
            stop = sink.stops[before - 1] if before else 0
            if has_hole:
                own_inner = &inner[i]
            good = one_shape(lon[i], lat[i], own_inner, outer[i], order, <Mode> mode, &scratch, &sink)
            if not good or sink.extent.failed:
                break
            # A range that continues the last one changes its stop, not the count.
            if sink.extent.count == before and (before == 0 or sink.stops[before - 1] == stop):
                if extent.count == extent.room and not grow(
                    &extent, 1, &missed, sizeof(uint64_t), NULL, 0, NULL, 0
                ):
                    break
                missed[extent.count] = <uint64_t> i
                extent.count += 1
    sink.extent.failed |= close_scratch(&scratch) or not good or extent.failed
    try:
        return *sink_take(&sink), owned(&missed, extent.count)
    finally:
        free(missed)


def rasterize(const double[::1] lon, const double[::1] lat, const double[::1] radius, int order, int mode):
    """Range starts and stops (order 29) of the cells of each disc, and the numbers of the discs that have no cell.

    The ranges come disc by disc, and those of different discs may overlap. Angles in radians: latitudes within
    [-pi/2, pi/2], radii from 0 to pi. `mode` 0: cells whose centre is in the disc or within TIE of it, 1: cells that
    meet it, 2: cells fully inside it.
    """
    return all_shapes(lon, lat, None, radius, order, mode)


def annuli(
    const double[::1] lon, const double[::1] lat, const double[::1] inner, const double[::1] outer, int order, int mode
):
    """The same for annuli: discs of radius `outer` less those of radius `inner`, 0 <= inner <= outer <= pi.

    In mode 0, centres within TIE of either disc are in that disc. The edge of the inner disc is thus outside.
    """
    if inner is None:
        raise ValueError("inner must be an array")
    return all_shapes(lon, lat, inner, outer, order, mode)
