"""HATS catalogs that are written. The package hats reads and validates them where it is installed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask._files.hats_folder import HatsFolder, Partition
from hpmask._files.hats_writer import split, writing_hats

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

END = 12 << 58


def table_of(cells):
    cells = np.sort(np.asarray(cells, dtype=np.int64))
    n = cells.size
    return pa.table({"_healpix_29": cells, "ra": np.linspace(0, 1, n), "dec": np.zeros(n), "name": ["é"] * n})


def written(path, table, max_rows=100, **words):
    cells = table["_healpix_29"].to_numpy()
    with writing_hats(path, table.schema, lonlat=("ra", "dec"), **words) as writer:
        for partition, rows in split(cells, max_rows, 7):
            writer.write(partition, table.slice(rows.start, rows.stop - rows.start))
    return HatsFolder.open(path)


@given(
    cells=st.lists(st.integers(0, END - 1) | st.integers(0, 1000), max_size=60).map(sorted),
    max_rows=st.integers(1, 20),
    most=st.integers(0, 29),
)
@examples(60)
def test_split(cells, max_rows, most):
    cells = np.array(cells, dtype=np.int64)
    parts = list(split(cells, max_rows, most))
    assert [one for _, rows in parts for one in range(rows.start, rows.stop)] == list(range(cells.size))
    for partition, rows in parts:
        inside = (cells >= partition.start) & (cells < partition.stop)
        assert np.flatnonzero(inside).tolist() == list(range(rows.start, rows.stop))
        assert inside.sum() <= max_rows or partition.order == most
        if partition.order:
            # A larger cell would have too many rows.
            parent = Partition(partition.order - 1, partition.pixel // 4)
            assert np.count_nonzero((cells >= parent.start) & (cells < parent.stop)) > max_rows


@pytest.mark.parametrize("n", [0, 1, 700])
def test_rows_come_back(tmp_path, n):
    table = table_of(np.random.default_rng(1).integers(0, END, n))
    catalog = written(tmp_path / "stars", table)
    assert catalog.n_rows == n
    back = [catalog.read(one) for one in catalog.partitions]
    assert (pa.concat_tables(back) if back else table).equals(table)
    assert catalog.schema().equals(table.schema)


def test_hats_reads_and_validates_it(tmp_path):
    hats = pytest.importorskip("hats")
    validation = pytest.importorskip("hats.io.validation")
    skymap = pytest.importorskip("hats.io.skymap")
    cells = np.random.default_rng(2).integers(0, END, 5000)
    for name, some in (("all", cells), ("few", cells[:40])):
        written(tmp_path / name, table_of(some))
        assert validation.is_valid_catalog(tmp_path / name, strict=True)
        theirs = hats.read_hats(tmp_path / name)
        assert len(theirs) == some.size
        counts = np.bincount(some >> 42, minlength=12 << 16)
        assert np.array_equal(skymap.read_skymap(theirs, None), counts)
        assert theirs.moc.sky_fraction == pytest.approx(np.count_nonzero(counts) / counts.size)


def test_pieces_of_a_partition(tmp_path):
    table = table_of(range(50))
    with writing_hats(tmp_path / "a", table.schema, lonlat=("ra", "dec")) as writer:
        assert writer.write(Partition(0, 0), (table.slice(i, 10) for i in range(0, 50, 10))) == 50
        assert writer.write(Partition(0, 1), []) == 0
        with pytest.raises(ValueError, match="Norder=0, Npix=0 is written already"):
            writer.write(Partition(0, 0), table)
    catalog = HatsFolder.open(tmp_path / "a")
    assert catalog.partitions == [Partition(0, 0)]
    assert catalog.read(Partition(0, 0)).equals(table)


def test_nothing_is_there_after_an_error(tmp_path):
    table = table_of(range(5))

    def broken():
        yield table
        raise RuntimeError("stopped")

    with (
        pytest.raises(RuntimeError, match="stopped"),
        writing_hats(tmp_path / "a", table.schema, lonlat=("ra", "dec")) as writer,
    ):
        writer.write(Partition(0, 0), broken())
    assert list(tmp_path.iterdir()) == []


def test_replacing(tmp_path):
    written(tmp_path / "a", table_of(range(5)))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        written(tmp_path / "a", table_of(range(6)))
    assert written(tmp_path / "a", table_of(range(6)), overwrite=True).n_rows == 6
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "precious.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="Not a HATS catalog"):
        written(tmp_path / "b", table_of(range(6)), overwrite=True)
    assert (tmp_path / "b" / "precious.txt").exists()


def test_what_a_catalog_needs(tmp_path):
    table = table_of(range(5))
    with (
        pytest.raises(ValueError, match="needs the columns of its positions"),
        writing_hats(tmp_path / "a", table.schema),
    ):
        pass
    with pytest.raises(ValueError, match="no 'RA'"), writing_hats(tmp_path / "a", table.schema, lonlat=("RA", "dec")):
        pass
    with pytest.raises(ValueError, match="kind must be"), writing_hats(tmp_path / "a", table.schema, kind="stars"):
        pass


def test_properties_in_one_line(tmp_path):
    catalog = written(tmp_path / "a", table_of([1]), properties={"obs_title": "two\nlines", "hats_copyright": "C:\\x"})
    assert catalog.properties["hats_copyright"] == "C:\\x"
    assert "\n" not in catalog.properties["obs_title"]
