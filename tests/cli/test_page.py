"""The examples of the page on the command line: commands with their output, in the order of the page."""

import re
import shlex
from pathlib import Path

import pytest
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
# A backslash at the end continues a line.
TEXT = re.sub(r"\\\n *", "", PAGE.read_text("utf-8"))
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.M | re.S)
# Examples with times, and files that are not made here: large ones, and those of other pages.
ELSEWHERE = re.compile(
    r"--verbose|recipe\.toml|sqrt_ts|exposure|VERITAS|bayestar|wmap|survey|counts|\bmask\.|\bmap\.fits"
)


def examples():
    """Each line of the page that runs, with the lines that are printed below it."""
    for block in BLOCKS:
        for text in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, printed = text.partition("\n")
            if not ELSEWHERE.search(command):
                yield command, printed


def stages(command):
    """The commands of a pipe, and the files that its ends are redirected to."""
    words = shlex.split(command, posix=True)
    found, files = [[]], {}
    rest = iter(words)
    for word in rest:
        if word == "|":
            found.append([])
        elif word in "<>":
            files[word] = Path(next(rest))
        else:
            found[-1].append(word)
    return found, files


@pytest.fixture
def folder(run):
    """The files that the examples begin with."""
    for name, lon, lat, radius in (
        ("stars", 10, 20, "2 deg"),
        ("galaxies", 14, 23, "1.1 deg"),
        ("footprint", 10, 21, "5 deg"),
    ):
        Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius, order=9).write(f"{name}.fits")
    Path("catalog.csv").write_text("name,ra,dec\na,10,20\nb,10,24\nc,10,30\n")


def test_examples(run, folder):
    n_run = 0
    for command, printed in examples():
        commands, files = stages(command)
        content = files["<"].read_bytes() if "<" in files else None
        for program, *words in commands:
            assert program == "hpmask"
            code = 3 if words[0] == "query" and "excluded" in printed else 0
            result = run(*words, input=content, code=code)
            content = result.stdout_bytes
        if ">" in files:
            files[">"].write_bytes(content)
            content = b""
        shown = content.decode()
        start, more, _ = printed.partition("...\n")
        assert shown.startswith(start) if more else shown == printed, command
        n_run += 1
    assert n_run >= 20


def test_all_commands_are_in_the_table():
    listed = re.findall(r"^\| `hpmask ([\w-]+) ", TEXT, re.M)
    assert listed == main.list_commands(None)
