"""Tables with the flags of layers: new columns of integers, and the names of their bits in the table's metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from hpmask.catalog import answers

__all__ = ["BITS", "columns_of_flags", "described", "description_of", "numbers_of", "with_flags"]

BITS = "bits"
"""The key of the names of bits in the metadata of a column."""


def with_flags(
    table: Any, column: str, names: Sequence[str], flags: Callable[[Any], NDArray[Any]], *, overwrite: bool
) -> Any:
    """See `hpmask.MaskSet.flag`. `flags` gives the flags of the rows of a table."""
    names_of = columns_of_flags(answers.check_column(column), names)

    def columns(part: Any) -> Mapping[str, NDArray[Any]]:
        words = np.asarray(flags(part))
        if len(names_of) == 1:
            return {column: words}
        return {name: np.ascontiguousarray(words[:, k]) for k, name in enumerate(names_of)}

    return described(answers.with_columns(table, columns, overwrite=overwrite), names_of)


def columns_of_flags(column: str, names: Sequence[str]) -> dict[str, list[str]]:
    """The columns of flags of some layers, each with the names of its bits: one column for every 64 layers."""
    if len(names) <= 64:
        return {column: list(names)}
    return {f"{column}_{k // 64}": list(names[k : k + 64]) for k in range(0, len(names), 64)}


def numbers_of(names: Sequence[str]) -> dict[str, int]:
    """The number of the bit of each name."""
    return {name: k for k, name in enumerate(names)}


def description_of(numbers: Mapping[str, int]) -> str:
    """The names of bits in words, for the description of a column."""
    return ", ".join(f"bit {k}: {name}" for name, k in numbers.items())


def described(table: Any, names_of: Mapping[str, Sequence[str]]) -> Any:
    """The table with the names of bits in its metadata, if it is of a kind that has any: see `hpmask.MaskSet.flag`."""
    bits = {column: numbers_of(names) for column, names in names_of.items()}
    if isinstance(table, Table):
        for column, numbers in bits.items():
            table[column].info.meta = {BITS: numbers}
            table[column].info.description = description_of(numbers)
        return table
    kinds = {cls.__module__.partition(".")[0] for cls in type(table).__mro__}
    if "pandas" in kinds:
        table.attrs[BITS] = {**table.attrs.get(BITS, {}), **bits}
    elif "pyarrow" in kinds:
        schema = table.schema
        for column, numbers in bits.items():
            place = schema.get_field_index(column)
            schema = schema.set(place, schema.field(place).with_metadata({BITS: json.dumps(numbers)}))
        return table.cast(schema)
    return table
