"""Masks as maps of HATS: written and read back, and as LSDB merges them with catalogs."""

import shutil

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from profiles import examples
from strategies import masks

from hpmask import EnergyAxis, Mask, MaskFormatError, io
from hpmask._files.hats_folder import HatsFolder

pq = pytest.importorskip("pyarrow.parquet")


def mask_of_discs(seed=1, n=50, order=9):
    rng = np.random.default_rng(seed)
    center = SkyCoord(rng.uniform(280, 350, n), rng.uniform(-80, -20, n), unit="deg")
    return Mask.from_cones(center, rng.uniform(0.5, 4, n) * u.deg, order=order)


@given(mask=masks())
@examples(25)
def test_round_trip(tmp_path_factory, mask):
    path = tmp_path_factory.mktemp("maps") / "mask"
    mask.write(path, format="hats")
    back = Mask.read(path)
    assert back == mask
    assert (back.order, back.history) == (mask.order, mask.history)
    # The tiles cover the sky once.
    folder = HatsFolder.open(path)
    assert sum(
        4.0 ** -folder.read(one)["order"].to_numpy().astype(float) @ np.ones(folder.read(one).num_rows)
        for one in folder.partitions
    ) == pytest.approx(12)


def test_energy_bins(tmp_path):
    axis = EnergyAxis([0.1, 1, 30] * u.TeV, name="energy_true", interp="lin")
    mask = Mask.stack([mask_of_discs(1), mask_of_discs(2)], axis)
    mask.write(tmp_path / "mask", format="hats")
    assert Mask.read(tmp_path / "mask") == mask


def test_layers(tmp_path):
    layers = {"stars": mask_of_discs(1), "ghosts": mask_of_discs(2, order=7), "empty": Mask.empty(order=3)}
    io.write_set(layers, tmp_path / "set", format="hats")
    back = io.read_set(tmp_path / "set")
    assert back == layers
    assert list(back) == list(layers)
    assert [one.order for one in back.values()] == [9, 7, 3]
    assert Mask.read(tmp_path / "set", layer="ghosts") == layers["ghosts"]
    with pytest.raises(MaskFormatError, match="has the layers 'stars', 'ghosts', 'empty'"):
        Mask.read(tmp_path / "set")


def test_within(tmp_path):
    mask, within = mask_of_discs(), Mask.from_cones(SkyCoord(300, -40, unit="deg"), "5 deg", order=8)
    mask.write(tmp_path / "mask", format="hats")
    assert Mask.read(tmp_path / "mask", within=within) == mask & within


@pytest.mark.filterwarnings("ignore")  # of pandas, about what LSDB does
def test_lsdb_merges_it_with_a_catalog(tmp_path, data):
    lsdb = pytest.importorskip("lsdb")
    hats = pytest.importorskip("hats")
    mask = mask_of_discs()
    mask.write(tmp_path / "mask", format="hats")
    assert hats.read_hats(tmp_path / "mask").catalog_info.catalog_type == "map"

    def flagged(rows, tiles, *_):
        place = np.searchsorted(tiles.index.to_numpy(), rows.index.to_numpy(), side="right") - 1
        kept = tiles["kept"].to_numpy()
        return rows.assign(kept=kept[place] if len(kept) else np.zeros(len(rows), dtype=bool))

    catalog = lsdb.open_catalog(data("hats/small_sky_source"), columns="all")
    rows = catalog.merge_map(lsdb.read_hats(tmp_path / "mask"), flagged).compute(progress_bar=False)
    assert len(rows) == 17161
    inside = mask.contains(SkyCoord(rows["source_ra"], rows["source_dec"], unit="deg"))
    assert 0 < inside.sum() < inside.size
    assert np.array_equal(rows["kept"].to_numpy(dtype=bool), inside)


def test_frames(tmp_path):
    with pytest.raises(ValueError, match="use to_frame"):
        Mask.full(frame="galactic").write(tmp_path / "mask", format="hats")
    assert not (tmp_path / "mask").exists()


def test_damage(tmp_path):
    mask_of_discs().write(tmp_path / "mask", format="hats")
    properties = (tmp_path / "mask" / "hats.properties").read_text()
    (tmp_path / "mask" / "hats.properties").write_text(properties.replace("hpmask_order=9", "hpmask_order=x"))
    with pytest.raises(MaskFormatError, match="hpmask_order must be an integer"):
        Mask.read(tmp_path / "mask")
    (tmp_path / "mask" / "hats.properties").write_text(properties.replace("hpmask_order=9", "hpmask_order=3"))
    with pytest.raises(MaskFormatError, match="order must be from 0 to 3"):
        Mask.read(tmp_path / "mask")
    (tmp_path / "mask" / "hats.properties").write_text(properties)
    lines = (tmp_path / "mask" / "partition_info.csv").read_text().splitlines()
    (tmp_path / "mask" / "partition_info.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(MaskFormatError, match="do not cover the sky"):
        Mask.read(tmp_path / "mask")
    (tmp_path / "mask" / "partition_info.csv").write_text("\n".join(lines))
    partition = next((tmp_path / "mask" / "dataset").rglob("*.parquet"))
    whole = partition.read_bytes()
    pq.write_table(pq.read_table(partition, partitioning=None).drop_columns(["order"]), partition)
    with pytest.raises(MaskFormatError, match="the column order is missing or there twice"):
        Mask.read(tmp_path / "mask")
    partition.write_bytes(whole)
    lost = next((tmp_path / "mask" / "dataset").rglob("*.parquet"))
    lost.unlink()
    with pytest.raises(MaskFormatError, match=rf"^{tmp_path / 'mask'}: a file of it is missing: .*{lost.name}"):
        Mask.read(tmp_path / "mask")
    lost.mkdir()
    with pytest.raises(MaskFormatError, match=rf"^{tmp_path / 'mask'}: "):
        Mask.read(tmp_path / "mask")
    (tmp_path / "mask" / "hats.properties").unlink()
    with pytest.raises(MaskFormatError, match="a directory, not a mask"):
        Mask.read(tmp_path / "mask")


def test_other_catalogs_are_no_masks(data, tmp_path):
    shutil.copytree(data("hats/small_sky_source"), tmp_path / "copy", copy_function=shutil.copyfile)
    with pytest.raises(MaskFormatError, match="of the type 'source', and no mask"):
        Mask.read(tmp_path / "copy", format="hats")
