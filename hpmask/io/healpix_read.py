"""HEALPix maps in FITS files: the map that is meant, its values, and its energy bins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hpmask._files.fits_file import advice_for, content_of
from hpmask._files.hdu import Hdu
from hpmask._files.unpack import packed_size, unbounded
from hpmask._utils.arguments import as_flag
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import brief, counted
from hpmask.core.healpix_map import HealpixMap
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.planes import planes_of
from hpmask.geometry.frames import check_frame
from hpmask.io.ecliptic import ECLIPTIC, map_in_icrs
from hpmask.io.healpix_table import Layout, is_healpix, layout_of
from hpmask.io.opened import opened, to_end

__all__ = [
    "Found",
    "as_given",
    "axis_of",
    "check_channels",
    "check_memory",
    "check_options",
    "find",
    "read_map",
    "read_values",
    "stored",
]

# Memory that a gzipped file may take: this multiple of its size, plus a fixed number of bytes. A full map of NSIDE 4096
# as booleans fits, however well it is packed.
_RATIO = 400
_ALLOWANCE = 200 << 20

# Names of the table of energies, in files whose map does not name it with BANDSHDU.
_USUAL_BANDS = ("EBOUNDS", "ENERGIES", "BANDS")

# Bytes of the largest table of energies.
_MOST_BANDS = 1 << 20

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

    The cells of an ecliptic map (``COORDSYS = 'E'``) become cells in ICRS, each with the value at its centre.

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
        The map. A full map is in the order of the file, RING or NESTED, unless it was ecliptic.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    TypeError
        If an argument is not of the types above.
    MaskFormatError
        If the file has no HEALPix map, does not say the order or the frame of its cells, contradicts `nest` or `frame`,
        has an NSIDE that is not a power of two, or is damaged.

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
    check_options(column, hdu, nest, frame)
    with opened(path) as source:
        file = source.file
        found = find(file, column, hdu, nest, frame)
        layout = found.layout
        check_memory(file, layout.n_values * sum(one.dtype.itemsize for one in layout.columns))
        cells, channels, values = read_values(found)
        axis = axis_of(file, found)
        to_end(file)
        if cells is not None and channels is not None and axis is not None:
            cells, values = _of_channels(cells, channels, values[0], axis.n_bins)
        axis, values = as_given(found, axis, values)
        array = values if axis is not None else values[0]
        first = layout.columns[0]
        name = first.name if len(layout.columns) == 1 else ""
        ecliptic = layout.frame == ECLIPTIC
        made: dict[str, Any] = {"energy": axis, "unit": first.unit, "name": name}
        made["frame"] = "icrs" if ecliptic else layout.frame
        if layout.kind == "multi-order":
            return HealpixMap(array, uniq=cells, **made)
        if layout.kind == "full":
            found_map = HealpixMap(array, nest=layout.nest, **made)
        else:
            if layout.kind == "range":
                cells = np.arange(layout.start, layout.start + layout.n_values)
            found_map = HealpixMap(array, cells=cells, order=layout.order, nest=layout.nest, **made)
        return map_in_icrs(found_map) if ecliptic else found_map


def check_options(column: str | int | None, hdu: str | int | None, nest: bool | None, frame: str | None) -> None:
    for name, value in (("column", column), ("hdu", hdu)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int | np.integer)):
            raise TypeError(f"{name} must be a name or a number, got {value!r}")
    if nest is not None:
        as_flag(nest, "nest")
    if frame is not None:
        check_frame(frame)


# ---------------------------------------------------------------------- finding a map in a file


@dataclass(frozen=True, slots=True)
class Found:
    """A map in a file: its HDU, its layout, the primary HDU, and the tables of energies before the map by name."""

    hdu: Hdu
    number: int
    layout: Layout
    primary: Hdu
    tables: dict[str, Any]


def find(
    file: IO[bytes], column: str | int | None, hdu: str | int | None, nest: bool | None, frame: str | None
) -> Found:
    """The map that is meant, with the file at the data of its HDU."""
    # Whatever is not kept is read in pieces, and the memory for the rest is checked before it is taken.
    unbounded(file)
    name = str(hdu).strip().upper() if isinstance(hdu, str) and not hdu.strip().isdecimal() else None
    asked = int(hdu) if hdu is not None and name is None else None
    tables: dict[str, Any] = {}
    seen: list[str] = []
    kinds: list[str | None] = []
    primary = None
    while True:
        number = len(seen)
        try:
            one = Hdu(file, number)
        except EOFError:
            what = "there is no HEALPix map in this file" if hdu is None else f"there is no HDU {hdu!r}"
            listed = ", ".join(seen[:20]) + (", ..." if len(seen) > 20 else "")
            advice = advice_for(kinds) if hdu is None else ""
            raise MaskFormatError(f"{what}, it has HDU {listed}{advice}") from None
        primary = primary or one
        extname = _extname(one) or ("PRIMARY" if number == 0 else "")
        seen.append(f"{number} {extname}" if extname else f"{number} without a name")
        kinds.append(content_of(one))
        if number == asked or (name is not None and extname == name) or (hdu is None and is_healpix(one)):
            one.check_size()
            try:
                return Found(one, number, layout_of(one, column, nest, frame), primary, tables)
            except MaskFormatError as error:
                raise MaskFormatError(f"HDU {number}: {error}") from error
        if one.get("XTENSION") == "BINTABLE" and _is_bands(extname) and one.size <= _MOST_BANDS:
            tables[extname] = _bands_table(one, number)
        else:
            one.skip()


def _extname(hdu: Hdu) -> str:
    return str(hdu.get("EXTNAME") or "").strip().upper()


def _is_bands(extname: str) -> bool:
    return extname in _USUAL_BANDS or extname.endswith("_BANDS")


def _bands_table(hdu: Hdu, number: int) -> Any:
    """The table in an HDU, as astropy's object. The file is then at the next HDU."""
    if hdu.size > _MOST_BANDS:
        raise MaskFormatError(f"HDU {number}: a table of energies has at most {_MOST_BANDS} bytes, not {hdu.size}")
    whole = hdu.whole(fits.PrimaryHDU().header.tostring().encode("ascii"))
    try:
        table = fits.HDUList.fromstring(whole)[-1]
        table.data  # noqa: B018  damage raises here
    except MemoryError:
        raise
    except Exception as error:
        raise MaskFormatError(f"HDU {number} is damaged: {type(error).__name__}: {brief(error)}") from error
    return table


def axis_of(file: IO[bytes], found: Found) -> EnergyAxis | None:
    """The energy bins of the columns, from the table that belongs to the map, whose data must have been read."""
    columns, bands = found.layout.columns, found.layout.bands
    if not found.layout.banded:
        return None
    wanted = _USUAL_BANDS if bands is None else (bands,)
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
            table = _bands_table(one, number)
        else:
            one.skip()
    try:
        planes = planes_of(table)
    except MemoryError:
        raise
    except Exception as error:
        raise MaskFormatError(
            f"the energies in table {table.name!r} cannot be used: {brief(error)}. Choose one column with column="
        ) from error
    if found.layout.channels is None and planes.n != len(columns):
        raise MaskFormatError(
            f"the values are in {counted(len(columns), 'column')}, but table {table.name!r} has {planes}"
        )
    return planes.axis


def as_given(found: Found, axis: EnergyAxis | None, rows: Any) -> tuple[EnergyAxis | None, Any]:
    """The energy bins and the row of each one, in the order that they had before `ascending` of healpix_write."""
    return (axis, rows) if axis is None or "DESCENDS" not in found.primary else (axis[::-1], rows[::-1])


# ---------------------------------------------------------------------- values


def check_memory(file: IO[bytes], n_bytes: int) -> None:
    """Raise if so many bytes of memory are out of proportion to the size of a gzipped file."""
    size = packed_size(file)
    if size is not None and n_bytes > _RATIO * size + _ALLOWANCE:
        raise MaskFormatError(
            f"the values of a file of {size} bytes need {n_bytes} bytes of memory, more than {_RATIO} times its size "
            f"plus {_ALLOWANCE >> 20} MiB: unpack the file first, if it is valid"
        )


def stored(found: Found) -> Iterator[tuple[int, list[NDArray[Any]], NDArray[Any] | None, NDArray[Any] | None]]:
    """The table in pieces: the number of the first value, the stored values of each column, cells and energy bins."""
    layout = found.layout
    first = 0
    for rows in layout.rows(found.hdu):
        cells, channels = (
            None if one is None else one.numbers(one.stored(rows), first) for one in (layout.cells, layout.channels)
        )
        yield first, [one.stored(rows) for one in layout.columns], cells, channels
        first += len(rows) * layout.columns[0].repeat


def read_values(found: Found) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any]]:
    """Numbers of the cells and of the energy bins, if the table has them, and a row of values for each column."""
    layout = found.layout
    values = np.empty((len(layout.columns), layout.n_values), dtype=layout.columns[0].dtype)
    cells = None if layout.cells is None else np.empty(layout.n_values, dtype=layout.cells.number_dtype)
    channels = None if layout.channels is None else np.empty(layout.n_values, dtype=layout.channels.number_dtype)
    for first, parts, some_cells, some_channels in stored(found):
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
    check_channels(channels, n_bins)
    numbers, rows = np.unique(cells, return_inverse=True)
    if numbers.size * n_bins > _MOST_SPARSE * values.size + _ALLOWANCE // 8:
        raise MaskFormatError(
            f"a file of {values.size} values would become a map of {n_bins} bins of {numbers.size} cells"
        )
    array = np.zeros((n_bins, numbers.size), dtype=values.dtype)
    places = channels.astype(np.int64) * numbers.size + rows
    if np.unique(places).size < places.size:
        raise MaskFormatError("cells must not be repeated, but the file has several values for a cell and energy bin")
    array.reshape(-1)[places] = values
    return numbers, array


def check_channels(channels: NDArray[Any], n_bins: int) -> None:
    bad = np.flatnonzero((channels < 0) | (channels >= n_bins))
    if bad.size:
        raise MaskFormatError(
            f"row {bad[0]} has the energy bin {channels[bad[0]]} (CHANNEL), but there are bins 0 to {n_bins - 1}"
        )
