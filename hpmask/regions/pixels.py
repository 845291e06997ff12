"""From the pixels of an image to the sky, for regions that are drawn on an image.

A region that is drawn on an image is the sky under its outline, whatever the projection does to it. The outline becomes
a spherical polygon whose edges leave it by at most 1e-4 of its size. A straight side in a tangential (gnomonic) image
is a great circle, and stays one edge.

There are three ways to count pixels: from 0 ("pixel": astropy, CASA), from 1 ("image": FITS, ds9), and as in the
original file from which an image was cut or binned ("physical": ds9, by the header keywords LTMi_j and LTVi).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import BaseCoordinateFrame, SkyCoord, UnitSphericalRepresentation
from numpy.typing import NDArray

from hpmask.geometry import frames

__all__ = ["PLANES", "Piece", "PixelFrame", "arc", "closed", "segment"]

Floats = NDArray[np.float64]
Piece = Callable[[Floats], Floats]
"""A curve: points of shape (n, 2) for n parameters from 0 to 1."""

PLANES = ("pixel", "image", "physical")

# How far an edge may be from the outline, in parts of the size of the outline; and how long it may be, in radians,
# because the shorter way between two distant points may not be that of the image.
_TOLERANCE = 1e-4
_LONGEST = 0.5
_MOST_EDGES = 4096

_STEP = 1e-5


@dataclass(frozen=True, slots=True)
class PixelFrame:
    """The sky under an image.

    Attributes
    ----------
    positions : callable
        Longitudes and latitudes in radians, ``positions(x, y)``, at pixel coordinates from 0. NaN outside the
        projection.
    pixels : callable
        The inverse, ``pixels(lon, lat)``.
    frame : `~astropy.coordinates.BaseCoordinateFrame`
        Frame of the positions.
    physical : numpy.ndarray, shape (2, 3), or None
        The matrix from physical coordinates (x, y, 1) to pixel coordinates from 0; None if it is not known.
    """

    positions: Callable[[Floats, Floats], tuple[Floats, Floats]]
    pixels: Callable[[Floats, Floats], tuple[Floats, Floats]]
    frame: BaseCoordinateFrame
    physical: Floats | None

    def _matrix(self, plane: str) -> Floats:
        """The matrix from a plane to pixels from 0."""
        if plane == "physical":
            if self.physical is None:
                raise ValueError(
                    "physical coordinates need the keywords LTMi_j and LTVi: give wcs as a header or a FITS file"
                )
            return self.physical
        shift = -1.0 if plane == "image" else 0.0
        return np.array([[1, 0, shift], [0, 1, shift]])

    def vectors(self, points: Floats, plane: str) -> Floats:
        """Unit vectors, in `frame`, of points in a plane; shapes (n, 3) and (n, 2)."""
        matrix = self._matrix(plane)
        x, y = (points @ matrix[:, :2].T + matrix[:, 2]).T
        found = frames.unit_vectors(*self.positions(x, y))
        bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if bad.size:
            x, y = points[bad[0]]
            raise ValueError(f"the image has no sky at x={x:.6g}, y={y:.6g}, where its outline or position is")
        return found

    def sky(self, points: Floats, plane: str) -> SkyCoord:
        """Positions of points in a plane, shape (n, 2)."""
        return self.coord(self.vectors(points, plane))

    def coord(self, vectors: Floats) -> SkyCoord:
        """Positions of unit vectors in `frame`."""
        lon, lat = frames.lonlat(vectors)
        return SkyCoord(self.frame.realize_frame(UnitSphericalRepresentation(lon * u.rad, lat * u.rad)))

    def points(self, coord: SkyCoord, plane: str) -> Floats:
        """Points in a plane at positions, shape (n, 2)."""
        there = coord.transform_to(self.frame).spherical
        x, y = self.pixels(there.lon.to_value(u.rad), there.lat.to_value(u.rad))
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError("the image does not show its position")
        matrix = self._matrix(plane)
        return np.asarray(np.linalg.solve(matrix[:, :2], np.stack([x, y]) - matrix[:, 2:]).T, dtype=np.float64)

    def position_angle(self, point: Floats, plane: str, angle: float) -> float:
        """The position angle of a direction at a point, in radians; `angle` is anticlockwise from the x axis."""
        step = 0.5 * np.array([np.cos(angle), np.sin(angle)])
        first, here, last = self.vectors(np.array([point - step, point, point + step]), plane)
        east = np.array([-here[1], here[0], 0.0])
        return float(np.arctan2((last - first) @ east, (last - first) @ np.cross(here, east)))

    def plane_angle(self, coord: SkyCoord, plane: str, position_angle: float) -> float:
        """The angle of a direction, anticlockwise from the x axis of a plane, in radians."""
        ends = coord.directional_offset_by([position_angle + np.pi, position_angle] * u.rad, _STEP * u.rad)
        (x1, y1), (x2, y2) = self.points(ends, plane)
        return float(np.arctan2(y2 - y1, x2 - x1))

    def outline(self, pieces: Sequence[Piece], plane: str) -> Floats:
        """Vertices, as unit vectors in `frame`, along the pieces of a curve; the last point is left out.

        Raises
        ------
        ValueError
            If a part of the curve is not on the sky.
        """
        coarse = np.concatenate([self.vectors(piece(np.linspace(0, 1, 5)), plane) for piece in pieces])
        limit = _TOLERANCE * float(np.linalg.norm(coarse - coarse.mean(axis=0), axis=1).max())
        return np.concatenate([self._followed(piece, plane, limit) for piece in pieces])

    def _followed(self, piece: Piece, plane: str, limit: float) -> Floats:
        """Points along a piece, without its end, so dense that their chords stay close to it."""
        n = 1
        while True:
            found = self.vectors(piece(np.linspace(0, 1, 4 * n + 1)), plane)
            ends = found[::4]
            normals = np.cross(ends[:-1], ends[1:])
            lengths = np.linalg.norm(normals, axis=1)
            inner = found[:-1].reshape(n, 4, 3)[:, 1:]
            away = np.linalg.norm(inner - ends[:-1, np.newaxis], axis=2)
            with np.errstate(invalid="ignore", divide="ignore"):
                apart = np.abs(np.einsum("ij,ikj->ik", normals, inner)) / lengths[:, np.newaxis]
            # A piece that begins and ends in one point has no chord.
            apart = np.where(lengths[:, np.newaxis] < 1e-14, away, apart)
            if n >= _MOST_EDGES or ((apart <= limit).all() and (away <= _LONGEST).all()):
                return ends[:-1]
            n *= 2


def segment(start: Floats, stop: Floats) -> Piece:
    """The straight line between two points."""
    return lambda t: start + t[:, np.newaxis] * (stop - start)


def arc(center: Floats, semi_axes: tuple[float, float], angle: float, start: float, stop: float) -> Piece:
    """A part of an ellipse; `angle` is that of its first axis, and the parameter runs from `start` to `stop`."""
    cosine, sine = np.cos(angle), np.sin(angle)

    def points(t: Floats) -> Floats:
        turn = start + t * (stop - start)
        x, y = semi_axes[0] * np.cos(turn), semi_axes[1] * np.sin(turn)
        return np.asarray(center + np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=1), dtype=np.float64)

    return points


def closed(vertices: Floats) -> tuple[Piece, ...]:
    """The sides of a polygon, shape (n, 2)."""
    return tuple(segment(a, b) for a, b in zip(vertices, np.roll(vertices, -1, axis=0), strict=True))
