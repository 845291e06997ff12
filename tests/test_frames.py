"""Frames: rotations and positions against astropy, and the errors at the door."""

import re

import astropy.units as u
import numpy as np
import oracles
import pytest
from astropy.coordinates import FK5, ICRS, AltAz, Angle, Galactic, SkyCoord
from astropy.utils.masked import Masked

from hpmask import frames


def random_sky(n, frame, seed=1):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 2 * np.pi, n), np.arcsin(rng.uniform(-1, 1, n))
    return SkyCoord(lon * u.rad, lat * u.rad, frame=frame)


@pytest.mark.parametrize("source", frames.FRAMES)
@pytest.mark.parametrize("target", frames.FRAMES)
def test_rotation(source, target):
    matrix = frames.rotation(source, target)
    sky = random_sky(2000, source)
    expected = sky.transform_to(target).cartesian.xyz.value.T
    np.testing.assert_allclose(sky.cartesian.xyz.value.T @ matrix.T, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), rtol=0, atol=1e-15)
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-15)
    np.testing.assert_allclose(matrix, frames.rotation(target, source).T, rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 2


def test_rotation_of_known_points():
    # The north Galactic pole and the ascending node, from the Hipparcos catalogue (vol. 1, 1.5.3).
    pole = oracles.unit_vectors(*np.radians([192.85948, 27.12825]))
    np.testing.assert_allclose(frames.rotation("icrs", "galactic") @ pole, [0, 0, 1], rtol=0, atol=1e-6)
    node = oracles.unit_vectors(*np.radians([32.93192, 0]))
    assert abs((frames.rotation("galactic", "icrs") @ node)[2]) < 1e-6


@pytest.mark.parametrize("source", ["icrs", "galactic", "fk5", "fk4", "barycentricmeanecliptic"])
@pytest.mark.parametrize("target", frames.FRAMES)
def test_to_lonlat(source, target):
    sky = random_sky(500, source)
    lon, lat = frames.to_lonlat(sky, target)
    expected = sky.transform_to(target).spherical
    np.testing.assert_allclose(lon, expected.lon.rad, rtol=0, atol=1e-14)
    np.testing.assert_allclose(lat, expected.lat.rad, rtol=0, atol=1e-14)
    assert lon.dtype == lat.dtype == np.float64
    assert lon.flags.c_contiguous
    assert lat.flags.c_contiguous


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 3), (0,), (0, 2)])
@pytest.mark.parametrize("target", frames.FRAMES)
def test_shapes_of_positions(shape, target):
    sky = SkyCoord(np.full(shape, 10.0), np.full(shape, 20.0), unit="deg")
    lon, lat = frames.to_lonlat(sky, target)
    assert lon.shape == lat.shape == shape


def test_kinds_of_positions():
    expected = frames.to_lonlat(SkyCoord(10, 20, unit="deg"), "icrs")
    for coord in (
        ICRS(10 * u.deg, 20 * u.deg),
        SkyCoord(10 * u.deg, 20 * u.deg, 3 * u.kpc),
        SkyCoord(10 * u.deg, 20 * u.deg, pm_ra_cosdec=1 * u.mas / u.yr, pm_dec=2 * u.mas / u.yr),
        SkyCoord(10, 20, unit="deg").transform_to(Galactic()),
        SkyCoord(10, 20, unit="deg").transform_to(FK5(equinox="J1975")),
        "00h40m00s +20d00m00s",
    ):
        np.testing.assert_allclose(frames.to_lonlat(coord, "icrs"), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("source", frames.FRAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_positions_must_be_finite(source, bad):
    with np.errstate(invalid="ignore"):
        sky = SkyCoord([10, bad, 20, bad], [1, 2, 3, 4], unit="deg", frame=source)
    with pytest.raises(ValueError, match=re.escape("finite, 2 of 4 are not, the first in row 1")):
        frames.to_lonlat(sky, "icrs")


@pytest.mark.parametrize("source", frames.FRAMES)
def test_masked_positions_are_no_positions(source):
    lat = Masked([1.0, 2.0, 3.0] * u.deg, mask=[False, False, True])
    sky = SkyCoord([10, 20, 30] * u.deg, lat, frame=source)
    with pytest.raises(ValueError, match=re.escape("1 of 3 are not, the first in row 2")):
        frames.to_lonlat(sky, "icrs")


@pytest.mark.parametrize("bad", [5, (10, 20), [1, 2], None, "nowhere", np.zeros(3), ICRS()])
def test_what_is_no_position(bad):
    with pytest.raises(TypeError, match=r"^center must be a SkyCoord, got "):
        frames.as_skycoord(bad, "center")


def test_frames_without_a_way():
    with pytest.raises(ValueError, match="^coord, in 'altaz', cannot be brought to 'icrs': "):
        frames.to_lonlat(AltAz(az=1 * u.deg, alt=2 * u.deg), "icrs")


def test_check_frame():
    assert frames.check_frame("icrs") == "icrs"
    assert frames.check_frame("Galactic") == "galactic"
    for bad in ("fk5", "", None, 3, ICRS()):
        with pytest.raises(ValueError, match="frame must be 'icrs' or 'galactic', got "):
            frames.check_frame(bad)


@pytest.mark.parametrize("angle", ["0.3 deg", "18 arcmin", 0.3 * u.deg, Angle("0.3d"), 1080 * u.arcsec])
def test_as_angle(angle):
    assert frames.as_angle(angle, "radius").to_value(u.deg) == pytest.approx(0.3, rel=1e-14)


@pytest.mark.parametrize(
    ("angle", "error", "message"),
    [
        (0.3, TypeError, "width must be a Quantity or a string such as '0.3 deg', got 0.3"),
        ([1, 2], TypeError, "width must be a Quantity"),
        (None, TypeError, "width must be a Quantity"),
        (3 * u.m, ValueError, "width must be an angle, got the unit 'm'"),
        ("3", ValueError, "width must be an angle, got the unit ''"),
        ("wide", ValueError, "width must be an angle such as '0.3 deg', got 'wide'"),
        ("3 TeV", ValueError, "width must be an angle, got the unit 'TeV'"),
    ],
)
def test_bad_angles(angle, error, message):
    with pytest.raises(error, match=re.escape(message)):
        frames.as_angle(angle, "width")
