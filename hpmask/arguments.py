"""What users give, taken for what it says or refused with the argument's name."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.utils.masked import Masked
from numpy.typing import NDArray

__all__ = [
    "CLOSED",
    "Closed",
    "as_count",
    "as_flag",
    "as_quantity",
    "check_closed",
    "float64",
    "masked",
    "unmasked",
]

Closed = Literal["left", "right", "both", "neither"]
CLOSED: tuple[Closed, ...] = ("left", "right", "both", "neither")


def masked(values: Any) -> NDArray[np.bool_]:
    """Which values numpy or astropy holds as masked, in their shape; all False where there is no mask."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.getmaskarray(values)
    mask = values.mask if isinstance(values, Masked) else False
    return np.broadcast_to(np.asarray(mask, dtype=np.bool_), np.shape(values))


def unmasked(values: Any, argument: str) -> Any:
    """`values`, without the mask if they have one that masks nothing; the error names `argument`.

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


def float64(quantity: u.Quantity) -> u.Quantity:
    """A Quantity in double precision; itself if it is already.

    Units and frames change in the precision that the numbers come in: this must go before.
    """
    return quantity if quantity.dtype == np.float64 else quantity.astype(np.float64)


def as_quantity(value: Any, argument: str, what: str, example: str) -> u.Quantity:
    """`value` as a Quantity of float64 without a mask; its unit is for the caller to look at.

    Parameters
    ----------
    value : `~astropy.units.Quantity` or str
        What was given.
    argument, what, example : str
        For the error: the argument's name, what it is, "an angle", and a string that would do, "0.3 deg".

    Raises
    ------
    TypeError
        If it is a bare number.
    ValueError
        If it is a string that is no quantity, or a value is masked.
    """
    if isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{argument} must be {what} such as {example!r}, got {value!r}") from error
    if not isinstance(value, u.Quantity):
        raise TypeError(f"{argument} must be a Quantity or a string such as {example!r}, got {value!r}")
    return float64(unmasked(value, argument))


def as_flag(value: Any, argument: str) -> bool:
    """`value` as a bool; the error names `argument`.

    Raises
    ------
    TypeError
        If it is anything but True and False: a string such as "no" would count as true.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{argument} must be True or False, got {value!r}")
    return bool(value)


def as_count(value: Any, argument: str) -> int:
    """`value` as an integer from 0 up.

    Raises
    ------
    TypeError, ValueError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{argument} must be an integer from 0 up, got {value!r}")
    if value < 0:
        raise ValueError(f"{argument} must be from 0 up, got {value}")
    return int(value)


def check_closed(closed: str) -> Closed:
    """`closed`, if it says which ends of an interval belong to it.

    Raises
    ------
    ValueError
        If it is neither "left", "right", "both" nor "neither".
    """
    if closed not in CLOSED:
        raise ValueError(f"closed must be 'left', 'right', 'both' or 'neither', got {closed!r}")
    return closed
