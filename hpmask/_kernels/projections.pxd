# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Projections of images, both ways: Calabretta & Greisen 2002, A&A 395, 1077.

In radians, with X, Y the coordinates of the projection's plane, and native unit vectors (cos theta cos phi,
cos theta sin phi, sin theta). A path is stretched on the sky by no more than the largest singular value of the inverse
projection's derivative along it, and in the plane by no more than that of the projection's. Where no bound is given,
at rims, poles and seams, the answer is that nothing is known.
"""

from libc.math cimport INFINITY, M_PI, acos, asin, atan2, atanh, cos, cosh, fabs, fmin, sin, sqrt, tanh


cdef enum Kind:
    TAN = 0
    SIN = 1
    STG = 2
    ARC = 3
    ZEA = 4
    CAR = 5
    CEA = 6
    MER = 7
    SFL = 8
    AIT = 9

cdef enum Known:
    UNKNOWN = 0
    KNOWN = 1
    NOWHERE = 2     # no point of the cap has a place


cdef struct View:
    # The numbers of a Projection.
    Kind kind
    double rim              # in CAR, CEA and MER there is sky up to |x| = rim
    double origin[2]        # the pixel at the plane's origin
    double to_plane[4]      # takes pixels, counted from there, to the plane, and the inverse of that
    double to_pixels[4]
    double side             # how far a point of a square of pixels is from its centre in the plane, over its half-width
    double slack            # rounding on the sky,
    double pixel_slack[2]   # and in pixels
    const double* steps     # from a pixel to others that show the same position, 360 degrees of longitude away
    Py_ssize_t n_steps
    # SIP: coefficients of u**p v**q at [p][q], NULL for none
    const double* a
    const double* b
    int degree
    double sip_origin[2]
    double shift            # in a box that reaches `margin` beyond the image no pixel moves farther,
    double margin
    double slope            # and the derivative of that has no larger norm


cdef class Projection:
    cdef View view
    cdef object arrays      # keeps the memory of `view`


cdef inline Known place(
    Kind kind, const double* q, double cap, double* x, double* y, double* half_x, double* half_y
) noexcept nogil:
    """Place in the plane of a native unit vector, and half-widths of a rectangle that holds the cap about it."""
    cdef double c = q[2], s = 0, k, stretch, low = c, high = c, phi, theta, half, top, away
    if cap > 1.5:
        return UNKNOWN
    if cap > 0 or kind == ARC or kind > ZEA:
        s = sqrt(q[0] * q[0] + q[1] * q[1])
    if kind <= ZEA:
        if cap > 0:
            # Bounds of the cosine of the farthest and the nearest distance from the native pole:
            # cos(cap) is at least k, and sin(cap) at most cap.
            k = 1 - 0.5 * cap * cap
            low = (c * k if c > 0 else c) - s * cap
            high = (c if c > 0 else c * k) + s * cap
        # Within the limits rounding in the vector grows to 1e-12 at most.
        if kind == TAN or kind == SIN:
            if high < -1e-9:
                return NOWHERE
            if low < (0.1 if kind == TAN else 1e-9):
                return UNKNOWN
            k = 1 / c if kind == TAN else 1
            stretch = 1 / (low * low) if kind == TAN else 1
        elif kind == ARC:
            phi = atan2(s, c)
            k = phi / s if s > 1e-12 else 1
            phi += cap
            if phi > 3:
                return UNKNOWN
            stretch = phi / sin(phi) if phi > 1e-12 else 1
        else:
            # The result is also UNKNOWN where the cap contains the other pole.
            if low < (-0.99 if kind == ZEA else -0.9):
                return UNKNOWN
            k = 2 / (1 + c)
            stretch = 2 / (1 + low)
            if kind == ZEA:
                k = sqrt(k)
                stretch = sqrt(stretch)
        x[0] = k * q[1]
        y[0] = -k * q[0]
        half_x[0] = half_y[0] = stretch * cap
        return KNOWN
    phi = atan2(q[1], q[0])
    theta = atan2(c, s)
    top = fabs(theta) + cap
    if top > (1.5 if kind == MER else 1.57):
        return UNKNOWN
    half = asin(fmin(1.0, sin(cap) / s)) if cap > 0 else 0
    if fabs(phi) + half > M_PI - 1e-9:
        return UNKNOWN
    x[0] = phi
    y[0] = theta
    half_x[0] = half
    half_y[0] = cap
    if kind == CEA:
        y[0] = c
    elif kind == MER:
        y[0] = atanh(c)
        half_y[0] = cap / cos(top)
    elif kind == SFL:
        # an eastward step is dX + phi sin(theta) dY
        x[0] = phi * s
        half_x[0] = cap * (1 + (fabs(phi) + half) * sin(top))
    elif kind == AIT:
        # Longitudes are halved, go through ZEA seen from the equator, and x is doubled.
        low = s * cos(0.5 * phi)
        k = sqrt(2 / (1 + low))
        x[0] = 2 * k * s * sin(0.5 * phi)
        y[0] = k * c
        away = acos(fmin(1.0, low)) + cap
        stretch = 1 / cos(0.5 * fmin(away, 2.5))
        half_x[0] = 2 * stretch * cap
        half_y[0] = stretch * cap
    return KNOWN


cdef inline double stretch(Kind kind, double x, double y, double r, double rim) noexcept nogil:
    """The most by which a path in the plane within r of (x, y) is stretched on the sky; infinite if not known.

    It is known only where wcslib gives positions to better than 1e-12. In CAR, CEA and MER there is sky up to |x| =
    `rim`.
    """
    cdef double away, top, lon
    if kind == TAN or kind == STG:
        return 1
    if kind <= ZEA:
        away = sqrt(x * x + y * y) + r
        if kind == ARC:
            return 1 if away < M_PI else INFINITY
        if kind == SIN:
            return 1 / sqrt(1 - away * away) if away < 0.9999 else INFINITY
        return 1 / sqrt(1 - 0.25 * away * away) if away < 1.9999 else INFINITY
    if kind == AIT:
        # X is halved, the inverse of ZEA follows, and the longitudes are doubled, which stretches by two at most.
        # The rim is at sqrt(2); near the poles there, latitudes are arc sines of nearly 1.
        away = sqrt(0.25 * x * x + y * y) + r
        return 2 / sqrt(1 - 0.25 * away * away) if away < 1.413 else INFINITY
    top = fabs(y) + r
    if kind == SFL:
        # An eastward step is dX + phi sin(theta) dY.
        if not top < 1.57:
            return INFINITY
        lon = (fabs(x) + r) / cos(top)
        return 1 + lon * sin(top) if lon < M_PI else INFINITY
    if not fabs(x) + r < rim:
        return INFINITY
    if kind == CEA:
        return 1 / sqrt(1 - top * top) if top < 0.9999 else INFINITY
    return 1 if kind == MER or top < 0.5 * M_PI else INFINITY


cdef inline void native_at(Kind kind, double x, double y, double* q) noexcept nogil:
    """The native unit vector at a place where there is a bound on the stretch."""
    cdef double r = x * x + y * y, k, s
    if kind <= ZEA:
        if kind == TAN:
            q[2] = k = 1 / sqrt(1 + r)
        elif kind == SIN:
            k = 1
            q[2] = sqrt(1 - r)
        elif kind == STG:
            k = 1 / (1 + 0.25 * r)
            q[2] = (1 - 0.25 * r) * k
        elif kind == ARC:
            r = sqrt(r)
            k = sin(r) / r if r > 1e-12 else 1
            q[2] = cos(r)
        else:
            k = sqrt(1 - 0.25 * r)
            q[2] = 1 - 0.5 * r
        q[0] = -k * y
        q[1] = k * x
        return
    if kind == AIT:
        k = sqrt(1 - 0.0625 * x * x - 0.25 * y * y)
        q[2] = k * y
        # cos(theta) times sine and cosine of phi / 2
        x = 0.5 * k * x
        y = 2 * k * k - 1
        s = sqrt(x * x + y * y)
        q[0] = (y - x) * (y + x) / s
        q[1] = 2 * x * y / s
        return
    if kind == CEA:
        q[2] = y
        s = sqrt((1 - y) * (1 + y))
    elif kind == MER:
        q[2] = tanh(y)
        s = 1 / cosh(y)
    else:
        q[2] = sin(y)
        s = cos(y)
        if kind == SFL:
            x /= s
    q[0] = s * cos(x)
    q[1] = s * sin(x)


cdef inline double polynomial(const double* table, int degree, double u, double v) noexcept nogil:
    cdef double total = 0, row
    cdef int p, q
    for p in range(degree, -1, -1):
        row = 0
        # There are no terms of a higher degree.
        for q in range(degree - p, -1, -1):
            row = row * v + table[p * (degree + 1) + q]
        total = total * u + row
    return total
