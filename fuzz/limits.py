"""The time and the memory that an input may take."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

__all__ = ["MEMORY", "OutOfProportion", "bounded", "set_seconds"]

MEMORY = 500 << 20
"""Bytes that an input may take, beyond what the process has."""

_seconds = 2.0
_STATM = Path("/proc/self/statm")
_AGAIN = 0.5


class OutOfProportion(BaseException):
    """An input took more than the time allowed. No reader may catch it, so it is not an `Exception`."""


def set_seconds(seconds: float) -> None:
    """Set the seconds of processor time that an input may take: 2 by default, more where code is instrumented."""
    global _seconds
    _seconds = seconds


@contextmanager
def bounded() -> Iterator[None]:
    """Limit time and memory. Beyond the time, `OutOfProportion` is raised; beyond the memory, `MemoryError`.

    The time is that of the processor, so a busy machine is not a finding. Where the system has no such timers or no
    limits of memory, nothing is limited.
    """
    with _memory(), _time():
        yield


@contextmanager
def _time() -> Iterator[None]:
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfProportion(f"more than {_seconds} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    # Again and again: an exception in a callback from C is printed and forgotten.
    signal.setitimer(signal.ITIMER_VIRTUAL, _seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _memory() -> Iterator[None]:
    try:
        import resource
    except ImportError:
        yield
        return
    if not _STATM.exists():
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(_STATM.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
