"""Mask files: one module per format, and the registry that chooses between them.

`hpmask.Mask.read` and `hpmask.Mask.write` come here. `formats` lists the known formats, and `register` adds one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hpmask._files.atomic import created
from hpmask._files.digest import digesting
from hpmask._utils.errors import MaskFormatError
from hpmask.core.value import MaskValue, with_history
from hpmask.io import ascii, fits, healpix, json, region_files
from hpmask.io.format import Format
from hpmask.io.healpix_read import read_map
from hpmask.io.healpix_write import write_map
from hpmask.io.opened import START, opened, to_end

__all__ = ["Format", "formats", "read", "read_map", "register", "unregister", "write", "write_map"]

_FORMATS = {one.name: one for one in (fits.FORMAT, ascii.FORMAT, json.FORMAT, healpix.FORMAT, *region_files.FORMATS)}
_OWN = tuple(_FORMATS)

formats: Mapping[str, Format] = MappingProxyType(_FORMATS)
"""The known formats by name, as `Format` objects. It is a read-only view: use `register` to add a format."""


def register(format: Format) -> None:
    """Add a file format, so that `hpmask.Mask.read`, `hpmask.Mask.write` and the command line know it.

    Parameters
    ----------
    format : Format
        The format. When a file is read, hpmask asks its own formats first, and then those that were added, in the
        order in which they were added.

    Raises
    ------
    TypeError
        If `format` is not a `Format`, or its suffixes are not a tuple of strings.
    ValueError
        If a format of this name or with one of these suffixes is already there, or a suffix is not in lower case and
        does not begin with a dot.

    See Also
    --------
    Format : What a format consists of, with a complete example.
    unregister : Remove a format.

    Examples
    --------
    The ASCII format of hpmask under another suffix:

    >>> from dataclasses import replace
    >>> from hpmask import io
    >>> io.register(replace(io.formats["ascii"], name="moc-text", suffixes=(".moctxt",)))
    >>> sorted(io.formats)
    ['ascii', 'crtf', 'ds9', 'fits', 'geojson', 'healpix', 'json', 'moc-text', 'stcs']
    >>> io.unregister("moc-text")
    """
    if not isinstance(format, Format):
        raise TypeError(f"format must be a hpmask.io.Format, got {type(format).__name__}")
    if not isinstance(format.suffixes, tuple) or not all(isinstance(one, str) for one in format.suffixes):
        raise TypeError(f"suffixes must be a tuple of strings such as ('.fits', '.fit'), got {format.suffixes!r}")
    if format.name in formats:
        raise ValueError(f"there is already a format {format.name!r}: remove it first, with unregister")
    for suffix in format.suffixes:
        if not suffix.startswith(".") or suffix != suffix.lower() or suffix.endswith(".gz"):
            raise ValueError(
                f"a suffix must be in lower case, begin with a dot and not end in .gz, such as '.fits', got {suffix!r}"
            )
        if (other := _of_name(Path(f"mask{suffix}"))) is not None:
            raise ValueError(f"the suffix {suffix!r} already means the format {other.name!r}")
    _FORMATS[format.name] = format


def unregister(name: str) -> None:
    """Remove a format that was added with `register`.

    Parameters
    ----------
    name : str
        Name of the format.

    Raises
    ------
    ValueError
        If no format has this name, or if it is one of hpmask's own.

    See Also
    --------
    register : Add a format.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from hpmask import io
    >>> io.register(replace(io.formats["json"], name="moc-json", suffixes=(".mocjson",)))
    >>> io.unregister("moc-json")
    >>> "moc-json" in io.formats
    False
    """
    _named(name)
    if name in _OWN:
        raise ValueError(f"{name!r} is a format of hpmask's own and cannot be removed")
    del _FORMATS[name]


def read(path: str | Path, *, format: str | None = None, **options: Any) -> MaskValue:
    """See `hpmask.Mask.read`."""
    path = Path(path)
    asked = None if format is None else _named(format)
    given = {name: value for name, value in options.items() if value is not None}
    if asked is not None and (others := sorted(set(given) - set(asked.options))):
        raise ValueError(f"{others[0]}= is not an option of the format {format!r}")
    with opened(path) as (file, raw):
        start = file.peek(START)
        chosen = asked or _recognised(start, path, given)
        if chosen.keeps_history(start):
            return _content(chosen, file, path, given)
        with digesting(raw) as digest:
            mask = _content(chosen, file, path, given)
            return with_history(mask, _read_history(path, digest(), given, mask.history.partition("\n")[2]))


def _content(format: Format, file: BufferedReader[Any], path: Path, options: dict[str, Any]) -> MaskValue:
    mask = format.read(file, path.name, **options)
    to_end(file)
    return mask


def _read_history(path: Path, digest: str | None, options: dict[str, Any], notes: str) -> str:
    words = [repr(path.name), *(f"{name}={value!r}" for name, value in options.items())]
    call = f"read({', '.join(words if digest is None else [*words, f'sha256 {digest}'])})"
    return f"{call}\n{notes}" if notes else call


def write(
    mask: MaskValue, path: str | Path, *, overwrite: bool = False, format: str | None = None, **options: Any
) -> None:
    """See `hpmask.Mask.write`."""
    path = Path(path)
    chosen = _of_name(path) if format is None else _named(format)
    if chosen is None:
        raise ValueError(
            f"the name of {path} does not say which format is meant: end it in {_all_suffixes()}, "
            f"or give format={_all_names()}"
        )
    given = {name: value for name, value in options.items() if value is not None}
    if others := sorted(set(given) - set(chosen.write_options)):
        able = [one.name for one in formats.values() if others[0] in one.write_options]
        raise ValueError(
            f"{others[0]}= is an option of the format {' or '.join(map(repr, able))}, and {path} is {chosen.name!r}"
        )
    with created(path, overwrite=overwrite) as file:
        chosen.write(mask, file, **given)


def _named(name: str) -> Format:
    if name not in formats:
        raise ValueError(f"format must be {_all_names()}, got {name!r}")
    return formats[name]


def _of_name(path: Path) -> Format | None:
    name = path.name.lower().removesuffix(".gz")
    return next((one for one in formats.values() if name.endswith(one.suffixes)), None)


def _recognised(start: bytes, path: Path, options: Collection[str]) -> Format:
    """The format of a file that begins with `start`; options mean a format that has them."""
    able = [one for one in formats.values() if set(options) <= set(one.options)]
    found = next((one for one in able if one.matches(start)), None) or (able[0] if options else _of_name(path))
    if found is None:
        raise MaskFormatError(
            f"not a mask file: neither its beginning, {start[:20]!r}, nor its name belongs to the format {_all_names()}"
        )
    return found


def _all_names() -> str:
    return " or ".join(repr(name) for name in formats)


def _all_suffixes() -> str:
    return ", ".join(suffix for one in formats.values() for suffix in one.suffixes)
