"""The mask at the centres of an image's pixels.

Tiles of pixels are decided whole where the mask is the same all over a cap that holds the tile's sky
(`hpmask.wcs.bounds`); the others are quartered, down to single pixels. Pixels whose centre is too near a cell's edge to
be sure of it are left to astropy, so that each pixel has the value that it would have by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import caps as _kernel
from hpmask._utils.parallel import thread_count, thread_map
from hpmask.core.layers import LayeredSet
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Way

__all__ = ["BLOCK", "TILE", "Places", "at_centers", "in_stripes", "undecided"]

# Stripes are of whole tiles.
TILE = 64
# Positions that are projected at once: some 5 MB of coordinates, which stay in the cache.
BLOCK = 1 << 16

Places = NDArray[np.int64]
Work = Callable[[Callable[[], Any], range], None]


def at_centers(
    grid: Grid, way: Way, stacks: Sequence[LayeredSet], *, n_threads: int | None = None
) -> NDArray[np.bool_]:
    """What each set of the stacks holds at the pixels' centres, shape (n_sets, ny, nx)."""
    images = np.empty((sum(stack.n for stack in stacks), *grid.shape), dtype=np.bool_)
    # A frame that is no rotation away would need a bound of its own.
    bounds = None if way.transformed is not None else Bounds.of(grid.wcs, grid.shape, turns=grid.turns)
    ends = np.cumsum([stack.n for stack in stacks])
    parts = [images[end - stack.n : end].view(np.uint8) for end, stack in zip(ends, stacks, strict=True)]

    def work(wcs: Callable[[], Any], rows: range) -> None:
        for part, stack in zip(parts, stacks, strict=True):
            row, column = undecided(part, 0, rows, stack, way, bounds)
            if row.size:
                _by_pixels(part, grid, wcs(), way, stack, row, column)

    in_stripes(grid, work, n_threads=n_threads, least=20_000 if bounds is None else 200_000)
    return images


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
    """Paint the pixels of some rows that bounds decide (see `Bounds.paint`), and give the places of the others."""
    left: NDArray[np.bool_] | None = np.ones((len(rows), images.shape[2]), dtype=np.bool_)
    if bounds is not None:
        left = bounds.paint(images, first, rows, stack, way.matrix, margin)
    if left is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    row, column = np.nonzero(left)
    # Until something is known of them; some may be no sky.
    images[0, row + (rows.start - first), column] = 0
    return np.ascontiguousarray(row) + rows.start, np.ascontiguousarray(column)


def in_stripes(grid: Grid, work: Work, *, n_threads: int | None = None, least: int = 20_000) -> None:
    """Call work(wcs, rows) for all rows of an image, stripe by stripe, on threads; wcs() is the thread's own WCS.

    There is a thread for `least` pixels or more.
    """
    ny, nx = grid.shape
    threads = min(thread_count(n_threads), max(1, ny * nx // least))
    # Rows of whole tiles: few enough that their pixels' words stay small, and a few stripes for each thread.
    height = min(16 * BLOCK // nx, ny if threads == 1 else ny // (4 * threads))
    height = max(1, -(-height // TILE)) * TILE
    stripes = [range(first, min(first + height, ny)) for first in range(0, ny, height)]
    threads = min(threads, len(stripes))
    if threads == 1:
        for rows in stripes:
            work(lambda: grid.wcs, rows)
        return

    todo = iter(stripes)

    def share(_: int) -> None:
        # astropy lets go of the interpreter while wcslib computes, but wcslib writes to its own tables meanwhile.
        own = cache(lambda: deepcopy(grid.wcs))
        for rows in todo:
            work(own, rows)

    list(thread_map(share, range(threads), threads))


def _by_pixels(
    images: NDArray[np.uint8], grid: Grid, wcs: Any, way: Way, stack: LayeredSet, row: Places, column: Places
) -> None:
    for first in range(0, row.size, BLOCK):
        some = slice(first, first + BLOCK)
        lon, lat = grid.positions(wcs, column[some].astype(np.float64), row[some].astype(np.float64))
        if way.transformed is not None:
            lon, lat = way.transformed(lon, lat)
        words = stack.words_at(lon, lat, way.matrix)
        _kernel.paint(images, row[some], column[some], words)
