"""Referees: the answers that hpmask gives, found by other and plainer means. Slow and simple on purpose."""

from __future__ import annotations

import functools

import numpy as np

MAX_ORDER = 29
END = 12 << (2 * MAX_ORDER)


def distinct(numbers):
    """The distinct numbers, ascending: np.unique, which takes 30 times as long from NumPy 2.3 on."""
    numbers = np.sort(numbers)
    return numbers[np.append(True, numbers[1:] != numbers[:-1])[: numbers.size]]


# ---------------------------------------------------------------- sets of cells as Python sets


def cells_of(rangeset, order):
    """Cells of one order in a RangeSet, as a Python set of numbers; its ranges must end on such cells."""
    size = 1 << (2 * (MAX_ORDER - order))
    cells = set()
    for start, stop in rangeset.ranges.tolist():
        assert start % size == 0
        assert stop % size == 0
        cells.update(range(start // size, stop // size))
    return cells


def refined(cells, order, finer):
    """A Python set of cells of `order` as the set of their descendants of order `finer`."""
    factor = 4 ** (finer - order)
    return {factor * cell + part for cell in cells for part in range(factor)}


def all_cells(order):
    """All cells of an order."""
    return set(range(12 * 4**order))


def multi_order_cells(cells, order):
    """(order, cell) pairs of the fewest cells of mixed orders that make up a set of cells of one order."""
    result = set()
    current = set(cells)
    while current and order > 0:
        parents = {cell // 4 for cell in current}
        whole = {parent for parent in parents if all(4 * parent + part in current for part in range(4))}
        result |= {(order, cell) for cell in current if cell // 4 not in whole}
        current, order = whole, order - 1
    return result | {(order, cell) for cell in current}


# ---------------------------------------------------------------- kernels of ranges, in plain NumPy


def inside(boundaries, points):
    """Whether points lie in the set that has these boundaries."""
    return np.searchsorted(boundaries, points, side="right") % 2 == 1


def boundaries_where(points, value):
    """Boundaries of a set whose value changes only at the ascending `points`, and is False before them."""
    value = np.asarray(value, dtype=bool)
    return np.asarray(points)[value != np.concatenate([[False], value[:-1]])]


def combine(a, b, truth):
    """Boundaries of an operation on two sets; `truth` holds its value for in_a + 2 in_b, lowest bit first."""
    points = distinct(np.concatenate([a, b]))
    return boundaries_where(points, (truth >> (inside(a, points) + 2 * inside(b, points))) & 1)


def at_least(starts, stops, depth):
    """Boundaries of what at least `depth` of the ranges cover."""
    points = distinct(np.concatenate([starts, stops]))
    cover = [np.sum((starts <= point) & (point < stops)) for point in points]
    return boundaries_where(points, np.array(cover) >= depth)


def first_fault(boundaries, unit, end):
    """Index of the first boundary that does not follow the one before, is off the grid or beyond the end."""
    for i, value in enumerate(boundaries):
        if value % unit or value > end or (i and value <= boundaries[i - 1]):
            return i
    return -1


def degraded(cells, order, coarser, how):
    """A Python set of cells of one order in coarser cells, child by child."""
    factor = 4 ** (order - coarser)
    # The northern of the four cells at the centre is the southernmost cell of the northern child.
    at_centre = 3 * factor // 4
    rules = {
        "any": lambda parent: any(factor * parent + part in cells for part in range(factor)),
        "all": lambda parent: all(factor * parent + part in cells for part in range(factor)),
        "center": lambda parent: factor * parent + at_centre in cells,
    }
    return {parent for parent in all_cells(coarser) if rules[how](parent)}


# ---------------------------------------------------------------- the sphere


def unit_vectors(lon, lat):
    """Unit vectors of positions in radians, shape (..., 3)."""
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def separation(a, b):
    """Angle between unit vectors in radians, exact for small and large ones."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1))


def seam_positions():
    """Positions within a few roundings of the meridians and parallels where the formulas change."""
    heights = [-2 / 3, 0.0, 2 / 3]
    steps = np.arange(-8, 9)
    lat = np.concatenate([np.arcsin(z) + steps * 2.0**-53 for z in heights])
    lon = np.concatenate([k * np.pi / 4 + steps * 2.0**-51 for k in range(-9, 18)])
    lon, lat = np.meshgrid(lon, lat)
    return lon.ravel(), lat.ravel()


# ---------------------------------------------------------------- the graph of neighbouring cells


@functools.cache
def neighbours(order, connectivity=8):
    """Neighbours of all cells of an order by healpy: shape (n_cells, 8 or 4), -1 where there is none."""
    import healpy

    found = np.array(healpy.get_all_neighbours(1 << order, np.arange(12 << 2 * order), nest=True)).T
    # South-west, west, north-west and so on: every other one shares an edge.
    return found if connectivity == 8 else found[:, ::2]


def with_neighbours(inside, order, connectivity=8):
    """Which cells are in a set or have a neighbour in it, from an array of bool over all cells."""
    around = neighbours(order, connectivity)
    return inside | (np.append(inside, False)[around]).any(axis=1)


def with_neighbours_outside(inside, order, connectivity=8):
    """Which cells of a set have a neighbour outside it."""
    around = neighbours(order, connectivity)
    return inside & ~(np.append(inside, True)[around]).all(axis=1)


def components(inside, order, connectivity=8):
    """Lists of the cells of each component by scipy, largest first, then by the first cell."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    around = neighbours(order, connectivity)
    cell = np.repeat(np.arange(inside.size), around.shape[1])
    other = around.ravel()
    edge = (other >= 0) & inside[cell] & inside[other]
    graph = coo_array((np.ones(edge.sum()), (cell[edge], other[edge])), shape=(inside.size, inside.size))
    _, label = connected_components(graph, directed=False)
    cells = np.flatnonzero(inside)
    by_label = cells[np.argsort(label[cells], kind="stable")]
    cuts = np.flatnonzero(np.diff(label[by_label])) + 1
    groups = np.split(by_label, cuts) if cells.size else []
    return sorted(groups, key=lambda group: (-group.size, group[0]))


def speckled(rng, order):
    """Sets on all cells of an order that graphs may trip over, as arrays of bool: blocks, speckles, lone cells."""
    n = 12 << 2 * order
    for share in (0.02, 0.3, 0.5, 0.9):
        for coarser in range(min(order, 4) + 1):
            yield np.repeat(rng.random(n >> 2 * coarser) < share, 1 << 2 * coarser) ^ (rng.random(n) < 0.003)
    # Chess boards: NESTED numbers with x + y even, and those with x even.
    number = np.arange(n)
    yield (number ^ (number >> 1)) & 1 == 0
    yield number & 1 == 0
    for cell in (0, n // 2, n - 1, int(rng.integers(n))):
        yield number != cell
        yield number == cell
    yield np.ones(n, dtype=bool)
    yield np.zeros(n, dtype=bool)
    # The corners of all base cells, and what is around them.
    corners = np.zeros(n, dtype=bool)
    third = (4**order - 1) // 3
    for base in range(12):
        corners[base * 4**order + np.array([0, third, 2 * third, 4**order - 1])] = True
    yield corners
    yield ~corners
    yield with_neighbours(corners, order)
