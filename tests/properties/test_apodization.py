"""Apodized masks: C1 and C2 by the formulas of NaMaster's documentation, "smooth" by harmonics of its own."""

from __future__ import annotations

from typing import Any

import healpy
import numpy as np
import pytest
import shape_oracles as oracle
from astropy import units as u
from profiles import cases, seed
from scipy.spatial import cKDTree

from hpmask import EnergyAxis, Mask, RangeSet


def random_mask(rng: np.random.Generator, order: int) -> Any:
    """Which cells (NESTED) are kept: blocks of some order with single cells, or all but some discs."""
    n = 12 << (2 * order)
    if rng.random() < 0.5:
        coarser = int(rng.integers(0, min(order, 3) + 1))
        kept = np.repeat(rng.random(n >> 2 * coarser) < rng.choice([0.3, 0.7, 0.9]), 1 << 2 * coarser)
        return kept ^ (rng.random(n) < 0.003)
    centers = rng.normal(size=(6, 3))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    points, radii = oracle.cell_points(np.arange(n), order, 0.5, 0.5), 10 ** rng.uniform(-1.5, 0, 6)
    return np.all([oracle.angle_between(points, c) > r for c, r in zip(centers, radii, strict=True)], axis=0)


def to_other_side(kept: Any, order: int) -> Any:
    """Angles from the centres of kept cells to the nearest of the others; 0 for these."""
    points = oracle.cell_points(np.arange(kept.size), order, 0.5, 0.5)
    theta = np.zeros(kept.size)
    if kept.any():
        chord, _ = cKDTree(points[~kept]).query(points[kept]) if not kept.all() else (np.inf, None)
        theta[kept] = 2 * np.arcsin(np.minimum(chord / 2, 1)) if not kept.all() else np.inf
    return theta


def tapered(theta: Any, width: float, kind: str) -> Any:
    """C1 and C2 of the distance: x is sqrt((1 - cos theta) / (1 - cos width)), and the weight is 1 from x = 1 on."""
    x = np.sin(np.minimum(theta, np.pi) / 2) / np.sin(width / 2)
    taper = {"C1": x - np.sin(2 * np.pi * x) / (2 * np.pi), "C2": 0.5 * (1 - np.cos(np.pi * x))}[kind]
    return np.where(theta <= 0, 0.0, np.where(x < 1, taper, 1.0))


def smoothed(kept: Any, theta: Any, width: float, order: int) -> Any:
    """Cells up to 2.5 widths from the edge are 0; then a Gaussian of standard deviation `width`, by its harmonics."""
    nside, lmax = 1 << order, 3 * (1 << order) - 1
    ring = healpy.reorder((theta > 2.5 * width).astype(float), n2r=True)
    degree = np.arange(lmax + 1)
    beam = np.exp(-0.5 * degree * (degree + 1) * width**2)
    alm = healpy.map2alm(ring, lmax=lmax, iter=3)
    degrees, _ = healpy.Alm.getlm(lmax)
    return healpy.reorder(healpy.alm2map(alm * beam[degrees], nside, lmax=lmax), r2n=True) * kept


def check(
    rng: np.random.Generator, order: int, kinds: tuple[str, ...], *, law: Any = tapered, wrong: float = 1.0
) -> str:
    """Assert that an apodized mask is as the formulas say; return its kind. hpmask gets the width times `wrong`."""
    kept = random_mask(rng, order)
    theta = to_other_side(kept, order)
    kind = str(rng.choice(kinds))
    width = float(np.clip(10 ** rng.uniform(-0.5, 1.3) / (1 << order), 1e-3, 3.0 if kind != "smooth" else 0.5))
    if kind == "smooth" and (np.abs(theta - 2.5 * width) < 1e-14).any():
        return "unclear"
    expected = smoothed(kept, theta, width, order) if kind == "smooth" else law(theta, width, kind)
    mask = Mask(RangeSet.from_cells(np.flatnonzero(kept), order))
    n_threads, nest = int(rng.integers(1, 4)), bool(rng.integers(2))
    found = mask.apodize(width * wrong * u.rad, kind=kind, nest=nest, n_threads=n_threads)
    found = found if nest else healpy.reorder(found, r2n=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9, err_msg=f"{kind}, {width} rad, order {order}")
    if kind != "smooth":
        assert (found[~kept] == 0).all()
        assert (found[theta > width * (1 + 1e-12)] == 1).all()
    return kind


def checked(stream: int, n: int, orders: Any, kinds: tuple[str, ...]) -> int:
    """The number of masks that were compared."""
    done = 0
    for k in range(n):
        rng = np.random.default_rng([seed(), stream, k])
        done += check(rng, int(rng.choice(orders)), kinds) != "unclear"
    return done


def test_tapers(counted):
    counted(checked(1, cases(8), [0, 1, 2, 3, 4, 5, 6], ("C1", "C2")), "masks apodized by C1 and C2, orders 0 to 6")


@pytest.mark.deep
def test_smoothing(counted):
    n = cases(4)
    done = checked(2, n, [2, 3, 4, 5, 6], ("smooth",))
    assert done >= 0.9 * n
    counted(done, "masks apodized by smoothing, orders 2 to 6")


@pytest.mark.deep
def test_smoothing_by_the_sum_over_all_cells(counted):
    """The Gaussian as a function of the angle, without any harmonics of maps.

    The sum over cells stands for the integral, which is right to 0.02 for these widths; a wrong one differs by 0.1.
    """
    from numpy.polynomial.legendre import legval

    n = cases(1)
    for k in range(n):
        rng = np.random.default_rng([seed(), 3, k])
        order = 3
        kept = random_mask(rng, order)
        width = rng.uniform(3, 6) / (1 << order) / 2
        points = oracle.cell_points(np.arange(kept.size), order, 0.5, 0.5)
        start = (to_other_side(kept, order) > 2.5 * width).astype(float)
        degree = np.arange(3 << order)
        beam = (2 * degree + 1) / (4 * np.pi) * np.exp(-0.5 * degree * (degree + 1) * width**2)
        cosine = np.linspace(-1, 1, 20_001)
        kernel = np.interp(np.clip(points @ points.T, -1, 1), cosine, legval(cosine, beam))
        expected = kernel @ start * (4 * np.pi / kept.size) * kept
        found = Mask(RangeSet.from_cells(np.flatnonzero(kept), order)).apodize(width * u.rad, kind="smooth", nest=True)
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.03)
    counted(n, "masks apodized by smoothing, by the sum over all cells")


def test_bins(counted):
    n = cases(2)
    axis = EnergyAxis([1, 2, 4, 8] * u.TeV)
    for k in range(n):
        rng = np.random.default_rng([seed(), 4, k])
        order = 4
        kept = [random_mask(rng, order) for _ in range(3)]
        kept[2] = kept[0]
        widths = rng.uniform(0.05, 0.6, 3)
        mask = Mask([RangeSet.from_cells(np.flatnonzero(some), order) for some in kept], energy=axis)
        found = mask.apodize(widths * u.rad, kind="C2", nest=True)
        for row, some, width in zip(found, kept, widths, strict=True):
            np.testing.assert_allclose(row, tapered(to_other_side(some, order), width, "C2"), rtol=0, atol=1e-9)
    counted(3 * n, "apodized bins")


def other_law(theta: Any, width: float, kind: str) -> Any:
    """The other one of C1 and C2."""
    return tapered(theta, width, {"C1": "C2", "C2": "C1"}[kind])


def flat(theta: Any, width: float, kind: str) -> Any:
    """The formulas with the distance in place of the sine of its half."""
    x = theta / width
    taper = {"C1": x - np.sin(2 * np.pi * x) / (2 * np.pi), "C2": 0.5 * (1 - np.cos(np.pi * x))}[kind]
    return np.where(theta <= 0, 0.0, np.where(x < 1, taper, 1.0))


@pytest.mark.parametrize("options", [{"law": other_law}, {"law": flat}, {"wrong": 1 + 1e-6}])
def test_a_wrong_law_or_width_is_seen(options):
    seen = 0
    for k in range(4):
        check(np.random.default_rng(k), 3, ("C1", "C2"))
        try:
            check(np.random.default_rng(k), 3, ("C1", "C2"), **options)
        except AssertionError:
            seen += 1
    assert seen >= 3


def test_a_wrong_width_of_the_gaussian_is_seen():
    # The mask of this seed has cells that are far enough from its edge.
    check(np.random.default_rng(1), 4, ("smooth",))
    with pytest.raises(AssertionError):
        check(np.random.default_rng(1), 4, ("smooth",), wrong=1 + 1e-6)
