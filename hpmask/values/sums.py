"""Sums of the values of a map over the sky in a mask."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum, pi
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import cell_sums as _kernel
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.words import counted
from hpmask.core.healpix_map import HealpixMap, is_missing
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, check_mask
from hpmask.geometry import healpix
from hpmask.values.sky_tables import SkyTable, cell_name, densities

__all__ = ["sum_of"]

# Cells in one step. Their sums are added at the end, in this order.
_CHUNK = 1 << 18

_NO_CELLS = np.empty(0, dtype=np.uint64)
_NO_ORDERS = np.empty(0, dtype=np.uint8)


def sum_of(
    mask: MaskValue,
    skymap: Any,
    *,
    density: bool | None = None,
    column: str | None = None,
    frame: str | None = None,
    nan: Literal["raise", "exclude"] = "raise",
) -> float | NDArray[np.float64]:
    """See `hpmask.Mask.sum_of`. `column` and `frame` are for tables."""
    check_mask(mask, "mask")
    if nan not in ("raise", "exclude"):
        raise ValueError(f"nan must be 'raise' or 'exclude', got {nan!r}")
    skymap = _as_map(skymap, column, frame)
    density, factor = densities(skymap, density)
    if skymap.frame != mask.frame:
        raise ValueError(
            f"the mask is in the frame {mask.frame!r} and the map in {skymap.frame!r}: "
            f"take mask.to_frame({skymap.frame!r}).sum_of(skymap)"
        )
    energy = skymap.energy
    if energy is not None and mask.energy is not None and energy != mask.energy:
        raise ValueError(
            f"the energy bins of the mask, {mask.energy}, are not those of the map, {energy}: "
            "take mask.resample_energy(skymap.energy).sum_of(skymap)"
        )
    if density:
        factor *= pi / 3
    n_bins = max(len(mask.planes), len(skymap.rows))
    sums: dict[tuple[int, int], float] = {}
    result = []
    for bin_ in range(n_bins):
        plane = mask.planes[bin_ if mask.energy is not None else 0]
        row = bin_ if energy is not None else 0
        # Equal planes are one object.
        key = row, id(plane)
        if key not in sums:
            sums[key] = factor * _sum(skymap, row, plane, density, nan)
        result.append(sums[key])
    if energy is None and mask.energy is None:
        return result[0]
    return np.array(result)


def _as_map(skymap: Any, column: str | None, frame: str | None) -> HealpixMap:
    if isinstance(skymap, HealpixMap):
        for name, value in (("column", column), ("frame", frame)):
            if value is not None:
                raise TypeError(f"{name} is for a table or a file, but skymap is a HealpixMap")
        return skymap
    table = SkyTable.of(skymap, column, frame)
    if table is None:
        raise TypeError(
            f"skymap must be a path, a HealpixMap, or a table with a column UNIQ of cells, got {type(skymap).__name__}"
        )
    return HealpixMap(table.values, uniq=table.uniq, frame=table.frame, unit=table.unit, name=table.name)


def _sum(skymap: HealpixMap, row: int, plane: RangeSet, density: bool, nan: str) -> float:
    """The sum of one row of a map over a set. A density counts times 4**-order of its cell."""
    parts, n_missing, first = [], 0, -1
    for start, values in _pieces(skymap, row, plane):
        stop = start + values.size
        missing = is_missing(values)
        if missing is not None:
            values[missing] = np.nan
        cells = _NO_CELLS if skymap.cells is None else skymap.cells[start:stop]
        orders = _NO_ORDERS if skymap.orders is None else skymap.orders[start:stop]
        part, n, at = _kernel.inside(values, cells, orders, skymap.order, start, density, plane.boundaries)
        parts.append(part)
        n_missing += n
        if n and first < 0:
            first = start + at
    if n_missing and nan == "raise":
        raise ValueError(
            f"skymap has {counted(n_missing, 'missing value')} (NaN, masked or UNSEEN) in the mask, the first in "
            f"{_where(skymap, row, first)}: give nan='exclude' to leave missing values out of the sum"
        )
    return fsum(parts) if np.all(np.isfinite(parts)) else float(np.sum(parts))


def _where(skymap: HealpixMap, row: int, at: int) -> str:
    """The name of a cell in an error. `at` is its place in NESTED order."""
    if not skymap.nest:
        at = int(healpix.nested_to_ring(np.array([at]), skymap.order)[0])
    cell = cell_name(skymap, at)
    return cell if skymap.energy is None else f"bin {row}, {cell}"


def _pieces(skymap: HealpixMap, row: int, plane: RangeSet) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Pieces of a row that share sky with a set, in NESTED order: where each begins, and its values as a copy."""
    values = skymap.rows[row]
    if skymap.cells is None:
        shift = np.uint64(2 * (MAX_ORDER - skymap.order))
        edges = np.append(np.arange(0, values.size, _CHUNK, dtype=np.uint64), np.uint64(values.size)) << shift
    else:
        orders = np.full(1, skymap.order) if skymap.orders is None else skymap.orders[::_CHUNK]
        shifts = np.uint64(2) * (np.uint64(MAX_ORDER) - orders.astype(np.uint64))
        edges = np.append(skymap.cells[::_CHUNK] << shifts, np.uint64(12 << 2 * MAX_ORDER))
    # How many boundaries lie before each edge: an odd number, or a change, means that the set is in the piece.
    before = np.searchsorted(plane.boundaries, edges, side="right")
    for k in np.flatnonzero((before[1:] != before[:-1]) | (before[:-1] % 2 == 1)):
        start = int(k) * _CHUNK
        part = slice(start, min(start + _CHUNK, values.size))
        if skymap.nest:
            yield start, np.array(values[part], dtype=np.float64)
        else:
            ring = healpix.nested_to_ring(np.arange(part.start, part.stop), skymap.order)
            yield start, values[ring].astype(np.float64)
