"""What the rows share: the parts of a row, the peers, and inputs."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask, RangeSet

PEERS = (
    "mocpy",
    "hpgeom",
    "polypix",
    "healpy",
    "healsparse",
    "skykatana",
    "gammapy",
    "reproject",
    "skimage",
    "ligo.skymap",
)
MAX_ORDER = 29
# Real files, as in the tests; rows that need one are left out without it.
DATA = Path(os.environ.get("HPMASK_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


@dataclass
class Work:
    """One tool at one piece of work."""

    tool: str
    call: str
    run: Callable[..., Any]
    # Made afresh before each round, off the clock; `run` gets it.
    prepare: Callable[[], Any] | None = None
    # The work was done on a part that is smaller by this factor.
    scale: float = 1
    # Not quite the same work: given in the notes, not in the table.
    aside: bool = False


@dataclass
class Row:
    """One piece of work, and how to compare what the tools make of it."""

    title: str
    works: list[Work]
    # From the results by tool to (tool, finding, whether the finding is correct).
    compare: Callable[[dict[str, Any]], Iterator[tuple[str, str, bool]]] = lambda results: iter(())
    times: dict[int, list[float]] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)


# The part of a peer that must work.
_PARTS = {"gammapy": "gammapy.maps", "ligo.skymap": "ligo.skymap.postprocess"}


@functools.cache
def peer(name: str) -> Any:
    """A peer's module, or None if it is not installed or does not work; of polypix, the interpreter that has it."""
    if name == "polypix":
        return os.environ.get("HPMASK_POLYPIX_PYTHON") or None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(_PARTS.get(name, name))
            return importlib.import_module(name)
    except ImportError:
        return None


def shift(order: int) -> np.uint64:
    return np.uint64(2 * (MAX_ORDER - order))


def merged(ranges: Sequence[np.ndarray]) -> np.ndarray:
    """The union of lists of ranges, as a user of hpgeom or healpy has to write it."""
    rows = np.concatenate(ranges)
    rows = rows[np.argsort(rows[:, 0])]
    stops = np.maximum.accumulate(rows[:, 1])
    first = np.flatnonzero(np.concatenate([[True], rows[1:, 0] > stops[:-1]]))
    last = np.concatenate([first[1:] - 1, [len(rows) - 1]])
    return np.stack([rows[first, 0], stops[last]], axis=1)


def sky_points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random points on the sphere, in degrees."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def moc_ranges(moc: Any) -> np.ndarray:
    return np.asarray(moc.to_depth29_ranges, dtype=np.uint64).reshape(-1, 2)


def big_discs(seed: int, quick: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Discs of ~30 arcsec all over the sky: longitude and latitude in degrees, radius in arcsec."""
    n = 10_000 if quick else 130_000
    return (*sky_points(n, seed), np.random.default_rng(seed + 1000).uniform(20, 40, n))


@functools.cache
def big_mask(seeds: tuple[int, int], quick: bool) -> Mask:
    """Some 1.8 million ranges at order 15: half of the discs of one seed and the other half of another's."""
    first, second = (big_discs(seed, quick) for seed in seeds)
    half = first[0].size // 2
    lon, lat, radius = (np.concatenate([a[:half], b[half:]]) for a, b in zip(first, second, strict=True))
    return Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius * u.arcsec, order=15)


@functools.cache
def big_moc(seeds: tuple[int, int], quick: bool) -> Any:
    mask = big_mask(seeds, quick)
    return peer("mocpy").MOC.from_depth29_ranges(mask.order, mask.planes[0].ranges)


def same_sky(plane: RangeSet, ranges: np.ndarray) -> tuple[str, bool]:
    other = RangeSet(ranges, MAX_ORDER)
    if plane == other:
        return "the same cells", True
    return f"{(plane ^ other).sky_fraction / plane.sky_fraction:.2g} of the area differs", False


_SIZES = (("s", 1), ("ms", 1e-3), ("us", 1e-6))


def in_words(seconds: float) -> str:
    """A time to three digits."""
    unit, size = next(((name, size) for name, size in _SIZES if seconds >= size), _SIZES[-1])
    value = seconds / size
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}" if value > 0 else "0 s"
