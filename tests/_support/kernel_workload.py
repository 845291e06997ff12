"""One small call of every function of the compiled kernels, with a digest of what each gives.

    python tests/_support/kernel_workload.py [NAME ...]

prints a line for each call: the name and the digest. Names choose some of the calls; `--nan` fills the free memory with
NaN before each of them. The kernels are loaded without the rest of hpmask, which needs numpy alone, so that this also
runs under valgrind in reasonable time (tests/_kernels/test_memory.py, tools/sanitize.sh).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

KERNELS = (
    "cap_polygons",
    "caps",
    "cell_sums",
    "cells",
    "cells_under_image",
    "components",
    "convex",
    "counts_statistics",
    "crossings",
    "depth",
    "disc_sums",
    "discs",
    "distance",
    "flags",
    "flood",
    "fractions",
    "greedy",
    "index",
    "merge",
    "neighbours",
    "outline",
    "pieces",
    "pixel_areas",
    "pixels_under_mask",
    "projections",
    "randoms",
    "ranges",
    "rotate",
    "runs",
    "shape_sums",
    "shapes",
    "sorting",
    "sparse_blocks",
    "stopping",
    "sweep",
    "tiles",
    "uniq",
    "words",
)
_NONE = np.empty(0, np.uint64)
_NO_ORDERS = np.empty(0, np.uint8)
_SIP = np.zeros((2, 3, 3))
_SIP[:, 0, 2] = _SIP[:, 2, 0] = 1e-5
_SQUARE = 0.1 * np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
_NO_TURN = np.empty((0, 3))
# Intersection, union, difference and symmetric difference.
_TRUTHS = (0b1000, 0b1110, 0b0010, 0b0110)


def load(name: str) -> Any:
    """A kernel, without the code of hpmask/__init__.py if hpmask has not been imported."""
    if "hpmask" not in sys.modules:
        package = types.ModuleType("hpmask")
        spec = importlib.util.find_spec("hpmask")
        assert spec is not None
        package.__path__ = list(spec.submodule_search_locations or ())
        sys.modules["hpmask"] = package
    return importlib.import_module(f"hpmask._kernels.{name}")


def _pairs(a: Any, b: Any) -> list[tuple[Any, Any]]:
    """Two sets in both orders, and the empty set on either side."""
    return [(a, b), (b, a), (a, _NONE), (_NONE, b), (_NONE, _NONE)]


class Workload:
    """The input of the calls: a set of random cells, some positions, and an image."""

    def __init__(self, *, order: int = 6, n: int = 300) -> None:
        self.order, self.shift_min = order, 2 * (29 - order)
        rng = np.random.default_rng(1)
        # Cells of the order, and some of coarser orders, as disjoint ranges that do not touch.
        some = np.zeros(12 << (2 * order), bool)
        some[rng.integers(0, some.size, n)] = True
        for start in rng.integers(0, some.size >> 6, n // 30):
            some[start << 6 : (start + 1) << 6] = True
        self.boundaries = _boundaries(some, self.shift_min)
        other = np.roll(some, some.size // 3)
        other[::7] = True
        self.other = _boundaries(other, self.shift_min)
        self.index = load("index").Index(self.boundaries, order)
        words = rng.integers(0, 8, self.boundaries.size + 1).astype(np.uint64)
        self.stack = load("index").Index(self.boundaries, order, words=words)
        self.lon = rng.uniform(0, 2 * np.pi, 60)
        self.lat = np.arcsin(rng.uniform(-1, 1, 60))
        self.vectors = _vectors(self.lon, self.lat)
        self.turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        self.image = (rng.uniform(size=(70, 90)) < 0.3).astype(np.uint8)
        self.cells = rng.integers(0, some.size, 40).astype(np.uint64)
        self.results: list[tuple[str, list[Any]]] = []

    def numbers(self) -> Any:
        out = np.empty(self.lon.size, np.uint64)
        load("cells").numbers(self.lon, self.lat, 1.0, 29, _NO_TURN, out)
        return out

    def runs(self) -> Any:
        starts, stops = load("runs").from_ranges(self.boundaries, self.order)
        out = np.empty(2 * starts.size, np.uint64)
        return out[: load("ranges").at_least(np.sort(starts), np.sort(stops), 1, out)]

    def nodes(self) -> Any:
        return load("tiles").TileSet(self.boundaries, self.order)

    def projection(
        self, code: int, *, to_plane: Any, to_pixels: Any, steps: Any = None, sip: Any = None, limits: Any = None
    ) -> Any:
        """How the image lies in the plane of a projection."""
        return load("projections").Projection(
            code,
            np.array(to_plane),
            np.array(to_pixels),
            np.array([45.0, 35.0]),
            rim=np.pi,
            side=0.02,
            slack=1e-12,
            pixel_slack=np.array([1e-9, 1e-9]),
            steps=steps,
            sip=sip,
            sip_limits=limits,
        )

    def call_caps(self) -> Iterable[Any]:
        caps, words, one = load("caps"), np.empty(60, np.uint64), np.empty(60, np.uint8)
        radius = np.geomspace(1e-6, 0.2, 60)
        for matrix in (_NO_TURN, self.turn):
            for index in (self.index, self.stack):
                caps.caps(self.lon, self.lat, radius, matrix, index, self.order, words, one)
                yield from (words.copy(), one.copy())
        caps.words_at(self.stack, self.numbers(), words)
        yield words
        images = np.zeros((3, 8, 8), np.uint8)
        caps.paint(images, np.arange(8), np.arange(8)[::-1].copy(), words[:8])
        yield images

    def call_cell_sums(self) -> Iterable[Any]:
        sums, n = load("cell_sums"), 12 << (2 * self.order)
        values = np.sin(np.arange(n, dtype=np.float64))
        values[::9] = np.nan
        some, orders = np.arange(3, n, 5).astype(np.uint64), np.full(n // 4, self.order - 1, np.uint8)
        for density in (False, True):
            yield sums.inside(values, _NONE, _NO_ORDERS, self.order, 0, density, self.boundaries)
            yield sums.inside(values[: some.size], some, _NO_ORDERS, self.order, 0, density, self.boundaries)
            coarse = np.arange(n // 4).astype(np.uint64)
            yield sums.inside(values[: coarse.size], coarse, orders, self.order, 0, density, self.boundaries)
        yield sums.inside(values[:0], _NONE, _NO_ORDERS, self.order, 0, False, _NONE)

    def call_cells(self) -> Iterable[Any]:
        cells, out = load("cells"), np.empty(60, np.uint64)
        cells.cells_at(self.lon, self.lat, self.order, out)
        yield out
        for matrix in (_NO_TURN, self.turn):
            numbers = np.empty(60, np.uint64)
            yield cells.numbers(self.lon, self.lat, 1.0, 29, matrix, numbers)
            yield numbers
        lon, lat, vectors, edges = np.empty(40), np.empty(40), np.empty((40, 3)), np.empty((40, 12, 3))
        cells.centres(self.cells, self.order, lon, lat)
        cells.centre_vectors(self.cells, self.order, vectors)
        cells.edges(self.cells, self.order, 3, edges)
        yield from (lon, lat, vectors, edges)
        ring, cells = np.zeros(12 << 8, np.uint8), np.empty(900, np.uint8)
        load("cells").set_ring(np.array([3, 40, 700, 900], np.uint64), 4, 1, ring)
        load("cells").read_ring(ring, 4, 20, cells)
        yield from (ring, cells)

    def call_components(self) -> Iterable[Any]:
        components = load("components")
        for corners in (False, True):
            labelling = components.Labelling(self.nodes(), corners)
            n = labelling.n_components
            starts, stops, numbers, sizes = labelling.pieces()
            yield from (n, starts, stops, numbers, sizes)
            yield from (labelling.holding(self.other), labelling.holding(_NONE))
            offset, boundaries = np.empty(n + 1, np.int64), np.empty(2 * starts.size, np.uint64)
            components.group(starts, stops, numbers, np.arange(n, dtype=np.uint32)[::-1].copy(), offset, boundaries)
            sums, farthest = np.empty((n, 3)), np.empty(n)
            components.vector_sums(boundaries, offset, self.order, 3, sums)
            centre = sums / np.linalg.norm(sums, axis=1)[:, None]
            components.extents(boundaries, offset, self.order, centre, farthest)
            yield from (offset, boundaries, sums, farthest)

    def call_convex(self) -> Iterable[Any]:
        convex, n = load("convex"), 60
        turns = np.linspace(0, 2 * np.pi, 5, endpoint=False)
        # The last polygons reach around a pole, cross themselves, and are none.
        sizes = np.append(np.geomspace(1e-3, 0.6, n), [0.5, 0.5, 0])
        places = [*self.vectors, np.array([0.02, 0.01, 1.0]), np.array([0.02, 0.01, -1.0]), np.array([1.0, 0.0, 0.0])]
        corners = []
        for size, place in zip(sizes, places, strict=True):
            east = np.cross([0.0, 0.0, 1.0], place) / np.linalg.norm(np.cross([0.0, 0.0, 1.0], place))
            north = np.cross(place, east)
            ring = place + size * (np.cos(turns)[:, None] * east + np.sin(turns)[:, None] * north)
            corners.append(ring[[0, 2, 4, 1, 3]] if len(corners) % 7 == 3 else ring)
        vertices = np.concatenate(corners)
        vertices /= np.linalg.norm(vertices, axis=1)[:, None]
        offsets = 5 * np.arange(n + 4)
        for mode in range(3):
            yield from convex.polygons(vertices, offsets, self.order, mode)
            axis = np.geomspace(1e-3, 1.0, n)
            yield from convex.ellipses(self.lon, self.lat, axis, 0.3 * axis[::-1].copy(), self.lon, self.order, mode)

    def call_counts_statistics(self) -> Iterable[Any]:
        kernel, rng, out = load("counts_statistics"), np.random.default_rng(3), np.empty(200)
        n, off, mu = rng.poisson(9.0, 200).astype(float), rng.poisson(30.0, 200).astype(float), rng.uniform(0, 20, 200)
        n[:9], off[4:12], mu[2:20:4], mu[20] = 0, 0, 0, np.nan
        kernel.cash(n, mu, out)
        yield out.copy()
        kernel.li_ma(n, off, rng.uniform(0.1, 2, 200), out)
        yield out

    def call_crossings(self) -> Iterable[Any]:
        crossings, out = load("crossings").crossings, np.empty(1000, np.int64)
        for kind in (np.float32, np.float64):
            values = np.sin(np.arange(1000) / 40).astype(kind)
            yield out[: crossings(values, 0.3, np.inf, -2.0, 7, out)].copy()
            values[777] = np.nan
            yield crossings(values, 0.3, np.inf, -2.0, 7, out)

    def call_disc_sums(self) -> Iterable[Any]:
        kernel, order, n = load("disc_sums"), 3, 12 << 6
        rng = np.random.default_rng(2)
        nested, ring_map, back = rng.normal(size=n), np.empty(n), np.empty(n)
        kernel.to_ring(nested, order, 0, n, ring_map)
        kernel.from_ring(ring_map, order, 0, n, back)
        yield from (ring_map, back)
        cells = np.flatnonzero(rng.uniform(size=n) < 0.3).astype(np.uint64)
        ring, position = np.empty(cells.size, np.int64), np.empty(cells.size, np.int64)
        kernel.places(cells, order, ring, position)
        yield from (ring, position)
        rows = np.lexsort((position, ring))
        begin = np.append(np.flatnonzero(np.diff(ring[rows], prepend=0)), cells.size)
        part = (ring[rows][begin[:-1]], begin, position[rows])
        rings = np.arange(1, 32)
        sizes = 4 * np.minimum(np.minimum(rings, 8), 32 - rings)
        full = (rings, np.concatenate([[0], np.cumsum(sizes)]), np.empty(0, np.int64))
        for source, values in ((full, ring_map), (part, nested[cells][rows])):
            high, low = (np.empty(values.size + source[0].size) for _ in range(2))
            yield kernel.totals(values, source[1], 0, source[0].size, high, low)
            yield from (high, low)
            for centre in (full, part):
                for radius, exact in (
                    (0.0, False),
                    (0.3, False),
                    (0.3, True),
                    (1.0, False),
                    (2.0, True),
                    (np.pi, False),
                ):
                    out, done = np.empty(centre[1][-1]), np.zeros(1, np.int64)
                    some = np.empty(0) if exact else low
                    kernel.sums(*centre, 0, centre[0].size, *source, high, some, order, radius, out, done)
                    yield from (out, done)

    def call_discs(self) -> Iterable[Any]:
        radius = np.geomspace(1e-3, 1.0, 60)
        for mode in range(3):
            yield from load("discs").rasterize(self.lon, self.lat, radius, self.order, mode)
            wide = np.linspace(0.1, np.pi, 60)
            yield from load("discs").rasterize(self.lon, self.lat, wide, self.order, mode)
            ends = np.empty(60, np.int64)
            yield from load("discs").annuli(self.lon, self.lat, 0.7 * wide, wide, self.order, mode, ends)
            yield ends

    def call_distance(self) -> Iterable[Any]:
        distance, vectors, out = load("distance"), np.empty((60, 3)), np.empty(60)
        distance.vectors(self.lon, self.lat, 1.0, self.turn, vectors)
        yield vectors
        for most in (np.inf, 0.05):
            distance.signed(self.index, self.order, self.vectors, self.numbers(), most, out)
            yield out.copy()
        for order, own, sides, most in ((4, 6, 3, np.inf), (2, 6, 2, 0.1), (5, 3, 3, np.inf), (3, 3, 1, np.inf)):
            for nest in (True, False):
                out = np.empty(12 << (2 * order))
                distance.fill_map(self.index, own, 0, 12, 0, order, nest, sides, 0, most, out)
                yield out

    def call_flags(self) -> Iterable[Any]:
        flags, n = load("flags"), self.boundaries.size + self.other.size
        place, word = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
        for a, b in _pairs(self.boundaries, self.other):
            words = [np.resize(np.array([bit, 0], np.uint64), one.size) for one, bit in ((a, 1), (b, 2))]
            k = flags.merge(a, words[0], 0, b, words[1], 0, place, word)
            yield from (place[:k].copy(), word[:k].copy())
            # Records of 32 and of 64 bits; the list comes in two parts.
            for n_bits, top in ((2, 8), (40, 8), (2, 4), (9, 16)):
                index = flags.WordIndex(k, self.order, n_bits, top)
                half = 3 << top - 3
                cut = int(np.searchsorted(place[:k], np.uint64(half) << np.uint64(62 - top)))
                index.append(place[:cut], word[:cut], half)
                index.append(place[cut:k], word[cut:k], 3 << top - 2)
                index.close()
                yield from (index.records, index.entries)
                for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
                    if n_bits <= 8 * np.dtype(dtype).itemsize:
                        out = np.empty(61, dtype)
                        index.at(np.append(self.numbers(), np.uint64(2**64 - 1)), out)
                        yield out

    def call_flood(self) -> Iterable[Any]:
        seeds = np.zeros_like(self.image)
        seeds[::9, ::7] = 1
        for corners in (False, True):
            out = np.empty_like(self.image)
            load("flood").flood(self.image, seeds, corners, out)
            yield out

    def call_fractions(self) -> Iterable[Any]:
        fractions = load("fractions")
        some = np.arange(1, self.boundaries.size // 2 + 1, dtype=np.int32)
        for boundaries, counts in ((self.boundaries, some[:0]), (self.boundaries, some), (_NONE, some[:0])):
            for order in (0, self.order - 2, self.order, self.order + 1):
                shift = 2 * (29 - order)
                n = fractions.touched(boundaries, shift)
                cells, out = np.empty(n, np.uint64), np.empty(n)
                yield fractions.sums(boundaries, counts, shift, min(shift, self.shift_min), cells, out)
                yield from (cells, out)

    def call_greedy(self) -> Iterable[Any]:
        greedy = load("greedy")
        values = np.abs(np.sin(np.arange(400, dtype=np.float64)))
        values[::7] = 0
        some = (np.arange(400) % 30).astype(np.uint8)
        for orders in (some, _NO_ORDERS):
            for density in (False, True):
                yield greedy.largest(values, orders, density)
                whole, rest = np.zeros((2, 1 << 16), np.uint64)
                greedy.tally(values, orders, density, 2.0**40, 50, 47, 16, 0, whole, rest)
                yield from (whole, rest)
                rows, above = np.empty(20, np.int64), np.empty(400, np.uint8)
                key = int(values[3:4].view(np.uint64)[0])
                yield greedy.collect(values, orders, density, 52, key >> 52, 5, rows[:0])
                yield rows[: min(20, greedy.collect(values, orders, density, 52, key >> 52, 5, rows))].copy()
                greedy.select(values, orders, density, key, above)
                yield above
        yield greedy.largest(-values, _NO_ORDERS, True)

    def call_pixels_under_mask(self) -> Iterable[Any]:
        plane = [[-0.01, 0.001], [0.001, 0.01]]
        for code in range(10):
            projection = self.projection(code, to_plane=plane, to_pixels=np.linalg.inv(plane))
            images = np.empty((3, 70, 90), np.uint8)
            yield load("pixels_under_mask").paint(images, 0, projection, self.turn, 0.0, self.stack, self.order, 0, 70)
            yield images

    def call_cells_under_image(self) -> Iterable[Any]:
        images = load("cells_under_image")
        total = np.empty((images.blocks_of(70) + 1, images.blocks_of(90) + 1), np.uint32)
        images.count_pixels(self.image, total)
        yield total
        faces = np.arange(12, dtype=np.uint64)
        for code in range(10):
            for sip, limits in ((None, None), (_SIP, np.array([45.0, 35.0, 0.1, 10.0, 0.01]))):
                projection = self.projection(
                    code,
                    to_plane=[[-0.01, 0.0], [0.0, 0.01]],
                    to_pixels=[[-100.0, 0.0], [0.0, 100.0]],
                    steps=np.zeros((1, 2)),
                    sip=sip,
                    limits=limits,
                )
                for pair in images.walk(faces, 0, self.order, projection, self.turn, self.image, total, False):
                    yield from pair

    def call_index(self) -> Iterable[Any]:
        index, out = load("index"), np.empty(60, np.uint8)
        for some in (self.index, index.Index(_NONE, 3), self.nodes().index):
            yield some.entries
            yield some.shift
        for some in (self.index, index.Index(_NONE, 3)):
            some.inside(self.numbers(), out)
            yield out.copy()

    def call_outline(self) -> Iterable[Any]:
        outline = load("outline")
        at, side, length, offset, cell = outline.rings(self.boundaries, self.index, self.order)
        yield from (at, side, length, offset, cell)
        lon, lat, points, edge = outline.points(at, side, length, offset, self.order, 1e-3)
        yield from (lon, lat, points, edge)
        area = np.empty(cell.size)
        outline.areas(at, side, length, offset, self.order, area)
        yield area
        keep = np.empty(lon.size, np.uint8)
        for fixed in (edge, np.zeros_like(edge)):
            outline.simplified(_vectors(lon, lat), points, fixed, 0.01, keep)
            yield keep.copy()

    def call_pixel_areas(self) -> Iterable[Any]:
        pixels = load("pixel_areas")
        around = np.linspace(0, 2 * np.pi, 4, endpoint=False)
        for size in (0.001, 0.02, 0.4):
            lon, lat = self.lon[:, None] + size * np.cos(around), self.lat[:, None] + size * np.sin(around)
            corners = _vectors(lon, np.clip(lat, -1.5, 1.5))
            fraction, has = np.empty(60), np.empty((60, 2), np.uint8)
            pixels.covered(self.index, corners, fraction, np.empty((0, 2), np.uint8))
            pixels.covered(self.index, corners, np.empty(0), has)
            yield from (fraction, has)

    def call_projections(self) -> Iterable[Any]:
        projections = load("projections")
        places = np.ascontiguousarray(self.vectors[:, :2] * 0.5)
        x, y = np.ascontiguousarray(places.T)
        for code in range(10):
            stretch, native, back = np.empty(60), np.empty((60, 3)), np.empty((60, 2))
            projections.stretches(code, x, y, np.full(60, 0.1), np.pi, stretch)
            projections.native_vectors(code, places, native)
            projections.places(code, self.vectors, back)
            yield from (stretch, native, back)

    def call_depth(self) -> Iterable[Any]:
        depth, made = load("depth"), []
        for some in (self.boundaries, np.sort(np.concatenate([self.boundaries, self.other])), _NONE):
            starts, stops = some[0::2].copy(), some[1::2].copy()
            for room in (0, 5, 2 * starts.size):
                out, counts = np.empty(2 * room, np.uint64), np.empty(room, np.int32)
                n = depth.levels(starts, stops, out, counts)
                yield from (n, out[: 2 * n], counts[:n])
            made.append((out[: 2 * n].copy(), counts[:n].copy()))
        for one in made:
            for other in made:
                for room in (0, 5, one[1].size + other[1].size + 1000):
                    out, counts = np.empty(2 * room, np.uint64), np.empty(room, np.int32)
                    n = depth.added(*one, *other, out, counts)
                    yield from (n, out[: 2 * n], counts[:n])

    def call_merge(self) -> Iterable[Any]:
        merge = load("merge")
        far = np.arange(3 * merge.SEGMENT, dtype=np.uint64) << np.uint64(30)
        for left, right in (*_pairs(self.boundaries, self.other), (far, self.boundaries)):
            for truth in _TRUTHS:
                out = np.empty(left.size + right.size, np.uint64)
                yield out[: merge.combine(left, right, truth, out)]
                for room in (0, 50, 2 * out.size + 32):
                    work, marks = np.empty(room, np.uint64), np.empty((out.size // merge.SEGMENT + 3, 3), np.int64)
                    rows, middle, *kept = merge.count(left, right, truth, 0, left.size, 0, right.size, work, marks)
                    yield from (rows, middle, *kept, marks[:rows])
                    for first, number, half in ((0, kept[0], 0), (middle, kept[1], room // 2)):
                        yield work[half : half + marks[first + number, 2] - marks[first, 2]]
                    out = np.empty(marks[rows - 1, 2], np.uint64)
                    merge.write(left, right, truth, marks[:rows], 0, rows - 1, out)
                    yield out
                    out = np.empty(left.size + right.size, np.uint64)

    def call_pieces(self) -> Iterable[Any]:
        pieces = load("pieces").Pieces()
        half = self.boundaries.size // 4 * 2
        pieces.append(self.boundaries[:half])
        pieces.append(self.boundaries[half:])
        pieces.unite(self.other)
        yield pieces.take()
        yield pieces.take()

    def call_randoms(self) -> Iterable[Any]:
        starts, stops = self.boundaries[0::2], self.boundaries[1::2]
        ends = np.cumsum(stops - starts)
        words = np.random.default_rng(4).integers(0, 1 << 64, 600, dtype=np.uint64)
        words[:4] = (0, 0, 2**64 - 1, 2**64 - 1)
        for order in (self.order, 29):
            lon, lat = np.empty(300), np.empty(300)
            load("randoms").positions(load("index").Index(ends, 29), 29, stops - ends, order, words, lon, lat)
            yield from (lon, lat)

    def call_ranges(self) -> Iterable[Any]:
        ranges, a, b = load("ranges"), self.boundaries, self.other
        for left, right in _pairs(a, b):
            yield from (ranges.any_inside(left, right, truth) for truth in _TRUTHS)
        starts, stops = (np.sort(np.concatenate([a[k::2], b[k::2]])) for k in range(2))
        for depth in (1, 2):
            out = np.empty(ranges.count_at_least(starts, stops, depth), np.uint64)
            yield out[: ranges.at_least(starts, stops, depth, out)]
        yield ranges.first_fault(a, 1 << self.shift_min, 12 << 58)
        yield ranges.first_fault(a[::-1].copy(), 1 << self.shift_min, 12 << 58)
        for function in (ranges.widen, ranges.centres):
            out = np.empty(a.size, np.uint64)
            yield out[: function(a, self.shift_min + 4, out)]
        for least in (0, 9 << (self.shift_min - 2), (1 << (self.shift_min + 4)) - 1):
            out = np.empty(a.size, np.uint64)
            yield out[: ranges.covered(a, self.shift_min + 4, least, out)]
        n = ranges.count_cells(a, self.shift_min)
        number, order = np.empty(n, np.uint64), np.empty(n, np.uint8)
        ranges.fill_cells(a, self.shift_min, number, order)
        yield from (number, order, ranges.total(a))

    def call_rotate(self) -> Iterable[Any]:
        for face in (0, 5, 11):
            yield from load("rotate").rotate(self.index, self.order, self.turn, self.order, face)

    def call_runs(self) -> Iterable[Any]:
        runs, some = load("runs"), self.runs()
        for order in (2, self.order):
            yield runs.count_rows(self.boundaries, order)
            yield from runs.from_ranges(self.boundaries, order)
        out = np.empty_like(some)
        runs.mirror(some, self.order, out)
        yield out
        yield from runs.fringe(some, self.order)
        for first, last in ((0, 5), (6, 11)):
            for sets in runs.to_ranges(some, self.order, first, last):
                yield from sets

    def call_cap_polygons(self) -> Iterable[Any]:
        cap_polygons = load("cap_polygons")
        axes = _vectors(np.linspace(0, 6, 12), np.linspace(-1.5, 1.5, 12))
        chords2, outside = np.linspace(0, 2, 12), np.arange(12, dtype=np.uint8) % 3 // 2
        offsets = np.array([0, 1, 1, 4, 9, 12])
        for order in (0, 4):
            for mode in range(3):
                yield from cap_polygons.rasterize(axes, chords2, outside, offsets, order, mode)

    def call_shape_sums(self) -> Iterable[Any]:
        sums = load("shape_sums")
        lengths = self.boundaries[1::2] - self.boundaries[0::2]
        before = np.concatenate([np.zeros(1, np.uint64), np.cumsum(lengths, dtype=np.uint64)])
        starts, stops = self.other[0::2].copy(), self.other[1::2].copy()
        owner, out = np.arange(starts.size) % 7, np.zeros(7, np.uint64)
        sums.shared(self.index, before, starts, stops, owner, out)
        yield out
        values = np.sin(np.arange(self.boundaries.size - 1, dtype=np.float64))
        high, low, total, rest = (np.zeros(n) for n in (self.boundaries.size, self.boundaries.size, 7, 7))
        sums.prefix(values, high, low)
        sums.sums(self.index, values, high, low, starts, stops, owner, total, rest)
        yield from (high, low, total, rest)

    def call_shapes(self) -> Iterable[Any]:
        shapes = load("shapes")
        around = np.linspace(0, 2 * np.pi, 9, endpoint=False)
        wobbly = _vectors(1 + 0.3 * np.cos(around), 0.5 + 0.1 * (2 + np.sin(3 * around)) * np.sin(around))
        hole = _vectors(1 + np.array([-0.1, 0.1, 0.1, -0.1]), 0.65 + np.array([-0.02, -0.02, 0.02, 0.02]))
        foci = _vectors(np.array([2.0, 2.2, 2.4]), np.array([-0.3, -0.25, -0.2]))
        axis, level = np.array([0.0, 0.0, 1.0]), np.sin(0.2)
        arcs = []
        for lon in (0.0, np.pi):
            first, last = _vectors(np.array([lon, lon + np.pi]), np.array([0.2, 0.2]))
            arcs.append([*axis, level, np.pi / 2 - 0.2, *first, *last, *np.cross(axis, first), *np.cross(last, axis)])
        limits, closed = np.array([0.2, np.pi / 2, 0.0, 2 * np.pi]), np.array([1, 0, 1, 0], np.uint8)
        outlines = (
            shapes.polygon(wobbly, np.array([0, len(wobbly)]), False),
            shapes.polygon(np.concatenate([wobbly, hole]), np.array([0, len(wobbly), len(wobbly) + 4]), True),
            shapes.ellipse(foci[0], foci[1], foci[2], float(_angle(foci[2], foci[0]) + _angle(foci[2], foci[1]))),
            *(shapes.zone(np.array(arcs), np.eye(3), aligned, limits, 2 * np.pi, closed) for aligned in (True, False)),
        )
        for outline in outlines:
            for mode in range(3):
                yield from outline.rasterize(self.order, mode)
            yield outline.length
            yield outline.holds(foci[0])
            yield outline.passes(foci[0], 0.1)
        disc = shapes.disc(foci[1], 0.15)
        yield from disc.rasterize(self.order, 0)
        # Two tiles with a common side and an ellipse, minus a disc, without another tile, and what only one has.
        tiles = [
            shapes.polygon(_vectors(2.1 + 0.1 * k + _SQUARE[0], -0.3 + _SQUARE[1]), np.array([0, 4]), False)
            for k in range(3)
        ]
        for program in ([0, 1, -1, 3, -1], [0, 1, -1, 4, -4], [0, 1, -1, 2, -3, 4, -2]):
            for mode in (1, 2):
                leaves = [*tiles, outlines[2], disc]
                yield from shapes.compound(leaves, np.array(program, np.int32), self.order, mode)
        outlines[0].turn()
        yield from outlines[0].rasterize(self.order, 0)
        # A slit to a hole, and a polygon of several rings, one after the other.
        slit = np.concatenate([wobbly, wobbly[:1], hole, hole[:1]])
        rings = np.array([0, len(slit), len(slit) + len(wobbly), len(slit) + len(wobbly) + 4])
        ends, width = _vectors(np.array([2.1, 2.2, 3.0]), np.array([-0.3, -0.2, 1.0])), np.array([0.0, 0.01, 0.3])
        for mode in range(3):
            yield from shapes.polygons(
                np.concatenate([slit, wobbly, hole]),
                rings,
                np.array([0, 1, 3]),
                np.zeros(2, np.uint8),
                self.order,
                mode,
            )
            yield from shapes.paths(foci, ends, width, self.order, mode)
            yield from shapes.paths(foci, foci, width, self.order, mode)

    def call_neighbours(self) -> Iterable[Any]:
        steps, nodes = load("neighbours"), self.nodes()
        for function in (steps.touched, steps.edges):
            for corners in (False, True):
                found = np.empty(len(nodes), np.uint64)
                tile, tile_word = function(nodes, corners, found, 0, len(nodes))
                yield from (found, tile, tile_word)
                by_tile = np.argsort(tile, kind="stable")
                yield steps.boundaries(nodes, found, tile[by_tile], tile_word[by_tile])

    def call_sorting(self) -> Iterable[Any]:
        sorting = load("sorting")
        values = np.concatenate([self.boundaries, self.other])
        aside = np.empty(values.size, np.uint64)
        aside = aside[: sorting.part(values, aside)]
        aside.sort()
        sorting.join(values, aside)
        yield values
        yield sorting.part(values[::-1].copy(), np.empty(9, np.uint64))
        stops = np.empty(192, np.int64)
        sorting.distribute(values[::-1].copy(), 0, 54, stops)
        yield stops

    def call_sparse_blocks(self) -> Iterable[Any]:
        kernel = load("sparse_blocks")
        ends = np.array([3, 9, 17, 18, 60, 130], np.uint64)
        bits, values = np.zeros(13, np.uint8), np.zeros((104, 2), np.uint8)
        kernel.fill_bits(ends, 8, bits)
        kernel.fill_values(ends, 8, 4, values[:, 1])
        yield from (bits, values, kernel.crossings_of_bits(bits, 8), kernel.crossings_of_bits(bits[:0], 8))
        # The first value, three blocks of two values: differences of zero, in a quotient and one bit, and as they are.
        codes = {
            1: "00000111" + "000" + "010" + "1001" + "011" + "111" + "00000100" + "11111111",
            2: "0000000000000111" + "0000" + "0010" + "10" + "0111" + "1111" + "0" * 13 + "100" + "1" * 16,
            4: "0" * 29 + "111" + "00000" + "00010" + "10" + "0111" + "11010" + "0" * 29 + "100" + "1" * 32,
        }
        for size, text in codes.items():
            text = text.ljust(-(-len(text) // 8) * 8, "0")
            data = np.packbits(np.array(list(text), np.uint8))
            rice, out = kernel.Rice(data, size, 2), np.empty(6, f"u{size}")
            for part in (out[:1], out[1:5], out[5:]):
                try:
                    rice.decode(part)
                except ValueError:
                    part[:] = 0
            yield out

    def call_stopping(self) -> Iterable[Any]:
        stopping = load("stopping")
        stop = stopping.Stop()
        yield stopping.looks(100, 8) is None
        stopping.watch(stop)
        try:
            yield stopping.looks(100, 8) is None
            stop.set()
            stopping.looks(100, 8)
        except stopping.Stopped:
            yield True
        finally:
            stopping.watch(None)

    def call_sweep(self) -> Iterable[Any]:
        for angle in (0.001, 0.02, 0.2):
            done = np.zeros(1, np.int64)
            yield load("sweep").southward(self.runs(), self.order, angle, 1, (4 << self.order) - 1, done)
            yield done

    def call_tiles(self) -> Iterable[Any]:
        nodes = self.nodes()
        yield from (nodes.starts, nodes.levels, nodes.words, nodes.index.entries, nodes.index.shift, nodes.order)

    def call_uniq(self) -> Iterable[Any]:
        uniq = load("uniq")
        fine = np.arange(16 << 2, 40 << 2).astype(np.uint64) + np.uint64(192)
        numbers = np.concatenate([np.arange(4, 7), np.arange(32, 40), fine]).astype(np.uint64)
        orders = np.empty(numbers.size, np.uint8)
        yield uniq.orders(numbers, orders)
        yield orders
        yield uniq.orders(np.array([4, 3], np.uint64), orders[:2].copy())
        firsts = np.array([0, 3, 11], np.int64)
        ends, run_orders = np.array([3, 11, numbers.size], np.int64), np.array([0, 1, 3], np.uint8)
        for chosen in (np.ones(numbers.size, np.uint8), (np.arange(numbers.size) % 3 > 0).astype(np.uint8)):
            out = np.empty(2 * numbers.size, np.uint64)
            count, first, second = uniq.boundaries(numbers, firsts, ends, run_orders, chosen, out)
            yield from (out[: max(count, 0)], first, second)
        rows = np.zeros(numbers.size, np.int64)
        yield uniq.nested(numbers, firsts, ends, run_orders, rows)
        yield rows

    def call_words(self) -> Iterable[Any]:
        words = load("words")
        for some in (self.boundaries, _NONE):
            out = np.empty(some.size, np.uint64)
            words.write(some, out)
            yield from (words.total(some), out)


def _boundaries(some: Any, shift: int) -> Any:
    changes = np.flatnonzero(np.diff(np.concatenate([[0], some.astype(np.int8), [0]])))
    return changes.astype(np.uint64) << np.uint64(shift)


def _vectors(lon: Any, lat: Any) -> Any:
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _angle(a: Any, b: Any) -> Any:
    return np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)


def fill_heap_with_nan() -> None:
    """Leave NaN in what the allocator hands out next, for blocks of all sizes."""
    for size in (2, 4, 8, 16, 32, 64, 128, 256, 500, 1000, 2000, 4000, 8000, 12000, 14000, 15500, 16000, 50_000):
        blocks = [np.full(size, np.nan) for _ in range(8)]
        del blocks


def digest(results: Iterable[Any]) -> str:
    """A digest of arrays and numbers, to the last bit."""
    total = hashlib.sha256()
    for result in results:
        array = np.ascontiguousarray(result)
        total.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return total.hexdigest()[:16]


def call(workload: Workload, kernel: str) -> Callable[[], Iterable[Any]]:
    """What calls all functions of a kernel."""
    function: Callable[[], Iterable[Any]] = getattr(workload, f"call_{kernel}")
    return function


def main(names: list[str]) -> None:
    dirty = "--nan" in names
    chosen = [name for name in names if name != "--nan"] or KERNELS
    if dirty:
        fill_heap_with_nan()
    workload = Workload()
    for name in chosen:
        if dirty:
            fill_heap_with_nan()
        print(name, digest(call(workload, name)()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
