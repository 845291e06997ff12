"""`Positions`: the cells that hold rows, as by healpy, however the rows are given."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from hpmask import Mask, RangeSet
from hpmask.core import positions
from hpmask.core.positions import Positions
from tests._support.profiles import examples
from tests._support.strategies import low_sets, range_sets

hp = pytest.importorskip("healpy")

RNG = np.random.default_rng(13)
N = 5000
LON, LAT = RNG.uniform(0, 360, N), np.degrees(np.arcsin(RNG.uniform(-1, 1, N)))
NOWHERE = 2**64 - 1


def numbers_by_healpy(order, lon=LON, lat=LAT):
    cells = hp.ang2pix(1 << order, lon, lat, nest=True, lonlat=True).astype(np.uint64)
    return cells << np.uint64(2 * (29 - order))


def numbers_of(some: Positions, order: int, rows: slice | None = None) -> tuple[np.ndarray, int]:
    rows = slice(0, some.size) if rows is None else rows
    out = np.empty(rows.stop - rows.start, dtype=np.uint64)
    return out, some.numbers(rows, order, out)


@pytest.mark.parametrize("order", [0, 5, 13, 29])
def test_numbers(order):
    expected = numbers_by_healpy(order)
    cells = hp.ang2pix(1 << 29, LON, LAT, nest=True, lonlat=True)
    galactic = SkyCoord(LON, LAT, unit="deg").galactic
    for some in (
        Positions.of_coord(SkyCoord(LON, LAT, unit="deg"), "icrs"),
        Positions.of_angles(LON, LAT, unit=np.pi / 180),
        Positions.of_angles(np.radians(LON), np.radians(LAT)),
        Positions.of_cells(cells),
        Positions.of_cells(cells.astype(np.uint64)),
        Positions.of_coord(galactic, "icrs"),
    ):
        found, bad = numbers_of(some, order)
        assert bad == -1
        assert (found == expected).mean() > (0.9999 if order < 29 else 0.2)
        part, _ = numbers_of(some, order, slice(7, 19))
        assert np.array_equal(part, found[7:19])


def test_cells_that_are_coarser_count_by_their_centres():
    for order in range(4):
        cells = np.arange(12 << 2 * order)
        lon, lat = hp.pix2ang(1 << order, cells, nest=True, lonlat=True)
        centres = Positions.of_coord(SkyCoord(lon, lat, unit="deg"), "icrs")
        for finer in range(order, 30):
            assert np.array_equal(numbers_of(Positions.of_cells(cells, order), finer)[0], numbers_of(centres, finer)[0])


def test_the_shape():
    for some in (
        Positions.of_coord(SkyCoord(LON[:6], LAT[:6], unit="deg").reshape(2, 3), "icrs"),
        Positions.of_angles(LON[:6].reshape(2, 3), LAT[:6].reshape(2, 3)),
        Positions.of_cells(np.arange(6, dtype=np.int32).reshape(2, 3), 1),
    ):
        assert some.shape == (2, 3)
        assert some.size == 6
    assert Positions.of_cells(7, 1).shape == ()


def looked_up(some: Positions, **options) -> np.ndarray:
    found = np.zeros(some.size, dtype=np.uint64)

    def work(rows, numbers):
        found[rows] = numbers

    some.look_up(9, work, **options)
    return found


@pytest.mark.parametrize("n_threads", [1, 3])
def test_look_up_piece_by_piece(monkeypatch, n_threads):
    monkeypatch.setattr(positions, "_CHUNK", 700)
    some = Positions.of_angles(LON, LAT, unit=np.pi / 180)
    assert np.array_equal(looked_up(some, n_threads=n_threads), numbers_by_healpy(9))
    assert looked_up(Positions.of_angles(LON[:0], LAT[:0])).shape == (0,)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_rows_that_are_nowhere(monkeypatch, n_threads):
    monkeypatch.setattr(positions, "_CHUNK", 700)
    lon, lat = LON.copy(), LAT.copy()
    lon[[2900, 4000]] = np.nan
    lat[3500] = np.inf
    some = Positions.of_angles(lon, lat, unit=np.pi / 180, argument="stars")
    with pytest.raises(ValueError, match=r"stars must be finite, 3 of 5000 positions are not, the first in row 2900"):
        looked_up(some, n_threads=n_threads)
    found = looked_up(some, invalid="skip", n_threads=n_threads)
    nowhere = np.isin(np.arange(N), [2900, 3500, 4000])
    assert (found[nowhere] == NOWHERE).all()
    assert np.array_equal(found[~nowhere], numbers_by_healpy(9)[~nowhere])


def test_a_latitude_beyond_the_pole():
    with pytest.raises(ValueError, match=r"stars must have latitudes from -90 to 90 deg, row 1 has 91 deg"):
        looked_up(Positions.of_angles(np.zeros(3), np.array([90, 91, 0]), unit=np.pi / 180, argument="stars"))


@pytest.mark.parametrize(
    ("cells", "order", "error", "text"),
    [
        ([0, 12], 0, ValueError, r"cells must be from 0 to 12 \* 4\*\*0 - 1, the cells of order 0, row 1 is 12"),
        ([0, -1], 29, ValueError, "row 1 is -1"),
        (np.array([2**64 - 1], dtype=np.uint64), 29, ValueError, "row 0 is 18446744073709551615"),
        (-3, 29, ValueError, "got -3"),
        ([0.5], 3, TypeError, "cells must be integers"),
        (np.ma.MaskedArray([1, 2], [False, True]), 3, ValueError, "cells must not be masked"),
    ],
)
def test_cells_that_are_none(cells, order, error, text):
    with pytest.raises(error, match=text):
        Positions.of_cells(cells, order)
    with pytest.raises(error, match=text):
        RangeSet.full(3).contains(cells, order)


# ---------------------------------------------------------------------- RangeSet.contains


@given(low_sets(), st.integers(0, 3), st.sampled_from(["center", "overlap", "inside"]))
@examples(100)
def test_cells_in_a_set(pair, order, mode):
    plane, cells = pair
    each = np.arange(12 << 2 * order)
    if order >= plane.order:
        expected = np.isin(each >> 2 * (order - plane.order), list(cells))
    else:
        expected = np.isin(each, plane.at_order(order, mode=mode).cells().astype(int))
    found = plane.contains(each, order, mode=mode)
    assert np.array_equal(found, expected)
    assert np.array_equal(plane.contains(each.reshape(4, -1), order, mode=mode), expected.reshape(4, -1))
    assert plane.contains(int(each[-1]), order, mode=mode) is bool(expected[-1])


@given(range_sets(), st.integers(0, 2**32))
@examples(60)
def test_the_cells_of_positions(plane, seed):
    """As `contains` of the positions themselves: the column of HATS."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    found = plane.contains(hp.ang2pix(1 << 29, lon, lat, nest=True, lonlat=True))
    # Rounding may put a position into the next cell of order 29.
    if plane.order <= 25:
        assert np.array_equal(found, Mask(plane).contains(SkyCoord(lon, lat, unit="deg")))
