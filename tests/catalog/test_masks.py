"""Masks of catalogs: the shapes that their sizes give, the rows and the sky that are chosen."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from hpmask import EnergyAxis, Mask

RNG = np.random.default_rng(3)
N = 40
SOURCES = Table(
    {
        "ra": RNG.uniform(0, 360, N),
        "dec": np.degrees(np.arcsin(RNG.uniform(-1, 1, N))),
        "major": RNG.uniform(0.5, 2, N) * u.deg,
        "minor": RNG.uniform(0.2, 0.5, N) * u.deg,
        "angle": RNG.uniform(-180, 180, N) * u.deg,
        "mag": RNG.uniform(0, 10, N),
        "pmRA": RNG.uniform(-1000, 1000, N) * u.mas / u.yr,
        "pmDE": RNG.uniform(-1000, 1000, N) * u.mas / u.yr,
    }
)
CENTER = SkyCoord(SOURCES["ra"], SOURCES["dec"], unit="deg")
ELLIPSES = {"semi_major": "major", "semi_minor": "minor", "position_angle": "angle"}
MAJOR, MINOR, ANGLE = (SOURCES[name].quantity for name in ("major", "minor", "angle"))


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_ellipses_and_boxes(frame):
    options = {"order": 9, "frame": frame}
    got = Mask.from_catalog(SOURCES, **ELLIPSES, **options)
    assert got == Mask.from_ellipses(CENTER, MAJOR, MINOR, ANGLE, **options)
    assert "semi_major of column 'major'" in got.history
    upright = Mask.from_catalog(SOURCES, width="minor", height="major", **options)
    assert upright == Mask.from_boxes(CENTER, MINOR, MAJOR, **options)
    turned = Mask.from_catalog(SOURCES, width="10 arcmin", height="major", position_angle="angle", **options)
    assert turned == Mask.from_boxes(CENTER, "10 arcmin", MAJOR, ANGLE, **options)


def test_where():
    bright = SOURCES["mag"] < 5
    expected = Mask.from_cones(CENTER[bright], "1 deg", order=8)
    for where in ("mag < 5", bright, lambda table: table["mag"] < 5):
        mask = Mask.from_catalog(SOURCES, "1 deg", where=where, order=8)
        assert mask == expected
        assert f"({np.count_nonzero(bright)} of {N} rows)" in mask.history
    # A radius of each row belongs to all rows of the table.
    assert Mask.from_catalog(SOURCES, MAJOR, where="mag < 5", order=8) == Mask.from_cones(
        CENTER[bright], MAJOR[bright], order=8
    )
    assert Mask.from_catalog(SOURCES, "1 deg", where="mag < -1", order=8).is_empty


def test_rows_that_are_not_chosen_may_be_wrong():
    table = SOURCES.copy()
    table["ra"][3] = np.nan
    table["major"][5] = -1
    with pytest.raises(
        ValueError, match=r"2 of 40 rows cannot be used: .*row 3.*; a semi-major axis that is not .*row 5"
    ):
        Mask.from_catalog(table, **ELLIPSES, order=8)
    where = np.arange(N) > 5
    got = Mask.from_catalog(table, **ELLIPSES, where=where, order=8)
    assert got == Mask.from_ellipses(CENTER[6:], MAJOR[6:], MINOR[6:], ANGLE[6:], order=8)
    with pytest.warns(UserWarning, match="left out 2 of 40 rows"):
        skipped = Mask.from_catalog(table, **ELLIPSES, order=8, invalid="skip")
    assert got <= skipped


def test_within():
    footprint = Mask.from_zone(lat=("0 deg", "40 deg"), order=6)
    mask = Mask.from_catalog(SOURCES, **ELLIPSES, within=footprint, order=9)
    assert mask == Mask.from_catalog(SOURCES, **ELLIPSES, order=9) & footprint


def test_epoch():
    moved = Mask.from_catalog(SOURCES, "10 arcsec", epoch="J2100.0", catalog_epoch="J2000.0", order=16)
    step = 100 * u.yr
    there = CENTER.directional_offset_by(
        np.arctan2(SOURCES["pmRA"].quantity, SOURCES["pmDE"].quantity),
        np.hypot(SOURCES["pmRA"].quantity, SOURCES["pmDE"].quantity) * step,
    )
    assert moved.contains(there).all()
    assert "moved to J2100 by pmRA and pmDE" in moved.history
    still = Mask.from_catalog(SOURCES, "10 arcsec", order=16)
    assert still.contains(CENTER).all()
    assert not still.contains(there).all()
    with pytest.raises(ValueError, match="give epoch as well"):
        Mask.from_catalog(SOURCES, "10 arcsec", catalog_epoch="J2000.0", order=16)


def test_missing_sizes():
    table = SOURCES.copy()
    table["minor"][[1, 7]] = np.nan
    with pytest.raises(ValueError, match=r"missing=\{'semi_minor': '0.3 deg'\} gives a semi-minor axis"):
        Mask.from_catalog(table, **ELLIPSES, order=8)
    got = Mask.from_catalog(table, **ELLIPSES, missing={"semi_minor": "0.1 deg"}, order=8)
    minor = MINOR.copy()
    minor[[1, 7]] = 0.1 * u.deg
    assert got == Mask.from_ellipses(CENTER, MAJOR, minor, ANGLE, order=8)
    assert "0.1 deg for 2 rows without a semi-minor axis" in got.history


def test_sizes_per_bin():
    axis = EnergyAxis([1, 2, 4] * u.TeV)

    def sides(table, energy):
        return table["major"].quantity[:, np.newaxis] / np.arange(1, 3)

    got = Mask.from_catalog(SOURCES, width=sides, height="1 deg", position_angle="angle", energy=axis, order=8)
    expected = [Mask.from_boxes(CENTER, MAJOR / k, "1 deg", ANGLE, order=8) for k in (1, 2)]
    assert [got[k] for k in range(2)] == expected


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({}, TypeError, "got none"),
        ({"semi_major": "major"}, TypeError, "got semi_major"),
        ({"radius": "major", "width": "minor", "height": "minor"}, TypeError, "got radius, width, height"),
        ({"radius": "major", "position_angle": "angle"}, TypeError, "got radius, position_angle"),
        (ELLIPSES | {"missing": "1 deg"}, TypeError, "missing must be a mapping"),
        (ELLIPSES | {"missing": {"radius": "1 deg"}}, ValueError, "missing has 'radius', which is not a size"),
        (ELLIPSES | {"position_angle": [[1, 2]] * u.deg}, ValueError, "position_angle must be a scalar or have"),
        ({"width": "0 deg", "height": "1 deg"}, ValueError, "width must be above 0 and below 180 deg"),
        ({"width": "mag", "height": "1 deg"}, ValueError, "a width is not guessed to be in degrees"),
        ({"radius": "1 deg", "where": "mag"}, ValueError, "where must be a condition"),
    ],
)
def test_errors(sizes, error, message):
    with pytest.raises(error, match=message):
        Mask.from_catalog(SOURCES, order=8, **sizes)
