"""Masks on gammapy's geometries: images, HEALPix and regions.

Each distinct plane is put on the sky part of a geometry once. Energy bins with the same plane share the result, and so
do the bins of axes that are not energy.
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
from hpmask._utils.parallel import for_the_call
from hpmask.core import lookup
from hpmask.core.algebra import overlaps
from hpmask.core.positions import Positions
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames, healpix
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.energy_bins import bins_with_same_edges, energy_axis_of
from hpmask.regions.masks import from_regions
from hpmask.wcs.to_image import to_wcs

__all__ = ["checked_geom", "filled", "sky_wcs", "to_map"]

Booleans = NDArray[np.bool_]

# Number of HEALPix cells that are looked up in one go, which bounds the memory.
_CHUNK = 1 << 20


def to_map(mask: MaskValue, geom: Any, *, mode: Mode = "center", n_threads: int | None = None) -> Any:
    """See `hpmask.Mask.to_gammapy`."""
    bins = bins_with_same_edges(mask.energy, checked_geom(geom))
    return filled(mask, geom, bins, mode=mode, beyond=False, n_threads=n_threads)


def checked_geom(geom: Any) -> Any:
    """`geom`, or a TypeError if it is not a geometry of gammapy."""
    need_gammapy()
    from gammapy.maps import Geom

    if not isinstance(geom, Geom):
        hint = ": give its .geom" if isinstance(getattr(geom, "geom", None), Geom) else ""
        raise TypeError(f"geom must be a WcsGeom, HpxGeom or RegionGeom of gammapy, got {type(geom).__name__}{hint}")
    return geom


@for_the_call
def filled(
    mask: MaskValue,
    geom: Any,
    bins: NDArray[np.intp],
    *,
    mode: Mode,
    beyond: bool,
    n_threads: int | None = None,
) -> Any:
    """The map with the mask's plane `bins[k]` in energy bin k of a geometry, and `beyond` where that is -1."""
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
        # The axes of gammapy's data are in reverse order.
        place = data[band[::-1]]
        if images is not None:
            place[...] = images[k] if k >= 0 else beyond
        else:
            _fill_band(place, mask, planes[k] if k >= 0 else None, geom, band, mode, beyond)
    return Map.from_geom(geom, data=data)


def _bins_of_bands(geom: Any, energy: EnergyAxis | None) -> Any:
    """A function from the indices of a band along all axes to its index along the energy axis."""
    axis = energy_axis_of(geom, energy.name if energy is not None else None)
    if axis is None:
        return lambda band: 0
    place = [one.name for one in geom.axes].index(axis.name)
    return lambda band: band[place]


def _images(mask: MaskValue, planes: list[RangeSet], geom: Any, mode: Mode) -> Booleans:
    """Planes on the sky part of a geometry that has the same pixels in all bands, shape (n_planes, ...)."""
    if not planes:
        return np.empty((0, *geom.data_shape[len(geom.axes) :]), dtype=np.bool_)
    if geom.is_region:
        return np.array([_region(plane, mask, geom, mode) for plane in planes]).reshape(-1, 1, 1)
    if geom.is_hpx:
        band = (0,) * len(geom.axes)
        return _cells(planes, mask, geom, *_pixels(geom, band), mode=mode)
    # All planes in one go, because most of the work is to compute the sky positions of the pixels.
    shape = geom.data_shape[-2:]
    images = to_wcs(mask, sky_wcs(geom), shape, mode=mode).reshape(-1, *shape)
    first = {id(plane): k for k, plane in reversed(list(enumerate(mask.planes)))}
    return np.asarray(images[[first[id(plane)] for plane in planes]], dtype=np.bool_)


def sky_wcs(geom: Any) -> WCS:
    """The WCS of an image as gammapy reads it: without distortions, and with the equinox 2000.

    gammapy places the events with this WCS, even where the full WCS differs.
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
    """A mask of one plane."""
    return new_mask(plane, order=mask.order, frame=mask.frame)


def _fill_band(
    place: Booleans,
    mask: MaskValue,
    plane: RangeSet | None,
    geom: Any,
    band: tuple[int, ...],
    mode: Mode,
    beyond: bool,
) -> None:
    """Fill a band of a geometry whose pixels differ from band to band. Places without a pixel are False."""
    if geom.is_hpx:
        nside, numbers = _pixels(geom, band)
        there = numbers >= 0
    else:
        if mode != "center":
            raise ValueError(f"mode {mode!r} needs a geom with the same pixels in all bands: use mode='center'")
        coord = geom.get_coord(idx=band)
        lon, lat = np.squeeze(coord.lon), np.squeeze(coord.lat)
        there = np.isfinite(lon).reshape(place.shape)
    if plane is None:
        place[...] = there & beyond
    elif geom.is_hpx:
        place[...] = _cells([plane], mask, geom, nside, numbers, mode=mode)[0]
    else:
        matrix = None if geom.frame == mask.frame else frames.rotation_of(geom.frame, mask.frame)
        lon, lat = np.radians(lon), np.radians(lat)
        kept = lookup.contains_lonlat([plane], mask.order, lon, lat, matrix=matrix, n_threads=None)
        place[...] = np.asarray(kept).reshape(place.shape)


# ---------------------------------------------------------------------- HEALPix


def _pixels(geom: Any, band: tuple[int, ...]) -> tuple[int, NDArray[np.int64]]:
    """nside and cell numbers of a band of a HEALPix geometry, -1 where the band has fewer cells than another."""
    nside = int(geom.nside[band] if geom.nside.size > 1 else geom.nside.flat[0])
    if geom.region is None and geom.nside.size == 1:
        return nside, np.arange(12 * nside * nside)
    # gammapy takes no index for a geometry without axes.
    try:
        pixels = geom.get_idx(idx=band if band else None)[0]
    except IndexError as error:
        raise ValueError(
            "gammapy cannot list the pixels of geom, and makes no map of it: a list of pixels in a single bin. "
            "Leave out its axis"
        ) from error
    return nside, np.asarray(pixels, dtype=np.int64).ravel()


def _cells(
    planes: list[RangeSet],
    mask: MaskValue,
    geom: Any,
    nside: int,
    numbers: NDArray[np.int64],
    *,
    mode: Mode,
) -> Booleans:
    """Whether HEALPix pixels are in each plane, shape (n_planes, n). The number -1 is in none."""
    power_of_two = nside & (nside - 1) == 0
    same_cells = power_of_two and geom.frame == mask.frame
    if mode != "center" and not same_cells:
        what = (
            f"nside {nside} is not a power of two"
            if not power_of_two
            else f"geom is {geom.frame}, the mask {mask.frame}"
        )
        raise ValueError(
            f"mode {mode!r} needs a geom whose HEALPix pixels nest with the mask's cells, but {what}: use mode='center'"
        )
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
            # gammapy computes the positions, because nside may be any number.
            lon, lat = (np.radians(u.Quantity(angle, u.deg).value) for angle in globe.pix_to_coord((some,)))
            out[:, part] = lookup.contains_lonlat(planes, mask.order, lon, lat, matrix=matrix, n_threads=None)
        out[:, part] &= there
    return out


# ---------------------------------------------------------------------- regions


def _region(plane: RangeSet, mask: MaskValue, geom: Any, mode: Mode) -> bool:
    """Whether a plane keeps the one pixel of a region geometry."""
    if geom.region is None:
        if not (plane.is_empty or plane.is_full):
            raise ValueError(
                "geom has no region, and therefore no position on the sky: each bin of the mask must be full or empty"
            )
        return bool(plane)
    alone = _alone(plane, mask)
    if mode == "center":
        center = geom.center_skydir
        coord = SkyCoord(center.spherical.lon, center.spherical.lat, frame=center.frame.name)
        return bool(lookup.contains([plane], mask.order, None, Positions.of_coord(coord, mask.frame, "geom"), None))
    area = from_regions(geom.region, order=_order_for(geom, mask), mode="overlap", frame=mask.frame)
    return overlaps(alone, area) if mode == "overlap" else area <= alone


def _order_for(geom: Any, mask: MaskValue) -> int:
    """An order with some hundreds of cells across a region, and not coarser than the mask's."""
    width = float(np.max(u.Quantity(geom.width).to_value(u.rad)))
    fine = 0 if not width > 0 else math.ceil(math.log2(200 / width))
    return min(MAX_ORDER, max(mask.order, fine))
