"""Catalogs of any kind as an astropy Table."""

from __future__ import annotations

from typing import Any

from astropy.table import Table

from hpmask._files import tables
from hpmask.catalog.columns import NoPositionError, find_position

__all__ = ["load"]


def load(table: Any, lon: str | None = None, lat: str | None = None, hdu: int | str | None = None) -> tuple[Table, str]:
    """A catalog as a Table, and its name in messages.

    Parameters
    ----------
    table : `~astropy.table.Table`, data frame, structured array, FITS_rec, table HDU, dict, str or path
        The catalog or its file, as `hpmask._files.tables.load` takes it.
    lon, lat : str, optional
        Columns that the table must have: of a FITS file, the first table with them, or with any positions, is
        taken.
    hdu : int or str, optional
        Number or name of the table in a FITS file, if it is known.

    Raises
    ------
    NoPositionError
        If a FITS file holds no table with positions.
    FileNotFoundError, ImportError, TypeError, ValueError
        As `hpmask._files.tables.load` says.
    """

    def unsuitable(table: Table, source: str) -> str | None:
        try:
            find_position(table, lon, lat, "icrs", source)
        except NoPositionError as error:
            return str(error)
        return None

    try:
        return tables.load(table, hdu, unsuitable=unsuitable)
    except tables.UnsuitableTable as error:
        raise NoPositionError(str(error)) from None
