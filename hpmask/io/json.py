"""MOC JSON: lists of cells under their orders, as in ``{"3": [1, 4], "9": []}``.

Written by mocpy. Read here, because mocpy leaves out what it does not understand without a word.
"""

from __future__ import annotations

import json
from typing import IO, Any

from hpmask.errors import MaskFormatError
from hpmask.io.format import Format
from hpmask.mask import Mask
from hpmask.rangeset import MAX_ORDER, RangeSet

__all__ = ["FORMAT"]


def _matches(start: bytes) -> bool:
    return start.lstrip()[:1] in (b"{", b"[")


def _read(file: IO[bytes], name: str) -> Mask:
    content = json.loads(file.read().decode("utf-8"), object_pairs_hook=_unique)
    if isinstance(content, list) and content and all(isinstance(part, dict) for part in content):
        dimensions = sorted({key for part in content for key in part})
        raise MaskFormatError(f"not a space MOC: it has the dimensions {', '.join(dimensions)}")
    if not isinstance(content, dict) or not content:
        raise MaskFormatError("no MOC JSON: it must be an object with a list of cells under each order")
    parts = [_cells(key, cells) for key, cells in content.items()]
    return Mask(RangeSet.union_all(parts), history=[f"read({name!r})"])


def _cells(key: str, cells: Any) -> RangeSet:
    if not (key.isascii() and key.isdigit() and int(key) <= MAX_ORDER):
        raise MaskFormatError(f"no MOC JSON: its keys must be orders from 0 to {MAX_ORDER}, one is {key!r}")
    if not isinstance(cells, list):
        raise MaskFormatError(f"no MOC JSON: order {key} must have a list of cells, it has {cells!r:.40}")
    for row, cell in enumerate(cells):
        if type(cell) is not int or not 0 <= cell < 12 << 2 * int(key):
            raise MaskFormatError(f"there is no cell {cell!r:.40} of order {key} (its number {row} there)")
    return RangeSet.from_cells(cells, int(key))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise MaskFormatError("a key stands twice in one object")
    return result


def _write(mask: Mask, file: IO[bytes]) -> None:
    file.write(mask.to_moc().to_string("json").encode("ascii") + b"\n")


FORMAT = Format(
    name="json",
    description="MOC JSON. Masks without energy, in ICRS; their history is not kept.",
    suffixes=(".json",),
    matches=_matches,
    read=_read,
    write=_write,
)
