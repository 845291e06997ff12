"""to_wcs and write_wcs. Referee: astropy's pixel_to_world and healpy's ang2pix, pixel by pixel."""

import copy
import stat
import threading
import warnings
from types import SimpleNamespace

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.utils import iers
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS, Sip
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from wcs_images import ANY_WCS, BOUNDED, IMAGES, PROJECTIONS, distorted, header_wcs, simple, text_wcs

import hpmask.wcs.pixel_centers
from hpmask import EnergyAxis, Mask, RangeSet


def referee_cells(wcs, shape, frame, order):
    """The cell under each pixel's centre; -1 where the pixel is no sky, -2 on the edge between cells.

    On an edge, to 1e-12 deg, it is rounding that tells the cell.
    """
    y, x = np.indices(shape)
    sky = wcs.pixel_to_world(x, y)
    seen = np.isfinite(sky.spherical.lon) & np.isfinite(sky.spherical.lat)
    there = sky[seen].transform_to(frame).spherical
    lon, lat = there.lon.deg, there.lat.deg
    found = hp.ang2pix(1 << order, lon, lat, nest=True, lonlat=True)
    for north, east in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        near = np.clip(lat + 1e-12 * north, -90, 90), lon + 1e-12 * east / np.cos(np.radians(lat))
        found[hp.ang2pix(1 << order, near[1], near[0], nest=True, lonlat=True) != found] = -2
    cells = np.full(shape, -1)
    cells[seen] = found
    return cells


def some_of(cells, order, frame, seed=0):
    """A mask of a random half of the cells in an image, and the image that it has to give (without edges)."""
    present = np.unique(cells[cells >= 0])
    kept = present[np.random.default_rng(seed).random(present.size) < 0.5]
    return Mask(RangeSet.from_cells(kept, order), frame=frame), np.isin(cells, kept)


def order_of(wcs):
    """An order whose cells are about as large as the pixels: the hardest one to get right."""
    pixel = np.sqrt(wcs.proj_plane_pixel_area().to_value(u.rad**2))
    return int(np.clip(round(np.log2(np.sqrt(np.pi / 3) / pixel)), 3, 24))


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
        # What is left of the image is sky that the mask does not hold, or no sky at all.
        np.testing.assert_array_equal((~mask).to_wcs(wcs, shape), ~image & (cells != -1))


# ---------------------------------------------------------------------- pixel by pixel


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_projections(data, projection):
    check(text_wcs(data(f"wcs/hdr/1904-66_{projection}.hdr")))


def test_sip_of_a_header_alone(data):
    wcs = text_wcs(data("wcs/hdr/siponly.hdr"))
    assert wcs.sip is not None
    check(wcs, (300, 200))


@pytest.mark.parametrize(("name", "number"), IMAGES)
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
        pytest.param(simple(kind="TLON", dateobs="2010-01-01T12:00:00"), id="ITRS"),
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


# ---------------------------------------------------------------------- no sky


@pytest.mark.parametrize(
    ("projection", "area"),
    [("AIT", 41253), ("MOL", 41253), ("ZEA", 41253), ("SFL", 41253), ("SIN", None)],
)
def test_pixels_that_are_no_sky_are_false(projection, area):
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
    """A real all-sky AIT map, of which the makers left empty what is outside of the ellipse."""
    with fits.open(data("wcs/allsky_rosat.fits")) as hdus:
        wcs, values = header_wcs(hdus[0].header), hdus[0].data
    image = Mask.full(frame="galactic").to_wcs(wcs)
    assert not image[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    # AIT keeps areas, so the sky takes its 41 253 deg2 of pixels.
    assert image.sum() * wcs.proj_plane_pixel_area().value == pytest.approx(41_252.96, rel=2e-4)
    # What is no sky has no value in the file, save a pixel here and there on the rim that its makers drew.
    assert (values[~image] == 0).mean() > 0.98
    assert (values[image] != 0).mean() > 0.97


def test_rows_of_a_linear_latitude_beyond_the_poles_are_no_sky():
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
    with pytest.raises(ValueError, match="no way from the frame of wcs"):
        Mask.full().to_wcs(mars)


# ---------------------------------------------------------------------- cubes and slices


def cube(order=("lon", "lat", "freq"), shape=(3, 30, 40)):
    """A cube with its axes in any order; `shape` is that of the data, (last, ..., first)."""
    wcs = WCS(naxis=3)
    values = {
        "lon": ("RA---TAN", 10.0, -0.1, "deg", 20),
        "lat": ("DEC--TAN", -60.0, 0.2, "deg", 10),
        "freq": ("FREQ", 1e9, 1e6, "Hz", 1),
    }
    picked = [values[name] for name in order]
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt, wcs.wcs.cunit, wcs.wcs.crpix = zip(*picked, strict=True)
    wcs.array_shape = shape
    return wcs


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
    with pytest.raises(ValueError, match=r"cannot be told from the others.*take a slice"):
        Mask.full().to_wcs(wcs)
    with pytest.raises(ValueError, match="two pixel axes, it has 3"):
        Mask.full().to_wcs(SlicedLowLevelWCS(wcs, [slice(None)] * 3))


# ---------------------------------------------------------------------- energy


@pytest.fixture
def energy_mask():
    axis = EnergyAxis([0.1, 0.3, 1, 7, 30] * u.TeV)
    star = SkyCoord(83.6, 22.0, unit="deg")
    small, large = (Mask.from_cones(star, radius, order=10).planes[0] for radius in ("0.5 deg", "1.4 deg"))
    return Mask([~large, ~small, ~small, RangeSet.full(10)], energy=axis)


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
    monkeypatch.setattr(hpmask.wcs.pixel_centers, "BLOCK", block)
    monkeypatch.setattr(hpmask.wcs.pixel_centers, "thread_count", lambda _: threads)
    np.testing.assert_array_equal(mask.to_wcs(wcs), expected)


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
    with pytest.raises(ValueError, match="mode must be 'center' or 'overlap' or 'inside' or 'fraction', got"):
        Mask.full().to_wcs(simple(), mode=mode)
    with pytest.raises(ValueError, match="mode must be 'center' or 'overlap' or 'inside', got"):
        Mask.full().write_wcs(tmp_path / "a.fits", simple(), mode=mode)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- FITS


def test_written_image(tmp_path):
    wcs = simple(rotation=20, kind="GLON")
    mask, expected = some_of(referee_cells(wcs, (40, 60), "icrs", 10), 10, "icrs")
    path = tmp_path / "image.fits"
    assert mask.write_wcs(path, wcs) is None
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert len(hdus) == 1
        assert hdus[0].name == "MASK"
        assert hdus[0].data.dtype == np.uint8
        assert {"CHECKSUM", "DATASUM"} <= set(hdus[0].header)
        assert hdus[0].header["BUNIT"] == ""
        assert hdus[0].header["HPXORDER"] == 10
        np.testing.assert_array_equal(hdus[0].data, expected)
        again = WCS(hdus[0].header)
    np.testing.assert_array_equal(mask.to_wcs(again), expected)
    assert list(tmp_path.iterdir()) == [path]


def test_checksum_tells_a_changed_file(tmp_path):
    path = tmp_path / "image.fits"
    Mask.full().write_wcs(path, simple())
    content = bytearray(path.read_bytes())
    content[-2880 + 5] ^= 1
    path.write_bytes(content)
    with (
        pytest.warns(AstropyUserWarning, match="verification failed") as told,
        fits.open(path, checksum=True),
    ):
        pass
    assert "Datasum" in "".join(str(warning.message) for warning in told)


def test_compressed_image(tmp_path):
    path = tmp_path / "image.fits.gz"
    Mask.full().write_wcs(path, simple())
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert fits.getdata(path).all()


def test_distortions_are_written(data, tmp_path):
    tables = distorted(data("wcs/image_with_distortion_map.fits"))
    with fits.open(data("wcs/sip-wcs.fits")) as hdus:
        sip = header_wcs(hdus[0].header)
    for name, wcs in (("tables", tables), ("sip", sip)):
        cells = referee_cells(wcs, wcs.array_shape, "icrs", order_of(wcs))
        mask, expected = some_of(cells, order_of(wcs), "icrs")
        path = tmp_path / f"{name}.fits"
        mask.write_wcs(path, wcs)
        with fits.open(path) as hdus:
            again = WCS(hdus[0].header, fobj=hdus)
            np.testing.assert_array_equal(hdus[0].data, expected)
        assert again.has_distortion
        np.testing.assert_array_equal(mask.to_wcs(again), expected)


@pytest.mark.parametrize(("name", "number"), IMAGES)
def test_real_headers_are_written(data, tmp_path, name, number):
    with fits.open(data(f"wcs/{name}")) as hdus:
        wcs = header_wcs(hdus[number].header, hdus)
    mask, expected = some_of(referee_cells(wcs, wcs.array_shape, "icrs", 8), 8, "icrs")
    mask.write_wcs(tmp_path / "image.fits", wcs)
    with fits.open(tmp_path / "image.fits", checksum=True) as hdus:
        hdus.verify("exception")
        np.testing.assert_array_equal(hdus[0].data, expected)
        again = header_wcs(hdus[0].header, hdus)
    x, y = np.meshgrid([0, 30, wcs.array_shape[1] - 1], [0, 20, wcs.array_shape[0] - 1])
    np.testing.assert_allclose(again.pixel_to_world_values(x, y), wcs.pixel_to_world_values(x, y), rtol=0, atol=1e-10)
    assert again.array_shape == wcs.array_shape


def test_written_cube(energy_mask, tmp_path):
    path = tmp_path / "cube.fits"
    energy_mask.write_wcs(path, cube(), (30, 40))
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[0].data.shape == (4, 30, 40)
        np.testing.assert_array_equal(hdus[0].data, energy_mask.to_wcs(cube()))
        bands = hdus["MASK_BANDS"]
        assert hdus[0].header["BANDSHDU"] == "MASK_BANDS"
        assert bands.columns.names == ["CHANNEL", "ENERGY", "E_MIN", "E_MAX"]
        assert bands.columns["E_MIN"].unit == "TeV"
        np.testing.assert_array_equal(bands.data["E_MIN"], energy_mask.energy.energy_min.value)
        np.testing.assert_array_equal(bands.data["E_MAX"], energy_mask.energy.energy_max.value)
        np.testing.assert_allclose(bands.data["ENERGY"] ** 2, bands.data["E_MIN"] * bands.data["E_MAX"])
        again = WCS(hdus[0].header)
    np.testing.assert_array_equal(energy_mask.to_wcs(again), energy_mask.to_wcs(cube()))


def test_history_is_written(tmp_path):
    mask = ~Mask.from_cones(SkyCoord(83.6, 22, unit="deg"), "1 deg", order=8)
    mask.write_wcs(tmp_path / "image.fits", simple())
    assert list(fits.getheader(tmp_path / "image.fits")["HISTORY"]) == list(mask.history)


def test_file_that_is_there_is_kept_unless_told(tmp_path):
    path = tmp_path / "image.fits"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        Mask.full().write_wcs(path, simple())
    assert path.read_text() == "precious"
    Mask.full().write_wcs(path, simple(), overwrite=True)
    assert fits.getdata(path).all()
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        Mask.full().write_wcs(tmp_path / "no" / "image.fits", simple())
    with pytest.raises(IsADirectoryError):
        Mask.full().write_wcs(tmp_path, simple(), overwrite=True)


def test_failure_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "image.fits"
    Mask.full().write_wcs(path, simple())
    before = path.read_bytes()

    def fails(self, name, **options):
        name.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(fits.HDUList, "writeto", fails)
    with pytest.raises(OSError, match="No space left"):
        Mask.empty().write_wcs(path, simple(), overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_followed_and_the_umask_heeded(tmp_path):
    target, link = tmp_path / "real.fits", tmp_path / "link.fits"
    Mask.full().write_wcs(target, simple())
    link.symlink_to(target)
    Mask.empty().write_wcs(link, simple(), overwrite=True)
    assert link.is_symlink()
    assert not fits.getdata(target).any()
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


# ---------------------------------------------------------------------- gammapy


@pytest.fixture
def maps():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("gammapy.maps", exc_type=ImportError)


def test_gammapy_reads_an_image(maps, tmp_path):
    geom = maps.WcsGeom.create(skydir=(184.5, -5.8), frame="galactic", width=(4, 3), binsz=0.05, proj="TAN")
    mask = ~Mask.from_cones(SkyCoord(83.63, 22.01, unit="deg"), "0.7 deg", order=12)
    mask.write_wcs(tmp_path / "image.fits", geom.wcs, geom.data_shape)
    read = maps.Map.read(tmp_path / "image.fits")
    assert isinstance(read, maps.WcsNDMap)
    assert read.is_mask
    assert read.unit == ""
    assert read.geom == geom
    np.testing.assert_array_equal(read.data, mask.to_wcs(geom.wcs, geom.data_shape))
    assert 0 < (~read.data).sum() < read.data.size
    np.testing.assert_array_equal(read.data, mask.contains(geom.get_coord().skycoord))


@pytest.mark.parametrize("name", ["energy", "energy_true"])
@pytest.mark.parametrize("interp", ["log", "lin"])
@pytest.mark.parametrize("edges", [[0.1, 0.30000000000000004, 1, 7, 30] * u.TeV, [1e5, 2e9] * u.MeV])
def test_gammapy_reads_a_cube(maps, tmp_path, name, interp, edges):
    axis = EnergyAxis(edges, name=name, interp=interp)
    planes = [RangeSet.from_cells(np.arange(k, 12 * 4**8, 7), 8) for k in range(axis.n_bins)]
    mask = Mask(planes, energy=axis)
    theirs = maps.MapAxis.from_edges(edges, name=name, interp=interp)
    geom = maps.WcsGeom.create(skydir=(83.6, 22), npix=(60, 40), binsz=0.2, axes=[theirs])
    mask.write_wcs(tmp_path / "cube.fits", geom.wcs, geom.data_shape[1:])
    read = maps.Map.read(tmp_path / "cube.fits")
    assert read.is_mask
    assert read.geom == geom
    assert read.geom.axes[0].name == name
    assert read.geom.axes[0].interp == interp
    # gammapy keeps the logarithms of the edges, so that it rounds what it was given, by file or not.
    np.testing.assert_array_equal(read.geom.axes[0].edges, theirs.edges)
    np.testing.assert_allclose(read.geom.axes[0].edges.value, axis.edges.value, rtol=1e-14)
    np.testing.assert_array_equal(read.data, mask.to_wcs(geom.wcs, geom.data_shape[1:]))
    assert len({plane.tobytes() for plane in read.data}) == axis.n_bins


def test_copy_of_a_slice_is_a_slice():
    """What threads get: a deep copy must give the same sky."""
    part = copy.deepcopy(cube()[1, 3:])
    assert part.array_shape == (27, 40)


# ---------------------------------------------------------------------- numbers that cannot be


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "word", ["CRVAL1", "CRVAL2", "CRPIX2", "CDELT1", "PC1_2", "CD2_1", "LONPOLE", "PV2_1", "A_0_1"]
)
def test_numbers_that_are_none_raise_by_keyword(word, value):
    wcs = simple("AZP" if word == "PV2_1" else "TAN")
    if word == "LONPOLE" and np.isnan(value):
        pytest.skip("that is how astropy says that it is not given")
    if word == "CD2_1":
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        wcs.wcs.cd = [[1, 0], [value, 1]]
    elif word == "PV2_1":
        wcs.wcs.set_pv([(2, 1, value)])
    elif word == "A_0_1":
        wcs.sip = Sip(np.array([[0, value], [0, 0]]), np.zeros((2, 2)), None, None, wcs.wcs.crpix)
    elif word == "PC1_2":
        wcs.wcs.pc = [[1, value], [0, 1]]
    elif word == "LONPOLE":
        wcs.wcs.lonpole = value
    else:
        values = getattr(wcs.wcs, word[:-1].lower())
        values[int(word[-1]) - 1] = value
        setattr(wcs.wcs, word[:-1].lower(), values)
    for call in (
        lambda: Mask.full(order=3).to_wcs(wcs, (20, 20)),
        lambda: Mask.from_wcs(np.ones((20, 20), bool), wcs),
        lambda: Mask.from_wcs(np.ones((20, 20), bool), wcs, order=4),
    ):
        with pytest.raises(ValueError, match=f"wcs has {word} = {value}, it must be a finite number"):
            call()


@pytest.mark.parametrize("card", ["CDELT1", "CDELT2"])
def test_step_of_nothing_raises(card, tmp_path):
    header = simple().to_header()
    header[card] = 0.0
    image = np.ones((20, 20), np.uint8)
    fits.PrimaryHDU(image, header).writeto(tmp_path / "image.fits")
    for call in (
        lambda: Mask.full(order=3).to_wcs(header, (20, 20)),
        lambda: Mask.from_wcs(image, header),
        lambda: Mask.from_wcs(tmp_path / "image.fits"),
        lambda: Mask.full(order=3).to_wcs(tmp_path / "image.fits"),
    ):
        with pytest.raises(ValueError, match=f"wcs has {card} = 0, it must be the step"):
            call()


@pytest.mark.parametrize(
    ("name", "matrix"), [("pc", [[1, 1], [1, 1]]), ("cd", [[1, 2], [0.5, 1]]), ("pc", [[0, 0], [0, 1]])]
)
def test_singular_matrix_raises(name, matrix):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    setattr(wcs.wcs, name, matrix)
    with pytest.raises(ValueError, match=f"singular matrix {name.upper()}i_j"):
        Mask.full(order=3).to_wcs(wcs, (20, 20))


@pytest.mark.parametrize(
    ("name", "advice"),
    [("fk5", "write 'FK5'"), ("J2000", "write 'FK5'"), (" icrs", "write 'ICRS'"), ("FK6", "must be one of ICRS, FK5")],
)
def test_radesys_that_is_none_raises(name, advice):
    with pytest.raises(ValueError, match=f"RADESYS = '{name}', which FITS does not know.*{advice}"):
        Mask.full(order=3).to_wcs(simple(radesys=name))


def test_spectral_axis_of_a_cube_may_be_unknown():
    wcs = cube()
    crval = wcs.wcs.crval
    crval[2] = np.nan
    wcs.wcs.crval = crval
    assert Mask.full(order=3).to_wcs(wcs, (30, 40)).all()
