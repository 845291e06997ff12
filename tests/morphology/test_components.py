"""Components: against scipy on the graph of healpy's neighbours, and against mocpy."""

import pickle

import numpy as np
import oracles
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import range_sets

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.morphology.components import Labelled, count

pytest.importorskip("healpy")
pytest.importorskip("scipy")


@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("order", range(7))
def test_components_are_those_of_scipy(order, connectivity):
    rng = np.random.default_rng(order + 10)
    for inside in oracles.speckled(rng, order):
        plane = RangeSet.from_cells(np.flatnonzero(inside), order)
        expected = oracles.components(inside, order, connectivity)
        assert count(plane, connectivity) == len(expected)
        found = Labelled(plane, connectivity)
        assert found.n_cells.tolist() == [group.size for group in expected]
        for k in {*range(min(30, len(expected))), *rng.integers(0, max(len(expected), 1), 10)} if expected else ():
            part = found.plane(k)
            assert RangeSet(part.ranges, order) == part
            assert np.array_equal(part.cells(), expected[k])


@examples(80)
@given(range_sets(), st.sampled_from([4, 8]))
def test_components_make_up_the_set(plane, connectivity):
    found = Labelled(plane, connectivity)
    parts = [found.plane(k) for k in range(len(found))]
    assert RangeSet.union_all([RangeSet.empty(plane.order), *parts]) == plane
    assert sum(part.n_cells for part in parts) == plane.n_cells
    assert [part.n_cells for part in parts] == sorted((part.n_cells for part in parts), reverse=True)
    assert all(count(part, connectivity) == 1 for part in parts)
    assert found.union(np.ones(len(found), dtype=bool)) == plane
    assert not found.union(np.zeros(len(found), dtype=bool))
    assert count(plane, 8) <= count(plane, 4)


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("order", [8, pytest.param(11, marks=pytest.mark.deep)])
def test_same_as_mocpy(order, corners):
    pytest.importorskip("mocpy")
    rng = np.random.default_rng(order)
    n = 3000
    lon, lat = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    mask = Mask.from_cones(SkyCoord(lon, lat, unit="deg"), rng.uniform(0, 0.8, n) * u.deg, order=order, mode="overlap")
    for one in (mask, ~mask):
        theirs = one.to_moc().split(include_indirect_neighbours=corners)
        ours = one.components(connectivity=8 if corners else 4)
        assert len(ours) == len(theirs) == one.n_components(connectivity=8 if corners else 4)
        assert set(ours) == {Mask.from_moc(moc) for moc in theirs}


@pytest.mark.parametrize(
    "name",
    [
        "CDS_VIII_95_sx250",
        "fractal",
        pytest.param("P-GALEXGR6-AIS-FUV", marks=pytest.mark.deep),
        pytest.param("CDS_I_274_ccdm", marks=pytest.mark.deep),
    ],
)
def test_real_masks_have_as_many_as_mocpy_counts(data, name):
    pytest.importorskip("mocpy")
    mask = Mask.read(data(f"moc/{name}.fits"))
    moc = mask.to_moc()
    for connectivity, corners in ((8, True), (4, False)):
        ours = mask.components(connectivity=connectivity)
        assert len(ours) == moc.split_count(include_indirect_neighbours=corners)
        # The largest are alone with themselves, and apart from the rest.
        for part in ours[:2]:
            assert part.n_components(connectivity=connectivity) == 1
            assert (mask - part).n_components(connectivity=connectivity) == len(ours) - 1


def test_one_disc_is_one_component_anywhere():
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(0, 360, 60), np.degrees(np.arcsin(rng.uniform(-1, 1, 60)))
    lat[:4] = 90, -90, np.degrees(np.arcsin(2 / 3)), np.degrees(np.arcsin(-2 / 3))
    lon[:4] = 0, 0, 90, 45
    for k, order in enumerate(rng.integers(6, 29, 60)):
        width = 4 * np.sqrt(np.pi / healpix.n_cells(int(order)))
        disc = Mask.from_cones(SkyCoord(lon[k], lat[k], unit="deg"), 23 * width * u.rad, order=int(order))
        parts = disc.components(connectivity=4)
        assert len(parts) == 1
        assert parts[0] == disc
        # The centroid is good to a part of a cell, and so is the extent.
        assert parts.center[0].separation(SkyCoord(lon[k], lat[k], unit="deg")).rad < 0.3 * width
        assert parts.extent[0].to_value(u.rad) == pytest.approx(23 * width, abs=1.5 * width)


def weighted_centre(part):
    """By the definition: multi-order cells, none coarser than order 6 or the set's order, by their area."""
    coarsest = min(part.order, 6)
    total = np.zeros(3)
    for order, cells in part.cells_by_order().items():
        if order < coarsest:
            cells = RangeSet.from_cells(cells, order).cells(coarsest)
            order = coarsest
        total += healpix.centre_vectors(cells, order).sum(axis=0) / 4**order
    return total / np.linalg.norm(total)


@pytest.mark.parametrize("order", [3, 5, 8, 9])
def test_centre_and_extent_by_their_definition(order):
    rng = np.random.default_rng(order)
    coarser = max(order - 4, 1)
    inside = rng.random(12 << 2 * coarser) < 0.35
    plane = RangeSet.from_cells(np.flatnonzero(inside), coarser).at_order(order)
    plane = plane ^ RangeSet.from_cells(rng.integers(0, 12 << 2 * order, 50), order)
    parts = Mask(plane).components()
    vectors = oracles.unit_vectors(parts.center.ra.rad, parts.center.dec.rad)
    for k in range(len(parts)):
        part = parts[k].planes[0]
        assert vectors[k] == pytest.approx(weighted_centre(part), abs=1e-12)
        distance = oracles.separation(healpix.centre_vectors(part.cells(), order), vectors[k])
        assert parts.extent[k].to_value(u.rad) == pytest.approx(distance.max(), abs=1e-8)


def test_single_cells_have_no_extent():
    for order in (0, 4, 7, 29):
        plane = RangeSet.from_cells([5], order)
        parts = Mask(plane).components()
        lon, lat = healpix.centres(np.array([5], dtype=np.uint64), order)
        assert parts.center[0].separation(SkyCoord(lon[0], lat[0], unit="rad")).rad < 1e-14
        assert parts.extent[0].to_value(u.rad) < 1e-14
        assert parts.n_cells.tolist() == [1]


def test_no_centroid_where_the_vectors_cancel():
    for plane in (RangeSet.full(3), RangeSet.full(0), Mask.from_zone(None, ("-5 deg", "5 deg"), order=8).planes[0]):
        parts = Mask(plane).components()
        assert np.isnan(parts.center.ra).all()
        assert np.isnan(parts.extent).all()


def test_sequence_of_masks():
    mask = Mask(RangeSet.from_cells([1, 3, 100, 200, 201, 202], order=3), frame="galactic", history="made")
    parts = mask.components()
    assert len(parts) == mask.n_components() == 3
    assert [part.planes[0].cells().tolist() for part in parts] == [[200, 201, 202], [1, 3], [100]]
    assert parts[-1] == parts[2]
    assert parts[1:] == [parts[1], parts[2]]
    assert parts[0] in parts
    assert pickle.loads(pickle.dumps(parts))[1] == parts[1]
    assert parts.n_cells.tolist() == [3, 2, 1]
    assert parts.area.unit == u.deg**2
    assert parts.area.sum().value == pytest.approx(mask.area.value)
    assert parts[0].area.value == pytest.approx(parts.area[0].value)
    assert parts.center.frame.name == parts[0].frame == "galactic"
    assert parts[0].order == 3
    assert parts[0].history == "made.components(connectivity=8)[0]"
    assert parts[-1].history == "made.components(connectivity=8)[2]"
    assert repr(parts) == f"<Components: 3, {parts.area[2]:.4g} to {parts.area[0]:.4g}>"
    with pytest.raises(IndexError, match="there are 3 components, got 3"):
        parts[3]
    with pytest.raises(TypeError, match="must be an integer"):
        parts["largest"]


def test_labels_of_ranges():
    mask = Mask(RangeSet.from_cells([1, 2, 9, 100, 200, 202, 203], order=3))
    parts = mask.components(connectivity=4)
    assert RangeSet.from_ranges(parts.ranges, 3) == mask.planes[0]
    for k, part in enumerate(parts):
        assert RangeSet(parts.ranges[parts.labels == k], 3) == part.planes[0]
    # 1 and 2 are one range, and touch at a corner only.
    assert len(parts.labels) == mask.n_ranges + 1


def test_nothing_has_no_components():
    parts = Mask.empty(order=5).components()
    assert len(parts) == 0
    assert Mask.empty(order=5).n_components() == 0
    assert list(parts) == []
    assert parts.area.shape == parts.extent.shape == parts.center.shape == parts.labels.shape == (0,)
    assert repr(parts) == "<Components: none>"


def test_arrays_cannot_be_changed_from_outside():
    parts = Mask(RangeSet.from_cells([1, 100], order=3)).components()
    parts.n_cells[0] = 7
    parts.ranges[0] = 0
    assert parts.n_cells.tolist() == [1, 1]
    assert parts[0].planes[0].cells().tolist() == [1]


def test_masks_with_energy():
    axis = EnergyAxis([1, 10, 100, 1000] * u.GeV)
    a, b = RangeSet.from_cells([1, 100], order=3), RangeSet.from_cells([5], order=3)
    same = Mask([a, a, a], energy=axis)
    parts = same.components()
    assert len(parts) == 2
    assert parts[0].energy == axis
    assert np.array_equal(same.n_components(), [2, 2, 2])
    differ = Mask([a, b, a], energy=axis)
    assert np.array_equal(differ.n_components(), [2, 1, 2])
    with pytest.raises(ValueError, match="2 different planes in its 3 bins"):
        differ.components()


@pytest.mark.parametrize("connectivity", [6, "8", None])
def test_connectivity_must_be_8_or_4(connectivity):
    for function in (Mask.full().components, Mask.full().n_components, Mask.empty().components):
        with pytest.raises(ValueError, match="connectivity must be 8"):
            function(connectivity=connectivity)
