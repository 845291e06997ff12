"""Discs, shapes and zones as cells, against healpy, mocpy and the brute force of shape_oracles."""

from itertools import pairwise

import healpy
import numpy as np
import pytest
import shape_oracles as oracle
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask._kernels import discs as kernel
from hpmask.geometry import healpix
from hpmask.regions import rasterize
from hpmask.regions.arrays import Annuli, Discs
from hpmask.regions.rasterize import discs, shapes_plane, union_and_misses
from hpmask.regions.shapes import Combined, Disc, Ellipse, Polygon, Zone

PI = np.pi
MODES = ("center", "overlap", "inside")


def one(lon, lat, radius, order, mode="center"):
    return discs(np.array([lon]), np.array([lat]), np.array([radius]), order=order, mode=mode)


def as_flags(plane):
    flags = np.zeros(12 << (2 * plane.order), bool)
    flags[plane.cells().astype(np.int64)] = True
    return flags


# ---------------------------------------------------------------------- strategies

_CORNERS = [
    tuple(float(x) for x in oracle.lonlat(oracle.cell_points([cell], order, dx, dy)[0]))
    for order in (0, 1, 3)
    for cell in range(0, 12 << (2 * order), max(1, 5 * 4**order // 8))
    for dx, dy in ((0, 0), (1, 0), (0.5, 0.5), (0.5, 0), (0, 0.25))
]


@st.composite
def places(draw):
    """Longitude and latitude: anywhere, at and near poles, seams, corners, edges and centres of cells."""
    kind = draw(st.sampled_from(["any", "any", "pole", "near a pole", "seam", "cell", "far longitude"]))
    lon = draw(st.floats(0, 2 * PI))
    lat = float(np.arcsin(draw(st.floats(-1, 1))))
    if kind == "pole":
        lat = draw(st.sampled_from([-PI / 2, PI / 2]))
    elif kind == "near a pole":
        lat = draw(st.sampled_from([-1, 1])) * (PI / 2 - 10 ** draw(st.floats(-12, -0.5)))
    elif kind == "seam":
        lon = draw(st.integers(0, 8)) * PI / 4 + draw(st.sampled_from([0, 0, 1e-15, -1e-12, 1e-6]))
        lat = draw(st.sampled_from([lat, lat, 0.0, float(np.arcsin(2 / 3)), -float(np.arcsin(2 / 3))]))
    elif kind == "cell":
        lon, lat = draw(st.sampled_from(_CORNERS))
    elif kind == "far longitude":
        lon = draw(st.floats(-1000, 1000))
    return lon, lat


def radii(order):
    """From a tenth of a cell to 179 deg, evenly in the logarithm."""
    cell = 1 / (1 << order)
    return st.floats(np.log(0.1 * cell), np.log(np.radians(179))).map(np.exp).map(float)


# ---------------------------------------------------------------------- discs, center


def assert_as_healpy(plane, lon, lat, radius, order):
    """Equal to healpy, except for cells whose distance is the radius: within 1e-14 they are in, and within its own
    rounding healpy decides at random (it compares cosines)."""
    nside = 1 << order
    # In RING: healpy's NESTED query loses cells of discs with a radius of more than about 150 deg.
    theirs = healpy.query_disc(nside, oracle.vector(lon, lat), radius, inclusive=False)
    theirs = healpy.ring2nest(nside, theirs)
    ours = plane.cells().astype(np.int64)
    differing = np.setxor1d(ours, theirs, assume_unique=True)
    if differing.size:
        theta, phi = healpy.pix2ang(nside, differing, nest=True)
        distance = oracle.angle_between(oracle.vector(phi, PI / 2 - theta), oracle.vector(lon, lat))
        doubt = 1.2e-14 + 1e-15 / np.sin(radius)
        assert np.abs(distance - radius).max() <= doubt, (differing, distance - radius)
        clear = np.abs(distance - radius) > 1.2e-14
        assert np.array_equal(np.isin(differing, ours)[clear], (distance < radius)[clear])


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5, 7])
@examples(150)
@given(st.data())
def test_center_equals_healpy(order, data):
    lon, lat = data.draw(places())
    radius = data.draw(radii(order))
    assert_as_healpy(one(lon, lat, radius, order), lon, lat, radius, order)


@pytest.mark.parametrize("order", [11, 13, 15])
@examples(100)
@given(st.data())
def test_center_equals_healpy_at_fine_orders(order, data):
    """Discs of up to some 300 cells across."""
    lon, lat = data.draw(places())
    radius = data.draw(st.floats(np.log(0.1), np.log(300))).__abs__() / (1 << order)
    assert_as_healpy(one(lon, lat, radius, order), lon, lat, radius, order)


@pytest.mark.parametrize("radius", [0.1, 1, 30, 45, 89.9, 90, 90.1, 135, 179])
@pytest.mark.parametrize(
    "place", [(0, 90), (0, -90), (123, 89.9999), (0, 0), (45, 0), (360, 41.810314895778596), (90, -41.8), (359.99, 30)]
)
def test_center_at_hard_places(place, radius):
    lon, lat = np.radians(place)
    radius = np.radians(radius)
    for order in (0, 2, 6):
        assert_as_healpy(one(lon, lat, radius, order), lon, lat, radius, order)


@pytest.mark.parametrize("order", [3, 6])
@pytest.mark.parametrize("radius", ["60", "90", "120", "48.1896851042214", "23.5564643091012"])
@pytest.mark.parametrize("pole", [1, -1])
def test_a_disc_round_a_pole_holds_the_ring_on_its_edge(order, radius, pole):
    height = pole * healpy.pix2vec(1 << order, np.arange(12 << 2 * order), nest=True)[2]
    expected = height > np.cos(np.radians(float(radius))) - 1e-13
    edge = np.abs(height - np.cos(np.radians(float(radius)))) < 1e-13
    assert edge.any()
    mask = Mask.from_cones(SkyCoord(77, 90 * pole, unit="deg"), f"{radius} deg", order=order)
    assert np.array_equal(mask.to_healpix(nest=True), expected)


@given(st.integers(0, 191), st.integers(0, 191))
def test_a_disc_holds_the_centres_on_its_edge(a, b):
    """From centre to centre: all that are as far away as the second, on all sides, are in."""
    lon, lat = healpix.centres(np.arange(192, dtype=np.uint64), 2)
    distance = oracle.angle_between(oracle.vector(lon, lat), oracle.vector(lon[a], lat[a]))
    found = as_flags(one(lon[a], lat[a], distance[b], 2))
    assert np.array_equal(found, distance <= distance[b] + 2e-15)


def test_the_edge_of_a_wide_disc_is_as_wide_as_that_of_others():
    """1e-14 rad, and not twice as much, where the disc is made from the one around the antipode."""
    lon, lat = healpix.centres(np.arange(192, dtype=np.uint64), 2)
    distance = oracle.angle_between(oracle.vector(lon, lat), oracle.vector(0.4, 0.3))
    for cell in np.flatnonzero(distance > 1.6)[::7]:
        assert cell in one(0.4, 0.3, distance[cell] - 0.7e-14, 2).cells()
        assert cell not in one(0.4, 0.3, distance[cell] - 1.3e-14, 2).cells()


@pytest.mark.deep
def test_large_discs_at_fine_order():
    for lon, lat, radius in ((1.0, 1.2, 0.5), (0.0, 0.0, 1.3), (3.0, -1.5, 0.2), (5.0, 0.3, 2.5)):
        assert_as_healpy(one(lon, lat, radius, 9), lon, lat, radius, 9)


def test_radius_zero_holds_at_most_the_centre_itself():
    assert not one(0.1, 0.2, 0.0, 10)
    # centres of cells of the belt that are exact in floating point
    for cell in range(4, 8):
        lon, lat = healpy.pix2ang(1, cell, nest=True, lonlat=True)
        assert lat == 0
        assert one(np.radians(lon), 0.0, 0.0, 0).cells().tolist() == [cell]


def test_radius_zero_overlap_is_the_cells_at_the_point():
    assert one(0.1, 0.2, 0.0, 10, "overlap").cells().tolist() == oracle.cell_of(oracle.vector(0.1, 0.2), 10).tolist()
    assert one(0.7, PI / 2, 0.0, 6, "overlap").n_cells == 4
    assert one(0.7, -PI / 2, 0.0, 29, "overlap").n_cells == 4
    # a corner where three base cells meet
    assert one(0.0, np.arcsin(2 / 3), 0.0, 0, "overlap").n_cells == 3
    assert not one(0.1, 0.2, 0.0, 10, "inside")


@pytest.mark.parametrize("mode", MODES)
def test_radius_of_half_the_sphere_and_all_of_it(mode):
    assert one(0.3, 0.4, PI, 7, mode) == RangeSet.full(7)
    half = one(0.3, PI / 2, PI / 2, 5, mode)
    other = one(0.3, -PI / 2, PI / 2, 5, mode)
    if mode == "center":
        # Discs are closed: both hold the centres on the equator.
        assert (half & other).n_cells == 4 * 32
        assert half.n_cells == other.n_cells == (12 * 32**2 + 4 * 32) // 2
    elif mode == "overlap":
        assert (half & other).n_cells == 4 * 32 * 3
    else:
        assert half.isdisjoint(other)


@examples(60)
@given(places(), st.integers(16, 29), st.floats(0.1, 12))
def test_center_of_tiny_discs_at_the_finest_orders(place, order, cells):
    """All cells near the disc, by healpy's centres; the edge is 1e-14 rad wide."""
    lon, lat = place
    lon = lon % (2 * PI)
    radius = cells / (1 << order)
    nside = 1 << order
    nearby = np.array([healpy.ang2pix(nside, PI / 2 - lat, lon, nest=True)])
    for _ in range(24):
        around = healpy.get_all_neighbours(nside, nearby, nest=True).ravel()
        nearby = np.unique(np.concatenate([nearby, around[around >= 0]]))
    theta, phi = healpy.pix2ang(nside, nearby, nest=True)
    distance = precise_distance(lon, lat, phi, theta)
    plane = one(lon, lat, radius, order)
    ours = np.isin(nearby, plane.cells().astype(np.int64))
    assert ours.sum() == plane.n_cells
    doubt = 4e-15
    assert ours[distance < radius - doubt].all()
    assert not ours[distance > radius + 1e-14 + doubt].any()


def precise_distance(lon, lat, phi, theta):
    """Haversine, from colatitudes: precise near the northern pole as well."""
    colatitude = PI / 2 - lat
    a = np.sin((theta - colatitude) / 2) ** 2
    a += np.sin(theta) * np.sin(colatitude) * np.sin((phi - lon) / 2) ** 2
    return 2 * np.arcsin(np.minimum(np.sqrt(a), 1))


# ---------------------------------------------------------------------- discs, overlap and inside


def check_disc(lon, lat, radius, order):
    anchors = [oracle.vector(lon, lat + radius)] if radius < PI else []
    truth = oracle.truth(oracle.disc(lon, lat, radius), anchors, order)
    for mode in MODES:
        missing, extra = truth.faults(mode, as_flags(one(lon, lat, radius, order, mode)))
        assert not missing.size, (mode, "missing", missing)
        assert not extra.size, (mode, "too many", extra)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 5, 6])
@examples(50)
@given(st.data())
def test_all_modes_by_brute_force(order, data):
    lon, lat = data.draw(places())
    check_disc(lon, lat, data.draw(radii(order)), order)


@pytest.mark.parametrize("order", [0, 1, 4])
@pytest.mark.parametrize("place", [(0, 90), (10, 89), (45, 41.810314895778596), (0, 0), (90, -89.99), (22.5, 0)])
def test_all_modes_at_hard_places(order, place):
    lon, lat = np.radians(place)
    for radius in (1e-6, 0.3 / (1 << order), 0.8, PI / 2, 2.8):
        check_disc(lon, lat, radius, order)


@pytest.mark.parametrize("sign", [1, -1])
def test_overlap_where_the_caps_begin(sign):
    """A disc that enters a cell by 0.0016 of its size, on the ring between a polar cap and the belt."""
    lon, lat, radius = 6.17427903616037, 0.729863663679584, 0.09025762398198649
    cell = int(healpy.vec2pix(128, *(healpy.pix2vec(128, 10921, nest=True) * np.array([1, 1, sign])), nest=True))
    outline = healpy.boundaries(128, cell, step=2000, nest=True)
    assert -2e-5 < oracle.angle_between(outline.T, oracle.vector(lon, sign * lat)).min() - radius < -1e-5
    assert np.isin(cell, one(lon, sign * lat, radius, 7, "overlap").cells())


def test_disc_that_just_touches_and_just_misses_a_corner():
    corner = oracle.cell_points([700], 4, 0, 0)[0]
    for distance in (0.01, 0.2):
        toward = np.cross(corner, [0.3, 0.5, 0.8])
        toward /= np.linalg.norm(toward)
        lon, lat = oracle.lonlat(np.cos(distance) * corner + np.sin(distance) * toward)
        cells = oracle.cell_of(corner + 1e-6 * np.vstack([np.eye(3), -np.eye(3)]), 4)
        assert np.unique(cells).size == 4
        more = one(lon, lat, distance + 1e-8, 4, "overlap")
        less = one(lon, lat, distance - 1e-8, 4, "overlap")
        assert np.isin(cells, more.cells().astype(int)).all()
        assert not np.isin(cells, less.cells().astype(int)).all()
        check_disc(lon, lat, distance + 1e-8, 4)
        check_disc(lon, lat, distance - 1e-8, 4)


@pytest.mark.deep
@examples(60)
@given(st.data(), places(), st.integers(7, 24))
def test_all_modes_near_the_edge_at_fine_orders(data, place, order):
    """Cells round points of the edge of a disc."""
    lon, lat = place
    radius = min(data.draw(st.floats(0.1, 1000)) / (1 << order), 1.5)
    center, east, north = oracle.tangent_axes(lon, lat, 0.0)
    angle = np.linspace(0, 2 * PI, 7)[:, np.newaxis]
    edge = np.cos(radius) * center + np.sin(radius) * (np.cos(angle) * north + np.sin(angle) * east)
    cells = np.unique(oracle.cell_of(edge, order))
    around = healpy.get_all_neighbours(1 << order, cells, nest=True)
    cells = np.unique(np.append(cells, around[around >= 0]))
    g = oracle.disc(lon, lat, radius)
    for mode in MODES:
        plane = one(lon, lat, radius, order, mode)
        points = oracle.cell_points(cells, order, 0.5, 0.5)
        found = held(plane, cells, order)
        samples = np.array(
            [
                g(oracle._edge_points(cells, order, np.full(cells.size, e), np.full(cells.size, part)))
                for e in range(4)
                for part in np.linspace(0, 1, 33)
            ]
        )
        samples = np.vstack([samples, g(points)])
        slack = 1e-14 + 1e-9 / (1 << order)
        if mode == "center":
            assert np.array_equal(found[np.abs(g(points)) > slack], (g(points) > 0)[np.abs(g(points)) > slack])
        elif mode == "overlap":
            # In steps of 1/32 of an edge a smooth edge that is met inside strays less than 1/64 of a cell.
            assert found[(samples > slack).any(axis=0)].all()
            assert not found[(samples < -0.03 / (1 << order)).all(axis=0) & (radius > 1 / (1 << order))].any()
        else:
            assert not found[(samples < -slack).any(axis=0)].any()
            assert found[(samples > 0.03 / (1 << order)).all(axis=0)].all()


def held(plane, cells, order):
    """Whether cells of an order are in a set."""
    numbers = np.asarray(cells).astype(np.uint64) << np.uint64(2 * (29 - order))
    return np.searchsorted(plane.boundaries, numbers, side="right") % 2 == 1


@examples(100)
@given(places(), st.integers(0, 12), st.floats(0.05, 60))
def test_disc_inside_center_overlap_are_nested(place, order, cells):
    radius = min(cells / (1 << order), PI)
    inside, center, overlap = (one(*place, radius, order, mode) for mode in ("inside", "center", "overlap"))
    assert inside.issubset(center)
    assert center.issubset(overlap)


@pytest.mark.parametrize("mode", MODES)
def test_wide_disc_is_the_complement_of_the_disc_round_the_antipode(mode):
    dual = {"center": "center", "overlap": "inside", "inside": "overlap"}[mode]
    for radius in (1.6, 2.0, 3.0):
        wide = one(0.4, 0.3, radius, 8, mode)
        hole = one(0.4 + PI, -0.3, PI - radius, 8, dual)
        assert wide == ~hole


# ---------------------------------------------------------------------- many discs


def many(n, order, rng=None):
    rng = np.random.default_rng(3) if rng is None else rng
    lat = np.arcsin(rng.uniform(-1, 1, n))
    return rng.uniform(-PI, 3 * PI, n), lat, rng.exponential(3 / (1 << order), n)


@pytest.mark.parametrize("mode", MODES)
def test_many_discs_are_the_union_of_single_ones(mode):
    lon, lat, radius = many(300, 7)
    radius[[5, 80]] = [2.0, 3.1]
    lat[:4] = [PI / 2, -PI / 2, PI / 2 - 1e-9, 1.5]
    for some in (slice(0, 5), slice(0, 300)):
        together = discs(lon[some], lat[some], radius[some], order=7, mode=mode)
        single = [one(*disc, 7, mode) for disc in zip(lon[some], lat[some], radius[some], strict=True)]
        assert together == RangeSet.union_all(single)


@pytest.mark.parametrize("mode", MODES)
def test_threads_and_blocks_change_nothing(mode, monkeypatch):
    lon, lat, radius = many(5000, 9)
    alone = discs(lon, lat, radius, order=9, mode=mode, n_threads=1)
    monkeypatch.setattr(rasterize, "_SMALL_RANGES", 100)
    for block_ranges in (10**9, 3000, 500):
        monkeypatch.setattr(rasterize, "_BLOCK_RANGES", block_ranges)
        for n_threads in (1, 2, 4):
            assert discs(lon, lat, radius, order=9, mode=mode, n_threads=n_threads) == alone


@examples(100)
@given(st.integers(0, 3000), st.sampled_from([10, 1000, 10**5, 10**9]), st.integers(1, 4), st.integers(0, 2**32))
def test_blocks_hold_every_row_once(n, block_ranges, threads, seed):
    rng = np.random.default_rng(seed)
    width = 12 << rng.integers(0, 59)
    cells = rng.integers(0, width, n).astype(np.uint64) + np.uint64(rng.integers(0, (12 << 58) - width + 1))
    ranges = rng.exponential(10, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rasterize, "_SMALL_RANGES", 10)
        patch.setattr(rasterize, "_BLOCK_RANGES", block_ranges)
        sky = rasterize._SkyOrder(cells, 9, threads)
        edges = rasterize._block_edges(sky, ranges, float(ranges.sum()), threads)
    cuts = sky.cuts(edges)
    assert cuts.size == len(edges)
    assert (cuts[1:] >= cuts[:-1]).all()
    assert (cuts % np.uint64(1 << 40) == 0).all()
    blocks = [sky.rows(a, b) for a, b in pairwise(edges)]
    rows = np.concatenate(blocks)
    assert np.array_equal(np.sort(rows), np.arange(n))
    # The leading bits of the cells ascend.
    assert (np.diff(cells[rows].astype(np.int64) >> 24) >= 0).all()
    for block, low in zip(blocks, cuts[:-1], strict=True):
        assert (cells[block] >= low).all()
    if ranges.sum() > 10 * block_ranges and block_ranges > 100:
        assert max(ranges[block].sum() for block in blocks) < 1.5 * block_ranges


@pytest.mark.parametrize("mode", MODES)
def test_no_discs(mode):
    none = np.empty(0)
    assert discs(none, none, none, order=5, mode=mode) == RangeSet.empty(5)
    mask = Mask.from_cones(SkyCoord([], [], unit="deg"), "1 deg", order=5, mode=mode)
    assert mask == Mask.empty(order=5)
    assert shapes_plane([], order=5, mode=mode) == RangeSet.empty(5)


def test_from_cones_in_another_frame_and_far_longitudes():
    rng = np.random.default_rng(1)
    center = SkyCoord(rng.uniform(0, 360, 20), rng.uniform(-90, 90, 20), unit="deg", frame="galactic")
    mask = Mask.from_cones(center, "3 deg", order=6, frame="icrs")
    expected = np.zeros(12 * 64**2, bool)
    for position in center.icrs:
        vector = oracle.vector(position.ra.rad, position.dec.rad)
        expected[healpy.query_disc(64, vector, np.radians(3), nest=True)] = True
    assert np.array_equal(as_flags(mask.planes[0]), expected)
    a = one(0.3, 0.2, 0.1, 8)
    for turns in (-3, 1, 40):
        assert one(0.3 + turns * 2 * PI, 0.2, 0.1, 8).n_cells == pytest.approx(a.n_cells, abs=2)


def test_radius_per_energy_bin():
    axis = EnergyAxis([0.1, 1, 10, 100] * u.TeV)
    center = SkyCoord([10, 200], [20, -80], unit="deg")
    radius = [[1, 2, 1], [3, 4, 3]] * u.deg
    mask = Mask.from_cones(center, radius, order=7, energy=axis)
    assert mask.planes[0] is mask.planes[2]
    for k in range(3):
        assert mask.planes[k] == Mask.from_cones(center, radius[:, k], order=7).planes[0]
    row = Mask.from_cones(center, radius[:1], order=7, energy=axis)
    assert row.planes[1] == Mask.from_cones(center, "2 deg", order=7).planes[0]
    with pytest.raises(ValueError, match=r"write \[\[2, 1, 0\.5\]\] for one radius per bin"):
        Mask.from_cones(center, [2, 1, 0.5] * u.deg, order=7, energy=axis)
    for options in ({}, {"energy": EnergyAxis([1, 10, 100] * u.TeV)}):
        with pytest.raises(ValueError, match=r"one value per centre \(2\), got 3$"):
            Mask.from_cones(center, [2, 1, 0.5] * u.deg, order=7, **options)


@examples(150)
@given(places() | st.tuples(st.floats(0, 6.28), st.sampled_from([PI / 2, -PI / 2])), st.integers(0, 8), st.data())
def test_ranges_of_one_disc_do_not_overlap(place, order, data):
    # Rings around a pole come from both sides of the sky.
    radius = data.draw(radii(order) | st.floats(0, 2) | st.just(PI / 2))
    row = [np.array([value]) for value in (*place, radius)]
    for mode in range(3):
        starts, stops, _ = kernel.rasterize(*row, order, mode)
        in_order = np.argsort(starts)
        assert np.all(starts[in_order][1:] >= stops[in_order][:-1])


# ---------------------------------------------------------------------- annuli


def annulus(lon, lat, inner, outer, order, mode):
    rows = (np.array([value]) for value in (lon, lat, inner, outer))
    return union_and_misses(Annuli(*rows), order=order, mode=mode)


@pytest.mark.parametrize("mode", MODES)
@examples(150)
@given(places(), st.integers(0, 8), st.data())
def test_annuli_are_a_disc_less_a_disc_in_the_dual_mode(mode, place, order, data):
    inner, outer = sorted(data.draw(st.tuples(radii(order), radii(order) | st.just(PI))))
    plane, missed = annulus(*place, inner, outer, order, mode)
    starts, stops = Combined(Disc(*place, outer), Disc(*place, inner), "-", nested=True).rasterize(order, mode)
    assert np.array_equal(plane.boundaries[::2], starts)
    assert np.array_equal(plane.boundaries[1::2], stops)
    assert missed.tolist() == ([] if plane else [0])


@pytest.mark.parametrize("order", [1, 3, 5])
@examples(40)
@given(st.data())
def test_annuli_by_brute_force(order, data):
    lon, lat = data.draw(places())
    inner, outer = sorted(data.draw(st.tuples(radii(order), radii(order))))
    far, near = oracle.disc(lon, lat, outer), oracle.disc(lon, lat, inner)
    anchors = [oracle.vector(lon, lat + radius) for radius in (inner, outer)]
    truth = oracle.truth(lambda p: np.minimum(far(p), -near(p)), anchors, order)
    for mode in MODES:
        missing, extra = truth.faults(mode, as_flags(annulus(lon, lat, inner, outer, order, mode)[0]))
        assert not missing.size, (mode, "missing", missing)
        assert not extra.size, (mode, "too many", extra)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", [(0.3, 0.2), (0.7, PI / 2), (PI / 4, 0.0)])
def test_an_annulus_with_an_inner_radius_of_zero_is_a_disc(mode, place):
    """The last places are a corner and a centre of cells."""
    for order in (0, 4, 8):
        assert annulus(*place, 0.0, 0.3, order, mode)[0] == one(*place, 0.3, order, mode)


@pytest.mark.parametrize("mode", MODES)
def test_many_annuli_are_the_union_of_single_ones(mode, monkeypatch):
    lon, lat, outer = many(300, 7)
    outer[[5, 80]] = [2.0, 3.1]
    inner = 0.6 * outer
    single = [annulus(*row, 7, mode) for row in zip(lon, lat, inner, outer, strict=True)]
    missed = [k for k, (plane, _) in enumerate(single) if not plane]
    expected = RangeSet.union_all([plane for plane, _ in single])
    for block_ranges in (10**9, 100):
        monkeypatch.setattr(rasterize, "_BLOCK_RANGES", block_ranges)
        plane, rows = union_and_misses(Annuli(lon, lat, inner, outer), order=7, mode=mode)
        assert plane == expected
        assert rows.tolist() == missed


@pytest.mark.parametrize("rows", [slice(7, 8), slice(3, 40, 4), slice(-5, None), slice(None, None, -1), slice(9, 9)])
def test_a_slice_of_rows_is_the_same_as_their_numbers(rows):
    rng = np.random.default_rng(8)
    lon, lat = rng.uniform(0, 2 * np.pi, 60), rng.uniform(-1.5, 1.5, 60)
    # A radius of 0 has no cell in most rows.
    radius = np.where(np.arange(60) % 3 == 1, 0.0, rng.uniform(0.02, 0.1, 60))
    plane, missed = union_and_misses(Discs(lon, lat, radius), rows, order=6, mode="center")
    assert plane == discs(lon[rows], lat[rows], radius[rows], order=6)
    assert missed.tolist() == [k for k in range(60)[rows] if radius[k] == 0]


def test_an_order_that_is_too_fine():
    lon, lat, radius = np.zeros(3), np.zeros(3), np.radians([1.0, 60.0, 50.0])
    for call in (
        lambda: discs(lon, lat, radius, order=29),
        lambda: union_and_misses(Annuli(lon, lat, 0.5 * radius, radius), order=29, mode="center"),
        lambda: union_and_misses(Discs(lon, lat, radius), np.array([0, 1]), order=29, mode="center"),
    ):
        with pytest.raises(ValueError, match=r"order 29 is too fine .* in row 1 with a radius of 60 deg"):
            call()
    with pytest.raises(ValueError, match=r"in row 2 with a radius of 50 deg"):
        union_and_misses(Discs(lon, lat, radius), np.array([0, 2]), order=29, mode="center")


def test_a_wide_disc_from_the_kernel_stands_alone():
    """The rest of the sky is not added to the ranges of the discs before and after it."""
    lon, lat, radius = np.array([0.3, 1.0, 4.0]), np.array([0.2, -0.4, 0.9]), np.array([0.1, 2.5, 0.2])
    starts, stops, missed = kernel.rasterize(lon, lat, radius, 5, 0)
    cells = sum(int(b - a) >> 48 for a, b in zip(starts, stops, strict=True))
    assert cells == sum(one(*row, 5).n_cells for row in zip(lon, lat, radius, strict=True))
    assert not missed.size


# ---------------------------------------------------------------------- other shapes


@st.composite
def regions(draw, sizes=(-2.5, 0.15)):
    """A shape, its referee, and a point of each part of its outline."""
    kind = draw(st.sampled_from(["ellipse", "rectangle", "star", "crossing", "zone"]))
    lon, lat = draw(places())
    lon = lon % (2 * PI)
    size = min(10 ** draw(st.floats(*sizes)), 1.45)
    angle = draw(st.sampled_from([0.0, PI / 2, 1.0]) | st.floats(0, 2 * PI))
    if kind in ("ellipse", "rectangle"):
        sides = size, size * draw(st.sampled_from([1.0]) | st.floats(0.03, 1))
        if draw(st.booleans()):
            sides = sides[::-1]
        if kind == "ellipse":
            center, _, north = oracle.tangent_axes(lon, lat, angle)
            tip = np.cos(sides[1]) * center + np.sin(sides[1]) * north
            return Ellipse(lon, lat, *sides, angle), oracle.ellipse(lon, lat, *sides, angle), [tip]
        shape = Polygon.rectangle(lon, lat, *sides, angle)
        return shape, oracle.rectangle(lon, lat, *sides, angle), shape.rings[0][:1]
    if kind == "zone":
        return draw(zones())
    n = draw(st.integers(3, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    turn = rng.uniform(0, 2 * PI, n)
    if kind == "star":
        turn = np.sort(turn)
    lon, lat = around(lon, lat, angle, turn, size * rng.uniform(0.1, 1, n))
    fraction = []
    g = oracle.polygon(lon, lat, fraction=fraction)
    return Polygon(lon, lat), g, oracle.vector(lon, lat)[:1]


def around(lon, lat, angle, turn, distance):
    """Places at distances and directions from one."""
    center, east, north = oracle.tangent_axes(lon, lat, angle)
    turn, distance = np.broadcast_arrays(turn, distance)
    turn, distance = turn[:, np.newaxis], distance[:, np.newaxis]
    return oracle.lonlat(np.cos(distance) * center + np.sin(distance) * (np.cos(turn) * north + np.sin(turn) * east))


@st.composite
def zones(draw):
    frame = draw(st.sampled_from(["icrs", "icrs", "galactic", "fk5"]))
    low, high = sorted(float(np.arcsin(draw(st.floats(-1, 1)))) for _ in range(2))
    low = draw(st.sampled_from([low, low, low, -PI / 2, 0.0 if high > 0 else low]))
    high = draw(st.sampled_from([high, high, high, PI / 2]))
    lon = None
    if draw(st.booleans()):
        first = draw(st.sampled_from([0.0, PI / 2, 6.0]) | st.floats(-PI, 2 * PI))
        width = draw(st.sampled_from([1e-3, PI / 2, PI, 2 * PI - 1e-3]) | st.floats(1e-3, 2 * PI - 1e-3))
        lon = (first, first + width)
    shape = Zone.from_angles(
        None if lon is None else lon * u.rad, (low, high) * u.rad, zone_frame=frame, frame="icrs", closed="both"
    )
    to_zone = oracle.rotation_to("icrs", frame)
    # A pole is on the outline only as the end of the meridians.
    ends = [x for x in (low, high) if lon is not None or abs(x) < PI / 2]
    anchors = [oracle.vector(0.0 if lon is None else lon[0], x) @ to_zone for x in ends]
    return shape, oracle.zone(lon, (low, high), to_zone), anchors


def check_shape(shape, g, anchors, order):
    truth = oracle.truth(g, anchors, order)
    for mode in MODES:
        missing, extra = truth.faults(mode, as_flags(shapes_plane([shape], order=order, mode=mode, n_threads=1)))
        assert not missing.size, (mode, "missing", missing)
        assert not extra.size, (mode, "too many", extra)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 5])
@examples(60)
@given(st.data())
def test_shapes_in_all_modes_by_brute_force(order, data):
    check_shape(*data.draw(regions()), order)


@examples(60)
@given(regions(sizes=(-2, 0)), st.integers(0, 8))
def test_shape_inside_center_overlap_are_nested(region, order):
    modes = ("inside", "center", "overlap")
    inside, center, overlap = (shapes_plane([region[0]], order=order, mode=mode) for mode in modes)
    assert inside.issubset(center)
    assert center.issubset(overlap)


@pytest.mark.deep
@pytest.mark.parametrize("order", [3, 4])
@examples(10)
@given(places(), st.integers(100, 300), st.floats(0.05, 1.2), st.integers(0, 2**32))
def test_polygons_of_hundreds_of_vertices(order, place, n, size, seed):
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * PI, n, endpoint=False)
    distance = size * (1 + 0.15 * np.sin(9 * turn) + 0.1 * rng.uniform(-1, 1, n))
    lon, lat = around(*place, 0.0, turn, distance)
    check_shape(Polygon(lon, lat), oracle.polygon(lon, lat), oracle.vector(lon, lat)[:1], order)


def degrees(*vertices):
    lon, lat = np.radians(vertices).T
    return lon, lat


_HARD_POLYGONS = {
    "octant": degrees((0, 0), (90, 0), (0, 90)),
    "triangle on edges of base cells": degrees((0, 90), (90, 41.810314895778596), (0, 41.810314895778596)),
    "along the equator": degrees((10, 0), (60, 0), (100, 0), (100, 30), (10, 30)),
    "along meridians": degrees((0, 45), (90, 45), (90, 85), (0, 85)),
    "around the north pole": degrees((0, 70), (72, 60), (144, 75), (216, 50), (288, 80)),
    "around the south pole": degrees((0, -70), (120, -60), (240, -75)),
    "across the seam": degrees((350, -10), (370, -12), (20, 30), (340, 20)),
    "more than a hemisphere round": degrees((0, -5), (90, 5), (180, -5), (270, 25)),
    "larger than a hemisphere": degrees((0, -40), (120, -40), (240, -40)),
    "a star of five": degrees(*((k * 144 + 3, 60) for k in range(5))),
    "a star of five around the pole": degrees(*((k * 144 + 3, 20) for k in range(5))),
    "figure of eight": degrees((10, 10), (40, 40), (10, 40), (40, 10)),
    "concave": degrees((0, 0), (40, 0), (40, 40), (20, 5), (0, 40)),
    "vertex on the pole": degrees((0, 90), (20, 40), (60, 50)),
    "needle": degrees((10, 10), (70, 40), (70, 40.001)),
}


@pytest.mark.parametrize("name", list(_HARD_POLYGONS))
def test_hard_polygons(name):
    lon, lat = _HARD_POLYGONS[name]
    for order in (0, 1, 3, 5):
        check_shape(Polygon(lon, lat), oracle.polygon(lon, lat), oracle.vector(lon, lat)[:1], order)
