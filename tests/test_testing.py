"""The comparison for tests: what it lets pass and what it says."""

import re

import astropy.units as u
import pytest
from hypothesis import given
from strategies import masks

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.testing import assert_masks_equal

AXIS = EnergyAxis([1, 10, 100] * u.GeV)
ONE = RangeSet.from_cells([0], 1)


@given(masks())
def test_equal(mask):
    assert_masks_equal(mask, ~~mask)
    assert_masks_equal(mask, mask.at_order(mask.order + 1), order=False)


@given(masks(), masks())
def test_agrees_with_equality(a, b):
    try:
        assert_masks_equal(a, b, order=False)
    except AssertionError:
        assert a != b
    else:
        assert a == b


@pytest.mark.parametrize(
    ("a", "b", "lines"),
    [
        (Mask.full(frame="icrs"), Mask.full(frame="galactic"), ["frame: 'icrs' and 'galactic'"]),
        (Mask.full(order=3), Mask.full(order=5), ["order: 3 and 5"]),
        (
            Mask.full(),
            Mask.full(energy=AXIS),
            ["energy: None and EnergyAxis([1, 10, 100] GeV, name='energy', interp='log')"],
        ),
        (
            Mask.full(energy=EnergyAxis([1, 11, 100] * u.GeV)),
            Mask.full(energy=AXIS),
            ["energy: edge 1 is 11.0 GeV and 10.0 GeV in EnergyAxis([1, 11, 100] GeV, "],
        ),
        (
            Mask(ONE),
            Mask.empty(order=1),
            ["sky: 859.44 deg2 (0.02083 of the sky) in the first only, none in the second only"],
        ),
        (
            Mask([RangeSet.full(1), RangeSet.empty(1)], energy=AXIS),
            Mask([RangeSet.full(1), ONE], energy=AXIS),
            ["bin 1 (10 to 100 GeV): none in the first only, 859.44 deg2 (0.02083 of the sky) in the second"],
        ),
        (
            Mask(ONE, frame="galactic", order=2),
            Mask(~ONE, frame="galactic", order=3),
            ["order: 2 and 3", "sky: 859.44 deg2"],
        ),
    ],
)
def test_message(a, b, lines):
    pattern = r"(?s)^masks differ\n" + ".*".join("  " + re.escape(line) for line in lines)
    with pytest.raises(AssertionError, match=pattern):
        assert_masks_equal(a, b)


def test_message_of_many_bins():
    axis = EnergyAxis(range(1, 10) * u.TeV)
    with pytest.raises(AssertionError, match=r"bin 4 (?s:.*)and 3 more of 8 bins") as error:
        assert_masks_equal(Mask.full(energy=axis), Mask.empty(energy=axis))
    assert "bin 5" not in str(error.value)


@pytest.mark.parametrize("pair", [(Mask.full(), None), (ONE, Mask.full())])
def test_no_mask(pair):
    with pytest.raises(TypeError, match="must be a Mask, got"):
        assert_masks_equal(*pair)
