"""Maps of counts from lists of events."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from hpmask._utils.arguments import check_order, unmasked
from hpmask.core.full_maps import check_size
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet, cells_in
from hpmask.core.value import MaskValue, planes_within
from hpmask.energy.axis import EnergyAxis, check_axis
from hpmask.energy.units import as_energy
from hpmask.geometry import healpix
from hpmask.geometry.frames import check_frame, to_lonlat
from hpmask.values.in_discs import SMALLER

__all__ = ["counts_map"]

Cells = NDArray[np.uint64]


def counts_map(
    coord: SkyCoord,
    energy_value: u.Quantity | str | None = None,
    *,
    order: int,
    energy: EnergyAxis | None = None,
    frame: str = "icrs",
    weights: ArrayLike | None = None,
    within: MaskValue | None = None,
) -> HealpixMap:
    """Return the number of events in each HEALPix cell and energy bin.

    A cell without events has the value 0. Events outside all energy bins, and events outside `within`, are not counted.

    Parameters
    ----------
    coord : `~astropy.coordinates.SkyCoord`, shape (n,)
        Directions of the events, in any frame.
    energy_value : `~astropy.units.Quantity` or `~astropy.table.Column`, shape (n,), optional
        Energies of the events, with a unit. They are needed with `energy`. A bin includes its lower edge and excludes
        its upper edge, as in gammapy.
    order : int
        Order of the cells, 0 to 29.
    energy : EnergyAxis, optional
        Energy bins of the map.
    frame : {"icrs", "galactic"}, optional
        Frame of the cells.
    weights : array_like of float or `~astropy.units.Quantity`, shape (n,), optional
        Weights of the events. The map then has the sums of the weights, in their unit.
    within : Mask, optional
        The map then has the cells of this mask only, as at fine orders a full map does not fit into memory. A cell is
        in the mask if its centre is. The mask may have energy bins, which must be those of `energy`: an event is
        counted if the mask keeps its cell in its bin.

    Returns
    -------
    HealpixMap
        The counts as int64, or the sums of the weights as float64: a full map in NESTED order, or with `within`, a map
        of the cells that the mask keeps in any bin.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid, a direction is not finite, an energy is NaN, the lengths differ, or the map would
        take more than 16 GiB.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import EnergyAxis
    >>> from hpmask.values import counts_map
    >>> events = SkyCoord([83.63, 83.64, 266.4], [22.01, 22.02, -29.0], unit="deg")
    >>> axis = EnergyAxis([1, 10, 100] * u.GeV)
    >>> counts = counts_map(events, [2, 20, 0.5] * u.GeV, order=6, energy=axis)
    >>> counts
    <HealpixMap icrs order=6 NESTED | 2 bins of 49152 cells of int64, in ct>
    >>> counts.values.sum(axis=1)
    array([1, 1])
    """
    order, frame = check_order(order), check_frame(frame)
    lon, lat = to_lonlat(coord, frame)
    if lon.ndim > 1:
        raise ValueError(f"coord must be of shape (n,), got {lon.shape}")
    cells = np.atleast_1d(healpix.cells_at(lon, lat, order))
    bins = np.zeros(cells.size, dtype=np.intp)
    if energy is not None:
        check_axis(energy)
        if energy_value is None:
            raise TypeError("energy_value, the energies of the events, must be given with energy")
        bins = np.atleast_1d(energy.bin_of(as_energy(energy_value, "energy_value")))
    elif energy_value is not None:
        raise TypeError("energy, the energy bins of the map, must be given with energy_value")
    if bins.shape != cells.shape:
        raise ValueError(f"energy_value must have one energy for each of the {cells.size} events, got {bins.size}")
    value, unit = (None, u.ct) if weights is None else _weights(weights, cells.size)
    n_bins = 1 if energy is None else energy.n_bins
    planes = None
    if within is not None:
        planes = planes_within(within, order=order, frame=frame, energy=energy, of="map")
    union = None if planes is None else RangeSet.union_all(planes)
    n_cells = healpix.n_cells(order) if union is None else union.n_cells
    check_size(n_bins, n_cells, order, advice=SMALLER)
    numbers = None if union is None else union.cells()
    counted = bins >= 0
    if planes is not None and numbers is not None:
        counted &= _kept(planes, cells, bins, order)
        cells = np.searchsorted(numbers, cells).astype(np.uint64)
    index = bins[counted] * n_cells + cells[counted].astype(np.intp)
    total = np.bincount(index, None if value is None else value[counted], n_bins * n_cells)
    values = total.astype(np.int64 if value is None else np.float64, copy=False).reshape(n_bins, n_cells)
    values = values if energy is not None else values[0]
    if numbers is None:
        return HealpixMap(values, nest=True, frame=frame, energy=energy, unit=unit)
    return HealpixMap(values, cells=numbers, order=order, nest=True, frame=frame, energy=energy, unit=unit)


def _kept(planes: list[RangeSet], cells: Cells, bins: NDArray[np.intp], order: int) -> NDArray[np.bool_]:
    """Whether the plane of its bin has the cell of each event."""
    kept = np.zeros(cells.size, dtype=np.bool_)
    for k, plane in enumerate(planes):
        chosen = np.flatnonzero(bins == k)
        kept[chosen] = cells_in(plane, cells[chosen], order)
    return kept


def _weights(weights: ArrayLike, n: int) -> tuple[NDArray[np.float64], Any]:
    """The weights, checked, and their unit or None."""
    array = np.asarray(unmasked(weights, "weights"))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"weights must be numbers, got {array.dtype}")
    array = np.atleast_1d(array.astype(np.float64))
    if array.shape != (n,):
        raise ValueError(f"weights must have one value for each of the {n} events, got shape {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(f"weights must be finite, row {bad[0]} is {array[bad[0]]}")
    return array, getattr(weights, "unit", None)
