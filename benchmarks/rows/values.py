"""Masks from values."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import math
from collections.abc import Iterator
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from hpmask import HealpixMap, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.values import disc_sums
from rows.common import Row, Work, moc_ranges, peer, same_sky, sky_points

# ---------------------------------------------------------------------- sums over discs


def sums_over_discs(quick: bool) -> Iterator[Row]:
    """Counts in discs of 0.4 deg around all cells of the sky."""
    order, radius = 8 if quick else 10, 0.4
    n, nside = 12 << (2 * order), 1 << order
    counts = np.random.default_rng(23).poisson(2.0, n).astype(np.float64)
    map_ = HealpixMap(counts, nest=False, frame="icrs")
    title = f"sums over discs of {radius} deg around the {n:,} cells of order {order}"

    def ours() -> Work:
        return Work("hpmask", "disc_sums(map, radius)", lambda: disc_sums(map_, radius * u.deg).values)

    hp = peer("healpy")
    if not hp:
        yield Row(title, [ours()])
        return
    few = np.random.default_rng(1).integers(0, n, 20_000)
    vectors = np.array(hp.pix2vec(nside, few)).T

    def loop() -> np.ndarray:
        return np.array([counts[hp.query_disc(nside, vector, math.radians(radius))].sum() for vector in vectors])

    def same(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        differ = np.count_nonzero(results["hpmask"][few] != results["healpy"])
        yield "healpy", f"{differ} of {few.size} sums differ", differ == 0

    part = Work("healpy", "query_disc and a sum, cell by cell (a part, scaled)", loop, scale=n / few.size)
    yield Row(title, [ours(), part], same)

    theta = np.linspace(0, math.radians(radius), 10_000)
    window = hp.sphtfunc.beam2bl(np.ones(theta.size), theta, 3 * nside - 1)
    # Of an integral of 1.
    window /= window[0]
    cells = 0.5 * (1 - math.cos(math.radians(radius))) * n

    def near(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        apart = np.std(results["healpy"] * cells - results["hpmask"]) / np.std(results["hpmask"])
        yield "healpy", f"differs by {apart:.2g} of the spread: its disc has no sharp edge", apart < 0.6

    def smooth(**options: Any) -> np.ndarray:
        return np.asarray(hp.smoothing(counts, beam_window=window, **options))

    works = [
        ours(),
        Work("healpy", "smoothing(map, beam_window=disc)", smooth),
        Work("healpy", "smoothing(map, beam_window=disc, iter=0)", lambda: smooth(iter=0), aside=True),
    ]
    yield Row(f"{title}, by spherical harmonics", works, near)


# ---------------------------------------------------------------------- masks from values


@functools.cache
def sources_on_the_sky(order: int) -> np.ndarray:
    """A full NESTED map: 10 000 Gaussians of 0.2 to 0.6 deg, with amplitudes of -10 to 10, which overlap each other."""
    values, n = np.zeros(healpix.n_cells(order)), 10_000
    rng = np.random.default_rng(31)
    center = SkyCoord(*sky_points(n, 32), unit="deg")
    vectors = center.cartesian.xyz.value.T
    for at, vector, amplitude, size in zip(
        center, vectors, rng.uniform(-10, 10, n), np.radians(rng.uniform(0.2, 0.6, n)), strict=True
    ):
        cells = Mask.from_cones(at, 4 * size * u.rad, order=order, mode="overlap").planes[0].cells()
        chord2 = ((healpix.centre_vectors(cells, order) - vector) ** 2).sum(axis=1)
        values[cells] += amplitude * np.exp(-0.5 * chord2 / size**2)
    return values


def thresholds(quick: bool) -> Iterator[Row]:
    """Full maps of nside 4096 and 2048. The function of mocpy that sorts takes too much memory at 4096."""
    sorting, picking = (6, 8) if quick else (11, 12)
    yield threshold_row(sorting, ">", sorts=True)
    for keep in (">", "<"):
        yield threshold_row(picking, keep)
    sources_on_the_sky.cache_clear()


def threshold_row(order: int, keep: str, *, sorts: bool = False) -> Row:
    values = sources_on_the_sky(order)
    map_ = HealpixMap(values, nest=True, frame="icrs")
    works = [Work("hpmask", f"Mask.from_map(map, 2, keep={keep!r})", lambda: Mask.from_map(map_, 2, keep=keep))]
    if peer("mocpy"):
        moc = peer("mocpy").MOC
        if sorts:
            uniq = np.arange(4 << (2 * order), 16 << (2 * order), dtype=np.uint64)
            # What is above 2 is what comes before this sum, from the largest value on.
            most = float(np.sum(values[values > 2]) * (1 + 1e-12))
            call = "MOC.from_valued_healpix_cells(uniq, values, cumul_to=...)"
            run = functools.partial(moc.from_valued_healpix_cells, uniq, values, order, cumul_to=most)
            works.append(Work("mocpy", call, run))
        else:
            compared = np.greater if keep == ">" else np.less
            call = f"MOC.from_healpix_cells(np.flatnonzero(values {keep} 2), order)"

            def pick() -> Any:
                return moc.from_healpix_cells(np.flatnonzero(compared(values, 2)), order, order)

            works.append(Work("mocpy", call, pick))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "mocpy" in results:
            yield "mocpy", *same_sky(results["hpmask"].planes[0], moc_ranges(results["mocpy"]))

    title = f"values {keep} 2 of a full map of nside {1 << order}, {values.size:,} cells"
    return Row(title, works, compare)


def hysteresis(quick: bool) -> Iterator[Row]:
    """On the sphere, and by scikit-image on an all-sky CAR image of as many pixels."""
    order = 6 if quick else 10
    values = sources_on_the_sky(order)
    map_ = HealpixMap(values, nest=True, frame="icrs")
    ny = round(math.sqrt(values.size / 2))
    lat, lon = (np.arange(ny) + 0.5) * np.pi / ny - np.pi / 2, (np.arange(2 * ny) + 0.5) * np.pi / ny
    image = values[healpix.cells_at(*(grid.ravel() for grid in np.meshgrid(lon, lat)), order)].reshape(ny, 2 * ny)
    filters = importlib.import_module("skimage.filters") if peer("skimage") else None

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "skimage" in results:
            ours = results["hpmask"].sky_fraction
            theirs = np.average(results["skimage"].mean(axis=1), weights=np.cos(lat))
            found = f"{theirs:.5f} of the sky, hpmask {ours:.5f}"
            yield "skimage", found, abs(ours - theirs) < 0.02 * ours

    for connectivity in (8, 4):
        run = functools.partial(Mask.from_map, map_, low=1, high=5, connectivity=connectivity)
        works = [Work("hpmask", f"Mask.from_map(map, low=1, high=5, connectivity={connectivity})", run)]
        if filters is not None:
            call = f"apply_hysteresis_threshold(image, 1, 5), {ny} x {2 * ny} pixels, connectivity 4"
            run = functools.partial(filters.apply_hysteresis_threshold, image, 1, 5)
            works.append(Work("skimage", call, run))
        title = f"hysteresis at nside {1 << order}, {values.size:,} cells, connectivity {connectivity}"
        yield Row(title, works, compare)
    sources_on_the_sky.cache_clear()


# ---------------------------------------------------------------------- sky maps


def adaptive_map(quick: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """UNIQ numbers, probability densities and areas of cells of four orders, small where the density is high."""
    coarse = 5 if quick else 8
    center = np.array([0.3, 0.5, 0.81]) / np.linalg.norm([0.3, 0.5, 0.81])
    cells, uniq, angles, areas = np.arange(12 << 2 * coarse, dtype=np.uint64), [], [], []
    for order, reach in zip(range(coarse, coarse + 4), (2.3, 1.4, 0.815, 0), strict=True):
        angle = np.arccos(np.clip(healpix.centre_vectors(cells, order) @ center, -1, 1))
        kept = angle >= reach
        uniq.append(cells[kept] + np.uint64(4 << 2 * order))
        angles.append(angle[kept])
        areas.append(np.full(np.count_nonzero(kept), 4 * np.pi / (12 << 2 * order)))
        cells = (4 * cells[~kept][:, np.newaxis] + np.arange(4, dtype=np.uint64)).ravel()
    angle, area = np.concatenate(angles), np.concatenate(areas)
    density = np.exp(-0.5 * (angle / 0.4) ** 2) + 0.3 * np.exp(-(((angle - 1) / 0.1) ** 2))
    density *= np.exp(0.01 * np.random.default_rng(41).standard_normal(angle.size))
    return np.concatenate(uniq), density / (density * area).sum(), area


def credible(quick: bool) -> Iterator[Row]:
    uniq, density, area = adaptive_map(quick)
    table = Table({"UNIQ": uniq, "PROBDENSITY": density})
    works = [Work("hpmask", "Mask.from_skymap(table, 0.9)", lambda: Mask.from_skymap(table, 0.9))]
    if peer("mocpy"):
        from_cells = functools.partial(
            peer("mocpy").MOC.from_valued_healpix_cells,
            max_depth=8 if quick else 11,
            values_are_densities=True,
            cumul_to=0.9,
            strict=False,
        )
        works.append(Work("mocpy", "MOC.from_valued_healpix_cells", lambda: from_cells(uniq, density)))
    if peer("ligo.skymap"):
        levels = peer("ligo.skymap").postprocess.find_greedy_credible_levels
        call = "uniq[find_greedy_credible_levels(probability, density) <= 0.9], no MOC"
        works.append(Work("ligo.skymap", call, lambda: uniq[levels(density * area, density) <= 0.9]))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        ours = results["hpmask"].planes[0]
        if "mocpy" in results:
            yield "mocpy", *same_sky(ours, moc_ranges(results["mocpy"]))
        if "ligo.skymap" in results:
            # Without the cell at which the sum crosses the level.
            left = ours - RangeSet.from_uniq(results["ligo.skymap"])
            yield "ligo.skymap", f"{left.n_ranges} cell more in hpmask", len(left.uniq()) == 1

    yield Row(f"90 % credible region of a multi-order map of {uniq.size / 1e6:.1f} million rows", works, compare)
