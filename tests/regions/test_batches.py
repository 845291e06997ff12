"""Many shapes from arrays: the same cells as the same shapes one by one as astropy regions, and what arrays may be."""

import json
import warnings
from itertools import pairwise

import numpy as np
import pytest
import shapely
from astropy import units as u
from astropy.coordinates import FK5, SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from numpy.ma import masked_array
from regions import (
    CircleAnnulusSkyRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PolygonSkyRegion,
    RectangleSkyRegion,
)

from hpmask import EnergyAxis, Mask, RangeSet, Shapes
from hpmask.core.rangeset import from_starts_stops
from hpmask.geometry import healpix
from hpmask.geometry.frames import unit_vectors
from hpmask.regions.convert import to_shapes
from tests._support.profiles import examples

FRAMES = ("icrs", "galactic")
MODES = ("center", "overlap", "inside")
AXIS = EnergyAxis([1, 10, 100] * u.TeV)


def places(n, seed, frame="icrs"):
    rng = np.random.default_rng(seed)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    # Some at and near poles, and across the meridian of 0.
    lat[:4] = 90, -90, 89.7, -89.9
    lon = rng.uniform(0, 360, n)
    lon[4:6] = 0, 359.99
    return SkyCoord(lon, lat, unit="deg", frame=frame)


def quiet(make, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return make(*args, **options)


def united(shapes, **options):
    """The union of the ranges of shapes, and the rows without a cell."""
    starts, stops, missed = shapes.ranges(**options)
    return from_starts_stops(starts.copy(), stops.copy(), options["order"]), missed


def one_by_one(regions, order, mode, frame):
    """The union of the cells of regions and the rows without a cell, by the walk of single shapes."""
    cells = [
        from_starts_stops(*shape.rasterize(order, mode), order) for one in regions for shape in to_shapes(one, frame)
    ]
    return RangeSet.union_all(cells), [row for row, some in enumerate(cells) if some.is_empty]


def some_kinds(center, n, seed):
    """Shapes of each kind from arrays, and the same as astropy regions."""
    rng = np.random.default_rng(seed)
    wide, narrow = 10 ** rng.uniform(-1, 1.2, n) * u.deg, 10 ** rng.uniform(-1, 1.2, n) * u.deg
    major, minor = np.maximum(wide, narrow), np.minimum(wide, narrow)
    angle = rng.uniform(-400, 400, n) * u.deg
    rows = list(zip(center, wide, narrow, major, minor, angle, strict=True))
    yield Shapes.cones(center, wide), [CircleSkyRegion(c, w) for c, w, *_ in rows]
    yield (
        Shapes.annuli(center, 0.9 * minor, major),
        [CircleAnnulusSkyRegion(c, 0.9 * b, a) for c, _, _, a, b, _ in rows],
    )
    yield (
        Shapes.ellipses(center, major, minor, angle),
        [EllipseSkyRegion(c, 2 * b, 2 * a, p) for c, _, _, a, b, p in rows],
    )
    yield Shapes.boxes(center, wide, narrow, angle), [RectangleSkyRegion(c, w, h, p) for c, w, h, _, _, p in rows]
    turns = np.linspace(0, 360, 6)[:5] * u.deg
    # Stars with five corners, not convex.
    reach = np.array([1.0, 0.3, 0.9, 0.2, 0.7])
    corners = center[:, np.newaxis].directional_offset_by(turns, major[:, np.newaxis] * reach)
    yield Shapes.polygons(corners), [PolygonSkyRegion(one) for one in corners]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("given_in", ["icrs", "galactic", "fk5", "fk4"])
def test_the_cells_are_those_of_the_same_astropy_regions(given_in, frame, mode):
    center = places(6, 1, given_in)
    for shapes, regions in some_kinds(center, 6, 2):
        cells, missed = united(shapes, order=6, mode=mode, frame=frame)
        expected, alone = one_by_one(regions, 6, mode, frame)
        assert cells == expected, shapes
        assert missed.tolist() == alone
        assert quiet(Mask.from_regions, regions, order=6, mode=mode, frame=frame).planes[0] == expected


@examples(60)
@given(st.data())
def test_any_shape_has_the_cells_of_its_astropy_region(data):
    frame, given_in, mode = (data.draw(st.sampled_from(some)) for some in (FRAMES, ("icrs", "galactic", "fk5"), MODES))
    lon = data.draw(st.sampled_from([0.0, 45.0, 359.999]) | st.floats(0, 360))
    lat = data.draw(st.sampled_from([90.0, -90.0, 0.0, 41.8]) | st.floats(-90, 90))
    order = data.draw(st.integers(3, 9))
    one, two = (600 / 2**order * data.draw(st.floats(0.01, 1)) * u.deg for _ in range(2))
    one, two = (min(size, 170 * u.deg) for size in (one, two))
    angle = data.draw(st.sampled_from([0.0, 90.0, 45.0]) | st.floats(-360, 720)) * u.deg
    center = SkyCoord(lon, lat, unit="deg", frame=given_in)
    options = {"order": order, "mode": mode, "frame": frame}
    pairs = [
        (Shapes.boxes(center, one, two, angle), RectangleSkyRegion(center, one, two, angle)),
        (
            Shapes.ellipses(center, max(one, two) / 2, min(one, two) / 2, angle),
            EllipseSkyRegion(center, min(one, two), max(one, two), angle),
        ),
        (Shapes.annuli(center, one, 1.3 * one), CircleAnnulusSkyRegion(center, one, 1.3 * one)),
    ]
    for shapes, region in pairs[: None if 1.3 * one < 180 * u.deg else 2]:
        cells, missed = united(shapes, **options)
        expected, _ = one_by_one([region], **options)
        assert cells == expected
        assert missed.size == cells.is_empty


# ---------------------------------------------------------------------- referees of their own


def centres_of(order):
    return unit_vectors(*healpix.centres(np.arange(12 * 4**order), order))


def as_flags(cells, order):
    flags = np.zeros(12 * 4**order, dtype=bool)
    flags[cells.cells(order)] = True
    return flags


def test_boxes_by_the_tangent_plane():
    """Brute force on all centres: the gnomonic projection, with the height axis along the position angle."""
    center, order = places(20, 3), 6
    rng = np.random.default_rng(4)
    width, height, angle = rng.uniform(1, 60, 20), rng.uniform(1, 60, 20), rng.uniform(0, 360, 20)
    x, y, z = centres_of(order).T
    expected = np.zeros(x.size, dtype=bool)
    for lon, lat, w, h, p in zip(center.ra.rad, center.dec.rad, *np.radians([width, height, angle]), strict=True):
        forth = np.cos(lat) * (np.cos(lon) * x + np.sin(lon) * y) + np.sin(lat) * z
        east = np.cos(lon) * y - np.sin(lon) * x
        north = np.cos(lat) * z - np.sin(lat) * (np.cos(lon) * x + np.sin(lon) * y)
        along, across = north * np.cos(p) + east * np.sin(p), north * np.sin(p) - east * np.cos(p)
        inside = (np.abs(across) < forth * np.tan(w / 2)) & (np.abs(along) < forth * np.tan(h / 2))
        expected |= inside & (forth > 0)
    mask = Mask.from_boxes(center, width * u.deg, height * u.deg, angle * u.deg, order=order)
    assert np.array_equal(as_flags(mask.planes[0], order), expected)


def test_ellipses_by_their_foci():
    center, order = places(20, 5), 6
    rng = np.random.default_rng(6)
    major, angle = rng.uniform(2, 50, 20) * u.deg, rng.uniform(0, 360, 20) * u.deg
    minor = major * rng.uniform(0.2, 1, 20)
    sky = SkyCoord(*healpix.centres(np.arange(12 * 4**order), order), unit="rad")
    expected = np.zeros(len(sky), dtype=bool)
    for place, a, b, p in zip(center, major, minor, angle, strict=True):
        c = np.arccos(np.cos(a) / np.cos(b))
        foci = [place.directional_offset_by(p + turn * u.deg, c) for turn in (0, 180)]
        expected |= sum(sky.separation(one) for one in foci) <= 2 * a
    mask = Mask.from_ellipses(center, major, minor, angle, order=order)
    assert np.array_equal(as_flags(mask.planes[0], order), expected)


def distances_to_arc(points, first, last):
    """Great-circle distances of unit vectors to the arc between two others."""
    normal = np.cross(first, last)
    normal /= np.linalg.norm(normal)
    beside = (points @ np.cross(normal, first) >= 0) & (points @ np.cross(last, normal) >= 0)
    ends = np.minimum(*(2 * np.arcsin(np.linalg.norm(points - end, axis=1) / 2) for end in (first, last)))
    return np.where(beside, np.abs(np.arcsin(points @ normal)), ends)


@pytest.mark.parametrize("frame", FRAMES)
def test_paths_by_distances(frame):
    order, rng = 6, np.random.default_rng(7)
    lines = [places(9, k)[-k:] for k in (2, 5, 3, 2)]
    offsets = np.cumsum([0, 2, 5, 3, 2])
    width = rng.uniform(1, 20, 4) * u.deg
    vertices = SkyCoord(np.concatenate([one.ra for one in lines]), np.concatenate([one.dec for one in lines]))
    points = centres_of(order)
    expected = np.zeros(len(points), dtype=bool)
    for row, line in enumerate(lines):
        vectors = line.transform_to(frame).cartesian.xyz.value.T
        for first, last in pairwise(vectors):
            expected |= distances_to_arc(points, first, last) <= width[row].to_value("rad") / 2
    mask = Mask.from_paths(vertices, width, offsets=offsets, order=order, frame=frame)
    assert np.array_equal(as_flags(mask.planes[0], order), expected)
    assert mask == Mask.from_paths(lines, width, order=order, frame=frame)


def test_paths_that_are_points_are_discs():
    star = SkyCoord([10, 10, 10, 10], [20, 20, 20, 20], unit="deg")
    assert Mask.from_paths(star, "4 deg", order=7) == Mask.from_cones(star[0], "2 deg", order=7)


def test_ranges_cover_a_cell_once_for_each_shape():
    """The depth of the ranges is the number of shapes, also where the arcs of one line meet."""
    star = SkyCoord(10, 20, unit="deg")
    zigzag = SkyCoord([10, 14, 10, 14, 10], [20, 20, 20.5, 21, 20], unit="deg")
    for shapes in (
        Shapes.paths([zigzag, zigzag, SkyCoord([10, 14], [21, 20], unit="deg")], "1 deg"),
        Shapes.regions("icrs; circle(10,20,2); polygon(10,20,14,20,10,24,14,24)"),
        Shapes.annuli(star.directional_offset_by([0, 1, 2] * u.deg, 1 * u.deg), "1 deg", "3 deg"),
    ):
        starts, stops, _ = shapes.ranges(order=8)
        depth = np.zeros(12 * 4**8, dtype=int)
        for start, stop in zip(starts >> np.uint64(42), stops >> np.uint64(42), strict=True):
            depth[int(start) : int(stop)] += 1
        assert depth.max() <= len(shapes)
        assert depth.max() > 1


# ---------------------------------------------------------------------- sizes


def kinds_of_sizes(center):
    return [
        lambda size, **options: Mask.from_boxes(center, size, "3 deg", "30 deg", **options),
        lambda size, **options: Mask.from_boxes(center, "3 deg", size, "30 deg", **options),
        lambda size, **options: Mask.from_ellipses(center, size, "0.5 deg", "30 deg", **options),
        lambda size, **options: Mask.from_ellipses(center, "5 deg", size, "30 deg", **options),
        lambda size, **options: Mask.from_annuli(center, size, "5 deg", **options),
        lambda size, **options: Mask.from_annuli(center, "0.5 deg", size, **options),
        lambda size, **options: Mask.from_paths(
            center[:, np.newaxis].directional_offset_by(0 * u.deg, [0, 2] * u.deg), size, **options
        ),
        lambda size, **options: Mask.from_cones(center, size, **options),
    ]


@pytest.mark.parametrize("k", range(8))
def test_sizes_for_each_row_and_bin(k):
    make = kinds_of_sizes(places(9, 8)[-3:])[k]
    each = [[1.0, 2.0], [3.0, 1.5], [0.8, 2.5]] * u.deg
    mask = make(each, order=7, energy=AXIS)
    assert mask == Mask.stack([make(each[:, bin_], order=7) for bin_ in range(2)], AXIS)
    assert make(each[:1], order=7, energy=AXIS)[1] == make("2 deg", order=7)
    assert make(lambda axis: each, order=7, energy=AXIS) == mask
    assert make(lambda axis: [1, 2] * u.deg, order=7, energy=AXIS) == make([[1, 2]] * u.deg, order=7, energy=AXIS)
    for_all = make("2 deg", order=7, energy=AXIS)
    assert for_all.planes[0] is for_all.planes[1]
    with pytest.raises(
        ValueError, match=r"must be a scalar or have one value per (centre|path) \(3\), got 2; write \[\["
    ):
        make([1, 2] * u.deg, order=7, energy=AXIS)
    with pytest.raises(ValueError, match="has a column per energy bin: energy must be given"):
        make(each, order=7)
    with pytest.raises(ValueError, match="is a function of the energy axis, but the mask has no energy bins"):
        make(lambda axis: each, order=7)
    with pytest.raises(TypeError, match="must be a Quantity or a string"):
        make(1.0, order=7)


def test_bad_values_are_named_with_their_rows():
    center = places(9, 9)[-3:]
    for make, argument, limits in (
        (lambda size: Shapes.boxes(center, size, "1 deg"), "width", "above 0 and below 180 deg"),
        (lambda size: Shapes.boxes(center, "1 deg", size), "height", "above 0 and below 180 deg"),
        (lambda size: Shapes.ellipses(center, size, "1 deg", "0 deg"), "semi_major", "above 0 and below 90 deg"),
        (lambda size: Shapes.ellipses(center, "1 deg", size, "0 deg"), "semi_minor", "above 0 and below 90 deg"),
        (lambda size: Shapes.annuli(center, size, "5 deg"), "inner_radius", "from 0 to 180 deg"),
        (lambda size: Shapes.annuli(center, "0 deg", size), "outer_radius", "above 0 and at most 180 deg"),
        (lambda size: Shapes.cones(center, size), "radius", "from 0 to 180 deg"),
        (lambda size: Shapes.paths([center, center, center], size), "width", "above 0 and below 180 deg"),
    ):
        for bad in (np.nan, -1, 181, np.inf):
            with pytest.raises(ValueError, match=rf"{argument} must be {limits}, 1 of 3 are not, .* row 2: {bad}.*deg"):
                make([1, 1, bad] * u.deg)
        with pytest.raises(ValueError, match=rf"{argument} must not be masked, 1 of 3 values are, the first in row 1"):
            make(masked_quantity([1, 1, 1], [0, 1, 0]))
    with pytest.raises(ValueError, match=r"semi_minor must be at most semi_major.*row 1: 2 deg and 1 deg"):
        Shapes.ellipses(center, "1 deg", [1, 2, 1] * u.deg, "0 deg")
    with pytest.raises(ValueError, match=r"inner_radius must be below outer_radius, 2 of 3 are not.*row 1: 60 arcmin"):
        Shapes.annuli(center, [1, 60, 60] * u.arcmin, "1 deg")
    with pytest.raises(ValueError, match=r"position_angle must be finite, 1 of 3 are not, the first in row 0: nan deg"):
        Shapes.boxes(center, "1 deg", "1 deg", [np.nan, 1, 2] * u.deg)
    with pytest.raises(ValueError, match=r"position_angle must be a scalar or have one value per centre \(3\)"):
        Shapes.boxes(center, "1 deg", "1 deg", [1, 2] * u.deg)
    with pytest.raises(ValueError, match=r"center must be a scalar or 1-D, got shape \(1, 3\)"):
        Shapes.boxes(center[np.newaxis], "1 deg", "1 deg")
    with pytest.raises(ValueError, match=r"center must be finite, 1 of 2 positions are not, the first in row 1"):
        Shapes.boxes(SkyCoord([1, np.nan], [2, 3], unit="deg"), "1 deg", "1 deg")
    with pytest.raises(TypeError, match="center must be a SkyCoord"):
        Shapes.boxes([1, 2], "1 deg", "1 deg")
    with pytest.raises(TypeError, match="class method"):
        Shapes()


def masked_quantity(values, mask):
    from astropy.utils.masked import Masked

    return Masked(values, mask=np.array(mask, dtype=bool)) * u.deg


def test_a_bad_size_for_one_bin():
    center = places(9, 9)[-3:]
    with pytest.raises(ValueError, match=r"inner_radius must be below outer_radius.*row 2: 2 deg and 1 deg"):
        Mask.from_annuli(center, [[1, 1], [1, 1], [1, 2]] * u.deg, [[2, 2], [2, 2], [2, 1]] * u.deg, energy=AXIS)


# ---------------------------------------------------------------------- polygons


SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10]]
HOLE = [[3, 3], [6, 3], [6, 6], [3, 6]]
FAR = [[40, 0], [50, 0], [45, 10]]


def ring(points, frame="icrs"):
    return SkyCoord(*np.transpose(points), unit="deg", frame=frame)


def both_rings(*rings):
    return ring(np.concatenate(rings)), np.cumsum([0, *map(len, rings)])


def test_rings_by_offsets_and_holes():
    vertices, offsets = both_rings(SQUARE, HOLE, FAR)
    options = {"order": 7}
    square, hole, far = (Mask.from_polygons(ring(one), **options) for one in (SQUARE, HOLE, FAR))
    assert Mask.from_polygons(vertices, offsets=offsets, **options) == square | far
    with_hole = Mask.from_polygons(vertices, offsets=offsets, holes=[False, True, False], **options)
    assert with_hole == (square - hole) | far
    assert with_hole.history.startswith("from_polygons(2 polygons, order=7")
    one = Mask.from_polygons(vertices, offsets=offsets, holes=[False, True, True], **options)
    assert one == with_hole
    assert one.history.startswith("from_polygons(1 polygon, ")
    assert Mask.from_polygons([ring(SQUARE), ring(HOLE), ring(FAR)], holes=[False, True, False], **options) == with_hole


def test_the_larger_side():
    vertices, offsets = both_rings(SQUARE, FAR)
    square, far = (Mask.from_polygons(ring(one), order=7) for one in (SQUARE, FAR))
    assert Mask.from_polygons(ring(SQUARE), larger=True, order=7) == ~square
    assert Mask.from_polygons(vertices, offsets=offsets, larger=[False, True], order=7) == square | ~far
    with pytest.raises(TypeError, match=r"larger must be True or False, or booleans with one for each polygon \(2\)"):
        Mask.from_polygons(vertices, offsets=offsets, larger=[True], order=7)


class Geo:
    def __init__(self, value):
        self.__geo_interface__ = value


def dialects():
    """The square with its hole and the far triangle, in many forms."""
    closed = [points + points[:1] for points in (SQUARE, HOLE, FAR)]
    polygon = {"type": "Polygon", "coordinates": closed[:2]}
    triangle = {"type": "Polygon", "coordinates": [closed[2]]}
    both = {"type": "MultiPolygon", "coordinates": [closed[:2], [closed[2]]]}
    feature = {"type": "Feature", "properties": {}, "geometry": polygon}
    first, second = shapely.Polygon(SQUARE, [HOLE]), shapely.Polygon(FAR)
    collection = {"type": "GeometryCollection", "geometries": [polygon, triangle]}
    yield "list of mappings", [polygon, triangle]
    yield "multipolygon", both
    yield "feature collection", {"type": "FeatureCollection", "features": [feature, triangle | {"bbox": None}]}
    yield "features", [feature, Geo(triangle)]
    yield "no geometry", [feature, {"type": "Feature", "geometry": None}, triangle]
    yield "geometry collection", collection
    yield "json", json.loads(json.dumps(both))
    yield "an object", Geo(both)
    yield "positions with heights", [polygon, {"type": "Polygon", "coordinates": [[[*p, 7.0] for p in closed[2]]]}]
    yield "tuples", {"type": "MultiPolygon", "coordinates": tuple(tuple(one) for one in both["coordinates"])}
    yield "shapely list", [first, second]
    yield "shapely array", np.array([first, second])
    yield "shapely multipolygon", shapely.MultiPolygon([first, second])
    yield "shapely collection", [shapely.GeometryCollection([first, shapely.MultiPolygon([second])])]
    yield "shapely and empty", [first, shapely.Polygon(), second]
    yield "mixed", [first, triangle]
    yield "SkyCoord and shapely", [first, ring(FAR)]


@pytest.mark.parametrize("name", [name for name, _ in dialects()])
def test_dialects_of_polygons(name):
    vertices, offsets = both_rings(SQUARE, HOLE, FAR)
    given_as = dict(dialects())[name]
    expected = Mask.from_polygons(vertices, offsets=offsets, holes=[False, True, False], order=7)
    found = Mask.from_polygons(given_as, order=7)
    assert found == expected
    assert len(Shapes.polygons(given_as)) == 2
    if "SkyCoord" not in name:
        moved = Mask.from_polygons(given_as, order=7, vertex_frame="galactic")
        there = SkyCoord(vertices.ra, vertices.dec, frame="galactic")
        assert moved == Mask.from_polygons(there, offsets=offsets, holes=[False, True, False], order=7)


def test_lines_of_shapely_and_geojson():
    line, other = [[0, 0], [10, 0], [10, 10]], [[40, 0], [45, 10]]
    vertices, offsets = both_rings(line, other)
    expected = Mask.from_paths(vertices, "1 deg", offsets=offsets, order=7)
    several = {"type": "MultiLineString", "coordinates": [line, other]}
    for given_as in (
        [shapely.LineString(line), shapely.LineString(other)],
        shapely.MultiLineString([line, other]),
        several,
        [Geo({"type": "LineString", "coordinates": line}), {"type": "LineString", "coordinates": other}],
    ):
        assert Mask.from_paths(given_as, "1 deg", order=7) == expected
    with pytest.raises(TypeError, match=r"item 0 of vertices must hold LineStrings, got the type 'Polygon'"):
        Mask.from_paths({"type": "Polygon", "coordinates": [line]}, "1 deg", order=7)


def test_coordinates_in_several_frames():
    star = SkyCoord(130, 20, unit="deg")
    corners = star.directional_offset_by([0, 90, 200] * u.deg, [3, 5, 4] * u.deg)
    rings = [corners, corners.galactic, corners.transform_to(FK5(equinox="J1975"))]
    for frame in FRAMES:
        expected = Mask.from_polygons(corners, order=9, frame=frame)
        assert Mask.from_polygons(rings[1], order=9, frame=frame) == expected
        assert Mask.from_polygons(rings, order=9, frame=frame) == expected


def test_vertices_that_repeat():
    plain = Mask.from_polygons(ring(SQUARE), order=7)
    twice = [point for point in SQUARE for _ in range(2)]
    for points in (SQUARE + SQUARE[:1], twice, twice + twice[:1]):
        assert Mask.from_polygons(ring(points), order=7) == plain
    vertices, offsets = both_rings(twice, SQUARE + SQUARE[:1], FAR)
    mixed = Mask.from_polygons(vertices, offsets=offsets, order=7)
    assert mixed == plain | Mask.from_polygons(ring(FAR), order=7)
    assert Mask.from_polygons([ring(twice), ring(FAR).galactic], order=7) == mixed


def test_degenerate_polygons_raise_with_their_row():
    line, point = [[0, 0], [5, 0], [0, 0], [5, 0]], [[1, 1]] * 3
    for bad in (line, point, [[0, 0], [5, 0]], SQUARE[:1], []):
        vertices, offsets = both_rings(np.array(SQUARE), np.reshape(bad, (-1, 2)), np.array(FAR))
        message = r"a polygon needs three different vertices at least, 1 row of 3 has fewer, the first in row 1$"
        with pytest.raises(ValueError, match=message):
            Shapes.polygons(vertices, offsets=offsets)
    vertices, offsets = both_rings(SQUARE, FAR, line)
    with pytest.raises(ValueError, match=r"the first in row 1, ring 1$"):
        Shapes.polygons(vertices, offsets=offsets, holes=[False, False, True])
    opposite = [[0, 0], [180, 0], [90, 50]]
    with pytest.raises(ValueError, match=r"must not be opposite on the sky, as in row 1 \(vertex 1\)"):
        Shapes.polygons([ring(SQUARE), ring(opposite)])
    with pytest.raises(ValueError, match=r"vertices must be finite, 1 of 6 are not, the first in row 1 \(vertex 2\)"):
        Shapes.polygons(SkyCoord([[0, 1, 1], [5, 6, np.nan]], [[0, 0, 1], [0, 0, 1]], unit="deg"))
    # There and back, without an area.
    back = [[0, 0], [5, 0], [9, 0], [5, 0]]
    with pytest.raises(ValueError, match=r"polygon in row 2: "):
        Mask.from_polygons([ring(SQUARE), ring(FAR), ring(back)], order=5)
    far = Mask.from_cones(ring(back)[0], "2 deg", order=5)
    with pytest.raises(ValueError, match=r"polygon in row 2: "):
        Mask.from_polygons([ring(SQUARE), ring(FAR), ring(back)], order=5, within=far)
    with pytest.raises(
        ValueError, match=r"a path needs two vertices at least, 1 row of 2 has fewer, the first in row 1"
    ):
        Shapes.paths([ring(FAR), ring(FAR[:1])], "1 deg")


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (TypeError, "vertices must be a SkyCoord, a list", lambda: Shapes.polygons(5)),
        (TypeError, "vertices must be a SkyCoord, a list", lambda: Shapes.polygons("icrs")),
        (TypeError, "item 1 of vertices must be a SkyCoord, a shapely", lambda: Shapes.polygons([ring(FAR), 5])),
        (
            TypeError,
            "item 0 of vertices must hold Polygons, got the type 'Point'",
            lambda: Shapes.polygons([{"type": "Point"}]),
        ),
        (TypeError, "item 1 holds 'Point'", lambda: Shapes.polygons([shapely.Polygon(FAR), shapely.Point(1, 2)])),
        (ValueError, "must have a list of coordinates, got None", lambda: Shapes.polygons({"type": "Polygon"})),
        (
            ValueError,
            "lists of positions",
            lambda: Shapes.polygons({"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}),
        ),
        (ValueError, "lists of positions", lambda: Shapes.polygons({"type": "Polygon", "coordinates": [["a", "b"]]})),
        (
            ValueError,
            "latitudes of vertices.*got 95 deg",
            lambda: Shapes.polygons({"type": "Polygon", "coordinates": [[[1, 2], [3, 95], [5, 6]]]}),
        ),
        (TypeError, "offsets must be integers", lambda: Shapes.polygons(ring(FAR), offsets=[0.0, 3.0])),
        (
            ValueError,
            r"offsets must go from 0 to the number of vertices \(3\)",
            lambda: Shapes.polygons(ring(FAR), offsets=[0, 4]),
        ),
        (
            ValueError,
            "offsets must ascend, but row 1 goes from 4 to 2",
            lambda: Shapes.polygons(ring(FAR), offsets=[0, 4, 2, 3]),
        ),
        (TypeError, "offsets belong to vertices in one SkyCoord", lambda: Shapes.polygons([ring(FAR)], offsets=[0, 3])),
        (TypeError, r"holes must be booleans, one for each ring \(1\)", lambda: Shapes.polygons(ring(FAR), holes=[0])),
        (ValueError, "holes must not begin with True", lambda: Shapes.polygons(ring(FAR), holes=[True])),
        (
            TypeError,
            "holes belong to vertices in SkyCoords",
            lambda: Shapes.polygons([shapely.Polygon(FAR)], holes=[False]),
        ),
        (ValueError, "must be 1-D with offsets", lambda: Shapes.polygons(ring(SQUARE).reshape(2, 2), offsets=[0, 4])),
        (ValueError, r"the shape \(k,\) or \(n, k\)", lambda: Shapes.polygons(ring(SQUARE).reshape(2, 2, 1))),
    ],
)
def test_vertices_that_are_none(error, message, make):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
def test_slits_divide_nothing(mode):
    outer = [(40, 10), (50, 10), (50, 20), (40, 20)]
    hole = [(43, 13), (43, 17), (47, 17), (47, 13)]
    far = [(56, 12), (58, 12), (58, 15)]
    rings = [
        # A line to the hole and back, a line to another part and back, and no such line.
        [*outer, outer[0], *hole, hole[0]],
        [*outer[:2], *far, far[0], outer[1], *outer[2:]],
        [(10, 10), (14, 11), (16, 14), (13, 18), (9, 17), (8, 13)],
    ]
    offsets = np.cumsum([0, *map(len, rings)])
    vertices = SkyCoord(np.concatenate(rings) * u.deg)
    shapes = Shapes.polygons(vertices, offsets=offsets)
    apart = Shapes.polygons(
        [
            {"type": "Polygon", "coordinates": [[*outer, outer[0]], [*hole, hole[0]]]},
            {"type": "MultiPolygon", "coordinates": [[[*outer, outer[0]]], [[*far, far[0]]]]},
            {"type": "Polygon", "coordinates": [[*rings[2], rings[2][0]]]},
        ]
    )
    starts, stops, _ = shapes.ranges(order=8, mode=mode, frame="icrs")
    expected, ends, _ = apart.ranges(order=8, mode=mode, frame="icrs")
    assert from_starts_stops(starts, stops, 8) == from_starts_stops(expected, ends, 8)


def test_masked_vertices():
    lon = masked_array([[0.0, 1, 1], [5, 6, 6]], mask=[[0, 0, 0], [0, 1, 0]])
    from astropy.utils.masked import Masked

    coord = SkyCoord(Masked(lon.data, mask=lon.mask) * u.deg, [[0, 0, 1], [0, 0, 1]] * u.deg)
    with pytest.raises(ValueError, match=r"vertices must not be masked.*row 1, 1"):
        Shapes.polygons(coord)


# ---------------------------------------------------------------------- regions, none, and the noun


def test_regions_one_by_one():
    text = "icrs; circle(10,20,2)\nellipse(30,40,2,1,30)\nbox(50,-20,3,4,20)\npoint(80,10)"
    shapes = Shapes.regions(text)
    assert len(shapes) == 4
    for frame in FRAMES:
        expected = Mask.from_regions(text, order=7, frame=frame)
        assert united(shapes, order=7, frame=frame)[0] == expected.planes[0]
    assert len(Shapes.regions(iter([CircleSkyRegion(ring(FAR)[0], 1 * u.deg)]))) == 1


def test_no_shapes():
    none = SkyCoord([], [], unit="deg")
    for shapes in (
        Shapes.cones(none, "1 deg"),
        Shapes.annuli(none, "1 deg", "2 deg"),
        Shapes.boxes(none, "1 deg", "2 deg", [] * u.deg),
        Shapes.ellipses(none, "2 deg", "1 deg", "0 deg"),
        Shapes.polygons(none, offsets=[0]),
        Shapes.polygons(SkyCoord(np.empty((0, 4)), np.empty((0, 4)), unit="deg")),
        Shapes.polygons([]),
        Shapes.paths(none, "1 deg", offsets=[0]),
        Shapes.regions([]),
    ):
        assert len(shapes) == 0
        for frame in FRAMES:
            starts, stops, missed = shapes.ranges(order=5, frame=frame)
            assert starts.size == stops.size == missed.size == 0
    for mask in (
        Mask.from_boxes(none, "1 deg", "1 deg"),
        Mask.from_polygons([]),
        Mask.from_paths([], "1 deg"),
        Mask.from_ellipses(none, "1 deg", "1 deg", "0 deg", within=Mask.from_zone(lat=("0 deg", "9 deg"), order=4)),
    ):
        assert mask.is_empty


def test_threads_do_not_change_the_ranges():
    center = places(3000, 11)
    for shapes in (Shapes.boxes(center, "0.2 deg", "3 deg", "20 deg"), Shapes.cones(center, "1 deg")):
        one = shapes.ranges(order=11, n_threads=1)
        three = shapes.ranges(order=11, n_threads=3)
        assert from_starts_stops(*map(np.copy, one[:2]), 11) == from_starts_stops(*map(np.copy, three[:2]), 11)
        assert (one[1] - one[0]).sum() == (three[1] - three[0]).sum()
        assert np.array_equal(one[2], three[2])


def test_a_scalar_center_is_one_shape():
    star = SkyCoord(10, 20, unit="deg")
    assert len(Shapes.boxes(star, "1 deg", "2 deg", "3 deg")) == 1
    assert repr(Shapes.ellipses(star, "2 deg", "1 deg", "3 deg")) == "<Shapes: 1 ellipse>"
    empty = RangeSet.empty(5)
    assert united(Shapes.boxes(star, "1 arcsec", "1 arcsec"), order=5) == (empty, [0])
