"""Masks on images and from images in all 28 projections of astropy; TPV is in test_distortions.py.

The parameters, places, frames, rotations and sizes are random. Referees are astropy's pixel_to_world at the centre of
each pixel, and its world_to_pixel at the centre of each cell. A pixel is in doubt if its centre is within 1e-12 deg of
the edge of a cell, and a cell if its centre is within 1e-6 pixel of the edge of a pixel, or if the WCS does not project
it back to within a thousandth of a pixel. These are counted, and there must be few.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from astropy.wcs import WCS
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS
from image_checks import Tally, check_from_wcs, check_to_wcs, random_frame
from profiles import cases, seed
from random_images import ALL_PROJECTIONS, FACETED, Image, draw, order_near
from wcs_images import all_sky, referee_cells, sampled, some_of


def random_cases(stream: int, n: int, projections: Any = ALL_PROJECTIONS, **options: Any) -> Any:
    """For each projection n generators and images, with a key to make each again alone."""
    for k in range(n):
        for projection in projections:
            key = [seed(), stream, k, ALL_PROJECTIONS.index(projection)]
            rng = np.random.default_rng(key)
            yield rng, draw(rng, projection, **options), (projection, key)


def test_pixels(counted):
    n, tally = cases(1), Tally()
    compared = sum(check_to_wcs(rng, image, tally, text) for rng, image, text in random_cases(1, n))
    tally.check(0.02)
    counted(len(ALL_PROJECTIONS) * n, "images in 28 projections, masks to pixels")
    counted(compared, "pixels against astropy")


@pytest.mark.deep
def test_cells(counted):
    n, tally = cases(1), Tally()
    compared = sum(check_from_wcs(rng, image, tally, text) for rng, image, text in random_cases(2, n, most=25))
    tally.check(0.05)
    counted(len(ALL_PROJECTIONS) * n, "images in 28 projections, pixels to masks")
    counted(compared, "cells against astropy")


# ---------------------------------------------------------------------- slices and cubes


def in_a_cube(rng: np.random.Generator, wcs: WCS) -> WCS:
    """The WCS with a third axis at a random place."""
    axes = [1, 2]
    place = int(rng.integers(3))
    axes.insert(place, 0)
    wide = wcs.sub(axes)
    names = list(wide.wcs.ctype)
    names[place] = "FREQ"
    wide.wcs.ctype = names
    shape = list(wcs.array_shape)
    shape.insert(2 - place, int(rng.integers(1, 5)))
    wide.array_shape = shape
    return wide


def hidden(rng: np.random.Generator) -> Any:
    """A function from a WCS and its shape to an equal one: a cube, a slice of it, or a cut-out of a larger image."""

    def made(wcs: WCS, shape: Any) -> tuple[Any, Any]:
        ny, nx = shape
        way = rng.integers(4)
        if way == 0:
            return in_a_cube(rng, wcs), None
        if way == 1:
            wide = in_a_cube(rng, wcs)
            depth = next(i for i, name in enumerate(list(wide.wcs.ctype)[::-1]) if name == "FREQ")
            cut: list[Any] = [slice(None)] * 3
            cut[depth] = int(rng.integers(wide.array_shape[depth]))
            return HighLevelWCSWrapper(SlicedLowLevelWCS(wide, cut)), shape
        left, below = (int(k) for k in rng.integers(0, 9, 2))
        larger = wcs.deepcopy()
        larger.wcs.crpix = wcs.wcs.crpix + [left, below]
        larger.wcs.set()
        larger.array_shape = (ny + below + 3, nx + left + 5)
        cut = [slice(below, below + ny), slice(left, left + nx)]
        return (larger[tuple(cut)], None) if way == 2 else (HighLevelWCSWrapper(SlicedLowLevelWCS(larger, cut)), None)

    return made


def test_slices_and_cubes(counted):
    n, tally = cases(12), Tally()
    for k in range(n):
        rng = np.random.default_rng([seed(), 3, k])
        # What is moved by whole pixels has other rounding errors, and a slice does not repeat itself beyond 180 deg.
        image = draw(rng, str(rng.choice(["TAN", "STG", "ZEA", "ARC", "AIT", "MOL", "COE", "SFL"])), most=20)
        if image.pixel < 1e-5:
            continue
        check = check_to_wcs if rng.random() < 0.7 else check_from_wcs
        check(rng, image, tally, k, seen_by_hpmask=hidden(rng))
    counted(n, "slices and cubes")


# ---------------------------------------------------------------------- areas


def check_areas(rng: np.random.Generator, image: Image, text: Any, n: int = 250) -> int:
    """Assert that fractions are right to 1e-3, and that the other modes go with them; return how many were sampled."""
    frame, order = random_frame(rng), max(order_near(rng, image.pixel) - 1, 0)
    cells = referee_cells(image.wcs, image.shape, frame, order)
    mask, _ = some_of(cells, order, frame, seed=int(rng.integers(1 << 30)))
    if mask.planes[0].is_empty:
        return 0
    modes = ("inside", "center", "overlap", "fraction")
    found = {mode: mask.to_wcs(image.wcs, image.shape, mode=mode) for mode in modes}
    part = found["fraction"]
    assert part.min() >= 0, text
    assert part.max() <= 1, text
    order_of_modes = (found["inside"] <= found["center"]) & (found["center"] <= found["overlap"]) | (cells == -2)
    assert order_of_modes.all(), (text, frame, order, np.argwhere(~order_of_modes)[:5].tolist())
    assert found["overlap"][part > 1e-3].all(), (text, frame, order)
    assert not found["inside"][part < 1 - 1e-3].any(), (text, frame, order)
    whole = all_sky(image.wcs, image.shape)
    dual = (~mask).to_wcs(image.wcs, image.shape, mode="overlap") == ~found["inside"]
    assert dual[whole].all(), (text, frame, order, "dual", np.argwhere(~dual & whole)[:5].tolist())
    mixed = np.argwhere((part > 0) & (part < 1) & whole)
    if not len(mixed):
        return 0
    row, column = mixed[rng.permutation(len(mixed))[:1]].T
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = sampled(mask, image.wcs, row, column, n, rng)
    # Pixels that the edge of a facet tears apart are sampled by hpmask, too.
    tolerance = 1e-3 if image.projection not in FACETED else 1e-2
    off = np.abs(part[row, column] - expected).max()
    assert off < tolerance + 5e-4, (text, frame, order, row, column, part[row, column], expected)
    assert (found["overlap"][row, column] >= (expected > 0)).all(), text
    assert (found["inside"][row, column] <= (expected > 1 - 1e-9)).all(), text
    return len(row)


@pytest.mark.deep
def test_areas(counted):
    n = cases(1)
    sampled_pixels = sum(check_areas(rng, image, text) for rng, image, text in random_cases(4, n, most=9))
    counted(len(ALL_PROJECTIONS) * n, "images in 28 projections, modes overlap, inside and fraction")
    counted(sampled_pixels, "fractions of pixels against 62500 points in each")


# ---------------------------------------------------------------------- the referees see a fault


def moved(step: float) -> Any:
    """A function to a WCS that is off by a part of a pixel."""

    def made(wcs: WCS, shape: Any) -> tuple[WCS, Any]:
        other = wcs.deepcopy()
        other.wcs.crpix = other.wcs.crpix + step
        other.wcs.set()
        return other, shape

    return made


@pytest.mark.parametrize("check", [check_to_wcs, check_from_wcs])
@pytest.mark.parametrize("projection", ["TAN", "AIR"])
def test_an_image_that_is_off_by_a_part_of_a_pixel_is_seen(check, projection):
    """By a fifth of a pixel: some of the cells or pixels are on another side of an edge."""
    seen = 0
    for k in range(4):
        for step in (0, 0.2):
            rng = np.random.default_rng([5, k])
            image = draw(rng, projection, most=20)
            while min(image.shape) < 10:
                image = draw(rng, projection, most=20)
            try:
                check(rng, image, Tally(), k, seen_by_hpmask=moved(step))
            except AssertionError:
                assert step, "the right image is not right"
                seen += 1
    assert seen >= 3


def test_another_equinox_is_seen():
    def precessed(wcs: WCS, shape: Any) -> tuple[WCS, Any]:
        other = wcs.deepcopy()
        other.wcs.equinox = wcs.wcs.equinox + 1
        other.wcs.set()
        return other, shape

    for k in range(20):
        rng = np.random.default_rng([6, k])
        image = draw(rng, "TAN", most=25, widest=-2)
        if image.wcs.wcs.radesys == "FK5" and min(image.shape) > 5:
            with pytest.raises(AssertionError):
                check_to_wcs(rng, image, Tally(), k, seen_by_hpmask=precessed)
            return
    pytest.fail("no image in FK5")


def test_a_fraction_that_is_off_is_seen(monkeypatch):
    right = sampled

    def wrong(*args: Any) -> Any:
        value = right(*args)
        return value + np.where(value > 0.5, -2e-3, 2e-3)

    image = draw(np.random.default_rng(7), "TAN", most=9)
    assert check_areas(np.random.default_rng(8), image, "right")
    monkeypatch.setitem(check_areas.__globals__, "sampled", wrong)
    with pytest.raises(AssertionError):
        check_areas(np.random.default_rng(8), image, "off")
