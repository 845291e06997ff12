"""Areas, and lists of positions."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from mocpy import MOC

from hpmask import Mask

DEG2 = 4 * 180**2 / np.pi


class TestArea:
    def test_files(self, run, star, foot):
        lines = run("area", "star.fits", "foot.fits").stdout.splitlines()
        assert lines[0].split() == ["deg2", "fraction", "file"]
        for line, name in zip(lines[1:], ("star.fits", "foot.fits"), strict=True):
            degrees, fraction, shown = line.split()
            expected = MOC.load(name, format="fits").sky_fraction
            assert float(fraction) == pytest.approx(expected, rel=1e-9)
            assert float(degrees) == pytest.approx(expected * DEG2, rel=1e-9)
            assert shown == name

    def test_bins(self, run, bins):
        lines = run("area", "bins.fits").stdout.splitlines()
        assert lines[0].split() == ["deg2", "fraction", "file", "energy"]
        assert [line.split("bins.fits  ")[1] for line in lines[1:]] == ["1-10 TeV", "10-100 TeV"]
        facts = json.loads(run("area", "bins.fits", "--json").stdout)
        assert [one["area_deg2"] for one in facts] == bins.area.value.tolist()
        assert [one["energy"] for one in facts] == [
            {"unit": "TeV", "min": 1.0, "max": 10.0},
            {"unit": "TeV", "min": 10.0, "max": 100.0},
        ]
        assert {tuple(one) for one in facts} == {("file", "layer", "energy", "area_deg2", "sky_fraction")}

    def test_empty(self, run):
        Mask.empty().write("empty.fits")
        assert run("area", "empty.fits").stdout.splitlines()[1].split() == ["0", "0", "empty.fits"]


class TestPositions:
    positions = SkyCoord([14.5, 40, 14.5, 14.5], [23, 23, 23.5, -23], unit="deg")

    @pytest.fixture
    def words(self):
        return ["kept" if one else "excluded" for one in (True, False, True, False)]

    def test_arguments(self, run, star, words):
        text = ["14.5", "23", "02h40m00s", "+23d00m00s", "14.5", "23.5", "14.5", "-23"]
        lines = run("query", "star.fits", *text, code=3).stdout.splitlines()
        assert [line.split(maxsplit=1) for line in lines] == [
            [word, f"{lon} {lat}"] for word, lon, lat in zip(words, text[::2], text[1::2], strict=True)
        ]
        run("query", "star.fits", "14.5", "23", "14.5", "23.5")

    @pytest.mark.parametrize("name", ["t.csv", "t.ecsv", "t.fits", "t.parquet"])
    def test_tables(self, run, star, words, name):
        galactic = self.positions.galactic
        table = Table({"n": np.arange(4), "x": galactic.l.deg, "y": galactic.b.deg})
        table.write(name)
        options = ("--lon", "x", "--lat", "y", "--catalog-frame", "galactic")
        assert run("query", "star.fits", "--from", name, *options, code=3).stdout.split() == words
        table[::2].write(name, overwrite=True)
        run("query", "star.fits", "--from", name, *options)

    def test_referee(self, run, star):
        """mocpy on the same file."""
        rng = np.random.default_rng(5)
        near = SkyCoord(14.5 + rng.uniform(-4, 4, 2000), 23 + rng.uniform(-4, 4, 2000), unit="deg")
        Table({"ra": near.ra.deg, "dec": near.dec.deg}).write("t.parquet")
        expected = MOC.load("star.fits", format="fits").contains_skycoords(near)
        assert expected.any()
        facts = json.loads(run("query", "star.fits", "--from", "t.parquet", "--json", code=3).stdout)
        assert facts["answers"] == [{"layer": None, "energy": None, "kept": expected.tolist()}]

    def test_bins(self, run, bins):
        table = "ra,dec\n12,20\n14,20\n40,20\n"
        result = run("query", "bins.fits", "--from", "-", input=table, code=3)
        assert [line.split() for line in result.stdout.splitlines()] == [
            ["1-10", "TeV", "10-100", "TeV"],
            ["kept", "kept"],
            ["kept", "excluded"],
            ["excluded", "excluded"],
        ]
        # Kept in one bin is kept, unless a bin is asked for.
        run("query", "bins.fits", "12", "20", "14", "20")
        run("query", "bins.fits", "12", "20", "14", "20", "--energy", "20 TeV", code=3)
        facts = json.loads(run("query", "bins.fits", "14", "20", "--json").stdout)
        assert facts == {
            "file": "bins.fits",
            "at_energy": None,
            "answers": [
                {"layer": None, "energy": {"unit": "TeV", "min": 1, "max": 10}, "kept": [True]},
                {"layer": None, "energy": {"unit": "TeV", "min": 10, "max": 100}, "kept": [False]},
            ],
        }

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            ((), 2, "Give positions as RA and DEC, or a table of them with --from"),
            (("1", "2", "--from", "t.csv"), 2, "Give positions as RA and DEC, or a table"),
            (("1", "2", "3"), 2, "Each position is a pair, RA and DEC, got 3 words"),
            (("1", "2", "--lon", "x"), 2, "--lon is for a table, --from"),
            (("1", "2", "3", "100"), 1, "a position must be like"),
            (("--from", "no.csv"), 1, "no.csv"),
            (("--from", "t.csv", "--lon", "x"), 1, "'x'"),
            (("--from", "bad.csv"), 1, "row 1"),
        ],
    )
    def test_mistakes(self, run, star, words, code, message):
        Path("t.csv").write_text("ra,dec\n1,2\n")
        Path("bad.csv").write_text("ra,dec\n1,2\n3,nan\n")
        result = run("query", "star.fits", *words, code=code)
        assert message in result.stderr
        assert result.stdout == ""
