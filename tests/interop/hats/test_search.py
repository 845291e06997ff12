"""Searches of LSDB catalogs: equal to `contains` of all rows, and to LSDB's own search by a MOC."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import range_sets

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask._files.hats_folder import Partition
from hpmask.catalog.partitions import near
from hpmask.geometry import healpix

lsdb = pytest.importorskip("lsdb")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def small(data):
    """A catalog of 17161 rows in 14 partitions, and its rows."""
    catalog = lsdb.open_catalog(data("hats/small_sky_source"), columns="all")
    return catalog, catalog.compute(progress_bar=False)


def ids_where(rows, inside):
    return sorted(rows["source_id"][inside])


def ids_of(catalog):
    return sorted(catalog.compute(progress_bar=False)["source_id"])


def coord_of(rows):
    return SkyCoord(rows["source_ra"], rows["source_dec"], unit="deg")


def in_the_field(frame):
    """Discs in the field of the catalog."""
    rng = np.random.default_rng(5)
    center = SkyCoord(rng.uniform(290, 340, 60), rng.uniform(-70, -30, 60), unit="deg")
    return Mask.from_cones(center, rng.uniform(0.1, 3, 60) * u.deg, order=11, frame=frame)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("invert", [False, True])
def test_equal_to_contains(small, frame, invert):
    catalog, rows = small
    mask = in_the_field(frame)
    mask = ~mask if invert else mask
    inside = mask.contains(coord_of(rows))
    assert 100 < inside.sum() < inside.size
    assert ids_of(catalog.search(mask.to_search())) == ids_where(rows, inside)


@pytest.mark.parametrize("fault", ["shifted", "wrong frame", "one cell"])
def test_faults_are_noticed(small, monkeypatch, fault):
    """The comparison fails if the search looks in a slightly different place."""
    from hpmask.interop.hats.search import MaskSearch

    catalog, rows = small
    mask = in_the_field("icrs")
    inside = mask.contains(coord_of(rows))
    one = RangeSet.from_cells([rows.index.to_numpy()[inside][0] >> 2 * (29 - 11)], 11)
    wrong = {
        "shifted": Mask(RangeSet.from_cells(np.minimum(mask.planes[0].cells(11) + 1, 12 * 4**11 - 1), 11)),
        "wrong frame": Mask(mask.planes[0], frame="galactic"),
        "one cell": mask - Mask(one),
    }[fault]
    monkeypatch.setattr(MaskSearch, "mask", property(lambda self: wrong))
    assert ids_of(catalog.search(mask.to_search())) != ids_where(rows, inside)


def test_equal_to_the_search_by_moc(small):
    catalog, _ = small
    mask = in_the_field("icrs")
    ours, theirs = catalog.search(mask.to_search()), catalog.moc_search(mask.to_moc())
    assert ids_of(ours) == ids_of(theirs)
    assert ours.get_healpix_pixels() == theirs.get_healpix_pixels()
    assert ours.hc_structure.moc == theirs.hc_structure.moc


@given(range_sets(max_order=9), st.sampled_from(["icrs", "galactic"]))
@examples(15)
def test_any_mask(small, plane, frame):
    catalog, rows = small
    mask = Mask(plane, frame=frame)
    found = catalog.search(mask.to_search())
    inside = mask.contains(coord_of(rows))
    assert ids_of(found) == ids_where(rows, inside)
    if inside.any():
        kept = {(one.order, one.pixel) for one in found.get_healpix_pixels()}
        cells = rows.index.to_numpy()[inside]
        needed = {
            (one.order, one.pixel)
            for one in catalog.get_healpix_pixels()
            if np.any(cells >> 2 * (29 - one.order) == one.pixel)
        }
        assert needed <= kept


def in_a_partition(frame):
    """A disc in the middle of the partition 182 of order 2."""
    lon, lat = healpix.centres([182], 2)
    return Mask.from_cones(SkyCoord(lon * u.rad, lat * u.rad), "0.5 deg", order=10, frame=frame)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_partitions_are_left_out(small, frame):
    catalog, _ = small
    pixels = catalog.search(in_a_partition(frame).to_search()).get_healpix_pixels()
    assert [(one.order, one.pixel) for one in pixels] == [(2, 182)]


def test_coarse_search(small):
    catalog, rows = small
    found = catalog.search(in_a_partition("icrs").to_search(fine=False))
    (pixel,) = found.get_healpix_pixels()
    assert len(found.compute(progress_bar=False)) == np.count_nonzero(
        rows.index.to_numpy() >> 2 * (29 - pixel.order) == pixel.pixel
    )
    assert found.hc_structure.moc.sky_fraction == pytest.approx(1 / (12 * 4**pixel.order))


def test_no_coordinates_are_needed(small):
    catalog, rows = small
    mask = in_the_field("icrs")
    found = catalog[["source_id"]].search(mask.to_search())
    assert ids_of(found) == ids_where(rows, mask.contains(coord_of(rows)))
    with pytest.raises(ValueError, match="columns of positions 'source_ra' and 'source_dec'"):
        catalog[["source_id"]].search(in_the_field("galactic").to_search()).compute(progress_bar=False)


def test_nothing_and_everything(small):
    catalog, rows = small
    assert ids_of(catalog.search(Mask.full().to_search())) == ids_where(rows, slice(None))
    assert ids_of(catalog.search(Mask.empty().to_search())) == []


def test_search_when_it_is_opened(data):
    mask = in_the_field("icrs")
    path = data("hats/small_sky_source")
    later = lsdb.open_catalog(path, columns="all").search(mask.to_search())
    assert ids_of(lsdb.open_catalog(path, columns="all", search_filter=mask.to_search())) == ids_of(later)


def test_margins(data):
    catalog = lsdb.open_catalog(data("hats/small_sky_o1_collection"))
    rows, margin = catalog.compute(progress_bar=False), catalog.margin.compute(progress_bar=False)
    mask = Mask.from_cones(SkyCoord(300, -50, unit="deg"), "18 deg", order=8)
    found = catalog.search(mask.to_search())
    for all_of, some in ((rows, found), (margin, found.margin)):
        inside = mask.contains(SkyCoord(all_of["ra"], all_of["dec"], unit="deg"))
        assert 0 < inside.sum() < inside.size
        assert sorted(some.compute(progress_bar=False)["id"]) == sorted(all_of["id"][inside])


# ---------------------------------------------------------------------- energies

AXIS = EnergyAxis([1, 10, 100] * u.GeV)


def with_bins():
    return Mask.stack([in_the_field("icrs"), ~in_the_field("icrs")], AXIS)


def test_one_energy(small):
    catalog, rows = small
    for energy in ("5 GeV", 50 * u.GeV, "2 TeV"):
        inside = with_bins().contains(coord_of(rows), energy=energy)
        assert ids_of(catalog.search(with_bins().to_search(energy=energy))) == ids_where(rows, inside)


def test_energies_of_a_column(small):
    catalog, rows = small
    # Magnitudes of about 10 to 20 stand for energies.
    inside = with_bins().contains(coord_of(rows), energy=rows["mag"].to_numpy() * 0.6 * u.GeV)
    search = with_bins().to_search(energy="mag", energy_unit=0.6 * u.GeV)
    assert ids_of(catalog.search(search)) == ids_where(rows, inside)


def test_rows_without_an_energy(small):
    catalog, rows = small
    search = with_bins().to_search(energy="mag", energy_unit="GeV")
    some = rows.iloc[:100].copy()
    some.loc[some.index[::2], "mag"] = np.nan
    found = search.search_points(some, catalog.hc_structure.catalog_info)
    inside = with_bins().contains(coord_of(some), energy=np.nan_to_num(some["mag"].to_numpy(), nan=1e9) * u.GeV)
    assert inside.any()
    assert found.equals(some[inside])


@pytest.mark.parametrize(
    ("mask", "words", "message"),
    [
        (with_bins(), {}, "energy must be given for a mask with energy bins"),
        (Mask.full(), {"energy": "1 TeV"}, "the mask has no energy bins"),
        (with_bins(), {"energy": "mag"}, "or the name of a column with energy_unit, got 'mag'"),
        (with_bins(), {"energy": [1, 2] * u.TeV}, "must be a single energy"),
        (with_bins(), {"energy": "mag", "energy_unit": "deg"}, "energy_unit must be an energy"),
    ],
)
def test_wrong_energies(mask, words, message):
    with pytest.raises(ValueError, match=message):
        mask.to_search(**words)


def test_wrong_column(small):
    catalog, _ = small
    with pytest.raises(TypeError, match="must be the name of a column"):
        with_bins().to_search(energy=3 * u.TeV, energy_unit="TeV")
    with pytest.raises(ValueError, match="energy is 'ENERGY', which is not a column"):
        catalog.search(with_bins().to_search(energy="ENERGY", energy_unit="TeV")).compute(progress_bar=False)


# ---------------------------------------------------------------------- workers


def test_mask_of_a_file(small, tmp_path):
    from hpmask.interop.hats.search import MaskSearch

    catalog, rows = small
    mask = in_the_field("icrs")
    mask.write(tmp_path / "mask.fits")
    search = MaskSearch(tmp_path / "mask.fits")
    assert len(pickle.dumps(search)) < 1000
    assert ids_of(catalog.search(search)) == ids_where(rows, mask.contains(coord_of(rows)))
    (~mask).write(tmp_path / "mask.fits", overwrite=True)
    MaskSearch(tmp_path / "mask.fits").mask  # noqa: B018
    from hpmask.interop.hats import search as module

    module._read.cache_clear()
    with pytest.raises(ValueError, match="the file has changed since the search was made"):
        search.mask  # noqa: B018


def test_pickles_and_tokens(small):
    from dask.base import tokenize

    catalog, rows = small
    search = in_the_field("icrs").to_search()
    back = pickle.loads(pickle.dumps(search))
    assert back.search_points(rows, catalog.hc_structure.catalog_info).equals(
        search.search_points(rows, catalog.hc_structure.catalog_info)
    )
    assert tokenize(back) == tokenize(search) != tokenize(in_the_field("galactic").to_search())


@pytest.mark.deep
def test_workers_of_a_cluster(small):
    distributed = pytest.importorskip("distributed")
    catalog, rows = small
    mask = in_the_field("galactic")
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        assert ids_of(catalog.search(mask.to_search())) == ids_where(rows, mask.contains(coord_of(rows)))


def test_maps_have_no_points(small):
    catalog, _ = small
    structure = catalog.hc_structure
    info = structure.catalog_info.copy_and_update(catalog_type="map")
    with pytest.raises(ValueError, match="search it with fine=False"):
        Mask.full().to_search().perform_hc_catalog_filter(type(structure)(info, structure.get_healpix_pixels()))


# ---------------------------------------------------------------------- partitions


@given(
    range_sets(max_order=6),
    st.lists(st.integers(0, 5).flatmap(lambda k: st.builds(Partition, st.just(k), st.integers(0, 12 * 4**k - 1)))),
)
@examples(60)
def test_partitions_that_overlap(plane, partitions):
    found = near(partitions, plane, "icrs")
    cells = [RangeSet.from_cells([one.pixel], one.order) for one in partitions]
    assert found.tolist() == [plane.overlaps(cell) for cell in cells]


@given(
    range_sets(max_order=6),
    st.integers(0, 5).flatmap(lambda k: st.builds(Partition, st.just(k), st.integers(0, 12 * 4**k - 1))),
    st.floats(0, 90),
    st.sampled_from(["icrs", "galactic"]),
)
@examples(60)
def test_partitions_within_a_distance(plane, partition, reach, frame):
    mask = Mask(plane, frame=frame)
    (found,) = near([partition], plane, frame, np.radians(reach))
    rng = np.random.default_rng(3)
    cells = rng.integers(partition.start, partition.stop, 30)
    lon, lat = healpix.centres(cells.astype(np.uint64), 29)
    points = SkyCoord(lon * u.rad, lat * u.rad)
    if found:
        return
    # No point of the partition is closer to the centre of a cell in the mask.
    assert not mask.contains(points).any()
    assert np.all(-mask.distance(points).to_value("deg") >= reach)
