"""ds9's language: compared with the parser of the regions package, and with the same sky written otherwise."""

import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import Regions
from same_shapes import assert_same_shapes

from hpmask import Mask
from hpmask.regions.convert import to_shapes
from hpmask.regions.parse import read

VALID = [
    "fk5; circle(83,22,1)",
    "icrs\nCIRCLE 83 22 1",
    "galactic; circle(83 22 30')",
    'fk5; circle(5:30:00.5, -22:10:30, 100")',
    "fk5; circle(5h30m0.5s, -22d10m30s, 0.01r)",
    "galactic; circle(5:30:00, -22:10:30, 1d)",
    "fk4; circle(1.2r, 0.3r, 1)",
    "b1950; ellipse(83,22,1,2,30)",
    "J2000; ellipse(83,22,1',2',3',6',30)",
    "ecliptic; ellipse(83,22,1,2,3,6,5,10,30)",
    "fk5; box(83,22,1,2,-400)",
    "fk5; box(83,22,1,2,3,6,30)",
    "fk5; annulus(83,22,1,2,3,4)",
    "fk5; polygon(80,20,85,20,83,25)",
    "fk5; polygon 80 20 85 20 83 25 # text={a; circle(1,2,3)} color=#0ff",
    "fk5; point(83,22) # point=circle 12",
    "fk5; circle(83,22,1) # include=0\n+circle(84,22,2)",
    "fk5; -circle(83,22,1) # include=1",
    "fk5;-circle(83,22,1);circle(83,22,2)",
    'global color=green font="helvetica 10 normal" include=1\nfk5\r\ncircle(83,22,1)\r\n',
    "fk5\n# composite(83,22,0) || composite=1\ncircle(83,22,1) || # color=pink\n-circle(84,22,1)",
]


@pytest.mark.parametrize("text", VALID)
def test_texts_are_the_regions_that_the_regions_package_reads(text):
    assert_same_shapes(to_shapes(text, "icrs"), to_shapes(Regions.parse(text, format="ds9"), "icrs"))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        # What the regions package does not read, or reads as something else.
        ("global include=0\nfk5;circle(83,22,1)", "fk5;-circle(83,22,1)"),
        ("global include=0\nfk5;+circle(83,22,1);circle(80,22,1) # include=1", "fk5;circle(83,22,1);circle(80,22,1)"),
        ("fk5;ellipse(83,22,1,2)", "fk5;ellipse(83,22,1,2,0)"),
        ("fk5;box(83,22,1,2)", "fk5;box(83,22,1,2,0)"),
        ("fk5;ellipse(83,22,1,2,3,6)", "fk5;ellipse(83,22,1,2,3,6,0)"),
        ("fk5;annulus(83,22,1,4,n=3)", "fk5;annulus(83,22,1,2,3,4)"),
        ("fk5;box(83,22,1,2,3,6,n=2,30)", "fk5;box(83,22,1,2,2,4,3,6,30)"),
        ("fk5;circle point 83 22", "fk5;point(83,22)"),
        ("fk5;circle(83,22,1) # text={include=0} tag={-}", "fk5;circle(83,22,1)"),
        ("fk5;circle(83,22,1) # color=red; circle(84,22,1)", "fk5;circle(83,22,1);circle(84,22,1)"),
        ("fk5;circle(83,22,1)\n# note; circle(84,22,1)", "fk5;circle(83,22,1)"),
        ("  fk5 ;\t circle ( 83 , 22 , 1 ) ; ", "fk5;circle(83,22,1)"),
        ("fk5;circle(83,22,1)\rcircle(84,22,1)", "fk5;circle(83,22,1);circle(84,22,1)"),
    ],
)
def test_texts_as_ds9_reads_them(text, same):
    assert_same_shapes(to_shapes(text, "icrs"), to_shapes(same, "icrs"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fk5;circle(83,22,1) circle(90,22,1)", r"'circle\(90,22,1\)' follows the region"),
        ("fk5 circle(83,22,1)", "the frame 'fk5' must stand alone"),
        ("-fk5;circle(83,22,1)", "has a sign"),
        ("fk5;circle(83,22,1) garbage", "'garbage' follows the region"),
        ("fk5;circle(83,22,1,5)", "circle cannot have 2 numbers after its position"),
        ("fk5;circle(83,22)", "circle cannot have 0"),
        ("fk5;circle(83,22,1", "parenthesis is not closed"),
        ("fk5;circle 83,22,1)", r"'1\)' is not a number"),
        ("fk5;circle(83,,22,1)", "lacks a number"),
        ("fk5;circle()", "lacks a number"),
        ("fk5;circle(83,22,1.2.3)", "'1.2.3' is not a number"),
        ("fk5;circle(5:61:00,22,1)", "below 60"),
        ("fk5;circle(1e999,22,1)", "'1e999' is not a number"),
        ("fk5;point(83)", "point needs a position"),
        ("fk5;point(83,22,1)", "point cannot have 1"),
        ("fk5;polygon(1,2,3,4,5,6,7)", "even number"),
        ("fk5;box(83,22,1,2,3,4,5,n=1)", "is not a number"),
        ("fk5;line(1,2,3)", "line cannot have 3 numbers"),
        ("fk5;circle(83,22,1) # text={open", "has no end"),
        ("fk5;circle(83,22,1) & circle(84,22,1)", "follows the region"),
        ("fk5;!circle(83,22,1)", "is not a region"),
        ("fk5\n# -composite(83,22,0) || composite=1\ncircle(83,22,1) ||", "composite cannot be excluded"),
        ("fk5\n# composite(83,22,0) || composite=1 include=0", "composite cannot be excluded"),
        ("global include=2\nfk5;circle(83,22,1)", "include must be 0 or 1, got '2'"),
        ("fk5;blob(83,22,1)", "'blob' is not a shape or frame"),
        ("fk5;annulus(83,22,2,1)", "greater|inner"),
        ("fk5;annulus(83,22,1,2,n=1001)", "n must be 1 to 1000"),
    ],
)
def test_what_ds9_does_not_say_is_refused_with_its_line(text, why):
    with pytest.raises(ValueError, match=rf"line \d+ of the text cannot be read as ds9: .*(?:{why})"):
        to_shapes(text, "icrs")


def test_areas_are_those_of_the_sphere():
    def area(text):
        return Mask.from_regions(text, order=11).area.to_value("deg2")

    cap = (180 / math.pi) ** 2 * 2 * math.pi * (1 - math.cos(math.radians(1)))
    assert area("fk5;circle(83,22,1);circle(90,22,1)") == pytest.approx(2 * cap, rel=1e-3)
    assert area("global include=0\nfk5;circle(83,22,1)") == pytest.approx(41252.961 - cap, abs=1e-2)
    # Points in the ellipse of semi-axes 1 deg (east) and 2 deg (north), without an angle.
    there = SkyCoord(83, 22, unit="deg").directional_offset_by([0, 0, 90, 90] * u.deg, [1.99, 2.01, 0.99, 1.01] * u.deg)
    mask = Mask.from_regions("icrs;ellipse(83,22,1,2)", order=13)
    np.testing.assert_array_equal(mask.contains(there), [True, False, True, False])


def test_a_region_behind_global_is_not_lost():
    with pytest.raises(ValueError, match=r"line 1 .*follows 'global', and cannot be read as properties"):
        read("global circle(1,2,3) color=red\nfk5;circle(1,2,3)\n")
    regions, _ = read('global color=red font="a (b) c" text={(x)}\nfk5;circle(1,2,3)\n')
    assert len(regions) == 1
