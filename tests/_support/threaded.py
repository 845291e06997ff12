"""Operations on threads: small inputs that are divided among many, and masks of which nothing has been found before."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from operations import Material, bits, without_dates

import hpmask
from hpmask.wcs import pixel_areas, pixel_centers, stripes

__all__ = ["TOGETHER", "Fresh", "on", "small_parts"]

# From how much on a second thread takes part, and how much one takes: little, so that small inputs have many parts.
LOWERED = {
    "hpmask.core.coverage": {"_CHUNK": 1 << 8},
    "hpmask.core.full_maps": {"_CHUNK": 1 << 8},
    "hpmask.core.layers": {"_PART": 16},
    "hpmask.core.merging": {"_SMALL": 64, "_WORK": 256},
    "hpmask.core.positions": {"_CHUNK": 1 << 8},
    "hpmask.core.randoms": {"_CHUNK": 1 << 9},
    "hpmask.core.rangeset": {"_PARALLEL_FROM": 64},
    "hpmask.core.sorting": {"_FEW": 16},
    "hpmask.io.text": {"_PIECE": 1 << 10},
    "hpmask.morphology.distance": {"_CHUNK": 1 << 8},
    "hpmask.morphology.neighbours": {"_PER_THREAD": 64},
    "hpmask.morphology.ring_runs": {"_PARALLEL_FROM": 64},
    "hpmask.regions.coverage": {"_BLOCK": 500},
    "hpmask.regions.in_shapes": {"_BLOCK": 500, "_ROWS": 50},
    "hpmask.regions.rasterize": {"_BLOCK_RANGES": 200, "_SMALL_RANGES": 50, "_ROUND": 2},
    "hpmask.values.credible": {"_PARALLEL_FROM": 64},
    "hpmask.values.excess": {"_CHUNK": 1 << 8},
    "hpmask.values.function": {"_CHUNK": 1 << 8},
    "hpmask.values.in_discs": {"_FEW": 64},
    "hpmask.values.sums": {"_CHUNK": 1 << 8},
    "hpmask.values.threshold": {"_CHUNK": 1 << 8},
}
# Operations on one mask that many threads have: those with memory of what was found before, and others.
TOGETHER = (
    "contains",
    "distance",
    "n_components",
    "outline",
    "random",
    "to_wcs",
    "dilate",
    "erode",
    "hash",
    "union",
    "write fits",
    "apodize",
    "fraction",
    "energy_range",
    "patches curve",
    "pickle",
)


@contextmanager
def small_parts() -> Iterator[None]:
    """Operations on small inputs have many parts, and files that are written have one date."""
    with ExitStack() as stack:
        for module, values in LOWERED.items():
            for name, value in values.items():
                stack.enter_context(mock.patch.object(importlib.import_module(module), name, value))
        for module in (pixel_areas, pixel_centers):
            stack.enter_context(mock.patch.object(module, "in_stripes", _in_small_stripes))
        stack.enter_context(without_dates())
        yield


def _in_small_stripes(grid: Any, work: Any, *, n_threads: int | None = None, least: int = 0) -> None:
    stripes.in_stripes(grid, work, n_threads=n_threads, least=200)


def on(number: int, operation: Callable[[Material], Any], material: Material) -> Any:
    """The bits of an operation's result on a number of threads."""
    with hpmask.set_num_threads(number):
        return bits(operation(material))


class Fresh(Material):
    """Inputs of which nothing has been found before."""

    def __init__(self, other: Material) -> None:
        super().__init__("small")
        for name in ("many", "other", "bins"):
            self.__dict__[name] = pickle.loads(pickle.dumps(getattr(other, name)))
