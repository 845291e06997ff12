"""Masks of discs, regions and zones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask._utils.arguments import Closed, as_flag, one_angle
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call
from hpmask._utils.words import counted
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.regions import rasterize, shapes
from hpmask.regions.convert import Checked, cells_of_points, checked_shapes, of_bins
from hpmask.regions.from_astropy import Context
from hpmask.regions.order import order_of_discs, order_of_shapes, resolved_order, warn_of_misses
from hpmask.regions.pixels import PixelFrame

__all__ = ["cones", "context_of", "from_cones", "from_regions", "from_zone", "mask_of_shapes"]


@for_the_call
def from_cones(
    center: SkyCoord,
    radius: u.Quantity | str | Callable[[EnergyAxis], u.Quantity],
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> MaskValue:
    """See `hpmask.Mask.from_cones`."""
    planes, text = cones(
        center,
        radius,
        order=order,
        resolution=resolution,
        mode=mode,
        frame=frame,
        energy=energy,
        n_threads=n_threads,
        progress=progress,
    )
    return new_mask(planes, frame=frame, energy=energy, history=f"from_cones({text})")


def cones(
    center: SkyCoord,
    radius: u.Quantity | str | Callable[[EnergyAxis], u.Quantity],
    *,
    order: int | None,
    resolution: u.Quantity | str | None,
    mode: Mode,
    frame: str,
    energy: EnergyAxis | None,
    n_threads: int | None,
    progress: bool,
) -> tuple[RangeSet | list[RangeSet], str]:
    """The cells of discs, and the text for the history: how many discs, their radii, order and mode."""
    mode = check_mode(mode)
    lon, lat, radii, unit = rasterize.check_cones(center, radius, frames.check_frame(frame), energy)
    order, order_text = resolved_order(order, resolution, lambda: order_of_discs(lat, radii))
    planes, missed = rasterize.cone_planes(
        lon, lat, radii, order=order, mode=mode, n_threads=n_threads, progress=progress
    )
    total = counted(lon.size, "disc")
    if missed.size:
        small = radii[missed]
        known = small[small > 0]
        warn_of_misses(missed.size, total, float(known.min()) if known.size else 0.0, order, mode)
    text = f"{total}, {_span_text(radii, unit)}, {order_text}" if lon.size else f"{total}, {order_text}"
    return planes if len(planes) > 1 else planes[0], text + _mode_text(mode)


def _span_text(radii: np.ndarray[Any, np.dtype[np.float64]], unit: u.UnitBase) -> str:
    """The range of some radii in radians, in a unit."""
    # An array that was broadcast has each value many times.
    some = radii[tuple(slice(1) if stride == 0 else slice(None) for stride in radii.strides)]
    span = [f"{(one * u.rad).to_value(unit):.6g}" for one in (some.min(), some.max())]
    return f"{' to '.join(dict.fromkeys(span))} {unit}"


def _mode_text(mode: str) -> str:
    return "" if mode == "center" else f", mode={mode!r}"


def context_of(
    pixels: PixelFrame | None, line_width: u.Quantity | str | None, point_radius: u.Quantity | str | None
) -> Context:
    """The context of regions from the arguments of `hpmask.Mask.from_regions`."""
    width = None if line_width is None else one_angle(line_width, "line_width", below=180 * u.deg)
    radius = 0.0 if point_radius is None else one_angle(point_radius, "point_radius", most=180 * u.deg)
    return Context(pixels, None if width is None else width / 2, radius)


@for_the_call
def from_regions(
    regions: Any,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    invert: bool = False,
    invalid: Literal["raise", "skip"] = "raise",
    pixels: PixelFrame | None = None,
    line_width: u.Quantity | str | None = None,
    point_radius: u.Quantity | str | None = None,
    n_threads: int | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_regions`. `pixels` stands for its `wcs`."""
    frame, invert, mode = frames.check_frame(frame), as_flag(invert, "invert"), check_mode(mode)
    context = context_of(pixels, line_width, point_radius)
    bins = [checked_shapes(given, frame, invalid, context) for given in of_bins(regions, energy)]
    everything = [shape for one in bins for shape in one.shapes]
    order, order_text = resolved_order(order, resolution, lambda: order_of_shapes(everything, "region"))
    for name, size in (("line_width", line_width), ("point_radius", point_radius)):
        order_text += "" if size is None else f", {name}={size}"
    return mask_of_shapes(
        bins, order, order_text, mode=mode, frame=frame, energy=energy, invert=invert, n_threads=n_threads
    )


def mask_of_shapes(
    bins: Sequence[Checked],
    order: int,
    order_text: str,
    *,
    mode: Mode,
    frame: str,
    energy: EnergyAxis | None = None,
    invert: bool = False,
    n_threads: int | None = None,
) -> MaskValue:
    """The mask of the results of `checked_shapes`, one for all energy bins or one for each."""
    everything = [shape for one in bins for shape in one.shapes]
    planes: list[RangeSet] = []
    missed: list[shapes.Shape] = []
    for some in (one.shapes for one in bins):
        plane, without_cells = rasterize.shapes_and_misses(some, order=order, mode=mode, n_threads=n_threads)
        # Points have the cells under them.
        missed += [shape for shape in without_cells if shape.sizes]
        if mode != "inside":
            plane = plane | cells_of_points(some, order)
        planes.append(~plane if invert else plane)
    total = counted(len(everything), "region")
    warn_of_misses(len(missed), total, _inradius(missed), order, mode)
    n_skipped, n_labels = (sum(numbers) for numbers in zip(*(one[1:] for one in bins), strict=True))
    left_out = f", {n_skipped} left out" if n_skipped else ""
    left_out += f", {counted(n_labels, 'label')} ignored" if n_labels else ""
    inverted = ", invert=True" if invert else ""
    history = f"from_regions({total}{left_out}, {order_text}{_mode_text(mode)}{inverted})"
    return new_mask(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)


def _inradius(some: list[shapes.Shape]) -> float:
    """Radius of a disc that fits into each of some shapes and into each of their parts, in radians."""
    return min((size.inradius for shape in some for size in shape.sizes), default=0.0)


def from_zone(
    lon: tuple[Any, Any] | u.Quantity | None = None,
    lat: tuple[Any, Any] | u.Quantity | None = None,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    closed: Closed = "left",
    zone_frame: str = "icrs",
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_zone`."""
    frame, mode = frames.check_frame(frame), check_mode(mode)
    if lon is None and lat is None:
        raise ValueError("a zone needs lon, lat or both; Mask.full() is all of the sky")
    zone = shapes.Zone.from_angles(lon, lat, zone_frame=zone_frame, frame=frame, closed=closed)
    order, order_text = resolved_order(order, resolution, lambda: order_of_shapes([zone], "zone"))
    plane, missed = rasterize.shapes_and_misses([zone], order=order, mode=mode)
    warn_of_misses(len(missed), "1 zone", _inradius(missed), order, mode)
    closed_text = "" if closed == "left" else f", closed={closed!r}"
    history = f"from_zone({zone.summary}{closed_text}, {order_text}{_mode_text(mode)})"
    return new_mask(plane, frame=frame, energy=energy, history=history)
