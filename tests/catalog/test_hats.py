"""Tables written as HATS catalogs: all rows are found again, by hpmask, by hats and by LSDB."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astropy_healpix import HEALPix

from hpmask import Mask
from hpmask._files.hats_folder import HatsFolder
from hpmask.catalog import MagnitudeLaw, write_hats

pa = pytest.importorskip("pyarrow")


def stars(n=500, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "ra": rng.uniform(0, 360, n),
            "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
            "mag": rng.uniform(4, 12, n),
            "kind": rng.choice(["star", "galaxy"], n),
        }
    )


def rows_of(path):
    folder = HatsFolder.open(path)
    return pa.concat_tables([folder.read(one) for one in folder.partitions])


def as_columns(frame):
    return {name: frame[name].to_numpy() for name in frame.columns}


def as_polars(frame):
    polars = pytest.importorskip("polars")
    return polars.DataFrame(as_columns(frame))


KINDS = {
    "pandas": lambda frame: frame,
    "pandas with another index": lambda frame: frame.sample(frac=1, random_state=2),
    "polars": as_polars,
    "lazy": lambda frame: as_polars(frame).lazy(),
    "arrow": pa.Table.from_pandas,
    "astropy": Table.from_pandas,
    "dict": as_columns,
    "array": lambda frame: Table.from_pandas(frame).as_array(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_all_rows_are_found_again(tmp_path, kind):
    frame = stars()
    write_hats(KINDS[kind](frame), tmp_path / "stars", max_rows=30)
    rows = rows_of(tmp_path / "stars").to_pandas()
    cells = HEALPix(1 << 29, order="nested").lonlat_to_healpix(
        rows["ra"].to_numpy() * u.deg, rows["dec"].to_numpy() * u.deg
    )
    assert np.array_equal(rows["_healpix_29"], cells)
    assert rows["_healpix_29"].is_monotonic_increasing
    back = rows.drop(columns="_healpix_29").sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)
    folder = HatsFolder.open(tmp_path / "stars")
    counts = [folder.read(one).num_rows for one in folder.partitions]
    assert max(counts) <= 30
    assert folder.n_rows == sum(counts) == 500
    # The largest cells with so few rows: the cell that four of them share has more.
    for one in folder.partitions:
        shift = 2 * (29 - one.order)
        assert one.order == 0 or np.count_nonzero(cells >> (shift + 2) == one.pixel >> 2) > 30
        assert np.all(folder.read(one)["_healpix_29"].to_numpy() >> shift == one.pixel)


@pytest.mark.filterwarnings("ignore")
def test_hats_and_lsdb_open_it(tmp_path):
    hats, lsdb = pytest.importorskip("hats"), pytest.importorskip("lsdb")
    from hats.io.validation import is_valid_catalog

    frame = stars()
    write_hats(frame, tmp_path / "stars", max_rows=100, name="bright")
    assert is_valid_catalog(tmp_path / "stars", strict=True)
    catalog = hats.read_hats(tmp_path / "stars")
    assert (len(catalog), catalog.catalog_name) == (500, "bright")
    opened = lsdb.open_catalog(tmp_path / "stars")
    back = opened.compute(progress_bar=False).sort_values("id", ignore_index=True)
    assert np.array_equal(back["id"], frame["id"])
    mask = Mask.from_zone(lat=("10 deg", "50 deg"), order=8)
    found = opened.search(mask.to_search()).compute(progress_bar=False)
    inside = mask.contains(SkyCoord(frame["ra"], frame["dec"], unit="deg"))
    assert sorted(found["id"]) == sorted(frame["id"][inside])


def test_units_missing_values_and_lists(tmp_path):
    table = Table(
        {
            "ra": [10.0, 200.0] * u.deg,
            "dec": [0.0, 30.0] * u.deg,
            "size": [1.0, 2.0] * u.arcmin,
            "n": MaskedColumn([7, 8], mask=[False, True]),
            "name": MaskedColumn([b"a", b"bc"], mask=[True, False]),
            "flux": np.array([[1, 2, 3], [4, 5, 6]], dtype=">f4"),
            "_healpix_29": [0, 0],
        }
    )
    write_hats(table, tmp_path / "a")
    folder = HatsFolder.open(tmp_path / "a")
    assert folder.units() == {"ra": u.deg, "dec": u.deg, "size": u.arcmin}
    rows = sorted(rows_of(tmp_path / "a").to_pylist(), key=lambda row: row["ra"])
    assert [row["n"] for row in rows] == [7, None]
    assert [row["name"] for row in rows] == [None, "bc"]
    assert [row["flux"] for row in rows] == [[1, 2, 3], [4, 5, 6]]
    assert Mask.from_catalog(tmp_path / "a", "size", order=12) == Mask.from_catalog(table, "size", order=12)


@pytest.mark.parametrize("way", ["columns", "radians", "SkyCoord"])
def test_other_positions_become_icrs(tmp_path, way):
    coord = SkyCoord(stars()["ra"], stars()["dec"], unit="deg")
    galactic = coord.galactic
    table = {
        "columns": Table({"id": np.arange(500), "GLON": galactic.l.deg, "GLAT": galactic.b.deg}),
        "radians": Table({"id": np.arange(500), "RAJ2000": coord.ra.to(u.rad), "DEJ2000": coord.dec.to(u.rad)}),
        "SkyCoord": Table({"id": np.arange(500), "where": galactic}),
    }[way]
    write_hats(table, tmp_path / "a", max_rows=100)
    rows = rows_of(tmp_path / "a").sort_by("id")
    found = SkyCoord(rows["ra"].to_numpy(), rows["dec"].to_numpy(), unit="deg")
    assert found.separation(coord).max() < 1e-6 * u.arcsec
    assert HatsFolder.open(tmp_path / "a").lonlat == ("ra", "dec")


def test_files(tmp_path):
    stars().to_csv(tmp_path / "a.csv", index=False)
    write_hats(tmp_path / "a.csv", tmp_path / "a")
    assert HatsFolder.open(tmp_path / "a").n_rows == 500


def test_no_rows(tmp_path):
    write_hats(stars(0).astype({"kind": str}), tmp_path / "a")
    assert HatsFolder.open(tmp_path / "a").partitions == []


def test_replacing(tmp_path):
    write_hats(stars(), tmp_path / "a")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_hats(stars(), tmp_path / "a")
    write_hats(stars(7), tmp_path / "a", overwrite=True)
    assert HatsFolder.open(tmp_path / "a").n_rows == 7
    Mask.full().write(tmp_path / "m", format="parquet")
    with pytest.raises(FileExistsError, match="Not a HATS catalog, so it is not replaced"):
        write_hats(stars(), tmp_path / "m", overwrite=True)


@pytest.mark.parametrize(
    ("table", "words", "message"),
    [
        ({"ra": [1.0, np.nan], "dec": [0.0, 0.0]}, {}, "position of row 1 is not finite"),
        ({"ra": [1.0, 2.0], "dec": [0.0, 91.0]}, {}, "position of row 1"),
        ({"x": [1.0]}, {}, "no positions"),
        ({"ra": [1.0], "dec": [1.0]}, {"max_rows": 0}, "max_rows must be"),
        ({"ra": [1.0], "dec": [1.0]}, {"kind": "map"}, "kind must be"),
        (
            {"l": [1.0], "b": [1.0], "dec": [3.0]},
            {"lon": "l", "lat": "b", "catalog_frame": "galactic"},
            "'dec' is another",
        ),
        ({"ra": [1.0], "dec": [1.0], "cube": np.zeros((1, 2, 2))}, {}, "column 'cube' cannot be written"),
    ],
)
def test_what_cannot_be_written(tmp_path, table, words, message):
    with pytest.raises(ValueError, match=message):
        write_hats(Table(table), tmp_path / "a", **words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")
def test_tycho_2_by_all_ways(data, tmp_path):
    """The stars of Tycho-2 in a catalog of hats-import and in one of `write_hats`: masks and searches are the same."""
    lsdb = pytest.importorskip("lsdb")
    arguments = pytest.importorskip("hats_import.catalog.arguments")
    from dask.distributed import Client
    from hats_import import pipeline_with_client

    file = data("points/tycho2_vt_dev60.parquet")
    table = Table.read(file)
    words = arguments.ImportArguments(
        output_artifact_name="imported",
        input_file_list=[file],
        file_reader="parquet",
        ra_column="ra",
        dec_column="dec",
        output_path=tmp_path,
        pixel_threshold=100_000,
        progress_bar=False,
    )
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        pipeline_with_client(words, client)
    write_hats(file, tmp_path / "written", max_rows=100_000)
    law = MagnitudeLaw("vt_mag", {4: "20 arcmin", 12: "20 arcsec"}, brighter="hold", fainter="hold")
    expected = Mask.from_catalog(table, law, order=12, invalid="skip")
    footprint = Mask.from_cones(SkyCoord([30, 200], [10, -60], unit="deg"), "8 deg", order=12) - expected
    inside = footprint.contains(table)
    assert 1000 < inside.sum() < inside.size
    for name in ("imported", "written"):
        assert HatsFolder.open(tmp_path / name).n_rows == len(table)
        assert Mask.from_catalog(tmp_path / name, law, order=12, invalid="skip") == expected
        found = lsdb.open_catalog(tmp_path / name).search(footprint.to_search()).compute(progress_bar=False)
        keys = ["ra", "dec", "vt_mag"]
        ours = np.sort(np.array(table[keys][inside].as_array()), order=keys)
        theirs = np.sort(found[keys].to_records(index=False), order=keys)
        for key in keys:
            assert np.array_equal(ours[key], theirs[key])
