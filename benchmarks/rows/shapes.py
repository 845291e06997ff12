"""Many shapes that are not discs, and polypix.

polypix needs a later Python than hpmask does, so it runs in an interpreter of its own, whose path is in the environment
variable HPMASK_POLYPIX_PYTHON. A process is started before the clock, gets the arrays in a file, and does the work once
for each line that it reads. polypix gives lists of cells, RING numbers; a set needs `numpy.unique` as well.
"""

from __future__ import annotations

import atexit
import functools
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude, SkyCoord

from hpmask import Mask, RangeSet
from hpmask.geometry import healpix
from rows.common import MAX_ORDER, Row, Work, merged, moc_ranges, peer, same_sky, shift, sky_points

# How many shapes a peer does that takes them one by one; its time is scaled up.
_PART = 2000

_SERVER = """
import sys
import numpy as np
import polypix
given = np.load(sys.argv[1])
arrays = [given[name] for name in given.files]
print("ready", flush=True)
for line in sys.stdin:
    call, resolution, threads, unique = line.split()
    cells = getattr(polypix, call)(*arrays, int(resolution), threads=int(threads)).cells
    if unique == "unique":
        cells = np.unique(cells)
    print(cells.size, flush=True)
    if unique == "file":
        np.save(sys.argv[2], np.unique(cells))
        print("saved", flush=True)
"""


class Polypix:
    """polypix at one piece of work, in a process of its own."""

    def __init__(self, call: str, order: int, *arrays: np.ndarray) -> None:
        folder = tempfile.TemporaryDirectory()
        atexit.register(folder.cleanup)
        self.call, self.order = call, order
        self.cells = Path(folder.name) / "cells.npy"
        given = Path(folder.name) / "given.npz"
        np.savez(given, *arrays)
        self.process = subprocess.Popen(
            [peer("polypix"), "-c", _SERVER, str(given), str(self.cells)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.process.kill)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def ask(self, threads: int, unique: str) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{self.call} {self.order} {threads} {unique}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def plane(self) -> RangeSet:
        """The cells as a set."""
        self.ask(1, "file")
        assert self.process.stdout is not None
        self.process.stdout.readline()
        return RangeSet.from_cells(healpix.ring_to_nested(np.load(self.cells), self.order), self.order)

    def works(self) -> Iterator[Work]:
        """To a set on all threads, which is the work of the others; to lists of cells; and on one thread."""
        for threads in (2, 1):
            for unique, text in (("unique", " and numpy.unique"), ("list", ", cells only")):
                call = f"{self.call}(..., resolution={self.order}, threads={threads}){text}"
                run = functools.partial(self.ask, threads, unique)
                yield Work("polypix", call, run, aside=threads == 1 or unique == "list")


def _works(call: str, make: Callable[..., Mask], order: int) -> list[Work]:
    """hpmask on all threads, and on one."""
    return [
        Work("hpmask", f"Mask.{call}, order={order})", functools.partial(make, order=order)),
        Work(
            "hpmask",
            f"Mask.{call}, order={order}, n_threads=1)",
            functools.partial(make, order=order, n_threads=1),
            aside=True,
        ),
    ]


def _rectangles(lon: np.ndarray, lat: np.ndarray, half: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Corners, shape (n, 4, 3), of rectangles with great-circle sides, `half` (n, 2) from their centres. Radians."""
    center = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    east = np.stack([-np.sin(lon), np.cos(lon), 0 * lon], axis=1)
    north = np.cross(center, east)
    cosine, sine = np.cos(angle)[:, np.newaxis], np.sin(angle)[:, np.newaxis]
    across, along = cosine * east - sine * north, cosine * north + sine * east
    x, y = (np.tan(half[:, k, np.newaxis]) for k in range(2))
    corners = [center + s * x * across + t * y * along for s, t in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    vertices = np.stack(corners, axis=1)
    vertices /= np.linalg.norm(vertices, axis=2, keepdims=True)
    return vertices


def _degrees(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def _loop(query: Callable[[int], np.ndarray], n: int) -> Callable[[], np.ndarray]:
    """A function that makes ranges for each shape, merged."""
    return lambda: merged([query(k) for k in range(n)])


def quadrilaterals(quick: bool) -> Iterator[Row]:
    n, order = 5_000 if quick else 100_000, 14
    lon, lat = sky_points(n, 31)
    angle = np.random.default_rng(32).uniform(0, 2 * np.pi, n)
    vertices = _rectangles(np.radians(lon), np.radians(lat), np.full((n, 2), np.radians(0.05)), angle)
    corners = SkyCoord(*_degrees(vertices), unit="deg")
    works = _works("from_polygons(vertices of shape (n, 4)", functools.partial(Mask.from_polygons, corners), order)
    part = min(n, _PART)
    x, y = corners.ra.deg, corners.dec.deg
    if peer("hpgeom"):
        polygon = peer("hpgeom").query_polygon
        query = _loop(lambda k: polygon(1 << order, x[k], y[k], return_pixel_ranges=True), part)
        call = f"loop of query_polygon(return_pixel_ranges=True), ranges merged, scaled up from {part}"
        works.append(Work("hpgeom", call, query, scale=n / part))
    server = Polypix("cover_polygon", order, vertices) if peer("polypix") else None
    works += server.works() if server else ()

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if "hpgeom" in results:
            plane = Mask.from_polygons(corners[:part], order=order).planes[0]
            yield "hpgeom", *same_sky(plane, results["hpgeom"].astype(np.uint64) << shift(order))
        if server and "polypix" in results:
            yield "polypix", *_same(results["hpmask"].planes[0], server.plane())

    yield Row(f"{n:,} quadrilaterals of 0.1 deg, order {order}", works, compare)


def _same(ours: RangeSet, theirs: RangeSet) -> tuple[str, bool]:
    """Whether both are one set, save for cells whose centres are on an edge within rounding."""
    different = (ours ^ theirs).n_cells
    return ("the same cells" if not different else f"{different} of {ours.n_cells} cells differ"), different < 10


def boxes(quick: bool) -> Iterator[Row]:
    n, order = 5_000 if quick else 100_000, 14
    lon, lat = sky_points(n, 33)
    rng = np.random.default_rng(34)
    width, height, angle = rng.uniform(0.002, 0.01, n), rng.uniform(0.05, 0.2, n), rng.uniform(0, 360, n)
    center = SkyCoord(lon, lat, unit="deg")
    make = functools.partial(Mask.from_boxes, center, width * u.deg, height * u.deg, angle * u.deg)
    works = _works("from_boxes(center, width, height, position_angle", make, order)
    half = np.radians(np.stack([width, height], axis=1) / 2)
    vertices = _rectangles(np.radians(lon), np.radians(lat), half, np.radians(angle))
    server = Polypix("cover_polygon", order, vertices) if peer("polypix") else None
    works += server.works() if server else ()

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        if server and "polypix" in results:
            yield "polypix", *_same(results["hpmask"].planes[0], server.plane())

    yield Row(f"{n:,} rotated boxes of 7 to 36 arcsec by 3 to 12 arcmin, order {order}", works, compare)


def ellipses(quick: bool) -> Iterator[Row]:
    n = 5_000 if quick else 100_000
    yield _ellipses(n, (20 / 3600, 60 / 3600), 15, "20 to 60 arcsec")
    yield _ellipses(n, (0.05, 0.1), 13, "3 to 6 arcmin")


def _ellipses(n: int, sizes: tuple[float, float], order: int, size: str) -> Row:
    lon, lat = sky_points(n, 35)
    rng = np.random.default_rng(36)
    major, angle = rng.uniform(*sizes, n), rng.uniform(0, 180, n)
    minor = major * rng.uniform(0.4, 1, n)
    center = SkyCoord(lon, lat, unit="deg")
    make = functools.partial(Mask.from_ellipses, center, major * u.deg, minor * u.deg, angle * u.deg)
    works = _works("from_ellipses(center, semi_major, semi_minor, position_angle", make, order)
    part = min(n, _PART // 4)
    if peer("mocpy"):
        moc = peer("mocpy").MOC
        columns = Longitude(lon, u.deg), Latitude(lat, u.deg), *(values * u.deg for values in (major, minor, angle))

        def mocpy_loop() -> Any:
            rows = ([values[k] for values in columns] for k in range(part))
            ellipse = moc.from_elliptical_cone
            mocs = [ellipse(x, y, a=a, b=b, pa=angle, max_depth=order) for x, y, a, b, angle in rows]
            return mocs[0].union(*mocs[1:])

        call = f"loop of MOC.from_elliptical_cone, union, scaled up from {part}"
        works.append(Work("mocpy", call, mocpy_loop, scale=n / part))
    if peer("hpgeom"):
        ellipse, nside = peer("hpgeom").query_ellipse, 1 << order

        def query(k: int) -> Any:
            return ellipse(nside, lon[k], lat[k], major[k], minor[k], angle[k], return_pixel_ranges=True)

        call = f"loop of query_ellipse(return_pixel_ranges=True), ranges merged, scaled up from {part}"
        works.append(Work("hpgeom", call, _loop(query, part), scale=n / part))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        axes = [values[:part] * u.deg for values in (major, minor, angle)]
        if "hpgeom" in results:
            plane = Mask.from_ellipses(center[:part], *axes, order=order).planes[0]
            yield "hpgeom", *same_sky(plane, results["hpgeom"].astype(np.uint64) << shift(order))
        if "mocpy" in results:
            plane = Mask.from_ellipses(center[:part], *axes, order=order, mode="overlap").planes[0]
            theirs = RangeSet(moc_ranges(results["mocpy"]), MAX_ORDER)
            more = theirs.sky_fraction / plane.sky_fraction - 1
            yield "mocpy", f"{more:+.2%} of the cells that hpmask has in mode overlap", abs(more) < 0.2

    return Row(f"{n:,} ellipses of {size}, order {order}", works, compare)


def many_vertices(quick: bool) -> Iterator[Row]:
    """A coast of 10 000 vertices: far from convex."""
    n, order = 1_000 if quick else 10_000, 12
    turns = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = 0.3 + 0.02 * np.sin(37 * turns) + 0.005 * np.cos(391 * turns)
    center, east = np.array([np.cos(0.5), 0, np.sin(0.5)]), np.array([0.0, 1.0, 0.0])
    across = np.cos(turns)[:, np.newaxis] * east + np.sin(turns)[:, np.newaxis] * np.cross(center, east)
    vertices = np.cos(radius)[:, np.newaxis] * center + np.sin(radius)[:, np.newaxis] * across
    coast = SkyCoord(*_degrees(vertices), unit="deg")
    works = _works("from_polygons(vertices", functools.partial(Mask.from_polygons, coast), order)
    if peer("mocpy"):
        moc = peer("mocpy").MOC
        angles = Longitude(coast.ra), Latitude(coast.dec)
        works.append(
            Work(
                "mocpy",
                f"MOC.from_polygon(lon, lat, max_depth={order})",
                lambda: moc.from_polygon(*angles, max_depth=order),
            )
        )
    server = Polypix("cover_polygon", order, vertices[np.newaxis]) if peer("polypix") else None
    works += server.works() if server else ()

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        plane = results["hpmask"].planes[0]
        if server and "polypix" in results:
            yield "polypix", *_same(plane, server.plane())
        if "mocpy" in results:
            more = RangeSet(moc_ranges(results["mocpy"]), MAX_ORDER).sky_fraction / plane.sky_fraction - 1
            yield "mocpy", f"{more:+.2%} of cells (it has overlap only)", abs(more) < 0.05

    yield Row(f"a polygon of {n:,} vertices, order {order}", works, compare)


def discs_as_cells(quick: bool) -> Iterator[Row]:
    """The discs of two rows above, against polypix."""
    for n, low, high, order in ((100_000, 20.0, 40.0, 15), (7_000, 1800.0, 1800.0, 12)):
        n = n // 20 if quick else n
        lon, lat = sky_points(n, 11)
        arcsec = np.random.default_rng(12).uniform(low, high, n)
        make = functools.partial(Mask.from_cones, SkyCoord(lon, lat, unit="deg"), arcsec * u.arcsec)
        works = _works("from_cones(center, radius", make, order)
        x, y = np.radians([lon, lat])
        vectors = np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=1)
        server = Polypix("cover_cap", order, vectors, np.radians(arcsec / 3600)) if peer("polypix") else None
        works += server.works() if server else ()

        def compare(results: dict[str, Any], server: Polypix | None = server) -> Iterator[tuple[str, str, bool]]:
            if server and "polypix" in results:
                yield "polypix", *_same(results["hpmask"].planes[0], server.plane())

        size = f"{low:g} to {high:g} arcsec" if low < high else f"{low / 3600:g} deg"
        yield Row(f"{n:,} discs of {size}, order {order}", works, compare)
