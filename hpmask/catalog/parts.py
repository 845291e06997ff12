"""Catalogs in partitions, which are read one after another: HATS catalogs in folders or at URLs, and those of LSDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table, TableColumns

from hpmask._files import tables
from hpmask._files.hats_folder import HatsFolder, Partition, is_hats
from hpmask._files.urls import as_place, name_of_place

__all__ = ["Parts", "columns_used", "is_lsdb", "parts_of", "with_units"]


@dataclass(frozen=True)
class Parts:
    """A catalog in partitions.

    Attributes
    ----------
    source : str
        Its name in messages and histories.
    digest : str
        The digest of its list of partitions, for histories; "" if there is none.
    partitions : list of Partition
        Its partitions, along the NESTED curve.
    columns : list of str
        The names of its columns.
    lonlat : tuple of str, optional
        The columns of right ascension and declination in ICRS, if the catalog names them.
    read : callable
        ``read(partition, columns)``: some columns of a partition as a Table.
    example : `~astropy.table.Table`
        All columns, with two rows that were made up.
    """

    source: str
    digest: str
    partitions: list[Partition]
    columns: list[str]
    lonlat: tuple[str, str] | None
    read: Callable[[Partition, Sequence[str]], Table]
    example: Table


def parts_of(table: Any) -> Parts | None:
    """A catalog in partitions, or None for anything else.

    Parameters
    ----------
    table : object
        A path or URL of a HATS catalog or collection, a catalog of LSDB, or anything else.

    Raises
    ------
    ImportError, ValueError
        As `hpmask._files.hats_folder.HatsFolder` says.
    """
    if is_hats(table):
        return _of_folder(HatsFolder.open(table), name_of_place(as_place(table)))
    if is_lsdb(table):
        return _of_lsdb(table)
    return None


def _of_folder(folder: HatsFolder, name: str) -> Parts:
    schema = folder.schema()
    tables.check_distinct(schema.names, repr(name))
    units = folder.units()

    def read(partition: Partition, columns: Sequence[str]) -> Table:
        return with_units(tables.load(folder.read(partition, columns))[0], units)

    digest = f", properties sha256 {folder.digest()}"
    example = with_units(_made_up(schema.empty_table()), units)
    return Parts(repr(name), digest, folder.partitions, schema.names, folder.lonlat, read, example)


def with_units(table: Table, units: Mapping[str, u.UnitBase]) -> Table:
    """The table itself, with units of some of its columns, as far as it has these."""
    for name in set(units).intersection(table.colnames):
        table[name].unit = units[name]
    return table


def is_lsdb(table: Any) -> bool:
    """Whether something is a catalog of LSDB, which is not imported."""
    return any(cls.__module__.partition(".")[0] == "lsdb" for cls in type(table).__mro__) and hasattr(
        table, "hc_structure"
    )


def _of_lsdb(catalog: Any) -> Parts:
    info = catalog.hc_structure.catalog_info
    pixels = {Partition(int(one.order), int(one.pixel)): one for one in catalog.get_healpix_pixels()}
    names = [str(name) for name in catalog.columns]
    lonlat = (info.ra_column, info.dec_column)

    def read(partition: Partition, columns: Sequence[str]) -> Table:
        (rows,) = catalog[list(columns)].partitions[pixels[partition]].to_delayed()
        return tables.load(_without_index(rows.compute()))[0]

    partitions = sorted(pixels, key=lambda one: (one.start, one.order))
    known = lonlat if all(name in names for name in lonlat) else None
    example = _made_up(_without_index(catalog.meta.iloc[:0]))
    return Parts(f"{info.catalog_name!r} of LSDB", "", partitions, names, known, read, example)


def _without_index(frame: Any) -> Any:
    return frame.reset_index(drop=True)


def _made_up(empty: Any) -> Table:
    """A table with the columns of one without rows, and two rows of ones and of empty texts."""
    table = tables.load(empty)[0]
    return Table(
        {
            name: np.ones(2, table[name].dtype) if table[name].dtype.kind in "biuf" else ["", ""]
            for name in table.colnames
        }
    )


# ---------------------------------------------------------------------- the columns that are needed


class _Watched(TableColumns):  # type: ignore[misc]
    """The columns of a table, with the names of those that were asked for."""

    asked: set[str]

    def __getitem__(self, item: Any) -> Any:
        found = super().__getitem__(item)
        if "asked" in self.__dict__ and not isinstance(found, TableColumns):
            self.asked.add(found.info.name)
        return found

    def values(self) -> Any:
        self.asked.update(self)
        return super().values()

    def items(self) -> Any:
        self.asked.update(self)
        return super().items()


class _WatchedTable(Table):  # type: ignore[misc]
    """A table with such columns. Its rows go past the methods of the columns, so that a row means all of them."""

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, int | np.integer):
            self.columns.asked.update(self.colnames)
        return super().__getitem__(item)


def columns_used(table: Table, use: Callable[[Table], object]) -> set[str]:
    """The columns of a table that a function uses; all of them if the function fails.

    Nearly every way to a column of a Table leads through its attribute ``columns``.
    """
    watched = _WatchedTable(table, copy=False)
    columns = _Watched(watched.columns)
    columns.asked = set()
    watched.columns = columns
    try:
        with np.errstate(all="ignore"):
            use(watched)
    except Exception:  # functions of the user may raise anything
        return set(table.colnames)
    return columns.asked
