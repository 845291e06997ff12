"""What masks do along their energy axis: ranges of bins, other bins, and the energies that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import as_flag
from hpmask._utils.warn import warn
from hpmask._utils.words import counted, quantity_text
from hpmask.core.rangeset import RangeSet
from hpmask.energy.axis import EnergyAxis, difference, nodes_of
from hpmask.energy.units import as_energy, same_energies

__all__ = ["bins_between", "kept_bins", "kept_range", "range_of_all", "resampled", "span_text", "stacked_axis"]

How = Literal["any", "all"]


def kept_bins(
    axis: EnergyAxis,
    energy_min: u.Quantity | str | None,
    energy_max: u.Quantity | str | None,
    *,
    round_to_edge: bool = False,
) -> NDArray[np.bool_]:
    """Which bins lie between two energies, shape (n_bins,), by gammapy's rule.

    A bin is kept iff ``low >= energy_min and high <= energy_max``, in floating point as it stands.

    Parameters
    ----------
    axis : EnergyAxis
        The bins.
    energy_min, energy_max : `~astropy.units.Quantity` or str, optional
        The energies; by default where the axis begins and ends.
    round_to_edge : bool, optional
        Take the nearest edges instead of the energies: in the logarithm for a "log" axis; from the middle of a bin to
        the edge of even number. Between nodes of gammapy that are centres, "nearest" is by the number of the bin.

    Raises
    ------
    TypeError, ValueError
        If an energy is a bare number, an array, NaN, or has another unit.

    Warns
    -----
    UserWarning
        If a bin is lost by a rounding error of its edge.
    """
    if not isinstance(axis, EnergyAxis):
        raise TypeError(f"axis must be an EnergyAxis, got {type(axis).__name__}")
    start = _scalar(energy_min, "energy_min", axis.energy_min.min())
    stop = _scalar(energy_max, "energy_max", axis.energy_max.max())
    at_least, at_most = float(start.to_value(axis.unit)), float(stop.to_value(axis.unit))
    if as_flag(round_to_edge, "round_to_edge"):
        first, last = np.round(_edge_numbers(axis.ascending(), np.array([at_least, at_most])))
        numbers = axis.ascending().bin_of(axis.energy_min)
        return np.asarray((numbers >= first) & (numbers + 1 <= last))
    low, high = axis.energy_min.value, axis.energy_max.value
    kept = (low >= at_least) & (high <= at_most)
    nearly = ((low >= at_least) | same_energies(low, at_least)) & ((high <= at_most) | same_energies(high, at_most))
    if (kept != nearly).any():
        i = int(np.flatnonzero(kept != nearly)[0])
        warn(
            f"bin {i}, {float(low[i])} to {float(high[i])} {axis.unit}, is left out because of a rounding error: it is "
            f"not within {at_least} to {at_most} {axis.unit}, but nearly so. With round_to_edge=True it is kept"
        )
    return np.asarray(kept)


def bins_between(
    axis: EnergyAxis,
    energy_min: u.Quantity | str | None,
    energy_max: u.Quantity | str | None,
    *,
    round_to_edge: bool = False,
) -> slice:
    """The bins that `kept_bins` keeps, as a slice.

    Raises
    ------
    ValueError
        If there is none.
    """
    kept = np.flatnonzero(kept_bins(axis, energy_min, energy_max, round_to_edge=round_to_edge))
    if not kept.size:
        raise ValueError(f"no bin of {axis} lies within {span_text(energy_min, energy_max)}")
    return slice(int(kept[0]), int(kept[-1]) + 1)


def span_text(energy_min: Any, energy_max: Any) -> str:
    """Two energies as messages and the history give them: "1 TeV to the end"."""
    start = "the start" if energy_min is None else quantity_text(energy_min)
    stop = "the end" if energy_max is None else quantity_text(energy_max)
    return f"{start} to {stop}"


def _scalar(energy: u.Quantity | str | None, argument: str, default: u.Quantity) -> u.Quantity:
    if energy is None:
        return default
    value = as_energy(energy, argument)
    if not value.isscalar:
        raise ValueError(f"{argument} must be one energy, got an array of shape {value.shape}")
    return value


def _edge_numbers(axis: EnergyAxis, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where energies lie between the edges of an ascending axis, at 0, 1, 2, ..., going on beyond the ends.

    Sums and products in the order of gammapy (a spline of order 1 of scipy's), between the same nodes, so that energies
    half way between two edges are rounded to the same one: rounding errors decide there, not the energy.
    """
    nodes = nodes_of(axis)
    if axis.interp == "log":
        # As gammapy does with energies of 0 and below.
        nodes, values = np.log(nodes), np.log(np.maximum(values, np.finfo(np.float32).tiny))
    # So far beyond the ends it makes no difference how far.
    span = 4 * (nodes[-1] - nodes[0])
    values = np.clip(values, nodes[0] - span, nodes[-1] + span)
    i = np.clip(np.searchsorted(nodes, values, side="right"), 1, nodes.size - 1)
    weight = 1 / (nodes[i] - nodes[i - 1])
    numbers = (i - 1) * (weight * (nodes[i] - values)) + i * (weight * (values - nodes[i - 1]))
    # Pixels of gammapy count from the centre of bin 0.
    return np.asarray((numbers if nodes.size == axis.n_bins else numbers - 0.5) + 0.5)


# ---------------------------------------------------------------------- other bins


def resampled(planes: Sequence[RangeSet], axis: EnergyAxis | None, new: EnergyAxis, how: How) -> list[RangeSet]:
    """Planes of new bins: what any, or all, of the old bins that a new bin meets keep.

    Parameters
    ----------
    planes : sequence of RangeSet
        A plane for each bin of `axis`.
    axis : EnergyAxis or None
        The old bins, or None if the one plane holds at all energies.
    new : EnergyAxis
        The new bins, under the name of the old ones.
    how : {"any", "all"}
        Energies outside the old bins are not kept: "any" does not look at them, and of a new bin that reaches beyond
        the old ones "all" keeps nothing.

    Raises
    ------
    TypeError, ValueError
        If `new` is no EnergyAxis or has another name, or `how` is none of the two.
    """
    if not isinstance(new, EnergyAxis):
        raise TypeError(f"axis must be an EnergyAxis, got {type(new).__name__}")
    if how not in ("any", "all"):
        raise ValueError(f"how must be 'any' or 'all', got {how!r}")
    if axis is None:
        return [planes[0]] * new.n_bins
    if new.name != axis.name:
        raise ValueError(
            f"the mask has the axis {axis.name!r}, got {new.name!r}: rename({axis.name!r}) if the same energies "
            "are meant"
        )
    planes = list(planes)[:: 1 if axis.ascending() is axis else -1]
    old = axis.ascending().edges.value
    low, high = new.energy_min.to_value(axis.unit), new.energy_max.to_value(axis.unit)
    # Edges that are the same within the tolerance meet nothing beyond them.
    begins = (low[:, None] > old[1:]) | same_energies(low[:, None], old[1:])
    ends = (high[:, None] > old[:-1]) & ~same_energies(high[:, None], old[:-1])
    first, stop = begins.sum(axis=1), ends.sum(axis=1)
    inside = ((low >= old[0]) | same_energies(low, old[0])) & ((high <= old[-1]) | same_energies(high, old[-1]))
    nothing = RangeSet.empty(0)
    many: Callable[[Iterable[RangeSet]], RangeSet] = RangeSet.union_all if how == "any" else RangeSet.intersection_all
    done: dict[tuple[int, ...], RangeSet] = {}
    result = []
    for i, j, whole in zip(first, stop, inside, strict=True):
        met = list({id(plane): plane for plane in planes[i:j]}.values())
        if not met or (how == "all" and not whole):
            result.append(nothing)
            continue
        key = tuple(id(plane) for plane in met)
        if key not in done:
            done[key] = met[0] if len(met) == 1 else many(met)
        result.append(done[key])
    return result


def stacked_axis(axes: Sequence[EnergyAxis | None], axis: EnergyAxis | None) -> EnergyAxis:
    """The axis of masks that are stacked: `axis` of masks that have none, or their own ones after each other.

    Raises
    ------
    TypeError, ValueError
        If masks and axis do not go together.
    """
    if not axes:
        raise ValueError("at least one mask is needed, got none")
    flat = [i for i, one in enumerate(axes) if one is None]
    if axis is None:
        if flat:
            raise ValueError(f"mask {flat[0]} has no energy bins: axis must be given, with a bin for each mask")
        return EnergyAxis.stack([one for one in axes if one is not None])
    if not isinstance(axis, EnergyAxis):
        raise TypeError(f"axis must be an EnergyAxis, got {type(axis).__name__}")
    if len(flat) == len(axes):
        if len(axes) != axis.n_bins:
            raise ValueError(f"axis has {counted(axis.n_bins, 'bin')}, got {counted(len(axes), 'mask')}")
        return axis
    if flat:
        raise ValueError(f"either all masks have energy bins or none, mask {flat[0]} has none")
    stacked = EnergyAxis.stack([one for one in axes if one is not None])
    if stacked != axis:
        raise ValueError(f"axis is {axis}, but the bins of the masks are {stacked}: {difference(axis, stacked)}")
    return axis


# ---------------------------------------------------------------------- energies that are kept


def kept_range(answers: Iterable[NDArray[np.bool_]], axis: EnergyAxis) -> tuple[u.Quantity, u.Quantity]:
    """Lowest and highest edge of the bins that are kept at some places; NaN where none is.

    Parameters
    ----------
    answers : iterable of numpy.ndarray of bool, one shape
        Whether the places are kept, for each bin. Bins in between that are not kept make no difference.
    axis : EnergyAxis
        The bins.

    Returns
    -------
    energy_min, energy_max : `~astropy.units.Quantity`, shape of an answer
    """
    low: Any = None
    high: Any = None
    for answer, start, stop in zip(answers, axis.energy_min.value, axis.energy_max.value, strict=True):
        if low is None:
            low, high = np.full(np.shape(answer), np.nan), np.full(np.shape(answer), np.nan)
        # The minimum and the maximum of what is no NaN.
        low[answer] = np.fmin(low[answer], start)
        high[answer] = np.fmax(high[answer], stop)
    return u.Quantity(low, axis.unit, copy=False), u.Quantity(high, axis.unit, copy=False)


def range_of_all(planes: Sequence[RangeSet], axis: EnergyAxis) -> tuple[u.Quantity, u.Quantity] | None:
    """Lowest and highest edge of the bins that keep any sky; None if none does."""
    kept = [i for i, plane in enumerate(planes) if plane]
    return (axis.energy_min[kept].min(), axis.energy_max[kept].max()) if kept else None
