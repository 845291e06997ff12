"""Writing when system calls fail: the complete old file or the complete new one, no litter, and an error that says why.

Each writer runs in a process of its own, in which the n-th system call on its files fails, or at which it is killed.
"""

from __future__ import annotations

import errno
import gc
import os
import random
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")

from all_writers import WRITERS, Writer
from failing_files import KINDS, PLACING, SPACE, FailingFiles
from profiles import cases, sampled, seed

from hpmask._files import atomic

pytestmark = pytest.mark.usefixtures("sources_in_place", "one_thread")

TEMPORARY = re.compile(r"\.hpmask-[0-9a-f]{16}\.tmp")

# The calls by which temporary files are found and removed.
TIDYING = {"unlink", "rmdir", "open", "list", "stat", "close"}


@dataclass(frozen=True)
class Fault:
    """What happens to a system call."""

    name: str
    action: str
    error: int = 0
    kinds: tuple[str, ...] = KINDS
    lasting: bool = False

    def __str__(self) -> str:
        return self.name


FAULTS = (
    Fault("the disk fails", "fail", errno.EIO),
    Fault("the disk fails from here on", "fail", errno.EIO, tuple(kind for kind in KINDS if kind not in TIDYING), True),
    Fault("the disk is full", "fail", errno.ENOSPC, SPACE, True),
    Fault("the quota is exceeded", "fail", errno.EDQUOT, SPACE),
    Fault("the disk is full, says closing", "fail", errno.ENOSPC, ("close",)),
    Fault("a signal interrupts", "fail", errno.EINTR),
    Fault("the file server forgets", "fail", errno.ESTALE),
    Fault("another device", "fail", errno.EXDEV, PLACING),
    Fault("no links", "fail", errno.EOPNOTSUPP, ("link",), True),
    Fault("no links allowed", "fail", errno.EPERM, ("link",), True),
    Fault("no exchange", "fail", errno.EINVAL, ("exchange",), True),
    Fault("done and denied", "do and fail", errno.EEXIST, ("link", "rename", "exchange", "mkdir")),
    Fault("done and failed", "do and fail", errno.EIO),
    Fault("short writes", "shorten", 0, ("write", "read"), True),
    Fault("a short write", "shorten", 0, ("write", "read")),
)

KILLS = (Fault("killed before", "kill"), Fault("killed after", "do and kill"))


class Trial:
    """A writer, its two contents, and the files around it."""

    def __init__(self, writer: Writer, files: FailingFiles, folder: Path) -> None:
        self.writer, self.files = writer, files
        self.temporary = folder / "temporary"
        self.out, kept = folder / "out", folder / "kept"
        self.out.mkdir()
        self.path = self.out / writer.file
        self.copies, self.contents = [], []
        for k in range(2):
            (kept / str(k)).mkdir(parents=True)
            copy = kept / str(k) / writer.file
            writer.write(copy, k, False)
            self.copies.append(copy)
            self.contents.append(writer.read(copy))
        assert self.contents[0] != self.contents[1]
        # What is made once in a process would be counted once.
        self.write(old=True)
        self.write(old=False)

    def write(self, *, old: bool) -> None:
        """Write the new content, where the old one is, or where nothing is."""
        self.begin(old=old)
        self.writer.write(self.path, 1, old)

    def begin(self, *, old: bool) -> None:
        for folder in (self.out, self.temporary):
            for one in folder.iterdir():
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        if old:
            copy = self.copies[0]
            shutil.copytree(copy, self.path) if copy.is_dir() else shutil.copyfile(copy, self.path)

    def points(self, faults: tuple[Fault, ...], most: int) -> list[tuple[Fault, bool, int]]:
        """Faults, whether there is an old file, and the numbers of the calls that meet them: all, or some at random."""
        found = []
        for old in (False, True):
            self.begin(old=old)
            with self.files.armed():
                self.writer.write(self.path, 1, old)
            calls = self.files.kinds
            for fault in faults:
                n = sum(kind in fault.kinds for kind in calls)
                found += [(fault, old, at) for at in range(1, n + 1)]
        if len(found) <= most:
            return found
        # As many of the rare kinds of faults as of the frequent ones.
        chosen, rng = [], random.Random(f"{seed()} {self.writer}")
        lists = [rng.sample(some, len(some)) for fault in faults if (some := [one for one in found if one[0] == fault])]
        rng.shuffle(lists)
        while len(chosen) < most:
            chosen += [some.pop() for some in lists if some]
        return chosen[:most]

    def found(self) -> int | None:
        """Which content the path has; None for none. Anything else is an error."""
        if not self.path.exists():
            return None
        content = self.writer.read(self.path)
        assert content in self.contents, "neither the old content nor the new one"
        return self.contents.index(content)

    def litter(self) -> list[Path]:
        """What else is there."""
        return [one for folder in (self.out, self.temporary) for one in folder.iterdir() if one != self.path]

    def check_next_write(self) -> None:
        """The next write works, and an hour later it removes what a killed process left."""
        self.writer.write(self.path, 0, True)
        assert self.found() == 0
        left = self.litter()
        own = [one for one in left if one.parent == self.out]
        assert all(TEMPORARY.fullmatch(one.name) for one in own), f"litter: {own}"
        for one in own:
            for each in (one, *one.rglob("*")):
                before = time.time() - 3700
                os.utime(each, (before, before))
        self.writer.write(self.path, 1, True)
        assert self.found() == 1
        assert not [one for one in self.litter() if one.parent == self.out]

    # ------------------------------------------------------------------ one fault

    def check(self, fault: Fault, old: bool, at: int) -> None:
        """Write with a fault, and check what is there afterwards."""
        where = f"{self.writer.name}, {fault}, {'replacing' if old else 'new'}, call {at}"
        self.begin(old=old)
        raised: BaseException | None = None
        descriptors = len(os.listdir("/proc/self/fd"))
        unraisable: list[Any] = []
        sys.unraisablehook = lambda what: unraisable.append((what.exc_value, what.object))
        with self.files.armed(fault.action, at=at, lasting=fault.lasting, error=fault.error, kinds=fault.kinds):
            try:
                self.writer.write(self.path, 1, old)
            except BaseException as error:
                raised = error
        met, calls = self.files.met, self.files.kinds
        where += f" ({calls[at - 1] if at <= len(calls) else 'none'}), raised {raised!r}"
        try:
            # The first write of a killed process may take another way, with fewer calls.
            assert met or at > len(calls), "no call met the fault"
            state, first = self.found(), 0 if old else None
            if raised is None:
                assert state == 1, "no error was raised, and the new content is not there"
            else:
                assert isinstance(raised, OSError), "not an OSError"
                assert state in (first, 1)
                named = str(self.path.parent), str(self.temporary)
                assert any(name in str(raised) for name in named), "the error does not name the path"
                assert ".hpmask-" not in str(raised), "the error names a temporary file"
            if not set(calls[at - 1 : at]) & TIDYING:
                assert not self.litter(), f"litter: {[one.name for one in self.litter()]}"
            # An error holds frames, and these hold files.
            raised = None
            gc.collect()
            assert len(os.listdir("/proc/self/fd")) <= descriptors, "a file stays open"
            assert not unraisable, f"errors that nobody saw: {unraisable}"
            self.check_next_write()
        except Exception as error:
            raise AssertionError(f"{where}: {error!r}") from error

    def check_killed(self, fault: Fault, old: bool, at: int) -> bool:
        """Kill a process that writes, and check what is there afterwards. Returns whether it was killed."""

        def work() -> None:
            with self.files.armed(fault.action, at=at):
                self.writer.write(self.path, 1, old)

        self.begin(old=old)
        killed = self.files.fork(work).was_killed()
        try:
            state = self.found()
            assert state in ((0 if old else None, 1) if killed else (1,))
            for one in self.litter():
                if one.parent == self.out:
                    assert TEMPORARY.fullmatch(one.name), f"litter: {one.name}"
        except Exception as error:
            raise AssertionError(
                f"{self.writer.name}, {fault} call {at} ({self.files.kinds[-1:]}): {error!r}"
            ) from error
        return killed


def failing(trial: Trial, most: int, faults: tuple[Fault, ...] = FAULTS) -> int:
    """Try faults in one process, and return how many."""

    def work() -> int:
        points, faulty = trial.points(faults, most), []
        for point in points:
            try:
                trial.check(*point)
            except AssertionError as error:
                faulty.append(str(error))
        assert not faulty, "\n".join([f"{len(faulty)} of {len(points)}", *faulty])
        return len(points)

    return int(trial.files.fork(work).result())


def killed(trial: Trial, most: int) -> int:
    """Kill processes at calls, and return how many were killed."""
    points = trial.files.fork(lambda: trial.points(KILLS, most)).result()
    n = sum(trial.check_killed(*point) for point in points)
    trial.check_next_write()
    return n


@pytest.mark.deep
@pytest.mark.parametrize("writer", sampled(WRITERS, 3), ids=str)
def test_calls_that_fail(files, tmp_path, counted, writer):
    counted(failing(Trial(writer, files, tmp_path), cases(2)), "failed system calls of a write")


@pytest.mark.parametrize("writer", sampled(WRITERS, 3), ids=str)
def test_killed(files, tmp_path, counted, writer):
    counted(killed(Trial(writer, files, tmp_path), cases(2)), "kills during a write")


@pytest.mark.deep
@pytest.mark.parametrize("writer", sampled(WRITERS[::-1], 6), ids=str)
def test_more_calls(files, tmp_path, counted, writer):
    trial = Trial(writer, files, tmp_path)
    counted(failing(trial, cases(6)), "failed system calls of a write")
    counted(killed(trial, cases(3)), "kills during a write")


# ---------------------------------------------------------------------- folders


@pytest.mark.deep
def test_folders_where_they_cannot_be_exchanged(files, tmp_path, counted, monkeypatch):
    """A killed process may leave none, and then the complete old one beside it, which is not swept."""
    writer = next(one for one in WRITERS if one.name == "tiles")
    trial = Trial(writer, files, tmp_path)
    monkeypatch.setattr(atomic, "exchanged", lambda one, other: False)
    faults = (Fault("the disk fails", "fail", errno.EIO, PLACING), Fault("done", "do and fail", errno.EIO, PLACING))
    n = failing(trial, cases(4), faults)

    def count() -> int:
        trial.begin(old=True)
        with files.armed(kinds=["rename"]):
            writer.write(trial.path, 1, True)
        return files.count

    calls = files.fork(count).result()
    # The last three: the old folder goes aside, the new one takes its place, the old one is to be removed.
    for at in range(calls - 2, calls + 1):
        trial.begin(old=True)

        def work(at: int = at) -> None:
            with files.armed("do and kill", at=at, kinds=["rename"]):
                writer.write(trial.path, 1, True)

        assert files.fork(work).was_killed()
        assert trial.found() == (None if at == calls - 2 else 1)
        kept = [one for one in trial.litter() if one.suffix == ".old"]
        assert len(kept) == (at != calls)
        for one in kept:
            assert writer.read(one) == trial.contents[0]
            os.utime(one, (1e9, 1e9))
        writer.write(trial.path, 1, True)
        assert [one for one in trial.litter() if one.suffix == ".old"] == kept
        n += 1
    counted(n, "failed system calls of a write")


# ---------------------------------------------------------------------- planted errors


PLAIN = ("the disk fails", "the quota is exceeded")


def plain(write: Any) -> Writer:
    """A writer of a text that does it in another way."""
    return Writer("planted", "x", write, lambda path: path.read_text())


def in_place(path: Path, which: int, overwrite: bool) -> None:
    path.write_text(f"content {which} " * 1000)


def without_removal(path: Path, which: int, overwrite: bool) -> None:
    new = path.with_name("x.new")
    new.write_text(f"content {which}")
    os.replace(new, path)


def through_stdio(path: Path, which: int, overwrite: bool) -> None:
    """As numpy's tofile, which does not see the errors of what is written when a file is closed."""
    import numpy as np

    with atomic.replacing(path, overwrite=overwrite) as file, open(file.fileno(), "r+b", closefd=False) as plain:
        np.frombuffer(f"content {which}".encode() * 9, dtype=np.uint8).tofile(plain)


def without_names(path: Path, which: int, overwrite: bool) -> None:
    try:
        with atomic.replacing(path, overwrite=overwrite) as file:
            file.write(f"content {which}".encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror) from None


@pytest.mark.deep
@pytest.mark.parametrize(
    ("write", "fault"),
    [
        (in_place, "neither the old content nor the new one|assert"),
        (without_removal, "litter"),
        (through_stdio, "no error was raised|neither the old"),
        (without_names, "the error does not name the path"),
    ],
)
def test_writers_with_an_error_are_caught(files, tmp_path, write, fault):
    with pytest.raises(AssertionError, match=fault):
        failing(Trial(plain(write), files, tmp_path), 25, tuple(one for one in FAULTS if one.name in PLAIN))


def test_a_writer_in_place_does_not_survive_a_kill(files, tmp_path):
    with pytest.raises(AssertionError, match="killed"):
        killed(Trial(plain(in_place), files, tmp_path), 1000)


def test_a_sweep_that_does_nothing_is_caught(files, tmp_path, monkeypatch):
    trial = Trial(WRITERS[0], files, tmp_path)
    left = trial.out / f".hpmask-{7:016x}.tmp"
    left.touch()
    trial.check_next_write()
    monkeypatch.setattr(atomic, "_sweep", lambda folder, before: None)
    left.touch()
    with pytest.raises(AssertionError):
        trial.check_next_write()
