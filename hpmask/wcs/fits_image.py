"""FITS images of masks.

The layout of cubes follows
https://gamma-astro-data-formats.readthedocs.io/en/latest/skymaps/wcs/index.html, with which gammapy reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

import hpmask
from hpmask._files import atomic
from hpmask._files.atomic import created
from hpmask._files.fits_text import add_history
from hpmask._files.hdu import write_hdu
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import thread_count
from hpmask.core.value import MaskValue
from hpmask.energy.bands import axis_cards, bands_hdu
from hpmask.wcs.grid import celestial
from hpmask.wcs.inputs import as_target
from hpmask.wcs.to_image import image_of

if TYPE_CHECKING:
    from hpmask.energy.axis import EnergyAxis
__all__ = ["write_wcs"]


def write_wcs(
    mask: MaskValue,
    path: str | Path,
    wcs: Any,
    shape: tuple[int, int] | None = None,
    *,
    mode: Mode = "center",
    hdu: int | str | None = None,
    overwrite: bool = False,
    n_threads: int | None = None,
) -> None:
    """See `hpmask.Mask.write_wcs`."""
    # The image holds bytes, and so no fractions.
    check_mode(mode)
    threads = thread_count(n_threads)
    atomic.check_target(path, overwrite=overwrite)
    target = as_target(wcs, hdu)
    if not isinstance(target.wcs, WCS):
        raise TypeError(
            f"wcs must be an astropy.wcs.WCS, which can be written as a header, got {type(target.wcs).__name__}"
        )
    image = image_of(mask, target, shape, mode, threads=threads)
    energy = mask.energy if target.energy is None else target.energy
    if energy is not None and energy.ascending() is not energy:
        # gammapy does not read an axis with decreasing edges.
        image, energy = image[::-1], energy.ascending()
    with celestial(target.wcs).to_fits(relax=True) as hdus:
        primary = hdus[0]
        primary.data = image.view(np.uint8)
        primary.name = "MASK"
        _describe(primary.header, mask)
        if energy is not None:
            hdus.append(bands_hdu(energy, "MASK_BANDS"))
            _link(primary.header, energy, image.shape)
        hdus.update_extend()
        hdus.verify("exception")
        with created(path, overwrite=overwrite) as file:
            # Without astropy, which turns an error of the disk into one of its own.
            for unit in hdus:
                write_hdu(file, unit.header, None if unit.data is None else np.asarray(unit.data).ravel())


def _describe(header: fits.Header, mask: MaskValue) -> None:
    """Write the keywords that describe the mask."""
    header["BUNIT"] = ("", "1 = kept, 0 = not kept or outside")
    header["CREATOR"] = (f"hpmask {hpmask.__version__}", "software that wrote this file")
    header["HPXFRAME"] = (mask.frame, "frame of the HEALPix cells of the mask")
    header["HPXORDER"] = (mask.order, "order of the HEALPix cells of the mask")
    add_history(header, mask.history.split("\n"))


def _link(header: fits.Header, energy: EnergyAxis, shape: tuple[int, ...]) -> None:
    """Write the keywords from which gammapy finds the energies of the third axis."""
    header["WCSSHAPE"] = (f"({','.join(map(str, reversed(shape)))})", "pixels along each axis")
    header["BANDSHDU"] = ("MASK_BANDS", "table of the energy bins")
    header.update(axis_cards(energy))
