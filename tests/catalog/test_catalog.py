"""Catalogs to discs: real catalogs with their published counts, and every way to give positions and radii."""

import gzip
import hashlib
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import FK4, FK5, ICRS, Angle, FK4NoETerms, SkyCoord
from astropy.io import fits
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import Mask
from hpmask.catalog import rows as catalog_rows

LON, LAT = np.array([10.0, 200.0, 359.5]), np.array([-5.0, 60.0, 90.0])
WHERE = SkyCoord(LON, LAT, unit="deg")


def table(**columns):
    return Table(columns or {"ra": LON, "dec": LAT})


def read_rows(table, radius, *, missing=None, **options):
    """The rows of a catalog of discs."""
    return catalog_rows.read_rows(
        table, {"radius": radius}, missing=None if missing is None else {"radius": missing}, **options
    )


def assert_at(rows, coord):
    assert rows.center.shape == coord.shape
    assert rows.center.separation(coord).max() < 1e-9 * u.deg


# ---------------------------------------------------------------------- real catalogs


@pytest.mark.parametrize(
    ("name", "n_cells"),
    [
        ("catalogs/gll_psch_v13_3FHL.fit.gz", 86_817),
        ("catalogs/gll_psc_v35_4FGL-DR4_slim.fits.gz", 317_321),
    ],
)
def test_published_counts_of_fermi_catalogs(data, name, n_cells):
    mask = Mask.from_catalog(data(name), "1 deg", order=8)
    assert mask.planes[0].n_cells == n_cells
    assert "positions RAJ2000 and DEJ2000" in mask.history
    assert "discs, 1 deg, order=8" in mask.history


def test_published_count_of_bright_stars(data):
    path = data("points/tycho2_vt_dev60.parquet")
    stars = Table.read(path)
    bright = stars[stars["vt_mag"] < 6]
    assert len(bright) == 2591
    assert Mask.from_catalog(bright, "0.35 deg", order=9).planes[0].n_cells == 73_945


@pytest.mark.deep
def test_a_million_rows_take_less_than_a_second(data):
    path = data("points/tycho2_vt_dev60.parquet")
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        rows = read_rows(path, lambda stars: (0.4 - 0.02 * stars["vt_mag"]) * u.deg)
        best = min(best, time.process_time() - start)
    assert rows.center.shape == rows.sizes["radius"].shape == (1_122_606,)
    assert best < 1


@pytest.mark.parametrize(
    ("name", "n", "apart"),
    [
        ("catalogs/gll_psch_v13_3FHL.fit.gz", 1556, 0.5),
        ("catalogs/gll_psc_v35_4FGL-DR4_slim.fits.gz", 7195, 0.5),
        # Older Fermi files have the Galactic pole by 2 arcsec elsewhere.
        ("catalogs/gll_psc_v16_3FGL.fit.gz", 3034, 2),
        ("points/fermi_2fhl_events_selected.fits.gz", 60_347, 2),
        # Its two positions of a source are not always the same one.
        ("catalogs/LAT_extended_sources_8years.fits", 75, 120),
        ("catalogs/hgps_catalog_v1.fits.gz", 78, 0.5),
    ],
)
def test_equatorial_and_galactic_columns_are_the_same_sky(data, name, n, apart):
    equatorial = read_rows(data(name), "1 deg")
    lon, lat = ("L", "B") if "events" in name else ("GLON", "GLAT")
    galactic = read_rows(data(name), "1 deg", lon=lon, lat=lat)
    # The header of the events has RADECSYS = FK5.
    assert equatorial.center.frame.name == ("fk5" if "events" in name else "icrs")
    assert galactic.center.frame.name == "galactic"
    assert len(equatorial.center) == len(galactic.center) == n
    assert equatorial.center.separation(galactic.center).max() < apart * u.arcsec


def test_radii_of_the_extended_sources(data):
    rows = read_rows(data("catalogs/LAT_extended_sources_8years.fits"), "Model_SemiMajor")
    assert rows.sizes["radius"].shape == (75,)
    assert rows.sizes["radius"].unit == u.deg
    column = fits.getdata(data("catalogs/LAT_extended_sources_8years.fits"), 1)["Model_SemiMajor"]
    np.testing.assert_array_equal(rows.sizes["radius"].value, column)


def test_hess_sources_without_a_radius(data):
    path = data("catalogs/hgps_catalog_v1.fits.gz")
    with pytest.raises(ValueError, match=r"14 of 78 rows .*a radius that is missing .*1, 13, 19, .*, \.\.\."):
        read_rows(path, "R70")
    with pytest.warns(UserWarning, match="left out 14 of 78 rows"):
        rows = read_rows(path, "R70", invalid="skip")
    assert len(rows.center) == len(rows.sizes["radius"]) == 64
    assert rows.account.n_skipped == 14
    assert "HGPS_SOURCES" in rows.summary
    assert "14 of 78 rows left out" in rows.summary
    filled = read_rows(path, lambda t: np.nan_to_num(t["R70"].quantity, nan=0.1 * u.deg))
    assert filled.sizes["radius"].shape == (78,)


def test_a_csv_catalog(data):
    rows = read_rows(data("catalogs/gll_psc_v27_4FGL-DR2.csv"), lambda t: t["amaj"] * u.deg)
    frame = pd.read_csv(data("catalogs/gll_psc_v27_4FGL-DR2.csv"))
    assert_at(rows, SkyCoord(frame["ra"].to_numpy(), frame["dec"].to_numpy(), unit="deg"))
    np.testing.assert_array_equal(rows.sizes["radius"].to_value(u.deg), frame["amaj"])


@pytest.mark.deep
def test_hipparcos_and_a_radius_by_magnitude(data):
    rows = [
        line.split("\t")
        for line in data("catalogs/Hipparcos_MAG8_1997.dat").read_text().splitlines()
        if line.count("\t") == 4 and line[:10].strip().replace(".", "").isdigit()
    ]
    stars = Table(rows=rows, names=["_RAJ2000", "_DEJ2000", "HIP", "Vmag", "B-V"])
    stars = Table({name: stars[name].astype(float) for name in ("_RAJ2000", "_DEJ2000", "Vmag")})
    assert len(stars) == 41_057
    rows = read_rows(stars, lambda t: np.where(t["Vmag"] < 6, 0.35, 0) * u.deg)
    assert "_RAJ2000 and _DEJ2000" in rows.summary
    assert set(rows.sizes["radius"].value) == {0, 0.35}


# ---------------------------------------------------------------------- files

WRITERS = {
    "a.fits": "fits",
    "a.fit": "fits",
    "a.fits.gz": "fits",
    "a.ecsv": "ascii.ecsv",
    "a.csv": "ascii.csv",
    "a.tsv": "ascii.tab",
    "a.vot": "votable",
    "a.xml": "votable",
    "a.parquet": "parquet",
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format(tmp_path, name):
    stars = table(ra=LON, dec=LAT, size=[1.0, 2.0, 3.0], name=["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stars.write(tmp_path / name, format=WRITERS[name])
    for path in (tmp_path / name, str(tmp_path / name)):
        rows = read_rows(path, lambda t: t["size"] * u.arcmin)
        assert_at(rows, WHERE)
        assert rows.sizes["radius"].to_value(u.arcmin).tolist() == [1, 2, 3]
        assert rows.summary.startswith(repr(name))


def test_units_survive_files(tmp_path):
    stars = QTable({"ra": LON * u.deg, "dec": np.radians(LAT) * u.rad, "size": [1, 2, 3] * u.arcmin})
    for name in ("a.fits", "a.ecsv", "a.vot"):
        stars.write(tmp_path / name, format=WRITERS[name])
        rows = read_rows(tmp_path / name, "size")
        assert_at(rows, WHERE)
        assert rows.sizes["radius"].to_value(u.arcmin).tolist() == [1, 2, 3]


def test_skycoord_columns_survive_ecsv(tmp_path):
    Table({"where": WHERE.galactic, "ra": [1, 2, 3], "dec": [1, 2, 3]}).write(tmp_path / "a.ecsv")
    rows = read_rows(tmp_path / "a.ecsv", "1 deg")
    assert_at(rows, WHERE)
    assert rows.center.frame.name == "galactic"


def test_the_first_fits_table_with_positions(tmp_path):
    hdus = [fits.PrimaryHDU(np.zeros((2, 2)))]
    for name, columns in (
        ("GTI", {"START": [1.0], "STOP": [2.0]}),
        ("SOURCES", {"RA": LON, "DEC": LAT}),
        ("ROIS", {"RA": [0.0], "DEC": [0.0], "X0": [7.0], "Y0": [8.0]}),
    ):
        hdus.append(fits.table_to_hdu(Table(columns)))
        hdus[-1].name = name
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    rows = read_rows(tmp_path / "a.fits", "1 deg")
    assert_at(rows, WHERE)
    assert rows.summary.startswith("'a.fits', table SOURCES, sha256 ")
    named = read_rows(tmp_path / "a.fits", "1 deg", lon="X0", lat="Y0", catalog_frame="galactic")
    assert "table ROIS" in named.summary
    with pytest.raises(ValueError, match=r"'a.fits', table GTI: it has START, STOP; .*table ROIS"):
        read_rows(tmp_path / "a.fits", "1 deg", lon="XX", lat="YY")


def test_ucds_in_fits_headers(tmp_path):
    hdu = fits.table_to_hdu(Table({"ra_err": [1, 1, 1], "alpha": LON, "delta": LAT}))
    hdu.header["TUCD1"] = "stat.error;pos.eq.ra;meta.main"
    hdu.header["TUCD2"] = "pos.eq.ra;meta.main"
    hdu.header["TUCD3"] = "pos.eq.dec;meta.main"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "a.fits")
    rows = read_rows(tmp_path / "a.fits", "1 deg")
    assert_at(rows, WHERE)
    assert "positions alpha and delta" in rows.summary


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.fits").write_text("no FITS")
    (tmp_path / "a.vot").write_text("no VOTable")
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    (tmp_path / "a.dat").write_text("1 2 3")
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    for name, message in [
        ("a.fits", "'a.fits' cannot be read as fits: "),
        ("a.vot", "'a.vot' cannot be read as votable: "),
        ("a.parquet", "'a.parquet' cannot be read as parquet: "),
        ("a.dat", r"the format of 'a.dat' is not known: .*\.fits, .*\.parquet"),
        ("image.fits", "'image.fits' holds no table"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_rows(tmp_path / name, "1 deg")
    with pytest.raises(FileNotFoundError, match=r"none\.fits"):
        read_rows(tmp_path / "none.fits", "1 deg")


def test_a_fits_file_that_is_cut_short(tmp_path):
    Table({"ra": np.zeros(10_000), "dec": np.zeros(10_000)}).write(tmp_path / "whole.fits")
    whole = (tmp_path / "whole.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"'cut\.fits' cannot be read as fits"):
        read_rows(tmp_path / "cut.fits", "1 deg")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "hpmask\[parquet\]"'):
        read_rows(tmp_path / "a.parquet", "1 deg")


@pytest.mark.parametrize("given_", [None, 3, [[1, 2]], np.zeros((2, 2)), pd.Series([1.0])])
def test_what_is_no_table(given_):
    with pytest.raises(TypeError, match="table must be an astropy Table, a data frame, a structured array"):
        read_rows(given_, "1 deg")


# ---------------------------------------------------------------------- data frames


class Derived(pd.DataFrame):
    """As the data frames of lsdb, geopandas and others are."""

    @property
    def _constructor(self):
        return Derived


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_data_frames_of_other_kinds(backend):
    frame = pd.DataFrame({"RA": LON, "Dec": LAT, "n": [1, None, 3], "name": ["a", None, "c"]})
    frame["n"] = frame["n"].astype("Int64")
    for given_ in (Derived(frame), frame.convert_dtypes(dtype_backend=backend), pa.Table.from_pandas(frame)):
        rows = read_rows(given_, lambda t: np.nan_to_num(t["n"], nan=7) * u.deg)
        assert_at(rows, WHERE)
        assert rows.sizes["radius"].to_value(u.deg).tolist() == [1, 7, 3]


def test_lazy_data_frames():
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    frame = polars.DataFrame({"RA": LON, "Dec": LAT})
    for given_ in (frame.lazy(), duckdb.from_arrow(frame.to_arrow())):
        assert_at(read_rows(given_, "1 deg"), WHERE)


def test_missing_positions_of_data_frames():
    frame = pd.DataFrame({"RA": [10.0, None, 30.0], "Dec": [1.0, 2.0, 3.0]})
    for given_ in (frame, frame.convert_dtypes(dtype_backend="pyarrow"), pa.Table.from_pandas(frame)):
        with pytest.raises(ValueError, match=r"1 of 3 rows cannot be used: a position that is missing.*row 1\)"):
            read_rows(given_, "1 deg")


def test_arrays_with_fields():
    rows = np.array(list(zip(LON, LAT, [1, 2, 3], strict=True)), dtype=[("RA", "f4"), ("Dec", ">f8"), ("size", "i2")])
    hdu = fits.BinTableHDU(rows)
    hdu.columns["RA"].unit = "deg"
    hdu.columns["size"].unit = "arcmin"
    where = SkyCoord(rows["RA"].astype(float), LAT, unit="deg")
    for given_ in (rows, rows.view(np.recarray), {name: rows[name] for name in rows.dtype.names}):
        rows = read_rows(given_, lambda t: t["size"] * u.arcmin)
        assert_at(rows, where)
    for given_ in (hdu, hdu.data):
        rows = read_rows(given_, "size")
        assert_at(rows, where)
        assert rows.sizes["radius"].to_value(u.arcmin).tolist() == [1, 2, 3]


def test_columns_of_objects():
    stars = Table({"RA": np.array([1, 2.5, None], dtype=object), "Dec": np.array([1, 2, 3], dtype=object)})
    with pytest.raises(ValueError, match=r"1 of 3 rows cannot be used: a position that is missing"):
        read_rows(stars, "1 deg")
    assert_at(read_rows(stars[:2], "1 deg"), SkyCoord([1, 2.5], [1, 2], unit="deg"))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv"])
@pytest.mark.parametrize(
    "text",
    [
        "\ufeffra,dec\n10,5\n20,6\n",
        "# made by hand\n#ra,dec\n10,5\n20,6\n",
        "# a comment, with a comma\n\nra,dec\n10,5\n# another\n20,6\n",
        "ra,dec\r\n10,5\r\n20,6",
    ],
)
def test_comments_and_byte_order_marks_of_text(tmp_path, name, text):
    path = tmp_path / name
    raw = (text.replace(",", "\t") if "tsv" in name else text).encode()
    path.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    assert_at(read_rows(path, "1 deg"), SkyCoord([10, 20], [5, 6], unit="deg"))


def test_data_frames():
    frame = pd.DataFrame({"RA": LON, "Dec": LAT, "name": ["a", "b", "c"], "size": [1, 2, 3]}, index=[7, 8, 9])
    rows = read_rows(frame, lambda t: t["size"] * u.arcmin)
    assert_at(rows, WHERE)
    assert rows.sizes["radius"].to_value(u.arcmin).tolist() == [1, 2, 3]


def test_missing_values_of_data_frames():
    frame = pd.DataFrame({"ra": LON, "dec": pd.array([1, None, 3], dtype="Int64"), "size": [None, 1.0, 2.0]})
    with pytest.raises(ValueError, match=r"2 of 3 rows .* position .* 1 \(row 1\); a radius .* 1 \(row 0\)"):
        read_rows(frame, lambda t: t["size"] * u.deg)


# ---------------------------------------------------------------------- positions: names, UCDs, frames


@pytest.mark.parametrize(
    ("lon", "lat", "frame"),
    [
        ("RAJ2000", "DEJ2000", "icrs"),
        ("RA", "DEC", "icrs"),
        ("ra", "dec", "icrs"),
        ("Ra", "Dec", "icrs"),
        ("_RAJ2000", "_DEJ2000", "icrs"),
        ("RA_ICRS", "DE_ICRS", "icrs"),
        ("_RA", "_DE", "icrs"),
        ("_RA.icrs", "_DE.icrs", "icrs"),
        ("RAdeg", "DEdeg", "icrs"),
        ("ra_deg", "dec_deg", "icrs"),
        ("ALPHA_J2000", "DELTA_J2000", "icrs"),
        ("ra_epoch2000", "dec_epoch2000", "icrs"),
        ("right_ascension", "declination", "icrs"),
        ("RAB1950", "DEB1950", "fk4"),
        ("GLON", "GLAT", "galactic"),
        ("l", "b", "galactic"),
        ("L", "B", "galactic"),
        ("ecl_lon", "ecl_lat", "barycentricmeanecliptic"),
    ],
)
def test_usual_names(lon, lat, frame):
    rows = read_rows(Table({"id": [1, 2, 3], lon: LON, lat: LAT}), "1 deg")
    assert_at(rows, SkyCoord(LON, LAT, unit="deg", frame=frame))
    assert rows.center.frame.name == frame
    assert f"positions {lon} and {lat}" in rows.summary


def test_order_of_preference():
    columns = {
        "where": SkyCoord([1] * 3, [1] * 3, unit="deg"),
        "alpha": Column([2] * 3, meta={"ucd": "pos.eq.ra;meta.main"}),
        "delta": Column([2] * 3, meta={"ucd": "pos.eq.dec;meta.main"}),
        "raj2000": [3] * 3,
        "dej2000": [3] * 3,
        "ra": [4] * 3,
        "dec": [4] * 3,
        "_RAJ2000": [5] * 3,
        "_DEJ2000": [5] * 3,
        "glon": [6] * 3,
        "glat": [6] * 3,
        "elon": [7] * 3,
        "elat": [7] * 3,
        "ra_guide": Column([8] * 3, meta={"ucd": "pos.eq.ra"}),
        "dec_guide": Column([8] * 3, meta={"ucd": "pos.eq.dec"}),
        "g1": Column([9] * 3, meta={"ucd": "pos.galactic.lon"}),
        "g2": Column([9] * 3, meta={"ucd": "pos.galactic.lat"}),
    }
    found = []
    # The order of the columns does not matter.
    stars = Table(dict(reversed(columns.items())))
    while stars.colnames:
        rows = read_rows(stars, "1 deg")
        found.append(round(rows.center[0].spherical.lon.deg))
        named = rows.summary.partition("positions ")[2].replace(" and ", ", ")
        stars.remove_columns(named.split(", "))
    assert found == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_old_ucds():
    stars = table(a=LON, b2=LAT)
    stars["a"].meta["ucd"] = "POS_EQ_RA_MAIN"
    stars["b2"].meta["ucd"] = "POS_EQ_DEC_MAIN"
    assert_at(read_rows(stars, "1 deg"), WHERE)


def test_two_skycoord_columns_must_be_named():
    stars = Table({"first": WHERE, "second": WHERE.galactic})
    with pytest.raises(ValueError, match=r"name them by lon and lat. Its columns are first, second"):
        read_rows(stars, "1 deg")
    rows = read_rows(stars, "1 deg", lon="second")
    assert rows.center.frame.name == "galactic"
    assert_at(rows, WHERE)
    with pytest.raises(ValueError, match="'second' holds SkyCoords, which catalog_frame cannot change"):
        read_rows(stars, "1 deg", lon="second", catalog_frame="icrs")


def test_catalog_frame_overrides_the_columns():
    rows = read_rows(table(), "1 deg", catalog_frame="galactic")
    assert_at(rows, SkyCoord(LON, LAT, unit="deg", frame="galactic"))
    with pytest.raises(ValueError, match="catalog_frame 'nonsense' is not a frame of SkyCoord"):
        read_rows(table(), "1 deg", catalog_frame="nonsense")


@pytest.mark.parametrize("key", ["RADESYS", "RADECSYS"])
def test_the_header_tells_fk4(key):
    stars = table()
    stars.meta[key] = "FK4"
    assert read_rows(stars, "1 deg").center.frame.name == "fk4"
    stars.rename_columns(["ra", "dec"], ["RAJ2000", "DEJ2000"])
    assert read_rows(stars, "1 deg").center.frame.name == "icrs"


@pytest.mark.parametrize(
    ("cards", "frame"),
    [
        ({"RADESYS": "FK4", "EQUINOX": 1950.0}, FK4(equinox="B1950")),
        ({"RADESYS": "FK4"}, FK4(equinox="B1950")),
        ({"RADESYS": "FK4-NO-E", "EQUINOX": 1900}, FK4NoETerms(equinox="B1900")),
        ({"EQUINOX": 1950.0}, FK4(equinox="B1950")),
        ({"EQUINOX": "B1950.0"}, FK4(equinox="B1950")),
        ({"EQUINOX": 1983.9}, FK4(equinox="B1983.9")),
        ({"EQUINOX": 1984}, FK5(equinox="J1984")),
        ({"EPOCH": 1950.0}, FK4(equinox="B1950")),
        ({"EPOCH": 2000.0}, FK5(equinox="J2000")),
        ({"EQUINOX": 1975.0, "EPOCH": 2015.5}, FK4(equinox="B1975")),
        ({"RADESYS": "FK5", "EQUINOX": 1950.0}, FK5(equinox="J1950")),
        ({"RADECSYS": "fk5", "equinox": 1975.0}, FK5(equinox="J1975")),
        ({"RADESYS": "FK5", "EPOCH": 1950.0}, FK5(equinox="J1950")),
        ({"RADESYS": "ICRS", "EQUINOX": 2000.0}, ICRS()),
        ({"RADESYS": "ICRS", "EPOCH": 2015.5}, ICRS()),
        ({"RADESYS": "", "EQUINOX": ""}, ICRS()),
    ],
)
def test_keywords_of_the_frame(tmp_path, cards, frame):
    """As for images: astropy's frame of a WCS with the same keywords is the referee."""
    stars = table()
    stars.meta.update(cards)
    assert_at(read_rows(stars, "1 deg"), SkyCoord(LON, LAT, unit="deg", frame=frame))
    if all(isinstance(value, str | float) for value in cards.values()) and "B1950.0" not in cards.values():
        image = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 1.0, "CRVAL2": 1.0, "CRPIX1": 1, "CRPIX2": 1}
        image |= {"CDELT1": 0.1, "CDELT2": 0.1} | {key.upper(): value for key, value in cards.items() if value}
        image = {key: value.upper() if isinstance(value, str) else value for key, value in image.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seen = wcs_to_celestial_frame(WCS(fits.Header(image)))
        there = SkyCoord(LON, LAT, unit="deg", frame=seen)
        # Nothing but EPOCH in ICRS is read otherwise: astropy makes it an equinox that ICRS does not have.
        assert there.separation(SkyCoord(LON, LAT, unit="deg", frame=frame)).max() < 1 * u.mas
    stars.write(tmp_path / "a.fits")
    assert_at(read_rows(tmp_path / "a.fits", "1 deg"), SkyCoord(LON, LAT, unit="deg", frame=frame))


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"RADESYS": "ICRS", "EQUINOX": 1950.0}, "RADESYS = 'ICRS', which has no equinox, and EQUINOX = 1950.0"),
        ({"RADESYS": "FK4", "EQUINOX": 2000.0}, "RADESYS = 'FK4', which is older than 1984, and EQUINOX = 2000.0"),
        ({"RADESYS": "FK4", "RADECSYS": "FK5"}, "RADESYS = 'FK4' and RADECSYS = 'FK5', which contradict"),
        ({"RADESYS": "J2000"}, "RADESYS = 'J2000', which is not one of ICRS, FK5, FK4"),
        ({"EQUINOX": "now"}, "EQUINOX = 'now', which is not a year"),
        ({"EPOCH": 2015.5}, "EPOCH = 2015.5, which may be the equinox of its frame or the time"),
    ],
)
def test_keywords_that_contradict(cards, message):
    stars = table()
    stars.meta.update(cards)
    with pytest.raises(ValueError, match=f"the table has {message}.*catalog_frame"):
        read_rows(stars, "1 deg")
    assert read_rows(stars, "1 deg", catalog_frame="fk5").center.frame.name == "fk5"
    # Columns whose names give the frame do not need the keywords.
    stars.rename_columns(["ra", "dec"], ["RA_ICRS", "DE_ICRS"])
    assert read_rows(stars, "1 deg").center.frame.name == "icrs"


def votable(path, system, *, names=("ra", "dec"), group=False):
    ref = "" if group else ' ref="S"'
    fields = "".join(f'<FIELD ID="{n}" name="{n}"{ref} datatype="double" unit="deg"/>' for n in names)
    groups = '<GROUP ref="S">' + "".join(f'<FIELDref ref="{n}"/>' for n in names) + "</GROUP>" if group else ""
    rows = "".join(f"<TR><TD>{lon}</TD><TD>{lat}</TD></TR>" for lon, lat in zip(LON, LAT, strict=True))
    path.write_text(
        '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
        f'<COOSYS ID="S" {system}/><TABLE>{groups}{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE>'
        "</RESOURCE></VOTABLE>"
    )
    return path


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize(
    ("system", "frame"),
    [
        ('system="eq_FK4" equinox="B1950"', FK4(equinox="B1950")),
        ('system="eq_FK4"', FK4(equinox="B1950")),
        ('system="eq_FK4" equinox="1900"', FK4(equinox="B1900")),
        ('system="eq_FK5" equinox="J2000"', FK5(equinox="J2000")),
        ('system="eq_FK5" equinox="J1975.0"', FK5(equinox="J1975")),
        ('system="eq_FK5" equinox="B1950"', FK5(equinox="B1950")),
        ('system="ICRS" epoch="J2015.5"', ICRS()),
    ],
)
def test_coordinate_systems_of_votables(tmp_path, system, frame, group):
    path = votable(tmp_path / "a.vot", system, group=group)
    assert_at(read_rows(path, "1 deg"), SkyCoord(LON, LAT, unit="deg", frame=frame))


def test_coordinate_systems_give_the_frame_of_any_column(tmp_path):
    path = votable(tmp_path / "a.vot", 'system="galactic"', names=("lon", "lat"))
    assert read_rows(path, "1 deg").center.frame.name == "galactic"
    path = votable(tmp_path / "b.vot", 'system="galactic"', names=("RAB1950", "DEB1950"))
    with pytest.raises(ValueError, match="'RAB1950' is fk4 by its name, but refers to COOSYS ID='S' system='galactic'"):
        read_rows(path, "1 deg")
    path = votable(tmp_path / "c.vot", 'system="geo_app"')
    with pytest.raises(ValueError, match=r"column 'ra' refers to COOSYS.*'geo_app', whose system is not one of icrs"):
        read_rows(path, "1 deg")
    path = votable(tmp_path / "d.vot", 'system="eq_FK4" equinox="J2000"')
    with pytest.raises(ValueError, match=r"FK4 is older than 1984: give the frame by catalog_frame"):
        read_rows(path, "1 deg")


def test_named_columns():
    stars = Table({"ra_mean": LON, "dec_mean": LAT, "x": LON, "y": LAT, "GLON": [1, 2, 3], "GLAT": [1, 2, 3]})
    assert_at(read_rows(stars, "1 deg", lon="ra_mean", lat="dec_mean"), WHERE)
    assert read_rows(stars, "1 deg", lon="GLON", lat="GLAT").center.frame.name == "galactic"
    in_fk5 = read_rows(stars, "1 deg", lon="x", lat="y", catalog_frame="fk5")
    assert_at(in_fk5, SkyCoord(LON, LAT, unit="deg", frame="fk5"))
    with pytest.raises(ValueError, match=r"frame of the columns 'x' and 'y' of .* is not known: .*catalog_fr"):
        read_rows(stars, "1 deg", lon="x", lat="y")
    with pytest.raises(ValueError, match="lon and lat must be given together, got lon='x' without lat"):
        read_rows(stars, "1 deg", lon="x")
    with pytest.raises(ValueError, match="lat is 'z', which is not a column of a table: it has ra_mean"):
        read_rows(stars, "1 deg", lon="x", lat="z")


def test_lon_and_lat_need_a_frame():
    with pytest.raises(ValueError, match=r"frame of the columns 'lon' and 'lat' of .* is not known"):
        read_rows(Table({"lon": LON, "lat": LAT}), "1 deg")


def test_positions_that_are_not_found():
    with pytest.raises(ValueError, match=r"a table has no positions .* Its columns are name, mag"):
        read_rows(Table({"name": ["a"], "mag": [1.0]}), "1 deg")


# ---------------------------------------------------------------------- positions: units

VIZIER_HMS, VIZIER_DMS = (u.Unit(text, parse_strict="silent") for text in ('"h:m:s"', '"d:m:s"'))


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        (Column(LON, unit="deg"), Column(LAT, unit="deg")),
        (Column(np.radians(LON), unit="rad"), Column(LAT * 60, unit="arcmin")),
        (Column(LON / 15, unit="hourangle"), Column(LAT)),
        (Column(LON / 15, unit="h"), Column(LAT)),
        (LON * u.deg, LAT * u.deg),
        (Angle(LON, "deg"), Angle(LAT, "deg")),
        (Masked(LON * u.deg, mask=False), MaskedColumn(LAT, unit="deg")),
        (
            Column(["0:40:00", "13:20:00", "23:58:00"], unit="hourangle"),
            Column(["-5:00:00", "60d", "+90"], unit="deg"),
        ),
        (
            Column(["00 40 00", "13 20 00", "23 58 00"], unit=VIZIER_HMS),
            Column(["-05 00 00", "60 0 0", "90 0 0"], unit=VIZIER_DMS),
        ),
    ],
)
def test_units_of_positions(lon, lat):
    stars = (QTable if isinstance(lon, u.Quantity) else Table)({"ra": lon, "dec": lat})
    assert_at(read_rows(stars, "1 deg"), WHERE)


def test_whole_numbers_and_small_floats():
    stars = Table({"ra": np.array([10, 200], dtype=np.int16), "dec": np.array([-5, 60], dtype=">f4")})
    assert_at(read_rows(stars, "1 deg"), WHERE[:2])


def test_columns_that_are_no_angles_are_passed_over():
    stars = Table({"RAJ2000": ["00 40 00", "x", "y"], "DEJ2000": ["1", "2", "3"], "ra": LON, "dec": LAT})
    assert_at(read_rows(stars, "1 deg"), WHERE)
    stars = Table({"l": Column(LON, unit="mag"), "b": Column(LAT, unit="mag"), "elon": LON, "elat": LAT})
    assert read_rows(stars, "1 deg").center.frame.name == "barycentricmeanecliptic"


def test_positions_in_wrong_units():
    with pytest.raises(ValueError, match="column 'dec' is in 'mag', which is not a unit of angle"):
        read_rows(Table({"ra": LON, "dec": Column(LAT, unit="mag")}), "1 deg")
    with pytest.raises(ValueError, match=r"column 'ra' holds text: .*table\['ra'\].unit = 'hourangle'"):
        read_rows(Table({"ra": ["1:2:3"], "dec": [1.0]}), "1 deg")
    with pytest.raises(ValueError, match=r"column 'ra' holds text that is not an angle: .*rubbish"):
        read_rows(Table({"ra": Column(["1:2:3", "rubbish"], unit="hourangle"), "dec": [1.0, 2.0]}), "1 deg")
    with pytest.raises(ValueError, match=r"column 'ra' must hold one number per row, got the shape \(2, 2\)"):
        read_rows(Table({"ra": np.zeros((2, 2)), "dec": [1.0, 2.0]}), "1 deg")


# ---------------------------------------------------------------------- radii


def test_an_angle_for_all():
    for radius in ("30 arcmin", 0.5 * u.deg, Angle("0.5d")):
        rows = read_rows(table(), radius)
        assert rows.sizes["radius"].shape == ()
        assert rows.sizes["radius"].to_value(u.deg) == 0.5


def test_an_angle_for_each():
    for radius in ([1, 2, 3] * u.deg, np.ones((3, 4)) * u.deg, np.ones((1, 4)) * u.deg):
        np.testing.assert_array_equal(read_rows(table(), radius).sizes["radius"], radius)


def test_a_column():
    stars = table(ra=LON, dec=LAT, size=Column([1, 2, 3], unit="arcmin"), bins=np.ones((3, 4)) * u.deg)
    assert read_rows(stars, "size").sizes["radius"].to_value(u.arcmin).tolist() == [1, 2, 3]
    assert read_rows(stars, "bins").sizes["radius"].shape == (3, 4)


def test_a_name_is_a_column_before_it_is_an_angle():
    stars = table(ra=LON, dec=LAT)
    stars["1 deg"] = [2, 3, 4] * u.deg
    assert read_rows(stars, "1 deg").sizes["radius"].to_value(u.deg).tolist() == [2, 3, 4]


def test_a_function_of_the_table():
    stars = table(ra=LON, dec=LAT, mag=[2.0, 4.0, 6.0])
    rows = read_rows(stars, lambda t: (1 - 0.1 * t["mag"]) * u.deg)
    np.testing.assert_allclose(rows.sizes["radius"].to_value(u.deg), [0.8, 0.6, 0.4])

    def by_magnitude(stars):
        return np.outer(stars["mag"], [1, 2]) * u.arcmin

    rows = read_rows(stars, by_magnitude)
    assert rows.sizes["radius"].shape == (3, 2)
    assert rows.summary.endswith("radius by by_magnitude")


def test_a_file_is_named_by_its_digest(tmp_path):
    path = tmp_path / "stars.ecsv"
    table(ra=LON, dec=LAT, size=[20, 30, 40] * u.arcsec).write(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    start = f"from_catalog('stars.ecsv', sha256 {digest}, positions ra and dec, radius of column 'size', 3 discs, "
    assert Mask.from_catalog(path, "size", order=15).history == f"{start}20 to 40 arcsec, order=15)"
    assert Mask.from_catalog(str(path), "1 deg", order=8).history == (
        f"from_catalog('stars.ecsv', sha256 {digest}, positions ra and dec, 3 discs, 1 deg, order=8)"
    )
    given_ = Mask.from_catalog(table(), "1 deg", order=8, mode="overlap")
    assert given_.history == "from_catalog(a table, positions ra and dec, 3 discs, 1 deg, order=8, mode='overlap')"


def test_a_masked_value_does_not_become_a_radius():
    stars = table(
        ra=LON,
        dec=LAT,
        mag=MaskedColumn([2, 4, 6], mask=[0, 1, 0]),
        flag=MaskedColumn([True] * 3, mask=[1, 0, 0]),
    )
    # astropy itself drops the mask here.
    assert not hasattr((0.1 * stars["mag"]) * u.deg, "mask")
    with pytest.raises(ValueError, match=r"1 of 3 rows .*a radius that is missing .* in 1 \(row 1\)"):
        read_rows(stars, lambda t: (0.1 * t["mag"]) * u.deg)
    assert stars["mag"].mask.tolist() == [False, True, False]
    quantities = QTable({"ra": LON, "dec": LAT, "size": Masked([1, 2, 3] * u.deg, mask=[0, 1, 0])})
    for radius in ("size", lambda t: 2 * t["size"]):
        with pytest.raises(ValueError, match=r"1 of 3 rows .*\(row 1\)"):
            read_rows(quantities, radius)


@pytest.mark.parametrize(
    ("radius", "error", "message"),
    [
        ("R70", ValueError, "radius 'R70' is neither an angle such as '0.3 deg' nor a column of .*ra, dec"),
        ("3 kpc", ValueError, "radius '3 kpc' is neither"),
        (0.5, TypeError, "radius must be a Quantity or a string such as '0.3 deg', got 0.5"),
        (3 * u.kpc, ValueError, "radius must be an angle"),
        (-1 * u.deg, ValueError, "radius must be between 0 and 180 deg, got -1"),
        ("nan deg", ValueError, "radius must be between 0 and 180 deg"),
        (181 * u.deg, ValueError, "radius must be between 0 and 180 deg"),
        ([[1, 2, -3]] * u.deg, ValueError, "radius must be between 0 and 180 deg"),
        ([1, 2] * u.deg, ValueError, r"radius must be a scalar or have the shape \(3,\).*got \(2,\)"),
        (np.ones((3, 2, 2)) * u.deg, ValueError, r"got \(3, 2, 2\)"),
        ("bare", ValueError, r"column 'bare' has no unit.*table\['bare'\].unit"),
        ("mag", ValueError, "a radius is an angle, but column 'mag' is in 'mag'"),
        ("name", ValueError, "column 'name' must hold numbers"),
        (lambda t: t["bare"], TypeError, r"the result of radius \(<lambda>\) must be a Quantity"),
        (lambda t: 1 * u.kpc, ValueError, r"the result of radius \(<lambda>\) must be an angle"),
        (None, TypeError, "radius must be a Quantity"),
    ],
)
def test_bad_radii(radius, error, message):
    stars = table(
        ra=LON,
        dec=LAT,
        bare=[1.0, 2.0, 3.0],
        mag=Column([1.0, 2.0, 3.0], unit="mag"),
        name=Column(["a", "b", "c"], unit="deg"),
    )
    with pytest.raises(error, match=message):
        read_rows(stars, radius)


# ---------------------------------------------------------------------- rows that cannot be used


def broken():
    n = 12
    numbers = np.arange(n, dtype=float)
    stars = Table({"ra": numbers, "dec": MaskedColumn(numbers), "size": np.ones(n) * u.deg})
    stars["ra"][1] = np.nan
    stars["ra"][2] = np.inf
    stars["dec"].mask[3] = True
    stars["dec"][4] = 90.001
    stars["size"][5] = -1
    stars["size"][6] = np.nan
    stars["size"][7] = 180.5
    stars["size"][1] = np.nan
    return stars


def test_rows_that_cannot_be_used_raise():
    with pytest.raises(ValueError, match="7 of 12 rows cannot be used") as caught:
        read_rows(broken(), "size")
    assert str(caught.value) == (
        "7 of 12 rows cannot be used: a position that is missing or not finite in 3 (rows 1, 2, 3); "
        "a latitude beyond 90 deg in 1 (row 4); a radius that is missing or not finite in 2 (rows 1, 6); "
        "a radius that is not between 0 and 180 deg in 2 (rows 5, 7). With invalid='skip' they are left out, "
        "and missing='0.3 deg' gives a radius to rows without one"
    )


def test_rows_that_cannot_be_used_are_left_out():
    with pytest.warns(UserWarning, match=r"left out 7 of 12 rows: .*rows 1, 2, 3"):
        rows = read_rows(broken(), "size", invalid="skip")
    assert rows.account.n_skipped == 7
    assert rows.center.ra.deg.tolist() == [0, 8, 9, 10, 11]
    assert rows.sizes["radius"].to_value(u.deg).tolist() == [1] * 5
    assert rows.summary.endswith(", 7 of 12 rows left out")


def test_the_warning_is_at_the_call_of_from_catalog():
    with pytest.warns(UserWarning, match="left out 4 of 12 rows") as caught:
        mask = Mask.from_catalog(broken(), "1 deg", order=6, invalid="skip")
    assert caught[0].filename == __file__
    assert "4 of 12 rows left out" in mask.history
    where = SkyCoord([0, 5, 6, 7, 8, 9, 10, 11], [0, 5, 6, 7, 8, 9, 10, 11], unit="deg")
    assert mask == Mask.from_cones(where, "1 deg", order=6)


def test_many_bad_rows_are_not_all_listed():
    stars = Table({"ra": np.full(50, np.nan), "dec": np.zeros(50)})
    with pytest.raises(ValueError, match=r"50 \(rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\)"):
        read_rows(stars, "1 deg")


@pytest.mark.skipif(not hasattr(SkyCoord, "masked"), reason="astropy before 7 has no masked SkyCoord")
@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
def test_masked_positions_in_a_skycoord_column(frame):
    where = SkyCoord([1, 2] * u.deg, Masked([2.0, 3.0] * u.deg, mask=[False, True]), frame=frame)
    with pytest.raises(ValueError, match=r"1 of 2 rows .*a position that is missing .*\(row 1\)"):
        read_rows(Table({"where": where}), "1 deg")


def test_radii_per_bin_and_bad_rows():
    radii = np.ones((3, 2))
    radii[1, 1] = np.nan
    with pytest.raises(ValueError, match=r"1 of 3 rows .*\(row 1\)"):
        read_rows(table(), radii * u.deg)
    with pytest.warns(UserWarning, match="left out 1 of 3"):
        assert read_rows(table(), radii * u.deg, invalid="skip").sizes["radius"].shape == (2, 2)
    stars = table(ra=[1.0, np.nan], dec=[1.0, 2.0])
    with pytest.warns(UserWarning, match="left out 1 of 2"):
        assert read_rows(stars, [[1, 2, 3]] * u.deg, invalid="skip").sizes["radius"].shape == (1, 3)


def test_invalid_must_be_known():
    with pytest.raises(ValueError, match="invalid must be 'raise' or 'skip', got 'ignore'"):
        read_rows(table(), "1 deg", invalid="ignore")


class TestMissing:
    """The radius of rows without one."""

    def test_hess_sources(self, data):
        path = data("catalogs/hgps_catalog_v1.fits.gz")
        mask = Mask.from_catalog(path, lambda t: 3 * t["R70"].quantity, missing="0.3 deg", order=9)
        values = np.asarray(fits.getdata(path, "HGPS_SOURCES")["R70"], dtype=float)
        radii = [0.3 if np.isnan(value) else 3 * value for value in values]
        names = fits.getdata(path, "HGPS_SOURCES")
        center = SkyCoord(names["RAJ2000"], names["DEJ2000"], unit="deg")
        assert mask == Mask.from_cones(center, radii * u.deg, order=9)
        assert ", radius by <lambda>, 0.3 deg for 14 rows without a radius, 78 discs" in mask.history

    @pytest.mark.parametrize("masked", [False, True])
    def test_columns(self, masked):
        sizes = MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False], unit="deg")
        stars = table(ra=LON, dec=LAT, size=sizes if masked else sizes.filled(np.nan))
        rows = read_rows(stars, "size", missing="30 arcmin")
        assert rows.sizes["radius"].to_value(u.deg).tolist() == [1, 0.5, 3]
        assert (rows.account.n_filled, rows.account.n_skipped) == (1, 0)

    def test_angles_of_each_bin(self):
        radii = [[1, np.nan], [np.nan, np.nan], [2, 3]] * u.deg
        rows = read_rows(table(), radii, missing=[10, 20] * u.deg)
        assert rows.sizes["radius"].to_value(u.deg).tolist() == [[1, 20], [10, 20], [2, 3]]
        assert rows.account.n_filled == 2
        assert read_rows(table(), radii, missing="5 deg").sizes["radius"][1].to_value(u.deg).tolist() == [5, 5]

    def test_other_faults_stay_faults(self):
        stars = table(ra=[1.0, np.nan, 3.0, 4.0], dec=np.zeros(4), size=[np.inf, np.nan, np.nan, -1.0] * u.deg)
        with pytest.raises(ValueError, match=r"^3 of 4 rows .*not finite in 1 \(row 1\).*not finite in 1 \(row 0\)"):
            read_rows(stars, "size", missing="1 deg")
        with pytest.warns(UserWarning, match="left out 3 of 4 rows"):
            rows = read_rows(stars, "size", missing="1 deg", invalid="skip")
        # The row without a position has no disc.
        assert (rows.account.n_filled, rows.account.n_skipped, rows.sizes["radius"].to_value(u.deg).tolist()) == (
            1,
            3,
            [1],
        )

    @pytest.mark.parametrize(
        ("missing", "error", "message"),
        [
            (1, TypeError, "missing must be a Quantity or a string such as '0.3 deg', got 1"),
            ("1 GeV", ValueError, "missing must be an angle, got the unit 'GeV'"),
            ("181 deg", ValueError, "missing must be between 0 and 180 deg, got 181"),
            ("-1 deg", ValueError, "missing must be between 0 and 180 deg, got -1"),
            ("nan deg", ValueError, "missing must not be NaN"),
            ([1, 2] * u.deg, ValueError, r"missing must be a single angle, got the shape \(2,\)"),
        ],
    )
    def test_wrong_angles(self, missing, error, message):
        stars = table(ra=LON, dec=LAT, size=[1.0, np.nan, 2.0] * u.deg)
        with pytest.raises(error, match=message):
            Mask.from_catalog(stars, "size", missing=missing, order=5)

    def test_wrong_radii(self):
        with pytest.raises(ValueError, match="missing is for rows without a radius, but all rows have the same"):
            Mask.from_catalog(table(), "1 deg", missing="2 deg", order=5)
        with pytest.raises(ValueError, match=r"missing must be a single angle, or have the shape \(2,\), got .*\(3,\)"):
            read_rows(table(), np.ones((3, 2)) * u.deg, missing=[1, 2, 3] * u.deg)


def test_an_empty_catalog_has_no_discs():
    rows = read_rows(table(ra=np.array([]), dec=np.array([])), "1 deg")
    assert rows.center.shape == (0,)
    assert rows.account.n_skipped == 0


values = st.sampled_from([0.0, 45.0, -90.0, 90.0, 90.5, -1.0, np.nan, np.inf, -np.inf, 180.0, 181.0])


@given(st.lists(st.tuples(values, values, values, st.booleans()), min_size=1, max_size=12))
@examples(60)
def test_what_is_kept_is_what_can_be_used(rows):
    lon, lat, size, masked = zip(*rows, strict=True)
    stars = Table({"ra": lon, "dec": MaskedColumn(lat, mask=masked), "size": size * u.deg})
    good = [i for i, (x, y, r, m) in enumerate(rows) if np.isfinite(x) and not m and -90 <= y <= 90 and 0 <= r <= 180]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        usable = read_rows(stars, "size", invalid="skip")
    assert usable.account.n_skipped == len(rows) - len(good)
    assert usable.center.dec.deg.tolist() == [lat[i] for i in good]
    assert usable.sizes["radius"].to_value(u.deg).tolist() == [size[i] for i in good]
    if len(good) < len(rows):
        with pytest.raises(ValueError, match=f"^{len(rows) - len(good)} of {len(rows)} rows"):
            read_rows(stars, "size")


def test_text_among_numbers_is_named_with_its_row():
    table = pd.DataFrame({"ra": [10.5, "n/a", None], "dec": [1.0, 2.0, 3.0]}, dtype=object)
    with pytest.raises(ValueError, match="column 'ra' must hold numbers: row 1 has 'n/a'"):
        Mask.from_catalog(table, "1 deg", order=8)
    table = pd.DataFrame({"ra": [[10.5], [20.0]], "dec": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"column 'ra' must hold numbers: row 0 has \[10.5\]"):
        Mask.from_catalog(table, "1 deg", order=8)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_csv_files_with_a_byte_order_mark(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text("# Café\nra,dec\n10.5,1\n20,2\n", encoding=encoding)
    expected = Mask.from_cones(SkyCoord([10.5, 20], [1, 2], unit="deg"), "1 deg", order=8)
    assert Mask.from_catalog(path, "1 deg", order=8) == expected


@pytest.mark.parametrize("name", ["stars.fits", "stars.csv", "stars.ecsv", "stars.vot", "stars.parquet"])
def test_tables_by_url(tmp_path, name):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    table = Table({"ra": [10.0, 20.0], "dec": [-5.0, 60.0]})
    words = {"format": "votable"} if name.endswith("vot") else {"format": "ascii.csv"} if name.endswith("csv") else {}
    table.write(tmp_path / name, **({} if name.endswith("ecsv") else words))
    memory.put(str(tmp_path / name), f"/catalogs/{name}")
    try:
        mask = Mask.from_catalog(f"memory://catalogs/{name}", "1 deg", order=7)
        assert mask == Mask.from_catalog(table, "1 deg", order=7)
        # The history is that of the file: its name and its digest.
        assert mask.history == Mask.from_catalog(tmp_path / name, "1 deg", order=7).history
    finally:
        memory.rm("/catalogs", recursive=True)
    with pytest.raises(FileNotFoundError):
        Mask.from_catalog(f"memory://catalogs/{name}", "1 deg", order=7)
