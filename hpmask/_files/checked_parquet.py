"""Parquet files of integers whose row groups are checked when they are read: all of them, or only some.

The description of a file is JSON in its key-value metadata, under ``hpmask``, and the SHA-256 digest of this text is
under ``hpmask_sha256``. The description has a list ``groups`` with an object for each row group: its number of rows,
``n_rows``, and under ``sha256`` the first 32 hexadecimal digits of the SHA-256 digest of its numbers, those of one
column after the other, as little-endian integers of 64 bits. A row group is therefore checked without the others. Only
the columns of 64-bit integers are checked and read. Other columns are for other programs.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hpmask._files.faults import is_of_the_machine
from hpmask._files.parquet_pages import unpacked_size
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.parallel import thread_map
from hpmask._utils.words import brief, listed

__all__ = ["MAGIC", "CheckedParquet", "Group", "pyarrow_parquet", "strange_description", "write_checked"]

MAGIC = b"PAR1"
"""The first bytes of a parquet file."""

Group = tuple[dict[str, Any], Mapping[str, Any]]
"""What is said of a row group, and its columns: arrays of numpy or pyarrow."""

_KEY, _DIGEST_KEY = "hpmask", "hpmask_sha256"

# Hexadecimal digits of the digest of a row group.
_DIGITS = 32

# In memory, the numbers may take this multiple of the size of their file, and a fixed number of bytes more. Regular
# numbers compress further: they are written without zstd, where 128 of them take five bytes at least.
_RATIO = 400
_ALLOWANCE = 200 << 20

# A page that says that it is larger than its numbers and this many bytes is not unpacked.
_EXTRA = 1 << 16


def pyarrow_parquet() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(f'parquet files need pyarrow: pip install "hpmask[parquet]" ({error})') from error
    return pyarrow, parquet


# ---------------------------------------------------------------------- writing


def write_checked(
    file: IO[bytes], schema: Any, groups: Callable[[], Iterable[Group]], description: Mapping[str, Any]
) -> str:
    """Write a file, a row group at a time.

    Parameters
    ----------
    file : binary file
        The file. It need not be seekable.
    schema : pyarrow.Schema
        The columns.
    groups : callable
        It returns an iterable of the row groups. Those without rows are left out.
    description : mapping
        What JSON can hold. The list "groups" is added to it.

    Returns
    -------
    str
        The digest of the description, 64 hexadecimal digits.
    """
    stream: Any = file
    # A gzipped file says that it is seekable, but what is written cannot be changed. It needs no other compression.
    if isinstance(stream, gzip.GzipFile) or not file.seekable():
        return _write(file, schema, groups(), description, "none")[0]
    start = file.tell()
    digest, n_bytes = _write(file, schema, groups(), description, "zstd")
    if n_bytes > _most(file.tell() - start):
        file.seek(start)
        digest, _ = _write(file, schema, groups(), description, "none")
    return digest


def _write(
    file: IO[bytes], schema: Any, groups: Iterable[Group], description: Mapping[str, Any], compression: str
) -> tuple[str, int]:
    """The digest of the description, and the bytes of the numbers in memory."""
    pyarrow, parquet = pyarrow_parquet()
    checked = _checked_columns(schema)
    delta = [field.name for field in schema if pyarrow.types.is_integer(field.type)]
    facts, n_bytes = [], 0
    with parquet.ParquetWriter(
        file,
        schema,
        compression=compression,
        use_dictionary=[name for name in schema.names if name not in delta],
        column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
        # Arrow's own copy of the schema says nothing new, and would be one more thing that may be damaged.
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        for fact, columns in groups:
            table = pyarrow.table([columns[name] for name in schema.names], schema=schema)
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)
                numbers = [np.asarray(columns[name], dtype=np.int64) for name in checked]
                facts.append({**fact, "n_rows": table.num_rows, "sha256": _digest(numbers)})
                n_bytes += sum(values.nbytes for values in numbers)
        text = json.dumps({**description, "groups": facts}, separators=(",", ":"))
        digest = hashlib.sha256(text.encode("ascii")).hexdigest()
        writer.add_key_value_metadata({_KEY: text, _DIGEST_KEY: digest})
    return digest, n_bytes


def _checked_columns(schema: Any) -> list[str]:
    return [field.name for field in schema if str(field.type) == "int64"]


def _digest(columns: Sequence[NDArray[np.int64]]) -> str:
    state = hashlib.sha256()
    for values in columns:
        state.update(np.ascontiguousarray(values, dtype="<i8").data)
    return state.hexdigest()[:_DIGITS]


def _most(size: int) -> int:
    """The most bytes that the numbers in a file of this size may take."""
    return _RATIO * size + _ALLOWANCE


# ---------------------------------------------------------------------- reading


class CheckedParquet:
    """A file of `write_checked` that is open for reading.

    Parameters
    ----------
    file : binary file
        The file, from its beginning. One that cannot be moved is read as a whole.

    Attributes
    ----------
    description : dict
        What is said of the file. Its digest has been checked.
    digest : str
        The digest of the description.
    groups : list of dict
        What is said of each row group.
    n_rows : list of int
        Number of rows of each row group.
    size : int
        Size of the file in bytes.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    MaskFormatError
        If it is not such a file, or is damaged.
    """

    def __init__(self, file: IO[bytes]) -> None:
        _, parquet = pyarrow_parquet()
        source = file if file.seekable() else io.BytesIO(file.read())
        self.size = size = source.seek(0, os.SEEK_END)
        source.seek(0)
        self._source = _Source(source)
        with _faults():
            self._file = parquet.ParquetFile(self._source, pre_buffer=True)
            metadata = self._file.metadata
            texts = metadata.metadata or {}
            schema = self._file.schema_arrow
            self._columns = _checked_columns(schema)
        if twice := [name for name in self._columns if schema.names.count(name) > 1]:
            raise MaskFormatError(f"the file is damaged: it has several columns of the name {listed(twice[:1])}")
        text = texts.get(_KEY.encode())
        if text is None:
            raise MaskFormatError(
                "this parquet file has no description of a mask, which is 'hpmask' in its key-value metadata: "
                "to make a mask of a table of objects, use Mask.from_catalog"
            )
        self.digest = hashlib.sha256(text).hexdigest()
        if texts.get(_DIGEST_KEY.encode()) != self.digest.encode("ascii"):
            raise MaskFormatError("the file is damaged: hpmask_sha256 is not the digest of its description")
        self.n_rows = found = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        with strange_description():
            self.description: dict[str, Any] = json.loads(text)
            self.groups: list[dict[str, Any]] = self.description["groups"]
            if found != [one["n_rows"] for one in self.groups]:
                raise MaskFormatError("the file is damaged: its row groups are not those of its description")
        if 8 * len(self._columns) * sum(found) > _most(size):
            raise MaskFormatError(f"its {size} bytes hold {sum(found)} rows, more than expected of a file of this size")

    def read(self, groups: Sequence[int]) -> dict[str, NDArray[np.int64]]:
        """The checked columns of some row groups, one group after the other.

        Raises
        ------
        MaskFormatError
            If a row group is damaged.
        """
        with _faults():
            self._source.expected = dict(self._chunks(groups))
            table = self._file.read_row_groups(list(groups), columns=self._columns)
            if self._source.expected:
                raise MaskFormatError("the file is damaged: its column chunks are not where its footer says")
            columns = {name: table.column(name).to_numpy() for name in self._columns}
        ends = np.cumsum([0, *(self.groups[i]["n_rows"] for i in groups)])
        for name, values in columns.items():
            if values.dtype != np.int64 or values.size != ends[-1]:
                raise MaskFormatError(f"the file is damaged: the column {name!r} does not have the numbers of its rows")

        def check(k: int) -> None:
            rows = slice(ends[k], ends[k + 1])
            if _digest([values[rows] for values in columns.values()]) != self.groups[groups[k]].get("sha256"):
                raise MaskFormatError(f"the file is damaged: row group {groups[k]} has other numbers than were written")

        list(thread_map(check, range(len(groups))))
        return columns

    def _chunks(self, groups: Sequence[int]) -> Iterator[tuple[tuple[int, int], int]]:
        """The place and the size of each column chunk, and the most bytes that its pages may take."""
        for i in groups:
            group = self._file.metadata.row_group(i)
            for k in range(group.num_columns):
                chunk = group.column(k)
                if chunk.path_in_schema in self._columns:
                    start = chunk.data_page_offset
                    if chunk.dictionary_page_offset is not None:
                        start = min(start, chunk.dictionary_page_offset)
                    yield (start, chunk.total_compressed_size), 9 * group.num_rows + _EXTRA


class _Source(io.RawIOBase):
    """A file for pyarrow, which checks the pages of column chunks when they are read.

    pyarrow reads column chunks as a whole, and neighbouring ones in one piece. The attribute `expected` has those that
    are to come: the place and size of each, and the most bytes that it may take when it is unpacked.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.expected: dict[tuple[int, int], int] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        start = self._file.tell()
        content = self._file.read(-1 if size is None else size)
        view = memoryview(content)
        for (place, length), most in list(self.expected.items()):
            if start <= place and place + length <= start + len(content):
                del self.expected[place, length]
                if unpacked_size(view[place - start : place - start + length]) > most:
                    raise MaskFormatError("a column would take more memory than its numbers need")
        return content


@contextmanager
def strange_description() -> Iterator[None]:
    """Raise as an error of the file where a description does not have what it should: it may come from anywhere."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise MaskFormatError(f"the description of the mask is not one of hpmask's: {what}") from error


@contextmanager
def _faults() -> Iterator[None]:
    """Raise what pyarrow raises for a damaged file as an error of the file. Errors of the disk stay what they are."""
    pyarrow, _ = pyarrow_parquet()
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        if is_of_the_machine(error):
            raise
        raise MaskFormatError(f"not a parquet file, or damaged: {brief(error)}") from error
