"""Masks from images: a cell is in iff the pixel under its centre is True.

A walk down the quad-tree of cells asks for each node where on the image it may lie (_kernels/images.pyx), so that the
cost grows with the outline of the image's True pixels. Where there are no bounds on that, the centres of the cells
round all pixels are projected.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import images as _kernel
from hpmask._kernels import shapes as _shapes
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.parallel import thread_count, thread_map
from hpmask.core.rangeset import RangeSet, from_starts_stops
from hpmask.geometry import frames, healpix
from hpmask.morphology.neighbours import dilate_steps
from hpmask.regions import rasterize
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Places, Way, corner_vectors, smallest_side

__all__ = ["plane_of", "unused"]

# Nodes that a thread works on at once.
_BLOCK = 1 << 16
# Along the outline: 16 GB of ranges.
_MOST_CELLS = 1e9
# Cells beyond those found on the image that are tried next.
_RING = 4
# Pixels along a side of the tiles that are looked at for places off the sky.
_TILE = 32

Image = NDArray[np.bool_]
Floats = NDArray[np.float64]
Cells = NDArray[np.uint64]
Ranges = tuple[Cells, Cells]


def plane_of(
    image: Image, grid: Grid, way: Way, *, order: int, mode: str, outside: bool, n_threads: int | None = None
) -> RangeSet:
    """The cells of `order` (of the frame that `way` leads to) that an image makes True."""
    threads = thread_count(n_threads)
    if image.all() and outside:
        return RangeSet.full(order)
    if not image.any() and not outside:
        return RangeSet.empty(order)
    _check_size(image, grid, order)
    bounds = None if way.transformed is not None else Bounds.of(grid.wcs, grid.shape, turns=grid.turns)
    if bounds is not None and bounds.invertible:
        center = _walk(image, grid, way, bounds, order, outside, threads)
    else:
        center = _all_cells(image, grid, way, order, outside, threads)
    if mode == "center":
        return center
    value = mode == "overlap"
    edges = _edge_pixels(image, grid, way, order, outside, value, threads)
    return center | edges if value else center - edges


def unused(differs: Image, grid: Grid) -> tuple[Places, Places]:
    """Rows and columns of the True pixels of `differs` that no cell could take its value from.

    Neither their centre nor a corner is sky, or the sky there belongs to another pixel that is not True. None are given
    where that is a frame of one value round an image of the whole sky: it says nothing.
    """
    bounds = Bounds.of(grid.wcs, grid.shape, turns=grid.turns)
    doubt = np.ones(-(-np.array(grid.shape) // _TILE), dtype=np.bool_)
    if bounds is not None and not (grid.turns is not None and grid.turns.overlap):
        y, x = (a.ravel().astype(np.float64) * _TILE + 0.5 * (_TILE - 1) for a in np.indices(doubt.shape))
        doubt = ~np.isfinite(bounds.on_sky(x, y, 0.5 * _TILE)).reshape(doubt.shape)
    if not doubt.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    doubtful = np.repeat(np.repeat(doubt, _TILE, axis=0), _TILE, axis=1)[: grid.shape[0], : grid.shape[1]]

    def lost(value: bool) -> tuple[Places, Places]:
        row, column = np.nonzero(doubtful & (differs == value))
        for dx, dy in ((0, 0), (-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
            sky = grid.positions(grid.wcs, column + np.float64(dx), row + np.float64(dy))
            own_row, own_column, index = grid.under(grid.wcs, *sky)[2:]
            left = np.ones(row.size, dtype=np.bool_)
            left[index[differs[own_row, own_column] == value]] = False
            row, column = row[left], column[left]
        return row, column

    row, column = lost(True)
    if row.size and not lost(False)[0].size:
        lon, lat = healpix.centres(np.arange(healpix.n_cells(4), dtype=np.uint64), 4)
        if grid.under(grid.wcs, lon, lat)[-1].size == lon.size:
            return row[:0], column[:0]
    return row, column


def _check_size(image: Image, grid: Grid, order: int) -> None:
    """Raise if the outline of the True pixels takes too many cells to hold."""
    per_side = smallest_side(grid) * (1 << order)
    if per_side < 100:
        return
    sides = np.count_nonzero(image[1:] != image[:-1]) + np.count_nonzero(image[:, 1:] != image[:, :-1])
    sides += 2 * sum(image.shape)
    if sides * per_side > _MOST_CELLS:
        raise ValueError(
            f"order {order} is too fine for this image: its outline would take about {sides * per_side:.1e} cells, "
            f"{per_side:.3g} along each side of a pixel"
        )


# ---------------------------------------------------------------------- by the outline


def _walk(image: Image, grid: Grid, way: Way, bounds: Bounds, order: int, outside: bool, threads: int) -> RangeSet:
    total = np.empty([_kernel.blocks_of(n) + 1 for n in image.shape], dtype=np.uint32)
    pixels = np.ascontiguousarray(image).view(np.uint8)
    _kernel.count_pixels(pixels, total)
    level, nodes, around = _first_nodes(grid, way, bounds, order)
    # Deal them out in turn: the edges lie here and there.
    threads = max(1, min(threads, nodes.size, image.size // 20_000 + 1))
    rotation = np.eye(3) if way.matrix is None else np.asarray(way.matrix).T

    def work(share: int) -> tuple[tuple[Cells, Cells], tuple[Cells, Cells]]:
        return bounds.walk(np.ascontiguousarray(nodes[share::threads]), level, order, rotation, pixels, total, outside)

    found, doubt = zip(*thread_map(work, range(threads), threads), strict=True)
    plane = _union(list(found), order)
    cells = _union(list(doubt), order).cells(order)
    if cells.size:
        lon, lat = way.back(*healpix.centres(cells, order))
        index, values = _at(image, grid, grid.wcs, lon, lat)
        inside = np.full(cells.shape, outside)
        inside[index] = values
        plane = plane | RangeSet.from_cells(cells[inside], order)
    return plane if around is None or not outside else plane | ~around


def _first_nodes(grid: Grid, way: Way, bounds: Bounds, order: int) -> tuple[int, Cells, RangeSet | None]:
    """An order, cells of it that hold the sky of all pixels, and their set; None if it may be the whole sky."""
    ny, nx = grid.shape
    size = max(ny, nx) / 8
    middles = [np.linspace(min(size, n) / 2, n - min(size, n) / 2, int(np.ceil(n / size))) - 0.5 for n in (nx, ny)]
    x, y = (a.ravel() for a in np.meshgrid(*middles))
    radius = bounds.on_sky(x, y, size / 2)
    lon, lat = grid.positions(grid.wcs, x, y)
    if not (np.isfinite(lon) & (radius < 1)).all():
        return 0, np.arange(12, dtype=np.uint64), None
    lon, lat = way.turned(lon, lat)
    level = int(np.clip(np.floor(-np.log2(radius.max())), 0, order))
    around = rasterize.discs(lon, lat, radius, order=level, mode="overlap")
    return level, around.cells(level), around


def _at(
    image: Image, grid: Grid, wcs: Any, lon: Floats, lat: Floats, *, near: float | None = None
) -> tuple[Places, Image]:
    """Which of some positions are on the image, and the pixels under them.

    With `near`, only those that the WCS sends back to within that angle.
    """
    x, y, row, column, index = grid.under(wcs, lon, lat)
    if near is not None and index.size:
        # The inverse of a distortion, or a projection that shows two places at one, may give a pixel that is elsewhere.
        there_lon, there_lat = grid.positions(wcs, x, y)
        up, along = 0.5 * (there_lat - lat[index]), 0.5 * (there_lon - lon[index])
        chord = np.sin(up) ** 2 + np.cos(there_lat) * np.cos(lat[index]) * np.sin(along) ** 2
        # At a rim, rounding may put the place where there is no sky.
        good = ~(chord >= (0.5 * near) ** 2)
        row, column, index = row[good], column[good], index[good]
    return index, image[row, column]


def _ranges(cells: Cells, order: int) -> tuple[Cells, Cells]:
    shift = np.uint64(2 * (MAX_ORDER - order))
    return cells << shift, (cells + np.uint64(1)) << shift


def _union(found: list[tuple[Cells, Cells]], order: int) -> RangeSet:
    starts, stops = (np.concatenate([pair[k] for pair in found]) for k in range(2))
    return from_starts_stops(starts, stops, order)


# ---------------------------------------------------------------------- all of the image


def _all_cells(image: Image, grid: Grid, way: Way, order: int, outside: bool, threads: int) -> RangeSet:
    """Project the centre of every cell that may have its centre under a pixel."""
    around, rim = _pixel_caps(grid, way, order)
    # Loose, since CSC has formulas for there and back that differ by up to 90 arcsec.
    near = 0.5 * smallest_side(grid)
    copies = [deepcopy(grid.wcs) for _ in range(threads)]
    empty = _ranges(np.empty(0, dtype=np.uint64), order)

    def tried(cells: RangeSet) -> tuple[RangeSet, RangeSet]:
        """Those of some cells that are on the image, and of these the ones under a True pixel."""
        blocks = list(_blocks_of(cells, order))

        def work(share: int) -> list[tuple[Ranges, Ranges]]:
            found = [(empty, empty)]
            for block in blocks[share::threads]:
                index, values = _at(image, grid, copies[share], *way.back(*healpix.centres(block, order)), near=near)
                found.append((_ranges(block[index], order), _ranges(block[index[values]], order)))
            return found

        pairs = [pair for part in thread_map(work, range(threads), threads) for pair in part]
        on, kept = zip(*pairs, strict=True)
        return _union(list(on), order), _union(list(kept), order)

    covered, plane = fresh, _ = tried(around)
    seen = around
    # At a rim, a pixel may be much larger on the sky than its corners tell: go on from what is found.
    while rim and fresh:
        ring = dilate_steps(fresh, _RING) - seen
        seen = seen | ring
        fresh, kept = tried(ring)
        covered, plane = covered | fresh, plane | kept
    return plane | ~covered if outside else plane


def _pixel_caps(grid: Grid, way: Way, order: int) -> tuple[RangeSet, bool]:
    """Cells round all pixels, by discs twice as large as it takes for their corners; and whether there is a rim."""
    ny, nx = grid.shape
    height = max(1, 4 * _BLOCK // nx)
    parts = [_caps_of_rows(grid, way, order, range(j, min(j + height, ny))) for j in range(0, ny, height)]
    return RangeSet.union_all([RangeSet.empty(order), *(part for part, _ in parts)]), any(rim for _, rim in parts)


def _caps_of_rows(grid: Grid, way: Way, order: int, rows: range) -> tuple[RangeSet, bool]:
    corners = corner_vectors(grid, way, rows=rows)
    four = np.stack([corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]])
    four = four.reshape(4, -1, 3)
    known = np.isfinite(four[..., 0])
    rim = not bool(known.all())
    four = four[:, known.any(axis=0)]
    if not four.size:
        return RangeSet.empty(order), rim
    middle = np.nanmean(four, axis=0)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    reach = np.nanmax(np.linalg.norm(four - middle, axis=2), axis=0)
    # At a rim only some of the corners are sky: take the usual size there.
    reach = np.clip(reach, np.median(reach), None)
    lon, lat = frames.lonlat(middle)
    return rasterize.discs(lon, lat, np.minimum(2 * reach, np.pi), order=order, mode="overlap"), rim


def _blocks_of(plane: RangeSet, order: int) -> Iterator[Cells]:
    """All cells of a set, some at a time."""
    pairs = plane.ranges >> np.uint64(2 * (MAX_ORDER - order))
    lengths = (pairs[:, 1] - pairs[:, 0]).astype(np.int64)
    ends = np.cumsum(lengths)
    count = int(ends[-1]) if ends.size else 0
    for first in range(0, count, _BLOCK):
        numbers = np.arange(first, min(first + _BLOCK, count))
        k = np.searchsorted(ends, numbers, side="right")
        yield pairs[k, 0] + (numbers - (ends - lengths)[k]).astype(np.uint64)


# ---------------------------------------------------------------------- areas of pixels


def _edge_pixels(image: Image, grid: Grid, way: Way, order: int, outside: bool, value: bool, threads: int) -> RangeSet:
    """All cells that meet a pixel of a value, out of those pixels that have one of the other value beside them."""
    padded = np.pad(image, 2, constant_values=outside)
    if grid.turns is not None:
        # Round the sky, there are pixels of the image beyond its edge.
        ring = np.pad(np.zeros(image.shape, dtype=np.bool_), 2, constant_values=True)
        rows, columns = np.nonzero(ring)
        sky = grid.positions(grid.wcs, columns.astype(np.float64) - 2, rows.astype(np.float64) - 2)
        index, values = _at(image, grid, grid.wcs, *sky)
        padded[rows[index], columns[index]] = values
    has = padded == value
    core = has[1:-1, 1:-1].copy()
    alone = np.ones_like(core)
    ny, nx = core.shape
    for dy in range(3):
        for dx in range(3):
            alone &= has[dy : dy + ny, dx : dx + nx]
    rows, columns = np.nonzero(core & ~alone)
    corners = corner_vectors(grid, way, margin=1)
    four = np.stack([corners[rows + dy, columns + dx] for dy, dx in ((0, 0), (0, 1), (1, 1), (1, 0))], axis=1)
    four = four[np.isfinite(four).all(axis=(1, 2))]
    code = 1  # overlap

    def work(share: int) -> list[tuple[Cells, Cells]]:
        found = [_ranges(np.empty(0, dtype=np.uint64), order)]
        for vertices in four[share::threads]:
            try:
                outline = _shapes.polygon(np.ascontiguousarray(vertices))
            except ValueError:
                # No area: two corners or more are one, as at a pole.
                continue
            found.append(outline.rasterize(order, code))
        return found

    found = [pair for part in thread_map(work, range(threads), threads) for pair in part]
    return _union(found, order)
