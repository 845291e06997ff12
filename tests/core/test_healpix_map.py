"""Maps of values: what makes them immutable, equal, and what they take as values."""

import copy
import pickle

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from hpmask import EnergyAxis, HealpixMap, Mask
from hpmask.core.healpix_map import is_missing

AXIS = EnergyAxis([1, 2, 4] * u.TeV)
HEIGHTS = np.arange(48.0)
FULL = {"nest": True, "frame": "icrs"}


def maps():
    return [
        HealpixMap(HEIGHTS, **FULL),
        HealpixMap(HEIGHTS, nest=False, frame="icrs"),
        HealpixMap(HEIGHTS, nest=True, frame="galactic"),
        HealpixMap(HEIGHTS * u.m, **FULL),
        HealpixMap(HEIGHTS + 1, **FULL),
        HealpixMap(np.where(HEIGHTS > 7, np.nan, HEIGHTS), **FULL),
        HealpixMap([HEIGHTS, HEIGHTS], energy=AXIS, **FULL),
        HealpixMap(HEIGHTS, cells=np.arange(48), order=1, **FULL),
        HealpixMap(HEIGHTS, cells=np.arange(1, 49), order=2, **FULL),
        HealpixMap(HEIGHTS, uniq=np.arange(16, 64), frame="icrs"),
        HealpixMap([1.0, 2.0], uniq=[4, 20], frame="icrs"),
        HealpixMap([1.0, 2.0], uniq=[4, 21], frame="icrs"),
        HealpixMap(np.arange(12), **FULL),
        HealpixMap(np.arange(12) > 3, **FULL),
        HealpixMap([], cells=[], order=4, **FULL),
    ]


def test_equality():
    for i, one in enumerate(maps()):
        for k, other in enumerate(maps()):
            assert (one == other) == (i == k)
    assert HealpixMap(HEIGHTS, **FULL) == HealpixMap(HEIGHTS.astype(np.int16), **FULL)
    assert HealpixMap([5, 1], cells=[9, 3], order=3, **FULL) == HealpixMap([1, 5], cells=[3, 9], order=3, **FULL)
    assert maps()[0] != HEIGHTS.tolist()
    with pytest.raises(TypeError, match="unhashable"):
        hash(maps()[0])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_are_equal_and_immutable(copied):
    for one in maps():
        same = copied(one)
        assert same == one
        assert repr(same) == repr(one)
        for array in (same.values, same.cells, same.orders):
            assert array is None or not array.flags.writeable
    values = HEIGHTS.copy()
    apart = copy.deepcopy(HealpixMap(values, **FULL))
    values[:] = 0
    assert apart == HealpixMap(HEIGHTS, **FULL)


@pytest.mark.parametrize("missing", [np.nan, healpy.UNSEEN])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sum_with_a_missing_value_is_missing(missing, dtype):
    values = np.ones((2, 48), dtype=dtype)
    values[0, 3] = values[1, 5] = values[0, 7] = values[1, 7] = missing
    total = HealpixMap(values, energy=AXIS, **FULL).summed()
    assert np.flatnonzero(np.isnan(total.values)).tolist() == [3, 5, 7]
    assert np.nansum(total.values) == 2 * 45
    with pytest.raises(ValueError, match="3 values that are NaN, masked or UNSEEN, the first at 3"):
        Mask.from_map(total, 0, keep="<")


@pytest.mark.filterwarnings("error")
def test_half_precision_has_no_unseen():
    values = np.array([1, -np.inf, np.nan, np.inf], dtype=np.float16)
    assert is_missing(values).tolist() == [False, False, True, False]
    assert is_missing(values[:2]) is None
    low = HealpixMap(np.full(12, -np.inf, dtype=np.float16), **FULL)
    assert Mask.from_map(low, 0, keep="<").sky_fraction == 1


def test_columns_have_units():
    wanted = HealpixMap(HEIGHTS * u.m, **FULL)
    hidden = HealpixMap(np.where(HEIGHTS == 5, np.nan, HEIGHTS) * u.m, **FULL)
    table = Table({"height": HEIGHTS, "some": np.ma.masked_equal(HEIGHTS, 5)}, units={"height": "m", "some": "m"})
    for given in (table, QTable(table)):
        assert HealpixMap(given["height"], **FULL) == wanted
        assert HealpixMap(given["some"], **FULL) == hidden
        assert Mask.from_map(given["height"], "1000 cm", **FULL) == Mask.from_map(HEIGHTS, 10, **FULL)
    assert HealpixMap(Table({"height": HEIGHTS})["height"], **FULL) == HealpixMap(HEIGHTS, **FULL)
    with pytest.raises(ValueError, match="unit is s, but values have the unit m"):
        HealpixMap(table["height"], unit="s", **FULL)


class TestAt:
    RNG = np.random.default_rng(5)
    PLACES = SkyCoord(RNG.uniform(0, 360, 2000), np.degrees(np.arcsin(RNG.uniform(-1, 1, 2000))), unit="deg")

    @pytest.mark.parametrize("nest", [True, False])
    @pytest.mark.parametrize("frame", ["icrs", "galactic"])
    def test_full_maps(self, nest, frame):
        values = self.RNG.integers(0, 1000, 12 << 8)
        seen = self.PLACES.transform_to(frame).spherical
        expected = values[healpy.ang2pix(16, seen.lon.deg, seen.lat.deg, lonlat=True, nest=nest)]
        found = HealpixMap(values, nest=nest, frame=frame).at(self.PLACES)
        assert found.dtype == values.dtype
        assert np.array_equal(found, expected)

    def test_parts_of_the_sky(self):
        cells = self.RNG.permutation(12 << 6)[:300]
        values = self.RNG.uniform(size=300).astype(np.float32)
        full = np.full(12 << 6, np.nan, dtype=np.float32)
        full[cells] = values
        expected = full[healpy.ang2pix(8, self.PLACES.ra.deg, self.PLACES.dec.deg, lonlat=True, nest=True)]
        part = HealpixMap(values, cells=cells, order=3, **FULL)
        assert part.at(self.PLACES).dtype == np.float32
        assert np.array_equal(part.at(self.PLACES), expected, equal_nan=True)
        assert np.array_equal(part.at(self.PLACES, n_threads=2), expected, equal_nan=True)

    def test_orders(self):
        # The first base cell at order 3, the second at order 1, and the last as it is.
        cells = [(3, cell) for cell in range(64)] + [(1, cell) for cell in range(4, 8)] + [(0, 11)]
        uniq = self.RNG.permutation([4 * 4**order + cell for order, cell in cells])
        values = HealpixMap(uniq, uniq=uniq, frame="icrs")
        lon, lat = self.PLACES.ra.deg, self.PLACES.dec.deg
        expected = np.full(2000, np.nan)
        for order, cell in cells:
            inside = healpy.ang2pix(1 << order, lon, lat, lonlat=True, nest=True) == cell
            expected[inside] = 4 * 4**order + cell
        assert np.array_equal(values.at(self.PLACES), expected, equal_nan=True)

    def test_shapes(self):
        bins = HealpixMap([HEIGHTS, -HEIGHTS], energy=AXIS, **FULL)
        found = bins.at(self.PLACES.reshape(40, 50))
        assert found.shape == (2, 40, 50)
        assert np.array_equal(found[1], -HealpixMap(HEIGHTS, **FULL).at(self.PLACES).reshape(40, 50))
        one = HealpixMap(np.arange(48), **FULL).at(self.PLACES[0])
        assert isinstance(one, int)
        empty = HealpixMap([], cells=[], order=4, **FULL)
        assert np.isnan(empty.at(self.PLACES)).all()
        assert HealpixMap(HEIGHTS, **FULL).at(self.PLACES[:0]).shape == (0,)

    def test_mistakes(self):
        with pytest.raises(TypeError, match="coord must be a SkyCoord"):
            HealpixMap(HEIGHTS, **FULL).at(3.0)
        with pytest.raises(ValueError, match="coord must be finite"):
            HealpixMap(HEIGHTS, nest=False, frame="icrs").at(SkyCoord([1, np.nan], [2, 3], unit="deg"))
