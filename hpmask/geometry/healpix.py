"""Geometry of HEALPix cells: the cell at a position, centres, edges, sizes, neighbours, and RING numbers.

Angles are in radians. Cells have NESTED numbers unless a name says RING.
"""

from __future__ import annotations

import math

import numpy as np
from astropy import units as u
from astropy_healpix import core as _ah
from numpy.typing import ArrayLike, NDArray

from hpmask._kernels import cells as _kernel
from hpmask._utils.arguments import MAX_ORDER, one_angle
from hpmask._utils.words import angle_text

__all__ = [
    "cell_radius",
    "cell_side",
    "cells_at",
    "centre_vectors",
    "centres",
    "edges",
    "n_cells",
    "neighbours",
    "nested_to_ring",
    "order_of",
    "ring_to_nested",
]

Cells = NDArray[np.uint64]


def n_cells(order: int) -> int:
    """Number of cells of an order, 12 * 4**order."""
    return 12 << (2 * order)


def cell_side(order: int) -> float:
    """The square root of the area of the cells of an order, in radians: 58.6 deg / 2**order."""
    return math.sqrt(math.pi / 3) / (1 << order)


def order_of(resolution: u.Quantity | str) -> int:
    """Return the coarsest order whose cells are no larger than an angle.

    The size of a cell is the square root of its area, 58.6 deg / 2**order.

    Parameters
    ----------
    resolution : `~astropy.units.Quantity` or str
        The angle, a scalar above 0.

    Returns
    -------
    int
        The order, 0 to 29.

    Raises
    ------
    TypeError
        If `resolution` is a bare number.
    ValueError
        If it is not a single positive angle, or smaller than the cells of order 29 (0.39 mas).

    Examples
    --------
    >>> from hpmask.geometry import order_of
    >>> order_of("1 arcmin"), order_of("1 deg"), order_of("90 deg")
    (12, 6, 0)
    """
    side = one_angle(resolution, "resolution")
    for order in range(MAX_ORDER + 1):
        # An angle may have gone through other units.
        if cell_side(order) <= side * (1 + 1e-12):
            return order
    raise ValueError(f"resolution must be at least {angle_text(cell_side(MAX_ORDER))}, got {resolution}")


def cells_at(lon: ArrayLike, lat: ArrayLike, order: int) -> Cells:
    """Cells at positions (finite, any longitude), in the shape of `lon` and `lat`.

    A position within 1e-14 rad of the edge between two cells belongs to the northern cell.
    """
    lon = np.asarray(lon, dtype=np.float64, order="C")
    lat = np.asarray(lat, dtype=np.float64, order="C")
    if lon.shape != lat.shape:
        raise ValueError(f"lon and lat must have the same shape, got {lon.shape} and {lat.shape}")
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
    """Unit vectors of points on the edges of cells, `steps` on each edge: shape (n, 4 * steps, 3).

    They begin at the southern corner and go eastwards.
    """
    cells = np.ascontiguousarray(cells, dtype=np.uint64)
    out = np.empty((cells.size, 4 * steps, 3))
    _kernel.edges(cells, order, steps, out)
    return out


def cell_radius(order: int) -> float:
    """An upper bound, in radians, of the distance from the centre of a cell of an order to its edge."""
    # The farthest corners belong to cells at the corners of a polar cap. Their distance times nside increases with the
    # order from 0.841 towards 1.06897.
    return float(_kernel.CELL_RADIUS) / (1 << order)


def neighbours(cells: Cells, order: int) -> NDArray[np.int64]:
    """The eight neighbours of cells of shape (n,): shape (8, n), with -1 for cells that have only seven."""
    # The C code returns integers, but may set a floating-point flag.
    with np.errstate(invalid="ignore"):
        found = _ah.neighbours(np.asarray(cells, dtype=np.int64), 1 << order, order="nested")
    return np.asarray(found, dtype=np.int64)


def ring_to_nested(cells: ArrayLike, order: int) -> Cells:
    """NESTED numbers of RING cells."""
    return np.asarray(_ah.ring_to_nested(np.asarray(cells, dtype=np.int64), 1 << order)).astype(np.uint64)


def nested_to_ring(cells: ArrayLike, order: int) -> NDArray[np.int64]:
    """RING numbers of NESTED cells."""
    return np.asarray(_ah.nested_to_ring(np.asarray(cells, dtype=np.int64), 1 << order), dtype=np.int64)
