"""How many shapes cover each cell: ranges of cells with a count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._kernels import caps as _caps
from hpmask._kernels import depth as _kernel
from hpmask._kernels import fractions as _fractions
from hpmask._kernels import ranges as _ranges
from hpmask._kernels.index import Index
from hpmask._utils.arguments import MAX_ORDER, as_count, as_flag, check_order
from hpmask._utils.balanced import BalancedSum
from hpmask._utils.parallel import thread_map
from hpmask._utils.pickles import rebuilder
from hpmask._utils.words import counted
from hpmask.core.fractions import cell_sums, map_of
from hpmask.core.full_maps import check_size
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.positions import Positions
from hpmask.core.rangeset import RangeSet, joined, trusted, unpickled_boundaries
from hpmask.core.value import MaskValue, new_mask
from hpmask.geometry import healpix
from hpmask.geometry.frames import check_frame

__all__ = [
    "Coverage",
    "Levels",
    "counts_at",
    "coverage_of",
    "levels_of",
    "levels_of_set",
    "steps_of",
    "summed",
    "unpickled_levels",
]

Numbers = NDArray[np.uint64]
Counts = NDArray[np.int32]

# Start and stop of each range, and its count.
Levels = tuple[Numbers, Counts]

# Cells of a map in one step.
_CHUNK = 1 << 18


def levels_of(starts: Numbers, stops: Numbers) -> Levels:
    """How many of some ranges cover each cell. The arrays are sorted in place."""
    starts.sort()
    stops.sort()
    return _exactly(lambda *out: _kernel.levels(starts, stops, *out))


def levels_of_set(plane: RangeSet) -> Levels:
    """A set, as what one shape covers."""
    return plane.boundaries, np.ones(plane.n_ranges, dtype=np.int32)


def summed(some: Iterable[Levels]) -> Levels:
    """The sum of many coverages."""
    total = BalancedSum(_added)
    for one in some:
        total.add(one)
    found = total.total()
    return (np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int32)) if found is None else found


def _added(a: Levels, b: Levels) -> Levels:
    return _exactly(lambda *out: _kernel.added(*a, *b, *out))


def _exactly(kernel: Callable[[Numbers, Counts], int]) -> Levels:
    """What a kernel writes, in memory of exactly its size."""
    n = kernel(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int32))
    boundaries, counts = np.empty(2 * n, dtype=np.uint64), np.empty(n, dtype=np.int32)
    kernel(boundaries, counts)
    return boundaries, counts


def steps_of(boundaries: Numbers, counts: Counts) -> tuple[Numbers, Numbers]:
    """Where the count changes, and the count before the first of these places and after each."""
    words = np.zeros(boundaries.size + 1, dtype=np.uint64)
    words[1::2] = counts
    # Where a range ends and the next one begins is one place.
    last = np.ones(boundaries.size, dtype=np.bool_)
    last[1:-1:2] = boundaries[1:-1:2] != boundaries[2::2]
    return boundaries[last], words[np.concatenate([[True], last])]


def counts_at(index: Index, order: int, positions: Positions, *, n_threads: int | None) -> Counts:
    """The counts at positions, in their shape, from an index of `steps_of` with cells of an order.

    Raises
    ------
    ValueError
        If a position is not finite.
    """
    found = np.empty(positions.size, dtype=np.int32)

    def work(rows: slice, numbers: Numbers) -> None:
        words = np.empty_like(numbers)
        _caps.words_at(index, numbers, words)
        found[rows] = words

    positions.look_up(order, work, n_threads=n_threads)
    return found.reshape(positions.shape)


class Coverage:
    """How many shapes cover each cell of the sky.

    `hpmask.coverage` makes it. A Coverage is immutable and picklable, and its size is in proportion to the number of
    places where the count changes, not to the area. Two coverages are equal if they have the same counts everywhere, in
    one frame. The sum ``a + b`` is the coverage of the shapes of both, at the finer of the two orders.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> import hpmask
    >>> fields = hpmask.Shapes.cones(SkyCoord([10, 11, 12], [0, 0, 0], unit="deg"), "1.2 deg")
    >>> exposures = hpmask.coverage(fields, order=9)
    >>> exposures
    <Coverage icrs order=9 | 151 ranges, at most 3 shapes>
    >>> exposures.at(SkyCoord([11, 12.5, 50], [0, 0, 0], unit="deg"))
    array([3, 1, 0], dtype=int32)
    """

    __slots__ = ("_boundaries", "_counts", "_frame", "_history", "_index", "_order")

    _boundaries: Numbers
    _counts: Counts
    _frame: str
    _history: str
    _index: Index | None  # made at the first look-up, and not a part of the value
    _order: int

    def __init__(self) -> None:
        raise TypeError("a Coverage is made by hpmask.coverage(shapes, order=...)")

    # ------------------------------------------------------------------ properties

    @property
    def order(self) -> int:
        """Order of the cells."""
        return self._order

    @property
    def frame(self) -> str:
        """Frame of the cells, "icrs" or "galactic"."""
        return self._frame

    @property
    def ranges(self) -> Numbers:
        """Half-open ranges of NESTED cell numbers at order 29, shape (n, 2), read-only.

        They are sorted and disjoint. The count is constant in a range, and ranges with different counts may touch.
        """
        return self._boundaries.reshape(-1, 2)

    @property
    def counts(self) -> Counts:
        """How many shapes cover each range, at least 1, shape (n,), read-only."""
        return self._counts[:]

    @property
    def max(self) -> int:
        """The largest count."""
        return int(self._counts.max(initial=0))

    @property
    def nbytes(self) -> int:
        """Memory of the ranges and the counts in bytes."""
        return int(self._boundaries.nbytes + self._counts.nbytes)

    # ------------------------------------------------------------------ queries

    def at_least(self, count: int) -> MaskValue:
        """Return the cells that at least so many shapes cover, as a mask.

        Parameters
        ----------
        count : int
            The least count, at least 1.

        Returns
        -------
        Mask
            True where the count is at least `count`, in the frame and at the order of the coverage.

        Raises
        ------
        TypeError, ValueError
            If `count` is not a positive integer.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> import hpmask
        >>> fields = hpmask.Shapes.cones(SkyCoord([10, 11], [0, 0], unit="deg"), "1 deg")
        >>> twice = hpmask.coverage(fields, order=8).at_least(2)
        >>> twice.contains(SkyCoord([9.5, 10.5], [0, 0], unit="deg"))
        array([False,  True])
        """
        count = as_count(count, "count", least=1)
        chosen = np.flatnonzero(self._counts >= count)
        plane = trusted(joined(self._boundaries[0::2][chosen], self._boundaries[1::2][chosen]), self._order)
        return new_mask(plane, frame=self._frame, history=f"{self._history}.at_least({count})")

    def at(self, coord: SkyCoord, *, n_threads: int | None = None) -> Any:
        """Return how many shapes cover the cells at positions.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame. A position belongs to a cell as in `hpmask.Mask.contains`.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        int or numpy.ndarray of int32
            The counts, in the shape of `coord`.

        Raises
        ------
        TypeError, ValueError
            If `coord` is not a SkyCoord, or a position is not finite or is masked.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> import hpmask
        >>> fields = hpmask.Shapes.cones(SkyCoord([10, 11], [0, 0], unit="deg"), "1 deg")
        >>> hpmask.coverage(fields, order=8).at(SkyCoord(10.5, 0, unit="deg"))
        2
        """
        positions = Positions.of_coord(coord, self._frame, "coord")
        found = counts_at(self._look_up(), self._order, positions, n_threads=n_threads)
        return found if positions.shape else int(found)

    def _look_up(self) -> Index:
        """The index of the places where the count changes."""
        if self._index is None:
            edges, words = steps_of(self._boundaries, self._counts)
            self._index = Index(edges, self._order, words=words)
        return self._index

    def areas(self) -> u.Quantity:
        """Return the area of the sky that is covered exactly so many times.

        Returns
        -------
        `~astropy.units.Quantity`, shape (max + 1,)
            In deg2: first the area that no shape covers, then the area that one shape covers, and so on.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> import hpmask
        >>> fields = hpmask.Shapes.cones(SkyCoord([10, 11], [0, 0], unit="deg"), "1 deg")
        >>> print(hpmask.coverage(fields, order=10).areas()[1:].round(2))
        [3.86 1.21] deg2
        """
        shift = np.uint64(2 * (MAX_ORDER - self._order))
        lengths = (self._boundaries[1::2] - self._boundaries[0::2]) >> shift
        n_cells = np.bincount(self._counts, weights=lengths.astype(np.float64), minlength=1)
        n_cells[0] = healpix.n_cells(self._order) - n_cells.sum()
        return (n_cells / healpix.n_cells(self._order) * 4 * np.pi * u.sr).to(u.deg**2)

    # ------------------------------------------------------------------ maps

    def to_healpix(self, *, order: int | None = None, nest: bool = False) -> Counts:
        """Return the counts as a full HEALPix map.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default that of the coverage. At a coarser order, a cell has the count at its centre,
            as in `hpmask.Mask.to_healpix`.
        nest : bool, optional
            Number the cells NESTED instead of RING.

        Returns
        -------
        numpy.ndarray of int32, shape (12 * 4**order,)
            The counts, in the frame of the coverage.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or the map takes more than 16 GiB.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> import hpmask
        >>> fields = hpmask.Shapes.cones(SkyCoord([10, 190], [90, -90], unit="deg"), "100 deg")
        >>> hpmask.coverage(fields, order=0).to_healpix()
        array([1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1], dtype=int32)
        """
        nest = as_flag(nest, "nest")
        order = self._order if order is None else check_order(order)
        n_cells = healpix.n_cells(order)
        check_size(1 if nest else 2, n_cells, order, item_bytes=4)
        edges, words = steps_of(self._boundaries, self._counts)
        shift = 2 * (MAX_ORDER - order)
        if order < self._order:
            # To the first cell whose centre lies at or past the place; see `centres` in _kernels/ranges.pyx.
            edges = edges + np.uint64((1 << (shift - 2)) - 1)
        lengths = np.diff(edges >> np.uint64(shift), prepend=np.uint64(0), append=np.uint64(n_cells))
        nested = np.repeat(words.astype(np.int32), lengths.astype(np.intp))
        if nest:
            return nested
        result = np.empty_like(nested)

        def work(start: int) -> None:
            part = np.arange(start, min(start + _CHUNK, n_cells))
            result[start : start + _CHUNK] = nested[healpix.ring_to_nested(part, order).astype(np.intp)]

        list(thread_map(work, range(0, n_cells, _CHUNK)))
        return result

    def to_map(self) -> HealpixMap:
        """Return the counts as a multi-order map of the cells that are covered.

        Returns
        -------
        HealpixMap
            The smallest number of cells that have one count each. `hpmask.io.write_map` writes it to a file.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> import hpmask
        >>> fields = hpmask.Shapes.cones(SkyCoord([10, 11], [0, 0], unit="deg"), "1 deg")
        >>> hpmask.coverage(fields, order=8).to_map()
        <HealpixMap icrs orders 7 to 8 | 61 cells of int32>
        """
        shift = 2 * (MAX_ORDER - self._order)
        n = _ranges.count_cells(self._boundaries, shift)
        cells, orders = np.empty(n, dtype=np.uint64), np.empty(n, dtype=np.uint8)
        _ranges.fill_cells(self._boundaries, shift, cells, orders)
        wide = np.uint64(2) * orders.astype(np.uint64)
        starts = cells << (np.uint64(2 * MAX_ORDER) - wide)
        rows = np.searchsorted(self._boundaries[0::2], starts, side="right") - 1
        uniq = cells + (np.uint64(4) << wide)
        return HealpixMap(self._counts[rows], uniq=uniq, frame=self._frame, name="COVERAGE")

    def mean(self, order: int, *, full: bool = False) -> HealpixMap:
        """Return the mean count over each cell of an order, such as the mean number of exposures.

        Parameters
        ----------
        order : int
            Order of the cells, 0 to 29.
        full : bool, optional
            Return a full map, with 0 in cells that no shape touches. By default, the map has the other cells only.

        Returns
        -------
        HealpixMap
            The counts, weighted by the area that they have in the cell, in float64.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or the map takes more than 16 GiB.

        See Also
        --------
        hpmask.Mask.fraction : The same for a mask.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> import hpmask
        >>> fields = hpmask.Shapes.cones(SkyCoord([10, 11], [0, 0], unit="deg"), "1 deg")
        >>> exposures = hpmask.coverage(fields, order=8)
        >>> exposures.mean(5).values.round(2)
        array([0.31, 0.12, 1.17, 0.31])
        """
        order, full = check_order(order), as_flag(full, "full")
        shift = 2 * (MAX_ORDER - order)
        n_cells = healpix.n_cells(order) if full else _fractions.touched(self._boundaries, shift)
        check_size(1, n_cells, order)
        part = cell_sums(self._boundaries, self._counts, self._order, order)
        return map_of([part], order, full=full, frame=self._frame, energy=None, name="MEAN")

    # ------------------------------------------------------------------ sums, copies and text

    def __add__(self, other: object) -> Coverage:
        if not isinstance(other, Coverage):
            return NotImplemented
        if other._frame != self._frame:
            raise ValueError(f"the frames of two coverages must be the same, got {self._frame} and {other._frame}")
        levels = _added((self._boundaries, self._counts), (other._boundaries, other._counts))
        order = max(self._order, other._order)
        return coverage_of(levels, order, self._frame, f"({self._history} + {other._history})")

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Coverage):
            return NotImplemented
        return (
            self._frame == other._frame
            and np.array_equal(self._boundaries, other._boundaries)
            and np.array_equal(self._counts, other._counts)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._boundaries, self._counts, self._order, self._frame, self._history)

    def __copy__(self) -> Coverage:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Coverage:
        return self

    def __repr__(self) -> str:
        depth = f"at most {counted(self.max, 'shape')}" if self._counts.size else "no shapes"
        n_ranges = counted(self._counts.size, "range")
        return f"<Coverage {self._frame} order={self._order} | {n_ranges}, {depth}>"


def coverage_of(levels: Levels, order: int, frame: str, history: str) -> Coverage:
    """The coverage with these ranges and counts, whose arrays it owns. `history` is how it was made."""
    made = object.__new__(Coverage)
    made._boundaries, made._counts = levels
    made._order, made._frame, made._history, made._index = order, frame, history, None
    made._boundaries.flags.writeable = made._counts.flags.writeable = False
    return made


@rebuilder("Coverage")
def _rebuild(boundaries: Any, counts: Any, order: Any, frame: Any, history: Any) -> Coverage:
    if not isinstance(history, str):
        raise TypeError(f"its history is {history!r}")
    order = check_order(order)
    return coverage_of(unpickled_levels(boundaries, counts, order), order, check_frame(frame), history)


def unpickled_levels(boundaries: Any, counts: Any, order: int) -> Levels:
    """A copy of ranges with counts from a pickle, checked.

    Raises
    ------
    ValueError
        If they are not what this module makes: ranges ascend, and may touch if their counts differ.
    """
    boundaries = unpickled_boundaries(boundaries)
    if getattr(counts, "dtype", None) != np.int32 or counts.shape != (boundaries.size // 2,):
        raise ValueError("its counts are not numbers of 32 bits, one for each range")
    counts = np.array(counts, dtype=np.int32)
    if counts.size:
        starts, stops = boundaries[0::2], boundaries[1::2]
        apart = stops[:-1] < starts[1:]
        apart |= (stops[:-1] == starts[1:]) & (counts[:-1] != counts[1:])
        low = np.uint64((1 << 2 * (MAX_ORDER - order)) - 1)
        if not (
            apart.all()
            and (starts < stops).all()
            and int(stops[-1]) <= healpix.n_cells(MAX_ORDER)
            and not int(np.bitwise_or.reduce(boundaries) & low)
            and counts.min() > 0
        ):
            raise ValueError(f"its ranges do not ascend at cells of order {order}, or a count is not positive")
    return boundaries, counts
