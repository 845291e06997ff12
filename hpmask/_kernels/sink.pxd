# cython: language_level=3
"""Growing lists of range starts and stops, filled without the GIL."""

from cython cimport view
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc


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


cdef inline object owned(uint64_t* block, size_t count):
    """An array over the first numbers of a block from malloc, which it frees when it goes; nothing is copied."""
    import numpy as np

    cdef uint64_t* less
    cdef view.array holder
    if count == 0:
        free(block)
        return np.empty(0, dtype=np.uint64)
    less = <uint64_t*> realloc(block, count * sizeof(uint64_t))
    if less != NULL:
        block = less
    holder = <uint64_t[:count]> block
    holder.callback_free_data = free
    return np.asarray(holder)


cdef inline tuple sink_take(Sink* sink):
    """The ranges as two arrays of starts and stops; closes the sink.

    Raises MemoryError where ranges were lost.
    """
    cdef uint64_t* starts = sink.starts
    cdef uint64_t* stops = sink.stops
    if sink.failed:
        sink_close(sink)
        raise MemoryError("no memory for the ranges: use a lower order or fewer shapes at once")
    sink.starts = NULL
    sink.stops = NULL
    return owned(starts, sink.count), owned(stops, sink.count)


cdef struct Line:
    # Boundaries of ranges that come sorted: start, stop, start, ...
    uint64_t* edge
    size_t count        # of boundaries
    size_t room
    bint failed


cdef inline void line_open(Line* line, size_t ranges) noexcept nogil:
    line.count = 0
    line.room = 2 * ranges + 32
    line.edge = NULL
    line.failed = not enlarge(<void**> &line.edge, line.room * sizeof(uint64_t))


cdef inline void line_put(Line* line, uint64_t start, uint64_t stop) noexcept nogil:
    """Add a range; one that begins where the last one ended makes that longer."""
    cdef size_t room
    if line.count and line.edge[line.count - 1] == start:
        line.edge[line.count - 1] = stop
        return
    if line.count == line.room:
        room = line.room + line.room // 2 // 2 * 2
        if line.failed or not enlarge(<void**> &line.edge, room * sizeof(uint64_t)):
            line.failed = True
            return
        line.room = room
    line.edge[line.count] = start
    line.edge[line.count + 1] = stop
    line.count += 2


cdef inline object line_take(Line* line):
    """The boundaries as an array; closes the line.

    Raises MemoryError where ranges were lost.
    """
    cdef uint64_t* edge = line.edge
    line.edge = NULL
    if line.failed:
        free(edge)
        raise MemoryError("no memory for the ranges: use a lower order")
    return owned(edge, line.count)
