"""Rings on the sky, cut where a projection is cut: at the meridian opposite to its centre, or at a circle.

A ring that crosses the cut falls into runs. Each run ends on the border of the map, and is joined to the next one along
the border. There are two ways along it. All joints avoid one point of the border, and a turn along the whole border is
added if the set holds that point. The rings then are the boundary of the part of the set that is on the map, whichever
way the joints took: both are closed, equal inside the map, and equal at that point of the border.

Whether the set holds the point follows from the rings themselves: the set is on their left. Only where no ring crosses
the border, a look into the set has to tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpmask.geometry import frames

__all__ = ["Border", "CircleBorder", "FlatRings", "SeamBorder", "clipped", "whole"]

Floats = NDArray[np.float64]
Contains = Callable[[Floats], NDArray[np.bool_]]

# Points of the border are inside it by this angle in radians, so that rounding does not move them to the other side.
_INSIDE = 1e-9
# Steps along the border.
_STEP = np.radians(1.0)
# Vertices closer to a pole than this are at the pole.
_POLE = 1e-7


class FlatRings(NamedTuple):
    """Closed rings in native coordinates of a projection."""

    lon: Floats
    """Native longitudes of the points in radians, -pi to pi, ring by ring, shape (n_points,)."""
    lat: Floats
    """Native latitudes."""
    on_border: NDArray[np.bool_]
    """Whether the side from each point to the next one is on the border of the map."""
    offsets: NDArray[np.int64]
    """Ring k has the points ``offsets[k]`` to ``offsets[k + 1] - 1``, shape (n_rings + 1,)."""


class _Crossings(NamedTuple):
    """Sides that cross the border: their first points, and where on the border rings leave and enter (NaN: not)."""

    point: NDArray[np.intp]
    leaves: Floats
    enters: Floats


class Border:
    """The border of a map, whose points have parameters from 0 to 2 pi. The map is on its left."""

    def crossings(self, vectors: Floats, following: NDArray[np.intp]) -> _Crossings:
        """Where rings cross it."""
        raise NotImplementedError

    def holds(self, vectors: Floats) -> NDArray[np.bool_]:
        """Which points are on the map."""
        raise NotImplementedError

    def points(self, parameter: Floats) -> tuple[Floats, Floats]:
        """Native longitudes and latitudes of points of the border, slightly inside the map."""
        raise NotImplementedError


@dataclass(frozen=True)
class SeamBorder(Border):
    """The meridian of native longitude 180 deg, up on its eastern side and down on its western side."""

    def crossings(self, vectors: Floats, following: NDArray[np.intp]) -> _Crossings:
        x, y, z = vectors.T
        east = y >= 0
        point = np.flatnonzero(east != east[following])
        after = following[point]
        part = y[point] / (y[point] - y[after])
        there_x = x[point] + part * (x[after] - x[point])
        there_z = z[point] + part * (z[after] - z[point])
        chosen = there_x < 0
        point, lat = point[chosen], np.arctan2(there_z[chosen], -there_x[chosen])
        up, down = lat + np.pi / 2, 1.5 * np.pi - lat
        return _Crossings(point, np.where(east[point], up, down), np.where(east[point], down, up))

    def holds(self, vectors: Floats) -> NDArray[np.bool_]:
        return np.ones(len(vectors), dtype=np.bool_)

    def points(self, parameter: Floats) -> tuple[Floats, Floats]:
        up = parameter <= np.pi
        lat = np.where(up, parameter - np.pi / 2, 1.5 * np.pi - parameter)
        return np.where(up, np.pi - _INSIDE, _INSIDE - np.pi), lat


@dataclass(frozen=True)
class CircleBorder(Border):
    """A circle around the native pole, with the pole inside the map."""

    radius: float

    @property
    def _height(self) -> float:
        """The distance of the circle's plane from the centre of the sphere."""
        return float(np.cos(self.radius - _INSIDE))

    def crossings(self, vectors: Floats, following: NDArray[np.intp]) -> _Crossings:
        height = vectors[:, 2] - self._height
        inside = height > 0
        point = np.flatnonzero(inside != inside[following])
        after = following[point]
        part = (height[point] / (height[point] - height[after]))[:, np.newaxis]
        there = vectors[point] + part * (vectors[after] - vectors[point])
        parameter = np.arctan2(there[:, 1], there[:, 0]) % (2 * np.pi)
        leaving = inside[point]
        return _Crossings(point, np.where(leaving, parameter, np.nan), np.where(leaving, np.nan, parameter))

    def holds(self, vectors: Floats) -> NDArray[np.bool_]:
        return np.asarray(vectors[:, 2] > self._height)

    def points(self, parameter: Floats) -> tuple[Floats, Floats]:
        lon = (parameter + np.pi) % (2 * np.pi) - np.pi
        return lon, np.full(lon.shape, np.pi / 2 - self.radius + 2 * _INSIDE)


def whole(vectors: Floats, offsets: NDArray[np.int64]) -> FlatRings:
    """Rings that do not cross a border, in native coordinates, as flat rings."""
    return _at_poles(_angles(vectors), np.zeros(len(vectors), dtype=np.bool_), offsets)


def clipped(vectors: Floats, offsets: NDArray[np.int64], border: Border, contains: Contains) -> FlatRings:
    """The boundary of the part of a set that is on a map.

    Parameters
    ----------
    vectors : numpy.ndarray of float, shape (n_points, 3)
        Unit vectors of the points of all rings, in native coordinates, with the set on their left.
    offsets : numpy.ndarray of int, shape (n_rings + 1,)
        Ring k has the points ``offsets[k]`` to ``offsets[k + 1] - 1``.
    border : Border
        The border of the map.
    contains : callable
        Whether the set holds points, given as unit vectors.

    Returns
    -------
    FlatRings
    """
    counts = np.diff(offsets)
    ring = np.repeat(np.arange(counts.size), counts)
    following = np.arange(1, len(vectors) + 1)
    following[offsets[1:][counts > 0] - 1] = offsets[:-1][counts > 0]
    found = border.crossings(vectors, following)
    start, holds_start = _free_point(found, border, contains)
    crossed = np.zeros(counts.size, dtype=np.bool_)
    crossed[ring[found.point]] = True
    firsts = np.minimum(offsets[:-1], max(len(vectors) - 1, 0))
    stays = ~crossed & (border.holds(vectors[firsts]) if len(vectors) else False)
    kept = stays[ring] if ring.size else np.zeros(0, dtype=np.bool_)
    lon, lat = _angles(vectors)
    rings: list[tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.int64]]] = [
        (lon[kept], lat[kept], np.zeros(int(kept.sum()), dtype=np.bool_), counts[stays])
    ]
    bounds = np.searchsorted(found.point, offsets)
    for k in np.flatnonzero(crossed):
        events = slice(bounds[k], bounds[k + 1])
        points = _joined(found, events, int(offsets[k]), int(offsets[k + 1]), border, start, lon, lat)
        rings.append((*points, np.array([points[0].size])))
    if holds_start:
        there_lon, there_lat = _along(border, start, start + 2 * np.pi)
        rings.append((there_lon, there_lat, np.ones(there_lon.size, dtype=np.bool_), np.array([there_lon.size])))
    every = [np.concatenate(parts) for parts in zip(*rings, strict=True)]
    return _at_poles((every[0], every[1]), every[2], _offsets(every[3]))


def _free_point(found: _Crossings, border: Border, contains: Contains) -> tuple[float, bool]:
    """The parameter of a point of the border far from all crossings, and whether the set holds it."""
    out, into = found.leaves[np.isfinite(found.leaves)], found.enters[np.isfinite(found.enters)]
    place = np.concatenate([out, into])
    if not place.size:
        lon, lat = border.points(np.linspace(0, 2 * np.pi, 721)[:-1] + 0.0011)
        inside = contains(frames.unit_vectors(lon, lat))
        return 0.0011, bool(inside.mean() > 0.5)
    sequence = np.argsort(place, kind="stable")
    place = place[sequence]
    # Along the border, the set begins where a ring arrives from inside the map, and ends where a ring turns inwards.
    depth = np.cumsum(np.where(sequence < out.size, 1, -1))
    gap = np.diff(place, append=place[0] + 2 * np.pi)
    # Two values, one apart, but for crossings at the same place whose sequence rounding has changed.
    low = int(depth.min())
    lengths = np.bincount(depth - low, weights=gap)
    pairs = lengths[:-1] + lengths[1:] if lengths.size > 1 else lengths
    outside = low + int(np.argmax(pairs))
    widest = int(np.argmax(gap))
    return float((place[widest] + 0.5 * gap[widest]) % (2 * np.pi)), bool(depth[widest] > outside)


def _joined(
    found: _Crossings, events: slice, first: int, stop: int, border: Border, start: float, lon: Floats, lat: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A ring with all its runs joined along the border."""
    point, leaves, enters = found.point[events], found.leaves[events], found.enters[events]
    lons: list[Floats] = []
    lats: list[Floats] = []
    flags: list[NDArray[np.bool_]] = []

    def add(some_lon: Floats, some_lat: Floats, on_border: bool) -> None:
        lons.append(some_lon)
        lats.append(some_lat)
        flags.append(np.full(some_lon.size, on_border))

    n = point.size
    # Begin with a run that starts at the border.
    at = next(k for k in range(n) if np.isfinite(enters[k]))
    previous = None
    initial = enters[at]
    for step in range(n):
        k, after = (at + step) % n, (at + step + 1) % n
        if not np.isfinite(enters[k]):
            continue
        if previous is not None:
            add(*_along(border, *_way(previous, enters[k], start)), True)
        add(*border.points(enters[k : k + 1]), False)
        a, b = int(point[k]) + 1, int(point[after]) + 1
        places = np.arange(a, b) if after > k else np.concatenate([np.arange(a, stop), np.arange(first, b)])
        add(lon[places], lat[places], False)
        previous = leaves[after]
        add(*border.points(leaves[after : after + 1]), True)
    assert previous is not None
    add(*_along(border, *_way(previous, initial, start)), True)
    return np.concatenate(lons), np.concatenate(lats), np.concatenate(flags)


def _way(a: float, b: float, start: float) -> tuple[float, float]:
    """The two ends of the way from parameter a to b that does not pass `start`."""
    a, b = (a - start) % (2 * np.pi), (b - start) % (2 * np.pi)
    return start + a, start + b


def _along(border: Border, a: float, b: float) -> tuple[Floats, Floats]:
    """Points of the border from parameter a to b, without the ends. The corners at its poles are among them."""
    steps = np.linspace(a, b, max(2, int(np.ceil(abs(b - a) / _STEP)) + 1))[1:-1]
    low, high = min(a, b), max(a, b)
    corners = [k * np.pi + side for k in range(-1, 5) for side in (-1e-12, 1e-12)]
    inner = np.sort(np.concatenate([steps, [c for c in corners if low < c < high]]))
    return border.points((inner if a <= b else inner[::-1]) % (2 * np.pi))


def _angles(vectors: Floats) -> tuple[Floats, Floats]:
    """Native longitudes and latitudes. Points with y = 0 are on the eastern side, as in the crossings."""
    x, y, z = vectors.T
    lon = np.arctan2(y + 0.0, x)
    lon = np.where((y >= 0) & (lon < 0), -lon, lon)
    return np.clip(lon, _INSIDE - np.pi, np.pi - _INSIDE), np.arctan2(z, np.hypot(x, y))


def _at_poles(angles: tuple[Floats, Floats], on_border: NDArray[np.bool_], offsets: NDArray[np.int64]) -> FlatRings:
    """Rings with corners where they meet a pole, which may be a line on the map: along it, only the longitude changes.

    A vertex at a pole gets the longitude of its neighbour at the end of each side. A side that leads over a pole is
    divided there.
    """
    lon, lat = angles
    if not lon.size:
        return FlatRings(lon, lat, on_border, offsets)
    ring = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    following = np.arange(1, lon.size + 1)
    following[offsets[1:] - 1] = offsets[:-1]
    at_pole = np.abs(lat) > np.pi / 2 - _POLE
    next_pole = at_pole[following]
    # Sides within the map from a pole, to a pole, and over one.
    away = at_pole & ~next_pole & ~on_border
    towards = next_pole & ~at_pole & ~on_border
    over = ~at_pole & ~next_pole & ~on_border & _over_pole(lon, lat, following)
    pole = np.copysign(np.pi / 2, lat + np.where(at_pole, 0, lat[following]))
    # What follows each point: the side's own corner at the pole, then another one.
    points = np.arange(lon.size)
    rows = [(points, lon, lat, on_border | away | (at_pole & next_pole))]
    rows.append((points[away], lon[following[away]], pole[away], np.zeros(int(away.sum()), dtype=np.bool_)))
    rows.append((points[towards], lon[towards], pole[towards], np.ones(int(towards.sum()), dtype=np.bool_)))
    rows.append((points[over], lon[over], pole[over], np.ones(int(over.sum()), dtype=np.bool_)))
    rows.append((points[over], lon[following[over]], pole[over], np.zeros(int(over.sum()), dtype=np.bool_)))
    number, new_lon, new_lat, flags = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    sequence = np.argsort(number, kind="stable")
    counts = np.bincount(ring[number], minlength=offsets.size - 1)
    return FlatRings(new_lon[sequence], new_lat[sequence], flags[sequence], _offsets(counts))


def _over_pole(lon: Floats, lat: Floats, following: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which sides pass a pole so closely that their points cannot show it."""
    a, b = frames.unit_vectors(lon, lat), frames.unit_vectors(lon[following], lat[following])
    normal = np.cross(a, b)
    length = np.linalg.norm(normal, axis=1)
    opposite = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] < 0
    return np.asarray(opposite & (np.abs(normal[:, 2]) < _POLE * length))


def _offsets(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
