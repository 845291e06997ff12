"""Mask files: one module per format, and the registry that chooses between them.

`hpmask.Mask.read` and `hpmask.Mask.write` come here. `formats` lists the known formats, and `register` adds one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hpmask._files.atomic import check_folder_target, check_target, created, replacing_folder
from hpmask._files.digest import digesting
from hpmask._files.urls import as_place, is_file
from hpmask._utils.errors import MaskFormatError
from hpmask.core.value import MaskValue, with_history
from hpmask.io import ascii, fits, folder, hats, healpix, healsparse, json, parquet, region_files
from hpmask.io.format import Footprint, Format, as_footprint, cut
from hpmask.io.healpix_read import read_map
from hpmask.io.healpix_write import write_map
from hpmask.io.opened import START, Source, opened, to_end
from hpmask.io.parquet_algebra import combine_folders, folder_area

__all__ = [
    "Format",
    "check_writable",
    "combine_folders",
    "folder_area",
    "formats",
    "read",
    "read_map",
    "read_set",
    "register",
    "unregister",
    "write",
    "write_map",
    "write_set",
]

_FORMATS = {
    one.name: one
    for one in (
        fits.FORMAT,
        ascii.FORMAT,
        json.FORMAT,
        healpix.FORMAT,
        healsparse.FORMAT,
        # Tiles in parquet look like the partitions of a HATS catalog, which has a description more.
        hats.FORMAT,
        parquet.FORMAT,
        *region_files.FORMATS,
        folder.FORMAT,
    )
}
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
    >>> "moc-text" in io.formats
    True
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
        if (other := _of_name(f"mask{suffix}")) is not None:
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


def read(
    path: Source,
    *,
    format: str | None = None,
    within: MaskValue | Footprint | None = None,
    layer: str | None = None,
    **options: Any,
) -> MaskValue:
    """See `hpmask.Mask.read`."""
    if layer is None:
        return _masks(path, format, within, options, many=False)[""]
    layers = _masks(path, format, within, options, many=True)
    if layer not in layers:
        name = "the file" if is_file(path) else os.fspath(path)  # type: ignore[arg-type]
        raise ValueError(f"{name} has no layer {layer!r}, it has {', '.join(map(repr, layers))}")
    return layers[layer]


def read_set(
    path: Source, *, format: str | None = None, within: MaskValue | Footprint | None = None, **options: Any
) -> dict[str, MaskValue]:
    """See `hpmask.MaskSet.read`."""
    return _masks(path, format, within, options, many=True)


def _masks(
    path: Source, format: str | None, within: MaskValue | Footprint | None, options: dict[str, Any], *, many: bool
) -> dict[str, MaskValue]:
    """The masks of a file by the names of their layers; a file of one mask has the name ''."""
    asked = None if format is None else _named(format)
    given = {name: value for name, value in options.items() if value is not None}
    if asked is not None and (others := sorted(set(given) - set(asked.options))):
        raise ValueError(f"{others[0]}= is not an option of the format {format!r}")
    footprint = None if within is None else as_footprint(within)
    if not is_file(path) and isinstance(place := as_place(path), Path) and place.is_dir():  # type: ignore[arg-type]
        masks = _of_folder(asked, place, given, footprint, many=many)
    else:
        masks = _of_file(asked, path, given, footprint, many=many)
    return {name: cut(mask, footprint) for name, mask in masks.items()}


def _of_file(
    asked: Format | None, path: Source, given: dict[str, Any], footprint: Footprint | None, *, many: bool
) -> dict[str, MaskValue]:
    with opened(path, partly=footprint is not None) as source:
        start = source.file.peek(START)
        chosen = asked or _recognised(start, source.name, given)
        words = {**given, "within": footprint} if footprint is not None and "within" in chosen.options else given

        def content() -> dict[str, MaskValue]:
            found = _called(chosen, source.file, source.name, words, many=many)
            if "within" not in words:
                to_end(source.file)
            return found

        if chosen.keeps_history(start):
            return content()
        if source.raw is None or "within" in words:
            digest, masks = None, content()
        else:
            with digesting(source.raw) as hashed:
                masks = content()
                digest = hashed()
        return {
            name: with_history(mask, _read_history(source.name, name, digest, given, mask.history.partition("\n")[2]))
            for name, mask in masks.items()
        }


def _of_folder(
    asked: Format | None, path: Path, given: dict[str, Any], footprint: Footprint | None, *, many: bool
) -> dict[str, MaskValue]:
    chosen = asked or _of_folder_at(path)
    if chosen is None:
        raise MaskFormatError(f"{path}: this is a directory, not a mask file")
    words = {**given, "within": footprint} if footprint is not None and "within" in chosen.options else given
    try:
        return _called(chosen, path, path.name, words, many=many)
    except (ValueError, EOFError, RecursionError) as error:
        raise MaskFormatError(f"{path}: {error}") from error
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        # The folder is there: a file that belongs to it is not.
        if not path.is_dir():
            raise
        raise MaskFormatError(f"{path}: a file of it is missing: {error}") from error


def _of_folder_at(path: Path) -> Format | None:
    return next((one for one in formats.values() if one.matches_folder(path)), None)


def _obstacle(folder: Path) -> str | None:
    """Why a folder must not be replaced by a mask: only one that is a mask itself may be."""
    return None if _of_folder_at(folder) is not None else "Not a mask"


def _called(format: Format, file: Any, name: str, words: dict[str, Any], *, many: bool) -> dict[str, MaskValue]:
    if not many:
        return {"": format.read(file, name, **words)}
    if format.read_set is None:
        able = [repr(one.name) for one in formats.values() if one.read_set is not None]
        raise ValueError(
            f"this is a file of the format {format.name!r}, which has no layers, and not {' or '.join(able)}: read it "
            "with Mask.read"
        )
    return format.read_set(file, name, **words)


def _read_history(file: str, layer: str, digest: str | None, options: dict[str, Any], notes: str) -> str:
    words = [repr(file), *(f"{name}={value!r}" for name, value in options.items())]
    words += [f"layer={layer!r}"] * bool(layer)
    call = f"read({', '.join(words if digest is None else [*words, f'sha256 {digest}'])})"
    return f"{call}\n{notes}" if notes else call


def write(mask: MaskValue, path: Source, *, overwrite: bool = False, format: str | None = None, **options: Any) -> None:
    """See `hpmask.Mask.write`."""
    _written(path, overwrite, format, options, mask, many=False)


def write_set(
    layers: Mapping[str, MaskValue],
    path: Source,
    *,
    overwrite: bool = False,
    format: str | None = None,
    **options: Any,
) -> None:
    """See `hpmask.MaskSet.write`."""
    _written(path, overwrite, format, options, layers, many=True)


def check_writable(path: str | os.PathLike[str], *, overwrite: bool = False, format: str | None = None) -> None:
    """Raise, before the work is done, if a mask could not be written to a path.

    Parameters
    ----------
    path : str or path
        The path.
    overwrite : bool, optional
        As in `hpmask.Mask.write`.
    format : str, optional
        As in `hpmask.Mask.write`.

    Raises
    ------
    FileExistsError
        If there is a file or folder and `overwrite` is False, or there is a folder that is not a mask.
    FileNotFoundError
        If the directory does not exist.
    OSError
        If `path` is something that cannot be replaced.
    ValueError
        If the format is not known.

    See Also
    --------
    hpmask.Mask.write : Write a mask.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hpmask import io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.check_writable(f"{folder}/new", format="hats")
    ...     Path(f"{folder}/thesis.tex").touch()
    ...     try:
    ...         io.check_writable(folder, format="hats", overwrite=True)
    ...     except FileExistsError as error:
    ...         print(error.strerror)
    Not a mask, so it is not replaced
    """
    one = None if format is None else _named(format)
    if one is not None and (one.write_folder or one.write_set_folder) and _means_folder(one, os.fspath(path)):
        check_folder_target(path, overwrite=overwrite, obstacle=_obstacle)
    else:
        check_target(path, overwrite=overwrite)


def _means_folder(format: Format, name: str) -> bool:
    """Whether a path is that of a folder, for a format that writes folders."""
    return (format.write is None and format.write_set is None) or _of_name(name) is None


def _written(
    path: Source, overwrite: bool, format: str | None, options: dict[str, Any], content: Any, *, many: bool
) -> None:
    name = "" if is_file(path, "write") else os.fspath(path)  # type: ignore[arg-type]
    chosen = _named(format) if format is not None else _of_name(name)
    if chosen is None:
        raise ValueError(
            f"the name of {name or 'the file'} does not say which format is meant: end it in {_all_suffixes()}, "
            f"or give format={_all_names()}"
        )
    given = {word: value for word, value in options.items() if value is not None}
    if others := sorted(set(given) - set(chosen.write_options)):
        able = [one.name for one in formats.values() if others[0] in one.write_options]
        raise ValueError(
            f"{others[0]}= is an option of the format {' or '.join(map(repr, able))}, and {path} is {chosen.name!r}"
        )
    to_file = chosen.write_set if many else chosen.write
    to_folder = chosen.write_set_folder if many else chosen.write_folder
    if to_folder is not None and name and _means_folder(chosen, name):
        with replacing_folder(name, overwrite=overwrite, obstacle=_obstacle) as folder:
            to_folder(content, folder, **given)
    elif to_file is None:
        able = [repr(one.name) for one in formats.values() if (one.write_set if many else one.write) is not None]
        what = "several masks" if many else "a single mask"
        raise ValueError(f"the format {chosen.name!r} does not hold {what}: give format={' or '.join(able)}")
    else:
        with created(path, overwrite=overwrite) as file:
            to_file(content, file, **given)


def _named(name: str) -> Format:
    if name not in formats:
        raise ValueError(f"format must be {_all_names()}, got {name!r}")
    return formats[name]


def _of_name(name: str) -> Format | None:
    name = name.lower().removesuffix(".gz")
    return next((one for one in formats.values() if one.suffixes and name.endswith(one.suffixes)), None)


def _recognised(start: bytes, name: str, options: Collection[str]) -> Format:
    """The format of a file that begins with `start`; options mean a format that has them."""
    able = [one for one in formats.values() if set(options) <= set(one.options)]
    found = next((one for one in able if one.matches(start)), None) or (able[0] if options else _of_name(name))
    if found is None:
        raise MaskFormatError(
            f"not a mask file: neither its beginning, {start[:20]!r}, nor its name belongs to the format {_all_names()}"
        )
    return found


def _all_names() -> str:
    return " or ".join(repr(name) for name in formats)


def _all_suffixes() -> str:
    return ", ".join(suffix for one in formats.values() for suffix in one.suffixes)
