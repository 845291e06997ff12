"""Numbers and angles in region texts, for the readers of ds9 and CRTF.

Each function reads its complete text or raises.
"""

from __future__ import annotations

import math
import re

from hpmask.regions.format import shortened

__all__ = ["COLONS", "NUMBER", "number", "sexagesimal"]

# Possessive throughout: a long run of digits that is not a number is tried once, and not once for each way to part it.
NUMBER = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?"
_NUMBER = re.compile(NUMBER)
# Sign, degrees or hours, minutes and seconds.
COLONS = re.compile(r"([+-]?)(\d+):(\d+)(?::(\d++(?:\.\d*+)?))?")


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
        raise ValueError(f"{shortened(text)} is not a number")
    return value


def sexagesimal(sign: str, whole: str, minutes: str | None, seconds: str | None) -> float:
    """Degrees or hours, minutes and seconds as a decimal number.

    Raises
    ------
    ValueError
        If the minutes or seconds are 60 or more, or the degrees or hours are too large for a number.

    Examples
    --------
    >>> from hpmask.regions.numbers import sexagesimal
    >>> sexagesimal("-", "0", "30", "36")
    -0.51
    """
    parts = [float(part or 0) for part in (minutes, seconds)]
    if max(parts) >= 60:
        raise ValueError(f"minutes and seconds must be below 60, got {minutes or 0} and {seconds or 0}")
    value = float(whole) + parts[0] / 60 + parts[1] / 3600
    if not math.isfinite(value):
        raise ValueError(f"{shortened(whole)} is too large")
    return -value if sign == "-" else value
