"""The sky that is seen from a place on the Earth at some time: zones of altitude and azimuth, as astropy has them.

The way from ICRS to AltAz is a rotation, the aberration of light by the motions of the Earth and of the site, and the
bending of light by the Sun, of which `astropy.coordinates` takes care. Aberration is a Lorentz transformation, and
these map circles on the sphere to circles. A circle of equal altitude, or of an azimuth and the opposite one, is thus a
circle in ICRS too, but for the bending of light (4 mas at right angles to the Sun, 1.8 arcsec at its limb).

astropy therefore transforms some points of each circle, and a circle through them is fitted. The cells of discs with
these edges are known at once. Only cells with their centre in a narrow band along an edge are transformed one by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.coordinates.errors import UnknownSiteException
from astropy.time import Time
from astropy.utils import data, iers
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle, as_quantity, unmasked
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.words import shown
from hpmask.core.rangeset import RangeSet, from_starts_stops
from hpmask.core.value import MaskValue, new_mask
from hpmask.geometry import frames, healpix
from hpmask.regions.compounds import joined
from hpmask.regions.masks import mode_text
from hpmask.regions.order import order_of_shapes, resolved_order, warn_of_misses
from hpmask.regions.shapes import Combined, Disc, Shape, Zone, longitudes

__all__ = ["visible"]

How = Literal["any", "all"]
Vectors = NDArray[np.float64]

# Points of a circle that is fitted, and of the edges of its band.
_POINTS = 48
# The least half-width of a band, in radians: more than the Sun bends light, even through its middle.
_PAD = math.radians(10 / 3600)
# Circles of smaller radius, in radians, have their centre where that of all of them is: a fit would not find it.
_SMALL = math.radians(1)
# Cells that are transformed in one call.
_CHUNK = 1 << 17
# Cells along the edges of one time, which take 8 bytes each, and some microseconds.
_MOST = 1 << 27


def visible(
    site: EarthLocation | str,
    time: Any,
    *,
    min_altitude: u.Quantity | str | None = None,
    max_altitude: u.Quantity | str | None = None,
    max_airmass: float | None = None,
    azimuth: Any = None,
    how: How = "any",
    pressure: u.Quantity | str | None = None,
    temperature: u.Quantity | str | None = None,
    relative_humidity: float | None = None,
    obswl: u.Quantity | str | None = None,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
) -> MaskValue:
    """See `hpmask.Mask.visible`."""
    frame, mode = frames.check_frame(frame), check_mode(mode)
    if how not in ("any", "all"):
        raise ValueError(f"how must be 'any' or 'all', got {shown(how)}")
    limits = _Limits.of(min_altitude, max_altitude, max_airmass, azimuth)
    air = _air(pressure, temperature, relative_humidity, obswl)
    place, times = _place(site), _times(time)
    order, order_text = resolved_order(order, resolution, lambda: order_of_shapes([limits.zone], "zone"))
    planes = []
    # hpmask does not use the network by itself, and old predictions of the Earth's rotation are right to arcseconds.
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        for one in times:
            planes.append(_Sky(AltAz(obstime=one, location=place, **air), limits, frame).plane(order, mode))
    n_missed = sum(plane.is_empty for plane in planes) if limits.zone.sizes else 0
    inradius = min((size.inradius for size in limits.zone.sizes), default=0.0)
    warn_of_misses(n_missed, f"{len(planes)} zone{'' if len(planes) == 1 else 's'}", inradius, order, mode)
    plane = RangeSet.union_all(planes) if how == "any" else RangeSet.intersection_all(planes)
    first = f"{times[0].utc.strftime('%Y-%m-%d %H:%M:%S')} UTC"
    when = f"at {first}" if len(planes) == 1 else f"at {how} of {len(planes)} times from {first}"
    history = f"visible({limits.zone.summary}, {when}, {order_text}{mode_text(mode)})"
    return new_mask(plane.at_order(order), order=order, frame=frame, history=history)


# ---------------------------------------------------------------------- arguments


@dataclass(frozen=True)
class _Limits:
    """Altitudes and azimuths, in radians. `azimuth` is None for all of them."""

    low: float
    high: float
    azimuth: tuple[float, float] | None
    zone: Zone
    """The same in AltAz, for its size and its text."""

    @classmethod
    def of(cls, min_altitude: Any, max_altitude: Any, max_airmass: Any, azimuth: Any) -> _Limits:
        if max_airmass is not None:
            if min_altitude is not None:
                raise TypeError("min_altitude and max_airmass exclude each other: give one of them")
            low = math.degrees(math.asin(1 / _airmass(max_airmass)))
        else:
            low = 0.0 if min_altitude is None else _altitude(min_altitude, "min_altitude")
        high = 90.0 if max_altitude is None else _altitude(max_altitude, "max_altitude")
        if high < low:
            raise ValueError(f"max_altitude must be at least min_altitude, {low:.6g} deg, got {high:.6g} deg")
        turn = None if azimuth is None else longitudes(azimuth, "left", "azimuth")
        span = None if turn is None else (math.radians(turn[0]), math.radians(turn[1]))
        text = f"altitude {low:.6g} to {high:.6g} deg"
        if turn is not None:
            start, end = turn
            text = f"azimuth {start:.6g} to {end if start < end else end + 360:.6g} deg, {text}"
        latitudes = math.radians(low), math.radians(high)
        return cls(*latitudes, span, Zone(np.eye(3), span, latitudes, "left", text))

    def hold(self, altitude: NDArray[np.float64], azimuth: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which directions are within the limits; all angles in radians."""
        inside: NDArray[np.bool_] = (altitude >= self.low) & (altitude <= self.high)
        if self.azimuth is not None:
            start, end = self.azimuth
            inside &= (azimuth - start) % (2 * np.pi) < (end - start) % (2 * np.pi)
        return inside


def _altitude(value: Any, argument: str) -> float:
    """An altitude in degrees."""
    angle = as_angle(value, argument)
    if angle.ndim:
        raise ValueError(f"{argument} must be one angle, got an array of shape {angle.shape}")
    degrees = float(angle.to_value(u.deg))
    if not abs(degrees) <= 90 * (1 + 1e-12):
        raise ValueError(f"{argument} must be from -90 to 90 deg, got {value}")
    return min(max(degrees, -90.0), 90.0)


def _airmass(value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"max_airmass must be a number of at least 1, got {shown(value)}")
    if not value >= 1:
        raise ValueError(f"max_airmass must be at least 1, got {value}")
    return float(value)


def _place(site: Any) -> EarthLocation:
    if isinstance(site, str):
        try:
            # The list of sites is used if astropy has it, and is not downloaded.
            with data.conf.set_temp("allow_internet", False):
                return EarthLocation.of_site(site)
        except (UnknownSiteException, OSError) as error:
            raise ValueError(
                f"site {site!r} is not among the sites that astropy has on this machine: give an EarthLocation, "
                "such as EarthLocation.from_geodetic(lon, lat, height) or, with a network, "
                f"EarthLocation.of_site({site!r})"
            ) from error
    if not isinstance(site, EarthLocation):
        hint = (
            ", which has one: give its .location" if isinstance(getattr(site, "location", None), EarthLocation) else ""
        )
        raise TypeError(f"site must be an EarthLocation or its name, got {type(site).__name__}{hint}")
    if site.shape:
        raise ValueError(f"site must be one place, got an array of shape {site.shape}")
    return site


def _times(time: Any) -> Time:
    """Times of shape (n,)."""
    wanted = "time must be a Time or a text such as '2026-12-01 03:00'"
    if not isinstance(time, Time):
        if isinstance(time, float | int | np.number):
            raise TypeError(f"{wanted}, got {shown(time)}")
        try:
            time = Time(time)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{wanted}, got {shown(time)}") from error
    if not time.size:
        raise ValueError("time must have at least one time, got none")
    if time.masked:
        unmasked(np.ma.array(np.zeros(time.shape), mask=time.mask), "time")
        time = time.unmasked
    return time.ravel()


def _air(pressure: Any, temperature: Any, relative_humidity: Any, obswl: Any) -> Mapping[str, Any]:
    """The attributes of AltAz for refraction: none without a pressure."""
    others = {"temperature": temperature, "relative_humidity": relative_humidity, "obswl": obswl}
    given = {name: value for name, value in others.items() if value is not None}
    if pressure is None:
        if given:
            raise TypeError(f"{next(iter(given))} needs pressure: there is no refraction without it")
        return {}
    kinds: dict[str, tuple[str, str, u.UnitBase, Any]] = {
        "pressure": ("a pressure", "750 hPa", u.hPa, []),
        "temperature": ("a temperature", "10 deg_C", u.deg_C, u.temperature()),
        "obswl": ("a wavelength", "0.6 um", u.um, u.spectral()),
    }
    given["pressure"] = pressure
    for name, (what, example, unit, equivalencies) in kinds.items():
        if name in given:
            value = as_quantity(given[name], name, what, example)
            if value.ndim or not value.unit.is_equivalent(unit, equivalencies):
                raise ValueError(f"{name} must be {what} such as {example!r}, got {shown(given[name])}")
            given[name] = value.to(unit, equivalencies)
    return given


# ---------------------------------------------------------------------- circles


@dataclass(frozen=True)
class _Circle:
    """A circle on the sphere, in the frame of the mask, and how far from it cells are looked at one by one."""

    axis: Vectors
    radius: float
    pad: float

    def disc(self, more: float) -> Shape | None:
        """The disc in the circle, its radius larger by `more` pads; None if nothing is left of it."""
        radius = self.radius + more * self.pad
        lon, lat = frames.lonlat(self.axis)
        return None if radius < 0 else Disc(float(lon), float(lat), min(radius, math.pi))

    @property
    def band(self) -> Shape:
        """What is within the pad of the circle."""
        outer, inner = self.disc(1), self.disc(-1)
        assert outer is not None
        return outer if inner is None else Combined(outer, inner, "-", nested=True)

    def points(self, radius: float) -> Vectors:
        """Points of the circle of another radius around the same axis, shape (n, 3)."""
        east = np.cross(np.eye(3)[np.argmin(np.abs(self.axis))], self.axis)
        east /= np.linalg.norm(east)
        turn = np.linspace(0, 2 * np.pi, _POINTS, endpoint=False)[:, np.newaxis]
        around = np.cos(turn) * east + np.sin(turn) * np.cross(self.axis, east)
        return np.asarray(math.cos(radius) * self.axis + math.sin(radius) * around)


def _fitted(points: Vectors, axis: Vectors | None, towards: Vectors) -> _Circle:
    """The circle through points, shape (n, 3), around an axis or else around that of their plane.

    `towards` is a direction in the half of the sphere that the axis points to.
    """
    if axis is None:
        # The normal of the plane through the points.
        axis = np.linalg.svd(points - points.mean(axis=0))[2][2]
        axis = axis if axis @ towards > 0 else -axis
    # Better than the arccosine near the axis.
    away = np.arctan2(np.linalg.norm(np.cross(points, axis), axis=1), points @ axis)
    radius = float(away.mean())
    return _Circle(axis, radius, _PAD + 4 * float(np.abs(away - radius).max()))


class _Sky:
    """The sky of one time: an AltAz frame, and the limits as circles in the frame of a mask."""

    def __init__(self, altaz: AltAz, limits: _Limits, frame: str) -> None:
        self.altaz, self.limits, self.frame = altaz, limits, frame
        # Without refraction: it does not change azimuths.
        self.vacuum = AltAz(obstime=altaz.obstime, location=altaz.location)
        turn = np.linspace(0, 2 * np.pi, _POINTS, endpoint=False)
        self.zenith, north, east = self._vectors([np.pi / 2, 0, 0], [0, 0, np.pi / 2], self.vacuum)
        low = None if limits.low <= -np.pi / 2 else self._parallel(limits.low, turn)
        high = None if limits.high >= np.pi / 2 else self._parallel(limits.high, turn)
        self.low, self.high = low, high
        self.meridians: list[_Circle] = []
        for angle in limits.azimuth or ():
            # Up to the zenith, and down on the other side.
            folded = np.arcsin(np.sin(turn))
            points = self._vectors(folded, np.where(np.cos(turn) >= 0, angle, angle + np.pi), self.vacuum)
            self.meridians.append(_fitted(points, None, math.cos(angle) * east - math.sin(angle) * north))

    def _parallel(self, altitude: float, turn: NDArray[np.float64]) -> _Circle:
        """The circle of an altitude."""
        points = self._vectors(np.full(_POINTS, altitude), turn, self.altaz)
        small = abs(altitude) > np.pi / 2 - _SMALL
        circle = _fitted(points, self.zenith if small else None, self.zenith)
        # The way back from refracted altitudes is an approximation: a band has its edges on both sides of the altitude.
        while not self._parted(circle, altitude):
            circle = _Circle(circle.axis, circle.radius, 2 * circle.pad)
        return circle

    def _parted(self, circle: _Circle, altitude: float) -> bool:
        """Whether the sky on both sides of a band is on both sides of an altitude."""
        inner, outer = circle.radius - circle.pad, circle.radius + circle.pad
        points = np.concatenate([circle.points(max(inner, 0.0)), circle.points(min(outer, np.pi))])
        above = self._seen(*frames.lonlat(points))[0] >= altitude
        return (inner <= 0 or bool(above[:_POINTS].all())) and (outer >= np.pi or not above[_POINTS:].any())

    def _vectors(self, altitude: Any, azimuth: Any, altaz: AltAz) -> Vectors:
        """Unit vectors of directions of an AltAz frame, shape (n, 3)."""
        coord = SkyCoord(azimuth * u.rad, altitude * u.rad, frame=altaz)
        there = coord.transform_to(self.frame)
        return frames.unit_vectors(there.spherical.lon.rad, there.spherical.lat.rad)

    def _seen(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Altitudes and azimuths of positions in the frame of the mask; all angles in radians."""
        there = SkyCoord(lon * u.rad, lat * u.rad, frame=self.frame).transform_to(self.altaz)
        return there.alt.rad, there.az.rad

    def plane(self, order: int, mode: Mode) -> RangeSet:
        """The cells within the limits."""
        if mode == "center":
            self._check_order(order)
        region = self._region({"center": 0, "overlap": 1, "inside": -1}[mode])
        known = _cells(region, order, mode)
        if mode != "center":
            return known
        circles = [one for one in (self.low, self.high, *self.meridians) if one is not None]
        if not circles:
            return known
        near = RangeSet.union_all(_cells(circle.band, order, mode) for circle in circles)
        # Nothing beyond the pads is seen: of the circles of azimuth, this leaves the part between the altitudes.
        near = near & _cells(self._region(1), order, mode)
        cells = near.cells(order)
        inside = np.empty(cells.size, dtype=np.bool_)
        for start in range(0, cells.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            inside[part] = self.limits.hold(*self._seen(*healpix.centres(cells[part], order)))
        return known - near | RangeSet.from_cells(cells[inside], order)

    def _check_order(self, order: int) -> None:
        """Refuse an order at which the bands have too many cells to look at one by one."""
        circles = [one for one in (self.low, self.high, *self.meridians) if one is not None]
        # The part of the sphere in the zone between radius - pad and radius + pad.
        share = sum(
            (math.cos(max(one.radius - one.pad, 0.0)) - math.cos(min(one.radius + one.pad, math.pi))) / 2
            for one in circles
        )
        if share * (12 << 2 * order) > _MOST:
            finest = int(math.log2(_MOST / (12 * share)) / 2)
            raise ValueError(
                f"order must be at most {finest} here, got {order}: about {share * (12 << 2 * order):.1g} cells lie "
                "along the edges, each of which would be transformed to altitude and azimuth"
            )

    def _region(self, more: int) -> Shape | None:
        """The sky within the limits, grown by `more` pads; None if nothing is left of it."""
        region: Shape | None = Disc(0.0, 0.0, math.pi) if self.low is None else self.low.disc(more)
        if region is None:
            return None
        if self.high is not None:
            inner = self.high.disc(-more)
            region = region if inner is None else Combined(region, inner, "-")
        if self.limits.azimuth is not None:
            start, end = self.limits.azimuth
            first, last = self.meridians
            # East of the first meridian, and west of the last.
            last = _Circle(-last.axis, math.pi - last.radius, last.pad)
            halves = [half for half in (first.disc(more), last.disc(more)) if half is not None]
            turn = joined("&" if (end - start) % (2 * math.pi) < math.pi else "|", halves)
            region = Combined(region, turn, "&")
        return region


def _cells(region: Shape | None, order: int, mode: Mode) -> RangeSet:
    return RangeSet.empty(order) if region is None else from_starts_stops(*region.rasterize(order, mode), order)
