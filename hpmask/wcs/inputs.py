"""What a user may give for an image and its WCS: astropy's WCS, FITS headers, HDUs and files, gammapy's maps."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning, WcsError
from numpy.typing import NDArray

from hpmask._files.fits_file import faults_of
from hpmask.energy.axis import EnergyAxis
from hpmask.wcs.checks import check_wcs, header_advice
from hpmask.wcs.files import SkyImage, read_image
from hpmask.wcs.grid import Grid

__all__ = ["Target", "as_target", "booleans", "open_image"]


@dataclass(frozen=True, slots=True)
class Target:
    """A WCS with what is known beside it: the shape of the image, and the energy bins of a cube.

    The planes of a cube may belong to single energies, `nodes`, instead; the bins are then those around them. What is
    wrong with a WCS from a file is the fault of `file`.
    """

    wcs: Any
    shape: tuple[int, int] | None = None
    energy: EnergyAxis | None = None
    nodes: u.Quantity | None = None
    file: str | Path | None = None


def as_target(wcs: Any, hdu: int | str | None = None) -> Target:
    """The target that a WCS, a header, an image HDU, a FITS file or a gammapy geometry or map stands for.

    Raises
    ------
    TypeError
        If it is something else; that an object is no WCS is left to `hpmask.wcs.grid.Grid` to say.
    MaskFormatError
        If a file is damaged, or has no sky image, or several and `hdu` does not say which one counts.
    """
    if isinstance(wcs, str | Path):
        _check_hdu(hdu)
        with faults_of(wcs, Exception):
            return _of_file(wcs, read_image(wcs, hdu, pixels=False, energies=True))
    if hdu is not None:
        raise TypeError(f"hdu says which image of a file counts, but got no path but a {type(wcs).__name__}")
    if isinstance(wcs, fits.Header):
        return _of_header(wcs)
    if isinstance(wcs, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return _of_header(wcs.header)
    geom = getattr(wcs, "geom", wcs)
    if all(hasattr(geom, name) for name in ("wcs", "data_shape", "axes", "is_image")) and isinstance(geom.wcs, WCS):
        return Target(geom.wcs, (int(geom.data_shape[-2]), int(geom.data_shape[-1])), *_gammapy_energy(geom))
    return Target(wcs)


def open_image(
    image: Any, wcs: Any, hdu: int | str | None = None, *, energies: bool = True
) -> tuple[NDArray[Any], Target]:
    """The pixels and the WCS of an image given as an array, an HDU, a file or a gammapy map.

    Parameters
    ----------
    image, wcs
        As in `hpmask.Mask.from_wcs`.
    hdu : int or str, optional
        Which image of a file counts: that of `image`, or else of `wcs`.
    energies : bool, optional
        Whether the energies of a file's planes are needed.

    Raises
    ------
    TypeError, ValueError
        If there is no WCS.
    MaskFormatError
        As in `as_target`.
    """
    if isinstance(image, str | Path):
        _check_hdu(hdu)
        with faults_of(image, Exception):
            found = read_image(image, hdu, pixels=True, energies=energies and wcs is None)
            values, target = _sky_last(found), None if wcs is not None else _of_file(image, found)
        return values, as_target(wcs) if target is None else target
    if isinstance(image, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return _sky_last(SkyImage(image.header, image, None, None)), as_target(image if wcs is None else wcs, hdu)
    if hasattr(image, "geom") and hasattr(image, "data"):
        return np.asarray(image.data), as_target(image if wcs is None else wcs, hdu)
    if wcs is None:
        raise TypeError("wcs must be given for an image that is an array")
    if np.ma.is_masked(image):
        # What is masked has no value: as NaN, `nan` says what it means.
        image = image.astype(np.float64).filled(np.nan)
    return np.asarray(image), as_target(wcs, hdu)


def booleans(values: NDArray[Any], *, nan: bool | None, invert: bool) -> NDArray[np.bool_]:
    """Pixels as True and False.

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        If one is neither 0 nor 1, or is NaN and `nan` does not say what that means; the first such pixel is named.
    """
    if values.dtype == np.bool_:
        return ~values if invert else values
    if values.dtype.kind not in "iuf":
        raise TypeError(f"image must be boolean, or 0 and 1, got {values.dtype}")
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=np.bool_)
    odd = ~missing & (values != 0) & (values != 1)
    if odd.any():
        place = tuple(int(i) for i in np.argwhere(odd)[0])
        raise ValueError(
            f"image must be boolean, or 0 and 1, but {int(odd.sum())} pixels are not, the first at {place}: "
            f"{values[place]}; compare it with a threshold first"
        )
    if missing.any() and nan is None:
        place = tuple(int(i) for i in np.argwhere(missing)[0])
        raise ValueError(
            f"image has {int(missing.sum())} NaN pixels, the first at {place}: say by nan=True or nan=False "
            "whether they are kept"
        )
    kept = values == 1
    if invert:
        kept = ~kept
    # What `nan` says is about the mask: it is not inverted.
    return np.where(missing, bool(nan), kept)


# ---------------------------------------------------------------------- FITS


def _check_hdu(hdu: Any) -> None:
    if hdu is not None and (isinstance(hdu, bool) or not isinstance(hdu, int | np.integer | str)):
        raise TypeError(f"hdu must be the number or the name of an HDU, got {hdu!r}")


def _of_file(path: str | Path, image: SkyImage) -> Target:
    target = replace(_of_header(image.header, image.hdus), file=path)
    if image.planes is not None:
        target = replace(target, energy=image.planes.axis, nodes=image.planes.nodes)
    # What is wrong with its WCS is a fault of the file, and shows when a pixel is asked for.
    grid = Grid.of(target.wcs, target.shape)
    ny, nx = grid.shape
    grid.positions(grid.wcs, np.array([0.0, nx - 1, nx / 2]), np.array([0.0, ny - 1, ny / 2]))
    return target


def _header_wcs(header: fits.Header, hdus: Any = None) -> WCS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            wcs = WCS(header, hdus)
        except WcsError as error:
            raise ValueError(header_advice(header) or f"wcs cannot be used: {error}") from None
    check_wcs(wcs)
    return wcs


def _sky_axes(wcs: WCS) -> tuple[int, int]:
    """NumPy's axes of latitude and longitude, counted from the end: they run the other way."""
    return -1 - wcs.wcs.lat, -1 - wcs.wcs.lng


def _of_header(header: fits.Header, hdus: Any = None) -> Target:
    wcs = _header_wcs(header, hdus)
    if not wcs.has_celestial:
        return Target(wcs)
    sizes = [header.get(f"NAXIS{axis + 1}") for axis in (wcs.wcs.lat, wcs.wcs.lng)]
    shape = None if None in sizes else (int(sizes[0]), int(sizes[1]))
    # The pixels of an image whose latitude is its first axis are the same pixels.
    if shape is not None and wcs.wcs.lat < wcs.wcs.lng:
        shape = shape[::-1]
    return Target(wcs, shape)


def _sky_last(image: SkyImage) -> NDArray[Any]:
    """The pixels with the sky's axes last, in the order in which the celestial WCS counts them."""
    wcs = _header_wcs(image.header, image.hdus)
    # A copy: the file may be closed under it.
    values = np.array(image.hdu.data)
    if wcs.has_celestial and wcs.naxis <= values.ndim:
        last = sorted(_sky_axes(wcs))
        values = np.moveaxis(values, last, (-2, -1))
    return values


# ---------------------------------------------------------------------- gammapy


def _gammapy_energy(geom: Any) -> tuple[EnergyAxis | None, u.Quantity | None]:
    """The bins of a geometry, and the energies of its planes if its axis has those instead of edges."""
    names = [axis.name for axis in geom.axes]
    if not names:
        return None, None
    if len(names) > 1 or names[0] not in ("energy", "energy_true"):
        raise ValueError(f"a gammapy geometry must have no axis beside energy, got {', '.join(names)}")
    axis = geom.axes[0]
    bins = EnergyAxis(u.Quantity(axis.edges), name=axis.name, interp="lin" if axis.interp == "lin" else "log")
    return bins, u.Quantity(axis.center) if axis.node_type == "center" else None
