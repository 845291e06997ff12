"""The order that is chosen for shapes, by exact areas of shapes at random places; and shapes too small for a cell."""

import re
import tracemalloc
import warnings

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from regions import CircleAnnulusSkyRegion, CircleSkyRegion, EllipseSkyRegion, PointSkyRegion, RectangleSkyRegion

from hpmask import EnergyAxis, Mask
from hpmask.geometry.healpix import cell_side, order_of
from hpmask.regions import rasterize
from hpmask.regions.order import order_of_discs
from hpmask.regions.rasterize import shapes_plane
from hpmask.regions.shapes import Combined, Disc, Ellipse, Polygon, Zone


def positions(n, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def disc_area(radius):
    return 4 * np.pi * np.sin(np.radians(radius) / 2) ** 2


def box_area(width, height):
    """Of a rectangle of great circles, by its corner's angle."""
    return 4 * np.arcsin(np.sin(np.radians(width) / 2) * np.sin(np.radians(height) / 2))


def errors(shapes, areas):
    """Relative errors of the areas of single shapes at the order that each has by default."""
    sky = [Mask.from_regions(shape).sky_fraction * 4 * np.pi for shape in shapes]
    return np.array(sky) / np.array(areas) - 1


# ---------------------------------------------------------------------- areas right to 1 %


def test_discs():
    """As many cells as healpy counts, at places where the cells differ most in shape."""
    lon, lat = positions(300, 1)
    # All sizes between two orders.
    radius = 2.0 ** np.random.default_rng(2).uniform(-1, 1, lon.size)
    found = []
    for one in zip(lon, lat, radius, strict=True):
        mask = Mask.from_cones(SkyCoord(*one[:2], unit="deg"), one[2] * u.deg)
        vector = healpy.ang2vec(*one[:2], lonlat=True)
        cells = healpy.query_disc(1 << mask.order, vector, np.radians(one[2]))
        area = cells.size * 4 * np.pi / (12 << (2 * mask.order))
        assert mask.sky_fraction * 4 * np.pi == pytest.approx(area, rel=1e-6)
        found.append(area / disc_area(one[2]) - 1)
    assert np.abs(found).max() < 0.01
    assert np.std(found) < 0.0025
    # No finer than it need be: one order below, some would be wrong by more than 1 %.
    assert np.abs(found).max() > 0.001


@pytest.mark.parametrize("place", [(0, 90), (12, -90), (0, 89.99), (0, 0), (45, 0), (45, 41.8103), (0, 41.8103)])
def test_discs_at_hard_places(place):
    """Around a pole the outline runs along a ring, which is in or out as a whole."""
    for radius in np.linspace(0.5, 1, 60):
        mask = Mask.from_cones(SkyCoord(*place, unit="deg"), radius * u.deg)
        assert abs(mask.sky_fraction * 4 * np.pi / disc_area(radius) - 1) < 0.01


def random_regions(kind, n, seed, angle=None):
    rng = np.random.default_rng(seed)
    lon, lat = positions(n, seed + 1)
    center = SkyCoord(lon, lat, unit="deg")
    across = rng.uniform(0.5, 1, n)
    along = across * rng.uniform(1, 5, n)
    turn = rng.uniform(0, 180, n) if angle is None else np.full(n, angle)
    if kind == "rectangle":
        shapes = [
            RectangleSkyRegion(c, w * u.deg, h * u.deg, a * u.deg)
            for c, w, h, a in zip(center, across, along, turn, strict=True)
        ]
        return shapes, box_area(across, along)
    if kind == "ellipse":
        shapes = [
            EllipseSkyRegion(c, w * u.deg, h * u.deg, a * u.deg)
            for c, w, h, a in zip(center, across, along, turn, strict=True)
        ]
        # Flat, but for a part of 1e-3.
        return shapes, np.pi / 4 * np.radians(across) * np.radians(along)
    shapes = [CircleAnnulusSkyRegion(c, r * u.deg, 1.3 * r * u.deg) for c, r in zip(center, across, strict=True)]
    return shapes, disc_area(1.3 * across) - disc_area(across)


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "annulus"])
def test_regions(kind):
    found = errors(*random_regions(kind, 60, 5))
    assert np.abs(found).max() < 0.01
    assert np.std(found) < 0.0025


def test_upright_boxes():
    """Two sides run along rings of cells."""
    found = errors(*random_regions("rectangle", 100, 7, angle=0.0))
    assert np.abs(found).max() < 0.01


def test_boxes_along_the_edges_of_cells():
    """All sides run along rows of cells, at the equator."""
    turn = np.degrees(np.arctan2(np.pi / 2, 4 / 3))
    sizes = np.random.default_rng(8).uniform(0.5, 1, 60)
    shapes = [
        RectangleSkyRegion(SkyCoord(7 * i, 0.001 * i, unit="deg"), size * u.deg, size * u.deg, turn * u.deg)
        for i, size in enumerate(sizes)
    ]
    assert np.abs(errors(shapes, box_area(sizes, sizes))).max() < 0.01


@pytest.mark.parametrize("zone_frame", ["icrs", "galactic"])
@pytest.mark.parametrize("middle", [0.0, 30.0, 41.81, 60.0, 85.0])
def test_zones(zone_frame, middle):
    rng = np.random.default_rng(9)
    for _ in range(3):
        half = rng.uniform(0.2, 0.4)
        low, high = np.radians([middle - half, middle + half])
        strip = Mask.from_zone(lat=(low, high) * u.rad, zone_frame=zone_frame)
        assert abs(strip.sky_fraction * 2 / (np.sin(high) - np.sin(low)) - 1) < 0.01
        west = rng.uniform(0, 360)
        part = Mask.from_zone((west, west + 3) * u.deg, (low, high) * u.rad, zone_frame=zone_frame)
        assert abs(part.sky_fraction * 240 / (np.sin(high) - np.sin(low)) - 1) < 0.01


def test_polygons_of_many_sides_take_no_finer_order_than_discs():
    turns = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    center = SkyCoord(30, 20, unit="deg")
    rim = center.directional_offset_by(turns * u.rad, 1 * u.deg)
    text = ", ".join(f"{one.ra.deg}, {one.dec.deg}" for one in rim)
    assert Mask.from_regions(f"icrs; polygon({text})").order <= Mask.from_cones(center, "1 deg").order + 1


def exact_area(shape, order=12):
    """By counting cells much smaller than the shape."""
    return shapes_plane([shape], order=order).sky_fraction * 4 * np.pi


@pytest.mark.parametrize(
    "shape",
    [
        Disc(1, 0.5, 0.3),
        Disc(1, 0.5, 2.5),
        Ellipse(1, 0.5, 0.3, 0.05, 1),
        Ellipse(1, -1.2, 1.5, 0.4, 1),
        Polygon.rectangle(3, 0.2, 0.9, 0.1, 0.3),
        Polygon([0, 1, 1, 0.5, 0], [0, 0, 1, 0.3, 1]),
        Polygon([0, 2, 4], [-0.1, -0.1, -0.1]),
        Zone.from_angles((350, 20) * u.deg, (-20, 80) * u.deg, zone_frame="galactic", frame="icrs"),
        Zone.from_angles(None, (60, 90) * u.deg, zone_frame="icrs", frame="icrs"),
        Combined(Ellipse(1, 0.5, 0.3, 0.1, 1), Ellipse(1, 0.5, 0.2, 0.05, 1), "-", nested=True),
    ],
)
def test_areas(shape):
    (size,) = shape.sizes
    assert size.area == pytest.approx(exact_area(shape, 9), rel=2e-3)
    # The isoperimetric inequality, and a disc that fits.
    assert 2 * np.pi * (1 - np.cos(min(size.inradius, np.pi))) <= size.area * (1 + 1e-9)


def test_tiny_polygons_have_their_area():
    size = np.radians(1e-6)
    (one,) = Polygon.rectangle(1.0, 0.9, size, size, 0.4).sizes
    assert one.area == pytest.approx(4 * size * size, rel=1e-6)


# ---------------------------------------------------------------------- what is chosen


def test_the_smallest_shape_decides():
    stars = SkyCoord([10, 20, 30], [0, 10, 20], unit="deg")
    small = Mask.from_cones(stars[1], "0.1 deg")
    mask = Mask.from_cones(stars, [1, 0.1, 10] * u.deg)
    assert mask.order == small.order > Mask.from_cones(stars[0], "1 deg").order
    assert f"order={mask.order} chosen" in mask.history
    assert f"order={mask.order}" in repr(mask)
    text = "icrs; circle(10, 0, 1); circle(20, 10, 0.1); circle(30, 20, 10)"
    assert Mask.from_regions(text).order == mask.order
    table = Table({"ra": stars.ra.deg, "dec": stars.dec.deg})
    assert Mask.from_catalog(table, [1, 0.1, 10] * u.deg).order == mask.order


def test_one_order_for_all_bins():
    axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 3)
    star = SkyCoord(10, 0, unit="deg")
    small = Mask.from_cones(star, "0.1 deg").order
    assert Mask.from_cones(star, [[1, 0.1, 3]] * u.deg, energy=axis).order == small
    regions = ["icrs; circle(10, 0, 1)", "icrs; circle(10, 0, 0.1)", "icrs; circle(10, 0, 3)"]
    assert Mask.from_regions(lambda axis: regions, energy=axis).order == small


def test_points_do_not_count():
    stars = SkyCoord([10, 20], [0, 10], unit="deg")
    with pytest.warns(UserWarning, match="1 of 2 discs holds no cell centre"):
        mask = Mask.from_cones(stars, [1, 0] * u.deg)
    assert mask.order == Mask.from_cones(stars[0], "1 deg").order
    points = "icrs; circle(10, 0, 1); point(20, 10)"
    assert Mask.from_regions(points).order == mask.order
    with pytest.raises(ValueError, match=r"no disc has an area.*order or resolution must be given"):
        Mask.from_cones(stars, "0 deg")
    with pytest.raises(ValueError, match=r"no region has an area.*order or resolution must be given"):
        Mask.from_regions("icrs; point(20, 10)")
    with pytest.raises(ValueError, match=r"no zone has an area.*order or resolution must be given"):
        Mask.from_zone(lat=("1 deg", "1 deg"), closed="both")


def test_no_shapes():
    nothing = Mask.from_cones(SkyCoord([], [], unit="deg"), "1 deg")
    assert nothing.order == 0
    assert nothing.is_empty
    assert Mask.from_regions([]).is_empty
    assert Mask.from_catalog(Table({"ra": np.array([]), "dec": np.array([])}), "1 deg").is_empty


def test_the_whole_sky():
    mask = Mask.from_cones(SkyCoord(10, 0, unit="deg"), "180 deg")
    assert mask.is_full
    assert mask.order == 0


def test_orders_that_are_too_fine():
    star = SkyCoord(10, 20, unit="deg")
    with pytest.raises(ValueError, match=r"radius of 10 arcsec.*order 19.*e\+0\d ranges.*order=.*resolution="):
        Mask.from_cones(star, "10 arcsec")
    with pytest.raises(ValueError, match=r"order above 29"):
        Mask.from_cones(star, "1e-6 arcsec")
    with pytest.raises(ValueError, match=r"1 region holds a disc with a radius of 10 arcsec.*order 19"):
        Mask.from_regions(CircleSkyRegion(star, 10 * u.arcsec))
    with pytest.raises(ValueError, match=r"1 zone.*3.\d* arcsec"):
        Mask.from_zone(lat=(0, 8) * u.arcsec)
    lon, lat = positions(200_000, 3)
    with pytest.raises(ValueError, match=r"smallest of 200000 discs has a radius of 2 arcmin.*e\+0\d ranges"):
        Mask.from_cones(SkyCoord(lon, lat, unit="deg"), np.r_[2.0, np.full(lon.size - 1, 20)] * u.arcmin)


@pytest.mark.deep
def test_many_rows_take_no_memory_of_their_own():
    rng = np.random.default_rng(1)
    radii, lat = rng.uniform(0.01, 0.02, (1 << 23, 1)), np.zeros(1 << 23)
    radii[5_000_000] = 0.001
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"smallest of 8388608 discs has a radius of 3\.438 arcmin"):
            order_of_discs(lat, radii)
        assert tracemalloc.get_traced_memory()[1] < radii.nbytes / 2
    finally:
        tracemalloc.stop()


# ---------------------------------------------------------------------- resolution


@pytest.mark.parametrize("order", [0, 1, 6, 12, 29])
def test_resolution(order):
    side = np.sqrt(healpy.nside2pixarea(1 << order)) * u.rad
    assert order_of(side) == order
    assert order_of(side.to(u.arcmin)) == order
    assert order_of(1.999 * side) == order
    assert order_of(2.001 * side) == max(order - 1, 0)
    assert cell_side(order) == pytest.approx(side.value)


def test_resolution_of_masks():
    star = SkyCoord(10, 20, unit="deg")
    mask = Mask.from_cones(star, "1 deg", resolution="1 arcmin")
    assert mask == Mask.from_cones(star, "1 deg", order=12)
    assert "order=12 from resolution 1 arcmin" in mask.history
    assert Mask.from_regions("icrs; circle(10, 20, 1)", resolution=1 * u.arcmin) == mask
    assert Mask.from_catalog(Table({"ra": [10.0], "dec": [20.0]}), "1 deg", resolution="1 arcmin") == mask
    assert Mask.from_zone(lat=(0, 2) * u.deg, resolution="1 arcmin").order == 12


def test_resolutions_that_are_refused():
    star = SkyCoord(10, 20, unit="deg")
    with pytest.raises(TypeError, match="order and resolution exclude each other"):
        Mask.from_cones(star, "1 deg", order=9, resolution="1 arcmin")
    with pytest.raises(ValueError, match=r"resolution must be at least 0.00039\d* arcsec"):
        Mask.from_cones(star, "1 deg", resolution="1e-5 arcsec")
    for wrong in ("1 TeV", "0 deg", "-1 deg", [1, 2] * u.deg, "nan deg"):
        with pytest.raises(ValueError, match="resolution must be"):
            order_of(wrong)
    with pytest.raises(TypeError, match="resolution must be"):
        order_of(1)


# ---------------------------------------------------------------------- shapes without cells


@pytest.mark.parametrize("mode", ["center", "inside"])
def test_discs_without_cells_are_counted(mode):
    lon, lat = positions(3000, 4)
    radius = np.random.default_rng(5).uniform(0.1, 1.5, lon.size)
    center = SkyCoord(lon, lat, unit="deg")
    expected = []
    for one, (x, y) in enumerate(zip(lon, lat, strict=True)):
        vector = healpy.ang2vec(x, y, lonlat=True)
        cells = healpy.query_disc(64, vector, np.radians(radius[one]))
        if mode == "inside":
            corners = np.array([healpy.boundaries(64, cell, step=20) for cell in cells]).reshape(-1, 3, 80)
            angle = np.arccos(np.clip(np.einsum("i,nij->nj", vector, corners), -1, 1))
            cells = cells[(angle <= np.radians(radius[one])).all(axis=1)]
        if not len(cells):
            expected.append(one)
    what = "cell centre" if mode == "center" else "full cell"
    with pytest.warns(UserWarning, match=f"{len(expected)} of 3000 discs hold no {what} at order 6") as caught:
        Mask.from_cones(center, radius * u.deg, order=6, mode=mode)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    # The order that is advised does it, for these discs at any place.
    order = int(re.search(r"use mode='overlap' or order >= (\d+)", str(caught[0].message))[1])
    Mask.from_cones(center[expected], radius[expected] * u.deg, order=order, mode=mode)
    Mask.from_cones(center, radius * u.deg, order=6, mode="overlap")


def test_discs_without_cells_in_blocks(monkeypatch):
    """On several threads and in blocks, the numbers are those of single discs."""
    lon, lat = (np.radians(one) for one in positions(500, 6))
    radius = np.radians(np.random.default_rng(7).uniform(0.1, 1.5, lon.size))
    options = {"order": 6, "mode": "center"}
    alone = [
        i for i in range(lon.size) if rasterize.discs_and_misses(lon[[i]], lat[[i]], radius[[i]], **options)[0].is_empty
    ]
    for block in (10, 100, 10**6):
        monkeypatch.setattr(rasterize, "_BLOCK_RANGES", block)
        monkeypatch.setattr(rasterize, "_SMALL_RANGES", block)
        for threads in (1, 3):
            _, missed = rasterize.discs_and_misses(lon, lat, radius, n_threads=threads, **options)
            assert missed.tolist() == alone
    wide = np.r_[radius, 2.0]
    _, missed = rasterize.discs_and_misses(np.r_[lon, 1.0], np.r_[lat, 1.0], wide, **options)
    assert missed.tolist() == alone


def test_discs_without_cells_in_some_bins():
    axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)
    stars = SkyCoord([10, 20], [0, 10], unit="deg")
    with pytest.warns(UserWarning, match="2 of 2 discs hold no cell centre at order 4: use mode='overlap' or order >="):
        Mask.from_cones(stars, [[10, 0.1]] * u.deg, energy=axis, order=4)


def test_regions_without_cells_are_counted():
    lon, lat = positions(60, 8)
    rng = np.random.default_rng(9)
    shapes = []
    for i, center in enumerate(SkyCoord(lon, lat, unit="deg")):
        a, b = rng.uniform(0.2, 2.5, 2) * u.deg
        kinds = (
            lambda: CircleSkyRegion(center, a / 2),  # noqa: B023
            lambda: EllipseSkyRegion(center, a, b, 30 * u.deg),  # noqa: B023
            lambda: RectangleSkyRegion(center, a, b, 30 * u.deg),  # noqa: B023
            lambda: CircleAnnulusSkyRegion(center, a, 1.2 * a),  # noqa: B023
        )
        shapes.append(kinds[i % 4]())
    empty = []
    for shape in shapes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if Mask.from_regions(shape, order=5).is_empty:
                empty.append(shape)
    assert 5 < len(empty) < 55
    with pytest.warns(UserWarning, match=f"{len(empty)} of 60 regions hold no cell centre at order 5") as caught:
        Mask.from_regions(shapes, order=5)
    order = int(re.search(r"order >= (\d+)", str(caught[0].message))[1])
    Mask.from_regions(empty, order=order)


def test_what_is_no_shape_without_cells():
    """Points have the cell under them, and regions may leave nothing of each other."""
    Mask.from_regions(PointSkyRegion(SkyCoord(10, 20, unit="deg")), order=3)
    Mask.from_regions("icrs; circle(10, 20, 5)\n-circle(10, 20, 6)", order=5)
    with pytest.warns(UserWarning, match="1 of 1 region holds no cell centre"):
        Mask.from_regions("icrs; circle(10, 20, 0.01)\n-circle(10, 20.03, 0.03)", order=5)


def test_a_zone_without_cells():
    with pytest.warns(UserWarning, match="1 of 1 zone holds no cell centre at order 4: use mode='overlap' or order >="):
        assert Mask.from_zone(lat=("0.1 deg", "0.2 deg"), order=4).is_empty
    with pytest.warns(UserWarning, match="1 of 1 zone holds no cell centre at order 4: use mode='overlap'$"):
        Mask.from_zone(lat=("0.1 deg", "0.1 deg"), closed="both", order=4)
