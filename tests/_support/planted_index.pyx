# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A planted error as in planted.pyx; on its own, since code with buffers takes longer to compile."""


def index(const double[::1] values, Py_ssize_t place):
    """Read a value by its index."""
    cdef double value
    with nogil:
        value = values[place]
    return value
