"""Sums of the values of a map over each of many shapes, such as the probability in each tile of a survey."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import shape_sums as _kernel
from hpmask._kernels.index import Index
from hpmask._utils.arguments import check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call
from hpmask.core.coverage import Coverage
from hpmask.core.healpix_map import HealpixMap, is_missing
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, check_within
from hpmask.geometry import healpix
from hpmask.regions.batches import columns_of
from hpmask.regions.in_shapes import as_shapes, over_shapes
from hpmask.regions.order import order_of_batches
from hpmask.values.sky_tables import densities

__all__ = ["shape_sums"]

Numbers = NDArray[np.uint64]
Floats = NDArray[np.float64]


@for_the_call
def shape_sums(
    skymap: HealpixMap | Coverage,
    shapes: Any,
    *,
    within: MaskValue | None = None,
    density: bool | None = None,
    order: int | None = None,
    mode: Mode = "center",
    nan: Literal["raise", "exclude"] = "raise",
    n_threads: int | None = None,
) -> Floats:
    """Return the sum of a map over each of many shapes, such as the probability or the counts in each tile.

    A cell of the map that is partly in a shape, or partly in `within`, counts by that fraction of its area. Shapes may
    overlap: each has its own sum. The time depends on the number of ranges of cells in the shapes, not on their area.

    Parameters
    ----------
    skymap : HealpixMap or Coverage
        The values. `hpmask.io.read_map` reads them from a file. Sky without a cell counts as 0. The sum of a Coverage
        is the integral of its counts over the area in steradian.
    shapes : Shapes, str, path, astropy Region or Regions, or a list of these
        The shapes: `hpmask.Shapes`, or regions as for `hpmask.Mask.from_regions`.
    within : Mask, optional
        Sum over the part of each shape that this mask keeps. A bin of a mask with energy applies to the same bin of the
        map.
    density : bool, optional
        Whether the values are densities, which are multiplied by the area of the cell. By default, values in a unit per
        solid angle and those of a map with DENSITY in its name are densities.
    order : int, optional
        Order of the cells that stand for the shapes, 0 to 29. By default that of the map, or a finer one at which the
        area of each shape is right to 1 %.
    mode : {"center", "overlap", "inside"}, optional
        Whether a cell belongs to a shape if its centre is in it, if any part of it is, or only if all of it is.
    nan : {"raise", "exclude"}, optional
        Whether values that are NaN or UNSEEN raise an error, if they are in a shape, or are left out.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

    Returns
    -------
    numpy.ndarray of float, shape (n,) or (n_bins, n)
        The sum over each shape, in the unit of the map; for a density per solid angle, in that unit times steradian. A
        map with energy bins has a sum for each of them.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid, the frame or the energy bins of `within` are not those of the map, a value is
        infinite, or values in a shape are missing and `nan` is "raise".

    Warns
    -----
    UserWarning
        If shapes hold no cell.

    See Also
    --------
    hpmask.Mask.sum_of : The sum over a mask.
    hpmask.Mask.area_in : The area of a mask in each shape.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import HealpixMap, Shapes
    >>> from hpmask.values import shape_sums
    >>> probability = HealpixMap(np.full(12 * 4**5, 1 / (12 * 4**5)), nest=True, frame="icrs")
    >>> tiles = Shapes.boxes(SkyCoord([10, 20, 30], [0, 40, 80], unit="deg"), "4 deg", "2 deg")
    >>> shape_sums(probability, tiles).round(6)
    array([0.000194, 0.000194, 0.000194])
    """
    if nan not in ("raise", "exclude"):
        raise ValueError(f"nan must be 'raise' or 'exclude', got {nan!r}")
    if isinstance(skymap, Coverage):
        skymap, density = skymap.to_map(), True if density is None else density
    if not isinstance(skymap, HealpixMap):
        raise TypeError(f"skymap must be a HealpixMap or a Coverage, got {type(skymap).__name__}")
    given, mode = as_shapes(shapes), check_mode(mode)
    if within is not None:
        check_within(within, frame=skymap.frame, energy=skymap.energy, of="map")
    columns = columns_of(given, skymap.frame, None)
    order = max(skymap.order, order_of_batches(columns)) if order is None else check_order(order)
    is_density, factor = densities(skymap, density)
    boundaries, where = _cells_of(skymap)
    areas = factor * skymap.areas.to_value("sr") if is_density else 1.0
    layers = []
    for bin_, row in enumerate(skymap.rows):
        values = np.asarray(row, dtype=np.float64) * areas
        if np.isinf(values).any():
            raise ValueError("skymap must be finite or NaN, but has infinite values")
        missing = is_missing(np.asarray(row))
        plane = None if within is None else within.planes[bin_ if within.energy is not None else 0]
        if missing is not None:
            values[missing] = 0.0
            if nan == "raise":
                layers.append((bin_, True, _Layer(boundaries, missing.astype(np.float64)[where], plane, skymap.order)))
        layers.append((bin_, False, _Layer(boundaries, values[where], plane, skymap.order)))

    def work(starts: Numbers, stops: Numbers, owner: NDArray[np.int64], n: int) -> Floats:
        return np.array([layer.sums(starts, stops, owner, n) for _, _, layer in layers])

    found = list(over_shapes(columns[0], order, mode, work, n_threads=n_threads))
    sums = np.concatenate([np.empty((len(layers), 0)), *found], axis=1)
    for (bin_, of_missing, _), row in zip(layers, sums, strict=True):
        if of_missing and row.any():
            bin_text = "" if skymap.energy is None else f" of bin {bin_}"
            raise ValueError(
                f"the shape in row {int(np.flatnonzero(row)[0])} has cells of skymap{bin_text} without a value: "
                "give nan='exclude'"
            )
    result = sums[[not of_missing for _, of_missing, _ in layers]]
    return result if skymap.energy is not None else result[0]


def _cells_of(skymap: HealpixMap) -> tuple[Numbers, Any]:
    """The starts and stops of the cells of a map along the NESTED curve, and where the value of each of them is."""
    where: Any = slice(None)
    if skymap.is_full and not skymap.nest:
        where = healpix.nested_to_ring(np.arange(skymap.n_cells), skymap.order)
        edges = np.arange(skymap.n_cells + 1, dtype=np.uint64) << np.uint64(2 * (29 - skymap.order))
        starts, stops = edges[:-1], edges[1:]
    else:
        starts, stops = skymap.starts_stops()
    return np.stack([starts, stops], axis=1).reshape(-1), where


class _Layer:
    """The values of a map, or of its part in a set, ready for sums over ranges."""

    def __init__(self, boundaries: Numbers, values: Floats, plane: RangeSet | None, order: int) -> None:
        # Where a cell ends and the next one begins is one place, and between cells there is nothing.
        last = np.ones(boundaries.size, dtype=np.bool_)
        last[1:-1:2] = boundaries[1:-1:2] != boundaries[2::2]
        all_values = np.zeros(boundaries.size + 1)
        all_values[1::2] = values
        edges, parts = boundaries[last], all_values[1:][last][:-1]
        if plane is not None:
            edges, parts = _part(edges, parts, plane)
            order = max(order, plane.order)
        self._index, self._values = Index(np.ascontiguousarray(edges), order), np.ascontiguousarray(parts)
        self._high, self._low = np.empty(parts.size + 1), np.empty(parts.size + 1)
        _kernel.prefix(self._values, self._high, self._low)

    def sums(self, starts: Numbers, stops: Numbers, owner: NDArray[np.int64], n: int) -> Floats:
        """The sums over the ranges of each of `n` owners."""
        out, rest = np.zeros(n), np.zeros(n)
        _kernel.sums(self._index, self._values, self._high, self._low, starts, stops, owner, out, rest)
        return out + rest


def _part(edges: Numbers, values: Floats, plane: RangeSet) -> tuple[Numbers, Floats]:
    """The intervals between some edges, cut where a set begins and ends, with 0 outside it."""
    cuts = np.union1d(edges, plane.boundaries)
    if not values.size or plane.is_empty:
        return edges[:0], values[:0]
    row = np.searchsorted(edges, cuts[:-1], side="right") - 1
    inside = np.searchsorted(plane.boundaries, cuts[:-1], side="right") % 2 == 1
    inside &= (row >= 0) & (row < values.size)
    parts = np.zeros(cuts.size - 1)
    some = row[inside]
    lengths = np.diff(cuts)[inside] / np.diff(edges)[some]
    parts[inside] = values[some] * lengths
    return cuts, parts
