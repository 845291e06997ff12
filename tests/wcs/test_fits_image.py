"""write_wcs. Referees: astropy's pixel_to_world and healpy's ang2pix, and what astropy and gammapy read."""

import stat

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from wcs_images import IMAGES, cube, distorted, header_wcs, mostly_deep, order_of, referee_cells, simple, some_of

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.wcs import fits_image


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


def test_checksum_shows_a_changed_file(tmp_path):
    path = tmp_path / "image.fits"
    Mask.full().write_wcs(path, simple())
    content = bytearray(path.read_bytes())
    content[-2880 + 5] ^= 1
    path.write_bytes(content)
    with (
        pytest.warns(AstropyUserWarning, match="verification failed") as warned,
        fits.open(path, checksum=True),
    ):
        pass
    assert "Datasum" in "".join(str(warning.message) for warning in warned)


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


@pytest.mark.parametrize(("name", "number"), mostly_deep(IMAGES, ("sip-wcs.fits", 0), ("allsky_rosat.fits", 0)))
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
    assert list(fits.getheader(tmp_path / "image.fits")["HISTORY"]) == mask.history.split("\n")


def test_existing_file_is_kept_without_overwrite(tmp_path):
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

    def fails(file, header, data):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(fits_image, "write_hdu", fails)
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
