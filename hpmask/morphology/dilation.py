"""Dilation and erosion of sets of cells, by an angle between the centres of cells or by steps to neighbours.

Only cells at an edge matter: of all cells in a set, the nearest one to a position outside has a neighbour outside. An
erosion therefore removes the cells that are within reach of the cells just outside the set. A set of nearly the whole
sky is dilated by the erosion of its complement, which has fewer cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._kernels import sweep as _kernel
from hpmask._utils.arguments import as_angle, as_flag
from hpmask._utils.parallel import for_the_call, thread_count, thread_map
from hpmask._utils.progress import watched
from hpmask.core.rangeset import RangeSet, difference_of, union_of
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.units import how_to_get_bins, per_bin
from hpmask.geometry import healpix
from hpmask.morphology.neighbours import dilate_steps, erode_steps
from hpmask.morphology.ring_runs import Runs, count_rows, fringe, mirrored, runs_of, set_of

__all__ = ["Operation", "Width", "angles_of", "dilate", "erode", "planes_after"]

Width: TypeAlias = u.Quantity | str | Callable[[EnergyAxis], u.Quantity]
Operation: TypeAlias = Literal["dilate", "erode", "opening", "closing", "inner", "outer", "both"]
_Change: TypeAlias = Callable[[RangeSet], RangeSet]

# The operations in terms of dilation and erosion; the last three are strips along the edge.
_OPERATIONS: dict[Operation, Callable[[RangeSet, _Change, _Change], RangeSet]] = {
    "dilate": lambda plane, dilated, eroded: dilated(plane),
    "erode": lambda plane, dilated, eroded: eroded(plane),
    "opening": lambda plane, dilated, eroded: dilated(eroded(plane)),
    "closing": lambda plane, dilated, eroded: eroded(dilated(plane)),
    "inner": lambda plane, dilated, eroded: plane - eroded(plane),
    "outer": lambda plane, dilated, eroded: dilated(plane) - plane,
    "both": lambda plane, dilated, eroded: dilated(plane) - eroded(plane),
}

# An angle wider than _WIDE cells is first treated in larger cells, at most _COARSE of which it spans.
_WIDE, _COARSE = 256, 32
# The smallest distance between rings in radians, times nside.
_RING_STEP = 2 / 3
# 32 GB of runs.
_MOST_ROWS = 2_000_000_000


def dilate(plane: RangeSet, angle: float, *, n_threads: int = 1, progress: bool = False) -> RangeSet:
    """Return all cells whose centre lies within an angle of the centre of a cell of a set.

    Parameters
    ----------
    plane : RangeSet
        The set.
    angle : float
        The angle in radians, 0 or more.
    n_threads : int, optional
        Number of threads. The result does not depend on it.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    RangeSet
        The cells, of the order of the set.

    Raises
    ------
    ValueError
        If the order is so fine that the result would not fit into memory.
    """
    return _Dilation(plane.order, angle, n_threads, progress).of(plane)


def erode(plane: RangeSet, angle: float, *, n_threads: int = 1, progress: bool = False) -> RangeSet:
    """Return the cells of a set whose centre is farther than an angle from the centre of every cell outside the set.

    Parameters, results and errors are those of `dilate`: ``erode(plane, angle) == ~dilate(~plane, angle)``.
    """
    return ~_Dilation(plane.order, angle, n_threads, progress).of(~plane)


def angles_of(width: Width, energy: EnergyAxis | None, *, argument: str = "width", of: str = "the mask") -> list[float]:
    """Return widths in radians: one for each energy bin, or a single one if there are no bins.

    Parameters
    ----------
    width : `~astropy.units.Quantity`, str or callable
        The angle: a scalar, or one value per bin, or a function of the energy axis.
    energy : EnergyAxis or None
        The energy bins.
    argument, of : str, optional
        For the error: the name of the argument, and what the bins belong to.

    Returns
    -------
    list of float
        One value per bin.

    Raises
    ------
    TypeError, ValueError
        If `width` is not an angle from 0 to 180 deg, or does not have one value per bin.
    """
    angle = as_angle(per_bin(width, energy, argument, of=of), argument)
    values = np.asarray(angle.to_value(u.rad), dtype=np.float64)
    n_bins = 1 if energy is None else energy.n_bins
    if values.ndim and values.shape != (n_bins,):
        bins = f"no energy bins{how_to_get_bins(of)}" if energy is None else f"{n_bins} energy bins"
        raise ValueError(f"{argument} has shape {values.shape}, but {of} has {bins}")
    # 180 deg in other units may come out a bit above pi.
    bad = np.flatnonzero(~((values >= 0) & (values <= np.pi * (1 + 1e-12))))
    if bad.size:
        where = f" in bin {bad[0]}" if values.ndim else ""
        raise ValueError(f"{argument} must be from 0 to 180 deg, got {np.atleast_1d(angle)[bad[0]]}{where}")
    return [float(value) for value in np.broadcast_to(values, n_bins)]


@for_the_call
def planes_after(
    operation: Operation,
    planes: Sequence[RangeSet],
    energy: EnergyAxis | None,
    width: Width | None,
    *,
    n_steps: int | None = None,
    connectivity: int = 8,
    n_threads: int | None = None,
    progress: bool = False,
) -> list[RangeSet]:
    """Apply an operation to each plane, by a width or by steps. Equal planes with equal widths are processed once.

    Parameters
    ----------
    operation : str
        "dilate", "erode", "opening" or "closing"; or "inner", "outer" or "both", a strip along the edge.
    planes : sequence of RangeSet
        The planes, one per energy bin.
    energy : EnergyAxis or None
        The energy bins.
    width : `~astropy.units.Quantity`, str, callable or None
        See `angles_of`.
    n_steps : int, optional
        Number of steps, instead of `width`.
    connectivity : {8, 4}, optional
        Neighbours of a step: those that share an edge or a corner (8), or an edge (4).
    n_threads : int, optional
        Number of threads.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    list of RangeSet
        The planes after the operation.

    Raises
    ------
    TypeError, ValueError
        If both or neither of `width` and `n_steps` are given, or one of them is invalid.
    """
    if (width is None) == (n_steps is None):
        raise ValueError("either width or steps must be given" + ("" if width is None else ", not both"))
    threads, progress = thread_count(n_threads), as_flag(progress, "progress")
    angles = [0.0] * len(planes) if width is None else angles_of(width, energy)
    done: dict[tuple[int, float], RangeSet] = {}
    for plane, angle in zip(planes, angles, strict=True):
        if (id(plane), angle) in done:
            continue
        if n_steps is not None:
            dilated, eroded = (
                partial(operate, steps=n_steps, connectivity=connectivity, n_threads=threads, progress=progress)
                for operate in (dilate_steps, erode_steps)
            )
        else:
            dilated = partial(dilate, angle=angle, n_threads=threads, progress=progress)
            eroded = partial(erode, angle=angle, n_threads=threads, progress=progress)
        done[id(plane), angle] = _OPERATIONS[operation](plane, dilated, eroded)
    return [done[id(plane), angle] for plane, angle in zip(planes, angles, strict=True)]


@dataclass
class _Dilation:
    """The parameters of one dilation, and its stages."""

    order: int
    angle: float
    n_threads: int
    progress: bool

    def of(self, plane: RangeSet) -> RangeSet:
        """The dilation of a set, from its own runs or from those of its complement, whichever are fewer."""
        if self.angle == 0 or not plane or plane.is_full:
            return plane
        if self.angle >= np.pi:
            return RangeSet.full(self.order)
        rest = ~plane
        rows, rows_outside = count_rows(plane), count_rows(rest)
        self._check_size(min(rows, rows_outside))
        if rows <= rows_outside:
            sources = runs_of(plane, n_threads=self.n_threads)
            reached, sure = self._reached(sources, plane)
            dilated = self._set_of(reached)
            # Sources that add nothing may have been left out, so the set itself is added again.
            return dilated | sure | plane if sure else dilated
        outside = runs_of(rest, n_threads=self.n_threads)
        sources = fringe(outside, self.order)
        reached, sure = self._reached(sources, None)
        return ~(self._set_of(difference_of(outside, reached)) - sure)

    def _reached(self, sources: Runs, plane: RangeSet | None) -> tuple[Runs, RangeSet]:
        """The cells that some runs (those of `plane`, if it is given) reach: as runs and as a set, to be united."""
        sure = RangeSet.empty(self.order)
        if self.angle > _WIDE * healpix.cell_radius(self.order):
            plane = self._set_of(sources) if plane is None else plane
            near, sure = self._settled(plane)
            if near is not plane:
                sources = runs_of(near, n_threads=self.n_threads)
        return self._swept(sources), sure

    def _settled(self, plane: RangeSet) -> tuple[RangeSet, RangeSet]:
        """The part of a set that must be treated cell by cell, and the cells that the set certainly reaches.

        Both follow from large cells: the distance between the centres of two of them differs from the distance
        between the centres of cells in them by no more than the sum of their radii.
        """
        order = self.order
        while order > 0 and self.angle > _COARSE * healpix.cell_radius(order):
            order -= 1
        error = 2 * healpix.cell_radius(order)
        large = plane.at_order(order, mode="overlap")
        sure = self._coarse(large, self.angle - error)
        undecided = self._coarse(large, self.angle + error) - sure
        # If nearly all cells are undecided, it is not worth while to find the sources that matter to them.
        if undecided.n_ranges < plane.n_ranges // 4:
            plane = plane & self._coarse(undecided, self.angle + error)
        return plane, sure.at_order(self.order)

    def _coarse(self, plane: RangeSet, angle: float) -> RangeSet:
        return dilate(plane, angle, n_threads=self.n_threads)

    def _swept(self, sources: Runs) -> Runs:
        """The runs that some runs reach, by sweeps over the rings from north to south and from south to north."""
        if sources.size == 0:
            return sources
        bits = self.order + 3
        bands = list(self._bands(int(sources[0]) >> bits, int(sources[-1]) >> bits))
        mirror_image = mirrored(sources, self.order)
        done = np.zeros(2 * len(bands), dtype=np.int64)
        n_rings = 4 << self.order
        jobs = []
        for k, (first, last) in enumerate(bands):
            jobs.append((sources, first, last, done[2 * k :]))
            jobs.append((mirror_image, n_rings - last, n_rings - first, done[2 * k + 1 :]))
        total = 2 * sum(last - first + 1 for first, last in bands)
        with watched(lambda: int(done.sum()), total=total, what="dilation", shown=self.progress):
            results = list(thread_map(lambda job: self._sweep(*job), jobs, self.n_threads))
        # Bands are processed in order, the mirrored ones from the last to the first.
        down = np.concatenate(results[0::2])
        up = np.concatenate(results[-1::-2])
        return union_of(down, mirrored(up, self.order))

    def _sweep(self, sources: Runs, first: int, last: int, done: NDArray[np.int64]) -> Runs:
        return np.asarray(_kernel.southward(sources, self.order, self.angle, first, last, done))

    def _bands(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """First and last ring of each part that one thread sweeps, out of all rings that can be reached."""
        reach = int(self.angle / _RING_STEP * (1 << self.order)) + 2
        first, last = max(1, first - reach), min((4 << self.order) - 1, last + reach)
        # Each band begins with the rings within reach of it, which is additional work.
        count = max(1, min(self.n_threads // 2, (last - first + 1) // (4 * reach)))
        cuts = np.linspace(first, last + 1, count + 1).astype(int)
        for a, b in pairwise(cuts):
            yield int(a), int(b) - 1

    def _set_of(self, runs: Runs) -> RangeSet:
        return set_of(runs, self.order, n_threads=self.n_threads)

    def _check_size(self, rows: int) -> None:
        rows += int(2 * self.angle / _RING_STEP * (1 << self.order))
        if rows > _MOST_ROWS:
            raise ValueError(
                f"order {self.order} is too fine for a dilation by {np.degrees(self.angle):.4g} deg: it would take "
                f"about {rows:.1e} rows of cells ({rows * 16e-9:.0f} GB)"
            )
