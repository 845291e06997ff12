"""Rows of Dask DataFrames in masks, against `contains` of the computed table."""

import numpy as np
import pytest
from astropy import units as u

from hpmask import EnergyAxis, Mask, MaskSet
from hpmask.core.rangeset import RangeSet
from hpmask.io.parquet_folder import finish, write_tile
from hpmask.scale import contains, flags
from hpmask.scale.ranges import in_tiles

dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")
dask = pytest.importorskip("dask")


@pytest.fixture(autouse=True)
def _in_this_process():
    with dask.config.set(scheduler="synchronous"):
        yield


def table(n=3000, seed=1):
    rng = np.random.default_rng(seed)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    return pd.DataFrame({"name": rng.integers(0, 9, n), "ra": rng.uniform(0, 360, n), "dec": lat}).set_index("name")


def a_mask(seed, order=7, **words):
    rng = np.random.default_rng(seed)
    return Mask(RangeSet.from_cells(rng.integers(0, 12 << 2 * order, 20_000), order), **words)


def folder_of(path, planes, order, tile_order=2, **words):
    parts = [dict(in_tiles(plane, tile_order)) for plane in planes]
    for tile in sorted(set().union(*parts)):
        write_tile(
            path,
            tile,
            tile_order,
            [part.get(tile, RangeSet.empty(order)) for part in parts],
            order,
            layers=list(words["layers"]) if "layers" in words else None,
        )
    finish(path, order=order, tile_order=tile_order, **words)
    return path


@pytest.mark.deep
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_contains_is_that_of_the_computed_table(frame, tmp_path):
    rows, mask = table(), a_mask(2, frame=frame)
    lazy = dd.from_pandas(rows, npartitions=4, sort=False)
    expected = mask.contains(rows)
    for given in (mask, folder_of(tmp_path / "mask", mask.planes, mask.order, frame=frame)):
        found = contains(given, lazy)
        assert found.npartitions == 4
        found = found.compute()
        assert found.dtype == np.bool_
        assert found.index.equals(rows.index)
        np.testing.assert_array_equal(found.to_numpy(), expected)


@pytest.mark.deep
def test_energy(tmp_path):
    rows = table()
    lazy = dd.from_pandas(rows, npartitions=3, sort=False)
    axis = EnergyAxis([1, 10, 100] * u.TeV)
    mask = Mask([a_mask(1).planes[0], a_mask(2).planes[0]], energy=axis)
    folder = folder_of(tmp_path / "mask", mask.planes, mask.order, energy=axis)
    for given in (mask, folder):
        np.testing.assert_array_equal(
            contains(given, lazy, energy="20 TeV").compute(), mask.contains(rows, energy="20 TeV")
        )
        with pytest.raises(ValueError, match="2 energy bins: give the energy"):
            contains(given, lazy)


@pytest.mark.deep
def test_flags(tmp_path):
    rows = table()
    lazy = dd.from_pandas(rows, npartitions=3, sort=False)
    masks = MaskSet({name: a_mask(k) for k, name in enumerate("abcdefghij")})
    planes = [masks[name].planes[0] for name in masks]
    folder = folder_of(tmp_path / "mask", planes, 7, layers=dict.fromkeys(masks, (7, "")))
    expected = masks.flags(rows)
    assert expected.max() > 255
    for given in (masks, folder):
        found = flags(given, lazy).compute()
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, expected)


@pytest.mark.deep
def test_rows_that_are_nowhere(tmp_path):
    rows, mask = table(100), a_mask(2)
    rows.iloc[70, 0] = np.nan
    lazy = dd.from_pandas(rows, npartitions=4, sort=False)
    for given in (mask, folder_of(tmp_path / "mask", mask.planes, mask.order)):
        with pytest.raises(ValueError, match=r"partition 2: .* row 20"):
            contains(given, lazy).compute()
        found = contains(given, lazy, invalid="skip").compute()
        np.testing.assert_array_equal(found, mask.contains(rows, invalid="skip"))


@pytest.mark.deep
def test_only_the_tiles_of_a_partition_are_read(tmp_path):
    mask = a_mask(2)
    folder = folder_of(tmp_path / "mask", mask.planes, mask.order)
    rows = table(2000)
    cells = [4]
    near = rows[Mask(RangeSet.from_cells(cells, 0)).contains(rows)]
    lazy = dd.from_pandas(near, npartitions=1, sort=False)
    expected = mask.contains(near)
    # Tiles elsewhere may be damaged: nothing of them is read.
    for path in (folder / "dataset").rglob("*.parquet"):
        if int(path.stem.removeprefix("Npix=")) >> 4 != cells[0]:
            path.write_bytes(b"")
    assert len(near) > 50
    np.testing.assert_array_equal(contains(folder, lazy).compute(), expected)


@pytest.mark.deep
def test_arguments(tmp_path):
    mask, rows = a_mask(1), table(20)
    lazy = dd.from_pandas(rows, npartitions=1)
    with pytest.raises(TypeError, match="table must be a Dask DataFrame or an lsdb catalog"):
        contains(mask, rows)
    with pytest.raises(TypeError, match="mask must be a Mask or a folder of tiles, got MaskSet"):
        contains(MaskSet({"a": mask}), lazy)
    with pytest.raises(TypeError, match="masks must be a MaskSet"):
        flags(mask, lazy)
    with pytest.raises(TypeError, match="folder of one mask: use contains"):
        flags(folder_of(tmp_path / "mask", mask.planes, mask.order), lazy)
    with pytest.raises(ValueError, match="no positions"):
        contains(mask, lazy[["ra"]])
    with pytest.raises(ValueError, match="at most 64 layers, got 65"):
        flags(MaskSet({str(k): mask for k in range(65)}), lazy)
