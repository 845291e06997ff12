"""UNIQ numbers: Python's integers and numpy's sort as referees."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multi_order import orders_of as by_logarithm
from multi_order import random_uniq, uniq_maps

from hpmask import HealpixMap, RangeSet
from hpmask._kernels import uniq as kernel
from hpmask.core import uniq


@given(st.lists(st.tuples(st.integers(0, 29), st.floats(0, 1, exclude_max=True))))
def test_orders(pairs):
    numbers = [(4 << 2 * k) + int(part * (12 << 2 * k)) for k, part in pairs]
    found, orders, ascending = uniq.orders_of(np.array(numbers, dtype=np.int64))
    assert found.dtype == np.uint64
    assert found.tolist() == numbers
    assert orders.tolist() == [k for k, _ in pairs]
    assert ascending == all(a < b for a, b in pairwise(numbers))


@pytest.mark.parametrize("bad", [0, 3, -1, 16 << 58, 2**63 - 1])
def test_bad_numbers(bad):
    with pytest.raises(ValueError, match=rf"row 1 is {bad}"):
        uniq.orders_of(np.array([4, bad, 5]))


@given(uniq_maps(max_order=3))
def test_rows_in_the_order_of_places(numbers):
    numbers = np.sort(numbers).astype(np.uint64)
    orders = by_logarithm(numbers)
    places = (numbers - (np.uint64(4) << (2 * orders).astype(np.uint64))) << (2 * (29 - orders)).astype(np.uint64)
    assert uniq.nested_rows(numbers, orders.astype(np.uint8)).tolist() == np.argsort(places).tolist()
    chosen = numbers % 3 > 0
    out = np.empty(2 * numbers.size, dtype=np.uint64)
    runs = uniq.runs_of(orders.astype(np.uint8))
    count, *rows = kernel.boundaries(numbers, *runs, chosen.view(np.uint8), out)
    assert rows == [-1, -1]
    assert out[:count].tolist() == RangeSet.from_uniq(numbers[chosen]).boundaries.tolist()


def test_rows_of_the_finest_order():
    numbers = np.array([4 + 5, (4 << 58) + 3, (4 << 58) + 4], dtype=np.uint64)
    assert uniq.nested_rows(numbers, np.array([0, 29, 29], dtype=np.uint8)).tolist() == [1, 2, 0]


@given(uniq_maps(), st.data())
def test_overlapping_cells_are_found(numbers, data):
    inside = data.draw(st.sampled_from(numbers.tolist()))
    for _ in range(data.draw(st.integers(1, 3))):
        inside = 4 * inside + data.draw(st.integers(0, 3))
    numbers = np.sort(np.append(numbers, inside)).astype(np.uint64)
    orders = by_logarithm(numbers).astype(np.uint8)
    row = int(np.flatnonzero(numbers == inside)[0])
    with pytest.raises(ValueError, match=rf"those of rows \d+ and {row} do"):
        uniq.nested_rows(numbers, orders)
    none = np.zeros(numbers.size, dtype=np.uint8)
    assert kernel.boundaries(numbers, *uniq.runs_of(orders), none, np.empty(0, np.uint64))[2] == row


@pytest.mark.parametrize("full", [True, False])
def test_maps_of_many_cells(full):
    rng = np.random.default_rng(int(full))
    numbers = random_uniq(rng, coarse=0, fine=7, part=0.6, full=full)
    values = rng.uniform(size=numbers.size)
    ascending = HealpixMap(values, uniq=numbers, frame="icrs")
    rows = rng.permutation(numbers.size)
    shuffled = HealpixMap(values[rows], uniq=numbers[rows], frame="icrs")
    sorted_ = HealpixMap(ascending.values, uniq=_uniq_of(ascending), frame="icrs")
    starts, stops = ascending.starts_stops()
    assert np.all(starts[1:] >= stops[:-1])
    for other in (shuffled, sorted_):
        assert other.cells.tolist() == ascending.cells.tolist()
        assert other.orders.tolist() == ascending.orders.tolist()
        assert other.values.tolist() == ascending.values.tolist()
    by_number = dict(zip(numbers.tolist(), values.tolist(), strict=True))
    assert [by_number[number] for number in _uniq_of(ascending).tolist()] == ascending.values.tolist()
    for chosen in (ascending.values > 0.3, ascending.values > 2, ascending.values > -1):
        assert ascending.set_of(chosen) == RangeSet.from_uniq(_uniq_of(ascending)[chosen])
    assert ascending.coverage.is_full == full


def _uniq_of(map_):
    return map_.cells + (np.uint64(4) << (np.uint64(2) * map_.orders.astype(np.uint64)))


def test_arguments_of_the_kernel():
    numbers, one = np.array([4, 5, 15], dtype=np.uint64), np.array([0], dtype=np.int64)
    order = np.array([0], dtype=np.uint8)
    for call in (
        lambda: kernel.orders(numbers, np.empty(2, np.uint8)),
        lambda: kernel.nested(numbers, one, np.array([4]), order, np.empty(4, np.int64)),
        lambda: kernel.nested(numbers, one, np.array([3]), order, np.empty(2, np.int64)),
        lambda: kernel.nested(numbers, one, np.array([2]), np.array([30], np.uint8), np.empty(4, np.int64)),
        lambda: kernel.boundaries(numbers, one, np.array([2]), order, np.ones(2, np.uint8), np.empty(9, np.uint64)),
        lambda: kernel.boundaries(numbers, one, np.array([2]), order, np.ones(3, np.uint8), np.empty(1, np.uint64)),
    ):
        with pytest.raises(ValueError, match=r"must|too small"):
            call()
