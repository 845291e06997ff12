"""Run the fuzzers of the kernels, one after the other, each for some seconds.

    python -m fuzz.kernels.run TARGET ...|all --seconds N [--report FILE]

An input that a target fails for goes to fuzz/findings/kernels/TARGET, and is kept until the fault has been mended: the
tests replay the findings and the corpus, fuzz/corpus/kernels/TARGET. What a run finds to be new is kept in the build
folder, so that later runs begin with it; `--keep` adds the smallest inputs with the most coverage to the corpus.

Without clang nothing is run, and the report says so.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fuzz.kernels.build import FUZZED, ROOT, CannotBuild, build, environment, folder

CORPUS = ROOT / "fuzz" / "corpus" / "kernels"
FINDINGS = ROOT / "fuzz" / "findings" / "kernels"
# The longest input: each target ends to read before that.
LONGEST = 400
# Bytes of a target's part of the corpus in the repository.
ROOM = 6000
# Seconds after which an input counts as one that hangs, and the memory of a process in MB.
HANG, MEMORY = 120, 6000


def fuzz(harness: Path, target: str, seconds: float, seed: int) -> dict[str, Any]:
    """Run one target; returns its part of the report."""
    found, grown = FINDINGS / target, folder() / "corpus" / target
    grown.mkdir(parents=True, exist_ok=True)
    executions, findings, begin = 0, [], time.monotonic()
    with tempfile.TemporaryDirectory() as fresh:
        # The first of several findings must not be the last: libFuzzer ends with each.
        while (left := seconds - (time.monotonic() - begin)) > 1 or not executions:
            command = [
                str(harness),
                f"-max_total_time={max(1, int(left))}",
                f"-max_len={LONGEST}",
                f"-timeout={HANG}",
                f"-rss_limit_mb={MEMORY}",
                f"-artifact_prefix={fresh}/",
                f"-seed={seed}",
                "-print_final_stats=1",
                "-len_control=20",
                "-reload=0",
                str(grown),
                *([str(CORPUS / target)] if (CORPUS / target).is_dir() else []),
            ]
            done = subprocess.run(
                command, env=environment(target), capture_output=True, text=True, errors="replace", check=False
            )
            executions += number(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
            for path in sorted(Path(fresh).iterdir()):
                found.mkdir(parents=True, exist_ok=True)
                findings.append(str(shutil.move(path, found / path.name)))
                (folder() / f"{target}-{path.name}.log").write_text(done.stderr)
            if done.returncode == 0:
                break
            if not findings:
                raise RuntimeError(f"the fuzzer of {target} ended with {done.returncode}:\n{done.stderr[-4000:]}")
            if len(findings) >= 3:
                break
            seed += 1
    report = {"target": target, "executions": executions, "seconds": round(time.monotonic() - begin, 1)}
    return {
        **report,
        "coverage": number(r".* cov: (\d+)", done.stderr),
        "findings": [str(Path(f).relative_to(ROOT)) for f in findings],
    }


def number(pattern: str, text: str) -> int:
    """The last number that a pattern finds, or 0."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def keep(harness: Path, target: str) -> None:
    """Make the corpus of the smallest inputs that together reach all that is reached, as far as there is room."""
    corpus, grown = CORPUS / target, folder() / "corpus" / target
    with tempfile.TemporaryDirectory() as fresh:
        given = [str(path) for path in (corpus, grown) if path.is_dir()]
        command = [str(harness), "-merge=1", f"-max_len={LONGEST}", fresh, *given]
        subprocess.run(command, env=environment(target), capture_output=True, check=True)
        # libFuzzer takes the small ones first, and so does the corpus.
        room, kept = ROOM, []
        for path in sorted(Path(fresh).iterdir(), key=lambda path: (path.stat().st_size, path.name)):
            room -= path.stat().st_size
            if room < 0:
                break
            kept.append(path)
        corpus.mkdir(parents=True, exist_ok=True)
        for old in corpus.iterdir():
            old.unlink()
        for path in kept:
            shutil.copyfile(path, corpus / path.name[:16])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fuzz the compiled kernels with libFuzzer.")
    parser.add_argument("target", nargs="*", metavar="TARGET", help="all, or some of --list")
    parser.add_argument("--list", action="store_true", help="print the names of the targets")
    parser.add_argument("--seconds", type=float, default=10, help="time for each target (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="seed of libFuzzer (default: 1)")
    parser.add_argument("--report", type=Path, help="file for the report (JSON)")
    parser.add_argument("--keep", action="store_true", help="choose the corpus anew")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(FUZZED))
        return 0
    if not options.target or not {*options.target} <= {*FUZZED, "all"}:
        parser.error(f"TARGET must be all, or some of {', '.join(FUZZED)}")
    targets = list(FUZZED) if "all" in options.target else options.target
    reports: list[dict[str, Any]] = []
    try:
        harness = build()
    except CannotBuild as error:
        print(f"fuzz.kernels.run: skipped: {error}", file=sys.stderr)
        none = {"executions": 0, "seconds": 0.0, "findings": [], "skipped": str(error)}
        reports = [{"target": target, **none} for target in targets]
    else:
        for target in targets:
            reports.append(fuzz(harness, target, options.seconds, options.seed))
            print(json.dumps(reports[-1]), flush=True)
            if options.report:
                options.report.write_text(json.dumps(reports, indent=1) + "\n")
            if options.keep:
                keep(harness, target)
    if options.report:
        options.report.write_text(json.dumps(reports, indent=1) + "\n")
    return 1 if any(report["findings"] for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
