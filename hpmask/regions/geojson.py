"""Regions of GeoJSON (RFC 7946), as in maps of constellations and footprints of surveys.

Coordinates are longitudes and latitudes in degrees, in the frame that a member ``frame`` or ``crs`` of the outermost
object names, or else in the one that the reader is given, ICRS by default.

* The sides of polygons are great circles. The first ring of a polygon is its outline, the others are holes. A ring is
  the smaller of its two sides, in either sense: RFC 7946 asks for anticlockwise rings, others for clockwise ones.
* A MultiPolygon and a GeometryCollection are the union of their parts. A polygon without coordinates is nothing. Points
  and lines have an area if they are given a radius or a width.
* The number of a region is that of its feature.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.words import brief
from hpmask.regions.figures import Path
from hpmask.regions.format import RegionFormat, Source, TextRegion
from hpmask.regions.items import INCLUDED, Corners, Point, check_frame

__all__ = ["FORMAT", "regions_of"]

_LINES = ("LineString", "MultiLineString")
_GEOMETRIES = ("Point", "MultiPoint", *_LINES, "Polygon", "MultiPolygon", "GeometryCollection")
# The terrestrial system that files name although they mean the sky.
_EARTH = re.compile(r"urn:ogc:def:crs:OGC:1\.3:CRS84|(urn:ogc:def:crs:)?EPSG:+4326", re.IGNORECASE)
_DEEPEST = 100


def regions_of(geometry: Any, frame: str = "icrs") -> list[Any]:
    """The regions of a geometry, an object of JSON.

    Raises
    ------
    ValueError
        If it is not a geometry, or not complete.

    Examples
    --------
    >>> from hpmask.regions.geojson import regions_of
    >>> regions_of({"type": "Point", "coordinates": [-90, 45]})
    [Point(frame='icrs', lon=-90.0, lat=45.0)]
    """
    return list(_geometry(geometry, frame, 0))


def _geometry(geometry: Any, frame: str, depth: int) -> Iterator[Any]:
    if depth > _DEEPEST:
        raise ValueError(f"there are more than {_DEEPEST} collections within each other")
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    if kind not in _GEOMETRIES:
        raise ValueError(f"a geometry has one of the types {', '.join(_GEOMETRIES)}, got {kind!r}")
    if kind == "GeometryCollection":
        for one in _list(geometry.get("geometries"), "the geometries of a collection"):
            yield from _geometry(one, frame, depth + 1)
        return
    coordinates = geometry.get("coordinates")
    if kind in _LINES:
        for line in [coordinates] if kind == "LineString" else _list(coordinates, f"the coordinates of a {kind}"):
            positions = _positions(line, "a line")
            if len(positions) < 2:
                raise ValueError(f"a line has at least 2 positions, got {len(positions)}")
            yield Path(kind, SkyCoord(positions * u.deg, frame=frame), dict(INCLUDED))
    elif kind in ("Point", "MultiPoint"):
        for lon, lat in _positions([coordinates] if kind == "Point" else coordinates, kind).tolist():
            yield Point(lon, lat, frame=frame)
    else:
        for rings in [coordinates] if kind == "Polygon" else _list(coordinates, "the coordinates of a MultiPolygon"):
            found = [_ring(ring) for ring in _list(rings, "the coordinates of a Polygon")]
            if found:
                yield Corners(found, frame=frame)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list, got {type(value).__name__}")
    return value


def _ring(ring: Any) -> NDArray[np.float64]:
    positions = _positions(ring, "a ring")
    if len(positions) < 4:
        raise ValueError(f"a ring has at least 4 positions, the last one that of the first, got {len(positions)}")
    if (positions[0, 1] != positions[-1, 1]) or (positions[0, 0] - positions[-1, 0]) % 360:
        raise ValueError("the first and the last position of a ring must be the same")
    return positions[:-1]


def _positions(values: Any, what: str) -> NDArray[np.float64]:
    """Longitudes and latitudes, shape (n, 2); further numbers, such as heights, are left out."""
    for one in _list(values, f"the positions of {what}"):
        if not (
            isinstance(one, list)
            and len(one) >= 2
            and all(isinstance(value, int | float) and not isinstance(value, bool) for value in one[:2])
        ):
            raise ValueError(f"a position must be a list of a longitude and a latitude, got {str(one)[:60]}")
        if not (abs(one[0]) < 1e6 and abs(one[1]) <= 90):
            raise ValueError(f"a latitude must be between -90 and 90 deg, a longitude finite, got {str(one[:2])[:60]}")
    return np.array([one[:2] for one in values], dtype=np.float64).reshape(-1, 2)


# ---------------------------------------------------------------------- files


def _features(document: Any) -> Iterator[tuple[int, Any]]:
    """The geometries of a document, and the numbers of their features."""
    kind = document.get("type") if isinstance(document, Mapping) else None
    features = [document]
    if kind == "FeatureCollection":
        features = _list(document.get("features"), "the features of a FeatureCollection")
    for number, feature in enumerate(features, 1):
        if kind == "FeatureCollection" or kind == "Feature":
            if not isinstance(feature, Mapping) or feature.get("type") != "Feature" or "geometry" not in feature:
                raise ValueError(f"feature {number} is not an object with the type Feature and a geometry")
            # A feature without a place is allowed.
            if feature["geometry"] is not None:
                yield number, feature["geometry"]
        else:
            yield number, feature


def _frame_of(document: Any, given: str | None) -> str:
    """The frame that a document names, or the one that is given."""
    named = document.get("frame") if isinstance(document, Mapping) else None
    crs = document.get("crs") if isinstance(document, Mapping) else None
    if named is None and crs is not None:
        properties = crs.get("properties") if isinstance(crs, Mapping) else None
        named = properties.get("name") if isinstance(properties, Mapping) else crs
        if isinstance(named, str) and _EARTH.fullmatch(named):
            named = None
    if given is not None:
        return check_frame(given)
    if named is None:
        return "icrs"
    try:
        return check_frame(named)
    except ValueError:
        raise ValueError(f"its frame {str(named)[:60]!r} is not known: give region_frame") from None


def _read(source: Source, region_frame: str | None = None) -> list[TextRegion]:
    try:
        document = json.loads(source.text)
    except RecursionError:
        raise ValueError(f"{source.name} cannot be read as GeoJSON: its lists are nested too deep") from None
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            raise ValueError(f"line {error.lineno} of {source.name} cannot be read as GeoJSON: {error.msg}") from error
        raise ValueError(f"{source.name} cannot be read as GeoJSON: {brief(error)}") from error
    found: list[TextRegion] = []
    number = 0
    try:
        frame = _frame_of(document, region_frame)
        for number, geometry in _features(document):
            found += [TextRegion(region, number, "feature") for region in regions_of(geometry, frame)]
    except ValueError as error:
        where = f"feature {number} of {source.name}" if number else source.name
        raise ValueError(f"{where} cannot be read as GeoJSON: {error}") from error
    return found


def _matches(source: Source) -> bool:
    start = source.text[:4096].lstrip()
    return start.startswith("{") and re.search(r'"(type|features|geometry|coordinates|crs)"\s*:', start) is not None


FORMAT = RegionFormat(
    name="geojson",
    description="GeoJSON: polygons and multipolygons with holes, points, lines, features and collections.",
    suffixes=(".geojson", ".json"),
    matches=_matches,
    read=_read,
    options=("region_frame",),
)
