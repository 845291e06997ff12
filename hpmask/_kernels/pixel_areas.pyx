# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The fraction of a pixel that a set of cells covers, and whether the set covers any of the pixel, or all of it.

A pixel is a polygon with great-circle edges, seen in the tangent plane at its middle, where such edges are straight. A
walk goes down the quad-tree from the few cells around the pixel. A node outside the polygon is left out. In a node
inside the polygon, the ranges of the set are counted. A node that the polygon's edge crosses is divided, until it is
fully inside the set and small compared with the pixel; then its four corners cut out a piece of the polygon, whose area
on the sphere is known exactly. The remaining error is the distance of a small cell's edge from a great circle.
"""

from libc.limits cimport INT_MAX
from libc.math cimport M_PI, atan2, fabs, fmax, hypot, ilogb, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free

from hpmask._kernels.buffer cimport allocate
from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport CELL_RADIUS, COVER, END, MAX_ORDER
from hpmask._kernels.geometry cimport cell_at, cell_xy, neighbour, place_vector
from hpmask._kernels.index cimport Index, IndexView, at_or_below, open_index
from hpmask._kernels.stopping cimport poll

# Cells nearer to a pixel's edge than this part of the pixel touch it.
cdef double TOUCH = 1e-3

cdef enum Side:
    BEYOND = 0
    WITHIN = 1
    ACROSS = 2


cdef struct Pixel:
    IndexView index
    int n                   # corners
    double* x               # in the tangent plane, anticlockwise
    double* y
    double* work            # room for clipping
    double center[3]
    double east[3]
    double north[3]
    double radius           # of a cap that holds the polygon
    double found            # area
    bint has[2]             # whether the pixel meets cells that are out, in


cdef inline double dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


cdef inline bint tangent(const Pixel* pixel, const double* p, double* x, double* y) noexcept nogil:
    cdef double height = dot(pixel.center, p)
    if height < 0.05:
        return False
    x[0] = dot(pixel.east, p) / height
    y[0] = dot(pixel.north, p) / height
    return True


cdef double area(const double* x, const double* y, int n) noexcept nogil:
    """Area on the sphere of a polygon in the tangent plane, by triangles from the middle; positive if anticlockwise.

    tan(E / 2) = a.(b x c) / (1 + a.b + b.c + c.a) (van Oosterom & Strackee 1983).
    """
    cdef double total = 0, size, last
    cdef int i, j
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        size = sqrt(1 + x[i] * x[i] + y[i] * y[i])
        last = sqrt(1 + x[j] * x[j] + y[j] * y[j])
        total += 2 * atan2(x[i] * y[j] - x[j] * y[i], size * last + last + size + 1 + x[i] * x[j] + y[i] * y[j])
    return total


cdef bint open_pixel(Pixel* pixel, const double* corners, int n) noexcept nogil:
    """Set a pixel up by its corners, unit vectors; False if it has no area or is too large for a tangent plane."""
    cdef double length, height, least = 1
    cdef int i, k, axis = 0
    for k in range(3):
        pixel.center[k] = 0
        for i in range(n):
            pixel.center[k] += corners[3 * i + k]
    length = sqrt(dot(pixel.center, pixel.center))
    if not length > 0.1 * n:
        return False
    for k in range(3):
        pixel.center[k] /= length
        if fabs(pixel.center[k]) < fabs(pixel.center[axis]):
            axis = k
    for k in range(3):
        pixel.east[k] = (1.0 if k == axis else 0.0) - pixel.center[axis] * pixel.center[k]
    length = sqrt(dot(pixel.east, pixel.east))
    for k in range(3):
        pixel.east[k] /= length
    pixel.north[0] = pixel.center[1] * pixel.east[2] - pixel.center[2] * pixel.east[1]
    pixel.north[1] = pixel.center[2] * pixel.east[0] - pixel.center[0] * pixel.east[2]
    pixel.north[2] = pixel.center[0] * pixel.east[1] - pixel.center[1] * pixel.east[0]
    pixel.n = n
    pixel.radius = 0
    for i in range(n):
        height = dot(pixel.center, corners + 3 * i)
        if not height > 0.3 or not tangent(pixel, corners + 3 * i, &pixel.x[i], &pixel.y[i]):
            return False
        pixel.radius = fmax(pixel.radius, atan2(hypot(pixel.x[i], pixel.y[i]), 1))
    length = area(pixel.x, pixel.y, n)
    if length < 0:
        for i in range(n // 2):
            height = pixel.x[i]
            pixel.x[i] = pixel.x[n - 1 - i]
            pixel.x[n - 1 - i] = height
            height = pixel.y[i]
            pixel.y[i] = pixel.y[n - 1 - i]
            pixel.y[n - 1 - i] = height
    return fabs(length) > 1e-6 * pixel.radius * pixel.radius


cdef bint holds(const Pixel* pixel, double x, double y) noexcept nogil:
    """Whether a point of the tangent plane is in the polygon, by the even-odd rule."""
    cdef bint inside = False
    cdef double turn
    cdef int i, j = pixel.n - 1
    for i in range(pixel.n):
        if (pixel.y[i] > y) != (pixel.y[j] > y):
            # The edge passes east of the point if the point is to the left of it on its way up.
            turn = (pixel.x[j] - pixel.x[i]) * (y - pixel.y[i]) - (pixel.y[j] - pixel.y[i]) * (x - pixel.x[i])
            if (turn > 0) == (pixel.y[j] > pixel.y[i]):
                inside = not inside
        j = i
    return inside


cdef Side side(const Pixel* pixel, const double* p, double radius, bint* middle) noexcept nogil:
    """Where the cap of a node lies, and whether its middle is in the polygon."""
    cdef double dx = p[0] - pixel.center[0], dy = p[1] - pixel.center[1], dz = p[2] - pixel.center[2]
    cdef double chord2 = dx * dx + dy * dy + dz * dz, reach = pixel.radius + radius
    cdef double x, y, far, limit, part, u, v, length2
    cdef int i, j
    middle[0] = False
    # A chord is shorter than its angle.
    if chord2 > reach * reach:
        return BEYOND
    if pixel.radius + 2 * radius > 1.2 or not tangent(pixel, p, &x, &y):
        return ACROSS
    middle[0] = holds(pixel, x, y)
    # Away from the middle the tangent plane is stretched by the square of the secant, 1 + r**2, at most.
    far = hypot(x, y) + 3 * radius
    limit = radius * (1 + far * far)
    limit = limit * limit
    j = pixel.n - 1
    for i in range(pixel.n):
        u = pixel.x[i] - pixel.x[j]
        v = pixel.y[i] - pixel.y[j]
        length2 = u * u + v * v
        part = ((x - pixel.x[j]) * u + (y - pixel.y[j]) * v) / length2 if length2 > 0 else 0
        part = 0 if part < 0 else 1 if part > 1 else part
        u = x - pixel.x[j] - part * u
        v = y - pixel.y[j] - part * v
        if u * u + v * v <= limit:
            return ACROSS
        j = i
    return WITHIN if middle[0] else BEYOND


cdef double cut_out(Pixel* pixel, int face, int64_t x, int64_t y, int order) noexcept nogil:
    """Area of the polygon within a cell, by the straight lines between its corners (Sutherland & Hodgman 1974)."""
    cdef double corner_x[4]
    cdef double corner_y[4]
    cdef double p[3]
    cdef double n = <double> ((<int64_t> 1) << order), s, v, a, b, u, w, t
    cdef int room = 2 * pixel.n + 16, count = pixel.n, now, i, j, k, e
    cdef double* from_x = pixel.work
    cdef double* from_y = pixel.work + room
    cdef double* to_x = pixel.work + 2 * room
    cdef double* to_y = pixel.work + 3 * room
    for k in range(4):
        # southern, eastern, northern and western corner: anticlockwise seen from outside, or from within
        i = 1 if k == 1 or k == 2 else 0
        j = 1 if k >= 2 else 0
        s = <double> (x + i + y + j)
        v = <double> (x + i - y - j)
        place_vector(face, s, v, n, p)
        if not tangent(pixel, p, &corner_x[k], &corner_y[k]):
            return 0
    a = 0
    for k in range(4):
        j = (k + 1) & 3
        a += corner_x[k] * corner_y[j] - corner_x[j] * corner_y[k]
    for i in range(count):
        from_x[i] = pixel.x[i]
        from_y[i] = pixel.y[i]
    for e in range(4):
        k = e if a > 0 else 3 - e
        j = (k + 1) & 3 if a > 0 else (k + 3) & 3
        u = corner_x[j] - corner_x[k]
        w = corner_y[j] - corner_y[k]
        now = 0
        if count == 0:
            return 0
        s = u * (from_y[count - 1] - corner_y[k]) - w * (from_x[count - 1] - corner_x[k])
        for i in range(count):
            j = i - 1 if i else count - 1
            v = u * (from_y[i] - corner_y[k]) - w * (from_x[i] - corner_x[k])
            if (s >= 0) != (v >= 0):
                t = s / (s - v)
                to_x[now] = from_x[j] + t * (from_x[i] - from_x[j])
                to_y[now] = from_y[j] + t * (from_y[i] - from_y[j])
                now += 1
            if v >= 0:
                to_x[now] = from_x[i]
                to_y[now] = from_y[i]
                now += 1
            s = v
        count = now
        require(count <= room)
        from_x, to_x = to_x, from_x
        from_y, to_y = to_y, from_y
    return area(from_x, from_y, count)


cdef double held(const IndexView* index, uint64_t start, uint64_t stop) noexcept nogil:
    """How many cells of order 29 from start to stop are in the set."""
    cdef uint32_t k = at_or_below(index, start)
    cdef uint64_t total = 0, at = start
    while at < stop:
        # edge[k] is the first boundary beyond `at`, if there is one.
        if k & 1:
            require(k < index.count)
            total += (index.edge[k] if index.edge[k] < stop else stop) - at
            at = index.edge[k]
        else:
            if k >= index.count or index.edge[k] >= stop:
                break
            at = index.edge[k]
        k += 1
    return <double> total


cdef void cover(Pixel* pixel, uint64_t cell, int face, int64_t x, int64_t y, int order) noexcept nogil:
    """Add the area of the pixel that the set covers in a node."""
    cdef int shift = 2 * (MAX_ORDER - order), i
    cdef uint64_t start = cell << shift, stop = (cell + 1) << shift
    cdef uint32_t below = at_or_below(&pixel.index, start)
    cdef bint one = at_or_below(&pixel.index, stop - 1) == below, middle
    cdef double p[3]
    cdef double size = <double> ((<int64_t> 1) << order), radius = CELL_RADIUS / size, bend
    cdef Side where
    if one and not below & 1:
        return
    place_vector(face, <double> (x + y + 1), <double> (x - y), size, p)
    where = side(pixel, p, radius, &middle)
    if where == BEYOND:
        return
    if where == WITHIN:
        pixel.found += held(&pixel.index, start, stop) * (M_PI / 3 / (<double> ((<int64_t> 1) << (2 * MAX_ORDER))))
        return
    if one:
        # The edge of a cell bends no more than a circle of half its distance to the pole. What lies between it and its
        # chord, a twelfth of its length squared times that curvature wide, may be 2e-4 of the pixel.
        bend = 2 * pixel.radius / fmax(hypot(p[0], p[1]), radius)
        bend = sqrt(bend / 2.4e-3)
        if radius * fmax(1.5, bend) < pixel.radius or order == MAX_ORDER:
            pixel.found += cut_out(pixel, face, x, y, order)
            return
    for i in range(4):
        cover(pixel, 4 * cell + i, face, 2 * x + (i & 1), 2 * y + (i >> 1), order + 1)


cdef void meet(Pixel* pixel, uint64_t cell, int face, int64_t x, int64_t y, int order) noexcept nogil:
    """Note whether the pixel meets cells inside and outside the set in a node."""
    cdef int shift = 2 * (MAX_ORDER - order), i
    cdef uint64_t start = cell << shift
    cdef uint32_t below
    cdef bint one, middle
    cdef double p[3]
    cdef double size = <double> ((<int64_t> 1) << order), radius = CELL_RADIUS / size
    cdef Side where
    if pixel.has[0] and pixel.has[1]:
        return
    below = at_or_below(&pixel.index, start)
    one = at_or_below(&pixel.index, start + (((<uint64_t> 1) << shift) - 1)) == below
    if one and pixel.has[below & 1]:
        return
    place_vector(face, <double> (x + y + 1), <double> (x - y), size, p)
    where = side(pixel, p, radius, &middle)
    if where == BEYOND:
        return
    if one:
        if middle or where == WITHIN or radius < TOUCH * pixel.radius or order == MAX_ORDER:
            pixel.has[below & 1] = True
            return
    elif where == WITHIN:
        pixel.has[0] = pixel.has[1] = True
        return
    for i in range(4):
        meet(pixel, 4 * cell + i, face, 2 * x + (i & 1), 2 * y + (i >> 1), order + 1)


cdef inline void visit(Pixel* pixel, uint64_t cell, int order, bint areas) noexcept nogil:
    cdef int face
    cdef int64_t x, y
    cell_xy(cell, order, &face, &x, &y)
    if areas:
        cover(pixel, cell, face, x, y, order)
    else:
        meet(pixel, cell, face, x, y, order)


cdef void look(Pixel* pixel, bint areas) noexcept nogil:
    """Look at all cells around a pixel."""
    cdef int order, face, dx, dy
    cdef int64_t x, y, other
    cdef uint64_t cell
    if pixel.radius > 0.3:
        for face in range(12):
            if areas:
                cover(pixel, <uint64_t> face, face, 0, 0, 0)
            else:
                meet(pixel, <uint64_t> face, face, 0, 0, 0)
        return
    order = ilogb(COVER / pixel.radius)
    if order > MAX_ORDER:
        order = MAX_ORDER
    cell = cell_at(
        pixel.center[2], hypot(pixel.center[0], pixel.center[1]), atan2(pixel.center[1], pixel.center[0]), order
    )
    cell_xy(cell, order, &face, &x, &y)
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            other = <int64_t> cell if dx == 0 and dy == 0 else neighbour(face, x, y, dx, dy, order)
            if other < 0:
                continue
            visit(pixel, <uint64_t> other, order, areas)


def covered(
    Index index not None, const double[:, :, ::1] corners, double[::1] fraction, unsigned char[:, ::1] has,
):
    """Write the fraction of each pixel that a set covers, or whether the pixel meets cells outside and inside the set.

    `corners` are unit vectors, shape (n, n_corners, 3). Fractions are written if `fraction` is not empty; otherwise
    `has`, shape (n, 2), is written. For a pixel without an area, or larger than about 140 deg, a fraction is -1 and
    `has` is 2.
    """
    cdef Py_ssize_t n = corners.shape[0], i
    cdef int m
    cdef bint areas = fraction.shape[0] > 0
    cdef Pixel pixel
    cdef double* memory
    cdef double whole
    # `cut_out` counts its room by ints.
    if not 3 <= corners.shape[1] <= INT_MAX // 16 or corners.shape[2] != 3 or (areas and fraction.shape[0] != n):
        raise ValueError("corners must have shape (n, at least 3, 3), fraction shape (n,)")
    if not areas and (has.shape[0] != n or has.shape[1] != 2):
        raise ValueError("has must have shape (n, 2)")
    m = <int> corners.shape[1]
    open_index(&pixel.index, index, END)
    memory = <double*> allocate(2 * m + 4 * (2 * m + 16), sizeof(double))
    if memory == NULL:
        raise MemoryError("no memory for a pixel")
    pixel.x = memory
    pixel.y = memory + m
    pixel.work = memory + 2 * m
    try:
        with nogil:
            for i in range(n):
                poll(i, 16)
                pixel.found = 0
                pixel.has[0] = pixel.has[1] = False
                if open_pixel(&pixel, &corners[i, 0, 0], m):
                    look(&pixel, areas)
                    if areas:
                        whole = area(pixel.x, pixel.y, m)
                        fraction[i] = pixel.found / whole
                    else:
                        has[i, 0] = pixel.has[0]
                        has[i, 1] = pixel.has[1]
                elif areas:
                    fraction[i] = -1
                else:
                    has[i, 0] = has[i, 1] = 2
    finally:
        free(memory)
