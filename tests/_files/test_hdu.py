"""The data of an HDU in pieces: the same bytes as in one array, checked and bounded."""

import gzip
import io
from unittest import mock

import numpy as np
import pytest
from astropy.io import fits

from hpmask import MaskFormatError
from hpmask._files import hdu
from hpmask._files.hdu import Hdu, write_hdu
from hpmask._files.unpack import packed_size, unbounded, unpacked
from hpmask._kernels import words


def file_of(rows, *, sums=True):
    """A file of one table, with the bytes `rows` of shape (n, width)."""
    header = fits.BinTableHDU.from_columns([fits.Column("V", f"{rows.shape[1]}B")], nrows=0).header
    header["NAXIS2"] = len(rows)
    file = io.BytesIO()
    write_hdu(file, header, rows.reshape(-1))
    if not sums:
        whole = bytearray(file.getvalue())
        for card in (b"CHECKSUM", b"DATASUM "):
            at = whole.index(card)
            whole[at : at + 80] = b" " * 80
        file = io.BytesIO(whole)
    file.seek(0)
    return file


@pytest.mark.parametrize("sums", [True, False])
@pytest.mark.parametrize(("n", "width"), [(0, 3), (1, 1), (960, 3), (961, 3), (7, 3000), (300_000, 7)])
def test_pieces(n, width, sums):
    rows = np.random.default_rng(n).integers(0, 256, (n, width), dtype=np.uint8)
    file = file_of(rows, sums=sums)
    hdu = Hdu(file, 0)
    pieces = [piece.copy() for piece in hdu.pieces(width)]
    assert all(piece.size and piece.size % width == 0 for piece in pieces)
    np.testing.assert_array_equal(np.concatenate([np.empty(0, np.uint8), *pieces]), rows.reshape(-1))
    # Behind the padding, where the next HDU begins.
    assert file.tell() % 2880 == 0
    assert not file.read(1)
    assert (len(pieces) > 1) == (rows.size > 1 << 20)


def test_pieces_of_damaged_data():
    rows = np.arange(60_000, dtype=np.uint32).view(np.uint8).reshape(-1, 4)
    whole = bytearray(file_of(rows).getvalue())
    whole[-1] ^= 1
    with pytest.raises(MaskFormatError, match="DATASUM is wrong"):
        list(Hdu(io.BytesIO(whole), 7).pieces(4))
    with pytest.raises(MaskFormatError, match="cut short: HDU 7 has 100000 of the 240000 bytes"):
        list(Hdu(io.BytesIO(whole[: 5760 + 100_000 - 2880]), 7).pieces(4))
    with pytest.raises(MaskFormatError, match="cut short: the last block of HDU 7 is not complete"):
        list(Hdu(io.BytesIO(whole[:-1000]), 7).pieces(4))


def test_a_bound_that_is_lifted(tmp_path):
    path = tmp_path / "m.gz"
    path.write_bytes(gzip.compress(bytes(10**6)))
    with path.open("rb") as raw:
        file = unpacked(raw, 10, 1000)
        assert packed_size(file) == path.stat().st_size
        with pytest.raises(MaskFormatError, match="bytes unpack to more than"):
            file.read(10**6)
    with path.open("rb") as raw:
        file = unpacked(raw, 10, 1000)
        unbounded(file)
        assert len(file.read(2 * 10**6)) == 10**6
    with path.open("rb") as raw:
        # Other files have no bound.
        unbounded(raw)
        assert packed_size(raw) is None


@pytest.mark.parametrize("n", [0, 1, 7, 32767, 32768, 32769, 100_000])
@pytest.mark.parametrize("dtype", ["u8", "i8", ">u8", ">i8", "u4", "u1"])
def test_sums_and_bytes_of_integers(n, dtype):
    """The kernel for integers of 64 bits, and the way of all other types, against plain numpy."""
    rng = np.random.default_rng(n)
    data = rng.integers(0, 2**63 if dtype[-1] == "8" else 200, n, dtype=np.uint64).astype(dtype)
    out = b"".join(bytes(chunk.data) for chunk in hdu._chunks(data))
    expected = data.astype(data.dtype.newbyteorder(">")).tobytes()
    assert out == expected + bytes(-len(expected) % 4)
    total = sum(np.frombuffer(out, ">u4").tolist())
    # Ones' complement: 2**32 - 1 is another zero, and the sum of what is not zero is not the plain one.
    assert hdu._data_sum(data) == ((total - 1) % (2**32 - 1) + 1 if total else 0)
    with mock.patch.object(hdu, "_MOST_ADDED", 1000):
        assert hdu._data_sum(data) == hdu._data_sum(data.astype(data.dtype.newbyteorder(">")))


def test_the_kernel_checks_room():
    some = np.arange(4, dtype=np.uint64)
    with pytest.raises(ValueError, match="one length"):
        words.write(some, some[:3].copy())
