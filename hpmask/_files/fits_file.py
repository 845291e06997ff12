"""FITS files of other programs, unit by unit: only those that are used are read, and those are checked.

A unit's CHECKSUM and DATASUM are checked where it has them, and sizes are held against the file before memory is taken
for them. astropy gets to see single units that passed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from astropy.io import fits
from astropy.utils.data import get_readable_fileobj

from hpmask._files.hdu import Hdu
from hpmask._utils.errors import MaskFormatError

__all__ = ["check_unpacked", "faults_of", "is_compressed", "is_table", "load", "loaded", "name_of", "units_of"]

# A packed file may unpack to this many times its size, and a fixed number of bytes more.
_RATIO = 50
_ALLOWANCE = 200 << 20

# Blanks or zeros that may follow the last unit.
_MOST_FILLING = 1 << 20

# FITS allows for as many columns.
_MAX_TFIELDS = 999


@contextmanager
def faults_of(path: str | Path | None, expected: type[Exception] = ValueError) -> Iterator[None]:
    """Errors of the kind that is expected are faults of the file: a `MaskFormatError` that names it."""
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except expected as error:
        if path is None:
            raise
        ours = type(error) in (ValueError, MaskFormatError)
        told = str(error) if ours else f"damaged, or not as FITS has it: {type(error).__name__}: {error}"
        raise MaskFormatError(f"{path}: {told}") from error


@contextmanager
def _opened(path: str | Path) -> Iterator[IO[bytes]]:
    with open(path, "rb") as raw:
        if not raw.peek(1):
            raise MaskFormatError("the file is empty")
        with get_readable_fileobj(raw, encoding="binary") as file:
            yield cast("IO[bytes]", file)


def units_of(path: str | Path) -> list[Hdu]:
    """The units of a file, of which the headers have been read."""
    if os.path.isdir(path):
        raise MaskFormatError("this is a directory, not a FITS file")
    size, plain = os.path.getsize(path), _is_plain(path)
    units: list[Hdu] = []
    with _opened(path) as file:
        while start := file.peek(1):  # type: ignore[attr-defined]
            if units and start[:1] in (b"\0", b" "):
                # What fills the last block of a tape is no unit.
                rest = file.read(_MOST_FILLING)
                if rest.strip(b"\0 ") or file.read(1):
                    raise MaskFormatError(f"HDU {len(units)} is no FITS header, it begins with {rest[:9]!r}")
                break
            unit = Hdu(file, len(units))
            units.append(unit)
            end = file.tell() + unit.size
            if not plain:
                check_unpacked(end, size, "unpack the file first, if it is right")
            unit.skip()
    return units


def check_unpacked(unpacked: int, size: int, advice: str) -> None:
    """Raise if a packed file would take memory out of proportion to its size."""
    if unpacked > _RATIO * size + _ALLOWANCE:
        raise MaskFormatError(
            f"{size} bytes would unpack to {unpacked}, more than {_RATIO} times as many and {_ALLOWANCE >> 20} MiB: "
            f"{advice}"
        )


def _is_plain(path: str | Path) -> bool:
    with open(path, "rb") as raw:
        return raw.read(6) == b"SIMPLE"


def load(path: str | Path, whole: set[int], used: set[int]) -> dict[int, Any]:
    """The units of the numbers `whole` as astropy's HDUs. They are checked, and so are all in `used`."""
    return dict(loaded(path, whole, used))


def loaded(
    path: str | Path, whole: set[int], used: set[int] | None = None, *, sums: bool = True
) -> Iterator[tuple[int, Any]]:
    """As `load`, one unit after another with its number, so that those behind the one that is wanted stay unread.

    Without `sums`, CHECKSUM and DATASUM are not looked at.
    """
    used = used or set()
    primary = fits.PrimaryHDU().header.tostring().encode("ascii")
    with _opened(path) as file:
        for number in range(max(whole | used, default=-1) + 1):
            unit = Hdu(file, number)
            if number in whole:
                if unit.get("XTENSION") in ("BINTABLE", "TABLE") and not 0 <= unit.integer("TFIELDS") <= _MAX_TFIELDS:
                    raise MaskFormatError(f"HDU {number}: TFIELDS must be from 0 to {_MAX_TFIELDS}")
                # Of a list astropy knows what each unit is; an extension cannot be the first.
                hdus = fits.HDUList.fromstring(unit.whole(primary if number else b"", sums=sums))
                if len(hdus) != (1 if number == 0 else 2):
                    raise MaskFormatError(f"HDU {number}: astropy cannot read it")
                hdus[-1].data  # noqa: B018  what is damaged shows here
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
