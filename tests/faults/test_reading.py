"""Reading when system calls fail or fall short, and of files that change meanwhile: the right mask, or an error."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from all_writers import WRITERS, Writer
from failing_files import KINDS, FailingFiles
from profiles import cases, sampled, seed

from hpmask import Mask, MaskFormatError
from hpmask.catalog import filter_file

pytestmark = pytest.mark.usefixtures("sources_in_place", "one_thread")

# Those that hpmask reads.
READERS = [one for one in WRITERS if one.name.startswith(("FITS", "gzip", "ASCII", "JSON", "HEALPix", "map"))]
READERS += [one for one in WRITERS if one.name.startswith(("healsparse", "parquet", "tiles", "HATS map", "folder of"))]

FAULTS = (
    ("fail", errno.EIO, KINDS, False),
    ("fail", errno.ESTALE, KINDS, False),
    ("fail", errno.EIO, ("read",), True),
    ("fail", errno.EINTR, ("read", "open", "list"), False),
    ("shorten", 0, ("read",), True),
    ("shorten", 0, ("read",), False),
)


def points(files: FailingFiles, read: Callable[[], object], most: int, name: str) -> list[tuple]:
    """Faults and the numbers of the calls that meet them: all, or some at random."""
    found = []
    for fault in FAULTS:
        with files.armed(kinds=fault[2]):
            read()
        found += [(fault, at) for at in range(1, files.count + 1)]
    return found if len(found) <= most else random.Random(f"{seed()} {name}").sample(found, most)


def failing(files: FailingFiles, writer: Writer, path: Path, most: int) -> int:
    """Read a file with faults, and return how many."""
    writer.write(path, 0, False)
    expected = writer.read(path)

    def work() -> int:
        def read() -> object:
            return writer.read(path)

        read()
        chosen, faulty = points(files, read, most, writer.name), []
        for (action, error, kinds, lasting), at in chosen:
            descriptors = len(os.listdir("/proc/self/fd"))
            with files.armed(action, at=at, error=error, kinds=kinds, lasting=lasting):
                try:
                    found = read()
                except Exception as raised:
                    named = str(path) in str(raised) or str(path.parent) in str(raised)
                    if not (isinstance(raised, OSError | MaskFormatError) and named):
                        faulty.append((action, error, at, files.kinds[at - 1 : at], repr(raised), str(raised)))
                    continue
            if found != expected:
                faulty.append((action, error, at, files.kinds[at - 1 : at], "another content"))
            if len(os.listdir("/proc/self/fd")) > descriptors:
                faulty.append((action, error, at, files.kinds[at - 1 : at], "a file stays open"))
        assert not faulty, "\n".join(map(str, faulty))
        return len(chosen)

    return int(files.fork(work).result())


@pytest.mark.parametrize("reader", sampled(READERS, 6), ids=str)
def test_calls_that_fail(files, tmp_path, counted, reader):
    counted(failing(files, reader, tmp_path / reader.file, cases(3)), "failed reads")


@pytest.mark.deep
@pytest.mark.parametrize("reader", sampled(READERS[::-1], 6), ids=str)
def test_more_calls(files, tmp_path, counted, reader):
    counted(failing(files, reader, tmp_path / reader.file, cases(20)), "failed reads")


# ---------------------------------------------------------------------- files that change meanwhile


def cut(path: Path, other: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path, other: Path) -> None:
    os.truncate(path, 0)


def grown(path: Path, other: Path) -> None:
    with open(path, "ab") as file:
        file.write(other.read_bytes())


def replaced(path: Path, other: Path) -> None:
    shutil.copyfile(other, path.with_name("new"))
    os.replace(path.with_name("new"), path)


def overwritten(path: Path, other: Path) -> None:
    """As a program does it that knows no better: the new bytes into the old file."""
    shutil.copyfile(other, path)


CHANGES = (cut, emptied, grown, replaced, overwritten)
# MOC ASCII has no sum, and a part of it is a valid text.
FILES = [one for one in READERS if "." in one.file and one.name != "ASCII"]


def changing(files: FailingFiles, reader: Writer, folder: Path, most: int) -> int:
    """Change a file while a stopped process reads it. Returns how often."""
    path, *copies = (folder / f"{k}.{reader.file}" for k in range(3))
    for k in range(2):
        reader.write(copies[k], k, False)
    contents = [reader.read(one) for one in copies]
    shutil.copyfile(copies[0], path)
    with files.armed():
        n = files.fork(lambda: (reader.read(path), files.count)[1]).result()
    chosen = [(change, at) for change in CHANGES for at in range(1, n + 1)]
    if len(chosen) > most:
        chosen = random.Random(f"{seed()} {reader}").sample(chosen, most)
    for change, at in chosen:
        shutil.copyfile(copies[0], path)
        files.arm("stop", at=at)

        def work() -> object:
            try:
                return reader.read(path)
            except (OSError, MaskFormatError) as error:
                return f"{type(error).__name__}: {error}"

        with files.fork(work) as child:
            if child.wait_for_stop():
                files.disarm()
                change(path, copies[1])
                child.go_on()
                answer = child.result()
            else:
                answer = child.answer()
        where = f"{change.__name__} at call {at} of {n}: {str(answer)[:300]}"
        if isinstance(answer, str):
            assert str(path) in answer, where
        else:
            assert answer in contents, where
    return len(chosen)


@pytest.mark.parametrize("reader", sampled(FILES, 4), ids=str)
def test_files_that_change_meanwhile(files, tmp_path, counted, reader):
    counted(changing(files, reader, tmp_path, cases(1)), "files that change while they are read")


@pytest.mark.deep
@pytest.mark.parametrize("reader", sampled(FILES[::-1], 5), ids=str)
def test_more_files_that_change_meanwhile(files, tmp_path, counted, reader):
    counted(changing(files, reader, tmp_path, cases(6)), "files that change while they are read")


# ---------------------------------------------------------------------- catalogs


@pytest.mark.parametrize("name", ["t.fits", "t.parquet", "hats"])
def test_catalogs_on_a_failing_disk(files, tmp_path, counted, name):
    """An error of the disk is one, and not said to be one of the file."""
    from all_writers import sources

    folder = tmp_path / "sources"
    folder.mkdir()
    source, mask = sources(folder)[name], Mask.full()

    def work() -> int:
        n = 0
        Mask.from_catalog(source, radius="1 deg", order=3)
        for read in (
            lambda: Mask.from_catalog(source, radius="1 deg", order=3),
            lambda: filter_file(mask, source, tmp_path / "out", overwrite=True, n_threads=1),
        ):
            if name == "hats":
                shutil.rmtree(tmp_path / "out", ignore_errors=True)
            with files.armed(kinds=["read"]):
                expected = read()
            count, failed = files.count, 0
            for at in random.Random(seed()).sample(range(1, count + 1), min(count, cases(2))):
                try:
                    with files.armed("fail", at=at, error=errno.EIO, kinds=["read"]):
                        found = read()
                except OSError as error:
                    failed += error.errno == errno.EIO
                else:
                    # astropy reads a header once more, with another parser, if the first attempt fails.
                    assert found == expected
                n += 1
            assert failed
        return n

    counted(files.fork(work).result(), "failed reads")


def test_a_catalog_that_is_cut_short_meanwhile(files, tmp_path, counted):
    """Its rows are not mapped: a page that is not in the file any more would end the process."""
    from astropy.table import Table

    path, out = tmp_path / "stars.fits", tmp_path / "out.fits"
    n = 0
    Table({"ra": [10.0] * 5000, "dec": [1.0] * 5000}).write(path)
    size = path.stat().st_size
    content = path.read_bytes()
    mask = Mask.full()

    def work() -> str:
        with pytest.raises(ValueError, match=r"cut short|truncated") as raised:
            filter_file(mask, path, out, n_threads=1)
        return str(raised.value)

    # Before all rows have been read.
    for at in range(2, 5):
        path.write_bytes(content)
        files.arm("stop", at=at, kinds=["read"])
        with files.fork(work) as child:
            if not child.wait_for_stop():
                break
            files.disarm()
            os.truncate(path, size // 2)
            child.go_on()
            assert path.name in child.result()
        assert not out.exists()
        n += 1
    counted(n, "files that change while they are read")


# ---------------------------------------------------------------------- planted errors


def test_a_reader_that_is_content_with_less_is_caught(files, tmp_path):
    """One call of read in place of a loop: short reads give another content."""

    def careless(path: Path) -> bytes:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, 1 << 20)
        finally:
            os.close(descriptor)

    writer = Writer("careless", "x", lambda path, k, over: path.write_bytes(bytes(1000)), careless)
    with pytest.raises(AssertionError, match="another content"):
        failing(files, writer, tmp_path / "x", 1000)


def test_a_reader_that_hides_errors_of_the_disk_is_caught(files, tmp_path):
    def hiding(path: Path) -> object:
        try:
            return Mask.read(path)
        except OSError:
            return Mask.full()

    writer = Writer("hiding", "m.fits", lambda path, k, over: Mask.empty().write(path), hiding)
    with pytest.raises(AssertionError, match="another content"):
        failing(files, writer, tmp_path / "m.fits", 1000)
