"""Masks on gammapy's geometries and from its maps. The referee of positions is gammapy itself."""

import pickle
import subprocess
import sys

import gammapy_fields  # noqa: F401  (skips without gammapy)
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS, Sip
from gammapy.maps import HpxGeom, LabelMapAxis, Map, MapAxis, RegionGeom, WcsGeom
from gammapy_fields import CRAB
from regions import CircleSkyRegion, EllipseSkyRegion, PointSkyRegion

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.interop.gammapy import ExclusionMask
from hpmask.interop.gammapy.to_maps import to_map

EDGES = [0.1, 1, 10, 100] * u.TeV
AXIS = EnergyAxis(EDGES)
ENERGY = MapAxis.from_edges(EDGES, name="energy", interp="log")


def mode_at(order):
    """Discs smaller than a cell have cells in one mode only."""
    return "center" if order > 8 else "overlap"


def discs(frame="icrs", order=11):
    center = SkyCoord([83.6, 85.0, 83.0], [22.0, 23.0, 20.5], unit="deg")
    return ~Mask.from_cones(center, [0.4, 0.2, 0.3] * u.deg, order=order, frame=frame, mode=mode_at(order))


def with_energy(frame="icrs", order=11):
    radii = [[0.6, 0.4, 0.2]] * u.deg
    return ~Mask.from_cones(CRAB, radii, order=order, energy=AXIS, frame=frame, mode=mode_at(order))


def at_pixels(mask, geom):
    """The mask at gammapy's own pixels, one by one."""
    coord = geom.get_coord()
    where = coord.skycoord
    sky = np.isfinite(where.data.lon.deg)
    result = np.zeros(where.shape, dtype=bool)
    energy = None if mask.energy is None else np.broadcast_to(coord["energy"], where.shape)[sky] * ENERGY.unit
    result[sky] = mask.contains(where[sky], energy=energy)
    return result


# ---------------------------------------------------------------------- images


@pytest.mark.parametrize("mask", [discs(), discs("galactic"), with_energy(), with_energy("galactic")])
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("proj", ["CAR", pytest.param("TAN", marks=pytest.mark.deep), "AIT"])
def test_image(mask, frame, proj):
    geom = WcsGeom.create(skydir=CRAB, binsz=0.05, width=(5, 4), proj=proj, frame=frame, axes=[ENERGY])
    map_ = mask.to_gammapy(geom)
    assert map_.geom is geom
    assert map_.is_mask
    assert map_.unit == ""
    np.testing.assert_array_equal(map_.data, at_pixels(mask, geom))
    assert 100 < (~map_.data).sum() < map_.data.size
    # Writable, and nobody else's.
    map_.data[...] = False
    map_ &= map_
    assert mask.to_gammapy(geom).data.any()


def test_image_without_energy():
    geom = WcsGeom.create(skydir=CRAB, binsz=0.05, width=3)
    map_ = discs().to_gammapy(geom)
    assert map_.geom is geom
    np.testing.assert_array_equal(map_.data, at_pixels(discs(), geom))


@pytest.mark.parametrize("proj", ["AIT", "MOL", "CAR"])
def test_all_sky_image(proj):
    geom = WcsGeom.create(binsz=2, proj=proj, frame="galactic", axes=[ENERGY])
    map_ = Mask.full(energy=AXIS).to_gammapy(geom)
    sky = np.isfinite(geom.get_coord().lon)
    np.testing.assert_array_equal(map_.data, sky)
    assert sky.all() == (proj == "CAR")


def test_other_axes_repeat_the_mask():
    time = MapAxis.from_edges([0, 1, 2, 3, 4] * u.h, name="time")
    label = LabelMapAxis(["one", "two"], name="label")
    mask = with_energy()
    alone = mask.to_gammapy(WcsGeom.create(skydir=CRAB, binsz=0.1, width=2, axes=[ENERGY])).data
    for axes, shape in (
        ([ENERGY, time], (4, 3)),
        ([time, ENERGY], (3, 4)),
        ([time, ENERGY, label], (2, 3, 4)),
        ([label, time, ENERGY], (3, 4, 2)),
    ):
        geom = WcsGeom.create(skydir=CRAB, binsz=0.1, width=2, axes=axes)
        data = mask.to_gammapy(geom).data
        assert data.shape == (*shape, 20, 20)
        place = shape.index(3)
        moved = np.moveaxis(data, place, -3).reshape(-1, 3, 20, 20)
        for one in moved:
            np.testing.assert_array_equal(one, alone)
    flat = discs().to_gammapy(WcsGeom.create(skydir=CRAB, binsz=0.1, width=2, axes=[time]))
    assert (flat.data == flat.data[0]).all()


def test_energy_true_and_edges_within_rounding():
    edges = EDGES.to(u.GeV) * (1 + 3e-7)
    axis = MapAxis.from_edges(edges, name="energy_true", interp="lin")
    geom = WcsGeom.create(skydir=CRAB, binsz=0.1, width=2, axes=[axis])
    same = with_energy().to_gammapy(WcsGeom.create(skydir=CRAB, binsz=0.1, width=2, axes=[ENERGY]))
    np.testing.assert_array_equal(with_energy().to_gammapy(geom).data, same.data)
    # With both kinds of energy, the name decides.
    both = WcsGeom.create(
        skydir=CRAB, binsz=0.1, width=2, axes=[axis, MapAxis.from_edges([1, 2] * u.TeV, name="energy")]
    )
    true = Mask(with_energy().planes, energy=EnergyAxis(EDGES, name="energy_true"))
    assert true.to_gammapy(both).data.shape == (1, 3, 20, 20)
    with pytest.raises(ValueError, match=r"the energy bins of the mask are not those of geom.*n_bins is 3 and 1"):
        with_energy().to_gammapy(both)
    other = Mask(with_energy().planes, energy=EnergyAxis(EDGES, name="e"))
    with pytest.raises(ValueError, match=r"'energy_true' and 'energy'.*called 'e'"):
        other.to_gammapy(both)


def test_energy_bins_must_match():
    for edges in ([0.1, 1, 10, 101] * u.TeV, [0.1, 1, 10] * u.TeV):
        geom = WcsGeom.create(npix=4, axes=[MapAxis.from_edges(edges, name="energy")])
        with pytest.raises(ValueError, match=r"energy bins of the mask are not those of geom.*resample_energy"):
            with_energy().to_gammapy(geom)
    with pytest.raises(ValueError, match=r"geom has no energy axis, but the mask has 3 bins.*reduce"):
        with_energy().to_gammapy(WcsGeom.create(npix=4))


def test_irregular_images():
    """An image per energy bin, each with different pixels."""
    axis = MapAxis.from_edges([0.1, 1, 10] * u.TeV, name="energy", interp="log")
    geom = WcsGeom.create(skydir=CRAB, binsz=[0.1, 0.2], width=3, axes=[axis])
    assert not geom.is_regular
    mask = Mask(with_energy().planes[:2], energy=EnergyAxis([0.1, 1, 10] * u.TeV))
    map_ = mask.to_gammapy(geom)
    assert map_.geom is geom
    for k in range(2):
        coord = geom.get_coord(idx=(k,))
        lon, lat = np.squeeze(coord.lon), np.squeeze(coord.lat)
        there = np.isfinite(lon)
        expected = np.zeros(lon.shape, dtype=bool)
        plane = Mask(mask.planes[k])
        expected[there] = plane.contains(SkyCoord(lon[there], lat[there], unit="deg"))
        np.testing.assert_array_equal(map_.data[k], expected)
        assert 0 < expected.sum() < there.sum()


@pytest.mark.parametrize("kind", ["equinox", "distorted"])
def test_image_where_gammapy_thinks_it_is(kind):
    """gammapy takes no notice of equinoxes and of distortions, and fills its pixels accordingly."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    if kind == "distorted":
        wcs.wcs.ctype = "RA---TAN-SIP", "DEC--TAN-SIP"
        bent = np.zeros((3, 3))
        bent[2, 0], bent[0, 2] = 4e-3, 2e-3
        wcs.sip = Sip(bent, bent, None, None, [50, 40])
    else:
        wcs.wcs.radesys, wcs.wcs.equinox = "FK5", 1975.0
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (83.6, 22), (50, 40), (-0.05, 0.05)
    wcs.wcs.set()
    geom = WcsGeom(wcs, npix=(100, 80), axes=[ENERGY])
    for mask in (with_energy(order=13), with_energy("galactic", order=13)):
        data = mask.to_gammapy(geom).data
        np.testing.assert_array_equal(data, at_pixels(mask, geom))
        # Not where astropy thinks it is.
        assert (data != mask.to_wcs(wcs, (80, 100))).sum() > 20
        assert 0 < (~data).sum() < data.size
        back = Mask.from_gammapy(mask.to_gammapy(geom))
        np.testing.assert_array_equal(back.to_gammapy(geom).data, data)


# ---------------------------------------------------------------------- HEALPix


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(discs(order=9), marks=pytest.mark.deep),
        pytest.param(discs("galactic", order=9), marks=pytest.mark.deep),
        with_energy(order=9),
    ],
)
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize(("nside", "nest"), [(256, True), (256, False), (300, False)])
@pytest.mark.parametrize("part", [pytest.param("all", marks=pytest.mark.deep), "disc", "cells", "finer disc"])
def test_healpix(mask, frame, nest, part, nside):
    if part == "finer disc":
        nside *= 4
    center = CRAB.transform_to(frame).spherical
    disc = f"DISK({center.lon.deg},{center.lat.deg},3)"
    region = None if part == "all" else disc
    if part == "cells":
        around = HpxGeom(nside, nest=nest, frame=frame, region=disc).get_idx()[0][::2]
        bins = np.repeat(np.arange(3), around.size)
        region = np.tile(around, 3), bins
    geom = HpxGeom(nside, nest=nest, frame=frame, region=region, axes=[ENERGY])
    map_ = mask.to_gammapy(geom)
    assert map_.geom is geom
    assert map_.is_mask
    np.testing.assert_array_equal(map_.data, at_pixels(mask, geom))
    assert 0 < (~map_.data).sum() < map_.data.size


def test_healpix_full_map_is_to_healpix():
    mask = discs(order=7)
    for nest in (True, False):
        for order in (5, 7, 8):
            map_ = mask.to_gammapy(HpxGeom(1 << order, nest=nest))
            np.testing.assert_array_equal(map_.data, mask.to_healpix(order=order, nest=nest))


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("nest", [True, False])
def test_healpix_cells_larger_than_the_masks_by_their_centres(frame, nest):
    """Such a centre is the corner of four cells of the mask, and the northern one decides, as in `contains`."""
    mask = discs(order=7)
    for order in range(7):
        geom = HpxGeom(1 << order, nest=nest, frame=frame)
        data = mask.to_gammapy(geom).data
        np.testing.assert_array_equal(data, mask.contains(geom.get_coord().skycoord))
        if frame == mask.frame:
            np.testing.assert_array_equal(data, mask.at_order(order).to_healpix(nest=nest))


def test_healpix_with_cells_of_their_own_per_bin():
    cells = np.array([5, 6, 7, 100, 101]), np.array([0, 0, 2, 2, 2])
    geom = HpxGeom(8, region=cells, axes=[ENERGY])
    mask = Mask([RangeSet.from_cells([5, 7, 100], 3)] * 3, energy=AXIS)
    data = mask.to_gammapy(geom).data
    np.testing.assert_array_equal(data, [[1, 0, 0], [0, 0, 0], [1, 1, 0]])


def test_healpix_with_an_nside_per_bin():
    axis = MapAxis.from_edges([0.1, 1, 10] * u.TeV, name="energy", interp="log")
    geom = HpxGeom(np.array([4, 8]), nest=False, frame="galactic", axes=[axis])
    mask = Mask.from_zone(None, ("10 deg", "90 deg"), zone_frame="galactic", order=8)
    data = mask.to_gammapy(geom).data
    assert data.shape == (2, 768)
    np.testing.assert_array_equal(data[0, :192], Mask.to_healpix(mask.to_frame("galactic"), order=2))
    np.testing.assert_array_equal(data[1], Mask.to_healpix(mask.to_frame("galactic"), order=3))
    assert not data[0, 192:].any()


@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
def test_healpix_modes(mode):
    mask = ~Mask.from_cones(CRAB, "1 deg", order=12)
    data = mask.to_gammapy(HpxGeom(64), mode=mode).data
    np.testing.assert_array_equal(data, mask.at_order(6, mode=mode).to_healpix(order=6, nest=True))
    if mode != "center":
        with pytest.raises(ValueError, match="geom is galactic, the mask icrs"):
            mask.to_gammapy(HpxGeom(64, frame="galactic"), mode=mode)
        with pytest.raises(ValueError, match="nside 60 is not a power of two"):
            mask.to_gammapy(HpxGeom(60, nest=False), mode=mode)
    else:
        assert (data == mask.to_gammapy(HpxGeom(64)).data).all()


def test_row_18_of_gammapys_tests():
    """The circle of gammapy's test_hpx_geom_region_mask, as healpy's query_disc has it."""
    geom = HpxGeom.create(nside=256, region="DISK(0.,0.,5.)", axes=[])
    map_ = Mask.from_cones(SkyCoord(0, 0, unit="deg"), "3 deg", order=8).to_gammapy(geom)
    assert map_.data.sum() == 534
    solid_angle = (map_.data * geom.solid_angle()).sum()
    assert u.isclose(solid_angle, 2 * np.pi * (1 - np.cos(3 * u.deg)) * u.sr, rtol=0.01)


# ---------------------------------------------------------------------- regions


def test_region():
    near = CircleSkyRegion(CRAB, 0.1 * u.deg)
    geom = RegionGeom.create(near, axes=[ENERGY])
    sizes = [Mask.from_cones(CRAB, radius, order=14) for radius in ("0.5 deg", "0.05 deg")]
    mask = Mask.stack([*sizes, Mask.empty(order=14)], AXIS)
    map_ = mask.to_gammapy(geom)
    assert map_.geom is geom
    assert map_.data.shape == (3, 1, 1)
    np.testing.assert_array_equal(map_.data.ravel(), [True, True, False])
    np.testing.assert_array_equal(mask.to_gammapy(geom, mode="inside").data.ravel(), [True, False, False])
    far = mask.to_gammapy(RegionGeom.create(CircleSkyRegion(CRAB, 2 * u.deg), axes=[ENERGY]), mode="overlap")
    np.testing.assert_array_equal(far.data.ravel(), [True, True, False])


def test_region_by_overlap_and_inside():
    beside = SkyCoord(CRAB.ra, CRAB.dec + 1 * u.deg)
    mask = Mask.from_cones(CRAB, "0.5 deg", order=12)
    for radius, overlap in ((0.45, False), (0.55, True)):
        geom = RegionGeom.create(CircleSkyRegion(beside, radius * u.deg), axes=[ENERGY])
        assert mask.to_gammapy(geom, mode="overlap").data.all() == overlap
        assert (~mask).to_gammapy(geom, mode="inside").data.all() == (not overlap)
        assert not mask.to_gammapy(geom).data.any()


def test_region_kinds():
    inside, outside = SkyCoord(CRAB.ra, CRAB.dec), SkyCoord(10, -50, unit="deg")
    mask = Mask.from_cones(CRAB, "0.5 deg", order=12, frame="galactic")
    for where, kept in ((inside, True), (outside, False)):
        for region in (
            PointSkyRegion(where),
            EllipseSkyRegion(where.galactic, 1 * u.deg, 0.5 * u.deg, 30 * u.deg),
            CircleSkyRegion(where, 0.2 * u.deg) | CircleSkyRegion(where, 0.1 * u.deg),
        ):
            assert mask.to_gammapy(RegionGeom(region)).data.all() == kept


def test_no_region():
    geom = RegionGeom.create(None, axes=[ENERGY])
    energies = Mask([RangeSet.full(0), RangeSet.empty(0), RangeSet.full(0)], energy=AXIS)
    np.testing.assert_array_equal(energies.to_gammapy(geom).data.ravel(), [True, False, True])
    with pytest.raises(ValueError, match="no region"):
        discs().to_gammapy(geom)


# ---------------------------------------------------------------------- what must not be given


def test_bad_arguments():
    geom = WcsGeom.create(npix=4)
    with pytest.raises(TypeError, match=r"geom must be a WcsGeom.*got WcsNDMap: give its \.geom"):
        discs().to_gammapy(Map.from_geom(geom))
    with pytest.raises(TypeError, match=r"geom must be a WcsGeom.*got WCS"):
        discs().to_gammapy(geom.wcs)
    with pytest.raises(ValueError, match="mode must be"):
        discs().to_gammapy(geom, mode="fraction")
    with pytest.raises(ValueError, match="mode must be"):
        discs().to_exclusion_mask(mode="middle")


@pytest.mark.deep
def test_without_gammapy_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['gammapy'] = None\n"
        "from hpmask import Mask\n"
        "mask = Mask.full(order=3)\n"
        "for work in (lambda: mask.to_gammapy(None), lambda: Mask.from_gammapy(None),"
        " lambda: mask.to_exclusion_mask().interp_to_geom(None)):\n"
        "    try:\n        work()\n    except ImportError as error:\n        print('hpmask[gammapy]' in str(error))\n"
        "from astropy.table import Table\n"
        "print(Mask.from_catalog(Table({'ra': [1.0], 'dec': [2.0]}), '1 deg', order=5).n_ranges > 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True"] * 4


# ---------------------------------------------------------------------- for the makers


def test_exclusion_mask_is_like_a_map():
    exclusion = discs().to_exclusion_mask()
    assert isinstance(exclusion, ExclusionMask)
    assert exclusion
    assert exclusion.is_mask
    assert exclusion.geom.is_flat
    assert exclusion.sum_over_axes(keepdims=False) is exclusion
    exclusion.data = exclusion.data.astype("bool")
    with pytest.raises(AttributeError, match="cannot be changed"):
        exclusion.data = np.array([False])
    assert not with_energy().to_exclusion_mask().geom.is_flat
    assert with_energy().to_exclusion_mask().sum_over_axes(keepdims=False).mask == with_energy().reduce("any")
    again = pickle.loads(pickle.dumps(exclusion))
    assert again.mask == exclusion.mask


@pytest.mark.parametrize("fill_value", [0, pytest.param(True, marks=pytest.mark.deep), None])
def test_exclusion_mask_on_geometries(fill_value):
    for mask in (discs(), with_energy()):
        for geom in (
            WcsGeom.create(skydir=CRAB, binsz=0.05, width=4, axes=[ENERGY], frame="galactic"),
            HpxGeom(128, axes=[ENERGY], nest=False, frame="galactic", region="DISK(184.6,-5.8,4)"),
        ):
            map_ = mask.to_exclusion_mask().interp_to_geom(geom=geom, fill_value=fill_value)
            assert map_.geom is geom
            np.testing.assert_array_equal(map_.data, mask.to_gammapy(geom).data)
            np.testing.assert_array_equal(mask.to_exclusion_mask().get_by_coord(geom.get_coord()), map_.data)


@pytest.mark.parametrize("fill_value", [False, True])
def test_exclusion_mask_on_other_energies(fill_value):
    """gammapy's rule: the bin at the middle of the geometry's bin holds; beyond the bins is what one asks for."""
    axis = MapAxis.from_edges([0.01, 0.09, 0.5, 3, 50, 200, 3000] * u.TeV, name="energy", interp="log")
    geom = WcsGeom.create(skydir=CRAB, binsz=0.05, width=2, axes=[axis])
    mask = with_energy(order=12)
    ours = mask.to_exclusion_mask().interp_to_geom(geom, fill_value=fill_value)
    fine = WcsGeom.create(skydir=CRAB, binsz=0.05, width=2, axes=[ENERGY])
    theirs = mask.to_gammapy(fine).interp_to_geom(geom, fill_value=fill_value)
    np.testing.assert_array_equal(ours.data, theirs.data)
    assert (ours.data[0] == fill_value).all()
    by_coord = mask.to_exclusion_mask().get_by_coord(geom.get_coord())
    np.testing.assert_array_equal(by_coord, mask.to_exclusion_mask().interp_to_geom(geom).data)


def test_exclusion_mask_without_energy_to_ask():
    geom = WcsGeom.create(skydir=CRAB, binsz=0.05, width=2)
    with pytest.raises(ValueError, match="reduce"):
        with_energy().to_exclusion_mask().interp_to_geom(geom)
    with pytest.raises(ValueError, match="reduce"):
        with_energy().to_exclusion_mask().get_by_coord(geom.get_coord())
    with pytest.raises(ValueError, match="preserve_counts"):
        discs().to_exclusion_mask().interp_to_geom(geom, preserve_counts=True)
    # One bin is as good as none.
    one = Mask(discs().planes, energy=EnergyAxis([1, 10] * u.TeV)).to_exclusion_mask()
    np.testing.assert_array_equal(one.interp_to_geom(geom).data, discs().to_gammapy(geom).data)
    assert one.geom.is_flat


def test_coordinates_of_geometries_with_fewer_cells_in_some_bins():
    """gammapy gives the places without a cell neither a position nor an energy."""
    mask = with_energy(order=5)
    few = np.array([5, 6, 7, 100, 101]), np.array([0, 0, 2, 2, 2])
    for geom in (HpxGeom(np.array([4, 8, 2]), axes=[ENERGY]), HpxGeom(8, region=few, axes=[ENERGY])):
        coord = geom.get_coord()
        assert np.isnan(coord["energy"]).any()
        found = mask.to_exclusion_mask().get_by_coord(coord)
        np.testing.assert_array_equal(found, mask.to_gammapy(geom).data)
    with pytest.raises(ValueError, match="energy must not be NaN"):
        mask.to_exclusion_mask().get_by_coord({"skycoord": CRAB, "energy": np.nan * u.TeV})


def test_coordinates_in_all_forms():
    mask = discs("galactic")
    lon, lat = np.array([83.6, 83.6, np.nan]), np.array([22.0, 25.0, 22.0])
    exclusion = mask.to_exclusion_mask()
    where = SkyCoord(lon[:2], lat[:2], unit="deg")
    np.testing.assert_array_equal(exclusion.get_by_coord({"skycoord": where}), [False, True])
    np.testing.assert_array_equal(exclusion.get_by_coord((where,)), [False, True])
    there = where.galactic
    np.testing.assert_array_equal(exclusion.get_by_coord((there.l.deg, there.b.deg)), [False, True])
    np.testing.assert_array_equal(exclusion.get_by_coord({"lon": there.l, "lat": there.b}), [False, True])
    energy = with_energy().to_exclusion_mask()
    ring = SkyCoord(CRAB.ra, CRAB.dec + 0.3 * u.deg)
    for coords in ({"skycoord": ring, "energy": EDGES[:3] * 2}, (ring, EDGES[:3] * 2)):
        np.testing.assert_array_equal(energy.get_by_coord(coords), [False, False, True])
    # No position is not kept, and nothing is NaN.
    icrs = discs().to_exclusion_mask()
    assert icrs.get_by_coord((lon, lat)).tolist() == [False, True, False]


# ---------------------------------------------------------------------- from maps


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize("energy", [None, AXIS])
def test_healpix_there_and_back(frame, nest, energy):
    mask = discs(frame, order=7) if energy is None else with_energy(frame, order=7)
    geom = HpxGeom(128, nest=nest, frame=frame, axes=[] if energy is None else [ENERGY])
    back = Mask.from_gammapy(mask.to_gammapy(geom))
    assert back == mask
    assert back.order == 7
    assert back.frame == frame


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("nest", [True, False])
def test_part_of_the_sky(outside, nest):
    mask = with_energy(order=8)
    geom = HpxGeom(256, nest=nest, region=f"DISK({CRAB.ra.deg},{CRAB.dec.deg},4)", axes=[ENERGY])
    back = Mask.from_gammapy(mask.to_gammapy(geom), outside=outside)
    covered = Mask.from_gammapy(Map.from_geom(geom, data=np.ones(geom.data_shape, dtype=bool)))
    assert back == ((mask | ~covered) if outside else (mask & covered))


@pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
def test_coarser_cells_of_healpix_maps(mode):
    mask = discs(order=9)
    map_ = mask.to_gammapy(HpxGeom(512))
    coarse = Mask.from_gammapy(map_, order=6, mode=mode)
    assert coarse == mask.at_order(6, mode=mode)
    assert coarse.order == 6
    if mode == "center":
        assert Mask.from_gammapy(map_, order=6, frame="galactic").frame == "galactic"
    else:
        with pytest.raises(ValueError, match=f"mode '{mode}' needs the frame of the map, 'icrs'"):
            Mask.from_gammapy(map_, order=6, frame="galactic", mode=mode)
    with pytest.raises(ValueError, match="mode must be"):
        Mask.from_gammapy(map_, mode="fraction")


def test_numbers_for_booleans():
    geom = HpxGeom(4)
    wanted = np.arange(192) % 3 == 0
    for dtype in (bool, np.uint8, int, float, np.float32, ">i8"):
        mask = Mask.from_gammapy(Map.from_geom(geom, data=wanted.astype(dtype)))
        np.testing.assert_array_equal(mask.to_healpix(order=2, nest=True), wanted)
    for value in (0.5, -1.0, 2.0):
        data = wanted.astype(float)
        data[17] = value
        with pytest.raises(ValueError, match=rf"1 value of 192 is not, the first at 17: {value}; give a threshold="):
            Mask.from_gammapy(Map.from_geom(geom, data=data))
    data[17] = np.nan
    with pytest.raises(ValueError, match=r"1 value that is NaN.*first at 17: give nan='keep'"):
        Mask.from_gammapy(Map.from_geom(geom, data=data))


def test_maps_that_are_none():
    with pytest.raises(TypeError, match="got ndarray"):
        Mask.from_gammapy(np.ones(12, dtype=bool))
    with pytest.raises(ValueError, match=r"nside 6.*powers of two"):
        Mask.from_gammapy(Map.from_geom(HpxGeom(6, nest=False), dtype=bool))
    time = MapAxis.from_edges([0, 1, 2] * u.h, name="time")
    with pytest.raises(ValueError, match="it has time"):
        Mask.from_gammapy(Map.from_geom(HpxGeom(4, axes=[time]), dtype=bool))


def test_a_file_of_gammapy(tmp_path):
    """gammapy writes HEALPix masks as floats and reads them back as such."""
    mask = discs(order=6)
    mask.to_gammapy(HpxGeom(64)).write(tmp_path / "mask.fits")
    read = Map.read(tmp_path / "mask.fits")
    assert not read.is_mask
    assert Mask.from_gammapy(read) == mask


def test_nside_per_bin_there_and_back():
    axis = MapAxis.from_edges([0.1, 1, 10] * u.TeV, name="energy", interp="log")
    geom = HpxGeom(np.array([16, 32]), axes=[axis])
    planes = [RangeSet.from_cells([1, 5, 700], 4), RangeSet.from_cells([3, 4000], 5)]
    mask = Mask(planes, energy=EnergyAxis([0.1, 1, 10] * u.TeV))
    assert Mask.from_gammapy(mask.to_gammapy(geom)) == mask


def test_from_a_region():
    region = CircleSkyRegion(CRAB, 0.5 * u.deg)
    map_ = Map.from_geom(
        RegionGeom.create(region, axes=[ENERGY]), data=np.array([1, 0, 1]).reshape(3, 1, 1).astype(bool)
    )
    mask = Mask.from_gammapy(map_, order=10)
    disc = Mask.from_cones(CRAB, "0.5 deg", order=10).planes[0]
    assert mask.planes == (disc, RangeSet.empty(10), disc)
    assert mask.energy == AXIS
    around = Mask.from_gammapy(map_, order=10, outside=True)
    assert around.planes == (RangeSet.full(10), ~disc, RangeSet.full(10))
    assert (mask.to_gammapy(map_.geom).data == map_.data).all()
    # By default the order fits the region.
    cap = 2 * np.pi * (1 - np.cos(0.5 * u.deg)) * u.sr
    assert u.allclose(Mask.from_gammapy(map_).area[[0, 2]], cap, rtol=0.01)
    assert Mask.from_gammapy(map_, resolution="1 arcmin").order == 12


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("energy", [None, AXIS])
@pytest.mark.parametrize("outside", [False, True])
def test_image_there_and_back(frame, energy, outside):
    mask = discs() if energy is None else with_energy()
    axes = [] if energy is None else [ENERGY]
    geom = WcsGeom.create(skydir=CRAB, binsz=0.05, width=(5, 4), proj="TAN", frame=frame, axes=axes)
    map_ = mask.to_gammapy(geom)
    back = Mask.from_gammapy(map_, outside=outside)
    assert back.frame == frame
    assert back.energy == energy
    np.testing.assert_array_equal(back.to_gammapy(geom).data, map_.data)
    assert np.all(back.contains(SkyCoord(200, -60, unit="deg")) == outside)


def test_image_without_a_say_on_nan():
    geom = WcsGeom.create(skydir=CRAB, binsz=0.1, width=2)
    data = np.ones(geom.data_shape)
    data[3, 4] = np.nan
    with pytest.raises(ValueError, match=r"1 value that is NaN.*at \(3, 4\)"):
        Mask.from_gammapy(Map.from_geom(geom, data=data))


def test_function_and_method_are_the_same():
    geom = HpxGeom(8)
    assert (to_map(discs(), geom).data == discs().to_gammapy(geom).data).all()


@pytest.mark.parametrize(
    ("geometry", "binsz"),
    [
        pytest.param(
            {"skydir": (184.6, -5.8), "width": (10, 8), "frame": "galactic", "proj": "CAR"},
            0.05,
            marks=pytest.mark.deep,
        ),
        ({"skydir": (83.6, 60.0), "width": (4, 3), "proj": "TAN"}, 0.05),
        pytest.param({"skydir": (0.0, 0.0), "width": (6, 5), "proj": "AIT"}, 0.04, marks=pytest.mark.deep),
    ],
)
def test_default_order_of_images(geometry, binsz):
    """Back on its geometry an image is the same, and the footprint's edge is where gammapy has it.

    gammapy keeps pixels whose centre is `width` or more from the edge, counted in pixels.
    """
    geom = WcsGeom.create(binsz=binsz, **geometry)
    image = np.random.default_rng(1).random(geom.data_shape) < 0.5
    mask = Mask.from_gammapy(Map.from_geom(geom, data=image))
    np.testing.assert_array_equal(mask.to_gammapy(geom).data, image)
    footprint = Mask.from_gammapy(Map.from_geom(geom, data=np.ones(geom.data_shape, bool)))
    for pixels in (1, 2, 3.25, 5, 7.8, 9.78):
        width = pixels * binsz * u.deg
        np.testing.assert_array_equal(footprint.erode(width).to_gammapy(geom).data, geom.boundary_mask(width).data)


# ---------------------------------------------------------------------- values


def values_on(geom, unit="", seed=1):
    """A smooth map of values with some NaN."""
    from scipy.ndimage import gaussian_filter

    data = np.random.default_rng(seed).normal(size=geom.data_shape)
    if not geom.is_hpx:
        data = gaussian_filter(data, (0, 2, 2)[-data.ndim :]) * 12
    data.flat[:: data.size // 7] = np.nan
    return Map.from_geom(geom, data=data, unit=unit)


def region_of(data, low, high, connectivity):
    from scipy.ndimage import label

    labels, _ = label(data > low, np.ones((3, 3)) if connectivity == 8 else None)
    return np.isin(labels, labels[data > high]) & (data > low)


@pytest.mark.parametrize("axes", [[], [ENERGY]])
def test_the_masks_of_gammapys_tutorial(axes):
    """What is significant, without NaN, and hysteresis: the pixels of numpy and scikit-image."""
    filters = pytest.importorskip("skimage.filters")
    geom = WcsGeom.create(skydir=(184.6, -5.8), width=(5, 4), binsz=0.05, frame="galactic", axes=axes)
    sqrt_ts = values_on(geom)
    missing = np.isnan(sqrt_ts.data)
    mask = Mask.from_gammapy(sqrt_ts, 2, keep="<", nan="keep")
    np.testing.assert_array_equal(mask.to_gammapy(geom).data, (sqrt_ts.data < 2) | missing)
    assert (mask.energy is None) == (not axes)
    for connectivity in (8, 4):
        mask = Mask.from_gammapy(sqrt_ts, low=1, high=3, keep="<", nan="keep", connectivity=connectivity)
        shown = mask.to_gammapy(geom).data
        planes = sqrt_ts.data.reshape(-1, *geom.data_shape[-2:])
        # The region of "<" has the thresholds themselves.
        regions = np.array([region_of(np.nextafter(plane, np.inf), 1, 3, connectivity) for plane in planes])
        np.testing.assert_array_equal(shown, ~regions.reshape(shown.shape))
        assert 0 < regions.sum() < (planes > 1).sum()
    theirs = [filters.apply_hysteresis_threshold(plane, 1, 3) for plane in planes]
    np.testing.assert_array_equal(shown, ~np.reshape(theirs, shown.shape))
    with pytest.raises(ValueError, match=r"^data(\[0\])? has \d value.* NaN"):
        Mask.from_gammapy(sqrt_ts, 2)


@pytest.mark.parametrize("geom", [HpxGeom(16, frame="icrs", axes=[ENERGY]), HpxGeom([4, 8, 16], axes=[ENERGY])])
@pytest.mark.parametrize("region", [None, "DISK(83.6,22.0,40)"])
def test_values_on_cells(geom, region):
    geom = HpxGeom(geom.nside, frame="icrs", region=region, axes=[ENERGY])
    values = values_on(geom, "m2")
    for outside in (True, False):
        mask = Mask.from_gammapy(values, [1e4, -5e3, 3e3] * u.cm**2, keep="<", nan="exclude", outside=outside)
        wanted = values.copy(data=values.data < np.array([[1], [-0.5], [0.3]]), unit="")
        assert mask == Mask.from_gammapy(wanted, outside=outside)
    # In each bin as for a HEALPix map.
    mask = Mask.from_gammapy(values, low=0.5, high=2, nan="keep")
    if region is None and geom.nside.size == 1:
        for plane, row in zip(mask, values.data, strict=True):
            assert plane == Mask.from_map(row, low=0.5, high=2, nan="keep", nest=geom.nest, frame="icrs")


def test_values_of_regions():
    geom = RegionGeom.create(CircleSkyRegion(CRAB, 1 * u.deg), axes=[ENERGY])
    flux = Map.from_geom(geom, data=np.array([1.0, 5.0, np.nan]).reshape(3, 1, 1), unit="m-2 s-1")
    disc = Mask.from_gammapy(Map.from_geom(geom, data=np.ones((3, 1, 1), bool))).planes[0]
    mask = Mask.from_gammapy(flux, 3e-4 / u.cm**2 / u.s, nan="keep")
    assert mask.planes == (RangeSet.empty(disc.order), disc, disc)
    assert Mask.from_gammapy(flux, 3, invert=True, nan="exclude").planes == (disc, *[RangeSet.empty(disc.order)] * 2)
    with pytest.raises(ValueError, match="one value per energy bin, without neighbours: give a threshold"):
        Mask.from_gammapy(flux, low=1, high=2, nan="keep")
    with pytest.raises(ValueError, match=r"data\[2\] has 1 value that is NaN"):
        Mask.from_gammapy(flux, 3)


def test_from_map_takes_gammapy_maps():
    geom = WcsGeom.create(skydir=CRAB, width=2, binsz=0.05)
    sqrt_ts = values_on(geom)
    words = {"low": 1, "high": 3, "nan": "keep", "outside": True, "order": 12, "frame": "galactic"}
    assert Mask.from_map(sqrt_ts, **words) == Mask.from_gammapy(sqrt_ts, **words)
    with pytest.raises(TypeError, match="nest is an option for arrays only, and values is a gammapy map"):
        Mask.from_map(sqrt_ts, 3, nest=True)
    with pytest.raises(ValueError, match=r"^values has 8 values that are NaN"):
        Mask.from_map(sqrt_ts, 3)


def test_thresholds_are_for_maps():
    from gammapy.modeling.models import PointSpatialModel

    point = PointSpatialModel(lon_0="83.6 deg", lat_0="22 deg")
    for words in ({"threshold": 3}, {"low": 1, "high": 2}, {"nan": "keep"}, {"invert": True}):
        name = next(iter(words))
        with pytest.raises(TypeError, match=f"{name} is an option for maps only"):
            Mask.from_gammapy(point, extension="1 deg", **words)


def test_history_of_values():
    geom = WcsGeom.create(skydir=CRAB, width=2, binsz=0.05)
    mask = Mask.from_gammapy(values_on(geom), 5, keep="<", nan="keep", order=12)
    assert mask.history == "from_gammapy(WcsNDMap, < 5, NaN kept, order=12, mode='center')"


def test_a_list_of_pixels_in_a_single_bin_is_refused():
    """gammapy cannot make a map of it, either."""
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    pixels = np.arange(7)
    geom = HpxGeom(8, region=(pixels, np.zeros(7, dtype=int)), axes=[axis])
    with pytest.raises(IndexError):
        geom.get_coord()
    with pytest.raises(ValueError, match="gammapy cannot list the pixels of geom"):
        Mask.full(order=3).to_gammapy(geom)
