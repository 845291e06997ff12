"""Checks of masks on random images and from them, pixel by pixel and cell by cell. Referees: astropy and healpy."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import healpy
import numpy as np
from astropy.coordinates import SkyCoord
from oracles import distinct
from random_images import Image, order_near
from wcs_images import blobs, cells_around, referee_cells, some_of, values_under

from hpmask import Mask, RangeSet


class Tally(Counter):
    """How many pixels or cells were compared, and how many of them were in doubt, by projection."""

    def add(self, kind: str, doubt: Any) -> None:
        self[kind, "all"] += doubt.size
        self[kind, "doubtful"] += int(doubt.sum())

    def check(self, share: float, few: int = 50) -> None:
        """Assert that no more than a share was in doubt, or a few."""
        for kind in {key[0] for key in self}:
            assert self[kind, "doubtful"] <= max(share * self[kind, "all"], few), (kind, self)


def random_frame(rng: np.random.Generator) -> str:
    return str(rng.choice(["icrs", "galactic"]))


def check_to_wcs(rng: np.random.Generator, image: Image, tally: Tally, text: Any, *, seen_by_hpmask: Any = None) -> int:
    """Assert that the pixels of a random mask are those of astropy; return how many were compared.

    `seen_by_hpmask`, if given, makes the WCS that hpmask gets of the WCS and the shape; also the shape.
    """
    frame, order = random_frame(rng), order_near(rng, image.pixel)
    cells = referee_cells(image.wcs, image.shape, frame, order)
    mask, expected = some_of(cells, order, frame, seed=int(rng.integers(1 << 30)))
    wcs, shape = (image.wcs, image.shape) if seen_by_hpmask is None else seen_by_hpmask(image.wcs, image.shape)
    found = mask.to_wcs(wcs, shape, n_threads=int(rng.integers(1, 4)))
    sure = cells != -2
    tally.add(image.projection, ~sure)
    wrong = np.argwhere(sure & (found != expected))
    assert not wrong.size, (text, frame, order, len(wrong), wrong[:5].tolist())
    # The other pixels show sky that is not in the mask, or are outside the projection.
    others = ((~mask).to_wcs(wcs, shape) != (~found & (cells != -1))) & sure
    assert not others.any(), (text, frame, order, "complement", np.argwhere(others)[:5].tolist())
    return int(sure.sum())


def check_from_wcs(
    rng: np.random.Generator, image: Image, tally: Tally, text: Any, *, doubt: float = 1e-6, seen_by_hpmask: Any = None
) -> int:
    """Assert that cells are in the mask of a random image if the pixel under their centre is; return how many were.

    These are all cells of the sky, or at fine orders those around the pixels and those that the mask holds.
    """
    pixels = blobs(image.shape, int(rng.integers(1 << 30))) ^ (rng.random(image.shape) < rng.choice([0, 0.02, 0.5]))
    frame, order, outside = random_frame(rng), order_near(rng, image.pixel, 1), bool(rng.random() < 0.3)
    wcs = image.wcs if seen_by_hpmask is None else seen_by_hpmask(image.wcs, image.shape)[0]
    with warnings.catch_warnings():
        # Random images have values in pixels without a sky, too.
        warnings.filterwarnings("ignore", ".*lie outside the projection", UserWarning)
        threads = int(rng.integers(1, 4))
        mask = Mask.from_wcs(pixels, wcs, order=order, frame=frame, outside=outside, n_threads=threads)
    plane: RangeSet = mask.planes[0]
    if order <= 4:
        cells = np.arange(12 << (2 * order))
    else:
        # Those that differ from what is outside.
        other = (~plane if outside else plane).cells(order).astype(np.int64)
        cells = distinct(np.concatenate([cells_around(image.wcs, image.shape, frame, order, 3), other]))
    lon, lat = healpy.pix2ang(1 << order, cells, nest=True, lonlat=True)
    sky = SkyCoord(lon, lat, unit="deg", frame=frame)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*failed to converge")
        expected, unsure = values_under(pixels, image.wcs, sky, outside, doubt, image.pixel)
    numbers = cells.astype(np.uint64) << np.uint64(2 * (29 - order))
    found = np.searchsorted(plane.boundaries, numbers, side="right") % 2 == 1
    # The formulas of CSC for the two directions differ by up to 90 arcsec, which is many small pixels.
    if image.projection != "CSC":
        tally.add(image.projection, unsure)
    wrong = cells[~unsure & (found != expected)]
    assert not wrong.size, (text, frame, order, "outside" * outside, wrong.size, wrong[:5].tolist())
    return int((~unsure).sum())
