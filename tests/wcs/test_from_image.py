"""Mask.from_wcs. Referee: astropy's world_to_pixel at the centres of all cells of the footprint."""

import warnings

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import distinct
from profiles import examples
from wcs_images import (
    ANY_WCS,
    BOUNDED,
    IMAGES,
    PROJECTIONS,
    bent,
    blobs,
    cells_around,
    distorted,
    header_wcs,
    mostly_deep,
    scamp,
    simple,
    text_wcs,
    under,
    values_under,
)

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask._kernels import cells_under_image
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, order_for

# Random images have values in pixels without a sky, too.
pytestmark = pytest.mark.filterwarnings("ignore:.*lie outside the projection:UserWarning")


def referee(image, wcs, frame, order, held, doubt=1e-6, parts=4):
    """Cells of the footprint and those `held`, whether they are in, and whether that is in doubt.

    A cell is in doubt if its centre is on a pixel's edge, to `doubt` in pixels.
    """
    cells = distinct(np.concatenate([cells_around(wcs, image.shape, frame, order, parts), held]))
    lon, lat = hp.pix2ang(1 << order, cells, nest=True, lonlat=True)
    sky = SkyCoord(lon, lat, unit="deg", frame=frame)
    x, y = (np.asarray(a, dtype=float) for a in wcs.world_to_pixel(sky))
    good = np.isfinite(x) & np.isfinite(y)
    back = wcs.pixel_to_world(np.where(good, x, 0), np.where(good, y, 0))
    with np.errstate(invalid="ignore"):
        pixel = np.sqrt(wcs.proj_plane_pixel_area()).to_value(u.deg)
        good &= back.separation(sky.transform_to(back.frame)).deg < max(0.5 * pixel, 1e-6)
    _, value, edge = under(image, x, y, doubt)
    value &= good
    return cells, value, edge


def check(image, wcs, order, frames=("icrs", "galactic"), doubt=1e-6, parts=4, **options):
    for frame in frames:
        mask = Mask.from_wcs(image, wcs, order=order, frame=frame, **options)
        assert mask.frame == frame
        assert mask.order == order
        held = mask.planes[0].cells(order).astype(np.int64)
        cells, value, edge = referee(image, wcs, frame, order, held, doubt, parts)
        assert 0 < value.sum() < value.size
        np.testing.assert_array_equal(np.isin(cells, held)[~edge], value[~edge])


def pixel_order(wcs, shape, finer=1):
    return order_for(Grid.of(wcs, shape)) - 1 + finer


@pytest.mark.deep
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_projections(data, projection):
    wcs = text_wcs(data(f"wcs/hdr/1904-66_{projection}.hdr"))
    assert (Bounds.of(wcs, (192, 192)) is not None) == (projection in BOUNDED)
    # Cells have the size of the pixels or twice that.
    frames = ("icrs", "galactic")[PROJECTIONS.index(projection) % 2 :][:1]
    check(blobs((192, 192), 3), wcs, pixel_order(wcs, (192, 192), 0), frames, parts=2)


@pytest.mark.parametrize(("name", "number"), mostly_deep(IMAGES, ("galactic_2d.fits", 0)))
def test_real_images(data, name, number):
    with fits.open(data(f"wcs/{name}")) as hdus:
        wcs = header_wcs(hdus[number].header, hdus).celestial
        # A part of the large ones: the referee is slow.
        shape = tuple(min(n, 240) for n in hdus[number].shape[-2:])
    frames = ("icrs",) if shape[0] * shape[1] > 30_000 else ("icrs", "galactic")
    check(blobs(shape, 4), wcs, pixel_order(wcs, shape, 0), frames, parts=2)


@pytest.mark.parametrize(
    "wcs",
    [
        pytest.param(simple(lon=0.0, lat=0.0), id="seam"),
        pytest.param(simple(lon=10, lat=90.0), id="north pole"),
        pytest.param(simple("ZEA", lon=200, lat=-90.0, rotation=17), id="south pole"),
        pytest.param(simple("CAR", lon=30, lat=0, step=2, shape=(90, 180)), id="all-sky CAR", marks=pytest.mark.deep),
        pytest.param(
            simple("CAR", lon=0, lat=0, step=2, shape=(100, 200), kind="GLON"),
            id="more than the sky",
            marks=pytest.mark.deep,
        ),
        pytest.param(simple("CAR", lon=30, lat=40, step=2, shape=(90, 180)), id="oblique CAR", marks=pytest.mark.deep),
        pytest.param(
            simple("AIT", lon=266, lat=0, step=2, shape=(100, 170), kind="GLON"),
            id="all-sky AIT",
            marks=pytest.mark.deep,
        ),
        pytest.param(simple("ZEA", lon=266, lat=50, step=3, shape=(80, 80)), id="all-sky ZEA", marks=pytest.mark.deep),
        pytest.param(
            simple("SIN", lon=266, lat=50, step=2, shape=(70, 70)), id="hemisphere SIN", marks=pytest.mark.deep
        ),
        pytest.param(
            simple("TAN", lon=266, lat=50, step=3, shape=(70, 70)), id="nearly a hemisphere TAN", marks=pytest.mark.deep
        ),
        pytest.param(simple("SFL", lon=266, lat=0, step=2, shape=(100, 190)), id="all-sky SFL", marks=pytest.mark.deep),
        pytest.param(simple("MER", lon=266, lat=0, step=2, shape=(150, 190)), id="all-sky MER", marks=pytest.mark.deep),
        pytest.param(simple("MOL", lon=266, lat=0, step=4, shape=(50, 90)), id="all-sky MOL", marks=pytest.mark.deep),
        pytest.param(simple(step=(-0.01, 0.2), rotation=60), id="thin pixels"),
        pytest.param(simple(step=(0.1, 0.1)), id="flipped"),
        pytest.param(simple(radesys="FK5", equinox=1975.0, lat=89.5), id="FK5 of 1975"),
        pytest.param(simple(radesys="FK4", equinox=1950.0), id="FK4"),
        pytest.param(scamp(), id="TPV", marks=pytest.mark.deep),
    ],
)
def test_places_and_frames(wcs):
    check(blobs(wcs.array_shape, 5), wcs, min(pixel_order(wcs, wcs.array_shape), 12))


@pytest.mark.deep
def test_distortions(data):
    for wcs, shape in (
        (text_wcs(data("wcs/hdr/siponly.hdr")), (150, 100)),
        (distorted(data("wcs/image_with_distortion_map.fits")), (100, 100)),
    ):
        check(blobs(shape, 6), wcs, pixel_order(wcs, shape, 0), ("icrs",))


@pytest.mark.parametrize("strength", mostly_deep([1e-6, 1e-5, 1e-4, 1e-3], 1e-4))
@pytest.mark.parametrize("projection", mostly_deep(["TAN", "CAR"], "TAN"))
def test_sip(projection, strength, monkeypatch):
    """With bounds and without, and against the referee."""
    shape = (90, 120)
    wcs = bent(strength, shape, projection)
    image = blobs(shape, 13)
    masks = {outside: Mask.from_wcs(image, wcs, order=13, outside=outside) for outside in (False, True)}
    with monkeypatch.context() as patched:
        patched.setattr(Bounds, "of", lambda *_, **options: None)
        for outside, mask in masks.items():
            assert Mask.from_wcs(image, wcs, order=13, outside=outside) == mask
    # At 2e-4 pixel from an edge astropy's inverse may be on either side of it.
    check(image, wcs, 13, ("icrs",), doubt=2e-4)


@examples(40)
@given(
    projection=st.sampled_from(BOUNDED),
    **ANY_WCS,
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 100),
    finer=st.integers(-2, 2),
    outside=st.booleans(),
)
def test_any_wcs(projection, kind, lon, lat, step, ratio, rotation, shape, seed, finer, outside):
    wcs = simple(projection, lon, lat, (-step, step * ratio), shape, kind, rotation)
    image = np.random.default_rng(seed).random(shape) < 0.5
    side = np.sqrt(ratio) * np.radians(step)
    order = int(np.clip(round(np.log2(1 / side)) + finer, 0, 29))
    mask = Mask.from_wcs(image, wcs, order=order)
    held = mask.planes[0].cells(order).astype(np.int64)
    cells, value, edge = referee(image, wcs, "icrs", order, held)
    np.testing.assert_array_equal(np.isin(cells, held)[~edge], value[~edge])
    if outside:
        # The image is everything that is False in both.
        other = Mask.from_wcs(~image, wcs, order=order, outside=True)
        assert other == ~mask


@examples(60)
@example("AIT", "RA", 1.0, 2.0, 2.0, 2.0, 0.0, (35, 85), 0, 6, False)
@example("CAR", "RA", 0.0, 0.0, 3.0, 1.0, 95.0, (159, 1), 0, 1, False)
@given(
    projection=st.sampled_from(BOUNDED),
    kind=st.sampled_from(["RA", "GLON"]),
    lon=st.floats(0, 360),
    lat=st.floats(-90, 90),
    step=st.floats(0.1, 4),
    ratio=st.floats(0.3, 3),
    rotation=st.floats(-180, 180),
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    seed=st.integers(0, 100),
    order=st.integers(0, 7),
    outside=st.booleans(),
)
def test_all_cells_of_the_sky(projection, kind, lon, lat, step, ratio, rotation, shape, seed, order, outside):
    """Patches in an image, which settle whole nodes, against world_to_pixel at every cell there is."""
    wcs = simple(projection, lon, lat, (-step, step * ratio), shape, kind, rotation)
    image = blobs(shape, seed)
    mask = Mask.from_wcs(image, wcs, order=order, outside=outside)
    cells = np.arange(12 * 4**order)
    lon, lat = hp.pix2ang(1 << order, cells, nest=True, lonlat=True)
    sky = SkyCoord(lon, lat, unit="deg")
    expected, edge = values_under(image, wcs, sky, outside)
    held = np.zeros(cells.size, dtype=bool)
    held[mask.planes[0].cells(order).astype(int)] = True
    np.testing.assert_array_equal(held[~edge], expected[~edge])


def test_rows_of_the_sky_without_holes():
    """An all-True image is one piece: mocpy.MOC.from_fits_image leaves 1861 holes in it."""
    wcs = simple(shape=(100, 100), step=0.05)
    mask = Mask.from_wcs(np.ones((100, 100), bool), wcs, order=11)
    filled = ~mask
    inner = Mask.from_cones(wcs.pixel_to_world(49.5, 49.5), "2.4 deg", order=11)
    assert inner.issubset(mask)
    assert filled.isdisjoint(inner)
    assert mask.area.value == pytest.approx(25.0, rel=3e-3)


# ---------------------------------------------------------------------- round trip


@pytest.mark.parametrize("projection", mostly_deep(PROJECTIONS, "TAN"))
def test_round_trip(data, projection):
    """Image to mask to image, cells a quarter of a pixel."""
    wcs = text_wcs(data(f"wcs/hdr/1904-66_{projection}.hdr"))
    image = np.random.default_rng(8).random((192, 192)) < 0.5
    sky = Mask.full().to_wcs(wcs)
    order = order_for(Grid.of(wcs, None)) + 1
    mask = Mask.from_wcs(image, wcs, order=order)
    np.testing.assert_array_equal(mask.to_wcs(wcs), image & sky)


def test_smallest_order_of_the_round_trip():
    """As soon as 1.07 / 2**order is less than half a pixel."""
    wcs = simple("ARC", lat=50, step=0.13, shape=(150, 170))
    image = np.random.default_rng(9).random((150, 170)) < 0.5
    order = int(np.ceil(np.log2(1.07 / np.radians(0.13 / 2) / np.cos(np.radians(12)))))
    assert (Mask.from_wcs(image, wcs, order=order).to_wcs(wcs) == image).all()
    assert not (Mask.from_wcs(image, wcs, order=order - 2).to_wcs(wcs) == image).all()


def test_default_order():
    for step in (0.05, 0.1, 0.011):
        wcs = simple(step=step)
        order = Mask.from_wcs(np.ones((40, 60), bool), wcs).order
        side = np.degrees(np.sqrt(np.pi / 3)) / 2**order
        assert side <= step / 2 < 2 * side * 1.01


# ---------------------------------------------------------------------- areas


@pytest.mark.parametrize(
    "wcs",
    [
        simple(shape=(14, 18), rotation=20),
        simple("CAR", lon=0, lat=0, step=12, shape=(15, 30), kind="GLON"),
        simple("SIN", lat=-89, step=(0.3, 0.1), shape=(12, 12)),
        pytest.param(simple("TSC", lat=3, step=0.4, shape=(12, 12)), marks=pytest.mark.deep),
    ],
)
def test_overlap_and_inside(wcs):
    image = blobs(wcs.array_shape, 11)
    for order in (order_for(Grid.of(wcs, None)) - 2, order_for(Grid.of(wcs, None)) + 1):
        masks = {mode: Mask.from_wcs(image, wcs, order=order, mode=mode) for mode in ("inside", "center", "overlap")}
        assert masks["inside"].issubset(masks["center"])
        assert masks["center"].issubset(masks["overlap"])
        # The referee: pixels under the centres of much smaller cells.
        fine = order + 5
        small = Mask.from_wcs(image, wcs, order=fine)
        any_, all_ = (small.at_order(order, mode=mode) for mode in ("overlap", "inside"))
        if wcs.wcs.cdelt[1] < 5:
            # Edges of large pixels along parallels are not great circles.
            assert any_.issubset(masks["overlap"])
            assert masks["inside"].issubset(all_)
        # No more than what touches: a few cells of the edge that the referee's points do not see.
        edge = any_ - all_
        assert (masks["overlap"] - any_).sky_fraction <= 0.1 * edge.sky_fraction + 1e-9
        assert (all_ - masks["inside"]).sky_fraction <= 0.1 * edge.sky_fraction + 1e-9
        # Duals of each other.
        other = Mask.from_wcs(~image, wcs, order=order, mode="overlap", outside=True)
        assert other == ~masks["inside"]


# ---------------------------------------------------------------------- what may be given


def test_kinds_of_pixels():
    wcs = simple(shape=(3, 4))
    image = np.arange(12).reshape(3, 4) % 3 == 0
    mask = Mask.from_wcs(image, wcs)
    for kind in (np.uint8, np.int64, np.float32, ">f8"):
        assert Mask.from_wcs(image.astype(kind), wcs) == mask
    assert Mask.from_wcs(~image, wcs, invert=True) == mask
    assert "0 = kept" in Mask.from_wcs(~image, wcs, invert=True).history
    assert "1 = kept" in mask.history


def test_nan_pixels():
    wcs = simple(shape=(3, 4))
    image = np.zeros((3, 4))
    image[1, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"1 value that is NaN.*at \(1, 2\).*nan='keep' to keep them, or nan='exclude'"
    ):
        Mask.from_wcs(image, wcs)
    assert Mask.from_wcs(image, wcs, nan="exclude").sky_fraction == 0
    only = image != 0
    for invert in (False, True):
        assert Mask.from_wcs(only, wcs).issubset(Mask.from_wcs(image, wcs, nan="keep", invert=invert))
    kept = Mask.from_wcs(image, wcs, nan="exclude", invert=True)
    assert kept == Mask.from_wcs(~only, wcs)


def test_masked_pixels_are_nan():
    wcs = simple(shape=(3, 4))
    image = np.ma.array(np.ones((3, 4), dtype=int), mask=np.arange(12).reshape(3, 4) == 5)
    with pytest.raises(ValueError, match=r"1 value that is NaN, masked or UNSEEN, the first at \(1, 1\)"):
        Mask.from_wcs(image, wcs)
    assert Mask.from_wcs(image, wcs, nan="keep") == Mask.from_wcs(np.ones((3, 4), bool), wcs)
    assert Mask.from_wcs(image, wcs, nan="exclude") == Mask.from_wcs(~image.mask, wcs)


def values_of(seed, shape=(40, 60)):
    return np.random.default_rng(seed).normal(size=shape).round(1)


@pytest.mark.parametrize("invert", [False, True])
def test_thresholds(invert):
    wcs, values = simple(), values_of(1)
    for keep, sign in ((">", np.greater), (">=", np.greater_equal), ("<", np.less), ("<=", np.less_equal)):
        mask = Mask.from_wcs(values, wcs, threshold=0.3, keep=keep, invert=invert)
        assert mask == Mask.from_wcs(sign(values, 0.3), wcs, invert=invert)
    for closed, inside in (("left", (values >= 0) & (values < 1)), ("right", (values > 0) & (values <= 1))):
        words = {"threshold": (0, 1), "closed": closed, "invert": invert}
        assert Mask.from_wcs(values, wcs, keep="between", **words) == Mask.from_wcs(inside, wcs, invert=invert)
        assert Mask.from_wcs(values, wcs, keep="outside", **words) == Mask.from_wcs(~inside, wcs, invert=invert)
    holed = np.where(values > 1.5, np.nan, values).astype(np.float32)
    for nan in ("keep", "exclude"):
        kept = np.where(np.isnan(holed), nan == "keep", (holed > 0.3) != invert)
        assert Mask.from_wcs(holed, wcs, threshold=0.3, nan=nan, invert=invert) == Mask.from_wcs(kept, wcs)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_hysteresis(connectivity):
    """On the image's own pixels, as scikit-image finds them."""
    ndimage = pytest.importorskip("scipy.ndimage")
    filters = pytest.importorskip("skimage.filters")
    wcs, values = simple(), ndimage.gaussian_filter(values_of(2), 1.2)
    low, high = np.quantile(values, [0.7, 0.97])
    labels, _ = ndimage.label(values > low, None if connectivity == 4 else np.ones((3, 3)))
    region = np.isin(labels, labels[values > high]) & (values > low)
    if connectivity == 4:
        np.testing.assert_array_equal(region, filters.apply_hysteresis_threshold(values, low, high))
    assert 0 < region.sum() < (values > low).sum()
    words = {"low": low, "high": high, "connectivity": connectivity}
    assert Mask.from_wcs(values, wcs, **words) == Mask.from_wcs(region, wcs)
    assert Mask.from_wcs(values, wcs, keep="<=", **words) == Mask.from_wcs(~region, wcs)
    assert Mask.from_wcs(values, wcs, invert=True, **words) == Mask.from_wcs(~region, wcs)
    holed = np.where(region & (values_of(3) > 1), np.nan, values)
    missing = np.isnan(holed)
    labels, _ = ndimage.label(holed > low, None if connectivity == 4 else np.ones((3, 3)))
    region = np.isin(labels, labels[holed > high]) & (holed > low)
    for nan in ("keep", "exclude"):
        for keep in (">", "<="):
            wanted = np.where(missing, nan == "keep", region == (keep == ">"))
            assert Mask.from_wcs(holed, wcs, nan=nan, keep=keep, **words) == Mask.from_wcs(wanted, wcs)


def test_units_and_bins():
    wcs, axis = simple(), EnergyAxis([1, 2, 4] * u.TeV)
    values = np.array([values_of(1), values_of(2)])
    wanted = Mask.from_wcs(values[0] > 0.3, wcs)
    hdu = fits.ImageHDU(values[0], header=wcs.to_header())
    hdu.header["BUNIT"] = "m"
    for image, given_wcs in ((values[0] * u.m, wcs), (hdu, None)):
        assert Mask.from_wcs(image, given_wcs, threshold=0.3) == wanted
        assert Mask.from_wcs(image, given_wcs, threshold=30 * u.cm) == wanted
        with pytest.raises(ValueError, match="threshold must be in a unit like m, got s"):
            Mask.from_wcs(image, given_wcs, threshold=30 * u.s)
    with pytest.raises(ValueError, match="threshold has the unit cm, but the values have none"):
        Mask.from_wcs(values[0], wcs, threshold=30 * u.cm)
    hdu.header["BUNIT"] = "photons per fortnight"
    assert Mask.from_wcs(hdu, threshold=0.3) == wanted
    kept = values > [[[0.3]], [[-0.3]]]
    assert Mask.from_wcs(values, wcs, threshold=[0.3, -0.3], energy=axis) == Mask.from_wcs(kept, wcs, energy=axis)
    one = Mask.from_wcs(values[0], wcs, threshold=[0.3, -0.3], energy=axis)
    assert [*one] == [Mask.from_wcs(values[0], wcs, threshold=level) for level in (0.3, -0.3)]
    with pytest.raises(ValueError, match="one for each of the 2 energy bins, got 3"):
        Mask.from_wcs(values, wcs, threshold=[1, 2, 3], energy=axis)
    with pytest.raises(TypeError, match="energy must be an EnergyAxis, got Quantity"):
        Mask.from_wcs(values, wcs, threshold=1, energy=axis.edges)
    for odd in (values[0] * 1j, values[0].astype(str), values[0].astype(object)):
        with pytest.raises(TypeError, match=f"image must be numbers or booleans, got {odd.dtype}"):
            Mask.from_wcs(odd, wcs, threshold=1)
    values[1, 5, 7] = np.nan
    with pytest.raises(ValueError, match=r"^image\[1\] has 1 value that is NaN.*the first at \(5, 7\)"):
        Mask.from_wcs(values, wcs, threshold=0.3, energy=axis)


def test_history_of_thresholds():
    mask = Mask.from_wcs(values_of(1), simple(), threshold=0.3, keep="<", nan="keep", order=10)
    assert mask.history == "from_wcs(40 x 60 pixels, < 0.3, NaN kept, outside not kept, order=10, mode='center')"


def test_orders_that_are_too_fine_raise():
    with pytest.raises(ValueError, match="order 29 is too fine for this image"):
        Mask.from_wcs(np.eye(40, 60, dtype=bool), simple(step=1.0), order=29)
    small = simple(step=1e-6)
    assert Mask.from_wcs(np.eye(40, 60, dtype=bool), small, order=29).to_wcs(small).trace() == 40


def test_bad_pixels():
    wcs = simple(shape=(3, 4))
    with pytest.raises(ValueError, match=r"2 values of 12 are not, the first at \(0, 2\): 2"):
        Mask.from_wcs(np.array([[0, 1, 2, 3]] + [[0] * 4] * 2), wcs)
    with pytest.raises(ValueError, match="give a threshold="):
        Mask.from_wcs(np.full((3, 4), 0.5), wcs)
    with pytest.raises(TypeError, match="boolean"):
        Mask.from_wcs(np.full((3, 4), "x"), wcs)
    with pytest.raises(TypeError, match="wcs must be given"):
        Mask.from_wcs(np.ones((3, 4), bool))
    with pytest.raises(ValueError, match="mode must be"):
        Mask.from_wcs(np.ones((3, 4), bool), wcs, mode="touch")
    with pytest.raises(ValueError, match="at least two axes"):
        Mask.from_wcs(np.ones(4, bool), wcs)
    with pytest.raises(ValueError, match="one plane: give energy"):
        Mask.from_wcs(np.ones((2, 3, 4), bool), wcs)
    axis = EnergyAxis([1, 2, 3, 4] * u.TeV)
    with pytest.raises(ValueError, match="3 planes"):
        Mask.from_wcs(np.ones((2, 3, 4), bool), wcs, energy=axis)


def test_cube():
    wcs = simple()
    axis = EnergyAxis([1, 2, 3, 4] * u.TeV)
    image = np.array([blobs((40, 60), 1), blobs((40, 60), 2), blobs((40, 60), 1)])
    mask = Mask.from_wcs(image, wcs, energy=axis, order=11)
    for plane, sheet in zip(mask.planes, image, strict=True):
        assert plane == Mask.from_wcs(sheet, wcs, order=11).planes[0]
    assert mask.planes[0] is mask.planes[2]
    assert Mask.from_wcs(image[0], wcs, energy=axis, order=11).planes[1] == mask.planes[0]


def test_all_and_nothing():
    wcs = simple()
    assert Mask.from_wcs(np.ones((40, 60), bool), wcs, outside=True).sky_fraction == 1
    assert Mask.from_wcs(np.zeros((40, 60), bool), wcs).sky_fraction == 0


def test_threads_change_nothing():
    wcs = simple(shape=(300, 300))
    image = blobs((300, 300), 3)
    first = Mask.from_wcs(image, wcs, n_threads=1)
    assert first == Mask.from_wcs(image, wcs, n_threads=3)
    assert isinstance(first.planes[0], RangeSet)


# ---------------------------------------------------------------------- real masks


def test_gamma_cygni_exclusion_mask(data):
    """A cube of one plane in which 1 means excluded."""
    path = data("masks/GammaCygni_exclusion_mask.fits.gz")
    mask = Mask.from_wcs(path, invert=True, outside=True, frame="galactic")
    with fits.open(path) as hdus:
        values = np.squeeze(hdus[0].data)
        wcs = header_wcs(hdus[0].header).celestial
    assert (values == 1).sum() == 799
    np.testing.assert_array_equal(mask.to_wcs(wcs, values.shape), values == 0)
    pixel = wcs.proj_plane_pixel_area().to_value(u.deg**2)
    y, _ = np.nonzero(values)
    lat = wcs.pixel_to_world(0, y).b.rad
    assert (~mask).area.to_value(u.deg**2) == pytest.approx(pixel * np.cos(lat).sum(), rel=0.01)


def test_veritas_map_with_nan_edges(data):
    with fits.open(data("wcs/VERITAS_VER-000136-excess-skymap.fits")) as hdus:
        values, wcs = np.array(hdus[1].data), header_wcs(hdus[1].header)
    image = np.where(np.isnan(values), np.nan, values > np.nanmedian(values))
    with pytest.raises(ValueError, match="36467 values that are NaN"):
        Mask.from_wcs(image, wcs)
    mask = Mask.from_wcs(image, wcs, nan="exclude")
    expected = image == 1
    side = wcs.proj_plane_pixel_area().to_value(u.deg**2)
    assert mask.area.to_value(u.deg**2) == pytest.approx(expected.sum() * side, rel=0.01)
    assert (mask.to_wcs(wcs, values.shape) != expected).mean() < 1e-3


def test_fermi_templates(data):
    for name in ("CenALobes", "FornaxA", "S147", "CygnusLoop", "W44"):
        with fits.open(data(f"wcs/fermi_template_{name}.fits.gz")) as hdus:
            values, wcs = np.array(hdus[0].data), header_wcs(hdus[0].header)
        image = values > 0.1 * values.max()
        mask = Mask.from_wcs(image, wcs, order=order_for(Grid.of(wcs, image.shape)) + 1)
        np.testing.assert_array_equal(mask.to_wcs(wcs, image.shape), image)


def test_all_sky_image_with_invalid_corners(data):
    """Corners of an AIT image, which are outside the projection, add no cells even if they are True."""
    with fits.open(data("wcs/allsky_rosat.fits")) as hdus:
        values, wcs = np.array(hdus[0].data), header_wcs(hdus[0].header)
    image = values > np.median(values[values > 0])
    image[:20, :20] = True
    sky = Mask.full(frame="galactic").to_wcs(wcs, image.shape)
    mask = Mask.from_wcs(image, wcs, frame="galactic")
    # AIT keeps areas.
    pixel = wcs.proj_plane_pixel_area().to_value(u.deg**2)
    assert mask.area.to_value(u.deg**2) == pytest.approx((image & sky).sum() * pixel, rel=5e-3)
    assert (mask.to_wcs(wcs, image.shape) != (image & sky)).mean() < 2e-3
    everything = Mask.from_wcs(np.ones_like(image), wcs, frame="galactic")
    # What is missing is a rim: the image's last pixels leave out a strip at the seam.
    assert everything.sky_fraction > 0.99


def test_exclusion_image_of_the_galactic_plane(data):
    """As H.E.S.S. makes them: the survey's sources as 0 in a CAR image along the plane, for gammapy."""
    mask = ~Mask.from_catalog(data("catalogs/hgps_catalog_v1.fits.gz"), "0.4 deg", order=11, frame="galactic")
    wcs = simple("CAR", 350, 0, 0.05, (200, 2200), "GLON")
    image = mask.to_wcs(wcs)
    back = Mask.from_wcs(image, wcs, outside=True, frame="galactic", order=12)
    np.testing.assert_array_equal(back.to_wcs(wcs), image)
    field = Mask.from_wcs(np.ones_like(image), wcs, frame="galactic", order=12)
    lost, found = ((~m & field).area.to_value(u.deg**2) for m in (mask, back))
    assert lost > 20
    assert found == pytest.approx(lost, rel=0.01)
    assert ((back ^ mask) & field).area.to_value(u.deg**2) < 0.1 * lost


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 16), (33, 40), (64, 5)])
def test_pixels_are_counted_by_blocks(shape):
    image = (np.random.default_rng(2).random(shape) < 0.4).astype(np.uint8)
    total = np.empty([cells_under_image.blocks_of(n) + 1 for n in shape], dtype=np.uint32)
    cells_under_image.count_pixels(image, total)
    for (j, i), count in np.ndenumerate(total):
        assert count == image[: 8 * j, : 8 * i].sum()
    with pytest.raises(ValueError, match="total must have a row"):
        cells_under_image.count_pixels(image, total[:-1])


@pytest.mark.deep
def test_wide_images_of_few_patches():
    """Long rectangles, which are asked by blocks, and patches that straddle them."""
    wcs = simple(step=0.01, shape=(61, 403))
    image = np.zeros((61, 403), dtype=bool)
    image[3:9, 7:300] = image[20:21, 390:] = image[40:, 100:109] = image[56, 402] = True
    check(image, wcs, 13)
    assert Mask.from_wcs(~image, wcs, order=13, outside=True) == ~Mask.from_wcs(image, wcs, order=13)


# ---------------------------------------------------------------------- around the sky, and up to the rim


def plate(crval=0.0, crpix=None, cdelt=-1.0, shape=(180, 360), projection="CAR", swap=False, turn=1):
    """An image of the sky along the equator; swapped, its first axis is the latitude, and turned it is upside down."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = crval, 0
    wcs.wcs.crpix = (shape[1] + 1) / 2 if crpix is None else crpix, (shape[0] + 1) / 2
    wcs.wcs.cdelt = turn * cdelt, turn * abs(cdelt)
    if swap:
        for card in ("ctype", "crval", "crpix", "cdelt"):
            setattr(wcs.wcs, card, list(getattr(wcs.wcs, card))[::-1])
    wcs.wcs.set()
    return wcs


def car_referee(image, crval, crpix, cdelt, order):
    """The pixels of a CAR image by hand: the one nearest to CRPIX that has the sky of a cell."""
    lon, lat = hp.pix2ang(1 << order, np.arange(12 << 2 * order), nest=True, lonlat=True)
    ny, nx = image.shape
    turn = (lon - crval + 180) % 360 - 180
    row = np.floor(lat / abs(cdelt) + (ny - 1) / 2 + 0.5).astype(int)
    expected = np.zeros(lon.size, bool)
    edge = np.zeros(lon.size, bool)
    for step in (2, -2, 1, -1, 0):
        x = (turn + 360 * step) / cdelt + crpix - 1
        column = np.floor(x + 0.5).astype(int)
        on = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
        expected[on] = image[row[on], column[on]]
        edge |= np.abs((x + 0.5) - np.round(x + 0.5)) < 1e-9
    y = lat / abs(cdelt) + (ny - 1) / 2
    edge |= np.abs((y + 0.5) - np.round(y + 0.5)) < 1e-9
    return expected, edge


@pytest.mark.parametrize("projection", mostly_deep(["CAR", "CEA", "MER", "CYP"], "CAR", "MER"))
@pytest.mark.parametrize(
    ("crval", "cdelt"),
    mostly_deep([(0, -4.0), (45, 4.0), (180, -4.5), (180, 360 / 91), (83.6, -3.9999)], (180, -4.5), (83.6, -3.9999)),
)
def test_no_cell_is_lost_on_the_seam(projection, crval, cdelt):
    nx, ny = round(360 / abs(cdelt)), 56
    lat = np.abs(hp.pix2ang(32, np.arange(12 << 10), nest=True, lonlat=True)[1])
    for crpix in (None, nx / 2, 1.0, -25.25):
        for options in ({}, {"swap": True}, {"turn": -1}):
            wcs = plate(crval, crpix, cdelt, (ny, nx), projection, **options)
            image = np.ones((nx, ny) if "swap" in options else (ny, nx), bool)
            with warnings.catch_warnings():
                # Rows beyond the poles.
                warnings.filterwarnings("ignore", message=".*lie outside the projection")
                kept = Mask.from_wcs(image, wcs, order=5).to_healpix(order=5, nest=True)
            # MER and CYP end before the poles.
            np.testing.assert_array_equal(kept, lat < (91 if kept.all() else lat[~kept].min()))
            assert kept[lat < 65].all()
            assert kept.all() or projection in ("MER", "CYP")


@pytest.mark.parametrize(
    ("crval", "crpix", "cdelt", "nx"),
    [
        pytest.param(180.013, 1.0, -1.0, 361, marks=pytest.mark.deep),
        pytest.param(0.013, 1.0, 1.0, 360, marks=pytest.mark.deep),
        pytest.param(0.013, 160.0, -1.125, 320, marks=pytest.mark.deep),
        pytest.param(30.013, 500.0, 1.0, 100, marks=pytest.mark.deep),
        pytest.param(0.013, 200.3, 1.0, 500, marks=pytest.mark.deep),
        (0.013, -300.0, 1.0, 60),
    ],
)
@pytest.mark.filterwarnings("ignore:.*sky that belongs to another pixel:UserWarning")
def test_pixels_beyond_180_degrees(crval, crpix, cdelt, nx):
    """Both ways, with astropy's bounds and without."""
    ny = int(np.ceil(180 / abs(cdelt) + 1))
    wcs = plate(crval, crpix, cdelt, (ny, nx))
    image = blobs((ny, nx), 4)
    expected, edge = car_referee(image, crval, crpix, cdelt, 6)
    mask = Mask.from_wcs(image, wcs, order=6)
    wrong = (mask.to_healpix(order=6, nest=True) != expected) & ~edge
    assert not wrong.any()
    lon = crval + (np.arange(nx) - crpix + 1) * cdelt
    lat = (np.arange(ny) - (ny - 1) / 2) * abs(cdelt)
    sky = np.broadcast_to((np.abs(lat) <= 90)[:, np.newaxis], image.shape)
    lon, lat = np.meshgrid(lon, np.clip(lat, -90, 90))
    there = mask.contains(SkyCoord(lon, lat, unit="deg")) & sky
    np.testing.assert_array_equal(mask.to_wcs(wcs, image.shape), there)
    part = mask.to_wcs(wcs, image.shape, mode="fraction")
    np.testing.assert_array_equal(part > 0, mask.to_wcs(wcs, image.shape, mode="overlap"))
    wcs.wcs.bounds_check(False, False)
    assert Mask.from_wcs(image, wcs, order=6) == mask
    np.testing.assert_array_equal(mask.to_wcs(wcs, image.shape), there)


@pytest.mark.parametrize("mode", ["overlap", "inside"])
def test_areas_of_pixels_go_round_the_sky(mode):
    image = np.ones((47, 90), bool)
    assert Mask.from_wcs(image, plate(180, cdelt=-4.0, shape=image.shape), order=6, mode=mode) == Mask.full(order=6)


@pytest.mark.deep
@pytest.mark.parametrize("crpix", [15, 45, 105])
@pytest.mark.parametrize("projection", ["TSC", "CSC", "QSC"])
def test_cubes_that_begin_with_any_face(projection, crpix):
    wcs = simple(projection, lon=0, lat=0, step=3.0, shape=(90, 120), crpix=(crpix + 0.5, 45.5))
    assert Mask.from_wcs(np.ones((90, 120), bool), wcs, order=5) == Mask.full(order=5)


@pytest.mark.parametrize("projection", mostly_deep(["TSC", "CSC", "QSC", "HPX"], "TSC"))
@pytest.mark.parametrize("lon", [-165, -86, -45, 45, 165])
def test_a_part_of_the_belt(projection, lon):
    """An image of 40 deg at any native longitude. wcslib puts the faces of cubes at -45 to 315 deg."""
    wcs = simple(projection, lon=0, lat=0, step=2.0, shape=(20, 20), crpix=(10.5 + lon / 2, 10.5))
    image = blobs((20, 20), 5)
    mask = Mask.from_wcs(image, wcs, order=6)
    np.testing.assert_array_equal(mask.to_wcs(wcs), image)
    sky = SkyCoord(*hp.pix2ang(64, np.arange(12 << 12), nest=True, lonlat=True), unit="deg")
    expected, unsure = values_under(image, wcs, sky, False)
    np.testing.assert_array_equal(mask.to_healpix(nest=True)[~unsure], expected[~unsure])
    assert unsure.mean() < 0.01


def test_a_facet_that_is_there_twice():
    """An image of HPX turned by 45 deg, as HPXcvt writes it."""
    wcs = simple("HPX", lon=0, lat=0, step=4.0, shape=(80, 80), rotation=45)
    assert Mask.from_wcs(np.ones((80, 80), bool), wcs, order=5) == Mask.full(order=5)


@pytest.mark.parametrize(
    "wcs",
    [
        pytest.param(
            simple("CEA", lon=0, lat=0, step=1.0, shape=(120, 362), radesys="FK4", equinox=1950.0),
            id="FK4",
            marks=pytest.mark.deep,
        ),
        pytest.param(
            simple("MOL", lon=0, lat=40, step=2.0, shape=(90, 181), rotation=30), id="MOL", marks=pytest.mark.deep
        ),
        pytest.param(simple("PAR", lon=20, lat=0, step=2.0, shape=(90, 181)), id="PAR", marks=pytest.mark.deep),
        pytest.param(simple("XPH", lon=20, lat=90, step=2.0, shape=(120, 120)), id="XPH"),
        pytest.param("SIN", id="slant SIN"),
        pytest.param("AZP", id="AZP", marks=pytest.mark.deep),
    ],
)
@pytest.mark.filterwarnings("ignore:.*lie outside the projection:UserWarning")
def test_cells_up_to_the_rim(wcs):
    """A pixel counts though its own centre is outside the projection: all cells of the sky, one by one."""
    if isinstance(wcs, str):
        parameters = {"SIN": [(2, 1, 0.5), (2, 2, 0.3)], "AZP": [(2, 1, 2.0), (2, 2, 20.0)]}[wcs]
        wcs = simple(wcs, lon=20, lat=87, step=2.0, shape=(90, 100))
        wcs.wcs.set_pv(parameters)
    shape, order = wcs.array_shape, 6
    image = np.random.default_rng(2).random(shape) < 0.5
    cells = np.arange(12 << 2 * order)
    sky = SkyCoord(*hp.pix2ang(1 << order, cells, nest=True, lonlat=True), unit="deg")
    x, y = wcs.world_to_pixel(sky)
    on, expected, edge = under(image, x, y)
    assert (on & ~np.isfinite(wcs.pixel_to_world_values(np.round(x), np.round(y))[0])).any()
    for outside in (False, True):
        got = Mask.from_wcs(image, wcs, order=order, outside=outside).to_healpix(order=order, nest=True)
        assert not (~edge & (got != np.where(on, expected, outside))).any()


def test_pixels_outside_the_projection_are_warned_about():
    shape = (45, 90)
    wcs = simple("SFL", lon=180, lat=0, step=4.0, shape=shape, crpix=(1.0, 23.0))
    lost = np.isnan(wcs.pixel_to_world_values(*np.indices(shape)[::-1])[0])
    with pytest.warns(
        UserWarning, match=r"(\d+) of 4050 pixels of image are True but lie outside the projection"
    ) as warned:
        Mask.from_wcs(np.ones(shape, bool), wcs, order=5)
    # Those that the rim crosses are used.
    count = int(str(warned[0].message).split()[0])
    assert lost.sum() - 90 < count <= lost.sum()
    with pytest.warns(UserWarning, match="pixels of image are False but"):
        Mask.from_wcs(np.zeros(shape, bool), wcs, order=5, outside=True)
    wcs.wcs.bounds_check(False, False)
    image = np.zeros(shape, bool)
    image[20:25, 70:] = True
    with pytest.warns(UserWarning, match="pixels of image are True but lie outside the projection, or show"):
        assert Mask.from_wcs(image, wcs, order=5) == Mask.empty(order=5)


def test_frame_around_an_all_sky_image_is_not_warned_about():
    wcs = simple("AIT", lon=0, lat=0, step=2.0, shape=(90, 180))
    image = np.ones((90, 180), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Mask.from_wcs(image, wcs, order=5) == Mask.full(order=5)
    image[0, 0] = False
    with pytest.warns(UserWarning, match="lie outside the projection"):
        Mask.from_wcs(image, wcs, order=5)


def test_small_pixels_across_a_tear():
    """The edge of a facet, whose two sides are far apart on the sky, goes through a column of pixels."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---HPX", "DEC--HPX"]
    wcs.wcs.crval = 249.9538117271186, -35.445661417757776
    wcs.wcs.crpix = 2.0, 7.5
    wcs.wcs.cdelt = 1.1446625192319954e-05, 2.1881582560538057e-05
    wcs.wcs.pc = [[0, 1], [-1, 0]]
    shape = 14, 3
    order = 23
    mask = Mask.from_wcs(np.ones(shape, bool), wcs, order=order)
    # All pixels together have some hundreds of cells, and each of these cells has its centre on the image.
    cells = mask.planes[0].cells(order)
    lon, lat = hp.pix2ang(1 << order, cells.astype(np.int64), nest=True, lonlat=True)
    x, y = wcs.wcs_world2pix(lon, lat, 0)
    assert 100 < cells.size < 2000
    assert np.all((np.abs(x - 1) <= 1.5 + 1e-6) & (np.abs(y - 6.5) <= 7 + 1e-6))
    # All of them are there: those around the centres of the pixels, to which the sky is continuous.
    column, row = (k.ravel() for k in np.meshgrid(np.arange(3.0), np.arange(14.0)))
    middle = hp.vec2pix(1 << order, *hp.ang2vec(*wcs.wcs_pix2world(column, row, 0), lonlat=True).T, nest=True)
    around = hp.get_all_neighbours(1 << order, middle, nest=True).ravel()
    around = np.unique(np.concatenate([middle, around[around >= 0]]))
    x, y = wcs.wcs_world2pix(*hp.pix2ang(1 << order, around, nest=True, lonlat=True), 0)
    inside = (np.abs(x - 1) < 1.5 - 1e-6) & (np.abs(y - 6.5) < 7 - 1e-6)
    assert inside.sum() > 42
    assert np.isin(around[inside], cells.astype(np.int64)).all()
