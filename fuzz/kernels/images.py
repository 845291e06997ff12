"""Targets of the kernels of images on the sky: projections, masks at pixels, cells under pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fuzz.kernels import referees
from fuzz.kernels.draw import Source, vectors
from fuzz.kernels.referees import angles, cell_centres, check, same
from fuzz.kernels.sets import exact
from fuzz.kernels.sky import index_of, word_at, words_of
from fuzz.kernels.target import Call, kernel, refuses, target

TAN, SIN, STG, ARC, ZEA, CAR, CEA, MER, SFL, AIT = range(10)
UNDECIDED = 2


def plane_of(code: int, native: Any) -> Any:
    """Places in the plane of a projection, radians, of native unit vectors (Calabretta & Greisen 2002)."""
    x, y, z = np.moveaxis(np.asarray(native, float), -1, 0)
    phi, theta = np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))
    with np.errstate(all="ignore"):
        if code <= ZEA:
            away = math.pi / 2 - theta
            radius = {
                TAN: np.where(theta > 0, np.tan(away), np.nan),
                SIN: np.where(theta >= 0, np.sin(away), np.nan),
                STG: 2 * np.tan(away / 2),
                ARC: away,
                ZEA: 2 * np.sin(away / 2),
            }[code]
            return np.stack([radius * np.sin(phi), -radius * np.cos(phi)], axis=-1)
        if code == AIT:
            scale = np.sqrt(2 / (1 + np.cos(theta) * np.cos(phi / 2)))
            return np.stack([2 * scale * np.cos(theta) * np.sin(phi / 2), scale * np.sin(theta)], axis=-1)
        height = {CAR: theta, CEA: np.sin(theta), MER: np.log(np.tan(math.pi / 4 + theta / 2)), SFL: theta}[code]
        return np.stack([phi * np.cos(theta) if code == SFL else phi, height], axis=-1)


def native_of(code: int, plane: Any) -> Any:
    """Native unit vectors of places in the plane; NaN where there is no sky."""
    x, y = np.moveaxis(np.asarray(plane, float), -1, 0)
    with np.errstate(all="ignore"):
        if code <= ZEA:
            radius, phi = np.hypot(x, y), np.arctan2(x, -y)
            away = {
                TAN: np.arctan(radius),
                SIN: np.arcsin(radius),
                STG: 2 * np.arctan(radius / 2),
                ARC: np.where(radius <= math.pi, radius, np.nan),
                ZEA: 2 * np.arcsin(radius / 2),
            }[code]
            return vectors(phi, math.pi / 2 - away)
        if code == AIT:
            w = np.sqrt(1 - (x / 4) ** 2 - (y / 2) ** 2)
            w = np.where(2 * w * w >= 1, w, np.nan)
            return vectors(2 * np.arctan2(w * x, 2 * (2 * w * w - 1)), np.arcsin(y * w))
        theta = {CAR: y, CEA: np.arcsin(y), MER: 2 * np.arctan(np.exp(y)) - math.pi / 2, SFL: y}[code]
        theta = np.where(np.abs(theta) <= math.pi / 2, theta, np.nan)
        return vectors(x / np.cos(theta) if code == SFL else x, theta)


@target
def projections(s: Source, call: Call) -> None:
    k, code, n = kernel("projections"), s.integer(0, 9), s.integer(1, 4)
    native = np.array([s.vector() for _ in range(n)])
    places = np.empty((n, 2))
    call(k.places, code, native, places)
    right = plane_of(code, native)
    known = np.isfinite(places).all(axis=1)
    size = 1 + np.abs(right) ** 2
    same(np.where(known[:, None], (places - right) / size, 0), np.zeros((n, 2)), "places", within=1e-7)
    # Not known: at the rim, at poles and seams only.
    inner = native_angle(code, native)
    check(known | (inner > _inner(code)), "places that should be known", code, native, places)
    x, y = (np.array([2.5 * (s.unit() - 0.5) * (2 if s.chance() else 1) for _ in range(n)]) for _ in range(2))
    radius, out = np.array([s.size(0.3) for _ in range(n)]), np.empty(n)
    rim = np.pi if s.chance() else np.inf
    call(k.stretches, code, x, y, radius, rim, out)
    check(np.all(out >= 0), "stretches", out)
    plane = np.stack([x, y], axis=-1)
    bounded = np.isfinite(out)
    back = np.empty((int(bounded.sum()), 3))
    call(k.native_vectors, code, plane[bounded].copy(), back)
    same(back, native_of(code, plane[bounded]), "native_vectors", within=1e-7)
    turn = 2 * np.pi * np.arange(8)[:, None] / 8
    for i in np.flatnonzero(bounded):
        around = plane[i] + radius[i] * np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
        moved = angles(native_of(code, around), native_of(code, plane[i]))
        check(
            np.all(moved <= out[i] * radius[i] * (1 + 1e-9) + 1e-7),
            "a stretch",
            code,
            plane[i],
            radius[i],
            out[i],
            moved,
        )
    # Next to the plane's origin all is known.
    call(k.stretches, code, np.zeros(1), np.zeros(1), np.full(1, 0.01), rim, out[:1])
    check(0.9 < out[0] < 2.1, "the stretch at the origin", out[0])
    for values in (s.reals(n), x):
        k.stretches(code, values, s.reals(n), s.reals(n), s.real(), out)
    refuses(k.places, 10, native, places)
    refuses(k.places, -1, native, places)
    refuses(k.places, code, native, np.empty((n + 1, 2)))
    refuses(k.native_vectors, code, places, np.empty((n + 1, 3)))
    refuses(k.stretches, code, x, y[1:].copy(), radius, rim, out)


def native_angle(code: int, native: Any) -> Any:
    """How far native unit vectors are from the plane's origin on the sky."""
    return angles(native, np.array([0.0, 0.0, 1.0] if code <= ZEA else [1.0, 0.0, 0.0]))


def _inner(code: int) -> float:
    """Up to this distance from the origin, in radians, places are known."""
    return {TAN: 1.3, SIN: 1.5}.get(code, 1.5)


def projection(s: Source, shape: tuple[int, int], *, steps: bool = False) -> tuple[Any, int, Any, Any]:
    """A projection of an image, its code, and the functions from pixels (x, y) to the plane and back."""
    k, code = kernel("projections"), s.integer(0, 9)
    scale, turn = max(s.size(0.15), 1e-8), 2 * np.pi * s.unit() if s.chance() else 0.0
    flip = -1 if s.chance() else 1
    skew = 0.3 * s.unit() if s.chance(4) else 0.0
    matrix = scale * np.array([[flip * np.cos(turn), -np.sin(turn) + skew], [flip * np.sin(turn), np.cos(turn)]])
    inverse = np.linalg.inv(matrix)
    origin = np.array([shape[1] * (1.5 * s.unit() - 0.25), shape[0] * (1.5 * s.unit() - 0.25)])
    corners = np.abs(matrix @ np.array([[1.0, 1.0], [1.0, -1.0]]))
    moves = (
        np.array([[2 * np.pi / scale, 0.0], [-2 * np.pi / scale, 0.0]])
        if steps and code in (CAR, CEA, MER) and turn == 0 and skew == 0
        else None
    )
    if moves is not None:
        moves *= flip
    made = k.Projection(
        code,
        np.ascontiguousarray(matrix),
        np.ascontiguousarray(inverse),
        origin,
        rim=np.pi if moves is None else np.inf,
        side=float(np.hypot(*corners).max()),
        slack=2e-10 + 1e-14 * float(np.abs(matrix).sum()) * (np.abs(origin).max() + max(shape)),
        pixel_slack=1e-9 + np.abs(inverse).sum(axis=1) * 1e-11,
        steps=moves,
    )
    return made, code, lambda p: (p - origin) @ matrix.T, lambda q: q @ inverse.T + origin


@target
def pixels_under_mask(s: Source, call: Call) -> None:
    import healpy

    k, order = kernel("pixels_under_mask"), s.integer(0, 5)
    n_sets, ny, nx = s.integer(1, 3), s.integer(1, 20), s.integer(1, 20)
    places, words, _ = words_of(s, order, n_sets)
    index = index_of(places, order, words=words)
    made, code, to_plane, _ = projection(s, (ny, nx))
    turn, margin = s.rotation(), 0.5 if s.chance() else 0.0
    first = s.integer(0, 3)
    start = s.integer(0, ny)
    stop = s.integer(start, ny)
    images = np.full((n_sets, ny, nx), 9, np.uint8)
    left = call(k.paint, images, first, made, turn, margin, index, order, first + start, first + stop)
    check(np.all(images[:, :start] == 9) and np.all(images[:, stop:] == 9), "rows that were not asked for")
    part = images[:, start:stop]
    open_ = part[0] == UNDECIDED
    check(left == open_.sum(), "pixels that are not decided", left, open_.sum())
    rows, columns = np.nonzero(~open_)
    cell_words = word_at(places, words, np.arange(12 << 2 * order).astype(np.uint64) << np.uint64(2 * (29 - order)))
    for dx, dy in ((0, 0), (-1, -1), (1, -1), (-1, 1), (1, 1), (0.3, -0.7)) if margin else ((0, 0),):
        pixel = np.stack([columns + 0.499 * dx, first + start + rows + 0.499 * dy], axis=-1)
        sky = native_of(code, to_plane(pixel)) @ turn.T
        check(np.isfinite(sky).all(), "pixels without sky that are decided", code, pixel[~np.isfinite(sky).all(axis=1)])
        good = np.zeros(len(rows), bool)
        for way in np.concatenate([[[0, 0, 0]], np.eye(3), -np.eye(3)]):
            word = (
                cell_words[healpy.vec2pix(1 << order, *(sky + 1e-11 * way).T, nest=True)] if len(sky) else np.empty(0)
            )
            bits = np.array([(word.astype(np.int64) >> j) & 1 for j in range(n_sets)]).reshape(n_sets, -1)
            good |= np.all(part[:, rows, columns] == bits, axis=0)
        check(good, "pixels that are decided", code, margin, rows[~good], columns[~good])
    refuses(k.paint, images, first, made, turn, np.nan, index, order, first, first)
    refuses(k.paint, images, first, made, turn[:2].copy(), margin, index, order, first, first)
    refuses(k.paint, images, first, made, turn, margin, index, order, first, first + ny + 1)
    refuses(k.paint, np.zeros((65, 1, 1), np.uint8), 0, made, turn, margin, index, order, 0, 1)
    refuses(k.paint, images, first, made, turn, margin, index, 30, first, first)


@target
def cells_under_image(s: Source, call: Call) -> None:
    k, order = kernel("cells_under_image"), s.integer(0, 4)
    ny, nx = s.integer(1, 40), s.integer(1, 40)
    style, pattern = s.byte(), [s.byte() for _ in range(5)]
    image = np.resize(np.unpackbits(np.array(pattern, np.uint8)), (ny, nx)).astype(np.uint8)
    if style & 1:
        image = np.zeros((ny, nx), np.uint8)
        image[ny // 4 : ny // 4 + 1 + style // 16, nx // 3 :] = 1
    total = np.empty((k.blocks_of(ny) + 1, k.blocks_of(nx) + 1), np.uint32)
    call(k.count_pixels, image, total)
    width = next(w for w in (1, 2, 4, 8, 16, 32, 64) if k.blocks_of(w + 1) == 2)
    right = [[image[: j * width, : i * width].sum() for i in range(total.shape[1])] for j in range(total.shape[0])]
    same(total, np.array(right), "count_pixels")
    made, code, _, to_pixels = projection(s, (ny, nx), steps=s.chance())
    native, outside = s.rotation(), s.chance()
    level = s.integer(0, order)
    nodes = np.arange(12 << 2 * level, dtype=np.uint64)
    nodes = nodes[s.integer(0, nodes.size - 1) :].copy() if s.chance() else nodes
    (starts, stops), (some, more) = call(k.walk, nodes, level, order, made, native, image, total, outside)
    found, doubt = (referees.dense_ranges(a, b, order) for a, b in ((starts, stops), (some, more)))
    check((found + doubt).max() <= 1, "cells that are found and in doubt", starts, some)
    for a, b in ((starts, stops), (some, more)):
        check(np.all(a[1:] >= b[:-1]), "ranges ascend", a, b)
    cells = np.arange(12 << 2 * order)
    asked = cells >> 2 * (order - level) >= int(nodes[0])
    check(not np.any(found[~asked] | doubt[~asked]), "cells of other nodes")
    plane = plane_of(code, cell_centres(order) @ native.T)
    pixel = to_pixels(plane)
    with np.errstate(invalid="ignore"):
        rounded = np.floor(pixel + 0.5)
        near = np.abs(pixel - rounded).max(axis=1) > 0.5 - 1e-6
        inside = np.all((rounded >= 0) & (rounded < [nx, ny]), axis=1)
    column, row = np.where(inside[:, None], rounded, 0).astype(int).T
    value = np.where(inside, image[row, column] > 0, outside)
    sure = asked & np.isfinite(pixel).all(axis=1) & ~near & (doubt == 0)
    if code >= CAR:
        # At the seam of longitudes a cell may be on either side.
        sure &= np.abs(np.arctan2(*(cell_centres(order) @ native.T).T[1::-1])) < np.pi - 1e-6
    if code in (CAR, CEA, MER):
        # An image may show a place several times: the first place on the image counts.
        sure &= inside
    wrong = sure & ((found > 0) != value)
    check(not wrong.any(), "cells under an image", code, cells[wrong], found[wrong], pixel[wrong])
    check(exact(starts) <= exact(stops), "ranges")
    refuses(k.count_pixels, image, total[1:].copy())
    refuses(k.walk, nodes, order + 1, order, made, native, image, total, outside)
    refuses(k.walk, nodes, level, order, made, native[:2].copy(), image, total, outside)
    refuses(k.walk, nodes, level, order, made, native, image, total[:, 1:].copy(), outside)
    refuses(k.walk, nodes, level, order, made, native, np.empty((0, nx), np.uint8), total, outside)
