"""Masks along their energy axis: from energies, stacks, slices, other bins, and what energies are kept where."""

import pickle
import re
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from profiles import cases
from strategies import energy_axes, masks

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.core.energy_bins import kept_bins
from hpmask.interop.gammapy.axes import axis_from_gammapy, axis_to_gammapy

AXIS = EnergyAxis([1, 2, 4, 8, 16] * u.TeV)
SPLIT = EnergyAxis([0.1, 0.3, 1, 10] * u.TeV)


def kept(mask):
    return (mask.sky_fraction == 1).tolist()


def bins(axis, numbers):
    """A mask of the whole sky in some bins."""
    planes = [RangeSet.full(0) if i in numbers else RangeSet.empty(0) for i in range(axis.n_bins)]
    return Mask(planes, energy=axis)


# ---------------------------------------------------------------- from energies


def test_rows_of_gammapys_energy_mask():
    axis = axis_from_gammapy(
        pytest.importorskip("gammapy.maps", exc_type=ImportError).MapAxis.from_nodes(
            [1, 10, 100], interp="log", name="energy", unit="TeV"
        )
    )
    assert kept(Mask.from_energy(axis, "3 TeV")) == [False, True, True]
    assert kept(Mask.from_energy(axis, None, "30 TeV")) == [True, False, False]
    assert kept(Mask.from_energy(axis, "3 TeV", "40 TeV")) == [False, True, False]


def test_bins_of_gammapys_masks():
    """Its test_make_mask_geom: 3000 and 23040 pixels are one bin of frequency, 48 are two of energy."""
    axis = EnergyAxis.from_bounds("1 TeV", "10 TeV", 5)
    assert kept(Mask.from_energy(axis, "1 TeV", "3 TeV")) == [True, True, False, False, False]
    frequency = EnergyAxis(np.linspace(1, 10, 5) * u.Hz, interp="lin")
    rounded = Mask.from_energy(frequency, 3 * u.Hz, 5 * u.Hz, round_to_edge=True)
    assert kept(rounded) == [False, True, False, False]


def test_halves_go_to_even_edges():
    axis = EnergyAxis([1, 2, 3, 4] * u.TeV, interp="lin")
    for energy, edge in ((1.5, 1), (2.5, 3), (3.5, 3), (2.4, 2), (2.6, 3)):
        mask = Mask.from_energy(axis, energy * u.TeV, round_to_edge=True)
        assert kept(mask) == [low >= edge for low in (1, 2, 3)]


def test_the_nearest_edge_is_that_in_the_logarithm():
    # the middle of 2 and 4 TeV is 2.83 TeV
    assert kept(Mask.from_energy(AXIS, "2.9 TeV", round_to_edge=True)) == [False, False, True, True]
    linear = EnergyAxis(AXIS.edges, interp="lin")
    assert kept(Mask.from_energy(linear, "2.9 TeV", round_to_edge=True)) == [False, True, True, True]


@st.composite
def cuts(draw):
    """A gammapy axis, two energies (often on edges), and whether to round."""
    axis = draw(energy_axes())
    edges = axis.edges.value
    low = draw(st.floats(edges[0] / 3, edges[-1] * 2))
    value = st.one_of(st.sampled_from(edges.tolist()), st.floats(edges[0] / 3, edges[-1] * 3), st.just(low))
    energies = [draw(st.one_of(st.none(), value)) for _ in range(2)]
    return axis, *(None if one is None else one * axis.unit for one in energies), draw(st.booleans())


@given(cuts())
def test_as_gammapys_energy_mask(cut):
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    axis, low, high, rounded = cut
    theirs = axis_to_gammapy(axis.rename("energy"))
    axis = axis_from_gammapy(theirs)  # gammapy moves edges by a rounding error
    geom = maps.WcsGeom.create(npix=1, axes=[theirs])
    expected = geom.energy_mask(low, high, round_to_edge=rounded).data.ravel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mask = Mask.from_energy(axis, low, high, round_to_edge=rounded)
    assert kept(mask) == expected.tolist()
    assert set(np.unique(mask.sky_fraction)) <= {0.0, 1.0}


def test_halves_are_rounded_as_gammapy_rounds_them():
    """In the middle of a bin rounding errors decide: they are the same ones."""
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    rng = np.random.default_rng(0)
    alike = []
    for _ in range(20):
        theirs = maps.MapAxis.from_energy_edges(np.cumprod(rng.uniform(1.1, 3, rng.integers(3, 12))) * u.GeV)
        axis = axis_from_gammapy(theirs)
        geom = maps.WcsGeom.create(npix=1, axes=[theirs])
        for energy in axis.center:
            expected = geom.energy_mask(energy, round_to_edge=True).data.ravel()
            alike.append((kept_bins(axis, energy, None, round_to_edge=True) == expected).all())
    assert all(alike)


@pytest.mark.deep
@pytest.mark.parametrize("interp", ["log", "lin"])
@pytest.mark.parametrize("node_type", ["edges", "center"])
def test_rounding_of_any_units_as_gammapys(interp, node_type):
    """Middles, edges and nodes of bins, in units of their own: equal sums and products give equal rounding errors."""
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    rng = np.random.default_rng(1)
    units = [u.eV, u.keV, u.MeV, u.GeV, u.TeV, u.erg, u.J]
    for _ in range(cases(60)):
        unit, other = rng.choice(units, 2)
        n = rng.integers(3, 12)
        nodes = np.cumprod(rng.uniform(1.05, 3, n))
        if rng.random() < 0.5:
            nodes = (np.geomspace if interp == "log" else np.linspace)(*np.sort(rng.uniform(50, 100, 2)), n)
        nodes *= 10.0 ** rng.integers(-12, 13)
        theirs = maps.MapAxis(nodes, interp=interp, node_type=node_type, unit=unit, name="energy")
        if theirs.edges.value[0] <= 0:
            continue
        axis = axis_from_gammapy(theirs)
        k = rng.integers(axis.n_bins)
        edges = theirs.edges.value
        energy = rng.choice([axis.center.value[k], theirs.center.value[k], nodes[k], (edges[k] + edges[k + 1]) / 2])
        energy = (energy * unit).to(rng.choice([unit, other]))
        low, high = theirs.round([energy, energy])  # as Geom.energy_mask does
        for same in (axis, axis.rename("energy"), axis[:], pickle.loads(pickle.dumps(axis))):
            ours = [kept_bins(same, *limits, round_to_edge=True) for limits in ((energy, None), (None, energy))]
            assert ours[0].tolist() == (theirs.edges[:-1] >= low).tolist()
            assert ours[1].tolist() == (theirs.edges[1:] <= high).tolist()


def test_rounding_between_uneven_centres():
    """Edges lie halfway between nodes in their number, so bins begin to count at the nodes."""
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    theirs = maps.MapAxis.from_nodes([1, 10, 1000] * u.TeV, interp="log", name="energy")
    geom = maps.WcsGeom.create(npix=1, axes=[theirs])
    axis = axis_from_gammapy(theirs)
    assert axis == EnergyAxis(axis.edges)
    for energy, expected in ((9, [False, True, True]), (11, [False, False, True])):
        assert geom.energy_mask(energy * u.TeV, round_to_edge=True).data.ravel().tolist() == expected
        assert kept(Mask.from_energy(axis, energy * u.TeV, round_to_edge=True)) == expected
    # Of a slice only the edges are left: the middle of 3.2 to 100 TeV is 17.8 TeV.
    for energy, expected in ((17, [True, True]), (18, [False, True])):
        assert kept(Mask.from_energy(axis[1:], energy * u.TeV, round_to_edge=True)) == expected


def test_wavelengths_of_gammapy_are_rounded_as_energies():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    theirs = maps.MapAxis.from_nodes([400, 500, 600] * u.nm, interp="lin", name="energy")
    axis = axis_from_gammapy(theirs)
    assert kept(Mask.from_energy(axis, 549 * u.nm, round_to_edge=True)) == [True, True, False]


@pytest.mark.parametrize("interp", ["log", "lin"])
def test_rounding_far_beyond_the_ends(interp):
    axis = EnergyAxis([1, 1.001, 50] * u.TeV, interp=interp)
    for low, high, expected in (
        (0, np.inf, True),
        (-5, 1e300, True),
        (-np.inf, None, True),
        (np.inf, None, False),
        (1e300, None, False),
        (None, -np.inf, False),
        (None, 0, False),
    ):
        energies = [None if one is None else one * u.TeV for one in (low, high)]
        assert kept_bins(axis, *energies, round_to_edge=True).tolist() == [expected] * 2
        assert kept_bins(axis, *energies).tolist() == [expected] * 2


def test_nothing_kept_warns():
    with pytest.warns(UserWarning, match=r"no bin of EnergyAxis.* lies within 2.1 TeV to 3.9 TeV: nothing is kept"):
        mask = Mask.from_energy(AXIS, "2.1 TeV", "3.9 TeV")
    assert kept(mask) == [False] * 4
    with pytest.warns(UserWarning, match="nothing is kept"):
        Mask.from_energy(AXIS, "8 TeV", "2 TeV")


def test_a_bin_lost_by_rounding_warns():
    axis = EnergyAxis([0.1, 0.29999999999999993, 1] * u.TeV)
    with pytest.warns(UserWarning, match=r"bin 1, .*0.29999999999999993.* is left out because of a rounding error"):
        assert kept_bins(axis, 0.3 * u.TeV, 10 * u.TeV).tolist() == [False, False]
    assert kept(Mask.from_energy(axis, "0.3 TeV", round_to_edge=True)) == [False, True]


def test_warnings_point_here():
    for call in (
        lambda: Mask.from_energy(AXIS, "2.1 TeV", "3.9 TeV"),
        lambda: Mask.from_energy(AXIS, np.nextafter(2, 3) * u.TeV),
        lambda: Mask.full(energy=AXIS).slice_energy(np.nextafter(2, 3) * u.TeV),
    ):
        with pytest.warns(UserWarning, match="nothing is kept|rounding error") as caught:
            call()
        assert caught[0].filename == __file__


def test_of_a_mask_from_energy():
    mask = Mask.from_energy(SPLIT, "300 GeV", order=3, frame="galactic")
    assert (mask.order, mask.frame, mask.energy) == (3, "galactic", SPLIT)
    assert mask.history == "from_energy(300 GeV to the end, 2 of 3 bins 0.1-10 TeV)"
    assert mask.planes[1] is mask.planes[2]
    region = Mask.from_zone(None, ("0 deg", "90 deg"), order=5, frame="galactic")
    assert (mask & region).reduce() == region


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((AXIS, 3), TypeError, "energy_min must be a Quantity or a string"),
        ((AXIS, "3 deg"), ValueError, "energy_min must be an energy"),
        ((AXIS, None, np.nan * u.TeV), ValueError, "energy_max must not be NaN"),
        ((AXIS, [1, 2] * u.TeV), ValueError, "energy_min must be one energy, got an array of shape (2,)"),
        ((AXIS.edges, "1 TeV"), TypeError, "energy must be an EnergyAxis, got Quantity"),
    ],
)
def test_bad_energies(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Mask.from_energy(*arguments)


# ---------------------------------------------------------------- bins one by one


@given(st.data(), energy_axes())
def test_stack_puts_bins_together(data, axis):
    mask = data.draw(masks(energy=axis))
    singles = list(mask)
    assert [one.energy for one in singles] == [None] * axis.n_bins
    assert [one.planes[0] for one in singles] == list(mask.planes)
    again = Mask.stack(singles, axis)
    assert again == mask
    assert (again.order, again.frame) == (mask.order, mask.frame)
    parts = [mask[i : i + 1] for i in range(axis.n_bins)]
    assert Mask.stack(parts) == Mask.stack(parts, axis) == mask


def test_stack_of_mixed_orders():
    ones = [Mask.from_zone(None, ("0 deg", "90 deg"), order=order) for order in (2, 5)]
    mask = Mask.stack(ones, AXIS[:2])
    assert mask.order == 5
    assert mask.planes == tuple(one.planes[0] for one in ones)
    assert mask.history.startswith("stack([from_zone(")
    assert mask.history.endswith("], 2 bins 1-4 TeV)")


FLAT = Mask.full()


@pytest.mark.parametrize(
    ("masks_", "axis", "error", "message"),
    [
        ([], AXIS, ValueError, "at least one mask is needed"),
        ([FLAT] * 3, AXIS, ValueError, "energy has 4 bins, got 3 masks"),
        ([FLAT], None, ValueError, "masks[0] has no energy bins: energy must be given"),
        (
            [FLAT, Mask.full(energy=AXIS)],
            AXIS,
            ValueError,
            "either all masks must have energy bins or none of them, masks[0] has none",
        ),
        ([Mask.full(energy=AXIS)], SPLIT, ValueError, "but the bins of the masks are"),
        ([Mask.full(energy=AXIS)] * 2, None, ValueError, "axis 1 begins at 1.0 TeV, but axis 0 ends at 16.0 TeV"),
        ([FLAT, Mask.full(frame="galactic")], AXIS[:2], ValueError, "different frames, 'icrs' and 'galactic'"),
        ([FLAT, 3], AXIS[:2], TypeError, "masks[1] must be a Mask, got int"),
        ([FLAT], "1 TeV", TypeError, "energy must be an EnergyAxis, got str"),
    ],
)
def test_bad_stacks(masks_, axis, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Mask.stack(masks_, axis)


# ---------------------------------------------------------------- slices


@given(cuts(), st.data())
def test_slices_by_energy(cut, data):
    axis, low, high, rounded = cut
    mask = data.draw(masks(energy=axis))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        numbers = np.flatnonzero(kept_bins(axis, low, high, round_to_edge=rounded))
        if not numbers.size:
            with pytest.raises(ValueError, match="no bin of EnergyAxis"):
                mask.slice_energy(low, high, round_to_edge=rounded)
            return
        part = mask.slice_energy(low, high, round_to_edge=rounded)
    assert part.planes == tuple(mask.planes[i] for i in numbers)
    assert part.energy == axis[numbers[0] : numbers[-1] + 1]
    assert part == mask[numbers[0] : numbers[-1] + 1]


def test_slices_by_number():
    mask = bins(AXIS, {1, 2})
    assert kept(mask[1:]) == [True, True, False]
    assert mask[-1] == Mask.empty()
    assert mask[2] == Mask.full()
    assert mask[2].history.endswith("[2]")
    assert mask[1:3].history.endswith("[1:3]")
    assert mask.slice_energy() == mask
    with pytest.raises(IndexError, match="bin 4 is not one of a mask with 4 bins"):
        mask[4]
    with pytest.raises(ValueError, match="the mask has no energy bins"):
        FLAT.slice_energy("1 TeV")


# ---------------------------------------------------------------- other bins


def resampled_by_brute_force(values, axis, new, how):
    """By looks at many energies in each new bin. Edges lie on the grid of powers of two."""
    result = []
    for low, high in zip(new.energy_min.value, new.energy_max.value, strict=True):
        energies = np.geomspace(low, high, 41)[1:-1]
        which = axis.bin_of(energies * axis.unit)
        inside = [values[i] for i in which if i >= 0]
        if how == "any":
            result.append(any(inside))
        else:
            result.append(len(inside) == energies.size and all(inside))
    return result


@st.composite
def power_axes(draw):
    powers = draw(st.sets(st.integers(0, 12), min_size=2))
    return EnergyAxis(2.0 ** np.array(sorted(powers)) * u.TeV)


@given(power_axes(), power_axes(), st.sampled_from(["any", "all"]), st.data())
def test_resampling_by_brute_force(axis, new, how, data):
    numbers = data.draw(st.sets(st.integers(0, axis.n_bins - 1)))
    mask = bins(axis, numbers).resample_energy(new, how=how)
    expected = resampled_by_brute_force([i in numbers for i in range(axis.n_bins)], axis, new, how)
    assert kept(mask) == expected
    assert mask.energy == new
    # rounding errors of edges change nothing, and neither do units
    shaken = EnergyAxis((new.edges * (1 + 1e-9 * np.cos(np.arange(new.n_bins + 1)))).to(u.erg))
    assert kept(bins(axis, numbers).resample_energy(shaken, how=how)) == expected


@given(st.data(), energy_axes())
def test_resampling_to_the_same_bins(data, axis):
    mask = data.draw(masks(energy=axis))
    for how in ("any", "all"):
        assert mask.resample_energy(axis, how=how) == mask
        assert mask.resample_energy(axis.downsample(axis.n_bins), how=how).reduce() == mask.reduce(how)
        assert mask.resample_energy(axis.upsample(3), how=how).resample_energy(axis, how=how) == mask


def test_resampling_as_gammapy():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    rng = np.random.default_rng(5)
    axis = EnergyAxis.from_bounds("0.1 TeV", "10 TeV", 12)
    data = rng.random((12, 48)) < 0.4
    mask = Mask.from_healpix(data, nest=True, frame="icrs", energy=axis)
    geom = maps.HpxGeom.create(nside=2, nest=True, frame="icrs", axes=[axis_to_gammapy(axis)])
    for new in (axis.downsample(3), axis.downsample(axis.n_bins), EnergyAxis(axis.edges[[0, 1, 5, 12]])):
        theirs = maps.Map.from_geom(geom, data=data).resample_axis(axis_to_gammapy(new), ufunc=np.logical_or)
        np.testing.assert_array_equal(mask.resample_energy(new).to_healpix(order=1, nest=True), theirs.data)


def test_resampling_keeps_planes_shared():
    mask = Mask.from_zone(None, ("0 deg", "90 deg"), order=3).resample_energy(AXIS)
    assert mask.energy == AXIS
    assert len({id(plane) for plane in mask.planes}) == 1
    assert mask.history.endswith(".resample_energy(4 bins, how='any')")
    assert len({id(plane) for plane in mask.resample_energy(AXIS.upsample(2), how="all").planes}) == 1


def test_bad_resampling():
    mask = Mask.full(energy=AXIS)
    with pytest.raises(TypeError, match="energy must be an EnergyAxis, got int"):
        mask.resample_energy(3)
    with pytest.raises(ValueError, match="how must be 'any' or 'all', got 'some'"):
        mask.resample_energy(AXIS, how="some")
    with pytest.raises(
        ValueError, match="energy must have the name of the axis of the mask, 'energy', got 'energy_true'"
    ):
        mask.resample_energy(AXIS.rename("energy_true"))


# ---------------------------------------------------------------- what energies are kept


def test_energy_ranges_of_gammapys_datasets():
    """gammapy's test_energy_range: three masks that overlap, 20 bins from 0.1 to 10 TeV."""
    axis = EnergyAxis.from_bounds("0.1 TeV", "10 TeV", 20)
    for numbers, (first, last) in (
        ({15, 16}, (15, 17)),
        ({10, 17}, (10, 18)),
        ({14, 15, 18}, (14, 19)),
        ({10, 14, 18}, (10, 19)),
    ):
        low, high = bins(axis, numbers).energy_range()
        assert (low, high) == (axis.edges[first], axis.edges[last])


@given(st.data(), power_axes())
def test_energy_ranges_by_brute_force(data, axis):
    mask = data.draw(masks(max_order=1, energy=axis))
    answers = mask.to_healpix(order=1, nest=True)
    edges = axis.edges.value
    numbers = [np.flatnonzero(column) for column in answers.T]
    low = np.array([edges[one[0]] if one.size else np.nan for one in numbers])
    high = np.array([edges[one[-1] + 1] if one.size else np.nan for one in numbers])
    found = mask.energy_range_healpix(order=1, nest=True)
    np.testing.assert_array_equal(found[0].to_value(u.TeV), low)
    np.testing.assert_array_equal(found[1].to_value(u.TeV), high)
    if answers.any():
        assert mask.at_order(1).energy_range() == (np.nanmin(low) * u.TeV, np.nanmax(high) * u.TeV)
    else:
        assert np.isnan(u.Quantity(mask.at_order(1).energy_range())).all()


def three_discs():
    center = SkyCoord(83.63, 22.01, unit="deg")
    return ~Mask.from_cones(center, [[2, 1, 0.5]] * u.deg, order=10, energy=EnergyAxis([1, 10, 100, 1000] * u.GeV))


# ---------------------------------------------------------------- bands in the order of their wavelengths

BANDS = EnergyAxis([400, 550, 700, 850] * u.nm)
G_R_I = [475, 625, 775] * u.nm
BAND_PLACES = SkyCoord([10, 30, 50], 0, unit="deg")


def assert_own_places(mask):
    """Band k keeps the disc round place k alone, whether it is asked for by its number or by its wavelength."""
    expected = [Mask.from_cones(place, "1 deg", order=9) for place in BAND_PLACES]
    assert [Mask(plane) for plane in mask.planes] == expected
    assert mask.sky_fraction.tolist() == [one.sky_fraction for one in expected]
    assert mask.contains(BAND_PLACES).tolist() == np.eye(3, dtype=bool).tolist()
    for k in range(3):
        assert mask.contains(BAND_PLACES, energy=G_R_I[k]).tolist() == [i == k for i in range(3)]
        assert mask[k] == list(mask)[k] == expected[k]
        assert mask[k : k + 1].contains(BAND_PLACES, energy=G_R_I[k]).sum() == 1


def test_bands_keep_their_own_masks(tmp_path):
    singles = [Mask.from_cones(place, "1 deg", order=9) for place in BAND_PLACES]
    bands = Mask.stack(singles, BANDS)
    assert_own_places(bands)
    values = np.array([one.to_healpix(nest=True) for one in singles])
    assert_own_places(Mask.from_healpix(values, nest=True, frame="icrs", energy=BANDS))
    cells = np.flatnonzero(values.any(axis=0))
    part = Mask.from_healpix(values[:, cells], nest=True, frame="icrs", cells=cells, order=9, energy=BANDS)
    assert_own_places(part)
    np.testing.assert_array_equal(bands.to_healpix(nest=True), values)
    bands.write(tmp_path / "bands.fits")
    assert Mask.read(tmp_path / "bands.fits") == bands
    assert Mask.stack([bands[k : k + 1] for k in range(3)]) == bands
    assert BANDS.to_table()["E_MIN"].tolist() == BANDS.energy_min.value.tolist()


def test_radii_widths_and_functions_of_bands():
    radii = [3, 2, 1] * u.deg
    discs = Mask.from_cones(BAND_PLACES[0], radii[np.newaxis], order=9, energy=BANDS)
    expected = [Mask.from_cones(BAND_PLACES[0], radius, order=9).planes[0] for radius in radii]
    assert list(discs.planes) == expected

    def radius(axis):
        # longer waves, larger discs: lambda / (475 nm) deg
        return (axis.center.to(u.nm, u.spectral()) / (475 * u.nm)).to_value("") * u.deg

    growing = Mask.from_cones(BAND_PLACES[0], radius, order=9, energy=BANDS)
    assert (np.diff(growing.sky_fraction) > 0).all()
    disc = Mask.from_cones(BAND_PLACES[0], "1 deg", order=9)
    for widths in (radii, lambda axis: radii):
        wide = disc.resample_energy(BANDS).dilate(widths)
        assert [Mask(plane) for plane in wide.planes] == [disc.dilate(width) for width in radii]


def test_images_of_bands(tmp_path):
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    bands = Mask.stack([Mask.from_cones(place, "1 deg", order=9) for place in BAND_PLACES], BANDS)
    geom = maps.WcsGeom.create(skydir=BAND_PLACES[1], width=(50, 10), binsz=0.1, axes=[axis_to_gammapy(BANDS)])
    image = bands.to_wcs(geom.wcs, geom.data_shape[1:])
    again = Mask.from_wcs(image, geom.wcs, order=9, energy=BANDS)
    assert again.contains(BAND_PLACES, energy=G_R_I).all()
    np.testing.assert_array_equal(again.to_wcs(geom.wcs, image.shape[1:]), image)
    # gammapy's bins are those of increasing energy.
    assert geom.axes["energy"].edges[0] < geom.axes["energy"].edges[-1]
    map_ = bands.to_gammapy(geom)
    np.testing.assert_array_equal(map_.data, image[::-1])
    np.testing.assert_array_equal(bands.to_wcs(geom), image[::-1])
    for place, wave in zip(BAND_PLACES, G_R_I, strict=True):
        coords = {"skycoord": BAND_PLACES, "energy": wave.to(u.eV, u.spectral())}
        assert map_.get_by_coord(coords).tolist() == (place == BAND_PLACES).tolist()
        assert (
            bands.to_exclusion_mask().interp_to_geom(geom).get_by_coord(coords).tolist()
            == (place == BAND_PLACES).tolist()
        )
    back = Mask.from_gammapy(map_, order=9)
    assert back.energy == BANDS[::-1]
    assert back[::-1].contains(BAND_PLACES, energy=G_R_I).all()
    bands.write_wcs(tmp_path / "bands.fits", geom.wcs, image.shape[1:])
    np.testing.assert_array_equal(maps.Map.read(tmp_path / "bands.fits").data.astype(bool), map_.data)
    assert Mask.from_wcs(tmp_path / "bands.fits", order=9) == back


@given(st.data(), energy_axes())
def test_all_is_the_same_in_opposite_order(data, axis):
    """The mask with its bins in opposite order: what is asked by energy has the same answer, by number the opposite."""
    mask = data.draw(masks(energy=axis))
    turned = mask[::-1]
    assert turned.planes == mask.planes[::-1]
    assert turned.energy == axis[::-1]
    assert turned[::-1] == mask
    coord = SkyCoord([10, 200], [20, -60], unit="deg", frame=mask.frame)
    for energy in (*axis.edges, *axis.center):
        assert turned.contains(coord, energy=energy).tolist() == mask.contains(coord, energy=energy).tolist()
    np.testing.assert_array_equal(turned.contains(coord), mask.contains(coord)[::-1])
    for one, other in zip(turned.energy_range(coord), mask.energy_range(coord), strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    for one, other in zip(turned.energy_range(), mask.energy_range(), strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    assert turned.reduce("all") == mask.reduce("all")
    low, high = sorted(data.draw(st.lists(st.sampled_from(axis.edges.value.tolist()), min_size=2, max_size=2)))
    for rounded in (False, True):
        limits = (low * axis.unit, high * axis.unit)
        assert kept_bins(turned.energy, *limits, round_to_edge=rounded).tolist() == (
            kept_bins(axis, *limits, round_to_edge=rounded)[::-1].tolist()
        )
    new = axis.upsample(2)
    for how in ("any", "all"):
        expected = mask.resample_energy(new, how=how)
        assert turned.resample_energy(new, how=how) == expected
        assert mask.resample_energy(new[::-1], how=how) == expected[::-1]


def test_masks_of_opposite_orders_do_not_combine():
    bands, ascending = Mask.full(energy=BANDS), Mask.full(energy=BANDS.ascending())
    with pytest.raises(ValueError, match=r"bins have opposite orders: mask\[::-1\] reverses"):
        bands & ascending
    assert bands[::-1] & ascending == ascending


def test_energies_as_wavelengths():
    mask = Mask.from_energy(EnergyAxis([400, 500, 600, 700] * u.nm), None, 500 * u.nm)
    coord = SkyCoord(10, 20, unit="deg")
    assert mask.contains(coord, energy=[450, 550, 650] * u.nm).tolist() == [False, True, True]
    assert kept(mask) == [False, True, True]
    assert mask.contains(coord, energy=[2.0, 2.7] * u.eV).tolist() == [True, False]


def test_energy_range_at_positions():
    mask = three_discs()
    coord = SkyCoord(83.63, 22.01 + np.array([[0, 0.7], [1.5, 3.0]]), unit="deg")
    low, high = mask.energy_range(coord)
    np.testing.assert_array_equal(low.to_value(u.GeV), [[np.nan, 100], [10, 1]])
    np.testing.assert_array_equal(high.to_value(u.GeV), [[np.nan, 1000], [1000, 1000]])
    low, high = mask.energy_range(coord[0, 1])
    assert (low, high) == (100 * u.GeV, 1000 * u.GeV)
    assert low.shape == ()


def test_energy_range_of_pixels():
    mask = three_discs()
    wcs = WCS(
        {
            "CTYPE1": "RA---TAN",
            "CRVAL1": 83.63,
            "CRPIX1": 20.5,
            "CDELT1": -0.1,
            "CTYPE2": "DEC--TAN",
            "CRVAL2": 22.01,
            "CRPIX2": 20.5,
            "CDELT2": 0.1,
        }
    )
    low, high = mask.energy_range_wcs(wcs, (40, 40))
    expected = mask.energy_range(wcs.pixel_to_world(*np.meshgrid(np.arange(40), np.arange(40))))
    np.testing.assert_array_equal(low.value, expected[0].value)
    np.testing.assert_array_equal(high.value, expected[1].value)
    assert low.unit == u.GeV
    assert np.isnan(low).any()


def test_energy_ranges_as_gammapys_datasets():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    datasets = pytest.importorskip("gammapy.datasets", exc_type=ImportError)
    axis = EnergyAxis.from_bounds("0.1 TeV", "10 TeV", 6)
    geom = maps.WcsGeom.create(npix=(4, 3), axes=[axis_to_gammapy(axis)])
    data = np.random.default_rng(2).random(geom.data_shape) < 0.3
    dataset = datasets.MapDataset(mask_safe=maps.Map.from_geom(geom, data=data))
    # The smallest cells at the pixels' centres, bin by bin.
    coord = geom.to_image().get_coord().skycoord
    sky = [
        Mask.from_cones(coord[plane], "0.01 arcsec", order=20, mode="overlap") if plane.any() else Mask.empty()
        for plane in data
    ]
    mask = Mask.stack(sky, axis)
    for mine, theirs in zip(mask.energy_range(coord), dataset.energy_range, strict=True):
        np.testing.assert_allclose(mine.to_value(u.TeV), theirs.quantity.to_value(u.TeV), rtol=1e-12)
    for mine, theirs in zip(mask.energy_range(), dataset.energy_range_total, strict=True):
        np.testing.assert_allclose(mine.to_value(u.TeV), theirs.to_value(u.TeV), rtol=1e-12)


def test_energies_of_a_mask_without():
    coord = SkyCoord(0, 0, unit="deg")
    for ask in (
        lambda: FLAT.energy_range(coord),
        lambda: FLAT.energy_range(),
        lambda: FLAT.energy_range_healpix(order=0),
        lambda: next(iter(FLAT)),
    ):
        with pytest.raises(ValueError, match="the mask has no energy bins"):
            ask()


# ---------------------------------------------------------------- radii and regions of each bin


def psf(axis):
    return 0.4 * u.deg * axis.center.to_value(u.TeV) ** -0.5


STARS = Table({"ra": [10.0, 20.0, 30.0, 40.0], "dec": [-5.0, 60.0, 89.0, 0.0], "size": [0.1, 0.2, 0.3, 0.0]})
STARS["size"].unit = u.deg
PLACES = SkyCoord(STARS["ra"], STARS["dec"], unit="deg")


def test_radii_of_the_axis():
    # as many discs as bins: what a function returns is one for each bin nevertheless
    mask = Mask.from_cones(PLACES, psf, order=9, energy=AXIS)
    assert mask == Mask.from_cones(PLACES, psf(AXIS)[np.newaxis], order=9, energy=AXIS)
    assert len(set(mask.planes)) == 4
    per_star = psf(AXIS) + STARS["size"].quantity[:, np.newaxis]
    assert Mask.from_cones(PLACES, lambda axis: per_star, order=9, energy=AXIS) == Mask.from_cones(
        PLACES, per_star, order=9, energy=AXIS
    )
    assert Mask.from_cones(PLACES, lambda axis: "1 deg", order=9, energy=AXIS) == Mask.from_cones(
        PLACES, "1 deg", order=9, energy=AXIS
    )


def test_radii_of_the_table_and_the_axis():
    def size_and_psf(table, axis):
        return np.hypot(table["size"].quantity[:, np.newaxis], psf(axis))

    mask = Mask.from_catalog(STARS, size_and_psf, order=9, energy=AXIS)
    assert mask == Mask.from_cones(PLACES, size_and_psf(STARS, AXIS), order=9, energy=AXIS)
    assert "radius by size_and_psf" in mask.history
    assert Mask.from_catalog(STARS, lambda table, axis: psf(axis), order=9, energy=AXIS) == Mask.from_cones(
        PLACES, psf, order=9, energy=AXIS
    )
    # the names of the arguments make no difference
    assert Mask.from_catalog(STARS, lambda axis, table: psf(table), order=9, energy=AXIS) == Mask.from_cones(
        PLACES, psf, order=9, energy=AXIS
    )
    one_each = Mask.from_catalog(STARS, lambda table, axis: table["size"].quantity[:, None], order=9, energy=AXIS)
    assert one_each == Mask.from_catalog(STARS, "size", order=9, energy=AXIS)
    # a function of the table alone may have further arguments, with defaults
    assert Mask.from_catalog(STARS, lambda table, factor=2: factor * table["size"].quantity, order=9) == (
        Mask.from_cones(PLACES, 2 * STARS["size"].quantity, order=9)
    )


def test_a_column_of_radii_for_each_bin():
    table = STARS.copy()
    table["r"] = psf(AXIS) * np.array([1, 2, 3, 0.5])[:, np.newaxis]
    mask = Mask.from_catalog(table, "r", order=9, energy=AXIS)
    assert mask == Mask.from_cones(PLACES, table["r"].quantity, order=9, energy=AXIS)
    table["r"][2, 1] = np.nan
    with pytest.raises(ValueError, match=r"1 of 4 rows cannot be used: a radius that is missing .* \(row 2\)"):
        Mask.from_catalog(table, "r", order=9, energy=AXIS)
    with pytest.warns(UserWarning, match="left out 1 of 4 rows"):
        mask = Mask.from_catalog(table, "r", order=9, energy=AXIS, invalid="skip")
    others = [0, 1, 3]
    assert mask == Mask.from_cones(PLACES[others], table["r"].quantity[others], order=9, energy=AXIS)


def test_regions_of_each_bin():
    texts = [f"icrs; circle(83.6, 22, {radius.to_value(u.deg)})" for radius in psf(AXIS)]
    mask = Mask.from_regions(lambda axis: texts, order=9, energy=AXIS, invert=True)
    assert mask == Mask.stack([~Mask.from_regions(text, order=9) for text in texts], AXIS)
    assert mask == ~Mask.from_cones(SkyCoord(83.6, 22, unit="deg"), psf, order=9, energy=AXIS)
    # lists of regions, of which a bin may have none
    several = [[texts[0], texts[1]], [], texts[2], [texts[3]]]
    mask = Mask.from_regions(lambda axis: several, order=9, energy=AXIS)
    assert mask == Mask.stack([Mask.from_regions(one, order=9) for one in several], AXIS)
    assert mask.sky_fraction[1] == 0
    single = Mask.from_regions(lambda axis: texts[:1], order=9, energy=AXIS[0])
    assert single.energy == AXIS[0]


def test_widths_of_the_axis():
    mask = Mask.from_cones(PLACES, "0.5 deg", order=8).resample_energy(AXIS)
    grown = mask.dilate(psf)
    for i, one in enumerate(grown):
        assert one == next(iter(mask)).dilate(psf(AXIS)[i])
    assert len(set(grown.planes)) > 1


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (
            lambda: Mask.from_cones(PLACES, psf, order=5),
            ValueError,
            "radius is a function of the energy axis, but the mask has no energy bins: give it some with energy=axis",
        ),
        (
            lambda: Mask.from_cones(PLACES, lambda axis: [1, 2, 3] * u.deg, order=5, energy=AXIS),
            ValueError,
            "radius must have shape (4, 4) or (1, 4)",
        ),
        (lambda: Mask.from_cones(PLACES, lambda axis: 1, order=5, energy=AXIS), TypeError, "radius must be a Quantity"),
        (
            lambda: Mask.from_catalog(STARS, lambda table, axis: psf(axis), order=5),
            TypeError,
            "radius (<lambda>) is called with the table, as the mask has no energy bins (energy=axis gives it some): "
            "missing a required",
        ),
        (
            lambda: Mask.from_catalog(STARS, psf, order=5, energy=AXIS),
            TypeError,
            "radius (psf) is called with the table and the energy axis, as lambda table, axis: ...: too many",
        ),
        (
            lambda: Mask.from_catalog(STARS[:3], lambda table, axis: table["size"].quantity, order=5, energy=AXIS),
            ValueError,
            "must broadcast to (3, 4), rows and bins, got the shape (3,): a radius for each row has the shape (n, 1)",
        ),
        (
            lambda: Mask.from_catalog(STARS, lambda table, axis: [1, 2, 3] * u.deg, order=5, energy=AXIS),
            ValueError,
            "must broadcast to (4, 4), rows and bins, got the shape (3,)",
        ),
        (lambda: Mask.from_regions(lambda axis: [], order=5), ValueError, "regions is a function of the energy axis"),
        (
            lambda: Mask.from_regions(lambda axis: ["icrs; circle(1, 2, 3)"], order=5, energy=AXIS),
            ValueError,
            "must return an item for each of the 4 bins, got 1",
        ),
        (
            lambda: Mask.from_regions(lambda axis: "icrs; circle(1, 2, 3)", order=5, energy=AXIS),
            TypeError,
            "must return a list, an item for each bin, got str",
        ),
    ],
)
def test_bad_functions(work, error, message):
    with pytest.raises(error, match=re.escape(message)):
        work()
