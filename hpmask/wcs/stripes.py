"""The walk over an image: stripes of rows, blocks of pixels, and the threads that share them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.parallel import thread_count, thread_map
from hpmask.core.layers import LayeredSet
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Places, Way

__all__ = ["BLOCK", "TILE", "Wcs", "blocks", "in_stripes", "share_out", "undecided"]

# A stripe consists of whole tiles of TILE x TILE pixels.
TILE = 64
# Positions that are projected in one call: their coordinates take about 5 MB and stay in the cache.
BLOCK = 1 << 16

Item = TypeVar("Item")
Result = TypeVar("Result")
# Gives the WCS that the calling thread may use.
Wcs = Callable[[], Any]


def blocks(n: int, length: int) -> Iterator[slice]:
    """Slices that cut `n` items into blocks of `length`, which is at least 1."""
    length = max(1, length)
    for first in range(0, n, length):
        yield slice(first, min(first + length, n))


def share_out(items: Sequence[Item], work: Callable[[Wcs, Item], Result], wcs: Any, threads: int) -> list[Result]:
    """Call ``work(own, item)`` for all items, on threads that take one item after the other.

    ``own()`` gives the WCS of the thread, a copy of `wcs`. The results are not in the order of the items.
    """
    threads = min(threads, len(items))
    if threads <= 1:
        return [work(lambda: wcs, item) for item in items]
    todo = iter(items)

    def part(_: int) -> list[Result]:
        # astropy releases the interpreter lock while wcslib computes, and wcslib writes to its own tables meanwhile.
        own = cache(lambda: deepcopy(wcs))
        return [work(own, item) for item in todo]

    return [result for results in thread_map(part, range(threads), threads) for result in results]


def in_stripes(
    grid: Grid, work: Callable[[Wcs, range], None], *, n_threads: int | None = None, least: int = 20_000
) -> None:
    """Call ``work(own, rows)`` for all rows of an image, stripe by stripe, as `share_out` does.

    There is at most one thread for each `least` pixels.
    """
    ny, nx = grid.shape
    threads = min(thread_count(n_threads), max(1, ny * nx // least))
    # Few enough rows that the words of their pixels stay small, and a few stripes for each thread.
    height = min(16 * BLOCK // nx, ny if threads == 1 else ny // (4 * threads))
    height = max(1, -(-height // TILE)) * TILE
    share_out([range(rows.start, rows.stop) for rows in blocks(ny, height)], work, grid.wcs, threads)


def undecided(
    images: NDArray[np.uint8],
    first: int,
    rows: range,
    stack: LayeredSet,
    way: Way,
    bounds: Bounds | None,
    *,
    margin: float = 0.0,
) -> tuple[Places, Places]:
    """Paint the pixels of some rows that `bounds` decide (see `Bounds.paint`), and return the places of the others."""
    left: NDArray[np.bool_] | None = np.ones((len(rows), images.shape[2]), dtype=np.bool_)
    if bounds is not None:
        left = bounds.paint(images, first, rows, stack, way.matrix, margin)
    if left is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    row, column = np.nonzero(left)
    # They count as not kept until they are computed. Some lie outside the projection.
    images[0, row + (rows.start - first), column] = 0
    return np.ascontiguousarray(row) + rows.start, np.ascontiguousarray(column)
