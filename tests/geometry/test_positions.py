"""Positions from text."""

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask.geometry.positions import parse_position


@pytest.mark.parametrize(
    "text",
    [
        "83.633 22.014",
        "83.633, 22.014",
        "83.633deg 22.014deg",
        "05h34m31.92s +22d00m50.4s",
        "05:34:31.92 +22:00:50.4",
    ],
)
def test_icrs(text):
    expected = SkyCoord(83.633, 22.014, unit="deg")
    assert parse_position(text).separation(expected) < 1e-6 * u.deg


@pytest.mark.parametrize("text", ["184.5 -5.75", "184d30m -5d45m", "184:30:00 -05:45:00"])
def test_galactic(text):
    expected = SkyCoord(184.5, -5.75, unit="deg", frame="galactic")
    assert parse_position(text, "galactic").separation(expected) < 1e-6 * u.deg


@pytest.mark.parametrize("text", ["", "12", "Crab nebula", "nan 3", "1 2 3", "10 95", "inf 0"])
def test_no_position(text):
    with pytest.raises(ValueError, match="a position must be like"):
        parse_position(text)
