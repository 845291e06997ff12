"""Regions in pixels: compared with the planar regions of the regions package at the pixel of every cell centre."""

import math
from functools import cache

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from regions import (
    CircleAnnulusPixelRegion,
    CirclePixelRegion,
    EllipseAnnulusPixelRegion,
    EllipsePixelRegion,
    LinePixelRegion,
    PixCoord,
    PointPixelRegion,
    PolygonPixelRegion,
    RectangleAnnulusPixelRegion,
    RectanglePixelRegion,
    Regions,
    RegularPolygonPixelRegion,
    TextPixelRegion,
)

from hpmask import Mask
from hpmask.geometry import healpix
from hpmask.regions.pixels import arc, closed, segment
from hpmask.wcs.pixel_frame import pixel_frame

ORDER = 7
VECTORS = healpix.centre_vectors(np.arange(healpix.n_cells(ORDER), dtype=np.uint64), ORDER)
CENTRES = {frame: SkyCoord(*VECTORS.T, representation_type="cartesian", frame=frame) for frame in ("icrs", "galactic")}
for centres in CENTRES.values():
    centres.representation_type = "unitspherical"


def image(kind="TAN", centre=(50.0, 40.0), turn=0.0, parity=-1, names=("RA", "DEC"), pixel=0.25):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<5}{kind}" for name in names]
    wcs.wcs.crval = centre
    wcs.wcs.crpix = [50.5, 60.5]
    cosine, sine = math.cos(turn), math.sin(turn)
    wcs.wcs.cd = pixel * np.array([[parity * cosine, -sine * parity], [sine, cosine]])
    wcs.wcs.set()
    return wcs


IMAGES = {
    "tangential": image(),
    "at a pole": image(centre=(120.0, 89.0)),
    "turned": image(turn=1.0),
    "mirrored": image(parity=1, turn=-2.0),
    "galactic": image("SIN", centre=(0.0, -20.0), names=("GLON", "GLAT")),
    "cylindrical": image("CAR", centre=(359.0, 0.0), pixel=0.3),
    "all sky": image("AIT", centre=(0.0, 0.0), pixel=0.5),
}

C = PixCoord(52.0, 58.0)
TURN = 25 * u.deg
REGIONS = {
    "circle": CirclePixelRegion(C, 21),
    "annulus": CircleAnnulusPixelRegion(C, 8, 21),
    "ellipse": EllipsePixelRegion(C, 30, 50, TURN),
    "ellipse annulus": EllipseAnnulusPixelRegion(C, 10, 30, 12, 50, TURN),
    "rectangle": RectanglePixelRegion(C, 30, 50, TURN),
    "rectangle annulus": RectangleAnnulusPixelRegion(C, 10, 30, 12, 50, TURN),
    "polygon": PolygonPixelRegion(PixCoord([30, 60, 80, 55, 40], [40, 45, 80, 60, 90])),
    "regular polygon": RegularPolygonPixelRegion(C, 5, 30, TURN),
    "compound": CirclePixelRegion(C, 21) & RectanglePixelRegion(C, 30, 50, TURN),
}


def cells(mask):
    found = np.zeros(len(VECTORS), dtype=bool)
    found[mask.planes[0].cells().astype(int)] = True
    return found


@cache
def pixels(name, frame):
    """The pixel of each cell centre on an image."""
    wcs = IMAGES[name]
    with np.errstate(invalid="ignore"):
        return np.stack(wcs.world_to_pixel(CENTRES[frame]), axis=1)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("kind", REGIONS)
def test_pixel_regions_are_the_sky_under_them(kind, name):
    wcs, region = IMAGES[name], REGIONS[kind]
    frame = "galactic" if name in ("galactic", "turned") else "icrs"
    x, y = pixels(name, frame).T
    seen = np.isfinite(x) & np.isfinite(y)
    expected = np.zeros(len(VECTORS), dtype=bool)
    expected[seen] = region.contains(PixCoord(x[seen], y[seen]))
    found = cells(Mask.from_regions(region, wcs=wcs, order=ORDER, frame=frame))
    assert expected.sum() > 100
    # The outlines are right to 1e-4 of their size.
    assert np.count_nonzero(found != expected) <= 3


def in_sector(points, center, angle, start, stop, outer, inner, box):
    """Brute force in the plane; sizes are half axes."""
    x, y = (points - center).T
    x, y = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    turn = (np.degrees(np.arctan2(y, x)) - start) % 360

    def within(size):
        a, b = size
        return (np.abs(x) <= a) & (np.abs(y) <= b) if box else (x / a) ** 2 + (y / b) ** 2 <= 1

    hole = within(inner) if min(inner) > 0 else np.zeros(len(x), dtype=bool)
    return within(outer) & ~hole & (turn <= (stop - start) % 360)


SECTORS = [
    ("panda", "panda(53,59,10,200,3,5,20,2)", (0, 10, 200), (20, 20), (5, 5)),
    ("whole panda", "panda(53,59,90,450,1,5,20,1)", (0, 0, 359.9999999), (20, 20), (5, 5)),
    ("pie", "panda(53,59,300,20,1,0,20,1)", (0, 300, 20), (20, 20), (0, 0)),
    ("epanda", "epanda(53,59,-30,250,3,5,10,15,30,2,20)", (20, -30, 250), (15, 30), (5, 10)),
    ("bpanda", "bpanda(53,59,100,60,3,10,20,30,60,2,20)", (20, 100, 60), (15, 30), (5, 10)),
    ("thin bpanda", "bpanda(53,59,40,50,3,0,0,30,60,2)", (0, 40, 50), (15, 30), (0, 0)),
]


@pytest.mark.parametrize("name", ["tangential", "mirrored", "all sky"])
@pytest.mark.parametrize(("kind", "text", "turns", "outer", "inner"), SECTORS, ids=[one[0] for one in SECTORS])
def test_sectors_in_pixels(kind, text, turns, outer, inner, name):
    wcs = IMAGES[name]
    angle, start, stop = turns
    points = pixels(name, "icrs")
    seen = np.isfinite(points).all(axis=1)
    expected = np.zeros(len(VECTORS), dtype=bool)
    expected[seen] = in_sector(points[seen], [52, 58], math.radians(angle), start, stop, outer, inner, "bp" in text)
    # Images count from 1, arrays from 0.
    found = cells(Mask.from_regions(f"image; {text}", wcs=wcs, order=ORDER))
    assert expected.sum() > 10
    assert np.count_nonzero(found != expected) <= 3


@pytest.mark.parametrize("name", ["tangential", "turned", "mirrored"])
def test_lines_and_points(name):
    wcs = IMAGES[name]
    line = LinePixelRegion(PixCoord(20, 30), PixCoord(80, 70))
    mask = Mask.from_regions(line, wcs=wcs, line_width="2 deg", order=ORDER)
    start, end = wcs.pixel_to_world([20, 80], [30, 70])
    sky = f"line({start.ra.deg:.12f},{start.dec.deg:.12f},{end.ra.deg:.12f},{end.dec.deg:.12f})"
    assert mask == Mask.from_regions(f"icrs; {sky}", line_width="2 deg", order=ORDER)
    assert Mask.from_regions("image; line(21,31,81,71)", wcs=wcs, line_width="2 deg", order=ORDER) == mask
    length, angle = math.hypot(60, 40), math.degrees(math.atan2(40, 60))
    vector = f"image\n# vector(21,31,{length},{angle}) vector=1"
    assert Mask.from_regions(vector, wcs=wcs, line_width="2 deg", order=ORDER) == mask
    point = Mask.from_regions(PointPixelRegion(C), wcs=wcs, point_radius="3 deg", order=ORDER)
    assert point == Mask.from_cones(wcs.pixel_to_world(C.x, C.y), "3 deg", order=ORDER)
    assert Mask.from_regions(PointPixelRegion(C), wcs=wcs, order=ORDER).planes[0].n_cells == 1


def test_the_polyline_of_a_bent_line_follows_the_image():
    # A line along a parallel, which a cylindrical image shows as straight.
    wcs = image("CAR", centre=(50.0, 0.0), pixel=0.5)
    mask = Mask.from_regions("image; line(0,160,100,160)", wcs=wcs, line_width="1 deg", order=ORDER)
    lat = wcs.pixel_to_world(50, 159).dec
    far = np.abs(CENTRES["icrs"].dec - lat)[cells(mask)].max()
    assert far < 0.501 * u.deg
    assert mask.area > 35 * u.deg**2


@pytest.mark.parametrize("name", ["tangential", "turned", "mirrored", "galactic"])
def test_positions_in_pixels_with_sizes_in_angles(name):
    wcs = IMAGES[name]
    centre = wcs.pixel_to_world(60, 30)
    where = f"{centre.spherical.lon.deg:.12f},{centre.spherical.lat.deg:.12f}"
    frame = "galactic" if name == "galactic" else "icrs"

    def mask(text):
        return Mask.from_regions(text, wcs=wcs, order=ORDER)

    assert mask("image; circle(61,31,3d)") == mask(f"{frame}; circle({where},3)")
    assert mask("image; circle(61,31,180')") == mask(f"{frame}; circle({where},3)")
    # The angle is that of the image, where the region is.
    sky = mask("image; ellipse(61,31,6d,2d,30)")
    end = wcs.pixel_to_world(60 + 1e-3 * math.cos(math.radians(30)), 30 + 1e-3 * math.sin(math.radians(30)))
    angle = centre.position_angle(end).deg + 90
    assert sky == mask(f"{frame}; ellipse({where},6,2,{angle})")
    # A panda turns the other way if the image is mirrored.
    turns = np.radians([90, 150])
    sides = centre.position_angle(wcs.pixel_to_world(60 + 1e-3 * np.cos(turns), 30 + 1e-3 * np.sin(turns))).deg + 90
    first, last = sides[::-1] if name == "mirrored" else sides
    assert mask("image; panda(61,31,90,150,1,1d,9d,1)") == mask(f"{frame}; panda({where},{first},{last},1,1,9,1)")


@pytest.mark.parametrize("name", ["tangential", "turned", "mirrored"])
def test_positions_on_the_sky_with_sizes_in_pixels(name):
    wcs = IMAGES[name]
    centre = wcs.pixel_to_world(60, 30)
    where = f"{centre.ra.deg:.12f},{centre.dec.deg:.12f}"

    def mask(text):
        return Mask.from_regions(text, wcs=wcs, order=ORDER)

    assert mask(f"icrs; circle({where},20i)") == mask("image; circle(61,31,20)")
    # Its angle is that of the sky.
    x, y = wcs.world_to_pixel(centre.directional_offset_by([-60, -60, 0] * u.deg, 1 * u.arcsec))
    angle, start, stop = np.degrees(np.arctan2(y - 30, x - 60))
    text = mask(f"image; ellipse(61,31,20,8,{angle:.9f})")
    assert (mask(f"icrs; ellipse({where},20i,8i,30)") ^ text).area < 1e-3 * text.area
    sides = f"{stop},{start}" if name == "mirrored" else f"{start},{stop}"
    assert (mask(f"icrs; panda({where},30,90,1,5i,30i,1)") ^ mask(f"image; panda(61,31,{sides},1,5,30,1)")).area < (
        1e-2 * text.area
    )


def test_physical_coordinates():
    wcs = IMAGES["turned"]
    header = wcs.to_header()
    # physical = 2 * image + 10, -3 * image + 500
    header["LTM1_1"], header["LTM2_2"], header["LTV1"], header["LTV2"] = 2.0, -3.0, 10.0, 500.0
    found = Mask.from_regions("physical; polygon(70,440,130,440,130,380)", wcs=header, order=ORDER)
    assert found == Mask.from_regions("image; polygon(30,20,60,20,60,40)", wcs=wcs, order=ORDER)
    # A circle of that plane is an ellipse of the image.
    found = Mask.from_regions("circle(110,350,60)", wcs=header, order=ORDER)
    ellipse = Mask.from_regions("image; ellipse(50,50,30,20)", wcs=wcs, order=ORDER)
    assert (found ^ ellipse).area < 1e-3 * ellipse.area
    # Without the keywords it is the image; a WCS alone does not say.
    assert Mask.from_regions("circle(50,50,20)", wcs=wcs.to_header(), order=ORDER) == Mask.from_regions(
        "image; circle(50,50,20)", wcs=wcs, order=ORDER
    )
    with pytest.raises(ValueError, match=r"circle in physical coordinates.*need the keywords LTMi_j"):
        Mask.from_regions("physical; circle(50,50,20)", wcs=wcs)


def test_what_the_image_does_not_show():
    wcs = IMAGES["all sky"]
    with pytest.raises(ValueError, match=r"region 0 \(CirclePixelRegion\): the image has no sky at x="):
        Mask.from_regions(CirclePixelRegion(PixCoord(300, 60), 200), wcs=wcs)
    with pytest.raises(ValueError, match=r"more than 90 deg from its middle"):
        Mask.from_regions(EllipsePixelRegion(PixCoord(49.5, 59.5), 640, 300), wcs=wcs)
    with pytest.raises(ValueError, match="must be finite"):
        Mask.from_regions(CirclePixelRegion(PixCoord(math.nan, 60), 2), wcs=wcs)
    with pytest.warns(UserWarning, match="left out 1 of 2 regions"):
        Mask.from_regions(
            [CirclePixelRegion(PixCoord(3000, 60), 2), CirclePixelRegion(C, 5)], wcs=wcs, invalid="skip", order=6
        )
    labels = [TextPixelRegion(C, "x"), CirclePixelRegion(C, 5)]
    assert "1 label ignored" in Mask.from_regions(labels, wcs=wcs, order=6).history


def test_fits_region_files(tmp_path):
    wcs = IMAGES["tangential"]
    Regions([CirclePixelRegion(PixCoord(40, 50), 13)]).write(str(tmp_path / "a.fits"))
    found = Mask.from_regions(tmp_path / "a.fits", wcs=wcs, order=ORDER)
    assert found == Mask.from_regions(CirclePixelRegion(PixCoord(40, 50), 13), wcs=wcs, order=ORDER)


def test_straight_sides_of_tangential_images_stay_single_edges():
    frame = pixel_frame(IMAGES["tangential"])
    square = np.array([(10.0, 20.0), (90.0, 20.0), (90.0, 95.0), (10.0, 95.0)])
    assert len(frame.outline(closed(square), "pixel")) == 4
    vertices = frame.outline([arc(np.array([50.0, 60.0]), (20.0, 20.0), 0.0, 0.0, 2 * math.pi)], "pixel")
    assert 200 < len(vertices) < 600
    line = segment(square[0], square[1])
    np.testing.assert_allclose(line(np.array([0.0, 0.25])), [(10, 20), (30, 20)])
