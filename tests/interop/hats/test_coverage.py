"""The sky of HATS catalogs: as hats and LSDB say."""

import shutil

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from hpmask import Mask
from hpmask.catalog import write_hats
from hpmask.core.rangeset import RangeSet

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.filterwarnings("ignore")

CATALOGS = ["hats/small_sky_source", "hats/small_sky_o1_collection"]


@pytest.fixture
def catalog(tmp_path):
    rng = np.random.default_rng(1)
    stars = {"ra": rng.uniform(0, 90, 300), "dec": rng.uniform(-40, 40, 300)}
    write_hats(stars, tmp_path / "stars", max_rows=20)
    return tmp_path / "stars", SkyCoord(stars["ra"], stars["dec"], unit="deg")


@pytest.mark.parametrize("name", CATALOGS)
def test_partitions(data, name):
    hats = pytest.importorskip("hats")
    found = hats.read_hats(data(name))
    tree = getattr(found, "main_catalog", found).pixel_tree
    mask = Mask.from_hats(data(name))
    assert mask == Mask.from_moc(tree.to_moc())
    assert (mask.order, mask.frame) == (tree.get_max_depth(), "icrs")
    assert mask.history.startswith(f"from_hats('{name.partition('/')[2]}', properties sha256 ")
    assert mask.history.endswith(f", {len(tree)} partitions)")


@pytest.mark.parametrize("name", CATALOGS)
def test_point_map(data, name):
    hats = pytest.importorskip("hats")
    found = hats.read_hats(data(name))
    moc = getattr(found, "main_catalog", found).moc
    mask = Mask.from_hats(data(name), by="point_map")
    assert mask == Mask.from_moc(moc)
    assert mask.order == moc.max_order
    assert mask.issubset(Mask.from_hats(data(name)))
    assert "point_map.fits" in mask.history


def test_catalogs_of_lsdb(data):
    lsdb = pytest.importorskip("lsdb")
    path = data("hats/small_sky_source")
    opened = lsdb.open_catalog(path)
    for by in ("partitions", "point_map"):
        assert Mask.from_hats(opened, by=by) == Mask.from_hats(path, by=by)
    # A search changes both.
    footprint = Mask.from_cones(SkyCoord(320, -50, unit="deg"), "3 deg", order=9)
    some = opened.search(footprint.to_search())
    cells = [RangeSet.from_cells([one.pixel], one.order) for one in some.get_healpix_pixels()]
    assert Mask.from_hats(some) == Mask(RangeSet.union_all(cells))
    assert Mask.from_hats(some, by="point_map") == Mask.from_hats(path, by="point_map") & footprint
    assert "of LSDB" in Mask.from_hats(some).history


def test_all_rows_are_in_it(catalog):
    path, coord = catalog
    partitions, cells = Mask.from_hats(path), Mask.from_hats(path, by="point_map")
    assert cells.contains(coord).all()
    assert partitions.contains(coord).all()
    assert cells.area <= 300.001 * 4 * np.pi / (12 * 4**8) * u.sr


def test_maps_with_a_wrong_header(data, tmp_path):
    """hipscat wrote RING into the headers of NESTED maps."""
    shutil.copytree(data("hats/small_sky_source"), tmp_path / "a")
    with fits.open(tmp_path / "a" / "point_map.fits", mode="update") as file:
        file[1].header["ORDERING"] = "RING"
    with pytest.raises(ValueError, match=r"outside all partitions.*its keyword ORDERING is wrong"):
        Mask.from_hats(tmp_path / "a", by="point_map")


def test_maps_in_ring_order(data, tmp_path):
    healpy = pytest.importorskip("healpy")
    shutil.copytree(data("hats/small_sky_source"), tmp_path / "a")
    expected = Mask.from_hats(tmp_path / "a", by="point_map")
    with fits.open(tmp_path / "a" / "point_map.fits", mode="update") as file:
        file[1].header["ORDERING"] = "RING"
        file[1].data["T"] = healpy.reorder(np.array(file[1].data["T"]), n2r=True)
    assert Mask.from_hats(tmp_path / "a", by="point_map") == expected


@pytest.mark.parametrize("name", ["point_map.fits", "skymap.fits", "skymap.2.fits", "skymap.4.fits"])
def test_maps_of_files(data, name):
    """`from_map` reads the maps of catalogs: their cells are NESTED, and as LSDB and the rows say."""
    skymap = pytest.importorskip("hats.io.skymap")
    hats = pytest.importorskip("hats")
    path = data("hats/small_sky_source")
    catalog = hats.read_hats(path)
    order = {"skymap.2.fits": 2, "skymap.4.fits": 4}.get(name, 6)
    mask = Mask.from_map(f"{path}/{name}", 0, frame="icrs")
    cells = np.flatnonzero(skymap.read_skymap(catalog, order))
    assert mask == Mask(RangeSet.from_cells(cells, order))
    assert mask.issubset(Mask.from_hats(path))
    # As an array, as for files whose header is wrong.
    with fits.open(f"{path}/{name}") as file:
        assert file[1].header["ORDERING"] == "NESTED"
        values = np.array(file[1].data["T"])
    assert Mask.from_map(values, 0, nest=True, frame="icrs") == mask
    assert not Mask.from_map(values, 0, nest=False, frame="icrs").issubset(Mask.from_hats(path))


def test_what_cannot_be_read(catalog, tmp_path):
    path, _ = catalog
    with pytest.raises(FileNotFoundError, match="no HATS catalog"):
        Mask.from_hats(tmp_path)
    with pytest.raises(TypeError, match="catalog must be the path"):
        Mask.from_hats({"ra": [1]})
    with pytest.raises(ValueError, match="by must be"):
        Mask.from_hats(path, by="rows")
    for name in ("point_map.fits", "skymap.fits"):
        (path / name).unlink()
    with pytest.raises(ValueError, match="no point_map"):
        Mask.from_hats(path, by="point_map")
