"""Sums of maps over many shapes: against `Mask.sum_of` for each shape, and exact sums."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

import hpmask
from hpmask import EnergyAxis, HealpixMap, Mask, Shapes
from hpmask._kernels import shape_sums as kernel
from hpmask._kernels.index import Index
from hpmask.values import shape_sums
from tests._support.profiles import examples

RNG = np.random.default_rng(4)
CENTERS = SkyCoord(RNG.uniform(0, 360, 60), np.degrees(np.arcsin(RNG.uniform(-1, 1, 60))), unit="deg")
SIZES = RNG.uniform(0.3, 20, 60) * u.deg
SHAPES = Shapes.cones(CENTERS, SIZES)
AXIS = EnergyAxis([1, 2, 5, 10] * u.TeV)


def loop(skymap, order, *, within=None, **words):
    """The sums over masks of one shape each."""
    masks = [Mask.from_cones(center, size, order=order) for center, size in zip(CENTERS, SIZES, strict=True)]
    return np.array([(one if within is None else one & within).sum_of(skymap, **words) for one in masks]).T


def maps():
    values = RNG.exponential(size=12 * 4**5)
    cells = np.sort(RNG.choice(values.size, 4000, replace=False))
    some = np.sort(RNG.choice(12 * 4**4, 1500, replace=False))
    fine = np.setdiff1d(np.arange(12 * 4**5), (4 * some[:, None] + np.arange(4)).ravel())[::2]
    uniq = np.concatenate([some + 4 * 4**4, fine + 4 * 4**5])
    return {
        "nested": HealpixMap(values, nest=True, frame="icrs"),
        "ring": HealpixMap(values, nest=False, frame="icrs"),
        "part": HealpixMap(values[cells], cells=cells, order=5, nest=True, frame="icrs"),
        "multi-order": HealpixMap(RNG.normal(size=uniq.size), uniq=uniq, frame="icrs"),
        "density": HealpixMap(RNG.normal(size=uniq.size), uniq=uniq, frame="icrs", unit="1 / deg2"),
        "bins": HealpixMap(values.reshape(1, -1) * [[1], [2], [-3]], nest=True, frame="icrs", energy=AXIS),
    }


MAPS = maps()


@pytest.mark.parametrize("order", [4, 6])
@pytest.mark.parametrize("kind", MAPS)
def test_equal_to_a_loop_of_sums(kind, order):
    skymap = MAPS[kind]
    expected = loop(skymap, order)
    found = shape_sums(skymap, SHAPES, order=order)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
    within = Mask.from_zone(lat=("-20 deg", "33 deg"), order=7)
    found = shape_sums(skymap, SHAPES, order=order, within=within)
    assert np.allclose(found, loop(skymap, order, within=within), rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_within_has_bins():
    within = Mask.from_cones(CENTERS[:3], [[20, 10, 5], [1, 2, 3], [60, 50, 40]] * u.deg, order=6, energy=AXIS)
    found = shape_sums(MAPS["bins"], SHAPES, order=6, within=within)
    assert np.allclose(found, loop(MAPS["bins"], 6, within=within), rtol=1e-12, atol=1e-9)


def test_integers_are_exact():
    counts = HealpixMap(RNG.integers(0, 1 << 30, 12 * 4**6), nest=True, frame="icrs")
    masks = [Mask.from_cones(c, s, order=6) for c, s in zip(CENTERS, SIZES, strict=True)]
    expected = [int(counts.values[one.planes[0].cells().astype(int)].sum()) for one in masks]
    assert shape_sums(counts, SHAPES, order=6).tolist() == expected


def test_small_values_beside_large_ones():
    values = np.full(12 * 4**4, 1e-12)
    values[:1000] = 1e12
    shapes = Shapes.cones(SkyCoord([10], [-60], unit="deg"), "10 deg")
    cells = Mask.from_cones(SkyCoord(10, -60, unit="deg"), "10 deg", order=4).planes[0].n_cells
    found = shape_sums(HealpixMap(values, nest=True, frame="icrs"), shapes, order=4)
    assert np.isclose(found[0], cells * 1e-12, rtol=1e-12)


def test_coverage_and_whole_sky():
    coverage = hpmask.coverage(SHAPES, order=7)
    sky = Shapes.cones(SkyCoord([0], [0], unit="deg"), "180 deg")
    total = (coverage.areas() * np.arange(coverage.max + 1)).sum().to_value(u.sr)
    assert np.isclose(shape_sums(coverage, sky, order=0)[0], total, rtol=1e-12)
    assert np.isclose(shape_sums(MAPS["ring"], sky, order=0)[0], math.fsum(MAPS["ring"].values), rtol=1e-15)


def test_missing_values():
    values = np.ones(12 * 4**4)
    values[Mask.from_cones(CENTERS[7], "1 deg", order=4, mode="overlap").planes[0].cells().astype(int)] = np.nan
    skymap = HealpixMap(values, nest=True, frame="icrs")
    far = Shapes.cones(SkyCoord([-CENTERS[7].cartesian], frame="icrs"), "1 deg")
    assert np.isfinite(shape_sums(skymap, far, order=7)).all()
    both = Shapes.cones(CENTERS[[7]], "5 deg")
    with pytest.raises(ValueError, match="the shape in row 0 has cells of skymap without a value"):
        shape_sums(skymap, both, order=7)
    found = shape_sums(skymap, both, order=7, nan="exclude")[0]
    mask = Mask.from_cones(CENTERS[7], "5 deg", order=7)
    assert np.isclose(found, mask.sum_of(skymap, nan="exclude"), rtol=1e-12)


def test_nothing():
    empty = HealpixMap(np.empty(0), cells=np.empty(0, int), order=3, nest=True, frame="icrs")
    assert shape_sums(empty, SHAPES, order=5).tolist() == [0] * 60
    assert shape_sums(MAPS["part"], SHAPES, order=5, within=Mask.empty()).tolist() == [0] * 60
    none = Shapes.cones(SkyCoord([], [], unit="deg"), "1 deg")
    assert shape_sums(MAPS["bins"], none, order=5).shape == (3, 0)


def test_arguments():
    with pytest.raises(TypeError, match="skymap must be a HealpixMap or a Coverage, got ndarray"):
        shape_sums(np.ones(12), SHAPES)
    with pytest.raises(ValueError, match="nan must be"):
        shape_sums(MAPS["ring"], SHAPES, nan="skip")
    with pytest.raises(ValueError, match="within must have the frame of the map"):
        shape_sums(MAPS["ring"], SHAPES, within=Mask.full(frame="galactic"))
    with pytest.raises(ValueError, match="density is False"):
        shape_sums(MAPS["density"], SHAPES, density=False)
    with pytest.raises(ValueError, match="infinite"):
        shape_sums(HealpixMap(np.full(12, np.inf), nest=True, frame="icrs"), SHAPES)


@examples(100)
@given(
    st.lists(st.integers(0, 200), unique=True, min_size=2, max_size=12),
    st.lists(st.tuples(st.integers(0, 210), st.integers(0, 210)).map(sorted), max_size=8),
    st.integers(0, 99),
)
def test_kernel_against_exact_sums(edges, ranges, seed):
    edges = np.sort(np.array(edges, dtype=np.uint64))
    values = np.random.default_rng(seed).integers(-50, 50, edges.size - 1).astype(float)
    high, low = np.empty(edges.size), np.empty(edges.size)
    kernel.prefix(values, high, low)
    starts, stops = np.array(ranges, dtype=np.uint64).reshape(-1, 2).T.copy()
    owner = np.arange(len(ranges)) % 3
    out, rest = np.zeros(3), np.zeros(3)
    kernel.sums(Index(edges, 29), values, high, low, starts, stops, owner, out, rest)
    expected = [Fraction(0)] * 3
    for k, (start, stop) in enumerate(ranges):
        for value, a, b in zip(values, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            expected[k % 3] += Fraction(value) * max(0, min(stop, b) - max(start, a)) / (b - a)
    assert np.allclose(out + rest, [float(one) for one in expected], rtol=1e-14, atol=1e-13)
