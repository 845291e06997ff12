"""Numbers and keywords of a FITS WCS that raise, by name."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, Sip
from wcs_images import cube, simple

from hpmask import Mask


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "word", ["CRVAL1", "CRVAL2", "CRPIX2", "CDELT1", "PC1_2", "CD2_1", "LONPOLE", "PV2_1", "A_0_1"]
)
def test_numbers_that_are_none_raise_by_keyword(word, value):
    wcs = simple("AZP" if word == "PV2_1" else "TAN")
    if word == "LONPOLE" and np.isnan(value):
        pytest.skip("that is how astropy says that it is not given")
    if word == "CD2_1":
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        wcs.wcs.cd = [[1, 0], [value, 1]]
    elif word == "PV2_1":
        wcs.wcs.set_pv([(2, 1, value)])
    elif word == "A_0_1":
        wcs.sip = Sip(np.array([[0, value], [0, 0]]), np.zeros((2, 2)), None, None, wcs.wcs.crpix)
    elif word == "PC1_2":
        wcs.wcs.pc = [[1, value], [0, 1]]
    elif word == "LONPOLE":
        wcs.wcs.lonpole = value
    else:
        values = getattr(wcs.wcs, word[:-1].lower())
        values[int(word[-1]) - 1] = value
        setattr(wcs.wcs, word[:-1].lower(), values)
    for call in (
        lambda: Mask.full(order=3).to_wcs(wcs, (20, 20)),
        lambda: Mask.from_wcs(np.ones((20, 20), bool), wcs),
        lambda: Mask.from_wcs(np.ones((20, 20), bool), wcs, order=4),
    ):
        with pytest.raises(ValueError, match=f"wcs has {word} = {value}, it must be a finite number"):
            call()


@pytest.mark.parametrize("card", ["CDELT1", "CDELT2"])
def test_step_of_nothing_raises(card, tmp_path):
    header = simple().to_header()
    header[card] = 0.0
    image = np.ones((20, 20), np.uint8)
    fits.PrimaryHDU(image, header).writeto(tmp_path / "image.fits")
    for call in (
        lambda: Mask.full(order=3).to_wcs(header, (20, 20)),
        lambda: Mask.from_wcs(image, header),
        lambda: Mask.from_wcs(tmp_path / "image.fits"),
        lambda: Mask.full(order=3).to_wcs(tmp_path / "image.fits"),
    ):
        with pytest.raises(ValueError, match=f"wcs has {card} = 0, it must be the step"):
            call()


def test_coordinates_in_a_table_that_is_not_there_raise(tmp_path):
    header = fits.Header({"CTYPE1": "RA---TAB", "CTYPE2": "DEC--ZEA", "CDELT1": -0.5, "CDELT2": 0.5})
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.ones((3, 5), np.uint8), header).writeto(path)
    with pytest.raises(ValueError, match=r"a\.fits: wcs cannot be used: CTYPE1 is 'RA---TAB', coordinates in a table"):
        Mask.from_wcs(path)


@pytest.mark.parametrize("turns", [1e3, 1e12, 1e300])
def test_pixels_of_many_turns_raise(turns, tmp_path):
    header = fits.Header({"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CDELT1": 360 * turns / 4, "CDELT2": 1.0})
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.ones((3, 5), np.uint8), header).writeto(path)
    with pytest.raises(ValueError, match=r"a\.fits: the image shows the sky .* times side by side, .* check CDELT"):
        Mask.from_wcs(path)


@pytest.mark.parametrize(
    ("name", "matrix"), [("pc", [[1, 1], [1, 1]]), ("cd", [[1, 2], [0.5, 1]]), ("pc", [[0, 0], [0, 1]])]
)
def test_singular_matrix_raises(name, matrix):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    setattr(wcs.wcs, name, matrix)
    with pytest.raises(ValueError, match=f"singular matrix {name.upper()}i_j"):
        Mask.full(order=3).to_wcs(wcs, (20, 20))


@pytest.mark.parametrize(
    ("name", "advice"),
    [("fk5", "write 'FK5'"), ("J2000", "write 'FK5'"), (" icrs", "write 'ICRS'"), ("FK6", "must be one of ICRS, FK5")],
)
def test_radesys_that_is_none_raises(name, advice):
    with pytest.raises(ValueError, match=f"RADESYS = '{name}', which FITS does not know.*{advice}"):
        Mask.full(order=3).to_wcs(simple(radesys=name))


def test_spectral_axis_of_a_cube_may_be_unknown():
    wcs = cube()
    crval = wcs.wcs.crval
    crval[2] = np.nan
    wcs.wcs.crval = crval
    assert Mask.full(order=3).to_wcs(wcs, (30, 40)).all()
