"""Text in FITS headers."""

import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from hpmask import Mask, RangeSet
from hpmask._files.fits_text import add_history, escaped, history_of, unescaped
from hpmask.wcs import field_wcs

LINES = [
    "η Carinae",
    "a\nb",
    "tab\t",
    "\x1b[31m",
    "x" * 500,
    "ends in \\",
    "ends in blanks  ",
    "",
    "\\x41",
    "é" * 80,
    "☃🛰",
]


@pytest.mark.parametrize("line", LINES)
def test_back_as_it_was(line):
    assert unescaped(escaped(line)) == line
    assert escaped(line).isascii()
    assert all(character.isprintable() for character in escaped(line))


def test_history(tmp_path):
    header = fits.Header()
    add_history(header, LINES)
    fits.PrimaryHDU(header=header).writeto(tmp_path / "a.fits")
    read = fits.getheader(tmp_path / "a.fits")
    assert history_of(read["HISTORY"]) == LINES
    assert max(map(len, read["HISTORY"])) <= 72


def test_any_history_goes_into_a_mask_file_and_into_an_image(tmp_path):
    history = "\n".join(LINES)
    mask = Mask(RangeSet.full(3), history=history)
    mask.write(tmp_path / "m.fits")
    assert Mask.read(tmp_path / "m.fits").history == history
    mask.write_wcs(tmp_path / "i.fits", *field_wcs(SkyCoord(10, 10, unit="deg"), "5 deg"))
    with fits.open(tmp_path / "i.fits", checksum=True) as hdus:
        hdus.verify("exception")
        assert "\n".join(history_of(hdus[0].header["HISTORY"])) == history
