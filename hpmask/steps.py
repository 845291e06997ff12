"""Steps on the graph of neighbouring cells: growing a set by one cell and another, and the cells along its edge.

The graph is that of `healpy.get_all_neighbours`: a cell has eight neighbours, and seven where three base cells meet.
"""

from __future__ import annotations

import numpy as np

from hpmask._kernels import steps as _kernel
from hpmask.rangeset import RangeSet
from hpmask.tiles import Tiles, check_connectivity

__all__ = ["dilate_steps", "edge_cells"]

_HALF = 0.5


def dilate_steps(plane: RangeSet, steps: int, connectivity: int = 8) -> RangeSet:
    """The cells that at most `steps` steps from cell to neighbouring cell lead to.

    The cost grows with the outline of the set and with the number of steps.

    Parameters
    ----------
    plane : RangeSet
        The set; the steps are those of cells of its own order.
    steps : int
        How many steps; 0 gives the set itself.
    connectivity : {8, 4}, optional
        8: neighbours share an edge or a corner. 4: they share an edge.

    Raises
    ------
    TypeError, ValueError
        If `steps` is no integer from 0 up, or `connectivity` neither 8 nor 4.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.steps import dilate_steps
    >>> cell = RangeSet.from_cells([27], order=3)
    >>> [dilate_steps(cell, steps).n_cells for steps in range(4)]
    [1, 9, 25, 49]
    >>> dilate_steps(cell, 2, connectivity=4).n_cells
    13
    """
    corners = check_connectivity(connectivity)
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer):
        raise TypeError(f"steps must be an integer from 0 up, got {steps!r}")
    if steps < 0:
        raise ValueError(f"steps must be from 0 up, got {steps}")
    for _ in range(int(steps)):
        reached = _touching(plane, ~plane, corners)
        if not reached:
            break
        plane = plane | reached
    return plane


def edge_cells(plane: RangeSet, connectivity: int = 8) -> RangeSet:
    """The cells of a set that have a neighbour outside it.

    Parameters
    ----------
    plane : RangeSet
        The set.
    connectivity : {8, 4}, optional
        8: neighbours share an edge or a corner. 4: they share an edge.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.steps import edge_cells
    >>> block = RangeSet.from_cells([1], order=1).refine(4)
    >>> block.n_cells, edge_cells(block).n_cells
    (64, 28)
    """
    return _touching(~plane, plane, check_connectivity(connectivity))


def _touching(plane: RangeSet, outside: RangeSet, corners: bool) -> RangeSet:
    """The cells outside a set with a neighbour in it; `outside` is its complement."""
    if not plane or not outside:
        return RangeSet.empty(plane.order)
    # The same cells from either side. Scattered small sets need fewer blocks and tiles than what is round them.
    if plane.sky_fraction <= _HALF:
        tiles, kernel = Tiles(plane), _kernel.touched
    else:
        tiles, kernel = Tiles(outside), _kernel.edges
    found = np.empty_like(tiles.words)
    tile, words = kernel(
        tiles.starts, tiles.levels, tiles.words, tiles.entries, tiles.shift, tiles.order, corners, found
    )
    by_place = np.argsort(tile)
    starts, stops = _kernel.ranges(tiles.starts, found, tile[by_place], words[by_place], tiles.order)
    boundaries = np.empty(2 * starts.size, dtype=np.uint64)
    boundaries[0::2], boundaries[1::2] = starts, stops
    return RangeSet._trusted(boundaries, plane.order)
