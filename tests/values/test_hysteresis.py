"""Hysteresis: against scipy on the graph of healpy's neighbours, and against scikit-image on images."""

import healpy
import numpy as np
import oracles
import pytest
from astropy import units as u
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from value_maps import random_map, schemes, seeds, values_on_the_sky

from hpmask import EnergyAxis, HealpixMap, Mask, RangeSet
from hpmask.values.hysteresis import region_of_cells, region_of_pixels

ndimage = pytest.importorskip("scipy.ndimage")
filters = pytest.importorskip("skimage.filters")


def region_by_graph(candidates, seeds, order, connectivity):
    """Cells that are candidates and connected to a seed, by the connected components of a sparse graph."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    around = oracles.neighbours(order, connectivity)
    first, k = np.nonzero((around >= 0) & candidates[:, None] & candidates[around])
    n = candidates.size
    graph = coo_matrix((np.ones(first.size, np.int8), (first, around[first, k])), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    return candidates & np.isin(labels, labels[candidates & seeds])


def region_by_scipy(values, low, high, connectivity):
    """Pixels by the labels of scipy."""
    labels, _ = ndimage.label(values > low, np.ones((3, 3)) if connectivity == 8 else None)
    return np.isin(labels, labels[values > high]) & (values > low)


def same(plane, wanted, order):
    assert RangeSet(plane.ranges, plane.order) == plane
    assert plane == RangeSet.from_cells(np.flatnonzero(wanted), order)


def levels(values, seed):
    """Two thresholds that leave something to find."""
    rng = np.random.default_rng(seed)
    return np.quantile(values, [rng.uniform(0.3, 0.9), rng.uniform(0.9, 1)])


@pytest.mark.deep
@examples(200)
@given(
    seed=seeds,
    order=st.integers(0, 5),
    scheme=schemes,
    kind=st.sampled_from(["noise", "smooth"]),
    connectivity=st.sampled_from([8, 4]),
)
def test_regions_are_those_of_scipy(seed, order, scheme, kind, connectivity):
    map_, values, there = random_map(seed, order, scheme, kind=kind)
    low, high = levels(values, seed)
    wanted = region_by_graph(there & (values > low), values > high, map_.order, connectivity)
    words = {"low": low, "high": high, "connectivity": connectivity}
    same(Mask.from_map(map_, **words).planes[0], wanted, map_.order)
    same(Mask.from_map(map_, keep="<=", **words).planes[0], there & ~wanted, map_.order)
    same(Mask.from_map(map_, keep="<=", outside=True, **words).planes[0], ~wanted, map_.order)
    same(Mask.from_map(map_, invert=True, **words).planes[0], there & ~wanted, map_.order)
    # With the thresholds as parts of the region.
    low, high = values[values >= low].min(), values[values >= high].min()
    wanted = region_by_graph(there & (values >= low), values >= high, map_.order, connectivity)
    words = {"low": low, "high": high, "connectivity": connectivity}
    same(Mask.from_map(map_, keep=">=", **words).planes[0], wanted, map_.order)
    same(Mask.from_map(map_, keep="<", **words).planes[0], there & ~wanted, map_.order)


SCHEMES = ["nested", "ring", "partial", "multi-order"]
LARGE = [(8, scheme, connectivity) for scheme in SCHEMES for connectivity in (8, 4)]
LARGE += [(9, "partial", 8), (9, "ring", 4)]


@pytest.mark.parametrize(
    ("order", "scheme", "connectivity"),
    [
        *((6, scheme, connectivity) for scheme in SCHEMES for connectivity in (8, 4)),
        *(pytest.param(*case, marks=pytest.mark.deep) for case in LARGE),
    ],
)
def test_regions_of_large_maps(order, scheme, connectivity):
    map_, values, there = random_map(order, order, scheme, kind="smooth")
    low, high = np.quantile(values, [0.7, 0.999])
    wanted = region_by_graph(there & (values > low), values > high, map_.order, connectivity)
    assert 0 < wanted.sum() < (there & (values > low)).sum()
    same(Mask.from_map(map_, low=low, high=high, connectivity=connectivity).planes[0], wanted, map_.order)


@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("order", [0, 1, 2, 4, 6])
def test_regions_at_poles_and_corners(order, connectivity):
    """Seeds at the poles and at the corners of base cells, whose neighbours lie in other base cells."""
    n = 4**order
    ends = np.unique(np.concatenate([np.arange(12) * n, np.arange(1, 13) * n - 1]))
    around = oracles.neighbours(order, 8)
    for end in ends:
        values = np.zeros(12 * n)
        ring = around[end][around[end] >= 0]
        values[ring], values[end] = 2, 5
        values[np.setdiff1d(around[ring], np.r_[ring, end, -1])] = 1
        for low in (0.5, 1.5):
            wanted = region_by_graph(values > low, values > 3, order, connectivity)
            mask = Mask.from_map(values, low=low, high=3, nest=True, frame="icrs", connectivity=connectivity)
            same(mask.planes[0], wanted, order)
    if order > 1:
        # Round the pole goes one component.
        ring = np.abs(healpy.pix2vec(1 << order, np.arange(12 * n), nest=True)[2]) > 0.7
        for keep in (ring, ~ring):
            seeds = np.zeros(12 * n, bool)
            seeds[np.flatnonzero(keep)[0]] = True
            found = region_of_cells(*(RangeSet.from_cells(np.flatnonzero(s), order) for s in (keep, seeds)), True)
            same(found, region_by_graph(keep, seeds, order, 8), order)


@examples(50)
@given(seed=seeds, scheme=schemes, keep=st.sampled_from([">", ">=", "<", "<="]), connectivity=st.sampled_from([8, 4]))
def test_equal_levels_are_a_threshold(seed, scheme, keep, connectivity):
    map_, values, _ = random_map(seed, 3, scheme)
    level = values[seed % values.size]
    mask = Mask.from_map(map_, low=level, high=level, keep=keep, connectivity=connectivity)
    assert mask == Mask.from_map(map_, level, keep=keep)


@examples(50)
@given(seed=seeds, scheme=schemes, keep=st.sampled_from([">", "<"]), missing=st.sampled_from([np.nan, healpy.UNSEEN]))
def test_missing_cells_are_not_in_the_region(seed, scheme, keep, missing):
    map_, _, _ = random_map(seed, 3, scheme)
    gone = np.random.default_rng(seed).random(map_.n_cells) < 0.2
    gone[0] = True
    low, high = levels(map_.values, seed)
    # The lowest value is in no region.
    filled = map_.with_values(np.where(gone, map_.values.min() - 1, map_.values))
    holed = map_.with_values(np.where(gone, missing, map_.values))
    plane = Mask.from_map(filled, low=low, high=high, keep=keep).planes[0]
    holes = map_.set_of(gone)
    words = {"low": low, "high": high, "keep": keep}
    assert Mask.from_map(holed, nan="keep", **words).planes[0] == plane | holes
    assert Mask.from_map(holed, nan="exclude", **words).planes[0] == plane - holes
    with pytest.raises(ValueError, match="NaN, masked or UNSEEN"):
        Mask.from_map(holed, **words)


def test_nothing_and_everything():
    for nest in (True, False):
        values = np.arange(48.0)
        assert Mask.from_map(values, low=3, high=99, nest=nest, frame="icrs").is_empty
        assert Mask.from_map(values, low=99, high=99, nest=nest, frame="icrs").is_empty
        assert Mask.from_map(values, low=99, high=100, keep="<", nest=nest, frame="icrs").is_full
        assert Mask.from_map(values, low=-1, high=40, nest=nest, frame="icrs").is_full
    empty = HealpixMap([], cells=[], order=3, nest=True, frame="icrs")
    assert Mask.from_map(empty, low=1, high=2).is_empty
    assert Mask.from_map(empty, low=1, high=2, keep="<", outside=True).is_full


def test_thresholds_of_bins():
    axis = EnergyAxis([1, 2, 4] * u.TeV)
    values = values_on_the_sky(np.random.default_rng(1), 4, "smooth")
    mask = Mask.from_map([values] * 2 * u.m, low=[50, 100] * u.cm, high=2 * u.m, nest=True, frame="icrs", energy=axis)
    for bin_, low in enumerate((0.5, 1)):
        same(mask.planes[bin_], region_by_graph(values > low, values > 2, 4, 8), 4)


@examples(50)
@given(seed=seeds, connectivity=st.sampled_from([8, 4]))
def test_results_do_not_depend_on_threads(seed, connectivity):
    map_, values, _ = random_map(seed, 5, "nested", kind="smooth")
    low, high = levels(values, seed)
    words = {"low": low, "high": high, "connectivity": connectivity}
    assert Mask.from_map(map_, n_threads=1, **words) == Mask.from_map(map_, n_threads=4, **words)


# ---------------------------------------------------------------------- images


@examples(300)
@given(
    seed=seeds,
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    width=st.sampled_from([0, 0.7, 2]),
)
def test_pixels_are_those_of_scikit_image(seed, shape, width):
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), width)
    low, high = levels(values, seed)
    found = region_of_pixels(values > low, values > high, corners=False)
    np.testing.assert_array_equal(found, filters.apply_hysteresis_threshold(values, low, high))
    np.testing.assert_array_equal(found, region_by_scipy(values, low, high, 4))
    found = region_of_pixels(values > low, values > high, corners=True)
    np.testing.assert_array_equal(found, region_by_scipy(values, low, high, 8))


def spiral(n):
    """A corridor one pixel wide that winds to the centre of an image."""
    image = np.zeros((n, n), bool)
    row, column, dr, dc = 0, 0, 0, 1
    image[0, 0] = True
    while True:
        ahead = (row + 2 * dr, column + 2 * dc)
        inside = 0 <= row + dr < n and 0 <= column + dc < n
        if not inside or (0 <= ahead[0] < n and 0 <= ahead[1] < n and image[ahead]):
            dr, dc = dc, -dr
            ahead = (row + 2 * dr, column + 2 * dc)
            if not (0 <= row + dr < n and 0 <= column + dc < n) or image[row + dr, column + dc] or image[ahead]:
                return image, (row, column)
        row, column = row + dr, column + dc
        image[row, column] = True


def test_winding_and_speckled_images():
    image, end = spiral(101)
    seeds = np.zeros_like(image)
    seeds[end] = True
    for corners in (True, False):
        np.testing.assert_array_equal(region_of_pixels(image, seeds, corners), image)
    image[0, 50] = False
    assert region_of_pixels(image, seeds, False).sum() == image.sum() - 50
    board = np.indices((60, 70)).sum(axis=0) % 2 == 0
    seeds = np.zeros_like(board)
    seeds[0, 0] = True
    np.testing.assert_array_equal(region_of_pixels(board, seeds, True), board)
    assert region_of_pixels(board, seeds, False).sum() == 1
    everything = np.ones((60, 70), bool)
    np.testing.assert_array_equal(region_of_pixels(everything, seeds, False), everything)
    assert not region_of_pixels(~everything, seeds, True).any()
    # Slices, and seeds outside the candidates.
    np.testing.assert_array_equal(region_of_pixels(board[::2, ::2], everything[::2, ::2], False), board[::2, ::2])
    assert not region_of_pixels(board, ~board, True).any()
    assert region_of_pixels(np.empty((0, 5), bool), np.empty((0, 5), bool), True).shape == (0, 5)


@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("center", [(0.0, 0.0), (45.0, 0.0), (0.0, 41.81), (30.0, 89.0), (200.0, -60.0)])
def test_gnomonic_patches_of_the_sphere(center, connectivity):
    """A blob on the sphere is the blob that scikit-image finds on a projection of the map, up to its edge."""
    order = 8
    rng = np.random.default_rng(5)
    vectors = np.array(healpy.pix2vec(1 << order, np.arange(12 << 2 * order), nest=True))
    middle = healpy.ang2vec(*center, lonlat=True)
    values = np.zeros(12 << 2 * order)
    for _ in range(20):
        at = middle + rng.normal(0, 0.09, 3)
        values += rng.uniform(1, 4) * np.exp(-0.5 * ((vectors.T - at / np.linalg.norm(at)) ** 2).sum(axis=1) / 0.012**2)
    values[vectors.T @ middle < np.cos(np.radians(14))] = 0
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ("RA---TAN", "DEC--TAN"), center, (301, 301)
    wcs.wcs.cdelt = -0.1, 0.1
    lon, lat = wcs.pixel_to_world_values(*np.meshgrid(np.arange(601), np.arange(601)))
    image = values[healpy.ang2pix(1 << order, lon, lat, nest=True, lonlat=True)]
    low, high = 0.8, 3.0
    mask = Mask.from_map(values, low=low, high=high, nest=True, frame="icrs", connectivity=connectivity)
    mine = mask.to_wcs(wcs, image.shape)
    theirs = region_by_scipy(image, low, high, connectivity)
    assert 0 < theirs.sum() < (image > low).sum()
    # A pixel has the value of the cell under its centre: the two regions are the same cells.
    np.testing.assert_array_equal(mine, theirs)
