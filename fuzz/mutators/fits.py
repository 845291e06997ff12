"""Mutations of FITS files by their cards and their rows.

A file is taken apart into HDUs of cards and data. Both are changed separately and blocks are filled again. In most
cases, the sums are computed anew or dropped: a wrong sum ends the reading before anything else is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from fuzz.mutators import Mutator, Plain

__all__ = ["Hdu", "fits_mutator", "joined", "parts_of", "sign"]

_BLOCK, _CARD = 2880, 80
_SUMS = (b"CHECKSUM", b"DATASUM ")
_VALUE = re.compile(rb"\s*('(?:[^']|'')*'|[^/]*?)\s*(/.*)?$")

# Values that a card should not have: other types, numbers beyond bounds, words, nothing.
_NASTY = (
    b"0",
    b"-1",
    b"1",
    b"2",
    b"3",
    b"29",
    b"30",
    b"1e300",
    b"1e-300",
    b"-1E400",
    b"2147483648",
    b"9223372036854775807",
    b"9" * 40,
    b"NaN",
    b"T",
    b"F",
    b"''",
    b"'x'",
    b"'/'",
    b"",
    b"(1,2)",
    b"'it''s",
    b"-32",
    b"64",
    b"0.5",
    b"1D5",
    b"1.0",
    b"+1",
    b"01",
    b"\xe9",
)
_FORMS = (
    b"'1K'",
    b"'1J'",
    b"'1I'",
    b"'1B'",
    b"'1L'",
    b"'1E'",
    b"'1D'",
    b"'1024E'",
    b"'12X'",
    b"'3A'",
    b"'0K'",
    b"'2K'",
    b"'PE(3)'",
    b"'QD(9999999999)'",
    b"'C'",
    b"'1M'",
    b"'K'",
    b"'F12.6'",
)
_NUMBERS = (0, 1, 2, 3, 4, 16, 29, 1 << 58, 12 << 58, (12 << 58) - 1, (12 << 58) + 1, 2**63 - 1, 2**63, 2**64 - 1)
_FLOATS = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -1.6375e30, 1e-310, 90.0, 360.0, 1e300)


@dataclass
class Hdu:
    """The cards of a header without END, of 80 bytes each, and the data with what fills its last block."""

    cards: list[bytes]
    data: bytes


def parts_of(content: bytes) -> list[Hdu]:
    """The HDUs of a file. What cannot be taken apart is the data of the last one."""
    hdus: list[Hdu] = []
    at = 0
    while at < len(content):
        cards: list[bytes] = []
        first = at
        while at < len(content):
            card = content[at : at + _CARD]
            at += _CARD
            if card == b"END".ljust(_CARD):
                break
            cards.append(card)
        else:
            if hdus:
                hdus[-1].data += content[first:]
            else:
                hdus.append(Hdu([], content[first:]))
            break
        at = first + -(-(at - first) // _BLOCK) * _BLOCK
        size = _size(cards)
        # The last HDU has all that follows, also if it is more or less than its header says.
        hdus.append(Hdu(cards, content[at : at + size]))
        at += size
        if content[at : at + 8] not in (b"XTENSION", b"SIMPLE  ") and at < len(content):
            hdus[-1].data += content[at:]
            break
    return hdus


def joined(hdus: Sequence[Hdu]) -> bytes:
    """The file of some HDUs."""
    out = []
    for hdu in hdus:
        header = b"".join(hdu.cards) + b"END".ljust(_CARD)
        out += [_filled(header, b" "), _filled(hdu.data, b"\x00")]
    return b"".join(out)


def fits_mutator(cards: Sequence[str] = (), words: Sequence[str] = ()) -> Mutator:
    """A mutator of FITS files.

    Parameters
    ----------
    cards : sequence of str
        Cards that mean something to the reader, such as ``"ORDERING= 'NUNIQ'"``, to be put into headers.
    words : sequence of str
        Values that mean something to it, as they stand in a card.
    """
    known = [card.encode("latin-1").ljust(_CARD)[:_CARD] for card in cards]
    values = [*_NASTY, *_FORMS, *(word.encode("latin-1") for word in words)]
    values += [value for card in known if (value := _value(card))]

    def mutate(data: bytes, largest: int, rng: Random, plain: Plain) -> bytes:
        if rng.random() < 0.1 or not data:
            return plain(data, largest)
        hdus = parts_of(data)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _change(hdus, rng, known, values, plain)
        if rng.random() < 0.85:
            drop = rng.random() < 0.3
            for hdu in hdus:
                sign(hdu, drop=drop)
        return joined(hdus)[:largest]

    return mutate


# ---------------------------------------------------------------------- changes


def _change(hdus: list[Hdu], rng: Random, known: Sequence[bytes], values: Sequence[bytes], plain: Plain) -> None:
    k = rng.randrange(len(hdus))
    hdu = hdus[k]
    chance = rng.random()
    if chance < 0.35:
        _change_value(hdu, rng, values, plain)
    elif chance < 0.5:
        _change_cards(hdu, rng, known)
    elif chance < 0.65:
        _change_word(hdu, rng)
    elif chance < 0.75:
        _change_rows(hdu, rng)
    elif chance < 0.85 and hdu.data:
        hdu.data = plain(hdu.data, len(hdu.data) + 64)
    elif chance < 0.9:
        hdus.insert(rng.randrange(len(hdus) + 1), Hdu(list(hdu.cards), hdu.data))
    elif chance < 0.95 and len(hdus) > 1:
        del hdus[k]
    else:
        other = rng.randrange(len(hdus))
        hdus[k], hdus[other] = hdus[other], hdus[k]


def _change_value(hdu: Hdu, rng: Random, values: Sequence[bytes], plain: Plain) -> None:
    places = [i for i, card in enumerate(hdu.cards) if card[8:10] == b"= " and card[:8] not in _SUMS]
    if not places:
        return
    i = rng.choice(places)
    old = _value(hdu.cards[i])
    match rng.randrange(4):
        case 0:
            new = plain(old, 60)
        case 1 if re.fullmatch(rb"[+-]?\d+", old):
            number = int(old)
            new = b"%d" % rng.choice((number + 1, number - 1, -number, 2 * number, number // 2, number + 8))
        case 2:
            # The value of another card.
            new = _value(hdu.cards[rng.choice(places)])
        case _:
            new = rng.choice(values)
    hdu.cards[i] = (hdu.cards[i][:10] + new.rjust(20)).ljust(_CARD)[:_CARD]


def _change_cards(hdu: Hdu, rng: Random, known: Sequence[bytes]) -> None:
    i = rng.randrange(len(hdu.cards) + 1)
    match rng.randrange(5):
        case 0:
            del hdu.cards[i : i + 1]
        case 1 if hdu.cards:
            hdu.cards.insert(i, rng.choice(hdu.cards))
        case 2 if hdu.cards and i < len(hdu.cards):
            j = rng.randrange(len(hdu.cards))
            hdu.cards[i], hdu.cards[j] = hdu.cards[j], hdu.cards[i]
        case _ if known:
            card = rng.choice(known)
            same = [j for j, other in enumerate(hdu.cards) if other[:8] == card[:8]]
            if same and rng.random() < 0.8:
                hdu.cards[rng.choice(same)] = card
            else:
                hdu.cards.insert(i, card)


def _change_word(hdu: Hdu, rng: Random) -> None:
    """Another number in the data, of 1, 2, 4 or 8 bytes, at a place that is a multiple of its size."""
    size = rng.choice((1, 2, 4, 8, 8))
    if len(hdu.data) < size:
        return
    # At the beginning, and at any place of the rows.
    row = _integer(hdu.cards, b"NAXIS1  ")
    n_bytes = min(len(hdu.data), max(row * _integer(hdu.cards, b"NAXIS2  "), size)) if row > 0 else len(hdu.data)
    at = rng.randrange(max(n_bytes // size, 1)) * size
    if row > 8 and rng.random() < 0.5:
        at = min(rng.randrange(max(n_bytes // row, 1)) * row + rng.randrange(row), len(hdu.data) - size)
    old = int.from_bytes(hdu.data[at : at + size], "big")
    match rng.randrange(4):
        case 0:
            new = (old + rng.choice((1, -1, 2, -2, 4, 1 << rng.randrange(8 * size)))) % (1 << 8 * size)
        case 1:
            new = rng.choice(_NUMBERS) % (1 << 8 * size)
        case 2 if size >= 4:
            with np.errstate(over="ignore"):
                new = int.from_bytes(np.array(rng.choice(_FLOATS), f">f{size}").tobytes(), "big")
        case _:
            other = rng.randrange(max(n_bytes // size, 1)) * size
            new = int.from_bytes(hdu.data[other : other + size], "big")
    hdu.data = hdu.data[:at] + new.to_bytes(size, "big") + hdu.data[at + size :]


def _change_rows(hdu: Hdu, rng: Random) -> None:
    """Rows are deleted, doubled and exchanged, and NAXIS2 says so."""
    row, n_rows = _integer(hdu.cards, b"NAXIS1  "), _integer(hdu.cards, b"NAXIS2  ")
    if not 0 < row <= len(hdu.data) or n_rows <= 0:
        return
    n_rows = min(n_rows, len(hdu.data) // row)
    rows = [hdu.data[i * row : (i + 1) * row] for i in range(n_rows)]
    i, j = rng.randrange(n_rows), rng.randrange(n_rows)
    match rng.randrange(4):
        case 0:
            del rows[i : i + 2 ** rng.randrange(6)]
        case 1:
            rows[j:j] = rows[i : i + 2 ** rng.randrange(4)]
        case 2:
            rows[i], rows[j] = rows[j], rows[i]
        case 3:
            rows = rows[:i]
    for k, card in enumerate(hdu.cards):
        if card.startswith(b"NAXIS2  ="):
            hdu.cards[k] = (b"NAXIS2  = " + b"%20d" % len(rows)).ljust(_CARD)
    hdu.data = b"".join(rows)


# ---------------------------------------------------------------------- cards and sums


def _value(card: bytes) -> bytes:
    found = _VALUE.match(card[10:]) if card[8:10] == b"= " else None
    return found[1] if found else b""


def _integer(cards: Sequence[bytes], keyword: bytes) -> int:
    for card in cards:
        if card.startswith(keyword):
            value = _value(card)
            return int(value) if re.fullmatch(rb"[+-]?\d{1,18}", value) else 0
    return 0


def _size(cards: Sequence[bytes]) -> int:
    """Bytes of the data by the header, with what fills the last block."""
    n_axes = min(_integer(cards, b"NAXIS   "), 999)
    if n_axes <= 0:
        return 0
    count = 1
    for k in range(1, n_axes + 1):
        count *= max(_integer(cards, b"NAXIS%d" % k), 0)
    groups = max(_integer(cards, b"GCOUNT  "), 1)
    size = abs(_integer(cards, b"BITPIX  ")) // 8 * groups * (count + max(_integer(cards, b"PCOUNT  "), 0))
    return -(-size // _BLOCK) * _BLOCK


def _filled(content: bytes, with_byte: bytes) -> bytes:
    return content + with_byte * (-len(content) % _BLOCK)


def sign(hdu: Hdu, *, drop: bool = False) -> None:
    """Write the sums of an HDU that has them, or drop them."""
    present = [i for i, card in enumerate(hdu.cards) if card[:8] in _SUMS]
    if not present:
        return
    if drop:
        hdu.cards = [card for card in hdu.cards if card[:8] not in _SUMS]
        return
    data = _sum(_filled(hdu.data, b"\x00"))
    blank = b"CHECKSUM= '0000000000000000'".ljust(_CARD)
    for i in present:
        hdu.cards[i] = blank if hdu.cards[i].startswith(b"CHECKSUM") else (b"DATASUM = '%d'" % data).ljust(_CARD)
    header = _filled(b"".join(hdu.cards) + b"END".ljust(_CARD), b" ")
    total = _sum(header) + data
    total = (total & 0xFFFFFFFF) + (total >> 32)
    signed = (b"CHECKSUM= '" + _encoded(0xFFFFFFFF - total) + b"'").ljust(_CARD)
    hdu.cards = [signed if card.startswith(b"CHECKSUM") else card for card in hdu.cards]


def _sum(content: bytes) -> int:
    """Ones' complement sum of the words of 32 bits."""
    total = int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _encoded(value: int) -> bytes:
    """A sum as 16 letters and digits, by the FITS standard, appendix J."""
    letters = [[0] * 4 for _ in range(4)]
    for k in range(4):
        byte = value >> 8 * (3 - k) & 255
        four = [byte // 4 + 48] * 4
        four[0] += byte % 4
        # Neither signs nor brackets: pairs are moved apart, which leaves the sum as it is.
        while any(58 <= one <= 64 or 91 <= one <= 96 for one in four):
            for i in (0, 2):
                if any(58 <= one <= 64 or 91 <= one <= 96 for one in four[i : i + 2]):
                    four[i] += 1
                    four[i + 1] -= 1
        for i in range(4):
            letters[i][k] = four[i]
    flat = bytes(one for four in letters for one in four)
    return flat[-1:] + flat[:-1]
