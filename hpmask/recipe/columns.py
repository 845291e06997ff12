"""The columns of a catalog in a recipe: sizes that are made from columns, and conditions that choose rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from hpmask.catalog.conditions import Condition, numbers_of
from hpmask.catalog.laws import MagnitudeLaw
from hpmask.recipe.sections import Section

__all__ = ["Size", "conditions"]


@dataclass(frozen=True, slots=True)
class Size:
    """An angle for each source: one for all, ``times * column + plus`` between `at_least` and `at_most`, or a law.

    A size must not be negative. A direction, such as a position angle, may have any sign. `missing` is the angle of
    rows without a value in the column; the reader of the catalog puts it in.
    """

    angle: u.Quantity | None = None
    column: str | None = None
    times: float = 1.0
    plus: u.Quantity | None = None
    at_least: u.Quantity | None = None
    at_most: u.Quantity | None = None
    unit: u.UnitBase | None = None
    missing: u.Quantity | None = None
    law: MagnitudeLaw | None = None

    @classmethod
    def read(cls, section: Section, key: str, *, direction: bool = False) -> Size:
        """The size at `key`: an angle, the name of a column, or a table that describes a column."""
        return cls.parse(section, key, section.require(key, str, float, dict), direction=direction)

    @classmethod
    def parse(cls, section: Section, key: str, value: Any, *, direction: bool = False) -> Size:
        """The size given by `value`: a table, an angle if it begins with a number, or else the name of a column."""
        if isinstance(value, dict):
            return cls._from_table(section.inner(key, value), direction)
        if isinstance(value, str) and not re.match(r"\s*[-+.]?\d", value):
            return cls(column=value)
        angle = section.as_angle(value, key)
        if angle.value < 0 and not direction:
            raise section.error(f"{key} must not be negative, got {value!r}", key)
        return cls(angle=angle)

    @classmethod
    def _from_law(cls, table: Section) -> Size:
        law: dict[float, u.Quantity] = {}
        for point in table.require("law", list):
            if not isinstance(point, list) or len(point) != 2 or isinstance(point[0], bool | str):
                raise table.error(f'law must be pairs such as [12, "30 arcsec"], got {point!r}', "law")
            if float(point[0]) in law:
                raise table.error(f"law has the magnitude {point[0]} twice", "law")
            law[float(point[0])] = table.as_angle(point[1], "law")
        options: dict[str, Any] = {
            "interpolation": table.choice("interpolation", ("log", "linear", "previous"), default="log"),
            "brighter": table.choice("brighter", ("raise", "hold"), default="raise"),
            "fainter": table.choice("fainter", ("raise", "hold"), default="raise"),
            "at_least": table.angle("at_least"),
            "at_most": table.angle("at_most"),
        }
        magnitude, missing = table.require("magnitude", str), table.angle("missing")
        table.close()
        try:
            return cls(law=MagnitudeLaw(magnitude, law, **options), missing=missing)
        except ValueError as error:
            raise table.error(str(error), "law") from None

    @classmethod
    def _from_table(cls, table: Section, direction: bool) -> Size:
        if "law" in table and not direction:
            return cls._from_law(table)
        unit = table.get("unit", str)
        if unit is not None:
            try:
                unit = u.Unit(unit)
            except ValueError:
                raise table.error(f"unit must be a unit of angle such as 'deg', got {unit!r}", "unit") from None
        size = cls(
            column=table.require("column", str),
            times=float(table.get("times", float, default=1.0)),
            plus=table.angle("plus"),
            at_least=table.angle("at_least"),
            at_most=table.angle("at_most"),
            unit=unit,
            missing=table.angle("missing"),
        )
        table.close()
        if size.missing is not None and not direction and not 0 <= size.missing.to_value(u.deg) <= 180:
            raise table.error(f"missing must be between 0 and 180 deg, got {size.missing}", "missing")
        return size

    def __call__(self, table: Table) -> u.Quantity:
        """Angles of shape (n,); NaN where the column has no value."""
        if self.angle is not None:
            return np.full(len(table), self.angle.value) * self.angle.unit
        if self.law is not None:
            return self.law(table)
        assert self.column is not None
        values, unit = numbers_of(table, self.column)
        unit = self.unit or unit
        if unit is None:
            raise ValueError(
                f"the column {self.column!r} has no unit: give one, as in {{ column = {self.column!r}, unit = 'deg' }}"
            )
        if not unit.is_equivalent(u.rad):
            raise ValueError(f"the column {self.column!r} must have a unit of angle, but its unit is {str(unit)!r}")
        size = (self.times * values * unit).to(u.deg)
        if self.plus is not None:
            size = size + self.plus
        # fmax and fmin would give a value to rows without one.
        if self.at_least is not None:
            size = np.maximum(size, self.at_least)
        if self.at_most is not None:
            size = np.minimum(size, self.at_most)
        return size


def conditions(section: Section, key: str) -> list[Condition]:
    """The conditions at `key`: one, a list of them, or none if there is no such key."""
    value = section.get(key, str, list, default=[])
    try:
        return [Condition.parse(one) for one in ([value] if isinstance(value, str) else value)]
    except ValueError as error:
        raise section.error(str(error), key) from None
