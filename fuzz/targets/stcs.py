"""Regions in STC-S."""

from __future__ import annotations

from fuzz.doors.regions import one_file
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["WORDS", "mutate", "one", "seeds"]

_WORDS = (
    "Circle Ellipse Box Polygon Convex Position PositionInterval AllSky Union Intersection Not Difference ( ) "
    "ICRS FK5 FK4 GALACTIC ECLIPTIC J2000 B1950 UNKNOWNFrame TOPOCENTER GEOCENTER BARYCENTER CART3 SPHERICAL2 "
    "SPHER2 unit deg arcmin rad fillfactor Size Error Resolution PixSize TimeInterval Spectral RANGE epoch"
)
WORDS = tuple(word.encode() for word in _WORDS.split()) + (b"\n", b"CIRCLE('ICRS', 10, 20, 3)")
mutate = packing(text_mutator(WORDS))


def one(data: bytes) -> None:
    one_file(data, ".stcs")


def seeds() -> dict[str, bytes]:
    return {
        "lines": b"# footprints\nCircle ICRS TOPOCENTER 10 20 5 unit deg\nPOLYGON 10 10 30 10 20 30\n"
        b"Box GALACTIC 0 0 5 5\nEllipse FK5 100 20 4 2 30\nConvex CART3 0 0 1 0.9 1 0 0 0\n",
        "union": b"Union FK5 (Circle 10 20 3 Not (Box 10 20 1 2) Intersection (Ellipse 10 20 4 2 30 Circle 12 20 3))\n",
        "range": b"RANGE 10 20 -5 5",
        "quoted": b"CIRCLE('GALACTIC', 10, 20, 3)\n",
    }
