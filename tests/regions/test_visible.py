"""The sky that is seen from a site: astropy's AltAz at all cell centres as the referee."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers
from astropy.utils.exceptions import AstropyWarning
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import Mask
from hpmask.geometry import healpix

PARANAL = EarthLocation.from_geodetic(-70.4045 * u.deg, -24.6272 * u.deg, 2669 * u.m)
NIGHT = Time("2024-06-10 01:00") + np.arange(0, 9, 3) * u.hour


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nothing is downloaded, whatever astropy's settings are."""

    def refused(*args, **options):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", refused)


def altaz(site, time, order, frame="icrs", **air):
    """Altitude and azimuth, in degrees, of all cell centres, as astropy transforms them."""
    lon, lat = healpix.centres(np.arange(12 << 2 * order, dtype=np.uint64), order)
    with iers.conf.set_temp("auto_download", False):
        seen = SkyCoord(lon, lat, unit="rad", frame=frame).transform_to(AltAz(obstime=time, location=site, **air))
    return seen.alt.deg, seen.az.deg


def cells(mask):
    return mask.to_healpix(order=mask.order, nest=True)


def seen(site, time, **options):
    """The mask; a cap without a cell centre is not what these tests are about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\d of \d zones? holds? no cell centre")
        return Mask.visible(site, time, **options)


SITES = st.builds(
    lambda lon, lat, height: EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, height * u.m),
    st.floats(-180, 180),
    st.sampled_from([-90.0, 0.0, 90.0]) | st.floats(-90, 90),
    st.floats(-400, 9000),
)
TIMES = st.builds(lambda days: Time("2000-01-01") + days * u.day, st.floats(0, 9200))
ALTITUDES = st.sampled_from([-90.0, -30.0, 0.0, 30.0, 89.0, 90.0]) | st.floats(-90, 90)


class TestAltitude:
    @pytest.mark.deep
    @examples(100)
    @given(site=SITES, time=TIMES, low=ALTITUDES, order=st.integers(0, 6), frame=st.sampled_from(["icrs", "galactic"]))
    def test_all_cell_centres(self, site, time, low, order, frame):
        mask = seen(site, time, min_altitude=low * u.deg, order=order, frame=frame)
        assert mask.order == order
        assert mask.frame == frame
        altitude, _ = altaz(site, time, order, frame)
        assert np.array_equal(cells(mask), altitude >= low)

    @pytest.mark.deep
    @examples(50)
    @given(site=SITES, time=TIMES, edges=st.tuples(ALTITUDES, ALTITUDES).map(sorted), order=st.integers(0, 6))
    def test_rings(self, site, time, edges, order):
        low, high = edges
        mask = seen(site, time, min_altitude=low * u.deg, max_altitude=high * u.deg, order=order)
        altitude, _ = altaz(site, time, order)
        assert np.array_equal(cells(mask), (altitude >= low) & (altitude <= high))

    @examples(50)
    @given(site=SITES, time=TIMES, airmass=st.floats(1, 40))
    def test_airmass(self, site, time, airmass):
        mask = seen(site, time, max_airmass=airmass, order=5)
        altitude, _ = altaz(site, time, 5)
        assert np.array_equal(cells(mask), 1 / np.sin(np.radians(np.clip(altitude, 1e-6, 90))) <= airmass)

    @pytest.mark.deep
    @examples(50)
    @given(
        site=SITES,
        time=TIMES,
        low=st.floats(-20, 89),
        pressure=st.floats(1, 1100),
        temperature=st.floats(-30, 40),
        humidity=st.floats(0, 1),
    )
    def test_refraction(self, site, time, low, pressure, temperature, humidity):
        air = {
            "pressure": pressure * u.hPa,
            "temperature": temperature * u.deg_C,
            "relative_humidity": humidity,
            "obswl": 0.6 * u.um,
        }
        mask = seen(site, time, min_altitude=low * u.deg, order=6, **air)
        altitude, _ = altaz(site, time, 6, **air)
        assert np.array_equal(cells(mask), altitude >= low)

    def test_refraction_shows_more(self):
        bare, air = (Mask.visible(PARANAL, NIGHT[0], order=9, **o) for o in ({}, {"pressure": 1000 * u.hPa}))
        assert bare < air
        assert (air - bare) <= Mask.visible(PARANAL, NIGHT[0], min_altitude="-1 deg", order=9)

    def test_where_the_sun_bends_the_light(self):
        """The edge runs past the limb of the Sun, where the light of stars is bent by more than an arcsecond."""
        time = Time("2024-06-10 11:45")
        sun = get_sun(time)
        # Cells of 6.4 arcsec, up to three radii of the Sun away.
        around = Mask.from_cones(sun, "0.8 deg", order=10)
        # Just above its limb.
        low = float(sun.transform_to(AltAz(obstime=time, location=PARANAL)).alt.deg) + 0.3
        mask = Mask.visible(PARANAL, time, min_altitude=low * u.deg, order=15) & around
        edge = Mask.visible(PARANAL, time, min_altitude=(low - 0.005) * u.deg, order=10) & around
        edge -= Mask.visible(PARANAL, time, min_altitude=(low + 0.005) * u.deg, order=10, mode="inside")
        some = edge.at_order(15).planes[0].cells()
        lon, lat = healpix.centres(some, 15)
        altitude = SkyCoord(lon, lat, unit="rad").transform_to(AltAz(obstime=time, location=PARANAL)).alt.deg
        assert 0.1 < (altitude >= low).mean() < 0.9
        assert np.array_equal(mask.contains_cells(some, 15), altitude >= low)

    def test_horizon_is_the_default(self):
        assert Mask.visible(PARANAL, NIGHT, order=7) == Mask.visible(PARANAL, NIGHT, min_altitude="0 deg", order=7)

    def test_few_cells_are_transformed(self, monkeypatch):
        asked = []
        original = SkyCoord.transform_to

        def counted(coord, target, **options):
            asked.append(coord.size)
            return original(coord, target, **options)

        monkeypatch.setattr(SkyCoord, "transform_to", counted)
        Mask.visible(PARANAL, NIGHT[0], min_altitude="30 deg", order=10)
        assert sum(asked) < 4000


class TestAzimuth:
    @pytest.mark.deep
    @examples(100)
    @given(
        site=SITES,
        time=TIMES,
        low=ALTITUDES,
        start=st.sampled_from([0.0, 90.0, -90.0]) | st.floats(-360, 720),
        width=st.sampled_from([90.0, 180.0, 270.0]) | st.floats(0.5, 359.5),
        frame=st.sampled_from(["icrs", "galactic"]),
    )
    def test_all_cell_centres(self, site, time, low, start, width, frame):
        azimuth = (start, start + width) * u.deg
        mask = seen(site, time, min_altitude=low * u.deg, azimuth=azimuth, order=6, frame=frame)
        altitude, angle = altaz(site, time, 6, frame)
        expected = (altitude >= low) & ((angle - start) % 360 < width)
        assert np.array_equal(cells(mask), expected)

    def test_neighbours_share_nothing(self):
        turns = np.array([0, 75, 200, 360])
        parts = [
            Mask.visible(PARANAL, NIGHT[1], min_altitude="20 deg", azimuth=pair * u.deg, order=7)
            for pair in pairwise(turns)
        ]
        whole = Mask.visible(PARANAL, NIGHT[1], min_altitude="20 deg", order=7)
        assert parts[0] | parts[1] | parts[2] == whole
        assert sum(part.sky_fraction for part in parts) == pytest.approx(whole.sky_fraction, rel=1e-12)
        assert Mask.visible(PARANAL, NIGHT[1], min_altitude="20 deg", azimuth=("0 deg", "360 deg"), order=7) == whole


class TestTimes:
    def test_any_and_all(self):
        each = [Mask.visible(PARANAL, time, max_airmass=2, order=7) for time in NIGHT]
        once = Mask.visible(PARANAL, NIGHT, max_airmass=2, order=7)
        always = Mask.visible(PARANAL, NIGHT, max_airmass=2, order=7, how="all")
        assert once == each[0] | each[1] | each[2]
        assert always == each[0] & each[1] & each[2]
        assert Mask.visible(PARANAL, NIGHT.reshape(3, 1), max_airmass=2, order=7) == once

    def test_what_stands_for_a_time(self):
        one = Mask.visible(PARANAL, Time("2024-06-10T01:00:00"), order=6)
        for time in ("2024-06-10 01:00", Time("2024-06-10 01:00").datetime, Time("2024-06-10 01:00").tdb):
            assert Mask.visible(PARANAL, time, order=6) == one
        assert Mask.visible(PARANAL, ["2024-06-10 01:00", "2024-06-10 01:00"], order=6) == one

    def test_astroplan(self):
        astroplan = pytest.importorskip("astroplan")
        rng = np.random.default_rng(3)
        targets = SkyCoord(rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200))), unit="deg")
        observer = astroplan.Observer(location=PARANAL)
        limit = astroplan.AirmassConstraint(max=2)
        for how, function in (("any", astroplan.is_observable), ("all", astroplan.is_always_observable)):
            with iers.conf.set_temp("auto_download", False):
                expected = function(limit, observer, [astroplan.FixedTarget(one) for one in targets], times=NIGHT)
            mask = Mask.visible(PARANAL, NIGHT, max_airmass=2, order=12, how=how)
            assert np.array_equal(mask.contains(targets), expected)


class TestModes:
    @pytest.mark.deep
    @examples(30)
    @given(site=SITES, time=TIMES, low=st.floats(-60, 80), wide=st.booleans(), order=st.integers(2, 5))
    def test_nested(self, site, time, low, wide, order):
        options = {"min_altitude": low * u.deg, "azimuth": (20, 250 if wide else 80) * u.deg}
        inside, center, overlap = (
            seen(site, time, order=order, mode=mode, **options) for mode in ("inside", "center", "overlap")
        )
        assert inside <= center <= overlap
        # Points of cells, four orders finer.
        points = seen(site, time, order=order + 4, **options)
        assert points.at_order(order, mode="overlap") <= overlap
        assert inside <= points.at_order(order, mode="inside")
        # And no more than cells at the edge.
        finer = seen(site, time, order=order + 4, mode="overlap", **options)
        assert overlap <= finer.at_order(order, mode="overlap")


class TestBodies:
    def test_moon(self):
        """Avoidance of the Moon is a disc around the direction in which it is seen."""
        moon = get_body("moon", NIGHT, PARANAL)
        mask = Mask.from_cones(moon, "30 deg", order=6)
        lon, lat = healpix.centres(np.arange(12 << 12, dtype=np.uint64), 6)
        for k, time in enumerate(NIGHT):
            here = AltAz(obstime=time, location=PARANAL)
            away = SkyCoord(lon, lat, unit="rad").transform_to(here).separation(moon[k].transform_to(here))
            # Aberration differs by up to 20 arcsec over 30 deg.
            inner, outer = away < 29.99 * u.deg, away < 30.01 * u.deg
            disc = cells(Mask.from_cones(moon[k], "30 deg", order=6))
            assert not (inner & ~disc).any()
            assert not (disc & ~outer).any()
            assert not (disc & ~cells(mask)).any()


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            (
                {"site": SkyCoord(1, 2, unit="deg")},
                TypeError,
                "site must be an EarthLocation or its name, got Sk",
            ),
            ({"site": "no such place"}, ValueError, "site 'no such place' is not among the sites that astropy has"),
            (
                {"site": EarthLocation.from_geodetic([1, 2] * u.deg, [3, 4] * u.deg)},
                ValueError,
                r"site must be one place, got an array of shape \(2,\)",
            ),
            ({"time": 60000.0}, TypeError, "time must be a Time or a text such as '2026-12-01 03:00', got 60000.0"),
            (
                {"time": "tonight"},
                ValueError,
                "time must be a Time or a text such as .*, got 'tonight'",
            ),
            ({"time": NIGHT[:0]}, ValueError, "time must have at least one time"),
            ({"min_altitude": 30}, TypeError, "min_altitude must be a Quantity"),
            ({"min_altitude": "91 deg"}, ValueError, "min_altitude must be from -90 to 90 deg, got 91 deg"),
            ({"min_altitude": [1, 2] * u.deg}, ValueError, "min_altitude must be one angle"),
            ({"max_altitude": "-91 deg"}, ValueError, "max_altitude must be from -90 to 90 deg"),
            (
                {"min_altitude": "30 deg", "max_altitude": "20 deg"},
                ValueError,
                "max_altitude must be at least min_altitude, 30 deg, got 20 deg",
            ),
            ({"max_airmass": 0.9}, ValueError, "max_airmass must be at least 1, got 0.9"),
            ({"max_airmass": "2"}, TypeError, "max_airmass must be a number of at least 1, got '2'"),
            (
                {"max_airmass": 2, "min_altitude": "30 deg"},
                TypeError,
                "min_altitude and max_airmass exclude each other",
            ),
            ({"azimuth": "90 deg"}, ValueError, "azimuth must be a pair of angles"),
            ({"azimuth": ("90 deg", "90 deg")}, ValueError, "azimuth must be two different"),
            ({"how": "always"}, ValueError, "how must be 'any' or 'all', got 'always'"),
            ({"mode": "centre"}, ValueError, "mode must be 'center', 'overlap' or 'inside', got 'centre'"),
            ({"frame": "fk5"}, ValueError, "frame must be 'icrs' or 'galactic', got 'fk5'"),
            ({"temperature": 10 * u.deg_C}, TypeError, "temperature needs pressure"),
            ({"pressure": 700}, TypeError, "pressure must be a Quantity"),
            ({"order": 5, "resolution": "1 deg"}, TypeError, "order and resolution exclude each other"),
        ],
    )
    def test_arguments(self, options, error, message):
        with pytest.raises(error, match=message):
            Mask.visible(**{"site": PARANAL, "time": NIGHT} | options)

    def test_masked_times(self):
        time = Time(["2024-06-10", "2024-06-11"])
        time[1] = np.ma.masked
        with pytest.raises(ValueError, match="time must not be masked"):
            Mask.visible(PARANAL, time, order=3)


class TestEarthRotation:
    def test_old_predictions(self, monkeypatch):
        """Predictions of a year ago are used: astropy would download new ones, or fail."""
        last = Time(iers.IERS_Auto.open().meta["predictive_mjd"], format="mjd")
        monkeypatch.setattr("astropy.utils.iers.iers.Time.now", lambda: last + 400 * u.day)
        with iers.conf.set_temp("auto_max_age", None):
            altitude, _ = altaz(PARANAL, last + 100 * u.day, 5)
        assert np.array_equal(cells(Mask.visible(PARANAL, last + 100 * u.day, order=5)), altitude >= 0)
        assert iers.conf.auto_download
        assert iers.conf.auto_max_age == 30

    @pytest.mark.filterwarnings("ignore:ERFA function")
    def test_times_beyond_the_tables(self):
        """As in astropy: a warning, and the precision of some arcseconds."""
        with pytest.warns(AstropyWarning, match="IERS"):
            mask = Mask.visible(PARANAL, "2080-01-01", order=4)
        assert 0.45 < mask.sky_fraction < 0.55


def test_names_of_sites(monkeypatch):
    monkeypatch.setattr(EarthLocation, "of_site", classmethod(lambda cls, name: PARANAL))
    assert Mask.visible("paranal", NIGHT, order=5) == Mask.visible(PARANAL, NIGHT, order=5)


def test_order_and_history():
    mask = Mask.visible(PARANAL, NIGHT[0], min_altitude="30 deg")
    # A quarter of the sky.
    assert mask.sky_fraction == pytest.approx(0.25, rel=0.01)
    assert mask.history == f"visible(altitude 30 to 90 deg, at 2024-06-10 01:00:00 UTC, order={mask.order} chosen)"
    mask = Mask.visible(PARANAL, NIGHT, max_airmass=2, azimuth=("90 deg", "0 deg"), resolution="1 deg", how="all")
    assert mask.history == (
        "visible(azimuth 90 to 360 deg, altitude 30 to 90 deg, at all of 3 times from 2024-06-10 01:00:00 UTC, "
        "order=6 from resolution 1 deg)"
    )
    with pytest.warns(UserWarning, match="1 of 1 zone holds no cell centre at order 3"):
        assert Mask.visible(PARANAL, NIGHT[0], min_altitude="89.99 deg", order=3).is_empty


@pytest.mark.parametrize(("altitude", "order"), [("89.9999 deg", 29), ("30 deg", 22), ("0 deg", 29)])
def test_orders_that_would_take_all_memory(altitude, order):
    with pytest.raises(ValueError, match=rf"order must be at most \d+ here, got {order}: about .* cells lie along"):
        Mask.visible(PARANAL, NIGHT[0], min_altitude=altitude, order=order)
