"""Threads: how many hpmask uses, and the one pool that they come from.

Results never depend on the number of threads. The number is the `n_threads` of a call, or else that of
`set_num_threads`, or else the environment variable HPMASK_NUM_THREADS, or else the processors of this process.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, suppress
from contextvars import copy_context
from functools import cache, wraps
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, TypeVar

import numpy as np

from hpmask._kernels import stopping
from hpmask._utils.words import counted

__all__ = ["cpu_quota", "for_the_call", "get_num_threads", "set_num_threads", "thread_count", "thread_map"]

_VARIABLE = "HPMASK_NUM_THREADS"

# The number that `set_num_threads` set for the process.
_chosen: int | None = None

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class _Here(threading.local):
    """Settings of the running thread."""

    # The `n_threads` of the method that it is in.
    n_threads: int | None = None
    # Whether it works on a part of a `thread_map`.
    at_work = False


_here = _Here()


# ---------------------------------------------------------------------- how many


class _Setting:
    """A number of threads that is set, and the previous one, which is restored at the end of a ``with`` block."""

    def __init__(self, number: int | None) -> None:
        global _chosen
        self._number = number
        self._before = _chosen
        _chosen = number

    def __enter__(self) -> None:
        global _chosen
        # Another number may have been set since this one was.
        if _chosen != self._number:
            self._before, _chosen = _chosen, self._number

    def __exit__(self, *_: object) -> None:
        global _chosen
        _chosen = self._before

    def __repr__(self) -> str:
        return f"<hpmask on {counted(get_num_threads(), 'thread')}>"


def set_num_threads(n_threads: int | None) -> AbstractContextManager[None]:
    """Set how many threads hpmask uses, for this process or for a ``with`` block.

    A call sets the number until the next call. In a ``with`` statement, the previous number is restored at the end of
    the block. The number holds for all threads of the process. The `n_threads` of a method has priority over it.
    Results do not depend on it.

    Parameters
    ----------
    n_threads : int or None
        Number of threads, at least 1. None returns to the default: the environment variable HPMASK_NUM_THREADS, or else
        the number of processors that this process may use, by its CPU affinity and by the CPU quota of its container
        (cgroup).

    Returns
    -------
    context manager
        For a ``with`` statement.

    Raises
    ------
    TypeError, ValueError
        If `n_threads` is not a positive integer or None.

    See Also
    --------
    get_num_threads : the number in use.

    Examples
    --------
    >>> import hpmask
    >>> with hpmask.set_num_threads(2):
    ...     hpmask.get_num_threads()
    2
    """
    return _Setting(None if n_threads is None else _positive(n_threads, "n_threads"))


def get_num_threads() -> int:
    """Return how many threads hpmask uses where a method is not given `n_threads`.

    Returns
    -------
    int
        The number of `set_num_threads`, or else of the environment variable HPMASK_NUM_THREADS, or else the number of
        processors that this process may use.

    Raises
    ------
    ValueError
        If HPMASK_NUM_THREADS is not a positive integer.

    Examples
    --------
    >>> import hpmask
    >>> hpmask.get_num_threads() >= 1
    True
    """
    if _chosen is not None:
        return _chosen
    return _from_environment() or _processors()


def thread_count(n_threads: int | None) -> int:
    """`n_threads`, or if it is None, the number of `for_the_call`, or else that of `get_num_threads`.

    Raises
    ------
    TypeError, ValueError
        If it is not a positive integer or None.
    """
    if n_threads is not None:
        return _positive(n_threads, "n_threads")
    return get_num_threads() if _here.n_threads is None else _here.n_threads


def for_the_call(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: `n_threads`, where a call gives it, also holds for all set operations that the function calls."""

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        given: Any = kwargs.get("n_threads")
        before = _here.n_threads
        if given is not None:
            _here.n_threads = _positive(given, "n_threads")
        try:
            return function(*args, **kwargs)
        finally:
            _here.n_threads = before

    return called


def _positive(number: Any, argument: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise TypeError(f"{argument} must be a positive integer or None, got {number!r}")
    if number < 1:
        raise ValueError(f"{argument} must be at least 1, got {number}")
    return int(number)


@cache
def _from_environment() -> int | None:
    """The number in HPMASK_NUM_THREADS, read at first use; None if the variable is not set or empty."""
    text = os.environ.get(_VARIABLE, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"the environment variable {_VARIABLE} must be a positive integer such as 4, got {text!r}")
    return int(text)


def _processors() -> int:
    """The number of processors that this process may use, limited by its CPU quota."""
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _own_quota()
    return number if quota is None else min(number, quota)


@cache
def _own_quota() -> int | None:
    return cpu_quota()


def cpu_quota(root: str | os.PathLike[str] = "/") -> int | None:
    """The processors that Linux lets this process use per unit of time, rounded up; None if there is no limit.

    A process in a container sees all processors of the machine, but is stopped for the rest of each period (0.1 s) when
    its threads have used up the quota of its control group or of a group above it. See cpu.max in the kernel's
    documentation of cgroup v2, and cpu.cfs_quota_us and cpu.cfs_period_us for version 1.

    Parameters
    ----------
    root : path, optional
        The folder that holds ``proc`` and ``sys``.

    Returns
    -------
    int or None
        At least 1.
    """
    root = Path(root)
    groups = {"unified": "/", "cpu": "/"}
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                groups["unified"] = path
            elif "cpu" in controllers.split(","):
                groups["cpu"] = path
    mount = root / "sys/fs/cgroup"
    quotas = []
    for folder in (mount, mount / "unified"):
        quotas += [_quota(folder / one / "cpu.max") for one in _upwards(groups["unified"])]
    for folder in (mount / "cpu", mount / "cpu,cpuacct"):
        for one in _upwards(groups["cpu"]):
            quotas.append(_quota(folder / one / "cpu.cfs_quota_us", folder / one / "cpu.cfs_period_us"))
    return min((max(1, -(-quota // period)) for quota, period in filter(None, quotas)), default=None)


def _upwards(group: str) -> list[PurePosixPath]:
    """A control group and all groups above it, as paths below the mount point."""
    path = PurePosixPath(group.strip().lstrip("/"))
    # A group outside the namespace of a container is given as "/../..": only its own root is in sight.
    return [PurePosixPath()] if ".." in path.parts else [path, *path.parents]


def _quota(*files: Path) -> tuple[int, int] | None:
    """Quota and period, in microseconds, from one file or from two; None if there is no limit."""
    try:
        quota, period = " ".join(file.read_text("ascii") for file in files).split()
        values = int(quota), int(period)
    except (OSError, ValueError):
        # There is no such file, or it says "max".
        return None
    return values if min(values) > 0 else None


# ---------------------------------------------------------------------- the pool


def thread_map(work: Callable[[T], R], parts: Iterable[T], n_threads: int | None = None) -> Iterator[R]:
    """Yield the results of `work` for all parts, in the order of the parts, on several threads.

    The calling thread takes part in the work. Nothing can therefore deadlock: if no other thread is free, the caller
    does everything. A `work` that calls `thread_map` itself runs that inner map on its own thread.

    If a part fails, no further part is begun, and the error is raised when the parts before it have been yielded. When
    the iterator ends, by an error, an interrupt or because it is closed, no thread works on a part any more: the
    kernels that other threads are in end at once.

    Parameters
    ----------
    work : callable
        Takes a part. It may run on any thread, in a copy of the caller's context.
    parts : iterable
        The parts.
    n_threads : int, optional
        The largest number of threads, the calling one included; by default that of the process.

    Yields
    ------
    object
        The results.
    """
    parts = list(parts)
    n_helpers = min(thread_count(n_threads), len(parts)) - 1
    if n_helpers < 1 or _here.at_work:
        yield from map(work, parts)
        return
    job = _Job(work, parts)
    helpers = _begin(job.share, n_helpers)
    try:
        for i in range(len(parts)):
            yield job.result(i)
    finally:
        job.end()
        _end(helpers)
        # A helper that was cancelled stays in the queue of the pool for a while, with its job.
        job.clear()


class _Job:
    """Parts of work, taken one after the other by the threads that share them.

    All that keeps a result is made beforehand: a thread that has no memory left can still say that its part is over.
    """

    def __init__(self, work: Callable[[Any], Any], parts: Sequence[Any]) -> None:
        self.work = work
        self.parts = parts
        self.values: list[Any] = [None] * len(parts)
        self.errors: list[BaseException | None] = [None] * len(parts)
        # Released when the part is over.
        try:
            self.locks = [threading.Lock() for _ in parts]
        except RuntimeError as error:
            # So says Python where there is no memory for a lock.
            raise MemoryError("no memory for the locks of a job") from error
        for lock in self.locks:
            lock.acquire()
        # The numbers of the parts that nobody works on yet.
        self.todo = deque(range(len(parts)))
        self.over = stopping.Stop()

    def end(self) -> None:
        """Begin no further part, and end the kernels of the helpers."""
        self.todo.clear()
        self.over.set()

    def clear(self) -> None:
        """Let go of the work, the parts and the results."""
        self.work, self.parts, self.values, self.errors = id, (), [], []

    def do_next(self, caught: type[BaseException]) -> None:
        """Work on the next part, if any is left, and keep its result or its error."""
        i = -1
        try:
            _here.at_work = True
            i = self.todo.popleft()
            self.values[i] = self.work(self.parts[i])
        except caught as error:
            if i >= 0:
                self.errors[i] = error
                self.todo.clear()
            elif not isinstance(error, IndexError):
                raise
        finally:
            if i >= 0:
                self.locks[i].release()
            _here.at_work = False

    def share(self) -> None:
        """Work on parts until none is left, as a helper thread."""
        stopping.watch(self.over)
        try:
            while self.todo:
                self.do_next(BaseException)
        finally:
            stopping.watch(None)

    def result(self, number: int) -> Any:
        """A result, waited for while there is nothing left to work on."""
        lock = self.locks[number]
        while not lock.acquire(blocking=not self.todo):
            # An interrupt reaches the calling thread only, and ends the map at once.
            self.do_next(Exception)
        error = self.errors[number]
        if error is not None:
            raise error
        value, self.values[number] = self.values[number], None
        return value


# One pool for the whole process. It is kept, since waking its threads takes a quarter of the time of making new ones.
# It makes a thread where none is idle.
_pool: ThreadPoolExecutor | None = None
_MOST_HELPERS = 4096
# Calls of `thread_map` that are under way.
_n_jobs = 0
_lock = threading.RLock()


def _begin(share: Callable[[], None], number: int) -> list[Future[None]]:
    """Have up to `number` threads of the pool do `share`, each in a copy of the caller's context."""
    global _pool, _n_jobs
    found: list[Future[None]] = []
    with _lock:
        _n_jobs += 1
        # Where no thread can be started (a limit of the system, no memory, the end of the interpreter), the others do
        # the work.
        with suppress(RuntimeError, MemoryError):
            if _pool is None:
                _pool = ThreadPoolExecutor(_MOST_HELPERS, thread_name_prefix="hpmask")
            for _ in range(number):
                found.append(_pool.submit(copy_context().run, share))
    return found


def _end(helpers: list[Future[None]]) -> None:
    """Wait for the helpers that have begun, and cancel the others."""
    global _n_jobs
    try:
        wait([helper for helper in helpers if not helper.cancel()])
    finally:
        with _lock:
            _n_jobs -= 1


def _before_fork() -> None:
    """End the pool if it is idle: its threads would be missing in the child, and Python warns where there are any."""
    global _pool
    _lock.acquire()
    if _pool is not None and not _n_jobs:
        _pool.shutdown()
        _pool = None


def _after_fork_in_child() -> None:
    """Start with a new pool, because only the thread that forked exists."""
    global _pool, _n_jobs, _lock
    _pool, _n_jobs, _lock = None, 0, threading.RLock()
    _here.at_work = False
    # A helper that forked is the main thread now.
    stopping.watch(None)


def _after_fork_in_parent() -> None:
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child, after_in_parent=_after_fork_in_parent)
