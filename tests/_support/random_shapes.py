"""Random shapes of all kinds with their referees, at places and of sizes that are hard: see `draw`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shape_oracles as oracle
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask, Shapes
from hpmask.regions import compounds
from hpmask.regions.caps import cap_polygons
from hpmask.regions.rasterize import shapes_plane
from hpmask.regions.shapes import Combined, Disc, Ellipse, Polygon

PI = np.pi
Referee = Callable[[Any], Any]
SIZES = np.radians([0.0, 1e-9, 30.0, 41.810314895778596, 60.0, 89.9999999, 90.0, 120.0, 179.9999, 180.0])
KINDS = ("cone", "tie", "annulus", "ellipse", "box", "star", "crossing", "holes", "larger", "zone")
COMPOUNDS = ("path", "caps", "sector", "compound")


@dataclass
class Drawn:
    """A shape or some of one kind."""

    kind: str
    make: Callable[..., Mask]
    """The mask of it, by order, mode and n_threads."""
    parts: list[tuple[Referee, list[Any]]]
    """For each shape, its referee and a point of each part of its outline."""
    center: Any
    """Place of the first one, as unit vector."""
    size: float
    """About how large it is, in radians."""
    text: str
    shapes: Callable[[], Shapes] | None = None
    """The same as `Shapes`, of the kinds that are made from centres and sizes."""

    def outline(self, rng: np.random.Generator, n: int) -> Any:
        """About n places on the edge of the first shape, by bisection between points inside and outside."""
        g = self.parts[0][0]
        reach = min(1.5 * self.size, PI)
        around = points_around(rng, self.center, reach * rng.random(40 * n))
        values = g(around)
        inside, outside = around[values > 0], around[values <= 0]
        if not len(inside) or not len(outside):
            return np.empty((0, 3))
        a, b = inside[rng.integers(len(inside), size=n)], outside[rng.integers(len(outside), size=n)]
        for _ in range(60):
            middle = a + b
            middle /= np.linalg.norm(middle, axis=1, keepdims=True)
            held = (g(middle) > 0)[:, np.newaxis]
            a, b = np.where(held, middle, a), np.where(held, b, middle)
        return a


def points_around(rng: np.random.Generator, center: Any, distance: Any) -> Any:
    """Points at some distances from a place, in random directions."""
    return moved(center, rng.uniform(0, 2 * PI, np.size(distance)), distance)


def moved(center: Any, turn: Any, distance: Any) -> Any:
    """The points at position angles and distances from a place."""
    center, east, north = oracle.tangent_axes(*oracle.lonlat(center), 0.0)
    turn, distance = (some[:, np.newaxis] for some in np.broadcast_arrays(np.atleast_1d(turn), np.atleast_1d(distance)))
    return np.cos(distance) * center + np.sin(distance) * (np.cos(turn) * north + np.sin(turn) * east)


def place(rng: np.random.Generator) -> tuple[float, float]:
    """A longitude and a latitude: anywhere, at and near the poles, seams and the equator, at places of cells."""
    kind = rng.integers(0, 8)
    lon, lat = rng.uniform(0, 2 * PI), float(np.arcsin(rng.uniform(-1, 1)))
    sign = rng.choice([-1, 1])
    if kind == 0:
        lat = sign * PI / 2
    elif kind == 1:
        lat = sign * (PI / 2 - 10 ** rng.uniform(-12, -0.5))
    elif kind == 2:
        # Seams of base cells, and longitudes of 0 and 360 deg.
        lon = rng.integers(0, 9) * PI / 4 + rng.choice([0, 0, 1e-15, 1e-12, 1e-6])
        lat = rng.choice([lat, 0.0, sign * np.arcsin(2 / 3)])
    elif kind == 3:
        lat = sign * rng.choice([0, 1e-15, 1e-9, 1e-3])
    elif kind in (4, 5):
        # Centres, corners and edges of cells, and their antipodes.
        order = int(rng.integers(0, 9))
        dx, dy = rng.choice([0.0, 0.5, 1.0, rng.random()], 2)
        point = sign * oracle.cell_points([rng.integers(0, 12 << (2 * order))], order, dx, dy)[0]
        lon, lat = (float(angle) for angle in oracle.lonlat(point))
    return float(lon % (2 * PI)), float(lat)


def size(rng: np.random.Generator, order: int, *, largest: float, smallest: float = 0.0, cells: float = 30.0) -> float:
    """From 1e-9 deg to the whole sky; half of them are from a hundredth of a cell to `cells` cells."""
    kind = rng.random()
    if kind < 0.5:
        angle = 10 ** rng.uniform(-2, np.log10(cells)) / (1 << order)
    elif kind < 0.7:
        angle = 10 ** rng.uniform(np.log10(np.radians(1e-9)), 0)
    elif kind < 0.9:
        angle = rng.uniform(0, PI)
    else:
        angle = rng.choice(SIZES)
    return float(np.clip(angle, smallest, largest))


def sky(lon: Any, lat: Any) -> SkyCoord:
    return SkyCoord(np.asarray(lon) * u.rad, np.asarray(lat) * u.rad)


def in_frame(g: Referee, frame: str) -> Referee:
    """The referee of a shape in ICRS for points of a frame."""
    if frame == "icrs":
        return g
    matrix = oracle.rotation_to("icrs", frame)
    return lambda p: g(p @ matrix)


def draw(rng: np.random.Generator, order: int, *, kinds: tuple[str, ...] = KINDS, most_cells: float = np.inf) -> Drawn:
    """A random shape, or up to three of one kind.

    Parameters
    ----------
    order : int
        The order that sizes are chosen for.
    kinds : tuple of str, optional
        The kinds to choose from, of KINDS and COMPOUNDS.
    most_cells : float, optional
        The largest size, in cells.
    """
    kind = str(rng.choice(kinds))
    n = 1 if kind in ("zone", "tie", "larger") or kind in COMPOUNDS else int(rng.integers(1, 4))
    frame = str(rng.choice(["icrs", "icrs", "galactic"]))
    limit = min(most_cells / (1 << order), PI)
    rows = [place(rng) for _ in range(n)]
    drawn = _DRAWERS[kind](rng, order, np.array(rows), limit, frame)
    matrix = oracle.rotation_to("icrs", frame)
    if kind not in COMPOUNDS:
        drawn.parts = [(in_frame(g, frame), [matrix @ point for point in anchors]) for g, anchors in drawn.parts]
        drawn.center = matrix @ drawn.center
        drawn.text += f", frame={frame!r}"
    return drawn


def _of_arrays(kind: str, name: str, frame: str, rows: Any, arrays: tuple[Any, ...], parts: Any, size: float) -> Drawn:
    """Shapes of a constructor that takes centres and angles in radians."""
    angles = [np.asarray(some) * u.rad for some in arrays]
    center = sky(*rows.T)

    def make(order: int, mode: str, n_threads: int) -> Mask:
        make_ = getattr(Mask, name)
        return make_(center, *angles, order=order, mode=mode, frame=frame, n_threads=n_threads)

    text = f"{name}(rad: {rows.tolist()}, {', '.join(str(np.asarray(some).tolist()) for some in arrays)})"
    shapes = getattr(Shapes, name.removeprefix("from_"))
    return Drawn(kind, make, parts, oracle.vector(*rows[0]), size, text, lambda: shapes(center, *angles))


def _cone(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    radius = [size(rng, order, largest=limit) for _ in rows]
    parts = [
        (oracle.disc(*row, r), [oracle.vector(row[0], row[1] + r)] if r < PI else [])
        for row, r in zip(rows, radius, strict=True)
    ]
    return _of_arrays("cone", "from_cones", frame, rows, (radius,), parts, radius[0])


def _tie(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    """A disc whose edge passes the centre or a corner of a cell a little more than the tolerance away from it."""
    at = str(rng.choice(["center", "nearest", "farthest"]))
    beside = rng.choice([-2, -1.3, 0.3, 2]) * 1e-14 if at == "center" else rng.choice([-1.3, 1.3]) * tolerance(order)
    return tie(rng, order, at, beside, row=rows[0], limit=limit, frame=frame)


def tie(
    rng: Any, order: int, at: str, beside: float, *, row: Any = None, limit: float = 0.5, frame: str = "icrs"
) -> Drawn:
    """A disc that is larger by `beside` than the distance to the centre, nearest or farthest corner of a cell."""
    row = np.array(place(rng)) if row is None else row
    in_cells = oracle.rotation_to("icrs", frame) @ oracle.vector(*row)
    away = points_around(rng, in_cells, min(10 ** rng.uniform(-0.5, 1.5) / (1 << order), 0.9 * limit, 3.0))
    cell = oracle.cell_of(away, order)
    corners = oracle.angle_between(in_cells, oracle.cell_points(np.repeat(cell, 4), order, [0, 1, 1, 0], [0, 0, 1, 1]))
    center = oracle.angle_between(in_cells, oracle.cell_points(cell, order, 0.5, 0.5)[0])
    distance = {"center": center, "nearest": corners.min(), "farthest": corners.max()}[at]
    radius = float(np.clip(distance + beside, 0, PI))
    part = oracle.disc(*row, radius), [oracle.vector(row[0], row[1] + radius)]
    return _of_arrays("tie", "from_cones", frame, row[np.newaxis], ([radius],), [part], radius)


def tolerance(order: int) -> float:
    """Closer to a contact, both answers are right in the modes "overlap" and "inside": 1/1000 of a cell at most."""
    return min(oracle.TOLERANCE, 1e-3 / (1 << order))


def _annulus(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    outer = np.array([size(rng, order, largest=limit, smallest=1e-11) for _ in rows])
    inner = outer * rng.choice([0.0, 0.5, 0.999, rng.random()], len(rows))
    parts = []
    for row, small, large in zip(rows, inner, outer, strict=True):
        far, near = oracle.disc(*row, large), oracle.disc(*row, small)
        g = (lambda p, far=far, near=near: np.minimum(far(p), -near(p))) if small > 0 else far
        parts.append((g, [oracle.vector(row[0], row[1] + r) for r in (small, large) if 0 < r < PI]))
    return _of_arrays("annulus", "from_annuli", frame, rows, (inner, outer), parts, outer[0])


def _axes(rng: Any, order: int, rows: Any, limit: float, smallest: float) -> tuple[Any, Any, Any]:
    """Two sizes below 90 deg, and position angles."""
    a = np.array([size(rng, order, largest=min(limit, 1.55), smallest=smallest) for _ in rows])
    b = a * rng.choice([1.0, 0.5, 0.03, rng.uniform(0.03, 1)], len(rows))
    return a, b, rng.choice([0.0, PI / 2, PI / 4, rng.uniform(-7, 7)], len(rows))


def _ellipse(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    major, minor, angle = _axes(rng, order, rows, limit, 2e-11)
    parts = []
    for row, a, b, turn in zip(rows, major, minor, angle, strict=True):
        # The major axis is along the position angle: the height of the referee.
        tip = moved(oracle.vector(*row), turn, a)
        parts.append((oracle.ellipse(*row, b, a, turn), [tip[0]]))
    return _of_arrays("ellipse", "from_ellipses", frame, rows, (major, minor, angle), parts, major[0])


def _box(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    half_width, half_height, angle = _axes(rng, order, rows, limit, 2e-11)
    if rng.random() < 0.5:
        half_width, half_height = half_height, half_width
    parts = []
    for row, a, b, turn in zip(rows, half_width, half_height, angle, strict=True):
        # The middle of the upper side.
        parts.append((oracle.rectangle(*row, a, b, turn), [moved(oracle.vector(*row), turn, b)[0]]))
    arrays = 2 * half_width, 2 * half_height, angle
    return _of_arrays("box", "from_boxes", frame, rows, arrays, parts, 1.5 * max(half_width[0], half_height[0]))


def _ring(rng: Any, center: Any, radius: float, *, crossing: bool = False) -> Any:
    """Vertices around a place: a star, or in any sequence."""
    n = int(rng.integers(3, 10))
    turn = 2 * PI * (np.arange(n) + 0.8 * rng.random(n)) / n
    if crossing:
        turn = rng.permutation(turn)
    return moved(center, turn[:: rng.choice([-1, 1])], radius * rng.uniform(0.3, 1, n))


def _of_rings(
    kind: str, rings: Any, holes: Any, larger: bool, frame: str, parts: Any, center: Any, radius: float
) -> Drawn:
    sizes = np.cumsum([0, *(len(ring) for ring in rings)])
    lon, lat = oracle.lonlat(np.concatenate(rings))
    vertices = sky(lon, lat)

    def make(order: int, mode: str, n_threads: int) -> Mask:
        return Mask.from_polygons(
            vertices,
            offsets=sizes,
            holes=holes,
            larger=larger,
            order=order,
            mode=mode,
            frame=frame,
            n_threads=n_threads,
        )

    text = f"from_polygons(rad: {lon.tolist()}, {lat.tolist()}, offsets={sizes.tolist()}, {holes=}, {larger=})"
    return Drawn(kind, make, parts, center, radius, text)


def _given(ring: Any) -> Any:
    """The vertices that a SkyCoord of a ring has."""
    return oracle.vector(*oracle.lonlat(ring))


def _polygons(kind: str, rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    centers = oracle.vector(*rows.T)
    radii = [size(rng, order, largest=min(limit, 1.4), smallest=1e-10) for _ in rows]
    rings = [
        _given(_ring(rng, center, radius, crossing=kind == "crossing"))
        for center, radius in zip(centers, radii, strict=True)
    ]
    parts = [(oracle.polygon_near(center, [ring]), [ring[0]]) for center, ring in zip(centers, rings, strict=True)]
    if kind == "larger":
        g, anchors = parts[0]
        parts = [(lambda p: -g(p), anchors)]
    return _of_rings(kind, rings, None, kind == "larger", frame, parts, centers[0], radii[0])


def _holes(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    """Polygons with a hole and with another part, which may cross the outer ring."""
    centers = oracle.vector(*rows.T)
    rings, holes, parts, radii = [], [], [], []
    for center in centers:
        radius = size(rng, order, largest=min(limit, 1.0), smallest=1e-10)
        own = [_ring(rng, center, radius), _ring(rng, center, 0.25 * radius)]
        if rng.random() < 0.5:
            own.append(_ring(rng, moved(center, rng.uniform(0, 6), 0.8 * radius)[0], 0.4 * radius))
        own = [_given(ring) for ring in own]
        parts.append((oracle.polygon_near(center, own), [ring[0] for ring in own]))
        rings += own
        holes += [False, *[True] * (len(own) - 1)]
        radii.append(radius)
    return _of_rings("holes", rings, holes, False, frame, parts, centers[0], radii[0])


def _zone(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    zone_frame = str(rng.choice(["icrs", "galactic", "fk5"]))
    closed = str(rng.choice(["left", "right", "both", "neither"]))
    lon, lat = rows[0]
    height = size(rng, order, largest=min(limit, PI), smallest=1e-10)
    low, high = max(lat - height * rng.random(), -PI / 2), min(lat + height * rng.random(), PI / 2)
    if high - low < 1e-11:
        low, high = (low - 1e-10, high) if lat > 0 else (low, high + 1e-10)
    meridians = None
    if rng.random() < 0.7 or limit < 0.1:
        width = min(size(rng, order, largest=limit, smallest=1e-10) / max(np.cos(lat), 1e-3), 2 * PI - 1e-3)
        meridians = lon, lon + width
    options = {
        "lon": None if meridians is None else meridians * u.rad,
        "lat": (low, high) * u.rad,
        "zone_frame": zone_frame,
        "closed": closed,
    }

    def make(order: int, mode: str, n_threads: int) -> Mask:
        return Mask.from_zone(**options, order=order, mode=mode, frame=frame)

    to_zone = oracle.rotation_to("icrs", zone_frame)
    # A pole is on the outline only as the end of the meridians.
    ends = [x for x in (low, high) if meridians is not None or abs(x) < PI / 2]
    anchors = [oracle.vector(0.0 if meridians is None else meridians[0], x) @ to_zone for x in ends]
    text = f"from_zone(rad: {meridians}, {(low, high)}, {zone_frame=}, {closed=})"
    middle = oracle.vector(lon, (low + high) / 2) @ to_zone
    wide = PI if meridians is None else max(high - low, (meridians[1] - lon) * np.cos(lat))
    return Drawn("zone", make, [(oracle.zone(meridians, (low, high), to_zone), anchors)], middle, wide, text)


def _of_shape(kind: str, shape: Any, g: Referee, center: Any, radius: float, text: str) -> Drawn:
    def make(order: int, mode: str, n_threads: int) -> Mask:
        return Mask(shapes_plane([shape], order=order, mode=mode, n_threads=n_threads))

    return Drawn(kind, make, [(g, [])], center, radius, text)


def _path(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    center, n = oracle.vector(*rows[0]), int(rng.integers(2, 6))
    length = size(rng, order, largest=min(limit, 1.2), smallest=1e-10)
    half_width = min(length * 10 ** rng.uniform(-2, 0.3), 1.5)
    vertices = _given(points_around(rng, center, length * rng.random(n)))
    lon, lat = oracle.lonlat(vertices)
    coord = sky(lon, lat)

    def make(order: int, mode: str, n_threads: int) -> Mask:
        return Mask.from_paths(coord, 2 * half_width * u.rad, order=order, mode=mode, n_threads=n_threads)

    text = f"from_paths(rad: {lon.tolist()}, {lat.tolist()}, {2 * half_width})"
    return Drawn("path", make, [(oracle.path(vertices, half_width), [])], center, length + half_width, text)


def _caps(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    center, n = oracle.vector(*rows[0]), int(rng.integers(1, 6))
    reach = size(rng, order, largest=min(limit, 2.5), smallest=1e-4)
    radii = rng.uniform(0.3, 1.2, n) * reach * rng.choice([1, 1, -1], n)
    radii[0] = abs(radii[0])
    axes = points_around(rng, center, 0.8 * reach * rng.random(n))
    cm = np.copysign(2 * np.sin(radii / 2) ** 2, radii)
    shape = cap_polygons(axes, cm, np.array([0, n]))[0]
    return _of_shape("caps", shape, oracle.caps(axes, radii), center, reach, f"caps {axes.tolist()}, {radii.tolist()}")


def _sector(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    lon, lat = rows[0]
    outer = size(rng, order, largest=min(limit, 2.5), smallest=1e-6)
    inner = outer * rng.uniform(0, 0.9)
    first, span = rng.uniform(0, 6.2), rng.uniform(0.05, 6.2)
    shape = compounds.sector(Disc(lon, lat, outer), Disc(lon, lat, inner), lon, lat, first, span, outer)
    far, near, turn = oracle.disc(lon, lat, outer), oracle.disc(lon, lat, inner), oracle.sector(lon, lat, first, span)
    text = f"sector {(lon, lat, inner, outer, first, span)}"

    def g(p: Any) -> Any:
        return np.minimum(np.minimum(far(p), -near(p)), turn(p))

    return _of_shape("sector", shape, g, oracle.vector(lon, lat), outer, text)


def _compound(rng: Any, order: int, rows: Any, limit: float, frame: str) -> Drawn:
    """Up to five shapes that overlap, joined by any signs."""
    center = oracle.vector(*rows[0])
    reach = size(rng, order, largest=min(limit, 1.2), smallest=1e-6)

    def leaf() -> tuple[Any, Referee, str]:
        lon, lat = (float(angle) for angle in oracle.lonlat(points_around(rng, center, reach * rng.random())[0]))
        a, b, turn = reach * rng.uniform(0.2, 1), reach * rng.uniform(0.2, 1), rng.uniform(0, 6)
        kind = rng.integers(4)
        if kind == 0:
            return Disc(lon, lat, a), oracle.disc(lon, lat, a), f"Disc{(lon, lat, a)}"
        if kind == 1:
            return (
                Ellipse(lon, lat, a, b, turn),
                oracle.ellipse(lon, lat, a, b, turn),
                f"Ellipse{(lon, lat, a, b, turn)}",
            )
        if kind == 2:
            shape = Polygon.rectangle(lon, lat, a, b, turn)
            return shape, oracle.rectangle(lon, lat, a, b, turn), f"rectangle{(lon, lat, a, b, turn)}"
        ring = _given(_ring(rng, oracle.vector(lon, lat), a))
        shape = Polygon(*oracle.lonlat(ring))
        return shape, oracle.polygon_near(oracle.vector(lon, lat), [ring]), f"Polygon{oracle.lonlat(ring)}"

    shape, g, text = leaf()
    for _ in range(int(rng.integers(1, 5))):
        other, h, more = leaf()
        sign = str(rng.choice(list("|&^-")))
        shape, text = Combined(shape, other, sign), f"({text} {sign} {more})"
        g = _JOINED[sign](g, h)
    return _of_shape("compound", shape, g, center, 2 * reach, text)


_JOINED: dict[str, Callable[[Referee, Referee], Referee]] = {
    "|": lambda g, h: lambda p: np.maximum(g(p), h(p)),
    "&": lambda g, h: lambda p: np.minimum(g(p), h(p)),
    "-": lambda g, h: lambda p: np.minimum(g(p), -h(p)),
    "^": lambda g, h: lambda p: np.maximum(np.minimum(g(p), -h(p)), np.minimum(h(p), -g(p))),
}

_DRAWERS: dict[str, Callable[..., Drawn]] = {
    "cone": _cone,
    "tie": _tie,
    "annulus": _annulus,
    "ellipse": _ellipse,
    "box": _box,
    "star": lambda *args: _polygons("star", *args),
    "crossing": lambda *args: _polygons("crossing", *args),
    "larger": lambda *args: _polygons("larger", *args),
    "holes": _holes,
    "zone": _zone,
    "path": _path,
    "caps": _caps,
    "sector": _sector,
    "compound": _compound,
}
