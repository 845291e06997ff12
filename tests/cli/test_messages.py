"""What is said at which level: --quiet and --verbose, before and after the name of a command, with one meaning."""

import os
import re
import warnings
from pathlib import Path

import click
import pytest
from astropy.utils.exceptions import AstropyWarning

from hpmask import Mask, set_num_threads
from hpmask._utils.warn import warn
from hpmask.cli import main, messages

# Of each kind of command: words, and whether what it prints is a result.
COMMANDS = {
    "algebra": (("not", "star.fits", "out.fits"), False),
    "growth": (("dilate", "star.fits", "out.fits", "--width", "1 deg"), False),
    "convert": (("convert", "star.fits", "out.fits", "--order", "5"), False),
    "build": (("build", "r.toml", "out.fits"), False),
    "values": (("threshold", "map.fits", "out.fits"), False),
    "sky": (("random", "star.fits", "out.csv", "-n", "3"), False),
    "fraction": (("fraction", "star.fits", "out.fits", "--order", "3"), False),
    "table": (("filter", "star.fits", "t.csv", "out.csv"), False),
    "image": (("to-wcs", "star.fits", "out.fits", "--center", "14 23", "--width", "1 deg"), False),
    "picture": (("plot", "star.fits", "out.png", "--dpi", "20"), False),
    "info": (("info", "star.fits"), True),
    "area": (("area", "star.fits"), True),
    "query": (("query", "star.fits", "14.5", "23"), True),
    "json": (("not", "star.fits", "out.fits", "--json"), True),
}


@pytest.fixture
def files(run, star):
    star.write("map.fits", format="healpix")
    Path("t.csv").write_text("ra,dec\n14.5,23\n40,20\n")
    Path("r.toml").write_text('order = 6\n[[exclude]]\nds9 = "icrs; circle(83,22,3)"\n')
    before = {path.name for path in Path().iterdir()}

    def clean():
        for path in Path().iterdir():
            if path.name not in before:
                path.unlink()

    return clean


def with_level(words, option, before):
    return (option, *words) if before else (words[0], option, *words[1:])


@pytest.mark.parametrize(("words", "answers"), COMMANDS.values(), ids=COMMANDS)
def test_levels(run, files, words, answers):
    normal = run(*words)
    assert normal.stdout
    assert normal.stderr == ""
    for option, before in (("-q", True), ("--quiet", False)):
        files()
        quiet = run(*with_level(words, option, before))
        assert quiet.stdout == (normal.stdout if answers else "")
        assert quiet.stderr == ""
    for option, before in (("--verbose", True), ("-v", False)):
        files()
        verbose = run(*with_level(words, option, before))
        # Times may differ by a digit.
        assert re.sub(r"[\d.]+ s\n", "", verbose.stdout) == re.sub(r"[\d.]+ s\n", "", normal.stdout)
        lines = verbose.stderr.splitlines()
        assert all(line.startswith("hpmask: ") for line in lines)
        assert re.fullmatch(rf"hpmask: {words[0]}: \d+\.\d\d s in all", lines[-1])


@pytest.mark.parametrize("words", [("-q", "not", "-v"), ("-v", "not", "-q"), ("not", "-q", "-v"), ("-q", "-v", "not")])
def test_they_exclude_each_other(run, star, words):
    result = run(*words, "star.fits", "out.fits", code=2)
    assert "--quiet and --verbose exclude each other." in result.stderr
    assert not Path("out.fits").exists()


def test_twice_is_once(run, star):
    assert run("-q", "not", "--quiet", "star.fits", "out.fits").output == ""


def test_errors_are_printed_at_all_levels(run):
    expected = "hpmask: error: no.fits: No such file or directory\n"
    assert run("info", "no.fits", "-q", code=1).stderr == expected
    assert run("info", "no.fits", "-v", code=1).stderr == expected


class TestVerbose:
    def test_what_was_read_and_written(self, run, star, foot):
        text = run("-v", "minus", "foot.fits", "star.fits", "out.fits").stderr
        for name, mask in (("foot.fits", foot), ("star.fits", star)):
            assert re.search(rf"^hpmask: read {name}: \d\.\d\d s$", text, re.M)
            assert f"hpmask: {name}: keeps {mask.area.value:.2f} deg2" in text
            assert f"(icrs, order 8, {mask.n_ranges} ranges)" in text
        assert re.search(r"^hpmask: write out.fits: \d\.\d\d s$", text, re.M)
        assert f"hpmask: history of out.fits: {Mask.read('out.fits').history}\n" in text

    def test_layers(self, run, star, foot):
        from hpmask import MaskSet

        MaskSet({"star": star, "foot": foot}).write("both.fits")
        text = run("-v", "not", "both.fits", "out.fits").stderr
        assert text.count("read both.fits: ") == 1
        for name, mask in (("star", star), ("foot", foot)):
            assert f"hpmask: both.fits::{name}: keeps {mask.area.value:.2f} deg2" in text
            assert f"hpmask: history of out.fits, {name}: ~" in text
        assert "hpmask: both.fits::star: keeps" in run("-v", "not", "both.fits::star", "one.fits").stderr

    def test_threads(self, run, star):
        words = "dilate", "star.fits", "out.fits", "--width", "1 deg", "-v", "--overwrite"
        assert run(*words, "-j", "1").stderr.startswith("hpmask: 1 thread\n")
        with set_num_threads(3):
            assert run(*words).stderr.startswith("hpmask: 3 threads\n")

    def test_steps_of_build(self, run, files):
        text = run("-v", "build", "r.toml", "out.fits").stderr
        steps = [line.removeprefix("hpmask: ").rpartition(": ")[0] for line in text.splitlines()[1:]]
        steps[3] = steps[3].partition(":")[0]
        assert steps == ["order", "icrs; circle(83,22,3)", "out.fits", "history of out.fits", "build"]


class TestWarnings:
    """Those of hpmask are shown, and those of other libraries are notes."""

    @pytest.fixture
    def shown(self, monkeypatch, capsys):
        def shown(level, issue):
            with click.Context(main) as ctx, warnings.catch_warnings():
                ctx.meta[messages._LEVEL] = level
                warnings.simplefilter("always")
                warnings.showwarning = messages.show_warning
                issue()
            out, err = capsys.readouterr()
            assert out == ""
            return err

        return shown

    @pytest.mark.parametrize("category", [UserWarning, AstropyWarning])
    def test_own(self, shown, category):
        assert shown(None, lambda: warn("a\n b", category)) == "hpmask: warning: a b\n"
        assert shown("verbose", lambda: warn("a", category)) == "hpmask: warning: a\n"
        assert shown("quiet", lambda: warn("a", category)) == ""

    def test_of_others(self, shown):
        def issue():
            exec("import warnings; warnings.warn('a unit')", {"__name__": "astropy.units.core"})

        assert shown(None, issue) == ""
        assert shown("quiet", issue) == ""
        assert shown("verbose", issue) == "hpmask: astropy warns: a unit\n"

    @pytest.mark.filterwarnings("default")
    def test_of_a_command(self, run):
        Path("a.csv").write_text("ra,dec\n83.633,22.014\n120,\n")
        Path("r.toml").write_text('order = 6\n[[exclude]]\ncatalog = "a.csv"\nradius = "2 deg"\ninvalid = "skip"\n')
        result = run("build", "r.toml", "m.fits")
        assert re.fullmatch(r"hpmask: warning: .*left out 1 of 2 rows.*\n", result.stderr)
        assert run("build", "r.toml", "m.fits", "-q", "--overwrite").output == ""
        assert os.listdir()
