"""Which positions are in a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpmask import frames, healpix


def contains(planes: Any, order: int, frame: str, energy: Any, coord: Any, at: Any) -> Any:
    """TEMPORARY: simple and slow, to be replaced."""
    lon, lat = frames.to_lonlat(coord, frame)
    number = healpix.cells_at(lon, lat, order) << np.uint64(2 * (29 - order))
    def one(plane: Any) -> Any:
        return np.searchsorted(plane._boundaries, number, side="right") % 2 == 1
    if energy is None:
        return one(planes[0])
    stack = np.array([one(plane) for plane in planes])
    if at is None:
        return stack
    bins = energy.bin_of(at)
    bins, _ = np.broadcast_arrays(bins, number)
    return np.where(bins >= 0, np.take_along_axis(stack, np.maximum(bins, 0)[None], 0)[0], False)
