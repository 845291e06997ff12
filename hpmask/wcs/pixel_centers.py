"""The mask at the centres of an image's pixels.

A tile of pixels is decided at once if the mask is uniform over a cap that contains the sky of the tile
(`hpmask.wcs.bounds`). Other tiles are divided into four, down to single pixels. A pixel whose centre is so close to the
edge of a cell that rounding could decide is left to astropy. The result is the same as if astropy had placed every
pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import caps as _kernel
from hpmask.core.layers import LayeredSet
from hpmask.wcs import stripes
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Places, Way
from hpmask.wcs.stripes import Wcs, blocks, in_stripes, undecided

__all__ = ["at_centers"]


def at_centers(
    grid: Grid, way: Way, stacks: Sequence[LayeredSet], *, n_threads: int | None = None
) -> NDArray[np.bool_]:
    """Whether each set of the stacks holds the centres of the pixels, shape (n_sets, ny, nx)."""
    images = np.empty((sum(stack.n for stack in stacks), *grid.shape), dtype=np.bool_)
    bounds = Bounds.of_grid(grid, way)
    ends = np.cumsum([stack.n for stack in stacks])
    parts = [images[end - stack.n : end].view(np.uint8) for end, stack in zip(ends, stacks, strict=True)]

    def work(own: Wcs, rows: range) -> None:
        for part, stack in zip(parts, stacks, strict=True):
            row, column = undecided(part, 0, rows, stack, way, bounds)
            if row.size:
                _by_pixels(part, grid, own(), way, stack, row, column)

    in_stripes(grid, work, n_threads=n_threads, least=20_000 if bounds is None else 200_000)
    return images


def _by_pixels(
    images: NDArray[np.uint8], grid: Grid, wcs: Any, way: Way, stack: LayeredSet, row: Places, column: Places
) -> None:
    """Decide pixels one by one, at the positions that astropy gives."""
    for block in blocks(row.size, stripes.BLOCK):
        lon, lat = grid.positions(wcs, column[block].astype(np.float64), row[block].astype(np.float64))
        if way.transformed is not None:
            lon, lat = way.transformed(lon, lat)
        words = stack.words_at(lon, lat, way.matrix)
        _kernel.paint(images, row[block], column[block], words)
