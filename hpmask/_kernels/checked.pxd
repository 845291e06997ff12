# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What a kernel takes for granted, written down so that a build with HPMASK_CHECKED checks it.

    require(count <= room)

ends the process there if the condition does not hold: what breaks a requirement of a kernel is a fault of its caller or
of the kernel, and never of the user. `tools/sanitize.sh checked` runs the tests on such a build. In all other builds the
condition is not evaluated. Cython puts `and`, `or` and chains of comparisons in front of the call, though, and there the
compiler removes them: they may read variables and items of arrays. Functions are called in a condition of their own, or
behind `if CHECKING:`, and so are loops over arrays.
"""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #ifndef HPMASK_REQUIRE
    #ifdef HPMASK_CHECKED
    #include <stdio.h>
    #include <stdlib.h>
    #if defined(__GNUC__) || defined(__clang__)
    extern void __sanitizer_print_stack_trace(void) __attribute__((weak));
    #define HPMASK_STACK() (__sanitizer_print_stack_trace ? __sanitizer_print_stack_trace() : (void) 0)
    #else
    #define HPMASK_STACK() ((void) 0)
    #endif
    /* Reports go to the end of the file HPMASK_CHECKED_LOG, if there is this variable. */
    static void hpmask_fault(const char* what, const char* file, int line) {
        const char* name = getenv("HPMASK_CHECKED_LOG");
        FILE* log = name ? fopen(name, "a") : NULL;
        fprintf(log ? log : stderr, "%s:%d: %s\\n", file, line, what);
        fflush(NULL);
        HPMASK_STACK();
        abort();
    }
    #define HPMASK_CHECKING 1
    #define HPMASK_REQUIRE(condition) \\
        ((condition) ? (void) 0 : hpmask_fault("a requirement of the kernel is not met", __FILE__, __LINE__))
    #else
    #define HPMASK_CHECKING 0
    #define HPMASK_REQUIRE(condition) ((void) 0)
    #endif
    #endif
    """
    const bint CHECKING "HPMASK_CHECKING"
    void require "HPMASK_REQUIRE"(bint condition) noexcept nogil


cdef inline void require_ranges(const uint64_t[::1] boundaries, uint64_t end) noexcept nogil:
    """Pairs of boundaries that ascend strictly, up to `end`: sorted ranges that are not empty and do not touch."""
    cdef Py_ssize_t n, i
    if CHECKING:
        n = boundaries.shape[0]
        require(n % 2 == 0)
        for i in range(1, n):
            require(boundaries[i - 1] < boundaries[i])
        if n:
            require(boundaries[n - 1] <= end)


cdef inline void require_disjoint(const uint64_t[::1] boundaries, uint64_t end) noexcept nogil:
    """Sorted ranges that are not empty, up to `end`, where a range may begin at the end of the one before."""
    cdef Py_ssize_t n, i
    if CHECKING:
        n = boundaries.shape[0]
        require(n % 2 == 0)
        for i in range(1, n):
            require(boundaries[i - 1] < boundaries[i] or (i % 2 == 0 and boundaries[i - 1] == boundaries[i]))
        if n:
            require(boundaries[n - 1] <= end)


cdef inline void require_ascending(const uint64_t[::1] numbers) noexcept nogil:
    """Numbers that ascend, of which some may be equal."""
    cdef Py_ssize_t i
    if CHECKING:
        for i in range(1, numbers.shape[0]):
            require(numbers[i - 1] <= numbers[i])
