"""The order of the cells of shapes: chosen by their sizes, or by a resolution.

The rule. In mode "center" the area of a shape is that of the cells whose centres it holds. With a cell's side c, the
square root of its area, the error of that area has two sources:

* Along a curved outline the errors of the cells are independent. For a circle of radius R on a square lattice the
  standard deviation of the area is 0.68 c**1.5 R**0.5 (D. G. Kendall 1948, The Quarterly Journal of Mathematics 19, 1).
  For other curves, R is the largest radius of curvature. The worst of 100 000 random discs is five times that far off.
* A straight side may run along a row of cell centres, as the sides of zones and of upright boxes do. All of the row
  then counts on one side of it: an error of up to half the distance of the rows times the length of the side. The
  distance of the rows is 0.65 c at the equator and at most 0.9 c elsewhere.

The bound ``(3.8 c**1.5 R**0.5 + 0.45 c L) / area``, with L the length of the sides that may run along rows, is at most
1 % at the chosen order, and above 1 % at the next coarser one. For discs this is a radius of 24 cells or more; for
upright squares a side of 190 cells or more. A disc around a pole runs along a ring of cells: for it, L is its outline.
Typical errors are about five times smaller than the bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.modes import Mode
from hpmask._utils.warn import warn
from hpmask._utils.words import angle_text, counted
from hpmask.geometry.healpix import cell_radius, cell_side, order_of
from hpmask.regions.arrays import Batch, Discs, Sizes
from hpmask.regions.rasterize import expected_ranges
from hpmask.regions.shapes import Shape, Size

__all__ = [
    "area_error",
    "given_order",
    "order_of_batches",
    "order_of_discs",
    "order_of_shapes",
    "resolved_order",
    "warn_of_misses",
]

Angles = NDArray[np.float64]

PRECISION = 0.01
# Finer orders are not chosen, because users may not want their cost.
MOST_ORDER = 16
MOST_RANGES = 50_000_000

# Of the rule above.
_CURVED = 3.8
_STRAIGHT = 0.45

# Rows that are treated at once, so that no array of all rows is made.
_ROWS = 1 << 18


def resolved_order(
    order: int | None, resolution: u.Quantity | str | None, choose: Callable[[], int]
) -> tuple[int, str]:
    """The order of a mask, from the arguments `order` and `resolution` or else from `choose`, and its text.

    Raises
    ------
    TypeError, ValueError
        As in `given_order`.
    """
    known, text = given_order(order, resolution)
    if known is not None:
        return known, text
    order = choose()
    return order, f"order={order} chosen"


def given_order(order: int | None, resolution: u.Quantity | str | None) -> tuple[int | None, str]:
    """The order that the arguments `order` and `resolution` give, and its text; None if neither is given.

    Raises
    ------
    TypeError, ValueError
        If both arguments are given, or one is not valid.
    """
    if order is not None and resolution is not None:
        raise TypeError(f"order and resolution exclude each other, got order={order!r} and resolution={resolution!r}")
    if order is not None:
        order = check_order(order)
        return order, f"order={order}"
    if resolution is not None:
        order = order_of(resolution)
        return order, f"order={order} from resolution {resolution}"
    return None, ""


def area_error(size: Size | Sizes, order: int) -> Any:
    """A bound of the relative error of the area of a shape, or of many, at an order, by the rule of this module."""
    side = cell_side(order)
    return (_CURVED * side**1.5 * np.sqrt(size.curvature) + _STRAIGHT * side * size.straight) / size.area


def order_of_discs(lat: Angles, radii: Angles) -> int:
    """The order for discs by their latitudes, shape (n,), and radii, shape (n, n_columns): see `order_of_batches`."""
    columns = 1 if radii.strides[1] == 0 else radii.shape[1]
    return order_of_batches([Discs(lat, lat, radii[:, k]) for k in range(columns)])


def order_of_batches(batches: Iterable[Batch]) -> int:
    """The order for many shapes: coarse, but with the area of each shape, and so of the smallest, right to 1 %.

    Parameters
    ----------
    batches : iterable of Batch
        Shapes of one kind, with the sizes of each energy bin. Shapes without an area do not count. Each batch that an
        iterator yields is dropped before the next one.

    Returns
    -------
    int
        0 if there is no shape.

    Raises
    ------
    ValueError
        If there are only shapes without an area, or the order would be above 16 or give more than 50 million ranges.
    """
    n, length, order, narrowest = 0, 0.0, 0, math.inf
    kind: type[Batch] = Batch
    for batch in dict.fromkeys(batches) if isinstance(batches, Sequence) else batches:
        kind = type(batch)
        n += len(batch)
        for start in range(0, len(batch), _ROWS):
            some = batch.take(slice(start, start + _ROWS))
            length += float(some.outline_lengths.sum())
            sizes = some.sizes
            if sizes.area.size:
                narrowest = min(narrowest, float(sizes.inradius.min()))
                order = _refined(sizes, order)
    if not n:
        return 0
    if narrowest == math.inf:
        raise ValueError(f"no {kind.noun} has an area that an order could fit: order or resolution must be given")
    number = len(batches[0]) if isinstance(batches, Sequence) else n
    return _checked(order, length, n, kind.narrowest.format(kind.counted_as(number), angle_text(narrowest)))


def _refined(sizes: Sizes, order: int) -> int:
    """The coarsest order, from `order` on, at which all areas are right to 1 %."""
    # The narrowest shape needs about the finest order.
    guess = int(np.argmin(sizes.inradius))
    order = max(order, _needed([Size(*(float(field[guess]) for field in sizes))]))
    while order <= MAX_ORDER and (bad := area_error(sizes, order) > PRECISION).any():
        sizes = Sizes(*(field[bad] for field in sizes))
        order += 1
    return order


def order_of_shapes(shapes: Iterable[Shape], noun: str) -> int:
    """The order for shapes: coarse, but with the area of each shape, and so of the smallest, right to 1 %.

    Shapes without an area, such as points, do not count. Shapes of several parts count by their parts.

    Parameters
    ----------
    shapes : iterable of Shape
        The shapes.
    noun : str
        What to call one of them.

    Returns
    -------
    int
        0 if there is no shape.

    Raises
    ------
    ValueError
        If there are only shapes without an area, or the order would be above 16 or give more than 50 million ranges.
    """
    n, length, order, narrowest = 0, 0.0, 0, math.inf
    found = False
    for shape in shapes:
        n += 1
        length += shape.outline_length
        sizes = shape.sizes
        found = found or bool(sizes)
        # Most shapes need no finer order than those before.
        if any(area_error(size, order) > PRECISION for size in sizes):
            order = _needed(sizes)
        narrowest = min([narrowest, *(size.inradius for size in sizes)])
    if not n:
        return 0
    if not found:
        raise ValueError(f"no {noun} has an area that an order could fit: order or resolution must be given")
    what = f"the narrowest of {counted(n, noun)} holds a disc with a radius of {angle_text(narrowest)}"
    return _checked(order, length, n, what)


def _needed(sizes: Sequence[Size]) -> int:
    """The coarsest order at which the areas are right to 1 %; one above the finest order if there is none."""
    for order in range(MAX_ORDER + 1):
        if all(area_error(size, order) <= PRECISION for size in sizes):
            return order
    return MAX_ORDER + 1


def _checked(order: int, length: float, n: int, what: str) -> int:
    """A computed order, unless its cost is too high."""
    ranges = 2 * n + expected_ranges(length, order)
    if order <= MOST_ORDER and ranges <= MOST_RANGES:
        return order
    needed = f"order {order}" if order <= MAX_ORDER else f"an order above {MAX_ORDER}"
    raise ValueError(
        f"order must be given: {what}, and its area is right to 1 % only from {needed} on, with about "
        f"{ranges:.1e} ranges; by default it is at most order {MOST_ORDER} and {MOST_RANGES:.0e} ranges. Choose "
        f"order= (cells of order {MOST_ORDER} have a side of {angle_text(cell_side(MOST_ORDER))}, each order below "
        "doubles it) or resolution= (an angle such as '10 arcsec')"
    )


# ---------------------------------------------------------------------- shapes without cells


def warn_of_misses(n_missed: int, total: str, inradius: float, order: int, mode: Mode) -> None:
    """Warn that shapes hold no cell centre, or no full cell in mode "inside".

    Parameters
    ----------
    n_missed : int
        The number of shapes without a cell. If it is 0, there is no warning.
    total : str
        All of the shapes, such as "7195 discs".
    inradius : float
        Radius of a disc that fits into each of the shapes without a cell, in radians; 0 if it is not known.
    order : int
        Order of the cells.
    mode : {"center", "overlap", "inside"}
        In mode "overlap" each shape has cells.
    """
    if not n_missed or mode == "overlap":
        return
    what, radii = ("cell centre", 1) if mode == "center" else ("full cell", 2)
    finer = (one for one in range(order + 1, MAX_ORDER + 1) if radii * cell_radius(one) <= inradius)
    advice = next((f" or order >= {one}" for one in finer), "")
    verb = "holds" if n_missed == 1 else "hold"
    warn(f"{n_missed} of {total} {verb} no {what} at order {order}: use mode='overlap'{advice}")
