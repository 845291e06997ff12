"""Credible regions: published regions, mocpy, ligo.skymap, and sums of fractions as referees."""

import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC
from multi_order import areas_of, orders_of, random_uniq, uniq_maps
from profiles import examples

from hpmask import EnergyAxis, HealpixMap, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.io import read_map, write_map
from hpmask.values import credible

# How mocpy is asked for the same region.
WORDS = {
    "include": {"strict": False, "no_split": True},
    "exclude": {"strict": True, "no_split": True},
    "split": {"strict": False, "no_split": False},
    "split-exclude": {"strict": True, "no_split": False},
}


def by_mocpy(uniq, density, level, crossing, order=None):
    moc = MOC.from_valued_healpix_cells(
        np.asarray(uniq, dtype=np.uint64),
        np.asarray(density, dtype=float),
        max_depth=order if order is not None else int(orders_of(uniq).max()),
        values_are_densities=True,
        cumul_to=level,
        **WORDS[crossing],
    )
    return np.asarray(moc.to_depth29_ranges).reshape(-1, 2).tolist()


def by_fractions(uniq, weights, level, crossing):
    """The rows of the region of level x sum, and the part of the crossing cell that a split takes, one by one."""
    orders = orders_of(uniq).tolist()
    places = [(int(cell) - (4 << 2 * k)) << 2 * (29 - k) for cell, k in zip(uniq, orders, strict=True)]
    densities = [Fraction(float(w)) * 4**k for w, k in zip(weights, orders, strict=True)]
    total, rows, found = sum(map(Fraction, map(float, weights))), [], Fraction(0)
    for row in sorted(range(len(uniq)), key=lambda row: (-densities[row], places[row])):
        if found >= level * total:
            break
        weight = Fraction(float(weights[row]))
        if found + weight <= level * total or crossing == "include":
            rows.append(row)
        found += weight
    return rows


def greedy_levels(values):
    """The credible level of each cell, by ligo.skymap."""
    with warnings.catch_warnings():
        # Its import is not ready for the newest numpy.
        warnings.simplefilter("ignore")
        postprocess = pytest.importorskip("ligo.skymap.postprocess")
    return postprocess.find_greedy_credible_levels(values)


def chirp(rng, uniq):
    """A smooth density with an uneven surface, so that no two cells are equal."""
    density = rng.exponential(size=len(uniq)) ** 3
    return density / (density * areas_of(uniq)).sum()


class TestPublished:
    @pytest.mark.parametrize(
        ("name", "crossing", "area"),
        [
            ("default", "split", 8283.985646),
            ("strict", "split-exclude", 8283.933190),
            ("nosplit", "include", 8284.667572),
        ],
    )
    def test_gw190425z(self, data, name, crossing, area):
        uniq, density = np.loadtxt(data("skymaps/gw190425z_skymap.multiorder.csv"), delimiter=",").T
        text = data(f"skymaps/gw190425z_skymap.{name}.expected.txt").read_text()
        mask = Mask.from_skymap(Table({"UNIQ": uniq.astype(int), "PROBDENSITY": density}), 0.9, crossing=crossing)
        assert mask.area.to_value("deg2") == pytest.approx(area, abs=1e-6)
        published = MOC.from_string(" ".join(text.split()))
        assert mask.order == published.max_order
        assert mask.planes[0].ranges.tolist() == np.asarray(published.to_depth29_ranges).tolist()

    def test_bayestar(self, data):
        path = data("skymaps/bayestar.multiorder.fits")
        table = Table.read(path)
        half, most = Mask.from_skymap(table, [0.5, 0.9])
        assert half.area.to_value("deg2") == pytest.approx(7.406111, abs=1e-6)
        assert most.area.to_value("deg2") == pytest.approx(37.610846, abs=1e-6)
        # mocpy splits the crossing cell here, whatever `no_split` says.
        split = Mask.from_skymap(table, 0.9, crossing="split-exclude")
        moc = MOC.from_multiordermap_fits_file(path, cumul_to=0.9)
        assert split.planes[0].ranges.tolist() == np.asarray(moc.to_depth29_ranges).reshape(-1, 2).tolist()
        assert split.area.to_value("deg2") == pytest.approx(37.602650, abs=1e-6)
        assert Mask.from_skymap(path, 0.9) == most == Mask.from_skymap(str(path))

    def test_flat_file(self, data):
        path = data("skymaps/reproject_bayestar.fits.gz")
        values = np.asarray(Table.read(path)["PROB"], dtype=float).ravel()
        mask = Mask.from_skymap(path, 0.9, crossing="exclude")
        levels = greedy_levels(values)
        # The file has single precision: cells of the same value follow each other in either order.
        assert mask.planes[0].n_cells == np.count_nonzero(levels <= 0.9)
        assert values[mask.planes[0].cells()].sum() <= 0.9
        assert values[mask.planes[0].cells()].min() >= np.delete(values, mask.planes[0].cells()).max()


class TestFiles:
    def test_columns_and_frames(self, tmp_path):
        path = tmp_path / "map.fits"
        rng = np.random.default_rng(9)
        uniq = random_uniq(rng)
        density = chirp(rng, uniq)
        table = Table({"UNIQ": uniq, "rho": density, "PROBDENSITY": density[::-1]})
        table.meta |= {"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "MOCORDER": 5, "INDXSCHM": "EXPLICIT"}
        table.write(path)
        expected = Mask.from_skymap(table, 0.7, column="rho", density=True)
        assert Mask.from_skymap(path, 0.7, column="rho", density=True, frame="icrs", hdu=1) == expected
        region = Mask.from_skymap(path, [0.7], column="rho", density=True, frame="galactic")[0]
        assert region.frame == "galactic"
        assert region.planes == expected.planes
        # The name of the column says that it has densities.
        expected = Mask.from_skymap(table, 0.7, normalize=True)
        assert Mask.from_skymap(path, 0.7, column="PROBDENSITY", frame="icrs", normalize=True) == expected

    def test_default_column_without_a_unit(self, tmp_path):
        """The name of the column says that it has densities, also if no argument names it."""
        path = tmp_path / "map.fits"
        rng = np.random.default_rng(10)
        uniq = random_uniq(rng)
        table = Table({"UNIQ": uniq, "PROBDENSITY": chirp(rng, uniq)})
        table.meta |= {"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "MOCORDER": 5, "INDXSCHM": "EXPLICIT"}
        table.write(path)
        expected = Mask.from_skymap(table, 0.7)
        for words in ({}, {"column": 0}, {"column": "PROBDENSITY"}):
            assert Mask.from_skymap(path, 0.7, frame="icrs", **words) == expected
            assert expected.sum_of(path, frame="icrs", **words) == expected.sum_of(table)
        skymap = read_map(path, frame="icrs")
        assert skymap.name == "PROBDENSITY"
        assert Mask.from_skymap(skymap, 0.7) == expected
        assert skymap.with_values(skymap.values).name == ""
        with pytest.raises(TypeError, match="column names the values of a table or a file, but skymap is a HealpixMap"):
            Mask.from_skymap(skymap, 0.7, column="PROBDENSITY")
        with pytest.raises(TypeError, match="frame is for a table or a file, but skymap is a HealpixMap"):
            expected.sum_of(skymap, frame="icrs")

    def test_a_map_that_is_written_keeps_the_name_of_its_column(self, tmp_path):
        rng = np.random.default_rng(11)
        uniq = random_uniq(rng)
        skymap = HealpixMap(chirp(rng, uniq), uniq=uniq, frame="icrs", name="PROBDENSITY")
        write_map(skymap, tmp_path / "map.fits")
        assert Table.read(tmp_path / "map.fits").colnames == ["UNIQ", "PROBDENSITY"]
        assert read_map(tmp_path / "map.fits").name == "PROBDENSITY"
        expected = Mask.from_skymap(skymap, 0.7)
        assert Mask.from_skymap(tmp_path / "map.fits", 0.7) == expected
        assert Mask.from_skymap(Table.read(tmp_path / "map.fits"), 0.7) == expected

    def test_file_without_ordering(self, tmp_path):
        path = tmp_path / "flat.fits"
        values = np.arange(48) / np.arange(48).sum()
        table = Table({"PROB": values})
        table.meta |= {"PIXTYPE": "HEALPIX", "NSIDE": 2, "INDXSCHM": "IMPLICIT", "COORDSYS": "C"}
        table.write(path)
        for nest in (True, False):
            skymap = HealpixMap(values, nest=nest, frame="icrs")
            assert Mask.from_skymap(path, 0.5, nest=nest) == Mask.from_skymap(skymap, 0.5)
            half = Mask.from_zone(lat=("0 deg", "90 deg"), order=4)
            assert half.sum_of(path, nest=nest) == half.sum_of(skymap)
        with pytest.raises(TypeError, match="nest is for files, but skymap is not a path"):
            Mask.from_skymap(skymap, nest=True)

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            Mask.from_skymap(tmp_path / "none.fits")
        with pytest.raises(FileNotFoundError):
            Mask.full().sum_of(str(tmp_path / "none.fits"))


class TestReferees:
    @pytest.mark.parametrize("crossing", credible.CROSSING)
    @pytest.mark.parametrize("level", [0.01, 0.3, 0.5, 0.9, 0.99])
    def test_mocpy(self, crossing, level):
        rng = np.random.default_rng(int(1000 * level))
        uniq = random_uniq(rng)
        density = chirp(rng, uniq)
        table = Table({"UNIQ": uniq, "PROBDENSITY": density})
        mask = Mask.from_skymap(table, level, crossing=crossing)
        assert mask.order == 5
        assert mask.planes[0].ranges.tolist() == by_mocpy(uniq, density, level, crossing)

    @pytest.mark.parametrize("crossing", ["split", "split-exclude"])
    def test_split_order(self, crossing):
        rng = np.random.default_rng(7)
        uniq = random_uniq(rng, coarse=0, fine=2)
        density = chirp(rng, uniq)
        mask = Mask.from_skymap(Table({"UNIQ": uniq, "PROBDENSITY": density}), 0.6, crossing=crossing, split_order=8)
        assert mask.order == 8
        assert mask.planes[0].ranges.tolist() == by_mocpy(uniq, density, 0.6, crossing, order=8)
        assert float(mask.sum_of(Table({"UNIQ": uniq, "PROBDENSITY": density}))) == pytest.approx(0.6, abs=1e-5)

    def test_ligo_skymap(self):
        rng = np.random.default_rng(3)
        values = rng.exponential(size=12 << 12) ** 3
        values /= values.sum()
        levels = greedy_levels(values)
        for nest in (True, False):
            masks = Mask.from_skymap(
                HealpixMap(values, nest=nest, frame="galactic"), [0.2, 0.5, 0.9], crossing="exclude"
            )
            for mask, level in zip(masks, (0.2, 0.5, 0.9), strict=True):
                assert mask.frame == "galactic"
                assert mask.to_healpix(nest=nest).tolist() == (levels <= level).tolist()

    @pytest.mark.deep
    @examples(200)
    @given(data=st.data(), level=st.fractions(0, 1, max_denominator=40).filter(bool))
    def test_counts_one_by_one(self, data, level):
        uniq = data.draw(uniq_maps())
        # Few different numbers, so that densities are often equal and levels often reached exactly.
        weights = np.array(data.draw(st.lists(st.integers(0, 6), min_size=len(uniq), max_size=len(uniq))), float)
        table = {"UNIQ": uniq, "counts": weights}
        for crossing in ("include", "exclude"):
            mask = Mask.from_skymap(table, float(level), column="counts", normalize=True, crossing=crossing)
            rows = by_fractions(uniq, weights, level, crossing)
            rows = [row for row in rows if weights[row]] if level == 1 else rows
            assert mask == Mask(RangeSet.from_uniq(uniq[rows], mask.order))
            assert mask.planes[0].is_empty or mask.planes[0].ranges[-1, 1] <= 12 << 58

    @examples(60)
    @given(seed=st.integers(0, 2**32), level=st.floats(0.001, 1 - 1e-9) | st.just(1))
    def test_any_density_one_by_one(self, seed, level):
        rng = np.random.default_rng(seed)
        uniq = rng.permutation(random_uniq(rng, coarse=0, fine=2, full=False))
        # Over many orders of magnitude, subnormal numbers and zeros among them.
        density = 10.0 ** rng.uniform(-320, 0, len(uniq)) * (rng.uniform(size=len(uniq)) < 0.9)
        density[rng.integers(len(uniq))] = 1.0
        table = Table({"UNIQ": uniq, "PROBDENSITY": density})
        mask = Mask.from_skymap(table, level, normalize=True)
        weights = density * areas_of(uniq)
        expected = by_fractions(uniq, weights, Fraction(level), "include") if level < 1 else np.flatnonzero(density)
        assert mask == Mask(RangeSet.from_uniq(uniq[expected], mask.order))


class TestInputs:
    @pytest.fixture
    def sky(self):
        rng = np.random.default_rng(11)
        uniq = random_uniq(rng)
        return uniq, chirp(rng, uniq), rng.permutation(len(uniq))

    def test_any_table(self, sky):
        pandas = pytest.importorskip("pandas")
        uniq, density, rows = sky
        expected = Mask.from_skymap(Table({"UNIQ": uniq, "PROBDENSITY": density}))
        array = np.rec.fromarrays([uniq[rows], density[rows]], names="UNIQ,PROBDENSITY")
        big = np.rec.fromarrays([uniq.astype(">i8"), density.astype(">f8")], names="UNIQ,PROBDENSITY")
        for table in (
            Table({"UNIQ": uniq[rows], "PROBDENSITY": density[rows]}),
            Table({"uniq": uniq, "ProbDensity": density}),
            Table({"UNIQ": uniq, "PROB": density * areas_of(uniq)}),
            QTable({"UNIQ": uniq, "PROBDENSITY": density / u.sr}),
            QTable({"UNIQ": uniq, "PROB": (density / u.sr).to(1 / u.deg**2)}),
            Table({"UNIQ": uniq, "PROB": density, "PROBDENSITY": density}),
            {"UNIQ": uniq, "PROBDENSITY": density},
            pandas.DataFrame({"UNIQ": uniq[rows], "PROBDENSITY": density[rows]}),
            np.array(array),
            np.array(big),
            HealpixMap(density, uniq=uniq, frame="icrs", unit="sr-1"),
            HealpixMap(density[rows] * areas_of(uniq[rows]), uniq=uniq[rows], frame="icrs"),
        ):
            assert Mask.from_skymap(table) == expected, table
        other = Table({"UNIQ": uniq, "density": density, "rho": density}, meta={"COORDSYS": "G"})
        for mask in (
            Mask.from_skymap(other, column="density"),
            Mask.from_skymap(other, column="rho", density=True),
            Mask.from_skymap(other, column="rho", density=True, frame="galactic"),
        ):
            assert mask.frame == "galactic"
            assert mask.planes == expected.planes

    def test_same_cells_in_all_maps(self):
        rng = np.random.default_rng(2)
        cells = np.sort(rng.choice(12 << 8, 900, replace=False))
        values = rng.permutation(900) + 1.0
        values /= values.sum()
        full = np.zeros(12 << 8)
        full[cells] = values
        ring = np.empty_like(full)
        ring[healpix.nested_to_ring(np.arange(full.size), 4)] = full
        for crossing in credible.CROSSING:
            expected = Mask.from_skymap(HealpixMap(full, nest=True, frame="icrs"), crossing=crossing)
            for map_ in (
                HealpixMap(ring, nest=False, frame="icrs"),
                HealpixMap(values, cells=cells, order=4, nest=True, frame="icrs"),
                HealpixMap(values, uniq=cells + (4 << 8), frame="icrs"),
                HealpixMap(values / (4 * np.pi / (12 << 8)), uniq=cells + (4 << 8), frame="icrs", unit="sr-1"),
                HealpixMap(full / (4 * np.pi / (12 << 8)), nest=True, frame="icrs", unit="sr-1"),
            ):
                assert Mask.from_skymap(map_, crossing=crossing) == expected

    def test_energy_bins(self):
        rng = np.random.default_rng(4)
        axis = EnergyAxis([1, 2, 4, 8] * u.TeV)
        counts = rng.poisson(3, size=(3, 12 << 6))
        map_ = HealpixMap(counts, nest=True, frame="icrs", energy=axis)
        mask = Mask.from_skymap(map_, 0.7, normalize=True)
        assert mask.energy == axis
        for k in range(3):
            assert mask[k] == Mask.from_skymap(map_[k], 0.7, normalize=True)

    def test_equal_densities_follow_their_places(self):
        flat = HealpixMap(np.ones(48), nest=True, frame="icrs")
        for level in (0.25, 0.5, 24.5 / 48, 0.9, 1):
            mask = Mask.from_skymap(flat, level, normalize=True)
            assert mask == Mask(RangeSet.from_cells(np.arange(np.ceil(48 * level)).astype(int), 1))
        ring = Mask.from_skymap(HealpixMap(np.ones(48), nest=False, frame="icrs"), 0.5, normalize=True)
        assert ring == Mask(RangeSet.from_cells(np.arange(24), 1))

    def test_a_level_that_is_reached_leaves_nothing_to_cross(self):
        flat = HealpixMap(np.full(48, 1 / 48), nest=True, frame="icrs")
        tenths = HealpixMap(np.full(10, 0.1), uniq=np.arange(16, 26), frame="icrs")
        for crossing in credible.CROSSING:
            assert Mask.from_skymap(flat, 0.75, crossing=crossing).planes[0].n_cells == 36
            for k in range(1, 11):
                assert Mask.from_skymap(tenths, k / 10, crossing=crossing).planes[0].n_cells == k

    def test_everything_with_a_probability(self):
        values = np.array([0.5, 0.5, 1e-300, 0.0, -0.0, 5e-324])
        mask = Mask.from_skymap(HealpixMap(values, uniq=np.arange(4, 10), frame="icrs"), 1.0)
        assert mask.planes[0].cells().tolist() == [0, 1, 2, 5]

    def test_large_maps_on_threads(self):
        rng = np.random.default_rng(6)
        uniq = random_uniq(rng, coarse=6, fine=9, part=0.5)
        density = chirp(rng, uniq)
        assert len(uniq) > 2 * credible._PARALLEL_FROM
        table = Table({"UNIQ": uniq, "PROBDENSITY": density})
        masks = [Mask.from_skymap(table, 0.8, n_threads=n) for n in (1, 2, 5, 16)]
        assert all(mask == masks[0] for mask in masks)
        assert masks[0].planes[0].ranges.tolist() == by_mocpy(uniq, density, 0.8, "include")
        twice = np.append(uniq, 4 * (uniq[7] - (4 << 12)) + (4 << 14) + 2)
        for n in (1, 3):
            with pytest.raises(
                ValueError, match=r"cells must not overlap, but those of row (7|\d+) and row (7|\d+) do"
            ):
                Mask.from_skymap(Table({"UNIQ": twice, "PROBDENSITY": np.append(density, 0)}), n_threads=n)

    def test_history(self):
        flat = HealpixMap(np.full(12, 1 / 12), nest=True, frame="icrs")
        assert Mask.from_skymap(flat, 0.5).history == "from_skymap(12 cells, credible=0.5)"
        assert "crossing='split'" in Mask.from_skymap(flat, 0.5, crossing="split").history


class TestMistakes:
    def test_cells_of_maps_are_named_by_their_number(self):
        """Maps sort their cells, so that a row of the map is not a row of the file or of the arguments."""
        for words, name in (
            ({"cells": [9, 2], "order": 3, "nest": True}, "NESTED cell 2 of order 3"),
            ({"uniq": [24, 5]}, "NESTED cell 1 of order 0"),
            ({"cells": [9, 2], "order": 3, "nest": False}, None),
        ):
            skymap = HealpixMap([1.0, -0.5], frame="icrs", **words)
            name = name or f"NESTED cell {healpix.ring_to_nested(np.array([2]), 3)[0]} of order 3"
            with pytest.raises(ValueError, match=f"not negative, {name} is -0.5"):
                Mask.from_skymap(skymap, 0.5)
        with pytest.raises(ValueError, match=r"not negative, row 5 is -1\.0"):
            Mask.from_skymap(HealpixMap([1.0] * 5 + [-1.0] * 7, nest=False, frame="icrs"))

    good = Table({"UNIQ": np.arange(4, 16), "PROB": np.full(12, 1 / 12)})

    @pytest.mark.parametrize(
        ("table", "options", "error", "message"),
        [
            (good, {"credible": 0}, ValueError, "above 0 and at most 1, got 0"),
            (good, {"credible": 90}, ValueError, "got 90: give 0.9 for 90 %"),
            (good, {"credible": "most"}, TypeError, "credible must be a number"),
            (good, {"credible": [[0.5]]}, TypeError, "credible must be a number or a sequence"),
            (good, {"credible": float("nan")}, ValueError, "above 0 and at most 1"),
            (
                good,
                {"crossing": "both"},
                ValueError,
                "crossing must be 'include', 'exclude', 'split' or 'split-exclude'",
            ),
            (good, {"split_order": 3}, TypeError, "split_order needs crossing="),
            (good, {"split_order": 30, "crossing": "split"}, ValueError, "split_order must be from 0 to 29"),
            (good, {"column": "PROBDENSITY"}, ValueError, "no column 'PROBDENSITY', the columns are UNIQ, PROB"),
            (good, {"density": True}, ValueError, "add up to 1.0472 and not to 1.*density=False"),
            (good, {"density": "yes"}, TypeError, "density must be True or False"),
            (good, {"normalize": 1}, TypeError, "normalize must be True or False"),
            (good, {"hdu": 1}, TypeError, "skymap is not a path"),
            (good, {"n_threads": 0}, ValueError, "n_threads must be at least 1"),
            ({"UNIQ": [4, 5, 6], "PROB": [0.4, 0.6]}, {}, ValueError, r"PROB must have the shape of UNIQ, \(3,\), got"),
            (good, {"frame": "fk4"}, ValueError, "frame must be 'icrs' or 'galactic'"),
            (Table({"PROB": [1.0]}), {}, ValueError, "needs a column UNIQ, the columns are PROB"),
            (Table({"UNIQ": [4], "p": [1.0]}), {}, ValueError, "name their column by column=, the columns are UNIQ, p"),
            (Table({"UNIQ": [4.0], "PROB": [1.0]}), {}, TypeError, "UNIQ must be integers"),
            (Table({"UNIQ": [4], "PROB": ["x"]}), {}, TypeError, "PROB must be numbers"),
            (Table({"UNIQ": [4, 3], "PROB": [0.5, 0.5]}), {}, ValueError, "UNIQ numbers lie in .*, row 1 is 3"),
            (Table({"UNIQ": [4, -1], "PROB": [0.5, 0.5]}), {}, ValueError, "UNIQ numbers lie in .*, row 1 is -1"),
            (Table({"UNIQ": [18, 4], "PROB": [0.5, 0.5]}), {}, ValueError, "those of row 1 and row 0 do"),
            (Table({"UNIQ": [9, 4, 9], "PROB": [0.5, 0.25, 0.25]}), {}, ValueError, "those of row 0 and row 2 do"),
            (Table({"UNIQ": [4, 5], "PROB": [1.5, -0.5]}), {}, ValueError, "finite and not negative, row 1 is -0.5"),
            (Table({"UNIQ": [5, 4], "PROB": [np.nan, 1]}), {}, ValueError, "finite and not negative, row 0 is nan"),
            (Table({"UNIQ": [4, 5], "PROB": [1, np.inf]}), {}, ValueError, "row 1 is inf"),
            (
                Table({"UNIQ": [4, 5], "PROB": [0.5, 0.4]}),
                {},
                ValueError,
                "add up to 0.9 and not to 1: give normalize=True",
            ),
            (Table({"UNIQ": [], "PROB": []}, dtype=[int, float]), {}, ValueError, "add up to 0 and not to 1$"),
            (
                QTable({"UNIQ": [4], "PROB": [1.0] / u.sr}),
                {},
                ValueError,
                "add up to 1.0472 and not to 1: give normalize=True if a level is a fraction of their sum$",
            ),
            (Table({"UNIQ": [4], "PROB": [1.0]}, masked=True), {"frame": "galactic"}, None, ""),
            (
                Table({"UNIQ": [4], "PROB": [1.0]}, meta={"COORDSYS": "C"}),
                {"frame": "galactic"},
                ValueError,
                "COORDSYS",
            ),
            (Table({"UNIQ": [4], "PROB": [1.0]}, meta={"coordsys": "E"}), {}, ValueError, "equatorial .C. or Galactic"),
            (QTable({"UNIQ": [4], "PROB": [1.0] / u.sr}), {"density": False}, ValueError, "which is a density"),
            (np.ones(12), {}, TypeError, "skymap must be a path, a HealpixMap, or a table .* got ndarray"),
            (None, {}, TypeError, "got NoneType"),
            (HealpixMap(np.ones(12), nest=True, frame="icrs"), {"frame": "icrs"}, TypeError, "has its own frame"),
        ],
    )
    def test_errors(self, table, options, error, message):
        if error is None:
            assert Mask.from_skymap(table, **options).frame == "galactic"
            return
        with pytest.raises(error, match=message):
            Mask.from_skymap(table, **options)

    def test_masked_values(self):
        table = Table({"UNIQ": [4, 5], "PROB": [0.5, 0.5]}, masked=True)
        table["PROB"].mask[1] = True
        with pytest.raises(ValueError, match="row 1 is nan"):
            Mask.from_skymap(table)

    def test_bin_of_a_bad_value(self):
        values = np.full((2, 12), 1 / 12)
        values[1, 3] = -1
        map_ = HealpixMap(values, nest=True, frame="icrs", energy=EnergyAxis([1, 2, 3] * u.TeV))
        with pytest.raises(ValueError, match=re.escape("not negative, bin 1, row 3 is -1.0")):
            Mask.from_skymap(map_)
        values[1, 3] = 1
        with pytest.raises(ValueError, match="the probabilities of bin 1 add up to"):
            Mask.from_skymap(map_.with_values(values, energy=map_.energy))
