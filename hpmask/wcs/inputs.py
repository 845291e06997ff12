"""The inputs for an image and its WCS: astropy's WCS and NDData, FITS headers, HDUs and files, gammapy's geometries."""

from __future__ import annotations

import sys
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
from hpmask._utils.arguments import values_and_unit
from hpmask._utils.words import brief
from hpmask.energy.axis import EnergyAxis
from hpmask.wcs.checks import check_wcs, header_advice
from hpmask.wcs.files import SkyImage, read_image
from hpmask.wcs.grid import Grid

__all__ = ["Target", "as_target", "open_image"]


@dataclass(frozen=True, slots=True)
class Target:
    """A WCS, and the shape and the energies of its image.

    Attributes
    ----------
    wcs : object
        The WCS; `hpmask.wcs.grid.Grid` checks that it is one.
    shape : (int, int), optional
        Number of pixels (ny, nx), if the input has it.
    energy : EnergyAxis, optional
        Energy bins of the planes of a cube.
    nodes : `~astropy.units.Quantity`, optional
        Energies of the planes, if they belong to single energies. `energy` then has the bins around them.
    file : str or path, optional
        The file that the WCS comes from. Errors about the WCS name it.
    header : `~astropy.io.fits.Header`, optional
        The header that the WCS comes from.
    """

    wcs: Any
    shape: tuple[int, int] | None = None
    energy: EnergyAxis | None = None
    nodes: u.Quantity | None = None
    file: str | Path | None = None
    header: fits.Header | None = None


def as_target(wcs: Any, hdu: int | str | None = None) -> Target:
    """The target that a WCS, a header, an image HDU, a FITS file, an NDData or a gammapy geometry or map describes.

    A pair of one of these and a shape, as `hpmask.wcs.field_wcs` returns it, has that shape.

    Raises
    ------
    TypeError
        If a tuple is not a pair, an NDData has no WCS, or `hdu` is given without a file. An object that is not a WCS
        is rejected later, by `hpmask.wcs.grid.Grid`.
    MaskFormatError
        If the file is damaged, if it has no image of the sky, or if it has several and `hdu` is not given.
    """
    if isinstance(wcs, tuple):
        if len(wcs) != 2:
            raise TypeError(f"wcs must be a WCS or a pair (wcs, shape), got a tuple of {len(wcs)}")
        target = as_target(wcs[0], hdu)
        return target if wcs[1] is None else replace(target, shape=wcs[1])
    if isinstance(wcs, str | Path):
        _check_hdu(hdu)
        with faults_of(wcs, Exception):
            return _of_file(wcs, read_image(wcs, hdu, pixels=False, energies=True))
    if hdu is not None:
        raise TypeError(f"hdu chooses an image of a file, but wcs is not a path: got {type(wcs).__name__}")
    if isinstance(wcs, fits.Header):
        return _of_header(wcs)
    if isinstance(wcs, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return _of_header(wcs.header)
    if _is_nddata(wcs):
        return _of_nddata(wcs)
    geom = getattr(wcs, "geom", wcs)
    if all(hasattr(geom, name) for name in ("wcs", "data_shape", "axes", "is_image")) and isinstance(geom.wcs, WCS):
        return Target(geom.wcs, (int(geom.data_shape[-2]), int(geom.data_shape[-1])), *_gammapy_energy(geom))
    return Target(wcs)


def open_image(
    image: Any, wcs: Any, hdu: int | str | None = None, *, energies: bool = True
) -> tuple[NDArray[Any], u.UnitBase | None, Target]:
    """The pixels, their unit and the target of an image that is an array, an HDU, a file, an NDData or a gammapy map.

    Parameters
    ----------
    image, wcs
        As in `hpmask.Mask.from_wcs`.
    hdu : int or str, optional
        Number or name of an image in a file: the file of `image`, or else that of `wcs`.
    energies : bool, optional
        Whether to read the energies of the planes of a file.

    Raises
    ------
    TypeError
        If `image` is an array and `wcs` is not given, or as in `as_target`.
    MaskFormatError
        As in `as_target`.
    """
    if isinstance(image, str | Path):
        _check_hdu(hdu)
        with faults_of(image, Exception):
            found = read_image(image, hdu, pixels=True, energies=energies and wcs is None)
            values, target = _sky_last(found), None if wcs is not None else _of_file(image, found)
        return values, _unit_of(found.header), as_target(wcs) if target is None else target
    if isinstance(image, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        values = _sky_last(SkyImage(image.header, image, None, None))
        return values, _unit_of(image.header), as_target(image if wcs is None else wcs, hdu)
    if _is_nddata(image):
        values, target = _pixels_of_nddata(image), as_target(image if wcs is None else wcs, hdu)
        return _with_sky_last(values, image.wcs), None if image.unit is None else u.Unit(image.unit), target
    if hasattr(image, "geom") and hasattr(image, "data"):
        return np.asarray(image.data), u.Unit(image.unit), as_target(image if wcs is None else wcs, hdu)
    if wcs is None:
        raise TypeError("wcs must be given for an image that is an array")
    values, unit = values_and_unit(image)
    return values, unit, as_target(wcs, hdu)


# ---------------------------------------------------------------------- FITS


def _check_hdu(hdu: Any) -> None:
    """Raise a TypeError unless `hdu` is None, an integer or a string."""
    if hdu is not None and (isinstance(hdu, bool) or not isinstance(hdu, int | np.integer | str)):
        raise TypeError(f"hdu must be the number or the name of an HDU, got {hdu!r}")


def _of_file(path: str | Path, image: SkyImage) -> Target:
    """The target of a file that was read."""
    target = replace(_of_header(image.header, image.hdus), file=path)
    if image.planes is not None:
        target = replace(target, energy=image.planes.axis, nodes=image.planes.nodes)
    # Some faults of the WCS show only when a pixel is projected. They are faults of the file.
    grid = Grid.of(target.wcs, target.shape)
    ny, nx = grid.shape
    grid.positions(grid.wcs, np.array([0.0, nx - 1, nx / 2]), np.array([0.0, ny - 1, ny / 2]))
    return target


def _unit_of(header: fits.Header) -> u.UnitBase | None:
    """The unit of the pixels; None if there is none."""
    text = header.get("BUNIT")
    return u.Unit(text, parse_strict="silent") if isinstance(text, str) and text.strip() else None


def _header_wcs(header: fits.Header, hdus: Any = None) -> WCS:
    """The WCS of a header, with the look-up tables of its distortions in `hdus`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            wcs = WCS(header, hdus)
        except WcsError as error:
            raise ValueError(header_advice(header) or f"wcs cannot be used: {brief(error)}") from None
        except MemoryError:
            # So says wcslib of coordinates in a table that is not there.
            tabular = [name for name in header if name.startswith("CTYPE") and str(header[name]).endswith("-TAB")]
            if not tabular:
                raise
            raise ValueError(
                f"wcs cannot be used: {tabular[0]} is {header[tabular[0]]!r}, coordinates in a table that is not there"
            ) from None
    check_wcs(wcs)
    return wcs


def _sky_axes(wcs: WCS) -> tuple[int, int]:
    """The array axes of latitude and longitude, as negative numbers: FITS counts the axes in reverse order."""
    return -1 - wcs.wcs.lat, -1 - wcs.wcs.lng


def _of_header(header: fits.Header, hdus: Any = None) -> Target:
    """The target of a header."""
    wcs = _header_wcs(header, hdus)
    if not wcs.has_celestial:
        return Target(wcs, header=header)
    sizes = [header.get(f"NAXIS{axis + 1}") for axis in (wcs.wcs.lat, wcs.wcs.lng)]
    shape = None if None in sizes else (int(sizes[0]), int(sizes[1]))
    # The celestial WCS of an image with latitude as its first axis keeps that order.
    if shape is not None and wcs.wcs.lat < wcs.wcs.lng:
        shape = shape[::-1]
    return Target(wcs, shape, header=header)


def _sky_last(image: SkyImage) -> NDArray[Any]:
    """The pixels with the celestial axes last, in the order of the celestial WCS."""
    wcs = _header_wcs(image.header, image.hdus)
    # A copy, since the file may be closed before it is used.
    return _with_sky_last(np.array(image.hdu.data), wcs)


def _with_sky_last(values: NDArray[Any], wcs: Any) -> NDArray[Any]:
    """The pixels with the celestial axes of a WCS last."""
    if isinstance(wcs, WCS) and wcs.has_celestial and wcs.naxis <= values.ndim:
        return np.moveaxis(values, sorted(_sky_axes(wcs)), (-2, -1))
    return values


# ---------------------------------------------------------------------- NDData


def _is_nddata(image: Any) -> bool:
    """Whether this is an NDData of astropy, such as a CCDData."""
    # If not, astropy.nddata is not imported here, because this takes as long as all of hpmask.
    module = sys.modules.get("astropy.nddata")
    return module is not None and isinstance(image, module.NDDataBase)


def _of_nddata(image: Any) -> Target:
    """The target of an NDData, of the shape of its celestial axes."""
    if image.wcs is None:
        raise TypeError(f"wcs is a {type(image).__name__} that has no WCS")
    shape = _with_sky_last(np.broadcast_to(False, np.shape(image.data)), image.wcs).shape[-2:]
    return Target(image.wcs, (int(shape[0]), int(shape[1])) if len(shape) == 2 else None)


def _pixels_of_nddata(image: Any) -> NDArray[Any]:
    """The values of an NDData, with NaN where its mask is True; see `values_and_unit`."""
    values = np.asarray(image.data)
    if image.mask is None:
        return values
    bad = np.asarray(image.mask)
    if bad.dtype.kind not in "biu" or bad.shape not in ((), values.shape):
        raise ValueError(
            f"the mask of the {type(image).__name__} must be booleans of shape {values.shape}, got {bad.dtype} of "
            f"shape {bad.shape}"
        )
    return values_and_unit(np.ma.MaskedArray(values, np.broadcast_to(bad != 0, values.shape)))[0]


# ---------------------------------------------------------------------- gammapy


def _gammapy_energy(geom: Any) -> tuple[EnergyAxis | None, u.Quantity | None]:
    """The energy bins of a geometry, and the energies of its planes if its axis has nodes instead of edges."""
    names = [axis.name for axis in geom.axes]
    if not names:
        return None, None
    if len(names) > 1 or names[0] not in ("energy", "energy_true"):
        raise ValueError(f"a gammapy geometry must have no axis except energy, got {', '.join(names)}")
    axis = geom.axes[0]
    bins = EnergyAxis(u.Quantity(axis.edges), name=axis.name, interp="lin" if axis.interp == "lin" else "log")
    return bins, u.Quantity(axis.center) if axis.node_type == "center" else None
