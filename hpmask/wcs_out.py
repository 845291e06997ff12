"""The mask at the centres of an image's pixels.

Tiles of pixels are decided whole where the mask is the same all over a cap that holds the tile's sky
(`hpmask.wcs_bounds`); the others are quartered, down to single pixels. So only tiles' centres and the pixels near the
mask's edges are projected at all, and each pixel has the value that it would have by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import caps as _kernel
from hpmask.parallel import thread_count
from hpmask.stack import Stack
from hpmask.wcs_bounds import Bounds
from hpmask.wcs_grid import Grid, Way

__all__ = ["BLOCK", "TILE", "at_centers", "corners_of_tiles", "in_stripes", "quarters"]

# Pixels along a side of the largest tiles.
TILE = 64
# Pixels that a tile must be likely to settle, going by the tiles twice as large.
_WORTH = 6
# Positions that are projected at once: some 5 MB of coordinates, which stay in the cache.
BLOCK = 1 << 16

Places = NDArray[np.int64]


def at_centers(grid: Grid, way: Way, stacks: Sequence[Stack], *, n_threads: int | None = None) -> NDArray[np.bool_]:
    """What each set of the stacks holds at the pixels' centres, shape (n_sets, ny, nx)."""
    images = np.empty((sum(stack.n for stack in stacks), *grid.shape), dtype=np.bool_)
    # A frame that is no rotation away would need a bound of its own.
    bounds = None if way.transformed is not None else Bounds.of(grid.wcs, grid.shape)

    def work(wcs: Any, rows: range) -> None:
        first = 0
        for stack in stacks:
            part = images[first : first + stack.n].view(np.uint8)
            first += stack.n
            if bounds is None:
                _by_pixels(part, grid, wcs, way, stack, *corners_of_tiles(rows, grid.shape[1], 1))
            else:
                _by_tiles(part, grid, wcs, way, stack, bounds, rows)

    in_stripes(grid, work, n_threads=n_threads)
    return images


def in_stripes(grid: Grid, work: Any, *, n_threads: int | None = None) -> None:
    """Call work(wcs, rows) for all rows of an image, stripe by stripe, on threads that have a WCS each."""
    ny, nx = grid.shape
    threads = min(thread_count(n_threads), max(1, ny * nx // 20_000))
    # Rows of whole tiles: few enough that their pixels' words stay small, and a few stripes for each thread.
    height = min(16 * BLOCK // nx, ny if threads == 1 else ny // (4 * threads))
    height = max(1, -(-height // TILE)) * TILE
    stripes = [range(first, min(first + height, ny)) for first in range(0, ny, height)]
    threads = min(threads, len(stripes))
    if threads == 1:
        for rows in stripes:
            work(grid.wcs, rows)
        return
    # astropy lets go of the interpreter while wcslib computes, but wcslib writes to its own tables meanwhile.
    copies = [deepcopy(grid.wcs) for _ in range(threads)]

    def share(k: int) -> None:
        for rows in stripes[k::threads]:
            work(copies[k], rows)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))


def corners_of_tiles(rows: range, nx: int, size: int) -> tuple[Places, Places]:
    """First row and first column of the tiles of some rows."""
    row, column = np.meshgrid(
        np.arange(rows.start, rows.stop, size, dtype=np.int64), np.arange(0, nx, size, dtype=np.int64), indexing="ij"
    )
    return row.ravel(), column.ravel()


def _by_tiles(
    images: NDArray[np.uint8], grid: Grid, wcs: Any, way: Way, stack: Stack, bounds: Bounds, rows: range
) -> None:
    size = TILE
    row, column = corners_of_tiles(rows, grid.shape[1], size)
    settled = 1.0
    # A tile's cap is looked at in about the time that it takes to project ten pixels.
    while row.size and (size >= 16 or size * size * settled > _WORTH):
        half = (size - 1) / 2
        x, y = (np.add(place, half, dtype=np.float64) for place in (column, row))
        lon, lat = grid.positions(wcs, x, y)
        # The centres of a tile's pixels lie in a square one pixel smaller than the tile.
        words, one = stack.caps(lon, lat, bounds.on_sky(x, y, half), way.matrix)
        _kernel.paint(images, row[one], column[one], size, words[one])
        row, column = quarters(row[~one], column[~one], size, rows.stop, grid.shape[1])
        settled = float(one.mean())
        size //= 2
    if row.size:
        step = np.arange(size)
        inner = np.repeat(step, size), np.tile(step, size)
        row, column = ((a[:, np.newaxis] + b).ravel() for a, b in zip((row, column), inner, strict=True))
        within = (row < rows.stop) & (column < grid.shape[1])
        if not within.all():
            row, column = row[within], column[within]
        _by_pixels(images, grid, wcs, way, stack, row, column)


def quarters(row: Places, column: Places, size: int, n_rows: int, n_columns: int) -> tuple[Places, Places]:
    half = size // 2
    row = (row[:, np.newaxis] + np.array([0, 0, half, half])).ravel()
    column = (column[:, np.newaxis] + np.array([0, half, 0, half])).ravel()
    within = (row < n_rows) & (column < n_columns)
    return (row, column) if within.all() else (row[within], column[within])


def _by_pixels(
    images: NDArray[np.uint8], grid: Grid, wcs: Any, way: Way, stack: Stack, row: Places, column: Places
) -> None:
    for first in range(0, row.size, BLOCK):
        some = slice(first, first + BLOCK)
        lon, lat = grid.positions(wcs, column[some].astype(np.float64), row[some].astype(np.float64))
        if way.transformed is not None:
            lon, lat = way.transformed(lon, lat)
        words = stack.words_at(lon, lat, way.matrix)
        _kernel.paint(images, row[some], column[some], 1, words)
