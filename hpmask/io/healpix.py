"""HEALPix maps in FITS files: of the whole sky, of a part of it, and multi-order, with values or as masks.

The table is read in pieces. A full mask in NESTED order needs no array of its cells, one in RING order a byte per cell;
a mask or a map of a part of the sky never becomes a full map.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

import hpmask
from hpmask._files.atomic import replacing
from hpmask._files.fits_text import add_history, history_of
from hpmask._files.hdu import Hdu, write_hdu
from hpmask._files.unpack import packed_size, unbounded
from hpmask._utils.arguments import MAX_ORDER, as_flag
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import counted
from hpmask.core import full_maps
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet, uniq_ranges
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.bands import axis_cards, bands_hdu
from hpmask.energy.planes import planes_of
from hpmask.energy.tables import has_energies
from hpmask.geometry import healpix
from hpmask.geometry.frames import check_frame
from hpmask.io.cells import disjoint
from hpmask.io.format import Format
from hpmask.io.healpix_table import Layout, booleans, is_healpix, layout_of, starts_with_map, truths
from hpmask.io.identity import mask_digest
from hpmask.io.opened import opened, to_end

__all__ = ["FORMAT", "read_map", "write_map"]

# The version of the layout of hpmask's own files, in the keyword HPXMASK of the primary header.
_LAYOUT = 1

# Memory that a gzipped file may take: this multiple of its size, plus a fixed number of bytes. A full map of NSIDE 4096
# as booleans fits, however well it is packed.
_RATIO = 400
_ALLOWANCE = 200 << 20

# The largest table of energies that is kept until it is known whether the map needs it.
_MOST_BANDS = 1 << 20

# Bytes of the largest table that is written.
_MOST_BYTES = 16 << 30

# Values in a row of a full map, as healpy and the HEALPix library write them.
_PER_ROW = 1024

_COORDSYS = {"icrs": "C", "galactic": "G"}

# The finest order whose cell numbers fit into 32 bits with a sign.
_MAX_ORDER_32 = 13

_GZIP_LEVEL = 6

# For each type in memory: the type of the column, that of its bytes, and TZERO.
_FORMS = {
    "b1": ("L", "u1", 0),
    "u1": ("B", "u1", 0),
    "i1": ("B", "u1", -128),
    "i2": ("I", "i2", 0),
    "u2": ("I", "i2", 1 << 15),
    "i4": ("J", "i4", 0),
    "u4": ("J", "i4", 1 << 31),
    "i8": ("K", "i8", 0),
    "u8": ("K", "i8", 1 << 63),
    "f2": ("E", "f4", 0),
    "f4": ("E", "f4", 0),
    "f8": ("D", "f8", 0),
}

# A sparse map may have this many values for each row of its table.
_MOST_SPARSE = 100


def read_map(
    path: str | Path,
    *,
    column: str | int | None = None,
    hdu: str | int | None = None,
    nest: bool | None = None,
    frame: str | None = None,
) -> HealpixMap:
    """Read a HEALPix map from a FITS file.

    Maps of the whole sky, of a part of it (explicit cell numbers, or a range of cells) and multi-order maps (UNIQ
    numbers) are read, in RING and in NESTED order, gzipped or not. Energy bins become an energy axis: those of gammapy,
    in which each column belongs to a row of the table BANDSHDU, and those of the Fermi tools, with EBOUNDS or ENERGIES.

    The map keeps the values in the type of the file. Integers with a value that means missing (TNULL, BLANK), and
    scaled ones, become floats.

    Parameters
    ----------
    path : str or path
        The file.
    column : str or int, optional
        Name of the column with the values, or its number, counted from 0 and without the column of cell numbers, as the
        ``field`` of ``healpy.read_map``. By default all energy bins, or else the first column.
    hdu : str or int, optional
        Name or number of the HDU. By default the first HEALPix map of the file.
    nest : bool, optional
        Whether the cells are numbered NESTED, for a file that does not say so (no keyword ORDERING).
    frame : {"icrs", "galactic"}, optional
        Frame of the cells, for a file without the keyword COORDSYS.

    Returns
    -------
    HealpixMap
        The map, in the order of the file if it is a full map.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    TypeError
        If an argument is not of the types above.
    MaskFormatError
        If the file has no HEALPix map, does not say the order or the frame of its cells, contradicts `nest` or `frame`,
        has ecliptic coordinates or an NSIDE that is not a power of two, or is damaged.

    See Also
    --------
    write_map : Write a map.
    hpmask.Mask.read : Read a map of 0 and 1 as a mask.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from hpmask import HealpixMap, io
    >>> heights = HealpixMap(np.arange(48.0), nest=False, frame="galactic", unit="m")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.write_map(heights, f"{folder}/heights.fits")
    ...     io.read_map(f"{folder}/heights.fits")
    <HealpixMap galactic order=1 RING | 48 cells of float64, in m>
    """
    _check_options(column, hdu, nest, frame)
    with opened(path) as (file, _):
        found = _find(file, column, hdu, nest, frame)
        layout = found.layout
        _check_memory(file, layout, sum(one.dtype.itemsize for one in layout.columns))
        cells, channels, values = _read_values(found)
        axis = _axis(file, found)
        to_end(file)
        if cells is not None and channels is not None and axis is not None:
            cells, values = _of_channels(cells, channels, values[0], axis.n_bins)
        array = values if axis is not None else values[0]
        made: dict[str, Any] = {"frame": layout.frame, "energy": axis, "unit": layout.columns[0].unit}
        match layout.kind:
            case "full":
                return HealpixMap(array, nest=layout.nest, **made)
            case "multi-order":
                return HealpixMap(array, uniq=cells, **made)
            case "range":
                cells = np.arange(layout.start, layout.start + layout.n_values)
        return HealpixMap(array, cells=cells, order=layout.order, nest=layout.nest, **made)


def _check_options(column: str | int | None, hdu: str | int | None, nest: bool | None, frame: str | None) -> None:
    for name, value in (("column", column), ("hdu", hdu)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int | np.integer)):
            raise TypeError(f"{name} must be a name or a number, got {value!r}")
    if nest is not None:
        as_flag(nest, "nest")
    if frame is not None:
        check_frame(frame)


# ---------------------------------------------------------------------- finding a map in a file


@dataclass(frozen=True, slots=True)
class _Found:
    """A map in a file: its HDU, its layout, the primary HDU, and the tables of energies before the map by name."""

    hdu: Hdu
    number: int
    layout: Layout
    primary: Hdu
    tables: dict[str, Any]


def _find(
    file: IO[bytes], column: str | int | None, hdu: str | int | None, nest: bool | None, frame: str | None
) -> _Found:
    """The map that is meant, with the file at the data of its HDU."""
    # Whatever is not kept is read in pieces, and the memory for the rest is checked before it is taken.
    unbounded(file)
    name = str(hdu).strip().upper() if isinstance(hdu, str) and not hdu.strip().isdigit() else None
    asked = int(hdu) if hdu is not None and name is None else None
    tables: dict[str, Any] = {}
    seen: list[str] = []
    primary = None
    while True:
        number = len(seen)
        try:
            one = Hdu(file, number)
        except EOFError:
            what = "there is no HEALPix map in this file" if hdu is None else f"there is no HDU {hdu!r}"
            listed = ", ".join(seen[:20]) + (", ..." if len(seen) > 20 else "")
            raise MaskFormatError(f"{what}, it has HDU {listed}") from None
        primary = primary or one
        extname = _extname(one) or ("PRIMARY" if number == 0 else "")
        seen.append(f"{number} {extname}".strip())
        if number == asked or (name is not None and extname == name) or (hdu is None and is_healpix(one)):
            try:
                return _Found(one, number, layout_of(one, column, nest, frame), primary, tables)
            except MaskFormatError as error:
                raise MaskFormatError(f"HDU {number}: {error}") from error
        if (table := _energies(one, number)) is not None:
            tables[extname] = table


def _extname(hdu: Hdu) -> str:
    return str(hdu.get("EXTNAME") or "").strip().upper()


def _energies(hdu: Hdu, number: int) -> Any:
    """The table of energies in an HDU, or None if it is not one, with the file at the next HDU in both cases."""
    if hdu.get("XTENSION") != "BINTABLE" or hdu.size > _MOST_BANDS or not has_energies(hdu.header):
        hdu.skip()
        return None
    primary = fits.PrimaryHDU().header.tostring().encode("ascii")
    whole = hdu.whole(primary)
    try:
        table = fits.HDUList.fromstring(whole)[-1]
        table.data  # noqa: B018  damage raises here
    except Exception as error:
        raise MaskFormatError(f"HDU {number} is damaged: {type(error).__name__}: {error}") from error
    return table


def _axis(file: IO[bytes], found: _Found) -> EnergyAxis | None:
    """The energy bins of the columns, from the table that belongs to the map, whose data must have been read."""
    columns, bands = found.layout.columns, found.layout.bands
    if not found.layout.banded:
        return None
    wanted = ("EBOUNDS", "ENERGIES", "BANDS") if bands is None else (bands,)
    table = next((found.tables[name] for name in wanted if name in found.tables), None)
    number = found.number
    while table is None:
        number += 1
        try:
            one = Hdu(file, number)
        except EOFError:
            raise MaskFormatError(
                f"the values are in {counted(len(columns), 'column')}, {columns[0].name!r} to {columns[-1].name!r}, "
                f"but no table {' or '.join(wanted)} has their energies: choose one with column="
            ) from None
        if _extname(one) in wanted:
            table = _energies(one, number)
        else:
            one.skip()
    try:
        planes = planes_of(table)
    except ValueError as error:
        raise MaskFormatError(f"the energies in table {table.name!r} cannot be used: {error}") from error
    if found.layout.channels is None and planes.n != len(columns):
        raise MaskFormatError(
            f"the values are in {counted(len(columns), 'column')}, but table {table.name!r} has {planes}"
        )
    return planes.axis


# ---------------------------------------------------------------------- values


def _check_memory(file: IO[bytes], layout: Layout, n_bytes: int) -> None:
    """Raise if `n_bytes` for each value would take memory out of proportion to the size of a gzipped file."""
    size, n_bytes = packed_size(file), layout.n_values * n_bytes
    if size is not None and n_bytes > _RATIO * size + _ALLOWANCE:
        raise MaskFormatError(
            f"the values of a file of {size} bytes would take {n_bytes} bytes, more than {_RATIO} times its size plus "
            f"{_ALLOWANCE >> 20} MiB: unpack the file first, if it is valid"
        )


def _stored(found: _Found) -> Iterator[tuple[int, list[NDArray[Any]], NDArray[Any] | None, NDArray[Any] | None]]:
    """The table in pieces: the number of the first value, the stored values of each column, cells and energy bins."""
    layout = found.layout
    first = 0
    for rows in layout.rows(found.hdu):
        cells = None if layout.cells is None else layout.cells.values(layout.cells.stored(rows))
        channels = None if layout.channels is None else layout.channels.values(layout.channels.stored(rows))
        yield first, [one.stored(rows) for one in layout.columns], cells, channels
        first += len(rows) * layout.columns[0].repeat


def _read_values(found: _Found) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any]]:
    """Numbers of the cells and of the energy bins, if the table has them, and a row of values for each column."""
    layout = found.layout
    values = np.empty((len(layout.columns), layout.n_values), dtype=layout.columns[0].dtype)
    cells = None if layout.cells is None else np.empty(layout.n_values, dtype=layout.cells.dtype)
    channels = None if layout.channels is None else np.empty(layout.n_values, dtype=layout.channels.dtype)
    for first, parts, some_cells, some_channels in _stored(found):
        stop = first + parts[0].size
        for row, column, part in zip(values, layout.columns, parts, strict=True):
            row[first:stop] = column.values(part, first)
        if cells is not None:
            cells[first:stop] = some_cells
        if channels is not None:
            channels[first:stop] = some_channels
    return cells, channels, values


def _of_channels(
    cells: NDArray[Any], channels: NDArray[Any], values: NDArray[Any], n_bins: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The cells of a sparse map and their values in each bin. Where the file has no value, it is 0."""
    _check_channels(channels, n_bins)
    numbers, rows = np.unique(cells, return_inverse=True)
    if numbers.size * n_bins > _MOST_SPARSE * max(values.size, 1) + _ALLOWANCE:
        raise MaskFormatError(
            f"a file of {values.size} values would become a map of {n_bins} bins of {numbers.size} cells"
        )
    array = np.zeros((n_bins, numbers.size), dtype=values.dtype)
    array[channels, rows] = values
    return numbers, array


def _check_channels(channels: NDArray[Any], n_bins: int) -> None:
    bad = np.flatnonzero((channels < 0) | (channels >= n_bins))
    if bad.size:
        raise MaskFormatError(
            f"row {bad[0]} has the energy bin {channels[bad[0]]} (CHANNEL), but there are bins 0 to {n_bins - 1}"
        )


# ---------------------------------------------------------------------- masks


def _read(
    file: IO[bytes],
    name: str,
    *,
    column: str | int | None = None,
    hdu: str | int | None = None,
    nest: bool | None = None,
    frame: str | None = None,
) -> MaskValue:
    _check_options(column, hdu, nest, frame)
    found = _find(file, column, hdu, nest, frame)
    own = [keyword for keyword in ("HPXMASK", "MASKHASH") if keyword in found.primary]
    if own:
        found.primary.require_sums()
        found.hdu.require_sums()
    layout = found.layout
    if layout.channels is not None:
        planes, axis = _sparse_planes(file, found)
    else:
        planes = _planes(file, found)
        axis = _axis(file, found)
    # The lines of other files are notes, which stand below the first line.
    lines = history_of(found.primary.history) if own else ["", *found.hdu.history]
    if axis is not None and "DESCENDS" in found.primary:
        # gammapy does not read an axis with decreasing edges, so the columns are in reverse order.
        axis, planes = axis[::-1], planes[::-1]
    mask = new_mask(planes, frame=layout.frame, energy=axis, history="\n".join(lines))
    if own and column is None and hdu is None:
        _check_own(found.primary, mask)
    return mask


def _check_own(primary: Hdu, mask: MaskValue) -> None:
    """Raise unless the primary header belongs to the mask."""
    layout = primary.integer("HPXMASK")
    if layout != _LAYOUT:
        raise MaskFormatError(f"the file has layout {layout}, but hpmask {hpmask.__version__} reads layout {_LAYOUT}")
    digest = primary.get("MASKHASH")
    if digest != mask_digest(mask):
        fault = "is missing" if digest is None else "is that of another mask"
        raise MaskFormatError(f"the file is damaged: MASKHASH, the digest of cells and energy bins, {fault}")


def _planes(file: IO[bytes], found: _Found) -> list[RangeSet]:
    """The set of cells with the value 1, for each column."""
    layout = found.layout
    if layout.kind in ("explicit", "multi-order"):
        return _listed_planes(found)
    assert layout.order is not None
    if layout.kind == "range":
        return _range_planes(found, layout.order)
    if layout.nest:
        collected = [full_maps.NestedPieces(layout.order) for _ in layout.columns]
        for first, parts, _, _ in _stored(found):
            for one, column, part in zip(collected, layout.columns, parts, strict=True):
                one.add(truths(column, part, first))
        return [one.plane() for one in collected]
    _check_memory(file, layout, len(layout.columns))
    rows = np.empty((len(layout.columns), layout.n_values), dtype=np.bool_)
    for first, parts, _, _ in _stored(found):
        for row, column, part in zip(rows, layout.columns, parts, strict=True):
            row[first : first + part.size] = truths(column, part, first)
    return [full_maps.set_of_full(row, layout.order, nest=False) for row in rows]


def _range_planes(found: _Found, order: int) -> list[RangeSet]:
    layout = found.layout
    kept: list[list[NDArray[np.intp]]] = [[] for _ in layout.columns]
    for first, parts, _, _ in _stored(found):
        for cells, column, part in zip(kept, layout.columns, parts, strict=True):
            cells.append(layout.start + first + np.flatnonzero(truths(column, part, first)))
    return [_of_numbers(np.concatenate(cells), order, nest=layout.nest) for cells in kept]


def _of_numbers(numbers: NDArray[Any], order: int, *, nest: bool) -> RangeSet:
    """The set of cells with these numbers, which must be valid."""
    return RangeSet.from_cells(numbers if nest else healpix.ring_to_nested(numbers, order), order)


def _listed_planes(found: _Found) -> list[RangeSet]:
    """The planes of a map with a column of cell numbers. Rows of cells that are not kept are checked as well."""
    layout = found.layout
    numbers: list[NDArray[Any]] = []
    kept: list[list[NDArray[np.bool_]]] = [[] for _ in layout.columns]
    for first, parts, cells, _ in _stored(found):
        assert cells is not None
        _check_cells(cells, layout, first)
        numbers.append(cells)
        for row, column, part in zip(kept, layout.columns, parts, strict=True):
            row.append(truths(column, part, first))
    cells = np.concatenate([np.empty(0, layout.cells.dtype if layout.cells else np.int64), *numbers])
    rows = [np.concatenate([np.empty(0, np.bool_), *row]) for row in kept]
    if layout.kind == "multi-order":
        starts, stops, order = uniq_ranges(cells)
        disjoint(starts, stops, order)
        return [disjoint(starts[row], stops[row], order) for row in rows]
    assert layout.order is not None
    _check_repeated(cells)
    return [_of_numbers(cells[row], layout.order, nest=layout.nest) for row in rows]


def _check_cells(cells: NDArray[Any], layout: Layout, first: int) -> None:
    """Raise for numbers that are not cells, and for repeated ones, so that a packed file of them costs no memory."""
    if layout.kind == "multi-order":
        disjoint(*uniq_ranges(cells))
        return
    assert layout.order is not None
    last = healpix.n_cells(layout.order) - 1
    bad = np.flatnonzero((cells < 0) | (cells > last))
    if bad.size:
        raise MaskFormatError(
            f"cells of NSIDE {1 << layout.order} are numbered 0 to {last}, row {first + bad[0]} is {cells[bad[0]]}"
        )
    _check_repeated(cells)


def _check_repeated(cells: NDArray[Any]) -> None:
    if np.all(cells[1:] > cells[:-1]):
        return
    ascending = np.sort(cells)
    again = np.flatnonzero(ascending[1:] == ascending[:-1])
    if again.size:
        raise MaskFormatError(f"cells must not be repeated, but cell {ascending[again[0]]} is")


def _sparse_planes(file: IO[bytes], found: _Found) -> tuple[list[RangeSet], EnergyAxis]:
    """The planes of a map with a row for each cell and energy bin that is not 0."""
    layout = found.layout
    cells, channels, values = _read_values(found)
    axis = _axis(file, found)
    assert cells is not None
    assert channels is not None
    assert axis is not None
    assert layout.order is not None
    _check_channels(channels, axis.n_bins)
    kept = booleans(layout.columns[0], values[0])
    # The rows of each bin.
    rows = np.split(np.argsort(channels, kind="stable"), np.cumsum(np.bincount(channels, minlength=axis.n_bins))[:-1])
    for some in rows:
        _check_cells(cells[some], replace(layout, kind="explicit"), 0)
    return [_of_numbers(cells[some][kept[some]], layout.order, nest=layout.nest) for some in rows], axis


def _keeps_history(start: bytes) -> bool:
    """Whether this is the beginning of a HEALPix file that hpmask wrote."""
    cards = (start[i : i + 80] for i in range(0, len(start), 80))
    return any(card.startswith(b"HPXMASK =") for card in takewhile(lambda card: card != b"END".ljust(80), cards))


# ---------------------------------------------------------------------- writing


def write_map(map_: HealpixMap, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a HEALPix map to a FITS file, which is replaced atomically.

    A full map is written in its own order, RING or NESTED, and a map of a part of the sky as numbers of cells and
    values (INDXSCHM = 'EXPLICIT'); ``healpy.read_map`` reads both. A multi-order map is written as UNIQ numbers and
    values (ORDERING = 'NUNIQ'). Each energy bin is a column, and the table SKYMAP_BANDS has the bins, as gammapy reads
    and writes them.

    Parameters
    ----------
    map_ : HealpixMap
        The map.
    path : str or path
        Path of the file. A name that ends in ``.gz`` is compressed.
    overwrite : bool, optional
        Whether to replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    TypeError
        If `map_` is not a HealpixMap.
    ValueError
        If the map or a unit cannot be written to FITS.

    See Also
    --------
    read_map : Read a map.

    Examples
    --------
    >>> import tempfile
    >>> from hpmask import HealpixMap, io
    >>> part = HealpixMap([5.0, 1.0], cells=[100, 7], order=3, nest=True, frame="galactic")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.write_map(part, f"{folder}/part.fits")
    ...     io.read_map(f"{folder}/part.fits").values
    array([1., 5.])
    """
    if not isinstance(map_, HealpixMap):
        raise TypeError(f"map_ must be a HealpixMap, got {type(map_).__name__}")
    rows = map_.rows
    order = None if map_.orders is not None else map_.order
    if map_.cells is None:
        cells = None
    elif map_.orders is None:
        cells = map_.cells
    else:
        cells = (np.uint64(4) << (np.uint64(2) * map_.orders.astype(np.uint64))) + map_.cells
    header, data = _table(rows, cells, order)
    _describe(header, order, map_.frame, cells is not None, nest=map_.nest, name="SKYMAP")
    if map_.unit is not None:
        unit = map_.unit.to_string("fits")
        header["BUNIT"] = (unit, "unit of the values")
        for i in range(1 + (cells is not None), header["TFIELDS"] + 1):
            header.insert(f"TFORM{i}", (f"TUNIT{i}", unit), after=True)
    bands = None if map_.energy is None else _link(header, map_.energy, "SKYMAP_BANDS")
    with replacing(Path(path), overwrite=overwrite) as file:
        if str(path).lower().endswith(".gz"):
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                _write_file(cast("IO[bytes]", packed), fits.PrimaryHDU().header, header, data, bands)
        else:
            _write_file(file, fits.PrimaryHDU().header, header, data, bands)


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    """Write a mask: as a full map, or as its kept cells if that takes fewer bytes."""
    n_bins, order = len(mask.planes), mask.order
    outline = RangeSet.union(*mask.planes)
    n_full = healpix.n_cells(order) * n_bins
    n_part = outline.n_cells * ((4 if order <= _MAX_ORDER_32 else 8) + n_bins)
    if min(n_full, n_part) > _MOST_BYTES:
        raise ValueError(
            f"a HEALPix map of order {order} with {outline.n_cells} kept cells takes more than "
            f"{_MOST_BYTES >> 30} GiB: convert the mask to a coarser order with at_order, or write it in the format "
            "'fits', which stores ranges"
        )
    axis = mask.energy
    planes = mask.planes
    if axis is not None and axis.ascending() is not axis:
        # gammapy does not read an axis with decreasing edges.
        axis, planes = axis.ascending(), planes[::-1]
    if n_part < n_full:
        cells = outline.cells(order)
        values = [_inside(plane, cells, order) for plane in planes]
    else:
        cells = None
        values = [full_maps.full_of(plane, order, nest=True).view(np.uint8) for plane in planes]
    # Bytes, and not the T and F of FITS, because more programs read them.
    header, data = _table(values, cells, order)
    _describe(header, order, mask.frame, cells is not None, nest=True, name="MASK")
    bands = None if axis is None else _link(header, axis, "MASK_BANDS")
    primary = fits.PrimaryHDU().header
    primary["HPXMASK"] = (_LAYOUT, "version of hpmask's HEALPix files")
    if axis is not mask.energy:
        primary["DESCENDS"] = (True, "the mask has its energy bins in reverse order")
    # Without a comment, since the digest fills the card.
    primary["MASKHASH"] = mask_digest(mask)
    primary["CREATOR"] = (f"hpmask {hpmask.__version__}", "program that wrote this file")
    primary["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "date of writing (UTC)")
    add_history(primary, mask.history.split("\n") if mask.history else [])
    _write_file(file, primary, header, data, bands)


def _inside(plane: RangeSet, cells: NDArray[np.uint64], order: int) -> NDArray[np.uint8]:
    """1 for the cells that are in a set, 0 for the others."""
    boundaries = plane.boundaries >> np.uint64(2 * (MAX_ORDER - order))
    return (np.searchsorted(boundaries, cells, side="right") & 1).astype(np.uint8)


def _write_file(
    file: IO[bytes],
    primary: fits.Header,
    header: fits.Header,
    data: NDArray[Any],
    bands: tuple[fits.Header, NDArray[Any]] | None,
) -> None:
    write_hdu(file, primary)
    write_hdu(file, header, data)
    if bands is not None:
        write_hdu(file, *bands)


def _table(
    values: Sequence[NDArray[Any]], cells: NDArray[np.uint64] | None, order: int | None
) -> tuple[fits.Header, NDArray[Any]]:
    """Header and rows of a table with a column for each bin, after a column of cells if there is one."""
    code, dtype, zero = _FORMS.get(values[0].dtype.str[1:], ("D", "f8", 0))
    wide = cells is None and len(values) == 1 and values[0].size % _PER_ROW == 0
    names = [f"CHANNEL{i}" for i in range(1, len(values) + 1)]
    columns = [fits.Column(name, f"{_PER_ROW if wide else ''}{code}", bzero=zero or None) for name in names]
    fields = [(name, dtype) for name in names]
    if cells is not None:
        number = "J" if order is not None and order <= _MAX_ORDER_32 else "K"
        columns.insert(0, fits.Column("UNIQ" if order is None else "PIXEL", number))
        fields.insert(0, ("cells", "i4" if number == "J" else "i8"))
    if len(fields) == 1:
        data = _stored_as(values[0], dtype, zero)
    else:
        data = np.empty(values[0].size, dtype=fields)
        for name, row in zip(names, values, strict=True):
            data[name] = _stored_as(row, dtype, zero)
        if cells is not None:
            data["cells"] = cells
    header = fits.BinTableHDU.from_columns(columns, nrows=0).header
    header["NAXIS2"] = values[0].size // (_PER_ROW if wide else 1)
    return header, data


def _stored_as(values: NDArray[Any], dtype: str, zero: int) -> NDArray[Any]:
    """Values as FITS stores them."""
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(ord("T")), np.uint8(ord("F")))
    if zero:
        # Half of the range is subtracted by flipping the highest bit.
        raw = values.view(f"u{values.dtype.itemsize}")
        return np.asarray((raw ^ raw.dtype.type(1 << (8 * raw.dtype.itemsize - 1))).view(dtype))
    return values.astype(dtype, copy=False)


def _describe(header: fits.Header, order: int | None, frame: str, explicit: bool, *, nest: bool, name: str) -> None:
    """Write the keywords of HEALPix."""
    header["EXTNAME"] = name
    header["PIXTYPE"] = ("HEALPIX", "HEALPix pixels")
    if order is None:
        header["ORDERING"] = ("NUNIQ", "UNIQ numbers, 4 * 4**order + cell")
        header["MOC"] = (True, "multi-order cells")
    else:
        header["ORDERING"] = ("NESTED" if nest else "RING", "order of the cells")
        header["NSIDE"] = (1 << order, "resolution")
        header["ORDER"] = (order, "log2 of NSIDE")
    header["COORDSYS"] = (_COORDSYS[frame], "C = ICRS, G = Galactic")
    header["INDXSCHM"] = ("EXPLICIT" if explicit else "IMPLICIT", "whether the table has numbers of cells")
    if not explicit and order is not None:
        header["FIRSTPIX"] = (0, "first cell")
        header["LASTPIX"] = (healpix.n_cells(order) - 1, "last cell")
    header["OBJECT"] = ("PARTIAL" if explicit else "FULLSKY", "coverage of the sky")
    header["HPX_CONV"] = ("GADF", "names of the columns")


def _link(header: fits.Header, axis: EnergyAxis, name: str) -> tuple[fits.Header, NDArray[Any]]:
    """Write the keywords from which the energy bins are found, and return their table."""
    header["BANDSHDU"] = (name, "table of the energy bins")
    header.update(axis_cards(axis))
    table = bands_hdu(axis, name)
    return table.header, np.asarray(table.data)


FORMAT = Format(
    name="healpix",
    description="HEALPix map of 0 and 1, full or of a part of the sky, with a column for each energy bin.",
    suffixes=(),
    matches=starts_with_map,
    read=_read,
    write=_write,
    options=("column", "hdu", "nest", "frame"),
    keeps_history=_keeps_history,
)
