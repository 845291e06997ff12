"""Ranges with counts: the kernel against a dictionary of numbers, and the class against full maps."""

from __future__ import annotations

import copy
import pickle

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

import hpmask
from hpmask._kernels import depth as kernel
from hpmask.core import coverage as worker
from hpmask.core.coverage import Coverage, coverage_of

_BEYOND = np.uint64(2**64 - 1)
_PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), max_size=15)


def counts_of(pairs):
    """The count of each number from 0 to 30."""
    return [sum(start <= k < stop for start, stop in pairs) for k in range(31)]


def ranges_of(counts):
    """The ranges on which counts of all numbers are constant and positive."""
    found = []
    for k, count in enumerate(counts):
        if count and found and found[-1][1] == k and found[-1][2] == count:
            found[-1][1] = k + 1
        elif count:
            found.append([k, k + 1, count])
    return found


def run(function, *arguments):
    """The ranges and counts that a kernel writes, with any room; it writes nothing beyond."""
    n = function(*arguments, np.empty(0, np.uint64), np.empty(0, np.int32))
    for room in range(n + 2):
        boundaries, counts = np.full(2 * room + 1, _BEYOND), np.full(room + 1, -1, dtype=np.int32)
        assert function(*arguments, boundaries[:-1], counts[:-1]) == n
        assert boundaries[-1] == _BEYOND
        assert counts[-1] == -1
        if room >= n:
            rows = np.column_stack([boundaries[: 2 * n].reshape(-1, 2).astype(int), counts[:n]])
        else:
            assert (counts[:-1] > 0).all()
    return rows.tolist()


def levels(pairs):
    starts, stops = np.array(pairs, dtype=np.uint64).reshape(-1, 2).T.copy()
    return worker.levels_of(starts, stops)


@given(_PAIRS)
def test_levels(pairs):
    starts, stops = np.sort(np.array(pairs, dtype=np.uint64).reshape(-1, 2), axis=0).T.copy()
    assert run(kernel.levels, starts, stops) == ranges_of(counts_of(pairs))


@given(_PAIRS, _PAIRS)
def test_added(one, other):
    assert run(kernel.added, *levels(one), *levels(other)) == ranges_of(counts_of(one + other))


@given(st.lists(_PAIRS, max_size=9))
def test_sums_of_many(lists):
    boundaries, counts = worker.summed(levels(pairs) for pairs in lists)
    rows = np.column_stack([boundaries.reshape(-1, 2).astype(int), counts])
    assert rows.tolist() == ranges_of(counts_of([pair for pairs in lists for pair in pairs]))


def test_kernels_check_their_arguments():
    two, one, counts = np.array([3, 5], np.uint64), np.array([3], np.uint64), np.ones(1, np.int32)
    for call in (
        lambda: kernel.levels(two, one, two.copy(), counts.copy()),
        lambda: kernel.levels(one, one, one.copy(), counts.copy()),
        lambda: kernel.added(one, counts, two, counts, two.copy(), counts.copy()),
        lambda: kernel.added(two, counts, one, counts, two.copy(), counts.copy()),
        lambda: kernel.added(two, counts, two, counts, one.copy(), counts.copy()),
    ):
        with pytest.raises(ValueError, match=r"one length|two boundaries"):
            call()
    most = np.full(1, 2**31 - 1, np.int32)
    with pytest.raises(OverflowError, match="more than"):
        kernel.added(two, most, two, counts, two.copy(), counts.copy())


# ---------------------------------------------------------------------- the class


def random_coverage(seed, order=3, *, n=40, frame="icrs"):
    """A coverage of random ranges of cells, and its full NESTED map."""
    rng = np.random.default_rng(seed)
    n_cells = 12 << 2 * order
    first = rng.integers(0, n_cells, n)
    stop = np.minimum(first + rng.integers(1, n_cells // 4, n), n_cells)
    full = np.array([((first <= k) & (k < stop)).sum() for k in range(n_cells)])
    shift = np.uint64(2 * (29 - order))
    starts, stops = first.astype(np.uint64) << shift, stop.astype(np.uint64) << shift
    return coverage_of(worker.levels_of(starts, stops), order, frame, "random"), full


EMPTY = coverage_of(worker.summed([]), 3, "icrs", "nothing")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("order", [0, 3, 5])
def test_full_maps(seed, order):
    coverage, full = random_coverage(seed, order)
    nested = coverage.to_healpix(nest=True)
    assert nested.dtype == np.int32
    np.testing.assert_array_equal(nested, full)
    np.testing.assert_array_equal(coverage.to_healpix(), healpy.reorder(full, n2r=True))
    np.testing.assert_array_equal(coverage.to_healpix(order=order + 2, nest=True), full.repeat(16))
    np.testing.assert_array_equal(coverage.to_healpix(order=order + 1), healpy.reorder(full.repeat(4), n2r=True))
    for coarse in range(order):
        lon, lat = healpy.pix2ang(1 << coarse, np.arange(12 << 2 * coarse), lonlat=True)
        at_centres = coverage.at(SkyCoord(lon, lat, unit="deg"))
        np.testing.assert_array_equal(coverage.to_healpix(order=coarse), at_centres)
        for least in (1, 2, 5):
            mask = coverage.at_least(least)
            np.testing.assert_array_equal(mask.to_healpix(order=coarse), at_centres >= least)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_look_ups(frame):
    coverage, full = random_coverage(4, 5, frame=frame)
    rng = np.random.default_rng(5)
    coord = SkyCoord(rng.uniform(0, 360, (7, 30)), rng.uniform(-90, 90, (7, 30)), unit="deg", frame="fk5")
    there = coord.transform_to(frame).represent_as("unitspherical")
    cells = healpy.ang2pix(32, there.lon.deg, there.lat.deg, nest=True, lonlat=True)
    counts = coverage.at(coord)
    assert counts.dtype == np.int32
    np.testing.assert_array_equal(counts, full[cells])
    np.testing.assert_array_equal(coverage.at(coord, n_threads=2), counts)
    assert coverage.at(coord[0, 0]) == full[cells[0, 0]]
    assert type(coverage.at(coord[0, 0])) is int
    assert coverage.at(coord[:0]).shape == (0, 30)
    for least in (1, 2, 7):
        np.testing.assert_array_equal(coverage.at_least(least).contains(coord), counts >= least)
    with pytest.raises(ValueError, match="coord"):
        coverage.at(SkyCoord([10, np.nan], [0, 0], unit="deg"))
    with pytest.raises(TypeError, match="SkyCoord"):
        coverage.at(3)


def test_look_ups_of_many_positions():
    coverage, full = random_coverage(6, 4)
    n = worker._CHUNK + 1000
    lon, lat = healpy.pix2ang(16, np.arange(n) % full.size, nest=True, lonlat=True)
    coord = SkyCoord(lon, lat, unit="deg")
    for n_threads in (1, 2):
        np.testing.assert_array_equal(coverage.at(coord, n_threads=n_threads), full[np.arange(n) % full.size])


@pytest.mark.parametrize("seed", range(3))
def test_at_least_is_a_mask(seed):
    coverage, full = random_coverage(seed)
    for least in (1, 2, int(full.max()), int(full.max()) + 1):
        mask = coverage.at_least(least)
        assert isinstance(mask, hpmask.Mask)
        assert (mask.order, mask.frame, mask.energy) == (3, "icrs", None)
        assert mask.history == f"random.at_least({least})"
        np.testing.assert_array_equal(mask.to_healpix(nest=True), full >= least)
        again = hpmask.RangeSet(mask.planes[0].ranges, 3)
        assert again == mask.planes[0]
    for wrong, error in ((0, ValueError), (1.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="count must be"):
            coverage.at_least(wrong)


def test_areas():
    coverage, full = random_coverage(1)
    expected = np.bincount(full) * healpy.nside2pixarea(8, degrees=True)
    assert coverage.areas().unit == u.deg**2
    np.testing.assert_allclose(coverage.areas().value, expected, rtol=1e-13)
    np.testing.assert_allclose(EMPTY.areas().value, [41252.961249419], rtol=1e-12)


def test_multi_order_maps():
    coverage, full = random_coverage(2)
    found = coverage.to_map()
    assert (found.frame, found.name, found.energy) == ("icrs", "COVERAGE", None)
    nested = np.zeros_like(full)
    for cell, order, count in zip(found.cells, found.orders, found.values, strict=True):
        wide = 4 ** (3 - int(order))
        nested[int(cell) * wide : (int(cell) + 1) * wide] = count
    np.testing.assert_array_equal(nested, full)
    # No four cells make up a larger one.
    numbers = found.cells.astype(int) + (found.orders.astype(int) << 40) + (found.values.astype(int) << 50)
    first = set(numbers[found.cells % 4 == 0].tolist()) - set(numbers[found.orders == 0].tolist())
    assert not any({one + 1, one + 2, one + 3} <= set(numbers.tolist()) for one in first)
    assert EMPTY.to_map().n_cells == 0


def test_ranges_and_counts():
    coverage, full = random_coverage(3)
    shift = np.uint64(52)
    assert [[a, b, c] for (a, b), c in zip((coverage.ranges >> shift).tolist(), coverage.counts.tolist(), strict=True)]
    rows = np.column_stack([(coverage.ranges >> shift).astype(int), coverage.counts])
    assert rows.tolist() == ranges_of(full.tolist())
    assert coverage.max == full.max()
    assert EMPTY.max == 0
    assert coverage.nbytes == 20 * len(rows)
    for array in (coverage.ranges, coverage.counts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_sums_and_equality():
    (a, full_a), (b, full_b) = random_coverage(3), random_coverage(4, 4)
    total = a + b
    assert (total.order, total.frame) == (4, "icrs")
    np.testing.assert_array_equal(total.to_healpix(nest=True), full_a.repeat(4) + full_b)
    assert total == b + a
    assert total != a
    assert a + EMPTY == a
    assert EMPTY + EMPTY == EMPTY
    assert a != random_coverage(3, frame="galactic")[0]
    assert a != "a"
    with pytest.raises(ValueError, match="frames"):
        a + random_coverage(3, frame="galactic")[0]
    with pytest.raises(TypeError):
        a + 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)


def test_copies_and_text():
    coverage, _ = random_coverage(3)
    for made in (pickle.loads(pickle.dumps(coverage)), copy.copy(coverage), copy.deepcopy(coverage)):
        assert made == coverage
        assert (made.order, made.frame, made.at_least(2).history) == (3, "icrs", "random.at_least(2)")
        assert not made.ranges.flags.writeable
    assert repr(EMPTY) == "<Coverage icrs order=3 | 0 ranges, no shapes>"
    with pytest.raises(TypeError, match=r"hpmask\.coverage"):
        Coverage()
