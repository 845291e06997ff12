"""Masks as HEALPix maps of 0 and 1 in FITS files.

The table is read in pieces. A full mask in NESTED order needs no array of its cells, one in RING order a byte per cell;
a mask of a part of the sky never becomes a full map.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import IO, Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

import hpmask
from hpmask._files.fits_text import add_history, add_title, history_of
from hpmask._files.hdu import Hdu
from hpmask._utils.errors import MaskFormatError
from hpmask.core import full_maps
from hpmask.core.rangeset import RangeSet, cells_in, uniq_ranges
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import healpix
from hpmask.io.cells import disjoint
from hpmask.io.ecliptic import ECLIPTIC, set_in_icrs
from hpmask.io.format import Format
from hpmask.io.healpix_read import (
    Found,
    as_given,
    axis_of,
    check_channels,
    check_memory,
    check_options,
    find,
    read_values,
    stored,
)
from hpmask.io.healpix_table import Layout, booleans, starts_with_map, truths
from hpmask.io.healpix_write import MAX_ORDER_32, ascending, describe, link, table_of, write_file
from hpmask.io.identity import mask_digest

__all__ = ["FORMAT"]

# The version of the layout of hpmask's own files, in the keyword HPXMASK of the primary header.
_LAYOUT = 1

# Bytes of the largest table that is written.
_MOST_BYTES = 16 << 30


# ---------------------------------------------------------------------- reading


def _read(
    file: IO[bytes],
    name: str,
    *,
    column: str | int | None = None,
    hdu: str | int | None = None,
    nest: bool | None = None,
    frame: str | None = None,
) -> MaskValue:
    check_options(column, hdu, nest, frame)
    found = find(file, column, hdu, nest, frame)
    own = [keyword for keyword in ("HPXMASK", "MASKHASH") if keyword in found.primary]
    if own:
        found.primary.require_sums()
        found.hdu.require_sums()
    layout = found.layout
    axis: EnergyAxis | None
    if layout.channels is not None:
        planes, axis = _sparse_planes(file, found)
    else:
        planes = _planes(file, found)
        axis = axis_of(file, found)
    # The lines of other files are notes, which stand below the first line.
    lines = history_of(found.primary.history) if own else ["", *found.hdu.history]
    axis, planes = as_given(found, axis, planes)
    frame = layout.frame
    if frame == ECLIPTIC:
        frame, planes = "icrs", [set_in_icrs(plane) for plane in planes]
    mask = new_mask(planes, frame=frame, energy=axis, history="\n".join(lines))
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


def _planes(file: IO[bytes], found: Found) -> list[RangeSet]:
    """The set of cells with the value 1, for each column."""
    layout = found.layout
    if layout.kind in ("explicit", "multi-order"):
        return _listed_planes(found)
    assert layout.order is not None
    if layout.kind == "range":
        check_memory(file, 8 * layout.n_values * len(layout.columns))
        return _range_planes(found, layout.order)
    if layout.nest:
        collected = [full_maps.NestedPieces(layout.order) for _ in layout.columns]
        for first, parts, _, _ in stored(found):
            for one, column, part in zip(collected, layout.columns, parts, strict=True):
                one.add(truths(column, part, first))
            # A map may change from cell to cell, and still be packed to a thousandth.
            check_memory(file, sum(one.nbytes for one in collected))
        return [one.plane() for one in collected]
    check_memory(file, layout.n_values * len(layout.columns))
    rows = np.empty((len(layout.columns), layout.n_values), dtype=np.bool_)
    for first, parts, _, _ in stored(found):
        for row, column, part in zip(rows, layout.columns, parts, strict=True):
            row[first : first + part.size] = truths(column, part, first)
    return [full_maps.set_of_full(row, layout.order, nest=False) for row in rows]


def _range_planes(found: Found, order: int) -> list[RangeSet]:
    layout = found.layout
    kept: list[list[NDArray[np.intp]]] = [[] for _ in layout.columns]
    for first, parts, _, _ in stored(found):
        for cells, column, part in zip(kept, layout.columns, parts, strict=True):
            cells.append(layout.start + first + np.flatnonzero(truths(column, part, first)))
    return [_of_numbers(np.concatenate(cells), order, nest=layout.nest) for cells in kept]


def _of_numbers(numbers: NDArray[Any], order: int, *, nest: bool) -> RangeSet:
    """The set of cells with these numbers, which must be valid."""
    return RangeSet.from_cells(numbers if nest else healpix.ring_to_nested(numbers, order), order)


def _listed_planes(found: Found) -> list[RangeSet]:
    """The planes of a map with a column of cell numbers. Rows of cells that are not kept are checked as well."""
    layout = found.layout
    numbers: list[NDArray[Any]] = []
    kept: list[list[NDArray[np.bool_]]] = [[] for _ in layout.columns]
    for first, parts, cells, _ in stored(found):
        assert cells is not None
        _check_cells(cells, layout, first)
        numbers.append(cells)
        for row, column, part in zip(kept, layout.columns, parts, strict=True):
            row.append(truths(column, part, first))
    cells = np.concatenate([np.empty(0, layout.cells.number_dtype if layout.cells else np.int64), *numbers])
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


def _sparse_planes(file: IO[bytes], found: Found) -> tuple[list[RangeSet], EnergyAxis]:
    """The planes of a map with a row for each cell and energy bin that is not 0."""
    layout = found.layout
    cells, channels, values = read_values(found)
    axis = axis_of(file, found)
    assert cells is not None
    assert channels is not None
    assert axis is not None
    assert layout.order is not None
    check_channels(channels, axis.n_bins)
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


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    """Write a mask: as a full map, or as its kept cells if that takes fewer bytes."""
    n_bins, order = len(mask.planes), mask.order
    outline = RangeSet.union(*mask.planes)
    n_full = healpix.n_cells(order) * n_bins
    n_part = outline.n_cells * ((4 if order <= MAX_ORDER_32 else 8) + n_bins)
    if min(n_full, n_part) > _MOST_BYTES:
        raise ValueError(
            f"a HEALPix map of order {order} with {outline.n_cells} kept cells takes more than "
            f"{_MOST_BYTES >> 30} GiB: convert the mask to a coarser order with at_order, or write it in the format "
            "'fits', which stores ranges"
        )
    primary = fits.PrimaryHDU().header
    primary["HPXMASK"] = (_LAYOUT, "version of hpmask's HEALPix files")
    axis, planes = ascending(primary, mask.energy, mask.planes)
    if n_part < n_full:
        cells = outline.cells(order)
        values = [cells_in(plane, cells, order).view(np.uint8) for plane in planes]
    else:
        cells = None
        values = [full_maps.full_of(plane, order, nest=True).view(np.uint8) for plane in planes]
    # Bytes, and not the T and F of FITS, because more programs read them.
    header, data = table_of(values, cells, order)
    describe(header, order, mask.frame, cells is not None, nest=True, name="MASK")
    bands = None if axis is None else link(header, axis, "MASK_BANDS")
    # Without a comment, since the digest fills the card.
    primary["MASKHASH"] = mask_digest(mask)
    primary["CREATOR"] = (f"hpmask {hpmask.__version__}", "program that wrote this file")
    primary["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "date of writing (UTC)")
    add_title(primary, mask.title)
    add_history(primary, mask.history.split("\n") if mask.history else [])
    write_file(file, primary, header, data, bands)


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
