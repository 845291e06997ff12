"""Regions of ds9, CRTF and astropy's `regions` package to shapes on the sphere.

Regions are spherical and do not depend on a projection. A circle is a great-circle distance, an ellipse is a spherical
ellipse, and the sides of rectangles and polygons are great circles. Classes are recognized by their names, so that the
spherical classes of `regions` 0.12 work where they exist.

Conventions:

* Widths and heights are full axes. The height axis has the position angle `angle`, north through east, in the
  frame of the region's centre: as ``to_pixel`` of the `regions` package does if east is to the left.
* An excluded region (``-circle(...)``, or ``meta["include"]`` false) is subtracted from the others of the same list,
  text or file: in ds9 from all of them, in CRTF from those before it. If there are none, it is subtracted from the
  whole sky.
* A compound region is combined by its operator. An excluded part of it means its complement, as in the `regions`
  package before 0.12.
* A point is a disc of radius 0, or of a radius that is given. `cells_of_points` returns the cells that contain points
  of radius 0. If such a point is excluded, it has no effect.
* A line has the points within half of a width that is given.
* A region in pixels is the sky under its outline on an image that is given: see `hpmask.regions.pixels`.
* Labels (texts, and the annotations of CRTF) are ignored, unless there is nothing else.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from os import PathLike
from typing import Any, Literal, NamedTuple

import numpy as np
from astropy.coordinates import SkyCoord

from hpmask._utils.arguments import check_invalid
from hpmask._utils.warn import warn
from hpmask._utils.words import counted
from hpmask.core.rangeset import RangeSet
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.units import per_bin
from hpmask.geometry import frames, healpix
from hpmask.regions import from_astropy, items, parse
from hpmask.regions.compounds import joined
from hpmask.regions.from_astropy import KINDS, NO_CONTEXT, WHOLE_SKY, Context, Leaf, Placed, Refused, is_label
from hpmask.regions.shapes import Combined, Disc, Shape

__all__ = ["Checked", "cells_of_points", "checked_shapes", "of_bins", "to_shapes"]

Sign = Literal["|", "&", "^", "-"]


class Checked(NamedTuple):
    """The shapes of regions, and how many regions have none."""

    shapes: list[Shape]
    n_left_out: int
    """Number of regions and lines of text that cannot be used."""
    n_labels: int
    """Number of labels, which are ignored."""


def to_shapes(
    regions: Any, frame: str, *, invalid: Literal["raise", "skip"] = "raise", context: Context = NO_CONTEXT
) -> list[Shape]:
    """Shapes whose union is the union of regions.

    Parameters
    ----------
    regions : str, path, astropy Region or Regions, or an iterable of these
        A text in one of the region formats, the path of such a file, or regions of astropy's `regions` package in any
        frame.
        An iterable may hold others; excluded regions count within the innermost one.
    frame : {"icrs", "galactic"}
        Frame of the shapes.
    invalid : {"raise", "skip"}, optional
        Whether regions that cannot be in a mask raise an error, or are left out with a warning. These are regions
        without an area (lines without a width, rulers), without a position on the sky (pixel coordinates without an
        image), of an unknown kind or with an impossible size, and lines of a text that cannot be read.
    context : Context, optional
        The image that pixel coordinates belong to, and the widths of lines and points.

    Returns
    -------
    list of Shape
        Angles in radians in `frame`. Empty for an empty list.

    Warns
    -----
    UserWarning
        If regions are left out; they are counted and named.

    Raises
    ------
    TypeError
        If an item is not a region.
    ValueError
        If a text holds no region, or if a region cannot be in a mask and `invalid` is "raise" (the message has its
        number, from 0, its kind and its line).
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> from hpmask.regions.convert import to_shapes
    >>> to_shapes("icrs; circle(0, 45, 90)", "icrs")
    [Disc(lon=0.0, lat=0.7853981633974483, radius=1.5707963267948966)]
    """
    return checked_shapes(regions, frame, invalid, context).shapes


def checked_shapes(
    regions: Any,
    frame: str,
    invalid: Literal["raise", "skip"],
    context: Context = NO_CONTEXT,
    **reading: Any,
) -> Checked:
    """As `to_shapes`, with the numbers of regions that were left out and of labels.

    `reading` are arguments of `parse.read`; they must be None if there is neither a text nor a file.
    """
    check_invalid(invalid)
    leaves: list[Leaf] = []
    n_read = 0

    def read(source: str | PathLike[str]) -> tuple[list[parse.TextRegion], str]:
        nonlocal n_read
        n_read += 1
        return parse.read(source, invalid=invalid, **reading)

    group = _collect(regions, "", leaves, read)
    unused = [name for name, value in reading.items() if value is not None]
    if unused and not n_read:
        raise TypeError(f"{unused[0]}= is for texts and files of regions, and there is none")
    built = _build(leaves, frames.check_frame(frame), context)
    labels = {i for i in _alone(group) if is_label(leaves[i].region)}
    if len(labels) == len(leaves):
        labels = set()  # nobody wants a mask of labels
    refused = [one for i, one in enumerate(built) if isinstance(one, Refused) and i not in labels]
    if refused and invalid == "raise":
        raise ValueError(f"{_why(refused)}. With invalid='skip' such regions are left out")
    if refused:
        warn(f"left out {len(refused)} of {counted(len(leaves), 'region')}: {_why(refused)}")
    shapes = [part.shape for part in _union(group, built)]
    return Checked(shapes, len(refused), len(labels))


def _alone(group: _Group) -> Iterator[int]:
    """The numbers of the leaves that are not parts of a compound."""
    for part in group.parts:
        if isinstance(part, _Group):
            yield from _alone(part)
        elif len(part.program) == 1 and isinstance(part.program[0], int):
            yield part.program[0]


def of_bins(regions: Any, energy: EnergyAxis | None) -> list[Any]:
    """Regions that hold in all energy bins, as a list of one; or those of each bin, if they are a function of the bins.

    Raises
    ------
    TypeError, ValueError
        If they are a function and there are no bins, or it does not return a list with an item for each.
    """
    if not callable(regions):
        return [regions]
    several = per_bin(regions, energy, "regions")
    if isinstance(several, str | PathLike) or not isinstance(several, Iterable):
        raise TypeError(f"regions, a function, must return a list, an item for each bin, got {type(several).__name__}")
    several = list(several)
    n_bins = 0 if energy is None else energy.n_bins
    if len(several) != n_bins:
        raise ValueError(f"regions, a function, must return an item for each of the {n_bins} bins, got {len(several)}")
    return several


def cells_of_points(shapes: Sequence[Shape], order: int) -> RangeSet:
    """The cells that contain the points among shapes; the centre of a cell is in no point.

    Parameters
    ----------
    shapes : sequence of Shape
        The result of `to_shapes`. Points are the discs of radius 0.
    order : int
        Order of the cells.

    Examples
    --------
    >>> from hpmask.regions.convert import cells_of_points, to_shapes
    >>> cells_of_points(to_shapes("icrs; point(83.63, 22.01)", "icrs"), 3).n_cells
    1
    """
    points = [shape for shape in shapes if isinstance(shape, Disc) and shape.radius == 0]
    cells = healpix.cells_at([point.lon for point in points], [point.lat for point in points], order)
    return RangeSet.from_cells(cells, order)


# ---------------------------------------------------------------------- regions that are left out

# Characters of the names of regions, for all reasons together. Of each, one region is named at least.
_ROOM = 1000

_LACKS = {
    "place": "no position on the sky without the WCS of an image (wcs=...; or save them in a frame such as icrs)",
    "width": "no width (line_width=... gives one to lines)",
    "area": "no area on the sky",
    "kind": f"a kind that is not known (known are {', '.join(KINDS)})",
}


def _why(refused: list[Refused]) -> str:
    """The text about regions that cannot be in a mask, grouped by reason."""
    groups = [(what, [str(one.leaf) for one in refused if one.lacks == lacks]) for lacks, what in _LACKS.items()]
    groups.append(("", [f"{one.leaf}: {one.why}" for one in refused if one.lacks == "value"]))
    groups.append(("", [one.why for one in refused if one.lacks == "line"]))
    groups = [group for group in groups if group[1]]
    room = _ROOM // len(groups)
    return "; ".join(
        f"{_shortened(some, ', ', room)} {'has' if len(some) == 1 else 'have'} {what}"
        if what
        else _shortened(some, "; ", room)
        for what, some in groups
    )


def _shortened(words: list[str], separator: str, room: int) -> str:
    ends = accumulate(len(word) + len(separator) for word in words)
    shown = max(1, sum(end <= room for end in ends))
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return separator.join(words[:shown]) + more


def _build(leaves: list[Leaf], frame: str, context: Context) -> list[Placed | Refused]:
    """The shapes of simple regions, or why they have none: regions of astropy, and items of files."""
    is_item = [isinstance(leaf.region, items.Item) for leaf in leaves]
    if not any(is_item):
        return from_astropy.build(leaves, frame, context)
    plain = [leaf for leaf, one in zip(leaves, is_item, strict=True) if one]
    placed = iter(items.place(plain, frame, context.point_radius))
    rest = [leaf for leaf, one in zip(leaves, is_item, strict=True) if not one]
    others = iter(from_astropy.build(rest, frame, context))
    return [next(placed if one else others) for one in is_item]


# ---------------------------------------------------------------------- the argument `regions`


@dataclass(slots=True)
class _Part:
    """A region of a group: numbers of leaves and signs in postfix order ("~" is the complement)."""

    program: list[int | str]
    excluded: bool
    in_order: bool


@dataclass(slots=True)
class _Group:
    """The regions of a list, a text or a file."""

    parts: list[_Part | _Group] = field(default_factory=list)


def _collect(given: Any, where: str, leaves: list[Leaf], read: Callable[..., Any]) -> _Group:
    """The group of regions that was given; its simple regions are added to `leaves`."""
    members: Iterable[Any]
    group = _Group()
    if isinstance(given, str | PathLike):
        found, name = read(given)
        for number, one in enumerate(found):
            line = "" if one.line is None else f" in {one.unit} {one.line}"
            group.parts.append(_part(one.region, number, f"{line} of {name}{where}", leaves))
        return group
    if _is_region(given):
        members = [given]
    elif isinstance(given, Iterable) and not isinstance(given, bytes | SkyCoord):
        members = given
    elif type(given).__name__ == "Regions":
        members = given.regions
    else:
        raise TypeError(
            "regions must be a text in a region format such as ds9, a path, astropy regions or a list of these, "
            f"got {type(given).__name__}{where}"
        )
    for number, member in enumerate(members):
        if _is_region(member):
            group.parts.append(_part(member, number, where, leaves))
        else:
            group.parts.append(_collect(member, f" of item {number}{where}", leaves, read))
    return group


def _is_region(given: Any) -> bool:
    return any(cls.__name__ == "Region" for cls in type(given).__mro__)


def _is_excluded(region: Any) -> bool:
    return not (getattr(region, "meta", None) or {}).get("include", True)


def _part(region: Any, number: int, where: str, leaves: list[Leaf]) -> _Part:
    """A region as a program. There is no recursion, since compounds may be nested thousands deep."""
    program: list[int | str] = []
    stack = [(region, True)]
    while stack:
        region_, outermost = stack.pop()
        if not outermost and _is_excluded(region_):
            program.append("~")
        if hasattr(region_, "region1"):
            sign = _SIGNS.get(region_.operator)
            if sign is None:
                raise ValueError(
                    f"region {number} ({type(region_).__name__}){where} joins its parts by "
                    f"{region_.operator!r}, which is not one of operator.or_, and_ and xor"
                )
            program.append(sign)
            stack += [(region_.region1, False), (region_.region2, False)]
        else:
            program.append(len(leaves))
            leaves.append(Leaf(region_, number, where))
    # CRTF marks its regions with a type.
    return _Part(program[::-1], _is_excluded(region), in_order="type" in (region.meta or {}))


_SIGNS: dict[Any, Sign] = {
    operator.or_: "|",
    operator.and_: "&",
    operator.xor: "^",
    np.logical_or: "|",
    np.logical_and: "&",
    np.logical_xor: "^",
    np.bitwise_or: "|",
    np.bitwise_and: "&",
    np.bitwise_xor: "^",
}


# ---------------------------------------------------------------------- putting together


def _union(group: _Group, built: list[Placed | Refused]) -> list[Placed]:
    """Shapes whose union is the sky that a group keeps."""
    kept: list[tuple[int, Placed]] = []
    taken: list[tuple[float, Placed]] = []
    # Excluded regions are subtracted from the whole sky if the group includes nothing. A region that is left out for
    # its size or kind was meant to include something, but a line or a label was not.
    from_whole_sky = True
    for number, part in enumerate(group.parts):
        if isinstance(part, _Part):
            results = [built[i] for i in part.program if isinstance(i, int)]
            lacks = {one.lacks for one in results if isinstance(one, Refused)}
            if lacks:
                from_whole_sky &= part.excluded or lacks <= {"area", "width"}
                continue
        shapes = _union(part, built) if isinstance(part, _Group) else [_run(part.program, built)]
        if isinstance(part, _Part) and part.excluded:
            if part.in_order and from_whole_sky:
                kept.append((-1, _everywhere(WHOLE_SKY)))
            reaches_to = number if part.in_order else math.inf
            taken += [(reaches_to, shape) for shape in shapes]
        else:
            kept += [(number, shape) for shape in shapes]
        from_whole_sky &= not kept
    if not taken:
        return [shape for _, shape in kept]
    return _without(kept or [(-1, _everywhere(WHOLE_SKY))] * from_whole_sky, taken)


def _without(kept: list[tuple[int, Placed]], taken: list[tuple[float, Placed]]) -> list[Placed]:
    """Each of the kept shapes minus those of the taken ones that may touch it."""
    reaches_to = np.array([number for number, _ in taken])
    centres = np.array([shape.centre for _, shape in taken])
    reaches = np.array([shape.reach for _, shape in taken])
    result = []
    for number, keep in kept:
        # A little wider than exact, for rounding.
        limit = np.minimum(reaches + keep.reach + 1e-9, math.pi)
        far = np.linalg.norm(centres - keep.centre, axis=1) > 2 * np.sin(limit / 2) + 1e-9
        near = [taken[i][1].shape for i in np.flatnonzero(~far & (reaches_to > number))]
        shape = Combined(keep.shape, joined("|", near), "-") if near else keep.shape
        result.append(Placed(shape, keep.centre, keep.reach))
    return result


def _run(program: list[int | str], built: list[Placed | Refused]) -> Placed:
    """A region as one shape. Chains of one sign are stored as lists, which keeps the trees shallow."""
    stack: list[tuple[str, list[Placed]]] = []
    for step in program:
        if isinstance(step, int):
            stack.append(("", [built[step]]))  # type: ignore[list-item]
        elif step == "~":
            shape = Combined(WHOLE_SKY, _whole_of(*stack.pop()).shape, "-")
            stack.append(("", [_everywhere(shape)]))
        else:
            right, left = stack.pop(), stack.pop()
            chain = left[1] if left[0] in ("", step) else [_whole_of(*left)]
            chain += right[1] if right[0] in ("", step) else [_whole_of(*right)]
            stack.append((step, chain))
    return _whole_of(*stack.pop())


def _whole_of(sign: str, shapes: list[Placed]) -> Placed:
    """A chain as one shape."""
    if len(shapes) == 1:
        return shapes[0]
    return _everywhere(joined(sign, [one.shape for one in shapes]))  # type: ignore[arg-type]


def _everywhere(shape: Shape) -> Placed:
    return Placed(shape, (1.0, 0.0, 0.0), math.pi)
