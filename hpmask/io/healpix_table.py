"""The table, or the image, of a HEALPix map in a FITS file: its columns, its cells, and its values in pieces.

The keywords are those of the HEALPix FITS files
(https://healpix.sourceforge.io/data/examples/healpix_fits_specs.pdf), of gamma-astro-data-formats
(https://gamma-astro-data-formats.readthedocs.io/en/latest/skymaps/healpix/index.html) and of the Fermi tools.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Literal

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._files.hdu import Hdu
from hpmask._utils.arguments import MAX_ORDER, as_flag
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import counted
from hpmask.core.healpix_map import is_missing
from hpmask.geometry import healpix
from hpmask.geometry.frames import check_frame
from hpmask.io.ecliptic import ECLIPTIC

__all__ = ["Column", "Layout", "booleans", "is_healpix", "layout_of", "starts_with_map", "truths"]

Kind = Literal["full", "range", "explicit", "sparse", "multi-order"]

_FRAMES = {
    "icrs": ("C", "CEL", "CELESTIAL", "EQU", "EQUATORIAL", "Q", "ICRS", "FK5", "J2000", "RADEC", "CELESTIAL2000"),
    "galactic": ("G", "GAL", "GALACTIC"),
    ECLIPTIC: ("E", "ECL", "ECLIPTIC"),
}

# Names of columns with cell numbers, in maps of a part of the sky.
_CELL_COLUMNS = ("PIX", "PIXEL", "HPIX", "IPIX", "PIXELS", "HPXPIXEL", "HEALPIX", "HEALPIX_PIXEL", "CELL", "PIXNUM")

# Names of columns of gammapy and of the Fermi tools with the values of one energy.
_BAND_COLUMN = re.compile(r"(CHANNEL|ENERGY|BIN)_?\d+$")

# Bytes of a value of each type of column. A bit takes a part of a byte.
_BYTES = {"L": 1, "X": 1, "B": 1, "A": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_TYPES = {"L": "u1", "X": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_IMAGE_CODES = {8: "B", 16: "I", 32: "J", 64: "K", -32: "E", -64: "D"}

# FITS has only signed integers, and unsigned bytes: others are stored with one of these added.
_UNSIGNED: dict[tuple[str, float], str] = {
    ("B", -128): "i1",
    ("I", 1 << 15): "u2",
    ("J", 1 << 31): "u4",
    ("K", 1 << 63): "u8",
}

_FORM = re.compile(r"\s*(\d{0,12})([LXBIJKAEDCMPQ])")

# HDUs without data that may come before the map when a file is recognized.
_MOST_EMPTY = 20

# The most columns that FITS allows.
_MAX_TFIELDS = 999


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: `repeat` values of the type `code` in each row, from byte `first` of the row on."""

    name: str
    code: str
    repeat: int
    first: int
    scale: float = 1
    zero: float = 0
    null: int | None = None
    unit: u.UnitBase | None = None

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return -(-self.repeat // 8) if self.code == "X" else self.repeat * _BYTES[self.code]

    @property
    def is_numeric(self) -> bool:
        return self.code in _TYPES

    @property
    def is_integer(self) -> bool:
        return self.code in "BIJK" and self.number_dtype.kind in "iu"

    @property
    def number_dtype(self) -> np.dtype[Any]:
        """Type of the `numbers` in memory."""
        return replace(self, null=None).dtype

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the `values` in memory."""
        if self.code in "LX":
            return np.dtype(bool)
        stored = np.dtype(_TYPES[self.code]).newbyteorder("=")
        if self.null is not None or (self.scale, self.zero) != (1, 0):
            if self.null is None and self.scale == 1 and (self.code, self.zero) in _UNSIGNED:
                return np.dtype(_UNSIGNED[self.code, self.zero])
            return np.dtype("f8" if self.code in ("J", "K", "D") or self.scale != 1 else "f4")
        return stored

    def stored(self, rows: NDArray[np.uint8]) -> NDArray[Any]:
        """The values as they are stored, from rows of bytes of the table; bits as bytes of 0 and 1."""
        part = rows[:, self.first : self.first + self.width]
        if self.code == "X":
            return np.unpackbits(part, axis=1, count=self.repeat).reshape(-1)
        stored: NDArray[Any] = np.ascontiguousarray(part).reshape(-1).view(_TYPES[self.code])
        return stored

    def values(self, stored: NDArray[Any], first: int = 0) -> NDArray[Any]:
        """The values that the stored ones stand for, as an array of `dtype`; `first` is the number of the first one."""
        if self.code == "X":
            return stored.view(np.bool_)
        if self.code == "L":
            kept: NDArray[Any] = np.asarray(stored == ord("T"))
            bad = np.flatnonzero(~kept & (stored != ord("F")))
            if bad.size:
                what = "missing" if stored[bad[0]] == 0 else f"the byte {stored[bad[0]]}, and not T or F"
                raise MaskFormatError(f"column {self.name!r}: value {first + bad[0]} is {what}")
            return kept
        dtype = self.dtype
        if dtype.kind in "iu" and self.zero:
            # Adding half of the range flips the highest bit.
            raw = stored.astype(stored.dtype.newbyteorder("=")).view(f"u{dtype.itemsize}")
            return np.asarray((raw ^ raw.dtype.type(1 << (8 * dtype.itemsize - 1))).view(dtype))
        values = stored.astype(dtype)
        if (self.scale, self.zero) != (1, 0):
            values *= dtype.type(self.scale)
            values += dtype.type(self.zero)
        if self.null is not None:
            values[stored == self.null] = np.nan
        return values

    def numbers(self, stored: NDArray[Any], first: int) -> NDArray[Any]:
        """As `values`, for numbers of cells or energy bins, of which none may be missing: an array of integers."""
        if self.null is None:
            return self.values(stored)
        missing = np.flatnonzero(stored == self.null)
        if missing.size:
            raise MaskFormatError(f"column {self.name!r}: value {first + missing[0]} is missing")
        return replace(self, null=None).values(stored)


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns of a table, the bytes of a row, and the number of rows."""

    columns: list[Column]
    width: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How a map lies in its HDU.

    Attributes
    ----------
    kind : {"full", "range", "explicit", "sparse", "multi-order"}
        All cells; those from `start` on; those in the column `cells`; those of one energy bin in each row; UNIQ numbers
        in the column `cells`.
    width : int
        Bytes of a row.
    columns : tuple of Column
        The columns with the values, one for each energy bin.
    n_values : int
        Number of values of each column.
    banded : bool
        Whether the columns are energy bins.
    bands : str or None
        Name of the HDU with the energies, if the header gives it.
    order, nest, frame
        Order of the cells (None for "multi-order"), their scheme and their frame.
    start : int
        The first cell of "range".
    cells : Column or None
        Column with the numbers of the cells.
    channels : Column or None
        Column with the numbers of the energy bins, for "sparse".
    """

    kind: Kind
    width: int
    columns: tuple[Column, ...]
    n_values: int
    banded: bool
    bands: str | None
    order: int | None
    nest: bool
    frame: str
    start: int = 0
    cells: Column | None = None
    channels: Column | None = None

    def rows(self, hdu: Hdu) -> Iterator[NDArray[np.uint8]]:
        """The rows of the table in pieces, bytes of shape (n, width). A piece is overwritten by the next one."""
        for piece in hdu.pieces(self.width):
            yield piece.reshape(-1, self.width)


# ---------------------------------------------------------------------- the header


def _word(hdu: Hdu, keyword: str) -> str:
    """The value of a keyword in capitals, or an empty string."""
    value = hdu.get(keyword) if keyword in hdu else None
    return str(value).strip().upper() if isinstance(value, str) else ""


def _is_table(hdu: Hdu) -> bool:
    return _word(hdu, "XTENSION") == "BINTABLE" and "ZIMAGE" not in hdu


def is_healpix(hdu: Hdu) -> bool:
    """Whether an HDU has a HEALPix map, according to its header. A MOC has none."""
    if not _is_table(hdu):
        return _word(hdu, "PIXTYPE") == "HEALPIX" and "NAXIS1" in hdu
    ordering = _word(hdu, "ORDERING")
    if ordering == "RANGE" or (ordering.endswith("UNIQ") and hdu.get("TFIELDS") == 1):
        return False
    return (
        _word(hdu, "PIXTYPE") == "HEALPIX"
        or (ordering.startswith(("RING", "NEST")) and ("NSIDE" in hdu or "ORDER" in hdu))
        or ordering.endswith("UNIQ")
        or ("NSIDE" in hdu and _word(hdu, "TTYPE1") in _CELL_COLUMNS)
    )


def starts_with_map(start: bytes) -> bool:
    """Whether this is the beginning of a FITS file whose first HDU with data is a HEALPix map."""
    if not start.startswith(b"SIMPLE  ="):
        return False
    file = BytesIO(start)
    try:
        for number in range(_MOST_EMPTY):
            one = Hdu(file, number)
            if is_healpix(one):
                return True
            if one.size:
                return False
    except (EOFError, ValueError):
        # The reader of the format says what is wrong with a header.
        pass
    return False


def layout_of(hdu: Hdu, column: str | int | None, nest: bool | None, frame: str | None) -> Layout:
    """The layout of the map in an HDU."""
    if _word(hdu, "PIXTYPE") == "HEALSPARSE":
        raise MaskFormatError(
            "this is a map of healsparse: use Mask.from_map to make a mask of it, or Mask.read if it holds booleans"
        )
    table = _columns(hdu) if _is_table(hdu) else _image(hdu)
    columns = table.columns
    names = [one.name.upper() for one in columns]
    ordering = _word(hdu, "ORDERING")
    if ordering == "RANGE":
        raise MaskFormatError("this table is a MOC, and has no values: read it with Mask.read")
    if ordering.endswith("UNIQ") or (not ordering and names[:1] == ["UNIQ"]):
        uniq = columns[names.index("UNIQ")] if "UNIQ" in names else columns[0]
        own = _frame(hdu, frame)
        if own == ECLIPTIC:
            raise MaskFormatError("COORDSYS is 'E': a multi-order map must be in equatorial or Galactic coordinates")
        return _explicit(hdu, table, "multi-order", uniq, None, column, nest=True, frame=own)
    is_nested = _nested(hdu, ordering, nest)
    order = _order(hdu)
    scheme, coverage = _word(hdu, "INDXSCHM"), _word(hdu, "OBJECT")
    cells = next((one for one in columns if one.name.upper() in _CELL_COLUMNS and one.is_integer), None)
    if scheme == "LOCAL":
        raise MaskFormatError(
            "INDXSCHM is 'LOCAL': the cells are numbered within the region HPX_REG, and the file has no numbers on the "
            "sky. Read it with gammapy, and give the map to Mask.from_map"
        )
    if scheme == "IMPLICIT" or (not scheme and (coverage == "FULLSKY" or (cells is None and coverage != "PARTIAL"))):
        return _implicit(hdu, table, order, column, nest=is_nested, frame=_frame(hdu, frame))
    if order is None:
        raise MaskFormatError("NSIDE is missing: the order of the cells in a map of a part of the sky is not known")
    cells = cells or next((one for one in columns[:1] if one.is_integer), None)
    if cells is None:
        raise MaskFormatError(
            f"no column has the numbers of the cells, such as PIXEL: the columns are {_listed(columns)}"
        )
    kind: Kind = "sparse" if scheme == "SPARSE" and "CHANNEL" in names else "explicit"
    return _explicit(hdu, table, kind, cells, order, column, nest=is_nested, frame=_frame(hdu, frame))


def _implicit(hdu: Hdu, table: _Table, order: int | None, column: str | int | None, **scheme: Any) -> Layout:
    chosen, banded = _chosen(hdu, table.columns, column)
    n_values = chosen[0].repeat * table.n_rows
    if order is None:
        order = next((k for k in range(MAX_ORDER + 1) if healpix.n_cells(k) == n_values), None)
        if order is None:
            raise MaskFormatError(f"NSIDE is missing, and {n_values} values are not a map of the whole sky")
    kind: Kind = "full"
    start = 0
    if n_values != healpix.n_cells(order):
        kind, start = "range", hdu.integer("FIRSTPIX") if "FIRSTPIX" in hdu else 0
        stop = hdu.integer("LASTPIX") + 1 if "LASTPIX" in hdu else healpix.n_cells(order)
        if not 0 <= start < stop <= healpix.n_cells(order) or n_values != stop - start:
            raise MaskFormatError(
                f"a map of NSIDE {1 << order} has {healpix.n_cells(order)} cells, but column {chosen[0].name!r} has "
                f"{counted(n_values, 'value')}"
            )
    return Layout(kind, table.width, chosen, n_values, banded, bands=_bands(hdu), order=order, start=start, **scheme)


def _explicit(
    hdu: Hdu, table: _Table, kind: Kind, cells: Column, order: int | None, column: str | int | None, **scheme: Any
) -> Layout:
    rest = [one for one in table.columns if one is not cells]
    channels = next((one for one in rest if one.name.upper() == "CHANNEL"), None) if kind == "sparse" else None
    for one, what in ((cells, "cells"), (channels, "energy bins")):
        if one is not None and not one.is_integer:
            raise MaskFormatError(
                f"column {one.name!r} must have the numbers of the {what}, but its type is {one.code}"
            )
    rest = [one for one in rest if one is not channels]
    if not rest:
        raise MaskFormatError(f"the table has cells, but no values: its only column is {cells.name!r}")
    chosen, banded = _chosen(hdu, rest, column)
    if chosen[0].repeat != cells.repeat or (channels is not None and channels.repeat != cells.repeat):
        raise MaskFormatError(
            f"a row has {counted(chosen[0].repeat, 'value')} of {chosen[0].name!r}, and "
            f"{counted(cells.repeat, 'number')} of cells in {cells.name!r}"
        )
    banded = banded or channels is not None
    n_values = table.n_rows * cells.repeat
    return Layout(
        kind,
        table.width,
        chosen,
        n_values,
        banded,
        bands=_bands(hdu),
        order=order,
        cells=cells,
        channels=channels,
        **scheme,
    )


def _bands(hdu: Hdu) -> str | None:
    return _word(hdu, "BANDSHDU") or None


def _nested(hdu: Hdu, ordering: str, nest: bool | None) -> bool:
    if ordering.startswith("NEST"):
        found: bool | None = True
    elif ordering == "RING":
        found = False
    elif ordering:
        raise MaskFormatError(f"ORDERING must be RING, NESTED or NUNIQ, but is {ordering!r}")
    else:
        # redmapper and other writers of IDL have NEST = 0 or 1.
        value = hdu.get("NEST") if "NEST" in hdu else None
        found = bool(value) if value in (0, 1) else None
    if nest is not None and as_flag(nest, "nest") is not (nest if found is None else found):
        raise MaskFormatError(f"nest is {nest}, but the cells of the file are in {'NESTED' if found else 'RING'} order")
    if found is None and nest is None:
        raise MaskFormatError(
            "ORDERING is missing: give nest=True if the cells are in NESTED order, nest=False for RING"
        )
    return bool(nest if found is None else found)


def _frame(hdu: Hdu, frame: str | None) -> str:
    word = _word(hdu, "COORDSYS")
    asked = None if frame is None else check_frame(frame)
    if not word:
        if asked is None:
            raise MaskFormatError(
                "COORDSYS is missing: give frame='icrs' if the cells are in equatorial coordinates, or frame='galactic'"
            )
        return asked
    found = next((name for name, words in _FRAMES.items() if word in words), None)
    if found is None:
        raise MaskFormatError(f"COORDSYS must be 'C' (equatorial), 'G' (Galactic) or 'E' (ecliptic), but is {word!r}")
    if asked is not None and asked != found:
        raise MaskFormatError(f"frame is {asked!r}, but the cells of the file are in {found!r} (COORDSYS = {word!r})")
    return found


def _order(hdu: Hdu) -> int | None:
    if "NSIDE" in hdu:
        nside = hdu.integer("NSIDE")
        if nside < 1 or nside & (nside - 1) or nside > 1 << MAX_ORDER:
            raise MaskFormatError(
                f"NSIDE must be a power of two up to 2**{MAX_ORDER}, but is {nside}: masks have the cells of the "
                "NESTED scheme. Convert the map first, with healpy.ud_grade or by interpolation"
            )
        return nside.bit_length() - 1
    if "ORDER" in hdu:
        order = hdu.integer("ORDER")
        if not 0 <= order <= MAX_ORDER:
            raise MaskFormatError(f"ORDER must be from 0 to {MAX_ORDER}, but is {order}")
        return order
    return None


# ---------------------------------------------------------------------- columns


def _columns(hdu: Hdu) -> _Table:
    n_fields, width, n_rows = hdu.integer("TFIELDS"), hdu.integer("NAXIS1"), hdu.integer("NAXIS2")
    if not 1 <= n_fields <= _MAX_TFIELDS:
        raise MaskFormatError(f"TFIELDS must be from 1 to {_MAX_TFIELDS}, but is {n_fields}")
    columns: list[Column] = []
    first = 0
    for i in range(1, n_fields + 1):
        form = _FORM.match(str(hdu.get(f"TFORM{i}")))
        if form is None:
            raise MaskFormatError(f"TFORM{i} is not the type of a column: {hdu.get(f'TFORM{i}')!r}")
        name = str(hdu.get(f"TTYPE{i}") or f"column {i}").strip()
        repeat = int(form[1]) if form[1] else 1
        columns.append(
            Column(
                name,
                form[2],
                repeat,
                first,
                _number(hdu, f"TSCAL{i}", 1),
                _number(hdu, f"TZERO{i}", 0),
                hdu.integer(f"TNULL{i}") if f"TNULL{i}" in hdu and form[2] in "BIJK" else None,
                _unit(hdu, f"TUNIT{i}"),
            )
        )
        first += columns[-1].width
    if first != width or width == 0:
        raise MaskFormatError(f"a row has {width} bytes (NAXIS1), but its columns have {first}")
    if n_rows < 0 or hdu.size < width * n_rows or ("PCOUNT" in hdu and hdu.integer("PCOUNT")):
        raise MaskFormatError(f"the table has {hdu.size} bytes of data, and {n_rows} rows of {width} bytes")
    one = columns[0]
    if n_fields == 1 and one.is_numeric and one.repeat and (one.code != "X" or one.repeat % 8 == 0):
        # The rows of a table of one column do not matter, and may be long.
        per_row = 8 if one.code == "X" else 1
        return _Table([replace(one, repeat=per_row)], width * per_row // one.repeat, n_rows * one.repeat // per_row)
    return _Table(columns, width, n_rows)


def _image(hdu: Hdu) -> _Table:
    """An image as a table of one column."""
    code = _IMAGE_CODES.get(hdu.integer("BITPIX"))
    if code is None or hdu.get("XTENSION") not in (None, "IMAGE") or not hdu.size or "ZIMAGE" in hdu:
        raise MaskFormatError("the HDU has neither a table nor an image of a HEALPix map")
    null = hdu.integer("BLANK") if "BLANK" in hdu and code in "BIJK" else None
    scale, zero = _number(hdu, "BSCALE", 1), _number(hdu, "BZERO", 0)
    one = Column("image", code, 1, 0, scale, zero, null, _unit(hdu, "BUNIT"))
    return _Table([one], one.width, hdu.size // one.width)


def _number(hdu: Hdu, keyword: str, default: int) -> float:
    value = hdu.get(keyword) if keyword in hdu else default
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:
        raise MaskFormatError(f"{keyword} must be a number, but is {value!r}")
    return value


def _unit(hdu: Hdu, keyword: str) -> u.UnitBase | None:
    text = str(hdu.get(keyword) or "").strip() if keyword in hdu else ""
    return u.Unit(text, parse_strict="silent") if text else None


def _chosen(hdu: Hdu, columns: list[Column], column: str | int | None) -> tuple[tuple[Column, ...], bool]:
    """The columns with the values, and whether they are energy bins."""
    usable = [one for one in columns if one.is_numeric and one.repeat]
    if column is not None:
        return (_asked(columns, column),), False
    bands = [one for one in usable if _BAND_COLUMN.match(one.name.upper())]
    if not usable:
        raise MaskFormatError(f"no column has numbers: the columns are {_listed(columns)}")
    if not bands:
        named = [one for one in usable if one.name.upper() not in _CELL_COLUMNS]
        return (named or usable)[:1], False  # type: ignore[return-value]
    if len({(one.code, one.repeat, one.dtype, one.scale, one.zero, one.null) for one in bands}) > 1:
        raise MaskFormatError(f"the columns of the energy bins have different types: {_listed(bands)}")
    return tuple(bands), len(bands) > 1 or "BANDSHDU" in hdu


def _asked(columns: list[Column], column: str | int) -> Column:
    if isinstance(column, str):
        found = [one for one in columns if one.name == column] or [
            one for one in columns if one.name.upper() == column.strip().upper()
        ]
        if not found and column.strip().isdecimal():
            return _asked(columns, int(column))
        if len(found) != 1:
            fault = f"several columns are named {column!r}" if found else f"there is no column {column!r}"
            raise MaskFormatError(f"{fault}: the columns with values are {_listed(columns)}")
        one = found[0]
    else:
        if not 0 <= column < len(columns):
            raise MaskFormatError(f"there is no column {column}: the columns with values are {_listed(columns)}")
        one = columns[column]
    if not one.is_numeric or not one.repeat:
        raise MaskFormatError(f"column {one.name!r} has no numbers, its type is {one.repeat}{one.code}")
    return one


def _listed(columns: list[Column]) -> str:
    names = ", ".join(f"{i} {one.name!r}" for i, one in enumerate(columns[:20]))
    return names + (", ..." if len(columns) > 20 else "")


# ---------------------------------------------------------------------- booleans


def truths(column: Column, stored: NDArray[Any], first: int) -> NDArray[np.bool_]:
    """Whether each stored value is 1; `first` is the number of the first one.

    Raises
    ------
    MaskFormatError
        If a value is neither 0 nor 1.
    """
    if column.code in "LX":
        return column.values(stored, first)
    if (column.scale, column.zero) == (1, 0) and column.null not in (0, 1):
        # The bytes of 0 and 1 are compared: numpy swaps the bytes of big-endian numbers slowly.
        raw = stored.view(f"u{stored.dtype.itemsize}")
        kept = raw == np.ones(1, stored.dtype).view(raw.dtype)[0]
        if np.count_nonzero(kept) + np.count_nonzero(raw == 0) == kept.size:
            return np.asarray(kept)
    return booleans(column, column.values(stored, first), first)


def booleans(column: Column, values: NDArray[Any], first: int = 0) -> NDArray[np.bool_]:
    """Whether each value is 1; as `truths`, for values of `Column.values`."""
    kept = values == 1
    bad = np.flatnonzero(~kept & (values != 0))
    if bad.size:
        value = values[bad[0]]
        what = "missing" if is_missing(values[bad[:1]]) is not None else f"{value}"
        ways = "Mask.from_map(path, threshold), where nan= says what becomes of missing values"
        if column.name.upper().startswith("PROB"):
            ways = "Mask.from_skymap(path, credible=0.9)"
        raise MaskFormatError(
            f"a mask has values 0 and 1, but value {first + bad[0]} of column {column.name!r} is {what}: make a mask "
            f"of this map with {ways}"
        )
    return np.asarray(kept)
