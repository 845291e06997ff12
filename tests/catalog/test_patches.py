"""Patches of equal area: they tile the mask, have equal numbers of cells, and are found by one search."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

import hpmask
from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.catalog.patches import Patches
from tests._support.profiles import examples
from tests._support.strategies import low_sets, range_sets

METHODS = ["compact", "curve"]


def check(mask, n, method):
    """The masks of the patches, which tile the mask in equal parts."""
    found = mask.patches(n, method=method)
    masks = list(found)
    assert len(masks) == len(found) == n
    counts = [one.planes[0].n_cells for one in masks]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) == mask.planes[0].n_cells
    # The cells of all of them are as many as those of the mask, so none of them share any.
    union = hpmask.union_all(masks)
    assert union == mask
    assert union.order == mask.order
    for one in masks:
        # Boundaries that a valid set has.
        RangeSet(one.planes[0].ranges, one.order)
    return found, masks


@examples(100)
@given(range_sets(), st.integers(1, 40), st.sampled_from(METHODS))
def test_any_set(plane, n, method):
    if plane.n_cells >= n:
        check(Mask(plane), n, method)


@examples(60)
@given(low_sets(), st.integers(1, 40), st.sampled_from(METHODS))
def test_small_sets(pair, n, method):
    plane, cells = pair
    if len(cells) >= n:
        _, masks = check(Mask(plane), n, method)
        assert sorted(cell for one in masks for cell in one.planes[0].cells(plane.order).tolist()) == sorted(cells)


@pytest.mark.parametrize("method", METHODS)
def test_numbers_are_those_of_the_masks(method):
    holes = Mask.from_cones(Mask.full().random(200, seed=1), "3 deg", order=8)
    mask = Mask.from_zone(lat=("-10 deg", "60 deg"), order=8) - holes
    found, masks = check(mask, 23, method)
    where = Mask.full().random(20_000, seed=2)
    numbers = found.numbers(where, n_threads=2)
    expected = np.full(where.size, -1)
    for k, one in enumerate(masks):
        expected[one.contains(where)] = k
    assert np.array_equal(numbers, expected)
    assert np.array_equal(found.numbers(where, n_threads=1), expected)
    assert np.array_equal(found.numbers(where.galactic), expected)
    assert np.array_equal(found.numbers(Table({"ra": where.ra, "dec": where.dec})), expected)
    assert np.array_equal(found.numbers(where.ra.deg, where.dec.deg), expected)
    assert found.numbers(where[:6].reshape(2, 3)).shape == (2, 3)
    assert found.numbers(where[0]) == expected[0]
    assert isinstance(found.numbers(where[0]), int)


def test_the_check_fires():
    patches = list(Mask.full(order=3).patches(4))
    assert hpmask.union_all(patches[:3]) != Mask.full()
    assert (
        hpmask.union_all([*patches[:3], patches[3] - Mask(RangeSet.from_cells(patches[3].planes[0].cells()[:1], 3))])
        != Mask.full()
    )


@pytest.mark.parametrize(("sky", "n"), [("full", 13), ("full", 50), ("cap", 20), ("holes", 30), ("strip", 16)])
def test_compact_patches_are_compact(sky, n):
    mask = {
        "full": lambda: Mask.full(order=9),
        "cap": lambda: Mask.from_cones(SkyCoord(30, 60, unit="deg"), "15 deg", order=10),
        "holes": lambda: ~Mask.from_cones(Mask.full().random(3000, seed=3), "1 deg", order=9),
        "strip": lambda: Mask.from_zone(("300 deg", "60 deg"), ("-1.25 deg", "1.25 deg"), order=11),
    }[sky]()

    def spreads(method):
        """Root mean square distances from the middle of each patch, in those of a disc of its area."""
        sizes = []
        for one in mask.patches(n, method=method):
            vectors = one.random(2000, seed=1).cartesian.xyz.value.T
            middle = vectors.mean(axis=0)
            area = one.area.to_value(u.sr)
            sizes.append(np.sqrt(np.mean(np.sum((vectors - middle) ** 2, axis=1)) / (area / (2 * np.pi))))
        return np.array(sizes)

    compact = spreads("compact")
    # A rectangle with sides of 2 to 1 has 1.14; the holes of a mask increase the spread.
    assert compact.max() < 1.6
    assert compact.mean() < spreads("curve").mean()


def test_two_fields_are_not_mixed():
    fields = Mask.from_cones(SkyCoord([180, 0], [10, 0], unit="deg"), [5, 5] * u.deg, order=9)
    patches = fields.patches(8)
    # The fields differ by some cells, which one patch needs from the other field.
    east = [np.mean(np.abs(one.random(1000, seed=1).ra.wrap_at("180d").deg) > 90) for one in patches]
    assert all(part < 0.01 or part > 0.99 for part in east)


def test_jackknife():
    mask = Mask.from_zone(lat=("0 deg", "90 deg"), order=7)
    patches = mask.patches(10)
    rest = mask - patches[3]
    assert rest == hpmask.union_all([one for k, one in enumerate(patches) if k != 3])
    assert np.allclose(patches.areas.value, mask.area.value / 10, rtol=1e-3)
    assert patches.areas.unit == u.deg**2


def test_the_class():
    mask = Mask.full(order=4, frame="galactic")
    patches = mask.patches(6)
    assert repr(patches) == "<Patches: 6 patches of 6875 deg2>"
    assert repr(mask.patches(1)) == "<Patches: 1 patch of 4.125e+04 deg2>"
    assert patches.mask is mask
    assert patches[-1] == patches[5]
    assert patches[1:3] == [patches[1], patches[2]]
    assert patches[2].history.endswith("patches(6)[2]")
    assert mask.patches(2, method="curve")[1].history.endswith("patches(2, method='curve')[1]")
    assert patches[0].frame == "galactic"
    again = pickle.loads(pickle.dumps(patches))
    assert list(again) == list(patches)
    with pytest.raises(IndexError, match="patch 6 is not one of 6 patches"):
        patches[6]
    with pytest.raises(TypeError, match="index of patches"):
        patches["a"]
    with pytest.raises(TypeError, match=r"patches are made by Mask\.patches"):
        Patches()


def test_arguments():
    with pytest.raises(ValueError, match="n must be at least 1"):
        Mask.full().patches(0)
    with pytest.raises(TypeError, match="n must be an integer"):
        Mask.full().patches(2.0)
    with pytest.raises(ValueError, match="method must be 'compact' or 'curve'"):
        Mask.full().patches(2, method="kmeans")
    with pytest.raises(ValueError, match="n is 13, but the mask has 12 cells at its order 0"):
        Mask.full().patches(13)
    with pytest.raises(ValueError, match="take one bin of it"):
        Mask.full(energy=EnergyAxis([1, 2, 3] * u.TeV)).patches(2)
    with pytest.raises(ValueError, match="positions"):
        Mask.full().patches(2).numbers(SkyCoord(np.nan, 0, unit="deg"))
