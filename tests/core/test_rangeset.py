"""RangeSet: laws of sets, Python sets of cells and mocpy as referees."""

import copy
import operator
import os
import pickle
import re
import subprocess
import sys
import tempfile
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import reduce
from pathlib import Path
from unittest import mock

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC
from profiles import examples
from sanitized import not_sanitized
from strategies import (
    END,
    MAX_ORDER,
    cell_sets,
    loose_ranges,
    low_sets,
    range_sets,
)

from hpmask import RangeSet
from hpmask._kernels import pieces
from hpmask._kernels import ranges as kernel
from hpmask._utils import memory
from hpmask._utils.parallel import set_num_threads
from hpmask.core import merging, rangeset
from hpmask.geometry import healpix

OPERATIONS = [operator.or_, operator.and_, operator.xor, operator.sub]
TRUTHS = {"or": 0b1110, "and": 0b1000, "xor": 0b0110, "minus": 0b0010}


def check_invariant(result):
    """A RangeSet is what its constructor would accept."""
    again = RangeSet(result.ranges, result.order)
    assert again == result
    assert again.order == result.order
    assert result.ranges.dtype == np.uint64
    assert not result.ranges.flags.writeable


# ---------------------------------------------------------------- kernels


def run(function, *args, size):
    """What a kernel writes, and that it writes nothing beyond."""
    out = np.full(size + 1, 2**64 - 1, dtype=np.uint64)
    count = function(*args, out[:size])
    assert out[size] == 2**64 - 1
    return out[:count]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), min_size=1, max_size=15),
    st.integers(1, 6),
)
def test_at_least(pairs, depth):
    starts, stops = np.array(pairs, dtype=np.uint64).T
    expected = oracles.at_least(starts, stops, depth)
    size = kernel.count_at_least(np.sort(starts), np.sort(stops), depth)
    assert size == expected.size
    np.testing.assert_array_equal(run(kernel.at_least, np.sort(starts), np.sort(stops), depth, size=size), expected)
    if size:
        with pytest.raises(ValueError, match="out is too small"):
            kernel.at_least(np.sort(starts), np.sort(stops), depth, np.zeros(size - 1, np.uint64))
    ranges = rangeset.from_starts_stops(starts.copy(), stops.copy(), 29, depth=depth)
    np.testing.assert_array_equal(ranges.boundaries, expected)


@given(st.lists(st.integers(0, 30), max_size=8), st.sampled_from([1, 4]), st.integers(16, 28))
def test_first_fault(values, unit, end):
    boundaries = np.array(values[: len(values) // 2 * 2], dtype=np.uint64)
    assert kernel.first_fault(boundaries, unit, end) == oracles.first_fault(boundaries.tolist(), unit, end)


def test_kernels_check_room():
    a, out = np.arange(4, dtype=np.uint64), np.zeros(3, dtype=np.uint64)
    for call in (
        lambda: kernel.widen(a, 2, out),
        lambda: kernel.centres(a, 2, out),
        lambda: kernel.at_least(2 * a, 2 * a + np.uint64(1), 1, out),
        lambda: kernel.count_at_least(a, a, 0),
        lambda: kernel.at_least(a, a, 0, np.zeros(8, dtype=np.uint64)),
    ):
        with pytest.raises(ValueError, match=r"out|depth"):
            call()


@examples(200)
@given(st.lists(range_sets(), min_size=1, max_size=6), st.data())
def test_union_along_curve(sets, data):
    order = max(one.order for one in sets)
    unit = 1 << 2 * (MAX_ORDER - order)
    edges = sorted({int(edge) for one in sets for edge in one.boundaries}) or [0]
    numbers = st.sampled_from(edges) | st.integers(0, END // unit).map(lambda k: k * unit)
    cuts = sorted(data.draw(st.lists(numbers, min_size=len(sets) - 1, max_size=len(sets) - 1)))
    found = rangeset.union_along_curve(iter(sets), np.array([0, *cuts, END], np.uint64), order)
    assert found == RangeSet.union_all(sets)
    assert RangeSet(found.ranges, order) == found


def test_union_along_curve_keeps_all_digits():
    cut = 2**61 + 2**30
    boundaries = [1, 4, cut - 3, cut + 5, cut + 7, END - 1]
    parts = [RangeSet([boundaries[:2], boundaries[4:]], 29), RangeSet([boundaries[2:4]], 29)]
    for sets in (parts, parts[::-1]):
        found = rangeset.union_along_curve(sets, np.array([0, cut, END], np.uint64), 29)
        assert found.boundaries.tolist() == boundaries


@not_sanitized
@pytest.mark.skipif(sys.platform != "linux", reason="how realloc moves large blocks depends on the system")
def test_pieces_grow_without_copies():
    """The largest memory of a process that gathers 240 MB."""
    code = (
        "import resource, numpy as np; from kernel_workload import load\n"
        "pieces, part = load('pieces').Pieces(), np.arange(10**6, dtype=np.uint64)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for k in range(30): part += np.uint64(10**6 + 1); pieces.append(part)\n"
        "print(pieces.take().size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    support = str(Path(__file__).parents[1] / "_support")
    # An empty item would be the working directory, with the sources of the kernels beside those that are installed.
    paths = [support, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    size, kilobytes = map(int, run.stdout.split())
    assert size == 30 * 10**6
    assert kilobytes < 1.3 * 8 * size / 1024


def test_pieces_that_do_not_follow():
    piece = pieces.Pieces()
    assert piece.take().size == 0
    piece.append(np.array([4, 8], np.uint64))
    piece.append(np.array([8, 9, 10, 11], np.uint64))
    for wrong in ([10, 12], [12, 13, 14]):
        with pytest.raises(ValueError, match="behind those"):
            piece.append(np.array(wrong, np.uint64))
    with pytest.raises(ValueError, match="pairs"):
        piece.unite(np.array([1], np.uint64))
    piece.unite(np.array([0, 4, 9, 10], np.uint64))
    assert piece.take().tolist() == [0, 11]


# ---------------------------------------------------------------- against Python sets of cells


@pytest.mark.parametrize("operation", OPERATIONS)
@given(a=low_sets(), b=low_sets())
def test_operations_on_cells(operation, a, b):
    (one, cells), (other, others) = a, b
    result = operation(one, other)
    order = max(one.order, other.order)
    assert result.order == order
    check_invariant(result)
    expected = operation(oracles.refined(cells, one.order, order), oracles.refined(others, other.order, order))
    assert oracles.cells_of(result, order) == expected
    assert result.n_cells == len(expected)


@given(low_sets())
def test_complement_on_cells(a):
    one, cells = a
    result = ~one
    check_invariant(result)
    assert result.order == one.order
    assert oracles.cells_of(result, one.order) == oracles.all_cells(one.order) - cells


@given(low_sets(), low_sets())
def test_relations_on_cells(a, b):
    (one, cells), (other, others) = a, b
    finest = max(one.order, other.order)
    cells, others = oracles.refined(cells, one.order, finest), oracles.refined(others, other.order, finest)
    assert one.issubset(other) == cells.issubset(others)
    assert one.isdisjoint(other) == cells.isdisjoint(others)
    assert one.overlaps(other) != one.isdisjoint(other)
    assert (one == other) == (cells == others)
    assert (one != other) == (cells != others)
    if one == other:
        assert hash(one) == hash(other)


@given(st.lists(low_sets(), min_size=1, max_size=6))
def test_many_on_cells(several):
    sets = [one for one, _ in several]
    order = max(one.order for one in sets)
    cells = [oracles.refined(cells, one.order, order) for one, cells in several]
    union, intersection = RangeSet.union_all(sets), RangeSet.intersection_all(sets)
    for result, expected in ((union, set.union(*cells)), (intersection, set.intersection(*cells))):
        assert result.order == order
        check_invariant(result)
        assert oracles.cells_of(result, order) == expected


@given(low_sets(), st.lists(low_sets(), max_size=4))
def test_methods_on_cells(a, several):
    """The methods are those of Python's sets: the set itself takes part, whatever the others come in."""
    one, others = a[0], [one for one, _ in several]
    order = max(one.order for one, _ in [a, *several])
    cells, *more = (oracles.refined(cells, one.order, order) for one, cells in [a, *several])
    for name in ("union", "intersection", "difference"):
        expected = getattr(cells, name)(*more)
        method = getattr(one, name)
        for result in (method(*others), method(others), method(iter(others)), method(others[:1], *others[1:])):
            assert result.order == order
            check_invariant(result)
            assert oracles.cells_of(result, order) == expected
        assert getattr(RangeSet, name)(one, *others) == result
    for other, some in zip(others, more, strict=True):
        result = one.symmetric_difference(other)
        assert oracles.cells_of(result, order) == cells.symmetric_difference(some)
    assert one.is_empty == (cells == set())
    assert one.is_full == (cells == oracles.all_cells(order))


@pytest.mark.parametrize("name", ["union", "intersection", "difference", "symmetric_difference"])
def test_methods_refuse_what_is_no_set(name):
    for other in (3, None, "abc", np.arange(3)):
        with pytest.raises(TypeError, match=r"others? must be (a )?RangeSets?( or iterables of RangeSets)?, got"):
            getattr(RangeSet.full(0), name)(other)


def test_is_empty_and_is_full():
    assert RangeSet.empty(5).is_empty is True
    assert RangeSet.full(5).is_full is True
    assert RangeSet.full(5).is_empty is RangeSet.empty(5).is_full is False
    hole = RangeSet.from_cells([0], order=29)
    assert not (~hole).is_full
    assert (~hole | hole).is_full


@given(low_sets())
def test_numbers_on_cells(a):
    one, cells = a
    n = 12 * 4**one.order
    assert one.n_cells == len(cells)
    assert bool(one) == bool(cells)
    assert one.sky_fraction == pytest.approx(len(cells) / n, rel=1e-15)
    assert one.nbytes == 16 * one.n_ranges == one.ranges.nbytes
    assert one.cells().tolist() == sorted(cells)
    assert one.cells().dtype == np.uint64
    finer = one.order + 1
    assert one.cells(finer).tolist() == sorted(oracles.refined(cells, one.order, finer))


@given(low_sets())
def test_multi_order_cells_on_cells(a):
    one, cells = a
    expected = oracles.multi_order_cells(cells, one.order)
    numbers, orders = one.multi_order_cells()
    assert numbers.dtype == np.uint64
    assert orders.dtype == np.uint8
    assert len(numbers) == len(expected)
    assert set(zip(orders.tolist(), numbers.tolist(), strict=True)) == expected
    # In the order of their place in the sky.
    places = (numbers << np.uint64(2) * (MAX_ORDER - orders).astype(np.uint64)).tolist()
    assert places == sorted(places)
    by_order = one.cells_by_order()
    assert list(by_order) == sorted(by_order)
    assert {(order, cell) for order, some in by_order.items() for cell in some.tolist()} == expected
    assert all((np.diff(some.astype(np.int64)) > 0).all() for some in by_order.values())
    assert one.uniq().tolist() == sorted(4 * 4**order + cell for order, cell in expected)


@pytest.mark.parametrize(("mode", "how"), [("overlap", "any"), ("inside", "all"), ("center", "center")])
@given(cells=cell_sets(3), coarser=st.integers(0, 3))
def test_coarser_orders_on_cells(mode, how, cells, coarser):
    one = RangeSet.from_cells(sorted(cells), 3)
    result = one.at_order(coarser, mode=mode)
    assert result.order == coarser
    check_invariant(result)
    if coarser == 3:
        assert result == one
    else:
        assert oracles.cells_of(result, coarser) == oracles.degraded(cells, 3, coarser, how)


@given(cells=cell_sets(3), coarser=st.integers(0, 2), threshold=st.one_of(st.integers(0, 63), st.floats(0, 0.999)))
def test_coarser_orders_by_covered_fraction(cells, coarser, threshold):
    threshold = threshold / 64 if isinstance(threshold, int) else threshold
    result = RangeSet.from_cells(sorted(cells), 3).at_order(coarser, threshold=threshold)
    assert result.order == coarser
    check_invariant(result)
    size = 4 ** (3 - coarser)
    counts = Counter(cell // size for cell in cells)
    # Fractions, because a float threshold is a fraction too.
    kept = {cell for cell, count in counts.items() if Fraction(count, size) > Fraction(threshold)}
    assert oracles.cells_of(result, coarser) == kept


@given(range_sets(), st.integers(0, MAX_ORDER))
def test_covered_fractions_between_overlap_and_inside(a, order):
    assert a.at_order(order, threshold=0) == a.at_order(order, mode="overlap")
    # No fraction of whole cells of order 29 lies between this one and 1.
    almost = a.at_order(order, threshold=1 - 2.0**-53)
    if order < a.order:
        assert a.at_order(order, mode="inside").issubset(almost)
        assert almost.issubset(a.at_order(order, threshold=0.5))
    if order <= a.order <= order + 26:
        assert almost == a.at_order(order, mode="inside")


@pytest.mark.parametrize("threshold", [0, 0.3, 0.5, 0.9, 15 / 16])
def test_covered_fraction_equals_ud_grade(threshold):
    healpy = pytest.importorskip("healpy")
    rng = np.random.default_rng(5)
    values = np.repeat(rng.uniform(size=12 << 8) < 0.6, 16) | (rng.uniform(size=12 << 12) < 0.4)
    plane = RangeSet.from_cells(np.flatnonzero(values), 6)
    for order in range(6):
        mean = healpy.ud_grade(values.astype(float), 1 << order, order_in="NEST", order_out="NEST")
        assert plane.at_order(order, threshold=threshold).cells().tolist() == np.flatnonzero(mean > threshold).tolist()


@given(low_sets(), st.integers(0, 3))
def test_refine_on_cells(a, more):
    one, cells = a
    finer = one.order + more
    result = one.at_order(finer)
    assert result.order == finer
    assert result == one
    assert hash(result) == hash(one)
    assert oracles.cells_of(result, finer) == oracles.refined(cells, one.order, finer)


@given(st.data(), st.integers(0, 2))
def test_from_ranges_is_the_union_of_its_rows(data, order):
    pairs = data.draw(loose_ranges(order))
    size = 1 << (2 * (MAX_ORDER - order))
    expected = set()
    for start, stop in pairs:
        expected.update(range(start // size, stop // size))
    result = RangeSet.from_ranges(pairs, order)
    check_invariant(result)
    assert oracles.cells_of(result, order) == expected


@given(st.data(), st.integers(0, 2))
def test_from_cells_takes_any_order_and_repeats(data, order):
    cells = data.draw(st.lists(st.integers(0, 12 * 4**order - 1), max_size=30))
    result = RangeSet.from_cells(cells, order)
    check_invariant(result)
    assert result.order == order
    assert oracles.cells_of(result, order) == set(cells)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1, exclude_max=True)), max_size=12))
def test_from_uniq_takes_cells_that_overlap(pairs):
    pairs = [(order, int(place * 12 * 4**order)) for order, place in pairs]
    result = RangeSet.from_uniq([4 * 4**order + cell for order, cell in pairs])
    check_invariant(result)
    assert result.order == max((order for order, _ in pairs), default=0)
    expected = set().union(*(oracles.refined({cell}, order, 3) for order, cell in pairs))
    assert oracles.cells_of(result, 3) == expected


# ---------------------------------------------------------------- laws, at all orders


@given(range_sets(), range_sets(), range_sets())
def test_laws_of_sets(a, b, c):
    empty, full = RangeSet.empty(0), RangeSet.full(0)
    for op in (operator.or_, operator.and_, operator.xor):
        assert op(a, b) == op(b, a)
        assert op(op(a, b), c) == op(a, op(b, c))
    assert a & (b | c) == (a & b) | (a & c)
    assert a | (b & c) == (a | b) & (a | c)
    assert a & (b ^ c) == (a & b) ^ (a & c)
    assert ~(a | b) == ~a & ~b
    assert ~(a & b) == ~a | ~b
    assert a | (a & b) == a
    assert a & (a | b) == a
    assert a | a == a & a == a
    assert a ^ a == a - a == a & ~a == empty
    assert a | ~a == full
    assert ~~a == a
    assert a - b == a & ~b
    assert a ^ b == (a | b) - (a & b)
    assert a | empty == a & full == a ^ empty == a - empty == a
    assert a & empty == empty - a == empty
    assert a | full == full
    assert full - a == a ^ full == ~a
    for result in (a | b, a & b, a ^ b, a - b, ~a):
        check_invariant(result)
    assert (a & b).issubset(a)
    assert a.issubset(a | b)
    assert a.isdisjoint(b - a)
    assert a.issubset(b) == ((a - b) == empty)
    assert a.overlaps(b) == bool(a & b)


@given(range_sets(), range_sets())
def test_area_is_additive(a, b):
    a, b = a.at_order(MAX_ORDER), b.at_order(MAX_ORDER)
    assert (a | b).n_cells + (a & b).n_cells == a.n_cells + b.n_cells
    assert (~a).n_cells == END - a.n_cells


@given(st.lists(range_sets(), min_size=1, max_size=6))
def test_many_is_a_fold(sets):
    union, intersection = RangeSet.union_all(sets), RangeSet.intersection_all(iter(sets))
    assert union == reduce(operator.or_, sets)
    assert intersection == reduce(operator.and_, sets)
    assert union.order == intersection.order == max(one.order for one in sets)
    check_invariant(union)
    check_invariant(intersection)
    assert RangeSet.union_all([*sets, *sets]) == union
    # The same sky in other objects counts once, too.
    assert RangeSet.intersection_all([*sets, *map(pickle_round, sets)]) == intersection


def pickle_round(value):
    return pickle.loads(pickle.dumps(value))


def test_many_of_none():
    assert RangeSet.union_all([]) == RangeSet.empty(0)
    assert RangeSet.intersection_all([]) == RangeSet.full(0)
    assert RangeSet.union_all([RangeSet.empty(2), RangeSet.empty(5)]).order == 5
    with pytest.raises(TypeError, match="sets must be RangeSets, got int"):
        RangeSet.union_all([RangeSet.empty(2), 3])


@given(range_sets(), st.integers(0, MAX_ORDER))
def test_laws_of_orders(a, order):
    if order >= a.order:
        assert a.at_order(order).at_order(a.order, mode="overlap") == a
        assert a.at_order(order).at_order(a.order, mode="inside") == a
        assert a.at_order(order).at_order(a.order, mode="center") == a
    else:
        inside, centre, overlap = (a.at_order(order, mode=mode) for mode in ("inside", "center", "overlap"))
        assert inside.issubset(centre)
        assert centre.issubset(overlap)
        assert inside.issubset(a)
        assert a.issubset(overlap)
        for result in (inside, centre, overlap):
            assert result.order == order
            check_invariant(result)
        assert (~a).at_order(order, mode="center") == ~centre
        assert (~a).at_order(order, mode="overlap") == ~inside


@given(range_sets())
def test_round_trips(a):
    assert RangeSet(a.ranges, a.order) == a
    assert RangeSet.from_ranges(a.ranges[::-1], a.order) == a
    assert RangeSet.from_uniq(a.uniq()) == a
    assert RangeSet.from_uniq(a.uniq(), a.order).order == a.order
    pieces = [RangeSet.from_cells(cells, order) for order, cells in a.cells_by_order().items()]
    assert RangeSet.union_all(pieces) == a
    for one, other in ((i, j) for i in pieces for j in pieces if i is not j):
        assert one.isdisjoint(other)


# ---------------------------------------------------------------- the rule of the centre


@pytest.mark.parametrize("order", [0, 1, 2, 4])
@pytest.mark.parametrize("finer", [1, 3])
def test_centre_is_the_southern_corner_of_the_cell_that_counts(order, finer):
    # The centre of a cell is a corner of four finer ones. That which decides is the one to the north of it.
    cells = np.arange(12 * 4**order, dtype=np.uint64)
    deep = order + finer
    deciding = (cells << np.uint64(2 * finer)) + np.uint64(3 * 4 ** (finer - 1))
    southern_corner = healpix.edges(deciding, deep)[:, 0]
    assert oracles.separation(southern_corner, healpix.centre_vectors(cells, order)).max() < 1e-15
    for cell, one in zip(cells.tolist(), deciding.tolist(), strict=True):
        alone = RangeSet.from_cells([one], deep)
        assert alone.at_order(order, mode="center") == RangeSet.from_cells([cell], order)
        assert not (~alone).at_order(order, mode="center").overlaps(RangeSet.from_cells([cell], order))


@given(st.integers(0, 2**32 - 1))
def test_centre_agrees_with_the_cell_at_the_position(seed):
    # A position a hair north of the centre is in the set iff the coarse cell is in the degraded one.
    rng = np.random.default_rng(seed)
    order, finer = int(rng.integers(0, 5)), int(rng.integers(1, 4))
    deep = order + finer
    a = RangeSet.from_cells(np.flatnonzero(rng.random(12 * 4**deep) < 0.5), deep)
    lon, lat = healpix.centres(np.arange(12 * 4**order, dtype=np.uint64), order)
    at = healpix.cells_at(lon, lat + 1e-6, deep)
    expected = np.flatnonzero(np.isin(at, a.cells()))
    assert a.at_order(order, mode="center").cells().tolist() == expected.tolist()


# ---------------------------------------------------------------- against mocpy


def to_mocpy(a):
    if not a:
        return MOC.new_empty(a.order)
    return MOC.from_depth29_ranges(a.order, a.ranges)


def from_mocpy(moc):
    return RangeSet.from_ranges(moc.to_depth29_ranges, moc.max_order)


@given(range_sets(), range_sets())
def test_algebra_of_mocpy(a, b):
    one, other = to_mocpy(a), to_mocpy(b)
    assert from_mocpy(one) == a
    for ours, theirs in (
        (a | b, one.union(other)),
        (a & b, one.intersection(other)),
        (a ^ b, one.symmetric_difference(other)),
        # Its difference() is empty where one MOC ends before the other begins (0.21): ask another way.
        (a - b, one.intersection(other.complement())),
        (~a, one.complement()),
    ):
        assert from_mocpy(theirs) == ours
        assert theirs.max_order == ours.order
    assert a.sky_fraction == pytest.approx(one.sky_fraction, rel=1e-12)


@given(range_sets(), st.integers(0, MAX_ORDER))
def test_degrade_of_mocpy(a, order):
    if order < a.order:
        assert from_mocpy(to_mocpy(a).degrade_to_order(order)) == a.at_order(order, mode="overlap")


@given(range_sets())
def test_uniq_of_mocpy(a):
    assert sorted(to_mocpy(a).uniq_hpx.tolist()) == a.uniq().tolist()


def load(path):
    return MOC.load(path, format="json" if path.suffix == ".json" else "fits")


@pytest.mark.deep
@pytest.mark.parametrize(
    ("name", "fraction"),
    [
        ("moc/P-SDSS9-r.fits", 0.362437963486),
        ("moc/V_147_sdss12.moc.fits", 0.351982355118),
        ("moc/glimpse.moc.json", 0.031207084656),
        ("moc/SMOC.fits", 0.004069010422),
        ("moc/fractal.fits", None),
    ],
)
def test_real_mocs(data, name, fraction):
    moc = load(data(name))
    a = from_mocpy(moc)
    if fraction is not None:
        assert a.sky_fraction == pytest.approx(fraction, abs=1e-12)
    assert sorted(moc.uniq_hpx.tolist()) == a.uniq().tolist()
    assert RangeSet.from_uniq(moc.uniq_hpx) == a
    assert from_mocpy(moc.complement()) == ~a


def test_real_pair(data):
    names = ("V_147_sdss12.moc.fits", "glimpse.moc.json", "glimpse_not.moc.json", "sdss_and_glimpse.moc.json")
    mocs = [load(data(f"moc/{name}")) for name in names]
    sdss, glimpse, not_glimpse, both = map(from_mocpy, mocs)
    assert not_glimpse == ~glimpse
    assert both.sky_fraction == pytest.approx(0.003369559844, abs=1e-12)
    assert both.issubset(glimpse)
    assert sdss & glimpse == from_mocpy(mocs[0].intersection(mocs[1]))
    assert RangeSet.union_all([sdss, glimpse, both]) == from_mocpy(mocs[0].union(mocs[1], mocs[3]))


# ---------------------------------------------------------------- the door


GOOD = [4, 8]
BAD_RANGES = {
    "unsorted": ([[8, 12], [0, 4]], "row 1 is [0, 4) and the row before ends at 12"),
    "overlapping": ([[0, 8], [4, 12]], "row 1 is [4, 12) and the row before ends at 8"),
    "touching": ([[0, 4], [4, 8]], "not touching, row 1 is [4, 8)"),
    "repeated": ([[0, 4], [0, 4]], "row 1 is [0, 4)"),
    "reversed": ([[0, 4], [12, 8]], "start < stop, row 1 is [12, 8)"),
    "empty range": ([[0, 4], [8, 8]], "start < stop, row 1 is [8, 8)"),
    "start off the grid": ([[0, 4], [9, 12]], "cells of order 28, row 1 is [9, 12)"),
    "stop off the grid": ([[0, 4], [8, 13]], "cells of order 28, row 1 is [8, 13)"),
    "beyond the sky": ([[0, 4], [8, END + 4]], f"within [0, 12 * 4**29), row 1 is [8, {END + 4})"),
    "beyond the sky, not last": (
        [[0, 4], [8, END + 4], [END + 8, END + 12]],
        f"within [0, 12 * 4**29), row 1 is [8, {END + 4})",
    ),
    "first row": ([[2**63, 2**63 + 4]], f"within [0, 12 * 4**29), row 0 is [{2**63}, {2**63 + 4})"),
    "negative": ([[0, 4], [-4, 8]], "must not be negative, row 1 is [-4, 8)"),
    "wrong shape": ([0, 4], "shape (n, 2), got (2,)"),
    "three columns": ([[0, 4, 8]], "shape (n, 2), got (1, 3)"),
    "ragged": ([[0, 4], [8]], "ranges must be an array"),
    "masked": (np.ma.array([[0, 4], [8, 12]], mask=[[0, 0], [0, 1]]), "1 of 4 values are, the first in row 1, 1"),
}


@pytest.mark.parametrize("case", BAD_RANGES)
def test_bad_ranges(case):
    ranges, message = BAD_RANGES[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        RangeSet(ranges, 28)


BAD_TYPES = {
    "floats": ([[0.0, 4.0]], "must be integers, got float64"),
    "fractions": ([[0.0, 4.0], [8.0, 12.5]], "must be integers, got float64, row 1 holds 12.5"),
    "NaN": ([[0, 4], [np.nan, 12]], "must be integers, got float64, row 1 holds nan"),
    "bools": ([[False, True]], "must be integers, got bool"),
    "text": ([["0", "4"]], "must be integers, got <U1"),
    "too large": ([[0, 2**64]], "must be integers, got object"),
    "complex": ([[0j, 4j]], "must be integers, got complex128"),
}


@pytest.mark.parametrize("case", BAD_TYPES)
@pytest.mark.parametrize("make", [RangeSet, RangeSet.from_ranges])
def test_bad_types_of_ranges(make, case):
    ranges, message = BAD_TYPES[case]
    with pytest.raises(TypeError, match=re.escape("ranges " + message)):
        make(ranges, 28)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ([GOOD, [12, 8]], "row 1 is [12, 8)"),
        ([GOOD, [1, 8]], "cells of order 28 within [0, 12 * 4**29), row 1 is [1, 8)"),
        ([GOOD, [8, 9]], "row 1 is [8, 9)"),
        ([GOOD, [8, END + 4]], f"row 1 is [8, {END + 4})"),
        ([GOOD, [-4, 4]], "row 1 is [-4, 4)"),
        ([[[0, 4]]], "shape (n, 2), got (1, 1, 2)"),
    ],
)
def test_bad_loose_ranges(ranges, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        RangeSet.from_ranges(ranges, 28)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RangeSet.from_cells([0, 48], 1), ValueError, "order 1 are numbered 0 to 47, row 1 is 48"),
        (lambda: RangeSet.from_cells([3, -1], 1), ValueError, "row 1 is -1"),
        (lambda: RangeSet.from_cells([2**63], 29), ValueError, f"row 0 is {2**63}"),
        (lambda: RangeSet.from_cells([0.5], 1), TypeError, "cells must be integers, got float64, row 0"),
        (lambda: RangeSet.from_cells([True], 1), TypeError, "cells must be integers, got bool"),
        (lambda: RangeSet.from_cells([[1, 2]], 1), ValueError, "cells must be 1-D, got shape (1, 2)"),
        (lambda: RangeSet.from_cells(np.ma.array([1, 2], mask=[0, 1]), 1), ValueError, "row 1"),
        (lambda: RangeSet.from_uniq([4, 3]), ValueError, "row 1 is 3"),
        (lambda: RangeSet.from_uniq([-4]), ValueError, "row 0 is -4"),
        (lambda: RangeSet.from_uniq([16 << 58]), ValueError, f"row 0 is {16 << 58}"),
        (lambda: RangeSet.from_uniq([16], 0), ValueError, "order is 0, but the UNIQ numbers have a cell of order 1"),
        (lambda: RangeSet.from_uniq([4.0]), TypeError, "uniq must be integers, got float64"),
        (lambda: RangeSet.empty(30), ValueError, "order must be from 0 to 29, got 30"),
        (lambda: RangeSet.full(-1), ValueError, "order must be from 0 to 29, got -1"),
        (lambda: RangeSet.empty(3.0), TypeError, "order must be an integer from 0 to 29, got 3.0"),
        (lambda: RangeSet.empty(True), TypeError, "order must be an integer"),
        (lambda: RangeSet.empty("3"), TypeError, "order must be an integer"),
        (lambda: RangeSet.full(3).cells(2), ValueError, "order 2 is coarser than the set's 3"),
        (lambda: RangeSet.full(3).cells(2), ValueError, "use at_order(2, mode=...) first"),
        (lambda: RangeSet.full(3).at_order(2, mode="most"), ValueError, "got 'most'"),
        (lambda: RangeSet.full(3).at_order(30), ValueError, "order must be from 0 to 29, got 30"),
        (
            lambda: RangeSet.full(3).at_order(2, threshold=1),
            ValueError,
            "threshold must be at least 0 and below 1, got 1",
        ),
        (lambda: RangeSet.full(3).at_order(2, threshold=-0.1), ValueError, "threshold must be at least 0"),
        (lambda: RangeSet.full(3).at_order(2, threshold=float("nan")), ValueError, "threshold must be at least 0"),
        (lambda: RangeSet.full(3).at_order(2, threshold="0.9"), TypeError, "from 0 to below 1, got '0.9'"),
        (lambda: RangeSet.full(3).at_order(2, threshold=0.9, mode="center"), TypeError, "mode or threshold"),
        (lambda: RangeSet.full(3).issubset(1), TypeError, "other must be a RangeSet, got int"),
        (lambda: RangeSet.full(3).overlaps("sky"), TypeError, "other must be a RangeSet, got str"),
        (lambda: RangeSet.full(3) | {1}, TypeError, "unsupported operand"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i4", "<u4", ">i8", "<i8", ">u8", "<u8"])
def test_types_of_integers(dtype):
    # Cell numbers come as signed, unsigned and big-endian (FITS) integers; none may pass through floats.
    ranges = np.array([[0, 4], [8, 12]], dtype=dtype)
    assert RangeSet(ranges, 28).ranges.tolist() == [[0, 4], [8, 12]]
    assert RangeSet.from_ranges(ranges, 28).ranges.tolist() == [[0, 4], [8, 12]]
    assert RangeSet.from_cells(np.array([3, 1], dtype=dtype), 0).cells().tolist() == [1, 3]
    assert RangeSet.from_uniq(np.array([7, 4], dtype=dtype)).cells().tolist() == [0, 3]


def test_last_cells_at_order_29():
    # Above 2**53 a detour through float64 would lose cells.
    last = END - 1
    for a in (
        RangeSet.from_cells([last], 29),
        RangeSet([[last, END]], 29),
        RangeSet.from_uniq([(4 << 58) + last]),
        RangeSet.from_cells(np.array([last], dtype=np.int64), 29),
    ):
        assert a.ranges.tolist() == [[last, END]]
        assert a.n_cells == 1
        assert a.cells().tolist() == [last]
        assert a.uniq().tolist() == [(4 << 58) + last]
        assert (~a).n_cells == last


def test_empty_and_full():
    for order in range(30):
        empty, full = RangeSet.empty(order), RangeSet.full(order)
        assert not empty
        assert full
        assert empty.ranges.shape == (0, 2)
        assert empty == ~full
        assert full == ~empty
        assert full.n_cells == 12 * 4**order
        assert full.sky_fraction == 1.0
        assert full.uniq().tolist() == list(range(4, 16))
        assert empty.uniq().size == empty.cells().size == 0
        assert empty.cells_by_order() == {}
        assert empty.at_order(0) == empty
        assert full.at_order(0, mode="center") == full
    assert RangeSet([], 5) == RangeSet(np.empty((0, 2), dtype=np.int64), 3) == RangeSet.empty(0)
    for none in (RangeSet.from_cells([], 5), RangeSet.from_uniq([]), RangeSet.from_ranges([], 4)):
        assert none == RangeSet.empty(0)
    assert RangeSet.from_cells(7, 1) == RangeSet.from_cells([7], 1)


# ---------------------------------------------------------------- a value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("a", [RangeSet.empty(7), RangeSet.full(0), RangeSet.from_cells([1, 5, 6], 9)], ids=repr)
def test_pickle(a, protocol):
    again = pickle.loads(pickle.dumps(a, protocol))
    assert again == a
    assert again.order == a.order
    assert hash(again) == hash(a)
    check_invariant(again)
    assert (again | a) == a


def test_pickle_does_not_share_the_buffers_of_others():
    a = RangeSet.from_cells([1, 5, 6], 9)
    buffers = []
    text = pickle.dumps(a, protocol=5, buffer_callback=buffers.append)
    memory = [bytearray(buffer.raw()) for buffer in buffers]
    assert sum(map(len, memory)) == a.nbytes
    again = pickle.loads(text, buffers=memory)
    for some in memory:
        some[:] = bytes(len(some))
    assert again == a


def test_copy_is_the_same_object():
    a = RangeSet.from_cells([1], 3)
    assert copy.copy(a) is a
    assert copy.deepcopy(a) is a


def test_equality_and_hash():
    a = RangeSet.from_cells([4, 5, 6, 7], 2)
    b = RangeSet.from_cells([1], 1)
    assert a == b
    assert a.order != b.order
    assert len({a, b, ~a, ~b}) == 2
    assert a != "sky"
    assert a != a.ranges.tolist()
    assert a != RangeSet.from_cells([4, 5, 6], 2)


MAKERS = {
    "RangeSet": lambda: RangeSet([[0, 4], [8, 12]], 28),
    "RangeSet, Fortran order": lambda: RangeSet(np.asfortranarray([[0, 4], [8, 12]]), 28),
    "RangeSet, uint64": lambda: RangeSet(np.array([[0, 4], [8, 12]], dtype=np.uint64), 28),
    "from_ranges": lambda: RangeSet.from_ranges([[8, 12], [0, 4]], 28),
    "from_cells": lambda: RangeSet.from_cells([0, 2], 28),
    "from_uniq": lambda: RangeSet.from_uniq([4 << 56, (4 << 56) + 2]),
    "union": lambda: RangeSet.from_cells([0], 28) | RangeSet.from_cells([2], 28),
    "complement": lambda: ~~RangeSet.from_cells([0, 2], 28),
    "refine": lambda: RangeSet([[0, 4], [8, 12]], 28).at_order(29),
    "pickle": lambda: pickle_round(RangeSet.from_cells([0, 2], 28)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_immutable(name):
    a = MAKERS[name]()
    assert a.ranges.tolist() == [[0, 4], [8, 12]]
    with pytest.raises(ValueError, match="read-only"):
        a.ranges[0, 0] = 4
    ranges = a.ranges
    with pytest.raises(ValueError, match="WRITEABLE"):
        ranges.flags.writeable = True
    with pytest.raises(AttributeError):
        a.order = 3
    with pytest.raises(AttributeError):
        a.something = 3


def test_the_caller_keeps_the_input():
    ranges = np.array([[0, 4], [8, 12]], dtype=np.uint64)
    cells = np.array([5, 3, 3], dtype=np.uint64)
    uniq = np.array([9, 7], dtype=np.uint64)
    sets = [
        RangeSet(ranges, 28),
        RangeSet.from_ranges(ranges, 28),
        RangeSet.from_cells(cells, 29),
        RangeSet.from_uniq(uniq),
    ]
    before = [one.ranges.tolist() for one in sets]
    # Not sorted, not locked ...
    assert cells.tolist() == [5, 3, 3]
    assert uniq.tolist() == [9, 7]
    for array in (ranges, cells, uniq):
        # ... and no part of the set.
        array[...] = 0
    assert [one.ranges.tolist() for one in sets] == before


def test_results_do_not_share_memory_with_cells():
    a = RangeSet.from_cells([1, 2, 9], 3)
    a.cells()[:] = 0
    a.uniq()[:] = 0
    assert a.cells().tolist() == [1, 2, 9]


def test_repr():
    assert repr(RangeSet.from_cells([0, 1, 7], 4)) == "RangeSet(order=4, n_ranges=2, n_cells=3)"


# ---------------------------------------------------------------- large sets, threads, memory


@given(a=range_sets(), b=range_sets())
def test_two_threads_on_small_sets(a, b):
    with (
        mock.patch.object(merging, "_SMALL", 2),
        mock.patch.object(rangeset, "_PARALLEL_FROM", 0),
        set_num_threads(2),
    ):
        on_two = [operation(a, b) for operation in OPERATIONS]
        many = [RangeSet.union_all([a, b, ~b]), RangeSet.intersection_all([a, b, a | b])]
    assert on_two == [operation(a, b) for operation in OPERATIONS]
    assert many == [RangeSet.full(0), a & b]


def large(start, n_ranges, *, length=1, gap=1):
    """Many equal ranges, one after another from cell `start` of order 29 on."""
    starts = np.uint64(start) + np.arange(n_ranges, dtype=np.uint64) * np.uint64(length + gap)
    return RangeSet(np.stack([starts, starts + np.uint64(length)], axis=1), 29)


def random_large(seed, n_ranges):
    """Ranges with random gaps and lengths over the whole sky."""
    steps = np.random.default_rng(seed).integers(1, END // (2 * n_ranges), 2 * n_ranges, dtype=np.uint64)
    return RangeSet(np.cumsum(steps).reshape(-1, 2), 29)


N = 60_000
LARGE = {
    "random": lambda: (random_large(1, N), random_large(2, N)),
    "one before the other": lambda: (large(0, N), large(10**9, N)),
    "one meets the other": lambda: (large(0, N), large(2 * N - 1, N)),
    "identical": lambda: (random_large(1, N), random_large(1, N)),
    "nested": lambda: (RangeSet([[0, 10**12]], 29), large(5, 2 * N)),
    "nested, both long": lambda: (large(0, N, length=3, gap=1), large(1, N, length=1, gap=3)),
    "filling the gaps": lambda: (large(0, N), large(1, N)),
    "very unequal": lambda: (random_large(1, 2 * N), random_large(2, 40)),
    "empty": lambda: (random_large(1, 2 * N), RangeSet.empty(29)),
    "full": lambda: (random_large(1, 2 * N), RangeSet.full(0)),
}


@pytest.mark.deep
@pytest.mark.parametrize("case", LARGE)
def test_two_threads_on_large_sets(case):
    a, b = LARGE[case]()
    assert a.ranges.size + b.ranges.size > merging._SMALL
    for one, other in ((a, b), (b, a)):
        for operation, truth in zip(OPERATIONS, TRUTHS.values(), strict=True):
            with set_num_threads(2):
                on_two = operation(one, other)
            expected = oracles.combine(one.ranges.reshape(-1), other.ranges.reshape(-1), truth)
            np.testing.assert_array_equal(on_two.ranges.reshape(-1), expected)
            check_invariant(on_two)
    c = large(7, 2 * N, length=2, gap=5)
    with set_num_threads(2):
        assert RangeSet.union_all([a, b, c]) == a | b | c
        assert RangeSet.intersection_all([a, b, ~c]) == a & b & ~c


def test_the_same_answer_from_many_threads():
    a, b = random_large(3, 60_000), random_large(4, 60_000)
    expected = [operation(a, b) for operation in OPERATIONS]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            results = list(pool.map(lambda operation: operation(a, b), OPERATIONS * 4))
            assert results == expected * 4


@not_sanitized
@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="the system does not report peaks of memory"
)
def test_resident_memory_of_the_algebra():
    """The real memory of a separate process: arrays of this size are mapped and given back as a whole."""
    code = """
import numpy as np
from hpmask import RangeSet
from hpmask._utils import memory

def kilobytes(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

rng = np.random.default_rng(7)
a, b = (RangeSet.from_cells(rng.integers(0, 12 << 30, 1_800_000), 15) for _ in range(2))
for work in (lambda: a | b, lambda: a & b, lambda: a ^ b, lambda: a - b, lambda: ~a, lambda: a.union(b)):
    work()
    memory.release()
    open("/proc/self/clear_refs", "w").write("5")
    before = kilobytes("VmRSS")
    result = work()
    print((kilobytes("VmHWM") - before) * 1024 / (16 * a.n_ranges))
    del result
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tempfile.gettempdir()
    )
    peaks = [float(line) for line in run.stdout.split()]
    assert len(peaks) == 6
    assert max(peaks) > 1, "nothing was measured"
    assert max(peaks) < 3


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) >= "2.5.0",
    reason="numpy 2.5 reports to tracemalloc an array that shrinks in place before it takes back the larger one",
)
def test_memory_of_the_algebra():
    n = 1_800_000
    a, b = random_large(5, n), random_large(6, n)
    limit = 3 * 16 * n
    work = {
        "|": lambda: a | b,
        "&": lambda: a & b,
        "^": lambda: a ^ b,
        "-": lambda: a - b,
        "~": lambda: ~a,
        "union": lambda: RangeSet.union_all([a, b]),
        "==": lambda: a == b,
        "hash": lambda: hash(a),
        "issubset": lambda: a.issubset(b),
        "n_cells": lambda: a.n_cells,
        "degrade any": lambda: a.at_order(12, mode="overlap"),
        "degrade all": lambda: a.at_order(12, mode="inside"),
    }
    peaks = {}
    tracemalloc.start()
    try:
        for name, function in work.items():
            memory.release()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            result = function()
            peaks[name] = tracemalloc.get_traced_memory()[1] - before
            del result
        # Of all three sets together there are 2 n ranges.
        c = RangeSet.full(0)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        RangeSet.intersection_all([a, b, c])
        many = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert {name: peak for name, peak in peaks.items() if peak >= limit} == {}
    assert many < 2 * limit


@not_sanitized
@pytest.mark.skipif(sys.platform != "linux", reason="counts the page faults of Linux")
def test_a_repeated_operation_uses_the_memory_that_is_there():
    import resource

    def faults():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    a, b = random_large(5, 1_500_000), random_large(6, 1_500_000)
    memory.release()
    counts = []
    for operation in (*OPERATIONS, lambda a, b: ~a):
        for _ in range(3):
            before = faults()
            result = operation(a, b)
            counts.append(faults() - before)
            del result
    memory.release()
    # Fresh memory for 24 to 48 MB needs 6000 to 12 000 pages of 4 kB, or 512 while numpy asks for the first large one.
    assert max(counts[2::3]) < 200


def test_results_keep_no_more_memory_than_they_need():
    a, b = random_large(5, 200_000), random_large(6, 200_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = a & large(0, 200_000)
        memory.release()
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept < result.nbytes + 100_000
    assert b


def test_pieces_along_the_curve_have_no_empty_ranges(monkeypatch):
    """A range that ends at a cut has no part behind it."""
    appended = []

    class Noting(rangeset.Pieces):
        def append(self, boundaries):
            appended.append(boundaries.tolist())
            super().append(boundaries)

    monkeypatch.setattr(rangeset, "Pieces", Noting)
    unit = 1 << 50
    cuts = np.array([0, 10, 20, 12 << 8], dtype=np.uint64) * np.uint64(unit)
    sets = [
        rangeset.checked(np.array(b, dtype=np.uint64) * np.uint64(unit), 4)
        for b in ([1, 2], [5, 10, 12, 13], [15, 20, 30, 31])
    ]
    found = rangeset.union_along_curve(sets, cuts, 4)
    assert [[n // unit for n in piece] for piece in appended] == [[1, 2], [12, 13], [30, 31]]
    assert found == sets[0] | sets[1] | sets[2]


def test_the_intersection_of_no_sets_is_the_sky_at_order_0():
    everything = RangeSet.intersection_all([])
    assert everything.is_full
    assert everything.order == 0


def test_negative_cells_are_not_cells():
    with pytest.raises(ValueError, match=r"must be from 0 to 12 \* 4\*\*2 - 1, .* row 1 is -1"):
        RangeSet.full(2).contains(np.array([3, -1]), 2)
