# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Memory that grows without the GIL: the one way in which kernels get room for more items.

Arrays of one length lie side by side, with one `Extent` for all of them. An item is written behind the last one:

    if extent.count == extent.room and not grow(&extent, 1, &array, sizeof(Item), NULL, 0, NULL, 0):
        return
    array[extent.count] = item
    extent.count += 1

If there is no memory, `grow` sets `count` and `room` to 0 and refuses from then on. Each later item therefore asks
again and is refused, and nothing is written to memory that is not there. The loop may go on; the caller looks at
`failed` after it, frees the arrays and raises MemoryError.
"""

from libc.stdlib cimport malloc, realloc
from libc.string cimport memcpy

from hpmask._kernels.checked cimport require


cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__linux__)
    #include <sys/mman.h>
    /* Ask for huge pages, as NumPy does for its arrays: else large blocks cost a page fault for each 4 kB. All pages of
       the block, with what malloc has around it: if some differ from the others, realloc cannot move the pages and has
       to copy what is in them. */
    static inline void hpmask_huge_pages(void* block, size_t size) {
    #ifdef MADV_HUGEPAGE
        uintptr_t begin = (uintptr_t) block & ~(uintptr_t) 4095;
        if (block != NULL && size >= ((size_t) 1 << 22))
            madvise((void*) begin, size + 32 + ((uintptr_t) block - begin), MADV_HUGEPAGE);
    #endif
    }
    #else
    static inline void hpmask_huge_pages(void* block, size_t size) { (void) block; (void) size; }
    #endif
    """
    void huge_pages "hpmask_huge_pages"(void* block, size_t size) noexcept nogil
    const size_t SIZE_MAX


cdef struct Extent:
    size_t count        # items that are there
    size_t room         # items that there is memory for
    bint failed         # out of memory: `count` and `room` are 0 and stay so, and the items are lost


cdef inline void* allocate(size_t count, size_t item) noexcept nogil:
    """Memory for at least one item, of `count` of them; NULL if there is none, or the product overflows."""
    if count == 0:
        count = 1
    return malloc(count * item) if count <= SIZE_MAX // item else NULL


cdef inline bint enlarge(void* array, size_t count, size_t item) noexcept nogil:
    """More memory for an array; False, and the array as it was, if there is none.

    `array` is the address of the array's pointer. That is a pointer to the caller's type, which C lets nobody write to
    as a `void*`: hence the copies.
    """
    cdef void* block
    if count > SIZE_MAX // item:
        return False
    memcpy(&block, array, sizeof(block))
    block = realloc(block, count * item)
    if block == NULL:
        return False
    huge_pages(block, count * item)
    memcpy(array, &block, sizeof(block))
    return True


cdef inline bint grow(
    Extent* extent, size_t more, void* a, size_t item_a, void* b, size_t item_b, void* c, size_t item_c,
) noexcept nogil:
    """Room for `more` items behind those that are there, in up to three arrays; False if there is no memory.

    `a`, `b` and `c` are addresses of the arrays' pointers, NULL for no array.
    """
    cdef size_t need = extent.count + more, room = extent.room + extent.room // 2
    if extent.failed:
        return False
    require(extent.count <= extent.room)
    # A sum that overflows is less than what is added.
    if more <= need <= extent.room:
        return True
    if room < need:
        room = need
    if room < 16:
        room = 16
    if (
        need >= more
        and (a == NULL or enlarge(a, room, item_a))
        and (b == NULL or enlarge(b, room, item_b))
        and (c == NULL or enlarge(c, room, item_c))
    ):
        require(need <= room)
        extent.room = room
        return True
    extent.count = extent.room = 0
    extent.failed = True
    return False
