"""Fractions of coarse cells: against brute force over fine cells, healsparse, and thresholds of `at_order`."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

import hpmask
from hpmask import EnergyAxis, HealpixMap, Mask, RangeSet
from hpmask._kernels import fractions as kernel
from tests._support.profiles import examples
from tests._support.strategies import low_sets, range_sets

AXIS = EnergyAxis([1, 2, 5, 10] * u.TeV)


def brute_force(mask, order, deeper):
    """Fractions of all cells, NESTED, from the centres of the cells `deeper` orders below, which healpy gives."""
    fine = order + deeper
    lon, lat = healpy.pix2ang(1 << fine, np.arange(12 * 4**fine), nest=True, lonlat=True)
    inside = mask.contains(SkyCoord(lon, lat, unit="deg", frame=mask.frame))
    return inside.reshape(*inside.shape[:-1], -1, 4**deeper).mean(axis=-1)


@pytest.fixture(scope="module")
def mask():
    rng = np.random.default_rng(3)
    centers = SkyCoord(rng.uniform(0, 360, 300), np.degrees(np.arcsin(rng.uniform(-1, 1, 300))), unit="deg")
    return ~Mask.from_cones(centers, rng.uniform(0.3, 4, 300) * u.deg, order=7)


@pytest.mark.parametrize("order", [3, 4])
def test_against_centres_of_fine_cells(mask, order):
    expected = brute_force(mask, order, 4)
    found = mask.fraction(order, full=True)
    assert found.nest
    assert found.is_full
    assert found.name == "FRACTION"
    if order + 4 >= mask.order:
        assert np.array_equal(found.values, expected)
    part = mask.fraction(order)
    assert np.array_equal(part.cells, np.flatnonzero(found.values))
    assert np.array_equal(part.values, found.values[found.values > 0])


def test_against_healsparse(mask):
    healsparse = pytest.importorskip("healsparse")
    theirs = healsparse.HealSparseMap.make_empty(8, 128, bool)
    theirs.update_values_pix((~mask).planes[0].cells().astype(np.int64), True)
    fracdet = theirs.fracdet_map(16)
    ours = (~mask).fraction(4)
    assert np.array_equal(fracdet.valid_pixels, ours.cells)
    assert np.allclose(fracdet[ours.cells.astype(np.int64)], ours.values, rtol=1e-6)


@examples(100)
@given(low_sets(max_order=2), st.integers(0, 3))
def test_small_sets(pair, order):
    plane, cells = pair
    found = Mask(plane).fraction(order, full=True).values
    fine = max(order, plane.order)
    deep = [
        cell for one in cells for cell in range(one << 2 * (fine - plane.order), (one + 1) << 2 * (fine - plane.order))
    ]
    counts = np.bincount(np.array(deep, dtype=int) >> (2 * (fine - order)), minlength=12 * 4**order)
    assert np.array_equal(found, counts / 4 ** (fine - order))


@examples(100)
@given(range_sets(max_order=12), st.integers(0, 4), st.sampled_from([0, 0.1, 0.25, 0.5, 0.75, 0.999]))
def test_a_threshold_of_the_fraction_is_at_order(plane, order, threshold):
    if plane.order < order:
        return
    found = Mask(plane).fraction(order)
    assert found.set_of(found.values > threshold) == plane.at_order(order, threshold=threshold)
    assert np.isclose(found.values.sum() / (12 * 4**order), plane.sky_fraction, rtol=1e-12)


@given(range_sets())
def test_any_order(plane):
    for order in {0, plane.order}:
        if plane.at_order(order, mode="overlap").n_cells < 10_000:
            found = Mask(plane).fraction(order)
            assert ((found.values > 0) & (found.values <= 1)).all()
            assert found.coverage == plane.at_order(order, mode="overlap")


def test_bins(mask):
    few = RangeSet.from_cells([5, 70_000], 7)
    three = Mask([mask.planes[0], few, mask.planes[0]], energy=AXIS)
    found = three.fraction(3)
    assert found.energy == AXIS
    assert found.values.shape == (3, found.n_cells)
    for row, one in zip(found.rows, three, strict=True):
        assert np.array_equal(row, one.fraction(3, full=True).values[found.cells.astype(int)])
    assert np.array_equal(three.fraction(3, full=True).rows, [one.fraction(3, full=True).values for one in three])
    apart = Mask([RangeSet.from_cells([1], 3), RangeSet.empty(3), few], energy=AXIS).fraction(3)
    assert apart.cells.tolist() == [0, 1, 273]


def test_files(mask, tmp_path):
    hpmask.io.write_map(mask.fraction(4), tmp_path / "fraction.fits")
    assert np.array_equal(hpmask.io.read_map(tmp_path / "fraction.fits").values, mask.fraction(4).values)


def test_arguments(mask):
    with pytest.raises(ValueError, match="order must be from 0 to 29"):
        mask.fraction(30)
    with pytest.raises(TypeError, match="full must be True or False"):
        mask.fraction(3, full=1)
    with pytest.raises(ValueError, match="GiB"):
        mask.fraction(16)
    with pytest.raises(ValueError, match="GiB"):
        Mask.empty().fraction(29, full=True)
    assert Mask.empty().fraction(3).n_cells == 0


def test_mean_of_a_coverage():
    shapes = hpmask.Shapes.cones(SkyCoord([10, 11, 11], [0, 0, 1], unit="deg"), [1, 2, 3] * u.deg)
    coverage = hpmask.coverage(shapes, order=8)
    found = coverage.mean(4, full=True)
    assert isinstance(found, HealpixMap)
    assert np.array_equal(found.values, coverage.to_healpix(nest=True).reshape(-1, 256).mean(axis=1))
    part = coverage.mean(4)
    assert np.array_equal(part.values, found.values[found.values > 0])
    # The mean over the sky is the sum of the areas.
    assert np.isclose(found.values.mean(), (coverage.areas() * np.arange(4)).sum() / (4 * np.pi * u.sr))
    with pytest.raises(ValueError, match="order must be"):
        coverage.mean(-1)
    with pytest.raises(ValueError, match="GiB"):
        coverage.mean(29, full=True)


# ---------------------------------------------------------------------- the kernel


@given(st.lists(st.integers(0, 300), unique=True, max_size=20), st.integers(0, 3), st.booleans(), st.integers(0, 9))
def test_kernel_against_a_dictionary(edges, level, weighted, seed):
    boundaries = np.sort(np.array(edges[: len(edges) // 2 * 2], dtype=np.uint64))
    n = boundaries.size // 2
    counts = np.random.default_rng(seed).integers(1, 9, n if weighted else 0, dtype=np.int32)
    size = 4**level
    expected = {}
    for k in range(n):
        for number in range(int(boundaries[2 * k]), int(boundaries[2 * k + 1])):
            expected[number // size] = expected.get(number // size, 0) + (counts[k] if weighted else 1) / size
    assert kernel.touched(boundaries, 2 * level) == len(expected)
    # Room for more is left as it was.
    cells, out = np.full(len(expected) + 1, 77, dtype=np.uint64), np.full(len(expected) + 1, np.nan)
    assert kernel.sums(boundaries, counts, 2 * level, 0, cells, out) == len(expected)
    assert cells.tolist() == [*expected, 77]
    assert out[:-1].tolist() == list(expected.values())
    if expected:
        with pytest.raises(ValueError, match="too small"):
            kernel.sums(boundaries, counts, 2 * level, 0, cells[: len(expected) - 1], out[: len(expected) - 1])


def test_kernel_refuses_arrays_that_do_not_fit():
    good = np.array([0, 4, 5, 6], dtype=np.uint64)
    none, cells, out = np.empty(0, np.int32), np.empty(9, np.uint64), np.empty(9)
    for arguments in (
        (good[:3], none, 2, 0, cells, out),
        (good, none[:0], 1, 2, cells, out),
        (good, none, 60, 0, cells, out),
        (good, none, 2, 0, cells, out[:3]),
        (good, np.ones(3, np.int32), 2, 0, cells, out),
    ):
        with pytest.raises(ValueError, match="must"):
            kernel.sums(*arguments)
    with pytest.raises(ValueError, match="pairs"):
        kernel.touched(good[:3], 0)
