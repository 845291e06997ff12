"""How far positions are from the edge of a mask, and what follows from it: maps, and apodized masks.

Distances are signed: positive inside the set, to the nearest centre of a cell outside; negative outside, to the nearest
centre of a cell inside. Where a set has no other side they are infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask import frames, healpix, lookup
from hpmask._kernels import distance as _kernel
from hpmask._kernels import lookup as _lookup_kernel
from hpmask.energy_units import as_energy
from hpmask.parallel import thread_count
from hpmask.rangeset import MAX_ORDER, RangeSet, check_order

if TYPE_CHECKING:
    from hpmask.mask import Mask

__all__ = ["apodize", "distance", "distance_map", "signed_distances"]

Floats = NDArray[np.float64]
Numbers = NDArray[np.uint64]

# Positions that are worked on in one go, the answer of each a bound for the next.
_CHUNK = 1 << 14
_MOST_BYTES = 16 << 30


def distance(
    mask: Mask, coord: SkyCoord, energy: u.Quantity | str | None, *, n_threads: int | None
) -> u.Quantity:
    """See `hpmask.Mask.distance`."""
    threads = thread_count(n_threads)
    lon, lat, unit, matrix, shape = lookup.angles_of(coord, mask.frame)
    if mask.energy is None:
        bins = np.zeros(() if energy is None else as_energy(energy, "energy").shape, dtype=np.intp)
    elif energy is None:
        bins = np.arange(mask.energy.n_bins).reshape(-1, *[1] * len(shape))
    else:
        bins = mask.energy.bin_of(energy)
    numbers = np.empty(lon.size, dtype=np.uint64)
    bad = _lookup_kernel.numbers(lon, lat, unit, mask.order, matrix, numbers)
    if bad >= 0:
        raise ValueError(f"positions must be finite, row {bad} is lon={lon[bad]}, lat={lat[bad]}")
    # Neighbours on the sky follow each other.
    sequence = np.argsort(numbers)
    row = np.broadcast_to(np.arange(lon.size).reshape(shape), np.broadcast_shapes(shape, bins.shape))
    bins = np.broadcast_to(bins, row.shape)
    # No plane holds an energy outside all bins.
    result = np.full(row.shape, -np.inf)
    for plane in {id(plane): plane for plane in mask.planes}.values():
        here = (bins >= 0) & np.array([other is plane for other in mask.planes])[bins]
        needed = np.zeros(lon.size, dtype=np.bool_)
        needed[row[here]] = True
        rows = sequence[needed[sequence]]
        found = np.empty(lon.size)

        def work(
            part: slice, plane: RangeSet = plane, rows: NDArray[np.intp] = rows, found: Floats = found
        ) -> None:
            some = rows[part]
            vectors = np.empty((some.size, 3))
            _kernel.vectors(lon[some], lat[some], unit, matrix, vectors)
            found[some] = signed_distances(plane, vectors, numbers[some])

        _in_chunks(rows.size, work, threads)
        result[here] = found[row[here]]
    return u.Quantity(np.degrees(result, out=result), u.deg, copy=False)


def distance_map(mask: Mask, *, order: int | None, nest: bool, n_threads: int | None) -> u.Quantity:
    """See `hpmask.Mask.distance_map`."""
    order = mask.order if order is None else check_order(order)

    def work(plane: RangeSet, cells: Numbers, numbers: Numbers, width: float) -> Floats:
        return np.degrees(signed_distances(plane, healpix.centre_vectors(cells, order), numbers))

    result = _map(mask, order, nest, work, [np.inf] * len(mask.planes), n_threads)
    return u.Quantity(result, u.deg, copy=False)


def apodize(
    mask: Mask,
    width: u.Quantity | str,
    *,
    kind: Literal["C1", "C2", "smooth"],
    order: int | None,
    nest: bool,
    n_threads: int | None,
) -> Floats:
    """See `hpmask.Mask.apodize`."""
    if kind not in ("C1", "C2", "smooth"):
        raise ValueError(f"kind must be 'C1', 'C2' or 'smooth', got {kind!r}")
    widths = _widths(width, len(mask.planes), mask.energy is not None)
    if order is not None:
        mask = mask.at_order(order)

    def work(plane: RangeSet, cells: Numbers, numbers: Numbers, width: float) -> Floats:
        inside = np.empty(numbers.size, dtype=np.bool_)
        lookup.index_of(plane).inside(numbers, inside.view(np.uint8))
        weight = np.zeros(numbers.size)
        vectors = healpix.centre_vectors(cells[inside], mask.order)
        reach = 2.5 * width if kind == "smooth" else width
        angle = signed_distances(plane, vectors, numbers[inside], most=reach)
        # Those that lie farther away come back as infinite.
        weight[inside] = _taper(angle, width, kind)
        return weight

    if kind != "smooth":
        return _map(mask, mask.order, nest, work, widths, n_threads)
    return _smoothed(mask, _map(mask, mask.order, False, work, widths, n_threads), widths, nest)


def _taper(angle: Floats, width: float, kind: str) -> Floats:
    """Weight at an angle, maybe infinite, from the nearest cell outside."""
    if kind == "smooth":
        return (angle > 2.5 * width).astype(np.float64)
    # sqrt((1 - cos angle) / (1 - cos width)), without its loss of digits.
    x = np.sin(np.minimum(angle, width) / 2) / np.sin(width / 2)
    if kind == "C1":
        return np.asarray(x - np.sin(2 * np.pi * x) / (2 * np.pi))
    return np.asarray((1 - np.cos(np.pi * x)) / 2)


def _smoothed(mask: Mask, weights: Floats, widths: list[float], nest: bool) -> Floats:
    """The weights (RING) convolved with Gaussians, and 0 outside the mask."""
    try:
        import healpy
    except ImportError as error:
        raise ImportError(
            'kind="smooth" needs healpy: pip install "hpmask[healpy]"; kind="C1" and "C2" do without'
        ) from error

    rows = np.atleast_2d(weights)
    kept = np.atleast_2d(mask.to_healpix())
    # In the order of RING numbers, and only then in NESTED.
    done: dict[tuple[int, float], Floats] = {}
    for i, (plane, width) in enumerate(zip(mask.planes, widths, strict=True)):
        key = (id(plane), width)
        if key not in done:
            lmax = 3 * (1 << mask.order) - 1
            done[key] = healpy.smoothing(rows[i], sigma=width, lmax=lmax, iter=3) * kept[i]
            if nest:
                done[key] = done[key][healpix.nested_to_ring(np.arange(rows.shape[1]), mask.order)]
        rows[i] = done[key]
    return rows if mask.energy is not None else rows[0]


def _widths(width: u.Quantity | str, n_bins: int, has_energy: bool) -> list[float]:
    """The width of each plane in radians."""
    angle = frames.as_angle(width, "width")
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
    mask: Mask,
    order: int,
    nest: bool,
    work: Callable[[RangeSet, Numbers, Numbers, float], Floats],
    widths: list[float],
    n_threads: int | None,
) -> Floats:
    """A full map. `work` gives the values of cells, from a plane, the cells, their numbers at order 29 and a width."""
    threads = thread_count(n_threads)
    n_cells, n_rows = healpix.n_cells(order), len(mask.planes)
    if 8 * n_rows * n_cells > _MOST_BYTES:
        raise ValueError(
            f"a map of {n_rows} x {n_cells} cells (order {order}) takes {8 * n_rows * n_cells / 2**30:.0f} GiB, "
            "more than 16 GiB: take a coarser order"
        )
    shift = np.uint64(2 * (MAX_ORDER - order))
    # Of the four cells at the centre of a cell, the northern one holds it, as in `Mask.at_order`.
    centre = np.uint64(3 << (2 * (MAX_ORDER - order) - 2) if order < mask.order else 0)
    result = np.empty((n_rows, n_cells))
    first: dict[tuple[int, float], int] = {}
    for i, (plane, width) in enumerate(zip(mask.planes, widths, strict=True)):
        same = first.setdefault((id(plane), width), i)
        if same < i:
            result[i] = result[same]
            continue

        def fill(part: slice, i: int = i, plane: RangeSet = plane, width: float = width) -> None:
            cells = np.arange(part.start, part.stop, dtype=np.uint64)
            values = work(plane, cells, (cells << shift) + centre, width)
            result[i, part if nest else healpix.nested_to_ring(cells, order)] = values

        _in_chunks(n_cells, fill, threads)
    return result if mask.energy is not None else result[0]


def signed_distances(plane: RangeSet, vectors: Floats, numbers: Numbers, *, most: float = np.inf) -> Floats:
    """Angle from positions to the nearest cell centre on the other side of a set's edge, in radians.

    Parameters
    ----------
    plane : RangeSet
        The set; the centres are those of cells of its order.
    vectors : numpy.ndarray of float, shape (n, 3)
        Unit vectors of the positions. It is quick if those that follow each other are near each other.
    numbers : numpy.ndarray of uint64, shape (n,)
        Numbers at order 29 in the cells of the plane's order that hold the positions.
    most : float, optional
        Distances above it need not be found: they come out as infinite.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Positive inside, negative outside.
    """
    out = np.empty(numbers.size)
    index = lookup.index_of(plane)
    _kernel.signed(vectors, numbers, plane.order, most, index.boundaries, index.entries, index.shift, out)
    return out


def _in_chunks(n: int, work: Callable[[slice], None], threads: int) -> None:
    """Do work on all of n things, by slices."""
    parts = [slice(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
    if threads == 1 or len(parts) < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(min(threads, len(parts))) as pool:
        for _ in pool.map(work, parts):
            pass
