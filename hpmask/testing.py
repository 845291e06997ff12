"""Testing utilities: a comparison of masks that reports the differences."""

from __future__ import annotations

import numpy as np

from hpmask._utils.arguments import as_flag
from hpmask._utils.words import fraction_text
from hpmask.core.rangeset import RangeSet
from hpmask.energy.axis import difference
from hpmask.mask import Mask

__all__ = ["assert_masks_equal"]

# For a mask with many bins, the first few that differ are reported.
_MOST_BINS = 5


def assert_masks_equal(a: Mask, b: Mask, *, order: bool = True) -> None:
    """Raise an AssertionError that lists the differences, unless two masks are equal.

    Compared are the frame, the order, the energy axis, and the sky in each bin. The history is not compared.

    Parameters
    ----------
    a, b : Mask
        The masks.
    order : bool, optional
        Whether the orders of the masks must be equal, too. With False only the sky is compared, as with ``a == b``.

    Raises
    ------
    AssertionError
        If the masks differ. The message lists all differences; for the sky, it gives the area that only one of the
        masks keeps, in each bin.
    TypeError
        If `a` or `b` is not a mask, or `order` is not a bool.

    Examples
    --------
    >>> from hpmask import Mask
    >>> from hpmask.testing import assert_masks_equal
    >>> assert_masks_equal(~Mask.full(order=3), Mask.empty(order=3))
    >>> assert_masks_equal(Mask.full(order=3), Mask.empty(order=4))
    Traceback (most recent call last):
        ...
    AssertionError: masks differ
      order: 3 and 4
      sky: 41253 deg2 (1 of the sky) in the first only, none in the second only
    """
    __tracebackhide__ = True
    for name, mask in (("a", a), ("b", b)):
        if not isinstance(mask, Mask):
            raise TypeError(f"{name} must be a Mask, got {type(mask).__name__}")
    order = as_flag(order, "order")
    lines = _differences(a, b, order=order)
    if lines:
        raise AssertionError("\n  ".join(["masks differ", *lines]))


def _differences(a: Mask, b: Mask, *, order: bool) -> list[str]:
    lines = []
    if a.frame != b.frame:
        lines.append(f"frame: {a.frame!r} and {b.frame!r}")
    if order and a.order != b.order:
        lines.append(f"order: {a.order} and {b.order}")
    if a.energy is None or b.energy is None:
        axis = a.energy if a.energy is not None else b.energy
        if axis is not None:
            lines.append(f"energy: {a.energy} and {b.energy}")
    elif (what := difference(a.energy, b.energy)) is not None:
        lines.append(f"energy: {what} in {a.energy} and {b.energy}")
    # Cells of different frames, and bins of different axes, cannot be compared.
    if a.frame == b.frame and len(a.planes) == len(b.planes):
        lines += _sky_differences(a, b)
    return lines


def _sky_differences(a: Mask, b: Mask) -> list[str]:
    lines = []
    bins = [i for i, (one, other) in enumerate(zip(a.planes, b.planes, strict=True)) if one != other]
    for i in bins[:_MOST_BINS]:
        where = "sky"
        if a.energy is not None:
            where = f"bin {i} ({a.energy.energy_min[i].value:.6g} to {a.energy.energy_max[i]:.6g})"
        only_a, only_b = a.planes[i] - b.planes[i], b.planes[i] - a.planes[i]
        lines.append(f"{where}: {_area(only_a)} in the first only, {_area(only_b)} in the second only")
    if len(bins) > _MOST_BINS:
        lines.append(f"and {len(bins) - _MOST_BINS} more of {len(a.planes)} bins")
    return lines


def _area(sky: RangeSet) -> str:
    if not sky:
        return "none"
    return f"{sky.sky_fraction * 4 * np.rad2deg(np.rad2deg(np.pi)):.5g} deg2 ({fraction_text(sky)} of the sky)"
