"""Masks of many shapes of one kind, of regions and of zones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from astropy import units as u

from hpmask._utils.arguments import Closed, as_flag, one_angle
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call
from hpmask._utils.words import counted
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.regions import rasterize, shapes
from hpmask.regions.arrays import Batch, Objects
from hpmask.regions.batches import Shapes, columns_of, text_of
from hpmask.regions.convert import Checked, cells_of_points, checked_shapes, of_bins
from hpmask.regions.from_astropy import Context
from hpmask.regions.order import order_of_batches, order_of_shapes, resolved_order, warn_of_misses
from hpmask.regions.pixels import PixelFrame
from hpmask.regions.within import footprints_of, rows_near

__all__ = [
    "cells_of",
    "context_of",
    "from_regions",
    "from_shapes",
    "from_zone",
    "mask_of_shapes",
    "mode_text",
    "planes_of",
]

T = TypeVar("T")


@for_the_call
def from_shapes(
    shapes: Shapes,
    name: str,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    within: MaskValue | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> MaskValue:
    """The union of many shapes of one kind; `name` is the constructor for the history. See `hpmask.Mask.from_cones`."""
    footprints = None if within is None else footprints_of(within, frame, energy)
    planes, text = planes_of(
        shapes,
        order=order,
        resolution=resolution,
        mode=mode,
        frame=frame,
        energy=energy,
        footprints=footprints,
        n_threads=n_threads,
        progress=progress,
    )
    mask = new_mask(planes, frame=frame, energy=energy, history=f"{name}({text})")
    return mask if within is None else mask & within


def planes_of(
    shapes: Shapes,
    *,
    order: int | None,
    resolution: u.Quantity | str | None,
    mode: Mode,
    frame: str,
    energy: EnergyAxis | None,
    footprints: Sequence[RangeSet] | None = None,
    n_threads: int | None,
    progress: bool,
) -> tuple[RangeSet | list[RangeSet], str]:
    """The cells of shapes, and the text for the history: how many shapes, their sizes, order and mode.

    Shapes that do not reach the footprint, which is the same for all energy bins or one for each, may be left out.
    """
    mode, progress = check_mode(mode), as_flag(progress, "progress")
    columns = columns_of(shapes, frames.check_frame(frame), energy)
    order, order_text = resolved_order(order, resolution, lambda: order_of_batches(columns))
    planes, missed, narrowest = cells_of(
        columns, order=order, mode=mode, footprints=footprints, n_threads=n_threads, progress=progress
    )
    warn_of_misses(missed, columns[0].counted_as(len(columns[0])), narrowest, order, mode)
    text = f"{text_of(shapes, energy)}, {order_text}{mode_text(mode)}"
    return planes if len(planes) > 1 else planes[0], text


def cells_of(
    columns: Sequence[Batch],
    *,
    order: int,
    mode: Mode,
    footprints: Sequence[RangeSet] | None,
    n_threads: int | None,
    progress: bool = False,
) -> tuple[list[RangeSet], int, float]:
    """The cells of shapes.

    Parameters
    ----------
    columns : sequence of Batch
        The shapes, the same for all energy bins or one batch for each.
    order, mode, n_threads, progress
        As in `planes_of`.
    footprints : sequence of RangeSet, optional
        As in `planes_of`.

    Returns
    -------
    planes : list of RangeSet
        The cells of all bins, or of each.
    n_missed : int
        The number of shapes without a cell.
    narrowest : float
        Radius of a disc that fits into each of them, in radians; 0 if it is not known.
    """
    planes: dict[tuple[int, int], RangeSet] = {}
    sequence: list[tuple[int, int]] = []
    missed: set[int] = set()
    narrowest = math.inf
    grounds: Sequence[RangeSet | None] = [None] if footprints is None else footprints
    n_planes = max(len(columns), len(grounds))
    for batch, ground in zip(_repeated(columns, n_planes), _repeated(grounds, n_planes), strict=True):
        key = id(batch), id(ground)
        sequence.append(key)
        if key in planes:
            continue
        rows = slice(None) if ground is None else rows_near(batch, ground, order)
        planes[key], without = rasterize.union_and_misses(
            batch, rows, order=order, mode=mode, n_threads=n_threads, progress=progress
        )
        if without.size:
            missed.update(without.tolist())
            narrowest = min(narrowest, float(batch.take(without).sizes.inradius.min(initial=math.inf)))
    return [planes[key] for key in sequence], len(missed), narrowest if narrowest < math.inf else 0.0


def _repeated(some: Sequence[T], n: int) -> Sequence[T]:
    """One item for each of `n` planes."""
    return some if len(some) == n else list(some) * n


def mode_text(mode: str) -> str:
    """A mode in the history."""
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
    within: MaskValue | None = None,
    format: str | None = None,
    region_frame: str | None = None,
    min_weight: float | None = None,
    columns: tuple[str, str] | None = None,
    n_threads: int | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_regions`. `pixels` stands for its `wcs`."""
    frame, invert, mode = frames.check_frame(frame), as_flag(invert, "invert"), check_mode(mode)
    context = context_of(pixels, line_width, point_radius)
    reading = {"format": format, "region_frame": region_frame, "min_weight": min_weight, "columns": columns}
    bins = [checked_shapes(given, frame, invalid, context, **reading) for given in of_bins(regions, energy)]
    everything = [shape for one in bins for shape in one.shapes]
    order, order_text = resolved_order(order, resolution, lambda: order_of_shapes(everything, "region"))
    for name, size in (("line_width", line_width), ("point_radius", point_radius)):
        order_text += "" if size is None else f", {name}={size}"
    return mask_of_shapes(
        bins,
        order,
        order_text,
        mode=mode,
        frame=frame,
        energy=energy,
        invert=invert,
        within=within,
        n_threads=n_threads,
    )


def footprint(within: Any) -> MaskValue | Callable[[int, str], MaskValue]:
    """The argument `within` of readers: a mask as it is, or a function of order and frame for `Shapes` and regions."""
    if isinstance(within, MaskValue):
        return within
    if isinstance(within, Shapes):
        return lambda order, frame: from_shapes(within, "within", order=order, frame=frame)
    return lambda order, frame: from_regions(within, order=order, frame=frame)


def mask_of_shapes(
    bins: Sequence[Checked],
    order: int,
    order_text: str,
    *,
    mode: Mode,
    frame: str,
    energy: EnergyAxis | None = None,
    invert: bool = False,
    within: MaskValue | None = None,
    n_threads: int | None = None,
) -> MaskValue:
    """The mask of the results of `checked_shapes`, one for all energy bins or one for each."""
    everything = [shape for one in bins for shape in one.shapes]
    planes: list[RangeSet] = []
    missed: list[shapes.Shape] = []
    grounds = [None] if within is None else footprints_of(within, frame, energy)
    n_planes = max(len(bins), len(grounds))
    for checked, ground in zip(_repeated(bins, n_planes), _repeated(grounds, n_planes), strict=True):
        some = checked.shapes
        if ground is not None:
            near = Objects(some)
            some = list(near.take(rows_near(near, ground, order)).shapes)
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
    history = f"from_regions({total}{left_out}, {order_text}{mode_text(mode)}{inverted})"
    mask = new_mask(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)
    return mask if within is None else mask & within


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
    history = f"from_zone({zone.summary}{closed_text}, {order_text}{mode_text(mode)})"
    return new_mask(plane, frame=frame, energy=energy, history=history)
