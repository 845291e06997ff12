"""Files of tables piece by piece: what comes out is what select and flag make of the whole table in memory."""

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from sanitized import not_sanitized

from hpmask import EnergyAxis, Mask, MaskSet
from hpmask.catalog import RowCounts, filter_file, flag_file
from hpmask.catalog.flag_columns import BITS
from tests._support.profiles import examples
from tests._support.strategies import range_sets

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
hp = pytest.importorskip("healpy")

RNG = np.random.default_rng(9)
N = 10_000
LON, LAT = RNG.uniform(0, 360, N), np.degrees(np.arcsin(RNG.uniform(-1, 1, N)))
COORD = SkyCoord(LON, LAT, unit="deg")
CELLS = hp.ang2pix(1 << 29, LON, LAT, nest=True, lonlat=True)
MASK = Mask.from_cones(COORD[::200], "12 deg", order=7)
KEPT = MASK.contains(COORD)
GALACTIC = Mask.from_cones(COORD[::200], "12 deg", order=7, frame="galactic")
SMALL = Mask.from_cones(COORD[:1], "10 deg", order=9)
LAYERS = MaskSet(
    {
        "star": MASK,
        "halo": Mask.from_cones(COORD[::300], "9 deg", order=8),
        "north": Mask.from_zone(lat=("0 deg", "90 deg"), order=5),
    }
)
FLAGS = LAYERS.flags(COORD)
AXIS = EnergyAxis([1, 10, 100] * u.TeV)
FRAME = pd.DataFrame(
    {"name": [f"star {i}" for i in range(N)], "ra": LON, "dec": LAT, "mag": LAT.astype("f4"), "n": np.arange(N)}
)


def test_the_masks_are_a_test():
    assert 0.2 < KEPT.mean() < 0.8
    assert len(set(FLAGS)) == 8


def parquet_file(path, table, **options):
    table = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table)
    pq.write_table(table, path, **{"row_group_size": 1300, **options})
    return path


# ---------------------------------------------------------------------- one parquet file


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("mask", [MASK, GALACTIC, SMALL, Mask.full(), Mask.empty()], ids=repr)
def test_a_parquet_file(tmp_path, mask, n_threads):
    source = parquet_file(tmp_path / "a.parquet", FRAME)
    kept = mask.contains(COORD)
    counts = filter_file(mask, source, tmp_path / "b.parquet", n_threads=n_threads)
    assert counts == RowCounts(N, int(kept.sum()))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "b.parquet"), FRAME[kept].reset_index(drop=True))
    counts = flag_file(mask, source, str(tmp_path / "c.parquet"), "good", n_threads=n_threads)
    assert counts == RowCounts(N, int(kept.sum()))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "c.parquet"), FRAME.assign(good=kept))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet", "c.parquet"]


@pytest.mark.parametrize("by_cells", [True, False])
def test_flags_of_a_set(tmp_path, by_cells):
    source = parquet_file(tmp_path / "a.parquet", FRAME.assign(_healpix_29=CELLS) if by_cells else FRAME)
    counts = flag_file(LAYERS, source, tmp_path / "b.parquet")
    assert counts == RowCounts(N, int((FLAGS == 7).sum()))
    found = pq.read_table(tmp_path / "b.parquet")
    assert found["flags"].type == pa.uint8()
    assert np.array_equal(found["flags"], FLAGS)
    assert json.loads(found.schema.field("flags").metadata[BITS.encode()]) == {"star": 0, "halo": 1, "north": 2}
    flag_file(dict(LAYERS), source, tmp_path / "c.parquet", per_layer=True)
    found = pq.read_table(tmp_path / "c.parquet")
    for k, name in enumerate(LAYERS):
        assert np.array_equal(found[name], FLAGS >> k & 1 == 1)


def test_more_than_64_layers(tmp_path):
    source = parquet_file(tmp_path / "a.parquet", FRAME)
    many = MaskSet({f"layer {k}": MASK if k % 2 else ~MASK for k in range(70)})
    flag_file(many, source, tmp_path / "c.parquet")
    found = pd.read_parquet(tmp_path / "c.parquet")
    assert np.array_equal(found[["flags_0", "flags_1"]].to_numpy(), many.flags(COORD))
    assert flag_file(many, source, tmp_path / "b.parquet", per_layer=True) == RowCounts(N, 0)
    found = pq.read_table(tmp_path / "b.parquet")
    assert np.array_equal(found["layer 69"], KEPT)
    assert np.array_equal(found["layer 68"], ~KEPT)


def test_the_file_is_packed_as_before(tmp_path):
    table = pa.table(
        {
            "_healpix_29": np.sort(CELLS),
            "tag": pa.array(["a", "b", None, "d"] * (N // 4)).dictionary_encode(),
            "list": pa.array([[1, 2], [], None, [3]] * (N // 4), pa.list_(pa.int16())),
            "pair": pa.array([{"x": 1, "y": 2.0}] * N),
            "when": pa.array(np.arange(N), pa.timestamp("us", tz="UTC")),
            "value": pa.array(LAT.astype("f4")),
        }
    ).replace_schema_metadata({"survey": "x"})
    table = table.cast(table.schema.set(5, table.schema.field("value").with_metadata({"unit": "Jy"})))
    source = parquet_file(
        tmp_path / "a.parquet",
        table,
        compression={"_healpix_29": "zstd", "tag": "snappy", "list.list.element": "gzip", "value": "none"},
        use_dictionary=["tag"],
        column_encoding={"_healpix_29": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
        sorting_columns=[pq.SortingColumn(0)],
        write_page_index=True,
    )
    expected = MASK.contains_cells(np.sort(CELLS))
    filter_file(MASK, source, tmp_path / "b.parquet")
    flag_file(MASK, source, tmp_path / "c.parquet", "good")
    assert pq.read_table(tmp_path / "b.parquet").equals(table.filter(pa.array(expected)))
    assert pq.read_table(tmp_path / "c.parquet").equals(table.append_column("good", pa.array(expected)))
    old = pq.ParquetFile(source)
    for name in ("b.parquet", "c.parquet"):
        new = pq.ParquetFile(tmp_path / name)
        assert new.schema_arrow.metadata == old.schema_arrow.metadata
        assert new.schema_arrow.field("value").metadata == {b"unit": b"Jy"}
        for k in range(old.metadata.num_columns):
            one, other = (file.metadata.row_group(0).column(k) for file in (old, new))
            assert one.compression == other.compression, one.path_in_schema
            assert one.has_dictionary_page == other.has_dictionary_page, one.path_in_schema
            assert one.has_column_index == other.has_column_index
            assert set(one.encodings) == set(other.encodings), one.path_in_schema
        assert new.metadata.row_group(0).sorting_columns == old.metadata.row_group(0).sorting_columns
    assert pq.ParquetFile(tmp_path / "c.parquet").metadata.row_group(0).column(7).compression in (
        "ZSTD",
        "SNAPPY",
        "UNCOMPRESSED",
    )


def test_row_groups_are_not_small(tmp_path):
    """Of many row groups with few rows that are kept, few are made."""
    source = parquet_file(tmp_path / "a.parquet", FRAME, row_group_size=100)
    filter_file(MASK, source, tmp_path / "b.parquet")
    assert pq.ParquetFile(tmp_path / "b.parquet").metadata.num_row_groups == 1


def test_large_row_groups_are_read_in_pieces(tmp_path, monkeypatch):
    from hpmask._files import parquet_rows

    monkeypatch.setattr(parquet_rows, "_MOST_BYTES", 20_000)
    monkeypatch.setattr(parquet_rows, "_MOST_ROWS", 700)
    monkeypatch.setattr(parquet_rows, "_LEAST_ROWS", 100)
    source = parquet_file(tmp_path / "a.parquet", FRAME, row_group_size=N)
    for n_threads in (1, 3):
        filter_file(MASK, source, tmp_path / "b.parquet", n_threads=n_threads, overwrite=True)
        flag_file(MASK, source, tmp_path / "c.parquet", n_threads=n_threads, overwrite=True)
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "b.parquet"), FRAME[KEPT].reset_index(drop=True))
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "c.parquet"), FRAME.assign(kept=KEPT))
    assert pq.ParquetFile(tmp_path / "c.parquet").metadata.num_row_groups > 10


def test_an_index_of_pandas(tmp_path):
    frame = FRAME.set_index("name")
    filter_file(MASK, parquet_file(tmp_path / "a.parquet", frame), tmp_path / "b.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "b.parquet"), frame[KEPT])
    cells = FRAME.drop(columns=["ra", "dec"]).set_index(pd.Index(CELLS, name="_healpix_29"))
    filter_file(MASK, parquet_file(tmp_path / "a.parquet", cells), tmp_path / "b.parquet", overwrite=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "b.parquet"), cells[KEPT])


def test_files_of_astropy(tmp_path):
    """Its units and keywords count: radians, and an old equinox."""
    fk4 = COORD.fk4
    table = QTable(
        {"RA": fk4.ra.to(u.rad), "DEC": fk4.dec.to(u.rad), "flux": np.arange(N) * u.Jy}, meta={"EQUINOX": 1950.0}
    )
    table.write(tmp_path / "a.parquet")
    filter_file(MASK, tmp_path / "a.parquet", tmp_path / "b.parquet")
    flag_file(LAYERS, tmp_path / "a.parquet", tmp_path / "c.parquet")
    some, all_ = (QTable.read(tmp_path / f"{name}.parquet") for name in "bc")
    assert np.array_equal(some["flux"], table["flux"][KEPT])
    assert all_.colnames == ["RA", "DEC", "flux", "flags"]
    assert some["RA"].unit == all_["RA"].unit == u.rad
    assert some.meta["EQUINOX"] == all_.meta["EQUINOX"] == 1950
    assert np.array_equal(all_["flags"], FLAGS)
    assert all_["flags"].info.meta == {"bits": LAYERS.bits}


def test_statistics_in_other_units(tmp_path):
    """Radians and text are not taken for degrees."""
    order = np.argsort(LAT)
    table = QTable({"RA": COORD.ra[order].to(u.rad), "DEC": COORD.dec[order].to(u.rad)})
    table.write(tmp_path / "a.parquet")
    parquet_file(tmp_path / "a.parquet", pq.read_table(tmp_path / "a.parquet"), row_group_size=100)
    assert filter_file(SMALL, tmp_path / "a.parquet", tmp_path / "b.parquet").n_kept == SMALL.contains(COORD).sum()
    texts = Table({"RA": COORD.ra[:200].to_string(u.hourangle, sep=":"), "DEC": COORD.dec[:200].to_string(sep=":")})
    texts["RA"].unit, texts["DEC"].unit = u.hourangle, u.deg
    texts.write(tmp_path / "c.parquet")
    assert filter_file(MASK, tmp_path / "c.parquet", tmp_path / "d.parquet").n_kept == KEPT[:200].sum()


def test_cells_that_are_none(tmp_path):
    for bad in (-1, 12 << 58):
        source = parquet_file(tmp_path / "a.parquet", pd.DataFrame({"_healpix_29": [5, bad]}))
        with pytest.raises(ValueError, match=rf"row group 0: positions\['_healpix_29'\] must be .*, row 1 is {bad}"):
            filter_file(MASK, source, tmp_path / "b.parquet")


def test_columns_of_other_names(tmp_path):
    source = parquet_file(
        tmp_path / "a.parquet",
        pd.DataFrame({"x": COORD.galactic.l.deg, "y": COORD.galactic.b.deg, "ra": 0.0, "dec": 0.0}),
    )
    counts = filter_file(MASK, source, tmp_path / "b.parquet", lon="x", lat="y", catalog_frame="galactic")
    assert counts.n_kept == KEPT.sum()
    with pytest.raises(ValueError, match=r"the frame of the columns 'x' and 'y' of 'a.parquet' is not known"):
        filter_file(MASK, source, tmp_path / "c.parquet", lon="x", lat="y")


def test_energies(tmp_path):
    energy = RNG.choice([0.5, 2.0, 50.0], N)
    mask = Mask.from_cones(COORD[::200], [[20, 9]] * u.deg, order=7, energy=AXIS)
    expected = mask.contains(COORD, energy=energy * u.TeV)
    source = parquet_file(tmp_path / "a.parquet", FRAME.assign(E=energy))
    options = {"energy": "E", "energy_unit": "TeV"}
    assert filter_file(mask, source, tmp_path / "b.parquet", **options).n_kept == expected.sum()
    flag_file(mask, source, tmp_path / "c.parquet", **options)
    assert np.array_equal(pd.read_parquet(tmp_path / "c.parquet")["kept"], expected)
    assert filter_file(mask, source, tmp_path / "d.parquet", energy="2 TeV").n_kept == mask[0].contains(COORD).sum()
    both = {"a": mask, "b": MASK}
    flag_file(both, source, tmp_path / "e.parquet", **options)
    assert np.array_equal(
        pd.read_parquet(tmp_path / "e.parquet")["flags"], MaskSet(both).flags(COORD, energy=energy * u.TeV)
    )
    Table({"RA": LON, "DEC": LAT, "E": energy * u.TeV}).write(tmp_path / "f.parquet")
    assert filter_file(mask, tmp_path / "f.parquet", tmp_path / "g.parquet", energy="E").n_kept == expected.sum()
    for function, what in ((filter_file, "the mask"), (flag_file, "the mask")):
        with pytest.raises(ValueError, match=f"^{what} has energy bins: give the energies of the rows by energy="):
            function(mask, source, tmp_path / "h.parquet")
    with pytest.raises(ValueError, match="layer 'a' has energy bins"):
        flag_file(both, source, tmp_path / "h.parquet")
    with pytest.raises(ValueError, match="column 'E' has no unit"):
        filter_file(mask, source, tmp_path / "h.parquet", energy="E")
    with pytest.raises(ValueError, match="energy must be one energy or the name of a column"):
        filter_file(mask, source, tmp_path / "h.parquet", energy=energy * u.TeV)


def test_rows_that_are_nowhere(tmp_path):
    frame = FRAME.copy()
    frame.loc[[3000, 7000], "dec"] = np.nan
    source = parquet_file(tmp_path / "a.parquet", frame)
    for function in (filter_file, flag_file):
        with pytest.raises(ValueError, match=r"^'a.parquet', row group 2: positions must be finite, .* row 400: lon="):
            function(MASK, source, tmp_path / "b.parquet")
        assert not (tmp_path / "b.parquet").exists()
        counts = function(MASK, source, tmp_path / "c.parquet", invalid="skip", overwrite=True)
        assert counts.n_kept == (KEPT & frame["dec"].notna()).sum()
    assert np.array_equal(pd.read_parquet(tmp_path / "c.parquet")["kept"], KEPT & frame["dec"].notna())


def test_without_rows(tmp_path):
    for table in (
        pa.Table.from_pandas(FRAME)[:0],
        pa.schema([("ra", pa.float64()), ("dec", pa.float64())]).empty_table(),
    ):
        pq.write_table(table, tmp_path / "a.parquet")
        assert filter_file(MASK, tmp_path / "a.parquet", tmp_path / "b.parquet", overwrite=True) == RowCounts(0, 0)
        flag_file(LAYERS, tmp_path / "a.parquet", tmp_path / "c.parquet", overwrite=True)
        assert pq.read_table(tmp_path / "b.parquet").schema.equals(table.schema)
        assert pq.read_table(tmp_path / "c.parquet").num_rows == 0


# ---------------------------------------------------------------------- what is not read


def groups_read(monkeypatch):
    """The row groups that are read from now on, with their columns."""
    found = []
    real = pq.ParquetFile.read_row_group

    def spy(self, group, columns=None, **options):
        found.append((group, columns))
        return real(self, group, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", spy)
    return found


def test_row_groups_are_ruled_out_by_their_cells(tmp_path, monkeypatch):
    order = np.argsort(CELLS)
    source = parquet_file(tmp_path / "a.parquet", FRAME.assign(_healpix_29=CELLS).iloc[order], row_group_size=50)
    read = groups_read(monkeypatch)
    kept = SMALL.contains(COORD)
    counts = filter_file(SMALL, source, tmp_path / "b.parquet", n_threads=1)
    assert counts == RowCounts(N, int(kept.sum()))
    assert len({group for group, _ in read}) < 20
    found = pd.read_parquet(tmp_path / "b.parquet")
    pd.testing.assert_frame_equal(found.drop(columns="_healpix_29"), FRAME.iloc[order][kept[order]])
    # Where all rows are kept, the positions are not looked at.
    read.clear()
    filter_file(~SMALL, source, tmp_path / "b.parquet", overwrite=True, n_threads=1)
    assert [columns for _, columns in read].count(None) > 150
    assert filter_file(~SMALL, source, tmp_path / "b.parquet", overwrite=True).n_kept == N - kept.sum()


@pytest.mark.parametrize(
    "mask", [SMALL, Mask.from_cones(COORD[:1], "10 deg", order=9, frame="galactic")], ids=["icrs", "galactic"]
)
def test_row_groups_are_ruled_out_by_their_positions(tmp_path, monkeypatch, mask):
    """In the frame of the mask; in another one, all are read."""
    order = np.lexsort((LAT, LON // 10))
    source = parquet_file(tmp_path / "a.parquet", FRAME.iloc[order], row_group_size=100)
    read = groups_read(monkeypatch)
    assert filter_file(mask, source, tmp_path / "b.parquet", n_threads=1) == RowCounts(
        N, int(mask.contains(COORD).sum())
    )
    n_read = len({group for group, _ in read})
    assert n_read < 30 if mask.frame == "icrs" else n_read == 100


def test_other_columns_are_read_if_a_row_is_kept(tmp_path, monkeypatch):
    source = parquet_file(tmp_path / "a.parquet", FRAME.sort_values("name"), row_group_size=100)
    read = groups_read(monkeypatch)
    filter_file(Mask.from_cones(COORD[:1], "1 deg", order=9), source, tmp_path / "b.parquet", n_threads=1)
    assert sum(columns == ["ra", "dec"] for _, columns in read) == 100
    assert sum(columns != ["ra", "dec"] for _, columns in read) < 10


@given(range_sets(max_order=9), st.integers(0, 2**32), st.sampled_from(["cells", "icrs", "galactic"]))
@examples(60)
def test_statistics_never_change_the_result(tmp_path_factory, plane, seed, by):
    rng = np.random.default_rng(seed)
    lon, width = rng.uniform(0, 350), rng.uniform(0.1, 10)
    lon, lat = rng.uniform(lon, lon + width, 60), rng.uniform(-90, 90) + rng.uniform(-5, 5, 60)
    lat = np.clip(lat, -90, 90)
    cells = hp.ang2pix(1 << 29, lon, lat, nest=True, lonlat=True)
    columns = (
        {"_healpix_29": cells}
        if by == "cells"
        else {"glon": lon, "glat": lat}
        if by == "galactic"
        else {"ra": lon, "dec": lat}
    )
    folder = tmp_path_factory.mktemp("a")
    frame = pd.DataFrame(columns).sort_values(list(columns)[-1])
    source = parquet_file(folder / "a.parquet", frame, row_group_size=int(rng.integers(1, 30)))
    mask = Mask(plane, frame="galactic" if by == "galactic" else "icrs")
    filter_file(mask, source, folder / "b.parquet")
    expected = (
        mask.contains_cells(frame["_healpix_29"].to_numpy()) if by == "cells" else mask.contains(*frame.to_numpy().T)
    )
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "b.parquet"), frame[expected])


# ---------------------------------------------------------------------- several files


def folder_of_files(folder):
    (folder / "a" / "year=2020").mkdir(parents=True)
    (folder / "a" / "year=2021").mkdir()
    parts = np.array_split(np.arange(N), 3)
    for rows, name in zip(parts, ("year=2020/x.parquet", "year=2021/x.pq", "y.parquet"), strict=True):
        parquet_file(folder / "a" / name, FRAME.iloc[rows])
    (folder / "a" / "_common_metadata").write_bytes(b"not data")
    (folder / "a" / ".hidden.parquet").write_bytes(b"not data")
    return folder / "a"


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_folder(tmp_path, n_threads):
    source = folder_of_files(tmp_path)
    assert filter_file(MASK, source, tmp_path / "b", n_threads=n_threads) == RowCounts(N, int(KEPT.sum()))
    files = sorted(str(path.relative_to(tmp_path / "b")) for path in (tmp_path / "b").rglob("*") if path.is_file())
    assert files == ["y.parquet", "year=2020/x.parquet", "year=2021/x.pq"]
    found = pd.concat([pd.read_parquet(tmp_path / "b" / name) for name in files]).sort_values("n")
    assert np.array_equal(found["n"], np.flatnonzero(KEPT))
    flag_file(MASK, source, tmp_path / "b", overwrite=True, n_threads=n_threads)
    found = pd.concat([pd.read_parquet(tmp_path / "b" / name) for name in files]).sort_values("n")
    assert np.array_equal(found["kept"], KEPT)


def test_a_pattern_and_a_list(tmp_path):
    source = folder_of_files(tmp_path)
    kept = KEPT[: len(np.array_split(np.arange(N), 3)[0])].sum()
    for some in (f"{source}/year=2020/*.parquet", [source / "year=2020/x.parquet"]):
        assert filter_file(MASK, some, tmp_path / "b", overwrite=True).n_kept == kept
        assert [path.name for path in (tmp_path / "b").iterdir()] == ["x.parquet"]
    assert filter_file(MASK, f"{source}/**/x.p*", tmp_path / "b", overwrite=True).n_rows == pytest.approx(
        N * 2 / 3, abs=1
    )
    assert (tmp_path / "b" / "year=2021" / "x.pq").is_file()


def test_what_is_not_replaced(tmp_path):
    source = folder_of_files(tmp_path)
    one = source / "y.parquet"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("x")
    (tmp_path / "c.parquet").write_text("old")
    for out in ("b", "c.parquet"):
        with pytest.raises(FileExistsError):
            filter_file(MASK, one if "." in out else source, tmp_path / out)
    with pytest.raises(FileExistsError, match=r"The folder has 'thesis.tex', which is not a parquet file"):
        filter_file(MASK, source, tmp_path / "b", overwrite=True)
    with pytest.raises(NotADirectoryError):
        filter_file(MASK, source, tmp_path / "c.parquet", overwrite=True)
    assert (tmp_path / "b" / "thesis.tex").read_text() == "x"
    assert (tmp_path / "c.parquet").read_text() == "old"
    with pytest.raises(FileNotFoundError):
        filter_file(MASK, one, tmp_path / "no" / "d.parquet")


def test_a_folder_and_its_source_stay_apart(tmp_path):
    source = folder_of_files(tmp_path)
    before = sorted(source.rglob("*"))
    with pytest.raises(ValueError, match=r"^out must not be inside the folder that is read"):
        filter_file(MASK, source, source / "new")
    # The file beside the source would be lost.
    with pytest.raises(ValueError, match=r"^out is replaced as a whole, and has files that are read"):
        filter_file(MASK, source / "year=2020", source, overwrite=True)
    with pytest.raises(ValueError, match=r"^out is replaced as a whole, and has files that are read"):
        filter_file(MASK, str(source / "*.parquet"), source, overwrite=True)
    assert sorted(source.rglob("*")) == before
    # A folder may take its own place.
    (source / "_common_metadata").unlink()
    filter_file(MASK, source, source, overwrite=True)
    assert sum(len(pd.read_parquet(path)) for path in source.rglob("*.p*q*")) == KEPT.sum()


def test_columns_of_one_name(tmp_path):
    values = [pa.array([1.0])] * 4
    pq.write_table(pa.Table.from_arrays(values, names=["ra", "dec", "z", "z"]), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"^'a\.parquet' has several columns of the name 'z'"):
        filter_file(MASK, tmp_path / "a.parquet", tmp_path / "b.parquet")


def test_damaged_fits_files_are_named(tmp_path):
    path = tmp_path / "a.fits"
    stars = Table({"ra": [1.0], "dec": [2.0]})
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(stars), fits.table_to_hdu(stars)]).writeto(path)
    whole = path.read_bytes()
    second = whole.rindex(b"XTENSION")
    damages = [
        whole[:second] + whole[second:].replace(b"END".ljust(80), b"XND".ljust(80)),
        whole.replace(b"TTYPE1  = 'ra      '".ljust(80), b"TTYPE1  = '" + b"x" * 69),
        whole.replace(b"TFORM1  = 'D       '", b"TFORM1  = 'Z       '"),
        whole.replace(b"NAXIS2  =                    1", b"NAXIS2  =              1000000"),
        whole.replace(b"NAXIS   =                    0", b"NAXIS   =            999999999", 1),
    ]
    for damaged in damages:
        assert damaged != whole
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"'a\.fits'"):
            filter_file(MASK, path, tmp_path / "b.fits")


def test_metadata_that_cannot_be_read(tmp_path):
    stars = pa.table({"ra": [1.0], "dec": [2.0]})
    pq.write_table(stars.replace_schema_metadata({"table_meta_yaml": b"\xf6"}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"^'a\.parquet': the metadata"):
        filter_file(MASK, tmp_path / "a.parquet", tmp_path / "b.parquet")


def test_a_file_may_take_its_own_place(tmp_path):
    source = parquet_file(tmp_path / "a.parquet", FRAME)
    flag_file(MASK, source, source, overwrite=True)
    pd.testing.assert_frame_equal(pd.read_parquet(source), FRAME.assign(kept=KEPT))


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        ("none.parquet", FileNotFoundError, "no such file"),
        ("none/*.parquet", FileNotFoundError, "no such file"),
        ("empty", FileNotFoundError, "There is no parquet file in the folder"),
        (3, TypeError, "^source must be a path, a pattern or a list of paths, got 3"),
        (b"a.parquet", TypeError, "^source must be a path, a pattern or a list of paths, got b'a"),
        ([], TypeError, "^source must be a path"),
        ("a.txt", ValueError, "^the format of 'a.txt' is not known"),
        ("bad.parquet", ValueError, "bad.parquet' cannot be read as parquet"),
        ("bad.fits", ValueError, "^'bad.fits' cannot be read as fits"),
        ("x.parquet", ValueError, "^'x.parquet' has no positions that are known"),
        (["a.txt"], ValueError, "^several files must be parquet files"),
    ],
)
def test_what_is_no_source(tmp_path, source, error, text):
    (tmp_path / "empty").mkdir()
    for name in ("a.txt", "bad.parquet", "bad.fits"):
        (tmp_path / name).write_text("not a table")
    parquet_file(tmp_path / "x.parquet", pd.DataFrame({"x": [1.0]}))
    given_ = tmp_path / source if isinstance(source, str) else source
    if isinstance(source, list):
        given_ = [tmp_path / one for one in source]
    for function in (filter_file, flag_file):
        with pytest.raises(error, match=text):
            function(MASK, given_, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_mask(tmp_path):
    source = parquet_file(tmp_path / "a.parquet", FRAME)
    with pytest.raises(TypeError, match=r"^mask must be a Mask"):
        filter_file(LAYERS, source, tmp_path / "b.parquet")
    with pytest.raises(TypeError, match=r"^masks must be a mapping from names to Masks"):
        flag_file(3, source, tmp_path / "b.parquet")
    with pytest.raises(TypeError, match=r"^per_layer is for masks with names"):
        flag_file(MASK, source, tmp_path / "b.parquet", per_layer=True)
    with pytest.raises(TypeError, match=r"^with per_layer, the columns have the names of the layers"):
        flag_file(LAYERS, source, tmp_path / "b.parquet", "x", per_layer=True)
    with pytest.raises(ValueError, match=r"'a.parquet' has a column 'mag' already: give another column"):
        flag_file(LAYERS, source, tmp_path / "b.parquet", "mag")


def test_a_damaged_row_group(tmp_path):
    source = parquet_file(tmp_path / "a.parquet", FRAME, compression="gzip")
    content = bytearray(source.read_bytes())
    place = pq.ParquetFile(source).metadata.row_group(3).column(1).data_page_offset
    content[place : place + 2000] = bytes(2000)
    source.write_bytes(content)
    for function in (filter_file, flag_file):
        with pytest.raises(ValueError, match=r"^'a.parquet', row group 3: "):
            function(MASK, source, tmp_path / "b.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


# ---------------------------------------------------------------------- processes that are killed, and memory


@pytest.mark.deep
def test_nothing_is_left_by_a_killed_process(tmp_path):
    frame = pd.concat([FRAME] * 30)
    source = parquet_file(tmp_path / "a.parquet", frame, row_group_size=1000)
    program = """
        import sys
        from hpmask import Mask
        from hpmask.catalog import asked, flag_file
        old = asked.Asked.answers
        def slow(self, rows, n_threads):
            print("at work", flush=True)
            return old(self, rows, n_threads)
        asked.Asked.answers = slow
        flag_file(Mask.full(order=3), sys.argv[1], sys.argv[2], n_threads=1)
    """
    for out in ("b.parquet", "b"):
        given_ = source if "." in out else tmp_path
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), str(given_), str(tmp_path / out)], stdout=subprocess.PIPE
        ) as process:
            for _ in range(5):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not (tmp_path / out).exists()
    assert all(path.name.startswith(".hpmask-") or path == source for path in tmp_path.iterdir())


PEAK = """
    import sys
    from hpmask import Mask
    from hpmask.catalog import filter_file, flag_file
    mask = Mask.from_zone(lat=("0 deg", "90 deg"), order=9)
    {filter_file: filter_file, flag_file: flag_file}[eval(sys.argv[1])](mask, sys.argv[2], sys.argv[3], n_threads=2)
    # ru_maxrss would include the memory of the process that started this one.
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@not_sanitized
@pytest.mark.deep
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is in /proc")
@pytest.mark.parametrize("function", ["filter_file", "flag_file"])
@pytest.mark.parametrize("row_group_size", [1 << 17, 1 << 30], ids=["many row groups", "one row group"])
def test_memory_does_not_grow_with_the_file(tmp_path, function, row_group_size):
    peaks = []
    for n in (2, 8):
        frame = pd.DataFrame(
            {"ra": RNG.uniform(0, 360, n << 20), "dec": RNG.uniform(-90, 90, n << 20), "x": RNG.random(n << 20)}
        )
        source = parquet_file(tmp_path / "a.parquet", frame, row_group_size=row_group_size)
        command = [sys.executable, "-c", textwrap.dedent(PEAK), function, str(source), str(tmp_path / f"{n}.parquet")]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True).stdout))
    # In kB: the columns of the larger file have 200 MB.
    assert peaks[1] < peaks[0] + 80_000
    assert peaks[1] < 700_000


# ---------------------------------------------------------------------- FITS


def fits_file(path, **columns):
    table = QTable(
        {
            "RA": LON * u.deg,
            "DEC": np.radians(LAT) * u.rad,
            "name": FRAME["name"].to_numpy().astype("S12"),
            "big": np.arange(N, dtype=np.uint32) + np.uint32(2**31),
            "vector": np.arange(3 * N, dtype="i2").reshape(N, 3),
            **columns,
        }
    )
    hdu = fits.table_to_hdu(table)
    hdu.name = "STARS"
    hdu.header["SURVEY"] = "x"
    other = fits.table_to_hdu(Table({"a": [1, 2]}))
    image = fits.ImageHDU(np.arange(12).reshape(3, 4), name="IMAGE")
    fits.HDUList([fits.PrimaryHDU(np.ones(5)), other, hdu, image]).writeto(path, checksum=True)
    return path


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_fits_table(tmp_path, monkeypatch, n_threads):
    from hpmask._files import fits_rows

    monkeypatch.setattr(fits_rows, "_PIECE", 40_000)
    source = fits_file(tmp_path / "a.fits")
    old = Table.read(source, hdu="STARS")
    assert filter_file(MASK, source, tmp_path / "b.fits", n_threads=n_threads) == RowCounts(N, int(KEPT.sum()))
    flag_file(MASK, source, tmp_path / "c.fits", "good", n_threads=n_threads)
    flag_file(LAYERS, source, tmp_path / "d.fits", n_threads=n_threads)
    for name, rows in (("b", KEPT), ("c", slice(None)), ("d", slice(None))):
        with fits.open(tmp_path / f"{name}.fits", checksum=True) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "", "STARS", "IMAGE"]
            assert hdus["STARS"].header["SURVEY"] == "x"
            assert np.array_equal(hdus["IMAGE"].data, np.arange(12).reshape(3, 4))
            hdus.verify("exception")
        new = Table.read(tmp_path / f"{name}.fits", hdu="STARS")
        assert new["DEC"].unit == u.rad
        for column in old.colnames:
            assert np.array_equal(new[column], old[column][rows])
    assert np.array_equal(Table.read(tmp_path / "c.fits", hdu="STARS")["good"], KEPT)
    assert np.array_equal(Table.read(tmp_path / "d.fits", hdu="STARS")["flags"], FLAGS)
    assert fits.getheader(tmp_path / "d.fits", "STARS")["TCOMM6"] == "bit 0: star, bit 1: halo, bit 2: north"
    for function in (filter_file, flag_file):
        with pytest.raises(FileExistsError):
            function(MASK, source, tmp_path / "b.fits")
    with pytest.raises(ValueError, match=r"'a.fits' has a column 'big' already"):
        flag_file(MASK, source, tmp_path / "e.fits", "big")


@pytest.mark.parametrize("n_layers", [9, 17, 40])
def test_wide_flags_in_fits(tmp_path, n_layers):
    source = fits_file(tmp_path / "a.fits")
    many = MaskSet({f"layer{k}": MASK if k % 3 else ~MASK for k in range(n_layers)})
    flag_file(many, source, tmp_path / "b.fits")
    assert np.array_equal(Table.read(tmp_path / "b.fits", hdu="STARS")["flags"], many.flags(COORD))


def test_a_fits_table_with_lists(tmp_path):
    lists = np.array([np.arange(i % 4) for i in range(N)], dtype=object)
    columns = [
        fits.Column("RA", "D", array=LON),
        fits.Column("DEC", "D", array=LAT),
        fits.Column("list", "PJ()", array=lists),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "a.fits")
    filter_file(MASK, tmp_path / "a.fits", tmp_path / "b.fits")
    flag_file(MASK, tmp_path / "a.fits", tmp_path / "c.fits")
    with fits.open(tmp_path / "b.fits") as some, fits.open(tmp_path / "c.fits") as all_:
        assert all(np.array_equal(a, b) for a, b in zip(some[1].data["list"], lists[KEPT], strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(all_[1].data["list"], lists, strict=True))
        assert np.array_equal(all_[1].data["kept"], KEPT)


def test_energies_in_fits(tmp_path):
    energy = RNG.choice([0.5, 2.0, 50.0], N) * u.TeV
    source = fits_file(tmp_path / "a.fits", ENERGY=energy)
    mask = Mask.from_cones(COORD[::200], [[20, 9]] * u.deg, order=7, energy=AXIS)
    assert (
        filter_file(mask, source, tmp_path / "b.fits", energy="ENERGY").n_kept
        == mask.contains(COORD, energy=energy).sum()
    )


# ---------------------------------------------------------------------- HATS


@pytest.fixture
def hats_folder(data):
    return data("hats/small_sky_source")


def rows_of(catalog):
    frame = pd.concat([pd.read_parquet(path) for path in sorted(Path(catalog).rglob("Npix=*.parquet"))])
    return frame.sort_values("source_id").reset_index(drop=True)


@pytest.mark.filterwarnings("ignore:The inplace keyword in NestedFrame")
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_a_hats_catalog(tmp_path, hats_folder, frame):
    lsdb = pytest.importorskip("lsdb")
    hats = pytest.importorskip("hats")
    is_valid_catalog = pytest.importorskip("hats.io.validation").is_valid_catalog
    whole = rows_of(hats_folder)
    coord = SkyCoord(whole["source_ra"], whole["source_dec"], unit="deg")
    mask = Mask.from_cones(coord[:1], "6 deg", order=10, frame=frame)
    kept = mask.contains(coord)
    assert 0.02 < kept.mean() < 0.9
    counts = filter_file(mask, hats_folder, tmp_path / "b")
    assert counts == RowCounts(len(whole), int(kept.sum()))
    pd.testing.assert_frame_equal(rows_of(tmp_path / "b"), whole[kept].reset_index(drop=True))
    flag_file({"a": mask, "b": ~mask}, hats_folder, tmp_path / "c")
    pd.testing.assert_frame_equal(rows_of(tmp_path / "c"), whole.assign(flags=np.where(kept, 1, 2).astype("u1")))
    for name, n_rows in (("b", kept.sum()), ("c", len(whole))):
        catalog = hats.read_hats(tmp_path / name)
        assert catalog.catalog_info.total_rows == n_rows
        assert catalog.catalog_info.ra_column == "source_ra"
        assert str(catalog.catalog_info.catalog_type) == "source"
        assert is_valid_catalog(tmp_path / name, strict=True)
        assert len(lsdb.open_catalog(tmp_path / name).compute()) == n_rows
    assert (
        0
        < len(hats.read_hats(tmp_path / "b").get_healpix_pixels())
        < len(hats.read_hats(hats_folder).get_healpix_pixels())
    )
    found = lsdb.open_catalog(hats_folder).search(lsdb.MOCSearch(mask.to_moc())).compute() if frame == "icrs" else None
    if found is not None:
        assert set(found["source_id"]) == set(rows_of(tmp_path / "b")["source_id"])
    with pytest.raises(FileExistsError):
        filter_file(mask, hats_folder, tmp_path / "b")
    with pytest.raises(FileExistsError, match="Not a HATS catalog"):
        filter_file(mask, hats_folder, tmp_path, overwrite=True)
    filter_file(mask, hats_folder, tmp_path / "c", overwrite=True)
    assert len(rows_of(tmp_path / "c")) == kept.sum()


def test_a_hats_catalog_and_no_rows(tmp_path, hats_folder):
    hats = pytest.importorskip("hats")
    counts = filter_file(Mask.empty(), hats_folder, tmp_path / "b")
    assert counts == RowCounts(17161, 0)
    assert hats.read_hats(tmp_path / "b").catalog_info.total_rows == 0


def test_a_hats_catalog_by_other_columns(tmp_path, hats_folder):
    whole = rows_of(hats_folder)
    coord = SkyCoord(whole["object_ra"], whole["object_dec"], unit="deg")
    mask = Mask.from_cones(coord[:1], "6 deg", order=10)
    counts = flag_file(mask, hats_folder, tmp_path / "b", lon="object_ra", lat="object_dec", catalog_frame="icrs")
    assert counts.n_kept == mask.contains(coord).sum()
