"""The image that regions in pixels belong to."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hpmask.regions.pixels import PixelFrame
from hpmask.wcs.grid import Grid
from hpmask.wcs.inputs import as_target

__all__ = ["pixel_frame"]


def pixel_frame(wcs: Any) -> PixelFrame | None:
    """The sky under the pixels of an image; None for None.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`, FITS header, image HDU, path or gammapy geometry, optional
        As in `hpmask.Mask.from_wcs`.

    Raises
    ------
    TypeError, ValueError
        If it is not a celestial WCS with two pixel axes.
    MaskFormatError
        If a file is damaged, or has no image of the sky or several.
    """
    if wcs is None:
        return None
    target = as_target(wcs)
    # The shape matters only for images that reach the seam of their projection.
    shape = target.shape or getattr(target.wcs, "array_shape", None) or (1, 1)
    grid = Grid.of(target.wcs, shape[-2:])
    return PixelFrame(
        positions=partial(grid.positions, grid.wcs),
        pixels=partial(grid.pixels, grid.wcs),
        frame=grid.frame,
        physical=None if target.header is None else _from_physical(target.header),
    )


def _from_physical(header: fits.Header) -> NDArray[np.float64]:
    """The matrix from physical coordinates (x, y, 1) to pixel coordinates from 0.

    Physical coordinates are ``LTM @ (image coordinates from 1) + LTV``. Without the keywords they are those of the
    image.
    """
    numbers = [[header.get(f"LTM{i}_{j}", float(i == j)) for j in (1, 2)] for i in (1, 2)]
    shifts = [header.get(f"LTV{i}", 0.0) for i in (1, 2)]
    try:
        scale, shift = np.array(numbers, dtype=np.float64), np.array(shifts, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"wcs has LTM = {numbers} and LTV = {shifts}: they must be numbers") from None
    if not np.isfinite([*scale.ravel(), *shift]).all() or abs(np.linalg.det(scale)) < 1e-300:
        raise ValueError(f"wcs has LTM = {numbers} and LTV = {shifts}: the matrix must have an inverse")
    inverse = np.linalg.inv(scale)
    return np.column_stack([inverse, -inverse @ shift - 1])
