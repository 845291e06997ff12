# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Set operations on two sets of sorted, disjoint, non-touching half-open ranges.

A set of n ranges is its 2n boundaries in ascending order: a point is inside if and only if an odd number of boundaries
lies at or below it. Every set operation is therefore a merge of two sorted lists that keeps those boundaries where the
operation's value changes.

Fresh memory costs more than a merge: the operating system clears each page at its first use. A large result is
therefore made in two passes. `count` goes through both sets and writes down, every SEGMENT boundaries, where it stands
and how many boundaries the result has so far. It also writes the result itself, as long as a small buffer has room. The
result then gets memory of exactly its size, and `write` fills in what is missing: segments are independent of each
other, and those that add nothing to the result are left out. `combine` does all in one pass, for results that are
small.

Runs of boundaries are passed at once if they belong to one list only, or to both lists alike. Where the lists mix, a
step has no branch that depends on the data: which list is ahead is a coin toss that a branch predictor would lose every
other time. A merge waits for each comparison before it knows its next load, so two parts of the lists are merged in one
loop, and fill each other's waits.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memmove

from hpmask._kernels.checked cimport require, require_ranges

cdef enum:
    _SEGMENT = 2048   # boundaries of both lists from one mark to the next
    LEAP = 16         # this many boundaries in a row are a long run
    LINE = 8          # boundaries in a line of the cache
    NEAR = 128        # a longer run is not gone through line by line

SEGMENT = _SEGMENT


cdef inline Py_ssize_t _lower_bound(const uint64_t* a, Py_ssize_t n, uint64_t value) noexcept nogil:
    """Number of elements of sorted `a` that are < value."""
    cdef Py_ssize_t low = 0, high = n, mid
    while low < high:
        mid = (low + high) >> 1
        if a[mid] < value:
            low = mid + 1
        else:
            high = mid
    return low


cdef struct Side:
    # Where a merge stands.
    const uint64_t* a
    const uint64_t* b
    Py_ssize_t i        # next boundary of a, up to n
    Py_ssize_t n
    Py_ssize_t j        # next boundary of b, up to m
    Py_ssize_t m
    unsigned int truth
    unsigned int value  # the operation's value up to here
    uint64_t* out       # where to write
    Py_ssize_t count    # boundaries of the result so far
    Py_ssize_t room     # boundaries that `out` has room for


cdef inline unsigned int _value(unsigned int truth, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """The operation's value after i boundaries of a and j of b."""
    return (truth >> ((i & 1) + 2 * (j & 1))) & 1


cdef inline void _open(
    Side* side, const uint64_t* a, Py_ssize_t i, Py_ssize_t n, const uint64_t* b, Py_ssize_t j, Py_ssize_t m,
    unsigned int truth, uint64_t* out, Py_ssize_t room,
) noexcept nogil:
    side.a = a
    side.i = i
    side.n = n
    side.b = b
    side.j = j
    side.m = m
    side.truth = truth
    side.value = _value(truth, i, j)
    side.out = out
    side.count = 0
    side.room = room


cdef inline void _step(Side* side, bint writing) noexcept nogil:
    """Pass the next boundary; both lists have one, and `out` has room for one."""
    cdef uint64_t va = side.a[side.i], vb = side.b[side.j]
    cdef unsigned int now
    require(side.i < side.n)
    require(side.j < side.m)
    require(not writing or side.count < side.room)
    side.i += va <= vb
    side.j += vb <= va
    now = _value(side.truth, side.i, side.j)
    if writing:
        side.out[side.count] = va if va < vb else vb
    side.count += now ^ side.value
    side.value = now


cdef inline Py_ssize_t _gallop(const uint64_t* a, Py_ssize_t i, Py_ssize_t n, uint64_t value) noexcept nogil:
    """Index of the first of a[i:n] that is >= value; a[i + LEAP - 1] is not.

    As long as that is near, line by line of the cache, which the processor loads ahead; then in steps that double.
    """
    cdef Py_ssize_t step = LINE, near = min(i + NEAR, n - LINE)
    cdef int k, before
    i += LEAP
    while i < near:
        if a[i + LINE - 1] >= value:
            before = 0
            for k in range(LINE - 1):
                before += a[i + k] < value
            return i + before
        i += LINE
    i -= 1
    while i + step < n and a[i + step] < value:
        i += step
        step *= 2
    return i + _lower_bound(a + i, (step if i + step < n else n - i), value)


cdef inline void _pass(Side* side, const uint64_t* from_, Py_ssize_t count, bint matters, bint writing) noexcept nogil:
    """Pass boundaries that all change the value, or none of them does."""
    if matters and count:
        if writing:
            if side.count + count <= side.room:
                memcpy(side.out + side.count, from_, count * sizeof(uint64_t))
            else:
                # No step writes any more: what follows would be in the wrong place.
                side.room = 0
        side.count += count
    side.value = _value(side.truth, side.i, side.j)


cdef inline bint _alike(const uint64_t* a, const uint64_t* b) noexcept nogil:
    """Whether LEAP boundaries are the same."""
    cdef uint64_t different = 0
    cdef int k
    if a[LEAP - 1] != b[LEAP - 1] or a[0] != b[0]:
        return False
    for k in range(LEAP):
        different |= a[k] ^ b[k]
    return different == 0


cdef inline bint _leap(Side* side, bint writing) noexcept nogil:
    """Pass a long run of boundaries of one list, or of boundaries that both have, if there is one.

    Both lists have at least LEAP more.
    """
    cdef Py_ssize_t to
    cdef const uint64_t* from_
    if side.a[side.i + LEAP - 1] < side.b[side.j]:
        to = _gallop(side.a, side.i, side.n, side.b[side.j])
        to, side.i = side.i, to
        _pass(
            side, side.a + to, side.i - to, _value(side.truth, 0, side.j) != _value(side.truth, 1, side.j), writing
        )
        return True
    if side.b[side.j + LEAP - 1] < side.a[side.i]:
        to = _gallop(side.b, side.j, side.m, side.a[side.i])
        to, side.j = side.j, to
        _pass(
            side, side.b + to, side.j - to, _value(side.truth, side.i, 0) != _value(side.truth, side.i, 1), writing
        )
        return True
    if _alike(side.a + side.i, side.b + side.j):
        from_ = side.a + side.i
        side.i += LEAP
        side.j += LEAP
        # Whether the two change the value together does not depend on which of the run they are: LEAP is even.
        _pass(side, from_, LEAP, _value(side.truth, side.i, side.j) != _value(side.truth, side.i + 1, side.j + 1),
              writing)
        return True
    return False


cdef inline bint _long(const Side* side, bint writing) noexcept nogil:
    """Whether LEAP steps can be taken without a look at the ends."""
    return (
        side.i + LEAP <= side.n and side.j + LEAP <= side.m and (not writing or side.count + LEAP <= side.room)
    )


cdef inline void _batch(Side* side, bint writing) noexcept nogil:
    cdef int k
    if not _leap(side, writing):
        for k in range(LEAP):
            _step(side, writing)


cdef inline void _batches(Side* first, Side* second, bint writing) noexcept nogil:
    cdef int k
    if not (_leap(first, writing) | _leap(second, writing)):
        for k in range(LEAP):
            _step(first, writing)
            _step(second, writing)


cdef inline void _finish(Side* side, bint writing) noexcept nogil:
    """The rest of a merge. If it writes, it ends when there is no more room."""
    cdef Py_ssize_t i, j
    while _long(side, writing):
        _batch(side, writing)
    while side.i < side.n and side.j < side.m and (not writing or side.count < side.room):
        _step(side, writing)
    if writing and side.count >= side.room:
        return
    i = side.i
    j = side.j
    side.i = side.n
    side.j = side.m
    _pass(side, side.a + i, side.n - i, _value(side.truth, 0, j) != _value(side.truth, 1, j), writing)
    _pass(side, side.b + j, side.m - j, _value(side.truth, side.n, 0) != _value(side.truth, side.n, 1), writing)


cdef inline void _halve(
    const uint64_t* a, Py_ssize_t i, Py_ssize_t n, const uint64_t* b, Py_ssize_t j, Py_ssize_t m,
    Py_ssize_t* i2, Py_ssize_t* j2,
) noexcept nogil:
    """Where both lists are cut at the middle boundary of the longer one."""
    if n - i >= m - j:
        i2[0] = i + (n - i) // 2
        j2[0] = j + (_lower_bound(b + j, m - j, a[i2[0]]) if i2[0] < n else 0)
    else:
        j2[0] = j + (m - j) // 2
        i2[0] = i + _lower_bound(a + i, n - i, b[j2[0]])


cdef Py_ssize_t _merge(
    const uint64_t* a, Py_ssize_t n, const uint64_t* b, Py_ssize_t m, unsigned int truth, uint64_t* out,
) noexcept nogil:
    """Merge in one pass; returns how many boundaries were written. Neither half can write past its own inputs."""
    cdef Py_ssize_t i = 0, j = 0
    cdef Side first, second
    _halve(a, 0, n, b, 0, m, &i, &j)
    _open(&first, a, 0, i, b, 0, j, truth, out, i + j)
    _open(&second, a, i, n, b, j, m, truth, out + i + j, n + m - i - j)
    # The room of the inputs always suffices for a batch: it need not be looked at.
    while _long(&first, False) and _long(&second, False):
        _batches(&first, &second, True)
    while _long(&first, False):
        _batch(&first, True)
    while _long(&second, False):
        _batch(&second, True)
    _finish(&first, True)
    _finish(&second, True)
    memmove(out + first.count, second.out, second.count * sizeof(uint64_t))
    return first.count + second.count


def combine(const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth, uint64_t[::1] out):
    """Write the boundaries of an operation on two sets to `out`; returns how many.

    `truth` holds the operation's value for (in_a + 2 in_b) in its bits 0 to 3; bit 0 must be 0, since a result that
    begins inside has no boundary there. `out` must hold len(a) + len(b).
    """
    cdef Py_ssize_t n = a.shape[0], m = b.shape[0], count
    if out.shape[0] < n + m:
        raise ValueError("out is too small")
    if n + m == 0:
        return 0
    cdef const uint64_t* pa = &a[0] if n else NULL
    cdef const uint64_t* pb = &b[0] if m else NULL
    require(not truth & 1)
    require_ranges(a, ~<uint64_t> 0)
    require_ranges(b, ~<uint64_t> 0)
    with nogil:
        count = _merge(pa, n, pb, m, truth, &out[0])
    require_ranges(out[:count], ~<uint64_t> 0)
    return count


cdef struct Marks:
    # The rows that a count writes down.
    int64_t* row
    Py_ssize_t next     # boundaries passed at the next mark


cdef inline void _mark(Marks* marks, const Side* side) noexcept nogil:
    """Write down where a count stands, if it has come far enough."""
    if side.i + side.j >= marks.next:
        marks.row[0] = side.i
        marks.row[1] = side.j
        marks.row[2] = side.count
        marks.row += 3
        marks.next = side.i + side.j + _SEGMENT


cdef inline Py_ssize_t _complete(const Marks* marks, const int64_t* first) noexcept nogil:
    """How many segments have been passed; the last one is not complete."""
    return max((marks.row - first) // 3 - 1, 0)


cdef Py_ssize_t _count(
    const uint64_t* a, Py_ssize_t i, Py_ssize_t n, const uint64_t* b, Py_ssize_t j, Py_ssize_t m, unsigned int truth,
    uint64_t* work, Py_ssize_t room, int64_t* rows, Py_ssize_t* middle, Py_ssize_t* kept,
) noexcept nogil:
    cdef Py_ssize_t i2 = 0, j2 = 0, k, number
    cdef Side first, second
    cdef Marks marks, marks2
    cdef int64_t* between
    _halve(a, i, n, b, j, m, &i2, &j2)
    _open(&first, a, i, i2, b, j, j2, truth, work, room)
    _open(&second, a, i2, n, b, j2, m, truth, work + room, room)
    marks.row = rows
    marks.next = i + j
    # The first half has at most this many rows.
    between = rows + 3 * ((i2 - i + j2 - j) // _SEGMENT + 1)
    marks2.row = between
    marks2.next = i2 + j2
    while _long(&first, True) and _long(&second, True):
        _mark(&marks, &first)
        _mark(&marks2, &second)
        _batches(&first, &second, True)
    kept[0] = _complete(&marks, rows)
    kept[1] = _complete(&marks2, between)
    while _long(&first, False) and _long(&second, False):
        _mark(&marks, &first)
        _mark(&marks2, &second)
        _batches(&first, &second, False)
    while _long(&first, False):
        _mark(&marks, &first)
        _batch(&first, False)
    while _long(&second, False):
        _mark(&marks2, &second)
        _batch(&second, False)
    _mark(&marks, &first)
    _mark(&marks2, &second)
    _finish(&first, False)
    _finish(&second, False)
    # The last row says where all ends.
    marks2.row[0] = n
    marks2.row[1] = m
    marks2.row[2] = second.count
    marks2.row += 3
    number = (marks2.row - between) // 3
    for k in range(number):
        between[3 * k + 2] += first.count
    memmove(marks.row, between, 3 * number * sizeof(int64_t))
    middle[0] = (marks.row - rows) // 3
    return middle[0] + number


def count(
    const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth,
    Py_ssize_t i, Py_ssize_t n, Py_ssize_t j, Py_ssize_t m, uint64_t[::1] work, int64_t[:, ::1] marks,
):
    """Count the boundaries of an operation on boundaries a[i:n] and b[j:m], see `combine`.

    A row of `marks` is where a segment begins: how many boundaries of a and of b lie before it, and how many boundaries
    of this count the result has before it. The last row is the end. There are at most (n - i + m - j) // SEGMENT + 3
    rows, and `marks` must hold as many; those behind the last row are scratch.

    The two parts are gone through in two halves. The boundaries of the first segments of each half are left in a half
    of `work`. Returns the number of rows, the number of segments of the first half, and of how many segments of the
    first and of the second half the boundaries are in `work`.
    """
    cdef Py_ssize_t number, middle = 0, room = work.shape[0] // 2
    cdef Py_ssize_t[2] kept
    if not (0 <= i <= n <= a.shape[0] and 0 <= j <= m <= b.shape[0]):
        raise ValueError("the parts are outside the arrays")
    if marks.shape[1] != 3 or marks.shape[0] < (n - i + m - j) // _SEGMENT + 3:
        raise ValueError("marks must have three columns and a row for each segment")
    cdef const uint64_t* pa = &a[0] if a.shape[0] else NULL
    cdef const uint64_t* pb = &b[0] if b.shape[0] else NULL
    cdef uint64_t* buffer = &work[0] if room else NULL
    require(not truth & 1)
    require_ranges(a, ~<uint64_t> 0)
    require_ranges(b, ~<uint64_t> 0)
    with nogil:
        number = _count(pa, i, n, pb, j, m, truth, buffer, room, &marks[0, 0], &middle, kept)
    require(0 < middle < number <= marks.shape[0])
    require(0 <= kept[0] <= middle)
    require(0 <= kept[1] <= number - 1 - middle)
    return number, middle, kept[0], kept[1]


cdef inline Py_ssize_t _next(
    Side* side, const uint64_t* a, const uint64_t* b, unsigned int truth, const int64_t* rows, Py_ssize_t k,
    Py_ssize_t last, uint64_t* out,
) noexcept nogil:
    """Begin with the first segment from number k on that adds to the result; returns its number, or `last`."""
    while k < last and rows[3 * k + 5] == rows[3 * k + 2]:
        k += 1
    if k < last:
        rows += 3 * k
        _open(side, a, rows[0], rows[3], b, rows[1], rows[4], truth, out + rows[2], rows[5] - rows[2])
    return k


cdef void _write(
    const uint64_t* a, const uint64_t* b, unsigned int truth, const int64_t* rows, Py_ssize_t first, Py_ssize_t last,
    uint64_t* out,
) noexcept nogil:
    cdef Py_ssize_t middle = (first + last) // 2, k, k2
    cdef Side one, other
    k = _next(&one, a, b, truth, rows, first, middle, out)
    k2 = _next(&other, a, b, truth, rows, middle, last, out)
    while k < middle and k2 < last:
        while _long(&one, True) and _long(&other, True):
            _batches(&one, &other, True)
        if not _long(&one, True):
            _finish(&one, True)
            k = _next(&one, a, b, truth, rows, k + 1, middle, out)
        if not _long(&other, True):
            _finish(&other, True)
            k2 = _next(&other, a, b, truth, rows, k2 + 1, last, out)
    while k < middle:
        _finish(&one, True)
        k = _next(&one, a, b, truth, rows, k + 1, middle, out)
    while k2 < last:
        _finish(&other, True)
        k2 = _next(&other, a, b, truth, rows, k2 + 1, last, out)


def write(
    const uint64_t[::1] a, const uint64_t[::1] b, unsigned int truth, const int64_t[:, ::1] marks,
    Py_ssize_t first, Py_ssize_t last, uint64_t[::1] out,
):
    """Write the boundaries of the segments `first` to `last` of an operation, which `count` has counted.

    `marks` are all rows of the count, and `out` the place of the whole result. A segment begins with its row and ends
    with the next one.
    """
    cdef Py_ssize_t k
    if marks.shape[1] != 3 or not 0 <= first <= last < marks.shape[0]:
        raise ValueError("marks must have three columns, and a row after the last segment")
    for k in range(first, last + 1):
        if not (
            0 <= marks[k, 0] <= a.shape[0] and 0 <= marks[k, 1] <= b.shape[0] and 0 <= marks[k, 2] <= out.shape[0]
        ) or k > first and (
            marks[k, 0] < marks[k - 1, 0] or marks[k, 1] < marks[k - 1, 1] or marks[k, 2] < marks[k - 1, 2]
        ):
            raise ValueError(f"row {k} of marks is not in the arrays, or lies before the row before it")
    if not out.shape[0]:
        return
    cdef const uint64_t* pa = &a[0] if a.shape[0] else NULL
    cdef const uint64_t* pb = &b[0] if b.shape[0] else NULL
    with nogil:
        _write(pa, pb, truth, &marks[0, 0], first, last, &out[0])
