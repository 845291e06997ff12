"""Flags against the cells of each set, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import cell_sets, range_sets

from hpmask import RangeSet
from hpmask.core import flags, layers
from hpmask.core.flags import FlagIndex, flag_dtype, n_words
from hpmask.core.positions import Positions


def one_by_one(sets, cells, order):
    """The flags of cells of an order, from Python sets of pairs of an order and cells."""
    found = [[0] * n_words(len(sets)) for _ in cells]
    for k, (its_order, members) in enumerate(sets):
        for i, cell in enumerate(cells):
            if cell >> 2 * (order - its_order) in members:
                found[i][k // 64] |= 1 << k % 64
    array = np.array(found, dtype=np.uint64).reshape(len(cells), -1)
    return array if len(sets) > 64 else array[:, 0]


@st.composite
def several_sets(draw, *, max_sets=70):
    """Sets of orders up to 2, as RangeSets and as Python sets of cells."""
    n = draw(st.one_of(st.integers(1, 12), st.integers(1, max_sets)))
    kinds = []
    for _ in range(draw(st.integers(1, 5))):
        order = draw(st.integers(0, 2))
        kinds.append((order, draw(cell_sets(order))))
    chosen = [kinds[i] for i in draw(st.lists(st.integers(0, len(kinds) - 1), min_size=n, max_size=n))]
    return [RangeSet.from_cells(sorted(cells), order) for order, cells in chosen], chosen


@examples(100)
@given(several_sets(), st.sampled_from([2, 3, 17, 29]), st.sampled_from([8, 64, 1 << 14]))
def test_flags_are_each_of_the_sets(sets, order, part):
    planes, members = sets
    cells = list(range(12 * 4**2))
    expected = one_by_one(members, cells, 2)
    index = FlagIndex(planes, order)
    positions = Positions.of_cells(cells, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_PART", part)
        patch.setattr(flags, "_PATIENCE", 0)
        before = index.flags(positions)
        assert index.is_merged == (not any(plane.n_ranges for plane in planes))
        index.merge(1)
    after = index.flags(positions)
    assert before.dtype == after.dtype == flag_dtype(len(planes))
    np.testing.assert_array_equal(before, expected)
    np.testing.assert_array_equal(after, expected)


@examples(100)
@given(st.lists(range_sets(), min_size=1, max_size=9), st.data())
def test_flags_at_fine_orders(planes, data):
    """Places where sets begin and end, and the cells before and after them."""
    places = np.unique(np.concatenate([plane.boundaries for plane in planes]))
    numbers = np.concatenate([places, places[places > 0] - np.uint64(1), np.array([0], dtype=np.uint64)])
    numbers = numbers[numbers < 12 << 58]
    index = FlagIndex(planes, 29)
    index.merge(1)
    found = index.flags(Positions.of_cells(numbers, 29))
    for k, plane in enumerate(planes):
        at_or_below = np.searchsorted(plane.boundaries, numbers, side="right")
        np.testing.assert_array_equal((found >> k) & 1, at_or_below % 2)


def test_order_of_bits_is_that_of_the_sets():
    first, second = RangeSet.from_cells([0, 1], 0), RangeSet.from_cells([1, 2], 0)
    index = FlagIndex([first, second], 0)
    index.merge()
    assert index.flags(Positions.of_cells([0, 1, 2, 3], 0)).tolist() == [1, 3, 2, 0]


def test_merged_parts_are_one_list():
    rng = np.random.default_rng(1)
    planes = [RangeSet.from_cells(np.flatnonzero(rng.random(12 * 4**4) < 0.3), 4) for _ in range(7)]
    whole = list(layers.merged(planes, 0, n_threads=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_PART", 100)
        parts = list(layers.merged(planes, 42, n_threads=2))
    assert len(whole) == 1
    assert len(parts) > 20
    for k in range(2):
        np.testing.assert_array_equal(np.concatenate([part[k] for part in parts]), whole[0][k])
    for places, _, stop in parts:
        assert (places <= stop << 42).all()


def test_types():
    sizes = [(1, "u1"), (8, "u1"), (9, "u2"), (16, "u2"), (17, "u4"), (32, "u4"), (33, "u8"), (64, "u8"), (65, "u8")]
    for n, name in sizes:
        assert flag_dtype(n) == np.dtype(name)
    assert [n_words(n) for n in (1, 64, 65, 128, 129)] == [1, 1, 2, 2, 3]
