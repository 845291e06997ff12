"""Masks from functions: the function at all cell centres, discs and zones as referees."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.values import function

AXIS = EnergyAxis([1, 10, 100, 1000] * u.TeV)


def at_all_centres(func, order):
    """The cells of an order at whose centres a function of longitude and latitude (radians) is true."""
    lon, lat = healpix.centres(np.arange(12 << 2 * order, dtype=np.uint64), order)
    return RangeSet.from_cells(np.flatnonzero(func(lon, lat)), order)


def disc(lon, lat, radius):
    """A function: whether positions lie in a disc. Degrees."""
    center = SkyCoord(lon, lat, unit="deg")
    return lambda coord: coord.separation(center) <= radius * u.deg


class Counted:
    """A function that counts at how many positions it is called."""

    def __init__(self, func):
        self.func, self.n = func, 0

    def __call__(self, coord, *energy):
        self.n += coord.size
        return self.func(coord, *energy)


class TestEverywhere:
    def test_all_cells(self):
        mask = Mask.from_function(lambda coord: np.sin(7 * coord.ra) * coord.dec.deg > 20, order=6)
        assert mask.order == 6
        assert mask.frame == "icrs"
        assert mask.planes[0] == at_all_centres(lambda lon, lat: np.sin(7 * lon) * np.degrees(lat) > 20, 6)

    def test_frame(self):
        mask = Mask.from_function(lambda coord: abs(coord.b.deg) > 15, order=5, frame="Galactic")
        assert mask.frame == "galactic"
        assert mask.planes[0] == at_all_centres(lambda lon, lat: abs(np.degrees(lat)) > 15, 5)
        # In any frame of the user, at the same centres.
        other = Mask.from_function(lambda coord: abs(coord.galactic.b.deg) > 15, order=5)
        zone = Mask.from_zone(lat=("-15 deg", "15 deg"), zone_frame="galactic", order=5, closed="both")
        assert other == ~zone

    def test_tutorial(self):
        # As gammapy's tutorial on masks does it with the coordinates of a geometry.
        mask = Mask.from_function(
            lambda coord: coord.separation(SkyCoord("83.63 22.01", unit="deg")).deg > 0.5, order=8
        )
        assert mask == ~Mask.from_cones(SkyCoord(83.63, 22.01, unit="deg"), "0.5 deg", order=8)

    @pytest.mark.parametrize(
        "func",
        [
            lambda coord, energy: (coord.dec > 20 * u.deg) & (energy > 5 * u.TeV),
            lambda coord, energy: coord.dec > 20 * u.deg,
            lambda coord, energy: energy > 5 * u.TeV,
            lambda coord, energy: True,
        ],
    )
    def test_energy(self, func):
        shapes = set()

        def noted(coord, energy):
            shapes.add((coord.shape[1:], energy.shape))
            return func(coord, energy)

        mask = Mask.from_function(noted, order=4, energy=AXIS)
        assert shapes == {((), (3, 1))}
        for k in range(3):
            expected = Mask.from_function(lambda coord, k=k: func(coord, AXIS.center[k]) & np.True_, order=4)
            assert mask[k] == expected

    def test_within(self):
        half = Mask.from_zone(lat=("0 deg", "90 deg"), order=8)
        func = Counted(disc(30, 3, 10))
        mask = Mask.from_function(func, order=7, within=half)
        assert mask == Mask.from_cones(SkyCoord(30, 3, unit="deg"), "10 deg", order=7) & half.at_order(7)
        assert mask.order == 7
        assert func.n == half.at_order(7).planes[0].n_cells
        by_energy = Mask.stack([half, ~half, half], AXIS)
        result = Mask.from_function(lambda c, e: disc(30, 3, 10)(c), order=7, within=by_energy, energy=AXIS)
        assert result[0] == mask
        assert result[1] == Mask.from_cones(SkyCoord(30, 3, unit="deg"), "10 deg", order=7) - mask
        assert Mask.from_function(func, order=7, within=Mask.empty()).is_empty

    def test_pieces(self, monkeypatch):
        within = ~Mask.from_function(disc(210, -50, 9), order=6)
        expected = Mask.from_function(disc(200, -60, 30), order=5, within=within)
        for chunk in (3000, 500):
            monkeypatch.setattr(function, "_CHUNK", chunk)
            assert Mask.from_function(disc(200, -60, 30), order=5, within=within) == expected
            assert Mask.from_function(disc(200, -60, 30), order=5, within=within, refine_from=4) == expected

    def test_progress(self, capsys):
        Mask.from_function(disc(0, 0, 20), order=4, progress=True)
        Mask.from_function(disc(0, 0, 20), order=4, refine_from=2, progress=True)
        assert capsys.readouterr().out == ""


class TestRefined:
    @pytest.mark.deep
    @examples(100)
    @given(
        lon=st.floats(0, 360),
        lat=st.floats(-90, 90),
        radius=st.floats(8, 170),
        start=st.integers(4, 6),
        more=st.integers(0, 3),
    )
    def test_discs(self, lon, lat, radius, start, more):
        # The cells of order 4 are 3.7 deg wide.
        order = start + more
        mask = Mask.from_function(disc(lon, lat, radius), order=order, refine_from=start)
        assert mask.order == order
        assert mask == Mask.from_function(disc(lon, lat, radius), order=order)

    @pytest.mark.deep
    @examples(60)
    @given(low=st.floats(-75, 60), width=st.floats(9, 60), lon=st.floats(0, 360), size=st.floats(20, 300))
    def test_zones(self, low, width, lon, size):
        def zone(coord):
            west = (coord.ra.deg - lon) % 360 < size
            return (coord.dec.deg >= low) & (coord.dec.deg < min(low + width, 85)) & west

        assert Mask.from_function(zone, order=7, refine_from=5) == Mask.from_function(zone, order=7)

    def test_few_calls(self):
        func = Counted(disc(83, 22, 20))
        mask = Mask.from_function(func, order=11, refine_from=4)
        assert mask == Mask.from_cones(SkyCoord(83, 22, unit="deg"), "20 deg", order=11)
        assert func.n < (12 << 22) / 300

    def test_bins_that_differ(self):
        def plane(coord, energy):
            return abs(coord.galactic.b) > 12 * u.deg * (energy / u.TeV) ** -0.1

        mask = Mask.from_function(plane, order=8, refine_from=4, energy=AXIS)
        assert mask == Mask.from_function(plane, order=8, energy=AXIS)
        assert len(set(mask.planes)) == 3

    def test_edges_are_followed(self):
        # A tongue that is narrower than the cells of order 2 grows out of a large disc.
        def tongue(coord):
            return disc(0, 0, 40)(coord) | ((abs(coord.dec.deg - 3) < 1.5) & (coord.ra.deg < 100))

        assert Mask.from_function(tongue, order=8, refine_from=2) == Mask.from_function(tongue, order=8)

    def test_small_parts_can_be_missed(self):
        lon, lat = np.degrees(healpix.centres(np.array([100], dtype=np.uint64), 5))
        small = disc(lon[0], lat[0], 0.7)
        assert Mask.from_function(small, order=8, refine_from=3).is_empty
        # A cell of order 7 is 0.46 deg wide.
        assert Mask.from_function(small, order=8, refine_from=7) == Mask.from_function(small, order=8)

    def test_within(self):
        part = Mask.from_cones(SkyCoord(40, 10, unit="deg"), "15 deg", order=9)
        func = Counted(disc(45, 25, 20))
        mask = Mask.from_function(func, order=9, refine_from=5, within=part)
        assert mask == part & Mask.from_cones(SkyCoord(45, 25, unit="deg"), "20 deg", order=9)
        assert func.n < 40_000
        assert Mask.from_function(func, order=9, refine_from=5, within=Mask.empty()).is_empty

    def test_fine_orders(self):
        part = Mask.from_cones(SkyCoord(40, 10, unit="deg"), "3 arcsec", order=18)
        mask = Mask.from_function(disc(40, 10, 1 / 3600), order=29, refine_from=20, within=part)
        area = 2 * np.pi * (1 - np.cos(np.radians(1 / 3600))) * u.sr
        assert mask.area.to_value("arcsec2") == pytest.approx(area.to_value("arcsec2"), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"func": None}, TypeError, "func must be a function of a SkyCoord, got NoneType"),
        ({"func": lambda c: c.ra.deg}, TypeError, "func must return booleans, got float64"),
        (
            {"func": lambda c: c.ra.deg[:5] > 3},
            ValueError,
            r"shape \(3072,\) for positions of shape \(3072,\), got \(5,\)",
        ),
        ({"func": lambda c: np.ma.masked_less(c.ra.deg, 3) > 4}, ValueError, "the result of func must not be masked"),
        (
            {"energy": AXIS, "func": lambda c, e: c.ra.deg[:2] > 3},
            ValueError,
            r"\(3, 3072\) .* energies of shape \(3, 1\)",
        ),
        ({"energy": [1, 2] * u.TeV}, TypeError, "energy must be an EnergyAxis"),
        ({"order": 30}, ValueError, "order must be from 0 to 29"),
        ({"order": 20}, ValueError, "func would be called for 1.3e.13 cells: give refine_from="),
        ({"refine_from": 5}, ValueError, "refine_from must be at most the order, 4, got 5"),
        ({"refine_from": True}, TypeError, "refine_from must be an integer"),
        ({"frame": "fk5"}, ValueError, "frame must be 'icrs' or 'galactic'"),
        ({"within": RangeSet.full(2)}, TypeError, "within must be a Mask, got RangeSet"),
        ({"within": Mask.full(frame="galactic")}, ValueError, "the frame of the mask, 'icrs', got 'galactic'"),
        ({"within": Mask.full(energy=AXIS)}, ValueError, "within must have the energy bins of the mask or none"),
        ({"progress": "yes"}, TypeError, "progress must be True or False"),
    ],
)
def test_mistakes(options, error, message):
    with pytest.raises(error, match=message):
        Mask.from_function(**{"func": lambda coord: coord.ra.deg > 3, "order": 4} | options)


def test_history():
    def bright(coord):
        return coord.ra.deg > 3

    assert Mask.from_function(bright, order=4).history == "from_function(bright, order=4)"
    assert Mask.from_function(bright, order=4, refine_from=2).history == "from_function(bright, order=4, refine_from=2)"
