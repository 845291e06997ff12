"""The cells under the True pixels of an image: a cell is in if and only if the pixel under its centre is True.

A walk down the quad-tree of cells computes for each node the pixels under which it may lie
(_kernels/cells_under_image.pyx). Its cost grows with the outline of the True pixels. If the WCS has no bounds for that
(`hpmask.wcs.bounds`), the centres of all cells around the pixels are projected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import cells_under_image as _kernel
from hpmask._kernels import shapes as _shapes
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.modes import Mode
from hpmask.core.rangeset import RangeSet, from_starts_stops
from hpmask.geometry import frames, healpix
from hpmask.morphology.neighbours import dilate_steps
from hpmask.regions import rasterize
from hpmask.wcs import stripes
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Places, Way, corner_vectors, smallest_side
from hpmask.wcs.stripes import Wcs, blocks, share_out

__all__ = ["plane_of", "unused"]

# Cells along the outline that are allowed: they take 16 GB as ranges.
_MOST_CELLS = 1e9
# Width, in cells, of the ring around the cells found so far that is tried next.
_RING = 4
# Times the usual size of a pixel, from which on it is looked at whether it is torn, and how often its sides are halved.
_WIDE = 8
_HALVINGS = 12
# Pixels along a side of the tiles that are tested for pixels outside the projection.
_TILE = 32

Image = NDArray[np.bool_]
Floats = NDArray[np.float64]
Cells = NDArray[np.uint64]
Ranges = tuple[Cells, Cells]


def plane_of(image: Image, grid: Grid, way: Way, *, order: int, mode: Mode, outside: bool, threads: int) -> RangeSet:
    """The cells of `order` that are in the True pixels of an image, in the target frame of `way`."""
    if image.all() and outside:
        return RangeSet.full(order)
    if not image.any() and not outside:
        return RangeSet.empty(order)
    _check_size(image, grid, order)
    bounds = Bounds.of_grid(grid, way)
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
    """Rows and columns of the True pixels of `differs` that are not used by any cell.

    The centre and all corners of such a pixel are outside the projection, or show sky that belongs to another pixel,
    which is not True. The result is empty if these pixels are a frame of one value around an image of the whole sky.
    """
    bounds = Bounds.of_grid(grid)
    doubt = np.ones(-(-np.array(grid.shape) // _TILE), dtype=np.bool_)
    if bounds is not None and not (grid.turns is not None and grid.turns.overlap):
        y, x = (a.ravel().astype(np.float64) * _TILE + 0.5 * (_TILE - 1) for a in np.indices(doubt.shape))
        doubt = ~np.isfinite(bounds.on_sky(x, y, 0.5 * _TILE)).reshape(doubt.shape)
    if not doubt.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    doubtful = np.repeat(np.repeat(doubt, _TILE, axis=0), _TILE, axis=1)[: grid.shape[0], : grid.shape[1]]

    def lost(value: bool) -> tuple[Places, Places]:
        """The pixels of `differs` with a value that are not used by any cell."""
        row, column = np.nonzero(doubtful & (differs == value))
        for dx, dy in ((0, 0), (-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
            lon, lat = grid.positions(grid.wcs, column + np.float64(dx), row + np.float64(dy))
            *_, own_row, own_column, index = grid.under(grid.wcs, lon, lat)
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
    """Raise if the outline of the True pixels takes too many cells to fit in memory."""
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


# ---------------------------------------------------------------------- with bounds


def _walk(image: Image, grid: Grid, way: Way, bounds: Bounds, order: int, outside: bool, threads: int) -> RangeSet:
    """Walk down the cells, and let astropy decide those that are in doubt."""
    total = np.empty([_kernel.blocks_of(n) + 1 for n in image.shape], dtype=np.uint32)
    pixels = np.ascontiguousarray(image).view(np.uint8)
    _kernel.count_pixels(pixels, total)
    level, nodes, around = _first_nodes(grid, way, bounds, order)
    threads = max(1, min(threads, nodes.size, image.size // 20_000 + 1))
    rotation = np.eye(3) if way.matrix is None else np.asarray(way.matrix).T

    def work(_: Wcs, share: int) -> tuple[Ranges, Ranges]:
        # Every n-th node, since a part of the image may have more edges than the others.
        return bounds.walk(np.ascontiguousarray(nodes[share::threads]), level, order, rotation, pixels, total, outside)

    found, doubt = zip(*share_out(range(threads), work, grid.wcs, threads), strict=True)
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
    """An order, and cells of that order that hold the sky of all pixels: as numbers, and as a set.

    The set is None, and the cells are the base cells, if the image may show a large part of the sky.
    """
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
    """The indices of the positions that are on the image, and the values of the pixels under them.

    With `near`, in radians, only positions that the WCS projects back to within that angle count.
    """
    x, y, row, column, index = grid.under(wcs, lon, lat)
    if near is not None and index.size:
        # The inverse of a distortion, or a projection that shows two positions at one place, may give another pixel.
        there_lon, there_lat = grid.positions(wcs, x, y)
        up, along = 0.5 * (there_lat - lat[index]), 0.5 * (there_lon - lon[index])
        chord = np.sin(up) ** 2 + np.cos(there_lat) * np.cos(lat[index]) * np.sin(along) ** 2
        # At a rim, rounding may put the place outside the projection, which gives NaN.
        good = ~(chord >= (0.5 * near) ** 2)
        row, column, index = row[good], column[good], index[good]
    return index, image[row, column]


def _ranges(cells: Cells, order: int) -> Ranges:
    """Starts and stops of cells, at order 29."""
    shift = np.uint64(2 * (MAX_ORDER - order))
    return cells << shift, (cells + np.uint64(1)) << shift


def _union(found: list[Ranges], order: int) -> RangeSet:
    """The union of starts and stops that were found by several threads."""
    if not found:
        return RangeSet.empty(order)
    starts, stops = (np.concatenate([pair[k] for pair in found]) for k in range(2))
    return from_starts_stops(starts, stops, order)


# ---------------------------------------------------------------------- without bounds


def _all_cells(image: Image, grid: Grid, way: Way, order: int, outside: bool, threads: int) -> RangeSet:
    """Project the centres of all cells that may have their centre under a pixel."""
    around, rim = _pixel_caps(grid, way, order)
    # A loose limit, since the formulas of CSC for the two directions differ by up to 90 arcsec.
    near = 0.5 * smallest_side(grid)

    def work(own: Wcs, cells: Cells) -> tuple[Ranges, Ranges]:
        index, values = _at(image, grid, own(), *way.back(*healpix.centres(cells, order)), near=near)
        return _ranges(cells[index], order), _ranges(cells[index[values]], order)

    def tried(cells: RangeSet) -> tuple[RangeSet, RangeSet]:
        """The cells of a set that are on the image, and those of them that are under a True pixel."""
        pairs = share_out(list(_blocks_of(cells, order)), work, grid.wcs, threads)
        return _union([on for on, _ in pairs], order), _union([kept for _, kept in pairs], order)

    covered, plane = fresh, _ = tried(around)
    seen = around
    # At a rim, a pixel may be much larger on the sky than its corners show: continue from the cells that were found.
    while rim and fresh:
        ring = dilate_steps(fresh, _RING) - seen
        seen = seen | ring
        fresh, kept = tried(ring)
        covered, plane = covered | fresh, plane | kept
    return plane | ~covered if outside else plane


def _pixel_caps(grid: Grid, way: Way, order: int) -> tuple[RangeSet, bool]:
    """The cells around all pixels, and whether a corner of a pixel is outside the projection.

    The cells are those of discs twice as large as the corners of the pixels require.
    """
    ny, nx = grid.shape
    rows = blocks(ny, 4 * stripes.BLOCK // nx)
    parts = [_caps_of_rows(grid, way, order, range(some.start, some.stop)) for some in rows]
    return RangeSet.union_all([RangeSet.empty(order), *(part for part, _ in parts)]), any(rim for _, rim in parts)


def _caps_of_rows(grid: Grid, way: Way, order: int, rows: range) -> tuple[RangeSet, bool]:
    """`_pixel_caps` of some rows."""
    corners = corner_vectors(grid, way, rows=rows)
    four = np.stack([corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]])
    four = four.reshape(4, -1, 3)
    known = np.isfinite(four[..., 0])
    rim = not bool(known.all())
    numbers = np.flatnonzero(known.any(axis=0))
    four = four[:, numbers]
    if not four.size:
        return RangeSet.empty(order), rim
    middle = np.nanmean(four, axis=0)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    reach = np.nanmax(np.linalg.norm(four - middle, axis=2), axis=0)
    usual = np.median(reach)
    wide = np.flatnonzero(reach > _WIDE * usual)
    row, column = np.divmod(numbers[wide], grid.shape[1])
    torn, along = _torn(grid, way, column, rows.start + row, four[:, wide])
    whole = np.delete(np.arange(numbers.size), wide[torn])
    # At a rim only some of the corners are inside the projection: a pixel is at least as large as usual.
    centers = np.concatenate([middle[whole], *four[:, wide[torn]]])
    reach = np.concatenate([reach[whole], *along[:, torn]])
    there = np.isfinite(centers[:, 0])
    lon, lat = frames.lonlat(centers[there])
    radius = np.clip(2 * np.maximum(reach, usual)[there], 0, np.pi)
    return rasterize.discs(lon, lat, radius, order=order, mode="overlap"), rim


def _torn(grid: Grid, way: Way, x: NDArray[Any], y: NDArray[Any], four: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Which pixels lie across a tear of the projection, whose sides are far apart on the sky.

    The sides of the pixels are halved towards their larger halves: these become short, unless they have the tear.

    Returns
    -------
    torn : numpy.ndarray of bool, shape (n,)
        Whether a side of the pixel jumps.
    along : numpy.ndarray of float, shape (4, n)
        How far the sides go on from each corner of the pixel without a jump.
    """
    torn, along = np.zeros(x.size, dtype=bool), np.zeros((4, x.size))
    offsets = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    for k, j in (0, 1), (1, 2), (2, 3), (3, 0):
        first, last = four[k], four[j]
        low, high = np.zeros(x.size), np.ones(x.size)
        for _ in range(_HALVINGS if x.size else 0):
            t = 0.5 * (low + high)
            step = offsets[k] + t[:, np.newaxis] * (offsets[j] - offsets[k])
            point = frames.unit_vectors(*way.turned(*grid.positions(grid.wcs, x + step[:, 0], y + step[:, 1])))
            before = np.linalg.norm(point - first, axis=1) > np.linalg.norm(last - point, axis=1)
            low, high = np.where(before, low, t), np.where(before, t, high)
            first = np.where(before[:, np.newaxis], first, point)
            last = np.where(before[:, np.newaxis], point, last)
        length = np.linalg.norm(four[j] - four[k], axis=1)
        jumps = np.linalg.norm(last - first, axis=1) > 0.25 * length
        torn |= jumps
        for corner, end in (k, first), (j, last):
            found = np.where(jumps, np.linalg.norm(end - four[corner], axis=1), length)
            along[corner] = np.fmax(along[corner], found)
    return torn, along


def _blocks_of(plane: RangeSet, order: int) -> Iterator[Cells]:
    """The numbers of all cells of a set, in blocks."""
    pairs = plane.ranges >> np.uint64(2 * (MAX_ORDER - order))
    lengths = (pairs[:, 1] - pairs[:, 0]).astype(np.int64)
    ends = np.cumsum(lengths)
    count = int(ends[-1]) if ends.size else 0
    for block in blocks(count, stripes.BLOCK):
        numbers = np.arange(block.start, block.stop)
        k = np.searchsorted(ends, numbers, side="right")
        yield pairs[k, 0] + (numbers - (ends - lengths)[k]).astype(np.uint64)


# ---------------------------------------------------------------------- areas of pixels


def _edge_pixels(image: Image, grid: Grid, way: Way, order: int, outside: bool, value: bool, threads: int) -> RangeSet:
    """All cells that meet a pixel with `value` that has a pixel with the other value next to it."""
    padded = np.pad(image, 2, constant_values=outside)
    if grid.turns is not None:
        # An image of the whole circle continues beyond its edge.
        ring = np.pad(np.zeros(image.shape, dtype=np.bool_), 2, constant_values=True)
        rows, columns = np.nonzero(ring)
        lon, lat = grid.positions(grid.wcs, columns.astype(np.float64) - 2, rows.astype(np.float64) - 2)
        index, values = _at(image, grid, grid.wcs, lon, lat)
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
    ring = np.array([0, 4], dtype=np.int64)

    def work(_: Wcs, share: int) -> list[Ranges]:
        found = [_ranges(np.empty(0, dtype=np.uint64), order)]
        for vertices in four[share::threads]:
            try:
                outline = _shapes.polygon(np.ascontiguousarray(vertices), ring, False)
            except ValueError:
                # The quadrangle has no area: two corners coincide, as at a pole.
                continue
            found.append(outline.rasterize(order, code))
        return found

    found = share_out(range(threads), work, grid.wcs, threads)
    return _union([pair for part in found for pair in part], order)
