"""to_wcs. Referee: astropy's pixel_to_world and healpy's ang2pix, pixel by pixel."""

import copy
import threading
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.utils import iers
from astropy.wcs import WCS
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from wcs_images import (
    ANY_WCS,
    BOUNDED,
    IMAGES,
    PROJECTIONS,
    cube,
    distorted,
    header_wcs,
    mostly_deep,
    order_of,
    referee_cells,
    simple,
    some_of,
    text_wcs,
)

from hpmask import EnergyAxis, Mask, MaskSet
from hpmask.wcs import field_wcs, stripes


def check(wcs, shape=None, celestial=None, order=None):
    """The image of a random mask, in both frames, against the referee."""
    flat = wcs if celestial is None else celestial
    shape = flat.array_shape if shape is None else shape
    order = order_of(flat) if order is None else order
    for frame in ("icrs", "galactic"):
        cells = referee_cells(flat, shape, frame, order)
        mask, expected = some_of(cells, order, frame)
        image = mask.to_wcs(wcs, shape)
        assert image.dtype == np.bool_
        assert expected.any()
        assert not expected.all()
        sure = cells != -2
        assert sure.mean() > 0.95
        np.testing.assert_array_equal(image[sure], expected[sure])
        # The other pixels show sky that is not in the mask, or are outside the projection.
        np.testing.assert_array_equal((~mask).to_wcs(wcs, shape), ~image & (cells != -1))


# ---------------------------------------------------------------------- pixel by pixel


@pytest.mark.parametrize("projection", mostly_deep(PROJECTIONS, "TAN", "AIT", "HPX"))
def test_projections(data, projection):
    check(text_wcs(data(f"wcs/hdr/1904-66_{projection}.hdr")))


def test_sip_of_a_header_alone(data):
    wcs = text_wcs(data("wcs/hdr/siponly.hdr"))
    assert wcs.sip is not None
    check(wcs, (300, 200))


@pytest.mark.parametrize(("name", "number"), mostly_deep(IMAGES, ("sip-wcs.fits", 0), ("galactic_2d.fits", 0)))
def test_real_images(data, name, number):
    with fits.open(data(f"wcs/{name}")) as hdus:
        check(header_wcs(hdus[number].header, hdus))


def test_lookup_table_distortion(data):
    wcs = distorted(data("wcs/image_with_distortion_map.fits"))
    assert wcs.cpdis1 is not None
    assert wcs.has_distortion
    plain = wcs.deepcopy()
    plain.cpdis1 = plain.cpdis2 = None
    check(wcs)
    mask, _ = some_of(referee_cells(wcs, wcs.array_shape, "icrs", 12), 12, "icrs")
    assert (mask.to_wcs(wcs) != mask.to_wcs(plain)).any()


@pytest.mark.parametrize(
    "wcs",
    [
        pytest.param(simple(lon=0.0, lat=0.0), id="seam"),
        pytest.param(simple("CAR", lon=0.0, lat=0.0, step=1, shape=(100, 200)), id="seam CAR"),
        pytest.param(simple(lon=10, lat=90.0), id="north pole"),
        pytest.param(simple("ZEA", lon=200, lat=-90.0, rotation=17), id="south pole"),
        pytest.param(simple("STG", rotation=33.0, kind="GLON"), id="rotated"),
        pytest.param(simple(step=(-0.01, 0.2), rotation=60), id="thin pixels"),
        pytest.param(simple(step=(0.1, 0.1)), id="flipped"),
        pytest.param(simple(radesys="FK5", equinox=2000.0), id="FK5"),
        pytest.param(simple(radesys="FK5", equinox=1975.0, lat=89.5), id="FK5 of 1975"),
        pytest.param(simple(radesys="FK4", equinox=1950.0), id="FK4"),
        pytest.param(simple(radesys="FK4", dateobs="1983-06-01", lat=-89.7), id="FK4 in 1983"),
        pytest.param(simple(radesys="FK4-NO-E", equinox=1950.0), id="FK4 without E-terms"),
        pytest.param(simple(kind="GLON", lon=122.9, lat=27.1), id="Galactic, celestial pole"),
        pytest.param(simple(kind="TLON", dateobs="2010-01-01T12:00:00"), id="ITRS", marks=pytest.mark.deep),
    ],
)
def test_places_and_frames(wcs):
    # The rotation of the Earth in 2010 comes with astropy; astropy 6 wants to fetch that of today, too.
    with iers.conf.set_temp("auto_download", False):
        check(wcs)


@examples(40)
@given(
    projection=st.sampled_from(BOUNDED),
    **ANY_WCS | {"step": st.floats(1e-5, 3)},
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 100),
)
def test_any_wcs(projection, kind, lon, lat, step, ratio, rotation, shape, seed):
    wcs = simple(projection, lon, lat, (-step, step * ratio), shape, kind, rotation)
    for frame in ("icrs", "galactic"):
        cells = referee_cells(wcs, shape, frame, order_of(wcs))
        mask, expected = some_of(cells, order_of(wcs), frame, seed)
        sure = cells != -2
        np.testing.assert_array_equal(mask.to_wcs(wcs)[sure], expected[sure])


# ---------------------------------------------------------------------- outside the projection


@pytest.mark.parametrize(
    ("projection", "area"),
    [("AIT", 41253), ("MOL", 41253), ("ZEA", 41253), ("SFL", 41253), ("SIN", None)],
)
def test_pixels_outside_the_projection_are_false(projection, area):
    wcs = simple(projection, lon=30, lat=0, step=1, shape=(280, 500), kind="GLON")
    image = Mask.full().to_wcs(wcs)
    lon, lat = wcs.pixel_to_world_values(*np.indices(image.shape)[::-1])
    np.testing.assert_array_equal(image, np.isfinite(lon) & np.isfinite(lat))
    assert not image[0, 0]
    if area is not None:
        # Each pixel has an area of 1 deg2 in these projections.
        assert image.sum() == pytest.approx(area, rel=1e-3)
    assert not Mask.empty().to_wcs(wcs).any()


def test_corners_of_an_all_sky_image_stay_empty(data):
    """A real all-sky AIT map, with empty pixels outside the ellipse."""
    with fits.open(data("wcs/allsky_rosat.fits")) as hdus:
        wcs, values = header_wcs(hdus[0].header), hdus[0].data
    image = Mask.full(frame="galactic").to_wcs(wcs)
    assert not image[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    # AIT keeps areas, so the sky takes its 41 253 deg2 of pixels.
    assert image.sum() * wcs.proj_plane_pixel_area().value == pytest.approx(41_252.96, rel=2e-4)
    # Pixels outside the projection have no value in the file, except a few on the rim that its makers drew.
    assert (values[~image] == 0).mean() > 0.98
    assert (values[image] != 0).mean() > 0.97


def test_rows_of_a_linear_latitude_beyond_the_poles_are_false():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA", "DEC"
    wcs.wcs.cunit = "deg", "deg"
    wcs.wcs.crpix = 1, 101
    image = Mask.full().to_wcs(wcs, (201, 4))
    np.testing.assert_array_equal(image[:, 0], np.abs(np.arange(-100, 101)) <= 90)
    assert Mask.from_cones(SkyCoord(2, 60, unit="deg"), "3 deg", order=6).to_wcs(wcs, (201, 4))[160, 2]


def test_image_without_any_sky():
    for radesys in ("ICRS", "FK4"):
        wcs = simple("SIN", step=1, radesys=radesys)
        wcs.wcs.crpix = -1000, -1000
        assert not Mask.full().to_wcs(wcs).any()


# ---------------------------------------------------------------------- frames


@pytest.mark.parametrize("radesys", ["FK5", "ICRS"])
def test_radesys_does_not_make_galactic_axes_equatorial(radesys):
    wcs = simple(kind="GLON", radesys=radesys, equinox=2000.0)
    check(wcs, celestial=simple(kind="GLON"))


def test_frames_that_are_not_known_raise():
    with pytest.raises(ValueError, match="ecliptic"):
        Mask.full().to_wcs(simple(kind="ELON"))
    with pytest.raises(ValueError, match=r"longitude and a latitude in a frame.*'HPLN-TAN'"):
        Mask.full().to_wcs(simple(kind="HPLN"))
    mars = simple("CAR", kind="MALN", cunit=["deg", "deg"])
    mars.wcs.aux.a_radius = mars.wcs.aux.b_radius = 3.4e6
    mars.wcs.aux.c_radius = 3.38e6
    with pytest.raises(ValueError, match="cannot transform the frame of wcs"):
        Mask.full().to_wcs(mars)


# ---------------------------------------------------------------------- cubes and slices


def test_cube():
    wcs = cube()
    assert Mask.full().to_wcs(wcs).shape == (30, 40)
    check(wcs, celestial=wcs.celestial)


def test_cube_with_its_axes_in_another_order():
    wcs = cube(("lat", "freq", "lon"), (40, 3, 30))
    assert Mask.full().to_wcs(wcs).shape == (40, 30)
    check(wcs, celestial=wcs.celestial)


def test_slices_of_a_cube():
    wcs = cube()
    check(wcs[1], celestial=wcs.celestial)
    part = wcs.celestial[5:25, 10:]
    image = some_of(referee_cells(wcs.celestial, (30, 40), "icrs", 10), 10, "icrs")[0].to_wcs(wcs)
    mask = some_of(referee_cells(wcs.celestial, (30, 40), "icrs", 10), 10, "icrs")[0]
    np.testing.assert_array_equal(mask.to_wcs(part), image[5:25, 10:])
    np.testing.assert_array_equal(mask.to_wcs(wcs[2, 5:25, 10:]), image[5:25, 10:])
    # One row of the sky, and the frequency as the other axis: every frequency sees the same sky.
    np.testing.assert_array_equal(mask.to_wcs(wcs[:, 7]), np.tile(image[7], (3, 1)))


def test_wrapped_wcs():
    wcs = simple()
    check(HighLevelWCSWrapper(wcs), (40, 60), celestial=wcs)


def test_cube_whose_axes_are_mixed_raises():
    wcs = cube()
    wcs.wcs.pc = [[1, 0, 0.3], [0, 1, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match=r"cannot be separated from the others.*take a slice"):
        Mask.full().to_wcs(wcs)
    with pytest.raises(ValueError, match="two pixel axes, it has 3"):
        Mask.full().to_wcs(SlicedLowLevelWCS(wcs, [slice(None)] * 3))


def test_copy_of_a_slice_is_a_slice():
    """What threads get: a deep copy must give the same sky."""
    part = copy.deepcopy(cube()[1, 3:])
    assert part.array_shape == (27, 40)


# ---------------------------------------------------------------------- energy


def test_energy_bins(energy_mask):
    wcs = simple()
    image = energy_mask.to_wcs(wcs)
    assert image.shape == (4, 40, 60)
    for k, plane in enumerate(energy_mask.planes):
        np.testing.assert_array_equal(image[k], Mask(plane).to_wcs(wcs))
    assert image[0].sum() < image[1].sum() < image[3].sum() == 2400
    assert Mask.full(energy=EnergyAxis([1, 2] * u.TeV)).to_wcs(wcs).shape == (1, 40, 60)


def test_position_of_a_pixel_is_computed_once_for_all_bins(energy_mask, monkeypatch):
    calls = []
    original = WCS.pixel_to_world_values

    def counted(self, x, y):
        calls.append(np.size(x))
        return original(self, x, y)

    monkeypatch.setattr(WCS, "pixel_to_world_values", counted)
    energy_mask.to_wcs(simple("TSC"))
    assert sum(calls) == 2400


def test_images_of_equal_bins_are_not_one_array(energy_mask):
    image = energy_mask.to_wcs(simple())
    image[1] = False
    assert image[2].any()


# ---------------------------------------------------------------------- blocks and threads


@pytest.mark.parametrize("block", [1, 59, 60, 61, 1000])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_blocks_and_threads_change_nothing(monkeypatch, block, threads):
    wcs = simple("SIN", kind="GLON", step=0.5)
    mask, expected = some_of(referee_cells(wcs, (40, 60), "icrs", 8), 8, "icrs")
    monkeypatch.setattr(stripes, "BLOCK", block)
    np.testing.assert_array_equal(mask.to_wcs(wcs, n_threads=threads), expected)


def test_one_wcs_in_many_threads_of_the_caller():
    wcs = simple("AIT", step=3, shape=(300, 400))
    mask, expected = some_of(referee_cells(wcs, (300, 400), "icrs", 5), 5, "icrs")
    results = [None] * 4

    def work(k):
        results[k] = mask.to_wcs(wcs)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_wcs_is_left_as_it_was():
    wcs = simple()
    before = wcs.deepcopy().to_header()
    Mask.full().to_wcs(wcs, (600, 600))
    assert wcs.to_header() == before
    assert wcs.array_shape == (40, 60)


# ---------------------------------------------------------------------- shapes and errors


def test_shape():
    wcs = simple()
    mask = Mask.full()
    assert mask.to_wcs(wcs).shape == (40, 60)
    assert mask.to_wcs(wcs, (3, 5)).shape == (3, 5)
    assert mask.to_wcs(wcs, [np.int32(3), 5]).shape == (3, 5)
    wcs.array_shape = None
    with pytest.raises(ValueError, match=r"shape=\(ny, nx\)"):
        mask.to_wcs(wcs)


def test_pair_of_wcs_and_shape(tmp_path):
    """What `field_wcs` returns goes in as it is, wherever the two go in apart."""
    wcs, mask = simple(), Mask.from_zone(lat=("0 deg", "22 deg"), order=10)
    wcs.array_shape = None
    expected = mask.to_wcs(wcs, (30, 50))
    assert expected.any()
    assert not expected.all()
    assert np.array_equal(mask.to_wcs((wcs, (30, 50))), expected)
    assert all(np.array_equal(image, expected) for image in mask.to_wcs_many([(wcs, (30, 50)), (wcs, [30, 50])]))
    mask.write_wcs(tmp_path / "a.fits", (wcs, (30, 50)))
    assert np.array_equal(Mask.full().to_wcs(tmp_path / "a.fits").shape, (30, 50))
    low, _ = Mask.full(energy=EnergyAxis([1, 2] * u.TeV)).energy_range_wcs((wcs, (30, 50)))
    assert low.shape == (30, 50)
    for wrong in ((wcs,), (wcs, 30, 50)):
        with pytest.raises(TypeError, match=rf"pair \(wcs, shape\), got a tuple of {len(wrong)}"):
            mask.to_wcs(wrong)
    with pytest.raises(TypeError, match=r"wcs must be an astropy\.wcs\.WCS"):
        mask.to_wcs((30, 50))


def test_shape_of_an_image_with_more_axes_than_its_wcs():
    header = simple().to_header()
    header.update(NAXIS=3, NAXIS1=60, NAXIS2=40, NAXIS3=7)
    wcs = WCS(header, naxis=2)
    assert Mask.full().to_wcs(wcs).shape == (40, 60)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), 7, (0, 4), (-1, 4), (2.5, 4), (True, 4), "34"])
def test_bad_shape_raises(shape):
    with pytest.raises(ValueError, match="shape must be"):
        Mask.full().to_wcs(simple(), shape)


@pytest.mark.parametrize("wcs", [None, 3, SimpleNamespace(wcs=None)])
def test_no_wcs_raises(wcs, tmp_path):
    with pytest.raises(TypeError, match=r"wcs must be an astropy\.wcs\.WCS"):
        Mask.full().to_wcs(wcs, (3, 3))
    with pytest.raises(TypeError, match=r"wcs must be an astropy\.wcs\.WCS"):
        Mask.full().write_wcs(tmp_path / "a.fits", wcs, (3, 3))


@pytest.mark.parametrize("naxis", [1, 2, 3])
def test_wcs_without_a_sky_raises(naxis):
    wcs = WCS(naxis=naxis)
    with pytest.raises(ValueError, match="longitude and a latitude"):
        Mask.full().to_wcs(wcs, (3, 3))


@pytest.mark.parametrize("mode", ["touch", "any", None])
def test_other_modes_raise(mode, tmp_path):
    with pytest.raises(ValueError, match=f"mode must be .*'fraction', got {mode!r}"):
        Mask.full().to_wcs(simple(), mode=mode)
    with pytest.raises(ValueError, match=f"mode must be .*'inside', got {mode!r}"):
        Mask.full().write_wcs(tmp_path / "a.fits", simple(), mode=mode)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- flags of a set


def discs(n):
    centers = SkyCoord(150 + np.linspace(-0.4, 0.4, n), 2 + 0.4 * np.sin(np.arange(n)), unit="deg")
    return MaskSet({f"layer {k}": Mask.from_cones(center, "0.3 deg", order=11) for k, center in enumerate(centers)})


@pytest.mark.parametrize("n", [1, 8, 9, 64, 70])
def test_flags_are_those_of_the_pixel_centres(n):
    masks = discs(n)
    wcs, shape = field_wcs(SkyCoord(150, 2, unit="deg"), "1.2 deg", height="1 deg", binsz="3 arcmin")
    image = masks.to_wcs(wcs)
    y, x = np.indices(shape)
    assert image.dtype == masks.dtype
    assert (image != 0).any(axis=None)
    np.testing.assert_array_equal(image, masks.flags(wcs.pixel_to_world(x, y)))


def test_flags_by_areas_are_those_of_the_layers():
    masks = discs(9)
    field = field_wcs(SkyCoord(150, 2, unit="deg"), "1.2 deg", binsz="3 arcmin", frame="galactic")
    sums = {mode: masks.to_wcs(field, mode=mode) for mode in ("inside", "center", "overlap")}
    for mode, image in sums.items():
        for bit, mask in enumerate(masks.values()):
            np.testing.assert_array_equal(image >> bit & 1, mask.to_wcs(field, mode=mode))
    assert ((sums["inside"] & ~sums["overlap"]) == 0).all()
    assert (sums["inside"] != sums["overlap"]).any()


def test_flags_on_a_cube():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    masks = discs(70)
    axis = maps.MapAxis.from_energy_bounds("1 TeV", "10 TeV", 2)
    geometry = maps.WcsGeom.create(skydir=(150, 2), width=1, binsz=0.1, axes=[axis])
    cube = masks.to_wcs(geometry)
    assert cube.shape == (2, 10, 10, 2)
    np.testing.assert_array_equal(cube[1], masks.to_wcs(geometry.to_image()))


def test_flags_that_an_image_cannot_have():
    field = field_wcs(SkyCoord(150, 2, unit="deg"), "1 deg")
    bands = Mask.from_energy(EnergyAxis([1, 10] * u.GeV), energy_min="1 GeV")
    with pytest.raises(ValueError, match="the layer 'bands' has energy bins"):
        MaskSet({"star": Mask.full(), "bands": bands}).to_wcs(field)
    with pytest.raises(ValueError, match="mode must be 'center', 'overlap' or 'inside', got 'fraction'"):
        discs(1).to_wcs(field, mode="fraction")
