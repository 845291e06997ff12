# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Projections of images as objects for kernels, and their formulas for arrays of places (see projections.pxd)."""

from hpmask._kernels.projections cimport AIT, KNOWN, Kind, native_at, place, stretch

CODES = {"TAN": 0, "SIN": 1, "STG": 2, "ARC": 3, "ZEA": 4, "CAR": 5, "CEA": 6, "MER": 7, "SFL": 8, "AIT": 9}


cdef inline Kind kind_of(int code) except? AIT:
    if not 0 <= code <= AIT:
        raise ValueError("there is no such projection: codes are 0 to 9")
    return <Kind> code


cdef class Projection:
    """How the pixels of one image lie in the plane of a projection.

    Lengths in the plane are in radians. The rotation between native and celestial coordinates is not part of it.

    Parameters
    ----------
    code : int
        The projection, one of `CODES`.
    to_plane : numpy.ndarray, shape (2, 2)
        Takes pixels, counted from `origin`, to places in the plane.
    to_pixels : numpy.ndarray, shape (2, 2)
        The inverse.
    origin : numpy.ndarray, shape (2,)
        The pixel (x, y) at the plane's origin.
    rim : float
        In CAR, CEA and MER there is sky up to ``|x| = rim``.
    side : float
        Bound of the distance in the plane from the centre of a square of pixels to its points, over its half-width.
    slack : float
        Bound of the rounding on the sky, above 0.
    pixel_slack : numpy.ndarray, shape (2,)
        Bound of the rounding in pixels, along x and y.
    steps : numpy.ndarray, shape (n, 2), optional
        Offsets in pixels from a pixel to others that show the same position, at multiples of 360 degrees of longitude.
    sip : numpy.ndarray, shape (2, degree + 1, degree + 1), optional
        Coefficients of the SIP polynomials.
    sip_limits : numpy.ndarray, shape (5,), optional
        Their origin (x, y), shift, margin and slope (see cells_under_image.pyx).
    """

    def __cinit__(
        self, int code, const double[:, ::1] to_plane, const double[:, ::1] to_pixels, const double[::1] origin, *,
        double rim, double side, double slack, const double[::1] pixel_slack, const double[:, ::1] steps=None,
        const double[:, :, ::1] sip=None, const double[::1] sip_limits=None,
    ):
        cdef View* view = &self.view
        cdef int k
        if to_plane.shape[0] != 2 or to_plane.shape[1] != 2 or to_pixels.shape[0] != 2 or to_pixels.shape[1] != 2:
            raise ValueError("to_plane and to_pixels must have shape (2, 2)")
        if origin.shape[0] != 2 or pixel_slack.shape[0] != 2 or not slack > 0:
            raise ValueError("origin and pixel_slack must have shape (2,), and slack must be above 0")
        if steps is not None and steps.shape[1] != 2:
            raise ValueError("steps must have shape (n, 2)")
        view.kind = kind_of(code)
        view.rim = rim
        view.side = side
        view.slack = slack
        for k in range(2):
            view.origin[k] = origin[k]
            view.pixel_slack[k] = pixel_slack[k]
        for k in range(4):
            view.to_plane[k] = to_plane[k // 2, k % 2]
            view.to_pixels[k] = to_pixels[k // 2, k % 2]
        # The memory of a new object is zero.
        if steps is not None and steps.shape[0]:
            view.steps = &steps[0, 0]
            view.n_steps = steps.shape[0]
        if sip is not None:
            if sip.shape[0] != 2 or sip.shape[1] == 0 or sip.shape[1] != sip.shape[2] \
                    or sip_limits is None or sip_limits.shape[0] != 5:
                raise ValueError("sip must have shape (2, n, n), sip_limits (5,)")
            view.a = &sip[0, 0, 0]
            view.b = &sip[1, 0, 0]
            view.degree = <int> sip.shape[1] - 1
            view.sip_origin[0] = sip_limits[0]
            view.sip_origin[1] = sip_limits[1]
            view.shift = sip_limits[2]
            view.margin = sip_limits[3]
            view.slope = sip_limits[4]
        self.arrays = (steps, sip)


def places(int code, const double[:, ::1] vectors, double[:, ::1] out):
    """Places in the plane, shape (n, 2), of native unit vectors of shape (n, 3); NaN where they are not known."""
    cdef Kind kind = kind_of(code)
    cdef Py_ssize_t i
    cdef double half_x, half_y
    if vectors.shape[1] != 3 or out.shape[1] != 2 or out.shape[0] != vectors.shape[0]:
        raise ValueError("vectors must have shape (n, 3), out shape (n, 2)")
    for i in range(vectors.shape[0]):
        if place(kind, &vectors[i, 0], 0, &out[i, 0], &out[i, 1], &half_x, &half_y) != KNOWN:
            out[i, 0] = out[i, 1] = float("nan")


def stretches(
    int code, const double[::1] x, const double[::1] y, const double[::1] r, double rim, double[::1] out
):
    """The most by which paths within r of places in the plane are stretched on the sky; infinite if not known."""
    cdef Kind kind = kind_of(code)
    cdef Py_ssize_t i
    if x.shape[0] != y.shape[0] or r.shape[0] != x.shape[0] or out.shape[0] != x.shape[0]:
        raise ValueError("x, y, r and out must have one length")
    for i in range(x.shape[0]):
        out[i] = stretch(kind, x[i], y[i], r[i], rim)


def native_vectors(int code, const double[:, ::1] places, double[:, ::1] out):
    """Native unit vectors, shape (n, 3), of places in the plane with a bound on the stretch, shape (n, 2)."""
    cdef Kind kind = kind_of(code)
    cdef Py_ssize_t i
    if places.shape[1] != 2 or out.shape[1] != 3 or places.shape[0] != out.shape[0]:
        raise ValueError("places must have shape (n, 2), out shape (n, 3)")
    for i in range(places.shape[0]):
        native_at(kind, places[i, 0], places[i, 1], &out[i, 0])
