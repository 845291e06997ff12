"""HATS folders: properties, partitions and rows, by path and by URL, against the package hats where it is installed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from hpmask._files.hats_folder import HatsFolder, Partition, is_hats, partition_path

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

PROPERTIES = "#HATS catalog\nobs_collection=stars\ndataproduct_type=object\nhats_col_ra=ra\nhats_col_dec=dec\n"


@pytest.fixture
def folder(tmp_path):
    """A catalog with a partition in two row groups."""
    root = tmp_path / "stars"
    (root / "dataset" / "Norder=1" / "Dir=0").mkdir(parents=True)
    (root / "hats.properties").write_text(PROPERTIES + "hats_col_healpix=_healpix_29\nhats_nrows=3\n")
    (root / "partition_info.csv").write_text("Norder,Npix\n1,4\n")
    rows = pa.table({"_healpix_29": [4 << 56, 5 << 56, 7], "ra": [1.0, 2.0, 3.0], "dec": [0.0, 1.0, 2.0]})
    pq.write_table(rows, root / "dataset" / "Norder=1" / "Dir=0" / "Npix=4.parquet", row_group_size=2)
    return root


def test_what_a_folder_says(folder):
    catalog = HatsFolder.open(folder)
    assert (catalog.name, catalog.kind, catalog.lonlat) == ("stars", "object", ("ra", "dec"))
    assert catalog.index == ("_healpix_29", 29)
    assert catalog.n_rows == 3
    assert catalog.partitions == [Partition(1, 4)]
    assert catalog.ranges().tolist() == [[4 << 56, 5 << 56]]
    assert catalog.read(catalog.partitions[0], ["dec"]).to_pydict() == {"dec": [0.0, 1.0, 2.0]}


def test_columns_of_the_first_partition_without_metadata(folder):
    assert HatsFolder.open(folder).schema().names == ["_healpix_29", "ra", "dec"]


def test_real_catalogs_as_hats_reads_them(data):
    hats = pytest.importorskip("hats")
    for name in ("small_sky_source", "small_sky_o1_collection/small_sky_order1_margin"):
        path = data(f"hats/{name}")
        ours, theirs = HatsFolder.open(path), hats.read_hats(path)
        assert {(one.order, one.pixel) for one in ours.partitions} == {
            (one.order, one.pixel) for one in theirs.get_healpix_pixels()
        }
        assert ours.schema().names == theirs.schema.names
        assert ours.n_rows == theirs.catalog_info.total_rows
        assert sum(ours.read(one, []).num_rows for one in ours.partitions) == ours.n_rows
        assert np.array_equal(ours.ranges(), theirs.pixel_tree.to_depth29_ranges())


def test_main_catalog_of_a_collection(data):
    assert HatsFolder.open(data("hats/small_sky_o1_collection")).name == "small_sky_order1"


def test_by_url(folder):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/catalogs/stars", recursive=True)
    try:
        assert is_hats("memory://catalogs/stars")
        assert not is_hats("memory://catalogs")
        catalog = HatsFolder.open("memory://catalogs/stars")
        assert catalog.read(Partition(1, 4), ["ra"])["ra"].to_pylist() == [1.0, 2.0, 3.0]
    finally:
        memory.rm("/catalogs", recursive=True)


def test_partitions_that_are_folders(folder):
    place = folder / "dataset" / "Norder=1" / "Dir=0"
    (place / "Npix=4").mkdir()
    shutil.copy(place / "Npix=4.parquet", place / "Npix=4" / "b.parquet")
    (place / "Npix=4.parquet").rename(place / "Npix=4" / "a.parquet")
    (folder / "hats.properties").write_text(PROPERTIES + "hats_npix_suffix=/\n")
    catalog = HatsFolder.open(folder)
    assert catalog.read(Partition(1, 4), ["ra"])["ra"].to_pylist() == [1.0, 2.0, 3.0] * 2


def test_partitions_from_the_metadata(data, tmp_path):
    shutil.copytree(data("hats/small_sky_source"), tmp_path / "copy", copy_function=shutil.copyfile)
    whole = HatsFolder.open(tmp_path / "copy").partitions
    (tmp_path / "copy" / "partition_info.csv").unlink()
    assert HatsFolder.open(tmp_path / "copy").partitions == whole
    (tmp_path / "copy" / "dataset" / "_metadata").unlink()
    with pytest.raises(ValueError, match="partitions are not known"):
        HatsFolder.open(tmp_path / "copy")


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("key = a value ", "key", "a value"),
        ("key:value", "key", "value"),
        (r"key=https\://host/a\=b", "key", "https://host/a=b"),
        ("key=one \\\n    two", "key", "one two"),
        ("key=", "key", ""),
    ],
)
def test_java_properties(folder, line, key, value):
    (folder / "hats.properties").write_text(f"! a comment\n{PROPERTIES}\n{line}\nlast=1")
    properties = HatsFolder.open(folder).properties
    assert properties[key] == value
    assert properties["last"] == "1"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("hats.properties", "obs_collection=x\n", "dataproduct_type is missing"),
        ("partition_info.csv", "a,b\n1,2\n", "columns must be Norder and Npix"),
        ("partition_info.csv", "Norder,Npix\n30,2\n", "Norder in line 2 must be an integer from 0 to 29, got '30'"),
        ("partition_info.csv", "Norder,Npix\n1,48\n", "Npix in line 2 must be an integer from 0 to 47"),
        ("partition_info.csv", "Norder,Npix\n1\n", "line 2 has 1 fields"),
        ("partition_info.csv", "", "columns must be Norder and Npix, got none"),
    ],
)
def test_damaged_texts(folder, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        HatsFolder.open(folder)
    assert str(error.value).startswith(str(folder / name))


def test_damaged_or_missing_partition(folder):
    catalog = HatsFolder.open(folder)
    path = folder / "dataset" / "Norder=1" / "Dir=0" / "Npix=4.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"Npix=4\.parquet: the file cannot be read as parquet"):
        catalog.read(Partition(1, 4))
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"Npix=4\.parquet"):
        catalog.read(Partition(1, 4))


def test_what_is_not_a_catalog(tmp_path):
    assert not is_hats(tmp_path)
    assert not is_hats(tmp_path / "nothing.parquet")
    assert not is_hats({"ra": [1.0]})
    with pytest.raises(FileNotFoundError, match="no HATS catalog"):
        HatsFolder.open(tmp_path)


def test_a_collection_of_collections(tmp_path):
    (tmp_path / "collection.properties").write_text("hats_primary_table_url=.\n")
    with pytest.raises(ValueError, match="must be a catalog"):
        HatsFolder.open(tmp_path)
    (tmp_path / "collection.properties").write_text("obs_collection=x\n")
    with pytest.raises(ValueError, match="hats_primary_table_url"):
        HatsFolder.open(tmp_path)


def test_paths_of_partitions():
    assert partition_path(Partition(6, 23456)) == "Norder=6/Dir=20000/Npix=23456.parquet"
    assert partition_path(Partition(0, 4), "/") == "Norder=0/Dir=0/Npix=4"
    assert str(Path(partition_path(Partition(0, 4), ".parq")).name) == "Npix=4.parq"
