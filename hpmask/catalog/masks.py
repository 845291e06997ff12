"""Masks of the sources of a catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from astropy import units as u

from hpmask._utils.arguments import as_angle
from hpmask._utils.modes import Mode
from hpmask._utils.parallel import for_the_call
from hpmask.catalog.partitioned import PartitionedShapes
from hpmask.catalog.parts import parts_of
from hpmask.catalog.rows import read_rows
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.regions.batches import Shapes
from hpmask.regions.masks import planes_of
from hpmask.regions.order import resolved_order
from hpmask.regions.within import footprints_of

__all__ = ["KINDS", "Column", "check_missing", "from_catalog", "kind_of"]

# Angles, the name of a column of angles, or a function of the table.
Column: TypeAlias = u.Quantity | str | Callable[..., u.Quantity]

# The sizes of each kind of shape: those that must be given, and those that may be.
KINDS: dict[Callable[..., Shapes], tuple[tuple[str, ...], tuple[str, ...]]] = {
    Shapes.cones: (("radius",), ()),
    Shapes.annuli: (("inner_radius", "outer_radius"), ()),
    Shapes.ellipses: (("semi_major", "semi_minor", "position_angle"), ()),
    Shapes.boxes: (("width", "height"), ("position_angle",)),
}


@for_the_call
def from_catalog(
    table: Any,
    radius: Column | None,
    *,
    inner_radius: Column | None = None,
    outer_radius: Column | None = None,
    semi_major: Column | None = None,
    semi_minor: Column | None = None,
    width: Column | None = None,
    height: Column | None = None,
    position_angle: Column | None = None,
    missing: u.Quantity | str | Mapping[str, u.Quantity | str] | None = None,
    where: Any = None,
    within: MaskValue | None = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    epoch: Any = None,
    catalog_epoch: Any = None,
    motion: tuple[str, str] | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> MaskValue:
    """See `hpmask.Mask.from_catalog`."""
    given = {
        "radius": radius,
        "inner_radius": inner_radius,
        "outer_radius": outer_radius,
        "semi_major": semi_major,
        "semi_minor": semi_minor,
        "width": width,
        "height": height,
        "position_angle": position_angle,
    }
    sizes = {name: value for name, value in given.items() if value is not None}
    shapes = kind_of(sizes)
    reading: dict[str, Any] = {
        "missing": check_missing(missing, sizes),
        "where": where,
        "lon": lon,
        "lat": lat,
        "catalog_frame": catalog_frame,
        "epoch": epoch,
        "catalog_epoch": catalog_epoch,
        "motion": motion,
        "invalid": invalid,
        "energy": energy,
    }
    footprints = None if within is None else footprints_of(within, frame, energy)
    drawing: dict[str, Any] = {"mode": mode, "footprints": footprints, "n_threads": n_threads, "progress": progress}
    parts = parts_of(table)
    if parts is None:
        rows = read_rows(table, sizes, n_threads=n_threads, **reading)
        planes, text = planes_of(
            shapes(rows.center, **rows.sizes), order=order, resolution=resolution, frame=frame, energy=energy, **drawing
        )
        history = f"{rows.summary}, {text}"
    else:
        placed = PartitionedShapes(parts, shapes, sizes, reading, frame=frame, energy=energy)
        cells = placed.cells(*resolved_order(order, resolution, placed.order), **drawing)
        planes, history = cells.planes, cells.text
    mask = new_mask(planes, frame=frame, energy=energy, history=f"from_catalog({history})")
    return mask if within is None else mask & within


def kind_of(sizes: Iterable[str]) -> Callable[..., Shapes]:
    """The constructor of the shapes that have some sizes.

    Raises
    ------
    TypeError
        If no kind of shape has just these.
    """
    for make, (needed, more) in KINDS.items():
        if set(needed) <= set(sizes) <= {*needed, *more}:
            return make
    got = ", ".join(sizes) or "none"
    raise TypeError(
        "a catalog needs radius for discs, inner_radius and outer_radius for annuli, semi_major, semi_minor and "
        f"position_angle for ellipses, or width and height (and position_angle) for boxes, got {got}"
    )


def check_missing(
    missing: u.Quantity | str | Mapping[str, u.Quantity | str] | None, sizes: Iterable[str]
) -> dict[str, u.Quantity | str]:
    """The angles of rows without a value, by the name of the size."""
    names = list(sizes)
    if missing is None:
        return {}
    if not isinstance(missing, Mapping):
        if len(names) > 1:
            raise TypeError(
                f"missing must be a mapping from the names of sizes to angles, such as {{{names[0]!r}: '0.3 deg'}}, "
                f"for shapes with more than one size, got {missing!r}"
            )
        missing = {names[0]: missing}
    for name, angle in missing.items():
        if name not in names:
            raise ValueError(f"missing has {name!r}, which is not a size that is given: {', '.join(names)}")
        if np.isnan(as_angle(angle, "missing")).any():
            raise ValueError(f"missing must not be NaN, got {angle}")
    return dict(missing)
