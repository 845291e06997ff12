"""Distances to the edge and apodized masks: as by k-d trees of all cells, dist2holes of healpy, NaMaster's formulas."""

import sys

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from oracles import separation, unit_vectors
from profiles import examples
from strategies import cell_sets, patterns, range_sets

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.morphology import distance

cKDTree = pytest.importorskip("scipy.spatial").cKDTree

AXIS = EnergyAxis([1, 3, 10, 100] * u.TeV)
# Of unit vectors; a position in degrees is not known better.
ROUNDING = 1e-15


def sky(n, seed):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 2 * np.pi, n), np.arcsin(rng.uniform(-1, 1, n))
    lat[:3] = np.pi / 2, -np.pi / 2, 0
    lon[2] = 0
    return SkyCoord(lon, lat, unit="rad")


def vectors_of(coord):
    return unit_vectors(coord.spherical.lon.rad, coord.spherical.lat.rad)


def to_nearest(vectors, cells, order):
    """Angle to the nearest of some cells' centres, by a k-d tree; infinite if there is none."""
    if len(cells) == 0:
        return np.full(len(vectors), np.inf)
    centres = healpix.centre_vectors(np.asarray(cells, dtype=np.uint64), order)
    _, near = cKDTree(centres).query(vectors, k=min(3, len(centres)))
    return separation(vectors[:, np.newaxis], centres[near.reshape(len(vectors), -1)]).min(axis=1)


def by_tree(mask, vectors, inside, cells=None):
    """Signed distances in radians from the cells on either side, by default all of them: (kept, other)."""
    if cells is None:
        kept = mask.to_healpix(nest=True)
        cells = np.flatnonzero(kept), np.flatnonzero(~kept)
    kept, other = (to_nearest(vectors, some, mask.order) for some in cells)
    return np.where(inside, other, -kept)


def check(mask, coord, cells=None):
    expected = by_tree(mask, vectors_of(coord.transform_to(mask.frame)), mask.contains(coord), cells)
    np.testing.assert_allclose(mask.distance(coord).to_value(u.rad), expected, rtol=1e-12, atol=ROUNDING)


def odd_ones(order):
    """Sets that are hard to search: lone cells at poles and corners, patterns, all but one, smooth far edges."""
    n = healpix.n_cells(order)
    rng = np.random.default_rng(order)
    corners = healpix.cells_at([0.3, 4, 0, np.pi / 4], [1.57, -1.57, 0, np.arcsin(2 / 3)], order)
    for cell in corners.tolist():
        yield RangeSet.from_cells([cell], order)
        yield ~RangeSet.from_cells([cell], order)
    yield RangeSet.from_cells(np.arange(0, n, 2), order)
    yield RangeSet.from_cells(np.flatnonzero(np.arange(n) // 2 % 2), order)
    yield RangeSet.from_cells(np.flatnonzero(rng.random(n) < 0.5), order)
    yield RangeSet.from_cells(rng.integers(0, n, 10), order)
    yield RangeSet.from_cells(np.arange(n // 12 * 5), order)
    for lat in (90, 42, -10):
        yield Mask.from_cones(SkyCoord(45, lat, unit="deg"), "35 deg", order=order, mode="overlap").planes[0]


@pytest.mark.parametrize(
    "order", [*range(6), pytest.param(6, marks=pytest.mark.deep), pytest.param(7, marks=pytest.mark.deep)]
)
def test_as_by_all_pairs_of_centres(order):
    coord = sky(3000, 1)
    for plane in odd_ones(order):
        check(Mask(plane), coord)


@pytest.mark.parametrize("order", [3, 5, pytest.param(8, marks=pytest.mark.deep)])
def test_real_masks(data, order):
    for name in ("P-SDSS9-r.fits", "P-GALEXGR6-AIS-FUV.fits", "V_147_sdss12.moc.fits"):
        check(Mask.read(data(f"moc/{name}")).at_order(order), sky(5000, 2))


@pytest.mark.deep
def test_a_fractal(data):
    check(Mask.read(data("moc/fractal.fits")).at_order(8), sky(20_000, 3))


def test_wmap(data):
    from astropy.table import Table

    table = Table.read(data("masks/wmap_temperature_analysis_mask_r9_7yr_v4_udgraded32.fits"))
    values = np.ravel(table["I_STOKES"])
    mask = Mask.from_healpix(values.astype(float), nest=False, frame="galactic")
    check(mask, sky(20_000, 4))


def edge_of(cells, order):
    """Of a few cells: those with a neighbour outside, and these neighbours."""
    cells = np.asarray(cells, dtype=np.int64)
    beside = healpix.neighbours(cells, order)
    out = (beside >= 0) & ~np.isin(beside, cells)
    return cells[out.any(axis=0)], np.unique(beside[out])


@pytest.mark.parametrize("order", [12, 15, 18, 22, 26, 29])
@pytest.mark.parametrize("place", [(83, 22), (45, np.degrees(np.arcsin(2 / 3))), (10, 90), (200, -89.9999), (0, 0)])
def test_fine_orders(order, place):
    """Edge cells alone matter (see the next test), so these go into the tree."""
    center = SkyCoord(*place, unit="deg")
    size = 0.6 / (1 << order)
    mask = Mask.from_cones(center, 10 * size * u.rad, order=order)
    mask |= Mask.from_cones(center.directional_offset_by(30 * u.deg, 25 * size * u.rad), 4 * size * u.rad, order=order)
    cells = edge_of(mask.planes[0].cells(), order)
    rng = np.random.default_rng(order)
    away = np.concatenate([rng.uniform(0, 60 * size, 500), np.geomspace(60 * size, 3, 200)])
    coord = center.directional_offset_by(rng.uniform(0, 360, away.size) * u.deg, away * u.rad)
    check(mask, coord, cells)
    check(~mask, coord, cells[::-1])


@pytest.mark.parametrize(
    "order", [*range(5), pytest.param(5, marks=pytest.mark.deep), pytest.param(6, marks=pytest.mark.deep)]
)
def test_edge_cells_alone_matter(order):
    """The points nearest to a cell's centre lie in it and its neighbours: no other cell's points are nearer to it.

    So the way from a position to the nearest centre on the other side ends in a cell next to this side.
    """
    cells = np.arange(healpix.n_cells(order), dtype=np.uint64)
    centres = healpix.centre_vectors(cells, order)
    points = healpix.centre_vectors(np.arange(healpix.n_cells(order + 3), dtype=np.uint64), order + 3)
    _, nearest = cKDTree(centres).query(points)
    own = np.arange(len(points)) // 64
    beside = healpix.neighbours(own.astype(np.uint64), order)
    assert ((nearest == own) | (beside == nearest).any(axis=0)).all()


@pytest.mark.parametrize("order", range(1, 6))
def test_how_wide_neighbours_are(order):
    """The sky beyond a cell's neighbours is no nearer than the kernel's COVER = 0.65 / nside."""
    rng = np.random.default_rng(order)
    n = 4**order
    # The narrowest are at corners of the polar base cells.
    corners = [0, n - 1, n // 3, 2 * n // 3, 4 * n, 5 * n - 1, 8 * n]
    cells = np.unique(np.concatenate([rng.integers(0, 12 * n, 100), corners]))
    shortest = []
    for cell, around in zip(cells, healpix.neighbours(cells.astype(np.uint64), order).T, strict=True):
        near = np.unique([cell, *around[around >= 0]])
        ring = np.setdiff1d(healpix.neighbours(near.astype(np.uint64), order), [*near, -1])
        inner = healpix.edges(np.array([cell], dtype=np.uint64), order, steps=16).reshape(-1, 3)
        outer = healpix.edges(ring.astype(np.uint64), order, steps=16).reshape(-1, 3)
        shortest.append(cKDTree(outer).query(inner)[0].min())
    assert 0.68 < min(shortest) * 2**order < 0.76


def test_antipodes_of_the_finest_cells():
    """Chords near 180 degrees cannot distinguish angles."""
    cells = np.array([7 << 55, (7 << 55) + 3, (7 << 55) + 12], dtype=np.uint64)
    mask = Mask(RangeSet.from_cells(cells, 29))
    lon, lat = healpix.centres(cells, 29)
    rng = np.random.default_rng(8)
    coord = SkyCoord(lon[0] + np.pi + rng.normal(0, 3e-9, 200), -lat[0] + rng.normal(0, 3e-9, 200), unit="rad")
    found = mask.distance(coord).to_value(u.rad)
    vectors = vectors_of(coord)
    expected = separation(vectors[:, np.newaxis], healpix.centre_vectors(cells, 29)).min(axis=1)
    np.testing.assert_allclose(-found, expected, atol=ROUNDING, rtol=0)


def test_no_other_side():
    coord = sky(10, 5)
    assert (Mask.full(order=5).distance(coord) == np.inf * u.deg).all()
    assert (Mask.empty(order=5).distance(coord) == -np.inf * u.deg).all()
    assert (Mask.full(order=3).distance_map() == np.inf * u.deg).all()


def test_as_near_from_a_pole():
    """Four centres are equally near, but for rounding: one more never makes the nearest farther."""
    mask = Mask(RangeSet.from_cells(range(256, 320), 3))
    more = mask | Mask(RangeSet.from_cells(range(11, 16), 3))
    for latitude in (90, -90):
        pole = SkyCoord(229.3, latitude, unit="deg")
        assert more.distance(pole) >= mask.distance(pole)


@examples(60)
@given(st.data())
def test_any_set(data):
    order = data.draw(st.integers(0, 4))
    mask = Mask(RangeSet.from_cells(sorted(data.draw(cell_sets(order))), order))
    coord = sky(200, data.draw(st.integers(0, 99)))
    found = mask.distance(coord).value
    check(mask, coord)
    # The other side of the complement is this side; a larger mask is farther from its edge.
    assert np.array_equal((~mask).distance(coord).value, -found)
    more = mask | Mask(RangeSet.from_cells(sorted(data.draw(cell_sets(order))), order))
    assert (more.distance(coord).value >= found).all()
    assert np.array_equal(found > 0, mask.contains(coord))


def test_shapes_frames_and_threads(monkeypatch):
    mask = Mask.from_cones(sky(50, 6), "3 deg", order=9, frame="galactic")
    coord = sky(600, 7)
    found = mask.distance(coord)
    assert found.unit == u.deg
    assert mask.distance(coord[5]).shape == ()
    assert mask.distance(coord[5]) == found[5]
    assert np.array_equal(mask.distance(coord.reshape(20, 30)), found.reshape(20, 30))
    assert mask.distance(coord[:0]).shape == (0,)
    np.testing.assert_allclose(mask.distance(coord.galactic).value, found.value, rtol=0, atol=1e-12)
    monkeypatch.setattr(distance, "_CHUNK", 17)
    for n_threads in (1, 3):
        assert np.array_equal(mask.distance(coord, n_threads=n_threads), found)


def test_energies():
    planes = [RangeSet.from_cells(cells, 3) for cells in ([5, 6], [100], [5, 6])]
    mask = Mask(planes, energy=AXIS)
    coord = sky(40, 9)
    each = mask.distance(coord)
    assert each.shape == (3, 40)
    for row, plane in zip(each, planes, strict=True):
        assert np.array_equal(row, Mask(plane).distance(coord))
    assert np.array_equal(mask.distance(coord, "5 TeV"), each[1])
    energy = [2, 5, 50, 500] * u.TeV
    table = mask.distance(coord, energy[:, np.newaxis])
    assert np.array_equal(table[:3], each)
    assert (table[3] == -np.inf * u.deg).all()
    assert mask.distance(coord[0], "5 TeV") == each[1, 0]
    flat = Mask(planes[1]).distance(coord, energy[:, np.newaxis])
    assert np.array_equal(flat, np.tile(each[1], (4, 1)))
    assert np.array_equal(mask.distance_map()[1], Mask(planes[1]).distance_map())


def test_bad_input():
    mask = Mask.full(energy=AXIS)
    with pytest.raises(ValueError, match=r"coord must be finite, 1 of 2 positions are not, the first in row 1:"):
        mask.distance(SkyCoord([0, np.nan], [0, 0], unit="deg"))
    with pytest.raises(TypeError, match="energy"):
        mask.distance(sky(3, 0), 3)
    with pytest.raises(TypeError, match="coord"):
        mask.distance([1, 2])
    with pytest.raises(ValueError, match="n_threads"):
        mask.distance(sky(3, 0), n_threads=0)
    with pytest.raises(ValueError, match="16 GiB"):
        mask.distance_map(order=16)


# ---------------------------------------------------------------------- maps


@pytest.mark.parametrize(("own", "order"), [(6, 6), (6, 4), (3, 6), (0, 2), (2, 0)])
@pytest.mark.parametrize("nest", [False, True])
def test_maps_are_distances_of_centres(own, order, nest):
    mask = Mask.from_cones(sky(20, 10), "8 deg", order=own, frame="galactic", mode="overlap")
    cells = np.arange(healpix.n_cells(order), dtype=np.uint64)
    cells = cells if nest else healpix.ring_to_nested(cells, order)
    inside = mask.to_healpix(order=order, nest=nest) if order <= own else mask.at_order(order).to_healpix(nest=nest)
    expected = by_tree(mask, healpix.centre_vectors(cells, order), inside)
    found = mask.distance_map(order=order, nest=nest)
    np.testing.assert_allclose(found.to_value(u.rad), expected, rtol=1e-12, atol=ROUNDING)


def one_by_one(plane, order):
    """The signed distances of all cells of an order (NESTED), each searched separately."""
    cells = np.arange(healpix.n_cells(order), dtype=np.uint64)
    numbers = cells << np.uint64(2 * (29 - order))
    if order < plane.order:
        numbers += np.uint64(3 << (2 * (29 - order) - 2))
    return distance.signed_distances(plane, healpix.centre_vectors(cells, order), numbers)


def check_map(plane, order, expected=None):
    expected = one_by_one(plane, order) if expected is None else expected
    found = np.full(expected.size, np.nan)
    distance.fill_distances(plane, found, order, nest=True, n_threads=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=ROUNDING)
    return found


@pytest.mark.parametrize(
    "order", [*range(6), pytest.param(6, marks=pytest.mark.deep), pytest.param(7, marks=pytest.mark.deep)]
)
def test_maps_of_odd_ones(order):
    for plane in odd_ones(order):
        check_map(plane, order)


@pytest.mark.deep
@examples(150)
@given(patterns(orders=(0, 7)), st.integers(0, 7))
def test_maps_of_patterns(plane, order):
    check_map(plane, order)


@examples(60)
@given(range_sets(), st.integers(0, 5))
def test_maps_of_any_order(plane, order):
    check_map(plane, order)


@pytest.mark.parametrize(
    "order", [6, pytest.param(10, marks=pytest.mark.deep), pytest.param(14, marks=pytest.mark.deep)]
)
def test_maps_of_long_edges(order):
    """Many cells of a smooth edge are nearly as near as each other: to the middle of a disc, and far away."""
    coarse = RangeSet.from_cells([5], 0).at_order(order)
    cap = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "90 deg", order=min(order, 10)).planes[0]
    for plane in (coarse, cap, Mask.from_zone(None, ("-10 deg", "10 deg"), order=min(order, 10)).planes[0]):
        for map_order in (0, 3, 6):
            check_map(plane, map_order)


@pytest.mark.deep
def test_maps_that_run_out_of_pieces():
    """The edge of a base cell in the finest cells: too many to keep all that a map asks for.

    Single cells all over the sky, a map of few cells: none are kept.
    """
    plane = RangeSet.from_cells([5], 0).at_order(29)
    check_map(plane, 7)
    cells = np.random.default_rng(17).integers(0, healpix.n_cells(20), 2000, dtype=np.uint64)
    for order in (0, 3, 5):
        check_map(RangeSet.from_cells(cells, 20), order)


@pytest.mark.parametrize("orders", [(5, 7), pytest.param((8,), marks=pytest.mark.deep)])
def test_maps_up_to_a_distance(orders):
    plane = Mask.from_cones(sky(30, 15), "5 deg", order=7).planes[0]
    for order in orders:
        every = one_by_one(plane, order)
        for most in (1e-4, 0.02, 0.3, 2):
            found = np.empty(every.size)
            distance.fill_distances(plane, found, order, nest=True, n_threads=2, most=most)
            far = np.abs(every) > most
            assert np.array_equal(np.isinf(found), far)
            np.testing.assert_allclose(found[~far], every[~far], rtol=1e-12, atol=ROUNDING)
            assert np.array_equal(found > 0, every > 0)
            one_sided = np.empty(every.size)
            distance.fill_distances(plane, one_sided, order, nest=True, n_threads=1, most=most, outside=False)
            assert np.array_equal(one_sided, np.where(every > 0, found, -np.inf))


@pytest.mark.parametrize("order", [0, 1, 4, pytest.param(8, marks=pytest.mark.deep)])
def test_maps_in_ring_order_and_by_threads(order):
    plane = Mask.from_cones(sky(50, 16), "4 deg", order=7).planes[0]
    found = check_map(plane, order)
    ring = np.empty(found.size)
    for n_threads in (1, 3):
        distance.fill_distances(plane, ring, order, nest=False, n_threads=n_threads)
        assert np.array_equal(ring[healpix.nested_to_ring(np.arange(found.size), order)], found)


def test_as_healpys_dist2holes():
    hp = pytest.importorskip("healpy")
    mask = ~Mask.from_cones(sky(30, 11), "6 deg", order=6)
    kept = mask.to_healpix()
    # Since 1.19 it wants the holes to be True, before that False.
    new = tuple(int(part) for part in hp.__version__.split(".")[:2]) >= (1, 19)
    theirs = hp.dist2holes(~kept if new else kept.astype(np.int32))
    ours = np.maximum(mask.distance_map().to_value(u.rad), 0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


# ---------------------------------------------------------------------- apodized masks


def apodized(kept, order, width, kind):
    """The formulas of NaMaster's documentation, cell by cell (RING)."""
    cells = healpix.ring_to_nested(np.arange(kept.size), order)
    vectors = healpix.centre_vectors(cells, order)
    theta = np.zeros(kept.size)
    theta[kept] = to_nearest(vectors[kept], cells[~kept], order)
    if kind == "smooth":
        import healpy as hp

        return hp.smoothing(np.where(theta > 2.5 * width, 1.0, 0.0), sigma=width, lmax=3 * (1 << order) - 1) * kept
    x = np.sqrt((1 - np.cos(np.minimum(theta, np.pi))) / (1 - np.cos(width)))
    taper = x - np.sin(2 * np.pi * x) / (2 * np.pi) if kind == "C1" else (1 - np.cos(np.pi * x)) / 2
    return np.where(kept, np.where(x < 1, taper, 1), 0)


@pytest.mark.parametrize("kind", ["C1", "C2", "smooth"])
@pytest.mark.parametrize("width", [1, 7, 60])
def test_apodized_as_namaster(kind, width):
    if kind == "smooth":
        pytest.importorskip("healpy")
    mask = ~Mask.from_cones(sky(10, 12), "9 deg", order=5)
    found = mask.apodize(width * u.deg, kind=kind)
    expected = apodized(mask.to_healpix(), 5, np.radians(width), kind)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    nested = mask.apodize(width * u.deg, kind=kind, nest=True)
    assert np.array_equal(nested, found[healpix.nested_to_ring(np.arange(found.size), 5)])


@pytest.mark.parametrize("order", [3, pytest.param(7, marks=pytest.mark.deep)])
def test_apodized_at_another_order(order):
    mask = ~Mask.from_cones(sky(10, 13), "9 deg", order=5)
    found = mask.apodize("10 deg", kind="C2", order=order)
    assert np.array_equal(found, mask.at_order(order).apodize("10 deg", kind="C2"))
    expected = apodized(mask.at_order(order).to_healpix(), order, np.radians(10), "C2")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_a_mask_that_namaster_apodized(data):
    """Its weights are C1 of 20 deg; its edge is known to within a third of a cell."""
    from astropy.table import Table

    theirs = np.ravel(Table.read(data("masks/namaster_apodized_nside64.fits"))["T"]).astype(np.float64)
    mask = Mask.from_healpix(theirs > 0, nest=False, frame="galactic")
    edge = (theirs > 1e-3) & (theirs < 0.999)
    x = np.linspace(0, 1, 100_001)
    for kind, taper in (("C1", x - np.sin(2 * np.pi * x) / (2 * np.pi)), ("C2", (1 - np.cos(np.pi * x)) / 2)):
        angle = 2 * np.arcsin(np.interp(theirs[edge], taper, x) * np.sin(np.radians(20) / 2))
        off = np.degrees(np.abs(angle - mask.distance_map().to_value(u.rad)[edge]).max())
        assert off < 0.3 if kind == "C1" else off > 1
    assert np.abs(mask.apodize("20 deg", kind="C1") - theirs).max() < 0.03


def test_apodized_nothing_and_everything():
    assert (Mask.full(order=3).apodize("5 deg") == 1).all()
    assert (Mask.empty(order=3).apodize("5 deg") == 0).all()


def test_apodized_bins():
    plane = Mask.from_cones(sky(5, 14), "20 deg", order=4).planes[0]
    mask = Mask([plane, ~plane, plane], energy=AXIS)
    found = mask.apodize([3, 5, 8] * u.deg, kind="C2")
    for row, plane, width in zip(found, mask.planes, (3, 5, 8), strict=True):
        assert np.array_equal(row, Mask(plane).apodize(width * u.deg, kind="C2"))
    rule = mask.apodize(lambda axis: np.array([3, 5, 8]) * u.deg * (axis.n_bins == 3), kind="C2")
    assert np.array_equal(rule, found)
    with pytest.raises(ValueError, match="width is a function of the energy axis, but the mask has no energy bins"):
        Mask(mask.planes[0]).apodize(lambda axis: 3 * u.deg)
    same = mask.apodize("3 deg")
    assert np.array_equal(same[0], same[2])
    with pytest.raises(ValueError, match=r"width must be a scalar or of shape \(3,\), got shape \(2,\)"):
        mask.apodize([3, 5] * u.deg)
    with pytest.raises(ValueError, match=r"width must be above 0 and at most 180 deg, bin 1 is 0"):
        mask.apodize([3, 0, 5] * u.deg)


@pytest.mark.parametrize("width", [0 * u.deg, -1 * u.deg, 181 * u.deg, np.nan * u.deg])
def test_apodized_widths_that_are_none(width):
    with pytest.raises(ValueError, match="width must be above 0"):
        Mask.full().apodize(width)


def test_apodized_bad_arguments():
    with pytest.raises(TypeError, match="width"):
        Mask.full().apodize(3)
    with pytest.raises(ValueError, match="kind must be"):
        Mask.full().apodize("3 deg", kind="C3")
    with pytest.raises(ValueError, match="a scalar, got shape"):
        Mask.full().apodize([3, 4] * u.deg)


def test_smooth_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "healpy", None)
    with pytest.raises(ImportError, match=r"hpmask\[healpy\]"):
        Mask.full().apodize("3 deg", kind="smooth")


def test_maps_do_not_depend_on_what_the_heap_holds():
    mask = ~Mask.from_cones(sky(40, seed=1), "5 deg", order=6)
    centres = np.arange(healpix.n_cells(6), dtype=np.uint64)
    expected = by_tree(mask, healpix.centre_vectors(centres, 6), mask.to_healpix(nest=True))
    for _ in range(5):
        # Blocks of the sizes that the kernel asks for, full of NaN, are freed right before it does.
        for size in (2000, 8000, 12000, 14000, 15500, 16000):
            blocks = [np.full(size, np.nan) for _ in range(6)]
            del blocks
        found = mask.distance_map(nest=True, n_threads=1).to_value(u.rad)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=ROUNDING)
    weights = mask.apodize("5 deg", nest=True, n_threads=1)
    np.testing.assert_array_equal(weights[expected < 0], 0)
    np.testing.assert_array_equal(weights[expected > np.radians(5.001)], 1)


def test_a_bar_changes_nothing(capsys):
    mask = Mask.from_cones(SkyCoord([10, 20], [0, 0], unit="deg"), "2 deg", order=6)
    coord = SkyCoord([10, 50], [0, 0], unit="deg")
    assert np.array_equal(mask.distance(coord, progress=True), mask.distance(coord))
    assert np.array_equal(mask.distance_map(progress=True), mask.distance_map())
    assert np.array_equal(mask.apodize("1 deg", progress=True), mask.apodize("1 deg"))
    assert not capsys.readouterr().out


def test_maps_count_their_tasks(monkeypatch):
    seen = []

    def track(items, *, total, what, shown):
        done = list(items)
        seen.append((len(done) == total, what, shown))
        return done

    monkeypatch.setattr(distance, "track", track)
    mask = Mask.from_cones(SkyCoord(10, 0, unit="deg"), "2 deg", order=6)
    mask.distance_map(progress=True)
    # The distances in radians, then their conversion to degrees.
    assert seen == [(True, "distances", True), (True, "distances", False)]
