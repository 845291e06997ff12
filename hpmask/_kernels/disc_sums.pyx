# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sums over a disc around each of many cells, ring by ring, as differences of running totals.

Centre by centre: a disc around a cell of ring i contains, of ring j, the cells within W(i, j) of its longitude, where

    sin(W / 2)**2 = (sin(r / 2)**2 - sin((lat_i - lat_j) / 2)**2) / (cos lat_i cos lat_j)

depends on the two rings alone. The cells of ring j are thus one interval, and their sum is the difference of two
running totals along the ring. The work for a cell is a few operations per ring of its disc, whatever its width is.

In units of the cells of ring j, the longitude of cell k of ring i is an integer plus a fraction of denominator 2 w_i,
with w the cells in a quarter of a ring. Both are computed in integers, so an interval is the same in all four quarters
of a ring and does not depend on the size of k. Between rings of the same number of cells the intervals of all cells
are the same, up to a shift.

A running total is the unevaluated sum of two doubles, high + low. The difference of two of them therefore keeps full
precision next to a cell that is brighter by up to 1e16. If all totals are exact, as those of counts are, `low` is left
out.

Rings are given as a list of those that have cells. A list of all rings with all their cells needs no positions.
Otherwise the cells of a ring are found among the sorted positions, with a search that begins where the last one ended.
"""

from libc.math cimport M_PI, asin, ceil, floor, sin, sqrt
from libc.stdint cimport int64_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.geometry cimport ring_height, ring_number, ring_odd, ring_place, ring_width
from hpmask._kernels.stopping cimport poll


cdef struct Source:
    # What is summed.
    size_t n_rings
    const int64_t* ring         # numbers of the rings that have cells, ascending
    const int64_t* begin        # index of the first cell of each ring, and one more
    const int64_t* position     # positions of the cells in their rings; NULL if all cells are there
    const double* high          # running totals: ring m of the list has begin[m + 1] - begin[m] + 1, from begin[m] + m on
    const double* low           # NULL if all are 0


cdef struct Centre:
    # A ring of centres, and what they have of a ring of the source.
    int64_t ring
    int64_t width
    int64_t odd
    size_t n
    const int64_t* position     # NULL if all cells of the ring are there
    double* out


cdef inline double two_sum(double a, double b, double* error) noexcept nogil:
    """a + b, and its rounding error (Knuth's TwoSum, for numbers of any size)."""
    cdef double total = a + b, part = total - a
    error[0] = (a - (total - part)) + (b - part)
    return total


cdef inline double between(const double* high, const double* low, int64_t a, int64_t b) noexcept nogil:
    """The difference of two running totals, of entry b and entry a."""
    cdef double difference, error
    if low == NULL:
        return high[b] - high[a]
    difference = two_sum(high[b], -high[a], &error)
    return difference + (error + (low[b] - low[a]))


cdef inline int64_t rank(const int64_t* position, int64_t n, int64_t hint, int64_t wanted) noexcept nogil:
    """How many of n ascending positions are below a wanted one. The search goes from `hint` in steps that double."""
    cdef int64_t low = hint, high = hint, middle, step = 1
    require(0 <= hint <= n)
    if hint < n and position[hint] < wanted:
        # From one centre to the next, it is one position farther in a map without holes.
        low += 1
        if low == n or position[low] >= wanted:
            return low
        high = low + 1
        while high < n and position[high] < wanted:
            low = high
            high += step
            step *= 2
        if high > n:
            high = n
        low += 1
    else:
        while low > 0 and position[low - 1] >= wanted:
            high = low - 1
            low -= step
            step *= 2
        if low < 0:
            low = 0
    # All below `low` are smaller, and those from `high` on are not.
    while low < high:
        middle = low + (high - low) // 2
        if position[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline double within(
    const Source* source, size_t m, int64_t size, int64_t a, int64_t b, int64_t* hint
) noexcept nogil:
    """Sum over the cells a to b - 1 of a ring, 0 <= a <= b <= size."""
    cdef int64_t first = source.begin[m], n = source.begin[m + 1] - first
    cdef const double* high = source.high + first + <int64_t> m
    cdef const double* low = NULL
    if source.low != NULL:
        low = source.low + first + <int64_t> m
    if source.position != NULL:
        a = rank(source.position + first, n, hint[0], a)
        b = rank(source.position + first, n, hint[1] if hint[1] > a else a, b)
        hint[0] = a
        hint[1] = b
    require(0 <= a <= b <= n)
    return between(high, low, a, b)


cdef inline double around(
    const Source* source, size_t m, int64_t size, int64_t a, int64_t b, int64_t* hint
) noexcept nogil:
    """Sum over the cells a to b - 1, counted around the ring: -size <= a < 2 size, b - a <= size."""
    if a < 0:
        a += size
        b += size
    elif a >= size:
        a -= size
        b -= size
    if b <= size:
        return within(source, m, size, a, b, hint)
    # Two hints each, because a search that begins at the other side of the seam is long.
    return within(source, m, size, a, size, hint + 2) + within(source, m, size, 0, b - size, hint + 4)


cdef inline void interval(
    int64_t whole, int64_t rest, int64_t denominator, double half, int64_t size, int64_t* a, int64_t* b
) noexcept nogil:
    """The cells a to b - 1 of a ring within `half` cells of the place whole + rest / denominator."""
    cdef double fraction = <double> rest / <double> denominator
    a[0] = whole + <int64_t> ceil(fraction - half)
    b[0] = whole + <int64_t> floor(fraction + half) + 1
    if b[0] - a[0] > size:
        b[0] = a[0] + size


cdef void add_shifted(
    const Source* source, size_t m, const Centre* centre, int64_t size, int64_t a, int64_t b
) noexcept nogil:
    """Add the cells k + a to k + b - 1 of a full ring to the sum of each cell k of a full ring of the same width."""
    cdef const double* high = source.high + source.begin[m] + <int64_t> m
    cdef const double* low
    cdef double* out = centre.out
    cdef int64_t first = -a if a < 0 else 0, stop = size - b + 1, k
    cdef int64_t hint[6]
    if stop > size:
        stop = size
    if stop < first:
        stop = first
    for k in range(6):
        hint[k] = 0
    for k in range(first if first < size else size):
        out[k] += around(source, m, size, k + a, k + b, hint)
    if source.low == NULL:
        for k in range(first, stop):
            out[k] += high[k + b] - high[k + a]
    else:
        low = source.low + source.begin[m] + <int64_t> m
        for k in range(first, stop):
            out[k] += between(high, low, k + a, k + b)
    for k in range(stop, size):
        out[k] += around(source, m, size, k + a, k + b, hint)


cdef void add_by_quarters(
    const Source* source, size_t m, const Centre* centre, int64_t width, int64_t odd, double half
) noexcept nogil:
    """Add the part of a full ring to the sums of a full ring. The intervals are the same in all quarters."""
    cdef const double* high = source.high + source.begin[m] + <int64_t> m
    cdef const double* low = NULL
    cdef double* out = centre.out
    cdef int64_t size = 4 * width, denominator = 2 * centre.width, k, quarter, a, b, begin, end
    cdef int64_t step = width // centre.width, more = 2 * (width - step * centre.width)
    cdef int64_t rest = centre.odd * width - odd * centre.width, whole = 0
    cdef int64_t hint[6]
    if source.low != NULL:
        low = source.low + source.begin[m] + <int64_t> m
    for k in range(6):
        hint[k] = 0
    while rest < 0:
        rest += denominator
        whole -= 1
    while rest >= denominator:
        rest -= denominator
        whole += 1
    for k in range(centre.width):
        interval(whole, rest, denominator, half, size, &begin, &end)
        for quarter in range(4):
            a = begin + quarter * width
            b = end + quarter * width
            if a >= 0 and b <= size:
                out[k + quarter * centre.width] += between(high, low, a, b)
            else:
                out[k + quarter * centre.width] += around(source, m, size, a, b, hint)
        whole += step
        rest += more
        if rest >= denominator:
            rest -= denominator
            whole += 1


cdef void add_one_by_one(
    const Source* source, size_t m, const Centre* centre, int64_t width, int64_t odd, double half
) noexcept nogil:
    """Add the part of a ring to the sum of each centre, for any cells of the two rings."""
    cdef int64_t size = 4 * width, denominator = 2 * centre.width, step = width // centre.width
    cdef int64_t more = 2 * (width - step * centre.width), before = -2, place, whole = 0, rest = 0, a, b, k
    cdef size_t c
    cdef int64_t hint[6]
    for k in range(6):
        hint[k] = 0
    for c in range(centre.n):
        k = centre.position[c] if centre.position != NULL else <int64_t> c
        if k == before + 1:
            whole += step
            rest += more
            if rest >= denominator:
                rest -= denominator
                whole += 1
        else:
            # Not negative, for the division: a ring's first cell is at most half a cell west of that of another ring.
            place = (2 * k + centre.odd) * width - odd * centre.width + denominator
            whole = place // denominator - 1
            rest = place - (whole + 1) * denominator
        before = k
        interval(whole, rest, denominator, half, size, &a, &b)
        centre.out[c] += around(source, m, size, a, b, hint)


cdef void add_shifted_one_by_one(
    const Source* source, size_t m, const Centre* centre, int64_t size, int64_t a, int64_t b
) noexcept nogil:
    """Add the cells k + a to k + b - 1 of a ring to the sum of each centre k on a ring of the same width."""
    cdef size_t c
    cdef int64_t hint[6]
    cdef int64_t k
    for k in range(6):
        hint[k] = 0
    for c in range(centre.n):
        k = centre.position[c] if centre.position != NULL else <int64_t> c
        centre.out[c] += around(source, m, size, k + a, k + b, hint)


cdef bint add_ring(
    const Source* source, size_t m, const Centre* centre, double z, double cos_lat, double n, double chord2, double* all
) noexcept nogil:
    """Add the part of ring m of the list to the sums of a ring; False if it lies beyond their discs.

    A ring that lies in the discs all around is added to `all`.
    """
    cdef double z_here, cos_here, width_here, a, b, q, below, half
    cdef int64_t ring = source.ring[m], size = <int64_t> n, width, odd, n_here, first, stop
    cdef bint some
    cdef const double* low = NULL
    ring_height(<double> ring, n, &z_here, &cos_here, &width_here)
    a = z_here - z
    b = cos_here - cos_lat
    q = chord2 - (a * a + b * b)
    if q < 0:
        return False
    below = 4 * cos_here * cos_lat
    if q >= below:
        if source.low != NULL:
            low = source.low + source.begin[m] + <int64_t> m
        n_here = source.begin[m + 1] - source.begin[m]
        all[0] += between(source.high + source.begin[m] + <int64_t> m, low, 0, n_here)
        return True
    width = ring_width(ring, size)
    odd = ring_odd(ring, size)
    half = width_here * (4 / M_PI) * asin(sqrt(q / below))
    some = source.position != NULL or centre.position != NULL
    if width == centre.width:
        # All intervals are that of the first cell, shifted.
        interval(0, centre.odd - odd, 2, half, 4 * width, &first, &stop)
        if some:
            add_shifted_one_by_one(source, m, centre, 4 * width, first, stop)
        else:
            add_shifted(source, m, centre, 4 * width, first, stop)
    elif some:
        add_one_by_one(source, m, centre, width, odd, half)
    else:
        add_by_quarters(source, m, centre, width, odd, half)
    return True


cdef void sum_ring(const Source* source, const Centre* centre, double n, double chord2) noexcept nogil:
    """The sums of the centres of one ring: rings of the source from the centres' own to the north, then to the south."""
    cdef double z, cos_lat, width, all = 0
    cdef size_t low = 0, high = source.n_rings, middle, m, c
    ring_height(<double> centre.ring, n, &z, &cos_lat, &width)
    for c in range(centre.n):
        centre.out[c] = 0
    while low < high:
        middle = low + (high - low) // 2
        if source.ring[middle] <= centre.ring:
            low = middle + 1
        else:
            high = middle
    m = low
    while m > 0 and add_ring(source, m - 1, centre, z, cos_lat, n, chord2, &all):
        m -= 1
    m = low
    while m < source.n_rings and add_ring(source, m, centre, z, cos_lat, n, chord2, &all):
        m += 1
    for c in range(centre.n):
        centre.out[c] += all


def sums(
    const int64_t[::1] centre_ring,
    const int64_t[::1] centre_begin,
    const int64_t[::1] centre_position,
    Py_ssize_t first,
    Py_ssize_t last,
    const int64_t[::1] source_ring,
    const int64_t[::1] source_begin,
    const int64_t[::1] source_position,
    const double[::1] high,
    const double[::1] low,
    int order,
    double radius,
    double[::1] out,
    int64_t[::1] done,
):
    """Sums over closed discs around cells, for the rings `first` to `last` - 1 of a list of rings with centres.

    `ring` are ascending ring numbers, `begin` the indices of their first cells and one more, `position` the places of
    the cells in their rings, or empty if all cells of the rings are there. `high` and `low` are the running totals of
    `totals`, `low` empty if they are exact. `radius` in radians, up to pi. `done` counts the rings.
    """
    cdef Source source
    cdef Centre centre
    cdef Py_ssize_t n_centres = centre_ring.shape[0], i
    cdef int64_t n_cells = source_begin[source_begin.shape[0] - 1] if source_begin.shape[0] else 0
    cdef double half = 0.5 * radius, n, chord2
    if not 0 <= order <= MAX_ORDER or not 0 <= radius <= M_PI or done.shape[0] < 1:
        raise ValueError("order must be 0 to 29, radius 0 to pi, done one number")
    if (
        centre_begin.shape[0] != n_centres + 1
        or source_begin.shape[0] != source_ring.shape[0] + 1
        or high.shape[0] != n_cells + source_ring.shape[0]
        or low.shape[0] not in (0, high.shape[0])
        or source_position.shape[0] not in (0, n_cells)
        or centre_position.shape[0] not in (0, centre_begin[n_centres])
        or out.shape[0] != centre_begin[n_centres]
        or not 0 <= first <= last <= n_centres
    ):
        raise ValueError("the arrays must have the lengths that the lists of rings give")
    if first == last or n_cells == 0 or out.shape[0] == 0:
        # No pointer may be taken to an item that is not there.
        for i in range(<Py_ssize_t> centre_begin[first], <Py_ssize_t> centre_begin[last]):
            out[i] = 0
        done[0] += last - first
        return
    n = <double> ((<int64_t> 1) << order)
    # A centre at the radius is in the disc whatever rounding does to it.
    half += 0.5 * (1e-12 * radius + 1e-15)
    chord2 = 4 * sin(half) * sin(half) if half < 0.5 * M_PI else 5
    source.n_rings = <size_t> source_ring.shape[0]
    source.ring = &source_ring[0]
    source.begin = &source_begin[0]
    source.position = &source_position[0] if source_position.shape[0] else NULL
    source.high = &high[0]
    source.low = &low[0] if low.shape[0] else NULL
    with nogil:
        for i in range(first, last):
            poll(i - first, 2)
            centre.ring = centre_ring[i]
            centre.width = ring_width(centre.ring, <int64_t> n)
            centre.odd = ring_odd(centre.ring, <int64_t> n)
            centre.n = <size_t> (centre_begin[i + 1] - centre_begin[i])
            centre.position = &centre_position[centre_begin[i]] if centre_position.shape[0] else NULL
            centre.out = &out[centre_begin[i]]
            sum_ring(&source, &centre, n, chord2)
            done[0] += 1


def totals(
    const double[::1] values, const int64_t[::1] begin, Py_ssize_t first, Py_ssize_t last, double[::1] high, double[::1] low
):
    """Running totals along the rings `first` to `last` - 1 of a list, and whether all of them are exact.

    Ring m has the values begin[m] to begin[m + 1] - 1, and one total more, from begin[m] + m on. A total is high + low.
    """
    cdef Py_ssize_t n = begin.shape[0] - 1, m, i, k
    cdef double total, rest, error
    cdef bint exact = True
    if (
        n < 0
        or not 0 <= first <= last <= n
        or values.shape[0] != begin[n]
        or high.shape[0] != begin[n] + n
        or low.shape[0] != high.shape[0]
    ):
        raise ValueError("the arrays must have the lengths that the list of rings gives")
    with nogil:
        for m in range(first, last):
            total = 0
            rest = 0
            k = begin[m] + m
            high[k] = 0
            low[k] = 0
            for i in range(begin[m], begin[m + 1]):
                k += 1
                total = two_sum(total, values[i], &error)
                if error != 0 or rest != 0:
                    total = two_sum(total, rest + error, &rest)
                    exact = False
                high[k] = total
                low[k] = rest
    return exact


def places(const uint64_t[::1] cells, int order, int64_t[::1] ring, int64_t[::1] position):
    """The ring of each NESTED cell, and its position in the ring."""
    cdef Py_ssize_t n = cells.shape[0], i
    if ring.shape[0] != n or position.shape[0] != n or not 0 <= order <= MAX_ORDER:
        raise ValueError("cells, ring and position must have one length, order 0 to 29")
    with nogil:
        for i in range(n):
            poll(i, 4096)
            ring_place(cells[i], order, &ring[i], &position[i])


def to_ring(const double[::1] values, int order, Py_ssize_t first, Py_ssize_t last, double[::1] out):
    """Write the values of the NESTED cells `first` to `last` - 1 of a full map into a full RING map."""
    cdef Py_ssize_t n = (<Py_ssize_t> 12) << (2 * order) if 0 <= order <= 15 else -1, i
    if values.shape[0] != n or out.shape[0] != n or not 0 <= first <= last <= n:
        raise ValueError("values and out must be full maps, order 0 to 15")
    with nogil:
        for i in range(first, last):
            poll(i, 8192)
            out[ring_number(<uint64_t> i, order)] = values[i]


def from_ring(const double[::1] values, int order, Py_ssize_t first, Py_ssize_t last, double[::1] out):
    """Write the values of a full RING map into the NESTED cells `first` to `last` - 1 of a full map."""
    cdef Py_ssize_t n = (<Py_ssize_t> 12) << (2 * order) if 0 <= order <= 15 else -1, i
    if values.shape[0] != n or out.shape[0] != n or not 0 <= first <= last <= n:
        raise ValueError("values and out must be full maps, order 0 to 15")
    with nogil:
        for i in range(first, last):
            poll(i, 8192)
            out[i] = values[ring_number(<uint64_t> i, order)]
