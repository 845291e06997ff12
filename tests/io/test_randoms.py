"""Random positions in parquet files: those of `Mask.random`, in little memory, and complete or not there."""

from __future__ import annotations

import io
import json
import tracemalloc

import numpy as np
import pytest
from astropy import units as u

from hpmask import EnergyAxis, Mask, MaskSet, RangeSet

parquet = pytest.importorskip("pyarrow.parquet")

AXIS = EnergyAxis([1, 2, 5, 10] * u.TeV)


def test_the_positions_are_those_in_memory(tmp_path):
    mask = Mask.from_zone(lat=("0 deg", "30 deg"), order=5, frame="galactic")
    assert mask.write_randoms(tmp_path / "r.parquet", 25_001, seed=3, chunk=10_000) == [25_001]
    file = parquet.ParquetFile(tmp_path / "r.parquet")
    assert file.num_row_groups == 3
    table, found = file.read(), mask.random(25_001, seed=3)
    assert table.column_names == ["l", "b"]
    assert np.array_equal(table["l"].to_numpy(), found.l.deg)
    assert np.array_equal(table["b"].to_numpy(), found.b.deg)
    about = json.loads(table.schema.metadata[b"hpmask"])
    assert about["frame"] == "galactic"
    assert about["numbers"] == [25_001]
    assert about["mask"].startswith("from_zone")


def test_bins(tmp_path):
    planes = [RangeSet.from_cells([1, 2], 2), RangeSet.empty(2), RangeSet.from_cells([1], 2)]
    mask = Mask(planes, energy=AXIS)
    numbers = mask.write_randoms(tmp_path / "r.parquet", density="1 deg-2", seed=3, chunk=100)
    assert numbers == [430, 0, 215]
    table = parquet.read_table(tmp_path / "r.parquet")
    assert np.array_equal(table["bin"].to_numpy(), np.repeat([0, 2], [430, 215]))
    found = mask.random(density="1 deg-2", seed=3)
    assert np.array_equal(table["dec"].to_numpy(), np.concatenate([one.dec.deg for one in found]))


def test_layers(tmp_path):
    mask = Mask([RangeSet.from_cells([1, 2], 2), RangeSet.full(2)], energy=EnergyAxis([1, 2, 5] * u.TeV))
    masks = MaskSet({"sky": Mask.full(), "empty": Mask.empty(), "bins": mask})
    numbers = masks.write_randoms(tmp_path / "r.parquet", density="0.1 deg-2", seed=3, chunk=1000)
    assert numbers == {"sky": [4125], "empty": [0], "bins": [43, 4125]}
    table = parquet.read_table(tmp_path / "r.parquet")
    assert table.column_names == ["ra", "dec", "layer", "bin"]
    assert table["layer"].to_pylist() == ["sky"] * 4125 + ["bins"] * 4168
    assert np.array_equal(table["bin"].to_numpy(), np.repeat([-1, 0, 1], [4125, 43, 4125]))
    found = masks.random(density="0.1 deg-2", seed=3)
    dec = np.concatenate([one.dec.deg for one in (found["sky"], *found["bins"])])
    assert np.array_equal(table["dec"].to_numpy(), dec)
    about = json.loads(table.schema.metadata[b"hpmask"])
    assert about["numbers"] == numbers
    assert about["mask"] == {name: mask.history.partition("\n")[0] for name, mask in masks.items()}
    with pytest.raises(ValueError, match="layer 'empty'"):
        masks.write_randoms(tmp_path / "none.parquet", 3)
    masks[["sky"]].write_randoms(tmp_path / "sky.parquet", 3)
    assert parquet.read_table(tmp_path / "sky.parquet").column_names == ["ra", "dec", "layer"]


def test_no_positions(tmp_path):
    assert Mask.empty().write_randoms(tmp_path / "r.parquet", 0) == [0]
    assert parquet.read_table(tmp_path / "r.parquet").num_rows == 0


def test_file_objects():
    file = io.BytesIO()
    Mask.full().write_randoms(file, 10, seed=1)
    assert parquet.read_table(io.BytesIO(file.getvalue())).num_rows == 10


def test_an_error_leaves_no_file(tmp_path, monkeypatch):
    from hpmask.core.randoms import Sampler

    positions = Sampler.positions
    calls = []

    def broken(self, *args, **words):
        calls.append(args)
        if len(calls) == 3:
            raise MemoryError
        return positions(self, *args, **words)

    monkeypatch.setattr(Sampler, "positions", broken)
    with pytest.raises(MemoryError):
        Mask.full().write_randoms(tmp_path / "r.parquet", 1000, chunk=100)
    assert not list(tmp_path.iterdir())


def test_files_are_not_replaced_unless_asked(tmp_path):
    mask, path = Mask.full(), tmp_path / "r.parquet"
    mask.write_randoms(path, 3)
    with pytest.raises(FileExistsError):
        mask.write_randoms(path, 4)
    assert parquet.read_table(path).num_rows == 3
    mask.write_randoms(path, 4, overwrite=True)
    assert parquet.read_table(path).num_rows == 4
    with pytest.raises(ValueError, match="chunk must be at least 1"):
        mask.write_randoms(path, 4, chunk=0, overwrite=True)


def test_memory_does_not_grow_with_the_number(tmp_path):
    def peak(n):
        tracemalloc.start()
        Mask.full().write_randoms(tmp_path / "r.parquet", n, chunk=20_000, overwrite=True)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(40_000)
    assert peak(800_000) < 1.3 * peak(40_000) + 300_000
