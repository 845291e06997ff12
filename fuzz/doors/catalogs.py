"""Catalogs in files of all kinds, against the tables of astropy."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from fuzz.checks import Fault, as_file, check_mask, equal, outcome
from fuzz.limits import OutOfProportion, bounded
from hpmask import Mask
from hpmask.catalog import filter_file
from hpmask.catalog.columns import NoPositionError

__all__ = ["one_file", "sources", "written"]

_ERRORS = (ValueError, NoPositionError)
_SKY = Mask.from_zone(lat=("-30 deg", "40 deg"), order=3)


def one_file(data: bytes, suffix: str, format: str) -> None:
    """Make a mask of a catalog, and filter its rows if it is FITS or parquet.

    `format` is the name of the format for astropy, whose tables must give the same.
    """
    path = as_file(data, f"c{suffix}")
    options: dict[str, Any] = {"order": 5, "n_threads": 1}
    mask = outcome(lambda: Mask.from_catalog(path, "3 deg", **options), path, _ERRORS, path.name)
    counts = None
    if format in ("fits", "parquet") and not data.startswith(b"\x1f\x8b"):
        out = path.with_name(f"filtered{suffix}")
        counts = outcome(
            lambda: filter_file(_SKY, path, out, invalid="skip", overwrite=True, n_threads=1),
            path,
            (*_ERRORS, TypeError),
            path.name,
        )
    if mask is None:
        return
    check_mask(mask)
    table = _by_astropy(path, format)
    if table is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            again = Mask.from_catalog(table, "3 deg", **options)
            selected = _SKY.select(table, invalid="skip")
        except (TypeError, ValueError):
            return
    equal(mask, again, "read by astropy")
    if counts is not None and (counts.n_rows, counts.n_kept) != (len(table), len(selected)):
        raise Fault("filter-differs", f"{counts}, but {len(selected)} of {len(table)} rows of astropy's table are kept")


def _by_astropy(path: Path, format: str) -> Table | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with bounded():
                return Table.read(path, format=format)
        except (Exception, OutOfProportion):
            return None


def sources() -> Table:
    """A small catalog with columns of several types."""
    n = 9
    return Table(
        {
            "name": [f"s{i}" for i in range(n)],
            "RAJ2000": Column(np.linspace(5, 355, n), unit="deg"),
            "DEJ2000": Column(np.linspace(-85, 85, n), unit="deg"),
            "flux": MaskedColumn(np.arange(n) / 7, mask=np.arange(n) % 4 == 0),
        }
    )


def written(table: Table, format: str, **options: Any) -> bytes:
    """The file of a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        table.write(path, format=format, **options)
        return path.read_bytes()
