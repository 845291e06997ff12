"""IVOA MOCs as FITS: RANGE and NUNIQ, versions 1 and 2, against mocpy."""

from __future__ import annotations

import numpy as np

from fuzz.checks import as_file, check_mask, check_round_trip, outcome
from fuzz.doors.mocs import compare_with_mocpy
from fuzz.doors.tables import CARDS, bytes_of, packed, table
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from hpmask import Mask, RangeSet

__all__ = ["LARGEST", "REAL", "mutate", "one", "seeds"]

LARGEST = 40_000
REAL = (
    "moc/SMOC.fits",
    "moc/polygon_moc.fits",
    "moc/CDS_III_43_main.fits",
    "mocfmt/mocpy/P2012180.fits",
    "mocfmt/mocpy/STMOC.fits",
    "mocfmt/mocpy/TMOC.fits",
    "mocfmt/moc-rust/GW190425.fits",
)
mutate = packing(fits_mutator(CARDS))


def one(data: bytes) -> None:
    path = as_file(data, "m.fits")
    mask = outcome(lambda: Mask.read(path, format="fits"), path)
    if mask is None:
        return
    check_mask(mask)
    check_round_trip(mask)
    if mask.energy is None and mask.frame == "icrs":
        compare_with_mocpy(mask, path, "fits")


def seeds() -> dict[str, bytes]:
    from astropy.io import fits

    cells = RangeSet.from_cells(np.arange(0, 300, 7), 6) | RangeSet.from_cells([5, 9], 1)
    words = {"MOCVERS": "2.0", "MOCDIM": "SPACE", "COORDSYS": "C", "MOCORD_S": 6}
    ranges, uniq = cells.ranges.ravel().astype(np.int64), cells.uniq().astype(np.int64)

    def file(form: str, values: object, **cards: object) -> bytes:
        return bytes_of([fits.PrimaryHDU(), table([("CELLS", form, values)], **{**words, **cards})])

    return {
        "range": file("1K", ranges, ORDERING="RANGE"),
        "nuniq64": file("1K", uniq, ORDERING="NUNIQ"),
        "nuniq32": file("1J", uniq.astype(np.int32), ORDERING="NUNIQ"),
        "version1": bytes_of(
            [fits.PrimaryHDU(), table([("UNIQ", "1J", uniq)], PIXTYPE="HEALPIX", ORDERING="NUNIQ", MOCORDER=6)]
        ),
        "packed": packed(file("1K", ranges, ORDERING="RANGE")),
        "empty": file("1K", ranges[:0], ORDERING="RANGE"),
        "zeros": file("1K", np.append(uniq, [0, 0]), ORDERING="NUNIQ", MOCTOOL="CDSjavaAPI-5.1"),
    }
