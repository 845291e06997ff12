"""hpmask's own files, and FITS files with digests that are right for what is in them.

A digest that is wrong ends the reading, so all that comes behind it would never be reached with other contents. A file
that is refused for its digest alone gets the right one, as its author could have written it, and is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from fuzz.checks import Fault, check_mask, check_round_trip, equal, outcome
from fuzz.mutators.fits import Hdu, joined, parts_of, sign
from hpmask import Mask, MaskFormatError, RangeSet
from hpmask.io import fits

__all__ = ["one_mask", "right_digests"]

_CARD = b"MASKHASH="
_MOST_LAYERS = 8


_SOME = RangeSet.from_cells([5, 6, 70], 3)


def one_mask(path: Path, format: str, *, part_from: int | None = None) -> None:
    """Put a file of one mask through its reader and all checks, as a whole and in the part within another mask.

    A FITS file has parts if it has `part_from` ranges.
    """
    mask = outcome(lambda: Mask.read(path, format=format), path)
    if mask is None:
        return
    check_mask(mask)
    check_round_trip(mask, ("fits", "parquet"))
    some = Mask(_SOME, frame=mask.frame)
    with mock.patch.object(fits, "PART_FROM", fits.PART_FROM if part_from is None else part_from):
        part = outcome(lambda: Mask.read(path, format=format, within=some), path)
    if part is None:
        raise Fault("refused-in-part", "a file that can be read as a whole is refused in part")
    check_mask(part)
    equal(mask & some, part, "read within another mask")


def right_digests(data: bytes, read: Callable[[bytes], object]) -> bytes:
    """The file with the digests of what is in it, if ``read(data)`` refuses it for its digests alone."""
    for _ in range(_MOST_LAYERS):
        with _noted() as found:
            try:
                read(data)
                return data
            except MaskFormatError as error:
                if "MASKHASH, the digest" not in str(error) or not found:
                    return data
        hdus = parts_of(data)
        heads = [hdu for hdu in hdus if any(card.startswith(_CARD) for card in hdu.cards)]
        if not heads:
            return data
        # The digest of a set is in its primary header, and is computed after those of all layers.
        head = heads[len(found) if len(found) < len(heads) else 0]
        _set_digest(head, found[-1])
        data = joined(hdus)
    return data


def _set_digest(head: Hdu, digest: str) -> None:
    card = f"MASKHASH= '{digest}'".encode("ascii").ljust(80)
    head.cards = [card if old.startswith(_CARD) else old for old in head.cards]
    sign(head)


@contextmanager
def _noted() -> Iterator[list[str]]:
    """The digests that are computed while a file is read."""
    found: list[str] = []

    def noting(digest: Callable[[Any], str]) -> Callable[[Any], str]:
        def noted(argument: Any) -> str:
            found.append(digest(argument))
            return found[-1]

        return noted

    with (
        mock.patch.object(fits, "mask_digest", noting(fits.mask_digest)),
        mock.patch.object(fits, "set_digest", noting(fits.set_digest)),
    ):
        yield found
