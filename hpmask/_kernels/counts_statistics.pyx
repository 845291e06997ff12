# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Significance of counts over a background: the statistics of Cash and of Li & Ma.

Both are made of the deviance n ln(n / mu) + mu - n of counts from an expectation, in which the logarithm and the
difference nearly cancel each other if n is near mu. There, with v = (n - mu) / (n + mu), the logarithm is
2 (v + v**3 / 3 + v**5 / 5 + ...), so that the deviance is (n - mu) v + 2 n v (v**2 / 3 + v**4 / 5 + ...), a sum without
cancellation. NaN in any argument gives NaN.
"""

from libc.math cimport fabs, log, sqrt

from hpmask._kernels.stopping cimport poll

# The series is used below NEAR, and has TERMS terms: the first one that is left out is below 1e-17 of the sum.
cdef double NEAR = 0.1
cdef int TERMS = 8
# Expected counts below this count as this: counts without any background have a finite significance.
cdef double LEAST = 1e-25


cdef inline double deviance(double n, double mu, double difference) noexcept nogil:
    """n ln(n / mu) + mu - n, not negative, for a given difference n - mu."""
    cdef double v, square, series = 0, value
    cdef int k
    if n + mu == 0:
        return 0
    v = difference / (n + mu)
    if fabs(v) < NEAR:
        square = v * v
        for k in range(TERMS, 0, -1):
            series = square * (1.0 / (2 * k + 1) + series)
        return difference * v + 2 * n * v * series
    value = (n * log(n / mu) if n > 0 else 0) - difference
    return 0 if value < 0 else value


cdef inline double signed_root(double ts, double excess) noexcept nogil:
    """The square root of a statistic, with the sign of the excess."""
    if excess < 0:
        return -sqrt(ts)
    return sqrt(ts) if excess != 0 else 0


def cash(const double[::1] n, const double[::1] mu, double[::1] out):
    """Significance of n counts over an expected background of mu."""
    cdef Py_ssize_t size = out.shape[0], i
    cdef double expected
    if n.shape[0] != size or mu.shape[0] != size:
        raise ValueError("n, mu and out must have one length")
    with nogil:
        for i in range(size):
            poll(i, 2048)
            expected = LEAST if mu[i] < LEAST else mu[i]
            out[i] = signed_root(2 * deviance(n[i], expected, n[i] - expected), n[i] - mu[i])


def li_ma(const double[::1] n_on, const double[::1] n_off, const double[::1] alpha, double[::1] out):
    """Significance of n_on counts over a background of n_off counts with the ratio of exposures alpha, above 0.

    What the two counts exceed their expectations by differs in the sign only, so that the terms of the two deviances
    that are linear in it cancel each other.
    """
    cdef Py_ssize_t size = out.shape[0], i
    cdef double total, excess, difference
    if n_on.shape[0] != size or n_off.shape[0] != size or alpha.shape[0] != size:
        raise ValueError("n_on, n_off, alpha and out must have one length")
    with nogil:
        for i in range(size):
            poll(i, 2048)
            total = (n_on[i] + n_off[i]) / (1 + alpha[i])
            excess = n_on[i] - alpha[i] * n_off[i]
            difference = excess / (1 + alpha[i])
            out[i] = signed_root(
                2 * (deviance(n_on[i], alpha[i] * total, difference) + deviance(n_off[i], total, -difference)), excess
            )
