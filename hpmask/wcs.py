"""To WCS images: the mask at the centres of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import FK5, BaseCoordinateFrame, Galactic, SkyCoord, UnitSphericalRepresentation
from astropy.io import fits
from astropy.wcs import WCS, WcsError
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS
from numpy.typing import NDArray

from hpmask import files, frames, healpix
from hpmask.parallel import thread_count
from hpmask.rangeset import MAX_ORDER, RangeSet

if TYPE_CHECKING:
    from hpmask.energy import EnergyAxis
    from hpmask.mask import Mask

__all__ = ["MODES", "to_wcs", "write_wcs"]

MODES = ("center",)

# Pixels that a thread holds at once: some 5 MB of coordinates, which stay in the cache.
_BLOCK = 1 << 16

Angles = NDArray[np.float64]


def to_wcs(
    mask: Mask, wcs: WCS, shape: tuple[int, int] | None = None, *, mode: Literal["center"] = "center"
) -> NDArray[np.bool_]:
    """The mask on the pixels of an image.

    The sky position of a pixel's centre is what astropy's ``wcs.pixel_to_world`` gives, distortions
    included. It is computed once for all energy bins.

    Parameters
    ----------
    mask : Mask
        The mask, in either frame.
    wcs : `~astropy.wcs.WCS`
        Any celestial WCS in any frame that astropy knows. Of a cube's the celestial part is taken. Slices of
        a WCS and other WCS objects of astropy's common interface will do, too, if they have two pixel axes.
        Galactic axes are Galactic even beside a RADESYS, which misleads astropy; ecliptic ones, which it
        takes for ICRS, raise.
    shape : (int, int), optional
        Number of pixels (ny, nx); by default the shape that the WCS has.
    mode : {"center"}, optional
        A pixel is True iff the sky position of its centre is in the mask. Pixels that are no sky, such as the
        corners of an all-sky map, are False.

    Returns
    -------
    numpy.ndarray of bool, shape (ny, nx) or (n_bins, ny, nx)
        The latter for a mask with energy bins.

    Raises
    ------
    TypeError, ValueError
        If `wcs` is no celestial WCS, no shape is known, or `mode` is another word.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from astropy.wcs import WCS
    >>> from hpmask import Mask
    >>> from hpmask.wcs import to_wcs
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    >>> wcs.wcs.crval = 83.6, 22.0
    >>> wcs.wcs.crpix = 3, 2
    >>> wcs.wcs.cdelt = -0.1, 0.1
    >>> star = Mask.from_cones(SkyCoord(83.6, 22.0, unit="deg"), "0.11 deg", order=12)
    >>> to_wcs(star, wcs, (3, 5)).astype(int)
    array([[0, 0, 1, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 0, 1, 0, 0]])
    """
    _check_mode(mode)
    grid = _Grid.of(wcs, shape)
    way = _Way.between(grid.frame, mask.frame)
    distinct = {id(plane): plane for plane in mask.planes}
    images: NDArray[np.bool_] = np.empty((len(distinct), *grid.shape), dtype=np.bool_)
    _fill(images, grid, way, list(distinct.values()), mask.order)
    if mask.energy is None:
        image: NDArray[np.bool_] = images[0]
        return image
    if len(distinct) < len(mask.planes):
        row = {key: k for k, key in enumerate(distinct)}
        images = images[[row[id(plane)] for plane in mask.planes]]
    return images


def write_wcs(
    mask: Mask,
    path: str | Path,
    wcs: WCS,
    shape: tuple[int, int] | None = None,
    *,
    mode: Literal["center"] = "center",
    overwrite: bool = False,
) -> None:
    """Write the mask on the pixels of an image as a FITS image of bytes, 1 = kept.

    The image is the primary one, under the name MASK: gammapy's ``Map.read`` then gives a boolean map. Energy
    bins make it a cube and add the table MASK_BANDS, from which gammapy takes the energy axis; see
    https://gamma-astro-data-formats.readthedocs.io/en/latest/skymaps/wcs/index.html. Look-up tables of
    distortions follow as extensions of their own.

    Parameters
    ----------
    mask : Mask
        The mask.
    path : str or path
        Where to; ``.fits.gz`` is compressed. The old file or the new one is there at any moment.
    wcs : `~astropy.wcs.WCS`
        As in `to_wcs`, but astropy's own FITS WCS only.
    shape, mode
        As in `to_wcs`.
    overwrite : bool, optional
        Replace a file that is there.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    TypeError, ValueError
        As in `to_wcs`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from astropy.io import fits
    >>> from astropy.wcs import WCS
    >>> from hpmask import Mask
    >>> from hpmask.wcs import write_wcs
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype = "GLON-AIT", "GLAT-AIT"
    >>> wcs.wcs.crpix = 3, 2
    >>> wcs.wcs.cdelt = -70, 60
    >>> path = Path(mkdtemp()) / "sky.fits"
    >>> write_wcs(Mask.full(), path, wcs, (3, 5))
    >>> fits.getdata(path)
    array([[0, 1, 1, 1, 0],
           [1, 1, 1, 1, 1],
           [0, 1, 1, 1, 0]], dtype=uint8)
    """
    if not isinstance(wcs, WCS):
        raise TypeError(
            f"wcs must be an astropy.wcs.WCS, which can be written as a header, got {type(wcs).__name__}"
        )
    files.check_target(path, overwrite=overwrite)
    image = to_wcs(mask, wcs, shape, mode=mode)
    celestial = _celestial(wcs)
    with celestial.to_fits(relax=True) as hdus:
        primary = hdus[0]
        primary.data = image.view(np.uint8)
        primary.name = "MASK"
        _describe(primary.header, mask)
        if mask.energy is not None:
            hdus.append(_bands(mask.energy))
            _link(primary.header, mask.energy, image.shape)
        with files.replacing(path, overwrite=overwrite) as file:
            hdus.writeto(file, checksum=True)


# ---------------------------------------------------------------------- the sky under the pixels


@dataclass(frozen=True, slots=True)
class _Grid:
    """A WCS with two pixel axes, and which of its world axes are longitude and latitude."""

    wcs: Any
    shape: tuple[int, int]
    lon_axis: int
    lat_axis: int
    lon_unit: u.UnitBase
    lat_unit: u.UnitBase
    frame: BaseCoordinateFrame

    @classmethod
    def of(cls, wcs: Any, shape: Any) -> _Grid:
        if not isinstance(wcs, BaseLowLevelWCS | BaseHighLevelWCS):
            raise TypeError(f"wcs must be an astropy.wcs.WCS, got {type(wcs).__name__}")
        low = wcs.low_level_wcs if isinstance(wcs, BaseHighLevelWCS) else wcs
        if isinstance(low, WCS):
            low = _celestial(low)
        if low.pixel_n_dim != 2:
            raise ValueError(f"wcs must have two pixel axes, it has {low.pixel_n_dim}: take a slice of it")
        parts = low.world_axis_object_components
        for name, (kind, _, options, *_) in low.world_axis_object_classes.items():
            axes = {part[1]: i for i, part in enumerate(parts) if part[0] == name}
            if kind is SkyCoord and {0, 1} <= axes.keys():
                lon_unit, lat_unit = _units(options.get("unit", u.deg))
                frame = _frame(options["frame"], low.world_axis_physical_types[axes[0]])
                return cls(low, _shape(low, shape), axes[0], axes[1], lon_unit, lat_unit, frame)
        types = ", ".join(map(str, low.world_axis_physical_types))
        raise ValueError(
            "wcs must have a longitude and a latitude in a frame that astropy knows, "
            f"its world axes are {types}{_ctypes(low)}"
        )

    def positions(self, rows: range, wcs: Any) -> tuple[Angles, Angles]:
        """Longitude and latitude of the pixels of some rows, in radians; NaN where there is no sky."""
        x, y = np.meshgrid(np.arange(self.shape[1], dtype=np.float64), np.array(rows, dtype=np.float64))
        world = wcs.pixel_to_world_values(x, y)
        lon = np.asarray(world[self.lon_axis], dtype=np.float64) * self.lon_unit.to(u.rad)
        lat = np.asarray(world[self.lat_axis], dtype=np.float64) * self.lat_unit.to(u.rad)
        # An axis that is linear in latitude may run beyond the poles.
        sky = np.isfinite(lon) & (np.abs(lat) <= np.pi / 2 + 1e-12)
        if not sky.all():
            lon[~sky] = lat[~sky] = np.nan
        return lon, lat


def _celestial(wcs: WCS) -> WCS:
    """The celestial part of a WCS; itself if it has two axes."""
    if wcs.naxis == 2:
        return wcs
    try:
        celestial = wcs.celestial
    except WcsError as error:
        raise ValueError(
            f"the celestial axes of wcs cannot be told from the others{_ctypes(wcs)}: take a slice of it"
        ) from error
    if celestial.naxis != 2:
        raise ValueError(f"wcs must have a longitude and a latitude{_ctypes(wcs)}")
    return celestial


def _frame(
    frame: BaseCoordinateFrame | type[BaseCoordinateFrame], physical_type: str | None
) -> BaseCoordinateFrame:
    """The frame of the longitude: what astropy says, unless a RADESYS in the header misled it.

    RADESYS has a meaning for equatorial and ecliptic axes alone (Calabretta & Greisen 2002, A&A 395, 1077,
    section 3.1), but astropy 8 takes any axes beside it for equatorial ones.
    """
    kind = (physical_type or "").removeprefix("pos.").split(".")[0]
    if kind == "galactic":
        return Galactic()
    if isinstance(frame, type):
        # Of a planet astropy gives the class.
        frame = frame()
    if kind == "ecliptic" and "ecliptic" not in frame.name:
        raise ValueError("wcs is in ecliptic coordinates, for which astropy's FITS WCS has no frame")
    return frame


def _ctypes(wcs: Any) -> str:
    return f" (CTYPE {', '.join(map(repr, wcs.wcs.ctype))})" if isinstance(wcs, WCS) else ""


def _units(units: Any) -> tuple[u.UnitBase, u.UnitBase]:
    """The units of longitude and latitude, in any form that SkyCoord takes."""
    if isinstance(units, str):
        units = units.split(",")
    if isinstance(units, u.UnitBase):
        units = (units,)
    units = [u.Unit(unit) for unit in units]
    # Without a unit in the header there is nothing else that it could be.
    units = [u.deg if unit == u.dimensionless_unscaled else unit for unit in units]
    return units[0], units[-1]


def _shape(wcs: Any, shape: Any) -> tuple[int, int]:
    if shape is None:
        known = wcs.array_shape
        # The header of an image may count more axes than its WCS has.
        known = None if known is None else tuple(known)[-2:]
        if known is None or not all(known):
            raise ValueError("wcs does not know the shape of its image: give shape=(ny, nx)")
        return int(known[0]), int(known[1])
    try:
        ny, nx = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape must be (ny, nx), got {shape!r}") from None
    for n in (ny, nx):
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"shape must be two positive integers (ny, nx), got {shape!r}")
    return int(ny), int(nx)


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise ValueError(f"mode must be {' or '.join(map(repr, MODES))}, got {mode!r}")


# ---------------------------------------------------------------------- from their frame to the mask's


@dataclass(frozen=True, slots=True)
class _Way:
    """From one frame to another: what astropy has to do, if anything, and then a rotation, if any."""

    transformed: Callable[[Angles, Angles], tuple[Angles, Angles]] | None = None
    matrix: NDArray[np.float64] | None = None

    @classmethod
    def between(cls, frame: BaseCoordinateFrame, target: str) -> _Way:
        if frame.name == target:
            return cls()
        if frame.name in frames.FRAMES or isinstance(frame, FK5):
            return cls(matrix=frames.rotation_of(frame, target))
        if not frame.is_transformable_to(SkyCoord(0, 0, unit="deg", frame=target).frame):
            raise ValueError(f"astropy knows no way from the frame of wcs, {frame.name}, to {target}")
        return cls(transformed=partial(_transformed, frame, target))


def _transformed(frame: BaseCoordinateFrame, target: str, lon: Angles, lat: Angles) -> tuple[Angles, Angles]:
    sky = np.isfinite(lon)
    position = UnitSphericalRepresentation(lon[sky] * u.rad, lat[sky] * u.rad)
    there = SkyCoord(position, frame=frame).transform_to(target).spherical
    lon, lat = np.full(lon.shape, np.nan), np.full(lat.shape, np.nan)
    lon[sky], lat[sky] = there.lon.to_value(u.rad), there.lat.to_value(u.rad)
    return lon, lat


# ---------------------------------------------------------------------- looking up


def _fill(images: NDArray[np.bool_], grid: _Grid, way: _Way, planes: Sequence[RangeSet], order: int) -> None:
    """Set images[k] to what plane k holds at the pixels' centres, on threads."""
    ny, nx = grid.shape
    height = max(1, _BLOCK // nx)
    blocks = [range(first, min(first + height, ny)) for first in range(0, ny, height)]
    n_threads = min(thread_count(None), len(blocks))

    def work(share: int, wcs: Any) -> None:
        for rows in blocks[share::n_threads]:
            lon, lat = grid.positions(rows, wcs)
            if way.transformed is not None:
                lon, lat = way.transformed(lon, lat)
            images[:, rows.start : rows.stop] = _look_up(planes, order, lon, lat, way.matrix)

    if n_threads == 1:
        work(0, grid.wcs)
        return
    # astropy lets go of the interpreter while wcslib computes, but wcslib writes to its own tables meanwhile.
    copies = [deepcopy(grid.wcs) for _ in range(n_threads)]
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work, range(n_threads), copies))


def _look_up(
    planes: Sequence[RangeSet], order: int, lon: Angles, lat: Angles, matrix: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Whether positions, rotated by `matrix`, are in each plane, shape (n_planes, ...); NaN is in none."""
    sky = np.isfinite(lon)
    lon, lat = np.where(sky, lon, 0), np.where(sky, lat, 0)
    if matrix is not None:
        across = np.cos(lat)
        x, y, z = across * np.cos(lon), across * np.sin(lon), np.sin(lat)
        a, b, c = (row[0] * x + row[1] * y + row[2] * z for row in matrix)
        lon, lat = np.arctan2(b, a), np.arctan2(c, np.hypot(a, b))
    numbers = healpix.cells_at(lon, lat, order) << np.uint64(2 * (MAX_ORDER - order))
    found = [np.searchsorted(plane.ranges.reshape(-1), numbers, side="right") % 2 == 1 for plane in planes]
    return np.array(found) & sky


# ---------------------------------------------------------------------- the FITS file


def _describe(header: fits.Header, mask: Mask) -> None:
    from hpmask import __version__

    header["BUNIT"] = ("", "1 = kept, 0 = not kept or no sky")
    header["CREATOR"] = (f"hpmask {__version__}", "software that wrote this file")
    header["HPXFRAME"] = (mask.frame, "frame of the HEALPix cells of the mask")
    header["HPXORDER"] = (mask.order, "order of the HEALPix cells of the mask")
    for line in mask.history:
        header.add_history(line)


def _link(header: fits.Header, energy: EnergyAxis, shape: tuple[int, ...]) -> None:
    """What makes gammapy see the third axis."""
    header["WCSSHAPE"] = (f"({','.join(map(str, reversed(shape)))})", "pixels along each axis")
    header["BANDSHDU"] = ("MASK_BANDS", "table of the energy bins")
    header.update(_axis_cards(energy))


def _axis_cards(energy: EnergyAxis) -> dict[str, str]:
    low, high = _columns(energy)[1:]
    return {"AXCOLS1": f"{low},{high}", "INTERP1": energy.interp}


def _columns(energy: EnergyAxis) -> tuple[str, str, str]:
    """Names of the columns of a bin's centre and edges."""
    name = energy.name.upper()
    return (name, "E_MIN", "E_MAX") if name == "ENERGY" else (name, f"{name}_MIN", f"{name}_MAX")


def _bands(energy: EnergyAxis) -> fits.BinTableHDU:
    low, high = energy.energy_min.value, energy.energy_max.value
    # The root of each edge by itself: their product may leave the range of numbers.
    middle = np.sqrt(low) * np.sqrt(high) if energy.interp == "log" else (low + high) / 2
    unit = energy.unit.to_string("fits")
    columns = [fits.Column("CHANNEL", "K", array=np.arange(energy.n_bins))]
    for name, values in zip(_columns(energy), (middle, low, high), strict=True):
        columns.append(fits.Column(name, "D", unit=unit, array=values))
    table = fits.BinTableHDU.from_columns(columns, name="MASK_BANDS")
    table.header.update(_axis_cards(energy))
    return table
