"""MOC ASCII: cells by order, as in ``3/1 4-6 5/88 9/``; read and written by mocpy."""

from __future__ import annotations

import re
from typing import IO

from hpmask.errors import MaskFormatError
from hpmask.io.format import Format
from hpmask.mask import Mask
from hpmask.rangeset import MAX_ORDER, RangeSet

__all__ = ["FORMAT"]

# An order, before it the letter of a dimension where there are several.
_BEGINNING = re.compile(rb"\s*[a-z]?\d+\s*/")


def _matches(start: bytes) -> bool:
    return _BEGINNING.match(start) is not None


def _read(file: IO[bytes], name: str) -> Mask:
    from mocpy import MOC

    # Version 1 of the standard had commas between the cells.
    text = file.read().decode("ascii").replace(",", " ")
    others = sorted(set(re.findall(r"([a-z])\d+\s*/", text)) - {"s"})
    if others:
        raise MaskFormatError(f"not a space MOC: it has the dimensions {', '.join(others)}")
    finest = max((int(order) for order in re.findall(r"(\d+)\s*/", text)), default=0)
    if finest > MAX_ORDER:
        raise MaskFormatError(f"not a space MOC: it has order {finest}, the sky's cells end at {MAX_ORDER}")
    try:
        moc = MOC.from_string(text, "ascii")
    except OSError as error:
        # mocpy's word for text that it cannot parse.
        raise MaskFormatError(f"no MOC ASCII: {' '.join(str(error).split()):.200}") from error
    plane = RangeSet(moc.to_depth29_ranges, moc.max_order)
    return Mask(plane, history=[f"read({name!r})"])


def _write(mask: Mask, file: IO[bytes]) -> None:
    file.write(mask.to_moc().to_string("ascii").encode("ascii") + b"\n")


FORMAT = Format(
    name="ascii",
    description="MOC ASCII. Masks without energy, in ICRS; their history is not kept.",
    suffixes=(".txt", ".ascii"),
    matches=_matches,
    read=_read,
    write=_write,
)
