"""HEALPix maps to FITS files: the table of a map, its keywords, and the table of its energy bins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from hpmask._files.atomic import created
from hpmask._files.hdu import write_hdu
from hpmask.core.healpix_map import HealpixMap
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.bands import axis_cards, bands_hdu
from hpmask.geometry import healpix
from hpmask.geometry.frames import COORDSYS

__all__ = ["MAX_ORDER_32", "ascending", "describe", "link", "table_of", "write_file", "write_map"]

MAX_ORDER_32 = 13
"""The finest order whose cell numbers fit into 32 bits with a sign."""

# Values in a row of a full map, as healpy and the HEALPix library write them.
_PER_ROW = 1024


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


def write_map(healpix_map: HealpixMap, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a HEALPix map to a FITS file, which is replaced atomically.

    A full map is written in its own order, RING or NESTED, and a map of a part of the sky as numbers of cells and
    values (INDXSCHM = 'EXPLICIT'); ``healpy.read_map`` reads both. A multi-order map is written as UNIQ numbers and
    values (ORDERING = 'NUNIQ'), in a column with the name of the map, such as PROBDENSITY. Each energy bin is a column,
    by increasing energy, and the table SKYMAP_BANDS has the bins, as gammapy reads and writes them. `read_map` restores
    the order of the bins.

    Parameters
    ----------
    healpix_map : HealpixMap
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
        If `healpix_map` is not a HealpixMap.
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
    if not isinstance(healpix_map, HealpixMap):
        raise TypeError(f"healpix_map must be a HealpixMap, got {type(healpix_map).__name__}")
    primary = fits.PrimaryHDU().header
    axis, rows = ascending(primary, healpix_map.energy, healpix_map.rows)
    order = None if healpix_map.orders is not None else healpix_map.order
    if healpix_map.cells is None:
        cells = None
    elif healpix_map.orders is None:
        cells = healpix_map.cells
    else:
        cells = (np.uint64(4) << (np.uint64(2) * healpix_map.orders.astype(np.uint64))) + healpix_map.cells
    # Programs know the column of a multi-order map by its name, such as PROBDENSITY.
    name = healpix_map.name if order is None and healpix_map.energy is None else ""
    header, data = table_of(list(rows), cells, order, name=name)
    describe(header, order, healpix_map.frame, cells is not None, nest=healpix_map.nest, name="SKYMAP")
    if healpix_map.unit is not None:
        unit = _unit_text(healpix_map.unit)
        header["BUNIT"] = (unit, "unit of the values")
        for i in range(1 + (cells is not None), header["TFIELDS"] + 1):
            header.insert(f"TFORM{i}", (f"TUNIT{i}", unit), after=True)
    bands = None if axis is None else link(header, axis, "SKYMAP_BANDS")
    with created(path, overwrite=overwrite) as file:
        write_file(file, primary, header, data, bands)


def _unit_text(unit: u.UnitBase) -> str:
    try:
        return str(unit.to_string("fits"))
    except ValueError as error:
        raise ValueError(f"the unit {unit} cannot be written to FITS: {error}") from error


def ascending(primary: fits.Header, axis: EnergyAxis | None, rows: Any) -> tuple[EnergyAxis | None, Any]:
    """The energy bins by increasing energy, and the row of each one; the primary header says if they are reversed.

    gammapy sorts the edges of the bins, but not the columns.
    """
    if axis is None or axis.ascending() is axis:
        return axis, rows
    primary["DESCENDS"] = (True, "the energy bins were in reverse order")
    return axis.ascending(), rows[::-1]


def write_file(
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


def table_of(
    values: Sequence[NDArray[Any]], cells: NDArray[np.uint64] | None, order: int | None, *, name: str = ""
) -> tuple[fits.Header, NDArray[Any]]:
    """Header and rows of a table with a column for each bin, after a column of cells if there is one.

    The columns are CHANNEL1, CHANNEL2, ..., as in gammapy, or a single one has the name `name`.
    """
    code, dtype, zero = _FORMS.get(values[0].dtype.str[1:], ("D", "f8", 0))
    wide = cells is None and len(values) == 1 and values[0].size % _PER_ROW == 0
    names = [f"CHANNEL{i}" for i in range(1, len(values) + 1)]
    form = f"{_PER_ROW if wide else ''}{code}"
    columns = [fits.Column(name or channel, form, bzero=zero or None) for channel in names]
    fields = [(channel, dtype) for channel in names]
    if cells is not None:
        number = "J" if order is not None and order <= MAX_ORDER_32 else "K"
        columns.insert(0, fits.Column("UNIQ" if order is None else "PIXEL", number))
        fields.insert(0, ("cells", "i4" if number == "J" else "i8"))
    if len(fields) == 1:
        data = _stored_as(values[0], dtype, zero)
    else:
        data = np.empty(values[0].size, dtype=fields)
        for channel, row in zip(names, values, strict=True):
            data[channel] = _stored_as(row, dtype, zero)
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


def describe(header: fits.Header, order: int | None, frame: str, explicit: bool, *, nest: bool, name: str) -> None:
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
    header["COORDSYS"] = (COORDSYS[frame], "C = ICRS, G = Galactic")
    header["INDXSCHM"] = ("EXPLICIT" if explicit else "IMPLICIT", "whether the table has numbers of cells")
    if not explicit and order is not None:
        header["FIRSTPIX"] = (0, "first cell")
        header["LASTPIX"] = (healpix.n_cells(order) - 1, "last cell")
    header["OBJECT"] = ("PARTIAL" if explicit else "FULLSKY", "coverage of the sky")
    header["HPX_CONV"] = ("GADF", "names of the columns")


def link(header: fits.Header, axis: EnergyAxis, name: str) -> tuple[fits.Header, NDArray[Any]]:
    """Write the keywords from which the energy bins are found, and return their table."""
    header["BANDSHDU"] = (name, "table of the energy bins")
    header.update(axis_cards(axis))
    table = bands_hdu(axis, name)
    return table.header, np.asarray(table.data)
