"""Targets of the kernels of places on the sky: cells, caps, distances, neighbours, components, outlines, rotations."""

from __future__ import annotations

import contextlib
import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import oracles

from fuzz.kernels import referees
from fuzz.kernels.draw import END, MAX_ORDER, NOWHERE, Source, tangent_axes, vectors
from fuzz.kernels.referees import angles, cell_centres, cells_near, check, dense, from_arc, of_dense, same, unit_of
from fuzz.kernels.sets import exact, rings_of, union
from fuzz.kernels.target import TARGETS, Call, kernel, refuses, target

_NO_TURN = np.empty((0, 3))


def index_of(boundaries: Any, order: int, **options: Any) -> Any:
    return kernel("index").Index(boundaries, order, **options)


def words_of(s: Source, order: int, n_sets: int) -> tuple[Any, Any, list[Any]]:
    """Boundaries of several sets together, the words before, between and after them, and the sets."""
    sets = [s.boundaries(order, 6) for _ in range(n_sets)]
    places = oracles.distinct(np.concatenate(sets))
    points = np.concatenate([np.zeros(1, np.uint64), places])
    words = sum(oracles.inside(a, points).astype(np.uint64) << np.uint64(j) for j, a in enumerate(sets))
    words[0] = 0
    return places, np.ascontiguousarray(words), sets


def word_at(places: Any, words: Any, number: Any) -> Any:
    return words[np.searchsorted(places, np.asarray(number, np.uint64), side="right")]


@functools.cache
def neighbours(order: int, connectivity: int = 8) -> Any:
    return oracles.neighbours(order, connectivity)


@target
def cells(s: Source, call: Call) -> None:
    import healpy

    k, order, n = kernel("cells"), s.order(), s.integer(0, 6)
    lon, lat = s.positions(n)
    out = np.empty(n, np.uint64)
    call(k.cells_at, lon, lat, order, out)
    for i in range(n):
        check(int(out[i]) in cells_near(lon[i], lat[i], order), "cells_at", out[i], lon[i], lat[i], order)
    lon, lat = s.positions(n, bad=True)
    matrix, unit = (s.rotation(), 1.0) if s.chance() else (_NO_TURN, s.pick((1.0, math.pi / 180)))
    lon, lat = lon / unit, lat / unit
    bad = call(k.numbers, lon, lat, unit, order, matrix, out)
    with np.errstate(invalid="ignore"):
        # A longitude of 1e15 rad has no digit left that says where it is.
        wrong = ~((np.abs(lon * unit) < 1e15) & (np.abs(lat * unit) <= np.pi / 2 * (1 + 1e-15)))
    check(bad == (np.flatnonzero(wrong)[0] if wrong.any() else -1), "the first bad position", bad, lon, lat)
    same(out == NOWHERE, wrong, "cells of bad positions")
    for i in np.flatnonzero(~wrong):
        if abs(lon[i]) > 100 / unit:
            continue
        x, y, z = (matrix if matrix.size else np.eye(3)) @ vectors(lon[i] * unit, lat[i] * unit)
        near = cells_near(math.atan2(y, x), math.atan2(z, math.hypot(x, y)), order, within=1e-14)
        check(int(out[i]) // unit_of(order) in near and out[i] % unit_of(order) == 0, "numbers", out[i], near)
    some = s.numbers(order, n) // np.uint64(unit_of(order))
    centres = np.empty((n, 3))
    call(k.centre_vectors, some, order, centres)
    expected = np.array(healpy.pix2vec(1 << order, some.astype(np.int64), nest=True)).T.reshape(n, 3)
    same(centres, expected, "centre_vectors", within=1e-14)
    lon, lat = np.empty(n), np.empty(n)
    call(k.centres, some, order, lon, lat)
    same(vectors(lon, lat), expected, "centres", within=1e-14)
    steps = s.integer(1, 4)
    edges = np.empty((n, 4 * steps, 3))
    call(k.edges, some, order, steps, edges)
    for i in range(n):
        # healpy begins at the northern corner, ours is the southern one.
        around = np.roll(healpy.boundaries(1 << order, int(some[i]), step=steps, nest=True).T, -2 * steps, axis=0)
        distance = np.linalg.norm(edges[i][:, None] - around[None], axis=-1).min(axis=1)
        check(np.all(distance < 1e-14 + 1e-7 / (1 << order)), "edges", some[i], order, distance)
        if order < 20:
            check(
                np.all(np.linalg.norm(edges[i] - around[::-1][np.arange(-1, 4 * steps - 1)], axis=-1) < 1e-12)
                or np.all(np.linalg.norm(edges[i] - around, axis=-1) < 1e-12),
                "edges in sequence",
                some[i],
                order,
            )
    coarse = s.integer(0, 5)
    ring, value = np.zeros(12 << 2 * coarse, np.uint8), s.integer(1, 255)
    a = s.boundaries(coarse, 6)
    call(k.set_ring, a // np.uint64(unit_of(coarse)), coarse, value, ring)
    inside = dense(a, coarse)
    same(ring[referees.ring_numbers(coarse)], value * inside, "set_ring")
    ring ^= np.resize(np.array([s.byte() for _ in range(3)] + [0] * s.byte(), np.uint8), ring.size)
    start = s.integer(0, ring.size)
    read = np.empty(s.integer(0, ring.size - start), np.uint8)
    call(k.read_ring, ring, coarse, start, read)
    same(read, ring[referees.ring_numbers(coarse)[start : start + read.size]], "read_ring")
    refuses(k.read_ring, ring, coarse, start, np.empty(ring.size - start + 1, np.uint8))
    refuses(k.set_ring, np.array([0, ring.size + 1], np.uint64), coarse, 1, ring)
    refuses(k.set_ring, np.array([0, 1], np.uint64), coarse + 1, 1, ring)
    refuses(k.cells_at, np.empty(n + 1), np.empty(n), order, out)
    refuses(k.centre_vectors, some, 30, centres)
    refuses(k.edges, some, order, steps + 1, edges)
    refuses(k.numbers, np.empty(n), np.empty(n), 1.0, order, np.eye(2), out)
    refuses(k.centres, some, order, np.empty(n + 1), np.empty(n))


@target
def caps(s: Source, call: Call) -> None:
    k, order, n = kernel("caps"), s.integer(0, 5), s.integer(1, 4)
    places, words, _ = words_of(s, order, s.integer(1, 3))
    index = index_of(places, order, words=words)
    lon, lat = s.positions(n, bad=True)
    radius = np.array([s.pick((np.nan, np.inf, -1.0)) if s.chance(12) else s.size(0.4) for _ in range(n)])
    matrix = s.rotation() if s.chance() else _NO_TURN
    word, one = np.empty(n, np.uint64), np.empty(n, np.uint8)
    call(k.caps, lon, lat, radius, matrix, index, order, word, one)
    centres = cell_centres(order)
    everywhere = word_at(places, words, np.arange(12 << 2 * order).astype(np.uint64) * np.uint64(unit_of(order)))
    for i in range(n):
        if not (0 <= radius[i] < 0.3 and abs(lat[i]) <= 1.6 and abs(lon[i]) < 1e15):
            check(not one[i], "an unknown cap holds one word", lon[i], lat[i], radius[i])
            continue
        if abs(lon[i]) > 100 or abs(lat[i]) > math.pi / 2:
            continue
        place = (matrix if matrix.size else np.eye(3)) @ vectors(lon[i], lat[i])
        near = cells_near(
            math.atan2(place[1], place[0]), math.atan2(place[2], math.hypot(*place[:2])), order, within=2e-14
        )
        check(int(word[i]) in {int(everywhere[c]) for c in near}, "the word at a cap's centre", word[i], near)
        if one[i]:
            held = everywhere[angles(centres, place) <= radius[i]]
            check(np.all(held == word[i]), "a cap of one word has another", word[i], held)
            held = everywhere[_around(place, radius[i], order)]
            check(np.all(held == word[i]), "the edge of a cap of one word has another", word[i], held)
    number = np.append(s.numbers(order, 4, places), np.uint64(NOWHERE))
    out = np.empty(number.size, np.uint64)
    call(k.words_at, index, number, out)
    right = word_at(places, words, np.minimum(number, END - 1))
    right[-1] = 0
    same(out, right, "words_at")
    images = np.full((3, 4, 5), 9, np.uint8)
    row = np.array([s.byte() % 6 - 1 for _ in range(n)], np.int64)
    column = np.array([s.byte() % 7 - 1 for _ in range(n)], np.int64)
    bits, expected = np.array([s.byte() for _ in range(n)], np.uint64), images.copy()
    call(k.paint, images, row, column, bits)
    for i in range(n):
        if 0 <= row[i] < 4 and 0 <= column[i] < 5:
            expected[:, row[i], column[i]] = [int(bits[i]) >> j & 1 for j in range(3)]
    same(images, expected, "paint")
    refuses(k.caps, lon, lat, radius[1:].copy(), matrix, index, order, word, one)
    refuses(k.caps, lon, lat, radius, matrix, index, 30, word, one)
    refuses(k.words_at, index, number, out[1:].copy())
    refuses(k.paint, images, row, column[1:].copy(), bits)


def _around(place: Any, radius: float, order: int) -> Any:
    """The cells that hold points just inside the edge of a cap."""
    import healpy

    east, north = tangent_axes(place)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    inner = radius * (1 - 1e-9)
    points = np.cos(inner) * place + np.sin(inner) * (np.cos(turns)[:, None] * east + np.sin(turns)[:, None] * north)
    return healpy.vec2pix(1 << order, *points.T, nest=True) if radius > 1e-8 else np.empty(0, int)


@target
def distance(s: Source, call: Call) -> None:
    k, order, n = kernel("distance"), s.integer(0, 4), s.integer(1, 4)
    a = s.boundaries(order, 6)
    index, inside, centres = index_of(a, order), dense(a, order), cell_centres(order)
    lon, lat = s.positions(n)
    place, matrix = np.empty((n, 3)), s.rotation() if s.chance() else _NO_TURN
    call(k.vectors, lon, lat, 1.0, matrix, place)
    same(place, vectors(lon, lat) @ (matrix.T if matrix.size else np.eye(3)), "vectors", within=1e-15)
    import healpy

    cell = healpy.vec2pix(1 << order, *place.T, nest=True).astype(np.uint64)
    number = cell * np.uint64(unit_of(order)) + np.uint64(s.integer(0, unit_of(order) - 1))
    most = np.inf if s.chance() else s.size(np.pi)
    out = np.empty(n)
    call(k.signed, index, order, place, number, most, out)
    for i in range(n):
        here = inside[int(cell[i])]
        _is_distance(out[i], place[i], here, centres[inside != here], most)
    map_order, own, nest, sides = s.integer(0, 3), order, s.chance(), s.integer(0, 3)
    level = s.integer(max(0, map_order - 2), map_order)
    unit = unit_of(map_order)
    centre = 3 * unit // 4 if map_order < own else 0
    result = np.full(12 << 2 * map_order, 5.0)
    start = s.integer(0, (12 << 2 * level) - 1)
    stop = min(start + s.integer(1, 12), 12 << 2 * level)
    call(k.fill_map, index, own, start, stop, level, map_order, nest, sides, centre, most, result)
    if not nest:
        result = result[referees.ring_numbers(map_order)]
    places, factor = cell_centres(map_order), 4 ** (map_order - level)
    for i in range(result.size):
        if not start * factor <= i < stop * factor:
            check(result[i] == 5.0, "a value that was not asked for", i)
            continue
        here = bool(oracles.inside(a, np.array([i * unit + centre], np.uint64))[0])
        if not sides & (2 if here else 1):
            check(result[i] == (np.inf if here else -np.inf), "a side that was not asked for", result[i])
            continue
        if i % 5 == s.at % 5:
            _is_distance(result[i], places[i], here, centres[inside != here], most)
    refuses(k.signed, index, order, place, number, most, np.empty(n + 1))
    refuses(k.fill_map, index, own, start, stop, level, map_order, nest, sides, centre, most, result[1:].copy())
    refuses(k.fill_map, index, own, 0, (12 << 2 * level) + 1, level, map_order, nest, sides, centre, most, result)
    refuses(k.vectors, lon, lat, 1.0, matrix, np.empty((n, 2)))


def _is_distance(found: float, place: Any, here: bool, others: Any, most: float) -> None:
    least = float(angles(others, place).min()) if len(others) else np.inf
    if abs(least - most) < 1e-12:
        return
    right = least if least < most else np.inf
    same(
        found,
        right if here else -right,
        "distance",
        within=2e-15 * (1 + 1 / max(np.pi + 1e-7 - right, 1e-7)) if np.isfinite(right) else 0,
    )


@target
def disc_sums(s: Source, call: Call) -> None:
    k, order = kernel("disc_sums"), s.integer(0, 3)
    n, to_ring = 12 << 2 * order, referees.ring_numbers(order)
    nested = np.resize(np.array([s.pick((1e16, -3.5, 0.1)) if s.chance(4) else float(s.byte()) for _ in range(7)]), n)
    ring_map, back = np.full(n, 7.5), np.full(n, 7.5)
    first = s.integer(0, n)
    last = s.integer(first, n)
    call(k.to_ring, nested, order, first, last, ring_map)
    expected = np.full(n, 7.5)
    expected[to_ring[first:last]] = nested[first:last]
    same(ring_map, expected, "to_ring")
    call(k.from_ring, ring_map, order, first, last, back)
    same(back[first:last], nested[first:last], "from_ring")
    check(np.all(back[:first] == 7.5) and np.all(back[last:] == 7.5), "cells that were not asked for")
    sides = []
    for _ in range(2):
        inside = dense(s.boundaries(order, 6), order) if s.chance(3) is False else np.ones(n, bool)
        cells = np.flatnonzero(inside).astype(np.uint64)
        ring, position = np.empty(cells.size, np.int64), np.empty(cells.size, np.int64)
        call(k.places, cells, order, ring, position)
        same(ring, rings_of(order)[0][inside], "rings of cells")
        same(position, rings_of(order)[1][inside], "places in rings")
        rows = np.lexsort((position, ring))
        begin = np.append(np.flatnonzero(np.diff(ring[rows], prepend=0)), cells.size)
        full = inside.all() and s.chance()
        sides.append((ring[rows][begin[:-1]], begin, np.empty(0, np.int64) if full else position[rows], cells[rows]))
    centre, source = sides
    values = nested[source[3].astype(int)]
    if s.chance(3):
        values = np.round(np.clip(values, -99, 99))
    high, low = (np.empty(values.size + source[0].size) for _ in range(2))
    exact_ = call(k.totals, values, source[1], 0, source[0].size, high, low)
    for m in range(source[0].size):
        total = Fraction(0)
        for i in range(source[1][m], source[1][m + 1]):
            total += Fraction(values[i])
            gap = float(Fraction(high[i + m + 1]) + Fraction(low[i + m + 1]) - total)
            check(abs(gap) <= 1e-28 * np.abs(values).sum(), "totals", gap)
            check(not exact_ or low[i + m + 1] == 0, "totals that are exact", low[i + m + 1])
    check(exact_ or np.any(low != 0), "totals that are not exact")
    radius = s.size(np.pi)
    out, done = np.empty(centre[3].size), np.zeros(1, np.int64)
    some = low if not exact_ or s.chance() else np.empty(0)
    a = s.integer(0, centre[0].size)
    call(k.sums, *centre[:3], 0, a, *source[:3], high, some, order, radius, out, done)
    call(k.sums, *centre[:3], a, centre[0].size, *source[:3], high, some, order, radius, out, done)
    check(done[0] == centre[0].size, "rings that are done", done)
    centres = cell_centres(order)
    for i in range(min(centre[3].size, 12)):
        row = (i * 37 + s.at) % centre[3].size
        away = angles(centres[source[3].astype(int)], centres[int(centre[3][row])])
        if np.any(np.abs(away - radius) < 1e-11 + 1e-7 * (radius > 3.1415)):
            continue
        right = math.fsum(values[away <= radius])
        same(
            out[row],
            right,
            f"sum over a disc of {radius}",
            within=1e-15 * (abs(right) + 1e-14 * float(np.abs(values).sum())) + 1e-15,
        )
    refuses(k.sums, *centre[:3], 0, centre[0].size + 1, *source[:3], high, some, order, radius, out, done)
    refuses(k.sums, *centre[:3], 0, 0, *source[:3], high, some, order, 3.2, out, done)
    refuses(k.totals, values, source[1], 0, source[0].size + 1, high, low)
    refuses(k.places, centre[3], order, np.empty(centre[3].size + 1, np.int64), np.empty(centre[3].size, np.int64))
    refuses(k.to_ring, nested, order + 1, 0, 1, ring_map)
    refuses(k.from_ring, nested, order, last, n + 1, back)


def _neighbours(s: Source, call: Call) -> None:
    k, order, corners = kernel("neighbours"), s.integer(0, 4), s.chance()
    a = s.boundaries(order, 8)
    inside, nodes = dense(a, order), kernel("tiles").TileSet(a, order)
    n, around = len(nodes), 8 if corners else 4
    if n == 0:
        refuses(k.touched, nodes, corners, np.empty(0, np.uint64), 0, 0)
        return
    wanted = {
        "touched": oracles.with_neighbours(inside, order, around) & ~inside,
        "edges": oracles.with_neighbours_outside(inside, order, around),
    }
    cut = s.integer(0, n)
    for function, right in ((k.touched, wanted["touched"]), (k.edges, wanted["edges"])):
        found = np.zeros(n, np.uint64)
        parts = [call(function, nodes, corners, found, *part) for part in ((0, cut), (cut, n))]
        tile, word = (np.concatenate([part[j] for part in parts]) for j in range(2))
        rows = np.argsort(tile, kind="stable")
        boundaries = call(k.boundaries, nodes, found, tile[rows], word[rows])
        same(boundaries, of_dense(right, order), function.__name__)
        refuses(function, nodes, corners, found, 0, n + 1)
        refuses(function, nodes, corners, np.empty(n + 1, np.uint64), 0, n)
    refuses(k.boundaries, nodes, np.empty(n + 1, np.uint64), tile, word)


# The name of a function of this module stands in the way of the kernel's.
TARGETS["neighbours"] = _neighbours


@target
def components(s: Source, call: Call) -> None:
    k, order, corners = kernel("components"), s.integer(0, 3), s.chance()
    a, seeds = s.boundaries(order, 8), s.boundaries(order, 3)
    nodes = kernel("tiles").TileSet(a, order)
    if not a.size:
        refuses(k.Labelling, nodes, corners)
        return
    inside = dense(a, order)
    groups = oracles.components(inside, order, 8 if corners else 4)
    groups = sorted(groups, key=lambda group: group[0])
    made = k.Labelling(nodes, corners)
    check(made.n_components == len(groups), "components", made.n_components, groups)
    starts, stops, numbers, sizes = call(made.pieces)
    label = np.full(inside.size, -1)
    for i, group in enumerate(groups):
        label[group] = i
    same(sizes, np.array([len(group) for group in groups], np.uint64), "sizes")
    unit = np.uint64(unit_of(order))
    check(np.all(starts < stops) and np.all(stops[:-1] <= starts[1:]), "pieces", starts, stops)
    found = np.full(inside.size, -1)
    for x, y, number in zip((starts // unit).tolist(), (stops // unit).tolist(), numbers.tolist(), strict=True):
        found[x:y] = number
    same(found, label, "the component of each cell")
    held = {int(label[c]) for c in np.flatnonzero(dense(seeds, order) & inside)}
    same(
        call(made.holding, seeds),
        of_dense(np.isin(label, sorted(held)), order) if held else np.empty(0, np.uint64),
        "holding",
    )
    m = len(groups)
    rank = np.roll(np.arange(m), s.byte()).astype(np.uint32)
    offset, boundaries = np.empty(m + 1, np.int64), np.empty(2 * starts.size, np.uint64)
    call(k.group, starts, stops, numbers, rank, offset, boundaries)
    for i, group in enumerate(groups):
        mine = np.zeros(inside.size, bool)
        mine[group] = True
        part = boundaries[2 * offset[rank[i]] : 2 * offset[rank[i] + 1]]
        same(union(zip(part[0::2].tolist(), part[1::2].tolist(), strict=True)), of_dense(mine, order), "a group")
    coarsest = s.integer(0, order)
    sums, farthest = np.empty((m, 3)), np.empty(m)
    call(k.vector_sums, boundaries, offset, order, coarsest, sums)
    centre = np.array([s.vector() for _ in range(m)]).reshape(m, 3)
    call(k.extents, boundaries, offset, order, centre, farthest)
    for i, group in enumerate(groups):
        tree = oracles.multi_order_cells(set(group.tolist()), order)
        right = np.zeros(3)
        for level, cell in tree:
            for part in range(4 ** max(0, coarsest - level)):
                o = max(level, coarsest)
                right += 4 ** (order - o) * cell_centres(o)[cell * 4 ** (o - level) + part]
        same(sums[rank[i]], right, "vector_sums", within=1e-12)
        most = angles(cell_centres(order)[group], centre[rank[i]]).max()
        same(farthest[rank[i]], most, "extents", within=4e-8 if most > 3.14 else 1e-13)
    refuses(made.holding, np.array([1], np.uint64))
    refuses(k.group, starts, stops, numbers, rank, offset[1:].copy(), boundaries)
    refuses(k.vector_sums, boundaries, offset, order, order + 1, sums)
    refuses(k.extents, boundaries, offset, 30, centre, farthest)
    refuses(k.extents, boundaries[:-1].copy(), offset, order, centre, farthest)


@target
def outline(s: Source, call: Call) -> None:
    import healpy

    k, order = kernel("outline"), s.integer(0, 4)
    a = s.boundaries(order, 6)
    inside, index = dense(a, order), index_of(a, order)
    at, side, length, offset, cell = call(k.rings, a, index, order)
    around = neighbours(order, 4)
    sides = int((inside[:, None] & ~np.append(inside, False)[around]).sum())
    check(exact(length) == sides, "the length of all rings", exact(length), sides)
    check(offset[0] == 0 and offset[-1] == at.size and np.all(np.diff(offset) > 0), "offsets of rings", offset)
    held = (cell // np.uint64(unit_of(order))).astype(int)
    check(np.all(inside[held]), "cells that rings belong to are outside", cell)
    area = np.empty(cell.size)
    call(k.areas, at, side, length, offset, order, area)
    pieces = len(oracles.components(inside, order, 4))
    total = area.sum() - 4 * np.pi * (cell.size - pieces)
    same(total, 4 * np.pi * inside.mean(), "areas of rings", within=1e-10 * (1 + cell.size))
    tolerance = s.size(0.1) + 1e-4
    lon, lat, points, edge = call(k.points, at, side, length, offset, order, tolerance)
    check(np.all((lon >= 0) & (lon <= 2 * np.pi) & (np.abs(lat) <= np.pi / 2)), "points", lon, lat)
    check(points.size == cell.size + 1 and points[0] == 0 and points[-1] == lon.size, "offsets of points", points)
    check(np.all(np.diff(points) >= 3), "rings of points", points)
    places = vectors(lon, lat).reshape(-1, 3)
    rows = np.arange(lon.size) if lon.size <= 40 else (np.arange(40) * 7919 + s.at) % lon.size
    near = []
    east = np.cross([0.6, 0.0, 0.8], places[rows])
    north = np.cross(places[rows], east)
    for turn in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        beside = places[rows] + 1e-7 * (np.cos(turn) * east + np.sin(turn) * north)
        near.append(inside[healpy.vec2pix(1 << order, *beside.T, nest=True)])
    some = np.array(near)
    check(np.all(some.any(axis=0) & ~some.all(axis=0)), "points that are not on the outline", lon[rows], lat[rows])
    keep, width = np.empty(lon.size, np.uint8), s.size(0.5)
    fixed = edge if s.chance() else np.zeros_like(edge)
    call(k.simplified, places, points, fixed, width, keep)
    check(np.all(keep <= 1), "marks", keep)
    for r in range(min(cell.size, 4)):
        begin, end = points[r], points[r + 1]
        kept = np.flatnonzero(keep[begin:end])
        if not kept.size:
            continue
        check(np.all(keep[begin:end][fixed[begin:end] != 0]), "points that are fixed, but left out")
        ring = places[begin:end]
        for i, j in list(zip(kept, np.append(kept[1:], kept[0] + len(ring)), strict=True))[:8]:
            between = ring[np.arange(i + 1, j) % len(ring)]
            if len(between):
                check(
                    from_arc(ring[i], ring[j % len(ring)], between).max() <= width + 1e-9,
                    "points far from what is kept",
                )
    refuses(k.points, at, side, length, offset, order, 0.0)
    refuses(k.rings, a, index, 30)
    refuses(k.areas, at, side, length, offset, order, np.empty(cell.size + 1))
    refuses(k.simplified, places, points, fixed, 1.6, keep)
    if at.size:
        refuses(k.rings, a[:-1].copy(), index, order)
        wrong = at.copy()
        wrong[s.integer(0, at.size - 1)] = s.integer(13 << 60, NOWHERE)
        refuses(k.areas, wrong, side, length, offset, order, area)
        refuses(k.points, at, side + np.uint8(4), length, offset, order, tolerance)
    if s.chance(4):
        # The index of another set: no ring may close, or all may.
        with contextlib.suppress(ValueError):
            k.rings(a, index_of(s.boundaries(order, 6), order), order)


@target
def rotate(s: Source, call: Call) -> None:
    import healpy

    k, old_order, order, matrix = kernel("rotate"), s.integer(0, 4), s.integer(0, 3), s.rotation()
    a = s.boundaries(old_order, 6)
    face, index = s.integer(0, 11), index_of(a, old_order)
    if not a.size:
        refuses(k.rotate, index, old_order, matrix, order, face)
        return
    starts, stops = call(k.rotate, index, old_order, matrix, order, face)
    count = referees.dense_ranges(starts, stops, order)
    check(np.all(starts[1:] > stops[:-1]), "ranges of a rotated set ascend", starts, stops)
    cells = np.arange(face << 2 * order, (face + 1) << 2 * order)
    check(count.sum() == count[cells].sum() and count.max() <= 1, "cells of another base cell", starts, stops)
    places, inside, answers = cell_centres(order)[cells] @ matrix.T, dense(a, old_order), []
    for way in np.concatenate([np.eye(3), -np.eye(3), [[1, 1, 1], [-1, 1, -1]]]):
        answers.append(inside[healpy.vec2pix(1 << old_order, *(places + 1e-13 * way).T, nest=True)])
    some, every = np.any(answers, axis=0), np.all(answers, axis=0)
    found = count[cells] > 0
    check(np.all((found == some) | (some != every)), "cells of a rotated set", cells[(found != some) & (some == every)])
    refuses(k.rotate, index, old_order, matrix, 30, face)
    refuses(k.rotate, index, old_order, matrix, order, 12)
    refuses(k.rotate, index, old_order, matrix[:2].copy(), order, face)


@target
def sweep(s: Source, call: Call) -> None:
    k, order = kernel("sweep"), s.integer(0, 3)
    a = s.boundaries(order, 6)
    inside = dense(a, order)
    ring, position = rings_of(order)
    key = ((ring << (order + 3)) | position).astype(np.uint64)
    some = union([(c, c + 1) for c in key[inside].tolist()])
    n_rings = (4 << order) - 1
    first = s.integer(1, n_rings)
    last, angle, done = s.integer(first, n_rings), min(s.size(np.pi), 3.14), np.zeros(1, np.int64)
    found = call(k.southward, some, order, angle, first, last, done)
    check(done[0] == last - first + 1 or not some.size, "rings that are done", done)
    check(np.all(found[1:] > found[:-1]) and found.size % 2 == 0, "runs ascend", found)
    reached = oracles.inside(found, key)
    check(exact(found[1::2]) - exact(found[0::2]) == reached.sum(), "runs hold other numbers than pixels", found)
    check(not np.any(reached & ((ring < first) | (ring > last))), "rings that were not asked for", found)
    centres = cell_centres(order)
    for i in range(min(40, inside.size)):
        cell = (i * 7919 + s.at) % inside.size
        if not first <= ring[cell] <= last:
            continue
        sources = inside & (ring <= ring[cell])
        least = angles(centres[sources], centres[cell]).min() if sources.any() else np.inf
        if abs(least - angle) > 1e-11 + (1e-7 if angle > 3.13 else 0):
            check(reached[cell] == (least < angle), "a pixel within the angle", cell, least, angle)
    refuses(k.southward, some, order, 3.2, first, last, done)
    refuses(k.southward, some, order, angle, 0, last, done)
    refuses(k.southward, some, order, np.nan, first, last, done)
    refuses(k.southward, some, order, angle, first, last, done[1:].copy())


@target
def pixel_areas(s: Source, call: Call) -> None:
    import healpy

    k, order, n, m = kernel("pixel_areas"), s.integer(0, 4), s.integer(1, 2), s.integer(3, 6)
    a = s.boundaries(order, 6)
    inside, corners = dense(a, order), np.empty((n, m, 3))
    for i in range(n):
        place, size = s.vector(), max(s.size(0.7), 1e-7)
        east, north = tangent_axes(place)
        around = 2 * np.pi * (np.arange(m) / m + s.unit())
        if s.chance():
            around = around[::-1]
        flat = 0.05 + s.unit()
        points = place + size * (np.cos(around)[:, None] * east + flat * np.sin(around)[:, None] * north)
        corners[i] = points / np.linalg.norm(points, axis=1)[:, None]
        if s.chance(16):
            corners[i] = corners[i, 0] if s.chance() else -corners[i]
    fraction, rest, has = np.empty(n), np.empty(n), np.empty((n, 2), np.uint8)
    none = np.empty((0, 2), np.uint8)
    call(k.covered, index_of(a, order), corners, fraction, none)
    call(k.covered, index_of(of_dense(~inside, order), order), corners, rest, none)
    call(k.covered, index_of(a, order), corners, np.empty(0), has)
    for i in range(n):
        if fraction[i] == -1 or has[i, 0] == 2:
            check(rest[i] == -1 and np.all(has[i] == 2), "a pixel that is none", fraction[i], rest[i], has[i])
            continue
        check(-1e-3 <= fraction[i] <= 1 + 1e-3, "a fraction", fraction[i])
        same(fraction[i] + rest[i], 1.0, "the fractions of a set and its complement", within=2e-3)
        weights = np.array([[s.unit() + 1e-3 for _ in range(m)] for _ in range(8)])
        points = weights @ corners[i]
        held = inside[healpy.vec2pix(1 << order, *points.T, nest=True)]
        check(has[i, 1] or not held.any(), "cells inside that a pixel meets", fraction[i], has[i])
        check(has[i, 0] or held.all(), "cells outside that a pixel meets", fraction[i], has[i])
        check(has[i, 1] or fraction[i] < 1e-3, "a pixel without cells inside", fraction[i])
        check(has[i, 0] or fraction[i] > 1 - 1e-3, "a pixel without cells outside", fraction[i])
        check(has[i].any() and np.all(has[i] <= 1), "marks", has[i])
        if inside.all() or not inside.any():
            same(fraction[i], float(inside[0]), "all or nothing", within=1e-3)
        if angles(corners[i], corners[i, 0]).max() > 0.3:
            continue
        even = _even_points(corners[i])
        part = inside[healpy.vec2pix(1 << order, *even.T, nest=True)].mean()
        same(fraction[i], part, "the fraction by points", within=0.12)
    odd = corners.copy()
    odd[0, s.integer(0, m - 1), s.integer(0, 2)] = s.pick((np.nan, np.inf, -np.inf, 1e300))
    k.covered(index_of(a, order), odd, fraction, none)
    refuses(k.covered, index_of(a, order), corners, np.empty(n + 1), none)
    refuses(k.covered, index_of(a, order), corners[:, :2].copy(), fraction, none)
    refuses(k.covered, index_of(a, order), corners, np.empty(0), none)


def _even_points(corners: Any) -> Any:
    """Points that are spread over a convex polygon, evenly in its plane."""
    middle, following = corners.mean(axis=0), np.roll(corners, -1, axis=0)
    steps = (np.arange(10) + 0.5) / 10
    down, along = (part.ravel()[:, None, None] for part in np.meshgrid(np.sqrt(steps), steps))
    # Ten by ten points of each triangle of a fan, as often as its area says, one triangle after the other.
    points = middle + down * ((1 - along) * (corners - middle) + along * (following - middle))
    weight = np.repeat(np.linalg.norm(np.cross(corners - middle, following - middle), axis=1), len(points))
    rows = np.searchsorted(np.cumsum(weight) / weight.sum(), (np.arange(300) + 0.5) / 300)
    return points.swapaxes(0, 1).reshape(-1, 3)[np.minimum(rows, weight.size - 1)]


@target
def randoms(s: Source, call: Call) -> None:
    k, order, n = kernel("randoms"), s.order(), s.integer(0, 5)
    a = s.boundaries(order, 8)
    counted_in = MAX_ORDER
    lengths = [y - x for x, y in zip(a[0::2].tolist(), a[1::2].tolist(), strict=True)]
    ends = np.array(np.cumsum(np.array(lengths, object)), np.uint64) if lengths else np.empty(0, np.uint64)
    gaps = a[1::2] - ends
    index = index_of(ends, MAX_ORDER)
    words = np.array(
        [s.pick((0, NOWHERE, 1, 2**63)) if s.chance(3) else s.integer(0, NOWHERE) for _ in range(2 * n)], np.uint64
    )
    lon, lat = np.empty(n), np.empty(n)
    if not lengths:
        refuses(k.positions, index, counted_in, gaps, order, words, lon, lat)
        return
    call(k.positions, index, counted_in, gaps, order, words, lon, lat)
    check(np.all((lon >= 0) & (lon < 360) & (np.abs(lat) <= 90)), "positions", lon, lat)
    total = int(ends[-1])
    for i in range(n):
        u = (int(words[2 * i]) << 64) | int(words[2 * i + 1])
        number = u * total >> 128
        row = int(np.searchsorted(ends, np.uint64(number), side="right"))
        cell = (number + int(gaps[row])) // unit_of(order)
        near = cells_near(math.radians(lon[i]), math.radians(lat[i]), order, within=1e-15)
        check(cell in near, "the cell of a position", cell, near, lon[i], lat[i])
    refuses(k.positions, index, counted_in, gaps[1:].copy(), order, words, lon, lat)
    refuses(k.positions, index, counted_in, gaps, order, np.zeros(2 * n + 1, np.uint64), lon, lat)
    refuses(k.positions, index, counted_in, gaps, 30, words, lon, lat)
    none = index_of(np.zeros(1, np.uint64), MAX_ORDER)
    refuses(k.positions, none, counted_in, gaps[:1].copy(), order, words, lon, lat)
    refuses(k.positions, index, 28, gaps, order, words, lon, lat)
