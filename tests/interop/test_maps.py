"""Mask.from_map of files, images, HDUs and gammapy maps, and what it does with real maps."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from wcs_images import header_wcs, simple

from hpmask import EnergyAxis, HealpixMap, Mask, MaskFormatError, io


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
    with pytest.raises(TypeError, match="nest is an option for arrays and HEALPix files only, and values is an image"):
        Mask.from_map(path, 0.3, nest=True)
    with pytest.raises(TypeError, match="hdu is an option for files only"):
        Mask.from_map(values, 0.3, hdu=1)


@pytest.mark.parametrize("nest", [True, False])
def test_healpix_files(tmp_path, nest):
    healpy = pytest.importorskip("healpy")
    rng = np.random.default_rng(6)
    values = rng.normal(size=(2, 768))
    values[0, 7] = healpy.UNSEEN
    path = tmp_path / "map.fits"
    healpy.write_map(path, values, nest=nest, coord="G", column_names=["A", "B"], column_units="m", dtype=np.float64)
    for column, row in ((None, 0), (0, 0), ("B", 1), (1, 1)):
        mask = Mask.from_map(path, "50 cm", nan="exclude", column=column)
        wanted = (values[row] > 0.5) & (values[row] != healpy.UNSEEN)
        assert mask == Mask.from_healpix(wanted, nest=nest, frame="galactic")
    assert Mask.from_map(str(path), 0.5, column="B", frame="icrs", hdu=1) == mask.to_frame("icrs")
    assert Mask.from_map(path, low=0.5, high=2, column="B") == Mask.from_map(
        values[1], low=0.5, high=2, nest=nest, frame="galactic"
    )
    with pytest.raises(MaskFormatError, match=f"^{path}: values has 1 value that is NaN, masked or UNSEEN, .* at 7"):
        Mask.from_map(path, 0.5)
    with pytest.raises(TypeError, match="cells is an option for arrays only, and values is a path"):
        Mask.from_map(path, 0.5, cells=[1])


def test_healpix_files_without_a_frame(tmp_path):
    healpy = pytest.importorskip("healpy")
    values = np.arange(768.0)
    healpy.write_map(tmp_path / "map.fits", values, nest=True, dtype=np.float64)
    mask = Mask.from_map(tmp_path / "map.fits", 99, frame="galactic")
    assert mask == Mask.from_map(values, 99, nest=True, frame="galactic")
    with pytest.raises(MaskFormatError):
        Mask.from_map(tmp_path / "map.fits", 99)


def test_written_maps_come_back(tmp_path):
    axis = EnergyAxis([1, 2, 3] * u.TeV)
    rng = np.random.default_rng(6)
    maps = {
        "full": HealpixMap(rng.normal(size=768), nest=False, frame="galactic", unit="m"),
        "part": HealpixMap(rng.normal(size=40), cells=rng.permutation(700)[:40], order=3, nest=True, frame="icrs"),
        "uniq": HealpixMap([1.0, 2.0, 3.0], uniq=[4, 25, 5], frame="icrs"),
        "bins": HealpixMap(rng.normal(size=(2, 768)), nest=True, frame="icrs", energy=axis),
    }
    for name, map_ in maps.items():
        io.write_map(map_, tmp_path / f"{name}.fits")
        for words in ({"threshold": 0.2}, {"low": 0.1, "high": 1, "outside": True}):
            assert Mask.from_map(tmp_path / f"{name}.fits", **words) == Mask.from_map(map_, **words), name


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        Mask.from_map(tmp_path / "nothing.fits", 1)
    (tmp_path / "text.fits").write_text("sqrt_ts")
    with pytest.raises(MaskFormatError, match=r"text\.fits"):
        Mask.from_map(tmp_path / "text.fits", 1)
    fits.PrimaryHDU(np.ones((2, 2)), fits.Header({"PIXTYPE": "X"})).writeto(tmp_path / "card.fits")
    damaged = (tmp_path / "card.fits").read_bytes().replace(b"PIXTYPE = 'X       '", b"PIXTYPE = 'X        ")
    (tmp_path / "card.fits").write_bytes(damaged)
    with pytest.raises(MaskFormatError, match=f"^{tmp_path / 'card.fits'}: .*PIXTYPE cannot be read"):
        Mask.from_map(tmp_path / "card.fits", 1)
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("A", "D", array=[1.0])])]).writeto(
        tmp_path / "table.fits"
    )
    with pytest.raises(MaskFormatError, match=r"neither a HEALPix map nor an image.*of a table, use Mask\.from"):
        Mask.from_map(tmp_path / "table.fits", 1)
    fits.PrimaryHDU(np.ones((2, 2))).writeto(tmp_path / "plain.fits")
    with pytest.raises(MaskFormatError, match="no image has a celestial WCS"):
        Mask.from_map(tmp_path / "plain.fits", 1)
    for mask in (Mask.full(order=2), Mask.full(order=2, energy=EnergyAxis([1, 2] * u.TeV))):
        mask.write(tmp_path / "mask.fits", overwrite=True)
        for read in (lambda path: Mask.from_map(path, 1), io.read_map):
            with pytest.raises(MaskFormatError, match=r"mask\.fits: .*to make a mask of a MOC, use Mask\.read"):
                read(tmp_path / "mask.fits")
    with pytest.raises(FileNotFoundError):
        Mask.from_map("sky", 1, nest=True, frame="icrs")
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for other in (3, None, object(), b"map.fits", Mask.full(), hdus, fits.BinTableHDU(), simple(), {"A": [1.0]}):
        with pytest.raises(TypeError, match=f"values must be a HealpixMap, an array, .* got {type(other).__name__}"):
            Mask.from_map(other, 1)


def test_options_that_do_not_apply():
    map_ = HealpixMap(np.arange(12.0), nest=True, frame="icrs")
    for option in ({"nest": True}, {"cells": [1]}, {"uniq": [4]}):
        with pytest.raises(TypeError, match="is an option for arrays only, and values is a HealpixMap"):
            Mask.from_map(map_, 3, **option)
    gammapy_maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    with pytest.raises(TypeError, match="energy is an option for other maps only, and values is a gammapy map"):
        Mask.from_map(gammapy_maps.Map.create(npix=3), 1, energy=EnergyAxis([1, 2] * u.TeV))
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
    path = data("skymaps/reproject_bayestar.fits.gz")
    with fits.open(path) as hdus:
        values = np.concatenate(hdus[1].data.field(0))
    assert values.size == 12 * 512**2
    level = float(np.quantile(values, 0.999))
    mask = Mask.from_map(path, level)
    np.testing.assert_array_equal(mask.to_healpix(nest=True), values > np.float32(level))
    region = Mask.from_map(path, low=level, high=float(values.max()), keep=">=")
    parts = Mask.from_map(path, level, keep=">=").components()
    assert region == next(
        part for part in parts if part.overlaps(Mask.from_map(values == values.max(), nest=True, frame="icrs"))
    )
