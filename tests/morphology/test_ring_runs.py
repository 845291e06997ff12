"""Runs along the rings: every pixel of a set, and back, against healpy's RING numbers."""

import healpy as hp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import patterns

from hpmask import RangeSet
from hpmask.core.rangeset import union_of
from hpmask.morphology.ring_runs import count_rows, fringe, mirrored, runs_of, set_of


def ring_pixels(plane: RangeSet) -> tuple[np.ndarray, np.ndarray]:
    """Ring and place on it of every cell, by healpy, in RING order."""
    nside = 1 << plane.order
    pixel = np.sort(hp.nest2ring(nside, plane.cells().astype(np.int64)))
    ring = hp.pix2ring(nside, pixel)
    before = np.concatenate([[0], np.cumsum([4 * min(i, nside, 4 * nside - i) for i in range(1, 4 * nside)])])
    return ring, pixel - before[ring - 1]


def expand(runs: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    keys = [np.arange(start, stop) for start, stop in runs.reshape(-1, 2).astype(np.int64)]
    keys = np.concatenate([np.empty(0, dtype=np.int64), *keys])
    return keys >> (order + 3), keys & ((1 << (order + 3)) - 1)


@examples(200)
@given(patterns(orders=(0, 6)))
def test_every_pixel_there_and_back(plane):
    runs = runs_of(plane)
    assert np.all(np.diff(runs.astype(np.int64)) > 0)
    for found, expected in zip(expand(runs, plane.order), ring_pixels(plane), strict=True):
        np.testing.assert_array_equal(found, expected)
    back = set_of(runs, plane.order)
    assert back == plane
    assert back.order == plane.order


@examples(50)
@given(patterns(orders=(0, 5)))
def test_mirror_image(plane):
    runs = runs_of(plane)
    image = mirrored(runs, plane.order)
    ring, place = expand(runs, plane.order)
    found_ring, found_place = expand(image, plane.order)
    expected = sorted(zip((4 << plane.order) - ring, place, strict=True))
    assert list(zip(found_ring, found_place, strict=True)) == expected
    np.testing.assert_array_equal(mirrored(image, plane.order), runs)


@pytest.mark.parametrize("order", [*range(5), pytest.param(5, marks=pytest.mark.deep)])
def test_the_fringe_holds_every_neighbour(order):
    """Cell by cell, all of them: poles, longitude 0 and corners of base cells included."""
    nside = 1 << order
    for cell in range(12 << 2 * order):
        plane = RangeSet.from_cells([cell], order)
        near = set_of(fringe(runs_of(plane), order), order)
        neighbours = hp.get_all_neighbours(nside, cell, nest=True)
        neighbours = np.setdiff1d(neighbours[neighbours >= 0], [cell])
        assert RangeSet.from_cells(neighbours, order).issubset(near)
        assert not near.overlaps(plane)


def test_a_fringe_is_thin():
    plane = RangeSet.from_cells([5], 1).at_order(12)
    near = set_of(fringe(runs_of(plane), 12), 12)
    assert near.n_cells < 20 * 4 * (1 << 11)


@pytest.mark.parametrize("order", [13, 20, 29])
def test_single_cells_at_fine_orders(order):
    rng = np.random.default_rng(order)
    cells = rng.integers(0, 12 << 2 * order, 500)
    # Neighbours in number, and the corners of base cells.
    cells = np.concatenate([cells, cells[:100] + 1, np.arange(12) << 2 * order, (np.arange(1, 13) << 2 * order) - 1])
    plane = RangeSet.from_cells(cells % (12 << 2 * order), order)
    runs = runs_of(plane)
    found = np.array(expand(runs, order))
    assert found.shape[1] == plane.n_cells
    nside = 1 << order
    theta, phi = hp.pix2ang(nside, plane.cells().astype(np.int64), nest=True)
    width = np.minimum(np.minimum(found[0], nside), 4 * nside - found[0])
    odd = (width < nside) | ((found[0] - nside) % 2 == 0)
    phi_found = (2 * found[1] + odd) / (4 * width) * np.pi
    z = np.where(found[0] < nside, 1 - (found[0] / nside) ** 2 / 3, (2 * nside - found[0]) * 2 / (3 * nside))
    z = np.where(found[0] > 3 * nside, ((4 * nside - found[0]) / nside) ** 2 / 3 - 1, z)
    both = [np.sort(np.round(x, 7) + 100 * np.round(y, 7)) for x, y in ((phi_found, z), (phi, np.cos(theta)))]
    np.testing.assert_allclose(*both, atol=3e-6)
    assert set_of(runs, order) == plane


def test_threads_change_nothing():
    rng = np.random.default_rng(5)
    plane = RangeSet.from_cells(rng.integers(0, 12 << 18, 200_000), 9)
    runs = runs_of(plane)
    np.testing.assert_array_equal(runs_of(plane, n_threads=2), runs)
    assert set_of(runs, 9, n_threads=2) == plane == set_of(runs, 9)


def test_blocks_cost_their_outline():
    assert runs_of(RangeSet.full(13)).size == 2 * ((4 << 13) - 1)
    assert count_rows(RangeSet.full(13)) < 20 << 14
    assert set_of(runs_of(RangeSet.full(13)), 13) == RangeSet.full(13)


def test_nothing():
    nothing = runs_of(RangeSet.empty(4))
    assert nothing.size == 0
    assert set_of(nothing, 4) == RangeSet.empty(4)
    assert fringe(nothing, 4).size == 0
    assert union_of(nothing, runs_of(RangeSet.full(1))).size == 14


@given(st.integers(0, 29))
def test_one_cell_anywhere(order):
    cell = (12 << 2 * order) * 5 // 11
    plane = RangeSet.from_cells([cell], order)
    assert runs_of(plane).size == 2
    assert set_of(runs_of(plane), order) == plane
