"""Random positions: uniform in area by chi-square and Kolmogorov-Smirnov tests, in the mask, and reproducible."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask._kernels import randoms as kernel
from hpmask._kernels.index import Index
from hpmask.core import randoms as worker
from tests._support.profiles import examples
from tests._support.strategies import range_sets

stats = pytest.importorskip("scipy.stats")

SEEDS = range(20)
# The first and the last cell of each base cell: at the poles, at the corners where three base cells meet.
CORNERS = [(face << 58) + place for face in range(12) for place in (0, (1 << 58) - 1)]
AXIS = EnergyAxis([1, 2, 5, 10] * u.TeV)


def hundred_cells(order=5):
    """100 cells of one order all over the sky, as a mask of a finer order, and their numbers."""
    numbers = np.sort(np.random.default_rng(7).choice(12 * 4**order, 100, replace=False))
    return Mask(RangeSet.from_cells(numbers, order).at_order(order + 4)), numbers


def chi_square(coord, numbers, order=5):
    """p of the counts in cells, which healpy finds."""
    found = healpy.ang2pix(1 << order, coord.spherical.lon.deg, coord.spherical.lat.deg, nest=True, lonlat=True)
    counts = np.array([np.count_nonzero(found == number) for number in numbers])
    assert counts.sum() == coord.size
    return stats.chisquare(counts).pvalue


def height_in_northern_base_cell(z):
    """The part of base cell 0 below sin(lat) = z: the widths of its rings are in the paper of Gorski et al."""
    return np.where(z <= 2 / 3, 9 / 8 * z**2, 0.5 + 1.5 * (z - 2 / 3))


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_areas_get_equal_numbers(seed):
    mask, numbers = hundred_cells()
    assert 0.001 < chi_square(mask.random(20_000, seed=seed), numbers) < 0.999


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_areas_get_equal_numbers_in_each_bin(seed):
    mask, numbers = hundred_cells()
    planes = [mask.planes[0], RangeSet.from_cells(numbers[:60], 5), mask.planes[0]]
    found = Mask(planes, energy=AXIS).random(20_000, seed=seed)
    assert found.shape == (3, 20_000)
    for one, some in zip(found, (numbers, numbers[:60], numbers), strict=True):
        assert 0.001 < chi_square(one, some) < 0.999
    # Bins with one plane have different positions.
    assert not np.any(found[0].ra == found[2].ra)


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_in_height_and_longitude(seed):
    found = Mask.full().random(20_000, seed=seed)
    assert 0.001 < stats.kstest(np.sin(found.dec.rad), stats.uniform(-1, 2).cdf).pvalue < 0.999
    assert 0.001 < stats.kstest(found.ra.deg, stats.uniform(0, 360).cdf).pvalue < 0.999


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_in_one_cell_at_the_pole(seed):
    north = Mask(RangeSet.from_cells([0], 0)).random(20_000, seed=seed)
    assert 0.001 < stats.kstest(np.sin(north.dec.rad), height_in_northern_base_cell).pvalue < 0.999
    in_cap = np.sin(north.dec.rad) > 2 / 3
    assert 0.001 < stats.kstest(north.ra.deg[in_cap], stats.uniform(0, 90).cdf).pvalue < 0.999
    # In the belt, the width shrinks towards the southern corner at 45 deg.
    place = (north.ra.deg[~in_cap] - 45) / (67.5 * np.sin(north.dec.rad[~in_cap]))
    assert 0.001 < stats.kstest(place, stats.uniform(-1, 2).cdf).pvalue < 0.999
    south = Mask(RangeSet.from_cells([10], 0)).random(20_000, seed=seed)
    assert 0.001 < stats.kstest(-np.sin(south.dec.rad), height_in_northern_base_cell).pvalue < 0.999


@pytest.mark.parametrize("order", [1, 3])
def test_uniform_in_the_quarters_of_cells(order):
    # Each cell by itself: those at the poles and across the edge of the caps as well.
    counts = np.zeros((12 * 4**order, 256), dtype=int)
    for seed in range(3):
        found = Mask.full().random(200_000, seed=seed)
        cells = healpy.ang2pix(16 << order, found.ra.deg, found.dec.deg, nest=True, lonlat=True)
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
    p = np.array([stats.chisquare(row).pvalue for row in counts])
    assert 0.001 < stats.kstest(p, stats.uniform(0, 1).cdf).pvalue < 0.999


def test_the_referees_reject_what_is_not_uniform():
    # Uniform in latitude instead of its sine.
    rng = np.random.default_rng(3)
    lat = rng.uniform(0, 90, 20_000)
    assert stats.kstest(np.sin(np.radians(lat)), stats.uniform(0, 1).cdf).pvalue < 1e-6
    # As many positions in each range of the set, whatever its length is.
    numbers = hundred_cells()[1]
    cells = RangeSet.from_cells(np.append(numbers, numbers[:1] ^ 1), 5)
    ranges = cells.ranges[rng.integers(0, cells.n_ranges, 20_000)]
    found = (ranges[:, 0] >> np.uint64(48)).astype(int)
    assert stats.chisquare([np.count_nonzero(found == one) for one in numbers]).pvalue < 1e-6


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_positions_are_in_the_mask_at_the_finest_order(frame):
    rng = np.random.default_rng(1)
    cells = np.concatenate([rng.integers(0, 12 << 58, 2000), CORNERS])
    mask = Mask(RangeSet.from_cells(cells, 29), frame=frame)
    found = mask.random(400_000, seed=4)
    assert found.frame.name == frame
    assert mask.contains(found).all()
    # All cells get some.
    numbers = RangeSet.from_cells(cells, 29).cells()
    place = np.bincount(np.searchsorted(numbers, mask_cells(found, frame)), minlength=numbers.size)
    assert place.min() > 100


def mask_cells(coord, frame):
    from hpmask.geometry.healpix import cells_at

    there = coord.transform_to(frame).spherical
    return cells_at(there.lon.rad, there.lat.rad, 29)


@examples(60)
@given(range_sets(), st.integers(0, 10))
def test_positions_are_in_any_set(plane, seed):
    if plane.is_empty:
        return
    mask = Mask(plane)
    found = mask.random(300, seed=seed)
    assert mask.contains(found).all()
    assert (found.ra.deg < 360).all()
    assert (found.ra.deg >= 0).all()
    # Also in other units, and as it is read back from degrees.
    assert mask.contains(SkyCoord(found.ra.rad, found.dec.rad, unit="rad")).all()


def test_the_place_in_a_large_cell_uses_all_bits():
    found = Mask.full().random(100_000, seed=1)
    assert np.unique(found.ra.deg).size == np.unique(found.dec.deg).size == 100_000


# ---------------------------------------------------------------------- the kernel


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=20), range_sets())
def test_kernel_finds_the_cell_of_exact_arithmetic(words, plane):
    if plane.is_empty:
        return
    words = words[: len(words) // 2 * 2]
    n = len(words) // 2
    lengths = plane.boundaries[1::2] - plane.boundaries[0::2]
    ends = np.cumsum(lengths)
    lon, lat = np.empty(n), np.empty(n)
    kernel.positions(
        Index(ends, 29), 29, plane.boundaries[1::2] - ends, plane.order, np.array(words, dtype=np.uint64), lon, lat
    )
    total = int(ends[-1])
    for k in range(n):
        number = ((words[2 * k] << 64) + words[2 * k + 1]) * total >> 128
        row = int(np.searchsorted(ends, np.uint64(number), side="right"))
        cell = int(plane.boundaries[2 * row]) + number - (int(ends[row - 1]) if row else 0)
        found = healpy.ang2pix(1 << 29, lon[k], lat[k], nest=True, lonlat=True)
        # At order 29, rounding may lead to a neighbour.
        distance = healpy.rotator.angdist(
            healpy.pix2ang(1 << 29, cell, nest=True, lonlat=True), [lon[k], lat[k]], lonlat=True
        )
        assert found == cell or distance < 2e-9


def test_kernel_refuses_arrays_that_do_not_fit():
    ends = np.array([4, 10], dtype=np.uint64)
    good = (
        Index(ends, 3, counted_in=3),
        3,
        np.zeros(2, np.uint64),
        29,
        np.zeros(2, np.uint64),
        np.empty(1),
        np.empty(1),
    )
    kernel.positions(*good)
    for place, wrong in (
        (0, Index(np.empty(0, np.uint64), 3, counted_in=3)),
        (1, 4),
        (2, np.zeros(3, np.uint64)),
        (3, 30),
        (4, np.zeros(3, np.uint64)),
        (5, np.empty(2)),
    ):
        with pytest.raises(ValueError, match=r"must|order"):
            kernel.positions(*good[:place], wrong, *good[place + 1 :])
    with pytest.raises(ValueError, match="exceed"):
        kernel.positions(Index(np.array([12 << 6, 13 << 6], np.uint64), 3, counted_in=3), *good[1:])


# ---------------------------------------------------------------------- seeds


def test_the_same_for_any_number_of_threads_and_for_any_part():
    mask = ~Mask.from_cones(SkyCoord(10, 20, unit="deg"), "3 deg", order=10)
    one = mask.random(100_000, seed=5, n_threads=1)
    two = mask.random(100_000, seed=5, n_threads=2)
    assert np.array_equal(one.ra, two.ra)
    assert np.array_equal(one.dec, two.dec)
    few = mask.random(70_001, seed=5)
    assert np.array_equal(one.ra[:70_001], few.ra)
    lon, lat = worker.Sampler(mask.planes[0], worker.streams_of(5, 1)[0]).positions(33_333, 99_999)
    assert np.array_equal(lon, one.ra.deg[33_333:99_999])
    assert np.array_equal(lat, one.dec.deg[33_333:99_999])


def test_seeds():
    mask = Mask.full()
    assert np.array_equal(mask.random(5, seed=1).ra, mask.random(5, seed=np.random.SeedSequence(1)).ra)
    assert not np.any(mask.random(5, seed=1).ra == mask.random(5, seed=2).ra)
    assert not np.any(mask.random(5).ra == mask.random(5).ra)
    rng, same = np.random.default_rng(3), np.random.default_rng(3)
    first, second = mask.random(5, seed=rng), mask.random(5, seed=rng)
    assert not np.any(first.ra == second.ra)
    assert np.array_equal(first.ra, mask.random(5, seed=same).ra)
    # These numbers must not change from version to version.
    found = mask.random(2, seed=1)
    assert np.allclose(found.ra.deg, PINNED[0], rtol=0, atol=1e-12)
    assert np.allclose(found.dec.deg, PINNED[1], rtol=0, atol=1e-12)


PINNED = ([70.25291458906216, 96.52019303790978], [32.93581920975608, -63.40200704147254])


def test_a_seed_sequence_is_left_as_it_is():
    seed = np.random.SeedSequence(1)
    Mask.full(energy=AXIS).random(5, seed=seed)
    assert seed.n_children_spawned == 0


# ---------------------------------------------------------------------- numbers


def test_density():
    mask = Mask.from_zone(lat=("0 deg", "30 deg"), order=5)
    assert mask.random(density=2 / u.deg**2, seed=1).size == round(2 * mask.area.value)
    numbers = [mask.random(density="0.01 deg-2", poisson=True, seed=seed).size for seed in range(300)]
    mean = 0.01 * mask.area.value
    # The dispersion of a Poisson distribution.
    statistic = np.sum((np.array(numbers) - mean) ** 2) / mean
    assert 0.001 < stats.chi2(300).cdf(statistic) < 0.999


def test_density_with_energy_gives_a_list():
    planes = [RangeSet.from_cells([1, 2], 2), RangeSet.empty(2), RangeSet.from_cells([1], 2)]
    found = Mask(planes, energy=AXIS).random(density="1 deg-2", seed=1)
    assert [one.shape for one in found] == [(430,), (0,), (215,)]


def test_no_positions():
    assert Mask.empty().random(0).shape == (0,)
    assert Mask.empty(energy=AXIS).random(0).shape == (3, 0)
    assert Mask.empty().random(density="3 deg-2", poisson=True).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give n, a number of positions, or density"),
        ({"n": 1, "density": "1 deg-2"}, "not both"),
        ({"n": -1}, "n must be at least 0"),
        ({"n": 1.5}, "n must be an integer"),
        ({"n": True}, "n must be an integer"),
        ({"n": 1, "poisson": True}, "poisson is for density"),
        ({"density": 3}, "density must be a Quantity or a string"),
        ({"density": "3 deg"}, "density must be a number per area"),
        ({"density": [1, 2] / u.deg**2}, "density must be one value"),
        ({"density": -1 / u.deg**2}, "density must be finite, not negative"),
        ({"density": np.nan / u.deg**2}, "density must be finite"),
        ({"n": 1, "seed": 1.5}, "seed must be an integer"),
        ({"n": 1, "seed": -1}, "seed must be at least 0"),
        ({"n": 1, "n_threads": 0}, "n_threads must be at least 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Mask.full().random(**arguments)


def test_a_mask_that_keeps_nothing():
    with pytest.raises(ValueError, match="the mask keeps nothing: there is no place for 3 random positions"):
        Mask.empty().random(3)
    planes = [RangeSet.full(0), RangeSet.empty(0), RangeSet.full(0)]
    with pytest.raises(ValueError, match="bin 1 of the mask keeps nothing"):
        Mask(planes, energy=AXIS).random(3)
