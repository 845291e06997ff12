"""Sources that are masks, or that become masks by their values: mask files, images, maps and sky maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from astropy import units as u

from hpmask._utils.arguments import CLOSED
from hpmask._utils.modes import Mode
from hpmask.core.algebra import union_all
from hpmask.mask import Mask
from hpmask.recipe.protocols import Grid, Loaded, check_per_bin
from hpmask.recipe.sections import Section
from hpmask.values.criterion import KEEP, Criterion
from hpmask.wcs.grid import Grid as Pixels
from hpmask.wcs.grid import order_for
from hpmask.wcs.inputs import as_target

__all__ = ["Image", "Masks", "names_of"]


@dataclass(frozen=True, slots=True)
class Masks:
    """The union of mask files."""

    key: ClassVar[str] = "mask"
    has_shapes: ClassVar[bool] = False

    paths: list[Path]

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Masks:
        return cls(section.files("mask"))

    @property
    def files(self) -> Sequence[Path]:
        return self.paths

    @property
    def title(self) -> str:
        return names_of(self.paths)

    def load(self, grid: Grid) -> Loaded:
        return _LoadedMasks(self.paths, [Mask.read(path) for path in self.paths])


@dataclass(frozen=True, slots=True)
class _LoadedMasks:
    """The masks in files."""

    paths: list[Path]
    masks: list[Mask]

    def order(self, grid: Grid) -> int | None:
        return max((mask.order for mask in self.masks), default=None)

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        masks = []
        for path, mask in zip(self.paths, self.masks, strict=True):
            _check_bins(path, mask, grid)
            if mask.frame != grid.frame:
                if mode != "center":
                    raise ValueError(
                        f"{path.name} is in the frame {mask.frame!r}, but the recipe is in {grid.frame!r}: "
                        f"only the mode 'center' can convert between frames, got {mode!r}"
                    )
                mask = mask.to_frame(grid.frame, order=order)
            masks.append(mask.at_order(order, mode=mode))
        return union_all(masks), {}


def _check_bins(path: Path, mask: Mask, grid: Grid) -> None:
    """Raise a ValueError if a mask has other energy bins than the recipe."""
    if mask.energy is not None and mask.energy != grid.energy:
        bins = "none" if grid.energy is None else grid.energy
        raise ValueError(f"{path.name} has the energy bins {mask.energy}, but the recipe has {bins}")


def names_of(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


# ---------------------------------------------------------------------- values

# Whether missing values belong to the sky of an entry, and what the argument `nan` is for that: the sky of an entry is
# what a mask keeps.
_NAN = {"raise": None, "skip": False, "select": True}
_NAN_ADVICE = "nan = 'skip' to leave them out of the entry, or nan = 'select' to count them in"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which values belong to the sky of an entry.

    Attributes
    ----------
    words : dict of str to object
        The threshold or thresholds, with `keep`, `closed` and `connectivity`, as arguments of `hpmask.Mask.from_map`;
        empty for an entry without a threshold, whose values are booleans.
    nan : {"raise", "skip", "select"}
        Whether missing values belong to the entry.
    """

    words: dict[str, Any]
    nan: str

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Selection:
        select = section.choice("select", KEEP, default=">")
        pair = select in ("between", "outside")
        words = {
            "threshold": _level(section, "threshold", grid, pair=pair),
            "low": _level(section, "low", grid),
            "high": _level(section, "high", grid),
            "keep": select,
            "closed": section.choice("closed", CLOSED, default="left"),
            "connectivity": section.get("connectivity", int, default=8),
        }
        nan = section.choice("nan", tuple(_NAN), default="raise")
        key = next((key for key in ("threshold", "low", "high", "select", "connectivity") if key in section), None)
        try:
            criterion = Criterion.of(**words)
        except (TypeError, ValueError) as error:
            raise section.error(_in_keys(str(error)), key) from None
        return cls({} if criterion is None else words, nan)


def _in_keys(message: str) -> str:
    """The message of an error, with the keys of a recipe in place of Python's arguments."""
    message = message.replace("nan=True to keep them, or nan=False", _NAN_ADVICE)
    return message.replace("keep=", "select = ")


@contextmanager
def _errors_in_keys() -> Iterator[None]:
    """Raise errors with the keys of a recipe in place of Python's arguments."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(_in_keys(str(error))) from error


def _level(section: Section, key: str, grid: Grid, *, pair: bool = False) -> Any:
    """A threshold: a number or a quantity, or a list of them for the energy bins; or a pair of such thresholds."""
    value = section.get(key, str, float, list)
    if not isinstance(value, list):
        return None if value is None else _number(section, key, value)
    if not pair:
        return _levels(section, key, value, grid)
    if len(value) != 2:
        raise section.error(f"{key} must be two values such as [2, 5], got {value!r}", key)
    low, high = (
        _levels(section, key, one, grid) if isinstance(one, list) else _number(section, key, one) for one in value
    )
    return low, high


def _levels(section: Section, key: str, values: list[Any], grid: Grid) -> Any:
    check_per_bin(section, key, values, grid)
    numbers = [_number(section, key, value) for value in values]
    try:
        return u.Quantity(numbers) if any(isinstance(one, u.Quantity) for one in numbers) else np.array(numbers)
    except (TypeError, ValueError):
        raise section.error(f"{key} must have values in units of one kind, got {values!r}", key) from None


def _number(section: Section, key: str, value: Any) -> float | u.Quantity:
    try:
        if isinstance(value, str):
            return u.Quantity(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise section.error(f"{key} must be a number, or a quantity such as '5 / s', got {value!r}", key)


@dataclass(frozen=True, slots=True)
class Image:
    """The pixels of a FITS image that are 1, or whose values are selected."""

    key: ClassVar[str] = "image"
    has_shapes: ClassVar[bool] = False

    path: Path
    hdu: str | int | None
    selection: Selection
    invert: bool
    outside: bool

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Image:
        path, hdu = section.file("image"), section.get("hdu", str, int)
        selection = Selection.read(section, grid)
        invert = section.get("invert", bool, default=False)
        if invert and selection.words:
            raise section.error(
                "invert is for images of 0 and 1: with a threshold, 'select' has this meaning", "invert"
            )
        return cls(path, hdu, selection, invert, section.get("outside", bool, default=False))

    @property
    def files(self) -> Sequence[Path]:
        return [self.path]

    @property
    def title(self) -> str:
        return self.path.name if self.hdu is None else f"{self.path.name} [{self.hdu}]"

    def load(self, grid: Grid) -> Loaded:
        # Of the file, only the headers and the tables of energies are read here.
        target = as_target(self.path, self.hdu)
        return _LoadedImage(self, order_for(Pixels.of(target.wcs, target.shape)), target.energy is not None)


@dataclass(frozen=True, slots=True)
class _LoadedImage:
    """An image, the order that its pixels need, and whether its file has energies."""

    source: Image
    finest: int
    has_energies: bool

    def order(self, grid: Grid) -> int | None:
        return self.finest

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        source = self.source
        with _errors_in_keys():
            mask = Mask.from_wcs(
                source.path,
                hdu=source.hdu,
                order=order,
                mode=mode,
                outside=source.outside,
                nan=_NAN[source.selection.nan],
                invert=source.invert,
                energy=None if self.has_energies else grid.energy,
                frame=grid.frame,
                n_threads=n_threads,
                **source.selection.words,
            )
        _check_bins(source.path, mask, grid)
        return mask, {}
