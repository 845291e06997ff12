"""Set operations on masks: of many at once, and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hpmask._utils.history import Expression
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import M, MaskValue, check_mask, common_energy, history_of, pairs

__all__ = ["intersection_all", "overlaps", "union_all"]


def union_all(masks: Iterable[M]) -> M:
    """Return the union of masks: the sky that any of them keeps, in one pass over all of them.

    Parameters
    ----------
    masks : iterable of Mask
        At least one mask. Their orders may differ. A mask without energy holds in all bins of the others.

    Returns
    -------
    Mask
        At the finest of their orders.

    Raises
    ------
    TypeError, ValueError
        If there is no mask, one is of another type, or frames or energy axes differ.

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
        At least one mask. Their orders may differ. A mask without energy holds in all bins of the others.

    Returns
    -------
    Mask
        At the finest of their orders.

    Raises
    ------
    TypeError, ValueError
        If there is no mask, one is of another type, or frames or energy axes differ.

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


def overlaps(a: MaskValue, b: MaskValue) -> bool:
    """Whether two masks share any sky, in any bin."""
    check_mask(b)
    common_energy(a, b)
    return any(one.overlaps(other) for one, other in pairs(a, b))


def _many(masks: Iterable[M], many: Callable[[Iterable[RangeSet]], RangeSet], sign: str) -> M:
    masks = list(masks)
    if not masks:
        raise ValueError("at least one mask is needed, got none")
    for mask in masks:
        if not isinstance(mask, MaskValue):
            raise TypeError(
                f"expected Masks, got {type(mask).__name__} (lists of masks go to hpmask.union_all or intersection_all)"
            )
    first = next((mask for mask in masks if mask.energy is not None), masks[0])
    for mask in masks:
        common_energy(first, mask)
    n = len(first.planes)
    columns = [mask.planes if mask.energy is not None else mask.planes * n for mask in masks]
    done: dict[tuple[int, ...], RangeSet] = {}
    planes = []
    for column in zip(*columns, strict=True):
        key = tuple(id(plane) for plane in column)
        if key not in done:
            done[key] = many(column)
        planes.append(done[key])
    history = Expression.joined(sign, [history_of(mask) for mask in masks])
    order = max(mask.order for mask in masks)
    return type(first)(planes, order=order, frame=first.frame, energy=first.energy, history=history)
