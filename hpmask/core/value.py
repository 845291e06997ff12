"""The value of a mask: planes of cells, an order, a frame and energy bins, with the operators on such values.

`hpmask.Mask` is the class that users see. It adds the methods. The modules below it take and return these values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import check_order
from hpmask._utils.history import Expression, title_of
from hpmask._utils.parallel import thread_map
from hpmask._utils.pickles import rebuilder
from hpmask._utils.stable import stable_hash
from hpmask._utils.words import counted, fraction_text
from hpmask.core import layers
from hpmask.core.rangeset import RangeSet
from hpmask.energy.axis import EnergyAxis, check_axis, difference, summary
from hpmask.geometry.frames import check_frame

__all__ = [
    "MaskValue",
    "binwise",
    "check_mask",
    "check_within",
    "common_energy",
    "distinct_planes",
    "layers_of",
    "mapped",
    "needed_energy",
    "new_mask",
    "pairs",
    "per_plane",
    "planes_within",
    "planewise",
    "set_face",
    "with_history",
    "with_planes",
]


class MaskValue:
    """The value of a mask; see `hpmask.Mask` for its parameters."""

    __slots__ = ("__weakref__", "_energy", "_frame", "_history", "_layers", "_order", "_planes")

    def __init__(
        self,
        planes: RangeSet | Sequence[RangeSet],
        *,
        order: int | None = None,
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        history: str | Expression = "",
    ) -> None:
        if energy is not None:
            check_axis(energy)
        if isinstance(history, str):
            history = Expression.parse(history)
        if not isinstance(history, Expression):
            raise TypeError(f"history must be a string, got {history!r}")
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
        self._frame = check_frame(frame)
        self._energy = energy
        self._history = history if history.text else _unknown_origin(self)
        self._layers: list[layers.LayeredSet] | None = None

    # ------------------------------------------------------------------ properties

    @property
    def frame(self) -> str:
        """Frame of the mask, "icrs" or "galactic"."""
        return self._frame

    @property
    def order(self) -> int:
        """Order of the smallest cells that the mask may have."""
        return self._order

    @property
    def energy(self) -> EnergyAxis | None:
        """Energy bins, or None for a mask that is valid at all energies."""
        return self._energy

    @property
    def planes(self) -> tuple[RangeSet, ...]:
        """The set of cells of each bin; one for a mask without energy. Equal planes are the same object."""
        return self._planes

    @property
    def history(self) -> str:
        """How the mask was made, as an expression for readers. It is ignored in comparisons."""
        return str(self._history)

    @property
    def title(self) -> str:
        """Title of the recipe that made the mask, or "" if there is none. Other masks made from this one have none."""
        return title_of(self.history)

    @property
    def n_ranges(self) -> int:
        """Number of ranges in memory. Equal planes count once."""
        return sum(plane.n_ranges for plane in distinct_planes(self))

    @property
    def nbytes(self) -> int:
        """Memory of the ranges in bytes. Equal planes count once."""
        return sum(plane.nbytes for plane in distinct_planes(self))

    @property
    def sky_fraction(self) -> float | NDArray[np.float64]:
        """Fraction of the sky that is kept, 0 to 1: a float, or an array of shape (n_bins,) for a mask with energy."""
        return per_plane(self, (plane.sky_fraction for plane in self._planes))  # type: ignore[no-any-return]

    @property
    def area(self) -> u.Quantity:
        """Area that is kept, in deg2: a scalar, or of shape (n_bins,) for a mask with energy."""
        return (self.sky_fraction * 4 * np.pi * u.sr).to(u.deg**2)

    @property
    def is_empty(self) -> bool | NDArray[np.bool_]:
        """Whether nothing is kept: a bool, or an array of shape (n_bins,) for a mask with energy."""
        return per_plane(self, (plane.is_empty for plane in self._planes))  # type: ignore[no-any-return]

    @property
    def is_full(self) -> bool | NDArray[np.bool_]:
        """Whether the whole sky is kept: a bool, or an array of shape (n_bins,) for a mask with energy."""
        return per_plane(self, (plane.is_full for plane in self._planes))  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ operators

    def _combine(self, other: object, sign: str) -> Any:
        if not isinstance(other, MaskValue):
            return NotImplemented
        energy = common_energy(self, other)
        planes = binwise(pairs(self, other), getattr(RangeSet, _OPERATIONS[sign]))
        history = Expression.joined(sign, [self._history, other._history])
        order = max(self._order, other._order)
        return type(self)(planes, order=order, frame=self._frame, energy=energy, history=history)

    def __or__(self, other: MaskValue) -> Self:
        return self._combine(other, "|")  # type: ignore[no-any-return]

    def __and__(self, other: MaskValue) -> Self:
        return self._combine(other, "&")  # type: ignore[no-any-return]

    def __mul__(self, other: MaskValue) -> Self:
        return self._combine(other, "&")  # type: ignore[no-any-return]

    def __xor__(self, other: MaskValue) -> Self:
        return self._combine(other, "^")  # type: ignore[no-any-return]

    def __sub__(self, other: MaskValue) -> Self:
        return self._combine(other, "-")  # type: ignore[no-any-return]

    def __invert__(self) -> Self:
        return mapped(self, RangeSet.__invert__, history=self._history.inverted())

    def __le__(self, other: MaskValue) -> bool:
        if not isinstance(other, MaskValue):
            return NotImplemented
        common_energy(self, other)
        return all(a.issubset(b) for a, b in pairs(self, other))

    def __ge__(self, other: MaskValue) -> bool:
        return other <= self if isinstance(other, MaskValue) else NotImplemented

    def __lt__(self, other: MaskValue) -> bool:
        return self <= other and not other <= self if isinstance(other, MaskValue) else NotImplemented

    def __gt__(self, other: MaskValue) -> bool:
        return other < self if isinstance(other, MaskValue) else NotImplemented

    def __eq__(self, other: object) -> bool:
        """Whether two masks keep the same sky in the same frame and the same bins, whatever their orders are."""
        if not isinstance(other, MaskValue):
            return NotImplemented
        return self._frame == other._frame and self._energy == other._energy and self._planes == other._planes

    def __hash__(self) -> int:
        energy = None if self._energy is None else hash(self._energy)
        # Equal planes are often one object.
        hashes = {id(plane): hash(plane) for plane in self._planes}
        return stable_hash("mask", self._frame, energy, *(hashes[id(plane)] for plane in self._planes))

    def __bool__(self) -> bool:
        raise TypeError(
            "a Mask is neither true nor false: use is_empty, is_full, overlaps or issubset; "
            "gammapy's makers take mask.to_exclusion_mask()"
        )

    # ------------------------------------------------------------------ arrays and maps of others

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Refuse to become an array, except as one object. numpy would make an array of one object in silence."""
        if dtype is not None and np.dtype(dtype).kind == "O":
            return _as_object(self)
        raise TypeError(f"a {type(self).__name__} cannot become an array, {_NO_PIXELS}")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Refuse to be combined with arrays, except with arrays of objects. numpy would make an array of masks."""
        others = [one for one in inputs if not isinstance(one, MaskValue)]
        objects = all(isinstance(one, np.ndarray) and one.dtype.kind == "O" for one in others)
        if method != "__call__" or not (objects or ufunc in (np.equal, np.not_equal)):
            raise TypeError(
                f"a {type(self).__name__} cannot be combined with an array (numpy.{ufunc.__name__}), {_NO_PIXELS}"
            )
        parts = [_as_object(one) if isinstance(one, MaskValue) else one for one in inputs]
        return ufunc(*parts, **kwargs)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Explain what to do where a gammapy map is expected. Type checkers must not see this method."""
            hint = f": it is not a map of gammapy, {_NO_PIXELS}" if name in _OF_MAPS else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name, obj=self)

    # ------------------------------------------------------------------ bins

    def __getitem__(self, bins: int | slice) -> Self:
        """Return one bin as a mask without energy, or a slice of bins as a mask with these bins."""
        axis = needed_energy(self)
        if isinstance(bins, slice):
            part = axis[bins]
            text = ":".join("" if one is None else str(one) for one in (bins.start, bins.stop))
            text = text if bins.step is None else f"{text}:{bins.step}"
            return type(self)(
                self._planes[bins], order=self._order, frame=self._frame, energy=part, history=self._history.item(text)
            )
        if isinstance(bins, bool) or not isinstance(bins, int | np.integer):
            raise TypeError(
                f"the index of a mask must be the number of an energy bin or a slice of bins, got {bins!r}: "
                "use contains(coord) to look up positions"
            )
        if not -axis.n_bins <= bins < axis.n_bins:
            raise IndexError(f"bin {bins} is not one of a mask with {counted(axis.n_bins, 'bin')}")
        return type(self)(
            self._planes[bins], order=self._order, frame=self._frame, history=self._history.item(str(bins))
        )

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(needed_energy(self).n_bins))

    def __contains__(self, item: object) -> bool:
        raise TypeError("use contains(coord) to look up positions, and issubset or <= to compare masks")

    # ------------------------------------------------------------------ copies and text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._planes, self._order, self._frame, self._energy, self.history)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        parts = [f"{self._frame} order={self._order}"]
        if self._energy is not None:
            parts.append(summary(self._energy))
        parts.append(f"{counted(self.n_ranges, 'range')}, {_size(self.nbytes)}")
        planes = sorted(distinct_planes(self), key=lambda plane: plane.sky_fraction)
        span = " to ".join(dict.fromkeys([fraction_text(planes[0]), fraction_text(planes[-1])]))
        parts.append(f"{span} of the sky")
        return f"<{type(self).__name__} {' | '.join(parts)}>"


M = TypeVar("M", bound=MaskValue)
T = TypeVar("T")

# What the errors about pixels advise.
_NO_PIXELS = (
    "because it has no pixels: to_gammapy(geom) makes a map of gammapy, such as dataset.mask_fit, to_exclusion_mask() "
    "serves gammapy's makers, and to_wcs and to_healpix make arrays"
)
# What gammapy's datasets and makers ask of a map.
_OF_MAPS = frozenset(
    {
        *("data", "dtype", "geom", "is_mask", "quantity", "shape", "unit"),
        *("get_by_coord", "interp_to_geom", "pad", "downsample", "slice_by_idx", "to_hdulist", "to_region_nd_map"),
        *("reduce_over_axes", "resample_axis", "sum_over_axes"),
    }
)

_OPERATIONS = {"|": "__or__", "&": "__and__", "^": "__xor__", "-": "__sub__"}


def _shared(planes: list[RangeSet], order: int) -> tuple[RangeSet, ...]:
    """The planes at `order`; equal planes become the same object."""
    distinct = {id(plane): plane.at_order(order) for plane in planes}
    if len(distinct) > 1:
        first: dict[RangeSet, RangeSet] = {}
        distinct = {key: first.setdefault(plane, plane) for key, plane in distinct.items()}
    return tuple(distinct[id(plane)] for plane in planes)


def _as_object(mask: MaskValue) -> NDArray[Any]:
    """An array of shape () that holds the mask as an object."""
    array = np.empty((), dtype=object)
    array[()] = mask
    return array


def _unknown_origin(mask: MaskValue) -> Expression:
    """The history of a mask that is made from planes of unknown origin."""
    bins = "" if mask.energy is None else f"{counted(mask.energy.n_bins, 'bin')}, "
    return Expression(f"Mask({bins}{counted(mask.n_ranges, 'range')}, order={mask.order})")


@rebuilder("Mask")
def _rebuild(cls: type[M], planes: Any, order: Any, frame: Any, energy: Any, history: Any) -> M:
    if not (isinstance(cls, type) and issubclass(cls, MaskValue)):
        raise TypeError(f"its class is {cls!r}")
    return cls(planes, order=check_order(order), frame=frame, energy=energy, history=history)


def _size(nbytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} GB"


# ---------------------------------------------------------------------- for the modules that work on masks


_face: type[MaskValue] | None = None
# The module that sets it. It is above this one, so it is loaded by its name, if nobody has loaded it.
_MODULE_OF_FACE = "hpmask.mask"


def set_face(face: type[MaskValue]) -> None:
    """Set the class that `new_mask` makes: the one that users see."""
    global _face
    _face = face


def new_mask(
    planes: RangeSet | Sequence[RangeSet],
    *,
    order: int | None = None,
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    history: str | Expression = "",
) -> MaskValue:
    """A mask of the class that users see, for modules that cannot import `hpmask.Mask`."""
    if _face is None:
        import_module(_MODULE_OF_FACE)
    return (_face or MaskValue)(planes, order=order, frame=frame, energy=energy, history=history)


def distinct_planes(mask: MaskValue) -> list[RangeSet]:
    """The planes of a mask without repetitions, in the order of the bins."""
    return list({id(plane): plane for plane in mask.planes}.values())


def layers_of(mask: MaskValue) -> list[layers.LayeredSet]:
    """The distinct planes, for look-ups in all of them at once. They are made at the first call and kept."""
    if mask._layers is None:
        planes = distinct_planes(mask)
        parts = (planes[k : k + layers.MAX_SETS] for k in range(0, len(planes), layers.MAX_SETS))
        mask._layers = [layers.LayeredSet(part, mask.order) for part in parts]
    return mask._layers


def per_plane(mask: MaskValue, values: Iterable[Any]) -> Any:
    """One value for a mask without energy, an array of shape (n_bins,) for a mask with energy."""
    values = np.array(list(values))
    return values if mask.energy is not None else values[0].item()


def needed_energy(mask: MaskValue) -> EnergyAxis:
    """The energy axis of a mask. Raises a ValueError if there is none."""
    if mask.energy is None:
        raise ValueError("the mask has no energy bins: it is valid at all energies")
    return mask.energy


def check_mask(mask: object, argument: str = "other") -> None:
    """Raise a TypeError that names `argument`, unless it is a mask."""
    if not isinstance(mask, MaskValue):
        raise TypeError(f"{argument} must be a Mask, got {type(mask).__name__}")


def planes_within(
    within: MaskValue, *, order: int, frame: str, energy: EnergyAxis | None, of: str = "mask"
) -> list[RangeSet]:
    """The planes of a mask that limits a new map or mask, at its order and one for each of its bins.

    The argument is `within`, and `of` is what it limits. A cell is in a plane if its centre is.

    Raises
    ------
    TypeError, ValueError
        As in `check_within`.
    """
    check_within(within, frame=frame, energy=energy, of=of)
    planes = {id(plane): plane.at_order(order, mode="center") for plane in within.planes}
    chosen = [planes[id(plane)] for plane in within.planes]
    return chosen if within.energy is not None or energy is None else chosen * energy.n_bins


def check_within(within: object, *, frame: str, energy: EnergyAxis | None, of: str = "mask") -> None:
    """Check a mask that limits a new map or mask: the argument is `within`, and `of` is what it limits.

    Raises
    ------
    TypeError, ValueError
        If `within` is not a mask, or has another frame or other energy bins.
    """
    check_mask(within, "within")
    assert isinstance(within, MaskValue)
    if within.frame != frame:
        raise ValueError(f"within must have the frame of the {of}, {frame!r}, got {within.frame!r}")
    if within.energy is not None and within.energy != energy:
        bins = "no energy bins" if energy is None else f"the bins {energy}"
        raise ValueError(
            f"within must have the energy bins of the {of} or none, got {within.energy}: the {of} has {bins}"
        )


def check_same_frame(a: MaskValue, b: MaskValue) -> None:
    """Raise a ValueError unless two masks have the same frame."""
    if a.frame != b.frame:
        raise ValueError(
            f"the masks have different frames, {a.frame!r} and {b.frame!r}: "
            f"convert one of them with to_frame({a.frame!r}, order=...)"
        )


def common_energy(a: MaskValue, b: MaskValue) -> EnergyAxis | None:
    """The energy axis of the result of an operation on two masks. Raises a ValueError if frames or axes differ."""
    check_same_frame(a, b)
    if a.energy is not None and b.energy is not None and a.energy != b.energy:
        raise ValueError(
            f"the masks have different energy axes, {a.energy} and {b.energy}: {difference(a.energy, b.energy)}"
        )
    return a.energy if a.energy is not None else b.energy


def pairs(a: MaskValue, b: MaskValue) -> Iterator[tuple[RangeSet, RangeSet]]:
    """Pairs of planes of two masks. A mask without energy has the same plane in all bins of the other."""
    n = max(len(a.planes), len(b.planes))
    first = a.planes if a.energy is not None else a.planes * n
    second = b.planes if b.energy is not None else b.planes * n
    return zip(first, second, strict=True)


def mapped(
    mask: M,
    function: Callable[[RangeSet], RangeSet],
    *,
    order: int | None = None,
    history: Expression,
    n_threads: int | None = 1,
) -> M:
    """A mask whose planes are the results of a function, which is called once for each distinct plane."""
    planes = planewise(mask, function, n_threads=n_threads)
    order = mask.order if order is None else order
    return type(mask)(planes, order=order, frame=mask.frame, energy=mask.energy, history=history)


def binwise(columns: Iterable[tuple[RangeSet, ...]], operation: Callable[..., RangeSet]) -> list[RangeSet]:
    """The result of an operation on the planes of each bin. Bins with the same planes share it."""
    done: dict[tuple[int, ...], RangeSet] = {}
    results = []
    for column in columns:
        key = tuple(id(plane) for plane in column)
        if key not in done:
            done[key] = operation(*column)
        results.append(done[key])
    return results


def planewise(mask: MaskValue, function: Callable[[RangeSet], T], *, n_threads: int | None = 1) -> list[T]:
    """The results of a function for the planes of a mask. It is called once for each distinct plane, on threads."""
    planes = distinct_planes(mask)
    results = thread_map(function, planes, n_threads)
    done = {id(plane): result for plane, result in zip(planes, results, strict=True)}
    return [done[id(plane)] for plane in mask.planes]


def then(mask: MaskValue, call: str) -> Expression:
    """The history of the result of a method: ``then(mask, "dilate(1 deg)")``."""
    return mask._history.then(call)


def history_of(mask: MaskValue) -> Expression:
    """The history of a mask as an expression that can be extended."""
    return mask._history


def with_history(mask: M, history: str | Expression) -> M:
    """The same mask with another history."""
    return type(mask)(mask.planes, order=mask.order, frame=mask.frame, energy=mask.energy, history=history)


def with_planes(mask: M, planes: Sequence[RangeSet], call: str) -> M:
    """A mask with other planes, which the method `call` made from the planes of `mask`."""
    return type(mask)(planes, order=mask.order, frame=mask.frame, energy=mask.energy, history=then(mask, call))
