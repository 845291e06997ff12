"""The sky under the pixels of a WCS: its celestial axes, their frame and units, and the frame of a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import FK5, BaseCoordinateFrame, Galactic, SkyCoord, UnitSphericalRepresentation
from astropy.wcs import WCS, WcsError
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS
from numpy.typing import NDArray

from hpmask.geometry import frames
from hpmask.wcs.checks import check_wcs, radesys_advice

__all__ = ["Grid", "Turns", "Way", "celestial", "corner_vectors", "image_shape", "order_for", "smallest_side"]

Angles = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grid:
    """A WCS with two pixel axes, and the numbers of its longitude and latitude axes.

    Attributes
    ----------
    wcs : `~astropy.wcs.WCS` or another low-level WCS
    shape : (int, int)
        Number of pixels (ny, nx).
    lon_axis, lat_axis : int
        Which of the world axes are longitude and latitude.
    lon_unit, lat_unit : float
        Their units in radians.
    frame : `~astropy.coordinates.BaseCoordinateFrame`
    turns : Turns or None
        For an image that reaches the seam of its projection.
    """

    wcs: Any
    shape: tuple[int, int]
    lon_axis: int
    lat_axis: int
    lon_unit: float
    lat_unit: float
    frame: BaseCoordinateFrame
    turns: Turns | None = None

    @classmethod
    def of(cls, wcs: Any, shape: Any) -> Grid:
        """The grid of a WCS, with the shape that is given or else the shape that the WCS has.

        Raises
        ------
        TypeError, ValueError
            If `wcs` is not a celestial WCS with two pixel axes, or the shape is not known or not two positive integers.
        """
        if not isinstance(wcs, BaseLowLevelWCS | BaseHighLevelWCS):
            raise TypeError(f"wcs must be an astropy.wcs.WCS, got {type(wcs).__name__}")
        low = wcs.low_level_wcs if isinstance(wcs, BaseHighLevelWCS) else wcs
        if isinstance(low, WCS):
            check_wcs(low)
            low = celestial(low)
        if low.pixel_n_dim != 2:
            raise ValueError(f"wcs must have two pixel axes, it has {low.pixel_n_dim}: take a slice of it")
        parts = low.world_axis_object_components
        for name, (kind, _, options, *_) in low.world_axis_object_classes.items():
            axes = {part[1]: i for i, part in enumerate(parts) if part[0] == name}
            if kind is SkyCoord and {0, 1} <= axes.keys():
                lon_unit, lat_unit = _units(options.get("unit", u.deg))
                frame = _frame(options["frame"], low.world_axis_physical_types[axes[0]])
                shape = image_shape(low, shape)
                return cls(low, shape, axes[0], axes[1], lon_unit, lat_unit, frame, Turns.of(low, shape))
        advice = radesys_advice(low)
        if advice:
            raise ValueError(advice)
        types = ", ".join(map(str, low.world_axis_physical_types))
        raise ValueError(
            "wcs must have a longitude and a latitude in a frame that astropy knows, "
            f"its world axes are {types}{_ctypes(low)}"
        )

    @property
    def faceted(self) -> bool:
        """Whether the projection has facets, at whose edges pixels are bent or torn."""
        return isinstance(self.wcs, WCS) and str(self.wcs.wcs.ctype[self.wcs.wcs.lng])[5:8] in _FACETED

    def positions(self, wcs: Any, x: Angles, y: Angles) -> tuple[Angles, Angles]:
        """Longitude and latitude at pixel coordinates, in radians; NaN outside the projection.

        `wcs` is that of the grid or a copy of it: each thread needs its own.
        """
        if self.turns is not None:
            x, y = self.turns.natural(x, y)
        world = wcs.pixel_to_world_values(x, y)
        lon = np.asarray(world[self.lon_axis], dtype=np.float64) * self.lon_unit
        lat = np.asarray(world[self.lat_axis], dtype=np.float64) * self.lat_unit
        # An axis that is linear in latitude may extend beyond the poles.
        sky = np.isfinite(lon) & (np.abs(lat) <= np.pi / 2 + 1e-12)
        if not sky.all():
            lon[~sky] = lat[~sky] = np.nan
        return lon, lat

    def pixels(self, wcs: Any, lon: Angles, lat: Angles) -> tuple[Angles, Angles]:
        """Pixel coordinates of positions in radians; NaN where the projection does not show them."""
        world: list[Any] = [None, None]
        world[self.lon_axis] = lon / self.lon_unit
        world[self.lat_axis] = lat / self.lat_unit
        if isinstance(wcs, WCS):
            # quiet: a position where the inverse of the distortions does not converge is not on the image.
            x, y = wcs.all_world2pix(*world, 0, quiet=True)
        else:
            x, y = wcs.world_to_pixel_values(*world)
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)

    def under(self, wcs: Any, lon: Angles, lat: Angles) -> tuple[Angles, Angles, Places, Places, Places]:
        """The pixels under positions in radians.

        The result has one entry for each position that is on the image: the pixel coordinates x and y, the row and the
        column of the pixel, and the index of the position.
        """
        x, y = self.pixels(wcs, lon, lat)
        if self.turns is not None and self.turns.cube:
            x, y = self.turns.natural(x, y)
        index = np.flatnonzero(self._holds(x, y))
        if self.turns is not None and index.size < x.size:
            rest = np.ones(x.shape, dtype=np.bool_)
            rest[index] = False
            # The gap at the seam of an image of the whole circle is a rounding error: positions in it come last.
            for room in (np.zeros(2), self.turns.gap) if self.turns.gap.any() else (np.zeros(2),):
                for dx, dy in self.turns.steps[0 if room.any() else 1 :]:
                    left = np.flatnonzero(rest)
                    found = left[self._holds(x[left] + dx, y[left] + dy, *room)]
                    x[found] += dx
                    y[found] += dy
                    rest[found] = False
            index = np.flatnonzero(~rest)
        x, y = x[index], y[index]
        ny, nx = self.shape
        column = np.clip(np.floor(x + 0.5).astype(np.int64), 0, nx - 1)
        row = np.clip(np.floor(y + 0.5).astype(np.int64), 0, ny - 1)
        return x, y, row, column, index

    def _holds(self, x: Angles, y: Angles, room_x: float = 0.0, room_y: float = 0.0) -> NDArray[np.bool_]:
        """Whether pixel coordinates are on the image, or at most `room_x` and `room_y` beyond its edges."""
        ny, nx = self.shape
        with np.errstate(invalid="ignore"):
            column, row = np.floor(x + 0.5), np.floor(y + 0.5)
            within = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
            if room_x or room_y:
                within |= (np.abs(x - 0.5 * (nx - 1)) <= 0.5 * nx + room_x) & (
                    np.abs(y - 0.5 * (ny - 1)) <= 0.5 * ny + room_y
                )
        return within


# Projections whose plane repeats itself after 360 deg of native longitude. In HPX and in the cubes TSC, CSC and QSC,
# only the belt around the equator does.
_CUBES = ("TSC", "CSC", "QSC")
_PERIODIC = ("CYP", "CEA", "CAR", "MER", "HPX", *_CUBES)
_FACETED = ("TSC", "CSC", "QSC", "HPX", "XPH")
# An image that lacks less than this, in pixels, of the whole circle was meant to cover it: its CDELT was rounded.
_WIDEST_GAP = 0.1
# Turns of an image. More than a few are an error of its header.
_MOST_TURNS = 1000
# Places that are given to a WCS at once: about 0.1 s.
_AT_ONCE = 1 << 17


@dataclass(frozen=True, slots=True)
class Turns:
    """The periods of an image that reaches native longitude +180 or -180 deg, or extends beyond it.

    The natural place of a position is the one at which its native longitude is between -180 and 180 deg. These are the
    pixel coordinates that wcslib gives it, except in cubes: there wcslib puts the faces at longitudes from -45 to
    315 deg. A cube has periods if its image extends below -45 deg. Pixel coordinates that differ by multiples of
    `period` show the same position.

    Attributes
    ----------
    period : numpy.ndarray, shape (2,)
        The step, in pixels, that adds 360 deg to the native longitude.
    steps : numpy.ndarray, shape (n, 2)
        Steps from a natural place to all places that may be on the image, the shortest first, which is (0, 0).
    gap : numpy.ndarray, shape (2,)
        Width, in pixels along x and y, of the gap that rounding may leave between the two ends of an image of the whole
        circle.
    overlap : bool
        Whether the image shows a part of the sky twice.
    along : numpy.ndarray, shape (2,)
    start : float
        The native longitude divided by 360 deg is ``along @ (x, y) + start``.
    origin : numpy.ndarray, shape (2,)
        CRPIX, counted from 0.
    cube : bool
        Whether the projection is a cube, for which wcslib gives other places than the natural ones.
    """

    period: Angles
    steps: Angles
    gap: Angles
    overlap: bool
    along: Angles
    start: float
    origin: Angles
    cube: bool = False

    @classmethod
    def of(cls, wcs: Any, shape: tuple[int, int]) -> Turns | None:
        """The turns of an image; None if it has none, if its WCS has distortions, or if it is not astropy's own."""
        if not isinstance(wcs, WCS) or wcs.naxis != 2:
            return None
        code = str(wcs.wcs.ctype[wcs.wcs.lng])[5:]
        if code not in _PERIODIC:
            return None
        tables = (wcs.sip, wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)
        if any(table is not None for table in tables):
            return None
        matrix = wcs.pixel_scale_matrix[[wcs.wcs.lng, wcs.wcs.lat]]
        origin = np.asarray(wcs.wcs.crpix, dtype=np.float64) - 1
        middle = wcs.wcs.p2s([origin + 1], 1)
        if middle["stat"].any():
            return None
        along = matrix[0] / 360
        start = float(middle["phi"][0] / 360 - along @ origin)
        ny, nx = shape
        corners = np.array([[-0.5, -0.5], [nx - 0.5, -0.5], [-0.5, ny - 0.5], [nx - 0.5, ny - 0.5]]) @ along + start
        room = _WIDEST_GAP * float(np.abs(along).sum())
        first, last = np.floor(corners.min() + 0.5 - room), np.floor(corners.max() + 0.5 + room)
        if not last - first <= _MOST_TURNS:
            raise ValueError(
                f"the image shows the sky {last - first:.3g} times side by side, and at most {_MOST_TURNS} times are "
                "possible: its pixels are too large, check CDELT or the CD matrix"
            )
        cube = code in _CUBES
        if first == last == 0 and not (cube and corners.min() < -0.125 + room):
            return None
        period = np.linalg.solve(matrix, [360.0, 0.0])
        gap = np.abs(np.abs(period) - [nx, ny])
        # The coordinates themselves have rounding errors, too.
        gap = np.where((gap < _WIDEST_GAP) & (np.abs(period[::-1]) < _WIDEST_GAP), gap + 1e-6, 0)
        numbers = sorted({0, *range(int(first), int(last) + 1)}, key=lambda k: (abs(k), k))
        overlap = bool(np.ptp(corners) > 1 + room) and not gap.any()
        return cls(period, np.array(numbers)[:, np.newaxis] * period, gap, overlap, along, start, origin, cube)

    def natural(self, x: Angles, y: Angles) -> tuple[Angles, Angles]:
        """The natural places that show the same positions as the given pixel coordinates."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        turn = x * self.along[0] + y * self.along[1] + self.start
        whole = np.round(turn)
        x, y = x - whole * self.period[0], y - whole * self.period[1]
        # wcslib rejects places that rounding has moved beyond 180 deg, even by a few units in the last place.
        edge = np.abs(turn - whole) > 0.5 - 1e-13
        if edge.any():
            x, y = (
                np.where(edge, o + (values - o) * (1 - 1e-14), values)
                for values, o in zip((x, y), self.origin, strict=True)
            )
        return x, y


def corner_vectors(grid: Grid, way: Way, *, margin: int = 0, rows: range | None = None) -> NDArray[np.float64]:
    """Unit vectors, in the frame of the mask, of the corners of an image's pixels and of `margin` pixels around it.

    The shape is (ny + 2 margin + 1, nx + 2 margin + 1, 3), with one row more than there are `rows` if these are given.
    Corners outside the projection are NaN.
    """
    ny, nx = grid.shape
    rows = range(-margin, ny + margin) if rows is None else rows
    columns, lines = np.arange(-margin, nx + margin + 1) - 0.5, np.arange(rows.start, rows.stop + 1) - 0.5
    vectors = np.empty((lines.size, columns.size, 3))
    # Some rows at a time: between two calls of wcslib, Python answers signals.
    step = max(1, _AT_ONCE // columns.size)
    for k in range(0, lines.size, step):
        x, y = np.meshgrid(columns, lines[k : k + step])
        vectors[k : k + step] = frames.unit_vectors(*way.turned(*grid.positions(grid.wcs, x, y)))
    return vectors


def order_for(grid: Grid, *, per_side: int = 2) -> int:
    """The coarsest order with at least `per_side` cells along a side of the smallest pixel, taking both as squares."""
    return int(np.clip(np.ceil(np.log2(np.sqrt(np.pi / 3) / (smallest_side(grid) / per_side)) - 1e-6), 0, 29))


def smallest_side(grid: Grid) -> float:
    """The side, in radians, of a square with the area of the smallest pixel.

    The smallest pixel is the smallest of 17 x 17 that are spread evenly over the image. Its area counts as at least a
    quarter of the area of the largest: pixels at the poles of cylindrical projections are arbitrarily small.
    """
    ny, nx = grid.shape
    x, y = np.meshgrid(np.linspace(0, nx - 1, min(nx, 17)).round(), np.linspace(0, ny - 1, min(ny, 17)).round())
    corners = []
    for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        corners.append(frames.unit_vectors(*grid.positions(grid.wcs, x + dx, y + dy)))
    a, b, c, d = corners
    area = 0.5 * np.linalg.norm(np.cross(c - a, d - b), axis=-1)
    area = area[np.isfinite(area) & (area > 0)]
    if not area.size:
        raise ValueError("wcs has no pixel that is fully inside the projection")
    return float(np.sqrt(max(area.min(), area.max() / 4)))


def celestial(wcs: WCS) -> WCS:
    """The celestial part of a WCS, or the WCS itself if it has two axes."""
    if wcs.naxis == 2:
        return wcs
    try:
        part = wcs.celestial
    except WcsError as error:
        raise ValueError(
            f"the celestial axes of wcs cannot be separated from the others{_ctypes(wcs)}: take a slice of it"
        ) from error
    if part.naxis != 2:
        raise ValueError(f"wcs must have a longitude and a latitude{_ctypes(wcs)}")
    return part


def _frame(frame: BaseCoordinateFrame | type[BaseCoordinateFrame], physical_type: str | None) -> BaseCoordinateFrame:
    """The frame of the longitude: that of astropy, unless astropy misinterprets a RADESYS in the header.

    RADESYS applies to equatorial and ecliptic axes only (Calabretta & Greisen 2002, A&A 395, 1077, section 3.1), but
    astropy 8 takes all axes of a header with RADESYS for equatorial ones.
    """
    kind = (physical_type or "").removeprefix("pos.").split(".")[0]
    if kind == "galactic":
        return Galactic()
    if isinstance(frame, type):
        # For a planet, astropy returns the class.
        frame = frame()
    if kind == "ecliptic" and "ecliptic" not in frame.name:
        raise ValueError("wcs is in ecliptic coordinates, for which astropy's FITS WCS has no frame")
    return frame


def _ctypes(wcs: Any) -> str:
    """The CTYPEs of a WCS for an error message."""
    return f" (CTYPE {', '.join(map(repr, wcs.wcs.ctype))})" if isinstance(wcs, WCS) else ""


def _units(units: Any) -> tuple[float, float]:
    """The units of longitude and latitude, in radians, from any form that SkyCoord accepts."""
    if isinstance(units, str):
        units = units.split(",")
    if isinstance(units, u.UnitBase):
        units = (units,)
    units = [u.Unit(unit) for unit in units]
    # Degrees are the default of the FITS standard.
    units = [u.deg if unit == u.dimensionless_unscaled else unit for unit in units]
    return float(units[0].to(u.rad)), float(units[-1].to(u.rad))


def image_shape(wcs: Any, shape: Any) -> tuple[int, int]:
    """The shape of an image: `shape` if it is given, or else that of the WCS."""
    if shape is None:
        known = wcs.array_shape
        # The header of an image may have more axes than its WCS.
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


# ---------------------------------------------------------------------- to the frame of the mask


@dataclass(frozen=True, slots=True)
class Way:
    """The transformation from one frame to another.

    Attributes
    ----------
    transformed, reverse : callable or None
        Transform longitudes and latitudes in radians, there and back, if the frames differ by more than a rotation.
    matrix : numpy.ndarray, shape (3, 3), or None
        Rotates unit vectors, if the frames differ by a rotation. All three are None for equal frames.
    """

    transformed: Callable[[Angles, Angles], tuple[Angles, Angles]] | None = None
    reverse: Callable[[Angles, Angles], tuple[Angles, Angles]] | None = None
    matrix: NDArray[np.float64] | None = None

    @classmethod
    def between(cls, frame: BaseCoordinateFrame, target: str) -> Way:
        """The transformation from the frame of a WCS to the frame of a mask, "icrs" or "galactic"."""
        if frame.name == target:
            return cls()
        if frame.name in frames.FRAMES or isinstance(frame, FK5):
            return cls(matrix=frames.rotation_of(frame, target))
        there = SkyCoord(0, 0, unit="deg", frame=target).frame
        if not frame.is_transformable_to(there):
            raise ValueError(f"astropy cannot transform the frame of wcs, {frame.name}, to {target}")
        return cls(
            transformed=partial(_transformed, frame, there.replicate_without_data()),
            reverse=partial(_transformed, there.replicate_without_data(), frame),
        )

    def turned(self, lon: Angles, lat: Angles) -> tuple[Angles, Angles]:
        """Longitudes and latitudes in the target frame, in radians."""
        if self.transformed is not None:
            return self.transformed(lon, lat)
        return (lon, lat) if self.matrix is None else _rotated(self.matrix, lon, lat)

    def back(self, lon: Angles, lat: Angles) -> tuple[Angles, Angles]:
        """Longitudes and latitudes in the frame of the WCS, in radians."""
        if self.reverse is not None:
            return self.reverse(lon, lat)
        return (lon, lat) if self.matrix is None else _rotated(self.matrix.T, lon, lat)


def _rotated(matrix: NDArray[np.float64], lon: Angles, lat: Angles) -> tuple[Angles, Angles]:
    """Rotate longitudes and latitudes in radians."""
    return frames.lonlat(frames.unit_vectors(lon, lat) @ matrix.T)


def _transformed(
    source: BaseCoordinateFrame, target: BaseCoordinateFrame, lon: Angles, lat: Angles
) -> tuple[Angles, Angles]:
    """Transform longitudes and latitudes in radians; those that are NaN stay NaN."""
    sky = np.isfinite(lon)
    position = UnitSphericalRepresentation(lon[sky] * u.rad, lat[sky] * u.rad)
    there = SkyCoord(position, frame=source).transform_to(target).spherical
    lon, lat = np.full(lon.shape, np.nan), np.full(lat.shape, np.nan)
    lon[sky], lat[sky] = there.lon.to_value(u.rad), there.lat.to_value(u.rad)
    return lon, lat
