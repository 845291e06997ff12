"""Energy axes to and from tables of bins: EBOUNDS and its relatives.

An OGIP response has its channels in EBOUNDS, with E_MIN and E_MAX, and its true energies in ENERG_LO and ENERG_HI
(https://heasarc.gsfc.nasa.gov/docs/heasarc/caldb/docs/memos/cal_gen_92_002/cal_gen_92_002.html). gammapy's maps have
E_MIN and E_MAX, or <NAME>_MIN and <NAME>_MAX, and tell in AXCOLS1 and INTERP1 which columns and how the axis
interpolates; its instrument responses (GADF) have ENERG_LO and ENERG_HI as one row of arrays.

Fermi's templates and exposure cubes have the table ENERGIES instead: one energy for each plane, at which its values
hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from hpmask.energy import EnergyAxis
from hpmask.energy_units import same_energies
from hpmask.fits_file import faults_of, is_table, load, name_of, units_of
from hpmask.fits_text import unescaped

__all__ = ["Planes", "edges_between", "has_energies", "planes", "read", "table_of"]

# Columns of lower and upper edges, and what their axis is called.
_COLUMNS = {
    ("E_MIN", "E_MAX"): "energy",
    ("ENERGY_MIN", "ENERGY_MAX"): "energy",
    ("ENERGY_LO", "ENERGY_HI"): "energy",
    ("ENERGY_TRUE_MIN", "ENERGY_TRUE_MAX"): "energy_true",
    ("ENERG_LO", "ENERG_HI"): "energy_true",
    ("ETRUE_LO", "ETRUE_HI"): "energy_true",
}


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """The energies of the planes of a cube: a bin each, or an energy each (`nodes`), with bins that end in between."""

    axis: EnergyAxis
    nodes: u.Quantity | None = None

    @property
    def n(self) -> int:
        return self.axis.n_bins

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Planes) and self.axis == other.axis and (self.nodes is None) == (other.nodes is None)
        )

    def __str__(self) -> str:
        ends = self.axis.edges if self.nodes is None else self.nodes
        what = "bins" if self.nodes is None else "single energies"
        return f"{self.n} {what} from {ends[0]:.6g} to {ends[-1]:.6g}"


def has_energies(header: fits.Header) -> bool:
    """Whether the header of a table tells of energy bins, or of single energies."""
    names = _names(header)
    pair = _pair(names, header)
    column = pair[0] if pair is not None else _node_column(names, header)
    if column is None:
        return False
    unit = u.Unit(str(header.get(f"TUNIT{names.index(column) + 1}", "")).strip(), parse_strict="silent")
    # A unit that is missing or cannot be parsed is a fault of the table, and to be told.
    known = not isinstance(unit, u.UnrecognizedUnit) and unit != u.dimensionless_unscaled
    return bool(unit.is_equivalent(u.J)) if known else True


def _names(header: fits.Header) -> list[str]:
    """The names of the columns of a table."""
    n = header.get("TFIELDS")
    # FITS allows for 999; a damaged header may tell of any number.
    return [str(header.get(f"TTYPE{i}", "")).strip() for i in range(1, min(n, 999) + 1)] if isinstance(n, int) else []


def planes(hdu: fits.BinTableHDU | fits.TableHDU) -> Planes:
    """The energies of the planes of a cube, by a row each of a table.

    Raises
    ------
    ValueError
        If the table has none, or they do not increase from row to row.
    """
    table = Table.read(hdu)
    found = _pair(table.colnames, table.meta)
    if found is not None:
        edges, name, interp = _parsed(table, f"in {hdu.name}")
        lower = _values(table[found[0]])
        if lower.size != edges.size - 1:
            raise ValueError(f"each row must be a bin of its own, but {found[0]} has the same ones again")
        return Planes(EnergyAxis(edges, name=_told_name(hdu, name), interp=interp))
    column = _node_column(table.colnames, table.meta)
    if column is None:
        raise ValueError(f"no columns of energies, it has {', '.join(table.colnames)}")
    # gammapy, too, takes the energies of Fermi's tables for MeV and for true ones.
    nodes = u.Quantity(_values(table[column]), table[column].unit or u.MeV)
    if nodes.size < 2 or not (np.isfinite(nodes.value) & (nodes.value > 0)).all() or (np.diff(nodes.value) <= 0).any():
        raise ValueError(f"{column} must be two positive energies or more, which increase from row to row")
    middle = np.sqrt(nodes[1:] * nodes[:-1])
    ends = nodes[[0, -1]] ** 2 / middle[[0, -1]]
    edges = u.Quantity([ends[0], *middle, ends[1]])
    named = "energy_true" if hdu.name.upper() == "ENERGIES" else column.lower()
    return Planes(EnergyAxis(edges, name=_told_name(hdu, named)), nodes)


def _told_name(hdu: fits.BinTableHDU | fits.TableHDU, name: str) -> str:
    """The name of the axis, where hpmask wrote the table; columns have it in capitals."""
    told = hdu.header.get("AXISNAME")
    return name if told is None else unescaped(str(told))


def _node_column(names: list[str], meta: Any) -> str | None:
    """The column of energies at which the planes of a cube hold."""
    by_name = {name.upper(): name for name in names}
    extname = str(meta.get("EXTNAME", "")).strip().upper()
    told = str(meta.get("AXCOLS1", "")).strip().upper()
    if told in ("ENERGY", "ENERGY_TRUE"):
        return by_name.get(told)
    return by_name.get("ENERGY") if extname == "ENERGIES" else None


def read(source: Any, hdu: str | int | None = None) -> tuple[u.Quantity, str, Literal["log", "lin"]]:
    """Edges, name and interpolation of the axis in a table; see `hpmask.EnergyAxis.from_table`."""
    if isinstance(source, str | PathLike):
        with faults_of(Path(source), Exception):
            return _parsed(Table.read(_chosen(_tables(source, hdu), hdu, f" of {source}")), f"of {source}")
    if isinstance(source, fits.HDUList):
        return _parsed(Table.read(_chosen(source, hdu, "")), "of the file")
    if isinstance(source, fits.BinTableHDU | fits.TableHDU):
        return _parsed(Table.read(source), f"in {source.name or 'the HDU'}")
    if not isinstance(source, Table):
        raise TypeError(f"table must be a Table, a FITS table HDU, an HDUList or a path, got {type(source).__name__}")
    return _parsed(source, "")


def _tables(path: str | PathLike[str], hdu: str | int | None) -> fits.HDUList:
    """The tables of a file that may have the bins, and stand-ins with the names of all else."""
    units = units_of(Path(path))
    asked = {
        i
        for i, unit in enumerate(units)
        if is_table(unit)
        and (_pair(_names(unit.header), unit.header) if hdu is None else hdu == i or str(hdu).upper() == name_of(unit))
    }
    tables = load(Path(path), asked, set())
    others = (fits.ImageHDU(name=name_of(unit)) if i else fits.PrimaryHDU() for i, unit in enumerate(units))
    return fits.HDUList([tables.get(i, other) for i, other in enumerate(others)])


def table_of(axis: EnergyAxis) -> Table:
    """The table of an axis; see `hpmask.EnergyAxis.to_table`."""
    low, high = ("E_MIN", "E_MAX")
    if axis.name != "energy":
        low, high = (f"{axis.name.upper()}_{end}" for end in ("MIN", "MAX"))
    table = Table({"CHANNEL": np.arange(axis.n_bins, dtype=np.int16)})
    for name, values in ((low, axis.energy_min), (high, axis.energy_max)):
        table[name] = values.value
        table[name].unit = axis.unit
    table.meta.update(EXTNAME="EBOUNDS", AXCOLS1=f"{low},{high}", INTERP1=axis.interp)
    return table


def _chosen(hdus: fits.HDUList, hdu: str | int | None, where: str) -> Any:
    """The table of a file that has the bins."""
    tables = [one for one in hdus if isinstance(one, fits.BinTableHDU | fits.TableHDU)]
    if hdu is not None:
        if not (0 <= hdu < len(hdus) if isinstance(hdu, int) else hdu in hdus):
            raise ValueError(f"there is no HDU {hdu!r}{where}, it has {', '.join(one.name for one in hdus)}")
        if not any(hdus[hdu] is one for one in tables):
            raise ValueError(f"HDU {hdu!r}{where} is no table")
        return hdus[hdu]
    fitting = [one for one in tables if _pair(one.columns.names, one.header) is not None]
    if not fitting:
        raise ValueError(f"no table{where} has columns of energy bins such as E_MIN and E_MAX")
    return next((one for one in fitting if one.name.upper() == "EBOUNDS"), fitting[0])


def _pair(names: list[str], meta: Any) -> tuple[str, str, str, Literal["log", "lin"]] | None:
    """Columns of the lower and upper edges, name of the axis, and how it interpolates."""
    by_name = {name.upper(): name for name in names}
    told: dict[tuple[str, ...], str] = {}
    for key, value in meta.items():
        if key.upper().startswith("AXCOLS"):
            told[tuple(str(value).upper().split(","))] = str(meta.get(f"INTERP{key[6:]}", "log"))
    known = dict(_COLUMNS)
    known.update({(pair[0], pair[1]): _axis_name(pair[0]) for pair in told if len(pair) == 2 and pair not in known})
    for (low, high), name in known.items():
        if low in by_name and high in by_name:
            interp: Literal["log", "lin"] = "lin" if told.get((low, high)) == "lin" else "log"
            return by_name[low], by_name[high], name, interp
    return None


def _axis_name(column: str) -> str:
    return column.removesuffix("_MIN").lower()


def _parsed(table: Table, where: str) -> tuple[u.Quantity, str, Literal["log", "lin"]]:
    found = _pair(table.colnames, table.meta)
    if found is None:
        raise ValueError(
            f"the table {where}".rstrip() + " has no columns of energy bins such as E_MIN and E_MAX, it has "
            f"{', '.join(table.colnames)}"
        )
    low, high, name, interp = found
    units = [table[column].unit for column in (low, high)]
    if None in units:
        raise ValueError(f"the columns {low} and {high} must have units of energy, got {units[0]} and {units[1]}")
    # Values as written: single precision stays what it is.
    bins = np.stack([_values(table[low]), _values(table[high]) * u.Unit(units[1]).to(units[0])], axis=-1)
    # A map with several axes repeats the bins. The order of those that are left is kept, for it is that of the planes.
    first = np.sort(np.unique(bins, axis=0, return_index=True)[1])
    edges = edges_between(*bins[first].T)
    if edges is None:
        raise ValueError(
            f"bins must follow on each other: {low} must be {high} of the bin before, or {high} must be {low} of it"
        )
    return u.Quantity(edges, units[0]), name, interp


def edges_between(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The edges of bins in their order, from the lower and the upper edge of each; None if bins do not adjoin."""
    if lower.size > 1 and same_energies(lower[:-1], upper[1:]).all():
        lower, upper = upper, lower
    if not lower.size or not same_energies(lower[1:], upper[:-1]).all():
        return None
    return np.append(lower, upper[-1])


def _values(column: Any) -> NDArray[np.float64]:
    """Values of a column, or of the arrays of its one row; missing ones as NaN."""
    values = getattr(column, "value", column)
    if hasattr(values, "filled"):
        values = values.astype(np.float64).filled(np.nan)
    return np.asarray(values, dtype=np.float64).ravel()
