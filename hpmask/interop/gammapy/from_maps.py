"""Masks from gammapy's boolean maps: images, HEALPix maps and regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import as_flag
from hpmask._utils.modes import Mode, check_mode
from hpmask.core import full_maps
from hpmask.core.rangeset import RangeSet
from hpmask.core.transform import at_order, to_frame
from hpmask.core.value import MaskValue, new_mask, with_history
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.axes import axis_from_gammapy
from hpmask.interop.gammapy.to_maps import sky_wcs
from hpmask.regions.masks import from_regions
from hpmask.regions.order import resolved_order
from hpmask.wcs.from_image import from_wcs
from hpmask.wcs.grid import Grid, order_for

__all__ = ["default_order", "from_map"]

Booleans = NDArray[np.bool_]

# Widths are measured between the centres of cells. The centre of a pixel is up to one cell radius from the centre of
# its cell, and the nearest cell beyond an edge has its centre up to two cell radii from the edge. Cells of an eighth of
# a pixel have a radius of 0.7 of their side, so that this adds up to a quarter of a pixel.
_CELLS_PER_SIDE = 8


def from_map(
    map_: Any,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    outside: bool = False,
    frame: str | None = None,
    argument: str = "data",
) -> MaskValue:
    """See `hpmask.Mask.from_gammapy`; errors call the map `argument`."""
    need_gammapy()
    outside = as_flag(outside, "outside")
    from gammapy.maps import HpxNDMap, RegionNDMap, WcsNDMap

    if not isinstance(map_, WcsNDMap | HpxNDMap | RegionNDMap):
        raise TypeError(f"{argument} must be a WcsNDMap, HpxNDMap or RegionNDMap, got {type(map_).__name__}")
    geom = map_.geom
    energy = _energy(geom, argument)
    values = _booleans(map_, argument).reshape(
        1 if energy is None else energy.n_bins, *map_.data.shape[len(geom.axes) :]
    )
    frame, mode = frames.check_frame(_frame(geom) if frame is None else frame), check_mode(mode)
    if order is not None or resolution is not None:
        order, _ = resolved_order(order, resolution, int)
    if isinstance(map_, WcsNDMap):
        if not geom.is_regular:
            raise ValueError(f"{argument} must have the same pixels in all energy bins")
        mask = _from_image(values, geom, energy, order=order, mode=mode, outside=outside, frame=frame)
    elif isinstance(map_, HpxNDMap):
        mask = _from_cells(values, geom, energy, argument, order=order, mode=mode, outside=outside, frame=frame)
    else:
        if geom.region is None:
            raise ValueError(f"{argument} must be a map with a region: without one it has no position on the sky")
        mask = _from_region(values, geom, energy, order=order, mode=mode, outside=outside, frame=frame)
    kind = f"{type(map_).__name__}, order={mask.order}, mode={mode!r}"
    return with_history(mask, f"from_gammapy({kind}{', outside=True' if outside else ''})")


def _energy(geom: Any, argument: str) -> EnergyAxis | None:
    """The energy bins of a map. Other axes must have one bin."""
    energy = [axis for axis in geom.axes if axis.name in ("energy", "energy_true")]
    others = [axis for axis in geom.axes if axis not in energy and axis.nbin > 1]
    if others or len(energy) > 1:
        names = ", ".join(axis.name for axis in others or energy)
        raise ValueError(
            f"{argument} must have one energy axis or none, and no other axis of several bins, it has {names}: "
            "map.reduce_over_axes(numpy.logical_or, axes_names=[...]) removes axes"
        )
    return axis_from_gammapy(energy[0]) if energy else None


def _booleans(map_: Any, argument: str) -> Booleans:
    """The values of a map as booleans."""
    data = np.asarray(map_.data)
    if data.dtype == np.bool_:
        return data
    if data.dtype.kind not in "iuf":
        raise TypeError(f"{argument} must hold booleans, or 0 and 1, got {data.dtype}")
    kept = data == 1
    bad = np.argwhere(~kept & (data != 0))
    if bad.size:
        place = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"{argument} must hold booleans, or 0 and 1, but {len(bad)} of {data.size} values are not, the first at "
            f"{place}: {data[place]}; compare the map with a threshold first"
        )
    return np.asarray(kept)


def _frame(geom: Any) -> str:
    """The frame of a geometry if a mask can have it, else "icrs"."""
    return geom.frame if geom.frame in frames.FRAMES else "icrs"


def default_order(geom: Any) -> int:
    """The order of the cells for an image or a HEALPix map, unless another one is asked for."""
    if geom.is_hpx:
        return int(np.max(geom.nside)).bit_length() - 1
    return order_for(Grid.of(sky_wcs(geom), geom.data_shape[-2:]), per_side=_CELLS_PER_SIDE)


def _from_image(
    values: Booleans,
    geom: Any,
    energy: EnergyAxis | None,
    *,
    order: int | None,
    mode: Mode,
    outside: bool,
    frame: str,
) -> MaskValue:
    """The mask of an image or a cube of images, values of shape (n_bins, ny, nx)."""
    image = values if energy is not None else values[0]
    order = default_order(geom) if order is None else order
    return from_wcs(image, sky_wcs(geom), order=order, mode=mode, outside=outside, energy=energy, frame=frame)


def _from_cells(
    values: Booleans,
    geom: Any,
    energy: EnergyAxis | None,
    argument: str,
    *,
    order: int | None,
    mode: Mode,
    outside: bool,
    frame: str,
) -> MaskValue:
    """The mask of a HEALPix map, values of shape (n_bins, n_cells)."""
    bands = list(np.ndindex(*geom.axes.shape)) if geom.axes else [()]
    planes = []
    for row, band in zip(values, bands, strict=True):
        nside = int(geom.nside[band] if geom.nside.size > 1 else geom.nside.flat[0])
        if nside & (nside - 1):
            raise ValueError(f"{argument} has nside {nside}, but the cells of a mask only come in powers of two")
        own = nside.bit_length() - 1
        if geom.region is None:
            planes.append(full_maps.planes_of(row[: 12 * nside * nside], nest=geom.nest, order=own)[0])
            continue
        numbers = np.asarray(geom.get_idx(idx=band if band else None)[0], dtype=np.int64).ravel()
        there = numbers >= 0
        cells = numbers[there]
        plane = full_maps.planes_of(row.ravel()[there], nest=geom.nest, cells=cells, order=own)[0]
        if outside:
            everywhere = np.ones(cells.size, dtype=np.bool_)
            covered = full_maps.planes_of(everywhere, nest=geom.nest, cells=cells, order=own)[0]
            plane = plane | ~covered
        planes.append(plane)
    mask = new_mask(planes if len(planes) > 1 else planes[0], frame=_frame(geom), energy=energy)
    if frame == mask.frame:
        return mask if order is None else at_order(mask, order, mode=mode)
    if mode != "center":
        raise ValueError(
            f"mode {mode!r} needs the frame of the map, {mask.frame!r}: the cells of {argument} are rotated by their "
            "centres"
        )
    return to_frame(mask, frame, order=order)


def _from_region(
    values: Booleans,
    geom: Any,
    energy: EnergyAxis | None,
    *,
    order: int | None,
    mode: Mode,
    outside: bool,
    frame: str,
) -> MaskValue:
    """The mask of a map with one value per energy bin for a region."""
    region = from_regions(geom.region, order=order, mode=mode, frame=frame).planes[0]
    rest = ~region if outside else RangeSet.empty(region.order)
    kept = {True: region | rest, False: rest}
    planes = [kept[bool(value)] for value in values.ravel()]
    return new_mask(planes if len(planes) > 1 else planes[0], order=region.order, frame=frame, energy=energy)
