"""Masks from maps of all kinds. The type of a map decides how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from hpmask import io
from hpmask._files.fits_file import advice_for, content_of, faults_of, name_of, units_of
from hpmask._files.hdu import Hdu
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.modes import Mode
from hpmask._utils.parallel import for_the_call
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.value import MaskValue
from hpmask.energy.axis import EnergyAxis
from hpmask.interop.gammapy import from_maps as gammapy_maps
from hpmask.interop.healsparse import from_healsparse, is_healsparse
from hpmask.io.format import Footprint
from hpmask.io.healpix_table import is_healpix
from hpmask.values.criterion import Criterion, check_nan
from hpmask.values.threshold import mask_of
from hpmask.wcs.from_image import mask_of_image
from hpmask.wcs.inputs import open_image

__all__ = ["from_map", "kind_of"]

_NAMES = {"image": "an image", "healsparse": "a file of healsparse"}


@for_the_call
def from_map(
    values: Any,
    threshold: Any = None,
    *,
    low: Any = None,
    high: Any = None,
    keep: str = ">",
    closed: str = "left",
    nan: str = "raise",
    connectivity: int = 8,
    invert: bool = False,
    outside: bool = False,
    nest: bool | None = None,
    cells: Any = None,
    uniq: Any = None,
    order: int | None = None,
    mode: Mode = "center",
    frame: str | None = None,
    energy: EnergyAxis | None = None,
    column: Any = None,
    bits: Any = None,
    hdu: int | str | None = None,
    within: Footprint | None = None,
    n_threads: int | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_map`.

    `within` is the sky that is needed, as a function of an order and a frame: the mask may be wrong outside.
    """
    criterion = Criterion.of(threshold, low=low, high=high, keep=keep, closed=closed, connectivity=connectivity)
    check_nan(nan)
    options: dict[str, Any] = {"nan": nan, "invert": invert, "outside": outside, "order": order, "mode": mode}
    of_arrays = {"nest": nest, "cells": cells, "uniq": uniq}
    of_files = {"column": column, "hdu": hdu}
    file = values if isinstance(values, str | Path) else None
    if file is not None:
        _check_unused({"cells": cells, "uniq": uniq}, "arrays", "a path")
        kind, unit = _kind_and_unit(file, hdu)
        if kind != "healpix":
            _check_unused({"nest": nest}, "arrays and HEALPix files", _NAMES[kind])
        if kind == "healsparse":
            _check_unused({"hdu": hdu}, "HEALPix files and images", _NAMES[kind])
            return from_healsparse(
                file, criterion, frame=frame, energy=energy, column=column, bits=bits, within=within, **options
            )
        _check_unused({"bits": bits}, "maps of healsparse", "another file")
        if unit is not None:
            # Where the file names its frame, `frame` is that of the mask.
            with faults_of(file):
                own = frame if not _text(unit, "COORDSYS") else None
            values = io.read_map(file, column=column, hdu=hdu, nest=nest, frame=own)
            of_arrays["nest"] = None
        else:
            _check_unused({"column": column}, "HEALPix files", _NAMES[kind])
            return _from_image(file, criterion, frame, energy, hdu, options)
    elif is_healsparse(values):
        _check_unused(of_arrays, "arrays", "a map of healsparse")
        _check_unused({"hdu": hdu}, "files", "a map of healsparse")
        return from_healsparse(
            values, criterion, frame=frame, energy=energy, column=column, bits=bits, within=within, **options
        )
    else:
        _check_unused(of_files, "files", f"a {type(values).__name__}")
        _check_unused({"bits": bits}, "maps of healsparse", f"a {type(values).__name__}")
    if isinstance(values, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        _check_unused(of_arrays, "arrays", "an image")
        return _from_image(values, criterion, frame, energy, None, options)
    if hasattr(values, "geom") and hasattr(values, "data"):
        _check_unused(of_arrays, "arrays", "a gammapy map")
        _check_unused({"energy": energy}, "other maps", "a gammapy map")
        return gammapy_maps.from_map(values, criterion, frame=frame, argument="values", **options)
    what = "HealpixMap"
    if isinstance(values, HealpixMap):
        _check_unused(of_arrays, "arrays", "a HealpixMap")
    else:
        is_array = isinstance(values, list | tuple) or hasattr(values, "__array__")
        # Masks have that method as well, which only raises.
        if not is_array or isinstance(values, fits.HDUList | MaskValue):
            raise TypeError(
                "values must be a HealpixMap, an array, a path, an image HDU, or a map of gammapy or healsparse, got "
                f"{type(values).__name__}"
            )
        if frame is None:
            raise TypeError("frame must be given for an array: 'icrs' or 'galactic'")
        rows = energy if np.ndim(values) == 2 else None
        # For cells of a part of the sky, `order` is theirs.
        values = HealpixMap(values, frame=frame, nest=nest, order=order, cells=cells, uniq=uniq, energy=rows)
        options["order"], what = None, f"{values.n_cells} cells"
    # All faults of the values of a file are faults of the file.
    with faults_of(file):
        return mask_of(values, criterion, frame=frame, energy=energy, what=what, **options)


def kind_of(path: str | Path, hdu: int | str | None) -> str:
    """What kind of map a file, or one HDU of it, has: "healpix", "healsparse" or "image"."""
    return _kind_and_unit(path, hdu)[0]


def _kind_and_unit(path: str | Path, hdu: int | str | None) -> tuple[str, Hdu | None]:
    """What kind of map a file, or one HDU of it, has ("healpix", "healsparse" or "image"), and the HDU of the map."""
    with faults_of(path, Exception):
        units = units_of(path)
    # A card that is needed may not be one.
    with faults_of(path):
        if hdu is not None:
            units = [unit for i, unit in enumerate(units) if str(hdu).strip().upper() in (str(i), name_of(unit))]
        for unit in units:
            if _text(unit, "PIXTYPE") == "HEALSPARSE":
                return "healsparse", unit
            if is_healpix(unit):
                return "healpix", unit
        kinds = [content_of(unit) for unit in units]
        if hdu is None and "an image" not in kinds:
            raise MaskFormatError(f"there is neither a HEALPix map nor an image in this file{advice_for(kinds)}")
    return "image", None


def _text(unit: Hdu, keyword: str) -> str:
    return str(unit.get(keyword) or "").strip().upper()


def _from_image(
    image: Any,
    criterion: Criterion | None,
    frame: str | None,
    energy: EnergyAxis | None,
    hdu: int | str | None,
    options: dict[str, Any],
) -> MaskValue:
    """The mask of an image HDU or of an image in a file."""
    values, unit, target = open_image(image, None, hdu, energies=energy is None)
    frame = "icrs" if frame is None else frame
    return mask_of_image(values, unit, target, criterion, frame=frame, energy=energy, argument="values", **options)


def _check_unused(options: dict[str, Any], kind: str, what: str) -> None:
    """Raise a TypeError if an option is given that does not apply to this kind of map."""
    for name, value in options.items():
        if value is not None:
            raise TypeError(f"{name} is an option for {kind} only, and values is {what}")
