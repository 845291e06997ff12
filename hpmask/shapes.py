"""Regions on the sphere. A shape knows its own geometry, and nothing of HEALPix or files.

Angles are radians in the frame of the mask that the shape is meant for. Every shape is closed: its edge belongs to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Combined", "Disc", "Ellipse", "Polygon", "Shape", "Zone"]


class Shape:
    """A region on the sphere."""

    def contains(self, vectors: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether unit vectors of shape (n, 3) lie in the shape."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Disc(Shape):
    """All points within `radius` (0 to pi) of a position: great-circle distance."""

    lon: float
    lat: float
    radius: float


@dataclass(frozen=True, slots=True)
class Ellipse(Shape):
    """A spherical ellipse.

    ``(u / tan half_width)**2 + (w / tan half_height)**2 <= n**2`` with n towards the centre, w along the height
    axis and u along the width axis; the same as a sum of distances to two foci. Half axes are true angles below pi/2.
    `angle` is the position angle of the height axis, from north through east.
    """

    lon: float
    lat: float
    half_width: float
    half_height: float
    angle: float


class Polygon(Shape):
    """A polygon with great-circle edges, convex or not, by the even-odd rule; the smaller side is inside."""

    def __init__(self, lon: Any, lat: Any) -> None:
        raise NotImplementedError

    @classmethod
    def rectangle(cls, lon: float, lat: float, half_width: float, half_height: float, angle: float) -> Polygon:
        """The rectangle whose sides are great circles, `half_width` and `half_height` (below pi/2) from its centre
        along its axes. `angle` is the position angle of the height axis, from north through east."""
        raise NotImplementedError


class Zone(Shape):
    """The sky between two longitudes and two latitudes of any frame."""

    @classmethod
    def from_angles(cls, lon: Any, lat: Any, *, zone_frame: str, frame: str) -> Zone:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Combined(Shape):
    """Two shapes joined by ``|``, ``&``, ``^`` or ``-``. An annulus is its outer shape - its inner one."""

    left: Shape
    right: Shape
    sign: Literal["|", "&", "^", "-"]
