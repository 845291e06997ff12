"""Values on HEALPix cells: full maps, maps of a part of the sky, and multi-order maps."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from hpmask._utils.arguments import MAX_ORDER, as_flag, check_order, values_and_unit
from hpmask._utils.pickles import unpickling
from hpmask._utils.words import counted
from hpmask.core import full_maps
from hpmask.core.positions import Positions
from hpmask.core.rangeset import RangeSet, as_integers, joined, trusted
from hpmask.core.uniq import nested_rows, orders_of
from hpmask.energy.axis import EnergyAxis, check_axis
from hpmask.geometry import healpix
from hpmask.geometry.frames import check_frame

__all__ = ["UNSEEN", "HealpixMap", "is_missing"]

UNSEEN = -1.6375e30
"""The value that healpy writes where a map has no value."""

Cells = NDArray[np.uint64]


def is_missing(values: NDArray[Any], *, unseen: bool = True) -> NDArray[np.bool_] | None:
    """Which values are NaN or, with `unseen`, UNSEEN, in the shape of `values`; None if none is."""
    # The least value shows that none is missing in most cases: it is NaN if a value is.
    if values.dtype.kind != "f" or not values.size or float(values.min()) > 0.9 * UNSEEN:
        return None
    missing = np.isnan(values)
    # Half precision does not have the value. In double precision, it is also written as it is in single precision.
    if unseen and values.dtype.itemsize > 2:
        np.logical_or(missing, values == values.dtype.type(UNSEEN), out=missing)
        if values.dtype.itemsize > 4:
            np.logical_or(missing, values == np.float32(UNSEEN), out=missing)
    return missing if missing.any() else None


class HealpixMap:
    """Values on HEALPix cells: of the whole sky, of a part of it, or of cells of several orders.

    A map is immutable. It keeps the values as they are given: a full map in the RING scheme is not reordered, and a map
    of a part of the sky never becomes a full map. The array of the values is not copied, and must not be changed
    afterwards. Two maps are equal if they have the same cells in the same order, values, unit, frame and energy bins; a
    NaN equals a NaN.

    Parameters
    ----------
    values : array_like of bool, int or float, or `~astropy.units.Quantity`, shape (n_cells,) or (n_bins, n_cells)
        The values. NaN and UNSEEN (-1.6375e30) mean that a cell has no value. Masked values become NaN.
    frame : {"icrs", "galactic"}
        Frame of the cells.
    nest : bool, optional
        Whether the cells are numbered NESTED (True) or RING (False). It is needed unless `uniq` is given.
    order : int, optional
        Order of the cells, 0 to 29. It is needed with `cells`. The number of values determines the order of a full map.
    cells : array_like of int, shape (n_cells,), optional
        Cell numbers, for a map of a part of the sky. The map stores the cells in NESTED order.
    uniq : array_like of int, shape (n_cells,), optional
        UNIQ numbers, ``4 * 4**order + cell``, of the cells of a multi-order map. The cells must not overlap.
    energy : EnergyAxis, optional
        Energy bins: `values` has a row for each of them.
    unit : `~astropy.units.Unit` or str, optional
        Unit of the values. A Quantity and a column of an astropy table have their own.
    name : str, optional
        Name of the values, such as that of their column in a file. Values without a unit whose name contains DENSITY
        are densities.

    Raises
    ------
    TypeError, ValueError
        If the numbers of cells and values differ, a cell is repeated, overlaps another one or does not exist, or the
        values are not numbers. The first such row is named.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask import HealpixMap
    >>> HealpixMap(np.arange(48.0), nest=True, frame="icrs")
    <HealpixMap icrs order=1 NESTED | 48 cells of float64>
    >>> part = HealpixMap([5.0, 1.0], cells=[100, 7], order=3, nest=True, frame="galactic")
    >>> part.cells, part.values
    (array([  7, 100], dtype=uint64), array([1., 5.]))
    """

    __slots__ = ("_cells", "_energy", "_frame", "_name", "_nest", "_order", "_orders", "_unit", "_values")

    def __init__(
        self,
        values: ArrayLike | u.Quantity,
        *,
        frame: str,
        nest: bool | None = None,
        order: int | None = None,
        cells: ArrayLike | None = None,
        uniq: ArrayLike | None = None,
        energy: EnergyAxis | None = None,
        unit: u.UnitBase | str | None = None,
        name: str = "",
    ) -> None:
        array, own_unit = _as_values(values, energy)
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {name!r}")
        self._name = name
        if own_unit is not None and unit is not None and u.Unit(unit) != own_unit:
            raise ValueError(f"unit is {u.Unit(unit)}, but values have the unit {own_unit}")
        self._unit = u.Unit(unit) if own_unit is None and unit is not None else own_unit
        self._frame, self._energy = check_frame(frame), energy
        self._cells: Cells | None = None
        self._orders: NDArray[np.uint8] | None = None
        n = array.shape[-1]
        if uniq is not None:
            if cells is not None or nest is not None or order is not None:
                raise TypeError("uniq holds the numbers and orders of the cells: give no cells, order or nest with it")
            self._nest = True
            self._set_uniq(uniq, array)
        else:
            if nest is None:
                raise TypeError("nest must be given: whether the cells are numbered NESTED (True) or RING (False)")
            self._nest = as_flag(nest, "nest")
            if cells is None:
                self._order = full_maps.order_of_full(n, order)
                self._values = array
            else:
                self._set_cells(cells, order, array)
        self._values.flags.writeable = False

    def _set_cells(self, cells: ArrayLike, order: int | None, array: NDArray[Any]) -> None:
        if order is None:
            raise ValueError("cells are numbered at some order: give it as order=")
        self._order = check_order(order)
        numbers = full_maps.as_cells(cells, array.shape[-1], self._order)
        numbers = numbers.astype(np.uint64) if self._nest else healpix.ring_to_nested(numbers, self._order)
        self._nest = True
        if np.all(numbers[1:] > numbers[:-1]):
            self._cells, self._values = numbers, array
        else:
            rows = np.argsort(numbers)
            self._cells, self._values = numbers[rows], array[..., rows]
        self._cells.flags.writeable = False

    def _set_uniq(self, uniq: ArrayLike, array: NDArray[Any]) -> None:
        numbers, orders, ascending = orders_of(as_integers(uniq, "uniq"))
        if numbers.size != array.shape[-1]:
            raise ValueError(f"each cell needs a value, got {numbers.size} cells and {array.shape[-1]} values")
        cells = numbers - (np.uint64(4) << (orders.astype(np.uint64) << np.uint64(1)))
        if ascending:
            rows = nested_rows(numbers, orders) if numbers.size and orders[0] != orders[-1] else None
        else:
            starts, stops = _ranges(cells, orders)
            rows = None
            if not np.all(starts[1:] > starts[:-1]):
                rows = np.argsort(starts, kind="stable")
                starts, stops = starts[rows], stops[rows]
            bad = np.flatnonzero(starts[1:] < stops[:-1])
            if bad.size:
                k = bad[0] + 1
                first, second = (k - 1, k) if rows is None else (rows[k - 1], rows[k])
                raise ValueError(f"cells must not overlap, but those of rows {first} and {second} do")
        if rows is not None:
            cells, orders, array = cells[rows], orders[rows], array[..., rows]
        self._order = int(orders.max()) if orders.size else 0
        self._cells, self._orders, self._values = cells, orders, array
        self._cells.flags.writeable = self._orders.flags.writeable = False

    # ------------------------------------------------------------------ properties

    @property
    def values(self) -> NDArray[Any]:
        """The values without their unit, shape (n_cells,) or (n_bins, n_cells), read-only."""
        return self._values

    @property
    def rows(self) -> NDArray[Any]:
        """The values as one row per energy bin, shape (n_bins, n_cells); one row for a map without energy."""
        return np.atleast_2d(self._values)

    @property
    def unit(self) -> u.UnitBase | None:
        """Unit of the values, or None if they have none."""
        return self._unit

    @property
    def name(self) -> str:
        """Name of the values, such as that of their column in a file; empty if they have none."""
        return self._name

    @property
    def frame(self) -> str:
        """Frame of the cells, "icrs" or "galactic"."""
        return self._frame

    @property
    def energy(self) -> EnergyAxis | None:
        """Energy bins, or None for a map without energy."""
        return self._energy

    @property
    def order(self) -> int:
        """Order of the cells; of a multi-order map, that of the smallest cell."""
        return self._order

    @property
    def nest(self) -> bool:
        """Whether the values are in NESTED order. Only a full map can be in RING order."""
        return self._nest

    @property
    def cells(self) -> Cells | None:
        """NESTED cell numbers, each at its own order, in the order of the values; None for a full map."""
        return self._cells

    @property
    def orders(self) -> NDArray[np.uint8] | None:
        """Order of each cell of a multi-order map, shape (n_cells,); None if all cells have the same order."""
        return self._orders

    @property
    def is_full(self) -> bool:
        """Whether the map has all cells of one order, and stores no cell numbers."""
        return self._cells is None

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self._values.shape[-1])

    # ------------------------------------------------------------------ parts

    def __getitem__(self, index: int) -> Self:
        """Return one energy bin as a map without energy."""
        if self._energy is None:
            raise TypeError("the map has no energy bins")
        if isinstance(index, bool) or not isinstance(index, int | np.integer):
            raise TypeError(f"the index of a map must be the number of an energy bin, got {index!r}")
        if not -self._energy.n_bins <= index < self._energy.n_bins:
            raise IndexError(f"bin {index} is not one of a map with {counted(self._energy.n_bins, 'bin')}")
        return self._with(self._values[index], None)

    def summed(self) -> Self:
        """Return the sum over the energy bins, as a map without energy.

        Returns
        -------
        HealpixMap
            On the same cells. The sum is NaN if a value is missing (NaN or UNSEEN) in any bin.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis, HealpixMap
        >>> axis = EnergyAxis([1, 2, 4] * u.TeV)
        >>> counts = HealpixMap(np.ones((2, 12)), nest=True, frame="icrs", energy=axis)
        >>> print(counts.summed().values[:3])
        [2. 2. 2.]
        """
        if self._energy is None:
            return self
        total = self._values.sum(axis=0)
        for row in self._values:
            missing = is_missing(row)
            if missing is not None:
                total[missing] = np.nan
        return self._with(total, None)

    def with_values(self, values: ArrayLike, *, energy: EnergyAxis | None = None, unit: Any = None) -> Self:
        """Return a map of other values on the same cells.

        Parameters
        ----------
        values : array_like, shape (n_cells,) or (n_bins, n_cells)
            The values, in the order of `values` of this map.
        energy : EnergyAxis, optional
            Energy bins of the new map.
        unit : `~astropy.units.Unit` or str, optional
            Unit of the values.

        Returns
        -------
        HealpixMap
            On the same cells.

        Raises
        ------
        TypeError, ValueError
            If the shape of the values does not fit, or they are not numbers.

        Examples
        --------
        >>> from hpmask import HealpixMap
        >>> counts = HealpixMap([4, 0], uniq=[4, 20], frame="icrs")
        >>> counts.with_values(counts.values > 1).values
        array([ True, False])
        """
        array, own_unit = _as_values(values, energy)
        if array.shape[-1] != self.n_cells:
            raise ValueError(f"values must have one value for each of the {self.n_cells} cells, got {array.shape[-1]}")
        made = self._with(array, energy)
        made._name = ""
        made._unit = u.Unit(unit) if own_unit is None and unit is not None else own_unit
        return made

    def _with(self, values: NDArray[Any], energy: EnergyAxis | None) -> Self:
        made = object.__new__(type(self))
        made._unit, made._name, made._frame, made._energy = self._unit, self._name, self._frame, energy
        made._cells, made._orders, made._order, made._nest = self._cells, self._orders, self._order, self._nest
        made._values = values.view()
        made._values.flags.writeable = False
        return made

    # ------------------------------------------------------------------ queries

    def at(self, coord: SkyCoord, *, n_threads: int | None = None) -> Any:
        """Return the values of the cells at positions.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame. A position belongs to a cell as in `hpmask.Mask.contains`.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        number or numpy.ndarray
            The values, in the unit of the map and the shape of `coord`. With energy bins, those of each bin: shape
            (n_bins, ...). Outside a map of a part of the sky, they are NaN; the values of such a map are floats.

        Raises
        ------
        TypeError, ValueError
            If `coord` is not a SkyCoord, or a position is not finite or is masked.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import HealpixMap
        >>> heights = HealpixMap([5.0, 1.0], cells=[100, 7], order=3, nest=True, frame="icrs")
        >>> heights.at(SkyCoord([124, 0], [36, 0], unit="deg"))
        array([ 5., nan])
        """
        positions = Positions.of_coord(coord, self._frame, "coord")
        rows = np.empty(positions.size, dtype=np.int64)
        ends = None if self._cells is None else self.starts_stops()

        def piece(part: slice, numbers: Cells) -> None:
            if ends is None:
                # A position that is nowhere has a number beyond the last cell: `look_up` raises an error.
                cells = np.minimum(numbers >> np.uint64(2 * (MAX_ORDER - self._order)), np.uint64(self.n_cells - 1))
                rows[part] = cells if self._nest else healpix.nested_to_ring(cells, self._order)
            elif self.n_cells:
                found = np.searchsorted(ends[0], numbers, side="right") - 1
                rows[part] = np.where((found >= 0) & (numbers < ends[1][found]), found, -1)
            else:
                rows[part] = -1

        positions.look_up(self._order, piece, n_threads=n_threads)
        bins = self._values.shape[:-1]
        if ends is None:
            values = self._values[..., rows]
        else:
            values = np.full((*bins, rows.size), np.nan, dtype=np.result_type(self._values.dtype, np.float16))
            values[..., rows >= 0] = self._values[..., rows[rows >= 0]]
        found = values.reshape(bins + positions.shape)
        return found if found.ndim else found.item()

    # ------------------------------------------------------------------ cells

    def starts_stops(self) -> tuple[Cells, Cells]:
        """Return the range of cells of order 29 of each cell, in the order of the values.

        Returns
        -------
        starts, stops : numpy.ndarray of uint64, shape (n_cells,)
            The first cell of order 29 in each cell, and the one after its last.

        Raises
        ------
        ValueError
            If the map is a full map in RING order.

        Examples
        --------
        >>> from hpmask import HealpixMap
        >>> starts, stops = HealpixMap([1.0], cells=[3], order=29, nest=True, frame="icrs").starts_stops()
        >>> starts.tolist(), stops.tolist()
        ([3], [4])
        """
        if self._cells is None:
            if not self._nest:
                raise ValueError("the cells of a map in RING order are not in the order of their NESTED numbers")
            numbers = np.arange(self.n_cells, dtype=np.uint64)
        else:
            numbers = self._cells
        return _ranges(numbers, self._order if self._orders is None else self._orders)

    def set_of(self, chosen: NDArray[np.bool_]) -> RangeSet:
        """Return the set of some of the cells. Neighbouring cells merge into large cells.

        Parameters
        ----------
        chosen : numpy.ndarray of bool, shape (n_cells,)
            Which cells, in the order of the values.

        Returns
        -------
        RangeSet
            At the order of the map.

        Raises
        ------
        ValueError
            If the shape of `chosen` is not (n_cells,).

        Examples
        --------
        >>> import numpy as np
        >>> from hpmask import HealpixMap
        >>> heights = HealpixMap(np.arange(48), nest=True, frame="icrs")
        >>> heights.set_of(heights.values < 4)
        RangeSet(order=1, n_ranges=1, n_cells=4)
        """
        if chosen.shape != (self.n_cells,):
            raise ValueError(f"chosen must have shape ({self.n_cells},), got {chosen.shape}")
        if self._cells is None:
            return full_maps.set_of_full(chosen, self._order, nest=self._nest)
        if self._orders is None:
            return full_maps.set_of_cells(self._cells[chosen], self._order)
        starts, stops = _ranges(self._cells[chosen], self._orders[chosen])
        return trusted(joined(starts, stops), self._order)

    @property
    def coverage(self) -> RangeSet:
        """Set of the cells of the map, with or without a value, at the order of the map."""
        if self._cells is None:
            return RangeSet.full(self._order)
        return self.set_of(np.ones(self.n_cells, dtype=np.bool_))

    @property
    def areas(self) -> u.Quantity:
        """Area of the cells in sr: a scalar, or shape (n_cells,) for a multi-order map."""
        if self._orders is None:
            return 4 * np.pi / healpix.n_cells(self._order) * u.sr
        return 4 * np.pi / (12.0 * 4.0 ** self._orders.astype(np.float64)) * u.sr

    # ------------------------------------------------------------------ copies and text

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HealpixMap):
            return NotImplemented
        mine, theirs = (
            (one._frame, one._energy, one._unit, one._order, one._nest, one.is_full) for one in (self, other)
        )
        return (
            mine == theirs
            and np.array_equal(self._values, other._values, equal_nan=self._values.dtype.kind == "f")
            and all(
                a is b or np.array_equal(a, b)  # type: ignore[arg-type]
                for a, b in ((self._cells, other._cells), (self._orders, other._orders))
            )
        )

    def __setstate__(self, state: Any) -> None:
        with unpickling("HealpixMap"):
            _, values = state
            if set(values) != set(self.__slots__):
                raise ValueError(f"it has {', '.join(sorted(map(str, values)))}")
            for name, value in values.items():
                setattr(self, name, value)
            self._check()
        # Arrays of a copy are writable.
        for array in (self._values, self._cells, self._orders):
            if array is not None:
                array.flags.writeable = False

    def _check(self) -> None:
        """Raise unless the attributes are those that the constructor sets. They may be anything."""
        values, cells, orders = self._values, self._cells, self._orders
        checked, _ = _as_values(values, self._energy)
        if not isinstance(values, np.ndarray) or checked.dtype != values.dtype:
            raise TypeError("its values are not an array in the byte order of the machine")
        n = values.shape[-1]
        check_frame(self._frame)
        check_order(self._order)
        as_flag(self._nest, "nest")
        if not isinstance(self._name, str) or not isinstance(self._unit, u.UnitBase | None):
            raise TypeError(f"its name and unit are {self._name!r} and {self._unit!r}")
        if cells is None:
            if orders is not None:
                raise ValueError("it has orders without cells")
            full_maps.order_of_full(n, self._order)
            return
        if not self._nest or getattr(cells, "dtype", None) != np.uint64 or cells.shape != (n,):
            raise ValueError("its cells are not NESTED numbers of 64 bits, one for each value")
        if orders is None:
            good = bool((cells[1:] > cells[:-1]).all()) and (not n or int(cells[-1]) < healpix.n_cells(self._order))
        elif getattr(orders, "dtype", None) != np.uint8 or orders.shape != (n,):
            raise ValueError("its orders are not numbers of 8 bits, one for each cell")
        else:
            good = (int(orders.max()) if n else 0) == self._order
            if good and n:
                starts, stops = _ranges(cells, orders)
                # A number that is too large would not be found after its bits are moved out.
                good = bool((cells >> (np.uint64(2) * orders.astype(np.uint64)) < 12).all())
                good = good and bool((starts[1:] >= stops[:-1]).all())
        if not good:
            raise ValueError("its cells do not ascend, overlap, or are not of its order")

    def __repr__(self) -> str:
        if self._orders is not None:
            scheme = f"orders {self._orders.min()} to {self._order}" if self.n_cells else "no cells"
        else:
            scheme = f"order={self._order} {'NESTED' if self._nest else 'RING'}"
        bins = "" if self._energy is None else f"{counted(self._energy.n_bins, 'bin')} of "
        unit = "" if self._unit is None else f", in {self._unit}" if str(self._unit) else ""
        return (
            f"<HealpixMap {self._frame} {scheme} | {bins}{counted(self.n_cells, 'cell')} of {self._values.dtype}{unit}>"
        )


def _ranges(cells: Cells, orders: int | NDArray[np.uint8]) -> tuple[Cells, Cells]:
    """The first cell of order 29 in each cell, and the one after its last."""
    shifts = np.uint64(2) * (np.uint64(MAX_ORDER) - np.asarray(orders).astype(np.uint64))
    starts = cells << shifts
    return starts, starts + (np.uint64(1) << shifts)


def _as_values(values: Any, energy: EnergyAxis | None) -> tuple[NDArray[Any], u.UnitBase | None]:
    """The values as an array in the byte order of the machine, and their unit."""
    if energy is not None:
        check_axis(energy)
    array, unit = values_and_unit(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"values must be numbers or booleans, got {array.dtype}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    shape = "(n_cells,)" if energy is None else f"({energy.n_bins}, n_cells)"
    if array.ndim != (1 if energy is None else 2) or (energy is not None and len(array) != energy.n_bins):
        raise ValueError(f"values must have shape {shape}, got {array.shape}")
    return array.view(), unit
