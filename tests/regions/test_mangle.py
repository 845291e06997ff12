"""Polygon files of mangle: their formats, weights and frames. Areas are in test_caps.py."""

import math

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.regions.convert import to_shapes
from hpmask.regions.items import Caps, Corners
from hpmask.regions.parse import read

# The northern octant at longitudes 0 to 90 deg, and a ring about the south pole.
POLYGONS = """This file was made by hand

2 polygons
pixelization 4s
snapped
polygon 0 ( 3 caps, 0.5 weight, 12 pixel, 1.5707963267949 str):
 1 0 0 1
 0 1 0 1
 0 0 1 1
polygon 7 ( 2 caps, 0 weight, 1.0 str):
 0 0 -1 0.5
 0 0 -1 -0.25
"""


def same(text, other, **options):
    return Mask.from_regions(text, order=7, **options) == Mask.from_regions(other, order=7)


def test_polygons():
    regions, name = read(POLYGONS, min_weight=0)
    assert name == "the text"
    assert [one.line for one in regions] == [6, 10]
    octant, ring = (one.region for one in regions)
    assert isinstance(octant, Caps)
    assert (octant.weight, ring.weight) == (0.5, 0)
    assert octant.cm.tolist() == [1, 1, 1]
    assert ring.cm.tolist() == [0.5, -0.25]
    outer, inner = (math.degrees(math.acos(1 - cm)) for cm in (0.5, 0.25))
    ring = Mask.from_regions(f"icrs; annulus(0, -90, {inner}, {outer})", order=7)
    octant = Mask.from_zone(("0 deg", "90 deg"), ("0 deg", "90 deg"), closed="both", order=7)
    assert Mask.from_regions(POLYGONS, order=7, min_weight=0) == ring | octant


def test_weights():
    octant = Mask.from_zone(("0 deg", "90 deg"), ("0 deg", "90 deg"), closed="both", order=7)
    assert Mask.from_regions(POLYGONS, order=7) == octant
    assert Mask.from_regions(POLYGONS, order=7, min_weight=0.5) == octant
    with pytest.raises(ValueError, match=r"the text has 2 polygons, but none with a weight of at least 0.6"):
        Mask.from_regions(POLYGONS, order=7, min_weight=0.6)
    with pytest.raises(ValueError, match="min_weight must be a finite number, got nan"):
        Mask.from_regions(POLYGONS, order=7, min_weight=float("nan"))
    with pytest.raises(ValueError, match="min_weight= is not an option of the region format 'ds9' of the text"):
        Mask.from_regions("icrs; circle(1,2,3)", order=7, min_weight=1)
    with pytest.raises(TypeError, match="min_weight= is for texts and files of regions"):
        Mask.from_regions([], order=7, min_weight=1)


def test_other_headers():
    text = "polygon 3 1 0.5\n0 0 1 0.5\nspolygon 4 0\n"
    found = [one.region for one in read(text, format="mangle")[0]]
    assert [(len(one.cm), one.weight) for one in found] == [(1, 0.5), (0, 1)]
    assert Mask.from_regions(text, order=3, format="mangle").is_full


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("unit d\nrectangle\n azmin azmax elmin elmax\n350 10 -20 30\n", (350, 10, -20, 30)),
        ("rectangle\n350 370 -20 30\n", (350, 10, -20, 30)),
        ("rectangle\n10 50 60 90\n", (10, 50, 60, 90)),
        ("rectangle\n0 360 -90 -30\n", (0, 360, -90, -30)),
        ("unit m\nrectangle\n600 3000 600 1200\n", (10, 50, 10, 20)),
        ("rectangle 5 1 2.5\n10 50 10 20\n", (10, 50, 10, 20)),
    ],
)
def test_rectangles(text, zone):
    west, east, south, north = zone
    assert Mask.from_regions(text, order=7) == Mask.from_zone(
        (f"{west} deg", f"{east} deg"), (f"{south} deg", f"{north} deg"), closed="both", order=7
    )


def test_circles_and_vertices():
    assert same("unit d\ncircle\n10 20 5 12 20 5\n", "Intersection ICRS (Circle 10 20 5 Circle 12 20 5)")
    assert same("unit s\ncircle 1 1\n36000 72000 18000\n", "icrs; circle(10, 20, 5)")
    assert same("circle\n10 20 -5\n", "Not ICRS (Circle 10 20 5)")
    polygon = "icrs; polygon(10, 10, 30, 10, 20, 40)"
    assert same("vertices\n10 10 30 10 20 40\n", polygon)
    assert same("unit d\nvertices 3 3\nr 10 10 20 40 30 10\n", polygon)
    radians = " ".join(map(repr, np.radians([10, 10, 30, 10, 20, 40]).tolist()))
    assert same(f"unit r\nskip 0\nvertices 3 3\n  {radians}\nxr {radians}\n", polygon)
    (found,), _ = read("vertices 4 4\n1 2 3 4 5 6 7 8")
    assert isinstance(found.region, Corners)


def test_the_frame_is_given():
    octant = Mask.from_zone(
        ("0 deg", "90 deg"), ("0 deg", "90 deg"), zone_frame="galactic", closed="both", order=7, frame="galactic"
    )
    assert Mask.from_regions(POLYGONS, order=7, region_frame="galactic", frame="galactic") == octant
    ecliptic = Mask.from_regions(POLYGONS, order=7, region_frame="ecliptic")
    pole = SkyCoord(45, 35, unit="deg", frame="barycentricmeanecliptic")
    assert ecliptic.contains(pole)
    assert ecliptic.area.value == pytest.approx(octant.area.value, rel=0.01)


def test_rectangles_of_the_same_survey(data):
    # The holes of the mask, in another format, are the rest of the sky.
    holes = Mask.from_regions(data("regions/pscz/hibpscz.exclude.rect"), order=8, region_frame="ecliptic")
    kept = Mask.from_regions(data("regions/pscz/hibpscz.pol"), order=8, region_frame="ecliptic")
    assert (holes & kept).area.value < 0.2
    assert (holes | kept).area.value > 41252.7


def test_holes_around_stars(data):
    path = data("regions/2dF_ngpholes.dat")
    regions, _ = read(path)
    assert len(regions) == 208
    total = sum(shape.area for shape in to_shapes(path, "icrs")) * math.degrees(1) ** 2
    counted = Mask.from_regions(path, order=12)
    # They overlap a little.
    assert 0.97 * total < counted.area.value < 1.001 * total


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            POLYGONS.replace("2 polygons", "3 polygons"),
            "the text should have 3 polygons and has 2: is a part of it lost",
        ),
        (POLYGONS.replace(" 0 0 1 1\n", ""), "line 9 of the text cannot be read .*a cap has 4 numbers"),
        (POLYGONS.replace("0 0 -1 0.5", "0 0 -1"), "line 11 of the text .*a cap has 4 numbers, got 3"),
        (POLYGONS.replace("0 0 -1 0.5", "0 0 -2 0.5"), "line 11 of the text .*unit vector"),
        (POLYGONS.replace("0 0 -1 0.5", "0 0 nan 0.5"), "line 11 of the text .*not a number"),
        (POLYGONS.replace("( 2 caps, 0 weight", "( 2 cups, 0 weight"), "line 10 of the text .*must be followed by"),
        (POLYGONS + " 1 0 0 1\n", "line 13 of the text .*stand behind the caps"),
        ("polygon 1 ( 9999 caps, 1 weight, 1 str):\n", "up to 1000 caps"),
        ("polygon 1 ( 99999999999999999999 caps, 1 weight, 1 str):\n", "up to 1000 caps"),
        ("unit d\nrectangle\n1 2 3\n", "line 3 of the text .*4 angles, got 3"),
        ("unit d\nrectangle\n1 2 5 4\n", "latitudes must ascend"),
        ("unit d\nrectangle\n1 200 3 4\n", "wider than 180"),
        ("unit d\nrectangle\n1x 2 3 4\n", "is not a number"),
        ("unit d\nvertices\n1 2 3 4\n", "at least 3 corners"),
        ("unit d\nvertices 1 4\n1 2 3 4 5 6\n", "needs 8 angles"),
        ("unit d\nvertices\n1 2 3 4 5 91\n", "latitude"),
        ("unit d\ncircle\n1 2 3 4\n", "multiple of 3"),
        ("unit d\ncircle\n1 2 200\n", "radius between"),
        ("unit h\nvertices\n", "unit must be one of"),
        ("unit d\nedges 2\n", "is a format that is not read"),
        ("unit d\nskip x\n", "integer must follow"),
        ("unit d\n", "holds no region"),
    ],
)
def test_what_cannot_be_read(text, match):
    with pytest.raises(ValueError, match=match):
        read(text)
