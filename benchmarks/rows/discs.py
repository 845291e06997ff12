"""Masks from discs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude, SkyCoord

from hpmask import Mask, RangeSet
from rows.common import MAX_ORDER, Row, Work, merged, moc_ranges, peer, same_sky, shift, sky_points


def discs(n: int, radius: tuple[float, float], order: int, mode: str, seed: int, quick: bool) -> Row:
    """`radius` from and to, in arcsec; mode "overlap" is what mocpy does."""
    if quick:
        n //= 20
    lon, lat = sky_points(n, seed)
    arcsec = np.random.default_rng(seed + 1).uniform(*radius, n)
    degrees = arcsec / 3600
    center = SkyCoord(lon, lat, unit="deg")
    nside, inclusive = 1 << order, mode == "overlap"
    works = [
        Work(
            "hpmask",
            f"Mask.from_cones(center, radius, order={order}, mode={mode!r})",
            lambda: Mask.from_cones(center, arcsec * u.arcsec, order=order, mode=mode),
        )
    ]
    if peer("mocpy"):
        angles = {"lon": Longitude(lon, u.deg), "lat": Latitude(lat, u.deg), "radius": degrees * u.deg}

        def mocpy_cones(strategy: str, delta_depth: int) -> Any:
            return peer("mocpy").MOC.from_cones(
                **angles, max_depth=order, union_strategy=strategy, delta_depth=delta_depth, n_threads=None
            )

        for strategy, delta_depth in (("small_cones", 2), ("large_cones", 2), ("small_cones", 0)):
            call = f"MOC.from_cones(..., union_strategy={strategy!r}, delta_depth={delta_depth}), all threads"
            run = functools.partial(mocpy_cones, strategy, delta_depth)
            works.append(Work("mocpy", call, run, aside=delta_depth == 0))
    if peer("hpgeom"):

        def hpgeom_loop() -> np.ndarray:
            circle = peer("hpgeom").query_circle
            return merged(
                [
                    circle(nside, a, b, r, inclusive=inclusive, return_pixel_ranges=True)
                    for a, b, r in zip(lon, lat, degrees, strict=True)
                ]
            )

        works.append(Work("hpgeom", "loop of query_circle(return_pixel_ranges=True), ranges merged", hpgeom_loop))
    if peer("healpy"):
        vectors, radians = peer("healpy").ang2vec(lon, lat, lonlat=True), np.radians(degrees)

        # Before healpy 1.20 there are lists of pixels only.
        ranges = "return_ranges" in inspect.signature(peer("healpy").query_disc).parameters
        options = {"nest": True, "inclusive": inclusive} | ({"return_ranges": True} if ranges else {})

        def healpy_loop() -> np.ndarray:
            disc = peer("healpy").query_disc
            found = [disc(nside, v, r, **options) for v, r in zip(vectors, radians, strict=True)]
            return merged(found if ranges else [np.stack([pixels, pixels + 1], axis=1) for pixels in found])

        call = f"loop of query_disc({', '.join(f'{key}={value}' for key, value in options.items())}), merged"
        works.append(Work("healpy", call, healpy_loop))
    if peer("healsparse") and not inclusive:
        part = min(n, 200)

        def healsparse_loop() -> Any:
            hsp = peer("healsparse")
            sky = hsp.HealSparseMap.make_empty(64, nside, bool, bit_packed=True)
            for a, b, r in zip(lon[:part], lat[:part], degrees[:part], strict=True):
                sky |= hsp.Circle(ra=a, dec=b, radius=r, value=True)
            return sky

        call = f"map |= Circle, scaled up from {part} of {n} discs"
        works.append(Work("healsparse", call, healsparse_loop, scale=n / part))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        plane = results["hpmask"].planes[0]
        for tool in ("hpgeom", "healpy"):
            if tool in results:
                ranges = results[tool].astype(np.uint64) << shift(order)
                if inclusive:
                    theirs = RangeSet(ranges, MAX_ORDER)
                    more = theirs.sky_fraction / plane.sky_fraction - 1
                    yield tool, f"{more:+.2%} of cells, hpmask's all among them", plane.issubset(theirs)
                else:
                    yield tool, *same_sky(plane, ranges)
        if "mocpy" in results:
            theirs = RangeSet(moc_ranges(results["mocpy"]), MAX_ORDER)
            more = theirs.sky_fraction / plane.sky_fraction - 1
            yield (
                "mocpy",
                f"{more:+.2%} of cells (it has overlap only), hpmask's all among them",
                plane.issubset(theirs),
            )

    low, high = (f"{value:g} arcsec" if value < 60 else f"{value / 60:g} arcmin" for value in radius)
    size = f"{low} to {high}" if low != high else low
    return Row(f"{n:,} discs of {size}, order {order}, {mode}", works, compare)
