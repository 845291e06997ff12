"""Masks from functions of position and energy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER, as_flag, check_order, unmasked
from hpmask._utils.progress import track
from hpmask.core.full_maps import set_of_cells
from hpmask.core.rangeset import RangeSet, cells_in
from hpmask.core.value import MaskValue, new_mask, planes_within
from hpmask.energy.axis import EnergyAxis, check_axis, summary
from hpmask.geometry import healpix
from hpmask.geometry.frames import check_frame

__all__ = ["from_function"]

Function = Callable[..., Any]
Cells = NDArray[np.uint64]

# Cells in one call of the function.
_CHUNK = 1 << 17
# More cells than this are not evaluated one by one: they would take hours.
_MOST = 12 << 30


def from_function(
    func: Function,
    *,
    order: int,
    refine_from: int | None = None,
    within: MaskValue | None = None,
    energy: EnergyAxis | None = None,
    frame: str = "icrs",
    progress: bool = False,
) -> MaskValue:
    """See `hpmask.Mask.from_function`."""
    if not callable(func):
        raise TypeError(f"func must be a function of a SkyCoord, got {type(func).__name__}")
    order, frame, progress = check_order(order), check_frame(frame), as_flag(progress, "progress")
    if energy is not None:
        check_axis(energy)
    if refine_from is not None and check_order(refine_from, "refine_from") > order:
        raise ValueError(f"refine_from must be at most the order, {order}, got {refine_from}")
    n_bins = 1 if energy is None else energy.n_bins
    limits = [RangeSet.full(order)] * n_bins
    if within is not None:
        limits = planes_within(within, order=order, frame=frame, energy=energy)
    asked = _Asked(func, frame, energy, RangeSet.union_all(limits), progress)
    start = order if refine_from is None else refine_from
    planes = asked.everywhere(start)
    if start < order:
        planes = asked.refined(planes, start, order)
    if within is not None:
        planes = [plane & limit for plane, limit in zip(planes, limits, strict=True)]
    refined = "" if refine_from is None else f", refine_from={refine_from}"
    bins = "" if energy is None else f", {summary(energy)}"
    name = getattr(func, "__name__", type(func).__name__)
    history = f"from_function({name}, order={order}{refined}{bins})"
    return new_mask(planes, order=order, frame=frame, energy=energy, history=history)


class _Asked:
    """A function on cells, in a domain."""

    def __init__(self, func: Function, frame: str, energy: EnergyAxis | None, domain: RangeSet, progress: bool) -> None:
        self.func, self.frame, self.domain, self.progress = func, frame, domain, progress
        # The domain at coarser orders.
        self._domains: dict[int, RangeSet] = {}
        self.energy = energy
        self.n_bins = 1 if energy is None else energy.n_bins
        self.center = None if energy is None else energy.center[:, np.newaxis]

    def values(self, cells: Cells, order: int) -> NDArray[np.bool_]:
        """The function at the centres of cells, shape (n_bins, n)."""
        values = np.empty((self.n_bins, cells.size), dtype=np.bool_)
        for start in range(0, cells.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            values[:, part] = self._chunk(cells[part], order)
        return values

    def _chunk(self, cells: Cells, order: int) -> NDArray[np.bool_]:
        lon, lat = healpix.centres(cells, order)
        coord = SkyCoord(lon * u.rad, lat * u.rad, frame=self.frame)
        found = self.func(coord) if self.center is None else self.func(coord, self.center)
        result = np.asarray(unmasked(found, "the result of func"))
        if result.dtype != np.bool_:
            raise TypeError(f"func must return booleans, got {result.dtype}")
        shape = (cells.size,) if self.center is None else (self.n_bins, cells.size)
        try:
            return np.broadcast_to(result, shape)
        except ValueError:
            raise ValueError(
                f"func must return an array of shape {shape} for positions of shape ({cells.size},)"
                f"{'' if self.center is None else f' and energies of shape ({self.n_bins}, 1)'}, got {result.shape}"
            ) from None

    def everywhere(self, order: int) -> list[RangeSet]:
        """The sets of the cells of an order, as far as they share sky with the domain, at whose centres it is true."""
        domain = self.domain.at_order(order, mode="overlap")
        if domain.n_cells > _MOST:
            raise ValueError(
                f"func would be called for {domain.n_cells:.2g} cells: give refine_from= to evaluate only cells near "
                "changes, or within= for a part of the sky"
            )
        parts: list[list[RangeSet]] = [[] for _ in range(self.n_bins)]
        total = -(-domain.n_cells // _CHUNK)
        for cells in track(_chunks(domain), total=total, what="Evaluating", shown=self.progress):
            for found, kept in zip(parts, self.values(cells, order), strict=True):
                found.append(set_of_cells(cells[kept], order))
        return [RangeSet.union_all(found).at_order(order) for found in parts]

    def refined(self, planes: list[RangeSet], start: int, order: int) -> list[RangeSet]:
        """The sets at a finer order, from those at order `start`: cells are divided where the function changes.

        The cells of each order that are next to a cell with another value are divided into four, and the function is
        evaluated at the centres of these. Where one of them differs from a larger neighbour, the cell of its own size
        in that neighbour is evaluated too, and so on. The edge is thus followed to cells that looked uniform before.
        """
        levels = range(start, order + 1)
        cells = self.domain.at_order(start, mode="overlap").cells()
        for level in track(levels, total=len(levels), what="Refining", shown=self.progress):
            if level > start:
                cells = _children(cells)
                cells = cells[self._in_domain(cells, level)]
                planes = self._replaced(planes, cells, level)
            planes, cells = self._followed(planes, cells, level)
        return planes

    def _followed(self, planes: list[RangeSet], cells: Cells, order: int) -> tuple[list[RangeSet], Cells]:
        """Follow the edges from cells that were evaluated, and return the cells on both sides of all edges."""
        edge, known, news = np.empty(0, dtype=np.uint64), cells, cells
        while news.size:
            beside = []
            for start in range(0, news.size, _CHUNK):
                beside.append(self._beside_edges(planes, news[start : start + _CHUNK], order))
            differing = np.unique(np.concatenate(beside))
            edge = np.union1d(edge, differing)
            news = np.setdiff1d(differing, known, assume_unique=True)
            known = np.union1d(known, news)
            planes = self._replaced(planes, news, order)
        return planes, edge

    def _beside_edges(self, planes: list[RangeSet], cells: Cells, order: int) -> Cells:
        """Cells that have another value than one of their neighbours, and these neighbours."""
        around = healpix.neighbours(cells, order)
        valid = around >= 0
        others = np.where(valid, around, 0).astype(np.uint64)
        valid &= self._in_domain(others.ravel(), order).reshape(others.shape)
        differs = np.zeros(others.shape, dtype=np.bool_)
        for plane in {id(plane): plane for plane in planes}.values():
            differs |= cells_in(plane, others.ravel(), order).reshape(others.shape) != cells_in(plane, cells, order)
        differs &= valid
        return np.concatenate([cells[differs.any(axis=0)], others[differs]])

    def _replaced(self, planes: list[RangeSet], cells: Cells, order: int) -> list[RangeSet]:
        """The sets with the values of the function in these cells, which ascend."""
        if not cells.size:
            return [plane.at_order(order) for plane in planes]
        region = set_of_cells(cells, order)
        return [
            plane - region | set_of_cells(cells[kept], order)
            for plane, kept in zip(planes, self.values(cells, order), strict=True)
        ]

    def _in_domain(self, cells: Cells, order: int) -> NDArray[np.bool_]:
        """Which cells share sky with the domain."""
        if self.domain.is_full:
            return np.ones(cells.size, dtype=np.bool_)
        if order not in self._domains:
            self._domains[order] = self.domain.at_order(order, mode="overlap")
        return cells_in(self._domains[order], cells, order)


def _children(cells: Cells) -> Cells:
    return ((cells[:, np.newaxis] << np.uint64(2)) + np.array([0, 1, 2, 3], dtype=np.uint64)).ravel()


def _chunks(plane: RangeSet) -> Iterator[Cells]:
    """The cells of a set, ascending, a limited number at a time."""
    shift = np.uint64(2 * (MAX_ORDER - plane.order))
    pairs = (plane.ranges >> shift).astype(np.int64)
    # How many cells lie before each range, and the ranges that each piece reaches into.
    before = np.append(0, np.cumsum(pairs[:, 1] - pairs[:, 0]))
    for first in range(0, int(before[-1]), _CHUNK):
        last = min(first + _CHUNK, int(before[-1]))
        i, j = np.searchsorted(before, first, side="right") - 1, np.searchsorted(before, last, side="left")
        offsets = np.repeat(pairs[i:j, 0] - before[i:j], np.diff(np.clip(before[i : j + 1], first, last)))
        yield (offsets + np.arange(first, last)).astype(np.uint64)
