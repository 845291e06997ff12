"""Steps on the graph of neighbouring cells: growing a set by one cell and another, and the cells along its edge.

The graph is that of `healpy.get_all_neighbours`: a cell has eight neighbours, and seven where three base cells meet.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from hpmask._kernels import steps as _kernel
from hpmask._kernels.tiles import TileSet
from hpmask._utils.arguments import as_count, check_connectivity
from hpmask._utils.parallel import thread_count, thread_map
from hpmask.core.rangeset import RangeSet, trusted

__all__ = ["dilate_steps", "edge_cells", "erode_steps"]

# Both kernels find the same cells from either side. Up to this part of the sky it is the set that they look at,
# above it the complement: scattered small sets have fewer blocks and tiles than what is round them.
_HALF = 0.5

# So many blocks and tiles are worth a thread.
_PER_THREAD = 50_000


def dilate_steps(plane: RangeSet, steps: int, connectivity: int = 8, *, n_threads: int | None = None) -> RangeSet:
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
    n_threads : int, optional
        Threads to use, by default all processors.

    Raises
    ------
    TypeError, ValueError
        If `steps` is no integer from 0 up, or `connectivity` neither 8 nor 4.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.neighbours import dilate_steps
    >>> cell = RangeSet.from_cells([27], order=3)
    >>> [dilate_steps(cell, steps).n_cells for steps in range(4)]
    [1, 9, 25, 49]
    >>> dilate_steps(cell, 2, connectivity=4).n_cells
    13
    """
    corners = check_connectivity(connectivity)
    for _ in range(as_count(steps, "steps")):
        grown = _grown(plane, corners, n_threads)
        if grown == plane:
            break
        plane = grown
    return plane


def erode_steps(plane: RangeSet, steps: int, connectivity: int = 8, *, n_threads: int | None = None) -> RangeSet:
    """The cells that no steps, at most so many, lead to from outside the set: the dual of `dilate_steps`."""
    return ~dilate_steps(~plane, steps, connectivity, n_threads=n_threads)


def edge_cells(plane: RangeSet, connectivity: int = 8, *, n_threads: int | None = None) -> RangeSet:
    """The cells of a set that have a neighbour outside it.

    Parameters
    ----------
    plane : RangeSet
        The set.
    connectivity : {8, 4}, optional
        8: neighbours share an edge or a corner. 4: they share an edge.
    n_threads : int, optional
        Threads to use, by default all processors.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.neighbours import edge_cells
    >>> block = RangeSet.from_cells([1], order=1).at_order(4)
    >>> block.n_cells, edge_cells(block).n_cells
    (64, 28)
    """
    corners = check_connectivity(connectivity)
    if plane.sky_fraction <= _HALF:
        return _found(plane, _kernel.edges, corners, n_threads)
    return _found(~plane, _kernel.touched, corners, n_threads)


def _grown(plane: RangeSet, corners: bool, n_threads: int | None) -> RangeSet:
    """The set and the cells that touch it."""
    if plane.sky_fraction <= _HALF:
        return _found(plane, _kernel.touched, corners, n_threads, with_set=True)
    return plane | _found(~plane, _kernel.edges, corners, n_threads)


def _found(
    plane: RangeSet,
    kernel: Callable[..., Any],
    corners: bool,
    n_threads: int | None,
    *,
    with_set: bool = False,
) -> RangeSet:
    """What a kernel finds inside a set or outside, and the set itself if asked to."""
    if not plane:
        return plane
    tiles = TileSet(plane.boundaries, plane.order)
    words = np.empty_like(tiles.words)
    arguments = tiles, corners, words
    threads = max(1, min(thread_count(n_threads), words.size // _PER_THREAD))
    cuts = np.linspace(0, words.size, threads + 1).astype(int).tolist()
    if threads == 1:
        other, other_words = kernel(*arguments, 0, words.size)
    else:
        found = list(thread_map(lambda part: kernel(*arguments, *part), pairwise(cuts), threads))
        other, other_words = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    if with_set:
        words |= tiles.words
    by_place = np.argsort(other)
    boundaries = _kernel.boundaries(tiles, words, other[by_place], other_words[by_place])
    return trusted(boundaries, plane.order)
