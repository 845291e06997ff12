"""Whole tiles at once: to_wcs must be what it is pixel by pixel. And many images in one call."""

import threading

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs.wcsapi import SlicedLowLevelWCS
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from wcs_images import ANY_WCS, BOUNDED, IMAGES, PROJECTIONS, bent, header_wcs, mostly_deep, simple, text_wcs

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.core import lookup
from hpmask.core.layers import LayeredSet
from hpmask.geometry.frames import unit_vectors
from hpmask.wcs import field_wcs
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Way

# Random discs may be smaller than a cell.


def pixel_by_pixel(mask, wcs, shape):
    grid = Grid.of(wcs, shape)
    way = Way.between(grid.frame, mask.frame)
    x, y = np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[0]))
    lon, lat = grid.positions(grid.wcs, x, y)
    return lookup.contains_lonlat(mask.planes, mask.order, lon, lat, matrix=way.matrix)


def discs_for(wcs, shape, order, size, seed, frame="icrs"):
    """A mask with discs of some pixels' size in the image, or half of the sky."""
    rng = np.random.default_rng(seed)
    center = wcs.pixel_to_world(rng.uniform(0, shape[1], 8), rng.uniform(0, shape[0], 8))
    center = center[np.isfinite(center.spherical.lon)]
    radius = np.minimum(size * rng.uniform(0.2, 1, center.size), 100)
    return Mask.from_cones(center, radius * u.deg, order=order, frame=frame)


@examples(80)
@given(
    projection=st.sampled_from(BOUNDED),
    **ANY_WCS,
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    order=st.integers(0, 14),
    size=st.floats(1, 60),
    seed=st.integers(0, 100),
)
def test_tiles_change_nothing(projection, kind, lon, lat, step, ratio, rotation, shape, order, size, seed):
    wcs = simple(projection, lon, lat, (-step, step * ratio), shape, kind, rotation)
    assert Bounds.of(wcs, shape) is not None
    mask = discs_for(wcs, shape, order, size * step, seed)
    np.testing.assert_array_equal(mask.to_wcs(wcs), pixel_by_pixel(mask, wcs, shape)[0])


@pytest.mark.parametrize("projection", mostly_deep([*PROJECTIONS, "siponly"], "AIT", "MOL", "siponly"))
def test_headers(data, projection):
    name = projection if projection == "siponly" else f"1904-66_{projection}"
    wcs = text_wcs(data(f"wcs/hdr/{name}.hdr"))
    for order in (4, 9, 12):
        mask = discs_for(wcs, (192, 192), order, 3.0, order, "galactic")
        np.testing.assert_array_equal(mask.to_wcs(wcs, (192, 192)), pixel_by_pixel(mask, wcs, (192, 192))[0])


@pytest.mark.parametrize(("name", "number"), mostly_deep(IMAGES, ("sip-wcs.fits", 0), ("galactic_2d.fits", 0)))
def test_real_images(data, name, number):
    with fits.open(data(f"wcs/{name}")) as hdus:
        wcs = header_wcs(hdus[number].header, hdus).celestial
        shape = hdus[number].shape[-2:]
    assert Bounds.of(wcs, shape) is not None
    side = np.sqrt(wcs.proj_plane_pixel_area()).to_value(u.deg)
    for order in (5, 10, 14):
        mask = discs_for(wcs, shape, order, 30 * side, order)
        np.testing.assert_array_equal(mask.to_wcs(wcs, shape), pixel_by_pixel(mask, wcs, shape)[0])


@pytest.mark.parametrize("strength", [1e-6, 1e-5, 1e-4, 1e-3])
def test_strong_sip_polynomials(strength):
    wcs = bent(strength, (200, 300))
    bounds = Bounds.of(wcs, (200, 300))
    assert bounds is not None
    assert bounds.invertible == (strength < 1e-3)
    for order in (10, 13):
        mask = discs_for(wcs, (200, 300), order, 2, order)
        np.testing.assert_array_equal(mask.to_wcs(wcs), pixel_by_pixel(mask, wcs, (200, 300))[0])


def test_bounds_hold(data):
    """No point of a square is farther from its middle than the bound says; and the bound is not idle."""
    rng = np.random.default_rng(3)
    for projection in BOUNDED:
        wcs = simple(projection, 30, 0, 1.0, (180, 360))
        bounds = Bounds.of(wcs, (180, 360))
        grid = Grid.of(wcs, None)
        x, y = rng.uniform(0, 359, 400), rng.uniform(0, 179, 400)
        for half in (0.5, 4, 16):
            radius = bounds.on_sky(x, y, half)
            known = np.isfinite(radius)
            assert known.any()
            middle = unit_vectors(*grid.positions(wcs, x[known], y[known]))
            for dx, dy in rng.uniform(-half, half, (60, 2)).tolist() + [[half, half], [-half, half], [half, 0]]:
                point = unit_vectors(*grid.positions(wcs, x[known] + dx, y[known] + dy))
                away = 2 * np.arcsin(np.linalg.norm(point - middle, axis=1) / 2)
                # All of a known square is sky, so that nothing is NaN here.
                assert (away <= radius[known]).all()


def test_wcs_without_bounds():
    shape = (20, 30)
    assert Bounds.of(simple("TSC"), shape) is None
    assert Bounds.of(simple("SIN", shape=shape), shape) is not None
    slant = simple("SIN", shape=shape)
    slant.wcs.set_pv([(2, 1, 0.1), (2, 2, 0.05)])
    assert Bounds.of(slant, shape) is None
    mask = discs_for(slant, shape, 10, 1.0, 1)
    np.testing.assert_array_equal(mask.to_wcs(slant), pixel_by_pixel(mask, slant, shape)[0])


# ---------------------------------------------------------------------- stacks and caps


def test_stack_is_each_of_its_sets():
    rng = np.random.default_rng(5)
    planes = [RangeSet.from_cells(np.flatnonzero(rng.random(12 * 4**4) < part), 4) for part in (0.1, 0.5, 0, 1, 0.9)]
    stack = LayeredSet(planes, 4)
    lon, lat = rng.uniform(0, 2 * np.pi, 3000), np.arcsin(rng.uniform(-1, 1, 3000))
    words = stack.words_at(lon, lat, None)
    expected = lookup.contains_lonlat(planes, 4, lon, lat)
    for k in range(5):
        np.testing.assert_array_equal((words >> np.uint64(k)) & np.uint64(1), expected[k])
    with pytest.raises(ValueError, match="a LayeredSet holds 1 to 64 sets"):
        LayeredSet(planes * 13, 4)


@pytest.mark.parametrize("order", mostly_deep([0, 1, 5, 9, 13], 0, 9))
def test_caps_hold_one_word(order):
    """Where a cap is said to hold one word, points all over it and on its rim have that."""
    rng = np.random.default_rng(order)
    lon, lat = rng.uniform(0, 360, 30), np.degrees(np.arcsin(rng.uniform(-1, 1, 30)))
    center = SkyCoord(lon, lat, unit="deg")
    planes = [Mask.from_cones(center, r, order=order).planes[0] for r in ("3 deg", "11 deg")]
    poles = Mask.from_zone(None, ("41.81 deg", "90 deg"), order=order).planes[0]
    stack = LayeredSet([*planes, poles], order)
    n = 4000
    lon, lat = rng.uniform(-1, 7, n), np.arcsin(rng.uniform(-1, 1, n))
    # Many near the discs' edges, where it matters.
    near = rng.integers(0, 30, n // 2)
    lat[: n // 2] = np.clip(center.dec.rad[near] + rng.normal(0, 0.1, n // 2), -1.57, 1.57)
    lon[: n // 2] = center.ra.rad[near] + rng.normal(0, 0.1, n // 2)
    radius = 10 ** rng.uniform(-6, -0.6, n)
    words, one = stack.caps(lon, lat, radius, None)
    assert 0.05 < one.mean() < 0.999
    np.testing.assert_array_equal(words, stack.words_at(lon, lat, None))
    middle = SkyCoord(lon[one], lat[one], unit="rad")
    for part in (0.3, 0.7, 0.999, 0.999, 0.999):
        for angle in rng.uniform(0, 360, 8):
            point = middle.directional_offset_by(angle * u.deg, part * radius[one] * u.rad)
            np.testing.assert_array_equal(stack.words_at(point.ra.rad, point.dec.rad, None), words[one])


def test_caps_that_are_not_known():
    stack = LayeredSet([RangeSet.full(3)], 3)
    for radius in (np.inf, np.nan, 1.0, -1.0):
        assert not stack.caps(np.zeros(1), np.zeros(1), np.full(1, radius), None)[1]
    assert not stack.caps(np.full(1, np.nan), np.zeros(1), np.full(1, 0.1), None)[1]
    assert stack.caps(np.zeros(1), np.zeros(1), np.full(1, 0.1), None)[1]


@pytest.mark.parametrize("n_bins", [2, 20, 64, 65, 150])
def test_many_energy_bins(n_bins):
    axis = EnergyAxis(np.geomspace(1, 100, n_bins + 1) * u.TeV)
    wcs = simple(shape=(70, 90))
    center = wcs.pixel_to_world([20, 60], [30, 50])
    mask = Mask.from_cones(center, np.linspace(0.1, 3, n_bins)[np.newaxis] * u.deg, order=11, energy=axis)
    np.testing.assert_array_equal(mask.to_wcs(wcs), pixel_by_pixel(mask, wcs, (70, 90)))


# ---------------------------------------------------------------------- many images


def fields(n):
    for k in range(n):
        yield field_wcs(SkyCoord(80 + k, 20 - k, unit="deg"), "3 deg", binsz="0.1 deg")


@pytest.mark.parametrize("threads", [None, 1, 4])
@pytest.mark.parametrize("mode", ["center", "fraction"])
def test_many(threads, mode):
    mask = Mask.from_cones(SkyCoord([80, 83, 86], [20, 16, 15], unit="deg"), "1.5 deg", order=10)
    images = list(mask.to_wcs_many(fields(9), mode=mode, n_threads=threads))
    assert len(images) == 9
    for image, (wcs, shape) in zip(images, fields(9), strict=True):
        np.testing.assert_array_equal(image, mask.to_wcs(wcs, shape, mode=mode))


def test_many_streams():
    """Fields are asked for as they are needed, and those of a generator that is dropped are not."""
    taken = []

    def endless():
        for field in fields(10_000):
            taken.append(1)
            yield field

    images = Mask.full().to_wcs_many(endless(), n_threads=2)
    assert not taken
    for _ in range(3):
        next(images)
    images.close()
    assert len(taken) == 3


def test_many_with_one_wcs():
    wcs = simple("AIT", step=3, shape=(60, 100))
    mask = discs_for(wcs, (60, 100), 6, 30, 2)
    expected = mask.to_wcs(wcs)
    for image in mask.to_wcs_many([wcs] * 20, n_threads=4):
        np.testing.assert_array_equal(image, expected)


def test_many_fails_where_one_does():
    before = threading.active_count()
    images = Mask.full().to_wcs_many([simple(), WCS_WITHOUT_SHAPE, simple()], n_threads=2)
    assert next(images).all()
    with pytest.raises(ValueError, match="does not know the shape"):
        next(images)
    with pytest.raises(ValueError, match="mode must be"):
        Mask.full().to_wcs_many([simple()], mode="touch")
    # At most the one helper, which the pool keeps.
    assert threading.active_count() <= before + 1


WCS_WITHOUT_SHAPE = simple()
WCS_WITHOUT_SHAPE.array_shape = None


# ---------------------------------------------------------------------- what may stand for a WCS


def test_header_hdu_and_file(tmp_path):
    wcs = simple(shape=(30, 50))
    mask = discs_for(wcs, (30, 50), 9, 2.0, 6)
    expected = mask.to_wcs(wcs)
    hdu = fits.ImageHDU(np.zeros((30, 50)), header=wcs.to_header())
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    for given_ in (hdu, hdu.header, path, str(path)):
        np.testing.assert_array_equal(mask.to_wcs(given_), expected)
    assert mask.to_wcs(path, (10, 20)).shape == (10, 20)
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "b.fits")
    with pytest.raises(ValueError, match=r"b\.fits: no image has a celestial WCS"):
        mask.to_wcs(tmp_path / "b.fits")
    (tmp_path / "c.fits").write_text("no")
    with pytest.raises(ValueError, match="HDU 0 has no FITS header"):
        mask.to_wcs(tmp_path / "c.fits")
    with pytest.raises(FileNotFoundError):
        mask.to_wcs(tmp_path / "d.fits")


def test_cube_header_with_the_sky_last():
    header = simple(shape=(30, 50)).to_header()
    header.update(NAXIS=3, NAXIS1=50, NAXIS2=30, NAXIS3=4, WCSAXES=3, CTYPE3="FREQ", CRVAL3=1e9, CDELT3=1e6)
    assert Mask.full().to_wcs(header).shape == (30, 50)


def test_gammapy_geometry(maps):
    geom = maps.WcsGeom.create(skydir=(83.6, 22), npix=(60, 40), binsz=0.2, frame="icrs")
    mask = discs_for(geom.wcs, (40, 60), 9, 3.0, 6)
    image = mask.to_wcs(geom)
    np.testing.assert_array_equal(image, mask.contains(geom.get_coord().skycoord))
    back = Mask.from_wcs(maps.Map.from_geom(geom, data=image), order=13)
    np.testing.assert_array_equal(back.to_wcs(geom), image)


def test_gammapy_energy_axis(maps):
    edges = [1, 2, 4, 8] * u.TeV
    mask = Mask([RangeSet.from_cells(np.arange(k, 12 * 4**5, 3), 5) for k in range(3)], energy=EnergyAxis(edges))

    def geom(energies, name="energy"):
        axis = maps.MapAxis.from_energy_edges(energies, name=name)
        return maps.WcsGeom.create(skydir=(83.6, 22), npix=(60, 40), binsz=0.5, axes=[axis])

    planes = mask.to_wcs(geom(edges).to_image())
    np.testing.assert_array_equal(mask.to_wcs(geom(edges)), planes)
    np.testing.assert_array_equal(mask.to_wcs(geom([2e3, 4e3, 8e3] * u.GeV)), planes[1:])
    np.testing.assert_array_equal(mask.to_wcs(geom([1, 1.4, 2, 3, 4] * u.TeV)), planes[[0, 0, 1, 1]])
    with pytest.raises(ValueError, match=r"must lie in one of the mask's, but 1 to 3 TeV does not"):
        mask.to_wcs(geom([1, 3, 4] * u.TeV))
    with pytest.raises(ValueError, match="4 to 9 TeV does not"):
        mask.to_wcs(geom([4, 9] * u.TeV))
    flat = mask.reduce("any")
    np.testing.assert_array_equal(flat.to_wcs(geom(edges)), np.tile(flat.to_wcs(geom(edges).to_image()), (3, 1, 1)))
    cube = maps.Map.from_geom(geom(edges), data=planes)
    assert Mask.from_wcs(cube, order=8).energy == mask.energy
    assert Mask.from_wcs(cube, order=8).planes[2] == Mask.from_wcs(planes[2], geom(edges), order=8).planes[0]


def test_energy_table_of_a_file(tmp_path):
    """A cube written by `write_wcs` brings its bins along, both ways."""
    wcs = simple()
    for axis in (
        EnergyAxis([0.1, 0.30000000000000004, 1] * u.TeV),
        EnergyAxis([1, 2, 3, 4] * u.GeV, name="energy_true", interp="lin"),
    ):
        radius = np.linspace(0.5, 1, axis.n_bins)[np.newaxis] * u.deg
        mask = Mask.from_cones(wcs.pixel_to_world([20], [20]), radius, order=12, energy=axis)
        mask.write_wcs(tmp_path / "cube.fits", wcs, overwrite=True)
        back = Mask.from_wcs(tmp_path / "cube.fits", order=13)
        assert back.energy == axis
        np.testing.assert_array_equal(back.to_wcs(wcs), mask.to_wcs(wcs))
        np.testing.assert_array_equal(mask.reduce("all").to_wcs(tmp_path / "cube.fits")[-1], mask.to_wcs(wcs)[0])
        np.testing.assert_array_equal(mask.to_wcs(tmp_path / "cube.fits"), mask.to_wcs(wcs))


def swapped(wcs):
    """The same image with the latitude as its first axis."""
    return wcs.sub([2, 1])


@pytest.mark.parametrize("projection", ["TAN", "CAR", "AIT", "SFL"])
def test_latitude_first(projection):
    wcs = simple(projection, 20, 0, (-0.7, 0.4), (90, 120), rotation=25)
    other = swapped(wcs)
    assert other.wcs.lat == 0
    assert Bounds.of(other, (120, 90)) is not None
    mask = discs_for(wcs, (90, 120), 9, 10, 3)
    image = mask.to_wcs(wcs, (90, 120))
    np.testing.assert_array_equal(mask.to_wcs(other, (120, 90)), image.T)
    for mode in ("overlap", "fraction"):
        expected = mask.to_wcs(wcs, (90, 120), mode=mode)
        np.testing.assert_allclose(mask.to_wcs(other, (120, 90), mode=mode).T, expected, atol=1e-6)
    assert Mask.from_wcs(image.T, other, order=9) == Mask.from_wcs(image, wcs, order=9)


def test_slices_have_no_bounds_and_the_same_pixels():
    wcs = simple("CAR", 20, 0, 0.5, (90, 120))
    part = SlicedLowLevelWCS(wcs, (slice(10, 60), slice(20, 110)))
    mask = discs_for(wcs, (90, 120), 9, 10, 3)
    assert Bounds.of(part, (50, 90)) is None
    image = mask.to_wcs(wcs)
    np.testing.assert_array_equal(mask.to_wcs(part), image[10:60, 20:110])
    assert Mask.from_wcs(image[10:60, 20:110], part, order=8) == Mask.from_wcs(
        image[10:60, 20:110], wcs[10:60, 20:110], order=8
    )
