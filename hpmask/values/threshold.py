"""Masks from values by a criterion: on HEALPix cells, row by row, and on the pixels of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._kernels import crossings as _kernel
from hpmask._utils.arguments import MAX_ORDER, as_booleans, as_flag, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call, thread_map
from hpmask.core.full_maps import Crossings, crossings_of, set_of_cells, sets_of_pieces, toggled
from hpmask.core.healpix_map import UNSEEN, HealpixMap, is_missing
from hpmask.core.rangeset import RangeSet, from_starts_stops
from hpmask.core.transform import at_order, to_frame
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis, check_axis
from hpmask.geometry.frames import check_frame
from hpmask.values.criterion import Criterion, Nan, check_missing, check_nan
from hpmask.values.hysteresis import region_of_cells, region_of_pixels

__all__ = [
    "Cells",
    "mask_of",
    "moved",
    "n_planes",
    "pixels_of",
    "plane_of",
    "planes_of",
    "text_of",
    "values_kept",
]

Booleans = NDArray[np.bool_]
Conditions = Callable[[NDArray[Any]], tuple[Booleans | None, ...]]
# Conditions as intervals, for values of a type of which none is missing (see `Criterion.intervals`); None: never True.
Intervals = list[tuple[float, float, bool] | None]
Fast = Callable[[np.dtype[Any]], Intervals]

# Values in one step: few enough to stay in the processor's cache.
_CHUNK = 1 << 16
# Missing values are NaN or below this limit.
_LIMIT = 0.9 * UNSEEN
_NOWHERE = np.empty(0, dtype=np.intp)


@for_the_call
def mask_of(
    map_: HealpixMap,
    criterion: Criterion | None,
    *,
    nan: str = "raise",
    outside: bool = False,
    invert: bool = False,
    energy: EnergyAxis | None = None,
    order: int | None = None,
    mode: Mode = "center",
    frame: str | None = None,
    what: str = "HealpixMap",
    n_threads: int | None = None,
) -> MaskValue:
    """The mask of a map; see `hpmask.Mask.from_map` for the parameters. `what` is the map in the history."""
    outside, invert, missing = as_flag(outside, "outside"), as_flag(invert, "invert"), check_nan(nan)
    mode, order = check_mode(mode), None if order is None else check_order(order)
    frame = map_.frame if frame is None else check_frame(frame)
    if energy is not None and map_.energy is not None and energy != map_.energy:
        raise ValueError(f"energy is {energy}, but the map has energy bins of its own, {map_.energy}")
    energy = energy if map_.energy is None else map_.energy
    planes = planes_of(map_, criterion, nan=missing, outside=outside, invert=invert, energy=energy)
    history = f"from_map({what}{text_of(criterion, nan=missing, outside=outside, invert=invert)}, order={map_.order})"
    mask = new_mask(planes, order=map_.order, frame=map_.frame, energy=energy, history=history)
    return moved(mask, order, mode, frame, "values")


def moved(mask: MaskValue, order: int | None, mode: Mode, frame: str, argument: str) -> MaskValue:
    """The mask of a map's cells at another order and in another frame, if these are asked for."""
    if frame == mask.frame:
        return mask if order is None else at_order(mask, order, mode=mode)
    if mode != "center":
        raise ValueError(
            f"mode {mode!r} needs the frame of the map, {mask.frame!r}: the cells of {argument} are rotated by their "
            "centres"
        )
    return to_frame(mask, frame, order=order)


def text_of(criterion: Criterion | None, *, nan: Nan, outside: bool, invert: bool = False) -> str:
    """The criterion and its options as the history gives them, with a comma before each."""
    parts = [] if criterion is None else [str(criterion)]
    parts += ["inverted"] * invert
    parts += [] if nan == "raise" else [f"NaN {'kept' if nan == 'keep' else 'excluded'}"]
    return "".join(f", {part}" for part in [*parts, *["outside kept"] * outside])


def n_planes(n_rows: int, criterion: Criterion | None, energy: EnergyAxis | None) -> int:
    """The number of planes that values of `n_rows` rows give: more than one row, or a threshold for each bin.

    Raises
    ------
    TypeError, ValueError
        If `energy` is not an EnergyAxis, or the number of thresholds is not that of the energy bins.
    """
    if energy is not None:
        check_axis(energy)
    if criterion is None:
        return n_rows
    n_bins = n_rows if energy is None else energy.n_bins
    criterion.check_bins(n_bins)
    return n_bins if criterion.has_bins else n_rows


@dataclass(frozen=True, slots=True)
class Cells:
    """Values on HEALPix cells that are read in pieces.

    Attributes
    ----------
    sets_of : callable
        Takes a function of an array of values, which returns booleans for one or several conditions (None stands for
        False everywhere), and returns the set of the cells that fulfil each condition. It also takes the `Fast` form of
        the conditions, or None, and may use it.
    coverage : callable
        Returns the set of all cells; None for the whole sky.
    unit : `~astropy.units.Unit` or None
        Unit of the values.
    """

    sets_of: Callable[[Conditions, Fast | None], list[RangeSet]]
    coverage: Callable[[], RangeSet] | None
    unit: u.UnitBase | None

    @classmethod
    def of(cls, map_: HealpixMap, row: NDArray[Any]) -> Cells:
        """One row of a map."""
        sets_of = partial(_sets_of, map_, row)
        coverage = None if map_.is_full else lambda: sets_of(_everywhere)[0]
        return cls(sets_of, coverage, map_.unit)


def _everywhere(values: NDArray[Any]) -> tuple[Booleans]:
    return (np.ones(values.size, dtype=np.bool_),)


def planes_of(
    map_: HealpixMap,
    criterion: Criterion | None,
    *,
    nan: Nan = "raise",
    outside: bool = False,
    invert: bool = False,
    energy: EnergyAxis | None = None,
    argument: str = "values",
) -> list[RangeSet]:
    """The cells of a map that a criterion keeps: one set for each energy bin.

    A map without energy and with a single threshold has the same set in all bins.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask import HealpixMap
    >>> from hpmask.values.criterion import Criterion
    >>> from hpmask.values.threshold import planes_of
    >>> heights = HealpixMap(np.arange(48), nest=True, frame="icrs")
    >>> planes_of(heights, Criterion.of(40, keep="<"))
    [RangeSet(order=1, n_ranges=1, n_cells=40)]
    """
    rows = map_.rows
    planes = []
    for bin_ in range(n_planes(len(rows), criterion, energy)):
        cells = Cells.of(map_, rows[bin_] if len(rows) > 1 else rows[0])
        name = argument if map_.energy is None else f"{argument}[{bin_}]"
        plane = plane_of(cells, criterion, bin_, nan=nan, outside=outside, invert=invert, argument=name)
        planes.append(plane)
    return planes if energy is None or len(planes) > 1 else planes * energy.n_bins


def plane_of(
    cells: Cells,
    criterion: Criterion | None,
    bin_: int,
    *,
    nan: Nan,
    outside: bool,
    invert: bool,
    argument: str,
) -> RangeSet:
    """The cells whose values are kept by the criterion of one bin; errors call the values `argument`."""
    fast: Fast | None = None if criterion is None else partial(_intervals, criterion, bin_, cells.unit, invert)
    if criterion is None or not criterion.hysteresis:
        kept = partial(_kept, criterion, bin_, cells.unit, nan, invert, argument)
        (plane,) = cells.sets_of(kept, fast)
    else:
        levels = partial(_levels, criterion, bin_, cells.unit, nan, argument)
        candidates, seeds, missing = cells.sets_of(levels, fast)
        plane = region_of_cells(candidates, seeds, criterion.corners)
        if criterion.keeps_region == invert:
            plane = ~plane if cells.coverage is None else cells.coverage() - plane
        plane = plane | missing if nan == "keep" else plane - missing
    return plane | ~cells.coverage() if outside and cells.coverage is not None else plane


def _intervals(
    criterion: Criterion, bin_: int, unit: u.UnitBase | None, invert: bool, dtype: np.dtype[Any]
) -> Intervals:
    """What `_kept` or `_levels` give, as intervals for values of which none is missing."""
    found = criterion.intervals(dtype, bin_, unit)
    if criterion.hysteresis:
        # No value is missing.
        return [*found, None]
    return [(low, high, rest != invert) for low, high, rest in found]


def _kept(
    criterion: Criterion | None,
    bin_: int,
    unit: u.UnitBase | None,
    nan: Nan,
    invert: bool,
    argument: str,
    values: NDArray[Any],
) -> tuple[Booleans]:
    return (values_kept(values, criterion, bin_, unit, nan=nan, invert=invert, argument=argument),)


def _levels(
    criterion: Criterion, bin_: int, unit: u.UnitBase | None, nan: Nan, argument: str, values: NDArray[Any]
) -> tuple[Booleans, Booleans, Booleans | None]:
    """The candidates and the seeds of hysteresis among values, and the missing values."""
    missing = is_missing(values)
    check_missing(missing, nan, argument)
    found = criterion.candidates_and_seeds(values, bin_, unit)
    if missing is not None:
        for booleans in found:
            booleans[missing] = False
    return (*found, missing)


def pixels_of(
    image: NDArray[Any],
    criterion: Criterion | None,
    bin_: int,
    unit: u.UnitBase | None,
    *,
    nan: Nan,
    invert: bool,
    argument: str,
) -> Booleans:
    """The pixels of an image, shape (ny, nx), that are kept by the criterion of one bin."""
    if criterion is None or not criterion.hysteresis:
        return values_kept(image, criterion, bin_, unit, nan=nan, invert=invert, argument=argument)
    candidates, seeds, missing = _levels(criterion, bin_, unit, nan, argument, image)
    region = region_of_pixels(candidates, seeds, criterion.corners)
    return _with_missing(~region if criterion.keeps_region == invert else region, missing, nan)


def values_kept(
    values: NDArray[Any],
    criterion: Criterion | None,
    bin_: int,
    unit: u.UnitBase | None,
    *,
    nan: Nan,
    invert: bool,
    argument: str,
) -> Booleans:
    """Which values a threshold, an interval or, without a criterion, their own truth keeps."""
    missing = is_missing(values)
    check_missing(missing, nan, argument)
    kept = as_booleans(values, argument, missing=missing) if criterion is None else criterion.kept(values, bin_, unit)
    return _with_missing(~kept if invert else kept, missing, nan)


def _with_missing(kept: Booleans, missing: Booleans | None, nan: Nan) -> Booleans:
    """What is kept, with the missing values as `nan` says. `invert` does not apply to them."""
    if missing is not None:
        kept[missing] = nan == "keep"
    return kept


def _sets_of(map_: HealpixMap, row: NDArray[Any], conditions: Conditions, fast: Fast | None = None) -> list[RangeSet]:
    """The sets of the cells whose values in a row fulfil some conditions.

    The values are read in pieces, on several threads. No array becomes larger than the row.
    """

    def of(part: slice) -> tuple[Booleans | None, ...]:
        try:
            return conditions(row[part])
        except ValueError:
            # The numbers in the message are those of the whole row.
            conditions(row)
            raise

    if map_.is_full and map_.nest:
        intervals = None
        if fast is not None and row.dtype in (np.float32, np.float64) and row.flags.c_contiguous:
            intervals = fast(row.dtype)

        def crossings(part: slice) -> list[Crossings]:
            found = None if intervals is None else _crossings(row[part], part.start, intervals)
            if found is None:
                found = [_NOWHERE if one is None else crossings_of(one, part.start) for one in of(part)]
            return found

        return sets_of_pieces(crossings, map_.order)
    parts = [slice(start, start + _CHUNK) for start in range(0, row.size, _CHUNK)] or [slice(0, 0)]
    if map_.cells is not None:

        def pieces(part: slice) -> list[RangeSet]:
            return [_set_of_some(map_, part, chosen) for chosen in of(part)]

        return [RangeSet.union_all(sets) for sets in zip(*thread_map(pieces, parts), strict=True)]
    whole: list[Booleans] = []
    for part, found in zip(parts, thread_map(of, parts), strict=True):
        for k, booleans in enumerate(found):
            if len(whole) <= k:
                whole.append(np.zeros(row.size, dtype=np.bool_))
            if booleans is not None:
                whole[k][part] = booleans
    return [map_.set_of(booleans) for booleans in whole]


def _set_of_some(map_: HealpixMap, part: slice, chosen: Booleans | None) -> RangeSet:
    """The set of the cells that are chosen among a part of a map's cells."""
    assert map_.cells is not None
    if chosen is None:
        return RangeSet.empty(map_.order)
    cells = map_.cells[part][chosen]
    if map_.orders is None:
        return set_of_cells(cells, map_.order)
    shift = np.uint64(2) * (np.uint64(MAX_ORDER) - map_.orders[part][chosen].astype(np.uint64))
    return from_starts_stops(cells << shift, (cells + np.uint64(1)) << shift, map_.order)


def _crossings(values: NDArray[Any], start: int, intervals: Intervals) -> list[Crossings] | None:
    """The `crossings_of` values with intervals; None if a value is missing."""
    found = []
    places = np.empty(values.size, dtype=np.int64)
    for interval in intervals:
        if interval is None:
            found.append(_NOWHERE)
            continue
        low, high, rest = interval
        if np.isnan(low) or np.isnan(high):
            low, high = np.inf, -np.inf
        count = _kernel.crossings(values, low, high, _LIMIT, start, places)
        if count < 0:
            return None
        inside = places[:count].copy()
        found.append(toggled(inside, start) if rest else inside)
    return found
