"""Shapes on their own: which points they hold, whether a cap is in or out, and what is no shape."""

import json
from itertools import pairwise

import astropy.units as u
import numpy as np
import pytest
import shape_oracles as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import MOC

import hpmask
from hpmask import Mask, RangeSet
from hpmask.rasterize import shapes_plane
from hpmask.shapes import Combined, Disc, Ellipse, Polygon, Zone

angle = st.floats(0, 2 * np.pi)
latitude = st.floats(-np.pi / 2, np.pi / 2)
half_axis = st.floats(0.01, 1.5)


@st.composite
def shapes(draw):
    """A shape, and the signed distance-like function of the referee."""
    kind = draw(st.sampled_from(["disc", "ellipse", "rectangle", "polygon", "zone"]))
    lon, lat = draw(angle), draw(latitude)
    if kind == "disc":
        radius = draw(st.floats(0, np.pi))
        return Disc(lon, lat, radius), oracle.disc(lon, lat, radius)
    if kind == "zone":
        low, high = sorted([lat, draw(latitude)])
        end = lon + draw(st.floats(0.01, 6.2))
        zone = Zone.from_angles([lon, end] * u.rad, [low, high] * u.rad, zone_frame="galactic", frame="icrs")
        return zone, oracle.zone((lon, end), (low, high), oracle.rotation_to("galactic", "icrs").T)
    axes = (lon, lat, draw(half_axis), draw(half_axis), draw(angle))
    if kind == "ellipse":
        return Ellipse(*axes), oracle.ellipse(*axes)
    if kind == "rectangle":
        return Polygon.rectangle(*axes), oracle.rectangle(*axes)
    # A star round a centre, convex or not; larger than a hemisphere it never is.
    n = draw(st.integers(3, 12))
    turns = 2 * np.pi * (np.arange(n) + 0.5 * np.array(draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)))) / n
    radii = np.array(draw(st.lists(st.floats(0.05, 1.2), min_size=n, max_size=n)))[:, np.newaxis]
    center, east, north = oracle.tangent_axes(lon, lat, 0)
    across = np.cos(turns)[:, np.newaxis] * east + np.sin(turns)[:, np.newaxis] * north
    corners = oracle.lonlat(np.cos(radii) * center + np.sin(radii) * across)
    return Polygon(*corners), oracle.polygon(*corners)


def some_points(n=2000, seed=1):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@settings(deadline=None, max_examples=150)
@given(shapes())
def test_contains(pair):
    shape, g = pair
    points = some_points()
    value = g(points)
    clear = np.abs(value) > 1e-9
    assert np.array_equal(shape.contains(points)[clear], (value > 0)[clear])


@settings(deadline=None, max_examples=150)
@given(shapes(), shapes(), st.sampled_from("|&^-"), st.floats(1e-3, 1.0), st.integers(0, 99))
def test_a_cap_is_what_it_is_said_to_be(one, other, sign, radius, seed):
    rng = np.random.default_rng(seed)
    for shape in (one[0], Combined(one[0], other[0], sign)):
        for center in some_points(8, seed):
            answer = shape.cap(center, radius)
            points = center + np.tan(min(radius, 1.5)) * rng.uniform(-1, 1, (200, 3))
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            points = points[oracle.angle_between(points, center) < radius * (1 - 1e-9)]
            held = shape.contains(np.vstack([points, center]))
            if answer != "unknown":
                assert held.all() if answer == "in" else not held.any()


def test_caps_far_from_the_outline_are_known():
    for shape in (Disc(1, 0.5, 0.3), Ellipse(1, 0.5, 0.3, 0.2, 1), Polygon.rectangle(1, 0.5, 0.3, 0.3, 0)):
        center = oracle.vector(1.0, 0.5)
        assert shape.cap(center, 0.05) == "in"
        assert shape.cap(-center, 1.0) == "out"
        assert shape.cap(center, 0.6) == "unknown"


@pytest.mark.parametrize("sign", list("|&^-"))
def test_combined(sign):
    a, b = Disc(0, 0, 0.5), Polygon.rectangle(0.3, 0.1, 0.4, 0.2, 0.5)
    points = some_points()
    in_a, in_b = a.contains(points), b.contains(points)
    expected = {"|": in_a | in_b, "&": in_a & in_b, "^": in_a ^ in_b, "-": in_a & ~in_b}[sign]
    both = Combined(a, b, sign)
    assert np.array_equal(both.contains(points), expected)
    centres = oracle.cell_points(np.arange(12 * 4**5), 5, 0.5, 0.5)
    planes = {mode: shapes_plane([both], order=5, mode=mode) for mode in ("inside", "center", "overlap")}
    assert np.array_equal(planes["center"].cells(), np.flatnonzero(both.contains(centres)))
    assert planes["inside"].issubset(planes["center"])
    assert planes["center"].issubset(planes["overlap"])
    # Overlap misses no point, inside holds none that is out.
    cells = oracle.cell_of(points, 5)
    assert np.isin(cells[expected], planes["overlap"].cells().astype(int)).all()
    assert expected[np.isin(cells, planes["inside"].cells().astype(int))].all()


def test_annulus_is_exact_in_all_modes():
    """What is taken away is taken in the dual mode: no cell of the ring is missed, none beside it is in."""
    ring = Combined(Disc(2, 1, 0.4), Disc(2, 1, 0.3), "-")
    planes = {mode: shapes_plane([ring], order=6, mode=mode) for mode in ("inside", "center", "overlap")}
    cells = np.arange(12 * 4**6)
    part = np.linspace(0, 1, 9)
    across = np.array([oracle.cell_points(cells, 6, dx, dy) for dx in part for dy in part])
    distance = oracle.angle_between(across, oracle.vector(2.0, 1.0))
    in_ring = (distance <= 0.4) & (distance >= 0.3)
    meets = set(np.flatnonzero(in_ring.any(axis=0)))
    within = set(np.flatnonzero(in_ring.all(axis=0)))
    assert meets <= set(planes["overlap"].cells().tolist())
    assert set(planes["inside"].cells().tolist()) <= within
    # The samples are 1/8 of a cell apart, so few cells can be told apart wrongly by them.
    assert len(planes["overlap"].cells()) - len(meets) < 0.03 * len(meets)
    assert len(within) - len(planes["inside"].cells()) < 0.03 * len(within)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Polygon([0, 1], [0, 1]), "three different vertices, got 2"),
        (lambda: Polygon([0, 0, 1, 0], [0, 0, 1, 0]), "three different vertices, got 2"),
        (lambda: Polygon([0, 1, np.nan], [0, 1, 0]), "must be finite, vertex 2"),
        (lambda: Polygon([0, np.pi, 1], [0, 0, 1]), "must not be opposite"),
        (lambda: Polygon.rectangle(0, 0, np.pi / 2, 0.1, 0), "half the width must be from 0 to below 90 deg"),
        (lambda: Ellipse(0, 0, 0.1, -0.1, 0), "half the height must be from 0 to below 90 deg"),
        (lambda: Ellipse(0, 0, np.nan, 0.1, 0), "half the width"),
        (lambda: Ellipse(np.nan, 0, 0.1, 0.1, 0), "must be finite, got lon=nan"),
        (lambda: Ellipse(0, 0, 0.1, 0.1, np.inf), "must be finite.*angle=inf"),
        (lambda: Polygon.rectangle(0, np.nan, 0.1, 0.1, 0), "must be finite.*lat=nan"),
        (lambda: Polygon([0, 1, 2], [0, 1]), "as many longitudes as latitudes"),
        (lambda: Disc(0, np.inf, 0.1), "must be finite.*lat=inf"),
        (lambda: Disc(0, 0, -0.1), "radius must be from 0 to 180 deg"),
        (lambda: Disc(0, 0, 3.2), "radius must be from 0 to 180 deg"),
        (lambda: Disc(0, 0, np.nan), "radius must be from 0 to 180 deg"),
    ],
)
def test_what_is_no_shape(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("lon", "lat", "error", "message"),
    [
        (None, ("10 deg", "-10 deg"), ValueError, "lat must ascend"),
        (None, ("-100 deg", "0 deg"), ValueError, "at least -90 deg"),
        ((1, 2), None, TypeError, "lon must be a Quantity"),
        (("1 deg",), None, ValueError, "lon must be a pair"),
        (("1 deg", "nan deg"), None, ValueError, "lon must be finite"),
        (None, ("1 s", "2 s"), ValueError, "lat must be an angle"),
    ],
)
def test_what_is_no_zone(lon, lat, error, message):
    with pytest.raises(error, match=message):
        Mask.from_zone(lon, lat, order=3)


def test_a_zone_needs_a_frame_that_is_fixed_to_the_sky():
    with pytest.raises(ValueError, match="zone_frame 'altaz' is not fixed to the sky"):
        Mask.from_zone(None, ("0 deg", "1 deg"), order=3, zone_frame="altaz")


def test_a_zone_needs_a_frame_that_is_a_rotation():
    with pytest.raises(ValueError, match="zone_frame 'fk4' is not a rotation"):
        Mask.from_zone(None, ("0 deg", "1 deg"), order=3, zone_frame="fk4")


@pytest.mark.parametrize("lat", ["90 deg", "-90 deg"])
@pytest.mark.parametrize("lon", [None, ("10 deg", "250 deg")])
def test_a_zone_that_is_a_pole(lon, lat):
    """The point is in the corner of four cells: no cell that meets it is missed."""
    planes = {
        mode: Mask.from_zone(lon, (lat, lat), order=6, mode=mode).planes[0]
        for mode in ("inside", "center", "overlap")
    }
    near = oracle.vector(np.radians([45, 135, 225, 315.0]), np.radians(np.full(4, float(lat.split()[0]) * 0.9999)))
    assert set(oracle.cell_of(near, 6)) <= set(planes["overlap"].cells().astype(int))
    assert planes["overlap"].n_cells == 4
    assert not planes["center"]
    assert not planes["inside"]


def test_a_zone_that_ends_next_to_a_pole_does_not_meet_the_cells_beyond():
    for sign in (1, -1):
        lat = sorted([0, sign * (np.pi / 2 - 1.5e-8)]) * u.rad
        zone = Zone.from_angles((0, 90) * u.deg, lat, zone_frame="icrs", frame="icrs")
        cells = shapes_plane([zone], order=0, mode="overlap").cells().tolist()
        assert cells == ([0, 1, 3, 4, 5, 8] if sign > 0 else [0, 4, 5, 8, 9, 11])


@pytest.mark.parametrize(
    "shape",
    [
        lambda: Polygon(np.radians([0, 120, 240.0]), np.radians([10, 10, 10.0])),
        lambda: Ellipse(0, 0, 1, 0.5, 0),
        lambda: Combined(Ellipse(0, 0, 1, 0.5, 0), Disc(0, 0, 0.1), "-"),
    ],
)
def test_an_outline_too_long_for_its_order_is_refused_before_the_work(shape):
    with pytest.raises(ValueError, match=r"order 29 is too fine for these shapes: about .* GB"):
        shapes_plane([shape()], order=29)
    assert shapes_plane([shape()], order=4)


def test_zones_add_up_to_the_sky():
    edges = [0, 35, 100, 181, 290, 360] * u.deg
    parts = [Mask.from_zone((a, b), None, order=8) for a, b in pairwise(edges)]
    assert hpmask.union_all(parts) == Mask.full()
    assert abs(sum(part.sky_fraction for part in parts) - 1) < 1e-3
    assert Mask.from_zone(("0 deg", "360 deg"), None, order=8) == Mask.full()
    seam = Mask.from_zone(("350 deg", "10 deg"), ("-5 deg", "5 deg"), order=12)
    assert abs(seam.area.to_value("deg2") / (20 * np.degrees(2 * np.sin(np.radians(5)))) - 1) < 1e-3


@pytest.mark.parametrize("middle", [5.625, 50.625, 56.25, 337.5])
def test_zones_that_meet_leave_no_gap(middle):
    """Centres of cells on the meridian they share are in one of the two, whatever the other limits."""
    rng = np.random.default_rng(int(middle))
    for west, east in rng.uniform(1, 90, (50, 2)):
        limits = [(middle - west, middle), (middle, middle + east), (middle - west, middle + east)]
        first, second, both = (
            shapes_plane([Zone.from_angles(lon * u.deg, (9, 12) * u.deg, zone_frame="icrs", frame="icrs")], order=6)
            for lon in limits
        )
        assert both.issubset(first | second)


def test_dss_plates(data):
    """1787 large polygons, many at the poles, against a published union."""
    plates = []
    for line in data("regions/moc-rust_polygon_list.txt").read_text().splitlines():
        corners = np.radians(np.array(line.split()[1:], dtype=float).reshape(-1, 2))
        plates.append(Polygon(*corners.T))
    assert len(plates) == 1787
    part = {mode: shapes_plane(plates, order=12, mode=mode).sky_fraction for mode in ("inside", "center", "overlap")}
    # Published: 99.697673817 %, of an overlap that may be approximate but never misses a cell.
    assert part["overlap"] <= 0.99697673817 + 1e-11
    assert part["overlap"] > 0.9969
    assert part["inside"] < part["center"] < part["overlap"]


def test_pscz_rectangles(data):
    """668 zones, many across the seam: each centre by its longitude and latitude, and the area that mangle gives."""
    lines = data("regions/pscz/hibpscz.exclude.rect").read_text().splitlines()[3:]
    rows = np.array([line.split() for line in lines if line.strip()], dtype=float)
    assert rows.shape == (668, 4)
    zones = [Zone.from_angles(row[:2] * u.deg, row[2:] * u.deg, zone_frame="icrs", frame="icrs") for row in rows]
    lon, lat = np.degrees(oracle.lonlat(oracle.cell_points(np.arange(12 * 4**7), 7, 0.5, 0.5)))
    expected = np.zeros(lon.size, dtype=bool)
    # Some centres are on the limits but for the rounding of their longitudes: these may be in or out.
    clear = np.ones(lon.size, dtype=bool)
    for first, last, low, high in rows:
        turn, in_lat = (lon - first) % 360, (low <= lat) & (lat <= high)
        expected |= (turn <= (last - first) % 360) & in_lat
        for limit in (first, last):
            clear &= ~((np.abs((lon - limit + 180) % 360 - 180) < 1e-12) & in_lat)
    held = np.isin(np.arange(lon.size), shapes_plane(zones, order=7).cells())
    assert np.array_equal(held[clear], expected[clear])
    assert clear.mean() > 0.999
    inside, center, overlap = (
        shapes_plane(zones, order=11, mode=mode).sky_fraction for mode in ("inside", "center", "overlap")
    )
    published = 1 - 0.7212581
    assert abs(center - published) < 5e-5
    assert inside < published < overlap


def test_holes_round_bright_stars(data):
    """Quadrangles of arc minutes, in overlap against mocpy, which may hold more."""
    rows = [line.split() for line in data("regions/2dF_ngpholes.dat").read_text().splitlines() if line.startswith("r ")]
    holes = [np.array(row[1:], dtype=float).reshape(-1, 2).T for row in rows]
    assert len(holes) == 190
    overlap = shapes_plane([Polygon(*hole) for hole in holes], order=11, mode="overlap")
    mocs = MOC.from_polygons([angles for lon, lat in np.degrees(holes) for angles in (lon % 360, lat)], max_depth=11)
    theirs = RangeSet.from_ranges(mocs[0].union(*mocs[1:]).to_depth29_ranges, 11)
    assert overlap.issubset(theirs)
    assert (theirs - overlap).n_cells < 0.2 * overlap.n_cells


def test_constellations_tile_the_sky(data):
    """Nearly: their edges follow parallels, which great circles between the corners cut off."""
    features = json.loads(data("regions/constellations.bounds.json").read_text())["features"]
    planes = []
    for feature in features:
        corners = np.radians(np.array(feature["geometry"]["coordinates"][0], dtype=float))
        planes.append(shapes_plane([Polygon(*corners.T)], order=7))
    area = sum(plane.sky_fraction for plane in planes)
    union = RangeSet.union_all(planes)
    assert abs(area - 1) < 0.01
    assert union.sky_fraction > 0.99
    assert area - union.sky_fraction < 0.01
