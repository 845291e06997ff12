"""Files of healsparse (specification 1.1), written block by block: bit-packed maps, maps of booleans and wide masks.

The map is a compressed image whose tiles are the blocks, each a gzip stream, as all readers of FITS know them. Blocks
in which all cells have one value have the same bytes and are stored once (FITS standard 4.0, section 7.3.5, permits
several descriptors to point to them).
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hpmask._files.faults import naming
from hpmask._files.fits_text import escaped
from hpmask.core.rangeset import RangeSet
from hpmask.core.sparse_maps import MAX_BLOCK, Kind, block_pieces, check_blocks, touched
from hpmask.geometry.healpix import n_cells

__all__ = ["bit_keywords", "default_coverage_order", "letter_of_frame", "write_sparse"]

_FITS_BLOCK = 2880

# Larger files of masks, by their size in memory, are mistakes.
_MOST_BYTES = 1 << 42

# Descriptors of 32 bits reach so far.
_MOST_NARROW = (1 << 31) - 1

# Bits of cells are alike over long stretches: level 6 is a fifth smaller, and takes more than twice as long.
_LEVEL = 2

# healsparse recommends an NSIDE of the coverage map from 32 to 128. It is 32 up to order 17, and then finer, so that a
# block has 2 MiB of bits up to order 19. Below order 9 it is coarser, so that a block has at least 256 cells.
_COVERAGE_ORDER = 5
_BLOCK_ORDER = 12
_MOST_COVERAGE_ORDER = 7

_LETTERS = {"icrs": "C", "galactic": "G"}


def default_coverage_order(order: int) -> int:
    """The order of the coverage map for a map of some order."""
    finest = min(max(_COVERAGE_ORDER, order - _BLOCK_ORDER), _MOST_COVERAGE_ORDER)
    return max(min(finest, order - 4), 0)


def bit_keywords(names: Sequence[str]) -> dict[str, str]:
    """The names of bits as keywords of a header: BIT0, BIT1, ..."""
    return {f"BIT{k}": escaped(name) for k, name in enumerate(names)}


def letter_of_frame(frame: str) -> str:
    """The value of COORDSYS for a frame."""
    return _LETTERS[frame]


def write_sparse(
    file: IO[bytes],
    layers: Mapping[str, RangeSet] | RangeSet,
    *,
    order: int,
    coverage_order: int,
    frame: str,
    packed: bool = True,
) -> None:
    """Write a set as a map of booleans, or named sets as a wide mask.

    Parameters
    ----------
    file : binary file
        The file. It need not be seekable.
    layers : RangeSet or mapping of str to RangeSet
        One set, or a set for each bit.
    order : int
        Order of the cells, not coarser than the sets.
    coverage_order : int
        Order of the coverage map.
    frame : {"icrs", "galactic"}
        Frame of the sets, for the keyword COORDSYS.
    packed : bool, optional
        Whether one set is written with eight cells in a byte.
    """
    named = {} if isinstance(layers, RangeSet) else dict(layers)
    planes = [layers] if isinstance(layers, RangeSet) else list(layers.values())
    kind: Kind = "wide" if named else "packed" if packed else "bool"
    width = (len(planes) + 7) // 8 if named else 1
    n_fine = 1 << (2 * (order - coverage_order))
    # healsparse stores booleans as integers of 16 bits.
    size = n_fine // 8 if kind == "packed" else n_fine * width
    itemsize = 2 if kind == "bool" else 1
    if size > MAX_BLOCK:
        raise ValueError(
            f"a block of a map of healsparse has at most {MAX_BLOCK} values, and that of NSIDE {1 << coverage_order} "
            f"has {size}: take a finer coverage map, or a coarser order"
        )
    cells = touched(planes, coverage_order)
    check_blocks(cells.size + 1, size * itemsize, _MOST_BYTES, "a map of healsparse")
    extra: dict[str, Any] = {"PIXTYPE": "HEALSPARSE", "COORDSYS": letter_of_frame(frame), **bit_keywords(list(named))}
    _write_coverage(file, cells, coverage_order, n_fine, extra)
    with naming(tempfile.gettempdir()), tempfile.TemporaryFile() as heap:
        tiles = _Tiles(heap, kind, size, width)
        tiles.add_empty()
        for cell in cells.tolist():
            tiles.add(block_pieces(planes, order, kind, cell, coverage_order))
        header = _sparse_header(kind, width, size, tiles)
        header.extend(fits.Header({**extra, "EXTNAME": "SPARSE", "NSIDE": 1 << order}).cards)
        header["SENTINEL"] = 0 if kind == "wide" else False
        file.write(header.tostring().encode("ascii"))
        written = file.write(tiles.table())
        heap.seek(0)
        shutil.copyfileobj(heap, file, 1 << 20)
        file.write(bytes(-(written + tiles.size) % _FITS_BLOCK))


def _write_coverage(
    file: IO[bytes], cells: NDArray[np.int64], order: int, n_fine: int, extra: Mapping[str, Any]
) -> None:
    index = -np.arange(n_cells(order), dtype=np.int64) * n_fine
    index[cells] += np.arange(1, cells.size + 1) * n_fine
    header = fits.PrimaryHDU().header
    header["BITPIX"], header["NAXIS"] = 64, 1
    header.insert("NAXIS", ("NAXIS1", index.size), after=True)
    header.extend(fits.Header({**extra, "EXTNAME": "COV", "NSIDE": 1 << order}).cards)
    file.write(header.tostring().encode("ascii"))
    written = file.write(index.astype(">i8").tobytes())
    file.write(bytes(-written % _FITS_BLOCK))


class _Tiles:
    """The tiles of a compressed image: their bytes in a file, and where each one begins."""

    def __init__(self, heap: IO[bytes], kind: Kind, length: int, width: int) -> None:
        self._heap, self._kind, self._length, self._row_size = heap, kind, length, width
        self._places: list[tuple[int, int]] = []
        self._uniform: dict[bytes, tuple[int, int]] = {}
        self.size = 0

    @property
    def count(self) -> int:
        return len(self._places)

    @property
    def longest(self) -> int:
        return max(length for length, _ in self._places)

    def add_empty(self) -> None:
        """Add a block of 0."""
        self.add(iter([(np.zeros(self._row_size, np.uint8), True)]))

    def add(self, pieces: Any) -> None:
        """Add a block, in the pieces of `block_pieces`."""
        start, stream = self.size, zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
        for piece, uniform in pieces:
            key = piece.tobytes() if uniform else None
            if key is not None:
                if key in self._uniform:
                    self._places.append(self._uniform[key])
                    return
                # In steps, since a block may be large.
                step = max((1 << 20) // piece.size * piece.size, piece.size)
                for first in range(0, self._length, step):
                    count = min(step, self._length - first) // piece.size
                    self._put(stream.compress(self._bytes(piece) * count))
            else:
                self._put(stream.compress(self._bytes(piece)))
        self._put(stream.flush())
        self._places.append((self.size - start, start))
        if key is not None:
            self._uniform[key] = self._places[-1]

    def _bytes(self, piece: NDArray[np.uint8]) -> bytes:
        return piece.astype(">i2").tobytes() if self._kind == "bool" else piece.tobytes()

    def _put(self, some: bytes) -> None:
        self.size += self._heap.write(some)

    @property
    def code(self) -> str:
        """The letter of the descriptors: P for 32 bits, Q for 64 bits."""
        return "P" if self.size <= _MOST_NARROW else "Q"

    def table(self) -> bytes:
        """The descriptors."""
        return np.array(self._places, ">i4" if self.code == "P" else ">i8").tobytes()


def _sparse_header(kind: Kind, width: int, size: int, tiles: _Tiles) -> fits.Header:
    header = fits.Header()
    header["XTENSION"], header["BITPIX"], header["NAXIS"] = "BINTABLE", 8, 2
    header["NAXIS1"], header["NAXIS2"] = 8 if tiles.code == "P" else 16, tiles.count
    header["PCOUNT"], header["GCOUNT"], header["TFIELDS"] = tiles.size, 1, 1
    header["TTYPE1"], header["TFORM1"] = "COMPRESSED_DATA", f"1{tiles.code}B({tiles.longest})"
    header["ZIMAGE"], header["ZBITPIX"] = True, 16 if kind == "bool" else 8
    # One axis must fit into 31 bits.
    reshaped = tiles.count * size > MAX_BLOCK
    if reshaped:
        header["ZNAXIS"], header["ZNAXIS1"], header["ZNAXIS2"] = 2, size, tiles.count
        header["ZTILE1"], header["ZTILE2"] = size, 1
    else:
        header["ZNAXIS"], header["ZNAXIS1"], header["ZTILE1"] = 1, tiles.count * size, size
    header["ZCMPTYPE"], header["RESHAPED"] = "GZIP_1", reshaped
    if kind == "packed":
        header["BITPACK"] = True
    elif kind == "wide":
        header["WIDEMASK"], header["WWIDTH"] = True, width
    return header
