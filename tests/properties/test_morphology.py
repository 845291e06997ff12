"""Dilation, erosion, distances, components and holes by brute force: on all cells, and in windows at fine orders.

A centre whose distance is the width to within 1e-15 rad and 1e-13 of it may be in or out. Half of the widths are chosen
5e-7 of their value beside a distance between two cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
import pytest
import shape_oracles as oracle
from astropy import units as u
from astropy.coordinates import SkyCoord
from profiles import cases, seed
from scipy.spatial import cKDTree
from windows import Window, random_set

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.morphology.area_filters import fill_holes, keep_largest, remove_small

# Results that differ in a centre of an unclear distance are skipped; this is the number of them, of all.
MOST_UNCLEAR = 0.02


def windows(stream: int, n: int, orders: Any = None) -> Any:
    """Generators, windows and sets in them."""
    for k in range(n):
        rng = np.random.default_rng([seed(), stream, k])
        order = int(rng.integers(0, 30) if orders is None else rng.choice(orders))
        window = Window(rng, order)
        yield rng, window, random_set(rng, window)


def some_width(rng: np.random.Generator, window: Window, distance: Any) -> float:
    """Up to six cells, or any width on the whole sky; half of them are next to one of the distances from a set."""
    cell = 1 / (1 << window.order)
    most = np.pi if window.is_sky else 6 * cell
    possible = distance[(distance > 0) & (distance < most)]
    if rng.random() < 0.5 and possible.size:
        return float(rng.choice(possible) * (1 + rng.choice([-5e-7, 5e-7])))
    return float(min(10 ** rng.uniform(-0.7, 0.8) * cell, most))


def unclear(distance: Any, width: float) -> bool:
    """Whether rounding decides a cell."""
    return bool((np.abs(distance - width) < 1e-15 + 1e-13 * width).any())


def check_widths(rng: np.random.Generator, window: Window, held: Any, *, wrong: float = 1.0) -> bool:
    """Assert that all operations with a width are right, if none of their cells is unclear; return whether it was so.

    The widths that hpmask gets are multiplied by `wrong`.
    """
    mask = Mask(window.plane(held))
    to_set, to_rest = window.distance(held), window.distance(~held)
    width = some_width(rng, window, to_set)
    angle, n_threads = width * wrong * u.rad, int(rng.integers(1, 4))
    grown, shrunk = to_set <= width, to_rest > width
    if unclear(to_set, width) or unclear(to_rest, width):
        return False
    text = (window.order, width, window.cells[held].tolist()[:50])
    found = {
        name: getattr(mask, name)(angle, n_threads=n_threads).planes[0]
        for name in ("dilate", "erode", "opening", "closing")
    }
    assert window.same(found["dilate"], grown), ("dilate", text)
    assert window.same(found["erode"], shrunk), ("erode", text)
    assert window.same((~mask).erode(angle).planes[0], ~grown, True), ("erode from outside", text)
    assert window.same((~mask).dilate(angle).planes[0], ~shrunk, True), ("dilate of nearly all", text)
    opened, closed = window.distance(shrunk), window.distance(~grown)
    if not unclear(opened, width):
        assert window.same(found["opening"], opened <= width), ("opening", text)
    if not unclear(closed, width):
        assert window.same(found["closing"], closed > width), ("closing", text)
    strips = {"inner": held & ~shrunk, "outer": grown & ~held, "both": grown & ~shrunk}
    side = list(strips)[rng.integers(3)]
    assert window.same(mask.boundary(angle, side=side).planes[0], strips[side]), ("boundary", side, text)
    return True


def test_widths_in_windows(counted):
    n = cases(20)
    done = sum(check_widths(rng, window, held) for rng, window, held in windows(1, n))
    assert done >= (1 - MOST_UNCLEAR) * n - 2, f"{n - done} of {n} sets were unclear"
    counted(done, "sets under dilation, erosion, opening, closing and boundary, orders 0 to 29")


def check_bins(rng: np.random.Generator, window: Window, some: list[Any]) -> int:
    """Assert that each bin has its own width; return how many were clear."""
    axis = EnergyAxis(np.geomspace(1, 10, len(some) + 1) * u.TeV)
    mask = Mask([window.plane(held) for held in some], energy=axis)
    distances = [window.distance(held) for held in some]
    widths = [some_width(rng, window, distance) for distance in distances]
    given: Any = widths * u.rad
    grown = mask.dilate(given if rng.random() < 0.5 else lambda axis: given)
    shrunk = (~mask).erode(given)
    done = 0
    for k, (distance, width) in enumerate(zip(distances, widths, strict=True)):
        if not unclear(distance, width):
            done += 1
            assert window.same(grown.planes[k], distance <= width), (k, widths)
            assert window.same(shrunk.planes[k], distance > width, True), (k, widths)
    return done


def test_widths_of_bins(counted):
    n = cases(5)
    done = 0
    for rng, window, held in windows(2, n):
        other = random_set(rng, window)
        done += check_bins(rng, window, [held, other, held, ~other & window.inner])
    assert done >= (1 - MOST_UNCLEAR) * 4 * n - 2
    counted(done, "bins with their own widths")


def check_steps(rng: np.random.Generator, window: Window, held: Any) -> None:
    """Assert that steps to neighbours are those of healpy's."""
    mask, connectivity = Mask(window.plane(held)), int(rng.choice([4, 8]))
    more, less = held, ~held
    steps = int(rng.integers(1, 5))
    for _ in range(steps):
        more = window.stepped(more, connectivity)
        less = window.stepped(less, connectivity, beyond=True)
    options = {"steps": steps, "connectivity": connectivity}
    assert window.same(mask.dilate(**options).planes[0], more), options
    assert window.same(mask.erode(**options).planes[0], ~less), options
    assert window.same((~mask).dilate(**options).planes[0], less, True), options
    assert window.same(mask.boundary(**options, side="both").planes[0], more & less), options


def test_steps(counted):
    n = cases(15)
    for rng, window, held in windows(3, n):
        check_steps(rng, window, held)
    counted(n, "sets under steps to neighbours, orders 0 to 29")


def check_parts(rng: np.random.Generator, window: Window, held: Any, components: Any = Mask.components) -> None:
    """Assert that components and holes of a set and of its complement are those of scipy."""
    connectivity = int(rng.choice([4, 8]))
    plane = window.plane(held)
    parts = window.parts(held, connectivity)
    found = components(Mask(plane), connectivity=connectivity)
    assert [len(found), *found.n_cells.tolist()] == [len(parts), *(part.size for part in parts)]
    for part, rows in zip(found, parts, strict=True):
        assert part.planes[0].cells().tolist() == window.cells[rows].tolist()
    assert Mask(plane).n_components(connectivity=connectivity) == len(parts)
    beyond = not window.is_sky
    gaps = window.parts(~held, 12 - connectivity, beyond=beyond)
    assert Mask(~plane).n_components(connectivity=12 - connectivity) == len(gaps)
    # All gaps but the largest are holes: that is the sky beyond, or the first of them.
    rest = np.zeros(held.size, bool)
    rest[[row for row in gaps[0] if row < held.size] if gaps else []] = True
    assert window.same(fill_holes(plane, None, connectivity), ~rest)
    size = int(rng.integers(0, 12))
    area = size * 4 * np.pi / (12 << (2 * window.order))
    filled, large, largest = held.copy(), np.zeros_like(held), np.zeros_like(held)
    for k, rows in enumerate(gaps):
        if rows.size <= size and not (beyond and k == 0):
            filled[rows] = True
    for k, rows in enumerate(parts):
        large[rows] = rows.size >= size
        largest[rows] = k < size
    assert window.same(fill_holes(plane, area, connectivity), filled)
    assert window.same(remove_small(plane, area, connectivity), large)
    assert window.same(keep_largest(plane, size, connectivity), largest)


def test_components_and_holes(counted):
    n = cases(15)
    for rng, window, held in windows(4, n):
        check_parts(rng, window, held)
    counted(n, "sets by their components and holes, orders 0 to 29")


def check_distances(rng: np.random.Generator, window: Window, held: Any, *, wrong: float = 1.0) -> None:
    """Assert that distances are those to the nearest centre on the other side."""
    mask = Mask(window.plane(held))
    middle = window.vectors[rng.choice(np.flatnonzero(window.inner), 60)]
    away = 10 ** rng.uniform(-2, 0.7, (60, 1)) / (1 << window.order)
    points = middle + away * rng.normal(size=(60, 3))
    points[:5] = rng.normal(size=(5, 3))
    lon, lat = oracle.lonlat(points / np.linalg.norm(points, axis=1, keepdims=True))
    points = oracle.vector(lon, lat)
    numbers = oracle.cell_of(points, window.order)
    row = np.minimum(np.searchsorted(window.cells, numbers), held.size - 1)
    inside = (window.cells[row] == numbers) & held[row]
    expected = np.where(inside, window.distance(~held, points), -window.distance(held, points))
    coord = SkyCoord(lon, lat, unit="rad")
    found = mask.distance(coord).to_value(u.rad) * wrong
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=2e-15)
    np.testing.assert_allclose((~mask).distance(coord).to_value(u.rad) * wrong, -expected, rtol=1e-12, atol=2e-15)


def test_distances(counted):
    n = cases(15)
    for rng, window, held in windows(5, n):
        check_distances(rng, window, held)
    counted(60 * n, "positions with their distances, orders 0 to 29")


# ---------------------------------------------------------------------- all cells of the sky


def whole_sky(rng: np.random.Generator, order: int) -> Any:
    """Which cells of the sky are in a set: one that graphs may trip over, or discs."""
    n = 12 << (2 * order)
    if rng.random() < 0.5:
        coarser = int(rng.integers(0, min(order, 5) + 1))
        held = np.repeat(rng.random(n >> 2 * coarser) < rng.choice([0.02, 0.3, 0.5, 0.9]), 1 << 2 * coarser)
        return held ^ (rng.random(n) < 0.002)
    lon, lat = rng.uniform(0, 360, 12), np.degrees(np.arcsin(rng.uniform(-1, 1, 12)))
    mask = Mask.from_cones(SkyCoord(lon, lat, unit="deg"), 10 ** rng.uniform(-1, 1.5, 12) * u.deg, order=order)
    return mask.to_healpix(nest=True) ^ bool(rng.integers(2))


def check_whole_sky(rng: np.random.Generator, order: int, held: Any, *, wrong: float = 1.0) -> bool:
    """Assert that dilation, erosion and the map of distances are right in all cells; False if one is unclear."""
    cells = np.arange(12 << (2 * order))
    vectors = oracle.cell_points(cells, order, 0.5, 0.5)
    away = np.empty(cells.size)
    for side in (held, ~held):
        # From the cells of the other side, to the nearest of this side.
        chord, _ = cKDTree(vectors[side]).query(vectors[~side]) if side.any() else (np.inf, None)
        away[~side] = 2 * np.arcsin(np.minimum(chord / 2, 1)) if side.any() else np.inf
    width = (
        float(rng.choice(away) * (1 + 1e-9))
        if rng.random() < 0.5
        else float(10 ** rng.uniform(-0.3, 1.6) / (1 << order))
    )
    if not 0 < width < 3 or (np.abs(away - width) < 1e-15 + 1e-12 * width).any():
        return False
    mask, n_threads = Mask(RangeSet.from_cells(cells[held], order)), int(rng.integers(1, 4))
    grown, shrunk = held | (away <= width), held & (away > width)
    angle = width * wrong * u.rad
    assert np.array_equal(mask.dilate(angle, n_threads=n_threads).to_healpix(nest=True), grown), (order, width)
    assert np.array_equal(mask.erode(angle, n_threads=n_threads).to_healpix(nest=True), shrunk), (order, width)
    if order < 9:
        found = mask.distance_map(nest=True, n_threads=n_threads).to_value(u.rad) * wrong
        np.testing.assert_allclose(found, np.where(held, away, -away), rtol=1e-11, atol=2e-15)
    return True


@pytest.mark.deep
def test_all_cells(counted):
    """Mostly at orders 5 and 6, seldom at order 9."""
    n, done = cases(2), 0
    for k in range(n):
        rng = np.random.default_rng([seed(), 6, k])
        order = int(rng.choice(np.repeat([4, 5, 6, 7, 8, 9], [40, 80, 60, 10, 3, 1])))
        done += check_whole_sky(rng, order, whole_sky(rng, order))
    assert done >= (1 - MOST_UNCLEAR) * n - 2
    counted(done, "sets under dilation, erosion and distance by all cells, orders 4 to 9")


@pytest.mark.deep
def test_components_of_all_cells(counted):
    n = cases(3)
    for k in range(n):
        rng = np.random.default_rng([seed(), 7, k])
        order = int(rng.choice(np.repeat([4, 5, 6, 7, 8], [40, 60, 30, 6, 1])))
        held, connectivity = whole_sky(rng, order), int(rng.choice([4, 8]))
        mask = Mask(RangeSet.from_cells(np.flatnonzero(held), order))
        parts = oracles.components(held, order, connectivity)
        found = mask.components(connectivity=connectivity)
        assert found.n_cells.tolist() == [part.size for part in parts]
        for i in range(min(5, len(parts))):
            assert np.array_equal(found[i].planes[0].cells(), parts[i])
        filled = np.ones_like(held)
        gaps = oracles.components(~held, order, 12 - connectivity)
        filled[gaps[0] if gaps else []] = False
        assert np.array_equal(mask.fill_holes(connectivity=connectivity).to_healpix(nest=True), filled)
    counted(n, "sets by their components and holes by all cells, orders 4 to 8")


# ---------------------------------------------------------------------- the referees see a fault


def failures(check: Any, n: int, **options: Any) -> int:
    """Of n windows, those in which a check fails."""
    seen = 0
    for rng, window, held in windows(8, n, [1, 8, 20, 27]):
        try:
            check(rng, window, held, **options)
        except AssertionError:
            seen += 1
    return seen


@pytest.mark.parametrize("check", [check_widths, check_distances])
def test_a_width_larger_by_a_millionth_is_seen(check):
    assert failures(check, 8) == 0
    assert failures(check, 8, wrong=1 + 1e-6) >= 2


def test_a_wider_dilation_of_the_whole_sky_is_seen():
    seen = 0
    for k in range(4):
        rng = np.random.default_rng(k)
        held = whole_sky(rng, 3)
        try:
            check_whole_sky(rng, 3, held, wrong=1 + 1e-6)
        except AssertionError:
            seen += 1
    assert seen >= 2


def test_joined_components_are_seen():
    """Components of the set after a step, which joins some of them in nearly all windows."""

    def joined(mask: Mask, **options: Any) -> Any:
        return mask.dilate(steps=1).components(**options)

    assert failures(check_parts, 8) == 0
    assert failures(check_parts, 8, components=joined) >= 6
