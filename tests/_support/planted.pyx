# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One error for each kind of tools/sanitize.sh to find: `tools/sanitize.sh --self-test` compiles and calls them.

Each function has an argument with which there is no error.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from hpmask._kernels.checked cimport require

cdef volatile int64_t count = 0


def overrun(size_t place):
    """Write and read a byte of a block of 8."""
    cdef unsigned char* block = <unsigned char*> malloc(8)
    block[place] = 7
    found = block[place]
    free(block)
    return found


def shift(int by):
    """Shift a number of 64 bits."""
    return <int64_t> 1 << by


def unset(size_t size):
    """Branch on the last byte of a block of which the first one is set."""
    cdef unsigned char* block = <unsigned char*> malloc(size)
    cdef bint found
    block[0] = 7
    found = block[size - 1] == 7
    free(block)
    return "set" if found else "not set"


def unmet(int number):
    """Require a number below 3."""
    require(number < 3)


def race(int64_t steps):
    """Count for a while in a variable that all threads share, without the GIL."""
    global count
    cdef int64_t i
    with nogil:
        for i in range(steps):
            count += 1
