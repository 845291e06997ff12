"""Masks of the sources of a catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from astropy import units as u

from hpmask._utils.arguments import as_angle
from hpmask._utils.modes import Mode
from hpmask._utils.parallel import for_the_call
from hpmask.catalog.rows import read_rows
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.regions.batches import Shapes
from hpmask.regions.masks import planes_of

__all__ = ["from_catalog"]


@for_the_call
def from_catalog(
    table: Any,
    radius: u.Quantity | str | Callable[..., u.Quantity],
    *,
    missing: u.Quantity | str | None = None,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> MaskValue:
    """See `hpmask.Mask.from_catalog`."""
    rows = read_rows(
        table,
        radius,
        missing=_check_missing(missing),
        lon=lon,
        lat=lat,
        catalog_frame=catalog_frame,
        invalid=invalid,
        energy=energy,
        n_threads=n_threads,
    )
    planes, text = planes_of(
        Shapes.cones(rows.center, rows.sizes),
        order=order,
        resolution=resolution,
        mode=mode,
        frame=frame,
        energy=energy,
        n_threads=n_threads,
        progress=progress,
    )
    return new_mask(planes, frame=frame, energy=energy, history=f"from_catalog({rows.summary}, {text})")


def _check_missing(missing: u.Quantity | str | None) -> u.Quantity | None:
    if missing is None:
        return None
    angle = as_angle(missing, "missing")
    if np.isnan(angle).any():
        raise ValueError(f"missing must not be NaN, got {angle}")
    return angle
