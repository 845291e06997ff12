"""The help of the commands: the options that all of them have, and examples, each of which runs as it is written."""

import re
from pathlib import Path

import click
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from hpmask import HealpixMap, Mask, MaskSet, io
from hpmask.cli import main
from hpmask.cli.command import Command
from hpmask.wcs import field_wcs
from tests.cli.test_page import TEXT, stages

CONTEXT = click.Context(main)
COMMANDS = {name: main.get_command(CONTEXT, name) for name in main.list_commands(CONTEXT)}
EXAMPLES = [(name, line) for name, command in COMMANDS.items() for line in command.examples]
ORDER = 5


def write_image(name, wcs, data, unit=None):
    header = wcs.to_header()
    if unit is not None:
        header["BUNIT"] = unit
    fits.PrimaryHDU(data, header).writeto(name)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The files that the examples name, by name."""
    folder = tmp_path_factory.mktemp("examples")
    discs = {
        "stars": (10, 20, "2 deg"),
        "galaxies": (14, 23, "1.1 deg"),
        "footprint": (10, 21, "5 deg"),
        "good": (10, 22, "3 deg"),
        "out": (10, 21, "4 deg"),
        "mask": (83.63, 22.01, "3 deg"),
    }
    masks = {
        name: Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius, order=8)
        for name, (lon, lat, radius) in discs.items()
    }
    for name, mask in masks.items():
        mask.write(folder / f"{name}.fits")
    MaskSet({"star": masks["stars"], "galaxy": masks["galaxies"]}).write(folder / "survey.fits")
    (folder / "catalog.csv").write_text("name,ra,dec\na,10,20\nb,10,24\nc,10,30\n")
    (folder / "recipe.toml").write_text(
        'title = "Three stars"\norder = 6\n[[exclude]]\ncatalog = "catalog.csv"\nradius = "2 deg"\n'
    )
    wcs, shape = field_wcs(SkyCoord(83.63, 22.01, unit="deg"), "4 deg", binsz="0.2 deg")
    far = np.hypot(*(np.indices(shape) - 9.5))
    write_image(folder / "counts.fits", wcs, far)
    write_image(folder / "sqrt_ts.fits", wcs, np.where(far > 9, np.nan, 9 - far))
    write_image(folder / "exposure.fits", wcs, far * 3e10, "cm2 s")
    values = np.exp(-np.arange(12 * 4**3) / 50)
    density = HealpixMap(values / values.sum() * 12 * 4**3 / (4 * np.pi) / u.sr, nest=True, frame="icrs")
    io.write_map(density, folder / "bayestar.multiorder.fits")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def output_of(name, words):
    """The file that a command writes."""
    return COMMANDS[name].make_context(name, list(words), resilient_parsing=True).params.get("out")


class TestExamples:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_there_are_some(self, run, name):
        """They end the help, each on a line of its own."""
        command = COMMANDS[name]
        assert isinstance(command, Command)
        assert command.examples
        assert all(re.search(rf"\bhpmask {name} ", line) for line in command.examples)
        end = "".join(f"\n  {line}" for line in command.examples)
        assert run(name, "--help").stdout.rstrip("\n").endswith(f"\n\nExamples:{end}")
        assert all(len(line) < 120 for line in command.examples)

    @pytest.mark.deep
    @pytest.mark.parametrize(("name", "line"), EXAMPLES)
    def test_they_run(self, run, prepared, name, line):
        commands, files = stages(line)
        outputs = {str(output_of(*words[1:2], words[2:])) for words in commands}
        inputs = {one: content for one, content in prepared.items() if one not in outputs}
        for one, content in inputs.items():
            Path(one).write_bytes(content)
        content = Path(files["<"]).read_bytes() if "<" in files else None
        for program, *words in commands:
            assert program == "hpmask"
            result = run(*words, input=content, code=None)
            assert result.exit_code in ((0, 3) if name == "query" else (0,)), result.output
            assert result.stderr == ""
            content = result.stdout_bytes
        new = {path.name for path in Path().iterdir()} - set(inputs)
        assert content if name in ("info", "area", "query") or ">" in files else new

    @pytest.mark.parametrize(("name", "line"), EXAMPLES)
    def test_they_are_on_the_page(self, name, line):
        assert f"\n$ {line}\n" in TEXT


class TestOptions:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_all_have_levels(self, run, name):
        text = run(name, "-h").stdout
        for words in ("-q, --quiet", "-v, --verbose", "-h, --help"):
            assert len(re.findall(f"^  {words} ", text, re.M)) == 1

    def test_help_of_all(self, run):
        text = run("--help-all").stdout
        assert text.startswith(run("--help").stdout.rstrip())
        places = [text.index(run(name, "--help").stdout) for name in COMMANDS]
        assert places == sorted(places)
        assert run("-q", "--help-all", "nonsense").stdout == text
