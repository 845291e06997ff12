"""Reading and writing mask files: one module per format, and this registry in front of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from io import BufferedReader, FileIO
from pathlib import Path
from types import MappingProxyType
from typing import IO, cast

from hpmask._files.atomic import replacing
from hpmask._files.unpack import unpacked
from hpmask._utils.errors import MaskFormatError
from hpmask.core.value import MaskValue
from hpmask.io import ascii, fits, json
from hpmask.io.format import Format

__all__ = ["Format", "formats", "read", "write"]

_ALL = (fits.FORMAT, ascii.FORMAT, json.FORMAT)

formats: Mapping[str, Format] = MappingProxyType({one.name: one for one in _ALL})
"""The formats by name: what each one is, and the file names that mean it."""

_GZIP = b"\x1f\x8b"

# Bytes at the beginning of a file that tell its format: comments may come first.
_START = 1 << 16

# As tight as the default 9 to within a percent, and several times as fast.
_GZIP_LEVEL = 6


def read(path: str | Path, format: str | None = None) -> MaskValue:
    """Read a mask file, gzipped or not.

    Parameters
    ----------
    path : str or path
        The file.
    format : str, optional
        Name of its format, one of `formats`. By default the file's beginning tells, or else its name.

    Returns
    -------
    Mask

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    MaskFormatError
        If it is no mask or is damaged; the message begins with the path and says what is wrong.
    ValueError
        If `format` is not known.

    Examples
    --------
    >>> import tempfile
    >>> from hpmask import Mask, io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.write(Mask.full(order=3), f"{folder}/all.fits")
    ...     io.read(f"{folder}/all.fits")
    <Mask icrs order=3 | 1 range, 16 B | 1 of the sky>
    """
    path = Path(path)
    asked = None if format is None else _named(format)
    if path.is_dir():
        raise MaskFormatError(f"{path}: this is a directory, not a mask file")
    with BufferedReader(FileIO(path), _START) as raw:
        zipped = raw.peek(2)[:2] == _GZIP
        file = unpacked(raw) if zipped else raw
        try:
            start = file.peek(_START)
            mask = (asked or _recognised(start, path)).read(file, path.name)
            if zipped:
                # The sum of a gzip stream stands at its end.
                while file.read(1 << 20):
                    pass
        except (ValueError, EOFError, RecursionError, zlib.error, gzip.BadGzipFile) as error:
            raise MaskFormatError(f"{path}: {error}") from error
    return mask


def write(mask: MaskValue, path: str | Path, overwrite: bool = False, format: str | None = None) -> None:
    """Write a mask file; at any moment the old file or the new one is there, never half of one.

    Parameters
    ----------
    mask : Mask
        The mask.
    path : str or path
        Where to. A name that ends in ``.gz`` has the file compressed.
    overwrite : bool, optional
        Replace a file that is there.
    format : str, optional
        Name of the format, one of `formats`. By default the file's name tells.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    ValueError
        If the format is not known or cannot hold the mask.
    """
    path = Path(path)
    chosen = _of_name(path) if format is None else _named(format)
    if chosen is None:
        raise ValueError(
            f"the name of {path} tells no format: end it in {_all_suffixes()}, or give format={_all_names()}"
        )
    with replacing(path, overwrite=overwrite) as file:
        if path.name.lower().endswith(".gz"):
            # Neither name nor time inside: equal masks make equal bytes.
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                chosen.write(mask, cast("IO[bytes]", packed))
        else:
            chosen.write(mask, file)


def _named(name: str) -> Format:
    if name not in formats:
        raise ValueError(f"format must be {_all_names()}, got {name!r}")
    return formats[name]


def _of_name(path: Path) -> Format | None:
    name = path.name.lower().removesuffix(".gz")
    return next((one for one in formats.values() if name.endswith(one.suffixes)), None)


def _recognised(start: bytes, path: Path) -> Format:
    """The format of a file that begins with `start`."""
    if not start:
        raise MaskFormatError("the file is empty")
    found = next((one for one in formats.values() if one.matches(start)), None) or _of_name(path)
    if found is None:
        raise MaskFormatError(
            f"no mask: neither its beginning, {start[:20]!r}, nor its name is that of a {_all_names()} file"
        )
    return found


def _all_names() -> str:
    return " or ".join(repr(name) for name in formats)


def _all_suffixes() -> str:
    return ", ".join(suffix for one in formats.values() for suffix in one.suffixes)
