# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Blocks of consecutive cells as bits or bytes, as sparse maps store them, from ranges and back; and Rice codes.

Packed blocks have eight cells in a byte, the first in the lowest bit. `fill_bits` writes them range by range: whole
bytes at once, and the ends of a range bit by bit. `crossings_of_bits` reads them in words of 64 cells. A word differs
from itself, moved on by one cell, in the cells where the bits change; most words of a mask have no such cell.

Rice codes are those of tiles in FITS images (FITS standard 4.0, section 10.4.1). A tile begins with its first value.
Then come blocks of differences of neighbouring values, each with a number at its front that says how the differences
are written: not at all (all are zero), as they are, or as a quotient in unary and a remainder of some bits. The sign is
in the lowest bit of a difference. `Rice` decodes a tile in as many steps as the caller wants, so that no tile has to
fit into memory, and never reads behind the bytes that it was given.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from hpmask._kernels.bits cimport lowest
from hpmask._kernels.buffer cimport Extent, grow
from hpmask._kernels.sink cimport owned

ctypedef fused value_t:
    uint8_t
    uint16_t
    uint32_t


cdef inline bint reaches(
    const uint64_t* ends, uint64_t first, uint64_t size, uint64_t* start, uint64_t* stop
) noexcept nogil:
    """Whether the range from ends[0] to ends[1] reaches into a block, and the part of it there, counted from `first`."""
    if ends[1] <= first or ends[0] >= first + size:
        return False
    start[0] = ends[0] - first if ends[0] > first else 0
    stop[0] = ends[1] - first
    if stop[0] > size:
        stop[0] = size
    return True


def fill_bits(const uint64_t[::1] boundaries, uint64_t first, uint8_t[::1] out):
    """Set the bits of the cells in some ranges. `first` is the cell of the lowest bit of the first byte.

    `boundaries` are starts and stops of cells, ascending; what lies outside the block is left out.
    """
    cdef Py_ssize_t count = boundaries.shape[0] // 2, i
    cdef uint64_t size = 8 * <uint64_t> out.shape[0], start, stop, byte, last
    with nogil:
        for i in range(count):
            if not reaches(&boundaries[2 * i], first, size, &start, &stop):
                continue
            if start >= stop:
                continue
            byte = start >> 3
            last = (stop - 1) >> 3
            if byte == last:
                out[byte] |= <uint8_t> ((0xFF << (start & 7)) & (0xFF >> (7 - ((stop - 1) & 7))))
                continue
            out[byte] |= <uint8_t> (0xFF << (start & 7))
            if last > byte + 1:
                memset(&out[byte + 1], 0xFF, last - byte - 1)
            out[last] |= <uint8_t> (0xFF >> (7 - ((stop - 1) & 7)))


def fill_values(const uint64_t[::1] boundaries, uint64_t first, uint8_t value, uint8_t[:] out):
    """Set the bits of `value` in the bytes of the cells in some ranges; `out` has a byte for each cell from `first`."""
    cdef Py_ssize_t count = boundaries.shape[0] // 2, i
    cdef uint64_t size = <uint64_t> out.shape[0], start, stop, k
    with nogil:
        for i in range(count):
            if not reaches(&boundaries[2 * i], first, size, &start, &stop):
                continue
            for k in range(start, stop):
                out[k] |= value


def crossings_of_bits(const uint8_t[::1] bits, uint64_t first):
    """The cells at which bits change. Before the first bit, which is that of the cell `first`, there is a 0."""
    cdef Py_ssize_t n = bits.shape[0], i, size
    cdef int k
    cdef uint64_t word, changes, before = 0
    cdef uint64_t* place = NULL
    cdef Extent extent
    extent.count = extent.room = 0
    extent.failed = False
    try:
        with nogil:
            i = 0
            while i < n:
                size = 8 if n - i >= 8 else n - i
                word = 0
                for k in range(<int> size):
                    word |= <uint64_t> bits[i + k] << (8 * k)
                changes = word ^ ((word << 1) | before)
                before = word >> 63
                if size < 8:
                    # Behind the last cell the bits are not those of cells.
                    changes &= ((<uint64_t> 1) << (8 * size)) - 1
                while changes:
                    if extent.count == extent.room and not grow(
                        &extent, 1, &place, sizeof(uint64_t), NULL, 0, NULL, 0
                    ):
                        break
                    place[extent.count] = first + 8 * <uint64_t> i + <uint64_t> lowest(changes)
                    extent.count += 1
                    changes &= changes - 1
                if extent.failed:
                    break
                i += size
        if extent.failed:
            raise MemoryError("no memory for the ranges of a map")
        return owned(&place, extent.count)
    finally:
        free(place)


cdef class Rice:
    """The values of a Rice-coded tile, in the order of the tile.

    Parameters
    ----------
    data : bytes-like of uint8
        The codes.
    size : int
        Bytes of a value: 1, 2 or 4.
    block : int
        Number of values in a block.
    """

    cdef const uint8_t[::1] data
    cdef Py_ssize_t at        # the next byte
    cdef uint64_t some        # bits that were read and not used, from the highest
    cdef int have             # their number
    cdef int size, code_bits, most, block
    cdef int left             # values of the block that are still to come
    cdef int split            # bits of the remainder; -1: all differences are zero; `most`: differences as they are
    cdef uint32_t last
    cdef bint begun, failed

    def __init__(self, const uint8_t[::1] data, int size, int block):
        if size not in (1, 2, 4) or block < 1:
            raise ValueError("size must be 1, 2 or 4, and block positive")
        self.data = data
        self.size = size
        self.block = block
        self.code_bits = 3 if size == 1 else 4 if size == 2 else 5
        self.most = 6 if size == 1 else 14 if size == 2 else 25
        self.at = 0
        self.some = 0
        self.have = self.left = self.split = 0
        self.last = 0
        self.begun = self.failed = False

    cdef inline void _refill(self) noexcept nogil:
        while self.have <= 56 and self.at < self.data.shape[0]:
            self.some |= <uint64_t> self.data[self.at] << (56 - self.have)
            self.have += 8
            self.at += 1

    cdef inline uint32_t _take(self, int bits) noexcept nogil:
        """The next bits as a number, at most 32 of them."""
        cdef uint32_t number
        if bits == 0:
            return 0
        if self.have < bits:
            self._refill()
        if self.have < bits:
            self.failed = True
            return 0
        number = <uint32_t> (self.some >> (64 - bits))
        self.some <<= bits
        self.have -= bits
        return number

    cdef inline uint32_t _zeros(self) noexcept nogil:
        """The number of zeros before the next one, which is taken as well."""
        cdef uint32_t count = 0
        while True:
            if self.have == 0:
                self._refill()
            if self.have == 0:
                self.failed = True
                return 0
            if self.some == 0:
                count += <uint32_t> self.have
                self.have = 0
                continue
            while not self.some >> 63:
                self.some <<= 1
                self.have -= 1
                count += 1
            self.some <<= 1
            self.have -= 1
            return count

    def decode(self, value_t[::1] out):
        """Write the next values, as many as `out` has, in two's complement.

        Raises a ValueError if the codes end before.
        """
        cdef Py_ssize_t n = out.shape[0], i = 0, k, size
        cdef uint32_t code
        if sizeof(value_t) != self.size:
            raise ValueError(f"out must have values of {self.size} bytes")
        with nogil:
            if not self.begun:
                self.begun = True
                self.last = self._take(8 * self.size)
            while i < n and not self.failed:
                if self.left == 0:
                    self.left = self.block
                    self.split = <int> self._take(self.code_bits) - 1
                    if self.split > self.most:
                        self.failed = True
                        break
                size = self.left if self.left < n - i else n - i
                if self.split < 0:
                    for k in range(size):
                        out[i + k] = <value_t> self.last
                else:
                    for k in range(size):
                        if self.split == self.most:
                            code = self._take(8 * self.size)
                        else:
                            code = self._zeros() << self.split
                            code |= self._take(self.split)
                        if self.failed:
                            break
                        self.last += ~(code >> 1) if code & 1 else code >> 1
                        out[i + k] = <value_t> self.last
                self.left -= <int> size
                i += size
        if self.failed:
            raise ValueError("Rice codes end too early, or are not valid")
