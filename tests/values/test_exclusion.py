"""The search for an exclusion mask: simulated surveys of the sky, the same search by brute force, and Fermi's sky."""

from functools import cache

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from oracles import components, separation
from profiles import examples

import hpmask
from hpmask import EnergyAxis, HealpixMap, Mask, find_exclusion
from hpmask.io import read_map
from hpmask.values import Exclusion, cash_sqrt_ts, disc_sums

AXIS = EnergyAxis([1, 3, 10] * u.TeV)


def vectors(order):
    return np.array(hp.pix2vec(1 << order, np.arange(12 << (2 * order)), nest=True)).T


@cache
def survey(order=7, seed=7, n_sources=300, counts_per_cell=6.0):
    """Expected background and source counts: an exposure that varies over the sky and has a hole, and sources of two
    sizes, whose counts are more than half of all."""
    rng = np.random.default_rng(seed)
    place = vectors(order)
    exposure = np.where(place[:, 2] > -0.9, 1 + 0.8 * place[:, 2], 0)
    sky = SkyCoord(rng.uniform(0, 360, n_sources), np.degrees(np.arcsin(rng.uniform(-0.85, 1, n_sources))), unit="deg")
    width = np.where(np.arange(n_sources) % 3 == 0, 1.0, 0.3)
    strength = 10 ** rng.uniform(2, 4.5, n_sources)
    source = np.zeros(len(place))
    for center, sigma, total in zip(sky.cartesian.xyz.value.T, width, strength, strict=True):
        near = hp.query_disc(1 << order, center, np.radians(6 * sigma + 1), nest=True)
        shape = np.exp(-0.5 * (np.degrees(separation(place[near], center)) / sigma) ** 2)
        source[near] += total * shape / shape.sum() * exposure[near]
    return exposure, counts_per_cell * exposure, source, sky


@pytest.mark.parametrize(("order", "seed"), [(7, 7), pytest.param(8, 1, marks=pytest.mark.deep)])
def test_simulated_survey(order, seed):
    """What the search is for: sources found, an empty sky that is kept, a background that is right to 1 %."""
    exposure, expected, source, sky = survey(order, seed, counts_per_cell=6.0 * 4.0 ** (7 - order))
    counts = HealpixMap(np.random.default_rng(seed).poisson(expected + source), nest=True, frame="icrs")
    # The background that the analysis has is too low by 1.3.
    background = counts.with_values(expected / 1.3)
    radius, dilate = 0.8 * u.deg, 0.5 * u.deg
    found = find_exclusion(counts, background, radius, dilate=dilate)
    assert found.converged
    assert len(found.history) < 10
    assert found.normalisation == pytest.approx(1.3, rel=0.01)

    # All sources with an expected significance of 7 in a disc around them are excluded, as far as a disc reaches.
    n_b, n_s = (disc_sums(counts.with_values(part), radius).values for part in (expected, source))
    level = cash_sqrt_ts(n_b + n_s, n_b)
    center = hp.ang2pix(1 << order, sky.ra.deg, sky.dec.deg, nest=True, lonlat=True)
    kept = found.mask.to_healpix(nest=True)
    bright = level[center] > 7
    assert bright.sum() > 200
    assert not kept[center[bright]].any()
    place = vectors(order)
    for k in np.flatnonzero(bright)[:40]:
        around = np.degrees(separation(place, place[center[k]])) < 0.8
        assert not kept[around].any()

    # The empty sky: no source adds a hundredth of a standard deviation to a disc that the region could have come from.
    reach = disc_sums(counts.with_values(level > 0.01), dilate).values > 0
    empty = ~reach & (exposure > 0)
    assert empty.mean() > 0.3
    assert (~kept)[empty].mean() < 0.002
    # The sky without exposure is not excluded, but next to regions.
    assert kept[exposure == 0].mean() > 0.99

    # The noise outside the mask is that of counts: what remains of the sources is small.
    z = found.significance.sqrt_ts.values[empty & kept]
    assert abs(z.mean()) < 0.05
    assert z.std() == pytest.approx(1, abs=0.03)


def test_one_pass_is_biased():
    _, expected, source, _ = survey()
    counts = HealpixMap(np.random.default_rng(7).poisson(expected + source), nest=True, frame="icrs")
    background = counts.with_values(expected / 1.3)
    options = {"radius": "0.8 deg", "dilate": "0.5 deg"}
    with pytest.warns(UserWarning, match="the exclusion mask still changes after 1 iteration: give a larger max_iter"):
        once = find_exclusion(counts, background, max_iter=1, **options)
    often = find_exclusion(counts, background, **options)
    assert not once.converged
    # Without a mask the background is more than twice as high, and after one pass it is still 1.5 % too high.
    assert once.history["normalisation"][0] > 2 * 1.3
    assert once.normalisation > 1.3 * 1.015
    assert once.normalisation == often.history["normalisation"][1]
    assert abs(often.normalisation / 1.3 - 1) < 0.003
    assert often.mask < once.mask
    # A third of the excluded sky is missing.
    assert once.history["area"][0] < 0.7 * often.history["area"][-1]
    # The history: what is excluded only grows, and the last iteration changes nothing.
    assert (np.diff(often.history["n_cells"]) >= 0).all()
    assert often.history["n_cells"][-1] == often.history["n_cells"][-2]
    assert often.history["area"].unit == u.deg**2
    np.testing.assert_allclose(often.history["area"][-1], (~often.mask).area.to_value(u.deg**2))


def by_hand(counts, background, radius, *, low, high, dilate, per_bin, max_iter=30):
    """The search with matrices of distances, components by scipy, and no code of hpmask."""
    n_bins, n = counts.shape
    order = int(np.log2(n / 12)) // 2
    angle = separation(vectors(order)[:, np.newaxis], vectors(order)[np.newaxis])
    disc, near = (angle <= size + 1e-12 for size in (radius, dilate))
    exposed = background > 0
    n_on, expected = (counts * exposed) @ disc, background @ disc
    excluded = np.zeros((n_bins if per_bin else 1, n), dtype=bool)
    for _ in range(max_iter):
        kept = exposed & ~np.broadcast_to(excluded, exposed.shape)
        factor = (counts * kept).sum(axis=1) / (background * kept).sum(axis=1)
        parts = n_on * exposed, expected * factor[:, np.newaxis] * exposed
        n_sum, b_sum = parts if per_bin else (part.sum(axis=0, keepdims=True) for part in parts)
        with np.errstate(all="ignore"):
            ts = 2 * (np.where(n_sum > 0, n_sum * np.log(n_sum / b_sum), 0) + b_sum - n_sum)
            level = np.where(b_sum > 0, np.sign(n_sum - b_sum) * np.sqrt(np.maximum(ts, 0)), -np.inf)
        grown = excluded.copy()
        for row, own in zip(level, grown, strict=True):
            for group in components(row > low, order):
                if (row[group] > high).any():
                    own |= near[group].any(axis=0)
        if (grown == excluded).all():
            return excluded, factor
        excluded = grown
    raise AssertionError("it does not end")


@examples(40)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([2, 3]), st.booleans())
def test_the_same_search_by_brute_force(seed, per_bin, order, nest):
    rng = np.random.default_rng(seed)
    n = 12 << (2 * order)
    background = rng.uniform(1, 4, (2, n))
    background[:, rng.uniform(size=n) < 0.05] = 0
    expected = background * rng.uniform(0.5, 2, (2, 1))
    for _ in range(rng.integers(0, 6)):
        expected += rng.uniform(0, 40) * np.exp(
            -(separation(vectors(order), vectors(order)[rng.integers(n)]) ** 2) / 0.02
        )
    counts = rng.poisson(expected)
    options = {"low": 2.0, "high": 4.0, "per_bin": per_bin}
    kept, factor = by_hand(counts, background, 0.3, dilate=0.25, **options)
    maps = [
        HealpixMap(values if nest else hp.reorder(values, n2r=True), nest=nest, frame="icrs", energy=AXIS)
        for values in (counts, background)
    ]
    found = find_exclusion(*maps, 0.3 * u.rad, dilate=0.25 * u.rad, max_iter=30, **options)
    assert found.converged
    np.testing.assert_allclose(found.normalisation, factor, rtol=1e-12)
    mask = found.mask.to_healpix(nest=True)
    np.testing.assert_array_equal(np.atleast_2d(mask), ~kept)
    assert (found.mask.energy == AXIS) if per_bin else (found.mask.energy is None)
    assert found.significance.sqrt_ts.energy == AXIS


def test_options_for_each_bin():
    """Each bin on its own is the search in that bin."""
    rng = np.random.default_rng(3)
    background = np.ones((2, 12 << 10)) * [[5], [2]]
    source = 30 * np.exp(-(separation(vectors(5), vectors(5)[777]) ** 2) / 0.003)
    counts = HealpixMap(rng.poisson(background * 1.1 + source), nest=True, frame="icrs", energy=AXIS)
    expected = counts.with_values(background, energy=AXIS)
    radii, widths = [3, 5] * u.deg, [0, 4] * u.deg
    both = find_exclusion(counts, expected, radii, low=[2, 3], high=[5, 4], dilate=widths, per_bin=True, connectivity=4)
    for k, (low, high) in enumerate([(2, 5), (3, 4)]):
        one = find_exclusion(
            counts[k], expected[k], radii[k], low=low, high=high, dilate=widths[k], connectivity=4, n_threads=2
        )
        assert both.mask[k] == one.mask
        assert both.normalisation[k] == pytest.approx(one.normalisation, rel=1e-14)
        assert both.history["normalisation"].shape[1] == both.history["n_cells"].shape[1] == 2
    function = find_exclusion(counts, expected, lambda axis: radii, dilate=lambda axis: widths, per_bin=True)
    assert function.mask.energy == AXIS
    assert "angle(energy)" in function.mask.history
    assert "low=[2, 3], high=[5, 4], dilate=2 angles, connectivity=4" in both.mask.history


def test_a_part_of_the_sky():
    """Partial maps give the mask that full maps give within the same exposure."""
    order = 6
    exposure, expected, source, _ = survey(order, n_sources=60)
    rng = np.random.default_rng(2)
    values = rng.poisson(expected + source)
    part = Mask.from_cones(SkyCoord(60, 20, unit="deg"), "40 deg", order=order)
    cells = part.planes[0].cells()
    full = HealpixMap(values, nest=True, frame="icrs")
    some = {"cells": cells, "order": order, "nest": True, "frame": "icrs"}
    options = {"radius": "2 deg", "dilate": "1 deg"}
    found = find_exclusion(HealpixMap(values[cells], **some), HealpixMap(expected[cells], **some), **options)
    within = find_exclusion(full, full.with_values(expected), within=part, **options)
    assert found.mask == within.mask
    assert found.normalisation == pytest.approx(within.normalisation, rel=1e-14)
    assert (exposure[cells] > 0).all()
    assert not found.mask.is_full
    np.testing.assert_array_equal(found.significance.sqrt_ts.cells, cells)
    np.testing.assert_allclose(
        found.significance.sqrt_ts.values, within.significance.sqrt_ts.values[cells], rtol=1e-9, atol=1e-12
    )


def test_missing_values_are_no_counts_and_no_background():
    rng = np.random.default_rng(5)
    values, expected = rng.poisson(3.0, 768).astype(float), np.full(768, 3.0)
    values[100:120], expected[200:220], expected[300] = np.nan, np.nan, -1.6375e30
    counts = HealpixMap(values, nest=True, frame="icrs")
    zeros = [np.where(np.isnan(part) | (part < 0), 0, part) for part in (values, expected)]
    for within in (None, Mask.full(order=3)):
        found = find_exclusion(counts, counts.with_values(expected), "8 deg", within=within)
        same = find_exclusion(*(counts.with_values(part) for part in zeros), "8 deg", within=within)
        assert found.mask == same.mask
        assert found.normalisation == same.normalisation
        np.testing.assert_array_equal(found.significance.sqrt_ts.values, same.significance.sqrt_ts.values)


def test_no_emission():
    counts = HealpixMap(np.full(768, 9), nest=True, frame="galactic")
    found = find_exclusion(counts, counts.with_values(np.full(768, 3.0)), "10 deg", dilate="20 deg")
    assert found.mask.is_full
    assert found.normalisation == 3
    assert len(found.history) == 1
    assert isinstance(found, Exclusion)
    assert repr(found).startswith("<Exclusion | converged after 1 iteration | <Mask galactic order=3")
    assert found.mask.history == "find_exclusion(10 deg, low=3, high=5, dilate=20 deg, 1 iteration)"
    assert isinstance(found.mask, Mask)


def test_fermi(data):
    """The 3FHL counts. The background: the mean of the lower three quarters of the cells in boxes of Galactic
    coordinates, with the spectrum of all counts."""
    counts = read_map(data("skymaps/fermi_3fhl_counts_cube_hpx.fits.gz"))
    rows = counts.values
    sky = SkyCoord(*hp.pix2ang(64, np.arange(rows.shape[1]), lonlat=True), unit="deg").galactic
    box = ((sky.l.deg + 15) % 360 // 30 + 100 * ((sky.b.deg + 90) // 4)).astype(int)
    total, model = rows.sum(axis=0), np.empty(rows.shape[1])
    for number in np.unique(box):
        own = np.sort(total[box == number])
        model[box == number] = own[: max(1, own.size * 3 // 4)].mean()
    spectrum = rows.sum(axis=1)[:, np.newaxis] / rows.sum()
    background = counts.with_values(spectrum * np.maximum(model, 0.1), energy=counts.energy)
    found = find_exclusion(counts, background, "1 deg")
    assert found.converged
    catalog = Table.read(data("catalogs/gll_psch_v13_3FHL.fit.gz"), hdu=1)
    level = np.asarray(catalog["Signif_Avg"])
    excluded = ~found.mask.contains(SkyCoord(catalog["RAJ2000"], catalog["DEJ2000"], unit="deg"))
    # A cell is 0.9 deg wide: faint sources disappear in it, and in the Galactic plane in the model.
    assert (level > 30).sum() > 50
    assert excluded[level > 30].all()
    assert excluded[level > 15].mean() > 0.94
    assert (~found.mask.to_healpix(order=6))[np.abs(sky.b.deg) > 20].mean() < 0.06
    # The bins share one region, and each has its own normalisation.
    assert found.mask.energy is None
    assert found.normalisation.shape == (17,)


def test_progress(capsys):
    counts = HealpixMap(np.full(48, 9), nest=True, frame="galactic")
    find_exclusion(counts, counts.with_values(np.ones(48)), "10 deg", progress=True)
    assert capsys.readouterr().out == ""


def test_top_level_name():
    assert hpmask.find_exclusion is find_exclusion


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1, got 0"),
        ({"max_iter": 1.5}, TypeError, "max_iter must be an integer"),
        ({"low": 6}, ValueError, "low must not exceed high, got 6.0 and 5.0"),
        ({"low": None}, TypeError, "low and high must be numbers, got None"),
        ({"low": [1, 2]}, ValueError, "with per_bin=True, they may have a value for each energy bin"),
        ({"low": [1, 2, 3], "per_bin": True}, ValueError, "one for each of the 2 energy bins, got 3"),
        ({"dilate": [1, 2] * u.deg}, ValueError, r"dilate has shape \(2,\), but the mask has no energy bins"),
        ({"dilate": [1, 2, 3] * u.deg, "per_bin": True}, ValueError, r"shape \(3,\), but the map has 2 energy bins"),
        ({"dilate": 3}, TypeError, "dilate must be a Quantity"),
        ({"connectivity": 6}, ValueError, "connectivity must be 8"),
        ({"per_bin": "yes"}, TypeError, "per_bin must be True or False"),
        ({"radius": 2}, TypeError, "radius must be a Quantity"),
        ({"within": Mask.empty(order=1)}, ValueError, "background must be above 0 .* exposure in bin 0"),
        ({"low": -9, "high": -8}, ValueError, "covers all sky with background in bin 0, .* give larger low and high"),
        ({"max_iter": -1}, ValueError, "max_iter must be at least 1, got -1"),
        ({"background": np.ones(12)}, TypeError, "background must be a HealpixMap"),
    ],
)
def test_errors(change, error, message):
    counts = HealpixMap(np.ones((2, 12)), nest=True, frame="icrs", energy=AXIS)
    arguments = {"counts": counts, "background": counts, "radius": "1 deg"} | change
    with pytest.raises(error, match=message):
        find_exclusion(arguments.pop("counts"), arguments.pop("background"), arguments.pop("radius"), **arguments)
