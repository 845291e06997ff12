"""Masks at other orders, in other frames and in other energy bins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from astropy import units as u

from hpmask._utils.arguments import check_order
from hpmask._utils.history import Expression
from hpmask._utils.modes import Mode
from hpmask._utils.warn import warn
from hpmask._utils.words import counted
from hpmask.core import energy_bins, rotate
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import (
    M,
    MaskValue,
    check_mask,
    check_same_frame,
    distinct_planes,
    history_of,
    mapped,
    needed_energy,
    new_mask,
    planewise,
    then,
)
from hpmask.energy.axis import EnergyAxis, summary
from hpmask.geometry import frames

__all__ = ["at_order", "from_energy", "reduce", "resample_energy", "slice_energy", "stack", "to_frame"]

# Ranges of a mask in another frame, at an order that nobody has chosen. They take half a minute.
_MOST_RANGES = 1e7


def from_energy(
    energy: EnergyAxis,
    energy_min: u.Quantity | str | None,
    energy_max: u.Quantity | str | None,
    *,
    round_to_edge: bool,
    order: int,
    frame: str,
) -> MaskValue:
    """See `hpmask.Mask.from_energy`."""
    kept = energy_bins.kept_bins(energy, energy_min, energy_max, round_to_edge=round_to_edge)
    span = energy_bins.span_text(energy_min, energy_max)
    if not kept.any():
        warn(f"no bin of {energy} lies within {span}: nothing is kept")
    full, empty = RangeSet.full(order), RangeSet.empty(order)
    rounded = ", round_to_edge=True" if round_to_edge else ""
    history = f"from_energy({span}{rounded}, {int(kept.sum())} of {summary(energy)})"
    return new_mask([full if one else empty for one in kept], frame=frame, energy=energy, history=history)


def at_order(mask: M, order: int, *, mode: Mode | None = None, threshold: float | None = None) -> M:
    """See `hpmask.Mask.at_order`."""
    order = check_order(order)
    way = f"mode={mode or 'center'!r}" if threshold is None else f"threshold={threshold}"
    return mapped(
        mask,
        lambda plane: plane.at_order(order, mode=mode, threshold=threshold),
        order=order,
        history=then(mask, f"at_order({order}, {way})"),
    )


def to_frame(mask: M, frame: str, *, order: int | None = None, n_threads: int | None = None) -> M:
    """See `hpmask.Mask.to_frame`."""
    frame = frames.check_frame(frame)
    given, order = order, mask.order if order is None else check_order(order)
    if frame == mask.frame:
        return at_order(mask, order)
    if given is None:
        affordable = min(rotate.affordable_order(plane, order, _MOST_RANGES) for plane in distinct_planes(mask))
        if affordable < order:
            raise ValueError(
                f"order must be given: the mask has order {order}, and in another frame its edges need more than "
                f"{_MOST_RANGES:.0e} cells of that order. Choose a coarser one, such as {affordable}"
            )
    matrix = frames.rotation(frame, mask.frame)
    planes = planewise(mask, lambda plane: rotate.rotated(plane, matrix, order, n_threads=n_threads))
    history = then(mask, f"to_frame({frame!r}, order={order})")
    return type(mask)(planes, order=order, frame=frame, energy=mask.energy, history=history)


def reduce(mask: M, how: Literal["any", "all"] = "any") -> M:
    """See `hpmask.Mask.reduce`."""
    if how not in ("any", "all"):
        raise ValueError(f"how must be 'any' or 'all', got {how!r}")
    if mask.energy is None:
        return mask
    many = RangeSet.union_all if how == "any" else RangeSet.intersection_all
    history = then(mask, f"reduce({how!r})")
    return type(mask)(many(mask.planes), order=mask.order, frame=mask.frame, history=history)


def resample_energy(mask: M, energy: EnergyAxis, *, how: Literal["any", "all"] = "any") -> M:
    """See `hpmask.Mask.resample_energy`."""
    planes = energy_bins.resampled(mask.planes, mask.energy, energy, how)
    history = then(mask, f"resample_energy({counted(energy.n_bins, 'bin')}, how={how!r})")
    return type(mask)(planes, order=mask.order, frame=mask.frame, energy=energy, history=history)


def slice_energy(
    mask: M,
    energy_min: u.Quantity | str | None,
    energy_max: u.Quantity | str | None,
    *,
    round_to_edge: bool = False,
) -> M:
    """See `hpmask.Mask.slice_energy`."""
    axis = needed_energy(mask)
    bins = energy_bins.bins_between(axis, energy_min, energy_max, round_to_edge=round_to_edge)
    part = axis[bins]
    history = then(mask, f"slice_energy({part.edges[0]:.6g} to {part.edges[-1]:.6g})")
    return type(mask)(mask.planes[bins], order=mask.order, frame=mask.frame, energy=part, history=history)


def stack(masks: Iterable[M], energy: EnergyAxis | None = None) -> M:
    """See `hpmask.Mask.stack`."""
    masks = list(masks)
    for i, mask in enumerate(masks):
        check_mask(mask, f"masks[{i}]")
        check_same_frame(masks[0], mask)
    axis = energy_bins.stacked_axis([mask.energy for mask in masks], energy)
    planes = [plane for mask in masks for plane in mask.planes]
    history = Expression.call("stack", [history_of(mask) for mask in masks], f", {summary(axis)}")
    order = max(mask.order for mask in masks)
    return type(masks[0])(planes, order=order, frame=masks[0].frame, energy=axis, history=history)
