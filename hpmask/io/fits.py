"""Masks as FITS files.

A mask in ICRS without energy bins is one table, a MOC as in the IVOA recommendation 2.0::

    PRIMARY   no data; HPMASK (version of this layout), NPLANES = 0, NBINS = 0, MASKHASH (see below), CREATOR,
              DATE, HISTORY
    MOC       one column RANGE of int64: the start and the stop of each range, in cells of order 29

For a mask with energy bins, or in the Galactic frame, the MOC holds the sky kept in any bin, in ICRS, for programs
that read only MOCs. hpmask reads the tables that follow it::

    PRIMARY   ... NPLANES = number of PLANE tables, NBINS = number of energy bins or 0
    MOC       the sky kept in any bin
    EBOUNDS   only with NBINS > 0. A row per bin: CHANNEL, E_MIN, E_MAX (float64, with their unit), PLANE
              (the EXTVER of its plane); and AXISNAME and INTERP
    PLANE     one for each distinct plane, as the MOC but with COORDSYS = 'G' in the Galactic frame

Every HDU has CHECKSUM and DATASUM. These are sums of 32-bit words, so they do not change when words change places:
two bins could swap their planes unnoticed. MASKHASH is therefore a SHA-256 digest of the whole mask; the module
`hpmask.io.identity` defines it. A file without it counts as damaged.

The history is written to HISTORY cards, one per line of text. Characters other than printable ASCII are escaped as in
Python strings, and a backslash at the end of a card means that the line continues in the next card.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import takewhile
from typing import IO, Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

import hpmask
from hpmask._files.fits_file import advice_for, content_of
from hpmask._files.fits_text import add_history, escaped, history_of, unescaped
from hpmask._files.hdu import Hdu, write_hdu
from hpmask._utils.arguments import check_order
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.warn import warn
from hpmask.core.rangeset import RangeSet, uniq_ranges
from hpmask.core.transform import reduce, to_frame
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.frames import COORDSYS
from hpmask.io.cells import disjoint
from hpmask.io.format import Format
from hpmask.io.healpix_table import starts_with_map
from hpmask.io.identity import mask_digest

__all__ = ["FORMAT"]

_LAYOUT = 1
_FRAMES = {letter: frame for frame, letter in COORDSYS.items()}

# The finest order whose UNIQ numbers fit into 32 bits. MOCs of version 1 give order 29 there all the same.
_MAX_ORDER_32 = 13

_EBOUNDS = np.dtype([("CHANNEL", "i4"), ("E_MIN", "f8"), ("E_MAX", "f8"), ("PLANE", "i4")])


# ---------------------------------------------------------------------- writing


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    plain = mask.energy is None and mask.frame == "icrs"
    # Equal planes are one object: this keeps each of them once.
    planes = [] if plain else list({id(plane): plane for plane in mask.planes}.values())
    # Whatever cannot be written raises here, before the first byte is written.
    bounds = None if mask.energy is None else _bounds_hdu(mask, mask.energy, planes)
    outline = reduce(mask, "any")
    if mask.frame != "icrs":
        outline = to_frame(outline, "icrs")

    def tables() -> None:
        write_hdu(file, _ranges_header(outline.planes[0], "icrs", "MOC", 1), _boundaries(outline.planes[0]))
        if bounds is not None:
            write_hdu(file, *bounds)
        for number, plane in enumerate(planes, start=1):
            write_hdu(file, _ranges_header(plane, mask.frame, "PLANE", number), _boundaries(plane))

    primary = _primary_header(mask, len(planes))
    stream: Any = file
    # A gzipped file says that it is seekable, but what is written cannot be changed.
    if isinstance(stream, gzip.GzipFile) or not file.seekable():
        primary["MASKHASH"] = mask_digest(mask)
        write_hdu(file, primary)
        tables()
        return
    # The digest takes as long as all the rest. A second thread makes it meanwhile, and the header gets it at the end.
    start = file.tell()
    write_hdu(file, primary)
    jobs: list[Callable[[], Any]] = [tables, lambda: mask_digest(mask)]
    _, primary["MASKHASH"] = thread_map(lambda job: job(), jobs, 2 if thread_count(None) > 1 else 1)
    end = file.tell()
    file.seek(start)
    write_hdu(file, primary)
    file.seek(end)


def _primary_header(mask: MaskValue, n_planes: int) -> fits.Header:
    header = fits.PrimaryHDU().header
    header["HPMASK"] = (_LAYOUT, "version of hpmask's layout of masks")
    header["NPLANES"] = (n_planes, "PLANE tables; 0 if the MOC is the mask")
    header["NBINS"] = (0 if mask.energy is None else mask.energy.n_bins, "energy bins")
    # In the place of the digest. Without a comment, since the digest fills the card.
    header["MASKHASH"] = "0" * 64
    header["CREATOR"] = (f"hpmask {hpmask.__version__}", "program that wrote this file")
    header["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "date of writing (UTC)")
    add_history(header, mask.history.split("\n") if mask.history else [])
    return header


def _ranges_header(plane: RangeSet, frame: str, name: str, version: int) -> fits.Header:
    header = _table_header(2 * plane.n_ranges, ["RANGE"], np.dtype([("RANGE", "i8")]), name)
    header["EXTVER"] = version
    header["MOCVERS"] = ("2.0", "version of the IVOA's MOC standard")
    header["MOCDIM"] = ("SPACE", "dimension of the MOC")
    header["ORDERING"] = ("RANGE", "first cell of a range, last cell + 1")
    header["COORDSYS"] = (COORDSYS[frame], "C = ICRS, G = Galactic")
    header["MOCORD_S"] = (plane.order, "order of the cells")
    header["MOCTOOL"] = (f"hpmask {hpmask.__version__}", "program that made the MOC")
    return header


def _bounds_hdu(mask: MaskValue, axis: EnergyAxis, planes: list[RangeSet]) -> tuple[fits.Header, NDArray[Any]]:
    unit = axis.unit.to_string()
    if u.Unit(unit, parse_strict="silent") != axis.unit:
        raise ValueError(
            f"the unit of the energy edges, {unit!r}, cannot be read back: use a unit with a name, such as TeV"
        )
    number = {id(plane): i for i, plane in enumerate(planes, start=1)}
    table = np.empty(axis.n_bins, dtype=_EBOUNDS)
    table["CHANNEL"] = np.arange(axis.n_bins)
    table["E_MIN"] = axis.energy_min.value
    table["E_MAX"] = axis.energy_max.value
    table["PLANE"] = [number[id(plane)] for plane in mask.planes]
    header = _table_header(axis.n_bins, list(_EBOUNDS.names or ()), _EBOUNDS, "EBOUNDS")
    header.insert("TTYPE3", ("TUNIT2", unit))
    header.insert("TTYPE4", ("TUNIT3", unit))
    # Without a comment, which astropy would have to cut where the name is long.
    header["AXISNAME"] = escaped(axis.name)
    header["INTERP"] = (axis.interp, "interpolation between the edges")
    return header, table


def _table_header(n_rows: int, names: list[str], dtype: np.dtype[Any], extname: str) -> fits.Header:
    codes = {"i4": "1J", "i8": "1K", "f8": "1D"}
    columns = [fits.Column(name, codes[dtype[name].str[1:]]) for name in names]
    header = fits.BinTableHDU.from_columns(columns, nrows=0).header
    header["NAXIS2"] = n_rows
    header["EXTNAME"] = extname
    return header


def _boundaries(plane: RangeSet) -> NDArray[np.uint64]:
    return plane.ranges.reshape(-1)


# ---------------------------------------------------------------------- reading


def _matches(start: bytes) -> bool:
    return start.startswith(b"SIMPLE  =") and not starts_with_map(start)


def _keeps_history(start: bytes) -> bool:
    """Whether this is the beginning of a file that hpmask wrote."""
    cards = (start[i : i + 80] for i in range(0, len(start), 80))
    return start.startswith(b"SIMPLE  =") and any(
        card.startswith(b"HPMASK  =") for card in takewhile(_before_end, cards)
    )


def _before_end(card: bytes) -> bool:
    return card != b"END".ljust(80)


def _read(file: IO[bytes], name: str) -> MaskValue:
    primary = Hdu(file, 0)
    if "HPMASK" in primary:
        return _read_own(file, primary, name)
    primary.skip()
    return _read_moc(file, primary, name)


def _read_own(file: IO[bytes], primary: Hdu, name: str) -> MaskValue:
    primary.require_sums()
    if (layout := primary.integer("HPMASK")) != _LAYOUT:
        raise MaskFormatError(f"the file has layout {layout}, but hpmask {hpmask.__version__} reads layout {_LAYOUT}")
    n_planes, n_bins = primary.integer("NPLANES"), primary.integer("NBINS")
    if n_planes < 0 or n_bins < 0 or bool(n_planes) < bool(n_bins):
        raise MaskFormatError(
            f"the header gives {n_planes} planes and {n_bins} energy bins, which contradict each other"
        )
    if primary.size:
        raise MaskFormatError(f"the primary HDU has {primary.size} bytes of data, but that of a mask has none")
    digest = primary.get("MASKHASH")
    axis, of_bin, planes, frames = None, None, [], []
    n_hdus = 1 + (n_bins > 0) + n_planes
    # One at a time, because the number of HDUs in the header may be wrong.
    for number in range(1, n_hdus + 1):
        expected = "MOC" if number == 1 else "EBOUNDS" if number == 2 and n_bins else "PLANE"
        hdu = _own_hdu(file, number, expected)
        if expected == "EBOUNDS":
            axis, of_bin = _read_bounds(hdu, n_bins, n_planes)
        else:
            # A MOC that PLANE tables follow holds nothing new. It is read to check its sums.
            plane, frame = _read_table(hdu, name)
            planes.append(plane)
            frames.append(frame)
    if file.read(1):
        raise MaskFormatError(f"there are more bytes after the last table, HDU {n_hdus}")
    if n_planes:
        planes, frames = planes[1:], frames[1:]
    if len(set(frames)) > 1:
        raise MaskFormatError(f"the planes are in different frames: {frames}")
    if of_bin is not None:
        planes = [planes[i - 1] for i in of_bin]
    elif n_planes > 1:
        raise MaskFormatError(f"the file has {n_planes} planes, but no energy bins")
    mask = new_mask(planes, frame=frames[0], energy=axis, history="\n".join(history_of(primary.history)))
    if digest != mask_digest(mask):
        fault = "is missing" if digest is None else "is that of another mask"
        raise MaskFormatError(f"the file is damaged: MASKHASH, the digest of planes and energy bins, {fault}")
    return mask


def _own_hdu(file: IO[bytes], number: int, expected: str) -> Hdu:
    try:
        hdu = Hdu(file, number)
    except EOFError as error:
        raise MaskFormatError(f"the file is cut short: HDU {number}, {expected}, is missing") from error
    hdu.require_sums()
    if hdu.get("EXTNAME") != expected:
        raise MaskFormatError(f"HDU {number} must be {expected}, it is {hdu.get('EXTNAME')!r}")
    return hdu


def _read_bounds(hdu: Hdu, n_bins: int, n_planes: int) -> tuple[EnergyAxis, NDArray[np.int64]]:
    dtype = _EBOUNDS.newbyteorder(">")
    names = list(_EBOUNDS.names or ())
    columns = [hdu.get(f"TTYPE{i}") for i in range(1, len(names) + 1)]
    if columns != names or hdu.integer("NAXIS1") != dtype.itemsize:
        raise MaskFormatError(f"EBOUNDS must have the columns {names}, it has {columns}")
    if hdu.size != n_bins * dtype.itemsize:
        rows = hdu.size / dtype.itemsize
        raise MaskFormatError(f"EBOUNDS must have a row for each of {n_bins} bins, it has {rows:g}")
    table = hdu.data(dtype, _check_bounds)
    low, high = table["E_MIN"].astype(np.float64), table["E_MAX"].astype(np.float64)
    # In an axis of decreasing energy, each bin ends where the one before it begins.
    descending = low.size > 1 and low[0] > low[1]
    if descending:
        low, high = high, low
    gaps = np.flatnonzero(low[1:] != high[:-1])
    if gaps.size:
        i = int(gaps[0])
        raise MaskFormatError(f"EBOUNDS: bin {i} ends at {high[i]} but bin {i + 1} begins at {low[i + 1]}")
    planes = table["PLANE"].astype(np.int64)
    bad = np.flatnonzero((planes < 1) | (planes > n_planes))
    if bad.size:
        raise MaskFormatError(f"EBOUNDS: bin {bad[0]} has plane {planes[bad[0]]}, but there are planes 1 to {n_planes}")
    if hdu.get("TUNIT3") != hdu.get("TUNIT2"):
        raise MaskFormatError("EBOUNDS: E_MIN and E_MAX have different units")
    axis_name = hdu.get("AXISNAME")
    if not isinstance(axis_name, str):
        raise MaskFormatError(f"EBOUNDS: AXISNAME must be a name, but is {axis_name!r}")
    try:
        edges = u.Quantity(np.append(low, high[-1]), hdu.get("TUNIT2"))
        return EnergyAxis(edges, name=unescaped(axis_name), interp=hdu.get("INTERP")), planes
    except (TypeError, ValueError) as error:
        raise MaskFormatError(f"EBOUNDS: {error}") from error


def _check_bounds(table: NDArray[Any]) -> None:
    if not (np.diff(table["E_MIN"]) > 0).all():
        raise ValueError("the energies of the bins do not increase strictly")


def _read_moc(file: IO[bytes], primary: Hdu, name: str) -> MaskValue:
    """The mask in a MOC file of another program: the first MOC in it."""
    found, kinds = [_described(primary)], [content_of(primary)]
    while True:
        try:
            hdu = Hdu(file, len(found))
        except EOFError:
            what = f"there is no MOC in this FITS file, it has {', '.join(found)}"
            raise MaskFormatError(f"{what}{advice_for(kinds)}") from None
        ordering = str(hdu.get("ORDERING")).upper()
        if hdu.get("XTENSION") == "BINTABLE" and ordering in ("NUNIQ", "RANGE"):
            break
        if hdu.get("PIXTYPE") == "HEALPIX":
            raise MaskFormatError(
                f"HDU {len(found)} is a HEALPix map (ORDERING = {ordering!r}), not a MOC: "
                "read a mask with format='healpix', and make a mask of other values with Mask.from_map"
            )
        found.append(_described(hdu))
        kinds.append(content_of(hdu))
        hdu.skip()
    # The MOC of an hpmask file is the sky kept in any bin. If the HPMASK card is lost, it must not pass for the mask.
    primary.check_header()
    own = [keyword for keyword in ("NPLANES", "MASKHASH") if keyword in primary]
    own += ["CREATOR"] * str(primary.get("CREATOR")).startswith("hpmask ")
    plane, frame = _read_table(hdu, name)
    if following := _name_of_next(file, len(found) + 1):
        own += [f"the table {following}"] * (following in ("EBOUNDS", "PLANE"))
    if own:
        raise MaskFormatError(
            f"the file is damaged: it has hpmask's {' and '.join(own)}, but no keyword HPMASK in its primary header"
        )
    # The lines below the first are notes.
    return new_mask(plane, frame=frame, history="\n".join(["", *hdu.history]))


def _name_of_next(file: IO[bytes], number: int) -> str | None:
    """EXTNAME of the next HDU, or None at the end of the file."""
    try:
        return str(Hdu(file, number).get("EXTNAME"))
    except (EOFError, MaskFormatError):
        return None


def _described(hdu: Hdu) -> str:
    """What an HDU is, in a few words."""
    kind = {None: "an image", "IMAGE": "an image", "BINTABLE": "a table", "TABLE": "an ASCII table"}
    extension = "IMAGE" if "ZIMAGE" in hdu else hdu.get("XTENSION")
    if extension is None and hdu.get("NAXIS") == 0:
        return "a primary header"
    extname = hdu.get("EXTNAME")
    return kind.get(extension, f"a {extension}") + (f" {extname!r}" if extname else "")


def _read_table(hdu: Hdu, name: str) -> tuple[RangeSet, str]:
    """The sky in a MOC's table, and its frame."""
    dimension = _dimension(hdu)
    if dimension != "SPACE":
        raise MaskFormatError(f"not a space MOC: it covers {dimension.lower().replace('.', ' and ')}")
    letter = hdu.get("COORDSYS") or "C"
    if letter not in _FRAMES:
        raise MaskFormatError(f"COORDSYS must be 'C' (ICRS) or 'G' (Galactic), but is {letter!r}")
    dtype = _integer_type(hdu)
    order = _order(hdu, dtype)
    if str(hdu.get("ORDERING")).upper() == "NUNIQ":
        # One writer is known to leave rows of 0 after the last cell. In other files they mean that the end was lost.
        fills = str(hdu.get("MOCTOOL")).startswith("CDSjavaAPI")

        def plane_of(values: NDArray[Any]) -> RangeSet:
            return _from_uniq(values, order, name, fills=fills)
    else:

        def plane_of(values: NDArray[Any]) -> RangeSet:
            return _from_ranges(values, order)

    values = hdu.data(dtype, plane_of)
    try:
        plane = plane_of(values)
    except ValueError as error:
        raise MaskFormatError(f"damaged MOC: {error}") from error
    return plane, _FRAMES[letter]


def _dimension(hdu: Hdu) -> str:
    dimension = hdu.get("MOCDIM")
    if dimension is not None:
        return str(dimension).upper()
    # Before the keyword MOCDIM existed, time MOCs had TIMESYS instead of COORDSYS.
    return "TIME" if "TIMESYS" in hdu and "COORDSYS" not in hdu else "SPACE"


def _integer_type(hdu: Hdu) -> np.dtype[Any]:
    """Type of the values in a table that has one column of integers."""
    if (n_fields := hdu.integer("TFIELDS")) != 1:
        names = [str(hdu.get(f"TTYPE{i}")) for i in range(1, min(n_fields, 9) + 1)]
        raise MaskFormatError(
            f"not a MOC but a table of {n_fields} columns ({', '.join(names)}): "
            "a multi-order map has values, and needs a threshold to become a mask"
        )
    form = re.fullmatch(r"(\d{0,9})([JK])", str(hdu.get("TFORM1")))
    if form is None:
        raise MaskFormatError(f"TFORM1 must be '1J' or '1K' (integers), but is {hdu.get('TFORM1')!r}")
    size = {"J": 4, "K": 8}[form[2]]
    if hdu.integer("NAXIS1") != size * int(form[1] or 1):
        raise MaskFormatError(f"a row of {hdu.get('NAXIS1')} bytes (NAXIS1) does not hold {form[0]} (TFORM1)")
    n_bytes = hdu.integer("NAXIS1") * hdu.integer("NAXIS2")
    if hdu.size != n_bytes:
        raise MaskFormatError(f"the table has {hdu.size} bytes of data instead of {n_bytes}")
    scale, zero = hdu.get("TSCAL1"), hdu.get("TZERO1")
    if scale not in (None, 1) or zero not in (None, 0):
        raise MaskFormatError(
            f"the column is scaled (TSCAL1 = {scale}, TZERO1 = {zero}), but the column of a MOC is not scaled"
        )
    return np.dtype(f">i{size}")


def _order(hdu: Hdu, dtype: np.dtype[Any]) -> int:
    keyword = "MOCORD_S" if "MOCORD_S" in hdu else "MOCORDER"
    order = hdu.integer(keyword)
    try:
        order = check_order(order, keyword)
    except ValueError as error:
        raise MaskFormatError(str(error)) from error
    return min(order, _MAX_ORDER_32) if dtype.itemsize == 4 else order


def _from_uniq(values: NDArray[Any], order: int, name: str, *, fills: bool) -> RangeSet:
    uniq = values.astype(np.int64)
    n_rows = int(np.flatnonzero(uniq)[-1]) + 1 if uniq.any() else 0
    if blank := uniq.size - n_rows:
        if not fills or blank * values.itemsize > 2880:
            raise ValueError(
                f"the last {blank} of {uniq.size} rows are 0, which is not a cell: the file seems to have lost its end"
            )
        warn(f"{name}: the last {blank} of {uniq.size} rows are 0, which is not a cell; they are left out")
    return disjoint(*uniq_ranges(uniq[:n_rows]), order)


def _from_ranges(values: NDArray[Any], order: int) -> RangeSet:
    if values.dtype.itemsize != 8:
        raise ValueError("ranges must be 64-bit integers (TFORM1 = '1K')")
    if values.size % 2:
        raise ValueError(f"ranges have two ends, but there are {values.size} numbers")
    pairs = values.reshape(-1, 2)
    try:
        # As unsigned integers, negative numbers are off the sky, where the check finds them without another pass.
        return RangeSet(pairs.view(">u8"), order)
    except ValueError:
        touching = (pairs[:, 0] < pairs[:, 1]).all() and (pairs[1:, 0] >= pairs[:-1, 1]).all()
        if touching:
            return RangeSet.from_ranges(pairs.astype(np.int64), order)
        # As signed integers, so that the message shows negative numbers as they are.
        return RangeSet(pairs.astype(np.int64), order)


FORMAT = Format(
    name="fits",
    description="IVOA MOC 2.0, with additional tables for energy bins and the Galactic frame. Holds all masks.",
    suffixes=(".fits", ".fit"),
    matches=_matches,
    read=_read,
    write=_write,
    keeps_history=_keeps_history,
)
