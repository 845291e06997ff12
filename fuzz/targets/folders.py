"""Folders: masks and sets in tiles of parquet, sets as FITS files with an index, maps and catalogs of HATS."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np

from fuzz.checks import as_folder, check_mask, check_round_trip, check_set, check_set_round_trip, equal, outcome
from fuzz.doors.tables import CARDS, masks
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.folder import folder_mutator, packed_folder, unpack_folder
from fuzz.mutators.parquet import parquet_mutator
from fuzz.mutators.texts import text_mutator
from hpmask import Mask, MaskFormatError, MaskSet, RangeSet
from hpmask.catalog.columns import NoPositionError
from hpmask.geometry.healpix import cells_at

__all__ = ["LARGEST", "WORDS", "mutate", "one", "seeds"]

LARGEST = 80_000
_WORDS = (
    "hats_col_ra=ra hats_col_dec=dec hats_nrows=9 hats_order=1 dataproduct_type=map dataproduct_type=object "
    "hats_npix_suffix=/ hats_primary_table_url=. hats_primary_table_url=http://127.0.0.1/ "
    "hats_primary_table_url=/ ../ Norder Npix hpmask_order=29 hpmask_layers=[] hpmask_energy=null "
    "hats_frame=galactic"
)
WORDS = (*(word.encode() for word in _WORDS.split()), b"\n", b'"bit":', b'"file": "../x"', b'"digest":', b'"layers":')
_text = text_mutator(WORDS)
mutate = folder_mutator(
    {".parquet": parquet_mutator(words=("ra", "dec", "_healpix_29", "kept", "order")), ".fits": fits_mutator(CARDS)},
    _text,
)

_SOME = RangeSet.from_cells([5, 6, 70], 3)
_SKY = Mask.from_zone(lat=("-30 deg", "40 deg"), order=3)


def one(data: bytes) -> None:
    files = unpack_folder(data)
    folder = as_folder(files, "folder")
    mask = outcome(lambda: Mask.read(folder), folder)
    masks = outcome(lambda: MaskSet.read(folder), folder)
    if mask is not None:
        check_mask(mask)
        check_round_trip(mask)
        some = Mask(_SOME, frame=mask.frame)
        part = outcome(lambda: Mask.read(folder, within=some), folder)
        if part is not None:
            equal(mask & some, part, "read within another mask")
    if masks is not None:
        check_set(masks)
        check_set_round_trip(masks)
    if any(Path(name).name in _OF_CATALOGS for name in files):
        _as_catalog(folder)


_OF_CATALOGS = {"hats.properties", "properties", "collection.properties"}


def _as_catalog(folder: Path) -> None:
    errors = (MaskFormatError, ValueError, FileNotFoundError, NoPositionError)
    options = {"order": 4, "n_threads": 1}
    mask = outcome(lambda: Mask.from_catalog(folder, "3 deg", **options), folder, errors, folder.name)
    if mask is not None:
        check_mask(mask)
    covered = outcome(lambda: Mask.from_hats(folder), folder, errors, folder.name)
    if covered is not None:
        check_mask(covered)


def seeds() -> dict[str, bytes]:
    some = masks()
    sets = MaskSet({"star": some["plain"], "halo": some["empty"]})
    with tempfile.TemporaryDirectory() as scratch:
        where = Path(scratch)
        some["plain"].at_order(4, mode="overlap").write(where / "map", format="hats")
        sets.write(where / "wide", format="hats")
        some["energy"].write(where / "tiles", format="parquet")
        sets.write(where / "tiles_of_set", format="parquet")
        MaskSet({"a": some["energy"], "b": some["plain"]}).write(where / "layers", format="folder")
        files = {folder.name: _packed(folder) for folder in sorted(where.iterdir())}
    return {**files, "catalog": packed_folder(_catalog())}


def _packed(folder: Path) -> bytes:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return packed_folder({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})


def _catalog() -> dict[str, bytes]:
    """A HATS catalog of two partitions."""
    import pyarrow as pa
    from pyarrow import parquet

    files = {
        "hats.properties": b"obs_collection=small\ndataproduct_type=object\nhats_nrows=6\n"
        b"hats_col_ra=ra\nhats_col_dec=dec\nhats_order=0\n",
        "partition_info.csv": b"Norder,Npix\n0,4\n0,5\n",
    }
    for pixel, lon in ((4, np.array([1.0, 3, 5])), (5, np.array([88.0, 90, 92]))):
        lat = np.zeros(3)
        cells = cells_at(np.radians(lon), lat, 29).astype(np.int64)
        out = io.BytesIO()
        parquet.write_table(pa.table({"_healpix_29": cells, "ra": lon, "dec": lat}), out)
        files[f"dataset/Norder=0/Dir=0/Npix={pixel}.parquet"] = out.getvalue()
    return files
