"""Everything that hpmask writes, each with two contents, and what is read from it.

A test that holds for all files and folders goes through `WRITERS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.wcs import WCS
from click.testing import CliRunner

from hpmask import EnergyAxis, HealpixMap, Mask, MaskSet, RangeSet, io
from hpmask.catalog import filter_file, flag_file, write_hats
from hpmask.cli import main
from hpmask.io.parquet_folder import read_folder

__all__ = ["WRITERS", "Writer", "sources"]

Write = Callable[[Path, int, bool], Any]
"""``write(path, which, overwrite)``, where `which` is 0 or 1 for one of the two contents."""


@dataclass(frozen=True)
class Writer:
    """Something that writes a file or a folder.

    Attributes
    ----------
    name : str
        What is written.
    file : str
        A name for it.
    write : callable
        ``write(path, which, overwrite)``.
    read : callable
        ``read(path)`` returns the content, which can be compared.
    """

    name: str
    file: str
    write: Write
    read: Callable[[Path], Any]

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


# Different in many cells, so that a mixture is neither of them.
_PLANES = [RangeSet.from_cells(np.arange(k, 192, 5), 2) for k in range(4)]
_MASKS = [Mask(_PLANES[0]), Mask(_PLANES[1])]
_GALACTIC = [Mask(_PLANES[k], frame="galactic") for k in (2, 3)]
_AXIS = EnergyAxis([1, 10, 100] * u.TeV)
_BINNED = [Mask(_PLANES[2 * k : 2 * k + 2], energy=_AXIS) for k in range(2)]
_SETS = [MaskSet({"stars": _MASKS[k], "halo": Mask(_PLANES[k + 2])}) for k in range(2)]
_MAPS = [HealpixMap(np.arange(12.0) + k, order=0, nest=True, frame="icrs") for k in range(2)]


def _wcs() -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.cdelt = [-4, 4]
    wcs.wcs.crpix = [45, 22]
    return wcs


@cache
def sources(folder: Path) -> dict[str, Path]:
    """Tables and masks that writers read, in a folder."""
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(5)
    n = 400
    table = Table({"ra": rng.uniform(0, 360, n), "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n)))})
    table["number"] = np.arange(n)
    found = {
        name: folder / name for name in ("t.parquet", "t.fits", "tables", "hats", "m0.fits", "m1.fits", "f0", "f1")
    }
    parquet.write_table(
        pa.table({name: table[name] for name in table.colnames}), found["t.parquet"], row_group_size=150
    )
    table.write(found["t.fits"])
    found["tables"].mkdir()
    for k in range(2):
        rows = table[k::2]
        parquet.write_table(pa.table({name: rows[name] for name in rows.colnames}), found["tables"] / f"{k}.parquet")
        _MASKS[k].write(found[f"m{k}.fits"])
        _MASKS[k].write(found[f"f{k}"], format="parquet")
    write_hats(table, found["hats"], max_rows=300)
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rows(path: Path) -> Any:
    if path.suffix == ".fits":
        return Table.read(path).to_pandas().to_dict("list")
    from pyarrow import parquet

    return parquet.read_table(path).to_pydict()


def _rows_of_folder(path: Path) -> Any:
    files = sorted(one for one in path.rglob("*.parquet") if "dataset" in one.parts or one.parent == path)
    properties = path / "hats.properties"
    kept = (line for line in properties.read_text().splitlines()) if properties.exists() else ()
    return {str(one.relative_to(path)): _rows(one) for one in files}, [one for one in kept if "nrows" in one]


def _map(path: Path) -> Any:
    return io.read_map(path).values.tolist()


def _image(path: Path) -> Any:
    from astropy.io import fits

    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        return hdus[0].data.tolist()


def _layers(path: Path) -> Any:
    return dict(MaskSet.read(path))


def _of_masks(name: str, file: str, masks: Any = _MASKS, **options: Any) -> Writer:
    read = Mask.read if isinstance(masks[0], Mask) else _layers
    return Writer(name, file, lambda path, k, over: masks[k].write(path, overwrite=over, **options), read)


def _command(path: Path, k: int, over: bool) -> None:
    source = str(_sources()[f"m{k}.fits"])
    result = CliRunner().invoke(main, ["convert", source, str(path), *["--overwrite"] * over])
    if result.exit_code:
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        raise OSError(result.output)


_PLACE: list[Path] = []


def place_sources(folder: Path) -> None:
    """Say where the sources of the writers are. They are made when they are needed first."""
    _PLACE[:] = [folder]


def _sources() -> dict[str, Path]:
    return sources(_PLACE[0])


def _filter(source: str, **options: Any) -> Write:
    return lambda path, k, over: filter_file(
        _MASKS[k], _sources()[source], path, overwrite=over, n_threads=1, **options
    )


def _flag(source: str) -> Write:
    return lambda path, k, over: flag_file(_SETS[k], _sources()[source], path, overwrite=over, n_threads=1)


def _hats(path: Path, k: int, over: bool) -> None:
    table = Table.read(_sources()["t.fits"])[100 * k : 100 * k + 150]
    write_hats(table, path, max_rows=100, overwrite=over)


def _combine(path: Path, k: int, over: bool) -> None:
    folders = [_sources()["f0"], _sources()["f1"]]
    io.combine_folders(folders, path, ["union", "difference"][k], overwrite=over, n_threads=1)


WRITERS = (
    _of_masks("FITS", "m.fits"),
    _of_masks("gzipped FITS", "m.fits.gz"),
    _of_masks("FITS with energies", "m.fits", _BINNED),
    _of_masks("FITS in Galactic coordinates", "m.fits", _GALACTIC),
    _of_masks("FITS of a set", "s.fits", _SETS),
    _of_masks("ASCII", "m.txt"),
    _of_masks("JSON", "m.json"),
    _of_masks("gzipped JSON", "m.json.gz"),
    _of_masks("HEALPix FITS", "m.fits", format="healpix"),
    _of_masks("healsparse", "m.hsp"),
    _of_masks("parquet", "m.parquet"),
    _of_masks("parquet of a set", "s.parquet", _SETS),
    _of_masks("tiles", "m", format="parquet"),
    _of_masks("tiles with energies", "m", _BINNED, format="parquet"),
    _of_masks("HATS map", "m", format="hats"),
    _of_masks("HATS map of a set", "s", _SETS, format="hats"),
    _of_masks("folder of a set", "s", _SETS, format="folder"),
    Writer("combined tiles", "m", _combine, read_folder),
    Writer("map", "m.fits", lambda path, k, over: io.write_map(_MAPS[k], path, overwrite=over), _map),
    Writer(
        "image",
        "i.fits",
        lambda path, k, over: _MASKS[k].write_wcs(path, _wcs(), (40, 90), overwrite=over),
        _image,
    ),
    Writer(
        "image with energies",
        "i.fits.gz",
        lambda path, k, over: _BINNED[k].write_wcs(path, _wcs(), (40, 90), overwrite=over),
        _image,
    ),
    Writer(
        "randoms",
        "r.parquet",
        lambda path, k, over: _MASKS[k].write_randoms(path, 500, seed=1, chunk=200, overwrite=over),
        _rows,
    ),
    Writer(
        "randoms of a set",
        "r.parquet",
        lambda path, k, over: _SETS[k].write_randoms(path, 300, seed=1, overwrite=over),
        _rows,
    ),
    Writer("filtered parquet", "t.parquet", _filter("t.parquet"), _rows),
    Writer("flagged parquet", "t.parquet", _flag("t.parquet"), _rows),
    Writer("filtered FITS", "t.fits", _filter("t.fits"), _rows),
    Writer("flagged FITS", "t.fits", _flag("t.fits"), _rows),
    Writer("filtered folder", "tables", _filter("tables"), _rows_of_folder),
    Writer("filtered HATS", "hats", _filter("hats"), _rows_of_folder),
    Writer("flagged HATS", "hats", _flag("hats"), _rows_of_folder),
    Writer("HATS catalog", "hats", _hats, _rows_of_folder),
    Writer("page", "v.html", lambda path, k, over: _pages()[k].save(path, overwrite=over), _digest),
    Writer("command", "m.json", _command, Mask.read),
)


@cache
def _pages() -> list[Any]:
    return [mask.view(open=False) for mask in _MASKS]
