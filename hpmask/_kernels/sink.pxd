# cython: language_level=3
"""Growing lists of range starts and stops, filled without the GIL."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy


cdef struct Sink:
    uint64_t* starts
    uint64_t* stops
    size_t count
    size_t room
    bint failed     # out of memory: what came after is lost, the caller raises


cdef extern from *:
    """
    #if defined(__linux__)
    #include <stdint.h>
    #include <sys/mman.h>
    /* Ask for huge pages, as NumPy does for its arrays: else large blocks cost a page fault for each 4 kB. */
    static inline void hpmask_huge_pages(void* block, size_t size) {
    #ifdef MADV_HUGEPAGE
        uintptr_t begin = ((uintptr_t) block + 4095) & ~(uintptr_t) 4095;
        if (block != NULL && size >= ((size_t) 1 << 22))
            madvise((void*) begin, size - (begin - (uintptr_t) block), MADV_HUGEPAGE);
    #endif
    }
    #else
    static inline void hpmask_huge_pages(void* block, size_t size) { (void) block; (void) size; }
    #endif
    """
    void huge_pages "hpmask_huge_pages"(void* block, size_t size) noexcept nogil


cdef inline bint enlarge(void** memory, size_t size) noexcept nogil:
    """More room for a block; False, and the block as it was, if there is no memory."""
    cdef void* larger = realloc(memory[0], size)
    if larger != NULL:
        huge_pages(larger, size)
        memory[0] = larger
    return larger != NULL


cdef inline void sink_open(Sink* sink, size_t room) noexcept nogil:
    sink.count = 0
    sink.room = room if room > 16 else 16
    sink.starts = NULL
    sink.stops = NULL
    sink.failed = not (
        enlarge(<void**> &sink.starts, sink.room * sizeof(uint64_t))
        and enlarge(<void**> &sink.stops, sink.room * sizeof(uint64_t))
    )


cdef inline void sink_close(Sink* sink) noexcept nogil:
    free(sink.starts)
    free(sink.stops)
    sink.starts = NULL
    sink.stops = NULL


cdef inline void sink_grow(Sink* sink) noexcept nogil:
    cdef size_t room = sink.room + sink.room // 2
    if (
        enlarge(<void**> &sink.starts, room * sizeof(uint64_t))
        and enlarge(<void**> &sink.stops, room * sizeof(uint64_t))
    ):
        sink.room = room
    else:
        sink.failed = True


cdef inline void sink_put(Sink* sink, uint64_t start, uint64_t stop) noexcept nogil:
    """Add a range; one that begins where the last one ended makes that longer."""
    if sink.count and sink.stops[sink.count - 1] == start:
        sink.stops[sink.count - 1] = stop
        return
    if sink.count == sink.room:
        if not sink.failed:
            sink_grow(sink)
        if sink.failed:
            return
    sink.starts[sink.count] = start
    sink.stops[sink.count] = stop
    sink.count += 1


cdef inline tuple sink_take(Sink* sink):
    """The ranges as two arrays of starts and stops; closes the sink.

    Raises MemoryError where ranges were lost.
    """
    import numpy as np

    cdef uint64_t[::1] starts, stops
    try:
        if sink.failed:
            raise MemoryError("no memory for the ranges: use a lower order or fewer shapes at once")
        starts = np.empty(sink.count, dtype=np.uint64)
        stops = np.empty(sink.count, dtype=np.uint64)
        if sink.count:
            memcpy(&starts[0], sink.starts, sink.count * sizeof(uint64_t))
            memcpy(&stops[0], sink.stops, sink.count * sizeof(uint64_t))
    finally:
        sink_close(sink)
    return np.asarray(starts), np.asarray(stops)


cdef inline object sink_boundaries(Sink* sink):
    """The ranges as one array of boundaries, start, stop, start, ...; closes the sink. For ranges that come sorted.

    Raises MemoryError where ranges were lost.
    """
    import numpy as np

    cdef uint64_t[::1] boundaries
    cdef size_t i
    try:
        if sink.failed:
            raise MemoryError("no memory for the ranges: use a lower order")
        boundaries = np.empty(2 * sink.count, dtype=np.uint64)
        with nogil:
            for i in range(sink.count):
                boundaries[2 * i] = sink.starts[i]
                boundaries[2 * i + 1] = sink.stops[i]
    finally:
        sink_close(sink)
    return np.asarray(boundaries)
