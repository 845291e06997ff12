"""Numbers as people read them: fractions of the sky, quantities, and counts with their nouns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["angle_text", "brief", "counted", "fraction_text", "listed", "percent_text", "quantity_text", "shown"]

# Characters of a value, of a name in a list, and of the message of another error, in an error.
_SHOWN, _NAME, _BRIEF = 100, 40, 300
# Names in an error.
_LISTED = 20


class _Sky(Protocol):
    @property
    def sky_fraction(self) -> float: ...
    @property
    def is_full(self) -> bool: ...


def fraction_text(sky: _Sky, digits: int = 4) -> str:
    """The fraction of the sky in a set, "0.08333"; with more digits where a set that is not full would round to "1".

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask._utils.words import fraction_text
    >>> hole = RangeSet.from_cells([0], order=10)
    >>> fraction_text(hole), fraction_text(~hole), fraction_text(hole | ~hole)
    ('7.947e-08', '0.9999999', '1')
    """
    return _text(sky, 1.0, digits)


def percent_text(sky: _Sky, digits: int = 3) -> str:
    """The part of the sky in a set, "8.33 %"; with more digits where a set that is not full would round to "100 %"."""
    return f"{_text(sky, 100.0, digits)} %"


def _text(sky: _Sky, whole: float, digits: int) -> str:
    value = whole * sky.sky_fraction
    if sky.is_full:
        return f"{value:.{digits}g}"
    # A small hole may leave the fraction at 1 in floating point.
    value = min(value, math.nextafter(whole, 0))
    text = f"{value:.{digits}g}"
    while float(text) >= whole:
        digits += 1
        text = f"{value:.{digits}g}"
    return text


def quantity_text(value: Any) -> str:
    """A scalar Quantity as the history gives it, "0.5 deg"; anything else as it prints itself."""
    return f"{value.value:.6g} {value.unit}" if hasattr(value, "unit") and not value.shape else str(value)


def shown(value: Any) -> str:
    """A value in an error: as it prints itself, but on one line and shortened.

    Examples
    --------
    >>> from hpmask._utils.words import shown
    >>> shown("0.5 dge"), shown(["deg"] * 100)[-12:]
    ("'0.5 dge'", "g', 'deg ...")
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."


def listed(names: Sequence[str]) -> str:
    """Names in an error, such as those of the columns of a file: the first ones, shortened and printable.

    Examples
    --------
    >>> from hpmask._utils.words import listed
    >>> listed(["ra", "dec", "\\x1b[31m"]), listed(["flux"] * 30)[-16:]
    ('ra, dec, \\\\x1b[31m', 'flux and 10 more')
    """
    some = [name if name.isprintable() else repr(name)[1:-1] for name in names[:_LISTED]]
    text = ", ".join(name if len(name) <= _NAME else f"{name[: _NAME - 3]}..." for name in some)
    return text + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def brief(error: object) -> str:
    """The message of an error of another package, or one that quotes a file: printable, and without its middle if long.

    Examples
    --------
    >>> from hpmask._utils.words import brief
    >>> brief("no such format.\\nThe formats are:  a, \\x1b"), len(brief("x" * 5000))
    ('no such format. The formats are: a, \\\\x1b', 300)
    """
    text = " ".join(str(error).split())
    if not text.isprintable():
        text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 105]} ... {text[-100:]}"


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 bin", "2 bins"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def angle_text(angle: float) -> str:
    """An angle, given in radians, in a unit that fits it.

    Examples
    --------
    >>> from hpmask._utils.words import angle_text
    >>> angle_text(0.5), angle_text(1e-4), angle_text(1e-10)
    ('28.65 deg', '20.63 arcsec', '2.063e-05 arcsec')
    """
    degrees = math.degrees(angle)
    for factor, unit in ((1, "deg"), (60, "arcmin")):
        if degrees * factor >= 0.9995:
            return f"{degrees * factor:.4g} {unit}"
    return f"{degrees * 3600:.4g} arcsec"
