"""Shapes to sets of cells: millions of discs at once, and any other shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._kernels import discs as _discs
from hpmask._utils.arguments import as_angle, as_flag, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.progress import track
from hpmask.core.rangeset import RangeSet, from_starts_stops
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.units import per_bin
from hpmask.geometry import frames, healpix
from hpmask.regions.shapes import MODE_NUMBERS, TIE, Disc, Shape

__all__ = [
    "annuli_and_misses",
    "batch_and_misses",
    "batch_ranges",
    "check_cones",
    "cone_planes",
    "discs",
    "discs_and_misses",
    "expected_ranges",
    "shapes_and_misses",
    "shapes_plane",
]

Angles = NDArray[np.float64]
Rows = NDArray[np.intp]
Numbers = NDArray[np.uint64]
T = TypeVar("T")

# About how many ranges one call of the kernel makes: enough to be worth a thread, few enough to stay in memory.
_BLOCK_RANGES = 2_000_000
_SMALL_RANGES = 50_000
# About how many ranges an outline gives per radian, times 2**-order: it crosses about 1.3 cells, and half of them
# begin a range.
_RANGES_PER_RADIAN = 2 / np.pi
# 16 GB of ranges; to make them takes three times that.
_MOST_RANGES = 1_000_000_000


def check_cones(
    center: SkyCoord,
    radius: u.Quantity | str | Callable[[EnergyAxis], u.Quantity],
    frame: str,
    energy: EnergyAxis | None,
) -> tuple[Angles, Angles, Angles, u.UnitBase]:
    """Centres and radii of discs in radians: longitudes and latitudes of shape (n,), radii (n, 1) or (n, n_bins).

    The last item is the unit in which the radii were given.

    Raises
    ------
    TypeError, ValueError
        As `hpmask.Mask.from_cones` says.
    """
    lon, lat = frames.to_lonlat(center, frame, "center")
    if lon.ndim > 1:
        raise ValueError(f"center must be a scalar or 1-D, got shape {lon.shape}")
    lon, lat = np.atleast_1d(lon), np.atleast_1d(lat)
    angle = as_angle(per_bin(radius, energy, "radius"), "radius")
    if callable(radius) and angle.ndim == 1:
        angle = angle[np.newaxis]  # a function of the energy axis may return one radius for each bin
    radii = np.asarray(angle.to_value(u.rad), dtype=np.float64)
    if radii.ndim < 2:
        if radii.ndim == 1 and radii.size not in (1, lon.size):
            several = energy is not None and radii.size == energy.n_bins
            per_bin_text = f"; write {_as_row(angle)} for one radius per bin" if several else ""
            raise ValueError(
                f"radius must be a scalar or have one value per centre ({lon.size}), got {radii.size}{per_bin_text}"
            )
        radii = np.broadcast_to(radii.reshape(-1, 1), (lon.size, 1))
    else:
        if energy is None:
            raise ValueError(f"radius of shape {radii.shape} has a column per energy bin: energy must be given")
        if radii.ndim > 2 or radii.shape[1] != energy.n_bins or radii.shape[0] not in (1, lon.size):
            shapes = " or ".join(f"({n}, {energy.n_bins})" for n in dict.fromkeys((lon.size, 1)))
            raise ValueError(
                f"radius must have shape {shapes}, one row per centre and one column per energy bin, got {radii.shape}"
            )
        radii = np.broadcast_to(radii, (lon.size, energy.n_bins))
    # 180 deg in other units may come out a bit above pi.
    bad = np.flatnonzero(~((radii >= 0) & (radii <= np.pi * (1 + 1e-12))).all(axis=1))
    if bad.size:
        row = int(bad[0])
        value = np.broadcast_to(np.atleast_1d(angle.value).reshape(-1, radii.shape[1]), radii.shape)[row]
        raise ValueError(
            f"radius must be from 0 to 180 deg, {bad.size} of {lon.size} are not, "
            f"the first in row {row}: {np.squeeze(value)} {angle.unit}"
        )
    return lon, lat, radii, angle.unit


def _as_row(angle: u.Quantity) -> str:
    """The values of a 1-D quantity as the only row of a table, such as "[[2, 1, 0.5]]"."""
    values = [f"{value:.6g}" for value in angle.value]
    if len(values) > 6:
        values[3:-2] = ["..."]
    return f"[[{', '.join(values)}]]"


def cone_planes(
    lon: Angles,
    lat: Angles,
    radii: Angles,
    *,
    order: int,
    mode: str = "center",
    n_threads: int | None = None,
    progress: bool = False,
) -> tuple[list[RangeSet], Rows]:
    """The discs of each column of `radii` (see `check_cones`), and the rows of discs without a cell in some column.

    Equal columns are rasterized once.
    """
    order, checked, progress = check_order(order), check_mode(mode), as_flag(progress, "progress")
    planes: list[RangeSet] = []
    misses: list[Rows] = []
    for k in range(radii.shape[1]):
        same = next((j for j in range(k) if np.array_equal(radii[:, j], radii[:, k])), None)
        if same is not None:
            planes.append(planes[same])
            continue
        plane, missed = discs_and_misses(
            lon, lat, radii[:, k], order=order, mode=checked, n_threads=n_threads, progress=progress
        )
        planes.append(plane)
        misses.append(missed)
    return planes, misses[0] if len(misses) == 1 else np.unique(np.concatenate(misses))


def discs(
    lon: Angles,
    lat: Angles,
    radius: Angles,
    *,
    order: int,
    mode: Mode = "center",
    n_threads: int | None = None,
    progress: bool = False,
) -> RangeSet:
    """The union of discs; all angles in radians, of shape (n,), radii from 0 to pi.

    Discs are closed: in mode "center" a cell is in if its centre is on the edge, to within `TIE`.
    """
    return discs_and_misses(lon, lat, radius, order=order, mode=mode, n_threads=n_threads, progress=progress)[0]


def discs_and_misses(
    lon: Angles,
    lat: Angles,
    radius: Angles,
    *,
    order: int,
    mode: Mode = "center",
    n_threads: int | None = None,
    progress: bool = False,
) -> tuple[RangeSet, Rows]:
    """The union of discs as in `discs`, and the rows of those that have no cell."""
    if (radius + (TIE if mode == "center" else 0.0) >= np.pi).any():
        return RangeSet.full(order), np.empty(0, dtype=np.intp)

    def kernel(rows: Rows | slice) -> tuple[Numbers, Numbers, Numbers]:
        some = [np.ascontiguousarray(angle[rows], dtype=np.float64) for angle in (lon, lat, radius)]
        starts, stops, missed = _discs.rasterize(*some, order, MODE_NUMBERS[mode])
        return starts, stops, missed

    return batch_and_misses(
        kernel,
        healpix.cells_at(lon, lat, 29),
        2.0 + expected_ranges(2 * np.pi * np.sin(radius), order),
        order=order,
        what="discs",
        sizes=radius,
        n_threads=n_threads,
        progress=progress,
    )


def annuli_and_misses(
    lon: Angles,
    lat: Angles,
    inner: Angles,
    outer: Angles,
    *,
    order: int,
    mode: Mode = "center",
    n_threads: int | None = None,
    progress: bool = False,
) -> tuple[RangeSet, Rows]:
    """The union of annuli, and the rows of those that have no cell; angles in radians, 0 <= inner <= outer <= pi.

    An annulus is a closed disc without another closed disc: see `discs`.
    """

    def kernel(rows: Rows | slice) -> tuple[Numbers, Numbers, Numbers]:
        some = [np.ascontiguousarray(angle[rows], dtype=np.float64) for angle in (lon, lat, inner, outer)]
        starts, stops, missed = _discs.annuli(*some, order, MODE_NUMBERS[mode])
        return starts, stops, missed

    return batch_and_misses(
        kernel,
        healpix.cells_at(lon, lat, 29),
        2.0 + expected_ranges(2 * np.pi * (np.sin(inner) + np.sin(outer)), order),
        order=order,
        what="annuli",
        sizes=outer,
        n_threads=n_threads,
        progress=progress,
    )


def batch_and_misses(
    kernel: Callable[[Any], tuple[Numbers, Numbers, Numbers]],
    cells: Numbers,
    ranges: Any,
    *,
    order: int,
    what: str,
    sizes: Angles | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> tuple[RangeSet, Rows]:
    """The union of many shapes of one kind, and the rows of those that have no cell.

    Parameters
    ----------
    kernel : callable
        Takes row numbers (an array or a slice), and returns the starts and stops of the ranges of these shapes, in the
        sequence of the rows, and the positions among them of shapes without a cell. It is called on several threads.
    cells : numpy.ndarray of uint64, shape (n,)
        The NESTED cell of order 29 at a point of each shape, such as its centre.
    ranges : float or array_like, shape (n,)
        About how many ranges each shape has (`expected_ranges`).
    order : int
        The order of the ranges.
    what : str
        What the shapes are called in messages, such as "discs".
    sizes : numpy.ndarray, shape (n,), optional
        Radii of the shapes in radians, for the message about an order that is too fine.
    n_threads, progress
        As for `hpmask.Mask.from_cones`.

    Raises
    ------
    ValueError
        If the ranges do not fit in memory.
    """
    ranges = _affordable(ranges, cells.size, order, what, sizes)
    threads = thread_count(n_threads)
    blocks = list(_blocks(cells, ranges, threads))

    def work(block: Rows | slice) -> tuple[RangeSet, Rows]:
        starts, stops, missed = kernel(block)
        rows = missed.astype(np.intp)
        if missed.size:
            rows = rows + (block.start or 0) if isinstance(block, slice) else block[rows]
        return from_starts_stops(starts, stops, order), rows

    done = _on_threads(work, blocks, threads=threads, progress=progress)
    missed = done[0][1] if len(done) == 1 else np.sort(np.concatenate([rows for _, rows in done]))
    return _union([plane for plane, _ in done], order), missed


def batch_ranges(
    kernel: Callable[[Any], tuple[Numbers, Numbers, Numbers]],
    ranges: Any,
    n: int,
    *,
    order: int,
    what: str,
    sizes: Angles | None = None,
    n_threads: int | None = None,
) -> tuple[Numbers, Numbers, Rows]:
    """The starts and stops of the ranges of `n` shapes, not united, and the rows of those that have no cell.

    The parameters are those of `batch_and_misses`.
    """
    ranges = _affordable(ranges, n, order, what, sizes)
    threads = thread_count(n_threads)
    total = float(ranges.sum())
    n_blocks = threads if total > _SMALL_RANGES else 1
    cuts = np.searchsorted(np.cumsum(ranges), np.linspace(0, total, n_blocks + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], cuts, [n]]))
    blocks = [slice(int(a), int(b)) for a, b in pairwise(edges)] or [slice(0, 0)]
    done = _on_threads(kernel, blocks, threads=threads, progress=False)
    if len(done) == 1:
        return done[0][0], done[0][1], done[0][2].astype(np.intp)
    missed = [rows.astype(np.intp) + block.start for block, (_, _, rows) in zip(blocks, done, strict=True)]
    return np.concatenate([one[0] for one in done]), np.concatenate([one[1] for one in done]), np.concatenate(missed)


def _affordable(ranges: Any, n: int, order: int, what: str, sizes: Angles | None) -> Angles:
    """About how many ranges each of `n` shapes has, shape (n,), if they fit in memory."""
    ranges = np.broadcast_to(np.asarray(ranges, dtype=np.float64), (n,))
    if ranges.sum() > _MOST_RANGES:
        k = int(np.argmax(ranges))
        largest = f"the largest is in row {k}"
        if sizes is not None:
            largest += f" with a radius of {np.degrees(sizes[k]):.4g} deg"
        raise _too_fine(order, what, ranges.sum(), largest)
    return ranges


def expected_ranges(length: Any, order: int) -> Any:
    """Approximate number of ranges along outlines with a total length in radians."""
    return _RANGES_PER_RADIAN * length * (1 << order)


def _too_fine(order: int, what: str, ranges: float, largest: str) -> ValueError:
    """The error for shapes whose cells would fill the memory."""
    return ValueError(
        f"order {order} is too fine for these {what}: about {ranges:.1e} ranges ({ranges * 16e-9:.0f} GB), {largest}"
    )


def _blocks(cells: Numbers, ranges: Angles, threads: int) -> Iterator[Rows | slice]:
    """Rows in blocks of about equal work; neighbours on the sky if there are many blocks."""
    total = float(ranges.sum())
    n_blocks = int(np.ceil(total / _BLOCK_RANGES))
    if n_blocks < threads and total > _SMALL_RANGES:
        n_blocks = threads
    if n_blocks <= 1:
        yield slice(None)
        return
    # Then a block's shapes overlap each other, not another block's, and little is left to unite.
    order = np.argsort(cells, kind="stable")
    work = np.cumsum(ranges[order])
    cuts = np.searchsorted(work, np.linspace(0, total, n_blocks + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], cuts, [ranges.size]]))
    for a, b in pairwise(edges):
        yield order[a:b]


def _on_threads(work: Callable[[Any], T], parts: Sequence[Any], *, threads: int, progress: bool) -> list[T]:
    """The results of `work` for all parts."""
    return list(track(thread_map(work, parts, threads), total=len(parts), what="rasterizing", shown=progress))


def _union(sets: list[RangeSet], order: int) -> RangeSet:
    return sets[0] | sets[1] if len(sets) == 2 else RangeSet.union_all([RangeSet.empty(order), *sets])


def shapes_plane(
    shapes: Iterable[Shape], *, order: int, mode: str = "center", n_threads: int | None = None
) -> RangeSet:
    """The union of shapes, which are in the frame of the mask.

    Raises
    ------
    TypeError, ValueError
        If `order` or `mode` is not valid, or the shapes would have more ranges at this order than fit in memory.
    """
    return shapes_and_misses(shapes, order=order, mode=mode, n_threads=n_threads)[0]


def shapes_and_misses(
    shapes: Iterable[Shape], *, order: int, mode: str = "center", n_threads: int | None = None
) -> tuple[RangeSet, list[Shape]]:
    """The union of shapes as in `shapes_plane`, and the shapes that are too small for any cell."""
    order, checked = check_order(order), check_mode(mode)
    shapes = list(shapes)
    lengths = [shape.outline_length for shape in shapes]
    ranges = expected_ranges(sum(lengths), order)
    if ranges > _MOST_RANGES:
        k = int(np.argmax(lengths))
        longest = f"the longest outline is {np.degrees(lengths[k]):.4g} deg ({type(shapes[k]).__name__})"
        raise _too_fine(order, "shapes", ranges, longest)

    def work(shape: Shape) -> tuple[RangeSet, bool]:
        starts, stops = shape.rasterize(order, checked)
        return from_starts_stops(starts, stops, order), not starts.size and shape.misses(order, checked)

    # Discs take one call for all: a call for each costs more than its cells.
    circles = [k for k, shape in enumerate(shapes) if isinstance(shape, Disc)]
    others = [k for k, shape in enumerate(shapes) if not isinstance(shape, Disc)]
    done = _on_threads(work, [shapes[k] for k in others], threads=thread_count(n_threads), progress=False)
    planes = [plane for plane, _ in done]
    missed = [k for k, (_, is_missed) in zip(others, done, strict=True) if is_missed]
    if circles:
        lon, lat, radius = np.array([(one.lon, one.lat, one.radius) for one in shapes if isinstance(one, Disc)]).T
        plane, rows = discs_and_misses(lon, lat, radius, order=order, mode=checked, n_threads=n_threads)
        planes.append(plane)
        missed += [circles[row] for row in rows]
    return _union(planes, order), [shapes[k] for k in sorted(missed)]
