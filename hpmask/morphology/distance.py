"""Distances of positions from the edge of a mask, maps of such distances, and apodized masks.

Distances are signed. Inside the set they are positive and measured to the nearest centre of a cell outside. Outside the
set they are negative and measured to the nearest centre of a cell inside. They are infinite if no such cell exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._kernels import cells as _cells
from hpmask._kernels import distance as _kernel
from hpmask._utils.arguments import MAX_ORDER, as_angle, as_flag, check_order
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.progress import track
from hpmask.core.full_maps import check_size, to_map
from hpmask.core.positions import angles_of
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.core.transform import at_order
from hpmask.core.value import MaskValue, distinct_planes
from hpmask.energy.units import as_energy, per_bin
from hpmask.geometry import frames, healpix
from hpmask.morphology.dilation import Width

__all__ = ["apodize", "distance", "distance_map", "signed_distances"]

Floats = NDArray[np.float64]
Numbers = NDArray[np.uint64]

# Positions in one task. The answer for each position is a bound for the next one.
_CHUNK = 1 << 14
# A task is a cell of a map that is this number of orders coarser.
_TASK_STEPS = 8


def distance(
    mask: MaskValue, coord: SkyCoord, energy: u.Quantity | str | None, *, n_threads: int | None, progress: bool
) -> u.Quantity:
    """See `hpmask.Mask.distance`."""
    threads, progress = thread_count(n_threads), as_flag(progress, "progress")
    lon, lat, unit, matrix, shape = angles_of(coord, mask.frame)
    if mask.energy is None:
        bins = np.zeros(() if energy is None else as_energy(energy, "energy").shape, dtype=np.intp)
    elif energy is None:
        bins = np.arange(mask.energy.n_bins).reshape(-1, *[1] * len(shape))
    else:
        bins = mask.energy.bin_of(energy)
    numbers = np.empty(lon.size, dtype=np.uint64)
    bad = _cells.numbers(lon, lat, unit, mask.order, matrix, numbers)
    if bad >= 0:
        frames.check_finite(lon.reshape(shape) * unit, lat.reshape(shape) * unit, "coord")
    # In the order of cells, so that successive positions are close to each other.
    sequence = np.argsort(numbers)
    row = np.broadcast_to(np.arange(lon.size).reshape(shape), np.broadcast_shapes(shape, bins.shape))
    bins = np.broadcast_to(bins, row.shape)
    # Nothing is kept at an energy outside all bins.
    result = np.full(row.shape, -np.inf)
    for plane in distinct_planes(mask):
        here = (bins >= 0) & np.array([other is plane for other in mask.planes])[bins]
        needed = np.zeros(lon.size, dtype=np.bool_)
        needed[row[here]] = True
        rows = sequence[needed[sequence]]
        found = np.empty(lon.size)

        def work(part: slice, plane: RangeSet = plane, rows: NDArray[np.intp] = rows, found: Floats = found) -> None:
            some = rows[part]
            vectors = np.empty((some.size, 3))
            _kernel.vectors(lon[some], lat[some], unit, matrix, vectors)
            found[some] = signed_distances(plane, vectors, numbers[some])

        _in_chunks(rows.size, work, threads, progress=progress)
        result[here] = found[row[here]]
    return u.Quantity(np.degrees(result, out=result), u.deg, copy=False)


def distance_map(
    mask: MaskValue, *, order: int | None, nest: bool, n_threads: int | None, progress: bool
) -> u.Quantity:
    """See `hpmask.Mask.distance_map`."""
    nest, progress = as_flag(nest, "nest"), as_flag(progress, "progress")
    order = mask.order if order is None else check_order(order)

    def fill(plane: RangeSet, width: float, out: Floats, threads: int) -> None:
        fill_distances(plane, out, order, nest=nest, n_threads=threads, progress=progress)
        _in_chunks(out.size, lambda part: np.degrees(out[part], out=out[part]), threads)

    result = _map(mask, order, fill, [np.inf] * len(mask.planes), n_threads)
    return u.Quantity(result, u.deg, copy=False)


def apodize(
    mask: MaskValue,
    width: Width,
    *,
    kind: Literal["C1", "C2", "smooth"],
    order: int | None,
    nest: bool,
    n_threads: int | None,
    progress: bool,
) -> Floats:
    """See `hpmask.Mask.apodize`."""
    nest, progress = as_flag(nest, "nest"), as_flag(progress, "progress")
    if kind not in ("C1", "C2", "smooth"):
        raise ValueError(f"kind must be 'C1', 'C2' or 'smooth', got {kind!r}")
    widths = _widths(per_bin(width, mask.energy, "width"), len(mask.planes), mask.energy is not None)
    if order is not None:
        mask = at_order(mask, order)

    # Smoothing needs RING maps.
    nested = nest and kind != "smooth"

    def fill(plane: RangeSet, width: float, out: Floats, threads: int) -> None:
        reach = 2.5 * width if kind == "smooth" else width
        fill_distances(
            plane, out, mask.order, nest=nested, n_threads=threads, most=reach, outside=False, progress=progress
        )

        def weigh(part: slice) -> None:
            # Distances beyond the reach are infinite, and those of cells outside are minus infinite.
            angle = out[part]
            near = np.isfinite(angle)
            weights = (angle > 0).astype(np.float64)
            weights[near] = _taper(angle[near], width, kind)
            out[part] = weights

        _in_chunks(out.size, weigh, threads)

    weights = _map(mask, mask.order, fill, widths, n_threads)
    return weights if kind != "smooth" else _smoothed(mask, weights, widths, nest)


def _taper(angle: Floats, width: float, kind: str) -> Floats:
    """Weight at an angle from the nearest cell outside."""
    if kind == "smooth":
        return (angle > 2.5 * width).astype(np.float64)
    # This is sqrt((1 - cos angle) / (1 - cos width)) without the loss of digits at small angles.
    x = np.sin(np.minimum(angle, width) / 2) / np.sin(width / 2)
    if kind == "C1":
        return np.asarray(x - np.sin(2 * np.pi * x) / (2 * np.pi))
    return np.asarray((1 - np.cos(np.pi * x)) / 2)


def _smoothed(mask: MaskValue, weights: Floats, widths: list[float], nest: bool) -> Floats:
    """Weights in RING order convolved with Gaussians, and 0 outside the mask."""
    try:
        import healpy
    except ImportError as error:
        raise ImportError(
            'kind="smooth" needs healpy: pip install "hpmask[healpy]"; kind="C1" and "C2" do not need it'
        ) from error

    rows = np.atleast_2d(weights)
    kept = np.atleast_2d(to_map(mask))
    done: dict[tuple[int, float], Floats] = {}
    for i, (plane, width) in enumerate(zip(mask.planes, widths, strict=True)):
        key = (id(plane), width)
        if key not in done:
            lmax = 3 * (1 << mask.order) - 1
            done[key] = healpy.smoothing(rows[i], sigma=width, lmax=lmax, iter=3) * kept[i]
            if nest:
                done[key] = _nested(done[key], mask.order)
        rows[i] = done[key]
    return rows if mask.energy is not None else rows[0]


def _nested(values: Floats, order: int) -> Floats:
    """The values of a RING map in NESTED order."""
    out = np.empty_like(values)
    # In parts, because the numbers of all cells at once would take more memory than the map.
    for start in range(0, values.size, _CHUNK):
        part = np.arange(start, min(start + _CHUNK, values.size))
        out[part] = values[healpix.nested_to_ring(part, order)]
    return out


def _widths(width: u.Quantity | str, n_bins: int, has_energy: bool) -> list[float]:
    """The width of each plane in radians."""
    angle = as_angle(width, "width")
    values = np.asarray(angle.to_value(u.rad), dtype=np.float64)
    shapes = f"a scalar or of shape ({n_bins},)" if has_energy else "a scalar"
    if values.ndim and not (has_energy and values.shape == (n_bins,)):
        raise ValueError(f"width must be {shapes}, got shape {values.shape}")
    bad = np.flatnonzero(~((values > 0) & (values <= np.pi)))
    if bad.size:
        where = f", bin {bad[0]} is" if values.ndim else ", got"
        raise ValueError(f"width must be above 0 and at most 180 deg{where} {angle.reshape(-1)[bad[0]]}")
    return [float(value) for value in np.broadcast_to(values, n_bins)]


def _map(
    mask: MaskValue,
    order: int,
    fill: Callable[[RangeSet, float, Floats, int], None],
    widths: list[float],
    n_threads: int | None,
) -> Floats:
    """Full maps, one row for each plane. `fill` takes a plane, a width, the row to write and a number of threads."""
    threads = thread_count(n_threads)
    n_cells, n_rows = healpix.n_cells(order), len(mask.planes)
    check_size(n_rows, n_cells, order)
    result = np.empty((n_rows, n_cells))
    first: dict[tuple[int, float], int] = {}
    for i, (plane, width) in enumerate(zip(mask.planes, widths, strict=True)):
        same = first.setdefault((id(plane), width), i)
        if same < i:
            result[i] = result[same]
        else:
            fill(plane, width, result[i], threads)
    return result if mask.energy is not None else result[0]


def fill_distances(
    plane: RangeSet,
    out: Floats,
    order: int,
    *,
    nest: bool,
    n_threads: int,
    most: float = np.inf,
    outside: bool = True,
    progress: bool = False,
) -> None:
    """Write a map of `signed_distances`, in radians, of the centres of all cells of an order.

    Parameters
    ----------
    plane : RangeSet
        The set. Distances are measured to the centres of cells of its order.
    out : numpy.ndarray of float, shape (12 * 4**order,)
        The map, which is overwritten.
    order : int
        Order of the map.
    nest : bool
        Whether the map is in NESTED order (True) or in RING order (False).
    n_threads : int
        Number of threads.
    most : float, optional
        Largest distance of interest, in radians. Distances above it are written as infinite.
    outside : bool, optional
        If False, the values of all cells outside the set are minus infinity.
    progress : bool, optional
        Show a progress bar.
    """
    index = index_of(plane)
    # Four cells meet at the centre of a cell. The northern one holds it, as in `Mask.at_order`.
    centre = 3 << (2 * (MAX_ORDER - order) - 2) if order < plane.order else 0
    sides = 3 if outside else 2
    task_order = max(0, order - _TASK_STEPS)

    def work(part: slice) -> None:
        _kernel.fill_map(index, plane.order, part.start, part.stop, task_order, order, nest, sides, centre, most, out)

    _in_chunks(healpix.n_cells(task_order), work, n_threads, chunk=1, progress=progress)


def signed_distances(plane: RangeSet, vectors: Floats, numbers: Numbers, *, most: float = np.inf) -> Floats:
    """Return the angles from positions to the nearest cell centre on the other side of a set's edge.

    Parameters
    ----------
    plane : RangeSet
        The set. The centres are those of cells of its order.
    vectors : numpy.ndarray of float, shape (n, 3)
        Unit vectors of the positions. The search is fastest if successive positions are close to each other.
    numbers : numpy.ndarray of uint64, shape (n,)
        The cells that hold the positions: for each, a cell of order 29 in the cell of the set's order.
    most : float, optional
        Largest distance of interest, in radians. Distances above it are returned as infinite.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Angles in radians, positive inside and negative outside.
    """
    out = np.empty(numbers.size)
    _kernel.signed(index_of(plane), plane.order, vectors, numbers, most, out)
    return out


def _in_chunks(
    n: int, work: Callable[[slice], object], threads: int, *, chunk: int | None = None, progress: bool = False
) -> None:
    """Call `work` with slices of n items, with a progress bar if asked for."""
    chunk = _CHUNK if chunk is None else chunk
    parts = [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]
    for _ in track(thread_map(work, parts, threads), total=len(parts), what="distances", shown=progress):
        pass
