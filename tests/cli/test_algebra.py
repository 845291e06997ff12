"""Set operations on mask files: against mocpy, against Python, and as chains of commands."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC
from profiles import examples
from strategies import masks

from hpmask import Mask, MaskSet, union_all


def moc(name):
    return MOC.load(name, format="fits")


class TestFiles:
    def test_union(self, run, star, foot):
        result = run("union", "star.fits", "foot.fits", "out.fits")
        assert moc("out.fits") == moc("star.fits").union(moc("foot.fits"))
        assert Mask.read("out.fits") == star | foot
        assert result.stdout == (
            f"out.fits: keeps {(star | foot).area.value:.2f} deg2, {100 * (star | foot).sky_fraction:.4f} % of the sky "
            f"(icrs, order 8, {(star | foot).n_ranges} ranges)\n"
        )

    def test_intersect(self, run, star, foot):
        run("intersect", "star.fits", "foot.fits", "out.fits")
        assert moc("out.fits") == moc("star.fits").intersection(moc("foot.fits"))

    def test_minus(self, run, star, foot):
        run("minus", "foot.fits", "star.fits", "out.fits")
        assert moc("out.fits") == moc("foot.fits").difference(moc("star.fits"))
        Mask.from_zone(lat=("22 deg", "90 deg"), order=3).write("zone.json")
        run("minus", "foot.fits", "star.fits", "zone.json", "two.fits")
        assert moc("two.fits") == moc("out.fits").difference(MOC.load("zone.json", format="json"))

    def test_not(self, run, star):
        run("not", "star.fits", "out.fits")
        assert moc("out.fits") == moc("star.fits").complement()

    def test_several_and_one(self, run, star, foot, bins):
        run("union", "star.fits", "foot.fits", "bins.fits", "out.fits")
        assert Mask.read("out.fits") == union_all([star, foot, bins])
        run("intersect", "star.fits", "one.fits")
        assert Mask.read("one.fits") == star

    @pytest.mark.parametrize("name", ["out.txt", "out.json", "out.fits.gz"])
    def test_formats(self, run, star, foot, name):
        run("minus", "foot.fits", "star.fits", name)
        assert Mask.read(name) == foot - star

    def test_json(self, run, star, foot):
        facts = json.loads(run("minus", "foot.fits", "star.fits", "out.fits", "--json").stdout)
        assert facts["file"] == "out.fits"
        assert facts["area_deg2"] == (foot - star).area.value
        assert facts == json.loads(run("info", "out.fits", "--json").stdout)

    def test_quiet(self, run, star):
        assert run("not", "star.fits", "out.fits", "--quiet").stdout == ""

    def test_mistakes(self, run, star, foot):
        Mask.from_zone(lat=("0 deg", "90 deg"), order=3, frame="galactic").write("galactic.fits")
        for words, code, message in (
            (("union", "star.fits"), 2, "Missing argument"),
            (("minus", "star.fits", "out.fits"), 2, "Missing argument"),
            (("union", "star.fits", "no.fits", "out.fits"), 1, "no.fits: No such file or directory"),
            (("union", "star.fits", "foot.fits", "foot.fits"), 1, "foot.fits is an input"),
            (("union", "star.fits", "out.xyz"), 1, "the name of a mask file must end in"),
            (("union", "star.fits", "galactic.fits", "out.fits"), 1, "hpmask convert --frame icrs"),
        ):
            result = run(*words, code=code)
            assert message in result.stderr
            assert not Path("out.fits").exists()
        run("union", "star.fits", "out.fits")
        assert run("union", "star.fits", "out.fits", code=1).stderr == (
            "hpmask: error: out.fits exists already: --overwrite replaces it\n"
        )
        run("union", "foot.fits", "out.fits", "--overwrite")
        assert Mask.read("out.fits") == foot


def content_of(mask, format="fits"):
    file = BytesIO()
    mask.write(file, format=format)
    return file.getvalue()


STEPS = {
    "union": lambda mask, other: mask | other,
    "intersect": lambda mask, other: mask & other,
    "minus": lambda mask, other: mask - other,
    "minus from": lambda mask, other: other - mask,
    "not": lambda mask, other: ~mask,
    "dilate": lambda mask, other: mask.dilate("9 deg"),
    "erode": lambda mask, other: mask.erode("7 deg"),
}


@examples(40)
@given(first=masks(), steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), masks()), max_size=5))
def test_a_chain_of_commands_is_the_expression(tmp_path_factory, piped, first, steps):
    folder = tmp_path_factory.mktemp("chain")
    content, mask = content_of(first), first
    for i, (step, other) in enumerate(steps):
        path = folder / f"{i}.fits"
        other.write(path)
        words = {
            "minus from": ["minus", path, "-", "-"],
            "not": ["not", "-", "-"],
            "dilate": ["dilate", "-", "-", "--width", "9deg"],
            "erode": ["erode", "-", "-", "--width", "7 deg"],
        }.get(step, [step, "-", path, "-"])
        content = piped(content, *words)
        mask = STEPS[step](mask, other)
        # The files between the commands are MOCs for any program.
        path.unlink()
    assert Mask.read(BytesIO(content)) == mask


class TestLayers:
    def test_a_file_stands_for_its_layers(self, run, star, foot, bins):
        MaskSet({"star": star, "foot": foot}).write("set.fits")
        run("union", "set.fits", "out.fits")
        assert Mask.read("out.fits") == star | foot
        run("minus", "bins.fits", "set.fits::star", "less.fits")
        assert Mask.read("less.fits") == bins - star
        run("not", "set.fits", "not.fits")
        assert MaskSet.read("not.fits") == MaskSet({"star": ~star, "foot": ~foot})
        run("convert", "set.fits", "set.parquet")
        assert list(MaskSet.read("set.parquet").items()) == [("star", star), ("foot", foot)]
