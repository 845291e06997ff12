"""Cell geometry: the cell at a position, centres, edges, sizes, neighbours, and RING numbers.

Angles are radians here, cells NESTED unless a name says RING.
"""

from __future__ import annotations

import numpy as np
from astropy_healpix import core as _ah
from numpy.typing import ArrayLike, NDArray

from hpmask._kernels import cells as _kernel

__all__ = [
    "cell_radius",
    "cells_at",
    "centre_vectors",
    "centres",
    "edges",
    "n_cells",
    "neighbours",
    "nested_to_ring",
    "ring_to_nested",
]

Cells = NDArray[np.uint64]


def n_cells(order: int) -> int:
    """Number of cells of an order, 12 * 4**order."""
    return 12 << (2 * order)


def cells_at(lon: ArrayLike, lat: ArrayLike, order: int) -> Cells:
    """Cells that hold positions (finite, any longitude), in the shape of `lon` and `lat`.

    A position on an edge between cells, within 1e-14 rad, belongs to the northern cell.
    """
    lon = np.asarray(lon, dtype=np.float64, order="C")
    lat = np.asarray(lat, dtype=np.float64, order="C")
    if lon.shape != lat.shape:
        raise ValueError(f"lon and lat must have one shape, got {lon.shape} and {lat.shape}")
    out = np.empty(lon.size, dtype=np.uint64)
    _kernel.cells_at(lon.ravel(), lat.ravel(), order, out)
    return out.reshape(lon.shape)


def centres(cells: Cells, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the centres of cells of shape (n,)."""
    cells = np.ascontiguousarray(cells, dtype=np.uint64)
    lon, lat = np.empty(cells.size), np.empty(cells.size)
    _kernel.centres(cells, order, lon, lat)
    return lon, lat


def centre_vectors(cells: Cells, order: int) -> NDArray[np.float64]:
    """Unit vectors of the centres of cells of shape (n,): shape (n, 3)."""
    cells = np.ascontiguousarray(cells, dtype=np.uint64)
    out = np.empty((cells.size, 3))
    _kernel.centre_vectors(cells, order, out)
    return out


def edges(cells: Cells, order: int, *, steps: int = 1) -> NDArray[np.float64]:
    """Unit vectors of points round the edges of cells, `steps` on each edge: shape (n, 4 * steps, 3).

    They run from the southern corner eastwards.
    """
    cells = np.ascontiguousarray(cells, dtype=np.uint64)
    out = np.empty((cells.size, 4 * steps, 3))
    _kernel.edges(cells, order, steps, out)
    return out


def cell_radius(order: int) -> float:
    """An upper bound, in radians, of the distance from the centre of any cell of an order to its edge."""
    # The farthest corners are those of the cells that end at a polar cap's corner. Times nside, their
    # distance grows with the order from 0.841 towards 1.06897.
    return float(_kernel.CELL_RADIUS) / (1 << order)


def neighbours(cells: Cells, order: int) -> NDArray[np.int64]:
    """The up to eight neighbours of cells of shape (n,): shape (8, n), -1 where a cell has only seven."""
    # The C code behind it may leave a floating-point flag set although it returns integers.
    with np.errstate(invalid="ignore"):
        found = _ah.neighbours(np.asarray(cells, dtype=np.int64), 1 << order, order="nested")
    return np.asarray(found, dtype=np.int64)


def ring_to_nested(cells: ArrayLike, order: int) -> Cells:
    """NESTED numbers of RING cells."""
    return np.asarray(_ah.ring_to_nested(np.asarray(cells, dtype=np.int64), 1 << order)).astype(np.uint64)


def nested_to_ring(cells: ArrayLike, order: int) -> NDArray[np.int64]:
    """RING numbers of NESTED cells."""
    return np.asarray(_ah.nested_to_ring(np.asarray(cells, dtype=np.int64), 1 << order), dtype=np.int64)
