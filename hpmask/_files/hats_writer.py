"""HATS catalogs are written partition by partition, and take their place when they are complete."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hpmask._files.atomic import replacing_folder
from hpmask._files.hats_folder import SPATIAL_INDEX, Partition, is_hats, need_pyarrow, partition_path
from hpmask._files.hdu import write_hdu
from hpmask._files.new_file import new_file
from hpmask._utils.arguments import MAX_ORDER

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HatsWriter", "parquet_options", "split", "writing_hats"]

# Of the map of the number of rows: that of hats, or finer if partitions are.
_MAP_ORDER = 8
_ROW_GROUP = 100_000
_VERSION = "v1.0"
_KINDS = ("object", "source", "map", "margin")


@contextmanager
def writing_hats(
    path: str | os.PathLike[str], schema: pa.Schema, *, name: str | None = None, overwrite: bool = False, **words: Any
) -> Iterator[HatsWriter]:
    """A HATS catalog that is written beside its place, and gets its name when the block ends without an error.

    At no moment is there a folder of that name that is not complete. See `hpmask._files.atomic.place_folder` for the
    moment in which one is replaced.

    Parameters
    ----------
    path : str or path
        The folder.
    schema : pyarrow.Schema
        The columns.
    name : str, optional
        The name of the catalog, by default that of the folder.
    overwrite : bool, optional
        Whether a HATS catalog at `path` may be replaced.
    **words
        As for `HatsWriter`.

    Yields
    ------
    HatsWriter

    Raises
    ------
    FileExistsError
        If there is something at `path`, and `overwrite` is False or it is not a HATS catalog.
    FileNotFoundError
        If there is no such directory to write in.
    ImportError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> from hpmask._files.hats_folder import HatsFolder, Partition
    >>> from hpmask._files.hats_writer import writing_hats
    >>> stars = pa.table({"_healpix_29": [5, 7], "ra": [45.0, 45.0], "dec": [1e-7, 2e-7]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with writing_hats(f"{folder}/stars", stars.schema, lonlat=("ra", "dec")) as writer:
    ...         n_rows = writer.write(Partition(0, 0), stars)
    ...     HatsFolder.open(f"{folder}/stars").n_rows
    2
    """
    target = Path(os.path.realpath(path))
    name = target.name if name is None else name
    with (
        replacing_folder(target, overwrite=overwrite, obstacle=_obstacle) as folder,
        HatsWriter(folder, schema, name=name, **words) as made,
    ):
        yield made


def _obstacle(folder: Path) -> str | None:
    return None if is_hats(folder) else "Not a HATS catalog"


class HatsWriter:
    """Writes a HATS catalog into an empty folder: the partitions, and at the end of its ``with`` block the other files.

    The properties are the last file: a folder without them is not a catalog.

    Parameters
    ----------
    folder : path
        The folder.
    schema : pyarrow.Schema
        The columns. The column ``_healpix_29``, if there is one, holds NESTED cells of order 29 as int64.
    name : str
        The name of the catalog.
    kind : {"object", "source", "map", "margin"}, optional
        The type of the catalog.
    lonlat : tuple of str, optional
        The columns of right ascension and declination (ICRS, in degrees). Catalogs of objects and sources need them.
    properties : mapping of str, optional
        Further properties, which take precedence.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If the columns of positions are missing.
    """

    def __init__(
        self,
        folder: Path,
        schema: pa.Schema,
        *,
        name: str,
        kind: str = "object",
        lonlat: tuple[str, str] | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        need_pyarrow()
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, got {kind!r}")
        if kind in ("object", "source") and lonlat is None:
            raise ValueError(f"a catalog of type {kind!r} needs the columns of its positions")
        for column in lonlat or ():
            if column not in schema.names:
                raise ValueError(f"the columns of positions must be in the table, which has no {column!r}")
        self._folder, self._schema, self._name, self._kind, self._lonlat = folder, schema, name, kind, lonlat
        self._properties = dict(properties or {})
        self._counts: dict[Partition, int] = {}
        self._metadata: dict[Partition, Any] = {}
        self._cells: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def __enter__(self) -> Self:
        (self._folder / "dataset").mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()

    # ------------------------------------------------------------------ partitions

    def write(self, partition: Partition, rows: pa.Table | Iterable[pa.Table]) -> int:
        """Write the rows of a partition: a table, or several of them one after another.

        A partition without rows is left out. Rows are not sorted; readers skip row groups if they are in the order of
        ``_healpix_29``.

        Returns
        -------
        int
            The number of rows.
        """
        import pyarrow as pa

        with self.partition(partition) as add:
            for table in [rows] if isinstance(rows, pa.Table) else rows:
                add(table)
        return self._counts.get(partition, 0)

    @contextmanager
    def partition(self, partition: Partition) -> Iterator[Any]:
        """A function that adds tables to a partition, one after another. Partitions may be written on threads."""
        from pyarrow import parquet

        if partition in self._counts:
            raise ValueError(f"the partition {partition} is written already")
        name = partition_path(partition)
        path = self._folder / "dataset" / name
        writer: Any = None
        n_rows = 0
        collected: list[Any] = []
        stack = ExitStack()

        def add(table: pa.Table) -> None:
            nonlocal writer, n_rows
            if not table.num_rows:
                return
            if writer is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(new_file(path))
                writer = stack.enter_context(
                    parquet.ParquetWriter(
                        file, self._schema, metadata_collector=collected, **parquet_options(self._schema)
                    )
                )
            writer.write_table(table, row_group_size=_ROW_GROUP)
            n_rows += table.num_rows
            if SPATIAL_INDEX in table.column_names:
                self._cells.append(_counted(table[SPATIAL_INDEX].to_numpy()))

        with stack:
            yield add
        if n_rows:
            collected[0].set_file_path(name)
            self._metadata[partition], self._counts[partition] = collected[0], n_rows

    # ------------------------------------------------------------------ the end

    def _finish(self) -> None:
        """Write the files beside the partitions, the properties at the end."""
        from pyarrow import parquet

        partitions = sorted(self._counts)
        metadata = [self._metadata[partition] for partition in partitions]
        with new_file(self._folder / "dataset" / "_common_metadata") as file:
            parquet.write_metadata(self._schema, file)
        # pyarrow reads this file again when it adds the partitions.
        everything = io.BytesIO()
        parquet.write_metadata(self._schema, everything, metadata_collector=metadata)
        with new_file(self._folder / "dataset" / "_metadata") as file:
            file.write(everything.getbuffer())
        lines = ["Norder,Npix", *(f"{partition.order},{partition.pixel}" for partition in partitions), ""]
        self._write_text("partition_info.csv", "\n".join(lines))
        finest = max((partition.order for partition in partitions), default=0)
        maps: dict[str, Any] = {}
        if self._kind in ("object", "source") and SPATIAL_INDEX in self._schema.names:
            order = min(MAX_ORDER, max(_MAP_ORDER, finest))
            for name in ("point_map.fits", "skymap.fits"):
                with new_file(self._folder / name) as file:
                    _write_map(file, *_summed(self._cells), order)
            maps = {"hats_skymap_order": order}
        self._write_text("hats.properties", self._text(finest, maps))

    def _text(self, finest: int, maps: Mapping[str, Any]) -> str:
        size = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
        covered = sum(partition.stop - partition.start for partition in self._counts) / (12 << 2 * MAX_ORDER)
        values: dict[str, Any] = {
            "obs_collection": self._name,
            "dataproduct_type": self._kind,
            "hats_nrows": sum(self._counts.values()),
        }
        if self._lonlat is not None:
            values |= {"hats_col_ra": self._lonlat[0], "hats_col_dec": self._lonlat[1]}
        if SPATIAL_INDEX in self._schema.names:
            values |= {"hats_col_healpix": SPATIAL_INDEX, "hats_col_healpix_order": MAX_ORDER}
        values |= {
            "hats_npix_suffix": ".parquet",
            **maps,
            "hats_order": finest,
            "hats_max_rows": max(self._counts.values(), default=0),
            "moc_sky_fraction": f"{covered:.5g}",
            "hats_builder": f"hpmask v{version('hpmask')}",
            "hats_creation_date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MUTC"),
            "hats_estsize": -(-size // 1024),
            "hats_version": _VERSION,
            **self._properties,
        }
        return "".join(["#HATS catalog\n", *(f"{key}={_escaped(value)}\n" for key, value in values.items())])

    def _write_text(self, name: str, text: str) -> None:
        with new_file(self._folder / name) as file:
            file.write(text.encode())


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How columns are packed: ascending cells by their differences, and the others as pyarrow does."""
    others = [field.name for field in schema if field.name != SPATIAL_INDEX]
    encodings = {SPATIAL_INDEX: "DELTA_BINARY_PACKED"} if SPATIAL_INDEX in schema.names else None
    return {"compression": "zstd", "use_dictionary": others, "column_encoding": encodings}


def split(cells: NDArray[np.int64], max_rows: int, most_order: int) -> Iterator[tuple[Partition, slice]]:
    """Partitions of rows by their cells of order 29, which ascend: the largest cells with at most so many rows each.

    A cell of `most_order` is not divided further. Cells without rows have no partition.

    Yields
    ------
    partition : Partition
    rows : slice
        Its rows.
    """
    stack = [(Partition(0, pixel), *_place_of(cells, Partition(0, pixel))) for pixel in reversed(range(12))]
    while stack:
        partition, low, high = stack.pop()
        if low == high:
            continue
        if high - low <= max_rows or partition.order == most_order:
            yield partition, slice(low, high)
            continue
        for child in reversed(range(4)):
            part = Partition(partition.order + 1, 4 * partition.pixel + child)
            start, stop = _place_of(cells[low:high], part)
            stack.append((part, low + start, low + stop))


def _place_of(cells: NDArray[np.int64], partition: Partition) -> tuple[int, int]:
    low, high = np.searchsorted(cells, np.array([partition.start, partition.stop], dtype=np.int64))
    return int(low), int(high)


# The counts of rows are kept at an order that any map may have.
_FINEST_MAP = 12


def _counted(cells: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cells that rows lie in, and how many do."""
    found, counts = np.unique(cells.astype(np.int64) >> 2 * (MAX_ORDER - _FINEST_MAP), return_counts=True)
    return found, counts.astype(np.int64)


def _summed(
    pieces: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not pieces:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return tuple(np.concatenate(arrays) for arrays in zip(*pieces, strict=True))  # type: ignore[return-value]


def _write_map(file: IO[bytes], cells: NDArray[np.int64], counts: NDArray[np.int64], order: int) -> None:
    """Write the number of rows in each cell of an order: a NESTED map, of the cells with rows if they are the fewer."""
    order = min(order, _FINEST_MAP)
    n_cells = 12 << 2 * order
    found, place = np.unique(cells >> 2 * (_FINEST_MAP - order), return_inverse=True)
    sums = np.zeros(found.size, dtype=np.int64)
    np.add.at(sums, place, counts)
    sparse = found.size < n_cells // 2
    if not sparse:
        full = np.zeros(n_cells, dtype=np.int64)
        full[found] = sums
    data = np.stack([found, sums], axis=1).ravel() if sparse else full
    names = ["PIXEL", "VALUE"] if sparse else ["VALUE"]
    header = fits.Header()
    for keyword, value in (
        ("XTENSION", "BINTABLE"),
        ("BITPIX", 8),
        ("NAXIS", 2),
        ("NAXIS1", 8 * len(names)),
        ("NAXIS2", data.size // len(names)),
        ("PCOUNT", 0),
        ("GCOUNT", 1),
        ("TFIELDS", len(names)),
        *((f"TTYPE{k}", name) for k, name in enumerate(names, start=1)),
        *((f"TFORM{k}", "K") for k in range(1, len(names) + 1)),
        ("PIXTYPE", "HEALPIX"),
        ("ORDERING", "NESTED"),
        ("COORDSYS", "C"),
        ("EXTNAME", "xtension"),
        ("NSIDE", 1 << order),
        ("INDXSCHM", "EXPLICIT" if sparse else "IMPLICIT"),
        ("OBJECT", "PARTIAL" if sparse else "FULLSKY"),
        *((("OBS_NPIX", found.size),) if sparse else (("FIRSTPIX", 0), ("LASTPIX", n_cells - 1))),
    ):
        header[keyword] = value
    primary = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    write_hdu(file, primary)
    write_hdu(file, header, data)


def _escaped(value: Any) -> str:
    """A value of a Java property: in one line."""
    return str(value).replace("\\", "\\\\").replace("\n", "\\n")
