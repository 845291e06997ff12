"""Sets of masks as a folder: a FITS file for each layer, and an index with the names in the order of their bits.

The index is ``layers.json``::

    {
      "format": "hpmask layers",
      "version": 1,
      "layers": [
        {"name": "star", "bit": 0, "file": "00-star.fits", "digest": "..."},
        {"name": "halo", "bit": 1, "file": "01-halo.fits", "digest": "..."}
      ]
    }

Each file is that of a single mask (see `hpmask.io.fits`), and can be read and replaced by itself. The names of the
files are made from those of the layers, which need not be names that files can have. The digest is MASKHASH of the mask
(see `hpmask.io.identity`), so files that change places or belong to another set are noticed. A file that is not in the
index does not belong to the set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from hpmask._files.faults import naming
from hpmask._files.new_file import new_file
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import shown
from hpmask.core.named import check_name, layers_of
from hpmask.core.value import MaskValue
from hpmask.io import fits
from hpmask.io.format import Format
from hpmask.io.identity import mask_digest
from hpmask.io.opened import opened

__all__ = ["FORMAT"]

_INDEX = "layers.json"
_KIND, _VERSION = "hpmask layers", 1
# Bytes of an index: a layer takes some two hundred.
_MOST_BYTES = 16 << 20
# Bytes at the beginning of an index that have its format.
_START = 1000
# Characters of the name of a layer in that of its file.
_NAME = 40


# ---------------------------------------------------------------------- writing


def _write_set(layers: Mapping[str, MaskValue], folder: Path) -> None:
    digits = len(str(len(layers) - 1))
    rows = []
    for bit, (name, mask) in enumerate(layers.items()):
        file = f"{bit:0{max(digits, 2)}}-{_plain(name)}.fits"
        with new_file(folder / file) as stream:
            fits.FORMAT.write(mask, stream)  # type: ignore[misc]
        rows.append({"name": name, "bit": bit, "file": file, "digest": mask_digest(mask)})
    index = {"format": _KIND, "version": _VERSION, "layers": rows}
    with new_file(folder / _INDEX) as stream:
        stream.write(f"{json.dumps(index, indent=2, ensure_ascii=False)}\n".encode())


def _plain(name: str) -> str:
    """The beginning of a name, with an underscore for what a file system may not take."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", name)[:_NAME].strip(".") or "_"


# ---------------------------------------------------------------------- reading


def _matches(path: Path) -> bool:
    file = path / _INDEX
    if not file.is_file():
        return False
    with naming(file), file.open("rb") as start:
        return _KIND.encode() in start.read(_START)


def _read_set(path: Path, name: str) -> dict[str, MaskValue]:
    rows = _index(path)
    layers: dict[str, MaskValue] = {}
    for bit, row in enumerate(rows):
        layer, file = row["name"], row["file"]
        check_name(layer)
        if layer in layers:
            raise MaskFormatError(f"{_INDEX} has two layers {layer!r}")
        if row["bit"] != bit:
            raise MaskFormatError(f"{_INDEX}: layer {layer!r} has bit {row['bit']}, but is number {bit} in the list")
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,254}", file):
            raise MaskFormatError(f"{_INDEX}: the file of layer {layer!r} must be in this folder, but is {shown(file)}")
        if not (path / file).is_file():
            raise MaskFormatError(f"the file of layer {layer!r}, {file}, is missing")
        with opened(path / file) as source:
            mask = fits.FORMAT.read(source.file, source.name)
        if mask_digest(mask) != row["digest"]:
            raise MaskFormatError(
                f"{file} is not the mask of layer {layer!r}: its digest is another one than in {_INDEX}"
            )
        layers[layer] = mask
    return layers_of(layers)


def _index(path: Path) -> list[dict[str, Any]]:
    """The rows of the index, with values of the right types."""
    file = path / _INDEX
    if file.stat().st_size > _MOST_BYTES:
        raise MaskFormatError(f"{_INDEX} has {file.stat().st_size} bytes, far more than an index of layers")
    with naming(file):
        text = file.read_text("utf-8")
    index = json.loads(text)
    if not isinstance(index, dict) or index.get("format") != _KIND or index.get("version") != _VERSION:
        raise MaskFormatError(f"{_INDEX} must have the format {_KIND!r} and the version {_VERSION}")
    rows = index.get("layers")
    if not isinstance(rows, list) or not rows:
        raise MaskFormatError(f"{_INDEX} has no list of layers")
    for row in rows:
        words = {"name": str, "bit": int, "file": str, "digest": str}
        if not isinstance(row, dict) or any(not isinstance(row.get(word), kind) for word, kind in words.items()):
            raise MaskFormatError(f"{_INDEX}: a layer must have a name, bit, file and digest, got {shown(row)}")
    return rows


def _read(path: Path, name: str) -> NoReturn:
    names = ", ".join(repr(row["name"]) for row in _index(path))
    raise ValueError(f"this is a folder with a set of layers, {names}: read it with MaskSet.read, or one with layer=")


def _is_none(start: bytes) -> bool:
    return False


FORMAT = Format(
    name="folder",
    description="A folder with a FITS file for each layer of a set, and an index with their names. Holds all sets.",
    suffixes=(),
    matches=_is_none,
    read=_read,
    write=None,
    read_set=_read_set,
    matches_folder=_matches,
    write_set_folder=_write_set,
)
