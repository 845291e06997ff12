"""Regions to shapes: compared with what the regions package itself and astropy say of the same sky."""

import math
import operator
import sys
import time
import warnings
from dataclasses import dataclass, field, fields
from functools import cache

import numpy as np
import pytest
import regions as astropy_regions
from astropy import units as u
from astropy.coordinates import FK5, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from regions import (
    CircleAnnulusSkyRegion,
    CirclePixelRegion,
    CircleSkyRegion,
    CompoundSkyRegion,
    EllipseAnnulusSkyRegion,
    EllipseSkyRegion,
    LineSkyRegion,
    PixCoord,
    PointSkyRegion,
    PolygonSkyRegion,
    RectangleAnnulusSkyRegion,
    RectangleSkyRegion,
    Regions,
    TextSkyRegion,
)

from hpmask import Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.regions import from_astropy, rasterize
from hpmask.regions.convert import cells_of_points, checked_shapes, to_shapes
from hpmask.regions.shapes import Combined, Disc, Ellipse, Polygon, Shape

DEG = math.pi / 180
SIGNS = {"|": operator.or_, "&": operator.and_, "^": operator.xor}
HAS_SPHERICAL = hasattr(astropy_regions, "CircleSphericalSkyRegion")


# ---------------------------------------------------------------------- referee: shapes, written once more


@dataclass
class Corners(Shape):
    """Stands for a Polygon, and keeps what it was made of."""

    lon: np.ndarray
    lat: np.ndarray
    rectangle_of: tuple[float, ...] = field(default=())

    @classmethod
    def rectangle(cls, *arguments):
        return cls(np.array([]), np.array([]), arguments)


@pytest.fixture(autouse=True)
def corners(monkeypatch):
    """Polygons that keep their arguments: these are under test here, not the polygons themselves."""
    monkeypatch.setattr(from_astropy, "Polygon", Corners)


def vectors_of(lon, lat):
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def axes(lon, lat, angle):
    """Unit vectors towards a position, along its width axis and along its height axis."""
    centre = vectors_of(lon, lat)
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    north = np.cross(centre, east)
    return (
        centre,
        math.cos(angle) * east - math.sin(angle) * north,
        math.sin(angle) * east + math.cos(angle) * north,
    )


def inside(shape, vectors):
    """Whether unit vectors are in a shape."""
    match shape:
        case Disc():
            chord = np.linalg.norm(vectors - vectors_of(shape.lon, shape.lat), axis=-1)
            return chord <= 2 * math.sin(shape.radius / 2)
        case Ellipse():
            n, width, height = (vectors @ axis for axis in axes(shape.lon, shape.lat, shape.angle))
            inside_ = (width / math.tan(shape.half_width)) ** 2 + (height / math.tan(shape.half_height)) ** 2
            return (inside_ <= n**2) & (n > 0)
        case Corners(rectangle_of=(lon, lat, half_width, half_height, angle)):
            n, width, height = (vectors @ axis for axis in axes(lon, lat, angle))
            return (n > 0) & (np.abs(width) <= n * math.tan(half_width)) & (np.abs(height) <= n * math.tan(half_height))
        case Corners():
            # Even-odd in the gnomonic projection around the first corner, which keeps great circles straight.
            gnomonic = axes(shape.lon[0], shape.lat[0], 0)
            n, x, y = (vectors @ axis for axis in gnomonic)
            cn, cx, cy = (vectors_of(shape.lon, shape.lat) @ axis for axis in gnomonic)
            x, y, cx, cy = x / n, y / n, cx / cn, cy / cn
            odd = np.zeros(len(x), dtype=bool)
            for i in range(len(cx)):
                x1, y1, x2, y2 = cx[i - 1], cy[i - 1], cx[i], cy[i]
                with np.errstate(divide="ignore", invalid="ignore"):
                    crosses = ((y1 > y) != (y2 > y)) & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
                odd ^= crosses
            return odd & (n > 0)
        case Combined():
            left, right = inside(shape.left, vectors), inside(shape.right, vectors)
            return SIGNS[shape.sign](left, right) if shape.sign in SIGNS else left & ~right
    raise AssertionError(shape)


def kept(shapes, coord):
    """Whether positions are in the union of shapes, which are in the frame of the positions."""
    vectors = vectors_of(coord.spherical.lon.rad, coord.spherical.lat.rad)
    return np.logical_or.reduce([inside(shape, vectors) for shape in shapes], initial=False)


def sky(n=20_000, seed=1):
    rng = np.random.default_rng(seed)
    return SkyCoord(rng.uniform(0, 360, n) * u.deg, np.arcsin(rng.uniform(-1, 1, n)) * u.rad)


def around(center, radius, n=20_000, seed=1):
    """Random positions around a centre, in ICRS."""
    rng = np.random.default_rng(seed)
    distance = radius * np.sqrt(rng.uniform(0, 1, n))
    return center.icrs.directional_offset_by(rng.uniform(0, 360, n) * u.deg, distance)


def small_wcs(center):
    """A small tangent image, east to the left, with a region's centre in its middle, in its frame or ICRS."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    match center.frame.name:
        case "galactic":
            wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
        case "fk4" | "fk5":
            wcs.wcs.radesys = center.frame.name.upper()
            wcs.wcs.equinox = float(center.equinox.value[1:])
        case _:
            center = center.icrs
    wcs.wcs.crval = [center.spherical.lon.deg, center.spherical.lat.deg]
    wcs.wcs.crpix = [500, 500]
    wcs.wcs.cdelt = [-1e-4, 1e-4]
    return wcs


# ---------------------------------------------------------------------- kinds, angles, frames

FRAMES = {
    "icrs": "icrs",
    "galactic": "galactic",
    "fk5": "fk5",
    "fk5 of 1975": FK5(equinox="J1975"),
    "fk4": "fk4",
    "ecliptic": "barycentricmeanecliptic",
    "supergalactic": "supergalactic",
}
CENTRES = [(83.6, 22.0), (0.0, 0.0), (359.999, -60.0), (180.0, 89.0), (266.0, -89.99)]
SIZE = 0.03 * u.deg


def region_of(kind, center):
    width, height, angle = 0.6 * SIZE, 1.4 * SIZE, 25 * u.deg
    match kind:
        case "circle":
            return CircleSkyRegion(center, 0.5 * SIZE)
        case "circle annulus":
            return CircleAnnulusSkyRegion(center, 0.3 * SIZE, 0.6 * SIZE)
        case "ellipse":
            return EllipseSkyRegion(center, width, height, angle)
        case "ellipse annulus":
            return EllipseAnnulusSkyRegion(center, width / 2, width, height / 3, height, angle)
        case "rectangle":
            return RectangleSkyRegion(center, width, height, angle)
        case "rectangle annulus":
            return RectangleAnnulusSkyRegion(center, width / 2, width, height / 3, height, angle)
        case "polygon":
            turns = [0, 80, 100, 230, 300] * u.deg
            return PolygonSkyRegion(center.directional_offset_by(turns, [0.8, 0.7, 0.1, 0.6, 0.9] * SIZE))
    raise AssertionError(kind)


KINDS = [
    "circle",
    "circle annulus",
    "ellipse",
    "ellipse annulus",
    "rectangle",
    "rectangle annulus",
    "polygon",
]


@pytest.mark.deep
@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_small_regions_are_those_of_the_regions_package(kind, frame, centre):
    center = SkyCoord(*centre, unit="deg", frame=FRAMES[frame])
    region = region_of(kind, center)
    if HAS_SPHERICAL and hasattr(region, "angle") and frame in ("ecliptic", "supergalactic"):
        pytest.skip("regions 0.12 takes the angle for one in the frame of the image")
    points = around(center, SIZE, n=4000)
    # On so small a tangent image the plane is the sphere, to some 1e-7 of the size; points closer to an
    # edge than that do not come up.
    expected = region.contains(points, small_wcs(center))
    assert 200 < expected.sum() < 3800
    for target in ("icrs", "galactic"):
        found = kept(to_shapes(region, target), points.transform_to(target))
        # regions 0.11 takes the scale from the north-south direction over 1 arcsec: good to some 1e-6.
        assert np.count_nonzero(found != expected) <= 1


finite_angles = st.floats(-4, 4, allow_nan=False)


@given(
    lon=st.floats(0, 360),
    lat=st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 89.9999999, 0.0]),
    angle=st.floats(-400, 400),
    source=st.sampled_from(["icrs", "galactic", "fk5", "barycentricmeanecliptic", "supergalactic"]),
    target=st.sampled_from(["icrs", "galactic"]),
)
@examples(60)
def test_the_ends_of_the_axes_stay_where_they_are_on_the_sky(lon, lat, angle, source, target):
    center = SkyCoord(lon, lat, unit="deg", frame=source)
    # A long ellipse, so that an error of its angle counts in full.
    (shape,) = to_shapes(EllipseSkyRegion(center, 10 * u.deg, 179 * u.deg, angle * u.deg), target)
    assert shape.half_width == pytest.approx(5 * DEG, rel=1e-15)
    assert shape.half_height == pytest.approx(89.5 * DEG, rel=1e-15)
    # From the lon and lat themselves: at a pole the direction north is that of the meridian that they name.
    n, width, height = axes(lon * DEG, lat * DEG, angle * DEG)
    n2, width2, height2 = axes(shape.lon, shape.lat, shape.angle)
    for mine, theirs in ((n2, n), (width2, width), (height2, height)):
        x, y, z = theirs
        there = SkyCoord(x, y, z, representation_type="cartesian", frame=source).transform_to(target)
        assert np.linalg.norm(mine - there.cartesian.xyz.value) < 1e-11


def test_angles_and_sizes_in_the_mask_s_own_frame_are_untouched():
    center = SkyCoord(184.557, -5.784, unit="deg", frame="galactic")
    (ellipse,) = to_shapes("galactic; ellipse(184.557, -5.784, 1.0, 0.5, 30)", "galactic")
    assert ellipse == Ellipse(center.l.rad, center.b.rad, 1.0 * DEG, 0.5 * DEG, 30 * DEG)
    (box,) = to_shapes(RectangleSkyRegion(center, 4 * u.deg, 2 * u.deg, 0.5 * u.rad), "galactic")
    assert box.rectangle_of == pytest.approx((center.l.rad, center.b.rad, 2 * DEG, 1 * DEG, 0.5), rel=1e-15)


def test_a_text_and_its_regions_give_the_same_shapes():
    text = "fk5; circle(10, 20, 3')\nellipse(30, 40, 1, 2, 15)\nannulus(50, 60, 1, 2, 3)"
    disc, *others = to_shapes(text, "galactic")
    expected, *rest = to_shapes(Regions.parse(text, format="ds9"), "galactic")
    assert (disc.lon, disc.lat, disc.radius) == pytest.approx((expected.lon, expected.lat, expected.radius), rel=1e-14)
    assert others == rest
    assert len(others) == 3  # two rings of three radii


def test_discs_of_texts_make_no_objects_of_regions(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr("regions.CircleSkyRegion.__init__", refuse)
    monkeypatch.setattr("regions.PointSkyRegion.__init__", refuse)
    ds9 = to_shapes("fk5; circle(10, 20, 3')\n-circle(50, 20, 1)\ngalactic; point(1, 2)", "icrs")
    crtf = to_shapes(
        "#CRTFv0\nglobal coord=J2000\ncircle[[10deg, 20deg], 3arcmin]\n-circle[[50deg, 20deg], 1deg]", "icrs"
    )
    assert len(ds9) == 2
    assert crtf == ds9[:1]


def test_crtf_text():
    text = "#CRTFv0\nglobal coord=GALACTIC\ncircle[[10deg, 20deg], 90arcmin]\n"
    (disc,) = to_shapes(text, "galactic")
    assert (disc.lon, disc.lat, disc.radius) == pytest.approx((10 * DEG, 20 * DEG, 1.5 * DEG), rel=1e-15)
    assert len(to_shapes("circle[[10deg, 20deg], 1deg], coord=J2000", "icrs")) == 1


def test_distances_of_positions_do_not_matter():
    near = SkyCoord(10 * u.deg, 20 * u.deg, distance=3 * u.pc, frame="galactic")
    far = SkyCoord(10, 20, unit="deg", frame="galactic")
    here, there = (to_shapes(CircleSkyRegion(center, 1 * u.deg), "icrs")[0] for center in (near, far))
    assert (here.lon, here.lat) == pytest.approx((there.lon, there.lat), abs=1e-14)


# ---------------------------------------------------------------------- polygons


def test_repeated_vertices_are_dropped():
    (shape,) = to_shapes("icrs; polygon(0,0, 360,0, 2,0, 2,1, 2,1, 0,0)", "icrs")
    np.testing.assert_allclose(np.degrees(shape.lon), [2, 2, 0])
    np.testing.assert_allclose(np.degrees(shape.lat), [0, 1, 0])


def test_at_a_pole_all_longitudes_are_one_vertex():
    (shape,) = to_shapes("icrs; polygon(0,90, 90,90, 0,80, 90,80)", "icrs")
    assert shape.lat.size == 3


@pytest.mark.parametrize("corners_", ["0,0, 1,0, 0,0", "0,0, 1,1, 0,0, 1,1", "5,90, 6,90, 7,90, 1,1"])
def test_polygons_need_three_different_vertices(corners_):
    with pytest.raises(ValueError, match=r"region 0 \(PolygonSkyRegion\).*at least 3 different vertices"):
        to_shapes(f"icrs; polygon({corners_})", "icrs")


# ---------------------------------------------------------------------- included and excluded

POINTS = sky()


def disc(lon, lat, radius):
    return POINTS.separation(SkyCoord(lon, lat, unit="deg")) <= radius * u.deg


def test_excluded_regions_are_taken_from_all_others_wherever_they_stand():
    text = "icrs\n-circle(15,0,10)\ncircle(0,0,20)\ncircle(30,0,20)\n-circle(200,0,5)\ncircle(200,0,30)"
    expected = (disc(0, 0, 20) | disc(30, 0, 20) | disc(200, 0, 30)) & ~disc(15, 0, 10) & ~disc(200, 0, 5)
    shapes = to_shapes(text, "icrs")
    np.testing.assert_array_equal(kept(shapes, POINTS), expected)
    # What is far away is not burdened with it.
    assert shapes[2].right == Disc(200 * DEG, 0, 5 * DEG)


def test_only_excluded_regions_leave_the_rest_of_the_sky():
    shapes = to_shapes("galactic; -circle(10,0,40)\n-circle(100,0,40)", "icrs")
    points = POINTS.galactic
    expected = (points.separation(SkyCoord(10, 0, unit="deg", frame="galactic")) > 40 * u.deg) & (
        points.separation(SkyCoord(100, 0, unit="deg", frame="galactic")) > 40 * u.deg
    )
    np.testing.assert_array_equal(kept(shapes, POINTS), expected)


def test_excluded_regions_count_within_their_own_text_or_list():
    outer = "icrs; circle(0,0,20)"
    hole = ["icrs; circle(0,0,20)\n-circle(0,0,10)", outer]
    np.testing.assert_array_equal(kept(to_shapes(hole, "icrs"), POINTS), disc(0, 0, 20))
    excluded = CircleSkyRegion(SkyCoord(0, 0, unit="deg"), 10 * u.deg, meta={"include": False})
    np.testing.assert_array_equal(kept(to_shapes([outer, excluded], "icrs"), POINTS), disc(0, 0, 20) & ~disc(0, 0, 10))


def test_crtf_takes_from_the_regions_before():
    text = (
        "#CRTFv0\nglobal coord=ICRS\ncircle[[0deg,0deg],20deg]\n-circle[[10deg,0deg],20deg]\ncircle[[10deg,0deg],5deg]"
    )
    expected = (disc(0, 0, 20) & ~disc(10, 0, 20)) | disc(10, 0, 5)
    np.testing.assert_array_equal(kept(to_shapes(text, "icrs"), POINTS), expected)
    from_objects = to_shapes(list(Regions.parse(text, format="crtf")), "icrs")
    np.testing.assert_array_equal(kept(from_objects, POINTS), expected)


def test_crtf_that_begins_with_an_excluded_region_begins_with_the_whole_sky():
    text = "#CRTFv0\nglobal coord=ICRS\n-circle[[0deg,0deg],60deg]\ncircle[[10deg,0deg],20deg]"
    expected = ~disc(0, 0, 60) | disc(10, 0, 20)
    np.testing.assert_array_equal(kept(to_shapes(text, "icrs"), POINTS), expected)


small_discs = st.tuples(st.integers(0, 359), st.integers(-90, 90), st.integers(1, 60), st.booleans())


@given(st.lists(small_discs, min_size=1, max_size=8))
@examples(50)
def test_any_included_minus_any_excluded(discs):
    lines = [f"{'' if keep else '-'}circle({lon},{lat},{r})" for lon, lat, r, keep in discs]
    text = "\n".join(["icrs", *lines])
    points = POINTS[:2000]
    near = [points.separation(SkyCoord(lon, lat, unit="deg")) for lon, lat, _, _ in discs]
    included = [d <= r * u.deg for d, (_, _, r, keep) in zip(near, discs, strict=True) if keep]
    excluded = [d <= r * u.deg for d, (_, _, r, keep) in zip(near, discs, strict=True) if not keep]
    expected = np.logical_or.reduce(included, axis=0) if included else np.ones(2000, dtype=bool)
    for one in excluded:
        expected = expected & ~one
    np.testing.assert_array_equal(kept(to_shapes(text, "icrs"), points), expected)


# ---------------------------------------------------------------------- compounds


@cache
def circles(n, radius=1.0):
    """Random circles with a radius in degrees."""
    rng = np.random.default_rng(n)
    centers = SkyCoord(rng.uniform(0, 360, n), rng.uniform(-80, 80, n), unit="deg")
    return [CircleSkyRegion(center, radius * u.deg) for center in centers]


def height(shape):
    return 1 + max(height(shape.left), height(shape.right)) if isinstance(shape, Combined) else 0


@pytest.mark.deep
@pytest.mark.parametrize("sign", ["|", "&", "^"])
def test_compounds_nested_thousands_deep(sign):
    operation = SIGNS[sign]
    parts = circles(7000)
    leftwards = parts[0]
    for part in parts[1:]:
        leftwards = operation(leftwards, part)
    rightwards = parts[-1]
    for part in parts[-2::-1]:
        rightwards = operation(part, rightwards)
    for compound in (leftwards, rightwards):
        shapes = to_shapes(compound, "icrs")
        assert [height(shape) for shape in shapes] == [13]


def tree(depth):
    return st.deferred(
        lambda: (
            st.integers(0, 5)
            if depth == 0
            else st.integers(0, 5) | st.tuples(st.sampled_from("|&^"), tree(depth - 1), tree(depth - 1))
        )
    )


@given(tree(4), st.lists(st.booleans(), min_size=6, max_size=6))
@examples(40)
def test_compounds(expression, includes):
    center = SkyCoord(10, 20, unit="deg")
    centers = center.directional_offset_by(np.arange(6) * 60 * u.deg, 0.3 * SIZE)
    parts = [
        CircleSkyRegion(one, 0.5 * SIZE, meta={"include": include})
        for one, include in zip(centers, includes, strict=True)
    ]

    def build(node):
        if isinstance(node, int):
            return parts[node]
        sign, left, right = node
        operation = SIGNS[sign]
        # Without a meta, a compound has that of its first part.
        return CompoundSkyRegion(build(left), build(right), operation, meta={})

    def expected(node):
        if isinstance(node, int):
            return (points.separation(parts[node].center) <= parts[node].radius) == includes[node]
        sign, left, right = node
        return SIGNS[sign](expected(left), expected(right))

    region = build(expression)
    points = around(center, SIZE, n=1000)
    found = kept(to_shapes(region, "icrs"), points)
    np.testing.assert_array_equal(found, expected(expression))
    if not HAS_SPHERICAL:  # regions 0.12 no longer heeds what is excluded
        assert np.count_nonzero(found != region.contains(points, small_wcs(center))) <= 1


def test_numpy_s_operators_and_unknown_ones():
    a, b = circles(2, 100.0)
    both = kept(to_shapes(CompoundSkyRegion(a, b, np.logical_and), "icrs"), POINTS)
    np.testing.assert_array_equal(both, kept(to_shapes(a & b, "icrs"), POINTS))
    with pytest.raises(ValueError, match=r"region 1 \(CompoundSkyRegion\) joins its parts by .*lt"):
        to_shapes([a, CompoundSkyRegion(a, b, operator.lt)], "icrs")


# ---------------------------------------------------------------------- points


def test_points_have_the_cell_under_them(monkeypatch):
    text = "fk5; point(10, 20)\npoint(0, 90)\npoint(350, -45)"
    shapes = to_shapes(text, "galactic")
    assert [shape.radius for shape in shapes] == [0, 0, 0]
    cells = cells_of_points(shapes, 9)
    assert cells.n_cells == 3
    monkeypatch.setattr(rasterize, "shapes_and_misses", lambda shapes, *, order, **_: (RangeSet.empty(order), []))
    there = SkyCoord([10, 0, 350], [20, 90, -45], unit="deg", frame="fk5")
    for mode in ("center", "overlap"):
        mask = Mask.from_regions(text, order=9, mode=mode, frame="galactic")
        assert mask.contains(there).all()
        assert mask.planes == (cells,)
    assert Mask.from_regions(text, order=9, mode="inside", frame="galactic").sky_fraction == 0


# ---------------------------------------------------------------------- all the way to a mask


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize(
    "text",
    [
        "galactic; ellipse(184.557,-5.784,10,25,30)",
        "fk5; box(10,88,30,60,20)",
        "fk4; polygon(350,-10, 20,-20, 30,40, 5,20, 340,35)",
        "icrs; annulus(200,-89,10,20,30)",
        "ecliptic; ellipse(20,30,5,10,12,20,40)",
        "icrs; box(0,0,20,10,60,40,15)",
        "icrs\ncircle(0,0,30)\n-circle(20,0,20)\nbox(40,0,30,30,0)\n-ellipse(40,0,10,5,20)",
        "icrs; -circle(0,0,20)\n-box(90,80,30,30,0)",
    ],
)
def test_masks_hold_the_cells_whose_centre_is_in_a_region(monkeypatch, text, frame):
    order = 6
    cells = np.arange(healpix.n_cells(order), dtype=np.uint64)
    centres = healpix.centre_vectors(cells, order)
    expected = np.logical_or.reduce([inside(shape, centres) for shape in to_shapes(text, frame)])
    monkeypatch.setattr(from_astropy, "Polygon", Polygon)
    mask = Mask.from_regions(text, order=order, frame=frame)
    np.testing.assert_array_equal(mask.planes[0].cells(), cells[expected])
    assert Mask.from_regions(text, order=order, frame=frame, mode="inside").issubset(mask)
    assert mask.issubset(Mask.from_regions(text, order=order, frame=frame, mode="overlap"))
    assert Mask.from_regions(text, order=order, frame=frame, invert=True) == ~mask


# ---------------------------------------------------------------------- real files


@pytest.mark.parametrize("name", ["composite", "ecliptic", "fk4", "fk5.hms", "fk5", "galactic", "icrs"])
def test_ds9_files_say_which_of_their_regions_have_no_area(data, name):
    path = data(f"regions/ds9/ds9.{name}.reg")
    with pytest.raises(ValueError, match=r"region 4 \(line\) in line \d+ of .* has no width.*invalid='skip'"):
        to_shapes(path, "icrs")
    with pytest.warns(UserWarning, match=r"left out 1 of 17 regions: region 4 \(line\) in line"):
        shapes = to_shapes(path, "icrs", invalid="skip")
    for found, expected in zip(shapes, to_shapes(regions_with_area(path), "icrs"), strict=True):
        for some, others in zip(numbers(found), numbers(expected), strict=True):
            np.testing.assert_allclose(some, others, rtol=1e-10)


def regions_with_area(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = Regions.read(path)
    return [region for i, region in enumerate(read) if i not in (4, 5)]


def numbers(shape):
    """Position, sizes and turn of the outermost part of a shape."""
    match shape:
        case Combined():
            return numbers(shape.left)
        case Corners(rectangle_of=()):
            return [shape.lon[0], shape.lat[0]], [], []
        case Corners():
            values = list(shape.rectangle_of)
        case _:
            values = [getattr(shape, one.name) for one in fields(shape)]
    return values[:2], values[2:4], values[4:]


# How far the files' positions are from those of the ICRS file, in arcsec. When ds9 wrote them, it left out
# the aberration of FK4 and had another ecliptic than astropy's; the others are good to their last digit.
@pytest.mark.parametrize(
    ("name", "apart"), [("fk5", 0.03), ("fk5.hms", 0.03), ("galactic", 0.03), ("fk4", 0.3), ("ecliptic", 32)]
)
def test_the_ds9_files_in_all_frames_are_the_same_sky(data, name, apart):
    expected = to_shapes(regions_with_area(data("regions/ds9/ds9.icrs.reg")), "galactic")
    shapes = to_shapes(regions_with_area(data(f"regions/ds9/ds9.{name}.reg")), "galactic")
    # Of 17 regions 2 have no area and 2 are excluded.
    assert len(shapes) == len(expected) == 13
    for (place, size, turn), (place2, size2, turn2) in zip(map(numbers, shapes), map(numbers, expected), strict=True):
        assert SkyCoord(*place, unit="rad").separation(SkyCoord(*place2, unit="rad")) < apart * u.arcsec
        np.testing.assert_allclose(size, size2, rtol=1e-3)
        np.testing.assert_allclose(turn, turn2, rtol=0, atol=0.05 * DEG)
    if apart < 0.1:
        points = around(SkyCoord(202.4826, 47.2007, unit="deg"), 1.5 * u.arcmin).galactic
        found, right = kept(shapes, points), kept(expected, points)
        assert 200 < right.sum() < 10_000
        assert np.count_nonzero(found != right) < 60


def test_the_extended_sources_by_table_and_by_file(data):
    shapes = to_shapes(data("regions/LAT_extended_sources_8years.reg"), "icrs")
    table = fits.getdata(data("catalogs/LAT_extended_sources_8years.fits"), 1)
    assert len(shapes) == len(table) == 75
    by_table = sorted(zip(table["RAJ2000"], table["DEJ2000"], strict=True))
    by_file = sorted((math.degrees(shape.lon) % 360, math.degrees(shape.lat)) for shape in shapes)
    np.testing.assert_allclose(by_file, by_table, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "n"),
    [("CRTF_CARTA", 2), ("CRTF_labelcolor", 1), ("CRTF_labelcolor_output", 1), ("crtf_carta_sexagesimal", 4)],
)
def test_crtf_files(data, name, n):
    assert len(to_shapes(data(f"regions/crtf/{name}.crtf"), "icrs")) == n


def test_crtf_annotations_are_not_part_of_a_mask(data, monkeypatch):
    monkeypatch.setattr(from_astropy, "Polygon", Polygon)
    path = data("regions/crtf/CRTFgeneral.crtf")
    # A text, an annotation, and an ellipse that is taken out of the regions before it.
    shapes, n_left_out, n_labels = checked_shapes(path, "icrs", "raise")
    assert (len(shapes), n_left_out, n_labels) == (4, 0, 2)


def test_paths_as_strings_zipped_files_and_files_by_content(tmp_path):
    import gzip

    text = "# Region file format: DS9\nicrs\ncircle(1,2,3) # text={Zürich}\n"
    (tmp_path / "a.reg").write_bytes(text.encode("latin-1"))
    with gzip.open(tmp_path / "a.reg.gz", "wb") as file:
        file.write(text.encode())
    (tmp_path / "strange name").write_text(text)
    expected = [Disc(1 * DEG, 2 * DEG, 3 * DEG)]
    for name in ("a.reg", "a.reg.gz", "strange name"):
        assert to_shapes(str(tmp_path / name), "icrs") == expected
        assert to_shapes(tmp_path / name, "icrs") == expected


def test_fits_region_files_are_in_pixels(tmp_path):
    Regions([CirclePixelRegion(PixCoord(1, 2), 3)]).write(str(tmp_path / "a.fits"))
    with pytest.raises(ValueError, match=r"region 0 \(CirclePixelRegion\) of 'a.fits' has no position"):
        to_shapes(tmp_path / "a.fits", "icrs")


# ---------------------------------------------------------------------- bad input

CENTER = SkyCoord(1, 2, unit="deg")


def with_value(region, name, value):
    """A region with a value that its own checks would not let in."""
    region.__dict__[name] = value
    return region


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (
            "circle(1,2,3)",
            r"circle in physical coordinates, since no frame was found: write fk5.*\) in line 1 .* has no position",
        ),
        ("icrs\ncircle(1,2,3)\npanda(1,2,3,4,5,7,6,8)\ncircle(4,5,6)", r"line 3 .*must be greater than the inner"),
        ("icrs\nvector(1,2,3,4)", r"region 0 \(vector\) in line 2 of the text has no width"),
        ("physical\ncircle(1,2,3)", r"circle in physical coordinates\) in line 2 .* no position"),
        ("icrs\ncircle(1,2,3)\ncircle(1,2)\nbox(1)", r"line 3 .*'circle\(1,2\)'"),
        ("icrs\ncircle(1,2,-3)", "line 2 .*radius.*positive"),
        ("icrs\ncircle(1,95,3)", "line 2 .*-90 deg"),
        ("icrs\ncircle(1,2,3) # include=7", "line 2 .*include"),
        ("#CRTFv0\ncircle[[1deg, 2deg]], coord=ICRS", "line 2 .*crtf"),
        ("nonsense", "line 1 .*'nonsense'"),
        ("", "the text holds no region: ''"),
        ("icrs; # nothing", "the text holds no region"),
        ("icrs; circle(nan,2,3)", "line 1 .*'nan' is not a number"),
        ("icrs; circle(1,2,181)", r"region 0 .*radius must be between 0 and 180 deg, got 181"),
        ("icrs; ellipse(1,2,90,1,0)", r"region 0 .*width must be above 0 and below 180 deg, got 180"),
        ("icrs; box(1,2,1,200,0)", r"region 0 .*height must be between 0 and 180 deg, got 200"),
        (RectangleSkyRegion(CENTER, 1 * u.deg, 1 * u.deg, np.nan * u.deg), "region 0 .*its angle is nan deg"),
        ("image; circle(1,2,3)", r"region 0 \(circle in image coordinates\) in line 1 of the text has no position"),
        ([PointSkyRegion(CENTER), LineSkyRegion(CENTER, CENTER)], r"region 1 \(LineSkyRegion\) has no width"),
        ([TextSkyRegion(CENTER, "x")], r"region 0 \(TextSkyRegion\) has no area .*invalid='skip'"),
        (
            [["icrs; circle(1,2,3)", [CirclePixelRegion(PixCoord(1, 2), 3)]]],
            r"region 0 \(CirclePixelRegion\) of item 1 of item 0 has no position",
        ),
        (
            PointSkyRegion(CENTER) | with_value(CircleSkyRegion(CENTER, 1 * u.deg), "radius", np.nan * u.deg),
            r"region 0 \(CircleSkyRegion\): radius must be between 0 and 180 deg, got nan deg",
        ),
        (
            with_value(CircleAnnulusSkyRegion(CENTER, 1 * u.deg, 2 * u.deg), "inner_radius", 2 * u.deg),
            r"inner_radius 2.0 deg must be below outer_radius 2.0 deg",
        ),
        (
            with_value(EllipseAnnulusSkyRegion(CENTER, *([1, 2, 3, 4] * u.deg)), "inner_height", 4 * u.deg),
            r"inner_height 4.0 deg must be below outer_height 4.0 deg",
        ),
        (
            CircleSkyRegion(SkyCoord(alt=[1] * u.deg, az=[2] * u.deg, frame="altaz")[0], 1 * u.deg),
            r"region 0 \(CircleSkyRegion\): its position, in 'altaz', cannot be transformed to 'icrs'",
        ),
    ],
)
def test_bad_regions_are_named(given_, message):
    with pytest.raises(ValueError, match=message):
        to_shapes(given_, "icrs")


@pytest.mark.parametrize("given_", [None, 3, b"icrs; circle(1,2,3)", CENTER, [CENTER], [[1.5]]])
def test_what_is_no_region(given_):
    with pytest.raises(TypeError, match="regions must be a text in a region format such as ds9"):
        to_shapes(given_, "icrs")


def test_missing_files(tmp_path):
    for path in (tmp_path / "none.reg", str(tmp_path / "none.reg"), tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="none"):
            to_shapes(path, "icrs")


def test_an_empty_list_is_an_empty_union():
    assert to_shapes([], "icrs") == []
    assert to_shapes(Regions([]), "icrs") == []
    assert to_shapes([[], []], "icrs") == []


def test_kinds_that_are_not_known_are_named():
    class BlobSkyRegion(PointSkyRegion.__mro__[1]):
        _params = ()

        def __init__(self):
            self.meta = {}

        def contains(self, skycoord, wcs):
            raise NotImplementedError

        def to_pixel(self, wcs):
            raise NotImplementedError

        def to_spherical_sky(self, wcs=None):
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"region 0 \(BlobSkyRegion\) has a kind that is not known"):
        to_shapes(BlobSkyRegion(), "icrs")


def test_subclasses_are_what_they_derive_from():
    class MyCircleSkyRegion(CircleSkyRegion):
        pass

    assert to_shapes(MyCircleSkyRegion(CENTER, 3 * u.deg), "icrs") == [Disc(1 * DEG, 2 * DEG, 3 * DEG)]


def test_looks_do_not_matter():
    assert len(to_shapes("icrs\ncircle(1,2,3) # dash=3 color=red color=blue", "icrs")) == 1


# ---------------------------------------------------------------------- left out


def skipped(given_, message):
    with pytest.warns(UserWarning, match=message) as caught:
        shapes = to_shapes(given_, "icrs", invalid="skip")
    assert len(caught) == 1
    return shapes


def test_what_no_mask_can_have_is_left_out_and_named():
    text = (
        "fk5; circle(1,2,3)\nline(1,2,3,4)\n# text(5,6) text={a; circle(7,8,9)}\n# vector(1,2,3',4) vector=1\n"
        "# ruler(1,2,3,4)\n# projection(1,2,3,4,5')\n# compass(1,2,3')\nsegment 1 2 3 4 5 6\n"
        "panda(1,2,0,360,4,1,2,3)\nimage; circle(1,2,3)\nfk5; circle(1,2,3p)\ncircle(1,2,181)\nblob(1,2,3)\n"
        "fk5;circle(4,5,6)"
    )
    shapes = skipped(
        text,
        r"left out 10 of 14 regions: region 9 \(circle in image .*region 10 \(circle in pixels\) in line 11 .*"
        r"region 1 \(line\) in line 2 .*\(vector\) .*\(segment\).*have no width.*\(ruler\).*\(projection\).*"
        r"\(compass\).*have no area.*line 12.*got 181.*; line 13 of the text cannot be read as ds9: 'blob\(1,2,3\)'",
    )
    assert shapes == to_shapes("fk5; circle(1,2,3)\npanda(1,2,0,360,4,1,2,3)\ncircle(4,5,6)", "icrs")
    mixed = [CircleSkyRegion(CENTER, 1 * u.deg), TextSkyRegion(CENTER, "x"), CirclePixelRegion(PixCoord(1, 2), 3)]
    assert skipped(mixed, r"left out 1 of 3") == to_shapes(mixed[:1], "icrs")


def test_what_is_left_out_does_not_turn_an_exclusion_into_a_mask_of_the_whole_sky():
    # A circle of 200 deg was meant to include something, a label was not.
    assert skipped("icrs; circle(1,2,200)\n-circle(1,2,3)", "got 200") == []
    assert skipped("#CRTFv0\nglobal coord=ICRS\ncircle[[1deg,2deg],200deg]\n-circle[[1deg,2deg],3deg]", "200") == []
    whole = to_shapes("icrs; -circle(1,2,3)", "icrs")
    assert skipped("icrs\nline(1,2,3,4)\n-circle(1,2,3)", "line") == whole
    assert to_shapes("icrs\n# text(1,2) text={x}\n-circle(1,2,3)", "icrs") == whole
    # Nobody knows what a line that cannot be read was meant to do.
    assert skipped("icrs\ncircle(1,2,x)\n-circle(1,2,3)", "'x' is not a number") == []


def test_masks_tell_what_was_left_out(monkeypatch):
    monkeypatch.setattr(from_astropy, "Polygon", Polygon)
    text = "icrs\ncircle(1,2,3)\nline(1,2,3,4)"
    with pytest.raises(ValueError, match=r"line.*With invalid='skip'"):
        Mask.from_regions(text, order=6)
    with pytest.warns(UserWarning, match="left out 1 of 2 regions") as caught:
        mask = Mask.from_regions(text, order=6, invalid="skip")
    assert caught[0].filename == __file__
    assert mask == Mask.from_regions("icrs; circle(1,2,3)", order=6)
    assert "1 left out" in mask.history
    with pytest.raises(ValueError, match="invalid must be 'raise' or 'skip', got 'ignore'"):
        Mask.from_regions(text, order=6, invalid="ignore")
    with pytest.raises(ValueError, match="the text holds no region that can be read"):
        Mask.from_regions("icrs\ncircle(1,2,x)", order=6, invalid="skip")
    mask = Mask.from_regions("icrs\ncircle(1,2,3)\ntext(1,2) # text={x}\n# text(3,4) text={y}", order=6)
    assert "from_regions(1 region, 2 labels ignored, order=6" in mask.history


# ---------------------------------------------------------------------- speed


@pytest.mark.deep
def test_ten_thousand_circles_take_less_than_a_second():
    many = Regions(circles(7000)[:5000] * 2)
    best = math.inf
    for _ in range(3):
        start = time.process_time()
        shapes = to_shapes(many, "galactic")
        best = min(best, time.process_time() - start)
    assert len(shapes) == 10_000
    # The measurement of coverage makes Python some times slower.
    assert best < (1 if sys.gettrace() is None else 4)


# ---------------------------------------------------------------------- spherical regions


@pytest.mark.skipif(not HAS_SPHERICAL, reason="regions before 0.12 has no spherical regions")
class TestSpherical:
    def check(self, region, frame="galactic"):
        points = POINTS.transform_to(frame)
        np.testing.assert_array_equal(kept(to_shapes(region, frame), points), region.contains(POINTS))

    def test_circles_and_annuli(self):
        self.check(astropy_regions.CircleSphericalSkyRegion(CENTER, 70 * u.deg))
        self.check(astropy_regions.CircleAnnulusSphericalSkyRegion(CENTER, 20 * u.deg, 130 * u.deg))

    def test_whole_sky_lunes_and_compounds(self):
        circle = astropy_regions.CircleSphericalSkyRegion(CENTER, 70 * u.deg)
        from regions.shapes.whole_sky import WholeSphericalSkyRegion

        whole = WholeSphericalSkyRegion()
        lune = astropy_regions.LuneSphericalSkyRegion(CENTER, SkyCoord(50, 60, unit="deg"))
        for region in (whole, lune, whole ^ circle, circle & lune, circle | lune):
            self.check(region)

    def test_polygons(self):
        vertices = SkyCoord([40, 50, 10, 0], [-25, 35, 30, -20], unit="deg")
        self.check(astropy_regions.PolygonSphericalSkyRegion(vertices))

    @pytest.mark.parametrize(
        ("lon", "lat"), [((350, 20), (-10, 40)), (None, (-10, 40)), ((10, 200), None), (None, (40, -10))]
    )
    def test_ranges(self, monkeypatch, lon, lat):
        @dataclass
        class Zone(Shape):
            lon: tuple | None
            lat: tuple

            @classmethod
            def from_angles(cls, lon, lat, *, zone_frame, frame, closed):
                assert (zone_frame, frame, closed) == ("galactic", "icrs", "both")
                return cls(lon, lat)

        monkeypatch.setattr(from_astropy, "Zone", Zone)
        region = astropy_regions.RangeSphericalSkyRegion(
            "galactic", None if lon is None else lon * u.deg, None if lat is None else lat * u.deg
        )
        (shape,) = to_shapes(region, "icrs")
        zones = [shape.left, shape.right] if isinstance(shape, Combined) else [shape]
        points = POINTS.galactic
        found = np.zeros(len(points), dtype=bool)
        for zone in zones:
            in_lat = (points.b >= zone.lat[0]) & (points.b <= zone.lat[1])
            in_lon = True
            if zone.lon is not None:
                west, east = zone.lon
                in_lon = (points.l - west) % (360 * u.deg) <= (east - west) % (360 * u.deg)
            found |= in_lat & in_lon
        if lat is not None and lat[0] > lat[1]:
            # The complement, as its documentation says; the contains() of regions 0.12 finds nothing.
            region = astropy_regions.RangeSphericalSkyRegion("galactic", None, lat[::-1] * u.deg)
            found = ~found
        np.testing.assert_array_equal(found, region.contains(points))
