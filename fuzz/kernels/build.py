"""The kernels with clang's sanitizers and edge coverage, and libFuzzer's executable with Python in it.

    python -m fuzz.kernels.build

The build folder is build/fuzz-kernels in the source tree, or `HPMASK_FUZZ_BUILD`. A file is compiled again if what it
is made of has changed. It holds a package `hpmask` with the kernels alone, which stands in for the real one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["FUZZED", "KERNELS", "ROOT", "CannotBuild", "build", "environment"]

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "hpmask" / "_kernels"
KERNELS = tuple(sorted(path.stem for path in SOURCES.glob("*.pyx")))
# All but the one that takes no data.
FUZZED = tuple(name for name in KERNELS if name != "stopping")
SHARED = "hpmask._kernels._memoryviews"

# Casts of a float that does not fit into the integer are undefined, but not part of clang's "undefined". Left out is
# what Cython's own code does: it calls functions through other types ("function"), and adds 0 to NULL
# ("pointer-overflow"), which C2y defines. AddressSanitizer watches all accesses.
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize=function,pointer-overflow")
FLAGS = ("-g", "-std=c11", "-ffp-contract=off", "-fno-omit-frame-pointer", *SANITIZERS, "-fno-sanitize-recover=all")
KERNEL_FLAGS = ("-shared", "-fPIC", "-O1", "-w", *FLAGS, "-fsanitize=fuzzer-no-link")
HARNESS_FLAGS = ("-O1", "-Wall", "-Wextra", "-rdynamic", *FLAGS, "-fsanitize=fuzzer")


class CannotBuild(Exception):
    """What is missing on this machine."""


def compiler() -> str:
    """clang with libFuzzer: `CLANG` or the newest one on the path."""
    names = [os.environ["CLANG"]] if os.environ.get("CLANG") else ["clang", *(f"clang-{n}" for n in range(30, 13, -1))]
    for name in names:
        if found := shutil.which(name):
            return found
    raise CannotBuild(f"there is no {' or '.join(names[:2])} on the path; set CLANG to a clang with compiler-rt")


def folder() -> Path:
    """The build folder."""
    return Path(os.environ.get("HPMASK_FUZZ_BUILD") or ROOT / "build" / "fuzz-kernels")


def environment(target: str) -> dict[str, str]:
    """Variables of a process of the executable."""
    return {
        **os.environ,
        "HPMASK_FUZZ_TARGET": target,
        "HPMASK_FUZZ_PYTHON": sys.executable,
        # The kernels of the build folder come before those of the installed package.
        "PYTHONPATH": f"{folder()}{os.pathsep}{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Each block from malloc, so that a byte beyond it is seen. Python itself leaks, by design.
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def stale(made: Path, *parts: object) -> str | None:
    """The stamp of what a file is made of, or None if it was made of the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else repr(part).encode())
    stamp = digest.hexdigest()
    noted = made.with_suffix(".stamp")
    return None if made.exists() and noted.exists() and noted.read_text() == stamp else stamp


def compile_c(clang: str, arguments: list[str], made: Path, stamp: str) -> None:
    ccache = shutil.which("ccache")
    new = made.with_suffix(f".{os.getpid()}")
    run([*([ccache] if ccache else []), clang, *arguments, "-o", str(new)])
    new.replace(made)
    made.with_suffix(".stamp").write_text(stamp)


def build_kernel(clang: str, name: str) -> None:
    package = folder() / "hpmask" / "_kernels"
    made = package / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = folder() / f"{name}.c"
    include = sysconfig.get_paths()["include"]
    if name == SHARED.rpartition(".")[2]:
        flags = [flag for flag in KERNEL_FLAGS if flag != "-fsanitize=fuzzer-no-link"]
        cython, parts = [f"--generate-shared={source}"], []
    else:
        flags = [*KERNEL_FLAGS]
        pyx = SOURCES / f"{name}.pyx"
        cython = ["-3", "-M", f"--shared={SHARED}", str(pyx.relative_to(ROOT)), "-o", str(source)]
        parts = [pyx, *sorted(SOURCES.glob("*.pxd"))]
    if stamp := stale(made, clang, flags, cython, include, *parts):
        run([sys.executable, "-m", "cython", *cython])
        compile_c(clang, [*flags, f"-I{include}", f"-I{SOURCES}", str(source), "-lm"], made, stamp)
        print(f"built {name}", file=sys.stderr, flush=True)


def build_harness(clang: str) -> Path:
    source, made = Path(__file__).with_name("harness.c"), folder() / "harness"
    include, libraries = sysconfig.get_paths()["include"], sysconfig.get_config_var("LIBDIR")
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise CannotBuild("this Python has no shared library that could be linked to libFuzzer's executable")
    python = f"-lpython{sysconfig.get_config_var('LDVERSION')}"
    arguments = [*HARNESS_FLAGS, f"-I{include}", str(source), f"-L{libraries}", f"-Wl,-rpath,{libraries}", python]
    if stamp := stale(made, clang, arguments, source):
        compile_c(clang, arguments, made, stamp)
    return made


def build() -> Path:
    """Compile what is not up to date; returns the executable. Raises CannotBuild where something is missing."""
    clang = compiler()
    package = folder() / "hpmask" / "_kernels"
    package.mkdir(parents=True, exist_ok=True)
    for part in (package.parent, package):
        (part / "__init__.py").touch()
    harness = build_harness(clang)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(build_kernel, clang, name) for name in (SHARED.rpartition(".")[2], *KERNELS)]:
            done.result()
    return harness


if __name__ == "__main__":
    try:
        print(build())
    except CannotBuild as error:
        sys.exit(f"fuzz.kernels.build: {error}")
