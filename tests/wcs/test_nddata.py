"""Images of astropy.nddata as inputs of `from_wcs` and `to_wcs`. Referee: the same array with the same WCS."""

import subprocess
import sys

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from astropy.wcs import WCS
from wcs_images import simple

from hpmask import Mask


@pytest.fixture
def wcs():
    return simple("TAN", step=0.1, shape=(30, 40))


@pytest.fixture
def image():
    """Values of 1 to 2, and 5 to 6 in a block."""
    values = np.random.default_rng(3).uniform(1, 2, (30, 40))
    values[5:15, 10:25] += 4
    return values


@pytest.mark.parametrize("cls", [NDData, CCDData])
def test_values_and_their_unit(cls, image, wcs):
    ccd = cls(image, wcs=wcs, unit="Jy")
    expected = Mask.from_wcs(image, wcs, threshold=3)
    assert Mask.from_wcs(ccd, threshold=3) == expected
    assert Mask.from_wcs(ccd, threshold=3000 * u.mJy) == expected
    with pytest.raises(ValueError, match="or 0 and 1"):
        Mask.from_wcs(ccd)
    assert Mask.from_wcs(cls(image > 3, wcs=wcs, unit="")) == expected


def test_the_wcs_that_is_given_counts(image, wcs):
    other = simple("TAN", step=0.2, shape=(30, 40))
    assert Mask.from_wcs(NDData(image, wcs=wcs), other, threshold=3) == Mask.from_wcs(image, other, threshold=3)
    assert Mask.from_wcs(NDData(image), other, threshold=3) == Mask.from_wcs(image, other, threshold=3)


@pytest.mark.parametrize("values", [lambda image: image, lambda image: image.astype(np.int16)])
def test_pixels_that_are_bad_have_no_value(values, image, wcs):
    bad = np.zeros(image.shape, bool)
    bad[8:20, 12:20] = True
    ccd = CCDData(values(image), wcs=wcs, unit="Jy", mask=bad)
    with pytest.raises(ValueError, match="nan="):
        Mask.from_wcs(ccd, threshold=3)
    assert Mask.from_wcs(ccd, threshold=3, nan="exclude") == Mask.from_wcs((image > 3) & ~bad, wcs)
    assert Mask.from_wcs(ccd, threshold=3, nan="keep") == Mask.from_wcs((image > 3) | bad, wcs)
    assert np.array_equal(ccd.mask, bad)


def test_the_mask_of_an_image_to_a_mask_and_back(image, wcs):
    bad = image > 3
    ccd = CCDData(image, wcs=wcs, unit="Jy", mask=bad)
    good = Mask.from_wcs(ccd.mask, ccd, invert=True)
    assert good == Mask.from_wcs(~bad, wcs)
    other = CCDData(image, wcs=wcs, unit="Jy")
    other.mask = ~good.to_wcs(other)
    assert other.mask.dtype == bool
    assert np.array_equal(other.mask, bad)


def test_the_mask_of_an_nddata_may_be_one_value_or_integers(image, wcs):
    values = (image > 3).astype(float)
    assert Mask.from_wcs(NDData(values, wcs=wcs, mask=False)) == Mask.from_wcs(image > 3, wcs)
    assert Mask.from_wcs(NDData(values, wcs=wcs, mask=True), nan="exclude").is_empty
    flags = np.where(np.arange(40) % 3 == 0, 4, 0) * np.ones((30, 1), int)
    expected = Mask.from_wcs((image > 3) & (flags == 0), wcs)
    assert Mask.from_wcs(NDData(values, wcs=wcs, mask=flags), nan="exclude") == expected
    for mask in (flags[:5], "bad"):
        with pytest.raises(ValueError, match=r"mask of the NDData must be booleans of shape \(30, 40\)"):
            Mask.from_wcs(NDData(values, wcs=wcs, mask=mask))


def test_an_nddata_gives_the_shape(image, wcs):
    mask = Mask.from_wcs(image, wcs, threshold=3)
    ccd = CCDData(image, wcs=wcs, unit="Jy")
    for mode in ("center", "fraction"):
        assert np.array_equal(mask.to_wcs(ccd, mode=mode), mask.to_wcs(wcs, image.shape, mode=mode))
    assert mask.to_wcs(ccd, (7, 9)).shape == (7, 9)
    part = CCDData(image, wcs=wcs, unit="Jy")[4:20, 8:30]
    assert np.array_equal(mask.to_wcs(part), mask.to_wcs(ccd)[4:20, 8:30])
    assert Mask.from_wcs(part, threshold=3) == mask
    part = NDData(image, wcs=wcs)
    assert np.array_equal(next(iter(mask.to_wcs_many([part]))), mask.to_wcs(ccd))


def test_cubes(image, wcs):
    header = wcs.to_header()
    header.update(CTYPE3="FREQ", CRVAL3=1e9, CDELT3=1e6, CRPIX3=1, CUNIT3="Hz")
    cube = CCDData(np.stack([image]), wcs=WCS(header, naxis=3), unit="Jy")
    assert Mask.from_wcs(cube, threshold=3) == Mask.from_wcs(image, wcs, threshold=3)
    assert Mask.from_wcs(image, wcs, threshold=3).to_wcs(cube).shape == image.shape
    swapped = CCDData(np.moveaxis(cube.data, 0, -1), wcs=cube.wcs.sub([3, 1, 2]), unit="Jy")
    assert Mask.from_wcs(swapped, threshold=3) == Mask.from_wcs(cube, threshold=3)
    assert Mask.from_wcs(cube, threshold=3).to_wcs(swapped).shape == image.shape


def test_a_file_of_ccddata(tmp_path, image, wcs):
    path = tmp_path / "ccd.fits"
    CCDData(image, wcs=wcs, unit="Jy", mask=image > 5.5).write(path)
    ccd = CCDData.read(path)
    expected = Mask.from_wcs((image > 3) & (image <= 5.5), wcs)
    assert Mask.from_wcs(ccd, threshold=3, nan="exclude") == expected
    assert np.array_equal(expected.to_wcs(ccd), expected.to_wcs(wcs, image.shape))
    # A file has its values without the mask, which is another HDU without a WCS.
    assert Mask.from_wcs(path, threshold="3 Jy") == Mask.from_wcs(image, wcs, threshold=3)
    assert Mask.from_wcs(fits.getdata(path, "MASK"), path, invert=True) == Mask.from_wcs(image <= 5.5, wcs)
    ccd.mask = ~expected.to_wcs(ccd)
    ccd.write(path, overwrite=True)
    assert np.array_equal(CCDData.read(path).mask, ~expected.to_wcs(wcs, image.shape))


def test_without_a_wcs(image, wcs):
    ccd = CCDData(image, unit="Jy")
    with pytest.raises(TypeError, match="CCDData that has no WCS"):
        Mask.from_wcs(ccd, threshold=3)
    with pytest.raises(TypeError, match="CCDData that has no WCS"):
        Mask.full().to_wcs(ccd)
    with pytest.raises(TypeError, match="hdu chooses an image of a file"):
        Mask.full().to_wcs(CCDData(image, wcs=wcs, unit="Jy"), hdu=1)


def test_astropy_nddata_is_not_imported():
    code = "import sys, hpmask.wcs; sys.exit('astropy.nddata' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
