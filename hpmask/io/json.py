"""MOC JSON: lists of cells under their orders, as in ``{"3": [1, 4], "9": []}``.

The form is that of the IVOA's MOC 2.0, appendix "JSON encoding". The space dimension may be named, as in
``{"s": {"3": [1, 4]}}``. A file is read in pieces, and Python's json module parses the cells, a piece of a list at a
time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO

import numpy as np

from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.errors import MaskFormatError
from hpmask.core.moc import moc_plane
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.io import text
from hpmask.io.cells import Pieces, disjoint
from hpmask.io.format import Format

__all__ = ["FORMAT"]

# Not GeoJSON, which begins with its type.
_BEGINNING = re.compile(rb'\[|\{(?!\s*+"type"\s*+:)')
_DIMENSION = re.compile(rb'"([a-z])"\s*+:')

# The most characters of a key with its quotes, or of a cell; and of the text that an error shows.
_LONGEST_WORD = 64
_SHOWN = 40

_BLANKS = re.compile(rb"[ \t\r\n]*+")

# Cells that are formatted at a time.
_WRITTEN = 1 << 16


# ---------------------------------------------------------------------- reading


def _matches(start: bytes) -> bool:
    return text.begins_with(start, _BEGINNING)


def _read(file: IO[bytes], name: str) -> MaskValue:
    declared, pieces = text.opened(file)
    source = _Source(pieces)
    if source.peek() != b"{":
        dimensions = sorted({found.decode("ascii") for found in _DIMENSION.findall(source.ahead())})
        if dimensions:
            raise MaskFormatError(f"not a space MOC: it has the dimensions {', '.join(dimensions)}")
        raise MaskFormatError(
            "not MOC JSON: the value must be an object with a list of cells under each order, "
            f"but it begins with {source.shown()}"
        )
    cells = _members(source)
    if source.peek():
        raise MaskFormatError(f"not MOC JSON: the end is followed by {source.shown()}")
    order = max(cells, default=-1) if declared is None else declared
    if order < 0:
        raise MaskFormatError(
            "not MOC JSON: the value must be an object with a list of cells under each order, but is empty"
        )
    if (deepest := max(cells, default=0)) > order:
        raise MaskFormatError(f"MOCORDER is {order}, but there is an order {deepest} in the file")
    boundaries = np.concatenate([np.empty(0, np.uint64), *(plane.boundaries for plane in cells.values())])
    return new_mask(disjoint(boundaries[::2], boundaries[1::2], order))


def _members(source: _Source, *, inner: bool = False) -> dict[int, RangeSet]:
    """The sets of cells in an object, under their orders."""
    cells: dict[int, RangeSet] = {}
    named = False
    source.take(b"{")
    if source.peek() == b"}":
        source.take(b"}")
        return cells
    while True:
        key = source.key()
        source.take(b":")
        if key == "s" and not (cells or named or inner):
            cells = _members(source, inner=True)
            named = True
        elif named or (re.fullmatch("[a-z]", key) and source.peek() == b"{"):
            raise MaskFormatError(f"not a space MOC: it has the dimensions {'s, ' * named}{key}")
        else:
            if not (re.fullmatch("[0-9]{1,9}", key) and int(key) <= MAX_ORDER):
                raise MaskFormatError(
                    f"not MOC JSON: the keys must be orders from 0 to {MAX_ORDER}, but one is {key!r}"
                )
            if int(key) in cells:
                raise MaskFormatError(f"order {int(key)} is listed twice")
            if source.peek() != b"[":
                raise MaskFormatError(f"not MOC JSON: order {key} must have a list of cells, but has {source.shown()}")
            cells[int(key)] = _cells(source, int(key))
        if source.peek() != b",":
            source.take(b"}")
            return cells
        source.take(b",")


def _cells(source: _Source, order: int) -> RangeSet:
    pieces = Pieces()
    shift = np.uint64(2 * (MAX_ORDER - order))
    count = 0
    for part in source.parts_of_list():
        cells = json.loads(part.decode("ascii"))
        for row, cell in enumerate(cells if {*map(type, cells)} - {int} else ()):
            if type(cell) is not int:
                raise _no_cell(cell, order, count + row)
        if cells and not (min(cells) >= 0 and max(cells) < 12 << 2 * order):
            row = next(row for row, cell in enumerate(cells) if not 0 <= cell < 12 << 2 * order)
            raise _no_cell(cells[row], order, count + row)
        count += len(cells)
        starts = np.array(cells, dtype=np.uint64)
        pieces.add(starts << shift, (starts + np.uint64(1)) << shift, order)
    return pieces.union(order)


def _no_cell(cell: object, order: int, row: int) -> MaskFormatError:
    shown = json.dumps(cell) if isinstance(cell, list | dict) else repr(cell)
    return MaskFormatError(f"cell {shown:.{_SHOWN}} of order {order} does not exist (number {row} of its list)")


class _Source:
    """The text of a file, which is read when needed and forgotten when taken."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._text = b""
        self._at = 0

    def _more(self) -> bool:
        piece = next(self._pieces, b"")
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)

    def peek(self) -> bytes:
        """The next character other than a blank, or b"" at the end."""
        while True:
            self._at = _BLANKS.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at : self._at + 1]
            if not self._more():
                return b""

    def ahead(self) -> bytes:
        """The text that has been read and not taken yet."""
        return self._text[self._at :]

    def shown(self) -> str:
        """The next characters, for errors."""
        self.peek()
        return repr(self.ahead()[:_SHOWN].decode("latin-1"))

    def take(self, character: bytes) -> None:
        """Take a character, which must be the next one."""
        if self.peek() != character:
            found = self.shown() if self.peek() else "the end of the file"
            raise MaskFormatError(f"not MOC JSON: expected the delimiter {character.decode()!r}, found {found}")
        self._at += 1

    def key(self) -> str:
        """Take a string."""
        self.take(b'"')
        if len(self._text) - self._at < _LONGEST_WORD:
            self._more()
        end = self._text.find(b'"', self._at, self._at + _LONGEST_WORD)
        if end < 0:
            raise MaskFormatError(f"not MOC JSON: the keys must be orders from 0 to {MAX_ORDER}, one is {self.shown()}")
        key = self._text[self._at : end].decode("utf-8")
        self._at = end + 1
        return key

    def parts_of_list(self) -> Iterator[bytes]:
        """Take a list, as lists of some of its items each."""
        self.take(b"[")
        if self.peek() == b"]":
            self.take(b"]")
            return
        while True:
            end = self._text.find(b"]", self._at)
            cut = end if end >= 0 else self._text.rfind(b",", self._at)
            if cut >= 0:
                part = self._text[self._at : cut]
                self._at = cut + 1
                if not part.strip():
                    raise MaskFormatError("not MOC JSON: a comma in a list has no cell beside it")
                yield b"[" + part + b"]"
            if end >= 0:
                return
            # The rest is at most one item and blanks.
            ended = self.ahead()[-1:].isspace()
            self._text, self._at = b" ".join(self.ahead().split()), 0
            if len(self._text) > _LONGEST_WORD:
                raise MaskFormatError(f"not MOC JSON: no cell number has as many digits as {self.shown()}")
            self._text += b" " * ended
            if not self._more():
                raise MaskFormatError(
                    "not MOC JSON: the file is cut short within a list, expected the delimiter ',' or ']'"
                )


# ---------------------------------------------------------------------- writing


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    plane = moc_plane(mask)
    by_order = plane.cells_by_order()
    separator = b"{"
    # The order of the mask is written even if there are no cells of that order.
    for order in sorted({*by_order, plane.order}):
        file.write(separator + b'\n  "%d": [' % order)
        cells = by_order.get(order, np.empty(0, np.uint64))
        for i in range(0, cells.size, _WRITTEN):
            words = ", ".join(map(str, cells[i : i + _WRITTEN].tolist()))
            file.write((", " * (i > 0) + words).encode("ascii"))
        file.write(b"]")
        separator = b","
    file.write(b"\n}\n")


FORMAT = Format(
    name="json",
    description="MOC JSON. Holds masks without energy, in ICRS; the history is not written.",
    suffixes=(".json",),
    matches=_matches,
    read=_read,
    write=_write,
)
