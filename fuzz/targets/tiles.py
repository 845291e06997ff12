"""Tables of polygons: corners in columns, corners in rows, and footprints in a column of texts."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from fuzz.doors.catalogs import written
from fuzz.doors.regions import one_file
from fuzz.mutators import by_beginning
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["WORDS", "mutate", "one", "seeds"]

WORDS = (b"ra1", b"dec1", b"RAC1", b"DECC4", b"s_region", b"POLY", b"RA", b"DEC", b"CIRCLE ICRS 10 20 3", b"# ", b'"')
mutate = packing(
    by_beginning(
        {b"SIMPLE": fits_mutator(("TTYPE1  = 'RA1'", "TUNIT1  = 'rad'", "TFORM1  = '4D'"))}, text_mutator(WORDS)
    )
)

_SUFFIXES = {b"SIMPLE": ".fits", b"# %ECS": ".ecsv", b"<?xml ": ".vot", b"# RA D": ".txt"}


def one(data: bytes) -> None:
    one_file(data, _SUFFIXES.get(data[:6], ".csv"))


def seeds() -> dict[str, bytes]:
    turn = np.linspace(0, 2 * np.pi, 5)[:-1]
    ring = np.round(np.stack([10 + 8 * np.cos(turn), 20 + 8 * np.sin(turn)], axis=1), 6)
    table = Table({"NAME": ["a", "b", "c"]})
    for k in range(4):
        table[f"RAC{k + 1}"] = ring[k, 0] + np.arange(3) * 40
        table[f"DECC{k + 1}"] = ring[k, 1] - np.arange(3) * 10
    footprints = Table({"id": [1, 2], "s_region": ["CIRCLE ICRS 10 20 3", "POLYGON 40 10 60 10 50 40"]})
    rows = "\n".join(f"{lon} {lat} {k}" for k in (1, 2) for lon, lat in ring + 30 * (k - 1))
    return {
        "csv": written(table, "ascii.csv"),
        "votable": written(table, "votable"),
        "fits": written(table, "fits"),
        "footprints": written(footprints, "ascii.ecsv"),
        "rows": f"# RA DEC POLY\n{rows}\n".encode(),
    }
