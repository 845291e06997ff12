"""Conditions that choose rows of a table, such as ``Signif_Avg >= 5``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._utils.words import listed, shown

__all__ = ["Condition", "numbers_of", "rows_where"]

_SIGNS: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.bool_]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_SIGN = re.compile(r"<=|>=|==|!=|<|>")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Condition:
    """A column, a sign and a value, such as ``Signif_Avg >= 5`` or ``CLASS1 != 'psr'``."""

    column: str
    sign: str
    value: str | u.Quantity

    @classmethod
    def parse(cls, text: Any) -> Condition:
        """The condition of a text.

        Raises
        ------
        ValueError
            If the text is not a condition.
        """
        words = text.strip() if isinstance(text, str) else ""
        # A column has a letter at least before the sign.
        match = _SIGN.search(words, 1)
        if match is None or not words[match.end() :] or "\n" in words:
            raise ValueError(f"where must be a condition such as 'Signif_Avg >= 5', got {shown(text)}")
        column, sign, value = words[: match.start()].strip(), match[0], words[match.end() :].strip()
        if _TEXT.fullmatch(value):
            if sign not in ("==", "!="):
                raise ValueError(f"where: text can only be compared with == and !=, got {shown(text)}")
            return cls(column, sign, value[1:-1])
        try:
            return cls(column, sign, u.Quantity(value))
        except (TypeError, ValueError):
            raise ValueError(
                f"where: a column is compared with a number, a quantity or a quoted text, got {shown(value)}"
            ) from None

    def __call__(self, table: Table) -> NDArray[np.bool_]:
        """Which rows fulfil the condition, shape (n,). Rows without a value do not."""
        if isinstance(self.value, str):
            column = np.ma.asarray(_column(table, self.column))
            if column.dtype.kind not in "SUO":
                raise ValueError(f"the column {self.column!r} does not hold text, and is compared with {self.value!r}")
            known = ~np.ma.getmaskarray(column)
            # Tables pad their texts with blanks.
            words = [(one.decode() if isinstance(one, bytes) else str(one)).strip() for one in column.data]
            equal = np.array([word == self.value.strip() for word in words], dtype=np.bool_)
            fulfilled: NDArray[np.bool_] = known & (equal if self.sign == "==" else ~equal)
            return fulfilled
        values, unit = numbers_of(table, self.column)
        if self.value.unit == u.dimensionless_unscaled:
            limit = self.value.value
        elif unit is None or not unit.is_equivalent(self.value.unit):
            raise ValueError(
                f"the column {self.column!r} has the unit {str(unit)!r}, and cannot be compared with {self.value.unit}"
            )
        else:
            limit = self.value.to_value(unit)
        return np.isfinite(values) & _SIGNS[self.sign](values, limit)


def rows_where(table: Table, where: Any) -> tuple[NDArray[np.bool_], str]:
    """The rows that fulfil `where`, shape (n,), and its text for the history.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    where : str, sequence of str or Condition, array of bool, or callable
        Conditions, all of which must be fulfilled; one bool for each row; or a function of the table that returns
        them.

    Raises
    ------
    TypeError, ValueError
        If `where` is something else, or a column is not in the table or does not fit its condition.
    """
    if isinstance(where, str | Condition):
        where = [where]
    if callable(where):
        name = getattr(where, "__name__", type(where).__name__)
        return _booleans(where(table), len(table), f"the result of where ({name})"), f"where {name}"
    if isinstance(where, Sequence) and where and all(isinstance(one, str | Condition) for one in where):
        conditions = [Condition.parse(one) if isinstance(one, str) else one for one in where]
        fulfilled = np.logical_and.reduce([condition(table) for condition in conditions])
        text = " and ".join(f"{one.column} {one.sign} {_literal(one.value)}" for one in conditions)
        return fulfilled, f"where {text}"
    return _booleans(where, len(table), "where"), "where chosen"


def _literal(value: str | u.Quantity) -> str:
    return repr(value) if isinstance(value, str) else f"{value}".strip()


def _booleans(values: Any, n_rows: int, what: str) -> NDArray[np.bool_]:
    if isinstance(values, np.ma.MaskedArray):
        # As in conditions: rows without a value do not count.
        values = values.filled(False)
    array = np.asarray(values)
    if array.dtype != np.bool_:
        raise TypeError(
            f"{what} must be a condition such as 'mag < 8', a list of them, or bool for each row, got {array.dtype}"
        )
    if array.shape != (n_rows,):
        raise ValueError(f"{what} must have one value for each of the {n_rows} rows, got the shape {array.shape}")
    return array


def _column(table: Table, name: str) -> Any:
    if name not in table.colnames:
        raise ValueError(f"there is no column {name!r}; the columns are {listed(table.colnames)}")
    return table[name]


def numbers_of(table: Table, name: str) -> tuple[NDArray[np.float64], u.UnitBase | None]:
    """The numbers of a column, NaN where a row has none, and their unit.

    Raises
    ------
    ValueError
        If there is no such column, or it does not have one number in each row.
    """
    column = _column(table, name)
    unit = getattr(column, "unit", None)
    # Masked columns and masked quantities both have the attribute mask.
    mask = np.broadcast_to(getattr(column, "mask", False), np.shape(column))
    data = np.asarray(getattr(column, "unmasked", column))
    if data.dtype.kind not in "fiu" or data.ndim != 1:
        raise ValueError(f"the column {name!r} must have one number in each row")
    return np.where(mask, np.nan, data.astype(np.float64)), unit
