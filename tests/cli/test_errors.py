"""Errors in the words of the program: each command with each kind of wrong input, and what may not be in a message."""

import os
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from hpmask import EnergyAxis, Mask, MaskSet
from hpmask.cli import main

# Names of other libraries, of their parts and of Python's errors, and Python's ways to write arguments.
FOREIGN = re.compile(
    r"astropy|pyarrow|numpy|pandas|narwhals|fsspec|aiohttp|botocore|matplotlib|ufunc|dtype|Traceback|Errno|NoneType|"
    r"\w(Error|Exception|Warning)\b|object at 0x|<class|codec can't|ssl:|\bself\b|u\.\w+_unit|\w=(True|False|None)\b"
)

# How each command reads a mask, or what it reads instead.
READING = {
    "build": ["build", "{}", "o.fits"],
    "threshold": ["threshold", "{}", "o.fits", "--threshold", "0.5"],
    "credible": ["credible", "{}", "o.fits"],
    "union": ["union", "star.fits", "{}", "o.fits"],
    "intersect": ["intersect", "{}", "star.fits", "o.fits"],
    "minus": ["minus", "star.fits", "{}", "o.fits"],
    "not": ["not", "{}", "o.fits"],
    "dilate": ["dilate", "{}", "o.fits", "--width", "1 deg"],
    "erode": ["erode", "{}", "o.fits", "--width", "1 deg"],
    "convert": ["convert", "{}", "o.fits"],
    "random": ["random", "{}", "o.csv", "-n", "1"],
    "fraction": ["fraction", "{}", "o.fits", "--order", "3"],
    "filter": ["filter", "{}", "t.csv", "o.csv"],
    "flag": ["flag", "{}", "t.csv", "o.csv"],
    "info": ["info", "{}"],
    "area": ["area", "{}"],
    "query": ["query", "{}", "1", "2"],
    "view": ["view", "{}", "o.html"],
    "plot": ["plot", "{}", "o.png"],
    "to-wcs": ["to-wcs", "{}", "o.fits", "--center", "14 23", "--width", "1 deg"],
    "to-wcs of an image": ["to-wcs", "star.fits", "o.fits", "--wcs", "{}"],
    "plot of an image": ["plot", "star.fits", "o.png", "--wcs", "{}"],
}
READING = {name: words for name, words in READING.items() if words[0] in main.list_commands(None)}
WRITING = {
    **{name: READING[name] for name in ("union", "not", "dilate", "convert", "fraction", "to-wcs")},
    "random": ["random", "{}", "o.fits", "-n", "1"],
    "filter": ["filter", "{}", "t.fits", "o.fits"],
    "threshold": ["threshold", "map.fits", "o.fits"],
}


@pytest.fixture
def files(star):
    """Files of all kinds, and the function that makes a fault out of words."""
    c = Path("star.fits").read_bytes()
    contents = {
        "empty.fits": b"",
        "text.fits": b"Dear diary,\nnothing here: {}<>\n",
        "text.json": b"Dear diary,\nnothing here: {}<>\n",
        "bytes.fits": bytes(range(256)) * 20,
        "bytes.txt": bytes(range(256)) * 20,
        "bytes.csv": bytes(range(256)) * 20,
        "cut.fits": c[:-2880],
        "cut2.fits": c[:2000],
        "bad.fits.gz": b"\x1f\x8b\x08\0garbage",
        "bad.parquet": b"PAR1 and then nothing",
        "t.csv": b"ra,dec\n14.5,23\n",
        "x.csv": b"x,y\n14.5,23\n",
        "text.csv": b"Dear diary,\nnothing here: {}<>\n",
        "word.csv": b"ra,dec\n1,2\nfoo,3\n",
        "pole.csv": b"ra,dec\n1,95\n",
        "bad.vot": b"<VOTABLE> & no more",
    }
    for name, content in contents.items():
        Path(name).write_bytes(content)
    Path("folder").mkdir()
    Path("folder.fits").mkdir()
    fits.PrimaryHDU(np.zeros((5, 5))).writeto("image.fits")
    Table({"ra": [14.5], "dec": [23.0]}).write("t.fits")
    star.write("map.fits", format="healpix")
    star.to_frame("galactic").write("gal.fits")
    Mask(star.planes * 2, energy=EnergyAxis([1, 10, 100] * u.TeV)).write("bins.fits")
    MaskSet({"a": star, "b": ~star}).write("set.fits")


@pytest.fixture
def failing(run, files):
    """Function that runs a command, which must fail, and returns its message after the checks that all must pass."""

    def failing(*words, named="", input=None):
        before = sorted(path.name for path in Path().rglob("*"))
        result = run(*words, code=None, input=input)
        assert result.exit_code in (1, 2), words
        assert result.stdout == ""
        assert re.fullmatch(r"hpmask: error: [^\n]+\n", result.stderr), result.stderr
        message = result.stderr.removeprefix("hpmask: error: ")
        assert not FOREIGN.search(message), message
        assert named in message
        assert len(message) < 700
        assert sorted(path.name for path in Path().rglob("*")) == before
        return message

    return failing


def test_each_command_is_tried():
    assert {words[0] for words in READING.values()} == set(main.list_commands(None))


NO_MASKS = ["no.fits", "folder", "folder.fits", "empty.fits", "text.fits", "text.json", "bytes.fits", "bytes.txt"]
NO_MASKS += ["cut.fits", "cut2.fits", "bad.fits.gz", "bad.parquet", "image.fits", "t.fits", "foo://x/y.fits"]
NO_MASKS += ["set.fits::nope"]


@pytest.mark.parametrize("name", READING)
def test_what_is_no_mask(failing, name):
    # Each on its own would take longer to set up than to run.
    for file in NO_MASKS:
        if file in ("image.fits", "t.fits", "empty.fits") and READING[name][0] in ("build", "threshold"):
            continue
        words = [word.format(file) for word in READING[name]]
        message = failing(*words, named=re.split(r"::", file)[0])
        if file == "no.fits":
            assert message == "no.fits: No such file or directory\n"


@pytest.mark.parametrize("name", [name for name, words in READING.items() if words[0] != "build"])
def test_standard_input(failing, name):
    words = [word.format("-") for word in READING[name]]
    for content in (b"", b"\x00\xff" * 3000, b"Dear diary", Path("star.fits").read_bytes()[:3000]):
        failing(*words, named="standard input", input=content)


def test_a_file_that_may_not_be_read(failing):
    os.chmod("star.fits", 0)
    if os.access("star.fits", os.R_OK):
        pytest.skip("this user may read all files")
    assert failing("info", "star.fits") == "star.fits: Permission denied\n"


@pytest.mark.parametrize("name", ["not", "info", "threshold", "to-wcs of an image"])
def test_no_server(failing, name):
    pytest.importorskip("aiohttp")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{one.getsockname()[1]}/a.fits"
        message = failing(*[word.format(url) for word in READING[name]])
    assert message == f"{url}: The server cannot be reached\n"


def test_a_package_for_urls_is_missing(failing, monkeypatch):
    from fsspec.registry import known_implementations

    missing = {"class": "no_such_package.FileSystem", "err": "Install no_such_package to access Odd"}
    monkeypatch.setitem(known_implementations, "odd", missing)
    message = failing("info", "odd://bucket/a.fits")
    assert message == "odd://bucket/a.fits: odd:// needs a package that is missing: pip install no_such_package\n"


@pytest.mark.parametrize(
    "table",
    ["no.csv", "folder", "bytes.csv", "text.csv", "empty.fits", "cut2.fits", "image.fits", "bad.parquet", "bad.vot"]
    + ["x.csv", "word.csv", "pole.csv", "no*.parquet"],
)
def test_what_is_no_table(failing, table):
    for words in (["filter", "star.fits", table, "o.csv"], ["flag", "star.fits", table, "o.csv"]):
        failing(*words)
    failing("query", "star.fits", "--from", table)


ANGLES = {
    "--width": ["dilate", "star.fits", "o.fits"],
    "--resolution": ["convert", "star.fits", "o.fits"],
    "--simplify": ["convert", "star.fits", "o.reg"],
    "--binsz": ["to-wcs", "star.fits", "o.fits", "--center", "14 23", "--width", "2 deg"],
    "--height": ["to-wcs", "star.fits", "o.fits", "--center", "14 23", "--width", "2 deg"],
    "--dilate": ["threshold", "map.fits", "o.fits"],
    "--erode": ["threshold", "map.fits", "o.fits"],
    "--density": ["random", "star.fits", "o.csv"],
}


@pytest.mark.parametrize("option", ANGLES)
def test_bad_angles(failing, option):
    for value in ("5", "5 foo", "five deg", "-1 deg", "nan deg", ""):
        message = failing(*ANGLES[option], option, value, named=option.removeprefix("--"))
        assert value.partition(" ")[0] in message or value == "five deg"


@pytest.mark.parametrize("position", ["14", "14 95", "a b", "nan 3", "14 23 5", ""])
def test_bad_positions(failing, position):
    failing("to-wcs", "star.fits", "o.fits", "--center", position, "--width", "1 deg", named=repr(position))
    failing("plot", "star.fits", "o.png", "--center", position, "--width", "1 deg")
    failing("query", "star.fits", *position.split())


@pytest.mark.parametrize("energy", ["5", "5 deg", "nan TeV", "foo"])
def test_bad_energies(failing, energy):
    for words in (
        ["query", "bins.fits", "1", "2"],
        ["plot", "bins.fits", "o.png"],
        ["filter", "bins.fits", "t.csv", "o.csv"],
        ["filter", "bins.fits", "t.fits", "o.fits"],
        ["flag", "bins.fits", "t.fits", "o.fits"],
    ):
        failing(*words, "--energy", energy, named="energy")


@pytest.mark.parametrize("name", WRITING)
def test_bad_outputs(failing, name):
    words = WRITING[name]
    for out in ("no/o.fits", "folder", "folder.fits", "star.fits", "o.xyz", "gal.fits"):
        failing(*[out if word == "o.fits" else word.format("star.fits") for word in words], named=out)
    # A link that leads to an input.
    Path("link.fits").symlink_to("star.fits" if "{}" in words or "{}" in "".join(words) else "map.fits")
    linked = [("link.fits" if word == "o.fits" else word.format("star.fits")) for word in words]
    assert "is an input" in failing(*linked, "--overwrite", named="link.fits")


def test_the_name_of_the_output_is_named_where_nothing_can_be_made(failing):
    if not Path("/proc/self").exists():
        pytest.skip("there is no /proc")
    assert failing("not", "star.fits", "/proc/o.fits").startswith("/proc/o.fits: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["union", "star.fits", "gal.fits", "o.fits"], "hpmask convert --frame icrs"),
        (["filter", "bins.fits", "t.csv", "o.csv"], "by --energy, or combine the bins with hpmask convert --reduce"),
        (["filter", "bins.fits", "t.csv", "o.csv", "--energy", "ra"], "give it by --energy-unit, such as"),
        (["filter", "bins.fits", "t.csv", "o.csv", "--energy", "ra", "--energy-unit", "foo"], "got 'foo'"),
        (["filter", "star.fits", "t.csv", "o.csv", "--lon", "ra"], "--lon and --lat must be given together, got lon="),
        (["filter", "star.fits", "t.csv", "o.csv", "--catalog-frame", "foo"], "--catalog-frame 'foo' is not a frame"),
        (["filter", "star.fits", "t.csv", "o.csv", "--lon", "a", "--lat", "dec"], "lon is 'a', which is not a column"),
        (["flag", "star.fits", "t.csv", "o.csv", "--column", "ra"], "has a column 'ra' already: give another --column"),
        (["flag", "star.fits", "t.fits", "o.fits", "--column", "ra"], "has a column 'ra' already: give another --col"),
        (["query", "star.fits", "--from", "word.csv"], "column 'ra' holds text, and no unit"),
        (["threshold", "star.fits", "o.fits"], "a MOC is a mask already: use hpmask convert"),
        (["threshold", "map.fits", "o.fits", "--hdu", "9"], "map.fits: there is no HDU '9'"),
        (["convert", "map.fits", "o.fits", "--column", "9"], "map.fits: HDU 1: there is no column 9"),
        (["build", "-", "o.fits"], "RECIPE must be a file of this machine"),
        (["build", "http://a/r.toml", "o.fits"], "RECIPE must be a file of this machine"),
        (["not", "set.fits::c", "o.fits"], "'c'"),
        (["random", "set.fits", "o.csv", "-n", "1"], "set.fits: this is a set of 2 layers: name one of them"),
        (["random", "star.fits", "o.csv", "-n", "100000000000000"], "not enough memory: 728 TiB are needed"),
        (["random", "star.fits", "o.csv", "-n", "-5"], "Invalid value for '-n'"),
        (["plot", "star.fits", "o.png", "--kept", "nocolour"], "nocolour"),
        (["dilate", "star.fits", "o.fits", "--width", "1 deg", "--width", "foo"], "'foo'"),
        (["info", ""], "the name of a file must not be empty"),
    ],
)
def test_advice(failing, words, message):
    assert message in failing(*words)


def test_a_layer_by_its_name(run, star):
    """Colons and slashes in the name of a layer."""
    MaskSet({"a::b": star, "g/r": ~star}).write("set.fits")
    run("not", "set.fits::a::b", "one.fits")
    assert Mask.read("one.fits") == ~star
    run("not", "set.fits::g/r", "two.fits")
    assert Mask.read("two.fits") == star
