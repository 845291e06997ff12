"""Numbers and angles in region texts, for the readers of ds9 and CRTF.

Each function reads its complete text or raises.
"""

from __future__ import annotations

import math
import re

__all__ = ["COLONS", "NUMBER", "number", "sexagesimal"]

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(NUMBER)
# Sign, degrees or hours, minutes and seconds.
COLONS = re.compile(r"([+-]?)(\d+):(\d+)(?::(\d+\.?\d*))?")


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
