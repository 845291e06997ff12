"""RangeSet: a set of HEALPix cells as sorted ranges of NESTED cell numbers, and its algebra.

This module does not deal with coordinates, units, energies or files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpmask._kernels import ranges as _kernel
from hpmask._kernels.index import Index
from hpmask._kernels.pieces import Pieces
from hpmask._utils.arguments import MAX_ORDER, as_fraction, check_order, unmasked
from hpmask._utils.memory import array_of
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.pickles import rebuilder
from hpmask._utils.stable import stable_hash
from hpmask.core.merging import combined
from hpmask.core.sorting import sort
from hpmask.core.uniq import orders_of

__all__ = [
    "RangeSet",
    "as_integers",
    "cells_in",
    "checked",
    "difference_of",
    "flat",
    "from_starts_stops",
    "index_of",
    "joined",
    "trusted",
    "union_along_curve",
    "union_of",
    "uniq_ranges",
    "unpickled_boundaries",
]

_END = 12 << (2 * MAX_ORDER)

# Values of an operation for (in a, in b) = (0,0), (1,0), (0,1), (1,1), lowest bit first.
_OR, _AND, _XOR, _MINUS = 0b1110, 0b1000, 0b0110, 0b0010

# With fewer boundaries, a second thread costs more time than it saves.
_PARALLEL_FROM = 200_000

Boundaries = NDArray[np.uint64]


class RangeSet:
    """A set of HEALPix cells, stored as ranges of cell numbers.

    A RangeSet is immutable, hashable and picklable. Two sets are equal if they cover the same sky, whatever their
    orders are. The operators ``|``, ``&``, ``^``, ``-`` and ``~`` are those of Python's sets. The result has the finer
    of the two orders.

    Parameters
    ----------
    ranges : array_like of int, shape (n, 2)
        Half-open ranges ``[start, stop)`` of NESTED cell numbers at order 29. They must be sorted, disjoint and
        separated by gaps, and must begin and end at cells of `order`.
    order : int
        The order of the cells that the set consists of, 0 to 29.

    Raises
    ------
    TypeError, ValueError
        If the ranges are anything else. The message names the first bad row. `from_ranges` takes unsorted and
        overlapping ranges.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> a = RangeSet.from_cells([0, 1, 2, 3, 7], order=1)
    >>> a
    RangeSet(order=1, n_ranges=2, n_cells=5)
    >>> (a & RangeSet.from_cells([0], order=0)).n_cells
    4
    >>> ~a | a == RangeSet.full(0)
    True
    """

    __slots__ = ("__weakref__", "_boundaries", "_index", "_order")

    _boundaries: Boundaries
    _order: int
    _index: Any  # made at the first look-up from the boundaries, and not a part of the value

    def __init__(self, ranges: ArrayLike, order: int) -> None:
        order = check_order(order)
        # astype comes last because it copies: the set owns its memory, and nobody has a writable view of it.
        boundaries = _as_pairs(ranges).reshape(-1).astype(np.uint64)
        _check_boundaries(boundaries, order)
        self._set(boundaries, order)

    def _set(self, boundaries: Boundaries, order: int) -> None:
        boundaries.flags.writeable = False
        self._boundaries = boundaries
        self._order = order
        self._index = None

    @classmethod
    def _trusted(cls, boundaries: Boundaries, order: int) -> RangeSet:
        """A set from boundaries that are known to be valid. It takes ownership of the array."""
        self = object.__new__(cls)
        self._set(boundaries, order)
        return self

    # ------------------------------------------------------------------ constructors

    @classmethod
    def empty(cls, order: int) -> RangeSet:
        """Return the empty set.

        Parameters
        ----------
        order : int
            The order of the set, 0 to 29.

        Returns
        -------
        RangeSet

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.empty(3)
        RangeSet(order=3, n_ranges=0, n_cells=0)
        """
        return cls._trusted(np.empty(0, dtype=np.uint64), check_order(order))

    @classmethod
    def full(cls, order: int) -> RangeSet:
        """Return the set of all cells.

        Parameters
        ----------
        order : int
            The order of the set, 0 to 29.

        Returns
        -------
        RangeSet

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.full(0)
        RangeSet(order=0, n_ranges=1, n_cells=12)
        """
        return cls._trusted(np.array([0, _END], dtype=np.uint64), check_order(order))

    @classmethod
    def from_ranges(cls, ranges: ArrayLike, order: int) -> RangeSet:
        """Return the union of ranges, which may be unsorted, overlap, touch or be empty.

        Parameters
        ----------
        ranges : array_like of int, shape (n, 2)
            Half-open ranges ``[start, stop)`` of NESTED cell numbers at order 29, with start <= stop. They must begin
            and end at cells of `order`.
        order : int
            The order of the set, 0 to 29.

        Returns
        -------
        RangeSet

        Raises
        ------
        TypeError, ValueError
            If a range is reversed, does not begin and end at cells of `order`, or exceeds the sky. The message names
            the row.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_ranges([[8, 12], [0, 4], [4, 6]], order=29).ranges
        array([[ 0,  6],
               [ 8, 12]], dtype=uint64)
        """
        order = check_order(order)
        pairs = _as_pairs(ranges)
        starts = np.array(pairs[:, 0], dtype=np.uint64)
        stops = np.array(pairs[:, 1], dtype=np.uint64)
        low = np.uint64((1 << (2 * (MAX_ORDER - order))) - 1)
        bad = np.flatnonzero((starts > stops) | (stops > _END) | ((starts | stops) & low != 0))
        if bad.size:
            row = int(bad[0])
            raise ValueError(
                f"ranges must have start <= stop and begin and end at cells of order {order} within [0, 12 * 4**29), "
                f"row {row} is [{starts[row]}, {stops[row]})"
            )
        return cls._from_starts_stops(starts, stops, order)

    @classmethod
    def _from_starts_stops(
        cls, starts: Boundaries, stops: Boundaries, order: int, *, depth: int = 1, n_threads: int | None = 1
    ) -> RangeSet:
        """The cells that at least `depth` of the ranges cover. The arrays are sorted in place."""
        if thread_count(n_threads) > 1 and starts.size > _PARALLEL_FROM:
            list(thread_map(sort, (starts, stops), 2))
        else:
            sort(starts)
            sort(stops)
        out = np.empty(_kernel.count_at_least(starts, stops, depth), dtype=np.uint64)
        _kernel.at_least(starts, stops, depth, out)
        return cls._trusted(out, order)

    @classmethod
    def from_cells(cls, cells: ArrayLike, order: int) -> RangeSet:
        """Return the set of cells of one order.

        Parameters
        ----------
        cells : array_like of int, shape (n,)
            NESTED cell numbers, 0 to 12 * 4**order - 1, unsorted and with repetitions if need be.
        order : int
            Order of the cells, 0 to 29.

        Returns
        -------
        RangeSet

        Raises
        ------
        TypeError, ValueError
            If the numbers are not integers, or there is no cell of that number. The message names the row.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_cells([7, 3, 3], order=1).cells()
        array([3, 7], dtype=uint64)
        """
        order = check_order(order)
        cells = as_integers(cells, "cells")
        bad = np.flatnonzero((cells < 0) | (cells >= 12 << (2 * order)))
        if bad.size:
            last = (12 << 2 * order) - 1
            raise ValueError(f"cells of order {order} are numbered 0 to {last}, row {bad[0]} is {cells[bad[0]]}")
        shift = np.uint64(2 * (MAX_ORDER - order))
        starts = cells.astype(np.uint64) << shift
        return cls._from_starts_stops(starts, starts + (np.uint64(1) << shift), order)

    @classmethod
    def from_uniq(cls, uniq: ArrayLike, order: int | None = None) -> RangeSet:
        """Return the set of cells of several orders, given by their UNIQ numbers.

        Parameters
        ----------
        uniq : array_like of int, shape (n,)
            UNIQ numbers, ``4 * 4**order + cell`` (IVOA MOC 2.0, section 4.1). Cells may overlap.
        order : int, optional
            The order of the set. By default the order of the smallest cell, or 0 if there is no cell.

        Returns
        -------
        RangeSet

        Raises
        ------
        TypeError, ValueError
            If a number is not a UNIQ number (the message names the row), or a cell is finer than `order`.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_uniq([4, 20])  # cell 0 of order 0 and cell 4 of order 1
        RangeSet(order=1, n_ranges=1, n_cells=5)
        """
        starts, stops, deepest = uniq_ranges(uniq)
        order = deepest if order is None else check_order(order)
        if deepest > order:
            raise ValueError(f"order is {order}, but the UNIQ numbers have a cell of order {deepest}")
        return cls._from_starts_stops(starts, stops, order)

    # ------------------------------------------------------------------ properties and queries

    @property
    def order(self) -> int:
        """Order of the cells that the set consists of."""
        return self._order

    @property
    def ranges(self) -> NDArray[np.uint64]:
        """Half-open ranges of NESTED cell numbers at order 29, shape (n, 2), read-only."""
        return self._boundaries.reshape(-1, 2)

    @property
    def boundaries(self) -> NDArray[np.uint64]:
        """Starts and stops of the ranges as one ascending array, shape (2 n,), read-only."""
        return self._boundaries[:]

    @property
    def n_ranges(self) -> int:
        """Number of ranges."""
        return self._boundaries.size // 2

    @property
    def nbytes(self) -> int:
        """Memory of the ranges in bytes."""
        return int(self._boundaries.nbytes)

    @property
    def n_cells(self) -> int:
        """Number of cells of the set's order."""
        return int(_kernel.total(self._boundaries)) >> (2 * (MAX_ORDER - self._order))

    @property
    def sky_fraction(self) -> float:
        """Fraction of the sky in the set, 0 to 1."""
        return int(_kernel.total(self._boundaries)) / _END

    @property
    def is_empty(self) -> bool:
        """Whether the set has no cells."""
        return self._boundaries.size == 0

    @property
    def is_full(self) -> bool:
        """Whether the set is the whole sky."""
        # Ranges never touch each other: the whole sky is one range.
        return self._boundaries.size == 2 and bool(self._boundaries[0] == 0) and bool(self._boundaries[1] == _END)

    def __bool__(self) -> bool:
        return self._boundaries.size > 0

    def cells(self, order: int | None = None) -> NDArray[np.uint64]:
        """Return the numbers of all cells in the set, at one order.

        Parameters
        ----------
        order : int, optional
            Order of the cells, at least the order of the set, which is the default.

        Returns
        -------
        numpy.ndarray of uint64, shape (n,)
            NESTED cell numbers, ascending. The size is proportional to the area.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or is coarser than the set (use `at_order` first).

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_cells([2], order=0).cells(1)
        array([ 8,  9, 10, 11], dtype=uint64)
        """
        order = self._order if order is None else check_order(order)
        if order < self._order:
            raise ValueError(
                f"order {order} is coarser than the set's {self._order}: use at_order({order}, mode=...) first"
            )
        pairs = self.ranges >> np.uint64(2 * (MAX_ORDER - order))
        lengths = (pairs[:, 1] - pairs[:, 0]).astype(np.intp)
        ends = np.cumsum(lengths)
        first = pairs[:, 0] - (ends - lengths).astype(np.uint64)
        return np.repeat(first, lengths) + np.arange(ends[-1] if ends.size else 0, dtype=np.uint64)

    def multi_order_cells(self) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """Return the smallest number of cells, of several orders, that make up the set.

        Returns
        -------
        cells : numpy.ndarray of uint64, shape (n,)
            NESTED number of each cell at its own order. The cells are sorted by their position on the NESTED curve.
        orders : numpy.ndarray of uint8, shape (n,)
            Order of each cell.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> cells, orders = RangeSet.from_cells([0, 1, 2, 3, 4], order=1).multi_order_cells()
        >>> cells.tolist(), orders.tolist()
        ([0, 4], [0, 1])
        """
        shift = 2 * (MAX_ORDER - self._order)
        count = _kernel.count_cells(self._boundaries, shift)
        cells, orders = np.empty(count, np.uint64), np.empty(count, np.uint8)
        _kernel.fill_cells(self._boundaries, shift, cells, orders)
        return cells, orders

    def cells_by_order(self) -> dict[int, NDArray[np.uint64]]:
        """Return the cells of `multi_order_cells`, grouped by their order.

        Returns
        -------
        dict of int to numpy.ndarray of uint64
            NESTED cell numbers, ascending, of each order that has cells.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> {order: cells.tolist() for order, cells in RangeSet.from_uniq([4, 20]).cells_by_order().items()}
        {0: [0], 1: [4]}
        """
        cells, orders = self.multi_order_cells()
        return {int(order): cells[orders == order] for order in np.unique(orders)}

    def uniq(self) -> NDArray[np.uint64]:
        """Return the UNIQ numbers of the cells of `multi_order_cells`.

        Returns
        -------
        numpy.ndarray of uint64, shape (n,)
            ``4 * 4**order + cell`` of each cell, ascending.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_cells([0, 1, 2, 3, 4], order=1).uniq()
        array([ 4, 20], dtype=uint64)
        """
        cells, orders = self.multi_order_cells()
        result = cells + (np.uint64(4) << (np.uint64(2) * orders.astype(np.uint64)))
        result.sort()
        return result

    # ------------------------------------------------------------------ set operations

    def _combine(self, other: RangeSet, truth: int) -> RangeSet:
        order = max(self._order, other._order)
        return RangeSet._trusted(combined(self._boundaries, other._boundaries, truth), order)

    def __or__(self, other: RangeSet) -> RangeSet:
        return self._combine(other, _OR) if isinstance(other, RangeSet) else NotImplemented

    def __and__(self, other: RangeSet) -> RangeSet:
        return self._combine(other, _AND) if isinstance(other, RangeSet) else NotImplemented

    def __xor__(self, other: RangeSet) -> RangeSet:
        return self._combine(other, _XOR) if isinstance(other, RangeSet) else NotImplemented

    def __sub__(self, other: RangeSet) -> RangeSet:
        return self._combine(other, _MINUS) if isinstance(other, RangeSet) else NotImplemented

    def __invert__(self) -> RangeSet:
        inner = self._boundaries
        at_start = inner.size > 0 and inner[0] == 0
        at_end = inner.size > 0 and inner[-1] == _END
        inner = inner[int(at_start) : inner.size - int(at_end)]
        out = array_of(inner.size + int(not at_start) + int(not at_end))
        out[int(not at_start) : int(not at_start) + inner.size] = inner
        if not at_start:
            out[0] = 0
        if not at_end:
            out[-1] = _END
        return RangeSet._trusted(out, self._order)

    def union(self, *others: RangeSet | Iterable[RangeSet]) -> RangeSet:
        """Return the union of this set and others, in one pass over all of them.

        Parameters
        ----------
        *others : RangeSet or iterable of RangeSet
            Other sets, of any order.

        Returns
        -------
        RangeSet
            At the finest of their orders.

        Raises
        ------
        TypeError
            If one of them is not a RangeSet.

        See Also
        --------
        union_all : the union of a list of sets.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> a, b, c = (RangeSet.from_cells([cell], order=3) for cell in range(3))
        >>> a.union(b, c) == a.union([b, c]) == a | b | c
        True
        """
        return RangeSet.union_all([self, *_all_checked(others)])

    def intersection(self, *others: RangeSet | Iterable[RangeSet]) -> RangeSet:
        """Return the intersection of this set and others, in one pass over all of them.

        Parameters
        ----------
        *others : RangeSet or iterable of RangeSet
            Other sets, of any order.

        Returns
        -------
        RangeSet
            At the finest of their orders.

        Raises
        ------
        TypeError
            If one of them is not a RangeSet.

        See Also
        --------
        intersection_all : the intersection of a list of sets.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> a, b = RangeSet.from_cells([0, 1], order=1), RangeSet.from_cells([1, 2], order=1)
        >>> a.intersection(b).cells()
        array([1], dtype=uint64)
        """
        return RangeSet.intersection_all([self, *_all_checked(others)])

    def difference(self, *others: RangeSet | Iterable[RangeSet]) -> RangeSet:
        """Return the cells of this set that are in none of the others.

        Parameters
        ----------
        *others : RangeSet or iterable of RangeSet
            Other sets, of any order.

        Returns
        -------
        RangeSet
            At the finest of their orders.

        Raises
        ------
        TypeError
            If one of them is not a RangeSet.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> a, b = RangeSet.from_cells([0, 1], order=1), RangeSet.from_cells([1, 2], order=1)
        >>> a.difference(b).cells()
        array([0], dtype=uint64)
        """
        return self - RangeSet.union_all(_all_checked(others))

    def symmetric_difference(self, other: RangeSet) -> RangeSet:
        """Return the cells that are in exactly one of two sets.

        Parameters
        ----------
        other : RangeSet
            Another set, of any order.

        Returns
        -------
        RangeSet
            At the finer of the two orders.

        Raises
        ------
        TypeError
            If `other` is not a RangeSet.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> a, b = RangeSet.from_cells([0, 1], order=1), RangeSet.from_cells([1, 2], order=1)
        >>> a.symmetric_difference(b).cells()
        array([0, 2], dtype=uint64)
        """
        return self ^ _checked(other)

    @staticmethod
    def union_all(sets: Iterable[RangeSet]) -> RangeSet:
        """Return the union of any number of sets, in one pass over all of them.

        Parameters
        ----------
        sets : iterable of RangeSet
            Sets of any order.

        Returns
        -------
        RangeSet
            At the finest of their orders; the empty set of order 0 if there are none.

        Raises
        ------
        TypeError
            If one of them is not a RangeSet.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.union_all(RangeSet.from_cells([cell], order=3) for cell in range(5))
        RangeSet(order=3, n_ranges=1, n_cells=5)
        """
        return _many(sets, _OR, none=RangeSet.empty(0))

    @staticmethod
    def intersection_all(sets: Iterable[RangeSet]) -> RangeSet:
        """Return the intersection of any number of sets, in one pass over all of them.

        Parameters
        ----------
        sets : iterable of RangeSet
            Sets of any order.

        Returns
        -------
        RangeSet
            At the finest of their orders; the whole sky at order 0 if there are none.

        Raises
        ------
        TypeError
            If one of them is not a RangeSet.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.intersection_all(RangeSet.from_cells([cell, 7], order=3) for cell in range(5)).cells()
        array([7], dtype=uint64)
        """
        return _many(sets, _AND, none=RangeSet.full(0))

    def issubset(self, other: RangeSet) -> bool:
        """Return whether all cells of this set are in `other`.

        Parameters
        ----------
        other : RangeSet
            Another set, of any order.

        Returns
        -------
        bool
            True if `other` has all of them. An empty set is a subset of every set.

        Raises
        ------
        TypeError
            If `other` is not a RangeSet.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_cells([3], order=1).issubset(RangeSet.from_cells([0], order=0))
        True
        """
        return not _kernel.any_inside(self._boundaries, _checked(other)._boundaries, _MINUS)

    def overlaps(self, other: RangeSet) -> bool:
        """Return whether two sets have sky in common.

        Parameters
        ----------
        other : RangeSet
            Another set, of any order.

        Returns
        -------
        bool
            True if some sky is in both.

        Raises
        ------
        TypeError
            If `other` is not a RangeSet.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_cells([3, 4], order=1).overlaps(RangeSet.from_cells([0], order=0))
        True
        """
        return bool(_kernel.any_inside(self._boundaries, _checked(other)._boundaries, _AND))

    def isdisjoint(self, other: RangeSet) -> bool:
        """Return whether two sets have no sky in common.

        Parameters
        ----------
        other : RangeSet
            Another set, of any order.

        Returns
        -------
        bool
            True if no sky is in both.

        Raises
        ------
        TypeError
            If `other` is not a RangeSet.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> RangeSet.from_cells([3, 4], order=1).isdisjoint(RangeSet.from_cells([2], order=0))
        True
        """
        return not self.overlaps(other)

    def contains(self, cells: ArrayLike, order: int = MAX_ORDER, *, mode: Mode = "center") -> Any:
        """Return whether cells are in the set.

        Parameters
        ----------
        cells : array-like of int, any shape
            NESTED cells, 0 to ``12 * 4**order - 1``. The column ``_healpix_29`` of a HATS catalog has such cells.
        order : int, optional
            Their order, 0 to 29.
        mode : {"center", "overlap", "inside"}, optional
            Only for cells that are coarser than the set. Such a cell is in the set if its centre is ("center"), if any
            part of it is ("overlap"), or if all of it is ("inside"), as in `at_order`.

        Returns
        -------
        bool or numpy.ndarray of bool
            The answers, in the shape of `cells`.

        Raises
        ------
        TypeError, ValueError
            If `cells` are not cells of this order, or `order` or `mode` is another one.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> some = RangeSet.from_cells([16, 17, 18], order=2)
        >>> some.contains([15, 16, 18, 19], order=2)
        array([False,  True,  True, False])
        >>> some.contains(4, order=1, mode="overlap")
        True
        """
        order, mode = check_order(order), check_mode(mode)
        numbers = numbers_of(cells, order, "cells")
        plane = self if order >= self._order else self.at_order(order, mode=mode)
        inside = cells_in(plane, numbers.reshape(-1), MAX_ORDER).reshape(numbers.shape)
        return inside if inside.ndim else bool(inside)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeSet):
            return NotImplemented
        same = self._boundaries is other._boundaries
        return same or np.array_equal(self._boundaries, other._boundaries)

    def __hash__(self) -> int:
        # crc32 reads the memory in place, on all machines whose bytes are in this order.
        return stable_hash("cells", self._boundaries.size, crc32(self._boundaries.astype("<u8", copy=False).data))

    # ------------------------------------------------------------------ transformations

    def at_order(self, order: int, *, mode: Mode | None = None, threshold: float | None = None) -> RangeSet:
        """Return the set at another order.

        Parameters
        ----------
        order : int
            The new order, 0 to 29. At a finer order, the set covers the same sky.
        mode : {"center", "overlap", "inside"}, optional
            Only for a coarser order. A cell is in the new set if its centre is in the old one ("center", the default),
            if any part of it is ("overlap"), or if all of it is ("inside"). Four finer cells meet at the centre of a
            cell. The northern one decides, as in `hpmask.Mask.contains`.
        threshold : float, optional
            Only for a coarser order, and instead of `mode`. A cell is in the new set if more than this fraction of it
            is in the old one. At least 0, which is the same as "overlap", and below 1.

        Returns
        -------
        RangeSet
            The set with cells of this order.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, `mode` is not one of these words, `threshold` is not from 0 to
            below 1, or both are given.

        Examples
        --------
        >>> from hpmask import RangeSet
        >>> fine = RangeSet.from_cells([0, 1, 2, 3, 7, 8], order=1)
        >>> [fine.at_order(0, mode=mode).cells().tolist() for mode in ("inside", "center", "overlap")]
        [[0], [0, 1], [0, 1, 2]]
        >>> RangeSet.from_cells([0, 1, 2, 4], order=1).at_order(0, threshold=0.5).cells()
        array([0], dtype=uint64)
        """
        order = check_order(order)
        if threshold is not None:
            if mode is not None:
                raise TypeError("give mode or threshold, and not both")
            threshold = as_fraction(threshold, "threshold")
        mode = check_mode("center" if mode is None else mode)
        if order == self._order:
            return self
        if order > self._order:
            return RangeSet._trusted(self._boundaries, order)
        shift = 2 * (MAX_ORDER - order)
        if threshold is not None:
            out = np.empty_like(self._boundaries)
            # The product with a power of two is exact, and so is the comparison of integers.
            count = _kernel.covered(self._boundaries, shift, int(threshold * (1 << shift)), out)
            return RangeSet._trusted(_trimmed(out, count), order)
        if mode == "inside":
            return ~(~self).at_order(order, mode="overlap")
        out = np.empty_like(self._boundaries)
        kernel = _kernel.widen if mode == "overlap" else _kernel.centres
        return RangeSet._trusted(_trimmed(out, kernel(self._boundaries, shift, out)), order)

    # ------------------------------------------------------------------ copies and text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._boundaries, self._order)

    def __copy__(self) -> RangeSet:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> RangeSet:
        return self

    def __repr__(self) -> str:
        return f"RangeSet(order={self._order}, n_ranges={self.n_ranges}, n_cells={self.n_cells})"


def trusted(boundaries: Boundaries, order: int) -> RangeSet:
    """A set from boundaries that are known to be valid: ascending, distinct, and at cells of `order`."""
    return RangeSet._trusted(boundaries, order)


def checked(boundaries: Boundaries, order: int) -> RangeSet:
    """A set from boundaries that may be wrong, of which it takes ownership; see `RangeSet` for the errors."""
    _check_boundaries(boundaries, order)
    return RangeSet._trusted(boundaries, order)


def from_starts_stops(
    starts: Boundaries, stops: Boundaries, order: int, *, depth: int = 1, n_threads: int | None = 1
) -> RangeSet:
    """A set from unsorted and overlapping ranges that are known to begin and end at cells of `order`.

    At least `depth` ranges must cover a cell. The arrays are sorted in place.
    """
    return RangeSet._from_starts_stops(starts, stops, order, depth=depth, n_threads=n_threads)


def joined(starts: Boundaries, stops: Boundaries) -> Boundaries:
    """Boundaries of the union of ranges that ascend and do not overlap, but may touch."""
    if not starts.size:
        return np.empty(0, dtype=np.uint64)
    apart = starts[1:] != stops[:-1]
    boundaries = np.empty(2 * (np.count_nonzero(apart) + 1), dtype=np.uint64)
    boundaries[0], boundaries[-1] = starts[0], stops[-1]
    boundaries[1:-1:2], boundaries[2::2] = stops[:-1][apart], starts[1:][apart]
    return boundaries


def union_along_curve(sets: Iterable[RangeSet], cuts: NDArray[np.uint64], order: int) -> RangeSet:
    """The union of sets, of which number k lies from cuts[k] to cuts[k + 1] for the most part.

    The cuts ascend from the first cell to the end of the sky, at cells of `order`, one more than there are sets. The
    memory is that of the result, of what lies elsewhere, and of one set.
    """
    pieces = Pieces()
    strays: list[Boundaries] = []
    for k, one in enumerate(sets):
        boundaries = one._boundaries
        i, j = (int(number) for number in np.searchsorted(boundaries, cuts[k : k + 2]))
        # A range across a cut is divided there, and one that ends at a cut is not.
        i += i % 2 and int(boundaries[i] == cuts[k])
        j += j % 2 and int(boundaries[j] == cuts[k + 1])
        low, high = cuts[k : k + i % 2], cuts[k + 1 : k + 1 + j % 2]
        pieces.append(np.concatenate([low, boundaries[i:j], high]))
        if i or j < boundaries.size:
            strays.append(np.concatenate([boundaries[:i], low, high, boundaries[j:]]))
    if strays:
        starts, stops = (np.concatenate([stray[k::2] for stray in strays]) for k in range(2))
        pieces.unite(RangeSet._from_starts_stops(starts, stops, order)._boundaries)
    return RangeSet._trusted(pieces.take(), order)


def index_of(plane: RangeSet) -> Index:
    """The look-up index of a set, made at the first call and kept with the set."""
    if plane._index is None:
        plane._index = Index(plane._boundaries, plane._order)
    index: Index = plane._index
    return index


def numbers_of(cells: ArrayLike, order: int, argument: str) -> NDArray[np.uint64]:
    """NESTED cells of an order as numbers at order 29, in their shape.

    Raises
    ------
    TypeError, ValueError
        If they are not cells of this order; the error names `argument` and the first row that is not.
    """
    array = _as_array(cells, argument)
    n_cells = 12 << 2 * order
    if array.size and not (array.min() >= 0 and array.max() < n_cells):
        row = int(np.argmax((array.reshape(-1) < 0) | (array.reshape(-1) >= n_cells)))
        where = f"row {row} is" if array.ndim else "got"
        raise ValueError(
            f"{argument} must be from 0 to 12 * 4**{order} - 1, the cells of order {order}, {where} "
            f"{array.reshape(-1)[row]}"
        )
    array = np.ascontiguousarray(array).reshape(array.shape)
    numbers = array.view(np.uint64) if array.dtype == np.int64 else array.astype(np.uint64)
    return numbers << np.uint64(2 * (MAX_ORDER - order)) if order < MAX_ORDER else numbers


def cells_in(plane: RangeSet, cells: NDArray[np.uint64], order: int) -> NDArray[np.bool_]:
    """Whether a set has each of some NESTED cells of an order that is at least that of the set."""
    inside = np.empty(cells.size, dtype=np.bool_)
    index_of(plane).inside(cells << np.uint64(2 * (MAX_ORDER - order)), inside.view(np.uint8))
    return inside


@rebuilder("RangeSet")
def _rebuild(boundaries: Any, order: Any) -> RangeSet:
    return checked(unpickled_boundaries(boundaries), check_order(order))


def unpickled_boundaries(boundaries: Any) -> Boundaries:
    """A copy of boundaries from a pickle, which may lie in a buffer that others can write to."""
    if getattr(boundaries, "dtype", None) != np.uint64 or boundaries.ndim != 1 or boundaries.size % 2:
        raise ValueError("its ranges are not pairs of 64-bit numbers")
    return np.array(boundaries, dtype=np.uint64)


def _checked(other: object) -> RangeSet:
    if not isinstance(other, RangeSet):
        raise TypeError(f"other must be a RangeSet, got {type(other).__name__}")
    return other


def _all_checked(others: Iterable[Any]) -> list[RangeSet]:
    """The arguments of a method that takes sets and iterables of sets."""
    sets = flat(others)
    for one in sets:
        if not isinstance(one, RangeSet):
            raise TypeError(f"others must be RangeSets or iterables of RangeSets, got {type(one).__name__}")
    return sets


def as_integers(values: ArrayLike, name: str) -> NDArray[Any]:
    """Values as a 1-D array of integers of any type; the error names the argument `name`."""
    array = np.atleast_1d(_as_array(values, name))
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {array.shape}")
    return array


def _as_pairs(ranges: ArrayLike) -> NDArray[Any]:
    pairs = _as_array(ranges, "ranges")
    if pairs.shape == (0,):
        pairs = pairs.reshape(0, 2)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"ranges must have shape (n, 2), got {pairs.shape}")
    if pairs.size and pairs.min() < 0:
        row = int(np.flatnonzero((pairs < 0).any(axis=1))[0])
        raise ValueError(f"ranges must not be negative, row {row} is [{pairs[row, 0]}, {pairs[row, 1]})")
    return pairs


def _as_array(values: ArrayLike, name: str) -> NDArray[Any]:
    """Values as an array of integers of any shape and type. Nothing is rounded, and nothing wraps around."""
    values = unmasked(values, name)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array: {error}") from error
    if array.size == 0 and array.dtype == np.float64:
        # NumPy makes this of an empty list.
        return array.astype(np.uint64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {array.dtype}{_first_odd(array)}")
    return array


def _first_odd(array: NDArray[Any]) -> str:
    """The first value that is not an integer, for the message, if there is one."""
    if array.dtype.kind != "f":
        return ""
    odd = np.argwhere(array != np.floor(array))
    return f", row {odd[0][0]} holds {array[tuple(odd[0])]}" if odd.size else ""


def _check_boundaries(boundaries: Boundaries, order: int) -> None:
    fault = _kernel.first_fault(boundaries, 1 << (2 * (MAX_ORDER - order)), _END)
    if fault >= 0:
        raise ValueError(_explain(boundaries, fault, order))


def _explain(boundaries: Boundaries, fault: int, order: int) -> str:
    row = fault // 2
    start, stop = boundaries[2 * row], boundaries[2 * row + 1]
    where = f"row {row} is [{start}, {stop})"
    value = int(boundaries[fault])
    if value > _END:
        return f"ranges must lie within [0, 12 * 4**29), {where}"
    if value % (1 << (2 * (MAX_ORDER - order))):
        return f"ranges must begin and end at cells of order {order}, {where}"
    if fault % 2:
        return f"ranges must have start < stop, {where}"
    before = f"the row before ends at {boundaries[fault - 1]}"
    return f"ranges must be sorted, disjoint and not touching, {where} and {before}"


def _trimmed(array: Boundaries, size: int) -> Boundaries:
    """The array with its first `size` values only. The memory of the rest is freed."""
    # In place, because a copy would need the memory of both. There is no view of the array.
    array.resize(size, refcheck=False)
    return array


def uniq_ranges(uniq: ArrayLike) -> tuple[Boundaries, Boundaries, int]:
    """Starts and stops at order 29 of cells with UNIQ numbers, and the finest of their orders (0 if there is none)."""
    numbers, orders, _ = orders_of(as_integers(uniq, "uniq"))
    wide = orders.astype(np.uint64) << np.uint64(1)
    starts = numbers - (np.uint64(4) << wide)
    shift = np.uint64(2 * MAX_ORDER) - wide
    starts <<= shift
    return starts, starts + (np.uint64(1) << shift), int(orders.max()) if orders.size else 0


def union_of(a: Boundaries, b: Boundaries) -> Boundaries:
    """The union of two sets, as boundaries."""
    return combined(a, b, _OR)


def difference_of(a: Boundaries, b: Boundaries) -> Boundaries:
    """The difference of two sets, as boundaries."""
    return combined(a, b, _MINUS)


def flat(others: Iterable[Any]) -> list[Any]:
    """The arguments of a method that takes sets and iterables of sets, as one list of sets."""
    return [one for other in others for one in (other if _is_collection(other) else (other,))]


def _is_collection(other: Any) -> bool:
    """Whether something is an iterable of sets or masks. A mask is iterable too, over its bins, but it is one mask."""
    return isinstance(other, Iterable) and not hasattr(other, "planes")


def _many(sets: Iterable[RangeSet], truth: int, *, none: RangeSet) -> RangeSet:
    sets = list(sets)
    if not sets:
        return none
    for one in sets:
        if not isinstance(one, RangeSet):
            raise TypeError(f"sets must be RangeSets, got {type(one).__name__}")
    # The second of two identical sets changes neither a union nor an intersection.
    distinct: Sequence[RangeSet] = list({id(one): one for one in sets}.values())
    order = max(one.order for one in sets)
    if len(distinct) == 1:
        return distinct[0].at_order(order)
    if len(distinct) == 2:
        return distinct[0]._combine(distinct[1], truth).at_order(order)
    depth = 1 if truth == _OR else len(distinct)
    starts = np.concatenate([one._boundaries[0::2] for one in distinct])
    stops = np.concatenate([one._boundaries[1::2] for one in distinct])
    return RangeSet._from_starts_stops(starts, stops, order, depth=depth, n_threads=None)
