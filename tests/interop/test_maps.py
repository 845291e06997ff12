"""Mask.from_map of files, images, HDUs and gammapy maps, and what it does with real maps."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from wcs_images import header_wcs, simple

from hpmask import EnergyAxis, HealpixMap, Mask, MaskFormatError


def image_file(path, values, wcs, **cards):
    hdu = fits.PrimaryHDU(values, header=wcs.to_header())
    hdu.header.update(cards)
    hdu.writeto(path)
    return path


def values_of(seed, shape=(40, 60)):
    return np.random.default_rng(seed).normal(size=shape).round(1)


def test_images(tmp_path):
    wcs, values = simple(), values_of(1)
    path = image_file(tmp_path / "image.fits", values, wcs, BUNIT="m")
    wanted = Mask.from_wcs(values, wcs, threshold=0.3)
    for given in (path, str(path), fits.PrimaryHDU(values, header=wcs.to_header())):
        assert Mask.from_map(given, 0.3) == wanted
        assert Mask.from_map(given, 0.3, frame="galactic", order=9, mode="overlap", outside=True) == Mask.from_wcs(
            values, wcs, threshold=0.3, frame="galactic", order=9, mode="overlap", outside=True
        )
        assert Mask.from_map(given, low=0.3, high=2, connectivity=4) == Mask.from_wcs(
            values, wcs, low=0.3, high=2, connectivity=4
        )
    assert Mask.from_map(path, 30 * u.cm) == Mask.from_map(path, "0.3 m", hdu=0) == wanted
    with pytest.raises(ValueError, match=rf"^{path}: threshold must be in a unit like m, got s"):
        Mask.from_map(path, 1 * u.s)
    with pytest.raises(MaskFormatError, match=f"{path}: .*has 1 value|{path}: .*values of 2400 are not"):
        Mask.from_map(path)
    with pytest.raises(TypeError, match="column is an option for HEALPix files only, and values is an image"):
        Mask.from_map(path, 0.3, column="A")
    with pytest.raises(TypeError, match="nest is an option for arrays only, and values is a path"):
        Mask.from_map(path, 0.3, nest=True)
    with pytest.raises(TypeError, match="hdu is an option for files only"):
        Mask.from_map(values, 0.3, hdu=1)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        Mask.from_map(tmp_path / "nothing.fits", 1)
    (tmp_path / "text.fits").write_text("sqrt_ts")
    with pytest.raises(MaskFormatError, match=r"text\.fits"):
        Mask.from_map(tmp_path / "text.fits", 1)
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("A", "D", array=[1.0])])]).writeto(
        tmp_path / "table.fits"
    )
    with pytest.raises(MaskFormatError, match="no image has a celestial WCS"):
        Mask.from_map(tmp_path / "table.fits", 1)
    for other in ("sky", 3, None, object()):
        with pytest.raises((TypeError, ValueError, FileNotFoundError)):
            Mask.from_map(other, 1, nest=True, frame="icrs")


def test_options_that_do_not_apply():
    map_ = HealpixMap(np.arange(12.0), nest=True, frame="icrs")
    for option in ({"nest": True}, {"cells": [1]}, {"uniq": [4]}):
        with pytest.raises(TypeError, match="is an option for arrays only, and values is a HealpixMap"):
            Mask.from_map(map_, 3, **option)
    axes = [EnergyAxis([1, 2, edge] * u.TeV) for edge in (3, 4)]
    cube = HealpixMap(np.zeros((2, 12)), nest=True, frame="icrs", energy=axes[0])
    assert Mask.from_map(cube, 3, energy=axes[0]).energy == axes[0]
    with pytest.raises(ValueError, match="the map has energy bins of its own"):
        Mask.from_map(cube, 3, energy=axes[1])


# ---------------------------------------------------------------------- real maps


@pytest.mark.parametrize(
    ("name", "hdu"),
    [
        ("VERITAS_VER-000029-skymap.fits", "SignificanceMap"),
        ("VERITAS_VER-000136-excess-skymap.fits", 1),
        ("VERITAS_VER-000146-signif-skymap.fits", None),
        ("hsc_mask_lss_flat_TAN.fits.gz", None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*lie outside the projection:UserWarning")
def test_real_images(data, name, hdu):
    """Pixels by a threshold and by hysteresis, and the pixels that scikit-image finds."""
    skimage = pytest.importorskip("skimage.filters")
    path = data(f"wcs/{name}")
    with fits.open(path) as hdus:
        image = hdus[0 if hdu is None else hdu]
        values, wcs = np.array(image.data), header_wcs(image.header)
    missing = np.isnan(values)
    # One map has a header that astropy reads as one of the whole sky, with corners outside it.
    sky = Mask.full().to_wcs(wcs, values.shape)
    low, high = np.nanquantile(values, [0.8, 0.98])
    order = 15 if "000029" in name else None
    for nan in ("keep", "exclude"):
        mask = Mask.from_map(path, 0.5 * high, keep="<", nan=nan, hdu=hdu, order=order)
        shown = mask.to_wcs(wcs, values.shape)
        wanted = np.where(missing, nan == "keep", values < 0.5 * high)
        assert ((shown != wanted) & sky).mean() < 2e-3
        mask = Mask.from_map(path, low=low, high=high, nan=nan, hdu=hdu, connectivity=4, order=order)
        wanted = np.where(missing, nan == "keep", skimage.apply_hysteresis_threshold(values, low, high))
        assert ((mask.to_wcs(wcs, values.shape) != wanted) & sky).mean() < 2e-3
    if missing.any():
        with pytest.raises(MaskFormatError, match=f"{missing.sum()} values that are NaN"):
            Mask.from_map(path, high, hdu=hdu)


def test_gamma_cygni(data):
    path = data("masks/GammaCygni_exclusion_mask.fits.gz")
    options = {"frame": "galactic", "outside": True}
    mask = Mask.from_map(path, 0.5, keep="<", **options)
    assert mask == Mask.from_map(path, invert=True, **options) == Mask.from_wcs(path, invert=True, **options)


def test_the_mask_of_redmapper(data):
    """The same mask as a table of RING cells and as a map of healsparse."""
    pytest.importorskip("healsparse")
    with fits.open(data("masks/redmapper_test_dr8_mask.fit")) as hdus:
        table = hdus[1].data
        cells, good = np.array(table["HPIX"]), np.array(table["FRACGOOD"])
    by_table = Mask.from_map(good, 0.9, cells=cells, order=11, nest=False, frame="icrs")
    assert by_table == Mask.from_map(data("masks/redmapper_test_dr8_mask_hs.fit"), 0.9, frame="icrs")
    assert 0 < by_table.planes[0].n_cells < cells.size
    everything = Mask.from_map(good, -1, cells=cells, order=11, nest=False, frame="icrs")
    assert everything.area.to_value(u.deg**2) == pytest.approx(3.357175, abs=1e-6)


def test_a_skymap_of_one_order(data):
    with fits.open(data("skymaps/reproject_bayestar.fits.gz")) as hdus:
        values = np.concatenate(hdus[1].data.field(0))
    assert values.size == 12 * 512**2
    level = np.quantile(values, 0.999)
    mask = Mask.from_map(values, float(level), nest=True, frame="icrs")
    np.testing.assert_array_equal(mask.to_healpix(nest=True), values > level)
    region = Mask.from_map(values, low=level, high=values.max(), keep=">=", nest=True, frame="icrs")
    parts = mask.components()
    assert region == next(
        part for part in parts if part.overlaps(Mask.from_map(values == values.max(), nest=True, frame="icrs"))
    )
