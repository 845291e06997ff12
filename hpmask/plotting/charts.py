"""Axes that show the sky: where their points are on the sky, and where positions are on them.

A chart joins axes and sky by the plane of its projection, whose coordinates a transformation of matplotlib takes to the
pixels of the screen. `chart_of` knows the axes of astropy (and so those of ligo.skymap), skyproj, healpy, and
matplotlib's own projections.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import BarycentricMeanEcliptic, BaseCoordinateFrame, SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from hpmask.core.positions import Positions
from hpmask.geometry import frames
from hpmask.wcs.grid import Grid, Way

__all__ = ["Chart", "Native", "chart_of", "is_skyproj", "needs_frame", "sky_axes"]

Floats = NDArray[np.float64]

# How far a place on a map of skyproj may be from the place of its position, in radii of the sphere.
_TIE = 1e-6
# Frames that differ from a rotation by less than this, in radians, are rotations.
_ROTATION = 1e-11
_ACCEPTED = (
    "ax must be a WCSAxes, such as plt.subplot(projection=wcs) or one of ligo.skymap; a map of skyproj or its axes; "
    "axes of healpy's mollview, gnomview, cartview, orthview, azeqview or projview; or axes with one of matplotlib's "
    "projections 'mollweide', 'hammer', 'aitoff' and 'lambert'"
)


class Native(NamedTuple):
    """The native coordinates of a projection, and where its map ends."""

    matrix: Floats
    """Rotation of unit vectors from the frame of the chart to native coordinates, shape (3, 3)."""
    radius: float | None
    """The map ends at this distance from the native pole, in radians; None for a seam at longitude 180 deg."""
    steps: Floats
    """The map stands at these distances from its place in the plane, too: shape (n, 2), with (0, 0) first."""


class Chart:
    """The sky on some axes.

    Attributes
    ----------
    frame : `~astropy.coordinates.BaseCoordinateFrame`
        Frame of the longitudes and latitudes.
    to_display : `matplotlib.transforms.Transform`
        From the plane of the projection to the pixels of the screen.
    key : object
        Charts with equal keys place the sky equally in the plane.
    """

    frame: BaseCoordinateFrame
    to_display: Any
    key: Any

    def sky(self, points: Floats) -> tuple[Floats, Floats]:
        """Longitudes and latitudes, in radians, of points of the plane of shape (n, 2). NaN outside the sky."""
        raise NotImplementedError

    def plane(self, lon: Floats, lat: Floats) -> Floats:
        """Points of the plane, shape (n, 2), of longitudes and latitudes in radians. NaN where there is none."""
        raise NotImplementedError

    def native(self) -> Native | str:
        """The native coordinates of the projection, or the reason why its map cannot be cut along lines."""
        raise NotImplementedError

    def positions(self, lon: Floats, lat: Floats, frame: str) -> Positions:
        """Positions of the chart, finite ones, for look-ups in masks of a frame."""
        way = self.way_to(frame)
        if way.transformed is not None:
            return Positions.of_angles(*way.transformed(lon, lat))
        return Positions.of_angles(lon, lat, matrix=way.matrix)

    def way_to(self, frame: str) -> Way:
        """The transformation from the frame of the chart to a frame of masks."""
        way = Way.between(self.frame, frame)
        if way.transformed is None:
            return way
        # astropy's general way is slow. Mean ecliptic coordinates, for one, differ by a rotation only.
        axes = np.concatenate([np.eye(3), [[0.6, -0.64, 0.48], [-0.48, 0.6, 0.64]]])
        there = frames.unit_vectors(*way.transformed(*frames.lonlat(axes)))
        matrix = there[:3].T
        exact = np.abs(matrix @ matrix.T - np.eye(3)).max() < _ROTATION
        if exact and np.abs(axes @ matrix.T - there).max() < _ROTATION:
            return Way(matrix=np.ascontiguousarray(matrix))
        return way


# FITS projections whose map ends at native longitude +-180 deg, or at a distance (in radians) from the native pole.
_SEAM = ("CYP", "CEA", "CAR", "SFL", "PAR", "MOL", "AIT", "COE", "COD", "BON", "PCO")
_CIRCLE = {
    "TAN": np.radians(85),
    "SIN": np.radians(90),
    "STG": np.radians(170),
    "ARC": np.radians(180) - 1e-4,
    "ZEA": np.radians(180) - 1e-4,
}


class WcsChart(Chart):
    """WCSAxes with a WCS of their own."""

    def __init__(self, ax: Any, pixel_to_world: Any) -> None:
        shape = getattr(ax.wcs, "array_shape", None)
        if shape is None or len(shape) != 2 or not all(shape):
            # Axes that begin at pixel 0 show an image. Others may show a map with empty space around it.
            limits = np.array([ax.get_ylim(), ax.get_xlim()])
            corners = limits.max(axis=1) if limits.min() > -1 else np.ones(2)
            shape = tuple(int(max(1, min(n, 1 << 30))) for n in np.ceil(corners + 0.5))
        self._grid = Grid.of(pixel_to_world.wcs, shape)
        self._swapped = bool(pixel_to_world.invert_xy)
        self.frame = self._grid.frame
        self.to_display = ax.transData
        self.key = (pixel_to_world.wcs, self._swapped, shape)

    def native(self) -> Native | str:
        wcs = self._grid.wcs
        if not isinstance(wcs, WCS):
            return "its WCS is not one of FITS"
        if any(part is not None for part in (wcs.sip, wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
            return "its WCS has distortions"
        name = str(wcs.wcs.ctype[wcs.wcs.lng])[5:8]
        plain = all(value == 0 for axis, _, value in wcs.wcs.get_pv() if axis == wcs.wcs.lat + 1)
        if name not in _SEAM and not (name in _CIRCLE and plain):
            return f"the projection {name} is cut in a way of its own"
        # The rotation is the same everywhere: it is measured at a few points around CRPIX.
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        places = np.degrees(0.3) * np.stack([np.cos(angle), np.sin(angle)])
        matrix = wcs.pixel_scale_matrix[[wcs.wcs.lng, wcs.wcs.lat]]
        found = wcs.wcs.p2s(np.ascontiguousarray(np.linalg.solve(matrix, places).T + wcs.wcs.crpix), 1)
        if np.any(found["stat"]):
            return "its WCS shows too little of the sky around CRPIX"
        world = frames.unit_vectors(*np.radians(found["world"].T[[wcs.wcs.lng, wcs.wcs.lat]]))
        there = frames.unit_vectors(*np.radians([found["phi"], found["theta"]]))
        left, _, right = np.linalg.svd(there.T @ world)
        steps = np.zeros((1, 2)) if self._grid.turns is None else self._grid.turns.steps
        if self._swapped:
            steps = np.ascontiguousarray(steps[:, ::-1])
        return Native(left @ right, _CIRCLE.get(name), steps)

    def sky(self, points: Floats) -> tuple[Floats, Floats]:
        x, y = points.T[::-1] if self._swapped else points.T
        return self._grid.positions(self._grid.wcs, x, y)

    def plane(self, lon: Floats, lat: Floats) -> Floats:
        places = np.stack(self._grid.pixels(self._grid.wcs, lon, lat), axis=-1)
        return np.ascontiguousarray(places[:, ::-1]) if self._swapped else places


class TransformChart(Chart):
    """WCSAxes that were made with a transformation in place of a WCS."""

    def __init__(self, ax: Any, frame: str) -> None:
        self._inverse = ax.get_transform(frame) - ax.transData
        self._forward = self._inverse.inverted()
        self.frame = _named(frame)
        self.to_display = ax.transData
        self.key = (id(ax), frame)

    def sky(self, points: Floats) -> tuple[Floats, Floats]:
        lon, lat = np.radians(self._forward.transform(points)).T
        return _where(lon, lat, np.isfinite(lon) & (np.abs(lat) <= np.pi / 2 + 1e-12))

    def plane(self, lon: Floats, lat: Floats) -> Floats:
        return np.asarray(self._inverse.transform(np.degrees(np.stack([lon, lat], axis=-1))))

    def native(self) -> Native | str:
        return "it was made with a transformation in place of a WCS"


def _around(lon: float, lat: float, radius: float) -> Native:
    """The native coordinates of a map that ends at a distance from its centre. All angles in radians."""
    pole = frames.unit_vectors(lon, lat)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    return Native(np.array([east, np.cross(pole, east), pole]), radius, np.zeros((1, 2)))


def _turned(lon: float) -> Native:
    """The native coordinates of a map with a seam, whose middle has a longitude in radians."""
    cos, sin = np.cos(lon), np.sin(lon)
    return Native(np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]), None, np.zeros((1, 2)))


class SkyprojChart(Chart):
    """Axes of skyproj."""

    def __init__(self, ax: Any, frame: str) -> None:
        self.projection = ax.projection
        self.frame = _named(frame)
        self.to_display = ax.transData
        self.key = (ax.projection, frame)

    def sky(self, points: Floats) -> tuple[Floats, Floats]:
        lon, lat = self.projection.transform_points(*points.T, inverse=True).T
        # Outside the map, skyproj gives positions of other points, or numbers that are none.
        sky = np.isfinite(lon) & (np.abs(lat) <= 90)
        back = self.projection.transform_points(np.where(sky, lon, 0.0), np.where(sky, lat, 0.0))
        sky &= np.hypot(*(back - points).T) <= _TIE * self.projection.radius
        return _where(np.radians(lon), np.radians(lat), sky)

    def plane(self, lon: Floats, lat: Floats) -> Floats:
        return np.asarray(self.projection.transform_points(np.degrees(lon), np.degrees(lat)))

    def native(self) -> Native | str:
        lon, lat = (np.radians(self.projection.lon_0), np.radians(self.projection.lat_0 or 0.0))
        if self.projection.name in ("cyl", "moll", "eqearth", "mbtfpq", "hammer"):
            return _turned(lon)
        if self.projection.name == "laea":
            return _around(lon, lat, np.radians(179.9))
        if self.projection.name == "gnom":
            return _around(lon, lat, np.radians(85))
        return f"the projection {self.projection.name} is cut in a way of its own"


# The letters of healpy's coordinate systems.
_HEALPY = {"C": "icrs", "G": "galactic", "E": "ecliptic"}


class HealpyChart(Chart):
    """Axes of mollview, gnomview, cartview, orthview and azeqview of healpy."""

    def __init__(self, ax: Any, frame: str) -> None:
        self.projection = ax.proj
        self.frame = _named(_HEALPY.get(ax.proj.coordsys, frame))
        self.to_display = ax.transData
        self.key = (ax.proj, self.frame.name)

    def sky(self, points: Floats) -> tuple[Floats, Floats]:
        x, y = (np.ascontiguousarray(values) for values in points.T)
        with np.errstate(invalid="ignore"):
            lon, lat = frames.lonlat(np.stack(self.projection.xy2vec(x, y), axis=-1))
        sky = np.isfinite(lon) & np.isfinite(lat)
        if self.projection.name == "Cartesian":
            # Beyond these limits, the map would begin anew.
            sky &= (np.abs(x) <= 180) & (np.abs(y) <= 90)
        return _where(lon, lat, sky)

    def plane(self, lon: Floats, lat: Floats) -> Floats:
        vectors = frames.unit_vectors(lon, lat).T
        return np.stack([np.asarray(values, dtype=np.float64) for values in self.projection.vec2xy(vectors)], axis=-1)

    def native(self) -> Native | str:
        matrix = np.array([np.asarray(part) for part in self.projection.rotator(np.eye(3))])
        if self.projection.name in ("Mollweide", "Cartesian"):
            return Native(matrix, None, np.zeros((1, 2)))
        if self.projection.name == "Gnomonic":
            # The centre of this map is the first axis.
            return Native(matrix[[1, 2, 0]], np.radians(85), np.zeros((1, 2)))
        return f"healpy's projection {self.projection.name} is cut in a way of its own"


class GeoChart(Chart):
    """Axes with one of matplotlib's projections, in radians; those of healpy's projview have -longitude."""

    def __init__(self, ax: Any, frame: str) -> None:
        from matplotlib.projections.geo import GeoAxes

        self._sign = -1.0 if getattr(ax, "healpy_flip", None) == "astro" else 1.0
        self._name = ax.name if isinstance(ax, GeoAxes) else "plain"
        self._projection: Any = None if self._name == "plain" else ax.transProjection
        self.frame = _named(frame)
        self.to_display = ax.transData if self._projection is None else ax.transAffine + ax.transAxes
        self.key = (self._name, self._sign, frame)

    def sky(self, points: Floats) -> tuple[Floats, Floats]:
        if self._name == "aitoff":
            # matplotlib has no inverse of this one: half of an equidistant azimuthal map, with half longitudes.
            x, y = points.T
            angle = np.hypot(x, y)
            ratio = np.sinc(angle / np.pi)
            lat = np.arcsin(np.clip(y * ratio, -1, 1))
            lon = 2 * np.arctan2(x * ratio, np.cos(angle))
            return _where(self._sign * lon, lat, angle <= np.pi / 2)
        if self._name == "lambert":
            return self._lambert(points)
        with np.errstate(invalid="ignore", divide="ignore"):
            inner = points if self._projection is None else self._projection.inverted().transform(points)
        lon, lat = np.array(inner, dtype=np.float64).T
        sky = np.isfinite(lon) & (np.abs(lat) <= np.pi / 2) & (np.abs(lon) <= np.pi + 1e-12)
        if self._name == "hammer":
            # Outside the ellipse, the inverse gives positions of other points.
            sky &= points[:, 0] ** 2 / 8 + points[:, 1] ** 2 / 2 <= 1
        return _where(self._sign * lon, lat, sky)

    def _lambert(self, points: Floats) -> tuple[Floats, Floats]:
        """The inverse of an equal-area azimuthal map. That of matplotlib knows only half of the sky."""
        assert self._projection is not None
        middle = self._projection.inverted().transform(np.array([[1e-12, 0.0]]))[0]
        distance = np.hypot(*points.T)
        sky = distance <= 2
        height = 1 - 0.5 * distance**2
        across = np.sqrt(np.clip(1 - 0.25 * distance**2, 0, None))[:, np.newaxis] * points
        native = _around(middle[0], middle[1], np.pi).matrix
        lon, lat = frames.lonlat(np.stack([*across.T, height], axis=-1) @ native)
        return _where(self._sign * lon, lat, sky)

    def plane(self, lon: Floats, lat: Floats) -> Floats:
        lon = self._sign * lon
        lon = np.where(np.abs(lon) > np.pi, (lon + np.pi) % (2 * np.pi) - np.pi, lon)
        inner = np.stack([lon, lat], axis=-1)
        return inner if self._projection is None else np.asarray(self._projection.transform(inner))

    def native(self) -> Native | str:
        if self._name != "lambert":
            return _turned(0.0)
        lon, lat = self.sky(np.zeros((1, 2)))
        return _around(float(lon[0]), float(lat[0]), np.radians(179.9))


def chart_of(ax: Any, frame: str) -> Chart:
    """The chart of some axes.

    Parameters
    ----------
    ax : matplotlib axes
        Axes, or a map of skyproj.
    frame : str
        The frame of axes that do not know theirs: "icrs", "galactic" or "ecliptic".

    Raises
    ------
    TypeError
        If they do not show the sky. The message lists what is accepted.
    """
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.axes import Axes
    from matplotlib.projections.geo import GeoAxes

    ax = sky_axes(ax)
    if isinstance(ax, WCSAxes):
        to_world = (ax.get_transform("world") - ax.transData).inverted()
        if hasattr(to_world, "wcs") and hasattr(to_world, "invert_xy"):
            return WcsChart(ax, to_world)
        return TransformChart(ax, frame if frame in frames.FRAMES else "icrs")
    if is_skyproj(ax):
        return SkyprojChart(ax, frame)
    if _is_healpy(ax):
        return HealpyChart(ax, frame)
    if isinstance(ax, GeoAxes) or (isinstance(ax, Axes) and hasattr(ax, "healpy_flip")):
        return GeoChart(ax, frame)
    raise TypeError(f"{_ACCEPTED}; got {type(ax).__name__}")


def needs_frame(ax: Any) -> bool:
    """Whether axes that show the sky do not know the frame of their longitudes and latitudes."""
    from matplotlib.projections.geo import GeoAxes

    if _is_healpy(ax):
        return ax.proj.coordsys not in _HEALPY
    return is_skyproj(ax) or isinstance(ax, GeoAxes) or hasattr(ax, "healpy_flip")


def is_skyproj(ax: Any) -> bool:
    """Whether these are axes of skyproj."""
    # Without an import: there are no such axes before skyproj is imported.
    module = sys.modules.get("skyproj")
    return module is not None and isinstance(ax, module.SkyAxes)


def _is_healpy(ax: Any) -> bool:
    module = sys.modules.get("healpy.projaxes")
    return module is not None and isinstance(ax, module.SphericalProjAxes)


def sky_axes(ax: Any) -> Any:
    """The axes of a map of skyproj. Other axes are returned as they are."""
    inner = getattr(ax, "ax", None)
    return inner if is_skyproj(inner) else ax


def _named(frame: str) -> BaseCoordinateFrame:
    if frame.lower() in ("ecliptic", "barycentricmeanecliptic"):
        return BarycentricMeanEcliptic()
    return SkyCoord(0 * u.deg, 0 * u.deg, frame=frames.check_frame(frame)).frame.replicate_without_data()


def _where(lon: Floats, lat: Floats, sky: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    return np.where(sky, lon, np.nan), np.where(sky, lat, np.nan)
