"""Regions in GeoJSON."""

from __future__ import annotations

import json

from fuzz.doors.regions import one_file
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["WORDS", "mutate", "one", "seeds"]

WORDS = (
    b'"type":',
    b'"Polygon"',
    b'"MultiPolygon"',
    b'"Feature"',
    b'"FeatureCollection"',
    b'"GeometryCollection"',
    b'"Point"',
    b'"LineString"',
    b'"geometry":null',
    b'"coordinates":[]',
    b'"frame":"galactic"',
    b'"crs":',
    b'"bbox":[1,2,3,4]',
    b"[[0,0],[9,0],[9,9],[0,0]]",
    b"NaN",
    b"Infinity",
    b"null",
)
mutate = packing(text_mutator(WORDS))


def one(data: bytes) -> None:
    one_file(data, ".geojson")


def seeds() -> dict[str, bytes]:
    ring = [[0, 0], [30, 0], [30, 30], [0, 30], [0, 0]]
    hole = [[10, 10], [20, 10], [20, 20], [10, 20], [10, 10]]
    polygon = {"type": "Polygon", "coordinates": [ring, hole]}
    several = {"type": "MultiPolygon", "coordinates": [[ring], [[[170, 5], [-170, 5], [-170, 20], [170, 5]]]]}
    collection = {"type": "GeometryCollection", "geometries": [polygon, {"type": "Point", "coordinates": [1, 2]}]}
    features = [
        {"type": "Feature", "id": 1, "properties": {}, "geometry": one} for one in (polygon, several, collection)
    ]
    return {
        "polygon": json.dumps(polygon).encode(),
        "features": json.dumps({"type": "FeatureCollection", "frame": "fk5", "features": features}).encode(),
        "several": json.dumps(several).encode(),
    }
