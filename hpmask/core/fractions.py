"""How much of each cell of a coarse order a mask keeps, and how many shapes cover it on average."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import fractions as _kernel
from hpmask._utils.arguments import MAX_ORDER, as_flag, check_order
from hpmask.core.full_maps import check_size
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, planewise
from hpmask.geometry import healpix

__all__ = ["cell_sums", "fraction", "map_of"]

Cells = NDArray[np.uint64]
Floats = NDArray[np.float64]

# Stands for "each range counts once" in the kernel.
_ONCE = np.empty(0, dtype=np.int32)


def fraction(mask: MaskValue, order: int, *, full: bool = False) -> HealpixMap:
    """See `hpmask.Mask.fraction`."""
    order, full = check_order(order), as_flag(full, "full")
    touched = planewise(mask, lambda plane: _kernel.touched(plane.boundaries, 2 * (MAX_ORDER - order)))
    check_size(len(touched), healpix.n_cells(order) if full else max(touched), order)
    parts = planewise(mask, lambda plane: cell_sums(plane.boundaries, _ONCE, plane.order, order))
    return map_of(parts, order, full=full, frame=mask.frame, energy=mask.energy, name="FRACTION")


def cell_sums(boundaries: Cells, counts: NDArray[np.int32], own: int, order: int) -> tuple[Cells, Floats]:
    """The cells of `order` that ranges touch, and the mean of the counts of the ranges over each of them.

    The ranges begin and end at cells of the order `own`. Without counts, each range counts once.
    """
    shift = 2 * (MAX_ORDER - order)
    n = _kernel.touched(boundaries, shift)
    cells, out = np.empty(n, dtype=np.uint64), np.empty(n)
    written = _kernel.sums(boundaries, counts, shift, min(shift, 2 * (MAX_ORDER - own)), cells, out)
    assert written == n
    return cells, out


def map_of(
    parts: list[tuple[Cells, Floats]], order: int, *, full: bool, frame: str, energy: Any, name: str
) -> HealpixMap:
    """A map of the cells of all `parts`, or of all cells, with a row for each part; 0 where a part has no cell."""
    words: dict[str, Any] = {"nest": True, "frame": frame, "energy": energy, "name": name}
    distinct = {id(part[0]): part[0] for part in parts}
    cells = next(iter(distinct.values())) if len(distinct) == 1 else _union(list(distinct.values()), order)
    n = healpix.n_cells(order) if full else cells.size
    rows = np.zeros((len(parts), n))
    for row, (some, values) in zip(rows, parts, strict=True):
        if full:
            row[some.astype(np.intp)] = values
        elif some.size == n:
            row[:] = values
        else:
            row[np.searchsorted(cells, some)] = values
    values = rows if energy is not None else rows[0]
    return HealpixMap(values, **words) if full else HealpixMap(values, cells=cells, order=order, **words)


def _union(some: list[Cells], order: int) -> Cells:
    return RangeSet.union_all([RangeSet.from_cells(cells, order) for cells in some]).cells(order)
