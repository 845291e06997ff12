"""Excess counts and their significance over discs around cells: the statistics of Cash and of Li & Ma."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike, NDArray

from hpmask._kernels import counts_statistics as _kernel
from hpmask._utils.arguments import unmasked
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.words import shown
from hpmask.core.healpix_map import HealpixMap, is_missing
from hpmask.core.rangeset import cells_in
from hpmask.core.value import MaskValue, planes_within
from hpmask.geometry import healpix
from hpmask.morphology.dilation import Width
from hpmask.values.in_discs import check_one_order, disc_sums, nested_numbers
from hpmask.values.sky_tables import densities

__all__ = [
    "Significance",
    "cash_sqrt_ts",
    "check_counts",
    "filled",
    "known_background",
    "li_ma_sqrt_ts",
    "on_cells_of",
    "significance",
    "with_exposure",
]

Floats = NDArray[np.float64]

# Values in one step of a thread.
_CHUNK = 1 << 16


# ---------------------------------------------------------------------- statistics


def cash_sqrt_ts(counts: ArrayLike, background: ArrayLike, *, n_threads: int | None = None) -> Any:
    r"""Return the significance of counts over a known background, in standard deviations.

    It is the square root of the likelihood ratio of a source of the best strength and no source, with the sign of the
    excess,

    .. math:: \mathrm{TS} = 2 \left( n \ln \frac{n}{\mu} + \mu - n \right)

    for *n* counts and an expected background *μ* (Cash 1979). It equals the `sqrt_ts` of gammapy's
    ``CashCountsStatistic(counts, background)``, and is precise also if the excess is small.

    Parameters
    ----------
    counts : array_like
        Number of counts, 0 or more; NaN for no value.
    background : array_like
        Expected number of background counts, 0 or more; NaN for no value. A background below 1e-25 counts as 1e-25, as
        in gammapy, so that the significance is finite.
    n_threads : int, optional
        Number of threads.

    Returns
    -------
    float or numpy.ndarray of float, shape of `counts` and `background` together
        The significance, negative if there are fewer counts than expected. NaN where an argument is NaN.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numbers or has a unit, is negative, infinite or masked, or the shapes do not match.

    References
    ----------
    Cash, W. 1979, ApJ 228, 939.

    Examples
    --------
    >>> from hpmask.values import cash_sqrt_ts
    >>> cash_sqrt_ts([9, 4, 0], 4.0).round(3)
    array([ 2.144,  0.   , -2.828])
    """
    n, mu = _numbers(counts, "counts"), _numbers(background, "background")
    return _in_chunks(_kernel.cash, (n, mu), ("counts", "background"), n_threads)


def li_ma_sqrt_ts(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike, *, n_threads: int | None = None) -> Any:
    r"""Return the significance of counts over a background measured elsewhere, in standard deviations.

    It is equation 17 of Li & Ma (1983) with the sign of the excess :math:`n_\mathrm{on} - \alpha n_\mathrm{off}`,

    .. math::
        \mathrm{TS} = 2 \left[ n_\mathrm{on} \ln \left( \frac{1 + \alpha}{\alpha}
        \frac{n_\mathrm{on}}{n_\mathrm{on} + n_\mathrm{off}} \right) + n_\mathrm{off} \ln \left( (1 + \alpha)
        \frac{n_\mathrm{off}}{n_\mathrm{on} + n_\mathrm{off}} \right) \right]

    It equals the `sqrt_ts` of gammapy's ``WStatCountsStatistic(n_on, n_off, alpha)``, and is precise also if the excess
    is small.

    Parameters
    ----------
    n_on, n_off : array_like
        Number of counts in the on and off regions, 0 or more; NaN for no value.
    alpha : array_like
        Ratio of the exposures of the on and off regions, above 0; NaN for no value.
    n_threads : int, optional
        Number of threads.

    Returns
    -------
    float or numpy.ndarray of float, shape of the arguments together
        The significance, negative if there are fewer counts than expected. NaN where an argument is NaN.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numbers or has a unit, is negative, infinite or masked, `alpha` is 0, or the shapes do not
        match.

    References
    ----------
    Li, T.-P. & Ma, Y.-Q. 1983, ApJ 272, 317.

    Examples
    --------
    >>> from hpmask.values import li_ma_sqrt_ts
    >>> li_ma_sqrt_ts(20, 50, 0.2).round(3)
    np.float64(2.479)
    """
    values = (_numbers(n_on, "n_on"), _numbers(n_off, "n_off"), _numbers(alpha, "alpha", positive=True))
    return _in_chunks(_kernel.li_ma, values, ("n_on", "n_off", "alpha"), n_threads)


def _numbers(value: ArrayLike, argument: str, *, positive: bool = False) -> Floats:
    """Numbers of counts, checked: 0 or more, or with `positive` above 0."""
    unit = getattr(value, "unit", None)
    if unit is not None and not isinstance(unit, u.UnrecognizedUnit) and u.Unit(unit) not in (u.one, u.ct, u.ph):
        raise ValueError(f"{argument} must be numbers, got the unit {str(unit)!r}")
    array = np.asarray(unmasked(value, argument))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument} must be numbers, got {array.dtype}")
    array = array.astype(np.float64, copy=False)
    bad = np.argwhere((array < 0) | np.isinf(array) | (positive & (array == 0)))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        where = f"value {place[0] if len(place) == 1 else place} is" if place else "got"
        what = "above 0" if positive else "not negative"
        raise ValueError(f"{argument} must be finite and {what}, {where} {array[place]}")
    return array


def _in_chunks(
    function: Callable[..., object], values: tuple[Floats, ...], names: tuple[str, ...], n_threads: int | None
) -> Any:
    """A kernel of arrays, in steps on several threads."""
    threads = thread_count(n_threads)
    try:
        arrays = np.broadcast_arrays(*values)
    except ValueError as error:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in zip(names, values, strict=True))
        raise ValueError(f"the shapes do not match: {shapes}") from error
    shape = arrays[0].shape
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    out = np.empty(flat[0].size)

    def work(start: int) -> None:
        part = slice(start, start + _CHUNK)
        function(*(array[part] for array in flat), out[part])

    for _ in thread_map(work, range(0, out.size, _CHUNK), threads):
        pass
    return out.reshape(shape) if shape else out[0]


# ---------------------------------------------------------------------- maps


@dataclass(frozen=True, eq=False)
class Significance:
    """Counts, background and significance over a disc around each cell. `significance` makes it.

    All maps have the same cells. Cells without exposure have the value NaN.

    Attributes
    ----------
    counts : HealpixMap
        Number of counts in the disc around each cell, per energy bin.
    background : HealpixMap
        Expected number of background counts in the disc.
    n_off : HealpixMap or None
        Number of off counts in the disc. It is None for a known background.
    alpha : HealpixMap or None
        Ratio of the exposures of the on and off counts in the disc. It is None for a known background.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask import HealpixMap
    >>> from hpmask.values import significance
    >>> n = 12 * 4**4
    >>> counts = np.full(n, 2)
    >>> counts[1000] = 40
    >>> sky = HealpixMap(counts, nest=True, frame="icrs")
    >>> found = significance(sky, sky.with_values(np.full(n, 2.0)), "5 deg")
    >>> found
    <Significance | 3072 cells | sqrt(TS) 0 to 8.64>
    >>> int(found.excess.values[1000])
    38
    """

    counts: HealpixMap
    background: HealpixMap
    n_off: HealpixMap | None = None
    alpha: HealpixMap | None = None

    @cached_property
    def excess(self) -> HealpixMap:
        """Counts minus background, of the disc around each cell."""
        return self.counts.with_values(self.counts.values - self.background.values, energy=self.counts.energy)

    @cached_property
    def sqrt_ts(self) -> HealpixMap:
        """Significance of the excess in standard deviations, by `cash_sqrt_ts` or `li_ma_sqrt_ts`."""
        if self.n_off is None or self.alpha is None:
            values = cash_sqrt_ts(self.counts.values, self.background.values)
        else:
            values = li_ma_sqrt_ts(self.counts.values, self.n_off.values, self.alpha.values)
        return self.counts.with_values(values, energy=self.counts.energy)

    def summed(self) -> Significance:
        """Return the significance of all energy bins together.

        Counts and background are summed over the bins before the statistic is evaluated. A bin without exposure at a
        cell contributes nothing.

        Returns
        -------
        Significance
            Without energy bins; the same object if there are none.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis, HealpixMap
        >>> from hpmask.values import significance
        >>> axis = EnergyAxis([1, 2, 4] * u.TeV)
        >>> counts = HealpixMap([[9] * 12, [4] * 12], nest=True, frame="icrs", energy=axis)
        >>> background = counts.with_values([[5] * 12, [5] * 12], energy=axis)
        >>> found = significance(counts, background, "1 deg")
        >>> found.sqrt_ts.values[:, 0].round(2), found.summed().sqrt_ts.values[0].round(2)
        (array([ 1.61, -0.46]), np.float64(0.91))
        """
        if self.counts.energy is None:
            return self
        counts, background = _summed(self.counts), _summed(self.background)
        if self.n_off is None or self.alpha is None:
            return Significance(counts, background)
        n_off = _summed(self.n_off)
        # The ratio of all off counts together: it is that of the expected counts, or the mean where there are none.
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = background.values / n_off.values
        mean = _mean(self.alpha)
        return Significance(counts, background, n_off, n_off.with_values(np.where(n_off.values > 0, ratio, mean)))

    def scaled(self, factors: ArrayLike) -> Significance:
        """Return the significance for a known background that is multiplied by a factor, one for each energy bin.

        Parameters
        ----------
        factors : array_like of float, shape () or (n_bins,)
            The factors.

        Returns
        -------
        Significance
            With the same counts.

        Raises
        ------
        TypeError, ValueError
            If the background is not known but measured, a factor is negative or infinite, or the number of factors is
            not that of the bins.

        Examples
        --------
        >>> from hpmask import HealpixMap
        >>> from hpmask.values import significance
        >>> counts = HealpixMap([9] * 12, nest=True, frame="icrs")
        >>> found = significance(counts, counts.with_values([5] * 12), "1 deg")
        >>> found.scaled(2).background.values[:3]
        array([10., 10., 10.])
        """
        if self.n_off is not None:
            raise ValueError("the background follows from off counts and cannot be multiplied by a factor")
        scale = _numbers(factors, "factors")
        n_bins = len(self.background.rows)
        if scale.ndim and scale.shape != (n_bins,):
            raise ValueError(f"factors must be one number or {n_bins}, one for each energy bin, got {scale.shape}")
        return replace(self, background=_shaped(self.background, self.background.rows * scale.reshape(-1, 1)))

    def __repr__(self) -> str:
        values = self.sqrt_ts.values
        if np.isfinite(values).any():
            span = f"sqrt(TS) {np.nanmin(values):.3g} to {np.nanmax(values):.3g}"
        else:
            span = "no exposure"
        bins = "" if self.counts.energy is None else f"{self.counts.energy.n_bins} bins of "
        return f"<Significance | {bins}{self.counts.n_cells} cells | {span}>"


def significance(
    counts: HealpixMap,
    background: HealpixMap | None,
    radius: Width,
    *,
    off: HealpixMap | None = None,
    alpha: HealpixMap | float | None = None,
    within: MaskValue | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> Significance:
    """Return the significance of the counts in a disc around each cell.

    Counts and background are summed over all cells with exposure whose centre is no farther than `radius` from the
    centre of a cell. The significance follows from the two sums. It is that of Cash for a known `background`, and that
    of Li & Ma for counts `off` and a ratio of exposures `alpha`.

    Parameters
    ----------
    counts : HealpixMap
        Number of counts in each cell. Cells that the map lacks have no counts.
    background : HealpixMap or None
        Expected number of background counts in each cell, or None if `off` and `alpha` are given. The results are on
        the cells of this map. Its energy bins must be those of `counts`.
    radius : `~astropy.units.Quantity`, str or callable
        Radius of the discs, from 0 to 180 deg: an angle, one for each energy bin (shape (n_bins,)), or a function of
        the energy axis.
    off : HealpixMap, optional
        Number of off counts for each cell, such as those of a ring around it, which are independent of those for other
        cells. If the same off events count for several cells of a disc, as in a ring background, give the expected
        counts as `background` instead: the significance would be too high with either.
    alpha : HealpixMap or float, optional
        Ratio of the exposures of `counts` and `off`, above 0, for each cell or for all of them. The off counts of a
        disc have the ratio of the expected to the off counts, ``sum(alpha * off) / sum(off)``, or the mean of `alpha`
        if there are none.
    within : Mask, optional
        The cells with exposure. By default, these are the cells where the background, or `alpha`, is above 0. Other
        cells do not contribute to the sums and have the value NaN.
    n_threads : int, optional
        Number of threads. The result does not depend on it.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    Significance
        Maps of counts, background, excess and sqrt(TS), on the cells of `background`, or of `off`.

    Raises
    ------
    TypeError, ValueError
        If an argument is missing, a value is negative or infinite, a map has densities, or the maps do not have the
        same frame, order and energy bins.

    References
    ----------
    Cash, W. 1979, ApJ 228, 939; Li, T.-P. & Ma, Y.-Q. 1983, ApJ 272, 317.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask import HealpixMap
    >>> from hpmask.values import significance
    >>> rng = np.random.default_rng(1)
    >>> n = 12 * 4**5
    >>> on = HealpixMap(rng.poisson(1.0, n), nest=True, frame="icrs")
    >>> off = HealpixMap(rng.poisson(4.0, n), nest=True, frame="icrs")
    >>> found = significance(on, None, "4 deg", off=off, alpha=0.25)
    >>> print(f"{found.sqrt_ts.values.std():.1f}")
    1.0
    """
    if background is not None:
        if off is not None or alpha is not None:
            raise TypeError("give a background, or off and alpha, and not both")
        check_counts(counts, background, "background")
        exposed = with_exposure(background, within)
        n_on = on_cells_of(background, counts, exposed)
        return known_background(n_on, background, exposed, radius, n_threads=n_threads, progress=progress)
    if off is None or alpha is None:
        raise TypeError("either a background must be given, or off and alpha")
    check_counts(counts, off, "off")
    ratio = _ratio(alpha, off)
    exposed = with_exposure(ratio, within)
    weights, off_counts = np.where(exposed, ratio.rows, 0), np.where(exposed, filled(off), 0)

    def around(values: Floats) -> HealpixMap:
        return disc_sums(_shaped(off, values), radius, n_threads=n_threads, progress=progress)

    n_on = disc_sums(on_cells_of(off, counts, exposed), radius, n_threads=n_threads, progress=progress)
    n_off, expected = around(off_counts), around(weights * off_counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = around(weights).rows / around(exposed.astype(np.float64)).rows
        effective = np.where(n_off.rows > 0, expected.rows / n_off.rows, mean)
    if not isinstance(alpha, HealpixMap):
        # Without the rounding of the sums.
        effective[:] = alpha
    effective = np.where(effective > 0, effective, np.nan)
    return Significance(
        _where(n_on, exposed),
        _where(expected, exposed),
        _where(n_off, exposed),
        _where(_shaped(off, effective), exposed),
    )


def check_counts(counts: HealpixMap, other: HealpixMap, argument: str, *, to: str = "counts") -> None:
    """Check that a map belongs to a map of counts; the errors name `argument` and the counts as `to`.

    Raises
    ------
    TypeError, ValueError
        If they are not maps of one order with the same frame and energy bins, are densities, or have negative or
        infinite values.
    """
    for map_, name in ((counts, to), (other, argument)):
        if not isinstance(map_, HealpixMap):
            raise TypeError(f"{name} must be a HealpixMap, got {type(map_).__name__}")
        check_one_order(map_, name)
        if densities(map_, None)[0]:
            raise ValueError(f"{name} must have a number for each cell, got densities{_in_unit(map_)}")
        missing = is_missing(map_.values)
        _numbers(map_.values if missing is None else np.where(missing, 0, map_.values), name)
    for name, what in (("frame", "frame"), ("order", "order"), ("energy", "energy bins")):
        given, needed = getattr(other, name), getattr(counts, name)
        if given != needed:
            raise ValueError(f"{argument} must have the {what} of {to}, {needed}, got {given}")


def _in_unit(map_: HealpixMap) -> str:
    return "" if map_.unit is None else f" in {map_.unit}"


def with_exposure(map_: HealpixMap, within: MaskValue | None) -> NDArray[np.bool_]:
    """Which cells of a map have exposure in each bin, shape (n_bins, n_cells): those of a mask, or above 0."""
    if within is None:
        return np.asarray(filled(map_) > 0)
    planes = planes_within(within, order=map_.order, frame=map_.frame, energy=map_.energy, of="map")
    numbers = nested_numbers(map_)
    return np.array([cells_in(plane, numbers, map_.order) for plane in planes])


def known_background(
    counts: HealpixMap,
    background: HealpixMap,
    exposed: NDArray[np.bool_],
    radius: Width,
    *,
    n_threads: int | None = None,
    progress: bool = False,
) -> Significance:
    """The significance for a known background. Counts and background have the same cells."""
    expected = _shaped(background, np.where(exposed, filled(background), 0))
    sums = (disc_sums(map_, radius, n_threads=n_threads, progress=progress) for map_ in (counts, expected))
    return Significance(*(_where(map_, exposed) for map_ in sums))


def on_cells_of(map_: HealpixMap, counts: HealpixMap, exposed: NDArray[np.bool_]) -> HealpixMap:
    """Counts on the cells of another map, and 0 outside the exposure."""
    values = filled(counts)
    if map_.cells is None and counts.cells is None and map_.nest == counts.nest:
        rows = values
    elif counts.cells is None:
        numbers = nested_numbers(map_)
        rows = values[:, numbers if counts.nest else healpix.nested_to_ring(numbers, counts.order)]
    else:
        rows = np.zeros(exposed.shape, dtype=values.dtype)
        if map_.cells is None:
            place = counts.cells if map_.nest else healpix.nested_to_ring(counts.cells, counts.order)
            rows[:, place] = values
        else:
            place = np.searchsorted(counts.cells, map_.cells)
            place[place == counts.cells.size] = 0
            there = np.flatnonzero(counts.cells[place] == map_.cells) if counts.cells.size else place[:0]
            rows[:, there] = values[:, place[there]]
    return _shaped(map_, np.where(exposed, rows, 0))


def filled(map_: HealpixMap) -> NDArray[Any]:
    """The rows of a map with 0 for missing values."""
    missing = is_missing(map_.rows)
    return map_.rows if missing is None else np.where(missing, 0, map_.rows)


def _shaped(map_: HealpixMap, rows: NDArray[Any]) -> HealpixMap:
    """Rows of values on the cells and in the bins of a map."""
    return map_.with_values(rows if map_.energy is not None else rows[0], energy=map_.energy)


def _where(map_: HealpixMap, exposed: NDArray[np.bool_]) -> HealpixMap:
    """A map with NaN outside the exposure."""
    return _shaped(map_, np.where(exposed, map_.rows, np.nan))


def _ratio(alpha: HealpixMap | float, off: HealpixMap) -> HealpixMap:
    """The ratio of exposures on the cells of the off counts."""
    if isinstance(alpha, HealpixMap):
        check_counts(off, alpha, "alpha", to="off")
        return on_cells_of(off, alpha, np.ones(off.rows.shape, dtype=np.bool_))
    value = _numbers(alpha, "alpha", positive=True)
    if value.ndim or np.isnan(value):
        raise ValueError(f"alpha must be a HealpixMap or a number above 0, got {shown(alpha)}")
    return off.with_values(np.full(off.values.shape, float(value)), energy=off.energy)


def _summed(map_: HealpixMap) -> HealpixMap:
    """The sum over the bins with exposure; NaN where no bin has any."""
    values = map_.rows
    there = ~np.isnan(values)
    return map_.with_values(np.where(there.any(axis=0), np.where(there, values, 0).sum(axis=0), np.nan))


def _mean(map_: HealpixMap) -> Floats:
    """The mean over the bins with exposure; NaN where no bin has any."""
    there = ~np.isnan(map_.rows)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, map_.rows, 0).sum(axis=0) / there.sum(axis=0))
