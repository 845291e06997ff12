"""What the kernels should give, by plain means: sets as arrays of bool, cells and rings by healpy.

Set algebra on boundaries is in tests/_support/oracles.py, which the targets share with the tests.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from fuzz.kernels.draw import END, MAX_ORDER

__all__ = [
    "angles",
    "cell_centres",
    "cells_near",
    "check",
    "dense",
    "dense_ranges",
    "from_arc",
    "is_set",
    "of_dense",
    "places_in_rings",
    "ring_numbers",
    "same",
    "unit_of",
]


def check(right: Any, what: str, *values: Any) -> None:
    """AssertionError with some values unless all is right."""
    if not np.all(right):
        raise AssertionError(f"{what}: " + " | ".join(str(value) for value in values))


def same(found: Any, expected: Any, what: str, *, within: float = 0.0) -> None:
    """AssertionError unless two arrays have the same shape and values, NaN at the same places."""
    found, expected = np.asarray(found), np.asarray(expected)
    good = found.shape == expected.shape
    if good and within:
        with np.errstate(invalid="ignore"):
            good = bool(
                np.all(
                    (np.abs(found - expected) <= within)
                    | (found == expected)
                    | (found != found) & (expected != expected)
                )
            )
    elif good:
        good = bool(np.all((found == expected) | (found != found) & (expected != expected)))
    check(good, what, found, expected)


def unit_of(order: int) -> int:
    """Cells of order 29 in a cell."""
    return 1 << 2 * (MAX_ORDER - order)


def is_set(boundaries: Any, order: int, what: str = "boundaries") -> None:
    """AssertionError unless boundaries are canonical: pairs, ascending, of cells of the order, in the sky."""
    values = np.asarray(boundaries)
    check(values.dtype == np.uint64 and values.ndim == 1 and values.size % 2 == 0, f"{what} are not pairs", values)
    check(values[1:] > values[:-1], f"{what} do not ascend", values)
    check(values % np.uint64(unit_of(order)) == 0, f"{what} are off the grid of order {order}", values)
    check(values.size == 0 or values[-1] <= END, f"{what} end beyond the sky", values)


def dense(boundaries: Any, order: int) -> Any:
    """A set as an array of bool, a value for each cell; boundaries that are none of the order are a mistake."""
    is_set(boundaries, order)
    change = np.zeros((12 << 2 * order) + 1, np.int8)
    cells = (np.asarray(boundaries) // np.uint64(unit_of(order))).astype(np.int64)
    change[cells[0::2]] += 1
    change[cells[1::2]] -= 1
    return np.cumsum(change[:-1]).astype(bool)


def dense_ranges(starts: Any, stops: Any, order: int) -> Any:
    """How many of some ranges cover each cell."""
    unit = np.uint64(unit_of(order))
    starts, stops = np.asarray(starts), np.asarray(stops)
    check(starts.shape == stops.shape and np.all(starts < stops), "ranges are empty or turned round", starts, stops)
    check(np.all(starts % unit == 0) and np.all(stops % unit == 0), "ranges are off the grid", starts, stops)
    check(stops.size == 0 or stops.max() <= END, "ranges end beyond the sky", stops)
    change = np.zeros((12 << 2 * order) + 1, np.int64)
    np.add.at(change, (starts // unit).astype(np.int64), 1)
    np.add.at(change, (stops // unit).astype(np.int64), -1)
    return np.cumsum(change[:-1])


def of_dense(inside: Any, order: int) -> Any:
    """The boundaries of an array of bool."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(inside).astype(np.int8), [0]])))
    return changes.astype(np.uint64) * np.uint64(unit_of(order))


@functools.cache
def cell_centres(order: int) -> Any:
    """Unit vectors to the centres of all cells of an order, shape (n, 3)."""
    import healpy

    centres = np.array(healpy.pix2vec(1 << order, np.arange(12 << 2 * order), nest=True)).T
    centres = np.ascontiguousarray(centres)
    centres.flags.writeable = False
    return centres


@functools.cache
def ring_numbers(order: int) -> Any:
    """The RING number of each cell."""
    import healpy

    return healpy.nest2ring(1 << order, np.arange(12 << 2 * order))


def places_in_rings(pixels: Any, order: int) -> tuple[Any, Any]:
    """Rings, from 1 in the north, and positions in them, from 0, of RING numbers."""
    n = 1 << order
    rings, positions = [], []
    cap, total = 2 * n * (n - 1), 12 * n * n
    for pixel in np.asarray(pixels).tolist():
        if pixel < cap:
            ring = (1 + math.isqrt(1 + 2 * pixel)) // 2
            position = pixel - 2 * ring * (ring - 1)
        elif pixel < total - cap:
            ring, position = divmod(pixel - cap, 4 * n)
            ring += n
        else:
            left = total - 1 - pixel
            ring = (1 + math.isqrt(1 + 2 * left)) // 2
            position = 4 * ring - 1 - (left - 2 * ring * (ring - 1))
            ring = 4 * n - ring
        rings.append(ring)
        positions.append(position)
    return np.array(rings, np.int64), np.array(positions, np.int64)


def cells_near(lon: float, lat: float, order: int, *, within: float = 2e-14) -> set[int]:
    """The cells that hold a position, or a place next to it."""
    import healpy

    east, north = np.meshgrid(*(within * np.array([-1.0, 0.0, 1.0]),) * 2)
    here = np.clip(lat + north, -math.pi / 2, math.pi / 2)
    there = lon + east / max(math.cos(lat), 1e-9)
    return set(healpy.ang2pix(1 << order, math.pi / 2 - here, there % (2 * math.pi), nest=True).ravel().tolist())


def angles(vectors: Any, place: Any) -> Any:
    """Angles between unit vectors and another one, precise for all sizes."""
    return 2 * np.arctan2(np.linalg.norm(vectors - place, axis=-1), np.linalg.norm(vectors + place, axis=-1))


def from_arc(first: Any, last: Any, points: Any) -> Any:
    """Distances of points from the shorter arc between two others."""
    away = np.minimum(angles(points, first), angles(points, last))
    normal = np.cross(first, last)
    size = np.linalg.norm(normal)
    if size > 1e-12:
        normal /= size
        beside = (points @ np.cross(normal, first) >= 0) & (points @ np.cross(last, normal) >= 0)
        away = np.where(beside, np.arcsin(np.minimum(1, np.abs(points @ normal))), away)
    return away
