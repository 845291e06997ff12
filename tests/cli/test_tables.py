"""Rows of tables: those that are kept, and flags."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from mocpy import MOC

from hpmask import MaskSet
from hpmask._files.tables import SUFFIXES
from hpmask.cli.files import format_of_table

NAMES = ["t.csv", "t.ecsv", "t.fits", "t.parquet", "t.vot"]


@pytest.fixture
def table(run, star):
    rng = np.random.default_rng(11)
    return Table({"number": np.arange(500), "ra": 14.5 + rng.uniform(-4, 4, 500), "dec": 23 + rng.uniform(-4, 4, 500)})


@pytest.fixture
def kept(run, star, table):
    """The answers of mocpy for the rows."""
    return MOC.load("star.fits", format="fits").contains_skycoords(SkyCoord(table["ra"], table["dec"], unit="deg"))


def read(name):
    return Table.read(name, format={"csv": "ascii.csv", "vot": "votable"}.get(name.split(".")[-1]))


def write(table, name):
    table.write(name, format={"csv": "ascii.csv", "vot": "votable"}.get(name.split(".")[-1]))


def test_all_formats_of_tables_are_known():
    formats = {format_of_table(Path(f"a{suffix}")) for suffix in SUFFIXES}
    assert formats == {"csv", "tsv", "ecsv", "fits", "votable", "parquet"}
    assert format_of_table("s3://bucket/a.parquet") == "parquet"


class TestFilter:
    @pytest.mark.parametrize("name", NAMES)
    def test_formats(self, run, table, kept, name):
        write(table, name)
        out = f"out{Path(name).suffix}"
        result = run("filter", "star.fits", name, out)
        assert np.array_equal(np.asarray(read(out)["number"]), np.flatnonzero(kept))
        assert result.stdout == f"{out}: {kept.sum()} of 500 rows are kept\n"

    def test_other_format(self, run, table, kept):
        write(table, "t.parquet")
        facts = json.loads(run("filter", "star.fits", "t.parquet", "out.csv", "--json").stdout)
        assert facts == {"file": "out.csv", "n_rows": 500, "n_kept": kept.sum()}
        assert np.array_equal(read("out.csv")["number"], np.flatnonzero(kept))

    def test_folder(self, run, table, kept):
        Path("parts").mkdir()
        write(table[:200], "parts/a.parquet")
        write(table[200:], "parts/b.parquet")
        run("filter", "star.fits", "parts", "out")
        assert len(read("out/a.parquet")) == kept[:200].sum()
        message = run("filter", "star.fits", "parts", "out", code=1).stderr
        assert message == f"hpmask: error: {Path('out').resolve()}: File exists: --overwrite replaces it\n"
        run("filter", "star.fits", "parts/*.parquet", "out", "--overwrite")
        assert len(read("out/b.parquet")) == kept[200:].sum()
        assert "OUT must be a folder" in run("filter", "star.fits", "parts", "-", code=2).stderr

    @pytest.mark.parametrize("name", NAMES)
    def test_pipe(self, run, piped, table, kept, name):
        write(table, name)
        content = piped(Path(name).read_bytes(), "filter", "star.fits", "-", "-")
        Path(f"out{Path(name).suffix}").write_bytes(content)
        assert np.array_equal(np.asarray(read(f"out{Path(name).suffix}")["number"]), np.flatnonzero(kept))

    def test_mask_from_standard_input(self, run, table, kept):
        write(table, "t.csv")
        run("filter", "-", "t.csv", "out.csv", input=Path("star.fits").read_bytes())
        assert len(read("out.csv")) == kept.sum()
        assert "can be read once only" in run("filter", "-", "-", "new.csv", code=2).stderr

    def test_columns_and_invalid(self, run, table, kept):
        table["dec"][3] = np.nan
        table.rename_columns(["ra", "dec"], ["x", "y"])
        write(table, "t.fits")
        words = ("filter", "star.fits", "t.fits", "out.fits", "--lon", "x", "--lat", "y", "--catalog-frame", "icrs")
        message = run(*words, code=1).stderr
        assert "row 3" in message
        assert message.count("\n") == 1
        run(*words, "--invalid", "skip")
        kept[3] = False
        assert np.array_equal(read("out.fits")["number"], np.flatnonzero(kept))

    @pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
    def test_energy(self, run, bins, name):
        table = Table({"ra": [12.0, 14, 14, 40], "dec": [20.0] * 4, "E": [20.0, 20, 2, 2]})
        write(table, name)
        out = f"out{Path(name).suffix}"
        assert "energy" in run("filter", "bins.fits", name, out, code=1).stderr
        run("filter", "bins.fits", name, out, "--energy", "E", "--energy-unit", "TeV")
        assert read(out)["E"].tolist() == [20, 2]
        run("filter", "bins.fits", name, out, "--energy", "2 TeV", "--overwrite")
        assert len(read(out)) == 3

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (("no.csv", "out.csv"), 1, "no.csv"),
            (("t.csv", "out.xyz"), 1, "the name of a table must end in one of"),
            (("t.csv", "t.csv"), 1, "is an input"),
            (("t.csv", "star.fits", "--overwrite"), 1, "is an input"),
            (("star.fits", "out.fits"), 1, "star.fits"),
            (("t.csv", "out.csv", "--lon", "z"), 1, "'z'"),
        ],
    )
    def test_mistakes(self, run, table, words, code, message):
        write(table, "t.csv")
        assert message in run("filter", "star.fits", *words, code=code).stderr
        assert sorted(path.name for path in Path().iterdir()) == ["star.fits", "t.csv"]


class TestFlag:
    @pytest.mark.parametrize("name", NAMES)
    def test_mask(self, run, table, kept, name):
        write(table, name)
        out = f"out{Path(name).suffix}"
        result = run("flag", "star.fits", name, out)
        flagged = read(out)
        assert flagged.colnames == ["number", "ra", "dec", "kept"]
        assert [str(one) == "True" for one in flagged["kept"]] == kept.tolist()
        assert result.stdout == f"{out}: 500 rows, {kept.sum()} of them kept by the mask\n"
        run("flag", "star.fits", name, out, "--column", "star", "--overwrite")
        assert read(out).colnames[-1] == "star"

    @pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
    def test_layers(self, run, table, kept, foot, star, name):
        masks = MaskSet({"star": star, "foot": foot})
        masks.write("set.fits")
        write(table, name)
        out = f"out{Path(name).suffix}"
        facts = json.loads(run("flag", "set.fits", name, out, "--json").stdout)
        inside = MOC.load("foot.fits", format="fits").contains_skycoords(
            SkyCoord(table["ra"], table["dec"], unit="deg")
        )
        assert np.array_equal(read(out)["flags"], kept + 2 * inside)
        assert facts["n_kept"] == (kept & inside).sum()
        run("flag", "set.fits::foot", name, out, "--overwrite")
        assert [str(one) == "True" for one in read(out)["kept"]] == inside.tolist()
        result = run("flag", "set.fits", name, out, "--per-layer", "--overwrite")
        assert read(out).colnames == ["number", "ra", "dec", "star", "foot"]
        assert result.stdout == f"{out}: 500 rows, {(kept & inside).sum()} of them kept by all layers\n"

    def test_mistakes(self, run, table, star, foot):
        write(table, "t.csv")
        assert (
            "--per-layer is for a MASK with layers"
            in run("flag", "star.fits", "t.csv", "out.csv", "--per-layer", code=2).stderr
        )
        words = ("flag", "star.fits", "t.csv", "out.csv", "--per-layer", "--column", "a")
        assert "exclude each other" in run(*words, code=2).stderr
        message = run("flag", "star.fits", "t.csv", "out.csv", "--column", "ra", code=1).stderr
        assert "'ra'" in message
