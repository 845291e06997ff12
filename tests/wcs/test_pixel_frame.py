"""The image of regions in pixels: WCS, headers, files and gammapy's geometries, and the physical coordinates of ds9."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from hpmask import Mask, MaskFormatError
from hpmask.wcs.pixel_frame import pixel_frame


def header(**cards):
    basic = {"NAXIS": 2, "NAXIS1": 90, "NAXIS2": 80, "CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "CRVAL1": 30.0}
    return fits.Header(basic | {"CRPIX1": 45.5, "CRPIX2": 40.5, "CDELT1": -0.1, "CDELT2": 0.1} | cards)


def test_all_inputs_are_the_same_image(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((80, 90)), header()).writeto(path)
    expected = Mask.from_regions("image; circle(50,30,9)", wcs=WCS(header()), order=9)
    for wcs in (header(), path, str(path), fits.ImageHDU(np.zeros((80, 90)), header())):
        assert Mask.from_regions("image; circle(50,30,9)", wcs=wcs, order=9) == expected
    gammapy = pytest.importorskip("gammapy.maps")
    geom = gammapy.WcsGeom.create(skydir=(30, 0), npix=(90, 80), binsz=0.1, frame="galactic", proj="TAN")
    assert (Mask.from_regions("image; circle(50,30,9)", wcs=geom, order=9) ^ expected).area < 1e-3 * expected.area


def test_positions_are_those_of_astropy_and_back():
    frame = pixel_frame(header())
    points = np.array([(10.0, 20.0), (88.0, 3.0), (45.0, 40.0)])
    sky = frame.sky(points, "pixel")
    assert (sky.separation(WCS(header()).pixel_to_world(*points.T)).arcsec < 1e-6).all()
    np.testing.assert_allclose(frame.points(sky, "pixel"), points, atol=1e-8)
    np.testing.assert_allclose(frame.points(sky, "image"), points + 1, atol=1e-8)


def test_physical_coordinates_are_the_inverse_of_ltm_and_ltv():
    frame = pixel_frame(header(LTM1_1=0.5, LTM1_2=0.1, LTM2_1=-0.2, LTM2_2=0.25, LTV1=-7.0, LTV2=3.0))
    image = np.array([(1.0, 1.0), (30.0, 70.0)])
    physical = image @ np.array([[0.5, 0.1], [-0.2, 0.25]]).T + [-7.0, 3.0]
    assert (frame.sky(physical, "physical").separation(frame.sky(image, "image")).arcsec < 1e-6).all()
    plain = pixel_frame(header())
    assert (plain.sky(image, "physical").separation(plain.sky(image, "image")).arcsec < 1e-6).all()


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"LTM1_1": 0.0}, "the matrix must have an inverse"),
        ({"LTV1": "x"}, "they must be numbers"),
        ({"LTM2_2": True, "LTM1_1": "y"}, "they must be numbers"),
    ],
)
def test_damaged_keywords(cards, message):
    with pytest.raises(ValueError, match=message):
        pixel_frame(header(**cards))


def test_what_is_not_an_image_of_the_sky(tmp_path):
    assert pixel_frame(None) is None
    with pytest.raises(TypeError, match=r"wcs must be an astropy\.wcs\.WCS, got int"):
        Mask.from_regions("image; circle(1,2,3)", wcs=3)
    with pytest.raises(ValueError, match="must have a longitude and a latitude"):
        pixel_frame(fits.Header({"CTYPE1": "X", "CTYPE2": "Y"}))
    fits.PrimaryHDU().writeto(tmp_path / "none.fits")
    with pytest.raises(MaskFormatError, match="no image has a celestial WCS"):
        pixel_frame(tmp_path / "none.fits")
