"""Mutation testing: small changes of the code, each of which a test should notice.

    python tools/mutate.py --package core [--sample 100] [--seed 1] [--report FILE] [--records FOLDER]

`--package` is one of core, energy, io, wcs and kernels. All mutants of the package are counted, and `--sample` chooses
how many are run. One pytest process collects the tests and records once which of them run which lines (kept in
`--records`). It then forks for each mutant, puts the mutant in place (`mutated.py`) and runs the tests that reach it,
the fastest first, until one fails. `--again` runs only the mutants that survived according to the report.

The report (JSON) has the number of mutants, how many were run, killed or out of time, and the survivors. Mutants that
behave as the original does are in `mutants_equal.toml`, with the reason, and are not run.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import resource
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import coverage
import hypothesis
import pytest
from _pytest.runner import runtestprotocol
from mutants import Mutant, equal_mutants, mutants_of
from mutated import (
    NoMutant,
    compile_kernel,
    functions_of_kernel,
    kernels_with,
    put_in_place,
    put_kernel_in_place,
    replace_everywhere,
)

ROOT = Path(__file__).resolve().parents[1]
EQUAL = ROOT / "tools" / "mutants_equal.toml"
TESTS = {
    "core": ["tests/core", "tests/energy"],
    "energy": ["tests/energy", "tests/core/test_energy_bins.py"],
    "io": ["tests/io"],
    "wcs": ["tests/wcs"],
    "kernels": ["tests/core", "tests/_kernels/test_shapes.py", "tests/morphology", "tests/regions", "tests/wcs"],
}
# Seconds of tests for one mutant, as they were recorded.
SECONDS = 20.0
# A .pxd is compiled into this many of the kernels that include it.
HOLDERS = 3
MEMORY = 8 << 30

# No time for small examples, and the same ones in each run.
hypothesis.settings.register_profile(
    "mutants", deadline=None, max_examples=20, derandomize=True, database=None, phases=[hypothesis.Phase.generate]
)


class Run:
    """A plugin of pytest that runs the tests on mutants, and not once."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self.options = options
        self.scratch = scratch
        self.outcome: dict[str, Any] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        record = recorded(self.options, items, self.scratch)
        files = sorted(files_of(self.options.package, self.options.files))
        mutants = [mutant for file in files for mutant in mutants_of(file, (ROOT / file).read_bytes())]
        chosen = choose(mutants, self.options)
        equal = equal_mutants(EQUAL)
        self.outcome = outcome = {
            "package": self.options.package,
            "mutants": len(mutants),
            "run": 0,
            "killed": 0,
            "timed out": 0,
            "equal": 0,
            "not compiled": 0,
            "survived": [],
        }
        for mutant in chosen:
            line, becomes = mutant.lines((ROOT / mutant.file).read_bytes())
            if (mutant.file, line, becomes) in equal:
                outcome["equal"] += 1
                continue
            tests = reaching(mutant, record)
            found = {"file": mutant.file, "line": mutant.line, "was": line, "becomes": becomes}
            fate = fate_of(mutant, [items[test] for test in tests if test in items], record, self.scratch)
            if fate == "survived":
                outcome["survived"].append({**found, "tests": len(tests), "start": mutant.start, "new": mutant.becomes})
            else:
                outcome[fate] += 1
            outcome["run"] += fate != "not compiled"
            print(f"{fate:12} {mutant.file}:{mutant.line}  {line}  ->  {becomes}", file=sys.__stdout__, flush=True)
            if self.options.report:
                self.options.report.write_text(json.dumps(outcome, indent=1) + "\n", "utf-8")
        return True


def files_of(package: str, names: list[str] | None = None) -> list[str]:
    folder = ROOT / "hpmask" / ("_kernels" if package == "kernels" else package)
    patterns = ("*.pyx", "*.pxd") if package == "kernels" else ("*.py",)
    paths = [path for pattern in patterns for path in folder.glob(pattern)]
    return [str(path.relative_to(ROOT)) for path in paths if names is None or path.name in names]


def choose(mutants: list[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """A sample, or the survivors of an earlier run (found again by their lines, which may have moved)."""
    if options.again:
        survivors = json.loads(options.again.read_text("utf-8"))["survived"]
        wanted = {(found["file"], found["was"], found["becomes"]) for found in survivors}
        sources = {file: (ROOT / file).read_bytes() for file, _, _ in wanted}
        return [
            mutant
            for mutant in mutants
            if mutant.file in sources and (mutant.file, *mutant.lines(sources[mutant.file])) in wanted
        ]
    if options.sample is None or options.sample >= len(mutants):
        return mutants
    return random.Random(options.seed).sample(mutants, options.sample)


def recorded(options: argparse.Namespace, items: dict[str, pytest.Item], scratch: Path) -> dict[str, Any]:
    """Seconds of each test that passes, the tests that run each line of a file, and those that call each kernel."""
    file = (options.records or scratch) / f"{options.package}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        in_child(lambda: file.write_text(json.dumps(record_of(options.package, items)), "utf-8") and 0)
    record: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return record


def record_of(package: str, items: dict[str, pytest.Item]) -> dict[str, Any]:
    calls: dict[str, set[str]] = defaultdict(set)
    running = ""

    def noting(kernel: str, function: Any) -> Any:
        def noted(*values: Any, **named: Any) -> Any:
            calls[kernel].add(running)
            return function(*values, **named)

        return noted

    python = package != "kernels"
    if not python:
        kernels = [path.stem for path in (ROOT / "hpmask" / "_kernels").glob("*.pyx")]
        replace_everywhere(
            {id(function): noting(kernel, function) for kernel in kernels for function in functions_of_kernel(kernel)}
        )
    trace = coverage.Coverage(data_file=None, include=[str(ROOT / "hpmask" / package / "*")], config_file=False)
    seconds = {}
    if python:
        trace.start()
    for item, following in pairs(list(items.values())):
        running = item.nodeid
        if python:
            trace.switch_context(running)
        began = time.process_time()
        if passes(item, following):
            seconds[running] = time.process_time() - began
    lines = {}
    if python:
        trace.stop()
        data = trace.get_data()
        lines = {
            str(Path(file).relative_to(ROOT)): {
                line: [test for test in tests if test in seconds]
                for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
    kernels_called = {kernel: [test for test in tests if test in seconds] for kernel, tests in calls.items()}
    return {"seconds": seconds, "lines": lines, "kernels": kernels_called}


def reaching(mutant: Mutant, record: dict[str, Any]) -> list[str]:
    """The tests to run on a mutant, the fastest first, as many as fit into the time."""
    if mutant.file.endswith(".py"):
        lines = record["lines"].get(mutant.file, {})
        first, last = mutant.reach or (0, sys.maxsize)
        found = {test for line, tests in lines.items() if first <= int(line) <= last for test in tests}
    else:
        found = {
            test for kernel in kernels_with(ROOT, mutant.file)[:HOLDERS] for test in record["kernels"].get(kernel, [])
        }
    seconds = record["seconds"]
    chosen, spent = [], 0.0
    for test in sorted(found, key=lambda test: (seconds[test], test)):
        spent += seconds[test]
        if spent > SECONDS and chosen:
            break
        chosen.append(test)
    return chosen


def fate_of(mutant: Mutant, items: list[pytest.Item], record: dict[str, Any], scratch: Path) -> str:
    """What becomes of a mutant: killed, timed out, survived, or not compiled."""
    if not items:
        return "survived"

    def attempt() -> int:
        try:
            if mutant.file.endswith(".py"):
                put_in_place(ROOT, mutant)
            else:
                for kernel, library in libraries:
                    put_kernel_in_place(kernel, library)
        except NoMutant:
            return 2
        except Exception:
            # A kernel that fails when it is loaded.
            return 1
        return int(not all(passes(item, following) for item, following in pairs(items)))

    libraries: list[tuple[str, Path]] = []
    if not mutant.file.endswith(".py"):
        try:
            for kernel in kernels_with(ROOT, mutant.file)[:HOLDERS]:
                libraries.append((kernel, compile_kernel(ROOT, mutant, kernel, scratch)))
        except NoMutant:
            return "not compiled"
    status = in_child(attempt, limit=10 + 5 * sum(record["seconds"][item.nodeid] for item in items))
    return fate_by(status)


def fate_by(status: int) -> str:
    """What the status of a mutant's process says."""
    if os.WIFSIGNALED(status):
        return "timed out" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else "killed"
    return {0: "survived", 2: "not compiled"}.get(os.WEXITSTATUS(status), "killed")


def in_child(work: Any, limit: float | None = None) -> int:
    """Run a function in a fork with limits of CPU seconds, real time and memory. Gives the status as `waitpid` does."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            if limit is not None:
                faulthandler.disable()
                quiet = os.open(os.devnull, os.O_RDWR)
                for stream in (1, 2):
                    os.dup2(quiet, stream)
                resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            code = work()
        finally:
            os._exit(code)
    end = time.monotonic() + 10 * (limit or 1e6)
    pause = 0.002
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1]
        time.sleep(pause)
        pause = min(0.1, 1.5 * pause)


def pairs(items: list[pytest.Item]) -> list[tuple[pytest.Item, pytest.Item | None]]:
    return list(zip(items, [*items[1:], None], strict=True))


def passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", choices=TESTS, required=True)
    parser.add_argument("--sample", type=int, help="how many mutants are run; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--again", type=Path, metavar="REPORT", help="only the survivors of this report")
    parser.add_argument("--files", nargs="+", metavar="FILE", help="only the mutants of these files of the package")
    parser.add_argument("--tests", nargs="+", metavar="PATH", help="other tests than those of the package's folder")
    parser.add_argument("--records", type=Path, metavar="FOLDER", help="where to keep which test runs which line")
    return parser.parse_args(arguments)


def main() -> int:
    options = parsed()
    os.chdir(ROOT)
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    with TemporaryDirectory() as scratch:
        run = Run(options, Path(scratch))
        quiet = [
            "-q",
            "--capture=no",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            f"--basetemp={scratch}/tests",
        ]
        pytest.main([*quiet, *(options.tests or TESTS[options.package])], plugins=[run])
    outcome = run.outcome
    if not outcome:
        return 2
    dead = outcome["killed"] + outcome["timed out"]
    share = f"{100 * dead / max(1, outcome['run']):.1f} %"
    print(f"{options.package}: {dead} of {outcome['run']} mutants killed ({share}), {outcome['mutants']} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
