"""Many shapes against one mask: equal to a loop of single masks, for shapes of every kind and in every mode."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from hpmask import EnergyAxis, Mask, RangeSet, Shapes
from hpmask._kernels import shape_sums as kernel
from hpmask._kernels.index import Index
from hpmask.regions import arrays
from tests._support.profiles import examples
from tests._support.strategies import range_sets

RNG = np.random.default_rng(11)
CENTERS = SkyCoord(
    np.append(RNG.uniform(0, 360, 40), [0, 0, 0, 45, 10]),
    np.append(np.degrees(np.arcsin(RNG.uniform(-1, 1, 40))), [90, -90, 0, 41.8, 20]),
    unit="deg",
)
N = len(CENTERS)
SIZES = np.append(RNG.uniform(0.5, 5, N - 1), 0.01) * u.deg
TURNS = RNG.uniform(0, 360, N) * u.deg
REGIONS = (
    "icrs; circle(10, 20, 1); ellipse(30, 40, 2, 1, 30); polygon(1,1,3,1,2,4); box(50, -20, 2, 1, 20); point(5, 5)"
)
KINDS = {
    "cones": Shapes.cones(CENTERS, SIZES),
    "annuli": Shapes.annuli(CENTERS, 0.5 * SIZES, SIZES),
    "ellipses": Shapes.ellipses(CENTERS, SIZES, 0.4 * SIZES, TURNS),
    "boxes": Shapes.boxes(CENTERS, SIZES, 0.5 * SIZES, TURNS),
    "galactic": Shapes.boxes(CENTERS.galactic, SIZES, 0.5 * SIZES, TURNS),
    # The kernel for convex polygons leaves out some of these.
    "polygons": Shapes.polygons(
        SkyCoord(
            [[10, 11, 11, 10.5], [0, 90, 180, 270], [0, 10, 0, 10], [20, 21, 21, 20], [70, 75, 75, 70]],
            [[0, 0, 1, 1.5], [85, 80, 85, 80], [0, 10, 10, 0], [60, 60, 61, 61], [-5, -5, 5, 5]],
            unit="deg",
        ),
        larger=np.array([False, False, False, True, False]),
    ),
    "paths": Shapes.paths(
        SkyCoord([10, 11, 20, 25, 25.5, 30, 31, 31, 30], [0, 5, 40, 41, 44, -5, -6, -8, -5.5], unit="deg"),
        "0.7 deg",
        offsets=[0, 2, 5, 9],
    ),
    "regions": Shapes.regions(REGIONS),
}


def single(kind, shapes, k, order, mode):
    """One shape as a mask, by the constructors of Mask or from the region."""
    words = {"order": order, "mode": mode}
    if kind == "cones":
        return Mask.from_cones(CENTERS[k], SIZES[k], **words)
    if kind == "annuli":
        return Mask.from_annuli(CENTERS[k], 0.5 * SIZES[k], SIZES[k], **words)
    if kind == "ellipses":
        return Mask.from_ellipses(CENTERS[k], SIZES[k], 0.4 * SIZES[k], TURNS[k], **words)
    if kind in ("boxes", "galactic"):
        center = CENTERS[k].galactic if kind == "galactic" else CENTERS[k]
        return Mask.from_boxes(center, SIZES[k], 0.5 * SIZES[k], TURNS[k], **words)
    if kind == "regions":
        return Mask.from_regions("icrs; " + REGIONS.split("; ", 1)[1].split("; ")[k], **words)
    from hpmask.core.value import new_mask
    from hpmask.regions.batches import columns_of
    from hpmask.regions.rasterize import union_and_misses

    batch = columns_of(shapes, "icrs", None)[0]
    return new_mask(union_and_misses(batch, np.array([k]), order=order, mode=mode)[0])


@pytest.fixture(scope="module")
def mask():
    holes = Mask.from_cones(Mask.full().random(1500, seed=1), "2 deg", order=8)
    return Mask.from_zone(lat=("-89 deg", "62 deg"), order=8) - holes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_a_loop_of_masks(mask, kind, mode):
    shapes = KINDS[kind]
    loop = [single(kind, shapes, k, 8, mode) for k in range(len(shapes))]
    assert np.array_equal(mask.overlaps_many(shapes, mode=mode), [mask.overlaps(one) for one in loop])
    area = mask.area_in(shapes, order=8, mode=mode)
    assert area.unit == u.deg**2
    assert np.allclose(area.value, [(mask & one).area.value for one in loop], rtol=1e-13, atol=0)
    fraction = mask.fraction_in(shapes, order=8, mode=mode)
    with np.errstate(invalid="ignore"):
        expected = np.array([(mask & one).sky_fraction for one in loop]) / [one.sky_fraction for one in loop]
    assert np.allclose(fraction, expected, rtol=1e-13, atol=0, equal_nan=True)


def test_the_comparison_fires(mask):
    shapes = KINDS["cones"]
    loop = [single("cones", shapes, k, 8, "overlap") for k in range(len(shapes))]
    # One cell less in one tile.
    loop[3] = loop[3] - Mask(RangeSet.from_cells((mask & loop[3]).planes[0].cells()[:1], 8))
    area = mask.area_in(shapes, order=8, mode="overlap").value
    assert not np.allclose(area, [(mask & one).area.value for one in loop], rtol=1e-13, atol=0)


def test_overlap_is_exact_for_shapes_below_a_cell():
    north = Mask.from_cones(SkyCoord(0, 90, unit="deg"), "30 deg", order=3, mode="overlap")
    points = Mask.full().random(3000, seed=3)
    tiny = Shapes.cones(points, "0.001 arcsec")
    assert np.array_equal(north.overlaps_many(tiny), north.contains(points))


def test_the_order_follows_the_shapes():
    shapes = Shapes.cones(SkyCoord([10, 20], [0, 40], unit="deg"), "3 arcmin")
    area = Mask.full().area_in(shapes)
    assert np.allclose(area.to_value("arcmin2"), np.pi * 9, rtol=0.01)
    assert np.array_equal(Mask.full().fraction_in(shapes), [1, 1])
    with pytest.warns(UserWarning, match="2 of 2 discs hold no cell centre at order 3"):
        assert np.isnan(Mask.full().fraction_in(shapes, order=3)).all()


def test_bins(mask):
    axis = EnergyAxis([1, 2, 5, 10] * u.TeV)
    three = Mask([mask.planes[0], RangeSet.empty(8), mask.planes[0]], energy=axis)
    shapes = KINDS["boxes"]
    assert np.array_equal(three.overlaps_many(shapes), [one.overlaps_many(shapes) for one in three])
    assert np.array_equal(three.area_in(shapes, order=9), u.Quantity([one.area_in(shapes, order=9) for one in three]))


def test_threads_and_blocks(mask):
    centers = Mask.full().random(30_000, seed=5)
    shapes = Shapes.cones(centers, np.geomspace(0.01, 3, 30_000) * u.deg)
    one = mask.area_in(shapes, order=8, mode="overlap", n_threads=1)
    assert np.array_equal(one, mask.area_in(shapes, order=8, mode="overlap", n_threads=2))
    for k in (0, 123, 19_999, 20_000, 29_999):
        tile = Mask.from_cones(centers[k], np.geomspace(0.01, 3, 30_000)[k] * u.deg, order=8, mode="overlap")
        assert np.isclose(one[k].value, (mask & tile).area.value, rtol=1e-13, atol=0)


def test_no_shapes():
    none = Shapes.cones(SkyCoord([], [], unit="deg"), "1 deg")
    assert Mask.full().overlaps_many(none).shape == (0,)
    assert Mask.full().area_in(none).shape == (0,)
    full = Mask.full(energy=EnergyAxis([1, 2, 3] * u.TeV))
    assert full.fraction_in(none).shape == (2, 0)


def test_arguments(mask):
    shapes = KINDS["cones"]
    with pytest.raises(ValueError, match="order must be from 0 to 29"):
        mask.area_in(shapes, order=30)
    with pytest.raises(ValueError, match="mode must be"):
        mask.overlaps_many(shapes, mode="any")
    with pytest.raises(TypeError):
        mask.overlaps_many(3)
    with pytest.raises(ValueError, match="order 29 is too fine for these discs"):
        mask.area_in(shapes, order=29)
    assert np.array_equal(mask.area_in(REGIONS, order=8), mask.area_in(KINDS["regions"], order=8))


def test_a_row_that_is_no_shape_is_named():
    triangles = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]] * 3)
    triangles[2] = np.nan
    batch = arrays.Polygons.simple(triangles)
    arrays.rows_rasterized_by_row(batch, slice(0, 2), 3, "center")
    with pytest.raises(ValueError, match="polygon in row 2"):
        arrays.rows_rasterized_by_row(batch, slice(1, 3), 3, "center")


# ---------------------------------------------------------------------- the kernel


@examples(100)
@given(range_sets(), st.lists(range_sets(), min_size=1, max_size=6))
def test_shared_numbers_against_intersections(plane, shapes):
    starts, stops = (np.concatenate([one.boundaries[k::2] for one in shapes]) for k in (0, 1))
    owner = np.repeat(np.arange(len(shapes)), [one.n_ranges for one in shapes])
    lengths = plane.boundaries[1::2] - plane.boundaries[0::2]
    before = np.concatenate([np.zeros(1, np.uint64), np.cumsum(lengths, dtype=np.uint64)])
    out = np.zeros(len(shapes), np.uint64)
    kernel.shared(Index(plane.boundaries, plane.order), before, starts, stops, owner, out)
    assert out.tolist() == [(plane & one).n_cells << 2 * (29 - max(plane.order, one.order)) for one in shapes]


def test_kernel_refuses_arrays_that_do_not_fit():
    index, before = Index(np.array([4, 8], np.uint64), 29), np.array([0, 4], np.uint64)
    one, zero, out = np.ones(1, np.uint64), np.zeros(1, np.int64), np.zeros(1, np.uint64)
    kernel.shared(index, before, one, one, zero, out)
    end = np.array([(12 << 58) + 1], np.uint64)
    for arguments in (
        (index, before[:1], one, one, zero, out),
        (index, before, one, one, zero[:0], out),
        (index, before, one, one[:0], zero, out),
        (index, before, one, one, zero + 1, out),
        (index, before, one, one, zero - 1, out),
        (index, before, one, end, zero, out),
        (index, before, one, one - one, zero, out),
        (Index(np.array([4], np.uint64), 29), before, one, one, zero, out),
    ):
        with pytest.raises(ValueError, match="must"):
            kernel.shared(*arguments)
    values, some = np.ones(1), np.zeros(2)
    with pytest.raises(ValueError, match="one item more"):
        kernel.prefix(values, values, some)
    kernel.sums(index, values, some, some, one, one, zero, np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match="one length"):
        kernel.sums(index, values, some, some, one, one, zero, np.zeros(1), np.zeros(2))
    with pytest.raises(ValueError, match="one number more"):
        kernel.sums(index, some, np.zeros(3), np.zeros(3), one, one, zero, np.zeros(1), np.zeros(1))
