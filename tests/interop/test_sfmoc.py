"""SF-MOCs: the same bins come back, neighbours do not overlap, and mocpy finds what the mask holds."""

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import energy_axes, masks

from hpmask import EnergyAxis, Mask, RangeSet

mocpy = pytest.importorskip("mocpy", "0.18")
SFMOC, FrequencyMOC = mocpy.SFMOC, mocpy.FrequencyMOC

AXIS = EnergyAxis.from_bounds("1 TeV", "100 TeV", 4)


def discs(axis=AXIS):
    center = SkyCoord([83.63, 10], [22.01, -89.5], unit="deg")
    radius = np.linspace(2, 0.5, axis.n_bins)[np.newaxis] * u.deg
    return Mask.from_cones(center, radius, order=9, energy=axis)


def hertz(energy):
    return energy.to(u.Hz, u.spectral())


@pytest.mark.parametrize("order_f", [20, 25, 30, 45])
def test_the_same_bins_come_back(order_f):
    mask = discs()
    sfmoc = mask.to_sfmoc(frequency_order=order_f)
    assert sfmoc.max_order == (order_f, 9)
    assert Mask.from_sfmoc(sfmoc, AXIS) == Mask.from_sfmoc(sfmoc, AXIS, how="all") == mask
    alone = Mask.from_sfmoc(sfmoc)
    assert alone.planes == mask.planes
    assert alone.order == mask.order
    moved = alone.energy.edges.to_value(u.TeV) / AXIS.edges.value - 1
    assert np.abs(moved).max() < {20: 1e-4, 25: 4e-6, 30: 1e-7, 45: 1e-11}[order_f]
    if order_f >= 30:
        assert alone == mask


@given(st.data(), energy_axes(), st.integers(20, 45))
@examples(40)
def test_any_mask_comes_back(data, axis, order_f):
    axis = EnergyAxis(axis.edges.value * u.GeV, name=axis.name, interp=axis.interp)  # in J they go beyond 1e38 Hz
    mask = data.draw(masks(energy=axis))
    assert Mask.from_sfmoc(mask.to_sfmoc(frequency_order=order_f), axis) == mask


def test_through_a_file(tmp_path):
    mask = discs()
    path = tmp_path / "mask.fits"
    mask.to_sfmoc().save(str(path))
    assert Mask.from_sfmoc(SFMOC.load(str(path)), AXIS) == mask


def test_neighbours_do_not_overlap():
    """mocpy alone gives the cell of a shared edge to both."""
    order_f = 20
    sfmoc = discs().to_sfmoc(frequency_order=order_f)
    plane, later = Mask.from_sfmoc(sfmoc).planes[:2]
    assert plane != later
    edge = hertz(AXIS.edges[1])
    cell = int(FrequencyMOC.from_frequencies(order_f, [edge.value] * u.Hz).to_string().split("/")[1])
    for number in range(cell - 3, cell + 4):
        sky = sfmoc.query_by_frequency(FrequencyMOC.from_string(f"{order_f}/{number}"))
        assert RangeSet(sky.to_depth29_ranges, 9) in (plane, later)


def test_mocpy_finds_what_the_mask_holds():
    mask = discs()
    rng = np.random.default_rng(1)
    coord = SkyCoord(rng.uniform(80, 87, 3000), rng.uniform(19, 25, 3000), unit="deg")
    energy = 10 ** rng.uniform(-0.5, 2.5, 3000) * u.TeV
    found = mask.to_sfmoc().contains(hertz(energy), coord.ra, coord.dec)
    np.testing.assert_array_equal(found, mask.contains(coord, energy=energy))
    assert 0 < found.sum() < 3000


def test_frequencies_are_converted():
    """mocpy takes 1 TeV for 1 Hz."""
    sfmoc = discs().to_sfmoc()
    for found, edge in ((sfmoc.min_frequency, AXIS.edges[0]), (sfmoc.max_frequency, AXIS.edges[-1])):
        np.testing.assert_allclose(found.to_value(u.Hz), hertz(edge).value, rtol=1e-7)
    assert Mask.from_sfmoc(sfmoc).energy == AXIS


def test_empty_bins_and_equal_ones():
    plane = RangeSet.from_cells([3, 5], 2)
    nothing = RangeSet.empty(2)
    mask = Mask([nothing, plane, plane, nothing], energy=AXIS)
    sfmoc = mask.to_sfmoc()
    assert Mask.from_sfmoc(sfmoc, AXIS) == mask
    assert Mask.from_sfmoc(sfmoc) == Mask(plane, energy=AXIS[1:3].downsample(2))
    gap = Mask([plane, nothing, nothing, plane], energy=AXIS)
    axis = EnergyAxis(AXIS.edges[[0, 1, 3, 4]])
    assert Mask.from_sfmoc(gap.to_sfmoc()) == Mask([plane, nothing, plane], energy=axis)
    empty = Mask.empty(order=4, energy=AXIS)
    assert Mask.from_sfmoc(empty.to_sfmoc(), AXIS) == empty
    with pytest.raises(ValueError, match="the SF-MOC is empty and has no frequencies: energy must be given"):
        Mask.from_sfmoc(empty.to_sfmoc())


def test_coarser_bins():
    sfmoc = discs().to_sfmoc()
    for how in ("any", "all"):
        axis = AXIS.downsample(2)
        assert Mask.from_sfmoc(sfmoc, axis, how=how) == discs().resample_energy(axis, how=how)


def test_a_coverage_of_mocpys_own():
    sfmoc = SFMOC.from_string("f10/600-700 s12/0-10 f10/800-810 s12/5-20")
    mask = Mask.from_sfmoc(sfmoc)
    assert mask.order == 12
    assert [plane.cells().tolist() for plane in mask.planes] == [list(range(11)), [], list(range(5, 21))]
    low, high = FrequencyMOC.from_string("10/800-810").to_hz_ranges()[0]
    np.testing.assert_allclose(hertz(mask.energy.edges[2:]).value, [low, high], rtol=1e-9)


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (lambda: Mask.full().to_sfmoc(), ValueError, "the mask has no energy bins"),
        (lambda: Mask.full(frame="galactic", energy=AXIS).to_sfmoc(), ValueError, "an SF-MOC is in ICRS"),
        (lambda: discs().to_sfmoc(frequency_order=19), ValueError, "frequency_order must be from 20 to 45, got 19"),
        (lambda: discs().to_sfmoc(frequency_order=20.0), TypeError, "frequency_order must be an integer"),
        (
            lambda: Mask.full(energy=EnergyAxis([1, 1.000001] * u.TeV)).to_sfmoc(frequency_order=20),
            ValueError,
            "bin 0, 1.0 TeV to 1.000001 TeV, is narrower than the cells of frequency order 20",
        ),
        (lambda: Mask.full(energy=EnergyAxis([1, 1e60] * u.J)).to_sfmoc(), ValueError, "frequencies from "),
        (lambda: Mask.from_sfmoc(mocpy.MOC.from_string("1/3")), TypeError, "sfmoc must be a mocpy.SFMOC, got MOC"),
        (lambda: Mask.from_sfmoc(discs().to_sfmoc(), 3), TypeError, "energy must be an EnergyAxis, got int"),
        (lambda: Mask.from_sfmoc(discs().to_sfmoc(), AXIS, how="x"), ValueError, "how must be 'any' or 'all'"),
    ],
)
def test_bad_input(work, error, message):
    with pytest.raises(error, match=re.escape(message)):
        work()
