"""Tables with the answers of masks: each kind of table comes back as it was, but for the rows or the column."""

import pickle
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st

from hpmask import EnergyAxis, Mask
from hpmask.catalog import answers
from tests._support.profiles import examples
from tests._support.strategies import range_sets

RNG = np.random.default_rng(8)
N = 400
LON, LAT = RNG.uniform(0, 360, N), np.degrees(np.arcsin(RNG.uniform(-1, 1, N)))
COORD = SkyCoord(LON, LAT, unit="deg")
MASK = Mask.from_cones(COORD[::20], "25 deg", order=6)
KEPT = MASK.contains(COORD)
NAMES = np.array([f"star {i}" for i in range(N)])
COLUMNS = {"name": NAMES, "ra": LON, "dec": LAT, "count": np.arange(N, dtype=np.int16)}
AXIS = EnergyAxis([1, 10, 100] * u.TeV)


def test_the_mask_is_a_test():
    assert 0.2 < KEPT.mean() < 0.8


# ---------------------------------------------------------------------- astropy


class MyTable(QTable):
    pass


@pytest.mark.parametrize("kind", [Table, QTable, MyTable])
def test_tables_of_astropy(kind):
    table = kind(COLUMNS, meta={"SURVEY": "x", "HISTORY": ["a"]})
    table["flux"] = np.arange(N) * u.Jy
    table["ra"].info.description = "right ascension"
    table["where"] = COORD
    table["count"] = np.ma.array(table["count"], mask=np.arange(N) % 3 == 0)
    before = pickle.dumps(table)
    some = MASK.select(table)
    assert type(some) is kind
    assert some.meta == table.meta
    assert some.colnames == table.colnames
    assert some["flux"].unit == u.Jy
    assert some["ra"].info.description == "right ascension"
    assert np.array_equal(some["name"], NAMES[KEPT])
    assert np.array_equal(some["count"].mask, table["count"].mask[KEPT])
    all_ = MASK.flag(table, "good")
    assert type(all_) is kind
    assert all_.meta == table.meta
    assert all_.colnames == [*table.colnames, "good"]
    assert all_["good"].dtype == bool
    assert np.array_equal(all_["good"], KEPT)
    assert all_["flux"].unit == u.Jy
    # The result is a table of its own.
    all_["ra"][0] = -1
    assert pickle.dumps(table) == before


# ---------------------------------------------------------------------- arrays


def structured():
    result = np.zeros(N, dtype=[("name", "U10"), ("ra", ">f8"), ("dec", "<f8"), ("count", "i2"), ("vector", "f4", 3)])
    for name, values in COLUMNS.items():
        result[name] = values
    result["vector"] = np.arange(3 * N).reshape(N, 3)
    return result


@pytest.mark.parametrize("kind", [np.ndarray, np.recarray])
def test_structured_arrays(kind):
    array = structured().view(kind)
    some, all_ = MASK.select(array), MASK.flag(array, "good")
    assert type(some) is type(all_) is kind
    assert some.dtype == array.dtype
    assert np.array_equal(some["vector"], array["vector"][KEPT])
    assert all_.dtype.names == (*array.dtype.names, "good")
    assert all_.dtype["good"] == np.dtype(bool)
    assert all_.dtype["ra"] == ">f8"
    assert np.array_equal(all_["good"], KEPT)
    assert np.array_equal(all_[list(array.dtype.names)], array)


def test_masked_structured_arrays():
    array = np.ma.MaskedArray(structured())
    array["count"][::3] = np.ma.masked
    some, all_ = MASK.select(array), MASK.flag(array)
    assert isinstance(some, np.ma.MaskedArray)
    assert isinstance(all_, np.ma.MaskedArray)
    assert np.array_equal(some["count"].mask, array["count"].mask[KEPT])
    assert np.array_equal(all_["count"].mask, array["count"].mask)
    assert np.array_equal(all_["kept"].data, KEPT)
    assert not all_["kept"].mask.any()


def test_tables_of_fits():
    table = Table(COLUMNS)
    table["ra"].unit = "deg"
    table["big"] = np.arange(N, dtype=np.uint32) + 2**31
    hdu = fits.table_to_hdu(table)
    hdu.header["SURVEY"] = "x"
    hdu.name = "STARS"
    some, all_ = MASK.select(hdu), MASK.flag(hdu, "good")
    for one, rows in ((some, KEPT), (all_, np.ones(N, dtype=bool))):
        assert type(one) is fits.BinTableHDU
        assert one.header["SURVEY"] == "x"
        assert one.name == "STARS"
        assert one.columns["ra"].unit == "deg"
        assert np.array_equal(one.data["name"], NAMES[rows])
        assert np.array_equal(one.data["big"], table["big"][rows])
        assert len(Table.read(fits.HDUList([fits.PrimaryHDU(), one]))) == rows.sum()
    assert np.array_equal(all_.data["good"], KEPT)
    some, all_ = MASK.select(hdu.data), MASK.flag(hdu.data, "good")
    assert isinstance(some, fits.FITS_rec)
    assert isinstance(all_, fits.FITS_rec)
    assert np.array_equal(some["big"], table["big"][KEPT])
    assert np.array_equal(all_["good"], KEPT)
    words = answers.with_columns(hdu, lambda table: {"word": np.arange(N, dtype=np.uint64)})
    assert words.data["word"].dtype.kind == "u"
    replaced = MASK.flag(MASK.flag(hdu, "good"), "good", overwrite=True)
    assert replaced.columns.names == [*table.colnames, "good"]


# ---------------------------------------------------------------------- dicts of columns


def test_dicts():
    pl = pytest.importorskip("polars")
    columns = OrderedDict(
        ra=LON.tolist(), dec=tuple(LAT), where=COORD, flux=np.arange(N) * u.Jy, s=pd.Series(NAMES), p=pl.Series(NAMES)
    )
    columns["a"] = np.arange(2 * N).reshape(N, 2)
    some, all_ = MASK.select(columns, lon="ra", lat="dec"), MASK.flag(columns, "good", lon="ra", lat="dec")
    assert list(some) == list(columns)
    assert some["ra"] == LON[KEPT].tolist()
    assert some["dec"] == tuple(LAT[KEPT])
    assert (some["where"] == COORD[KEPT]).all()
    assert some["flux"].unit == u.Jy
    assert some["s"].tolist() == some["p"].to_list() == NAMES[KEPT].tolist()
    assert np.array_equal(some["a"], columns["a"][KEPT])
    assert list(all_) == [*columns, "good"]
    assert all_["ra"] is columns["ra"]
    assert np.array_equal(all_["good"], KEPT)


# ---------------------------------------------------------------------- data frames


class OwnFrame(pd.DataFrame):
    """As geopandas and others derive theirs."""

    _metadata = ("survey",)

    @property
    def _constructor(self):
        return OwnFrame


def frame_of(kind, index=None):
    frame = kind(COLUMNS)
    frame.index = pd.Index(RNG.permutation(N) + 7, name="id") if index is None else index
    return frame


# nested_pandas and lsdb use what pandas 3.1 deprecates.
OLD_WORDS = pytest.mark.filterwarnings("ignore:The inplace keyword in NestedFrame")


@OLD_WORDS
@pytest.mark.parametrize("kind", [pd.DataFrame, OwnFrame, "nested_pandas"])
def test_pandas(kind):
    kind = pytest.importorskip("nested_pandas").NestedFrame if kind == "nested_pandas" else kind
    frame = frame_of(kind)
    frame["tag"] = frame["name"].astype("category")
    frame.attrs["survey"] = "x"
    if kind is OwnFrame:
        frame.survey = "y"
    some, all_ = MASK.select(frame), MASK.flag(frame, "good")
    assert type(some) is type(all_) is kind
    assert some.attrs == all_.attrs == {"survey": "x"}
    assert kind is not OwnFrame or some.survey == all_.survey == "y"
    pd.testing.assert_frame_equal(some, frame[KEPT])
    pd.testing.assert_frame_equal(all_.drop(columns="good"), frame)
    assert all_["good"].dtype == bool
    assert np.array_equal(all_["good"], KEPT)
    assert "good" not in frame


@pytest.mark.parametrize("index", [np.zeros(N, int), pd.MultiIndex.from_arrays([NAMES, np.arange(N)])])
def test_any_index(index):
    """The same label for all rows, or several labels for each."""
    frame = frame_of(pd.DataFrame, index)
    pd.testing.assert_frame_equal(MASK.select(frame), frame[KEPT])
    assert np.array_equal(MASK.flag(frame)["kept"], KEPT)


def test_pandas_with_arrow():
    frame = frame_of(pd.DataFrame).convert_dtypes(dtype_backend="pyarrow")
    pd.testing.assert_frame_equal(MASK.select(frame), frame[KEPT])
    assert np.array_equal(MASK.flag(frame)["kept"], KEPT)


def test_polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(COLUMNS)
    assert MASK.select(frame).equals(frame.filter(KEPT))
    assert MASK.flag(frame, "good").equals(frame.with_columns(good=KEPT))


def test_polars_later():
    """The result is lazy, and the steps before and after it may be anything."""
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(COLUMNS)
    lazy = frame.lazy().filter(pl.col("count") > 50)
    expected = frame.filter(KEPT).filter(pl.col("count") > 50)
    some, all_ = MASK.select(lazy), MASK.flag(lazy, "good")
    assert isinstance(some, pl.LazyFrame)
    assert isinstance(all_, pl.LazyFrame)
    assert some.collect().equals(expected)
    assert some.select("name").head(3).collect().equals(expected.select("name").head(3))
    assert some.filter(pl.col("dec") > 0).collect().equals(expected.filter(pl.col("dec") > 0))
    assert all_.collect_schema() == {**frame.schema, "good": pl.Boolean}
    assert all_.filter("good").drop("good").collect(engine="streaming").sort("count").equals(expected)
    assert all_.select(pl.col("good").sum()).collect().item() == len(expected)
    assert MASK.select(pl.LazyFrame(COLUMNS)).tail(2).collect().equals(frame.filter(KEPT).tail(2))


def test_arrow():
    pa = pytest.importorskip("pyarrow")
    table = pa.table(COLUMNS).replace_schema_metadata({"survey": "x"})
    some, all_ = MASK.select(table), MASK.flag(table, "good")
    assert some.equals(table.filter(pa.array(KEPT)))
    assert some.schema.equals(table.schema, check_metadata=True)
    assert all_.schema.metadata == table.schema.metadata
    assert all_.schema.field("good").type == pa.bool_()
    assert all_["good"].to_pylist() == KEPT.tolist()


def test_dask():
    dd = pytest.importorskip("dask.dataframe")
    frame = frame_of(pd.DataFrame, pd.RangeIndex(N))
    parts = dd.from_pandas(frame, npartitions=5)
    some, all_ = MASK.select(parts), MASK.flag(parts, "good")
    assert isinstance(some, type(parts))
    assert some.npartitions == all_.npartitions == 5
    assert all_.dtypes["good"] == np.dtype(bool)
    pd.testing.assert_frame_equal(some.compute(), parts.compute()[KEPT])
    pd.testing.assert_frame_equal(all_.compute(), parts.compute().assign(good=KEPT))
    with pytest.raises(ValueError, match=r"^the table has no positions"):
        MASK.select(parts[["name"]])
    with pytest.raises(ValueError, match=r"^the table has a column 'name' already"):
        MASK.flag(parts, "name")


@OLD_WORDS
def test_lsdb():
    lsdb = pytest.importorskip("lsdb")
    frame = frame_of(pd.DataFrame, pd.RangeIndex(N))
    catalog = lsdb.from_dataframe(frame, partition_rows=200, margin_threshold=None)
    whole = catalog.compute()
    some, all_ = MASK.select(catalog), MASK.flag(catalog, "good")
    assert isinstance(some, type(catalog))
    expected = MASK.contains(SkyCoord(whole["ra"], whole["dec"], unit="deg"))
    pd.testing.assert_frame_equal(some.compute(), whole[expected])
    found = all_.compute()
    assert np.array_equal(found["good"], expected)
    pd.testing.assert_frame_equal(found.drop(columns="good"), whole)


def test_duckdb_has_files():
    duckdb = pytest.importorskip("duckdb")
    with pytest.raises(TypeError, match=r"whose rows are not known yet: collect it first, or use filter_file"):
        MASK.select(duckdb.sql("select 1.0 as ra, 2.0 as dec"))


# ---------------------------------------------------------------------- rules


def test_energies():
    energy = RNG.choice([0.5, 2.0, 50.0], N) * u.TeV
    mask = Mask.from_cones(COORD[::20], [[25, 10]] * u.deg, order=6, energy=AXIS)
    table = QTable({**COLUMNS, "ENERGY": energy})
    expected = mask.contains(COORD, energy=energy)
    assert np.array_equal(mask.select(table, energy="ENERGY")["count"], np.flatnonzero(expected))
    assert np.array_equal(mask.flag(table, energy="ENERGY")["kept"], expected)
    assert np.array_equal(mask.flag(table, energy="3 TeV")["kept"], mask.contains(COORD, energy="3 TeV"))
    for method in (mask.select, mask.flag):
        with pytest.raises(ValueError, match=r"^the mask has 2 energy bins: give the energies of the rows by energy="):
            method(table)


@pytest.mark.parametrize(
    "table",
    [
        Table(COLUMNS),
        structured(),
        dict(COLUMNS),
        pd.DataFrame(COLUMNS),
        fits.table_to_hdu(Table(COLUMNS)),
    ],
    ids=lambda table: type(table).__name__,
)
def test_a_column_that_is_there(table):
    with pytest.raises(ValueError, match=r"the table has a column 'count' already: give another name, or overwrite"):
        MASK.flag(table, "count")
    result = MASK.flag(table, "count", overwrite=True)
    values = result.data["count"] if isinstance(result, fits.BinTableHDU) else result["count"]
    assert np.array_equal(values, KEPT)


def test_rows_that_are_nowhere():
    lat = LAT.copy()
    lat[[3, 5]] = np.nan
    table = {"ra": LON, "dec": lat}
    for method in (MASK.select, MASK.flag):
        with pytest.raises(ValueError, match=r"must be finite, 2 of 400 positions are not, the first in row 3\b"):
            method(table)
    expected = KEPT & np.isfinite(lat)
    assert np.array_equal(MASK.flag(table, invalid="skip")["kept"], expected)
    assert np.array_equal(MASK.select(table, invalid="skip")["ra"], LON[expected])


@pytest.mark.parametrize("bad", [COORD, 3, "stars.fits", None, [1, 2], np.arange(3), Mask.full()])
def test_what_is_no_table(bad):
    for method in (MASK.select, MASK.flag):
        with pytest.raises(TypeError, match=r"^table must be an astropy Table, a data frame, a structured array or a"):
            method(bad)


@pytest.mark.parametrize("bad", ["", 3, None])
def test_what_is_no_name(bad):
    with pytest.raises(TypeError, match=r"^column must be the name of a column"):
        MASK.flag(COLUMNS, bad)


@pytest.mark.deep
@given(range_sets(max_order=12), st.integers(0, 2**32), st.integers(0, 60))
@examples(60)
def test_any_mask_and_any_number_of_rows(plane, seed, n):
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    rng = np.random.default_rng(seed)
    columns = {"ra": rng.uniform(0, 360, n), "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n)))}
    mask = Mask(plane)
    expected = mask.contains(SkyCoord(columns["ra"], columns["dec"], unit="deg"))
    for make in (Table, pd.DataFrame, pl.DataFrame, pa.table, dict):
        some, all_ = mask.select(make(columns)), mask.flag(make(columns))
        assert np.array_equal(np.asarray(some["ra"]), columns["ra"][expected])
        assert np.array_equal(np.asarray(all_["kept"]), expected)
