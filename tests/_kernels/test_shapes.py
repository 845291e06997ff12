"""Batches of polygons and of paths: the cells of each as for one, by brute force, and the rows that are no shape."""

import pickle

import numpy as np
import pytest
import shape_oracles as oracle
from hypothesis import example, given
from hypothesis import strategies as st
from profiles import examples

from hpmask._kernels import discs
from hpmask._kernels import shapes as kernel

CENTER, OVERLAP, INSIDE = range(3)
MODES = (CENTER, OVERLAP, INSIDE)


def cells_of(starts, stops, order):
    shift = 2 * (29 - order)
    return {cell for a, b in zip(starts, stops, strict=True) for cell in range(int(a) >> shift, int(b) >> shift)}


def some_polygons(rng, n):
    """Rings of random triangles to octagons, large and small, in lists of one to three."""
    polygons = []
    for _ in range(n):
        lon, lat, size = rng.uniform(0, 6.2), rng.uniform(-1.5, 1.5), 10 ** rng.uniform(-3, 0)
        center, east, north = oracle.tangent_axes(lon, lat, 0)
        rings = []
        for _ in range(rng.integers(1, 4)):
            points = center + size * (rng.normal(size=(rng.integers(3, 9), 2)) @ np.array([east, north]))
            rings.append(points / np.linalg.norm(points, axis=1, keepdims=True))
        polygons.append(rings)
    return polygons


def as_arrays(polygons):
    rings = [ring for some in polygons for ring in some]
    vertices = np.concatenate([np.empty((0, 3)), *rings])
    ring_offsets = np.cumsum([0, *map(len, rings)], dtype=np.int64)
    return vertices, ring_offsets, np.cumsum([0, *map(len, polygons)], dtype=np.int64)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 4, 9])
def test_a_batch_of_polygons_is_one_after_the_other(order, mode):
    rng = np.random.default_rng(order)
    polygons = some_polygons(rng, 40)
    larger = (rng.random(40) < 0.2).astype(np.uint8)
    starts, stops, missed = kernel.polygons(*as_arrays(polygons), larger, order, mode)
    expected = []
    for rings, flag in zip(polygons, larger, strict=True):
        ends = np.cumsum([0, *map(len, rings)], dtype=np.int64)
        expected.append(kernel.polygon(np.concatenate(rings), ends, bool(flag)).rasterize(order, mode))
    assert missed.tolist() == [k for k, (first, _) in enumerate(expected) if not first.size]
    # Ranges that touch are one, also where they are of two shapes.
    counts = np.zeros(12 * 4**order + 1, int)
    shift = np.uint64(2 * (29 - order))
    for sign, some in ((1, [(starts, stops)]), (-1, expected)):
        for first, last in some:
            np.add.at(counts, (first >> shift).astype(int), sign)
            np.add.at(counts, (last >> shift).astype(int), -sign)
    assert not counts.any()


def test_no_polygon_and_no_path():
    none = np.zeros(1, np.int64)
    for found in (
        kernel.polygons(np.empty((0, 3)), none, none, np.empty(0, np.uint8), 3, CENTER),
        kernel.paths(np.empty((0, 3)), np.empty((0, 3)), np.empty(0), 3, CENTER),
    ):
        assert [some.size for some in found] == [0, 0, 0]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda ring: ring[:2], "ring 1: a polygon needs three different vertices, got 2"),
        (lambda ring: ring[[0, 1, 0, 1]], "ring 1: a polygon must have an area"),
        (lambda ring: ring * np.array([1, np.nan, 1]), "ring 1: a polygon's vertices must be finite, vertex 0 is not"),
        (lambda ring: np.concatenate([ring, -ring[-1:]]), "neighbouring vertices must not be opposite each other"),
    ],
)
def test_a_polygon_that_is_none_has_its_row(spoil, reason):
    polygons = some_polygons(np.random.default_rng(1), 5)
    polygons[3] = [polygons[3][0], spoil(polygons[3][0])]
    with pytest.raises(ValueError, match="row 3: ") as caught:
        kernel.polygons(*as_arrays(polygons), np.zeros(5, np.uint8), 5, CENTER)
    assert caught.value.row == 3
    assert reason in caught.value.reason
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.row, again.reason) == (caught.value.row, caught.value.reason)


def test_offsets_are_checked():
    vertices, rings, polygons = as_arrays(some_polygons(np.random.default_rng(1), 2))
    larger = np.zeros(2, np.uint8)
    for bad in (rings[:-1], rings[1:], rings[::-1].copy(), rings + 1):
        with pytest.raises(ValueError, match="ring_offsets must"):
            kernel.polygons(vertices, bad, polygons, larger, 3, CENTER)
    with pytest.raises(ValueError, match="polygon_offsets must not descend"):
        kernel.polygons(vertices, rings, polygons[[0, 2, 1, 2]], np.zeros(3, np.uint8), 3, CENTER)
    with pytest.raises(ValueError, match="larger a value for each polygon"):
        kernel.polygons(vertices, rings, polygons, larger[:1], 3, CENTER)
    with pytest.raises(ValueError, match="order must be 0 to 29"):
        kernel.polygons(vertices, rings, polygons, larger, 30, CENTER)


# ---------------------------------------------------------------------- paths


def distance_to_arc(a, b, points):
    ends = np.minimum(oracle.angle_between(points, a), oracle.angle_between(points, b))
    normal = np.cross(a, b)
    length = np.linalg.norm(normal)
    if length < 1e-13:
        return ends
    normal /= length
    beside = (points @ np.cross(normal, a) >= 0) & (points @ np.cross(b, normal) >= 0)
    across = np.abs(np.arctan2(points @ normal, np.linalg.norm(np.cross(points, normal), axis=-1)))
    return np.where(beside, across, ends)


def unit(lon, lat):
    return oracle.vector(lon, lat)


places = st.tuples(st.floats(0, 6.28), st.floats(-np.pi / 2, np.pi / 2))


@examples(60)
@given(places, places, st.floats(0, np.pi / 2) | st.floats(0, 0.05) | st.sampled_from([0.0, np.pi / 2]), st.booleans())
def test_a_path_is_all_points_near_an_arc(first, last, half_width, same):
    order = 4
    a = unit(*first)
    b = a if same else unit(*last)
    if oracle.angle_between(a, -b) < 1e-6:
        return
    cells = np.arange(12 * 4**order)
    # The point of the outline behind the first end.
    forward = np.cross(np.cross(a, b if oracle.angle_between(a, b) > 1e-13 else np.roll(a, 1) + [0.1, 0.2, 0.4]), a)
    behind = np.cos(half_width) * a - np.sin(half_width) * forward / np.linalg.norm(forward)
    truth = oracle.truth(lambda p: half_width - distance_to_arc(a, b, p), [behind], order)
    for mode, name in zip(MODES, ("center", "overlap", "inside"), strict=True):
        starts, stops, missed = kernel.paths(a[np.newaxis], b[np.newaxis], np.array([half_width]), order, mode)
        found = np.isin(cells, list(cells_of(starts, stops, order)))
        if half_width == 0 and mode == INSIDE:
            assert not found.any()
            continue
        missing, extra = truth.faults(name, found)
        assert not missing.size, (name, missing)
        assert not extra.size, (name, extra)
        assert (missed.size == 1) == (not found.any())


@examples(100)
@example((0.0, 0.0), 0.0, 0)
@example((0.0, 0.0), 0.0, 3)
@given(places, st.floats(0, 1.5) | st.sampled_from([0.0, 1e-6]), st.integers(0, 8))
def test_a_path_from_a_point_to_itself_is_a_disc(place, radius, order):
    center = unit(*place)[np.newaxis]
    lon, lat = (np.atleast_1d(angle) for angle in oracle.lonlat(center[0]))
    for mode in MODES:
        tie = 1e-14 if mode == CENTER else 0.0
        disc = discs.rasterize(lon, lat, np.array([radius + tie]), order, mode)
        path = kernel.paths(center, center, np.array([radius]), order, mode)
        assert len(cells_of(*disc[:2], order) ^ cells_of(*path[:2], order)) <= (0 if radius > 1e-9 else 4)


def test_a_batch_of_paths_is_one_after_the_other():
    rng = np.random.default_rng(4)
    first, last = unit(*rng.uniform(0, 1.5, (2, 50))), unit(*rng.uniform(0, 1.5, (2, 50)))
    width = 10 ** rng.uniform(-4, -1, 50)
    for mode in MODES:
        starts, stops, missed = kernel.paths(first, last, width, 7, mode)
        ones = [kernel.paths(first[[k]], last[[k]], width[[k]], 7, mode) for k in range(50)]
        assert cells_of(starts, stops, 7) == set().union(*(cells_of(*one[:2], 7) for one in ones))
        assert (stops - starts).sum() == sum((one[1] - one[0]).sum() for one in ones)
        assert missed.tolist() == [k for k in range(50) if ones[k][2].size]
    assert missed.size


@pytest.mark.parametrize(
    ("first", "last", "width", "reason"),
    [
        ((0, 0), (1, 0), 1.6, "half the width must be from 0 to 90 deg, got 91.6732 deg"),
        ((0, 0), (1, 0), -0.1, "half the width must be"),
        ((0, 0), (1, 0), np.nan, "half the width must be"),
        ((0, 0), (np.pi, 0), 0.1, "the ends of a path must not be opposite"),
        ((0, 0), (np.nan, 0), 0.1, "the ends of a path must be finite"),
    ],
)
def test_a_path_that_is_none_has_its_row(first, last, width, reason):
    ends = [np.array([unit(0.1, 0.2), unit(*one)]) for one in (first, last)]
    with pytest.raises(ValueError, match=f"row 1: {reason}") as caught:
        kernel.paths(*ends, np.array([0.1, width]), 5, CENTER)
    assert caught.value.row == 1


def test_a_compound_of_the_kernel_checks_its_program():
    disc = kernel.disc(unit(0.0, 0.0), 0.5)
    for program, message in (
        ([0, 0], "one result"),
        ([0, -1], "two operands"),
        ([1], "numbers from -4 to 0"),
        ([0, 0, -5], "numbers from -4"),
        ([], "one result"),
    ):
        with pytest.raises(ValueError, match=message):
            kernel.compound([disc], np.array(program, np.int32), 3, OVERLAP)
    with pytest.raises(ValueError, match="mode must be 1 or 2"):
        kernel.compound([disc], np.array([0], np.int32), 3, CENTER)


@pytest.mark.parametrize(
    ("lon", "lat", "inner", "outer"),
    [
        (np.nan, 0.0, 0.1, 0.2),
        (np.inf, 0.0, 0.1, 0.2),
        (0.0, np.nan, 0.1, 0.2),
        (0.0, 1.6, 0.1, 0.2),
        (0.0, 0.0, 0.1, np.nan),
        (0.0, 0.0, 0.1, np.inf),
        (0.0, 0.0, 0.1, 3.2),
        (0.0, 0.0, -0.1, 0.2),
        (0.0, 0.0, np.nan, 0.2),
        (0.0, 0.0, 0.3, 0.2),
        (0.0, 0.0, -1e300, -1e300),
    ],
)
def test_a_disc_that_is_none_is_refused(lon, lat, inner, outer):
    lon, lat, inner, outer = (np.array([0.1, angle]) for angle in (lon, lat, inner, outer))
    for mode in MODES:
        with pytest.raises(ValueError, match=r"radii from 0 to pi, .* 1 has not"):
            discs.annuli(lon, lat, inner, outer, 5, mode)
        if not (inner[1] < 0 or inner[1] > outer[1] or np.isnan(inner[1])):
            with pytest.raises(ValueError, match=r"radii from 0 to pi, .* 1 has not"):
                discs.rasterize(lon, lat, outer, 5, mode)
