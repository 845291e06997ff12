"""Sets in another frame: every cell by its centre, and no cost where nothing happens."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.core.rotate import affordable_order, rotated
from hpmask.geometry import frames, healpix

hp = pytest.importorskip("healpy")


def by_centres(plane: RangeSet, matrix: np.ndarray, order: int) -> np.ndarray:
    """The cells whose rotated centre is in the set, by healpy, all cells one by one."""
    vectors = np.array(hp.pix2vec(1 << order, np.arange(12 << 2 * order), nest=True))
    old = hp.vec2pix(1 << plane.order, *(matrix @ vectors), nest=True)
    return np.flatnonzero(np.isin(old, plane.cells().astype(np.int64)))


@examples(60)
@given(
    st.integers(0, 5),
    st.integers(0, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.002, 0.05, 0.5, 0.98]),
    st.floats(0, 6.3),
    st.floats(-1.5, 1.5),
)
def test_every_cell_by_its_centre(old_order, order, seed, share, turn, tilt):
    rng = np.random.default_rng(seed)
    plane = RangeSet.from_cells(np.flatnonzero(rng.random(12 << 2 * old_order) < share), old_order)
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    # A little off the round angles, where centres would fall on edges of cells.
    matrix = about_x @ about_z @ frames.rotation("galactic", "icrs")
    assert np.array_equal(rotated(plane, matrix, order).cells(), by_centres(plane, matrix, order))


@pytest.mark.parametrize("plane", [RangeSet.empty(3), RangeSet.full(3)], ids=["empty", "full"])
def test_nothing_and_everything(plane):
    assert rotated(plane, frames.rotation("icrs", "galactic"), 12) == plane


def test_threads_change_nothing():
    plane = Mask.from_zone(("10 deg", "200 deg"), ("-30 deg", "50 deg"), order=7).planes[0]
    matrix = frames.rotation("galactic", "icrs")
    assert rotated(plane, matrix, 7, n_threads=1) == rotated(plane, matrix, 7, n_threads=4)


def test_a_disc_stays_a_disc():
    """At an order where brute force cannot go, cells near the outline one by one."""
    center = SkyCoord(83.6, 22.0, unit="deg")
    disc = Mask.from_cones(center, "1 deg", order=14)
    turned = disc.to_frame("galactic")
    assert turned.frame == "galactic"
    assert turned.order == 14
    expected = Mask.from_cones(center, "1 deg", order=14, frame="galactic")
    differ = (turned ^ expected).planes[0].cells()
    lon, lat = healpix.centres(differ, 14)
    distance = SkyCoord(lon, lat, unit="rad", frame="galactic").separation(center).deg
    # Only cells whose centre is within an old cell of the outline may fall on the other side.
    assert np.abs(distance - 1).max() < np.degrees(healpix.cell_radius(14))
    assert abs(turned.area / expected.area - 1) < 1e-3


def test_there_and_back_keeps_what_is_far_from_the_outline():
    mask = Mask.from_zone(("350 deg", "30 deg"), ("60 deg", "90 deg"), order=9)
    back = mask.to_frame("galactic", order=11).to_frame("icrs", order=9)
    assert (back ^ mask).sky_fraction < 0.02 * mask.sky_fraction


def test_bins_keep_their_planes():
    import astropy.units as u

    axis = EnergyAxis([1, 2, 3, 4] * u.TeV)
    plane = Mask.from_zone(None, ("0 deg", "40 deg"), order=5).planes[0]
    mask = Mask([plane, ~plane, plane], energy=axis).to_frame("galactic")
    assert mask.energy == axis
    assert mask.planes[0] is mask.planes[2]
    assert mask.planes[0] != mask.planes[1]
    assert mask.to_frame("galactic") == mask


def test_a_mask_does_not_grow_without_being_asked():
    """Its order is much finer than its cells, so that their edges have millions of times as many cells."""
    for cells in ([5], [0, 7, 3000]):
        mask = Mask(RangeSet.from_cells(cells, 5), order=29)
        with pytest.raises(ValueError, match=r"order must be given: the mask has order 29.* such as (2\d)") as caught:
            mask.to_frame("galactic")
        order = int(str(caught.value).split()[-1])
        assert affordable_order(mask.planes[0], 29, 1e7) == order
        # The number of ranges that is expected, at an order where they can be counted.
        found = mask.to_frame("galactic", order=order - 9).planes[0].n_ranges
        assert 1e7 / 16 < found * 2**9 < 1e7
    # One that is as fine as its order grows at none.
    rng = np.random.default_rng(4)
    lon, lat = rng.uniform(0, 360, 200), rng.uniform(-90, 90, 200)
    for order in (8, 12, 14):
        plane = Mask.from_cones(SkyCoord(lon, lat, unit="deg"), "0.5 deg", order=order).planes[0]
        assert affordable_order(plane, order, 1e5) == order
        assert affordable_order(~plane, order, 1e5) == order
    points = RangeSet.from_cells(rng.integers(0, 12 << 58, 1000), 29)
    assert affordable_order(points, 29, 1e3) == 29
    for whole in RangeSet.empty(29), RangeSet.full(29), ~points:
        assert affordable_order(whole, 29, 1e3) == 29
