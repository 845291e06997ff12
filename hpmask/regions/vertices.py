"""Vertices of many polygons or lines, as users give them: arrays, lists, GeoJSON-like mappings and shapely objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import BaseCoordinateFrame, SkyCoord, UnitSphericalRepresentation
from numpy.typing import NDArray

from hpmask._utils.words import counted, shown
from hpmask.geometry import frames

__all__ = ["Chains", "read_chains"]

Offsets = NDArray[np.int64]

# Two vertices this close to each other, or to the opposite point, in radians, are the same. As in the kernels.
_SAME = 1e-14
_OPPOSITE = 1e-9


class _Group(NamedTuple):
    """Positions in one frame, and where they stand among all vertices."""

    coord: BaseCoordinateFrame
    where: slice | NDArray[np.intp]


class Chains(NamedTuple):
    """Vertices of rings or lines, without those that repeat the one before."""

    groups: list[_Group]
    vectors: NDArray[np.float64]
    """Unit vectors of the vertices, each in the frame of its group."""
    offsets: Offsets
    """The first vertex of each chain, and the number of vertices."""
    owners: Offsets
    """The first chain of each shape, and the number of chains."""

    def placed(self, frame: str) -> NDArray[np.float64]:
        """Unit vectors of the vertices in a frame, shape (n_vertices, 3)."""
        if all(group.coord.name == frame for group in self.groups):
            return self.vectors
        out = np.empty_like(self.vectors)
        for coord, where in self.groups:
            out[where] = frames.unit_vectors(*frames.to_lonlat(SkyCoord(coord), frame, "vertices"))
        return out


def read_chains(vertices: Any, offsets: Any, joined: Any, *, closed: bool, vertex_frame: str, noun: str) -> Chains:
    """The vertices of polygons (`closed`) or lines, checked.

    Parameters
    ----------
    vertices, offsets, joined, vertex_frame
        The arguments `vertices`, `offsets`, `holes` and `vertex_frame` of `hpmask.Shapes.polygons`.
    closed : bool
        Whether they are rings. A line that is a single point keeps its two vertices.
    noun : str
        What a row is called in errors.

    Raises
    ------
    TypeError, ValueError
        If they are not vertices, or a row is degenerate.
    """
    if isinstance(vertices, SkyCoord | BaseCoordinateFrame):
        found = _from_array(vertices, offsets)
    else:
        if offsets is not None:
            raise TypeError(f"offsets belong to vertices in one SkyCoord, got {type(vertices).__name__}")
        found = _from_items(vertices, closed, vertex_frame)
        if joined is not None and found.has_rings:
            raise TypeError("holes belong to vertices in SkyCoords: other polygons hold their own holes")
    owners = found.owners if joined is None else _joined(joined, found.offsets.size - 1)
    return _cleaned(found.groups, found.offsets, owners, closed=closed, noun=noun)


class _Found(NamedTuple):
    groups: list[_Group]
    offsets: Offsets
    owners: Offsets
    has_rings: bool


def _from_array(vertices: SkyCoord, offsets: Any) -> _Found:
    """Chains from one coordinate, of shape (k,) or (n, k), or (n_vertices,) with offsets."""
    there = frames.directions(vertices, "vertices")
    if there.ndim not in (1, 2):
        raise ValueError(f"vertices must have the shape (k,) or (n, k), got {there.shape}")
    if offsets is None:
        n, k = there.shape if there.ndim == 2 else (1, there.size)
        cuts = np.arange(n + 1, dtype=np.int64) * k
    else:
        if there.ndim != 1:
            raise ValueError(f"vertices must be 1-D with offsets, got the shape {there.shape}")
        cuts = _checked_offsets(offsets, there.size)
    return _Found([_Group(there.reshape(-1), slice(None))], cuts, np.arange(cuts.size, dtype=np.int64), False)


def _checked_offsets(offsets: Any, n: int) -> Offsets:
    values = np.asarray(offsets)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu":
        raise TypeError(f"offsets must be integers of shape (n + 1,), got {values.dtype} of shape {values.shape}")
    cuts = values.astype(np.int64)
    if cuts[0] != 0 or cuts[-1] != n:
        raise ValueError(f"offsets must go from 0 to the number of vertices ({n}), got {values[0]} to {values[-1]}")
    bad = np.flatnonzero(np.diff(cuts) < 0)
    if bad.size:
        raise ValueError(f"offsets must ascend, but row {bad[0]} goes from {values[bad[0]]} to {values[bad[0] + 1]}")
    return cuts


def _joined(joined: Any, n: int) -> Offsets:
    """The first ring of each polygon, from flags of the rings that are holes in the polygon before them."""
    holes = np.asarray(joined)
    if holes.dtype != np.bool_ or holes.shape != (n,):
        raise TypeError(
            f"holes must be booleans, one for each ring ({n}): whether it is a hole in the polygon before it; "
            f"got {holes.dtype} of shape {holes.shape}"
        )
    if n and holes[0]:
        raise ValueError("holes must not begin with True: a hole belongs to the polygon before it")
    return np.append(np.flatnonzero(~holes), n).astype(np.int64)


def _from_items(vertices: Any, closed: bool, vertex_frame: str) -> _Found:
    """Chains from a list of coordinates, mappings or geometries, or from a single one of the latter."""
    if isinstance(vertices, Mapping) or (hasattr(vertices, "__geo_interface__") and not isinstance(vertices, Iterable)):
        items: Iterable[Any] = [vertices]
    elif isinstance(vertices, Iterable) and not isinstance(vertices, str | bytes):
        items = vertices
    else:
        raise TypeError(
            "vertices must be a SkyCoord, a list of SkyCoords, shapely objects or GeoJSON-like mappings, "
            f"got {shown(vertices)}"
        )
    reader = _Reader(closed, vertex_frame)
    reader.add_all(list(items))
    return reader.found()


class _Reader:
    """Chains collected from items of several kinds."""

    def __init__(self, closed: bool, vertex_frame: str) -> None:
        self.closed = closed
        self.vertex_frame = vertex_frame
        # Positions by frame: the frame, then longitudes and latitudes in radians, and the numbers of the chains.
        self.frames: list[BaseCoordinateFrame] = []
        self.parts: list[list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = []
        self.numbers: list[list[NDArray[np.intp]]] = []
        self.counts: list[NDArray[np.int64]] = []
        self.chains_of: list[NDArray[np.int64]] = []
        self.n_chains = 0
        self.has_rings = False

    def add_all(self, items: list[Any]) -> None:
        if items and all(_is_shapely(item) for item in items):
            self._add_shapely(items)
            return
        for row, item in enumerate(items):
            if isinstance(item, SkyCoord | BaseCoordinateFrame):
                there = frames.directions(item, f"vertices of item {row}")
                if there.ndim != 1:
                    raise ValueError(f"vertices of item {row} must have the shape (k,), got {there.shape}")
                lon, lat = there.data.lon.to_value(u.rad), there.data.lat.to_value(u.rad)
                self._add(there.replicate_without_data(), lon, lat, np.array([lon.size]), np.array([1]))
            elif _is_shapely(item):
                self._add_shapely([item])
            else:
                self._add_geometry(item, f"item {row} of vertices")

    def _add(
        self,
        frame: BaseCoordinateFrame,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        counts: NDArray[np.int64],
        chains: NDArray[np.int64],
    ) -> None:
        """Add chains with some numbers of vertices, and shapes with some numbers of chains."""
        place = next((i for i, one in enumerate(self.frames) if one.is_equivalent_frame(frame)), len(self.frames))
        if place == len(self.frames):
            self.frames.append(frame)
            self.parts.append([])
            self.numbers.append([])
        self.parts[place].append((lon, lat))
        self.numbers[place].append(np.repeat(np.arange(counts.size) + self.n_chains, counts))
        self.counts.append(counts)
        self.chains_of.append(chains)
        self.n_chains += counts.size

    def _add_degrees(self, points: NDArray[np.float64], counts: Any, chains: Any) -> None:
        self.has_rings = True
        frame = SkyCoord(0, 0, unit="deg", frame=self.vertex_frame).frame.replicate_without_data()
        lon, lat = np.radians(points[:, 0]), np.radians(points[:, 1])
        self._add(frame, lon, lat, np.asarray(counts, dtype=np.int64), np.asarray(chains, dtype=np.int64))

    def _add_shapely(self, items: list[Any]) -> None:
        """Geometries of shapely, in a few calls for all of them."""
        import shapely  # type: ignore[import-untyped]

        geometries = np.array(items, dtype=object)
        name, number = ("Polygon", 3) if self.closed else ("LineString", 1)
        rows = np.arange(geometries.size)
        # Collections may hold collections.
        while (shapely.get_type_id(geometries) >= 4).any():
            # A polygon is its own part, but an empty collection has none.
            geometries, owner = shapely.get_parts(geometries, return_index=True)
            rows = rows[owner]
        kinds = shapely.get_type_id(geometries)
        bad = np.flatnonzero(kinds != number)
        if bad.size:
            kind = getattr(geometries[bad[0]], "geom_type", None)
            raise TypeError(f"vertices must hold a {name} in each item, but item {rows[bad[0]]} holds {shown(kind)}")
        geometries = geometries[~shapely.is_empty(geometries)]
        if self.closed:
            chains, owner = shapely.get_rings(geometries, return_index=True)
            per_shape = np.bincount(owner, minlength=geometries.size)
        else:
            chains, per_shape = geometries, np.ones(geometries.size, dtype=np.int64)
        points, owner = shapely.get_coordinates(chains, return_index=True)
        self._add_degrees(points, np.bincount(owner, minlength=chains.size), per_shape)

    def _add_geometry(self, item: Any, where: str) -> None:
        """A GeoJSON-like mapping, or an object that gives one."""
        chains: list[Any] = []
        per_shape: list[int] = []
        stack = [item]
        wanted = "Polygon" if self.closed else "LineString"
        while stack:
            one = stack.pop()
            given = getattr(one, "__geo_interface__", one)
            if not isinstance(given, Mapping):
                raise TypeError(
                    f"{where} must be a SkyCoord, a shapely object or a GeoJSON-like mapping, got {shown(one)}"
                )
            kind = given.get("type")
            if kind == "FeatureCollection":
                stack += reversed(list(_member(given, "features", where)))
            elif kind == "Feature":
                # A feature may be without a geometry.
                stack += [] if given.get("geometry") is None else [given["geometry"]]
            elif kind == "GeometryCollection":
                stack += reversed(list(_member(given, "geometries", where)))
            elif kind in (wanted, f"Multi{wanted}"):
                shapes = _member(given, "coordinates", where)
                for shape in shapes if kind != wanted else [shapes]:
                    rings = list(shape) if self.closed else [shape]
                    # An empty polygon.
                    if rings:
                        chains += rings
                        per_shape.append(len(rings))
            else:
                raise TypeError(f"{where} must hold {wanted}s, got the type {shown(kind)}")
        try:
            points = [np.asarray(chain, dtype=np.float64).reshape(len(chain), -1)[:, :2] for chain in chains]
            if any(one.shape[1] != 2 for one in points):
                raise ValueError
        except (TypeError, ValueError):
            raise ValueError(f"{where}: coordinates must be lists of positions [longitude, latitude]") from None
        if points:
            self._add_degrees(np.concatenate(points), [len(one) for one in points], per_shape)

    def found(self) -> _Found:
        counts = np.concatenate([np.zeros(0, dtype=np.int64), *self.counts])
        offsets = np.concatenate([[0], np.cumsum(counts)])
        owners = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, dtype=np.int64), *self.chains_of]))])
        groups = []
        for frame, parts, numbers in zip(self.frames, self.parts, self.numbers, strict=True):
            lon, lat = (np.concatenate(angles) for angles in zip(*parts, strict=True))
            bad = np.flatnonzero(np.abs(lat) > np.pi / 2 * (1 + 1e-12))
            if bad.size:
                raise ValueError(
                    f"latitudes of vertices must be from -90 to 90 deg, got {np.degrees(lat[bad[0]]):.10g} deg"
                )
            lat = np.clip(lat, -np.pi / 2, np.pi / 2)
            number = np.concatenate(numbers)
            within = np.arange(number.size) - np.searchsorted(number, number)
            data = UnitSphericalRepresentation(lon * u.rad, lat * u.rad, copy=False)
            groups.append(_Group(frame.realize_frame(data), offsets[number] + within))
        return _Found(groups, offsets.astype(np.int64), owners.astype(np.int64), self.has_rings)


def _is_shapely(item: Any) -> bool:
    return type(item).__module__.partition(".")[0] == "shapely"


def _member(given: Mapping[str, Any], name: str, where: str) -> Any:
    member = given.get(name)
    if not isinstance(member, Sequence | np.ndarray) or isinstance(member, str):
        raise ValueError(f"{where}: a {given.get('type')} must have a list of {name}, got {shown(member)}")
    return member


# ---------------------------------------------------------------------- checks


def _cleaned(groups: list[_Group], offsets: Offsets, owners: Offsets, *, closed: bool, noun: str) -> Chains:
    """Chains without vertices that repeat the one before, checked."""
    n = int(offsets[-1])
    vectors = np.empty((n, 3))
    for coord, where in groups:
        with np.errstate(invalid="ignore"):
            vectors[where] = frames.unit_vectors(coord.data.lon.to_value(u.rad), coord.data.lat.to_value(u.rad))
    counts = np.diff(offsets)
    chain = np.repeat(np.arange(counts.size), counts)

    def where_is(vertex: int) -> str:
        one = int(chain[vertex])
        return f"{row_of(one)} (vertex {vertex - offsets[one]})"

    def row_of(one: int) -> str:
        row = int(np.searchsorted(owners, one, side="right")) - 1
        ring = f", ring {one - owners[row]}" if owners[row + 1] - owners[row] > 1 else ""
        return f"row {row}{ring}"

    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise ValueError(f"vertices must be finite, {bad.size} of {n} are not, the first in {where_is(bad[0])}")
    first = offsets[:-1][counts > 0]
    before = np.arange(-1, n - 1)
    before[first] = (offsets[1:] - 1)[counts > 0]
    chords = np.linalg.norm(vectors - vectors[before], axis=1)
    keep = chords >= _SAME
    if not closed:
        # The first vertex comes after none, and a line that is a point needs a second one.
        chords[first] = 1.0
        keep[first] = True
        keep[first[counts[counts > 0] > 1] + 1] = True
    opposite = np.flatnonzero(chords > 1.9)
    opposite = opposite[np.linalg.norm(vectors[opposite] + vectors[before[opposite]], axis=1) < _OPPOSITE]
    if opposite.size:
        raise ValueError(
            f"vertices that follow each other must not be opposite on the sky, as in {where_is(opposite[0])}: no great "
            "circle is the shortest way between them"
        )
    kept = np.concatenate([[0], np.cumsum(keep)])[offsets].astype(np.int64)
    few = np.flatnonzero(np.diff(kept) < (3 if closed else 2))
    if closed and not few.size and kept.size > 1:
        # Vertices may repeat others than the one before.
        some = vectors[keep]
        start = np.repeat(kept[:-1], np.diff(kept))
        new = np.ones(len(some), dtype=np.bool_)
        for k in (0, 1):
            new &= np.linalg.norm(some - some[start + k], axis=1) >= _SAME
        few = np.flatnonzero(~np.logical_or.reduceat(new, kept[:-1]))
    if few.size:
        needed = "three different vertices" if closed else "two vertices"
        raise ValueError(
            f"a {noun} needs {needed} at least, {counted(few.size, 'row')} of {owners.size - 1} "
            f"{'has' if few.size == 1 else 'have'} fewer, the first in {row_of(int(few[0]))}"
        )
    if keep.all():
        return Chains(groups, vectors, offsets, owners)
    place = np.cumsum(keep) - 1
    left = []
    for coord, where in groups:
        stays = keep[where]
        numbers = np.arange(n)[where][stays]
        left.append(_Group(coord[stays], place[numbers]))
    return Chains(left, vectors[keep], kept, owners)
