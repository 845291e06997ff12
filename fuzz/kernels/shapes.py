"""Targets of the kernels that make cells of shapes: discs, annuli, polygons, ellipses, caps, paths, zones, compounds.

The referees are functions of places that are positive inside a shape and change no faster than the place moves, as in
tests/_support/shape_oracles.py. Cells are looked at by their centres and by points on their edges: a cell with a point
inside is met by the shape, and one whose points are all farther outside than the next point is away is not.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import oracles

from fuzz.kernels import referees
from fuzz.kernels.draw import Source, vectors
from fuzz.kernels.referees import angles, cell_centres, check, from_arc, same
from fuzz.kernels.target import Call, kernel, refuses, target

CENTER, OVERLAP, INSIDE = range(3)
_STEPS = 6
# Formulas of the referees and of the kernels agree to this.
_CLOSE = 1e-9
Region = Callable[[Any], Any]


def _oracles() -> Any:
    """tests/_support/shape_oracles.py, which imports astropy: the other targets start without it."""
    import shape_oracles

    return shape_oracles


@functools.cache
def edge_points(order: int) -> tuple[Any, float]:
    """Points on the edges of all cells, shape (n, 4 * steps, 3), and the largest distance to the next of them."""
    import healpy

    n = 12 << 2 * order
    points = healpy.boundaries(1 << order, np.arange(n), step=_STEPS, nest=True).transpose(0, 2, 1)
    points = np.ascontiguousarray(points)
    step = np.linalg.norm(points - np.roll(points, -1, axis=1), axis=-1).max()
    return points, float(step)


def cells_match(found: Any, region: Region, order: int, mode: int, what: str, anchors: Any = ()) -> None:
    """AssertionError unless cells, an array of bool, are those of a region; what is too close may be either.

    `anchors` are points of the region's outline, one for each part that may lie within one cell.
    """
    at_centre = region(cell_centres(order))
    if mode == CENTER:
        sure, may = at_centre > _CLOSE, at_centre >= -_CLOSE
    else:
        points, step = edge_points(order)
        value = region(points)
        most, least = np.maximum(value.max(axis=1), at_centre), np.minimum(value.min(axis=1), at_centre)
        held = np.zeros(len(found), bool)
        for anchor in anchors:
            held |= angles(cell_centres(order), anchor) < 1.1 / (1 << order)
        if mode == OVERLAP:
            sure, may = most > _CLOSE, (most > -0.6 * step) | held
        else:
            sure, may = (least > 0.6 * step) & ~held, least > -_CLOSE
    check(not np.any(sure & ~found), f"{what}, mode {mode}, lacks cells", np.flatnonzero(sure & ~found), order)
    check(not np.any(found & ~may), f"{what}, mode {mode}, has other cells", np.flatnonzero(found & ~may), order)


def of_each(starts: Any, stops: Any, ends: Any, order: int, missed: Any) -> list[Any]:
    """The cells of each shape of a batch; its ranges do not overlap, and shapes without any are in `missed`."""
    check(np.all(np.diff(np.concatenate([[0], ends])) >= 0), "ends ascend", ends)
    check((ends[-1] if len(ends) else 0) == len(starts) == len(stops), "the last end", ends, len(starts))
    made, first = [], 0
    for row, end in enumerate(ends.tolist()):
        count = referees.dense_ranges(starts[first:end], stops[first:end], order)
        check(count.max() <= 1, "ranges of one shape overlap", starts[first:end], stops[first:end])
        made.append(count > 0)
        check((row in missed) == (end == first), "shapes without a cell", row, missed, end - first)
        first = end
    return made


def pick_mode(s: Source) -> tuple[int, int]:
    return s.integer(0, 3), s.integer(0, 2)


@target
def discs(s: Source, call: Call) -> None:
    k, (order, mode), n = kernel("discs"), pick_mode(s), s.integer(1, 3)
    lon, lat = s.positions(n)
    outer = np.array([s.size(np.pi) for _ in range(n)])
    ends = np.zeros(n, np.int64)
    starts, stops, missed = call(k.rasterize, lon, lat, outer, order, mode, ends)
    for i, found in enumerate(of_each(starts, stops, ends, order, missed)):
        place = vectors(lon[i], lat[i])
        cells_match(
            found, lambda p, a=place, r=outer[i]: r - angles(p, a), order, mode, f"disc {outer[i]}", [place, -place]
        )
    inner = np.array([radius * s.unit() for radius in outer])
    starts, stops, missed = call(k.annuli, lon, lat, inner, outer, order, mode, ends)
    for i, found in enumerate(of_each(starts, stops, ends, order, missed)):
        place = vectors(lon[i], lat[i])
        region = lambda p, a=place, r=inner[i], q=outer[i]: np.minimum(q - angles(p, a), angles(p, a) - r)  # noqa: E731
        cells_match(found, region, order, mode, f"annulus {inner[i]} {outer[i]}", [place, -place])
    # Small discs at a fine order: the cells of each mode hold those of the stricter one.
    fine = s.integer(4, 29)
    small = np.minimum(outer, 6.0 / (1 << fine))
    _nested([call(k.rasterize, lon, lat, small, fine, m) for m in (INSIDE, CENTER, OVERLAP)])
    # Any longitude: there is no referee for those so large that rounding moves the disc.
    far = np.array([s.integer(-65536, 65535) * 2.0 ** s.integer(0, 900) for _ in range(n)])
    k.rasterize(far, lat, outer, order, mode, ends)
    bad = outer.copy()
    bad[0] = s.pick((np.nan, -1e-9, 3.1416, np.inf))
    refuses(k.rasterize, lon, lat, bad, order, mode)
    refuses(k.rasterize, lon, lat + 4, outer, order, mode)
    refuses(k.rasterize, lon, lat, outer, 30, mode)
    refuses(k.rasterize, lon, lat, outer, order, 3)
    refuses(k.rasterize, lon, lat[1:].copy(), outer, order, mode)
    refuses(k.rasterize, lon, lat, outer, order, mode, ends[1:].copy())
    if outer[0] > 0:
        refuses(k.annuli, lon, lat, outer * 1.5 + 0.1, outer, order, mode)


def _nested(results: list[Any]) -> None:
    """AssertionError unless each result's ranges lie within those of the next one."""
    before = np.empty(0, np.uint64)
    for starts, stops, _ in results:
        starts, stops = np.sort(starts), np.sort(stops)
        now = oracles.boundaries_where(*_cover(starts, stops))
        check(oracles.combine(before, now, 0b0010).size == 0, "cells of a stricter mode", before, now)
        before = now


def _cover(starts: Any, stops: Any) -> tuple[Any, Any]:
    points = oracles.distinct(np.concatenate([starts, stops]))
    return points, np.searchsorted(starts, points, side="right") > np.searchsorted(stops, points, side="right")


@target
def cap_polygons(s: Source, call: Call) -> None:
    k, (order, mode), n = kernel("cap_polygons"), pick_mode(s), s.integer(1, 3)
    counts = [s.byte() % 4 for _ in range(n)]
    offsets = np.cumsum([0, *counts]).astype(np.int64)
    m, near = int(offsets[-1]), s.vector()
    axes = np.array([_close_to(s, near) for _ in range(m)]).reshape(m, 3)
    chords2 = np.array([s.size(2.0) if s.chance() else 2 * s.unit() for _ in range(m)])
    outside = np.array([s.byte() & 1 for _ in range(m)], np.uint8)
    ends = np.zeros(n, np.int64)
    starts, stops, missed = call(k.rasterize, axes, chords2, outside, offsets, order, mode, ends)
    for i, found in enumerate(of_each(starts, stops, ends, order, missed)):
        rows = slice(offsets[i], offsets[i + 1])
        _check_caps(found, axes[rows], chords2[rows], outside[rows], order, mode)
    bad = chords2.copy()
    if m:
        bad[s.integer(0, m - 1)] = s.pick((np.nan, -1e-9, 2.1))
        refuses(k.rasterize, axes, bad, outside, offsets, order, mode)
        refuses(k.rasterize, 1.1 * axes, chords2, outside, offsets, order, mode)
        refuses(k.rasterize, np.full_like(axes, np.nan), chords2, outside, offsets, order, mode)
    refuses(k.rasterize, axes, chords2, outside, offsets + 1, order, mode)
    refuses(k.rasterize, axes, chords2, outside, offsets, order, 3)
    refuses(k.rasterize, axes, chords2, outside, offsets, order, mode, np.zeros(n + 1, np.int64))


def _close_to(s: Source, near: Any) -> Any:
    if s.chance(3):
        return s.vector()
    place = near + s.size(1.0) * (s.vector() if s.chance() else near[[1, 2, 0]])
    size = np.linalg.norm(place)
    return place / size if size > 0.1 else near


def _check_caps(found: Any, axes: Any, chords2: Any, outside: Any, order: int, mode: int) -> None:
    """The cells of an intersection of caps, of which an empty one may not be known to be empty by its points."""
    radii = 2 * np.arcsin(np.sqrt(chords2) / 2)

    def region(p: Any) -> Any:
        value = np.full(p.shape[:-1], np.pi)
        for axis, radius, out in zip(axes, radii, outside, strict=True):
            depth = radius - angles(p, axis)
            value = np.minimum(value, -depth if out else depth)
        return value

    if mode != OVERLAP:
        cells_match(found, region, order, mode, "caps", [*axes, *-axes])
        return
    points, _step = edge_points(order)
    value = np.maximum(region(points).max(axis=1), region(cell_centres(order)))
    check(np.all(found[value > _CLOSE]), "caps, mode 1, lack cells", np.flatnonzero(~found & (value > _CLOSE)))
    # Where a point of the cell is in all caps, its edge or centre is not farther from each than half of the cell.
    reach = 1.1 / (1 << order)
    check(np.all(value[found] > -reach), "caps, mode 1, have other cells", np.flatnonzero(found & (value <= -reach)))


@target
def convex(s: Source, call: Call) -> None:
    k, (order, mode), n = kernel("convex"), pick_mode(s), s.integer(1, 3)
    rings = [s.polygon() for _ in range(n)]
    for ring in rings:
        if s.chance(12):
            ring[s.integer(0, len(ring) - 1), s.integer(0, 2)] = s.pick((np.nan, np.inf, -np.inf, 0.0, 1e300))
    vertices, offsets = np.concatenate(rings), np.cumsum([0, *map(len, rings)]).astype(np.int64)
    ends = np.zeros(n, np.int64)
    starts, stops, missed, left = call(k.polygons, vertices, offsets, order, mode, ends)
    first = 0
    for i, ring in enumerate(rings):
        some = slice(first, int(ends[i]))
        first = int(ends[i])
        if i in left:
            check(some.start == some.stop, "a polygon that was left out has ranges", i)
            continue
        check(np.all(np.isfinite(ring)), "a polygon that is not finite was not left out", ring)
        count = referees.dense_ranges(starts[some], stops[some], order)
        check(count.max() <= 1, "ranges of one polygon overlap", starts[some], stops[some])
        check((i in missed) == (some.start == some.stop), "polygons without a cell", i, missed)
        region = polygon_region(ring)
        if region is not None:
            cells_match(count > 0, region, order, mode, f"polygon {ring.tolist()}", ring[:1])
    lon, lat = s.positions(n)
    width, height = (np.array([s.size(1.5) for _ in range(n)]) for _ in range(2))
    angle = np.array([2 * np.pi * s.unit() for _ in range(n)])
    starts, stops, missed = call(k.ellipses, lon, lat, width, height, angle, order, mode, ends)
    for i, found in enumerate(of_each(starts, stops, ends, order, missed)):
        if min(width[i], height[i]) > 1e-3:
            region = _oracles().ellipse(lon[i], lat[i], width[i], height[i], angle[i])
            cells_match(found, region, order, mode, "ellipse", [vectors(lon[i], lat[i])])
    far = np.array([s.integer(-65536, 65535) * 2.0 ** s.integer(0, 900) for _ in range(n)])
    k.ellipses(far, lat, width, height, angle, order, mode, ends)
    fine = s.integer(4, 29)
    small = [np.minimum(a, 6.0 / (1 << fine)) for a in (width, height)]
    _nested([call(k.ellipses, lon, lat, *small, angle, fine, m) for m in (INSIDE, CENTER, OVERLAP)])
    tiny = []
    for ring in rings:
        middle = ring[0] if np.all(np.isfinite(ring)) and abs(np.linalg.norm(ring[0]) - 1) < 1e-9 else np.eye(3)[0]
        points = middle + np.where(np.isfinite(ring), np.clip(ring, -1, 1), 0.5) * 3.0 / (1 << fine)
        tiny.append(points / np.linalg.norm(points, axis=1)[:, None])
    _nested([call(k.polygons, np.concatenate(tiny), offsets, fine, m)[:3] for m in (INSIDE, CENTER, OVERLAP)])
    bad = width.copy()
    bad[0] = s.pick((np.nan, -1e-9, np.pi / 2, np.inf))
    refuses(k.ellipses, lon, lat, bad, height, angle, order, mode)
    refuses(k.ellipses, lon, lat, width, height, angle + np.inf, order, mode)
    refuses(k.ellipses, lon, lat, width, height[1:].copy(), angle, order, mode)
    refuses(k.polygons, vertices, offsets + 1, order, mode)
    refuses(k.polygons, vertices, offsets[::-1].copy(), order, mode)
    refuses(k.polygons, vertices, offsets, 30, mode)
    refuses(k.polygons, vertices, offsets, order, mode, ends[1:].copy())


def polygon_region(ring: Any) -> Region | None:
    """The region of a polygon, or None where it is not certain which side is inside, or whether there is an area."""
    lon, lat = _oracles().lonlat(ring)
    steps = angles(ring, np.roll(ring, -1, axis=0))
    if steps.min() < 1e-6 or steps.max() > 3.0:
        return None
    part: list[float] = []
    region = _oracles().polygon(lon, lat, fraction=part)
    return region if part[0] < 0.45 else None


# ---------------------------------------------------------------------- shapes


def _some_outline(s: Source, call: Call) -> tuple[Any, Region | None, list[Any], bool]:
    """An outline, its region, points of its parts, and whether the region's values are distances from the outline."""
    k, kind = kernel("shapes"), s.byte() % 4
    lon_lat = s.position()
    place = vectors(*lon_lat)
    if kind == 0:
        radius = s.size(np.pi)
        return call(k.disc, place, radius), lambda p: radius - angles(p, place), [place, -place], radius < np.pi
    if kind == 1:
        ring = s.polygon()
        try:
            made = call(k.polygon, ring, np.array([0, len(ring)]), False)
        except ValueError:
            return call(k.disc, place, 0.3), lambda p: 0.3 - angles(p, place), [place, -place], True
        return made, polygon_region(ring), [ring[0]], True
    if kind == 2:
        # An ellipse of at most a hemisphere, from foci on both sides of its centre.
        a = 0.01 + 1.4 * s.unit()
        c = a * (0.95 * s.unit())
        centre, _east, north = _oracles().tangent_axes(*lon_lat, 2 * np.pi * s.unit())
        foci = [np.cos(c) * centre + sign * np.sin(c) * north for sign in (1, -1)]
        tip = np.cos(a) * centre + np.sin(a) * north
        made = call(k.ellipse, foci[0], foci[1], tip, 2 * a)
        return made, lambda p: a - 0.5 * (angles(p, foci[0]) + angles(p, foci[1])), [centre], False
    low, high = sorted(math.pi * (s.unit() - 0.5) for _ in range(2))
    high = min(max(high, low + 1e-3), math.pi / 2)
    return _zone(s, call, low, high)


def _zone(s: Source, call: Call, low: float, high: float) -> tuple[Any, Region, list[Any], bool]:
    """A band of all longitudes: two parallels in halves."""
    k, axes = kernel("shapes"), s.rotation()
    aligned = bool(np.array_equal(axes, np.eye(3)))
    x, _y, z = axes
    arcs = []
    for lat, side in ((low, -1), (high, 1)):
        if abs(lat) > math.pi / 2 - 1e-6:
            continue
        pole, level, radius = side * z, side * math.sin(lat), math.pi / 2 - side * lat
        for turn in (1, -1):
            first = math.cos(lat) * turn * x + math.sin(lat) * z
            last = -math.cos(lat) * turn * x + math.sin(lat) * z
            arcs.append([*pole, level, radius, *first, *last, *np.cross(pole, first), *np.cross(last, pole)])
    limits, closed = np.array([low, high, 0.0, 2 * math.pi]), np.array([1, 1, 1, 1], np.uint8)
    table = np.array(arcs).reshape(-1, 17)
    made = call(k.zone, table, np.ascontiguousarray(axes), aligned, limits, 2 * math.pi, closed)
    return made, _oracles().zone(None, (low, high), axes), [z, -z], False


@target
def shapes(s: Source, call: Call) -> None:
    k, (order, mode) = kernel("shapes"), pick_mode(s)
    outline, region, anchors, exact_depth = _some_outline(s, call)
    found = _one(call(outline.rasterize, order, mode), order)
    if region is not None:
        cells_match(found, region, order, mode, "outline", anchors)
        place, radius = s.vector(), s.size(1.0)
        depth = float(region(place[None])[0])
        if abs(depth) > 1e-9:
            check(bool(call(outline.holds, place)) == (depth > 0), "holds", depth, place)
        # The referee's value is a bound of the distance from the outline, and for discs and polygons that distance.
        passes = call(outline.passes, place, radius)
        check(not passes or abs(depth) < 1.0001 * radius + 1e-6, "passes", depth, radius)
        check(passes or not exact_depth or abs(depth) > 0.9999 * radius - 1e-6, "passes not", depth, radius)
    check(0 <= outline.length < 200, "length", outline.length)
    refuses(outline.rasterize, 30, mode)
    refuses(outline.rasterize, order, 3)
    refuses(outline.holds, np.zeros(2))
    refuses(outline.passes, np.zeros(4), 0.1)
    _compound(s, call, k, order)
    _batches(s, call, k, order, mode)
    fine = s.integer(4, 29)
    small = k.disc(s.vector(), 3.0 / (1 << fine))
    _nested([(*call(small.rasterize, fine, m), None) for m in (INSIDE, CENTER, OVERLAP)])


def _one(pair: Any, order: int) -> Any:
    starts, stops = pair
    check(np.all(starts[1:] > stops[:-1]), "ranges of a shape ascend", starts, stops)
    return referees.dense_ranges(starts, stops, order) > 0


def _compound(s: Source, call: Call, k: Any, order: int) -> None:
    """A boolean function of two or three shapes."""
    made = [_some_outline(s, call) for _ in range(s.integer(1, 3))]
    program, mode = [0], s.integer(1, 2)
    for i in range(1, len(made)):
        program += [i, -1 - s.byte() % 4]
    leaves = [outline for outline, *_ in made]
    found = _one(call(k.compound, leaves, np.array(program, np.int32), order, mode), order)
    refuses(k.compound, leaves, np.array(program, np.int32), order, CENTER)
    refuses(k.compound, leaves, np.array([*program, 0], np.int32), order, mode)
    refuses(k.compound, leaves, np.array([-1], np.int32), order, mode)
    refuses(k.compound, leaves, np.array([len(made)], np.int32), order, mode)
    if any(region is None for _, region, *_ in made):
        return

    def region(p: Any) -> Any:
        value = made[0][1](p)
        for i, sign in zip(program[1::2], program[2::2], strict=True):
            other = made[i][1](p)
            value = {
                -1: lambda a, b: np.maximum(a, b),
                -2: lambda a, b: np.minimum(a, b),
                -3: lambda a, b: np.maximum(np.minimum(a, -b), np.minimum(-a, b)),
                -4: lambda a, b: np.minimum(a, -b),
            }[sign](value, other)
        return value

    points, _ = edge_points(order)
    value = np.concatenate([region(points), region(cell_centres(order))[:, None]], axis=1)
    # Parts of a compound may be smaller than the distance of the points: only what they show is certain.
    if mode == OVERLAP:
        check(np.all(found[value.max(axis=1) > _CLOSE]), "a compound lacks cells", program)
        check(np.all(value.max(axis=1)[found] > -1.1 / (1 << order)), "a compound has other cells", program)
    else:
        check(np.all(value.min(axis=1)[found] > -_CLOSE), "a compound has cells that are not all inside", program)
        check(np.all(found[value.min(axis=1) > 1.1 / (1 << order)]), "a compound lacks inner cells", program)


def _batches(s: Source, call: Call, k: Any, order: int, mode: int) -> None:
    n = s.integer(1, 3)
    rings = [s.polygon() for _ in range(n)]
    broken = s.chance(12)
    if broken:
        rings[0][s.integer(0, len(rings[0]) - 1), s.integer(0, 2)] = s.pick((np.nan, np.inf))
    vertices, offsets = np.concatenate(rings), np.cumsum([0, *map(len, rings)]).astype(np.int64)
    larger, ends = np.array([s.byte() & 1 for _ in range(n)], np.uint8), np.zeros(n, np.int64)
    arguments = (vertices, offsets, np.arange(n + 1), larger, order, mode)
    try:
        starts, stops, missed = call(k.polygons, *arguments, ends)
    except k.InvalidShape as error:
        check(0 <= error.row < n, "the row of a shape that is none", error.row)
        single = rings[error.row]
        refuses(k.polygon, single, np.array([0, len(single)]), False)
    else:
        check(not broken, "a vertex that is not finite", rings[0])
        for i, found in enumerate(of_each(starts, stops, ends, order, missed)):
            one = call(k.polygon, rings[i], np.array([0, len(rings[i])]), bool(larger[i]))
            same(found, _one(one.rasterize(order, mode), order), "a polygon of a batch")
            region = polygon_region(rings[i])
            if region is not None:
                sign = -1 if larger[i] else 1
                cells_match(
                    found, lambda p, r=region, g=sign: g * r(p), order, mode, "polygon of a batch", rings[i][:1]
                )
            turned = call(k.polygon, rings[i], np.array([0, len(rings[i])]), not larger[i])
            turned.turn()
            same(_one(call(turned.rasterize, order, mode), order), found, "a polygon that was turned")
    first, last = (np.array([s.vector() for _ in range(n)]) for _ in range(2))
    for i in range(n):
        if s.chance(3):
            last[i] = first[i]
        elif s.chance(3):
            last[i] = first[i] + s.size(0.1) * last[i]
            last[i] /= np.linalg.norm(last[i])
    width = np.array([s.size(np.pi / 2) for _ in range(n)])
    try:
        starts, stops, missed = call(k.paths, first, last, width, order, mode, ends)
    except k.InvalidShape as error:
        check(np.linalg.norm(first[error.row] + last[error.row]) < 1e-6, "a path that is refused", error.row)
        return
    for i, found in enumerate(of_each(starts, stops, ends, order, missed)):
        if angles(first[i], last[i]) < 3.1:
            region = lambda p, a=first[i], b=last[i], w=width[i]: w - from_arc(a, b, p)  # noqa: E731
            cells_match(found, region, order, mode, "path", [first[i], last[i], -first[i], -last[i]])
    width[0] = s.pick((np.nan, -1e-9, 1.6, np.inf))
    refuses(k.paths, first, last, width, order, mode)
    refuses(k.paths, first, last[1:].copy(), width, order, mode)
    refuses(k.polygons, vertices, offsets + 1, np.arange(n + 1), larger, order, mode)
    refuses(k.polygons, vertices, offsets, np.arange(n + 2), larger, order, mode)
    refuses(k.polygons, vertices, offsets, np.arange(n + 1), larger, order, mode, np.zeros(n + 1, np.int64))
