"""Tables with the answers of masks: the rows that are kept, and new columns, in tables of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._files.tables import column_names, data_frame, is_partitioned
from hpmask._utils.arguments import as_flag, check_invalid
from hpmask._utils.words import shown
from hpmask.catalog.positions import energies_of, positions_of
from hpmask.core import lookup
from hpmask.core.value import MaskValue

__all__ = ["check_column", "contains", "kept_rows", "select", "with_columns"]

Booleans = NDArray[np.bool_]

# Which rows of a table, or of a part of it, are kept.
Kept = Callable[[Any], Booleans]
# The columns to be added to a table, or to a part of it.
Columns = Callable[[Any], Mapping[str, NDArray[Any]]]


def contains(
    mask: MaskValue,
    positions: Any,
    lat: Any = None,
    *,
    energy: u.Quantity | str | None = None,
    energy_unit: u.UnitBase | str | None = None,
    lon: str | None = None,
    catalog_frame: str | None = None,
    invalid: str = "raise",
    n_threads: int | None = None,
) -> Any:
    """See `hpmask.Mask.contains`."""
    check_invalid(invalid)
    where = positions_of(positions, lat, frame=mask.frame, lon=lon, catalog_frame=catalog_frame, invalid=invalid)
    energy = energies_of(positions, energy, energy_unit)
    return lookup.contains(mask.planes, mask.order, mask.energy, where, energy, invalid=invalid, n_threads=n_threads)


def kept_rows(mask: MaskValue, *, energy: u.Quantity | str | None, invalid: str, **options: Any) -> Kept:
    """The function that says which rows of a table a mask keeps. The options are those of `contains`.

    Raises
    ------
    ValueError
        If the mask has energy bins and no energy is given.
    """
    check_invalid(invalid)
    if mask.energy is not None and energy is None:
        raise ValueError(
            f"the mask has {mask.energy.n_bins} energy bins: give the energies of the rows by energy=, or combine the "
            "bins with reduce('any') or reduce('all')"
        )
    return partial(contains, mask, energy=energy, invalid=invalid, **options)


def select(table: Any, kept: Kept) -> Any:
    """The rows of a table that are kept, as a table of the same kind.

    Parameters
    ----------
    table : object
        A table of any kind: see `hpmask.Mask.select`.
    kept : callable
        ``kept(table)``: which rows are kept, shape (n,). For a table that is worked on later, it gets parts of it.

    Returns
    -------
    table
        With the columns, the metadata and the index of the rows.

    Raises
    ------
    TypeError
        If it is not a table, or a lazy one of a kind that takes no function of its rows.
    """
    return _changed(table, partial(_selected, kept=kept))


def with_columns(table: Any, columns: Columns, *, overwrite: bool = False) -> Any:
    """A table of the same kind with more columns. The given table is not changed.

    Parameters
    ----------
    table : object
        A table of any kind: see `hpmask.Mask.flag`.
    columns : callable
        ``columns(table)``: the values of the new columns by their names, each of shape (n,). For a table that is worked
        on later, it gets parts of it.
    overwrite : bool, optional
        Whether columns of these names are replaced.

    Returns
    -------
    table
        With the metadata and the index of the rows.

    Raises
    ------
    TypeError
        As in `select`.
    ValueError
        If there is a column of that name and `overwrite` is False.
    """
    return _changed(table, partial(_widened, columns=columns, overwrite=as_flag(overwrite, "overwrite")))


def check_column(name: Any, argument: str = "column") -> str:
    """The name of a new column, checked; the error names `argument`."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"{argument} must be the name of a column, got {shown(name)}")
    return name


def _changed(table: Any, change: Callable[[Any], Any]) -> Any:
    """A table after a change that treats each row alone: now, or later by parts."""
    if is_partitioned(table):
        # What the result looks like, and the errors of a table without positions, which Dask would wrap.
        return table.map_partitions(change, meta=change(_empty(table)))
    if column_names(table) is None:
        raise TypeError(
            "table must be an astropy Table, a data frame, a structured array or a dict of columns, "
            f"got {type(table).__name__}"
        )
    frame = data_frame(table)
    if frame is None or _is_eager(frame):
        return change(table)
    if not frame.implementation.is_polars():
        raise TypeError(
            f"table is a {type(table).__name__}, whose rows are not known yet: collect it first, or use filter_file or "
            "flag_file of hpmask.catalog for files"
        )
    # The names of the columns and the number of rows change, so polars must not move its own steps across this one.
    return table.map_batches(
        change,
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=change(table.head(0).collect()).schema,
        streamable=True,
    )


def _empty(table: Any) -> Any:
    """A table without rows and with the columns of one that is worked on later."""
    meta = getattr(table, "meta", None)
    if meta is None:
        from dask.dataframe import dispatch

        # Its functions have no types.
        words: Any = dispatch
        meta = words.make_meta(table)
    return meta


def _is_eager(frame: Any) -> bool:
    import narwhals

    return isinstance(frame, narwhals.DataFrame)


# ---------------------------------------------------------------------- rows


def _selected(table: Any, *, kept: Kept) -> Any:
    rows = np.asarray(kept(table))
    if isinstance(table, Table | np.ndarray):
        return table[rows]
    if isinstance(table, fits.BinTableHDU | fits.TableHDU):
        return type(table)(data=table.data[rows], header=table.header)
    if isinstance(table, Mapping):
        return {name: _some(values, rows) for name, values in table.items()}
    frame = data_frame(table)
    if frame.implementation.is_pandas_like():
        return table.loc[rows]
    return frame.filter(_series(frame, "rows", rows)).to_native()


def _some(values: Any, rows: Booleans) -> Any:
    """The values of some rows: of a list, a series of any library, or an array of any class."""
    import narwhals

    if isinstance(values, list | tuple):
        return type(values)(value for value, kept in zip(values, rows, strict=True) if kept)
    series = narwhals.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, narwhals.Series):
        return series.filter(rows.tolist()).to_native()
    return values[rows]


# ---------------------------------------------------------------------- columns


def _widened(table: Any, *, columns: Columns, overwrite: bool) -> Any:
    new = dict(columns(table))
    names = column_names(table) or []
    taken = [name for name in new if name in names]
    if taken and not overwrite:
        raise ValueError(f"the table has a column {taken[0]!r} already: give another name, or overwrite=True")
    if isinstance(table, Table):
        result = table.copy()
        for name, values in new.items():
            result[name] = values
        return result
    if isinstance(table, fits.BinTableHDU | fits.TableHDU | fits.FITS_rec):
        return _widened_fits(table, new)
    if isinstance(table, np.ndarray):
        return _widened_array(table, new)
    if isinstance(table, Mapping):
        return {**table, **new}
    frame = data_frame(table)
    if frame.implementation.is_pandas_like():
        return table.assign(**new)
    return frame.with_columns(*(_series(frame, name, values) for name, values in new.items())).to_native()


def _series(frame: Any, name: str, values: NDArray[Any]) -> Any:
    """A series of the library of a frame."""
    import narwhals

    return narwhals.new_series(name, values, backend=frame.implementation)


def _widened_array(table: NDArray[Any], new: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """A structured array of the same class with more fields."""
    fields = {name: table.dtype[name] for name in table.dtype.names or ()}
    fields |= {name: values.dtype for name, values in new.items()}
    dtype = np.dtype(list(fields.items()))
    masked = isinstance(table, np.ma.MaskedArray)
    result: Any = np.ma.empty(table.shape, dtype) if masked else np.empty(table.shape, dtype)
    for name in fields:
        result[name] = new[name] if name in new else table[name]
    typed: NDArray[Any] = result if masked else result.view(type(table))
    return typed


def _widened_fits(table: Any, new: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(table, fits.TableHDU):
        raise TypeError("table is an ASCII table of FITS, which has no columns of booleans: give Table.read(hdu)")
    # astropy knows how unsigned integers are stored.
    added = fits.table_to_hdu(Table(dict(new))).columns
    columns = fits.ColDefs([column for column in table.columns if column.name not in new]) + added
    if isinstance(table, fits.FITS_rec):
        return fits.FITS_rec.from_columns(columns)
    return fits.BinTableHDU.from_columns(columns, header=table.header)
