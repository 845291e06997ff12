"""Flags: which layers of a survey hold positions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude, SkyCoord

from hpmask import Mask, MaskSet
from rows.common import Row, Work, moc_ranges, peer

ORDER = 15
N_LAYERS = 11
# The layers that mocpy looks up; its time is scaled up.
N_MOCS = 2


def field(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random positions in a survey of 4900 deg2, in degrees."""
    low, high = np.sin(np.radians([30, 70]))
    return rng.uniform(110, 260, n), np.degrees(np.arcsin(rng.uniform(low, high, n)))


def layers(quick: bool) -> MaskSet:
    """Layers of small discs, as those around bright stars."""
    n = 5_000 if quick else 100_000
    rng = np.random.default_rng(3)
    masks = {}
    for k in range(N_LAYERS):
        center = SkyCoord(*field(n, rng), unit="deg")
        masks[f"layer {k}"] = Mask.from_cones(center, rng.uniform(10, 60, n) * u.arcsec, order=ORDER)
    return MaskSet(masks)


def flags(quick: bool) -> Iterator[Row]:
    n = 200_000 if quick else 5_000_000
    masks = layers(quick)
    lon, lat = field(n, np.random.default_rng(4))
    coord = SkyCoord(lon, lat, unit="deg")
    n_ranges = sum(mask.n_ranges for mask in masks.values())
    title = f"flags of {n:,} points in {N_LAYERS} layers, {n_ranges / 1e6:.2f} million ranges together"
    works = [
        Work("hpmask", "MaskSet.flags(SkyCoord)", lambda: masks.flags(coord)),
        Work("hpmask", "the same on one thread", lambda: masks.flags(coord, n_threads=1), aside=True),
        Work(
            "hpmask",
            "the first call, which makes the index",
            lambda fresh: fresh.flags(coord),
            prepare=lambda: MaskSet(masks),
            aside=True,
        ),
        Work("hpmask", "Mask.contains of each layer", lambda: looped(masks, coord), aside=True),
    ]
    masks.flags(coord)
    if peer("healsparse"):
        works += with_healsparse(masks, lon, lat)
    if peer("mocpy"):
        mocs = [mask.to_moc() for mask in masks[list(masks)[:N_MOCS]].values()]
        assert all(moc_ranges(moc).shape[0] == mask.n_ranges for moc, mask in zip(mocs, masks.values(), strict=False))
        angles = Longitude(lon, u.deg), Latitude(lat, u.deg)

        def with_mocpy() -> np.ndarray:
            return together([moc.contains_lonlat(*angles) for moc in mocs])

        call = f"MOC.contains_lonlat of {N_MOCS} layers, times {N_LAYERS / N_MOCS}"
        works.append(Work("mocpy", call, with_mocpy, scale=N_LAYERS / N_MOCS))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        ours = results["hpmask"]
        for tool in results.keys() - {"hpmask"}:
            mine = ours & ((1 << N_MOCS) - 1) if tool == "mocpy" else ours
            n = int((results[tool] != mine).sum())
            yield tool, f"{n} of {ours.size:,} flags differ ({(ours > 0).mean():.1%} are not 0)", n <= 5

    yield Row(title, works, compare)


def looped(masks: MaskSet, coord: SkyCoord) -> np.ndarray:
    return together([mask.contains(coord) for mask in masks.values()])


def together(answers: list[np.ndarray]) -> np.ndarray:
    found = np.zeros(answers[0].size, dtype=np.uint16)
    for k, answer in enumerate(answers):
        found |= answer.astype(np.uint16) << np.uint16(k)
    return found


def with_healsparse(masks: MaskSet, lon: np.ndarray, lat: np.ndarray) -> Iterator[Work]:
    """Eleven maps of bits; its fastest coverage here. Aside, with the pixels found once for all maps."""
    hsp, hpgeom = peer("healsparse"), peer("hpgeom")
    maps = []
    for mask in masks.values():
        one = hsp.HealSparseMap.make_empty(512, 1 << ORDER, bool, bit_packed=True)
        one.update_values_pix(mask.planes[0].cells(ORDER).astype(np.int64), True, check_unique=False)
        maps.append(one)

    def each() -> np.ndarray:
        return together([one.get_values_pos(lon, lat, lonlat=True) for one in maps])

    def pixels_once() -> np.ndarray:
        pixels = hpgeom.angle_to_pixel(1 << ORDER, lon, lat, n_threads=os.cpu_count() or 1)
        return together([one.get_values_pix(pixels) for one in maps])

    yield Work("healsparse", f"HealSparseMap.get_values_pos of {N_LAYERS} maps, bit-packed", each)
    yield Work("healsparse", "angle_to_pixel once, and get_values_pix of each map", pixels_once, aside=True)
