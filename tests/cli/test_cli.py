"""The command line: what it prints, what it writes, and how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from hpmask import EnergyAxis, Mask, __version__
from hpmask.cli import main, pictures
from hpmask.cli.look import plot
from hpmask.plotting.styles import EXCLUDED, KEPT
from hpmask.recipe import sources
from hpmask.wcs import field_wcs

plt = pytest.importorskip("matplotlib.pyplot")

from matplotlib.colors import to_rgb  # noqa: E402

EXAMPLE = Path(__file__).parents[2] / "examples" / "fermi_exclusion"
CRAB = SkyCoord(83.633, 22.014, unit="deg")


@pytest.fixture
def hole(tmp_path):
    """All sky but 2 deg around the Crab, also as hole.fits."""
    mask = ~Mask.from_cones(CRAB, "2 deg", order=8)
    mask.write(tmp_path / "hole.fits")
    return mask


@pytest.fixture
def by_energy(tmp_path):
    """Holes of 20 and 5 deg around the Crab in two bins, also as energy.fits."""
    planes = [(~Mask.from_cones(CRAB, radius, order=6)).planes[0] for radius in ("20 deg", "5 deg")]
    mask = Mask(planes, energy=EnergyAxis([10, 100, 1000] * u.GeV), history="first step\nsecond step")
    mask.write(tmp_path / "energy.fits")
    return mask


COMMAND = (sys.executable, "-c", "from hpmask.cli import main; main()")


class TestBuild:
    recipe = (
        'title = "Round the Crab"\norder = 8\n'
        '[[exclude]]\nname = "stars"\ncatalog = "stars.csv"\nradius = "2 deg"\n'
        '[[cutout]]\nfile = "crab.fits"\nplot = "crab.png"\n'
        'center = "83.633 22.014"\nwidth = "10 deg"\nbinsz = "0.1 deg"\n'
    )

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path):
        (tmp_path / "stars.csv").write_text("ra,dec\n83.633,22.014\n120,-40\n")
        (tmp_path / "recipe.toml").write_text(self.recipe)

    def test_all_outputs(self, run, tmp_path):
        result = run("build", "recipe.toml", "mask.fits", "--plot", "sky.png")
        mask = Mask.read("mask.fits")
        stars = SkyCoord([83.633, 120], [22.014, -40], unit="deg")
        assert mask == ~Mask.from_cones(stars, "2 deg", order=8)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "crab.fits",
            "crab.png",
            "mask.fits",
            "recipe.toml",
            "sky.png",
            "stars.csv",
        ]
        with fits.open("crab.fits") as hdus:
            image = hdus[0].data if hdus[0].data is not None else hdus[1].data
            wcs = WCS(hdus[0].header if hdus[0].data is not None else hdus[1].header)
        assert image.shape == (100, 100)
        assert np.array_equal(image != 0, mask.to_wcs(wcs, (100, 100)))
        assert image[50, 50] == 0
        assert image[0, 0] == 1
        assert "Round the Crab" in result.stdout
        assert re.search(r"excluded +stars: 2 sources, 25\.\d+ deg2, 0\.06\d+ % of the sky", result.stdout)
        assert f"{mask.area.value:.2f} deg2" in result.stdout
        assert re.search(r"wrote +mask\.fits, crab\.fits, sky\.png, crab\.png", result.stdout)
        assert re.search(r"time +\d+\.\d\d s", result.stdout)
        assert result.stderr == ""

    def test_order_is_chosen_and_shown(self, run):
        text = self.recipe.replace("order = 8\n", "")
        Path("recipe.toml").write_text(text)
        result = run("build", "recipe.toml", "mask.fits")
        mask = Mask.read("mask.fits")
        stars = SkyCoord([83.633, 120], [22.014, -40], unit="deg")
        assert mask == ~Mask.from_cones(stars, "2 deg")
        assert re.search(rf"cells +icrs, order {mask.order} chosen, \d+ ranges", result.stdout)

    def test_order_and_resolution_of_the_command(self, run):
        for words, order, shown in (
            (("--order", "6"), 6, "order 6"),
            (("--resolution", "1 deg"), 6, "order 6 from resolution 1 deg"),
        ):
            result = run("build", "recipe.toml", "mask.fits", "--overwrite", *words)
            assert Mask.read("mask.fits").order == order
            assert f"icrs, {shown}, " in result.stdout
        for words, code, message in (
            (("--order", "6", "--resolution", "1 deg"), 2, "--order and --resolution exclude each other"),
            (("--order", "30"), 2, "--order"),
            (("--resolution", "1"), 1, "resolution"),
            (("--resolution", "0 deg"), 1, "resolution must be a positive angle"),
        ):
            assert message in run("build", "recipe.toml", "new.fits", *words, code=code).stderr
            assert not Path("new.fits").exists()

    def test_pictures_show_the_mask(self, run):
        run("build", "recipe.toml", "mask.fits")
        image = plt.imread("crab.png")[..., :3]
        shares = [(np.abs(image - to_rgb(colour)).max(axis=-1) < 0.02).sum() for colour in (KEPT, EXCLUDED)]
        # A hole of 2 deg radius in a field of 10 x 10 deg2.
        assert shares[1] / sum(shares) == pytest.approx(np.pi * 4 / 100, abs=0.02)

    def test_cutouts_are_beside_the_mask(self, run, tmp_path):
        (tmp_path / "out").mkdir()
        run("build", "recipe.toml", "out/mask.fits")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
            "crab.fits",
            "crab.png",
            "mask.fits",
        ]

    def test_quiet(self, run):
        result = run("build", "recipe.toml", "mask.fits", "-q", "-j", "1")
        assert result.output == ""

    def test_workers(self, run, tmp_path, monkeypatch):
        pytest.importorskip("dask")
        given = []
        on_workers = sources.Catalog.on_workers

        def watched(self, grid, order, mode, workers):
            given.append(workers)
            # In this process: to begin another one takes seconds.
            return on_workers(self, grid, order, mode, 1)

        monkeypatch.setattr(sources.Catalog, "on_workers", watched)
        run("build", "recipe.toml", "serial.fits", "-q")
        run("build", "recipe.toml", "mask.fits", "-q", "--overwrite", "--workers", "2")
        assert given == [2]
        assert Mask.read(tmp_path / "mask.fits") == Mask.read(tmp_path / "serial.fits")
        run("build", "recipe.toml", "other.fits", "--workers", "0", code=2)

    def test_threads(self, run, hole, monkeypatch):
        """The option has Python's name, and comes to each method that takes it."""
        given = []

        def watch(name):
            method = getattr(Mask, name)

            def watched(*arguments, n_threads=None, **options):
                given.append((name, n_threads))
                return method(*arguments, n_threads=n_threads, **options)

            monkeypatch.setattr(Mask, name, watched)

        for name in ("write_wcs", "contains", "to_frame"):
            watch(name)
        build = sources.from_shapes

        def watched(*arguments, n_threads=None, **options):
            given.append(("from_catalog", n_threads))
            return build(*arguments, n_threads=n_threads, **options)

        monkeypatch.setattr(sources, "from_shapes", watched)
        run("build", "recipe.toml", "mask.fits", "-q", "--n-threads", "2")
        run("query", "mask.fits", "83", "-22", "--n-threads", "3")
        run("to-wcs", "mask.fits", "--center", "83 22", "--width", "5 deg", "cut.fits", "--n-threads", "4")
        run("convert", "mask.fits", "other.fits", "--frame", "galactic", "-j", "5")
        assert given == [("from_catalog", 2), ("write_wcs", 2), ("contains", 3), ("write_wcs", 4), ("to_frame", 5)]
        run("query", "mask.fits", "83", "22", "--n-threads", "0", code=2)

    @pytest.mark.parametrize("there", ["mask.fits", "sky.png", "crab.fits", "crab.png"])
    def test_nothing_is_overwritten_unless_asked(self, run, tmp_path, there):
        (tmp_path / there).write_text("mine")
        words = ("build", "recipe.toml", "mask.fits", "--plot", "sky.png")
        result = run(*words, code=1)
        assert result.stderr == f"hpmask: error: {there} exists already: --overwrite replaces it\n"
        assert (tmp_path / there).read_text() == "mine"
        others = {"mask.fits", "sky.png", "crab.fits", "crab.png"} - {there}
        assert not any((tmp_path / other).exists() for other in others)

    def test_overwrite(self, run, tmp_path):
        names = ("mask.fits", "sky.png", "crab.fits", "crab.png")
        for name in names:
            (tmp_path / name).write_text("mine")
        run("build", "recipe.toml", "mask.fits", "--plot", "sky.png", "--overwrite")
        assert all((tmp_path / name).read_bytes() != b"mine" for name in names)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("no.toml", "m.fits"), "no.toml: No such file or directory"),
            (("recipe.toml", "no/m.fits"), "no/m.fits: the directory no does not exist"),
            (("recipe.toml", "."), ". is a directory"),
            (
                ("recipe.toml", "m.fits", "--plot", "sky.xyz"),
                "sky.xyz: the name of a picture must end in one of",
            ),
            (("recipe.toml", "m.fits", "--plot", "m.fits"), "two outputs have the same name, m.fits"),
            (("recipe.toml", "m.xyz"), "m.xyz: the name of a mask file must end in one of .fits"),
        ],
    )
    def test_errors_in_one_line(self, run, tmp_path, words, message):
        before = sorted(tmp_path.iterdir())
        result = run("build", *words, code=1)
        assert result.stderr.startswith("hpmask: error: ")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
        assert sorted(tmp_path.iterdir()) == before

    def test_mistake_in_the_recipe(self, run, tmp_path):
        (tmp_path / "recipe.toml").write_text(self.recipe.replace("radius", "raduis"))
        result = run("build", "recipe.toml", "mask.fits", code=1)
        assert result.stderr.startswith("hpmask: error: recipe.toml:6: [[exclude]] has no key 'raduis': did you mean")
        assert result.stderr.count("\n") == 1

    @pytest.mark.filterwarnings("default:.*left out")
    def test_rows_left_out_are_told(self, run, tmp_path):
        (tmp_path / "stars.csv").write_text("ra,dec\n83.633,22.014\n120,\n")
        (tmp_path / "recipe.toml").write_text(
            'order = 6\n[[exclude]]\ncatalog = "stars.csv"\nradius = "2 deg"\ninvalid = "skip"\n'
        )
        result = run("build", "recipe.toml", "mask.fits")
        assert result.stderr.startswith("hpmask: warning: ")
        assert result.stderr.count("\n") == 1
        assert "1 source, 1 row left out" in result.stdout

    def test_energy_in_the_summary(self, run, tmp_path):
        (tmp_path / "recipe.toml").write_text(
            'order = 6\nenergy = { edges = ["10 GeV", "100 GeV", "1 TeV"] }\n'
            '[[exclude]]\ncatalog = "stars.csv"\nradius = ["20 deg", "5 deg"]\n'
        )
        result = run("build", "recipe.toml", "mask.fits")
        assert re.search(r"kept +10-100 GeV: [\d.]+ deg2.*\n +100-1000 GeV: [\d.]+ deg2", result.stdout)

    def test_without_matplotlib(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        result = run("build", "recipe.toml", "mask.fits", code=1)
        assert result.stderr == 'hpmask: error: pictures need matplotlib: pip install "hpmask[plot]"\n'
        assert not Path("mask.fits").exists()


class TestExample:
    @pytest.mark.deep
    def test_one_command(self, run, tmp_path):
        result = run("build", EXAMPLE / "recipe.toml", "mask.fits", "--plot", "sky.png")
        mask = Mask.read("mask.fits")
        assert not mask.contains(CRAB)
        assert "7195 sources" in result.stdout
        assert "82 sources" in result.stdout
        assert {"mask.fits", "sky.png", "crab.fits", "crab.png"} == {path.name for path in tmp_path.iterdir()}
        assert "order = 10" in run("info", "mask.fits").stdout


class TestInfo:
    def test_facts(self, run, hole):
        text = run("info", "hole.fits").stdout
        assert re.search(r"^file +hole\.fits \(\d+ bytes\)$", text, re.M)
        assert re.search(r"^frame +icrs$", text, re.M)
        assert re.search(r"^order +8 \(cells of 13\.7 arcmin\)$", text, re.M)
        assert re.search(rf"^kept +{hole.area.value:.2f} deg2, 99\.97 % of the sky$", text, re.M)
        assert re.search(rf"^ranges +{hole.n_ranges} \(", text, re.M)
        assert all(line == line.rstrip() for line in text.splitlines())

    def test_energy_and_history(self, run, by_energy):
        text = run("info", "energy.fits").stdout
        assert re.search(r"^energy +2 bins \(energy\), edges 10, 100, 1000 GeV$", text, re.M)
        assert re.search(r"^kept +10-100 GeV: .*\n +100-1000 GeV: ", text, re.M)
        assert "first step" in text
        assert "second step" in text

    def test_json(self, run, hole, by_energy):
        facts = json.loads(run("info", "hole.fits", "--json").stdout)
        assert facts["sky_fraction"] == hole.sky_fraction
        assert (facts["frame"], facts["order"], facts["energy"]) == ("icrs", 8, None)
        facts = json.loads(run("info", "energy.fits", "--json").stdout)
        assert facts["energy"]["edges"] == [10, 100, 1000]
        assert facts["sky_fraction"] == by_energy.sky_fraction.tolist()

    @pytest.mark.parametrize("content", [b"", b"no mask", b"SIMPLE  = "])
    def test_no_mask(self, run, tmp_path, content):
        (tmp_path / "bad.fits").write_bytes(content)
        result = run("info", "bad.fits", code=1)
        assert result.stderr.startswith("hpmask: error: ")
        assert "bad.fits" in result.stderr
        assert result.stderr.count("\n") == 1

    def test_no_file(self, run):
        assert run("info", "no.fits", code=1).stderr == "hpmask: error: no.fits: No such file or directory\n"


class TestQuery:
    @pytest.mark.parametrize(
        ("words", "code", "answer"),
        [
            (("83.633", "22.014"), 3, "excluded"),
            (("05h34m32s", "+22d00m52s"), 3, "excluded"),
            (("184.557", "-5.784", "--frame", "galactic"), 3, "excluded"),
            (("83.633", "-22.014"), 0, "kept"),
            (("83.633", "-5"), 0, "kept"),
            (("--frame", "icrs", "83.633", "-5e0"), 0, "kept"),
        ],
    )
    def test_position(self, run, hole, words, code, answer):
        assert run("query", "hole.fits", *words, code=code).stdout == f"{answer}\n"

    def test_energy(self, run, by_energy):
        ten_off = ("83.633", "32.014")
        result = run("query", "energy.fits", *ten_off)
        assert result.stdout == "excluded  10-100 GeV\nkept      100-1000 GeV\n"
        assert run("query", "energy.fits", *ten_off, "--energy", "20 GeV", code=3).stdout == "excluded\n"
        assert run("query", "energy.fits", *ten_off, "--energy", "0.2 TeV").stdout == "kept\n"
        assert run("query", "energy.fits", *ten_off, "--energy", "20 TeV", code=3).stdout == "excluded\n"
        run("query", "energy.fits", "83.633", "22.014", code=3)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("83.633", "ninety"), "a position must be like"),
            (("83.633", "95"), "a position must be like"),
            (("1", "2", "--energy", "5 deg"), "energy must be an energy, got the unit 'deg'"),
        ],
    )
    def test_mistakes(self, run, by_energy, words, message):
        result = run("query", "energy.fits", *words, code=1)
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


class TestPlot:
    @pytest.mark.deep
    def test_picture(self, run, hole):
        run("plot", "hole.fits", "sky.png", "--dpi", "50", "--frame", "galactic", "--title", "A hole")
        assert Path("sky.png").read_bytes().startswith(b"\x89PNG")
        assert run("plot", "hole.fits", "sky.png", code=1).stderr.endswith("--overwrite replaces it\n")
        run("plot", "hole.fits", "sky.png", "--overwrite", "--dpi", "50")

    @pytest.mark.deep
    def test_other_formats(self, run, hole):
        run("plot", "hole.fits", "sky.svg", "--dpi", "50")
        assert b"<svg" in Path("sky.svg").read_bytes()
        run("plot", "hole.fits", "sky.pdf", "--dpi", "50", "--projection", "ait", "--center", "0 deg")
        assert Path("sky.pdf").read_bytes().startswith(b"%PDF")

    @pytest.mark.deep
    def test_energy(self, run, by_energy):
        run("plot", "energy.fits", "a.png", "--energy", "20 GeV", "--dpi", "50")
        run("plot", "energy.fits", "b.png", "--energy", "200 GeV", "--dpi", "50")
        run("plot", "energy.fits", "c.png", "--bins", "--dpi", "50", "--title", "Bins")
        assert Path("a.png").read_bytes() != Path("b.png").read_bytes()
        assert "in one of the bins" in run("plot", "energy.fits", "d.png", "--energy", "1 GeV", code=1).stderr
        run("plot", "energy.fits", "d.png", "--bins", "--energy", "20 GeV", code=2)
        assert not Path("d.png").exists()

    def test_options_are_those_of_python(self):
        """Each option of the methods by its name, and no other but what a file needs."""
        names = {one.name for one in plot.params if one.expose_value} - {"mask", "out", "bins", "dpi", "overwrite"}
        python = {*signature(Mask.plot).parameters, *signature(Mask.plot_grid).parameters}
        # A figure and axes are objects, and the number of pixels comes with the file.
        assert names == python - {"self", "ax", "figure", "shape"}

    def test_options_come_to_the_methods(self, run, by_energy, monkeypatch):
        given = {}

        def draw(self, *, figure, **options):
            given.update(options, size=tuple(figure.get_size_inches()))

        monkeypatch.setattr(Mask, "plot", draw)
        monkeypatch.setattr(Mask, "plot_grid", draw)
        words = ["--frame", "galactic", "--center", "184.557 -5.784", "--width", "9 deg", "--height", "3 deg"]
        words += ["--projection", "ait", "--kept", "red", "--excluded", "none", "--alpha", "0.5", "--no-legend"]
        words += ["--style", "outline", "--label", "B", "--edge", "blue", "--lon-unit", "hour", "--no-vector"]
        words += ["--title", "A", "--dpi", "20", "--overwrite", "a.png"]
        run("plot", "energy.fits", *words, "--energy", "20 GeV", "--figsize", "3", "2")
        center = given.pop("center")
        assert center == "184.557 -5.784"
        assert given.pop("size") == (3, 2)
        assert {name: value for name, value in given.items() if value is not None} == {
            "frame": "galactic",
            "width": "9 deg",
            "height": "3 deg",
            "projection": "AIT",
            "kept": "red",
            "excluded": "none",
            "alpha": 0.5,
            "style": "outline",
            "label": "B",
            "edge": "blue",
            "lon_unit": "hour",
            "vector": False,
            "legend": False,
            "title": "A",
            "energy": "20 GeV",
        }
        given.clear()
        run("plot", "energy.fits", "--bins", "--ncols", "2", "--center", "30 deg", "a.png", "--overwrite")
        assert (given["ncols"], given["center"], given["legend"]) == (2, "30 deg", True)

    @pytest.mark.deep
    def test_resolution(self, run, hole):
        run("plot", "hole.fits", "a.png", "--figsize", "2", "1")
        assert plt.imread("a.png").shape[:2] == (pictures.DPI, 2 * pictures.DPI)
        run("plot", "hole.fits", "a.png", "--figsize", "2", "1", "--dpi", "40", "--overwrite")
        assert plt.imread("a.png").shape[:2] == (40, 80)

    def test_field(self, run, hole):
        run("plot", "hole.fits", "a.png", "--center", "83.633 22.014", "--width", "9 deg", "--dpi", "50")
        image = plt.imread("a.png")[..., :3]
        shares = [(np.abs(image - to_rgb(colour)).max(axis=-1) < 0.02).sum() for colour in (KEPT, EXCLUDED)]
        # A hole of 2 deg radius in a field of 9 x 9 deg2.
        assert shares[1] / sum(shares) == pytest.approx(np.pi * 4 / 81, abs=0.02)
        hole.write_wcs("image.fits", *field_wcs(CRAB, "9 deg"))
        run("plot", "hole.fits", "b.png", "--wcs", "image.fits", "--dpi", "50")
        assert plt.imread("b.png").shape == plt.imread("a.png").shape

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (("--width", "3 deg"), 2, "--width needs the position"),
            (("--ncols", "3"), 2, "--ncols needs --bins"),
            (("--figsize", "0", "3"), 2, "--figsize must be"),
            (("--height", "3 deg"), 1, "height belongs to a field"),
            (("--projection", "TAN"), 1, "whole sky must be 'MOL' or 'AIT', got 'TAN'"),
            (("--center", "1 two", "--width", "3 deg"), 1, "a position must be like"),
            (("--wcs", "hole.fits"), 1, "hole.fits: no image has a celestial WCS"),
            (("--wcs", "no.fits"), 1, "no.fits: No such file or directory"),
            (("--kept", "reddish"), 1, "reddish"),
        ],
    )
    def test_mistakes(self, run, hole, words, code, message):
        result = run("plot", "hole.fits", "a.png", *words, code=code)
        assert message in result.stderr
        assert not Path("a.png").exists()


class TestToWcs:
    def test_like(self, run, hole):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["GLON-SIN", "GLAT-SIN"]
        wcs.wcs.crval = [184, -5]
        wcs.wcs.crpix = [30.5, 20.5]
        wcs.wcs.cdelt = [-0.1, 0.1]
        fits.writeto("like.fits", np.zeros((40, 60)), wcs.to_header())
        run("to-wcs", "hole.fits", "--wcs", "like.fits", "cut.fits")
        image, header = fits.getdata("cut.fits", header=True)
        assert np.array_equal(image != 0, hole.to_wcs(wcs, (40, 60)))
        assert WCS(header).wcs.compare(wcs.wcs, tolerance=1e-12)

    def test_like_is_read_as_by_python(self, run, by_energy):
        """Latitude first, axes that are not there, several images, and bins of its own."""
        bins = EnergyAxis.from_bounds("10 GeV", "1 TeV", 4)
        header = fits.Header()
        header.update(CTYPE1="DEC--TAN", CTYPE2="RA---TAN", CRVAL1=22.0, CRVAL2=83.6, CRPIX1=30.5, CRPIX2=25.5)
        header.update(CDELT1=0.5, CDELT2=-0.5, CTYPE3="ENERGY", CTYPE4="STOKES")
        image = fits.ImageHDU(np.zeros((50, 60)), header, name="CHIP")
        cube = fits.ImageHDU(np.zeros((4, 50, 60)), header, name="CUBE")
        fits.HDUList([fits.PrimaryHDU(), image, cube, fits.BinTableHDU(bins.to_table())]).writeto("like.fits")
        flat = by_energy.reduce("any")
        flat.write("flat.fits")
        for mask, source, hdu, shape in (
            (by_energy, "energy.fits", "1", (2, 50, 60)),
            (flat, "flat.fits", "CUBE", (4, 50, 60)),
        ):
            run("to-wcs", source, "--wcs", "like.fits", "--hdu", hdu, "cut.fits", "--overwrite")
            written = fits.getdata("cut.fits")
            assert written.shape == shape
            assert np.array_equal(written != 0, mask.to_wcs("like.fits", hdu=hdu))
        message = run("to-wcs", "energy.fits", "--wcs", "like.fits", "no.fits", code=1).stderr
        assert "there are 2 images of the sky, HDU 1 CHIP" in message
        assert "such as --hdu 'CHIP'" in message

    def test_field(self, run, hole):
        run(
            "to-wcs",
            "hole.fits",
            "cut.fits",
            "--center",
            "184.557 -5.784",
            "--width",
            "6 deg",
            "--height",
            "5 deg",
            "--binsz",
            "6 arcmin",
            "--projection",
            "car",
            "--frame",
            "galactic",
            "--plot",
            "cut.png",
        )
        image, header = fits.getdata("cut.fits", header=True)
        assert image.shape == (50, 60)
        wcs = WCS(header)
        assert wcs.wcs.ctype[0] == "GLON-CAR"
        assert wcs.pixel_to_world(29.5, 24.5).separation(CRAB) < 0.1 * u.arcmin
        assert np.array_equal(image != 0, hole.to_wcs(wcs, (50, 60)))
        assert Path("cut.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
    def test_mode(self, run, hole, mode):
        run("to-wcs", "hole.fits", "c.fits", "--center", "83 22", "--width", "5 deg", "--mode", mode)
        image, header = fits.getdata("c.fits", header=True)
        assert np.array_equal(image != 0, hole.to_wcs(WCS(header), image.shape, mode=mode))

    def test_energy(self, run, by_energy):
        run(
            "to-wcs",
            "energy.fits",
            "cut.fits",
            "--center",
            "05h34m32s +22d",
            "--width",
            "20 deg",
            "--binsz",
            "1 deg",
        )
        assert fits.getdata("cut.fits").shape == (2, 20, 20)

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            ((), 2, "Missing option '--wcs', or '--center' and '--width'"),
            (("--center", "1 2"), 2, "Missing option"),
            (("--wcs", "a.fits", "--binsz", "1 deg"), 2, "it cannot be combined with --binsz"),
            (("--hdu", "1"), 2, "--hdu chooses an image of the file --wcs"),
            (("--center", "1 2", "--width", "2000 deg"), 1, "width of a TAN image must be at most 180 deg"),
            (("--center", "1 2", "--width", "2"), 1, "such as '2 deg'"),
            (("--wcs", "a.fits"), 1, "hpmask: error: a.fits: No such file or directory"),
            (("--wcs", "hole.fits"), 1, "hole.fits: no image has a celestial WCS"),
            (("--center", "1 2", "--width", "5"), 1, "width must be an angle"),
            (("--center", "1 2", "--width", "5 deg", "--projection", "XXX"), 2, "Invalid value for '--projection'"),
        ],
    )
    def test_mistakes(self, run, hole, words, code, message):
        result = run("to-wcs", "hole.fits", "cut.fits", *words, code=code)
        assert message in result.stderr
        assert not Path("cut.fits").exists()


class TestConvert:
    @pytest.mark.parametrize("name", ["a.txt", "a.json", "a.fits"])
    def test_formats(self, run, hole, name):
        run("convert", "hole.fits", name)
        run("convert", name, "back.fits")
        assert Mask.read("back.fits") == hole

    def test_changes(self, run, hole, by_energy):
        run("convert", "energy.fits", "all.fits", "--reduce", "all")
        assert Mask.read("all.fits") == by_energy.reduce("all")
        run("convert", "hole.fits", "coarse.fits", "--order", "5", "--mode", "inside", "--frame", "galactic")
        assert Mask.read("coarse.fits") == hole.to_frame("galactic").at_order(5, mode="inside")
        run("convert", "hole.fits", "one.fits", "--resolution", "1 deg", "--mode", "overlap")
        assert Mask.read("one.fits") == hole.at_order(6, mode="overlap")
        run("convert", "hole.fits", "most.fits", "--order", "4", "--threshold", "0.9")
        assert Mask.read("most.fits") == hole.at_order(4, threshold=0.9)
        result = run("convert", "hole.fits", "x.fits", "--order", "4", "--threshold", "0.9", "--mode", "center", code=2)
        assert "--mode and --threshold exclude each other" in result.stderr
        for words in (("--threshold", "0.9"), ("--mode", "inside")):
            result = run("convert", "hole.fits", "x.fits", *words, code=2)
            assert f"{words[0]} is for a coarser order: give --order or --resolution" in result.stderr
        result = run("convert", "hole.fits", "two.fits", "--resolution", "1 deg", "--order", "3", code=2)
        assert "exclude each other" in result.stderr
        result = run("convert", "hole.fits", "two.fits", "--resolution", "1", code=1)
        assert "resolution" in result.stderr
        assert not Path("two.fits").exists()

    def test_region_files(self, run, hole, by_energy):
        for name in ("m.reg", "m.crtf", "m.geojson", "m.stcs"):
            run("convert", "hole.fits", name)
            assert Mask.from_regions(name, order=hole.order) == hole
        run("convert", "hole.fits", "less.reg", "--simplify", "0.2 deg")
        assert Path("less.reg").stat().st_size < Path("m.reg").stat().st_size
        result = run("convert", "energy.fits", "bin.reg", code=1)
        assert "each plane has its own outline" in result.stderr
        run("convert", "energy.fits", "bin.reg", "--bin", "1")
        assert Mask.from_regions("bin.reg", order=by_energy.order) == by_energy[1]
        result = run("convert", "energy.fits", "x.fits", "--bin", "1", "--reduce", "any", code=2)
        assert "--reduce and --bin exclude each other" in result.stderr
        result = run("convert", "hole.fits", "x.fits", "--simplify", "1 deg", code=1)
        assert "simplify= is an option of the format" in result.stderr
        assert not Path("x.fits").exists()

    def test_healpix(self, run, hole):
        run("convert", "hole.fits", "map.fits", "--format", "healpix")
        assert Mask.read("map.fits", format="healpix") == hole
        run("convert", "map.fits", "back.fits")
        assert Mask.read("back.fits") == hole
        values = hole.to_healpix(nest=True).astype("f4")
        columns = [fits.Column(name, "E", array=one) for name, one in (("A", 0 * values), ("B", values))]
        table = fits.BinTableHDU.from_columns(columns, name="MAPS")
        fits.HDUList([fits.PrimaryHDU(), table]).writeto("odd.fits")
        words = ("convert", "odd.fits", "mask.txt", "--hdu", "maps", "--map-frame", "icrs", "--nest")
        for column in ("B", "1"):
            run(*words, "--column", column, "--overwrite")
            assert Mask.read("mask.txt") == hole
        result = run("convert", "odd.fits", "c.txt", "--hdu", "1", "--column", "1", "--nest", code=1)
        assert "odd.fits: HDU 1: COORDSYS is missing" in result.stderr
        result = run("convert", "hole.fits", "c.txt", "--column", "1", code=1)
        assert "no HEALPix map in this file" in result.stderr

    def test_overwrite(self, run, hole):
        run("convert", "hole.fits", "a.fits")
        result = run("convert", "hole.fits", "a.fits", code=1)
        assert result.stderr == "hpmask: error: a.fits exists already: --overwrite replaces it\n"
        run("convert", "hole.fits", "a.fits", "--overwrite", "--order", "9")
        assert Mask.read("a.fits").order == 9

    def test_format_that_cannot_hold_the_mask(self, run, by_energy):
        result = run("convert", "energy.fits", "a.txt", code=1)
        assert result.stderr.startswith("hpmask: error: ")
        assert not Path("a.txt").exists()


class TestInputsAsOutputs:
    """An output that is read, too, is refused, by whatever name and also with --overwrite."""

    @pytest.fixture
    def files(self, tmp_path, hole):
        """hole.fits, a link and a hard link to it, an image and a recipe that reads the mask."""
        hole.write_wcs("image.fits", *self.field())
        Path("link.fits").symlink_to("hole.fits")
        os.link("hole.fits", "hard.fits")
        Path("sub").mkdir()
        Path("a.reg").write_text("icrs; circle(1,2,3)")
        Path("recipe.toml").write_text(
            'order = 6\n[[keep]]\nmask = "hole.fits"\n[[exclude]]\nregions = "a.reg"\n'
            '[[cutout]]\ncenter = "83 22"\nwidth = "5 deg"\nfile = "cut.fits"\n'
        )
        return {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    @staticmethod
    def field():
        return field_wcs(CRAB, "2 deg")

    @pytest.mark.parametrize(
        "words",
        [
            ["convert", "hole.fits", "hole.fits"],
            ["convert", "link.fits", "sub/../hole.fits"],
            ["convert", "hole.fits", "hard.fits"],
            ["plot", "hole.fits", "link.fits"],
            ["to-wcs", "hole.fits", "--wcs", "image.fits", "image.fits"],
            ["to-wcs", "link.fits", "--wcs", "image.fits", "hole.fits"],
            ["to-wcs", "hole.fits", "--wcs", "image.fits", "new.fits", "--plot", "hole.fits"],
            ["build", "recipe.toml", "recipe.toml"],
            ["build", "recipe.toml", "link.fits"],
            ["build", "recipe.toml", "new.fits", "--plot", "a.reg"],
        ],
    )
    def test_refused(self, run, tmp_path, files, words):
        result = run(*words, "--overwrite", code=1)
        assert "is an input" in result.stderr
        assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == files

    def test_cutout_over_an_input_and_one_file_by_two_names(self, run, files):
        recipe = Path("recipe.toml").read_text()
        Path("recipe.toml").write_text(recipe.replace("cut.fits", "./hole.fits"))
        assert "is an input" in run("build", "recipe.toml", "new.fits", "--overwrite", code=1).stderr
        Path("recipe.toml").write_text(recipe.replace("cut.fits", "sub/../new.fits"))
        assert "two outputs have the same name" in run("build", "recipe.toml", "new.fits", code=1).stderr
        assert not Path("new.fits").exists()


class TestAllOrNothing:
    recipe = (
        'order = 6\n[[exclude]]\nds9 = "icrs; circle(83,22,3)"\n'
        '[[cutout]]\ncenter = "83 22"\nwidth = "5 deg"\nfile = "{file}"\nplot = "{plot}"\n'
    )

    @pytest.mark.parametrize(
        ("file", "plot", "message"),
        [
            ("cut.png", "cut.png", "two outputs have the same name"),
            ("cut.txt", "cut.png", "the name of a FITS image must end in"),
            ("cut.fits", "cut.fits.xyz", "the name of a picture must end in"),
            ("no/cut.fits", "cut.png", "the directory no does not exist"),
        ],
    )
    def test_a_bad_output_is_told_before_any_is_written(self, run, tmp_path, file, plot, message):
        Path("r.toml").write_text(self.recipe.format(file=file, plot=plot))
        assert message in run("build", "r.toml", "new.fits", code=1).stderr
        assert [path.name for path in tmp_path.iterdir()] == ["r.toml"]

    def test_a_failure_on_the_way_leaves_the_old_files(self, run, tmp_path, monkeypatch):
        Path("r.toml").write_text(self.recipe.format(file="cut.fits", plot="cut.png"))
        Path("new.fits").write_text("old")

        def fail(*_, **__):
            raise OSError("no more colours")

        monkeypatch.setattr(sys.modules["hpmask.cli.build"], "field", fail)
        assert "no more colours" in run("build", "r.toml", "new.fits", "--overwrite", code=1).stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == ["new.fits", "r.toml"]
        assert Path("new.fits").read_text() == "old"

    @pytest.mark.filterwarnings("default:left out")
    def test_invalid_regions_can_be_left_out(self, run):
        Path("a.reg").write_text("icrs\ncircle(83,22,3)\nline(83,22,84,22)\ncircle(83,22)\n# text(83,22) text={Crab}\n")
        Path("r.toml").write_text('order = 6\n[[exclude]]\nregions = "a.reg"\n')
        message = run("build", "r.toml", "new.fits", code=1).stderr
        assert "line 4 of 'a.reg' cannot be read as ds9: 'circle(83,22)': circle cannot have 0 numbers" in message
        Path("a.reg").write_text("icrs\ncircle(83,22,3)\nline(83,22,84,22)\n")
        assert "region 1 (line) in line 3 of 'a.reg'" in run("build", "r.toml", "new.fits", code=1).stderr
        advice = "With --invalid skip, or invalid = 'skip' in the entry, such regions are left out"
        message = run("build", "r.toml", "new.fits", code=1).stderr
        assert advice in message
        assert "of item" not in message
        Path("a.reg").write_text("icrs\ncircle(83,22,3)\nline(83,22,84,22)\ncircle(83,22)\n# text(83,22)\n")
        result = run("build", "r.toml", "new.fits", "--invalid", "skip")
        assert "hpmask: warning: left out 2 of 4 regions: region 1 (line) in line 3" in result.stderr
        assert "line 4 of 'a.reg' cannot be read as ds9: 'circle(83,22)'" in result.stderr
        mask = Mask.read("new.fits")
        assert mask == ~Mask.from_regions("icrs; circle(83,22,3)", order=6)
        assert mask.history.startswith("recipe('r.toml', order=6, invalid='skip', sha256 ")
        assert mask.history.endswith(")\n" + Path("r.toml").read_text())


class TestProcess:
    """Behaviour that only a separate process shows."""

    def test_version(self, run):
        assert run("--version").stdout == f"hpmask {__version__}\n"

    @pytest.mark.parametrize("words", [("-h",), *((name, "--help") for name in main.list_commands(None))])
    def test_help(self, run, words):
        assert run(*words).stdout.startswith("Usage: ")

    @pytest.mark.parametrize("words", [("nonsense",), ("build",), ("info",), ("info", "--nonsense", "a")])
    def test_wrong_usage(self, run, words):
        result = run(*words, code=2)
        assert result.stderr.startswith("hpmask: error: ")
        assert result.stderr.endswith(" --help.\n")
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""

    def test_traceback_if_asked(self, run, monkeypatch):
        monkeypatch.setenv("HPMASK_DEBUG", "1")
        with pytest.raises(FileNotFoundError):
            run("info", "no.fits")

    def test_light_start(self):
        code = (
            "import sys, hpmask.cli, hpmask.cli.look, hpmask.cli.build\n"
            "heavy = {'matplotlib', 'rich', 'healpy', 'gammapy', 'pandas', 'pyarrow', 'mocpy'}\n"
            "print(sorted(heavy & set(sys.modules)))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout == "[]\n"

    def test_broken_pipe_is_quiet(self, tmp_path, hole):
        read, write = os.pipe()
        os.close(read)
        process = subprocess.run(
            [*COMMAND, "info", tmp_path / "hole.fits"],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(write)
        assert process.stderr == b""

    def test_interrupt(self, tmp_path):
        # Reading from a pipe that nobody writes to lasts for ever.
        os.mkfifo(tmp_path / "recipe.toml")
        # Where the tests run in the background, the interrupt is ignored, and a new process inherits that.
        process = subprocess.Popen(
            [*COMMAND, "build", "recipe.toml", "m.fits"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        # The pipe opens for writing as soon as the command reads it.
        write = os.open(tmp_path / "recipe.toml", os.O_WRONLY)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
        os.close(write)
        assert process.returncode == 130
        assert error == b"hpmask: interrupted\n"

    @pytest.mark.deep
    def test_progress_on_a_terminal(self, tmp_path):
        (tmp_path / "stars.csv").write_text("ra,dec\n10,20\n")
        (tmp_path / "recipe.toml").write_text(
            'order = 5\n[[exclude]]\nname = "the stars"\ncatalog = "stars.csv"\nradius = "2 deg"\n'
        )
        words = ("build", tmp_path / "recipe.toml", tmp_path / "mask.fits")
        leader, follower = pty.openpty()
        process = subprocess.run(
            [*COMMAND, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=follower,
            env={**os.environ, "TERM": "xterm"},
            check=False,
        )
        os.close(follower)
        shown = os.read(leader, 1 << 16)
        os.close(leader)
        assert process.returncode == 0
        assert b"\x1b[" in shown
        assert b"\x1b[" not in process.stdout
