"""Hostile files: small ones that ask for much, deep ones, and texts that no author of a file writes.

`inputs` has them, each with the doors that it is given to. As a program, this opens the doors in a process with limits.
"""

# ruff: noqa: E501  (texts of files, which are easier to compare in one line)

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import resource
import signal
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

BILLION = 10**9

# ---------------------------------------------------------------------- FITS


def header(*cards: tuple[str, Any], primary: bool = False) -> bytes:
    """A header of FITS with exactly these cards."""
    some = [("SIMPLE", True) if primary else ("XTENSION", "BINTABLE"), ("BITPIX", 8), *cards]
    text = "".join(str(fits.Card(*card)) for card in some) + "END".ljust(80)
    return text.ljust(len(text) + -len(text) % 2880).encode()


EMPTY = header(("NAXIS", 0), ("EXTEND", True), primary=True)


def table(
    n_bytes: int, n_rows: int, *cards: tuple[str, Any], more: int = 0, form: str = "1K", name: str = "A"
) -> bytes:
    """The header of a table with one column, behind an empty primary HDU."""
    sizes = (("NAXIS", 2), ("NAXIS1", n_bytes), ("NAXIS2", n_rows), ("PCOUNT", more), ("GCOUNT", 1), ("TFIELDS", 1))
    return EMPTY + header(*sizes, ("TTYPE1", name), ("TFORM1", form), *cards)


def image(*shape: int, extension: bool = False) -> bytes:
    """The header of an image of a field, with as many axes as there are sizes."""
    axes = [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRPIX1", 1.0), ("CRPIX2", 1.0)]
    axes += [("CRVAL1", 10.0), ("CRVAL2", 10.0), ("CDELT1", -1e-9), ("CDELT2", 1e-9), ("RADESYS", "ICRS")]
    sizes = [("NAXIS", len(shape)), *((f"NAXIS{i}", n) for i, n in enumerate(shape, 1))]
    return header(*sizes, *axes, primary=True)


def tiles(n: int) -> bytes:
    """An image of n x n pixels in tiles of a row, all of which are one tile of a few bytes."""
    out = io.BytesIO()
    hdu = fits.CompImageHDU(np.zeros((4, n), np.int16), compression_type="GZIP_1", tile_shape=(1, n))
    hdu.header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=10.0, CRVAL2=10.0, CDELT1=-1e-4, CDELT2=1e-4)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(out)
    with fits.open(io.BytesIO(out.getvalue()), disable_image_compression=True) as hdus:
        rows = np.array(hdus[1].data)
        packed, cards = hdus[1].header.copy(), out.getvalue()
        size = hdus[1].header["PCOUNT"]
        start = hdus[1].fileinfo()["datLoc"] + hdus[1].header["NAXIS1"] * 4
        heap = cards[start : start + size]
        first = cards[start - 4 * packed["NAXIS1"] : start - 3 * packed["NAXIS1"]]
    assert len(rows) == 4
    packed["NAXIS2"] = packed["ZNAXIS2"] = n
    return EMPTY + packed.tostring().encode() + padded(first * n + heap)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 2880)


def moc(n_rows: int, order: Any = 29, ordering: str = "RANGE") -> bytes:
    return table(
        8,
        n_rows,
        ("MOCVERS", "2.0"),
        ("MOCDIM", "SPACE"),
        ("ORDERING", ordering),
        ("COORDSYS", "C"),
        ("MOCORD_S", order),
    )


def healpix(nside: int, n_rows: int, scheme: str = "IMPLICIT", form: str = "1D") -> bytes:
    return table(
        8, n_rows, ("PIXTYPE", "HEALPIX"), ("ORDERING", "NESTED"), ("NSIDE", nside), ("INDXSCHM", scheme), form=form
    )


FITS_FILES: dict[str, bytes] = {
    "huge_image": image(BILLION, BILLION) + bytes(2880),
    "huge_image_without_pixels": image(BILLION, BILLION),
    "huge_cube": image(10, 10, BILLION) + bytes(2880),
    "many_axes": image(*[1] * 999) + bytes(2880),
    "negative_axes": image(-10, -10) + bytes(2880),
    "huge_table": table(BILLION, BILLION) + bytes(2880),
    "rows_of_nothing": table(0, 10**15, form="0K"),
    "rows_of_nothing_in_a_moc": EMPTY
    + moc(10**15)[2880:].replace(b"NAXIS1  =                    8", b"NAXIS1  =                    0"),
    "huge_heap": table(8, 1, more=10**18) + bytes(2880),
    "huge_repeat": table(8, 1, form="999999999999K") + bytes(2880),
    "huge_repeat_and_no_row": table(8 * BILLION, 0, form=f"{BILLION}K"),
    "huge_pointer": table(16, 1, form="1QD(999999999999)") + padded((10**9).to_bytes(8, "big") * 2),
    "huge_dimensions": table(8, 1, ("TDIM1", "(1000000,1000000,1000000)")) + bytes(2880),
    "many_columns": EMPTY
    + header(("NAXIS", 2), ("NAXIS1", 8), ("NAXIS2", 1), ("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", BILLION))
    + bytes(2880),
    "moc_of_many_rows": moc(BILLION) + bytes(2880),
    "moc_of_many_cells": moc(BILLION, ordering="NUNIQ") + bytes(2880),
    "moc_of_order_30": moc(0, 30),
    "moc_of_a_huge_order": moc(0, 10**20),
    "moc_of_a_negative_order": moc(0, -1),
    "healpix_of_the_finest_cells": healpix(1 << 29, 12 << 58) + bytes(2880),
    "healpix_of_finer_cells": healpix(1 << 40, 1) + bytes(2880),
    "healpix_of_no_cells": healpix(0, 0),
    "healpix_in_wide_rows": healpix(1 << 29, 1, form="999999999999D") + bytes(2880),
    "part_of_the_finest_cells": healpix(1 << 29, BILLION, "EXPLICIT") + bytes(2880),
    "planes_without_end": EMPTY.replace(b"EXTEND  =                    T", b"HPMASK  =                    1")
    + bytes(0),
    "healsparse": table(8, BILLION, ("PIXTYPE", "HEALSPARSE"), ("NSIDE", 1 << 29), ("EXTNAME", "COV")) + bytes(2880),
    "huge_exponent": moc(0).replace(
        b"MOCORD_S=                   29", b"MOCORD_S=  1E999999999999999999"[:31].ljust(30)[:30]
    ),
}


def own(**cards: Any) -> bytes:
    """The primary header of a file of hpmask, with other counts."""
    counts = {"HPMASK": 1, "COORDSYS": "C", "MOCORD_S": 29, "MASKHASH": "0" * 64, "CREATOR": "hpmask", **cards}
    return header(("NAXIS", 0), ("EXTEND", True), *counts.items(), primary=True) + moc(0)[2880:]


for _count in (10**9, 10**18, 10**30, -1):
    FITS_FILES[f"own_planes_{_count}"] = own(NPLANES=_count, NBINS=_count)
    FITS_FILES[f"own_layers_{_count}"] = own(HPMASK=2, NLAYERS=_count)
for _packer in (gzip, bz2, lzma):
    _zeros = _packer.compress(bytes(1 << 24)) * 32
    FITS_FILES[f"image_{_packer.__name__}"] = _packer.compress(image(1 << 15, 1 << 14)) + _zeros
    FITS_FILES[f"moc_{_packer.__name__}"] = _packer.compress(moc(1 << 26)) + _zeros
    FITS_FILES[f"table_{_packer.__name__}"] = _packer.compress(table(8, 1 << 26, name="RA")) + _zeros

# ---------------------------------------------------------------------- texts

DEEP = 100_000
NUMBERS = (
    "9" * 100_000,
    "1e999999",
    "-1e308",
    "5e-324",
    "1" + "0" * 5000 + "e-5000",
    "0x" + "f" * 10_000,
    "1_0",
    "\u0661",
)
ODD = {
    "nul": b"\0" * 1000,
    "bom_twice": b"\xef\xbb\xbf\xef\xbb\xbf",
    "utf16": "circle(1,2,3)".encode("utf-16"),
    "surrogate": b"\xed\xa0\x80",
    "latin": b"\xe9\xff",
    "carriage_returns": b"\r\r\n\r",
    "a_million_lines": b"\n" * 10**6,
    "a_million_blanks": b" " * 10**6,
    "a_million_letters": b"a" * 10**6,
    "a_million_quotes": b'"' * 10**6,
    "a_million_backslashes": b"\\" * 10**6,
    "a_million_hashes": b"#" * 10**6,
    "a_million_semicolons": b";" * 10**6,
    "a_million_minuses": b"-" * 10**6,
    "a_million_dots": b"a." * 500_000,
    "a_million_commas": b"1," * 500_000,
}


def _nested(opening: str, closing: str, inside: str = "", depth: int = DEEP) -> dict[str, bytes]:
    return {
        "open": (opening * depth).encode(),
        "closed": (opening * depth + inside + closing * depth).encode(),
    }


def texts(start: str, *nests: tuple[str, str, str], numbers: str = "") -> dict[str, bytes]:
    """Hostile texts of a format: odd ones, also after the beginning of such a file, deep ones, and huge numbers in it."""
    made = dict(ODD)
    made |= {f"{name}_behind": start.encode() + content for name, content in ODD.items()}
    for k, (opening, closing, inside) in enumerate(nests):
        for depth in (200, DEEP):
            for name, content in _nested(opening, closing, inside, depth).items():
                made[f"nest_{k}_{depth}_{name}"] = start.encode() + content
    for k, number in enumerate(NUMBERS):
        if numbers:
            made[f"number_{k}"] = numbers.replace("N", number).encode()
    return made


XML = '<?xml version="1.0"?>'
VOTABLE = '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
FIELDS = '<FIELD name="ra" datatype="double" unit="deg"/><FIELD name="dec" datatype="double" unit="deg"/>'
END = "</TABLE></RESOURCE></VOTABLE>"
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
VOTABLES = {
    "laughs": f'{XML}<!DOCTYPE v [<!ENTITY l0 "ha">{LAUGHS}]>{VOTABLE}<DESCRIPTION>&l9;</DESCRIPTION>{FIELDS}{END}',
    "quadratic": f'{XML}<!DOCTYPE v [<!ENTITY a "{"a" * 50_000}">]>{VOTABLE}<DESCRIPTION>{"&a;" * 50_000}</DESCRIPTION>{END}',
    "file": f'{XML}<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/passwd">]>{VOTABLE}<DESCRIPTION>&a;</DESCRIPTION>{FIELDS}<DATA><TABLEDATA><TR><TD>&a;</TD><TD>1</TD></TR></TABLEDATA></DATA>{END}',
    "dtd": f'{XML}<!DOCTYPE v SYSTEM "http://127.0.0.1:9/v.dtd">{VOTABLE}{FIELDS}{END}',
    "href": f'{XML}{VOTABLE}{FIELDS}<DATA><BINARY><STREAM href="http://127.0.0.1:9/x"/></BINARY></DATA>{END}',
    "href_of_a_file": f'{XML}{VOTABLE}{FIELDS}<DATA><BINARY><STREAM href="file:///etc/passwd"/></BINARY></DATA>{END}',
    "href_of_fits": f'{XML}{VOTABLE}{FIELDS}<DATA><FITS><STREAM href="http://127.0.0.1:9/x.fits"/></FITS></DATA>{END}',
    "huge_array": f'{XML}{VOTABLE}<FIELD name="ra" datatype="double" arraysize="99999999999"/>{FIELDS}<DATA><TABLEDATA><TR><TD>1</TD><TD>1</TD></TR></TABLEDATA></DATA>{END}',
    "huge_nrows": XML
    + VOTABLE.replace("<TABLE>", '<TABLE nrows="999999999999">')
    + f"{FIELDS}<DATA><TABLEDATA><TR><TD>1</TD><TD>1</TD></TR></TABLEDATA></DATA>{END}",
    "deep": XML + "<VOTABLE>" + "<RESOURCE>" * DEEP,
    "deep_groups": XML + VOTABLE + "<GROUP>" * 3000 + "</GROUP>" * 3000 + FIELDS + END,
}
ECSV = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: ra, datatype: float64, unit: deg}\n# - {name: dec, datatype: float64, unit: deg}\n"
ALIASES = "".join(f"# a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
ECSVS = {
    "aliases": f"{ECSV}# a0: &a0 [x, x]\n{ALIASES}ra dec\n1 2\n",
    "python": f"{ECSV}# meta: !!python/object/apply:os.system ['true']\nra dec\n1 2\n",
    "array": f"{ECSV}# meta: !numpy.ndarray {{dtype: float64, order: C, shape: [999999999999], buffer: !!binary ''}}\nra dec\n1 2\n",
    "deep": f"{ECSV}# meta: {'[' * 3000}{']' * 3000}\nra dec\n1 2\n",
    "deeper": f"{ECSV}# meta: {'[' * DEEP}\nra dec\n1 2\n",
    "type": ECSV.replace("float64", "float64[99999999999]") + "ra dec\n1 2\n",
}
CSVS = {
    "many_columns": "ra,dec," + ",".join(f"c{i}" for i in range(100_000)) + "\n1,2\n",
    "long_row": "ra,dec\n1," + "2," * 10**6 + "\n",
    "digits": "ra,dec\n" + "9" * 10**5 + ",1\n",
    "exponent": "ra,dec\n1e999999,1\n",
    "big_degrees": "ra,dec\n1e308,1e308\n",
}

GEOJSON = '{"type":"FeatureCollection","features":['
POINT = '{"type":"Point","coordinates":[1,2]}'
REGIONS: dict[str, dict[str, bytes]] = {
    "reg": texts(
        "icrs\n",
        ("(", ")", "circle(1,2,3)"),
        ("-", "", "circle(1,2,3)"),
        ("||", "", ""),
        ("{", "}", ""),
        ('"', '"', ""),
        numbers="icrs\ncircle(N,1,N)\n",
    ),
    "crtf": texts(
        "#CRTFv0\n",
        ("[", "]", "1deg,2deg"),
        ("circle[", "]", "[1deg,2deg],3deg"),
        ("-", "", "circle[[1deg,2deg],3deg]"),
        numbers="#CRTFv0\ncircle[[Ndeg, 1deg], Ndeg]\n",
    ),
    "stcs": texts(
        "Circle ICRS 1 2 3\n",
        ("Union ICRS (", ")", "Circle 1 2 3"),
        ("Not ICRS (", ")", "Circle 1 2 3"),
        ("(", ")", ""),
        numbers="Circle ICRS N 1 N\n",
    ),
    "geojson": texts(
        "",
        ("[", "]", "1"),
        ('{"type":"GeometryCollection","geometries":[', "]}", POINT),
        ('{"a":', "}", "1"),
        (GEOJSON, "]}", ""),
        numbers='{"type":"Point","coordinates":[N,1]}',
    ),
    "ply": texts(
        "1 polygons\npolygon 0 ( 1 caps, 1 weight, 0 pixel, 1 str):\n 1 0 0 1\n",
        numbers="N polygons\npolygon 0 ( N caps, 1 weight, 0 pixel, 1 str):\n 1 0 N N\n",
    ),
}
REGIONS["ply"]["many_caps"] = b"1 polygons\npolygon 0 ( 1000000000 caps, 1 weight, 0 pixel, 1 str):\n 1 0 0 1\n"
REGIONS["ply"]["many_polygons"] = b"999999999999 polygons\npolygon 0 ( 1 caps, 1 weight, 0 pixel, 1 str):\n 1 0 0 1\n"
REGIONS["reg"]["many_annuli"] = b'icrs\nannulus(1,2,1",2",n=1000000000)\nellipse(1,2,1",2",3",4",n=999999999)\n'
REGIONS["reg"]["wide_panda"] = b'icrs\npanda(1,2,0,360,1000000000,1",2",1000000000)\n'
LAST = (12 << 58) - 1
MOCS: dict[str, dict[str, bytes]] = {
    "txt": texts("3/1 ", numbers="3/N\n")
    | {
        "whole_sky": f"29/0-{LAST}".encode(),
        "beyond": f"29/0-{LAST + 1}".encode(),
        "every_order": " ".join(f"{o}/0-{(12 << 2 * o) - 1}" for o in range(30)).encode(),
        "every_order_apart": (
            "0/0-10 "
            + " ".join(
                f"{o}/{(11 << 2 * o) + (1 << 2 * o) - 4 + 3 * (o == 29)}-{(12 << 2 * o) - 2}" for o in range(1, 30)
            )
        ).encode(),
        "order_30": b"30/1",
        "order_99999": b"9" * 50 + b"/1",
    },
    "json": texts('{"3":[', ("[", "]", "1"), ('{"3":', "}", "1"), ('{"3":[1],"m":', "}", "{}"), numbers='{"N":[1]}')
    | {
        "orders": ("{" + ",".join(f'"{i}":[]' for i in range(10**6)) + "}").encode(),
        "same_order": ("{" + ",".join('"3":[1]' for i in range(10**6)) + "}").encode(),
        "infinite": b'{"3":[Infinity,NaN]}',
        "float": b'{"3":[1e999999, 1.0]}',
        "number": b'{"3":[' + b"9" * 10**6 + b"]}",
    },
}
HEAD = "order = 5\n"
ZONE = '[[exclude]]\nzone = { lat = ["-2 deg", "2 deg"] }\n'
RECIPES = texts(
    HEAD, ("x = [", "]", ""), ("[", "]", ""), ("x = {a = ", "}", "1"), ("{", "}", ""), numbers=f"order = N\n{ZONE}"
) | {
    "dotted": (HEAD + "a." * 500_000 + "a = 1\n").encode(),
    "dotted_inside": (HEAD + "a = {" + "a." * 500_000 + "a = 1}\n").encode(),
    "dotted_header": (HEAD + "[" + "a." * 500_000 + "a]\n").encode(),
    "dotted_with_blanks": (HEAD + "a . " * 250_000 + "a = 1\n").encode(),
    "dotted_quotes": (HEAD + '"a b".' * 150_000 + "a = 1\n").encode(),
    "many_headers": (HEAD + "".join(f"[a.b{i}]\n" for i in range(80_000))).encode(),
    "many_entries": (HEAD + "[[exclude]]\n" * 80_000).encode(),
    "many_keys": (HEAD + "".join(f"k{i} = 1\n" for i in range(80_000))).encode(),
    "open_quotes": (HEAD + '"""\\' * 250_000).encode(),
    "infinite_angle": f'{HEAD}[[exclude]]\nzone = {{ lat = ["-inf deg", "1e999 deg"] }}\n'.encode(),
    "many_bins": f'{HEAD}energy = {{ min = "1 GeV", max = "2 GeV", bins = 1000000000 }}\n{ZONE}'.encode(),
    "tiny_cells": f'resolution = "1e-300 deg"\n{ZONE}'.encode(),
    "finest_order": f"order = 29\n{ZONE}".encode(),
    "wide_cutout": f'{HEAD}{ZONE}[[cutout]]\nfile = "a.fits"\ncenter = "1 2"\nwidth = "170 deg"\nbinsz = "1e-9 deg"\n'.encode(),
    "tiny_pixels": f'{HEAD}{ZONE}[[cutout]]\nfile = "a.fits"\ncenter = "1 2"\nwidth = "1 deg"\nbinsz = "1e-300 deg"\n'.encode(),
    "wide_dilation": f'{HEAD}{ZONE}dilate = "1e308 deg"\n'.encode(),
    "long_unit": f'{HEAD}{ZONE}dilate = "1 {"deg " * 100_000}"\n'.encode(),
    "nested_unit": f'{HEAD}{ZONE}dilate = "1 {"(" * 100_000}deg"\n'.encode(),
    "powers": f'{HEAD}{ZONE}dilate = "1 deg{"**9" * 1000}"\n'.encode(),
    "pole_condition": f'{HEAD}[[exclude]]\nds9 = "icrs; {"(" * 50_000}circle(1,2,3)"\n'.encode(),
}


def inputs() -> list[tuple[str, str, str, bytes]]:
    """The door, the name, the suffix and the content of each file."""
    found: list[tuple[str, str, str, bytes]] = []
    for name, content in FITS_FILES.items():
        found += [(door, name, ".fits", content) for door in ("mask", "set", "map", "image", "catalog", "regions")]
    for kind, some in MOCS.items():
        found += [("mask", f"{kind}_{name}", f".{kind}", content) for name, content in some.items()]
        # Without a suffix, the content decides about the format.
        found += [("mask", f"plain_{kind}_{name}", "", content) for name, content in some.items()]
    for kind, some in REGIONS.items():
        found += [("regions", f"{kind}_{name}", f".{kind}", content) for name, content in some.items()]
    for suffix, tables in ((".vot", VOTABLES), (".ecsv", ECSVS), (".csv", CSVS)):
        found += [("catalog", name, suffix, text.encode()) for name, text in tables.items()]
    found += [("catalog", f"csv_{name}", ".csv", content) for name, content in texts("ra,dec\n1,").items()]
    found += [("recipe", name, ".toml", content) for name, content in RECIPES.items()]
    return found


def through(door: str, path: Path) -> str:
    """The type of what one door makes of a file."""
    from hpmask import Mask, MaskSet, io
    from hpmask.recipe import read_recipe

    opened: dict[str, Any] = {
        "mask": Mask.read,
        "set": MaskSet.read,
        "map": io.read_map,
        "image": lambda path: Mask.from_wcs(path, order=5),
        "catalog": lambda path: Mask.from_catalog(path, "1 deg", order=5),
        "regions": lambda path: Mask.from_regions(path, order=5, point_radius="1 deg", line_width="1 deg"),
        "recipe": lambda path: read_recipe(path).build(),
    }
    return type(opened[door](path)).__name__


# ---------------------------------------------------------------------- in a process with limits


class Slow(BaseException):
    """A door took more than its time."""


def main(folder: str, megabytes: str, seconds: str) -> None:
    """Open each file DOOR-NUMBER of a folder and print a line of JSON about it, with limits of memory and CPU time."""
    import hpmask

    hpmask.set_num_threads(1)
    warnings.simplefilter("ignore")
    # What is imported late, or allocated once, does not count.
    for door in ("mask", "catalog", "regions"):
        with suppress(ValueError):
            through(door, Path(__file__))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(megabytes) * 10**6
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def ring(*_: Any) -> None:
        raise Slow

    signal.signal(signal.SIGVTALRM, ring)
    for path in sorted(Path(folder).iterdir()):
        door, start = path.name.split("-")[0], time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, float(seconds))
        try:
            end, kinds, message = through(door, path), [], ""
        except (Slow, Exception) as error:
            end, message = type(error).__name__, str(error)
            kinds = [one.__name__ for one in type(error).__mro__]
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        line = {"file": path.name, "end": end, "kinds": kinds, "length": len(message), "message": message[:300]}
        print(json.dumps({**line, "seconds": time.process_time() - start}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
