"""All kinds of shapes in all modes, at hard places and of all sizes, by brute force over cells.

Where a cell's centre is within 1.2e-14 rad of an edge, and where its outline is within 1e-9 rad (a thousandth of a cell
at fine orders) of touching an edge, both answers are right. These cells are counted, and there must be few of them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import healpy
import numpy as np
import pytest
import shape_oracles as oracle
from profiles import cases, seed
from random_shapes import COMPOUNDS, KINDS, Drawn, draw, tie, tolerance

from hpmask import Mask

MODES = ("center", "overlap", "inside")


def held(mask: Mask, cells: Any, order: int) -> Any:
    """Whether cells are in a mask of their order."""
    numbers = np.asarray(cells).astype(np.uint64) << np.uint64(2 * (29 - order))
    return np.searchsorted(mask.planes[0].boundaries, numbers, side="right") % 2 == 1


class Tally(Counter):
    """How many cells were compared, and how many of those near an edge were in doubt."""

    def check(self, share: float) -> None:
        """Assert that no more than a share of the cells along outlines was in doubt, by kind."""
        for kind in {key[0] for key in self}:
            assert self[kind, "doubtful"] <= max(share * self[kind, "near"], 60), (kind, self)


def check_shape(
    drawn: Drawn, order: int, cells: Any, n_threads: int, tally: Tally, *, modes: Any = MODES, grown: Any = None
) -> None:
    """Assert that the mask of a shape has the cells that brute force says, in all modes or some.

    `grown`, if given, is what makes the mask instead of the shape itself.
    """
    truths = [oracle.truth(g, anchors, order, cells, tolerance=tolerance(order)) for g, anchors in drawn.parts]
    tally[drawn.kind, "cells"] += len(cells)
    near = sum(abs(g(oracle.cell_points(cells, order, 0.5, 0.5))) < 1.1 / (1 << order) for g, _ in drawn.parts) > 0
    tally[drawn.kind, "near"] += 3 * int(near.sum())
    for mode in modes:
        found = held((grown or drawn).make(order, mode, n_threads), cells, order)
        sure = np.any([getattr(truth, mode) for truth in truths], axis=0)
        may = np.any([getattr(truth, f"{mode}_may") for truth in truths], axis=0)
        tally[drawn.kind, "doubtful"] += int((may & ~sure).sum())
        missing, extra = cells[sure & ~found], cells[found & ~may]
        assert not missing.size, (drawn.text, order, mode, "missing", missing.tolist()[:9])
        assert not extra.size, (drawn.text, order, mode, "too many", extra.tolist()[:9])


def random_draws(stream: int, n: int, orders: Any, **options: Any) -> Any:
    """Generators, orders and shapes. Each can be made again alone."""
    for k in range(n):
        rng = np.random.default_rng([seed(), stream, k])
        order = int(rng.choice(orders))
        yield rng, order, draw(rng, order, **options)


def test_all_cells_in_all_modes(counted):
    n, tally = cases(12), Tally()
    for rng, order, drawn in random_draws(1, n, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]):
        check_shape(drawn, order, np.arange(12 << (2 * order)), int(rng.integers(1, 4)), tally)
    tally.check(0.05)
    counted(3 * n, "shapes x modes by all cells, orders 0 to 5")


def along(points: Any, order: int) -> Any:
    """The cells at some places, and their neighbours."""
    nside = 1 << order
    cells = np.unique(healpy.vec2pix(nside, *np.transpose(points), nest=True))
    around = healpy.get_all_neighbours(nside, cells, nest=True).ravel()
    return np.unique(np.concatenate([cells, around[around >= 0]]))


@pytest.mark.deep
def test_cells_along_outlines_in_all_modes(counted):
    n, tally = cases(24), Tally()
    for rng, order, drawn in random_draws(2, n, np.arange(6, 30), most_cells=600):
        points = drawn.outline(rng, 6)
        check_shape(drawn, order, along([*points, drawn.center], order), int(rng.integers(1, 4)), tally)
    tally.check(0.08)
    counted(3 * n, "shapes x modes by the cells along their outlines, orders 6 to 29")


def check_centres(drawn: Drawn, order: int, n_threads: int, *, grown: Any = None) -> int:
    """Assert that the cells are those with their centre in the shape; return how many were within the tolerance."""
    mask, doubtful = (grown or drawn).make(order, "center", n_threads), 0
    for first in range(0, 12 << (2 * order), 1 << 18):
        cells = np.arange(first, min(first + (1 << 18), 12 << (2 * order)))
        points = oracle.cell_points(cells, order, 0.5, 0.5)
        value = np.max([g(points) for g, _ in drawn.parts], axis=0)
        found, clear = held(mask, cells, order), np.abs(value) > 1.2e-14
        wrong = cells[clear & (found != (value > 0))]
        assert not wrong.size, (drawn.text, order, wrong.tolist()[:9])
        doubtful += int((~clear).sum())
    return doubtful


@pytest.mark.deep
def test_all_centres(counted):
    """Every centre of the sky, mostly at orders 6 and 7, seldom at order 9."""
    n = cases(2)
    orders = np.repeat([6, 7, 8, 9], [20, 8, 3, 1])
    for rng, order, drawn in random_draws(3, n, orders, kinds=(*KINDS, *COMPOUNDS)):
        doubtful = check_centres(drawn, order, int(rng.integers(1, 4)))
        # A parallel or meridian through centres passes through those of a few rings at most.
        assert doubtful <= 8 << order, drawn.text
    counted(n, "shapes by the centres of all cells, orders 6 to 9")


def check_by_points(drawn: Drawn, order: int, cells: Any, n_threads: int, *, grown: Any = None) -> None:
    """Assert that cells are decided as 16 x 16 points in each say, and what these leave open.

    No point of a cell is farther than `reach` from one of these. Parts below 1/256 of a cell may be missed.
    """
    n = 16
    part = (np.arange(n) + 0.5) / n
    x, y = (grid.ravel() for grid in np.meshgrid(part, part))
    g = drawn.parts[0][0]
    center = g(oracle.cell_points(cells, order, 0.5, 0.5))
    # Far from the outline, a cell is decided by its centre.
    near = np.abs(center) < 1.1 / (1 << order)
    most, least = center.copy(), center.copy()
    value = g(oracle.cell_points(cells[near, np.newaxis], order, x, y))
    most[near], least[near] = value.max(axis=1, initial=-4), value.min(axis=1, initial=4)
    small, reach = 2 / 256 / (1 << order), 1.3 / n / (1 << order)
    found = {mode: held((grown or drawn).make(order, mode, n_threads), cells, order) for mode in MODES}
    inside_of_all = drawn.kind != "path"  # Of a path, the part of one arc must hold all of the cell.
    wrong = {
        "center": (np.abs(center) > 1.2e-14) & (found["center"] != (center > 0)),
        "not in overlap": (most > small) & ~found["overlap"],
        "in overlap": (most < -reach) & found["overlap"],
        "in inside": (least < -small) & found["inside"],
        "not in inside": (least > reach) & ~found["inside"] & inside_of_all,
        "nested": (found["inside"] & ~found["center"]) | (found["center"] & ~found["overlap"]),
    }
    for what, some in wrong.items():
        assert not some.any(), (drawn.text, order, what, cells[some].tolist()[:9])


@pytest.mark.deep
def test_compounds_by_points_of_cells(counted):
    """Paths, polygons of caps, sectors and compounds."""
    n = cases(8)
    for rng, order, drawn in random_draws(4, n, [0, 1, 2, 3, 3], kinds=COMPOUNDS):
        check_by_points(drawn, order, np.arange(12 << (2 * order)), int(rng.integers(1, 4)))
    counted(3 * n, "compounds x modes by points of all cells, orders 0 to 3")


@pytest.mark.deep
def test_compounds_along_outlines(counted):
    n = cases(8)
    for rng, order, drawn in random_draws(5, n, np.arange(5, 23), kinds=COMPOUNDS, most_cells=200):
        points = drawn.outline(rng, 4)
        check_by_points(drawn, order, along([*points, drawn.center], order), int(rng.integers(1, 4)))
    counted(3 * n, "compounds x modes by points of cells along outlines, orders 5 to 22")


# ---------------------------------------------------------------------- the referees see a fault


@pytest.mark.parametrize(
    ("mode", "at", "tolerances", "unit"),
    [("center", "center", -1.3, 1.2e-14), ("overlap", "nearest", -1.3, 1e-9), ("inside", "farthest", 1.3, 1e-9)],
)
def test_a_shape_moved_by_more_than_the_tolerance_is_seen(mode, at, tolerances, unit):
    """Discs whose edge passes a cell within 1.3 tolerances: once moved by 1.5, they have another cell."""
    seen = 0
    for k in range(3):
        rng, order = np.random.default_rng([6, k]), 2
        cells = np.arange(12 << (2 * order))
        drawn = tie(rng, order, at, tolerances * unit)
        check_shape(drawn, order, cells, 1, Tally(), modes=[mode])
        moved = tie(np.random.default_rng([6, k]), order, at, (tolerances - np.copysign(1.5, tolerances)) * unit)
        try:
            check_shape(drawn, order, cells, 1, Tally(), modes=[mode], grown=moved)
        except AssertionError:
            seen += 1
    assert seen >= 2


class Wrong:
    """What makes the mask of a shape with one cell more or less on its edge."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn

    def make(self, order: int, mode: str, n_threads: int) -> Mask:
        right = self.drawn.make(order, mode, n_threads)
        plane = right.planes[0]
        edge = plane.cells()[:1] if plane else np.array([0])
        return right ^ Mask(type(plane).from_cells(edge, order), frame=right.frame)


@pytest.mark.parametrize("kind", [*KINDS, *COMPOUNDS])
def test_a_wrong_cell_is_seen(kind):
    for _, order, drawn in random_draws(7, 1, [1], kinds=(kind,)):
        cells = np.arange(12 << (2 * order))
        if kind in COMPOUNDS:
            check_by_points(drawn, order, cells, 1)
            with pytest.raises(AssertionError):
                check_by_points(drawn, order, cells, 1, grown=Wrong(drawn))
        else:
            with pytest.raises(AssertionError):
                check_shape(drawn, order, cells, 1, Tally(), grown=Wrong(drawn))
        check_centres(drawn, order, 1)
        with pytest.raises(AssertionError):
            check_centres(drawn, order, 1, grown=Wrong(drawn))
