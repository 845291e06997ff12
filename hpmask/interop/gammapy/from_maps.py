"""Masks from gammapy's maps: images, HEALPix maps and regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import as_flag
from hpmask._utils.modes import Mode, check_mode
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask, with_history
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.axes import axis_from_gammapy
from hpmask.interop.gammapy.to_maps import sky_wcs
from hpmask.regions.masks import from_regions
from hpmask.regions.order import resolved_order
from hpmask.values.criterion import Criterion, Nan, check_nan
from hpmask.values.threshold import Cells, moved, plane_of, text_of, values_kept
from hpmask.wcs.from_image import mask_of_image
from hpmask.wcs.grid import Grid, order_for
from hpmask.wcs.inputs import Target

__all__ = ["default_order", "from_map"]

# Widths are measured between the centres of cells. The centre of a pixel is up to one cell radius from the centre of
# its cell, and the nearest cell beyond an edge has its centre up to two cell radii from the edge. Cells of an eighth of
# a pixel have a radius of 0.7 of their side, so that this adds up to a quarter of a pixel.
_CELLS_PER_SIDE = 8


def from_map(
    map_: Any,
    criterion: Criterion | None = None,
    *,
    nan: str = "raise",
    invert: bool = False,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    outside: bool = False,
    frame: str | None = None,
    argument: str = "data",
) -> MaskValue:
    """See `hpmask.Mask.from_gammapy`; errors call the map `argument`."""
    need_gammapy()
    outside, invert, missing = as_flag(outside, "outside"), as_flag(invert, "invert"), check_nan(nan)
    from gammapy.maps import HpxNDMap, RegionNDMap, WcsNDMap

    if not isinstance(map_, WcsNDMap | HpxNDMap | RegionNDMap):
        raise TypeError(f"{argument} must be a WcsNDMap, HpxNDMap or RegionNDMap, got {type(map_).__name__}")
    geom = map_.geom
    energy = _energy(geom, argument)
    frame, mode = frames.check_frame(_frame(geom) if frame is None else frame), check_mode(mode)
    if order is not None or resolution is not None:
        order, _ = resolved_order(order, resolution, int)
    rule = _Rule(criterion, missing, invert, outside, argument)
    values = np.asarray(map_.data).reshape(1 if energy is None else energy.n_bins, *map_.data.shape[len(geom.axes) :])
    if criterion is not None:
        criterion.check_bins(len(values))
    unit = u.Unit(map_.unit)
    if isinstance(map_, WcsNDMap):
        if not geom.is_regular:
            raise ValueError(f"{argument} must have the same pixels in all energy bins")
        mask = _from_image(values, unit, geom, energy, rule, order=order, mode=mode, frame=frame)
    elif isinstance(map_, HpxNDMap):
        mask = _from_cells(values, unit, geom, energy, rule, order=order, mode=mode, frame=frame)
    else:
        if geom.region is None:
            raise ValueError(f"{argument} must be a map with a region: without one it has no position on the sky")
        mask = _from_region(values, unit, geom, energy, rule, order=order, mode=mode, frame=frame)
    how = text_of(criterion, nan=missing, outside=False, invert=invert)
    kind = f"{type(map_).__name__}{how}, order={mask.order}, mode={mode!r}"
    return with_history(mask, f"from_gammapy({kind}{', outside=True' if outside else ''})")


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which values of a map are kept, and what errors call the map."""

    criterion: Criterion | None
    nan: Nan
    invert: bool
    outside: bool
    argument: str

    def name(self, bin_: int, energy: EnergyAxis | None) -> str:
        """What errors call the values of a bin."""
        return self.argument if energy is None else f"{self.argument}[{bin_}]"


def _energy(geom: Any, argument: str) -> EnergyAxis | None:
    """The energy bins of a map. Other axes must have one bin."""
    energy = [axis for axis in geom.axes if axis.name in ("energy", "energy_true")]
    others = [axis for axis in geom.axes if axis not in energy and axis.nbin > 1]
    if others or len(energy) > 1:
        names = ", ".join(axis.name for axis in others or energy)
        raise ValueError(
            f"{argument} must have one energy axis or none, and no other axis of several bins, it has {names}: "
            "map.slice_by_idx and map.reduce_over_axes remove axes"
        )
    return axis_from_gammapy(energy[0]) if energy else None


def _frame(geom: Any) -> str:
    """The frame of a geometry if a mask can have it, else "icrs"."""
    return geom.frame if geom.frame in frames.FRAMES else "icrs"


def default_order(geom: Any) -> int:
    """The order of the cells for an image or a HEALPix map, unless another one is asked for."""
    if geom.is_hpx:
        return int(np.max(geom.nside)).bit_length() - 1
    return order_for(Grid.of(sky_wcs(geom), geom.data_shape[-2:]), per_side=_CELLS_PER_SIDE)


def _from_image(
    values: NDArray[Any],
    unit: u.UnitBase,
    geom: Any,
    energy: EnergyAxis | None,
    rule: _Rule,
    *,
    order: int | None,
    mode: Mode,
    frame: str,
) -> MaskValue:
    """The mask of an image or a cube of images, values of shape (n_bins, ny, nx)."""
    return mask_of_image(
        values if energy is not None else values[0],
        unit,
        Target(sky_wcs(geom)),
        rule.criterion,
        order=default_order(geom) if order is None else order,
        mode=mode,
        outside=rule.outside,
        frame=frame,
        nan=rule.nan,
        invert=rule.invert,
        energy=energy,
        argument=rule.argument,
    )


def _from_cells(
    values: NDArray[Any],
    unit: u.UnitBase,
    geom: Any,
    energy: EnergyAxis | None,
    rule: _Rule,
    *,
    order: int | None,
    mode: Mode,
    frame: str,
) -> MaskValue:
    """The mask of a HEALPix map, values of shape (n_bins, n_cells)."""
    bands = list(np.ndindex(*geom.axes.shape)) if geom.axes else [()]
    planes = []
    for bin_, (row, band) in enumerate(zip(values, bands, strict=True)):
        nside = int(geom.nside[band] if geom.nside.size > 1 else geom.nside.flat[0])
        if nside & (nside - 1):
            raise ValueError(f"{rule.argument} has nside {nside}, but the cells of a mask only come in powers of two")
        own = nside.bit_length() - 1
        if geom.region is None:
            map_ = HealpixMap(row[: 12 * nside * nside], nest=geom.nest, frame=_frame(geom), unit=unit)
        else:
            numbers = np.asarray(geom.get_idx(idx=band if band else None)[0], dtype=np.int64).ravel()
            there = numbers >= 0
            map_ = HealpixMap(
                row.ravel()[there], cells=numbers[there], order=own, nest=geom.nest, frame=_frame(geom), unit=unit
            )
        plane = plane_of(
            Cells.of(map_, map_.values),
            rule.criterion,
            bin_,
            nan=rule.nan,
            outside=rule.outside,
            invert=rule.invert,
            argument=rule.name(bin_, energy),
        )
        planes.append(plane)
    mask = new_mask(planes if len(planes) > 1 else planes[0], frame=_frame(geom), energy=energy)
    return moved(mask, order, mode, frame, rule.argument)


def _from_region(
    values: NDArray[Any],
    unit: u.UnitBase,
    geom: Any,
    energy: EnergyAxis | None,
    rule: _Rule,
    *,
    order: int | None,
    mode: Mode,
    frame: str,
) -> MaskValue:
    """The mask of a map with one value per energy bin for a region."""
    if rule.criterion is not None and rule.criterion.hysteresis:
        raise ValueError(f"{rule.argument} has one value per energy bin, without neighbours: give a threshold")
    region = from_regions(geom.region, order=order, mode=mode, frame=frame).planes[0]
    rest = ~region if rule.outside else RangeSet.empty(region.order)
    planes = []
    for bin_, value in enumerate(values.reshape(len(values), -1)):
        name = rule.name(bin_, energy)
        kept = values_kept(value, rule.criterion, bin_, unit, nan=rule.nan, invert=rule.invert, argument=name)
        planes.append(region | rest if kept.all() else rest)
    return new_mask(planes if len(planes) > 1 else planes[0], order=region.order, frame=frame, energy=energy)
