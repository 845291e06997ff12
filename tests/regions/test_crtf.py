"""CRTF: compared with brute force on the sphere, and with the parser of the regions package where it is right."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import Regions
from same_shapes import assert_same_shapes

from hpmask import Mask
from hpmask.regions.convert import to_shapes


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
