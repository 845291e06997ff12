# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Several sets in one list, and the words of all of them at a cell: bit k of a word is 1 if set k has the cell.

The list has the places (cell numbers at order 29) where any of the sets begins or ends, each with the word from there
on. `merge` makes the list of two lists; a tree of merges makes that of all sets.

`WordIndex` answers look-ups in such a list, at random places and from memory that is far larger than the caches. A
look-up therefore reads little more than two lines of memory:

- A *record* holds the word and the place within a *block* (one of 2**top equal parts of the numbers) in one integer of
  32 or 64 bits: ``place << n_bits | word``. Records of a block ascend, so the search compares whole records.
- Each block is divided into *buckets*, about as many as it has records: surveys cover a small part of the sky, and
  equal buckets on the whole sky would have far too many records where there are any. ``base[block]`` is the number of
  its first bucket, ``1 << shift[block]`` is the size of its buckets, and ``entry[bucket]`` is the number of the first
  record at or after the bucket's beginning. The word in force there is that of the record before. Record 0 stands
  before all places, and has no bits.

The tables of blocks are small enough for the second cache.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from hpmask._kernels.checked cimport require
from hpmask._kernels.constants cimport MAX_ORDER
from hpmask._kernels.stopping cimport poll

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define HPMASK_PREFETCH(address) __builtin_prefetch((const void*) (address))
    #else
    #define HPMASK_PREFETCH(address) ((void) 0)
    #endif
    """
    void prefetch "HPMASK_PREFETCH"(const void* address) noexcept nogil

cdef uint64_t NOWHERE = ~<uint64_t> 0

cdef enum:
    BLOCK = 256          # look-ups in one step

ctypedef fused record_t:
    uint32_t
    uint64_t

ctypedef fused word_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


def merge(
    const uint64_t[::1] place_a, const uint64_t[::1] word_a, uint64_t start_a,
    const uint64_t[::1] place_b, const uint64_t[::1] word_b, uint64_t start_b,
    uint64_t[::1] place, uint64_t[::1] word,
):
    """Write the list of two lists with ascending places and other bits; return its length.

    `start_a` and `start_b` are the words before the first place. A place of both lists is written once.
    """
    cdef Py_ssize_t n = place_a.shape[0], m = place_b.shape[0], i = 0, j = 0, k = 0
    cdef uint64_t x, y, from_a, from_b, wa = start_a, wb = start_b
    if word_a.shape[0] != n or word_b.shape[0] != m or place.shape[0] < n + m or word.shape[0] < n + m:
        raise ValueError("each place has a word, and the result needs room for all of them")
    with nogil:
        # Which list is ahead is a coin toss, so there is no branch on it.
        while i < n and j < m:
            x = place_a[i]
            y = place_b[j]
            from_a = -<uint64_t> (x <= y)
            from_b = -<uint64_t> (y <= x)
            wa = (word_a[i] & from_a) | (wa & ~from_a)
            wb = (word_b[j] & from_b) | (wb & ~from_b)
            place[k] = (x & from_a) | (y & ~from_a)
            word[k] = wa | wb
            require(i == 0 or place_a[i - 1] < x)
            require(j == 0 or place_b[j - 1] < y)
            i += <Py_ssize_t> (from_a & 1)
            j += <Py_ssize_t> (from_b & 1)
            k += 1
        while i < n:
            place[k] = place_a[i]
            word[k] = word_a[i] | wb
            i += 1
            k += 1
        while j < m:
            place[k] = place_b[j]
            word[k] = word_b[j] | wa
            j += 1
            k += 1
    return k


cdef class WordIndex:
    """Look-ups of words: see the beginning of the module. `append` gets the list in parts, and `close` ends it.

    Parameters
    ----------
    room : int
        The most places that there can be, fewer than 2**31.
    order : int
        Places begin at cells of this order, and so do the numbers that are looked up.
    n_bits : int
        Bits of a word. A record needs ``n_bits + 4 + 2 * order - top`` bits, up to 64.
    top : int
        There are 2**top blocks, no smaller than a cell.
    """

    cdef readonly object records
    cdef readonly object entries
    cdef object bases
    cdef object shifts
    cdef readonly int n_bits
    cdef readonly int top_shift     # block t begins at the number t << top_shift
    cdef readonly int cell_shift    # a cell has 1 << cell_shift numbers
    cdef bint wide
    cdef bint closed
    cdef Py_ssize_t room
    cdef uint64_t n_blocks          # that hold the sky
    cdef uint64_t next_block
    cdef Py_ssize_t n_records
    cdef Py_ssize_t n_entries

    def __cinit__(self, Py_ssize_t room, int order, int n_bits, int top):
        if not (0 <= order <= MAX_ORDER and 0 <= top <= min(4 + 2 * order, 24) and 1 <= n_bits <= 60):
            raise ValueError("order must be 0 to 29, top 0 to 24 and no more than a cell has, n_bits 1 to 60")
        if not (0 <= room < <Py_ssize_t> 1 << 31 and n_bits + 4 + 2 * order - top <= 64):
            raise ValueError("there must be fewer than 2**31 places, and a record must fit into 64 bits")
        self.n_bits = n_bits
        self.cell_shift = 2 * (MAX_ORDER - order)
        self.top_shift = 4 + 2 * MAX_ORDER - top
        self.wide = n_bits + 4 + 2 * order - top > 32
        self.closed = False
        self.room = room
        self.n_blocks = (((<uint64_t> 12) << (2 * MAX_ORDER)) - 1 >> self.top_shift) + 1
        self.next_block = 0
        self.n_records = 1
        self.n_entries = 0
        self.records = np.empty(room + 1, dtype=np.uint64 if self.wide else np.uint32)
        self.records[0] = 0
        # A block has at most as many buckets as records, and at least one.
        self.entries = np.empty(self.n_blocks + room + 1, dtype=np.uint32)
        self.bases = np.empty(self.n_blocks, dtype=np.uint32)
        self.shifts = np.empty(self.n_blocks, dtype=np.uint8)

    def append(self, const uint64_t[::1] place, const uint64_t[::1] word, uint64_t stop):
        """Add the part of the list up to the beginning of block `stop`; it has all places in the blocks before."""
        cdef Py_ssize_t n = place.shape[0]
        if word.shape[0] != n or not self.next_block <= stop <= self.n_blocks or n > self.room + 1 - self.n_records:
            raise ValueError("each place must have a word, stop ascend, and all places have room")
        if self.closed:
            raise ValueError("the list has ended")
        if n and place[n - 1] == <uint64_t> 12 << (2 * MAX_ORDER):
            # The end of the sky: no cell begins there.
            n -= 1
            place = place[:n]
        if n and (place[0] >> self.top_shift < self.next_block or place[n - 1] >> self.top_shift >= stop):
            raise ValueError("the places must be in the blocks that are added")
        if self.wide:
            add[uint64_t](self, place, word, stop, self.records)
        else:
            add[uint32_t](self, place, word, stop, self.records)

    def close(self):
        """End the list, and free the memory that it did not need."""
        if self.next_block != self.n_blocks or self.closed:
            raise ValueError("the list does not cover the sky, or has ended before")
        self.entries[self.n_entries] = self.n_records
        self.closed = True
        self.records.resize(self.n_records, refcheck=False)
        self.entries.resize(self.n_entries + 1, refcheck=False)

    @property
    def nbytes(self):
        """Memory in bytes."""
        return self.records.nbytes + self.entries.nbytes + self.bases.nbytes + self.shifts.nbytes

    def at(self, const uint64_t[::1] number, word_t[::1] out):
        """Write the word at each number, a multiple of a cell at order 29; 0 at 2**64 - 1."""
        if out.shape[0] != number.shape[0] or self.n_bits > 8 * <int> sizeof(word_t) or not self.closed:
            raise ValueError("number and out must have one length, out have room for all bits, and the list be closed")
        if self.wide:
            look_up[uint64_t, word_t](self, number, self.records, out)
        else:
            look_up[uint32_t, word_t](self, number, self.records, out)


cdef int add(
    WordIndex index, const uint64_t[::1] place, const uint64_t[::1] word, uint64_t stop, record_t[::1] record
) except -1:
    cdef Py_ssize_t n = place.shape[0], i = 0, j
    cdef uint64_t block, number, bucket, n_buckets, inner = ((<uint64_t> 1) << index.top_shift) - 1
    cdef int shift
    cdef uint32_t[::1] entry = index.entries
    cdef uint32_t[::1] base = index.bases
    cdef uint8_t[::1] shifts = index.shifts
    cdef Py_ssize_t n_records = index.n_records, n_entries = index.n_entries
    with nogil:
        for block in range(index.next_block, stop):
            j = i
            while j < n and place[j] >> index.top_shift == block:
                j += 1
            # At least one record for each bucket, and no bucket smaller than a cell.
            shift = index.top_shift
            n_buckets = 1
            while shift > index.cell_shift and 2 * n_buckets <= <uint64_t> (j - i):
                n_buckets *= 2
                shift -= 1
            base[block] = <uint32_t> n_entries
            shifts[block] = <uint8_t> shift
            bucket = 0
            entry[n_entries] = <uint32_t> n_records
            while i < j:
                number = place[i] & inner
                while bucket < number >> shift:
                    bucket += 1
                    entry[n_entries + <Py_ssize_t> bucket] = <uint32_t> n_records
                require(word[i] >> index.n_bits == 0)
                record[n_records] = <record_t> ((number >> index.cell_shift) << index.n_bits | word[i])
                n_records += 1
                i += 1
            while bucket + 1 < n_buckets:
                bucket += 1
                entry[n_entries + <Py_ssize_t> bucket] = <uint32_t> n_records
            n_entries += <Py_ssize_t> n_buckets
    index.next_block = stop
    index.n_records = n_records
    index.n_entries = n_entries
    if i != n:
        raise ValueError("the places must ascend")
    return 0


cdef int look_up(WordIndex index, const uint64_t[::1] number, const record_t[::1] record, word_t[::1] out) except -1:
    cdef Py_ssize_t n = number.shape[0], first
    cdef int k, count, top_shift = index.top_shift, cell_shift = index.cell_shift, n_bits = index.n_bits
    cdef uint64_t value, block, inner = ((<uint64_t> 1) << top_shift) - 1
    cdef record_t key, bits = <record_t> (~<uint64_t> 0 >> (64 - n_bits))
    cdef uint32_t a, m, half
    cdef uint32_t low[BLOCK]
    cdef uint32_t high[BLOCK]
    cdef const uint32_t[::1] entry = index.entries
    cdef const uint32_t[::1] base = index.bases
    cdef const uint8_t[::1] shift = index.shifts
    with nogil:
        for first from 0 <= first < n by BLOCK:
            poll(first // BLOCK, 32)
            count = <int> (n - first) if n - first < BLOCK else BLOCK
            # Each step asks for the memory of the next one before any of it is needed.
            for k in range(count):
                value = number[first + k]
                block = value >> top_shift
                low[k] = 0
                if block < index.n_blocks:
                    low[k] = base[block] + <uint32_t> ((value & inner) >> shift[block])
                prefetch(&entry[low[k]])
            for k in range(count):
                a = low[k]
                low[k] = entry[a]
                high[k] = entry[a + 1]
                require(1 <= low[k] <= high[k])
                prefetch(&record[low[k] - 1])
            for k in range(count):
                value = number[first + k]
                key = <record_t> (((value & inner) >> cell_shift) << n_bits) | bits
                a = low[k]
                m = high[k] - a
                if m:
                    # There is no branch on the comparison, because a processor could not predict it.
                    while m > 1:
                        half = m >> 1
                        a += half & -<uint32_t> (record[a + half - 1] <= key)
                        m -= half
                    a += record[a] <= key
                out[first + k] = 0 if value == NOWHERE else <word_t> (record[a - 1] & bits)
    return 0
