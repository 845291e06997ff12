"""Outlines: against counts of components, cells as planar polygons in shapely, and the masks that they come from.

The rings of a set are as many as its components (cells that share an edge) and those of its complement (cells that
share an edge or a corner) less one: on a sphere, each ring lies between two of them, and they form a tree.
"""

import contextlib
from collections import Counter

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import low_sets, range_sets

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask._kernels import outline as kernel
from hpmask.core.outline import Outline, Rings, _rings_of, one_ring_each, outline
from hpmask.core.rangeset import index_of
from hpmask.geometry import healpix
from hpmask.geometry.frames import unit_vectors
from hpmask.morphology.components import count


def rings_of(plane):
    """The runs of the rings from the kernel, and the area to the left of each in cells."""
    rings = kernel.rings(plane.boundaries, index_of(plane), plane.order)
    areas = np.empty(rings[4].size)
    kernel.areas(*rings[:4], plane.order, areas)
    return rings, areas / (4 * np.pi) * healpix.n_cells(plane.order)


def check_rings(plane):
    (_, _, length, offsets, _), areas = rings_of(plane)
    n_rings, total = areas.size, healpix.n_cells(plane.order)
    if plane.is_empty or plane.is_full:
        assert n_rings == 0
        return
    n_components = count(plane, 4)
    assert n_rings == n_components + count(~plane, 8) - 1
    # The area to the left of a ring is one of cells, and together they are that of the set.
    assert np.abs(areas - np.round(areas)).max() < 1e-6
    assert round(areas.sum() - (n_rings - n_components) * total) == plane.n_cells
    # The complement has the same sides, in the other direction.
    (_, _, other, _, _), _ = rings_of(~plane)
    assert length.sum() == other.sum()
    assert np.diff(offsets).min() >= 4 or plane.order == 0 or (length.max() == 1 << plane.order)


@examples(200)
@given(low_sets(max_order=3))
def test_rings_of_small_sets(pair):
    check_rings(pair[0])


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.6, 0.97])
@pytest.mark.parametrize("order", range(6))
def test_rings_of_speckles(order, fraction):
    rng = np.random.default_rng(order)
    check_rings(RangeSet.from_cells(np.flatnonzero(rng.uniform(size=12 << (2 * order)) < fraction), order))


def unit_sides(plane):
    """The sides that one cell of a set has and no other one: pairs of corners, by brute force."""
    corners = np.round(healpix.edges(plane.cells(), plane.order), 9) + 0.0
    ends = zip(corners.reshape(-1, 3), np.roll(corners, -1, axis=1).reshape(-1, 3), strict=True)
    sides = Counter(frozenset([tuple(a), tuple(b)]) for a, b in ends)
    return {side for side, n in sides.items() if n == 1}


@pytest.mark.parametrize("order", [1, 2, 3])
def test_rings_run_along_the_sides_between_the_set_and_the_rest(order):
    rng = np.random.default_rng(order)
    plane = RangeSet.from_cells(np.flatnonzero(rng.uniform(size=12 << (2 * order)) < 0.4), order)
    expected = unit_sides(plane)
    at, side, length, _, _ = rings_of(plane)[0]
    # Each run as a ring of its own in pieces of one cell: `points` gives the corners where they begin.
    along_x, along_y = np.array([1, 0, -1, 0]), np.array([0, 1, 0, -1])
    step = np.concatenate([np.arange(n) for n in length])
    side_of = np.repeat(side, length)
    start = np.repeat(at.astype(np.int64), length)
    begins = start + ((step * along_x[side_of]) << 30) + step * along_y[side_of]
    ends = begins + (along_x[side_of] << 30) + along_y[side_of]
    found = [corner_vectors(places, order) for places in (begins, ends)]
    sides = {frozenset([tuple(a), tuple(b)]) for a, b in zip(*found, strict=True)}
    assert sides == expected


def corner_vectors(places, order):
    n = places.size
    # A ring with a run of length 0 is the corner alone.
    lon, lat, offsets, _ = kernel.points(
        places.astype(np.uint64), np.zeros(n, np.uint8), np.zeros(n, np.uint32), np.arange(n + 1), order, 1.0
    )
    assert offsets.tolist() == list(range(n + 1))
    return np.round(unit_vectors(lon, lat), 9) + 0.0


PLACES = {
    "pole": (0, 90),
    "south pole": (120, -90),
    "seam": (0, 5),
    "three base cells": (90, 41.8103),
    "three base cells in the south": (45, -41.8103),
    "edge of the cap": (30, 41.8103),
    "equator": (77, 0),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("order", range(13))
def test_the_outline_gives_the_mask_back_at_every_order(order, place):
    lon, lat = PLACES[place]
    radius = 8 * healpix.cell_side(order)
    regions = f"icrs; annulus({lon}, {lat}, {np.degrees(radius) / 3}, {np.degrees(radius)})"
    mask = Mask.from_cones(SkyCoord([lon], [lat], unit="deg"), min(radius, 1.2) * u.rad, order=order)
    if order >= 3:
        mask = Mask.from_regions(regions, order=order)
        assert [len(polygon.holes) for polygon in mask.outline()] == [1]
    assert Mask.from_regions(mask.to_regions(), order=order) == mask


@examples(60)
@given(low_sets(max_order=3))
def test_random_masks_come_back(pair):
    mask = Mask(pair[0], order=pair[0].order)
    assert Mask.from_regions(mask.to_regions(), order=mask.order) == mask


@examples(40)
@given(range_sets(max_order=6))
def test_random_ranges_come_back(plane):
    mask = Mask(plane)
    if plane.n_ranges <= 40:
        assert Mask.from_regions(mask.to_regions(), order=mask.order) == mask


@examples(40)
@given(range_sets())
def test_areas_are_those_of_the_mask(plane):
    # Cells beyond order 20 have outlines of a million points where they are large.
    if plane.order > 20 and plane.n_cells > 1 << 14:
        plane = plane & RangeSet.from_cells([plane.cells()[0] if plane.n_cells < 1 << 20 else 0], plane.order)
    mask = Mask(plane)
    found = mask.outline()
    assert len(found) == (count(plane, 4) if not plane.is_full else 0)
    assert found.is_full == plane.is_full
    if plane.is_full or plane.is_empty:
        return
    side = np.degrees(healpix.cell_side(plane.order))
    length = rings_of(plane)[0][2].astype(float).sum() * side
    assert abs(found.area.sum().to_value("deg2") - mask.area.to_value("deg2")) < length * side / 50


def test_areas_converge_with_the_tolerance():
    mask = Mask.from_regions("icrs; annulus(40, 60, 20, 50)", order=3)
    error = []
    for tolerance in (1e-1, 1e-3, 1e-5):
        found = Outline(_rings_of(mask.planes[0], False, tolerance), frame="icrs", order=3)
        error.append(abs(found.area.sum() - mask.area).to_value("deg2"))
    assert error[0] > 10 * error[1] > 100 * error[2]
    assert error[2] < 1e-2


def test_polygons_of_shapely_on_a_patch():
    shapely = pytest.importorskip("shapely")
    rng = np.random.default_rng(5)
    order = 6
    # In the belt, cells are squares in the plane of longitude and sine of the latitude.
    lon, lat = healpix.centres(np.arange(healpix.n_cells(order), dtype=np.uint64), order)
    patch = np.flatnonzero((np.abs(lon - 1.4) < 0.3) & (np.abs(lat) < 0.4))
    cells = patch[rng.uniform(size=patch.size) < 0.62].astype(np.uint64)
    found = Mask(RangeSet.from_cells(cells, order)).outline()
    corners = healpix.edges(cells, order)
    planar = np.stack([np.arctan2(corners[..., 1], corners[..., 0]), corners[..., 2]], axis=-1)
    half = np.pi / 4 / (1 << order)
    # A grid on which corners are the same numbers.
    squares = [shapely.Polygon(np.round(one / [half, half * 8 / (3 * np.pi)])) for one in planar]
    # Cells that touch in a corner are connected for shapely if the rest goes round them, and only then.
    expected = shapely.unary_union(squares)
    assert len(found) == len(expected.geoms)
    mine = sorted((round(polygon_area(one, half), 6), len(one.holes)) for one in found)
    theirs = sorted((round(one.area, 6), len(one.interiors)) for one in expected.geoms)
    assert [area for area, _ in mine] == [area for area, _ in theirs]
    # A hole that touches the outer ring in a corner is part of the outer ring here, which touches itself.
    rings = [shapely.Polygon(planar_ring(one.outer, half)) for one in found]
    for one, ring in zip(found, rings, strict=True):
        if ring.is_valid:
            assert ring.exterior.is_ccw
        for hole in one.holes:
            assert not shapely.Polygon(planar_ring(hole, half)).exterior.is_ccw


def planar_ring(points, half):
    places = np.stack([points.ra.rad, np.sin(points.dec.rad)], axis=1)
    return np.round(places / [half, half * 8 / (3 * np.pi)], 6)


def polygon_area(polygon, half):
    """Signed sum of the shoelace formula."""
    total = 0.0
    for ring in (polygon.outer, *polygon.holes):
        x, y = planar_ring(ring, half).T
        total += 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    return total


def test_a_disc_is_one_ring_at_order_11():
    found = Mask.from_regions("icrs; circle(40, 10, 5)", order=11).outline()
    assert (len(found), found.n_rings) == (1, 1)


def test_cells_that_touch_in_a_corner_are_two_rings():
    pair = Mask(RangeSet.from_cells([0, 3], order=3)).outline()
    assert (len(pair), pair.n_rings, pair.n_points) == (2, 2, 8)
    # Around four cells with a gap in a corner, the ring touches itself and has no hole.
    ring = RangeSet.from_cells([1, 2, 3, 4, 6, 8, 9, 12], order=5)
    assert Mask.from_regions(Mask(ring, order=5).to_regions(), order=5) == Mask(ring, order=5)


def test_the_largest_component_comes_first():
    mask = Mask.from_cones(SkyCoord([10, 80, 200], [0, 40, -70], unit="deg"), [1, 4, 2] * u.deg, order=7)
    found = mask.outline()
    sizes = mask.components(connectivity=4).area.to_value("deg2")
    assert found.area.to_value("deg2") == pytest.approx(sizes, rel=1e-3)
    assert len(found[:2]) == 2
    assert len(found[-1].outer) == len(found[2].outer)
    with pytest.raises(IndexError, match="3 polygons, got 3"):
        found[3]
    with pytest.raises(TypeError, match="must be an integer"):
        found["a"]


def test_which_ring_is_the_outer_one():
    # All but a small disc: one ring, with the disc to its right.
    everything = ~Mask.from_regions("icrs; circle(40, 10, 5)", order=7)
    found = everything.outline()
    assert (len(found), found.n_rings) == (1, 1)
    assert found.area.sum().to_value("sr") == pytest.approx(everything.area.to_value("sr"), rel=1e-4)
    # A band: the outer ring is that of the larger cap.
    band = Mask.from_zone(lat=("-5 deg", "20 deg"), order=6)
    (outer, holes), *others = band.outline()
    assert not others
    assert len(holes) == 1
    assert outer.dec.deg.max() < 0 < 10 < holes[0].dec.deg.min()


LARGE = {
    "all but a disc": "icrs; -circle(40, 10, 5)",
    "a hemisphere": "icrs; circle(10, 80, 90)",
    "a large disc with a hole": "icrs; annulus(100, 20, 3, 130)",
    "all but two discs": "icrs; -circle(40, 10, 5); -circle(0, -90, 20)",
    "a band": "galactic; annulus(0, 90, 80, 100)",
}


@pytest.mark.parametrize("regions", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("order", [0, 3, 6])
def test_polygons_larger_than_a_hemisphere_come_back(order, regions):
    mask = Mask.from_regions(regions, order=order)
    assert Mask.from_regions(mask.to_regions(), order=order) == mask
    split = mask.outline(split=True)
    assert split.area.to_value("sr").max() < 2 * np.pi
    assert split.area.sum().to_value("sr") == pytest.approx(mask.area.to_value("sr"), rel=0.02)


def test_the_whole_sky_and_the_empty_mask():
    for order in (0, 5):
        full = Mask.full(order=order)
        assert (len(full.outline()), full.outline().is_full) == (0, True)
        assert len(full.outline(split=True)) == 12
        assert Mask.from_regions(full.to_regions(), order=order) == full
        empty = Mask.empty(order=order)
        assert (len(empty.outline()), empty.outline().is_full) == (0, False)
        assert empty.outline().area.size == 0
        assert len(empty.to_regions()) == 0
        assert len(empty.outline(simplify="1 deg")) == 0


def test_the_finest_order():
    mask = Mask(RangeSet.from_cells(np.arange(40), 29))
    found = mask.outline()
    assert found.n_points == 6
    assert found.area.to_value("sr") == pytest.approx(mask.area.to_value("sr"), rel=1e-6)
    assert Mask.from_regions(mask.to_regions(), order=29) == mask


def test_energy_bins():
    axis = EnergyAxis([1, 2, 4] * u.TeV)
    same = Mask(RangeSet.from_cells([5], 2), energy=axis)
    assert len(same.outline()) == 1
    other = Mask([RangeSet.from_cells([5], 2), RangeSet.from_cells([6], 2)], energy=axis)
    for call in (other.outline, other.to_regions):
        with pytest.raises(ValueError, match=r"2 different planes in its 2 bins.*reduce.*mask\[i\]"):
            call()
    assert len(other[1].outline()) == 1


def test_frames():
    mask = Mask.from_regions("galactic; circle(0, 0, 5)", order=6, frame="galactic")
    found = mask.outline()
    assert found.frame == found.points.frame.name == "galactic"
    assert Mask.from_regions(mask.to_regions(), order=6, frame="galactic") == mask


# ---------------------------------------------------------------------- simplified


def arc_distances(points, ring):
    """Distance in radians of each point from the nearest arc of a ring, by brute force."""
    a, b = ring, np.roll(ring, -1, axis=0)
    normal = np.cross(a, b)
    normal /= np.linalg.norm(normal, axis=1)[:, np.newaxis]
    best = np.full(len(points), np.inf)
    for p, q, n in zip(a, b, normal, strict=True):
        within = (points @ np.cross(n, p) >= 0) & (points @ np.cross(q, n) >= 0)
        to_arc = np.where(within, np.abs(np.arcsin(np.clip(points @ n, -1, 1))), np.inf)
        ends = [2 * np.arcsin(np.linalg.norm(points - end, axis=1) / 2) for end in (p, q)]
        best = np.minimum(best, np.minimum(to_arc, np.minimum(*ends)))
    return best


def along(ring, n=12):
    """Points on the arcs of a ring."""
    following = np.roll(ring, -1, axis=0)
    t = np.arange(n)[:, np.newaxis, np.newaxis] / n
    points = ((1 - t) * ring + t * following).reshape(-1, 3)
    return points / np.linalg.norm(points, axis=1)[:, np.newaxis]


def ring_vectors(points):
    return np.ascontiguousarray(points.cartesian.xyz.value.T)


@pytest.mark.parametrize("tolerance", [0.05, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("regions", ["icrs; annulus(0, 60, 4, 11)", "icrs; circle(50, 20, 30); circle(80, 20, 20)"])
def test_simplified_rings_are_within_the_angle(regions, tolerance):
    mask = Mask.from_regions(regions, order=7)
    exact, simple = mask.outline(), mask.outline(simplify=tolerance * u.deg)
    assert simple.n_rings == exact.n_rings
    assert simple.n_points < exact.n_points or tolerance < 0.3
    for before, after in zip(exact, simple, strict=True):
        for one, other in zip((before.outer, *before.holes), (after.outer, *after.holes), strict=True):
            a, b = ring_vectors(one), ring_vectors(other)
            limit = np.radians(tolerance) * (1 + 1e-9)
            assert arc_distances(along(a), b).max() <= limit
            assert arc_distances(along(b), a).max() <= limit
            assert {tuple(p) for p in np.round(b, 12)} <= {tuple(p) for p in np.round(a, 12)}


def test_rings_that_vanish_are_counted():
    mask = Mask.from_regions("icrs; circle(0, 60, 10); circle(90, 0, 0.5); -circle(0, 60, 1)", order=7)
    found = mask.outline(simplify="2.5 deg")
    assert (len(found), found.n_rings, found.n_vanished) == (1, 1, 2)
    none = mask.outline(simplify="30 deg")
    assert (len(none), none.n_points, none.n_vanished) == (0, 0, 3)
    assert repr(none) == "<Outline icrs order=7 | 0 polygons, 0 rings, 0 points>"


@pytest.mark.parametrize("angle", ["0 deg", "50 deg", "nan deg", "1 m"])
def test_an_angle_that_simplifies_nothing(angle):
    with pytest.raises(ValueError, match="simplify"):
        Mask.full().outline(simplify=angle)


def test_a_ring_of_many_points():
    rng = np.random.default_rng(0)
    turns = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    lat = 0.5 + 0.01 * rng.normal(size=turns.size).cumsum() / 300
    vectors = unit_vectors(turns, lat)
    keep = np.empty(turns.size, np.uint8)
    kernel.simplified(
        np.ascontiguousarray(vectors), np.array([0, turns.size]), np.zeros(turns.size, np.uint8), 1e-4, keep
    )
    kept = vectors[keep.astype(bool)]
    assert 3 <= len(kept) < 30_000
    some = slice(40_000, 41_000)
    near = kept[np.abs(np.arctan2(kept[:, 1], kept[:, 0]) - (turns[40_500] + np.pi) % (2 * np.pi) + np.pi) < 0.1]
    assert arc_distances(vectors[some], near).max() <= 1e-4 * (1 + 1e-9)


# ---------------------------------------------------------------------- holes that are joined to their outer ring


def test_one_ring_each():
    mask = Mask.from_regions("icrs; circle(40, 10, 20); -circle(40, 10, 5); -circle(50, 10, 2)", order=6)
    rings = mask.outline().rings
    joined = one_ring_each(rings)
    assert joined.polygon_offsets.tolist() == [0, 1]
    # Each hole adds its first point again, and the point of the outer ring that it is joined to.
    assert joined.lon.size == rings.lon.size + 2 * 2
    assert isinstance(joined, Rings)


def test_an_island_in_a_hole_comes_back():
    mask = Mask.from_regions("icrs; annulus(40, 10, 10, 20); annulus(40, 10, 2, 5)", order=6)
    assert [len(one.holes) for one in outline(mask)] == [1, 1]
    assert Mask.from_regions(mask.to_regions(), order=6) == mask


# ---------------------------------------------------------------------- the kernel's arguments


def test_runs_that_are_not_those_of_rings():
    at, side, length, offsets, _ = rings_of(RangeSet.from_cells([5], 2))[0]
    for bad in (
        (at[:-1], side, length, offsets),
        (at, side + 4, length, offsets),
        (at, side, length + 9, offsets),
        (at, side, length, offsets[:0]),
        (at, side, length, offsets + 1),
        (at + np.uint64(12 << 60), side, length, offsets),
    ):
        with pytest.raises(ValueError, match="rings of this order"):
            kernel.points(*bad, 2, 0.1)
        with pytest.raises(ValueError, match=r"rings of this order|one value for each ring"):
            kernel.areas(*bad, 2, np.empty(max(bad[3].size - 1, 0)))


@examples(30)
@given(st.integers(0, 4), st.integers(0, 2**32))
def test_an_index_of_another_set_does_not_hang(order, seed):
    rng = np.random.default_rng(seed)
    some = [RangeSet.from_cells(np.flatnonzero(rng.uniform(size=12 << (2 * order)) < 0.5), order) for _ in range(2)]
    with contextlib.suppress(ValueError):
        kernel.rings(some[0].boundaries, index_of(some[1]), order)


# ---------------------------------------------------------------------- real masks


@pytest.mark.parametrize(
    "name", ["fractal.fits", "glimpse.moc.json", "glimpse_not.moc.json", "CDS_III_43_main.fits", "CDS_I_274_ccdm.fits"]
)
def test_real_masks(data, name):
    mask = Mask.read(data(f"moc/{name}"))
    check_rings(mask.planes[0])
    # Of masks with many components, the largest ones.
    part = mask if mask.n_ranges < 6000 and mask.n_components() < 500 else mask.keep_largest(20)
    part = part & Mask(RangeSet.from_cells([5, 20], 1)) if part.n_ranges > 6000 else part
    assert Mask.from_regions(part.to_regions(), order=mask.order) == part


@pytest.mark.deep
@pytest.mark.parametrize("name", ["fractal.fits", "P-SDSS9-r.fits", "P-GALEXGR6-AIS-FUV.fits", "V_147_sdss12.moc.fits"])
def test_large_real_masks_come_back(data, name):
    # Eight parts of the sky, at both poles and in between, whose sides cut the mask.
    part = Mask.read(data(f"moc/{name}")) & Mask(RangeSet.from_cells([3, 7, 17, 20, 30, 33, 40, 44], 1))
    assert part.n_ranges > 3000
    assert Mask.from_regions(part.to_regions(), order=part.order) == part


@pytest.mark.parametrize("regions", [*LARGE.values(), "icrs; circle(40, 10, 30); -circle(40, 10, 8)"])
def test_simplified_regions_differ_near_the_outline_only(regions):
    mask = Mask.from_regions(regions, order=6)
    back = Mask.from_regions(mask.to_regions(simplify="2 deg"), order=6)
    assert back != mask
    assert (back ^ mask) <= mask.boundary("2.9 deg", side="both")
