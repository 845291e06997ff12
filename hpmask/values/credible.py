"""Credible regions: the cells of highest density that hold a part of the probability of a sky map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, frexp, pi
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import greedy as _kernel
from hpmask._kernels import uniq as _uniq
from hpmask._utils.arguments import MAX_ORDER, as_flag, check_order
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.words import counted
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet, trusted, union_of
from hpmask.core.uniq import orders_of, runs_of
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import healpix
from hpmask.values.sky_tables import SkyTable, cell_name, densities, is_density

__all__ = ["CROSSING", "Crossing", "as_levels", "from_skymap"]

Crossing = Literal["include", "exclude", "split", "split-exclude"]
CROSSING: tuple[Crossing, ...] = ("include", "exclude", "split", "split-exclude")

# The bits of a key that each step sorts: where they begin, and how many.
_STEPS = ((47, 16), (31, 16), (15, 16), (0, 15))
# A sum this close to a level, relative to it, has reached it: levels such as 0.9 are rounded numbers.
_CLOSE = Fraction(1, 1 << 40)
# With fewer cells, a second thread costs more time than it saves.
_PARALLEL_FROM = 1 << 18
# How far a sum of probabilities may be from 1.
_OFF = 0.01

_NO_ORDERS = np.empty(0, dtype=np.uint8)


def from_skymap(
    skymap: Any,
    credible: float | Sequence[float],
    *,
    crossing: str = "include",
    split_order: int | None = None,
    normalize: bool = False,
    density: bool | None = None,
    column: str | None = None,
    frame: str | None = None,
    n_threads: int | None = None,
) -> MaskValue | list[MaskValue]:
    """See `hpmask.Mask.from_skymap`. `column` and `frame` are for tables."""
    levels, single = as_levels(credible)
    if crossing not in CROSSING:
        raise ValueError(
            f"crossing must be {', '.join(map(repr, CROSSING[:-1]))} or {CROSSING[-1]!r}, got {crossing!r}"
        )
    normalize = as_flag(normalize, "normalize")
    cells = _cells_of(skymap, column=column, density=density, frame=frame, n_threads=n_threads)
    splits = crossing.startswith("split")
    if split_order is None:
        split_order = cells.order
    elif not splits:
        raise TypeError("split_order needs crossing='split' or 'split-exclude'")
    elif check_order(split_order, "split_order") < cells.order:
        raise ValueError(f"split_order must be at least the order of the map, {cells.order}, got {split_order}")
    planes: list[list[RangeSet]] = [[] for _ in levels]
    for row in range(len(cells.rows)):
        ranking = _Ranking(cells, row, normalize=normalize, n_threads=n_threads)
        for regions, level in zip(planes, levels, strict=True):
            regions.append(ranking.region(level, crossing, split_order))
    order = split_order if splits else cells.order
    masks = [
        new_mask(regions, order=order, frame=cells.frame, energy=cells.energy, history=_history(level, crossing, cells))
        for regions, level in zip(planes, levels, strict=True)
    ]
    return masks[0] if single else masks


def _history(level: float, crossing: str, cells: _Cells) -> str:
    way = "" if crossing == "include" else f", crossing={crossing!r}"
    return f"from_skymap({counted(cells.rows.shape[1], 'cell')}, credible={level:g}{way})"


def as_levels(credible: Any) -> tuple[list[float], bool]:
    """The levels, and whether a single one was given.

    Raises
    ------
    TypeError, ValueError
        If `credible` is not a number or a sequence of numbers, above 0 and at most 1.
    """
    array = np.asarray(credible)
    if array.dtype.kind not in "iuf" or array.ndim > 1:
        raise TypeError(f"credible must be a number or a sequence of numbers, got {credible!r}")
    levels = [float(level) for level in np.atleast_1d(array)]
    for level in levels:
        if not 0 < level <= 1:
            percent = f": give {level / 100:g} for {level:g} %" if 1 < level <= 100 else ""
            raise ValueError(f"credible must be above 0 and at most 1, got {level:g}{percent}")
    return levels, array.ndim == 0


# ---------------------------------------------------------------------- the cells of a map


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells and their values, in the order of the input.

    Attributes
    ----------
    rows : numpy.ndarray of float64, shape (n_bins, n)
        The values.
    orders : numpy.ndarray of uint8, shape (n,) or (0,)
        Order of each cell; empty if all have `order`.
    order : int
        Order of the smallest cell.
    density : bool
        Whether the values are densities.
    has_unit : bool
        Whether the unit of the values says that they are densities.
    factor : float
        What a sum of the weights of the kernel must be multiplied by to be a probability.
    frame : str
        Frame of the cells.
    energy : EnergyAxis or None
        The energy bins.
    cells : callable
        From rows to NESTED numbers, each at the order of its cell.
    set_of : callable
        From an array of bool, whether a cell is chosen, to the set of the chosen cells.
    names : callable
        From a row to the name of its cell in an error.
    """

    rows: NDArray[Any]
    orders: NDArray[np.uint8]
    order: int
    density: bool
    has_unit: bool
    factor: float
    frame: str
    energy: EnergyAxis | None
    cells: Callable[[NDArray[np.int64]], NDArray[np.uint64]]
    set_of: Callable[[NDArray[np.bool_]], RangeSet]
    names: Callable[[int], str]

    def orders_of(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.orders[rows] if self.orders.size else self.orders


def _cells_of(
    skymap: Any, *, column: str | None, density: bool | None, frame: str | None, n_threads: int | None
) -> _Cells:
    if isinstance(skymap, HealpixMap):
        if frame is not None:
            raise TypeError("a HealpixMap has its own frame: give no frame with it")
        if column is not None:
            raise TypeError("column names the values of a table or a file, but skymap is a HealpixMap")
        return _cells_of_map(skymap, density)
    table = SkyTable.of(skymap, column, frame)
    if table is None:
        raise TypeError(
            "skymap must be a path, a HealpixMap, or a table with the columns UNIQ and PROBDENSITY, "
            f"got {type(skymap).__name__}"
        )
    return _cells_of_table(table, density, n_threads)


def _cells_of_map(skymap: HealpixMap, density: bool | None) -> _Cells:
    density, factor = densities(skymap, density)
    if density:
        # The weights of a multi-order map are densities times 4**-order.
        factor *= pi / 3 if skymap.orders is not None else 4 * pi / healpix.n_cells(skymap.order)

    def cells(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
        if skymap.cells is not None:
            return skymap.cells[rows]
        return rows.astype(np.uint64) if skymap.nest else healpix.ring_to_nested(rows, skymap.order)

    orders = _NO_ORDERS if skymap.orders is None else skymap.orders
    return _Cells(
        skymap.rows,
        orders,
        skymap.order,
        density,
        is_density(skymap.unit),
        factor,
        skymap.frame,
        skymap.energy,
        cells,
        skymap.set_of,
        lambda row: cell_name(skymap, row),
    )


def _cells_of_table(table: SkyTable, density: bool | None, n_threads: int | None) -> _Cells:
    """Cells of a table, which is not brought into NESTED order: only the chosen cells need that."""
    density, factor = densities(table, density)
    uniq, orders, ascending = orders_of(table.uniq)
    values = table.values
    back: NDArray[np.int64] | None = None
    if not ascending:
        back = np.argsort(uniq, kind="stable")
        uniq, values, orders = uniq[back], values[back], orders[back]
    firsts, ends, run_orders = runs_of(orders)

    def name(row: int) -> str:
        return f"row {row if back is None else back[row]}"

    def set_of(chosen: NDArray[np.bool_]) -> RangeSet:
        def part(span: tuple[int, int]) -> tuple[NDArray[np.uint64], int, int]:
            # A span begins and ends at cells of order 0, so no cell lies on both sides.
            bounds = np.array(
                [
                    first + np.searchsorted(uniq[first:end], [np.uint64(4 + base << 2 * order) for base in span])
                    for order, first, end in zip(run_orders.tolist(), firsts.tolist(), ends.tolist(), strict=True)
                ],
                dtype=np.int64,
            ).reshape(-1, 2)
            out = np.empty(2 * sum(np.count_nonzero(chosen[a:b]) for a, b in bounds), dtype=np.uint64)
            starts, stops = np.ascontiguousarray(bounds.T)
            count, one, other = _uniq.boundaries(uniq, starts, stops, run_orders, chosen.view(np.uint8), out)
            out.resize(max(count, 0), refcheck=False)
            return out, one, other

        threads = thread_count(n_threads)
        threads = threads if uniq.size > _PARALLEL_FROM else 1
        cuts = np.linspace(0, 12, min(threads, 12) + 1).astype(int).tolist()
        boundaries = np.empty(0, dtype=np.uint64)
        for out, one, other in thread_map(part, list(pairwise(cuts)), threads):
            if one >= 0:
                raise ValueError(f"cells must not overlap, but those of {name(one)} and {name(other)} do")
            boundaries = union_of(boundaries, out) if boundaries.size else out
        return trusted(boundaries, order)

    order = int(orders.max()) if orders.size else 0
    return _Cells(
        values[np.newaxis],
        orders,
        order,
        density,
        is_density(table.unit),
        factor * pi / 3 if density else 1.0,
        table.frame,
        None,
        lambda rows: uniq[rows] - (np.uint64(4) << (np.uint64(2) * orders[rows].astype(np.uint64))),
        set_of,
        name,
    )


# ---------------------------------------------------------------------- the greedy region


class _Ranking:
    """The cells of one energy bin, from the highest density downwards, as far as the levels need them.

    Weights are counted as integers, in units of a power of two. The sums are exact, except that weights below 2**-25 of
    the largest one lose bits below the last bit of the total.
    """

    def __init__(self, cells: _Cells, row: int, *, normalize: bool, n_threads: int | None) -> None:
        self.cells = cells
        self.values = np.ascontiguousarray(cells.rows[row], dtype=np.float64)
        self.row = row
        n = self.values.size
        threads = thread_count(n_threads)
        threads = threads if n > _PARALLEL_FROM else 1
        cuts = np.linspace(0, n, threads + 1).astype(int)
        self.parts = [slice(int(a), int(b)) for a, b in pairwise(cuts)]
        self.threads = threads
        most = self._check()
        # The sums of n weights below 2**bits stay below 2**62.
        self.bits = 62 - n.bit_length()
        self.unit = 2.0 ** min(self.bits - frexp(most)[1], 1000) if most else 1.0
        self.whole = Fraction(self.unit) * (1 << self.bits)
        self.first = self._tally(self.values, cells.orders, *_STEPS[0], 0, self.parts)
        self.total = _exact(self.first[0].sum(), self.first[1].sum(), self.bits)
        if not normalize:
            self._check_sum(float(self.total / self.whole) * cells.factor)
        self.one = Fraction(self.total) if normalize else self.whole / Fraction(cells.factor)

    def _check_sum(self, probability: float) -> None:
        """Raise a ValueError if a sum of probabilities is not 1."""
        if abs(probability - 1) <= _OFF:
            return
        bin_ = "" if self.cells.energy is None else f" of bin {self.row}"
        advice = ""
        if probability:
            advice = ": give normalize=True if a level is a fraction of their sum"
            if not self.cells.has_unit:
                kind = "probabilities of cells" if self.cells.density else "densities per sr"
                advice += f", or density={not self.cells.density} if the values are {kind}"
        raise ValueError(f"the probabilities{bin_} add up to {probability:.6g} and not to 1{advice}")

    def _check(self) -> float:
        """The largest weight. Raises a ValueError if a value is negative or not finite."""
        most = 0.0
        for part, (bad, largest) in zip(self.parts, thread_map(self._largest, self.parts, self.threads), strict=True):
            if bad >= 0:
                at = part.start + bad
                where = self.cells.names(at) if self.cells.energy is None else f"bin {self.row}, {self.cells.names(at)}"
                raise ValueError(f"values must be finite and not negative, {where} is {self.values[at]}")
            most = max(most, largest)
        return most

    def _largest(self, part: slice) -> tuple[int, float]:
        bad, most = _kernel.largest(self.values[part], self.cells.orders[part], self.cells.density)
        return int(bad), float(most)

    def _tally(
        self, values: Any, orders: Any, shift: int, width: int, prefix: int, parts: Sequence[slice]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The sums of the weights in each bin of the leading bits."""

        def work(part: slice) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
            whole, rest = np.zeros((2, 1 << width), dtype=np.uint64)
            _kernel.tally(
                values[part], orders[part], self.cells.density, self.unit, self.bits, shift, width, prefix, whole, rest
            )
            return whole, rest

        whole, rest = np.zeros((2, 1 << width), dtype=np.uint64)
        for a, b in thread_map(work, parts, self.threads):
            whole += a
            rest += b
        return whole, rest

    def _rows(self, shift: int, prefix: int) -> NDArray[np.int64]:
        """The rows of the cells whose keys begin with some bits, ascending."""

        def work(part: slice) -> NDArray[np.int64]:
            arguments = (self.values[part], self.cells.orders[part], self.cells.density, shift, prefix, part.start)
            rows = np.empty(1 << 16, dtype=np.int64)
            count = _kernel.collect(*arguments, rows)
            if count > rows.size:
                rows = np.empty(count, dtype=np.int64)
                _kernel.collect(*arguments, rows)
            return rows[:count]

        return np.concatenate(list(thread_map(work, self.parts, self.threads)))

    def region(self, level: float, crossing: str, split_order: int) -> RangeSet:
        """The cells of highest density that hold a probability."""
        target = Fraction(level) * self.one
        enough = target * (1 - _CLOSE)
        if level == 1 or self.total == 0 or self.total < enough:
            # Everything that has a probability. The sum alone would leave out cells below its precision.
            return self.cells.set_of(self._above(0))
        key, before, rows = self._descend(enough)
        chosen = self._above(key)
        # Cells of the same density follow their NESTED order.
        numbers, orders = self.cells.cells(rows), self.cells.orders_of(rows).astype(np.int64)
        starts = numbers << (np.uint64(2) * (MAX_ORDER - (orders if orders.size else self.cells.order))).astype(
            np.uint64
        )
        rows = rows[np.argsort(starts)]
        whole, rest = self._weights(rows)
        k, below = _reached(whole, rest, self.bits, before, enough)
        weight = _exact(whole[k], rest[k], self.bits)
        chosen[rows[:k]] = True
        cut: RangeSet | None = None
        if crossing == "include" or below + weight <= target * (1 + _CLOSE):
            chosen[rows[k]] = True
        elif crossing != "exclude":
            cut = self._split(rows[k], (target - below) / weight, crossing, split_order)
        region = self.cells.set_of(chosen)
        return region if cut is None else region.union(cut)

    def _above(self, key: int) -> NDArray[np.bool_]:
        """Which cells have a density above that of a key."""
        out = np.empty(self.values.size, dtype=np.bool_)

        def work(part: slice) -> None:
            orders, kept = self.cells.orders[part], out[part].view(np.uint8)
            _kernel.select(self.values[part], orders, self.cells.density, key, kept)

        list(thread_map(work, self.parts, self.threads))
        return out

    def _descend(self, enough: Fraction) -> tuple[int, int, NDArray[np.int64]]:
        """The key at which the sum is enough, the sum of the cells above it, and the rows with this key."""
        tally, before, prefix = self.first, 0, 0
        rows: NDArray[np.int64] | None = None
        values, orders = self.values, self.cells.orders
        for step, (shift, width) in enumerate(_STEPS):
            if step == 1:
                rows = self._rows(shift + width, prefix)
                values, orders = self.values[rows], self.cells.orders_of(rows)
            if step:
                tally = self._tally(values, orders, shift, width, prefix, _shares(values.size, self.threads))
            whole, rest = tally
            k, before = _reached(whole[::-1], rest[::-1], self.bits, before, enough)
            prefix = prefix << width | (whole.size - 1 - k)
        assert rows is not None
        same = np.empty(rows.size, dtype=np.int64)
        count = _kernel.collect(values, orders, self.cells.density, 0, prefix, 0, same)
        return prefix, before, rows[same[:count]]

    def _weights(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The weights of cells, as the kernel counts them."""
        weights = self.values[rows]
        if self.cells.density and self.cells.orders.size:
            weights = np.ldexp(weights, -2 * self.cells.orders[rows].astype(np.int32))
        weights = weights * self.unit
        whole = np.floor(weights)
        rest = np.floor((weights - whole) * 2.0**self.bits)
        return whole.astype(np.uint64), rest.astype(np.uint64)

    def _split(self, row: np.int64, part: Fraction, crossing: str, split_order: int) -> RangeSet:
        """The first cells of a finer order in a cell, in NESTED order, that hold a part of it."""
        order = int(self.cells.orders[row]) if self.cells.orders.size else self.cells.order
        n = 1 << 2 * (split_order - order)
        kept = floor(part * (1 + _CLOSE) * n) if crossing == "split-exclude" else ceil(part * (1 - _CLOSE) * n)
        start = int(self.cells.cells(np.array([row]))[0]) << 2 * (MAX_ORDER - order)
        size = 1 << 2 * (MAX_ORDER - split_order)
        return RangeSet.from_ranges([[start, start + kept * size]], split_order)


def _shares(n: int, threads: int) -> list[slice]:
    cuts = np.linspace(0, n, (threads if n > _PARALLEL_FROM else 1) + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]


def _exact(whole: Any, rest: Any, bits: int) -> int:
    return (int(whole) << bits) + int(rest)


def _reached(
    whole: NDArray[np.uint64], rest: NDArray[np.uint64], bits: int, before: int, enough: Fraction
) -> tuple[int, int]:
    """The first of some weights at which their running sum is enough, and the sum of the weights before it."""
    # The two parts of the sums, each below 2**63, with the carry of the second one.
    highs, lows = np.cumsum(whole), np.cumsum(rest)
    highs = highs + (lows >> np.uint64(bits))
    lows = lows & np.uint64((1 << bits) - 1)
    needed = ceil(enough) - before
    high, low = np.uint64(needed >> bits), np.uint64(needed & ((1 << bits) - 1))
    k = int(np.argmax((highs > high) | ((highs == high) & (lows >= low))))
    return k, before + (_exact(highs[k - 1], lows[k - 1], bits) if k else 0)
