"""The command that fuzzes: ``python -m fuzz.run TARGET --seconds 60``.

The fuzzer itself runs in a process of its own, which is started again when an input ends it: a crash, or a loop in
compiled code that no limit of Python can stop. All other failures are collected, one input for each kind, and the
fuzzing goes on.

Without atheris, or with --blind, the inputs are changed without knowledge of the code that they reach: see
`fuzz.blind`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# The folder beside this package has the sources of hpmask, where the kernels are not compiled. Python puts it first.
if sys.path and Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parents[1]:
    del sys.path[0]

# By the clock: on a busy machine, an input that takes a second of the processor may take a minute.
_HARD_SECONDS = 300
_HARD_MEGABYTES = 2500
# A door's part of the corpus in the repository: bytes and files.
_ROOM, _MOST_FILES = 8_000, 25
_INSTRUMENTED = 3
"""How much longer an input may take where the code is instrumented."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("target", nargs="?", help="the door to fuzz, one of --list")
    parser.add_argument("--list", action="store_true", help="print the names of the targets")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations (default: 0, another one each time)")
    parser.add_argument("--corpus", type=Path, help="folder to which inputs that reach new code are added")
    parser.add_argument("--findings", type=Path, help="folder of the findings (default: fuzz-findings/TARGET)")
    parser.add_argument("--report", type=Path, help="JSON file for the numbers and the findings")
    parser.add_argument("--replay", action="store_true", help="put seeds, corpus and findings through the target once")
    parser.add_argument("--keep", action="store_true", help="choose the corpus of the repository anew")
    parser.add_argument("--blind", action="store_true", help="do not instrument the code")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    from fuzz.target import names

    if options.list:
        print("\n".join(names()))
        return 0
    if options.target not in names():
        parser.error(f"the target must be one of {', '.join(names())}")
    options.findings = options.findings or Path("fuzz-findings") / options.target
    if options.keep and not options.corpus:
        parser.error("--keep chooses from the inputs in a folder: give --corpus")
    if options.inside:
        _fuzz(options)
    blind = options.blind
    if not (options.replay or blind) and importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: the code is not instrumented", flush=True)
        blind = True
    report = _replayed(options) if options.replay else _fuzzed_blindly(options) if blind else _fuzzed(options)
    print(json.dumps(report))
    if options.keep:
        _keep(options.target, options.corpus)
    if options.report:
        options.report.write_text(json.dumps(report) + "\n", encoding="utf-8")
    return bool(report["findings"])


def _replayed(options: argparse.Namespace) -> dict[str, Any]:
    from fuzz.findings import Collector
    from fuzz.target import load

    target = load(options.target)
    collect = Collector(target.one, options.findings)
    start = time.monotonic()
    failed = []
    n = 0
    for name, data in target.inputs(real=True):
        n += 1
        if (kind := collect(data)) is not None:
            print(f"{name}: {kind}", flush=True)
            failed.append(name)
    return _report(target.name, n, start, failed)


def _fuzzed_blindly(options: argparse.Namespace) -> dict[str, Any]:
    import hpmask
    from fuzz.blind import fuzz_blindly
    from fuzz.findings import Collector
    from fuzz.target import load

    hpmask.set_num_threads(1)
    target = load(options.target)
    before = set(_found(options.findings))
    start = time.monotonic()
    n, new = fuzz_blindly(target, _seed(options), Collector(target.one, options.findings), seconds=options.seconds)
    if options.corpus:
        options.corpus.mkdir(parents=True, exist_ok=True)
        for data in new:
            (options.corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return _report(target.name, n, start, _new(options.findings, before))


def _report(name: str, n: int, start: float, findings: list[str], coverage: int | None = None) -> dict[str, Any]:
    seconds = round(time.monotonic() - start, 1)
    return {"target": name, "executions": n, "seconds": seconds, "coverage": coverage, "findings": findings}


def _seed(options: argparse.Namespace) -> int:
    return int(options.seed) or random.SystemRandom().randrange(1, 1 << 31)


# ---------------------------------------------------------------------- the process that watches


def _fuzzed(options: argparse.Namespace) -> dict[str, Any]:
    from fuzz.target import load

    target = load(options.target)
    before = set(_found(options.findings))
    start = time.monotonic()
    n, coverage = 0, 0
    with tempfile.TemporaryDirectory(prefix="hpmask-corpus-") as scratch:
        corpus = options.corpus or Path(scratch) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        start_folder = Path(scratch) / "start"
        start_folder.mkdir()
        for k, (_, data) in enumerate(target.inputs(real=True)):
            (start_folder / f"{k:04}").write_bytes(data)
        words = Path(scratch) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), encoding="ascii")
        seed = _seed(options)
        log = Path(scratch) / "log"
        while (left := options.seconds - (time.monotonic() - start)) > 1:
            command = [sys.executable, "-m", "fuzz.run", target.name, "--inside", "--findings", str(options.findings)]
            command += ["--seconds", str(left), "--seed", str(seed), "--corpus", str(corpus)]
            environment = {**os.environ, "FUZZ_START": str(start_folder), "FUZZ_WORDS": str(words)}
            # Memory of Arrow that is its own takes address space in gigabytes, which the limit would count.
            environment |= {"ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONDONTWRITEBYTECODE": "1"}
            with log.open("wb") as stream:
                done = subprocess.run(
                    command, check=False, stdout=stream, stderr=stream, env=environment, cwd=Path(__file__).parents[1]
                )
            text = log.read_text("utf-8", errors="replace")
            steps = re.findall(r"^#(\d+)\s.*?cov: (\d+)", text, re.MULTILINE)
            if not steps:
                raise RuntimeError(f"the fuzzer did not start:\n{text[-3000:]}")
            ends = re.findall(r"^stat::number_of_executed_units:\s+(\d+)|^Done (\d+) runs", text, re.MULTILINE)
            n += max(int(one) for pair in (*ends, *((step, "") for step, _ in steps)) for one in pair if one)
            coverage = max(coverage, *(int(cov) for _, cov in steps))
            if done.returncode:
                _keep_trace(options.findings, text)
                seed += 1
    return _report(target.name, n, start, _new(options.findings, before), coverage)


def _keep(name: str, found: Path) -> None:
    """Make the corpus of the smallest inputs that the door answers in different ways, as far as there is room."""
    from fuzz import checks
    from fuzz.blind import answer_of
    from fuzz.target import CORPUS, load

    target = load(name)
    known: set[tuple[str, ...]] = set()

    def is_new(data: bytes) -> bool:
        checks.answers.clear()
        try:
            target.one(data)
        except Exception:
            return False
        before = len(known)
        known.add(answer_of(checks.answers))
        return len(known) > before

    for data in target.seeds().values():
        is_new(data)
    contents = {file.read_bytes() for folder in (found, CORPUS / name) for file in _found(folder)}
    chosen, room = [], _ROOM
    for data in sorted(contents, key=lambda data: (len(data), data)):
        if len(chosen) < _MOST_FILES and len(data) <= room and is_new(data):
            chosen.append(data)
            room -= len(data)
    shutil.rmtree(CORPUS / name, ignore_errors=True)
    (CORPUS / name).mkdir(parents=True)
    for data in chosen:
        (CORPUS / name / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def _new(folder: Path, before: set[Path]) -> list[str]:
    return sorted(str(path) for path in set(_found(folder)) - before)


def _found(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if not file.name.startswith(".")] if folder.is_dir() else []


def _keep_trace(folder: Path, text: str) -> None:
    """Keep what a process said that an input has ended. The input is in the folder: libFuzzer has written it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f".ended-{time.time_ns()}.txt").write_text(text[-8000:], encoding="utf-8")


def _escaped(word: bytes) -> str:
    return "".join(chr(one) if 32 < one < 127 and one not in b'"\\' else f"\\x{one:02x}" for one in word)


# ---------------------------------------------------------------------- the process that fuzzes


def _fuzz(options: argparse.Namespace) -> None:
    import atheris

    with atheris.instrument_imports(include=["hpmask"], enable_loader_override=False):
        import hpmask
        from fuzz import limits
        from fuzz.findings import Collector
        from fuzz.target import load

        target = load(options.target)
        # Modules that are loaded at the first use are instrumented too.
        for data in target.seeds().values():
            target.one(data)
    hpmask.set_num_threads(1)
    limits.set_seconds(2 * _INSTRUMENTED)
    options.findings.mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={max(int(options.seconds), 1)}",
        f"-seed={options.seed % (1 << 31)}",
        f"-max_len={target.largest}",
        f"-timeout={_HARD_SECONDS}",
        f"-rss_limit_mb={_HARD_MEGABYTES}",
        f"-artifact_prefix={options.findings.resolve()}/",
        "-print_final_stats=1",
        "-len_control=0",
    ]
    if target.words:
        flags.append(f"-dict={os.environ['FUZZ_WORDS']}")
    more: dict[str, Any] = {}
    if (change := target.mutate) is not None:

        def mutate(data: bytes, largest: int, seed: int) -> bytes:
            return change(data, largest, random.Random(seed), atheris.Mutate)[:largest]

        more["custom_mutator"] = mutate
    collect = Collector(target.one, options.findings)
    atheris.Setup(
        [sys.argv[0], *flags, str(options.corpus), os.environ["FUZZ_START"]],
        lambda data: None if collect(data) is None else -1,
        **more,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    raise SystemExit(main())
