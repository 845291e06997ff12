"""Lines with a width and sectors: compared with separations and position angles of astropy, cell by cell."""

import itertools
import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask.core.rangeset import from_starts_stops
from hpmask.geometry import healpix
from hpmask.regions.compounds import joined, path, sector, wedge
from hpmask.regions.shapes import Combined, Disc, Ellipse, Polygon

DEG = math.pi / 180
ORDER = 6
CELLS = np.arange(healpix.n_cells(ORDER), dtype=np.uint64)
VECTORS = healpix.centre_vectors(CELLS, ORDER)
CENTRES = SkyCoord(*VECTORS.T, representation_type="cartesian")
CENTRES.representation_type = "unitspherical"
PLACES = [(83.6, 22.0), (0.0, 89.0), (359.9, -60.0), (180.0, -90.0)]


def cells(shape, mode="center"):
    found = np.zeros(CELLS.size, dtype=bool)
    found[from_starts_stops(*shape.rasterize(ORDER, mode), ORDER).cells().astype(int)] = True
    return found


def distance_from_arc(first, last, points):
    """The distance of points from the shorter arc between two positions, in radians, by another way: projection."""
    a, b = (one.cartesian.xyz.value for one in (first, last))
    ends = np.minimum(points.separation(first).rad, points.separation(last).rad)
    if first.separation(last) < 1e-10 * u.deg:
        return ends
    pole = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    x = points.cartesian.xyz.value
    foot = x - np.outer(pole, pole @ x)
    middle = (a + b) / np.linalg.norm(a + b)
    foot /= np.linalg.norm(foot, axis=0)
    on_arc = np.arccos(np.clip(middle @ foot, -1, 1)) <= first.separation(last).rad / 2
    return np.where(on_arc, np.abs(np.arcsin(np.clip(pole @ x, -1, 1))), ends)


@pytest.mark.parametrize("width", [0.5, 5, 60])
@pytest.mark.parametrize("place", PLACES)
def test_paths_are_the_points_near_their_arcs(place, width):
    start = SkyCoord(*place, unit="deg")
    vertices = SkyCoord(
        [
            start,
            start.directional_offset_by(40 * u.deg, 30 * u.deg),
            start.directional_offset_by(110 * u.deg, 50 * u.deg),
        ]
    )
    lon, lat = vertices.ra.rad, vertices.dec.rad
    for some in (slice(0, 1), slice(0, 2), slice(0, 3)):
        shape = path(lon[some], lat[some], width * DEG)
        corners = vertices[some]
        apart = np.min(
            [distance_from_arc(a, b, CENTRES) for a, b in itertools.pairwise([corners[0], *corners])], axis=0
        )
        clear = np.abs(apart - width * DEG) > 1e-9
        found = cells(shape)
        np.testing.assert_array_equal(found[clear], (apart < width * DEG)[clear])
        assert found.any() or width < 1
        # No point of a cell is further from its centre than its radius.
        radius = healpix.cell_radius(ORDER)
        overlap, inner = cells(shape, "overlap"), cells(shape, "inside")
        assert (found <= overlap).all()
        assert (inner <= found).all()
        assert not overlap[apart > width * DEG + radius].any()
        assert overlap[apart < width * DEG].all()
        assert inner[apart < width * DEG - 2 * radius].all()


def test_paths_without_a_length_and_without_a_way():
    assert path(np.array([1.0, 1.0]), np.array([0.5, 0.5]), 0.1) == Disc(1.0, 0.5, 0.1)
    with pytest.raises(ValueError, match="opposite"):
        path(np.array([1.0, 1.0 + math.pi]), np.array([0.5, -0.5]), 0.1)


@pytest.mark.parametrize("reach", [20, 79, 81, 150])
@pytest.mark.parametrize(("first", "span"), [(-90, 30), (10, 90), (200, 180), (350, 200), (77, 270), (0, 359)])
@pytest.mark.parametrize("place", PLACES)
def test_sectors_are_between_two_position_angles(place, first, span, reach):
    centre = SkyCoord(*place, unit="deg")
    lon, lat = centre.ra.rad, centre.dec.rad
    outer, inner = Disc(lon, lat, reach * DEG), Disc(lon, lat, reach * DEG / 3)
    shape = sector(outer, inner, lon, lat, first * DEG, span * DEG, reach * DEG)
    apart = centre.separation(CENTRES).deg
    turn = (centre.position_angle(CENTRES).deg - first) % 360
    expected = (apart <= reach) & (apart > reach / 3) & (turn <= span)
    clear = (np.minimum(np.abs(apart - reach), np.abs(apart - reach / 3)) > 1e-9) & (
        np.minimum.reduce([np.abs(turn - span), turn, 360 - turn]) > 1e-7
    )
    assert clear.sum() > CELLS.size - 600
    np.testing.assert_array_equal(cells(shape)[clear], expected[clear])
    assert expected.sum() > 20


def test_sectors_of_ellipses_and_rectangles():
    centre = SkyCoord(30, 40, unit="deg")
    lon, lat = centre.ra.rad, centre.dec.rad
    turn = (centre.position_angle(CENTRES).deg - 60) % 360 <= 100
    shapes = [
        (Ellipse(lon, lat, 0.3, 0.6, 0.4), Ellipse(lon, lat, 0.15, 0.3, 0.4), 0.6),
        (Polygon.rectangle(lon, lat, 0.3, 0.6, 0.4), Polygon.rectangle(lon, lat, 0.1, 0.2, 0.4), 0.66),
    ]
    for outer, inner, reach in shapes:
        found = cells(sector(outer, inner, lon, lat, 60 * DEG, 100 * DEG, reach))
        np.testing.assert_array_equal(found, cells(outer) & ~cells(inner) & turn)
        assert found.sum() > 50


def test_whole_turns_have_no_sides():
    outer = Disc(1.0, 0.5, 0.1)
    assert sector(outer, None, 1.0, 0.5, 0.3, 2 * math.pi, 0.1) is outer
    assert sector(outer, Disc(1.0, 0.5, 0.05), 1.0, 0.5, 0.3, 2 * math.pi, 0.1).nested


def test_neighbouring_sectors_share_no_cell():
    # Their common sides are one great circle, which belongs to one of them.
    disc = Disc(1.0, 0.5, 0.7)
    cuts = np.array([0, 50, 120, 200, 290, 360]) * DEG + 0.1
    parts = [sector(disc, None, 1.0, 0.5, a, b - a, 0.7) for a, b in itertools.pairwise(cuts)]
    assert (np.sum([cells(part) for part in parts], axis=0) == cells(disc)).all()


def test_trees_are_flat():
    discs = [Disc(0.1 * i, 0.0, 0.01) for i in range(1000)]

    def height(shape):
        return 1 + max(height(shape.left), height(shape.right)) if isinstance(shape, Combined) else 0

    assert height(joined("|", discs)) == 10
    assert isinstance(wedge(0.0, 0.0, 0.0, 1.0, 3.0), Combined)
