"""Plain NumPy referees for shapes on the sphere.

A region is a function ``g`` of unit vectors (..., 3): positive within, negative without, and changing no faster than
the point moves. The last makes the referee for cells strict: where a cell's edge has been sampled with a step h and
g < -h / 2 at each sample, no point of the edge is in the region. Formulas are other ones than hpmask's wherever there
is a choice, and the cells' geometry is that of astropy-healpix.
"""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy_healpix import core as ah

# Closer to a contact than this, both answers count as right.
TOLERANCE = 1e-9
# Segments of a cell's edge that are looked at; where that is not enough, both answers count as right.
MOST_SEGMENTS = 64


def vector(lon, lat):
    lon, lat = np.broadcast_arrays(np.asarray(lon, float), np.asarray(lat, float))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def lonlat(vectors):
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))


def angle_between(a, b):
    """Kahan's formula: precise at all angles."""
    return 2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))


def tangent_axes(lon, lat, angle):
    """Unit vectors to a place, and there along position angle + 90 deg and along the position angle."""
    center = vector(lon, lat)
    north = vector(lon, lat + np.pi / 2)
    east = vector(lon + np.pi / 2, 0)
    return center, np.cos(angle) * east - np.sin(angle) * north, np.cos(angle) * north + np.sin(angle) * east


# ---------------------------------------------------------------------- regions


def disc(lon, lat, radius):
    center = vector(lon, lat)
    return lambda p: radius - angle_between(p, center)


def ellipse(lon, lat, half_width, half_height, angle):
    """The cone (u / tan a)**2 + (w / tan b)**2 <= n**2, n > 0."""
    center, east, north = tangent_axes(lon, lat, angle)
    a, b = np.tan(half_width), np.tan(half_height)
    # n and the root are at right angles, with slopes of 1 and at most 1 / tan
    slope = np.hypot(1, 1 / min(a, b))

    def g(p):
        return (p @ center - np.hypot(p @ east / a, p @ north / b)) / slope

    return g


def rectangle(lon, lat, half_width, half_height, angle):
    """In the tangent plane |u| <= tan(half_width), |w| <= tan(half_height)."""
    center, east, north = tangent_axes(lon, lat, angle)

    def g(p):
        n, across, along = p @ center, np.abs(p @ east), np.abs(p @ north)
        return np.minimum(
            n * np.sin(half_width) - across * np.cos(half_width),
            n * np.sin(half_height) - along * np.cos(half_height),
        )

    return g


_SAME = np.eye(3)


def zone(lon, lat, to_zone=_SAME):
    """Between latitudes and from lon[0] eastwards to lon[1]; `to_zone` rotates points to the zone's frame."""
    low, high = lat

    def g(p):
        p = p @ np.asarray(to_zone).T
        height = np.arctan2(p[..., 2], np.hypot(p[..., 0], p[..., 1]))
        value = np.minimum(height - low, high - height)
        if lon is None:
            return value
        width = lon[1] - lon[0]
        # heights above the planes of both meridians
        first = p @ vector(lon[0] + np.pi / 2, 0)
        last = p @ vector(lon[1] - np.pi / 2, 0)
        return np.minimum(value, np.minimum(first, last) if width <= np.pi else np.maximum(first, last))

    return g


def rotation_to(source, target):
    axes = SkyCoord([0, 90, 0] * u.deg, [0, 0, 90] * u.deg, frame=source)
    return axes.transform_to(target).cartesian.xyz.value


def crossings(vertices, start, points):
    """How many edges of a closed outline the shorter arcs from `start` to the points cross.

    Arcs ab and cd cross iff a x c . b, c x b . d, b x d . a and d x a . c have one sign.
    """
    a = vertices
    b = np.roll(vertices, -1, axis=0)
    first = (np.cross(a, start) * b).sum(-1)
    count = np.zeros(len(points), int)
    for i in range(0, len(points), 4096):
        d = points[i : i + 4096, np.newaxis]
        second = (np.cross(start, b) * d).sum(-1)
        third = (np.cross(b, d) * a).sum(-1)
        fourth = (np.cross(d, a) * start).sum(-1)
        same = (first > 0) & (second > 0) & (third > 0) & (fourth > 0)
        same |= (first < 0) & (second < 0) & (third < 0) & (fourth < 0)
        count[i : i + 4096] = same.sum(axis=-1)
    return count


def outline_distance(vertices, points):
    """Distance of points, shape (n, 3), to the nearest of the great-circle edges."""
    a = vertices
    b = np.roll(vertices, -1, axis=0)
    normal = np.cross(a - b, a + b)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    nearest = np.empty(len(points))
    for i in range(0, len(points), 4096):
        p = points[i : i + 4096, np.newaxis]
        beside = ((np.cross(normal, a) * p).sum(-1) >= 0) & ((np.cross(b, normal) * p).sum(-1) >= 0)
        height = np.arcsin(np.minimum(np.abs((normal * p).sum(-1)), 1))
        ends = np.minimum(angle_between(a, p), angle_between(b, p))
        nearest[i : i + 4096] = np.where(beside, height, ends).min(axis=-1)
    return nearest


def polygon_near(center, rings):
    """Rings that lie less than 90 deg from a place, by the even-odd rule in the tangent plane: precise at all sizes.

    `rings` are unit vectors, shape (n, 3) each. Great circles are straight lines in that plane.
    """
    center, east, north = tangent_axes(*lonlat(center), 0.0)
    flat = [np.stack([ring @ east / (ring @ center), ring @ north / (ring @ center)], axis=-1) for ring in rings]

    def g(p):
        points = np.reshape(p, (-1, 3))
        height = points @ center
        near = np.where(height > 1e-9, height, 1.0)
        x, y = points @ east / near, points @ north / near
        odd = np.zeros(len(points), bool)
        distance = np.full(len(points), np.inf)
        for ring, vertices in zip(flat, rings, strict=True):
            for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                passes = (y0 > y) != (y1 > y)
                with np.errstate(divide="ignore", invalid="ignore"):
                    odd ^= passes & (x - x0 < (y - y0) * ((x1 - x0) / (y1 - y0)))
            distance = np.minimum(distance, outline_distance(vertices, points))
        return np.where(odd & (height > 1e-9), distance, -distance).reshape(np.shape(p)[:-1])

    return g


def sector(lon, lat, first, span):
    """Position angles from `first` to `first + span` around a place."""
    _, east, north = tangent_axes(lon, lat, 0.0)

    def beside(angle):
        # Normal of the plane through the place and along a position angle, towards larger angles.
        return np.cos(angle) * east - np.sin(angle) * north

    def g(p):
        after, before = p @ beside(first), -(p @ beside(first + span))
        return np.minimum(after, before) if span <= np.pi else np.maximum(after, before)

    return g


def path(vertices, half_width):
    """What is within `half_width` of the arcs from vertex to vertex (unit vectors)."""
    there_and_back = np.concatenate([vertices, vertices[-2:0:-1]])
    return lambda p: half_width - outline_distance(there_and_back, np.reshape(p, (-1, 3))).reshape(np.shape(p)[:-1])


def caps(axes, radii):
    """What some discs share; a negative radius is the sky outside the disc."""

    def g(p):
        least = np.inf
        for axis, radius in zip(axes, radii, strict=True):
            depth = abs(radius) - angle_between(p, axis)
            least = np.minimum(least, depth if radius > 0 else -depth)
        return least

    return g


def polygon(lon, lat, *, fraction=None):
    """Even-odd rule; the class of points that holds less of the sky is inside.

    `fraction`, if given, gets the part of the sky of that class appended.
    """
    vertices = vector(lon, lat)
    start = vector(0.7390851332, 0.4142135623)
    some = cell_points(np.arange(12 * 4**4), 4, 0.5, 0.5)
    odd = crossings(vertices, start, some) % 2 == 1
    odd_is_inside = odd.mean() < 0.5
    if fraction is not None:
        fraction.append(min(odd.mean(), 1 - odd.mean()))

    def g(p):
        flat = np.reshape(p, (-1, 3))
        inside = (crossings(vertices, start, flat) % 2 == 1) == odd_is_inside
        return (np.where(inside, 1, -1) * outline_distance(vertices, flat)).reshape(np.shape(p)[:-1])

    return g


# ---------------------------------------------------------------------- cells


def cell_points(cells, order, dx, dy):
    """Unit vectors of places in NESTED cells: dx, dy from 0 to 1."""
    lon, lat = ah.healpix_to_lonlat(np.asarray(cells, dtype=np.int64), 1 << order, dx=dx, dy=dy, order="nested")
    return vector(lon.to_value(u.rad), lat.to_value(u.rad))


def cell_of(vectors, order):
    lon, lat = lonlat(np.atleast_2d(vectors))
    return ah.lonlat_to_healpix(lon * u.rad, lat * u.rad, 1 << order, order="nested")


# An upper bound of the speed of a point as dx or dy runs from 0 to 1, times nside.
_SPEED = 1.7


@dataclass
class Truth:
    """The cells of a region: those that are certainly in and those that may be in, in each mode."""

    center: np.ndarray
    center_may: np.ndarray
    overlap: np.ndarray
    overlap_may: np.ndarray
    inside: np.ndarray
    inside_may: np.ndarray

    def faults(self, mode, found):
        """Numbers of cells that are missing, and of cells too many."""
        sure, may = getattr(self, mode), getattr(self, f"{mode}_may")
        return np.flatnonzero(sure & ~found), np.flatnonzero(found & ~may)


def truth(g, anchors, order, cells=None, *, tolerance=TOLERANCE):
    """Which cells have their centre in a region, meet it, lie in it.

    Parameters
    ----------
    g : callable
        The region.
    anchors : array, shape (n, 3)
        A point of each connected part of its outline: such a part that crosses no edge lies within one cell.
    order : int
    cells : array of int, optional
        The cells to judge, by default all.
    tolerance : float, optional
        Closer to a contact than this, in radians, both answers count as right in the modes "overlap" and "inside".
    """
    cells = np.arange(12 << (2 * order)) if cells is None else np.asarray(cells)
    at_centre = g(cell_points(cells, order, 0.5, 0.5))
    meets, meets_may = _any_on_edges(g, cells, order, at_centre, tolerance)
    leaves, leaves_may = _any_on_edges(lambda p: -g(p), cells, order, -at_centre, tolerance)
    # The outline touches the cell: closed shapes meet it, and it is not certain that they hold all of it.
    holds, holds_may = _hold_any(anchors, order, cells, tolerance)
    # Within 1e-14 of the edge a centre is on it.
    center, center_may = at_centre > 1.2e-14, at_centre >= -1.2e-14
    return Truth(
        center,
        center_may,
        meets | center | holds,
        meets_may | center_may | holds_may,
        ~(leaves_may | holds_may) & center,
        ~(leaves | holds) & center_may,
    )


def _hold_any(points, order, cells, tolerance):
    """Whether cells hold any of the points, certainly and perhaps."""
    sure = np.zeros(len(cells), bool)
    may = np.zeros(len(cells), bool)
    for point in points:
        x = np.cross(point, np.eye(3)[np.argmin(np.abs(point))])
        y = np.cross(point, x)
        around = [point + tolerance * step for step in (0 * x, x, -x, y, -y)]
        found = cell_of(np.array(around), order)
        may |= np.isin(cells, found)
        if np.unique(found).size == 1:
            sure |= cells == found[0]
    return sure, may


def _any_on_edges(g, cells, order, at_centre, tolerance):
    """Whether any point of each cell's edges is in g, certainly and perhaps."""
    nside = 1 << order
    sure = np.zeros(len(cells), bool)
    may = np.zeros(len(cells), bool)
    # The far ones are judged by their centres: no point of a cell is farther from it than 1.07 / nside.
    near = np.flatnonzero(np.abs(at_centre) <= 1.1 / nside)
    sure[at_centre > 1.1 / nside] = True
    may[at_centre > 1.1 / nside] = True
    steps = 8
    row = np.repeat(near, 4 * steps)
    edge = np.tile(np.repeat(np.arange(4), steps), near.size)
    part = np.tile((np.arange(steps) + 0.5) / steps, 4 * near.size)
    width = 1 / steps
    while row.size:
        value = g(_edge_points(cells[row], order, edge, part))
        sure[row[value > 1e-13]] = True
        reach = 0.5 * width * _SPEED / nside
        kept = (value + reach >= 0) & ~sure[row]
        row, edge, part, value = row[kept], edge[kept], part[kept], value[kept]
        if reach < tolerance:
            may[row] = True
            break
        # the best segments of each cell
        place = np.lexsort((-value, row))
        row, edge, part = row[place], edge[place], part[place]
        first = np.searchsorted(row, row)
        rank = np.arange(row.size) - first
        may[row[rank >= MOST_SEGMENTS]] = True
        kept = (rank < MOST_SEGMENTS) & ~may[row]
        row, edge, part = (np.repeat(some[kept], 2) for some in (row, edge, part))
        width /= 2
        part += np.tile([-0.5, 0.5], row.size // 2) * width
    return sure, may | sure


def _edge_points(cells, order, edge, part):
    dx = np.choose(edge, [part, np.ones_like(part), 1 - part, np.zeros_like(part)])
    dy = np.choose(edge, [np.zeros_like(part), part, np.ones_like(part), 1 - part])
    return cell_points(cells, order, dx, dy)
