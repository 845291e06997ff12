"""Masks of many shapes: footprints, orders, warnings, histories and guards."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from regions import (
    CircleAnnulusSkyRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PolygonSkyRegion,
    RectangleSkyRegion,
)

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.geometry import healpix
from hpmask.regions import arrays
from hpmask.regions.within import rows_near
from tests._support.profiles import examples

MODES = ("center", "overlap", "inside")
AXIS = EnergyAxis([1, 10, 100] * u.TeV)


def places(n, seed, around=None, reach=180.0):
    rng = np.random.default_rng(seed)
    if around is None:
        return SkyCoord(rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n))), unit="deg")
    return around.directional_offset_by(rng.uniform(0, 360, n) * u.deg, reach * np.sqrt(rng.uniform(0, 1, n)) * u.deg)


def makers(center, size):
    """The constructors, for shapes of about a size around centres."""
    n = len(center)
    angle = np.linspace(0, 360, n) * u.deg
    corners = center[:, np.newaxis].directional_offset_by([0, 120, 240] * u.deg, size[:, np.newaxis])
    ends = center[:, np.newaxis].directional_offset_by([10, 200] * u.deg, size[:, np.newaxis])
    return {
        "cones": lambda **options: Mask.from_cones(center, size, **options),
        "ellipses": lambda **options: Mask.from_ellipses(center, size, size / 2, angle, **options),
        "boxes": lambda **options: Mask.from_boxes(center, size, size / 3, angle, **options),
        "annuli": lambda **options: Mask.from_annuli(center, size / 2, size, **options),
        "polygons": lambda **options: Mask.from_polygons(corners, **options),
        "paths": lambda **options: Mask.from_paths(ends, size / 10, **options),
        "regions": lambda **options: Mask.from_regions(
            [RectangleSkyRegion(c, s, s / 3, p) for c, s, p in zip(center[:40], size, angle, strict=False)]
            + [CircleAnnulusSkyRegion(c, s / 3, s) for c, s in zip(center[40:50], size, strict=False)],
            **options,
        ),
    }


KINDS = list(makers(places(60, 1), np.full(60, 3) * u.deg))


def quiet(make, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return make(**options)


# ---------------------------------------------------------------------- within


@pytest.mark.deep
@pytest.mark.parametrize("kind", KINDS)
def test_within_a_footprint_is_the_intersection(kind):
    rng = np.random.default_rng(2)
    center = places(60, 3)
    make = makers(center, 10 ** rng.uniform(-1, 1.3, 60) * u.deg)[kind]
    for frame in ("icrs", "galactic"):
        fields = Mask.from_cones(places(3, 4), [2, 10, 0.1] * u.deg, order=9, mode="overlap", frame=frame)
        for footprint in (fields, ~fields, Mask.empty(frame=frame), Mask.full(frame=frame)):
            for mode in MODES if footprint is fields else MODES[:1]:
                options = {"order": 7, "mode": mode, "frame": frame}
                part = quiet(make, within=footprint, **options)
                assert part == quiet(make, **options) & footprint
                assert part.order == max(7, footprint.order)
    assert part.history == f"{quiet(make, **options).history} & {footprint.history}"


@examples(100)
@given(st.data())
def test_shapes_near_the_footprint_are_kept(data):
    """A footprint of one cell, and shapes at about the distance at which they may touch it."""
    own, order = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 10))
    cell = data.draw(st.integers(0, 12 * 4**own - 1))
    footprint = Mask(RangeSet.from_cells([cell], own))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    lon, lat = healpix.centres(np.array([cell], dtype=np.uint64), own)
    size = min(120 / 2**own, 20) * 10 ** rng.uniform(-1.5, 0.5, 50)
    star = SkyCoord(lon[0], lat[0], unit="rad")
    center = star.directional_offset_by(
        rng.uniform(0, 360, 50) * u.deg, rng.uniform(0, 1.5, 50) * (50 / 2**own + size) * u.deg
    )
    mode = data.draw(st.sampled_from(MODES))
    options = {"order": order, "mode": mode}
    for make in (
        lambda **options: Mask.from_cones(center, size * u.deg, **options),
        lambda **options: Mask.from_boxes(center, size * u.deg, size / 3 * u.deg, "30 deg", **options),
    ):
        assert quiet(make, within=footprint, **options) == quiet(make, **options) & footprint


def test_shapes_far_from_the_footprint_are_left_out():
    """Few shapes outside remain: those about as close as they are large."""
    center = places(20_000, 5)
    field = SkyCoord(50, 30, unit="deg")
    footprint = Mask.from_cones(field, "5 deg", order=10).planes[0]
    lon, lat = center.ra.rad, center.dec.rad
    rows = rows_near(arrays.Discs(lon, lat, np.full(lon.size, np.radians(0.1))), footprint, 12)
    distance = center.separation(field).deg
    assert set(np.flatnonzero(distance < 5.1)) <= set(rows.tolist())
    assert distance[rows].max() < 6
    # The guard against too fine orders counts what is left.
    with pytest.raises(ValueError, match="order 24 is too fine for these boxes"):
        Mask.from_boxes(center, "1 deg", "1 deg", order=24)
    small = Mask.from_cones(center[0], "0.1 arcsec", order=24)
    assert Mask.from_boxes(center, "1 deg", "1 arcsec", order=24, within=small) == small & Mask.from_boxes(
        center[0], "1 deg", "1 arcsec", order=24
    )


def test_within_with_energy_bins():
    center = places(200, 6)
    near = [Mask.from_cones(place, "20 deg", order=6) for place in places(2, 7)]
    footprint = Mask.stack(near, AXIS)
    boxes = Mask.from_boxes(center, "3 deg", "1 deg", "40 deg", order=7)
    assert Mask.from_boxes(center, "3 deg", "1 deg", "40 deg", order=7, energy=AXIS, within=footprint) == Mask.stack(
        [boxes & one for one in near], AXIS
    )
    sizes = [[3, 1]] * u.deg
    each = Mask.from_boxes(center, sizes, "1 deg", "40 deg", order=7, energy=AXIS, within=near[0])
    assert each == Mask.from_boxes(center, sizes, "1 deg", "40 deg", order=7, energy=AXIS) & near[0]
    for_all = Mask.from_regions("icrs; circle(10,20,30)", order=6, energy=AXIS, within=footprint)
    assert for_all == Mask.from_regions("icrs; circle(10,20,30)", order=6) & footprint
    inverted = Mask.from_regions("icrs; circle(10,20,30)", order=6, invert=True, within=near[0])
    assert inverted == ~Mask.from_regions("icrs; circle(10,20,30)", order=6) & near[0]
    with pytest.raises(ValueError, match="within must have the energy bins of the mask or none"):
        Mask.from_boxes(center, "3 deg", "1 deg", order=7, within=footprint)
    with pytest.raises(ValueError, match="within must have the frame of the mask, 'galactic', got 'icrs'"):
        Mask.from_boxes(center, "3 deg", "1 deg", order=7, frame="galactic", within=near[0])
    with pytest.raises(TypeError, match="within must be a Mask, got RangeSet"):
        Mask.from_cones(center, "3 deg", order=7, within=near[0].planes[0])


def test_a_point_beside_the_footprint():
    """The cell of a point is in, and may reach into a footprint that the point is not in."""
    point = "icrs; point(10.1, 20.1)"
    cell = Mask.from_regions(point, order=5)
    finer = Mask(RangeSet.from_cells(cell.planes[0].cells(9)[[0]], 9))
    assert Mask.from_regions(point, order=5, within=finer) == finer


# ---------------------------------------------------------------------- orders


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_that_of_the_same_regions(seed):
    rng = np.random.default_rng(seed)
    center = places(20, seed + 10)
    size = 10 ** rng.uniform(0, 1.2, 20) * u.deg
    angle = rng.uniform(0, 360, 20) * u.deg
    corners = center[:, np.newaxis].directional_offset_by([0, 70, 120, 240] * u.deg, size[:, np.newaxis])
    rows = list(zip(center, size, angle, strict=True))
    for mask, regions in (
        (Mask.from_cones(center, size), [CircleSkyRegion(c, s) for c, s, _ in rows]),
        (Mask.from_boxes(center, size, size / 3, angle), [RectangleSkyRegion(c, s, s / 3, p) for c, s, p in rows]),
        (Mask.from_ellipses(center, size, size / 2, angle), [EllipseSkyRegion(c, s, 2 * s, p) for c, s, p in rows]),
        (Mask.from_annuli(center, size / 2, size), [CircleAnnulusSkyRegion(c, s / 2, s) for c, s, _ in rows]),
        (Mask.from_polygons(corners), [PolygonSkyRegion(one) for one in corners]),
    ):
        assert mask == Mask.from_regions(regions)
        assert mask.order == Mask.from_regions(regions).order


def test_the_area_of_paths_is_right_at_the_chosen_order():
    for length, width in ((30, 2), (1, 3), (20, 0.7)):
        ends = SkyCoord([0, length], [0, 0], unit="deg")
        mask = Mask.from_paths(ends, width * u.deg)
        half = np.radians(width / 2)
        area = 2 * np.sin(half) * np.radians(length) + 2 * np.pi * (1 - np.cos(half))
        assert mask.area.to_value("sr") == pytest.approx(area, rel=0.01)


def test_an_order_that_would_be_too_fine():
    center = places(3, 20)
    for make, message in (
        (lambda: Mask.from_boxes(center, "1 arcsec", "3 deg"), "narrowest of 3 boxes holds a disc"),
        (lambda: Mask.from_ellipses(center, "3 arcsec", "1 arcsec", "0 deg"), "narrowest of 3 ellipses holds a disc"),
        (lambda: Mask.from_annuli(center, "1 deg", "3601 arcsec"), "narrowest of 3 annuli holds a disc"),
        (
            lambda: Mask.from_paths([center], "1 arcsec"),
            r"narrowest of 1 path holds a disc with a radius of 0\.5 arcsec",
        ),
        (lambda: Mask.from_cones(center, "1 arcsec"), "smallest of 3 discs has a radius of 1 arcsec"),
    ):
        with pytest.raises(ValueError, match=rf"order must be given: the {message}.*order=.*resolution="):
            make()


def test_guards_against_too_fine_orders():
    center = places(200, 21)
    size = np.full(200, 20) * u.deg
    for kind, make in makers(center, size).items():
        noun = "shapes" if kind == "regions" else kind.replace("cones", "discs")
        with pytest.raises(ValueError, match=rf"order 29 is too fine for these {noun}: about \d\.\de\+1\d ranges"):
            make(order=29)


# ---------------------------------------------------------------------- warnings and histories


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "regions"])
def test_shapes_without_cells_are_counted_in_a_warning(kind):
    center = places(30, 22)
    size = np.where(np.arange(30) < 20, 5, 0.02) * u.deg
    make = makers(center, size)[kind]
    noun = arrays_noun(kind)
    with pytest.warns(
        UserWarning, match=rf"10 of 30 {noun} hold no cell centre at order 8: .* or order >= (\d+)"
    ) as caught:
        mask = make(order=8)
    finer = int(str(caught[0].message).split(">= ")[1])
    assert mask.n_ranges
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(order=finer)
        make(order=8, mode="overlap")
    # Those that cannot reach a footprint are not counted.
    few = Mask.from_cones(center[20], "1 deg", order=6, mode="overlap")
    with pytest.warns(UserWarning, match=rf"1 of 30 {noun} holds no cell centre"):
        make(order=8, within=few)


def arrays_noun(kind):
    return kind.replace("cones", "discs")


def test_shapes_that_miss_in_one_bin():
    center = places(4, 23)
    sizes = [[3, 0.001], [3, 3], [0.001, 3], [3, 3]] * u.deg
    with pytest.warns(UserWarning, match=r"2 of 4 boxes hold no cell centre at order 6"):
        Mask.from_boxes(center, sizes, "2 deg", order=6, energy=AXIS)


@pytest.mark.parametrize(
    ("make", "history"),
    [
        (
            lambda c: Mask.from_boxes(c, [1, 3] * u.arcmin, "2 deg", "30 deg", order=12),
            "from_boxes(2 boxes, 1 to 3 arcmin by 2 deg, order=12)",
        ),
        (
            lambda c: Mask.from_ellipses(c[:1], "2 deg", "1 deg", "30 deg", resolution="1 arcmin", mode="overlap"),
            "from_ellipses(1 ellipse, 2 deg by 1 deg, order=12 from resolution 1 arcmin, mode='overlap')",
        ),
        (
            lambda c: Mask.from_annuli(c, "1 deg", "2 deg", order=9),
            "from_annuli(2 annuli, inner 1 deg, outer 2 deg, order=9)",
        ),
        (lambda c: Mask.from_paths([c], "1 deg", order=9), "from_paths(1 path, 1 deg, order=9)"),
        (lambda c: Mask.from_cones(c, "1 deg", order=9), "from_cones(2 discs, 1 deg, order=9)"),
        (
            lambda c: Mask.from_polygons(c[0].directional_offset_by([0, 90, 180] * u.deg, 1 * u.deg)),
            "from_polygons(1 polygon, order=14 chosen)",
        ),
    ],
)
def test_histories(make, history):
    assert make(places(2, 24)).history == history


def test_the_arguments_are_checked_before_the_work():
    center = places(2, 25)
    for options, error, message in (
        ({"order": 5, "resolution": "1 deg"}, TypeError, "exclude each other"),
        ({"order": 30}, ValueError, "order must be from 0 to 29"),
        ({"order": 5, "mode": "all"}, ValueError, "mode must be"),
        ({"order": 5, "frame": "fk5"}, ValueError, "frame must be"),
        ({"order": 5, "progress": 1}, TypeError, "progress must be True or False"),
        ({"order": 5, "n_threads": 0}, ValueError, "n_threads must be at least 1"),
    ):
        with pytest.raises(error, match=message):
            Mask.from_boxes(center, "1 deg", "2 deg", **options)


def test_progress_and_threads(capsys):
    center = places(1000, 26)
    one = Mask.from_boxes(center, "1 deg", "2 deg", "30 deg", order=11, n_threads=1)
    assert Mask.from_boxes(center, "1 deg", "2 deg", "30 deg", order=11, n_threads=2, progress=True) == one
