"""Masks on gammapy's geometries: images by the sky under their pixels, HEALPix by cells, regions by centre or area.

A plane is put on the sky part of a geometry once; energy bins with the same sky and axes without energy share it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.modes import Mode, check_mode
from hpmask.core import lookup
from hpmask.core.algebra import overlaps
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames, healpix
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.energies import bins_by_edges, energy_axis
from hpmask.regions.masks import from_regions
from hpmask.wcs.to_image import to_wcs

__all__ = ["checked_geom", "filled", "sky_wcs", "to_map"]

Booleans = NDArray[np.bool_]

# Cells that are looked up together.
_CHUNK = 1 << 20


def to_map(mask: MaskValue, geom: Any, *, mode: Mode = "center") -> Any:
    """A mask as a boolean gammapy map.

    Parameters
    ----------
    mask : Mask
        The mask.
    geom : `~gammapy.maps.WcsGeom`, `~gammapy.maps.HpxGeom` or `~gammapy.maps.RegionGeom`
        Geometry of the map. Its energy axis, "energy" or "energy_true", must have the mask's bins, unless the mask has
        none; along other axes the mask is repeated. HEALPix geometries may be of the whole sky, a part of it or a
        list of cells, in either frame, RING or NESTED, with an nside per plane.
    mode : {"center", "overlap", "inside"}, optional
        What makes a pixel True: its centre is kept, any part of it is, or all of it is. Of a region the centre is
        the one that gammapy gives it. That of a HEALPix pixel larger than the mask's cells is the corner of four of
        them, of which the northern one decides, as in `hpmask.Mask.contains`. HEALPix pixels have the other two modes
        in the mask's frame only.

    Returns
    -------
    `~gammapy.maps.Map`
        Of bool, with data of its own, and with `geom` itself as its geometry. Pixels that are no sky are False.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError
        If `geom` is no geometry of gammapy.
    ValueError
        If energy bins differ, or `mode` cannot be had on this geometry.

    Examples
    --------
    >>> import pytest
    >>> maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Mask
    >>> from hpmask.interop.gammapy.to_maps import to_map
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> geom = maps.WcsGeom.create(skydir=crab, width="2 deg", binsz="0.02 deg")
    >>> int((~to_map(~Mask.from_cones(crab, "0.3 deg", order=14), geom).data).sum())
    714
    """
    bins = bins_by_edges(mask.energy, checked_geom(geom))
    return filled(mask, geom, bins, mode=mode, beyond=False)


def checked_geom(geom: Any) -> Any:
    """`geom`, if it is one of gammapy's."""
    need_gammapy()
    from gammapy.maps import Geom

    if not isinstance(geom, Geom):
        hint = ": give its .geom" if isinstance(getattr(geom, "geom", None), Geom) else ""
        raise TypeError(f"geom must be a WcsGeom, HpxGeom or RegionGeom of gammapy, got {type(geom).__name__}{hint}")
    return geom


def filled(mask: MaskValue, geom: Any, bins: NDArray[np.intp], *, mode: Mode, beyond: bool) -> Any:
    """The map that has the mask's plane `bins[k]` in energy bin k of a geometry, and `beyond` where that is -1."""
    from gammapy.maps import Map

    check_mode(mode)
    needed = {id(mask.planes[k]): mask.planes[k] for k in bins if k >= 0}
    planes = list(needed.values())
    row = {key: k for k, key in enumerate(needed)}
    rows = [row[id(mask.planes[k])] if k >= 0 else -1 for k in bins]

    data = np.empty(geom.data_shape, dtype=np.bool_)
    of_band = _bins_of_bands(geom, mask.energy)
    images = _images(mask, planes, geom, mode) if geom.is_regular else None
    for band in np.ndindex(*geom.axes.shape):
        k = rows[of_band(band)]
        # gammapy's data have the axes the other way round.
        place = data[band[::-1]]
        if images is not None:
            place[...] = images[k] if k >= 0 else beyond
        else:
            _fill_band(place, mask, planes[k] if k >= 0 else None, geom, band, mode, beyond)
    return Map.from_geom(geom, data=data)


def _bins_of_bands(geom: Any, energy: EnergyAxis | None) -> Any:
    """The energy bin that a band of a geometry belongs to, given the indices of its axes."""
    axis = energy_axis(geom, energy.name if energy is not None else None)
    if axis is None:
        return lambda band: 0
    place = [one.name for one in geom.axes].index(axis.name)
    return lambda band: band[place]


def _images(mask: MaskValue, planes: list[RangeSet], geom: Any, mode: Mode) -> Booleans:
    """Planes on the sky part of a geometry that is the same in all bands, shape (n_planes, ...)."""
    if not planes:
        return np.empty((0, *geom.data_shape[len(geom.axes) :]), dtype=np.bool_)
    if geom.is_region:
        return np.array([_region(plane, mask, geom, mode) for plane in planes]).reshape(-1, 1, 1)
    if geom.is_hpx:
        band = (0,) * len(geom.axes)
        return _cells(planes, mask, geom, *_pixels(geom, band), mode=mode)
    # All planes in one go, for the sky positions are the greater part of the work.
    shape = geom.data_shape[-2:]
    images = to_wcs(mask, sky_wcs(geom), shape, mode=mode).reshape(-1, *shape)
    first = {id(plane): k for k, plane in reversed(list(enumerate(mask.planes)))}
    return np.asarray(images[[first[id(plane)] for plane in planes]], dtype=np.bool_)


def sky_wcs(geom: Any) -> WCS:
    """The WCS of an image as gammapy sees it: without distortions, and with the equinox 2000.

    gammapy puts the events where this WCS has them, be it right or not.
    """
    wcs: WCS = geom.wcs
    frame = geom.frame
    if not wcs.has_distortion and frame in frames.FRAMES:
        return wcs
    wcs = wcs.deepcopy()
    wcs.sip = wcs.cpdis1 = wcs.cpdis2 = wcs.det2im1 = wcs.det2im2 = None
    wcs.wcs.ctype = [kind.removesuffix("-SIP") for kind in wcs.wcs.ctype]
    if frame == "fk5":
        wcs.wcs.equinox = 2000.0
    wcs.wcs.set()
    return wcs


def _alone(plane: RangeSet, mask: MaskValue) -> MaskValue:
    return new_mask(plane, order=mask.order, frame=mask.frame)


def _fill_band(
    place: Booleans, mask: MaskValue, plane: RangeSet | None, geom: Any, band: tuple[int, ...], mode: Mode, beyond: bool
) -> None:
    """A band of a geometry whose bands have pixels of their own; places without a pixel are False."""
    if geom.is_hpx:
        nside, numbers = _pixels(geom, band)
        there = numbers >= 0
    else:
        if mode != "center":
            raise ValueError(f"mode {mode!r} needs an image with the same pixels in all bands: use 'center'")
        coord = geom.get_coord(idx=band)
        lon, lat = np.squeeze(coord.lon), np.squeeze(coord.lat)
        there = np.isfinite(lon).reshape(place.shape)
    if plane is None:
        place[...] = there & beyond
    elif geom.is_hpx:
        place[...] = _cells([plane], mask, geom, nside, numbers, mode=mode)[0]
    else:
        place[...] = _at([plane], mask, np.radians(lon), np.radians(lat), geom.frame).reshape(place.shape)


def _at(planes: list[RangeSet], mask: MaskValue, lon: Any, lat: Any, frame: str) -> Booleans:
    """Whether positions in radians are in each plane, shape (n_planes, ...)."""
    matrix = None if frame == mask.frame else frames.rotation_of(frame, mask.frame)
    return np.asarray(lookup.contains_lonlat(planes, mask.order, lon, lat, matrix=matrix))


# ---------------------------------------------------------------------- HEALPix


def _pixels(geom: Any, band: tuple[int, ...]) -> tuple[int, NDArray[np.int64]]:
    """nside and cell numbers of a band of a HEALPix geometry, -1 where the band has fewer cells than another."""
    nside = int(geom.nside[band] if geom.nside.size > 1 else geom.nside.flat[0])
    if geom.region is None and geom.nside.size == 1:
        return nside, np.arange(12 * nside * nside)
    # Without axes there is no index to give.
    pixels = geom.get_idx(idx=band if band else None)[0]
    return nside, np.asarray(pixels, dtype=np.int64).ravel()


def _cells(
    planes: list[RangeSet], mask: MaskValue, geom: Any, nside: int, numbers: NDArray[np.int64], *, mode: Mode
) -> Booleans:
    """Whether HEALPix pixels are in each plane, shape (n_planes, n); -1 is in none."""
    power_of_two = nside & (nside - 1) == 0
    same_cells = power_of_two and geom.frame == mask.frame
    if mode != "center" and not same_cells:
        what = (
            f"nside {nside} is no power of two" if not power_of_two else f"geom is {geom.frame}, the mask {mask.frame}"
        )
        raise ValueError(f"mode {mode!r} needs HEALPix pixels that nest in the mask's cells, but {what}")
    order = nside.bit_length() - 1
    if same_cells:
        planes = [plane.at_order(order, mode=mode) if order < plane.order else plane for plane in planes]
        indices = [index_of(plane) for plane in planes]
    out = np.zeros((len(planes), numbers.size), dtype=np.bool_)
    matrix = None if geom.frame == mask.frame else frames.rotation_of(geom.frame, mask.frame)
    globe = type(geom)(nside, nest=geom.nest, frame=geom.frame)
    for start in range(0, numbers.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        some = numbers[part]
        there = some >= 0
        some = np.where(there, some, 0)
        if same_cells:
            nested = some.astype(np.uint64) if geom.nest else healpix.ring_to_nested(some, order)
            nested = np.ascontiguousarray(nested << np.uint64(2 * (MAX_ORDER - order)))
            for k, index in enumerate(indices):
                index.inside(nested, out[k, part].view(np.uint8))
        else:
            # By gammapy's own reckoning, for nside may be no power of two.
            lon, lat = (np.radians(u.Quantity(angle, u.deg).value) for angle in globe.pix_to_coord((some,)))
            out[:, part] = lookup.contains_lonlat(planes, mask.order, lon, lat, matrix=matrix)
        out[:, part] &= there
    return out


# ---------------------------------------------------------------------- regions


def _region(plane: RangeSet, mask: MaskValue, geom: Any, mode: Mode) -> bool:
    """Whether a plane keeps the one pixel of a region geometry."""
    if geom.region is None:
        if plane and plane.sky_fraction < 1:
            raise ValueError(
                "geom has no region, and so no place on the sky: only a mask of all or no sky has a value there"
            )
        return bool(plane)
    alone = _alone(plane, mask)
    if mode == "center":
        center = geom.center_skydir
        coord = SkyCoord(center.spherical.lon, center.spherical.lat, frame=center.frame.name)
        return bool(lookup.contains([plane], mask.order, mask.frame, None, coord, None))
    area = from_regions(geom.region, order=_order_for(geom, mask), mode="overlap", frame=mask.frame)
    return overlaps(alone, area) if mode == "overlap" else area <= alone


def _order_for(geom: Any, mask: MaskValue) -> int:
    """Cells of which a region has some hundreds across, and no larger than the mask's."""
    width = float(np.max(u.Quantity(geom.width).to_value(u.rad)))
    fine = 0 if not width > 0 else math.ceil(math.log2(200 / width))
    return min(MAX_ORDER, max(mask.order, fine))
