"""Sorting of cell numbers: its steps, and the ranges that come of it. Referee: NumPy's sort."""

from itertools import pairwise

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask._kernels import sorting as kernel
from hpmask.core import rangeset, sorting


@st.composite
def runs_of_numbers(draw):
    """Ascending runs that interleave, as the ranges of shapes do, or not; with ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    starts = np.sort(rng.integers(0, 10**4, draw(st.integers(0, 60))))
    length, spread = draw(st.integers(1, 40)), draw(st.sampled_from([1, 30, 10**4]))
    parts = [start + np.sort(rng.integers(0, spread, rng.integers(1, length + 1))) for start in starts]
    # Some have a part far away.
    for k in np.flatnonzero(rng.uniform(size=len(parts)) < draw(st.sampled_from([0, 0.1, 0.6]))):
        parts[k] = np.sort(np.append(parts[k], rng.integers(0, 10**4, rng.integers(1, 4))))
    numbers = np.concatenate([np.empty(0, np.int64), *parts]).astype(np.uint64)
    return draw(st.sampled_from([numbers, numbers[::-1].copy(), rng.permutation(numbers)]))


@examples(300)
@given(runs_of_numbers(), st.floats(0, 1))
def test_numbers_set_aside_and_merged(numbers, room):
    values, aside = numbers.copy(), np.empty(int(room * numbers.size), np.uint64)
    count = kernel.part(values, aside)
    assert count <= aside.size
    if count < 0:
        np.testing.assert_array_equal(np.sort(values), np.sort(numbers))
        return
    kept = values[: values.size - count]
    assert (kept[1:] >= kept[:-1]).all()
    aside = np.sort(aside[:count])
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, aside])), np.sort(numbers))
    kernel.join(values, aside)
    np.testing.assert_array_equal(values, np.sort(numbers))


def test_groups_that_are_set_aside():
    """The fewer of those before and those behind a step down."""
    for numbers, few in (
        ([100, 101, 900, 901, 102, 103, 104], [900, 901]),
        ([500, 501, 3, 4, 502, 503], [3, 4]),
        ([5, 4, 3, 2, 1], [5, 4, 3, 2]),
        ([7, 7, 7, 7], []),
        ([2**64 - 1, 0, 2**64 - 1], [0]),
    ):
        values, aside = np.array(numbers, np.uint64), np.zeros(9, np.uint64)
        count = kernel.part(values, aside)
        assert sorted(aside[:count].tolist()) == sorted(few) or len(few) == count
        kernel.join(values, np.sort(aside[:count]))
        assert values.tolist() == sorted(numbers)
    with pytest.raises(ValueError, match="more numbers"):
        kernel.join(np.zeros(1, np.uint64), np.zeros(2, np.uint64))


@given(st.lists(st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(2**63, 2**63 + 9))))
def test_many_random_numbers_are_sorted_in_groups(numbers):
    values = np.array(numbers, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "_SORTED_AT_ONCE", 3)
        sorting._sort_random(values)
    assert values.tolist() == sorted(numbers)


def test_distributing_into_groups():
    values, stops = np.array([9, 12, 8, 15, 10, 8], np.uint64), np.empty(4, np.int64)
    kernel.distribute(values, 8, 1, stops)
    assert stops.tolist() == [3, 4, 5, 6]
    assert [sorted(values[i:j].tolist()) for i, j in pairwise([0, *stops])] == [[8, 8, 9], [10], [12], [15]]
    for least, shift, groups in (8, 1, 3), (9, 1, 4), (8, 64, 4), (8, -1, 4), (8, 1, 0), (8, 1, 257):
        with pytest.raises(ValueError, match="group"):
            kernel.distribute(values, least, shift, np.empty(groups, np.int64))
    assert sorted(values.tolist()) == [8, 8, 9, 10, 12, 15]


@pytest.mark.parametrize("few", [0, 10**9])
@examples(100)
@given(runs_of_numbers(), st.integers(1, 4), st.integers(0, 30), st.integers(1, 3))
def test_from_starts_stops_of_runs(few, starts, depth, length, n_threads):
    rng = np.random.default_rng(starts.size)
    stops = starts + rng.integers(0, length + 1, starts.size).astype(np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "_FEW", few)
        patch.setattr(rangeset, "_PARALLEL_FROM", 20)
        found = rangeset.from_starts_stops(starts.copy(), stops.copy(), 29, depth=depth, n_threads=n_threads)
    np.testing.assert_array_equal(found.boundaries, oracles.at_least(starts, stops, depth))
