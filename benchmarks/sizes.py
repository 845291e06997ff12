"""Memory, files and times of masks at several orders: the tables of the page of questions.

Run ``python benchmarks/sizes.py``. It prints the tables in Markdown: medians of 5 runs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask

N_DISCS = 100_000
N_POSITIONS = 1_000_000
RADIUS = 1 * u.arcmin
ORDERS = (12, 13, 14, 15, 16)
RATIOS = (1, 2, 5, 10, 20, 50)
N_RUNS = 5


def seconds(work: Callable[[], Any]) -> float:
    """The median time of some runs."""
    times = []
    for _ in range(N_RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def short(value: float, units: dict[str, float]) -> str:
    """A number with the largest unit that leaves it at 1 or more."""
    unit = next((name for name, size in units.items() if value >= size), list(units)[-1])
    return f"{value / units[unit]:.3g} {unit}"


def size(n_bytes: float) -> str:
    """A number of bytes, as text."""
    return short(n_bytes, {"TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3})


def width(order: int) -> u.Quantity:
    """The width of a cell: the root of its area."""
    return np.sqrt(np.pi / 3) / 2**order * u.rad


def random_positions(rng: np.random.Generator, n: int) -> SkyCoord:
    """Positions of equal density over the sphere."""
    return SkyCoord(rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n))), unit="deg")


def duration(value: float) -> str:
    """A time in seconds, as text."""
    return short(value, {"s": 1.0, "ms": 1e-3})


def area_errors() -> None:
    """The error of the area of a single disc, whose radius is some cells wide."""
    rng = np.random.default_rng(1)
    centers = random_positions(rng, 2000)
    print("| radius / width of a cell | " + " | ".join(str(ratio) for ratio in RATIOS) + " |")
    print("|---|" + "--:|" * len(RATIOS))
    errors = []
    for ratio in RATIOS:
        radius = ratio * width(12)
        exact = 2 * np.pi * (1 - np.cos(radius.to_value("rad")))
        areas = [Mask.from_cones(center, radius, order=12).area.to_value("sr") for center in centers]
        errors.append(np.std(np.array(areas) / exact - 1))
    print("| error of the area of one disc (rms) | " + " | ".join(f"{100 * one:.2g} %" for one in errors) + " |")


def sizes() -> None:
    """Memory, files and times at several orders."""
    rng = np.random.default_rng(2)
    stars = random_positions(rng, N_DISCS)
    positions = random_positions(rng, N_POSITIONS)
    heads = ["order", "cells", "ranges", "memory", "MOC file", "byte per cell", "build", "look-up", "dilate"]
    print("| " + " | ".join(heads) + " |")
    print("|" + "--:|" * len(heads))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.fits"
        for order in ORDERS:
            mask = Mask.from_cones(stars, RADIUS, order=order)
            mask.write(path, overwrite=True)
            row = [
                f"{order}",
                f"{width(order).to_value('arcsec'):.3g}″",
                f"{mask.n_ranges:,}",
                size(mask.nbytes),
                size(path.stat().st_size),
                size(12 * 4.0**order),
                duration(seconds(partial(Mask.from_cones, stars, RADIUS, order=order))),
                duration(seconds(partial(mask.contains, positions))),
                duration(seconds(partial(mask.dilate, RADIUS))),
            ]
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    area_errors()
    print()
    sizes()
