"""Flags in tables of all kinds, and the names of their bits in metadata and files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from hpmask import EnergyAxis, Mask, MaskSet, RangeSet

NORTH = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
EAST = Mask.from_zone(lon=("0 deg", "90 deg"), order=3)
MASKS = MaskSet({"north": NORTH, "östlich, East": EAST})
BITS = {"north": 0, "östlich, East": 1}
COLUMNS = {"ra": np.array([10.0, 10, 200, 200]), "dec": np.array([45.0, -45, 45, -45])}
FLAGS = [3, 2, 1, 0]


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".parquet"])
def test_files_of_astropy_keep_the_names(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    table = Table(COLUMNS)
    table = MASKS.flag(table)
    assert "flags" not in Table(COLUMNS).colnames
    table.write(tmp_path / f"a{suffix}")
    again = Table.read(tmp_path / f"a{suffix}")
    assert again["flags"].tolist() == FLAGS
    assert again["flags"].info.meta["bits"] == BITS
    assert again["flags"].info.description == "bit 0: north, bit 1: östlich, East"


def test_data_frames(tmp_path):
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    frame = MASKS.flag(pandas.DataFrame(COLUMNS, index=list("abcd")))
    assert frame["flags"].dtype == np.uint8
    assert frame["flags"].to_dict() == dict(zip("abcd", FLAGS, strict=True))
    frame.to_parquet(tmp_path / "a.parquet")
    assert pandas.read_parquet(tmp_path / "a.parquet").attrs["bits"] == {"flags": BITS}
    again = MASKS[["north"]].flag(frame, "more")
    assert again.attrs["bits"] == {"flags": BITS, "more": {"north": 0}}
    assert frame.attrs["bits"] == {"flags": BITS}
    arrow = MASKS.flag(pyarrow.table(COLUMNS).replace_schema_metadata({"a": "b"}))
    parquet.write_table(arrow, tmp_path / "b.parquet")
    arrow = parquet.read_table(tmp_path / "b.parquet")
    assert arrow["flags"].to_pylist() == FLAGS
    assert json.loads(arrow.schema.field("flags").metadata[b"bits"]) == BITS
    assert arrow.schema.metadata[b"a"] == b"b"


def test_tables_without_metadata():
    polars = pytest.importorskip("polars")
    assert MASKS.flag(polars.DataFrame(COLUMNS))["flags"].to_list() == FLAGS
    assert MASKS.flag(polars.LazyFrame(COLUMNS)).collect()["flags"].to_list() == FLAGS
    rows = np.array(list(zip(*COLUMNS.values(), strict=True)), dtype=[("ra", "f8"), ("dec", "f8")])
    assert MASKS.flag(rows)["flags"].tolist() == FLAGS
    assert MASKS.flag(COLUMNS)["flags"].tolist() == FLAGS


def test_many_layers_have_several_columns():
    masks = MaskSet([(f"layer {k}", Mask(RangeSet.from_cells([k % 12], 0))) for k in range(70)])
    table = masks.flag(Table(COLUMNS), "bits")
    words = masks.flags(COLUMNS["ra"], COLUMNS["dec"])
    np.testing.assert_array_equal(table["bits_0"], words[:, 0])
    np.testing.assert_array_equal(table["bits_1"], words[:, 1])
    assert table["bits_1"].info.meta["bits"] == {f"layer {k}": k - 64 for k in range(64, 70)}


def test_energies_and_errors():
    axis = EnergyAxis([1, 10, 100] * u.GeV)
    masks = MASKS.with_layers({"hard": Mask.from_energy(axis, energy_min="10 GeV")})
    table = Table({**COLUMNS, "e": [2, 20, 200, 20] * u.GeV})
    assert masks.flag(table, energy="e")["flags"].tolist() == [3, 6, 1, 4]
    with pytest.raises(ValueError, match="energy is missing: the flags of 'hard'"):
        masks.flag(table)
    with pytest.raises(ValueError, match="column 'e' already"):
        MASKS.flag(table, "e")
    assert MASKS.flag(table, "e", overwrite=True)["e"].tolist() == FLAGS
    with pytest.raises(TypeError, match="column must be the name"):
        MASKS.flag(table, "")
    table["ra"][1] = np.nan
    with pytest.raises(ValueError, match="row 1"):
        MASKS.flag(table)
    assert MASKS.flag(table, invalid="skip")["flags"].tolist() == [3, 0, 1, 0]
