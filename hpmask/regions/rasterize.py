"""Shapes to sets of cells: discs by the million, any other shape by its outline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

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
from hpmask.regions.shapes import TIE, Combined, Disc, Shape

__all__ = ["check_cones", "cone_planes", "discs", "shapes_plane"]

Angles = NDArray[np.float64]

# The kernels' numbers of the modes.
_MODES: dict[Mode, int] = {"center": 0, "overlap": 1, "inside": 2}
# The mode in which the complement of a shape is the complement of the shape in this mode.
_DUAL: dict[Mode, Mode] = {"center": "center", "overlap": "inside", "inside": "overlap"}

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
) -> tuple[Angles, Angles, Angles]:
    """Centres and radii of discs in radians: longitudes and latitudes of shape (n,), radii (n, 1) or (n, n_bins).

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
        angle = angle[np.newaxis]  # what a function of the energy axis returns is one for each bin
    radii = np.asarray(angle.to_value(u.rad), dtype=np.float64)
    if radii.ndim < 2:
        if radii.ndim == 1 and radii.size not in (1, lon.size):
            raise ValueError(f"radius must be a scalar or have one value per centre ({lon.size}), got {radii.size}")
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
    return lon, lat, radii


def cone_planes(
    lon: Angles,
    lat: Angles,
    radii: Angles,
    *,
    order: int,
    mode: str = "center",
    n_threads: int | None = None,
    progress: bool = False,
) -> list[RangeSet]:
    """The discs of each column of `radii` (see `check_cones`); equal columns are worked out once."""
    order, checked, progress = check_order(order), check_mode(mode), as_flag(progress, "progress")
    planes: list[RangeSet] = []
    for k in range(radii.shape[1]):
        same = next((j for j in range(k) if np.array_equal(radii[:, j], radii[:, k])), None)
        planes.append(
            planes[same]
            if same is not None
            else discs(lon, lat, radii[:, k], order=order, mode=checked, n_threads=n_threads, progress=progress)
        )
    return planes


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

    They are closed: in mode "center" a cell is in if its centre is on the edge, to within `TIE`.
    """
    tie = TIE if mode == "center" else 0.0
    if (radius + tie >= np.pi).any():
        return RangeSet.full(order)
    wide = radius + tie > np.pi / 2
    if wide.any():
        # Less work from the other side: what a wide disc leaves out is a disc round its antipode, without its edge.
        rest = np.maximum(np.pi - radius - 2 * tie, 0)
        holes = [
            discs(lon[[i]] + np.pi, -lat[[i]], rest[[i]], order=order, mode=_DUAL[mode], n_threads=n_threads)
            for i in np.flatnonzero(wide)
        ]
        narrow = discs(
            lon[~wide], lat[~wide], radius[~wide], order=order, mode=mode, n_threads=n_threads, progress=progress
        )
        return narrow | ~RangeSet.intersection_all(holes)
    ranges = _expected_ranges(radius, order)
    if ranges.sum() > _MOST_RANGES:
        largest = f"the largest disc has a radius of {np.degrees(radius[np.argmax(ranges)]):.4g} deg"
        raise _too_fine(order, "discs", ranges.sum(), largest)
    threads = thread_count(n_threads)
    blocks = list(_blocks(lon, lat, ranges, threads))

    def work(block: NDArray[np.intp] | slice) -> RangeSet:
        some = [np.ascontiguousarray(angle[block], dtype=np.float64) for angle in (lon, lat, radius + tie)]
        starts, stops = _discs.rasterize(*some, order, _MODES[mode])
        return from_starts_stops(starts, stops, order)

    return _union_of(work, blocks, order=order, threads=threads, progress=progress)


def _expected_ranges(radius: Angles, order: int) -> Angles:
    """About how many ranges each disc gives."""
    return 2.0 + _RANGES_PER_RADIAN * 2 * np.pi * np.sin(radius) * (1 << order)


def _too_fine(order: int, what: str, ranges: float, largest: str) -> ValueError:
    """The error for shapes whose cells would fill the memory."""
    return ValueError(
        f"order {order} is too fine for these {what}: about {ranges:.1e} ranges ({ranges * 16e-9:.0f} GB), {largest}"
    )


def _blocks(lon: Angles, lat: Angles, ranges: Angles, threads: int) -> Iterator[NDArray[np.intp] | slice]:
    """Discs to be done together, of about equal work; neighbours on the sky if there are many blocks."""
    total = float(ranges.sum())
    n_blocks = int(np.ceil(total / _BLOCK_RANGES))
    if n_blocks < threads and total > _SMALL_RANGES:
        n_blocks = threads
    if n_blocks <= 1:
        yield slice(None)
        return
    if n_blocks <= threads:
        order: NDArray[np.intp] | None = None
        work = np.cumsum(ranges)
    else:
        # Then a block's discs overlap each other, not another block's, and little is left to unite.
        order = np.argsort(healpix.cells_at(lon, lat, 29), kind="stable")
        work = np.cumsum(ranges[order])
    cuts = np.searchsorted(work, np.linspace(0, total, n_blocks + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], cuts, [ranges.size]]))
    for a, b in pairwise(edges):
        yield slice(int(a), int(b)) if order is None else order[a:b]


def _union_of(
    work: Callable[[Any], RangeSet], parts: Sequence[Any], *, order: int, threads: int, progress: bool
) -> RangeSet:
    """The union of what `work` makes of each part, on threads."""
    done = thread_map(work, parts, threads)
    sets = list(track(done, total=len(parts), what="rasterizing", shown=progress))
    return sets[0] | sets[1] if len(sets) == 2 else RangeSet.union_all([RangeSet.empty(order), *sets])


def shapes_plane(
    shapes: Iterable[Shape], *, order: int, mode: str = "center", n_threads: int | None = None
) -> RangeSet:
    """The union of shapes (in the frame of the mask).

    Raises
    ------
    TypeError, ValueError
        If `order` or `mode` is none, or the shapes would have more ranges at this order than memory holds.
    """
    order, checked = check_order(order), check_mode(mode)
    shapes = list(shapes)
    circles = [shape for shape in shapes if isinstance(shape, Disc)]
    others = [shape for shape in shapes if not isinstance(shape, Disc)]
    lengths = [_outline_length(shape) for shape in others]
    ranges = _RANGES_PER_RADIAN * sum(lengths) * (1 << order)
    if ranges > _MOST_RANGES:
        k = int(np.argmax(lengths))
        longest = f"the longest outline is {np.degrees(lengths[k]):.4g} deg ({type(others[k]).__name__})"
        raise _too_fine(order, "shapes", ranges, longest)
    parts: list[RangeSet] = []
    if circles or not others:
        lon, lat, radius = np.array([(one.lon, one.lat, one.radius) for one in circles]).reshape(-1, 3).T
        parts.append(discs(lon, lat, radius, order=order, mode=checked, n_threads=n_threads))
    if others:
        parts.append(
            _union_of(
                lambda shape: _plane(shape, order, checked),
                others,
                order=order,
                threads=thread_count(n_threads),
                progress=False,
            )
        )
    return parts[0] if len(parts) == 1 else parts[0] | parts[1]


def _outline_length(shape: Shape) -> float:
    """Length of a shape's outline in radians; none of a disc's, as `discs` looks at it itself."""
    if isinstance(shape, Combined):
        return _outline_length(shape.left) + _outline_length(shape.right)
    return 0.0 if isinstance(shape, Disc) else float(shape.outline.length)  # type: ignore[attr-defined]


def _plane(shape: Shape, order: int, mode: Mode) -> RangeSet:
    """One shape."""
    if isinstance(shape, Combined):
        return _combined(shape, order, mode)
    if isinstance(shape, Disc):
        lon, lat, radius = (np.array([value]) for value in (shape.lon, shape.lat, shape.radius))
        return discs(lon, lat, radius, order=order, mode=mode, n_threads=1)
    starts, stops = shape.outline.rasterize(order, _MODES[mode])  # type: ignore[attr-defined]
    return from_starts_stops(starts, stops, order)


def _combined(shape: Combined, order: int, mode: Mode) -> RangeSet:
    """Two shapes joined.

    What is taken away is taken in the dual mode, which makes the difference of one shape and another inside it exact;
    else "overlap" may hold a cell too many and "inside" one too few, where outlines of the two cross.
    """
    left, right = _plane(shape.left, order, mode), _plane(shape.right, order, mode)
    if shape.sign == "|":
        return left | right
    if shape.sign == "&":
        return left & right
    if mode == "center":
        return left - right if shape.sign == "-" else left ^ right
    less = left - _plane(shape.right, order, _DUAL[mode])
    if shape.sign == "-":
        return less
    return less | (right - _plane(shape.left, order, _DUAL[mode]))
