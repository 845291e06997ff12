"""The sky on axes as lines: fills and edges of masks as paths, for files of vectors that are small and sharp.

The rings of a mask's outline are cut where the map ends (see `hpmask.plotting.clipping`), get more points where their
sides bend on the map, and become one path for each layer: cells of one layer have no hairlines between them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask.core import lookup
from hpmask.core.outline import outline
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue
from hpmask.geometry import frames, healpix
from hpmask.plotting.charts import Chart, Native, chart_of
from hpmask.plotting.clipping import CircleBorder, FlatRings, SeamBorder, clipped, whole
from hpmask.regions import rasterize

__all__ = ["FlatPath", "NoPaths", "View", "fill_layers", "paths_of", "rounded", "view_of"]

Floats = NDArray[np.float64]

# A picture with more ranges or points than these is not drawn as paths: its file would be larger than that of an image.
MOST_RANGES = 60_000
MOST_POINTS = 10_000
# Lines are within this of their places, in inches.
_ACCURACY = 1 / 2400
# Points across the axes that tell which part of the sky they show.
_PROBES = 24
# A view with a larger radius (in radians) is that of the whole sky.
_WIDE = np.radians(50)
# Points at a pole are this far from it, in radians.
_POLE = 1e-6
# Rounds in which sides are halved where they bend.
_ROUNDS = 14


class NoPaths(Exception):
    """A picture cannot be drawn as paths. The message says why."""


class View(NamedTuple):
    """The part of the sky that axes show."""

    centre: Floats | None
    """Unit vector in the frame of the chart, or None for the whole sky."""
    radius: float
    """In radians."""
    scale: float
    """The angle on the sky of an inch, at the place where it is smallest, in radians."""


def view_of(chart: Chart, ax: Any) -> View:
    """The part of the sky that axes show now."""
    box = ax.bbox
    x = np.linspace(box.x0, box.x1, _PROBES)
    y = np.linspace(box.y0, box.y1, _PROBES)
    points = chart.to_display.inverted().transform(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    vectors = frames.unit_vectors(*chart.sky(points))
    grid = vectors.reshape(_PROBES, _PROBES, 3)
    step = np.linalg.norm(grid[:, 1:] - grid[:, :-1], axis=-1)
    step = step[np.isfinite(step) & (step > 0)]
    dpi = ax.figure.dpi
    inch = float(np.median(step)) / (x[1] - x[0]) * dpi if step.size else 0.1
    if not np.isfinite(vectors).all():
        return View(None, np.pi, inch)
    middle = vectors.mean(axis=0)
    length = float(np.linalg.norm(middle))
    if length < 0.3:
        return View(None, np.pi, inch)
    middle /= length
    radius = float(np.arccos(np.clip((vectors @ middle).min(), -1, 1)))
    if radius > _WIDE:
        return View(None, np.pi, inch)
    return View(middle, 1.1 * radius, inch)


class _Frame(NamedTuple):
    """What a path needs besides its set."""

    chart: Chart
    native: Native
    view: View
    dpi: float

    @property
    def tolerance(self) -> float:
        """The accuracy of lines in pixels of the screen."""
        return 2 * _ACCURACY * self.dpi


def paths_of(ax: Any, layers: list[tuple[MaskValue, RangeSet]], frame: str, *, coarsen: bool = False) -> list[FlatPath]:
    """The paths of some sets in the present view of axes, in the plane of the chart.

    Parameters
    ----------
    ax : matplotlib axes
    layers : list of (Mask, RangeSet)
        Masks, which give the frame, and sets.
    frame : str
        Frame of axes that do not know theirs.
    coarsen : bool, optional
        What to do with sets of very many ranges: draw them with cells of the size of the screen's pixels or larger, in
        place of an error.

    Raises
    ------
    NoPaths
        If the picture cannot be drawn in this way, or not well.
    """
    chart = chart_of(ax, frame)
    native = chart.native()
    view = view_of(chart, ax)
    if isinstance(native, str):
        if view.centre is None:
            raise NoPaths(f"the map cannot be cut along lines: {native}")
        # A small field needs no cut.
        native = Native(np.eye(3), None, np.zeros((1, 2)))
        local = True
    else:
        local = False
    here = _Frame(chart, native, view, ax.figure.dpi)
    paths = [_path(here, mask, plane, coarsen, local) for mask, plane in layers]
    count = sum(len(path.points) for path in paths)
    if not coarsen and count > MOST_POINTS:
        raise NoPaths(f"its paths have {count} points, more than {MOST_POINTS}")
    return paths


class FlatPath(NamedTuple):
    """Closed rings in the plane of a chart."""

    points: Floats
    """Points, ring by ring, shape (n, 2)."""
    on_border: NDArray[np.bool_]
    """Whether the side from each point to the next one is on the border of the map."""
    offsets: NDArray[np.int64]
    """Ring k has the points ``offsets[k]`` to ``offsets[k + 1] - 1``."""

    def fill(self, transform: Any = None) -> Any:
        """One path with all rings, for matplotlib."""
        from matplotlib.path import Path

        points = self.points if transform is None else transform.transform(self.points)
        if not len(points):
            return Path(np.zeros((0, 2)))
        ends = self.offsets[1:]
        # The first point of each ring again at its end, for the code that closes it.
        vertices = np.insert(points, ends, points[self.offsets[:-1]], axis=0)
        codes = np.full(len(vertices), Path.LINETO, dtype=Path.code_type)
        numbers = np.arange(ends.size)
        codes[self.offsets[:-1] + numbers] = Path.MOVETO
        codes[ends + numbers] = Path.CLOSEPOLY
        return Path(vertices, codes)

    def lines(self, transform: Any = None) -> Any:
        """One path with the sides of all rings that are not on the border, for matplotlib."""
        from matplotlib.path import Path

        points = self.points if transform is None else transform.transform(self.points)
        if not len(points):
            return Path(np.zeros((0, 2)))
        ends = self.offsets[1:]
        first = self.offsets[:-1]
        vertices = np.insert(points, ends, points[first], axis=0)
        # Whether the side that ends at each vertex is drawn.
        drawn = np.ones(len(vertices), dtype=np.bool_)
        numbers = np.arange(ends.size)
        place = np.arange(len(points)) + np.repeat(numbers, np.diff(self.offsets))
        drawn[place + 1] = ~self.on_border
        drawn[first + numbers] = False
        codes = np.where(drawn, Path.LINETO, Path.MOVETO).astype(Path.code_type)
        return Path(vertices, codes)


def fill_layers(
    layers: list[MaskValue], colours: list[tuple[float, ...]]
) -> list[tuple[MaskValue, RangeSet, tuple[float, ...]]]:
    """The sets to fill one after the other, with their colours, so that the picture is that of `draw_image`.

    What an opaque colour covers is filled, too: edges with two colours would show what is under them.
    """
    result = []
    over: RangeSet | None = None
    opaque = True
    for layer, colour in zip(reversed(layers), reversed(colours[:-1]), strict=True):
        plane = layer.planes[0]
        if colour[3] > 0:
            result.append((layer, plane if over is None or opaque else plane - over, colour))
        opaque &= colour[3] >= 1
        if layer.frame != layers[0].frame:
            if not opaque:
                raise NoPaths("its masks have different frames, and their colours are not opaque")
        else:
            over = plane if over is None else over | plane
    if colours[-1][3] > 0:
        full = RangeSet.full(0)
        rest = full if opaque or over is None else full - over
        result.append((layers[0], rest, colours[-1]))
    return result[::-1]


def rounded(path: Any) -> Any:
    """A path in points (1/72 inch), with coordinates of two decimals, which take less room in a file."""
    path.vertices = path.vertices.round(2)
    return path


def _path(here: _Frame, mask: MaskValue, plane: RangeSet, coarsen: bool, local: bool) -> FlatPath:
    chart, native, view, _ = here
    way = chart.way_to(mask.frame)
    reach = np.pi
    if view.centre is not None:
        lon, lat = frames.lonlat(view.centre)
        lon, lat = way.turned(lon, lat)
        order = int(np.clip(np.ceil(np.log2(8 / view.radius)), 0, 29))
        reach = view.radius + 3 * healpix.cell_radius(order)
        radius = np.array([view.radius + healpix.cell_radius(order)])
        plane = plane & rasterize.discs(np.atleast_1d(lon), np.atleast_1d(lat), radius, order=order)
    if plane.n_ranges > MOST_RANGES and coarsen:
        plane = _coarse(plane, view.scale / here.dpi)
    elif plane.n_ranges > MOST_RANGES:
        raise NoPaths(f"its masks have {plane.n_ranges} ranges in this view, more than {MOST_RANGES}")
    found = outline(type(mask)(plane, frame=mask.frame))
    accuracy = max(_ACCURACY * view.scale, 0.0)
    if found.n_points > 100 and accuracy > 0.01 * healpix.cell_side(plane.order):
        found = found.simplify(min(accuracy, 0.1) * u.rad)
    rings = found.rings
    vectors = frames.unit_vectors(*way.back(rings.lon, rings.lat)) @ native.matrix.T
    border = SeamBorder() if native.radius is None else CircleBorder(native.radius)

    def contains(points: Floats) -> NDArray[np.bool_]:
        lon, lat = frames.lonlat(points @ native.matrix)
        positions = chart.positions(lon, lat, mask.frame)
        return np.asarray(lookup.contains([plane], plane.order, None, positions, None, invalid="skip"))

    if local or (view.centre is not None and _is_inside(native.matrix @ view.centre, reach, native.radius)):
        flat = whole(vectors, rings.ring_offsets)
    else:
        flat = clipped(vectors, rings.ring_offsets, border, contains)
    return _drawn(here, flat)


def _coarse(plane: RangeSet, pixel: float) -> RangeSet:
    """A set with cells of about a pixel (in radians): a cell is in if more than half of it is."""
    order = int(np.clip(np.floor(np.log2(np.sqrt(np.pi / 3) / pixel)), 0, plane.order))
    coarse = plane.at_order(order, threshold=0.5)
    while coarse.n_ranges > MOST_RANGES and order > 0:
        order -= 1
        coarse = plane.at_order(order, threshold=0.5)
    return coarse


def _is_inside(centre: Floats, reach: float, radius: float | None) -> bool:
    """Whether a disc does not touch the border of the map or a pole of a map with a seam. `centre` is native."""
    if radius is not None:
        return float(np.arccos(np.clip(centre[2], -1, 1))) + reach < radius
    to_pole = np.pi / 2 - abs(float(np.arcsin(np.clip(centre[2], -1, 1))))
    to_seam = to_pole if centre[0] > 0 else float(np.arcsin(min(1.0, abs(centre[1]))))
    return min(to_pole, to_seam) > reach


def _drawn(here: _Frame, flat: FlatRings) -> FlatPath:
    """Rings on the map, with points between where their sides bend."""
    lon, lat, border, offsets = flat
    points = _plane(here, lon, lat)
    size = np.diff(offsets)
    ring = np.repeat(np.arange(size.size), size)
    fresh = np.ones(lon.size, dtype=np.bool_)
    for _ in range(_ROUNDS):
        if not fresh.any():
            break
        following = np.arange(1, lon.size + 1)
        ends = np.flatnonzero(np.diff(ring, append=-1))
        following[ends] = np.concatenate([[0], ends[:-1] + 1])
        side = np.flatnonzero(fresh)
        after = following[side]
        new_lon, new_lat = _halfway(lon, lat, border, side, after)
        middle = _plane(here, new_lon, new_lat)
        change = here.chart.to_display.transform(middle) - 0.5 * (
            here.chart.to_display.transform(points[side]) + here.chart.to_display.transform(points[after])
        )
        bends = np.hypot(*change.T) > here.tolerance
        if not bends.any():
            break
        where = side[bends] + 1
        lon, lat = np.insert(lon, where, new_lon[bends]), np.insert(lat, where, new_lat[bends])
        points = np.insert(points, where, middle[bends], axis=0)
        border = np.insert(border, where, border[side[bends]])
        ring = np.insert(ring, where, ring[side[bends]])
        fresh = np.zeros(lon.size, dtype=np.bool_)
        # Both halves of a side are new.
        made = where + np.arange(where.size)
        fresh[made] = fresh[made - 1] = True
    else:
        if _jumps(here, points, ring, fresh):
            raise NoPaths("the map is cut in a way that is not known")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(ring, minlength=size.size))]).astype(np.int64)
    if len(here.native.steps) > 1 and len(points):
        copies = len(here.native.steps)
        every = (points[np.newaxis] + here.native.steps[:, np.newaxis]).reshape(-1, 2)
        shifted = (offsets[:-1][np.newaxis] + len(points) * np.arange(copies)[:, np.newaxis]).reshape(-1)
        return FlatPath(every, np.tile(border, copies), np.append(shifted, copies * len(points)))
    return FlatPath(points, border, offsets)


def _jumps(here: _Frame, points: Floats, ring: NDArray[np.intp], fresh: NDArray[np.bool_]) -> bool:
    """Whether sides that were halved many times are still long on the screen."""
    side = np.flatnonzero(fresh[:-1] & (ring[:-1] == ring[1:]))
    there = here.chart.to_display.transform(points)
    return bool((np.hypot(*(there[side + 1] - there[side]).T) > 3).any())


def _halfway(
    lon: Floats, lat: Floats, border: NDArray[np.bool_], side: NDArray[np.intp], after: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Native coordinates of the middles of sides: on great circles, or along the border."""
    a, b = frames.unit_vectors(lon[side], lat[side]), frames.unit_vectors(lon[after], lat[after])
    new_lon, new_lat = frames.lonlat(a + b)
    limit = np.pi - 1e-9
    new_lon = np.clip(new_lon, -limit, limit)
    # On a circle, a side may lead over longitude 180 deg. At a pole, all longitudes are the same place.
    along = border[side] & ((np.abs(lon[side] - lon[after]) < np.pi) | (np.abs(lat[side]) > np.pi / 2 - _POLE))
    new_lon[along] = 0.5 * (lon[side] + lon[after])[along]
    new_lat[along] = 0.5 * (lat[side] + lat[after])[along]
    return new_lon, new_lat


def _plane(here: _Frame, lon: Floats, lat: Floats) -> Floats:
    """Places on the map of native coordinates."""
    # Just beside a pole, longitudes still matter: a pole may be a line on the map.
    near = np.pi / 2 - _POLE
    vectors = frames.unit_vectors(lon, np.clip(lat, -near, near)) @ here.native.matrix
    points = here.chart.plane(*frames.lonlat(vectors))
    if not np.isfinite(points).all():
        raise NoPaths("some of its edges have no place on the map")
    return points
