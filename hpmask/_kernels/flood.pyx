# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Hysteresis on an image: the connected regions of an image that hold a seed.

The fill goes by runs. A run is a row's stretch of pixels that are in, bounded by pixels that are not. It is written to
the result as a whole, so that a pixel in the result means that its run is done. The runs that touch a run in the rows
above and below it are put on a stack by their first pixel that is seen. Each run is filled once, and looked at once
from each run that touches it: the work grows with the number of pixels, whatever the regions look like.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.checked cimport require
from hpmask._kernels.stopping cimport failure, stopped


cdef struct Stack:
    int64_t* place      # row * nx + column of a pixel
    Extent extent


cdef inline void push(Stack* stack, int64_t place) noexcept nogil:
    if stack.extent.count == stack.extent.room and not grow(
        &stack.extent, 1, &stack.place, sizeof(int64_t), NULL, 0, NULL, 0
    ):
        return
    stack.place[stack.extent.count] = place
    stack.extent.count += 1


cdef void push_runs(
    const uint8_t* inside, const uint8_t* done, Py_ssize_t first, Py_ssize_t last, int64_t begin, Stack* stack
) noexcept nogil:
    """Put the runs of a row, which begins at place `begin`, on the stack if they have columns from first to last."""
    cdef Py_ssize_t k = first
    require(0 <= first <= last)
    while k <= last:
        if inside[k]:
            if not done[k]:
                push(stack, begin + k)
            while k <= last and inside[k]:
                k += 1
        else:
            k += 1


cdef void fill(
    const uint8_t[:, ::1] inside, bint corners, uint8_t[:, ::1] out, Py_ssize_t row, Py_ssize_t column, Stack* stack
) noexcept nogil:
    """Fill the run of a pixel, unless it is done, and put the runs that touch it on the stack."""
    cdef Py_ssize_t ny = inside.shape[0], nx = inside.shape[1], left = column, right = column
    require(inside[row, column] != 0)
    if out[row, column]:
        return
    while left > 0 and inside[row, left - 1]:
        left -= 1
    while right < nx - 1 and inside[row, right + 1]:
        right += 1
    memset(&out[row, left], 1, right - left + 1)
    if corners and left > 0:
        left -= 1
    if corners and right < nx - 1:
        right += 1
    if row > 0:
        push_runs(&inside[row - 1, 0], &out[row - 1, 0], left, right, <int64_t> (row - 1) * nx, stack)
    if row < ny - 1:
        push_runs(&inside[row + 1, 0], &out[row + 1, 0], left, right, <int64_t> (row + 1) * nx, stack)


def flood(const uint8_t[:, ::1] inside, const uint8_t[:, ::1] seed, bint corners, uint8_t[:, ::1] out):
    """Write 1 to the pixels of the regions of `inside` that have a seed, and 0 to all others.

    A region consists of pixels that share an edge or, with `corners`, a corner. Seeds that are not inside do not count.
    """
    cdef Py_ssize_t ny = inside.shape[0], nx = inside.shape[1], row, column
    cdef int64_t place
    cdef uint64_t turn = 0
    cdef Stack stack
    if seed.shape[0] != ny or seed.shape[1] != nx or out.shape[0] != ny or out.shape[1] != nx:
        raise ValueError("inside, seed and out must have one shape")
    if ny == 0 or nx == 0:
        return
    memset(&stack, 0, sizeof(stack))
    with nogil:
        memset(&out[0, 0], 0, <size_t> ny * <size_t> nx)
        for row in range(ny):
            if stack.extent.failed:
                break
            for column in range(nx):
                if not seed[row, column] or not inside[row, column] or out[row, column]:
                    continue
                push(&stack, <int64_t> row * nx + column)
                while stack.extent.count:
                    turn += 1
                    if stopped(turn, 512):
                        stack.extent.count = 0
                        stack.extent.failed = True
                        break
                    stack.extent.count -= 1
                    place = stack.place[stack.extent.count]
                    fill(inside, corners, out, place // nx, place % nx, &stack)
    free(stack.place)
    if stack.extent.failed:
        raise failure("no memory for the regions of the image")
