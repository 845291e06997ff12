# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Loops of kernels that can take long end when a signal says so: see stopping.pyx."""

from libc.stdint cimport uint64_t


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define HPMASK_RARELY(condition) __builtin_expect(!!(condition), 0)
    #else
    #define HPMASK_RARELY(condition) (condition)
    #endif
    """
    bint rarely "HPMASK_RARELY"(bint condition) noexcept nogil


cdef bint look() noexcept nogil
cdef object failure(str message)
cdef int give_up() except -1 nogil


cdef inline bint stopped(uint64_t step, uint64_t every) noexcept nogil:
    """Whether a loop must end; it looks at each `every`-th step. `every` is a power of two.

    A good `every` takes from 20 to 1000 microseconds: a look takes 0.1, and an answer is to come within 0.1 s. The
    first look is at the end of `every` steps, so that a short loop costs nothing.
    """
    return rarely(step & (every - 1) == every - 1) and look()


cdef inline int poll(uint64_t step, uint64_t every) except -1 nogil:
    """The same, but raises: for loops with no memory of their own, or with a clause that frees it."""
    if stopped(step, every):
        give_up()
    return 0
