"""Operations along the energy axis of masks: bins between two energies, other bins, and energies that are kept."""

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
from hpmask.energy.axis import EnergyAxis, check_axis, difference, nodes_of
from hpmask.energy.units import as_energy, same_energies

__all__ = ["bins_between", "kept_bins", "kept_range", "resampled", "span_text", "stacked_axis"]

How = Literal["any", "all"]


def kept_bins(
    axis: EnergyAxis,
    energy_min: u.Quantity | str | None,
    energy_max: u.Quantity | str | None,
    *,
    round_to_edge: bool = False,
) -> NDArray[np.bool_]:
    """Which bins are between two energies, shape (n_bins,); see `hpmask.Mask.from_energy` for the parameters.

    Energies are compared in floating point without a tolerance, as in gammapy. For an axis of gammapy whose nodes are
    the centres of the bins, the nearest edge is the nearest one by the number of the bin.
    """
    check_axis(axis)
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
            f"bin {i}, {float(low[i])} to {float(high[i])} {axis.unit}, is left out because of a rounding error: it "
            f"exceeds {at_least} to {at_most} {axis.unit} by less than a millionth. With round_to_edge=True it is kept"
        )
    return np.asarray(kept)


def bins_between(
    axis: EnergyAxis,
    energy_min: u.Quantity | str | None,
    energy_max: u.Quantity | str | None,
    *,
    round_to_edge: bool = False,
) -> slice:
    """The bins between two energies, by the rule of `kept_bins`, as a slice.

    Raises
    ------
    ValueError
        If there is no such bin.
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
    """Positions of energies between the edges of an ascending axis, which have the numbers 0, 1, 2, ...

    The energies may be beyond the ends of the axis. Sums and products have the order of gammapy's (a spline of order 1
    of scipy) between the same nodes. Halfway between two edges, rounding errors decide which edge is nearest, and they
    must be the same errors.
    """
    nodes = nodes_of(axis)
    if axis.interp == "log":
        # gammapy does the same with energies of 0 and below.
        nodes, values = np.log(nodes), np.log(np.maximum(values, np.finfo(np.float32).tiny))
    # Energies far beyond the ends all give the same answer. This avoids infinite numbers.
    span = 4 * (nodes[-1] - nodes[0])
    values = np.clip(values, nodes[0] - span, nodes[-1] + span)
    i = np.clip(np.searchsorted(nodes, values, side="right"), 1, nodes.size - 1)
    weight = 1 / (nodes[i] - nodes[i - 1])
    numbers = (i - 1) * (weight * (nodes[i] - values)) + i * (weight * (values - nodes[i - 1]))
    # gammapy counts pixels from the centre of bin 0.
    return np.asarray((numbers if nodes.size == axis.n_bins else numbers - 0.5) + 0.5)


# ---------------------------------------------------------------------- other axes


def resampled(planes: Sequence[RangeSet], axis: EnergyAxis | None, new: EnergyAxis, how: How) -> list[RangeSet]:
    """The planes of new bins: the sky that any, or all, of the old bins in a new bin keep.

    Parameters
    ----------
    planes : sequence of RangeSet
        A plane for each bin of `axis`.
    axis : EnergyAxis or None
        The old bins, or None if the only plane is valid at all energies.
    new : EnergyAxis
        The new bins. The axis must have the name of the old one.
    how : {"any", "all"}
        See `hpmask.Mask.resample_energy`.

    Returns
    -------
    list of RangeSet
        A plane for each new bin.

    Raises
    ------
    TypeError, ValueError
        If `new` is not an EnergyAxis or has another name, or `how` is neither "any" nor "all".
    """
    check_axis(new)
    if how not in ("any", "all"):
        raise ValueError(f"how must be 'any' or 'all', got {how!r}")
    if axis is None:
        return [planes[0]] * new.n_bins
    if new.name != axis.name:
        raise ValueError(
            f"energy must have the name of the axis of the mask, {axis.name!r}, got {new.name!r}: "
            f"use energy.rename({axis.name!r}) if it means the same energies"
        )
    planes = list(planes)[:: 1 if axis.ascending() is axis else -1]
    old = axis.ascending().edges.value
    low, high = new.energy_min.to_value(axis.unit), new.energy_max.to_value(axis.unit)
    # Bins whose edges are the same within the tolerance have nothing in common.
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
    """The axis of a stack of masks: `axis` for masks without energy, or else the axes of the masks in one.

    Raises
    ------
    TypeError, ValueError
        If the masks and the axis do not match.
    """
    if not axes:
        raise ValueError("at least one mask is needed, got none")
    flat = [i for i, one in enumerate(axes) if one is None]
    if axis is None:
        if flat:
            raise ValueError(f"masks[{flat[0]}] has no energy bins: energy must be given, with a bin for each mask")
        return EnergyAxis.stack([one for one in axes if one is not None])
    check_axis(axis)
    if len(flat) == len(axes):
        if len(axes) != axis.n_bins:
            raise ValueError(f"energy has {counted(axis.n_bins, 'bin')}, got {counted(len(axes), 'mask')}")
        return axis
    if flat:
        raise ValueError(f"either all masks must have energy bins or none of them, masks[{flat[0]}] has none")
    stacked = EnergyAxis.stack([one for one in axes if one is not None])
    if stacked != axis:
        raise ValueError(f"energy is {axis}, but the bins of the masks are {stacked}: {difference(axis, stacked)}")
    return axis


# ---------------------------------------------------------------------- energies that are kept


def kept_range(answers: Iterable[NDArray[np.bool_]], axis: EnergyAxis) -> tuple[u.Quantity, u.Quantity]:
    """The lowest and highest edge of the bins in which positions are kept; NaN where there is no such bin.

    Parameters
    ----------
    answers : iterable of numpy.ndarray of bool
        Whether the positions are kept, for each bin; all of the same shape.
    axis : EnergyAxis
        The bins.

    Returns
    -------
    energy_min, energy_max : `~astropy.units.Quantity`
        In the shape of an answer.
    """
    low: Any = None
    high: Any = None
    for answer, start, stop in zip(answers, axis.energy_min.value, axis.energy_max.value, strict=True):
        if low is None:
            low, high = np.full(np.shape(answer), np.nan), np.full(np.shape(answer), np.nan)
        # fmin and fmax ignore NaN.
        low[answer] = np.fmin(low[answer], start)
        high[answer] = np.fmax(high[answer], stop)
    return u.Quantity(low, axis.unit, copy=False), u.Quantity(high, axis.unit, copy=False)
