"""The same mask by each way: tables, parquet, Dask, HATS, LSDB and recipes."""

import numpy as np
import pytest
from astropy.table import Table

from hpmask import Mask, scale
from hpmask._files.hats_writer import split, writing_hats
from hpmask.catalog import MagnitudeLaw
from hpmask.geometry import healpix
from hpmask.recipe import read_recipe

pytest.importorskip("dask")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def stars(n=400, seed=1):
    rng = np.random.default_rng(seed)
    table = Table({"ra": rng.uniform(0, 360, n), "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n)))})
    table["mag"] = rng.uniform(4, 12, n)
    table["size"] = rng.uniform(0.1, 1, n)
    return table


def hats_of(table, path, rows=50):
    cells = healpix.cells_at(np.radians(table["ra"]), np.radians(table["dec"]), 29).astype(np.int64)
    by = np.argsort(cells, kind="stable")
    arrow = pa.table({"_healpix_29": cells[by], **{name: np.asarray(table[name])[by] for name in table.colnames}})
    if "size" in table.colnames:
        index = arrow.schema.get_field_index("size")
        arrow = arrow.cast(arrow.schema.set(index, arrow.schema.field("size").with_metadata({"unit": "deg"})))
    with writing_hats(path, arrow.schema, lonlat=("ra", "dec")) as writer:
        for partition, some in split(cells[by], rows, 7):
            writer.write(partition, arrow.slice(some.start, some.stop - some.start))
    return path


LAW = MagnitudeLaw("mag", {4: "1 deg", 12: "0.2 deg"})


@pytest.mark.deep
def test_hats(tmp_path):
    table, path = stars(), hats_of(stars(), tmp_path / "stars")
    expected = Mask.from_catalog(table, LAW, order=8)
    assert scale.from_catalog(path, LAW, order=8, workers=1) == expected
    # The unit of a column is in its metadata.
    assert scale.from_catalog(path, "size", order=8, workers=1) == Mask.from_catalog(path, "size", order=8)


@pytest.mark.filterwarnings("ignore")
def test_lsdb(tmp_path):
    lsdb = pytest.importorskip("lsdb")
    table, path = stars(), hats_of(stars(), tmp_path / "stars")
    catalog = lsdb.open_catalog(path)
    expected = Mask.from_catalog(table, LAW, order=8)
    assert scale.from_catalog(catalog, LAW, order=8, workers=1) == expected
    rows = catalog.compute()
    found = scale.contains(expected, catalog).compute()
    np.testing.assert_array_equal(np.asarray(found), expected.contains(rows))


RECIPE = """
order = 8
energy = { edges = ["1 GeV", "10 GeV", "100 GeV"] }

[[exclude]]
catalog = "stars.parquet"
radius = { column = "size", unit = "deg", times = 1.5, missing = "0.3 deg" }
where = "mag < 9"

[[exclude]]
catalog = "stars.parquet"
radius = ["0.2 deg", { column = "size", unit = "deg" , missing = "0.1 deg" }]

[[keep]]
zone = { lat = ["-60 deg", "60 deg"] }
"""


@pytest.mark.deep
def test_recipes(tmp_path):
    table = stars()
    table["size"][[3, 50]] = np.nan
    table.write(tmp_path / "stars.parquet")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    recipe = read_recipe(tmp_path / "recipe.toml")
    assert recipe.build(workers=1) == recipe.build()
    for entry in recipe.entries:
        assert recipe.part(entry, workers=1).counts == recipe.part(entry).counts
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("mag < 9", "mag < 1"))
    recipe = read_recipe(tmp_path / "recipe.toml")
    with pytest.raises(ValueError, match=r"no row of stars\.parquet fulfils"):
        recipe.build(workers=1)


@pytest.mark.deep
def test_tycho_2(data, tmp_path):
    """A million stars by the law of magnitude: one mask, whatever the way to it."""
    dd, pl = pytest.importorskip("dask.dataframe"), pytest.importorskip("polars")
    file = data("points/tycho2_vt_dev60.parquet")
    table = Table.read(file)
    sizes = {4: "20 arcmin", 8: "3 arcmin", 12: "30 arcsec", 16: "10 arcsec"}
    law = MagnitudeLaw("vt_mag", sizes, brighter="hold", fainter="hold")
    words = {"order": 15}
    expected = Mask.from_catalog(table, law, **words)
    assert Mask.from_catalog(pl.read_parquet(file), law, **words) == expected
    assert Mask.from_catalog(file, law, **words) == expected
    assert scale.from_catalog(file, law, **words, workers=2) == expected
    frame = table.to_pandas()
    assert scale.from_catalog(dd.from_pandas(frame, npartitions=5), law, **words, workers=1) == expected
    path = hats_of(table, tmp_path / "tycho", 100_000)
    assert scale.from_catalog(path, law, **words, workers=1) == expected
    assert Mask.from_catalog(path, law, **words) == expected
    (tmp_path / "recipe.toml").write_text(
        "order = 15\n[[keep]]\n"
        f"catalog = {str(file)!r}\n"
        'radius = { magnitude = "vt_mag", law = [[4, "20 arcmin"], [8, "3 arcmin"], [12, "30 arcsec"], '
        '[16, "10 arcsec"]], brighter = "hold", fainter = "hold" }\n'
    )
    recipe = read_recipe(tmp_path / "recipe.toml", folders=[file.parent])
    assert recipe.build() == expected
    assert recipe.build(workers=2) == expected
