"""All targets, by the names of the kernels; `entry` is what libFuzzer's executable asks for."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from fuzz.kernels import images, sets, shapes, sky, sums, tables
from fuzz.kernels.draw import Source
from fuzz.kernels.target import TARGETS, plain

__all__ = ["TARGETS", "entry"]

# What the referees of a module import when they need it.
_NEEDS = {
    images.__name__: ("healpy",),
    sets.__name__: (),
    shapes.__name__: ("healpy", "shape_oracles"),
    sums.__name__: (),
    sky.__name__: ("healpy", "scipy.sparse.csgraph"),
    tables.__name__: (),
}


def entry(name: str) -> Callable[[bytes], None]:
    """A target as a function of bytes."""
    target = TARGETS[name]
    # Before the first input: on a busy machine that would count as one that hangs.
    for needed in _NEEDS[target.__module__]:
        importlib.import_module(needed)
    return lambda data: target(Source(data), plain)
