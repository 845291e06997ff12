"""Parts of FITS files: only the rows that meet a region are read."""

import io as streams

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC
from profiles import examples
from strategies import patterns, random_boundaries

from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet

SMALL = Mask.from_regions("icrs; circle(40, 10, 1)", order=9)
AXIS = EnergyAxis([0.1, 1, 30] * u.TeV)


class Counting(streams.BytesIO):
    """A file that counts the bytes that are read from it."""

    count = 0

    def read(self, size=-1):
        content = super().read(size)
        self.count += len(content)
        return content


def plane(seed, n_ranges=400_000):
    rng = np.random.default_rng(seed)
    return RangeSet(random_boundaries(rng, n_ranges, 12 << 22, unit=1 << 36).reshape(-1, 2), 11)


@pytest.fixture(scope="module")
def large():
    return Mask(plane(1), history="h\nnotes")


def content_of(mask):
    file = streams.BytesIO()
    mask.write(file, format="fits")
    return file.getvalue()


def test_only_what_is_within_is_read(large):
    content = content_of(large)
    file = Counting(content)
    back = Mask.read(file, within=SMALL)
    assert back == large & SMALL
    assert not back.is_empty
    assert file.count < len(content) / 4


# To write another frame than that of MOCs takes long.
@pytest.mark.deep
@pytest.mark.parametrize(("frame", "n_ranges"), [("icrs", 100_000), ("galactic", 5000)])
def test_energy_bins(frame, n_ranges, monkeypatch):
    monkeypatch.setattr("hpmask.io.fits.PART_FROM", 0)
    planes = [plane(2, n_ranges), plane(3, n_ranges)]
    mask = Mask(planes, energy=AXIS, frame=frame)
    within = Mask.from_regions(f"{frame}; circle(40, 10, 1)", order=9, frame=frame)
    file = Counting(content_of(mask))
    assert Mask.read(file, within=within) == mask & within
    assert file.count < len(file.getvalue()) / 4


def test_whole_if_small_or_packed(large, tmp_path):
    small = Mask(RangeSet.from_cells(np.arange(0, 3000, 3), 8))
    for mask, name in ((small, "a.fits"), (large, "a.fits.gz")):
        mask.write(tmp_path / name)
        assert Mask.read(tmp_path / name, within=SMALL) == mask & SMALL
    # What is read as a whole is checked as a whole.
    content = bytearray((tmp_path / "a.fits").read_bytes())
    content[8000] ^= 1
    with pytest.raises(MaskFormatError, match="damaged"):
        Mask.read(streams.BytesIO(content), within=SMALL)


@examples(30)
@given(patterns(orders=(0, 6)), patterns(orders=(0, 6)), st.integers(1, 9))
def test_any_part(plane, within, block):
    mask, sky = Mask(plane), Mask(within)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hpmask.io.fits.PART_FROM", 0)
        patch.setattr("hpmask.io.fits_part._BLOCK", block)
        assert Mask.read(streams.BytesIO(content_of(mask)), within=sky) == mask & sky


def test_files_of_others_are_read_as_a_whole(tmp_path):
    """Their ranges need not be sorted, and bisection would lose some."""
    pairs = plane(4).ranges.astype(np.int64)
    moc = MOC.from_depth29_ranges(11, pairs.astype(np.uint64))
    moc.save(str(tmp_path / "a.fits"), format="fits")
    mask = Mask(plane(4))
    assert Mask.read(tmp_path / "a.fits", within=SMALL) == mask & SMALL
    with fits.open(tmp_path / "a.fits") as hdus:
        column = hdus[1].columns.names[0]
        hdus[1].header["ORDERING"] = "RANGE"
        hdus[1].header["MOCVERS"] = "2.0"
        hdus[1].header["MOCDIM"] = "SPACE"
        hdus[1].header["MOCORD_S"] = 11
        table = fits.BinTableHDU.from_columns(
            [fits.Column(column, "K", array=np.roll(pairs, 1001, axis=0).reshape(-1))], header=hdus[1].header
        )
        fits.HDUList([hdus[0], table]).writeto(tmp_path / "b.fits", checksum=False)
    with pytest.raises(MaskFormatError, match="sorted"):
        Mask.read(tmp_path / "b.fits", within=SMALL)


def test_damage_in_what_is_read(large):
    content = content_of(large)
    rng = np.random.default_rng(4)
    n_wrong = 0
    for k in range(60):
        copy = bytearray(content)
        if k % 3 == 0:
            copy = copy[: int(rng.integers(0, len(copy)))]
        elif k % 3 == 1:
            copy[int(rng.integers(0, 9000))] ^= 1 << int(rng.integers(0, 7))
        else:
            place = int(rng.integers(9000, len(copy) - 5000))
            copy[place : place + 4000] = rng.bytes(4000)
        try:
            assert Mask.read(streams.BytesIO(bytes(copy)), within=SMALL) == large & SMALL
        except MaskFormatError:
            n_wrong += 1
    assert n_wrong >= 38


def test_ranges_that_are_not_sorted(large):
    """A file of hpmask whose blocks changed places: what is read is compared."""
    content = bytearray(content_of(large))
    start = content.index(b"XTENSION") // 2880 * 2880
    start = content.index(b"END" + b" " * 77, start) // 2880 * 2880 + 2880
    half = large.planes[0].boundaries.size * 8 // 2
    data = content[start : start + 2 * half]
    content[start : start + 2 * half] = data[half:] + data[:half]
    with pytest.raises(MaskFormatError, match="not sorted"):
        Mask.read(streams.BytesIO(bytes(content)), within=SMALL)
