"""Filters by the area of connected components: holes filled, small parts removed, the largest kept."""

from __future__ import annotations

import numpy as np

from hpmask._utils.arguments import as_count, check_connectivity
from hpmask.core.rangeset import RangeSet
from hpmask.morphology.components import Labelled

__all__ = ["fill_holes", "keep_largest", "remove_small"]


def fill_holes(plane: RangeSet, max_area: float | None = None, connectivity: int = 8) -> RangeSet:
    """The set with its holes: components of the complement that are small enough.

    The complement hangs together in the dual way: over edges only where the set does over edges and corners, and the
    other way round. Else a ring of cells that touch at corners would have an inside that is no hole.

    Parameters
    ----------
    plane : RangeSet
        The set.
    max_area : float, optional
        The largest hole that is filled, in steradian. By default all components of the complement are
        holes but the largest one.
    connectivity : {8, 4}, optional
        Of the set: 8: neighbours share an edge or a corner. 4: they share an edge.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.area_filters import fill_holes
    >>> holey = RangeSet.full(4) - RangeSet.from_cells([7, 500, 501], order=4)
    >>> (~fill_holes(holey)).cells()
    array([500, 501], dtype=uint64)
    >>> fill_holes(holey, max_area=1.0) == RangeSet.full(4)
    True
    """
    dual = 4 if check_connectivity(connectivity) else 8
    gaps = Labelled(~plane, dual)
    holes = np.arange(len(gaps)) > 0 if max_area is None else gaps.compared(max_area) <= 0
    return plane | gaps.union(holes) if holes.any() else plane


def remove_small(plane: RangeSet, min_area: float, connectivity: int = 8) -> RangeSet:
    """The components of a set that have at least an area, in steradian.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.area_filters import remove_small
    >>> parts = RangeSet.from_cells([7, 500, 501], order=4)
    >>> remove_small(parts, 2 * parts.area / 3).cells()
    array([500, 501], dtype=uint64)
    """
    parts = Labelled(plane, connectivity)
    large = parts.compared(min_area) >= 0
    return plane if large.all() else parts.union(large)


def keep_largest(plane: RangeSet, n: int = 1, connectivity: int = 8) -> RangeSet:
    """The `n` largest components of a set; of equal ones those with the first cells in NESTED order.

    Raises
    ------
    TypeError, ValueError
        If `n` is no integer from 0 up.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.area_filters import keep_largest
    >>> keep_largest(RangeSet.from_cells([7, 500, 501], order=4)).cells()
    array([500, 501], dtype=uint64)
    """
    n = as_count(n, "n")
    parts = Labelled(plane, connectivity)
    return plane if n >= len(parts) else parts.union(np.arange(len(parts)) < n)
