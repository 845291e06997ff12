"""Set operations on several masks at once, and comparisons of masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hpmask._utils.history import Expression
from hpmask.core.rangeset import RangeSet, flat
from hpmask.core.value import M, MaskValue, binwise, check_mask, common_energy, history_of, pairs

__all__ = [
    "difference",
    "intersection",
    "intersection_all",
    "overlaps",
    "symmetric_difference",
    "union",
    "union_all",
]


def union_all(masks: Iterable[M]) -> M:
    """Return the union of masks: the sky that any of them keeps, in one pass over all of them.

    Parameters
    ----------
    masks : iterable of Mask
        One mask or more, with the same frame and of any order. A mask without energy counts in all bins of the others.

    Returns
    -------
    Mask
        At the finest of their orders.

    Raises
    ------
    TypeError, ValueError
        If there is no mask, one of them is not a Mask, or their frames or energy axes differ.

    See Also
    --------
    intersection_all : the sky that all of them keep.
    hpmask.Mask.union : the same as a method of the first mask.

    Examples
    --------
    >>> import hpmask
    >>> from hpmask import Mask
    >>> zones = [Mask.from_zone((f"{lon} deg", f"{lon + 90} deg"), order=5) for lon in (0, 90, 180, 270)]
    >>> hpmask.union_all(zones).is_full
    True
    """
    return _many(masks, RangeSet.union_all, "|")


def intersection_all(masks: Iterable[M]) -> M:
    """Return the intersection of masks: the sky that all of them keep, in one pass over all of them.

    Parameters
    ----------
    masks : iterable of Mask
        One mask or more, with the same frame and of any order. A mask without energy counts in all bins of the others.

    Returns
    -------
    Mask
        At the finest of their orders.

    Raises
    ------
    TypeError, ValueError
        If there is no mask, one of them is not a Mask, or their frames or energy axes differ.

    See Also
    --------
    union_all : the sky that any of them keeps.
    hpmask.Mask.intersection : the same as a method of the first mask.

    Examples
    --------
    >>> import hpmask
    >>> from hpmask import Mask
    >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
    >>> east = Mask.from_zone(lon=("0 deg", "90 deg"), order=5)
    >>> hpmask.intersection_all([north, east]) == north & east
    True
    """
    return _many(masks, RangeSet.intersection_all, "&")


def union(mask: M, others: Iterable[Any]) -> M:
    """See `hpmask.Mask.union`."""
    masks: list[M] = [mask, *_all_checked(others)]
    return union_all(masks)


def intersection(mask: M, others: Iterable[Any]) -> M:
    """See `hpmask.Mask.intersection`."""
    masks: list[M] = [mask, *_all_checked(others)]
    return intersection_all(masks)


def difference(mask: M, others: Iterable[Any]) -> M:
    """See `hpmask.Mask.difference`."""
    _check(mask, "self")
    masks = _all_checked(others)
    result: M = mask - union_all(masks) if masks else mask
    return result


def symmetric_difference(mask: M, other: MaskValue) -> M:
    """See `hpmask.Mask.symmetric_difference`."""
    _check(mask, "self")
    check_mask(other)
    result: M = mask ^ other
    return result


def overlaps(a: MaskValue, b: MaskValue) -> bool:
    """See `hpmask.Mask.overlaps`."""
    check_mask(b)
    common_energy(a, b)
    return any(one.overlaps(other) for one, other in pairs(a, b))


def _check(mask: object, argument: str) -> None:
    """Raise a TypeError unless it is a mask. ``Mask.union([a, b])`` has a list in place of the first mask."""
    if not isinstance(mask, MaskValue):
        hint = " (lists of masks go to hpmask.union_all or intersection_all)" if isinstance(mask, Iterable) else ""
        raise TypeError(f"{argument} must be a Mask, got {type(mask).__name__}{hint}")


def _all_checked(others: Iterable[Any]) -> list[Any]:
    """The arguments of a method that takes masks and iterables of masks."""
    masks = flat(others)
    for mask in masks:
        if not isinstance(mask, MaskValue):
            raise TypeError(f"others must be Masks or iterables of Masks, got {type(mask).__name__}")
    return masks


def _many(masks: Iterable[M], many: Callable[[Iterable[RangeSet]], RangeSet], sign: str) -> M:
    masks = list(masks)
    if not masks:
        raise ValueError("at least one mask is needed, got none")
    for i, mask in enumerate(masks):
        _check(mask, f"masks[{i}]")
    first = next((mask for mask in masks if mask.energy is not None), masks[0])
    for mask in masks:
        common_energy(first, mask)
    n = len(first.planes)
    columns = [mask.planes if mask.energy is not None else mask.planes * n for mask in masks]
    planes = binwise(zip(*columns, strict=True), lambda *column: many(column))
    history = Expression.joined(sign, [history_of(mask) for mask in masks])
    order = max(mask.order for mask in masks)
    return type(masks[0])(planes, order=order, frame=first.frame, energy=first.energy, history=history)
