"""MOC ASCII: cells by order, as in ``3/1 4-6 5/88 9/``.

The grammar is that of the IVOA's MOC 2.0, section "ASCII serialization". Commas are read as blanks, because version 1
of the standard had commas between the cells. A file is parsed in pieces, each by a few array operations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.errors import MaskFormatError
from hpmask.core.moc import moc_plane
from hpmask.core.value import MaskValue, new_mask
from hpmask.io import text
from hpmask.io.cells import Pieces
from hpmask.io.format import Format

__all__ = ["FORMAT"]

# An order, with the letter of its dimension where there are several.
_BEGINNING = re.compile(rb"[a-z]?\d{1,20}\s*/")

_DIMENSION = re.compile(rb"([a-z])\d{1,3}\s*+/")

# A word is a cell, a range of cells or an order, of 19 digits a number.
_LONGEST_WORD = 64
_MAX_DIGITS = 19

_BLANKS = b" \t\r\n\f\v,"

# The kinds of bytes, and which kinds may follow each other. S is the letter of the space dimension.
_BAD, _DIGIT, _BLANK, _SLASH, _DASH, _S = range(6)
_KINDS = np.full(256, _BAD, dtype=np.uint8)
for _kind, _bytes in ((_DIGIT, b"0123456789"), (_BLANK, _BLANKS), (_SLASH, b"/"), (_DASH, b"-"), (_S, b"s")):
    _KINDS[list(_bytes)] = _kind
_NEIGHBOURS = np.zeros(8 * 8, dtype=bool)
for _kind, _next in {
    _DIGIT: (_DIGIT, _BLANK, _SLASH, _DASH),
    _BLANK: (_DIGIT, _BLANK, _S),
    _SLASH: (_DIGIT, _BLANK),
    _DASH: (_DIGIT,),
    _S: (_DIGIT,),
}.items():
    _NEIGHBOURS[[8 * _kind + one for one in _next]] = True

_TO_BLANKS = bytes(byte if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))

_LAST_CELLS = np.array([(12 << 2 * order) - 1 for order in range(MAX_ORDER + 1)], dtype=np.uint64)

# Numbers that are formatted at a time.
_WRITTEN = 1 << 16


# ---------------------------------------------------------------------- reading


def _matches(start: bytes) -> bool:
    return text.begins_with(start, _BEGINNING)


def _read(file: IO[bytes], name: str) -> MaskValue:
    declared, pieces = text.opened(file)
    parser = _Parser()
    for piece in _whole_words(pieces):
        parser.feed(piece)
    if declared is None and parser.deepest < 0:
        raise MaskFormatError("not MOC ASCII: a file must have orders and their cells, as in '3/1 4-6'")
    order = parser.deepest if declared is None else declared
    if parser.deepest > order:
        raise MaskFormatError(f"MOCORDER is {order}, but there is an order {parser.deepest} in the file")
    return new_mask(parser.cells.union(order))


def _whole_words(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces that end between words."""
    held = b""
    for piece in pieces:
        end = max(held.rfind(blank) for blank in _BLANKS) + 1
        if len(held) - end > _LONGEST_WORD:
            word = held[end : end + 20]
            raise MaskFormatError(f"not MOC ASCII: a word has more than {_LONGEST_WORD} characters, {word!r}...")
        yield held[:end]
        held = held[end:] + piece
    yield held


class _Parser:
    """The cells that have been read so far."""

    def __init__(self) -> None:
        self.cells = Pieces()
        self.deepest = -1
        self._order: int | None = None

    def feed(self, piece: bytes) -> None:
        """Read a piece that consists of whole words."""
        # Blanks at both ends give each number two neighbours.
        piece = b" " + piece + b" "
        kinds = _KINDS[np.frombuffer(piece, dtype=np.uint8)]
        pairs = _NEIGHBOURS[kinds[:-1] << 3 | kinds[1:]]
        if not pairs.all():
            raise _fault(piece, int(np.argmin(pairs)))
        digit = kinds == _DIGIT
        edges = np.flatnonzero(digit[1:] != digit[:-1]) + 1
        first, end = edges[::2], edges[1::2]
        if not first.size:
            return
        long = np.flatnonzero(end - first > _MAX_DIGITS)
        if long.size:
            raise _fault(piece, int(first[long[0]]), f"a number of more than {_MAX_DIGITS} digits")
        numbers = np.fromstring(piece.translate(_TO_BLANKS), dtype=np.uint64, sep=" ")
        before, after = kinds[first - 1], kinds[end]
        is_order, is_high = after == _SLASH, before == _DASH
        # 3/1/2, 3/1-2-3 and 3/1-2/4 would be two things in one word. The letter may only precede an order.
        odd = is_order & ((before == _SLASH) | is_high) | is_high & (after == _DASH) | (before == _S) & ~is_order
        if odd.any():
            raise _fault(piece, int(first[np.argmax(odd)]))
        self._take(numbers, is_order, is_high, after == _DASH)

    def _take(
        self,
        numbers: NDArray[np.uint64],
        is_order: NDArray[np.bool_],
        is_high: NDArray[np.bool_],
        is_low: NDArray[np.bool_],
    ) -> None:
        if np.count_nonzero(is_order[1:] & is_order[:-1]) > MAX_ORDER:
            raise MaskFormatError(f"not MOC ASCII: there are more than {MAX_ORDER} orders without cells")
        orders = numbers[is_order]
        if orders.size and (found := int(orders.max())) > MAX_ORDER:
            raise MaskFormatError(f"not a space MOC: it has order {found}, but cells of the sky end at {MAX_ORDER}")
        # Index of the last order before each number; index 0 is the order from the piece before.
        known = np.concatenate([[0 if self._order is None else self._order], orders]).astype(np.intp)
        which = np.cumsum(is_order)
        if self._order is None and not is_order[0]:
            raise MaskFormatError(f"not MOC ASCII: cell {numbers[0]} stands before the first order")
        lows, highs = ~is_order & ~is_high, ~is_order & ~is_low
        low, high, order = numbers[lows], numbers[highs], known[which[lows]]
        bad = np.flatnonzero(high > _LAST_CELLS[order])
        if bad.size:
            i = bad[0]
            raise MaskFormatError(
                f"cell {high[i]} of order {order[i]} does not exist: the last cell is {_LAST_CELLS[order[i]]}"
            )
        bad = np.flatnonzero(low > high)
        if bad.size:
            i = bad[0]
            raise MaskFormatError(f"ranges must increase, but one of order {order[i]} is {low[i]}-{high[i]}")
        shift = (2 * (MAX_ORDER - order)).astype(np.uint64)
        self.cells.add(low << shift, (high + np.uint64(1)) << shift, int(order.max(initial=0)))
        self._order = int(known[-1])
        self.deepest = max(self.deepest, int(orders.max(initial=0)) if orders.size else -1)


def _fault(piece: bytes, at: int, what: str = "text that is neither a cell nor an order") -> MaskFormatError:
    dimensions = sorted({letter.decode("ascii") for letter in _DIMENSION.findall(piece)} - {"s"})
    if dimensions:
        return MaskFormatError(f"not a space MOC: it has the dimensions {', '.join(dimensions)}")
    near = piece[max(at - 10, 1) : at + 10].strip()
    return MaskFormatError(f"not MOC ASCII: {what}, near {near!r}; cells are written as in '3/1 4-6 5/88 9/'")


# ---------------------------------------------------------------------- writing


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    plane = moc_plane(mask)
    by_order = plane.cells_by_order()
    # The order of the mask is written even if there are no cells of that order.
    for order in sorted({*by_order, plane.order}):
        file.write(b"%d/" % order)
        for i, words in enumerate(_words(by_order.get(order, np.empty(0, np.uint64)))):
            file.write((" " * (i > 0) + words).encode("ascii"))
        file.write(b"\n")


def _words(cells: NDArray[np.uint64]) -> Iterator[str]:
    """Sorted cells as text, some thousands at a time; consecutive cells as a range."""
    cuts = np.flatnonzero(np.diff(cells) != 1) + 1
    first = cells[np.concatenate([np.zeros(min(cells.size, 1), np.intp), cuts])]
    last = cells[np.concatenate([cuts - 1, np.full(min(cells.size, 1), cells.size - 1)])]
    for i in range(0, first.size, _WRITTEN):
        pairs = zip(first[i : i + _WRITTEN].tolist(), last[i : i + _WRITTEN].tolist(), strict=True)
        yield " ".join(str(a) if a == b else f"{a}-{b}" for a, b in pairs)


FORMAT = Format(
    name="ascii",
    description="MOC ASCII. Holds masks without energy, in ICRS; the history is not written.",
    suffixes=(".txt", ".ascii"),
    matches=_matches,
    read=_read,
    write=_write,
)
