"""What the sources of a recipe have in common: their protocols, and the frame and energy bins that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from hpmask._utils.modes import Mode
from hpmask.energy.axis import EnergyAxis
from hpmask.mask import Mask
from hpmask.recipe.sections import Section

__all__ = ["Grid", "Invalid", "Loaded", "Source", "check_per_bin"]

Invalid = Literal["raise", "skip"]


@dataclass(frozen=True, slots=True)
class Grid:
    """The frame and the energy bins that all entries of a recipe share.

    `invalid` says what happens to rows and regions that cannot be used, in entries without a key of this name.
    """

    frame: str
    energy: EnergyAxis | None = None
    invalid: Invalid = "raise"


class Loaded(Protocol):
    """A source whose files have been read."""

    def order(self, grid: Grid) -> int | None:
        """The order that the sizes of its shapes need or that its masks have; None if it has no use for any order."""
        ...

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        """The sky of the source, and the counts of `hpmask.recipe.Part`."""
        ...


class Source(Protocol):
    """A part of the sky, as an entry of a recipe describes it.

    Attributes
    ----------
    key : str
        The key of an entry that names such a source.
    has_shapes : bool
        Whether it has shapes, which could have far too many ranges at the order of a very fine mask.
    """

    key: ClassVar[str]
    has_shapes: ClassVar[bool]

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Source:
        """The source that an entry of a recipe describes."""
        ...

    @property
    def title(self) -> str:
        """A short name for users."""
        ...

    @property
    def files(self) -> Sequence[Path]:
        """The files that it reads."""
        ...

    def load(self, grid: Grid) -> Loaded:
        """Read the files."""
        ...


def check_per_bin(section: Section, key: str, values: list[Any], grid: Grid) -> None:
    """Raise an error unless a list has one value for each energy bin."""
    if grid.energy is None:
        raise section.error(f"{key}: a list, with a value for each energy bin, needs 'energy' in the recipe", key)
    if len(values) != grid.energy.n_bins:
        raise section.error(
            f"{key} must have a value for each of the {grid.energy.n_bins} energy bins, got {len(values)}", key
        )
