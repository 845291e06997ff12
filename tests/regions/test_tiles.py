"""Tables of polygons: tiles with corners in columns, footprints with a corner in each row, columns of STC-S."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from hpmask import Mask
from hpmask.regions.convert import to_shapes
from hpmask.regions.parse import read

RNG = np.random.default_rng(8)
N = 30
LON, LAT = RNG.uniform(0, 360, N), RNG.uniform(-70, 70, N)
DX, DY = np.array([-1, 1, 1, -1]) * 1.5, np.array([-1, -1, 1, 1]) * 1.2
CORNERS = np.stack([(LON[:, None] + DX / np.cos(np.radians(LAT))[:, None]) % 360, LAT[:, None] + DY], axis=2)


def expected(corners=CORNERS, frame="icrs", order=6):
    text = "\n".join(f"polygon({', '.join(map(repr, one.ravel().tolist()))})" for one in corners)
    return Mask.from_regions(f"{frame}\n{text}", order=order)


def tiles(lon="RA{}", lat="DEC{}", first=1):
    columns = {"NAME": [f"tile {i}" for i in range(N)]}
    for k in range(4):
        columns[lon.replace("{}", str(k + first))] = CORNERS[:, k, 0]
        columns[lat.replace("{}", str(k + first))] = CORNERS[:, k, 1]
    return Table(columns)


FORMATS = {
    ".fits": "fits",
    ".csv": "ascii.csv",
    ".tsv": "ascii.tab",
    ".ecsv": "ascii.ecsv",
    ".vot": "votable",
    ".parquet": "parquet",
}


@pytest.mark.parametrize("end", FORMATS)
def test_files_of_tiles(end, tmp_path):
    if end == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"tiles{end}"
    tiles().write(path, format=FORMATS[end])
    regions, _ = read(path)
    assert [(one.line, one.unit) for one in regions] == [(row, "row") for row in range(1, N + 1)]
    assert Mask.from_regions(path, order=6) == expected()
    assert Mask.from_regions(str(path), order=6, format="table") == expected()


@pytest.mark.parametrize(
    ("names", "frame"),
    [
        (("ra{}", "dec{}"), "icrs"),
        (("RAC{}", "DECC{}"), "icrs"),
        (("ra_{}", "dec_{}"), "icrs"),
        (("corner{}_ra", "corner{}_dec"), "icrs"),
        (("lon{}", "lat{}"), "icrs"),
        (("RAJ2000_{}", "DEJ2000_{}"), "icrs"),
        (("l{}", "b{}"), "galactic"),
        (("GLON{}", "GLAT{}"), "galactic"),
        (("ELON{}", "ELAT{}"), "ecliptic"),
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_names_of_columns(names, frame, first, tmp_path):
    path = tmp_path / "tiles.csv"
    tiles(*names, first).write(path, format="ascii.csv")
    assert Mask.from_regions(path, order=6) == expected(frame=frame)


def test_names_by_patterns(tmp_path):
    path = tmp_path / "tiles.ecsv"
    tiles("x{}_of_tile", "y{}_of_tile").write(path)
    with pytest.raises(ValueError, match=r"'tiles.ecsv' has no columns of corners such as .*: it has NAME, x1_of_tile"):
        read(path)
    columns = ("x{}_of_tile", "y{}_of_tile")
    assert Mask.from_regions(path, order=6, columns=columns) == expected()
    assert Mask.from_regions(path, order=6, columns=columns, region_frame="galactic") == expected(frame="galactic")
    for bad in (("x1", "y1"), "x{}", ("x{}",), ("x{}", 3), ("a{}{}", "b{}")):
        with pytest.raises(ValueError, match=r"columns must be two names with \{\} for the number"):
            read(path, columns=bad)
    with pytest.raises(ValueError, match=r"no columns of corners such as 'a{}' and 'b{}'"):
        read(path, columns=("a{}", "b{}"))
    # A corner whose longitude or latitude is missing is not left out.
    table = tiles()
    table.remove_column("RA2")
    table.write(tmp_path / "lacking.csv")
    with pytest.raises(ValueError, match=r"'lacking.csv' has no columns of corners"):
        read(tmp_path / "lacking.csv")


def test_units_and_missing_corners(tmp_path):
    table = tiles()
    for name in table.colnames[1:]:
        table[name] = np.radians(table[name]) * u.rad
    path = tmp_path / "tiles.fits"
    table.write(path)
    assert Mask.from_regions(path, order=6) == expected()
    table = tiles()
    for name in ("RA4", "DEC4"):
        table[name] = MaskedColumn(table[name], mask=np.arange(N) == 3)
    table.write(path, overwrite=True)
    triangle = expected(CORNERS[3:4, :3])
    assert Mask.from_regions(path, order=6) == expected(np.delete(CORNERS, 3, axis=0)) | triangle
    table["RA1"] = np.where(np.arange(N) == 5, np.nan, table["RA1"])
    table.write(path, overwrite=True)
    with pytest.raises(ValueError, match=r"row 6 of 'tiles.fits'.* has not the corners of a polygon"):
        read(path)
    with pytest.warns(UserWarning, match=r"left out 1 of 30 regions: row 6 of 'tiles.fits'"):
        Mask.from_regions(path, order=6, invalid="skip")
    table = tiles()
    table["RA1"] = table["NAME"]
    table.write(path, overwrite=True)
    with pytest.raises(ValueError, match=r"column 'RA1' of 'tiles.fits'.* is not one of angles"):
        read(path)


def test_columns_of_stcs(tmp_path):
    table = Table({"obs_id": ["a", "b", "c"], "s_region": ["CIRCLE ICRS 10 20 3", "", "POLYGON 40 10 60 10 50 40"]})
    both = Mask.from_regions(["CIRCLE 10 20 3", "POLYGON 40 10 60 10 50 40"], order=6)
    for end, language in FORMATS.items():
        if end == ".parquet":
            pytest.importorskip("pyarrow")
        path = tmp_path / f"obs{end}"
        table.write(path, format=language)
        assert [one.line for one in read(path)[0]] == [1, 3]
        assert Mask.from_regions(path, order=6) == both
    table["s_region"][1] = "BLOB"
    table.write(tmp_path / "bad.csv", format="ascii.csv")
    with pytest.raises(ValueError, match=r"row 2 of 'bad.csv': column 's_region' cannot be read as STC-S: 'BLOB'"):
        read(tmp_path / "bad.csv")
    with pytest.warns(UserWarning, match="left out 1 of 3 regions: row 2 of 'bad.csv'"):
        assert Mask.from_regions(tmp_path / "bad.csv", order=6, invalid="skip") == both


TRIANGLES = np.array([[[10, 10], [30, 10], [20, 40.0]], [[100, -10], [120, -10], [110, -40.0]]])


@pytest.mark.parametrize(
    "text",
    [
        "# A survey\n#RA DEC POLY\n10 10 1\n30 10 1\n20 40 1\n100 -10 2\n120 -10 2\n110 -40 2\n",
        "ra dec poly\n10 10 a\n30 10 a\n20 40 a\n100 -10 b\n120 -10 b\n110 -40 b\n",
        "10 10 1\n30 10 1\n20 40 1\n100 -10 2\n120 -10 2\n110 -40 2\n",
        "10\t10\n30\t10\n20\t40\n\n100\t-10\n120\t-10\n110\t-40\n\n",
        "# lon, lat\n10, 10\n30, 10\n20, 40\n\n# the other one\n100, -10\n120, -10\n110, -40",
        "id ra1 dec1 ra2 dec2 ra3 dec3\n1 10 10 30 10 20 40\n2 100 -10 120 -10 110 -40\n",
        "id|ra1|dec1|ra2|dec2|ra3|dec3\n1|10|10|30|10|20|40\n2|100|-10|120|-10|110|-40\n3|100|-10|120|-10|110|-40\n",
    ],
)
def test_texts_of_corners(text, tmp_path):
    path = tmp_path / "footprint.txt"
    path.write_text(text)
    assert Mask.from_regions(path, order=6) == expected(TRIANGLES)
    if "ra1" not in text:
        assert [one.line for one in read(path)[0]] != [None]
        assert Mask.from_regions(text, order=6) == expected(TRIANGLES)


def test_tables_of_corners(tmp_path):
    lon, lat = TRIANGLES.reshape(-1, 2).T
    table = Table({"RA": lon, "DEC": lat, "POLY": [1, 1, 1, 2, 2, 2]})
    table.write(tmp_path / "a.csv")
    assert Mask.from_regions(tmp_path / "a.csv", order=6) == expected(TRIANGLES)
    table["RA"].name, table["DEC"].name = "l", "b"
    table.write(tmp_path / "a.fits")
    assert Mask.from_regions(tmp_path / "a.fits", order=6) == expected(TRIANGLES, "galactic")
    table["POLY"] = [1, 1, 1, 2, 2, 3]
    table.write(tmp_path / "b.csv")
    with pytest.raises(ValueError, match=r"the polygon from row 4 of 'b.csv' on has fewer than 3 corners"):
        read(tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("10 10\n30 10\n20 40\n1 2 3\n", "line 4 of 'a.txt' cannot be read as a table of corners: .*3 columns, not 2"),
        ("10 10\n30 10\n20 x\n", "line 3 of 'a.txt' cannot be read as a table of corners: .*'x' is not a number"),
        ("10 10\n30 10\n20 95\n", "line 3 of 'a.txt' is not a corner"),
        ("10 10\n30 10\n20 nan\n", "line 3 of 'a.txt' cannot be read"),
        ("10 10 3 4\n30 10 3 4\n20 40 3 4\n", "its 4 columns need names"),
        ("a b\n30 10\n20 40\n10 10\n", "'a.txt' has no columns of corners such as"),
        ("10 10\n30 10\n\n20 40\n", "the polygon from line 1 of 'a.txt' on has fewer than 3 corners"),
        ("# nothing\n", "'a.txt' holds no region"),
    ],
)
def test_what_cannot_be_read(text, match, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=match):
        read(tmp_path / "a.txt", format="table")


def test_fits_regions_are_no_table(tmp_path):
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("SHAPE", "10A", array=["CIRCLE"]),
            fits.Column("X", "D", array=[10.0]),
            fits.Column("Y", "D", array=[10.0]),
            fits.Column("R", "D", array=[3.0]),
        ]
    )
    hdu.name = "REGION"
    hdu.writeto(tmp_path / "a.fits")
    found, _ = read(tmp_path / "a.fits")
    assert type(found[0].region).__name__ == "CirclePixelRegion"


@pytest.mark.parametrize(
    ("name", "polygons", "area"),
    [
        # Published: DES about 5000 deg2, DECaLS about 9000 deg2 with its two parts, the HLWAS in outline.
        ("regions/skyproj_des-round19-poly.txt", 1, 5080.8),
        ("regions/skyproj_decals-poly.txt", 2, 11458.7),
        ("regions/skyproj_roman-hlwas-poly.txt", 6, 5179.1),
    ],
)
def test_footprints_of_surveys(data, name, polygons, area):
    path = data(name)
    assert len(read(path)[0]) == polygons
    shapes = to_shapes(path, "icrs")
    mask = Mask.from_regions(path, order=8)
    assert mask.area.value == pytest.approx(area, rel=2e-3)
    assert mask.area.value == pytest.approx(sum(shape.area for shape in shapes) * np.degrees(1) ** 2, rel=2e-3)
