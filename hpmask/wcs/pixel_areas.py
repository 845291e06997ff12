"""The part of each pixel's area that the mask covers.

The area of a pixel is the sky under its square of pixel coordinates. Pieces of great circles follow the sides of the
square to 2e-4 of the pixel. A tile or a pixel is decided at once if the mask is uniform over a cap that contains it
(see `hpmask.wcs.pixel_centers`). The other pixels are compared with the cells of the mask (_kernels/pixel_areas.pyx).

Sides that cross the edge of a facet are bent, and are followed in 64 pieces. Some pixels have no single outline: those
at the rim of a projection, where a part of the pixel is outside the projection, and those that the edge of a facet
tears apart. They are sampled at 32 x 32 points, each with the solid angle around it. Only points inside the projection
count, and such a pixel is never "inside" if its own centre is outside the projection.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import pixel_areas as _kernel
from hpmask.core.layers import LayeredSet
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.geometry import frames
from hpmask.wcs import stripes
from hpmask.wcs.bounds import Bounds
from hpmask.wcs.grid import Grid, Places, Way
from hpmask.wcs.stripes import Wcs, blocks, in_stripes, undecided

__all__ = ["AreaMode", "by_areas"]

AreaMode = Literal["overlap", "inside", "fraction"]
Floats = NDArray[np.float64]

# Points along a side of a pixel that is sampled.
_POINTS = 32
# A piece of a side of this length (radians) differs from a great circle by at most 2e-4 of its length.
_PIECE = 2.4e-3
# A side is bent if its middle is off by more than this part of its length, beyond the curvature of large pixels.
_BEND = 2e-3
# Pieces of a bent side, and the ratio of lengths from which on a piece crosses a tear.
_MANY = 64
_TEAR = 4
# Offsets, in pixels, of a pixel's centre, its corners, and the middles of its sides.
_NINE_X = np.array([0, -0.5, 0.5, 0.5, -0.5, 0, 0.5, 0, -0.5])
_NINE_Y = np.array([0, -0.5, -0.5, 0.5, 0.5, -0.5, 0, 0.5, 0])
# Offsets of further points that show whether the projection reaches into a pixel between those: the middles of its
# sides and the centres of the pixels around it.
_AROUND_X = np.array([0, 0.5, 0, -0.5, -1, 0, 1, -1, 1, -1, 0, 1])
_AROUND_Y = np.array([-0.5, 0, 0.5, 0, -1, -1, -1, 0, 0, 1, 1, 1])


def by_areas(
    grid: Grid,
    way: Way,
    stacks: Sequence[LayeredSet],
    planes: Sequence[RangeSet],
    mode: AreaMode,
    *,
    n_threads: int | None = None,
) -> NDArray[Any]:
    """The pixels' areas in each of `planes`, which are the sets of the stacks: shape (n_planes, ny, nx)."""
    kind = np.float32 if mode == "fraction" else np.bool_
    images: NDArray[Any] = np.zeros((len(planes), *grid.shape), dtype=kind)
    bounds = Bounds.of_grid(grid, way)

    def work(own: Wcs, rows: range) -> None:
        first = 0
        for stack in stacks:
            part = slice(first, first + stack.n)
            first += stack.n
            sheet = np.zeros((stack.n, len(rows), grid.shape[1]), dtype=np.uint8)
            row, column = undecided(sheet, rows.start, rows, stack, way, bounds, margin=0.5)
            images[part, rows.start : rows.stop] = sheet
            for block in blocks(row.size, stripes.BLOCK // 4):
                _by_pixels(images[part], grid, own(), way, stack, planes[part], mode, row[block], column[block])

    in_stripes(grid, work, n_threads=n_threads)
    return images


def _by_pixels(
    images: NDArray[Any],
    grid: Grid,
    wcs: Any,
    way: Way,
    stack: LayeredSet,
    planes: Sequence[RangeSet],
    mode: AreaMode,
    row: Places,
    column: Places,
) -> None:
    """Compare the areas of pixels with the planes, one by one."""

    def sky(x: Floats, y: Floats, these: Any = slice(None)) -> Floats:
        """Unit vectors in the frame of the mask, NaN outside the projection."""
        lon, lat = way.turned(*grid.positions(wcs, column[these, np.newaxis] + x, row[these, np.newaxis] + y))
        return frames.unit_vectors(lon, lat)

    # The centre and the corners, and the middles of the sides where there are facets.
    nine = sky(_NINE_X, _NINE_Y) if grid.faceted else sky(_NINE_X[:5], _NINE_Y[:5])
    five = nine[:, :5]
    middle = five[:, 1:].mean(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    radius = np.linalg.norm(five[:, 1:] - middle[:, np.newaxis], axis=2).max(axis=1)
    with np.errstate(invalid="ignore"):
        away = np.linalg.norm(five[:, 0] - middle, axis=1)
        # This fails for pixels at a rim or across a seam.
        whole = np.isfinite(away) & (radius < 1.2) & (away < 0.5 * radius)
        straight = whole.copy()
        if grid.faceted:
            # The edge of a facet bends the sides that cross it.
            ends = np.roll(five[:, 1:], -1, axis=1)
            bend = np.linalg.norm(nine[:, 5:] - 0.5 * (five[:, 1:] + ends), axis=2)
            limit = (_BEND + 0.1 * radius[:, np.newaxis]) * np.linalg.norm(five[:, 1:] - ends, axis=2)
            straight &= (bend <= limit).all(axis=1)
        # The chord as an angle, with room for the bulge of the sides.
        cap = 2 * np.arcsin(np.minimum(radius / 2, 1)) * 1.05
    words, one = stack.caps(*frames.lonlat(middle), np.where(straight, cap, np.inf), None)
    for k in range(len(planes)):
        images[k, row[one], column[one]] = (words[one] >> np.uint64(k)) & np.uint64(1)
    pieces = np.ceil(np.sqrt(np.where(whole, radius, 0) * 2 / _PIECE)).clip(1, 16).astype(int)
    pieces[~straight] = _MANY
    for n in np.unique(pieces[whole & ~one]):
        these = np.flatnonzero(whole & ~one & (pieces == n))
        side = np.arange(n) / n - 0.5
        x = np.concatenate([side, np.full(n, 0.5), -side, np.full(n, -0.5)])
        y = np.concatenate([np.full(n, -0.5), side, np.full(n, 0.5), -side])
        outline = sky(x, y, these)
        known = np.isfinite(outline).all(axis=(1, 2))
        if n == _MANY:
            steps = np.linalg.norm(np.roll(outline, -1, axis=1) - outline, axis=2).reshape(these.size, 4, n)
            known &= (steps.max(axis=2) <= _TEAR * np.median(steps, axis=2)).all(axis=1)
        whole[these[~known]] = False
        these, outline = these[known], np.ascontiguousarray(outline[known])
        for k, plane in enumerate(planes):
            value, good = _cut(outline, plane, mode)
            images[k, row[these[good]], column[these[good]]] = value[good]
            whole[these[~good]] = False
    rim = ~whole & np.isfinite(five).any(axis=(1, 2))
    off = np.flatnonzero(~whole & ~rim)
    rim[off] = np.isfinite(sky(_AROUND_X, _AROUND_Y, off)).any(axis=(1, 2))
    if rim.any():
        _point_by_point(images, grid, wcs, way, stack, mode, row[rim], column[rim])
        if mode == "inside":
            lost = rim & ~np.isfinite(five[:, 0, 0])
            images[:, row[lost], column[lost]] = False


def _cut(outline: Floats, plane: RangeSet, mode: AreaMode) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The values of pixels with these outlines, and which of the pixels have one."""
    n = outline.shape[0]
    fraction = np.empty(n if mode == "fraction" else 0)
    has = np.empty((0 if mode == "fraction" else n, 2), dtype=np.uint8)
    _kernel.covered(index_of(plane), outline, fraction, has)
    if mode == "fraction":
        return np.clip(fraction, 0, 1), fraction >= 0
    value = has[:, 1] == 1 if mode == "overlap" else has[:, 0] == 0
    return value, has[:, 0] < 2


def _point_by_point(
    images: NDArray[Any], grid: Grid, wcs: Any, way: Way, stack: LayeredSet, mode: AreaMode, row: Places, column: Places
) -> None:
    """Sample pixels that have no single outline."""
    step = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    edge = np.arange(_POINTS + 1) / _POINTS - 0.5
    x, y = (a.ravel() for a in np.meshgrid(step, step))
    corner_x, corner_y = (a.ravel() for a in np.meshgrid(edge, edge))
    for block in blocks(row.size, stripes.BLOCK // x.size):
        j, i = row[block], column[block]
        lon, lat = way.turned(*grid.positions(wcs, i[:, np.newaxis] + x, j[:, np.newaxis] + y))
        words = stack.words_at(lon.ravel(), lat.ravel(), None).reshape(lon.shape)
        p = frames.unit_vectors(*grid.positions(wcs, i[:, np.newaxis] + corner_x, j[:, np.newaxis] + corner_y))
        p = p.reshape(j.size, _POINTS + 1, _POINTS + 1, 3)
        area = np.linalg.norm(np.cross(p[:, 1:, 1:] - p[:, :-1, :-1], p[:, 1:, :-1] - p[:, :-1, 1:]), axis=-1)
        area = area.reshape(lon.shape)
        if grid.faceted:
            with warnings.catch_warnings():
                # A pixel may have no point inside the projection.
                warnings.simplefilter("ignore", RuntimeWarning)
                usual = np.nanmedian(area, axis=1, keepdims=True)
            with np.errstate(invalid="ignore"):
                # The square around a point at a tear has corners on both sides of it.
                area = np.where(area > _TEAR * usual, usual, area)
        # A point whose own square is cut by the rim counts with half of the largest square.
        area = np.where(np.isfinite(area), area, 0.5 * np.nanmax(area, axis=1, initial=1e-30, keepdims=True))
        area[~np.isfinite(lon)] = 0
        whole = area.sum(axis=1)
        for k in range(stack.n):
            kept = (area * ((words >> np.uint64(k)) & np.uint64(1))).sum(axis=1)
            if mode == "fraction":
                images[k, j, i] = kept / np.where(whole > 0, whole, 1)
            else:
                images[k, j, i] = kept > 0 if mode == "overlap" else (kept == whole) & (whole > 0)
