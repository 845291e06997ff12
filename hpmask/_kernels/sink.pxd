# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Growing lists of range starts and stops, filled without the GIL (see buffer.pxd)."""

from cython cimport view
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc

from hpmask._kernels.buffer cimport SIZE_MAX, Extent, grow
from hpmask._kernels.checked cimport require
from hpmask._kernels.stopping cimport failure, stopped


cdef struct Sink:
    uint64_t* starts
    uint64_t* stops
    Extent extent       # once it has failed, what comes is lost, and the caller raises
    size_t closed       # ranges before this one do not become longer
    uint64_t steps      # of the loops that fill it


cdef inline bint sink_grow(Sink* sink, size_t more) noexcept nogil:
    return grow(&sink.extent, more, &sink.starts, sizeof(uint64_t), &sink.stops, sizeof(uint64_t), NULL, 0)


cdef inline void sink_open(Sink* sink, size_t ranges) noexcept nogil:
    """Begin with room for about as many ranges as will come; more may."""
    sink.starts = NULL
    sink.stops = NULL
    sink.extent.count = sink.extent.room = 0
    sink.extent.failed = False
    sink.closed = 0
    sink.steps = 0
    sink_grow(sink, ranges)


cdef inline void sink_close(Sink* sink) noexcept nogil:
    free(sink.starts)
    free(sink.stops)
    sink.starts = NULL
    sink.stops = NULL


cdef inline void sink_put(Sink* sink, uint64_t start, uint64_t stop) noexcept nogil:
    """Add a range; one that begins where the last one ended makes that longer."""
    cdef size_t count = sink.extent.count
    require(start < stop)
    require(sink.extent.failed or sink.closed <= count)
    if count > sink.closed and sink.stops[count - 1] == start:
        sink.stops[count - 1] = stop
        return
    if count == sink.extent.room and not sink_grow(sink, 1):
        return
    require(count < sink.extent.room)
    sink.starts[count] = start
    sink.stops[count] = stop
    sink.extent.count = count + 1


cdef inline bint sink_ends(Sink* sink) noexcept nogil:
    """Whether the loop that fills the sink must end, at each of its larger steps: no memory, or a signal."""
    sink.steps += 1
    if stopped(sink.steps, 1024):
        sink.extent.failed = True
    return sink.extent.failed


cdef inline void sink_mark(Sink* sink, int64_t* end) noexcept nogil:
    """Write how many ranges there are at the end of a shape, so that those of the next one stay apart from them."""
    sink.closed = sink.extent.count
    end[0] = <int64_t> sink.extent.count


cdef inline int64_t* ends_of(int64_t[::1] ends, Py_ssize_t n) except? NULL:
    """Where `sink_mark` writes, one number for each of n shapes; NULL for None, or if there are no shapes."""
    if ends is None:
        return NULL
    if ends.shape[0] != n:
        raise ValueError("ends must have a number for each shape")
    return &ends[0] if n else NULL


cdef inline object owned(uint64_t** block, size_t count):
    """An array over the first numbers of a block from malloc, which it frees when it goes; nothing is copied.

    The block is taken from the caller: its pointer becomes NULL.
    """
    import numpy as np

    cdef uint64_t* less
    cdef view.array holder
    if count == 0:
        return np.empty(0, dtype=np.uint64)
    less = <uint64_t*> realloc(block[0], count * sizeof(uint64_t))
    if less != NULL:
        block[0] = less
    holder = <uint64_t[:count]> block[0]
    holder.callback_free_data = free
    block[0] = NULL
    # Not `asarray`: without the memory for a view, that makes an array of Python's integers instead of raising.
    return np.ndarray((count,), np.uint64, holder)


cdef inline tuple sink_take(Sink* sink):
    """The ranges as two arrays of starts and stops; closes the sink.

    Raises MemoryError where ranges were lost, or the error of a signal that ended the loop. To be unpacked into names:
    Cython 3.3 makes code of `*sink_take(sink), more` that gives back the last item twice if there is no memory for it in
    the list.
    """
    try:
        if sink.extent.failed:
            raise failure("no memory for the ranges: use a lower order or fewer shapes at once")
        return owned(&sink.starts, sink.extent.count), owned(&sink.stops, sink.extent.count)
    finally:
        sink_close(sink)


cdef struct Line:
    # Boundaries of ranges that come sorted: start, stop, start, ...
    uint64_t* edge
    Extent extent       # of boundaries


cdef inline bint line_grow(Line* line, size_t ranges) noexcept nogil:
    cdef size_t more = 2 * ranges if ranges <= SIZE_MAX // 2 else SIZE_MAX
    return grow(&line.extent, more, &line.edge, sizeof(uint64_t), NULL, 0, NULL, 0)


cdef inline void line_open(Line* line, size_t ranges) noexcept nogil:
    """Begin with room for about as many ranges as will come; more may."""
    line.edge = NULL
    line.extent.count = line.extent.room = 0
    line.extent.failed = False
    line_grow(line, ranges)


cdef inline void line_put(Line* line, uint64_t start, uint64_t stop) noexcept nogil:
    """Add a range; one that begins where the last one ended makes that longer."""
    cdef size_t count = line.extent.count
    require(start < stop)
    require(count == 0 or line.edge[count - 1] <= start)
    if count and line.edge[count - 1] == start:
        line.edge[count - 1] = stop
        return
    # The room may be odd.
    if count + 2 > line.extent.room and not line_grow(line, 1):
        return
    require(count + 2 <= line.extent.room)
    line.edge[count] = start
    line.edge[count + 1] = stop
    line.extent.count = count + 2


cdef inline object line_take(Line* line):
    """The boundaries as an array; closes the line.

    Raises MemoryError where ranges were lost, or the error of a signal that ended the loop.
    """
    try:
        if line.extent.failed:
            raise failure("no memory for the ranges: use a lower order")
        return owned(&line.edge, line.extent.count)
    finally:
        free(line.edge)
        line.edge = NULL
