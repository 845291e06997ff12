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

A set of masks with names has layout 2. Its layers follow each other in the order of their bits, each with the tables of
a mask as above. What belongs to a single mask is in the header of the layer's first table, so each layer without energy
bins is a MOC as it stands::

    PRIMARY   no data; HPMASK = 2, NLAYERS, MASKHASH (of the set), CREATOR, DATE
    <name>    the MOC of the first layer; EXTVER = 1, LAYER (its name, escaped), BIT = 0, and NPLANES, NBINS, MASKHASH
              and HISTORY of the layer
    EBOUNDS   only for a layer with energy bins
    PLANE     as above; the planes of all layers are numbered in one series
    <name>    the second layer; EXTVER = 2 ...

EXTNAME has the beginning of the name. It is for readers: FITS does not distinguish upper and lower case in it. The
digest of the set covers the names and their order, so layers that change places are noticed.

The history is written to HISTORY cards, one per line of text. Characters other than printable ASCII are escaped as in
Python strings, and a backslash at the end of a card means that the line continues in the next card.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import BufferedReader
from itertools import takewhile
from typing import IO, Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

import hpmask
from hpmask._files.fits_file import advice_for, content_of
from hpmask._files.fits_text import add_history, add_title, escaped, history_of, unescaped
from hpmask._files.hdu import Hdu, write_hdu
from hpmask._utils.arguments import check_order
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.warn import warn
from hpmask._utils.words import brief, counted
from hpmask.core.named import check_name, layers_of
from hpmask.core.rangeset import RangeSet, uniq_ranges
from hpmask.core.rotate import affordable_order
from hpmask.core.transform import reduce, to_frame
from hpmask.core.value import MaskValue, distinct_planes, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.frames import COORDSYS
from hpmask.io.cells import disjoint
from hpmask.io.fits_part import PART_FROM, ranges_within
from hpmask.io.format import Footprint, Format
from hpmask.io.healpix_table import starts_with_map
from hpmask.io.healsparse_read import starts_with_sparse_map
from hpmask.io.identity import mask_digest, set_digest
from hpmask.io.opened import to_end

__all__ = ["FORMAT"]

_LAYOUT, _LAYOUT_OF_SETS = 1, 2
# Characters of the name of a layer in EXTNAME, which fits into a card.
_EXTNAME = 60
# Ranges of the MOC beside a mask in Galactic coordinates, unless the mask has nearly as many.
_MOST_RANGES = 1e6
_FRAMES = {letter: frame for frame, letter in COORDSYS.items()}

# The finest order whose UNIQ numbers fit into 32 bits. MOCs of version 1 give order 29 there all the same.
_MAX_ORDER_32 = 13

_EBOUNDS = np.dtype([("CHANNEL", "i4"), ("E_MIN", "f8"), ("E_MAX", "f8"), ("PLANE", "i4")])


# ---------------------------------------------------------------------- writing


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    # Whatever cannot be written raises here, before the first byte is written.
    tables = _tables(mask)
    primary = _primary_header(_LAYOUT)
    _describe(primary, mask)
    stream: Any = file
    # A gzipped file says that it is seekable, but what is written cannot be changed.
    if isinstance(stream, gzip.GzipFile) or not file.seekable():
        primary["MASKHASH"] = mask_digest(mask)
        write_hdu(file, primary)
        _write_tables(file, tables)
        return
    # The digest takes as long as all the rest. A second thread makes it meanwhile, and the header gets it at the end.
    start = file.tell()
    write_hdu(file, primary)
    jobs: list[Callable[[], Any]] = [lambda: _write_tables(file, tables), lambda: mask_digest(mask)]
    _, primary["MASKHASH"] = thread_map(lambda job: job(), jobs, 2 if thread_count(None) > 1 else 1)
    end = file.tell()
    file.seek(start)
    write_hdu(file, primary)
    file.seek(end)


def _write_set(layers: Mapping[str, MaskValue], file: IO[bytes]) -> None:
    hdus = []
    n_planes = 0
    digests = dict(zip(layers, thread_map(mask_digest, layers.values()), strict=True))
    for bit, (name, mask) in enumerate(layers.items()):
        tables = _tables(mask, first=n_planes + 1)
        header, _ = tables[0]
        header["EXTNAME"] = escaped(name)[:_EXTNAME]
        header["EXTVER"] = bit + 1
        header["BIT"] = (bit, "bit of the layer in flags")
        # Without a comment, which astropy would have to cut where the name is long.
        header["LAYER"] = escaped(name)
        _describe(header, mask)
        header["MASKHASH"] = digests[name]
        n_planes += header["NPLANES"]
        hdus += tables
    primary = _primary_header(_LAYOUT_OF_SETS)
    primary["NLAYERS"] = (len(layers), "layers, each a MOC and its PLANE tables")
    primary["MASKHASH"] = set_digest(digests)
    write_hdu(file, primary)
    _write_tables(file, hdus)


Table = tuple[fits.Header, NDArray[Any]]


def _tables(mask: MaskValue, *, first: int = 1) -> list[Table]:
    """The tables of a mask; `first` is the EXTVER of its first PLANE."""
    planes = _own_planes(mask)
    outline = reduce(mask, "any")
    if mask.frame != "icrs":
        # For other programs: cells that are much larger than their order says are at an order that these can read.
        outline = to_frame(outline, "icrs", order=affordable_order(outline.planes[0], mask.order, _MOST_RANGES))
    tables = [(_ranges_header(outline.planes[0], "icrs", "MOC", 1), _boundaries(outline.planes[0]))]
    if mask.energy is not None:
        tables.append(_bounds_hdu(mask, mask.energy, planes, first))
    for number, plane in enumerate(planes, start=first):
        tables.append((_ranges_header(plane, mask.frame, "PLANE", number), _boundaries(plane)))
    return tables


def _own_planes(mask: MaskValue) -> list[RangeSet]:
    """The planes that need tables of their own, besides the MOC."""
    plain = mask.energy is None and mask.frame == "icrs"
    # Equal planes are one object: this keeps each of them once.
    return [] if plain else distinct_planes(mask)


def _write_tables(file: IO[bytes], tables: list[Table]) -> None:
    for header, data in tables:
        write_hdu(file, header, data)


def _primary_header(layout: int) -> fits.Header:
    header = fits.PrimaryHDU().header
    header["HPMASK"] = (layout, "version of hpmask's layout of masks")
    header["CREATOR"] = (f"hpmask {hpmask.__version__}", "program that wrote this file")
    header["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "date of writing (UTC)")
    return header


def _describe(header: fits.Header, mask: MaskValue) -> None:
    """Add what belongs to one mask to a header."""
    header["NPLANES"] = (len(_own_planes(mask)), "PLANE tables; 0 if the MOC is the mask")
    header["NBINS"] = (0 if mask.energy is None else mask.energy.n_bins, "energy bins")
    add_title(header, mask.title)
    # In the place of the digest. Without a comment, since the digest fills the card.
    header["MASKHASH"] = "0" * 64
    add_history(header, mask.history.split("\n") if mask.history else [])


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


def _bounds_hdu(mask: MaskValue, axis: EnergyAxis, planes: list[RangeSet], first: int) -> Table:
    unit = axis.unit.to_string()
    if u.Unit(unit, parse_strict="silent") != axis.unit:
        raise ValueError(
            f"the unit of the energy edges, {unit!r}, cannot be read back: use a unit with a name, such as TeV"
        )
    number = {id(plane): i for i, plane in enumerate(planes, start=first)}
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
    return start.startswith(b"SIMPLE  =") and not starts_with_map(start) and not starts_with_sparse_map(start)


def _keeps_history(start: bytes) -> bool:
    """Whether this is the beginning of a file that hpmask wrote."""
    cards = (start[i : i + 80] for i in range(0, len(start), 80))
    return start.startswith(b"SIMPLE  =") and any(
        card.startswith(b"HPMASK  =") for card in takewhile(_before_end, cards)
    )


def _before_end(card: bytes) -> bool:
    return card != b"END".ljust(80)


def _read(file: BufferedReader[Any], name: str, within: Footprint | None = None) -> MaskValue:
    primary = Hdu(file, 0)
    if "HPMASK" not in primary:
        # Other programs need not sort the ranges, and nothing but the whole table shows whether they did.
        primary.skip()
        mask = _read_moc(file, primary, name)
        to_end(file)
        return mask
    if _layout(primary) == _LAYOUT_OF_SETS:
        n_layers = primary.integer("NLAYERS")
        raise ValueError(
            f"this is a set of {counted(n_layers, 'layer')}: read it with MaskSet.read, or one of them with layer="
        )
    mask, n_hdus, _ = _read_mask(file, primary, _own_hdu(file, 1, "MOC"), 1, name, within=within)
    _check_end(file, n_hdus)
    return mask


def _read_set(file: BufferedReader[Any], name: str, within: Footprint | None = None) -> dict[str, MaskValue]:
    primary = Hdu(file, 0)
    if "HPMASK" not in primary or _layout(primary) == _LAYOUT:
        raise ValueError("this is the file of a single mask, without layers: read it with Mask.read")
    layers: dict[str, MaskValue] = {}
    digests = {}
    n_layers, n_hdus, n_planes = primary.integer("NLAYERS"), 1, 0
    # One at a time, because the number of layers in the header may be wrong.
    for bit in range(n_layers):
        hdu = _own_hdu(file, n_hdus, None)
        layer, its_bit = hdu.get("LAYER"), hdu.get("BIT")
        if not isinstance(layer, str):
            raise MaskFormatError(f"HDU {n_hdus} must be that of layer {bit}, but has no LAYER, the name of a layer")
        layer = unescaped(layer)
        check_name(layer)
        if its_bit != bit:
            raise MaskFormatError(f"HDU {n_hdus} must be that of bit {bit}, but {layer!r} has bit {its_bit}")
        if layer in layers:
            raise MaskFormatError(f"there are two layers {layer!r}")
        digests[layer] = hdu.get("MASKHASH")
        layers[layer], n_hdus, n_planes = _read_mask(
            file, hdu, hdu, n_hdus, name, planes_before=n_planes, within=within
        )
    _check_end(file, n_hdus)
    if primary.get("MASKHASH") != set_digest(digests):
        raise MaskFormatError("the file is damaged: MASKHASH, the digest of names and layers, is that of another set")
    return layers_of(layers)


def _layout(primary: Hdu) -> int:
    primary.require_sums()
    if primary.size:
        raise MaskFormatError(f"the primary HDU has {primary.size} bytes of data, but that of a mask has none")
    if (layout := primary.integer("HPMASK")) not in (_LAYOUT, _LAYOUT_OF_SETS):
        raise MaskFormatError(
            f"the file has layout {layout}, but hpmask {hpmask.__version__} reads layouts {_LAYOUT} and "
            f"{_LAYOUT_OF_SETS}"
        )
    return layout


def _read_mask(
    file: BufferedReader[Any],
    head: Hdu,
    moc: Hdu,
    number: int,
    name: str,
    *,
    planes_before: int = 0,
    within: Footprint | None = None,
) -> tuple[MaskValue, int, int]:
    """A mask, the number of the HDU after it, and the number of PLANE tables so far.

    Its first table is `moc`, HDU `number`, and `head` has the keywords of the mask.
    """
    n_planes, n_bins = head.integer("NPLANES"), head.integer("NBINS")
    if n_planes < 0 or n_bins < 0 or bool(n_planes) < bool(n_bins):
        raise MaskFormatError(
            f"the header gives {n_planes} planes and {n_bins} energy bins, which contradict each other"
        )
    within = within if file.seekable() else None
    axis, of_bin, planes, frames, whole = None, None, [], [], True
    stop = number + 1 + (n_bins > 0) + n_planes
    # One at a time, because the number of HDUs in the header may be wrong.
    for i in range(number, stop):
        if i == number + 1 and n_bins:
            axis, of_bin = _read_bounds(_own_hdu(file, i, "EBOUNDS"), n_bins, planes_before + 1, n_planes)
            continue
        hdu = moc if i == number else _own_hdu(file, i, "PLANE")
        if i == number and n_planes and within is not None:
            # It may be in another frame than the planes, and is not needed.
            hdu.check_size()
            hdu.skip()
            continue
        # A MOC that PLANE tables follow holds nothing new. It is read to check its sums.
        plane, frame, is_whole = _read_table(hdu, name, within)
        planes.append(plane)
        frames.append(frame)
        whole = whole and is_whole
    planes, frames = planes[-n_planes or None :], frames[-n_planes or None :]
    if len(set(frames)) > 1:
        raise MaskFormatError(f"the planes are in different frames: {frames}")
    if of_bin is not None:
        planes = [planes[i] for i in of_bin]
    elif n_planes > 1:
        raise MaskFormatError(f"the file has {n_planes} planes, but no energy bins")
    mask = new_mask(planes, frame=frames[0], energy=axis, history="\n".join(history_of(head.history)))
    digest = head.get("MASKHASH")
    # Of the parts of a mask there is no digest.
    if whole and digest != mask_digest(mask):
        fault = "is missing" if digest is None else "is that of another mask"
        raise MaskFormatError(f"the file is damaged: MASKHASH, the digest of planes and energy bins, {fault}")
    return mask, stop, planes_before + n_planes


def _check_end(file: IO[bytes], n_hdus: int) -> None:
    if file.read(1):
        raise MaskFormatError(f"there are more bytes after the last table, HDU {n_hdus - 1}")


def _own_hdu(file: IO[bytes], number: int, expected: str | None) -> Hdu:
    """The next HDU, with its sums, and with an EXTNAME that is known except for those of layers."""
    try:
        hdu = Hdu(file, number)
    except EOFError as error:
        what = "a layer" if expected is None else expected
        raise MaskFormatError(f"the file is cut short: HDU {number}, {what}, is missing") from error
    hdu.require_sums()
    if expected is not None and hdu.get("EXTNAME") != expected:
        raise MaskFormatError(f"HDU {number} must be {expected}, it is {hdu.get('EXTNAME')!r}")
    return hdu


def _read_bounds(hdu: Hdu, n_bins: int, first: int, n_planes: int) -> tuple[EnergyAxis, NDArray[np.int64]]:
    """The energy axis and the plane of each bin, counted from 0; `first` is the EXTVER of the first plane."""
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
    planes = table["PLANE"].astype(np.int64) - first
    bad = np.flatnonzero((planes < 0) | (planes >= n_planes))
    if bad.size:
        raise MaskFormatError(
            f"EBOUNDS: bin {bad[0]} has plane {planes[bad[0]] + first}, but there are planes {first} to "
            f"{first + n_planes - 1}"
        )
    if hdu.get("TUNIT3") != hdu.get("TUNIT2"):
        raise MaskFormatError("EBOUNDS: E_MIN and E_MAX have different units")
    axis_name = hdu.get("AXISNAME")
    if not isinstance(axis_name, str):
        raise MaskFormatError(f"EBOUNDS: AXISNAME must be a name, but is {axis_name!r}")
    try:
        edges = u.Quantity(np.append(low, high[-1]), hdu.get("TUNIT2"))
        return EnergyAxis(edges, name=unescaped(axis_name), interp=hdu.get("INTERP")), planes
    except (TypeError, ValueError) as error:
        raise MaskFormatError(f"EBOUNDS: {brief(error)}") from error


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
    # Nor may the MOC of a layer, if that has planes.
    own += ["LAYER"] * ("LAYER" in hdu and hdu.get("NPLANES") != 0)
    own += ["CREATOR"] * str(primary.get("CREATOR")).startswith("hpmask ")
    plane, frame, _ = _read_table(hdu, name)
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


def _read_table(hdu: Hdu, name: str, within: Footprint | None = None) -> tuple[RangeSet, str, bool]:
    """The sky in a MOC's table, its frame, and whether this is all of it and has been checked.

    With `within`, the table must be sorted. Of a large one, only the rows that meet this sky are read.
    """
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

        if within is not None and dtype.itemsize == 8 and hdu.size >= PART_FROM:
            hdu.check_size()
            try:
                part = ranges_within(hdu, order, within(order, _FRAMES[letter]).planes[0])
            except MaskFormatError as error:
                raise MaskFormatError(f"damaged MOC: {brief(error)}") from error
            hdu.skip()
            return part, _FRAMES[letter], False

    values = hdu.data(dtype, plane_of)
    try:
        plane = plane_of(values)
    except ValueError as error:
        raise MaskFormatError(f"damaged MOC: {brief(error)}") from error
    return plane, _FRAMES[letter], True


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
    description=(
        "IVOA MOC 2.0, with additional tables for energy bins and the Galactic frame; one MOC for each layer of a set. "
        "Holds all masks and sets."
    ),
    suffixes=(".fits", ".fit"),
    matches=_matches,
    read=_read,
    write=_write,
    options=("within",),
    keeps_history=_keeps_history,
    read_set=_read_set,
    write_set=_write_set,
)
