"""Steps on the graph of neighbouring cells, against healpy's neighbours of all cells and mocpy."""

import numpy as np
import oracles
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import range_sets

from hpmask import Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.morphology import neighbours as steps_module
from hpmask.morphology.neighbours import dilate_steps, edge_cells

pytest.importorskip("healpy")


def set_of(inside, order):
    return RangeSet.from_cells(np.flatnonzero(inside), order)


@pytest.fixture(params=["as chosen", "the set", "its complement", "three threads"])
def side(request, monkeypatch):
    """Which of the two the kernels look at, on all sets, whatever their share of the sky; and threads for all."""
    if request.param == "three threads":
        monkeypatch.setattr(steps_module, "_PER_THREAD", 1)
        monkeypatch.setattr(steps_module, "thread_count", lambda n_threads: 3)
    elif request.param != "as chosen":
        monkeypatch.setattr(steps_module, "_HALF", 1.0 if request.param == "the set" else 0.0)


@pytest.mark.usefixtures("side")
@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("order", range(7))
def test_one_step_is_that_of_healpy(order, connectivity):
    rng = np.random.default_rng(order)
    for inside in oracles.speckled(rng, order):
        plane = set_of(inside, order)
        grown = dilate_steps(plane, 1, connectivity)
        assert grown.order == order
        assert RangeSet(grown.ranges, order) == grown
        assert np.array_equal(grown.cells(), np.flatnonzero(oracles.with_neighbours(inside, order, connectivity)))
        edge = edge_cells(plane, connectivity)
        assert RangeSet(edge.ranges, order) == edge
        assert np.array_equal(
            edge.cells(), np.flatnonzero(oracles.with_neighbours_outside(inside, order, connectivity))
        )


@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize(("order", "steps"), [(0, 4), (2, 12), (4, 40), (5, 30)])
def test_many_steps(order, steps, connectivity):
    rng = np.random.default_rng(steps)
    inside = rng.random(12 << 2 * order) < 2 / 4**order
    inside[rng.integers(inside.size)] = True
    plane = set_of(inside, order)
    for n in range(steps + 1):
        assert np.array_equal(dilate_steps(plane, n, connectivity).cells(), np.flatnonzero(inside)), n
        inside = oracles.with_neighbours(inside, order, connectivity)


@examples(60)
@given(range_sets(max_order=6), st.integers(0, 2), st.integers(0, 2), st.sampled_from([4, 8]))
def test_steps_add_up(plane, first, second, connectivity):
    once = dilate_steps(plane, first, connectivity)
    assert plane.issubset(once)
    assert dilate_steps(once, second, connectivity) == dilate_steps(plane, first + second, connectivity)
    assert dilate_steps(plane, first, 4).issubset(dilate_steps(plane, first, 8))


@examples(60)
@given(range_sets(max_order=6), st.sampled_from([4, 8]))
def test_edge_and_step_are_dual(plane, connectivity):
    edge = edge_cells(plane, connectivity)
    assert edge.issubset(plane)
    assert plane - edge == ~dilate_steps(~plane, 1, connectivity)


@pytest.mark.usefixtures("side")
@pytest.mark.parametrize("order", [9, 18, 29])
def test_cell_by_cell_at_fine_orders(order):
    """Discs at the poles, where base cells meet and elsewhere, and the remains of larger cells around them."""
    third = np.arcsin(2 / 3)
    lon = np.array([0, 0.2, np.pi / 4, np.pi / 2, np.pi / 2, 5.2, 0, 0.3])
    lat = np.array([np.pi / 2, -np.pi / 2, third, -third, 0, 0.1, 0, 1.3])
    width = np.sqrt(4 * np.pi / healpix.n_cells(order))
    discs = Mask.from_cones(SkyCoord(lon, lat, unit="rad"), 9.7 * width * u.rad, order=order).planes[0]
    larger = RangeSet.from_cells(healpix.cells_at(lon, lat, order - 6), order - 6).at_order(order)
    for plane in (discs, larger, larger - discs, larger ^ dilate_steps(discs, 2)):
        cells = plane.cells()
        around = healpix.neighbours(cells, order)
        everything = np.append(cells, around[around >= 0].astype(np.uint64))
        assert dilate_steps(plane, 1) == RangeSet.from_cells(np.unique(everything), order)
        at_edge = (~np.isin(around, cells.astype(np.int64)) & (around >= 0)).any(axis=0)
        assert np.array_equal(edge_cells(plane).cells(), cells[at_edge])
        # The same seen from the other side.
        assert edge_cells(~plane) == dilate_steps(plane, 1) - plane
        assert ~dilate_steps(~plane, 1) == plane - edge_cells(plane)


def test_same_as_mocpy():
    pytest.importorskip("mocpy")
    rng = np.random.default_rng(4)
    lon, lat = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    mask = Mask.from_cones(SkyCoord(lon, lat, unit="deg"), rng.uniform(0, 2, 200) * u.deg, order=9, mode="overlap")
    for one in (mask, ~mask):
        moc = one.to_moc()
        assert Mask(dilate_steps(one.planes[0], 1)) == Mask.from_moc(moc.add_neighbours())
        assert Mask(one.planes[0] - edge_cells(one.planes[0])) == Mask.from_moc(one.to_moc().remove_neighbours())


@pytest.mark.parametrize(
    "name",
    [
        "fractal",
        pytest.param("P-GALEXGR6-AIS-FUV", marks=pytest.mark.deep),
        pytest.param("P-SDSS9-r", marks=pytest.mark.deep),
        pytest.param("V_147_sdss12.moc", marks=pytest.mark.deep),
    ],
)
def test_real_masks_same_as_mocpy(data, name):
    pytest.importorskip("mocpy")
    mask = Mask.read(data(f"moc/{name}.fits"))
    plane = mask.planes[0]
    assert Mask(dilate_steps(plane, 1)) == Mask.from_moc(mask.to_moc().extended())
    assert Mask(dilate_steps(plane, 3)) == Mask.from_moc(mask.to_moc().extended().extended().extended())
    assert Mask(plane - edge_cells(plane)) == Mask.from_moc(mask.to_moc().contracted())


def test_steps_are_those_of_the_sets_own_order():
    cell = RangeSet.from_cells([27], order=3)
    assert dilate_steps(cell, 1).n_cells == 9
    assert dilate_steps(cell.at_order(5), 1).n_cells == 16 + 4 * 4 + 4


@pytest.mark.parametrize("plane", [RangeSet.empty(29), RangeSet.full(0), RangeSet.full(29)])
def test_nothing_and_everything(plane):
    assert dilate_steps(plane, 3) == plane
    assert not edge_cells(plane)
    assert edge_cells(plane).order == plane.order


def test_no_steps_give_the_set_itself():
    plane = RangeSet.from_cells([3], 2)
    assert dilate_steps(plane, 0) is plane


@pytest.mark.parametrize("steps", [1.0, "1", True, None])
def test_steps_must_be_an_integer(steps):
    with pytest.raises(TypeError, match="steps must be an integer of at least 0, got"):
        dilate_steps(RangeSet.full(0), steps)


def test_steps_must_not_be_negative():
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        dilate_steps(RangeSet.full(0), -1)


@pytest.mark.parametrize("connectivity", [6, 0, "8", None, True])
def test_connectivity_must_be_8_or_4(connectivity):
    for function in (lambda c: dilate_steps(RangeSet.full(0), 1, c), lambda c: edge_cells(RangeSet.full(0), c)):
        with pytest.raises(ValueError, match=r"connectivity must be 8 .* or 4 .*, got"):
            function(connectivity)
