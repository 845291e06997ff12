"""Set operations on two sets: the kernel, parts on threads, and memory."""

from __future__ import annotations

import gc
from unittest import mock

import numpy as np
import oracles
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import boundary_arrays, random_boundaries

from hpmask._kernels import merge as kernel
from hpmask._kernels import ranges
from hpmask._utils import memory
from hpmask._utils.parallel import set_num_threads
from hpmask.core import merging

TRUTHS = {"or": 0b1110, "and": 0b1000, "xor": 0b0110, "minus": 0b0010}
_BEYOND = np.uint64(2**64 - 1)


def run(function, *args, size):
    """What a kernel writes, and that it writes nothing beyond."""
    out = np.full(size + 1, _BEYOND)
    count = function(*args, out[:size])
    assert out[size] == _BEYOND
    return out[:count]


def check_counted(a, b, truth, expected):
    """Count in pieces, with buffers of several sizes, and write what is missing."""
    size = (a.size + b.size) // kernel.SEGMENT + 3
    for room in (0, 2, 40, 2 * (a.size + b.size) + 64):
        marks, work = np.full((size + 1, 3), -7, dtype=np.int64), np.full(room + 1, _BEYOND)
        rows, middle, *kept = kernel.count(a, b, truth, 0, a.size, 0, b.size, work[:room], marks[:size])
        assert rows <= size
        assert (marks[size:] == -7).all()
        assert work[room] == _BEYOND
        assert marks[0].tolist() == [0, 0, 0]
        assert marks[rows - 1].tolist() == [a.size, b.size, expected.size]
        assert (np.diff(marks[:rows], axis=0) >= 0).all()
        assert kept[0] <= middle
        assert kept[1] <= rows - 1 - middle
        for first, number, half in ((0, kept[0], 0), (middle, kept[1], room // 2)):
            start, stop = marks[first, 2], marks[first + number, 2]
            np.testing.assert_array_equal(work[half : half + stop - start], expected[start:stop])
        # Segments are independent of each other.
        out = np.full(expected.size, _BEYOND)
        for k in reversed(range(rows - 1)):
            kernel.write(a, b, truth, marks[:rows], k, k + 1, out)
        np.testing.assert_array_equal(out, expected)
        out[:] = _BEYOND
        kernel.write(a, b, truth, marks[:rows], 0, rows - 1, out)
        np.testing.assert_array_equal(out, expected)


@given(boundary_arrays(), boundary_arrays(), st.sampled_from(sorted(TRUTHS.values())))
def test_combine_small(a, b, truth):
    expected = oracles.combine(a, b, truth)
    np.testing.assert_array_equal(run(kernel.combine, a, b, truth, size=a.size + b.size), expected)
    check_counted(a, b, truth, expected)
    assert ranges.any_inside(a, b, truth) == (expected.size > 0)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(33, 300),
    st.integers(33, 300),
    st.sampled_from([700, 5000, 10**9]),
    st.sampled_from(sorted(TRUTHS.values())),
)
def test_combine_in_two_halves(seed, n, m, domain, truth):
    # More than 64 boundaries each: the loop that merges two halves at once.
    rng = np.random.default_rng(seed)
    a, b = random_boundaries(rng, n, domain), random_boundaries(rng, m, domain)
    expected = oracles.combine(a, b, truth)
    np.testing.assert_array_equal(run(kernel.combine, a, b, truth, size=a.size + b.size), expected)
    check_counted(a, b, truth, expected)
    assert ranges.any_inside(a, b, truth) == (expected.size > 0)


ADVERSARIAL = {
    "one before the other": (np.arange(0, 400), np.arange(1000, 1400)),
    "meeting at a value": (np.arange(0, 400), np.arange(399, 799)),
    "identical": (np.arange(0, 400), np.arange(0, 400)),
    "out of step": (np.arange(0, 800, 2), np.arange(1, 801, 2)),
    "touching": (np.arange(0, 400), np.arange(1, 401)),
    "nested": (np.array([0, 5000]), np.arange(1000, 1400)),
    "nested in a gap": (np.concatenate([np.arange(0, 200), np.arange(5000, 5200)]), np.arange(1001, 1401)),
    "long and short": (np.arange(0, 2000), np.arange(995, 1065)),
    "empty": (np.arange(0), np.arange(0, 400)),
    "both empty": (np.arange(0), np.arange(0)),
}


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
@pytest.mark.parametrize("case", ADVERSARIAL)
def test_combine_adversarial(case, truth):
    for a, b in (ADVERSARIAL[case], ADVERSARIAL[case][::-1]):
        a, b = a.astype(np.uint64), b.astype(np.uint64)
        expected = oracles.combine(a, b, truth)
        np.testing.assert_array_equal(run(kernel.combine, a, b, truth, size=a.size + b.size), expected)
        check_counted(a, b, truth, expected)


@example(runs=[((0,), 2000), ((1,), 2000)], truth=2)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([(0,), (1,), (0, 1)]),
            st.integers(1, 4) | st.sampled_from([15, 16, 17, 23, 24, 127, 128, 151, 152, 2000]),
        ),
        max_size=12,
    ),
    st.sampled_from(sorted(TRUTHS.values())),
)
def test_combine_runs_of_all_lengths(runs, truth):
    """One boundary or thousands of either list, or of both, come before the next of the other."""
    sides = [sides for sides, length in runs for _ in range(length)]
    a, b = (np.array([k for k, some in enumerate(sides) if side in some], dtype=np.uint64) for side in (0, 1))
    a, b = a[: a.size // 2 * 2], b[: b.size // 2 * 2]
    for one, other in ((a, b), (b, a)):
        expected = oracles.combine(one, other, truth)
        np.testing.assert_array_equal(run(kernel.combine, one, other, truth, size=a.size + b.size), expected)
        check_counted(one, other, truth, expected)


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
@pytest.mark.parametrize("kind", ["mixed", "long runs", "half alike", "one inside", "one empty"])
def test_large_sets(kind, truth):
    rng = np.random.default_rng(7)
    if kind == "mixed":
        a, b = random_boundaries(rng, 15_000, 10**6), random_boundaries(rng, 20_000, 10**6)
    elif kind == "long runs":
        a, b = (np.flatnonzero(rng.integers(0, 2, 600).repeat(60) == k).astype(np.uint64) for k in (0, 1))
    elif kind == "half alike":
        place = rng.integers(0, 4, 600).repeat(50)
        a, b = (np.flatnonzero((place == k) | (place == 3)).astype(np.uint64) for k in (0, 1))
    elif kind == "one inside":
        a, b = np.array([5, 10**7], dtype=np.uint64), random_boundaries(rng, 25_000, 10**8)
    else:
        a, b = np.empty(0, dtype=np.uint64), random_boundaries(rng, 25_000, 10**8)
    a, b = a[: a.size // 2 * 2], b[: b.size // 2 * 2]
    for one, other in ((a, b), (b, a)):
        expected = oracles.combine(one, other, truth)
        for work in (0, 1000, 1 << 21):
            for n_threads in (1, 2, 5):
                with mock.patch.multiple(merging, _SMALL=5_000, _WORK=work), set_num_threads(n_threads):
                    np.testing.assert_array_equal(merging.combined(one, other, truth), expected)


def test_marks_that_are_wrong():
    a = np.arange(4, dtype=np.uint64)
    marks, out = np.zeros((3, 3), dtype=np.int64), np.zeros(4, dtype=np.uint64)
    for call in (
        lambda: kernel.combine(a, a, 0b1110, out),
        lambda: kernel.count(a, a, 8, 3, 2, 0, 1, out, marks),
        lambda: kernel.count(a, a, 8, 0, 5, 0, 1, out, marks),
        lambda: kernel.count(a, a, 8, 0, 4, 0, 4, out, marks[:2]),
        lambda: kernel.write(a, a, 8, marks, 0, 3, out),
        lambda: kernel.write(a, a, 8, marks, 2, 1, out),
        lambda: kernel.write(a, a, 8, np.array([[0, 0, 0], [5, 4, 4]]), 0, 1, out),
        lambda: kernel.write(a, a, 8, np.array([[0, 0, 0], [4, 4, 5]]), 0, 1, out),
        lambda: kernel.write(a, a, 8, np.array([[2, 0, 0], [1, 4, 4]]), 0, 1, out),
    ):
        with pytest.raises(ValueError, match=r"out|marks|parts"):
            call()
    # Counts that are too small do not make it write beyond.
    out[:] = _BEYOND
    kernel.write(a, a + np.uint64(100), 14, np.array([[0, 0, 0], [4, 4, 3]]), 0, 1, out)
    assert out.tolist() == [0, 1, 2, int(_BEYOND)]


def test_memory_of_a_result():
    """A result has memory of its own size, and leaves it to the next one."""
    a = np.arange(0, 2_000_000, 2, dtype=np.uint64)
    b = a + np.uint64(2_000_000)
    memory.release()
    union = merging.combined(a, b, TRUTHS["or"])
    assert memory.kept() <= 8 * merging._WORK
    place = union.ctypes.data
    view = union[10:20]
    before = view.copy()
    del union
    gc.collect()
    # A view keeps the memory.
    other = merging.combined(a, b, TRUTHS["or"])
    assert other.ctypes.data != place
    np.testing.assert_array_equal(view, before)
    del view
    again = merging.combined(a, b, TRUTHS["or"])
    assert again.ctypes.data == place
    np.testing.assert_array_equal(again, other)
    memory.release()
