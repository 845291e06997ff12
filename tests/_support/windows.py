"""All cells around a place, at any order, with what brute force needs: their centres and neighbours.

A window is the whole sky at low orders. At finer orders it is a cell four orders coarser with its neighbours: some 2300
cells. Sets lie in the middle cell, so that everything that changes within eight cells of them changes in the window.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import healpy
import numpy as np
import shape_oracles as oracle
from random_shapes import place
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hpmask import RangeSet

WHOLE = 3
STEPS = 4


class Window:
    """The cells around a place.

    Attributes
    ----------
    cells : numpy.ndarray of int, shape (n,)
        NESTED cells of the order, ascending.
    vectors : numpy.ndarray of float, shape (n, 3)
        Their centres.
    inner : numpy.ndarray of bool, shape (n,)
        Whether a cell may be in a set.
    is_sky : bool
        Whether there is nothing else.
    """

    def __init__(self, rng: np.random.Generator, order: int) -> None:
        self.order, self.is_sky = order, order <= WHOLE
        if self.is_sky:
            self.cells = np.arange(12 << (2 * order))
            self.inner = np.ones(self.cells.size, bool)
        else:
            coarse = order - STEPS if order > WHOLE + 1 else 1
            size = 1 << (2 * (order - coarse))
            middle = int(oracle.cell_of(oracle.vector(*place(rng)), coarse)[0])
            around = np.append(healpy.get_all_neighbours(1 << coarse, middle, nest=True), middle)
            some = np.unique(around[around >= 0])
            self.cells = (some[:, np.newaxis] * size + np.arange(size)).ravel()
            self.inner = self.cells // size == middle
        self.vectors = oracle.cell_points(self.cells, order, 0.5, 0.5)

    @cached_property
    def around(self) -> Any:
        """Rows of the neighbours of each cell, shape (n, 8): -1 where there is none, -2 for cells beyond the window."""
        found = np.array(healpy.get_all_neighbours(1 << self.order, self.cells, nest=True)).T
        row = np.minimum(np.searchsorted(self.cells, found), self.cells.size - 1)
        return np.where(found < 0, -1, np.where(self.cells[row] == found, row, -2))

    def plane(self, held: Any) -> RangeSet:
        """The set of some of the cells."""
        return RangeSet.from_cells(self.cells[held], self.order)

    def held(self, plane: RangeSet) -> Any:
        """Which cells are in a set."""
        numbers = self.cells.astype(np.uint64) << np.uint64(2 * (29 - self.order))
        return np.searchsorted(plane.boundaries, numbers, side="right") % 2 == 1

    def same(self, plane: RangeSet, held: Any, beyond: bool = False) -> bool:
        """Whether a set has these cells, and all or nothing beyond the window."""
        if plane.order != self.order or not np.array_equal(self.held(plane), held):
            return False
        n = 12 << (2 * self.order)
        return plane.n_cells == int(held.sum()) + (n - self.cells.size if beyond else 0)

    def distance(self, held: Any, points: Any = None) -> Any:
        """Angles from the centres, or from other points, to the nearest of some cells; infinite if there is none."""
        points = self.vectors if points is None else points
        if not held.any():
            return np.full(len(points), np.inf)
        some = self.vectors[held]
        _, near = cKDTree(some).query(points, k=min(3, len(some)))
        near = near.reshape(len(points), -1)
        return oracle.angle_between(points[:, np.newaxis], some[near]).min(axis=1)

    def stepped(self, held: Any, connectivity: int, *, beyond: bool = False) -> Any:
        """Cells that are in a set or have a neighbour in it; `beyond` says whether all the other sky is in it."""
        around = self.around if connectivity == 8 else self.around[:, ::2]
        # Rows -1 and -2 count from the end.
        return held | np.append(held, [beyond, False])[around].any(axis=1)

    def parts(self, held: Any, connectivity: int, *, beyond: bool = False) -> list[Any]:
        """Rows of each component, the largest first, then by the first cell. What holds the sky beyond comes first.

        The row after the last one stands for all cells beyond the window, which are in the set if `beyond` is True.
        """
        around = self.around if connectivity == 8 else self.around[:, ::2]
        n = self.cells.size
        row = np.repeat(np.arange(n), around.shape[1])
        other = np.where(around == -2, n, around).ravel()
        inside = np.append(held, beyond)
        edge = (other >= 0) & inside[row] & inside[other]
        graph = coo_array((np.ones(edge.sum()), (row[edge], other[edge])), shape=(n + 1, n + 1))
        _, label = connected_components(graph, directed=False)
        rows = np.flatnonzero(inside)
        groups = [rows[label[rows] == one] for one in np.unique(label[rows])]
        return sorted(groups, key=lambda group: (-int(group[-1] == n), -group.size, group[0]))


def random_set(rng: np.random.Generator, window: Window) -> Any:
    """Which cells of a window are in a random set: specks, blocks, single cells, discs and rings, with noise."""
    order, n = window.order, window.cells.size
    kind = rng.integers(0, 4)
    if kind == 0:
        held = rng.random(n) < rng.choice([0.01, 0.1, 0.5, 0.9])
    elif kind == 1:
        block = window.cells >> (2 * int(rng.integers(1, 4)))
        _, which = np.unique(block, return_inverse=True)
        held = (rng.random(which.max() + 1) < rng.choice([0.1, 0.5]))[which]
    elif kind == 2:
        held = np.zeros(n, bool)
        held[rng.choice(np.flatnonzero(window.inner), 3)] = True
    else:
        center = window.vectors[rng.choice(np.flatnonzero(window.inner))]
        away = oracle.angle_between(window.vectors, center) * (1 << order)
        outer = rng.uniform(0.5, 10)
        held = (away < outer) & (away >= outer * rng.choice([0, 0.6]))
    if rng.random() < 0.5:
        held = held ^ (rng.random(n) < 0.01)
    return held & window.inner
