"""Connected components of a set of cells.

The neighbours are those of `healpy.get_all_neighbours`: a cell has eight, or seven where three base cells meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation
from numpy.typing import NDArray

from hpmask._kernels import components as _kernel
from hpmask._kernels.tiles import TileSet
from hpmask._utils.arguments import check_connectivity
from hpmask.core.rangeset import RangeSet, from_starts_stops, trusted
from hpmask.core.value import MaskValue, then
from hpmask.geometry import healpix
from hpmask.geometry.frames import lonlat

__all__ = ["Components", "Labelled", "count", "holding"]

# Centroids use cells of this order (about a degree) or finer. The centre of a larger cell represents its area badly.
_COARSEST = 6


def count(plane: RangeSet, connectivity: int = 8) -> int:
    """Return the number of connected components of a set.

    Parameters
    ----------
    plane : RangeSet
        The set.
    connectivity : {8, 4}, optional
        Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).

    Returns
    -------
    int
        The number.

    Raises
    ------
    ValueError
        If `connectivity` is neither 8 nor 4.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.components import count
    >>> corners = RangeSet.from_cells([0, 3], order=3)
    >>> count(corners), count(corners, connectivity=4)
    (1, 2)
    """
    corners = check_connectivity(connectivity)
    return _labelling(plane, corners).n_components if plane else 0


def holding(plane: RangeSet, seeds: RangeSet, corners: bool) -> RangeSet:
    """The connected components of a set that share a cell with another set.

    Parameters
    ----------
    plane : RangeSet
        The set. Its components are connected by cells of its own order.
    seeds : RangeSet
        The other set.
    corners : bool
        Whether cells that only share a corner are neighbours.

    Returns
    -------
    RangeSet
        At the order of `plane`.

    Examples
    --------
    >>> from hpmask import RangeSet
    >>> from hpmask.morphology.components import holding
    >>> corners = RangeSet.from_cells([0, 3, 40], order=3)
    >>> holding(corners, RangeSet.from_cells([3], order=3), True).cells()
    array([0, 3], dtype=uint64)
    """
    if not plane or not seeds:
        return RangeSet.empty(plane.order)
    return trusted(_labelling(plane, corners).holding(seeds.boundaries), plane.order)


def _labelling(plane: RangeSet, corners: bool) -> Any:
    return _kernel.Labelling(TileSet(plane.boundaries, plane.order), corners)


class Labelled:
    """The components of a set, from the largest to the smallest.

    Components of equal area are in the order of their first cells.

    Parameters
    ----------
    plane : RangeSet
        The set. Its components are connected by cells of its own order.
    connectivity : {8, 4}, optional
        Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).

    Attributes
    ----------
    order : int
        Order of the cells.
    n_cells : numpy.ndarray of uint64, shape (n,)
        Number of cells of each component.
    boundaries : numpy.ndarray of uint64, shape (2 m,)
        Starts and stops of the ranges at order 29, component by component.
    offsets : numpy.ndarray of int64, shape (n + 1,)
        Component k has the ranges ``offsets[k]`` to ``offsets[k + 1] - 1``.
    """

    def __init__(self, plane: RangeSet, connectivity: int = 8) -> None:
        corners = check_connectivity(connectivity)
        self.order = plane.order
        if plane:
            starts, stops, numbers, sizes = _labelling(plane, corners).pieces()
        else:
            starts = stops = sizes = np.empty(0, dtype=np.uint64)
            numbers = np.empty(0, dtype=np.uint32)
        # The kernel numbers the components by their first cells, and a stable sort keeps that order.
        by_size = np.argsort(~sizes, kind="stable")
        rank = np.empty(sizes.size, dtype=np.uint32)
        rank[by_size] = np.arange(sizes.size, dtype=np.uint32)
        self.n_cells = sizes[by_size]
        self.offsets = np.zeros(sizes.size + 1, dtype=np.int64)
        self.boundaries = np.empty(2 * starts.size, dtype=np.uint64)
        _kernel.group(starts, stops, numbers, rank, self.offsets, self.boundaries)

    def __len__(self) -> int:
        return int(self.n_cells.size)

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area of each component in steradian, shape (n,)."""
        return np.asarray(self.n_cells * (4 * np.pi / healpix.n_cells(self.order)))

    def compared(self, area: float) -> NDArray[np.int8]:
        """Whether each component is smaller (-1) than an area in steradian, equal to it (0) or larger (1), shape (n,).

        Areas that differ by rounding only are equal: an area may have been converted between units.
        """
        areas = self.areas
        return np.where(np.abs(areas - area) <= 1e-12 * area, 0, np.sign(areas - area)).astype(np.int8)

    def plane(self, k: int) -> RangeSet:
        """Component k as a set."""
        part = self.boundaries[2 * self.offsets[k] : 2 * self.offsets[k + 1]]
        return trusted(part.copy(), self.order)

    def union(self, chosen: NDArray[np.bool_]) -> RangeSet:
        """The union of the components that are chosen by a mask of shape (n,)."""
        if chosen.all():
            pairs = self.boundaries.reshape(-1, 2)
        else:
            pairs = self.boundaries.reshape(-1, 2)[np.repeat(chosen, np.diff(self.offsets))]
        return from_starts_stops(pairs[:, 0].copy(), pairs[:, 1].copy(), self.order)

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """Unit vectors of the centroids, shape (n, 3); NaN where the vectors of a component cancel each other."""
        vectors = np.empty((len(self), 3))
        coarsest = min(self.order, _COARSEST)
        _kernel.vector_sums(self.boundaries, self.offsets, self.order, coarsest, vectors)
        length = np.linalg.norm(vectors, axis=1)
        vectors[length < 1e-9 * self.n_cells] = np.nan
        return np.asarray(vectors / length[:, np.newaxis])

    @cached_property
    def extents(self) -> NDArray[np.float64]:
        """Largest distance of a cell's centre from the centroid, in radians, shape (n,)."""
        out = np.empty(len(self))
        _kernel.extents(self.boundaries, self.offsets, self.order, self.centres, out)
        out[np.isnan(self.centres[:, 0])] = np.nan
        return out


class Components(Sequence[MaskValue]):
    """The connected components of a mask: a sequence of masks, largest first, with arrays of their properties.

    `Mask.components` makes it. The mask of a component is made when it is accessed. Components of equal area are in the
    order of their first cells.

    Parameters
    ----------
    mask : Mask
        The mask.
    connectivity : {8, 4}, optional
        Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).

    Raises
    ------
    ValueError
        If the sky differs from bin to bin, or `connectivity` is neither 8 nor 4.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Mask
    >>> stars = SkyCoord([10, 20, 20.9], [-5, 60, 60], unit="deg")
    >>> parts = Mask.from_cones(stars, "0.3 deg", order=10).components()
    >>> len(parts)
    2
    >>> parts[0]
    <Mask icrs order=10 | 21 ranges, 336 B | 1.264e-05 of the sky>
    >>> parts.n_cells
    array([159,  85], dtype=uint64)
    >>> print(parts.extent.round(2))
    [0.51 0.3 ] deg
    """

    def __init__(self, mask: MaskValue, connectivity: int = 8) -> None:
        distinct = {id(plane) for plane in mask.planes}
        if len(distinct) > 1:
            raise ValueError(
                f"the mask has {len(distinct)} different planes in its {len(mask.planes)} bins, and each plane has its "
                "own components: combine the bins with reduce('any') or reduce('all'), or take one bin, mask[i]"
            )
        self._mask = mask
        self._labelled = Labelled(mask.planes[0], connectivity)
        self._history = then(mask, f"components(connectivity={connectivity})")

    def __len__(self) -> int:
        return len(self._labelled)

    @overload
    def __getitem__(self, k: int) -> MaskValue: ...
    @overload
    def __getitem__(self, k: slice) -> list[MaskValue]: ...
    def __getitem__(self, k: int | slice) -> MaskValue | list[MaskValue]:
        """Return the mask of one component, or a list of masks for a slice; -1 is the smallest component."""
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            raise TypeError(f"the number of a component must be an integer, got {k!r}")
        if not -len(self) <= k < len(self):
            raise IndexError(f"there are {len(self)} components, got {k}")
        plane = self._labelled.plane(int(k) % len(self))
        mask = self._mask
        history = self._history.item(str(int(k) % len(self)))
        return type(mask)(plane, frame=mask.frame, energy=mask.energy, history=history)

    @property
    def n_cells(self) -> NDArray[np.uint64]:
        """Number of cells (of the mask's order) of each component, shape (n,)."""
        return np.array(self._labelled.n_cells)

    @property
    def area(self) -> u.Quantity:
        """Area of each component in deg2, shape (n,)."""
        return (self._labelled.areas * u.sr).to(u.deg**2)

    @property
    def center(self) -> SkyCoord:
        """Centroid of each component, shape (n,), in the mask's frame.

        A centroid is the direction of the sum of the unit vectors to the component's multi-order cells, weighted by
        their area. Cells larger than those of order 6 are first divided into cells of order 6 (or of the mask's order,
        if that is below 6). Where the sum vanishes, as for the whole sky or a belt, the position is NaN.
        """
        lon, lat = lonlat(self._labelled.centres)
        data = UnitSphericalRepresentation(lon * u.rad, lat * u.rad)
        return SkyCoord(data, frame=self._mask.frame)

    @property
    def extent(self) -> u.Quantity:
        """Largest distance from `center` to the centre of a cell of the component, in deg, shape (n,)."""
        return (self._labelled.extents * u.rad).to(u.deg)

    @property
    def ranges(self) -> NDArray[np.uint64]:
        """Ranges of the mask at order 29, component by component, shape (m, 2): starts and stops of NESTED cells."""
        return self._labelled.boundaries.reshape(-1, 2).copy()

    @property
    def labels(self) -> NDArray[np.intp]:
        """Index of the component that each row of `ranges` belongs to, shape (m,)."""
        return np.repeat(np.arange(len(self)), np.diff(self._labelled.offsets))

    def __repr__(self) -> str:
        if not len(self):
            return "<Components: none>"
        areas = self.area
        return f"<Components: {len(self)}, {areas[-1]:.4g} to {areas[0]:.4g}>"
