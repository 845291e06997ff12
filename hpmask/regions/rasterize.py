"""Shapes to sets of cells: millions of discs at once, and any other shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.progress import track
from hpmask.core.rangeset import RangeSet, from_starts_stops, union_along_curve
from hpmask.geometry import healpix
from hpmask.regions.arrays import Batch, Discs, Raster, Rows, batches_of, rows_rasterized
from hpmask.regions.shapes import Shape

__all__ = [
    "batch_and_misses",
    "cells_at",
    "discs",
    "discs_and_misses",
    "expected_ranges",
    "ranges_and_misses",
    "shapes_and_misses",
    "shapes_plane",
    "union_and_misses",
]

Angles = NDArray[np.float64]
Numbers = NDArray[np.uint64]
T = TypeVar("T")

# About how many ranges one call of the kernel makes: enough to be worth a thread, few enough to stay in the cache.
_BLOCK_RANGES = 250_000
_SMALL_RANGES = 50_000
# Blocks for each thread before all wait for each other.
_ROUND = 16
# About how many ranges an outline gives per radian, times 2**-order: it crosses about 1.3 cells, and half of them
# begin a range.
_RANGES_PER_RADIAN = 2 / np.pi
# 16 GB of ranges; to make them takes three times that.
_MOST_RANGES = 1_000_000_000


def discs(
    lon: Angles,
    lat: Angles,
    radius: Angles,
    *,
    order: int,
    mode: Mode = "center",
    n_threads: int | None = None,
    progress: bool = False,
) -> RangeSet:
    """The union of discs; all angles in radians, of shape (n,), radii from 0 to pi.

    Discs are closed: in mode "center" a cell is in if its centre is on the edge, to within `TIE`.
    """
    return discs_and_misses(lon, lat, radius, order=order, mode=mode, n_threads=n_threads, progress=progress)[0]


def discs_and_misses(
    lon: Angles,
    lat: Angles,
    radius: Angles,
    *,
    order: int,
    mode: Mode = "center",
    n_threads: int | None = None,
    progress: bool = False,
) -> tuple[RangeSet, Rows]:
    """The union of discs as in `discs`, and the rows of those that have no cell."""
    batch = Discs(lon, lat, radius)
    return union_and_misses(batch, order=order, mode=mode, n_threads=n_threads, progress=progress)


def union_and_misses(
    batch: Batch,
    rows: Rows | slice = slice(None),
    *,
    order: int,
    mode: Mode,
    n_threads: int | None = None,
    progress: bool = False,
) -> tuple[RangeSet, Rows]:
    """The union of some shapes of a batch, and the rows of those that have no cell.

    Raises
    ------
    ValueError
        If a row is no shape, or the ranges do not fit in memory.
    """
    some = batch.take(rows)
    # The numbers of the shapes of `some` in the batch. None if it has all of them.
    number: Rows | None = None
    if not isinstance(rows, slice):
        number = rows
    elif rows != slice(None):
        number = np.arange(len(batch))[rows]
    lon, lat, reach = some.caps
    ranges = _affordable(
        2.0 + expected_ranges(some.outline_lengths, order), len(some), order, batch.plural, reach, number
    )
    plane, missed = batch_and_misses(
        lambda block: rows_rasterized(batch, block if number is None else number[block], order, mode),
        cells_at(lon, lat, n_threads),
        ranges,
        order=order,
        what=batch.plural,
        sizes=reach,
        n_threads=n_threads,
        progress=progress,
    )
    return plane, missed if number is None else number[missed]


def batch_and_misses(
    kernel: Callable[[Rows], Raster],
    cells: Numbers,
    ranges: Any,
    *,
    order: int,
    what: str,
    sizes: Angles | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> tuple[RangeSet, Rows]:
    """The union of many shapes of one kind, and the rows of those that have no cell.

    Parameters
    ----------
    kernel : callable
        Takes an array of row numbers, and returns the starts and stops of the ranges of these shapes, in the sequence
        of the rows, and the positions among them of shapes without a cell. It is called on several threads.
    cells : numpy.ndarray of uint64, shape (n,)
        The NESTED cell of order 29 at a point of each shape, such as its centre (`cells_at`).
    ranges : float or array_like, shape (n,)
        About how many ranges each shape has (`expected_ranges`).
    order : int
        The order of the ranges.
    what : str
        What the shapes are called in messages, such as "discs".
    sizes : numpy.ndarray, shape (n,), optional
        Radii of the shapes in radians, for the message about an order that is too fine.
    n_threads, progress
        As for `hpmask.Mask.from_cones`.

    Raises
    ------
    ValueError
        If the ranges do not fit in memory.
    """
    ranges = _affordable(ranges, cells.size, order, what, sizes)
    total = float(ranges.sum())
    threads = thread_count(n_threads)
    sky = _SkyOrder(cells, order, threads)
    del cells
    edges = _block_edges(sky, ranges, total, threads)
    del ranges

    def work(block: tuple[int, int]) -> tuple[RangeSet, Rows]:
        rows = sky.rows(*block)
        starts, stops, missed = kernel(rows)
        return from_starts_stops(starts, stops, order), rows[missed]

    misses: list[Rows] = []

    def planes() -> Iterator[RangeSet]:
        for plane, missed in track(in_rounds(), total=len(edges) - 1, what="rasterizing", shown=progress):
            misses.append(missed)
            yield plane

    def in_rounds() -> Iterator[tuple[RangeSet, Rows]]:
        # The results of one round at most wait for one that comes before them.
        blocks = list(pairwise(edges))
        for k in range(0, len(blocks), _ROUND * threads):
            yield from thread_map(work, blocks[k : k + _ROUND * threads], threads)

    if len(edges) == 2:
        (union,) = planes()
    else:
        union = union_along_curve(planes(), sky.cuts(edges), order)
    return union, np.sort(np.concatenate(misses))


def cells_at(lon: Angles, lat: Angles, n_threads: int | None) -> Numbers:
    """The NESTED cells of order 29 at positions of shape (n,)."""
    threads = thread_count(n_threads)
    if threads == 1 or lon.size < _SMALL_RANGES:
        return healpix.cells_at(lon, lat, 29)
    cells = np.empty(lon.size, dtype=np.uint64)

    def work(part: slice) -> None:
        cells[part] = healpix.cells_at(lon[part], lat[part], 29)

    edges = np.linspace(0, lon.size, threads + 1).astype(int)
    list(thread_map(work, [slice(a, b) for a, b in pairwise(edges.tolist())], threads))
    return cells


class _SkyOrder:
    """Rows by their places on the NESTED curve."""

    def __init__(self, cells: Numbers, order: int, threads: int) -> None:
        self.size = cells.size
        self.order = order
        # The leading bits of the place, from the first one on that differs, and the row, in one number: these are
        # sorted in less time than rows by their cells, in half of the memory.
        self.row_bits = max(self.size - 1, 0).bit_length()
        self.first = int(cells.min()) if self.size else 0
        span = int(cells.max()) - self.first if self.size else 0
        self.shift = max(0, span.bit_length() + self.row_bits - 64)
        keys = cells - np.uint64(self.first)
        keys >>= np.uint64(self.shift)
        keys <<= np.uint64(self.row_bits)
        keys |= np.arange(self.size, dtype=np.uint64)
        if threads > 1 and self.size > _SMALL_RANGES:
            list(thread_map(np.ndarray.sort, np.array_split(keys, threads), threads))
            # A stable sort merges ascending runs.
            keys.sort(kind="stable")
        else:
            keys.sort()
        self._keys = keys

    def rows(self, first: int, last: int) -> Rows:
        """The rows in places `first` to `last`."""
        return (self._keys[first:last] & np.uint64((1 << self.row_bits) - 1)).astype(np.intp)

    def cuts(self, edges: list[int]) -> Numbers:
        """Cells of `order` between blocks of rows, from the first cell of the sky to the end."""
        places = (self._keys[edges[1:-1]] >> np.uint64(self.row_bits)) << np.uint64(self.shift)
        places += np.uint64(self.first)
        places &= np.uint64(2**64 - (1 << 2 * (MAX_ORDER - self.order)))
        ends = np.array([0, 12 << 2 * MAX_ORDER], dtype=np.uint64)
        return np.concatenate([ends[:1], places, ends[1:]])


def _block_edges(sky: _SkyOrder, ranges: Angles, total: float, threads: int) -> list[int]:
    """The places in the order of the sky where blocks of about equal work begin, and the end."""
    n_blocks = int(np.ceil(total / _BLOCK_RANGES))
    if threads > 1 and total > _SMALL_RANGES:
        n_blocks = max(n_blocks, 4 * threads)
    if n_blocks <= 1:
        return [0, sky.size]
    # The work of groups of rows, from a part of a large group: sums over all rows take time and memory.
    group = max(1, sky.size // (16 * n_blocks))
    starts = range(0, sky.size, group)
    work = np.array([ranges[sky.rows(a, a + group)[:: group // 500 + 1]].mean() for a in starts]) * group
    total = float(work.sum())
    cuts = np.searchsorted(np.cumsum(work), np.linspace(0, total, n_blocks + 1)[1:-1])
    return [0, *sorted({starts[k] for k in cuts if 0 < k < len(starts)}), sky.size]


def ranges_and_misses(
    batch: Batch, *, order: int, mode: Mode, n_threads: int | None = None
) -> tuple[Numbers, Numbers, Rows]:
    """The starts and stops of the ranges of the shapes of a batch, not united, and the rows of those without a cell.

    Raises
    ------
    ValueError
        As `union_and_misses`.
    """
    n = len(batch)
    ranges = _affordable(2.0 + expected_ranges(batch.outline_lengths, order), n, order, batch.plural, batch.caps[2])
    threads = thread_count(n_threads)
    total = float(ranges.sum())
    n_blocks = threads if total > _SMALL_RANGES else 1
    cuts = np.searchsorted(np.cumsum(ranges), np.linspace(0, total, n_blocks + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], cuts, [n]]))
    blocks = [slice(int(a), int(b)) for a, b in pairwise(edges)] or [slice(0, 0)]

    def work(block: slice) -> Raster:
        starts, stops, missed = rows_rasterized(batch, block, order, mode, apart=True)
        return starts, stops, missed + block.start

    done = _on_threads(work, blocks, threads=threads, progress=False)
    return done[0] if len(done) == 1 else tuple(map(np.concatenate, zip(*done, strict=True)))  # type: ignore[return-value]


def _affordable(
    ranges: Any, n: int, order: int, what: str, sizes: Angles | None, numbers: Rows | None = None
) -> Angles:
    """About how many ranges each of `n` shapes has, shape (n,), if they fit in memory.

    `numbers` are those of the rows in the error, if they are not 0 to n - 1.
    """
    each: Angles = np.broadcast_to(np.asarray(ranges, dtype=np.float64), (n,))
    total = float(each.sum())
    if total > _MOST_RANGES:
        k = int(np.argmax(each))
        largest = f"the largest is in row {k if numbers is None else numbers[k]}"
        if sizes is not None:
            largest += f" with a radius of {np.degrees(sizes[k]):.4g} deg"
        raise _too_fine(order, what, total, largest)
    return each


def expected_ranges(length: Any, order: int) -> Any:
    """Approximate number of ranges along outlines with a total length in radians."""
    return _RANGES_PER_RADIAN * length * (1 << order)


def _too_fine(order: int, what: str, ranges: float, largest: str) -> ValueError:
    """The error for shapes whose cells would fill the memory."""
    return ValueError(
        f"order {order} is too fine for these {what}: about {ranges:.1e} ranges ({ranges * 16e-9:.0f} GB), {largest}"
    )


def _on_threads(work: Callable[[Any], T], parts: Sequence[Any], *, threads: int, progress: bool) -> list[T]:
    """The results of `work` for all parts."""
    return list(track(thread_map(work, parts, threads), total=len(parts), what="rasterizing", shown=progress))


def _union(sets: list[RangeSet], order: int) -> RangeSet:
    return sets[0] | sets[1] if len(sets) == 2 else RangeSet.union_all([RangeSet.empty(order), *sets])


def shapes_plane(
    shapes: Iterable[Shape], *, order: int, mode: str = "center", n_threads: int | None = None
) -> RangeSet:
    """The union of shapes, which are in the frame of the mask.

    Raises
    ------
    TypeError, ValueError
        If `order` or `mode` is not valid, or the shapes would have more ranges at this order than fit in memory.
    """
    return shapes_and_misses(shapes, order=order, mode=mode, n_threads=n_threads)[0]


def shapes_and_misses(
    shapes: Iterable[Shape], *, order: int, mode: str = "center", n_threads: int | None = None
) -> tuple[RangeSet, list[Shape]]:
    """The union of shapes as in `shapes_plane`, and the shapes that are too small for any cell."""
    order, checked = check_order(order), check_mode(mode)
    shapes = list(shapes)
    lengths = [shape.outline_length for shape in shapes]
    ranges = expected_ranges(sum(lengths), order)
    if ranges > _MOST_RANGES:
        k = int(np.argmax(lengths))
        longest = f"the longest outline is {np.degrees(lengths[k]):.4g} deg ({type(shapes[k]).__name__})"
        raise _too_fine(order, "shapes", ranges, longest)

    planes: list[RangeSet] = []
    missed: list[int] = []
    for batch, rows in batches_of(shapes):
        # A call for each shape costs more than the cells of a small one.
        plane, without = union_and_misses(batch, order=order, mode=checked, n_threads=n_threads)
        planes.append(plane)
        missed += rows[without].tolist()
    return _union(planes, order), [shapes[k] for k in sorted(missed)]
