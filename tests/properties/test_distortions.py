"""Masks on images with distortions and from them: TPV, SIP polynomials, and the look-up tables CPDIS and D2IM.

As in test_images.py. astropy inverts distortions by iteration to 1e-4 pixel: a cell whose centre is within 2e-4 pixel
of the edge of a pixel is in doubt.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.wcs import WCS
from image_checks import Tally, check_from_wcs, check_to_wcs
from profiles import cases, seed
from random_images import KINDS_OF_DISTORTION, draw_distorted


def random_cases(stream: int, n: int, kinds: Any = KINDS_OF_DISTORTION) -> Any:
    """For each kind of distortion n generators and images, with a key to make each again alone."""
    for k in range(n):
        for kind in kinds:
            key = [seed(), stream, k, KINDS_OF_DISTORTION.index(kind)]
            rng = np.random.default_rng(key)
            yield rng, draw_distorted(rng, kind), (kind, key)


def test_pixels(counted):
    n, tally = cases(2), Tally()
    compared = sum(check_to_wcs(rng, image, tally, text) for rng, image, text in random_cases(1, n))
    tally.check(0.02)
    counted(len(KINDS_OF_DISTORTION) * n, "images with distortions, masks to pixels")
    counted(compared, "pixels with distortions against astropy")


def test_cells(counted):
    n, tally = cases(1), Tally()
    compared = sum(check_from_wcs(rng, image, tally, text, doubt=2e-4) for rng, image, text in random_cases(2, n))
    tally.check(0.05)
    counted(len(KINDS_OF_DISTORTION) * n, "images with distortions, pixels to masks")
    counted(compared, "cells with distortions against astropy")


# ---------------------------------------------------------------------- the referees see a fault


def without(names: tuple[str, ...]) -> Any:
    """A function to a WCS that lacks some of its distortions."""

    def made(wcs: WCS, shape: Any) -> tuple[WCS, Any]:
        other = wcs.deepcopy()
        for name in names:
            setattr(other, name, None)
        if "sip" in names:
            other.wcs.ctype = [kind.removesuffix("-SIP") for kind in other.wcs.ctype]
            other.wcs.set()
        return other, shape

    return made


@pytest.mark.parametrize("check", [check_to_wcs, check_from_wcs])
@pytest.mark.parametrize(
    ("kind", "names"), [("SIP", ("sip",)), ("CPDIS", ("cpdis1", "cpdis2")), ("SIP D2IM", ("det2im1", "det2im2"))]
)
def test_a_distortion_that_is_left_out_is_seen(check, kind, names):
    seen = 0
    for k in range(3):
        rng = np.random.default_rng([3, k])
        image = draw_distorted(rng, kind, weakest=-2)
        try:
            check(rng, image, Tally(), k, seen_by_hpmask=without(names))
        except AssertionError:
            seen += 1
    assert seen >= 2
