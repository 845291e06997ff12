"""MOC ASCII, against mocpy."""

from __future__ import annotations

from fuzz.doors.mocs import cells, one_text, written
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator
from hpmask import Mask

__all__ = ["REAL", "WORDS", "mutate", "one", "seeds"]

WORDS = (b"s", b"/", b"-", b",", b"29/", b"0/0-11", b"#MOCORDER 8\n", b"#", b"3/1,2,3", b"t61/", b"\n", b"4/3-5 ")
REAL = ("mocfmt/mocpy/smoc.ascii.txt", "mocfmt/mocpy/stmoc.ascii.txt", "mocfmt/mocpy/tmoc.ascii.txt")
mutate = packing(text_mutator(WORDS))


def one(data: bytes) -> None:
    one_text(data, "ascii")


def seeds() -> dict[str, bytes]:
    return {
        "own": written(Mask(cells()), "ascii"),
        "packed": written(Mask(cells()), "ascii", packed=True),
        "old": b"\xef\xbb\xbf#MOCORDER 8\n3/1,2,3 7/5000,5001-5004,20002\n",
        "fine": b"3/ 5 8-9 10/ 10001 29/5-9 3458764513820540927 \n",
        "empty": b"29/",
        "named": b"s1/2 3/11-13 5/\n",
    }
