"""Mask: a sky mask per energy bin. The value and its algebra are here, its other methods in the modules beside this.

All of these are thin: the work is done in the verb modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from hpmask import frames
from hpmask.energy import EnergyAxis, difference
from hpmask.history import joined
from hpmask.mask.changing import Changing
from hpmask.mask.handing_over import HandingOver
from hpmask.mask.looking import Looking
from hpmask.mask.making import Making
from hpmask.rangeset import RangeSet, check_order, flat
from hpmask.words import counted, fraction_text

if TYPE_CHECKING:
    from hpmask.stack import Stack

__all__ = ["Mask", "intersection_all", "union_all"]


class Mask(Making, Looking, Changing, HandingOver):
    """A set of sky cells, one per energy bin or one for all energies. True = kept.

    An exclusion mask holds the sky that stays: what is to be thrown away is not in it.

    Parameters
    ----------
    planes : RangeSet or sequence of RangeSet
        The sky: one set, or one per bin of `energy`.
    order : int, optional
        Order that the mask is resolved to; by default the finest of its planes. No plane may be finer.
    frame : {"icrs", "galactic"}, optional
        Frame of the cells.
    energy : EnergyAxis, optional
        Energy bins. A single plane then holds in all of them.
    history : sequence of str, optional
        How the mask was made, a line per step. Takes no part in comparisons.

    Raises
    ------
    TypeError, ValueError
        If the number of planes is not the number of bins, or an argument is of another kind.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Mask
    >>> crab = SkyCoord(83.633, 22.014, unit="deg")
    >>> mask = ~Mask.from_cones(crab, "1 deg", order=10)
    >>> mask.contains(crab)
    False
    >>> print(f"{(~mask).area:.2f}")
    3.15 deg2
    """

    __slots__ = ("__weakref__", "_energy", "_frame", "_history", "_order", "_planes", "_stacked")

    def __init__(
        self,
        planes: RangeSet | Sequence[RangeSet],
        *,
        order: int | None = None,
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        history: Sequence[str] = (),
    ) -> None:
        if energy is not None and not isinstance(energy, EnergyAxis):
            raise TypeError(f"energy must be an EnergyAxis, got {type(energy).__name__}")
        if isinstance(history, str):
            raise TypeError(f"history must be a sequence of lines, got the string {history!r}")
        n_bins = 1 if energy is None else energy.n_bins
        planes = [planes] * n_bins if isinstance(planes, RangeSet) else list(planes)
        for plane in planes:
            if not isinstance(plane, RangeSet):
                raise TypeError(f"planes must be RangeSets, got {type(plane).__name__}")
        if len(planes) != n_bins:
            bins = "a mask without energy has one plane" if energy is None else f"energy has {counted(n_bins, 'bin')}"
            raise ValueError(f"{bins}, got {counted(len(planes), 'plane')}")
        finest = max(plane.order for plane in planes)
        self._order = finest if order is None else check_order(order)
        if finest > self._order:
            raise ValueError(f"order is {self._order}, but a plane has order {finest}")
        self._planes = _shared(planes, self._order)
        self._frame = frames.check_frame(frame)
        self._energy = energy
        self._history = tuple(history)
        self._stacked: list[Stack] | None = None

    # ------------------------------------------------------------------ the parts of the value

    @property
    def frame(self) -> str:
        """Frame of the cells, "icrs" or "galactic"."""
        return self._frame

    @property
    def order(self) -> int:
        """Order that the mask is resolved to."""
        return self._order

    @property
    def energy(self) -> EnergyAxis | None:
        """Energy bins, or None where the mask holds for all energies."""
        return self._energy

    @property
    def planes(self) -> tuple[RangeSet, ...]:
        """The sky of each bin. Equal planes are one object."""
        return self._planes

    @property
    def history(self) -> tuple[str, ...]:
        """How the mask was made, a line per step."""
        return self._history

    @property
    def n_ranges(self) -> int:
        """Number of ranges in memory; shared planes count once."""
        return sum(plane.n_ranges for plane in self._distinct())

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the ranges take; shared planes count once."""
        return sum(plane.nbytes for plane in self._distinct())

    def _distinct(self) -> list[RangeSet]:
        return list({id(plane): plane for plane in self._planes}.values())

    def _stacks(self) -> list[Stack]:
        """The distinct planes for look-ups in all of them at once, made at the first call and kept."""
        if self._stacked is None:
            from hpmask import stack

            planes = self._distinct()
            parts = (planes[k : k + stack.MOST] for k in range(0, len(planes), stack.MOST))
            self._stacked = [stack.Stack(part, self._order) for part in parts]
        return self._stacked

    def _per_plane(self, values: Iterable[Any]) -> Any:
        """One value for a mask without energy, an array of one per bin for a mask with it."""
        values = np.array(list(values))
        return values if self._energy is not None else values[0].item()

    def _needed_energy(self) -> EnergyAxis:
        if self._energy is None:
            raise ValueError("the mask has no energy bins, it holds at all energies")
        return self._energy

    # ------------------------------------------------------------------ algebra

    def _combine(self, other: object, sign: str) -> Any:
        if not isinstance(other, Mask):
            return NotImplemented
        energy = self._common_energy(other)
        operation = getattr(RangeSet, _OPERATIONS[sign])
        done: dict[tuple[int, int], RangeSet] = {}
        planes = []
        for a, b in self._pairs(other):
            key = (id(a), id(b))
            if key not in done:
                done[key] = operation(a, b)
            planes.append(done[key])
        history = joined(self._history, other._history, sign)
        order = max(self._order, other._order)
        return Mask(planes, order=order, frame=self._frame, energy=energy, history=history)

    def _common_energy(self, other: Mask) -> EnergyAxis | None:
        """The energy axis of an operation on both; raises if there is none."""
        self._check_frame(other)
        if self._energy is not None and other._energy is not None and self._energy != other._energy:
            raise ValueError(
                f"masks with different energy axes: {self._energy} and {other._energy}, "
                f"whose {difference(self._energy, other._energy)}"
            )
        return self._energy if self._energy is not None else other._energy

    def _check_frame(self, other: Mask) -> None:
        if not isinstance(other, Mask):
            raise TypeError(f"expected a Mask, got {type(other).__name__}")
        if self._frame != other._frame:
            raise ValueError(
                f"masks in different frames, {self._frame!r} and {other._frame!r}: "
                f"bring one to the other's with to_frame({self._frame!r}, order=...)"
            )

    def _pairs(self, other: Mask) -> Iterator[tuple[RangeSet, RangeSet]]:
        """Pairs of planes; a single plane goes with every one of the other's."""
        n = max(len(self._planes), len(other._planes))
        mine = self._planes if self._energy is not None else self._planes * n
        theirs = other._planes if other._energy is not None else other._planes * n
        return zip(mine, theirs, strict=True)

    def __or__(self, other: Mask) -> Mask:
        return self._combine(other, "|")  # type: ignore[no-any-return]

    def __and__(self, other: Mask) -> Mask:
        return self._combine(other, "&")  # type: ignore[no-any-return]

    def __mul__(self, other: Mask) -> Mask:
        return self._combine(other, "&")  # type: ignore[no-any-return]

    def __xor__(self, other: Mask) -> Mask:
        return self._combine(other, "^")  # type: ignore[no-any-return]

    def __sub__(self, other: Mask) -> Mask:
        return self._combine(other, "-")  # type: ignore[no-any-return]

    def __invert__(self) -> Mask:
        return self._mapped(RangeSet.__invert__, history=joined(self._history, (), "~"))

    def union(self, *others: Mask | Iterable[Mask]) -> Mask:
        """What this mask or any of the others keeps, in one pass over all of them.

        Parameters
        ----------
        *others : Mask or iterable of Mask
            Other masks, of any order. A mask without energy holds in all bins of the others.

        Raises
        ------
        TypeError, ValueError
            If one of them is no Mask, or frames or energy axes differ.

        See Also
        --------
        hpmask.union_all : the same of a list of masks.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("60 deg", "90 deg"), order=5)
        >>> south = Mask.from_zone(None, ("-90 deg", "-60 deg"), order=5)
        >>> north.union(south) == north.union([south]) == north | south
        True
        """
        return union_all([self, *flat(others)])

    def intersection(self, *others: Mask | Iterable[Mask]) -> Mask:
        """What this mask and all of the others keep, in one pass over all of them. Parameters as in `union`."""
        return intersection_all([self, *flat(others)])

    def difference(self, *others: Mask | Iterable[Mask]) -> Mask:
        """What this mask keeps and none of the others. Parameters as in `union`."""
        masks = flat(others)
        return self - union_all(masks) if masks else self

    def symmetric_difference(self, other: Mask) -> Mask:
        """What one of the two masks keeps and the other does not."""
        self._check_frame(other)
        return self ^ other

    def issubset(self, other: Mask) -> bool:
        """Whether `other` keeps all that this mask keeps, in every bin."""
        self._common_energy(other)
        return all(a.issubset(b) for a, b in self._pairs(other))

    def overlaps(self, other: Mask) -> bool:
        """Whether the masks share any sky, in any bin."""
        self._common_energy(other)
        return any(a.overlaps(b) for a, b in self._pairs(other))

    def isdisjoint(self, other: Mask) -> bool:
        """Whether the masks share no sky, in no bin."""
        return not self.overlaps(other)

    def __eq__(self, other: object) -> bool:
        """Whether both keep the same sky in the same frame and the same bins, whatever their orders."""
        if not isinstance(other, Mask):
            return NotImplemented
        return self._frame == other._frame and self._energy == other._energy and self._planes == other._planes

    def __hash__(self) -> int:
        return hash((self._frame, self._energy, self._planes))

    def __bool__(self) -> bool:
        raise TypeError("a Mask is neither true nor false: ask is_empty, is_full, overlaps or issubset")

    # ------------------------------------------------------------------ what its methods share

    def _mapped(
        self, function: Callable[[RangeSet], RangeSet], *, order: int | None = None, history: Sequence[str]
    ) -> Mask:
        """The mask with a function applied to each distinct plane, once."""
        done = {id(plane): function(plane) for plane in self._distinct()}
        planes = [done[id(plane)] for plane in self._planes]
        order = self._order if order is None else order
        return Mask(planes, order=order, frame=self._frame, energy=self._energy, history=history)

    def _with_history(self, history: Sequence[str]) -> Mask:
        return Mask(self._planes, order=self._order, frame=self._frame, energy=self._energy, history=history)

    def _with_planes(self, planes: Sequence[RangeSet], step: str) -> Mask:
        """The mask with other planes, which `step` made of its own."""
        history = joined(self._history, (), step)
        return Mask(planes, order=self._order, frame=self._frame, energy=self._energy, history=history)

    # ------------------------------------------------------------------ the rest

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._planes, self._order, self._frame, self._energy, self._history)

    def __copy__(self) -> Mask:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Mask:
        return self

    def __repr__(self) -> str:
        parts = [f"{self._frame} order={self._order}"]
        if self._energy is not None:
            edges = self._energy.edges
            span = f"{edges[0].value:.4g}-{edges[-1].value:.4g} {edges.unit.to_string()}"
            parts.append(f"{counted(self._energy.n_bins, 'bin')} {span}")
        parts.append(f"{counted(self.n_ranges, 'range')}, {_size(self.nbytes)}")
        planes = sorted(self._distinct(), key=lambda plane: plane.sky_fraction)
        span = " to ".join(dict.fromkeys([fraction_text(planes[0]), fraction_text(planes[-1])]))
        parts.append(f"{span} of the sky")
        return f"<Mask {' | '.join(parts)}>"

    def _repr_html_(self) -> str:
        from hpmask import plot

        return plot.html(self)


def _name_methods() -> None:
    """Have Python's own errors say Mask.dilate, not the name of the class that the method comes from."""
    for part in (Making, Looking, Changing, HandingOver):
        for name, member in vars(part).items():
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType):
                function.__qualname__ = f"Mask.{name}"


_name_methods()

_OPERATIONS = {"|": "__or__", "&": "__and__", "^": "__xor__", "-": "__sub__"}


def _shared(planes: list[RangeSet], order: int) -> tuple[RangeSet, ...]:
    """The planes, resolved to `order`, equal ones as one object."""
    distinct = {id(plane): plane.refine(order) for plane in planes}
    if len(distinct) > 1:
        first: dict[RangeSet, RangeSet] = {}
        distinct = {key: first.setdefault(plane, plane) for key, plane in distinct.items()}
    return tuple(distinct[id(plane)] for plane in planes)


def union_all(masks: Iterable[Mask]) -> Mask:
    """What any of the masks keeps, in one pass over all of them.

    Parameters
    ----------
    masks : iterable of Mask
        At least one mask; orders may differ. A mask without energy holds in all bins of the others.

    Raises
    ------
    TypeError, ValueError
        If there is no mask, one is of another type, or frames or energy axes differ.

    Examples
    --------
    >>> import hpmask
    >>> from hpmask import Mask
    >>> zones = [Mask.from_zone((f"{lon} deg", f"{lon + 90} deg"), None, order=5) for lon in (0, 90, 180, 270)]
    >>> hpmask.union_all(zones).is_full
    True
    """
    return _many(masks, RangeSet.union_all, "|")


def intersection_all(masks: Iterable[Mask]) -> Mask:
    """What all of the masks keep, in one pass over all of them.

    Parameters
    ----------
    masks : iterable of Mask
        At least one mask; orders may differ. A mask without energy holds in all bins of the others.

    Raises
    ------
    TypeError, ValueError
        If there is no mask, one is of another type, or frames or energy axes differ.

    Examples
    --------
    >>> import hpmask
    >>> from hpmask import Mask
    >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=5)
    >>> east = Mask.from_zone(("0 deg", "90 deg"), None, order=5)
    >>> hpmask.intersection_all([north, east]) == north & east
    True
    """
    return _many(masks, RangeSet.intersection_all, "&")


def _many(masks: Iterable[Mask], many: Callable[[Iterable[RangeSet]], RangeSet], sign: str) -> Mask:
    masks = list(masks)
    if not masks:
        raise ValueError("at least one mask is needed, got none")
    for mask in masks:
        if not isinstance(mask, Mask):
            raise TypeError(
                f"expected Masks, got {type(mask).__name__} (lists of masks go to hpmask.union_all or intersection_all)"
            )
    first = next((mask for mask in masks if mask.energy is not None), masks[0])
    for mask in masks:
        first._common_energy(mask)
    n = len(first.planes)
    columns = [mask.planes if mask.energy is not None else mask.planes * n for mask in masks]
    done: dict[tuple[int, ...], RangeSet] = {}
    planes = []
    for column in zip(*columns, strict=True):
        key = tuple(id(plane) for plane in column)
        if key not in done:
            done[key] = many(column)
        planes.append(done[key])
    lines = [line for mask in masks for line in mask.history]
    history = joined(lines, (), f"{sign} of {counted(len(masks), 'mask')}")
    order = max(mask.order for mask in masks)
    return Mask(planes, order=order, frame=first.frame, energy=first.energy, history=history)


def _rebuild(
    planes: tuple[RangeSet, ...],
    order: int,
    frame: str,
    energy: EnergyAxis | None,
    history: tuple[str, ...],
) -> Mask:
    return Mask(planes, order=order, frame=frame, energy=energy, history=history)


def _size(nbytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} GB"
