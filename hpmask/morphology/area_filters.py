"""Filters by the area of connected components: fill holes, remove small components, keep the largest ones."""

from __future__ import annotations

import numpy as np

from hpmask._utils.arguments import as_count, check_connectivity
from hpmask.core.rangeset import RangeSet
from hpmask.morphology.components import Labelled

__all__ = ["fill_holes", "keep_largest", "remove_small"]


def fill_holes(plane: RangeSet, max_area: float | None = None, connectivity: int = 8) -> RangeSet:
    """Return a set with its holes filled. Holes are the small components of the complement.

    The complement has the dual connectivity: 4 if that of the set is 8, and 8 if it is 4. Otherwise the inside of a
    ring of cells that touch at their corners would not be a hole.

    Parameters
    ----------
    plane : RangeSet
        The set.
    max_area : float, optional
        Area of the largest hole to fill, in steradian. By default all components of the complement except the largest
        one are holes.
    connectivity : {8, 4}, optional
        Neighbours of a cell of the set: those that share an edge or a corner (8), or an edge (4).

    Returns
    -------
    RangeSet
        The set and its holes.

    Raises
    ------
    ValueError
        If `connectivity` is neither 8 nor 4.

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
    """Return the components of a set whose area is at least `min_area`.

    Parameters
    ----------
    plane : RangeSet
        The set.
    min_area : float
        The smallest area to keep, in steradian.
    connectivity : {8, 4}, optional
        Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).

    Returns
    -------
    RangeSet
        The remaining components.

    Raises
    ------
    ValueError
        If `connectivity` is neither 8 nor 4.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.area_filters import remove_small
    >>> parts = RangeSet.from_cells([7, 500, 501], order=4)
    >>> two_cells = 2 * 4 * np.pi / 3072
    >>> remove_small(parts, two_cells).cells()
    array([500, 501], dtype=uint64)
    """
    parts = Labelled(plane, connectivity)
    large = parts.compared(min_area) >= 0
    return plane if large.all() else parts.union(large)


def keep_largest(plane: RangeSet, n: int = 1, connectivity: int = 8) -> RangeSet:
    """Return the `n` largest components of a set; of components of equal area, those with the lowest NESTED cells.

    Parameters
    ----------
    plane : RangeSet
        The set.
    n : int, optional
        Number of components to keep.
    connectivity : {8, 4}, optional
        Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).

    Returns
    -------
    RangeSet
        The remaining components.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of at least 0, or `connectivity` is neither 8 nor 4.

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
