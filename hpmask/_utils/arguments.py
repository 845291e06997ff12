"""Checks of arguments: one check for each kind of argument. Its error names the caller's argument."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import Column
from astropy.utils.masked import Masked
from numpy.typing import NDArray

from hpmask._utils.words import counted, shown

__all__ = [
    "CLOSED",
    "MAX_ORDER",
    "Closed",
    "as_angle",
    "as_area",
    "as_booleans",
    "as_count",
    "as_flag",
    "as_fraction",
    "as_quantity",
    "check_closed",
    "check_connectivity",
    "check_invalid",
    "check_order",
    "float64",
    "masked",
    "one_angle",
    "unmasked",
    "values_and_unit",
]

# The finest order: cell numbers of order 29 take 62 bits.
MAX_ORDER = 29

Closed = Literal["left", "right", "both", "neither"]
CLOSED: tuple[Closed, ...] = ("left", "right", "both", "neither")


def masked(values: Any) -> NDArray[np.bool_]:
    """Which values numpy or astropy marks as masked, in the shape of `values`; all False without a mask."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.getmaskarray(values)
    mask = values.mask if isinstance(values, Masked) else False
    return np.broadcast_to(np.asarray(mask, dtype=np.bool_), np.shape(values))


def unmasked(values: Any, argument: str) -> Any:
    """`values`, without their mask if it masks nothing; the error names `argument`.

    Raises
    ------
    ValueError
        If a value is masked.
    """
    if not isinstance(values, np.ma.MaskedArray | Masked):
        return values
    bad = np.argwhere(masked(values))
    if len(bad):
        row = ", ".join(map(str, bad[0]))
        where = f", {len(bad)} of {np.size(values)} values are, the first in row {row}" if np.ndim(values) else ""
        raise ValueError(f"{argument} must not be masked{where}")
    return values.unmasked if isinstance(values, Masked) else values.data


def values_and_unit(values: Any) -> tuple[NDArray[Any], u.UnitBase | None]:
    """Values as a plain array, and their unit if they are a Quantity or a column of a table with a unit.

    Masked values become NaN, and integers and booleans then become floats.
    """
    unit = getattr(values, "unit", None)
    hidden = masked(values) if isinstance(values, np.ma.MaskedArray | Masked) else None
    if isinstance(values, np.ma.MaskedArray):
        values = values.data
    array = np.asarray(values.unmasked if isinstance(values, Masked) else values)
    if hidden is not None and hidden.any():
        array = array.astype(array.dtype if array.dtype.kind == "f" else np.float64)
        array[hidden] = np.nan
    return array, None if unit is None else u.Unit(unit)


def float64(quantity: u.Quantity) -> u.Quantity:
    """A Quantity in double precision: the same object if it is in double precision already.

    astropy converts units and frames in the precision of the numbers. Call this before any conversion.
    """
    return quantity if quantity.dtype == np.float64 else quantity.astype(np.float64)


def as_quantity(value: Any, argument: str, what: str, example: str) -> u.Quantity:
    """`value` as a Quantity of float64 without a mask. The caller checks its unit.

    Parameters
    ----------
    value : `~astropy.units.Quantity`, `~astropy.table.Column` with a unit, or str
        The argument.
    argument, what, example : str
        For the error: the name of the argument, its kind ("an angle"), and a string that is right ("0.3 deg").

    Raises
    ------
    TypeError
        If it is a bare number.
    ValueError
        If it is a string that is not a quantity, or a value is masked.
    """
    if isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{argument} must be {what} such as {example!r}, got {shown(value)}") from error
    if isinstance(value, Column) and value.unit is not None:
        value = u.Quantity(np.asarray(unmasked(value, argument)), value.unit)
    if not isinstance(value, u.Quantity):
        raise TypeError(f"{argument} must be a Quantity or a string such as {example!r}, got {shown(value)}")
    return float64(unmasked(value, argument))


def as_flag(value: Any, argument: str) -> bool:
    """`value` as a bool; the error names `argument`.

    Raises
    ------
    TypeError
        If it is anything but True or False. A string such as "no" would count as true.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{argument} must be True or False, got {shown(value)}")
    return bool(value)


def as_booleans(
    values: NDArray[Any], argument: str, *, missing: NDArray[np.bool_] | None = None, advice: str = "give a threshold="
) -> NDArray[np.bool_]:
    """`values` as booleans: the same array if it has booleans already; the error names `argument`.

    Parameters
    ----------
    values : numpy.ndarray
        Booleans, or 0 and 1 of any type of numbers.
    argument : str
        Their name.
    missing : numpy.ndarray of bool, optional
        Values that may be anything. They become False.
    advice : str, optional
        What to do with other numbers.

    Raises
    ------
    TypeError
        If they are not numbers.
    ValueError
        If a value is neither 0 nor 1. The message has the number of such values, and the first of them.
    """
    if values.dtype == np.bool_:
        return values
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{argument} must be boolean, or 0 and 1, got {values.dtype}")
    kept: NDArray[np.bool_] = values == 1
    odd = ~kept
    odd &= values != 0
    if missing is not None:
        odd &= ~missing
    if odd.any():
        place = tuple(int(i) for i in np.argwhere(odd)[0])
        where = f"{place[0]}" if len(place) == 1 else f"{place}"
        count = int(np.count_nonzero(odd))
        raise ValueError(
            f"{argument} must be boolean, or 0 and 1, but {counted(count, 'value')} of {values.size} "
            f"{'is' if count == 1 else 'are'} not, the first at {where}: {values[place]}; {advice}"
        )
    return kept


def as_count(value: Any, argument: str, *, least: int = 0) -> int:
    """`value` as an integer of at least 0, or `least`; the error names `argument`.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{argument} must be an integer of at least {least}, got {shown(value)}")
    if value < least:
        raise ValueError(f"{argument} must be at least {least}, got {value}")
    return int(value)


def as_fraction(value: Any, argument: str) -> float:
    """`value` as a float from 0 to below 1; the error names `argument`.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{argument} must be a number from 0 to below 1, got {shown(value)}")
    if not 0 <= value < 1:
        raise ValueError(f"{argument} must be at least 0 and below 1, got {value}")
    return float(value)


def check_closed(closed: str) -> Closed:
    """`closed`, checked: which ends of an interval belong to it.

    Raises
    ------
    ValueError
        If it is not "left", "right", "both" or "neither".
    """
    if closed not in CLOSED:
        raise ValueError(f"closed must be 'left', 'right', 'both' or 'neither', got {shown(closed)}")
    return closed


def check_order(order: int, name: str = "order") -> int:
    """`order` as an int; the error names the argument `name`.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer from 0 to 29.
    """
    if isinstance(order, bool) or not isinstance(order, int | np.integer):
        raise TypeError(f"{name} must be an integer from 0 to {MAX_ORDER}, got {shown(order)}")
    if not 0 <= order <= MAX_ORDER:
        raise ValueError(f"{name} must be from 0 to {MAX_ORDER}, got {order}")
    return int(order)


def as_angle(angle: u.Quantity | str, argument: str) -> u.Quantity:
    """`angle` as a Quantity of angle, in float64; the error names `argument`.

    Raises
    ------
    TypeError
        If it is a bare number.
    ValueError
        If its unit is not an angle, the string is not an angle, or a value is masked.
    """
    angle = as_quantity(angle, argument, "an angle", "0.3 deg")
    if angle.unit == u.dimensionless_unscaled:
        example = f", such as '{angle.value:g} deg'" if angle.isscalar else ""
        raise ValueError(f"{argument} must be an angle with a unit{example}, got {angle.value} without one")
    if not angle.unit.is_equivalent(u.rad):
        raise ValueError(f"{argument} must be an angle, got the unit {angle.unit.to_string()!r}")
    return angle


def one_angle(
    angle: u.Quantity | str,
    argument: str,
    *,
    unit: u.UnitBase = u.rad,
    most: u.Quantity | None = None,
    below: u.Quantity | None = None,
) -> float:
    """A single positive angle as a number; the error names `argument`.

    Parameters
    ----------
    angle : `~astropy.units.Quantity` or str
        The argument.
    argument : str
        Its name.
    unit : `~astropy.units.Unit`, optional
        Unit of the result.
    most, below : `~astropy.units.Quantity`, optional
        The largest angle that is allowed, or an angle that it must stay below.

    Returns
    -------
    float
        The angle in `unit`.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.
    """
    size = as_angle(angle, argument)
    if size.ndim:
        raise ValueError(f"{argument} must be one angle, got an array of shape {size.shape}")
    value = float(size.to_value(unit))
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{argument} must be a positive angle, got {angle}")
    if below is not None and value >= below.to_value(unit):
        raise ValueError(f"{argument} must be below {below}, got {angle}")
    if most is None:
        return value
    # Conversions of units may have added a rounding error.
    if value > most.to_value(unit) * (1 + 1e-12):
        raise ValueError(f"{argument} must be at most {most}, got {angle}")
    return min(value, float(most.to_value(unit)))


def as_area(area: u.Quantity | str, argument: str) -> float:
    """`area` in steradian; the error names `argument`.

    Raises
    ------
    TypeError
        If it is a bare number or not a scalar.
    ValueError
        If its unit is not a solid angle, the string is not an area, or it is negative or not finite.
    """
    area = as_quantity(area, argument, "an area", "0.3 deg2")
    if not area.unit.is_equivalent(u.sr):
        raise ValueError(f"{argument} must be an area such as '0.3 deg2', got the unit {area.unit.to_string()!r}")
    if area.ndim or np.any(getattr(area, "mask", False)):
        raise TypeError(f"{argument} must be one area, got {shown(area)}")
    value = float(area.to_value(u.sr))
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{argument} must be finite and not negative, got {area}")
    return value


def check_connectivity(connectivity: int) -> bool:
    """Whether cells that only share a corner are neighbours.

    Raises
    ------
    ValueError
        If `connectivity` is not 8 (edges and corners) or 4 (edges only).
    """
    if isinstance(connectivity, bool) or connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 8 (edges and corners) or 4 (edges only), got {shown(connectivity)}")
    return connectivity == 8


def check_invalid(invalid: str) -> None:
    """Raise a ValueError unless `invalid` is "raise" or "skip"."""
    if invalid not in ("raise", "skip"):
        raise ValueError(f"invalid must be 'raise' or 'skip', got {shown(invalid)}")
