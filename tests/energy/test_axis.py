"""EnergyAxis: exact edges, equality within a tolerance and across units, bins as gammapy's."""

import copy
import pickle
import re

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st
from strategies import energy_axes

from hpmask import EnergyAxis
from hpmask.energy.axis import difference
from hpmask.energy.units import as_energy

AXIS = EnergyAxis([0.1, 1, 10] * u.TeV)


def test_edges_are_exact():
    values = np.geomspace(0.01, 100, 25)
    axis = EnergyAxis(values * u.TeV)
    assert axis.edges.unit == axis.unit == u.TeV
    assert axis.edges.value.tolist() == values.tolist()
    assert axis.n_bins == len(axis) == 24
    assert axis.energy_min.value.tolist() == values[:-1].tolist()
    assert axis.energy_max.value.tolist() == values[1:].tolist()
    single = values.astype(np.float32)
    assert EnergyAxis(single * u.TeV).edges.value.tolist() == single.astype(float).tolist()


def test_defaults():
    assert (AXIS.name, AXIS.interp) == ("energy", "log")
    axis = EnergyAxis([1, 2] * u.GeV, name="energy_true", interp="lin")
    assert (axis.name, axis.interp, axis.n_bins) == ("energy_true", "lin", 1)


def test_immutable():
    values = np.array([1.0, 2.0, 3.0])
    axis = EnergyAxis(u.Quantity(values, u.TeV, copy=False))
    values[:] = 7
    assert axis.edges.value.tolist() == [1, 2, 3]
    for part in (axis.edges, axis.energy_min, axis.energy_max):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 5 * u.TeV
        with pytest.raises(ValueError, match="WRITEABLE"):
            part.flags.writeable = True
        with pytest.raises(ValueError, match="read-only"):
            part *= 2
    assert axis.edges is not axis.edges
    with pytest.raises(AttributeError):
        axis.name = "other"


@pytest.mark.parametrize(
    ("edges", "error", "message"),
    [
        ([1, 2, 3], TypeError, "edges must be a Quantity such as [0.1, 1, 10] * u.TeV, got list"),
        (np.array([1, 2, 3]), TypeError, "got ndarray"),
        ([1, 2, 3] * u.s, ValueError, "edges must be energies, got the unit 's'"),
        ([1, 2, 3] * u.one, ValueError, "edges must be energies, got the unit ''"),
        (1 * u.TeV, ValueError, "at least two values, got shape ()"),
        ([1] * u.TeV, ValueError, "at least two values, got shape (1,)"),
        ([[1, 2]] * u.TeV, ValueError, "must be 1-D with at least two values, got shape (1, 2)"),
        ([1, np.nan, 3] * u.TeV, ValueError, "finite and positive, edge 1 is nan TeV"),
        ([1, 2, np.inf] * u.TeV, ValueError, "finite and positive, edge 2 is inf TeV"),
        (Masked([1, 2] * u.TeV, mask=[False, True]), ValueError, "edges must not be masked, 1 of 2 values are"),
        ([0, 1] * u.TeV, ValueError, "finite and positive, edge 0 is 0.0 TeV"),
        ([-1, 1] * u.TeV, ValueError, "finite and positive, edge 0 is -1.0 TeV"),
        ([1, 3, 2] * u.TeV, ValueError, "edge 1 is 3.0 TeV and edge 2 is 2.0 TeV"),
        ([1, 1, 2] * u.TeV, ValueError, "decrease strictly, edge 0 is 1.0 TeV and edge 1 is 1.0 TeV"),
    ],
)
def test_bad_edges(edges, error, message):
    with pytest.raises(error, match=re.escape(message)):
        EnergyAxis(edges)


def test_bad_options():
    with pytest.raises(ValueError, match="interp must be 'log' or 'lin', got 'sqrt'"):
        EnergyAxis([1, 2] * u.TeV, interp="sqrt")
    with pytest.raises(TypeError, match="name must be a string, got None"):
        EnergyAxis([1, 2] * u.TeV, name=None)


@given(energy_axes(), st.sampled_from([u.eV, u.keV, u.MeV, u.GeV, u.TeV, u.erg, u.J]))
def test_equal_across_units(axis, unit):
    other = EnergyAxis(axis.edges.to(unit), name=axis.name, interp=axis.interp)
    assert axis == other
    assert other == axis
    assert hash(axis) == hash(other)


@given(energy_axes(), st.floats(-3e-6, 3e-6), st.data())
def test_equal_within_a_millionth(axis, shift, data):
    index = data.draw(st.integers(0, axis.n_bins))
    values = axis.edges.value.copy()
    values[index] *= 1 + shift
    other = EnergyAxis(values * axis.unit, name=axis.name, interp=axis.interp)
    assert (axis == other) == (other == axis)
    if abs(shift) < 0.999e-6:
        assert axis == other
        assert hash(axis) == hash(other)
        assert difference(axis, other) is None
    elif abs(shift) > 1.001e-6:
        assert axis != other
        assert difference(axis, other).startswith(f"edge {index} is ")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (EnergyAxis([0.1, 1] * u.TeV), "n_bins is 2 and 1"),
        (EnergyAxis([0.1, 1, 10] * u.TeV, name="energy_true"), "name is 'energy' and 'energy_true'"),
        (EnergyAxis([0.1, 1, 10] * u.TeV, interp="lin"), "interp is 'log' and 'lin'"),
        (EnergyAxis([0.1, 1.00001, 10] * u.TeV), "edge 1 is 1.0 TeV and 1.00001 TeV"),
        (EnergyAxis([0.1, 1, 10] * u.GeV), "edge 0 is 0.1 TeV and 0.1 GeV"),
    ],
)
def test_difference(other, words):
    assert other != AXIS
    assert difference(AXIS, other) == words


def test_not_equal_to_other_things():
    assert AXIS != "energy"
    assert AXIS.edges[0] != AXIS


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    # A unit with a scale, and a log of irrational edges, must come back to the last bit.
    for axis in (AXIS, EnergyAxis(np.geomspace(0.3, 70, 9) * u.Unit(3.7 * u.MeV), name="energy_true")):
        again = pickle.loads(pickle.dumps(axis, protocol))
        assert again == axis
        assert hash(again) == hash(axis)
        assert again.unit == axis.unit
        assert again.edges.value.tolist() == axis.edges.value.tolist()
        assert not again.edges.flags.writeable
    assert copy.copy(AXIS) == copy.deepcopy(AXIS) == AXIS


def test_repr():
    assert repr(AXIS) == "EnergyAxis([0.1, 1, 10] TeV, name='energy', interp='log')"
    long = EnergyAxis(np.arange(1, 13) * u.GeV)
    assert repr(long) == "EnergyAxis([1, 2, 3, ..., 10, 11, 12] GeV, name='energy', interp='log')"


# ---------------------------------------------------------------- bins


def test_bins_are_half_open():
    assert AXIS.bin_of([0.0999, 0.1, 0.5, 1, 9.999, 10, 1e6, -1, 0] * u.TeV).tolist() == [
        -1,
        0,
        0,
        1,
        1,
        -1,
        -1,
        -1,
        -1,
    ]
    assert AXIS.bin_of([100, 1000] * u.GeV).tolist() == [0, 1]
    assert AXIS.bin_of(np.inf * u.TeV) == -1
    assert AXIS.bin_of("1 TeV") == 1
    assert AXIS.bin_of(1 * u.TeV).shape == ()
    assert AXIS.bin_of(np.ones((2, 3)) * u.TeV).shape == (2, 3)
    assert AXIS.bin_of([] * u.TeV).shape == (0,)


@given(energy_axes())
def test_every_edge_opens_its_bin(axis):
    n = axis.n_bins
    assert axis.bin_of(axis.edges).tolist() == [*range(n), -1]
    below = np.nextafter(axis.edges.value, 0) * axis.unit
    assert axis.bin_of(below).tolist() == [-1, *range(n)]


@given(st.lists(st.floats(1e-3, 1e3), max_size=20))
def test_bins_by_brute_force(values):
    edges = AXIS.edges.value.tolist()
    expected = [next((i for i in range(2) if edges[i] <= value < edges[i + 1]), -1) for value in values]
    assert AXIS.bin_of(values * u.TeV).tolist() == expected


def test_bins_of_gammapy():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    edges = np.geomspace(0.01, 100, 25) * u.TeV
    theirs = maps.MapAxis.from_energy_edges(edges)
    rng = np.random.default_rng(3)
    energy = 10 ** rng.uniform(-3, 3, 10_000) * u.TeV
    expected = theirs.coord_to_idx(energy, clip=False)
    assert (expected == -1).any()
    np.testing.assert_array_equal(EnergyAxis(edges).bin_of(energy), expected)


@pytest.mark.parametrize(
    ("energy", "error", "message"),
    [
        (1.0, TypeError, "energy must be a Quantity or a string such as '1 TeV', got 1.0"),
        ([1, 2], TypeError, "energy must be a Quantity"),
        ("1", ValueError, "energy must be an energy, got the unit ''"),
        ("1 deg", ValueError, "energy must be an energy, got the unit 'deg'"),
        ("much", ValueError, "energy must be an energy such as '1 TeV', got 'much'"),
        ([1, np.nan] * u.TeV, ValueError, "energy must not be NaN, value 1 is"),
        (Masked([1, 2] * u.TeV, mask=[False, True]), ValueError, "masked, 1 of 2 values are, the first in row 1"),
        (np.nan * u.TeV, ValueError, "energy must not be NaN, value 0 is"),
    ],
)
def test_bad_energies(energy, error, message):
    with pytest.raises(error, match=re.escape(message)):
        AXIS.bin_of(energy)


def test_as_energy_names_the_argument():
    assert as_energy("3 GeV", "energy_min") == 3 * u.GeV
    with pytest.raises(TypeError, match=r"^energy_min must be"):
        as_energy(3, "energy_min")
    with pytest.raises(ValueError, match=r"^energy_max must be"):
        as_energy("3 GeVV", "energy_max")


def test_names_of_the_columns_in_the_header():
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("TRUE_MIN", "D", unit="TeV", array=[1.0, 2.0]),
            fits.Column("TRUE_MAX", "D", unit="TeV", array=[2.0, 5.0]),
        ]
    )
    hdu.header["AXCOLS1"] = "TRUE_MIN,TRUE_MAX"
    hdu.header["INTERP1"] = "lin"
    axis = EnergyAxis.from_table(hdu)
    assert axis == EnergyAxis([1, 2, 5] * u.TeV, name="true", interp="lin")


def test_pickled_nodes_ascend():
    rebuild, (values, unit, name, interp, _) = AXIS.__reduce__()[:2]
    assert rebuild(values, unit, name, interp, np.array([0.1, 1, 10])) == AXIS
    for nodes in ([0.1, 1, 1], [1, 1, 0.1], [0.1, 10, 1], [0, 1, 10]):
        with pytest.raises(ValueError, match="nodes are not energies in order"):
            rebuild(values, unit, name, interp, np.array(nodes))
