"""The same work done by hpmask and by its peers, as one markdown table.

    python benchmarks/peers.py [--rows discs-15 contains ...] [--repeat 5] [--quick]

Each row is one piece of work. All tools do it in turn, round after round, so that whatever else the machine
does falls on all of them. The time is the median over the rounds, a ratio the peer's time / hpmask's time.
Inputs (SkyCoord, Quantity, masks, geometries) are made before the clock starts, for all tools. What the tools
give is compared where it is comparable. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.metadata
import inspect
import math
import os
import platform
import statistics
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude, SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from hpmask import EnergyAxis, HealpixMap, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.values import disc_sums

PEERS = ("mocpy", "hpgeom", "healpy", "healsparse", "gammapy", "reproject", "skimage", "ligo.skymap")
MAX_ORDER = 29
# Real files, as in the tests; rows that need one are left out without it.
DATA = Path(os.environ.get("HPMASK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass
class Work:
    """One tool at one piece of work."""

    tool: str
    call: str
    run: Callable[..., Any]
    # Made afresh before each round, off the clock; `run` gets it.
    prepare: Callable[[], Any] | None = None
    # The work was done on a part that is smaller by this factor.
    scale: float = 1
    # Not quite the same work: given in the notes, not in the table.
    aside: bool = False


@dataclass
class Row:
    """One piece of work, and how to compare what the tools make of it."""

    title: str
    works: list[Work]
    # From the results by tool to (tool, finding, whether the finding is correct).
    compare: Callable[[dict[str, Any]], Iterator[tuple[str, str, bool]]] = lambda results: iter(())
    times: dict[int, list[float]] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)


# The part of a peer that must work.
_PARTS = {"gammapy": "gammapy.maps", "ligo.skymap": "ligo.skymap.postprocess"}


@functools.cache
def peer(name: str) -> Any:
    """A peer's module, or None if it is not installed or does not work."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(_PARTS.get(name, name))
            return importlib.import_module(name)
    except ImportError:
        return None


# ---------------------------------------------------------------------- common to the rows


def shift(order: int) -> np.uint64:
    return np.uint64(2 * (MAX_ORDER - order))


def merged(ranges: Sequence[np.ndarray]) -> np.ndarray:
    """The union of lists of ranges, as a user of hpgeom or healpy has to write it."""
    rows = np.concatenate(ranges)
    rows = rows[np.argsort(rows[:, 0])]
    stops = np.maximum.accumulate(rows[:, 1])
    first = np.flatnonzero(np.concatenate([[True], rows[1:, 0] > stops[:-1]]))
    last = np.concatenate([first[1:] - 1, [len(rows) - 1]])
    return np.stack([rows[first, 0], stops[last]], axis=1)


def sky_points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random points on the sphere, in degrees."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def moc_ranges(moc: Any) -> np.ndarray:
    return np.asarray(moc.to_depth29_ranges, dtype=np.uint64).reshape(-1, 2)


def big_discs(seed: int, quick: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Discs of ~30 arcsec all over the sky: longitude and latitude in degrees, radius in arcsec."""
    n = 10_000 if quick else 130_000
    return (*sky_points(n, seed), np.random.default_rng(seed + 1000).uniform(20, 40, n))


@functools.cache
def big_mask(seeds: tuple[int, int], quick: bool) -> Mask:
    """Some 1.8 million ranges at order 15: half of the discs of one seed and the other half of another's."""
    first, second = (big_discs(seed, quick) for seed in seeds)
    half = first[0].size // 2
    lon, lat, radius = (np.concatenate([a[:half], b[half:]]) for a, b in zip(first, second, strict=True))
    return Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius * u.arcsec, order=15)


@functools.cache
def big_moc(seeds: tuple[int, int], quick: bool) -> Any:
    mask = big_mask(seeds, quick)
    return peer("mocpy").MOC.from_depth29_ranges(mask.order, mask.planes[0].ranges)


def same_sky(plane: RangeSet, ranges: np.ndarray) -> tuple[str, bool]:
    other = RangeSet(ranges, MAX_ORDER)
    if plane == other:
        return "the same cells", True
    return f"{(plane ^ other).sky_fraction / plane.sky_fraction:.2g} of the area differs", False


# ---------------------------------------------------------------------- discs


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


# ---------------------------------------------------------------------- files


def files(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="hpmask-peers-") as directory:
        yield from files_rows(Path(directory), quick)


def files_rows(directory: Path, quick: bool) -> Iterator[Row]:
    mask = big_mask((1, 1), quick)
    ours, theirs = directory / "hpmask.fits", directory / "mocpy.fits"
    writes = [Work("hpmask", "Mask.write", lambda: mask.write(ours, overwrite=True))]
    reads = [Work("hpmask", "Mask.read", lambda: Mask.read(ours))]
    if peer("mocpy"):
        moc, load = big_moc((1, 1), quick), peer("mocpy").MOC.load
        writes.append(Work("mocpy", "MOC.save(format='fits')", lambda: moc.save(str(theirs), "fits", overwrite=True)))
        reads.append(Work("mocpy", "MOC.load(format='fits')", lambda: load(str(theirs), "fits")))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        yield (
            "hpmask",
            "read back equal" if results["hpmask"] == mask else "not what was written",
            results["hpmask"] == mask,
        )
        if "mocpy" in results:
            yield "mocpy", *same_sky(mask.planes[0], moc_ranges(results["mocpy"]))

    size = f"{mask.n_ranges / 1e6:.2f} million ranges"
    yield Row(f"write a MOC FITS file of {size}", writes)
    yield Row(f"read a MOC FITS file of {size}", reads, compare)


def healpix_files(quick: bool) -> Iterator[Row]:
    """Masks in full HEALPix files that healpy wrote."""
    if not peer("healpy"):
        return
    order = 9 if quick else 12
    lon, lat = sky_points(300 if quick else 3000, 21)
    mask = ~Mask.from_cones(SkyCoord(lon, lat, unit="deg"), 0.5 * u.deg, order=order)
    with tempfile.TemporaryDirectory(prefix="hpmask-peers-") as directory:
        for nest in (False, True):
            values = mask.to_healpix(nest=nest)
            for dtype in (np.bool_, np.uint8, np.float32):
                yield healpix_file_row(Path(directory) / "mask.fits", mask, values.astype(dtype), nest)


def healpix_file_row(path: Path, mask: Mask, values: np.ndarray, nest: bool) -> Row:
    healpy, scheme = peer("healpy"), "NESTED" if nest else "RING"
    healpy.write_map(path, values, nest=nest, coord="C", dtype=values.dtype, overwrite=True)

    def with_healpy() -> Mask:
        # In the order of the file, as reordering would only take more time.
        return Mask.from_healpix(healpy.read_map(path, nest=None), nest=nest, frame="icrs")

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        for tool, found in results.items():
            yield tool, "the mask that was written" if found == mask else "another mask", found == mask

    works = [
        Work("hpmask", "Mask.read", lambda: Mask.read(path)),
        Work("healpy", "read_map, Mask.from_healpix", with_healpy),
    ]
    row = Row(f"read a mask of nside {1 << mask.order} from a {scheme} HEALPix file of {values.dtype}", works, compare)
    tracemalloc.start()
    Mask.read(path)
    row.cells["hpmask memory"] = f"{tracemalloc.get_traced_memory()[1] / values.nbytes:.2f} x file"
    tracemalloc.stop()
    return row


# ---------------------------------------------------------------------- WCS images


def field_wcs(n: int, frame: str = "icrs") -> WCS:
    """n x n pixels of 0.01 deg around the Crab nebula."""
    wcs = WCS(naxis=2)
    if frame == "icrs":
        wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.crval = 83.633, 22.014
    else:
        wcs.wcs.ctype = "GLON-TAN", "GLAT-TAN"
        wcs.wcs.crval = 184.557, -5.784
    wcs.wcs.crpix = (n + 1) / 2, (n + 1) / 2
    wcs.wcs.cdelt = -0.01, 0.01
    wcs.array_shape = n, n
    wcs.wcs.set()
    return wcs


def pixels_lonlat(wcs: WCS) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.indices(wcs.array_shape)
    return wcs.pixel_to_world_values(x, y)


def gammapy_geom(wcs: WCS, axes: Sequence[Any] = ()) -> Any:
    """A new geometry, which does not yet remember the coordinates of its pixels."""
    return peer("gammapy").maps.WcsGeom(wcs.deepcopy(), wcs.array_shape[::-1], axes=list(axes))


def images_differ(results: dict[str, Any], most: float) -> Iterator[tuple[str, str, bool]]:
    ours = results["hpmask"]
    for tool in results.keys() - {"hpmask"}:
        n = int((np.asarray(results[tool]) != ours).sum())
        yield tool, f"{n} of {ours.size:,} pixels differ ({ours.mean():.1%} are True)", n <= most * ours.size


def to_wcs(quick: bool) -> Iterator[Row]:
    n, order = (200, 10) if quick else (1000, 10)
    center = SkyCoord(*sky_points(7000, 3), unit="deg")
    same, other = field_wcs(n), field_wcs(n, "galactic")
    mask = ~Mask.from_cones(center, "0.5 deg", order=order)
    edges = np.geomspace(0.1, 100, 11) * u.TeV
    radius = np.linspace(0.6, 0.2, 10)[np.newaxis] * u.deg
    cube = ~Mask.from_cones(center, radius, order=order, energy=EnergyAxis(edges))
    title = f"to_wcs, {n} x {n} pixels, mask of order {order}"
    yield to_wcs_row(f"{title}, image in its frame", mask, same)
    yield to_wcs_row(f"{title}, Galactic image of an ICRS mask", mask, other)
    yield to_wcs_row(f"{title}, 10 energy bins", cube, same)


def to_wcs_row(title: str, mask: Mask, wcs: WCS) -> Row:
    order, nside = mask.order, 1 << mask.order
    works = [Work("hpmask", "Mask.to_wcs(wcs)", lambda: mask.to_wcs(wcs))]

    def lonlat() -> tuple[np.ndarray, np.ndarray]:
        """By hand: positions of the pixels, once for all energies."""
        if wcs.wcs.ctype[0].startswith("RA"):
            return pixels_lonlat(wcs)
        y, x = np.indices(wcs.array_shape)
        sky = wcs.pixel_to_world(x, y).icrs
        return sky.ra.deg, sky.dec.deg

    def shaped(images: list[np.ndarray]) -> np.ndarray:
        return images[0] if mask.energy is None else np.array(images)

    if peer("mocpy"):
        mocs = [peer("mocpy").MOC.from_depth29_ranges(order, plane.ranges) for plane in mask.planes]

        def with_mocpy() -> np.ndarray:
            a, b = lonlat()
            return shaped([moc.contains_lonlat(a * u.deg, b * u.deg) for moc in mocs])

        works.append(Work("mocpy", "positions by WCS and MOC.contains_lonlat", with_mocpy))
    full = np.zeros((len(mask.planes), 12 * nside**2), dtype=bool)
    for k, plane in enumerate(mask.planes):
        full[k, plane.cells()] = True
    calls = {
        "hpgeom": lambda a, b: peer("hpgeom").angle_to_pixel(nside, a, b, n_threads=os.cpu_count() or 1),
        "healpy": lambda a, b: peer("healpy").ang2pix(nside, a, b, nest=True, lonlat=True),
    }
    for tool, cells_of in calls.items():
        if not peer(tool):
            continue

        def with_full_map(cells_of: Callable[..., np.ndarray] = cells_of) -> np.ndarray:
            cells = cells_of(*lonlat())
            return shaped([values[cells] for values in full])

        name = {"hpgeom": "angle_to_pixel on all threads", "healpy": "ang2pix"}[tool]
        works.append(Work(tool, f"positions by WCS and {name} into a full map", with_full_map))
    if peer("gammapy") and peer("healpy"):
        maps = peer("gammapy").maps
        axes = [] if mask.energy is None else [maps.MapAxis.from_edges(mask.energy.edges, name="energy")]
        geom = maps.HpxGeom(nside, nest=True, frame="icrs", axes=axes)
        hpx = maps.HpxNDMap(geom, data=full[0] if mask.energy is None else full)
        works.append(
            Work(
                "gammapy",
                "HpxNDMap.interp_to_geom(WcsGeom), a new WcsGeom each time",
                lambda geom: hpx.interp_to_geom(geom).data,
                prepare=lambda: gammapy_geom(wcs, axes),
            )
        )
    if peer("reproject") and mask.energy is None:
        floats = full[0].astype(np.float64)
        works.append(
            Work(
                "reproject",
                "reproject_from_healpix, order='nearest-neighbor'",
                lambda: (
                    peer("reproject").reproject_from_healpix(
                        (floats, "icrs"), wcs, wcs.array_shape, nested=True, order="nearest-neighbor"
                    )[0]
                    == 1
                ),
            )
        )
    # All look up the cell of the same position. At an edge between cells, rounding decides.
    return Row(title, works, functools.partial(images_differ, most=2e-6))


def discs_in(wcs: WCS, count: int, radius: u.Quantity, order: int, energy: EnergyAxis | None = None) -> Mask:
    """What is left of the sky without some discs at random places of an image."""
    ny, nx = wcs.array_shape
    rng = np.random.default_rng(14)
    place = wcs.pixel_to_world(rng.uniform(0, nx, count), rng.uniform(0, ny, count))
    return ~Mask.from_cones(place, radius, order=order, energy=energy)


def fields(quick: bool) -> Iterator[Row]:
    n, order = (200, 9) if quick else (1000, 11)
    wcs = field_wcs(n)
    title = f"to_wcs, {n} x {n} TAN pixels, mask of order {order}"
    crowded = discs_in(wcs, 30 if quick else 300, 0.3 * u.deg, order)
    yield to_wcs_row(f"{title}, 300 discs of 0.3 deg", crowded, wcs)
    yield to_wcs_row(f"{title}, 20 discs of 0.3 deg", discs_in(wcs, 20, 0.3 * u.deg, order), wcs)
    yield to_wcs_row(*all_sky(quick))
    yield planes(quick)


def all_sky(quick: bool) -> tuple[str, Mask, WCS]:
    """4FGL-DR4 with discs of 0.5 deg on 4000 x 2000 pixels; without the catalog's file, as many random places."""
    ny, nx = (200, 400) if quick else (2000, 4000)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---CAR", "DEC--CAR"
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.crpix = (nx + 1) / 2, (ny + 1) / 2
    wcs.wcs.cdelt = -360 / nx, 180 / ny
    wcs.array_shape = ny, nx
    wcs.wcs.set()
    path = Path(os.environ.get("HPMASK_TEST_DATA", ".")) / "catalogs/gll_psc_v35_4FGL-DR4_slim.fits.gz"
    if path.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mask, what = ~Mask.from_catalog(path, "0.5 deg", order=10), "4FGL-DR4"
    else:
        mask, what = ~Mask.from_cones(SkyCoord(*sky_points(7195, 4), unit="deg"), "0.5 deg", order=10), "7195"
    return f"to_wcs, {nx} x {ny} pixels of the whole sky (CAR), {what} discs of 0.5 deg, order 10", mask, wcs


def planes(quick: bool) -> Row:
    n, order = (100, 9) if quick else (500, 11)
    wcs = field_wcs(n)
    wcs.wcs.cdelt = -0.02, 0.02
    wcs.wcs.set()
    edges = np.geomspace(0.1, 100, 21) * u.TeV
    radius = np.linspace(0.6, 0.2, 20)[np.newaxis] * u.deg
    cube = discs_in(wcs, 20, radius, order, EnergyAxis(edges))
    row = to_wcs_row(f"to_wcs, {n} x {n} pixels, 20 different energy planes", cube, wcs)
    one = Mask(cube.planes[10])
    row.works.append(Work("hpmask", "one of the 20 planes alone", lambda: one.to_wcs(wcs), aside=True))
    return row


def many(quick: bool) -> Iterator[Row]:
    count, n, order = (20, 100, 10) if quick else (500, 250, 10)
    mask = ~Mask.from_cones(SkyCoord(*sky_points(7000, 3), unit="deg"), "0.5 deg", order=order)
    # Within the belt where most fields are observed.
    rng = np.random.default_rng(15)
    targets = []
    for lon, lat in zip(rng.uniform(0, 360, count), rng.uniform(-60, 60, count), strict=True):
        wcs = field_wcs(n)
        wcs.wcs.crval = lon, lat
        wcs.wcs.cdelt = -0.02, 0.02
        wcs.wcs.set()
        targets.append(wcs)
    works = [
        Work("hpmask", "list(Mask.to_wcs_many(fields))", lambda: np.array(list(mask.to_wcs_many(targets)))),
        Work("hpmask", "loop of Mask.to_wcs", lambda: [mask.to_wcs(wcs) for wcs in targets], aside=True),
    ]
    if peer("mocpy"):
        moc = peer("mocpy").MOC.from_depth29_ranges(order, mask.planes[0].ranges)

        def with_mocpy() -> np.ndarray:
            found = []
            for wcs in targets:
                a, b = pixels_lonlat(wcs)
                found.append(moc.contains_lonlat(a * u.deg, b * u.deg))
            return np.array(found)

        works.append(Work("mocpy", "loop: positions by WCS and MOC.contains_lonlat", with_mocpy))
    if peer("gammapy") and peer("healpy"):
        maps = peer("gammapy").maps
        geom = maps.HpxGeom(1 << order, nest=True, frame="icrs")
        full = np.zeros(12 << (2 * order), dtype=bool)
        full[mask.planes[0].cells()] = True
        hpx = maps.HpxNDMap(geom, data=full)
        works.append(
            Work(
                "gammapy",
                "loop of HpxNDMap.interp_to_geom(WcsGeom)",
                lambda geoms: np.array([hpx.interp_to_geom(geom).data for geom in geoms]),
                prepare=lambda: [gammapy_geom(wcs) for wcs in targets],
            )
        )
    title = f"{count} fields of {n} x {n} pixels from one mask of order {order}"
    yield Row(title, works, functools.partial(images_differ, most=2e-6))


def from_wcs(quick: bool) -> Iterator[Row]:
    n = 200 if quick else 2000
    wcs = field_wcs(n)
    for count in (20, 300):
        image = discs_in(wcs, count, (0.05 if quick else 0.3) * u.deg, 13).to_wcs(wcs)
        for order in (10, 12, 14):
            yield from_wcs_row(f"from_wcs, {n} x {n} TAN pixels, {count} discs, order {order}", image, wcs, order)


def from_wcs_row(title: str, image: np.ndarray, wcs: WCS, order: int) -> Row:
    from astropy.io import fits

    works = [Work("hpmask", "Mask.from_wcs(image, wcs, order=order)", lambda: Mask.from_wcs(image, wcs, order=order))]
    if peer("mocpy"):
        hdu = fits.ImageHDU(image.astype(np.uint8), header=wcs.to_header())
        load = peer("mocpy").MOC.from_fits_image
        works.append(Work("mocpy", "MOC.from_fits_image(hdu, order, mask=image)", lambda: load(hdu, order, image)))
    # At order 14 it takes half a minute.
    if peer("healpy") and order < 14:
        healpy, ny, nx = peer("healpy"), *image.shape
        middle = healpy.ang2vec(*wcs.pixel_to_world_values((nx - 1) / 2, (ny - 1) / 2), lonlat=True)
        radius = 1.1 * np.radians(0.01 * np.hypot(nx, ny) / 2)

        def by_hand() -> np.ndarray:
            cells = healpy.query_disc(1 << order, middle, radius, nest=True)
            x, y = wcs.world_to_pixel_values(*healpy.pix2ang(1 << order, cells, nest=True, lonlat=True))
            i, j = np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)
            within = (i >= 0) & (i < nx) & (j >= 0) & (j < ny)
            return cells[within][image[j[within], i[within]]]

        works.append(Work("healpy", "query_disc, pix2ang, wcs.world_to_pixel_values: all cells' centres", by_hand))
    # As a part of the sky that holds the image; at order 14 that is 100 million cells.
    if peer("gammapy") and peer("healpy") and order < 14:
        maps = peer("gammapy").maps
        sky = maps.WcsNDMap(gammapy_geom(wcs), data=image)
        lon, lat = wcs.pixel_to_world_values((image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2)
        region = f"DISK({lon:.9f},{lat:.9f},{1.1 * 0.01 * np.hypot(*image.shape) / 2})"

        def with_gammapy(geom: Any) -> np.ndarray:
            found = sky.interp_to_geom(geom)
            return found.geom.local_to_global(np.nonzero(found.data))[0]

        works.append(
            Work(
                "gammapy",
                "WcsNDMap.interp_to_geom(HpxGeom of a disc around the image), a new HpxGeom each time",
                with_gammapy,
                prepare=lambda: maps.HpxGeom(1 << order, nest=True, frame="icrs", region=region),
            )
        )
    # It fills the whole sky, with 8 bytes a cell and more.
    if peer("reproject") and order <= 10:
        works.append(
            Work(
                "reproject",
                "reproject_to_healpix, order='nearest-neighbor'",
                lambda: np.flatnonzero(
                    peer("reproject").reproject_to_healpix(
                        (image.astype(np.float64), wcs), "icrs", nside=1 << order, nested=True, order="nearest-neighbor"
                    )[0]
                    == 1
                ),
            )
        )

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        plane = results["hpmask"].planes[0]
        for tool in results.keys() & {"healpy", "gammapy", "reproject"}:
            cells = np.asarray(results[tool], dtype=np.uint64)
            yield tool, *same_sky(plane, RangeSet.from_cells(cells, order).ranges)
        if "mocpy" in results:
            theirs = RangeSet(moc_ranges(results["mocpy"]), MAX_ORDER)
            missed, more = ((a - b).sky_fraction / plane.sky_fraction for a, b in ((plane, theirs), (theirs, plane)))
            # It marks the cells under pixels' centres, and so leaves holes where cells are the smaller ones.
            yield "mocpy", f"{missed:.2%} of the area is missing, {more:.2%} too much", True

    return Row(title, works, compare)


def circles(quick: bool) -> Iterator[Row]:
    from regions import CircleSkyRegion

    n, count = (200, 30) if quick else (1000, 300)
    wcs = field_wcs(n)
    # Cells of at most a quarter of a pixel.
    order = math.ceil(math.log2(math.degrees(math.sqrt(math.pi / 3)) / (0.01 / 4)))
    rng = np.random.default_rng(9)
    place = wcs.pixel_to_world(*rng.uniform(0, n, (2, count)))
    radius = rng.uniform(0.05, 0.3, count) * u.deg
    shapes = [CircleSkyRegion(c, r) for c, r in zip(place, radius, strict=True)]
    works = [
        Work(
            "hpmask",
            f"Mask.from_regions(regions, order={order}).to_wcs(wcs)",
            lambda: Mask.from_regions(shapes, order=order).to_wcs(wcs),
        )
    ]
    if peer("mocpy"):

        def with_mocpy() -> np.ndarray:
            cones = peer("mocpy").MOC.from_cones(
                place.ra,
                place.dec,
                radius=radius,
                max_depth=order,
                union_strategy="small_cones",
                n_threads=None,
            )
            a, b = pixels_lonlat(wcs)
            return cones.contains_lonlat(a * u.deg, b * u.deg)

        works.append(Work("mocpy", "MOC.from_cones, wcs.pixel_to_world_values, MOC.contains_lonlat", with_mocpy))
    if peer("gammapy"):
        works.append(
            Work(
                "gammapy",
                "WcsGeom.region_mask(regions), a new WcsGeom each time",
                lambda geom: geom.region_mask(shapes).data,
                prepare=lambda: gammapy_geom(wcs),
            )
        )
    # gammapy draws circles in the plane of the pixels, mocpy takes the cells that overlap.
    compare = functools.partial(images_differ, most=0.02)
    yield Row(f"{count} circles of 0.05 to 0.3 deg to {n} x {n} pixels, order {order}", works, compare)


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


# ---------------------------------------------------------------------- masks for gammapy


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


# ---------------------------------------------------------------------- running

ROWS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "discs-15": lambda quick: iter([discs(100_000, (20, 40), 15, "center", 11, quick)]),
    "discs-12-small": lambda quick: iter([discs(10_000, (120, 120), 12, "center", 12, quick)]),
    "discs-12-large": lambda quick: iter([discs(7_000, (1800, 1800), 12, "center", 13, quick)]),
    "discs-15-overlap": lambda quick: iter([discs(100_000, (20, 40), 15, "overlap", 11, quick)]),
    "algebra": algebra,
    "contains": contains,
    "files": files,
    "healpix-file": healpix_files,
    "to-wcs": to_wcs,
    "fields": fields,
    "many-fields": many,
    "from-wcs": from_wcs,
    "circles": circles,
    "growing": growing,
    "distance": distances,
    "disc-sums": sums_over_discs,
    "components": components,
    "steps": steps,
    "credible": credible,
    "for-gammapy": for_gammapy,
    "thresholds": thresholds,
    "hysteresis": hysteresis,
}


def measure(row: Row, repeat: int) -> dict[str, Any]:
    """Do the work in rounds; the results of the last round, by tool."""
    results: dict[str, Any] = {}
    for _ in range(repeat):
        for k, work in enumerate(row.works):
            if k in row.failures:
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    given = () if work.prepare is None else (work.prepare(),)
                    start = time.perf_counter()
                    result = work.run(*given)
                    row.times.setdefault(k, []).append((time.perf_counter() - start) * work.scale)
            except Exception as error:
                row.failures[k] = f"{type(error).__name__}: {error}"
                print(f"  {work.tool} failed: {row.failures[k]}", file=sys.stderr)
            else:
                if not work.aside:
                    results[work.tool] = result
            del given
    return results


_SIZES = (("s", 1), ("ms", 1e-3), ("us", 1e-6))


def in_words(seconds: float) -> str:
    """A time to three digits."""
    unit, size = next(((name, size) for name, size in _SIZES if seconds >= size), _SIZES[-1])
    value = seconds / size
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}" if value > 0 else "0 s"


def fill(row: Row) -> None:
    """The cells of a row: the fastest call of each tool, and how many times longer than hpmask it took."""
    medians = {k: statistics.median(times) for k, times in row.times.items() if k not in row.failures}
    ours = next((medians.get(k) for k, work in enumerate(row.works) if work.tool == "hpmask"), None)
    for tool in ("hpmask", *PEERS):
        mine = [k for k, work in enumerate(row.works) if work.tool == tool and not work.aside]
        done = [medians[k] for k in mine if k in medians]
        if tool in row.cells:
            continue
        if not done:
            there = tool == "hpmask" or peer(tool)
            row.cells[tool] = "failed" if mine else "" if there else "not installed"
        elif tool == "hpmask" or ours is None:
            row.cells[tool] = in_words(min(done))
        else:
            row.cells[tool] = f"{in_words(min(done))} ({min(done) / ours:.3g})"


def notes(name: str, row: Row, results: dict[str, Any]) -> tuple[list[str], bool]:
    """What was called, how long each call took, and how the results compare."""
    lines, good = [], not row.failures
    for k, work in enumerate(row.works):
        if k in row.failures:
            took = f"failed, {row.failures[k]}"
        else:
            times = row.times[k]
            took = f"{in_words(statistics.median(times))} ({in_words(min(times))} to {in_words(max(times))})"
        lines.append(f"  - {work.tool}: {work.call}: {took}")
    if "hpmask" in results:
        for tool, found, right in row.compare(results):
            lines.append(f"  - {tool} against hpmask: {found}{'' if right else '  **NOT AS IT SHOULD BE**'}")
            good &= right
    if -1 in row.failures:
        lines.append(f"  - **NOT AS IT SHOULD BE**: {row.failures[-1]}")
    return ([f"- {name}: {row.title}", *lines] if lines else []), good


def heading() -> str:
    versions = [f"Python {platform.python_version()}", f"numpy {np.__version__}"]
    for name in ("hpmask", "astropy", *PEERS):
        try:
            package = {"skimage": "scikit-image"}.get(name, name)
            versions.append(f"{name} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} processors, {platform.machine()}; {', '.join(versions)}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--quick", action="store_true", help="small inputs: to see that all works, not to measure")
    options = parser.parse_args(arguments)
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")

    table, remarks, good = [], [], True
    for name in options.rows:
        print(name, file=sys.stderr)
        for row in ROWS[name](options.quick):
            results = measure(row, options.repeat)
            fill(row)
            lines, right = notes(name, row, results)
            table.append(f"| {row.title} | {' | '.join(row.cells[tool] for tool in ('hpmask', *PEERS))} |")
            remarks += lines
            good &= right
    print(f"Median of {options.repeat}; in brackets the ratio to hpmask's time. {heading()}.\n")
    print(f"| work | hpmask | {' | '.join(PEERS)} |")
    print(f"|---|{'---:|' * (1 + len(PEERS))}")
    print("\n".join(table))
    print("\nCalls, their medians (and ranges), and comparisons:\n")
    print("\n".join(remarks))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
