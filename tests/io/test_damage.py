"""Damaged files: every one is noticed, and the error names its path."""

import gzip
import io as streams
import re
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import healpy as hp
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from damage import damaged_masks
from mocpy import MOC
from profiles import cases
from sanitized import not_sanitized

from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet, io
from hpmask._files.hdu import write_hdu

SOME = RangeSet.from_cells(np.arange(0, 1000, 3), 8)
AXIS = EnergyAxis([0.1, 1, 30] * u.TeV)
PLAIN = Mask(SOME, history="a\nb")
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


@pytest.mark.parametrize("step", [997, pytest.param(97, marks=pytest.mark.deep)])
@pytest.mark.parametrize("mask", [PLAIN, WITH_ENERGY], ids=["plain", "energy"])
def test_cut_short_anywhere(mask, step, content, tmp_path):
    whole = content(mask)
    path = tmp_path / "cut.fits"
    ends = {*range(0, len(whole), step), *range(0, len(whole), 2880)}
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


@pytest.mark.parametrize(("step", "n_random"), [(80, 60), pytest.param(13, 400, marks=pytest.mark.deep)])
@pytest.mark.parametrize("mask", [PLAIN, WITH_ENERGY], ids=["plain", "energy"])
def test_a_flipped_bit_anywhere(mask, step, n_random, content, tmp_path):
    whole = bytearray(content(mask))
    path = tmp_path / "flipped.fits"
    rng = np.random.default_rng(11)
    # All of the cards that say most, and a random part of the rest.
    for at in [*range(0, 2880, step), *rng.integers(0, len(whole), n_random)]:
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
    refused(path, "more bytes .* the last table, HDU 1")


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
        units = [(hdu.header.copy(), None if hdu.data is None else np.array(hdu.data).view(np.ndarray)) for hdu in hdus]
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
        (set_value(2, "E_MIN", 0, 2.0), "bin 0 ends at 2.0 but bin 1 begins at 30.0"),
        (set_value(2, "PLANE", 1, 3), "bin 1 has plane 3, .* 1 to 2"),
        (set_value(2, "PLANE", 0, 0), "bin 0 has plane 0, .* 1 to 2"),
        (set_value(3, "RANGE", 0, 1 << 50), "damaged MOC: ranges must"),
        (set_card(0, "HPMASK", 3), "layout 3"),
        (set_card(0, "HPMASK", 2), "NLAYERS must be an integer"),
        (set_card(0, "NPLANES", 3), "HDU 5, PLANE, is missing"),
        (set_card(0, "NPLANES", 1), "bin 1 has plane 2, .* 1 to 1"),
        (set_card(0, "NPLANES", -1), "-1 planes"),
        (set_card(0, "NPLANES", 10**9), "HDU 5, PLANE, is missing"),
        (set_card(0, "NPLANES", 10**20), "HDU 5, PLANE, is missing"),
        (set_card(0, "NBINS", 10**20), "row for each of 100000000000000000000 bins"),
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


def test_two_bins_that_changed_places(content, tmp_path):
    """Sums of 32-bit words stay right, the digest does not."""
    whole = content(WITH_ENERGY)
    with fits.open(streams.BytesIO(whole)) as hdus:
        first = hdus["EBOUNDS"].fileinfo()["datLoc"]
        rows = hdus["EBOUNDS"].data
        assert rows["PLANE"].tolist() == [1, 2]
    damaged = bytearray(whole)
    for at, number in ((first + 20, 2), (first + 44, 1)):
        damaged[at : at + 4] = number.to_bytes(4, "big")
    path = tmp_path / "m.fits"
    path.write_bytes(damaged)
    with fits.open(path, checksum=True) as hdus:
        assert hdus["EBOUNDS"].data["PLANE"].tolist() == [2, 1]
    refused(path, "MASKHASH, the digest of planes and energy bins, is that of another mask")


@pytest.mark.parametrize("mask", [PLAIN, WITH_ENERGY], ids=["plain", "energy"])
def test_own_files_that_lost_a_keyword(tmp_path, mask):
    path = tmp_path / "m.fits"
    for lost, fault in [
        (["HPMASK"], "MASKHASH.*, but no keyword HPMASK"),
        (["MASKHASH"], "digest of planes and energy bins, is missing"),
        (["HPMASK", "NPLANES", "MASKHASH"], "hpmask's CREATOR"),
    ]:
        mask.write(path, overwrite=True)
        rewritten(path, lambda units, lost=lost: [units[0][0].remove(keyword) for keyword in lost])
        refused(path, fault)


def test_own_tables_under_the_header_of_another(tmp_path):
    """The MOC is the sky of any bin, so that it must not pass for the mask."""
    path = tmp_path / "m.fits"
    for mask, table in [(WITH_ENERGY, "EBOUNDS"), (Mask(SOME, frame="galactic"), "PLANE")]:
        mask.write(path, overwrite=True)
        with fits.open(path, memmap=False) as hdus:
            fits.HDUList([fits.PrimaryHDU(), *hdus[1:]]).writeto(tmp_path / "n.fits", overwrite=True)
        refused(tmp_path / "n.fits", f"hpmask's the table {table}, but no keyword HPMASK")


def test_two_planes_without_energy(tmp_path):
    path = tmp_path / "m.fits"
    WITH_ENERGY.write(path)

    def change(units):
        del units[2]
        units[0][0]["NBINS"] = 0

    rewritten(path, change)
    refused(path, "2 planes, but no energy bins")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("empty.fits", b"", "empty"),
        ("empty", b"", "empty"),
        ("notes.txt", b"some notes on a mask", "not MOC ASCII"),
        ("notes", b"some notes on a mask", "neither its beginning, b'some notes"),
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
    refused(tmp_path / "image.fits", "it has an image: .*Mask.from_wcs")
    column = fits.Column("RAJ2000", "1D", array=[1.0])
    fits.BinTableHDU.from_columns([column], name="STARS").writeto(tmp_path / "catalog.fits")
    refused(tmp_path / "catalog.fits", "a table 'STARS': .*Mask.from_catalog")
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((3, 4), "i2"))]).writeto(tmp_path / "packed.fits")
    refused(tmp_path / "packed.fits", "'COMPRESSED_IMAGE': .*Mask.from_wcs")


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


# ---------------------------------------------------------------------- more than there is


def primary():
    return fits.PrimaryHDU().header.tostring().encode()


def table(ordering, n_rows):
    header = fits.BinTableHDU.from_columns([fits.Column("CELLS", "1K")], nrows=0).header
    header.update(NAXIS2=n_rows, MOCVERS="2.0", MOCDIM="SPACE", ORDERING=ordering, COORDSYS="C", MOCORD_S=29)
    return header.tostring().encode()


def healpix_table(scheme, ordering, order, n_rows, columns=(("CHANNEL1", "1B"),)):
    header = fits.BinTableHDU.from_columns([fits.Column(*one) for one in columns], nrows=0).header
    header.update(NAXIS2=n_rows, PIXTYPE="HEALPIX", ORDERING=ordering, NSIDE=1 << order, INDXSCHM=scheme, COORDSYS="C")
    return header.tostring().encode()


_PART = (("PIXEL", "1K"), ("CHANNEL1", "1B"))
_CUBE = tuple((f"CHANNEL{i}", "1B") for i in range(1, 11))


def image(n_pixels):
    cards = ["XTENSION= 'IMAGE   '", "BITPIX  =                    8", "NAXIS   =                    1"]
    return b"".join(card.encode().ljust(80) for card in [*cards, f"NAXIS1  = {n_pixels}", "END"]).ljust(2880)


# What a file begins with, and what then comes again and again.
BOMBS = {
    "range.fits": (primary() + table("RANGE", 10**9), bytes(8), "start < stop"),
    "uniq.fits": (primary() + table("NUNIQ", 10**9), bytes(8), "lost its end"),
    "repeats.fits": (primary() + table("NUNIQ", 10**9), (77).to_bytes(8, "big"), "overlapping cells"),
    "header.fits": (primary()[: 80 * 4], b"HISTORY ".ljust(80), "more than 100000 cards"),
    "image.fits": (primary() + image(10**10), bytes(1), "no MOC in this FITS file|unpack to more than"),
    "nested.fits": (primary() + healpix_table("IMPLICIT", "NESTED", 14, 12 << 28), bytes(1), "cut short"),
    "ring.fits": (primary() + healpix_table("IMPLICIT", "RING", 14, 12 << 28), bytes(1), "unpack the file first"),
    "cube.fits": (
        primary() + healpix_table("IMPLICIT", "RING", 13, 12 << 26, _CUBE),
        bytes(1),
        "unpack the file first",
    ),
    "part.fits": (primary() + healpix_table("EXPLICIT", "NESTED", 20, 10**9, _PART), bytes(9), "must not be repeated"),
    "blanks.txt": (b"3/1 ", b" ", "more than 1048576 blanks in a row"),
    "digits.txt": (b"3/", b"9", "a word has more than 64 characters"),
    "cells.txt": (b"3/", b"5 ", "overlapping cells"),
    "orders.txt": (b"3/1", b" 3/", "more than 29 orders without cells"),
    "comments.txt": (b"#", b"#\n", "bytes of comments"),
    "blanks.json": (b'{"3": [5', b" ", "more than 1048576 blanks in a row"),
    "digits.json": (b'{"3": [5', b"5", "no cell number has as many digits"),
    "cells.json": (b'{"3": [5', b",5", "overlapping cells"),
    "lists.json": (b'{"3": [5', b",[]", "Expecting ',' delimiter"),
    "key.json": (b'{"', b"3", "keys must be orders"),
    "nested.json": (b"", b'{"s":', "not a space MOC|keys must be orders"),
}


@not_sanitized
@pytest.mark.parametrize("n_megabytes", [9, pytest.param(80, marks=pytest.mark.deep)])
def test_bombs(tmp_path, n_megabytes):
    """Some 80 kB that unpack to 80 MB, read with 80 MB to spare, which the content alone would take."""
    pytest.importorskip("resource")
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    for name, (start, again, _) in BOMBS.items():
        packer = zlib.compressobj(1, wbits=31)
        block = again * (10**6 // len(again))
        packed = [packer.compress(start), *(packer.compress(block) for _ in range(n_megabytes)), packer.flush()]
        (tmp_path / f"{name}.gz").write_bytes(b"".join(packed))
    code = (
        "import resource, sys, time; from pathlib import Path; from hpmask import Mask, MaskFormatError\n"
        "Mask.full(order=3).write(sys.argv[1] + '/warm.json'); Mask.read(sys.argv[1] + '/warm.json')\n"
        "limit = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize() + 80 * 10**6\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "for name in sys.argv[2:]:\n"
        "    start = time.process_time()\n"
        "    try: Mask.read(name)\n"
        "    except MaskFormatError as error: print(time.process_time() - start, str(error)[len(name):])\n"
    )
    names = [str(tmp_path / f"{name}.gz") for name in BOMBS]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *names], check=False, capture_output=True, text=True
    )
    assert not done.stderr
    lines = done.stdout.splitlines()
    for line, (name, (_, _, fault)) in zip(lines, BOMBS.items(), strict=True):
        assert re.search(fault, line), (name, line)
        assert float(line.split()[0]) < 5, (name, line)


def test_texts_take_time_in_proportion_to_their_length(tmp_path):
    """A run of a million characters of any kind: a minute or more where the time grows with its square."""
    start = time.process_time()
    n = 10**6
    for text in ("3/" + "9" * n, "3/1 1" + " " * n + "1" + " " * n, "3/" + "-" * n, "/" * n, "3/1" + "\n#" * n):
        (tmp_path / "m.txt").write_text(text)
        refused(tmp_path / "m.txt")
    for text in ("[" * n, '{"3": [' + "9" * n, '{"3": [' + "[" * n, '{"s":' * n, '{"3":' + " " * n):
        (tmp_path / "m.json").write_text(text)
        refused(tmp_path / "m.json")
    assert time.process_time() - start < 10


@pytest.mark.deep
def test_zipped_masks_that_pack_well(tmp_path):
    """Regular ones pack best. None may be taken for a bomb."""
    axis = EnergyAxis(np.geomspace(1, 100, 301) * u.TeV)
    mask = Mask([RangeSet.from_cells([i], 9) for i in range(300)], energy=axis)
    mask.write(tmp_path / "e.fits.gz")
    assert Mask.read(tmp_path / "e.fits.gz") == mask
    for step, order in [(2, 7), (4, 8), (64, 10)]:
        mask = Mask(RangeSet.from_cells(np.arange(0, 12 * 4**order, step), order))
        for name in ("m.fits.gz", "m.txt.gz", "m.json.gz"):
            mask.write(tmp_path / name, overwrite=True)
            assert Mask.read(tmp_path / name) == mask


def test_the_bound_of_what_is_not_checked(tmp_path, monkeypatch):
    path = tmp_path / "m.fits.gz"
    path.write_bytes(gzip.compress(primary() + image(10**6) + bytes(10**6)))
    refused(path, "no MOC in this FITS file")
    monkeypatch.setattr("hpmask._files.unpack._ALLOWANCE", 1000)
    refused(path, "bytes unpack to more than")


def test_many_members_of_gzip(tmp_path):
    whole = PLAIN.to_moc().to_string("ascii").encode()
    (tmp_path / "m.txt.gz").write_bytes(b"".join(gzip.compress(whole[i : i + 1]) for i in range(len(whole))))
    assert Mask.read(tmp_path / "m.txt.gz") == PLAIN


# ---------------------------------------------------------------------- anything


def sources(folder):
    """Files of masks in every format, by name, as bytes."""
    cells = np.arange(0, 3000, 7)
    masks = {
        "plain.fits": Mask(RangeSet.from_cells(cells, 8), history="a line"),
        "energy.fits": Mask(
            [RangeSet.from_cells(cells + i % 3, 8) for i in range(5)],
            energy=EnergyAxis(np.geomspace(1, 9, 6) * u.TeV),
            frame="galactic",
        ),
        "m.txt": Mask(RangeSet.from_cells(cells, 8) | RangeSet.from_cells([5, 9], 1)),
        "m.json": Mask(RangeSet.from_cells(cells, 8), order=29),
    }
    for name, mask in masks.items():
        mask.write(folder / name)
    # In the format healpix hpmask notices any damage, too.
    masks["plain.fits"].write(folder / "plain_part.fits", format="healpix")
    (~masks["plain.fits"].at_order(4, mode="overlap")).write(folder / "plain_full.fits.gz", format="healpix")
    masks["energy.fits"].at_order(3, mode="overlap").write(folder / "energy_full.fits", format="healpix")
    kept = masks["plain.fits"].at_order(4, mode="overlap").to_healpix()
    for name, shown, options in [
        ("ring.fits", kept.astype("f4"), {}),
        ("nested.fits", kept, {"nest": True}),
        ("unseen.fits", np.where(kept, 1, -1.6375e30), {"partial": True}),
    ]:
        hp.write_map(folder / name, shown, coord="G", dtype=shown.dtype, **options)
    rows, axis = np.arange(40), EnergyAxis([1, 2, 4] * u.TeV).to_table()
    columns = [
        fits.Column(name, form, array=values)
        for name, form, values in (("PIX", "J", rows // 2), ("CHANNEL", "I", rows % 2))
    ]
    sparse = fits.BinTableHDU.from_columns([*columns, fits.Column("VALUE", "E", array=rows % 3 // 2)])
    sparse.header.update(
        PIXTYPE="HEALPIX", ORDERING="RING", NSIDE=2, INDXSCHM="SPARSE", COORDSYS="G", BANDSHDU="EBOUNDS"
    )
    fits.HDUList([fits.PrimaryHDU(), sparse, fits.table_to_hdu(axis)]).writeto(folder / "sparse.fits")
    for name in ("plain.fits", "m.txt", "m.json"):
        masks[name].write(folder / f"{name}.gz")
    values = RangeSet.from_cells(cells, 8)
    for name, ordering, array, form in [
        ("range.fits", "RANGE", values.ranges.ravel(), "1K"),
        ("nuniq64.fits", "NUNIQ", values.uniq(), "1K"),
        ("nuniq32.fits", "NUNIQ", values.uniq(), "1J"),
    ]:
        hdu = fits.BinTableHDU.from_columns([fits.Column("CELLS", form, array=array.astype(np.int64))])
        hdu.header.update(MOCVERS="2.0", MOCDIM="SPACE", ORDERING=ordering, COORDSYS="C", MOCORD_S=8)
        hdu.writeto(folder / name)
    (folder / "old.json").write_bytes(b'#MOCORDER 8\n{"3":[1,2,3],"7":[5000,5001,20002]}')
    (folder / "old.txt").write_bytes(b"\xef\xbb\xbf#MOCORDER 8\n3/1,2,3 7/5000,5001-5004,20002\n")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


HEALPIX = ("ring.fits", "nested.fits", "unseen.fits", "plain_part.fits", "energy_full.fits", "sparse.fits")


@pytest.mark.filterwarnings("ignore:.*last .* rows are 0", "ignore::astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize("n_copies", [15, pytest.param(cases(40), marks=pytest.mark.deep)])
def test_damage_of_any_kind_gives_one_kind_of_error(tmp_path, n_copies):
    (tmp_path / "sources").mkdir()
    files = sources(tmp_path / "sources")
    masks = {name: Mask.read(tmp_path / "sources" / name) for name in files}
    refusals = 0
    for seed, (name, whole) in enumerate(files.items()):
        path = tmp_path / name
        for what, content in damaged_masks(whole, n_copies, seed):
            path.write_bytes(content)
            try:
                mask = Mask.read(path)
            except MaskFormatError:
                refusals += 1
            else:
                # Damage in hpmask's own files is always noticed. Texts and files without sums may be another mask.
                assert mask == masks[name] or not name.startswith(("plain", "energy")), what
            if name in HEALPIX:
                with suppress(MaskFormatError):
                    io.read_map(path)
    assert refusals > 0.6 * n_copies * len(files)
