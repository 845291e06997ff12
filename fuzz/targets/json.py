"""MOC JSON, against mocpy."""

from __future__ import annotations

from fuzz.doors.mocs import cells, one_text, written
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator
from hpmask import Mask

__all__ = ["WORDS", "mutate", "one", "seeds"]

WORDS = (
    b'"s":',
    b'{"3":[1]}',
    b'"29":[',
    b"[]",
    b"{}",
    b"null",
    b"true",
    b"1e2",
    b"\\u0033",
    b"#MOCORDER 8\n",
    b'"type"',
)
mutate = packing(text_mutator(WORDS))


def one(data: bytes) -> None:
    # mocpy reads a MOC with a named dimension as an empty one, and leaves out the cell -0.
    one_text(data, "json", otherwise=(b'"s"', b"-0"))


def seeds() -> dict[str, bytes]:
    return {
        "own": written(Mask(cells()), "json"),
        "packed": written(Mask(cells()), "json", packed=True),
        "old": b'#MOCORDER 8\n{"3":[1,2,3],"7":[5000,5001,20002]}',
        "named": b'{"s": {"3": [1, 4], "9": []}}',
        "fine": b'{"29": [0, 3458764513820540927], "0": [1]}',
        "empty": b'{"7": []}',
    }
