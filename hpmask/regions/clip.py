"""The part of a mask near a position."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask._utils.arguments import one_angle
from hpmask.core.rangeset import RangeSet
from hpmask.geometry import frames
from hpmask.regions import rasterize
from hpmask.regions.shapes import Disc, Polygon, Shape

__all__ = ["clipped", "region_of"]

# The cells that a cutout ends on are smaller than its size by this many orders.
_FINER = 7


def region_of(
    center: SkyCoord,
    frame: str,
    order: int,
    *,
    radius: u.Quantity | str | None = None,
    width: u.Quantity | str | None = None,
    height: u.Quantity | str | None = None,
) -> tuple[RangeSet, str]:
    """The cells of a disc or a rectangle, a square without `height`, and the text of its size.

    Their order is `order`, or a coarser one whose cells are smaller than a hundredth of the size.

    Raises
    ------
    TypeError, ValueError
        If `center` is not a single position, a size is not a valid angle, or the sizes that are given are neither
        `radius` nor `width`, with or without `height`.
    """
    given = {"radius": radius, "width": width, "height": height}
    names = [name for name, size in given.items() if size is not None]
    if names not in (["radius"], ["width"], ["width", "height"]):
        raise TypeError(f"cutout needs either radius or width and height, got {' and '.join(names) or 'none of them'}")
    height = width if height is None else height
    lon, lat = frames.to_lonlat(center, frame, "center")
    if lon.ndim:
        raise ValueError(f"center must be one position, got shape {lon.shape}")
    if radius is not None:
        reach = one_angle(radius, "radius", most=180 * u.deg)
        shape: Shape = Disc(float(lon), float(lat), reach)
        smallest, words = reach, f"radius={np.degrees(reach):.6g} deg"
    else:
        across, along = (
            one_angle(size, name, below=180 * u.deg) for size, name in ((width, "width"), (height, "height"))
        )
        shape = Polygon.rectangle(float(lon), float(lat), across / 2, along / 2, 0.0)
        smallest = min(across, along)
        words = f"width={np.degrees(across):.6g} deg, height={np.degrees(along):.6g} deg"
    finest = int(np.clip(np.ceil(-np.log2(smallest)) + _FINER, 0, order))
    return rasterize.shapes_plane([shape], order=finest, mode="overlap", n_threads=1), words


def clipped(plane: RangeSet, region: RangeSet) -> RangeSet:
    """The part of a set in a region: as ``plane & region``, but only the ranges in the region are read."""
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
