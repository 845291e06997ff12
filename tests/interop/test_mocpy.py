"""To and from mocpy."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC, STMOC, TimeMOC
from profiles import examples

from hpmask import EnergyAxis, Mask, RangeSet


@given(order=st.integers(0, 29), cells=st.lists(st.integers(0, 12 * 4**29 - 1), max_size=20), flip=st.booleans())
@examples(200)
def test_there_and_back(order, cells, flip):
    plane = RangeSet.from_cells([cell >> 2 * (29 - order) for cell in cells], order)
    mask = Mask(~plane if flip else plane)
    moc = mask.to_moc()
    assert moc.max_order == order
    np.testing.assert_array_equal(moc.to_depth29_ranges, mask.planes[0].ranges)
    assert moc.sky_fraction == pytest.approx(mask.sky_fraction, rel=1e-12)
    again = Mask.from_moc(moc)
    assert (again, again.order, again.frame) == (mask, order, "icrs")


def test_what_mocpy_makes():
    moc = MOC.from_cone(Longitude("10 deg"), Latitude("89 deg"), radius=3 * u.deg, max_depth=9)
    mask = Mask.from_moc(moc)
    assert mask.order == 9
    np.testing.assert_array_equal(np.sort(mask.planes[0].cells()), np.sort(moc.flatten()))
    assert Mask.from_moc(~moc) == ~mask


def test_masks_that_are_no_moc():
    with pytest.raises(ValueError, match=r"2 bins.*reduce\('any'\)"):
        Mask.full(energy=EnergyAxis([1, 2, 3] * u.TeV)).to_moc()
    with pytest.raises(ValueError, match=r"the mask is galactic.*to_frame\('icrs'\)"):
        Mask.full(frame="galactic").to_moc()


@pytest.mark.parametrize(
    "other",
    [TimeMOC.from_times(Time([2460000.5], format="jd", scale="tcb")), STMOC.new_empty(3, 3), None, "3/4"],
    ids=lambda other: type(other).__name__,
)
def test_things_that_are_no_space_moc(other):
    with pytest.raises(TypeError, match=f"must be a mocpy.MOC.*got {type(other).__name__}"):
        Mask.from_moc(other)


def test_the_array_of_the_moc_is_not_the_masks():
    mask = Mask(RangeSet.from_cells([5], 3))
    moc = mask.to_moc()
    ranges = moc.to_depth29_ranges
    ranges[:] = 0
    assert mask == Mask(RangeSet.from_cells([5], 3)) == Mask.from_moc(moc)
