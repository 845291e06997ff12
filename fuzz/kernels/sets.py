"""Targets of the kernels of sets: boundaries of ranges, words of several sets, and cells of several orders."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import Any

import numpy as np
import oracles

from fuzz.kernels import referees
from fuzz.kernels.draw import END, MAX_ORDER, NOWHERE, Source
from fuzz.kernels.referees import check, is_set, same, unit_of
from fuzz.kernels.target import Call, kernel, refuses, refuses_to_fit, target

# The operations whose value outside both sets is False.
_TRUTHS = (0b1000, 0b1110, 0b0010, 0b0100, 0b0110, 0b1010, 0b1100, 0b0000)
_NONE = np.empty(0, np.uint64)
# Kernels of tools/sanitize.sh end the process if their input is not that of sets.
_CHECKED = "HPMASK_CHECKED_LOG" in os.environ


def exact(values: Any) -> int:
    """The sum of integers, without overflow."""
    return sum(np.asarray(values).tolist())


def amount(boundaries: Any) -> int:
    return exact(boundaries[1::2]) - exact(boundaries[0::2])


def shared(boundaries: Any, start: int, stop: int) -> int:
    """How many numbers from start to stop are in a set."""
    values = boundaries.tolist()
    return sum(max(0, min(b, stop) - max(a, start)) for a, b in zip(values[0::2], values[1::2], strict=True))


def pair(s: Source, order: int, most: int = 16) -> tuple[Any, Any]:
    """Two sets: any two, one within bounds of the other, or the same."""
    a = s.boundaries(order, most)
    kind = s.byte() % 8
    if kind == 7:
        return a, a.copy()
    b = s.boundaries(order, most)
    if kind == 6:
        # Common boundaries.
        b = oracles.combine(a, b, s.pick(_TRUTHS))
    return a, b


def long_set(s: Source, order: int) -> Any:
    """Many ranges in a pattern, for the steps that take several boundaries at once."""
    n, step, begin = 2 * s.integer(1, 200), s.integer(1, 5), s.integer(0, 3000)
    n = min(n, max(0, (12 << 2 * order) - begin) // step // 2 * 2)
    cells = np.uint64(begin) + np.uint64(step) * np.arange(n, dtype=np.uint64)
    return cells * np.uint64(unit_of(order))


@target
def merge(s: Source, call: Call) -> None:
    k, order, truth = kernel("merge"), s.order(), s.pick(_TRUTHS)
    if s.chance(3):
        a, b = long_set(s, order), long_set(s, order)
    else:
        a, b = pair(s, order)
    expected = oracles.combine(a, b, truth)
    out = np.empty(a.size + b.size, np.uint64)
    n = call(k.combine, a, b, truth, out)
    same(out[:n], expected, f"combine {truth:04b}")
    is_set(out[:n], order)
    room, extra = s.integer(0, 2 * (a.size + b.size) + 40), s.integer(0, 2)
    work = np.empty(room, np.uint64)
    marks = np.empty(((a.size + b.size) // k.SEGMENT + 3 + extra, 3), np.int64)
    rows, middle, *kept = call(k.count, a, b, truth, 0, a.size, 0, b.size, work, marks)
    check(0 <= middle <= rows <= len(marks), "rows of marks", rows, middle)
    same(marks[rows - 1], [a.size, b.size, expected.size], "the last mark")
    longer, cut = (0, a.size // 2) if a.size >= b.size else (1, b.size // 2)
    check(marks[middle, longer] == cut, "the mark of the second half", middle, marks[:rows])
    for first, number, half in ((0, kept[0], 0), (middle, kept[1], room // 2)):
        begin, end = marks[first, 2], marks[first + number, 2]
        same(work[half : half + end - begin], expected[begin:end], "what is in the work space")
    result = np.zeros(expected.size, np.uint64)
    call(k.write, a, b, truth, marks[:rows].copy(), 0, rows - 1, result)
    same(result, expected, f"write {truth:04b}")
    if a.size + b.size:
        refuses(k.combine, a, b, truth, np.empty(a.size + b.size - 1, np.uint64))
        refuses(k.count, a, b, truth, 0, a.size + 1, 0, b.size, work, marks)
    refuses(k.write, a, b, truth, marks[:rows].copy(), 0, rows, result)
    if s.chance(4) and not _CHECKED:
        # Whatever is in the arrays, nothing beyond them is read or written.
        mixed = np.array([s.integer(0, NOWHERE) for _ in range(s.byte() % 40)], np.uint64)
        k.combine(mixed, b, truth, np.empty(mixed.size + b.size, np.uint64))
        k.count(mixed, b, truth, 0, mixed.size, 0, b.size, work, np.empty((mixed.size + b.size + 3, 3), np.int64))


@target
def ranges(s: Source, call: Call) -> None:
    k, order = kernel("ranges"), s.order()
    a, b = pair(s, order)
    truth = s.pick(_TRUTHS)
    found = call(k.any_inside, a, b, truth)
    check(bool(found) == bool(oracles.combine(a, b, truth).size), "any_inside", found, a, b, truth)
    check(call(k.total, a) == amount(a), "total")
    starts, stops = s.ranges(order)
    starts.sort()
    stops.sort()
    if starts.size:
        depth = s.integer(1, starts.size)
        out = np.empty(call(k.count_at_least, starts, stops, depth), np.uint64)
        n = call(k.at_least, starts, stops, depth, out)
        same(out[:n], oracles.at_least(starts, stops, depth), f"at_least {depth}")
        check(n == out.size, "count_at_least", n, out.size)
        refuses(k.count_at_least, starts, stops[:-1].copy(), 1)
        refuses(k.count_at_least, starts, stops, 0)
        if out.size:
            refuses(k.at_least, starts, stops, depth, out[:-1].copy())
    # Boundaries with a mistake.
    mixed = np.array([s.integer(0, END + 4) // unit_of(order) * unit_of(order) for _ in range(s.byte() % 6)], np.uint64)
    for some in (a, mixed, np.concatenate([a, mixed])):
        fault = call(k.first_fault, some, unit_of(order), END)
        check(fault == oracles.first_fault(some.tolist(), unit_of(order), END), "first_fault", fault, some)
    coarser = s.integer(0, order)
    shift, size = 2 * (MAX_ORDER - coarser), unit_of(coarser)
    edges = a.tolist()
    touched = [(x // size * size, -(-y // size) * size) for x, y in zip(edges[0::2], edges[1::2], strict=True)]
    out = np.empty(a.size, np.uint64)
    n = call(k.widen, a, shift, out)
    same(out[:n], union(touched), "widen")
    least = min(s.integer(0, size - 1), size - 1) if s.chance() else (0, size - 1)[s.byte() & 1]
    cells = {c for x, y in touched for c in (x, y - size)}
    counted = [(c, c + size) for c in cells if shared(a, c, c + size) > least]
    counted += [(x + size, y - size) for x, y in touched if y - x > 2 * size]
    out = np.empty(a.size, np.uint64)
    n = call(k.covered, a, shift, least, out)
    same(out[:n], union(counted), f"covered, more than {least} of {size}")
    if shift >= 2:
        centres = [c for c in cells if shared(a, c + 3 * size // 4, c + 3 * size // 4 + 1)]
        counted = [(c, c + size) for c in centres]
        counted += [(x + size, y - size) for x, y in touched if y - x > 2 * size]
        out = np.empty(a.size, np.uint64)
        n = call(k.centres, a, shift, out)
        same(out[:n], union(counted), "centres")
    n = call(k.count_cells, a, 2 * (MAX_ORDER - order))
    number, orders = np.empty(n, np.uint64), np.empty(n, np.uint8)
    check(call(k.fill_cells, a, 2 * (MAX_ORDER - order), number, orders) == n, "cells that were written")
    check(np.all(orders <= order), "cells finer than the set", orders)
    places = [(c * unit_of(o), (c + 1) * unit_of(o)) for c, o in zip(number.tolist(), orders.tolist(), strict=True)]
    check(places == sorted(places), "cells in ascending places", places)
    check(sum(y - x for x, y in places) == amount(a), "cells overlap", places)
    same(union(places), a, "fill_cells")
    same(len(set(places)), least_cells(edges, order), "the fewest cells")
    if a.size:
        odd = a[:-1].copy()
        for function in (k.widen, k.centres):
            refuses(function, odd, shift, np.empty(odd.size, np.uint64))
            refuses(function, a, shift, np.empty(a.size - 1, np.uint64))
            refuses(function, a, 59, np.empty(a.size, np.uint64))
        refuses(k.covered, a, shift, size, np.empty(a.size, np.uint64))
        refuses(k.total, odd)


def union(pairs: Any) -> Any:
    """Boundaries of the union of pairs."""
    made: list[int] = []
    for start, stop in sorted(pairs):
        if made and start <= made[-1]:
            made[-1] = max(made[-1], stop)
        elif start < stop:
            made += [start, stop]
    return np.array(made, np.uint64)


def least_cells(edges: list[int], order: int) -> int:
    """The number of cells of several orders in ranges."""
    count = 0
    for start, stop in zip(edges[0::2], edges[1::2], strict=True):
        low, high = start // unit_of(order), stop // unit_of(order)
        for level in range(order, -1, -1):
            if level == 0:
                count += high - low
                break
            first, last = -(-low // 4), high // 4
            if first > last:
                count += high - low
                break
            count += 4 * first - low + high - 4 * last
            low, high = first, last
    return count


@target
def depth(s: Source, call: Call) -> None:
    k, order = kernel("depth"), s.order()
    made = []
    for _ in range(2):
        starts, stops = s.ranges(order)
        starts.sort()
        stops.sort()
        points = oracles.distinct(np.concatenate([starts, stops]))
        cover = [int(np.sum(starts <= p) - np.sum(stops <= p)) for p in points]
        expected = steps(points.tolist(), cover)
        made.append(coverage(lambda *out, a=starts, b=stops: call(k.levels, a, b, *out), expected, s))
    (a, count_a), (b, count_b) = made
    points = oracles.distinct(np.concatenate([a, b]))
    cover = [at(a, count_a, p) + at(b, count_b, p) for p in points.tolist()]
    coverage(lambda *out: call(k.added, a, count_a, b, count_b, *out), steps(points.tolist(), cover), s)
    if a.size:
        refuses(k.added, a[:-1].copy(), count_a, b, count_b, _NONE, np.empty(0, np.int32))
        refuses(k.levels, a[0::2].copy(), a[2::2].copy(), _NONE, np.empty(0, np.int32))
    refuses(k.levels, a[0::2].copy(), a[1::2].copy(), np.empty(1, np.uint64), np.empty(0, np.int32))
    if s.chance(4) and count_a.size:
        large = np.full_like(count_a, 2**31 - 1)
        try:
            k.added(a, large, a, large, np.empty(a.size, np.uint64), np.empty(count_a.size, np.int32))
        except OverflowError:
            return
        raise AssertionError("counts above 2**31 - 1 were added")


def at(boundaries: Any, counts: Any, place: int) -> int:
    """The count of a coverage at a place."""
    i = int(np.searchsorted(boundaries, np.uint64(place), side="right"))
    return int(counts[i // 2]) if i % 2 else 0


def steps(points: list[int], cover: list[int]) -> list[tuple[int, int, int]]:
    """Ranges of one positive count: start, stop, count."""
    made: list[tuple[int, int, int]] = []
    for start, stop, count in zip(points, points[1:] + points[:1], cover, strict=True):
        if count and made and made[-1][1:] == (start, count):
            made[-1] = (made[-1][0], stop, count)
        elif count:
            made.append((start, stop, count))
    return made


def coverage(function: Any, expected: list[tuple[int, int, int]], s: Source) -> tuple[Any, Any]:
    """A coverage that a kernel writes to arrays with too little room, and with enough of it."""
    little = s.integer(0, len(expected))
    n = function(np.empty(2 * little, np.uint64), np.empty(little, np.int32))
    check(n == len(expected), "ranges that were counted", n, expected)
    boundaries, counts = np.empty(2 * n, np.uint64), np.empty(n, np.int32)
    check(function(boundaries, counts) == n, "ranges that were written")
    same(boundaries[0::2], np.array([e[0] for e in expected], np.uint64), "starts")
    same(boundaries[1::2], np.array([e[1] for e in expected], np.uint64), "stops")
    same(counts, np.array([e[2] for e in expected], np.int32), "counts")
    return boundaries, counts


@target
def pieces(s: Source, call: Call) -> None:
    k, order = kernel("pieces"), s.order()
    made, expected = k.Pieces(), _NONE
    for _ in range(s.integer(1, 5)):
        a = s.boundaries(order, 6)
        if a.size and (not expected.size or a[0] >= expected[-1]) and s.chance():
            made.append(a)
        elif s.chance(5) and a.size and expected.size and a[0] < expected[-1]:
            refuses(made.append, a)
            continue
        else:
            made.unite(a)
        expected = oracles.combine(expected, a, 0b1110)
    same(call(made.take), expected, "pieces")
    check(made.take().size == 0, "pieces were taken twice")
    made.unite(expected)
    same(call(made.take), expected, "pieces after they were taken")
    refuses(made.append, np.array([4], np.uint64))
    refuses(made.unite, np.array([4], np.uint64))


@target
def index(s: Source, call: Call) -> None:
    k, order = kernel("index"), s.order()
    counted_in = s.integer(order, MAX_ORDER)
    unit, end = 1 << 2 * (counted_in - order), 12 << 2 * counted_in
    a = np.array([b // unit_of(order) * unit for b in s.boundaries(order).tolist()], np.uint64)
    if a.size and s.chance(3):
        a = a[:-1].copy()
    made = k.Index(a, order, counted_in=counted_in)
    buckets = np.arange(made.entries.size, dtype=object) << made.shift
    expected = [int(np.sum(a <= b)) if b < 2**64 else a.size for b in buckets]
    same(made.entries, np.array(expected, np.uint32), "entries")
    check(made.entries.size == 1 - (-end >> made.shift), "buckets", made.entries.size, made.shift)
    number = np.array(
        [
            *(
                v // unit_of(order) * unit
                for v in s.numbers(order, 6, a // np.uint64(unit) * np.uint64(unit_of(order))).tolist()
            ),
            NOWHERE,
        ],
        np.uint64,
    )
    number[:-1] = np.minimum(number[:-1] + np.uint64(s.byte() % unit if unit < 256 else s.byte()), np.uint64(end - 1))
    out = np.empty(number.size, np.uint8)
    call(made.inside, number, out)
    right = oracles.inside(a, number)
    right[-1] = False
    same(out, right, "inside")
    refuses(made.inside, number, np.empty(number.size - 1, np.uint8))
    refuses(k.Index, a, counted_in + 1, counted_in=counted_in)
    refuses(k.Index, a, order, counted_in=counted_in, words=np.empty(a.size, np.uint64))


@target
def words(s: Source, call: Call) -> None:
    k = kernel("words")
    values = np.array([s.integer(0, NOWHERE) for _ in range(s.byte() % 20)], np.uint64)
    found = call(k.total, values)
    check(found == sum((v >> 32) + (v & 0xFFFFFFFF) for v in values.tolist()), "total", found, values)
    out = np.empty(values.size, np.uint64)
    call(k.write, values, out)
    check(out.tobytes() == values.astype(">u8").tobytes(), "bytes", out, values)
    refuses(k.write, values, np.empty(values.size + 1, np.uint64))


@target
def uniq(s: Source, call: Call) -> None:
    k, order = kernel("uniq"), s.order()
    a = s.boundaries(order, 6)
    cells = []
    for start, stop in zip(a[0::2].tolist(), a[1::2].tolist(), strict=True):
        while start < stop:
            level = next(o for o in range(order + 1) if start % unit_of(o) == 0 and start + unit_of(o) <= stop)
            cells.append((level, start // unit_of(level)))
            start += unit_of(level)
    cells = cells[:60]
    for _ in range(s.byte() % 3):
        # Cells that may lie on others.
        level = s.integer(0, order)
        cells.append((level, s.integer(0, (12 << 2 * level) - 1)))
    numbers = sorted({(4 << 2 * o) + c for o, c in cells})
    given = np.array(numbers, np.uint64)
    if s.chance(4):
        given = np.append(given, np.uint64(s.integer(0, NOWHERE)))
        numbers = given.tolist()
    levels = [(v.bit_length() - 1) // 2 - 1 if 4 <= v < 16 << 58 else None for v in numbers]
    bad = levels.index(None) if None in levels else -1
    out = np.zeros(given.size, np.uint8)
    found, ascending = call(k.orders, given, out)
    check(found == bad, "the first that is no UNIQ number", found, bad, given)
    if bad < 0:
        same(out, np.array(levels, np.uint8), "orders")
        check(bool(ascending) == all(x < y for x, y in itertools.pairwise(numbers)), "ascending", given)
    refuses(k.orders, given, np.empty(given.size + 1, np.uint8))
    if bad >= 0 or not ascending:
        return
    orders = sorted(set(levels))
    firsts = np.array([levels.index(o) for o in orders], np.int64)
    ends = np.array([*firsts[1:], len(numbers)], np.int64)[: firsts.size]
    run_orders = np.array(orders, np.uint8)
    place = [((v - (4 << 2 * o)) * unit_of(o), unit_of(o)) for v, o in zip(numbers, levels, strict=True)]
    rows = sorted(range(len(numbers)), key=lambda i: (place[i][0], place[i][1]))
    clash = any(sum(place[i]) > place[j][0] for i, j in itertools.pairwise(rows))
    written = np.zeros(len(numbers), np.int64)
    last, other = call(k.nested, given, firsts, ends, run_orders, written)
    _check_clash(place, last, other, clash)
    if not clash:
        same(written, rows, "rows")
    chosen = np.array([s.byte() & 1 for _ in numbers], np.uint8)
    expected = union([(place[i][0], sum(place[i])) for i in range(len(numbers)) if chosen[i]])
    out = np.zeros(2 * len(numbers), np.uint64)
    count, first, second = call(k.boundaries, given, firsts, ends, run_orders, chosen, out)
    check((count < 0) == clash, "cells that overlap", count, first, second)
    _check_clash(place, first, second, clash)
    if not clash:
        same(out[:count], expected, "boundaries of cells")
        if expected.size:
            refuses_to_fit(
                k.boundaries, given, firsts, ends, run_orders, chosen, np.zeros(expected.size - 1, np.uint64)
            )
    if len(numbers):
        refuses(k.nested, given, firsts, ends + len(numbers), run_orders, written)
        refuses(k.nested, given, firsts, ends, run_orders, written[:-1].copy())


def _check_clash(place: list[tuple[int, int]], first: int, second: int, clash: bool) -> None:
    """AssertionError unless two rows are those of cells that overlap, or -1 where there are none."""
    if not clash:
        check((first, second) == (-1, -1), "rows that do not overlap", first, second)
        return
    check(min(first, second) >= 0 and max(first, second) < len(place) and first != second, "rows", first, second)
    x, y = place[first], place[second]
    check(x[0] < sum(y) and y[0] < sum(x), "rows that overlap", first, second)


@target
def sorting(s: Source, call: Call) -> None:
    k, n = kernel("sorting"), s.integer(0, 300)
    values, base = [], 0
    for _ in range(n):
        b = s.byte() if s.at < len(s.data) else len(values) % 7
        base = base + b if b < 200 else max(0, base - 37 * (b - 199)) if b < 240 else base
        values.append(base)
    given = np.array(values, np.uint64)
    room = s.integer(0, n + 2)
    moved, aside = given.copy(), np.zeros(room, np.uint64)
    count = call(k.part, moved, aside)
    check(-1 <= count <= min(room, n), "how many were set aside", count, room)
    if count < 0:
        same(np.sort(moved), np.sort(given), "numbers after there was too little room")
        return
    kept = moved[: n - count]
    check(np.all(kept[1:] >= kept[:-1]), "what was kept ascends", kept)
    same(np.sort(np.concatenate([kept, aside[:count]])), np.sort(given), "numbers that were parted")
    rest = np.sort(aside[:count])
    call(k.join, moved, rest)
    same(moved, np.sort(given), "numbers that were joined")
    refuses(k.join, moved, np.zeros(n + 1, np.uint64))
    least, most = min(values, default=0), max(values, default=0)
    shift = max((most - least).bit_length() - s.integer(0, 8), 0)
    stops = np.zeros(((most - least) >> shift) + 1, np.int64)
    grouped = given.copy()
    call(k.distribute, grouped, least, shift, stops)
    groups = (given - np.uint64(least)) >> np.uint64(shift)
    same(stops, np.cumsum(np.bincount(groups.astype(np.int64), minlength=stops.size)), "ends of the groups")
    same((grouped - np.uint64(least)) >> np.uint64(shift), np.sort(groups), "groups")
    same(np.sort(grouped), np.sort(given), "numbers that were distributed")
    if n and stops.size > 1:
        refuses_to_fit(k.distribute, grouped, least, shift, stops[:-1])


@target
def flags(s: Source, call: Call) -> None:
    k, order = kernel("flags"), s.order()
    sets = [s.boundaries(order, 6, end=END) for _ in range(s.integer(1, 4))]
    place, word, start = _NONE, np.empty(0, np.uint64), 0
    for bit, a in enumerate(sets):
        some = np.array([(1 << bit) if i % 2 == 0 else 0 for i in range(a.size)], np.uint64)
        both, both_words = np.empty(place.size + a.size, np.uint64), np.empty(place.size + a.size, np.uint64)
        n = call(k.merge, place, word, start, a, some, 0, both, both_words)
        points = oracles.distinct(np.concatenate([place, a]))
        same(both[:n], points, "places")
        right = sum(oracles.inside(b, points).astype(np.uint64) << np.uint64(j) for j, b in enumerate(sets[: bit + 1]))
        same(both_words[:n], right, "words")
        refuses(
            k.merge, place, word, start, a, some, 0, both, np.empty(max(0, both.size - 1), np.uint64)
        ) if both.size else None
        place, word = both[:n].copy(), both_words[:n].copy()
    n_bits = s.integer(len(sets), 40)
    most = min(4 + 2 * order, 10)
    top = s.integer(0, most)
    if n_bits + 4 + 2 * order - top > 64:
        refuses(k.WordIndex, place.size, order, n_bits, top)
        n_bits = max(len(sets), 64 - 4 - 2 * order + top)
        if n_bits + 4 + 2 * order - top > 64:
            return
    room = place.size + s.byte() % 3
    made = k.WordIndex(room, order, n_bits, top)
    n_blocks, done, at_place = -(-END // (1 << made.top_shift)), 0, 0
    while done < n_blocks:
        stop = s.integer(done + 1, n_blocks)
        last = int(np.searchsorted(place, np.uint64(min(stop << made.top_shift, END))))
        last = place.size if stop == n_blocks else last
        part, part_words = place[at_place:last].copy(), word[at_place:last].copy()
        if part.size and part[0] < END and s.chance(4):
            refuses(made.append, part, part_words, done)
        made.append(part, part_words, stop)
        done, at_place = stop, last
    made.close()
    refuses(made.close)
    refuses(made.append, _NONE, _NONE, n_blocks)
    number = np.append(s.numbers(order, 8, place), np.uint64(NOWHERE))
    kind = (
        np.uint8
        if n_bits <= 8 and s.chance()
        else np.uint16
        if n_bits <= 16
        else np.uint32
        if n_bits <= 32
        else np.uint64
    )
    out = np.empty(number.size, kind)
    call(made.at, number, out)
    right = sum(oracles.inside(b, number).astype(kind) << kind(j) for j, b in enumerate(sets))
    right[-1] = 0
    same(out, right, "words of numbers")
    refuses(made.at, number, np.empty(number.size - 1, kind))
    if n_bits > 8:
        refuses(made.at, number, np.empty(number.size, np.uint8))


@target
def sparse_blocks(s: Source, call: Call) -> None:
    k = kernel("sparse_blocks")
    n, first = s.integer(0, 40), 8 * s.integer(0, 1 << 20)
    edges, at_cell = [], max(0, first - 20)
    for _ in range(2 * (s.byte() % 8)):
        at_cell += 1 + (s.byte() if not s.chance(5) else s.integer(0, 5000))
        edges.append(at_cell)
    a, cells = np.array(edges, np.uint64), np.arange(first, first + 8 * n, dtype=np.uint64)
    inside = oracles.inside(a, cells)
    bits = np.zeros(n, np.uint8)
    call(k.fill_bits, a, first, bits)
    same(bits, np.packbits(inside, bitorder="little"), "fill_bits")
    wide = np.zeros((8 * n, 2), np.uint8)
    call(k.fill_values, a, first, 5, wide[:, 1])
    same(wide[:, 1], 5 * inside, "fill_values")
    check(not wide[:, 0].any(), "bytes of others", wide[:, 0])
    changes = first + np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8)])))
    same(call(k.crossings_of_bits, bits, first), changes.astype(np.uint64), "crossings_of_bits")
    _rice(s, call, k)


def _rice(s: Source, call: Call, k: Any) -> None:
    """Codes of values, and any bytes."""
    size, block, n = s.pick((1, 2, 4)), s.integer(1, 40), s.integer(1, 60)
    values = []
    for _ in range(n):
        b = s.byte()
        last = values[-1] if values else 0
        step = 0 if b < 100 else b - 150 if b < 200 else s.integer(0, 256**size - 1)
        values.append((last + step) % 256**size)
    data = np.frombuffer(bytes(rice_code(values, size, block, s.byte())), np.uint8).copy()
    rice, found = k.Rice(data, size, block), []
    while len(found) < n:
        part = np.empty(min(s.integer(1, 20), n - len(found)), f"u{size}")
        call(rice.decode, part)
        found += part.tolist()
    same(found, values, "Rice")
    with contextlib.suppress(ValueError):
        k.Rice(data[: s.integer(0, len(data) - 1)].copy(), size, block).decode(np.empty(n, f"u{size}"))
    any_bytes = np.array([s.byte() for _ in range(s.byte() % 30)], np.uint8)
    with contextlib.suppress(ValueError):
        k.Rice(any_bytes, size, block).decode(np.empty(n, f"u{size}"))
    refuses(k.Rice, data, 3, block)
    refuses(k.Rice, data, size, 0)
    refuses(rice.decode, np.empty(1, "u2" if size == 4 else "u4"))


def rice_code(values: list[int], size: int, block: int, choice: int) -> list[int]:
    """The Rice codes of a tile (FITS standard 4.0, section 10.4.1), with any of the splits that are possible."""
    width, code_bits = 8 * size, {1: 3, 2: 4, 4: 5}[size]
    most, text, last = {1: 6, 2: 14, 4: 25}[size], format(values[0], f"0{width}b"), values[0]
    for begin in range(0, len(values), block):
        folded = []
        for value in values[begin : begin + block]:
            step = (value - last + (1 << width - 1)) % (1 << width) - (1 << width - 1)
            folded.append(2 * step if step >= 0 else -2 * step - 1)
            last = value
        split = choice % most
        if not any(folded) and choice & 1:
            text += "0" * code_bits
        elif max(folded) >> split > 200:
            text += format(most + 1, f"0{code_bits}b") + "".join(format(f, f"0{width}b") for f in folded)
        else:
            text += format(split + 1, f"0{code_bits}b")
            for f in folded:
                text += "0" * (f >> split) + "1" + (format(f % (1 << split), f"0{split}b") if split else "")
    text += "0" * (-len(text) % 8)
    return [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]


@target
def tiles(s: Source, call: Call) -> None:
    k, order = kernel("tiles"), s.order()
    a = s.boundaries(order, 8)
    made = k.TileSet(a, order)
    bits = min(order, 3)
    top = order - bits
    covered = []
    for start, level, word in zip(*(part.tolist() for part in call(nodes_of, made)), strict=True):
        check(start % 4**level == 0 and level <= top, "a node's place", start, level)
        full = 2 ** (4**bits) - 1
        check(word == full if level else 0 < word <= full, "a node's word", start, level, word)
        tile = start * unit_of(top)
        if word == full:
            covered.append((tile, tile + 4**level * unit_of(top)))
            continue
        covered += [
            (tile + b * unit_of(order), tile + (b + 1) * unit_of(order)) for b in range(4**bits) if word >> b & 1
        ]
    check(covered == sorted(covered), "nodes ascend", covered)
    check(sum(y - x for x, y in covered) == amount(a), "nodes overlap", covered)
    same(union(covered), a, "nodes")
    check(len(made) == made.starts.size and made.order == order, "length")
    if a.size:
        refuses(k.TileSet, a[:-1].copy(), order)
    refuses(k.TileSet, a, 30)


def nodes_of(made: Any) -> tuple[Any, Any, Any]:
    """The nodes of a TileSet: first tiles, levels and words."""
    return made.starts.copy(), made.levels.copy(), made.words.copy()


@target
def runs(s: Source, call: Call) -> None:
    k, order = kernel("runs"), s.integer(0, 4)
    a = s.boundaries(order, 10)
    inside = referees.dense(a, order)
    ring, position = rings_of(order)
    # One number for each pixel, so that runs are ranges of these.
    key = (ring << (order + 3)) | position
    starts, stops = call(k.from_ranges, a, order)
    check(k.count_rows(a, order) <= 4 * max(1, inside.sum()), "rows")
    check(np.all(starts < stops), "runs are empty", starts, stops)
    order_of = np.argsort(starts, kind="stable")
    some = union(zip(starts[order_of].tolist(), stops[order_of].tolist(), strict=True))
    check(exact(stops) - exact(starts) == inside.sum(), "pieces of runs overlap", starts, stops)
    same(oracles.inside(some, key.astype(np.uint64)), inside, "runs")
    check(amount(some) == inside.sum(), "runs hold other numbers than pixels", some)
    mirrored = np.empty_like(some)
    call(k.mirror, some, order, mirrored)
    opposite = ((4 << order) - ring) << (order + 3) | position
    check(np.all(mirrored[1:] >= mirrored[:-1]), "mirrored runs ascend", mirrored)
    same(oracles.inside(mirrored, opposite.astype(np.uint64)), inside, "mirrored runs")
    first = s.integer(0, 11)
    last = s.integer(first, 11)
    back = call(k.to_ranges, some, order, first, last)
    check(len(back) == last - first + 1, "base cells", len(back))
    total = np.zeros_like(inside)
    for face, parts in zip(range(first, last + 1), back, strict=True):
        for part in parts:
            is_set(part, order, "cells of runs")
            here = referees.dense(part, order)
            check(np.flatnonzero(here) >> 2 * order == face, "cells of another base cell", part)
            total |= here
    face = np.arange(inside.size) >> 2 * order
    same(total, inside & (face >= first) & (face <= last), "cells of runs")
    around_starts, around_stops = call(k.fringe, some, order)
    check(np.all(around_starts < around_stops), "empty runs of a fringe", around_starts, around_stops)
    pixels = key.astype(np.uint64)
    begun = np.searchsorted(np.sort(around_starts), pixels, side="right")
    grown = begun > np.searchsorted(np.sort(around_stops), pixels, side="right")
    wanted = oracles.with_neighbours(inside, order) & ~inside
    check(np.all(grown[wanted]), "neighbours that the fringe lacks", np.flatnonzero(wanted & ~grown))
    check(not a.size or around_starts.size, "a fringe")
    refuses(k.from_ranges, a, 30)
    refuses(k.mirror, some, order, np.empty(some.size + 1, np.uint64))
    refuses(k.to_ranges, some, order, last, first) if first < last else refuses(k.to_ranges, some, order, 0, 12)


def rings_of(order: int) -> tuple[Any, Any]:
    """The ring and the position in it of each cell."""
    if order not in _RINGS:
        _RINGS[order] = referees.places_in_rings(referees.ring_numbers(order), order)
    return _RINGS[order]


_RINGS: dict[int, tuple[Any, Any]] = {}
