"""The HDUs of a FITS file, and their checksums.

astropy makes the headers and parses their cards. The data go directly between the file and numpy arrays, since the
tables of a mask hold only integers, but may have gigabytes of them.

CHECKSUM and DATASUM follow the FITS standard 4.0, section 4.4.2.7 and appendix J.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import IO, Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hpmask._kernels import words as _words
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import brief

__all__ = ["Hdu", "big_endian_pieces", "write_hdu"]

_BLOCK = 2880
_CARD = 80
# Bytes of a card before its value: the keyword and "= ".
_KEYWORD = 10
_ALL_ONES = 0xFFFFFFFF

# Bytes that are handled at a time: a chunk stays in the cache of the processor from one step to the next.
_CHUNK = 1 << 18

# The most integers in one sum of the kernel.
_MOST_ADDED = 1 << 30

# The header of a mask has some dozens of cards besides its history. astropy needs seconds for a million cards.
_MAX_CARDS = 100_000

# More bytes than any file has.
_NO_FILE = 1 << 62

# The most dimensions that FITS allows.
_MAX_NAXIS = 999

# FITS allows ASCII from the blank to the tilde, but some writers put other characters into comments and names.
_PLAIN = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))

# Bytes of data that are read at a time.
_PIECE = 1 << 22

_END = b"END".ljust(_CARD)
_SUM_CARD = re.compile(rb"(CHECKSUM|DATASUM )= *'?([^' /]+)")


class Hdu:
    """An HDU of a FITS file: its header, and access to its data.

    Parameters
    ----------
    file : binary file
        The file, positioned at the start of the HDU; afterwards at the start of its data.
    number : int
        Number of the HDU in the file.

    Raises
    ------
    EOFError
        If the file ends here.
    MaskFormatError
        If the header is cut short, or the bytes are not a FITS header.
    """

    def __init__(self, file: IO[bytes], number: int) -> None:
        self._file = file
        self._name = f"HDU {number}"
        raw = _read_header(file, self._name)
        self._raw = raw
        self._cards = [raw[i : i + _CARD] for i in range(0, len(raw), _CARD)]
        self._sums = {match[1]: match[2] for match in map(_SUM_CARD.match, self._cards) if match}
        self._start = file.tell() if file.seekable() else None

    def __contains__(self, keyword: str) -> bool:
        return keyword.encode("ascii").ljust(8) in self._places

    @cached_property
    def _places(self) -> dict[bytes, int]:
        """The number of the first card of each keyword."""
        return {card[:8]: i for i, card in reversed(list(enumerate(self._cards)))}

    def require_sums(self) -> None:
        """Check that the header has both sums and is complete, before its values are used.

        Raises
        ------
        MaskFormatError
            If CHECKSUM or DATASUM is missing, or the checksum of the header is wrong.
        """
        for keyword in (b"CHECKSUM", b"DATASUM "):
            if keyword not in self._sums:
                raise MaskFormatError(f"{self._name}: the header is damaged, it has no {keyword.decode()}")
        self.check_header()

    def check_header(self) -> None:
        """Check that the header is complete, if it has both sums.

        Raises
        ------
        MaskFormatError
            If the checksum of the header is wrong.
        """
        if len(self._sums) == 2 and _added(_sum(self._raw), self._datasum()) != _ALL_ONES:
            raise MaskFormatError(f"{self._name}: the header is damaged, its CHECKSUM is wrong")

    @cached_property
    def header(self) -> fits.Header:
        """The header, parsed at the first access."""
        for card in self._cards:
            if not card[:_KEYWORD].isascii():
                raise MaskFormatError(f"{self._name}: the header is damaged: a card begins with {card[:_KEYWORD]!r}")
        try:
            return fits.Header.fromstring(self._raw.translate(_PLAIN).decode("ascii"))
        except fits.VerifyError as error:
            raise MaskFormatError(f"{self._name}: the header is damaged: {brief(error)}") from error

    @cached_property
    def size(self) -> int:
        """Number of bytes of the data, without the padding."""
        naxis = self.integer("NAXIS")
        if not 0 <= naxis <= _MAX_NAXIS:
            raise MaskFormatError(f"{self._name}: NAXIS must be from 0 to {_MAX_NAXIS}, but is {naxis}")
        if naxis == 0:
            return 0
        size = 1
        for i in range(1, naxis + 1):
            # The bound keeps the product from growing to thousands of digits.
            size = min(size * self._count(f"NAXIS{i}"), _NO_FILE)
        pcount = self._count("PCOUNT") if "PCOUNT" in self else 0
        gcount = self._count("GCOUNT") if "GCOUNT" in self else 1
        return abs(self.integer("BITPIX")) // 8 * gcount * (pcount + size)

    def _count(self, keyword: str) -> int:
        value = self.integer(keyword)
        if value < 0:
            raise MaskFormatError(f"{self._name}: {keyword} must not be negative, but is {value}")
        return value

    @property
    def history(self) -> list[str]:
        """The texts of the HISTORY cards, without trailing blanks."""
        texts = [card[8:].rstrip() for card in self._cards if card[:8] == b"HISTORY "]
        try:
            return [text.decode("ascii") for text in texts]
        except UnicodeDecodeError as error:
            raise MaskFormatError(f"{self._name}: the history is damaged: {brief(error)}") from error

    def get(self, keyword: str) -> Any:
        """Value of a keyword, or None if there is no such card; strings without trailing blanks.

        Only this card is parsed. Damage in other cards matters only when their values are needed.
        """
        start = self._places.get(keyword.encode("ascii").ljust(8))
        if start is None:
            return None
        stop = start + 1
        while stop < len(self._cards) and self._cards[stop].startswith(b"CONTINUE"):
            stop += 1
        try:
            if self._cards[start][8:10] != b"= ":
                raise ValueError("it has no value")
            value = fits.Card.fromstring(b"".join(self._cards[start:stop])).value
        except (fits.VerifyError, ValueError) as error:
            raise MaskFormatError(f"{self._name}: the card of {keyword} cannot be read: {brief(error)}") from error
        if isinstance(value, fits.card.Undefined):
            return None
        return value.rstrip() if isinstance(value, str) else value

    def integer(self, keyword: str) -> int:
        """Value of a keyword as an integer, whether it is written as a number or as a string of digits."""
        value = self.get(keyword)
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,70}", value):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            found = f"is {value!r}" if keyword in self else "is missing"
            raise MaskFormatError(f"{self._name}: {keyword} must be an integer, but {found}")
        return value

    def data(self, dtype: np.dtype[Any], check: Callable[[NDArray[Any]], object] | None = None) -> NDArray[Any]:
        """The data as an array in big-endian order. The file is then at the next HDU.

        Parameters
        ----------
        dtype : numpy.dtype
            Type of a value, or of a row.
        check : callable, optional
            A function that raises an error for values that are not valid. It gets the data of a compressed file in
            pieces, before more is unpacked, because the size in the header may be wrong.

        Returns
        -------
        numpy.ndarray of `dtype`, shape (n,)

        Raises
        ------
        MaskFormatError
            If the file is cut short, or the sums are wrong.
        """
        padded = self.size + -self.size % _BLOCK
        left = _bytes_left(self._file)
        if left is not None and left < padded:
            raise self._cut_short(left)
        step = padded if left is not None else _PIECE // dtype.itemsize * dtype.itemsize
        pieces = []
        for first in range(0, padded, max(step, 1)):
            piece = np.empty(min(step, padded - first), dtype=np.uint8)
            count = 0
            while count < piece.size and (got := self._file.readinto(piece.data[count:])):  # type: ignore[attr-defined]
                count += got
            if count < piece.size:
                raise self._cut_short(first + count)
            if left is None and check is not None:
                whole = max(min(piece.size, self.size - first), 0) // dtype.itemsize * dtype.itemsize
                try:
                    check(piece[:whole].view(dtype))
                except ValueError as error:
                    raise MaskFormatError(
                        f"{self._name}: the data are damaged, in the piece that begins at byte {first}: {brief(error)}"
                    ) from error
            pieces.append(piece)
        data = pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, np.uint8), *pieces])
        self._check(data)
        return data[: self.size // dtype.itemsize * dtype.itemsize].view(dtype)

    def some(self, dtype: np.dtype[Any], first: int, stop: int) -> NDArray[Any]:
        """The values with the numbers `first` to `stop` - 1, in a file that can be moved. No sum is checked.

        Raises
        ------
        MaskFormatError
            If the file is cut short.
        """
        assert self._start is not None
        self._file.seek(self._start + first * dtype.itemsize)
        content = self._file.read((stop - first) * dtype.itemsize)
        if len(content) < (stop - first) * dtype.itemsize:
            raise self._cut_short(first * dtype.itemsize + len(content))
        return np.frombuffer(content, dtype=dtype)

    def check_size(self) -> None:
        """Check that the file has all the data, before memory is taken for them. It is at the data, and stays there.

        The length of a compressed file is not known: nothing is checked.

        Raises
        ------
        MaskFormatError
            If the file is cut short.
        """
        left = _bytes_left(self._file)
        if left is not None and left < self.size:
            raise self._cut_short(left)

    def pieces(self, unit: int) -> Iterator[NDArray[np.uint8]]:
        """The data in pieces of whole units of `unit` bytes, without the padding. The file is then at the next HDU.

        All pieces have the same memory: the bytes of one are overwritten by the next. CHECKSUM and DATASUM are checked
        after the last piece.

        Raises
        ------
        MaskFormatError
            If the file is cut short, or a sum that the header has is wrong.
        """
        self.check_size()
        padded = self.size + -self.size % _BLOCK
        # The sums are of words of four bytes.
        step = math.lcm(max(unit, 1), 4)
        step *= max(_PIECE // 4 // step, 1)
        buffer = np.empty(min(step, padded), dtype=np.uint8)
        total = 0
        for first in range(0, padded, step):
            piece = buffer[: min(step, padded - first)]
            count = 0
            while count < piece.size and (got := self._file.readinto(piece.data[count:])):  # type: ignore[attr-defined]
                count += got
            if count < piece.size:
                raise self._cut_short(first + count)
            if self._sums:
                total = _added(total, _sum(piece))
            whole = max(min(piece.size, self.size - first), 0) // unit * unit
            if whole:
                yield piece[:whole]
        if self._sums:
            self._check_sum(total)

    def whole(self, before: bytes = b"", *, sums: bool = True) -> bytes:
        """The bytes of the HDU in the file, header and padded data. The file is then at the next HDU.

        Characters in the header that FITS does not allow become question marks, so that astropy can read it. The bytes
        `before` are put in front.

        Raises
        ------
        MaskFormatError
            If the file is cut short, or a sum that the header has is wrong and `sums` is True.
        """
        whole = io.BytesIO()
        whole.write(before + self._raw.translate(_PLAIN))
        # BytesIO grows in place and returns its buffer: large tables are in memory only once.
        for piece in self._pieces(sums):
            whole.write(piece)
        return whole.getvalue()

    def check(self) -> None:
        """Check the HDU and go to the next one, without keeping the data.

        Raises
        ------
        MaskFormatError
            If the file is cut short, or a sum that the header has is wrong.
        """
        for _ in self._pieces():
            pass

    def _pieces(self, sums: bool = True) -> Iterator[bytes]:
        """The padded data in pieces. If `sums` is True, the sums are checked after the last piece."""
        padded = self.size + -self.size % _BLOCK
        count = total = 0
        while count < padded:
            piece = self._file.read(min(padded - count, _PIECE))
            count += len(piece)
            if count < padded and len(piece) < _PIECE:
                raise MaskFormatError(
                    f"the file is cut short: {self._name} has {count} of the {padded} bytes of its data"
                )
            if sums:
                total = _added(total, _sum(piece))
            yield piece
        if sums:
            self._check_sum(total)

    def skip(self) -> None:
        """Move the file to the next HDU."""
        padded = self.size + -self.size % _BLOCK
        if self._start is not None:
            self._file.seek(self._start)
        left = _bytes_left(self._file)
        if left is not None:
            self._file.seek(min(padded, left), 1)
            return
        while padded > 0 and (got := len(self._file.read(min(padded, _CHUNK)))):
            padded -= got

    def _cut_short(self, count: int) -> MaskFormatError:
        if count >= self.size:
            return MaskFormatError(f"the file is cut short: the last block of {self._name} is not complete")
        return MaskFormatError(f"the file is cut short: {self._name} has {count} of the {self.size} bytes of its data")

    def _datasum(self) -> int:
        text = self._sums[b"DATASUM "]
        if not text.isdigit() or int(text) > _ALL_ONES:
            raise MaskFormatError(f"{self._name}: DATASUM must be an integer, but is {text.decode('latin-1')!r}")
        return int(text)

    def _check(self, data: NDArray[np.uint8]) -> None:
        if self._sums:
            self._check_sum(_sum(data))

    def _check_sum(self, found: int) -> None:
        if b"DATASUM " in self._sums and found != self._datasum():
            raise MaskFormatError(f"{self._name}: the data are damaged, their DATASUM is wrong")
        if b"CHECKSUM" in self._sums and _added(_sum(self._raw), found) != _ALL_ONES:
            what = "the header was changed or is damaged" if len(self._sums) == 2 else "header or data are damaged"
            raise MaskFormatError(f"{self._name}: {what}, its CHECKSUM is wrong")


def write_hdu(file: IO[bytes], header: fits.Header, data: NDArray[Any] | None = None) -> None:
    """Write an HDU of a FITS file, with its sums.

    Parameters
    ----------
    file : binary file
        The file. It need not be seekable.
    header : `~astropy.io.fits.Header`
        The header. CHECKSUM and DATASUM are added to it.
    data : numpy.ndarray of any dtype, shape (n,), optional
        The data, in any byte order.
    """
    data = np.empty(0, dtype=np.uint8) if data is None else data
    datasum = _data_sum(data)
    header["CHECKSUM"] = "0" * 16
    header["DATASUM"] = str(datasum)
    if len(header) > _MAX_CARDS:
        raise ValueError(f"a header may have {_MAX_CARDS} cards, but the mask and its history need {len(header)}")
    total = _added(_sum(header.tostring().encode("ascii")), datasum)
    header["CHECKSUM"] = _encoded(_ALL_ONES - total)
    file.write(header.tostring().encode("ascii"))
    written = 0
    for chunk in _chunks(data):
        written += file.write(chunk.data)
    file.write(bytes(-written % _BLOCK))


def _data_sum(data: NDArray[Any]) -> int:
    """Ones' complement sum of the 32-bit words that the data have in a FITS file."""
    total = 0
    if _of_eight_bytes(data):
        for i in range(0, data.size, _MOST_ADDED):
            total = _added(total, _words.total(data[i : i + _MOST_ADDED].view(np.uint64)))
        return total
    for chunk in _chunks(data):
        total = _added(total, _sum(chunk))
    return total


def _of_eight_bytes(data: NDArray[Any]) -> bool:
    """Whether the data are what the kernel takes: native integers of 64 bits, one after another."""
    return data.dtype in (np.uint64, np.int64) and data.dtype.isnative and data.flags.c_contiguous and data.ndim == 1


def big_endian_pieces(data: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    """The bytes of integers in a FITS file, in pieces. All pieces have the same memory."""
    buffer = np.empty(min(data.size, _CHUNK // 8), dtype=np.uint64)
    for i in range(0, data.size, max(buffer.size, 1)):
        some = data[i : i + buffer.size]
        _words.write(some, buffer[: some.size])
        yield buffer[: some.size]


def _chunks(data: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    """The data in pieces, as the bytes of a FITS file: big-endian, in whole 32-bit words.

    A piece is overwritten by the next one.
    """
    if _of_eight_bytes(data):
        yield from (piece.view(np.uint8) for piece in big_endian_pieces(data.view(np.uint64)))
        return
    step = max(_CHUNK // data.itemsize // 4 * 4, 4)
    order = data.dtype.newbyteorder(">")
    for i in range(0, data.size, step):
        piece = np.ascontiguousarray(data[i : i + step], dtype=order).view(np.uint8)
        yield np.pad(piece, (0, -piece.size % 4)) if piece.size % 4 else piece


def _bytes_left(file: IO[bytes]) -> int | None:
    """Number of bytes from here to the end of a file, or None if the file cannot be moved."""
    if not file.seekable():
        return None
    here = file.tell()
    left = file.seek(0, 2) - here
    file.seek(here)
    return left


def _read_header(file: IO[bytes], name: str) -> bytes:
    raw = bytearray()
    while True:
        block = file.read(_BLOCK)
        if not block and not raw:
            raise EOFError(f"the file ends before {name}")
        if not raw and not any(first.startswith(block[:9]) for first in (b"SIMPLE  =", b"XTENSION=")):
            raise MaskFormatError(f"{name} has no FITS header, it begins with {block[:9]!r}")
        if len(block) < _BLOCK:
            raise MaskFormatError(f"the file is cut short: the header of {name} has no end")
        raw += block
        if len(raw) - _BLOCK > _CARD * _MAX_CARDS:
            raise MaskFormatError(f"{name}: its header has more than {_MAX_CARDS} cards")
        cards = [block[i : i + _CARD] for i in range(0, _BLOCK, _CARD)]
        if _END in cards:
            return bytes(raw)
        if any(card[:_KEYWORD] == _END[:_KEYWORD] for card in cards):
            # Some readers would end the header there, and others read on.
            raise MaskFormatError(f"{name}: the header is damaged: its card END is not blank")


def _sum(data: bytes | NDArray[np.uint8]) -> int:
    """Ones' complement sum of big-endian 32-bit words."""
    words = np.frombuffer(data, dtype=">u4")
    total = 0
    for i in range(0, words.size, _CHUNK // 4):
        # numpy adds native words several times faster than swapped ones.
        total += int(words[i : i + _CHUNK // 4].astype(np.uint32).sum(dtype=np.uint64))
    return _added(total, 0)


def _added(a: int, b: int) -> int:
    total = a + b
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total


def _encoded(value: int) -> str:
    """A sum encoded as the sixteen letters and digits of a CHECKSUM card."""
    letters = bytearray(16)
    for i, byte in enumerate(value.to_bytes(4, "big")):
        four = [byte // 4 + byte % 4, byte // 4, byte // 4, byte // 4]
        four = [ord("0") + part for part in four]
        # Punctuation between the digits and the letters is skipped: one of the pair goes up, the other down.
        for j in (0, 2):
            while not (chr(four[j]).isalnum() and chr(four[j + 1]).isalnum()):
                four[j] += 1
                four[j + 1] -= 1
        letters[i::4] = bytes(four)
    # The value of a card begins one byte before a word does.
    return (letters[-1:] + letters[:-1]).decode("ascii")
