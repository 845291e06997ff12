"""Dilation, distances, and steps to neighbouring cells."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude, SkyCoord

from hpmask import Mask, RangeSet
from hpmask.geometry import healpix
from rows.common import (
    DATA,
    MAX_ORDER,
    Row,
    Work,
    big_mask,
    big_moc,
    in_words,
    moc_ranges,
    peer,
    same_sky,
    shift,
    sky_points,
)
from rows.images import field_wcs, gammapy_geom

# ---------------------------------------------------------------------- dilation


def growing(quick: bool) -> Iterator[Row]:
    mask = big_mask((1, 1), quick)
    yield growing_row(mask, quick)
    yield growing_widths(mask, quick)
    yield growing_orders(quick)
    sdss = DATA / "moc/P-SDSS9-r.fits"
    if sdss.exists():
        yield growing_survey(sdss)
    yield growing_healpix(quick)
    yield growing_image(quick)


def growing_row(mask: Mask, quick: bool) -> Row:
    works = [Work("hpmask", "Mask.dilate('60 arcsec')", lambda: mask.dilate("60 arcsec"))]
    if peer("mocpy"):
        moc = big_moc((1, 1), quick)

        def extended(steps: int) -> Any:
            result = moc
            for _ in range(steps):
                result = result.extended()
            return result

        works.append(Work("mocpy", "MOC.extended(), ten times", lambda: extended(10)))
        works.append(Work("mocpy", "MOC.extended(), once", lambda: extended(1), aside=True))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "mocpy" in results:
            ranges = RangeSet(moc_ranges(results["mocpy"]), MAX_ORDER)
            ours = results["hpmask"].planes[0]
            yield (
                "mocpy",
                f"its ten steps hold {ranges.sky_fraction / ours.sky_fraction:.2f} of hpmask's area",
                ranges.overlaps(ours),
            )

    return Row(f"dilate by 60 arcsec (9 cells), order 15, {mask.n_ranges / 1e6:.2f} million ranges", works, compare)


def growing_widths(mask: Mask, quick: bool) -> Row:
    """hpmask alone: the cost as a function of the width."""
    cell = math.degrees(math.sqrt(math.pi / 3)) / (1 << mask.order)
    times = {n: timed(lambda n=n: mask.dilate(n * cell * u.deg)) for n in (1, 3, 10, 30, 100, 300, 3000, 30000)}
    row = Row("the same by 1, 3, 10, 30, 100, 300, 3000 and 30 000 cells", [])
    row.cells["hpmask"] = ", ".join(in_words(seconds) for seconds in times.values())
    return row


def growing_orders(quick: bool) -> Row:
    """hpmask alone: the cost as a function of the order, at one angle."""
    lon, lat = sky_points(200 if quick else 2000, 8)
    masks = [Mask.from_cones(SkyCoord(lon, lat, unit="deg"), "0.3 deg", order=order) for order in range(8, 16)]
    times = [timed(lambda mask=mask: mask.dilate("0.2 deg")) for mask in masks]
    row = Row(f"dilate {lon.size} discs of 0.3 deg by 0.2 deg at the orders 8 to 15", [])
    row.cells["hpmask"] = ", ".join(in_words(seconds) for seconds in times)
    return row


def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def growing_survey(path: Path) -> Row:
    mask = Mask.read(path).at_order(9, mode="overlap")
    works = [Work("hpmask", "Mask.dilate('10 arcmin')", lambda: mask.dilate("10 arcmin"))]
    if peer("mocpy"):
        moc = peer("mocpy").MOC.from_depth29_ranges(9, mask.planes[0].ranges)

        def with_cones() -> Any:
            border = moc.difference(moc.contracted())
            lon, lat = healpix.centres(border.flatten().astype(np.uint64), 9)
            cones = peer("mocpy").MOC.from_cones(
                Longitude(lon, u.rad),
                Latitude(lat, u.rad),
                radius=10 * u.arcmin,
                max_depth=9,
                union_strategy="large_cones",
                n_threads=None,
            )
            return moc.union(cones)

        works.append(Work("mocpy", "cells of the border and MOC.from_cones around their centres", with_cones))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "mocpy" in results:
            theirs = RangeSet(moc_ranges(results["mocpy"]), MAX_ORDER)
            plane = results["hpmask"].planes[0]
            more = theirs.sky_fraction / plane.sky_fraction - 1
            found = f"{more:+.2%} of cells (it has overlap only), hpmask's all among them"
            yield "mocpy", found, plane.issubset(theirs)

    return Row("dilate the footprint of SDSS DR9, order 9, by 10 arcmin", works, compare)


def growing_healpix(quick: bool) -> Row:
    order = 8 if quick else 11
    mask = Mask.from_cones(SkyCoord(*sky_points(200, 10), unit="deg"), "1 deg", order=order)
    works = [Work("hpmask", "Mask.dilate('1 deg')", lambda: mask.dilate("1 deg"))]
    if peer("healpy"):
        # True is a hole since healpy 1.19, False before.
        newer = tuple(int(part) for part in importlib.metadata.version("healpy").split(".")[:2]) >= (1, 19)
        image = mask.to_healpix(order=order) if newer else ~mask.to_healpix(order=order)

        def with_healpy() -> np.ndarray:
            return peer("healpy").dist2holes(image, maxdist=np.radians(1.01)) <= np.radians(1)

        works.append(Work("healpy", "dist2holes(maxdist=1.01 deg) <= 1 deg", with_healpy))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "healpy" in results:
            n = int((results["hpmask"].to_healpix(order=order) != results["healpy"]).sum())
            yield "healpy", f"{n} of {12 << 2 * order:,} cells differ", n <= 5

    return Row(f"dilate 200 discs of 1 deg by 1 deg, nside {1 << order}", works, compare)


def growing_image(quick: bool) -> Row:
    """The same sky: gammapy on an image of 0.01 deg pixels, hpmask in cells of that size."""
    n = 400 if quick else 2000
    wcs = field_wcs(n)
    rng = np.random.default_rng(4)
    place = wcs.pixel_to_world(*rng.uniform(0.1 * n, 0.9 * n, (2, 100)))
    mask = Mask.from_cones(place, rng.uniform(0.05, 0.3, 100) * u.deg, order=13)
    works = [Work("hpmask", "Mask.dilate('0.1 deg')", lambda: mask.dilate("0.1 deg"))]
    if peer("gammapy"):
        geom = gammapy_geom(wcs)
        image = peer("gammapy").maps.Map.from_geom(geom, data=mask.to_wcs(wcs))
        for fft in (False, True):
            call = f"Map.binary_dilate(0.1 deg, use_fft={fft})"
            works.append(Work("gammapy", call, functools.partial(image.binary_dilate, 0.1 * u.deg, use_fft=fft)))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "gammapy" in results:
            ours, theirs = results["hpmask"].to_wcs(wcs), results["gammapy"].data
            yield "gammapy", f"{(ours != theirs).mean():.2%} of the pixels differ", bool((ours != theirs).mean() < 0.02)

    return Row(f"dilate 100 discs on {n} x {n} pixels of 0.01 deg by 0.1 deg", works, compare)


# ---------------------------------------------------------------------- distance


def distances(quick: bool) -> Iterator[Row]:
    n_discs, n = (5_000, 50_000) if quick else (100_000, 1_000_000)
    lon, lat = sky_points(n_discs, 11)
    radius = np.random.default_rng(12).uniform(20, 40, n_discs)
    mask = Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius * u.arcsec, order=15)
    what = f"the edge of {n_discs:,} discs of 20 to 40 arcsec, order 15"
    yield distance_row(f"distance, {n:,} random points on the sphere, to {what}", mask, *sky_points(n, 5))
    rng = np.random.default_rng(6)
    # Around the discs, so that about half of the points are in one.
    near = rng.integers(0, n_discs, n)
    b = np.clip(lat[near] + rng.normal(0, 25 / 3600, n), -90, 90)
    a = (lon[near] + rng.normal(0, 25 / 3600, n) / np.cos(np.radians(lat[near]))) % 360
    yield distance_row(f"distance, {n:,} points clustered on the mask, to {what}", mask, a, b)
    order = 7 if quick else 10
    yield distance_map_row(200, 1, order)
    yield distance_map_row(70 if quick else 7_000, 0.3, order)


def distance_row(title: str, mask: Mask, lon: np.ndarray, lat: np.ndarray) -> Row:
    coord = SkyCoord(lon, lat, unit="deg")
    works = [Work("hpmask", "Mask.distance(SkyCoord)", lambda: mask.distance(coord))]
    try:
        from scipy.spatial import cKDTree
    except ImportError:
        cKDTree = None
    if peer("healpy") and cKDTree:
        hp, order, nside = peer("healpy"), mask.order, 1 << mask.order
        boundaries = (mask.planes[0].ranges >> shift(order)).astype(np.int64).ravel()
        cells = mask.planes[0].cells().astype(np.int64)

        def edges() -> tuple[np.ndarray, np.ndarray]:
            """Centres of the cells on both sides of the edge: outside and inside."""
            inner, outer = [], []
            for part in np.array_split(cells, -(-cells.size // (1 << 18))):
                around = hp.get_all_neighbours(nside, part, nest=True)
                out = (around >= 0) & (np.searchsorted(boundaries, around, side="right") % 2 == 0)
                inner.append(part[out.any(axis=0)])
                outer.append(around[out])
            sides = np.unique(np.concatenate(outer)), np.concatenate(inner)
            return tuple(np.stack(hp.pix2vec(nside, side, nest=True), axis=1) for side in sides)

        def query(trees: Sequence[Any]) -> np.ndarray:
            vectors = hp.ang2vec(lon, lat, lonlat=True)
            at = hp.ang2pix(nside, lon, lat, nest=True, lonlat=True)
            inside = np.searchsorted(boundaries, at, side="right") % 2 == 1
            found = np.empty(lon.size)
            for tree, here, sign in ((trees[0], inside, 1), (trees[1], ~inside, -1)):
                chord, _ = tree.query(vectors[here], workers=-1)
                found[here] = sign * np.degrees(2 * np.arcsin(chord / 2))
            return found

        def with_trees() -> np.ndarray:
            return query([cKDTree(centres) for centres in edges()])

        def with_astropy() -> np.ndarray:
            at = hp.ang2pix(nside, lon, lat, nest=True, lonlat=True)
            inside = np.searchsorted(boundaries, at, side="right") % 2 == 1
            found = np.empty(lon.size)
            for centres, here, sign in zip(edges(), (inside, ~inside), (1, -1), strict=True):
                catalog = SkyCoord(*hp.vec2ang(centres, lonlat=True), unit="deg")
                found[here] = sign * coord[here].match_to_catalog_sky(catalog)[1].deg
            return found

        call = "get_all_neighbours for the edge cells, scipy's cKDTree of them, all threads"
        works += [
            Work("healpy", call, with_trees),
            Work("healpy", "get_all_neighbours, astropy's match_to_catalog_sky", with_astropy),
            Work(
                "healpy",
                "cKDTree.query alone, edge cells and trees made before",
                query,
                prepare=functools.cache(lambda: [cKDTree(centres) for centres in edges()]),
                aside=True,
            ),
        ]

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "healpy" in results:
            ours = results["hpmask"].value
            most = np.radians(np.abs(ours - results["healpy"]).max())
            yield "healpy", f"up to {most:.2g} rad apart ({(ours > 0).mean():.1%} are in the mask)", most < 1e-13

    return Row(title, works, compare)


def distance_map_row(n: int, radius: float, order: int) -> Row:
    mask = Mask.from_cones(SkyCoord(*sky_points(n, 17), unit="deg"), radius * u.deg, order=order)
    works = [Work("hpmask", "Mask.distance_map(), inside and outside", mask.distance_map)]
    if peer("healpy"):
        hp = peer("healpy")
        kept = mask.to_healpix()
        # Since 1.19 it wants the holes to be True, before that False.
        new = tuple(int(part) for part in hp.__version__.split(".")[:2]) >= (1, 19)
        sides = [holes if new else (~holes).astype(np.int32) for holes in (kept, ~kept)]
        works += [
            Work("healpy", "dist2holes, outside alone", lambda: hp.dist2holes(sides[0])),
            Work(
                "healpy",
                "dist2holes, outside and inside",
                lambda: [hp.dist2holes(side) for side in sides],
                aside=True,
            ),
        ]

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "healpy" in results:
            ours = np.maximum(-results["hpmask"].to_value(u.rad), 0)
            most = np.abs(ours - results["healpy"]).max()
            yield "healpy", f"up to {most:.2g} rad apart outside", most < 1e-13

    return Row(f"map of distances at order {order}, to the edge of {n:,} discs of {radius} deg", works, compare)


# ---------------------------------------------------------------------- neighbouring cells


def components(quick: bool) -> Iterator[Row]:
    n, order = (2_000 if quick else 30_000), 15
    center = SkyCoord(*sky_points(n, 21), unit="deg")
    mask = Mask.from_cones(center, np.random.default_rng(22).uniform(20, 40, n) * u.arcsec, order=order)
    works = [
        Work("hpmask", "Mask.n_components()", mask.n_components),
        Work("hpmask", "Mask.components()", mask.components, aside=True),
        Work("hpmask", "Mask.components().extent, which needs center", lambda: mask.components().extent, aside=True),
    ]
    if peer("mocpy"):
        moc = peer("mocpy").MOC.from_depth29_ranges(order, mask.planes[0].ranges)
        call = "MOC.split_count(include_indirect_neighbours=True)"
        works.append(Work("mocpy", call, lambda: moc.split_count(include_indirect_neighbours=True)))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "mocpy" in results:
            ours, theirs = results["hpmask"], results["mocpy"]
            yield "mocpy", f"{theirs:,} components, hpmask {ours:,}", ours == theirs

    yield Row(f"count the components of {n:,} discs, order {order}, {mask.n_ranges:,} ranges", works, compare)


def steps(quick: bool) -> Iterator[Row]:
    mask, moc = big_mask((1, 1), quick), big_moc((1, 1), quick) if peer("mocpy") else None
    size = f"{mask.n_ranges / 1e6:.2f} million ranges"
    works = [
        [Work("hpmask", "Mask.dilate(steps=1)", lambda: mask.dilate(steps=1))],
        [Work("hpmask", "Mask.erode(steps=1)", lambda: mask.erode(steps=1))],
    ]
    if moc is not None:
        works[0].append(Work("mocpy", "MOC.extended", moc.extended))
        works[1].append(Work("mocpy", "MOC.contracted", moc.contracted))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "mocpy" in results:
            yield "mocpy", *same_sky(results["hpmask"].planes[0], moc_ranges(results["mocpy"]))

    yield Row(f"dilate by one step, {size}", works[0], compare)
    yield Row(f"erode by one step, {size}", works[1], compare)
