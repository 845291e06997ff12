"""The kernels' own projections against wcslib's: how far apart they may be, and what is done near a cell's edge."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from wcs_images import BOUNDED, bent, mostly_deep, simple

from hpmask import Mask, RangeSet
from hpmask._kernels import projections
from hpmask.core import lookup
from hpmask.core.value import layers_of
from hpmask.geometry.frames import unit_vectors
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Way

# Random discs may be smaller than a cell.

# A hundredth of what a pixel's position may be off before astropy is asked.
CLOSE = 1e-13


def own_positions(bounds, wcs, x, y):
    """Unit vectors of pixels by the kernels' formulas, and whether they vouch for them."""
    u_, v_ = x - bounds._origin[0], y - bounds._origin[1]
    if wcs.sip is not None:
        a, b = x - bounds._sip.origin[0], y - bounds._sip.origin[1]
        du, dv = (np.polynomial.polynomial.polyval2d(a, b, table) for table in bounds._sip.tables)
        u_, v_ = u_ + du, v_ + dv
    place = np.ascontiguousarray((bounds._matrix @ np.array([u_, v_])).T)
    stretch, native = np.empty(len(place)), np.empty((len(place), 3))
    columns = (np.ascontiguousarray(place[:, k]) for k in range(2))
    projections.stretches(bounds._code, *columns, np.zeros(len(place)), np.pi, stretch)
    projections.native_vectors(bounds._code, place, native)
    return native @ bounds._native, np.isfinite(stretch), place, native


@examples(150)
@given(
    projection=st.sampled_from(BOUNDED),
    lon=st.floats(0, 360),
    lat=st.floats(-90, 90),
    step=st.floats(1e-5, 3),
    ratio=st.floats(0.2, 5),
    rotation=st.floats(-180, 180),
    seed=st.integers(0, 1000),
)
def test_positions_are_those_of_wcslib(projection, lon, lat, step, ratio, rotation, seed):
    wcs = simple(projection, lon, lat, (-step, step * ratio), (150, 150), rotation=rotation)
    bounds = Bounds.of(wcs, (150, 150))
    x, y = np.random.default_rng(seed).uniform(-0.5, 149.5, (2, 300))
    own, known, place, native = own_positions(bounds, wcs, x, y)
    theirs = unit_vectors(*Grid.of(wcs, None).positions(wcs, x, y))
    assert known.any()
    # Near the rim of AIT wcslib takes an arc sine of nearly 1.
    assert np.abs(own - theirs)[known].max() < (10 * CLOSE if projection == "AIT" else CLOSE)
    assert np.isfinite(theirs[known]).all()
    there = np.empty((known.sum(), 2))
    projections.places(bounds._code, np.ascontiguousarray(native[known]), there)
    given_back = np.isfinite(there[:, 0])
    np.testing.assert_allclose(there[given_back], place[known][given_back], atol=1e-12)


def test_positions_with_polynomials():
    wcs = bent(1e-4, (200, 300))
    x, y = np.random.default_rng(1).uniform(0, 199, (2, 500))
    own, known, *_ = own_positions(Bounds.of(wcs, (200, 300)), wcs, x, y)
    assert known.all()
    assert np.abs(own - unit_vectors(*Grid.of(wcs, None).positions(wcs, x, y))).max() < CLOSE


def painted(mask, wcs):
    """What the kernel alone makes of an image, 2 where it leaves a pixel to astropy, and the pixels one by one."""
    grid = Grid.of(wcs, None)
    way = Way.between(grid.frame, mask.frame)
    (stack,) = layers_of(mask)
    image = np.full((1, *grid.shape), 7, dtype=np.uint8)
    left = Bounds.of(wcs, grid.shape).paint(image, 0, range(grid.shape[0]), stack, way.matrix, 0.0)
    assert (left is None) == (image < 2).all()
    assert left is None or ((image[0] == 2) == left).all()
    y, x = np.indices(grid.shape)
    return image[0], lookup.contains_lonlat(mask.planes, mask.order, *grid.positions(wcs, x, y), matrix=way.matrix)[0]


@pytest.mark.parametrize("order", mostly_deep([5, 8, 16, 24, 29], 8, 29))
@pytest.mark.parametrize("projection", BOUNDED)
def test_nearly_all_pixels_are_decided(projection, order):
    """Without astropy, and rightly, even where cells are a few times as wide as the rounding."""
    wcs = simple(projection, 30, 5, (-40 / 2**order, 31 / 2**order), (60, 70), rotation=10)
    center = wcs.pixel_to_world([20, 50], [30, 40])
    mask = Mask.from_cones(center, 400 / 2**order * u.deg, order=order)
    image, expected = painted(mask, wcs)
    sure = image < 2
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(image[sure], expected[sure])
    assert sure.mean() > 0.97
    np.testing.assert_array_equal(mask.to_wcs(wcs), expected)


@pytest.mark.parametrize("order", [0, 1, 4, 9])
@pytest.mark.parametrize("lon", [0, 180, 315])
def test_pixels_on_the_edges_of_cells(order, lon):
    """Centres on the corners of cells that are in and out by turns are for astropy to decide, and no others."""
    step = 45 / 2**order
    n = min(8 * 2**order, 128) - 1
    wcs = simple("CAR", lon, 0, (-step, step), (3, n))
    wcs.wcs.crpix = (n + 1) / 2, 2
    wcs.wcs.set()
    cells = np.arange(12 * 4**order, dtype=np.uint64)
    # In turns, as on a chess board.
    mask = Mask(RangeSet.from_cells(cells[(cells ^ (cells >> np.uint64(1))) % 2 == 0], order))
    image, expected = painted(mask, wcs)
    assert (image[1] == 2).mean() > 0.4
    np.testing.assert_array_equal(image[image < 2], expected[image < 2])
    np.testing.assert_array_equal(mask.to_wcs(wcs), expected)
    # Next to the edges they are sure again.
    wcs.wcs.crval = lon + step / 7, step / 5
    wcs.wcs.set()
    image, expected = painted(mask, wcs)
    np.testing.assert_array_equal(image[1], expected[1])


@examples(60)
@given(
    projection=st.sampled_from(["TAN", "CAR", "AIT", "SFL", "ZEA"]),
    lon=st.sampled_from([0.0, 45.0, 90.0, 315.0, 33.0]),
    lat=st.sampled_from([-90.0, -41.8103148957786, 0.0, 41.8103148957786, 90.0, 17.0]),
    order=st.integers(0, 29),
    pixels=st.sampled_from([0.25, 0.5, 1.0, 2.0]),
    kind=st.sampled_from(["RA", "GLON"]),
    seed=st.integers(0, 100),
)
def test_corners_of_base_cells(projection, lon, lat, order, pixels, kind, seed):
    """About places where base cells meet, with pixels in step with the cells."""
    wcs = simple(projection, lon, lat, 45 / 2**order * pixels, (21, 21), kind)
    middle = SkyCoord(lon, lat, unit="deg", frame="icrs" if kind == "RA" else "galactic")
    rng = np.random.default_rng(seed)
    shape = Mask.from_cones(middle, min(200 / 2**order, 100) * u.deg, order=order, frame=middle.frame.name)
    numbers = shape.planes[0].cells()
    mask = Mask(RangeSet.from_cells(numbers[rng.random(numbers.size) < 0.5], order), frame=middle.frame.name)
    image, expected = painted(mask, wcs)
    np.testing.assert_array_equal(image[image < 2], expected[image < 2])
    np.testing.assert_array_equal(mask.to_wcs(wcs), expected)
