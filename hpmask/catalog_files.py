"""Catalogs of any sort as an astropy Table."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from astropy.io import fits
from astropy.table import Table

from hpmask.catalog_columns import NoPositionError, find_position

__all__ = ["load"]

_FITS = (".fits", ".fit", ".fts")
_FORMATS = {
    **dict.fromkeys(_FITS, "fits"),
    ".ecsv": "ascii.ecsv",
    ".csv": "ascii.csv",
    ".tsv": "ascii.tab",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".parquet": "parquet",
    ".parq": "parquet",
    ".pq": "parquet",
}


def load(table: Any, lon: str | None = None, lat: str | None = None) -> tuple[Table, str]:
    """A catalog as a Table.

    Parameters
    ----------
    table : `~astropy.table.Table`, pandas.DataFrame, str or path
        The catalog or its file. The end of the file's name tells the format; ``.gz`` may follow.
    lon, lat : str, optional
        Columns that the table must have: of a FITS file, the first table with them, or with any positions, is
        taken.

    Returns
    -------
    table : `~astropy.table.Table`
    name : str
        What to call it in a message.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If a package that reads the file is missing.
    TypeError, ValueError
        If it is no table, or the file cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from hpmask.catalog_files import load
    >>> table, name = load(pd.DataFrame({"ra": [10.0], "dec": [-5.0]}))
    >>> table.colnames, name
    (['ra', 'dec'], 'a data frame')
    """
    if isinstance(table, str | PathLike):
        return _read(Path(table), lon, lat)
    if isinstance(table, Table):
        return table, "a table"
    if type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "columns"):
        return Table.from_pandas(table), "a data frame"
    raise TypeError(
        "table must be an astropy Table, a pandas DataFrame or the path of a file, "
        f"got {type(table).__name__}"
    )


def _read(path: Path, lon: str | None, lat: str | None) -> tuple[Table, str]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no catalog file {str(path)!r}")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    language = _FORMATS.get(suffix)
    if language is None:
        raise ValueError(
            f"the format of {path.name!r} is not known: the name of a catalog ends in one of "
            f"{', '.join(_FORMATS)}, but any Table can be given instead of a file"
        )
    if language == "parquet":
        _need_pyarrow()
    if language == "fits":
        return _read_fits(path, lon, lat)
    with _reading(path, language):
        return Table.read(path, format=language), repr(path.name)


@contextmanager
def _reading(path: Path, language: str) -> Iterator[None]:
    """What goes wrong within is an error of the file, and warnings are about what is not needed of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # readers raise nearly anything
        raise ValueError(f"{path.name!r} cannot be read as {language}: {error}") from error


def _need_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(f'parquet files need pyarrow: pip install "hpmask[parquet]" ({error})') from error


def _read_fits(path: Path, lon: str | None, lat: str | None) -> tuple[Table, str]:
    """The first table that has positions."""
    missing = []
    with _reading(path, "fits"):
        hdus = fits.open(path, memmap=False, lazy_load_hdus=False)
    with hdus:
        for index, hdu in enumerate(hdus):
            if not isinstance(hdu, fits.BinTableHDU | fits.TableHDU) or isinstance(hdu, fits.CompImageHDU):
                continue
            with _reading(path, "fits"):
                table = Table.read(hdu, format="fits", mask_invalid=False)
            for number, name in enumerate(hdu.columns.names, start=1):
                if f"TUCD{number}" in hdu.header:
                    table[name].meta["ucd"] = hdu.header[f"TUCD{number}"]
            source = f"{path.name!r}, table {hdu.name or index}"
            try:
                find_position(table, lon, lat, "icrs", source)
            except NoPositionError as error:
                missing.append(str(error))
            else:
                return table, source
    raise NoPositionError("; ".join(missing) or f"{path.name!r} holds no table")
