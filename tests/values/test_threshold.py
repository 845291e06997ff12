"""Thresholds: against numpy, cell by cell."""

import tracemalloc

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from value_maps import random_map, schemes, seeds

from hpmask import EnergyAxis, HealpixMap, Mask, RangeSet
from hpmask._kernels import crossings
from hpmask.core.full_maps import crossings_of, sets_of_pieces, toggled

SIGNS = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
SIDES = {"left": (np.greater_equal, np.less), "right": (np.greater, np.less_equal)}
SIDES |= {"both": (np.greater_equal, np.less_equal), "neither": (np.greater, np.less)}
AXIS = EnergyAxis([1, 2, 4, 8] * u.TeV)


def cells_of(plane, n):
    """Which of the cells of the set's own order are in, by its ranges."""
    step = 12 * 4**29 // n
    starts, stops = (plane.ranges.astype(np.int64) // step).T
    change = np.zeros(n + 1, dtype=int)
    np.add.at(change, starts, 1)
    np.add.at(change, stops, -1)
    return np.cumsum(change)[:-1] == 1


def same(mask, wanted):
    """Whether a mask without energy has these cells of its order, in ranges that do not touch."""
    plane = mask.planes[0]
    assert RangeSet(plane.ranges, plane.order) == plane
    np.testing.assert_array_equal(cells_of(plane, wanted.size), wanted)


@examples(200)
@given(
    seed=seeds,
    order=st.integers(0, 6),
    scheme=schemes,
    keep=st.sampled_from([*SIGNS]),
    dtype=st.sampled_from([np.float64, np.float32, np.int16]),
    outside=st.booleans(),
    invert=st.booleans(),
)
def test_signs(seed, order, scheme, keep, dtype, outside, invert):
    map_, values, there = random_map(seed, order, scheme, dtype=dtype)
    threshold = values[seed % values.size]
    mask = Mask.from_map(map_, threshold.item(), keep=keep, outside=outside, invert=invert)
    same(mask, np.where(there, SIGNS[keep](values, threshold) != invert, outside))
    assert mask.order == map_.order


@examples(100)
@given(seed=seeds, scheme=schemes, closed=st.sampled_from([*SIDES]), keep=st.sampled_from(["between", "outside"]))
def test_intervals(seed, scheme, closed, keep):
    map_, values, there = random_map(seed, 3, scheme)
    low, high = np.sort(values[[seed % values.size, seed // 7 % values.size]])
    mask = Mask.from_map(map_, (low, high), keep=keep, closed=closed)
    above, below = SIDES[closed]
    same(mask, there & ((above(values, low) & below(values, high)) == (keep == "between")))


@examples(100)
@given(
    seed=seeds,
    scheme=schemes,
    keep=st.sampled_from([*SIGNS, "outside"]),
    invert=st.booleans(),
    missing=st.sampled_from([np.nan, healpy.UNSEEN]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_missing_values(seed, scheme, keep, invert, missing, dtype):
    map_, _, there = random_map(seed, 3, scheme, dtype=dtype)
    rng = np.random.default_rng(seed)
    gone = rng.random(map_.n_cells) < 0.2
    gone[0] = True
    holed = map_.with_values(np.where(gone, dtype(missing), map_.values))
    threshold = (-0.5, 0.5) if keep == "outside" else 0.1
    full = Mask.from_map(map_, threshold, keep=keep, invert=invert).planes[0]
    holes = map_.set_of(gone)
    assert Mask.from_map(holed, threshold, keep=keep, invert=invert, nan="keep").planes[0] == full | holes
    assert Mask.from_map(holed, threshold, keep=keep, invert=invert, nan="exclude").planes[0] == full - holes
    first = np.argmax(gone)
    with pytest.raises(
        ValueError, match=rf"^values has {gone.sum()} value.* NaN, masked or UNSEEN, the first at {first}:"
    ):
        Mask.from_map(holed, threshold, keep=keep)
    assert there.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("nest", [True, False])
def test_infinite_values_are_values(dtype, nest):
    values = np.tile(np.array([np.inf, -np.inf, 0.0, np.finfo(dtype).max], dtype), 12)
    for level in (np.inf, -np.inf, 0.0, np.finfo(dtype).max, -np.finfo(dtype).max):
        for keep, sign in SIGNS.items():
            mask = Mask.from_map(values, level, keep=keep, nest=nest, frame="icrs")
            np.testing.assert_array_equal(mask.to_healpix(order=1, nest=nest), sign(values, level))
        holed = np.where(np.arange(48) == 5, np.nan, values)
        with pytest.raises(ValueError, match="1 value that is NaN"):
            Mask.from_map(holed, level, nest=nest, frame="icrs")
    for closed, (above, below) in SIDES.items():
        mask = Mask.from_map(values, (0, np.inf), keep="between", closed=closed, nest=nest, frame="icrs")
        kept = mask.to_healpix(order=1, nest=nest)
        np.testing.assert_array_equal(kept, above(values, 0) & below(values, np.inf))


@pytest.mark.parametrize("nest", [True, False])
def test_masked_values(nest):
    values, hidden = np.arange(48), np.arange(48) % 5 == 0
    for given_ in (np.ma.array(values, mask=hidden), Masked(values, mask=hidden), Masked(values * u.m, mask=hidden)):
        with pytest.raises(ValueError, match="10 values that are NaN, masked or UNSEEN, the first at 0"):
            Mask.from_map(given_, 20, nest=nest, frame="icrs")
        for nan in ("keep", "exclude"):
            kept = Mask.from_map(given_, 20, nan=nan, nest=nest, frame="icrs").to_healpix(order=1, nest=nest)
            np.testing.assert_array_equal(kept, np.where(hidden, nan == "keep", values > 20))


def test_the_precision_of_the_values():
    """A threshold has the precision of the values, as a number has that numpy compares them with."""
    values = np.linspace(0, 1, 49, dtype=np.float32)[:48]
    values[7] = 0.7
    for keep, sign in SIGNS.items():
        same(Mask.from_map(values, 0.7, keep=keep, nest=True, frame="icrs"), sign(values, 0.7))
    same(Mask.from_map(values, 1e300, keep="<", nest=True, frame="icrs"), np.ones(48, bool))
    same(Mask.from_map(np.full(48, np.inf, np.float32), 1e300, nest=True, frame="icrs"), np.ones(48, bool))


@pytest.mark.parametrize("dtype", ["u1", "u8", ">i4", ">f4", ">f8", "i8", "f2"])
def test_kinds_of_numbers(dtype):
    values = np.arange(48).astype(dtype)
    for threshold in (-1, 20, 20.5, 1000):
        mask = Mask.from_map(values, threshold, nest=True, frame="icrs")
        same(mask, np.arange(48) > threshold)


def test_units():
    values = np.arange(48.0)
    for given_ in (values * u.m, HealpixMap(values, unit="m", nest=True, frame="icrs")):
        options = {} if isinstance(given_, HealpixMap) else {"nest": True, "frame": "icrs"}
        for threshold in (20, 20 * u.m, "0.02 km", 2000 * u.cm):
            same(Mask.from_map(given_, threshold, **options), values > 20)
        same(
            Mask.from_map(given_, (200 * u.cm, 3 * u.m), keep="between", closed="both", **options),
            np.isin(values, [2, 3]),
        )
        with pytest.raises(ValueError, match="threshold must be in a unit like m, got s"):
            Mask.from_map(given_, 1 * u.s, **options)
    with pytest.raises(ValueError, match="threshold has the unit m, but the values have none"):
        Mask.from_map(values, 1 * u.m, nest=True, frame="icrs")


def test_thresholds_of_bins_with_units():
    heights = HealpixMap([np.arange(48)] * 3 * u.m, nest=True, frame="icrs", energy=AXIS)
    wanted = Mask.from_map(heights, [1, 20, 30] * u.m)
    for levels in (["1 m", "2000 cm", "0.03 km"], ("1 m", 20 * u.m, 0.03 * u.km), [1 * u.m, 2000 * u.cm, 30 * u.m]):
        assert Mask.from_map(heights, levels) == wanted
    assert Mask.from_map(heights, (["1 m"] * 3, ["2 m", "3 m", "4 m"]), keep="between").planes[1].n_cells == 2


def test_thresholds_of_bins():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(3, 192))
    mask = Mask.from_map(values, [0.0, 1.0, -1.0], keep="<", nest=True, frame="icrs", energy=AXIS)
    assert mask.energy == AXIS
    np.testing.assert_array_equal(mask.to_healpix(nest=True), values < [[0], [1], [-1]])
    np.testing.assert_array_equal(
        Mask.from_map(values, 0.5, nest=True, frame="icrs", energy=AXIS).to_healpix(nest=True), values > 0.5
    )
    # One row, with a threshold for each bin or one for all of them.
    for given_, options in (
        (values[0], {"nest": True, "frame": "icrs"}),
        (HealpixMap(values[0], nest=True, frame="icrs"), {}),
    ):
        mask = Mask.from_map(given_, [0.0, 1.0, -1.0], energy=AXIS, **options)
        np.testing.assert_array_equal(mask.to_healpix(nest=True), values[:1] > [[0], [1], [-1]])
        mask = Mask.from_map(given_, 0.3, energy=AXIS, **options)
        assert mask.planes[0] is mask.planes[2]
        np.testing.assert_array_equal(mask.to_healpix(nest=True)[1], values[0] > 0.3)
    mask = Mask.from_map(values, ([0, 0, -1], [1, 2, 1]), keep="between", nest=True, frame="icrs", energy=AXIS)
    np.testing.assert_array_equal(mask.to_healpix(nest=True), (values >= [[0], [0], [-1]]) & (values < [[1], [2], [1]]))
    for energy, fault in ((AXIS, "or one for each of the 3 energy bins"), (None, "for one energy bin or none")):
        with pytest.raises(ValueError, match=f"{fault}, got 2"):
            Mask.from_map(values if energy else values[0], [0, 1], nest=True, frame="icrs", energy=energy)
    holed = values.copy()
    holed[1, 17] = np.nan
    with pytest.raises(ValueError, match=r"^values\[1\] has 1 value that is NaN.*the first at 17"):
        Mask.from_map(holed, 0.3, nest=True, frame="icrs", energy=AXIS)


def test_booleans_need_no_threshold():
    kept = np.arange(192) % 7 < 3
    for dtype in (bool, np.uint8, int, float, ">f4"):
        for nest in (True, False):
            mask = Mask.from_map(kept.astype(dtype), nest=nest, frame="galactic")
            assert mask == Mask.from_healpix(kept, nest=nest, frame="galactic")
            assert Mask.from_map(kept.astype(dtype), nest=nest, invert=True, frame="galactic") == ~mask
    holed = np.where(np.arange(192) == 9, np.nan, kept)
    for nan in ("keep", "exclude"):
        for invert in (True, False):
            mask = Mask.from_map(holed, nan=nan, nest=True, invert=invert, frame="icrs")
            same(mask, np.where(np.isnan(holed), nan == "keep", kept != invert))
    with pytest.raises(ValueError, match=r"192 are not, the first at 2: 2; give a threshold="):
        Mask.from_map(np.arange(192), nest=True, frame="icrs")
    same(Mask.from_map(kept, 0.5, keep="<", nest=True, frame="icrs"), ~kept)


def test_faults_of_later_pieces_count_from_the_start():
    values = np.zeros(12 << 18)
    values[-3] = np.nan
    with pytest.raises(ValueError, match="1 value that is NaN, masked or UNSEEN, the first at 3145725:"):
        Mask.from_map(values, 0, nest=True, frame="icrs")
    values[-3] = 5
    with pytest.raises(ValueError, match="1 value of 3145728 is not, the first at 3145725: 5"):
        Mask.from_map(values, nest=True, frame="icrs")


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("nest", [True, False])
def test_maps_of_many_pieces(nest, n_threads):
    """More cells than there are in a piece, with changes at the ends of pieces."""
    rng = np.random.default_rng(8)
    values = np.repeat(rng.normal(size=12 << 6), 1 << 12).astype(np.float32)
    values[rng.integers(0, values.size, 2000)] += 3
    values[(1 << 16) - 1 :: 1 << 16] = 9
    values[-1] = 9
    mask = Mask.from_map(values, 1, nest=nest, frame="icrs", n_threads=n_threads)
    np.testing.assert_array_equal(mask.to_healpix(nest=nest), values > 1)

    def piece(part):
        return [
            crossings_of(values[part] > 1, part.start),
            np.empty(0, int),
            crossings_of(values[part] < 0, part.start),
        ]

    several = sets_of_pieces(piece, 9, n_threads=n_threads)
    assert not several[1]
    assert several[2] == RangeSet.from_cells(np.flatnonzero(values < 0), 9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_crossings(dtype):
    """The kernel, against numpy, for whole blocks and for a rest."""
    rng = np.random.default_rng(5)
    for n in (0, 1, 63, 64, 65, 128, 1000):
        for width in (1, 10, 200):
            values = np.repeat(rng.normal(size=n // width + 1), width)[:n].astype(dtype)
            values[rng.random(n) < 0.01 * (width == 10)] = np.inf
            values[(values > 0) & (values < 0.2)] = 0.0
            values[(values < 0) & (values > -0.2)] = -0.0
            out = np.full(n + 1, -1)
            for low, high in (
                (-0.3, 0.4),
                (0, np.inf),
                (-0.0, 1),
                (-1, 0.0),
                (-1, -0.0),
                (-np.inf, 0),
                (np.inf, -np.inf),
                (-9, 9),
            ):
                count = crossings.crossings(values, low, high, -99.0, 11, out)
                inside = (values >= dtype(low)) & (values <= dtype(high))
                np.testing.assert_array_equal(out[:count], crossings_of(inside, 11))
                assert out[count] == -1 or count < n
                np.testing.assert_array_equal(
                    toggled(crossings_of(inside, 11), 11) if n else [], crossings_of(~inside, 11)
                )
            for bad in (np.nan, -99.5, -np.inf):
                for place in {0, n // 2, n - 1} if n else ():
                    holed = values.copy()
                    holed[place] = bad
                    assert crossings.crossings(holed, 0, 1, -99.0, 11, out) == -1
    with pytest.raises(ValueError, match="out must have room"):
        crossings.crossings(np.zeros(3), 0, 1, -1, 0, np.empty(2, int))


@pytest.mark.parametrize("words", [{"threshold": 0.5}, {"low": 0.2, "high": 0.9, "keep": "<"}])
@pytest.mark.parametrize(("scheme", "most"), [("nested", 0.3), ("ring", 0.8), ("partial", 0.8), ("multi-order", 0.8)])
def test_no_array_is_larger_than_the_map(scheme, most, words):
    values = np.repeat(np.random.default_rng(2).random(12 << 8), 1 << 10)
    if scheme == "nested":
        map_ = HealpixMap(values, nest=True, frame="icrs")
    elif scheme == "ring":
        # From north to south, so that the set has few ranges.
        map_ = HealpixMap(np.linspace(0, 1, values.size), nest=False, frame="icrs")
    elif scheme == "partial":
        cells = np.arange(values.size // 3, values.size)
        map_ = HealpixMap(values[cells], cells=cells, order=9, nest=True, frame="icrs")
    else:
        uniq = np.r_[4 * 4**8 + np.arange(1000), 4 * 4**9 + np.arange(4000, values.size)]
        map_ = HealpixMap(values[: uniq.size], uniq=uniq, frame="icrs")
    tracemalloc.start()
    Mask.from_map(map_, n_threads=1, **words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most * map_.values.nbytes


def test_orders_and_frames():
    map_ = HealpixMap(np.arange(768.0), nest=True, frame="galactic")
    fine = Mask.from_map(map_, 99)
    assert fine.frame == "galactic"
    for mode in ("center", "overlap", "inside"):
        assert Mask.from_map(map_, 99, order=1, mode=mode) == fine.at_order(1, mode=mode)
    assert Mask.from_map(map_, 99, frame="icrs") == fine.to_frame("icrs")
    assert Mask.from_map(map_, 99, frame="icrs", order=5) == fine.to_frame("icrs", order=5)
    with pytest.raises(ValueError, match="mode 'inside' needs the frame of the map, 'galactic'"):
        Mask.from_map(map_, 99, frame="icrs", mode="inside")


def test_neighbours_merge():
    mask = Mask.from_map(np.arange(12 << 16) >= 1 << 16, nest=True, frame="icrs")
    assert mask.n_ranges == 1
    assert [*mask.planes[0].cells_by_order()] == [0]


@pytest.mark.parametrize(
    ("options", "error", "fault"),
    [
        ({"threshold": 1, "keep": "=="}, ValueError, "keep must be '>'"),
        ({"threshold": 1, "keep": "between"}, TypeError, r"threshold must be a pair \(low, high\)"),
        ({"threshold": (2, 1), "keep": "between"}, ValueError, "low must not exceed high"),
        ({"threshold": 1, "low": 0, "high": 2}, TypeError, "a threshold, or low and high"),
        ({"low": 0}, TypeError, "hysteresis needs low and high"),
        ({"low": 3, "high": 2}, ValueError, "low must not exceed high, got 3.0 and 2.0"),
        ({"low": 3, "high": 2 * u.m}, TypeError, "low and high must both have a unit, or neither of them"),
        ({"low": 3, "high": 2, "keep": "outside"}, TypeError, "low and high alone mean hysteresis"),
        ({"low": [1, 2], "high": [3, 4, 5]}, ValueError, "value for each energy bin, got 2 and 3"),
        ({"threshold": [1, 2]}, ValueError, "a threshold must be a single value for one energy bin or none, got 2"),
        ({"threshold": 1, "energy": AXIS.edges}, TypeError, "energy must be an EnergyAxis, got Quantity"),
        ({"energy": AXIS.edges}, TypeError, "energy must be an EnergyAxis, got Quantity"),
        ({"threshold": 10**400}, TypeError, "threshold must be a number, got 10000"),
        ({"threshold": ["1 m", "2 s"]}, ValueError, r"threshold must be a number or a quantity, got \['1 m', '2 s'\]"),
        ({"threshold": [1, "2 m"]}, ValueError, "threshold must be a number or a quantity"),
        ({"threshold": True}, TypeError, "threshold must be a number"),
        ({"threshold": np.nan}, ValueError, "threshold must not be NaN"),
        ({"threshold": "high"}, ValueError, "threshold must be a number or a quantity, got 'high'"),
        ({"threshold": 1, "nan": True}, ValueError, "nan must be 'raise', 'keep' or 'exclude', got True"),
        ({"threshold": 1, "closed": "up"}, ValueError, "closed must be"),
        ({"low": 0, "high": 1, "connectivity": 6}, ValueError, "connectivity must be 8"),
        ({"threshold": 1, "outside": 1}, TypeError, "outside must be True or False"),
        ({"threshold": 1, "invert": "no"}, TypeError, "invert must be True or False"),
        ({"keep": "<"}, TypeError, "keep='<' needs a threshold"),
        ({"threshold": 1, "nest": None}, TypeError, "nest must be given"),
        ({"threshold": 1, "frame": None}, TypeError, "frame must be given"),
        ({"threshold": 1, "mode": "touch"}, ValueError, "mode must be"),
        ({"threshold": 1, "column": "A"}, TypeError, "column is an option for files only, and values is a ndarray"),
        ({"threshold": 1, "energy": AXIS, "order": 2}, ValueError, "order is 2, but a map of 12 values has order 0"),
    ],
)
def test_bad_arguments(options, error, fault):
    with pytest.raises(error, match=fault):
        Mask.from_map(np.zeros(12), **{"nest": True, "frame": "icrs", **options})


def test_history():
    map_ = HealpixMap(np.arange(48.0), nest=True, frame="icrs")
    assert Mask.from_map(map_, 3, keep="<", nan="keep").history == "from_map(HealpixMap, < 3, NaN kept, order=1)"
    mask = Mask.from_map(
        np.arange(48.0) * u.m, low="300 cm", high="4 m", nest=True, frame="icrs", connectivity=4, outside=True
    )
    assert mask.history == "from_map(48 cells, keep '>', low=300 cm, high=4 m, connectivity=4, outside kept, order=1)"
