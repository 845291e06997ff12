"""Energy axes made from bounds, tables and gammapy; their slices, merges and units."""

import pickle
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from strategies import energy_axes

from hpmask import EnergyAxis
from hpmask.energy.axis import difference
from hpmask.interop.gammapy.axes import axis_from_gammapy, axis_to_gammapy

AXIS = EnergyAxis([1, 2, 4, 8, 16] * u.TeV)


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    ("low", "high", "n_bins", "per_decade"),
    [
        (0.1 * u.TeV, 10 * u.TeV, 5, True),
        (0.1 * u.TeV, 10 * u.TeV, 7, False),
        (0.03 * u.TeV, 170 * u.TeV, 8, True),
        (50 * u.GeV, 2 * u.TeV, 12, False),
        (10 * u.keV, 3 * u.MeV, 3, True),
    ],
)
def test_bounds_as_in_gammapy(low, high, n_bins, per_decade):
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    theirs = maps.MapAxis.from_energy_bounds(low, high, n_bins, per_decade=per_decade)
    axis = EnergyAxis.from_bounds(low, high, n_bins, per_decade=per_decade)
    assert axis.unit == theirs.unit
    assert axis.edges.value.tolist() == theirs._nodes.tolist()
    assert axis == axis_from_gammapy(theirs)
    np.testing.assert_allclose(axis.center.value, theirs.center.value, rtol=1e-13)


def test_linear_bounds():
    axis = EnergyAxis.from_bounds("1 keV", "9 keV", 4, interp="lin", name="energy_true")
    assert axis == EnergyAxis([1, 3, 5, 7, 9] * u.keV, interp="lin", name="energy_true")
    assert axis.center.value.tolist() == [2, 4, 6, 8]


def test_a_decade_is_a_decade():
    ten = 10 * (1 + 1e-15)
    assert np.ceil(np.log10(ten) * 10) == 11
    assert EnergyAxis.from_bounds(1 * u.TeV, ten * u.TeV, 10, per_decade=True).n_bins == 10
    assert EnergyAxis.from_bounds("1 TeV", "11 TeV", 10, per_decade=True).n_bins == 11
    assert EnergyAxis.from_bounds("1 TeV", "1.1 TeV", 1, per_decade=True).n_bins == 1


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("10 TeV", "1 TeV", 3), {}, ValueError, "below energy_max, got 10 TeV and 1 TeV"),
        (("0 TeV", "1 TeV", 3), {}, ValueError, "must be positive"),
        (("1 TeV", np.inf * u.TeV, 3), {}, ValueError, "below energy_max"),
        (("1 TeV", "2 TeV", 0), {}, ValueError, "n_bins must be positive, got 0"),
        (("1 TeV", "2 TeV", 2.5), {}, TypeError, "n_bins must be an integer, got 2.5"),
        (("1 TeV", "2 TeV", True), {}, TypeError, "n_bins must be an integer"),
        ((1, "2 TeV", 2), {}, TypeError, "energy_min must be a Quantity"),
        (("1 TeV", "2 deg", 2), {}, ValueError, "energy_max must be an energy"),
        (("1 TeV", "2 TeV", 2), {"interp": "sqrt"}, ValueError, "interp must be 'log' or 'lin', got 'sqrt'"),
        (("1 TeV", "2 TeV", 2), {"interp": "lin", "per_decade": True}, ValueError, "per_decade needs interp='log'"),
    ],
)
def test_bad_bounds(arguments, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        EnergyAxis.from_bounds(*arguments, **options)


# ---------------------------------------------------------------- units


@pytest.mark.parametrize("unit", [u.Hz, u.PHz, u.nm, u.AA, 1 / u.cm])
@given(axis=energy_axes())
def test_frequencies_and_wavelengths(axis, unit):
    given_ = axis.edges.to(unit, u.spectral())
    for edges, expected in ((given_, axis), (given_[::-1], axis[::-1])):
        other = EnergyAxis(edges, name=axis.name, interp=axis.interp)
        assert other == expected
        assert other.unit == u.eV
        assert other.ascending() == axis


def test_bins_keep_the_order_of_wavelengths():
    axis = EnergyAxis([400, 500, 700] * u.nm)
    np.testing.assert_allclose(axis.edges.value, 1239.841984 / np.array([400, 500, 700]))
    assert axis.bin_of([450, 600, 300, 800] * u.nm).tolist() == [0, 1, -1, -1]
    assert axis.bin_of(np.array([450, 600]) * u.nm.to(u.m) * u.m).tolist() == [0, 1]
    assert axis.bin_of(2 * u.eV) == 1
    assert axis.bin_of(0 * u.nm) == -1


@pytest.mark.parametrize("unit", [u.s, u.deg, u.K, u.m**2])
def test_units_of_no_energy(unit):
    with pytest.raises(ValueError, match="edges must be energies, got the unit"):
        EnergyAxis([1, 2] * unit)
    with pytest.raises(ValueError, match="energy must be an energy, got the unit"):
        AXIS.bin_of(1 * unit)


def test_wavelengths_that_turn_round():
    with pytest.raises(ValueError, match="increase strictly"):
        EnergyAxis([400, 700, 500] * u.nm)
    with pytest.raises(ValueError, match="finite and positive, edge 0 is 0"):
        EnergyAxis([0, 700] * u.nm)


@given(energy_axes(), st.lists(st.floats(1e-9, 1e9), min_size=1))
def test_an_axis_in_opposite_order(axis, energies):
    """Everything but the order of the bins stays as it is; one bin has no order."""
    back = axis[::-1]
    n = axis.n_bins
    assert (back == axis) == (n == 1)
    assert back[::-1] == axis
    assert back.edges.value.tolist() == axis.edges.value[::-1].tolist()
    assert back.energy_min.value.tolist() == axis.energy_min.value[::-1].tolist()
    assert back.energy_max.value.tolist() == axis.energy_max.value[::-1].tolist()
    np.testing.assert_allclose(back.center.value, axis.center.value[::-1], rtol=1e-14)
    assert back.ascending().edges.value.tolist() == axis.edges.value.tolist()
    energies = np.append(energies, axis.edges.value) * axis.unit
    bins = axis.bin_of(energies)
    assert back.bin_of(energies).tolist() == np.where(bins < 0, -1, n - 1 - bins).tolist()
    assert EnergyAxis.stack(back) == back
    assert pickle.loads(pickle.dumps(back)) == back
    assert EnergyAxis.from_table(back.to_table()) == back
    assert back.upsample(3).downsample(3) == back
    assert back.downsample(n) == axis.downsample(n)
    assert back[: n // 2 + 1] == axis[::-1][: n // 2 + 1] == axis[n - n // 2 - 1 :][::-1]
    if n > 1:
        assert "opposite orders" in difference(axis, back)


def test_tables_keep_the_order_of_their_rows():
    """Grating responses have channels by wavelength, and so decreasing energies."""
    table = QTable({"E_MIN": [3, 2, 1] * u.keV, "E_MAX": [5, 3, 2] * u.keV})
    assert EnergyAxis.from_table(table).edges.value.tolist() == [5, 3, 2, 1]
    assert EnergyAxis.from_table(table[::-1]).edges.value.tolist() == [1, 2, 3, 5]
    table = QTable({"E_MIN": [400, 550] * u.nm, "E_MAX": [550, 700] * u.nm})
    assert EnergyAxis.from_table(table) == EnergyAxis([400, 550, 700] * u.nm)
    with pytest.raises(ValueError, match="bins must be contiguous: E_MIN"):
        EnergyAxis.from_table(QTable({"E_MIN": [2, 1, 3] * u.keV, "E_MAX": [3, 2, 5] * u.keV}))


# ---------------------------------------------------------------- slices and merges


@given(energy_axes(), st.data())
def test_slices(axis, data):
    n = axis.n_bins
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start + 1, n))
    part = axis[start:stop]
    assert part.edges.value.tolist() == axis.edges.value[start : stop + 1].tolist()
    assert (part.name, part.interp, part.unit) == (axis.name, axis.interp, axis.unit)
    assert axis[start] == axis[start - n] == axis[start : start + 1]
    assert list(axis) == [axis[i] for i in range(n)]
    assert EnergyAxis.stack(axis) == axis
    assert EnergyAxis.stack([axis[:stop], axis[stop:]] if stop < n else [axis]) == axis
    assert not part.edges.flags.writeable


def test_bad_slices():
    with pytest.raises(ValueError, match="step of a slice must be 1 or -1, got 2"):
        AXIS[::2]
    with pytest.raises(ValueError, match="selects none of 4"):
        AXIS[2:2]
    with pytest.raises(IndexError, match="bin 4 is not one of an axis with 4 bins"):
        AXIS[4]
    with pytest.raises(TypeError):
        AXIS[1.5]


def test_stack_across_units():
    stacked = EnergyAxis.stack([EnergyAxis([0.1, 0.30000001] * u.TeV), EnergyAxis([300, 1000] * u.GeV)])
    np.testing.assert_allclose(stacked.edges.to_value(u.TeV), [0.1, 0.30000001, 1], rtol=1e-15)


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        ([], ValueError, "at least one axis is needed"),
        ([AXIS, 3], TypeError, "axes[1] must be an EnergyAxis, got int"),
        ([AXIS, EnergyAxis([17, 20] * u.TeV)], ValueError, "axis 1 begins at 17.0 TeV, but axis 0 ends at 16.0 TeV"),
        ([AXIS, EnergyAxis([15, 20] * u.TeV)], ValueError, "axis 1 begins at 15.0 TeV"),
        ([AXIS, AXIS[0].rename("energy_true")], ValueError, "one name, axis 1 has 'energy_true'"),
        ([AXIS, EnergyAxis([16, 20] * u.TeV, interp="lin")], ValueError, "one interp, axis 1 has 'lin'"),
    ],
)
def test_bad_stacks(axes, error, message):
    with pytest.raises(error, match=re.escape(message)):
        EnergyAxis.stack(axes)


def test_merging_and_dividing():
    assert AXIS.downsample(2).edges.value.tolist() == [1, 4, 16]
    assert AXIS.downsample(4).edges.value.tolist() == [1, 16]
    with pytest.raises(ValueError, match="factor must divide the number of bins, 4, got 3"):
        AXIS.downsample(3)
    for wrong, error in ((0, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="factor must be"):
            AXIS.downsample(wrong)
        with pytest.raises(error, match="factor must be"):
            AXIS.upsample(wrong)
    assert AXIS.rename("energy_true").name == "energy_true"


@given(energy_axes(), st.integers(1, 5))
def test_dividing_and_merging_again(axis, factor):
    finer = axis.upsample(factor)
    assert finer.n_bins == factor * axis.n_bins
    assert finer.downsample(factor).edges.value.tolist() == axis.edges.value.tolist()
    values = np.log(finer.edges.value) if axis.interp == "log" else finer.edges.value
    steps = np.diff(values).reshape(-1, factor)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(factor, axis=1), rtol=1e-9)


def test_merging_and_dividing_as_in_gammapy():
    pytest.importorskip("gammapy.maps", exc_type=ImportError)
    for interp in ("log", "lin"):
        axis = EnergyAxis([1, 2, 5, 9, 11, 30, 31] * u.GeV, interp=interp)
        theirs = axis_to_gammapy(axis)
        assert axis_to_gammapy(axis.downsample(3)) == theirs.downsample(3)
        assert axis_to_gammapy(axis.upsample(3)) == theirs.upsample(3)
        assert axis_to_gammapy(axis.downsample(6)) == theirs.squash()
        assert axis_to_gammapy(axis[2:4]) == theirs.slice(slice(2, 4))
        np.testing.assert_allclose(axis.center.value, theirs.center.value, rtol=1e-12)


# ---------------------------------------------------------------- gammapy


@given(energy_axes())
def test_to_gammapy_and_back(axis):
    pytest.importorskip("gammapy.maps", exc_type=ImportError)
    theirs = axis_to_gammapy(axis)
    assert (theirs.name, theirs.interp, theirs.unit, theirs.node_type) == (axis.name, axis.interp, axis.unit, "edges")
    assert theirs._nodes.tolist() == axis.edges.value.tolist()
    assert axis_from_gammapy(theirs) == axis


def test_centres_of_gammapy():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    theirs = maps.MapAxis.from_nodes([1, 10, 100], unit="TeV", interp="log", name="energy_true")
    axis = axis_from_gammapy(theirs)
    assert axis.name == "energy_true"
    assert axis.edges.value.tolist() == theirs.edges.value.tolist()
    np.testing.assert_allclose(axis.edges.value, 10.0 ** np.array([-0.5, 0.5, 1.5, 2.5]))
    np.testing.assert_allclose(axis.center.value, [1, 10, 100])


def test_the_edges_of_gammapy_that_lost_a_bin():
    """gammapy#1142: 0.3 TeV came back as 0.29999999999999993 TeV."""
    pytest.importorskip("gammapy.maps", exc_type=ImportError)
    axis = EnergyAxis([0.1, 0.3, 1] * u.TeV)
    assert EnergyAxis([0.1, 0.29999999999999993, 1] * u.TeV) == axis
    assert axis_from_gammapy(axis_to_gammapy(axis)) == axis


def test_axes_of_gammapy_that_are_none():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    with pytest.raises(TypeError, match="axis must be a gammapy MapAxis, got list"):
        axis_from_gammapy([1, 2])
    with pytest.raises(ValueError, match="has 'sqrt'"):
        axis_from_gammapy(maps.MapAxis.from_edges([1, 2] * u.TeV, interp="sqrt", name="energy"))
    with pytest.raises(ValueError, match="edges must be energies"):
        axis_from_gammapy(maps.MapAxis.from_edges([1, 2] * u.deg, interp="lin", name="rad"))
    reverse = axis_from_gammapy(maps.MapAxis.from_edges([3, 2, 1] * u.TeV, interp="lin", name="energy"))
    assert reverse == EnergyAxis([3, 2, 1] * u.TeV, interp="lin")
    assert axis_to_gammapy(reverse).edges.value.tolist() == [1, 2, 3]


# ---------------------------------------------------------------- tables


@given(energy_axes())
def test_to_a_table_and_back(axis):
    table = axis.to_table()
    assert len(table) == axis.n_bins
    assert table.meta["EXTNAME"] == "EBOUNDS"
    back = EnergyAxis.from_table(table)
    assert back == axis
    assert back.edges.value.tolist() == axis.edges.value.tolist()
    again = EnergyAxis.from_table(fits.BinTableHDU(table))
    assert again == axis
    assert again.edges.value.tolist() == axis.edges.value.tolist()


@pytest.mark.parametrize("style", ["ogip", "ogip-sherpa", "ogip-arf", "gadf", "gadf-dl3", "gadf-sed"])
@pytest.mark.parametrize("interp", ["log", "lin"])
def test_tables_of_gammapy(style, interp, tmp_path):
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    name = "energy_true" if style in ("ogip-arf", "gadf-dl3") else "energy"
    theirs = maps.MapAxis.from_edges(np.geomspace(0.1, 30, 9) * u.TeV, name=name, interp=interp)
    if style == "gadf":
        hdu = maps.MapAxes([theirs]).to_table_hdu(hdu_bands="BANDS")
    else:
        hdu = fits.BinTableHDU(theirs.to_table(format=style), name="BINS")
    expected = axis_from_gammapy(theirs)
    if style != "gadf":
        expected = EnergyAxis(expected.edges, name=name)  # the others do not store the interpolation
    assert EnergyAxis.from_table(hdu) == expected
    path = tmp_path / "bins.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(Table({"E": [1.0, 2.0]}), name="OTHER"), hdu]).writeto(path)
    assert EnergyAxis.from_table(path) == EnergyAxis.from_table(str(path), hdu=2) == expected
    with fits.open(path) as hdus:
        assert EnergyAxis.from_table(hdus) == EnergyAxis.from_table(hdus, hdu=hdu.name) == expected
    assert EnergyAxis.from_table(hdu, name="energy_true", interp="lin") == EnergyAxis(
        expected.edges, name="energy_true", interp="lin"
    )


def test_tables_for_gammapy():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    axis = EnergyAxis([1, 2, 5] * u.GeV, interp="lin")
    for one in (axis, axis.rename("energy_true")):
        assert maps.MapAxis.from_table(one.to_table(), format="gadf") == axis_to_gammapy(one)
    log = EnergyAxis([1, 2, 5] * u.GeV)
    assert maps.MapAxis.from_table(log.to_table(), format="ogip") == axis_to_gammapy(log)


def test_bands_of_a_map_with_two_axes():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    energy = maps.MapAxis.from_energy_bounds("1 TeV", "100 TeV", 4)
    other = maps.MapAxis.from_edges([0, 1, 2, 3], name="rad", unit="deg", interp="lin")
    for axes in ([energy, other], [other, energy]):
        hdu = maps.MapAxes(axes).to_table_hdu(hdu_bands="BANDS")
        assert EnergyAxis.from_table(hdu) == axis_from_gammapy(energy)


def test_single_precision_is_kept():
    values = np.array([0.1, 0.3, 0.9], dtype=np.float32)
    table = QTable({"E_MIN": values[:-1] * u.keV, "E_MAX": values[1:] * u.keV})
    assert EnergyAxis.from_table(table).edges.value.tolist() == values.astype(float).tolist()


def test_edges_that_were_rounded_apart():
    table = QTable({"E_MIN": [1, 2, 3] * u.keV, "E_MAX": [2.0000001, 2.9999999, 4] * u.keV})
    assert EnergyAxis.from_table(table).edges.value.tolist() == [1, 2, 3, 4]
    mixed = QTable({"E_MIN": [1, 2] * u.keV, "E_MAX": [2000, 4000] * u.eV})
    assert EnergyAxis.from_table(mixed) == EnergyAxis([1, 2, 4] * u.keV)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (QTable({"a": [1] * u.keV}), "no columns of energy bins such as E_MIN and E_MAX. Its columns are a"),
        (Table({"E_MIN": [1.0], "E_MAX": [2.0]}), "E_MIN and E_MAX must have units of energy, got None and None"),
        (QTable({"E_MIN": [1, 3] * u.keV, "E_MAX": [2, 4] * u.keV}), "E_MIN must equal E_MAX of the bin before"),
        (QTable({"E_MIN": [1, 2] * u.keV, "E_MAX": [3, 4] * u.keV}), "E_MIN must equal E_MAX of the bin before"),
        (QTable({"E_MIN": [0, 2] * u.keV, "E_MAX": [2, 4] * u.keV}), "finite and positive, edge 0 is 0"),
        (QTable({"E_MIN": [1, 2] * u.s, "E_MAX": [2, 4] * u.s}), "edges must be energies, got the unit 's'"),
    ],
)
def test_bad_tables(table, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EnergyAxis.from_table(table)


def test_bad_files(tmp_path):
    path = tmp_path / "other.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(Table({"E": [1.0]}), name="OTHER")]).writeto(path)
    with pytest.raises(ValueError, match="has columns of energy bins"):
        EnergyAxis.from_table(path)
    with pytest.raises(ValueError, match=r"there is no HDU 'EBOUNDS' .*, the file has PRIMARY, OTHER"):
        EnergyAxis.from_table(path, hdu="EBOUNDS")
    with pytest.raises(ValueError, match=r"HDU 0 .* is not a table"):
        EnergyAxis.from_table(path, hdu=0)
    with pytest.raises(FileNotFoundError):
        EnergyAxis.from_table(tmp_path / "none.fits")
    with pytest.raises(TypeError, match="table must be a Table"):
        EnergyAxis.from_table([1, 2])
