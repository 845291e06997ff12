"""Catalogs of any sort as an astropy Table."""

from __future__ import annotations

import codecs
import gzip
import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits, votable
from astropy.io.votable.tree import FieldRef
from astropy.table import MaskedColumn, Table

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
    table : `~astropy.table.Table`, data frame, structured array, FITS_rec, table HDU, dict, str or path
        The catalog or its file. A data frame is one of pandas, polars or Arrow, or of a class that is derived from
        them. A dict holds columns by their names. The end of the file's name tells the format;
        ``.gz`` may follow.
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
    if isinstance(table, fits.BinTableHDU | fits.TableHDU):
        return _of_hdu(table), "a FITS table"
    if isinstance(table, fits.FITS_rec):
        return _of_fits_rec(table), "a FITS table"
    if isinstance(table, Mapping) or (isinstance(table, np.ndarray) and table.dtype.names):
        return Table(table), "a dict of columns" if isinstance(table, Mapping) else "an array"
    frame = _of_data_frame(table)
    if frame is not None:
        return frame, "a data frame"
    raise TypeError(
        "table must be an astropy Table, a data frame, a structured array, a dict of columns or the path of a "
        f"file, got {type(table).__name__}"
    )


def _of_data_frame(table: Any) -> Table | None:
    """The columns of a data frame of any library that narwhals knows, None if it is no data frame."""
    import narwhals

    frame = narwhals.from_native(table, eager_only=True, pass_through=True)
    if not isinstance(frame, narwhals.DataFrame):
        return None
    result = Table()
    for column in frame.iter_columns():
        missing = column.is_null().to_numpy().astype(np.bool_)
        if missing.any() and column.dtype.is_numeric():
            column = column.fill_null(0)
        elif missing.any() and column.dtype in (narwhals.String, narwhals.Boolean):
            column = column.fill_null("" if column.dtype == narwhals.String else False)
        values = column.to_numpy()
        if missing.any() and values.dtype.kind == "f":
            values = np.where(missing, np.nan, values)
        elif values.dtype.kind in "iufbOU" and missing.any():
            values = MaskedColumn(values, mask=missing)
        result[column.name] = values
    return result


def _of_fits_rec(rows: fits.FITS_rec) -> Table:
    """The columns as they are read, scaled, with their units."""
    table = Table({name: rows[name] for name in rows.names})
    for column in rows.columns:
        if column.unit:
            table[column.name].unit = u.Unit(column.unit, parse_strict="silent")
    return table


def _of_hdu(hdu: Any) -> Table:
    table = Table.read(hdu, format="fits", mask_invalid=False)
    for number, name in enumerate(hdu.columns.names, start=1):
        if f"TUCD{number}" in hdu.header:
            table[name].meta["ucd"] = hdu.header[f"TUCD{number}"]
    return table


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
        if language in ("ascii.csv", "ascii.tab"):
            return _read_text(path, language), repr(path.name)
        if language == "votable":
            return _read_votable(path), repr(path.name)
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


def _read_text(path: Path, language: str) -> Table:
    """A table of separated values, in which lines that begin with # are comments.

    Where nothing but numbers follows them, the last comment has the names of the columns.
    """
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as packed:
        content = packed.read()
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    with io.StringIO(content.decode("utf-16" if utf16 else "utf-8-sig"), newline=None) as file:
        comments = []
        first = file.readline()
        while first and (not first.strip() or first.startswith("#")):
            comments.append(first)
            first = file.readline()
        lines = first + file.read()
    fields = first.strip().split("," if language == "ascii.csv" else "\t")
    if comments and comments[-1].startswith("#") and all(_is_number(field) for field in fields):
        lines = comments[-1].lstrip("#").lstrip() + lines
    return Table.read(lines, format=language, comment="#")


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _read_votable(path: Path) -> Table:
    """The first table, with the coordinate system of each column that refers to one."""
    file = votable.parse(path, verify="ignore")
    first = file.get_first_table()
    table = first.to_table(use_names_over_ids=True)
    systems = {system.ID: system for system in file.iter_coosys()}
    referring = {field.ID: field.ref for field in first.fields}
    for group in first.iter_groups():
        if group.ref in systems:
            referring |= {entry.ref: group.ref for entry in group.entries if isinstance(entry, FieldRef)}
    for name, field in zip(table.colnames, first.fields, strict=True):
        system = systems.get(referring[field.ID])
        if system is not None:
            table[name].info.meta = {
                **(table[name].info.meta or {}),
                "coosys": {"ID": system.ID, "system": system.system, "equinox": system.equinox},
            }
    return table


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
                table = _of_hdu(hdu)
            source = f"{path.name!r}, table {hdu.name or index}"
            try:
                find_position(table, lon, lat, "icrs", source)
            except NoPositionError as error:
                missing.append(str(error))
            else:
                return table, source
    raise NoPositionError("; ".join(missing) or f"{path.name!r} holds no table")
