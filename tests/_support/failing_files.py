"""Forked processes whose system calls on the files below a folder fail, fall short, or kill or stop the process.

    files = FailingFiles(library("failing_files", session_folder), folder)

    def work():
        files.arm("fail", at=3, error=errno.ENOSPC)
        mask.write(path)

    child = files.fork(work)
    child.result()

The calls are counted from 1 on since `arm`. Faults are made by failing_files.c in the process that `fork` starts, and
the counts are in memory that it shares with this one. The process needs no start of an interpreter, and has all that is
imported here.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from shims import library

__all__ = ["KINDS", "PLACING", "SPACE", "Child", "FailingFiles"]

# In the order of `enum kind` in failing_files.c.
KINDS = (
    "read",
    "write",
    "open",
    "create",
    "close",
    "sync",
    "truncate",
    "rename",
    "link",
    "unlink",
    "mkdir",
    "rmdir",
    "stat",
    "chmod",
    "list",
    "seek",
    "exchange",
)

SPACE = ("write", "create", "sync", "truncate", "link", "mkdir")
"""The kinds of calls that a full disk or an exceeded quota may fail."""

PLACING = ("rename", "link", "exchange")
"""The kinds of calls that give a complete file its name."""

_ACTIONS = ("count", "fail", "do and fail", "shorten", "kill", "do and kill", "stop")
_MOST_LOGGED = 1 << 15


class _Plan(ctypes.Structure):
    """As in failing_files.c."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("armed", "action", "at", "lasting", "error", "kinds", "count", "met")),
        ("folder", ctypes.c_char * 4096),
        ("log", ctypes.c_uint8 * _MOST_LOGGED),
    )


class FailingFiles:
    """The faults of the files below a folder, in processes that `fork` starts.

    Parameters
    ----------
    folder : path
        The folder.
    place : path
        Where the C library is compiled, once.
    """

    def __init__(self, folder: Path, place: Path) -> None:
        if platform.machine() != "x86_64":
            pytest.skip("the system calls are watched on x86-64 only")
        self._library = ctypes.CDLL(str(library("failing_files", place)))
        self._memory = mmap.mmap(-1, ctypes.sizeof(_Plan))
        self._plan = _Plan.from_buffer(self._memory)
        self._plan.folder = os.path.realpath(folder).encode()

    def arm(
        self,
        action: str = "count",
        *,
        at: int = 0,
        lasting: bool = False,
        error: int = 0,
        kinds: Collection[str] = KINDS,
    ) -> None:
        """Begin to count, and say what happens to the call with the number `at`, or to all from it on."""
        plan = self._plan
        plan.armed = 0
        plan.action, plan.at, plan.lasting, plan.error = _ACTIONS.index(action), at, lasting, error
        plan.kinds = sum(1 << KINDS.index(kind) for kind in kinds)
        plan.count = plan.met = 0
        plan.armed = 1

    def disarm(self) -> None:
        """Let all calls through, uncounted. The counts stay."""
        self._plan.armed = 0

    @contextmanager
    def armed(self, action: str = "count", **words: Any) -> Iterator[None]:
        """`arm` for a block."""
        self.arm(action, **words)
        try:
            yield
        finally:
            self.disarm()

    @property
    def count(self) -> int:
        """The number of calls since `arm`."""
        return int(self._plan.count)

    @property
    def met(self) -> int:
        """How many calls met a fault."""
        return int(self._plan.met)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the calls, in their order."""
        return [KINDS[k] for k in self._plan.log[: min(self.count, _MOST_LOGGED)]]

    def fork(self, work: Callable[[], Any]) -> Child:
        """Start a process that does some work with its files watched, and hands over what it returns."""

        def watched() -> Any:
            if error := self._library.watch(ctypes.byref(self._plan)):
                raise OSError(error, "system calls cannot be watched")
            return work()

        return Child(watched)


class Child:
    """A process that was forked to do some work."""

    def __init__(self, work: Callable[[], Any]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            code = 1
            try:
                try:
                    answer = True, work()
                except BaseException:
                    answer = False, traceback.format_exc()
                with open(writing, "wb") as pipe:
                    pipe.write(pickle.dumps(answer))
                code = 0
            finally:
                # Without the end of pytest and of its fixtures.
                os._exit(code)
        os.close(writing)
        self._pipe = open(reading, "rb")  # noqa: SIM115  closed with the process

    def wait_for_stop(self) -> bool:
        """Wait until the process stops itself, True, or ends, False."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self._ended(status)
        return False

    def go_on(self) -> None:
        """Let a process go on that has stopped."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process, which is there yet."""
        os.kill(self.pid, signal.SIGKILL)
        self.was_killed()

    def was_killed(self) -> bool:
        """Wait for the end of the process. Whether it was killed; otherwise it has done its work."""
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self._pipe.close()
            return True
        self._ended(status)
        self.answer()
        return False

    def _ended(self, status: int) -> None:
        self._status = os.waitstatus_to_exitcode(status)

    def answer(self) -> Any:
        """What the work of a process that has ended returned."""
        with self._pipe:
            return self._answered(self._pipe.read())

    def _answered(self, content: bytes) -> Any:
        assert self._status == 0, f"the process ended with {self._status}"
        fine, answer = pickle.loads(content)
        assert fine, answer
        return answer

    def result(self) -> Any:
        """Wait for the process, and return what its work returned."""
        with self._pipe:
            content = self._pipe.read()
        _, status = os.waitpid(self.pid, 0)
        self._ended(status)
        return self._answered(content)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process if it is still there."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._pipe.close()
