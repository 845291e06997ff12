"""The builds of kernels that find their own errors (tools/sanitize.sh): they find planted ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from sanitized import not_sanitized

ROOT = Path(__file__).parents[2]
SOURCES = sorted(ROOT.glob("hpmask/_kernels/*.p[yx][xd]"))
DIRECTIVES = "# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False\n"


@pytest.mark.skipif(not SOURCES, reason="needs the sources of the kernels")
@pytest.mark.skipif("HPMASK_CHECKED_LOG" in os.environ, reason="tools/sanitize.sh has replaced the directives")
def test_the_directives_of_all_kernels_are_those_that_the_checked_build_replaces() -> None:
    for source in SOURCES:
        with open(source, encoding="utf-8") as lines:
            first = next(lines)
        # Without code of its own.
        assert first == DIRECTIVES or source.name == "bits.pxd", source


@not_sanitized
@pytest.mark.deep
@pytest.mark.skipif(sys.platform != "linux", reason="the sanitizers' libraries are loaded by LD_PRELOAD")
@pytest.mark.skipif(shutil.which("gcc") is None or find_spec("Cython") is None, reason="needs gcc and Cython")
def test_each_kind_finds_its_planted_error(tmp_path: Path) -> None:
    kinds = ["address", "checked", "thread", *(["memory"] if shutil.which("valgrind") else [])]
    done = subprocess.run(
        [ROOT / "tools" / "sanitize.sh", "--self-test", *kinds],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHON": sys.executable, "SANITIZE_DIR": str(tmp_path), "CC": "gcc"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
