"""Sources that are masks, or that become masks by their values: mask files, images, maps and sky maps."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from astropy import units as u

from hpmask import io
from hpmask._utils.arguments import CLOSED
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.modes import Mode
from hpmask._utils.warn import warn
from hpmask.core.algebra import union_all
from hpmask.geometry.frames import FRAMES
from hpmask.interop.maps import kind_of
from hpmask.mask import Mask
from hpmask.recipe.protocols import Grid, Loaded, check_per_bin
from hpmask.recipe.sections import Section
from hpmask.values.credible import CROSSING, as_levels
from hpmask.values.criterion import KEEP, Criterion
from hpmask.wcs.grid import Grid as Pixels
from hpmask.wcs.grid import order_for
from hpmask.wcs.inputs import as_target

__all__ = ["Image", "Map", "Masks", "Skymap", "names_of"]


# Advice for files that are not masks, in Python and in a recipe.
_INSTEAD = {
    "to make a mask of an image, use Mask.from_wcs": "for an image, write image = instead of mask =",
    "make a mask of this map with Mask.from_map(path, threshold), where nan= says what becomes of missing values": (
        "write map = instead of mask =, with a threshold, and nan = if values are missing"
    ),
}


@dataclass(frozen=True, slots=True)
class Masks:
    """The union of mask files."""

    key: ClassVar[str] = "mask"
    has_shapes: ClassVar[bool] = False

    paths: list[Path]
    table: _Table

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Masks:
        return cls(section.files("mask"), _Table.read(section))

    @property
    def files(self) -> Sequence[Path]:
        return self.paths

    @property
    def title(self) -> str:
        return names_of(self.paths)

    def load(self, grid: Grid) -> Loaded:
        try:
            return _LoadedMasks(self.paths, [Mask.read(path, **self.table.words) for path in self.paths])
        except MaskFormatError as error:
            message = str(error)
            for python, advice in _INSTEAD.items():
                message = message.replace(python, advice)
            raise ValueError(message) from error


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
            if _is_empty(masks[-1]) and not _is_empty(mask):
                _warn_of_nothing(path, mode, order, mask.order)
        return union_all(masks), {}


def _is_empty(mask: Mask) -> bool:
    return bool(np.all(mask.is_empty))


def _warn_of_nothing(path: Path, mode: Mode, order: int, finest: int) -> None:
    """Warn that all the sky of an entry is lost in the cells of the recipe, which are too large."""
    cell = "full cell" if mode == "inside" else "cell centre"
    warn(
        f"{path.name}: the sky of the entry holds no {cell} at order {order}: use mode = 'overlap' or order >= {finest}"
    )


def _check_bins(path: Path, mask: Mask, grid: Grid) -> None:
    """Raise a ValueError if a mask has other energy bins than the recipe."""
    if mask.energy is not None and mask.energy != grid.energy:
        bins = "none" if grid.energy is None else grid.energy
        raise ValueError(f"{path.name} has the energy bins {mask.energy}, but the recipe has {bins}")


def names_of(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the values of a HEALPix map are in a file, and the scheme and frame of its cells if the file lacks them."""

    column: str | int | None
    hdu: str | int | None
    nest: bool | None
    frame: str | None

    @classmethod
    def read(cls, section: Section) -> _Table:
        frame = section.choice("frame", FRAMES, default="icrs") if "frame" in section else None
        column, hdu = section.get("column", str, int), section.get("hdu", str, int)
        return cls(column, hdu, section.get("nest", bool), frame)

    @property
    def words(self) -> dict[str, Any]:
        """The arguments of `hpmask.io.read_map` and `hpmask.Mask.read`."""
        return {"column": self.column, "hdu": self.hdu, "nest": self.nest, "frame": self.frame}


# ---------------------------------------------------------------------- values

# Whether missing values belong to the sky of an entry, and the argument `nan` of `Mask.from_map` that does this: a mask
# keeps the sky of the entry.
_NAN = {"raise": "raise", "skip": "exclude", "select": "keep"}
# The argument `values` as the subject of a sentence.
_VALUES = re.compile(r"\bvalues(?=(\[\d+\])? (has|is|must)\b)")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which values of a file belong to the sky of an entry.

    Attributes
    ----------
    path : `~pathlib.Path`
        The file.
    hdu : str, int or None
        Name or number of the HDU.
    words : dict of str to object
        Arguments of `hpmask.Mask.from_map`: the threshold or thresholds, `nan`, `invert`, `outside` and others.
    """

    path: Path
    hdu: str | int | None
    words: dict[str, Any]

    @classmethod
    def read(cls, section: Section, grid: Grid, key: str) -> Selection:
        path, hdu = section.file(key), section.get("hdu", str, int)
        select = section.choice("select", KEEP, default=">")
        words = {
            "threshold": _level(section, "threshold", grid, pair=select in ("between", "outside")),
            "low": _level(section, "low", grid),
            "high": _level(section, "high", grid),
            "keep": select,
            "closed": section.choice("closed", CLOSED, default="left"),
            "connectivity": section.get("connectivity", int, default=8),
        }
        named = [key for key in ("threshold", "low", "high", "select", "connectivity") if key in section]
        try:
            Criterion.of(**words)
        except (TypeError, ValueError) as error:
            raise section.error(_in_keys(str(error)), named[0] if named else None) from None
        words["nan"] = _NAN[section.choice("nan", tuple(_NAN), default="raise")]
        words["invert"] = section.get("invert", bool, default=False)
        words["outside"] = section.get("outside", bool, default=False)
        return cls(path, hdu, words)

    @property
    def title(self) -> str:
        return self.path.name if self.hdu is None else f"{self.path.name} [{self.hdu}]"

    def mask(self, values: Any, **options: Any) -> Mask:
        """The mask that keeps the sky of the entry, from the file or the map in it."""
        try:
            return Mask.from_map(values, **self.words, **options)
        except (TypeError, ValueError) as error:
            raise ValueError(_in_keys(str(error))) from error


def _in_keys(message: str) -> str:
    """The message of an error, with the keys of a recipe in place of Python's arguments."""
    advice = "give nan = 'skip' to leave them out of the entry, or nan = 'select' to count them in"
    message = message.replace("give nan='keep' to keep them, or nan='exclude'", advice).replace("keep=", "select = ")
    message = message.replace("a threshold=", "a 'threshold'")
    return _VALUES.sub("the map", message)


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
    raise section.error(f"{key} must be a number, or a quantity such as '1e11 cm2 s', got {reprlib.repr(value)}", key)


@dataclass(frozen=True, slots=True)
class Image:
    """The pixels of a FITS image that are 1, or whose values are selected."""

    key: ClassVar[str] = "image"
    has_shapes: ClassVar[bool] = False

    selection: Selection

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Image:
        return cls(Selection.read(section, grid, cls.key))

    @property
    def files(self) -> Sequence[Path]:
        return [self.selection.path]

    @property
    def title(self) -> str:
        return self.selection.title

    def load(self, grid: Grid) -> Loaded:
        if kind_of(self.selection.path, self.selection.hdu) != "image":
            raise ValueError("the file has a HEALPix map and not an image: write map = instead of image =")
        return _LoadedImage.of(self.selection)


@dataclass(frozen=True, slots=True)
class _LoadedImage:
    """An image, the order that its pixels need, and whether its file has energies."""

    selection: Selection
    finest: int
    has_energies: bool

    @classmethod
    def of(cls, selection: Selection) -> _LoadedImage:
        # Of the file, only the headers and the tables of energies are read here.
        target = as_target(selection.path, selection.hdu)
        return cls(selection, order_for(Pixels.of(target.wcs, target.shape)), target.energy is not None)

    def order(self, grid: Grid) -> int | None:
        return self.finest

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        # With `energy`, the energies of the file would not be read.
        energy = None if self.has_energies else grid.energy
        path, options = self.selection.path, {"hdu": self.selection.hdu, "energy": energy, "n_threads": n_threads}
        options["frame"] = grid.frame
        mask = self.selection.mask(path, order=order, mode=mode, **options)
        _check_bins(path, mask, grid)
        if order < self.finest and mode != "overlap" and _is_empty(mask):
            finest = self.selection.mask(path, order=self.finest, **options)
            if not _is_empty(finest):
                _warn_of_nothing(path, mode, order, self.finest)
        return mask, {}


@dataclass(frozen=True, slots=True)
class Map(Image):
    """The cells of a HEALPix map, or the pixels of a FITS image, whose values are selected."""

    key: ClassVar[str] = "map"

    table: _Table

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Map:
        return cls(Selection.read(section, grid, cls.key), _Table.read(section))

    @property
    def title(self) -> str:
        title, column = self.selection.title, self.table.column
        return title if column is None else f"{title} {column}"

    def load(self, grid: Grid) -> Loaded:
        path, kind = self.selection.path, kind_of(self.selection.path, self.selection.hdu)
        if kind == "image":
            for key in ("column", "nest", "frame"):
                if getattr(self.table, key) is not None:
                    raise ValueError(f"{key} is for HEALPix maps, and the file has an image")
            return _LoadedImage.of(self.selection)
        options = {"energy": grid.energy}
        if kind == "healsparse":
            mask = self.selection.mask(path, frame=self.table.frame, **options)
        else:
            mask = self.selection.mask(io.read_map(path, **self.table.words), **options)
        return _LoadedMasks([path], [mask])


@dataclass(frozen=True, slots=True)
class Skymap:
    """The credible region of a sky map."""

    key: ClassVar[str] = "skymap"
    has_shapes: ClassVar[bool] = False

    path: Path
    table: _Table
    words: dict[str, Any]

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Skymap:
        path, credible = section.file("skymap"), section.get("credible", float, default=0.9)
        try:
            as_levels(credible)
        except ValueError as error:
            raise section.error(str(error), "credible") from None
        words = {
            "credible": credible,
            "crossing": section.choice("crossing", CROSSING, default="include"),
            "normalize": section.get("normalize", bool, default=False),
            "density": section.get("density", bool),
        }
        return cls(path, _Table.read(section), words)

    @property
    def files(self) -> Sequence[Path]:
        return [self.path]

    @property
    def title(self) -> str:
        return f"{self.path.name}, {100 * self.words['credible']:g} %"

    def load(self, grid: Grid) -> Loaded:
        map_ = io.read_map(self.path, **self.table.words)
        return _LoadedMasks([self.path], [Mask.from_skymap(map_, **self.words)])
