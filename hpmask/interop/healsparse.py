"""Masks from maps of healsparse: maps of a part of the sky, stored by coarse coverage pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._files.fits_file import check_fields, faults_of, units_of
from hpmask._utils.arguments import as_flag, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call
from hpmask.core.full_maps import set_of_cells
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.frames import check_frame
from hpmask.geometry.healpix import n_cells
from hpmask.values.criterion import Criterion, check_nan
from hpmask.values.threshold import Cells, Conditions, Fast, moved, n_planes, plane_of, text_of

__all__ = ["from_healsparse", "is_healsparse", "read_healsparse"]


def is_healsparse(values: Any) -> bool:
    """Whether an object is a map of healsparse, which need not be installed."""
    return hasattr(values, "nside_sparse") and hasattr(values, "valid_pixels_single_covpix")


def read_healsparse(path: str | Path) -> Any:
    """Read a map of healsparse from a file.

    Raises
    ------
    ImportError
        If healsparse is not installed.
    MaskFormatError
        If the file is damaged.
    """
    try:
        import healsparse
    except ImportError as error:
        raise ImportError(
            'a file of healsparse needs healsparse, which is not installed: pip install "hpmask[healsparse]"'
        ) from error
    with faults_of(path, Exception):
        for number, unit in enumerate(units_of(path)):
            check_fields(unit, number)
        map_ = healsparse.HealSparseMap.read(str(path))
        for nside in (map_.nside_coverage, map_.nside_sparse):
            if nside < 1 or nside & (nside - 1):
                raise ValueError(f"NSIDE must be a power of two, but is {nside}")
        return map_


@for_the_call
def from_healsparse(
    map_: Any,
    criterion: Criterion | None,
    *,
    frame: str,
    path: str | Path | None = None,
    nan: str = "raise",
    outside: bool = False,
    invert: bool = False,
    energy: EnergyAxis | None = None,
    order: int | None = None,
    mode: Mode = "center",
    n_threads: int | None = None,
) -> MaskValue:
    """The mask of a map of healsparse; see `hpmask.Mask.from_map` for the parameters.

    The valid pixels of the map are its cells: pixels with the sentinel value are sky without a cell. A map of booleans
    is True in its valid pixels. Damage that shows when the pixels are read is a fault of the file at `path`.
    """
    outside, invert, missing = as_flag(outside, "outside"), as_flag(invert, "invert"), check_nan(nan)
    mode, order, frame = check_mode(mode), None if order is None else check_order(order), check_frame(frame)
    if map_.is_rec_array:
        names = ", ".join(map_.dtype.names)
        raise TypeError(f"values has the fields {names}: take one of them, values[{map_.dtype.names[0]!r}]")
    if map_.is_wide_mask_map:
        raise TypeError("values is a wide mask of healsparse: make a map of booleans from the bits that are wanted")
    own = int(map_.nside_sparse).bit_length() - 1

    def sets_of(conditions: Conditions, fast: Fast | None = None) -> list[RangeSet]:
        pieces = [_sets_of_piece(cells, values, conditions, own) for cells, values in _pieces(map_, own, path)]
        # Without a piece, there still is a set for each condition.
        nothing = [RangeSet.empty(own) for _ in conditions(np.empty(0, dtype=map_.dtype))]
        return [RangeSet.union_all(sets) for sets in zip(nothing, *pieces, strict=True)]

    cells = Cells(sets_of, lambda: sets_of(lambda values: (np.ones(values.size, dtype=np.bool_),))[0], None)
    options: dict[str, Any] = {"nan": missing, "outside": outside, "invert": invert, "argument": "values"}
    planes = [plane_of(cells, criterion, bin_, **options) for bin_ in range(n_planes(1, criterion, energy))]
    history = f"from_map(HealSparseMap{text_of(criterion, nan=missing, outside=outside, invert=invert)}, order={own})"
    mask = new_mask(planes if len(planes) > 1 else planes[0], order=own, frame=frame, energy=energy, history=history)
    return moved(mask, order, mode, frame, "values")


def _pieces(map_: Any, order: int, path: str | Path | None) -> Iterator[tuple[NDArray[np.uint64], NDArray[Any]]]:
    """The valid pixels of each coverage pixel, NESTED and ascending, and their values."""
    with faults_of(path, Exception):
        numbers = np.flatnonzero(map_.coverage_mask)
    for number in numbers:
        with faults_of(path, Exception):
            cells = np.sort(np.asarray(map_.valid_pixels_single_covpix(int(number)), dtype=np.int64))
            if cells.size and not 0 <= cells[0] <= cells[-1] < n_cells(order):
                raise ValueError(f"pixels {cells[0]} to {cells[-1]} are not pixels of order {order}")
            values = np.asarray(map_.get_values_pix(cells, nest=True))
        if cells.size:
            yield cells.astype(np.uint64), values.astype(values.dtype.newbyteorder("="), copy=False)


def _sets_of_piece(
    cells: NDArray[np.uint64], values: NDArray[Any], conditions: Conditions, order: int
) -> list[RangeSet]:
    found = conditions(values)
    return [RangeSet.empty(order) if chosen is None else set_of_cells(cells[chosen], order) for chosen in found]
