"""Reading images of the sky in FITS files: the choice of the image, and the energies of its planes.

Only the HDUs that are used are read and checked: the image, the table of its energies, and the look-up tables of
distortions.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from astropy.io import fits

from hpmask._files.fits_file import check_unpacked, is_compressed, is_table, load, name_of, units_of
from hpmask._files.hdu import Hdu
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import brief
from hpmask.energy.planes import Planes, planes_of
from hpmask.energy.tables import has_energies

__all__ = ["SkyImage", "read_image"]

HduName = int | str

# The beginnings of CTYPE for a longitude or a latitude.
_SKY_AXIS = re.compile(r"(RA|DEC|[A-Z](LON|LAT)|[A-Z]{2}(LN|LT))\s*(-|$)")

# Names, in astropy, of the HDUs with look-up tables of distortions.
_DISTORTIONS = ("WCSDVARR", "D2IMARR")


class SkyImage:
    """An image of the sky in a file.

    Attributes
    ----------
    header : `~astropy.io.fits.Header`
        The header of the image.
    hdu : FITS image HDU or None
        The image with its pixels, or None if they were not read.
    hdus : `~astropy.io.fits.HDUList`
        The look-up tables of distortions, for astropy's WCS.
    planes : `hpmask.energy.planes.Planes` or None
        The energies of the planes of a cube.
    """

    def __init__(self, header: fits.Header, hdu: Any, hdus: fits.HDUList, planes: Planes | None) -> None:
        self.header, self.hdu, self.hdus, self.planes = header, hdu, hdus, planes


def read_image(path: str | Path, hdu: HduName | None, *, pixels: bool, energies: bool) -> SkyImage:
    """Read an image of the sky. Call it inside ``faults_of(path, Exception)``.

    Parameters
    ----------
    path : str or path
        The file.
    hdu : int or str, optional
        Number or name of the HDU with the image. Without it, the file must have exactly one image of the sky.
    pixels, energies : bool
        Whether to read the pixels, and the energies of the planes.

    Raises
    ------
    MaskFormatError
        If an HDU that is used is damaged, or if it is not clear which image is meant.
    """
    units = units_of(path)
    image = _chosen(units, hdu)
    tables = _energy_units(units, image) if energies else []
    distortions = [i for i, unit in enumerate(units) if i != image and name_of(unit) in _DISTORTIONS]
    packed = is_compressed(units[image])
    if packed:
        n_bytes = math.prod(_sizes(units[image])) * abs(units[image].integer("ZBITPIX")) // 8
        check_unpacked(n_bytes, os.path.getsize(path), "unpack it with funpack first, if it is right")
    whole = {image, *tables, *distortions} if pixels or packed else {*tables, *distortions}
    hdus = load(path, whole, {image})
    shown = hdus.get(image)
    if shown is not None and not (shown.is_image and shown.data is not None and shown.data.dtype.kind in "iuf"):
        raise MaskFormatError(f"HDU {image} is damaged: astropy does not read it as an image of numbers")
    header = units[image].header if shown is None else shown.header
    planes = None
    if tables:
        n = _n_planes(units[image])
        planes = _planes([hdus[i] for i in tables], n, named="BANDSHDU" in header)
    return SkyImage(header, shown, fits.HDUList([fits.PrimaryHDU(), *(hdus[i] for i in distortions)]), planes)


# ---------------------------------------------------------------------- which image


def _sizes(unit: Hdu) -> list[int]:
    """Lengths of the axes of an image, in the order of FITS."""
    z = "Z" if is_compressed(unit) else ""
    return [unit.integer(f"{z}NAXIS{i}") for i in range(1, unit.integer(f"{z}NAXIS") + 1)]


def _types(unit: Hdu) -> list[str]:
    """The CTYPE of each axis of an image."""
    return [str(unit.get(f"CTYPE{i}") or "").strip().upper() for i in range(1, len(_sizes(unit)) + 1)]


def _is_sky(unit: Hdu) -> bool:
    """Whether an HDU is an image with a longitude or a latitude."""
    if unit.get("XTENSION") not in (None, "IMAGE") and not is_compressed(unit):
        return False
    return len(_sizes(unit)) >= 2 and any(map(_SKY_AXIS.match, _types(unit)))


def _described(number: int, unit: Hdu) -> str:
    """The number, the name and the size of an HDU for an error message."""
    kind = "table" if is_table(unit) else " x ".join(map(str, _sizes(unit)[::-1])) or "no data"
    return f"{number} {name_of(unit)} ({kind})".replace("  ", " ")


def _list(units: list[Hdu], numbers: list[int]) -> str:
    """Descriptions of some HDUs for an error message."""
    return ", ".join(_described(i, units[i]) for i in numbers[:20]) + (", ..." if len(numbers) > 20 else "")


def _chosen(units: list[Hdu], hdu: HduName | None) -> int:
    """The number of the HDU with the image."""
    skies = [i for i, unit in enumerate(units) if _is_sky(unit)]
    if hdu is None:
        if len(skies) == 1:
            return skies[0]
        if skies:
            raise MaskFormatError(
                f"there are {len(skies)} images of the sky, HDU {_list(units, skies)}: choose one by hdu, such as "
                f"hdu={name_of(units[skies[0]]) or skies[0]!r}"
            )
        raise MaskFormatError(f"no image has a celestial WCS; the file has HDU {_list(units, [*range(len(units))])}")
    if isinstance(hdu, str) and not hdu.strip().isdigit():
        found = [i for i, unit in enumerate(units) if name_of(unit) == hdu.strip().upper()]
    else:
        found = [int(hdu)] if 0 <= int(hdu) < len(units) else []
    if len(found) != 1:
        fault = f"several HDUs are named {hdu!r}: give a number" if found else f"there is no HDU {hdu!r}"
        raise MaskFormatError(f"{fault}; the file has HDU {_list(units, [*range(len(units))])}")
    if found[0] not in skies:
        raise MaskFormatError(
            f"HDU {_described(found[0], units[found[0]])} is not an image with a celestial WCS; "
            + (f"these are: HDU {_list(units, skies)}" if skies else "the file has none")
        )
    return found[0]


# ---------------------------------------------------------------------- energies


def _n_planes(unit: Hdu) -> int:
    """The length of the only other axis that has more than one pixel; 1 if there is none, or several."""
    rest = [n for n, kind in zip(_sizes(unit), _types(unit), strict=True) if n != 1 and not _SKY_AXIS.match(kind)]
    return rest[0] if len(rest) == 1 else 1


def _energy_units(units: list[Hdu], image: int) -> list[int]:
    """The numbers of the tables that may have the energies of the planes."""
    n = _n_planes(units[image])
    if n == 1:
        return []
    tables = [i for i, unit in enumerate(units) if is_table(unit)]
    named = str(units[image].get("BANDSHDU") or "").strip()
    if named:
        found = [i for i in tables if name_of(units[i]) == named.upper()]
        if len(found) != 1:
            raise MaskFormatError(
                f"HDU {image}: BANDSHDU names the table {named!r}, the file has "
                f"{'several' if found else 'none'}: HDU {_list(units, [*range(len(units))])}"
            )
        return found
    others = {f"{name_of(unit)}_BANDS" for i, unit in enumerate(units) if i != image and _is_sky(unit)}
    return [
        i
        for i in tables
        if name_of(units[i]) not in others
        and has_energies(units[i].header)
        and (_is_usual(name_of(units[i])) or units[i].get("NAXIS2") == n)
    ]


def _is_usual(name: str) -> bool:
    """Whether a table has one of the usual names for the energies of planes."""
    return name in ("EBOUNDS", "ENERGIES") or name.endswith("_BANDS")


def _planes(tables: list[Any], n: int, *, named: bool) -> Planes | None:
    """The energies that fit `n` planes; None if the image names its table, and that has no energies."""
    found = []
    for table in tables:
        if named and not has_energies(table.header):
            return None
        try:
            found.append((table.name, planes_of(table)))
        except ValueError as error:
            raise MaskFormatError(f"the energies in table {table.name!r} cannot be used: {brief(error)}") from error
    fitting = [(name, planes) for name, planes in found if planes.n == n]
    if fitting and all(planes == fitting[0][1] for _, planes in fitting):
        return fitting[0][1]
    listed = "; ".join(f"{name!r} has {planes}" for name, planes in fitting or found)
    if fitting:
        raise MaskFormatError(f"the energies of the {n} planes are ambiguous: table {listed}")
    raise MaskFormatError(f"the image has {n} planes, but table {listed}")
