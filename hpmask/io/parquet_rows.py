"""Masks as rows of parquet files: ranges in row groups of neighbouring cells, and the rest as JSON.

A row is a range: ``start`` and ``stop``, in cells of the order of the file. The rows are grouped by their place on the
NESTED curve. The cells of a group are one tile, or a few tiles that follow each other in a larger tile, and their
first number and the number after the last are in the description. A range that crosses the border of two groups is
divided there. In a group, the rows are sorted by plane and then by start. A plane is the sky of an energy bin, or that
of a layer; "rows" in the description counts the rows of each plane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._files.checked_parquet import CheckedParquet, Group, pyarrow_parquet, strange_description
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.memory import array_of
from hpmask.core.rangeset import RangeSet, checked
from hpmask.energy.axis import EnergyAxis

__all__ = [
    "Column",
    "axis_from_json",
    "axis_to_json",
    "cells_of",
    "groups_of",
    "integer",
    "meeting",
    "own_plane",
    "planes_of",
    "row_schema",
]

# Rows in a row group: about 100 kB in the file.
_MOST_ROWS = 1 << 16

Interval = tuple[int, int]


@dataclass(frozen=True)
class Column:
    """A column besides `start` and `stop`, which has the same value in all rows of a plane.

    Parameters
    ----------
    name : str
        Name of the column.
    values : sequence of int, str or None
        The value for each plane.
    """

    name: str
    values: Sequence[int | str | None]


# ---------------------------------------------------------------------- from planes to rows


def row_schema(columns: Sequence[Column] = ()) -> Any:
    """The columns of a file."""
    pyarrow, _ = pyarrow_parquet()
    fields = []
    for column in columns:
        kind = pyarrow.string() if isinstance(column.values[0], str) else pyarrow.int32()
        fields.append(pyarrow.field(column.name, kind, nullable=None in column.values))
    fields += [pyarrow.field(name, pyarrow.int64(), nullable=False) for name in ("start", "stop")]
    return pyarrow.schema(fields)


def groups_of(
    planes: Sequence[RangeSet], order: int, within: Interval, columns: Sequence[Column] = ()
) -> Iterator[Group]:
    """The row groups of planes.

    Parameters
    ----------
    planes : sequence of RangeSet
        The planes, of at most this order.
    order : int
        Order of the cells of `start` and `stop`.
    within : tuple of int
        A cell at order 29 and the one after the last: the sky of a file. The planes have no other cells.
    columns : sequence of Column
        More columns.

    Yields
    ------
    Group
    """
    pyarrow, _ = pyarrow_parquet()
    shift = np.uint64(2 * (MAX_ORDER - order))
    for low, high in _intervals(planes, order, within):
        pieces = [_between(plane, low, high) for plane in planes]
        counts = [piece.size // 2 for piece in pieces]
        rows = np.concatenate(pieces) >> shift
        arrays = {"start": rows[::2].astype(np.int64), "stop": rows[1::2].astype(np.int64)}
        for column in columns:
            values = pyarrow.array(column.values)
            arrays[column.name] = values.take(pyarrow.array(np.repeat(np.arange(len(planes)), counts)))
        yield {"cells": [low >> int(shift), high >> int(shift)], "rows": counts}, arrays


def _between(plane: RangeSet, low: int, high: int) -> NDArray[np.uint64]:
    """The boundaries of what a set has from one cell of order 29 to before another one."""
    boundaries = plane.boundaries
    ends = np.array([low, high], dtype=np.uint64)
    i, j = int(np.searchsorted(boundaries, ends[0], "right")), int(np.searchsorted(boundaries, ends[1], "left"))
    if i % 2 == 0 and j % 2 == 0:
        return boundaries[i:j]
    return np.concatenate([ends[: i % 2], boundaries[i:j], ends[1 : 1 + j % 2]])


def _intervals(planes: Sequence[RangeSet], order: int, within: Interval) -> list[Interval]:
    """The cells of the row groups."""
    ends = planes[0].boundaries if len(planes) == 1 else np.sort(np.concatenate([plane.boundaries for plane in planes]))
    found: list[Interval] = []

    def divide(low: int, size: int, count: int) -> None:
        """Divide tiles that follow each other; they have no more cells of `order` than `count`."""
        places = np.searchsorted(ends, np.array([low + k * size for k in range(count + 1)], dtype=np.uint64))
        # A range that reaches into a tile from the one before is not counted.
        rows = (np.diff(places) + 1) // 2
        begun, total = low, 0
        for k in range(count):
            here = low + k * size
            n = int(rows[k])
            if total and total + n > _MOST_ROWS:
                found.append((begun, here))
                begun, total = here, 0
            if n > _MOST_ROWS and size > smallest:
                if begun < here:
                    found.append((begun, here))
                divide(here, size // 4, 4)
                begun, total = here + size, 0
            else:
                total += n
        if begun < low + count * size:
            found.append((begun, low + count * size))

    smallest = 1 << 2 * (MAX_ORDER - order)
    low, high = within
    size = 1 << 2 * MAX_ORDER
    if high - low < size:
        size = high - low
    divide(low, size, (high - low) // size)
    return found


# ---------------------------------------------------------------------- from rows to planes


def cells_of(file: CheckedParquet, order: int) -> NDArray[np.int64]:
    """The cells of each row group: the first and the one after the last, shape (n_groups, 2).

    Raises
    ------
    MaskFormatError
        If they do not ascend, or are not on the sky.
    """
    with strange_description():
        pairs = [(integer(first), integer(end)) for first, end in (one["cells"] for one in file.groups)]
        cells = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    flat = cells.reshape(-1)
    # Groups may touch, and have one cell at least.
    if flat.size and not (
        flat[0] >= 0 and flat[-1] <= 12 << 2 * order and (np.diff(flat) >= 0).all() and (np.diff(cells) > 0).all()
    ):
        raise MaskFormatError("the cells of the row groups in the description are not in order, or not on the sky")
    return cells


def meeting(cells: NDArray[np.int64], order: int, footprint: RangeSet | None) -> list[int]:
    """The intervals of cells of an order that have sky in common with a set; all if there is none."""
    if footprint is None:
        return list(range(len(cells)))
    lows, highs = (cells.T << np.int64(2 * (MAX_ORDER - order))).astype(np.uint64)
    first = np.searchsorted(footprint.boundaries, lows, "right")
    last = np.searchsorted(footprint.boundaries, highs, "left")
    return [int(k) for k in np.flatnonzero((first % 2 == 1) | (last > first))]


def planes_of(file: CheckedParquet, groups: Sequence[int], n_planes: int, order: int) -> list[RangeSet]:
    """The planes in some row groups, which are given by ascending numbers.

    Raises
    ------
    MaskFormatError
        If the rows are damaged, not sorted, not disjoint, or not among the cells of their row group.
    """
    cells = cells_of(file, order)[groups]
    with strange_description():
        counts = [[integer(n) for n in file.groups[i]["rows"]] for i in groups]
    if any(
        len(each) != n_planes or min(each) < 0 or sum(each) != file.groups[i]["n_rows"]
        for i, each in zip(groups, counts, strict=True)
    ):
        raise MaskFormatError(f"the description does not count the rows of {n_planes} planes in each row group")
    if not groups:
        return [RangeSet.empty(order)] * n_planes
    columns = file.read(groups)
    if set(columns) != {"start", "stop"}:
        raise MaskFormatError("the file does not have the two columns of integers, start and stop")
    starts, stops = columns["start"], columns["stop"]
    ends = np.cumsum([0, *(n for each in counts for n in each)])
    _check_places(starts, stops, ends, cells, order)
    planes = []
    for k in range(n_planes):
        pieces = [slice(ends[i], ends[i + 1]) for i in range(k, ends.size - 1, n_planes)]
        try:
            planes.append(_plane(starts, stops, pieces, order))
        except ValueError as error:
            raise MaskFormatError(f"plane {k}: {error}") from error
    return planes


def _check_places(
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    ends: NDArray[np.int64],
    cells: NDArray[np.int64],
    order: int,
) -> None:
    """Check that all cells are on the sky, and those of each row group where they should be."""
    if any(values.min() < 0 or values.max() > 12 << 2 * order for values in (starts, stops)):
        raise MaskFormatError(f"ranges must lie within the {12 << 2 * order} cells of order {order}")
    filled = np.flatnonzero(np.diff(ends))
    first, last = ends[filled], ends[filled + 1] - 1
    low, high = cells[filled // ((ends.size - 1) // len(cells))].T
    bad = np.flatnonzero((starts[first] < low) | (stops[last] > high))
    if bad.size:
        k = bad[0]
        raise MaskFormatError(
            f"a row group has cells {low[k]} to {high[k]}, but its ranges go from {starts[first[k]]} "
            f"to {stops[last[k]]}"
        )


def _plane(starts: NDArray[np.int64], stops: NDArray[np.int64], pieces: Sequence[slice], order: int) -> RangeSet:
    """The set of the ranges in some pieces, which follow each other on the sky."""
    pieces = [piece for piece in pieces if piece.stop > piece.start]
    # A range that is divided between two pieces is one again.
    divided = [False, *(stops[a.stop - 1] == starts[b.start] for a, b in pairwise(pieces))]
    boundaries = array_of(2 * (sum(piece.stop - piece.start for piece in pieces) - sum(divided)))
    at = 0
    for piece, goes_on in zip(pieces, divided, strict=False):
        at -= 2 * goes_on
        end = at + 2 * (piece.stop - piece.start)
        boundaries[at + 2 * goes_on : end : 2] = starts[piece][int(goes_on) :]
        boundaries[at + 1 : end : 2] = stops[piece]
        at = end
    boundaries <<= np.uint64(2 * (MAX_ORDER - order))
    return checked(boundaries, order)


# ---------------------------------------------------------------------- the description


def integer(value: object) -> int:
    """A number from JSON that must be an integer."""
    if type(value) is not int:
        raise TypeError(f"{value!r:.40} is not an integer")
    return value


def axis_to_json(axis: EnergyAxis | None) -> dict[str, Any] | None:
    """An energy axis for JSON, which holds numbers exactly.

    Raises
    ------
    ValueError
        If the unit cannot be read back.
    """
    if axis is None:
        return None
    unit = axis.unit.to_string()
    if u.Unit(unit, parse_strict="silent") != axis.unit:
        raise ValueError(
            f"the unit of the energy edges, {unit!r}, cannot be read back: use a unit with a name, such as TeV"
        )
    return {"name": axis.name, "unit": unit, "interp": axis.interp, "edges": axis.edges.value.tolist()}


def axis_from_json(value: Any) -> EnergyAxis | None:
    """The axis that `axis_to_json` was given.

    Raises
    ------
    ValueError
        If it is no axis.
    """
    if value is None:
        return None
    with strange_description():
        edges = u.Quantity(np.array(value["edges"], dtype=np.float64), str(value["unit"]))
        return EnergyAxis(edges, name=value["name"], interp=value["interp"])


def own_plane(plane: RangeSet, order: int, *, partly: bool) -> RangeSet:
    """A plane of a file at the order of its own mask, which may be coarser than that of the file.

    Parameters
    ----------
    plane : RangeSet
        The plane at the order of the file.
    order : int
        The order of its own mask.
    partly : bool
        Whether only some row groups or tiles were read. They may divide cells of `order`, and each part of such a cell
        stands for all of it. Otherwise the ranges must begin and end at these cells.

    Raises
    ------
    ValueError
        If a range of a whole plane does not begin and end at cells of `order`.
    """
    if order == plane.order:
        return plane
    return plane.at_order(order, mode="overlap") if partly else RangeSet(plane.ranges, order)
