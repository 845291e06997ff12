"""The search for an exclusion mask in the data of a survey: significant emission, and the background outside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._utils.arguments import as_count, as_flag
from hpmask._utils.parallel import for_the_call
from hpmask._utils.progress import track
from hpmask._utils.warn import warn
from hpmask._utils.words import counted
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet, cells_in
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.morphology.dilation import Width, angles_of, planes_after
from hpmask.values.criterion import Criterion
from hpmask.values.excess import Significance, check_counts, filled, known_background, on_cells_of, with_exposure
from hpmask.values.in_discs import nested_numbers
from hpmask.values.threshold import planes_of

__all__ = ["Exclusion", "find_exclusion"]

Floats = NDArray[np.float64]
Levels: TypeAlias = float | Sequence[float] | NDArray[Any]


@dataclass(frozen=True, eq=False)
class Exclusion:
    """An exclusion mask and how it was found. `find_exclusion` makes it.

    Attributes
    ----------
    mask : Mask
        The exclusion mask: True where the sky is kept. It has energy bins if each bin was searched on its own.
    significance : Significance
        Counts, renormalised background, excess and sqrt(TS) over a disc around each cell, per energy bin.
    normalisation : float or numpy.ndarray of float, shape (n_bins,)
        Factor of the background in each energy bin, from the counts outside the mask. It is 0 in a bin without counts
        outside the mask.
    history : `~astropy.table.Table`
        A row for each iteration: `iteration` (from 1), `normalisation` at its beginning, and `n_cells` and `area` of
        the excluded sky at its end, in cells of the map and in deg2. Columns have one value per energy bin if the
        quantity does.
    converged : bool
        Whether the last iteration did not change the mask.
    """

    mask: MaskValue
    significance: Significance
    normalisation: float | Floats
    history: Table
    converged: bool

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"<Exclusion | {state} after {counted(len(self.history), 'iteration')} | {self.mask!r}>"


@for_the_call
def find_exclusion(
    counts: HealpixMap,
    background: HealpixMap,
    radius: Width,
    *,
    low: Levels = 3.0,
    high: Levels = 5.0,
    dilate: Width | None = None,
    connectivity: int = 8,
    within: MaskValue | None = None,
    per_bin: bool = False,
    max_iter: int = 20,
    n_threads: int | None = None,
    progress: bool = False,
) -> Exclusion:
    """Find an exclusion mask: the sky without significant emission, where the background can be normalised.

    An emission that is not known adds to the counts that normalise the background, and a background that is too high
    hides emission. The search therefore repeats four steps, from a mask that excludes nothing:

    1. The background of each energy bin is multiplied by the ratio of the counts to the background in all cells
       outside the mask.
    2. `sqrt_ts` is the significance of the counts in a disc around each cell, by `hpmask.values.cash_sqrt_ts`.
    3. The region of significant emission consists of the cells above `low` that are connected to a cell above `high`
       (hysteresis). It is dilated by `dilate`.
    4. The region is added to the excluded sky.

    The search ends when an iteration excludes no further cell. Cells stay excluded, so that it always ends. The disc
    around a cell includes the counts of excluded cells: the mask acts on the normalisation alone, and the significance
    of a source does not depend on its own exclusion.

    This is how the exclusion masks of surveys by H.E.S.S. and HAWC are made.

    Parameters
    ----------
    counts : HealpixMap
        Number of counts in each cell, with or without energy bins, such as from `hpmask.values.counts_map`. Cells that
        the map lacks have no counts.
    background : HealpixMap
        Expected number of background counts in each cell. It needs the right shape in each energy bin, and any
        normalisation. Its frame, order and energy bins must be those of `counts`.
    radius : `~astropy.units.Quantity`, str or callable
        Radius of the discs, from 0 to 180 deg: an angle, one for each energy bin (shape (n_bins,)), or a function of
        the energy axis.
    low, high : float or array_like of shape (n_bins,), optional
        Thresholds of the significance. With `per_bin`, there may be one for each bin.
    dilate : `~astropy.units.Quantity`, str or callable, optional
        Angle by which the region is dilated. With `per_bin`, there may be one for each bin.
    connectivity : {8, 4}, optional
        Which cells are connected: those that share an edge or a corner (8), or an edge (4).
    within : Mask, optional
        The cells with exposure. By default, these are the cells whose background is above 0. Other cells are ignored,
        and are not excluded, unless they are within `dilate` of a region.
    per_bin : bool, optional
        Whether each energy bin has its own region. By default, there is one for all energies: counts and background
        are summed over the bins before the significance is calculated, each bin with its own radius and normalisation.
    max_iter : int, optional
        Largest number of iterations.
    n_threads : int, optional
        Number of threads. The result does not depend on it.
    progress : bool, optional
        Show progress bars.

    Returns
    -------
    Exclusion
        The mask (True where the sky is kept), the maps, the normalisation and the history of the search.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid, the maps do not belong together, or no background is left outside the mask.

    Warns
    -----
    UserWarning
        If the mask still changes after `max_iter` iterations.

    References
    ----------
    H.E.S.S. Collaboration, Abdalla, H., et al. 2018, A&A 612, A1, section 3 (the H.E.S.S. Galactic plane survey); Cash,
    W. 1979, ApJ 228, 939.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> import hpmask
    >>> rng = np.random.default_rng(1)
    >>> source = SkyCoord(83.6, 22.0, unit="deg")
    >>> expected = np.full(12 * 4**6, 5.0)
    >>> near = hpmask.Mask.from_cones(source, "2 deg", order=6).to_healpix(nest=True)
    >>> counts = hpmask.HealpixMap(rng.poisson(expected + 20 * near), nest=True, frame="icrs")
    >>> background = counts.with_values(0.8 * expected)
    >>> found = hpmask.find_exclusion(counts, background, "1 deg", dilate="0.5 deg")
    >>> found.converged, bool(found.mask.contains(source))
    (True, False)
    >>> print(f"{found.normalisation:.2f}")
    1.25
    """
    check_counts(counts, background, "background")
    per_bin, progress = as_flag(per_bin, "per_bin"), as_flag(progress, "progress")
    max_iter = as_count(max_iter, "max_iter", least=1)
    energy = background.energy if per_bin else None
    criterion = _criterion(low, high, connectivity, energy)
    if dilate is not None:
        angles_of(dilate, energy, argument="dilate", of="the mask" if energy is None else "the map")

    exposed = with_exposure(background, within)
    own_counts = on_cells_of(background, counts, exposed)
    search = _Search(
        counts=own_counts.rows,
        background=np.where(exposed, filled(background), 0),
        exposed=exposed,
        numbers=nested_numbers(background),
        order=background.order,
        has_bins=background.energy is not None,
    )
    maps = known_background(own_counts, background, exposed, radius, progress=progress)
    nothing = RangeSet.empty(background.order)
    excluded = [nothing] * (1 if energy is None else energy.n_bins)
    rows: list[tuple[Any, ...]] = []
    converged = False
    for _ in track(range(max_iter), total=max_iter, what="exclusion", shown=progress):
        factors = search.normalisation(excluded)
        scaled = maps.scaled(factors)
        region = _region(scaled if per_bin else scaled.summed(), criterion, energy, dilate)
        grown = [a | b for a, b in zip(excluded, region, strict=True)]
        rows.append((factors, [plane.n_cells for plane in grown], [plane.sky_fraction for plane in grown]))
        converged = grown == excluded
        excluded = grown
        if converged:
            break
    else:
        factors = search.normalisation(excluded)
        scaled = maps.scaled(factors)
        warn(f"the exclusion mask still changes after {counted(max_iter, 'iteration')}: give a larger max_iter")
    parts = [_text(radius), f"low={_numbers_text(low)}, high={_numbers_text(high)}"]
    parts += [] if dilate is None else [f"dilate={_text(dilate)}"]
    parts += [] if criterion.corners else ["connectivity=4"]
    parts += [counted(len(rows), "iteration")]
    mask = new_mask(
        [~plane for plane in excluded],
        order=background.order,
        frame=background.frame,
        energy=energy,
        history=f"find_exclusion({', '.join(parts)})",
    )
    flat = background.energy is None
    return Exclusion(
        mask,
        scaled,
        float(factors[0]) if flat else factors,
        _table(rows, one_bin=flat, one_plane=energy is None),
        converged,
    )


@dataclass(frozen=True)
class _Search:
    """The cells of the maps, with values of shape (n_bins, n_cells)."""

    counts: NDArray[Any]
    background: Floats
    exposed: NDArray[np.bool_]
    numbers: NDArray[np.uint64]
    order: int
    has_bins: bool

    def normalisation(self, excluded: list[RangeSet]) -> Floats:
        """The ratio of counts and background outside the excluded sky, shape (n_bins,)."""
        outside = {id(plane): ~cells_in(plane, self.numbers, self.order) for plane in excluded}
        factors = np.empty(len(self.counts))
        for k in range(len(factors)):
            kept = self.exposed[k] & outside[id(excluded[k if len(excluded) > 1 else 0])]
            expected = self.background[k].sum(where=kept)
            if not expected > 0:
                in_bin = f" in bin {k}" if self.has_bins else ""
                if not (self.background[k] > 0).any():
                    raise ValueError(f"background must be above 0 in some cells with exposure{in_bin}")
                raise ValueError(
                    f"the exclusion mask covers all sky with background{in_bin}, which cannot be normalised: give "
                    "larger low and high, or a smaller dilate"
                )
            factors[k] = self.counts[k].sum(where=kept) / expected
        return factors


def _region(
    maps: Significance, criterion: Criterion, energy: EnergyAxis | None, dilate: Width | None
) -> list[RangeSet]:
    """The region of significant emission in each bin, dilated."""
    planes = planes_of(maps.sqrt_ts, criterion, nan="exclude", energy=energy)
    return planes if dilate is None else planes_after("dilate", planes, energy, dilate)


def _criterion(low: Levels, high: Levels, connectivity: int, energy: EnergyAxis | None) -> Criterion:
    if low is None or high is None:
        raise TypeError("low and high must be numbers, got None")
    criterion = Criterion.of(low=low, high=high, connectivity=connectivity)
    assert criterion is not None
    if criterion.has_bins:
        if energy is None:
            raise ValueError(
                "low and high must be numbers: with per_bin=True, they may have a value for each energy bin"
            )
        criterion.check_bins(energy.n_bins)
    return criterion


def _table(rows: list[tuple[Any, ...]], *, one_bin: bool, one_plane: bool) -> Table:
    """The history of a search."""
    factors, n_cells, fractions = (np.array(column) for column in zip(*rows, strict=True))
    area = (fractions * 4 * np.pi * u.sr).to(u.deg**2)
    return Table(
        {
            "iteration": np.arange(1, len(rows) + 1),
            "normalisation": factors[:, 0] if one_bin else factors,
            "n_cells": n_cells[:, 0] if one_plane else n_cells,
            "area": area[:, 0] if one_plane else area,
        }
    )


def _numbers_text(value: Levels) -> str:
    """A threshold, or one for each bin, as the history gives it."""
    numbers = np.asarray(value)
    return f"{numbers:g}" if not numbers.ndim else f"[{', '.join(f'{number:g}' for number in numbers)}]"


def _text(angle: Width) -> str:
    """An angle as the history gives it."""
    if callable(angle):
        return "angle(energy)"
    quantity = u.Quantity(angle)
    return f"{quantity:g}" if quantity.isscalar else f"{quantity.size} angles"
