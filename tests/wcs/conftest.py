"""Fixtures that the tests of hpmask.wcs share."""

import warnings

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask, RangeSet


@pytest.fixture
def maps():
    """gammapy.maps, or the test is skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("gammapy.maps", exc_type=ImportError)


@pytest.fixture
def energy_mask():
    axis = EnergyAxis([0.1, 0.3, 1, 7, 30] * u.TeV)
    star = SkyCoord(83.6, 22.0, unit="deg")
    small, large = (Mask.from_cones(star, radius, order=10).planes[0] for radius in ("0.5 deg", "1.4 deg"))
    return Mask([~large, ~small, ~small, RangeSet.full(10)], energy=axis)
