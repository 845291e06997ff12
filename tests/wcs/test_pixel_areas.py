"""to_wcs by areas: overlap, inside and fraction. Referee: points spread over the pixels, 100 x 100 in each."""

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from wcs_images import (
    PROJECTIONS,
    all_sky,
    distorted,
    header_wcs,
    mostly_deep,
    sampled,
    scamp,
    simple,
    text_wcs,
)

from hpmask import EnergyAxis, Mask

# Random discs may be smaller than a cell.


def check(wcs, shape, order, radius, seed=1, n_pixels=40, n=100):
    """The fractions, to the error of the points: 100 x 100 are off by up to half a row of them on straight edges."""
    rng = np.random.default_rng(seed)
    center = wcs.pixel_to_world(rng.uniform(0, shape[1], 12), rng.uniform(0, shape[0], 12))
    good = np.isfinite(center.spherical.lon)
    mask = Mask.from_cones(center[good], radius, order=order)
    images = {mode: mask.to_wcs(wcs, shape, mode=mode) for mode in ("inside", "center", "overlap", "fraction")}
    part = images["fraction"]
    assert part.dtype == np.float32
    assert part.shape == shape
    assert part.min() >= 0
    assert part.max() <= 1
    assert (images["inside"] <= images["center"]).all()
    assert (images["center"] <= images["overlap"]).all()
    assert images["overlap"][part > 1e-3].all()
    assert not images["inside"][part < 1 - 1e-3].any()
    mixed = np.argwhere((part > 0) & (part < 1) & all_sky(wcs, shape))
    assert mixed.size
    row, column = mixed[rng.permutation(len(mixed))[:n_pixels]].T
    expected = sampled(mask, wcs, row, column, n)
    difference = part[row, column] - expected
    assert np.abs(difference).max() < 1e-3 + 0.4 / n
    assert np.sqrt(np.mean(difference**2)) < 2e-4 + 0.15 / n
    assert (images["overlap"][row, column] >= (expected > 0)).all()
    assert (images["inside"][row, column] <= (expected > 1 - 1e-9)).all()
    others = rng.integers(0, shape[0], 15), rng.integers(0, shape[1], 15)
    expected = sampled(mask, wcs, *others, n=20)
    sure = (part[others] == 0) | (part[others] == 1)
    np.testing.assert_allclose(part[others][sure], expected[sure], atol=1e-3)


@pytest.mark.deep
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_projections(data, projection):
    wcs = text_wcs(data(f"wcs/hdr/1904-66_{projection}.hdr"))
    # One projection of each kind to more points.
    n = 300 if projection in ("TAN", "HPX") else 150
    check(wcs, (192, 192), 11, "0.5 deg", n_pixels=3, n=n)


@pytest.mark.parametrize("order", mostly_deep([6, 9, 14], 9))
@pytest.mark.parametrize(
    "wcs",
    [
        pytest.param(simple(lon=0.0, lat=0.0, rotation=30), id="seam", marks=pytest.mark.deep),
        pytest.param(simple(lon=10, lat=90.0), id="north pole", marks=pytest.mark.deep),
        pytest.param(
            simple("ZEA", lon=200, lat=-89.0, step=(-0.1, 0.5), rotation=17, kind="GLON"),
            id="thin",
            marks=pytest.mark.deep,
        ),
        pytest.param(simple(radesys="FK4", equinox=1950.0), id="FK4"),
        pytest.param(simple(step=0.02, lat=-70), id="small", marks=pytest.mark.deep),
    ],
)
def test_places(wcs, order):
    side = np.sqrt(wcs.proj_plane_pixel_area()).to_value(u.deg)
    check(wcs, wcs.array_shape, order, max(5 * side, 0.5) * u.deg, n_pixels=20)


@pytest.mark.deep
@pytest.mark.parametrize(
    "wcs",
    [
        simple("CAR", lon=30, lat=0, step=3, shape=(60, 120)),
        simple("AIT", lon=266, lat=0, step=3, shape=(60, 112), kind="GLON"),
        simple("ZEA", lon=266, lat=50, step=4, shape=(60, 60)),
        simple("SIN", lon=266, lat=50, step=3, shape=(44, 44)),
    ],
)
def test_large_pixels_all_over_the_sky(wcs):
    check(wcs, wcs.array_shape, 8, "20 deg")


@pytest.mark.deep
def test_distortions(data):
    check(text_wcs(data("wcs/hdr/siponly.hdr")), (100, 80), 22, "10 arcsec")
    check(distorted(data("wcs/image_with_distortion_map.fits")), (100, 100), 13, "0.1 deg")
    check(scamp(), (80, 100), 12, "0.3 deg")


def test_fractions_add_up_to_the_area():
    """In a projection that keeps areas, and of two masks that share no cell."""
    wcs = simple("ZEA", lat=40, step=0.2, shape=(100, 100))
    mask = Mask.from_cones(wcs.pixel_to_world([30, 70, 55], [40, 50, 60]), "3 deg", order=9)
    part = mask.to_wcs(wcs, mode="fraction")
    assert part.sum(dtype=float) * 0.04 == pytest.approx(mask.area.value, rel=2e-5)
    np.testing.assert_allclose((~mask).to_wcs(wcs, mode="fraction"), 1 - part, atol=4e-4)
    np.testing.assert_array_equal((~mask).to_wcs(wcs, mode="overlap"), ~mask.to_wcs(wcs, mode="inside"))


def test_cells_that_are_the_pixels():
    """One cell in the middle of one pixel is overlap, and not inside, whatever its size."""
    wcs = simple(step=0.5, shape=(9, 9))
    for order in (10, 14, 20, 29):
        place = wcs.pixel_to_world(4.1, 4.2)
        mask = Mask.from_cones(place, "0.0000000001 deg", order=order, mode="overlap")
        image = mask.to_wcs(wcs, mode="overlap")
        assert image.sum() == 1
        assert image[4, 4]
        assert not mask.to_wcs(wcs, mode="inside").any()
        assert (~mask).to_wcs(wcs, mode="inside").sum() == 80
        part = mask.to_wcs(wcs, mode="fraction")[4, 4]
        assert part == pytest.approx(mask.area.to_value(u.deg**2) / 0.25, rel=1e-3)


@pytest.mark.deep
@pytest.mark.parametrize("step", mostly_deep([5, 2], 5))
def test_full_and_empty(step):
    wcs = simple("AIT", lon=30, lat=0, step=step, shape=(200 // step, 400 // step), kind="GLON")
    part = Mask.full().to_wcs(wcs, mode="fraction")
    assert set(np.unique(part)) == {0, 1}
    assert not part[0, 0]
    sky = Mask.full().to_wcs(wcs)
    assert (sky <= Mask.full().to_wcs(wcs, mode="overlap")).all()
    np.testing.assert_array_equal(Mask.full().to_wcs(wcs, mode="inside"), sky)
    for mode in ("overlap", "inside", "fraction"):
        assert not Mask.empty().to_wcs(wcs, mode=mode).any()


def test_energy_bins():
    wcs = simple()
    axis = EnergyAxis([1, 2, 3, 4] * u.TeV)
    radius = [[0.9, 0.5, 0.9]] * u.deg
    center = SkyCoord([83, 84], [22, 22.5], unit="deg")
    mask = Mask.from_cones(center, radius, order=10, energy=axis)
    for mode in ("overlap", "inside", "fraction"):
        cube = mask.to_wcs(wcs, mode=mode)
        for k in range(3):
            one = Mask.from_cones(center, radius[0, k], order=10).to_wcs(wcs, mode=mode)
            np.testing.assert_array_equal(cube[k], one)


def test_written_overlap(tmp_path):
    wcs = simple()
    mask = Mask.from_cones(wcs.pixel_to_world(20, 20), "1 deg", order=8)
    mask.write_wcs(tmp_path / "a.fits", wcs, mode="overlap")
    np.testing.assert_array_equal(fits.getdata(tmp_path / "a.fits"), mask.to_wcs(wcs, mode="overlap"))
    with pytest.raises(ValueError, match="mode must be"):
        mask.write_wcs(tmp_path / "b.fits", wcs, mode="fraction")


@pytest.mark.deep
def test_a_real_field(data):
    with fits.open(data("wcs/gc_msx_e.fits")) as hdus:
        check(header_wcs(hdus[0].header), hdus[0].shape, 13, "0.1 deg")


@pytest.mark.deep
def test_fractions_are_much_better_than_promised():
    wcs = simple("ARC", lat=-66, step=0.1)
    mask = Mask.from_cones(wcs.pixel_to_world([20, 30], [20, 15]), "1 deg", order=10)
    part = mask.to_wcs(wcs, mode="fraction")
    row, column = np.argwhere((part > 0) & (part < 1))[::58].T
    np.testing.assert_allclose(part[row, column], sampled(mask, wcs, row, column, 1200), atol=2e-4)


@pytest.mark.parametrize(("size", "seed"), mostly_deep([(9, 1), (20, 2), (35, 4)], (9, 1)))
@pytest.mark.parametrize(("projection", "wide"), [("XPH", 300), ("QSC", 350), ("HPX", 340), ("TSC", 350), ("CSC", 350)])
def test_edges_of_facets(projection, wide, size, seed):
    """All pixels of whole facets, in 20 x 20 places each, and closely where that differs most."""
    rng = np.random.default_rng(seed)
    wcs = simple(
        projection,
        lon=rng.uniform(0, 360),
        lat=90 if projection == "XPH" else 0,
        step=wide / size / np.sqrt(2),
        shape=(size, size),
        rotation=rng.uniform(0, 360),
    )
    center = SkyCoord(rng.uniform(0, 360, 60), np.degrees(np.arcsin(rng.uniform(-1, 1, 60))), unit="deg")
    mask = Mask.from_cones(center, rng.uniform(2, 14, 60) * u.deg, order=6)
    part, overlap, inside = (mask.to_wcs(wcs, mode=mode) for mode in ("fraction", "overlap", "inside"))

    def fractions(row, column, n):
        """Sky and kept sky in n x n places of pixels, as parts of the places, and the kept part of the solid angle."""
        step, edge = (np.arange(n) + 0.5) / n - 0.5, np.arange(n + 1) / n - 0.5
        x, y = column[:, None, None] + step, row[:, None, None] + step[:, None]
        lon, lat = wcs.pixel_to_world_values(*np.broadcast_arrays(x, y))
        sky = np.isfinite(lon)
        kept = np.zeros(sky.shape, bool)
        kept[sky] = mask.contains(SkyCoord(lon[sky], lat[sky], unit="deg"))
        x, y = column[:, None, None] + edge, row[:, None, None] + edge[:, None]
        lon, lat = np.radians(wcs.pixel_to_world_values(*np.broadcast_arrays(x, y)))
        p = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
        area = np.cross(p[:, 1:, 1:] - p[:, :-1, :-1], p[:, 1:, :-1] - p[:, :-1, 1:])
        area = np.linalg.norm(area, axis=-1)
        # Squares at a tear.
        usual = np.nanmedian(area, axis=(1, 2), keepdims=True)
        area = np.where(sky, np.where(area < 4 * usual, area, usual), 0)
        return sky.mean(axis=(1, 2)), kept.mean(axis=(1, 2)), (kept * area).sum(axis=(1, 2)) / area.sum(axis=(1, 2))

    row, column = (a.ravel() for a in np.indices((size, size)))
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        sky, kept, expected = fractions(row, column, 20)
    # Pixels beyond 180 deg of native longitude are used, too, where astropy gives no position.
    whole = sky == 1
    # At a rim, 32 x 32 places may miss what is in one of the 20 x 20.
    assert overlap[row, column][kept > np.where(whole, 0, 0.01)].all()
    assert not inside[row, column][(kept < sky) & whole].any()
    difference = np.where(whole, np.abs(part[row, column] - expected), 0)
    worst = np.argsort(-difference)[:10]
    fine = fractions(row[worst], column[worst], 150)[2]
    assert np.abs(part[row, column][worst] - fine).max() < 5e-3
    some = (sky < 1) & (sky > 0.2)
    if projection in ("XPH", "QSC"):
        assert np.abs(part[row, column] - expected)[some].max(initial=0) < 0.08
