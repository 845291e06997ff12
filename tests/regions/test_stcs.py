"""STC-S: its grammar, and its regions as mocpy and as other formats have them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.regions import shapes
from hpmask.regions.convert import to_shapes
from hpmask.regions.format import Source
from hpmask.regions.items import Caps, Circle, Corners, Point, WholeSky
from hpmask.regions.parse import FORMATS, read
from hpmask.regions.stcs import regions_of

mocpy = pytest.importorskip("mocpy")

# What both read; mocpy knows ICRS and degrees only, and takes an overlap with cells of a finer order.
COMMON = [
    "Circle ICRS 10 20 1",
    "Circle ICRS TOPOCENTER SPHERICAL2 147.6 69.9 0.4",
    "CIRCLE ICRS 359.9 -89 3",
    "Ellipse ICRS 10 20 4 2 30",
    "Polygon ICRS 10 10 30 10 20 40",
    "Polygon ICRS 20 40 30 10 10 10",
    "Polygon ICRS UNKNOWNRefPos SPHERICAL2 350 70 80 60 200 75",
    "Union ICRS (Circle 10 20 5 Circle 14 20 5)",
    "Intersection ICRS (Circle 10 20 5 Circle 14 20 5)",
    "Difference ICRS (Circle 10 20 5 Circle 14 20 5)",
    "Not ICRS (Circle 10 20 5)",
    "Union ICRS (Circle 1 2 3 Not (Polygon 1 2 3 4 5 9))",
    "Intersection ICRS (Polygon 20 0 40 5 35 30 Not (Circle 30 10 4) Circle 30 10 20)",
    "AllSky ICRS",
]


@pytest.mark.parametrize("text", COMMON)
def test_cells_are_those_of_mocpy(text):
    moc = mocpy.MOC.from_stcs(text, max_depth=7, delta_depth=5)
    ours, narrow = (Mask.from_regions(text, order=7, mode=mode) for mode in ("overlap", "center"))
    theirs = Mask.from_moc(moc).at_order(7)
    # mocpy's overlap has cells too many, and none too few.
    assert narrow.issubset(theirs)
    assert (ours - theirs).area.value <= 1e-3 * ours.area.value
    assert abs(ours.area - theirs.area) <= 0.03 * theirs.area + 0.3 * u.deg**2


def same(one, other):
    """Whether two texts give the same cells in all modes."""
    return all(
        Mask.from_regions(one, order=7, mode=mode) == Mask.from_regions(other, order=7, mode=mode)
        for mode in ("center", "overlap", "inside")
    )


@pytest.mark.parametrize(
    ("text", "ds9"),
    [
        ("Circle GALACTIC 10 20 3", "galactic; circle(10, 20, 3)"),
        ("Circle FK5 10 20 3", "fk5; circle(10, 20, 3)"),
        ("Circle FK5 J2000.0 10 20 3", "fk5; circle(10, 20, 3)"),
        ("Circle B1950 GEOCENTER 10 20 3", "fk4; circle(10, 20, 3)"),
        ("Circle FK4 B1950 10 20 3", "fk4; circle(10, 20, 3)"),
        ("Circle ECLIPTIC 10 20 3", "ecliptic; circle(10, 20, 3)"),
        ("circle unknownframe unknownrefpos 10 20 3", "icrs; circle(10, 20, 3)"),
        ("CIRCLE 10 20 3", "icrs; circle(10, 20, 3)"),
        ("CIRCLE('ICRS', 10, 20, 3)", "icrs; circle(10, 20, 3)"),
        ("CIRCLE('ICRS GEOCENTER',10,20,3)", "icrs; circle(10, 20, 3)"),
        ("POLYGON('', 10, 10, 30, 10, 20, 40)", "icrs; polygon(10, 10, 30, 10, 20, 40)"),
        ("POLYGON 10 10 30 10 20 40", "icrs; polygon(10, 10, 30, 10, 20, 40)"),
        ("Circle ICRS 36000 72000 10800 unit arcsec", "icrs; circle(10, 20, 3)"),
        ("Circle ICRS 600 1200 180 unit arcmin", "icrs; circle(10, 20, 3)"),
        ("Circle fillfactor 0.4 ICRS 10 20 3", "icrs; circle(10, 20, 3)"),
        ("Circle ICRS 10 20 3 Position 11 21 unit deg Error 0.1 0.1 Size 1 1", "icrs; circle(10, 20, 3)"),
        ("Circle ICRS 10 20 3 CIRCLE ICRS 14 20 3", "icrs; circle(10, 20, 3); circle(14, 20, 3)"),
        ("Box ICRS 100 40 10 4", "icrs; box(100, 40, 10, 4, 0)"),
        ("Ellipse ICRS 10 20 4 2 30", "icrs; ellipse(10, 20, 2, 4, 30)"),
        ("Ellipse GALACTIC 10 20 4 2 30", "galactic; ellipse(10, 20, 2, 4, 30)"),
        ("Not (Not ICRS (Circle 10 20 3))", "icrs; circle(10, 20, 3)"),
        ("Convex ICRS CART3 0 0 1 0.4", "icrs; circle(0, 90, 66.42182152179817)"),
        ("Convex ICRS CART3 0 0 -2 0.8", "icrs; circle(0, -90, 66.42182152179817)"),
        ("Convex CART3 0 0 1 0.1 0 0 -1 -0.4", "icrs; annulus(0, 90, 66.42182152179817, 84.26082952273322)"),
        ("Position ICRS 10 20", "icrs; point(10, 20)"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*hold")
def test_regions_are_those_of_ds9(text, ds9):
    assert same(text, ds9)


def test_ranges_of_dali():
    zone = Mask.from_zone(("10 deg", "20 deg"), ("-5 deg", "5 deg"), closed="both", order=7)
    assert Mask.from_regions("RANGE 10 20 -5 5", order=7) == zone
    assert Mask.from_regions("RANGE -Inf +Inf 60 +Inf", order=7) == Mask.from_zone(lat=("60 deg", "90 deg"), order=7)


def test_items():
    found = regions_of("Circle 1 2 3 Polygon FK5 1 2 3 4 5 6 AllSky Convex 0 0 1 0.25 0 1 0 0 Point 7 8", "galactic")
    circle, polygon, sky, convex, point = found
    assert (circle, point) == (Circle(1.0, 2.0, 3.0, frame="galactic"), Point(7.0, 8.0, frame="galactic"))
    assert isinstance(polygon, Corners)
    assert polygon.frame == "fk5"
    assert polygon.rings[0].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert isinstance(sky, WholeSky)
    assert isinstance(convex, Caps)
    assert convex.cm.tolist() == [0.75, 1.0]


def test_lines_of_a_file(tmp_path):
    path = tmp_path / "footprint.stcs"
    path.write_text(
        "# observations\nCircle 10 20 3\n\nUnion ICRS (\n  Circle 40 20 3\n  Circle 44 20 3\n)\nCircle 70 0 1\n"
    )
    regions, _ = read(path)
    assert [one.line for one in regions] == [2, 4, 8]
    assert same(path, "icrs; circle(10,20,3); circle(40,20,3); circle(44,20,3); circle(70,0,1)")
    path.write_text("Circle 10 20 3\nUnion (Circle 1 2 3\n")
    with pytest.raises(ValueError, match=r"line 2 of 'footprint.stcs' cannot be read as STC-S: .*not closed"):
        read(path)


def test_lines_that_cannot_be_read_can_be_skipped():
    text = "CIRCLE 10 20 3\nCIRCLE 10 20\nCIRCLE 40 20 3\n"
    with pytest.warns(UserWarning, match="left out 1 of 3 regions: line 2 of the text cannot be read as STC-S"):
        found = Mask.from_regions(text, order=7, invalid="skip")
    assert found == Mask.from_regions("icrs; circle(10,20,3); circle(40,20,3)", order=7)


def test_lists_of_texts():
    texts = np.array(["CIRCLE ICRS 10 20 3", "POLYGON 40 10 60 10 50 40"])
    both = Mask.from_regions(texts, order=7)
    assert both == Mask.from_regions(texts[0], order=7) | Mask.from_regions(texts[1], order=7)


def test_the_frame_of_texts_without_one():
    assert Mask.from_regions("CIRCLE 10 20 3", order=7, region_frame="ecliptic") == Mask.from_regions(
        "ecliptic; circle(10,20,3)", order=7
    )
    assert Mask.from_regions("CIRCLE ICRS 10 20 3", order=7, region_frame="galactic") == Mask.from_regions(
        "icrs; circle(10,20,3)", order=7
    )
    for bad in ("altaz", "nothing", 3):
        with pytest.raises(ValueError, match="region_frame must be a frame that is fixed to the sky"):
            Mask.from_regions("CIRCLE 10 20 3", order=7, region_frame=bad)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("Circle ICRS 10 20", "Circle has 3 numbers, got 2"),
        ("Circle ICRS 10 20 3 4", "Circle has 3 numbers, got 4"),
        ("Circle ICRS 10 95 3", "latitude must be between"),
        ("Circle ICRS 10 20 nan", "is not a number"),
        ("Circle ICRS 10 20 inf", "infinite"),
        ("Circle ICRS 10 20 3 blob", "'blob' is not a region of STC-S"),
        ("Circle ICRS 10 20 3x", "is not a number"),
        ("Circle ICRS 10 20 3 unit parsec", "unit must be one of"),
        ("Circle ICRS 10 20 3 unit deg arcsec", "the same for all numbers"),
        ("Circle FK5 J1990 10 20 3", "equinox must be J2000"),
        ("Circle ICRS CARTESIAN2 10 20 3", "no position on the sky"),
        ("Circle ICRS CART3 10 20 3", "for Convex only"),
        ("Polygon ICRS 1 2 3 4 5", "even number"),
        ("Polygon ICRS 1 2 3 4", "at least 6"),
        ("Polygon ICRS 1 2 3 4 5 91", "latitude"),
        ("Convex ICRS 1 2 3", "four numbers"),
        ("Convex ICRS 0 0 0 1", "must not be 0"),
        ("Union ICRS (Circle 1 2 3", "not closed"),
        ("Union ICRS ()", "at least one region"),
        ("Not ICRS (Circle 1 2 3 Circle 4 5 6)", "needs one region, got 2"),
        ("Difference ICRS (Circle 1 2 3)", "needs two regions, got 1"),
        ("Circle ICRS 1 2 3 TimeInterval TT 2000 2001", "is not a region"),
        ("Not (" * 200 + "Circle 1 2 3" + ")" * 200, "within each other"),
        ("Circle fillfactor ICRS 1 2 3", "numbers must follow FILLFACTOR"),
    ],
)
def test_what_cannot_be_read(text, match):
    with pytest.raises(ValueError, match=rf"line 1 of the text cannot be read as STC-S: .*{match}"):
        to_shapes(text, "icrs")


def test_an_impossible_size_is_named():
    with pytest.raises(ValueError, match=r"region 1 \(circle\) in line 2 of the text: radius must be from 0 to 180"):
        to_shapes("CIRCLE 1 2 3\nCIRCLE 1 2 -3", "icrs")


@pytest.mark.parametrize("text", ["circle(1,2,3)", "icrs\ncircle 1 2 3", "box(1,2,3,4,5)", "fk5; polygon 1 2 3 4 5 6"])
def test_texts_of_ds9_are_not_taken(text):
    assert not FORMATS["stcs"].matches(Source.of_text(text))
    assert read(text) == read(text, format="ds9")


def test_names_of_formats():
    assert set(FORMATS) == {"fits", "crtf", "geojson", "stcs", "mangle", "table", "ds9"}
    with pytest.raises(ValueError, match=r"format must be 'fits' or 'crtf' or .* got 'reg'"):
        read("CIRCLE 1 2 3", format="reg")


def test_published_coverage_of_plates(data):
    path = data("regions/moc-rust_polygon_list.txt")
    regions, _ = read(path)
    assert len(regions) == 1787
    # The published figure is at order 12: the deep test has that.
    assert Mask.from_regions(path, order=6, mode="overlap").sky_fraction == pytest.approx(0.9985, abs=5e-4)


@pytest.mark.deep
def test_published_coverage_of_plates_at_order_12(data):
    covered = Mask.from_regions(data("regions/moc-rust_polygon_list.txt"), order=12, mode="overlap")
    assert 100 * covered.sky_fraction == pytest.approx(99.697673817, abs=2e-9)


def test_shapes_of_polygons_are_the_smaller_side():
    (small,) = to_shapes("POLYGON 10 10 30 10 20 40", "icrs")
    (other,) = to_shapes("POLYGON 20 40 30 10 10 10", "icrs")
    assert isinstance(small, shapes.Polygon)
    assert small.area == pytest.approx(other.area)
    assert small.area < 0.2
    centre = SkyCoord(20, 20, unit="deg")
    assert Mask.from_regions("POLYGON 10 10 30 10 20 40", order=7).contains(centre)
