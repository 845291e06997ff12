"""Footprints: the argument `within` of constructors, and which shapes may touch it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.rangeset import RangeSet, cells_in
from hpmask.core.value import MaskValue, check_within
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames, healpix
from hpmask.regions import rasterize
from hpmask.regions.arrays import Batch

__all__ = ["footprints_of", "rows_near"]

# Cells of the footprint that are looked at: with more of them, a coarser order is used.
_MOST_CELLS = 20_000


def footprints_of(within: MaskValue, frame: str, energy: EnergyAxis | None) -> Sequence[RangeSet]:
    """The planes of the argument `within` of a new mask: one, or one for each energy bin.

    Raises
    ------
    TypeError, ValueError
        If it is not a mask, or has another frame or other energy bins.
    """
    check_within(within, frame=frames.check_frame(frame), energy=energy)
    return within.planes if within.energy is not None else within.planes[:1]


def rows_near(batch: Batch, footprint: RangeSet, order: int) -> NDArray[np.intp] | slice:
    """The rows of the shapes whose cells of an order may touch a footprint, by caps around them.

    All such shapes are among them. Of the others, some that are about as close to it as they are large.
    """
    if footprint.is_full or not len(batch):
        return slice(None)
    if footprint.is_empty:
        return np.empty(0, dtype=np.intp)
    lon, lat, reach = batch.caps
    # Cells reach beyond the shapes.
    reach = np.minimum(reach + 2 * healpix.cell_radius(order), np.pi)
    # Caps of about equal size are compared with the footprint grown by that size.
    level = np.ceil(np.log2(reach)).astype(np.int64)
    cells = healpix.cells_at(lon, lat, MAX_ORDER)
    near = np.zeros(len(batch), dtype=np.bool_)
    for one in np.unique(level).tolist():
        rows = np.flatnonzero(level == one)
        grown = _grown(footprint, float(reach[rows].max()) * (1 + 1e-12) + 1e-12)
        near[rows] = cells_in(grown, cells[rows], MAX_ORDER)
    return slice(None) if near.all() else np.flatnonzero(near)


def _grown(footprint: RangeSet, width: float) -> RangeSet:
    """A set that holds all points within `width` of the footprint, and not much more."""
    if width >= np.pi / 2:
        return RangeSet.full(0)
    order = next((one for one in range(footprint.order) if healpix.cell_radius(one) <= width), footprint.order)
    coarse = footprint.at_order(order, mode="overlap")
    while order and _n_rim(coarse, order) > _MOST_CELLS:
        order -= 1
        coarse = coarse.at_order(order, mode="overlap")
    rim = np.concatenate([_rim_cells(cells, own, order) for own, cells in coarse.cells_by_order().items()])
    radius = np.full(rim.size, min(healpix.cell_radius(order) + width, np.pi))
    near = rasterize.discs(*healpix.centres(rim, order), radius, order=min(order + 1, MAX_ORDER), mode="overlap")
    return coarse | near


def _n_rim(cells: RangeSet, order: int) -> int:
    """About how many cells of `order` lie along the edges of the cells of a set."""
    sizes = 1 << (order - cells.multi_order_cells()[1].astype(np.int64))
    return int(4 * sizes.sum())


def _rim_cells(cells: NDArray[np.uint64], own: int, order: int) -> NDArray[np.uint64]:
    """The cells of `order` along the edges of cells of the order `own`."""
    if own == order:
        return cells
    side = 1 << (order - own)
    # The bits of NESTED numbers come from the two coordinates in a cell by turns.
    place = np.arange(side, dtype=np.uint64)
    along = np.zeros(side, dtype=np.uint64)
    for bit in range(order - own):
        along |= (place >> np.uint64(bit) & np.uint64(1)) << np.uint64(2 * bit)
    up, last = along << np.uint64(1), along[-1]
    rim = np.unique(np.concatenate([along, along | last << np.uint64(1), up, up | last]))
    children: NDArray[np.uint64] = (cells[:, np.newaxis] << np.uint64(2 * (order - own))) | rim
    return children.ravel()
