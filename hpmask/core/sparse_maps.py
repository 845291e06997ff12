"""Maps of a part of the sky that have one block of cells for each coarse coverage cell, as healsparse stores them.

A block is never read or written as a whole: it goes through memory in pieces, and a set is made of the cells at which a
condition on the values changes. Memory is that of the ranges and of a piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import sparse_blocks as _kernel
from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.full_maps import crossings_of
from hpmask.core.rangeset import RangeSet, trusted

__all__ = [
    "MAX_BLOCK",
    "Collected",
    "Kind",
    "Piece",
    "SparseMap",
    "bit_sets",
    "block_pieces",
    "check_blocks",
    "sets_of",
    "touched",
    "true_set",
]

Kind = Literal["packed", "bool", "wide", "values", "fields"]

# Cells of a piece: their values and booleans stay in the processor's cache.
_CHUNK = 1 << 18

# Pieces of so few cells are joined where they can be: each one costs some calls of numpy.
_SMALL = 1 << 14

# FITS counts the values of a tile in 31 bits.
MAX_BLOCK = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Values of consecutive cells.

    Attributes
    ----------
    first : int
        Number of the first cell, NESTED.
    n_cells : int
        Number of cells.
    values : numpy.ndarray
        Shape (n_cells,); (n_cells / 8,) bytes for a packed map; (n_cells, width) bytes for a wide one. One row stands
        for all cells if they have the same value.
    """

    first: int
    n_cells: int
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class SparseMap:
    """A map with blocks of cells.

    Attributes
    ----------
    order, coverage_order : int
        Order of the cells, and of the coverage cells.
    kind : {"packed", "bool", "wide", "values", "fields"}
        Bits, eight cells in a byte; booleans; several bytes of bits for each cell; numbers; or records of several
        fields.
    dtype : numpy.dtype
        Type of a value, a byte for packed and wide maps.
    sentinel : Any
        The value of cells that have none.
    covered : numpy.ndarray of int64, shape (n,)
        The coverage cells with a block, ascending.
    pieces : callable
        ``pieces() -> Iterator[Piece]``: the blocks in the order of `covered`, in pieces of whole bytes.
    width : int
        Bytes of a cell of a wide map.
    names : tuple of str
        Names of the bits of a wide map, of the first ones or of none.
    primary : str, optional
        The field of a map of records that says which cells have values.
    frame : str, optional
        Frame of the cells, if it is known.
    """

    order: int
    coverage_order: int
    kind: Kind
    dtype: np.dtype[Any]
    sentinel: Any
    covered: NDArray[np.int64]
    pieces: Callable[[], Iterator[Piece]]
    width: int = 1
    names: tuple[str, ...] = ()
    primary: str | None = None
    frame: str | None = None

    @property
    def n_bits(self) -> int:
        """The number of bits of a cell; 0 for values that are not bits."""
        if self.kind == "wide":
            return 8 * self.width
        if self.kind == "values" and self.dtype.kind in "iu":
            return 8 * self.dtype.itemsize
        return 0

    @property
    def coverage(self) -> RangeSet:
        """The sky that has blocks."""
        return RangeSet.from_cells(self.covered, self.coverage_order)


class Collected:
    """The set of the cells for which a condition is True, from pieces of a map in ascending order.

    Parameters
    ----------
    order : int
        Order of the cells.
    """

    def __init__(self, order: int) -> None:
        self._order = order
        self._found: list[NDArray[np.uint64]] = []
        self._end = -1

    def add(self, crossings: NDArray[Any], first: int, n_cells: int) -> None:
        """Add a piece by its `crossings_of`, counted from False before its first cell."""
        if not crossings.size:
            return
        found = crossings.astype(np.uint64)
        if found.size % 2:
            found = np.append(found, np.uint64(first + n_cells))
        if found[0] == self._end:
            # The last range goes on.
            self._found[-1] = self._found[-1][:-1]
            found = found[1:]
        self._end = int(found[-1])
        self._found.append(found)

    def add_all(self, first: int, n_cells: int) -> None:
        """Add a piece for all of whose cells the condition is True."""
        self.add(np.array([first], np.uint64), first, n_cells)

    def plane(self) -> RangeSet:
        """The set."""
        ends = np.concatenate([np.empty(0, np.uint64), *self._found])
        ends <<= np.uint64(2 * (MAX_ORDER - self._order))
        return trusted(ends, self._order)


Conditions = Callable[[NDArray[Any]], Sequence[NDArray[np.bool_] | None]]


def sets_of(map_: SparseMap, conditions: Conditions, n_conditions: int) -> list[RangeSet]:
    """The sets of the cells whose values fulfil some conditions.

    Parameters
    ----------
    map_ : SparseMap
        A map.
    conditions : callable
        Takes the values of a piece, shape (n,) or (n, width), and returns booleans for each condition; None stands for
        False everywhere. The values of a packed map are booleans.
    n_conditions : int
        Their number.
    """
    collected = [Collected(map_.order) for _ in range(n_conditions)]
    for piece in _joined(map_):
        values = piece.values
        uniform = values.shape[0] == 1 and piece.n_cells > (8 if map_.kind == "packed" else 1)
        if map_.kind == "packed":
            values = np.unpackbits(values, bitorder="little").view(np.bool_)
            values = values[:1] if uniform else values
        elif map_.kind == "bool":
            values = values.astype(np.bool_, copy=False)
        for one, chosen in zip(collected, conditions(values), strict=True):
            if chosen is None:
                continue
            if not uniform:
                one.add(crossings_of(chosen, piece.first), piece.first, piece.n_cells)
            elif chosen[0]:
                one.add_all(piece.first, piece.n_cells)
    return [one.plane() for one in collected]


def _joined(map_: SparseMap) -> Iterator[Piece]:
    """The pieces of a map, with small ones that follow each other joined."""
    some: list[Piece] = []
    size = 0
    for piece in map_.pieces():
        small = piece.n_cells <= _SMALL
        if some and (not small or size >= _CHUNK or piece.first != some[-1].first + some[-1].n_cells):
            yield _one(some, size, map_.kind == "packed")
            some, size = [], 0
        if small:
            some.append(piece)
            size += piece.n_cells
        else:
            yield piece
    if some:
        yield _one(some, size, map_.kind == "packed")


def _one(pieces: list[Piece], n_cells: int, packed: bool) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    per_row = 8 if packed else 1
    rows = [
        piece.values
        if len(piece.values) * per_row == piece.n_cells
        else np.repeat(piece.values, piece.n_cells // per_row, axis=0)
        for piece in pieces
    ]
    return Piece(pieces[0].first, n_cells, np.concatenate(rows))


def true_set(map_: SparseMap) -> RangeSet:
    """The cells of a packed map whose bits are set, or of a map of booleans that are True."""
    if map_.kind != "packed":
        return sets_of(map_, lambda values: (values,), 1)[0]
    collected = Collected(map_.order)
    for piece in _joined(map_):
        if piece.values.size > 1 or piece.n_cells == 8:
            bits = np.ascontiguousarray(piece.values)
            collected.add(_kernel.crossings_of_bits(bits, piece.first), piece.first, piece.n_cells)
        elif piece.values[0]:
            collected.add_all(piece.first, piece.n_cells)
    return collected.plane()


def bit_sets(map_: SparseMap, bits: Sequence[Sequence[int]]) -> list[RangeSet]:
    """For each group of bits, the set of the cells in which one of them is set.

    Cells with the sentinel of a map of integers have no bits.
    """
    if map_.kind == "wide":
        masks = np.zeros((len(bits), map_.width), np.uint8)
        for row, group in zip(masks, bits, strict=True):
            for bit in group:
                row[bit // 8] |= 1 << bit % 8

        def in_bytes(values: NDArray[Any]) -> list[NDArray[np.bool_]]:
            return [
                np.logical_or.reduce([values[:, byte] & row[byte] != 0 for byte in np.flatnonzero(row)])
                for row in masks
            ]

        return sets_of(map_, in_bytes, len(bits))
    unsigned = np.dtype(f"u{map_.dtype.itemsize}")
    numbers = [np.array(sum(1 << bit for bit in set(group)), unsigned) for group in bits]

    def in_integers(values: NDArray[Any]) -> list[NDArray[np.bool_]]:
        raw = values.view(unsigned)
        valid = values != map_.sentinel
        return [(raw & number != 0) & valid for number in numbers]

    return sets_of(map_, in_integers, len(bits))


# ---------------------------------------------------------------------- from sets to blocks


def touched(planes: Sequence[RangeSet], coverage_order: int) -> NDArray[np.int64]:
    """The coverage cells that meet one of some sets, ascending."""
    outline = planes[0] if len(planes) == 1 else RangeSet.union_all(planes)
    return outline.at_order(coverage_order, mode="overlap").cells(coverage_order).astype(np.int64)


def block_pieces(
    planes: Sequence[RangeSet], order: int, kind: Kind, cell: int, coverage_order: int
) -> Iterator[tuple[NDArray[np.uint8], bool]]:
    """The bytes of a block, in pieces, and whether all of the block is this one piece repeated.

    Parameters
    ----------
    planes : sequence of RangeSet
        One set, or one for each bit of a wide map.
    order : int
        Order of the cells, not coarser than the sets.
    kind : {"packed", "bool", "wide"}
        The kind of the map.
    cell : int
        The coverage cell.
    coverage_order : int
        Its order.

    Yields
    ------
    piece : numpy.ndarray of uint8, shape (n,)
        The next bytes, which the caller must not keep.
    uniform : bool
        Whether the cells of the block have one value. There is a single piece then, of one byte, or of one cell if the
        map is wide.
    """
    shift = np.uint64(2 * (MAX_ORDER - order))
    first, n_cells = cell << (2 * (order - coverage_order)), 1 << (2 * (order - coverage_order))
    width = (len(planes) + 7) // 8 if kind == "wide" else 1
    parts = [_within(plane.boundaries, first << int(shift), (first + n_cells) << int(shift)) for plane in planes]
    if all(isinstance(part, bool) for part in parts):
        row = np.zeros(width, np.uint8)
        for k, whole in enumerate(parts):
            row[k // 8] |= bool(whole) << k % 8
        if kind == "packed":
            row *= 0xFF
        yield row, True
        return
    ends = [
        np.array([first, first + n_cells] * part, np.uint64) if isinstance(part, bool) else part >> shift
        for part in parts
    ]
    step = min(_CHUNK * 8 if kind == "packed" else _CHUNK, n_cells)
    for start in range(first, first + n_cells, step):
        if kind == "packed":
            out = np.zeros(step // 8, np.uint8)
            _kernel.fill_bits(_slice(ends[0], start, start + step), start, out)
        elif kind == "bool":
            out = np.zeros(step, np.uint8)
            _kernel.fill_values(_slice(ends[0], start, start + step), start, 1, out)
        else:
            rows = np.zeros((step, width), np.uint8)
            for k, some in enumerate(ends):
                _kernel.fill_values(_slice(some, start, start + step), start, 1 << k % 8, rows[:, k // 8])
            out = rows.reshape(-1)
        yield out, False


def _within(boundaries: NDArray[np.uint64], start: int, stop: int) -> NDArray[np.uint64] | bool:
    """The ranges that meet an interval; True or False if all or nothing of it is in them."""
    some = _slice(boundaries, start, stop)
    if not some.size:
        return False
    return True if some.size == 2 and some[0] <= start and stop <= some[1] else some


def _slice(boundaries: NDArray[np.uint64], start: int, stop: int) -> NDArray[np.uint64]:
    """The ranges that meet an interval, with their own ends."""
    low = int(np.searchsorted(boundaries, np.uint64(start), side="right")) // 2 * 2
    high = (int(np.searchsorted(boundaries, np.uint64(stop), side="left")) + 1) // 2 * 2
    return boundaries[low:high]


def check_blocks(n_blocks: int, block: int, most: int, what: str) -> None:
    """Raise a ValueError if the blocks of a map would take more than `most` bytes."""
    if n_blocks * block > most:
        raise ValueError(
            f"{what} of {n_blocks} blocks of {block} bytes takes {n_blocks * block / 2**30:.0f} GiB, more than "
            f"{most >> 30} GiB: take a coarser order"
        )
