"""Memory that ends at any point: MemoryError, nothing lost, and the next call right.

tests/_support/failing_memory.c is loaded into a process of its own and lets the n-th allocation fail, for each n. The
allocations of the kernels are those of the compiled kernels that users have.
"""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel_workload import KERNELS, load
from operations import OPERATIONS
from profiles import cases, seed
from sanitized import not_sanitized
from shims import preloading

SUPPORT = Path(__file__).parents[1] / "_support"

Counted = Callable[[int, str], None]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a process whose memory can be made to fail."""
    folder = tmp_path_factory.mktemp("failing_memory")
    # The threads of numpy's linear algebra would allocate when they like.
    return {**preloading("failing_memory", folder), "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(SUPPORT)}


def run(arguments: list[str], environment: dict[str, str], *, seconds: int = 1200) -> list[Any]:
    """What a process prints, line by line as JSON. It must neither crash nor hang."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=seconds, check=False, env=environment
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-4000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def attempts(arguments: list[str], environment: dict[str, str]) -> int:
    """Attempts with a failing allocation, none of which may be at fault."""
    found = run([str(SUPPORT / "failing_memory.py"), *arguments, "--seed", str(seed())], environment)
    assert found
    faults = {one["name"]: one["faults"][:5] for one in found if one["faults"]}
    assert not faults, faults
    return sum(one["failed"] for one in found)


# Kernels that allocate and are quick: a buffer of each kind.
FEW = ["cap_polygons", "components", "neighbours", "outline", "pieces", "runs", "sweep"]


@pytest.mark.parametrize("later", [(), ("--and-later",)], ids=["one", "all_later"])
def test_each_allocation_of_a_kernel(environment: dict[str, str], later: tuple[str, ...], counted: Counted) -> None:
    counted(attempts(["kernels", "kernels", *FEW, *later], environment), "failed allocations in kernels")


@pytest.mark.deep
@pytest.mark.parametrize("later", [(), ("--and-later",)], ids=["one", "all_later"])
def test_allocations_of_all_kernels(environment: dict[str, str], later: tuple[str, ...], counted: Counted) -> None:
    most = ["--most", str(cases(2)), "--right-after-each"]
    counted(attempts(["kernels", "kernels", *most, *later], environment), "failed allocations in kernels")


def test_each_object_that_a_kernel_makes(environment: dict[str, str], counted: Counted) -> None:
    """Arrays, views, tuples and errors come from the allocators of Python."""
    n = attempts(["kernels", "python", "pieces", "rotate", "neighbours", "--most", str(cases(120))], environment)
    counted(n, "failed allocations of Python in kernels")


@pytest.mark.deep
def test_objects_of_all_kernels(environment: dict[str, str], counted: Counted) -> None:
    n = attempts(["kernels", "python", "--most", str(cases(3))], environment)
    counted(n, "failed allocations of Python in kernels")


@pytest.mark.deep
def test_leak_sanitizer_finds_nothing_lost(environment: dict[str, str], counted: Counted) -> None:
    """What nothing points to any more is found without a count, also Python's objects."""
    done = with_leak_sanitizer(
        [str(SUPPORT / "failing_memory.py"), "kernels", "kernels", "--most", str(cases(1)), "--leaks"], environment
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(KERNELS)
    counted(sum(one["failed"] for one in found), "failed allocations in kernels under LeakSanitizer")
    assert not kernel_leaks(done), kernel_leaks(done)[:3]


@pytest.mark.deep
def test_leak_sanitizer_finds_a_lost_array(environment: dict[str, str]) -> None:
    assert kernel_leaks(with_leak_sanitizer(["-c", LOST], environment))


def with_leak_sanitizer(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A process in which LeakSanitizer knows all blocks, those of Python's objects too."""
    compiler = shutil.which("gcc")
    found = (
        compiler
        and subprocess.run(
            [compiler, "-print-file-name=liblsan.so"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    if not found or not Path(found).is_absolute():
        pytest.skip("needs LeakSanitizer of gcc")
    # The kernels have no frame pointers.
    settings = "fast_unwind_on_malloc=0:malloc_context_size=12:exitcode=0:leak_check_at_exit=0"
    variables = {
        "LD_PRELOAD": f"{environment['LD_PRELOAD']}:{found}",
        "LSAN_OPTIONS": settings,
        "PYTHONMALLOC": "malloc",
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
        env={**environment, **variables},
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-4000:])
    return done


def kernel_leaks(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lost blocks that a kernel has asked for. Python and its modules lose some of their own."""
    return [block for block in done.stderr.split("\n\n") if "leak of" in block and "/_kernels/" in block]


LOST = """
import ctypes
from failing_memory import Memory
from kernel_workload import Workload, load

workload = Workload()
made = load("discs").rasterize(workload.lon, workload.lat, workload.lat * 0 + 0.1, 6, 0)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(made[0]))
del made
Memory().leaks()
"""


@pytest.mark.deep
def test_allocations_of_operations(environment: dict[str, str], counted: Counted) -> None:
    n = attempts(["operations", "kernels", "from_cones", "n_components", "--most", str(cases(4))], environment)
    counted(n, "failed allocations in public operations")


@pytest.mark.deep
def test_arrays_of_operations(environment: dict[str, str], counted: Counted) -> None:
    """The memory of numpy's arrays."""
    n = attempts(["operations", "arrays", *chosen(cases(3)), "--most", str(cases(2))], environment)
    counted(n, "failed allocations in public operations")


@pytest.mark.deep
def test_allocations_of_operations_on_threads(environment: dict[str, str], counted: Counted) -> None:
    """A MemoryError of another thread reaches the caller, and the threads work on."""
    n = attempts(
        ["operations", "kernels", *chosen(cases(3)), "--threads", "3", "--most", str(cases(2)), "--right-after-each"],
        environment,
    )
    counted(n, "failed allocations in public operations on three threads")


def chosen(n: int) -> list[str]:
    """A few operations: one that allocates in kernels and in numpy, and others chosen at random; or all of them."""
    # matplotlib's compiled parts make a TypeError of some of numpy's MemoryErrors.
    names = [name for name in OPERATIONS if name not in ("plot", "dilate far")]
    return ["dilate far", *random.Random(seed()).sample(names, min(n, len(names)))]


SIZES = """
# cython: language_level=3
from libc.stdint cimport uint64_t
from libc.stdlib cimport free
from hpmask._kernels.buffer cimport SIZE_MAX, Extent, allocate, grow
from hpmask._kernels.sink cimport Line, line_grow, line_open


def allocated(size_t count, size_t item):
    cdef void* block = allocate(count, item)
    free(block)
    return block != NULL


def grown(size_t count, size_t more, size_t item):
    cdef Extent extent
    cdef char* array = NULL
    extent.count = extent.room = 0
    extent.failed = False
    grow(&extent, 4, &array, item, NULL, 0, NULL, 0)
    # As if there were many items.
    extent.count = count
    good = bool(grow(&extent, more, &array, item, NULL, 0, NULL, 0))
    free(array)
    return good, bool(extent.failed), extent.count, extent.room


def line_grown(size_t ranges):
    cdef Line line
    line_open(&line, 0)
    good = bool(line_grow(&line, ranges))
    free(line.edge)
    return good, bool(line.extent.failed)
"""


@not_sanitized
@pytest.mark.deep
def test_sizes_that_overflow_are_refused(tmp_path: Path) -> None:
    """Products and sums of sizes near 2**64 are not taken for small ones."""
    pytest.importorskip("Cython")
    compiler = shutil.which("gcc") or pytest.skip("needs a C compiler")
    (tmp_path / "sizes.pyx").write_text(SIZES)
    kernels = Path(load("ranges").__file__).parents[2]
    subprocess.run([sys.executable, "-m", "cython", "-3", "-I", str(kernels), "sizes.pyx"], cwd=tmp_path, check=True)
    include = ["-I", sysconfig.get_paths()["include"], "-I", str(kernels / "hpmask" / "_kernels")]
    subprocess.run([compiler, "-shared", "-fPIC", *include, "sizes.c", "-o", "sizes.so"], cwd=tmp_path, check=True)
    spec = importlib.util.spec_from_file_location("sizes", tmp_path / "sizes.so")
    assert spec is not None
    assert spec.loader is not None
    sizes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sizes)
    top = 2**64
    assert sizes.allocated(0, 8)
    assert sizes.allocated(1000, 8)
    # The products are 0, 8 and 2**63 as numbers of 64 bits.
    for count, item in ((top // 8, 8), (top // 8 + 1, 8), (top // 16, 8), (top - 1, 2), (top - 1, 1)):
        assert not sizes.allocated(count, item), (count, item)
    assert sizes.grown(4, 12, 8) == (True, False, 4, 16)
    # What is needed is beyond 2**64 (the sum is small), or its product is.
    for count, more in ((4, top - 1), (4, top - 4), (top - 1, 1), (top - 1, 17), (4, top // 8), (4, top // 16)):
        assert sizes.grown(count, more, 8) == (False, True, 0, 0), (count, more)
    assert sizes.line_grown(10) == (True, False)
    for ranges in (top // 2, top // 2 + 3, top // 4, top - 1):
        assert sizes.line_grown(ranges) == (False, True), ranges


PLANTED = """
import ctypes
import numpy as np
from failing_memory import Memory
from kernel_workload import Workload, call, load
workload, memory = Workload(), Memory()
pieces, kept = load("pieces"), []
memory.watch_kernels()
good = lambda: call(workload, "pieces")()

def swallows():
    try:
        return list(good())
    except MemoryError:
        return []

def goes_on():
    try:
        return list(good())
    except MemoryError:
        return list(good())

def wrong_next():
    try:
        yield len(kept)
        yield from good()
    except MemoryError:
        kept.append(0)
        raise

def other_error():
    try:
        yield from good()
    except MemoryError as error:
        raise ValueError from error

def leaks():
    # An array over a kernel's memory with one reference too many.
    made = list(good())
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made[0]))
    return made

import json
for work in (good, swallows, goes_on, wrong_next, other_error, leaks):
    found = memory.attempts(work, "kernels", right_after_each=True)
    print(json.dumps([work.__name__, found.failed, found.faults]))
"""


def test_a_fault_is_found(environment: dict[str, str]) -> None:
    found = {name: (failed, "; ".join(faults)) for name, failed, faults in run(["-c", PLANTED], environment)}
    assert found["<lambda>"][0] > 0
    assert not found["<lambda>"][1]
    assert "another result" in found["swallows"][1]
    assert "it went on" in found["goes_on"][1]
    assert "the next call gives another result" in found["wrong_next"][1]
    assert "ValueError" in found["other_error"][1]
    assert "blocks are held after" in found["leaks"][1]
