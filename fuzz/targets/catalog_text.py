"""Catalogs in CSV, TSV and ECSV, against astropy."""

from __future__ import annotations

from astropy.coordinates import Angle, SkyCoord

from fuzz.doors.catalogs import one_file, sources, written
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["WORDS", "mutate", "one", "seeds"]

WORDS = (
    b"ra,dec",
    b"RAJ2000",
    b"glon",
    b"glat",
    b"# %ECSV 1.0",
    b"# ---",
    b"# datatype:",
    b"- {name: x, datatype: float64}",
    b"unit: deg",
    b"unit: rad",
    b"datatype: string",
    b"subtype: 'float64[3]'",
    b"subtype: json",
    b"mixins:",
    b"!astropy.coordinates.SkyCoord",
    b"!!python/name:os.system",
    b"delimiter: ','",
    b"&a",
    b"*a",
    b"schema: astropy-2.0",
    b'""',
    b"\t",
)
mutate = packing(text_mutator(WORDS))


def one(data: bytes) -> None:
    if b"%ECSV" in data[:40]:
        one_file(data, ".ecsv", "ascii.ecsv")
    else:
        one_file(data, ".tsv" if b"\t" in data[:200] else ".csv", "ascii.tab" if b"\t" in data[:200] else "ascii.csv")


def seeds() -> dict[str, bytes]:
    table = sources()
    places = sources()
    places["center"] = SkyCoord(places["RAJ2000"], places["DEJ2000"], frame="fk5")
    angles = sources()
    angles["RAJ2000"] = Angle(angles["RAJ2000"].quantity).to_string(sep=":", unit="hourangle", precision=2)
    angles["RAJ2000"].unit = "h:m:s"
    return {
        "csv": written(table, "ascii.csv"),
        "commented": b"# A comment\n" + written(table, "ascii.csv"),
        "tsv": written(table, "ascii.tab"),
        "ecsv": written(table, "ascii.ecsv"),
        "ecsv_places": written(places, "ascii.ecsv"),
        "ecsv_angles": written(angles, "ascii.ecsv"),
        "short": b'ra,dec,name\n1,1,"a,""b"""\n2.5,-3,c\n',
    }
