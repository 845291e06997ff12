"""Masks from images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpmask._files.fits_file import faults_of
from hpmask._utils.arguments import as_flag, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call, thread_count
from hpmask._utils.warn import warn
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.geometry import frames
from hpmask.wcs.grid import Grid, Way, order_for
from hpmask.wcs.image_cells import plane_of, unused
from hpmask.wcs.inputs import Target, booleans, open_image

if TYPE_CHECKING:
    from hpmask.energy.axis import EnergyAxis
__all__ = ["from_wcs"]


@for_the_call
def from_wcs(
    image: Any,
    wcs: Any = None,
    *,
    hdu: int | str | None = None,
    order: int | None = None,
    mode: Mode = "center",
    outside: bool = False,
    nan: bool | None = None,
    invert: bool = False,
    energy: EnergyAxis | None = None,
    frame: str = "icrs",
    n_threads: int | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_wcs`."""
    frame, mode = frames.check_frame(frame), check_mode(mode)
    order = None if order is None else check_order(order)
    nan = None if nan is None else as_flag(nan, "nan")
    outside, invert = as_flag(outside, "outside"), as_flag(invert, "invert")
    threads = thread_count(n_threads)
    values, target = open_image(image, wcs, hdu, energies=energy is None)
    # All faults of the values from here on are faults of the file.
    with faults_of(target.file):
        pixels = booleans(values, nan=nan, invert=invert)
        planes, grid, axis, order = _planes(pixels, target, energy, frame, order, mode, outside, threads)
    polarity = "0 = kept" if invert else "1 = kept"
    missing = "" if nan is None else f", NaN {'kept' if nan else 'not kept'}"
    history = (
        f"from_wcs({grid.shape[0]} x {grid.shape[1]} pixels, {polarity}{missing}, outside "
        f"{'kept' if outside else 'not kept'}, order={order}, mode={mode!r})"
    )
    return new_mask(planes if len(planes) > 1 else planes[0], order=order, frame=frame, energy=axis, history=history)


def _planes(
    pixels: NDArray[np.bool_],
    target: Target,
    energy: EnergyAxis | None,
    frame: str,
    order: int | None,
    mode: Mode,
    outside: bool,
    threads: int,
) -> tuple[list[RangeSet], Grid, EnergyAxis | None, int]:
    """The cells of each plane of an image, with the grid, the energy axis and the order that they have."""
    if pixels.ndim < 2 or not pixels.size:
        raise ValueError(f"image must have at least two axes and some pixels, got shape {pixels.shape}")
    grid = Grid.of(target.wcs, pixels.shape[-2:])
    axis = energy if energy is not None or pixels[..., 0, 0].size == 1 else target.energy
    bins = [axis.n_bins] if axis is not None else []
    sheets = pixels.reshape(-1, *grid.shape)
    if sheets.shape[0] not in (1, *bins):
        wanted = f"{bins[0]} planes, one per energy bin, or one" if bins else "one plane: give energy for more"
        raise ValueError(f"image of shape {pixels.shape} must have {wanted}")
    order = order_for(grid) if order is None else order
    way = Way.between(grid.frame, frame)
    _warn_unused(sheets, grid, outside)
    done: dict[bytes, RangeSet] = {}
    planes = []
    for sheet in sheets:
        key = sheet.tobytes() if len(sheets) > 1 else b""
        if key not in done:
            done[key] = plane_of(sheet, grid, way, order=order, mode=mode, outside=outside, threads=threads)
        planes.append(done[key])
    return planes, grid, axis, order


def _warn_unused(sheets: NDArray[np.bool_], grid: Grid, outside: bool) -> None:
    """Warn about pixels that differ from `outside` and are not used."""
    row, column = unused((sheets != outside).any(axis=0), grid)
    if row.size:
        warn(
            f"{row.size} of {sheets[0].size} pixels of image are {not outside} but lie outside the projection, or show "
            f"sky that belongs to another pixel; the first is at ({row[0]}, {column[0]}). They are not used: check "
            "CRPIX, CRVAL and CDELT if they should be"
        )
