"""HATS catalogs as files: partitions of a catalog by HEALPix cells, each a parquet file, and the files beside them.

A HATS catalog is a folder with ``hats.properties``, ``partition_info.csv`` and the folder ``dataset``. A partition has
the rows whose positions (ICRS) lie in one cell, and the column ``_healpix_29`` has their NESTED cells of order 29. A
collection is a folder with ``collection.properties``, which names the folder of its main catalog. See the IVOA note at
https://www.ivoa.net/documents/Notes/HATS/. The package hats is not needed, and pyarrow is needed for the rows only.
"""

from __future__ import annotations

import csv
import io
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.io import votable
from numpy.typing import NDArray

from hpmask._files.digest import short_digest
from hpmask._files.faults import content_faults, naming
from hpmask._files.tables import check_links
from hpmask._files.urls import as_place, filesystem_of, is_url, name_of_place
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.words import listed

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SPATIAL_INDEX", "HatsFolder", "Partition", "is_hats", "need_pyarrow", "partition_path"]

SPATIAL_INDEX = "_healpix_29"
"""The column of NESTED cells of order 29."""

_PROPERTIES = ("hats.properties", "properties")
_COLLECTION = "collection.properties"

# No properties are longer, and no list of partitions: that of 12 * 4**9 partitions has 40 MB.
_MOST_PROPERTIES = 1 << 20
_MOST_PARTITIONS = 64 << 20

# The key of a VOTable in the metadata of parquet, and the most bytes of it that are parsed.
_VOTABLE = b"IVOA.VOTable-Parquet.content"
_MOST_VOTABLE = 16 << 20

# Rows in memory may take this many times the size of their file, and a fixed number of bytes more.
_RATIO = 50
_ALLOWANCE = 200 << 20


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The cell of a partition: its order and its NESTED number."""

    order: int
    pixel: int

    @property
    def start(self) -> int:
        """The first cell of order 29 in it."""
        return self.pixel << 2 * (MAX_ORDER - self.order)

    @property
    def stop(self) -> int:
        """The cell of order 29 behind the last one in it."""
        return (self.pixel + 1) << 2 * (MAX_ORDER - self.order)

    def __str__(self) -> str:
        return f"Norder={self.order}, Npix={self.pixel}"


def partition_path(partition: Partition, suffix: str = ".parquet") -> str:
    """The path of a partition in the folder ``dataset``, with slashes."""
    folder = partition.pixel // 10_000 * 10_000
    return f"Norder={partition.order}/Dir={folder}/Npix={partition.pixel}{'' if suffix in '/' else suffix}"


def need_pyarrow() -> None:
    """Raise an ImportError that names the extra, unless pyarrow is installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(f'parquet files need pyarrow: pip install "hpmask[parquet]" ({error})') from error


def is_hats(path: Any) -> bool:
    """Whether something is the path or URL of a HATS catalog or collection: of a folder with such properties."""
    if not isinstance(path, str | os.PathLike):
        return False
    # A file by URL with a suffix is a table: each look for a name would cost a round trip.
    if is_url(path) and "." in name_of_place(str(path)):
        return False
    folder = _Folder(path)
    return any(folder.exists(name) for name in (*_PROPERTIES, _COLLECTION))


class _Folder:
    """A folder of files: a local one, or one at a URL that fsspec knows. Names in it have slashes."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        place = as_place(root)
        self.root = str(place)
        self._local: Path | None = None
        self._system: Any = None
        self._status: os.stat_result | None = None
        if isinstance(place, Path):
            self._local = place
        else:
            self._system, self._base = filesystem_of(place)

    @property
    def is_local(self) -> bool:
        return self._local is not None

    def remember(self) -> None:
        """Keep in mind which folder this is."""
        if self._local is not None:
            self._status = os.stat(self._local)

    def check_same(self) -> None:
        """Raise if another folder has the name now: a file that is opened by its path may be of either."""
        if self._local is None or self._status is None:
            return
        if not os.path.samestat(os.stat(self._local), self._status):
            raise ValueError(f"{self.root}: the folder was replaced while it was read: read it again")

    def path(self, name: str) -> str:
        """The full path or URL of a file in it."""
        return f"{self.root.rstrip('/')}/{name}" if self._local is None else str(self._local / name)

    def _remote(self, name: str) -> str:
        return f"{self._base.rstrip('/')}/{name}"

    def exists(self, name: str) -> bool:
        return (self._local / name).is_file() if self._local is not None else self._system.isfile(self._remote(name))

    def size(self, name: str) -> int:
        return os.path.getsize(self.path(name)) if self.is_local else int(self._system.size(self._remote(name)))

    def files(self, name: str) -> list[str]:
        """The names of the files in a folder, with the folder, sorted."""
        found = os.listdir(self.path(name)) if self.is_local else self._system.ls(self._remote(name), detail=False)
        return sorted(f"{name}/{str(one).rstrip('/').rpartition('/')[2]}" for one in found)

    def open(self, name: str) -> IO[bytes]:
        """Open a file in it for reading."""
        if self._local is not None:
            return open(self._local / name, "rb")
        file: IO[bytes] = self._system.open(self._remote(name), "rb")
        return file

    def text(self, name: str, most: int) -> str:
        """The text of a file that is not larger than `most` bytes."""
        with naming(self.path(name)), self.open(name) as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise ValueError(f"{self.path(name)}: the file is larger than {most >> 20} MiB")
        return content.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class HatsFolder:
    """A HATS catalog in a folder or at a URL.

    Attributes
    ----------
    path : str
        The folder of the catalog; for a collection, that of its main catalog.
    properties : dict of str
        The content of ``hats.properties``.
    partitions : list of Partition
        The cells that have partitions, along the NESTED curve.
    """

    path: str
    properties: dict[str, str]
    partitions: list[Partition]
    _folder: _Folder = field(repr=False, compare=False)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> HatsFolder:
        """Read the properties and the list of partitions of a catalog, or of the main catalog of a collection.

        Raises
        ------
        FileNotFoundError
            If there is no HATS catalog.
        ValueError
            If the properties or the list of partitions are not valid; the message begins with the path of the file.
        """
        folder = _Folder(path)
        for _ in range(2):
            name = next((name for name in _PROPERTIES if folder.exists(name)), None)
            if name is not None:
                break
            if not folder.exists(_COLLECTION):
                raise FileNotFoundError(f"there is no HATS catalog {folder.root!r}: it has no hats.properties")
            main = _parsed(folder.text(_COLLECTION, _MOST_PROPERTIES)).get("hats_primary_table_url", "")
            if not main:
                raise ValueError(f"{folder.path(_COLLECTION)}: hats_primary_table_url, the main catalog, is missing")
            folder = _Folder(main if is_url(main) or os.path.isabs(main) else folder.path(main))
        else:
            raise ValueError(f"{folder.root}: the main catalog of a collection must be a catalog, not a collection")
        folder.remember()
        properties = _parsed(folder.text(name, _MOST_PROPERTIES))
        for key in ("dataproduct_type", "obs_collection"):
            if key not in properties:
                raise ValueError(f"{folder.path(name)}: {key} is missing")
        partitions = _partitions(folder)
        folder.check_same()
        return cls(folder.root, properties, partitions, folder)

    # ------------------------------------------------------------------ properties

    @property
    def name(self) -> str:
        """The name of the catalog."""
        return self.properties["obs_collection"]

    @property
    def kind(self) -> str:
        """The type of the catalog: "object", "source", "map", "margin", "association" or "index"."""
        return self.properties["dataproduct_type"]

    @property
    def lonlat(self) -> tuple[str, str] | None:
        """The columns of right ascension and declination (ICRS, in degrees); None if they are not named."""
        lon, lat = self.properties.get("hats_col_ra"), self.properties.get("hats_col_dec")
        return (lon, lat) if lon and lat else None

    @property
    def index(self) -> tuple[str, int] | None:
        """The column of cells and their order; None if there is none."""
        name = self.properties.get("hats_col_healpix", "")
        if not name:
            return None
        text = self.properties.get("hats_col_healpix_order", str(MAX_ORDER))
        return name, _number(text, MAX_ORDER, f"{self.path}: hats_col_healpix_order")

    @property
    def n_rows(self) -> int | None:
        """The number of rows that the properties tell."""
        text = self.properties.get("hats_nrows", "")
        return int(text) if text.isascii() and text.isdigit() else None

    # ------------------------------------------------------------------ files

    def exists(self, name: str) -> bool:
        """Whether there is a file in the folder, such as "point_map.fits"."""
        return self._folder.exists(name)

    def file(self, name: str) -> IO[bytes]:
        """Open a file in the folder for reading."""
        return self._folder.open(name)

    def path_of(self, name: str) -> str:
        """The path or URL of a file in the folder."""
        return self._folder.path(name)

    def digest(self) -> str:
        """The first digits of the SHA-256 digest of the properties: the number of rows, the time of the making."""
        name = next(name for name in _PROPERTIES if self.exists(name))
        with naming(self.path_of(name)), self._folder.open(name) as file:
            return short_digest(file.read(_MOST_PROPERTIES))

    def units(self) -> dict[str, u.UnitBase]:
        """The units of columns, by their names: from the metadata of fields, and the VOTable in that of the data set.

        A VOTable in the metadata of parquet is described in the IVOA note "VOParquet". One that cannot be read says
        nothing about units.
        """
        schema = self.schema()
        text = (schema.metadata or {}).get(_VOTABLE, b"")
        found: dict[str, u.UnitBase] = {}
        if text and len(text) <= _MOST_VOTABLE:
            with warnings.catch_warnings(), suppress(Exception):
                warnings.simplefilter("ignore")
                check_links(text)
                fields = votable.parse(io.BytesIO(text), verify="ignore").get_first_table().fields
                found = {field.name: field.unit for field in fields if field.unit is not None}
        for column in schema:
            if unit := (column.metadata or {}).get(b"unit", b"").decode("utf-8", errors="replace"):
                found[column.name] = u.Unit(unit, parse_strict="silent")
        return {name: unit for name, unit in found.items() if name in schema.names}

    def schema(self) -> pa.Schema:
        """The columns, from the metadata of the data set or else from the first partition.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        ValueError
            If there is neither, or the file is damaged.
        """
        need_pyarrow()
        from pyarrow import parquet

        for name in ("dataset/_common_metadata", "dataset/_metadata"):
            if self.exists(name):
                with _faults(self.path_of(name)), self._folder.open(name) as file:
                    return parquet.read_schema(file)
        if not self.partitions:
            raise ValueError(f"{self.path}: there is no partition and no dataset/_common_metadata to know the columns")
        with self.opened(self.partitions[0]) as files:
            return files[0].schema_arrow

    @contextmanager
    def opened(self, partition: Partition) -> Iterator[list[Any]]:
        """The parquet files of a partition, opened: one, or several if partitions are folders of files.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is no such file, it is damaged, or the folder was replaced since it was opened.
        """
        need_pyarrow()
        from pyarrow import parquet

        suffix = self.properties.get("hats_npix_suffix", ".parquet")
        name = f"dataset/{partition_path(partition, suffix)}"
        names = self._folder.files(name) if suffix in ("/", "\\") else [name]
        with naming(self.path_of(name)), ExitStack() as stack:
            files = []
            for one in names:
                file = stack.enter_context(self._folder.open(one))
                with _faults(self.path_of(one)):
                    packed = parquet.ParquetFile(file)
                    self._check_size(packed, one)
                files.append(packed)
            self._folder.check_same()
            yield files

    def _check_size(self, packed: Any, name: str) -> None:
        """Raise if rows would take memory out of proportion to their file."""
        n_bytes = packed.metadata.num_rows * 8
        size = self._folder.size(name)
        if n_bytes > _RATIO * size + _ALLOWANCE:
            raise ValueError(
                f"a column would take {n_bytes} bytes of memory, more than {_RATIO} times the {size} bytes of the "
                f"file and {_ALLOWANCE >> 20} MiB"
            )

    def read(self, partition: Partition, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a partition.

        Parameters
        ----------
        partition : Partition
            One of the partitions.
        columns : sequence of str, optional
            The columns to read, by default all.

        Returns
        -------
        pyarrow.Table

        Raises
        ------
        FileNotFoundError, ImportError, ValueError
            As in `opened`.
        """
        import pyarrow as pa

        with self.opened(partition) as files, _faults(f"{self.path}, partition {partition}"):
            tables = [file.read(columns=None if columns is None else list(columns)) for file in files]
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables)

    def ranges(self) -> NDArray[np.uint64]:
        """The cells of order 29 of each partition, ``[start, stop)``, shape (n, 2)."""
        pairs = [(partition.start, partition.stop) for partition in self.partitions]
        return np.array(pairs, dtype=np.uint64).reshape(-1, 2)


# ---------------------------------------------------------------------- texts


@contextmanager
def _faults(path: str) -> Iterator[None]:
    """Raise any error of pyarrow as one of the file. Those of the disk and the memory stay what they are."""
    with naming(path), content_faults(f"{path}: the file cannot be read as parquet"):
        yield


def _parsed(text: str) -> dict[str, str]:
    """The keys and values of a text of Java properties: ``key=value``, with comments, escapes and continued lines."""
    result: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        line = line.lstrip()
        if not line or line[0] in "#!":
            continue
        while (len(line) - len(line.rstrip("\\"))) % 2:
            line = line[:-1] + next(lines, "").lstrip()
        match = re.match(r"((?:[^\\=:\s]|\\.)+)\s*[=:]?\s*(.*)", line)
        if match is not None:
            key, value = (re.sub(r"\\(.)", r"\1", part) for part in match.groups())
            result[key] = value.rstrip()
    return result


def _number(text: str, most: int, what: str) -> int:
    """An integer from 0 to `most`."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise ValueError(f"{what} must be an integer from 0 to {most}, got {text[:50]!r}")
    return int(text)


def _partitions(folder: _Folder) -> list[Partition]:
    """The partitions, from ``partition_info.csv`` or else from the metadata of the data set."""
    if folder.exists("partition_info.csv"):
        found = _of_csv(folder.text("partition_info.csv", _MOST_PARTITIONS), folder.path("partition_info.csv"))
    elif folder.exists("dataset/_metadata"):
        found = _of_metadata(folder)
    else:
        raise ValueError(
            f"{folder.root}: the partitions are not known, without partition_info.csv or dataset/_metadata"
        )
    return sorted(set(found), key=lambda partition: (partition.start, partition.order))


def _of_csv(text: str, path: str) -> list[Partition]:
    with content_faults(f"{path}: the file cannot be read as CSV"):
        rows = list(csv.reader(io.StringIO(text)))
    names = [name.strip() for name in rows[0]] if rows else []
    if not {"Norder", "Npix"} <= set(names):
        raise ValueError(f"{path}: the columns must be Norder and Npix, got {listed(names) or 'none'}")
    columns = names.index("Norder"), names.index("Npix")
    found = []
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) <= max(columns):
            raise ValueError(f"{path}: line {number} has {len(row)} fields")
        order = _number(row[columns[0]], MAX_ORDER, f"{path}: Norder in line {number}")
        found.append(
            Partition(order, _number(row[columns[1]], (12 << 2 * order) - 1, f"{path}: Npix in line {number}"))
        )
    return found


def _of_metadata(folder: _Folder) -> list[Partition]:
    need_pyarrow()
    from pyarrow import parquet

    path = folder.path("dataset/_metadata")
    with _faults(path), folder.open("dataset/_metadata") as file:
        metadata = parquet.read_metadata(file)
        names = {metadata.row_group(i).column(0).file_path for i in range(metadata.num_row_groups)}
    matches = [re.search(r"Norder=(\d{1,2})/.*Npix=(\d{1,19})\b", name) for name in names]
    found = []
    for match in matches:
        if match is not None:
            order = _number(match[1], MAX_ORDER, f"{path}: Norder")
            found.append(Partition(order, _number(match[2], (12 << 2 * order) - 1, f"{path}: Npix")))
    return found
