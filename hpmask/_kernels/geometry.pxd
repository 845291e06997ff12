# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""HEALPix cell geometry (Gorski et al. 2005, ApJ 622, 759), written in one chart per base cell.

Base cell f (0 to 11) holds cells (x, y), 0 <= x, y < n = 2**order, x towards the north-east and y towards the
north-west. With the continuous coordinates s = x + y and v = x - y

    rho = B - s                 the ring, continuous, from 0 at the north pole to 4n at the south pole;
                                B = 2n, 3n, 4n for the northern, equatorial and southern base cells
    lon = (c + v / w) pi/4      c the base cell's central longitude in units of pi/4, w the width of the ring:
                                w = n in the belt n <= rho <= 3n, rho in the northern and 4n - rho in the southern cap
    z   = sin(lat)              (2n - rho) 2/(3n) in the belt, 1 - rho**2 / (3 n**2) in the northern cap

so rings are lines of constant s, and meridians within a cap lines through the pole. The centre of cell (x, y) is at
s = x + y + 1, v = x - y; its corners lie 1 away from there in s or in v.
"""

from libc.math cimport M_PI, ceil, cos, fabs, floor, sin, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport TIE


cdef inline uint64_t spread(uint64_t x) noexcept nogil:
    """Bits 0..29 of x moved to the even places."""
    x = (x | (x << 16)) & <uint64_t> 0x0000FFFF0000FFFF
    x = (x | (x << 8)) & <uint64_t> 0x00FF00FF00FF00FF
    x = (x | (x << 4)) & <uint64_t> 0x0F0F0F0F0F0F0F0F
    x = (x | (x << 2)) & <uint64_t> 0x3333333333333333
    x = (x | (x << 1)) & <uint64_t> 0x5555555555555555
    return x


cdef inline uint64_t squeeze(uint64_t x) noexcept nogil:
    """The even bits of x, moved together: the inverse of `spread`."""
    x = x & <uint64_t> 0x5555555555555555
    x = (x | (x >> 1)) & <uint64_t> 0x3333333333333333
    x = (x | (x >> 2)) & <uint64_t> 0x0F0F0F0F0F0F0F0F
    x = (x | (x >> 4)) & <uint64_t> 0x00FF00FF00FF00FF
    x = (x | (x >> 8)) & <uint64_t> 0x0000FFFF0000FFFF
    x = (x | (x >> 16)) & <uint64_t> 0x00000000FFFFFFFF
    return x


cdef inline int central_longitude(int face) noexcept nogil:
    """Longitude of the middle of a base cell in units of pi/4."""
    if 4 <= face < 8:
        return 2 * (face - 4)
    return 2 * (face & 3) + 1


cdef inline int64_t base_ring(int face, int64_t n) noexcept nogil:
    """B: the ring of the southern corner of a base cell."""
    return (2 + (face >> 2)) * n


cdef inline uint64_t cell_in(int face, int64_t x, int64_t y, int order) noexcept nogil:
    """NESTED number of the cell at (x, y) of a base cell."""
    require(0 <= face < 12)
    require(0 <= x < (<int64_t> 1) << order)
    require(0 <= y < (<int64_t> 1) << order)
    return (<uint64_t> face << (2 * order)) | spread(<uint64_t> x) | (spread(<uint64_t> y) << 1)


cdef inline int64_t ring_width(int64_t ring, int64_t n) noexcept nogil:
    """Cells in a quarter of a ring."""
    return ring if ring < n else n if ring <= 3 * n else 4 * n - ring


cdef inline int64_t ring_odd(int64_t ring, int64_t n) noexcept nogil:
    """1 where a ring's first cell is centred half a cell east of longitude 0, else 0."""
    return 1 if ring < n or ring > 3 * n else 1 - ((ring - n) & 1)


cdef inline uint64_t cell_at(double z, double cos_lat, double lon, int order) noexcept nogil:
    """NESTED number of the cell that holds a position (finite; any longitude, |z| <= 1).

    A position on an edge between cells, as the centres of coarser cells are, belongs to the northern one.
    """
    return cell_with_tie(z, cos_lat, lon, order, TIE)


cdef inline uint64_t cell_with_tie(double z, double cos_lat, double lon, int order, double tie) noexcept nogil:
    """`cell_at`, where a position is on an edge if it is no farther than about `tie` south of it.

    cos_lat keeps the precision that z loses near the poles.
    """
    cdef int64_t n = (<int64_t> 1) << order
    cdef int64_t x, y, i, j
    cdef double t = lon * (2 / M_PI)
    cdef double a, b, distance, height = z + 4.0 / 3.0 * tie
    cdef int face, quarter
    t -= 4 * floor(t * 0.25)
    if t >= 4:
        t = 0
    if fabs(height) <= 2.0 / 3.0:
        # In the belt the cells' edges are the lines of constant a and b.
        a = n * (0.5 + t - 0.75 * height)
        b = n * (0.5 + t + 0.75 * height)
        i = <int64_t> a
        j = <int64_t> b
        quarter = <int> (i >> order)
        face = <int> (j >> order)
        if quarter == face:
            face = 4 + (face & 3)
        elif quarter < face:
            # & 3: just west of longitude 0, at z = +-2/3, rounding can carry a or b into a fifth quarter.
            face = quarter & 3
        else:
            face = 8 + (face & 3)
        x = j & (n - 1)
        y = n - 1 - (i & (n - 1))
    else:
        quarter = <int> t
        t -= quarter
        distance = n * cos_lat * sqrt(3 / (1 + fabs(z)))
        # Towards the north pole both become smaller, towards the south pole larger. What falls below zero becomes zero.
        if z > 0:
            tie = -tie
        i = <int64_t> (t * distance + n * tie)
        j = <int64_t> ((1 - t) * distance + n * tie)
        if i >= n:
            i = n - 1
        if j >= n:
            j = n - 1
        if z > 0:
            face = quarter
            x = n - 1 - j
            y = n - 1 - i
        else:
            face = 8 + quarter
            x = i
            y = j
    return cell_in(face, x, y, order)


cdef inline void ring_height(double rho, double n, double* z, double* cos_lat, double* width) noexcept nogil:
    """sin and cos of the latitude of a (continuous) ring, and its width w."""
    cdef double q
    # Beyond a pole by rounding.
    require(-1 <= rho <= 4 * n + 1)
    if rho < n:
        q = rho / n
        z[0] = 1 - q * q / 3
        cos_lat[0] = q * sqrt((2 - q * q / 3) / 3)
        width[0] = rho
    elif rho <= 3 * n:
        z[0] = (2 * n - rho) * 2 / (3 * n)
        cos_lat[0] = sqrt((1 - z[0]) * (1 + z[0]))
        width[0] = n
    else:
        q = (4 * n - rho) / n
        z[0] = q * q / 3 - 1
        cos_lat[0] = q * sqrt((2 - q * q / 3) / 3)
        width[0] = 4 * n - rho


cdef inline void place(int face, double s, double v, double n, double* z, double* cos_lat, double* lon) noexcept nogil:
    """sin and cos of the latitude, and the longitude, of the point (s, v) of a base cell."""
    cdef double width, t
    ring_height((2 + (face >> 2)) * n - s, n, z, cos_lat, &width)
    t = central_longitude(face)
    if width > 0:
        t += v / width
    if t < 0:
        t += 8
    lon[0] = t * (M_PI / 4)


cdef inline void place_vector(int face, double s, double v, double n, double* p) noexcept nogil:
    """Unit vector of the point (s, v) of a base cell."""
    cdef double cos_lat, lon
    place(face, s, v, n, &p[2], &cos_lat, &lon)
    p[0] = cos_lat * cos(lon)
    p[1] = cos_lat * sin(lon)


cdef inline void cell_xy(uint64_t cell, int order, int* face, int64_t* x, int64_t* y) noexcept nogil:
    """Base cell and place in it of a NESTED cell."""
    cdef uint64_t inner = cell & (((<uint64_t> 1) << (2 * order)) - 1)
    require(cell < (<uint64_t> 12) << (2 * order))
    face[0] = <int> (cell >> (2 * order))
    x[0] = <int64_t> squeeze(inner)
    y[0] = <int64_t> squeeze(inner >> 1)


cdef inline void ring_place_at(
    int face, int64_t x, int64_t y, int64_t n, int64_t* ring, int64_t* position,
) noexcept nogil:
    """The ring of the cell (x, y) of a base cell, and its position in the ring.

    Cell k of a ring of 4w cells is centred at the longitude (2k + odd) / w in units of pi/4, which is c + v / w in the
    chart.
    """
    cdef int64_t width, k
    ring[0] = base_ring(face, n) - (x + y + 1)
    require(0 < ring[0] < 4 * n)
    width = ring_width(ring[0], n)
    k = central_longitude(face) * width + x - y - ring_odd(ring[0], n)
    if k < 0:
        k += 8 * width
    position[0] = k >> 1
    require(0 <= position[0] < 4 * width)


cdef inline void ring_place(uint64_t cell, int order, int64_t* ring, int64_t* position) noexcept nogil:
    """The ring of a NESTED cell, and its position in the ring."""
    cdef int64_t x, y
    cdef int face
    cell_xy(cell, order, &face, &x, &y)
    ring_place_at(face, x, y, (<int64_t> 1) << order, ring, position)


cdef inline int64_t ring_number_at(int face, int64_t x, int64_t y, int64_t n) noexcept nogil:
    """RING number of the cell (x, y) of a base cell.

    In the northern cap, 2r(r - 1) cells lie before ring r, and as many behind its mirror image in the southern cap.
    """
    cdef int64_t ring, width, k
    ring_place_at(face, x, y, n, &ring, &k)
    if ring < n:
        return 2 * ring * (ring - 1) + k
    if ring <= 3 * n:
        return 2 * n * (n - 1) + 4 * n * (ring - n) + k
    width = 4 * n - ring
    return 12 * n * n - 2 * width * (width + 1) + k


cdef inline int64_t ring_number(uint64_t cell, int order) noexcept nogil:
    """RING number of a NESTED cell."""
    cdef int64_t x, y
    cdef int face
    cell_xy(cell, order, &face, &x, &y)
    return ring_number_at(face, x, y, (<int64_t> 1) << order)


cdef inline int64_t neighbour(int face, int64_t x, int64_t y, int dx, int dy, int order) noexcept nogil:
    """NESTED number of the cell at (x + dx, y + dy), dx and dy from -1 to 1, across base cells; -1 if there is none.

    Where three base cells meet, a cell in their corner has no neighbour beyond it.
    """
    cdef int64_t n = (<int64_t> 1) << order, swap
    cdef int column = face & 3, row = face >> 2
    cdef int over_x, over_y
    require(0 <= x < n)
    require(0 <= y < n)
    x += dx
    y += dy
    over_x = 1 if x == n else -1 if x < 0 else 0
    over_y = 1 if y == n else -1 if y < 0 else 0
    if over_x and over_y:
        if over_x != over_y and row != 1:
            return -1           # eastern and western corners of the polar base cells
        if over_x == over_y and row == 1:
            return -1           # northern and southern corners of the equatorial ones
        if row == 1:            # eastern corner: x over, y under
            column += 1 if over_x > 0 else 3
            x = 0 if over_x > 0 else n - 1
            y = n - 1 - x
        elif over_x > 0:        # northern corner
            if row == 0:
                column += 2     # across the pole
                x = n - 1
            else:
                row = 0
                x = 0
            y = x
        else:                   # southern corner
            if row == 0:
                row = 2
                x = n - 1
            else:
                column += 2
                x = 0
            y = x
    elif over_x > 0:            # north-east
        if row == 0:
            column += 1
            x = y
            y = n - 1
        else:
            column += 1 if row == 2 else 0
            row -= 1
            x = 0
    elif over_x < 0:            # south-west
        if row == 2:
            column += 3
            x = y
            y = 0
        else:
            column += 3 if row == 1 else 0
            row += 1
            x = n - 1
    elif over_y > 0:            # north-west
        if row == 0:
            column += 3
            swap = x
            x = n - 1
            y = swap
        else:
            column += 3 if row == 1 else 0
            row -= 1
            y = 0
    elif over_y < 0:            # south-east
        if row == 2:
            column += 1
            swap = x
            x = 0
            y = swap
        else:
            column += 1 if row == 0 else 0
            row += 1
            y = n - 1
    return <int64_t> cell_in(4 * row + (column & 3), x, y, order)
