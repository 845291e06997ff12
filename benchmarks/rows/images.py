"""Masks to WCS images and from them."""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from hpmask import EnergyAxis, Mask, RangeSet
from rows.common import MAX_ORDER, Row, Work, moc_ranges, peer, same_sky, sky_points


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
