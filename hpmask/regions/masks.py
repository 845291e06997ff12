"""Masks of discs, regions and zones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask._utils.arguments import MAX_ORDER, Closed, as_flag, check_order
from hpmask._utils.modes import Mode
from hpmask._utils.parallel import for_the_call
from hpmask._utils.words import counted
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.regions import rasterize, shapes
from hpmask.regions.convert import cells_of_points, checked_shapes, of_bins

__all__ = ["from_cones", "from_regions", "from_zone", "needed_order"]


@for_the_call
def from_cones(
    center: SkyCoord,
    radius: u.Quantity | str | Callable[[EnergyAxis], u.Quantity],
    *,
    order: int | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> MaskValue:
    """See `hpmask.Mask.from_cones`."""
    order = needed_order(order, "from_cones")
    lon, lat, radii = rasterize.check_cones(center, radius, frames.check_frame(frame), energy)
    planes = rasterize.cone_planes(lon, lat, radii, order=order, mode=mode, n_threads=n_threads, progress=progress)
    history = f"from_cones({counted(lon.size, 'disc')}, order={order}, mode={mode!r})"
    return new_mask(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)


@for_the_call
def from_regions(
    regions: Any,
    *,
    order: int | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    invert: bool = False,
    invalid: Literal["raise", "skip"] = "raise",
    n_threads: int | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_regions`."""
    order = needed_order(order, "from_regions")
    frame, invert = frames.check_frame(frame), as_flag(invert, "invert")
    planes, count, n_skipped = [], 0, 0
    for given in of_bins(regions, energy):
        spheres, skipped = checked_shapes(given, frame, invalid)
        n_skipped += skipped
        plane = rasterize.shapes_plane(spheres, order=order, mode=mode, n_threads=n_threads)
        if mode != "inside":
            plane = plane | cells_of_points(spheres, order)
        planes.append(~plane if invert else plane)
        count += len(spheres)
    left_out = f", {n_skipped} left out" if n_skipped else ""
    inverted = ", invert=True" if invert else ""
    history = f"from_regions({counted(count, 'region')}{left_out}, order={order}, mode={mode!r}{inverted})"
    return new_mask(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)


def from_zone(
    lon: tuple[Any, Any] | u.Quantity | None = None,
    lat: tuple[Any, Any] | u.Quantity | None = None,
    *,
    order: int | None = None,
    closed: Closed = "left",
    zone_frame: str = "icrs",
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_zone`."""
    order, frame = needed_order(order, "from_zone"), frames.check_frame(frame)
    if lon is None and lat is None:
        raise ValueError("a zone needs lon, lat or both; Mask.full() is all of the sky")
    zone = shapes.Zone.from_angles(lon, lat, zone_frame=zone_frame, frame=frame, closed=closed)
    plane = rasterize.shapes_plane([zone], order=order, mode=mode)
    history = f"from_zone({zone.summary}, closed={closed!r}, order={order}, mode={mode!r})"
    return new_mask(plane, frame=frame, energy=energy, history=history)


def needed_order(order: int | None, method: str) -> int:
    """`order`, or an error that explains how to choose one."""
    if order is None:
        raise TypeError(
            f"Mask.{method} needs order, from 0 to {MAX_ORDER}: a cell of an order is about 58.6 deg / 2**order wide "
            "(0.11 deg at order 9, 0.9 arcmin at order 12). Take cells about ten times smaller than the shapes, "
            "for example order=9 for shapes of 1 deg"
        )
    return check_order(order)
