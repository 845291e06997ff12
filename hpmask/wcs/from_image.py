"""Masks from images."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._files.fits_file import faults_of
from hpmask._utils.arguments import as_flag, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call, thread_count
from hpmask._utils.warn import warn
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis, check_axis
from hpmask.geometry import frames
from hpmask.values.criterion import Criterion, Nan, check_nan
from hpmask.values.threshold import n_planes, pixels_of, text_of
from hpmask.wcs.grid import Grid, Way, order_for
from hpmask.wcs.image_cells import plane_of, unused
from hpmask.wcs.inputs import Target, open_image

__all__ = ["from_wcs", "mask_of_image"]


@for_the_call
def from_wcs(
    image: Any,
    wcs: Any = None,
    *,
    hdu: int | str | None = None,
    order: int | None = None,
    mode: Mode = "center",
    outside: bool = False,
    threshold: Any = None,
    low: Any = None,
    high: Any = None,
    keep: str = ">",
    closed: str = "left",
    nan: str = "raise",
    connectivity: int = 8,
    invert: bool = False,
    energy: EnergyAxis | None = None,
    frame: str = "icrs",
    n_threads: int | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_wcs`."""
    criterion = Criterion.of(threshold, low=low, high=high, keep=keep, closed=closed, connectivity=connectivity)
    check_nan(nan)
    options: dict[str, Any] = {"order": order, "mode": mode, "outside": outside, "frame": frame, "n_threads": n_threads}
    values, unit, target = open_image(image, wcs, hdu, energies=energy is None)
    return mask_of_image(values, unit, target, criterion, nan=nan, invert=invert, energy=energy, **options)


def mask_of_image(
    values: NDArray[Any],
    unit: u.UnitBase | None,
    target: Target,
    criterion: Criterion | None,
    *,
    order: int | None,
    mode: Mode,
    outside: bool,
    frame: str,
    nan: str = "raise",
    invert: bool = False,
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    argument: str = "image",
) -> MaskValue:
    """The mask of an image from its pixels, their unit and its target; see `hpmask.Mask.from_wcs`.

    Errors call the image `argument`.
    """
    frame, mode = frames.check_frame(frame), check_mode(mode)
    order, missing = None if order is None else check_order(order), check_nan(nan)
    outside, invert = as_flag(outside, "outside"), as_flag(invert, "invert")
    threads = thread_count(n_threads)
    if energy is not None:
        check_axis(energy)
    # All faults of the values are faults of the file.
    with faults_of(target.file):
        sheets, grid, axis = _sheets(values, target, energy, argument)
        order = order_for(grid) if order is None else order
        pixels = _pixels(sheets, criterion, unit, axis, nan=missing, invert=invert, argument=argument)
        way = Way.between(grid.frame, frame)
        planes = _planes(pixels, grid, way, order=order, mode=mode, outside=outside, threads=threads)
    polarity = ", 0 = kept" if invert else ", 1 = kept"
    rule = text_of(criterion, nan=missing, outside=False, invert=invert and criterion is not None)
    history = (
        f"from_wcs({grid.shape[0]} x {grid.shape[1]} pixels{polarity if criterion is None else ''}{rule}, outside "
        f"{'kept' if outside else 'not kept'}, order={order}, mode={mode!r})"
    )
    return new_mask(planes if len(planes) > 1 else planes[0], order=order, frame=frame, energy=axis, history=history)


def _sheets(
    values: NDArray[Any], target: Target, energy: EnergyAxis | None, argument: str
) -> tuple[NDArray[Any], Grid, EnergyAxis | None]:
    """The planes of an image, shape (n, ny, nx), with the grid and the energy axis that they have."""
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{argument} must be numbers or booleans, got {values.dtype}")
    if values.ndim < 2 or not values.size:
        raise ValueError(f"{argument} must have at least two axes and some pixels, got shape {values.shape}")
    grid = Grid.of(target.wcs, values.shape[-2:])
    axis = energy if energy is not None or values[..., 0, 0].size == 1 else target.energy
    bins = [axis.n_bins] if axis is not None else []
    sheets = values.reshape(-1, *grid.shape)
    if sheets.shape[0] not in (1, *bins):
        wanted = f"{bins[0]} planes, one per energy bin, or one" if bins else "one plane: give energy for more"
        raise ValueError(f"{argument} of shape {values.shape} must have {wanted}")
    return sheets, grid, axis


def _pixels(
    sheets: NDArray[Any],
    criterion: Criterion | None,
    unit: u.UnitBase | None,
    axis: EnergyAxis | None,
    *,
    nan: Nan,
    invert: bool,
    argument: str,
) -> NDArray[np.bool_]:
    """The pixels that are kept, for each plane or, with a threshold for each bin, for each bin."""
    n = n_planes(len(sheets), criterion, axis)
    pixels = np.empty((n, *sheets.shape[1:]), dtype=np.bool_)
    for bin_ in range(n):
        sheet, name = (sheets[bin_], f"{argument}[{bin_}]") if len(sheets) > 1 else (sheets[0], argument)
        pixels[bin_] = pixels_of(sheet, criterion, bin_, unit, nan=nan, invert=invert, argument=name)
    return pixels


def _planes(
    sheets: NDArray[np.bool_], grid: Grid, way: Way, *, order: int, mode: Mode, outside: bool, threads: int
) -> list[RangeSet]:
    """The cells of each plane of an image."""
    _warn_unused(sheets, grid, outside)
    done: dict[bytes, RangeSet] = {}
    planes = []
    for sheet in sheets:
        key = sheet.tobytes() if len(sheets) > 1 else b""
        if key not in done:
            done[key] = plane_of(sheet, grid, way, order=order, mode=mode, outside=outside, threads=threads)
        planes.append(done[key])
    return planes


def _warn_unused(sheets: NDArray[np.bool_], grid: Grid, outside: bool) -> None:
    """Warn about pixels that differ from `outside` and are not used."""
    row, column = unused((sheets != outside).any(axis=0), grid)
    if row.size:
        warn(
            f"{row.size} of {sheets[0].size} pixels of image are {not outside} but lie outside the projection, or show "
            f"sky that belongs to another pixel; the first is at ({row[0]}, {column[0]}). They are not used: check "
            "CRPIX, CRVAL and CDELT if they should be"
        )
