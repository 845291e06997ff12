"""Random positions in masks, fraction maps, and many tiles against one mask."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle, Latitude, Longitude, SkyCoord

from hpmask import Mask, Shapes
from rows.common import Row, Work, peer, sky_points


@functools.cache
def complement(quick: bool) -> Mask:
    """The sky without 100 000 discs, at an order at which healsparse can hold it."""
    n = 1_000 if quick else 100_000
    lon, lat = sky_points(n, 21)
    radius = np.random.default_rng(22).uniform(4, 8, n) * u.arcmin
    return ~Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius, order=8 if quick else 11)


@functools.cache
def footprint(quick: bool) -> Mask:
    """100 deg2 without 3000 stars, at order 15."""
    field = Mask.from_boxes(SkyCoord(150, 2, unit="deg"), "10 deg", "10 deg", order=10 if quick else 15)
    stars = Mask.from_cones(field.random(3000, seed=1), "1 arcmin", order=field.order)
    return field - stars


@functools.cache
def in_healsparse(make: Any, quick: bool) -> Any:
    """The same pixels as a map of healsparse."""
    mask = make(quick)
    nside_coverage = 32 if make is complement else 128
    map_ = peer("healsparse").HealSparseMap.make_empty(nside_coverage, 1 << mask.order, bool)
    pairs = (mask.planes[0].ranges >> np.uint64(2 * (29 - mask.order))).astype(np.int64)
    map_.update_values_pix(pairs, True)
    return map_


def randoms(quick: bool) -> Iterator[Row]:
    n = 10_000 if quick else 1_000_000
    for make, what in ((complement, "the complement of 100 000 discs"), (footprint, "a footprint of 100 deg2")):
        yield randoms_row(n, make, what, quick)
    yield fractions_row(quick)
    yield tiles_row(quick)


def randoms_row(n: int, make: Any, what: str, quick: bool) -> Row:
    mask = make(quick)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        found = mask.random(n, seed=1)
        return found.ra.deg, found.dec.deg

    works = [Work("hpmask", "Mask.random(n, seed=1), as arrays", ours)]
    if peer("healsparse"):
        map_ = in_healsparse(make, quick)
        fast = peer("healsparse").make_uniform_randoms_fast
        # Its default nside, 2**23, is 64 times coarser than cells of order 29.
        works.append(
            Work("healsparse", "make_uniform_randoms_fast", lambda: fast(map_, n, rng=np.random.RandomState(1)))
        )
        if peer("skykatana"):
            pipe = peer("skykatana").SkyMaskPipe()

            def makerans() -> tuple[np.ndarray, np.ndarray]:
                table = pipe.makerans(stage=map_, nr=n, rng=np.random.RandomState(1))
                return table["ra"].to_numpy(), table["dec"].to_numpy()

            works.append(Work("skykatana", "SkyMaskPipe.makerans", makerans, aside=True))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        for tool, (lon, lat) in results.items():
            inside = int(mask.contains(SkyCoord(lon, lat, unit="deg")).sum())
            yield tool, f"{inside:,} of {lon.size:,} positions are in the mask", inside == n == lon.size

    return Row(f"{n:,} random positions in {what}, order {mask.order}", works, compare)


def fractions_row(quick: bool) -> Row:
    mask, order = footprint(quick), 6 if quick else 9
    # Without the sky between the coverage pixels.
    works = [Work("hpmask", f"Mask.fraction({order})", lambda: mask.fraction(order))]
    if peer("healsparse"):
        map_ = in_healsparse(footprint, quick)
        works.append(Work("healsparse", f"fracdet_map({1 << order})", lambda: map_.fracdet_map(max(128, 1 << order))))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "healsparse" in results and not quick:
            ours, theirs = results["hpmask"], results["healsparse"]
            same = np.array_equal(theirs.valid_pixels, ours.cells)
            same = same and np.allclose(theirs[theirs.valid_pixels], ours.values, rtol=1e-12)
            yield "healsparse", f"{ours.n_cells} cells, {'the same' if same else 'other'} fractions", same

    return Row(f"fraction of each cell of order {order}, a footprint of 100 deg2 at order {mask.order}", works, compare)


def tiles_row(quick: bool) -> Row:
    n = 500 if quick else 20_000
    mask = complement(quick)
    lon, lat = sky_points(n, 23)
    tiles = Shapes.boxes(SkyCoord(lon, lat, unit="deg"), "1 deg", "1 deg", np.linspace(0, 90, n) * u.deg)
    works = [Work("hpmask", "Mask.area_in(Shapes.boxes)", lambda: mask.area_in(tiles, order=mask.order))]
    if peer("mocpy"):
        mocpy = peer("mocpy")
        moc = mocpy.MOC.from_depth29_ranges(mask.order, mask.planes[0].ranges)
        few = n // 100
        angles, half = np.linspace(0, 90, n)[:few] * u.deg, Angle(0.5, u.deg)

        def one_by_one() -> np.ndarray:
            found = []
            for k in range(few):
                place = Longitude(lon[k], u.deg), Latitude(lat[k], u.deg)
                size = {"a": half, "b": half, "angle": Angle(angles[k]), "max_depth": mask.order}
                box = mocpy.MOC.from_box(*place, **size)
                found.append(box.intersection(moc).sky_fraction)
            return np.array(found)

        works.append(Work("mocpy", f"MOC.from_box and intersection, {few} of {n}", one_by_one, scale=n / few))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "mocpy" in results:
            theirs = results["mocpy"] * 4 * np.pi * u.sr
            ratio = float((theirs / results["hpmask"][: theirs.size]).to_value("").mean())
            # Its boxes have all cells that they overlap.
            yield "mocpy", f"areas are {ratio:.3f} times as large, with the cells that a box overlaps", 1 <= ratio < 1.2

    return Row(f"area of a mask in {n:,} tiles of 1 deg2, {mask.n_ranges / 1e6:.2f} million ranges", works, compare)
