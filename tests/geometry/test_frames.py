"""Frames: rotations and positions against astropy, and the errors at the door."""

import re

import astropy.units as u
import numpy as np
import oracles
import pytest
from astropy.coordinates import (
    CIRS,
    FK5,
    GCRS,
    ICRS,
    ITRS,
    TETE,
    AltAz,
    Angle,
    CartesianRepresentation,
    EarthLocation,
    Galactic,
    GeocentricTrueEcliptic,
    HADec,
    Latitude,
    Longitude,
    PrecessedGeocentric,
    SkyCoord,
    SphericalRepresentation,
    UnitSphericalRepresentation,
    get_body,
)
from astropy.time import Time
from astropy.utils import iers
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask._utils.arguments import as_angle
from hpmask.geometry import frames


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
    with pytest.raises(ValueError, match=r"^coord must be finite, 2 of 4 positions are not, the first in row 1: lon="):
        frames.to_lonlat(sky, "icrs")


@pytest.mark.parametrize("source", frames.FRAMES)
def test_masked_positions_are_no_positions(source):
    lat = Masked([1.0, 2.0, 3.0] * u.deg, mask=[False, False, True])
    sky = SkyCoord([10, 20, 30] * u.deg, lat, frame=source)
    with pytest.raises(ValueError, match=r"^coord must not be masked, 1 of 3 values are, the first in row 2$"):
        frames.to_lonlat(sky, "icrs")


@pytest.mark.parametrize("bad", [5, (10, 20), [1, 2], None, "nowhere", np.zeros(3), ICRS()])
def test_what_is_no_position(bad):
    with pytest.raises(TypeError, match=r"^center must be a SkyCoord, got "):
        frames.as_skycoord(bad, "center")


def test_frames_without_a_way():
    with pytest.raises(ValueError, match=r"^coord, in 'altaz', cannot be transformed to 'icrs': "):
        frames.to_lonlat(AltAz(az=1 * u.deg, alt=2 * u.deg), "icrs")


def test_check_frame():
    assert frames.check_frame("icrs") == "icrs"
    assert frames.check_frame("Galactic") == "galactic"
    for bad in ("fk5", "", None, 3, ICRS()):
        with pytest.raises(ValueError, match="frame must be 'icrs' or 'galactic', got "):
            frames.check_frame(bad)


@pytest.mark.parametrize("angle", ["0.3 deg", "18 arcmin", 0.3 * u.deg, Angle("0.3d"), 1080 * u.arcsec])
def test_as_angle(angle):
    assert as_angle(angle, "radius").to_value(u.deg) == pytest.approx(0.3, rel=1e-14)


@pytest.mark.parametrize(
    ("angle", "error", "message"),
    [
        (0.3, TypeError, "width must be a Quantity or a string such as '0.3 deg', got 0.3"),
        ([1, 2], TypeError, "width must be a Quantity"),
        (None, TypeError, "width must be a Quantity"),
        (3 * u.m, ValueError, "width must be an angle, got the unit 'm'"),
        ("3", ValueError, "width must be an angle with a unit, such as '3 deg', got 3.0 without one"),
        ("wide", ValueError, "width must be an angle such as '0.3 deg', got 'wide'"),
        ("3 TeV", ValueError, "width must be an angle, got the unit 'TeV'"),
    ],
)
def test_bad_angles(angle, error, message):
    with pytest.raises(error, match=re.escape(message)):
        as_angle(angle, "width")


# ---------------------------------------------------------------------- directions

TIME = Time("2023-05-18T12:00")
PARANAL = EarthLocation.from_geodetic(-70.4 * u.deg, -24.6 * u.deg, 2600 * u.m)
HERE = {"obstime": TIME, "location": PARANAL}


@pytest.fixture
def bundled_iers():
    with iers.conf.set_temp("auto_download", False):
        yield


def satellite(**frame):
    """A place 400 km above the Earth, east of Paranal, relative to the origin of an ITRS."""
    place = EarthLocation.from_geodetic(-66 * u.deg, -23 * u.deg, 400 * u.km).get_itrs(TIME).cartesian
    origin = frame["location"].get_itrs(TIME).cartesian if "location" in frame else place * 0
    return SkyCoord(ITRS(place - origin, obstime=TIME, **frame))


def bodies():
    for name in ("moon", "sun", "jupiter"):
        body = get_body(name, TIME, PARANAL)
        yield name, body
        yield f"{name} from the geocentre", get_body(name, TIME)
        for frame in (
            AltAz(**HERE),
            HADec(**HERE),
            CIRS(**HERE),
            TETE(**HERE),
            ITRS(**HERE),
            PrecessedGeocentric(obstime=TIME),
            GeocentricTrueEcliptic(obstime=TIME),
        ):
            yield f"{name} in {frame.name}", body.transform_to(frame)
    yield "satellite from the geocentre", satellite()
    yield "satellite from Paranal", satellite(location=PARANAL)


@pytest.mark.parametrize("target", frames.FRAMES)
def test_bodies_are_where_they_are_seen(bundled_iers, target):
    # A star in this direction, infinitely far away, is seen where the body is.
    for name, body in bodies():
        star = SkyCoord(*frames.to_lonlat(body, target), unit="rad", frame=target).transform_to(body.frame)
        own = SkyCoord(body.data.represent_as(UnitSphericalRepresentation), frame=body.frame.replicate_without_data())
        # Light is bent by the Sun in a way that astropy inverts less well in its face.
        assert star.separation(own) < (1e-3 if "sun" in name else 1e-6) * u.arcsec, name


def test_the_moon_is_at_its_right_ascension(bundled_iers):
    # Aberration is all that is between a GCRS position and the same numbers in ICRS: 20.5 arcsec at most.
    moon = get_body("moon", TIME, PARANAL)
    seen = SkyCoord(*frames.to_lonlat(moon, "icrs"), unit="rad")
    assert seen.separation(SkyCoord(moon.ra, moon.dec)) < 21 * u.arcsec
    assert seen.separation(moon.icrs) > 160 * u.deg


def test_satellites_and_their_observers(bundled_iers):
    geocentric, topocentric = (
        SkyCoord(*frames.to_lonlat(one, "icrs"), unit="rad") for one in (satellite(), satellite(location=PARANAL))
    )
    expected = satellite().transform_to(GCRS(obstime=TIME))
    there = geocentric.transform_to(GCRS(obstime=TIME))
    assert abs(there.ra - expected.ra) < 1e-6 * u.arcsec
    assert abs(there.dec - expected.dec) < 1e-6 * u.arcsec
    expected = satellite(location=PARANAL).transform_to(AltAz(**HERE))
    there = topocentric.transform_to(AltAz(**HERE))
    assert abs(there.alt - expected.alt) < 1e-6 * u.arcsec
    assert abs(there.az - expected.az) < 1e-6 * u.arcsec
    assert geocentric.separation(topocentric) > 10 * u.deg


@pytest.mark.parametrize("source", ["icrs", "galactic", "fk5", "fk4", "lsr", "hcrs", "heliocentrictrueecliptic"])
@pytest.mark.parametrize("target", frames.FRAMES)
@pytest.mark.parametrize("distance", [3.0, 5e7, np.nan])
def test_parallaxes_do_not_move_stars(source, target, distance):
    bare = random_sky(50, source, seed=3)
    angles = bare.data
    far = np.full(50, distance) * u.pc
    stars = SkyCoord(SphericalRepresentation(angles.lon, angles.lat, far), frame=source)
    np.testing.assert_array_equal(frames.to_lonlat(stars, target), frames.to_lonlat(bare, target))
    if source == target:
        np.testing.assert_array_equal(frames.to_lonlat(stars, target), [angles.lon.rad, angles.lat.rad])


def test_motions_do_not_move_stars():
    star = SkyCoord(
        10 * u.deg,
        20 * u.deg,
        3 * u.pc,
        obstime=Time("J2015.5"),
        frame="icrs",
        pm_ra_cosdec=5 * u.arcsec / u.yr,
        pm_dec=3 * u.arcsec / u.yr,
        radial_velocity=100 * u.km / u.s,
    )
    np.testing.assert_array_equal(frames.to_lonlat(star, "icrs"), np.radians([10, 20]))
    expected = SkyCoord(10, 20, unit="deg").galactic
    np.testing.assert_allclose(frames.to_lonlat(star, "galactic"), [expected.l.rad, expected.b.rad], rtol=0, atol=1e-15)


def test_masked_distances_make_no_difference():
    stars = SkyCoord([10, 20] * u.deg, [1, 2] * u.deg, Masked([3, 4] * u.pc, mask=[False, True]))
    np.testing.assert_array_equal(frames.to_lonlat(stars, "icrs"), np.radians([[10, 20], [1, 2]]))


def test_galactocentric_places_are_seen_from_here():
    # Nobody looks from the Galactic centre.
    place = SkyCoord(x=[-4, 3] * u.kpc, y=[2, -9] * u.kpc, z=[0.1, 1] * u.kpc, frame="galactocentric")
    expected = place.icrs
    np.testing.assert_allclose(frames.to_lonlat(place, "icrs"), [expected.ra.rad, expected.dec.rad], rtol=0, atol=1e-15)


def test_the_origin_is_in_no_direction(bundled_iers):
    places = SkyCoord(ITRS(CartesianRepresentation(np.array([[1, 0]] * 3), unit=u.km), obstime=TIME))
    with pytest.raises(ValueError, match=r"^coord must be finite, 1 of 2 positions are not, the first in row 1: lon=n"):
        frames.to_lonlat(places, "icrs")


def test_directions_are_not_copied():
    lon, lat = np.array([10.0, 20.0]), np.array([1.0, 2.0])
    coord = SkyCoord(lon, lat, unit="deg")
    for some in (coord, SkyCoord(coord.ra, coord.dec, [1, 2] * u.pc, copy=False)):
        data = frames.directions(some, "coord").data
        assert np.shares_memory(data.lon, some.data.lon)
        assert np.shares_memory(data.lat, some.data.lat)


# ---------------------------------------------------------------------- single precision


@examples(50)
@given(
    lon=st.lists(st.floats(0, 359.5, width=32), min_size=1, max_size=5),
    lat=st.lists(st.floats(-90, 90, width=32), min_size=5, max_size=5),
    source=st.sampled_from(["icrs", "galactic", "fk4", "geocentrictrueecliptic"]),
    target=st.sampled_from(frames.FRAMES),
    unit=st.sampled_from([u.deg, u.hourangle, u.rad]),
    distance=st.sampled_from([None, 3.0]),
    cartesian=st.booleans(),
)
def test_single_precision_is_what_its_numbers_are_in_double(lon, lat, source, target, unit, distance, cartesian):
    lon = np.float32(lon) if unit is u.deg else np.float32(lon) / np.float32(60)
    lat = np.float32(lat[: lon.size])
    answers = []
    for kind in (np.float32, np.float64):
        angles = [Longitude(lon.astype(kind), unit), Latitude(lat.astype(kind), u.deg)]
        if distance is None:
            data = UnitSphericalRepresentation(*angles)
        else:
            data = SphericalRepresentation(*angles, np.full(lon.size, distance, dtype=kind) * u.pc)
        if cartesian:
            # The numbers of single precision, in both.
            first = SphericalRepresentation(Longitude(lon, unit), Latitude(lat, u.deg), np.ones(lon.size, "f4") * u.pc)
            xyz = first.to_cartesian().xyz.value.astype(np.float32)
            data = CartesianRepresentation(xyz.astype(kind), unit=u.pc)
        answers.append(frames.to_lonlat(SkyCoord(data, frame=source), target))
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("sign", [1, -1])
def test_poles_of_single_precision(sign):
    # float32(pi / 2) is above pi / 2.
    pole = SkyCoord(np.float32([0]), np.float32([sign * np.pi / 2]), unit="rad")
    _, lat = frames.to_lonlat(pole, "icrs")
    assert lat[0] == sign * np.pi / 2


@given(value=st.floats(0, 180, width=32), unit=st.sampled_from([u.deg, u.arcmin, u.rad]))
def test_angles_of_single_precision(value, unit):
    angle = as_angle(u.Quantity(np.float32(value), unit), "width")
    assert angle.dtype == np.float64
    assert angle.to_value(u.rad) == (value * unit).to_value(u.rad)


@pytest.mark.parametrize("mask", [True, [False, True]])
def test_masked_angles_are_no_angles(mask):
    where = ", 1 of 2 values are, the first in row 1" if isinstance(mask, list) else ""
    with pytest.raises(ValueError, match=f"^width must not be masked{where}$"):
        as_angle(Masked(np.ones(np.shape(mask)) * u.deg, mask=mask), "width")
    angle = as_angle(Masked(np.ones(np.shape(mask)) * u.deg, mask=np.zeros_like(mask)), "width")
    assert not isinstance(angle, Masked)
