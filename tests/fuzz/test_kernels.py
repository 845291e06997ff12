"""The fuzzers of the kernels: their corpus and past findings, and errors planted in the answers of the kernels.

The kernels are those that are installed: no compiler is needed. See fuzz/kernels/README.md.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
# At the end, so that the hpmask that is tested comes first.
sys.path.append(str(ROOT))

from fuzz.kernels.build import FUZZED, KERNELS, CannotBuild, compiler  # noqa: E402
from fuzz.kernels.draw import Source  # noqa: E402
from fuzz.kernels.target import kernel  # noqa: E402
from fuzz.kernels.targets import TARGETS  # noqa: E402

# Functions that give an estimate or a constant, without a referee.
ESTIMATES = {("runs", "count_rows"), ("cells_under_image", "blocks_of")}
# Answers of which a part is scratch, or says how far a function has come: an error there is not one.
SCRATCH = {
    ("merge", "count", "argument 7"),
    ("merge", "count", "argument 8"),
    ("sorting", "part", "argument 1"),
}


def inputs(name):
    """The corpus of a target and what once failed, the small ones first."""
    found = [path for kind in ("corpus", "findings") for path in (ROOT / "fuzz" / kind / "kernels" / name).glob("*")]
    return [path.read_bytes() for path in sorted(found, key=lambda path: (path.stat().st_size, path.name))]


class Watch:
    """A call of kernels that notes which answers there are, and spoils one of them if it is told which.

    An answer is an array that a function writes to, or an array or a number that it returns. `spoil` is the function's
    name, the answer's, and how.
    """

    def __init__(self, spoil=(None, None, None)):
        self.function, self.answer, self.how = spoil
        self.called, self.seen, self.spoiled = set(), set(), False

    def __call__(self, function, *arguments):
        name = function.__name__
        self.called.add(name)
        before = [argument.copy() if isinstance(argument, np.ndarray) else None for argument in arguments]
        result = function(*arguments)
        for i, (old, new) in enumerate(zip(before, arguments, strict=True)):
            if old is not None and old.tobytes() != new.tobytes():
                self.seen.add((name, f"argument {i}"))
                if (name, f"argument {i}") == (self.function, self.answer):
                    other = np.flatnonzero(
                        [x.tobytes() != y.tobytes() for x, y in zip(old.flat, new.flat, strict=True)]
                    )
                    place = np.unravel_index(other[other.size // 2], new.shape)
                    new[place] = moved(new[place], self.how)
                    self.spoiled = True
        return self.returned(name, "result", result)

    def returned(self, name, answer, some):
        """What is returned as it is, or with an error."""
        if isinstance(some, tuple | list):
            return type(some)(self.returned(name, f"{answer} {i}", part) for i, part in enumerate(some))
        if not isinstance(some, bool | int | float) and not (isinstance(some, np.ndarray) and some.size):
            return some
        self.seen.add((name, answer))
        if (name, answer) != (self.function, self.answer):
            return some
        self.spoiled = True
        if not isinstance(some, np.ndarray):
            return moved(some, self.how)
        if self.how == "dropped":
            return some[:-1].copy()
        some = some.copy()
        some.flat[some.size // 2] = moved(some.flat[some.size // 2], self.how)
        return some


def moved(value, how):
    """Another value: the next number, or the one before or further on; a float that is some percent more or less."""
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, float | np.floating):
        return (0.93 * value - 0.05 if how == "dropped" else 1.07 * value + 0.05) if np.isfinite(value) else 0.0
    if isinstance(value, np.integer):
        return value ^ value.dtype.type(2 if how == "dropped" else 1)
    return value - 1 if how == "dropped" else value + 1


def test_every_kernel_has_a_target():
    assert sorted(TARGETS) == sorted(FUZZED)
    assert sorted(path.stem for path in (ROOT / "hpmask" / "_kernels").glob("*.pyx")) == sorted(KERNELS)


@pytest.mark.parametrize("name", FUZZED)
def test_the_corpus_passes_and_errors_in_each_answer_are_found(name, counted):
    some = inputs(name)
    assert some, "there is no corpus"
    watch = Watch()
    for data in some:
        TARGETS[name](Source(data), watch)
    public = {
        key
        for key, value in vars(kernel(name)).items()
        if type(value).__name__ in ("cython_function_or_method", "builtin_function_or_method") and key[0] != "_"
    }
    if name == "crossings":
        public = {"crossings"}
    assert public - watch.called <= {function for kernel_, function in ESTIMATES if kernel_ == name}
    planted, unseen = 0, []
    for function, answer in sorted(watch.seen):
        if (name, function, answer) in SCRATCH or (name, function) in ESTIMATES:
            continue
        # An edge that is moved by one, or a part that is left out; at least one of them must show.
        if not any(_is_found(name, some, (function, answer, how)) for how in ("moved", "dropped")):
            unseen.append((function, answer))
        planted += 1
    assert not unseen
    assert planted
    counted(len(some), f"inputs of the fuzzer of {name}")
    counted(planted, f"errors planted in answers of {name}")


def _is_found(name, some, spoil):
    for data in some:
        watch = Watch(spoil)
        try:
            TARGETS[name](Source(data), watch)
        except AssertionError:
            if watch.spoiled:
                return True
            raise
        except (ValueError, IndexError, OverflowError, KeyError):
            # A later step refused the wrong answer.
            assert watch.spoiled
            return True
    return False


def test_without_clang_a_run_says_so(monkeypatch, tmp_path, capsys):
    from fuzz.kernels import run

    monkeypatch.setenv("CLANG", "no-such-compiler")
    with pytest.raises(CannotBuild, match="no no-such-compiler"):
        compiler()
    assert run.main(["words", "--seconds", "1", "--report", str(tmp_path / "report.json")]) == 0
    assert "skipped: there is no no-such-compiler on the path" in capsys.readouterr().err
    assert '"skipped": "there is no' in (tmp_path / "report.json").read_text()
