"""HEALPix files in ecliptic coordinates: each cell in ICRS takes what the file has at its centre.

The coordinates are those of the mean ecliptic of J2000, as in the HEALPix library.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from astropy.coordinates import BarycentricMeanEcliptic
from numpy.typing import NDArray

from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet
from hpmask.core.rotate import rotated
from hpmask.geometry import healpix
from hpmask.geometry.frames import lonlat, rotation_of

__all__ = ["ECLIPTIC", "map_in_icrs", "set_in_icrs"]

ECLIPTIC = "ecliptic"
"""The frame of such a file."""

# Cells in one step.
_CHUNK = 1 << 18


@cache
def _to_ecliptic() -> NDArray[np.float64]:
    """The rotation of unit vectors from ICRS, shape (3, 3)."""
    return np.ascontiguousarray(rotation_of(BarycentricMeanEcliptic(), "icrs").T)


def set_in_icrs(plane: RangeSet) -> RangeSet:
    """The cells in ICRS whose centres are in a set of ecliptic cells."""
    return rotated(plane, _to_ecliptic(), plane.order)


def map_in_icrs(ecliptic: HealpixMap) -> HealpixMap:
    """The map of cells in ICRS with the values at their centres; the frame of `ecliptic` is ignored.

    A full map becomes a full NESTED map. A map of a part of the sky has the cells whose centre is in this part.
    """
    order = ecliptic.order
    if ecliptic.cells is None:
        n = ecliptic.n_cells
        values = np.empty_like(ecliptic.values)
        for start in range(0, n, _CHUNK):
            below = _cells_below(np.arange(start, min(start + _CHUNK, n), dtype=np.uint64), order)
            place = below if ecliptic.nest else healpix.nested_to_ring(below, order)
            values[..., start : start + _CHUNK] = ecliptic.values[..., place]
        cells = None
    else:
        cells = set_in_icrs(ecliptic.coverage).cells()
        below = _cells_below(cells, order)
        place = np.minimum(np.searchsorted(ecliptic.cells, below), ecliptic.n_cells - 1)
        # A centre on the edge of the part may be in or out by rounding.
        there = ecliptic.cells[place] == below
        cells, values = cells[there], ecliptic.values[..., place[there]]
    return HealpixMap(
        values,
        cells=cells,
        order=order,
        nest=True,
        frame="icrs",
        energy=ecliptic.energy,
        unit=ecliptic.unit,
        name=ecliptic.name,
    )


def _cells_below(cells: NDArray[np.uint64], order: int) -> NDArray[np.uint64]:
    """The ecliptic cells at the centres of cells in ICRS."""
    return healpix.cells_at(*lonlat(healpix.centre_vectors(cells, order) @ _to_ecliptic().T), order)
