"""Shapes that are made of others: unions as trees, lines with a width, and sectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hpmask.geometry import frames
from hpmask.regions.shapes import Combined, Disc, Polygon, Shape, Zone

__all__ = ["joined", "path", "sector", "wedge"]

Floats = NDArray[np.float64]

# A wedge is a polygon if what it cuts is below this radius, and else it is made of hemispheres.
_WIDE = math.radians(80)


def joined(sign: Literal["|", "&", "^"], shapes: Sequence[Shape]) -> Shape:
    """Shapes joined by a sign, as a tree of the least height."""
    while len(shapes) > 1:
        pairs: list[Shape] = [Combined(a, b, sign) for a, b in zip(shapes[::2], shapes[1::2], strict=False)]
        shapes = pairs + list(shapes[len(pairs) * 2 :])
    return shapes[0]


def path(lon: Floats, lat: Floats, half_width: float) -> Shape:
    """All points within `half_width` of the great-circle arcs from vertex to vertex.

    It is the union of the discs around the vertices, and of the zones along the arcs: in the frame whose equator is the
    arc's great circle, the points beside the arc are those between two meridians and two parallels.

    Parameters
    ----------
    lon, lat : numpy.ndarray of float, shape (n,)
        Vertices in radians, at least one. A vertex that repeats the one before it is left out.
    half_width : float
        Radians, above 0 and below pi/2.

    Raises
    ------
    ValueError
        If a vertex is opposite the one before it: there is no shortest arc.

    Examples
    --------
    >>> import numpy as np
    >>> from hpmask.regions.compounds import path
    >>> lines = path(np.array([0.0, 0.1, 0.1]), np.zeros(3), 0.01)
    >>> round(sum(size.area for size in lines.sizes), 6)  # two discs and a zone
    0.002628
    """
    vectors = frames.unit_vectors(lon, lat)
    keep = np.concatenate([[True], np.linalg.norm(np.diff(vectors, axis=0), axis=1) > 1e-14])
    vectors = vectors[keep]
    parts: list[Shape] = [Disc(float(x), float(y), half_width) for x, y in zip(lon[keep], lat[keep], strict=True)]
    for first, last in pairwise(vectors):
        if np.linalg.norm(first + last) < 1e-9:
            raise ValueError("two neighbouring vertices of a line are opposite each other on the sky")
        pole = np.cross(first, last)
        length = math.atan2(float(np.linalg.norm(pole)), float(first @ last))
        pole /= np.linalg.norm(pole)
        axes = np.array([first, np.cross(pole, first), pole])
        parts.append(Zone(axes, (0.0, length), (-half_width, half_width), "both", "along a line"))
    return joined("|", parts)


def wedge(lon: float, lat: float, first: float, span: float, reach: float) -> Shape:
    """The part of a disc of radius `reach` between two directions from its centre, and an unspecified part beyond.

    Parameters
    ----------
    lon, lat : float
        Its centre in radians.
    first : float
        Position angle of its first side in radians, from north through east.
    span : float
        The angle, in radians, from the first side through larger position angles; above 0 and below 2 pi.
    reach : float
        Radius in radians.
    """
    if reach > _WIDE:
        # The points whose position angle is less than pi above `first` are a hemisphere.
        left, right = (
            Disc(*_towards(lon, lat, angle, math.pi / 2), math.pi / 2)
            for angle in (first + math.pi / 2, first + span - math.pi / 2)
        )
        return Combined(left, right, "&" if span <= math.pi else "|")
    # In the tangent plane it is a fan of triangles, whose outer sides are beyond the disc.
    n = math.ceil(span / math.radians(60))
    far = math.atan(1.01 * math.tan(reach) / math.cos(span / n / 2))
    fan = [(lon, lat), *(_towards(lon, lat, first + span * k / n, far) for k in range(n + 1))]
    return Polygon(*np.array(fan).T)


def _towards(lon: float, lat: float, angle: float, distance: float) -> tuple[float, float]:
    """The position in a direction from another one."""
    x = math.cos(distance)
    y, z = math.sin(distance) * math.sin(angle), math.sin(distance) * math.cos(angle)
    x, z = x * math.cos(lat) - z * math.sin(lat), x * math.sin(lat) + z * math.cos(lat)
    return lon + math.atan2(y, x), math.atan2(z, math.hypot(x, y))


def sector(outer: Shape, inner: Shape | None, lon: float, lat: float, first: float, span: float, reach: float) -> Shape:
    """The part of a ring between two directions from its centre.

    `inner` is the hole of `outer`, which lies within `reach` of its centre at `lon` and `lat`. The other angles are
    those of `wedge`; a span of 2 pi is the whole ring.
    """
    ring = outer if inner is None else Combined(outer, inner, "-", nested=True)
    if span >= 2 * math.pi:
        return ring
    return Combined(ring, wedge(lon, lat, first, span, reach), "&")
