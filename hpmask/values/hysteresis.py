"""Hysteresis: what is above a low threshold and connected to something above a high one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import flood as _kernel
from hpmask.core.rangeset import RangeSet
from hpmask.morphology import components

__all__ = ["region_of_cells", "region_of_pixels"]

Booleans = NDArray[np.bool_]


def region_of_cells(candidates: RangeSet, seeds: RangeSet, corners: bool) -> RangeSet:
    """The connected components of the candidates that hold a seed, on the sphere.

    Parameters
    ----------
    candidates, seeds : RangeSet
        The cells above the low threshold, and those above the high one.
    corners : bool
        Whether cells that only share a corner are neighbours. Cells of different orders are if cells of the order of
        `candidates` in them are.

    Returns
    -------
    RangeSet
        At the order of `candidates`.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.values.hysteresis import region_of_cells
    >>> low, high = RangeSet.from_cells([0, 1, 3, 20], order=2), RangeSet.from_cells([0], order=2)
    >>> region_of_cells(low, high, corners=True).cells()
    array([0, 1, 3], dtype=uint64)
    """
    return components.holding(candidates, seeds, corners)


def region_of_pixels(candidates: Booleans, seeds: Booleans, corners: bool) -> Booleans:
    """The connected regions of the candidates that hold a seed, on the pixels of an image.

    Parameters
    ----------
    candidates, seeds : numpy.ndarray of bool, shape (ny, nx)
        The pixels above the low threshold, and those above the high one.
    corners : bool
        Whether pixels that only share a corner are neighbours. The two ends of an image of the whole sky are not.

    Returns
    -------
    numpy.ndarray of bool, shape (ny, nx)
        The region.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask.values.hysteresis import region_of_pixels
    >>> values = np.array([[3, 1, 0, 1], [0, 0, 1, 0]])
    >>> region_of_pixels(values > 0, values > 2, corners=True).astype(int)
    array([[1, 1, 0, 1],
           [0, 0, 1, 0]])
    >>> region_of_pixels(values > 0, values > 2, corners=False).astype(int)
    array([[1, 1, 0, 0],
           [0, 0, 0, 0]])
    """
    region = np.empty(candidates.shape, dtype=np.bool_)
    inside, seed = (np.ascontiguousarray(values).view(np.uint8) for values in (candidates, seeds))
    _kernel.flood(inside, seed, corners, region.view(np.uint8))
    return region
