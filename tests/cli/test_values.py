"""The commands that make masks from values: threshold and credible."""

import re
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from hpmask import EnergyAxis, HealpixMap, Mask, io


@pytest.fixture
def image(tmp_path):
    """An image of values with NaN in a corner, as image.fits."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = 83.0, 22.0
    wcs.wcs.crpix = 15.5, 10.5
    wcs.wcs.cdelt = -0.5, 0.5
    values = np.random.default_rng(4).normal(size=(20, 30)) * 3
    values[12:, 20:] = np.nan
    fits.writeto(tmp_path / "image.fits", values, wcs.to_header())
    return values, wcs


@pytest.fixture
def cells(tmp_path):
    """Values on all cells of order 4, as map.fits with the columns A and B, of which B has the opposite sign."""
    values = np.random.default_rng(5).normal(size=12 * 16**2) * 3
    healpy.write_map(tmp_path / "map.fits", [values, -values], nest=True, coord="C", column_names=["A", "B"])
    # As float32, which is what the file has.
    return healpy.read_map(tmp_path / "map.fits", nest=True)


def kept(name="out.fits"):
    return Mask.read(name).to_healpix(nest=True)


class TestThreshold:
    @pytest.mark.parametrize(
        ("words", "condition"),
        [
            (("--threshold", "2"), lambda v: v > 2),
            (("--threshold", "-2"), lambda v: v > -2),
            (("--threshold", "2", "--keep", "<="), lambda v: v <= 2),
            (("--threshold", "-1", "--threshold", "2", "--keep", "between"), lambda v: (v >= -1) & (v < 2)),
            (
                ("--threshold", "-1", "--threshold", "2", "--keep", "outside", "--closed", "both"),
                lambda v: ~((v >= -1) & (v <= 2)),
            ),
            (("--threshold", "2", "--invert"), lambda v: v <= 2),
            (("--threshold", "2", "--column", "B"), lambda v: -v > 2),
            (("--threshold", "2", "--column", "1", "--hdu", "1"), lambda v: -v > 2),
        ],
    )
    def test_healpix_map(self, run, cells, words, condition):
        result = run("threshold", "map.fits", "out.fits", *words)
        assert np.array_equal(kept(), condition(cells))
        mask = Mask.read("out.fits")
        assert result.stdout == (
            f"out.fits: keeps {mask.area.value:.2f} deg2, {100 * mask.sky_fraction:.4g} % of the sky "
            f"(icrs, order 4, {mask.n_ranges} ranges)\n"
        )
        assert result.stderr == ""

    @pytest.mark.parametrize(
        ("words", "options"),
        [
            (("--low", "1", "--high", "8"), {"low": 1, "high": 8}),
            (("--low", "1", "--high", "8", "--connectivity", "4"), {"low": 1, "high": 8, "connectivity": 4}),
            (("--low", "1", "--high", "8", "--keep", "<"), {"low": 1, "high": 8, "keep": "<"}),
            (("--threshold", "2", "--order", "3"), {"threshold": 2, "order": 3}),
            (("--threshold", "2", "--resolution", "15 deg", "--mode", "overlap"), None),
            (("--threshold", "2", "--frame", "galactic"), {"threshold": 2, "frame": "galactic"}),
        ],
    )
    def test_options_are_those_of_python(self, run, cells, words, options):
        run("threshold", "map.fits", "out.fits", *words)
        if options is None:
            options = {"threshold": 2, "order": 2, "mode": "overlap"}
        assert Mask.read("out.fits") == Mask.from_map("map.fits", **options)

    @pytest.mark.parametrize(
        ("words", "options"),
        [
            (("--nan", "exclude"), {"nan": "exclude"}),
            (("--nan", "keep", "--outside", "--keep", "<"), {"nan": "keep", "outside": True, "keep": "<"}),
            (("--nan", "exclude", "--frame", "galactic", "--order", "7"), None),
        ],
    )
    def test_image(self, run, image, words, options):
        run("threshold", "image.fits", "out.fits", "--threshold", "2", *words)
        if options is None:
            options = {"nan": "exclude", "frame": "galactic", "order": 7}
        assert Mask.read("out.fits") == Mask.from_wcs(*image, threshold=2, **options)

    def test_dilate_and_erode(self, run, cells):
        mask = Mask.from_map("map.fits", 2)
        for name in ("dilate", "erode"):
            run("threshold", "map.fits", "out.fits", "--threshold", "2", f"--{name}", "4 deg", "--overwrite")
            assert Mask.read("out.fits") == getattr(mask, name)("4 deg") != mask
        words = ("--dilate", "1 deg", "--erode", "1 deg")
        assert "exclude each other" in run("threshold", "map.fits", "new.fits", *words, code=2).stderr
        assert "angle" in run("threshold", "map.fits", "new.fits", "--threshold", "2", "--dilate", "1", code=1).stderr
        assert not Path("new.fits").exists()

    def test_energy_bins(self, run):
        values = np.random.default_rng(6).normal(size=(2, 192))
        io.write_map(HealpixMap(values, nest=True, frame="icrs", energy=EnergyAxis([1, 2, 3] * u.GeV)), "map.fits")
        result = run("threshold", "map.fits", "out.fits", "--threshold", "0.5", "--threshold", "1")
        assert np.array_equal(kept(), values > [[0.5], [1]])
        assert re.search(
            r"keeps [\d.]+ deg2, .* to [\d.]+ deg2, .* \(icrs, order 2, 2 energy bins, \d+ ranges\)", result.stdout
        )
        words = ("--threshold", "1") * 3
        assert (
            "one for each of the 2 energy bins, got 3" in run("threshold", "map.fits", "o.fits", *words, code=1).stderr
        )
        words = ("--low", "1", "--low", "x", "--high", "3")
        assert "--low must have numbers" in run("threshold", "map.fits", "o.fits", *words, code=2).stderr

    def test_map_of_0_and_1(self, run, tmp_path):
        values = (np.arange(192) % 5 == 0).astype(np.uint8)
        healpy.write_map(tmp_path / "map.fits", values, nest=True, dtype=np.uint8)
        result = run("threshold", "map.fits", "out.fits", code=1)
        assert result.stderr.count("\n") == 1
        assert "give --map-frame icrs if" in result.stderr
        run("threshold", "map.fits", "out.fits", "--map-frame", "galactic", "--invert")
        assert np.array_equal(kept(), values == 0)
        assert Mask.read("out.fits").frame == "galactic"

    def test_picture(self, run, cells):
        run("threshold", "map.fits", "out.fits", "--threshold", "2", "--plot", "out.png")
        assert Path("out.png").read_bytes().startswith(b"\x89PNG")

    def test_nothing_is_overwritten(self, run, cells, tmp_path):
        words = ("threshold", "map.fits", "out.fits", "--threshold", "2", "--plot", "out.png")
        for name in ("out.fits", "out.png"):
            Path(name).write_text("mine")
            assert run(*words, code=1).stderr == f"hpmask: error: {name} exists already: --overwrite replaces it\n"
            assert Path(name).read_text() == "mine"
            assert len(list(tmp_path.iterdir())) == 2
            Path(name).unlink()
        before = Path("map.fits").read_bytes()
        result = run("threshold", "map.fits", "map.fits", "--threshold", "2", "--overwrite", code=1)
        assert result.stderr == "hpmask: error: map.fits is an input: give the output another name\n"
        assert Path("map.fits").read_bytes() == before

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (("image.fits", "out.fits", "--threshold", "2"), 1, "give --nan keep to keep them, or --nan exclude"),
            (
                ("image.fits", "out.fits", "--nan", "keep"),
                1,
                "the map must be boolean, or 0 and 1, .*give a --threshold",
            ),
            (("image.fits", "out.fits", "--low", "2"), 1, "hysteresis needs low and high"),
            (("image.fits", "out.fits", "--keep", "<"), 1, "--keep < needs a threshold"),
            (("image.fits", "out.fits", "--keep", "between", "--threshold", "2"), 2, "needs --threshold twice"),
            (
                ("image.fits", "out.fits", "--threshold", "high"),
                1,
                "threshold must be a number or a quantity, got 'high'",
            ),
            (
                ("image.fits", "out.fits", "--threshold", "2", "--dilate", "1"),
                1,
                "--dilate must be an angle with a unit",
            ),
            (("image.fits", "out.fits", "--threshold", "2", "--erode", "-1 deg"), 1, "--erode must be from 0 to 180"),
            (("image.fits", "out.fits", "--column", "A"), 2, "--column is for HEALPix maps, and the file has an image"),
            (("image.fits", "out.fits", "--ring"), 2, "--nest or --ring is for HEALPix maps"),
            (("image.fits", "out.xyz", "--threshold", "2"), 1, "out.xyz: the name of a mask file must end in one of"),
            (("image.fits", "out.fits", "--plot", "a.xyz"), 1, "a.xyz: the name of a picture must end in one of"),
            (("image.fits", "no/out.fits", "--threshold", "2"), 1, "the directory no does not exist"),
            (("no.fits", "out.fits", "--threshold", "2"), 1, "no.fits: No such file or directory"),
            (("bad.fits", "out.fits", "--threshold", "2"), 1, "bad.fits: "),
            (("image.fits", "out.fits", "--order", "3", "--resolution", "1 deg"), 2, "exclude each other"),
        ],
    )
    def test_errors_in_one_line(self, run, image, tmp_path, words, code, message):
        Path("bad.fits").write_text("no map")
        before = sorted(tmp_path.iterdir())
        result = run("threshold", *words, code=code)
        assert re.search(message, result.stderr), result.stderr
        assert code == 2 or result.stderr.count("\n") == 1
        assert sorted(tmp_path.iterdir()) == before

    def test_real_map(self, run, data):
        path = data("skymaps/reproject_bayestar.fits.gz")
        run("threshold", path, "out.fits", "--threshold", "1e-5", "--keep", ">=")
        assert np.array_equal(kept(), healpy.read_map(path, nest=True) >= 1e-5)


class TestCredible:
    @pytest.mark.deep
    def test_published_areas(self, run, data):
        path = data("skymaps/bayestar.multiorder.fits")
        result = run("credible", path, "out.fits")
        assert Mask.read("out.fits").area.value == pytest.approx(37.610846, abs=1e-6)
        assert result.stdout == "out.fits: keeps 37.61 deg2, 0.09117 % of the sky (icrs, order 11, 159 ranges)\n"
        result = run(
            "credible", path, "part_{level}.fits", "--level", "0.5", "--level", "0.9", "--plot", "p{level}.png"
        )
        assert [Mask.read(f"part_{level}.fits").area.value for level in (0.5, 0.9)] == pytest.approx(
            [7.406111, 37.610846], abs=1e-6
        )
        assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["part_0.5.fits", "part_0.9.fits"]
        assert Path("p0.5.png").exists()
        assert Path("p0.9.png").exists()
        run("credible", path, "one_{level}.fits", "--crossing", "exclude", "--level", "0.25")
        assert Mask.read("one_0.25.fits") == Mask.from_skymap(path, 0.25, crossing="exclude")

    @pytest.fixture
    def counts(self, tmp_path):
        values = np.arange(1, 193.0)
        healpy.write_map(tmp_path / "counts.fits", values, nest=True, dtype=np.float64, coord="C")
        return values

    def test_counts(self, run, counts):
        result = run("credible", "counts.fits", "out.fits", code=1)
        assert "give --normalize if a level is a fraction of their sum, or --density if" in result.stderr
        run("credible", "counts.fits", "out.fits", "--normalize", "--level", "0.3")
        n = int(np.searchsorted(np.cumsum(counts[::-1]), 0.3 * counts.sum())) + 1
        assert np.array_equal(kept(), np.arange(192) >= 192 - n)

    def test_all_files_or_none(self, run, counts, tmp_path):
        words = ("credible", "counts.fits", "a{level}.fits", "--normalize", "--level", "0.5", "--level", "0.9")
        Path("a0.9.fits").write_text("mine")
        assert "a0.9.fits exists already" in run(*words, code=1).stderr
        assert not Path("a0.5.fits").exists()
        run(*words, "--overwrite")
        assert Mask.read("a0.5.fits").issubset(Mask.read("a0.9.fits"))
        before = Path("counts.fits").read_bytes()
        result = run("credible", "counts.fits", "counts.fits", "--normalize", "--overwrite", code=1)
        assert "counts.fits is an input" in result.stderr
        assert Path("counts.fits").read_bytes() == before

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (("counts.fits", "a.fits", "--level", "0.5", "--level", "0.9"), 2, "put {level} into the name"),
            (
                ("counts.fits", "a{level}.fits", "--level", "0.5", "--level", "0.9", "--plot", "a.png"),
                2,
                "put {level} into the name",
            ),
            (
                ("counts.fits", "a{level}.fits", "--level", "0.5", "--level", "0.50"),
                1,
                "two outputs have the same name",
            ),
            (
                ("counts.fits", "a.fits", "--level", "90"),
                1,
                "--level must be above 0 and at most 1, got 90: give 0.9 for",
            ),
            (("counts.fits", "a.fits", "--level", "0"), 1, "--level must be above 0 and at most 1, got 0"),
            (("counts.fits", "a.fits", "--crossing", "in"), 2, "--crossing"),
            (("counts.fits", "a.xyz"), 1, "a.xyz: the name of a mask file"),
            (("bad.fits", "a.fits"), 1, "bad.fits: "),
            (("density.fits", "a.fits", "--sums"), 1, "--sums is given, but the values are in 1 / sr, which is a dens"),
            (("galactic.fits", "a.json", "--normalize"), 1, "convert it with hpmask convert --frame icrs"),
            (("density.fits", "a.fits"), 1, "and not to 1: give --normalize if a level is a fraction of their sum\n"),
        ],
    )
    def test_errors(self, run, counts, tmp_path, words, code, message):
        Path("bad.fits").write_text("no map")
        for name, frame, unit in (("density.fits", "icrs", "1 / sr"), ("galactic.fits", "galactic", None)):
            io.write_map(HealpixMap(np.ones(12), nest=True, frame=frame, unit=unit), name)
        before = sorted(tmp_path.iterdir())
        assert message in run("credible", *words, code=code).stderr
        assert sorted(tmp_path.iterdir()) == before


class TestOtherCommands:
    @pytest.mark.parametrize("words", [("info",), ("plot", "a.png"), ("convert", "a.fits"), ("query", "1", "2")])
    def test_values_are_no_masks(self, run, image, cells, words):
        for name in ("map.fits", "image.fits"):
            result = run(words[0], name, *words[1:], code=1)
            assert result.stderr.rstrip().endswith("use hpmask threshold"), result.stderr
