"""`contains`: every answer as by healpy's cell numbers and a search among the ranges."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.core import lookup, positions
from hpmask.core.rangeset import MAX_ORDER

hp = pytest.importorskip("healpy")

RNG = np.random.default_rng(20)
N = 20_000
LON, LAT = RNG.uniform(0, 360, N), np.degrees(np.arcsin(RNG.uniform(-1, 1, N)))
LAT[:3] = 90, -90, 0
AXIS = EnergyAxis([1, 3, 10, 100] * u.TeV)


def by_search(plane: RangeSet, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    cells = hp.ang2pix(1 << plane.order, lon, lat, nest=True, lonlat=True).astype(np.uint64)
    numbers = cells << np.uint64(2 * (MAX_ORDER - plane.order))
    row = np.searchsorted(plane.ranges[:, 0], numbers, side="right") - 1
    return (row >= 0) & (numbers < plane.ranges[np.maximum(row, 0), 1]) if plane else np.zeros(lon.size, bool)


def some_plane(order: int, kind: str) -> RangeSet:
    n = 12 << 2 * order
    if kind == "one cell":
        return RangeSet.from_cells([n // 3], order)
    if kind == "points' own cells":
        return RangeSet.from_cells(hp.ang2pix(1 << order, LON[::2], LAT[::2], nest=True, lonlat=True), order)
    if kind == "crowded":
        start = n // 7
        return RangeSet.from_cells(start + 2 * np.arange(min(5000, (n - start) // 2)), order)
    return RangeSet.from_cells(RNG.integers(0, n, 5000), order)


@pytest.mark.parametrize("order", [0, 1, 2, 5, 9, 13, 20, 29])
@pytest.mark.parametrize("kind", ["one cell", "points' own cells", "crowded", "scattered"])
def test_as_by_search(order, kind):
    plane = some_plane(order, kind)
    for some in (plane, ~plane):
        assert np.array_equal(Mask(some).contains(SkyCoord(LON, LAT, unit="deg")), by_search(some, LON, LAT))


def test_a_crowd_of_ranges_in_one_bucket():
    """All ranges within a square degree, and all points there."""
    lon, lat = 10 + RNG.random(N), 20 + RNG.random(N)
    cells = np.unique(hp.ang2pix(1 << 20, lon[::2], lat[::2], nest=True, lonlat=True))
    plane = RangeSet.from_cells(cells, 20)
    found = Mask(plane).contains(SkyCoord(lon, lat, unit="deg"))
    assert found[::2].all()
    assert np.array_equal(found, by_search(plane, lon, lat))


@pytest.mark.parametrize("plane", [RangeSet.empty(4), RangeSet.full(4)], ids=["empty", "full"])
def test_nothing_and_everything(plane):
    found = Mask(plane).contains(SkyCoord(LON, LAT, unit="deg"))
    assert found.all() if plane else not found.any()


@pytest.mark.parametrize("frame", ["galactic", "fk5", "fk4", "barycentricmeanecliptic"])
@pytest.mark.parametrize("mask_frame", ["icrs", "galactic"])
def test_frames(frame, mask_frame):
    plane = some_plane(9, "scattered")
    coord = SkyCoord(LON, LAT, unit="deg", frame=frame)
    there = coord.transform_to(mask_frame).spherical
    expected = by_search(plane, there.lon.deg, there.lat.deg)
    assert np.array_equal(Mask(plane, frame=mask_frame).contains(coord), expected)


def test_units_and_distances_of_the_coordinates_do_not_matter():
    plane = some_plane(8, "points' own cells")
    expected = Mask(plane).contains(SkyCoord(LON, LAT, unit="deg"))
    rad = SkyCoord(np.radians(LON), np.radians(LAT), unit="rad")
    assert np.array_equal(Mask(plane).contains(rad), expected)
    far = SkyCoord(LON, LAT, 3 * np.ones(N), unit=("deg", "deg", "kpc"))
    assert (Mask(plane).contains(far) == expected).mean() > 0.999
    wrapped = SkyCoord(LON - 720, LAT, unit="deg")
    assert (Mask(plane).contains(wrapped) == expected).mean() > 0.999


def test_shapes():
    mask = Mask(some_plane(3, "scattered"))
    coord = SkyCoord(LON[:12], LAT[:12], unit="deg")
    assert isinstance(mask.contains(coord[0]), bool)
    assert mask.contains(coord[:0]).shape == (0,)
    assert np.array_equal(mask.contains(coord.reshape(3, 4)), mask.contains(coord).reshape(3, 4))


def test_energies():
    planes = [some_plane(2, "scattered"), RangeSet.empty(2), RangeSet.full(2)]
    mask = Mask(planes, energy=AXIS)
    coord = SkyCoord(LON[:50], LAT[:50], unit="deg")
    each = np.array([by_search(plane, LON[:50], LAT[:50]) for plane in mask.planes])
    assert np.array_equal(mask.contains(coord), each)
    # A bin holds its lower edge and not its upper one.
    energy = [0.5, 1, 2.9, 3, 99, 100, 200] * u.TeV
    found = mask.contains(coord, energy=energy[:, np.newaxis])
    assert found.shape == (7, 50)
    no = np.zeros(50, bool)
    assert np.array_equal(found, [no, each[0], each[0], each[1], each[2], no, no])
    assert np.array_equal(mask.contains(coord, energy="2000 GeV"), each[0])
    assert mask.contains(coord[0], energy="99 TeV") is True
    flat = Mask(planes[0])
    assert np.array_equal(flat.contains(coord, energy=energy[:, np.newaxis]), np.broadcast_to(each[0], (7, 50)))


def test_positions_that_are_none():
    lon = LON[:100].copy()
    lon[41] = np.nan
    with pytest.raises(ValueError, match=r"positions must be finite.*row 41\b"):
        Mask.full().contains(SkyCoord(lon, LAT[:100], unit="deg"))


def test_a_mask_is_not_a_position():
    with pytest.raises(TypeError, match="b <= a"):
        Mask.full().contains(Mask.full())


def test_energies_that_are_none():
    mask = Mask.full(energy=AXIS)
    coord = SkyCoord(0, 0, unit="deg")
    with pytest.raises(TypeError, match="energy"):
        mask.contains(coord, energy=3)
    with pytest.raises(ValueError, match="energy"):
        mask.contains(coord, energy=3 * u.s)
    for some in (mask, Mask.full()):
        with pytest.raises(ValueError, match="energy must not be NaN, value 1"):
            some.contains(coord, energy=[1, np.nan] * u.TeV)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(positions, "_CHUNK", 1000)
    plane = some_plane(10, "scattered")
    lon, lat = np.radians(LON), np.radians(LAT)
    one = lookup.contains_lonlat([plane], 10, lon, lat, n_threads=1)
    assert one.shape == (1, N)
    assert np.array_equal(one, lookup.contains_lonlat([plane], 10, lon, lat, n_threads=4))
    assert np.array_equal(one[0], by_search(plane, LON, LAT))


def test_lonlat_that_is_no_position_is_in_nothing():
    lon, lat = np.array([0.0, np.nan, 0.0, np.inf, 0.0]), np.array([0.0, 0.0, np.nan, 0.0, 2.0])
    found = lookup.contains_lonlat([RangeSet.full(3)], 3, lon, lat)
    assert np.array_equal(found[0], [True, False, False, False, False])


# ---------------------------------------------------------------------- centres of coarser cells


def centres_of(order: int, frame: str) -> list[SkyCoord]:
    """The centres of all NESTED cells of an order as other packages give them."""
    cells = np.arange(12 << 2 * order)
    theta, phi = hp.pix2ang(1 << order, cells, nest=True)
    there = HEALPix(1 << order, order="nested").healpix_to_lonlat(cells)
    in_degrees = SkyCoord(*hp.pix2ang(1 << order, cells, nest=True, lonlat=True), unit="deg", frame=frame)
    other = "galactic" if frame == "icrs" else "icrs"
    return [
        in_degrees,
        SkyCoord(phi, np.pi / 2 - theta, unit="rad", frame=frame),
        SkyCoord(phi - 2 * np.pi, np.pi / 2 - theta, unit="rad", frame=frame),
        SkyCoord(*there, frame=frame),
        in_degrees.transform_to(other),
        in_degrees.transform_to("fk5"),
    ]


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize(("order", "coarser"), [(1, 0), (3, 0), (3, 2), (6, 4), (9, 3), (14, 6), (29, 0), (29, 5)])
def test_the_centre_of_a_coarser_cell(order, coarser, frame):
    """It is the corner of four cells: the northern one decides, whoever computed the centre."""
    cells = np.arange(12 << 2 * coarser, dtype=np.uint64)
    first = (cells << np.uint64(2 * (order - coarser))).astype(np.uint64)
    half = np.uint64(1 << (order - coarser - 1))
    below = half - np.uint64(1)
    chosen = RNG.random(cells.size) < 0.5
    # Of the four either the northern one is in, or all but the northern one.
    inner = [[_spread(x) | _spread(y) << 1 for x, y in ((half, half), (below, below), (half, below), (below, half))]]
    four = first[:, np.newaxis] + np.array(inner, dtype=np.uint64)
    plane = RangeSet.from_cells(np.concatenate([four[chosen, 0], four[~chosen, 1:].ravel()]), order)
    mask = Mask(plane, frame=frame)
    assert np.array_equal(mask.at_order(coarser).to_healpix(nest=True), chosen)
    assert np.array_equal(mask.to_healpix(order=coarser, nest=True), chosen)
    for coord in centres_of(coarser, frame):
        assert np.array_equal(mask.contains(coord), chosen)


def _spread(x: np.uint64) -> int:
    return sum((int(x) >> bit & 1) << 2 * bit for bit in range(30))


@pytest.mark.parametrize("order", [4, 7])
def test_centres_of_all_coarser_cells_of_a_mask(order):
    mask = Mask.from_cones(SkyCoord(LON[:300], LAT[:300], unit="deg"), "3 deg", order=order)
    mask |= Mask.from_zone(lat=("0 deg", "30 deg"), order=order)
    for coarser in range(order):
        expected = mask.to_healpix(order=coarser, nest=True)
        for coord in centres_of(coarser, "icrs"):
            assert np.array_equal(mask.contains(coord), expected)
