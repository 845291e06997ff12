"""Growing and shrinking sets of cells, by an angle from centre to centre of the cells or by steps to neighbours.

Only cells at an edge matter: the nearest cell of a set to a place outside it always has a neighbour outside. So what
a set leaves of itself when it shrinks is what the cells just outside it do not reach, and a set that is nearly the
whole sky grows as its complement shrinks.
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
from hpmask.energy.units import per_bin
from hpmask.geometry import healpix
from hpmask.morphology.neighbours import dilate_steps, erode_steps
from hpmask.morphology.ring_runs import Runs, count_rows, fringe, mirrored, runs_of, set_of

__all__ = ["Operation", "Width", "angles_of", "dilate", "erode", "planes_after"]

Width: TypeAlias = u.Quantity | str | Callable[[EnergyAxis], u.Quantity]
Operation: TypeAlias = Literal["dilate", "erode", "opening", "closing", "inner", "outer", "both"]
_Change: TypeAlias = Callable[[RangeSet], RangeSet]

# What growing and shrinking make of a plane; the last three are strips along its edge.
_OPERATIONS: dict[Operation, Callable[[RangeSet, _Change, _Change], RangeSet]] = {
    "dilate": lambda plane, grow, shrink: grow(plane),
    "erode": lambda plane, grow, shrink: shrink(plane),
    "opening": lambda plane, grow, shrink: grow(shrink(plane)),
    "closing": lambda plane, grow, shrink: shrink(grow(plane)),
    "inner": lambda plane, grow, shrink: plane - shrink(plane),
    "outer": lambda plane, grow, shrink: grow(plane) - plane,
    "both": lambda plane, grow, shrink: grow(plane) - shrink(plane),
}

# A wider angle than so many cells is first settled in larger cells, of which it spans at most so many.
_WIDE, _COARSE = 256, 32
# Rings lie at least so many radians apart, times nside.
_RING_STEP = 2 / 3
# 32 GB of runs
_MOST_ROWS = 2_000_000_000


def dilate(plane: RangeSet, angle: float, *, n_threads: int = 1, progress: bool = False) -> RangeSet:
    """The cells whose centre lies within an angle of the centre of a cell of a set.

    Parameters
    ----------
    plane : RangeSet
        The set.
    angle : float
        Radians, 0 or more.
    n_threads : int, optional
        Threads to use. The result does not depend on it.
    progress : bool, optional
        Show a progress bar.

    Raises
    ------
    ValueError
        If the order is so fine that the result cannot be held in memory.
    """
    return _Growth(plane.order, angle, n_threads, progress).dilated(plane)


def erode(plane: RangeSet, angle: float, *, n_threads: int = 1, progress: bool = False) -> RangeSet:
    """The cells of a set whose centre lies farther than an angle from the centre of any other cell.

    ``erode(plane, angle) == ~dilate(~plane, angle)``. Parameters as in `dilate`.
    """
    return ~_Growth(plane.order, angle, n_threads, progress).dilated(~plane)


def angles_of(width: Width, energy: EnergyAxis | None) -> list[float]:
    """Widths in radians: one for each energy bin, or a single one where there are no bins.

    Raises
    ------
    TypeError, ValueError
        If `width` is no angle from 0 to 180 deg, or the number of its values is not that of the bins.
    """
    angle = as_angle(per_bin(width, energy, "width"), "width")
    values = np.asarray(angle.to_value(u.rad), dtype=np.float64)
    n_bins = 1 if energy is None else energy.n_bins
    if values.ndim and values.shape != (n_bins,):
        bins = "the mask has no energy bins" if energy is None else f"the mask has {n_bins} energy bins"
        raise ValueError(f"width has shape {values.shape}, but {bins}")
    # 180 deg in other units may come out a bit above pi.
    bad = np.flatnonzero(~((values >= 0) & (values <= np.pi * (1 + 1e-12))))
    if bad.size:
        where = f" in bin {bad[0]}" if values.ndim else ""
        raise ValueError(f"width must be from 0 to 180 deg, got {np.atleast_1d(angle)[bad[0]]}{where}")
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
    """Planes after an operation by a width (an angle, one per bin or a function of the bins) or by steps.

    Equal planes with equal widths are worked out once.

    Raises
    ------
    TypeError, ValueError
        If both or neither of `width` and `n_steps` are given, or one of them is not what it should be.
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
            grow = partial(dilate_steps, steps=n_steps, connectivity=connectivity, n_threads=threads)
            shrink = partial(erode_steps, steps=n_steps, connectivity=connectivity, n_threads=threads)
        else:
            grow = partial(dilate, angle=angle, n_threads=threads, progress=progress)
            shrink = partial(erode, angle=angle, n_threads=threads, progress=progress)
        done[id(plane), angle] = _OPERATIONS[operation](plane, grow, shrink)
    return [done[id(plane), angle] for plane, angle in zip(planes, angles, strict=True)]


@dataclass
class _Growth:
    """One dilation: what its steps have in common."""

    order: int
    angle: float
    n_threads: int
    progress: bool

    def dilated(self, plane: RangeSet) -> RangeSet:
        if self.angle == 0 or not plane or plane.sky_fraction == 1:
            return plane
        if self.angle >= np.pi:
            return RangeSet.full(self.order)
        rest = ~plane
        rows, rows_outside = count_rows(plane), count_rows(rest)
        self._check_size(min(rows, rows_outside))
        if rows <= rows_outside:
            sources = runs_of(plane, n_threads=self.n_threads)
            reached, sure = self._reached(sources, plane)
            grown = self._set_of(reached)
            # Of what reaches nothing new, not all is among the runs.
            return grown | sure | plane if sure else grown
        outside = runs_of(rest, n_threads=self.n_threads)
        sources = fringe(outside, self.order)
        reached, sure = self._reached(sources, None)
        return ~(self._set_of(difference_of(outside, reached)) - sure)

    def _reached(self, sources: Runs, plane: RangeSet | None) -> tuple[Runs, RangeSet]:
        """Runs and a set that together are what some runs (the runs of `plane`) reach."""
        sure = RangeSet.empty(self.order)
        if self.angle > _WIDE * healpix.cell_radius(self.order):
            plane = self._set_of(sources) if plane is None else plane
            near, sure = self._settled(plane)
            if near is not plane:
                sources = runs_of(near, n_threads=self.n_threads)
        return self._swept(sources), sure

    def _settled(self, plane: RangeSet) -> tuple[RangeSet, RangeSet]:
        """The part of a set that must be looked at cell by cell, and what the set reaches for sure.

        Both in large cells: from centre to centre they err by no more than the sum of the two cells' radii.
        """
        order = self.order
        while order > 0 and self.angle > _COARSE * healpix.cell_radius(order):
            order -= 1
        error = 2 * healpix.cell_radius(order)
        large = plane.at_order(order, mode="overlap")
        sure = self._coarse(large, self.angle - error)
        open_ = self._coarse(large, self.angle + error) - sure
        # Where nearly every place is open, finding what matters to it costs more than it saves.
        if open_.n_ranges < plane.n_ranges // 4:
            plane = plane & self._coarse(open_, self.angle + error)
        return plane, sure.at_order(self.order)

    def _coarse(self, plane: RangeSet, angle: float) -> RangeSet:
        return dilate(plane, angle, n_threads=self.n_threads)

    def _swept(self, sources: Runs) -> Runs:
        """What some runs reach, by sweeps over the rings from north to south and from south to north."""
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
        # Bands follow on each other; the mirrored ones from the last to the first.
        down = np.concatenate(results[0::2])
        up = np.concatenate(results[-1::-2])
        return union_of(down, mirrored(up, self.order))

    def _sweep(self, sources: Runs, first: int, last: int, done: NDArray[np.int64]) -> Runs:
        return np.asarray(_kernel.southward(sources, self.order, self.angle, first, last, done))

    def _bands(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Rings to be swept on one thread, from the first to the last that can be reached."""
        reach = int(self.angle / _RING_STEP * (1 << self.order)) + 2
        first, last = max(1, first - reach), min((4 << self.order) - 1, last + reach)
        # Each band begins with the rings that it sees, which is lost work.
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
                f"order {self.order} is too fine to grow by {np.degrees(self.angle):.4g} deg: about {rows:.1e} rows of "
                f"cells ({rows * 16e-9:.0f} GB)"
            )
