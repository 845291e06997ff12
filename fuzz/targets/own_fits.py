"""hpmask's own FITS files of masks, with energy and without; read as a whole and in parts."""

from __future__ import annotations

from contextlib import suppress

from fuzz.checks import as_file
from fuzz.doors.mocs import written
from fuzz.doors.own import one_mask, right_digests
from fuzz.doors.tables import CARDS, masks
from fuzz.limits import bounded
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from hpmask import Mask

__all__ = ["LARGEST", "mutate", "one", "seeds"]

LARGEST = 60_000
mutate = packing(fits_mutator(CARDS))


def one(data: bytes) -> None:
    # What fails here fails below, where it is noticed.
    with suppress(Exception), bounded():
        data = right_digests(data, lambda some: Mask.read(as_file(some, "m.fits"), format="fits"))
    one_mask(as_file(data, "m.fits"), "fits", part_from=64)


def seeds() -> dict[str, bytes]:
    files = {name: written(mask, "fits") for name, mask in masks().items()}
    return {**files, "packed": written(masks()["energy"], "fits", packed=True)}
