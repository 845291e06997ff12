"""Tables of any kind and from any file as an astropy Table."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

import numpy as np
from astropy import units as u
from astropy.io import fits, votable
from astropy.io.votable.tree import FieldRef
from astropy.table import MaskedColumn, Table
from numpy.typing import NDArray

from hpmask._files.faults import content_faults, naming
from hpmask._files.fits_file import is_table, loaded, name_of, units_of
from hpmask._files.unpack import unpacked
from hpmask._files.urls import local_file
from hpmask._utils.words import brief, shown

__all__ = [
    "FITS",
    "PARQUET",
    "SUFFIXES",
    "UnsuitableTable",
    "check_distinct",
    "check_links",
    "column_names",
    "columns_of",
    "data_frame",
    "is_partitioned",
    "load",
    "plain_values",
]

FITS = (".fits", ".fit", ".fts")
"""The ends of the names of FITS files."""

PARQUET = (".parquet", ".parq", ".pq")
"""The ends of the names of parquet files."""

_FORMATS = {
    **dict.fromkeys(FITS, "fits"),
    ".ecsv": "ascii.ecsv",
    ".csv": "ascii.csv",
    ".tsv": "ascii.tab",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    **dict.fromkeys(PARQUET, "parquet"),
}

SUFFIXES = tuple(_FORMATS)
"""The ends of the names of files that can be loaded; ``.gz`` may follow."""

_GZIP = b"\x1f\x8b"

# A table in memory may take this many times the size of its file, and a fixed number of bytes more.
_RATIO = 50
_ALLOWANCE = 200 << 20
# For a packed file. A text takes about thirty times its size when it is read.
_ALLOWANCE_PACKED = 4 << 20


# XML in an encoding in which markup is ASCII.
_PLAIN_XML = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*+(?:<[^?]|<\?xml(?![^>]{0,200}\bencoding\s*=\s*["'](?!(?:utf-8|us-ascii|iso-8859-1)["'])))""",
    re.IGNORECASE,
)


# astropy takes time in the square of the length of the line with the names of columns.
_LONGEST_HEADER = 1 << 17


class UnsuitableTable(ValueError):
    """No table of a file is of use; the message says why."""


def load(
    table: Any,
    hdu: int | str | None = None,
    *,
    noun: str = "catalog",
    unsuitable: Callable[[Table, str], str | None] = lambda table, source: None,
) -> tuple[Table, str]:
    """A table as a Table of astropy.

    Parameters
    ----------
    table : `~astropy.table.Table`, data frame, structured array, FITS_rec, table HDU, dict, str or path
        The table or its file. A data frame is one of pandas, polars or Arrow, or of a class that is derived from
        them. A dict holds columns by their names. The suffix of the file gives the format; ``.gz`` may follow.
    hdu : int or str, optional
        Number or name of the table in a FITS file, if it is known.
    noun : str, optional
        What to call the table in messages.
    unsuitable : callable, optional
        ``unsuitable(table, source)``: why a table is of no use, or None. Of a FITS file, the first one of use is taken.

    Returns
    -------
    table : `~astropy.table.Table`
    name : str
        Its name in messages.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If a package that reads the file is missing.
    UnsuitableTable
        If a FITS file holds no table of use.
    TypeError, ValueError
        If it is not a table, the file cannot be read, or a table would take far more memory than the size of its file
        explains.

    Examples
    --------
    >>> import pandas as pd
    >>> from hpmask._files.tables import load
    >>> table, name = load(pd.DataFrame({"ra": [10.0], "dec": [-5.0]}))
    >>> table.colnames, name
    (['ra', 'dec'], 'a data frame')
    """
    if isinstance(table, str | PathLike):
        with local_file(table) as path:
            return _read(path, hdu, noun, unsuitable)
    if isinstance(table, Table):
        return table, "a table"
    if isinstance(table, fits.BinTableHDU | fits.TableHDU):
        return _of_hdu(table), "a FITS table"
    if isinstance(table, fits.FITS_rec):
        return _of_fits_rec(table), "a FITS table"
    if isinstance(table, Mapping) or (isinstance(table, np.ndarray) and table.dtype.names):
        name = "a dict of columns" if isinstance(table, Mapping) else "an array"
        return columns_of(table, column_names(table) or []), name
    frame = _of_data_frame(table)
    if frame is not None:
        return frame, "a data frame"
    raise TypeError(
        "table must be an astropy Table, a data frame, a structured array, a dict of columns or the path of a "
        f"file, got {type(table).__name__}{_hint(table)}"
    )


def _hint(table: Any) -> str:
    """The method that takes gammapy's catalogs and models, for an error. gammapy is not imported."""
    if not any(cls.__module__.partition(".")[0] == "gammapy" for cls in type(table).__mro__):
        return ""
    columns = ", and its .table has the columns" if isinstance(getattr(table, "table", None), Table) else ""
    return f": Mask.from_gammapy takes the sources of gammapy's catalogs and models{columns}"


def is_partitioned(table: Any) -> bool:
    """Whether a table is made of partitions that are worked on later, as those of Dask and lsdb are."""
    return callable(getattr(table, "map_partitions", None))


def data_frame(table: Any) -> Any:
    """A data frame of any library that narwhals knows, as one of narwhals (eager or lazy); None for anything else."""
    import narwhals

    # Only its own package tells narwhals of Dask, and its tables are worked on by partition.
    if is_partitioned(table):
        return None
    try:
        frame = narwhals.from_native(table, pass_through=True)
    except narwhals.exceptions.DuplicateError:
        check_distinct(list(getattr(table, "column_names", None) or table.columns), "the table")
        raise
    return frame if isinstance(frame, narwhals.DataFrame | narwhals.LazyFrame) else None


def check_distinct(names: Sequence[str], what: str) -> None:
    """Raise a ValueError if a name of a column comes twice."""
    if twice := [name for k, name in enumerate(names) if name in names[:k]]:
        raise ValueError(f"{what} has several columns of the name {shown(twice[0])}, which cannot be told apart")


def column_names(table: Any) -> list[str] | None:
    """The names of the columns of a table of any kind, and of the index of a pandas frame; None if it is no table."""
    if isinstance(table, Table):
        return list(table.colnames)
    if isinstance(table, fits.BinTableHDU | fits.TableHDU):
        return list(table.columns.names)
    if isinstance(table, np.ndarray) and table.dtype.names:
        return list(table.dtype.names)
    if isinstance(table, Mapping):
        return list(table)
    frame = data_frame(table)
    if frame is None:
        return None
    names = [name for name in frame.collect_schema().names() if isinstance(name, str)]
    index = _index_of(frame)
    return names if index is None or index.name in names else [*names, index.name]


def columns_of(table: Any, names: Sequence[str], n_rows: int | None = None) -> Table:
    """Some columns of a table of any kind.

    Parameters
    ----------
    table : object
        A table that `column_names` knows. A lazy one is collected.
    names : sequence of str
        Names of its columns, or of the index of a pandas frame.
    n_rows : int, optional
        How many of its first rows; by default all.

    Returns
    -------
    `~astropy.table.Table`
        It may share the memory of the columns.
    """
    rows = slice(None, n_rows)
    if isinstance(table, Table):
        return table[list(names)][rows] if n_rows is not None else table
    if isinstance(table, fits.BinTableHDU | fits.TableHDU | fits.FITS_rec):
        return load(table)[0]
    if isinstance(table, Mapping | np.ndarray):
        columns = {name: plain_values(table[name]) for name in names}
        for name, values in columns.items():
            if not np.ndim(values):
                raise TypeError(f"column {name!r} must hold one value per row, got {shown(table[name])}")
        return Table(columns, copy=False)[rows]
    import narwhals

    frame = data_frame(table)
    index = _index_of(frame)
    own = [name for name in names if index is None or name != index.name or name in frame.columns]
    frame = frame.select(own) if n_rows is None else frame.select(own).head(n_rows)
    if isinstance(frame, narwhals.LazyFrame):
        frame = frame.collect()
    found = {column.name: _plain_column(column) for column in frame.iter_columns()}
    if len(own) < len(names):
        found[index.name] = index.to_numpy()[rows]
    return Table(found, copy=False)


def _index_of(frame: Any) -> Any:
    """The index of a pandas frame if it has one level with a name; None for all other frames."""
    import narwhals

    index = narwhals.maybe_get_index(frame) if isinstance(frame, narwhals.DataFrame) else None
    return index if index is not None and isinstance(index.name, str) else None


def _plain_column(column: Any) -> NDArray[Any] | MaskedColumn:
    """The values of a series of narwhals; those that are missing are NaN, or masked where there is no NaN."""
    import narwhals

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
    return values


def plain_values(values: Any) -> Any:
    """A column: a series of any library as an array, and anything else as it is."""
    import narwhals

    series = narwhals.from_native(values, series_only=True, pass_through=True)
    return _plain_column(series) if isinstance(series, narwhals.Series) else values


def _of_data_frame(table: Any) -> Table | None:
    """The columns of a data frame of any library that narwhals knows; None if it is not a data frame."""
    frame = data_frame(table)
    return None if frame is None else columns_of(frame, frame.collect_schema().names())


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


def _read(
    path: Path, hdu: int | str | None, noun: str, unsuitable: Callable[[Table, str], str | None]
) -> tuple[Table, str]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no {noun} file {str(path)!r}")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    language = _FORMATS.get(suffix)
    if language is None:
        raise ValueError(
            f"the format of {path.name!r} is not known: the name of a {noun} ends in one of "
            f"{', '.join(_FORMATS)}, but any Table can be given instead of a file"
        )
    if language == "fits":
        return _read_fits(path, hdu, unsuitable)
    if hdu is not None:
        raise ValueError(f"hdu is {hdu!r}, but {path.name!r} is not a FITS file")
    if language == "parquet":
        _need_pyarrow()
    with _reading(path, language), _opened(path) as file:
        if language == "votable":
            table = _read_votable(file, path)
        elif language == "parquet":
            table = _read_parquet(file, path)
        else:
            table = _read_text(file, path, language)
    return table, repr(path.name)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The content of a file, unpacked if it is gzipped."""
    with open(path, "rb") as raw:
        yield unpacked(raw, _RATIO, _ALLOWANCE_PACKED) if raw.peek(2)[:2] == _GZIP else raw


def _check_memory(n_bytes: int, path: Path, why: str) -> None:
    """Raise if a table would take memory out of proportion to its file."""
    size = os.path.getsize(path)
    if n_bytes > _RATIO * size + _ALLOWANCE:
        raise ValueError(
            f"the table would take {n_bytes} bytes of memory, more than {_RATIO} times the {size} of the file and "
            f"{_ALLOWANCE >> 20} MiB: {why}"
        )


@contextmanager
def _reading(path: Path, language: str) -> Iterator[None]:
    """Raise any error as one of the file. Those of the disk and the memory stay what they are.

    Warnings are ignored: they are about parts of the file that are not used.
    """

    def message(error: Exception) -> str:
        return f"byte {error.start} is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else brief(error)

    start = f"{path.name!r} cannot be read as {language}"
    with warnings.catch_warnings(), naming(path), content_faults(start, message):
        warnings.simplefilter("ignore")
        yield


def _read_text(file: IO[bytes], path: Path, language: str) -> Table:
    """A table of text. In one of separated values, lines that begin with # are comments.

    If only numbers follow the comments, the last comment has the names of the columns.
    """
    content = file.read()
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = io.StringIO(content.decode("utf-16" if utf16 else "utf-8-sig"), newline=None)
    if language == "ascii.ecsv":
        return Table.read(_as_text(text.read()), format=language)
    comment = ""
    first = text.readline()
    while first and (not first.strip() or first.startswith("#")):
        comment = first
        first = text.readline()
    lines = first + text.read()
    delimiter = "," if language == "ascii.csv" else "\t"
    if comment.startswith("#") and all(map(_is_number, first.strip().split(delimiter))):
        lines = comment.lstrip("#").lstrip() + lines
    if len(lines) > _LONGEST_HEADER and "\n" not in lines[:_LONGEST_HEADER]:
        raise ValueError(f"the line of its column names has more than {_LONGEST_HEADER} characters")
    _check_memory(_bytes_of_fields(lines, delimiter), path, "is a quote missing or a line too long?")
    return Table.read(_as_text(lines), format=language, comment="#")


def _as_text(text: str) -> str:
    """Text with a line end, so that astropy does not read it as the name of a file."""
    return text if "\n" in text else text + "\n"


def _bytes_of_fields(text: str, delimiter: str) -> int:
    """How many bytes the columns of a text take at most; each row of a text column takes as much as the longest one."""
    lines = text.split("\n")
    if '"' not in text:
        return 4 * len(lines) * max(map(len, lines))
    widths: list[int] = []
    for row in csv.reader(lines, delimiter=delimiter):
        widths = [max(pair) for pair in itertools.zip_longest(widths, map(len, row), fillvalue=0)]
    return 4 * len(lines) * sum(widths)


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _read_votable(file: IO[bytes], path: Path) -> Table:
    """The first table, with the coordinate system of each column that refers to one."""
    content = file.read()
    check_links(content)
    _check_memory(_bytes_of_votable(content), path, "are nrows and arraysize right?")
    document = votable.parse(io.BytesIO(content), verify="ignore")
    first = document.get_first_table()
    table = first.to_table(use_names_over_ids=True)
    systems = {system.ID: system for system in document.iter_coosys()}
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


def check_links(content: bytes) -> None:
    """Raise a ValueError if a VOTable has its data elsewhere, or defines entities.

    astropy would open the file or the URL that a stream names.
    """
    if _PLAIN_XML.match(content) and b"href" not in content and b"<!ENTITY" not in content and b"\0" not in content:
        return

    def element(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "STREAM" and "href" in attributes:
            raise ValueError(
                f"its data are elsewhere, in {shown(attributes['href'])}: tables must have their data in the file"
            )

    def entity(*_: Any) -> None:
        raise ValueError("it defines entities of XML, which a VOTable does not need")

    parser = expat.ParserCreate()
    parser.StartElementHandler = element
    parser.EntityDeclHandler = entity
    with suppress(expat.ExpatError):  # astropy says what is wrong
        parser.Parse(content, True)


def _bytes_of_votable(content: bytes) -> int:
    """How many bytes the arrays of a VOTable take, by nrows and arraysize."""
    told = [int(number) for number in re.findall(rb"""\bnrows\s*=\s*["'](\d{1,18})""", content)]
    width = 0
    for field in re.findall(rb"<(?:\w{1,20}:)?FIELD\b[^<>]{0,5000}", content):
        size = re.search(rb"""\barraysize\s*=\s*["'](\d[\dx]{0,60})""", field)
        n = math.prod(int(one) for one in size[1].split(b"x") if one) if size else 1
        is_text = re.search(rb"""\bdatatype\s*=\s*["'](char|unicodeChar)""", field) is not None
        if not is_text and n > len(content):
            raise ValueError(f"a field has an arraysize of {n}, more than a row can hold")
        width += 4 * n if is_text else 9 * n
    return width * max([1, content.count(b"<TR"), *told])


def _need_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(f'parquet files need pyarrow: pip install "hpmask[parquet]" ({error})') from error


def _read_parquet(file: IO[bytes], path: Path) -> Table:
    from pyarrow import compute, parquet, types

    content = io.BytesIO(file.read())
    schema = parquet.read_schema(content)
    is_text = types.is_string, types.is_large_string, types.is_binary, types.is_large_binary
    texts = [field.name for field in schema if any(kind(field.type) for kind in is_text)]
    # A repeated text is in the file once, and is looked at once.
    packed = parquet.ParquetFile(content, read_dictionary=texts)
    advice = "give a Table of the columns that are needed"
    n_rows, width = packed.metadata.num_rows, 8 * packed.metadata.num_columns
    _check_memory(n_rows * width, path, advice)
    for name in texts:
        # astropy writes the length of the longest text; each row takes as much.
        longest = int((schema.metadata or {}).get(f"table::len::{name}".encode(), 0))
        for batch in packed.iter_batches(columns=[name]):
            column = getattr(batch.column(0), "dictionary", batch.column(0))
            longest = max(longest, compute.max(compute.binary_length(column)).as_py() or 0)
        width += 4 * longest
    _check_memory(n_rows * width, path, advice)
    content.seek(0)
    return Table.read(content, format="parquet")


def _read_fits(path: Path, hdu: int | str | None, unsuitable: Callable[[Table, str], str | None]) -> tuple[Table, str]:
    """The table that is named, or the first one of use."""
    with _reading(path, "fits"):
        units = units_of(path)
        names = [name_of(unit) for unit in units]
        tables = {i for i, unit in enumerate(units) if is_table(unit)}
    if hdu is not None:
        tables = {_chosen(names, tables, hdu, path)}
    reasons = []
    # Published catalogs have sums that were right before the last change.
    each = loaded(path, tables, sums=False)
    for number in sorted(tables):
        with _reading(path, "fits"):
            # As it stands in the file, as a Table, and its positions and their copies.
            _check_memory(4 * units[number].size, path, "unpack the file first, if it is right")
            _, found = next(each)
            table = _of_hdu(found)
        source = f"{path.name!r}, table {names[number] or number}"
        why = None if hdu is not None else unsuitable(table, source)
        if why is None:
            return table, source
        reasons.append(why)
    raise UnsuitableTable("; ".join(reasons) or f"{path.name!r} holds no table")


def _chosen(names: list[str], tables: set[int], hdu: int | str, path: Path) -> int:
    """The number of the requested table."""
    found = [i for i, name in enumerate(names) if hdu == i or str(hdu).strip().upper() == name]
    if not found:
        listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names[:20]))
        raise ValueError(f"{path.name!r} has no HDU {hdu!r}; it has {listed}")
    if found[0] not in tables:
        raise ValueError(f"HDU {hdu!r} of {path.name!r} is not a table")
    return found[0]
