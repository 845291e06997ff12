"""Masks for gammapy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask
from rows.common import Row, Work, peer
from rows.images import images_differ


def for_gammapy(quick: bool) -> Iterator[Row]:
    """Work of users of gammapy. Without gammapy there are no rows."""
    if peer("gammapy"):
        yield gammapy_planes(quick)
        yield gammapy_regions(quick)
        yield gammapy_sources(quick)
        yield gammapy_survey(quick)


def gammapy_field(binsz: float, width: Any, center: tuple[float, float] = (83.6, 22.0), n_bins: int = 0) -> Any:
    maps = peer("gammapy").maps
    axes = [maps.MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=n_bins)] if n_bins else []
    return maps.WcsGeom.create(skydir=center, binsz=binsz, width=width, proj="TAN", axes=axes)


def random_regions(n: int, width: float, radius: tuple[float, float], center: tuple[float, float]) -> list[Any]:
    from regions import CircleSkyRegion

    rng = np.random.default_rng(14)
    lon = center[0] + rng.uniform(-width / 2, width / 2, n) / np.cos(np.radians(center[1]))
    place = SkyCoord(lon, center[1] + rng.uniform(-width / 2, width / 2, n), unit="deg")
    return [CircleSkyRegion(c, r) for c, r in zip(place, rng.uniform(*radius, n) * u.deg, strict=True)]


def gammapy_planes(quick: bool) -> Row:
    n = 100 if quick else 500
    regions = random_regions(20, n * 0.02, (0.1, 0.5), (83.6, 22.0))
    exclusion = (~Mask.from_regions(regions, order=14)).to_exclusion_mask()
    image = gammapy_field(0.01, 1.1 * n * 0.02).region_mask(regions, inside=False)

    def prepare() -> Any:
        return gammapy_field(0.02, n * 0.02, n_bins=20)

    works = [
        Work(
            "hpmask",
            "mask.to_exclusion_mask().interp_to_geom(geom)",
            lambda g: exclusion.interp_to_geom(g).data,
            prepare,
        ),
        Work("gammapy", "WcsNDMap.interp_to_geom(geom)", lambda g: image.interp_to_geom(g).data, prepare),
    ]
    return Row(f"an exclusion mask on (20, {n}, {n}) pixels", works, functools.partial(images_differ, most=0.005))


def gammapy_regions(quick: bool) -> Row:
    n = 90 if quick else 900
    regions = random_regions(n, 10, (0.05, 0.2), (83.6, 22.0))

    def prepare() -> Any:
        return gammapy_field(0.1, 10)

    call = "(~Mask.from_regions(regions, order=12)).to_gammapy(geom)"
    works = [
        Work("hpmask", call, lambda g: (~Mask.from_regions(regions, order=12)).to_gammapy(g).data, prepare),
        Work(
            "gammapy",
            "geom.region_mask(regions, inside=False)",
            lambda g: g.region_mask(regions, inside=False).data,
            prepare,
        ),
    ]
    return Row(f"{n} circles on 100 x 100 pixels", works, functools.partial(images_differ, most=0.02))


def gammapy_sources(quick: bool) -> Row:
    """More regions than gammapy takes."""
    n = 7000
    regions = random_regions(n, 10, (0.01, 0.05), (83.6, 22.0))

    def prepare() -> Any:
        return gammapy_field(0.1, 10)

    call = "(~Mask.from_regions(regions, order=12)).to_gammapy(geom)"
    works = [Work("hpmask", call, lambda g: (~Mask.from_regions(regions, order=12)).to_gammapy(g).data, prepare)]

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        try:
            prepare().region_mask(regions)
        except RecursionError as error:
            yield "gammapy", f"{type(error).__name__} ({error})", True
        else:
            yield "gammapy", "it can do this by now: it should have a time", False

    return Row(f"{n:,} circles on 100 x 100 pixels", works, compare)


def gammapy_survey(quick: bool) -> Row:
    n = 20 if quick else 200
    rng = np.random.default_rng(15)
    centers = np.stack([rng.uniform(70, 110, n), rng.uniform(-4, 4, n)], axis=1)
    regions = random_regions(100, 40, (0.1, 0.5), (90, 0))
    exclusion = (~Mask.from_regions(regions, order=14)).to_exclusion_mask()
    maps = peer("gammapy").maps
    wide = maps.WcsGeom.create(skydir=(90, 0), binsz=0.02, width=(48, 16), proj="CAR")
    image = wide.region_mask(regions, inside=False)

    def prepare() -> list[Any]:
        return [gammapy_field(0.05, 5, tuple(center), n_bins=10) for center in centers]

    def work(mask: Any) -> Callable[[list[Any]], np.ndarray]:
        return lambda geoms: np.array([mask.interp_to_geom(geom).data for geom in geoms])

    works = [
        Work("hpmask", "mask.to_exclusion_mask().interp_to_geom(geom) of each", work(exclusion), prepare),
        Work("gammapy", "WcsNDMap.interp_to_geom(geom) of each", work(image), prepare),
    ]
    title = f"an exclusion mask for {n} observations of (10, 100, 100) pixels"
    return Row(title, works, functools.partial(images_differ, most=0.005))
