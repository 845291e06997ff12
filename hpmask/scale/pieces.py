"""Catalogs in pieces that are read on their own: parquet files, HATS catalogs, partitions of Dask, tables."""

from __future__ import annotations

import glob
import hashlib
import io
import os
import pickle
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from hpmask._files import tables
from hpmask._files.digest import digest_of
from hpmask._files.faults import content_faults, naming
from hpmask._files.hats_folder import HatsFolder, is_hats, need_pyarrow, partition_path
from hpmask._files.tables import PARQUET, is_partitioned
from hpmask._files.urls import as_place, filesystem_of, is_url, name_of_place, open_url
from hpmask._utils.parallel import thread_map
from hpmask._utils.words import counted
from hpmask.catalog import files
from hpmask.catalog.parts import with_units

__all__ = ["Catalog", "Piece", "in_pieces", "tables_of"]

# Rows of a table at a time: a few hundred bytes of memory each.
CHUNK_ROWS = 1 << 20
# Rows of a piece, where its file has more and can be divided.
PIECE_ROWS = 4 << 20

# A longer footer is damaged.
_MOST_FOOTER = 1 << 30


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a catalog that are read on their own.

    Attributes
    ----------
    name : str
        Its name in messages, such as "part-003.parquet".
    identity : str
        A text that changes when its rows change.
    n_rows : int or None
        The number of its rows; None if it is not known.
    first : int
        The number of its first row in its file or partition.
    place : str, path or None
        The parquet file.
    groups : tuple of int
        The row groups of the file.
    table : object
        The rows, if they are in memory.
    """

    name: str
    identity: str
    n_rows: int | None
    first: int = 0
    place: Any = None
    groups: tuple[int, ...] = ()
    table: Any = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """A catalog in pieces.

    Attributes
    ----------
    source : str
        What it is, for the history and messages.
    pieces : list of Piece
        The pieces.
    delayed : list
        The rows of each piece, if they are partitions of Dask.
    lon, lat, frame : str or None
        The columns of positions and their frame, if the catalog says so.
    units : dict of str to unit
        The units of columns that the files do not know.
    example : `~astropy.table.Table` or None
        The columns, with two rows that are made up; None if they are not known.
    """

    source: str
    pieces: list[Piece]
    delayed: list[Any] | None = None
    lon: str | None = None
    lat: str | None = None
    frame: str | None = None
    example: Table | None = None
    units: dict[str, Any] = field(default_factory=dict)


def in_pieces(source: Any, lon: str | None = None, lat: str | None = None) -> Catalog:
    """The pieces of a catalog; the argument is that of `hpmask.scale.from_catalog`.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no parquet file in a folder.
    ImportError
        If a package that reads the files is missing.
    TypeError, ValueError
        If it is not a catalog, or a file is damaged.
    """
    if is_partitioned(source):
        return _of_dask(source)
    if isinstance(source, Sequence) and not isinstance(source, str) and source and all(map(_is_place, source)):
        return _of_files([as_place(one) for one in source], f"{len(source)} files")
    if not _is_place(source):
        return _of_table(*files.load(source, lon, lat))
    if is_hats(source):
        return _of_hats(HatsFolder.open(source))
    place = as_place(source)
    found = _listed(place)
    if found is not None:
        if not found:
            raise FileNotFoundError(f"there is no parquet file in {str(place)!r}")
        return _of_files(found, f"{name_of_place(place)!r}, {counted(len(found), 'file')}")
    if name_of_place(place).lower().endswith(PARQUET):
        return _of_files([place], repr(name_of_place(place)))
    if is_url(place):
        raise ValueError(f"a catalog by URL must be a parquet file, a folder of them or a HATS catalog, got {place!r}")
    table, name = files.load(place, lon, lat)
    return _of_table(table, f"{name}, sha256 {digest_of(place)}")


def tables_of(piece: Piece, columns: Sequence[str] | None, rows: Any = None) -> Iterator[tuple[int, Table]]:
    """The rows of a piece as tables of a limited number of rows, each with the number of its first row.

    `rows` are those of a partition of Dask. By default all columns are read.
    """
    if piece.place is not None:
        with _opened(piece.place) as file:
            yield from _of_parquet(file, piece, columns)
        return
    table = piece.table if rows is None else rows
    for start in range(0, max(len(table), 1), CHUNK_ROWS):
        some = table[start : start + CHUNK_ROWS]
        if columns is not None:
            some = some[list(columns)]
        yield piece.first + start, tables.load(some)[0]


def _is_place(source: Any) -> bool:
    return isinstance(source, str | os.PathLike)


def _listed(place: Path | str) -> list[Path | str] | None:
    """The parquet files in a folder, also in folders in it, or those of a pattern; None if it is neither."""
    if isinstance(place, Path):
        if place.is_dir():
            some: Iterable[Path] = place.rglob("*")
        elif re.search(r"[*?[]", str(place)) and not place.exists():
            some = map(Path, glob.glob(str(place), recursive=True))
        else:
            return None
        return sorted(one for one in some if _is_data(str(one.relative_to(place)) if place.is_dir() else one.name))
    system, path = filesystem_of(place)
    if "*" in path:
        names = system.glob(path)
    elif not name_of_place(place).lower().endswith(PARQUET) and system.isdir(path):
        names = system.find(path)
    else:
        return None
    return sorted(system.unstrip_protocol(name) for name in names if _is_data(name.removeprefix(path)))


def _is_data(name: str) -> bool:
    """Whether a file holds rows: names that begin with a dot or an underscore are for other things."""
    parts = [part for part in re.split(r"[/\\]", name) if part]
    return name.lower().endswith(PARQUET) and not any(part.startswith((".", "_")) for part in parts)


@contextmanager
def _opened(place: Path | str) -> Iterator[IO[bytes]]:
    if isinstance(place, Path):
        with open(place, "rb") as file:
            yield file
    else:
        with open_url(place) as file:
            yield file


# ---------------------------------------------------------------------- parquet


def _of_files(places: Sequence[Path | str], source: str) -> Catalog:
    need_pyarrow()
    for place in places:
        if isinstance(place, Path) and not place.is_file():
            raise FileNotFoundError(f"there is no catalog file {str(place)!r}")
    names = _short_names(places)
    found = list(thread_map(lambda pair: _of_file(*pair), list(zip(places, names, strict=True)), 8))
    pieces = [piece for some, _ in found for piece in some]
    digest = hashlib.sha256("\n".join(piece.identity for piece in pieces).encode()).hexdigest()[:12]
    return Catalog(f"{source}, sha256 of their footers {digest}", pieces, example=_example(found[0][1]))


def _short_names(places: Sequence[Path | str]) -> list[str]:
    """The names of files, as short as they differ."""
    names = [name_of_place(place) for place in places]
    if len(set(names)) == len(names):
        return names
    texts = [str(place).replace(os.sep, "/") for place in places]
    base = commonpath(texts).rpartition("/")[0]
    return [text.removeprefix(base).lstrip("/") for text in texts]


def _of_file(place: Path | str, name: str) -> tuple[list[Piece], Table]:
    """The pieces of a parquet file, and a table without rows that has its columns."""
    from pyarrow import parquet

    with _opened(place) as file, _faults(name):
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 8, 0))
        length = int.from_bytes(file.read(4), "little")
        if end < 12 or file.read(4) != b"PAR1" or length > min(end - 12, _MOST_FOOTER):
            raise ValueError("it has no footer")
        file.seek(end - 8 - length)
        # Statistics and checksums of the rows are in the footer.
        digest = hashlib.sha256(file.read(length)).hexdigest()
        time = place.stat().st_mtime_ns if isinstance(place, Path) else ""
        file.seek(0)
        packed = parquet.ParquetFile(file)
        metadata = packed.metadata
        sizes = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
        head = _head(packed.schema_arrow)
    identity = f"{place}, {end} bytes, {time}, {digest}"
    pieces, first, groups, n_rows = [], 0, [], 0
    for k, size in enumerate(sizes):
        groups.append(k)
        n_rows += size
        if n_rows + size > PIECE_ROWS or k == len(sizes) - 1:
            pieces.append(Piece(name, f"{identity}, row groups {groups}", n_rows, first, place, tuple(groups)))
            first, groups, n_rows = first + n_rows, [], 0
    return pieces, head


@contextmanager
def _faults(name: str) -> Iterator[None]:
    """Raise any error of pyarrow as one of the file. Those of the disk and the memory stay what they are."""
    with naming(name), content_faults(f"{name!r} cannot be read as parquet"):
        yield


def _as_astropy(arrow: Any) -> Table:
    """What `astropy.table.Table.read` makes of a parquet file with these rows."""
    from pyarrow import compute, parquet, types

    # With the lengths of texts, astropy has nothing to warn of. Warnings cannot be ignored on one thread alone.
    notes = dict(arrow.schema.metadata or {})
    for one, column in zip(arrow.schema, arrow.columns, strict=True):
        if types.is_string(one.type) or types.is_large_string(one.type) or types.is_binary(one.type):
            longest = compute.max(compute.binary_length(column)).as_py() or 1
            notes.setdefault(f"table::len::{one.name}".encode(), str(longest).encode())
    buffer = io.BytesIO()
    arrow = arrow.replace_schema_metadata(notes)
    parquet.write_table(arrow, buffer, compression="none", use_dictionary=False, write_statistics=False)
    buffer.seek(0)
    return Table.read(buffer, format="parquet")


def _head(schema: Any) -> Table:
    """The columns of parquet files with a schema, without rows."""
    import pyarrow as pa
    from pyarrow import types

    known = types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string
    if b"table_meta_yaml" not in (schema.metadata or {}):
        # Of lists and others, only the names count here.
        plain = [one if any(kind(one.type) for kind in known) else pa.field(one.name, pa.int64()) for one in schema]
        schema = pa.schema(plain, metadata=schema.metadata)
    return _as_astropy(schema.empty_table())


def _example(head: Table) -> Table | None:
    """A table with the columns of another one, and two rows that are made up; None if it has columns of objects."""
    made = []
    for column in head.columns.values():
        if type(column) not in (Column, MaskedColumn):
            return None
        values = np.ones(2, column.dtype) if column.dtype.kind in "biuf" else np.array(["", ""])
        if column.ndim > 1:
            values = np.ones((2, *column.shape[1:]), column.dtype)
        made.append(Column(values, name=column.name, unit=column.unit, meta=column.meta))
    return Table(made, meta=head.meta, copy=False)


def _of_parquet(file: IO[bytes], piece: Piece, columns: Sequence[str] | None) -> Iterator[tuple[int, Table]]:
    import pyarrow as pa
    from pyarrow import parquet, types

    with _faults(piece.name):
        packed = parquet.ParquetFile(file)
        schema = packed.schema_arrow
        # Columns of astropy may be made from several columns of the file.
        if columns is not None and b"__serialized_columns__" in (schema.metadata or {}).get(b"table_meta_yaml", b""):
            columns = None
        wanted = None if columns is None else [name for name in columns if name in schema.names]
        batches = packed.iter_batches(batch_size=CHUNK_ROWS, row_groups=list(piece.groups), columns=wanted)
    first = piece.first
    head: Table | None = None
    while True:
        with _faults(piece.name):
            batch = next(batches, None)
            if batch is None:
                break
            if head is None:
                head = _head(batch.schema)
            plain = all(
                (types.is_floating(one.type) or types.is_integer(one.type)) and not column.null_count
                for one, column in zip(batch.schema, batch.columns, strict=True)
            )
            if (
                plain
                and head.colnames == batch.schema.names
                and all(type(one) is Column for one in head.columns.values())
            ):
                table = _with_data(head, batch)
            else:
                table = _as_astropy(pa.Table.from_batches([batch]))
        yield first, table
        first += len(table)


def _with_data(head: Table, batch: Any) -> Table:
    """A table with the columns, units and notes of another one, and the rows of a batch. Nothing is copied."""
    made = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        like = head[name]
        values = column.to_numpy(zero_copy_only=False)
        made.append(Column(values, name=name, unit=like.unit, description=like.description, meta=like.meta, copy=False))
    return Table(made, meta=head.meta, copy=False)


def _of_hats(catalog: HatsFolder) -> Catalog:
    if catalog.kind not in ("object", "source"):
        raise ValueError(f"{catalog.path} is a HATS catalog of the type {catalog.kind!r}, which has no sources")
    suffix = catalog.properties.get("hats_npix_suffix", ".parquet")
    paths = [catalog.path_of(f"dataset/{partition_path(one, suffix)}") for one in catalog.partitions]
    places: list[Path | str] = []
    for path in paths:
        place = as_place(path)
        places += (_listed(place) or []) if suffix in ("/", "\\") else [place]
    found = _of_files(places, f"HATS catalog {catalog.name!r}, {counted(len(catalog.partitions), 'partition')}")
    lon, lat = catalog.lonlat or (None, None)
    units = catalog.units()
    example = None if found.example is None else with_units(found.example, units)
    return Catalog(found.source, found.pieces, None, lon, lat, None if lon is None else "icrs", example, units)


# ---------------------------------------------------------------------- Dask and tables


def _of_dask(source: Any) -> Catalog:
    """The partitions of a Dask DataFrame or of an lsdb catalog."""
    from dask.dataframe.dispatch import make_meta

    delayed = source.to_delayed()
    properties = getattr(getattr(getattr(source, "hc_structure", None), "catalog_info", None), "__dict__", {})
    lon, lat = properties.get("ra_column"), properties.get("dec_column")
    # The keys of Dask are made from what a partition is computed from.
    pieces = [Piece("", str(one.key), None) for one in delayed]
    what = f"{type(source).__name__} of {counted(len(pieces), 'partition')}"
    meta = getattr(source, "meta", None)
    meta = make_meta(source) if meta is None else meta
    example = _example(tables.load(meta.reset_index(drop=True))[0])
    return Catalog(what, pieces, list(delayed), lon, lat, None if lon is None else "icrs", example)


def _of_table(table: Table, source: str) -> Catalog:
    pieces = []
    for start in range(0, max(len(table), 1), CHUNK_ROWS):
        some = table[start : start + CHUNK_ROWS]
        digest = hashlib.sha256(pickle.dumps(some)).hexdigest()
        pieces.append(Piece("", digest, len(some), start, table=some))
    return Catalog(source, pieces, example=_example(table[:0]))
