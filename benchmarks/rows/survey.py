"""Masks of surveys: against healsparse and skykatana, in a footprint of 1,000 square degrees."""

from __future__ import annotations

import contextlib
import functools
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask, RangeSet
from rows.common import Row, Work, peer, same_sky

ORDER = 15
NSIDE, NSIDE_COVERAGE = 1 << ORDER, 32


@functools.cache
def stars(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions in the footprint, 150 to 190 and 0 to 25 degrees, and radii of 20 to 40 arcsec, in degrees."""
    rng = np.random.default_rng(seed)
    lon, z = rng.uniform(150, 190, n), rng.uniform(0, np.sin(np.radians(25)), n)
    return lon, np.degrees(np.arcsin(z)), rng.uniform(20, 40, n) / 3600


@functools.cache
def star_mask(seed: int, n: int) -> Mask:
    lon, lat, radius = stars(seed, n)
    return Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius * u.deg, order=ORDER)


@functools.cache
def star_map(seed: int, n: int) -> Any:
    """The mask as a bit-packed map of healsparse."""
    return star_mask(seed, n).to_healsparse(nside_coverage=NSIDE_COVERAGE)


def count(quick: bool) -> int:
    return 5_000 if quick else 100_000


def survey(quick: bool) -> Iterator[Row]:
    yield building(quick)
    if not peer("healsparse"):
        return
    yield sizes(quick)
    yield from operations(quick)
    yield look_up(quick)
    yield from exchange(quick)


# ---------------------------------------------------------------------- making masks


def building(quick: bool) -> Row:
    n = count(quick)
    lon, lat, radius = stars(1, n)
    center, angle = SkyCoord(lon, lat, unit="deg"), radius * u.deg
    works = [
        Work(
            "hpmask",
            f"Mask.from_cones(center, radius, order={ORDER})",
            lambda: Mask.from_cones(center, angle, order=ORDER),
        )
    ]
    hsp = peer("healsparse")
    if hsp:
        part = min(n, 500)
        circles = [hsp.Circle(ra=a, dec=b, radius=r, value=True) for a, b, r in zip(lon, lat, radius, strict=True)]

        def union_of_circles() -> Any:
            sky = hsp.HealSparseMap.make_empty(NSIDE_COVERAGE, NSIDE, bool, bit_packed=True)
            for one in circles[:part]:
                sky |= one
            return sky

        def realized() -> Any:
            # This adds bits to a map of integers: its way for many shapes.
            sky = hsp.HealSparseMap.make_empty(NSIDE_COVERAGE, NSIDE, np.uint8, sentinel=0)
            hsp.realize_geom(bits[:part], sky)
            return sky

        bits = [hsp.Circle(ra=a, dec=b, radius=r, value=1) for a, b, r in zip(lon, lat, radius, strict=True)]
        scaled = f"scaled up from {part} of {n} discs"
        works.append(Work("healsparse", f"map |= Circle, {scaled}", union_of_circles, scale=n / part))
        works.append(Work("healsparse", f"realize_geom, {scaled}", realized, scale=n / part))
    if hsp and peer("skykatana"):
        from pandas import DataFrame

        table = DataFrame({"ra": lon, "dec": lat, "radius": radius})

        def pixelated() -> Any:
            sky = hsp.HealSparseMap.make_empty(NSIDE_COVERAGE, NSIDE, bool, bit_packed=True)
            with contextlib.redirect_stdout(io.StringIO()):
                peer("skykatana").SkyMaskPipe.pixelate_circles(table, sky, order=ORDER, n_threads=4)
            return sky

        works.append(Work("skykatana", "SkyMaskPipe.pixelate_circles(table, map, n_threads=4)", pixelated))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "skykatana" in results:
            theirs = RangeSet.from_cells(results["skykatana"].valid_pixels, ORDER)
            more = theirs.sky_fraction / results["hpmask"].planes[0].sky_fraction - 1
            note = f"{more:+.2%} of cells (those that overlap), hpmask's all among them"
            yield "skykatana", note, results["hpmask"].planes[0].issubset(theirs)

    return Row(f"{n:,} discs of 20 to 40 arcsec in 1,000 deg2, order {ORDER}", works, compare)


# ---------------------------------------------------------------------- memory and files


def sizes(quick: bool) -> Row:
    """Memory and size of files; what stands in the cells is in MB."""
    n = count(quick)
    mask, map_ = star_mask(1, n), star_map(1, n)
    n_blocks = int(np.count_nonzero(map_.coverage_mask)) + 1
    cells = {"hpmask": [mask.nbytes], "healsparse": [n_blocks * (NSIDE // NSIDE_COVERAGE) ** 2 // 8]}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mask.fits", "mask.hsp"):
            mask.write(f"{folder}/{name}")
            cells["hpmask"].append(Path(f"{folder}/{name}").stat().st_size)
        map_.write(f"{folder}/map.hsp")
        cells["healsparse"].append(Path(f"{folder}/map.hsp").stat().st_size)
    row = Row(f"memory and files of {n:,} discs in 1,000 deg2, order {ORDER}, in MB", [])
    words = {"hpmask": ("memory", "FITS", ".hsp"), "healsparse": ("bit-packed", ".hsp")}
    row.cells = {
        tool: ", ".join(f"{word} {size / 1e6:.1f}" for word, size in zip(words[tool], found, strict=True))
        for tool, found in cells.items()
    }
    return row


# ---------------------------------------------------------------------- set operations and look-ups


def operations(quick: bool) -> Iterator[Row]:
    n = count(quick)
    a, b, their_a, their_b = star_mask(1, n), star_mask(2, n), star_map(1, n), star_map(2, n)
    signs: dict[str, Callable[[Any, Any], Any]] = {
        "|": lambda a, b: a | b,
        "&": lambda a, b: a & b,
        "^": lambda a, b: a ^ b,
    }
    for sign, operation in signs.items():
        works = [
            Work("hpmask", f"{sign} of Masks", functools.partial(operation, a, b)),
            Work("healsparse", f"{sign} of bit-packed maps", functools.partial(operation, their_a, their_b)),
        ]
        compare = (
            functools.partial(_same_cells, a, their_b) if sign == "&" else functools.partial(_same_cells, None, None)
        )
        yield Row(f"`a {sign} b`, {n:,} discs each".replace("|", "\\|"), works, compare)


def _same_cells(left: Mask | None, right: Any, results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    ours = results["hpmask"].planes[0]
    theirs = RangeSet.from_cells(results["healsparse"].valid_pixels, ORDER)
    if left is not None and theirs != ours:
        # The operator & of healsparse keeps what is on the left where there are no coverage pixels on the right.
        outside = left.planes[0] - RangeSet.from_cells(np.flatnonzero(right.coverage_mask), 5)
        yield "healsparse", "with the cells of a outside of the coverage map of b", theirs == ours | outside
    else:
        yield "healsparse", *same_sky(ours, theirs.ranges)


def look_up(quick: bool) -> Row:
    n = count(quick)
    mask, map_ = star_mask(1, n), star_map(1, n)
    lon, lat, _ = stars(3, 100_000 if quick else 5_000_000)
    works = [
        Work("hpmask", "Mask.contains(lon, lat)", lambda: mask.contains(lon, lat)),
        Work("healsparse", "get_values_pos(lon, lat)", lambda: map_.get_values_pos(lon, lat)),
    ]

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        differ = int(np.count_nonzero(results["hpmask"] != results["healsparse"]))
        yield "healsparse", f"{differ} of {lon.size:,} positions differ", differ <= 2

    return Row(f"look-up of {lon.size:,} positions in {n:,} discs", works, compare)


# ---------------------------------------------------------------------- to and from healsparse


def exchange(quick: bool) -> Iterator[Row]:
    n = count(quick)
    mask, map_ = star_mask(1, n), star_map(1, n)
    ours = [Work("hpmask", "Mask.from_map(map)", lambda: Mask.from_map(map_))]
    yield Row(
        f"cells of a bit-packed map, {n:,} discs",
        [*ours, Work("healsparse", "valid_pixels", lambda: map_.valid_pixels)],
        lambda results: iter([("hpmask", "same mask", results["hpmask"] == mask)]),
    )
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name)
    mask.write(path / "mask.hsp")
    map_.write(str(path / "map.hsp"))
    read = peer("healsparse").HealSparseMap.read
    pixel = int(np.flatnonzero(map_.coverage_mask)[100])
    near = Mask(RangeSet.from_cells([pixel], 5))

    def checked(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        assert folder.name
        yield "hpmask", "same mask", bool(results["hpmask"] <= mask)

    rows = {
        "reading the file that healsparse wrote": (
            lambda: Mask.read(path / "map.hsp"),
            lambda: read(str(path / "map.hsp")),
        ),
        "reading one coverage pixel of it": (
            lambda: Mask.read(path / "map.hsp", within=near),
            lambda: read(str(path / "map.hsp"), pixels=[pixel]),
        ),
        "writing a file": (
            lambda: mask.write(path / "new.hsp", overwrite=True) or mask,
            lambda: map_.write(str(path / "other.hsp"), clobber=True),
        ),
    }
    for title, (first, second) in rows.items():
        works = [Work("hpmask", "Mask", first), Work("healsparse", "HealSparseMap, bit-packed", second)]
        yield Row(f"{title}, {n:,} discs", works, checked)
