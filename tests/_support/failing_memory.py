"""Calls with the n-th allocation failing, for n = 1, 2, 3, ... until they succeed.

A process that was started with `preloading("failing_memory", folder)` (shims.py) calls

    memory = Memory()
    memory.watch_kernels()
    found = memory.attempts(work, "kernels")

where `work` gives arrays and numbers. Each attempt must raise MemoryError, keep no block of the kernels' memory, and
leave the next call right. What does not is in `found.faults`.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import gc
import importlib
import json
import pickle
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from kernel_workload import KERNELS, Workload, call, digest, load

__all__ = ["Attempts", "Memory"]

# The kinds of allocations, as in failing_memory.c: of the kernels, of numpy for its arrays, and of Python.
_KINDS = {"kernels": 1, "arrays": 2, "python": 4}
_NEVER = 2**62
# An attempt that takes longer hangs, with the call after it.
_SECONDS = 100.0

Work = Callable[[], Iterable[Any]]


@dataclass
class Attempts:
    """What came of a call with failing allocations."""

    # Allocations of a call that succeeds, and attempts in which one failed.
    allocations: int = 0
    failed: int = 0
    # Attempts that gave the right answer because the allocation was one that could be done without.
    spared: int = 0
    # Attempts in which another package made an error of its own of the MemoryError.
    translated: int = 0
    faults: list[str] = field(default_factory=list)


class Memory:
    """The allocator of this process."""

    def __init__(self) -> None:
        self._library = ctypes.PyDLL(None)
        self._library.memory_watch.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
        self._library.memory_arm.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_long, ctypes.c_int]
        for name in ("seen", "failed", "failed_shrinks", "held"):
            getattr(self._library, f"memory_{name}").restype = ctypes.c_long
        self._watched: set[str] = set()
        self._in_sections = 0

    # ------------------------------------------------------------------ what is watched

    def watch(self, kind: str, is_watched: Callable[[Path], bool]) -> int:
        """Watch the loaded libraries that `is_watched` chooses; returns how many there are."""
        found = set()
        for line in Path("/proc/self/maps").read_text().splitlines():
            where, access, *_, name = line.split(maxsplit=5)
            if "x" not in access or not name.startswith("/") or not is_watched(Path(name)):
                continue
            found.add(name)
            if line not in self._watched:
                first, last = (int(end, 16) for end in where.split("-"))
                assert self._library.memory_watch(first, last, _KINDS[kind])
                self._watched.add(line)
        return len(found)

    def watch_kernels(self) -> int:
        """Watch the kernels that are loaded."""
        return self.watch("kernels", lambda path: path.parent.name == "_kernels" and path.parts[-3] == "hpmask")

    def watch_arrays(self) -> int:
        """Watch what numpy allocates itself: the data of its arrays."""
        return self.watch("arrays", lambda path: path.name.startswith("_multiarray_umath"))

    def watch_python(self) -> None:
        """Watch the allocators of Python."""
        assert self._library.memory_hook_python(), "Python does not say what its allocators are"

    @contextmanager
    def in_sections_only(self) -> Iterator[None]:
        """Count allocations in `section` only."""
        self._in_sections = 1
        try:
            yield
        finally:
            self._in_sections = 0

    def section(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its allocations counted."""
        # Setting it allocates nothing, and so cannot fail. A call of a C function could.
        now = ctypes.c_int.in_dll(self._library, "memory_section")

        def counted(*arguments: Any, **options: Any) -> Any:
            now.value = 1
            try:
                return function(*arguments, **options)
            finally:
                now.value = 0

        return counted

    # ------------------------------------------------------------------ attempts

    def held(self) -> int:
        """The number of blocks of the kernels' memory that are in use."""
        gc.collect()
        return int(self._library.memory_held())

    def leaks(self) -> bool:
        """Whether LeakSanitizer, if it is loaded, finds memory that nothing points to. It prints what it finds."""
        gc.collect()
        return bool(self._library["__lsan_do_recoverable_leak_check"]())

    def attempts(
        self,
        work: Work,
        kind: str,
        *,
        most: int | None = None,
        seed: int = 0,
        and_later: bool = False,
        right_after_each: bool = True,
        after: Callable[[], None] = lambda: None,
    ) -> Attempts:
        """Call `work` with the n-th allocation of a kind failing, for each n.

        Parameters
        ----------
        work : callable
            Gives arrays and numbers.
        kind : str
            "kernels", "arrays" or "python".
        most : int, optional
            The number of attempts. They are then spread over all n at random.
        seed : int, optional
            Chooses them.
        and_later : bool, optional
            Whether all allocations after the n-th fail too.
        right_after_each : bool, optional
            Whether to make a call after each attempt that must give the right answer. There is always one at the end.
        after : callable, optional
            Called after each attempt. What it raises is a fault.

        Returns
        -------
        Attempts
            What came of it.
        """
        self._library.memory_track(1)
        # The first call may fill caches.
        expected = digest(work())
        found = Attempts()
        self._library.memory_arm(_KINDS[kind], _NEVER, _NEVER, self._in_sections)
        again = digest(work())
        self._library.memory_disarm()
        found.allocations = int(self._library.memory_seen())
        if again != expected:
            found.faults.append("two calls differ")
        before = self.held()
        digest(work())
        if more := self.held() - before:
            found.faults.append(f"{more} blocks are held after a call that succeeds")
        numbers = range(1, found.allocations + 1)
        if most is not None and most < len(numbers):
            numbers = sorted(random.Random(seed).sample(numbers, most))
        gc.collect()
        gc.freeze()
        try:
            before += more
            for n in numbers:
                faulthandler.dump_traceback_later(_SECONDS, exit=True)
                fault = self._attempt(work, kind, n, _NEVER if and_later else n, expected, found)
                if not fault and (more := self.held() - before):
                    fault = f"{more} blocks are held after it"
                    before += more
                if not fault and right_after_each and digest(work()) != expected:
                    fault = "the next call gives another result"
                try:
                    after()
                except AssertionError as error:
                    fault = fault or f"after it: {error}"
                if fault:
                    found.faults.append(f"allocation {n} of {found.allocations} failed: {fault}")
            if digest(work()) != expected:
                found.faults.append("the last call gives another result")
        finally:
            faulthandler.cancel_dump_traceback_later()
            gc.unfreeze()
        return found

    def _attempt(self, work: Work, kind: str, first: int, last: int, expected: str, found: Attempts) -> str:
        """What is wrong with a call in which allocations fail; nothing if it is right."""
        fault, result = "", ""
        arm, disarm = self._library.memory_arm, self._library.memory_disarm
        arguments = (_KINDS[kind], first, last, self._in_sections)
        try:
            arm(*arguments)
            made = list(work())
            disarm()
            result = digest(made)
            del made
        except MemoryError:
            disarm()
            fault = "" if self._library.memory_failed() else "MemoryError without a reason"
        except BaseException as error:
            disarm()
            frames = traceback.extract_tb(error.__traceback__)
            where = frames[-3:]
            inside = Path(frames[-1].filename).parts
            if "site-packages" in inside and "hpmask" not in inside and _is_of_memory(error):
                found.translated += 1
                found.failed += 1
                return ""
            places = " < ".join(f"{Path(at.filename).name}:{at.lineno}" for at in reversed(where))
            fault = f"{type(error).__name__}: {error} ({places})"
        n_failed = int(self._library.memory_failed())
        found.failed += n_failed > 0
        if result and result != expected:
            return "another result"
        if result and n_failed:
            # What is to become smaller may stay as it is.
            if kind == "kernels" and n_failed > self._library.memory_failed_shrinks():
                return "it went on"
            found.spared += 1
        return fault


def _is_of_memory(error: BaseException | None) -> bool:
    """Whether an error was made of a MemoryError."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


def _sections(memory: Memory) -> None:
    """Count only what happens inside the kernels' functions."""
    for kernel in map(load, KERNELS):
        for name, value in list(vars(kernel).items()):
            if callable(value) and not isinstance(value, type) and not name.startswith("_"):
                setattr(kernel, name, memory.section(value))


def _kernels(names: list[str]) -> Iterator[tuple[str, Work]]:
    workload = Workload()
    for name in names or KERNELS:
        yield name, call(workload, name)


def _operations(names: list[str], n_threads: int) -> Iterator[tuple[str, Work]]:
    # Here, as this imports all of hpmask.
    from operations import OPERATIONS, Material, bits, without_dates

    import hpmask

    hpmask.set_num_threads(n_threads)
    material = Material("small")
    with without_dates():
        for name in names or OPERATIONS:
            yield name, lambda name=name: [np.frombuffer(pickle.dumps(bits(OPERATIONS[name](material))), np.uint8)]


def main() -> None:
    """Print a line of JSON for each kernel, or for each operation of tests/_support/operations.py."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["kernels", "operations"])
    parser.add_argument("kind", choices=list(_KINDS))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--most", type=int, help="attempts for each name; all allocations by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--and-later", action="store_true", help="let all later allocations of a call fail too")
    parser.add_argument("--right-after-each", action="store_true", help="look at the next call after each attempt")
    parser.add_argument("--leaks", action="store_true", help="have LeakSanitizer look for lost memory at the end")
    options = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("ignore")
    if options.what == "operations":
        # Before the kernels: without it they are loaded alone, which is quicker.
        importlib.import_module("hpmask")
    for kernel in KERNELS:
        load(kernel)
    memory = Memory()
    assert memory.watch_kernels() > len(KERNELS) - 1
    assert memory.watch_arrays()
    works = _kernels(options.names) if options.what == "kernels" else _operations(options.names, options.threads)
    with ExitStack() as during:
        if options.kind == "python":
            memory.watch_python()
            if options.what == "kernels":
                _sections(memory)
                during.enter_context(memory.in_sections_only())
        for name, work in works:
            print(name, file=sys.stderr, flush=True)
            found = memory.attempts(
                work,
                options.kind,
                most=options.most,
                seed=options.seed,
                and_later=options.and_later,
                right_after_each=options.right_after_each,
            )
            print(json.dumps({"name": name, **asdict(found)}), flush=True)
    if options.leaks:
        memory.leaks()


if __name__ == "__main__":
    main()
