"""Damaged files: every one is noticed, and told by its path."""

import gzip
import io as streams
import zlib

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from mocpy import MOC

from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet
from hpmask.io.hdu import write_hdu

SOME = RangeSet.from_cells(np.arange(0, 1000, 3), 8)
AXIS = EnergyAxis([0.1, 1, 30] * u.TeV)
PLAIN = Mask(SOME, history=["a", "b"])
WITH_ENERGY = Mask([SOME, RangeSet.from_cells([5], 8)], energy=AXIS)


def refused(path, match=None):
    with pytest.raises(MaskFormatError, match=match) as caught:
        Mask.read(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.fixture
def content(tmp_path):
    """Function that gives the bytes of a mask's file."""

    def bytes_of(mask, name="m.fits"):
        mask.write(tmp_path / name, overwrite=True)
        return (tmp_path / name).read_bytes()

    return bytes_of


@pytest.mark.parametrize("mask", [PLAIN, WITH_ENERGY], ids=["plain", "energy"])
def test_cut_short_anywhere(mask, content, tmp_path):
    whole = content(mask)
    path = tmp_path / "cut.fits"
    ends = {*range(0, len(whole), 97), *range(0, len(whole), 2880)}
    ends |= {end + step for end in range(2880, len(whole), 2880) for step in (-1, 1)} | {len(whole) - 1}
    for end in sorted(ends):
        path.write_bytes(whole[:end])
        refused(path)
    path.write_bytes(whole)
    assert Mask.read(path) == mask


def test_cut_short_in_a_file_of_mocpy(tmp_path):
    PLAIN.to_moc().save(tmp_path / "m.fits", format="fits")
    whole = (tmp_path / "m.fits").read_bytes()
    path = tmp_path / "cut.fits"
    for end in [*range(0, len(whole), 131), len(whole) - 1]:
        path.write_bytes(whole[:end])
        refused(path)


def test_cut_short_within_gzip(content, tmp_path):
    whole = content(WITH_ENERGY, "m.fits.gz")
    path = tmp_path / "cut.fits.gz"
    for end in [*range(3, len(whole), 29), len(whole) - 8, len(whole) - 1]:
        path.write_bytes(whole[:end])
        refused(path)


@pytest.mark.parametrize("mask", [PLAIN, WITH_ENERGY], ids=["plain", "energy"])
def test_a_flipped_bit_anywhere(mask, content, tmp_path):
    whole = bytearray(content(mask))
    path = tmp_path / "flipped.fits"
    rng = np.random.default_rng(11)
    # All of the cards that say most, and a random part of the rest.
    for at in [*range(0, 2880, 13), *rng.integers(0, len(whole), 400)]:
        bit = 1 << int(rng.integers(8))
        whole[at] ^= bit
        path.write_bytes(whole)
        refused(path)
        whole[at] ^= bit


# Behind a flip comes anything, cards that astropy complains about included.
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
def test_a_flipped_bit_within_gzip(content, tmp_path):
    whole = bytearray(content(PLAIN, "m.fits.gz"))
    path = tmp_path / "flipped.fits.gz"
    # Behind the ten bytes of gzip's own header, whose time and flags mean nothing for the content.
    unpacked = gzip.decompress(whole)
    for at in range(10, len(whole), 7):
        whole[at] ^= 4
        path.write_bytes(whole)
        try:
            # A run of zeros may be copied from another place: that unpacks to the very same bytes.
            harmless = gzip.decompress(whole) == unpacked
        except (OSError, EOFError, zlib.error):
            harmless = False
        if harmless:
            assert Mask.read(path) == PLAIN
        else:
            refused(path)
        whole[at] ^= 4


def test_bytes_behind_the_end(content, tmp_path):
    path = tmp_path / "longer.fits"
    path.write_bytes(content(PLAIN) + bytes(2880))
    refused(path, "more bytes behind the last table")


def test_the_sums_of_others_are_checked(tmp_path):
    path = tmp_path / "m.fits"
    column = fits.Column("RANGE", "1K", array=SOME.ranges.reshape(-1).astype(np.int64))
    hdu = fits.BinTableHDU.from_columns([column])
    hdu.header.update(MOCVERS="2.0", MOCDIM="SPACE", ORDERING="RANGE", COORDSYS="C", MOCORD_S=8)
    hdu.writeto(path, checksum=True)
    assert Mask.read(path) == PLAIN
    whole = bytearray(path.read_bytes())
    # In the padding, which no reader of the table looks at.
    whole[-1] ^= 1
    path.write_bytes(whole)
    refused(path, "DATASUM is wrong")
    hdu.header["MOCORD_S"] = 9
    hdu.writeto(path, overwrite=True)
    refused(path, "CHECKSUM is wrong")


def rewritten(path, change):
    """A file of hpmask with its units changed, and right sums again."""
    with fits.open(path, memmap=False) as hdus:
        units = [
            (hdu.header.copy(), None if hdu.data is None else np.array(hdu.data).view(np.ndarray))
            for hdu in hdus
        ]
    change(units)
    out = streams.BytesIO()
    for header, values in units:
        write_hdu(out, header, values)
    path.write_bytes(out.getvalue())


def set_value(unit, column, row, value):
    def change(units):
        units[unit][1][column][row] = value

    return change


def set_card(unit, keyword, value):
    def change(units):
        units[unit][0][keyword] = value

    return change


def set_units(unit):
    def change(units):
        units[2][0].update(TUNIT2=unit, TUNIT3=unit)

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (set_value(2, "E_MAX", 0, 0.05), "bin 0 ends at 0.05 but bin 1 begins at 1"),
        (set_value(2, "E_MIN", 0, np.nan), "finite and positive, edge 0"),
        (set_value(2, "E_MIN", 0, -1.0), "finite and positive, edge 0"),
        (set_value(2, "E_MIN", 0, 2.0), "increase strictly"),
        (set_value(2, "PLANE", 1, 3), "bin 1 has plane 3, there are 1 to 2"),
        (set_value(2, "PLANE", 0, 0), "bin 0 has plane 0, there are 1 to 2"),
        (set_value(3, "RANGE", 0, 1 << 50), "damaged MOC: ranges must"),
        (set_card(0, "HPMASK", 2), "layout 2"),
        (set_card(0, "NPLANES", 3), "HDU 5, PLANE, is missing"),
        (set_card(0, "NPLANES", 1), "bin 1 has plane 2, there are 1 to 1"),
        (set_card(0, "NPLANES", -1), "-1 planes"),
        (set_card(0, "NPLANES", 0), "0 planes and 2 energy bins"),
        (set_card(0, "NBINS", 3), "row for each of 3 bins, it has 2"),
        (set_card(0, "NBINS", 0), "HDU 2 must be PLANE, it is 'EBOUNDS'"),
        (set_card(2, "TUNIT2", "cm"), "different units"),
        (set_units("s"), "must be energies"),
        (set_units("nonsense"), "did not parse as unit"),
        (set_card(2, "TUNIT3", "GeV"), "different units"),
        (set_card(2, "INTERP", "cubic"), "interp must be"),
        (set_card(2, "AXISNAME", 3), "AXISNAME must be a name"),
        (set_card(2, "TTYPE4", "OTHER"), "must have the columns"),
        (set_card(3, "MOCORD_S", 7), "cells of order 7"),
        (set_card(4, "COORDSYS", "G"), "different frames"),
        (set_card(4, "EXTNAME", "SOME"), "HDU 4 must be PLANE, it is 'SOME'"),
    ],
)
def test_own_tables_that_make_no_mask(tmp_path, change, fault):
    path = tmp_path / "m.fits"
    WITH_ENERGY.write(path)
    rewritten(path, lambda units: None)
    assert Mask.read(path) == WITH_ENERGY
    rewritten(path, change)
    refused(path, fault)


def test_two_planes_without_energy(tmp_path):
    path = tmp_path / "m.fits"
    WITH_ENERGY.write(path)

    def change(units):
        del units[2]
        units[0][0]["NBINS"] = 0

    rewritten(path, change)
    refused(path, "2 planes but no energy bins")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("empty.fits", b"", "empty"),
        ("empty", b"", "empty"),
        ("notes.txt", b"some notes on a mask", "no MOC ASCII"),
        ("notes", b"some notes on a mask", "no mask: neither its beginning, b'some notes"),
        ("text.fits", b"some notes on a mask", "no FITS header"),
        ("short.fits", b"SIMPLE  =                    T", "cut short"),
        ("noend.fits", b"SIMPLE  =                    T".ljust(2880), "cut short"),
        ("binary.fits", bytes(range(256)) * 20, "no FITS header"),
        ("cut.gz", b"\x1f\x8b", "ended before|gzip"),
        ("notes.fits.gz", gzip.compress(b"some notes on a mask", mtime=0), "no FITS header"),
        ("empty.fits.gz", gzip.compress(b"", mtime=0), "empty"),
    ],
)
def test_files_that_are_no_mask(tmp_path, name, content, fault):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, fault)


def test_headers_that_tell_nonsense(tmp_path):
    path = tmp_path / "m.fits"
    PLAIN.to_moc().save(path, format="fits")
    whole = path.read_bytes()
    for old, new in [
        (b"NAXIS2  =", b"NAXIS9  ="),
        (b"BITPIX  =                    8", b"BITPIX  =                 what"),
        (b"MOCORD_S= 8", b"MOCORD_S=\xff8"),
    ]:
        assert old in whole[2880:]
        path.write_bytes(whole[:2880] + whole[2880:].replace(old, new))
        refused(path)
    # A size that no memory holds must not be asked for in vain.
    at = whole.index(b"NAXIS2  =")
    path.write_bytes(whole[:at] + b"NAXIS2  = 999999999999999999".ljust(80) + whole[at + 80 :])
    refused(path)


def test_an_image_and_a_catalog(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 4))).writeto(tmp_path / "image.fits")
    refused(tmp_path / "image.fits", "it has an image: an image becomes a mask by Mask.from_wcs")
    column = fits.Column("RAJ2000", "1D", array=[1.0])
    fits.BinTableHDU.from_columns([column], name="STARS").writeto(tmp_path / "catalog.fits")
    refused(tmp_path / "catalog.fits", "a table 'STARS'")


def test_a_directory_and_a_file_that_is_not_there(tmp_path):
    refused(tmp_path, "directory")
    with pytest.raises(FileNotFoundError):
        Mask.read(tmp_path / "none.fits")


def test_a_damaged_file_of_mocpy_is_told_where_mocpy_reads_it(tmp_path):
    """Ranges out of order, which mocpy takes as they come."""
    path = tmp_path / "m.fits"
    MOC.from_depth29_ranges(8, SOME.ranges).save(path, format="fits")
    whole = bytearray(path.read_bytes())
    first = whole.index(b"END".ljust(80), 2880) // 2880 * 2880 + 2880
    whole[first : first + 16], whole[first + 16 : first + 32] = (
        whole[first + 16 : first + 32],
        whole[first : first + 16],
    )
    path.write_bytes(whole)
    refused(path, "sorted, disjoint")
