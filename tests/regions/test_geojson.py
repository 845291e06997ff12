"""GeoJSON: polygons with holes by brute force, constellations that tile the sky, and what is refused."""

import json

import numpy as np
import pytest

from hpmask import Mask
from hpmask.geometry import healpix
from hpmask.regions.convert import to_shapes
from hpmask.regions.parse import read


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]}


def collection(*geometries, **members):
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    return {"type": "FeatureCollection", "features": features, **members}


def mask(document, order=7, **options):
    return Mask.from_regions(json.dumps(document), order=order, **options)


OUTER = [[-20, -10], [20, -10], [20, 10], [-20, 10]]
HOLE = [[-5, -5], [5, -5], [5, 5], [-5, 5]]
ISLAND = [[-1, -1], [1, -1], [1, 1], [-1, 1]]


@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
def test_holes(mode):
    outer, hole = (f"icrs; polygon({', '.join(str(x) for corner in ring for x in corner)})" for ring in (OUTER, HOLE))
    dual = {"center": "center", "overlap": "inside", "inside": "overlap"}[mode]
    expected = Mask.from_regions(outer, order=7, mode=mode) - Mask.from_regions(hole, order=7, mode=dual)
    for rings in ((OUTER, HOLE), (OUTER[::-1], HOLE), (OUTER, HOLE[::-1])):
        assert mask(polygon(*rings), mode=mode) == expected
    island = Mask.from_regions(f"icrs; polygon({', '.join(str(x) for c in ISLAND for x in c)})", order=7, mode=mode)
    assert mask(polygon(OUTER, HOLE, ISLAND), mode=mode) == expected | island


def test_all_geometries_by_their_planar_rule():
    # Close to the origin the sphere is flat.
    shapely = pytest.importorskip("shapely")
    rng = np.random.default_rng(3)
    parts = []
    for at in rng.uniform(-0.008, 0.008, (4, 2)):
        turns = np.sort(rng.uniform(0, 2 * np.pi, 12))
        star = at + rng.uniform(0.001, 0.003, (12, 1)) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        parts.append([star.tolist(), (at + (star - at) * 0.3).tolist()])
    multi = {"type": "MultiPolygon", "coordinates": [[[*ring, ring[0]] for ring in part] for part in parts]}
    flat = shapely.union_all([shapely.Polygon(outer, [hole]) for outer, hole in parts])
    found = mask(collection(multi, {"type": "GeometryCollection", "geometries": [polygon(parts[0][0])]}), 19)
    flat = flat | shapely.Polygon(parts[0][0])
    points = rng.uniform(-0.012, 0.012, (20_000, 2))
    cells = healpix.cells_at(*np.radians(points.T), 19)
    lon, lat = np.degrees(healpix.centres(cells, 19))
    lon = (lon + 180) % 360 - 180
    near = shapely.distance(shapely.points(lon, lat), flat.boundary) < 1e-7
    held = np.isin(cells, found.planes[0].cells(19))
    np.testing.assert_array_equal(held[~near], shapely.contains_xy(flat, lon, lat)[~near])
    assert held.sum() > 500


def test_longitudes_below_zero_and_across_it():
    assert mask(polygon([[350, -10], [10, -10], [10, 10], [350, 10]])) == mask(
        polygon([[-10, -10], [10, -10], [10, 10], [-10, 10]])
    )


def test_documents():
    one = polygon(OUTER)
    expected = mask(one)
    for document in (
        {"type": "Feature", "properties": None, "geometry": one},
        collection(one),
        collection(one, None),
        {"type": "GeometryCollection", "geometries": [one]},
        {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, **one},
        {"bbox": [1, 2, 3, 4], **one},
    ):
        assert mask(document) == expected
    heights = {"type": "Polygon", "coordinates": [[[*corner, 100.0] for corner in [*OUTER, OUTER[0]]]]}
    assert mask(heights) == expected


def test_frames():
    galactic = Mask.from_regions(f"galactic; polygon({', '.join(str(x) for corner in OUTER for x in corner)})", order=7)
    assert mask(collection(polygon(OUTER), frame="galactic")) == galactic
    assert mask({"crs": {"properties": {"name": "Galactic"}}, **polygon(OUTER)}) == galactic
    assert mask(polygon(OUTER), region_frame="galactic") == galactic
    with pytest.raises(ValueError, match="its frame 'mars' is not known: give region_frame"):
        mask({"frame": "mars", **polygon(OUTER)})


def test_points_and_lines():
    points = {"type": "MultiPoint", "coordinates": [[10, 20], [-30, 40]]}
    assert mask(points).planes[0].n_cells == 2
    discs = Mask.from_regions("icrs; circle(10, 20, 2); circle(-30, 40, 2)", order=7)
    assert mask(points, point_radius="2 deg") == discs
    assert Mask.from_regions("POSITION ICRS 10 20\nPOSITION ICRS -30 40", order=7, point_radius="2 deg") == discs
    # A circle of no size is not a point.
    assert Mask.from_regions("CIRCLE ICRS 10 20 0", order=7, point_radius="2 deg").planes[0].n_cells == 1
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    with pytest.raises(ValueError, match=r"region 1 \(LineString\) in feature 2 of the text has no width"):
        mask(collection(polygon(OUTER), line))
    wide = Mask.from_regions("icrs; line(1, 2, 3, 4)", order=7, line_width="1 deg")
    assert mask(line, line_width="1 deg") == wide
    several = {"type": "MultiLineString", "coordinates": [line["coordinates"], [[50, 0], [60, 0], [60, 5]]]}
    more = Mask.from_regions("icrs; segment(50, 0, 60, 0, 60, 5)", order=7, line_width="1 deg")
    assert mask(several, line_width="1 deg") == wide | more
    with pytest.warns(UserWarning, match="left out 1 of 2 regions"):
        assert mask(collection(polygon(OUTER), line), invalid="skip") == mask(polygon(OUTER))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"type": "Polygon", ', r"line 1 of the text cannot be read as GeoJSON"),
        ('{\n"type": "Polygon",\n"coordinates": [[1,2],}', r"line 3 of the text cannot be read as GeoJSON"),
        ('{"type": "Topology", "arcs": []}', "feature 1 of the text cannot be read as GeoJSON: a geometry has one of"),
        ('{"type": "FeatureCollection"}', "the features of a FeatureCollection must be a list, got NoneType"),
        ('{"type": "FeatureCollection", "features": [3]}', "feature 1 is not an object"),
        ('{"type": "FeatureCollection", "features": []}', "the text holds no region"),
        ('{"type": "Polygon", "coordinates": []}', "the text holds no region"),
        ('{"type": "LineString", "coordinates": [[1,2]]}', "at least 2 positions"),
        ('{"type": "Polygon", "coordinates": [[[1,2],[3,4],[1,2]]]}', "at least 4 positions"),
        ('{"type": "Polygon", "coordinates": [[[1,2],[3,4],[5,6],[7,8]]]}', "first and the last position"),
        ('{"type": "Polygon", "coordinates": [[[1,2],[3,"4"],[5,6],[1,2]]]}', "a position must be a list"),
        ('{"type": "Polygon", "coordinates": [[[1,2],[3,94],[5,6],[1,2]]]}', "latitude"),
        ('{"type": "Polygon", "coordinates": [[[1,2],[3,NaN],[5,6],[1,2]]]}', "latitude"),
        ('{"type": "Polygon", "coordinates": [[[1,2],[1e999,4],[5,6],[1,2]]]}', "longitude finite"),
        ('{"type": "GeometryCollection", "geometries": ' * 200 + "[]" + "}" * 200, "must be a list|within each other"),
        ('{"type": ' + "[" * 100_000, "nested too deep|cannot be read"),
        ('{"type": "Polygon", "coordinates": [[[1,2],[3,4],[3,4],[1,2]]]}', "three different"),
    ],
)
def test_what_cannot_be_read(text, match):
    with pytest.raises(ValueError, match=match):
        to_shapes(text, "icrs")


def test_constellations_tile_the_sky(data):
    path = data("regions/constellations.bounds.json")
    regions, _ = read(path)
    assert len(regions) == 89
    shapes = to_shapes(path, "icrs")
    counts = np.zeros(12 * 4**7, dtype=int)
    for shape in shapes:
        starts, stops = shape.rasterize(7, "center")
        for start, stop in zip((starts >> 44).tolist(), (stops >> 44).tolist(), strict=True):
            counts[start:stop] += 1
    # Each cell once: the sides are shared. Rounded corners leave a few cells to none, or to two.
    assert (counts != 1).mean() < 1e-4
    assert sum(shape.area for shape in shapes) == pytest.approx(4 * np.pi, rel=1e-5)
