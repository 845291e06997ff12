"""Sums over a mask: mocpy, sums over cells of a finer order, and exact fractions as referees."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC
from multi_order import areas_of, random_uniq, uniq_maps
from profiles import examples
from strategies import cell_sets

from hpmask import EnergyAxis, HealpixMap, Mask, RangeSet, io
from hpmask.geometry import healpix
from hpmask.values import sums


def on_finer_cells(map_, order):
    """The values of a map on all cells of a finer order, each the share of that cell; 0 where the map has none."""
    values = np.zeros(12 << 2 * order)
    cells = np.arange(map_.n_cells) if map_.cells is None else map_.cells.astype(int)
    if not map_.nest:
        cells = healpix.ring_to_nested(cells, map_.order).astype(int)
    orders = np.full(cells.size, map_.order) if map_.orders is None else map_.orders.astype(int)
    for cell, k, value in zip(cells, orders, map_.values, strict=True):
        n = 4 ** (order - k)
        values[cell * n : (cell + 1) * n] = value / n
    return values


@pytest.fixture
def mask():
    return Mask.from_cones(SkyCoord([10, 200], [80, -20], unit="deg"), "23 deg", order=7)


class TestReferees:
    def test_bayestar(self, data):
        path = data("skymaps/bayestar.multiorder.fits")
        table = Table.read(path)
        region = Mask.from_skymap(table, 0.9)
        moc = region.to_moc()
        assert region.sum_of(table) == pytest.approx(moc.probability_in_multiordermap(table), rel=1e-12)
        assert region.sum_of(table) == pytest.approx(0.9, abs=1e-4)
        assert region.sum_of(path) == region.sum_of(str(path)) == region.sum_of(table)
        assert Mask.full().sum_of(table) == pytest.approx(1, abs=1e-12)
        disc = Mask.from_cones(SkyCoord(12.5, -25, unit="deg"), "3 deg", order=13)
        assert disc.sum_of(table) == pytest.approx(disc.to_moc().probability_in_multiordermap(table), rel=1e-12)

    def test_published_split(self, data):
        uniq, density = np.loadtxt(data("skymaps/gw190425z_skymap.multiorder.csv"), delimiter=",").T
        table = Table({"UNIQ": uniq.astype(int), "PROBDENSITY": density})
        sums_ = [
            Mask.from_skymap(table, 0.9, crossing=way).sum_of(table) for way in ("split-exclude", "split", "include")
        ]
        assert sums_[0] < 0.9 < sums_[1] < sums_[2]
        assert sums_[1] - sums_[0] < 2e-6

    def test_counts_cube(self, data):
        path = data("skymaps/fermi_3fhl_counts_cube_hpx.fits.gz")
        cube = io.read_map(path)
        assert cube.frame == "icrs"
        disc = Mask.from_cones(SkyCoord(83.63, 22.01, unit="deg"), "10 deg", order=6)
        expected = cube.values[:, disc.to_healpix(order=6, nest=cube.nest)].sum(axis=1)
        assert disc.sum_of(path).tolist() == expected.tolist()
        assert expected.size == 17
        assert expected.sum() > 1000
        with pytest.raises(ValueError, match="icrs"):
            disc.to_frame("galactic").sum_of(path)

    @pytest.mark.parametrize("seed", range(3))
    def test_mocpy(self, seed, mask):
        rng = np.random.default_rng(seed)
        uniq = random_uniq(rng, fine=8, full=bool(seed))
        table = Table({"UNIQ": uniq, "value": rng.normal(size=len(uniq)), "PROBDENSITY": rng.uniform(size=len(uniq))})
        moc = MOC.from_depth29_ranges(7, mask.planes[0].ranges.copy())
        assert mask.sum_of(table, column="value") == pytest.approx(moc.sum_in_multiordermap(table, "value"), abs=1e-9)
        assert mask.sum_of(table) == pytest.approx(moc.probability_in_multiordermap(table), rel=1e-12)

    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.uint8, bool, ">f4"])
    def test_all_layouts_on_finer_cells(self, dtype, mask):
        rng = np.random.default_rng(1)
        values = rng.integers(0, 2 if dtype is bool else 200, 12 << 8).astype(dtype)
        some = rng.choice(12 << 8, 500, replace=False)
        uniq = random_uniq(rng, fine=5)
        kept = np.zeros(12 << 16, bool)
        kept[mask.planes[0].cells(8)] = True
        for map_ in (
            HealpixMap(values, nest=True, frame="icrs"),
            HealpixMap(values, nest=False, frame="icrs"),
            HealpixMap(values[:500], cells=some, order=4, nest=True, frame="icrs"),
            HealpixMap(values[:500], cells=some, order=4, nest=False, frame="icrs"),
            HealpixMap(np.resize(values, len(uniq)), uniq=uniq, frame="icrs"),
        ):
            expected = on_finer_cells(map_, 8)[kept].sum()
            assert mask.sum_of(map_) == pytest.approx(expected, rel=1e-13)
            assert mask.sum_of(map_) + (~mask).sum_of(map_) == pytest.approx(map_.values.sum(dtype=float), rel=1e-13)

    @examples(200)
    @given(uniq=uniq_maps(), cells=cell_sets(4), data=st.data())
    def test_exact_fractions(self, uniq, cells, data):
        values = data.draw(st.lists(st.integers(-(2**52), 2**52), min_size=len(uniq), max_size=len(uniq)))
        plane = RangeSet.from_cells(sorted(cells), 4)
        expected = Fraction(0)
        for number, value in zip(uniq.tolist(), values, strict=True):
            cell = RangeSet.from_uniq([number])
            expected += value * Fraction((cell & plane).n_cells, cell.at_order(4).n_cells)
        got = Mask(plane).sum_of({"UNIQ": uniq, "value": np.array(values, dtype=np.int64)}, column="value")
        # Rounded once at the end, apart from the shares of the cells.
        assert abs(Fraction(got) - expected) <= Fraction(2) ** -50 * max(1, sum(map(abs, values)))


def axis(n):
    return EnergyAxis(np.geomspace(1, 100, n + 1) * u.TeV)


class TestBins:
    def test_bins_of_mask_and_map(self, mask):
        values = np.arange(3 * 192.0).reshape(3, 192)
        cube = HealpixMap(values, nest=True, frame="icrs", energy=axis(3))
        by_energy = Mask.stack([mask, ~mask, mask], axis(3))
        expected = [by_energy[k].sum_of(cube[k]) for k in range(3)]
        assert by_energy.sum_of(cube).tolist() == expected
        assert mask.sum_of(cube).tolist() == [mask.sum_of(cube[k]) for k in range(3)]
        assert by_energy.sum_of(cube[0]).tolist() == [by_energy[k].sum_of(cube[0]) for k in range(3)]
        assert isinstance(mask.sum_of(cube[0]), float)

    def test_mistakes(self, mask):
        flat = HealpixMap(np.ones(12), nest=True, frame="galactic")
        cube = HealpixMap(np.ones((3, 12)), nest=True, frame="icrs", energy=axis(3))
        for map_, options, error, message in (
            (flat, {}, ValueError, r"mask is in the frame 'icrs' and the map in 'galactic': take mask.to_frame\('gal"),
            (np.ones(12), {}, TypeError, "got ndarray"),
            (cube, {"hdu": 1}, TypeError, "skymap is not a path"),
            (cube, {"nan": "keep"}, ValueError, "nan must be 'raise' or 'exclude'"),
            (cube, {"density": 1}, TypeError, "density must be True or False"),
            (Table({"UNIQ": [4, 17], "PROB": [1, 2]}), {}, ValueError, "cells must not overlap.*rows 0 and 1"),
        ):
            with pytest.raises(error, match=message):
                mask.sum_of(map_, **options)
        with pytest.raises(ValueError, match="energy bins of the mask"):
            Mask.full(energy=axis(2)).sum_of(cube)


class TestValues:
    def test_units(self, mask):
        uniq = random_uniq(np.random.default_rng(3), fine=4)
        value = np.linspace(1, 2, len(uniq))
        per_sr = mask.sum_of(QTable({"UNIQ": uniq, "f": value / u.sr}), column="f")
        assert per_sr == pytest.approx((value * areas_of(uniq) * covered(mask, uniq)).sum())
        per_deg2 = QTable({"UNIQ": uniq, "f": (value * u.TeV / u.sr).to(u.TeV / u.deg**2)})
        assert mask.sum_of(per_deg2, column="f") == pytest.approx(per_sr, rel=1e-12)
        assert mask.sum_of({"UNIQ": uniq, "f": value}, column="f", density=True) == pytest.approx(per_sr)
        assert mask.sum_of(QTable({"UNIQ": uniq, "f": value * u.ct}), column="f") == pytest.approx(
            (value * covered(mask, uniq)).sum()
        )

    @pytest.mark.parametrize("missing", [np.nan, -1.6375e30])
    def test_missing_values(self, mask, missing):
        values = np.ones(12 << 8)
        outside = (~mask).at_order(4, mode="inside").planes[0].cells()[5]
        values[outside] = missing
        for nest in (True, False):
            given_ = values if nest else values[healpix.ring_to_nested(np.arange(values.size), 4)]
            map_ = HealpixMap(given_, nest=nest, frame="icrs")
            expected = mask.sky_fraction * values.size
            assert mask.sum_of(map_) == pytest.approx(expected)
            assert Mask.full().sum_of(map_, nan="exclude") == values.size - 1
            row = outside if nest else healpix.nested_to_ring(np.array([outside]), 4)[0]
            with pytest.raises(
                ValueError, match=f"1 missing value .* in the mask, the first in row {row}: give nan='exclude'"
            ):
                Mask.full().sum_of(map_)
        part = HealpixMap([1, missing], uniq=[4, 21], frame="icrs")
        with pytest.raises(ValueError, match="NESTED cell 5 of order 1"):
            Mask.full().sum_of(part)

    def test_large_and_small_numbers(self):
        values = np.array([1e16, 1.0, -1e16, 1e-3, 0, 0, 0, 0, 0, 0, 0, 3.0])
        assert Mask.full().sum_of(HealpixMap(values, nest=True, frame="icrs")) == pytest.approx(4.001, rel=1e-15)
        assert Mask.full().sum_of(HealpixMap([np.inf, 1], uniq=[4, 5], frame="icrs")) == np.inf
        assert Mask.empty().sum_of(HealpixMap(values, nest=True, frame="icrs")) == 0

    def test_many_pieces(self, mask, monkeypatch):
        rng = np.random.default_rng(8)
        uniq = random_uniq(rng, fine=6)
        maps = [
            HealpixMap(rng.uniform(size=12 << 10), nest=False, frame="icrs"),
            HealpixMap(rng.uniform(size=len(uniq)), uniq=uniq, frame="icrs"),
            HealpixMap(rng.uniform(size=700), cells=rng.choice(12 << 10, 700, False), order=5, nest=True, frame="icrs"),
        ]
        expected = [mask.sum_of(map_) for map_ in maps]
        for chunk in (1, 7, 1000):
            monkeypatch.setattr(sums, "_CHUNK", chunk)
            for map_, value in zip(maps, expected, strict=True):
                assert mask.sum_of(map_) == pytest.approx(value, rel=1e-14)

    @pytest.mark.deep
    def test_memory_of_a_ring_map(self):
        values = np.ones(12 << 20, dtype=np.float32)
        map_ = HealpixMap(values, nest=False, frame="icrs")
        plane = Mask.from_zone(lat=("-70 deg", "50 deg"), order=8)
        tracemalloc.start()
        assert plane.sum_of(map_) == pytest.approx(plane.sky_fraction * values.size)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < values.nbytes / 2


def covered(mask, uniq):
    """The fraction of each cell that a mask has, one by one."""
    cells = [RangeSet.from_uniq([number]) for number in uniq.tolist()]
    return np.array([(cell & mask.planes[0]).sky_fraction / cell.sky_fraction for cell in cells])
