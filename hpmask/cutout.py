"""The part of a mask near a position."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import frames, rasterize
from hpmask.rangeset import RangeSet
from hpmask.shapes import Disc, Polygon, Shape

__all__ = ["clipped", "region_of"]

# The cells that a cutout ends on are smaller than its size by this many orders.
_FINER = 7


def region_of(center: SkyCoord, size: Any, frame: str, order: int) -> tuple[RangeSet, str]:
    """The cells of a disc or a rectangle, and its size in words.

    They are of `order`, or of a coarser one that is fine enough: a hundredth of the size.

    Raises
    ------
    TypeError, ValueError
        If `center` is no single position, or `size` no angle or pair of angles that makes a region.
    """
    lon, lat = frames.to_lonlat(center, frame, "center")
    if lon.ndim:
        raise ValueError(f"center must be one position, got shape {lon.shape}")
    pair = isinstance(size, tuple | list)
    if isinstance(size, u.Quantity) and not size.isscalar:
        if size.shape != (2,):
            raise ValueError(f"radius_or_size must be an angle or a pair of them, got shape {size.shape}")
        size, pair = tuple(size), True
    if not pair:
        radius = _positive(size)
        if radius > np.pi * (1 + 1e-12):
            raise ValueError(f"radius_or_size must be up to 180 deg as a radius, got {size}")
        shape: Shape = Disc(float(lon), float(lat), min(radius, np.pi))
        smallest, words = radius, f"{np.degrees(radius):.6g} deg"
    else:
        if len(size) != 2:
            raise ValueError(f"radius_or_size must be an angle or a pair of them, got {len(size)}")
        width, height = (_positive(side) for side in size)
        if max(width, height) >= np.pi:
            raise ValueError(f"radius_or_size must be below 180 deg as a width and a height, got {size}")
        shape = Polygon.rectangle(float(lon), float(lat), width / 2, height / 2, 0.0)
        smallest = min(width, height)
        words = f"{np.degrees(width):.6g} x {np.degrees(height):.6g} deg"
    finest = int(np.clip(np.ceil(-np.log2(smallest)) + _FINER, 0, order))
    return rasterize.shapes_plane([shape], order=finest, mode="overlap", n_threads=1), words


def _positive(angle: Any) -> float:
    value = float(frames.as_angle(angle, "radius_or_size").to_value(u.rad))
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"radius_or_size must be positive, got {angle}")
    return value


def clipped(plane: RangeSet, region: RangeSet) -> RangeSet:
    """What a set has of a region: as ``plane & region``, but only the ranges in the region are looked at."""
    inner = plane.boundaries
    start, stop = region.ranges.T
    low = np.searchsorted(inner, start, side="right")
    high = np.searchsorted(inner, stop, side="left")
    # Of each range of the region: its start, if the set holds that, the set's boundaries within, and its stop.
    first, last = low & 1, high & 1
    count = first + (high - low) + last
    ends = np.cumsum(count)
    begins = ends - count
    out = np.empty(int(ends[-1]) if ends.size else 0, dtype=np.uint64)
    within = np.ones(out.size, dtype=np.bool_)
    within[begins[first == 1]] = False
    within[ends[last == 1] - 1] = False
    out[begins[first == 1]] = start[first == 1]
    out[ends[last == 1] - 1] = stop[last == 1]
    number = np.repeat(low - begins - first, count) + np.arange(out.size)
    out[within] = inner[number[within]]
    return RangeSet(out.reshape(-1, 2), max(plane.order, region.order))
