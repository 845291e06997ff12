"""Many shapes against one mask: whether each overlaps it, and how much of each is in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._kernels import shape_sums as _kernel
from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import thread_map
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.core.value import MaskValue, planewise
from hpmask.regions.arrays import Batch, rows_rasterized_by_row
from hpmask.regions.batches import Shapes, columns_of
from hpmask.regions.order import order_of_batches, warn_of_misses
from hpmask.regions.rasterize import expected_ranges

__all__ = ["area_in", "as_shapes", "fraction_in", "over_shapes", "overlaps_many"]

Numbers = NDArray[np.uint64]

# Ranges that are in memory for a thread at once.
_BLOCK = 500_000
# Shapes in one step, for threads to share.
_ROWS = 20_000
# The most ranges of all shapes, as for masks of shapes.
_MOST_RANGES = 1_000_000_000


def overlaps_many(
    mask: MaskValue,
    shapes: Any,
    *,
    order: int | None = None,
    mode: Mode = "overlap",
    n_threads: int | None = None,
) -> NDArray[np.bool_]:
    """See `hpmask.Mask.overlaps_many`."""
    order = mask.order if order is None else check_order(order)
    shared, _ = _shared(mask, as_shapes(shapes), order, check_mode(mode), n_threads)
    return np.asarray(shared > 0)


def area_in(
    mask: MaskValue, shapes: Any, *, order: int | None = None, mode: Mode = "center", n_threads: int | None = None
) -> u.Quantity:
    """See `hpmask.Mask.area_in`."""
    shared, _ = _measured(mask, shapes, order, mode, n_threads)
    return (shared / float(12 << 2 * MAX_ORDER) * 4 * np.pi * u.sr).to(u.deg**2)


def fraction_in(
    mask: MaskValue, shapes: Any, *, order: int | None = None, mode: Mode = "center", n_threads: int | None = None
) -> NDArray[np.float64]:
    """See `hpmask.Mask.fraction_in`."""
    shared, own = _measured(mask, shapes, order, mode, n_threads)
    with np.errstate(invalid="ignore"):
        return np.asarray(shared / own.astype(np.float64))


def as_shapes(shapes: Any) -> Shapes:
    """`shapes` as Shapes: these, or regions of any kind."""
    return shapes if isinstance(shapes, Shapes) else Shapes.regions(shapes)


def _measured(
    mask: MaskValue, shapes: Any, order: int | None, mode: Mode, n_threads: int | None
) -> tuple[Numbers, Numbers]:
    given, mode = as_shapes(shapes), check_mode(mode)
    if order is None:
        order = max(mask.order, order_of_batches(columns_of(given, mask.frame, None)))
    return _shared(mask, given, check_order(order), mode, n_threads)


def _shared(mask: MaskValue, shapes: Shapes, order: int, mode: Mode, n_threads: int | None) -> tuple[Numbers, Numbers]:
    """How many cells of order 29 each shape shares with each plane, shape (n_bins, n) or (n,); and how many it has."""
    batch = columns_of(shapes, mask.frame, None)[0]
    counts_before = planewise(mask, _before)
    lookups = {id(plane): (index_of(plane), before) for plane, before in zip(mask.planes, counts_before, strict=True)}
    rows = np.array([list(lookups).index(id(plane)) for plane in mask.planes])

    def work(starts: Numbers, stops: Numbers, owner: NDArray[np.int64], n: int) -> Numbers:
        out = np.zeros((len(lookups) + 1, n), dtype=np.uint64)
        for row, (index, before) in zip(out, lookups.values(), strict=False):
            _kernel.shared(index, before, starts, stops, owner, row)
        np.add.at(out[-1], owner, stops - starts)
        return out

    found = over_shapes(batch, order, mode, work, n_threads=n_threads)
    both = np.concatenate([np.empty((len(lookups) + 1, 0), dtype=np.uint64), *found], axis=1)
    return both[:-1][rows] if mask.energy is not None else both[0], both[-1]


def _before(plane: RangeSet) -> Numbers:
    """How many cells of order 29 lie before each range of a set, and their number."""
    lengths = plane.boundaries[1::2] - plane.boundaries[0::2]
    return np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(lengths, dtype=np.uint64)])


def over_shapes(
    batch: Batch, order: int, mode: Mode, work: Callable[..., Any], *, n_threads: int | None
) -> Iterator[Any]:
    """The results of a function for blocks of shapes, in the sequence of their rows.

    ``work(starts, stops, owner, n)`` gets the ranges of `n` shapes, and the number from 0 to n - 1 of the shape that
    each range belongs to. The ranges of one shape do not overlap. There is a warning at the end if shapes have no cell.

    Raises
    ------
    ValueError
        If the shapes have too many ranges at the order.
    """
    expected = np.cumsum(2.0 + expected_ranges(batch.outline_lengths, order))
    total = float(expected[-1]) if expected.size else 0.0
    if total > _MOST_RANGES:
        raise ValueError(f"order {order} is too fine for these {batch.plural}: about {total:.1e} ranges")
    n_blocks = max(1, math.ceil(total / _BLOCK), math.ceil(len(batch) / _ROWS))
    cuts = np.searchsorted(expected, np.linspace(0, total, n_blocks + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], cuts, [len(batch)]])).tolist()

    def block(part: tuple[int, int]) -> tuple[Any, NDArray[np.intp]]:
        (starts, stops, missed), owner = rows_rasterized_by_row(batch, slice(*part), order, mode)
        return work(starts, stops, owner, part[1] - part[0]), missed + part[0]

    all_missed = []
    for result, missed in thread_map(block, list(pairwise(edges)), n_threads):
        all_missed.append(missed)
        yield result
    missed = np.concatenate([np.empty(0, dtype=np.intp), *all_missed])
    if missed.size:
        inradius = float(batch.take(missed).sizes.inradius.min(initial=math.inf))
        narrowest = inradius if inradius < math.inf else 0.0
        warn_of_misses(missed.size, batch.counted_as(len(batch)), narrowest, order, mode)
