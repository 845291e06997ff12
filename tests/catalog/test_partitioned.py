"""Masks of catalogs in partitions: the same as those of the whole table, read partition by partition."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask
from hpmask._files.hats_folder import HatsFolder
from hpmask._files.hats_writer import split, writing_hats
from hpmask.catalog import MagnitudeLaw
from hpmask.catalog.parts import columns_used
from hpmask.geometry import healpix

pa = pytest.importorskip("pyarrow")


def made(path, n=400, seed=1, around=None):
    """A catalog in partitions of 30 rows, and its rows as a table."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    if around is not None:
        ra, dec = (around[0] + rng.normal(0, 3, n)) % 360, np.clip(around[1] + rng.normal(0, 3, n), -90, 90)
    cells = healpix.cells_at(np.radians(ra), np.radians(dec), 29).astype(np.int64)
    rows = pa.table(
        {
            "_healpix_29": cells,
            "ra": ra,
            "dec": dec,
            "mag": rng.uniform(4, 12, n),
            "size": pa.array(rng.uniform(0.1, 1, n)),
            "kind": pa.array(["star" if one else "galaxy" for one in rng.integers(0, 2, n)]),
            "unused": rng.uniform(0, 1, n),
        }
    ).take(np.argsort(cells))
    index = rows.schema.get_field_index("size")
    rows = rows.cast(rows.schema.set(index, rows.schema.field("size").with_metadata({"unit": "deg"})))
    cells = np.sort(cells)
    with writing_hats(path, rows.schema, lonlat=("ra", "dec")) as writer:
        for partition, some in split(cells, 30, 7):
            writer.write(partition, rows.slice(some.start, some.stop - some.start))
    table = Table({name: rows[name].to_numpy() for name in rows.column_names})
    table["size"].unit = u.deg
    return table


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    path = tmp_path_factory.mktemp("hats") / "stars"
    return path, made(path)


@pytest.fixture
def reads(monkeypatch):
    """The partitions that are read, with their columns."""
    found = []
    read = HatsFolder.read

    def noted(self, partition, columns=None):
        found.append((partition, columns))
        return read(self, partition, columns)

    monkeypatch.setattr(HatsFolder, "read", noted)
    return found


AXIS = EnergyAxis([1, 10, 100] * u.GeV)

WAYS = {
    "one radius": {"radius": "2 deg"},
    "column": {"radius": "size"},
    "function": {"radius": lambda t: (13 - t["mag"]) * 0.2 * u.deg},
    "law": {"radius": MagnitudeLaw("mag", {4: "2 deg", 12: "0.3 deg"})},
    "condition": {"radius": "1 deg", "where": ["mag < 8", "kind == 'star'"]},
    "chosen": {"radius": "1 deg", "where": lambda t: t["mag"] > 9},
    "ellipses": {"semi_major": "2 deg", "semi_minor": "size", "position_angle": "30 deg"},
    "boxes": {"width": "2 deg", "height": lambda t: t["size"].quantity},
    "annuli": {"inner_radius": "0.5 deg", "outer_radius": "1.5 deg"},
    "Galactic": {"radius": "size", "frame": "galactic"},
    "overlap": {"radius": "size", "mode": "overlap"},
    "bins": {"radius": [[1.0, 2.0]] * u.deg, "energy": AXIS},
    "bins by a function": {"radius": lambda t, e: t["mag"][:, None] * [0.1, 0.2] * u.deg, "energy": AXIS},
}


@pytest.mark.parametrize(("way", "order"), [(way, 7) for way in WAYS] + [("column", None), ("boxes", None)])
def test_same_as_the_table(catalog, way, order):
    path, table = catalog
    mask = Mask.from_catalog(path, order=order, **WAYS[way])
    assert mask == Mask.from_catalog(table, order=order, **WAYS[way])
    assert mask.order == Mask.from_catalog(table, order=order, **WAYS[way]).order


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("way", ["one radius", "column", "function", "boxes", "bins", "condition"])
def test_within(catalog, reads, frame, way):
    path, table = catalog
    center = SkyCoord([60, 300], [-20, 70], unit="deg")
    within = Mask.from_cones(center, "4 deg", order=9, frame=frame)
    words = {**WAYS[way], "order": 8, "frame": frame, "within": within}
    assert Mask.from_catalog(path, **words) == Mask.from_catalog(table, **words)
    whole = {partition for partition, columns in reads if "ra" in columns}
    assert 0 < len(whole) < len(HatsFolder.open(path).partitions) / 4


@given(
    lon=st.floats(0, 360),
    lat=st.floats(-90, 90),
    size=st.floats(0.5, 40),
    radius=st.floats(0.1, 60),
    seed=st.integers(0, 3),
)
@examples(10)
def test_within_anything(tmp_path_factory, lon, lat, size, radius, seed):
    path = tmp_path_factory.getbasetemp() / f"hats-{seed}"
    if not path.exists():
        made(path, n=200, seed=seed, around=None if seed else (10, 85))
    table = Table({name: columns_of_folder(path)[name] for name in ("ra", "dec")})
    within = Mask.from_cones(SkyCoord(lon, lat, unit="deg"), size * u.deg, order=7)
    words = {"radius": radius * u.deg, "order": 6, "within": within}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Mask.from_catalog(path, **words) == Mask.from_catalog(table, **words)


def columns_of_folder(path):
    folder = HatsFolder.open(path)
    rows = pa.concat_tables([folder.read(one, ["ra", "dec"]) for one in folder.partitions])
    return {name: rows[name].to_numpy() for name in rows.column_names}


def test_only_the_columns_that_are_needed(catalog, reads):
    path, _ = catalog
    for words, needed in (
        ({"radius": "1 deg"}, ["ra", "dec"]),
        ({"radius": "size"}, ["ra", "dec", "size"]),
        ({"radius": lambda t: t["mag"] * u.deg / 10}, ["ra", "dec", "mag"]),
        ({"radius": "1 deg", "where": "kind == 'star'"}, ["ra", "dec", "kind"]),
        ({"radius": MagnitudeLaw("mag", {4: "2 deg", 12: "0.3 deg"})}, ["ra", "dec", "mag"]),
    ):
        reads.clear()
        Mask.from_catalog(path, order=6, **words)
        assert {tuple(columns) for _, columns in reads} == {tuple(needed)}


def test_a_function_that_takes_other_columns_with_more_rows(catalog):
    path, table = catalog

    def radius(rows):
        return (rows["mag"] if len(rows) > 2 else np.ones(len(rows))) * u.deg / 10

    assert Mask.from_catalog(path, radius, order=6) == Mask.from_catalog(table, radius, order=6)


@pytest.mark.parametrize(
    ("use", "names"),
    [
        (lambda t: t["mag"] * 2, {"mag"}),
        (lambda t: sum(t[name] for name in t.colnames if name.startswith("err")), {"err_a", "err_b"}),
        (lambda t: t["mag", "ra"], {"mag", "ra"}),
        (lambda t: t.columns["mag"], {"mag"}),
        (lambda t: t.to_pandas(), {"ra", "mag", "err_a", "err_b"}),
        (lambda t: [row["mag"] for row in t], {"ra", "mag", "err_a", "err_b"}),
        (lambda t: t[t["mag"] > 0], {"ra", "mag", "err_a", "err_b"}),
        (lambda t: 1 / 0, {"ra", "mag", "err_a", "err_b"}),
        (lambda t: None, set()),
    ],
)
def test_columns_used(use, names):
    table = Table({"ra": [1.0, 2.0], "mag": [1.0, 2.0], "err_a": [0.0, 0.0], "err_b": [0.0, 0.0]})
    assert columns_used(table, use) == names


def test_history(catalog):
    path, table = catalog
    n = int(np.count_nonzero(table["mag"] < 8))
    parts = len(HatsFolder.open(path).partitions)
    mask = Mask.from_catalog(path, "2 deg", where="mag < 8", order=6)
    digest = HatsFolder.open(path).digest()
    assert mask.history == (
        f"from_catalog('stars', properties sha256 {digest}, {parts} partitions, positions ra and dec, where mag < 8.0 "
        f"({n} of 400 rows), {n} discs, radius 2 deg, order=6)"
    )


def test_rows_that_cannot_be_used(tmp_path):
    rows = pa.table({"_healpix_29": [0, 1 << 57], "ra": [45.0, np.nan], "dec": [0.1, 0.2]})
    with writing_hats(tmp_path / "a", rows.schema, lonlat=("ra", "dec")) as writer:
        for partition, some in split(rows["_healpix_29"].to_numpy(), 1, 7):
            writer.write(partition, rows.slice(some.start, 1))
    with pytest.raises(ValueError, match=r"'a', partition Norder=1, Npix=2: 1 of 1 rows cannot be used: a position"):
        Mask.from_catalog(tmp_path / "a", "1 deg", order=6)
    with pytest.warns(UserWarning, match="'a': left out 1 of 2 rows"):
        mask = Mask.from_catalog(tmp_path / "a", "1 deg", order=6, invalid="skip")
    assert mask == Mask.from_cones(SkyCoord(45, 0.1, unit="deg"), "1 deg", order=6)
    assert "1 of 2 rows left out" in mask.history


def test_shapes_without_cells_are_counted_together(catalog):
    path, _ = catalog
    with pytest.warns(UserWarning, match="of 400 discs hold no cell centre at order 6") as found:
        Mask.from_catalog(path, "0.01 deg", order=6)
    assert len(found) == 1


def test_no_rows(tmp_path):
    rows = pa.table({"_healpix_29": pa.array([], "int64"), "ra": pa.array([], "double"), "dec": pa.array([], "double")})
    with writing_hats(tmp_path / "a", rows.schema, lonlat=("ra", "dec")):
        pass
    assert Mask.from_catalog(tmp_path / "a", "1 deg", order=6).is_empty
    assert Mask.from_catalog(tmp_path / "a", "1 deg").order == 0


def test_motion(tmp_path):
    rng = np.random.default_rng(4)
    n = 90
    ra, dec = rng.uniform(0, 360, n), rng.uniform(-80, 80, n)
    cells = healpix.cells_at(np.radians(ra), np.radians(dec), 29).astype(np.int64)
    by = np.argsort(cells)
    fields = [pa.field("_healpix_29", "int64"), pa.field("ra", "double"), pa.field("dec", "double")]
    fields += [pa.field(name, "double", metadata={"unit": "mas / yr"}) for name in ("pmra", "pmdec")]
    values = [cells, ra, dec, rng.normal(0, 1e6, n), rng.normal(0, 1e6, n)]
    rows = pa.table([pa.array(one[by]) for one in values], schema=pa.schema(fields))
    with writing_hats(tmp_path / "a", rows.schema, lonlat=("ra", "dec")) as writer:
        for partition, some in split(cells[by], 10, 7):
            writer.write(partition, rows.slice(some.start, some.stop - some.start))
    table = Table({field.name: rows[field.name].to_numpy() for field in fields})
    table["pmra"].unit = table["pmdec"].unit = "mas / yr"
    words = {"order": 7, "epoch": "J2050", "catalog_epoch": "J2000"}
    mask = Mask.from_catalog(tmp_path / "a", "1 deg", **words)
    assert mask == Mask.from_catalog(table, "1 deg", **words) != Mask.from_catalog(table, "1 deg", order=7)
    assert "moved to J2050 by pmra and pmdec" in mask.history
    words["within"] = Mask.from_cones(SkyCoord(100, 0, unit="deg"), "20 deg", order=7)
    assert Mask.from_catalog(tmp_path / "a", "1 deg", **words) == Mask.from_catalog(table, "1 deg", **words)


def test_arrays_of_all_rows(catalog):
    path, table = catalog
    with pytest.raises(TypeError, match="where must be a condition"):
        Mask.from_catalog(path, "1 deg", where=table["mag"] < 8)
    with pytest.raises(TypeError, match="radius must be an angle, one for each energy bin"):
        Mask.from_catalog(path, np.ones(400) * u.deg)


def test_by_url(catalog):
    fsspec = pytest.importorskip("fsspec")
    path, _ = catalog
    memory = fsspec.filesystem("memory")
    memory.put(str(path), "/sky/stars", recursive=True)
    try:
        assert Mask.from_catalog("memory://sky/stars", "size", order=7) == Mask.from_catalog(path, "size", order=7)
    finally:
        memory.rm("/sky", recursive=True)


def test_real_collections(data):
    path = data("hats/small_sky_o1_collection")
    folder = HatsFolder.open(path)
    rows = pa.concat_tables([folder.read(one) for one in folder.partitions])
    table = Table({name: rows[name].to_numpy() for name in ("ra", "dec")})
    assert Mask.from_catalog(path, "1 deg", order=8) == Mask.from_catalog(table, "1 deg", order=8)


@pytest.mark.filterwarnings("ignore")
def test_catalogs_of_lsdb(data):
    lsdb = pytest.importorskip("lsdb")
    catalog = lsdb.open_catalog(data("hats/small_sky_source"), columns="all")
    rows = catalog.compute(progress_bar=False)
    table = Table({name: rows[name].to_numpy() for name in ("source_ra", "source_dec", "mag", "band")})
    within = Mask.from_cones(SkyCoord(320, -50, unit="deg"), "3 deg", order=9)

    def radius(t):
        return t["mag"] * 0.02 * u.deg

    for words in ({}, {"where": "band == 'r'"}, {"within": within}):
        mask = Mask.from_catalog(catalog, radius, order=10, **words)
        names = {"lon": "source_ra", "lat": "source_dec", "catalog_frame": "icrs"}
        assert mask == Mask.from_catalog(table, radius, order=10, **names, **words)
    # What was asked of the catalog before counts.
    some = catalog.query("mag < 16")
    assert Mask.from_catalog(some, "0.2 deg", order=10) == Mask.from_catalog(
        table, "0.2 deg", order=10, where="mag < 16", **names
    )
    assert "of LSDB" in mask.history


def test_tycho_2(data, tmp_path):
    """Real stars: the law of magnitude, by the table and by partitions."""
    file = data("points/tycho2_vt_dev60.parquet")
    table = Table.read(file)
    bright = table[np.asarray(table["vt_mag"]) < 9]
    cells = healpix.cells_at(np.radians(bright["ra"]), np.radians(bright["dec"]), 29).astype(np.int64)
    by = np.argsort(cells, kind="stable")
    rows = pa.table({"_healpix_29": cells[by], **{name: np.asarray(bright[name])[by] for name in bright.colnames}})
    with writing_hats(tmp_path / "tycho", rows.schema, lonlat=("ra", "dec")) as writer:
        for partition, some in split(cells[by], 5000, 7):
            writer.write(partition, rows.slice(some.start, some.stop - some.start))
    law = MagnitudeLaw("vt_mag", {4: "20 arcmin", 9: "1 arcmin"}, brighter="hold")
    mask = Mask.from_catalog(tmp_path / "tycho", law, order=12)
    assert mask == Mask.from_catalog(bright, law, order=12)
