"""Files of ranges in pieces of the sky, between the steps of a build: small, and read tile by tile.

A tile is a cell of a coarse order. A file holds sets of ranges, each with a plane for each energy bin. Each plane is
cut at the edges of the tiles, and the boundaries in a tile make a block: their differences, in cells of the order of
the mask, as the smallest unsigned integers that hold them, compressed by zstd. An index behind the blocks says where
they are, and JSON behind it has what the writer has to say. A file gets its name when it is complete.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.rangeset import RangeSet, from_starts_stops, trusted

__all__ = ["RangesFile", "RangesWriter", "in_tiles", "united"]

Boundaries = NDArray[np.uint64]

_MAGIC = b"hpmask ranges 1\n"
_INDEX = np.dtype([("tile", "<u4"), ("plane", "<u4"), ("offset", "<u8"), ("length", "<u8"), ("size", "<u8")])
# Index rows, bytes of JSON, and a checksum of both.
_TAIL = np.dtype([("rows", "<u8"), ("text", "<u8"), ("check", "<u8")])
_WIDTHS = tuple(np.dtype(code) for code in ("<u1", "<u2", "<u4", "<u8"))

# Boundaries that wait to be united: 64 MB, and three times that while they are sorted.
_MOST_WAITING = 8_000_000


def in_tiles(plane: RangeSet, tile_order: int, tiles: Iterable[int] | None = None) -> Iterator[tuple[int, RangeSet]]:
    """The parts of a set in tiles, by their numbers. Tiles without a part are left out.

    Parameters
    ----------
    plane : RangeSet
        The set.
    tile_order : int
        The order of the tiles, at most that of the set.
    tiles : iterable of int, optional
        The tiles that are wanted, by default all.
    """
    boundaries = plane.boundaries
    side = np.uint64(1) << np.uint64(2 * (MAX_ORDER - tile_order))
    edges = np.arange((12 << 2 * tile_order) + 1, dtype=np.uint64) * side
    places = np.searchsorted(boundaries, edges)
    # A range that stops at an edge lies before it.
    at_edge = places < boundaries.size
    at_edge[at_edge] = boundaries[places[at_edge]] == edges[at_edge]
    places += at_edge & (places % 2 == 1)
    found = (places[1:] > places[:-1]) | (places[:-1] % 2 == 1)
    wanted = np.flatnonzero(found) if tiles is None else [tile for tile in tiles if found[tile]]
    for tile in wanted:
        i, j = int(places[tile]), int(places[tile + 1])
        # A range across an edge is divided there.
        low, high = edges[tile : tile + i % 2], edges[tile + 1 : tile + 1 + j % 2]
        yield int(tile), trusted(np.concatenate([low, boundaries[i:j], high]), plane.order)


class RangesWriter:
    """Writes a file of ranges in pieces of the sky.

    Parameters
    ----------
    file : binary file
        An empty file.
    order : int
        The order of the sets.
    tile_order : int
        The order of the tiles.
    run : str
        A text that tells one computation from others.
    """

    def __init__(self, file: IO[bytes], order: int, tile_order: int, run: str = "") -> None:
        self._file = file
        self._order = order
        self._tile_order = tile_order
        self._shift = np.uint64(2 * (MAX_ORDER - order))
        self._rows: list[tuple[int, int, int, int, int]] = []
        self._run = run
        self._place = file.write(_MAGIC)
        self.n_ranges = 0

    def add(self, planes: Sequence[RangeSet]) -> None:
        """Add a set: a plane for each energy bin. Planes that are the same object are written once."""
        numbers: dict[int, list[int]] = {}
        for k, plane in enumerate(planes):
            numbers.setdefault(id(plane), []).append(k)
        for own in numbers.values():
            for tile, part in in_tiles(planes[own[0]], self._tile_order):
                self._block(tile, own, part.boundaries)

    def _block(self, tile: int, planes: list[int], boundaries: Boundaries) -> None:
        import pyarrow as pa

        steps = np.diff(boundaries >> self._shift, prepend=np.uint64(tile << 2 * (self._order - self._tile_order)))
        largest = int(steps.max())
        width = next(one for one in _WIDTHS if largest < 1 << 8 * one.itemsize)
        packed = pa.Codec("zstd", compression_level=1).compress(steps.astype(width), asbytes=True)
        length = self._file.write(bytes([width.itemsize]) + packed)
        self._rows += [(tile, plane, self._place, length, boundaries.size) for plane in planes]
        self._place += length
        self.n_ranges += boundaries.size // 2

    def close(self, notes: dict[str, Any]) -> None:
        """Write the index, and what is to be said about the file. The file stays open."""
        index = np.array(self._rows, dtype=_INDEX)
        index = index[np.argsort(index["tile"], kind="stable")]
        text = json.dumps(notes | {"run": self._run}).encode()
        tail = np.array((index.size, len(text), zlib.crc32(index.tobytes() + text)), dtype=_TAIL)
        for part in (index.tobytes(), text, tail.tobytes()):
            self._file.write(part)


class RangesFile:
    """A file that `RangesWriter` wrote.

    Parameters
    ----------
    path : path
        The file.
    order, tile_order, run : optional
        As they were given to the writer.

    Attributes
    ----------
    notes : dict
        What the writer said about it.

    Raises
    ------
    ValueError
        If the file is damaged, or of another run.
    """

    def __init__(self, path: Path, order: int, tile_order: int, run: str = "") -> None:
        self.path = path
        self._order = order
        self._tile_order = tile_order
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            if size < len(_MAGIC) + _TAIL.itemsize:
                raise self._damaged()
            file.seek(size - _TAIL.itemsize)
            tail = np.frombuffer(file.read(_TAIL.itemsize), dtype=_TAIL)[0]
            length = int(tail["rows"]) * _INDEX.itemsize + int(tail["text"])
            if length > size - _TAIL.itemsize - len(_MAGIC):
                raise self._damaged()
            file.seek(size - _TAIL.itemsize - length)
            content = file.read(length)
            file.seek(0)
            if zlib.crc32(content) != tail["check"] or file.read(len(_MAGIC)) != _MAGIC:
                raise self._damaged()
        rows = int(tail["rows"])
        self._index = np.frombuffer(content, dtype=_INDEX, count=rows)
        self.notes: dict[str, Any] = json.loads(content[rows * _INDEX.itemsize :])
        if self.notes.pop("run") != run:
            raise ValueError(f"{path} is of another build: do two of them write to the same folder?")

    def _damaged(self) -> ValueError:
        return ValueError(f"{self.path} is damaged: remove it, or the folder that it is in")

    @property
    def tiles(self) -> NDArray[np.uint32]:
        """The tiles with ranges, ascending."""
        return np.unique(self._index["tile"])

    def blocks(self, tile: int) -> Iterator[tuple[list[int], RangeSet]]:
        """The sets in a tile, each with the numbers of its planes."""
        import pyarrow as pa

        first, last = np.searchsorted(self._index["tile"], [tile, tile + 1])
        rows = self._index[first:last]
        if not rows.size:
            return
        shift = np.uint64(2 * (MAX_ORDER - self._order))
        start = np.uint64(tile << 2 * (self._order - self._tile_order))
        with open(self.path, "rb") as file:
            for offset in dict.fromkeys(rows["offset"].tolist()):
                own = rows[rows["offset"] == offset]
                file.seek(offset)
                packed = file.read(int(own["length"][0]))
                width = np.dtype(f"<u{packed[0]}")
                steps = pa.decompress(
                    packed[1:], decompressed_size=int(own["size"][0]) * width.itemsize, codec="zstd", asbytes=True
                )
                boundaries = np.cumsum(np.frombuffer(steps, dtype=width), dtype=np.uint64)
                boundaries += start
                boundaries <<= shift
                yield own["plane"].tolist(), trusted(boundaries, self._order)


class _Union:
    """Sets that are united from time to time, so that only a part of them is in memory."""

    def __init__(self, order: int) -> None:
        self._order = order
        self._sets: list[RangeSet] = []
        self._size = 0

    def copy(self) -> _Union:
        other = _Union(self._order)
        other._sets, other._size = list(self._sets), self._size
        return other

    def add(self, one: RangeSet) -> None:
        self._sets.append(one)
        self._size += one.boundaries.size
        # The first one may be a union: it must not be united again for each few ranges.
        if self._size > max(_MOST_WAITING, 3 * self._sets[0].boundaries.size):
            self._sets = [self.result()]
            self._size = self._sets[0].boundaries.size

    def result(self) -> RangeSet:
        if len(self._sets) < 2:
            return self._sets[0] if self._sets else RangeSet.empty(self._order)
        starts, stops = (np.concatenate([one.boundaries[k::2] for one in self._sets]) for k in range(2))
        return from_starts_stops(starts, stops, self._order)


def united(blocks: Iterable[tuple[list[int], RangeSet]], order: int, n_planes: int) -> list[RangeSet]:
    """The unions of many sets, for each of several planes. Planes of the same sets are the same object.

    Each set comes with the numbers of its planes.
    """
    # Planes that have had the same sets so far.
    groups: dict[tuple[int, ...], _Union] = {tuple(range(n_planes)): _Union(order)}
    for numbers, plane in blocks:
        own = set(numbers)
        for group in list(groups):
            inside = tuple(k for k in group if k in own)
            if not inside:
                continue
            union = groups.pop(group)
            if len(inside) < len(group):
                groups[tuple(k for k in group if k not in own)] = union.copy()
            union.add(plane)
            groups[inside] = union
    result: dict[int, RangeSet] = {}
    for group, union in groups.items():
        result.update(dict.fromkeys(group, union.result()))
    return [result[k] for k in range(n_planes)]
