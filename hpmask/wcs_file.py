"""FITS files with images of the sky: which of their units count, whether those are whole, and the energies of planes.

Only the units that are used are read: the image, the table of its energies, and look-up tables of distortions. Their
CHECKSUM and DATASUM are checked where they have them. astropy gets to see these units alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from astropy.io import fits
from astropy.utils.data import get_readable_fileobj

from hpmask import energy_tables
from hpmask.errors import MaskFormatError
from hpmask.io.hdu import Hdu

__all__ = ["SkyImage", "faults_of", "read_image"]

HduName = int | str

# What CTYPE begins with for a longitude or a latitude.
_SKY_AXIS = re.compile(r"(RA|DEC|[A-Z](LON|LAT)|[A-Z]{2}(LN|LT))\s*(-|$)")

# Units that hold look-up tables of distortions (astropy's names for them).
_DISTORTIONS = ("WCSDVARR", "D2IMARR")

# A packed file may unpack to this many times its size, and a fixed number of bytes more.
_RATIO = 50
_ALLOWANCE = 200 << 20


class SkyImage:
    """An image of the sky in a file.

    Attributes
    ----------
    header : `~astropy.io.fits.Header`
    hdu : FITS image HDU or None
        The image with its pixels; None if they were not asked for.
    hdus : `~astropy.io.fits.HDUList`
        The look-up tables of distortions, for astropy's WCS.
    planes : `hpmask.energy_tables.Planes` or None
        The energies of the planes of a cube.
    """

    def __init__(self, header: fits.Header, hdu: Any, hdus: fits.HDUList, planes: energy_tables.Planes | None) -> None:
        self.header, self.hdu, self.hdus, self.planes = header, hdu, hdus, planes


@contextmanager
def faults_of(path: str | Path | None, expected: type[Exception] = ValueError) -> Iterator[None]:
    """Errors of the kind that is expected are faults of the file: a `MaskFormatError` that names it."""
    try:
        yield
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except expected as error:
        if path is None:
            raise
        ours = type(error) in (ValueError, MaskFormatError)
        told = str(error) if ours else f"damaged, or not as FITS has it: {type(error).__name__}: {error}"
        raise MaskFormatError(f"{path}: {told}") from error


def read_image(path: str | Path, hdu: HduName | None, *, pixels: bool, energies: bool) -> SkyImage:
    """Read an image of the sky; to be called within `faults_of` for any exception.

    Parameters
    ----------
    path : str or path
        The file.
    hdu : int or str, optional
        Number or name of the image; without it there must be one image of the sky alone.
    pixels, energies : bool
        Whether its pixels, and the energies of its planes, are needed.

    Raises
    ------
    MaskFormatError
        If a unit that is used is damaged, or it is not clear which one is meant.
    """
    units = _units(path)
    image = _chosen(units, hdu)
    tables = _energy_units(units, image) if energies else []
    distortions = [i for i, unit in enumerate(units) if i != image and _name(unit) in _DISTORTIONS]
    packed = _is_compressed(units[image])
    whole = {image, *tables, *distortions} if pixels or packed else {*tables, *distortions}
    hdus = _loaded(path, units, whole, {image, *whole})
    shown = hdus.get(image)
    header = units[image].header if shown is None else shown.header
    planes = None
    if tables:
        n = _n_planes(units[image])
        planes = _planes([hdus[i] for i in tables], n, told="BANDSHDU" in header)
    return SkyImage(header, shown, fits.HDUList([fits.PrimaryHDU(), *(hdus[i] for i in distortions)]), planes)


# ---------------------------------------------------------------------- the units of a file


@contextmanager
def _opened(path: str | Path) -> Iterator[IO[bytes]]:
    if os.path.isdir(path):
        raise MaskFormatError("this is a directory, not a FITS file")
    with open(path, "rb") as raw:
        if not raw.peek(1):
            raise MaskFormatError("the file is empty")
        with get_readable_fileobj(raw, encoding="binary") as file:
            yield cast("IO[bytes]", file)


def _units(path: str | Path) -> list[Hdu]:
    """The headers of a file."""
    size = os.path.getsize(path)
    units: list[Hdu] = []
    with _opened(path) as file:
        end = 0
        while start := file.peek(1):  # type: ignore[attr-defined]
            # What fills the last block of a tape is no unit.
            if units and not start.strip(b"\0 ") and not file.read().strip(b"\0 "):
                break
            unit = Hdu(file, len(units))
            units.append(unit)
            end = file.tell() + unit.size
            if end > _RATIO * size + _ALLOWANCE and not _is_plain(path):
                raise MaskFormatError(
                    f"its {size} bytes unpack to {end} with HDU {len(units) - 1}, more than {_RATIO} times as many: unpack "
                    "the file first, if it is right"
                )
            unit.skip()
    return units


def _is_plain(path: str | Path) -> bool:
    with open(path, "rb") as raw:
        return raw.read(6) == b"SIMPLE"


def _loaded(path: str | Path, units: list[Hdu], whole: set[int], used: set[int]) -> dict[int, Any]:
    """Units as astropy's HDUs; all that are used are checked."""
    found = {}
    primary = fits.PrimaryHDU().header.tostring().encode("ascii")
    with _opened(path) as file:
        for number in range(max(used) + 1):
            unit = Hdu(file, number)
            if number in whole:
                content = unit.whole()
                # Of a list astropy knows what each unit is; an extension cannot be the first.
                hdus = fits.HDUList.fromstring(content if number == 0 else primary + content)
                if len(hdus) != (1 if number == 0 else 2):
                    raise MaskFormatError(f"HDU {number}: astropy cannot read it")
                found[number] = hdus[-1]
                hdus[-1].data  # noqa: B018  what is damaged shows here
            elif number in used:
                unit.check()
            else:
                unit.skip()
    return found


def _name(unit: Hdu) -> str:
    return str(unit.get("EXTNAME") or ("PRIMARY" if unit.get("XTENSION") is None else "")).upper()


def _is_compressed(unit: Hdu) -> bool:
    return unit.get("XTENSION") == "BINTABLE" and unit.get("ZIMAGE") is True


def _is_table(unit: Hdu) -> bool:
    return unit.get("XTENSION") in ("BINTABLE", "TABLE") and not _is_compressed(unit)


def _sizes(unit: Hdu) -> list[int]:
    """Lengths of the axes of an image, the first one first."""
    z = "Z" if _is_compressed(unit) else ""
    return [unit.integer(f"{z}NAXIS{i}") for i in range(1, unit.integer(f"{z}NAXIS") + 1)]


def _types(unit: Hdu) -> list[str]:
    """What CTYPE says of each axis of an image."""
    return [str(unit.get(f"CTYPE{i}") or "").strip().upper() for i in range(1, len(_sizes(unit)) + 1)]


def _is_sky(unit: Hdu) -> bool:
    """Whether a unit is an image with a longitude or a latitude."""
    if unit.get("XTENSION") not in (None, "IMAGE") and not _is_compressed(unit):
        return False
    return len(_sizes(unit)) >= 2 and any(map(_SKY_AXIS.match, _types(unit)))


def _told(number: int, unit: Hdu) -> str:
    kind = "table" if _is_table(unit) else " x ".join(map(str, _sizes(unit)[::-1])) or "no data"
    return f"{number} {_name(unit)} ({kind})".replace("  ", " ")


def _list(units: list[Hdu], numbers: list[int]) -> str:
    return ", ".join(_told(i, units[i]) for i in numbers[:20]) + (", ..." if len(numbers) > 20 else "")


def _chosen(units: list[Hdu], hdu: HduName | None) -> int:
    """The number of the image that counts."""
    skies = [i for i, unit in enumerate(units) if _is_sky(unit)]
    if hdu is None:
        if len(skies) == 1:
            return skies[0]
        if skies:
            raise MaskFormatError(
                f"there are {len(skies)} images of the sky, HDU {_list(units, skies)}: choose one by hdu, such as "
                f"hdu={_name(units[skies[0]]) or skies[0]!r}"
            )
        raise MaskFormatError(
            f"no sky image: no image with a celestial WCS; the file has HDU {_list(units, [*range(len(units))])}"
        )
    if isinstance(hdu, str) and not hdu.strip().isdigit():
        found = [i for i, unit in enumerate(units) if _name(unit) == hdu.strip().upper()]
    else:
        found = [int(hdu)] if 0 <= int(hdu) < len(units) else []
    if len(found) != 1:
        fault = f"several HDUs are named {hdu!r}: give a number" if found else f"there is no HDU {hdu!r}"
        raise MaskFormatError(f"{fault}; the file has HDU {_list(units, [*range(len(units))])}")
    if found[0] not in skies:
        raise MaskFormatError(
            f"HDU {_told(found[0], units[found[0]])} is no image with a celestial WCS; "
            + (f"these are: HDU {_list(units, skies)}" if skies else "none is")
        )
    return found[0]


# ---------------------------------------------------------------------- energies


def _n_planes(unit: Hdu) -> int:
    """The length of the one axis beside the sky that has more than one pixel; 1 if there is none, or several."""
    rest = [n for n, kind in zip(_sizes(unit), _types(unit), strict=True) if n != 1 and not _SKY_AXIS.match(kind)]
    return rest[0] if len(rest) == 1 else 1


def _energy_units(units: list[Hdu], image: int) -> list[int]:
    """The tables that may have the energies of an image's planes."""
    n = _n_planes(units[image])
    if n == 1:
        return []
    tables = [i for i, unit in enumerate(units) if _is_table(unit)]
    named = str(units[image].get("BANDSHDU") or "").strip()
    if named:
        found = [i for i in tables if _name(units[i]) == named.upper()]
        if len(found) != 1:
            raise MaskFormatError(
                f"HDU {image}: BANDSHDU names the table {named!r}, the file has "
                f"{'several' if found else 'none'}: HDU {_list(units, [*range(len(units))])}"
            )
        return found
    others = {f"{_name(unit)}_BANDS" for i, unit in enumerate(units) if i != image and _is_sky(unit)}
    return [
        i
        for i in tables
        if _name(units[i]) not in others
        and energy_tables.has_energies(units[i].header)
        and (_is_usual(_name(units[i])) or units[i].get("NAXIS2") == n)
    ]


def _is_usual(name: str) -> bool:
    return name in ("EBOUNDS", "ENERGIES") or name.endswith("_BANDS")


def _planes(tables: list[Any], n: int, *, told: bool) -> energy_tables.Planes | None:
    """The energies that fit `n` planes; None if the table that the image names has none."""
    found = []
    for table in tables:
        if told and not energy_tables.has_energies(table.header):
            return None
        try:
            found.append((table.name, energy_tables.planes(table)))
        except ValueError as error:
            raise MaskFormatError(f"the energies in table {table.name!r} cannot be used: {error}") from error
    fitting = [(name, planes) for name, planes in found if planes.n == n]
    if fitting and all(planes == fitting[0][1] for _, planes in fitting):
        return fitting[0][1]
    listed = "; ".join(f"{name!r} has {planes}" for name, planes in fitting or found)
    if fitting:
        raise MaskFormatError(f"the energies of the {n} planes are not clear: table {listed}")
    raise MaskFormatError(f"the image has {n} planes, but table {listed}")
