# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""How kernels that take long answer signals, such as Ctrl-C, and how the threads of a job are stopped.

Python runs the handler of a signal in the main thread, between two steps of Python code. A kernel is one such step, and
without the GIL. Its loops therefore call `stopped` or `poll` (stopping.pxd), which `look` from time to time:

- In a thread that works on a part of a job, `look` reads the job's `Stop`, which the thread `watch`es. Once that is
  set, the kernels of these threads end with `Stopped`. Other threads, and other jobs, are not affected.
- In every other thread, `look` takes the GIL, at most once in PERIOD, and has Python run the handlers of signals that
  have arrived. If a handler raises an error, the kernel ends with it. Python does so in the main thread only: in other
  threads, the kernel always goes on.

Where another thread keeps the GIL, it takes up to 5 ms to get it. The next look is then later by a multiple of the time
that this one took, so that a kernel does not wait for more than a few per cent of its time.

The error is kept for the thread, and `look` is true from then on, until `poll` or `failure` raises it. A loop deep in a
kernel ends as if there were no memory, and the kernel then raises `failure`: the error that is kept, or MemoryError.
"""

from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from libc.stdint cimport int64_t, uint64_t


cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <windows.h>
    #define HPMASK_OF_THREAD __declspec(thread)
    static inline int64_t hpmask_microseconds(void) { return (int64_t) GetTickCount64() * 1000; }
    static inline int hpmask_load(const int* value) { return *(const volatile int*) value; }
    static inline void hpmask_store(int* value, int new_value) { *(volatile int*) value = new_value; }
    #else
    #include <time.h>
    #if defined(CLOCK_MONOTONIC_COARSE)
    /* A tenth of the cost, and good to 4 ms. */
    #define HPMASK_CLOCK CLOCK_MONOTONIC_COARSE
    #else
    #define HPMASK_CLOCK CLOCK_MONOTONIC
    #endif
    #define HPMASK_OF_THREAD _Thread_local
    static inline int64_t hpmask_microseconds(void) {
        struct timespec now;
        clock_gettime(HPMASK_CLOCK, &now);
        return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
    }
    static inline int hpmask_load(const int* value) { return __atomic_load_n(value, __ATOMIC_RELAXED); }
    static inline void hpmask_store(int* value, int new_value) { __atomic_store_n(value, new_value, __ATOMIC_RELAXED); }
    #endif
    /* What this thread watches, or NULL; when it takes the GIL next; and the error that ends its kernel, or NULL. */
    static HPMASK_OF_THREAD const int* hpmask_watched = NULL;
    static HPMASK_OF_THREAD int64_t hpmask_next = 0;
    static HPMASK_OF_THREAD PyObject* hpmask_error = NULL;
    """
    int64_t microseconds "hpmask_microseconds"() noexcept nogil
    int load "hpmask_load"(const int* value) noexcept nogil
    void store "hpmask_store"(int* value, int new_value) noexcept nogil
    const int* watched "hpmask_watched"
    int64_t next_time "hpmask_next"
    PyObject* kept "hpmask_error"

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

# Microseconds between two looks for signals, and the longest time that a slow GIL makes of it.
cdef enum:
    _PERIOD = 20_000
    _LONGEST = 200_000


class Stopped(BaseException):
    """A kernel has ended before its time, because the job is over that it worked for."""


cdef class Stop:
    """Ends the kernels of all threads that watch it, once it is set."""

    cdef int value

    def set(self):
        """End the kernels that watch this, now and later."""
        store(&self.value, 1)


def watch(Stop stop):
    """Have the kernels of this thread look at `stop`, or for None, look for signals as they do by default.

    The caller keeps `stop` alive until this thread watches another one or None.
    """
    global kept, watched
    cdef PyObject* before = kept
    watched = NULL if stop is None else &stop.value
    # What ended an earlier job is not for the next one.
    kept = NULL
    Py_XDECREF(before)


cdef void keep(object error) noexcept:
    """Keep an error until it is raised."""
    global kept
    cdef PyObject* before = kept
    Py_INCREF(error)
    kept = <PyObject*> error
    Py_XDECREF(before)


cdef bint look() noexcept nogil:
    """Whether the kernel must end. Runs the handlers of signals, see above."""
    global next_time
    cdef int64_t before, after, pause
    if kept != NULL:
        return True
    if watched != NULL:
        if load(watched):
            with gil:
                keep(Stopped("the job is over"))
            return True
        return False
    before = microseconds()
    if before < next_time:
        return False
    with gil:
        try:
            PyErr_CheckSignals()
        except BaseException as error:
            keep(error)
    after = microseconds()
    pause = 50 * (after - before)
    next_time = after + (_PERIOD if pause < _PERIOD else _LONGEST if pause > _LONGEST else pause)
    return kept != NULL


cdef object failure(str message):
    """The error of a kernel that has ended before its time: the one that is kept, or else MemoryError."""
    global kept
    cdef object error
    if kept == NULL:
        return MemoryError(message)
    error = <object> kept
    Py_XDECREF(kept)
    kept = NULL
    return error


cdef int give_up() except -1 nogil:
    """Raise the error that is kept."""
    with gil:
        raise failure("no memory")


def looks(Py_ssize_t n, Py_ssize_t every=1):
    """Go through a loop of n steps that polls."""
    cdef Py_ssize_t k
    with nogil:
        for k in range(n):
            poll(<uint64_t> k, <uint64_t> every)
