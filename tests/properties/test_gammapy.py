"""Masks on gammapy's geometries and from its maps, at random geometries.

The referee is `contains` at the positions and energies that gammapy's ``geom.get_coord()`` gives, one by one. The way
back is compared with what the geometry covers. A pixel is in doubt if its centre is within 1e-12 deg of the edge of a
cell of the mask.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import gammapy_fields  # noqa: F401  (skips without gammapy)
import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, LabelMapAxis, Map, MapAxis, RegionGeom, WcsGeom
from profiles import cases, seed
from regions import CircleAnnulusSkyRegion, CircleSkyRegion, EllipseSkyRegion, PointSkyRegion, RectangleSkyRegion

from hpmask import Mask, RangeSet
from hpmask.interop.gammapy.axes import axis_from_gammapy

# Those of gammapy's own documentation and some others: with more than one of a kind.
PROJECTIONS = ("CAR", "TAN", "AIT", "SIN", "STG", "ARC", "ZEA", "MOL", "SFL", "MER", "CEA", "GLS")


def place(rng: np.random.Generator, frame: str) -> SkyCoord:
    """A position, often at a pole or on the meridian 0."""
    lon = float(rng.choice([0.0, 180.0, rng.uniform(0, 360), rng.uniform(0, 360)]))
    lat = float(rng.choice([0.0, 90.0, -89.9, rng.uniform(-90, 90), rng.uniform(-90, 90), rng.uniform(-90, 90)]))
    return SkyCoord(lon, lat, unit="deg", frame=frame)


def random_axes(rng: np.random.Generator) -> tuple[list[Any], MapAxis | None]:
    """Axes of a geometry, and the one of energy among them if there is one."""
    name = str(rng.choice(["energy", "energy_true"]))
    edges = np.cumprod(rng.uniform(1.1, 4, int(rng.integers(2, 5)))) * 10.0 ** rng.integers(-2, 2)
    unit = str(rng.choice(["TeV", "GeV", "erg"]))
    energy = MapAxis.from_energy_edges(edges * u.Unit(unit), name=name)
    time = MapAxis.from_edges([0, 1, 2] * u.h, name="time")
    label = LabelMapAxis(["one", "two"], name="label")
    which = rng.integers(6)
    if which < 2:
        return [], None
    if which < 4:
        return [energy], energy
    if which == 4:
        axes = [energy, time] if rng.random() < 0.5 else [label, energy]
        return axes, energy
    return [time], None


def random_wcs_geom(rng: np.random.Generator, frame: str, axes: list[Any]) -> WcsGeom:
    """An image: all of the sky or a field, with square pixels or others, or a cut-out of one."""
    projection = str(rng.choice(PROJECTIONS))
    if rng.random() < 0.15:
        size = 360 / float(rng.integers(8, 40))
        return WcsGeom.create(binsz=size, proj=str(rng.choice(["CAR", "AIT", "MOL"])), frame=frame, axes=axes)
    binsz = 10 ** rng.uniform(-3, 0.6)
    sides = (binsz, binsz * rng.choice([1.0, rng.uniform(0.3, 2)]))
    npix = tuple(int(n) for n in rng.integers(1, 30, 2))
    center = place(rng, frame)
    words = {"skydir": center, "npix": npix, "binsz": sides, "proj": projection, "frame": frame, "axes": axes}
    if rng.random() < 0.2 and len(axes) == 1 and isinstance(axes[0], MapAxis):
        # Pixels of another size in each bin.
        words["binsz"] = binsz * rng.uniform(0.5, 2, axes[0].nbin)
    geom = WcsGeom.create(**words)
    if geom.is_regular and rng.random() < 0.3 and min(npix) > 4:
        return geom.cutout(center, width=float(min(sides)) * rng.uniform(2, 8) * u.deg, mode="trim")
    return geom


def random_hpx_geom(rng: np.random.Generator, frame: str, axes: list[Any]) -> HpxGeom:
    """HEALPix cells: all, a disc, the cells of a list, or with an nside per bin."""
    order, nest = int(rng.integers(0, 6)), bool(rng.random() < 0.5)
    nside: Any = 1 << order
    if not nest and rng.random() < 0.2:
        # Any number of cells.
        nside = int(rng.integers(1, 40))
    center = place(rng, frame).spherical
    radius = max(rng.uniform(1, 60), 90 / nside)
    region: Any = None if rng.random() < 0.4 else f"DISK({center.lon.deg},{center.lat.deg},{radius})"
    if len(axes) == 1 and isinstance(axes[0], MapAxis) and rng.random() < 0.4:
        nside = 2 ** rng.integers(2, 5, axes[0].nbin)
    elif region is None and len(axes) == 1 and axes[0].nbin > 1 and isinstance(axes[0], MapAxis) and rng.random() < 0.5:
        # gammapy cannot list the pixels of such a geometry with a single bin.
        # Cells of their own in each bin.
        n = 12 * nside * nside
        cells = [np.sort(rng.choice(n, int(rng.integers(1, n)), replace=False)) for _ in range(axes[0].nbin)]
        region = np.concatenate(cells), np.repeat(np.arange(axes[0].nbin), [len(some) for some in cells])
    return HpxGeom(nside, nest=nest, frame=frame, region=region, axes=axes)


def random_region_geom(rng: np.random.Generator, frame: str, axes: list[Any]) -> RegionGeom:
    center, size = place(rng, frame), 10 ** rng.uniform(-1, 1) * u.deg
    region = (
        PointSkyRegion(center),
        CircleSkyRegion(center, size),
        EllipseSkyRegion(center, size, size / 2, rng.uniform(0, 180) * u.deg),
        RectangleSkyRegion(center, size, size * 2, rng.uniform(0, 180) * u.deg),
        CircleAnnulusSkyRegion(center, size / 2, size),
    )[rng.integers(5)]
    return RegionGeom.create(region, axes=axes)


GEOMETRIES = {"image": random_wcs_geom, "HEALPix": random_hpx_geom, "region": random_region_geom}


def random_mask(rng: np.random.Generator, geom: Any, energy: MapAxis | None) -> Mask:
    """A mask of noise and blocks. Its cells are as large as the pixels of a geometry, some times larger or smaller."""
    frame = str(rng.choice(["icrs", "galactic"]))
    axis = None if energy is None or rng.random() < 0.3 else axis_from_gammapy(energy)
    planes = []
    if geom.is_hpx:
        order = int(np.clip(int(np.max(geom.nside)).bit_length() - 1 + rng.integers(-2, 3), 0, 7))
    elif geom.is_region:
        order = int(rng.integers(3, 12))
    else:
        pixel = np.sqrt(np.abs(np.linalg.det(geom.wcs.pixel_scale_matrix)))
        order = int(np.clip(round(np.log2(58.6 / pixel)) + rng.integers(-2, 2), 0, 20))
    n_planes = 1 if axis is None else axis.n_bins
    if order <= 7:
        for _ in range(n_planes):
            coarser = int(rng.integers(0, min(order, 3) + 1))
            kept = np.repeat(rng.random(12 << 2 * (order - coarser)) < 0.5, 1 << 2 * coarser)
            planes.append(RangeSet.from_cells(np.flatnonzero(kept), order))
    else:
        coord = geom.to_image().get_coord().skycoord
        there = coord[np.isfinite(coord.data.lon)].transform_to(frame).spherical
        cells = np.unique(healpy.ang2pix(1 << order, there.lon.deg, there.lat.deg, nest=True, lonlat=True))
        for _ in range(n_planes):
            planes.append(RangeSet.from_cells(cells[rng.random(cells.size) < 0.5], order))
    if axis is not None and rng.random() < 0.3:
        return Mask(planes[::-1], energy=axis[::-1], frame=frame)
    return Mask(planes, energy=axis, frame=frame)


def at_coord(mask: Mask, geom: Any, fill: bool = False) -> tuple[Any, Any]:
    """The mask at each of gammapy's pixels by `contains`, and which are in doubt: on the edge between two cells."""
    coord = geom.get_coord()
    shape = np.broadcast_shapes(*(np.shape(coord[name]) for name in coord.axis_names), np.shape(coord.lon))
    where = coord.skycoord
    lon, lat = (np.broadcast_to(angle.deg, shape) for angle in (where.data.lon, where.data.lat))
    there = np.isfinite(lon) & np.isfinite(lat)
    energy = None
    if mask.energy is not None:
        name = next(name for name in coord.axis_names if name in ("energy", "energy_true"))
        energy = np.broadcast_to(u.Quantity(coord[name]), shape, subok=True)[there]
    result, doubt = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    position = SkyCoord(lon[there], lat[there], unit="deg", frame=where.frame.name)
    result[there] = mask.contains(position, energy=energy)
    own = position.transform_to(mask.frame).spherical
    cell = healpy.ang2pix(1 << mask.order, own.lon.deg, own.lat.deg, nest=True, lonlat=True)
    close = np.zeros(cell.shape, dtype=bool)
    for north, east in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        near_lat = np.clip(own.lat.deg + 1e-12 * north, -90, 90)
        near_lon = own.lon.deg + 1e-12 * east / np.maximum(np.cos(own.lat.rad), 1e-12)
        close |= healpy.ang2pix(1 << mask.order, near_lon, near_lat, nest=True, lonlat=True) != cell
    doubt[there] = close
    if fill:
        result[~there] = True
    return result, doubt


def random_case(key: list[int], kind: str) -> tuple[np.random.Generator, Mask, Any]:
    rng = np.random.default_rng(key)
    axes, energy = random_axes(rng)
    frame = str(rng.choice(["icrs", "galactic"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        geom = GEOMETRIES[kind](rng, frame, axes)
        return rng, random_mask(rng, geom, energy), geom


def as_stored(values: Any, geom: Any) -> Any:
    """Values in the shape of gammapy's data."""
    return np.broadcast_to(values, geom.data_shape) if values.size == 1 else values.reshape(geom.data_shape)


def check_values(mask: Mask, geom: Any, text: Any, *, shown: Mask | None = None) -> int:
    """Assert that a mask on a geometry, and its exclusion mask, are the mask at each pixel; return how many.

    `shown`, if given, is what hpmask puts on the geometry instead.
    """
    shown = mask if shown is None else shown
    expected, doubt = (as_stored(some, geom) for some in at_coord(mask, geom))
    exclusion = shown.to_exclusion_mask()
    found = {
        "to_gammapy": shown.to_gammapy(geom).data,
        "interp_to_geom": exclusion.interp_to_geom(geom).data,
        "get_by_coord": as_stored(exclusion.get_by_coord(geom.get_coord()), geom),
    }
    for name, values in found.items():
        wrong = np.argwhere((values != expected) & ~doubt)
        assert not wrong.size, (text, name, len(wrong), wrong[:3].tolist(), str(geom))
    # A row or a column of pixels may lie along the edges of cells, such as those at a longitude of 0.
    lines = 2 * max(doubt.shape[-2:]) * (doubt.size // max(1, math.prod(doubt.shape[-2:])))
    assert doubt.sum() <= max(0.02 * doubt.size, lines) or geom.is_hpx, (text, doubt.mean())
    return int((~doubt).sum())


def check_back(rng: np.random.Generator, mask: Mask, geom: Any, text: Any) -> None:
    """Assert that a map becomes a mask that is the same map on its geometry, and nothing or all of the rest."""
    nside = np.atleast_1d(geom.nside) if geom.is_hpx else np.array([1])
    if (nside & (nside - 1)).any() or any(axis.name not in ("energy", "energy_true") for axis in geom.axes):
        return
    map_ = mask.to_gammapy(geom)
    if not geom.is_hpx and not geom.is_region and not geom.is_regular:
        return
    outside = bool(rng.random() < 0.4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*lie outside the projection", UserWarning)
        back = Mask.from_gammapy(map_, outside=outside)
    if geom.axes:
        assert back.energy == axis_from_gammapy(geom.axes[0]), text
    assert back.frame == geom.frame, text
    if geom.is_hpx:
        again = back.to_gammapy(geom).data
        assert np.array_equal(again, map_.data), (text, "there and back", str(geom))
        if geom.is_regular:
            covered = Mask.from_gammapy(geom)
            rest = back - covered if not geom.axes else back.reduce("any") - covered.reduce("any")
            expected = ~covered.reduce("any") if outside else Mask.empty(frame=geom.frame)
            assert rest == expected, (text, "the rest")
    elif not geom.is_region:
        coord = geom.to_image().get_coord()
        seen = np.isfinite(coord.lon)
        again = back.to_gammapy(geom).data
        wrong = np.argwhere((again != map_.data) & seen)
        assert not wrong.size, (text, "there and back", outside, len(wrong), wrong[:3].tolist(), str(geom))


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_values(kind, counted):
    n, number = cases(6), list(GEOMETRIES).index(kind)
    compared = 0
    for k in range(n):
        key = [seed(), number, k]
        _, mask, geom = random_case(key, kind)
        compared += check_values(mask, geom, (kind, key))
    counted(n, f"geometries of gammapy: {kind}")
    counted(compared, f"pixels by contains: {kind}")


@pytest.mark.parametrize("kind", ["image", "HEALPix"])
def test_there_and_back(kind, counted):
    n, number = cases(4), list(GEOMETRIES).index(kind)
    for k in range(n):
        key = [seed(), 10 + number, k]
        rng, mask, geom = random_case(key, kind)
        check_back(rng, mask, geom, (kind, key))
    counted(n, f"maps of gammapy to masks and back: {kind}")


# ---------------------------------------------------------------------- the referee sees a fault


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_a_mask_in_the_wrong_frame_or_of_the_wrong_bins_is_seen(kind):
    seen = tried = 0
    for k in range(6):
        _, mask, geom = random_case([99, list(GEOMETRIES).index(kind), k], kind)
        other = Mask([~plane for plane in mask.planes], energy=mask.energy, frame=mask.frame)
        if mask.energy is not None and mask.energy.n_bins > 1:
            other = Mask(np.roll(np.array(mask.planes, dtype=object), 1).tolist(), energy=mask.energy, frame=mask.frame)
        tried += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                check_values(mask, geom, k, shown=other)
            except AssertionError:
                seen += 1
    assert seen >= 0.5 * tried


def test_a_map_that_comes_back_moved_is_seen(monkeypatch):
    """By one pixel."""
    right = Mask.from_gammapy

    def moved(map_: Any, **words: Any) -> Mask:
        return right(map_.copy(data=np.roll(map_.data, 1, axis=-1)) if isinstance(map_, Map) else map_, **words)

    monkeypatch.setattr(Mask, "from_gammapy", moved)
    seen = 0
    for k in range(6):
        rng, mask, geom = random_case([98, 0, k], "image")
        try:
            check_back(rng, mask, geom, k)
        except AssertionError:
            seen += 1
    assert seen >= 2
