"""Cell geometry: healpy at all orders, poles, seams and transition latitudes, brute force for the bound."""

import healpy as hp
import numpy as np
import oracles
import pytest

from hpmask._kernels import cells as kernel
from hpmask.geometry import healpix

ORDERS = range(30)


def some_cells(order, n=300, seed=1):
    """Random cells, and those at the corners and poles of every base cell."""
    size = 4**order
    corners = [0, size // 3, 2 * (size // 3), size - 1]  # south, east, west and north
    special = [face * size + corner for face in range(12) for corner in corners]
    random = np.random.default_rng(seed + order).integers(0, 12 * size, n)
    return np.unique(np.concatenate([special, random])).astype(np.uint64)


def healpy_centres(cells, order):
    colat, lon = hp.pix2ang(1 << order, cells.astype(np.int64), nest=True)
    return lon, np.pi / 2 - colat


def healpy_cells(lon, lat, order):
    return hp.ang2pix(1 << order, np.pi / 2 - lat, lon, nest=True)


# ---------------------------------------------------------------- positions to cells


@pytest.mark.parametrize("order", ORDERS)
def test_cells_at_positions_inside_cells(order):
    # Positions from healpy's centres of finer cells away from the edge; at order 29, the centres.
    finer = min(3, 29 - order)
    cells = some_cells(order)
    rng = np.random.default_rng(order)
    x, y = rng.integers(1, 2**finer - 1, (2, cells.size)) if finer > 1 else np.zeros((2, cells.size), int)
    inner = sum((((x >> bit) & 1) << (2 * bit)) + (((y >> bit) & 1) << (2 * bit + 1)) for bit in range(3))
    lon, lat = healpy_centres((cells << np.uint64(2 * finer)) + inner.astype(np.uint64), order + finer)
    np.testing.assert_array_equal(healpix.cells_at(lon, lat, order), cells)
    for turns in (-4, -2, 2, 4):
        np.testing.assert_array_equal(healpix.cells_at(lon + turns * np.pi, lat, order), cells)


@pytest.mark.parametrize("order", ORDERS)
def test_cells_at_random_positions(order):
    rng = np.random.default_rng(order)
    n = 20_000
    lon = rng.uniform(-4 * np.pi, 4 * np.pi, n)
    lat = np.concatenate([np.arcsin(rng.uniform(-1, 1, n // 2)), rng.uniform(-1, 1, n // 2) * np.pi / 2])
    ours = healpix.cells_at(lon, lat, order)
    assert ours.dtype == np.uint64
    theirs = healpy_cells(lon, lat, order)
    # At the finest orders a cell is some 1e7 roundings of 2 pi wide: a position may round across an edge.
    apart = np.flatnonzero(ours != theirs)
    assert apart.size <= (0 if order < 22 else 3)
    for i in apart:
        assert theirs[i] in hp.get_all_neighbours(1 << order, int(ours[i]), nest=True)


@pytest.mark.parametrize("order", [0, 1, 7, 13, 22, 29])
@pytest.mark.parametrize("sign", [-1, 1])
def test_cells_near_the_poles(order, sign):
    rng = np.random.default_rng(order)
    distance = 10.0 ** rng.uniform(-15, -1, 3000)
    lon = rng.uniform(0, 2 * np.pi, distance.size)
    lat = sign * (np.pi / 2 - distance)
    ours = healpix.cells_at(lon, lat, order)
    # The cell's centre is as near as a cell is large, and on the same side of the pole.
    p, centre = oracles.unit_vectors(lon, lat), healpix.centre_vectors(ours, order)
    assert (oracles.separation(p, centre) <= healpix.cell_radius(order)).all()
    if order < 22:
        np.testing.assert_array_equal(ours, healpy_cells(lon, lat, order))


@pytest.mark.parametrize("order", [0, 1, 5, 12, 29])
def test_cells_at_the_poles(order):
    size = 4**order
    lon = np.arange(16) * np.pi / 8 + 0.1
    quarter = (lon // (np.pi / 2)).astype(int)
    north = healpix.cells_at(lon, np.full(16, np.pi / 2), order)
    south = healpix.cells_at(lon, np.full(16, -np.pi / 2), order)
    np.testing.assert_array_equal(north, quarter * size + size - 1)
    np.testing.assert_array_equal(south, (8 + quarter) * size)


@pytest.mark.parametrize("order", ORDERS)
def test_cells_at_the_seams(order):
    # On an edge any cell that has it will do, but it must be a cell, and it must be there.
    lon, lat = oracles.seam_positions()
    cells = healpix.cells_at(lon, lat, order)
    assert cells.max() < 12 * 4**order
    distance = oracles.separation(oracles.unit_vectors(lon, lat), healpix.centre_vectors(cells, order))
    # Longitudes up to 13 rad are rounded to 2e-15.
    assert (distance <= healpix.cell_radius(order) + 1e-14).all()


def test_cells_at_keeps_the_shape():
    for shape in [(), (0,), (3,), (2, 3), (2, 0)]:
        lon, lat = np.full(shape, 0.3), np.full(shape, 0.2)
        assert healpix.cells_at(lon, lat, 3).shape == shape
    lon = np.linspace(0, 6, 6).reshape(2, 3)
    lat = np.linspace(-1, 1, 6).reshape(2, 3)
    expected = healpix.cells_at(lon.ravel(), lat.ravel(), 9).reshape(2, 3)
    np.testing.assert_array_equal(healpix.cells_at(lon, lat, 9), expected)
    np.testing.assert_array_equal(healpix.cells_at(np.asfortranarray(lon), lat[:, :], 9), expected)
    np.testing.assert_array_equal(healpix.cells_at(lon[:, ::2], lat[:, ::2], 9), expected[:, ::2])
    assert healpix.cells_at(1, 0, 0) == healpix.cells_at(1.0, 0.0, 0)
    with pytest.raises(ValueError, match="the same shape"):
        healpix.cells_at(np.zeros((2, 3)), np.zeros((3, 2)), 3)


@pytest.mark.parametrize("order", [-1, 30])
def test_kernels_check_the_order(order):
    cells, one = np.zeros(1, dtype=np.uint64), np.zeros(1)
    for call in (
        lambda: kernel.cells_at(one, one, order, cells),
        lambda: kernel.centres(cells, order, one, one),
        lambda: kernel.centre_vectors(cells, order, np.zeros((1, 3))),
        lambda: kernel.edges(cells, order, 1, np.zeros((1, 4, 3))),
    ):
        with pytest.raises(ValueError, match="order"):
            call()


def test_kernels_check_the_room():
    cells, two = np.zeros(1, dtype=np.uint64), np.zeros(2)
    for call in (
        lambda: kernel.cells_at(two, two, 3, cells),
        lambda: kernel.centres(cells, 3, two, two),
        lambda: kernel.centre_vectors(cells, 3, np.zeros((1, 2))),
        lambda: kernel.edges(cells, 3, 2, np.zeros((1, 4, 3))),
        lambda: kernel.edges(cells, 3, 0, np.zeros((1, 0, 3))),
    ):
        with pytest.raises(ValueError, match=r"length|shape"):
            call()


# ---------------------------------------------------------------- cells to positions


@pytest.mark.parametrize("order", ORDERS)
def test_centres(order):
    cells = some_cells(order)
    lon, lat = healpix.centres(cells, order)
    their_lon, their_lat = healpy_centres(cells, order)
    np.testing.assert_allclose(lon, their_lon, rtol=0, atol=2e-15)
    np.testing.assert_allclose(lat, their_lat, rtol=0, atol=2e-15)
    assert ((lon >= 0) & (lon < 2 * np.pi)).all()
    vectors = healpix.centre_vectors(cells, order)
    np.testing.assert_allclose(vectors, oracles.unit_vectors(lon, lat), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(healpix.cells_at(lon, lat, order), cells)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_centres_of_all_cells(order):
    cells = np.arange(12 * 4**order, dtype=np.uint64)
    expected = np.stack(hp.pix2vec(1 << order, cells.astype(int), nest=True), axis=-1)
    np.testing.assert_allclose(healpix.centre_vectors(cells, order), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("order", [0, 1, 2, 5, 11, 20, 27])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_edges(order, steps):
    cells = some_cells(order)
    expected = hp.boundaries(1 << order, cells.astype(int), step=steps, nest=True).swapaxes(1, 2)
    # healpy begins at the northern corner and goes on by the west.
    expected = np.roll(expected, -2 * steps, axis=1)
    ours = healpix.edges(cells, order, steps=steps)
    assert ours.shape == (cells.size, 4 * steps, 3)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=4e-15)


def test_corners_run_from_the_south_eastwards():
    corners = healpix.edges(np.array([4 * 4**3 + 17], dtype=np.uint64), 3)[0]
    lon, z = np.arctan2(corners[:, 1], corners[:, 0]), corners[:, 2]
    assert z.argmin() == 0
    assert z.argmax() == 2
    assert lon.argmax() == 1
    assert lon.argmin() == 3


def test_no_cells():
    none = np.empty(0, dtype=np.uint64)
    assert healpix.centres(none, 3)[0].shape == (0,)
    assert healpix.centre_vectors(none, 3).shape == (0, 3)
    assert healpix.edges(none, 3, steps=2).shape == (0, 8, 3)


def largest_radius(cells, order):
    """The largest distance from a centre to a point of the edge, over some cells."""
    edges = healpix.edges(cells, order, steps=4)
    return oracles.separation(edges, healpix.centre_vectors(cells, order)[:, None]).max()


@pytest.mark.parametrize("order", range(9))
def test_cell_radius_is_a_bound(order):
    # Base cells of one ring are the same but for their longitude, north and south but for their sign.
    faces = range(12) if order < 5 else (0, 4)
    found = max(
        largest_radius(np.arange(face * 4**order, (face + 1) * 4**order, dtype=np.uint64), order) for face in faces
    )
    assert found <= healpix.cell_radius(order)
    assert found * 2**order > 0.84
    if order > 5:
        assert healpix.cell_radius(order) < 1.03 * found


@pytest.mark.parametrize("order", range(9, 30))
def test_cell_radius_at_the_corners_of_the_caps(order):
    # The cells around the eastern and western corners of the northern base cells, and random ones.
    rng = np.random.default_rng(order)
    offsets = rng.integers(0, 64, (2, 2000))
    east = sum(
        (((2**order - 1 - offsets[0]) >> b) & 1) << (2 * b) | ((offsets[1] >> b) & 1) << (2 * b + 1)
        for b in range(order)
    )
    cells = np.concatenate([east.astype(np.uint64), [np.uint64((4**order - 1) // 3)], some_cells(order, 3000)])
    found = largest_radius(cells, order)
    assert found * 2**order > 1.06
    assert found <= healpix.cell_radius(order)


# ---------------------------------------------------------------- neighbours, RING


@pytest.mark.parametrize("order", ORDERS)
def test_neighbours(order):
    cells = np.arange(12 * 4**order, dtype=np.uint64) if order < 4 else some_cells(order)
    expected = hp.get_all_neighbours(1 << order, cells.astype(np.int64), nest=True)
    ours = healpix.neighbours(cells, order)
    assert ours.dtype == np.int64
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("order", ORDERS)
def test_ring_numbers(order):
    cells = np.arange(12 * 4**order, dtype=np.uint64) if order < 4 else some_cells(order)
    ring = healpix.nested_to_ring(cells, order)
    np.testing.assert_array_equal(ring, hp.nest2ring(1 << order, cells.astype(np.int64)))
    back = healpix.ring_to_nested(ring, order)
    assert back.dtype == np.uint64
    np.testing.assert_array_equal(back, cells)


def test_n_cells():
    assert [healpix.n_cells(order) for order in ORDERS] == [hp.nside2npix(1 << order) for order in ORDERS]
