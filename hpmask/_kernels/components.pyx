# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Connected components of a set, on the graph of neighbouring cells (tiles.pxd says what blocks and tiles are).

The cells of a tile form parts that are connected within the tile; a block is one part. Parts that touch are joined in
a forest of parents, whose roots are the first parts of their components (union-find with path halving). Each node looks
at the eight places of its own size around it. It finds a neighbour that is as large or larger; a smaller neighbour
finds it. The work is therefore a few look-ups for each node, whatever the number of components.

At the edges of a base cell, where x and y may be exchanged, the cells of tiles go one by one through `neighbour`.
"""

from libc.math cimport asin, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free

from hpmask._kernels.buffer cimport SIZE_MAX, Extent, allocate, grow
from hpmask._kernels.checked cimport require, require_ranges
from hpmask._kernels.constants cimport CELL_RADIUS, MAX_ORDER
from hpmask._kernels.geometry cimport cell_xy, neighbour, place_vector
from hpmask._kernels.stopping cimport failure, poll, stopped
from hpmask._kernels.tiles cimport (
    Tiles,
    TileSet,
    around,
    beside,
    carried,
    end_of,
    find,
    inner,
    lowest,
    x_high,
    x_low,
    y_high,
    y_low,
)


cdef struct Forest:
    uint32_t* first     # number of the first part of each node, and one more
    uint64_t* word      # the cells of each part
    uint32_t* parent    # of each part: an earlier part, or itself for a root
    Extent extent       # of the parts: fewer than 2**32


cdef bint forest_grow(Forest* forest, size_t more) noexcept nogil:
    # Parts that exceed the range of their numbers are treated as a lack of memory.
    if forest.extent.count + more > <size_t> 0xFFFFFFFF:
        more = SIZE_MAX
    return grow(
        &forest.extent, more, &forest.word, sizeof(uint64_t), &forest.parent, sizeof(uint32_t), NULL, 0
    )


cdef inline void put_part(Forest* forest, uint64_t word) noexcept nogil:
    cdef size_t count = forest.extent.count
    require(word != 0)
    if count == forest.extent.room and not forest_grow(forest, 1):
        return
    forest.word[count] = word
    forest.parent[count] = <uint32_t> count
    forest.extent.count = count + 1


cdef inline uint32_t root(Forest* forest, uint32_t part) noexcept nogil:
    require(part < forest.extent.count)
    require(forest.parent[part] <= part)
    while forest.parent[part] != part:
        forest.parent[part] = forest.parent[forest.parent[part]]
        part = forest.parent[part]
    return part


cdef inline void join(Forest* forest, uint32_t a, uint32_t b) noexcept nogil:
    a = root(forest, a)
    b = root(forest, b)
    if a < b:
        forest.parent[b] = a
    else:
        forest.parent[a] = b


cdef void split(Forest* forest, uint64_t word, bint corners) noexcept nogil:
    """Add the parts of a tile."""
    cdef uint64_t part, more
    while word:
        part = 0
        more = word & (~word + 1)
        while more != part:
            part = more
            more = around(part, corners) & word
        put_part(forest, part)
        word &= ~part


cdef inline uint32_t part_at(const Forest* forest, Py_ssize_t node, int bit) noexcept nogil:
    """The part of a node that holds a cell, which is in the node."""
    cdef uint32_t part = forest.first[node]
    while part + 1 < forest.first[node + 1] and not (forest.word[part] >> bit) & 1:
        part += 1
    require((forest.word[part] >> bit) & 1)
    return part


cdef void join_singly(Forest* forest, const Tiles* tiles, Py_ssize_t i, bint corners) noexcept nogil:
    """Join a tile with the cells that its cells touch, cell by cell."""
    cdef int width = 2 * tiles.bits, face, dx, dy, bit
    cdef uint64_t tile, word, low = ((<uint64_t> 1) << width) - 1
    cdef int64_t x, y, other
    cdef uint32_t part
    cdef Py_ssize_t k
    for part in range(forest.first[i], forest.first[i + 1]):
        word = forest.word[part]
        if width == 6:
            word &= x_low() | x_high() | y_low() | y_high()
        while word:
            cell_xy((tiles.start[i] << width) | lowest(word), tiles.order, &face, &x, &y)
            word &= word - 1
            for dx in range(-1, 2):
                for dy in range(-1, 2):
                    if (dx == 0 and dy == 0) or (dx and dy and not corners):
                        continue
                    other = neighbour(face, x, y, dx, dy, tiles.order)
                    if other < 0:
                        continue
                    tile = <uint64_t> other >> width
                    if tile == tiles.start[i]:
                        continue
                    k = find(tiles, tile)
                    bit = <int> (<uint64_t> other & low)
                    if k >= 0 and (tiles.word[k] >> bit) & 1:
                        join(forest, part, part_at(forest, k, bit))


cdef void join_tile(Forest* forest, const Tiles* tiles, Py_ssize_t i, bint corners) noexcept nogil:
    """Join the parts of a tile with those of the nodes around it."""
    cdef int face, dx, dy
    cdef int64_t x, y
    cdef uint64_t touched
    cdef uint32_t part, other
    cdef Py_ssize_t k
    if not inner(tiles, tiles.start[i], &face, &x, &y):
        join_singly(forest, tiles, i, corners)
        return
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            if (dx == 0 and dy == 0) or not carried(tiles.word[i], dx, dy, corners):
                continue
            k = find(tiles, beside(tiles.start[i], dx, dy))
            # A later tile finds this one.
            if k < 0 or (k > i and tiles.level[k] == 0):
                continue
            for part in range(forest.first[i], forest.first[i + 1]):
                touched = carried(forest.word[part], dx, dy, corners)
                for other in range(forest.first[k], forest.first[k + 1]):
                    if touched & forest.word[other]:
                        join(forest, part, other)


cdef void join_block(Forest* forest, const Tiles* tiles, Py_ssize_t i, bint corners) noexcept nogil:
    """Join a block with those round it that are as large or larger."""
    cdef int face, dx, dy, level = tiles.level[i], order = tiles.order - tiles.bits - level
    cdef int64_t x, y, other
    cdef Py_ssize_t k
    cell_xy(tiles.start[i] >> (2 * level), order, &face, &x, &y)
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            if (dx == 0 and dy == 0) or (dx and dy and not corners):
                continue
            other = neighbour(face, x, y, dx, dy, order)
            if other < 0:
                continue
            k = find(tiles, <uint64_t> other << (2 * level))
            if k >= 0 and tiles.level[k] >= level:
                join(forest, forest.first[i], forest.first[k])


cdef class Labelling:
    """The components of a set that has at least one node.

    After `__init__`, `n_components` is their number. They are numbered by their first cell.
    """

    cdef Tiles tiles
    cdef Forest forest
    cdef TileSet tile_set   # keeps the memory of `tiles`
    cdef readonly Py_ssize_t n_components

    def __cinit__(self, TileSet tile_set not None, bint corners):
        cdef Py_ssize_t i
        cdef uint32_t part
        cdef Forest* forest = &self.forest
        cdef Tiles* tiles = &self.tiles
        if tile_set.view.count == 0:
            raise ValueError("the set must not be empty")
        self.tile_set = tile_set
        tiles[0] = tile_set.view
        # The memory of a new object is zero.
        forest.first = <uint32_t*> allocate(<size_t> tiles.count + 1, sizeof(uint32_t))
        if forest.first != NULL and forest_grow(forest, tiles.count):
            with nogil:
                for i in range(tiles.count):
                    if stopped(i, 4096):
                        forest.extent.failed = True
                        break
                    forest.first[i] = <uint32_t> forest.extent.count
                    if tiles.word[i] == tiles.full:
                        put_part(forest, tiles.full)
                    else:
                        split(forest, tiles.word[i], corners)
                forest.first[tiles.count] = <uint32_t> forest.extent.count
                if not forest.extent.failed:
                    for i in range(tiles.count):
                        if stopped(i, 1024):
                            forest.extent.failed = True
                            break
                        if tiles.level[i]:
                            join_block(forest, tiles, i, corners)
                        else:
                            join_tile(forest, tiles, i, corners)
                    self.n_components = 0
                    for part in range(0 if forest.extent.failed else <uint32_t> forest.extent.count):
                        self.n_components += forest.parent[part] == part
        if forest.first == NULL or forest.extent.failed:
            raise failure("no memory for the components")

    def __dealloc__(self):
        free(self.forest.first)
        free(self.forest.word)
        free(self.forest.parent)

    cdef Py_ssize_t walk(
        self, const uint32_t* label, uint64_t* start, uint64_t* stop, uint32_t* number
    ) except -1 nogil:
        """Write the pieces, if there is where to, and count them; `label` is that of each part."""
        cdef const Tiles* tiles = &self.tiles
        cdef const Forest* forest = &self.forest
        cdef int width = 2 * tiles.bits, shift = 2 * (MAX_ORDER - tiles.order), bit, end
        cdef uint64_t word, here, a, b, before = 0
        cdef uint32_t part, last = 0
        cdef Py_ssize_t i, n = 0
        for i in range(tiles.count):
            poll(i, 4096)
            word = tiles.word[i]
            while word:
                if word == tiles.full:
                    part = forest.first[i]
                    a = tiles.start[i] << width << shift
                    b = end_of(tiles, i) << width << shift
                    word = 0
                else:
                    bit = lowest(word)
                    part = part_at(forest, i, bit)
                    # The part's run of cells from here: up to the first that is not in it, or to the tile's end.
                    here = ~forest.word[part] & (~<uint64_t> 0 << bit)
                    end = lowest(here) if here else 64
                    a = ((tiles.start[i] << width) + bit) << shift
                    b = ((tiles.start[i] << width) + end) << shift
                    word = word & (~<uint64_t> 0 << end) if end < 64 else 0
                if n and a == before and label[part] == last:
                    if start != NULL:
                        stop[n - 1] = b
                else:
                    if start != NULL:
                        start[n] = a
                        stop[n] = b
                        number[n] = label[part]
                    n += 1
                before = b
                last = label[part]
        return n

    def pieces(self):
        """The ranges of the set, divided where the component changes.

        Returns starts, stops (order 29, ascending), the number of the component of each, and how many cells (of the
        set's order) each component has.
        """
        import numpy as np

        cdef Py_ssize_t n, i
        cdef uint32_t part, next = 0
        cdef int shift = 2 * (MAX_ORDER - self.tiles.order)
        labels = np.empty(self.forest.extent.count, np.uint32)
        cdef uint32_t[::1] label = labels
        with nogil:
            for part in range(<uint32_t> self.forest.extent.count):
                poll(part, 8192)
                if self.forest.parent[part] == part:
                    label[part] = next
                    next += 1
                else:
                    label[part] = label[root(&self.forest, part)]
            n = self.walk(&label[0], NULL, NULL, NULL)
        starts, stops, numbers = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint32)
        sizes = np.zeros(self.n_components, np.uint64)
        cdef uint64_t[::1] start = starts, stop = stops, size = sizes
        cdef uint32_t[::1] number = numbers
        with nogil:
            self.walk(&label[0], &start[0], &stop[0], &number[0])
            for i in range(n):
                size[number[i]] += (stop[i] - start[i]) >> shift
        return starts, stops, numbers, sizes

    def holding(self, const uint64_t[::1] seeds):
        """The boundaries (order 29) of the components that share a cell with another set.

        `seeds` are the boundaries of that set. Nodes and seeds are both ascending, so that one walk along both of them
        finds the parts that hold a seed. Their roots are marked, and the pieces of marked parts are the result.
        """
        import numpy as np

        cdef const Tiles* tiles = &self.tiles
        cdef Forest* forest = &self.forest
        cdef int width = 2 * tiles.bits, shift = 2 * (MAX_ORDER - tiles.order)
        cdef uint64_t begin, end, low, high, cells
        cdef Py_ssize_t i, j = 0, n = seeds.shape[0] // 2
        cdef uint32_t part
        if seeds.shape[0] & 1:
            raise ValueError("seeds must be pairs of starts and stops")
        require_ranges(seeds, (<uint64_t> 12) << (2 * MAX_ORDER))
        labels = np.zeros(forest.extent.count, np.uint32)
        cdef uint32_t[::1] label = labels
        with nogil:
            for i in range(tiles.count):
                begin = tiles.start[i] << width << shift
                end = end_of(tiles, i) << width << shift
                while j < n and seeds[2 * j + 1] <= begin:
                    j += 1
                while j < n and seeds[2 * j] < end:
                    if tiles.word[i] == tiles.full:
                        label[root(forest, forest.first[i])] = 1
                    else:
                        # The cells of the tile that the seeds touch, as bits.
                        low = (seeds[2 * j] - begin) >> shift if seeds[2 * j] > begin else 0
                        high = ((seeds[2 * j + 1] if seeds[2 * j + 1] < end else end) - 1 - begin) >> shift
                        cells = (~<uint64_t> 0 << low) & (~<uint64_t> 0 >> (63 - high))
                        for part in range(forest.first[i], forest.first[i + 1]):
                            if forest.word[part] & cells:
                                label[root(forest, part)] = 1
                    if seeds[2 * j + 1] > end:
                        break
                    j += 1
            for part in range(<uint32_t> forest.extent.count):
                label[part] = label[root(forest, part)]
            n = self.walk(&label[0], NULL, NULL, NULL)
        starts, stops, numbers = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint32)
        cdef uint64_t[::1] start = starts, stop = stops
        cdef uint32_t[::1] number = numbers
        with nogil:
            self.walk(&label[0], &start[0], &stop[0], &number[0])
        marked = numbers == 1
        boundaries = np.empty(2 * np.count_nonzero(marked), np.uint64)
        boundaries[0::2], boundaries[1::2] = starts[marked], stops[marked]
        return boundaries


def group(
    const uint64_t[::1] start, const uint64_t[::1] stop, const uint32_t[::1] number, const uint32_t[::1] rank,
    int64_t[::1] offset, uint64_t[::1] boundaries,
):
    """Sort pieces by the rank of their component, and keep their order within each.

    Component of rank r gets boundaries[2 * offset[r] : 2 * offset[r + 1]].
    """
    cdef Py_ssize_t n = start.shape[0], m = rank.shape[0], i
    cdef int64_t k
    cdef bint bad = False
    if stop.shape[0] != n or number.shape[0] != n or boundaries.shape[0] != 2 * n or offset.shape[0] != m + 1:
        raise ValueError("start, stop and number must have one length, boundaries twice that, offset rank's and one")
    offset[:] = 0
    with nogil:
        for i in range(n):
            bad = number[i] >= m or rank[number[i]] >= m
            if bad:
                break
            if rank[number[i]] + 1 < m:
                offset[rank[number[i]] + 2] += 1
    if bad:
        raise ValueError("number and rank must be numbers of components")
    with nogil:
        for i in range(2, m + 1):
            offset[i] += offset[i - 1]
        # offset[r + 1] goes from where component r begins to where it ends.
        for i in range(n):
            k = offset[rank[number[i]] + 1]
            require(0 <= k < n)
            offset[rank[number[i]] + 1] = k + 1
            boundaries[2 * k] = start[i]
            boundaries[2 * k + 1] = stop[i]


cdef inline int largest(uint64_t start, uint64_t length, int low, int high) noexcept nogil:
    """log2 of the largest cell, from 2**low to 2**high numbers, that begins at `start` and fits into `length`."""
    require(start % ((<uint64_t> 1) << low) == 0)
    require(length >= (<uint64_t> 1) << low)
    while low < high and (start & (((<uint64_t> 4) << low) - 1)) == 0 and ((<uint64_t> 4) << low) <= length:
        low += 2
    return low


cdef inline void centre_of(uint64_t number, int shift, double* p) noexcept nogil:
    """Unit vector of the centre of the cell of 2**shift numbers that begins at a number of order 29."""
    cdef int face, order = MAX_ORDER - (shift >> 1)
    cdef int64_t x, y
    cell_xy(number >> shift, order, &face, &x, &y)
    place_vector(face, <double> (x + y + 1), <double> (x - y), <double> ((<int64_t> 1) << order), p)


cdef inline bint fits(const int64_t[::1] offset, const uint64_t[::1] boundaries) noexcept:
    """Whether the boundaries have all ranges that ascending offsets refer to."""
    return offset.shape[0] > 0 and offset[0] >= 0 and offset[offset.shape[0] - 1] <= boundaries.shape[0] // 2


def vector_sums(
    const uint64_t[::1] boundaries, const int64_t[::1] offset, int order, int coarsest, double[:, ::1] out
):
    """Sum of the centres of each component's multi-order cells, none coarser than `coarsest`, weighted by cells."""
    cdef Py_ssize_t n = out.shape[0], i
    cdef int64_t k
    cdef int low = 2 * (MAX_ORDER - order), high = 2 * (MAX_ORDER - coarsest), shift
    cdef uint64_t a, b
    cdef double p[3]
    cdef double weight
    if (
        offset.shape[0] != n + 1 or out.shape[1] != 3 or not fits(offset, boundaries)
        or not 0 <= coarsest <= order <= MAX_ORDER
    ):
        raise ValueError("out must have shape (n, 3), offset n + 1 values, and the orders must be 0 to 29")
    with nogil:
        for i in range(n):
            out[i, 0] = out[i, 1] = out[i, 2] = 0
            for k in range(offset[i], offset[i + 1]):
                a = boundaries[2 * k]
                b = boundaries[2 * k + 1]
                poll(k, 512)
                while a < b:
                    shift = largest(a, b - a, low, high)
                    centre_of(a, shift, p)
                    weight = <double> ((<uint64_t> 1) << (shift - low))
                    out[i, 0] += weight * p[0]
                    out[i, 1] += weight * p[1]
                    out[i, 2] += weight * p[2]
                    a += (<uint64_t> 1) << shift


cdef inline double chord2(const double* p, const double* q) noexcept nogil:
    return (p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) + (p[2] - q[2]) * (p[2] - q[2])


cdef inline double angle_of(double chord2) noexcept nogil:
    cdef double half = sqrt(chord2) / 2
    return 2 * asin(half if half < 1 else 1)


cdef void farthest(uint64_t number, int shift, int low, const double* centre, double* best) noexcept nogil:
    """Raise best[0], the square of a chord, to that of the farthest cell centre within a cell, if it is more."""
    cdef double p[3]
    cdef double d
    cdef int k
    centre_of(number, shift, p)
    d = chord2(p, centre)
    if shift == low:
        if d > best[0]:
            best[0] = d
        return
    # The centres of the cells in a cell lie within its radius.
    if angle_of(d) + CELL_RADIUS / <double> ((<int64_t> 1) << (MAX_ORDER - (shift >> 1))) < angle_of(best[0]):
        return
    for k in range(4):
        farthest(number + (<uint64_t> k << (shift - 2)), shift - 2, low, centre, best)


def extents(
    const uint64_t[::1] boundaries, const int64_t[::1] offset, int order, const double[:, ::1] centre, double[::1] out
):
    """The largest distance (radians) of a cell centre of each component from a unit vector."""
    cdef Py_ssize_t n = out.shape[0], i
    cdef int64_t k
    cdef int low = 2 * (MAX_ORDER - order), shift
    cdef uint64_t a, b
    cdef double best
    if (
        offset.shape[0] != n + 1 or centre.shape[0] != n or centre.shape[1] != 3 or not fits(offset, boundaries)
        or not 0 <= order <= MAX_ORDER
    ):
        raise ValueError("centre must have shape (n, 3), offset n + 1 values, order be 0 to 29")
    with nogil:
        for i in range(n):
            best = 0
            for k in range(offset[i], offset[i + 1]):
                a = boundaries[2 * k]
                b = boundaries[2 * k + 1]
                poll(k, 512)
                while a < b:
                    shift = largest(a, b - a, low, 2 * MAX_ORDER)
                    farthest(a, shift, low, &centre[i, 0], &best)
                    a += (<uint64_t> 1) << shift
            out[i] = angle_of(best)
