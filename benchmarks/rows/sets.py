"""Set operations and look-ups."""

from __future__ import annotations

import functools
import os
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude, SkyCoord

from hpmask import Mask
from hpmask._utils import memory as hpmask_memory
from rows.common import Row, Work, big_discs, big_mask, big_moc, moc_ranges, peer, same_sky, shift, sky_points

# ---------------------------------------------------------------------- algebra

OPERATIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "|": (lambda a, b: a | b, "union"),
    "&": (lambda a, b: a & b, "intersection"),
    "^": (lambda a, b: a ^ b, "symmetric_difference"),
    "-": (lambda a, b: a - b, "difference"),
    "~": (lambda a, b: ~b, "complement"),
}


def algebra(quick: bool) -> Iterator[Row]:
    one = (1, 1)
    for other, what in (((2, 2), "no disc in common"), ((1, 2), "half of the discs in common")):
        a, b = big_mask(one, quick), big_mask(other, quick)
        size = f"{a.n_ranges / 1e6:.2f} and {b.n_ranges / 1e6:.2f} million ranges, {what}"
        for sign in OPERATIONS:
            yield algebra_row(sign, size, one, other, quick)
        yield memory(a, b, what)


def algebra_row(sign: str, size: str, one: tuple[int, int], other: tuple[int, int], quick: bool) -> Row:
    operation, name = OPERATIONS[sign]
    a, b = big_mask(one, quick), big_mask(other, quick)
    works = [Work("hpmask", f"{sign} of Masks", functools.partial(operation, a, b))]
    if peer("mocpy"):
        arguments = () if sign == "~" else (big_moc(other, quick),)
        moc = big_moc(other if sign == "~" else one, quick)
        run = functools.partial(getattr(moc, name), *arguments)
        works.append(Work("mocpy", f"MOC.{name}", run))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "mocpy" in results:
            yield "mocpy", *same_sky(results["hpmask"].planes[0], moc_ranges(results["mocpy"]))

    formula = "~b" if sign == "~" else f"a {sign} b"
    return Row(f"`{formula}`, {size}".replace("|", "\\|"), works, compare)


def memory(a: Mask, b: Mask, what: str) -> Row:
    """Peak memory beyond the two masks, in units of the memory of a mask of n ranges."""
    unit = 16 * (a.n_ranges + b.n_ranges) / 2
    peaks = {}
    for sign, (operation, _) in OPERATIONS.items():
        # Memory that earlier results left is not traced.
        hpmask_memory.release()
        tracemalloc.start()
        operation(a, b)
        peaks[sign] = tracemalloc.get_traced_memory()[1] / unit
        tracemalloc.stop()
    found = ", ".join(f"`{sign}` {peak:.2f}" for sign, peak in peaks.items()).replace("|", "\\|")
    row = Row(f"peak memory of these beyond the masks, in units of 16 n bytes (limit 3), {what}", [])
    row.cells["hpmask"] = found
    if max(peaks.values()) >= 3:
        row.failures[-1] = "peak memory is above 3 x 16 n bytes"
    return row


# ---------------------------------------------------------------------- contains


def contains(quick: bool) -> Iterator[Row]:
    n = 200_000 if quick else 5_000_000
    mask = big_mask((1, 1), quick)
    yield contains_row(f"contains, {n:,} random points on the sphere", mask, *sky_points(n, 5), quick)
    rng = np.random.default_rng(6)
    # Around the discs of the mask, so that about half of the points are in it.
    lon, lat, _ = big_discs(1, quick)
    near = rng.integers(0, lon.size, n)
    lat = np.clip(lat[near] + rng.normal(0, 25 / 3600, n), -90, 90)
    lon = (lon[near] + rng.normal(0, 25 / 3600, n) / np.cos(np.radians(lat))) % 360
    yield contains_row(f"contains, {n:,} points clustered on the mask", mask, lon, lat, quick)


def contains_row(title: str, mask: Mask, lon: np.ndarray, lat: np.ndarray, quick: bool) -> Row:
    coord = SkyCoord(lon, lat, unit="deg")
    order = mask.order
    boundaries = (mask.planes[0].ranges >> shift(order)).astype(np.int64).ravel()
    works = [Work("hpmask", "Mask.contains(SkyCoord)", lambda: mask.contains(coord))]
    if peer("mocpy"):
        moc, angles = big_moc((1, 1), quick), (Longitude(lon, u.deg), Latitude(lat, u.deg))
        works.append(Work("mocpy", "MOC.contains_lonlat", lambda: moc.contains_lonlat(*angles)))
    if peer("hpgeom"):
        threads = os.cpu_count() or 1

        def with_hpgeom() -> np.ndarray:
            cells = peer("hpgeom").angle_to_pixel(1 << order, lon, lat, n_threads=threads)
            return np.searchsorted(boundaries, cells, side="right") % 2 == 1

        works.append(Work("hpgeom", f"angle_to_pixel, {threads} threads, and numpy.searchsorted", with_hpgeom))
    if peer("healpy"):

        def with_healpy() -> np.ndarray:
            cells = peer("healpy").ang2pix(1 << order, lon, lat, nest=True, lonlat=True)
            return np.searchsorted(boundaries, cells, side="right") % 2 == 1

        works.append(Work("healpy", "ang2pix and numpy.searchsorted", with_healpy))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        ours = results["hpmask"]
        for tool in results.keys() - {"hpmask"}:
            n = int((results[tool] != ours).sum())
            yield tool, f"{n} of {ours.size:,} points differ ({ours.mean():.1%} are in the mask)", n <= 5

    return Row(f"{title}, {mask.n_ranges / 1e6:.2f} million ranges", works, compare)
