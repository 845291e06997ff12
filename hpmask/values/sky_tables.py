"""Tables of a multi-order sky map, one row for each cell, and whether the values of a map are densities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._utils.arguments import as_flag, masked, unmasked
from hpmask._utils.words import listed
from hpmask.core.healpix_map import HealpixMap
from hpmask.geometry.frames import COORDSYS, check_frame

__all__ = ["SkyTable", "cell_name", "densities", "is_density"]

# Usual names of the column of values, in the order of preference.
_NAMES = ("PROBDENSITY", "PROB", "PROBABILITY")
_FRAMES = {letter: frame for frame, letter in COORDSYS.items()}


@dataclass(frozen=True, slots=True)
class SkyTable:
    """The cells of a multi-order map as a table has them.

    Attributes
    ----------
    uniq : numpy.ndarray of int, shape (n,)
        UNIQ numbers, in the order of the table and not yet checked.
    values : numpy.ndarray of float64, shape (n,)
        Their values. Masked values are NaN.
    name : str
        Name of the column of the values.
    unit : `~astropy.units.Unit` or None
        Its unit.
    frame : str
        Frame of the cells.
    """

    uniq: NDArray[Any]
    values: NDArray[np.float64]
    name: str
    unit: u.UnitBase | None
    frame: str

    @classmethod
    def of(cls, table: Any, column: str | None, frame: str | None) -> SkyTable | None:
        """The columns of a table, structured array, dict of columns or data frame; None for anything else.

        Parameters
        ----------
        table : object
            The table.
        column : str or None
            Name of the column of values. By default PROBDENSITY, PROB or PROBABILITY, in any letter case.
        frame : str or None
            Frame of the cells. By default the keyword COORDSYS of the table says it, and without one it is "icrs".

        Raises
        ------
        TypeError, ValueError
            If the table has no such columns, or they do not hold numbers.
        """
        names, read = _columns_of(table)
        if names is None:
            return None
        uniq_name = _find(names, ("UNIQ",))
        if uniq_name is None:
            raise ValueError(f"a multi-order sky map needs a column UNIQ, the columns are {listed(names)}")
        if column is not None and column not in names:
            raise ValueError(f"there is no column {column!r}, the columns are {listed(names)}")
        name = column or _find(names, _NAMES)
        if name is None:
            raise ValueError(
                f"the values are in none of the columns {', '.join(_NAMES)}: name their column by column=, "
                f"the columns are {listed(names)}"
            )
        uniq, values = unmasked(read(uniq_name), uniq_name), read(name)
        unit = getattr(values, "unit", None)
        uniq = np.asarray(getattr(uniq, "value", uniq))
        if uniq.ndim != 1 or uniq.dtype.kind not in "iu":
            raise TypeError(f"{uniq_name} must be integers of shape (n,), got {uniq.dtype} of shape {uniq.shape}")
        if np.shape(values) != uniq.shape:
            raise ValueError(f"{name} must have the shape of {uniq_name}, {uniq.shape}, got {np.shape(values)}")
        hidden = masked(values)
        return cls(
            uniq,
            _floats(values, hidden, name),
            name,
            None if unit is None else u.Unit(unit),
            _frame_of(table, frame),
        )


def densities(map_: SkyTable | HealpixMap, density: bool | None) -> tuple[bool, float]:
    """Whether values are densities, and the factor that makes a density one per steradian.

    A value per solid angle is a density by its unit. Without a solid angle in the unit, the name of the values decides:
    PROBDENSITY is a density.

    Raises
    ------
    TypeError, ValueError
        If `density` is neither True, False nor None, or contradicts the unit.
    """
    unit = map_.unit
    factor = _per_steradian(unit)
    if density is None:
        density = factor is not None or "DENSITY" in map_.name.upper()
    elif not as_flag(density, "density") and factor is not None:
        raise ValueError(f"density is False, but the values are in {unit}, which is a density")
    return bool(density), 1.0 if factor is None else factor


def cell_name(map_: HealpixMap, row: int) -> str:
    """The name of a cell of a map in an error: its row in a full map, and else its number, as maps sort their cells."""
    if map_.cells is None:
        return f"row {row}"
    return f"NESTED cell {map_.cells[row]} of order {map_.order if map_.orders is None else map_.orders[row]}"


def is_density(unit: u.UnitBase | None) -> bool:
    """Whether a unit is one per solid angle."""
    return _per_steradian(unit) is not None


def _per_steradian(unit: u.UnitBase | None) -> float | None:
    """The factor from a unit of density to the same per steradian; None if it is not a density."""
    if unit is None:
        return None
    for base, power in zip(unit.bases, unit.powers, strict=True):
        if base.is_equivalent(u.rad) and power == -2:
            return float(base.to(u.rad) ** -2)
        if base.is_equivalent(u.sr) and power == -1:
            return float(1 / base.to(u.sr))
    return None


def _columns_of(table: Any) -> tuple[list[str] | None, Any]:
    """Names of the columns of a table, and what reads one of them; None if it is not a table."""
    if isinstance(table, Table):
        return list(table.colnames), lambda name: table[name]
    if isinstance(table, Mapping):
        return [str(name) for name in table], lambda name: table[name]
    if isinstance(table, np.ndarray) and table.dtype.names is not None:
        return list(table.dtype.names), lambda name: table[name]
    import narwhals

    frame = narwhals.from_native(table, eager_only=True, pass_through=True)
    if not isinstance(frame, narwhals.DataFrame):
        return None, None
    return list(frame.columns), lambda name: frame[name].to_numpy()


def _find(names: list[str], wanted: tuple[str, ...]) -> str | None:
    upper = {name.upper(): name for name in reversed(names)}
    return next((upper[name] for name in wanted if name in upper), None)


def _floats(values: Any, hidden: NDArray[np.bool_], name: str) -> NDArray[np.float64]:
    for attribute in ("value", "unmasked"):
        values = getattr(values, attribute, values)
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers of shape (n,), got {array.dtype} of shape {array.shape}")
    array = np.ascontiguousarray(array, dtype=np.float64)
    return np.where(hidden, np.nan, array) if hidden.any() else array


def _frame_of(table: Any, frame: str | None) -> str:
    meta = getattr(table, "meta", None)
    meta = meta if isinstance(meta, Mapping) else {}
    system = next((str(value).strip().upper() for key, value in meta.items() if str(key).upper() == "COORDSYS"), "")
    if not system:
        return "icrs" if frame is None else check_frame(frame)
    found = _FRAMES.get(system[0])
    if found is None:
        raise ValueError(f"COORDSYS of the table is {system!r}: cells must be equatorial (C) or Galactic (G)")
    if frame is not None and check_frame(frame) != found:
        raise ValueError(f"frame is {frame!r}, but COORDSYS of the table is {system!r}")
    return found
