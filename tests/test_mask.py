"""Mask: planes, energy, the algebra in every bin, look-ups, and the value that it is."""

import copy
import inspect
import operator
import pickle
import re
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

import astropy.units as u
import healpy as hp
import numpy as np
import oracles
import pytest
from astropy.coordinates import SkyCoord
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st
from strategies import masks, range_sets

import hpmask
from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.testing import assert_masks_equal

AXIS = EnergyAxis([1, 10, 100, 1000] * u.GeV)
OTHER_AXIS = EnergyAxis([1, 10, 200, 1000] * u.GeV)
A = RangeSet.from_cells([0, 1, 2, 5], 1)
B = RangeSet.from_cells([1, 2, 3, 40], 1)
OPERATIONS = [operator.or_, operator.and_, operator.xor, operator.sub]


def ids(mask):
    """Numbers that show which planes are the same object."""
    known = {}
    return [known.setdefault(id(plane), len(known)) for plane in mask.planes]


def again(plane):
    """An equal set that is another object."""
    return RangeSet(plane.ranges, plane.order)


# ---------------------------------------------------------------- making


def test_one_plane():
    mask = Mask(A)
    assert mask.planes == (A,)
    assert mask.planes[0] is A
    assert (mask.frame, mask.order, mask.energy) == ("icrs", 1, None)
    assert Mask([A]) == Mask((A,)) == Mask(iter([A])) == mask


def test_order_of_planes():
    mask = Mask([A, RangeSet.full(3), RangeSet.empty(2)], energy=AXIS)
    assert mask.order == 3
    assert [plane.order for plane in mask.planes] == [3, 3, 3]
    assert Mask(A, order=7).planes[0].order == 7
    assert Mask(A, order=np.int64(7)).order == 7


def test_full_and_empty():
    for energy in (None, AXIS):
        for frame in ("icrs", "galactic"):
            full = Mask.full(order=4, energy=energy, frame=frame)
            empty = Mask.empty(order=4, energy=energy, frame=frame)
            assert full == ~empty
            assert (full.order, full.frame, full.energy) == (4, frame, energy)
            assert np.all(full.sky_fraction == 1)
            assert np.all(empty.sky_fraction == 0)
            assert full.n_ranges == 1
            assert empty.n_ranges == 0
    assert Mask.full(frame="ICRS").frame == "icrs"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Mask([]), ValueError, "a mask without energy has one plane, got 0 planes"),
        (lambda: Mask([A, B]), ValueError, "a mask without energy has one plane, got 2 planes"),
        (lambda: Mask([A, B], energy=AXIS), ValueError, "energy has 3 bins, got 2 planes"),
        (lambda: Mask([A, 3, B], energy=AXIS), TypeError, "planes must be RangeSets, got int"),
        (lambda: Mask([[0, 4]]), TypeError, "planes must be RangeSets, got list"),
        (lambda: Mask(A, energy=[1, 2] * u.TeV), TypeError, "energy must be an EnergyAxis, got Quantity"),
        (lambda: Mask.full(energy="1 TeV"), TypeError, "energy must be an EnergyAxis, got str"),
        (lambda: Mask.empty(energy=[1, 2] * u.TeV), TypeError, "energy must be an EnergyAxis, got Quantity"),
        (
            lambda: Mask.from_healpix(np.ones(12), nest=True, frame="icrs", energy=[1, 2] * u.TeV),
            TypeError,
            "energy must be an EnergyAxis, got Quantity",
        ),
        (lambda: Mask([A], energy="1 TeV"), TypeError, "energy must be an EnergyAxis, got str"),
        (lambda: Mask(A, order=0), ValueError, "order is 0, but a plane has order 1"),
        (lambda: Mask(A, order=30), ValueError, "order must be from 0 to 29, got 30"),
        (lambda: Mask(A, order=2.0), TypeError, "order must be an integer"),
        (lambda: Mask(A, frame="fk5"), ValueError, "frame must be 'icrs' or 'galactic', got 'fk5'"),
        (lambda: Mask(A, history=("one", "two")), TypeError, "history must be a string"),
        (lambda: Mask.full(order=-1), ValueError, "order must be from 0 to 29, got -1"),
        (lambda: Mask(A, 3), TypeError, "positional"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


# ---------------------------------------------------------------- shared planes


def test_equal_planes_are_one_object():
    assert ids(Mask(A, energy=AXIS)) == [0, 0, 0]
    assert ids(Mask([A, again(A), A], energy=AXIS)) == [0, 0, 0]
    assert ids(Mask([A, B, again(A)], energy=AXIS)) == [0, 1, 0]
    assert ids(Mask([A, A.at_order(5), B], energy=AXIS)) == [0, 0, 1]
    assert ids(Mask([A, B, A], energy=AXIS, order=6)) == [0, 1, 0]


def test_shared_planes_cost_once():
    one, many = Mask(A), Mask(A, energy=EnergyAxis(np.geomspace(1, 10, 51) * u.TeV))
    assert (many.n_ranges, many.nbytes) == (one.n_ranges, one.nbytes) == (A.n_ranges, A.nbytes)
    two = Mask([A, B, again(A)], energy=AXIS)
    assert two.n_ranges == A.n_ranges + B.n_ranges
    assert two.nbytes == A.nbytes + B.nbytes


def test_operations_keep_planes_shared():
    mask = Mask([A, B, A], energy=AXIS)
    assert ids(~mask) == [0, 1, 0]
    assert ids(mask | Mask(B)) == [0, 1, 0]
    assert ids(mask & mask) == [0, 1, 0]
    assert ids(mask | Mask([B, A, B], energy=AXIS)) == [0, 0, 0]
    assert ids(mask - mask) == [0, 0, 0]
    assert ids(mask.at_order(4)) == [0, 1, 0]
    assert ids(hpmask.union_all([mask, Mask(B)])) == [0, 1, 0]
    assert ids(pickle.loads(pickle.dumps(mask))) == [0, 1, 0]


def test_operations_work_once_per_pair_of_planes(monkeypatch):
    calls = []
    plain = RangeSet.__and__
    monkeypatch.setattr(RangeSet, "__and__", lambda a, b: calls.append(1) or plain(a, b))
    axis = EnergyAxis(np.geomspace(1, 10, 51) * u.TeV)
    assert ids(Mask(A, energy=axis) & Mask(B)) == [0] * 50
    assert len(calls) == 1


# ---------------------------------------------------------------- algebra


@pytest.mark.parametrize("operation", OPERATIONS)
@given(a=masks(energy=AXIS), b=masks(energy=AXIS), c=masks())
def test_operations_work_in_every_bin(operation, a, b, c):
    result = operation(a, b)
    assert result.energy == AXIS
    assert result.order == max(a.order, b.order)
    assert result.planes == tuple(map(operation, a.planes, b.planes))
    # One without energy holds in all bins, on either side.
    left, right = operation(c, a), operation(a, c)
    assert left.energy == right.energy == AXIS
    assert left.planes == tuple(operation(c.planes[0], plane) for plane in a.planes)
    assert right.planes == tuple(operation(plane, c.planes[0]) for plane in a.planes)
    assert operation(c, c).energy is None
    assert operation(a, c) == operation(a, Mask(c.planes[0], energy=AXIS))


@given(masks(energy=AXIS), masks())
def test_laws(a, b):
    assert a * b == a & b
    assert ~(a | b) == ~a & ~b
    assert ~~a == a
    assert a - b == a & ~b
    assert a ^ b == (a | b) - (a & b)
    assert a | ~a == Mask.full(energy=AXIS)
    assert a & ~a == Mask.empty(energy=AXIS)
    assert (~a).energy == AXIS
    np.testing.assert_allclose(a.sky_fraction + (~a).sky_fraction, 1, rtol=1e-15)


@given(masks(energy=AXIS), masks(energy=AXIS), masks())
def test_relations(a, b, c):
    for one, other in ((a, b), (a, c), (c, a), (c, c)):
        assert one.issubset(other) == bool(np.all((one - other).sky_fraction == 0))
        assert one.overlaps(other) == bool(np.any((one & other).sky_fraction > 0))
        assert one.isdisjoint(other) != one.overlaps(other)
    assert (a & c).issubset(a)
    assert a.issubset(a | c)
    assert a.isdisjoint(b - a)


@given(st.lists(st.one_of(masks(energy=AXIS), masks()), min_size=1, max_size=5))
def test_union_and_intersection(several):
    union, intersection = hpmask.union_all(several), hpmask.intersection_all(iter(several))
    assert_masks_equal(union, reduce(operator.or_, several))
    assert_masks_equal(intersection, reduce(operator.and_, several))
    assert (union.energy is None) == all(mask.energy is None for mask in several)


@given(st.one_of(masks(energy=AXIS), masks()), st.lists(st.one_of(masks(energy=AXIS), masks()), max_size=4))
def test_methods_take_the_mask_itself(mask, others):
    """`a.union(b)` is `a | b`, as with Python's sets."""
    for name, operation in (("union", operator.or_), ("intersection", operator.and_), ("difference", operator.sub)):
        expected = reduce(operation, others, mask)
        method = getattr(mask, name)
        for result in (method(*others), method(others), method(iter(others)), method(others[:1], *others[1:])):
            assert_masks_equal(result, expected)
        assert getattr(Mask, name)(mask, *others) == expected
    for other in others:
        assert_masks_equal(mask.symmetric_difference(other), mask ^ other)


def test_empty_and_full():
    mask = Mask([A, RangeSet.full(3), RangeSet.empty(3)], energy=AXIS)
    assert mask.is_empty.tolist() == [False, False, True]
    assert mask.is_full.tolist() == [False, True, False]
    assert Mask.full().is_full is Mask.empty().is_empty is True
    assert Mask(A).is_full is Mask(A).is_empty is False


def test_union_of_many_bins_in_one_pass():
    mask = hpmask.union_all([Mask(A), Mask([A, B, A], energy=AXIS), Mask(B, order=9)])
    assert mask.planes == (A | B,) * 3
    assert mask.order == 9
    assert ids(mask) == [0, 0, 0]


SENTENCE_ON_FRAMES = "different frames, 'icrs' and 'galactic': convert one of them with to_frame('icrs'"
SENTENCE_ON_AXES = f"different energy axes, {AXIS} and {OTHER_AXIS}: edge 2 is 100.0 GeV and 200.0 GeV"


@pytest.mark.parametrize(
    "work",
    [*OPERATIONS, operator.mul, Mask.issubset, Mask.overlaps, Mask.isdisjoint]
    + [Mask.union, Mask.intersection, Mask.difference, Mask.symmetric_difference]
    + [lambda a, b: hpmask.union_all([a, b]), lambda a, b: hpmask.intersection_all([a, b])],
)
def test_masks_that_do_not_go_together(work):
    with pytest.raises(ValueError, match=re.escape(SENTENCE_ON_FRAMES)):
        work(Mask(A), Mask(B, frame="galactic"))
    with pytest.raises(ValueError, match=re.escape(SENTENCE_ON_AXES)):
        work(Mask(A, energy=AXIS), Mask(B, energy=OTHER_AXIS))
    for other in (A, None, 3, "mask", np.zeros(3, dtype=bool)):
        with pytest.raises(TypeError):
            work(Mask(A), other)


def test_axes_that_differ_where_their_names_are_cut_short():
    edges = np.geomspace(1, 1e4, 25)
    other = edges.copy()
    other[12] *= 1.0001
    a, b = (Mask.full(energy=EnergyAxis(values * u.GeV)) for values in (edges, other))
    assert str(a.energy) == str(b.energy)
    with pytest.raises(ValueError, match=r"edge 12 is 100\.0\d* GeV and 100\.01\d* GeV"):
        a & b


def test_axes_of_other_units_go_together():
    tev = EnergyAxis(AXIS.edges.to(u.TeV))
    result = Mask(A, energy=AXIS) & Mask(B, energy=tev)
    assert result.planes == (A & B,) * 3
    assert result.energy.unit == u.GeV


def test_many_of_none():
    for many in (hpmask.union_all, hpmask.intersection_all):
        with pytest.raises(ValueError, match="at least one mask is needed, got none"):
            many([])
        with pytest.raises(TypeError, match=r"masks\[1\] must be a Mask, got RangeSet"):
            many([Mask(A), A])


# ---------------------------------------------------------------- other orders, fewer bins


@given(masks(energy=AXIS))
def test_reduce(mask):
    for how, fold in (("any", operator.or_), ("all", operator.and_)):
        result = mask.reduce(how)
        assert result.energy is None
        assert result.order == mask.order
        assert result.planes == (reduce(fold, mask.planes),)
    assert mask.reduce() == mask.reduce("any")


def test_reduce_without_energy():
    mask = Mask(A)
    assert mask.reduce() is mask
    with pytest.raises(ValueError, match="how must be 'any' or 'all', got 'most'"):
        mask.reduce("most")


@given(masks(energy=AXIS), st.integers(0, 6))
def test_at_order(mask, order):
    for mode in ("overlap", "inside", "center"):
        result = mask.at_order(order, mode=mode)
        assert result.order == order
        assert result.energy == AXIS
        if order >= mask.order:
            assert result == mask
        else:
            assert result.planes == tuple(plane.at_order(order, mode=mode) for plane in mask.planes)
    assert mask.at_order(order) == mask.at_order(order, mode="center")


@given(masks(energy=AXIS), st.integers(0, 6), st.sampled_from([0, 0.25, 0.9]))
def test_at_order_by_covered_fraction(mask, order, threshold):
    result = mask.at_order(order, threshold=threshold)
    assert result.order == order
    assert result.energy == AXIS
    assert result.planes == tuple(plane.at_order(order, threshold=threshold) for plane in mask.planes)
    assert result.history.endswith(f"at_order({order}, threshold={threshold})")


def test_bad_orders():
    with pytest.raises(TypeError, match="mode or threshold, and not both"):
        Mask(A).at_order(0, mode="center", threshold=0.5)
    with pytest.raises(ValueError, match=r"threshold must be at least 0 and below 1, got 1[.]0"):
        Mask(A).at_order(0, threshold=1.0)
    with pytest.raises(ValueError, match="mode must be 'center', 'overlap' or 'inside', got 'any'"):
        Mask(A).at_order(0, mode="any")
    with pytest.raises(ValueError, match="order must be from 0 to 29, got 31"):
        Mask(A).at_order(31)


# ---------------------------------------------------------------- looking


def test_area():
    mask = Mask(A)
    assert mask.sky_fraction == 4 / 48
    assert isinstance(mask.sky_fraction, float)
    assert mask.area.unit == u.deg**2
    assert mask.area.to_value(u.sr) == pytest.approx(4 / 48 * 4 * np.pi, rel=1e-14)
    assert mask.area.isscalar
    binned = Mask([A, B, RangeSet.full(0)], energy=AXIS)
    assert binned.sky_fraction.tolist() == [4 / 48, 4 / 48, 1]
    assert binned.area.shape == (3,)
    assert binned.area[2].to_value(u.deg**2) == pytest.approx(41252.96, abs=0.005)
    one_bin = Mask(A, energy=EnergyAxis([1, 2] * u.TeV))
    assert one_bin.sky_fraction.shape == one_bin.area.shape == (1,)


def random_sky(shape, frame="icrs", seed=3):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 360, shape), np.rad2deg(np.arcsin(rng.uniform(-1, 1, shape)))
    return SkyCoord(lon, lat, unit="deg", frame=frame)


def cells_of_healpy(sky, order):
    return hp.ang2pix(1 << order, np.pi / 2 - sky.spherical.lat.rad, sky.spherical.lon.rad, nest=True)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("given_in", ["icrs", "galactic", "fk5"])
def test_contains(frame, given_in):
    order = 5
    kept = np.random.default_rng(1).random(12 * 4**order) < 0.5
    mask = Mask(RangeSet.from_cells(np.flatnonzero(kept), order), frame=frame)
    sky = random_sky((40, 50), frame)
    expected = kept[cells_of_healpy(sky, order)]
    found = mask.contains(sky.transform_to(given_in))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal((~mask).contains(sky), ~expected)
    for energy in (1 * u.GeV, "1 TeV", np.ones((40, 50)) * u.TeV):
        np.testing.assert_array_equal(mask.contains(sky, energy=energy), expected)
    for energy in (np.ones(3) * u.TeV, np.ones((2, 1)) * u.GeV):
        np.testing.assert_array_equal(mask.contains(sky[0, 0], energy=energy), np.full(energy.shape, expected[0, 0]))


@pytest.mark.parametrize("order", [0, 3, 9, 17, 29])
def test_contains_at_the_seams(order):
    # Where rounding is worst, every position is still somewhere on the sky, once.
    lon, lat = oracles.seam_positions()
    sky = SkyCoord(lon, lat, unit="rad")
    parts = [RangeSet.from_cells([cell], 0).at_order(order) for cell in range(12)]
    assert Mask.full(order=order).contains(sky).all()
    assert not Mask.empty(order=order).contains(sky).any()
    np.testing.assert_array_equal(sum(Mask(part).contains(sky).astype(int) for part in parts), 1)


def test_contains_one_position():
    mask = Mask(RangeSet.from_cells([0], 0))
    inside, outside = SkyCoord(45, 40, unit="deg"), SkyCoord(45, -40, unit="deg")
    assert mask.contains(inside) == True  # noqa: E712
    assert mask.contains(outside) == False  # noqa: E712
    assert np.shape(mask.contains(inside)) == ()
    assert mask.contains(inside[None]).tolist() == [True]
    assert mask.contains(random_sky((0,))).shape == (0,)


def test_contains_with_energy():
    # Kept: the first base cell at 1-10 GeV, all at 10-100 GeV, nothing at 100-1000 GeV.
    mask = Mask([RangeSet.from_cells([0], 0), RangeSet.full(0), RangeSet.empty(0)], energy=AXIS)
    sky = SkyCoord([45, 45], [40, -40], unit="deg")
    np.testing.assert_array_equal(mask.contains(sky), [[True, False], [True, True], [False, False]])
    # Half-open bins; outside all of them nothing is kept.
    energy = [0.99, 1, 9.99, 10, 99.9, 100, 999, 1000, np.inf] * u.GeV
    expected = [False, True, True, True, True, False, False, False, False]
    assert mask.contains(sky[0], energy=energy).tolist() == expected
    expected = [False, False, False, True, True, False, False, False, False]
    assert mask.contains(sky[1], energy=energy).tolist() == expected
    # Broadcast.
    np.testing.assert_array_equal(mask.contains(sky, energy="5 GeV"), [True, False])
    np.testing.assert_array_equal(mask.contains(sky, energy=[5, 50] * u.GeV), [True, True])
    np.testing.assert_array_equal(
        mask.contains(sky, energy=[[5], [0.02], [500]] * u.GeV), [[True, False], [False, False], [False, False]]
    )
    assert mask.contains(sky[0], energy=0.05 * u.TeV) == True  # noqa: E712
    assert np.shape(mask.contains(sky[0], energy=0.05 * u.TeV)) == ()
    assert mask.contains(sky[:, None]).shape == (3, 2, 1)


@given(masks(energy=AXIS))
def test_contains_with_energy_by_brute_force(mask):
    sky = random_sky(200)
    energy = 10 ** np.random.default_rng(7).uniform(-0.5, 3.5, 200) * u.GeV
    cells = cells_of_healpy(sky, mask.order)
    expected = []
    for cell, value in zip(cells.tolist(), energy.to_value(u.GeV), strict=True):
        bins = [i for i, lo in enumerate([1, 10, 100]) if lo <= value < 10 * lo]
        expected.append(bool(bins) and cell in set(mask.planes[bins[0]].cells().tolist()))
    assert mask.contains(sky, energy=energy).tolist() == expected


@pytest.mark.parametrize("energy", [None, AXIS])
def test_bad_look_ups(energy):
    mask = Mask(A, energy=energy)
    with pytest.raises(ValueError, match=r"positions must be finite.*row 1\b"):
        mask.contains(SkyCoord([1, np.nan], [2, 3], unit="deg"))
    with pytest.raises(TypeError, match="positions must be a SkyCoord"):
        mask.contains((1, 2))
    if energy is not None:
        sky = random_sky(4)
        with pytest.raises(TypeError, match="energy must be a Quantity"):
            mask.contains(sky, energy=3)
        with pytest.raises(ValueError, match="energy must be an energy"):
            mask.contains(sky, energy=3 * u.deg)
        with pytest.raises(ValueError, match="energy must not be NaN"):
            mask.contains(sky, energy=np.nan * u.TeV)
        with pytest.raises(ValueError, match=r"broadcast|shape"):
            mask.contains(sky, energy=[1, 2, 3] * u.TeV)


@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
def test_masked_positions_are_no_positions(frame):
    lat = Masked([2.0, 3.0] * u.deg, mask=[False, True])
    with pytest.raises(ValueError, match=r"positions must not be masked, 1 of 2 values are, the first in row 1$"):
        Mask(A).contains(SkyCoord([1, 2] * u.deg, lat, frame=frame))


def test_repr():
    assert repr(Mask(A)) == "<Mask icrs order=1 | 2 ranges, 32 B | 0.08333 of the sky>"
    assert repr(Mask.full()) == "<Mask icrs order=0 | 1 range, 16 B | 1 of the sky>"
    assert repr(Mask.empty(order=9, frame="galactic")) == "<Mask galactic order=9 | 0 ranges, 0 B | 0 of the sky>"
    binned = Mask([A, ~A, A], energy=AXIS)
    assert repr(binned) == ("<Mask icrs order=1 | 3 bins 1-1000 GeV | 4 ranges, 64 B | 0.08333 to 0.9167 of the sky>")
    many = Mask(RangeSet.from_cells(np.arange(0, 200_000, 2), 12))
    assert repr(many) == "<Mask icrs order=12 | 100000 ranges, 1.6 MB | 0.0004967 of the sky>"


# ---------------------------------------------------------------- a value


def test_equality_and_hash():
    same = [Mask(A), Mask(again(A)), Mask(A, order=8), Mask(A, history="other")]
    other = [Mask(B), Mask(A, frame="galactic"), Mask(A, energy=AXIS), Mask(A, energy=OTHER_AXIS)]
    for mask in same:
        assert mask == same[0]
        assert hash(mask) == hash(same[0])
    for i, mask in enumerate(other):
        assert mask != same[0]
        assert all(mask != another for another in other[:i])
    assert len({*same, *other}) == 5
    assert Mask(A, energy=AXIS) == Mask(A, energy=EnergyAxis(AXIS.edges.to(u.TeV)))
    assert hash(Mask(A, energy=AXIS)) == hash(Mask(A, energy=EnergyAxis(AXIS.edges.to(u.TeV))))
    assert Mask(A) != A
    assert Mask(A) != "mask"


def test_no_truth_value():
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Mask.full())


NO_PIXELS = r"because it has no pixels: to_gammapy\(geom\) .* to_wcs and to_healpix"


@pytest.mark.parametrize("use", [np.asarray, np.array, np.ndim, u.Quantity, lambda mask: np.array([mask])])
def test_no_array(use):
    with pytest.raises(TypeError, match=f"a Mask cannot become an array, {NO_PIXELS}"):
        use(Mask(A))


@pytest.mark.parametrize("operation", [operator.and_, operator.or_, operator.xor, operator.mul, np.logical_and])
def test_no_pixels_for_an_array(operation):
    for data in (np.ones(3, dtype=bool), np.arange(4.0), np.True_):
        with pytest.raises(TypeError, match=f"a Mask cannot be combined with an array .*, {NO_PIXELS}"):
            operation(data, Mask(A))
        with pytest.raises(TypeError, match="Mask"):
            operation(Mask(A), data)
    with pytest.raises(TypeError, match=r"numpy\.add"):
        np.sum(Mask(A))


def test_arrays_of_masks():
    both = np.array([Mask(A), Mask(B)], dtype=object)
    assert both.shape == (2,)
    assert both[0] == Mask(A)
    assert list(both & Mask(A)) == [Mask(A), Mask(A & B)]
    assert list(both == Mask(A)) == [True, False]
    assert np.invert(Mask(A)) == ~Mask(A)
    assert np.asarray(Mask(A), dtype=object)[()] == Mask(A)
    assert not (np.arange(3) == Mask(A)).any()
    assert (np.arange(3) != Mask(A)).all()
    empty = np.empty(2, dtype=object)
    empty[:] = [Mask(A), Mask(B)]
    assert list(empty) == list(both)


def test_masks_in_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"mask": [Mask(A), Mask(B)]})
    assert frame["mask"][1] == Mask(B)
    assert list(pandas.Series([Mask(A), Mask(B)])) == [Mask(A), Mask(B)]


@pytest.mark.parametrize("name", ["data", "geom", "shape", "get_by_coord", "to_hdulist"])
def test_names_of_gammapys_maps(name):
    assert not hasattr(Mask(A), name)
    with pytest.raises(AttributeError, match=f"'Mask' object has no attribute '{name}': .*{NO_PIXELS}"):
        getattr(Mask(A), name)


def test_names_that_do_not_exist():
    with pytest.raises(AttributeError, match=r"^'Mask' object has no attribute 'from_discs'$"):
        _ = Mask.full().from_discs


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("energy", [None, AXIS])
def test_pickle(protocol, energy):
    mask = ~Mask(A, frame="galactic", energy=energy, order=5, history="made")
    restored = pickle.loads(pickle.dumps(mask, protocol))
    assert_masks_equal(restored, mask)
    assert restored.history == mask.history == "~made"
    assert hash(restored) == hash(mask)
    assert restored | mask == mask


def test_a_pickle_holds_shared_planes_once():
    plane = RangeSet.from_cells(np.arange(0, 20_000, 2), 12)
    one, many = (len(pickle.dumps(Mask(plane, energy=energy))) for energy in (None, AXIS))
    assert plane.nbytes < one < many < plane.nbytes + 5000


def test_copies():
    mask = Mask(A, energy=AXIS)
    assert copy.copy(mask) is mask
    assert copy.deepcopy(mask) is mask
    assert weakref.ref(mask)() is mask


def test_immutable():
    mask = Mask(A)
    for name in ("order", "frame", "energy", "planes", "history", "something"):
        with pytest.raises(AttributeError):
            setattr(mask, name, None)
    before = mask
    mask |= Mask(B)
    assert before == Mask(A)
    assert mask == Mask(A | B)


def test_history():
    """See tests/_utils/test_history.py for what operators and methods make of it."""
    a, b = Mask(A, history="a"), Mask(B, history="b")
    assert (~(a - b)).history == "~(a - b)"
    assert a.at_order(5).history == "a.at_order(5, mode='center')"
    assert Mask(A, energy=AXIS, history="a").reduce("all").history == "a.reduce('all')"
    assert Mask(A, history="a") == Mask(A, history="b")
    assert hash(Mask(A, history="a")) == hash(Mask(A, history="b"))


@given(range_sets(), range_sets())
def test_the_same_answer_from_many_threads(a, b):
    one, other = Mask([a, b, a], energy=AXIS), Mask(b)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda operation: operation(one, other), OPERATIONS * 2))
    assert results == [operation(one, other) for operation in OPERATIONS] * 2


# ---------------------------------------------------------------- the class that users see


class Own(Mask):
    """A class of a user."""


STAR = SkyCoord(10, 20, unit="deg")
OWN = {
    "the class": lambda: Own(A),
    "full": lambda: Own.full(energy=AXIS),
    "empty": lambda: Own.empty(),
    "from_cones": lambda: Own.from_cones(STAR, "3 deg", order=5),
    "from_boxes within a mask": lambda: Own.from_boxes(STAR, "3 deg", "1 deg", order=5, within=Mask.full()),
    "from_regions": lambda: Own.from_regions("icrs; circle(10, 20, 3)", order=5),
    "from_zone": lambda: Own.from_zone(lat=("0 deg", "90 deg"), order=3),
    "from_energy": lambda: Own.from_energy(AXIS, AXIS.edges[0]),
    "from_healpix": lambda: Own.from_healpix(np.arange(12) < 4, nest=True, frame="icrs"),
    "stack of masks of the base class": lambda: Own.stack([Mask(A)] * 3, AXIS),
    "|": lambda: Own(A) | Mask(B),
    "&": lambda: Own(A) & Mask(B),
    "*": lambda: Own(A) * Mask(B),
    "^": lambda: Own(A) ^ Mask(B),
    "-": lambda: Own(A) - Mask(B),
    "~": lambda: ~Own(A),
    "| with energy in the other": lambda: Own(A) | Mask(B, energy=AXIS),
    "union with energy in the other": lambda: Own(A).union(Mask(B, energy=AXIS)),
    "intersection": lambda: Own(A).intersection([Mask(B)]),
    "difference": lambda: Own(A).difference(Mask(B)),
    "symmetric_difference": lambda: Own(A).symmetric_difference(Mask(B)),
    "union_all": lambda: hpmask.union_all([Own(A), Mask(B, energy=AXIS)]),
    "[0]": lambda: Own(A, energy=AXIS)[0],
    "[1:]": lambda: Own(A, energy=AXIS)[1:],
    "iteration": lambda: next(iter(Own(A, energy=AXIS))),
    "reduce": lambda: Own(A, energy=AXIS).reduce(),
    "resample_energy": lambda: Own(A).resample_energy(AXIS),
    "slice_energy": lambda: Own(A, energy=AXIS).slice_energy(AXIS.edges[1]),
    "at_order": lambda: Own(A).at_order(2),
    "to_frame": lambda: Own(A).to_frame("galactic", order=4),
    "cutout": lambda: Own(A).cutout(STAR, radius="1 deg"),
    "dilate": lambda: Own(A, order=6).dilate("1 deg"),
    "boundary": lambda: Own(A, order=6).boundary("1 deg"),
    "fill_holes": lambda: Own(A).fill_holes(),
    "keep_largest": lambda: Own(A).keep_largest(),
    "pickle": lambda: pickle.loads(pickle.dumps(Own(A))),
    "copy": lambda: copy.deepcopy(Own(A)),
}


@pytest.mark.parametrize("name", OWN)
def test_subclasses_make_their_own(name):
    mask = OWN[name]()
    assert type(mask) is Own
    assert repr(mask).startswith("<Own ")
    assert mask == Mask(mask.planes, order=mask.order, frame=mask.frame, energy=mask.energy)


def test_what_is_called_on_a_mask_is_a_mask():
    assert type(Mask(A) | Own(B)) is Mask
    assert type(hpmask.union_all([Mask(A), Own(B)])) is Mask


METHODS = [name for name, _ in inspect.getmembers(Mask, callable) if not name.startswith("_")]


@pytest.mark.parametrize("name", ["__init__", *(name for name in METHODS if not name.startswith("plot"))])
def test_errors_of_arguments_name_the_public_method(name):
    """Whatever the class is, no error names the class below."""
    method = Mask if name == "__init__" else getattr(Mask.full(), name)
    with pytest.raises(TypeError, match=rf"^Mask\.{name}\(\) got an unexpected keyword argument 'nonsense'") as error:
        method(nonsense=1)
    assert "MaskValue" not in str(error.value)


@pytest.mark.parametrize(
    "work",
    [
        lambda: Mask(),
        lambda: Mask(3),
        lambda: Mask(A) | 3,
        lambda: 3 & Mask(A),
        lambda: Mask(A) < 3,
        lambda: bool(Mask(A)),
        lambda: STAR in Mask(A),
        lambda: Mask(A)[0],
        lambda: Mask(A, energy=AXIS)["x"],
        lambda: Mask(A, energy=AXIS)[9],
        lambda: iter(Mask(A)),
        lambda: Mask(A).nonsense,
        lambda: setattr(Mask(A), "order", 3),
        lambda: setattr(Mask(A), "nonsense", 3),
        lambda: Mask(A).union(3),
        lambda: Mask(A).union([A]),
        lambda: Mask(A).issubset(A),
        lambda: hpmask.union_all([3]),
        lambda: Mask.stack([3]),
    ],
)
def test_no_error_names_the_class_below(work):
    with pytest.raises((TypeError, ValueError, AttributeError, IndexError)) as error:
        work()
    assert "MaskValue" not in str(error.value)
    assert "MaskValue" not in repr(Mask(A))
