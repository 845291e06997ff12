"""Files of healsparse (specification 1.1) in FITS, block by block: plain images, compressed images, and tables.

Only headers, the entries of the coverage map and the blocks that are wanted are read. A block goes through memory in
pieces. Blocks that share compressed bytes, as equal ones may, are decoded once.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hpmask._files.fits_text import unescaped
from hpmask._files.hdu import Hdu
from hpmask._files.unpack import packed_size, spooled
from hpmask._kernels.sparse_blocks import Rice
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.errors import MaskFormatError
from hpmask.core.healpix_map import UNSEEN
from hpmask.core.sparse_maps import Kind, Piece, SparseMap
from hpmask.geometry.healpix import n_cells
from hpmask.io.format import Footprint
from hpmask.io.opened import opened

__all__ = ["bit_names", "frame_of_word", "map_in_file", "opened_map", "starts_with_sparse_map"]

# Values in one piece.
_CHUNK = 1 << 18

# The HDUs that are searched for the two of a map.
_MOST_HDUS = 20

# Decoded bytes that blocks with shared data may take, beside those of the file.
_SHARED = 1 << 24

# Bytes of a tile that has to be decoded as a whole.
_MOST_TILE = 1 << 30

# A gzip stream is at most this many times longer when it is unpacked.
_GZIP_RATIO = 1032

_DESCRIPTOR = re.compile(r"\s*1?([PQ])([BIJKED])\s*\(?\d*\)?\s*")
_FIELD = re.compile(r"\s*(\d*)([BIJKED])\s*")
_TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
_CODES = {"B": "u1", "I": "i2", "J": "i4", "K": "i8", "E": "f4", "D": "f8"}
# Numbers without a sign are stored with this offset; bytes with a sign too.
_OFFSETS = {("u1", -(1 << 7)): "i1", ("i2", 1 << 15): "u2", ("i4", 1 << 31): "u4", ("i8", 1 << 63): "u8"}
_FRAMES = {"C": "icrs", "G": "galactic"}


def starts_with_sparse_map(start: bytes) -> bool:
    """Whether this is the beginning of a FITS file of healsparse."""
    cards = (start[i : i + 80] for i in range(0, min(len(start), 1 << 15), 80))
    return start.startswith(b"SIMPLE  =") and any(re.match(rb"PIXTYPE = 'HEALSPARSE *'", card) for card in cards)


@contextmanager
def opened_map(path: str | Path, within: Footprint | None, frame: str | None) -> Iterator[SparseMap]:
    """The map in a file of healsparse, which stays open."""
    with (
        opened(path, partly=within is not None) as source,
        map_in_file(source.file, within=within, frame=frame) as map_,
    ):
        yield map_


@contextmanager
def map_in_file(file: IO[bytes], *, within: Footprint | None = None, frame: str | None = None) -> Iterator[SparseMap]:
    """The map in a file of healsparse; its blocks are read when they are asked for, while the file is open.

    Parameters
    ----------
    file : binary file
        The file, at its beginning.
    within : callable, optional
        The sky that is wanted: blocks outside are left out.
    frame : {"icrs", "galactic"}, optional
        Frame of the cells, for a file that does not say so.

    Raises
    ------
    MaskFormatError
        If it is not a file of healsparse, or is damaged.
    """
    if packed_size(file) is None:
        yield _map_in(file, within, frame)
    else:
        with spooled(file) as copy:
            yield _map_in(copy, within, frame)


def _map_in(file: IO[bytes], within: Footprint | None, frame: str | None) -> SparseMap:
    cov, sparse = _find(file)
    order, coverage_order = _order(sparse.hdu), _order(cov.hdu)
    if coverage_order > order:
        raise MaskFormatError(f"NSIDE of the coverage map is {1 << coverage_order}, finer than the map of {1 << order}")
    own = frame_of_word(sparse.hdu.get("COORDSYS"), frame)
    if within is not None and own is None:
        raise MaskFormatError("COORDSYS is missing: give frame='icrs' or frame='galactic'")
    values = _Tiles(sparse) if sparse.hdu.get("ZIMAGE") is True else _plain(sparse)
    kind, width, dtype = _kind(sparse.hdu, values)
    values.use_rows(width)
    n_fine = 1 << (2 * (order - coverage_order))
    if kind == "packed" and n_fine % 8:
        raise MaskFormatError(f"BITPACK is T, but a block has {n_fine} cells, which are no whole bytes")
    length = n_fine * width // 8 if kind == "packed" else n_fine * width
    # The orders are checked before cells of them are made.
    if values.size < length:
        raise MaskFormatError(f"the map has {values.size} values, fewer than a block of {length}")
    code = _checked_coverage(cov, coverage_order)
    wanted = None
    if within is not None:
        assert own is not None
        outline = within(order, own).planes[0]
        wanted = outline.at_order(coverage_order, mode="overlap").cells(coverage_order).astype(np.int64)
    covered, blocks = _covered(cov, code, coverage_order, n_fine, values.size // length, wanted)

    def pieces() -> Iterator[Piece]:
        for cell, block in zip(covered.tolist(), blocks.tolist(), strict=True):
            first = cell * n_fine
            for some, repeat in values.read(block * length, (block + 1) * length):
                if kind == "packed":
                    if repeat > 1 and some[0] not in (0, 0xFF):
                        some, repeat = np.repeat(some, repeat), 1
                    count = 8 * some.size * repeat
                elif kind == "wide":
                    if repeat > 1:
                        some, repeat = np.repeat(some, min(repeat, width)), repeat // width
                    some = some.reshape(-1, width)
                    count = some.shape[0] * repeat
                else:
                    count = some.size * repeat
                yield Piece(first, count, some)
                first += count

    return SparseMap(
        order=order,
        coverage_order=coverage_order,
        kind=kind,
        dtype=dtype,
        sentinel=_sentinel(sparse.hdu, kind, dtype),
        covered=covered,
        pieces=pieces,
        width=width if kind == "wide" else 1,
        names=bit_names(sparse.hdu.get) if kind in ("wide", "values") else (),
        primary=sparse.hdu.get("PRIMARY") if kind == "fields" else None,
        frame=own,
    )


def bit_names(get: Callable[[str], Any]) -> tuple[str, ...]:
    """The names of the bits, from the keywords BIT0, BIT1, ... of a header; `get` gives the value of one, or None."""
    names: list[str] = []
    while isinstance(name := get(f"BIT{len(names)}"), str):
        try:
            names.append(unescaped(name))
        except ValueError:
            # Others write what they like.
            names.append(name)
    return tuple(names)


# ---------------------------------------------------------------------- headers


@dataclass(frozen=True, slots=True)
class _Part:
    """An HDU of a file, and the place of its data."""

    file: IO[bytes]
    hdu: Hdu
    start: int
    number: int

    def bytes(self, first: int, count: int) -> bytes:
        """Some bytes of the data."""
        self.file.seek(self.start + first)
        found = self.file.read(count)
        if len(found) < count:
            raise MaskFormatError(f"the file is cut short: HDU {self.number} ends at byte {first + len(found)}")
        return found


def _find(file: IO[bytes]) -> tuple[_Part, _Part]:
    found: dict[str, _Part] = {}
    for number in range(_MOST_HDUS):
        try:
            hdu = Hdu(file, number)
        except EOFError:
            break
        name = str(hdu.get("EXTNAME") or "").strip().upper()
        if str(hdu.get("PIXTYPE") or "").strip().upper() == "HEALSPARSE" and name in ("COV", "SPARSE"):
            hdu.check_size()
            found[name] = _Part(file, hdu, file.tell(), number)
            if len(found) == 2:
                return found["COV"], found["SPARSE"]
        hdu.skip()
    raise MaskFormatError("a file of healsparse has the HDUs COV and SPARSE, with PIXTYPE = 'HEALSPARSE'")


def _order(hdu: Hdu) -> int:
    nside = hdu.integer("NSIDE")
    if nside < 1 or nside & (nside - 1) or nside > 1 << MAX_ORDER:
        raise MaskFormatError(f"NSIDE must be a power of two up to 2**{MAX_ORDER}, but is {nside}")
    return nside.bit_length() - 1


def frame_of_word(word: Any, frame: str | None) -> str | None:
    """The frame that the value of COORDSYS means, or `frame` if it says nothing.

    Raises
    ------
    MaskFormatError
        If it is not `frame`.
    """
    found = _FRAMES.get(str(word or "").strip().upper()[:1])
    if found is not None and frame is not None and frame != found:
        raise MaskFormatError(f"frame is {frame!r}, but the cells of the map are in {found!r} (COORDSYS = {word!r})")
    return found or frame


def _kind(hdu: Hdu, values: _Tiles | _Plain) -> tuple[Kind, int, np.dtype[Any]]:
    dtype = values.dtype
    if dtype.names is not None:
        if hdu.get("PRIMARY") not in dtype.names:
            raise MaskFormatError(f"PRIMARY must be one of {', '.join(dtype.names)}, but is {hdu.get('PRIMARY')!r}")
        return "fields", 1, dtype
    if hdu.get("WIDEMASK") is True:
        width = hdu.integer("WWIDTH")
        if not 1 <= width <= 1 << 16 or dtype != np.uint8:
            raise MaskFormatError(f"a wide mask has bytes and a positive WWIDTH, not {dtype} and {width}")
        return "wide", width, dtype
    if hdu.get("BITPACK") is True:
        if dtype != np.uint8:
            raise MaskFormatError(f"a packed map has bytes, not {dtype}")
        return "packed", 1, dtype
    return ("bool" if isinstance(hdu.get("SENTINEL"), bool) else "values"), 1, dtype


def _sentinel(hdu: Hdu, kind: Kind, dtype: np.dtype[Any]) -> Any:
    value = hdu.get("SENTINEL")
    if kind in ("packed", "wide"):
        if value:
            raise MaskFormatError(f"SENTINEL must be {'F' if kind == 'packed' else 0}, but is {value!r}")
        return kind == "wide" and 0
    if kind == "bool":
        return value
    if kind == "fields":
        dtype = dtype[str(hdu.get("PRIMARY"))]
    value = UNSEEN if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MaskFormatError(f"SENTINEL must be a number, but is {value!r}")
    return dtype.type(value) if dtype.kind == "f" else value


def _checked_coverage(cov: _Part, order: int) -> str:
    """The type of the integers in the coverage map."""
    code = _TYPES.get(cov.hdu.integer("BITPIX"))
    if code not in ("i4", "i8") or cov.hdu.size != n_cells(order) * int(code[1]):
        raise MaskFormatError(
            f"the coverage map must have {n_cells(order)} integers for NSIDE {1 << order}, but has {cov.hdu.size} bytes"
        )
    return code


def _covered(
    cov: _Part, code: str, order: int, n_fine: int, n_blocks: int, wanted: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The coverage cells that have a block, of those that are wanted, and the numbers of their blocks."""
    count, itemsize = n_cells(order), int(code[1])
    first, stop = (0, count) if wanted is None else (0, 0) if not wanted.size else (int(wanted[0]), int(wanted[-1]) + 1)
    raw = np.frombuffer(cov.bytes(first * itemsize, (stop - first) * itemsize), f">{code}").astype(np.int64)
    cells = np.arange(first, stop, dtype=np.int64)
    offsets = raw + cells * n_fine
    keep = offsets >= n_fine
    if wanted is not None:
        keep &= np.isin(cells, wanted)
    cells, offsets = cells[keep], offsets[keep]
    blocks = offsets // n_fine
    bad = np.flatnonzero((offsets % n_fine != 0) | (blocks >= n_blocks))
    if bad.size:
        raise MaskFormatError(
            f"coverage cell {cells[bad[0]]} has its values from {offsets[bad[0]]} on, and the map has {n_blocks} "
            f"blocks of {n_fine}"
        )
    if np.unique(blocks).size < blocks.size:
        raise MaskFormatError("two coverage cells have the same block")
    return cells, blocks


# ---------------------------------------------------------------------- values


def _typed(code: str, scale: Any, zero: Any) -> np.dtype[Any]:
    """The type of values that are stored with BSCALE and BZERO."""
    if scale not in (None, 1) or (zero not in (None, 0) and (code, int(zero)) not in _OFFSETS):
        raise MaskFormatError(f"values with BSCALE = {scale} and BZERO = {zero} are not those of healsparse")
    return np.dtype(_OFFSETS[code, int(zero)] if zero else code)


def _native(raw: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Stored values as native ones of their type; an offset of half the range is the highest bit."""
    native = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    if native.dtype == dtype:
        return native
    unsigned = np.dtype(f"u{dtype.itemsize}")
    top = unsigned.type(1 << (8 * dtype.itemsize - 1))
    flipped: NDArray[Any] = native.view(unsigned) ^ top
    return flipped.view(dtype)


@dataclass(slots=True)
class _Plain:
    """The values of an image, or of a table whose rows are records.

    ``read(start, stop)`` gives some values in pieces, and how often each piece is repeated: 1, or more for a piece of a
    single value.
    """

    part: _Part
    size: int
    dtype: np.dtype[Any]
    stored: np.dtype[Any]
    chunk: int = _CHUNK

    def use_rows(self, width: int) -> None:
        """Let pieces have whole rows of some values."""
        self.chunk = max(_CHUNK // width, 1) * width

    def read(self, start: int, stop: int) -> Iterator[tuple[NDArray[Any], int]]:
        for first in range(start, stop, self.chunk):
            count = min(self.chunk, stop - first)
            data = self.part.bytes(first * self.stored.itemsize, count * self.stored.itemsize)
            raw = np.frombuffer(data, self.stored)
            if self.dtype.names is None:
                yield _native(raw, self.dtype), 1
                continue
            rows = np.empty(count, self.dtype)
            for name in self.dtype.names:
                rows[name] = _native(raw[name], self.dtype[name])
            yield rows, 1


def _plain(part: _Part) -> _Plain:
    hdu = part.hdu
    if hdu.get("XTENSION") == "IMAGE":
        code = _TYPES.get(hdu.integer("BITPIX"))
        if code is None:
            raise MaskFormatError(f"BITPIX is {hdu.integer('BITPIX')}")
        dtype = _typed(code, hdu.get("BSCALE"), hdu.get("BZERO"))
        return _Plain(part, hdu.size // dtype.itemsize, dtype, np.dtype(f">{code}"))
    if hdu.get("XTENSION") != "BINTABLE":
        raise MaskFormatError("the HDU SPARSE must be an image or a table")
    n_fields = hdu.integer("TFIELDS")
    if not 1 <= n_fields <= 999:
        raise MaskFormatError(f"TFIELDS must be from 1 to 999, but is {n_fields}")
    stored: list[tuple[str, str]] = []
    native: list[tuple[str, np.dtype[Any]]] = []
    for i in range(1, n_fields + 1):
        form = _FIELD.fullmatch(str(hdu.get(f"TFORM{i}")))
        if form is None or form[1] not in ("", "1"):
            raise MaskFormatError(f"TFORM{i} must be that of one number, but is {hdu.get(f'TFORM{i}')!r}")
        name, code = str(hdu.get(f"TTYPE{i}") or f"col{i}"), _CODES[form[2]]
        if name in dict(native):
            raise MaskFormatError(f"two fields have the name {name!r}")
        stored.append((name, f">{code}"))
        native.append((name, _typed(code, hdu.get(f"TSCAL{i}"), hdu.get(f"TZERO{i}"))))
    rows = np.dtype(stored)
    if rows.itemsize != hdu.integer("NAXIS1"):
        raise MaskFormatError(f"a row has {hdu.integer('NAXIS1')} bytes (NAXIS1), but its fields have {rows.itemsize}")
    return _Plain(part, hdu.integer("NAXIS2"), np.dtype(native), rows)


class _Tiles:
    """The values of a compressed image whose tiles are stretches of its values; as `_Plain`."""

    def __init__(self, part: _Part) -> None:
        hdu = part.hdu
        code = _TYPES.get(hdu.integer("ZBITPIX"))
        if code is None:
            raise MaskFormatError(f"ZBITPIX is {hdu.integer('ZBITPIX')}")
        self._part, self._code = part, code
        self.dtype = _typed(code, hdu.get("BSCALE"), hdu.get("BZERO"))
        axes = [hdu.integer(f"ZNAXIS{i}") for i in range(1, hdu.integer("ZNAXIS") + 1)]
        tiles = [hdu.integer(f"ZTILE{i}") if f"ZTILE{i}" in hdu else 1 for i in range(1, len(axes) + 1)]
        if len(axes) == 1 and "ZTILE1" not in hdu:
            tiles = axes
        if not 1 <= len(axes) <= 2 or min(axes + tiles) < 1 or (len(axes) == 2 and tiles != [axes[0], 1]):
            raise MaskFormatError(f"the tiles of a map must be stretches of it, not {tiles} of {axes}")
        self.size, self._tile = axes[0] * (axes[1] if len(axes) == 2 else 1), tiles[0]
        self._n_tiles = -(-self.size // self._tile)
        self._width = hdu.integer("NAXIS1")
        self._heap_size = hdu.size
        self._heap = hdu.integer("THEAP") if "THEAP" in hdu else self._width * hdu.integer("NAXIS2")
        if hdu.integer("NAXIS2") != self._n_tiles or self._width < 8 or self._heap < self._width * self._n_tiles:
            raise MaskFormatError(f"the table has {hdu.integer('NAXIS2')} rows, and the map {self._n_tiles} tiles")
        self._method = str(hdu.get("ZCMPTYPE") or "").strip().upper()
        if self._method not in ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "NOCOMPRESS"):
            raise MaskFormatError(f"tiles that are compressed by {self._method!r} are not read")
        self._block, self._rice_size = self._parameters(hdu)
        self._columns = self._descriptors(hdu)
        self._rows: tuple[int, bytes] = (0, b"")
        self._uniform: dict[tuple[int, int], NDArray[Any]] = {}
        self._decoded = 0
        self._last: tuple[int, NDArray[Any]] = (-1, np.empty(0, self.dtype))
        self._chunk = _CHUNK

    def use_rows(self, width: int) -> None:
        """Let pieces have whole rows of some values."""
        if self._tile % width:
            raise MaskFormatError(f"a tile of {self._tile} bytes has no whole cells of {width} bytes")
        self._chunk = max(_CHUNK // width, 1) * width

    def _parameters(self, hdu: Hdu) -> tuple[int, int]:
        given = {}
        for i in range(1, 10):
            name = str(hdu.get(f"ZNAME{i}") or "").strip().upper()
            if name in ("BLOCKSIZE", "BYTEPIX"):
                given[name] = hdu.integer(f"ZVAL{i}")
        block, size = given.get("BLOCKSIZE", 32), given.get("BYTEPIX", 4)
        if not self._method.startswith("RICE"):
            return block, size
        if self._code[0] != "i" and self._code != "u1":
            raise MaskFormatError(f"Rice codes are of integers, not of {self._code}")
        if not 1 <= block <= 1 << 16 or size not in (1, 2, 4):
            raise MaskFormatError(f"BLOCKSIZE is {block} and BYTEPIX {size}")
        return block, size

    def _descriptors(self, hdu: Hdu) -> list[tuple[str, int, str, int]]:
        """The columns with tiles: the method, the offset in a row, the type of the descriptor, and of an item."""
        columns, offset = [], 0
        for i in range(1, hdu.integer("TFIELDS") + 1) if 1 <= hdu.integer("TFIELDS") <= 99 else ():
            text, name = str(hdu.get(f"TFORM{i}")), str(hdu.get(f"TTYPE{i}")).strip().upper()
            if name in ("ZSCALE", "ZZERO"):
                raise MaskFormatError("the values are quantized: read the file with healsparse")
            form = _DESCRIPTOR.fullmatch(text)
            if form is not None:
                method = {
                    "COMPRESSED_DATA": self._method,
                    "GZIP_COMPRESSED_DATA": "GZIP_1",
                    "UNCOMPRESSED_DATA": "NOCOMPRESS",
                }.get(name)
                code = "i4" if form[1] == "P" else "i8"
                if method is not None:
                    columns.append((method, offset, code, int(_CODES[form[2]][1])))
                offset += 2 * int(code[1])
            elif (plain := _FIELD.fullmatch(text)) is not None:
                offset += int(_CODES[plain[2]][1]) * int(plain[1] or 1)
            else:
                raise MaskFormatError(f"TFORM{i} is {text!r}")
        if not columns or offset > self._width:
            raise MaskFormatError("the table of a compressed image has a column COMPRESSED_DATA of arrays")
        return columns

    def read(self, start: int, stop: int) -> Iterator[tuple[NDArray[Any], int]]:
        for tile in range(start // self._tile, -(-stop // self._tile)):
            at = tile * self._tile
            end = at + self._tile
            if stop - start < self._tile:
                # Several blocks are in a tile, which other programs make as long as the map.
                yield self._whole(tile)[max(start - at, 0) : stop - at], 1
                continue
            for some, repeat in self._pieces(tile):
                low, high = max(start - at, 0), min(stop - at, some.size * repeat)
                if low < high:
                    yield (some, high - low) if repeat > 1 else (some[low:high], 1)
                at += some.size * repeat
                # At the end of a tile stands its checksum.
                if stop <= at < end:
                    break

    def _whole(self, tile: int) -> NDArray[Any]:
        """All values of a tile."""
        if self._last[0] != tile:
            if self._tile * self.dtype.itemsize > _MOST_TILE:
                raise MaskFormatError(f"a tile of {self._tile} values has several blocks, and is not read as a whole")
            parts = [np.repeat(some, repeat) if repeat > 1 else some for some, repeat in self._pieces(tile)]
            self._last = tile, np.concatenate(parts)
        return self._last[1]

    def _pieces(self, tile: int) -> Iterator[tuple[NDArray[Any], int]]:
        """The values of a tile in pieces, with the number of repetitions of each."""
        size = min(self._tile, self.size - tile * self._tile)
        method, offset, length, itemsize = self._place(tile)
        known = self._uniform.get((offset, length))
        if known is not None:
            yield known, size
            return
        # Data that are not uniform are not shared: what is decoded is in proportion to the file.
        self._decoded += length * itemsize
        if self._decoded > 2 * self._heap_size + _SHARED:
            raise MaskFormatError("tiles that are not uniform share their data")
        data = self._part.bytes(self._heap + offset, length * itemsize)
        value: NDArray[Any] | None = None
        uniform, count = True, 0
        for some in self._decode(method, data, size):
            values = _native(some, self.dtype)
            if uniform:
                value = values[:1].copy() if value is None else value
                uniform = bool((values == value).all())
            count += values.size
            if uniform and count == size and value is not None:
                self._uniform[offset, length] = value
            yield values, 1

    def _place(self, tile: int) -> tuple[str, int, int, int]:
        """The method of a tile, where its bytes begin in the heap, and the number and size of its items."""
        first, rows = self._rows
        if not first <= tile < first + len(rows) // self._width:
            count = max(min(4096 // self._width, self._n_tiles - tile), 1)
            rows = self._part.bytes(tile * self._width, count * self._width)
            self._rows = first, rows = tile, rows
        row = rows[(tile - first) * self._width :][: self._width]
        for method, at, code, itemsize in self._columns:
            length, offset = (int(one) for one in np.frombuffer(row, f">{code}", 2, at))
            if length == 0:
                continue
            if length < 0 or offset < 0 or self._heap + offset + length * itemsize > self._heap_size:
                raise MaskFormatError(f"tile {tile} lies outside the data of HDU {self._part.number}")
            return method, offset, length, itemsize
        raise MaskFormatError(f"tile {tile} has no data")

    def _decode(self, method: str, data: bytes, size: int) -> Iterator[NDArray[Any]]:
        stored = np.dtype(f">{self._code}")
        if method.startswith("RICE"):
            rice = Rice(np.frombuffer(data, np.uint8), self._rice_size, self._block)
            for first in range(0, size, self._chunk):
                out = np.empty(min(self._chunk, size - first), f"u{self._rice_size}")
                rice.decode(out)
                yield out.view(f"i{self._rice_size}" if self._rice_size > 1 else "u1").astype(self._code, copy=False)
        elif method == "GZIP_2":
            n_bytes = size * stored.itemsize
            if n_bytes > min(_MOST_TILE, _GZIP_RATIO * len(data)):
                raise MaskFormatError(f"a tile of {len(data)} bytes cannot have {n_bytes}")
            planes = np.frombuffer(b"".join(_unzipped(data, n_bytes, n_bytes)), np.uint8).reshape(stored.itemsize, size)
            yield np.ascontiguousarray(planes.T).view(stored).reshape(-1)
        else:
            n_bytes = size * stored.itemsize
            parts = (
                _unzipped(data, n_bytes, self._chunk * stored.itemsize)
                if method == "GZIP_1"
                else iter([data[:n_bytes]])
            )
            count = 0
            for part in parts:
                count += len(part)
                yield np.frombuffer(part, stored)
            if count < n_bytes:
                raise MaskFormatError(f"a tile has {count} of its {n_bytes} bytes")


def _unzipped(data: bytes, n_bytes: int, step: int) -> Iterator[bytes]:
    """The content of a gzip stream, which must have `n_bytes`, in pieces of `step` bytes."""
    unzip = zlib.decompressobj(47)
    left, given = n_bytes, data
    while left:
        part = b""
        want = min(left, step)
        # A piece is filled, so that no value is split.
        while len(part) < want and not unzip.eof:
            more = unzip.decompress(given, want - len(part))
            given = unzip.unconsumed_tail
            if not more and not given and not unzip.eof:
                break
            part += more
        if len(part) < want:
            raise MaskFormatError(f"a tile has {n_bytes - left + len(part)} of its {n_bytes} bytes")
        left -= want
        yield part
    # The checksum stands at the end.
    if not unzip.eof and (unzip.decompress(given, 1) or not unzip.eof):
        raise MaskFormatError(f"a tile has more than its {n_bytes} bytes, or no end")
