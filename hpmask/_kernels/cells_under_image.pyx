# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Cells whose centre is under a True pixel of an image.

A walk down the quad-tree finds, for each node, a rectangle of pixels that holds the centres of all its cells. If the
image is True all over that rectangle, or False all over it, the node is decided; otherwise it is divided. A large
rectangle is replaced by the blocks of pixels that cover it, which a table of sums answers. A cell of the last order is
decided by the place of its centre, unless that is within rounding of a pixel's edge. Such cells are returned as
doubtful, for astropy to decide.

The centres of the cells of the last order in a node lie within a cap about the node's centre. In the chart of a base
cell they lie in a square that is smaller than the node by half a cell on each side. A step of half a diagonal of a cell
is on the sky, in units of 1 / nside, no longer than 1.07; in the belt it is no longer than the larger of
pi / 4 cos(lat), eastwards, and 2 / (3 cos(lat)), northwards.

The image of a cap lies within a rectangle of the projection's plane whose half-widths are the cap's radius times the
largest stretch on the way (Calabretta & Greisen 2002, A&A 395, 1077, for the projections). Where the stretch has no
bound, at rims, poles and seams, the node is divided.

SIP polynomials move a pixel x to D(x) = x + d(x). In a box around the image, d moves no pixel by more than `shift`, and
its derivative has a norm of at most q < 1/2. Therefore x -> u - d(x) is a contraction. It leads to the one x in the box
that is moved to u. After a step of length l it is within l q / (1 - q) of that x, and the inverse of D stretches by
1 / (1 - q) at most.
"""

from libc.math cimport M_PI, cos, fabs, floor, hypot, sin, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from hpmask._kernels.constants cimport CELL_RADIUS, MAX_ORDER
from hpmask._kernels.geometry cimport cell_xy, place_vector
from hpmask._kernels.projections cimport KNOWN, NOWHERE, UNKNOWN, Known, Projection, View, place, polynomial
from hpmask._kernels.sink cimport Sink, sink_close, sink_ends, sink_open, sink_put, sink_take


cdef enum:
    # Pixels are counted by square blocks, so that the table of sums stays small.
    SHIFT = 3
    BLOCK = 8

cdef enum Answer:
    NO = 0          # nothing but False
    YES = 1         # nothing but True
    BOTH = 2        # both, or not known
    OFF = 3         # the rectangle is not on the image


cdef struct Walk:
    View projection
    double native[9]        # takes unit vectors of the cells' frame to native ones
    const unsigned char* image
    const uint32_t* total   # True pixels of the blocks below and to the left: count_pixels
    int64_t ny
    int64_t nx
    bint outside
    int order
    double step[2 * MAX_ORDER + 2]        # cosine and sine of a step eastwards to the children, by level
    Sink* sink
    Sink* doubt


cdef inline Answer within(const Walk* walk, int64_t left, int64_t right, int64_t low, int64_t high) noexcept nogil:
    """What columns from left to right and rows from low to high hold, or, if they are many, the blocks about them."""
    cdef const unsigned char* row = walk.image + low * walk.nx
    cdef const unsigned char* first = row + left
    cdef int64_t i, width = ((walk.nx - 1) >> SHIFT) + 2
    cdef uint32_t count
    if right - left <= BLOCK and high - low <= BLOCK:
        while low < high:
            for i in range(left, right):
                if row[i] != first[0]:
                    return BOTH
            row += walk.nx
            low += 1
        return YES if first[0] else NO
    left >>= SHIFT
    low >>= SHIFT
    right = ((right - 1) >> SHIFT) + 1
    high = ((high - 1) >> SHIFT) + 1
    count = (
        walk.total[high * width + right] - walk.total[low * width + right]
        - walk.total[high * width + left] + walk.total[low * width + left]
    )
    if count == 0:
        return NO
    right = min(right << SHIFT, walk.nx) - (left << SHIFT)
    high = min(high << SHIFT, walk.ny) - (low << SHIFT)
    return YES if count == <uint32_t> (right * high) else BOTH


cdef inline Answer rectangle(const Walk* walk, double x, double y, double half_x, double half_y) noexcept nogil:
    """What the image holds in a rectangle of pixel coordinates."""
    # The pixels' numbers at the sides: pixel i reaches from i - 0.5 to i + 0.5.
    cdef double a = floor(x - half_x + 0.5), b = floor(x + half_x + 0.5)
    cdef double c = floor(y - half_y + 0.5), d = floor(y + half_y + 0.5)
    cdef int64_t left, right, low, high
    cdef Answer answer
    cdef bint beyond
    if not (b >= 0 and a < walk.nx and d >= 0 and c < walk.ny):
        return OFF
    if a == b and c == d:
        # One pixel.
        return YES if walk.image[<int64_t> c * walk.nx + <int64_t> a] else NO
    beyond = a < 0 or b >= walk.nx or c < 0 or d >= walk.ny
    left = <int64_t> a if a > 0 else 0
    low = <int64_t> c if c > 0 else 0
    right = <int64_t> b + 1 if b < walk.nx else walk.nx
    high = <int64_t> d + 1 if d < walk.ny else walk.ny
    answer = within(walk, left, right, low, high)
    # Beyond the image the value is `outside`; if the image may repeat around the sky, it may be any.
    return BOTH if beyond and (walk.projection.n_steps or (answer == YES) != walk.outside) else answer


cdef Known unmoved(const Walk* walk, double* x, double* y, double* half_x, double* half_y) noexcept nogil:
    """Turn a rectangle of moved pixel coordinates to one that holds the pixels that SIP polynomials move there."""
    cdef const View* sip = &walk.projection
    cdef double u = x[0], v = y[0], room = sip.margin - sip.shift, step = 0, half, a, b
    cdef int i
    if (
        u + half_x[0] < -0.5 - sip.shift or u - half_x[0] > walk.nx - 0.5 + sip.shift
        or v + half_y[0] < -0.5 - sip.shift or v - half_y[0] > walk.ny - 0.5 + sip.shift
    ):
        return NOWHERE
    if (
        u - half_x[0] < -room or u + half_x[0] > walk.nx - 1 + room
        or v - half_y[0] < -room or v + half_y[0] > walk.ny - 1 + room
    ):
        return UNKNOWN
    for i in range(30):
        a = u - polynomial(sip.a, sip.degree, x[0] - sip.sip_origin[0], y[0] - sip.sip_origin[1])
        b = v - polynomial(sip.b, sip.degree, x[0] - sip.sip_origin[0], y[0] - sip.sip_origin[1])
        step = hypot(a - x[0], b - y[0])
        x[0] = a
        y[0] = b
        if step < 1e-7:
            break
    half = hypot(half_x[0], half_y[0]) * sip.slope / (1 - sip.slope) + step * sip.slope / (1 - sip.slope)
    half_x[0] += half
    half_y[0] += half
    return KNOWN


cdef inline double reach(double z, int level, int order) noexcept nogil:
    """Radius of a cap about a node's centre that holds the centres of its cells of the last order."""
    cdef double size = 1.0 / <double> ((<int64_t> 1) << level)
    cdef double part = 1.0 - 1.0 / <double> ((<int64_t> 1) << (order - level))
    cdef double top = fabs(z) + 0.67 * size, radius = CELL_RADIUS
    if top < 0.6666:
        radius = 2.0 / 3.0 / sqrt(1 - top * top)
        if radius < 0.7854:
            radius = 0.7854
        radius *= 1.001
    return radius * size * part + 1e-11


cdef void descend(
    Walk* walk, int face, int64_t x, int64_t y, int level, uint64_t cell, double cosine, double sine, bint known_lon
) noexcept nogil:
    """A node, with the cosine and sine of its centre's longitude if they are known."""
    cdef double p[3]
    cdef double q[3]
    cdef double u, v, half_u, half_v, cap, a, b, half_a, half_b, cos_lat, n = <double> ((<int64_t> 1) << level)
    cdef double rho = (2 + (face >> 2)) * n - <double> (x + y + 1)
    cdef const View* projection = &walk.projection
    cdef int i, east, shift = 2 * (MAX_ORDER - level)
    cdef Py_ssize_t k
    cdef bint belt = n <= rho <= 3 * n
    cdef Known known
    cdef Answer answer = BOTH
    if belt and known_lon:
        p[2] = (2 * n - rho) * (2.0 / 3.0) / n
        cos_lat = sqrt((1 - p[2]) * (1 + p[2]))
        p[0] = cos_lat * cosine
        p[1] = cos_lat * sine
    else:
        place_vector(face, <double> (x + y + 1), <double> (x - y), n, p)
        if belt:
            cos_lat = sqrt((1 - p[2]) * (1 + p[2]))
            cosine = p[0] / cos_lat
            sine = p[1] / cos_lat
    for i in range(3):
        q[i] = walk.native[3 * i] * p[0] + walk.native[3 * i + 1] * p[1] + walk.native[3 * i + 2] * p[2]
    cap = 0 if level == walk.order else reach(p[2], level, walk.order)
    known = place(projection.kind, q, cap, &u, &v, &half_u, &half_v)
    if known == NOWHERE:
        answer = YES if walk.outside else NO
    elif known == KNOWN:
        a = projection.to_pixels[0] * u + projection.to_pixels[1] * v + projection.origin[0]
        b = projection.to_pixels[2] * u + projection.to_pixels[3] * v + projection.origin[1]
        half_a = fabs(projection.to_pixels[0]) * half_u + fabs(projection.to_pixels[1]) * half_v
        half_a += projection.pixel_slack[0]
        half_b = fabs(projection.to_pixels[2]) * half_u + fabs(projection.to_pixels[3]) * half_v
        half_b += projection.pixel_slack[1]
        if projection.a != NULL:
            known = unmoved(walk, &a, &b, &half_a, &half_b)
        if known == KNOWN:
            answer = rectangle(walk, a, b, half_a, half_b)
            for k in range(projection.n_steps):
                if answer != OFF:
                    break
                answer = rectangle(walk, a + projection.steps[2 * k], b + projection.steps[2 * k + 1], half_a, half_b)
            if answer == OFF:
                answer = YES if walk.outside else NO
        elif known == NOWHERE:
            answer = YES if walk.outside else NO
    if answer == YES:
        sink_put(walk.sink, cell << shift, (cell + 1) << shift)
    elif answer == BOTH:
        if level == walk.order:
            sink_put(walk.doubt, cell << shift, (cell + 1) << shift)
            return
        if sink_ends(walk.sink) or walk.doubt.extent.failed:
            return
        # In the belt, two of the children have the longitude of their parent, the others are a step away.
        u = walk.step[2 * level]
        v = walk.step[2 * level + 1]
        for i in range(4):
            east = (i & 1) - (i >> 1)
            descend(
                walk, face, 2 * x + (i & 1), 2 * y + (i >> 1), level + 1, 4 * cell + i,
                cosine * u - east * sine * v if east else cosine,
                sine * u + east * cosine * v if east else sine,
                belt,
            )


def blocks_of(Py_ssize_t n):
    """How many blocks an image of n rows, or columns, has along that axis."""
    return ((n - 1) >> SHIFT) + 1


def count_pixels(const unsigned char[:, ::1] image, uint32_t[:, ::1] total):
    """total[j, i] = number of True pixels in rows of blocks below j and columns of them below i.

    For an image of fewer than 2**32 pixels, whose bytes are 0 and 1.
    """
    cdef Py_ssize_t ny = image.shape[0], nx = image.shape[1], x, y, i, j
    cdef uint32_t row
    cdef uint64_t eight
    if total.shape[0] != blocks_of(ny) + 1 or total.shape[1] != blocks_of(nx) + 1 or ny * nx >= (<int64_t> 1) << 32:
        raise ValueError("total must have a row and a column more than blocks of the image, of fewer than 2**32 pixels")
    with nogil:
        total[:] = 0
        for j in range(total.shape[0] - 1):
            for y in range(j << SHIFT, min((j + 1) << SHIFT, ny)):
                for i in range(total.shape[1] - 1):
                    x = i << SHIFT
                    if x + BLOCK <= nx:
                        memcpy(&eight, &image[y, x], BLOCK)
                        # The sum of the bytes.
                        total[j + 1, i + 1] += <uint32_t> ((eight * <uint64_t> 0x0101010101010101) >> 56)
                    else:
                        for x in range(x, nx):
                            total[j + 1, i + 1] += image[y, x]
            row = 0
            for i in range(total.shape[1] - 1):
                row += total[j + 1, i + 1]
                total[j + 1, i + 1] = total[j, i + 1] + row


def walk(
    const uint64_t[::1] nodes, int level, int order, Projection projection not None, const double[:, ::1] native,
    const unsigned char[:, ::1] image, const uint32_t[:, ::1] total, bint outside,
):
    """Ranges (order 29) of the cells in some nodes whose centre is under a True pixel, and of those in doubt.

    Returns two pairs of starts and stops, ascending if the nodes are. `native` takes unit vectors of the cells' frame
    to native ones. `total` is that of `count_pixels` for the image; beyond the image the value is `outside`. A cell
    that is not on the image is looked for at each of the projection's steps from its place, and the first place on the
    image counts.
    """
    cdef Walk walk
    cdef Sink sink, doubt
    cdef Py_ssize_t i
    cdef int face, k
    cdef int64_t x, y
    if native.shape[0] != 3 or native.shape[1] != 3 or not 0 <= level <= order <= MAX_ORDER:
        raise ValueError("native must have shape (3, 3), the orders must be 0 to 29, level at most order")
    if image.shape[0] == 0 or total.shape[0] != blocks_of(image.shape[0]) + 1:
        raise ValueError("image must have pixels, and total a row more than blocks of it")
    if image.shape[1] == 0 or total.shape[1] != blocks_of(image.shape[1]) + 1:
        raise ValueError("image must have pixels, and total a column more than blocks of it")
    walk.projection = projection.view
    if walk.projection.a != NULL and not (
        walk.projection.slope < 0.5 and walk.projection.margin >= 2 * walk.projection.shift
    ):
        raise ValueError("the polynomials are too strong")
    for k in range(9):
        walk.native[k] = native[k // 3, k % 3]
    walk.image = &image[0, 0]
    walk.total = &total[0, 0]
    walk.ny = image.shape[0]
    walk.nx = image.shape[1]
    walk.outside = outside
    walk.order = order
    for k in range(order):
        walk.step[2 * k] = cos(M_PI / 8 / <double> ((<int64_t> 1) << k))
        walk.step[2 * k + 1] = sin(M_PI / 8 / <double> ((<int64_t> 1) << k))
    walk.sink = &sink
    walk.doubt = &doubt
    sink_open(&sink, 16)
    sink_open(&doubt, 16)
    with nogil:
        for i in range(nodes.shape[0]):
            cell_xy(nodes[i], level, &face, &x, &y)
            descend(&walk, face, x, y, level, nodes[i], 1, 0, False)
    try:
        return sink_take(&sink), sink_take(&doubt)
    finally:
        sink_close(&doubt)
