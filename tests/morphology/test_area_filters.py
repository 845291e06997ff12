"""Holes filled, small parts removed, the largest kept: against scipy's components, one by one."""

import numpy as np
import oracles
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import range_sets

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.morphology.area_filters import fill_holes, keep_largest, remove_small
from hpmask.morphology.components import Labelled, count

pytest.importorskip("healpy")
pytest.importorskip("scipy")


@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("order", [0, 2, 4, 5])
def test_filters_by_scipys_components(order, connectivity):
    rng = np.random.default_rng(order)
    cell = 4 * np.pi / (12 << 2 * order)
    for inside in oracles.speckled(rng, order):
        plane = RangeSet.from_cells(np.flatnonzero(inside), order)
        parts = oracles.components(inside, order, connectivity)
        gaps = oracles.components(~inside, order, 12 - connectivity)
        for size in (0, 1, 3, 10):
            stay = [group for group in parts if group.size >= size]
            expected = np.sort(np.concatenate([np.empty(0, int), *stay]))
            assert np.array_equal(remove_small(plane, size * cell, connectivity).cells(), expected)
            filled = inside.copy()
            for group in gaps:
                filled[group] |= group.size <= size
            assert np.array_equal(fill_holes(plane, size * cell, connectivity).cells(), np.flatnonzero(filled))
            expected = np.sort(np.concatenate([np.empty(0, int), *parts[:size]]))
            assert np.array_equal(keep_largest(plane, size, connectivity).cells(), expected)
        filled = np.ones_like(inside)
        filled[gaps[0] if gaps else []] = False
        assert np.array_equal(fill_holes(plane, None, connectivity).cells(), np.flatnonzero(filled))


@examples(60)
@given(range_sets(), st.sampled_from([4, 8]), st.floats(0, 13), st.integers(0, 4))
def test_laws(plane, connectivity, area, n):
    filled = fill_holes(plane, area, connectivity)
    assert plane.issubset(filled)
    assert fill_holes(filled, area, connectivity) == filled
    # The holes of a set are the small parts of its complement.
    assert filled == ~remove_small(~plane, np.nextafter(area * (1 + 2e-12), 20), 12 - connectivity)
    large = remove_small(plane, area, connectivity)
    assert large.issubset(plane)
    assert remove_small(large, area, connectivity) == large
    kept = keep_largest(plane, n, connectivity)
    assert kept.issubset(plane)
    assert count(kept, connectivity) == min(n, count(plane, connectivity))
    assert count(~fill_holes(plane, None, connectivity), 12 - connectivity) <= 1


def test_ring_of_cells_that_touch_at_corners_has_a_hole():
    """The four neighbours of a cell over its edges touch each other at corners only."""
    around = oracles.neighbours(4, 4)
    plane = RangeSet.from_cells(around[700], 4)
    assert count(plane, 8) == 1
    assert fill_holes(plane) == plane | RangeSet.from_cells([700], 4)
    assert fill_holes(plane, connectivity=4) == plane


def test_an_area_that_a_part_has_keeps_it_whatever_the_unit():
    rng = np.random.default_rng(1)
    mask = Mask(RangeSet.from_cells(np.flatnonzero(rng.random(12 << 10) < 0.3), 5))
    parts = mask.components()
    for unit in (u.deg**2, u.arcsec**2, u.sr, u.arcmin**2, u.rad**2):
        for area in np.unique(parts.area):
            kept = mask.remove_small(area.to(unit))
            assert kept.n_components() == np.sum(parts.area >= 0.999 * area)
            assert (~(~mask).fill_holes(area.to(unit), connectivity=4)).n_components() == np.sum(
                parts.area > 1.001 * area
            )


def test_of_equal_parts_the_first_stay():
    plane = RangeSet.from_cells([300, 5, 100], 4)
    assert keep_largest(plane, 2).cells().tolist() == [5, 100]


def test_methods_of_masks():
    crab = SkyCoord(83.633, 22.014, unit="deg")
    disc, core, far = (
        Mask.from_cones(center, radius, order=9)
        for center, radius in ((crab, "2 deg"), (crab, "1 deg"), (SkyCoord(0, 0, unit="deg"), "0.3 deg"))
    )
    ring = (disc - core) | far
    assert ring.fill_holes() == ring.fill_holes("3.3 deg2") == disc | far
    assert ring.fill_holes(3 * u.deg**2) == ring
    assert ring.remove_small("1 deg2") == ring.keep_largest() == disc - core
    assert ring.remove_small("300 arcmin2") == ring.keep_largest(2) == ring
    assert ring.keep_largest(0) == Mask.empty()
    # The largest gap is taken for the outside.
    assert (~ring).fill_holes() == ~(disc - core)
    assert ring.remove_small("1 deg2").history.endswith(".remove_small(1 deg2, connectivity=8)")


def test_planes_one_by_one_and_equal_ones_once(monkeypatch):
    axis = EnergyAxis([1, 10, 100, 1000] * u.GeV)
    a, b = RangeSet.from_cells([1, 100, 101], order=3), RangeSet.from_cells([5, 6, 7, 90], order=3)
    mask = Mask([a, b, a], energy=axis)
    made = []

    class Counted(Labelled):
        def __init__(self, *arguments):
            made.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr("hpmask.morphology.area_filters.Labelled", Counted)
    largest = mask.keep_largest()
    assert len(made) == 2
    assert [plane.cells().tolist() for plane in largest.planes] == [[100, 101], [5, 6, 7], [100, 101]]
    assert largest.energy == axis
    assert largest.planes[0] is largest.planes[2]


@pytest.mark.parametrize(
    ("area", "error", "message"),
    [
        (3, TypeError, "min_area must be a Quantity or a string such as '0.3 deg2', got 3"),
        ("3 deg", ValueError, "min_area must be an area such as '0.3 deg2', got the unit 'deg'"),
        ("small", ValueError, "min_area must be an area such as '0.3 deg2', got 'small'"),
        ([1, 2] * u.deg**2, TypeError, "min_area must be one area"),
        (-1 * u.deg**2, ValueError, "min_area must be finite and not negative, got -1"),
        (np.nan * u.sr, ValueError, "min_area must be finite and not negative, got nan"),
    ],
)
def test_bad_areas(area, error, message):
    with pytest.raises(error, match=message):
        Mask.full().remove_small(area)
    with pytest.raises(error, match=message.replace("min_area", "max_area")):
        Mask.full().fill_holes(area)


@pytest.mark.parametrize(("n", "error"), [(1.0, TypeError), (True, TypeError), (-1, ValueError)])
def test_bad_numbers_of_parts(n, error):
    with pytest.raises(error, match="n must be"):
        Mask.full().keep_largest(n)
