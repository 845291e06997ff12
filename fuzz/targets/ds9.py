"""Region files of ds9, against the regions package."""

from __future__ import annotations

import re

from fuzz.doors.regions import one_text
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["REAL", "WORDS", "mutate", "one", "seeds"]

_WORDS = (
    "fk5 fk4 icrs galactic ecliptic image physical wcs circle ellipse box polygon annulus line point vector text ruler "
    "panda epanda bpanda compass projection segment composite global tile include source background || && -circle "
    "!circle # text={a} color=red width=2 30' 15\" 0.5r 10d 5p 5i 1:2:3.4 -1:2:3 12h30m10s +10d20m3s J2000 B1950 "
    "linear; # Region file format: DS9 version 4.1"
)
WORDS = tuple(word.encode() for word in _WORDS.split()) + (b"\n", b";", b"# composite(10,20,30) || composite=1")
REAL = tuple(f"regions/ds9/ds9.{frame}.reg" for frame in ("fk5", "fk4", "galactic", "ecliptic", "icrs"))
mutate = packing(text_mutator(WORDS))

# Words of ds9 that the regions package passes over, or reads in another way than ds9 does. hpmask does as ds9.
_OTHER = re.compile(r"global|composite|\|\||&&|[-!]|panda|tile|wcs|image|physical|linear|ecliptic|b1950|j2000|fk4|#")


def one(data: bytes) -> None:
    one_text(data, ".reg", "ds9", other=_OTHER, ends=";\n\r", most=1)


def seeds() -> dict[str, bytes]:
    return {
        "shapes": b"# Region file format: DS9 version 4.1\nglobal color=green include=1\nfk5\n"
        b"circle(83.63,22.01,300') # text={Crab}\nellipse(10,20,3,2,30)\nbox(5:10:2.5,+20:30:1,4d,2d,10)\n"
        b"polygon(1,1,9,1,9,9,1,9)\nannulus(200,-30,1,2,4)\n-circle(83.63,22.01,60')\n",
        "galactic": b"galactic;circle(184.56,-5.78,2.5);box(0,0,5,5,45)\n",
        "one": b"icrs; circle(83.63, 22.01, 5)",
        "pandas": b"icrs\npanda(10,20,0,90,2,0,5,1)\nepanda(50,20,0,120,1,1,2,3,4,1,30)\n",
        "composite": b"fk5\n# composite(10,20,0) || composite=1\ncircle(10,20,3) ||\nbox(12,20,4,2,0)\n",
        "sexagesimal": b"fk4;ellipse(12h30m10s,-10d20m3s,3d,100',0)\n",
    }
