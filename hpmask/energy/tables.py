"""Energy axes from and to tables of bins, such as EBOUNDS.

An OGIP response has its channels in EBOUNDS, with E_MIN and E_MAX, and its true energies in ENERG_LO and ENERG_HI
(https://heasarc.gsfc.nasa.gov/docs/heasarc/caldb/docs/memos/cal_gen_92_002/cal_gen_92_002.html). gammapy's maps have
E_MIN and E_MAX, or <NAME>_MIN and <NAME>_MAX; the keywords AXCOLS1 and INTERP1 give these columns and the interpolation
of the axis. gammapy's instrument responses (GADF) have ENERG_LO and ENERG_HI as one row of arrays.

Fermi's templates and exposure cubes have the table ENERGIES instead: one energy for each plane, at which its values are
valid.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._files.fits_file import faults_of, is_table, load, name_of, units_of
from hpmask._utils.words import listed
from hpmask.energy.units import same_energies

__all__ = ["edges_between", "has_energies", "node_column", "pair_of", "parsed", "read", "table_of", "values_of"]

# Columns of lower and upper edges, and the names of their axes.
_COLUMNS = {
    ("E_MIN", "E_MAX"): "energy",
    ("ENERGY_MIN", "ENERGY_MAX"): "energy",
    ("ENERGY_LO", "ENERGY_HI"): "energy",
    ("ENERGY_TRUE_MIN", "ENERGY_TRUE_MAX"): "energy_true",
    ("ENERG_LO", "ENERG_HI"): "energy_true",
    ("ETRUE_LO", "ETRUE_HI"): "energy_true",
}


def has_energies(header: fits.Header) -> bool:
    """Whether a table has energy bins or single energies, according to its header."""
    names = _names(header)
    pair = pair_of(names, header)
    column = pair[0] if pair is not None else node_column(names, header)
    if column is None:
        return False
    unit = u.Unit(str(header.get(f"TUNIT{names.index(column) + 1}", "")).strip(), parse_strict="silent")
    # A missing or unreadable unit is an error of the table, which the reader of the table reports.
    known = not isinstance(unit, u.UnrecognizedUnit) and unit != u.dimensionless_unscaled
    return bool(unit.is_equivalent(u.J)) if known else True


def _names(header: fits.Header) -> list[str]:
    """The names of the columns of a table."""
    n = header.get("TFIELDS")
    # FITS allows 999 columns. A damaged header may have any number.
    return [str(header.get(f"TTYPE{i}", "")).strip() for i in range(1, min(n, 999) + 1)] if isinstance(n, int) else []


def node_column(names: list[str], meta: Any) -> str | None:
    """The column of the single energies of the planes of a cube."""
    by_name = {name.upper(): name for name in names}
    extname = str(meta.get("EXTNAME", "")).strip().upper()
    named = str(meta.get("AXCOLS1", "")).strip().upper()
    if named in ("ENERGY", "ENERGY_TRUE"):
        return by_name.get(named)
    return by_name.get("ENERGY") if extname == "ENERGIES" else None


def read(source: Any, hdu: str | int | None = None) -> tuple[u.Quantity, str, Literal["log", "lin"]]:
    """Edges, name and interpolation of the axis in a table; see `hpmask.EnergyAxis.from_table`."""
    if isinstance(source, str | PathLike):
        with faults_of(Path(source), Exception):
            return parsed(Table.read(_chosen(_tables(source, hdu), hdu, f" of {source}")), f"of {source}")
    if isinstance(source, fits.HDUList):
        return parsed(Table.read(_chosen(source, hdu, "")), "of the file")
    if isinstance(source, fits.BinTableHDU | fits.TableHDU):
        return parsed(Table.read(source), f"in {source.name or 'the HDU'}")
    if not isinstance(source, Table):
        raise TypeError(f"table must be a Table, a FITS table HDU, an HDUList or a path, got {type(source).__name__}")
    return parsed(source, "")


def _tables(path: str | PathLike[str], hdu: str | int | None) -> fits.HDUList:
    """The tables of a file that may have the bins, and empty HDUs with the names of all others."""
    units = units_of(Path(path))
    asked = {
        i
        for i, unit in enumerate(units)
        if is_table(unit)
        and (
            pair_of(_names(unit.header), unit.header) if hdu is None else hdu == i or str(hdu).upper() == name_of(unit)
        )
    }
    tables = load(Path(path), asked, set())
    others = (fits.ImageHDU(name=name_of(unit)) if i else fits.PrimaryHDU() for i, unit in enumerate(units))
    return fits.HDUList([tables.get(i, other) for i, other in enumerate(others)])


def table_of(energy_min: u.Quantity, energy_max: u.Quantity, name: str, interp: str) -> Table:
    """The table of bins; see `hpmask.EnergyAxis.to_table`."""
    low, high = ("E_MIN", "E_MAX")
    if name != "energy":
        low, high = (f"{name.upper()}_{end}" for end in ("MIN", "MAX"))
    table = Table({"CHANNEL": np.arange(energy_min.size, dtype=np.int16)})
    for column, values in ((low, energy_min), (high, energy_max)):
        table[column] = values.value
        table[column].unit = values.unit
    table.meta.update(EXTNAME="EBOUNDS", AXCOLS1=f"{low},{high}", INTERP1=interp)
    return table


def _chosen(hdus: fits.HDUList, hdu: str | int | None, where: str) -> Any:
    """The table of a file with the bins."""
    tables = [one for one in hdus if isinstance(one, fits.BinTableHDU | fits.TableHDU)]
    if hdu is not None:
        if not (0 <= hdu < len(hdus) if isinstance(hdu, int) else hdu in hdus):
            raise ValueError(f"there is no HDU {hdu!r}{where}, the file has {', '.join(one.name for one in hdus)}")
        if not any(hdus[hdu] is one for one in tables):
            raise ValueError(f"HDU {hdu!r}{where} is not a table")
        return hdus[hdu]
    fitting = [one for one in tables if pair_of(one.columns.names, one.header) is not None]
    if not fitting:
        raise ValueError(f"no table{where} has columns of energy bins such as E_MIN and E_MAX")
    return next((one for one in fitting if one.name.upper() == "EBOUNDS"), fitting[0])


def pair_of(names: list[str], meta: Any) -> tuple[str, str, str, Literal["log", "lin"]] | None:
    """Columns of the lower and upper edges, the name of the axis, and its interpolation; None if there are none."""
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


def parsed(table: Table, where: str) -> tuple[u.Quantity, str, Literal["log", "lin"]]:
    """Edges, name and interpolation of the axis in a table; errors say `where` it is."""
    found = pair_of(table.colnames, table.meta)
    if found is None:
        raise ValueError(
            f"the table {where}".rstrip() + " has no columns of energy bins such as E_MIN and E_MAX. Its columns are "
            f"{listed(table.colnames)}"
        )
    low, high, name, interp = found
    units = [table[column].unit for column in (low, high)]
    if None in units:
        raise ValueError(f"the columns {low} and {high} must have units of energy, got {units[0]} and {units[1]}")
    # The values as they were written: single precision keeps its rounding.
    bins = np.stack([values_of(table[low]), values_of(table[high]) * u.Unit(units[1]).to(units[0])], axis=-1)
    # A map with several axes repeats the bins. The others keep their order, which is that of the planes.
    first = np.sort(np.unique(bins, axis=0, return_index=True)[1])
    edges = edges_between(*bins[first].T)
    if edges is None:
        raise ValueError(
            f"bins must be contiguous: {low} must equal {high} of the bin before, or {high} must equal {low} of it"
        )
    return u.Quantity(edges, units[0]), name, interp


def edges_between(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The edges of bins in their order, from the lower and upper edge of each; None if the bins are not contiguous."""
    if lower.size > 1 and same_energies(lower[:-1], upper[1:]).all():
        lower, upper = upper, lower
    if not lower.size or not same_energies(lower[1:], upper[:-1]).all():
        return None
    return np.append(lower, upper[-1])


def values_of(column: Any) -> NDArray[np.float64]:
    """Values of a column, or of the array in its only row; NaN where they are missing."""
    values = getattr(column, "value", column)
    if hasattr(values, "filled"):
        values = values.astype(np.float64).filled(np.nan)
    return np.asarray(values, dtype=np.float64).ravel()
