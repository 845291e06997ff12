"""Sums over discs, against the cells of healpy.query_disc, matrices of all distances, and exact fractions."""

from fractions import Fraction

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from oracles import separation
from profiles import examples
from strategies import cell_sets

from hpmask import EnergyAxis, HealpixMap, Mask
from hpmask.geometry import healpix
from hpmask.values import disc_sums

AXIS = EnergyAxis([1, 3, 10, 100] * u.TeV)
# Numbers at the poles, on the seam, at the corners of base cells and in between, at any order, in RING order.
RADII = st.one_of(st.floats(0, np.pi), st.floats(0, 0.3), st.sampled_from([0.0, np.pi / 2, np.pi]))


def distances(order, centres=slice(None)):
    """Angles between the centres of all cells, in RING order: shape (n_centres, n)."""
    vectors = np.array(hp.pix2vec(1 << order, np.arange(12 << (2 * order)))).T
    return separation(vectors[centres][:, np.newaxis], vectors[np.newaxis])


def ring_map(values, order, **options):
    return HealpixMap(values, nest=False, frame="icrs", **options)


def as_sums(inside, values):
    """Sums and the sums of the absolute values, for the rounding."""
    return inside @ values, inside @ np.abs(values)


@examples(50)
@given(st.integers(0, 3), RADII, st.integers(0, 2**32 - 1), st.booleans())
def test_every_cell_against_all_distances(order, radius, seed, nest):
    rng = np.random.default_rng(seed)
    angle = distances(order)
    # Ties are the business of another test.
    near = np.abs(angle - radius).min()
    inside = (angle <= radius) if near > 1e-11 else (angle <= radius + 1e-11)
    values = rng.normal(size=len(angle)) * 10 ** rng.uniform(-3, 3, len(angle))
    expected, size = as_sums(inside.astype(float), values)
    number = np.arange(len(values))
    map_ = HealpixMap(values[hp.nest2ring(1 << order, number)] if nest else values, nest=nest, frame="icrs")
    found = disc_sums(map_, radius * u.rad)
    assert found.is_full
    assert found.nest == nest
    ours = found.values[hp.ring2nest(1 << order, number)] if nest else found.values
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-14 * size.max())


@examples(50)
@given(st.data(), st.integers(0, 3), RADII, st.integers(0, 2**32 - 1))
def test_some_cells_around_some_cells(data, order, radius, seed):
    """Partial maps, and sums for other cells than those of the map."""
    rng = np.random.default_rng(seed)
    n = 12 << (2 * order)
    cells = np.array(sorted(data.draw(cell_sets(order))), dtype=int)
    centres = np.array(sorted(data.draw(cell_sets(order))), dtype=int)
    values = rng.integers(-5, 50, cells.size)
    full = np.zeros(n)
    full[hp.nest2ring(1 << order, cells)] = values
    angle = distances(order)
    inside = (angle <= radius + 1e-11).astype(float)
    expected = (inside @ full)[hp.nest2ring(1 << order, np.arange(n))]
    map_ = HealpixMap(values, cells=cells, order=order, nest=True, frame="icrs")
    own = disc_sums(map_, radius * u.rad)
    np.testing.assert_array_equal(own.cells, cells)
    np.testing.assert_array_equal(own.values, expected[cells])
    within = Mask.from_healpix(np.isin(np.arange(n), centres), nest=True, frame="icrs")
    for source in (map_, ring_map(full, order)):
        other = disc_sums(source, radius * u.rad, within=within)
        if centres.size < n:
            np.testing.assert_array_equal(other.cells, centres)
        np.testing.assert_array_equal(
            other.values, expected[centres] if centres.size < n or other.nest else inside @ full
        )


@pytest.mark.parametrize("order", [4, 6, 9])
@pytest.mark.parametrize("degrees", [0.05, 0.4, 1.7, 12.0, 100.0])
def test_the_cells_of_healpy(order, degrees):
    """At the poles, on the seam, at the edges of the polar caps, and at random."""
    rng = np.random.default_rng(order)
    nside, n = 1 << order, 12 << (2 * order)
    lon = np.concatenate([[0, 0, 0, 0, 90, 45, 359.99, 180], rng.uniform(0, 360, 12)])
    lat = np.concatenate([[90, -90, 0, 41.8, 41.9, -41.81, 10, -60], np.degrees(np.arcsin(rng.uniform(-1, 1, 12)))])
    centres = np.unique(hp.ang2pix(nside, lon, lat, lonlat=True))
    values = rng.poisson(2.0, n)
    expected = [
        values[hp.query_disc(nside, hp.pix2vec(nside, int(k)), np.radians(degrees) + 1e-12)].sum() for k in centres
    ]
    if degrees > 5 and order > 7:
        within = Mask.from_healpix(np.ones(centres.size, bool), cells=centres, order=order, nest=False, frame="icrs")
        found = disc_sums(ring_map(values, order), degrees * u.deg, within=within)
        found = dict(zip(hp.nest2ring(nside, found.cells.astype(int)), found.values, strict=True))
        np.testing.assert_array_equal([found[k] for k in centres], expected)
    else:
        np.testing.assert_array_equal(disc_sums(ring_map(values, order), degrees * u.deg).values[centres], expected)


@pytest.mark.parametrize("order", [1, 3, 6])
def test_centres_at_the_radius_are_in_the_disc(order):
    """In the belt, cells of a ring are a quarter of a turn / nside apart; a ring has a cell east and west of a cell."""
    equator = np.flatnonzero(np.abs(hp.pix2vec(1 << order, np.arange(12 << (2 * order)))[2]) < 1e-12)
    for steps in (1, 2, 3):
        radius = steps * np.pi / (2 << order)
        # Rounding, and a conversion of units on the way.
        for angle in (radius * u.rad, (radius * u.rad).to(u.deg), np.nextafter(radius, 0) * u.rad):
            hit = disc_sums(ring_map(np.isin(np.arange(12 << (2 * order)), equator), order), angle).values[equator]
            np.testing.assert_array_equal(hit, 2 * steps + 1)
        less = disc_sums(
            ring_map(np.isin(np.arange(12 << (2 * order)), equator), order), radius * (1 - 1e-9) * u.rad
        ).values[equator]
        np.testing.assert_array_equal(less, 2 * steps - 1)


@pytest.mark.parametrize("order", [2, 3])
def test_ties_are_mutual_and_the_same_in_all_quarters(order):
    """Radii that are the distances of cells: whether a is in the disc around b is the same as b in that of a."""
    angle = distances(order)
    rng = np.random.default_rng(1)
    quarter_turn = hp.vec2pix(1 << order, *_turned(np.array(hp.pix2vec(1 << order, np.arange(len(angle))))))
    for radius in rng.choice(angle.ravel(), 20):
        part = rng.integers(0, 100, len(angle))
        found = disc_sums(ring_map(part, order), radius * u.rad).values
        np.testing.assert_array_equal(found, (angle <= radius + 1e-12) @ part)
        turned = np.empty_like(part)
        turned[quarter_turn] = part
        np.testing.assert_array_equal(disc_sums(ring_map(turned, order), radius * u.rad).values[quarter_turn], found)


def _turned(vectors):
    x, y, z = vectors
    return -y, x, z


def test_a_small_sum_beside_a_bright_source_is_exact():
    order, radius = 5, 5 * u.deg
    rng = np.random.default_rng(4)
    values = rng.uniform(0, 1e-3, 12 << (2 * order))
    source = hp.ang2pix(1 << order, 123.0, 20.0, lonlat=True)
    values[source] = 1e12 / 3
    vectors = np.array(hp.pix2vec(1 << order, np.arange(values.size))).T
    ring = np.flatnonzero(np.abs(vectors[:, 2] - vectors[source, 2]) < 1e-12)
    beyond = ring[separation(vectors[ring], vectors[source]) > radius.to_value(u.rad) + 1e-3]
    found = disc_sums(ring_map(values, order), radius).values
    for k in beyond:
        inside = np.flatnonzero(separation(vectors, vectors[k]) <= radius.to_value(u.rad))
        exact = float(sum((Fraction(float(v)) for v in values[inside]), Fraction(0)))
        assert found[k] == pytest.approx(exact, rel=1e-14)
    assert beyond.size > 50


def test_counts_are_exact_to_the_last_one():
    order = 4
    values = np.full(12 << (2 * order), 2**41 + 1)
    found = disc_sums(ring_map(values, order), "180 deg").values
    np.testing.assert_array_equal(found, values.size * (2**41 + 1))


def test_the_area_of_a_disc():
    """The number of cells times their area: the map of ones."""
    order, radius = 8, 3 * u.deg
    found = disc_sums(ring_map(np.ones(12 << (2 * order)), order), radius).values
    area = 2 * np.pi * (1 - np.cos(radius)) / (4 * np.pi) * found.size
    np.testing.assert_allclose(found.mean(), area, rtol=5e-3)
    np.testing.assert_allclose(found, area, rtol=0.05)


@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize("radius", ["2 deg", "70 deg"])
def test_threads_do_not_matter(nest, radius):
    rng = np.random.default_rng(3)
    order = 5
    values = rng.normal(size=12 << (2 * order))
    map_ = HealpixMap(values, nest=nest, frame="galactic")
    cells = np.flatnonzero(rng.uniform(size=values.size) < 0.4)
    part = HealpixMap(values[cells], cells=cells, order=order, nest=nest, frame="galactic")
    for some in (map_, part):
        one = disc_sums(some, radius, n_threads=1).values
        for threads in (2, 3, 7):
            np.testing.assert_array_equal(disc_sums(some, radius, n_threads=threads).values, one)


def test_a_radius_for_each_bin():
    rng = np.random.default_rng(5)
    values = rng.poisson(3, (3, 12 << 8))
    map_ = ring_map(values, 4, energy=AXIS, unit="s")
    radii = [0, 5, 40] * u.deg
    for given_radii in (radii, lambda axis: [0, 5, 40] * u.deg):
        found = disc_sums(map_, given_radii)
        assert found.energy == AXIS
        assert found.unit == u.s
        for k in range(3):
            np.testing.assert_array_equal(found.values[k], disc_sums(map_[k], radii[k]).values)
    np.testing.assert_array_equal(found.values[0], values[0])


def test_missing_values_count_as_nothing():
    order, n = 3, 12 << 6
    values = np.random.default_rng(0).uniform(1, 2, n)
    holes = values.copy()
    holes[3], holes[100], values[[3, 100]] = np.nan, -1.6375e30, 0
    np.testing.assert_array_equal(
        disc_sums(ring_map(holes, order), "20 deg").values, disc_sums(ring_map(values, order), "20 deg").values
    )


def test_fine_cells_of_a_small_part_of_the_sky():
    """No array of the size of the sky, nor of its rings, at an order where neither would fit in memory."""
    order, center = 26, SkyCoord(0.0, -89.9999, unit="deg")
    part = Mask.from_cones(center, 3e-5 * u.deg, order=order)
    cells = part.planes[0].cells()
    map_ = HealpixMap(np.ones(cells.size), cells=cells, order=order, nest=True, frame="icrs")
    vectors = healpix.centre_vectors(cells, order)
    radius = 5e-6 * u.deg
    found = disc_sums(map_, radius).values
    for k in (0, cells.size // 2, cells.size - 1):
        angle = np.linalg.norm(vectors - vectors[k], axis=1)
        # The vectors have absolute errors of 1e-16, for an angle of 9e-8.
        low, high = (int((angle <= radius.to_value(u.rad) + slack).sum()) for slack in (-1e-14, 1e-14))
        assert low <= found[k] <= high
        assert low > 50


def test_bins_of_within():
    n = 12 << 6
    values = np.arange(3 * n).reshape(3, n)
    planes = np.zeros((3, n), bool)
    planes[0, :50], planes[1, 20:90], planes[2, 700:] = True, True, True
    within = Mask.from_healpix(planes, nest=True, frame="icrs", energy=AXIS)
    map_ = HealpixMap(values, nest=True, frame="icrs", energy=AXIS)
    everything = disc_sums(map_, "15 deg").values
    found = disc_sums(map_, "15 deg", within=within)
    np.testing.assert_array_equal(found.cells, np.flatnonzero(planes.any(axis=0)))
    expected = np.where(planes, everything, np.nan)[:, planes.any(axis=0)]
    np.testing.assert_array_equal(found.values, expected)
    # A mask without energy applies to all bins; a finer one by the centres of the cells.
    flat = Mask.from_healpix(planes[0], nest=True, frame="icrs").at_order(6)
    np.testing.assert_array_equal(disc_sums(map_, "15 deg", within=flat).values, everything[:, :50])
    both = Mask.from_healpix(np.stack([planes[0], ~planes[0], planes[2]]), nest=True, frame="icrs", energy=AXIS)
    for nest in (True, False):
        whole = HealpixMap(values, nest=nest, frame="icrs", energy=AXIS)
        hidden = disc_sums(whole, "15 deg", within=both)
        assert hidden.is_full
        keep = both.to_healpix(nest=nest)
        np.testing.assert_array_equal(hidden.values, np.where(keep, disc_sums(whole, "15 deg").values, np.nan))


def test_nothing():
    empty = HealpixMap(np.empty(0), cells=[], order=5, nest=True, frame="icrs")
    assert disc_sums(empty, "1 deg").n_cells == 0
    np.testing.assert_array_equal(disc_sums(empty, "1 deg", within=Mask.full(order=5)).values, np.zeros(12 << 10))
    full = ring_map(np.ones(12), 0)
    assert disc_sums(full, "1 deg", within=Mask.empty(order=3)).n_cells == 0


def test_progress(capsys):
    disc_sums(ring_map(np.ones(12 << 8), 4), "3 deg", progress=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"healpix_map": np.ones(12)}, TypeError, "healpix_map must be a HealpixMap, got ndarray"),
        (
            {"healpix_map": HealpixMap([1.0, 2.0], uniq=[4, 20], frame="icrs")},
            ValueError,
            "cells of one order, got a multi-ord",
        ),
        ({"healpix_map": HealpixMap(np.full(12, np.inf), nest=True, frame="icrs")}, ValueError, "value 0 is inf"),
        (
            {
                "healpix_map": HealpixMap(
                    [[1.0] * 12, [1.0] * 11 + [-np.inf], [1.0] * 12], nest=True, frame="icrs", energy=AXIS
                )
            },
            ValueError,
            "value 11 of bin 1 is -inf",
        ),
        (
            {
                "healpix_map": HealpixMap([1.0], cells=[0], order=20, nest=True, frame="icrs"),
                "within": ~Mask.from_cones(SkyCoord(0, 0, unit="deg"), "1 deg", order=6),
            },
            ValueError,
            "more than 16 GiB",
        ),
        ({"radius": 3}, TypeError, "radius must be a Quantity"),
        ({"radius": "-1 deg"}, ValueError, "radius must be from 0 to 180 deg"),
        ({"radius": [1, 2] * u.deg}, ValueError, r"radius has shape \(2,\), but the map has"),
        ({"radius": lambda axis: 1 * u.deg}, ValueError, "radius is a function of the energy axis, but the map has no"),
        ({"within": Mask.full(order=3, frame="galactic")}, ValueError, "within must have the frame of the map, 'icrs'"),
        ({"within": Mask.full(order=3, energy=AXIS)}, ValueError, "energy bins of the map or none"),
        ({"within": "sky"}, TypeError, "within must be a Mask"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ({"progress": "yes"}, TypeError, "progress must be True or False"),
    ],
)
def test_errors(change, error, message):
    arguments = {"healpix_map": ring_map(np.ones(12), 0), "radius": "1 deg"} | change
    with pytest.raises(error, match=message):
        disc_sums(arguments.pop("healpix_map"), arguments.pop("radius"), **arguments)
