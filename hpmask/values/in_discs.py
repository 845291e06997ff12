"""Sums of a map over a disc around each of its cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import disc_sums as _kernel
from hpmask._utils.arguments import as_flag
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.progress import watched
from hpmask.core.full_maps import check_size
from hpmask.core.healpix_map import HealpixMap, is_missing
from hpmask.core.rangeset import RangeSet, cells_in
from hpmask.core.value import MaskValue, planes_within
from hpmask.geometry import healpix
from hpmask.morphology.dilation import Width, angles_of

__all__ = ["SMALLER", "check_one_order", "disc_sums", "nested_numbers"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SMALLER = "give within=, a mask of a smaller part of the sky, or a coarser order"
"""The advice for a map that is too large."""

# Cells that a thread takes at least.
_FEW = 1 << 14
# Parts for each thread, because the cells near the poles take more time.
_PARTS = 8


def disc_sums(
    healpix_map: HealpixMap,
    radius: Width,
    *,
    within: MaskValue | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> HealpixMap:
    """Return the sum of a map over a disc around each cell.

    The sum around a cell is that of all cells whose centre is no farther than `radius` from the centre of the cell.
    Distances that exceed the radius by rounding only (a part in 1e12) count as equal to it. The time is proportional to
    the number of cells and to the number of rings of cells in a disc.

    Parameters
    ----------
    healpix_map : HealpixMap
        The map: full, or of a part of the sky, with cells of one order. A cell without a value (NaN or UNSEEN) or
        outside the map counts as 0.
    radius : `~astropy.units.Quantity`, str or callable
        Radius of the discs, from 0 to 180 deg: an angle, one for each energy bin of the map (shape (n_bins,)), or a
        function of the energy axis.
    within : Mask, optional
        Cells to calculate the sums for. By default, these are the cells of the map. A bin of a mask with energy applies
        to the same bin of the map, and cells outside it are NaN in that bin. A cell of the map's order is in the mask
        if its centre is.
    n_threads : int, optional
        Number of threads. The result does not depend on it.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    HealpixMap
        The sums in float64, in the unit of the map. Sums of integers are exact below 2**53. For other numbers, the sum
        over each ring of a disc is rounded once, whatever the values outside the disc are.

    Raises
    ------
    TypeError, ValueError
        If the map has cells of several orders or infinite values, `radius` is not valid, the frame or the energy bins
        of `within` are not those of the map, or the result would take more than 16 GiB.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask import HealpixMap
    >>> from hpmask.values import disc_sums
    >>> ones = HealpixMap(np.ones(12 * 4**6), nest=True, frame="icrs")
    >>> disc_sums(ones, "3 deg").values[:4]
    array([33., 33., 33., 33.])
    """
    if not isinstance(healpix_map, HealpixMap):
        raise TypeError(f"healpix_map must be a HealpixMap, got {type(healpix_map).__name__}")
    check_one_order(healpix_map, "healpix_map")
    radii = angles_of(radius, healpix_map.energy, argument="radius", of="the map")
    threads, progress = thread_count(n_threads), as_flag(progress, "progress")
    source = target = _layout_of(healpix_map)
    planes = cells = None
    if within is not None:
        planes = planes_within(
            within, order=healpix_map.order, frame=healpix_map.frame, energy=healpix_map.energy, of="map"
        )
        union = RangeSet.union_all(planes)
        check_size(len(radii), union.n_cells, healpix_map.order, advice=SMALLER)
        cells = None if union.is_full else union.cells()
        target = (
            _Layout.full(healpix_map.order, healpix_map.nest) if cells is None else _Layout.of(cells, healpix_map.order)
        )
    out = np.empty((len(radii), target.n_cells))
    done = np.zeros((len(radii), target.ring.size), dtype=np.int64)
    with watched(lambda: int(done.sum()), total=done.size, what="disc sums", shown=progress):
        for k, (row, angle, values, counter) in enumerate(zip(out, radii, healpix_map.rows, done, strict=True)):
            infinite = np.flatnonzero(np.isinf(values))
            if infinite.size:
                bin_ = "" if healpix_map.energy is None else f" of bin {k}"
                raise ValueError(
                    f"healpix_map must be finite or NaN, value {infinite[0]}{bin_} is {values[infinite[0]]}"
                )
            target.put_back(_sums(source, target, values, healpix_map.order, angle, threads, counter), row, threads)
    values = out if healpix_map.energy is not None else out[0]
    if planes is None:
        return healpix_map.with_values(values, energy=healpix_map.energy, unit=healpix_map.unit)
    result = HealpixMap(
        values,
        cells=cells,
        order=healpix_map.order,
        nest=target.nest,
        frame=healpix_map.frame,
        energy=healpix_map.energy,
        unit=healpix_map.unit,
    )
    if len({id(plane) for plane in planes}) == 1:
        return result
    numbers = nested_numbers(result)
    kept = np.array([cells_in(plane, numbers, healpix_map.order) for plane in planes])
    return result.with_values(np.where(kept, out, np.nan), energy=healpix_map.energy, unit=healpix_map.unit)


def check_one_order(healpix_map: HealpixMap, argument: str) -> None:
    """Raise a ValueError that names `argument` if a map has cells of several orders."""
    if healpix_map.orders is not None:
        raise ValueError(f"{argument} must have cells of one order, got a multi-order map")


def nested_numbers(healpix_map: HealpixMap) -> NDArray[np.uint64]:
    """NESTED numbers of the cells of a map of one order, in the order of its values."""
    if healpix_map.cells is not None:
        return healpix_map.cells
    numbers = np.arange(healpix_map.n_cells)
    return numbers.astype(np.uint64) if healpix_map.nest else healpix.ring_to_nested(numbers, healpix_map.order)


@dataclass(frozen=True)
class _Layout:
    """The cells of a map, ring by ring.

    Attributes
    ----------
    order : int
        Order of the cells.
    nest : bool
        Whether the values of a full map are in NESTED order.
    ring : numpy.ndarray of int64, shape (n_rings,)
        The rings that have cells.
    begin : numpy.ndarray of int64, shape (n_rings + 1,)
        Index of the first cell of each, and the number of cells.
    position : numpy.ndarray of int64, shape (n_cells,) or (0,)
        Positions of the cells in their rings; empty for a full map.
    rows : numpy.ndarray of int, shape (n_cells,), or None
        Place of each cell in the map; None for a full map.
    """

    order: int
    nest: bool
    ring: Integers
    begin: Integers
    position: Integers
    rows: NDArray[np.intp] | None

    @classmethod
    def full(cls, order: int, nest: bool) -> _Layout:
        """The layout of a full map."""
        n = 1 << order
        ring = np.arange(1, 4 * n, dtype=np.int64)
        begin = np.concatenate([[0], np.cumsum(4 * np.minimum(np.minimum(ring, n), 4 * n - ring))])
        return cls(order, nest, ring, begin, np.empty(0, np.int64), None)

    @classmethod
    def of(cls, cells: NDArray[np.uint64], order: int) -> _Layout:
        """The layout of some NESTED cells."""
        ring, position = np.empty(cells.size, np.int64), np.empty(cells.size, np.int64)
        _kernel.places(cells, order, ring, position)
        rows = np.lexsort((position, ring))
        ring = ring[rows]
        first = np.flatnonzero(np.diff(ring, prepend=0))
        begin = np.append(first, ring.size).astype(np.int64)
        return cls(order, True, ring[first], begin, position[rows], rows)

    @property
    def n_cells(self) -> int:
        return int(self.begin[-1])

    def taken(self, values: NDArray[np.generic], threads: int) -> Floats:
        """The values of a map in the order of the layout; missing ones become 0."""
        array = np.ascontiguousarray(values, dtype=np.float64)
        missing = is_missing(array)
        if missing is not None:
            array = np.where(missing, 0.0, array)
        if self.rows is not None:
            return array[self.rows]
        if not self.nest:
            return array
        out = np.empty_like(array)
        _in_parts(
            np.linspace(0, array.size, self._n_parts(threads) + 1).astype(int).tolist(),
            lambda first, last: _kernel.to_ring(array, self.order, first, last, out),
            threads,
        )
        return out

    def put_back(self, values: Floats, out: Floats, threads: int) -> None:
        """Write values in the order of the layout into a map."""
        if self.rows is not None:
            out[self.rows] = values
        elif not self.nest:
            out[:] = values
        else:
            _in_parts(
                np.linspace(0, out.size, self._n_parts(threads) + 1).astype(int).tolist(),
                lambda first, last: _kernel.from_ring(values, self.order, first, last, out),
                threads,
            )

    def cuts(self, threads: int) -> list[int]:
        """Rings that divide the cells in parts of about equal size."""
        wanted = np.linspace(0, self.n_cells, self._n_parts(threads) + 1)
        cuts = np.unique(np.append(np.searchsorted(self.begin[:-1], wanted[:-1]), self.ring.size))
        return [int(cut) for cut in cuts]

    def _n_parts(self, threads: int) -> int:
        return max(1, min(_PARTS * threads, self.n_cells // _FEW)) if threads > 1 else 1


def _layout_of(healpix_map: HealpixMap) -> _Layout:
    if healpix_map.cells is None:
        return _Layout.full(healpix_map.order, healpix_map.nest)
    return _Layout.of(healpix_map.cells, healpix_map.order)


def _in_parts(cuts: list[int], work: Callable[[int, int], object], threads: int) -> list[object]:
    return list(thread_map(lambda part: work(*part), list(pairwise(cuts)), threads))


def _sums(
    source: _Layout,
    target: _Layout,
    values: NDArray[np.generic],
    order: int,
    angle: float,
    threads: int,
    done: Integers,
) -> Floats:
    """The sums around the cells of a layout, in its order."""
    taken = source.taken(values, threads)
    high, low = np.empty(taken.size + source.ring.size), np.empty(taken.size + source.ring.size)
    exact = _in_parts(
        source.cuts(threads),
        lambda first, last: _kernel.totals(taken, source.begin, first, last, high, low),
        threads,
    )
    if all(exact):
        low = np.empty(0)
    out = np.empty(target.n_cells)
    angle = min(angle, np.pi)
    cuts = target.cuts(threads)
    _in_parts(
        cuts,
        lambda first, last: _kernel.sums(
            target.ring,
            target.begin,
            target.position,
            first,
            last,
            source.ring,
            source.begin,
            source.position,
            high,
            low,
            order,
            angle,
            out,
            done[first : first + 1],
        ),
        threads,
    )
    return out
