"""One table of the operations of hpmask, small or long, for tests of what must hold for all of them.

`OPERATIONS` has a function for each operation. It takes the `Material`, which makes each input once, and returns a
result that `bits` makes comparable. With ``Material("small")`` it takes milliseconds.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import hpmask
from hpmask import EnergyAxis, HealpixMap, Mask, MaskSet, Shapes
from hpmask.core.rangeset import RangeSet
from hpmask.wcs import field_wcs


@dataclass(frozen=True)
class Size:
    """How much there is of each input."""

    stars: int  # discs of `many`
    order: int  # of `many`
    rows: int  # of the catalog, and positions to look up
    fine: int  # order of one large disc
    map_order: int  # of full maps
    pixels: int  # of an image's side
    shapes: int  # polygons, ellipses, boxes
    randoms: int


SIZES = {
    "small": Size(stars=300, order=8, rows=3000, fine=10, map_order=5, pixels=200, shapes=20, randoms=3000),
    # For operations that take seconds each.
    "long": Size(
        stars=100_000, order=12, rows=2_000_000, fine=16, map_order=9, pixels=3000, shapes=50_000, randoms=30_000_000
    ),
}


class Material:
    """The inputs of the operations, each made at its first use."""

    def __init__(self, size: str) -> None:
        self.size = SIZES[size]
        self._folder = tempfile.mkdtemp(prefix="hpmask-operations-")
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def path(self, name: str) -> Path:
        """A path in a folder of its own."""
        return Path(self._folder) / name

    def _sky(self, n: int, seed: int) -> SkyCoord:
        rng = np.random.default_rng(seed)
        return SkyCoord(rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n))), unit="deg")

    @cached_property
    def axis(self) -> EnergyAxis:
        return EnergyAxis.from_bounds("1 TeV", "100 TeV", 3)

    @cached_property
    def stars(self) -> SkyCoord:
        return self._sky(self.size.stars, 2)

    @cached_property
    def radii(self) -> u.Quantity:
        scale = 6 / np.sqrt(self.size.stars)
        return np.random.default_rng(3).uniform(0.1, 2, self.size.stars) * scale * u.deg

    @cached_property
    def rows(self) -> SkyCoord:
        return self._sky(self.size.rows, 4)

    @cached_property
    def catalog(self) -> Table:
        rng = np.random.default_rng(5)
        radius = rng.uniform(0.1, 1, len(self.rows)) * 5 / np.sqrt(len(self.rows))
        return Table({"ra": self.rows.ra, "dec": self.rows.dec, "r": radius * u.deg, "n": np.arange(len(radius))})

    @cached_property
    def catalog_file(self) -> Path:
        self.catalog.write(self.path("catalog.parquet"))
        return self.path("catalog.parquet")

    @cached_property
    def many(self) -> Mask:
        """Many discs."""
        return Mask.from_cones(self.stars, self.radii, order=self.size.order)

    @cached_property
    def other(self) -> Mask:
        return Mask.from_cones(self._sky(self.size.stars, 6), self.radii, order=self.size.order)

    @cached_property
    def bins(self) -> Mask:
        return Mask.from_cones(
            self.stars, self.radii[:, np.newaxis] * [1, 2, 0.5], order=self.size.order - 1, energy=self.axis
        )

    @cached_property
    def disc(self) -> Mask:
        """One large disc at a fine order."""
        return Mask.from_cones(SkyCoord(10, 20, unit="deg"), "20 deg", order=self.size.fine)

    @cached_property
    def noise(self) -> Mask:
        """Many small pieces of sky, of one cell and more."""
        return Mask.from_healpix(self.map > 0.8, nest=True, frame="icrs")

    @cached_property
    def layers(self) -> MaskSet:
        third = len(self.stars) // 3
        parts = [slice(0, third), slice(third, 2 * third), slice(2 * third, None)]
        return MaskSet(
            {f"m{k}": Mask.from_cones(self.stars[p], self.radii[p], order=self.size.order) for k, p in enumerate(parts)}
        )

    @cached_property
    def map(self) -> np.ndarray:
        """A smooth map with noise, nested, not negative."""
        n = 12 << 2 * self.size.map_order
        return np.abs(np.sin(np.linspace(0, 300, n))) + 0.3 * np.random.default_rng(7).random(n)

    @cached_property
    def skymap(self) -> HealpixMap:
        return HealpixMap(self.map / self.map.sum(), nest=True, frame="icrs")

    @cached_property
    def map_file(self) -> Path:
        self.many.write(self.path("map.fits"), format="healpix")
        return self.path("map.fits")

    @cached_property
    def geometry(self) -> tuple[WCS, tuple[int, int]]:
        return field_wcs(self.stars[0], "20 deg", binsz=20 / self.size.pixels * u.deg)

    @cached_property
    def image(self) -> np.ndarray:
        return self.many.to_wcs(*self.geometry)

    @cached_property
    def polygons(self) -> SkyCoord:
        corners = np.linspace(0, 2 * np.pi, 7)[:-1]
        n = self.size.shapes
        lon, lat = self.rows.ra.deg[:n, np.newaxis], np.clip(self.rows.dec.deg[:n, np.newaxis], -80, 80)
        size = 30 / np.sqrt(n)
        return SkyCoord(
            lon + size * np.cos(corners) / np.cos(np.radians(lat)), lat + size * np.sin(corners), unit="deg"
        )

    def file(self, name: str) -> Path:
        """A file of `many`, in the format of the name's ending."""
        path = self.path(name)
        if not path.exists():
            self.many.write(path)
        return path


def _written(name: str, mask: Callable[[Material], Any], **options: Any) -> Callable[[Material], Any]:
    def write(m: Material) -> Any:
        path = m.path("out-" + name)
        mask(m).write(path, overwrite=True, **options)
        if path.is_dir():
            return [(str(one.relative_to(path)), one.read_bytes()) for one in sorted(path.rglob("*")) if one.is_file()]
        return path.read_bytes()

    return write


def _catalog(**options: Any) -> Callable[[Material], Any]:
    return lambda m: Mask.from_catalog(m.catalog, order=m.size.order, **options)


def _some(m: Material) -> int:
    return m.size.shapes


# Constructors.
OPERATIONS: dict[str, Callable[[Material], Any]] = {
    "from_cones": lambda m: Mask.from_cones(m.stars, m.radii, order=m.size.order),
    "from_cones overlap": lambda m: Mask.from_cones(m.stars, m.radii, order=m.size.order, mode="overlap"),
    "from_cones bins": lambda m: Mask.from_cones(
        m.stars, m.radii[:, np.newaxis] * [1, 2, 0.5], order=m.size.order, energy=m.axis
    ),
    "from_cones one": lambda m: Mask.from_cones(SkyCoord(10, 20, unit="deg"), "20 deg", order=m.size.fine + 2),
    "from_cones 29": lambda m: Mask.from_cones(m.stars[:200], "0.5 arcsec", order=29),
    "from_ellipses": lambda m: Mask.from_ellipses(
        m.stars[: _some(m)], m.radii[: _some(m)] * 2, m.radii[: _some(m)], "30 deg", order=m.size.order
    ),
    "from_ellipses one": lambda m: Mask.from_ellipses(
        SkyCoord(10, 20, unit="deg"), "20 deg", "10 deg", "30 deg", order=m.size.fine + 1
    ),
    "from_boxes": lambda m: Mask.from_boxes(
        m.stars[: _some(m)], m.radii[: _some(m)] * 2, m.radii[: _some(m)], "30 deg", order=m.size.order
    ),
    "from_annuli": lambda m: Mask.from_annuli(
        m.stars[: _some(m)], m.radii[: _some(m)] / 2, m.radii[: _some(m)], order=m.size.order
    ),
    "from_polygons": lambda m: Mask.from_polygons(m.polygons, order=m.size.order),
    "from_polygons one": lambda m: Mask.from_polygons(
        SkyCoord([0, 30, 40, 20, -5], [0, 2, 30, 15, 20], unit="deg"), order=m.size.fine + 1
    ),
    "from_paths": lambda m: Mask.from_paths(m.polygons[: len(m.polygons) // 10], "0.1 deg", order=m.size.order - 1),
    "from_regions": lambda m: Mask.from_regions(
        [f"icrs; circle({s.ra.deg}, {s.dec.deg}, 1)" for s in m.stars[: 10 + _some(m) // 30]], order=m.size.order
    ),
    "from_catalog": _catalog(radius="r"),
    "from_catalog file": lambda m: Mask.from_catalog(
        m.catalog_file, "r", order=m.size.order, lon="ra", lat="dec", catalog_frame="icrs"
    ),
    "from_zone": lambda m: Mask.from_zone(lat=("-20.1 deg", "31.2 deg"), order=m.size.fine, frame="galactic"),
    "from_zone overlap": lambda m: Mask.from_zone(
        lat=("-20.1 deg", "31.2 deg"), lon=("10 deg", "50 deg"), order=m.size.fine, mode="overlap"
    ),
    "from_healpix": lambda m: Mask.from_healpix(m.map > 0.7, nest=True, frame="icrs"),
    "from_healpix ring": lambda m: Mask.from_healpix(m.map > 0.7, nest=False, frame="icrs"),
    "from_map": lambda m: Mask.from_map(m.map, 0.7, nest=True, frame="icrs"),
    "from_map ring": lambda m: Mask.from_map(m.map, 0.7, nest=False, frame="icrs"),
    "from_map hysteresis": lambda m: Mask.from_map(m.map, low=0.7, high=1.1, nest=True, frame="icrs", keep="<"),
    "from_map credible": lambda m: Mask.from_skymap(m.skymap, 0.9),
    "from_map file": lambda m: Mask.from_map(m.map_file),
    "from_function": lambda m: Mask.from_function(
        lambda c: np.sin(8 * c.ra.rad) > c.dec.rad, order=m.size.map_order - 1
    ),
    "from_wcs": lambda m: Mask.from_wcs(m.image, m.geometry[0], order=m.size.order),
    "from_wcs overlap": lambda m: Mask.from_wcs(m.image, m.geometry[0], order=m.size.order - 2, mode="overlap"),
    "find_exclusion": lambda m: (
        hpmask.find_exclusion(
            m.skymap.with_values(np.rint(m.map * 20)), m.skymap.with_values(np.full(m.map.size, 14.0)), "2 deg"
        ).mask
    ),
    # Set operations.
    "union": lambda m: m.many | m.other,
    "difference": lambda m: m.other - m.many,
    "complement": lambda m: ~m.many,
    "union_all": lambda m: hpmask.union_all([m.many, m.other, m.disc, ~m.many]),
    "intersection_all": lambda m: hpmask.intersection_all([m.many, ~m.other, m.many.to_frame("icrs")]),
    "stack": lambda m: Mask.stack([m.many, m.other, m.many], m.axis),
    "reduce": lambda m: m.bins.reduce(),
    "at_order": lambda m: m.many.at_order(m.size.order - 3, mode="overlap"),
    "at_order threshold": lambda m: m.many.at_order(m.size.order - 2, threshold=0.4),
    "to_frame": lambda m: m.bins.to_frame("galactic"),
    "hash": lambda m: hash(m.many),
    "equals": lambda m: m.many == (m.many | m.many),
    # Queries.
    "contains": lambda m: m.bins.contains(m.rows),
    "select": lambda m: m.many.select(m.catalog)["n"],
    "flag": lambda m: [np.asarray(column) for column in m.many.flag(m.catalog).columns.values()],
    "contains_cells": lambda m: m.many.contains_cells(np.arange(12 << 2 * m.size.map_order), m.size.map_order),
    "energy_range": lambda m: m.bins.energy_range(m.rows),
    "energy_range_wcs": lambda m: m.bins.energy_range_wcs(*m.geometry),
    "distance": lambda m: m.many.distance(m.rows),
    "distance_map": lambda m: m.many.distance_map(order=m.size.map_order),
    "apodize": lambda m: m.many.apodize("2 deg", order=m.size.map_order),
    "apodize smooth": lambda m: m.many.apodize("2 deg", order=m.size.map_order - 2, kind="smooth"),
    "components": lambda m: list(m.many.components())[:3],
    "n_components": lambda m: m.bins.n_components(),
    "outline": lambda m: len(list(m.many.outline())),
    "outline simplify": lambda m: len(list(m.bins[0].outline(simplify="0.1 deg"))),
    "sum_of": lambda m: m.bins.sum_of(m.skymap),
    "random": lambda m: m.many.random(m.size.randoms, seed=1),
    "write_randoms": lambda m: (
        m.many.write_randoms(m.path("out-randoms.parquet"), m.size.randoms // 4, seed=1, overwrite=True),
        m.path("out-randoms.parquet").read_bytes(),
    ),
    "fraction": lambda m: m.many.fraction(m.size.map_order).values,
    "patches": lambda m: m.many.patches(50).areas,
    "patches curve": lambda m: m.many.patches(50, method="curve").areas,
    "area_in": lambda m: m.many.area_in(Shapes.cones(m.stars, m.radii)),
    "coverage": lambda m: hpmask.coverage(Shapes.cones(m.stars, m.radii), order=m.size.order - 2).mean(5).values,
    # Morphology.
    "dilate": lambda m: m.many.dilate("0.1 deg"),
    "dilate far": lambda m: m.many.dilate("1 deg"),
    "dilate disc": lambda m: m.disc.dilate("0.1 deg"),
    "dilate steps": lambda m: m.many.dilate(steps=3),
    "erode": lambda m: m.many.erode("0.05 deg"),
    "opening": lambda m: m.many.opening("0.05 deg"),
    "closing": lambda m: m.bins.closing("0.05 deg"),
    "boundary": lambda m: m.many.boundary("0.1 deg"),
    "boundary steps": lambda m: m.disc.boundary(steps=1),
    "fill_holes": lambda m: m.bins.fill_holes("1 deg2"),
    "remove_small": lambda m: m.bins.remove_small("0.2 deg2"),
    "keep_largest": lambda m: m.bins.keep_largest(7),
    # Other forms.
    "to_healpix": lambda m: m.many.to_healpix(order=m.size.map_order + 1),
    "to_healpix ring": lambda m: m.many.to_healpix(order=m.size.map_order + 1, nest=False),
    "to_wcs": lambda m: m.many.to_wcs(*m.geometry),
    "to_wcs fraction": lambda m: m.many.to_wcs(*m.geometry, mode="fraction"),
    "to_wcs overlap": lambda m: m.many.to_wcs(*m.geometry, mode="overlap"),
    "to_wcs bins": lambda m: m.bins.to_wcs(*m.geometry),
    "write_wcs": lambda m: _image_of(m.bins, m),
    "to_moc": lambda m: m.many.to_moc().uniq_hpx,
    "to_healsparse": lambda m: m.many.to_healsparse().valid_pixels,
    "to_regions": lambda m: len(m.disc.at_order(m.size.map_order).to_regions()),
    "pickle": lambda m: pickle.dumps(m.many),
    # Sets of masks.
    "flags": lambda m: m.layers.flags(m.rows),
    "flags_cells": lambda m: m.layers.flags_cells(np.arange(12 << 2 * m.size.map_order), m.size.map_order),
    "any": lambda m: m.layers.any(),
    "layers write": _written("layers.fits", lambda m: m.layers),
    "layers healsparse": lambda m: m.layers.to_healsparse().valid_pixels,
    # Files.
    "write fits": _written("mask.fits", lambda m: m.many),
    "write fits.gz": _written("mask.fits.gz", lambda m: m.many),
    "write healpix": _written("healpix.fits", lambda m: m.many, format="healpix"),
    "write json": _written("mask.json", lambda m: m.many),
    "write ascii": _written("mask.txt", lambda m: m.many),
    "write parquet": _written("mask.parquet", lambda m: m.many),
    "layers folder": _written("layers-folder", lambda m: m.layers, format="folder"),
    "write hsp": _written("mask.hsp", lambda m: m.many.at_order(m.size.order - 1)),
    "write reg": _written("mask.reg", lambda m: m.many.at_order(8)),
    "read fits": lambda m: Mask.read(m.file("r.fits")),
    "read fits.gz": lambda m: Mask.read(m.file("r.fits.gz")),
    "read healpix": lambda m: Mask.read(m.map_file),
    "read json": lambda m: Mask.read(m.file("r.json")),
    "read ascii": lambda m: Mask.read(m.file("r.txt")),
    "read parquet": lambda m: Mask.read(m.file("r.parquet")),
    # Pictures.
    "plot": lambda m: _drawn(m.many),
    "view": lambda m: (m.many.view(m.path("out-view.html"), open=False, overwrite=True), 0)[1],
}


def _image_of(mask: Mask, m: Material) -> Any:
    """The image that is written, without the dates that astropy puts beside the checksums."""
    mask.write_wcs(m.path("out-image.fits"), *m.geometry, overwrite=True)
    with fits.open(m.path("out-image.fits")) as hdus:
        for hdu in hdus:
            hdu.header.remove("CHECKSUM", ignore_missing=True)
            hdu.header.remove("DATASUM", ignore_missing=True)
        return [(hdu.header.tostring().encode(), hdu.data.tobytes()) for hdu in hdus]


class _Then(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> _Then:
        return cls(2020, 1, 2, 3, 4, 5, tzinfo=tz)


@contextmanager
def without_dates() -> Iterator[None]:
    """Files are written at one time: they have it in their headers."""
    modules = [
        import_module(f"hpmask.{name}") for name in ("_files.hats_writer", "io.fits", "io.healpix", "io.parquet")
    ]
    for module in modules:
        vars(module)["datetime"] = _Then
    try:
        yield
    finally:
        for module in modules:
            vars(module)["datetime"] = datetime


def _drawn(mask: Mask) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    mask.plot(figure=figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def bits(result: Any) -> Any:
    """All that a result is, in a form that can be compared and pickled."""
    if isinstance(result, Mask):
        planes = [hashlib.sha256(plane.boundaries.tobytes()).hexdigest() for plane in result.planes]
        return planes, result.order, result.frame, result.history
    if isinstance(result, RangeSet):
        return hashlib.sha256(result.boundaries.tobytes()).hexdigest()
    if isinstance(result, MaskSet):
        return {name: bits(result[name]) for name in result.names}
    if isinstance(result, SkyCoord):
        return bits(result.spherical.lon.deg), bits(result.spherical.lat.deg)
    if isinstance(result, bytes):
        return hashlib.sha256(result).hexdigest()
    if isinstance(result, tuple | list):
        return [bits(one) for one in result]
    if is_dataclass(result):
        return [bits(getattr(result, one.name)) for one in fields(result)]
    array = np.asarray(result)
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest(), array.shape
