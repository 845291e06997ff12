"""What is asked of the rows of files: which rows masks keep, where the rows are, and what is certain beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask.catalog.flag_columns import columns_of_flags, numbers_of
from hpmask.catalog.positions import Locator, energies_of
from hpmask.core import flags, lookup
from hpmask.core.flags import FlagIndex
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue
from hpmask.regions.rasterize import shapes_and_misses
from hpmask.regions.shapes import Zone

__all__ = ["Asked", "NewColumn"]

# Cells with which the rectangle of positions of some rows is compared.
_BOX_ORDER = 7
# Degrees that the rectangle is larger, because positions are rounded.
_MARGIN = 1e-6


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A column that is added to rows.

    Attributes
    ----------
    name : str
        Its name.
    dtype : numpy.dtype
        Its type.
    bits : dict of str to int
        The numbers of its bits by their names; empty for booleans.
    """

    name: str
    dtype: np.dtype[Any]
    bits: dict[str, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to each row, and where the rows are.

    Attributes
    ----------
    layers : dict of str to MaskValue
        The masks. There is one of no name if it is not a set.
    index : FlagIndex or None
        For all layers of a set.
    column : str or None
        The name of the new column; None to choose rows, or for one column per layer.
    locator : Locator
        Where the rows are.
    energy : `~astropy.units.Quantity`, str or None
        Energies of the rows, or the name of their column.
    energy_column : str or None
        The column of energies, if there is one.
    energy_unit : `~astropy.units.Unit`, str or None
        Its unit, if the file does not say it.
    invalid : {"raise", "skip"}
        What to do with rows that are nowhere.
    sky : RangeSet
        Where any layer may keep a row.
    """

    layers: Mapping[str, MaskValue]
    index: FlagIndex | None
    column: str | None
    locator: Locator
    energy: Any
    energy_column: str | None
    energy_unit: Any
    invalid: str
    sky: RangeSet

    @property
    def needed(self) -> list[str]:
        """The columns that the answers need."""
        energy = [] if self.energy_column is None else [self.energy_column]
        return list(dict.fromkeys([*self.locator.names, *energy]))

    @property
    def new_columns(self) -> list[NewColumn]:
        """The columns that are added if rows get flags."""
        if self.index is None:
            return [NewColumn(self.column or "", np.dtype(np.bool_), {})]
        if self.column is None:
            return [NewColumn(name, np.dtype(np.bool_), {}) for name in self.layers]
        dtype = flags.flag_dtype(len(self.layers))
        names_of = columns_of_flags(self.column, list(self.layers))
        return [NewColumn(name, dtype, numbers_of(names)) for name, names in names_of.items()]

    def answers(self, rows: Table, n_threads: int | None) -> NDArray[Any]:
        """Whether a mask keeps each row, or the flags of a set.

        Parameters
        ----------
        rows : `~astropy.table.Table`
            The columns `needed`.
        n_threads : int or None
            Number of threads.
        """
        positions = self.locator.positions(rows, "positions")
        energy = energies_of(rows, self.energy, self.energy_unit)
        if self.index is None:
            mask = self.layers[""]
            found = lookup.contains(
                mask.planes, mask.order, mask.energy, positions, energy, invalid=self.invalid, n_threads=n_threads
            )
        else:
            found = flags.flags(self.index, self.layers, positions, energy, invalid=self.invalid, n_threads=n_threads)
        return np.asarray(found)

    def values(self, answers: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The values of the `new_columns`."""
        if self.index is None or self.column is not None:
            words = answers if answers.ndim > 1 else answers[:, np.newaxis]
            return {one.name: np.ascontiguousarray(words[:, k]) for k, one in enumerate(self.new_columns)}
        n = len(self.layers)
        return {name: np.asarray(flags.bits_of(answers, k, n)) for k, name in enumerate(self.layers)}

    def n_kept(self, answers: NDArray[Any]) -> int:
        """How many rows are kept: by the mask, or by all layers."""
        if self.index is None:
            return int(np.count_nonzero(answers))
        n = len(self.layers)
        kept = np.ones(len(answers), dtype=np.bool_)
        for k in range(n):
            kept &= flags.bits_of(answers, k, n)
        return int(np.count_nonzero(kept))

    # ------------------------------------------------------------------ what is certain beforehand

    def certain(self, bounds: Mapping[str, tuple[Any, Any] | None]) -> bool | None:
        """Whether the bounds of columns decide about rows: False if none is kept, True if all are, else None.

        Parameters
        ----------
        bounds : mapping of str to pair, or to None
            The least and the largest value of the columns of the locator in some rows: cells, or degrees.
        """
        pairs = [pair for pair in map(bounds.get, self.locator.names) if pair is not None]
        if len(pairs) < len(self.locator.names) or not all(isinstance(one, int | float) for one in sum(pairs, ())):
            return None
        if self.locator.position is None:
            low, high = pairs[0]
            order = self.locator.cells_order
            if not (isinstance(low, int) and 0 <= low <= high < 12 << 2 * order):
                return None
            size = 1 << 2 * (MAX_ORDER - order)
            return self._in_sky(np.array([low * size, (high + 1) * size], dtype=np.uint64))
        there = self.locator.position.frame
        if there != self.locator.frame:
            return None
        (west, east), (south, north) = pairs
        if not (0 <= west <= east <= 360 and -90 <= south <= north <= 90) or east - west > 180:
            return None
        order = min(self.sky.order, _BOX_ORDER)
        return False if _box(west, east, south, north, there, order).isdisjoint(self.sky) else None

    def _in_sky(self, pair: NDArray[np.uint64]) -> bool | None:
        """As `certain` for the rows in a range of cells."""
        boundaries = self.sky.boundaries
        first = int(np.searchsorted(boundaries, pair[0], side="right"))
        if first < int(np.searchsorted(boundaries, pair[1], side="left")):
            return None
        if first % 2 == 0:
            return False
        # With energies or several layers, a row in the sky may be kept or not.
        return True if self.index is None and self.energy is None else None


def _box(west: float, east: float, south: float, north: float, frame: str, order: int) -> RangeSet:
    """Cells that cover a rectangle of positions in degrees."""
    lon = (west - _MARGIN, east + _MARGIN) * u.deg
    lat = (max(south - _MARGIN, -90.0), min(north + _MARGIN, 90.0)) * u.deg
    zone = Zone.from_angles(lon, lat, zone_frame=frame, frame=frame, closed="both")
    return shapes_and_misses([zone], order=order, mode="overlap")[0]
