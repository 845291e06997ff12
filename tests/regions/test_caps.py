"""Intersections of caps: their cells by brute force, their areas by known ones, and the areas of mangle's files."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask._kernels import cap_polygons as kernel
from hpmask.core.rangeset import from_starts_stops
from hpmask.geometry import frames, healpix
from hpmask.regions.caps import CapPolygon, cap_polygons, rasterize
from hpmask.regions.masks import from_regions
from hpmask.regions.shapes import TIE, Combined, Disc

RNG = np.random.default_rng(12)
DEG2 = np.degrees(1) ** 2
OVERSAMPLED = 4


def vector(lon, lat):
    return frames.unit_vectors(np.radians(lon), np.radians(lat))


def one(*caps):
    """A polygon of caps (lon, lat, radius) in degrees; the sky outside one with a negative radius."""
    lon, lat, radius = np.radians(np.array(caps, dtype=float).reshape(-1, 3)).T
    cm = np.copysign(2 * np.sin(radius / 2) ** 2, radius)
    return cap_polygons(frames.unit_vectors(lon, lat), cm, np.array([0, len(cm)]))[0]


def cells(shape, order, mode):
    starts, stops = shape.rasterize(order, mode)
    found = np.zeros(12 * 4**order, dtype=bool)
    found[from_starts_stops(starts, stops, order).cells(order)] = True
    return found


def depth(caps, points):
    """How far points lie within all caps (lon, lat, radius), in radians; below 0 outside. Caps as in `one`."""
    least = np.full(points.shape[:-1], np.inf)
    for lon, lat, radius in caps:
        chord = np.linalg.norm(points - vector(lon, lat), axis=-1)
        inside = np.radians(abs(radius)) - 2 * np.arcsin(np.minimum(chord / 2, 1))
        least = np.minimum(least, inside if np.copysign(1, radius) > 0 else -inside)
    return least


def centres(order, numbers=None):
    numbers = np.arange(12 * 4**order, dtype=np.uint64) if numbers is None else numbers
    return healpix.centre_vectors(numbers, order)


def check(caps, order):
    """Assert that the cells in all modes are those that many points of each cell say."""
    shape = one(*caps)
    found = {mode: cells(shape, order, mode) for mode in ("center", "overlap", "inside")}
    at_centres = depth(caps, centres(order))
    np.testing.assert_array_equal(found["center"], at_centres >= -TIE)
    # The centres of the parts of the cells, and how far the farthest point of a part is from its centre.
    fine = order + OVERSAMPLED
    parts = depth(caps, centres(fine)).reshape(-1, 4**OVERSAMPLED)
    radius = 1.07 / 2**fine
    deepest, shallowest = parts.max(axis=1), parts.min(axis=1)
    assert found["overlap"][deepest > 0].all()
    assert not found["overlap"][deepest < -radius].any()
    assert not found["inside"][shallowest < 0].any()
    assert found["inside"][shallowest > radius].all()
    assert not (found["inside"] & ~found["overlap"]).any()


PLACES = st.tuples(st.floats(-180, 360), st.floats(-90, 90))
CAPS = st.lists(
    st.tuples(st.floats(-180, 360), st.floats(-90, 90), st.one_of(st.floats(0.5, 175), st.floats(-175, -0.5))),
    min_size=1,
    max_size=5,
)


@examples(40)
@given(CAPS, st.integers(0, 3))
def test_cells_of_random_caps(caps, order):
    check(caps, order)


@pytest.mark.parametrize(
    "caps",
    [
        [(0, 90, 90)],
        [(0, 90, 60), (0, 90, -30)],  # a ring
        [(45, 0, 90), (135, 0, 90), (0, 90, 90)],  # an octant, with sides along edges of base cells
        [(45, 45, 1)],  # within a cell
        [(45, 45, 2), (46, 45, 2), (45.5, 46, -2)],
        [(45, 45, 179.5)],
        [(10, 20, 30), (190, -20, 30)],  # nothing
        [(10, 20, 30), (10, 20, -30)],  # the edge alone
        [(10, 20, 30), (10, 20, 30)],
        [(0, 0, 90), (90.0001, 0, -89.9999), (0, 90, 45)],  # a sliver
        [],
    ],
    ids=str,
)
@pytest.mark.parametrize("order", [0, 1, 4])
def test_cells_of_chosen_caps(caps, order):
    if len(caps) == 2 and caps[0] == (10, 20, 30) and caps[1][2] == -30:
        # Its depth is 0 at best.
        assert not cells(one(*caps), order, "inside").any()
        edge = cells(one((10, 20, 30)), order, "overlap") & ~cells(one((10, 20, 30)), order, "inside")
        np.testing.assert_array_equal(cells(one(*caps), order, "overlap"), edge)
        return
    check(caps, order)


def test_a_corner_and_a_circle_within_a_cell():
    # No edge of a cell meets them.
    for caps in ([(45.3, 45.2, 0.01)], [(45.3, 45.2, 30), (45.3, 45.2 + 59.99, 30)], [(45.3, 45.2, 0.0)]):
        shape = one(*caps)
        assert cells(shape, 2, "overlap").sum() == 1, caps
        assert not cells(shape, 2, "inside").any()


def test_what_small_caps_share_within_a_cell():
    """Their edges cross at points that must be precise for caps of any size."""
    rng = np.random.default_rng(5)
    tried = 0
    for _ in range(80):
        lon, lat, reach = rng.uniform(0, 360), rng.uniform(-89, 89), 10 ** rng.uniform(-7, 0)
        n = rng.integers(2, 6)

        def around(n, most, lon=lon, lat=lat):
            turn, far = rng.uniform(0, 2 * np.pi, n), most * np.sqrt(rng.random(n))
            return lon + far * np.sin(turn) / np.cos(np.radians(lat)), np.clip(lat + far * np.cos(turn), -90, 90)

        radius = reach * rng.uniform(0.3, 1, n) * np.where(rng.random(n) < 0.2, -1, 1)
        caps = list(zip(*around(n, 0.8 * reach), radius, strict=True))
        points = vector(*around(4000, 2 * reach))
        value = depth(caps, points)
        best = points[np.argmax(value)]
        if value.max() < 0.01 * np.radians(reach):
            continue
        tried += 1
        shape = one(*caps)
        at_29 = int(healpix.cells_at(*frames.lonlat(best), 29))
        finest = int(np.clip(np.log2(60 / reach) + 1, 0, 27))
        for order in range(max(0, finest - 8), finest + 1):
            found = from_starts_stops(*shape.rasterize(order, "overlap"), order)
            assert found.contains(at_29, order=29), (caps, order)
    assert tried > 40


@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
def test_one_cap_is_a_disc(mode):
    for lon, lat, radius in [(10.0, 20.0, 5.0), (300.0, -89.0, 3.0), (0.0, 45.0, 60.0)]:
        disc = Disc(*np.radians([lon, lat, radius]))
        np.testing.assert_array_equal(cells(one((lon, lat, radius)), 6, mode), cells(disc, 6, mode))


@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
@pytest.mark.parametrize(
    "caps", [[], [(10, 20, 5)], [(10, 20, -5)], [(10, 20, 30), (40, 20, 30), (25, 20, -4), (25, 30, -3)]], ids=str
)
def test_in_compounds(caps, mode):
    polygon, disc = one(*caps), Disc(*np.radians([20.0, 15.0, 12.0]))
    np.testing.assert_array_equal(cells(polygon.parts, 5, mode), cells(polygon, 5, mode))
    whole = Combined(Disc(0.0, 0.0, np.pi), polygon, "^")
    dual = {"center": "center", "overlap": "inside", "inside": "overlap"}[mode]
    np.testing.assert_array_equal(cells(whole, 5, mode), ~cells(polygon, 5, dual))
    both = cells(Combined(disc, polygon, "&"), 5, mode)
    # The same caps, and one more that is the disc.
    np.testing.assert_array_equal(both, cells(one(*caps, (20, 15, 12)), 5, mode))


def test_many_polygons_in_one_call():
    shapes = [one((lon, lat, 3), (lon + 2, lat, 3)) for lon, lat in RNG.uniform(-80, 80, (50, 2))]
    shapes.insert(7, one((10, 20, 1), (100, 20, 1)))
    starts, stops, missed = rasterize(shapes, 7, "center")
    assert missed.tolist() == [7]
    united = from_starts_stops(starts, stops, 7)
    apart = np.any([cells(shape, 7, "center") for shape in shapes], axis=0)
    np.testing.assert_array_equal(united.cells(7), np.flatnonzero(apart))


# ---------------------------------------------------------------------- areas


@pytest.mark.parametrize(
    ("caps", "area"),
    [
        ([], 4 * np.pi),
        ([(10, 20, 30)], 2 * np.pi * (1 - np.cos(np.radians(30)))),
        ([(10, 20, -30)], 2 * np.pi * (1 + np.cos(np.radians(30)))),
        ([(10, 20, 150)], 2 * np.pi * (1 + np.cos(np.radians(30)))),
        ([(0, 0, 90), (90, 0, 90), (0, 90, 90)], np.pi / 2),
        ([(0, 0, 90), (90, 0, 90)], np.pi),
        ([(0, 0, 90), (180, 0, 90)], 0),
        ([(10, 20, 30), (190, -20, 30)], 0),
        ([(10, 20, 30), (10, 20, 40)], 2 * np.pi * (1 - np.cos(np.radians(30)))),
        ([(10, 20, 30), (10, 20, 30)], 2 * np.pi * (1 - np.cos(np.radians(30)))),
        ([(10, 20, 40), (10, 20, -30)], 2 * np.pi * (np.cos(np.radians(30)) - np.cos(np.radians(40)))),
        ([(10, 20, -10), (100, 20, -10), (190, 20, -10)], 4 * np.pi - 6 * np.pi * (1 - np.cos(np.radians(10)))),
        ([(10, 20, 1e-4)], np.pi * np.radians(1e-4) ** 2),
    ],
    ids=str,
)
def test_known_areas(caps, area):
    assert one(*caps).area == pytest.approx(area, rel=1e-10, abs=1e-13)


@examples(60)
@given(CAPS)
def test_areas_are_those_of_the_cells(caps):
    shape = one(*caps)
    counted = cells(shape, 6, "center").mean() * 4 * np.pi
    # By the rule of hpmask.regions.order, with all of the outline along rows of cells.
    side = np.sqrt(np.pi / 3) / 2**6
    bound = 3.8 * side**1.5 * len(caps) + 0.9 * side * shape.outline_length + 4 * side**2 * len(caps) ** 2
    assert shape.area == pytest.approx(counted, abs=bound)


def test_sizes_of_an_octant():
    (size,) = one((0, 0, 90), (90, 0, 90), (0, 90, 90)).sizes
    assert size.area == pytest.approx(np.pi / 2)
    assert size.straight == pytest.approx(1.5 * np.pi)
    assert size.curvature == 1
    assert not one((10, 20, 30), (190, -20, 30)).sizes


@pytest.mark.parametrize(
    ("name", "total", "tolerances"),
    [
        ("regions/sdss_window.dr6safe0.slice.ply", 210.539316, {9: 0.6}),
        pytest.param("regions/sdss_window.dr6safe0.slice.ply", 210.539316, {11: 0.05}, marks=pytest.mark.deep),
        ("regions/pscz/hibpscz.pol", 29754.0329, {6: 20.0, 8: 8.0}),
    ],
)
@pytest.mark.filterwarnings("ignore:.*hold no cell centre")
def test_areas_of_masks_of_mangle(data, name, total, tolerances):
    path = data(name)
    stated = np.array(
        [float(line.rpartition(",")[2].split()[0]) for line in path.read_text().splitlines() if " str):" in line]
    )
    from hpmask.regions.convert import to_shapes

    all_of_them = [shape for shape in to_shapes(path, "icrs") if isinstance(shape, CapPolygon)]
    weighted = from_regions(path, order=8, min_weight=0)
    assert weighted.history.startswith(f"from_regions({len(stated)} regions")
    from hpmask.regions.convert import checked_shapes

    every = checked_shapes(path, "icrs", "raise", min_weight=0).shapes
    assert len(all_of_them) <= len(every) == len(stated)
    np.testing.assert_allclose([shape.area for shape in every], stated, atol=2e-12)
    assert stated.sum() * DEG2 == pytest.approx(total, abs=1e-4)
    for order, tolerance in tolerances.items():
        assert from_regions(path, order=order, min_weight=0).area.to_value("deg2") == pytest.approx(
            total, abs=tolerance
        )


# ---------------------------------------------------------------------- the kernel


def test_wrong_arrays_are_refused():
    axes, chords2, outside, offsets = np.eye(3), np.ones(3), np.zeros(3, np.uint8), np.array([0, 3])
    kernel.rasterize(axes, chords2, outside, offsets, 3, 0)
    for changed, match in [
        ((axes, chords2, outside, offsets, 30, 0), "order must be 0 to 29"),
        ((axes, chords2, outside, offsets, 3, 3), "mode 0 to 2"),
        ((axes[:2], chords2, outside, offsets, 3, 0), "must have shape"),
        ((2 * axes, chords2, outside, offsets, 3, 0), "must be a unit vector"),
        ((axes, 3 * chords2, outside, offsets, 3, 0), "from 0 to 2"),
        ((axes, np.nan * chords2, outside, offsets, 3, 0), "from 0 to 2"),
        ((np.nan * axes, chords2, outside, offsets, 3, 0), "must be a unit vector"),
        ((axes, chords2, outside, np.array([0, 4]), 3, 0), "number of caps"),
        ((axes, chords2, outside, np.array([0, 2, 1, 3]), 3, 0), "must ascend"),
        ((axes, chords2, outside, np.empty(0, np.int64), 3, 0), "at least one item"),
    ]:
        with pytest.raises(ValueError, match=match):
            kernel.rasterize(*changed)


@pytest.mark.deep
@pytest.mark.parametrize(
    "caps",
    [
        [(0.0, 60.0, 0.0)],  # a point on the common edge of two base cells
        [(0.0, 60.0, 0.0), (0.0, 60.0, 10.0)],
        [(90.0, 0.0, 90.0), (-90.0, 0.0, 90.0 - 2e-13), (0.0, 90.0, 45.0)],  # slivers along that edge
        [(90.0, 0.0, 90.0), (-90.0, 0.0, 90.0 - 2e-12), (0.0, 90.0, 45.0)],
        [(90.0, 0.0, 90.0), (-90.0, 0.0, 90.0), (0.0, 90.0, 45.0)],
    ],
    ids=str,
)
@pytest.mark.parametrize("order", [0, 3, 8])
def test_slivers_take_no_time(caps, order):
    start = time.process_time()
    starts, _ = one(*caps).rasterize(order, "overlap")
    one(*caps).rasterize(order, "inside")
    assert time.process_time() - start < 5
    if caps[0][2] == 0:
        assert starts.size == 2
