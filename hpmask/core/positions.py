"""Where the rows of a table are: positions as angles or as cells, in the form that look-ups in masks use."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._kernels import cells as _kernel
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.parallel import thread_count, thread_map
from hpmask.core.rangeset import numbers_of
from hpmask.geometry import frames

__all__ = ["NO_ROTATION", "Positions", "angles_of"]

# Positions in one step: their cell numbers stay in the processor's cache. A thread takes at least one step.
_CHUNK = 1 << 15
# The kernel takes angles below this one as longitudes, in radians: larger ones do not say where they are.
_LARGEST = 1e15
# The number of a row that is nowhere, as in the kernel: it is in no set.
_NOWHERE = np.uint64(2**64 - 1)
# Stands for "no rotation" in the kernels.
NO_ROTATION = np.empty((0, 3))


class Positions:
    """Where rows are, for look-ups in masks of one frame: angles, or cells that hold the rows.

    `of_coord`, `of_angles` and `of_cells` make it. The angles keep the unit and the frame in which they were given: the
    kernel that finds the cells converts them, because a copy of millions of positions costs time.

    Attributes
    ----------
    shape : tuple of int
        Shape of the positions. Rows are numbered in the flat array.
    """

    __slots__ = ("_argument", "_cells", "_cells_order", "_lat", "_lon", "_matrix", "_missing", "_unit", "shape")

    shape: tuple[int, ...]
    _argument: str
    _cells: NDArray[np.uint64] | None  # numbers at order 29, or None for angles
    _cells_order: int
    _missing: NDArray[np.bool_] | None  # which cells are not known, or None if all are
    _lon: NDArray[np.float64]
    _lat: NDArray[np.float64]
    _unit: float
    _matrix: NDArray[np.float64]

    @classmethod
    def of_coord(cls, coord: SkyCoord, frame: str, argument: str = "positions") -> Positions:
        """Positions of a SkyCoord, for masks in `frame`.

        Raises
        ------
        TypeError
            If `coord` is not a SkyCoord or another astropy coordinate; the error names `argument`.
        ValueError
            If a position is masked, or astropy cannot transform the frame.
        """
        lon, lat, unit, matrix, shape = angles_of(coord, frame, argument)
        made = cls.of_angles(lon, lat, unit=unit, matrix=matrix, argument=argument)
        made.shape = shape
        return made

    @classmethod
    def of_angles(
        cls,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        *,
        unit: float = 1.0,
        matrix: NDArray[np.float64] | None = None,
        argument: str = "positions",
    ) -> Positions:
        """Positions of longitudes and latitudes.

        Parameters
        ----------
        lon, lat : numpy.ndarray of float, one shape
            Angles. An angle that is not finite is the position of a row that is nowhere.
        unit : float, optional
            Their unit in radians.
        matrix : numpy.ndarray of float, shape (3, 3), optional
            Rotation of unit vectors from their frame to the frame of the masks.
        argument : str, optional
            Name of the argument in errors.
        """
        made = object.__new__(cls)
        made.shape, made._argument, made._cells, made._cells_order = np.shape(lon), argument, None, MAX_ORDER
        made._lon, made._lat, made._unit, made._missing = _flat(lon), _flat(lat), unit, None
        made._matrix = NO_ROTATION if matrix is None else np.ascontiguousarray(matrix, dtype=np.float64)
        return made

    @classmethod
    def of_cells(
        cls,
        cells: Any,
        order: int = MAX_ORDER,
        argument: str = "cells",
        *,
        missing: NDArray[np.bool_] | None = None,
    ) -> Positions:
        """Positions of rows whose NESTED cells are known, in the frame of the masks. No trigonometry is needed.

        Parameters
        ----------
        cells : array-like of int, any shape
            NESTED cells. Where a cell is coarser than a mask, its centre counts.
        order : int, optional
            Their order.
        argument : str, optional
            Name of the argument in errors.
        missing : numpy.ndarray of bool, shape (n,), optional
            Which rows of a flat array have no cell: they are nowhere, and their values do not matter.

        Raises
        ------
        TypeError, ValueError
            If they are not cells of this order.
        """
        if missing is not None:
            cells = np.where(missing, 0, cells)
        made = object.__new__(cls)
        numbers = numbers_of(cells, order, argument)
        made.shape, made._argument, made._cells, made._cells_order = numbers.shape, argument, numbers.reshape(-1), order
        made._missing = missing
        made._lon = made._lat = np.empty(0)
        made._unit, made._matrix = 1.0, NO_ROTATION
        return made

    @property
    def size(self) -> int:
        """Number of rows."""
        return self._lon.size if self._cells is None else self._cells.size

    def numbers(self, rows: slice, order: int, out: NDArray[np.uint64]) -> int:
        """Write the NESTED cells of an order that hold some rows, as numbers at order 29.

        Parameters
        ----------
        rows : slice
            The rows, in the flat array, with a start and a stop.
        order : int
            Order of the cells: the finest order of the sets that they are looked up in.
        out : numpy.ndarray of uint64, shape (stop - start,)
            The first cell at order 29 of each cell. A row that is nowhere gets 2**64 - 1, which is in no set.

        Returns
        -------
        int
            The first row that is nowhere (its angles are not finite, its latitude is beyond 90 deg, or its cell is not
            known), or -1.
        """
        if self._cells is None:
            lon, lat = self._lon[rows], self._lat[rows]
            bad: int = _kernel.numbers(lon, lat, self._unit, order, self._matrix, out)
            return bad if bad < 0 else rows.start + bad
        shift = np.uint64(2 * (MAX_ORDER - order))
        some = self._cells[rows]
        if self._cells_order < order:
            # The centre of a cell is the corner of four smaller ones, and belongs to the northern one.
            some = some + np.uint64(3 << 2 * (MAX_ORDER - self._cells_order - 1))
        np.left_shift(some >> shift, shift, out=out)
        if self._missing is None or not self._missing[rows].any():
            return -1
        out[self._missing[rows]] = _NOWHERE
        first: int = rows.start + int(np.argmax(self._missing[rows]))
        return first

    def look_up(
        self,
        order: int,
        work: Callable[[slice, NDArray[np.uint64]], None],
        *,
        invalid: str = "raise",
        n_threads: int | None = None,
    ) -> None:
        """Call a function with the cell numbers of all rows, piece by piece, in several threads.

        Parameters
        ----------
        order : int
            Order of the cells.
        work : callable
            ``work(rows, numbers)`` with a slice of the flat array, and the cells as in `numbers`. It may change the
            numbers.
        invalid : {"raise", "skip"}, optional
            What to do with rows that are nowhere. With "skip", their number is 2**64 - 1.
        n_threads : int, optional
            Number of threads; None is that of `hpmask.set_num_threads`.

        Raises
        ------
        ValueError
            If a row is nowhere and `invalid` is "raise"; the error names the first one.
        """
        n = self.size

        def piece(part: slice) -> int:
            numbers = np.empty(min(_CHUNK, part.stop - part.start), dtype=np.uint64)
            first = -1
            for start in range(part.start, part.stop, _CHUNK):
                rows = slice(start, min(start + _CHUNK, part.stop))
                some = numbers[: rows.stop - rows.start]
                bad = self.numbers(rows, order, some)
                if bad >= 0 and first < 0:
                    first = bad
                work(rows, some)
            return first

        threads = min(thread_count(n_threads), -(-n // _CHUNK))
        if threads <= 1:
            bad = piece(slice(0, n)) if n else -1
        else:
            cuts = np.linspace(0, n, threads + 1).astype(int)
            parts = [slice(int(a), int(b)) for a, b in pairwise(cuts)]
            bad = min((first for first in thread_map(piece, parts, threads) if first >= 0), default=-1)
        if bad >= 0 and invalid == "raise":
            self._raise()

    def _raise(self) -> None:
        """Raise a ValueError that names the first row that is nowhere."""
        if self._missing is not None:
            raise ValueError(
                f"{self._argument} must not be masked, {np.count_nonzero(self._missing)} of {self.size} values are, "
                f"the first in row {np.argmax(self._missing)}"
            )
        lon, lat = (angle.reshape(self.shape) * self._unit for angle in (self._lon, self._lat))
        frames.check_finite(lon, lat, self._argument)
        beyond = ~(np.abs(self._lat * self._unit) <= np.pi / 2 + 1e-9)
        row = int(np.argmax(beyond if beyond.any() else ~(np.abs(self._lon * self._unit) < _LARGEST)))
        where = f"row {row} has" if self.shape else "got"
        if not beyond.any():
            raise ValueError(
                f"{self._argument} must have longitudes below {_LARGEST:g} rad, {where} "
                f"{np.degrees(self._lon[row] * self._unit):.10g} deg"
            )
        raise ValueError(
            f"{self._argument} must have latitudes from -90 to 90 deg, {where} "
            f"{np.degrees(self._lat[row] * self._unit):.10g} deg"
        )


def angles_of(
    coord: SkyCoord, frame: str, argument: str = "coord"
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64], tuple[int, ...]]:
    """Longitudes and latitudes of positions, and their rotation to `frame`, for the kernels.

    The angles stay in the frame and the unit of `coord`.

    Returns
    -------
    lon, lat : numpy.ndarray of float, shape (n,)
        Angles, flat.
    unit : float
        Their unit, in radians.
    matrix : numpy.ndarray of float, shape (3, 3) or (0, 3)
        Rotation of unit vectors to `frame`; `NO_ROTATION` if there is none.
    shape : tuple of int
        Shape of `coord`.
    """
    there = frames.directions(coord, argument)
    matrix = NO_ROTATION
    if there.name in frames.FRAMES and there.name != frame:
        matrix = frames.rotation(there.name, frame)
    else:
        there = frames.turned(there, frame, argument)
    unit = there.data.lat.unit
    lon, lat = (_flat(angle.to_value(unit)) for angle in (there.data.lon, there.data.lat))
    return lon, lat, float(unit.to(u.rad)), matrix, there.shape


def _flat(values: Any) -> NDArray[np.float64]:
    """Values as a flat contiguous array."""
    return np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
