"""To and from boolean HEALPix maps, with healpy as the referee."""

import time
import tracemalloc

import healpy
import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask._kernels import cells

AXIS = EnergyAxis([0.1, 1, 10, 100] * u.TeV)


def some_map(order, seed=0, part=0.5):
    return np.random.default_rng(seed).random(12 * 4**order) < part


@given(
    order=st.integers(0, 5),
    seed=st.integers(0, 10**6),
    part=st.sampled_from([0, 0.01, 0.5, 0.99, 1]),
    nest=st.booleans(),
    dtype=st.sampled_from([bool, np.uint8, np.int64, np.float32, ">f8"]),
)
@examples(150)
def test_full_map_there_and_back(order, seed, part, nest, dtype):
    values = some_map(order, seed, part)
    mask = Mask.from_healpix(values.astype(dtype), nest=nest, frame="galactic")
    assert (mask.order, mask.frame) == (order, "galactic")
    nested = np.flatnonzero(values)
    nested = nested if nest else healpy.ring2nest(1 << order, nested)
    assert mask == Mask(RangeSet.from_cells(nested, order), frame="galactic")
    back = mask.to_healpix(nest=nest)
    assert back.dtype == bool
    np.testing.assert_array_equal(back, values)
    np.testing.assert_array_equal(
        mask.to_healpix(nest=not nest), healpy.reorder(values, r2n=not nest, n2r=nest).astype(bool)
    )


@given(order=st.integers(0, 29), seed=st.integers(0, 10**6), nest=st.booleans())
@examples(100)
def test_explicit_cells(order, seed, nest):
    rng = np.random.default_rng(seed)
    cells = np.unique(rng.integers(0, 12 * 4**order, 30))
    rng.shuffle(cells)
    values = rng.random(cells.size) < 0.7
    mask = Mask.from_healpix(values, nest=nest, frame="icrs", cells=cells, order=order)
    kept = cells[values] if nest else healpy.ring2nest(1 << order, cells[values])
    assert mask == Mask(RangeSet.from_cells(kept, order))
    assert mask.order == order


@pytest.mark.parametrize("nest", [True, False])
def test_energy(nest):
    values = np.array([some_map(4, seed) for seed in (1, 2, 1)])
    mask = Mask.from_healpix(values, nest=nest, frame="icrs", energy=AXIS)
    for row, plane in zip(values, mask.planes, strict=True):
        assert Mask(plane) == Mask.from_healpix(row, nest=nest, frame="icrs")
    assert mask.planes[0] is mask.planes[2]
    np.testing.assert_array_equal(mask.to_healpix(nest=nest), values)
    one = Mask.from_healpix(values[0], nest=nest, frame="icrs", energy=AXIS)
    assert one.energy == AXIS
    assert one.planes[0] is one.planes[1] is one.planes[2]
    cells = np.arange(100)
    part = Mask.from_healpix(values[:, :100], nest=nest, frame="icrs", cells=cells, order=4, energy=AXIS)
    wanted = np.zeros_like(values)
    wanted[:, :100] = values[:, :100]
    np.testing.assert_array_equal(part.to_healpix(nest=nest), wanted)


def test_maps_at_other_orders():
    mask = Mask(RangeSet.from_cells([0, 1, 2, 3, 7], 1))
    fine = mask.to_healpix(order=3, nest=True)
    np.testing.assert_array_equal(fine, np.repeat(mask.to_healpix(nest=True), 16))
    np.testing.assert_array_equal(
        mask.to_healpix(order=0, nest=True), mask.at_order(0, mode="center").to_healpix(nest=True)
    )


def test_nothing_at_all():
    empty = Mask.from_healpix([], nest=True, frame="icrs", cells=[], order=7)
    assert empty == Mask.empty()
    assert empty.order == 7


@pytest.mark.parametrize(
    ("values", "options", "fault"),
    [
        (np.ones(13), {}, r"12 \* 4\*\*order values, got 13"),
        # nside 3 is one of RING maps, but not of nested cells.
        (np.ones(12 * 9), {}, "got 108"),
        (np.ones(12), {"order": 1}, "order is 1, but a map of 12 values has order 0"),
        (np.ones((2, 12)), {}, r"shape \(n_cells,\), got \(2, 12\)"),
        (np.ones((2, 12)), {"energy": AXIS}, r"\(3, n_cells\), got \(2, 12\)"),
        (np.ones((1, 3, 12)), {"energy": AXIS}, "got"),
        (np.array([1] * 6 + [0.5] * 6), {}, r"the first at 6: 0\.5; Mask.from_map takes a threshold"),
        (np.array([1] * 6 + [np.nan] * 6), {}, "the first at 6: nan"),
        (np.array([1] * 6 + [healpy.UNSEEN] * 6), {}, "the first at 6: -1.6375"),
        (np.arange(12), {}, "the first at 2: 2"),
        (-np.ones(12, int), {}, "12 values of 12 are not, the first at 0: -1"),
        (np.array([[0] * 12, [1] * 12, [1, 3] * 6]), {"energy": AXIS}, r"the first at \(2, 1\): 3"),
        (np.ma.masked_equal([1] * 11 + [0], 0), {}, "row 11 is masked"),
        (np.ones(3), {"cells": [1, 2, 3]}, "give it as order="),
        (np.ones(3), {"cells": [1, 2], "order": 1}, "2 cells and 3 values"),
        (np.ones(3), {"cells": [1, 2, 48], "order": 1}, "0 to 47, row 2 is 48"),
        (np.ones(3), {"cells": [1, -2, 4], "order": 1}, "0 to 47, row 1 is -2"),
        (np.zeros(4), {"cells": [5, 6, 5, 6], "order": 1}, "row 2 is 5 again"),
        (np.ones(1), {"cells": [1], "order": 30}, "order must be from 0 to 29"),
    ],
)
def test_bad_values(values, options, fault):
    for nest in (True, False):
        with pytest.raises(ValueError, match=fault):
            Mask.from_healpix(values, nest=nest, frame="icrs", **options)


@pytest.mark.parametrize(
    ("values", "options", "fault"),
    [
        (np.array(["a"] * 12), {}, "boolean, or 0 and 1"),
        (np.ones(12, complex), {}, "boolean, or 0 and 1"),
        ("mask.fits", {}, r"an array, got 'mask.fits': Mask.read\(\.\.\.\) reads a file"),
        (np.ones(2), {"cells": [1.0, 2.0], "order": 1}, "1-D integers, got float64"),
        (np.ones(4), {"cells": [[1, 2], [3, 4]], "order": 1}, "1-D integers"),
    ],
)
def test_values_of_other_kinds(values, options, fault):
    with pytest.raises(TypeError, match=fault):
        Mask.from_healpix(values, nest=True, frame="icrs", **options)


def test_a_masked_array_with_nothing_masked():
    values = np.ma.MaskedArray(some_map(2), mask=False)
    assert Mask.from_healpix(values, nest=True, frame="icrs") == Mask.from_healpix(some_map(2), nest=True, frame="icrs")


def test_a_map_that_is_too_large():
    with pytest.raises(ValueError, match=r"order 16.*48 GiB"):
        Mask.full(order=16).to_healpix()
    with pytest.raises(ValueError, match=r"3 x 12884901888 cells.*coarser"):
        Mask.full(energy=AXIS).to_healpix(order=15)


def test_large_maps_take_linear_time_and_memory():
    values = np.zeros(12 * 4**9, dtype=bool)
    values[1_000_000:1_700_000] = True
    for nest in (True, False):
        start = time.perf_counter()
        mask = Mask.from_healpix(values, nest=nest, frame="icrs")
        # 0.1 s here; a loop over cells takes a hundred times as long.
        assert time.perf_counter() - start < 2
        tracemalloc.start()
        np.testing.assert_array_equal(mask.to_healpix(nest=nest), values)
        Mask.from_healpix(values, nest=nest, frame="icrs")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * values.size


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("part", [0, 0.001, 0.02, 0.3, 0.8, 1])
def test_ring_maps_as_healpy_reorders_them(order, part):
    values = some_map(order, order, part)
    nested = healpy.reorder(values.astype(np.uint8), r2n=True).astype(bool)
    mask = Mask.from_healpix(values, nest=False, frame="icrs")
    assert mask == Mask(RangeSet.from_cells(np.flatnonzero(nested), order))
    np.testing.assert_array_equal(mask.to_healpix(), values)
    np.testing.assert_array_equal(mask.to_healpix(nest=True), nested)


@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize("sky", [RangeSet.from_cells([77], 4), ~RangeSet.from_cells([77], 4), RangeSet.full(3)])
def test_a_map_is_the_only_large_array(sky, nest):
    order, n_cells = 10, 12 * 4**10
    tracemalloc.start()
    values = Mask(sky).to_healpix(order=order, nest=nest)
    assert tracemalloc.get_traced_memory()[1] < 1.05 * n_cells
    tracemalloc.reset_peak()
    assert Mask.from_healpix(values, nest=nest, frame="icrs") == Mask(sky)
    assert tracemalloc.get_traced_memory()[1] < 1.35 * n_cells
    tracemalloc.stop()


def test_a_real_mask(data):
    path = data("masks/namaster_mask_nside256.fits.gz")
    values = healpy.read_map(path)
    mask = Mask.from_healpix(values == 1, nest=False, frame="galactic")
    assert mask.sky_fraction == pytest.approx(0.392700, abs=1e-6)
    assert 12 * 256**2 - mask.planes[0].n_cells == 477_600
    np.testing.assert_array_equal(mask.to_healpix(), values == 1)


def test_a_partial_map_and_the_same_map_in_full(data):
    from astropy.table import Table

    table = Table.read(data("masks/redmapper_test_dr8_mask.fit"))
    cells = np.asarray(table["HPIX"], dtype=np.int64)
    mask = Mask.from_healpix(np.ones(cells.size, bool), nest=False, frame="icrs", cells=cells, order=11)
    assert mask.planes[0].n_cells == 4096
    assert mask.area.to_value("deg2") == pytest.approx(3.357175, abs=1e-6)
    full = np.zeros(12 * 4**11, dtype=bool)
    full[cells] = True
    assert Mask.from_healpix(full, nest=False, frame="icrs") == mask


@pytest.mark.parametrize("order", range(8))
def test_reading_ring_maps(order):
    """Against healpy, for maps of noise and of large areas, from any cell on."""
    rng = np.random.default_rng(order)
    n = 12 << (2 * order)
    nested = healpy.nest2ring(1 << order, np.arange(n))
    for values in (rng.integers(0, 256, n), np.arange(n) * 31 // n % 2, np.ones(n), np.arange(n) == n // 3):
        full = values.astype(np.uint8)
        for start, stop in [(0, n), *np.sort(rng.integers(0, n + 1, (6, 2)))]:
            found = np.full(stop - start, 7, dtype=np.uint8)
            cells.read_ring(full, order, start, found)
            np.testing.assert_array_equal(found, full[nested[start:stop]])


def test_ring_maps_of_more_than_2_to_31_cells():
    """The kernels count cells in 64 bits. An array of zeros takes no memory until it is written."""
    order = 14
    full = np.zeros(12 << (2 * order), dtype=np.uint8)
    cell = full.size - 1
    cells.set_ring(np.array([cell, cell + 1], dtype=np.uint64), order, 1, full)
    assert full[healpy.nest2ring(1 << order, cell)] == 1
    back = np.zeros(2, dtype=np.uint8)
    cells.read_ring(full, order, cell - 1, back)
    assert back.tolist() == [0, 1]
