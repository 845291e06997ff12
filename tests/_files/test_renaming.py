"""Renaming in one step. On systems that cannot do it, the functions say so and do nothing."""

import errno
import sys

import pytest

from hpmask._files import renaming
from hpmask._files.renaming import exchanged, renamed_to_new

ABLE = pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="this system cannot exchange names")


@pytest.fixture
def pair(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text(name)
    return tmp_path / "a", tmp_path / "b"


@ABLE
def test_exchanged(pair):
    a, b = pair
    assert exchanged(a, b)
    assert [(one / "content").read_text() for one in (a, b)] == ["b", "a"]


@ABLE
def test_renamed_to_new(pair):
    a, b = pair
    with pytest.raises(FileExistsError) as error:
        renamed_to_new(a, b)
    assert (error.value.filename, error.value.filename2) == (str(a), str(b))
    assert renamed_to_new(a, b.with_name("c"))
    assert not a.exists()
    with pytest.raises(FileNotFoundError):
        exchanged(a, b)


@pytest.mark.parametrize("able", [False, True])
def test_systems_and_file_systems_that_cannot(pair, monkeypatch, able):
    def refuses(path, new, flag):
        renaming.ctypes.set_errno(errno.EINVAL)
        return -1

    monkeypatch.setattr(renaming, "_function", lambda: refuses if able else None)
    a, b = pair
    assert not exchanged(a, b)
    assert not renamed_to_new(a, b.with_name("c"))
    assert [(one / "content").read_text() for one in pair] == ["a", "b"]
