"""Maps of counts from events, against healpy's pixels and numpy's histograms."""

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from hpmask import EnergyAxis, Mask
from hpmask.values import counts_map

AXIS = EnergyAxis([1, 3, 10, 100] * u.GeV)


def sky(n=5000, seed=1, frame="icrs"):
    rng = np.random.default_rng(seed)
    return SkyCoord(rng.uniform(0, 2 * np.pi, n), np.arcsin(rng.uniform(-1, 1, n)), unit="rad", frame=frame)


def pixels(coord, order, frame="icrs"):
    there = coord.transform_to(frame).spherical
    return hp.ang2pix(1 << order, there.lon.deg, there.lat.deg, nest=True, lonlat=True)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("order", [0, 5])
def test_all_energies(frame, order):
    coord = sky()
    found = counts_map(coord, order=order, frame=frame)
    assert (found.frame, found.nest, found.is_full, found.energy, found.unit) == (frame, True, True, None, u.ct)
    assert found.values.dtype == np.int64
    np.testing.assert_array_equal(found.values, np.bincount(pixels(coord, order, frame), minlength=12 << (2 * order)))


@pytest.mark.parametrize("unit", ["GeV", "TeV"])
def test_energy_bins(unit):
    coord, rng = sky(), np.random.default_rng(2)
    energies = (10 ** rng.uniform(-0.5, 2.5, coord.size) * u.GeV).to(unit)
    energies[:3] = [1, 3, 100] * u.GeV
    found = counts_map(coord, energies, order=3, energy=AXIS)
    value = energies.to_value(u.GeV)
    edges = AXIS.edges.to_value(u.GeV)
    for k in range(3):
        chosen = (value >= edges[k]) & (value < edges[k + 1])
        np.testing.assert_array_equal(found.values[k], np.bincount(pixels(coord[chosen], 3), minlength=768))
    assert found.values.sum() < coord.size


def test_weights():
    coord, weights = sky(), np.random.default_rng(3).uniform(0, 2, 5000)
    found = counts_map(coord, order=4, weights=weights)
    assert found.unit is None
    np.testing.assert_allclose(found.values, np.bincount(pixels(coord, 4), weights, minlength=3072), rtol=1e-13)


@pytest.mark.parametrize("order", [4, 6])
def test_within(order):
    """A mask that is finer, or coarser, than the map."""
    coord = sky()
    energies = np.full(coord.size, 2.0) * u.GeV
    energies[::2] *= 10
    rng = np.random.default_rng(4)
    planes = rng.uniform(size=(3, 3072 << 2)) < 0.3
    within = Mask.from_healpix(planes, nest=True, frame="icrs", energy=AXIS)
    coarse = within.at_order(order)
    kept = coarse.to_healpix(order=order, nest=True)
    found = counts_map(coord, energies, order=order, energy=AXIS, within=within)
    everything = counts_map(coord, energies, order=order, energy=AXIS).values
    np.testing.assert_array_equal(found.cells, np.flatnonzero(kept.any(axis=0)))
    np.testing.assert_array_equal(found.values, np.where(kept, everything, 0)[:, found.cells])
    flat = counts_map(coord, order=order, within=within[0])
    np.testing.assert_array_equal(flat.cells, np.flatnonzero(kept[0]))
    np.testing.assert_array_equal(flat.values, np.bincount(pixels(coord, order), minlength=kept.shape[1])[kept[0]])


def test_fine_cells_of_a_few_degrees():
    center = SkyCoord(10, 70, unit="deg")
    events = center.directional_offset_by(np.arange(360) * u.deg, 0.05 * u.deg)
    found = counts_map(events, order=20, within=Mask.from_cones(center, "0.0501 deg", order=20))
    assert found.values.sum() == 360
    assert counts_map(events, order=20, within=Mask.from_cones(center, "0.04 deg", order=20)).values.sum() == 0


def test_one_event_and_none():
    assert counts_map(SkyCoord(1, 2, unit="deg"), 5 * u.GeV, order=0, energy=AXIS).values.sum() == 1
    assert counts_map(SkyCoord([], [], unit="deg"), [] * u.GeV, order=2, energy=AXIS).values.shape == (3, 192)


def test_fermi_events(data):
    """A list of events in Galactic coordinates, as they come in an event file."""
    table = Table.read(data("points/fermi_2fhl_events_selected.fits.gz"), hdu="EVENTS")
    coord = SkyCoord(table["RA"], table["DEC"], unit="deg")
    axis = EnergyAxis([50, 171, 585, 2000] * u.GeV)
    found = counts_map(coord, table["ENERGY"].quantity, order=6, energy=axis, frame="galactic")
    inside = (table["ENERGY"].quantity >= 50 * u.GeV) & (table["ENERGY"].quantity < 2 * u.TeV)
    assert found.values.sum() == inside.sum()
    plane = np.abs(hp.pix2ang(64, np.arange(12 * 64**2), nest=True, lonlat=True)[1]) < 5
    # 9 % of the area of the sky is within 5 deg of the Galactic plane.
    assert found.values[:, plane].sum() > 0.25 * len(table)


def test_columns_of_a_table():
    """Columns with a unit, as they come in an event file, are quantities."""
    table = Table({"E": np.array([2, 30, 500], dtype="f4") * u.GeV, "W": [1.0, 2.0, 4.0] * u.m**2}, masked=True)
    coord = SkyCoord([1, 2, 3], [4, 5, 6], unit="deg")
    expected = counts_map(coord, table["E"].quantity, order=3, energy=AXIS)
    found = counts_map(coord, table["E"], order=3, energy=AXIS, weights=table["W"])
    assert counts_map(coord, table["E"], order=3, energy=AXIS).values.tolist() == expected.values.tolist()
    assert found.unit == u.m**2
    assert found.values.sum() == table["W"][AXIS.bin_of(table["E"]) >= 0].sum()
    table["E"].mask[1] = True
    with pytest.raises(ValueError, match="energy_value must not be masked, 1 of 3 values are, the first in row 1"):
        counts_map(coord, table["E"], order=3, energy=AXIS)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"energy": AXIS}, TypeError, "energy_value, the energies of the events, must be given with energy"),
        ({"energy_value": [1, 2] * u.GeV}, TypeError, "energy, the energy bins of the map, must be given"),
        (
            {"energy": AXIS, "energy_value": [1] * u.GeV},
            ValueError,
            "energy_value must have one energy for each of the 2 events, got 1",
        ),
        ({"energy": "bins", "energy_value": [1] * u.GeV}, TypeError, "energy must be an EnergyAxis"),
        ({"energy": AXIS, "energy_value": [1, np.nan] * u.GeV}, ValueError, "energy_value must not be NaN, value 1"),
        ({"weights": [1, 2, 3]}, ValueError, r"one value for each of the 2 events, got shape \(3,\)"),
        ({"weights": [1, np.inf]}, ValueError, "weights must be finite, row 1 is inf"),
        ({"weights": ["a", "b"]}, TypeError, "weights must be numbers"),
        ({"energy": AXIS, "energy_value": [1, 2]}, TypeError, "energy_value must be a Quantity"),
        (
            {"order": 15},
            ValueError,
            "more than 16 GiB: give within=, a mask of a smaller part of the sky, or a coarser",
        ),
        ({"order": 20, "within": Mask.full(order=0)}, ValueError, "takes 98304 GiB"),
        ({"order": 30}, ValueError, "order must be from 0 to 29"),
        ({"frame": "fk5"}, ValueError, "frame must be 'icrs' or 'galactic'"),
        ({"coord": SkyCoord([[1, 2]], [[3, 4]], unit="deg")}, ValueError, r"coord must be of shape \(n,\)"),
        ({"within": Mask.full(order=0, frame="galactic")}, ValueError, "within must have the frame of the map"),
        ({"within": Mask.full(order=0, energy=AXIS)}, ValueError, "energy bins of the map or none"),
    ],
)
def test_errors(change, error, message):
    arguments = {"coord": SkyCoord([1, 2], [3, 4], unit="deg"), "order": 1} | change
    with pytest.raises(error, match=message):
        counts_map(arguments.pop("coord"), **arguments)
