"""Counts of shapes, against sums over all cell centres."""

from __future__ import annotations

import tracemalloc
from unittest import mock

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

import hpmask
from hpmask import Mask, Shapes
from hpmask.regions import coverage as worker


def positions(n, seed, *, frame="icrs"):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    return SkyCoord(lon, lat, unit="deg", frame=frame)


def vectors(coord):
    return coord.cartesian.xyz.value.T


def centres(order):
    """Unit vectors of all cell centres in RING order, shape (n_cells, 3)."""
    return np.stack(healpy.pix2vec(1 << order, np.arange(12 << 2 * order)), axis=1)


def brute_discs(coord, radius, order):
    inside = centres(order) @ vectors(coord).T >= np.cos(np.broadcast_to(radius.to_value(u.rad), len(coord)))
    return inside.sum(axis=1)


def brute_quadrilaterals(corners, order):
    """Corners of convex polygons, counterclockwise seen from outside, shape (n, k, 3)."""
    poles = np.cross(corners, np.roll(corners, -1, axis=1))
    inside = np.ones((12 << 2 * order, len(corners)), dtype=bool)
    for k in range(corners.shape[1]):
        inside &= centres(order) @ poles[:, k].T >= 0
    return inside.sum(axis=1)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("order", [0, 3, 6])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_discs(order, frame, n_threads):
    coord = positions(300, 1, frame=frame)
    radius = np.random.default_rng(2).uniform(0.5, 30, 300) * u.deg
    with pytest.warns(UserWarning, match="hold") if order == 0 else mock.MagicMock():
        coverage = hpmask.coverage(Shapes.cones(coord, radius), order=order, frame=frame, n_threads=n_threads)
    assert (coverage.order, coverage.frame) == (order, frame)
    np.testing.assert_array_equal(coverage.to_healpix(), brute_discs(coord, radius, order))


def test_quadrilaterals():
    coord = positions(200, 3)
    angles = np.array([45, 135, 225, 315]) * u.deg
    # Position angles are counted from north through east, which is counterclockwise seen from outside.
    corners = coord[:, np.newaxis].directional_offset_by(-angles, 4 * u.deg)
    vertices = corners.cartesian.xyz.value.transpose(1, 2, 0)
    outward = np.einsum("ni,ni->n", np.cross(vertices[:, 0], vertices[:, 1]), vectors(coord))
    if outward[0] < 0:
        vertices = vertices[:, ::-1]
    coverage = hpmask.coverage(Shapes.polygons(corners), order=6)
    np.testing.assert_array_equal(coverage.to_healpix(), brute_quadrilaterals(vertices, 6))
    assert coverage.max > 1


@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
def test_all_that_can_be_counted(mode):
    """Shapes, masks, regions and texts: each shape, mask and region counts once."""
    coord = positions(20, 4)
    shapes = [
        Shapes.cones(coord, "6 deg"),
        Shapes.ellipses(coord, "8 deg", "5 deg", "30 deg"),
        Shapes.boxes(coord, "9 deg", "7 deg", "10 deg"),
        Shapes.annuli(coord, "2 deg", "8 deg"),
    ]
    masks = [Mask.from_zone(lat=("0 deg", "90 deg"), order=3), Mask.from_cones(coord, "10 deg", order=7)]
    text = "icrs; circle(10, 20, 9) # color=red\nicrs; circle(12, 20, 9)"
    found = hpmask.coverage(*shapes, *masks, text, order=5, mode=mode)
    expected = np.zeros(12 << 10, dtype=int)
    for k in range(20):
        for made in (
            Mask.from_cones(coord[k], "6 deg", order=5, mode=mode),
            Mask.from_ellipses(coord[k : k + 1], "8 deg", "5 deg", "30 deg", order=5, mode=mode),
            Mask.from_boxes(coord[k : k + 1], "9 deg", "7 deg", "10 deg", order=5, mode=mode),
            Mask.from_annuli(coord[k : k + 1], "2 deg", "8 deg", order=5, mode=mode),
        ):
            expected += made.to_healpix()
    expected += masks[0].to_healpix(order=5)
    expected += masks[1].at_order(5, mode=mode).to_healpix()
    for line in text.splitlines():
        expected += Mask.from_regions(line, order=5, mode=mode).to_healpix()
    np.testing.assert_array_equal(found.to_healpix(), expected)
    # In any sequence, and in lists.
    first, second = text.splitlines()
    assert hpmask.coverage(second, masks, shapes[::-1], first, order=5, mode=mode) == found
    total = hpmask.coverage(*shapes, order=5, mode=mode) + hpmask.coverage(masks, text, order=5, mode=mode)
    assert total == found


def test_the_union_is_that_of_the_mask():
    coord = positions(3000, 5)
    coverage = hpmask.coverage(Shapes.cones(coord, "1 deg"), order=9)
    assert coverage.at_least(1) == Mask.from_cones(coord, "1 deg", order=9)
    assert coverage.at_least(1).history == "coverage(3000 discs, 1 deg, order=9).at_least(1)"


def test_blocks_do_not_matter():
    coord = positions(2000, 6)
    shapes = Shapes.cones(coord, np.linspace(0.001, 2, 2000) * u.deg)
    with pytest.warns(UserWarning, match="of 2000 discs hold no cell centre at order 8"):
        whole = hpmask.coverage(shapes, order=8)
    for block in (1000, 30_000):
        for n_threads in (1, 2, 3):
            with mock.patch.object(worker, "_BLOCK", block), pytest.warns(UserWarning, match="of 2000 discs"):
                assert hpmask.coverage(shapes, order=8, n_threads=n_threads) == whole


def test_memory_does_not_grow_with_the_number_of_shapes():
    """20 000 discs at one place, 3 million ranges."""
    coord = SkyCoord(np.linspace(10, 10.01, 20_000), np.zeros(20_000), unit="deg")
    shapes = Shapes.cones(coord, "0.5 deg")
    tracemalloc.start()
    try:
        with mock.patch.object(worker, "_BLOCK", 100_000):
            coverage = hpmask.coverage(shapes, order=11, n_threads=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert coverage.max == 20_000
    assert peak < 16e6


def test_nothing_to_count():
    for made in (
        hpmask.coverage(order=4),
        hpmask.coverage(Mask.empty(order=2), order=4),
        hpmask.coverage(Shapes.cones(SkyCoord([], [], unit="deg"), "1 deg"), order=4),
        hpmask.coverage([], order=4),
    ):
        assert made.max == 0
        assert not made.to_healpix().any()
    assert hpmask.coverage(Mask.full(order=2), Mask.full(order=0), order=4).ranges.tolist() == [[0, 12 << 58]]


def test_arguments_that_are_wrong():
    discs = Shapes.cones(SkyCoord([10], [0], unit="deg"), "1 deg")
    galactic = Mask.full(order=2, frame="galactic")
    axis = hpmask.EnergyAxis([1, 2, 3] * u.TeV)
    for error, message, call in (
        (TypeError, "order", lambda: hpmask.coverage(discs, order="3")),
        (ValueError, "order", lambda: hpmask.coverage(discs, order=30)),
        (ValueError, "mode", lambda: hpmask.coverage(discs, order=3, mode="centre")),
        (ValueError, "frame", lambda: hpmask.coverage(discs, order=3, frame="fk5")),
        (TypeError, "n_threads", lambda: hpmask.coverage(discs, order=3, n_threads=1.5)),
        (ValueError, r"to_frame\('icrs'\)", lambda: hpmask.coverage(galactic, order=3)),
        (ValueError, "energy bins", lambda: hpmask.coverage(Mask.full(order=2, energy=axis), order=3)),
        (TypeError, "regions", lambda: hpmask.coverage(3, order=3)),
        (ValueError, "too fine", lambda: hpmask.coverage(Shapes.cones(discs_at(), "20 deg"), order=29)),
    ):
        with pytest.raises(error, match=message):
            call()


def discs_at():
    return SkyCoord([10, 20], [0, 0], unit="deg")
