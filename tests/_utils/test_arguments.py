"""What users give, at every door: flags, masked values, single precision, distances, and whom an error names."""

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import GCRS, EarthLocation, SkyCoord, get_body
from astropy.table import QTable, Table
from astropy.time import Time
from astropy.utils import iers
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from regions import CircleSkyRegion, EllipseSkyRegion, PolygonSkyRegion

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask._utils import arguments
from hpmask._utils.parallel import thread_count
from hpmask.testing import assert_masks_equal
from hpmask.wcs import field_wcs

STARS = SkyCoord([10, 50], [0, 20], unit="deg")
MASK = Mask.from_cones(STARS, "2 deg", order=6)
AXIS = EnergyAxis([1, 3, 10] * u.TeV)


def image_wcs():
    return field_wcs(SkyCoord(10, 0, unit="deg"), "1 deg", binsz="0.5 deg")[0]


# ---------------------------------------------------------------------- True or False

FLAGS = {
    "from_cones, progress": lambda flag: Mask.from_cones(STARS, "1 deg", order=3, progress=flag),
    "from_catalog, progress": lambda flag: Mask.from_catalog(
        QTable({"ra": STARS.ra, "dec": STARS.dec}), "1 deg", order=3, progress=flag
    ),
    "from_regions, invert": lambda flag: Mask.from_regions("icrs; circle(10, 0, 1)", order=3, invert=flag),
    "from_healpix, nest": lambda flag: Mask.from_healpix(np.arange(48) < 4, nest=flag, frame="icrs"),
    "from_healpix of cells, nest": lambda flag: Mask.from_healpix([1], cells=[3], order=1, nest=flag, frame="icrs"),
    "from_energy, round_to_edge": lambda flag: Mask.from_energy(AXIS, "1 TeV", round_to_edge=flag),
    "from_wcs, outside": lambda flag: Mask.from_wcs(np.ones((2, 2)), image_wcs(), outside=flag),
    "from_wcs, invert": lambda flag: Mask.from_wcs(np.ones((2, 2)), image_wcs(), invert=flag),
    "slice_energy, round_to_edge": lambda flag: Mask.full(energy=AXIS).slice_energy("1 TeV", round_to_edge=flag),
    "to_healpix, nest": lambda flag: MASK.to_healpix(order=2, nest=flag),
    "distance_map, nest": lambda flag: MASK.distance_map(order=2, nest=flag),
    "apodize, nest": lambda flag: MASK.apodize("1 deg", order=3, nest=flag),
    "energy_range_healpix, nest": lambda flag: Mask.full(energy=AXIS).energy_range_healpix(order=1, nest=flag),
    "dilate, progress": lambda flag: MASK.dilate("1 deg", progress=flag),
    "erode by steps, progress": lambda flag: MASK.erode(steps=1, progress=flag),
    "boundary, progress": lambda flag: MASK.boundary("1 deg", progress=flag),
    "from_bounds, per_decade": lambda flag: EnergyAxis.from_bounds("1 TeV", "10 TeV", 2, per_decade=flag),
    "assert_masks_equal, order": lambda flag: assert_masks_equal(MASK, MASK, order=flag),
}


@pytest.mark.parametrize("door", FLAGS)
@pytest.mark.parametrize("bad", ["RING", "no", 5, 1, 0.0, [True], np.array([True])])
def test_flags_are_true_or_false(door, bad):
    argument = door.split(", ")[1]
    with pytest.raises(TypeError, match=rf"^{argument} must be True or False, got {re.escape(repr(bad))}$"):
        FLAGS[door](bad)


@pytest.mark.parametrize("door", FLAGS)
@pytest.mark.parametrize("flag", [True, False])
def test_flags_of_numpy_are_flags(door, flag):
    a, b = FLAGS[door](flag), FLAGS[door](np.bool_(flag))
    np.testing.assert_equal(b, a)


@pytest.mark.parametrize("method", ["write", "write_wcs"])
def test_overwrite_is_true_or_false(tmp_path, method):
    path = tmp_path / "mask.fits"
    path.write_bytes(b"keep me")
    arguments_ = (path,) if method == "write" else (path, image_wcs())
    with pytest.raises(TypeError, match=r"^overwrite must be True or False, got 'no'$"):
        getattr(MASK, method)(*arguments_, overwrite="no")
    assert path.read_bytes() == b"keep me"


def test_legend_is_true_or_false():
    pytest.importorskip("matplotlib")
    with pytest.raises(TypeError, match=r"^legend must be True or False, got 'no'$"):
        MASK.plot(legend="no")


def test_flags_to_exclusion_mask():
    maps = pytest.importorskip("gammapy.maps")
    from hpmask.interop.gammapy import set_mask_fit

    map_ = maps.Map.from_geom(maps.WcsGeom.create(npix=4), dtype=bool)
    with pytest.raises(TypeError, match=r"^outside must be True or False, got 'no'$"):
        Mask.from_gammapy(map_, outside="no")
    with pytest.raises(TypeError, match=r"^update must be True or False, got 'no'$"):
        set_mask_fit([], MASK, update="no")


# ---------------------------------------------------------------------- masked values


def hidden(values, k):
    """Values of which number k is masked."""
    return Masked(values, mask=np.arange(len(values)) == k)


MASKED = {
    "radius, 1 of 2": lambda: Mask.from_cones(STARS, hidden([1, 2] * u.deg, 1), order=3),
    "radius": lambda: Mask.from_cones(STARS, Masked(1 * u.deg, mask=True), order=3),
    "center, 1 of 2": lambda: Mask.from_cones(SkyCoord(hidden([1, 2] * u.deg, 1), [1, 2] * u.deg), "1 deg", order=3),
    "positions, 1 of 2": lambda: MASK.contains(SkyCoord([1, 2] * u.deg, hidden([1, 2] * u.deg, 0))),
    "coord, 1 of 3": lambda: MASK.distance(SkyCoord([1, 2, 3] * u.deg, hidden([1, 2, 3] * u.deg, 0))),
    "energy, 1 of 2": lambda: Mask.full(energy=AXIS).contains(STARS, energy=hidden([1, 2] * u.TeV, 1)),
    "width": lambda: MASK.dilate(Masked(1 * u.deg, mask=True)),
    "width, 1 of 2": lambda: Mask.full(energy=AXIS).erode(hidden([1, 2] * u.deg, 1)),
    "lat": lambda: Mask.from_zone(None, hidden([-1, 1] * u.deg, 0), order=3),
    "lon": lambda: Mask.from_zone(hidden([-1, 1] * u.deg, 0), None, order=3),
    "radius ": lambda: MASK.cutout(STARS[0], radius=Masked(1 * u.deg, mask=True)),
    "height": lambda: MASK.cutout(STARS[0], width="1 deg", height=Masked(2 * u.deg, mask=True)),
    "binsz": lambda: field_wcs(STARS[0], "1 deg", binsz=Masked(0.1 * u.deg, mask=True)),
    "edges, 1 of 3": lambda: EnergyAxis(hidden([1, 2, 3] * u.TeV, 1)),
    "min_area": lambda: MASK.remove_small(Masked(1 * u.deg**2, mask=True)),
    "cells, 1 of 3": lambda: RangeSet.from_cells(hidden(np.array([1, 2, 3]), 1), 1),
    "cells, 1 of 4": lambda: RangeSet.from_cells(np.ma.array([1, 2, 3, 4], mask=[0, 1, 0, 0]), 1),
    "uniq, 1 of 3": lambda: RangeSet.from_uniq(np.ma.array([4, 5, 6], mask=[0, 1, 0])),
    "cells, 1 of 2": lambda: Mask.from_healpix(
        [True, True], cells=np.ma.array([1, 2], mask=[0, 1]), order=1, nest=True, frame="icrs"
    ),
}


@pytest.mark.parametrize("door", MASKED)
def test_masked_values_are_no_values(door):
    argument, _, how_many = door.strip().partition(", ")
    where = f", {how_many} values are, the first in row [01]" if how_many else ""
    with pytest.raises(ValueError, match=f"^{argument} must not be masked{where}$"):
        MASKED[door]()


@pytest.mark.parametrize("masked", [lambda v, m: np.ma.array(v, mask=m), lambda v, m: Masked(v, mask=m)])
def test_masked_healpix_values_are_no_values(masked):
    with pytest.raises(ValueError, match=r"^values must be True or False, row 5 is masked$"):
        Mask.from_healpix(masked(np.ones(48, bool), np.arange(48) == 5), nest=True, frame="icrs")
    nothing = masked(np.arange(48) < 4, np.zeros(48, bool))
    assert Mask.from_healpix(nothing, nest=True, frame="icrs").sky_fraction == 1 / 12


def test_ranges_and_radii_are_named_by_row_and_column():
    with pytest.raises(ValueError, match=r"^ranges must not be masked, 1 of 4 values are, the first in row 1, 0$"):
        RangeSet.from_ranges(np.ma.array([[0, 1], [2, 3]], mask=[[0, 0], [1, 0]]), 29)
    radii = Masked([[1, 2], [1, 2]] * u.deg, mask=[[False, True], [False, False]])
    with pytest.raises(ValueError, match=r"^radius must not be masked, 1 of 4 values are, the first in row 0, 1$"):
        Mask.from_cones(STARS, radii, order=3, energy=AXIS)


def test_masks_that_mask_nothing_do_nothing():
    nothing = Masked([1, 2] * u.deg, mask=[False, False])
    plain = Mask.from_cones(STARS, [1, 2] * u.deg, order=6)
    assert Mask.from_cones(STARS, nothing, order=6) == plain
    assert Mask.from_cones(SkyCoord(Masked(STARS.ra), Masked(STARS.dec)), [1, 2] * u.deg, order=6) == plain
    assert EnergyAxis(Masked([1, 3, 10] * u.TeV)) == AXIS


def test_masked_radii_of_a_catalog_are_rows_that_cannot_be_used():
    table = QTable({"ra": STARS.ra, "dec": STARS.dec, "r": hidden([1, 2] * u.deg, 1)})
    first = Mask.from_cones(STARS[:1], "1 deg", order=6)
    for radius in ("r", lambda table: table["r"], hidden([1, 2] * u.deg, 1)):
        with pytest.raises(ValueError, match=r"a radius that is missing or not finite in 1 \(row 1\)"):
            Mask.from_catalog(table, radius, order=6)
        with pytest.warns(UserWarning, match="left out 1 of 2 rows"):
            assert Mask.from_catalog(table, radius, order=6, invalid="skip") == first


# ---------------------------------------------------------------------- directions and precision


def on_mask(coord):
    """What the doors for positions make of one."""
    big = Mask.from_zone(None, ("-30 deg", "40 deg"), order=7, frame="galactic")
    wcs, _ = field_wcs(coord, "2 deg")
    ellipse = EllipseSkyRegion(coord, 1 * u.deg, 2 * u.deg, 30 * u.deg)
    return {
        "from_cones": Mask.from_cones(coord, "1 deg", order=10),
        "from_cones in galactic": Mask.from_cones(coord, "1 deg", order=10, frame="galactic"),
        "from_catalog": Mask.from_catalog(QTable({"where": coord.reshape(1)}), "1 deg", order=10),
        "cutout": Mask.full().cutout(coord, radius="1 deg"),
        "cutout of a rectangle": Mask.full(frame="galactic").cutout(coord, width="1 deg", height="2 deg"),
        "contains": big.contains(coord),
        "distance": big.distance(coord).value,
        "energy_range": Mask.full(energy=AXIS).energy_range(coord)[0].value,
        "field_wcs": tuple(wcs.wcs.crval),
        "circle": Mask.from_regions(CircleSkyRegion(coord, 1 * u.deg), order=10),
        "ellipse": Mask.from_regions(ellipse, order=10, frame="galactic"),
    }


@pytest.mark.deep
def test_every_door_takes_the_direction():
    time, place = Time("2023-05-18T12:00"), EarthLocation.from_geodetic(-70.4 * u.deg, -24.6 * u.deg, 2600 * u.m)
    with iers.conf.set_temp("auto_download", False):
        moon = get_body("moon", time, place)
        bare = SkyCoord(moon.ra, moon.dec, frame=moon.frame.replicate_without_data())
        assert isinstance(bare.frame, GCRS)
        assert on_mask(moon) == on_mask(bare)
        # The star that is seen at this place.
        star = bare.transform_to("icrs")
        centre = Mask.from_cones(moon, "1 deg", order=10).components().center[0]
    assert centre.separation(star) < 0.01 * u.deg
    assert star.separation(SkyCoord(moon.ra, moon.dec)) < 21 * u.arcsec


def test_every_door_takes_the_direction_of_stars():
    motion = {"pm_ra_cosdec": -3.7 * u.arcsec / u.yr, "pm_dec": 0.5 * u.arcsec / u.yr}
    near = SkyCoord(219.9 * u.deg, -60.83 * u.deg, 1.3 * u.pc, **motion)
    assert on_mask(near) == on_mask(SkyCoord(219.9, -60.83, unit="deg"))


@examples(15)
@given(st.floats(0, 359.5, width=32), st.floats(-89, 89, width=32), st.sampled_from(["icrs", "galactic", "fk4"]))
def test_every_door_takes_single_precision_for_its_numbers(lon, lat, frame):
    single = SkyCoord(np.float32(lon) * u.deg, np.float32(lat) * u.deg, frame=frame)
    assert single.data.lon.dtype == np.float32
    assert on_mask(single) == on_mask(SkyCoord(lon, lat, unit="deg", frame=frame))


def zone_of(angles):
    closed = "both"  # a zone without width has a place only there
    return Mask.from_zone(angles, np.sort(angles), order=6, closed=closed)


@examples(30)
@given(st.tuples(*[st.floats(2**-10, 10, width=32)] * 2), st.sampled_from([u.deg, u.arcmin, u.mrad]))
def test_single_precision_of_angles(values, unit):
    one, other = (np.array(values, dtype=kind) * unit for kind in (np.float32, np.float64))
    assert one.dtype == np.float32
    assert Mask.from_cones(STARS, one, order=9) == Mask.from_cones(STARS, other, order=9)
    assert MASK.dilate(one[0]) == MASK.dilate(other[0])
    assert MASK.cutout(STARS[0], radius=one[0]) == MASK.cutout(STARS[0], radius=other[0])
    assert MASK.cutout(STARS[0], width=one[0], height=one[1]) == MASK.cutout(STARS[0], width=other[0], height=other[1])
    assert zone_of(one) == zone_of(other)
    assert MASK.apodize(one[0], order=4).tolist() == MASK.apodize(other[0], order=4).tolist()
    a, b = (CircleSkyRegion(STARS[0], angles[0]) for angles in (one, other))
    assert Mask.from_regions(a, order=9) == Mask.from_regions(b, order=9)
    a, b = (EllipseSkyRegion(STARS[1], *angles, angle=angles[0]) for angles in (one, other))
    assert Mask.from_regions(a, order=9) == Mask.from_regions(b, order=9)


def test_single_precision_of_polygons():
    lon, lat = np.float32([10.1, 14.3, 12.7]), np.float32([1.1, 2.3, 7.7])
    a, b = (PolygonSkyRegion(SkyCoord(lon.astype(kind), lat.astype(kind), unit="deg")) for kind in ("f4", "f8"))
    for frame in ("icrs", "galactic"):
        assert Mask.from_regions(a, order=18, frame=frame) == Mask.from_regions(b, order=18, frame=frame)


def test_zone_up_to_a_pole_of_single_precision():
    expected = Mask.from_zone(None, [85, 90] * u.deg, order=6)
    assert Mask.from_zone(None, np.float32([85, 90]) * u.deg, order=6) == expected


def test_cell_on_an_edge_in_single_precision():
    # Row 4947 of gll_psc_v41: cell 676412 of order 8 is 1.7e-6 deg within the edge, as healpy says.
    row = SkyCoord(np.float32([259.65850830078125]), np.float32([-49.36259841918945]), unit="deg")
    assert Mask.from_cones(row, "1 deg", order=8).planes[0].n_cells == 62


def test_doors_to_exclusion_mask():
    pytest.importorskip("gammapy")
    from hpmask.interop.gammapy import containment, offset_masks

    class Psf:
        containment_radius = None

    time = Time("2023-05-18T12:00")
    with iers.conf.set_temp("auto_download", False):
        moon = get_body("moon", time)
        bare = SkyCoord(moon.ra, moon.dec, frame=GCRS(obstime=time))
        a, b = (offset_masks(one.reshape(1), "1 deg", order=9)[0] for one in (moon, bare))
        assert a == b
        assert a.contains(bare)
        # gammapy would bring the position to the frame of the PSF's map with its distance.
        assert containment(Psf(), 0.9, position=moon).position.separation(bare.transform_to("icrs")) < 1e-6 * u.arcsec
        mask = Mask.from_cones(bare, "1 deg", order=9)
        asked = mask.to_exclusion_mask()
        for coords in (moon, (moon,), {"skycoord": moon}):
            assert asked.get_by_coord(coords).all()
        with pytest.raises(ValueError, match=r"^observations must be finite"):
            offset_masks(SkyCoord([np.nan], [2], unit="deg", frame=GCRS(obstime=time)), "1 deg", order=9)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_single_precision_for_gammapy(frame):
    pytest.importorskip("gammapy")
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(0, 360, 300).astype("f4"), rng.uniform(-80, 80, 300).astype("f4")
    stars = SkyCoord(lon.astype(float), lat.astype(float), unit="deg", frame=frame)
    mask = Mask.from_cones(stars, "0.02 arcsec", order=24, frame=frame).to_exclusion_mask()
    single = SkyCoord(lon, lat, unit="deg", frame=frame)
    for coords in ({"lon": lon, "lat": lat}, {"lon": lon * u.deg, "lat": lat * u.deg}, {"skycoord": single}):
        assert mask.get_by_coord(coords).all()


# ---------------------------------------------------------------------- names in errors


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("center", lambda bad: Mask.from_cones(bad, "1 deg", order=3)),
        ("center", lambda bad: MASK.cutout(bad, radius="1 deg")),
        ("center", lambda bad: field_wcs(bad, "1 deg")),
        ("positions", lambda bad: MASK.contains(bad)),
        ("coord", lambda bad: MASK.distance(bad)),
        ("coord", lambda bad: Mask.full(energy=AXIS).energy_range(bad)),
    ],
)
def test_errors_name_the_position(argument, call):
    with pytest.raises(TypeError, match=rf"^{argument} must be a SkyCoord, .*got tuple: \(10, 20\)$"):
        call((10, 20))
    with pytest.raises(ValueError, match=rf"^{argument} must be finite, got lon=nan deg, lat="):
        call(SkyCoord(np.nan, 20, unit="deg"))
    with pytest.raises(ValueError, match=rf"^{argument} must not be masked$"):
        call(SkyCoord(Masked(10 * u.deg, mask=True), 20 * u.deg))
    with pytest.raises(ValueError, match=rf"^{argument}, in 'altaz', cannot be transformed to 'icrs'"):
        call(SkyCoord(10 * u.deg, 20 * u.deg, frame="altaz"))


def test_errors_of_python_name_the_class():
    with pytest.raises(TypeError, match=r"^Mask\.cutout\(\) missing 1 required positional argument"):
        MASK.cutout()
    with pytest.raises(TypeError, match=r"^Mask\.from_healpix\(\) missing 2 required keyword-only arguments"):
        Mask.from_healpix([])


def test_what_is_masked():
    assert arguments.masked(3 * u.deg).shape == ()
    assert not arguments.masked([1, 2]).any()
    np.testing.assert_array_equal(arguments.masked(np.ma.array([1, 2], mask=[0, 1])), [False, True])
    np.testing.assert_array_equal(arguments.masked(np.ma.array([1, 2])), [False, False])
    values = [1.0, 2.0] * u.deg
    assert arguments.unmasked(values, "x") is values
    assert arguments.float64(values) is values


def test_positions_in_errors_are_in_degrees():
    """Of radians and degrees alike, and in each frame."""
    two = SkyCoord([1, 2], [3, np.nan], unit="deg")
    mask = Mask.full(order=3)
    doors = {
        "center": lambda coord: Mask.from_cones(coord, "1 deg", order=5),
        "positions": mask.contains,
        "center ": lambda coord: Mask.from_cones(coord, "1 deg", order=5, frame="galactic"),
    }
    for argument, door in doors.items():
        with pytest.raises(ValueError, match=rf"^{argument.strip()} must be finite, .* row 1: lon=2 deg, lat=nan deg$"):
            door(two)
    with pytest.raises(ValueError, match="row 1: lon=2 deg, lat=nan deg"):
        Mask.from_cones(two[:1], "1 deg", order=5).distance(two)


def test_regions_by_their_name():
    text = "icrs; circle(1, 1, 1)"
    assert Mask.from_regions(regions=text, order=5) == Mask.from_regions(text, order=5)


def test_a_list_of_masks_in_place_of_a_mask():
    masks = [Mask.full(), Mask.empty()]
    with pytest.raises(TypeError, match=r"got list \(lists of masks go to hpmask\.union_all"):
        Mask.union(masks)
    for work in (Mask.intersection, Mask.difference, lambda some: Mask.symmetric_difference(some, masks[0])):
        with pytest.raises(TypeError, match="got list"):
            work(masks)


def test_shapes_of_radii_per_bin_are_listed_once():
    center = SkyCoord([1], [2], unit="deg")
    axis = EnergyAxis([1, 2] * u.TeV)
    with pytest.raises(ValueError, match=r"radius must have shape \(1, 1\), one row"):
        Mask.from_cones(center, [[1, 2]] * u.deg, order=6, energy=axis)


def test_integers_of_numpy_count_threads():
    assert thread_count(np.int64(3)) == 3
    with pytest.raises(TypeError, match="n_threads must be a positive integer or None, got True"):
        thread_count(True)


def test_values_in_errors_are_short_and_on_one_line():
    table = Table({"RA": np.arange(500.0), "DEC": np.arange(500.0)})
    for value, call in (
        (table, lambda value: Mask.from_cones(value, "1 deg", order=3)),
        (np.arange(5000.0), lambda value: Mask.from_cones(SkyCoord(1, 2, unit="deg"), value, order=3)),
    ):
        with pytest.raises(TypeError, match=r"must be a (SkyCoord|Quantity)") as caught:
            call(value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200


def test_columns_with_a_unit_are_quantities():
    table = Table({"R": [1.0, 2.0] * u.deg, "N": [1.0, 2.0]})
    center = SkyCoord([10, 50], [20, 60], unit="deg")
    assert Mask.from_cones(center, table["R"], order=6) == Mask.from_cones(center, [1, 2] * u.deg, order=6)
    with pytest.raises(TypeError, match="radius must be a Quantity"):
        Mask.from_cones(center, table["N"], order=6)
