"""tools/mutate.py: which mutants it makes, and that a test kills those that change an answer."""

import importlib
import os
import signal
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
SOURCE = b'''"""A module of 3 functions."""
LIMIT = 7


def positive(values: list[int | float], *, twice: bool = True) -> list[int]:
    """Those above 0."""
    found = []
    for value in values:
        if value < 0 or not value:
            continue
        found.append(value * 2 if twice else value)
    if len(found) > LIMIT:
        raise ValueError(f"{len(found)} values, and not at most {LIMIT + 0}")
    return found[:LIMIT]
'''
KERNEL = b'''"""Not 5 < 6."""
from hpmask._kernels.constants cimport MAX_ORDER

cdef inline int clip(int x) except -1:
    cdef int places[8]
    # 3 < 4
    if x < 29:
        return <int>(x + 0.5)
    raise ValueError("2 == 3")
'''


@pytest.fixture
def tools(monkeypatch):
    """The modules of the tool, by name."""
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module


def changes(mutants, source):
    return {mutant.lines(source) for mutant in mutants}


def test_mutants_of_python(tools):
    found = changes(tools("mutants").mutants_of("small.py", SOURCE), SOURCE)
    assert found == {
        ("LIMIT = 7", "LIMIT = 8"),
        ("if value < 0 or not value:", "if value <= 0 or not value:"),
        ("if value < 0 or not value:", "if value < 1 or not value:"),
        ("if value < 0 or not value:", "if value < 0 and not value:"),
        ("if value < 0 or not value:", "if value < 0 or  value:"),
        ("continue", "break"),
        ("found.append(value * 2 if twice else value)", "pass"),
        ("found.append(value * 2 if twice else value)", "found.append(value // 2 if twice else value)"),
        ("found.append(value * 2 if twice else value)", "found.append(value * 3 if twice else value)"),
        ("found.append(value * 2 if twice else value)", "found.append(value * 2 if not (twice) else value)"),
        ("if len(found) > LIMIT:", "if len(found) >= LIMIT:"),
        ('raise ValueError(f"{len(found)} values, and not at most {LIMIT + 0}")', "pass"),
        ("return found[:LIMIT]", "return None"),
        ("return found[:LIMIT]", "return found[:(LIMIT) - 1]"),
    }


def test_mutants_keep_the_lines(tools):
    source = (
        b"def f(a):\n    if (\n        a\n        < 3\n    ):\n        raise ValueError(\n            a\n        )\n"
    )
    source += b"    return a\n"
    mutants = tools("mutants").mutants_of("lines.py", source)
    assert len(mutants) == 4
    for mutant in mutants:
        changed = mutant.apply(source)
        compile(changed, "lines.py", "exec")
        assert changed.count(b"\n") == source.count(b"\n")


def test_mutants_of_a_kernel(tools):
    found = changes(tools("mutants").mutants_of("small.pyx", KERNEL), KERNEL)
    assert found == {
        ("if x < 29:", "if x <= 29:"),
        ("if x < 29:", "if x < 30:"),
        ("return <int>(x + 0.5)", "return <int>(x + 1.0)"),
    }


def test_equal_mutants_have_a_reason_and_exist(tools):
    mutants = tools("mutants")
    equal = mutants.equal_mutants(TOOLS / "mutants_equal.toml")
    root = TOOLS.parent
    for file in {file for file, _, _ in equal}:
        source = (root / file).read_bytes()
        known = changes(mutants.mutants_of(file, source), source)
        missing = {change[1:] for change in equal if change[0] == file} - known
        assert not missing, f"{file} has changed: {missing}"


@pytest.mark.deep
def test_a_mutant_is_killed_or_survives(tools, tmp_path, monkeypatch):
    (tmp_path / "mutated_example.py").write_bytes(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    example = importlib.import_module("mutated_example")
    mutants, mutated, mutate = tools("mutants"), tools("mutated"), tools("mutate")

    def fates(holds, chosen):
        def attempt(mutant):
            mutated.put_in_place(tmp_path, mutant)
            return int(not holds())

        return {
            mutant.lines(SOURCE)[1]: mutate.fate_by(mutate.in_child(lambda mutant=mutant: attempt(mutant), limit=5))
            for mutant in mutants.mutants_of("mutated_example.py", SOURCE)
            if mutant.lines(SOURCE)[1] in chosen
        }

    # 0 is left out by two conditions.
    same, early, late = "if value <= 0 or not value:", "break", "if len(found) >= LIMIT:"
    weak = fates(lambda: example.positive([3]) == [6], {same, early, late, "return None"})
    assert weak == {same: "survived", early: "survived", late: "survived", "return None": "killed"}
    strong = fates(
        lambda: example.positive([0, -1, 1, 3]) == [2, 6] and example.positive([1] * 7) == [2] * 7, {same, early, late}
    )
    assert strong == {same: "survived", early: "killed", late: "killed"}
    assert example.positive([3]) == [6], "the mutants stay in their processes"
    assert mutate.fate_by(mutate.in_child(lambda: os.kill(os.getpid(), signal.SIGXCPU) or 0, limit=5)) == "timed out"
    assert mutate.fate_by(mutate.in_child(lambda: os.kill(os.getpid(), signal.SIGSEGV) or 0, limit=5)) == "killed"
