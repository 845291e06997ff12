"""Numbers and angles in region texts, for the readers of ds9 and CRTF.

Each function reads its complete text or raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from astropy import units as u

__all__ = ["COLONS", "NUMBER", "OffSky", "number", "sexagesimal", "size"]

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(NUMBER)
# Sign, degrees or hours, minutes and seconds.
COLONS = re.compile(r"([+-]?)(\d+):(\d+)(?::(\d+\.?\d*))?")


class OffSky(Exception):
    """A number is in pixels."""


def number(text: str) -> float:
    """The number in a text.

    Raises
    ------
    ValueError
        If the text is not a finite decimal number.

    Examples
    --------
    >>> from hpmask.regions.numbers import number
    >>> number("-1.5e2")
    -150.0
    """
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    return value


def sexagesimal(sign: str, whole: str, minutes: str | None, seconds: str | None) -> float:
    """Degrees or hours, minutes and seconds as a decimal number.

    Raises
    ------
    ValueError
        If the minutes or seconds are 60 or more.

    Examples
    --------
    >>> from hpmask.regions.numbers import sexagesimal
    >>> sexagesimal("-", "0", "30", "36")
    -0.51
    """
    parts = [float(part or 0) for part in (minutes, seconds)]
    if max(parts) >= 60:
        raise ValueError(f"minutes and seconds must be below 60, got {minutes or 0} and {seconds or 0}")
    value = int(whole) + parts[0] / 60 + parts[1] / 3600
    return -value if sign == "-" else value


def size(text: str, form: re.Pattern[str], units: Mapping[str, u.UnitBase | None], what: str) -> u.Quantity:
    """A number with its unit.

    Parameters
    ----------
    text : str
        The text.
    form : re.Pattern
        The form of the text, with groups for the number and for the unit.
    units : mapping
        The units by their names in lower case; None for pixels.
    what : str
        What the text should be, for the error.

    Raises
    ------
    OffSky
        If the unit is pixels.
    ValueError
        If the text does not have this form.
    """
    match = form.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not {what}")
    value, unit = number(match[1]), units[match[2].lower()]
    if unit is None:
        raise OffSky
    return value * unit
