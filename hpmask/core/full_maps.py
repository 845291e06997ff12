"""Boolean HEALPix maps, as healpy has them: one value for each cell of one order."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpmask._kernels import cells as _kernel
from hpmask._utils.arguments import MAX_ORDER, as_booleans, as_flag, check_order, masked, unmasked
from hpmask._utils.parallel import thread_map
from hpmask.core.rangeset import RangeSet, trusted
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis, check_axis
from hpmask.geometry import healpix

__all__ = [
    "Crossings",
    "NestedPieces",
    "as_cells",
    "check_size",
    "crossings_of",
    "from_map",
    "full_of",
    "order_of_full",
    "planes_of",
    "set_of_cells",
    "set_of_full",
    "sets_of_pieces",
    "to_map",
    "toggled",
]

_MOST_BYTES = 16 << 30

Crossings = NDArray[np.intp]

# Cells of a full map in one step: few enough to stay in the processor's cache.
_CHUNK = 1 << 18
# If fewer than one cell in this many is True, the True ones are renumbered and sorted. Otherwise the map is read in
# NESTED order.
_FEW = 128


def from_map(
    values: ArrayLike,
    *,
    nest: bool,
    frame: str,
    cells: ArrayLike | None = None,
    order: int | None = None,
    energy: EnergyAxis | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_healpix`."""
    planes = planes_of(values, nest=nest, cells=cells, order=order, energy=energy)
    size = " x ".join(map(str, np.shape(values)))
    counts = [plane.n_cells for plane in planes]
    kept = " to ".join(map(str, dict.fromkeys([min(counts), max(counts)])))
    history = f"from_healpix({size} cells, {kept} kept, order={planes[0].order}, nest={nest})"
    return new_mask(planes, frame=frame, energy=energy, history=history)


def planes_of(
    values: ArrayLike,
    *,
    nest: bool,
    cells: ArrayLike | None = None,
    order: int | None = None,
    energy: EnergyAxis | None = None,
) -> list[RangeSet]:
    """The cells where a boolean map is True: one set, or with `energy` one per bin, of the map's order.

    The parameters are those of `hpmask.Mask.from_healpix`.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask.core.full_maps import planes_of
    >>> planes_of(np.arange(12) >= 8, nest=False)
    [RangeSet(order=0, n_ranges=1, n_cells=4)]
    """
    nest = as_flag(nest, "nest")
    if energy is not None:
        check_axis(energy)
    rows = _as_rows(values, energy)
    if cells is None:
        order = order_of_full(rows.shape[1], order)
        planes = [set_of_full(row, order, nest=nest) for row in rows]
    else:
        if order is None:
            raise ValueError("cells are numbered at some order: give it as order=")
        order = check_order(order)
        numbers = as_cells(cells, rows.shape[1], order)
        numbers = numbers if nest else healpix.ring_to_nested(numbers, order)
        planes = [RangeSet.from_cells(numbers[row], order) for row in rows]
    return planes * energy.n_bins if energy is not None and len(planes) == 1 else planes


def to_map(mask: MaskValue, *, order: int | None = None, nest: bool = False) -> NDArray[np.bool_]:
    """See `hpmask.Mask.to_healpix`."""
    nest = as_flag(nest, "nest")
    order = mask.order if order is None else check_order(order)
    n_cells, n_rows = healpix.n_cells(order), len(mask.planes)
    check_size(n_rows, n_cells, order, item_bytes=1)
    # The result is the only array of the map's size: each row is written in its place.
    result = np.zeros((n_rows, n_cells), dtype=np.bool_)
    for i, plane in enumerate(mask.planes):
        # Equal planes are one object.
        same = next(j for j in range(i + 1) if mask.planes[j] is plane)
        if same < i:
            result[i] = result[same]
        else:
            full_of(plane, order, nest=nest, out=result[i])
    return result if mask.energy is not None else result[0]


def check_size(
    n_rows: int, n_cells: int, order: int, *, item_bytes: int = 8, advice: str = "take a coarser order"
) -> None:
    """Raise a ValueError if a map would take more than 16 GiB."""
    n_bytes = item_bytes * n_rows * n_cells
    if n_bytes > _MOST_BYTES:
        raise ValueError(
            f"a map of {n_rows} x {n_cells} cells (order {order}) takes {n_bytes / 2**30:.0f} GiB, more than 16 GiB: "
            f"{advice}"
        )


def full_of(plane: RangeSet, order: int, *, nest: bool, out: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """The full map of a set, written to `out` if it is given, which must be all False."""
    out = np.zeros(healpix.n_cells(order), dtype=np.bool_) if out is None else out
    if nest:
        _write_nested(plane, order, out)
    else:
        _write_ring(plane, order, out)
    return out


def set_of_full(row: NDArray[np.bool_], order: int, *, nest: bool, n_threads: int | None = None) -> RangeSet:
    """The set where a full map is True."""
    row = np.ascontiguousarray(row)
    if not nest and np.count_nonzero(row) < row.size // _FEW:
        return RangeSet.from_cells(healpix.ring_to_nested(np.flatnonzero(row), order), order)

    def piece(part: slice) -> list[Crossings]:
        if nest:
            return [crossings_of(row[part], part.start)]
        cells = np.empty(part.stop - part.start, dtype=np.bool_)
        _kernel.read_ring(row.view(np.uint8), order, part.start, cells.view(np.uint8))
        return [crossings_of(cells, part.start)]

    return sets_of_pieces(piece, order, n_threads=n_threads)[0]


def crossings_of(values: NDArray[np.bool_], start: int) -> Crossings:
    """Where booleans change, if the first of them has the place `start` and there is a False before it."""
    changes = np.flatnonzero(values[1:] != values[:-1])
    changes += start + 1
    return np.concatenate([[start], changes]) if values.size and values[0] else changes


def toggled(crossings: Crossings, start: int) -> Crossings:
    """Where the opposite of booleans changes, or booleans that have a True before them instead of a False."""
    if crossings.size and crossings[0] == start:
        return crossings[1:]
    return np.concatenate([[start], crossings])


def sets_of_pieces(
    piece: Callable[[slice], list[Crossings]], order: int, *, n_threads: int | None = None
) -> list[RangeSet]:
    """The sets of the cells for which conditions on the whole sky are True.

    Parameters
    ----------
    piece : callable
        Takes a slice of the NESTED cells and returns the `crossings_of` each condition there. Several threads call it.
    order : int
        Order of the cells.
    n_threads : int, optional
        Number of threads.

    Returns
    -------
    list of RangeSet
        The set of each condition.
    """
    n_cells = healpix.n_cells(order)
    parts = [slice(start, min(start + _CHUNK, n_cells)) for start in range(0, n_cells, _CHUNK)]
    sets: list[NestedPieces] = []
    for part, found in zip(parts, thread_map(piece, parts, n_threads), strict=True):
        sets = sets or [NestedPieces(order) for _ in found]
        for one, crossings in zip(sets, found, strict=True):
            one.add_crossings(crossings, part.stop - part.start)
    return [one.plane() for one in sets]


class NestedPieces:
    """The set where a full NESTED map is True, from pieces of the map, which are given in their order.

    Parameters
    ----------
    order : int
        Order of the map.

    Attributes
    ----------
    nbytes : int
        Memory that the set takes so far.
    """

    def __init__(self, order: int) -> None:
        self.nbytes = 0
        self._order, self._size, self._inside = order, 0, False
        self._found: list[Crossings] = []

    def add(self, part: NDArray[np.bool_]) -> None:
        """Add the next cells, shape (n,)."""
        self.add_crossings(crossings_of(part, self._size), part.size)

    def add_crossings(self, crossings: Crossings, size: int) -> None:
        """Add the next `size` cells by their `crossings_of`."""
        self._found.append(toggled(crossings, self._size) if self._inside else crossings)
        self.nbytes += crossings.nbytes
        self._size += size
        # After an odd number of changes, the piece ends with True.
        self._inside = crossings.size % 2 == 1

    def plane(self) -> RangeSet:
        """The set. All cells must have been added."""
        ends = np.concatenate([*self._found, [self._size] * self._inside]).astype(np.uint64)
        return trusted(ends << np.uint64(2 * (MAX_ORDER - self._order)), self._order)


def set_of_cells(cells: NDArray[np.uint64], order: int) -> RangeSet:
    """The set of NESTED cells of one order, which must be valid and ascending."""
    if not cells.size:
        return RangeSet.empty(order)
    gaps = np.flatnonzero(cells[1:] != cells[:-1] + np.uint64(1))
    boundaries = np.empty(2 * gaps.size + 2, dtype=np.uint64)
    boundaries[0], boundaries[-1] = cells[0], cells[-1] + np.uint64(1)
    boundaries[1:-1:2], boundaries[2::2] = cells[gaps] + np.uint64(1), cells[gaps + 1]
    return trusted(boundaries << np.uint64(2 * (MAX_ORDER - order)), order)


def _boundaries(plane: RangeSet, order: int) -> NDArray[np.uint64]:
    """The boundaries of a set as NESTED cells of an order."""
    if order < plane.order:
        plane = plane.at_order(order, mode="center")
    return plane.boundaries >> np.uint64(2 * (MAX_ORDER - order))


def _write_nested(plane: RangeSet, order: int, row: NDArray[np.bool_]) -> None:
    """Write a set into a NESTED map of False."""
    boundaries = _boundaries(plane, order)
    steps = row.view(np.int8)
    steps[boundaries[0::2]] = 1
    stops = boundaries[1::2]
    steps[stops[stops < row.size]] = -1
    # In pieces, since a signal is answered between them.
    for start in range(0, row.size, _CHUNK):
        piece = steps[start : start + _CHUNK]
        if start:
            piece[0] += steps[start - 1]
        np.cumsum(piece, dtype=np.int8, out=piece)


def _write_ring(plane: RangeSet, order: int, row: NDArray[np.bool_]) -> None:
    """Write a set into a RING map of False, or its complement if that is smaller."""
    mostly = plane.sky_fraction > 0.5
    if mostly:
        row[:] = True
        plane = ~plane.at_order(order, mode="center") if order < plane.order else ~plane
    _kernel.set_ring(_boundaries(plane, order), order, not mostly, row.view(np.uint8))


def _as_rows(values: ArrayLike, energy: EnergyAxis | None) -> NDArray[np.bool_]:
    """The values as rows of booleans, one, or one per bin."""
    if isinstance(values, str | os.PathLike):
        raise TypeError(f"values must be an array, got {str(values)!r}: Mask.read(...) reads a file")
    bad = np.argwhere(masked(values))
    if len(bad):
        raise ValueError(f"values must be True or False, {_place(bad[0])} is masked")
    array = np.asarray(values)
    shapes = "(n_cells,)" if energy is None else f"(n_cells,) or ({energy.n_bins}, n_cells)"
    if array.ndim not in (1, 2) or (array.ndim == 2 and (energy is None or len(array) != energy.n_bins)):
        raise ValueError(f"values must have shape {shapes}, got {array.shape}")
    return np.atleast_2d(as_booleans(array, "values", advice="Mask.from_map takes a threshold"))


def _place(index: NDArray[np.intp]) -> str:
    row = f"row {index[-1]}"
    return row if index.size == 1 else f"bin {index[0]}, {row}"


def order_of_full(n_values: int, order: int | None) -> int:
    """Order of a full map with this number of values."""
    found = next((k for k in range(MAX_ORDER + 1) if healpix.n_cells(k) == n_values), None)
    if found is None:
        raise ValueError(
            f"a full map has 12 * 4**order values, got {n_values}; for part of the sky give cells= and order="
        )
    if order is not None and check_order(order) != found:
        raise ValueError(f"order is {order}, but a map of {n_values} values has order {found}")
    return found


def as_cells(cells: ArrayLike, n_values: int, order: int) -> NDArray[Any]:
    numbers = np.asarray(unmasked(cells, "cells"))
    if numbers.size == 0:
        numbers = np.empty(0, dtype=np.int64)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise TypeError(f"cells must be 1-D integers, got {numbers.dtype} of shape {numbers.shape}")
    if numbers.size != n_values:
        raise ValueError(f"each cell needs a value, got {numbers.size} cells and {n_values} values")
    last = healpix.n_cells(order) - 1
    bad = np.flatnonzero((numbers < 0) | (numbers > last))
    if bad.size:
        row = bad[0]
        raise ValueError(f"cells of order {order} are numbered 0 to {last}, row {row} is {numbers[row]}")
    if np.all(numbers[1:] > numbers[:-1]):
        return numbers
    sequence = np.argsort(numbers, kind="stable")
    again = sequence[1:][numbers[sequence[1:]] == numbers[sequence[:-1]]]
    if again.size:
        row = again.min()
        raise ValueError(f"cells must not be repeated, row {row} is {numbers[row]} again")
    return numbers
