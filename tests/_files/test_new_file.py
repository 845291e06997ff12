"""New files: their errors name a path, and none of them is lost."""

import errno
import os

import pytest
from astropy.io.fits.util import isfile

from hpmask._files.new_file import new_file


def failing(error):
    def fail(*arguments):
        raise OSError(error, os.strerror(error))

    return fail


def test_written(tmp_path):
    with new_file(tmp_path / "a") as file:
        file.write(b"abcdef")
        file.seek(2)
        file.write(b"XY")
        assert file.tell() == 4
        file.seek(0, os.SEEK_END)
        file.truncate(5)
        # astropy would let the C library write arrays, whose errors it does not see.
        assert not isfile(file)
    assert (tmp_path / "a").read_bytes() == b"abXYe"
    with pytest.raises(FileExistsError), new_file(tmp_path / "a"):
        pass


@pytest.mark.parametrize("call", ["write", "fsync", "close", "lseek"])
def test_errors_name_the_path_that_is_shown(tmp_path, monkeypatch, call):
    def write():
        with new_file(tmp_path / call, shown="mask.fits") as file:
            file.write(b"abc")
            monkeypatch.setattr(os, call, failing(errno.ENOSPC))
            if call == "lseek":
                file.seek(0)

    with pytest.raises(OSError, match=r"No space left on device: 'mask\.fits'"):
        write()


def test_the_first_error_is_the_one_that_is_raised(tmp_path, monkeypatch):
    """What is in the buffer is not written any more, which could fail too."""

    def write():
        with new_file(tmp_path / "a") as file:
            file.write(b"abc")
            monkeypatch.setattr(os, "write", failing(errno.ENOSPC))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert (tmp_path / "a").read_bytes() == b""
