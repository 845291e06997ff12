# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""All pixels within an angle of a set of pixels, by a sweep over the rings (runs.pyx says what a run is).

Centre by centre: a pixel of ring i reaches, on ring j, the pixels within W(i, j) of its longitude, where

    sin(W / 2)**2 = (sin(w / 2)**2 - sin((lat_i - lat_j) / 2)**2) / (cos lat_i cos lat_j)

depends on the two rings alone. A run of ring i thus reaches one run on ring j, longer by W on either side. The sweep
goes from north to south. It keeps the list of runs that still reach the present ring, sorted by their first longitude
there; the union of these is the result on that ring. This covers all sources north of (or on) a ring; the mirrored runs
give the rest.

Runs drop out early. Let run B lie on a ring south of run A's and cover what A reaches on ring j. Points within w of a
place a but not of a place b form a crescent, which is connected, so the rings that it meets are consecutive: they are
those with W_B - W_A < D, where D >= 0 is the difference of the longitudes of a and b. Once W_B - W_A has grown
from below D to at least D, it therefore stays so, and A will not be seen again. The remaining runs are those
that are visible from the south, and a wide dilation of many sources costs little more than a narrow one.

Where W is less than half the spacing of the pixels of ring i there are gaps between what neighbours reach. Then ring
j's pixels that nothing else has covered are tested one by one.
"""

from libc.math cimport M_PI, asin, sin, sqrt
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from hpmask._kernels.buffer cimport Extent, allocate, grow
from hpmask._kernels.checked cimport CHECKING, require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport ring_height, ring_odd, ring_width
from hpmask._kernels.sink cimport Line, line_open, line_put, line_take
from hpmask._kernels.stopping cimport stopped

cdef double NO_REACH = -1.0
cdef double ALL_AROUND = 3.0        # half a turn is 2: longitudes are in quarters of a turn here
cdef double GROWN = 1e-14           # the least growth that counts: more than rounding errors


cdef struct Arc:
    double a            # longitudes of a run's first and last pixel, 0 <= a <= b < 4
    double b
    double l            # a - W, b + W: what it reaches on the present ring
    double r
    int32_t source      # which ring it is on


cdef struct Span:
    int64_t first       # pixels of the present ring
    int64_t last


cdef struct Sweep:
    int order
    double n
    double chord2               # squared chord of the angle
    size_t n_sources            # rings that have runs
    int64_t* ring               # their numbers, ascending
    size_t* begin               # index of the first run of each, and one more
    double* z                   # sin and cos of their latitudes
    double* cos_lat
    double* spacing             # of their pixels
    double* reach               # W from each to the present ring
    double* before              # and to the one before
    double* own                 # and to itself
    int32_t* seen               # how many of its runs are still in the list
    int32_t* live               # the rings that have any
    size_t n_live
    Arc* arcs                   # the list, sorted by l
    size_t n_arcs
    Arc* fresh                  # room to merge
    Extent arc_room
    Span* spans                 # what is covered of the present ring
    size_t n_spans
    Span* other
    Span* third
    Extent span_room
    bint failed                 # out of memory for what each ring with runs needs


cdef inline int64_t _floor(double x) noexcept nogil:
    """The largest integer up to x: without a call, for numbers that fit."""
    cdef int64_t i = <int64_t> x
    return i - (i > x)


cdef inline int64_t _ceil(double x) noexcept nogil:
    cdef int64_t i = <int64_t> x
    return i + (i < x)


cdef inline double _reach(double z, double cos_lat, double z_source, double cos_source, double chord2) noexcept nogil:
    """W in quarters of a turn."""
    cdef double a = z - z_source, b = cos_lat - cos_source
    cdef double q = chord2 - (a * a + b * b), below = 4 * cos_lat * cos_source
    if q < 0:
        return NO_REACH
    if q >= below:
        return ALL_AROUND
    return (4 / M_PI) * asin(sqrt(q / below))


cdef inline bint _out_of_memory(const Sweep* sweep) noexcept nogil:
    return sweep.failed or sweep.arc_room.failed or sweep.span_room.failed


cdef bint _room_for_arcs(Sweep* sweep, size_t count) noexcept nogil:
    return grow(&sweep.arc_room, count, &sweep.arcs, sizeof(Arc), &sweep.fresh, sizeof(Arc), NULL, 0)


cdef bint _room_for_spans(Sweep* sweep, size_t count) noexcept nogil:
    return grow(
        &sweep.span_room, count, &sweep.spans, sizeof(Span), &sweep.other, sizeof(Span), &sweep.third, sizeof(Span)
    )


cdef void _advance(Sweep* sweep, double z, double cos_lat) noexcept nogil:
    """Come to the next ring: reaches, and the list in its order without the runs that do not reach it."""
    cdef size_t i, k = 0, j
    cdef int32_t source
    cdef double reach
    cdef Arc arc
    cdef Arc* arcs = sweep.arcs
    for i in range(sweep.n_live):
        source = sweep.live[i]
        if sweep.seen[source] == 0:
            continue
        reach = _reach(z, cos_lat, sweep.z[source], sweep.cos_lat[source], sweep.chord2)
        sweep.before[source] = sweep.reach[source]
        sweep.reach[source] = reach
        if reach >= 0:
            sweep.live[k] = source
            k += 1
    sweep.n_live = k
    k = 0
    for i in range(sweep.n_arcs):
        reach = sweep.reach[arcs[i].source]
        if reach < 0:
            continue
        arc = arcs[i]
        arc.l = arc.a - reach
        arc.r = arc.b + reach
        j = k
        while j > 0 and arcs[j - 1].l > arc.l:
            arcs[j] = arcs[j - 1]
            j -= 1
        arcs[j] = arc
        k += 1
    sweep.n_arcs = k


cdef void _enter(Sweep* sweep, const uint64_t* run, int32_t source, int64_t width, int64_t odd) noexcept nogil:
    """Take the runs of the present ring into the list."""
    cdef size_t i = sweep.begin[source], end = sweep.begin[source + 1], j = 0, k = 0
    cdef uint64_t rest = ((<uint64_t> 1) << (sweep.order + 3)) - 1
    cdef double z = sweep.z[source], cos_lat = sweep.cos_lat[source]
    cdef double reach = _reach(z, cos_lat, z, cos_lat, sweep.chord2), unit = 1.0 / (2 * width)
    cdef Arc arc
    cdef Arc* swap
    if not _room_for_arcs(sweep, sweep.n_arcs + end - i):
        return
    sweep.reach[source] = reach
    sweep.own[source] = reach
    sweep.before[source] = NO_REACH
    sweep.seen[source] = <int32_t> (end - i)
    require(sweep.n_live < sweep.n_sources)
    sweep.live[sweep.n_live] = source
    sweep.n_live += 1
    while i < end:
        arc.a = (2 * <int64_t> (run[2 * i] & rest) + odd) * unit
        arc.b = (2 * <int64_t> (run[2 * i + 1] & rest) - 2 + odd) * unit
        arc.l = arc.a - reach
        arc.r = arc.b + reach
        arc.source = source
        while j < sweep.n_arcs and sweep.arcs[j].l <= arc.l:
            sweep.fresh[k] = sweep.arcs[j]
            j += 1
            k += 1
        sweep.fresh[k] = arc
        k += 1
        i += 1
    require(k + sweep.n_arcs - j <= sweep.arc_room.room)
    memcpy(sweep.fresh + k, sweep.arcs + j, (sweep.n_arcs - j) * sizeof(Arc))
    sweep.n_arcs += k - j
    swap = sweep.arcs
    sweep.arcs = sweep.fresh
    sweep.fresh = swap


cdef inline bint _hidden(const Sweep* sweep, const Arc* a, const Arc* b) noexcept nogil:
    """Whether run b covers what a reaches, on this ring and all that follow."""
    cdef double reach_a, reach_b, before_a, before_b
    if b.source <= a.source or b.l > a.l or b.r < a.r:
        return False
    reach_a = sweep.reach[a.source]
    reach_b = sweep.reach[b.source]
    if reach_a >= ALL_AROUND or reach_b >= ALL_AROUND or reach_b < reach_a:
        return False
    if sweep.before[b.source] < 0:
        # b's own ring. For D = 0, the same follows from W_B - W_A < 0 on a's ring and W_B - W_A >= 0 here.
        return b.a <= a.a and b.b >= a.b and sweep.own[a.source] - reach_a > GROWN and sweep.own[a.source] < ALL_AROUND
    before_a = sweep.before[a.source]
    before_b = sweep.before[b.source]
    return (
        before_a >= 0 and before_a < ALL_AROUND and before_b < ALL_AROUND
        and (reach_b - reach_a) - (before_b - before_a) > GROWN
    )


cdef size_t _cover(Sweep* sweep, int32_t here, int64_t width, int64_t odd, size_t* gaps) noexcept nogil:
    """Spans of the present ring that the list covers, not yet wrapped round; forgets the runs that are hidden for good.

    `here` is the ring itself if it has runs, else -1. The runs with gaps go to `fresh`, their number to `gaps`.
    """
    cdef size_t i, k = 0, count = 0, widest = 0, nearest = 0
    cdef int64_t first, last, own
    cdef double reach
    cdef Arc* arcs = sweep.arcs
    cdef Span* spans = sweep.spans
    cdef bint any_before = False
    gaps[0] = 0
    for i in range(sweep.n_arcs):
        if any_before:
            if _hidden(sweep, &arcs[i], &arcs[widest]) or _hidden(sweep, &arcs[i], &arcs[nearest]):
                sweep.seen[arcs[i].source] -= 1
                continue
        arcs[k] = arcs[i]
        if not any_before or arcs[k].r >= arcs[widest].r:
            widest = k
        if not any_before or arcs[k].source >= arcs[nearest].source or arcs[nearest].r < arcs[k].l:
            nearest = k
        any_before = True
        reach = sweep.reach[arcs[k].source]
        first = _ceil(arcs[k].l * width - 0.5 * odd)
        last = _floor(arcs[k].r * width - 0.5 * odd)
        if arcs[k].source == here:
            # Rounding must not lose the run itself.
            own = _floor(arcs[k].a * width - 0.5 * odd + 0.5)
            if own < first:
                first = own
            own = _floor(arcs[k].b * width - 0.5 * odd + 0.5)
            if own > last:
                last = own
        elif arcs[k].b > arcs[k].a and 2 * reach < sweep.spacing[arcs[k].source]:
            sweep.fresh[gaps[0]] = arcs[k]
            gaps[0] += 1
            k += 1
            continue
        k += 1
        if last < first:
            continue
        if count and first <= spans[count - 1].last + 1:
            if last > spans[count - 1].last:
                spans[count - 1].last = last
        else:
            require(count < sweep.span_room.room)
            spans[count].first = first
            spans[count].last = last
            count += 1
    sweep.n_arcs = k
    return count


cdef inline void _add(Span* spans, size_t* count, int64_t first, int64_t last) noexcept nogil:
    """Add a span to a list that ascends by first pixels, or make its last one longer."""
    if count[0] and first <= spans[count[0] - 1].last + 1:
        if last > spans[count[0] - 1].last:
            spans[count[0] - 1].last = last
    else:
        spans[count[0]].first = first
        spans[count[0]].last = last
        count[0] += 1


cdef size_t _merge(const Span* a, size_t n, const Span* b, size_t m, Span* out) noexcept nogil:
    """The union of two lists of spans."""
    cdef size_t i = 0, j = 0, count = 0
    while i < n or j < m:
        if j == m or (i < n and a[i].first <= b[j].first):
            _add(out, &count, a[i].first, a[i].last)
            i += 1
        else:
            _add(out, &count, b[j].first, b[j].last)
            j += 1
    return count


cdef void _wrap(Sweep* sweep, int64_t size) noexcept nogil:
    """Bring the spans, which may reach a turn to either side, to pixels 0 to size - 1."""
    cdef size_t i = 0, begin, end = sweep.n_spans, count
    cdef Span* spans = sweep.spans
    cdef Span* swap
    for i in range(end):
        if spans[i].last - spans[i].first >= size - 1:
            spans[0].first = 0
            spans[0].last = size - 1
            sweep.n_spans = 1
            return
    if end == 0 or (spans[0].first >= 0 and spans[end - 1].last < size):
        return
    # Those west of 0, a turn on; the others as they are; those that run over the end, a turn back.
    count = 0
    i = 0
    while i < end and spans[i].first < 0:
        _add(
            sweep.other, &count, spans[i].first + size,
            (spans[i].last if spans[i].last < 0 else -1) + size,
        )
        if spans[i].last >= 0:
            spans[i].first = 0
            break
        i += 1
    begin = i
    sweep.n_spans = _merge(spans + begin, end - begin, sweep.other, count, sweep.third)
    swap = sweep.spans
    sweep.spans = sweep.third
    sweep.third = swap
    spans = sweep.spans
    end = sweep.n_spans
    begin = end
    while begin > 0 and spans[begin - 1].last >= size:
        begin -= 1
    count = 0
    for i in range(begin, end):
        _add(
            sweep.other, &count, (spans[i].first if spans[i].first >= size else size) - size,
            spans[i].last - size,
        )
        if spans[i].first < size:
            spans[i].last = size - 1
            begin = i + 1
    sweep.n_spans = _merge(sweep.other, count, spans, begin, sweep.third)
    swap = sweep.spans
    sweep.spans = sweep.third
    sweep.third = swap


cdef size_t _holes(
    Sweep* sweep, const Arc* arc, int64_t width, int64_t odd, int64_t low, int64_t high, int64_t turn, size_t found
) noexcept nogil:
    """Ask the pixels from low to high that no span holds whether they are near a pixel of a run with gaps.

    `turn` is what was added to bring them to the ring's own numbers. Those that are go to `other`.
    """
    cdef size_t a = 0, b = sweep.n_spans, mid
    cdef int64_t p = low, stop, step, steps
    cdef double spacing = sweep.spacing[arc.source], reach = sweep.reach[arc.source], q
    steps = _floor((arc.b - arc.a) / spacing + 0.5)
    while a < b:
        mid = (a + b) // 2
        if sweep.spans[mid].last < low:
            a = mid + 1
        else:
            b = mid
    while p <= high:
        stop = high if a == sweep.n_spans or sweep.spans[a].first > high else sweep.spans[a].first - 1
        while p <= stop:
            q = (2 * (p - turn) + odd) / (2.0 * width) - arc.a
            step = _floor(q / spacing + 0.5)
            if step < 0:
                step = 0
            elif step > steps:
                step = steps
            q -= step * spacing
            if -reach <= q <= reach:
                if found and p <= sweep.other[found - 1].last + 1 and p >= sweep.other[found - 1].first:
                    if p > sweep.other[found - 1].last:
                        sweep.other[found - 1].last = p
                else:
                    if not _room_for_spans(sweep, found + sweep.n_spans + 1):
                        return found
                    sweep.other[found].first = p
                    sweep.other[found].last = p
                    found += 1
            p += 1
        if a == sweep.n_spans or sweep.spans[a].first > high:
            return found
        p = sweep.spans[a].last + 1
        a += 1
    return found


cdef void _fill_gaps(Sweep* sweep, int64_t width, int64_t odd, size_t gaps) noexcept nogil:
    """Add what the runs with gaps (in `fresh`) reach to the spans."""
    cdef size_t i, j, found = 0
    cdef int64_t low, high, size = 4 * width
    cdef Arc* arc
    cdef Span span
    cdef Span* swap
    for i in range(gaps):
        arc = &sweep.fresh[i]
        low = _ceil(arc.l * width - 0.5 * odd)
        high = _floor(arc.r * width - 0.5 * odd)
        if low < 0:
            found = _holes(sweep, arc, width, odd, low + size, (high if high < 0 else -1) + size, size, found)
        if high >= size:
            found = _holes(sweep, arc, width, odd, (low if low > size else size) - size, high - size, -size, found)
        if low < size and high >= 0:
            found = _holes(
                sweep, arc, width, odd, low if low > 0 else 0, high if high < size else size - 1, 0, found
            )
        if sweep.span_room.failed:
            return
    if found == 0:
        return
    for i in range(1, found):
        span = sweep.other[i]
        j = i
        while j > 0 and sweep.other[j - 1].first > span.first:
            sweep.other[j] = sweep.other[j - 1]
            j -= 1
        sweep.other[j] = span
    if not _room_for_spans(sweep, sweep.n_spans + found):
        return
    sweep.n_spans = _merge(sweep.spans, sweep.n_spans, sweep.other, found, sweep.third)
    swap = sweep.spans
    sweep.spans = sweep.third
    sweep.third = swap


cdef void _ring(Sweep* sweep, const uint64_t* run, int64_t ring, int32_t here, bint wanted, Line* line) noexcept nogil:
    """Advance to a ring and write its reached pixels."""
    cdef int64_t n = (<int64_t> 1) << sweep.order, odd, width
    cdef int bits = sweep.order + 3
    cdef uint64_t key = <uint64_t> ring << bits
    cdef double z, cos_lat, ignored
    cdef size_t i, gaps
    width = ring_width(ring, n)
    odd = ring_odd(ring, n)
    ring_height(<double> ring, sweep.n, &z, &cos_lat, &ignored)
    _advance(sweep, z, cos_lat)
    if here >= 0:
        _enter(sweep, run, here, width, odd)
    if _out_of_memory(sweep):
        return
    for i in range(sweep.n_live):
        if sweep.reach[sweep.live[i]] >= ALL_AROUND:
            if wanted:
                line_put(line, key, key | <uint64_t> (4 * width))
            return
    if not _room_for_spans(sweep, 3 * sweep.n_arcs + 3) or not _room_for_arcs(sweep, sweep.n_arcs):
        return
    sweep.n_spans = _cover(sweep, here, width, odd, &gaps)
    if not wanted:
        return
    _wrap(sweep, 4 * width)
    if gaps:
        _fill_gaps(sweep, width, odd, gaps)
    for i in range(sweep.n_spans):
        require(0 <= sweep.spans[i].first <= sweep.spans[i].last < 4 * width)
        line_put(line, key | <uint64_t> sweep.spans[i].first, key | <uint64_t> (sweep.spans[i].last + 1))


def southward(
    const uint64_t[::1] runs, int order, double angle, int64_t first, int64_t last, int64_t[::1] progress
):
    """Runs of the pixels of rings first to last within an angle (radians) of a pixel, of the same ring or north of it.

    As boundaries: start, stop, start, ... How many of the rings are done is written to progress[0] on the way.
    """
    cdef size_t count = runs.shape[0] // 2, i, k
    cdef int bits = order + 3
    cdef int64_t ring, n_rings
    cdef double z, cos_lat, ignored, half = 0.5 * angle
    cdef Sweep sweep
    cdef Line line
    cdef const uint64_t* run = &runs[0] if count else NULL
    if not 0 <= order <= MAX_ORDER or not 0 <= angle < M_PI or first < 1 or progress.shape[0] < 1:
        raise ValueError("order must be 0 to 29, the angle from 0 to below pi, first at least 1, progress an array")
    n_rings = (<int64_t> 4 << order) - 1
    memset(&sweep, 0, sizeof(Sweep))
    sweep.order = order
    sweep.n = <double> ((<int64_t> 1) << order)
    sweep.chord2 = 4 * sin(half) * sin(half)
    k = 0
    for i in range(count):
        if i == 0 or run[2 * i] >> bits != run[2 * i - 2] >> bits:
            k += 1
    sweep.n_sources = k
    sweep.ring = <int64_t*> allocate(k + 1, sizeof(int64_t))
    sweep.begin = <size_t*> allocate(k + 1, sizeof(size_t))
    sweep.z = <double*> allocate(k + 1, sizeof(double))
    sweep.cos_lat = <double*> allocate(k + 1, sizeof(double))
    sweep.spacing = <double*> allocate(k + 1, sizeof(double))
    sweep.reach = <double*> allocate(k + 1, sizeof(double))
    sweep.before = <double*> allocate(k + 1, sizeof(double))
    sweep.own = <double*> allocate(k + 1, sizeof(double))
    sweep.seen = <int32_t*> allocate(k + 1, sizeof(int32_t))
    sweep.live = <int32_t*> allocate(k + 1, sizeof(int32_t))
    sweep.failed = (
        sweep.ring == NULL or sweep.begin == NULL or sweep.z == NULL or sweep.cos_lat == NULL or sweep.spacing == NULL
        or sweep.reach == NULL or sweep.before == NULL or sweep.own == NULL or sweep.seen == NULL or sweep.live == NULL
    )
    if CHECKING:
        # Sorted runs within their rings.
        for i in range(count):
            require(run[2 * i] < run[2 * i + 1])
            require(i == 0 or run[2 * i - 1] <= run[2 * i])
            ring = <int64_t> (run[2 * i] >> bits)
            require(0 < ring <= n_rings)
            require(run[2 * i + 1] - (<uint64_t> ring << bits) <= <uint64_t> (4 * ring_width(ring, (n_rings + 1) // 4)))
    line_open(&line, 2 * count)
    with nogil:
        if not sweep.failed:
            k = 0
            for i in range(count):
                ring = <int64_t> (run[2 * i] >> bits)
                if i == 0 or ring != sweep.ring[k - 1]:
                    sweep.ring[k] = ring
                    sweep.begin[k] = i
                    ring_height(<double> ring, sweep.n, &sweep.z[k], &sweep.cos_lat[k], &ignored)
                    sweep.spacing[k] = 1 / ignored
                    k += 1
            sweep.begin[k] = count
            ring_height(<double> first, sweep.n, &z, &cos_lat, &ignored)
            k = 0
            # Rings too far north to be seen from the first one wanted.
            while k < sweep.n_sources and sweep.ring[k] < first and (
                _reach(z, cos_lat, sweep.z[k], sweep.cos_lat[k], sweep.chord2) < 0
            ):
                k += 1
            ring = 1 if k == sweep.n_sources else sweep.ring[k]
            if last > n_rings:
                last = n_rings
            while ring <= last and not _out_of_memory(&sweep) and not line.extent.failed:
                if stopped(<uint64_t> ring, 16):
                    line.extent.failed = True
                    break
                if sweep.n_live == 0:
                    # on to the next ring that has runs
                    if k == sweep.n_sources or sweep.ring[k] > last:
                        break
                    ring = sweep.ring[k]
                if k < sweep.n_sources and sweep.ring[k] == ring:
                    _ring(&sweep, run, ring, <int32_t> k, ring >= first, &line)
                    k += 1
                else:
                    _ring(&sweep, run, ring, -1, ring >= first, &line)
                if ring >= first:
                    progress[0] = ring - first + 1
                ring += 1
            progress[0] = last - first + 1
        free(sweep.ring)
        free(sweep.begin)
        free(sweep.z)
        free(sweep.cos_lat)
        free(sweep.spacing)
        free(sweep.reach)
        free(sweep.before)
        free(sweep.own)
        free(sweep.seen)
        free(sweep.live)
        free(sweep.arcs)
        free(sweep.fresh)
        free(sweep.spans)
        free(sweep.other)
        free(sweep.third)
    line.extent.failed |= _out_of_memory(&sweep)
    return line_take(&line)
