"""Random sets of cells of any order with their bitmaps: one bit for each of some intervals of the NESTED curve.

The sets of a case share the points between the intervals. The sky is thus a bitmap of a few bits at any order, and the
result of an operation on sets is that of the same operation on bitmaps, with integers only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpmask import RangeSet
from hpmask.core.rangeset import trusted

MAX_ORDER = 29
END = 12 << (2 * MAX_ORDER)


class Cases(NamedTuple):
    """Cases of some sets each."""

    points: NDArray[np.uint64]
    """Ends of the intervals, shape (n, n_intervals + 1), from 0 to END. Intervals may be empty."""
    orders: NDArray[np.int64]
    """Orders of the sets, shape (n, n_sets)."""
    bits: NDArray[np.bool_]
    """Which intervals each set holds, shape (n, n_sets, n_intervals)."""

    def sets(self, k: int) -> list[RangeSet]:
        """The sets of a case."""
        return sets_of(self.bits[k], self.points[k], self.orders[k].tolist())

    def text(self, k: int) -> str:
        """A case as code."""
        return "; ".join(f"RangeSet({one.ranges.tolist()}, {one.order})" for one in self.sets(k))


def sets_of(bits: NDArray[np.bool_], points: NDArray[np.uint64], orders: list[int]) -> list[RangeSet]:
    """Sets of bitmaps on the same points."""
    flat, sizes = boundaries_of(bits, np.broadcast_to(points, (len(bits), points.size)))
    ends = sizes.cumsum().tolist()
    return [trusted(flat[a:b].copy(), order) for a, b, order in zip([0, *ends], ends, orders, strict=False)]


def boundaries_of(bits: NDArray[np.bool_], points: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Boundaries of bitmaps, shape (n, n_intervals), one after the other, and how many each has."""
    bits = _held(bits, points[:, 1:] > points[:, :-1])
    none = np.zeros((len(bits), 1), dtype=bool)
    changes = np.diff(np.concatenate([none, bits, none], axis=1).astype(np.int8), axis=1) != 0
    return points[changes], changes.sum(axis=1)


def _held(bits: NDArray[np.bool_], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bitmaps whose value changes only at intervals that are `free`: the others have the value before them."""
    n, m = bits.shape
    source = np.maximum.accumulate(np.where(free, np.arange(1, m + 1), 0), axis=1)
    return np.take_along_axis(np.concatenate([np.zeros((n, 1), dtype=bool), bits], axis=1), source, axis=1)


def random_cases(rng: np.random.Generator, n: int, *, n_sets: int = 3, n_intervals: int = 64) -> Cases:
    """Random cases: points of all kinds, orders 0 to 29, alike and mixed, and sets that are related to each other."""
    finest = rng.integers(0, MAX_ORDER + 1, n)
    points = _points(rng, finest, n_intervals)
    orders = np.minimum(rng.integers(0, MAX_ORDER + 1, (n, n_sets)), finest[:, np.newaxis])
    orders = np.where(rng.random((n, n_sets)) < 0.6, finest[:, np.newaxis], orders)
    density = rng.choice(
        [0.0, 0.02, 0.2, 0.5, 0.8, 0.98, 1.0], (n, n_sets, 1), p=[0.04, 0.2, 0.2, 0.22, 0.2, 0.1, 0.04]
    )
    bits = rng.random((n, n_sets, n_intervals)) < density
    for k in range(1, n_sets):
        # Subsets, supersets, complements, and sets that differ in little, of the set before.
        kind = rng.integers(0, 8, (n, 1))
        before = bits[:, k - 1]
        bits[:, k] = np.select(
            [kind == 0, kind == 1, kind == 2, kind == 3],
            [bits[:, k] & before, bits[:, k] | before, ~before, before ^ (rng.random(before.shape) < 0.03)],
            bits[:, k],
        )
    # Sets change at points on their own grid only.
    starts = points[:, :-1]
    for k in range(n_sets):
        unit = np.uint64(1) << (2 * (MAX_ORDER - orders[:, k, np.newaxis])).astype(np.uint64)
        bits[:, k] = _held(bits[:, k], (points[:, 1:] > starts) & (starts % unit == 0))
    return Cases(points, orders, bits)


def _points(rng: np.random.Generator, finest: NDArray[np.int64], n_intervals: int) -> NDArray[np.uint64]:
    """Ascending points on the grids of some orders: anywhere, cell by cell, in growing steps, on coarser grids."""
    n = finest.size
    domain = (12 << (2 * finest))[:, np.newaxis]
    shape = (n, n_intervals + 1)
    anywhere = rng.integers(0, domain, shape, endpoint=True)
    # Close to a place: in the sky, at a corner of the base cells, or at either end of the curve.
    base = rng.integers(0, 12, (n, 1), endpoint=True) * (domain // 12)
    place = np.where(rng.random((n, 1)) < 0.5, anywhere[:, :1], base)
    steps = rng.integers(1, 4, shape).cumsum(axis=1) - n_intervals
    spread = rng.choice([-1, 1], shape) << rng.integers(0, 2 * finest[:, np.newaxis] + 1, shape)
    coarser = 1 << (2 * np.minimum(rng.integers(0, MAX_ORDER, shape, endpoint=True), finest[:, np.newaxis]))
    kind = rng.integers(0, 4, (n, 1))
    points = np.select(
        [kind == 0, kind == 1, kind == 2], [anywhere, place + steps, place + spread], anywhere // coarser * coarser
    )
    points = np.sort(np.clip(points, 0, domain), axis=1)
    points[:, 0], points[:, -1] = 0, domain[:, 0]
    return points.astype(np.uint64) << (2 * (MAX_ORDER - finest))[:, np.newaxis].astype(np.uint64)


def at_order(ranges: list[list[int]], order: int, rule: str | float) -> list[list[int]]:
    """Ranges at a coarser order, cell by cell in Python's integers; `rule` is a mode or a threshold."""
    unit = 1 << (2 * (MAX_ORDER - order))
    covered: dict[int, int] = {}
    centred: set[int] = set()
    spans = []
    for start, stop in ranges:
        first, last = -(-start // unit), stop // unit
        if first < last:
            spans.append([first, last])
        for cell in {start // unit, stop // unit}:
            low, high = max(start, cell * unit), min(stop, (cell + 1) * unit)
            if low < high and not (first <= cell < last):
                covered[cell] = covered.get(cell, 0) + high - low
                # The northern of the four cells at the centre decides: its southern corner is the centre.
                if low <= cell * unit + 3 * unit // 4 < high:
                    centred.add(cell)
    for cell, count in covered.items():
        whole = count == unit
        by_mode = {"overlap": True, "center": cell in centred, "inside": whole}
        if whole or (by_mode[rule] if isinstance(rule, str) else count > rule * unit):
            spans.append([cell, cell + 1])
    spans.sort()
    merged: list[list[int]] = []
    for first, last in spans:
        if merged and merged[-1][1] == first:
            merged[-1][1] = last
        else:
            merged.append([first, last])
    return [[first * unit, last * unit] for first, last in merged]
