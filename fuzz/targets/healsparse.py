"""FITS files of healsparse: maps of booleans, wide masks, and maps of values."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np

from fuzz.checks import Fault, as_file, check_mask, check_round_trip, check_set, outcome
from fuzz.doors.mocs import written
from fuzz.doors.tables import CARDS, masks
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from hpmask import Mask, MaskSet

__all__ = ["LARGEST", "mutate", "one", "seeds"]

LARGEST = 100_000
mutate = packing(
    fits_mutator(
        (
            *CARDS,
            "SENTINEL= 0",
            "SENTINEL= 'T'",
            "SENTINEL= 1",
            "PIXTYPE = 'HEALSPARSE'",
            "WIDEMASK= T",
            "WWIDTH  = 2",
            "BITPACK = T",
            "ISBIT   = T",
            "COVNSIDE= 1",
            "NSIDE   = 64",
            "ZBITPIX = 8",
            "ZTILE1  = 64",
            "ZVAL1   = 32",
        )
    )
)


def one(data: bytes) -> None:
    path = as_file(data, "h.hsp")
    mask = outcome(lambda: Mask.read(path, format="healsparse", frame="icrs"), path)
    masks = outcome(lambda: MaskSet.read(path, format="healsparse", frame="icrs"), path)
    if masks is not None:
        check_set(masks)
    else:
        values = outcome(lambda: _values(path), path)
        if values is not None:
            check_mask(values)
    if mask is not None:
        check_mask(mask)
        check_round_trip(mask, ("fits", "healsparse") if mask.order > 2 else ("fits",))
        _compare_with_healsparse(mask, path)


def _values(path: Path) -> Mask | None:
    try:
        return Mask.from_map(path, 0.5, frame="icrs", nan="exclude")
    except TypeError as error:
        # Of a map with bits, a mask needs the names of those that are wanted, even if the names are not valid in a set.
        if str(error).startswith(f"{path}: this is a wide mask: give the bits that are wanted, "):
            return None
        raise


def _compare_with_healsparse(mask: Mask, path: Path) -> None:
    """Only files that are not large for healsparse, which reads all of the coverage."""
    import healsparse

    content = path.read_bytes()
    # Of an HDU of an unknown kind, astropy has the bytes of the packed table, which healsparse takes for its pixels.
    if mask.order > 12 or content.startswith(b"\x1f\x8b") or b"XTENSION= 'BINTABLE'" not in content:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = healsparse.HealSparseMap.read(str(path))
        if found.is_wide_mask_map or found.dtype != np.bool_ or found.sentinel:
            return
        pixels = found.valid_pixels
        # Of a coverage map whose blocks are not where they should be, it lists pixels that have no value.
        if not np.all(found[pixels]):
            return
    except Exception:
        return
    cells = mask.planes[0].cells(mask.order)
    if mask.order == int(np.log2(found.nside_sparse)) and not np.array_equal(np.sort(pixels), cells):
        raise Fault("differs-from-healsparse", f"{cells.size} cells, and {len(pixels)} by healsparse")


def seeds() -> dict[str, bytes]:
    import healsparse

    some = masks()
    small = some["plain"]
    files = {
        "own": written(small, "healsparse"),
        "own_wide": written(MaskSet({"star": small, "halo": small.at_order(5, mode="overlap")}), "healsparse"),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, dtype, more in (
            ("bool", np.bool_, {}),
            ("bits", np.bool_, {"bit_packed": True}),
            ("float", np.float32, {}),
            ("int", np.int16, {"sentinel": 0}),
            ("wide", healsparse.WIDE_MASK, {"wide_mask_maxbits": 10}),
        ):
            map_ = healsparse.HealSparseMap.make_empty(2, 32, dtype, **more)
            cells = np.arange(0, 300, 5)
            if name == "wide":
                map_.set_bits_pix(cells, [1, 9])
            else:
                map_[cells] = np.ones(cells.size, dtype)
            map_.write(f"{folder}/{name}")
            files[name] = Path(f"{folder}/{name}").read_bytes()
    return files
