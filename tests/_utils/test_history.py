"""The lines that tell how a mask was made."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hpmask._utils.history import joined


def steps(lines):
    """How many steps a history stands for."""
    matches = [re.fullmatch(r"\.\.\. \((\d+) more steps\)", line) for line in lines]
    return sum(int(match[1]) if match else 1 for match in matches)


def test_short_history_is_kept():
    assert joined(["a", "b"], ["c"], "|") == ("a", "b", "c", "|")


def test_long_history_keeps_its_ends_and_counts_the_rest():
    lines = ()
    for i in range(1000):
        lines = joined(lines, (), f"step {i}")
        assert len(lines) <= 64
        assert steps(lines) == i + 1
    assert lines[:3] == ("step 0", "step 1", "step 2")
    assert lines[-2:] == ("step 998", "step 999")
    assert lines[32] == "... (937 more steps)"


@given(st.lists(st.integers(0, 100), max_size=6))
def test_every_step_is_counted(sizes):
    lines, total = (), 0
    for size in sizes:
        lines = joined(lines, joined([f"made {i}" for i in range(size)], (), "|"), "&")
        total += size + 2
        assert len(lines) <= 64
        assert steps(lines) == total
