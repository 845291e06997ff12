"""Growing and shrinking by an angle: cell for cell what a search among all pairs of centres finds."""

from contextlib import contextmanager

import numpy as np
import oracles
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from scipy.spatial import cKDTree
from strategies import patterns

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.morphology import dilation
from hpmask.morphology.neighbours import edge_cells

AXIS = EnergyAxis([1, 3, 10, 30] * u.TeV)


def all_pairs(plane: RangeSet, angle: float) -> RangeSet:
    """Every cell against every centre of the set."""
    if not plane:
        return plane
    centres = healpix.centre_vectors(np.arange(12 << 2 * plane.order, dtype=np.uint64), plane.order)
    distance, _ = cKDTree(centres[plane.cells().astype(np.intp)]).query(centres)
    return RangeSet.from_cells(np.flatnonzero(distance <= 2 * np.sin(min(angle, np.pi) / 2)), plane.order)


def cell_size(order: int) -> float:
    return float(np.sqrt(np.pi / 3)) / (1 << order)


@st.composite
def cases(draw, orders=(0, 6)):
    """A set, and an angle from 0.3 cells to 120 deg."""
    plane = draw(patterns(orders=orders))
    exponent = draw(st.floats(0, 1))
    size = 0.3 * cell_size(plane.order)
    return plane, size * (np.radians(120) / size) ** exponent


@pytest.mark.deep
@examples(300)
@given(cases())
def test_dilate_is_all_pairs(case):
    plane, angle = case
    assert dilation.dilate(plane, angle) == all_pairs(plane, angle)


@examples(150)
@given(cases())
def test_erode_is_all_pairs(case):
    plane, angle = case
    assert dilation.erode(plane, angle) == ~all_pairs(~plane, angle)


@examples(100)
@given(cases(orders=(3, 7)))
def test_large_cells_first_changes_nothing(case):
    plane, angle = case
    wide, dilation._WIDE = dilation._WIDE, 8
    coarse, dilation._COARSE = dilation._COARSE, 6
    try:
        assert dilation.dilate(plane, angle) == all_pairs(plane, angle)
    finally:
        dilation._WIDE, dilation._COARSE = wide, coarse


@pytest.mark.parametrize(
    "cells", [n if n in (0.9, 7) else pytest.param(n, marks=pytest.mark.deep) for n in (0.3, 0.9, 1.3, 2.5, 7, 30)]
)
def test_every_single_cell(cells):
    """All cells of an order as sources, one by one: every pole, seam and corner."""
    order = 3
    angle = cells * cell_size(order)
    for cell in range(12 << 2 * order):
        plane = RangeSet.from_cells([cell], order)
        expected = all_pairs(plane, angle)
        assert dilation.dilate(plane, angle) == expected
        assert dilation.erode(~plane, angle) == ~expected


REAL = [
    pytest.param("moc/fractal.fits", 8, marks=pytest.mark.deep),
    pytest.param("moc/P-SDSS9-r.fits", 8, marks=pytest.mark.deep),
    pytest.param("moc/P-GALEXGR6-AIS-FUV.fits", 8, marks=pytest.mark.deep),
    ("masks/wmap_temperature_analysis_mask_r9_7yr_v4_udgraded32.fits", 5),
]


def real_plane(path, order: int) -> RangeSet:
    if path.parent.name == "moc":
        plane = Mask.read(path).planes[0]
        return plane.at_order(order, mode="overlap") if plane.order > order else plane
    hp = pytest.importorskip("healpy")
    return Mask.from_healpix(hp.read_map(path, nest=True) > 0.5, nest=True, frame="galactic").planes[0]


@pytest.mark.parametrize(("name", "order"), REAL)
def test_real_masks(data, name, order):
    plane = real_plane(data(name), order)
    centres = healpix.centre_vectors(np.arange(12 << 2 * plane.order, dtype=np.uint64), plane.order)
    for some in (plane, ~plane):
        distance, _ = cKDTree(centres[edge_cells(some).cells().astype(np.intp)]).query(centres)
        for degrees in (0.11, 0.4, 2.5, 40):
            near = np.flatnonzero(distance <= 2 * np.sin(np.radians(degrees) / 2))
            expected = RangeSet.from_cells(near, plane.order) | some
            assert dilation.dilate(some, np.radians(degrees), n_threads=2) == expected
            assert dilation.erode(~some, np.radians(degrees), n_threads=2) == ~expected


@pytest.mark.parametrize(
    ("lon", "lat"), [(83.6, 22.0), (0.0, 0.0), (45.0, 41.8103), (359.9999, -60.0), (10.0, 89.97), (200.0, -90.0)]
)
@pytest.mark.parametrize(
    ("order", "radius", "width"), [(12, 1.0, 0.05), (12, 0.2, 2.0), (14, 0.1, 0.3), (15, 0.02, 1.0)]
)
def test_discs_grow_to_discs(lon, lat, order, radius, width):
    """From r to between r + w -/+ the diagonal of a cell."""
    center = SkyCoord(lon, lat, unit="deg")
    grown = Mask.from_cones(center, radius * u.deg, order=order).dilate(width * u.deg)
    diagonal = np.degrees(2 * healpix.cell_radius(order))
    assert Mask.from_cones(center, (radius + width - diagonal) * u.deg, order=order).issubset(grown)
    assert grown.issubset(Mask.from_cones(center, (radius + width) * u.deg, order=order, mode="center"))
    shrunk = grown.erode(width * u.deg)
    assert Mask.from_cones(center, radius * u.deg, order=order).issubset(shrunk)
    assert shrunk.issubset(Mask.from_cones(center, (radius + diagonal) * u.deg, order=order))


@pytest.mark.parametrize(("order", "arcsec"), [(12, 400), (15, 9), (15, 60), (15, 600), (18, 30), (22, 1.0)])
def test_fine_orders_cell_by_cell(order, arcsec):
    """Random cells near the new edge, each against the centres of all cells of the old edge."""
    rng = np.random.default_rng(order)
    angle = np.radians(arcsec / 3600)
    n = 60
    lon, lat = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    lat[:4], lon[4:8] = [89.999, -89.999, 90, -90], [0, 359.99999, 0.00001, 180]
    radii = rng.uniform(1, 20, n) * np.degrees(cell_size(order))
    plane = Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radii * u.deg, order=order).planes[0]
    tree = cKDTree(healpix.centre_vectors(edge_cells(plane).cells(), order))
    for result, grown in ((dilation.dilate(plane, angle), True), (dilation.erode(~plane, angle), False)):
        for inside in (True, False):
            # From either side of the result's edge.
            cells = edge_cells(result if inside else ~result).cells()
            cells = rng.choice(cells, min(cells.size, 4000), replace=False)
            distance, _ = tree.query(healpix.centre_vectors(cells, order))
            held = plane.issubset(result) if grown else True
            assert held
            near = distance <= 2 * np.sin(angle / 2)
            known = np.isin(cells, plane.cells())
            np.testing.assert_array_equal(near | known, np.full(cells.size, inside == grown))


@pytest.mark.deep
@examples(40)
@given(cases(orders=(2, 8)), st.floats(0.1, 1))
def test_laws(case, part):
    plane, angle = case
    less = part * angle
    grown = dilation.dilate(plane, angle)
    assert dilation.erode(plane, angle) == ~dilation.dilate(~plane, angle)
    assert plane.issubset(grown)
    assert dilation.dilate(plane, less).issubset(grown)
    assert dilation.dilate(dilation.dilate(plane, less), angle - less).issubset(grown)
    opened = dilation.dilate(dilation.erode(plane, angle), angle)
    closed = dilation.erode(grown, angle)
    assert opened.issubset(plane)
    assert plane.issubset(closed)
    assert dilation.erode(dilation.dilate(closed, angle), angle) == closed


@examples(40)
@given(patterns(orders=(2, 7)), patterns(orders=(2, 7)), st.floats(0.005, 1.5))
def test_the_union_grows_to_the_union(a, b, angle):
    order = max(a.order, b.order)
    a, b = a.at_order(order), b.at_order(order)
    assert dilation.dilate(a | b, angle) == dilation.dilate(a, angle) | dilation.dilate(b, angle)


@pytest.mark.deep
@examples(30)
@given(cases(orders=(4, 9)))
def test_threads_change_nothing(case):
    plane, angle = case
    one = dilation.dilate(plane, angle, n_threads=1)
    assert dilation.dilate(plane, angle, n_threads=2) == one
    assert dilation.dilate(plane, angle, n_threads=9) == one


def test_bands_on_many_threads():
    rng = np.random.default_rng(3)
    plane = RangeSet.from_cells(rng.integers(0, 12 << 22, 30_000), 11)
    one = dilation.dilate(plane, 0.002, n_threads=1)
    on_twelve = dilation._Dilation(11, 0.002, 12, False)
    assert len(list(on_twelve._bands(1, (4 << 11) - 1))) == 6
    assert dilation.dilate(plane, 0.002, n_threads=12) == one


def test_nothing_and_everything():
    for order in (0, 3, 29):
        assert dilation.dilate(RangeSet.empty(order), 1.0) == RangeSet.empty(order)
        assert dilation.dilate(RangeSet.full(order), 1.0) == RangeSet.full(order)
        assert dilation.erode(RangeSet.full(order), 3.0) == RangeSet.full(order)
    cell = RangeSet.from_cells([5], 4)
    assert dilation.dilate(cell, 0.0) == cell
    assert dilation.dilate(cell, np.pi) == RangeSet.full(4)
    assert dilation.dilate(cell, np.pi).order == 4


@pytest.mark.parametrize("order", [20, 25, 26, 27, 29])
def test_all_but_a_few_of_the_finest_cells_is_not_the_sky(order):
    """As a fraction of the sky it is 1."""
    cell = RangeSet.from_cells([7 << (2 * order - 3)], order)
    assert not dilation.erode(cell, 2 * cell_size(order))
    assert dilation.dilate(~cell, 2 * cell_size(order)) == RangeSet.full(order)
    assert dilation.erode(~cell, 2 * cell_size(order)) == ~dilation.dilate(cell, 2 * cell_size(order))


def test_a_width_below_the_cell_does_nothing():
    plane = RangeSet.from_cells([5, 77, 300], 12)
    assert dilation.dilate(plane, 1e-9) == plane
    assert dilation.dilate(RangeSet.from_cells([12345], 29), 1e-13) == RangeSet.from_cells([12345], 29)


def test_too_fine_is_refused():
    base_cell = RangeSet.from_cells([3], 0).at_order(29)
    with pytest.raises(ValueError, match=r"order 29 is too fine for a dilation by 60 deg: .* \(44 GB\)"):
        dilation.dilate(base_cell, np.radians(60))


def test_a_wide_growth_of_many_sources_is_no_more_work():
    """60 deg round 20 000 sources at order 12 is done in large cells."""
    rng = np.random.default_rng(1)
    plane = RangeSet.from_cells(rng.integers(0, 12 << 24, 20_000), 12)
    assert dilation.dilate(plane, np.radians(60)) == RangeSet.full(12)


# ---------------------------------------------------------------------- masks


def two_discs(**options) -> Mask:
    return Mask.from_cones(SkyCoord([10, 50], [0, 60], unit="deg"), "3 deg", order=7, **options)


def test_a_width_per_bin():
    mask = two_discs(energy=AXIS)
    widths = [2, 0.5, 1] * u.deg
    grown = mask.dilate(widths)
    for plane, width in zip(grown.planes, widths, strict=True):
        assert plane == two_discs().dilate(width).planes[0]
    assert mask.dilate(lambda axis: 2 * u.deg / np.sqrt(axis.edges[:-1].to_value(u.TeV))).planes[0] == grown.planes[0]
    assert grown.energy == AXIS


def test_equal_work_is_shared(monkeypatch):
    calls = []
    dilate = dilation.dilate
    monkeypatch.setattr(dilation, "dilate", lambda plane, **options: calls.append(1) or dilate(plane, **options))
    grown = two_discs(energy=AXIS).dilate([1, 1, 2] * u.deg)
    assert len(calls) == 2
    assert grown.planes[0] is grown.planes[1]
    assert two_discs(energy=AXIS).dilate("1 deg").n_ranges == two_discs().dilate("1 deg").n_ranges


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("opening", lambda m, w: m.erode(w).dilate(w)),
        ("closing", lambda m, w: m.dilate(w).erode(w)),
    ],
)
def test_opening_and_closing(operation, expected):
    mask = two_discs() | Mask.from_cones(SkyCoord(16.5, 0, unit="deg"), "2.8 deg", order=7)
    assert getattr(mask, operation)("1 deg") == expected(mask, "1 deg")
    assert getattr(mask, operation)(steps=2) == getattr(
        mask.erode(steps=2) if operation == "opening" else mask.dilate(steps=2),
        "dilate" if operation == "opening" else "erode",
    )(steps=2)


def test_boundary():
    mask = two_discs()
    inner, outer, both = (mask.boundary("1 deg", side=side) for side in ("inner", "outer", "both"))
    assert inner == mask - mask.erode("1 deg")
    assert outer == mask.dilate("1 deg") - mask
    assert both == inner | outer
    assert mask.boundary("1 deg") == inner
    assert mask.boundary("1 deg").history.endswith(".boundary(1 deg, side='inner')")


@pytest.mark.parametrize("connectivity", [4, 8])
def test_boundary_by_steps_is_that_of_healpys_neighbours(connectivity):
    pytest.importorskip("healpy")
    inside = np.random.default_rng(connectivity).random(12 << 10) < 0.7
    mask = Mask(RangeSet.from_cells(np.flatnonzero(inside), 5))
    less, more = ~inside, inside
    for _ in range(2):
        less = oracles.with_neighbours(less, 5, connectivity)
        more = oracles.with_neighbours(more, 5, connectivity)
    expected = {"inner": inside & less, "outer": more & ~inside, "both": more & less}
    for side, strip in expected.items():
        found = mask.boundary(steps=2, connectivity=connectivity, side=side)
        assert np.array_equal(found.planes[0].cells(), np.flatnonzero(strip))
        assert found.history.endswith(f".boundary(steps=2, connectivity={connectivity}, side='{side}')")


def test_steps():
    mask = two_discs()
    assert mask.dilate(steps=0) == mask
    assert mask.dilate(steps=2) == mask.dilate(steps=1).dilate(steps=1)
    assert mask.dilate(steps=3, connectivity=4).issubset(mask.dilate(steps=3))
    assert mask.erode(steps=2) == ~(~mask).dilate(steps=2)


def test_what_is_kept_of_the_mask():
    mask = two_discs(frame="galactic").dilate("1.5 deg", n_threads=1)
    assert mask.frame == "galactic"
    assert mask.order == 7
    assert mask.history.endswith(".dilate(1.5 deg)")
    assert two_discs().erode(90 * u.arcmin).history.endswith(".erode(90 arcmin)")
    assert two_discs().erode(steps=2).history.endswith(".erode(steps=2, connectivity=8)")


def test_progress_counts_to_the_end(monkeypatch):
    seen = []

    @contextmanager
    def watched(done, *, total, what, shown):
        assert done() == 0
        yield
        seen.append((done(), total, what, shown))

    monkeypatch.setattr(dilation, "watched", watched)
    mask = Mask(RangeSet.from_cells(np.arange(0, 3 << 24, 9999), 12))
    mask.dilate("0.3 deg", progress=True)
    mask.dilate("0.3 deg", n_threads=8)
    assert [(done == total, what, shown) for done, total, what, shown in seen] == [
        (True, "dilation", True),
        (True, "dilation", False),
    ]
    assert all(total > 1000 for _, total, _, _ in seen)


def test_a_bar_changes_nothing():
    mask = two_discs()
    assert mask.dilate("1 deg", progress=True) == mask.dilate("1 deg")
    assert mask.boundary(steps=2, progress=True) == mask.boundary(steps=2)
    assert mask.dilate(steps=500, progress=True) == Mask.full(order=7)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "either width or steps must be given"),
        ({"width": "1 deg", "steps": 2}, ValueError, "not both"),
        ({"width": 1.0}, TypeError, "width must be a Quantity or a string such as '0.3 deg', got 1.0"),
        ({"width": 1 * u.m}, ValueError, "width must be an angle, got the unit 'm'"),
        ({"width": -1 * u.deg}, ValueError, "width must be from 0 to 180 deg, got -1.0 deg"),
        ({"width": 181 * u.deg}, ValueError, "width must be from 0 to 180 deg, got 181.0 deg"),
        ({"width": np.nan * u.deg}, ValueError, "width must be from 0 to 180 deg, got nan deg"),
        ({"width": [1, 2, -3] * u.deg}, ValueError, r"got -3.0 deg in bin 2"),
        ({"width": [1, 2] * u.deg}, ValueError, r"width has shape \(2,\), but the mask has 3 energy bins"),
        ({"steps": -1}, ValueError, "steps must be at least 0, got -1"),
        ({"steps": 1.5}, TypeError, "steps must be an integer of at least 0, got 1.5"),
        ({"steps": 1, "connectivity": 6}, ValueError, "connectivity must be 8"),
        ({"width": "1 deg", "n_threads": 0}, ValueError, "n_threads must be at least 1, got 0"),
    ],
)
@pytest.mark.parametrize("operation", ["dilate", "erode", "opening", "closing", "boundary"])
def test_what_is_refused(operation, arguments, error, message):
    with pytest.raises(error, match=message):
        getattr(two_discs(energy=AXIS), operation)(**arguments)


def test_widths_per_bin_need_bins():
    with pytest.raises(ValueError, match=r"width has shape \(3,\), .* no energy bins: .*resample_energy\(axis\)"):
        two_discs().dilate([1, 2, 3] * u.deg)
    refused = r"width is a function of the energy axis, but the mask has no energy bins: .*resample_energy\(axis\)"
    with pytest.raises(ValueError, match=refused):
        two_discs().dilate(lambda axis: 1 * u.deg)
    with pytest.raises(ValueError, match="side must be 'inner', 'outer' or 'both', got 'left'"):
        two_discs().boundary("1 deg", side="left")


@pytest.mark.deep
def test_it_looks_as_on_a_flat_image():
    """On an image of small pixels, scipy's dilation by a disc differs in pixels of the outline only."""
    ndimage = pytest.importorskip("scipy.ndimage")
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (120, 60), (200.5, 200.5), (-0.005, 0.005)
    center = SkyCoord(120, 60, unit="deg")
    mask = Mask.from_cones(center.directional_offset_by([0, 100, 200] * u.deg, 0.25 * u.deg), "0.12 deg", order=15)
    image = mask.to_wcs(wcs, (400, 400))
    y, x = np.mgrid[-40:41, -40:41]
    disc = x**2 + y**2 <= 40**2
    expected = ndimage.binary_dilation(image, disc)
    found = mask.dilate("0.2 deg").to_wcs(wcs, (400, 400))
    differ = expected != found
    outline = ndimage.binary_dilation(expected, np.ones((3, 3))) & ~ndimage.binary_erosion(expected, np.ones((3, 3)))
    assert not np.any(differ & ~outline)
    assert differ.sum() < 0.01 * expected.sum()
