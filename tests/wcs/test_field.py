"""Fields of images: their centre, their pixels, and those of images that are there."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from hpmask.wcs import field_wcs, wcs_like
from hpmask.wcs.field import PROJECTIONS


class TestField:
    @pytest.mark.parametrize("projection", PROJECTIONS)
    @pytest.mark.parametrize("frame", ["icrs", "galactic"])
    @pytest.mark.parametrize(("lon", "lat"), [(83.6, 22.0), (0.0, 0.0), (359.9, -63.0)])
    def test_centre_is_in_the_middle(self, projection, frame, lon, lat):
        center = SkyCoord(lon, lat, unit="deg", frame=frame)
        wcs, (ny, nx) = field_wcs(center, "4 deg", height="3 deg", binsz="0.1 deg", projection=projection, frame=frame)
        assert (ny, nx) == (30, 40) == wcs.array_shape
        middle = wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
        assert middle.frame.name == frame
        assert middle.separation(center) < 1e-9 * u.deg
        # North is up and east is left.
        up, left = wcs.pixel_to_world([19.5, 18.5], [15.5, 14.5])
        assert up.spherical.lat > center.spherical.lat
        assert (left.spherical.lon - center.spherical.lon).wrap_at(180 * u.deg) > 0

    @pytest.mark.parametrize("projection", ["TAN", "SIN", "ARC", "ZEA", "STG"])
    def test_pixel_is_a_pixel_at_the_pole(self, projection):
        wcs, (ny, nx) = field_wcs(SkyCoord(20, 90, unit="deg"), "2 deg", binsz="0.1 deg", projection=projection)
        x, y = (nx - 1) / 2, (ny - 1) / 2
        a, b = wcs.pixel_to_world([x, x + 1], [y, y])
        assert a.separation(b).deg == pytest.approx(0.1, rel=1e-4)

    def test_centre_in_another_frame(self):
        center = SkyCoord(83.6, 22.0, unit="deg")
        wcs, _ = field_wcs(center, "1 deg", frame="galactic")
        assert wcs.wcs.ctype[0] == "GLON-TAN"
        assert wcs.pixel_to_world(9.5, 9.5).separation(center) < 1e-9 * u.deg

    def test_size_is_rounded_up_to_pixels(self):
        center = SkyCoord(0, 0, unit="deg")
        for width, n in (
            ("1 deg", 10),
            ("1.01 deg", 11),
            ("60 arcmin", 10),
            (0.3 * u.deg, 3),
            ("1 arcsec", 1),
        ):
            assert field_wcs(center, width, binsz="0.1 deg")[1] == (n, n)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"width": "0 deg"}, "width must be a positive angle, got 0 deg"),
            ({"height": "-1 deg"}, "height must be a positive angle"),
            ({"binsz": "nan deg"}, "binsz must be a positive angle"),
            ({"binsz": "1 GeV"}, "binsz must be an angle, got the unit 'GeV'"),
            ({"projection": "XYZ"}, "projection must be one of TAN, SIN"),
            ({"frame": "fk5"}, "frame must be 'icrs' or 'galactic'"),
            ({"binsz": "1 uas"}, "pixels: width or binsz is wrong"),
            ({"width": "2"}, "width must be an angle with a unit, such as '2 deg', got 2.0 without one"),
            ({"width": "2000 deg"}, "width of a TAN image must be at most 180 deg, got 2000 deg: TAN shows less than"),
            ({"height": "181 deg"}, "height of a TAN image must be at most 180 deg"),
            ({"width": "361 deg", "projection": "AIT"}, "width of a AIT image must be at most 360 deg"),
        ],
    )
    def test_mistakes(self, options, message):
        with pytest.raises(ValueError, match=message):
            field_wcs(**{"center": SkyCoord(0, 0, unit="deg"), "width": "10 deg", **options})

    def test_bare_number(self):
        with pytest.raises(TypeError, match="width must be a Quantity or a string"):
            field_wcs(SkyCoord(0, 0, unit="deg"), 10)

    def test_pole_out_of_reach(self):
        with pytest.raises(ValueError, match="MER does not reach the latitude 90 deg"):
            field_wcs(SkyCoord(0, 90, unit="deg"), "1 deg", projection="MER")


class TestLike:
    def test_image(self, tmp_path):
        wcs, shape = field_wcs(SkyCoord(10, 20, unit="deg"), "4 deg", height="2 deg", projection="SIN")
        table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1])])
        image = fits.ImageHDU(np.zeros(shape, np.uint8), wcs.to_header())
        fits.HDUList([fits.PrimaryHDU(), table, image]).writeto(tmp_path / "a.fits")
        found, found_shape = wcs_like(tmp_path / "a.fits")
        assert found_shape == shape == (40, 80)
        assert found.wcs.compare(wcs.wcs, tolerance=1e-12)

    def test_cube(self, tmp_path):
        wcs, shape = field_wcs(SkyCoord(10, 20, unit="deg"), "4 deg", height="2 deg")
        header = wcs.to_header()
        header["WCSAXES"] = 3
        header["CTYPE3"], header["CRVAL3"], header["CRPIX3"], header["CDELT3"] = "FREQ", 1e9, 1, 1e6
        header["CUNIT3"] = "Hz"
        fits.writeto(tmp_path / "a.fits", np.zeros((5, *shape)), header)
        found, found_shape = wcs_like(tmp_path / "a.fits")
        assert found_shape == shape
        assert found.naxis == 2

    @pytest.mark.parametrize(
        "name",
        [
            "gc_msx_e.fits",
            "allsky_rosat.fits",
            "VERITAS_VER-000029-skymap.fits",
            "fermi_template_CenALobes.fits.gz",
        ],
    )
    def test_real(self, data, name):
        wcs, shape = wcs_like(data(f"wcs/{name}"), "RawExcessMap" if "000029" in name else None)
        with fits.open(data(f"wcs/{name}")) as hdus:
            assert shape in [hdu.shape[-2:] for hdu in hdus if hdu.is_image and hdu.shape]
        assert wcs.has_celestial

    def test_mistakes(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            wcs_like(tmp_path / "no.fits")
        (tmp_path / "text.fits").write_text("no FITS")
        with pytest.raises(ValueError, match=r"text\.fits: HDU 0 has no FITS header"):
            wcs_like(tmp_path / "text.fits")
        fits.writeto(tmp_path / "plain.fits", np.zeros((3, 3)))
        with pytest.raises(ValueError, match=r"plain\.fits: no image has a celestial WCS"):
            wcs_like(tmp_path / "plain.fits")
