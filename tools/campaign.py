"""Hours of checks with new random cases: fuzzers, properties, injected faults, sanitizers.

    python tools/campaign.py --minutes 60 [--only PART ...] [--seed N] [--report FILE] [--page docs/trust.md]

Each part gets its share of the time. Parts that go on for ever are repeated with new seeds until their time is over.
The first round of a part is always finished. The report (JSON) has the counts of cases by what they are, and the
command of each round that failed; `--page` puts the counts in place of those on the page. The exit status is 1 if a
check failed.

Needs the extra `test`, and what the parts need of their own: atheris and clang for the fuzzers (fuzz/README.md), gcc
and valgrind for the sanitizers (tools/sanitize.sh). A part that lacks its tools says so in the report.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
FIRST, LAST = "<!-- counts of the campaign -->", "<!-- end of the counts -->"


@dataclass
class Report:
    """What ran: cases by what they are, failed commands, and parts that lack their tools."""

    minutes: float
    seed: int
    cases: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.cases += other.cases
        self.failures += other.failures
        self.missing += other.missing

    def as_json(self) -> dict[str, Any]:
        return {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "python": platform.python_version(),
            "commit": subprocess.run(
                ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
            ).stdout.strip(),
            "minutes": round(self.minutes, 1),
            "seed": self.seed,
            "cases": dict(sorted(self.cases.items())),
            "seconds": {part: round(spent) for part, spent in self.seconds.items()},
            "failures": self.failures,
            "missing": self.missing,
        }


def run(command: list[str], report: Report, *, folder: Path, limit: float | None = None, **environment: str) -> bool:
    """Run a command of the checkout to its end, or to the limit in seconds, and note what it counted."""
    counts = folder / f"counts-{uuid4()}.jsonl"
    print("+", *(f"{name}={value}" for name, value in environment.items()), *command, flush=True)
    everything = {**os.environ, "CI": "", "MPLBACKEND": "Agg", "HPMASK_COUNTS": str(counts), **environment}
    # In a session of its own, so that its processes end with it.
    with subprocess.Popen(command, cwd=ROOT, env=everything, start_new_session=True) as process:
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = 0
            report.missing.append(f"{' '.join(command)}: stopped after {limit:.0f} s")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if counts.exists():
        for line in counts.read_text().splitlines():
            note = json.loads(line)
            report.cases[note["what"]] += note["n"]
    if status:
        report.failures.append(" ".join([*(f"{name}={value}" for name, value in environment.items()), *command]))
    return status == 0


def rounds(seconds: float) -> Iterator[tuple[int, float]]:
    """The number of each round, and how many times the cases of the first one it can try in the time that is left.

    The first round tries ten times the cases of the tests. It shows how long a case takes.
    """
    start, factor, done = time.monotonic(), 10.0, 0
    while True:
        begun = time.monotonic()
        yield done, factor
        now = time.monotonic()
        left, taken, done = start + seconds - now, max(now - begun, 1.0), done + 1
        # A round that is too short tries mostly the same fixed cases, and one that is too long tells nothing for hours.
        factor = min(factor * left / taken, 10 * factor, 10_000.0) * 0.8
        if left < taken / 2 or factor < 1:
            return


def pytest_rounds(*paths: str) -> Callable[[float, Report, Path], None]:
    def part(seconds: float, report: Report, folder: Path) -> None:
        for number, factor in rounds(seconds):
            run(
                [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", "deep or not deep", *paths],
                report,
                folder=folder,
                HPMASK_CASES=f"{factor:.3g}",
                HPMASK_SEED=str(report.seed + number),
                HYPOTHESIS_PROFILE="deep",
            )

    return part


def fuzzers(seconds: float, report: Report, folder: Path) -> None:
    """All targets, one on each processor, for half a minute at least: a short campaign runs some of them only."""
    start, turns = time.monotonic(), []
    for module in ("fuzz.run", "fuzz.kernels.run"):
        listed = subprocess.run([sys.executable, "-m", module, "--list"], cwd=ROOT, capture_output=True, text=True)
        if listed.returncode:
            report.missing.append(f"{module}: {(listed.stderr.strip().splitlines() or ['no targets'])[-1]}")
        turns += [(module, target) for target in listed.stdout.split()]
    random.Random(report.seed).shuffle(turns)
    # What the fuzzers of the kernels run on is made before they do so at once.
    subprocess.run([sys.executable, "-m", "fuzz.kernels.build"], cwd=ROOT, check=False)
    processors = os.cpu_count() or 1
    each = max(30, round(seconds * processors / max(1, len(turns))))

    def one(turn: tuple[str, str]) -> Report:
        module, target = turn
        own = Report(0, report.seed)
        if time.monotonic() - start > seconds:
            own.missing.append(f"{module} {target}: no time was left")
            return own
        file = folder / f"{module}-{target}.json"
        command = [sys.executable, "-m", module, target, "--seconds", str(each), "--seed", str(report.seed + 1)]
        if module == "fuzz.run":
            # `fuzz.run TARGET --keep` chooses from it what goes to the repository.
            command += ["--corpus", str(ROOT / "build" / "fuzz-corpus" / target)]
        run([*command, "--report", str(file)], own, folder=folder)
        found = json.loads(file.read_text()) if file.exists() else []
        for part in found if isinstance(found, list) else [found]:
            if "skipped" in part:
                own.missing.append(f"{module} {target}: {part['skipped']}")
            else:
                kind = "kernels" if module == "fuzz.kernels.run" else "doors"
                own.cases[f"inputs of fuzzers to the {kind}"] += part["executions"]
        return own

    with ThreadPoolExecutor(processors) as pool:
        for own in pool.map(one, turns):
            report.add(own)


def sanitizers(seconds: float, report: Report, folder: Path) -> None:
    for kind in ("thread", "memory", "address,checked"):
        run(["tools/sanitize.sh", kind], report, folder=folder, limit=max(900, seconds / 3), PYTHON=sys.executable)


# Each part with its share of the time.
PARTS: dict[str, tuple[float, Callable[[float, Report, Path], None]]] = {
    "fuzzers": (0.4, fuzzers),
    "properties": (0.3, pytest_rounds("tests/properties")),
    "faults": (0.15, pytest_rounds("tests/faults")),
    "sanitizers": (0.15, sanitizers),
}


def table(report: dict[str, Any]) -> str:
    """The counts as a table in Markdown."""
    head = (
        f"Counts of the last campaign, of {report['minutes']:.0f} minutes on {report['date']} with Python "
        f"{report['python']}: {len(report['failures'])} of its rounds failed.\n\n| cases | tried |\n|---|---:|\n"
    )
    return head + "".join(f"| {what} | {f'{n:,}'.replace(',', ' ')} |\n" for what, n in report["cases"].items())


def put_on(page: Path, report: dict[str, Any]) -> None:
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(FIRST)
    page.write_text(f"{before}{FIRST}\n\n{table(report)}\n{LAST}{rest.split(LAST)[1]}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="length in all (default: 60)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run")
    parser.add_argument("--seed", type=int, default=None, help="seed of all cases (default: a new one)")
    parser.add_argument("--report", type=Path, default=None, help="file for the counts, as JSON")
    parser.add_argument("--page", type=Path, default=None, help="page whose counts are replaced")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    report = Report(options.minutes, seed)
    print(f"seed {seed}", flush=True)
    start = time.monotonic()
    whole = sum(PARTS[name][0] for name in options.only)
    with TemporaryDirectory(prefix="campaign-") as folder:
        for name in options.only:
            share, part = PARTS[name]
            begun = time.monotonic()
            part(60 * options.minutes * share / whole, report, Path(folder))
            report.seconds[name] += time.monotonic() - begun
    report.minutes = (time.monotonic() - start) / 60
    found = report.as_json()
    if options.report is not None:
        options.report.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.page is not None:
        put_on(options.page, found)
    print(table(found))
    for line in found["missing"]:
        print("did not run:", line)
    for line in found["failures"]:
        print("failed:", line)
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
