"""The kernel for polygons and ellipses in batches, against the walk for single shapes and against all cell centres."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np
import pytest
import shape_oracles as oracle
from astropy_healpix import core as ah
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from scipy.spatial import ConvexHull

from hpmask._kernels import convex
from hpmask.core.rangeset import from_starts_stops
from hpmask.geometry import healpix
from hpmask.regions.shapes import MODE_NUMBERS, Ellipse, Polygon

MODES = tuple(MODE_NUMBERS)
seeds = st.integers(0, 2**32 - 1)


def polygons(shapes, order, mode="center"):
    """Starts, stops, missed and left for a list of arrays of vertices."""
    offsets = np.concatenate([[0], np.cumsum([len(shape) for shape in shapes])]).astype(np.int64)
    return convex.polygons(np.ascontiguousarray(np.concatenate(shapes)), offsets, order, MODE_NUMBERS[mode])


def ellipses(rows, order, mode="center"):
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return convex.ellipses(*(np.ascontiguousarray(column) for column in columns), order, MODE_NUMBERS[mode])


def polygon_of(vertices):
    """The shape that is rasterized on its own, from the same vectors."""
    shape = Polygon.__new__(Polygon)
    shape._set([np.asarray(vertices)])
    return shape


def assert_same(found, shape, order, mode):
    """The cells of one shape, and whether it counts as missed, are those of the walk."""
    starts, stops, missed = found[:3]
    cells = from_starts_stops(starts, stops, order)
    expected = from_starts_stops(*shape.rasterize(order, mode), order)
    assert cells == expected, (mode, (cells - expected).cells(), (expected - cells).cells())
    assert missed.tolist() == ([] if expected else [0])


def some_place(rng):
    """A random longitude and latitude: anywhere, or next to a pole, the equator, a corner or side of the base cells."""
    kind = rng.integers(0, 6)
    lon, z = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1)
    if kind == 1:
        return lon, math.copysign(np.pi / 2 - 10 ** rng.uniform(-8, -0.5) * rng.integers(0, 2), z)
    if kind == 2:
        z = 10 ** rng.uniform(-8, -2) * rng.choice([-1, 0, 1])
    if kind == 3:
        z = math.copysign(2 / 3 + rng.normal() * 10 ** rng.uniform(-6, -1), z)
    if kind == 4:
        lon = rng.integers(0, 8) * np.pi / 4 + rng.normal() * 10 ** rng.uniform(-8, -1)
    return lon, math.asin(max(-1, min(z, 1)))


def some_polygon(rng, size):
    """A polygon, convex or a star, in either sense, of up to `size` from the middle."""
    n = int(rng.integers(3, 9))
    turns = np.sort(rng.uniform(0, 2 * np.pi, n))[:: rng.choice([1, -1])]
    radius = size * (rng.uniform(0.2, 1, n) if rng.random() < 0.3 else np.ones(n))
    x, y = np.tan(radius) * np.cos(turns), np.tan(radius) * np.sin(turns) * 10 ** rng.choice([0, -2 * rng.random()])
    center, east, north = oracle.tangent_axes(*some_place(rng), rng.uniform(0, 2 * np.pi))
    points = center + x[:, np.newaxis] * east + y[:, np.newaxis] * north
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def some_size(rng, order, largest):
    """From a hundredth of a cell to 30 cells."""
    return min(10 ** rng.uniform(-2, 1.5) / 2**order, largest)


def some_ellipse(rng, order):
    a = some_size(rng, order, 1.5)
    b = a * 10 ** -rng.choice([0, rng.uniform(0, 0.3), rng.uniform(0, 2.5)])
    if rng.random() < 0.5:
        a, b = b, a
    return *some_place(rng), a, b, rng.choice([0, np.pi / 2, rng.uniform(-7, 7)])


# ---------------------------------------------------------------------- the same cells as the walk


@examples(150)
@given(seeds, st.integers(0, 12))
def test_polygons_have_the_cells_of_the_walk(seed, order):
    rng = np.random.default_rng(seed)
    vertices = some_polygon(rng, some_size(rng, order, 1.2))
    for mode in MODES:
        found = polygons([vertices], order, mode)
        if not found[3].size:
            assert_same(found, polygon_of(vertices), order, mode)


@examples(150)
@given(seeds, st.integers(0, 12))
def test_ellipses_have_the_cells_of_the_walk(seed, order):
    axes = some_ellipse(np.random.default_rng(seed), order)
    for mode in MODES:
        assert_same(ellipses([axes], order, mode), Ellipse(*axes), order, mode)


@pytest.mark.parametrize("order", [22, 29])
def test_the_finest_orders(order):
    rng = np.random.default_rng(order)
    for _ in range(60):
        vertices, axes = some_polygon(rng, 5 / 2**order), some_ellipse(rng, order)
        for mode in MODES:
            found = polygons([vertices], order, mode)
            if not found[3].size:
                assert_same(found, polygon_of(vertices), order, mode)
            starts, stops, _ = ellipses([axes], order, mode)
            expected = from_starts_stops(*Ellipse(*axes).rasterize(order, mode), order)
            # A double holds a direction to a 1e-7 of the finest cell, and the foci of the two differ by as much.
            assert (from_starts_stops(starts, stops, order) ^ expected).n_cells <= (order == 29)


# ---------------------------------------------------------------------- all cell centres, all cells


@examples(25)
@given(seeds, st.integers(0, 4))
def test_polygons_by_brute_force(seed, order):
    vertices = some_polygon(np.random.default_rng(seed), 0.5)
    found = {mode: polygons([vertices], order, mode) for mode in MODES}
    if not found["center"][3].size:
        truth = oracle.truth(oracle.polygon(*oracle.lonlat(vertices)), vertices[:1], order)
        assert_true(found, truth, order)


@examples(50)
@given(seeds, st.integers(0, 4), st.floats(0.01, 1.4), st.floats(0.01, 1.4))
def test_ellipses_by_brute_force(seed, order, a, b):
    rng = np.random.default_rng(seed)
    axes = (*some_place(rng), a, b, rng.uniform(0, 7))
    center, _, north = oracle.tangent_axes(*axes[:2], axes[4])
    truth = oracle.truth(oracle.ellipse(*axes), [np.cos(b) * center + np.sin(b) * north], order)
    assert_true({mode: ellipses([axes], order, mode) for mode in MODES}, truth, order)


def assert_true(found, truth, order):
    for mode, (starts, stops, *_) in found.items():
        cells = np.zeros(12 << (2 * order), bool)
        cells[from_starts_stops(starts, stops, order).cells().astype(int)] = True
        missing, extra = truth.faults(mode, cells)
        assert not missing.size, (mode, missing)
        assert not extra.size, (mode, extra)


def test_the_referee_sees_a_wrong_cell():
    """One cell taken from the result, or one more."""
    vertices = some_polygon(np.random.default_rng(3), 0.5)
    found = {mode: polygons([vertices], 4, mode) for mode in MODES}
    truth = oracle.truth(oracle.polygon(*oracle.lonlat(vertices)), vertices[:1], 4)
    assert_true(found, truth, 4)
    for mode, (starts, stops, *_) in found.items():
        unit = np.uint64(4 ** (29 - 4))
        for wrong in ((starts + unit, stops), (starts, stops + unit)):
            with pytest.raises(AssertionError):
                assert_true({mode: wrong}, truth, 4)


# ---------------------------------------------------------------------- rings with two intervals, and poles


def ring_runs(cells, order):
    """The largest number of runs of neighbouring cells in a ring."""
    held = np.zeros(12 << (2 * order), np.uint8)
    held[cells.cells().astype(int)] = 1
    points = oracle.cell_points(np.arange(held.size), order, 0.5, 0.5)
    lon, _ = oracle.lonlat(points)
    most = 0
    for z in np.unique(np.round(points[:, 2], 9)):
        ring = np.flatnonzero(np.abs(points[:, 2] - z) < 1e-8)
        flags = held[ring[np.argsort(lon[ring] % (2 * np.pi))]]
        most = max(most, int((flags > np.roll(flags, 1)).sum()))
    return most


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("mode", MODES)
def test_a_side_that_bulges_across_a_parallel(sign, mode):
    """A great circle along a parallel strays from it towards the pole: rings there have two intervals."""
    lon, lat = np.radians([20, 110, 110, 20]), sign * np.radians([50, 50, 80, 80])
    vertices = oracle.vector(lon, lat)
    found = polygons([vertices], 6, mode)
    assert_same(found, polygon_of(vertices), 6, mode)
    assert ring_runs(from_starts_stops(*found[:2], 6), 6) == 2


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("mode", MODES)
def test_an_ellipse_that_bulges_across_a_parallel(sign, mode):
    axes = (2.0, sign * 1.2, 0.5, 0.02, 0.0)
    found = ellipses([axes], 6, mode)
    assert_same(found, Ellipse(*axes), 6, mode)
    assert ring_runs(from_starts_stops(*found[:2], 6), 6) == 2


@pytest.mark.parametrize("n", [3, 4, 7, 50])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("turn", [1, -1])
def test_polygons_around_a_pole(n, sign, turn):
    """Rings between the middles of the sides and the corners have an interval for each corner."""
    for tilt in (0.0, 0.3):
        lon = (np.arange(n) * 2 * np.pi / n + 0.1)[::turn]
        flat = oracle.vector(lon, sign * (np.pi / 2 - 0.5))
        turned = flat @ np.array([[np.cos(tilt), 0, -np.sin(tilt)], [0, 1, 0], [np.sin(tilt), 0, np.cos(tilt)]])
        for mode in MODES:
            found = polygons([turned], 6, mode)
            assert not found[3].size
            assert_same(found, polygon_of(turned), 6, mode)
        if tilt == 0 and n < 10:
            assert ring_runs(from_starts_stops(*polygons([turned], 6)[:2], 6), 6) == n


@pytest.mark.parametrize("lat", [np.pi / 2, 1.5, -1.5, -np.pi / 2, 1.2])
@pytest.mark.parametrize(("a", "b"), [(0.3, 0.3), (0.4, 0.2), (0.4, 0.01), (1.4, 0.5), (1e-3, 2e-3), (1.2, 1.2)])
def test_ellipses_around_a_pole(lat, a, b):
    for angle in (0.0, 0.4):
        axes = (0.5, lat, a, b, angle)
        for mode in MODES:
            assert_same(ellipses([axes], 5, mode), Ellipse(*axes), 5, mode)


@pytest.mark.parametrize("axes", [(1, 0.2, 0.1, 0, 0.3), (0.7, -1.3, 0, 0.2, 0.0), (1, 0.2, 0, 0, 0)])
def test_ellipses_without_area(axes):
    """The cells that a line or a point meets are those of an ellipse that is hardly wider."""
    wider = (*axes[:2], *(max(axis, 1e-9) for axis in axes[2:4]), axes[4])
    for mode in MODES:
        some, same = ellipses([axes], 6, mode), ellipses([wider], 6, mode)
        assert all(np.array_equal(a, b) for a, b in zip(some, same, strict=True))
        assert (some[0].size > 0) == (mode == "overlap")


# ---------------------------------------------------------------------- ties


def test_a_tiny_ellipse_across_the_edge_of_a_cell():
    """Its middle is on the edge of cells 104 and 157, which both meet it."""
    axes = (2.66178058850194, -0.26239005068781474, 2e-11, 2e-11, 5.2)
    assert_same(ellipses([axes], 2, "overlap"), Ellipse(*axes), 2, "overlap")


@pytest.mark.parametrize("size", [1e-12, 8e-12, 2e-11, 1e-10, 3e-10, 1e-9])
def test_tiny_shapes_around_a_corner_of_cells(size):
    """Their middle is where cells meet: all of these meet it."""
    for order in (0, 2, 7):
        for place in oracle.cell_points(np.arange(0, 12 << (2 * order), 7**order), order, 0, 0):
            lon, lat = (float(angle) for angle in oracle.lonlat(place))
            for angle in (0.0, np.pi / 4):
                axes = lon, lat, size, size, angle
                assert_same(ellipses([axes], order, "overlap"), Ellipse(*axes), order, "overlap")
                box = Polygon.rectangle(*axes)
                found = polygons([box.vertices], order, "overlap")
                if not found[3].size:
                    assert_same(found, box, order, "overlap")


@pytest.mark.parametrize("mode", ["overlap", "inside"])
def test_thin_ellipses_along_the_equator(mode):
    """All of their width is within rounding of one ring."""
    for order, height, angle in product((2, 5), (0, 1e-12, 1e-10), (0, 1e-12, 1e-10, 1e-9)):
        axes = 0.3, 0.0, 0.3, height, angle
        turn = np.linspace(0, 2 * np.pi, 4000)
        center, east, north = oracle.tangent_axes(*axes[:2], angle)
        line = center + np.tan(0.3) * np.cos(turn)[:, np.newaxis] * east
        line += np.tan(height) * np.sin(turn)[:, np.newaxis] * north
        cells = from_starts_stops(*ellipses([axes], order, mode)[:2], order).cells().astype(int)
        # The cells that hold a point of the outline, and not on an edge.
        found, dx, dy = ah.xyz_to_healpix(*line.T, 1 << order, order="nested", return_offsets=True)
        clear = (np.abs(dx - 0.5) < 0.4999) & (np.abs(dy - 0.5) < 0.4999)
        assert np.isin(found[clear], cells).all() == (mode == "overlap"), (order, height, angle)


@pytest.mark.deep
@pytest.mark.parametrize("order", [4, 8, 12])
def test_ellipses_of_next_to_no_width(order):
    # Their two sides are nearer to each other than numbers can tell.
    rng = np.random.default_rng(5)
    n = 200
    columns = rng.uniform(0, 6.28, n), np.arcsin(rng.uniform(-1, 1, n)), 10 ** rng.uniform(-5, 0, n)
    angle = rng.uniform(0, 3.14, n)
    for mode in MODES:
        expected = ellipses(np.column_stack([*columns[:2], np.full(n, 1e-12), columns[2], angle]), order, mode)
        for width in (1e-16, 1e-18, 1e-40, 1e-300, 0.0):
            found = ellipses(np.column_stack([*columns[:2], np.full(n, width), columns[2], angle]), order, mode)
            assert all(map(np.array_equal, found, expected)), (mode, width)


def cells_of_all(shapes, order):
    """How many of the polygons hold each cell: those that are left, on their own."""
    starts, stops, _, left = polygons(shapes, order)
    counts = np.zeros(12 << (2 * order), int)
    rest = [polygon_of(shapes[k]).rasterize(order, "center") for k in left]
    for a, b in [(starts, stops), *rest]:
        unit = 4 ** (29 - order)
        for start, stop in zip(a.astype(int) // unit, b.astype(int) // unit, strict=True):
            counts[start:stop] += 1
    return counts


def grid(lons, lats):
    """The cells of a grid of meridians and parallels, with great circles for parallels."""
    for west, east in pairwise([*lons, lons[0] + 360]):
        for south, north in pairwise(lats):
            corners = [(west, south), (east, south), (east, north), (west, north)]
            if south == -90:
                corners = [(0, -90), *corners[2:]]
            if north == 90:
                corners = [*corners[:2], (0, 90)]
            yield oracle.vector(*np.radians(np.array(corners, float)).T)


@pytest.mark.parametrize(
    ("lons", "lats"),
    [
        (np.arange(0, 360, 45), [-90, -50, 0, 50, 90]),
        (np.arange(0, 360, 22.5), [-90, -60, -30, 0, 41.8103148957786, 60, 90]),
        (np.arange(5.625, 360, 11.25), [-90, -45, 0, 45, 90]),
    ],
)
@pytest.mark.parametrize("order", [3, 5])
def test_polygons_of_a_grid_partition_the_cells(lons, lats, order):
    assert (cells_of_all(list(grid(lons, lats)), order) == 1).all()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_triangles_between_centres_partition_the_cells(order):
    """All of their vertices are centres."""
    points = healpix.centre_vectors(np.arange(12 * 4**order, dtype=np.uint64), order)
    triangles = [points[corners] for corners in ConvexHull(points).simplices]
    for one in (order, order + 1, 5):
        assert (cells_of_all(triangles, one) == 1).all()


@examples(60)
@given(seeds, st.integers(0, 4), st.booleans())
def test_vertices_at_centres_and_corners(seed, order, corners):
    """Polygons of cells' corners touch many cells, and of centres decide them by the rule of ties."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, 12 << (2 * order)))
    if corners:
        vertices = oracle.cell_points(np.full(4, first), order, np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1]))
    else:
        points = oracle.cell_points(np.arange(12 << (2 * order)), order, 0.5, 0.5)
        vertices = points[rng.permutation(np.argsort(-(points @ points[first]))[:12])[: rng.integers(3, 6)]]
        if np.linalg.matrix_rank(vertices, tol=1e-9) < 3:
            return  # all on one great circle: the walk refuses a polygon without an area
    for one in (order, order + 1):
        for mode in MODES:
            found = polygons([vertices], one, mode)
            if not found[3].size:
                assert_same(found, polygon_of(vertices), one, mode)


# ---------------------------------------------------------------------- batches


def test_a_batch_is_its_shapes_one_by_one():
    rng = np.random.default_rng(8)
    shapes = [some_polygon(rng, 0.1) for _ in range(300)]
    rows = [some_ellipse(rng, 6) for _ in range(300)]
    for mode in MODES:
        for batch, items in ((polygons, shapes), (ellipses, rows)):
            starts, stops, missed, *left = batch(items, 6, mode)
            alone = [batch([item], 6, mode) for item in items]
            a, b = (np.concatenate([one[k] for one in alone]) for k in range(2))
            assert np.array_equal(missed, np.flatnonzero([one[2].size for one in alone]))
            if left:
                assert np.array_equal(left[0], np.flatnonzero([one[3].size for one in alone]))
            # A range that continues the last one of the shape before is one with it.
            joined = a[1:] == b[:-1]
            assert np.array_equal(starts, a[np.append(True, ~joined)])
            assert np.array_equal(stops, b[np.append(~joined, True)])


def test_what_is_left():
    square = oracle.vector(np.array([0, 0.1, 0.1, 0]), np.array([0, 0, 0.1, 0.1]))
    shapes = [
        square,
        oracle.vector(np.array([0, 2.0, 4.0]), np.array([0.1, 0.1, 0.1])),  # around the sphere
        square[::-1],
        square[:2],
        oracle.vector(np.array([0, np.nan, 1]), np.array([0, 0, 1])),
        oracle.vector(np.array([0, np.pi, 1]), np.array([0, 0, 1])),  # opposite neighbours
        square[[0, 0, 1, 2, 2, 3, 0]],
        square[[0, 1, 0, 2]],  # there and back
        np.zeros((0, 3)),
        square[[0, 0, 0, 0]],
        square * 1e-6 + [1, 0, 0],
    ]
    for mode in MODES:
        starts, stops, missed, left = polygons(shapes, 5, mode)
        assert left.tolist() == [1, 3, 4, 5, 7, 8, 9]
        assert missed.tolist() == [10] if mode != "overlap" else not missed.size
        # Nothing of what was left: the ranges are those of the others.
        others = polygons([shapes[k] for k in (0, 2, 6, 10)], 5, mode)
        assert np.array_equal(starts, others[0])
        assert np.array_equal(stops, others[1])


@examples(100)
@given(seeds, st.sampled_from(["spike", "arc", "there and back"]), st.sampled_from([0, 3e-16]))
def test_rings_that_turn_back_are_left(seed, kind, shift):
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(-9, 0)
    ring = oracle.vector(rng.uniform(0, 6.28), rng.uniform(-1.5, 1.5)) + size * rng.normal(size=(4, 3))
    ring /= np.linalg.norm(ring, axis=1)[:, np.newaxis]
    rows = {"spike": [0, 1, 2, 1, 3], "arc": [0, 1, 0], "there and back": [0, 1, 2, 3, 2, 1]}[kind]
    turning = ring[rows] + shift * rng.normal(size=(len(rows), 3))
    order = min(20, max(0, round(-np.log2(size))))
    for mode in MODES:
        starts, stops, missed, left = polygons([turning], order, mode)
        assert (starts.size, stops.size, missed.size, left.tolist()) == (0, 0, 0, [0])


def test_either_sense_and_repeated_vertices():
    rng = np.random.default_rng(4)
    for _ in range(50):
        vertices = some_polygon(rng, 0.2)
        some = polygons([vertices], 6)
        for other in (vertices[::-1], np.roll(vertices, 2, axis=0), np.repeat(vertices, 2, axis=0)):
            again = polygons([other], 6)
            assert all(np.array_equal(a, b) for a, b in zip(some, again, strict=True))


def test_threads():
    """The kernels work without the GIL, on memory of their own."""
    rng = np.random.default_rng(5)
    shapes = [some_polygon(rng, 0.01) for _ in range(400)]
    rows = [some_ellipse(rng, 9) for _ in range(400)]
    expected = polygons(shapes, 9), ellipses(rows, 9)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: (polygons(shapes, 9), ellipses(rows, 9)), range(8)):
            for some, same in zip(found, expected, strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(some, same, strict=True))


def test_a_polygon_of_many_vertices():
    """A wavy coast of 10 000 vertices: rings with many intervals."""
    turns = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    radius = 0.2 + 0.02 * np.sin(97 * turns) + 0.005 * np.cos(991 * turns)
    center, east, north = oracle.tangent_axes(1.0, 0.9, 0.0)
    across = np.cos(turns)[:, np.newaxis] * east + np.sin(turns)[:, np.newaxis] * north
    vertices = np.cos(radius)[:, np.newaxis] * center + np.sin(radius)[:, np.newaxis] * across
    for mode in MODES:
        found = polygons([vertices], 9, mode)
        assert not found[3].size
        assert_same(found, polygon_of(vertices), 9, mode)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((4, 2)), np.array([0, 4]), 3, 0), "vertices must have shape"),
        ((np.zeros((4, 3)), np.array([0, 5]), 3, 0), "offsets must be within the vertices"),
        ((np.zeros((4, 3)), np.array([-1, 4]), 3, 0), "offsets must be within the vertices"),
        ((np.zeros((4, 3)), np.array([0, 3, 2, 4]), 3, 0), "offsets must ascend"),
        ((np.zeros((4, 3)), np.array([0, 4]), 30, 0), "order 0 to 29"),
        ((np.zeros((4, 3)), np.array([0, 4]), 3, 3), "mode 0 to 2"),
    ],
)
def test_wrong_polygons(arguments, message):
    with pytest.raises(ValueError, match=message):
        convex.polygons(*arguments)


@pytest.mark.parametrize("column", range(5))
def test_wrong_ellipses(column):
    values = [np.full(3, 0.1) for _ in range(5)]
    values[column][1] = np.nan
    with pytest.raises(ValueError, match="an ellipse must have a finite position"):
        convex.ellipses(*values, 3, 0)
    values[column] = np.full(2, 0.1)
    with pytest.raises(ValueError, match="one length"):
        convex.ellipses(*values, 3, 0)
