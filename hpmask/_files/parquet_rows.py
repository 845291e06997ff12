"""Parquet files row group by row group: pieces that fit into memory, and files that are packed as another one is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Self

from astropy.table import Column, Table, meta

from hpmask._files.faults import content_faults
from hpmask._files.hats_folder import need_pyarrow
from hpmask._files.tables import plain_values

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "RowWriter",
    "as_table",
    "bounds",
    "header_of",
    "is_one_piece",
    "opened",
    "pieces",
    "with_fields",
    "writer_options",
]

# A row group that takes more memory than this is read in pieces of so many bytes and rows.
_MOST_BYTES = 128 << 20
_MOST_ROWS = 1 << 20

# Bytes of a column that are read from the file at a time.
_BUFFER = 1 << 20

# Rows of a row group that is written: fewer where the row groups that are read have fewer.
_LEAST_ROWS = 1 << 14

# Where astropy keeps the units of columns and the metadata of tables.
_ASTROPY = b"table_meta_yaml"

# Names of codecs that differ between reading and writing.
_CODECS = {"UNCOMPRESSED": "NONE"}

_ENCODINGS = ("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT")


def opened(file: IO[bytes], name: str, metadata: Any = None) -> Any:
    """A parquet file, as pyarrow has it. `metadata`, where it has been read before, is not read again.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If it cannot be read.
    """
    need_pyarrow()
    from pyarrow import parquet

    with content_faults(f"{name} cannot be read as parquet"):
        # Without read-ahead, and with a buffer: otherwise all bytes of a row group would be in memory.
        return parquet.ParquetFile(file, metadata=metadata, pre_buffer=False, buffer_size=_BUFFER)


def is_one_piece(of: Any) -> bool:
    """Whether a row group, of which this is the metadata, is read at once."""
    return bool(of.total_byte_size <= _MOST_BYTES and of.num_rows <= 4 * _MOST_ROWS)


def pieces(file: Any, group: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a row group: one table, or several if they take much memory."""
    import pyarrow as pa

    names = None if columns is None else list(columns)
    of = file.metadata.row_group(group)
    if is_one_piece(of):
        yield file.read_row_group(group, columns=names, use_threads=False)
        return
    rows = max(1, min(_MOST_ROWS, of.num_rows * _MOST_BYTES // of.total_byte_size))
    for batch in file.iter_batches(rows, row_groups=[group], columns=names, use_threads=False):
        yield pa.Table.from_batches([batch])


def bounds(file: Any, group: int, name: str) -> tuple[Any, Any] | None:
    """The least and the largest value of a column in a row group; None if they are not known, or values are missing."""
    of = file.metadata.row_group(group)
    for k in range(of.num_columns):
        column = of.column(k)
        if column.path_in_schema == name:
            told = column.statistics
            complete = told is not None and told.has_min_max and told.null_count == 0
            return (told.min, told.max) if complete else None
    return None


def header_of(schema: pa.Schema) -> tuple[dict[str, str], dict[str, Any]]:
    """The units of the columns, and the metadata of the table, if astropy wrote the file; else nothing."""
    text = (schema.metadata or {}).get(_ASTROPY)
    if text is None:
        return {}, {}
    with content_faults(f"the metadata {_ASTROPY.decode()}, which astropy wrote, cannot be read"):
        header = meta.get_header_from_yaml(text.decode("utf-8").split("\n"))
    units = {column["name"]: str(column["unit"]) for column in header["datatype"] if column.get("unit")}
    return units, dict(header.get("meta", {}))


def as_table(rows: pa.Table, units: dict[str, str], header: dict[str, Any]) -> Table:
    """Rows as a Table of astropy, with what `header_of` gave."""
    table = Table({name: plain_values(rows[name]) for name in rows.column_names}, copy=False)
    table.meta.update(header)
    for name in table.colnames:
        if name in units:
            table[name].unit = units[name]
    return table


def with_fields(schema: pa.Schema, fields: Sequence[pa.Field], columns: Sequence[Column]) -> pa.Schema:
    """A schema with more fields at its end. `columns` are the same for astropy, if it has written the file."""
    for field in fields:
        schema = schema.append(field)
    text = (schema.metadata or {}).get(_ASTROPY)
    if text is None:
        return schema
    lines = text.decode("utf-8").split("\n")
    added = meta.get_yaml_from_table(Table(list(columns)))
    place = _columns_of(lines).stop
    lines[place:place] = added[_columns_of(added)]
    return schema.with_metadata({**schema.metadata, _ASTROPY: "\n".join(lines).encode()})


def _columns_of(lines: list[str]) -> slice:
    """The list of columns in the text that astropy writes: from its key to the next key."""
    first = lines.index("datatype:") + 1
    return slice(first, next((k for k in range(first, len(lines)) if lines[k][:1] not in ("-", " ")), len(lines)))


def writer_options(metadata: Any, names: Sequence[str]) -> dict[str, Any]:
    """How the columns of a file are packed, as words for `pyarrow.parquet.ParquetWriter`: as in another file.

    Parameters
    ----------
    metadata : pyarrow.parquet.FileMetaData
        Of the other file.
    names : sequence of str
        The columns of the new one.
    """
    options: dict[str, Any] = {"compression": "zstd", "write_page_index": False}
    if not metadata.num_row_groups:
        return options
    of = metadata.row_group(0)
    columns = [of.column(k) for k in range(of.num_columns)]
    packed = {column.path_in_schema: _CODECS.get(column.compression, column.compression) for column in columns}
    kinds = set(packed.values())
    usual = max(kinds, key=list(packed.values()).count)
    new = {name: usual for name in names if not any(path.split(".")[0] == name for path in packed)}
    options["compression"] = usual if len(kinds) == 1 else {**packed, **new}
    dictionaries = [column.path_in_schema for column in columns if column.has_dictionary_page]
    options["use_dictionary"] = dictionaries or False
    special = {
        column.path_in_schema: next(one for one in _ENCODINGS if one in column.encodings)
        for column in columns
        if not column.has_dictionary_page and any(one in column.encodings for one in _ENCODINGS)
    }
    if special:
        options["column_encoding"] = special
    if of.sorting_columns:
        options["sorting_columns"] = of.sorting_columns
    options["write_page_index"] = any(column.has_column_index for column in columns)
    options["version"] = metadata.format_version
    return options


class RowWriter:
    """Writes tables one after another to a parquet file, in row groups that are not small.

    Parameters
    ----------
    file : binary file
        The file.
    schema : pyarrow.Schema
        The columns.
    options : dict
        As `writer_options` gives them.
    rows : int
        About how many rows a row group has.
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema, options: dict[str, Any], rows: int) -> None:
        from pyarrow import parquet

        self._writer = parquet.ParquetWriter(file, schema, **options)
        self._schema = schema
        self._rows = max(_LEAST_ROWS, min(rows, _MOST_ROWS))
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0
        self._n_bytes = 0

    def add(self, table: pa.Table) -> None:
        """Add the rows of a table."""
        if not table.num_rows:
            return
        self._waiting.append(table)
        self._n_waiting += table.num_rows
        self._n_bytes += table.nbytes
        if self._n_waiting >= self._rows or self._n_bytes >= _MOST_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._n_waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=max(self._n_waiting, 1))
        self._waiting, self._n_waiting, self._n_bytes = [], 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Write what is left, and the end of the file. After an error, only let go of the file."""
        if error is None:
            self._flush()
            self._writer.close()
        else:
            with suppress(Exception):
                self._writer.close()
