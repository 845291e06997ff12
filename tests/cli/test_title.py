"""The title of a recipe, which stays with the mask and its file."""

import json
import pickle
from io import BytesIO
from pathlib import Path

import pytest
from astropy.io import fits

from hpmask import Mask, MaskSet
from hpmask.recipe import read_recipe

TITLES = ["Round the Crab", 'Über "alles", it\'s\n3 \\ lines ' + 20 * "long " + "."]
BODY = '\norder = 6\n[[exclude]]\nds9 = "icrs; circle(83,22,3)"\n'


@pytest.fixture(params=TITLES, ids=["plain", "odd"])
def title(request):
    return request.param


@pytest.fixture
def mask(run, title):
    """The mask of r.toml, which has the title."""
    Path("r.toml").write_text(f"title = {json.dumps(title)}{BODY}", "utf-8")
    return read_recipe("r.toml").build()


class TestMask:
    def test_of_a_recipe(self, mask, title):
        assert mask.title == title
        assert pickle.loads(pickle.dumps(mask)).title == title

    def test_none(self, run):
        Path("r.toml").write_text(BODY)
        assert read_recipe("r.toml").build().title == ""
        assert Mask.full().title == ""
        # Not TOML, and a title that is not text.
        for notes in ("title =", "title = 3", "no", ""):
            assert Mask.full().planes[0] is not None
            assert Mask(Mask.full().planes, history=f"recipe('r.toml')\n{notes}").title == ""
        assert Mask(Mask.full().planes, history="full()\ntitle = 'a'").title == ""

    def test_other_masks_have_none(self, mask):
        for other in (~mask, mask | mask, mask - Mask.full(), mask.dilate("1 deg"), mask.at_order(4)):
            assert other.title == ""


class TestFiles:
    @pytest.mark.parametrize("format", ["fits", "healpix", "parquet", "hats"])
    def test_round_trip(self, mask, title, format):
        if format in ("parquet", "hats"):
            pytest.importorskip("pyarrow")
        mask.write("m", format=format)
        found = Mask.read("m", format=format)
        assert found == mask
        assert found.title == title

    @pytest.mark.parametrize("format", ["ascii", "json"])
    def test_formats_without_history(self, mask, format):
        file = BytesIO()
        mask.write(file, format=format)
        file.seek(0)
        assert Mask.read(file).title == ""

    def test_layers(self, mask, title):
        MaskSet({"a": mask, "b": ~mask}).write("set.fits")
        assert {name: one.title for name, one in MaskSet.read("set.fits").items()} == {"a": title, "b": ""}

    @pytest.mark.parametrize("format", ["fits", "healpix"])
    def test_header(self, mask, title, format):
        """Read by astropy: the title in printable ASCII, with checksums that hold."""
        for one, expected in ((mask, title), (~mask, None)):
            one.write("m.fits", format=format, overwrite=True)
            with fits.open("m.fits", checksum=True) as hdus:
                hdus.verify("exception")
                found = hdus[0].header.get("TITLE")
            assert (found and found.encode("ascii").decode("unicode_escape")) == expected


class TestCommands:
    def test_build_and_info(self, run, mask, title):
        assert json.loads(run("build", "r.toml", "m.fits", "--json").stdout)["title"] == title
        assert f"\ntitle    {title.splitlines()[0]}" in run("info", "m.fits").stdout
        assert json.loads(run("info", "m.fits", "--json").stdout)["title"] == title
        run("not", "m.fits", "n.fits")
        assert "title" not in run("info", "n.fits").stdout
        assert json.loads(run("info", "n.fits", "--json").stdout)["title"] is None
        run("convert", "m.fits", "p.parquet")
        assert Mask.read("p.parquet").title == title

    def test_plot(self, run, mask, monkeypatch):
        mask.write("m.fits")
        (~mask).write("n.fits")
        given = []
        monkeypatch.setattr(Mask, "plot", lambda self, **options: given.append(options["title"]))
        run("plot", "m.fits", "a.png", "--dpi", "20")
        run("plot", "m.fits", "b.png", "--dpi", "20", "--title", "Mine")
        run("plot", "n.fits", "c.png", "--dpi", "20")
        assert given == [mask.title, "Mine", None]
