"""CRTF: compared with brute force on the sphere, and with the parser of the regions package where it is right."""

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from regions import (
    CircleAnnulusPixelRegion,
    CirclePixelRegion,
    EllipsePixelRegion,
    PixCoord,
    PolygonPixelRegion,
    RectanglePixelRegion,
    Regions,
)
from same_shapes import assert_same_shapes

from hpmask import Mask
from hpmask.regions.convert import checked_shapes, to_shapes
from hpmask.regions.masks import context_of
from hpmask.wcs.pixel_frame import pixel_frame

IMAGE = WCS(naxis=2)
IMAGE.wcs.ctype = ["RA---TAN", "DEC--TAN"]
IMAGE.wcs.crval = [45, 42]
IMAGE.wcs.crpix = [41, 51]
IMAGE.wcs.cdelt = [-0.2, 0.2]


@pytest.mark.parametrize(
    "line",
    [
        "circle[[18h12m24s, -23d11m00s], 2.3arcsec], coord=J2000",
        "circle[[18:12:24.5, -23.11.00.5], 2.3'] coord=B1950",
        "-rotbox[[12h01m34.1s, 12d23m32s], [3arcmin, 1arcmin], 12deg], coord=ICRS, range=[-1240km/s, 1240km/s]",
        "centerbox[[1.2rad, 0.3rad], [3arcmin, 1arcmin]] coord=GALACTIC, color=#2ee6d6",
        "annulus[[17h51m03.2s, -45d17m50s], [0.10deg, 4.12deg]], coord=J2000, corr=[I,Q,U,V], label='My ] label, here'",
        "ellipse[[12deg, +45deg], [1.34deg, 0.25deg], 45rad], coord=SUPERGAL",
        "poly[[1deg, 2deg], [3deg, 2deg], [2deg, 4deg]], coord=J2000",
        "symbol[[32.1423deg, 12.1412deg], D], linewidth=2, coord=J2000, symsize=2",
    ],
)
def test_lines_are_the_regions_that_the_regions_package_reads(line):
    text = f"#CRTFv0\n{line}"
    assert_same_shapes(to_shapes(text, "icrs"), to_shapes(Regions.parse(text, format="crtf"), "icrs"))


RNG = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("corners", "lon", "lat"),
    [
        ("[80deg,60deg],[86deg,61deg]", (80, 86), (60, 61)),
        ("[86deg,61deg],[80deg,60deg]", (80, 86), (60, 61)),
        ("[358deg,-80deg],[3deg,-85deg]", (358, 363), (-85, -80)),
    ],
)
def test_boxes_lie_between_the_meridians_and_parallels_of_their_corners(corners, lon, lat):
    mask = Mask.from_regions(f"#CRTFv0\nbox[{corners}] coord=ICRS", order=13)
    ra, dec = RNG.uniform(lon[0] - 2, lon[1] + 2, 20_000), RNG.uniform(lat[0] - 1, lat[1] + 1, 20_000)
    inside = (ra > lon[0]) & (ra < lon[1]) & (dec > lat[0]) & (dec < lat[1])
    # Cells of order 13 are 26 arcsec wide.
    off = np.minimum.reduce(
        [abs(ra - lon[0]) * np.cos(np.radians(dec)), abs(ra - lon[1]) * np.cos(np.radians(dec))]
        + [abs(dec - one) for one in lat]
    )
    clear = off > 0.01
    found = mask.contains(SkyCoord(ra, dec, unit="deg"))
    np.testing.assert_array_equal(found[clear], inside[clear])


def test_the_first_axis_of_an_ellipse_has_the_position_angle():
    center = SkyCoord(83, 40, unit="deg")
    mask = Mask.from_regions("#CRTFv0\nellipse[[83deg,40deg],[2deg,0.5deg],30deg] coord=ICRS", order=12)
    there = center.directional_offset_by([30, 30, 120, 120] * u.deg, [1.98, 2.02, 0.48, 0.52] * u.deg)
    np.testing.assert_array_equal(mask.contains(there), [True, False, True, False])


def test_ecliptic_is_the_mean_ecliptic_of_j2000():
    (disc,) = to_shapes("#CRTFv0\ncircle[[200deg,66deg],1arcmin] coord=ECLIPTIC", "icrs")
    expected = SkyCoord(200, 66, unit="deg", frame="barycentricmeanecliptic").icrs
    assert SkyCoord(disc.lon, disc.lat, unit="rad").separation(expected) < 1e-6 * u.arcsec


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("circle[[1deg,2deg],3deg], cord=ICRS", "'cord' is not a parameter"),
        ("circle[[1deg,2deg],3deg], coord=MECLIPTIC", "coord must be one of ICRS.*got MECLIPTIC"),
        ("circle[[1deg,2deg],3deg] circle[[1deg,2deg],3deg], coord=ICRS", "not a list of parameters"),
        ("circle[[1deg,2deg],3deg, 4deg], coord=ICRS", "circle must have"),
        ("circle[[1deg,2deg,3deg],3deg], coord=ICRS", "is not a pair"),
        ("circle[[1deg,2deg],3deg, coord=ICRS", "not a pair"),
        ("circle[[1deg,2deg],[3deg,4deg]], coord=ICRS", "circle must have"),
        ("circle[[1deg,2deg],3], coord=ICRS", "'3' is not an angle with a unit"),
        ("circle[[1,2deg],3deg], coord=ICRS", "'1' is not an angle with a unit"),
        ("circle[[1deg,12:30:00],3deg], coord=ICRS", "in hours"),
        ("poly[[1deg,2deg],[3deg,4deg]], coord=ICRS", "poly must have"),
        ("box[[1deg,2deg],[181deg,4deg]], coord=ICRS", "less than 180 deg apart"),
        ("blob[[1deg,2deg],3deg], coord=ICRS", "'blob' is not a shape"),
        ("nonsense", "neither a region"),
        ("circle[[1deg,2deg],3deg], coord=ICRS garbage", "coord must be one of"),
        ("circle[[1deg,95deg],3deg], coord=ICRS", "90"),
    ],
)
def test_what_is_not_crtf_is_refused_with_its_line(line, why):
    with pytest.raises(ValueError, match=rf"line 2 of the text cannot be read as crtf: .*(?:{why})"):
        to_shapes(f"#CRTFv0\n{line}", "icrs")


def test_what_needs_an_image():
    text = "#CRTFv0\ncircle[[1pix,2pix],3pix]\ncircle[[1deg,2deg],3deg]\nsymbol[[1deg,2deg],D] coord=ICRS"
    with pytest.raises(
        ValueError, match=r"circle in pixels\) in line 2 .*circle without a frame \(coord=ICRS.* in line 3"
    ):
        to_shapes(text, "icrs")
    with pytest.warns(UserWarning, match="left out 2 of 3"):
        assert len(to_shapes(text, "icrs", invalid="skip")) == 1


def test_annotations_and_texts_are_labels():
    text = "#CRTFv0\nglobal coord=ICRS\nann circle[[1deg,2deg],3deg]\ntext[[1deg,2deg],'x']"
    with pytest.raises(ValueError, match=r"annotation circle\) in line 3 .*text\) in line 4 .*no area"):
        to_shapes(text, "icrs")
    assert len(to_shapes(f"{text}\ncircle[[1deg,2deg],3deg]", "icrs")) == 1


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("circle[[41pix,51pix],13pix]", CirclePixelRegion(PixCoord(41, 51), 13)),
        ("annulus[[41pix,51pix],[5pix,13pix]]", CircleAnnulusPixelRegion(PixCoord(41, 51), 5, 13)),
        ("annulus[[41pix,51pix],[0pix,13pix]]", CirclePixelRegion(PixCoord(41, 51), 13)),
        ("box[[11pix,20pix],[61pix,50pix]]", RectanglePixelRegion(PixCoord(36, 35), 50, 30)),
        ("centerbox[[36pix,35pix],[50pix,30pix]]", RectanglePixelRegion(PixCoord(36, 35), 50, 30)),
        ("rotbox[[36pix,35pix],[50pix,30pix],20deg]", RectanglePixelRegion(PixCoord(36, 35), 50, 30, 20 * u.deg)),
        # The first semi-axis is at the angle from the y axis.
        ("ellipse[[36pix,35pix],[25pix,10pix],20deg]", EllipsePixelRegion(PixCoord(36, 35), 20, 50, 20 * u.deg)),
        ("poly[[10pix,10pix],[60pix,10pix],[40pix,50pix]]", PolygonPixelRegion(PixCoord([10, 60, 40], [10, 10, 50]))),
    ],
)
def test_pixels_count_from_0(line, same):
    found = Mask.from_regions(f"#CRTFv0\n{line}, range=[1GHz, 2GHz]", wcs=IMAGE, order=8)
    expected = Mask.from_regions(same, wcs=IMAGE, order=8)
    assert (found ^ expected).area < 1e-3 * expected.area


def test_without_coord_the_frame_is_that_of_the_image():
    text = "#CRTFv0\ncircle[[45deg,42deg],3deg]\nbox[[40deg,30deg],[42deg,33deg]]\nline[[45deg,42deg],[43deg,47deg]]"
    found = Mask.from_regions(text, wcs=IMAGE, line_width="1 deg", order=8)
    assert found == Mask.from_regions(
        f"{text.replace('v0', 'v0@global coord=ICRS').replace('@', chr(10))}", line_width="1 deg", order=8
    )
    mixed = Mask.from_regions("#CRTFv0\ncircle[[41pix,51pix],2deg]", wcs=IMAGE, order=8)
    assert mixed == Mask.from_cones(IMAGE.pixel_to_world(41, 51), "2 deg", order=8)
    with pytest.raises(ValueError, match="all in pixels, or none"):
        to_shapes("#CRTFv0\npoly[[1deg,2deg],[3pix,4pix],[1deg,5deg]]", "icrs")
    with pytest.raises(ValueError, match="an angle cannot be in pixels"):
        to_shapes("#CRTFv0\nrotbox[[1deg,2deg],[3deg,4deg],3pix] coord=ICRS", "icrs")


def test_lines_vectors_and_polylines():
    text = "#CRTFv0\nglobal coord=J2000\n{}[[45deg,42deg],[43deg,47deg]]"
    masks = [
        Mask.from_regions(text.format(word), line_width="1 deg", order=8) for word in ("line", "vector", "polyline")
    ]
    assert masks[0] == masks[1] == masks[2] == Mask.from_regions("fk5; line(45,42,43,47)", line_width="1 deg", order=8)
    with pytest.raises(ValueError, match=r"region 0 \(polyline\) in line 3 of the text has no width"):
        to_shapes(text.format("polyline"), "icrs")


def test_boxes_of_b1950_lie_between_its_meridians_and_parallels():
    mask = Mask.from_regions("#CRTFv0\nbox[[80deg,60deg],[90deg,63deg]] coord=B1950", order=12)
    there = SkyCoord(RNG.uniform(78, 92, 20_000), RNG.uniform(59, 64, 20_000), unit="deg", frame="fk4")
    inside = (there.ra.deg > 80) & (there.ra.deg < 90) & (there.dec.deg > 60) & (there.dec.deg < 63)
    off = np.minimum.reduce(
        [np.abs(there.ra.deg - one) / 2 for one in (80, 90)] + [np.abs(there.dec.deg - one) for one in (60, 63)]
    )
    found = mask.contains(there.icrs)
    np.testing.assert_array_equal(found[off > 0.02], inside[off > 0.02])


def test_reading_goes_on_behind_what_cannot_be_read():
    lines = [
        "#CRTFv0",
        "global coord=ICRS",
        "circle[[1deg,2deg],3]",
        "circle[[4deg,5deg],3deg]",
        "gloabl coord=GALACTIC",
        "circle[[6deg,7deg],3deg]",
        "circle[[6deg,7deg],3deg] coord=J2000",
        "global coord=GALACTIC",
        "circle[[8deg,9deg],3deg]",
    ]
    with pytest.warns(UserWarning, match="left out 3 of 6") as caught:
        shapes = to_shapes("\n".join(lines), "icrs", invalid="skip")
    for words in ("line 3 .*'3' is not an angle", "line 5 .*neither a region", "line 6 .*its coord is not known"):
        assert re.search(words, str(caught[0].message))
    assert_same_shapes(shapes, to_shapes("icrs;circle(4,5,3);fk5;circle(6,7,3);galactic;circle(8,9,3)", "icrs"))


CARTA = """#CRTFv0 CASA Region Text Format version 0
symbol [[45.0deg, 42.0deg], .] coord=ICRS, corr=[I], linewidth=2, linestyle=-, symsize=1, symthick=1, color=2ee6d6
ann circle [[45.0deg, 42.0deg], 20.0arcsec] coord=ICRS, color=ffba01
# ruler [[45.0deg, 42.0deg], [45.1deg, 42.0deg]] coord=ICRS, ruler=ICRS degrees
# compass [[100.0000pix, 120.0000pix], 100.0000pix] compass=ICRS "N" "E" 1 1
# textbox [[45.0deg, 42.0deg], [10.0arcsec, 5.0arcsec]] coord=ICRS, label="", align=center
text [[45.0deg, 42.0deg], "a label"] coord=ICRS, color=ffba01
polyline [[45.0deg, 42.0deg], [45.2deg, 42.0deg], [45.2deg, 42.3deg]] coord=ICRS
rotbox [[45.0deg, 42.0deg], [1.0deg, 0.5deg], 20.0deg] coord=ICRS, corr=[I], label="region"
centerbox [[40.0pix, 50.0pix], [3.0pix, 4.0pix]]
"""


def test_files_of_carta_are_read_whole():
    shapes, n_left_out, n_labels = checked_shapes(
        CARTA, "icrs", "raise", context_of(pixel_frame(IMAGE), "1 arcmin", None)
    )
    assert (len(shapes), n_left_out, n_labels) == (4, 0, 2)
