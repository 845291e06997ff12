"""Which errors say something about a file."""

import errno

import pytest

from hpmask._files.faults import is_of_the_machine, naming


@pytest.mark.parametrize(
    ("error", "of_the_machine"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), True),
        (MemoryError(), True),
        (OSError("No SIMPLE card found"), False),
        (ValueError("not a number"), False),
    ],
)
def test_errors_of_the_machine(error, of_the_machine):
    assert is_of_the_machine(error) == of_the_machine


def test_naming():
    with pytest.raises(OSError, match=r"error: 'a\.fits'"), naming("a.fits"):
        raise OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match=r"error: 'b\.fits'"), naming("a.fits"):
        raise OSError(errno.EIO, "Input/output error", "b.fits")
    with pytest.raises(OSError, match=r"^damaged$"), naming("a.fits"):
        raise OSError("damaged")
