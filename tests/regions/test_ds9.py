"""ds9's language: compared with the parser of the regions package, and with the same sky written otherwise."""

import math
import re

import numpy as np
import pytest
import regions
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from regions import Regions
from same_shapes import assert_same_shapes, parameters

from hpmask import Mask
from hpmask.geometry import healpix
from hpmask.regions.convert import checked_shapes, to_shapes
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
    found, _ = read('global color=red font="a (b) c" text={(x)}\nfk5;circle(1,2,3)\n')
    assert len(found) == 1


# ---------------------------------------------------------------------- pandas, vectors and lines

ORDER = 6
VECTORS = healpix.centre_vectors(np.arange(healpix.n_cells(ORDER), dtype=np.uint64), ORDER)


def centres_in(frame):
    centres = SkyCoord(*VECTORS.T, representation_type="cartesian", frame="icrs").transform_to(frame)
    centres.representation_type = "unitspherical"
    return centres


CENTRES = {name: centres_in(name) for name in ("icrs", "fk5", "galactic", "fk4", "barycentricmeanecliptic")}


def cells(mask):
    found = np.zeros(len(VECTORS), dtype=bool)
    found[mask.planes[0].cells().astype(int)] = True
    return found


@pytest.mark.parametrize("place", [(83.0, 22.0), (10.0, 88.0), (359.0, -40.0)])
@pytest.mark.parametrize("frame", ["fk5", "galactic", "ecliptic", "fk4"])
@pytest.mark.parametrize(
    ("text", "first", "span"),
    [
        # From the west through north: north itself is at 90 deg.
        ("panda({},90,180,3,5,20,2)", 0, 90),
        ("panda({},0,270,4,0,20,1)", -90, 270),
        ("panda({},317,587,4,0,20,1)", 227, 270),
        ("panda({},350,10,1,5,20,1)", -100, 20),
        ("panda({},30,30,1,5,20,1)", -60, 360),
        ("panda({},0d,6.283185307179586r,1,5d,1200',1)", -90, 360),
        ("epanda({},90,180,3,5,5,20,20,2,30)", 30, 90),
        ("epanda({},0,100,3,0,0,20,20,2)", -90, 100),
    ],
)
def test_pandas_are_sectors_from_the_west_through_north(text, first, span, frame, place):
    name = {"ecliptic": "barycentricmeanecliptic"}.get(frame, frame)
    there = CENTRES[name]
    centre = SkyCoord(*place, unit="deg", frame=name)
    apart = centre.separation(there).deg
    turn = (centre.position_angle(there).deg - first) % 360
    inner = 0 if ",0,20" in text or "0,0,20,20" in text else 5
    expected = (apart <= 20) & (apart > inner) & (turn <= span)
    found = cells(Mask.from_regions(f"{frame}; {text.format(f'{place[0]},{place[1]}')}", order=ORDER))
    assert expected.sum() > 50
    # FK4 has some aberration: within 20 arcsec of a side cells may differ.
    assert np.count_nonzero(found != expected) <= (3 if frame == "fk4" else 1)


def test_epandas_and_bpandas_are_sectors_of_the_rings_with_these_sizes():
    there = CENTRES["icrs"]
    turn = (SkyCoord(83, 22, unit="deg").position_angle(there).deg - (20 + 40 - 90)) % 360 <= 100
    for word, ring in (("epanda", "ellipse"), ("bpanda", "box")):
        whole = cells(Mask.from_regions(f"icrs; {ring}(83,22,10,5,30,15,20)", order=ORDER))
        part = cells(Mask.from_regions(f"icrs; {word}(83,22,40,140,3,10,5,30,15,2,20)", order=ORDER))
        np.testing.assert_array_equal(part, whole & turn)
        full = cells(Mask.from_regions(f"icrs; {word}(83,22,0,360,3,0,0,30,15,2,20)", order=ORDER))
        np.testing.assert_array_equal(full, cells(Mask.from_regions(f"icrs; {ring}(83,22,30,15,20)", order=ORDER)))


def test_the_parts_of_a_panda_that_ds9_writes_one_by_one_are_the_panda():
    # ds9 writes a panda with sectors of different widths as one line for each of its parts.
    parts = [
        f"panda(83,22,{a},{b},1,{r},{s},1) # panda=ignore" for a, b in ((9, 47), (47, 137)) for r, s in ((0, 3), (3, 6))
    ]
    text = "\n".join(["fk5", parts[0].replace("ignore", '(9 47 137)(0" 3" 6")'), *parts[1:]])
    whole = Mask.from_regions("fk5; panda(83,22,9,137,2,0,6,2)", order=10)
    assert (Mask.from_regions(text, order=10) ^ whole).area < 1e-3 * whole.area


@pytest.mark.parametrize("frame", ["fk5", "galactic"])
def test_vectors_and_segments(frame):
    start = SkyCoord(83, 22, unit="deg", frame=frame)
    end = start.directional_offset_by((130 - 90) * u.deg, 10 * u.deg)
    line = f"{frame}; line(83,22,{end.spherical.lon.deg:.12f},{end.spherical.lat.deg:.12f}) # line=1 1"
    options = {"line_width": "3 deg", "order": ORDER}
    expected = Mask.from_regions(line, **options)
    assert Mask.from_regions(f"{frame}\n# vector(83,22,10,130) vector=1", **options) == expected
    assert Mask.from_regions(f"{frame}; vector 83 22 600' 130d", **options) == expected
    assert expected.contains(start)
    assert expected.contains(end)
    bent = f"(83,22,{end.spherical.lon.deg:.12f},{end.spherical.lat.deg:.12f},80,50)"
    second = line.replace("83,22,", "").replace(") #", ",80,50) #")
    both = Mask.from_regions([line, second], **options)
    for word in ("segment", "polyline"):
        assert Mask.from_regions(f"{frame}; {word}{bent}", **options) == both


def test_points_with_a_radius():
    text = "fk5; point(83,22) # point=diamond 12\nboxcircle point 90 10"
    places = SkyCoord([83, 90], [22, 10], unit="deg", frame="fk5")
    assert Mask.from_regions(text, point_radius="1 deg", order=8) == Mask.from_cones(places, "1 deg", order=8)
    with pytest.raises(ValueError, match="point_radius must be a positive angle"):
        Mask.from_regions(text, point_radius="-1 deg", order=8)
    with pytest.raises(ValueError, match="line_width must be below 180"):
        Mask.from_regions(text, line_width="180 deg", order=8)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("fk5;annulus(83,22,0,1,2)", "fk5;circle(83,22,1);annulus(83,22,1,2)"),
        ("fk5;ellipse(83,22,0,0,1,2,30)", "fk5;ellipse(83,22,1,2,30)"),
        ("fk5;box(83,22,0,0,1,2,30)", "fk5;box(83,22,1,2,30)"),
        ("fk5;rotbox(83,22,1,2,30)", "fk5;box(83,22,1,2,30)"),
        ("fk5\n# tile 2\ncircle(83,22,1)\ntile 3;circle(84,22,1)", "fk5;circle(83,22,1);circle(84,22,1)"),
        ("circle(5:32:00,22:00:00,1')", "fk5;circle(83,22,1')"),
        ("image; circle(83d,22d,1')", "fk5;circle(83,22,1')"),
        ("wcsa; galactic; circle(83,22,1')", "galactic;circle(83,22,1')"),
        ("fk4;wcs;circle(83,22,1')", "fk4;circle(83,22,1')"),
        ("fk5;circle(83,22,1) | # color=red\ncircle(84,22,1) ||", "fk5;circle(83,22,1);circle(84,22,1)"),
    ],
)
def test_what_else_ds9_reads(text, same):
    assert_same_shapes(to_shapes(text, "icrs"), to_shapes(same, "icrs"))


@pytest.mark.parametrize(
    "text",
    [
        "text(83,22) # text={a; circle(1,2,3)} textangle=30",
        "# text(83,22) textangle=30 textrotate=0 text={Region (a) #1}",
        "text(83,22,{Your text (here)})",
        "text 83 22 {Your text}",
        'text(83,22,"a b") # color=red',
        "text(83,22) ||",
    ],
)
def test_texts_are_ignored(text):
    assert checked_shapes(f"fk5\n{text}\ncircle(83,22,1)", "icrs", "raise")[1:] == (0, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("circle(83,22,1)", "circle in physical coordinates, since no frame was found: .*"),
        ("wcs; circle(83,22,1)", "circle in wcs coordinates"),
        ("fk5; wcsc; circle(83,22,1)", "circle in wcsc coordinates"),
        ("global wcs=wcsp\nwcsp; circle(83,22,1)", "circle in wcsp coordinates"),
        ("wcs0; fk5; circle(0.1,0.2,1)", r"circle in coordinates of a template \(wcs0\)"),
        ("linear; panda(83,22,0,90,1,0,2,1)", "panda in linear coordinates"),
        ("detector; box(83,22,1,2)", "box in detector coordinates"),
        ("tile 2; image; circle(83,22,1)", "circle in pixels of tile 2"),
        ("image\n# tile 2\npolygon(1,2,3,4,5,9)", "polygon in pixels of tile 2"),
        ("physical; polygon(1,2,3,4,5,9)", "polygon in physical coordinates"),
        ("fk5; ellipse(83,22,3p,4p)", "ellipse in pixels"),
        ("fk5; circle(83i,22i,1')", "circle in pixels"),
    ],
)
def test_places_that_a_text_does_not_tell(text, why):
    with pytest.raises(ValueError, match=rf"region 0 \({why}\) in line \d of the text has no position on the sky"):
        to_shapes(text, "icrs")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fk5;panda(83,22,0,90,1,2,1,1)", "greater than the inner ones"),
        ("fk5;panda(83,22,0,90,0,1,2,1)", "number of angles must be 1 to 1000, got 0"),
        ("fk5;panda(83,22,0,90,1,1,2,1.5)", "number of rings must be 1 to 1000, got 1.5"),
        ("fk5;panda(83,22,0,90,1,1',2p,1)", "all angles, or all in pixels"),
        ("fk5;epanda(83,22,0,90,1,0,1,2,3,1)", "positive"),
        ("fk5;bpanda(83,22,0,90,1,1,1,2,2)", "cannot have 7 numbers after its position"),
        ("fk5;vector(83,22,1',3p)", "'3p' is not an angle in degrees"),
        ("fk5;annulus(83,22,1',3p)", "all angles, or all in pixels"),
        ("fk5;polygon(83,22,84i,22i,84,23)", "all in one system"),
        ("fk5;segment(83,22,84,22,85)", "segment cannot have 5 numbers"),
        ("image;circle(83d,95d,1')", "latitude must be from -90 deg to 90 deg, got 95"),
        ("fk5;tile x;circle(1,2,3)", "'tile' is not a shape or frame"),
    ],
)
def test_what_pandas_and_vectors_cannot_be(text, why):
    with pytest.raises(ValueError, match=rf"line \d of the text cannot be read as ds9: .*(?:{why})"):
        to_shapes(text, "icrs")


# ---------------------------------------------------------------------- what is skipped


def skipped(text, *messages):
    with pytest.warns(UserWarning, match="left out") as caught:
        shapes = to_shapes(text, "icrs", invalid="skip")
    for message in messages:
        assert re.search(message, str(caught[0].message)), str(caught[0].message)
    return shapes


def test_reading_goes_on_behind_what_cannot_be_read():
    text = "fk5;circle(1,2,x);circle(3,4,5)\nblah\nfk5\nbox(1,2)\ncircle(6,7,8)\ncircle(1,2,3) # text={open"
    shapes = skipped(
        text,
        "left out 4 of 6 regions",
        r"line 1 of the text cannot be read as ds9: .*'x' is not a number",
        "line 2 .*'blah' is not a shape",
        "line 4 .*box cannot have 0 numbers",
        "line 6 .*has no end",
    )
    assert_same_shapes(shapes, to_shapes("fk5;circle(3,4,5);circle(6,7,8)", "icrs"))


def test_no_region_is_read_in_a_frame_that_is_not_known():
    text = "fk5;circle(1,2,3)\ngalactik\ncircle(4,5,6)\ngalactic\ncircle(7,8,9)"
    shapes = skipped(text, "line 2 .*'galactik'", "line 3 .*its frame is not known")
    assert_same_shapes(shapes, to_shapes("fk5;circle(1,2,3);galactic;circle(7,8,9)", "icrs"))
    text = 'fk5;circle(1,2,3)\ncircle(1,2,3) # text="open ; galactic\ncircle(4,5,6)'
    assert_same_shapes(skipped(text, "line 3 .*its frame is not known"), to_shapes("fk5;circle(1,2,3)", "icrs"))


def test_no_region_is_read_with_a_sign_that_is_not_known():
    text = "fk5\nglobal include=maybe\ncircle(1,2,3)\n+circle(4,5,6)"
    shapes = skipped(text, "line 2 .*include must be 0 or 1", "line 3 .*include could not be read")
    assert_same_shapes(shapes, to_shapes("fk5;circle(4,5,6)", "icrs"))


# ---------------------------------------------------------------------- the other writer

angles = st.floats(0, 359.9)
lengths = st.floats(0.01, 20)
places = st.builds(
    lambda lon, lat, frame: SkyCoord(lon, lat, unit="deg", frame=frame),
    angles,
    st.floats(-89, 89),
    st.sampled_from(["icrs", "fk5", "galactic", "fk4"]),
)


@st.composite
def sky_regions(draw):
    place, size, more, angle = draw(places), draw(lengths) * u.deg, draw(lengths) * u.deg, draw(angles) * u.deg
    kind = draw(
        st.sampled_from(["Circle", "Ellipse", "Rectangle", "CircleAnnulus", "RectangleAnnulus", "Polygon", "Point"])
    )
    cls = getattr(regions, f"{kind}SkyRegion")
    match kind:
        case "Circle":
            region = cls(place, size)
        case "Ellipse" | "Rectangle":
            region = cls(place, size, more, angle)
        case "CircleAnnulus":
            region = cls(place, size, size + more)
        case "RectangleAnnulus":
            region = cls(place, size, 2 * size, more, 2 * more, angle)
        case "Polygon":
            region = cls(place.directional_offset_by([0, 100, 190, 280] * u.deg, size))
        case "Point":
            region = cls(place)
    region.meta["include"] = draw(st.booleans())
    region.visual["color"] = draw(st.sampled_from(["red", "#0ff"]))
    region.meta["text"] = draw(st.sampled_from(["", "a; b", "circle(1,2,3)", "# x", "include=0"]))
    return region


@given(st.lists(sky_regions(), min_size=1, max_size=6))
@examples(60)
def test_what_the_regions_package_writes_is_read_back(some):
    text = Regions(some).serialize(format="ds9", precision=13)
    found, expected = to_shapes(text, "icrs"), to_shapes(some, "icrs")
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        words, numbers = parameters([one])
        expected_words, expected_numbers = parameters([other])
        assert words == expected_words
        turns = (np.array(numbers) - expected_numbers + math.pi) % (2 * math.pi) - math.pi
        np.testing.assert_allclose(turns, 0, atol=1e-10)
