"""Steps on the graph of neighbouring cells: dilation and erosion cell by cell, and the cells along an edge.

The neighbours are those of `healpy.get_all_neighbours`: a cell has eight, or seven where three base cells meet.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from hpmask._kernels import neighbours as _kernel
from hpmask._kernels.tiles import TileSet
from hpmask._utils.arguments import as_count, check_connectivity
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.progress import track
from hpmask.core.rangeset import RangeSet, trusted

__all__ = ["dilate_steps", "edge_cells", "erode_steps"]

# The cells can be found from the set or from its complement. Up to this sky fraction the set is used, above it the
# complement: a small scattered set has fewer blocks and tiles than its complement.
_HALF = 0.5

# A further thread is worth its cost for this many blocks and tiles.
_PER_THREAD = 50_000


def dilate_steps(
    plane: RangeSet, steps: int, connectivity: int = 8, *, n_threads: int | None = None, progress: bool = False
) -> RangeSet:
    """Return all cells within a number of steps, from cell to neighbouring cell, of a set.

    The cost is proportional to the length of the outline and to the number of steps.

    Parameters
    ----------
    plane : RangeSet
        The set. A step leads to a neighbouring cell of the set's own order.
    steps : int
        Number of steps; 0 returns the set itself.
    connectivity : {8, 4}, optional
        Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
    n_threads : int, optional
        Number of threads. The result does not depend on it.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    RangeSet
        The cells, of the order of the set.

    Raises
    ------
    TypeError, ValueError
        If `steps` is not an integer of at least 0, or `connectivity` is neither 8 nor 4.

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
    steps = as_count(steps, "steps")
    for _ in track(range(steps), total=steps, what="dilation", shown=progress):
        dilated = _dilated(plane, corners, n_threads)
        if dilated == plane:
            break
        plane = dilated
    return plane


def erode_steps(
    plane: RangeSet, steps: int, connectivity: int = 8, *, n_threads: int | None = None, progress: bool = False
) -> RangeSet:
    """Return the cells of a set that cannot be reached from outside in a number of steps.

    Parameters, results and errors are those of `dilate_steps`:
    ``erode_steps(plane, steps) == ~dilate_steps(~plane, steps)``.
    """
    return ~dilate_steps(~plane, steps, connectivity, n_threads=n_threads, progress=progress)


def edge_cells(plane: RangeSet, connectivity: int = 8, *, n_threads: int | None = None) -> RangeSet:
    """Return the cells of a set that have a neighbour outside the set.

    Parameters
    ----------
    plane : RangeSet
        The set.
    connectivity : {8, 4}, optional
        Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
    n_threads : int, optional
        Number of threads. The result does not depend on it.

    Returns
    -------
    RangeSet
        The cells, of the order of the set.

    Raises
    ------
    ValueError
        If `connectivity` is neither 8 nor 4.

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


def _dilated(plane: RangeSet, corners: bool, n_threads: int | None) -> RangeSet:
    """The set and all neighbours of its cells."""
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
    """The cells that a kernel finds inside a set or outside, united with the set itself if `with_set`."""
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
