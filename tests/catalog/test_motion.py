"""Proper motions, against astropy's space motion."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask.catalog.columns import find_position
from hpmask.catalog.motion import at_epoch

BARNARD = {"ra": [269.44850], "dec": [4.73942], "pmra": [-801.551] * u.mas / u.yr, "pmdec": [10362.394] * u.mas / u.yr}


def moved(table, epoch, **options):
    table = table if isinstance(table, Table) else Table(table)
    position = find_position(table, None, None, None, "a table")
    lon, lat = position.degrees(table)
    lon, lat, text, n_still = at_epoch(table, position, lon, lat, epoch, **options)
    return SkyCoord(lon, lat, unit="deg", frame=position.frame), f"{text}, {n_still} still" if n_still else text


def by_astropy(coord, pm_lon, pm_lat, start, end):
    names = ("pm_l_cosb", "pm_b") if coord.frame.name == "galactic" else ("pm_ra_cosdec", "pm_dec")
    motion = dict(zip(names, (pm_lon, pm_lat), strict=True))
    lon, lat = coord.spherical.lon, coord.spherical.lat
    # Without a distance, astropy warns, and a far star would be as fast as light.
    star = SkyCoord(lon, lat, frame=coord.frame.name, distance=1 * u.pc, obstime=Time(start), **motion)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return star.apply_space_motion(Time(end))


@examples(100)
@given(
    st.floats(0, 360),
    st.floats(-89.9, 89.9),
    st.floats(-10_000, 10_000),
    st.floats(-10_000, 10_000),
    st.floats(1950, 2100),
    st.sampled_from(["icrs", "galactic"]),
)
def test_as_astropy(lon, lat, pm_lon, pm_lat, epoch, frame):
    names = ("l", "b", "pml", "pmb") if frame == "galactic" else ("ra", "dec", "pmra", "pmdec")
    rates = [pm_lon], [pm_lat]
    table = Table([[lon], [lat], *(rate * u.mas / u.yr for rate in rates)], names=names)
    got, _ = moved(table, f"J{epoch}", catalog_epoch="J2000.0")
    start = SkyCoord([lon], [lat], unit="deg", frame=frame)
    rates = ([pm_lon] * u.mas / u.yr, [pm_lat] * u.mas / u.yr)
    expected = by_astropy(start, *rates, "J2000.0", f"J{epoch}")
    assert got.separation(expected.transform_to(frame)).max() < 1e-3 * u.arcsec


def test_barnards_star_in_gaia():
    table = Table(BARNARD | {"ref_epoch": [2016.0] * u.yr})
    got, text = moved(table, "J2026.0")
    assert got.separation(SkyCoord(BARNARD["ra"], BARNARD["dec"], unit="deg"))[0].arcsec == pytest.approx(
        103.93, abs=0.01
    )
    assert text == "moved to J2026 by pmra and pmdec"
    assert moved(table, "J2026.0", catalog_epoch="J2026.0")[0].dec.deg == BARNARD["dec"]


def test_rows_without_a_motion_stay():
    table = Table(
        {
            "ra": [1.0, 2.0, 3.0],
            "dec": [1.0, 2.0, 3.0],
            "pmRA": MaskedColumn([1000.0, np.nan, 1000.0], unit="mas/yr", mask=[False, False, True]),
            "pmDE": MaskedColumn([0.0, 0.0, 0.0], unit="mas/yr"),
        }
    )
    got, text = moved(table, "J2100.0", catalog_epoch="J2000.0")
    assert got.ra.deg[0] > 1.02
    assert got.ra.deg[1:].tolist() == got.dec.deg[1:].tolist() == [2, 3]
    assert text == "moved to J2100 by pmRA and pmDE, 2 still"


def test_columns_are_found_by_ucds_and_named():
    table = Table({"ra": [1.0], "dec": [1.0], "x": [3.6] * u.arcsec / u.yr, "y": [0.0] * u.arcsec / u.yr})
    with pytest.raises(ValueError, match="no columns of proper motions"):
        moved(table, "J2010.0", catalog_epoch="J2000.0")
    assert moved(table, "J2010.0", catalog_epoch="J2000.0", motion=("x", "y"))[0].ra.deg[0] == pytest.approx(
        1.01, abs=1e-5
    )
    table["x"].info.meta = {"ucd": "pos.pm;pos.eq.ra"}
    table["y"].info.meta = {"ucd": "pos.pm;pos.eq.dec"}
    assert moved(table, "J2010.0", catalog_epoch="J2000.0")[1] == "moved to J2010 by x and y"


def test_a_column_of_skycoord():
    star = SkyCoord(
        [10.0, 20.0] * u.deg,
        [80.0, 0.0] * u.deg,
        pm_ra_cosdec=[1000, 0] * u.mas / u.yr,
        pm_dec=[0, -500] * u.mas / u.yr,
        obstime=Time("J2016.0"),
    )
    got, _ = moved(Table({"where": star}), "J2026.0")
    expected = by_astropy(star, star.pm_ra_cosdec, star.pm_dec, "J2016.0", "J2026.0")
    assert got.separation(expected).max() < 1e-5 * u.arcsec
    with pytest.raises(ValueError, match="SkyCoords without proper motions"):
        moved(Table({"where": SkyCoord([1], [2], unit="deg")}), "J2026.0")


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {}, "give it by catalog_epoch"),
        ({}, {"catalog_epoch": "yesterday"}, "catalog_epoch must be an epoch such as 'J2026.5'"),
        ({"pmra": [1.0]}, {"catalog_epoch": "J2000.0"}, "'pmra' of proper motions has no unit"),
        ({"pmra": [1.0] * u.km / u.s}, {"catalog_epoch": "J2000.0"}, "must hold proper motions, .* 'km / s'"),
        ({}, {"catalog_epoch": "J2000.0", "motion": ("pmra", "none")}, "motion names 'none'"),
        ({"ref_epoch": [2000.0] * u.d}, {}, "'ref_epoch' must hold years"),
    ],
)
def test_errors(columns, options, message):
    with pytest.raises(ValueError, match=message):
        moved(Table(BARNARD | columns), "J2026.0", **options)


def test_wrong_epochs():
    with pytest.raises(ValueError, match="epoch must be an epoch such as"):
        moved(Table(BARNARD), 2026, catalog_epoch="J2016.0")
    with pytest.raises(ValueError, match="epoch must be a single epoch"):
        moved(Table(BARNARD), Time(["J2026.0", "J2027.0"]), catalog_epoch="J2016.0")
