"""Files of several masks with names: FITS and parquet."""

from __future__ import annotations

from contextlib import suppress

from fuzz.checks import as_file, check_set, check_set_round_trip, equal, outcome
from fuzz.doors.mocs import written
from fuzz.doors.own import right_digests
from fuzz.doors.tables import CARDS, masks
from fuzz.limits import bounded
from fuzz.mutators import by_beginning
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from fuzz.mutators.parquet import parquet_mutator, signed
from hpmask import Mask, MaskSet

__all__ = ["LARGEST", "mutate", "one", "seeds"]

LARGEST = 60_000
mutate = by_beginning({b"PAR1": parquet_mutator(sign=signed)}, packing(fits_mutator(CARDS)))


def one(data: bytes) -> None:
    if data.startswith(b"SIMPLE"):
        # What fails here fails below, where it is noticed.
        with suppress(Exception), bounded():
            data = right_digests(data, lambda some: MaskSet.read(as_file(some, "s.fits")))
    path = as_file(data, "s.parquet" if data.startswith(b"PAR1") else "s.fits")
    masks = outcome(lambda: MaskSet.read(path, format=path.suffix[1:]), path)
    if masks is None:
        return
    check_set(masks)
    check_set_round_trip(masks, ("fits", "parquet"))
    for name in list(masks)[:1]:
        equal(masks[name], Mask.read(path, layer=name), "read as one layer")


def seeds() -> dict[str, bytes]:
    some = masks()
    plain = MaskSet({"star": some["plain"], "halo \u00e9": some["empty"], "a" * 90: some["full"]})
    galactic = MaskSet({"a": some["galactic"], "b": some["linear"]})
    energy = MaskSet({"x": some["energy"], "y": some["plain"]})
    sets = {"plain": plain, "galactic": galactic, "energy": energy}
    files = {f"{name}.{format}": written(one, format) for name, one in sets.items() for format in ("fits", "parquet")}
    return {**files, "packed": written(plain, "fits", packed=True)}
