"""FITS files of other programs, HDU by HDU. Only the HDUs that are used are read, and these are checked.

CHECKSUM and DATASUM are checked where an HDU has them, and sizes are compared with the file before memory is allocated.
astropy gets single HDUs that have passed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, cast

from astropy.io import fits
from astropy.utils.data import get_readable_fileobj

from hpmask._files.faults import is_of_the_machine, naming
from hpmask._files.hdu import Hdu
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import brief

__all__ = [
    "advice_for",
    "check_fields",
    "check_unpacked",
    "content_of",
    "faults_of",
    "is_compressed",
    "is_table",
    "load",
    "loaded",
    "name_of",
    "units_in",
    "units_of",
]

# A compressed file may unpack to this multiple of its size, plus a fixed number of bytes.
_RATIO = 50
_ALLOWANCE = 200 << 20

# The most blanks or zeros that may follow the last HDU.
_MOST_FILLING = 1 << 20

# The method that makes a mask of what an HDU has. Of the HDUs in a file, the one that comes first here is meant: maps
# of healsparse have images, and many tables stand beside maps.
_WAYS = {
    "a map of healsparse": "Mask.from_map",
    "a MOC": "Mask.read",
    "a HEALPix map": "Mask.from_map",
    "an image": "Mask.from_wcs",
    "a table": "Mask.from_catalog",
}

# The most columns that FITS allows.
_MAX_TFIELDS = 999


@contextmanager
def faults_of(path: str | Path | None, expected: type[Exception] = ValueError) -> Iterator[None]:
    """Turn errors of the expected kind into a `MaskFormatError` that names the file.

    Those of the disk and the memory stay what they are.
    """
    try:
        with naming(path) if path is not None else nullcontext():
            yield
    except FileNotFoundError:
        raise
    except expected as error:
        if path is None or is_of_the_machine(error):
            raise
        ours = type(error) in (ValueError, MaskFormatError)
        fault = str(error) if ours else f"damaged, or not valid FITS: {type(error).__name__}: {brief(error)}"
        raise MaskFormatError(f"{path}: {fault}") from error


@contextmanager
def _opened(path: str | Path) -> Iterator[IO[bytes]]:
    with open(path, "rb") as raw:
        if not raw.peek(1):
            raise MaskFormatError("the file is empty")
        with get_readable_fileobj(raw, encoding="binary") as file:
            yield cast("IO[bytes]", file)


def units_of(path: str | Path) -> list[Hdu]:
    """The HDUs of a file, with only their headers read."""
    if os.path.isdir(path):
        raise MaskFormatError("this is a directory, not a FITS file")
    size, plain = os.path.getsize(path), _is_plain(path)
    units: list[Hdu] = []
    with _opened(path) as file:
        for unit in units_in(file):
            units.append(unit)
            if not plain:
                check_unpacked(file.tell() + unit.size, size, "unpack the file first, if it is valid")
    return units


def units_in(file: IO[bytes]) -> Iterator[Hdu]:
    """The HDUs of an open file, one after another, with only their headers read."""
    number = 0
    while start := file.peek(1):  # type: ignore[attr-defined]
        if number and start[:1] in (b"\0", b" "):
            # Fill bytes of the last block of a tape are not an HDU.
            rest = file.read(_MOST_FILLING)
            if rest.strip(b"\0 ") or file.read(1):
                raise MaskFormatError(f"HDU {number} has no FITS header, it begins with {rest[:9]!r}")
            return
        unit = Hdu(file, number)
        yield unit
        unit.skip()
        number += 1


def check_fields(unit: Hdu, number: int) -> None:
    """Raise if a table says that it has more columns than FITS allows: astropy would look for all of them."""
    if unit.get("XTENSION") in ("BINTABLE", "TABLE") and not 0 <= unit.integer("TFIELDS") <= _MAX_TFIELDS:
        raise MaskFormatError(f"HDU {number}: TFIELDS must be from 0 to {_MAX_TFIELDS}")


def check_unpacked(unpacked: int, size: int, advice: str) -> None:
    """Raise if a compressed file would take memory out of proportion to its size."""
    if unpacked > _RATIO * size + _ALLOWANCE:
        raise MaskFormatError(
            f"{size} bytes would unpack to {unpacked} bytes, more than {_RATIO} times the size of the file plus "
            f"{_ALLOWANCE >> 20} MiB: {advice}"
        )


def _is_plain(path: str | Path) -> bool:
    with open(path, "rb") as raw:
        return raw.read(6) == b"SIMPLE"


def load(path: str | Path, whole: set[int], used: set[int]) -> dict[int, Any]:
    """The HDUs with the numbers `whole`, as astropy's objects. They are checked, and so are those in `used`."""
    return dict(loaded(path, whole, used))


def loaded(
    path: str | Path, whole: set[int], used: set[int] | None = None, *, sums: bool = True
) -> Iterator[tuple[int, Any]]:
    """As `load`, but one HDU after another with its number, so that HDUs after the wanted one are not read.

    If `sums` is False, CHECKSUM and DATASUM are not checked.
    """
    used = used or set()
    primary = fits.PrimaryHDU().header.tostring().encode("ascii")
    with _opened(path) as file:
        for number in range(max(whole | used, default=-1) + 1):
            unit = Hdu(file, number)
            if number in whole:
                check_fields(unit, number)
                # In a list of HDUs astropy finds the kind of each one. An extension cannot be the first.
                hdus = fits.HDUList.fromstring(unit.whole(primary if number else b"", sums=sums))
                if len(hdus) != (1 if number == 0 else 2):
                    raise MaskFormatError(f"HDU {number}: astropy cannot read it")
                hdus[-1].data  # noqa: B018  damage raises here
                yield number, hdus[-1]
            elif number in used:
                unit.check()
            else:
                unit.skip()


def name_of(unit: Hdu) -> str:
    return str(unit.get("EXTNAME") or ("PRIMARY" if unit.get("XTENSION") is None else "")).upper()


def is_compressed(unit: Hdu) -> bool:
    return unit.get("XTENSION") == "BINTABLE" and unit.get("ZIMAGE") is True


def is_table(unit: Hdu) -> bool:
    return unit.get("XTENSION") in ("BINTABLE", "TABLE") and not is_compressed(unit)


def content_of(unit: Hdu) -> str | None:
    """What an HDU has, such as "a MOC" or "an image"; None if it has no data."""
    pixtype, ordering = (str(unit.get(keyword) or "").strip().upper() for keyword in ("PIXTYPE", "ORDERING"))
    if pixtype == "HEALSPARSE":
        return "a map of healsparse"
    if is_table(unit) and (ordering == "RANGE" or (ordering == "NUNIQ" and unit.get("TFIELDS") == 1)):
        return "a MOC"
    if pixtype == "HEALPIX":
        return "a HEALPix map"
    return "a table" if is_table(unit) else "an image" if unit.size else None


def advice_for(kinds: Iterable[str | None]) -> str:
    """The end of an error message about a file that does not have what is wanted, from the `content_of` its HDUs."""
    found = [kind for kind in _WAYS if kind in set(kinds)]
    return f": to make a mask of {found[0]}, use {_WAYS[found[0]]}" if found else ""
