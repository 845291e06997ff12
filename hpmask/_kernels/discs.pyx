# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Discs to ranges of NESTED cells.

A disc cuts each ring of cells in one interval of longitudes: in each base cell it is a table of intervals, which a walk
turns to ranges (see rings.pxd).

The three modes differ in the table alone. A cell with centre (c, u) is the diamond |s - c| + |v - u| <= 1. Let the
disc's edge be v = high(s). The diamond meets the disc if and only if u <= high(s) + 1 - |s - c| for some s, and is
fully inside it if and only if u <= high(s) - 1 + |s - c| for all s within 1 of c. The same holds on the low side. Each
mode thus has an interval of u for each c. The extremes lie at s = c, at s = c +- 1, or where the edge runs parallel to
the side of a cell, which is where the derivative of high(s) +- s changes sign.
"""

from libc.math cimport M_PI, asin, ceil, cos, fabs, floor, sin, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.constants cimport CENTER, INSIDE, MAX_ORDER, OVERLAP, Mode
from hpmask._kernels.geometry cimport base_ring, central_longitude, ring_height
from hpmask._kernels.rings cimport FAR, MARGIN, Table, make_room, walk_face
from hpmask._kernels.sink cimport Sink, owned, sink_open, sink_take

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


def rasterize(const double[::1] lon, const double[::1] lat, const double[::1] radius, int order, int mode):
    """Range starts and stops (order 29) of the cells of each disc, and the numbers of the discs that have no cell.

    The ranges come disc by disc, and those of different discs may overlap. Angles in radians: latitudes within
    [-pi/2, pi/2], radii from 0 to pi/2. `mode` 0: cells whose centre is in the disc, 1: cells that meet it, 2: cells
    fully inside it.
    """
    cdef Py_ssize_t n = lon.shape[0], i
    cdef Sink sink
    cdef Table table
    cdef bint good = True
    cdef double each, ranges = 0
    cdef size_t before
    cdef uint64_t stop
    cdef uint64_t* missed = NULL
    cdef Extent extent
    if lat.shape[0] != n or radius.shape[0] != n or not 0 <= order <= MAX_ORDER or not CENTER <= mode <= INSIDE:
        raise ValueError("lon, lat and radius must have one length, order 0 to 29, mode 0 to 2")
    memset(&table, 0, sizeof(Table))
    memset(&extent, 0, sizeof(Extent))
    with nogil:
        # About two ranges for each ring that a small disc meets; what large ones need beyond that comes as they go.
        for i in range(n):
            each = 2 + 3 * radius[i] * <double> ((<int64_t> 1) << order)
            ranges += each if each < 32 else 32
        sink_open(&sink, <size_t> ranges)
        for i in range(n):
            before = sink.extent.count
            stop = sink.stops[before - 1] if before else 0
            good = one_disc(lon[i], lat[i], radius[i], order, <Mode> mode, &table, &sink)
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
    free(table.memory)
    sink.extent.failed |= table.extent.failed or extent.failed
    try:
        return *sink_take(&sink), owned(&missed, extent.count)
    finally:
        free(missed)
