"""The same work done by hpmask and by its peers, as one markdown table.

    python benchmarks/peers.py [--rows discs-15 contains ...] [--repeat 5] [--quick]

Each row is one piece of work. All tools do it in turn, round after round, so that whatever else the machine
does falls on all of them. The time is the median over the rounds, a ratio the peer's time / hpmask's time.
Inputs (SkyCoord, Quantity, masks, geometries) are made before the clock starts, for all tools. What the tools
give is compared where it is comparable. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from rows.common import PEERS, Row, in_words, peer
from rows.discs import discs
from rows.files import files, healpix_files
from rows.flags import flags
from rows.for_gammapy import for_gammapy
from rows.images import circles, fields, from_wcs, many, to_wcs
from rows.morphology import components, distances, growing, steps
from rows.randoms import randoms
from rows.sets import algebra, contains
from rows.shapes import boxes, discs_as_cells, ellipses, many_vertices, quadrilaterals
from rows.survey import survey
from rows.values import credible, hysteresis, sums_over_discs, thresholds

ROWS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "discs-15": lambda quick: iter([discs(100_000, (20, 40), 15, "center", 11, quick)]),
    "discs-12-small": lambda quick: iter([discs(10_000, (120, 120), 12, "center", 12, quick)]),
    "discs-12-large": lambda quick: iter([discs(7_000, (1800, 1800), 12, "center", 13, quick)]),
    "discs-15-overlap": lambda quick: iter([discs(100_000, (20, 40), 15, "overlap", 11, quick)]),
    "discs-as-cells": discs_as_cells,
    "quadrilaterals": quadrilaterals,
    "boxes": boxes,
    "ellipses": ellipses,
    "many-vertices": many_vertices,
    "algebra": algebra,
    "contains": contains,
    "flags": flags,
    "randoms": randoms,
    "files": files,
    "healpix-file": healpix_files,
    "to-wcs": to_wcs,
    "fields": fields,
    "many-fields": many,
    "from-wcs": from_wcs,
    "circles": circles,
    "growing": growing,
    "distance": distances,
    "disc-sums": sums_over_discs,
    "components": components,
    "steps": steps,
    "survey": survey,
    "credible": credible,
    "for-gammapy": for_gammapy,
    "thresholds": thresholds,
    "hysteresis": hysteresis,
}


def measure(row: Row, repeat: int) -> dict[str, Any]:
    """Do the work in rounds; the results of the last round, by tool."""
    results: dict[str, Any] = {}
    for _ in range(repeat):
        for k, work in enumerate(row.works):
            if k in row.failures:
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    given = () if work.prepare is None else (work.prepare(),)
                    start = time.perf_counter()
                    result = work.run(*given)
                    row.times.setdefault(k, []).append((time.perf_counter() - start) * work.scale)
            except Exception as error:
                row.failures[k] = f"{type(error).__name__}: {error}"
                print(f"  {work.tool} failed: {row.failures[k]}", file=sys.stderr)
            else:
                if not work.aside:
                    results[work.tool] = result
            del given
    return results


def fill(row: Row) -> None:
    """The cells of a row: the fastest call of each tool, and how many times longer than hpmask it took."""
    medians = {k: statistics.median(times) for k, times in row.times.items() if k not in row.failures}
    ours = next((medians.get(k) for k, work in enumerate(row.works) if work.tool == "hpmask"), None)
    for tool in ("hpmask", *PEERS):
        mine = [k for k, work in enumerate(row.works) if work.tool == tool and not work.aside]
        done = [medians[k] for k in mine if k in medians]
        if tool in row.cells:
            continue
        if not done:
            there = tool == "hpmask" or peer(tool)
            row.cells[tool] = "failed" if mine else "" if there else "not installed"
        elif tool == "hpmask" or ours is None:
            row.cells[tool] = in_words(min(done))
        else:
            row.cells[tool] = f"{in_words(min(done))} ({min(done) / ours:.3g})"


def notes(name: str, row: Row, results: dict[str, Any]) -> tuple[list[str], bool]:
    """What was called, how long each call took, and how the results compare."""
    lines, good = [], not row.failures
    for k, work in enumerate(row.works):
        if k in row.failures:
            took = f"failed, {row.failures[k]}"
        else:
            times = row.times[k]
            took = f"{in_words(statistics.median(times))} ({in_words(min(times))} to {in_words(max(times))})"
        lines.append(f"  - {work.tool}: {work.call}: {took}")
    if "hpmask" in results:
        for tool, found, right in row.compare(results):
            lines.append(f"  - {tool} against hpmask: {found}{'' if right else '  **NOT AS IT SHOULD BE**'}")
            good &= right
    if -1 in row.failures:
        lines.append(f"  - **NOT AS IT SHOULD BE**: {row.failures[-1]}")
    return ([f"- {name}: {row.title}", *lines] if lines else []), good


def heading() -> str:
    versions = [f"Python {platform.python_version()}", f"numpy {np.__version__}"]
    for name in ("hpmask", "astropy", *PEERS):
        if name == "polypix" and peer(name):
            # in an interpreter of its own
            ask = "import importlib.metadata; print(importlib.metadata.version('polypix'))"
            versions.append(
                f"polypix {subprocess.run([peer(name), '-c', ask], capture_output=True, text=True).stdout.strip()}"
            )
            continue
        try:
            package = {"skimage": "scikit-image"}.get(name, name)
            versions.append(f"{name} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} processors, {platform.machine()}; {', '.join(versions)}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--quick", action="store_true", help="small inputs: to see that all works, not to measure")
    options = parser.parse_args(arguments)
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")

    table, remarks, good = [], [], True
    for name in options.rows:
        print(name, file=sys.stderr)
        for row in ROWS[name](options.quick):
            results = measure(row, options.repeat)
            fill(row)
            lines, right = notes(name, row, results)
            table.append(f"| {row.title} | {' | '.join(row.cells[tool] for tool in ('hpmask', *PEERS))} |")
            remarks += lines
            good &= right
    print(f"Median of {options.repeat}; in brackets the ratio to hpmask's time. {heading()}.\n")
    print(f"| work | hpmask | {' | '.join(PEERS)} |")
    print(f"|---|{'---:|' * (1 + len(PEERS))}")
    print("\n".join(table))
    print("\nCalls, their medians (and ranges), and comparisons:\n")
    print("\n".join(remarks))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
