"""Small C libraries that are loaded into a process before all others, to make its system calls or its memory fail.

    environment = preloading("failing_writes", tmp_path)

compiles tests/_support/failing_writes.c and gives the variables of a process that loads it. Tests skip where there is
no C compiler, no `LD_PRELOAD`, or another library that replaces the allocator.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sanitized import REASON, SANITIZED

__all__ = ["library", "preloading"]


def library(name: str, folder: Path) -> Path:
    """The library made from the C file with this name beside this module, in a folder. It is compiled once."""
    if SANITIZED:
        pytest.skip(REASON)
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or not compiler:
        pytest.skip("needs Linux and a C compiler")
    made = folder / f"{name}.so"
    if not made.exists():
        source = Path(__file__).with_name(f"{name}.c")
        new = made.with_suffix(f".{os.getpid()}")
        flags = ["-shared", "-fPIC", "-O1", "-g", "-std=gnu11", "-Wall", "-Werror"]
        subprocess.run([*compiler.split(), *flags, str(source), "-o", str(new), "-ldl", "-pthread"], check=True)
        new.replace(made)
    return made


def preloading(name: str, folder: Path) -> dict[str, str]:
    """The environment of a process that loads the library before all others."""
    before = os.environ.get("LD_PRELOAD")
    made = str(library(name, folder))
    return {**os.environ, "LD_PRELOAD": f"{made}:{before}" if before else made}
