"""Masks of catalogs in pieces, against `Mask.from_catalog` of the whole table."""

import os
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, MaskFormatError, scale
from hpmask.catalog.laws import MagnitudeLaw
from hpmask.io.parquet_folder import read_folder
from hpmask.scale import build, pieces
from hpmask.scale.ranges import RangesWriter

pytest.importorskip("dask")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "CHUNK_ROWS", 23)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 60)
    monkeypatch.setattr(build, "_MOST_RANGES", 2000)
    monkeypatch.setattr(build, "_TASK_RANGES", 3000)


def stars(n=200, seed=1):
    rng = np.random.default_rng(seed)
    table = Table({"ra": rng.uniform(0, 360, n), "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n)))})
    table["mag"] = rng.uniform(4, 12, n)
    table["size"] = rng.uniform(0.1, 2, n) * u.deg
    table["angle"] = rng.uniform(0, 180, n) * u.deg
    return table


def written(table, folder, n_files=3, rows_per_group=40):
    folder.mkdir(exist_ok=True)
    for k, rows in enumerate(np.array_split(np.arange(len(table)), n_files)):
        path = folder / f"part-{k}.parquet"
        table[rows].write(path, overwrite=True)
        # astropy writes a single row group.
        parquet.write_table(parquet.read_table(path), path, row_group_size=rows_per_group)
    return folder


def law(table):
    return np.maximum(2 - 0.15 * table["mag"], 0.1) * u.deg


@st.composite
def cases(draw):
    """A table and the arguments of a mask of its rows."""
    table = stars(draw(st.integers(0, 150)), draw(st.integers(0, 1000)))
    sizes = draw(
        st.sampled_from(
            [
                {"radius": "size"},
                {"radius": "1.5 deg"},
                {"radius": law},
                {"radius": MagnitudeLaw("mag", {4: "3 deg", 12: "0.2 deg"})},
                {"inner_radius": "0.05 deg", "outer_radius": "size"},
                {"semi_major": "2.5 deg", "semi_minor": "size", "position_angle": "angle"},
                {"width": "size", "height": "1 deg", "position_angle": "angle"},
            ]
        )
    )
    words = {
        "order": draw(st.integers(3, 8)),
        "frame": draw(st.sampled_from(["icrs", "galactic"])),
        "mode": draw(st.sampled_from(["center", "overlap", "inside"])),
    }
    if draw(st.booleans()):
        words["where"] = draw(st.sampled_from(["mag < 8", ["mag > 5", "size >= 0.5 deg"]]))
    if draw(st.booleans()):
        within = Mask.from_zone(lat=("-30 deg", "45 deg"), order=draw(st.integers(2, 9)), frame=words["frame"])
        words["within"] = within
    return table, sizes | words, draw(st.sampled_from([0, 1, 2]))


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore:.* hold")
@examples(20)
@given(cases())
def test_the_mask_is_that_of_the_whole_table(tmp_path_factory, case):
    table, words, tile_order = case
    radius = words.pop("radius", None)
    folder = written(table, tmp_path_factory.mktemp("scale") / "stars")
    expected = Mask.from_catalog(table, radius, **words)
    mask = scale.from_catalog(folder, radius, **words, tile_order=tile_order, workers=1)
    assert mask == expected
    assert mask.order == expected.order
    target = folder.parent / "mask"
    assert scale.from_catalog(folder, radius, **words, tile_order=tile_order, folder=target, workers=1) == target
    assert read_folder(target) == expected
    assert sorted(one.name for one in folder.parent.iterdir()) == ["mask", "stars"]
    shutil.rmtree(folder.parent)


@pytest.mark.deep
def test_energy_bins(tmp_path):
    table = stars()
    axis = EnergyAxis([1, 3, 10, 30, 100] * u.TeV)

    def radius(table, energy):
        # The third bin has the radii of the second one.
        return table["size"].quantity[:, None] * [1, 0.5, 0.5, 2]

    expected = Mask.from_catalog(table, radius, order=7, energy=axis)
    within = Mask.stack([Mask.from_zone(lat=(f"{-20 * k} deg", "90 deg"), order=6) for k in range(4)], axis)
    folder = written(table, tmp_path / "stars")
    assert scale.from_catalog(folder, radius, order=7, energy=axis, workers=1) == expected
    both = scale.from_catalog(folder, radius, order=7, energy=axis, workers=1, within=within)
    assert both == Mask.from_catalog(table, radius, order=7, energy=axis, within=within)
    flat = scale.from_catalog(folder, "size", order=7, energy=axis, workers=1)
    assert flat == Mask.from_catalog(table, "size", order=7, energy=axis)
    assert len({id(plane) for plane in flat.planes}) == 1


@pytest.mark.deep
def test_sources_of_all_kinds(tmp_path):
    dd = pytest.importorskip("dask.dataframe")
    table = stars()
    folder = written(table, tmp_path / "stars")
    (folder / "_metadata.parquet").write_bytes(b"not rows")
    expected = Mask.from_catalog(table, law, order=7)
    frame = table.to_pandas()
    (tmp_path / "in" / "in").mkdir(parents=True)
    written(table[:50], tmp_path / "in", 1)
    written(table[50:], tmp_path / "in" / "in", 1)
    table.write(tmp_path / "stars.fits")
    for source in (
        folder,
        str(folder / "part-*.parquet"),
        sorted(folder.glob("part*.parquet")),
        folder.as_uri(),
        tmp_path / "in",
        tmp_path / "stars.fits",
        table,
        frame,
        dd.from_pandas(frame, npartitions=4),
    ):
        assert scale.from_catalog(source, law, order=7, workers=1) == expected, source
    one = scale.from_catalog(folder / "part-1.parquet", law, order=7, columns=["mag"], workers=1)
    assert one == Mask.from_catalog(folder / "part-1.parquet", law, order=7)


@pytest.mark.deep
def test_urls(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    table = stars()
    folder = written(table, tmp_path / "stars")
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/hpmask-scale", recursive=True)
    expected = Mask.from_catalog(table, "size", order=7)
    try:
        for url in ("memory://hpmask-scale", "memory://hpmask-scale/*.parquet"):
            assert scale.from_catalog(url, "size", order=7, workers=1) == expected
    finally:
        memory.rm("/hpmask-scale", recursive=True)


@pytest.mark.deep
def test_only_the_columns_that_are_needed_are_read(tmp_path, monkeypatch):
    folder = written(stars(), tmp_path / "stars")
    read = []
    original = pieces.tables_of

    def watched(*arguments):
        for first, table in original(*arguments):
            read.append(set(table.colnames))
            yield first, table

    monkeypatch.setattr(build, "tables_of", watched)
    for words, expected in (
        ({"radius": "size", "where": "mag < 8"}, {"ra", "dec", "size", "mag"}),
        ({"radius": "1 deg"}, {"ra", "dec"}),
        ({"radius": law, "columns": ["mag"]}, {"ra", "dec", "mag"}),
        ({"radius": law}, {"ra", "dec", "mag"}),
        ({"radius": MagnitudeLaw("mag", {4: "3 deg", 12: "0.2 deg"})}, {"ra", "dec", "mag"}),
    ):
        read.clear()
        scale.from_catalog(folder, **words, order=6, workers=1)
        assert all(names == expected for names in read)
        assert len(read) > 5


def test_rows_that_cannot_be_used(tmp_path):
    table = stars()
    table["size"][[70, 150, 199]] = np.nan
    table["ra"][5] = np.nan
    folder = written(table, tmp_path / "stars")
    with pytest.raises(ValueError, match=r"^partition \d \('part-\d.parquet'\): 1 rows cannot be used: a \w+ that is"):
        scale.from_catalog(folder, "size", order=6, workers=1)
    expected_text = (
        r"^left out 4 of 200 rows: a position that is missing or not finite in 1 \(partition 0 row 5\); a radius that "
        r"is missing or not finite in 3 \(partition \d row 3, partition \d row 16, partition \d row 65\)$"
    )
    with pytest.warns(UserWarning, match=expected_text):
        mask = scale.from_catalog(folder, "size", order=6, workers=1, invalid="skip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert mask == Mask.from_catalog(table, "size", order=6, invalid="skip")
    table["ra"][5] = 5
    written(table, folder)
    built = build.from_catalog(folder, "size", missing={"radius": "0.3 deg"}, order=6, workers=1)
    assert built.mask == Mask.from_catalog(table, "size", missing="0.3 deg", order=6)
    assert built.counts["missing"] == 3
    assert built.counts["sources"] == 200
    assert "0.3 deg for 3 rows without a radius" in built.mask.history


def test_shapes_without_cells_are_counted(tmp_path):
    table = stars()
    folder = written(table, tmp_path / "stars")
    with pytest.warns(UserWarning, match="no cell centre") as serial:
        Mask.from_catalog(table, "20 arcmin", order=6)
    with pytest.warns(UserWarning, match="no cell centre") as scaled:
        scale.from_catalog(folder, "20 arcmin", order=6, workers=1)
    assert str(scaled[0].message) == str(serial[0].message)


def test_history(tmp_path):
    folder = written(stars(), tmp_path / "stars")
    mask = scale.from_catalog(folder, law, where="mag < 8", order=6, workers=1)
    n = int((stars()["mag"] < 8).sum())
    pattern = (
        rf"from_catalog\('stars', 3 files, sha256 of their footers [0-9a-f]{{12}}, positions ra and dec, "
        rf"where mag < 8.0 \({n} of 200 rows\), radius by law, {n} discs, 0.\d+ to 1.\d+ deg, order=6\)"
    )
    assert re.fullmatch(pattern, mask.history)


# ---------------------------------------------------------------------- stops and continuations


class _Stop(Exception):
    pass


def stopped_after(n, function):
    """A function that fails when it is called for the n-th time."""
    calls = []

    def called(*arguments, **words):
        calls.append(arguments)
        if len(calls) > n:
            raise _Stop
        return function(*arguments, **words)

    called.calls = calls
    return called


@pytest.mark.parametrize("step", ["rasterize", "unite", "finish", "place_folder"])
def test_a_build_that_stopped_continues(tmp_path, monkeypatch, step):
    table = stars()
    folder, target = written(table, tmp_path / "stars"), tmp_path / "mask"
    words = {"order": 7, "folder": target, "workers": 1, "tile_order": 1}
    count = {"rasterize": 2, "unite": 3, "finish": 0, "place_folder": 0}[step]
    with monkeypatch.context() as patch:
        stop = stopped_after(count, getattr(build, step))
        patch.setattr(build, step, stop)
        with pytest.raises(_Stop):
            scale.from_catalog(folder, "size", **words)
    assert not target.exists()
    with pytest.raises((MaskFormatError, FileNotFoundError)):
        read_folder(target)
    rasterize, unite = stopped_after(1000, build.rasterize), stopped_after(1000, build.unite)
    monkeypatch.setattr(build, "rasterize", rasterize)
    monkeypatch.setattr(build, "unite", unite)
    assert scale.from_catalog(folder, "size", **words) == target
    assert read_folder(target) == Mask.from_catalog(table, "size", order=7)
    assert len(rasterize.calls) == (4 if step == "rasterize" else 0)
    assert (len(unite.calls) == 0) == (step in ("finish", "place_folder"))
    assert not (tmp_path / "mask.build").exists()


@pytest.mark.deep
def test_a_build_begins_anew_if_its_input_has_changed(tmp_path, monkeypatch):
    table = stars()
    folder, target = written(table, tmp_path / "stars"), tmp_path / "mask"

    def stop_a_build(size="size"):
        with monkeypatch.context() as patch:
            patch.setattr(build, "unite", stopped_after(0, None))
            with pytest.raises(_Stop):
                scale.from_catalog(folder, size, order=7, folder=target, workers=1, tile_order=1)

    def n_rasterized(size="size", **words):
        with monkeypatch.context() as patch:
            rasterize = stopped_after(1000, build.rasterize)
            patch.setattr(build, "rasterize", rasterize)
            scale.from_catalog(folder, size, **{"order": 7, "folder": target, "workers": 1, "tile_order": 1} | words)
        shutil.rmtree(target)
        return len(rasterize.calls)

    stop_a_build()
    assert n_rasterized() == 0
    stop_a_build()
    assert n_rasterized(resume=False) == 6
    for words in ({"order": 6}, {"size": "1 deg"}):
        stop_a_build()
        assert n_rasterized(**words) == 6, words
    stop_a_build()
    table["size"][0] = 3
    written(table, folder)
    assert n_rasterized() == 6
    # The code of a function counts, also of one that is known by its name.
    for own in ("lambda t: 1 * t['size'].quantity", "lambda t: 2 * t['size'].quantity"):
        namespace = {}
        exec(f"one = {own}", namespace)
        stop_a_build(namespace["one"])
        assert n_rasterized(namespace["one"]) == 0
        stop_a_build(namespace["one"])
    assert n_rasterized(law) == 6


@pytest.mark.deep
def test_only_tidying_up_was_left(tmp_path, monkeypatch):
    table = stars()
    folder, target = written(table, tmp_path / "stars"), tmp_path / "mask"
    with monkeypatch.context() as patch:
        patch.setattr(build.shutil, "rmtree", stopped_after(0, None))
        with pytest.raises(_Stop):
            scale.from_catalog(folder, "size", order=7, folder=target, workers=1, tile_order=1)
    assert read_folder(target) == Mask.from_catalog(table, "size", order=7)
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        scale.from_catalog(folder, "size", order=8, folder=target, workers=1, tile_order=1)
    assert scale.from_catalog(folder, "size", order=7, folder=target, workers=1, tile_order=1) == target
    assert not (tmp_path / "mask.build").exists()
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        scale.from_catalog(folder, "size", order=7, folder=target, workers=1, tile_order=1)
    scale.from_catalog(folder, "1 deg", order=7, folder=target, workers=1, tile_order=1, overwrite=True)
    assert read_folder(target) == Mask.from_catalog(table, "1 deg", order=7)


def test_damaged_files_of_a_build_are_not_used(tmp_path, monkeypatch):
    folder, target = written(stars(), tmp_path / "stars"), tmp_path / "mask"
    with monkeypatch.context() as patch:
        patch.setattr(build, "unite", stopped_after(0, None))
        with pytest.raises(_Stop):
            scale.from_catalog(folder, "size", order=7, folder=target, workers=1, tile_order=1)
    path = next((tmp_path / "mask.build" / "pieces").iterdir())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        scale.from_catalog(folder, "size", order=7, folder=target, workers=1, tile_order=1)
    assert not target.exists()


def test_files_of_another_build_are_not_used(tmp_path, monkeypatch):
    """As if another program began a build in the same place in the meantime."""
    folder, target = written(stars(), tmp_path / "stars"), tmp_path / "mask"
    original, foreign = build.unite, []

    def unite(root, *arguments):
        if not foreign:
            foreign.append(root)
            path = next(Path(root, "pieces").iterdir())
            with open(path, "wb") as file:
                RangesWriter(file, 7, 1, "another").close({})
        return original(root, *arguments)

    monkeypatch.setattr(build, "unite", unite)
    with pytest.raises(ValueError, match="is of another build"):
        scale.from_catalog(folder, "size", order=7, folder=target, workers=1, tile_order=1)
    assert not target.exists()


def test_scratch(tmp_path, monkeypatch):
    table = stars()
    folder, scratch = written(table, tmp_path / "stars"), tmp_path / "scratch"
    with monkeypatch.context() as patch:
        patch.setattr(build, "unite", stopped_after(0, None))
        with pytest.raises(_Stop):
            scale.from_catalog(folder, "size", order=7, scratch=scratch, workers=1)
    monkeypatch.setattr(build, "rasterize", stopped_after(0, None))
    mask = scale.from_catalog(folder, "size", order=7, scratch=scratch, workers=1)
    assert mask == Mask.from_catalog(table, "size", order=7)
    assert list(scratch.iterdir()) == []


def test_folders_in_the_way(tmp_path):
    folder, target = written(stars(), tmp_path / "stars"), tmp_path / "mask"
    words = {"order": 5, "folder": target, "workers": 1, "tile_order": 0}
    (tmp_path / "mask.build").mkdir()
    (tmp_path / "mask.build" / "thesis.tex").write_text("")
    with pytest.raises(FileExistsError, match="not one of a build: remove it"):
        scale.from_catalog(folder, "size", **words)
    shutil.rmtree(tmp_path / "mask.build")
    target.mkdir()
    (target / "thesis.tex").write_text("")
    with pytest.raises(FileExistsError, match="Not a mask, so it is not replaced"):
        scale.from_catalog(folder, "size", **words, overwrite=True)
    assert os.listdir(target) == ["thesis.tex"]
    shutil.rmtree(target)
    target.write_text("")
    with pytest.raises(NotADirectoryError):
        scale.from_catalog(folder, "size", **words)
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        scale.from_catalog(folder, "size", order=5, folder=tmp_path / "no" / "mask", workers=1)


def test_arguments(tmp_path):
    folder = written(stars(), tmp_path / "stars")
    for error, match, words in (
        (TypeError, "order or resolution must be given", {"radius": "size"}),
        (TypeError, "a catalog needs radius", {"order": 5}),
        (ValueError, "radius must be one angle", {"radius": np.ones(200) * u.deg, "order": 5}),
        (TypeError, "where must be a condition", {"radius": "size", "order": 5, "where": np.ones(200, bool)}),
        (ValueError, "tile_order must not be finer", {"radius": "size", "order": 5, "tile_order": 6}),
        (ValueError, "columns has 'colour'", {"radius": law, "order": 5, "columns": ["colour"]}),
        (TypeError, "scratch is for a mask in memory", {"radius": law, "order": 5, "scratch": "a", "folder": "b"}),
        (TypeError, "workers must be a number", {"radius": law, "order": 5, "workers": "2"}),
        (ValueError, "folder must be a local path", {"radius": law, "order": 5, "folder": "s3://bucket/mask"}),
        (ValueError, "workers must be at least 1", {"radius": law, "order": 5, "workers": 0}),
        (ValueError, "radius 'colour' is neither an angle", {"radius": "colour", "order": 5}),
    ):
        with pytest.raises(error, match=match):
            scale.from_catalog(folder, **{"workers": 1} | words)
    with pytest.raises(FileNotFoundError, match="there is no parquet file"):
        scale.from_catalog(tmp_path / "stars" / "*.pq", "size", order=5, workers=1)
    with pytest.raises(FileNotFoundError, match="there is no catalog file"):
        scale.from_catalog(tmp_path / "none.parquet", "size", order=5, workers=1)
    (folder / "part-9.parquet").write_bytes(b"PAR1 and more PAR1")
    with pytest.raises(ValueError, match=r"'part-9.parquet' cannot be read as parquet"):
        scale.from_catalog(folder, "size", order=5, workers=1)


def test_columns_of_astropy(tmp_path):
    from astropy.coordinates import SkyCoord

    table = stars()
    coord = Table({"place": SkyCoord(table["ra"], table["dec"], unit="deg", frame="fk5"), "size": table["size"]})
    folder = written(coord, tmp_path / "stars")
    assert scale.from_catalog(folder, "size", order=6, workers=1) == Mask.from_catalog(coord, "size", order=6)


def test_numbers_without_a_value(tmp_path):
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "stars.parquet"
    radius = [1.0, None, 2.0, 3.0]
    parquet.write_table(pa.table({"ra": [1.0, 2, 3, 4], "dec": [1, 2, 3, 4], "r": radius, "name": list("abcd")}), path)
    words = {"missing": "0.5 deg", "order": 6}
    by = {"radius": lambda table: table["r"] * u.deg}
    assert scale.from_catalog(path, **by, **words, workers=1) == Mask.from_catalog(path, **by, **words)
    named = scale.from_catalog(path, **by, **words, where="name == 'b'", workers=1)
    assert named == Mask.from_catalog(path, **by, **words, where="name == 'b'")


def test_a_mask_comes_back_that_a_killed_build_was_replacing(tmp_path):
    folder, target = written(stars(), tmp_path / "stars"), tmp_path / "mask"
    words = {"order": 5, "folder": target, "workers": 1, "tile_order": 1}
    scale.from_catalog(folder, "2 deg", **words)
    before = read_folder(target)
    # Where two folders cannot be exchanged, there is none for a moment.
    root = tmp_path / "mask.build"
    root.mkdir()
    target.rename(root / "old")
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        scale.from_catalog(folder, "1 deg", **words)
    assert read_folder(target) == before
