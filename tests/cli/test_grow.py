"""Dilation and erosion of mask files."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask


@pytest.mark.parametrize("command", ["dilate", "erode"])
class TestGrow:
    def test_width(self, run, star, command):
        for width in ("0.5 deg", "30arcmin"):
            run(command, "star.fits", "out.fits", "--width", width, "--overwrite")
            assert Mask.read("out.fits") == getattr(star, command)(width)

    def test_width_by_energy(self, run, bins, command):
        run(command, "bins.fits", "out.fits", "--width", "0.5 deg", "--width", "1200arcsec")
        widths = [0.5, 1 / 3] * u.deg
        assert Mask.read("out.fits") == getattr(bins, command)(widths)
        run(command, "bins.fits", "all.fits", "--width", "0.5 deg", "-j", "1")
        assert Mask.read("all.fits") == getattr(bins, command)("0.5 deg")

    def test_steps(self, run, star, command):
        run(command, "star.fits", "out.fits", "--steps", "2")
        assert Mask.read("out.fits") == getattr(star, command)(steps=2)
        run(command, "star.fits", "four.fits", "--steps", "2", "--connectivity", "4")
        assert Mask.read("four.fits") == getattr(star, command)(steps=2, connectivity=4)
        assert Mask.read("four.fits") != Mask.read("out.fits")

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            ((), 2, "Give either --width or --steps"),
            (("--width", "1 deg", "--steps", "1"), 2, "Give either --width or --steps"),
            (("--width", "1 deg", "--connectivity", "4"), 2, "--connectivity is for --steps"),
            (("--width", "1"), 1, "--width must be an angle"),
            (("--width", "1 TeV"), 1, "--width must be an angle"),
            (("--width", "190 deg"), 1, "--width must be"),
            (("--width", "1 deg", "--width", "2 deg", "--width", "3 deg"), 1, "width"),
        ],
    )
    def test_mistakes(self, run, tmp_path, bins, command, words, code, message):
        assert message in run(command, "bins.fits", "out.fits", *words, code=code).stderr
        assert not (tmp_path / "out.fits").exists()


def test_area_of_a_dilated_disc(run):
    """The cap of 2.5 deg by its formula."""
    Mask.from_cones(SkyCoord(10, 20, unit="deg"), "2 deg", order=11).write("disc.fits")
    run("dilate", "disc.fits", "out.fits", "--width", "0.5 deg")
    cap = 2 * np.pi * (1 - np.cos(np.radians(2.5))) * (180 / np.pi) ** 2
    assert Mask.read("out.fits").area.value == pytest.approx(cap, rel=0.02)
