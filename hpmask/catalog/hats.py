"""Tables of any kind are written as HATS catalogs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, Table
from numpy.typing import NDArray

from hpmask._files import tables
from hpmask._files.hats_folder import SPATIAL_INDEX, need_pyarrow
from hpmask._files.hats_writer import split, writing_hats
from hpmask._utils.arguments import MAX_ORDER, as_count, as_flag
from hpmask.catalog import files
from hpmask.catalog.columns import Position, find_position
from hpmask.catalog.positions import Locator

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_hats"]

# As hats-import does: a cell of this order is not divided further, however many rows are in it.
_MOST_ORDER = 10


def write_hats(
    table: Any,
    path: str | os.PathLike[str],
    *,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    max_rows: int = 1_000_000,
    name: str | None = None,
    kind: Literal["object", "source"] = "object",
    overwrite: bool = False,
) -> None:
    """Write a table as a HATS catalog, which hats, LSDB and `hpmask.Mask.from_catalog` open.

    The rows are sorted along the NESTED curve, in partitions: the largest cells with at most `max_rows` rows. The
    column ``_healpix_29`` has their cells of order 29, and replaces one of that name. The table must fit into memory
    several times. For larger ones there is hats-import.

    Parameters
    ----------
    table : `~astropy.table.Table`, data frame, structured array, dict of columns, str or path
        The table, or its file, as in `hpmask.Mask.from_catalog`. A data frame keeps the types of its columns. Units
        are kept.
    path : str or path
        The folder of the catalog. It appears when it is complete.
    lon, lat : str, optional
        The columns of the positions, as in `hpmask.Mask.from_catalog`.
    catalog_frame : str, optional
        Frame of the positions, as in `hpmask.Mask.from_catalog`. Positions that are not numbers of degrees in ICRS are
        written to further columns, ``ra`` and ``dec``.
    max_rows : int, optional
        The most rows of a partition. A cell of order 10 is not divided further.
    name : str, optional
        The name of the catalog, by default that of the folder.
    kind : {"object", "source"}, optional
        Whether a row is an object, or a source: one of the detections of an object.
    overwrite : bool, optional
        Whether to replace a HATS catalog that exists.

    Raises
    ------
    FileExistsError
        If there is something at `path`, and `overwrite` is False or it is not a HATS catalog.
    FileNotFoundError
        If there is no such directory to write in.
    ImportError
        If pyarrow is not installed.
    TypeError, ValueError
        If there are no positions, the position of a row is not finite (the message has its number), a column cannot be
        written to parquet, or ``ra`` and ``dec`` have another meaning in the table.

    See Also
    --------
    hpmask.Mask.from_hats : Return the sky that a HATS catalog covers.
    filter_file : Select rows of a HATS catalog that does not fit into memory.

    Examples
    --------
    >>> import tempfile
    >>> from hpmask import Mask
    >>> from hpmask.catalog import write_hats
    >>> stars = {"ra": [45.0, 225.0], "dec": [20.0, -20.0], "mag": [5.5, 7.0]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_hats(stars, f"{folder}/stars")
    ...     mask = Mask.from_catalog(f"{folder}/stars", "1 deg", where="mag < 6", order=8)
    >>> mask == Mask.from_catalog(stars, "1 deg", where="mag < 6", order=8)
    True
    """
    need_pyarrow()
    max_rows, overwrite = as_count(max_rows, "max_rows", least=1), as_flag(overwrite, "overwrite")
    if kind not in ("object", "source"):
        raise ValueError(f"kind must be 'object' or 'source', got {kind!r}")
    loaded, source = files.load(table, lon, lat)
    position = find_position(loaded, lon, lat, catalog_frame, source)
    cells = _cells(loaded, position, source)
    rows = _arrow(table, loaded, position)
    names = position.names
    if not _is_plain(loaded, position):
        names = ("ra", "dec")
        rows = _with_icrs(rows, loaded, position)
    by = np.argsort(cells, kind="stable")
    cells = cells[by]
    rows = rows.take(by).add_column(0, SPATIAL_INDEX, [cells])
    with writing_hats(
        path,
        rows.schema,
        name=name,
        overwrite=overwrite,
        kind=kind,
        lonlat=names,
    ) as writer:
        for partition, some in split(cells, max_rows, _MOST_ORDER):
            writer.write(partition, rows.slice(some.start, some.stop - some.start))


def _cells(table: Table, position: Position, source: str) -> NDArray[np.int64]:
    """The cells of order 29 of all rows."""
    cells = np.empty(len(table), dtype=np.uint64)
    positions = Locator(position.names, position, "icrs").positions(table)
    bad = positions.numbers(slice(0, len(table)), MAX_ORDER, cells)
    if bad >= 0:
        raise ValueError(f"{source}: the position of row {bad} is not finite, or its latitude is not within 90 deg")
    return cells.astype(np.int64)


def _is_plain(table: Table, position: Position) -> bool:
    """Whether the columns of positions are numbers of degrees in ICRS, as a HATS catalog has them."""
    if position.frame != "icrs" or len(position.names) != 2:
        return False
    columns = [table[name] for name in position.names]
    return all(one.dtype.kind in "iuf" and getattr(one, "unit", None) in (None, u.deg) for one in columns)


def _with_icrs(rows: pa.Table, table: Table, position: Position) -> pa.Table:
    """The rows with further columns for right ascension and declination."""
    if taken := {"ra", "dec"} & set(rows.column_names):
        raise ValueError(
            f"a HATS catalog has positions in degrees in ICRS, in the columns ra and dec, but {min(taken)!r} is "
            "another column of the table: rename it"
        )
    lon, lat = position.degrees(table)
    place = SkyCoord(lon * u.deg, lat * u.deg, frame=position.frame).icrs
    return rows.append_column("ra", [place.ra.deg]).append_column("dec", [place.dec.deg])


def _arrow(table: Any, loaded: Table, position: Position) -> pa.Table:
    """All columns but the cells and SkyCoord: those of a data frame as they are, and others from the loaded table."""
    import narwhals
    import pyarrow as pa

    frame = None if isinstance(table, str | os.PathLike) else tables.data_frame(table)
    if frame is not None:
        rows = (frame.collect() if isinstance(frame, narwhals.LazyFrame) else frame).to_arrow()
        drop = [one for one in rows.column_names if one == SPATIAL_INDEX or one.startswith("__index_level_")]
        return rows.drop_columns(drop).replace_schema_metadata(None)
    fields, values = [], []
    for name in loaded.colnames:
        if name == SPATIAL_INDEX or position.names == (name,):
            continue
        array = _array(loaded[name], name)
        unit = getattr(loaded[name], "unit", None)
        fields.append(pa.field(name, array.type, metadata=None if unit is None else {"unit": str(unit)}))
        values.append(array)
    return pa.table(values, schema=pa.schema(fields))


def _array(column: Any, name: str) -> pa.Array:
    """A column as an array of Arrow: missing values are null, and those of more dimensions are lists."""
    import pyarrow as pa

    if not isinstance(column, Column | MaskedColumn | u.Quantity) or column.ndim > 2:
        raise ValueError(f"the column {name!r} cannot be written to parquet: it is {type(column).__name__}")
    missing = None
    if isinstance(column, MaskedColumn):
        missing = np.ma.getmaskarray(column)
        column = column.filled()
    values = np.asarray(column)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", errors="replace")
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    flat = np.ascontiguousarray(values).reshape(-1)
    flat = flat.astype(object) if flat.dtype.kind == "U" else flat
    try:
        array = pa.array(flat, mask=None if missing is None else np.ascontiguousarray(missing).reshape(-1))
    except pa.ArrowException as error:
        raise ValueError(f"the column {name!r} cannot be written to parquet: {error}") from error
    return array if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(array, values.shape[1])
