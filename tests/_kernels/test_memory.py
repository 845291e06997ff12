"""The kernels' memory: what they read has been set, and what does not fit raises MemoryError.

Each check runs in a process of its own, as it changes the process's memory, or may end it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_workload import KERNELS, Workload, call, digest, load
from sanitized import not_sanitized

WORKLOAD = Path(__file__).parents[1] / "_support" / "kernel_workload.py"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limit and the allocator's settings are those of Linux")


def run(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment}
    )


def digests(*arguments: str, **environment: str) -> dict[str, str]:
    done = run([sys.executable, str(WORKLOAD), *arguments], **environment)
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    workload = Workload()
    return {name: digest(call(workload, name)()) for name in KERNELS}


def test_the_workload_calls_every_function_of_every_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {path.stem for path in (Path(load("ranges").__file__).parent).glob("*.pyx")}
    assert not there or set(KERNELS) == there
    functions = {
        (kernel, name): value
        for kernel in KERNELS
        for name, value in vars(load(kernel)).items()
        if callable(value) and not isinstance(value, type) and not name.startswith("_")
    }
    called = set()

    def noting(key: tuple[str, str]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            called.add(key)
            return functions[key](*arguments)

        return noted

    for kernel, name in functions:
        monkeypatch.setattr(load(kernel), name, noting((kernel, name)))
    workload = Workload()
    for kernel in KERNELS:
        list(call(workload, kernel)())
    assert called == set(functions)


@not_sanitized
@LINUX
@pytest.mark.parametrize(
    "byte", [pytest.param("1", marks=pytest.mark.deep), "127", pytest.param("255", marks=pytest.mark.deep)]
)
def test_results_do_not_depend_on_what_new_memory_holds(expected: dict[str, str], byte: str) -> None:
    # glibc fills what it hands out with the complement of the byte, and what is freed with the byte.
    assert digests(MALLOC_PERTURB_=byte) == expected


@not_sanitized
def test_results_do_not_depend_on_a_heap_full_of_nan(expected: dict[str, str]) -> None:
    # Freed memory stays with the process, as it was left.
    kept = {name: str(1 << 30) for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")}
    assert digests("--nan", **kept) == expected


@not_sanitized
@pytest.mark.deep
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_no_value_that_was_not_set(tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = run(
        ["valgrind", "--error-limit=no", f"--log-file={log}", "--num-callers=30", sys.executable, str(WORKLOAD)],
        PYTHONMALLOC="malloc",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(KERNELS)
    # Python and numpy have errors of their own.
    errors = [block for block in log.read_text().split("== \n") if "_kernels" in block and " at 0x" in block]
    assert not errors, "\n".join(errors[:3])


# Input that makes each kernel ask for some MB, in growing buffers; `work` returns the arrays.
SHORT = {
    "discs": "k = load('discs'); work = lambda: k.rasterize(lon, lat, np.full(n, 2e-4), 15, 0)",
    "runs.from_ranges": "k = load('runs'); work = lambda: k.from_ranges(a, 12)",
    "runs.fringe": "k = load('runs'); work = lambda: k.fringe(runs, 12)",
    "runs.to_ranges": "k = load('runs'); work = lambda: [x for sets in k.to_ranges(runs, 12, 0, 11) for x in sets]",
    "sweep": "k = load('sweep'); work = lambda: [k.southward(runs, 12, 1e-3, 1, 16383, np.zeros(1, np.int64))]",
    "components": "k = load('components'); work = lambda: k.Labelling(nodes, True).pieces()",
    "neighbours.touched": "work = lambda: in_steps(load('neighbours').touched, nodes)",
    "neighbours.edges": "work = lambda: in_steps(load('neighbours').edges, blocks)",
    "neighbours.boundaries": "k = load('neighbours'); work = lambda: [k.boundaries(nodes, nodes.words, none, none)]",
    "shapes": (
        "k = load('shapes'); o = k.polygon(star, np.array([0, len(star)]), False); work = lambda: o.rasterize(14, 0)"
    ),
    "polygon": "k = load('shapes'); work = lambda: k.polygon(star, np.array([0, len(star)]), False).rasterize(5, 1)",
    "rotate": "k = load('rotate'); work = lambda: k.rotate(index, 12, turn, 12, 3)",
    "cells_under_image": "k = load('cells_under_image'); work = lambda: [x for pair in walk(k) for x in pair]",
    "distance.fill_map": "k = load('distance'); work = lambda: [distances(k)]",
    "outline.rings": "k = load('outline'); work = lambda: list(k.rings(a, index, 12))",
    "outline.points": "k = load('outline'); r = k.rings(a, index, 12)[:4]; work = lambda: list(k.points(*r, 12, 1e-5))",
}

# Tested by default: one for each kind of growing buffer.
FEW = ("neighbours.touched", "neighbours.boundaries", "components")

CODE = """
import resource, sys
sys.path.insert(0, {tests!r})
import numpy as np
from kernel_workload import Workload, _vectors, digest, load

rng = np.random.default_rng(2)
n, none = 20_000, np.empty(0, np.uint64)
lon, lat = rng.uniform(0, 6.28, n), np.arcsin(rng.uniform(-1, 1, n))
a = np.unique(rng.integers(0, 12 << 23, 150_000)).astype(np.uint64)
a = np.stack([2 * a, 2 * a + np.uint64(1)], axis=1).ravel() << np.uint64(34)
small = Workload()
small.boundaries, small.order = a, 12
nodes, runs = small.nodes(), small.runs()
# Every third cell of order 6: blocks.
b = np.arange(0, 12 << 12, 3, dtype=np.uint64)
small.boundaries = np.stack([b, b + np.uint64(1)], axis=1).ravel() << np.uint64(46)
blocks = small.nodes()
turn = small.turn
index = load("index").Index(a, 12)
around = np.linspace(0, 2 * np.pi, 60_000, endpoint=False)
star = _vectors(1 + (0.3 + 0.001 * np.cos(20_000 * around)) * np.cos(around), 0.3 * np.sin(around))
image = (rng.uniform(size=(1000, 1000)) < 0.5).astype(np.uint8)

def walk(k):
    total = np.empty((k.blocks_of(1000) + 1, k.blocks_of(1000) + 1), np.uint32)
    k.count_pixels(image, total)
    projection = load("projections").Projection(
        4, np.diag([-1e-3, 1e-3]), np.diag([-1000.0, 1000.0]), np.array([500.0, 500.0]), rim=np.pi, side=0.002,
        slack=1e-12, pixel_slack=np.full(2, 1e-9),
    )
    return k.walk(np.arange(12, dtype=np.uint64), 0, 12, projection, turn, image, total, False)

out = np.empty(12 << 12)
def distances(k):
    k.fill_map(small.index, 6, 0, 12, 0, 6, True, 3, 0, np.inf, out)
    return out.copy()

def in_steps(function, nodes):
    found = np.zeros(len(nodes), np.uint64)
    return [found, *function(nodes, True, found, 0, found.size // 2)]

{code}
expected = digest(work())
hard, enough = resource.getrlimit(resource.RLIMIT_AS)[1], 0
for extra in {extras}:
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(extra * 2**20), hard))
    try:
        result = work()
    except MemoryError:
        result = None
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    print("MemoryError" if result is None else "fine" if digest(result) == expected else "WRONG", flush=True)
    enough += result is not None
    del result
    if enough == 2:
        break
"""


@not_sanitized
@LINUX
@pytest.mark.parametrize(
    "kernel", [name if name in FEW else pytest.param(name, marks=pytest.mark.deep) for name in SHORT]
)
def test_short_memory_raises_memory_error(kernel: str) -> None:
    """With a little more address space each time a kernel either gives the right answer or raises MemoryError."""
    extras = [0, 0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 1024, 2048]
    code = CODE.format(tests=str(WORKLOAD.parent), code=SHORT[kernel], extras=extras)
    # Freed memory goes back at once, so that it takes part in the count; and none is ready before.
    done = run(
        [sys.executable, "-c", code],
        MALLOC_MMAP_THRESHOLD_="16384",
        MALLOC_TRIM_THRESHOLD_="0",
        MALLOC_TOP_PAD_="0",
        OPENBLAS_NUM_THREADS="1",
    )
    outcomes = done.stdout.split()
    assert done.returncode == 0, (done.returncode, outcomes, done.stderr)
    assert set(outcomes) == {"MemoryError", "fine"}, outcomes
    # It ends at the second right answer. What the allocator needs differs a little from one time to the next.
    assert outcomes[-1] == "fine", outcomes
    assert outcomes.count("fine") == 2, outcomes


def test_inputs_that_do_not_fit_are_refused() -> None:
    """Kernels run without bounds checks: what must match is looked at before."""
    some = Workload()
    odd = some.boundaries[:-1].copy()
    out = np.empty(some.lon.size)
    ranges = load("ranges")
    for function in (ranges.widen, ranges.centres):
        with pytest.raises(ValueError, match="pairs"):
            function(odd, 40, np.empty_like(odd))
    for function, more in ((ranges.total, ()), (ranges.count_cells, (40,)), (load("tiles").TileSet, (6,))):
        with pytest.raises(ValueError, match="pairs"):
            function(odd, *more)
    # Indices of numbers that are not those of order 29, and none at all.
    for wrong in (load("index").Index(some.boundaries >> np.uint64(46), 6, counted_in=6), some.nodes().index, None):
        for call_it in (
            lambda index: load("distance").signed(index, some.order, some.vectors, some.numbers(), 1.0, out),
            lambda index: load("distance").fill_map(index, some.order, 0, 12, 0, 1, True, 3, 0, 1.0, np.empty(48)),
            lambda index: load("rotate").rotate(index, some.order, some.turn, some.order, 0),
            lambda index: load("caps").words_at(index, some.numbers(), np.empty(60, np.uint64)),
            lambda index: load("pixel_areas").covered(index, np.zeros((60, 4, 3)), out, np.empty((0, 2), np.uint8)),
        ):
            with pytest.raises(TypeError if wrong is None else ValueError, match=r"Index|another order"):
                call_it(wrong)
    with pytest.raises(ValueError, match="one word more"):
        load("index").Index(some.boundaries, some.order, words=odd)
    with pytest.raises(ValueError, match="at most counted_in"):
        load("index").Index(some.boundaries, 7, counted_in=6)
    with pytest.raises(ValueError, match="one length"):
        some.index.inside(some.numbers(), np.empty(59, np.uint8))
    flags = load("flags")
    with pytest.raises(ValueError, match="each place has a word"):
        flags.merge(some.boundaries, odd, 0, some.other, some.other, 0, some.other.copy(), some.other.copy())
    for wrong in ((5, 30, 2, 8), (5, 6, 61, 8), (5, 2, 2, 9), (1 << 31, 6, 2, 8), (5, 29, 20, 8)):
        with pytest.raises(ValueError, match=r"order must be|fewer than"):
            flags.WordIndex(*wrong)
    index = flags.WordIndex(some.boundaries.size, 6, 2, 8)
    words = np.zeros(some.boundaries.size, np.uint64)
    for wrong in ((some.boundaries, words[1:], 192), (some.boundaries, words, 193), (some.boundaries, words, 3)):
        with pytest.raises(ValueError, match=r"must have a word|must be in the blocks"):
            index.append(*wrong)
    with pytest.raises(ValueError, match="be closed"):
        index.at(some.numbers(), np.empty(60, np.uint8))
    with pytest.raises(ValueError, match="does not cover the sky"):
        index.close()
    index.append(some.boundaries, words, 192)
    index.close()
    with pytest.raises(ValueError, match="one length"):
        index.at(some.numbers(), np.empty(59, np.uint8))
    with pytest.raises(ValueError, match="the places must ascend"):
        flags.WordIndex(8, 6, 2, 8).append(some.boundaries[[0, -2, 1]], words[:3], 192)
    nothing = load("tiles").TileSet(np.empty(0, np.uint64), 6)
    for refused in (
        lambda: load("components").Labelling(nothing, True),
        lambda: load("neighbours").touched(nothing, True, np.empty(0, np.uint64), 0, 0),
    ):
        with pytest.raises(ValueError, match="must not be empty"):
            refused()
    with pytest.raises(ValueError, match="sip_limits"):
        some.projection(0, to_plane=np.eye(2), to_pixels=np.eye(2), sip=np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="no such projection"):
        some.projection(10, to_plane=np.eye(2), to_pixels=np.eye(2))
    with pytest.raises(ValueError, match="parts are outside"):
        load("merge").count(some.boundaries, some.other, 8, 3, 2, 0, 1, some.other.copy(), np.empty((9, 3), np.int64))
    components = load("components")
    starts, stops = some.boundaries[::2].copy(), some.boundaries[1::2].copy()
    with pytest.raises(ValueError, match="numbers of components"):
        components.group(
            starts,
            stops,
            np.full(starts.size, 7, np.uint32),
            np.arange(3, dtype=np.uint32),
            np.empty(4, np.int64),
            np.empty(2 * starts.size, np.uint64),
        )
