"""Joins of catalogs with the ranges in parquet files, which give what `contains` gives."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import Mask, RangeSet

duckdb = pytest.importorskip("duckdb")
pl = pytest.importorskip("polars")

ORDER = 8


@pytest.fixture(scope="module")
def mask():
    rng = np.random.default_rng(2)
    return Mask(RangeSet.from_cells(rng.integers(0, 12 << 2 * ORDER, 100_000), ORDER))


@pytest.fixture(scope="module")
def cells(mask):
    """Cells at random, those on both sides of each edge of a range, and the first and last ones of the sky."""
    rng = np.random.default_rng(3)
    last = (12 << 2 * ORDER) - 1
    edges = (mask.planes[0].boundaries >> np.uint64(2 * (29 - ORDER))).astype(np.int64)
    return np.concatenate(
        [rng.integers(0, last + 1, 50_000), edges.clip(0, last), (edges - 1).clip(0, last), [0, last]]
    )


@pytest.fixture(scope="module", params=["file", "folder"])
def source(request, mask, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joins")
    if request.param == "file":
        mask.write(folder / "m.parquet")
        return str(folder / "m.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hpmask.io.parquet_folder._ROWS_PER_TILE", 4000)
        mask.write(folder / "m", format="parquet")
    return f"{folder}/m/dataset/**/*.parquet"


@pytest.fixture(scope="module")
def expected(mask, cells):
    lon, lat = HEALPix(1 << ORDER, order="nested").healpix_to_lonlat(cells)
    kept = mask.contains(SkyCoord(lon, lat))
    assert 0 < kept.sum() < kept.size
    return kept


def test_duckdb(source, cells, expected):
    import pandas as pd

    with duckdb.connect() as connection:
        connection.register("catalog", pd.DataFrame({"row": np.arange(cells.size), "cell": cells}))
        rows = connection.sql(
            f"""
            SELECT coalesce(cell < stop, false) AS kept
            FROM catalog ASOF LEFT JOIN read_parquet('{source}') ranges ON catalog.cell >= ranges.start
            ORDER BY catalog.row
            """
        )
        np.testing.assert_array_equal(rows.fetchnumpy()["kept"], expected)


def test_polars(source, cells, expected):
    catalog = pl.DataFrame({"row": np.arange(cells.size), "cell": cells}).sort("cell")
    ranges = pl.read_parquet(source).sort("start")
    joined = catalog.join_asof(ranges, left_on="cell", right_on="start").sort("row")
    kept = joined.select((pl.col("cell") < pl.col("stop")).fill_null(False)).to_series().to_numpy()
    np.testing.assert_array_equal(kept, expected)


def test_bins(tmp_path, mask, cells, expected):
    from hpmask import EnergyAxis

    Mask([mask.planes[0], ~mask.planes[0]], energy=EnergyAxis([1, 2, 3] * u.TeV)).write(tmp_path / "e.parquet")
    for k in range(2):
        ranges = pl.read_parquet(tmp_path / "e.parquet").filter(pl.col("bin") == k).sort("start")
        catalog = pl.DataFrame({"row": np.arange(cells.size), "cell": cells}).sort("cell")
        joined = catalog.join_asof(ranges, left_on="cell", right_on="start").sort("row")
        kept = joined.select((pl.col("cell") < pl.col("stop")).fill_null(False)).to_series().to_numpy()
        np.testing.assert_array_equal(kept, expected ^ bool(k))
