"""Polygon files of mangle: caps, rectangles, vertices and circles."""

from __future__ import annotations

from fuzz.doors.regions import one_file
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["REAL", "WORDS", "mutate", "one", "seeds"]

_WORDS = (
    "polygon polygons caps weight pixel str : unit d r h skip vertices rectangle circle pixelization 1d 2s "
    "snapped balkanized edges graphics spolygon healpix_weight Polygon"
)
WORDS = tuple(word.encode() for word in _WORDS.split()) + (b"( 3 caps, 0.86 weight, 0.1 str):\n", b" 0 0 1 0.5\n")
REAL = ("regions/pscz/hibpscz.exclude.rect",)
mutate = packing(text_mutator(WORDS))


def one(data: bytes) -> None:
    one_file(data, ".ply")


def seeds() -> dict[str, bytes]:
    return {
        "caps": b"3 polygons\npixelization 1d\nsnapped\npolygon 1 ( 3 caps, 0.86 weight, 7 pixel, 0.000654 str):\n"
        b" -0.2578376418299718 -0.0225647768426473 0.9659247285899666 -1.0110097289055111\n"
        b" 0.7681766324901956 -0.6111447424234377 0.1908055688501065 0.0338121321510756\n"
        b" 0.0871557427476581736 -0.9961946980917455323 -0.0 0.3076923076923077093\n"
        b"polygon 2 ( 2 caps, 1 weight, 0.000654 str):\n 0 0 1 0.5\n 0 0 1 -0.4\n"
        b"polygon 3 ( 1 caps, 0 weight, 1 str):\n 1 0 0 0.1\n",
        "rectangles": b"unit d\nrectangle\n azmin azmax elmin elmax\n10 20 30 40\n350 10 -20 -10\n0 360 80 90\n",
        "vertices": b"unit d\nskip 0\nvertices\n10 10 30 10 30 30 10 30\n",
        "circle": b"unit d\ncircle\n10 20 5 12 20 5\n",
    }
