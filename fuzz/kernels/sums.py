"""Targets of the kernels that sum over the cells of sets: fractions, values of cells, and areas in shapes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fuzz.kernels.draw import END, MAX_ORDER, Source
from fuzz.kernels.referees import check, same, unit_of
from fuzz.kernels.sets import amount, shared, union
from fuzz.kernels.target import Call, kernel, refuses, refuses_to_fit, target

_NONE = np.empty(0, np.uint64)


@target
def fractions(s: Source, call: Call) -> None:
    k, order = kernel("fractions"), s.order()
    a = s.boundaries(order, 8)
    coarser = s.integer(max(0, order - 4), min(order + 1, MAX_ORDER))
    shift, size = 2 * (MAX_ORDER - coarser), unit_of(coarser)
    edges = a.tolist()
    n = sum(-(-y // size) - x // size for x, y in zip(edges[0::2], edges[1::2], strict=True))
    found = call(k.touched, a, shift)
    runs = union([(x // size * size, -(-y // size) * size) for x, y in zip(edges[0::2], edges[1::2], strict=True)])
    check(found == amount(runs) // size, "touched", found)
    if n > 3000:
        return
    counts = np.array([s.byte() for _ in range(a.size // 2)], np.int32) if s.chance() else np.empty(0, np.int32)
    unit = min(shift, 2 * (MAX_ORDER - order))
    expected: dict[int, float] = {}
    for i, (x, y) in enumerate(zip(edges[0::2], edges[1::2], strict=True)):
        weight = int(counts[i]) if counts.size else 1
        for cell in range(x // size, -(-y // size)):
            part = min(y, (cell + 1) * size) - max(x, cell * size)
            expected[cell] = expected.get(cell, 0) + weight * part
    cells, out = np.empty(found, np.uint64), np.empty(found)
    check(call(k.sums, a, counts, shift, unit, cells, out) == found, "cells that were written")
    same(cells, np.array(sorted(expected), np.uint64), "cells")
    right = np.array([expected[c] for c in sorted(expected)], object)
    same(out, np.array([v / size for v in right], float), "parts", within=1e-12 * 256 * max(1, a.size))
    if found:
        refuses_to_fit(k.sums, a, counts, shift, unit, cells[:-1].copy(), out[:-1].copy())
        refuses(k.sums, a, counts, shift, unit, cells, out[:-1].copy())
        refuses(k.sums, a, np.zeros(a.size // 2 + 1, np.int32), shift, unit, cells, out)
        refuses(k.touched, a[:-1].copy(), shift)
    refuses(k.sums, a, counts, shift, shift + 1, cells, out)


@target
def cell_sums(s: Source, call: Call) -> None:
    k, order = kernel("cell_sums"), s.integer(0, MAX_ORDER)
    a, density = s.boundaries(order, 8), s.chance()
    first, style, n = 0, s.byte() % 3, s.byte() % 24
    cells, orders = _NONE, np.empty(0, np.uint8)
    if style == 0:
        first = s.integer(0, (12 << 2 * order) - 1)
        n = min(n, (12 << 2 * order) - first)
        places = [(order, first + i) for i in range(n)]
    elif style == 1:
        some = sorted({int(v) // unit_of(order) for v in s.numbers(order, n, a)})
        places, cells = [(order, c) for c in some], np.array(some, np.uint64)
    else:
        places = mixed_cells(s, order, n)
        cells, orders = np.array([c for _, c in places], np.uint64), np.array([o for o, _ in places], np.uint8)
    n = len(places)
    values = np.array(
        [s.pick((1.0, -2.5, 1e16, 1.0, np.nan, np.inf, 1e-30)) if s.chance(4) else float(s.byte()) for _ in range(n)]
    )
    total, missing, row = call(k.inside, values, cells, orders, order, first, density, a)
    nan, exact_total, infinite, size = [], 0, 0.0, 0.0
    for i, (o, c) in enumerate(places):
        part = shared(a, c * unit_of(o), (c + 1) * unit_of(o))
        if part == 0:
            continue
        if np.isnan(values[i]):
            nan.append(i)
        elif np.isinf(values[i]):
            infinite += values[i]
        else:
            term = Fraction(values[i]) * Fraction(part, unit_of(o)) / (4**o if density else 1)
            exact_total += term
            size += float(abs(term))
    check((missing, row) == (len(nan), nan[0] if nan else -1), "NaN", missing, row, nan)
    right = infinite or float(exact_total)
    same(total, right, "sum", within=1e-15 * size if np.isfinite(right) else 0)
    refuses(k.inside, values, np.zeros(n + 1, np.uint64), orders, order, first, density, a)
    refuses(k.inside, values, cells, orders, 30, first, density, a)


def mixed_cells(s: Source, order: int, n: int) -> list[tuple[int, int]]:
    """Ascending cells of several orders that do not overlap: (order, number)."""
    found, end = [], 0
    for place in sorted(s.numbers(order, n).tolist()):
        level = s.integer(max(0, order - 3), order)
        start = place // unit_of(level) * unit_of(level)
        if start >= end:
            found.append((level, start // unit_of(level)))
            end = start + unit_of(level)
    return found


@target
def shape_sums(s: Source, call: Call) -> None:
    k, order = kernel("shape_sums"), s.order()
    a, n_shapes = s.boundaries(order, 8), s.integer(1, 4)
    index = kernel("index").Index(a, order)
    before = np.array(np.concatenate([[0], np.cumsum([int(x) for x in (a[1::2] - a[0::2]).tolist()])]), np.uint64)
    starts, stops = s.ranges(order, 6)
    owner = np.array([s.byte() % n_shapes for _ in range(starts.size)], np.int64)
    out, expected = np.zeros(n_shapes, np.uint64), [0] * n_shapes
    call(k.shared, index, before, starts, stops, owner, out)
    for x, y, shape in zip(starts.tolist(), stops.tolist(), owner.tolist(), strict=True):
        expected[shape] += shared(a, x, y)
    same(out, np.array(expected, np.uint64), "shared")
    points = a[: max(0, a.size - s.byte() % 2)].copy()
    values = np.array(
        [s.pick((1.0, -1.0, 1e10, 0.5)) if s.chance(3) else float(s.byte()) for _ in range(max(0, points.size - 1))]
    )
    high, low = np.empty(values.size + 1), np.empty(values.size + 1)
    call(k.prefix, values, high, low)
    running, size = Fraction(0), float(np.abs(values).sum())
    for i in range(values.size + 1):
        check(abs(float(Fraction(high[i]) + Fraction(low[i]) - running)) <= 1e-28 * size, "prefix", i, high[i], low[i])
        running += Fraction(values[i]) if i < values.size else 0
    total, rest = np.zeros(n_shapes), np.zeros(n_shapes)
    if values.size:
        call(k.sums, kernel("index").Index(points, order), values, high, low, starts, stops, owner, total, rest)
        sums = [Fraction(0)] * n_shapes
        edges = points.tolist()
        for x, y, shape in zip(starts.tolist(), stops.tolist(), owner.tolist(), strict=True):
            for i, value in enumerate(values.tolist()):
                part = max(0, min(y, edges[i + 1]) - max(x, edges[i]))
                sums[shape] += Fraction(value) * Fraction(part, edges[i + 1] - edges[i])
        same(total + rest, [float(v) for v in sums], "sums", within=1e-14 * size * max(1, starts.size))
        refuses(k.sums, index, values[1:].copy(), high, low, starts, stops, owner, total, rest)
    if starts.size:
        refuses(k.shared, index, before, starts, stops, owner + n_shapes, out)
        refuses(k.shared, index, before, starts, stops[:-1].copy(), owner, out)
        refuses(k.shared, index, before, starts, np.full(starts.size, END + 1, np.uint64), owner, out)
    refuses(k.shared, index, np.append(before, before[-1]), starts, stops, owner, out)
    refuses(k.prefix, values, high[1:].copy(), low)
