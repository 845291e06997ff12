"""Set algebra on random sets and masks of any orders, counted exactly by bitmaps of intervals and by integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy import units as u
from bitmaps import END, MAX_ORDER, Cases, at_order, boundaries_of, random_cases, sets_of
from profiles import cases, seed

import hpmask
from hpmask import EnergyAxis, Mask, RangeSet

BATCH = 250


class Operation(NamedTuple):
    """An operation on sets, the same on bitmaps, and the sets that take part (the result has the finest order)."""

    on_sets: Callable[..., RangeSet]
    on_bits: Callable[..., Any]
    takes: tuple[int, ...]


OPERATIONS = {
    "a | b": Operation(lambda a, b, c: a | b, lambda a, b, c: a | b, (0, 1)),
    "a & b": Operation(lambda a, b, c: a & b, lambda a, b, c: a & b, (0, 1)),
    "a - b": Operation(lambda a, b, c: a - b, lambda a, b, c: a & ~b, (0, 1)),
    "a ^ b": Operation(lambda a, b, c: a ^ b, lambda a, b, c: a ^ b, (0, 1)),
    "~a": Operation(lambda a, b, c: ~a, lambda a, b, c: ~a, (0,)),
    "~(a | b)": Operation(lambda a, b, c: ~(a | b), lambda a, b, c: ~(a | b), (0, 1)),
    "~a & ~b": Operation(lambda a, b, c: ~a & ~b, lambda a, b, c: ~a & ~b, (0, 1)),
    "a | (a & b)": Operation(lambda a, b, c: a | (a & b), lambda a, b, c: a, (0, 1)),
    "a & (b | c)": Operation(lambda a, b, c: a & (b | c), lambda a, b, c: a & (b | c), (0, 1, 2)),
    "(a & b) | (a & c)": Operation(lambda a, b, c: (a & b) | (a & c), lambda a, b, c: a & (b | c), (0, 1, 2)),
    "a ^ (b ^ c)": Operation(lambda a, b, c: a ^ (b ^ c), lambda a, b, c: a ^ b ^ c, (0, 1, 2)),
    "union_all": Operation(lambda a, b, c: RangeSet.union_all([a, b, c]), lambda a, b, c: a | b | c, (0, 1, 2)),
    "intersection_all": Operation(
        lambda a, b, c: RangeSet.intersection_all([a, b, c]), lambda a, b, c: a & b & c, (0, 1, 2)
    ),
    "a.difference(b, c)": Operation(lambda a, b, c: a.difference(b, c), lambda a, b, c: a & ~(b | c), (0, 1, 2)),
}
# Pairs of operations with the same result.
LAWS = [("~(a | b)", "~a & ~b"), ("a & (b | c)", "(a & b) | (a & c)")]


def check_operations(some: Cases, operations: dict[str, Operation] = OPERATIONS) -> int:
    """Assert that all operations have the results of bitmaps; return how many results were compared."""
    sets = [some.sets(k) for k in range(len(some.points))]
    results = {}
    for name, operation in operations.items():
        found = results[name] = [operation.on_sets(*abc) for abc in sets]
        expected, sizes = boundaries_of(operation.on_bits(*some.bits.transpose(1, 0, 2)), some.points)
        orders = some.orders[:, operation.takes].max(axis=1)
        if not (
            np.array_equal([one.boundaries.size for one in found], sizes)
            and np.array_equal(np.concatenate([one.boundaries for one in found]), expected)
            and [one.order for one in found] == orders.tolist()
        ):
            for k, one in enumerate(np.split(expected, sizes.cumsum()[:-1])):
                same = np.array_equal(found[k].boundaries, one) and found[k].order == orders[k]
                assert same, (
                    f"{name} at order {orders[k]} is {one.tolist()}, got {found[k].ranges.tolist()} of {some.text(k)}"
                )
    for one, other in LAWS:
        if one in results and other in results:
            assert all(a == b for a, b in zip(results[one], results[other], strict=True)), (one, other)
    check_numbers(some, sets, results)
    return len(sets) * len(operations)


def check_numbers(some: Cases, sets: list[list[RangeSet]], results: dict[str, list[RangeSet]]) -> None:
    """Assert that sizes and relations are those of bitmaps."""
    width = np.diff(some.points.astype(np.int64), axis=1)
    a, b, _ = some.bits.transpose(1, 0, 2)
    size_a, size_b = (a * width).sum(axis=1).tolist(), (b * width).sum(axis=1).tolist()
    both, either = ((a & b) * width).sum(axis=1).tolist(), ((a | b) * width).sum(axis=1).tolist()
    for k, (one, other, _) in enumerate(sets):
        unit = 1 << (2 * (MAX_ORDER - one.order))
        union, common = results["a | b"][k], results["a & b"][k]
        unit_of_both = 1 << (2 * (MAX_ORDER - union.order))
        assert one.n_cells * unit == size_a[k], some.text(k)
        assert one.sky_fraction == size_a[k] / END, some.text(k)
        assert union.n_cells * unit_of_both == either[k], some.text(k)
        # |A| + |B| = |A or B| + |A and B|
        assert size_a[k] + size_b[k] == (union.n_cells + common.n_cells) * unit_of_both, some.text(k)
        same = size_a[k] == size_b[k] == both[k]
        assert (one.is_empty, one.is_full, bool(one)) == (size_a[k] == 0, size_a[k] == END, size_a[k] > 0), some.text(k)
        assert one.issubset(other) == (both[k] == size_a[k]), some.text(k)
        assert other.issubset(one) == (both[k] == size_b[k]), some.text(k)
        assert one.overlaps(other) == (both[k] > 0) != one.isdisjoint(other), some.text(k)
        assert (one == other) == same, some.text(k)
        assert not same or hash(one) == hash(other), some.text(k)


def batches(n: int, stream: int, **options: int) -> Any:
    """Batches of n cases in all. A batch has a generator of its own, and can be made again without those before it."""
    for k in range(0, n, BATCH):
        rng = np.random.default_rng([seed(), stream, k])
        yield rng, random_cases(rng, min(BATCH, n - k), **options)


def test_operations_and_laws(counted):
    """The million: with 1000 times the cases, that is how many triples of sets are tried."""
    n = cases(1000)
    compared = sum(check_operations(some) for _, some in batches(n, 1))
    counted(n, "triples of random sets under the algebra")
    counted(compared, "results of set operations compared with bitmaps")


def test_operations_on_many_ranges(counted):
    """Sets of thousands of ranges, which the kernels merge in long runs."""
    n = cases(6)
    for k in range(n):
        rng = np.random.default_rng([seed(), 2, k])
        check_operations(random_cases(rng, 1, n_intervals=int(10 ** rng.uniform(2.5, 4.5))))
    counted(n, "triples of sets of up to 30 000 intervals")


def check_orders(rng: np.random.Generator, some: Cases, convert: Callable[..., RangeSet]) -> None:
    """Assert that the first set of each case is right at a coarser and at a finer order."""
    for k in range(len(some.points)):
        one = some.sets(k)[0]
        order = int(rng.integers(0, one.order + 1))
        rule = ["center", "overlap", "inside", 0.0, 0.25, 0.5, float(rng.random())][rng.integers(7)]
        options = {"mode": rule} if isinstance(rule, str) else {"threshold": rule}
        found = convert(one, order, **options)
        expected = at_order(one.ranges.tolist(), order, rule) if order < one.order else one.ranges.tolist()
        assert found.order == order, some.text(k)
        assert found.ranges.tolist() == expected, (order, rule, some.text(k))
        finer = int(rng.integers(one.order, MAX_ORDER + 1))
        again = one.at_order(finer)
        assert again.order == finer, some.text(k)
        assert again == one, some.text(k)
        # What was made finer has the cells that it had.
        assert again.at_order(one.order, mode=["center", "overlap", "inside"][k % 3]) == one, some.text(k)


def test_orders(counted):
    n = cases(500)
    for rng, some in batches(n, 3, n_sets=1):
        check_orders(rng, some, RangeSet.at_order)
    counted(n, "sets at coarser and finer orders")


def check_cells(rng: np.random.Generator, some: Cases, contains: Callable[..., Any]) -> None:
    """Assert that the first set of each case holds the cells of its intervals, and is what its cells make."""
    for k, points in enumerate(some.points):
        one, bits = some.sets(k)[0], some.bits[k, 0]
        full = points[1:] > points[:-1]
        first, last = points[:-1][full], points[1:][full] - np.uint64(1)
        assert np.array_equal(contains(one, first), bits[full]), some.text(k)
        assert np.array_equal(contains(one, last), bits[full]), some.text(k)
        _, orders = one.multi_order_cells()
        size = np.uint64(1) << np.uint64(2) * (MAX_ORDER - orders.astype(np.int64)).astype(np.uint64)
        assert size.sum(dtype=np.uint64) == (np.diff(points)[bits]).sum(dtype=np.uint64), some.text(k)
        assert RangeSet.from_uniq(rng.permutation(one.uniq()), order=one.order) == one, some.text(k)
        loose = rng.permutation(np.concatenate([one.ranges, one.ranges[::2]]))
        assert RangeSet.from_ranges(loose, one.order) == one, some.text(k)


def test_cells(counted):
    n = cases(100)
    for rng, some in batches(n, 4, n_sets=1, n_intervals=32):
        check_cells(rng, some, RangeSet.contains)
    counted(n, "sets by their cells")


# ---------------------------------------------------------------------- masks

AXES = [EnergyAxis(np.geomspace(1, 100, n + 1) * u.TeV) for n in range(1, 5)]
ON_MASKS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "a | b": (lambda a, b: a | b, lambda a, b: a | b),
    "a & b": (lambda a, b: a & b, lambda a, b: a & b),
    "a - b": (lambda a, b: a - b, lambda a, b: a & ~b),
    "a ^ b": (lambda a, b: a ^ b, lambda a, b: a ^ b),
    "union_all": (lambda a, b: hpmask.union_all([a, b, a]), lambda a, b: a | b),
    "intersection_all": (lambda a, b: hpmask.intersection_all([a, b]), lambda a, b: a & b),
    "a.union(b)": (lambda a, b: a.union(b), lambda a, b: a | b),
    "a.symmetric_difference(b)": (lambda a, b: a.symmetric_difference(b), lambda a, b: a ^ b),
}


def check_masks(rng: np.random.Generator, some: Cases, operations: dict[str, Any] = ON_MASKS) -> None:
    """Assert that masks with and without bins combine bin by bin, and refuse other frames."""
    for k, points in enumerate(some.points):
        planes = some.sets(k)
        axis = AXES[rng.integers(len(AXES))]
        n, frame = axis.n_bins, ["icrs", "galactic"][rng.integers(2)]
        # Sets 0 to 3 are the bins of one mask, or the first of them is all of it; 4 to 7 those of the other.
        with_energy = rng.random(2) < 0.7
        rows = [range(first, first + (n if has else 1)) for first, has in zip((0, 4), with_energy, strict=True)]
        a, b = (
            Mask([planes[i] for i in row], frame=frame, energy=axis if has else None)
            for row, has in zip(rows, with_energy, strict=True)
        )
        n_bins = n if with_energy.any() else 1
        bits_a, bits_b = (some.bits[k, list(row)][np.arange(n_bins) % len(row)] for row in rows)
        order = max(some.orders[k, i] for row in rows for i in row)
        for name, (on_masks, on_bits) in operations.items():
            found = on_masks(a, b)
            expected = sets_of(on_bits(bits_a, bits_b), points, [int(order)] * n_bins)
            assert list(found.planes) == expected, (name, some.text(k))
            assert (found.frame, found.order) == (frame, order), (name, some.text(k))
            assert (found.energy is None) == (not with_energy.any()), (name, some.text(k))
        assert (a <= b) == (not (bits_a & ~bits_b & (np.diff(points) > 0)).any()), some.text(k)
        assert ~(a | b) == ~a & ~b, some.text(k)
        assert a - b == a & ~b, some.text(k)
        assert (a < b) == (a <= b and not b <= a), some.text(k)
        assert a.overlaps(b) == (bits_a & bits_b & (np.diff(points) > 0)).any() != a.isdisjoint(b), some.text(k)
        width = np.diff(points.astype(np.int64))
        sizes = (some.bits[k, list(rows[0])] * width).sum(axis=1).tolist()
        assert np.ravel(a.sky_fraction).tolist() == [size / END for size in sizes], some.text(k)
        for how, reduced in (("any", bits_a.any(axis=0)), ("all", bits_a.all(axis=0))):
            assert [*a.reduce(how).planes] == sets_of(reduced[np.newaxis], points, [a.order]), some.text(k)
        other = Mask(planes[0], frame="galactic" if frame == "icrs" else "icrs")
        for refused, mask in ((Mask.union, a), (Mask.__le__, a), (Mask.isdisjoint, b)):
            with pytest.raises(ValueError, match="different frames"):
                refused(mask, other)


def test_masks(counted):
    n = cases(60)
    for rng, some in batches(n, 5, n_sets=8, n_intervals=24):
        check_masks(rng, some)
    counted(n, "pairs of random masks with bins")


# ---------------------------------------------------------------------- the referees see a fault


def without_a_range(found: RangeSet) -> RangeSet:
    """A set without its second range, if it has one."""
    return RangeSet(np.delete(found.ranges, 1, axis=0), found.order) if found.n_ranges > 1 else found


def one_cell_longer(found: RangeSet) -> RangeSet:
    """A set whose first range ends one cell later, if there is a gap."""
    ranges = found.ranges.copy()
    if len(ranges) and ranges[0, 1] < END:
        ranges[0, 1] += np.uint64(1 << (2 * (MAX_ORDER - found.order)))
    return RangeSet.from_ranges(ranges, found.order)


@pytest.mark.parametrize("fault", [without_a_range, one_cell_longer])
def test_a_wrong_set_is_seen(fault):
    rng = np.random.default_rng(0)
    some = random_cases(rng, 30)
    check_operations(some)
    for name, operation in OPERATIONS.items():
        wrong = operation._replace(on_sets=lambda a, b, c, right=operation.on_sets: fault(right(a, b, c)))
        with pytest.raises(AssertionError, match="at order"):
            check_operations(some, {name: wrong})
    with pytest.raises(AssertionError):
        check_orders(rng, some, lambda one, *args, **options: fault(one.at_order(*args, **options)))
    with pytest.raises(AssertionError):
        check_cells(rng, some, lambda one, cells: fault(one).contains(cells))


def test_a_wrong_order_and_a_wrong_number_are_seen(monkeypatch):
    some = random_cases(np.random.default_rng(0), 100)
    coarser = OPERATIONS["a | b"]._replace(on_sets=lambda a, b, c: (a | b).at_order(min(29, (a | b).order + 1)))
    with pytest.raises(AssertionError, match="at order"):
        check_operations(some, {"a | b": coarser})
    monkeypatch.setattr(RangeSet, "issubset", lambda a, b: a.n_cells <= b.n_cells)
    with pytest.raises(AssertionError):
        check_operations(some)


def test_masks_with_a_wrong_bin_are_seen():
    """The last two bins of the result change places."""
    rng = np.random.default_rng(0)
    some = random_cases(rng, 30, n_sets=8, n_intervals=24)
    check_masks(rng, some)

    def swapped(a: Mask, b: Mask) -> Mask:
        right = a | b
        planes = [*right.planes[:-2], *right.planes[:-3:-1]]
        return Mask(planes, order=right.order, frame=right.frame, energy=right.energy)

    with pytest.raises(AssertionError):
        check_masks(rng, some, {"a | b": (swapped, ON_MASKS["a | b"][1])})
