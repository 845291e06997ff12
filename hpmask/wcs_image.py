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

from hpmask.energy import EnergyAxis
from hpmask.wcs_check import check_wcs, header_advice

__all__ = ["Target", "as_target", "booleans", "open_image"]


@dataclass(frozen=True, slots=True)
class Target:
    """A WCS with what is known beside it: the shape of the image, and the energy bins of a cube."""

    wcs: Any
    shape: tuple[int, int] | None = None
    energy: EnergyAxis | None = None


def as_target(wcs: Any) -> Target:
    """The target that a WCS, a header, an image HDU, a FITS file or a gammapy geometry or map stands for.

    Raises
    ------
    TypeError
        If it is something else; that an object is no WCS is left to `hpmask.wcs_grid.Grid` to say.
    ValueError
        If a file has no sky image.
    """
    if isinstance(wcs, str | Path):
        with _opened(wcs) as hdus:
            return _of_hdu(_first_image(hdus, wcs), hdus)
    if isinstance(wcs, fits.Header):
        return _of_header(wcs)
    if isinstance(wcs, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return _of_hdu(wcs, None)
    geom = getattr(wcs, "geom", wcs)
    if all(hasattr(geom, name) for name in ("wcs", "data_shape", "axes", "is_image")) and isinstance(geom.wcs, WCS):
        return Target(geom.wcs, (int(geom.data_shape[-2]), int(geom.data_shape[-1])), _gammapy_energy(geom))
    return Target(wcs)


def open_image(image: Any, wcs: Any) -> tuple[NDArray[Any], Target]:
    """The pixels and the WCS of an image given as an array, an HDU, a file or a gammapy map.

    Raises
    ------
    TypeError, ValueError
        If there is no WCS, or no sky image in a file.
    """
    if isinstance(image, str | Path):
        with _opened(image) as hdus:
            hdu = _first_image(hdus, image)
            return _sky_last(hdu), as_target(wcs) if wcs is not None else _of_hdu(hdu, hdus)
    if isinstance(image, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return _sky_last(image), as_target(image if wcs is None else wcs)
    if hasattr(image, "geom") and hasattr(image, "data"):
        return np.asarray(image.data), as_target(image if wcs is None else wcs)
    if wcs is None:
        raise TypeError("wcs must be given for an image that is an array")
    if np.ma.is_masked(image):
        # What is masked has no value: as NaN, `nan` says what it means.
        image = image.astype(np.float64).filled(np.nan)
    return np.asarray(image), as_target(wcs)


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


def _opened(path: str | Path) -> Any:
    try:
        return fits.open(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path} is no FITS file: {error}") from None


def _first_image(hdus: Any, path: str | Path) -> Any:
    for hdu in hdus:
        if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2 and _header_wcs(hdu.header, hdus).has_celestial:
            return hdu
    raise ValueError(f"{path} has no sky image: no image with a celestial WCS")


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


def _of_hdu(hdu: Any, hdus: Any) -> Target:
    target = _of_header(hdu.header, hdus)
    return target if hdus is None else replace(target, energy=_bands(hdu, hdus))


def _bands(hdu: Any, hdus: Any) -> EnergyAxis | None:
    """The energy bins of a cube, by the table that its header names; None if it has none, or one bin.

    See https://gamma-astro-data-formats.readthedocs.io/en/latest/skymaps/wcs/index.html.
    """
    name = str(hdu.header.get("BANDSHDU", "")).upper()
    if not name or len(hdu.shape) != 3 or hdu.shape[0] == 1:
        return None
    table = next((other for other in hdus if other.name == name and hasattr(other, "columns")), None)
    if table is None:
        return None
    names = str(table.header.get("AXCOLS1", hdu.header.get("AXCOLS1", "E_MIN,E_MAX"))).upper().split(",")
    columns = {column.name.upper(): column for column in table.columns}
    if len(names) != 2 or not columns.keys() >= set(names):
        return None
    low, high = (
        u.Quantity(np.asarray(table.data[columns[column].name], dtype=np.float64), columns[column].unit or "")
        for column in names
    )
    if len(low) != hdu.shape[0] or not low.unit.is_equivalent(u.J) or not np.allclose(low[1:], high[:-1], rtol=1e-6):
        return None
    edges = u.Quantity([*low, high[-1]])
    axis = "energy" if names[0] == "E_MIN" else names[0].removesuffix("_MIN").lower()
    interp = str(table.header.get("INTERP1", "log"))
    return EnergyAxis(edges, name=axis, interp="lin" if interp == "lin" else "log")


def _sky_last(hdu: Any) -> NDArray[Any]:
    """The pixels with the sky's axes last, in the order in which the celestial WCS counts them."""
    wcs = _header_wcs(hdu.header)
    # A copy: the file may be closed under it.
    values = np.array(hdu.data)
    if wcs.has_celestial and wcs.naxis <= values.ndim:
        last = sorted(_sky_axes(wcs))
        values = np.moveaxis(values, last, (-2, -1))
    return values


# ---------------------------------------------------------------------- gammapy


def _gammapy_energy(geom: Any) -> EnergyAxis | None:
    names = [axis.name for axis in geom.axes]
    if not names:
        return None
    if len(names) > 1 or names[0] not in ("energy", "energy_true"):
        raise ValueError(f"a gammapy geometry must have no axis beside energy, got {', '.join(names)}")
    axis = geom.axes[0]
    return EnergyAxis(u.Quantity(axis.edges), name=axis.name, interp="lin" if axis.interp == "lin" else "log")
