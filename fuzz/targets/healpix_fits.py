"""HEALPix maps of 0 and 1 as FITS: full, partial and of several energy bins, against healpy."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from fuzz.checks import Fault, as_file, check_mask, check_round_trip, outcome
from fuzz.doors.mocs import written
from fuzz.doors.tables import CARDS, bytes_of, masks, packed, table
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from hpmask import Mask, RangeSet, io

__all__ = ["LARGEST", "REAL", "mutate", "one", "seeds"]

LARGEST = 60_000
REAL = ("masks/namaster_mask_nside256.fits.gz", "hats/small_sky_source/skymap.2.fits")
mutate = packing(fits_mutator(CARDS))

# healpy makes an array of the whole sky of any map.
_MOST_ORDER = 7


def one(data: bytes) -> None:
    path = as_file(data, "h.fits")
    mask = outcome(lambda: Mask.read(path, format="healpix", frame=None), path)
    outcome(lambda: io.read_map(path), path)
    if mask is None:
        return
    check_mask(mask)
    check_round_trip(mask)
    if mask.energy is None and mask.order <= _MOST_ORDER and not data.startswith(b"\x1f\x8b"):
        _compare_with_healpy(mask, path)


def _compare_with_healpy(mask: Mask, path: Path) -> None:
    import healpy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = healpy.read_map(path, nest=True, field=0, dtype=None)
    except Exception:
        return
    # Other values than 0 and 1 are refused by hpmask, but for the value of a cell that was not observed.
    kept = np.asarray(values) == 1
    order = {12 << 2 * k: k for k in range(_MOST_ORDER + 1)}.get(kept.size)
    if order is None:
        return
    found = RangeSet.from_cells(np.flatnonzero(kept), order)
    if not np.array_equal(found.boundaries, mask.planes[0].boundaries):
        raise Fault("differs-from-healpy", f"{mask.planes[0]!r} and {found!r}")


def seeds() -> dict[str, bytes]:
    from astropy.io import fits

    some = masks()
    kept = some["plain"].at_order(2, mode="overlap")
    values = kept.to_healpix(nest=True)
    words = {"PIXTYPE": "HEALPIX", "NSIDE": 4, "COORDSYS": "G"}
    rows = np.arange(40)
    full = {**words, "ORDERING": "NESTED", "INDXSCHM": "IMPLICIT"}
    part = {**words, "ORDERING": "RING", "INDXSCHM": "EXPLICIT", "OBJECT": "PARTIAL"}

    def file(columns: list[tuple[str, str, object]], cards: dict[str, object]) -> bytes:
        return bytes_of([fits.PrimaryHDU(), table(columns, **cards)])

    return {
        "own": written(kept, "healpix"),
        "own_part": written(some["plain"], "healpix"),
        "own_energy": written(some["energy"].at_order(2, mode="overlap"), "healpix"),
        "own_packed": written(kept, "healpix", packed=True),
        "bytes": file([("MASK", "1B", values)], full),
        "floats": file([("MASK", "64E", values.reshape(-1, 64).astype("f4"))], {**full, "ORDERING": "RING"}),
        "part": file([("PIXEL", "1J", rows * 3), ("MASK", "1E", rows % 3 // 2)], part),
        "doubles": file([("PIXEL", "1K", rows), ("MASK", "1D", rows % 2)], part),
        "packed": packed(file([("MASK", "1L", values)], full)),
    }
