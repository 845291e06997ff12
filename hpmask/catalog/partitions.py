"""Which cells of the sky matter for a mask: the partitions of HATS catalogs that can reach a footprint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from hpmask._files.hats_folder import Partition
from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.rangeset import RangeSet
from hpmask.geometry import healpix
from hpmask.regions.batches import Shapes, columns_of
from hpmask.regions.within import rows_near

__all__ = ["near"]

# The most orders between a partition and the parts of it that are looked at, and the most parts of all partitions.
_STEPS = 4
_MOST_PARTS = 1 << 18


def near(partitions: Sequence[Partition], footprint: RangeSet, frame: str, reach: ArrayLike = 0.0) -> NDArray[np.bool_]:
    """Which partitions hold points within a distance of a footprint. Partitions are cells of ICRS.

    Parameters
    ----------
    partitions : sequence of Partition, length n
        The partitions.
    footprint : RangeSet
        The footprint.
    frame : {"icrs", "galactic"}
        Its frame.
    reach : float or array of float, shape (n,), optional
        The distance in radians, one for all partitions or one for each.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        True for all such partitions, and for some that are about as close to them as they are large. In ICRS, without
        a distance, just those that overlap the footprint.
    """
    if not partitions:
        return np.empty(0, dtype=np.bool_)
    if frame == "icrs" and not np.any(reach):
        starts = np.array([one.start for one in partitions], dtype=np.uint64)
        stops = np.array([one.stop for one in partitions], dtype=np.uint64)
        # A range overlaps if the boundary behind its first cell is that of an end, or another one is in the range.
        first = np.searchsorted(footprint.boundaries, starts, side="right")
        return np.asarray((first % 2 == 1) | (np.searchsorted(footprint.boundaries, stops, side="left") > first))
    # Caps around the parts of a partition reach less far beyond it than a cap around it.
    steps = next((one for one in range(_STEPS, 0, -1) if len(partitions) << 2 * one <= _MOST_PARTS), 0)
    n_parts = 1 << 2 * steps
    lon, lat, radius = (np.empty((len(partitions), n_parts)) for _ in range(3))
    orders = np.array([one.order for one in partitions])
    for order in np.unique(orders).tolist():
        rows = np.flatnonzero(orders == order)
        finer = min(order + steps, MAX_ORDER)
        first = np.array([partitions[row].pixel << 2 * (finer - order) for row in rows.tolist()], dtype=np.uint64)
        cells = first[:, np.newaxis] + np.arange(n_parts, dtype=np.uint64) % np.uint64(1 << 2 * (finer - order))
        place = healpix.centres(cells.ravel(), finer)
        lon[rows], lat[rows] = (angle.reshape(cells.shape) for angle in place)
        radius[rows] = healpix.cell_radius(finer)
    radius = np.minimum(radius + np.reshape(np.asarray(reach, dtype=np.float64), (-1, 1)), np.pi)
    center = SkyCoord(lon.ravel() * u.rad, lat.ravel() * u.rad, frame="icrs")
    discs = Shapes.cones(center, radius.ravel() * u.rad)
    found = np.zeros(lon.size, dtype=np.bool_)
    found[rows_near(columns_of(discs, frame, None)[0], footprint, footprint.order)] = True
    return np.asarray(found.reshape(lon.shape).any(axis=1))
