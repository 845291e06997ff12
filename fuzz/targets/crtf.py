"""Region files of CASA, against the regions package."""

from __future__ import annotations

import re

from fuzz.doors.regions import one_text
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["REAL", "WORDS", "mutate", "one", "seeds"]

_WORDS = (
    "#CRTFv0 global coord=J2000 coord=GALACTIC coord=B1950 coord=ECLIPTIC circle[[ box[[ centerbox[[ rotbox[[ "
    "poly[[ ellipse[[ annulus[[ symbol[[ line[[ vector[[ text[[ ann + - deg arcmin arcsec rad pix 12h30m10s "
    "-10d20m3s -10.20.3.5 12:30:10 range=[1GHz,2GHz] corr=[I] label='x' color=red diff ]] ], ,"
)
WORDS = tuple(word.encode() for word in _WORDS.split()) + (b"\n",)
REAL = ("regions/crtf/CRTF_CARTA.crtf", "regions/crtf/CRTFgeneral.crtf", "regions/crtf/CRTF_labelcolor.crtf")
mutate = packing(text_mutator(WORDS))

# hpmask adds and subtracts regions as CASA does, and the regions package makes a list of them.
_OTHER = re.compile(r"global|ann|[-+]|diff|b1950|ecliptic|pix|range|corr|#.*#")


def one(data: bytes) -> None:
    one_text(data, ".crtf", "crtf", other=_OTHER, ends="\n\r", most=2)


def seeds() -> dict[str, bytes]:
    return {
        "shapes": b"#CRTFv0\nglobal coord=J2000, color=blue\ncircle[[83.63deg, 22.01deg], 5deg]\n"
        b"ellipse[[10deg, 20deg], [3deg, 2deg], 30deg], coord=GALACTIC\n"
        b"rotbox[[12h30m10s, -10.20.3], [4deg, 2deg], 10deg]\n"
        b"+poly[[1deg,1deg],[9deg,1deg],[9deg,9deg]]\nannulus[[200deg,-30deg],[1deg,2deg]], label='x'\n"
        b"-circle[[83.63deg, 22.01deg], 60arcmin]\nann text[[1deg,2deg],'a']\n",
        "one": b"#CRTFv0\ncircle[[83.63deg, 22.01deg], 5deg], coord=ICRS\n",
        "box": b"#CRTFv0\nbox[[10deg, 20deg], [15deg, 28deg]], coord=J2000\n"
        b"centerbox[[1rad, 0rad], [0.1rad, 0.1rad]], coord=ICRS\n",
    }
