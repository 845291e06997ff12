"""Writers and readers at the same time: of several writers one wins, and readers see one complete file.

The race is not left to the clock: a writer is stopped at each of its system calls in turn, and another one writes, or a
reader reads, in the meantime.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from all_writers import WRITERS, Writer
from failing_files import Child, FailingFiles
from profiles import cases, sampled, seed

from hpmask import Mask, MaskFormatError, RangeSet

pytestmark = pytest.mark.usefixtures("sources_in_place", "one_thread")

RACING = [one for one in WRITERS if one.name in ("FITS", "JSON", "parquet", "tiles", "HATS map", "folder of a set")]


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def succeeds(writer: Writer, path: Path, which: int, overwrite: bool) -> bool:
    try:
        writer.write(path, which, overwrite)
    except FileExistsError:
        return False
    return True


class Race:
    """A writer that is stopped at each of its calls, while something else happens."""

    def __init__(self, writer: Writer, files: FailingFiles, folder: Path) -> None:
        self.writer, self.files = writer, files
        self.out = folder / "out"
        self.out.mkdir()
        self.path = self.out / writer.file
        self.contents = []
        for k in range(2):
            writer.write(self.path, k, bool(k))
            self.contents.append(writer.read(self.path))

    def points(self, old: bool, most: int) -> list[int]:
        """The calls at which the writer is stopped."""
        self.begin(old)

        def work() -> int:
            with self.files.armed():
                self.writer.write(self.path, 1, old)
            return self.files.count

        every = range(1, self.files.fork(work).result() + 1)
        # Most things happen at the end, where files take their places.
        chosen = random.Random(f"{seed()} {self.writer} {old}").sample(every, min(most, len(every)))
        return sorted({*chosen, *every[-max(most // 2, 1) :]})

    def begin(self, old: bool) -> None:
        remove(self.path)
        if old:
            self.writer.write(self.path, 0, False)

    def stopped(self, at: int, old: bool) -> Child | None:
        """A process that writes the second content, stopped at a call; None if this one made fewer calls."""
        self.begin(old)
        self.files.arm("stop", at=at)
        child = self.files.fork(lambda: succeeds(self.writer, self.path, 1, old))
        if not child.wait_for_stop():
            assert child.answer() is True
            return None
        self.files.disarm()
        return child

    def check_names(self) -> None:
        assert [one.name for one in self.out.iterdir()] == [self.path.name]


def of_new_files(race: Race, most: int) -> int:
    """Two writers without `overwrite`: one wins."""
    n = 0
    for at in race.points(False, most):
        child = race.stopped(at, False)
        if child is None:
            continue
        n += 1
        with child:
            second = succeeds(race.writer, race.path, 0, False)
            child.go_on()
            first = child.result()
        assert first + second == 1, f"call {at}: {first + second} writers succeeded"
        assert race.writer.read(race.path) == race.contents[int(first)], f"call {at}: not the content of the winner"
        race.check_names()
    return n


def of_readers(race: Race, most: int) -> int:
    """A reader while a file is replaced: the old content or the new one, at each moment."""
    n = 0
    for at in race.points(True, most):
        child = race.stopped(at, True)
        if child is None:
            continue
        n += 1
        with child:
            assert race.writer.read(race.path) in race.contents, f"call {at}"
            # Another writer, too.
            assert succeeds(race.writer, race.path, 0, True)
            assert race.writer.read(race.path) == race.contents[0], f"call {at}"
            child.go_on()
            assert child.result() is True
        assert race.writer.read(race.path) in race.contents, f"call {at}"
        race.check_names()
    return n


@pytest.mark.parametrize("writer", sampled(RACING, 2), ids=str)
def test_two_writers_of_a_new_file(files, tmp_path, counted, writer):
    counted(of_new_files(Race(writer, files, tmp_path), cases(2)), "races of writers")


@pytest.mark.parametrize("writer", sampled(RACING[::-1], 2), ids=str)
def test_a_reader_while_a_file_is_replaced(files, tmp_path, counted, writer):
    counted(of_readers(Race(writer, files, tmp_path), cases(2)), "races of writers")


@pytest.mark.deep
@pytest.mark.parametrize("writer", sampled(RACING, 3), ids=str)
def test_more_races(files, tmp_path, counted, writer):
    race = Race(writer, files, tmp_path)
    counted(of_new_files(race, cases(10)) + of_readers(race, cases(10)), "races of writers")


@pytest.mark.parametrize("name", ["tiles", "folder of a set", "HATS map"])
def test_a_folder_that_is_replaced_while_it_is_read(files, tmp_path, counted, name):
    """A reader that has begun with the old folder may find that it is gone, and never makes a mixture of both."""
    writer = next(one for one in WRITERS if one.name == name)
    race = Race(writer, files, tmp_path)
    race.begin(True)

    def reading() -> object:
        try:
            return writer.read(race.path)
        except (OSError, MaskFormatError) as error:
            return f"{type(error).__name__}: {error}"

    def work() -> int:
        with files.armed():
            reading()
        return files.count

    n = files.fork(work).result()
    chosen = random.Random(seed()).sample(range(1, n + 1), min(n, cases(4)))
    for at in chosen:
        race.begin(True)
        files.arm("stop", at=at)
        with files.fork(reading) as child:
            assert child.wait_for_stop()
            files.disarm()
            writer.write(race.path, 1, True)
            child.go_on()
            answer = child.result()
        if isinstance(answer, str):
            assert str(race.path) in answer, answer
        else:
            assert answer in race.contents, f"call {at} of {n}"
    counted(len(chosen), "races of writers")


def test_many_processes(files, tmp_path, counted):
    """Writers and readers that nobody stops."""
    path = tmp_path / "m.fits"
    masks = [Mask(RangeSet.from_cells(range(k, 3000, 7), 4)) for k in range(6)]
    masks[0].write(path)

    def write(k: int) -> None:
        for _ in range(cases(5)):
            masks[k].write(path, overwrite=True)

    def read() -> int:
        for _ in range(cases(10)):
            assert Mask.read(path) in masks
        return cases(10)

    children = [Child(lambda k=k: write(k)) for k in range(4)] + [Child(read) for _ in range(3)]
    counted(sum(child.result() or 0 for child in children), "reads while four processes write")
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["m.fits"]


@pytest.mark.deep
def test_one_of_many_processes_wins(files, tmp_path, counted):
    masks = [Mask(RangeSet.from_cells([k], 4)) for k in range(8)]
    for trial in range(cases(3)):
        path = tmp_path / f"{trial}.fits"

        def write(k: int, path: Path = path) -> bool:
            try:
                masks[k].write(path)
            except FileExistsError:
                return False
            return True

        children = [Child(lambda k=k: write(k)) for k in range(8)]
        answers = [child.result() for child in children]
        assert sum(answers) == 1
        assert Mask.read(path) == masks[answers.index(True)]
    counted(cases(3) * 8, "races of writers")


# ---------------------------------------------------------------------- planted errors


def test_a_writer_that_looks_before_it_writes_is_caught(files, tmp_path):
    """Between the look and the writing another one may have come."""

    def write(path: Path, which: int, overwrite: bool) -> None:
        if path.exists() and not overwrite:
            raise FileExistsError(path)
        new = path.with_name(f"{which}.new")
        new.write_text(f"content {which}")
        os.replace(new, path)

    writer = Writer("looking", "x", write, lambda path: path.read_text())
    with pytest.raises(AssertionError, match="2 writers succeeded"):
        of_new_files(Race(writer, files, tmp_path), 100)


def test_a_writer_without_a_temporary_file_is_caught(files, tmp_path):
    def write(path: Path, which: int, overwrite: bool) -> None:
        with open(path, "wb" if overwrite else "xb") as file:
            file.write(f"content {which}".encode())

    writer = Writer("in place", "x", write, lambda path: path.read_text())
    with pytest.raises(AssertionError, match="call 2"):
        of_readers(Race(writer, files, tmp_path), 100)
