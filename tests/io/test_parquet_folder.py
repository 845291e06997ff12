"""Masks in folders of tiles: written tile by tile, read in part, and never taken for a mask when they are not one."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from pyarrow import dataset as ds
from strategies import patterns

from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet, io
from hpmask.io.parquet_folder import (
    INDEX,
    MaskFolder,
    bounds_of,
    finish,
    read_folder,
    read_tile,
    tile_path,
    tiles_of,
    write_tile,
)

# Order and number of the tiles in most tests.
T, N = 1, 48

AXIS = EnergyAxis([0.1, 1, 30] * u.TeV)
SMALL = Mask.from_regions("icrs; circle(40, 10, 3)", order=8)


def cells(seed, n=40_000, order=9):
    return RangeSet.from_cells(np.random.default_rng(seed).integers(0, 12 << 2 * order, n), order)


def part(plane, tile, tile_order):
    return plane & RangeSet([bounds_of(tile, tile_order)], tile_order)


def written(folder, planes, *, tile_order=T, order=9, run="", **words):
    for tile in range(12 << 2 * tile_order):
        write_tile(folder, tile, tile_order, [part(plane, tile, tile_order) for plane in planes], order, run=run)
    finish(folder, order=order, tile_order=tile_order, run=run, **words)
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return written(tmp_path_factory.mktemp("one") / "mask", [cells(1)], history="made\nof tiles", run="first")


@pytest.fixture
def folder(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "mask"))


def test_read_back(folder):
    mask = Mask.read(folder)
    assert mask == Mask(cells(1))
    assert (mask.order, mask.frame, mask.history) == (9, "icrs", "made\nof tiles")
    assert read_folder(folder) == mask
    assert tiles_of(folder) == list(range(N))


def test_bins_and_frames(tmp_path):
    planes = [cells(2), RangeSet.empty(9)]
    folder = written(tmp_path / "m", planes, frame="galactic", energy=AXIS)
    mask = Mask(planes, frame="galactic", energy=AXIS)
    assert Mask.read(folder) == mask
    assert (io.folder_area(folder) == mask.area).all()
    assert io.folder_area(folder).shape == (2,)


def test_readable_as_one_dataset(folder):
    duckdb = pytest.importorskip("duckdb")
    polars = pytest.importorskip("polars")
    table = ds.dataset(folder / "dataset", partitioning="hive").to_table()
    rows = duckdb.sql(f"SELECT start, stop FROM '{folder}/dataset/**/*.parquet' ORDER BY start").fetchnumpy()
    frame = polars.scan_parquet(f"{folder}/dataset/**/*.parquet").select("start", "stop").sort("start").collect()
    for start, stop in (
        (table["start"].to_numpy(), table["stop"].to_numpy()),
        (rows["start"], rows["stop"]),
        (frame["start"].to_numpy(), frame["stop"].to_numpy()),
    ):
        pairs = np.stack([start, stop], axis=1).astype(np.uint64) << np.uint64(40)
        assert RangeSet.from_ranges(pairs, 9) == cells(1)
    assert {"start", "stop", "Norder", "Dir"} == set(table.column_names)


def test_only_tiles_within_are_read(folder, monkeypatch):
    opened = []
    monkeypatch.setattr(
        MaskFolder,
        "planes",
        lambda self, tile, sky=None, old=MaskFolder.planes: opened.append(tile) or old(self, tile, sky),
    )
    back = Mask.read(folder, within=SMALL)
    assert back == Mask(cells(1)) & SMALL
    expected = {int(cell) for cell in SMALL.planes[0].at_order(T, mode="overlap").cells()}
    assert set(opened) == expected


def test_a_folder_by_url(folder):
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    filesystem.put(f"{folder}/", "/remote/", recursive=True)
    try:
        assert read_folder("memory://remote", within=SMALL) == Mask(cells(1)) & SMALL
        filesystem.rm(f"/remote/{INDEX}")
        with pytest.raises(MaskFormatError, match=r"memory://remote/_hpmask\.parquet: the index is missing"):
            read_folder("memory://remote")
    finally:
        filesystem.rm("/remote", recursive=True)


@examples(20)
@given(st.data())
def test_any_mask(tmp_path_factory, data):
    plane, sky = data.draw(patterns(orders=(0, 6))), Mask(data.draw(patterns(orders=(0, 6))))
    tile_order = data.draw(st.integers(0, min(plane.order, 1)))
    folder = written(tmp_path_factory.mktemp("any") / "m", [plane], tile_order=tile_order, order=plane.order)
    assert Mask.read(folder) == Mask(plane)
    assert Mask.read(folder, within=sky) == Mask(plane) & sky
    assert [read_tile(folder, tile, tile_order)[0] for tile in range(12 << 2 * tile_order)] == [
        part(plane, tile, tile_order) for tile in range(12 << 2 * tile_order)
    ]
    shutil.rmtree(folder)


def test_write_and_sets(tmp_path, monkeypatch):
    mask = Mask([cells(3), cells(4)], energy=AXIS, history="h")
    monkeypatch.setattr("hpmask.io.parquet_folder._ROWS_PER_TILE", 4000)
    mask.write(tmp_path / "m", format="parquet")
    assert Mask.read(tmp_path / "m") == mask
    assert Mask.read(tmp_path / "m").history == "h"
    assert len(tiles_of(tmp_path / "m")) == N
    layers = {"star µ": Mask(cells(3), history="s"), "halo": Mask(cells(5, 100, 3), history="t")}
    io.write_set(layers, tmp_path / "s", format="parquet")
    back = io.read_set(tmp_path / "s")
    assert list(back.items()) == list(layers.items())
    assert [(one.order, one.history) for one in back.values()] == [(9, "s"), (3, "t")]
    assert io.read_set(tmp_path / "s", within=SMALL) == {name: layer & SMALL for name, layer in layers.items()}
    assert Mask.read(tmp_path / "s", layer="halo") == layers["halo"]
    table = ds.dataset(tmp_path / "s" / "dataset").to_table().to_pandas()
    assert set(table["layer"]) == {"star µ", "halo"}
    with pytest.raises(MaskFormatError, match="holds layers, 'star µ', 'halo'"):
        Mask.read(tmp_path / "s")
    with pytest.raises(MaskFormatError, match="no layers"):
        io.read_set(tmp_path / "m")
    with pytest.raises(ValueError, match="layer 'a' has some"):
        io.write_set({"a": mask}, tmp_path / "n", format="parquet")


# ---------------------------------------------------------------------- tiles


def test_writing_again_changes_nothing(folder):
    path = tile_path(folder, 5, T)
    before = path.read_bytes()
    write_tile(folder, 5, T, [part(cells(1), 5, T)], 9, run="first")
    assert path.read_bytes() == before
    assert path.name == "Npix=5.parquet"
    assert path.parent.name == "Dir=0"


def test_tiles_of_a_run(tmp_path):
    assert tiles_of(tmp_path / "none") == []
    for tile, run in ((3, "a"), (4, "b"), (9, "a"), (10_003, "a")):
        write_tile(tmp_path, tile, 5, [RangeSet.empty(9)], 9, run=run)
    tile_path(tmp_path, 9, 5).write_bytes(b"PAR1 half")
    assert tiles_of(tmp_path) == [3, 4, 9, 10_003]
    assert tiles_of(tmp_path, run="a") == [3, 10_003]
    assert tile_path(tmp_path, 10_003, 5).parent.name == "Dir=10000"


def test_bad_arguments(tmp_path):
    plane = cells(1)
    with pytest.raises(ValueError, match="plane 0 has cells outside tile 3"):
        write_tile(tmp_path, 3, 2, [plane], 9)
    with pytest.raises(ValueError, match="tile must be a cell of order 2"):
        write_tile(tmp_path, 192, 2, [RangeSet.empty(9)], 9)
    with pytest.raises(ValueError, match="up to order 8"):
        write_tile(tmp_path, 3, 2, [part(plane, 3, 2)], 8)
    with pytest.raises(ValueError, match="tile_order"):
        write_tile(tmp_path, 3, 10, [RangeSet.empty(9)], 9)
    with pytest.raises(ValueError, match="one or more sets"):
        write_tile(tmp_path, 3, 2, [], 9)
    with pytest.raises(ValueError, match="2 names"):
        write_tile(tmp_path, 3, 2, [RangeSet.empty(9)], 9, layers=["a", "b"])
    assert tiles_of(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"order": 8}, "order"),
        ({"tile_order": 2}, "other orders"),
        ({"energy": AXIS}, "n_planes"),
        ({"run": "second"}, "run is 'first', not 'second'"),
        ({"layers": {"a": (9, "")}}, "layers"),
        ({"tiles": range(N - 1)}, "tile 47 is not expected"),
        ({"tiles": range(N + 1)}, "tile 48 is missing"),
    ],
)
def test_finish_checks_the_tiles(folder, words, match):
    before = (folder / INDEX).read_bytes()
    with pytest.raises(ValueError, match=match):
        finish(folder, **{"order": 9, "tile_order": T, "run": "first", **words})
    assert (folder / INDEX).read_bytes() == before


# ---------------------------------------------------------------------- what is not a mask


def refused(folder, match):
    with pytest.raises(MaskFormatError, match=match):
        Mask.read(folder)


def test_without_an_index(folder):
    (folder / INDEX).unlink()
    refused(folder, "the index is missing: the mask is not complete")


def test_without_a_tile(folder):
    tile_path(folder, 7, T).unlink()
    refused(folder, r"Npix=7\.parquet: a tile of the mask is missing")


def test_with_a_tile_too_many(folder):
    write_tile(folder, 3, 0, [RangeSet.empty(9)], 9)
    refused(folder, r"Norder=0/Dir=0/Npix=3\.parquet is a tile that is not in the index")


@pytest.mark.parametrize("run", ["first", "second"])
def test_with_another_tile(folder, run):
    write_tile(folder, 7, T, [part(cells(2), 7, T)], 9, run=run)
    refused(folder, r"Npix=7\.parquet: this is not the tile that the index names")


def test_with_the_tile_of_another_run(folder):
    """The same sky, but of another run: the size is the same, and the digest is not."""
    write_tile(folder, 7, T, [part(cells(1), 7, T)], 9, run="fir5t")
    refused(folder, "another run")


def test_with_tiles_that_changed_places(folder):
    a, b = tile_path(folder, 7, T), tile_path(folder, 8, T)
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)
    refused(folder, "tile 8, not 7|index names")


def test_the_index_of_another_folder(folder, tmp_path):
    other = written(tmp_path / "other", [cells(2)], run="first")
    shutil.copy(other / INDEX, folder / INDEX)
    refused(folder, "index names")


def test_a_tile_is_not_a_mask(folder):
    with pytest.raises(MaskFormatError, match="tile of a mask: read the folder"):
        Mask.read(tile_path(folder, 7, T))
    with pytest.raises(MaskFormatError, match="index of the tiles of a mask: read the folder"):
        Mask.read(folder / INDEX)


def test_damage_anywhere(folder):
    rng = np.random.default_rng(6)
    mask = Mask(cells(1))
    noticed = 0
    files = [folder / INDEX, *(tile_path(folder, tile, T) for tile in (0, 17, 47))]
    for k in range(160):
        path = files[k % len(files)]
        content = path.read_bytes()
        copy = bytearray(content)
        place = int(rng.integers(0, len(copy)))
        if k % 3 == 0:
            del copy[place:]
        elif k % 3 == 1:
            copy[place] ^= 1 << int(rng.integers(0, 8))
        else:
            copy[place : place + 50] = rng.bytes(len(copy[place : place + 50]))
        path.write_bytes(copy)
        try:
            back = Mask.read(folder, within=Mask(RangeSet.from_cells([0, 17, 47], T)))
        except MaskFormatError:
            noticed += 1
        else:
            assert back == mask & Mask(RangeSet.from_cells([0, 17, 47], T))
            assert back.history.startswith("made")
        path.write_bytes(content)
    assert noticed > 100
    assert Mask.read(folder) == mask


def _write_until_killed(folder, ready):
    for tile in range(N):
        write_tile(folder, tile, T, [part(cells(1), tile, T)], 9, run="r")
        if tile == 3:
            ready.set()
    finish(folder, order=9, tile_order=T, run="r")


def test_a_killed_writer_leaves_no_mask(tmp_path):
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    ready = context.Event()
    folder = tmp_path / "m"
    process = context.Process(target=_write_until_killed, args=(folder, ready))
    process.start()
    assert ready.wait(60)
    os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.join()
    refused(folder, "not complete")
    done = tiles_of(folder, run="r")
    assert done[:4] == [0, 1, 2, 3]
    assert len(done) < N
    # Another run goes on where the first one ended.
    for tile in sorted(set(range(N)) - set(done)):
        write_tile(folder, tile, T, [part(cells(1), tile, T)], 9, run="r")
    finish(folder, order=9, tile_order=T, run="r", tiles=range(N))
    assert Mask.read(folder) == Mask(cells(1))


# ---------------------------------------------------------------------- set operations


OPERATIONS = {
    "union": Mask.__or__,
    "intersection": Mask.__and__,
    "difference": Mask.__sub__,
    "symmetric_difference": Mask.__xor__,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations(tmp_path, operation):
    a = written(tmp_path / "a", [cells(1)], tile_order=1, history="a")
    b = written(tmp_path / "b", [cells(2, 5_000, 6)], tile_order=0, order=6, history="b | c")
    c = written(tmp_path / "c", [part(cells(3), 5, 0)], tile_order=0, history="d")
    io.combine_folders([a, b, c], tmp_path / "out", operation)
    masks = [Mask(cells(1)), Mask(cells(2, 5_000, 6)), Mask(part(cells(3), 5, 0))]
    expected = OPERATIONS[operation](OPERATIONS[operation](*masks[:2]), masks[2])
    back = Mask.read(tmp_path / "out")
    assert back == expected
    assert back.order == 9
    assert io.folder_area(tmp_path / "out") == expected.area
    if operation == "union":
        assert back.history == "a | b | c | d"
    if operation == "difference":
        assert back.history == "a - (b | c) - d"


def test_operations_with_bins_and_layers(tmp_path):
    plain = written(tmp_path / "p", [cells(5)])
    bins = written(tmp_path / "e", [cells(6), cells(7)], energy=AXIS)
    io.combine_folders([plain, bins], tmp_path / "pe", "intersection")
    assert Mask.read(tmp_path / "pe") == Mask(cells(5)) & Mask([cells(6), cells(7)], energy=AXIS)
    sets = [{"a": Mask(cells(k)), "b": Mask(cells(k + 1))} for k in (1, 5)]
    for k, layers in enumerate(sets):
        io.write_set(layers, tmp_path / f"s{k}", format="parquet")
    io.combine_folders([tmp_path / "s0", tmp_path / "s1"], tmp_path / "s", "union", n_threads=1)
    assert io.read_set(tmp_path / "s") == {name: sets[0][name] | sets[1][name] for name in "ab"}
    assert io.folder_area(tmp_path / "s").shape == (2,)


def test_masks_that_do_not_fit(tmp_path):
    a = written(tmp_path / "a", [cells(1)], tile_order=0)
    for k, (words, match) in enumerate(
        [({"frame": "galactic"}, "frame"), ({"layers": {"x": (9, "")}}, "layers"), ({"energy": AXIS[:1]}, "")]
    ):
        b = tmp_path / f"b{k}"
        for tile in range(12):
            layers = None if "layers" not in words else ["x"]
            write_tile(b, tile, 0, [part(cells(2), tile, 0)], 9, layers=layers)
        finish(b, order=9, tile_order=0, **words)
        if match:
            with pytest.raises(ValueError, match=match):
                io.combine_folders([a, b], tmp_path / "out", "union")
    c = written(tmp_path / "c", [cells(3)], tile_order=0, energy=AXIS[1:])
    with pytest.raises(ValueError, match="energy bins"):
        io.combine_folders([a, b, c], tmp_path / "out", "union")
    for folders, operation, match in (([a], "union", "two folders"), (a, "union", "two"), ([a, a], "or", "operation")):
        with pytest.raises(ValueError, match=match):
            io.combine_folders(folders, tmp_path / "out", operation)
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_stays(tmp_path):
    a = written(tmp_path / "a", [cells(1)], tile_order=0)
    with pytest.raises(FileExistsError):
        io.combine_folders([a, a], a, "difference")
    assert Mask.read(a) == Mask(cells(1))
    io.combine_folders([a, a], a, "difference", overwrite=True)
    assert Mask.read(a).is_empty


def test_the_description_of_a_tile(folder):
    from pyarrow import parquet

    words = json.loads(parquet.read_schema(tile_path(folder, 7, T)).metadata[b"hpmask"])
    expected = {"content": "tile of a mask", "tile": 7, "tile_order": T, "order": 9, "n_planes": 1, "run": "first"}
    assert {name: words[name] for name in expected} == expected
    assert words["n_cells"] == [part(cells(1), 7, T).n_cells]


def test_time_of_a_cut_out(folder):
    start = time.process_time()
    Mask.read(folder, within=SMALL)
    assert time.process_time() - start < 1
