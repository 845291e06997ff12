"""What users give, taken for what it says or refused with the argument's name."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from astropy import units as u

__all__ = ["CLOSED", "Closed", "as_count", "as_quantity", "check_closed"]

Closed = Literal["left", "right", "both", "neither"]
CLOSED: tuple[Closed, ...] = ("left", "right", "both", "neither")


def as_quantity(value: Any, argument: str, what: str, example: str) -> u.Quantity:
    """`value` as a Quantity; its unit is for the caller to look at.

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
        If it is a string that is no quantity.
    """
    if isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{argument} must be {what} such as {example!r}, got {value!r}") from error
    if not isinstance(value, u.Quantity):
        raise TypeError(f"{argument} must be a Quantity or a string such as {example!r}, got {value!r}")
    return value


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
