"""Patches: the parts of a mask that have equal areas, and the patch that each position is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._kernels.index import Index
from hpmask._utils.arguments import as_count
from hpmask._utils.pickles import rebuilder
from hpmask._utils.words import counted, shown
from hpmask.catalog.positions import positions_of
from hpmask.core.coverage import Levels, counts_at, steps_of, unpickled_levels
from hpmask.core.patches import METHODS, numbered
from hpmask.core.rangeset import RangeSet, joined, trusted
from hpmask.core.value import MaskValue, check_mask, new_mask, then

__all__ = ["Patches", "patches"]


class Patches(Sequence[MaskValue]):
    """Parts of a mask that have equal areas, as a sequence of masks. `hpmask.Mask.patches` makes it.

    Patches share no sky, and their union is the mask. Their numbers of cells differ by one at most.

    Examples
    --------
    >>> from hpmask import Mask
    >>> patches = Mask.from_zone(lat=("0 deg", "90 deg"), order=6).patches(7)
    >>> patches
    <Patches: 7 patches of 2962 deg2>
    >>> patches.numbers([10, 100, 100], [45, 45, -45])
    array([ 6,  5, -1], dtype=int32)
    """

    __slots__ = ("_index", "_levels", "_mask", "_method", "_n", "_rows")

    _index: Index | None  # made at the first look-up, and not a part of the value
    _levels: Levels
    _mask: MaskValue
    _method: str
    _n: int
    _rows: list[NDArray[np.intp]]

    def __init__(self) -> None:
        raise TypeError("patches are made by Mask.patches(n)")

    @classmethod
    def _of(cls, mask: MaskValue, n: int, method: str, levels: Levels) -> Patches:
        self = object.__new__(cls)
        self._mask, self._n, self._method, self._levels, self._index = mask, n, method, levels, None
        # The ranges of each patch, one patch after the other.
        sequence = np.argsort(levels[1], kind="stable")
        self._rows = np.split(sequence, np.searchsorted(levels[1][sequence], np.arange(2, n + 1)))
        return self

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> MaskValue: ...
    @overload
    def __getitem__(self, index: slice) -> list[MaskValue]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(self._n))]
        if isinstance(index, bool) or not isinstance(index, int | np.integer):
            raise TypeError(f"the index of patches must be an integer or a slice, got {shown(index)}")
        if not -self._n <= index < self._n:
            raise IndexError(f"patch {index} is not one of {_counted(self._n)}")
        number = int(index) % self._n
        history = then(self._mask, f"{self._call()}[{number}]")
        return new_mask(self._plane(number), order=self._mask.order, frame=self._mask.frame, history=history)

    def __iter__(self) -> Iterator[MaskValue]:
        return (self[k] for k in range(self._n))

    def _plane(self, number: int) -> RangeSet:
        boundaries, rows = self._levels[0], self._rows[number]
        return trusted(joined(boundaries[0::2][rows], boundaries[1::2][rows]), self._mask.order)

    def _call(self) -> str:
        return f"patches({self._n})" if self._method == METHODS[0] else f"patches({self._n}, method={self._method!r})"

    @property
    def mask(self) -> MaskValue:
        """The mask that is divided."""
        return self._mask

    @property
    def areas(self) -> u.Quantity:
        """Areas of the patches in deg2, shape (n,)."""
        return u.Quantity([4 * np.pi * self._plane(k).sky_fraction for k in range(self._n)], u.sr).to(u.deg**2)

    def numbers(
        self,
        positions: Any,
        lat: Any = None,
        *,
        lon: str | None = None,
        catalog_frame: str | None = None,
        n_threads: int | None = None,
    ) -> Any:
        """Return the number of the patch that each position is in, in one search for all patches.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity`, array-like or table
            Positions of any kind, as for `hpmask.Mask.contains`.
        lat : `~astropy.units.Quantity`, array-like or str, optional
            Latitudes, or their column in the table.
        lon : str, optional
            The column of longitudes in the table.
        catalog_frame : str, optional
            Frame of the positions of the table.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        int or numpy.ndarray of int32
            The numbers, 0 to n - 1, in the shape of the positions; -1 for positions that are not in the mask.

        Raises
        ------
        TypeError, ValueError
            As in `hpmask.Mask.contains`.

        Examples
        --------
        >>> from hpmask import Mask
        >>> patches = Mask.full(order=8).patches(4)
        >>> patches.numbers(patches[2].random(3, seed=1))
        array([2, 2, 2], dtype=int32)
        """
        there = positions_of(positions, lat, frame=self._mask.frame, lon=lon, catalog_frame=catalog_frame)
        found = counts_at(self._look_up(), self._mask.order, there, n_threads=n_threads) - np.int32(1)
        return found if there.shape else int(found)

    def _look_up(self) -> Index:
        """The index of the places where a patch begins or ends."""
        if self._index is None:
            edges, words = steps_of(*self._levels)
            self._index = Index(edges, self._mask.order, words=words)
        return self._index

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._mask, self._n, self._method, self._levels)

    def __repr__(self) -> str:
        area = self._mask.area / self._n
        return f"<Patches: {_counted(self._n)} of {area.value:.4g} {area.unit}>"


@rebuilder("Patches")
def _rebuild(mask: Any, n: Any, method: Any, levels: Any) -> Patches:
    check_mask(mask, "its mask")
    if mask.energy is not None or method not in METHODS:
        raise ValueError(f"its mask has energy bins, or its method is {shown(method)}")
    n = as_count(n, "n", least=1)
    boundaries, counts = levels
    boundaries, counts = unpickled_levels(boundaries, counts, mask.order)
    union = joined(boundaries[0::2], boundaries[1::2])
    if not np.array_equal(union, mask.planes[0].boundaries) or not np.array_equal(np.unique(counts), np.arange(n) + 1):
        raise ValueError("its patches are not the parts of its mask")
    return Patches._of(mask, n, method, (boundaries, counts))


def _counted(n: int) -> str:
    return f"{n} patch{'' if n == 1 else 'es'}"


def patches(mask: MaskValue, n: int, *, method: str = "compact") -> Patches:
    """See `hpmask.Mask.patches`."""
    n = as_count(n, "n", least=1)
    if method not in METHODS:
        raise ValueError(f"method must be 'compact' or 'curve', got {shown(method)}")
    if mask.energy is not None:
        raise ValueError("a mask with energy bins has other patches in each: take one bin of it, mask[0], or reduce it")
    plane = mask.planes[0]
    if plane.n_cells < n:
        raise ValueError(
            f"n is {n}, but the mask has {counted(plane.n_cells, 'cell')} at its order {mask.order}: "
            "fewer patches are possible, or more of mask.at_order(a finer order)"
        )
    return Patches._of(mask, n, method, numbered(plane, n, method))
