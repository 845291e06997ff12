"""Random positions and maps of fractions."""

import json
from io import BytesIO
from pathlib import Path

import healpy as hp
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from mocpy import MOC

from hpmask import io


class TestRandom:
    @pytest.mark.parametrize("name", ["r.csv", "r.ecsv", "r.fits", "r.parquet", "r.vot"])
    def test_formats(self, run, star, name):
        result = run("random", "star.fits", name, "-n", "500", "--seed", "3")
        assert result.stdout == f"{name}: 500 positions\n"
        formats = {"r.csv": "ascii.csv", "r.vot": "votable"}
        table = Table.read(name, format=formats.get(name))
        assert table.colnames == ["ra", "dec"]
        expected = star.random(500, seed=3)
        assert np.array_equal(np.asarray(table["ra"]), expected.ra.deg)
        assert np.array_equal(np.asarray(table["dec"]), expected.dec.deg)
        positions = SkyCoord(np.asarray(table["ra"]), np.asarray(table["dec"]), unit="deg")
        assert MOC.load("star.fits", format="fits").contains_skycoords(positions).all()

    def test_units(self, run, star):
        run("random", "star.fits", "r.fits", "-n", "5")
        assert Table.read("r.fits")["dec"].unit == u.deg

    def test_galactic_and_density(self, run, star):
        star.to_frame("galactic").write("galactic.fits")
        facts = json.loads(run("random", "galactic.fits", "r.fits", "--density", "10 deg-2", "--json").stdout)
        table = Table.read("r.fits")
        assert table.colnames == ["l", "b"]
        assert facts == {"file": "r.fits", "frame": "galactic", "seed": None, "numbers": [len(table)]}
        assert len(table) == pytest.approx(10 * star.area.value, rel=0.05)

    @pytest.mark.parametrize("name", ["r.fits", "r.parquet"])
    def test_bins(self, run, bins, name):
        facts = json.loads(run("random", "bins.fits", name, "--density", "5 deg-2", "--seed", "1", "--json").stdout)
        table = Table.read(name)
        assert facts["numbers"] == np.bincount(table["bin"]).tolist()
        for k in range(2):
            some = table[table["bin"] == k]
            assert bins[k].contains(SkyCoord(some["ra"], some["dec"], unit="deg")).all()

    def test_pipe(self, run, piped, star, foot):
        content = piped(None, "random", "foot.fits", "-", "-n", "300", "--seed", "1", "--format", "parquet")
        kept = Table.read(BytesIO(piped(content, "filter", "star.fits", "-", "-")), format="parquet")
        positions = foot.random(300, seed=1)
        assert np.array_equal(kept["ra"], positions[star.contains(positions)].ra.deg)

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (("r.csv",), 2, "Give either -n or --density"),
            (("r.csv", "-n", "1", "--density", "1 deg-2"), 2, "Give either -n or --density"),
            (("r.csv", "--density", "1 deg"), 1, "density"),
            (("r.txt", "-n", "1"), 1, "the name of a table must end in one of"),
            (("r.csv.gz", "-n", "1"), 1, "leave out .gz"),
            (("star.fits", "-n", "1"), 1, "is an input"),
        ],
    )
    def test_mistakes(self, run, star, words, code, message):
        before = Path("star.fits").read_bytes()
        assert message in run("random", "star.fits", *words, code=code).stderr
        assert [path.name for path in Path().iterdir()] == ["star.fits"]
        assert Path("star.fits").read_bytes() == before


class TestFraction:
    def test_referee(self, run, star):
        """healpy's means of all cells of the mask."""
        run("fraction", "star.fits", "f.fits", "--order", "4", "--full")
        fractions = hp.read_map("f.fits", dtype=None, nest=True)
        cells = MOC.load("star.fits", format="fits").flatten()
        values = np.zeros(12 * 4**8)
        values[cells] = 1
        assert np.allclose(fractions, hp.ud_grade(values, 2**4, order_in="NEST", order_out="NEST"), atol=1e-15)

    def test_parts_and_json(self, run, star):
        facts = json.loads(run("fraction", "star.fits", "f.fits", "--order", "5", "--json").stdout)
        map_ = io.read_map("f.fits")
        assert facts == {"file": "f.fits", "order": 5, "frame": "icrs", "n_cells": map_.values.size}
        assert (map_.values > 0).all()

    def test_pipe(self, piped, run, star):
        content = piped(Path("star.fits").read_bytes(), "fraction", "-", "-", "--order", "3")
        assert np.array_equal(io.read_map(BytesIO(content)).values, star.fraction(3).values)

    def test_mistakes(self, run, star):
        assert "Missing option '--order'" in run("fraction", "star.fits", "f.fits", code=2).stderr
        message = run("fraction", "star.fits", "f.csv", "--order", "3", code=1).stderr
        assert "the name of a HEALPix map must end in" in message
