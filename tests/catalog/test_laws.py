"""Sizes by magnitude, and annuli around the sources of a catalog."""

import pickle
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask
from hpmask.catalog import MagnitudeLaw

LAW = {6: "5 arcmin", 9: "2 arcmin", 12: "30 arcsec"}


def stars(*magnitudes, **more):
    n = len(magnitudes)
    return Table({"ra": np.linspace(10, 20, n), "dec": np.linspace(-5, 5, n), "Gmag": list(magnitudes), **more})


def test_the_points_are_exact():
    for interpolation in ("log", "linear", "previous"):
        law = MagnitudeLaw("Gmag", LAW, interpolation=interpolation)
        assert (law(stars(6.0, 9.0, 12.0)) == [5, 2, 0.5] * u.arcmin).all()


@examples(100)
@given(
    st.lists(st.tuples(st.floats(-2, 20), st.floats(0.1, 1000)), min_size=2, max_size=6, unique_by=lambda p: p[0]),
    st.lists(st.floats(-3, 22), min_size=1, max_size=20),
)
def test_between_the_points(points, magnitudes):
    points.sort()
    mags, sizes = np.array(points).T
    law = {mag: size * u.arcsec for mag, size in reversed(points)}
    table = stars(*magnitudes)
    held = {"brighter": "hold", "fainter": "hold"}
    for interpolation, forward, back in (
        ("log", np.log10, lambda x: 10**x),
        ("linear", np.asarray, np.asarray),
    ):
        got = MagnitudeLaw("Gmag", law, interpolation=interpolation, **held)(table).to_value(u.arcsec)
        for mag, size in zip(magnitudes, got, strict=True):
            k = int(np.clip(np.sum(mags <= mag) - 1, 0, mags.size - 2))
            part = np.clip((mag - mags[k]) / (mags[k + 1] - mags[k]), 0, 1)
            wanted = back(forward(sizes[k]) * (1 - part) + forward(sizes[k + 1]) * part)
            assert size == pytest.approx(wanted, rel=1e-9)
    got = MagnitudeLaw("Gmag", law, interpolation="previous", **held)(table).to_value(u.arcsec)
    for mag, size in zip(magnitudes, got, strict=True):
        brighter = [one for at, one in points if at <= mag]
        assert size == pytest.approx(brighter[-1] if brighter else points[0][1])


def test_masks_are_those_of_the_radii():
    table = stars(6.5, 7.0, 11.0)
    law = MagnitudeLaw("Gmag", LAW)
    mask = Mask.from_catalog(table, law, order=12)
    coord = SkyCoord(table["ra"], table["dec"], unit="deg")
    assert mask == Mask.from_cones(coord, law(table), order=12)
    assert "radius by law of 'Gmag', log, {6: 5, 9: 2, 12: 0.5} arcmin" in mask.history
    axis = EnergyAxis([1, 10, 100] * u.GeV)
    banded = Mask.from_catalog(table, law, order=12, energy=axis)
    assert banded[0] == banded[1] == mask


def test_a_formula():
    def hsc(mag):
        assert np.isfinite(mag).all()
        return (200 * 10 ** (0.25 * (7 - mag)) + 12 * 10 ** (0.05 * (16 - mag))) * u.arcsec

    law = MagnitudeLaw("Gmag", hsc, at_most="4 arcmin", at_least="20 arcsec")
    got = law(stars(2.0, 10.0, 17.5, np.nan)).to_value(u.arcsec)
    expected = [240, 200 * 10**-0.75 + 12 * 10**0.3, 20, np.nan]
    np.testing.assert_allclose(got, expected)
    assert law.__name__ == "hsc of 'Gmag'"
    assert Mask.from_catalog(stars(10.0), law, order=12).history.count("radius by hsc of 'Gmag'") == 1
    with pytest.raises(ValueError, match=r"law \(<lambda>\) must return an angle for each of 2 magnitudes"):
        MagnitudeLaw("Gmag", lambda mag: [1, 2, 3] * u.deg)(stars(1.0, 2.0))
    with pytest.raises(TypeError, match="the result of law"):
        MagnitudeLaw("Gmag", lambda mag: mag)(stars(1.0, 2.0))


def test_rows_without_a_size_are_named():
    table = stars(5.0, 7.0, np.nan, 13.0, 8.0)
    law = MagnitudeLaw("Gmag", LAW)
    message = (
        "4 of 5 rows cannot be used: no magnitude in the column 'Gmag' in 1 (row 2); "
        "a magnitude brighter than 6, where the law begins in 1 (row 0); "
        "a magnitude fainter than 12, where the law ends in 1 (row 3)"
    ).replace("4 of 5", "3 of 5")
    with pytest.raises(ValueError, match=re.escape(message)):
        Mask.from_catalog(table, law, order=10)
    with pytest.raises(
        ValueError, match="brighter='hold' and fainter='hold' of MagnitudeLaw gives those beyond the law"
    ):
        Mask.from_catalog(table, law, order=10)
    with pytest.raises(ValueError, match=r"left out, and fainter='hold' of MagnitudeLaw"):
        Mask.from_catalog(stars(7.0, 13.0), law, order=10)
    with pytest.warns(UserWarning, match="left out 3 of 5 rows: no magnitude"):
        mask = Mask.from_catalog(table, law, order=12, invalid="skip")
    assert mask == Mask.from_catalog(table[[1, 4]], law, order=12)
    # missing is for stars without a magnitude, and not for those beyond the law.
    with pytest.raises(ValueError, match="2 of 5 rows cannot be used: a magnitude brighter"):
        Mask.from_catalog(table, law, order=12, missing="1 arcmin")
    held = MagnitudeLaw("Gmag", LAW, brighter="hold", fainter="hold")
    mask = Mask.from_catalog(table, held, order=12, missing="1 arcmin")
    radii = [5, held(stars(7.0)).value[0], 1, 0.5, held(stars(8.0)).value[0]] * u.arcmin
    assert mask == Mask.from_catalog(table, radii, order=12)
    # Stars that a condition leaves out need no magnitude.
    mask = Mask.from_catalog(table, law, order=12, where=["Gmag >= 6", "Gmag <= 12"])
    assert mask == Mask.from_catalog(table[[1, 4]], law, order=12)


def test_masked_magnitudes_and_units():
    table = stars(7.0, 8.0)
    table["Gmag"] = MaskedColumn([7.0, 99.0], mask=[False, True], unit="mag")
    law = MagnitudeLaw("Gmag", LAW)
    assert np.isnan(law(table)[1])
    table["Gmag"] = [7.0, 8.0] * u.ABmag
    assert np.isfinite(law(table)).all()
    table["Gmag"] = [7.0, 8.0] * u.Jy
    with pytest.raises(ValueError, match="'Gmag' must hold magnitudes, but its unit is 'Jy'"):
        law(table)
    with pytest.raises(ValueError, match="no column 'Vmag'"):
        MagnitudeLaw("Vmag", LAW)(table)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3, LAW), {}, "magnitude must be the name of a column"),
        (("G", {6: "1 deg"}), {}, "two magnitudes or more"),
        (("G", [1, 2]), {}, "mapping from magnitudes to angles"),
        (("G", {6: 1, 7: 2}), {}, r"law\[6\]"),
        (("G", {6: "1 deg", 7: "0 deg"}), {}, "above 0 for interpolation 'log'"),
        (("G", {6: "1 deg", 7: "-1 deg"}), {"interpolation": "linear"}, "not negative"),
        (("G", {6: "1 deg", float("nan"): "1 deg"}), {}, "finite"),
        (("G", LAW), {"interpolation": "cubic"}, "interpolation must be"),
        (("G", LAW), {"fainter": "drop"}, "fainter must be"),
        (("G", LAW), {"at_least": "-1 deg"}, "at_least must be"),
        (("G", LAW), {"at_least": "2 deg", "at_most": "1 deg"}, "at_least must not be above at_most"),
    ],
)
def test_wrong_laws(arguments, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MagnitudeLaw(*arguments, **options)


def test_laws_are_picklable():
    law = pickle.loads(pickle.dumps(MagnitudeLaw("Gmag", LAW, at_most="3 arcmin")))
    assert (law(stars(6.0, 9.0)) == [3, 2] * u.arcmin).all()
    assert repr(law).startswith("<MagnitudeLaw law of 'Gmag'")


def test_annuli():
    table = stars(6.5, 7.0, 11.0)
    inner, outer = MagnitudeLaw("Gmag", LAW), MagnitudeLaw("Gmag", {6: "10 arcmin", 12: "3 arcmin"})
    halos = Mask.from_catalog(table, inner_radius=inner, outer_radius=outer, order=12)
    coord = SkyCoord(table["ra"], table["dec"], unit="deg")
    assert halos == Mask.from_annuli(coord, inner(table), outer(table), order=12)
    assert halos == Mask.from_catalog(table, outer, order=12) - Mask.from_catalog(table, inner, order=12)
    with pytest.raises(ValueError, match=r"an inner radius not below the outer radius in 2 \(rows 0, 1\)"):
        Mask.from_catalog(table, inner_radius=inner, outer_radius="3 arcmin", order=12)
    with pytest.raises(TypeError, match="inner_radius and outer_radius for annuli"):
        Mask.from_catalog(table, inner_radius=inner, order=12)
    axis = EnergyAxis([1, 10, 100] * u.GeV)
    banded = Mask.from_catalog(table, inner_radius="1 arcmin", outer_radius=[[5, 2]] * u.arcmin, order=12, energy=axis)
    assert banded[1] == Mask.from_annuli(coord, "1 arcmin", "2 arcmin", order=12)


def test_axes_of_ellipses_are_checked_by_row():
    table = stars(6.0, 7.0, 8.0, a=[1.0, 2.0, 3.0] * u.arcmin, b=[0.5, 2.5, 3.0] * u.arcmin)
    with pytest.raises(ValueError, match=r"a semi-minor axis above the semi-major axis in 1 \(row 1\)"):
        Mask.from_catalog(table, semi_major="a", semi_minor="b", position_angle="0 deg", order=13)
    with pytest.warns(UserWarning, match="left out 1 of 3 rows"):
        mask = Mask.from_catalog(
            table, semi_major="a", semi_minor="b", position_angle="0 deg", order=13, invalid="skip"
        )
    assert mask == Mask.from_catalog(table[[0, 2]], semi_major="a", semi_minor="b", position_angle="0 deg", order=13)
