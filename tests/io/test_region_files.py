"""Outlines in region files, read back by hpmask, by the regions package and by shapely."""

import json
import re

import numpy as np
import pytest
from astropy import units as u
from hypothesis import HealthCheck, given
from profiles import examples
from regions import Regions
from strategies import low_sets

from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet, io
from hpmask.geometry import healpix

NAMES = ("m.reg", "m.crtf", "m.geojson", "m.stcs")
ISLAND = "icrs; annulus(40, 10, 10, 20); annulus(40, 10, 2, 5); circle(200, -40, 3)"


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("order", [0, 4, 7, 12])
@pytest.mark.parametrize("name", NAMES)
def test_files_give_the_mask_back(tmp_path, name, order, frame):
    if order == 12:
        mask = Mask.from_regions("icrs; annulus(0, 89.9, 0.1, 0.4); circle(45, 41.81, 0.2)", order=order, frame=frame)
    elif order == 0:
        mask = Mask(RangeSet.from_cells([0, 1, 5, 9], 0), frame=frame)
    else:
        mask = Mask.from_regions(ISLAND, order=order, frame=frame)
    mask.write(tmp_path / name)
    assert Mask.from_regions(tmp_path / name, order=order, frame=frame) == mask
    mask.write(tmp_path / f"{name}.gz")
    assert Mask.from_regions(tmp_path / f"{name}.gz", order=order, frame=frame) == mask


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", [5, 29])
def test_the_smallest_and_the_largest_masks(tmp_path, name, order):
    one = Mask(RangeSet.from_cells([1234], order))
    one.write(tmp_path / name)
    assert Mask.from_regions(tmp_path / name, order=order) == one
    for i, large in enumerate((Mask.full(order=5), ~Mask.from_regions("icrs; circle(10, 10, 3)", order=5))):
        large.write(tmp_path / f"{i}{name}")
        assert Mask.from_regions(tmp_path / f"{i}{name}", order=5) == large


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(low_sets(max_order=3))
def test_random_masks(tmp_path, pair):
    mask = Mask(pair[0], order=pair[0].order)
    for name in NAMES:
        if not mask.is_empty:
            mask.write(tmp_path / name, overwrite=True)
            assert Mask.from_regions(tmp_path / name, order=mask.order) == mask


@pytest.mark.parametrize(("name", "format"), [("m.reg", "ds9"), ("m.crtf", "crtf")])
def test_the_regions_package_reads_them(tmp_path, name, format):
    mask = Mask.from_regions(ISLAND, order=7)
    mask.write(tmp_path / name)
    found = Regions.read(str(tmp_path / name), format=format)
    assert len(found) == len(mask.outline()) == 3
    for region, expected in zip(found, mask.to_regions(), strict=True):
        assert region.vertices.separation(expected.vertices).max() < 1e-5 * u.deg


def test_text_of_ds9(tmp_path):
    Mask(RangeSet.from_cells([5], 6)).write(tmp_path / "m.reg")
    text = (tmp_path / "m.reg").read_text()
    numbers = r"-?\d+\.\d{6}"
    assert re.fullmatch(rf"# Region file format: DS9 version 4\.1\nicrs\npolygon\({numbers}(,{numbers}){{7}}\)\n", text)


def test_geojson(tmp_path):
    shapely = pytest.importorskip("shapely")
    mask = Mask.from_regions(ISLAND, order=7)
    mask.write(tmp_path / "m.geojson")
    content = json.loads((tmp_path / "m.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    assert (content["frame"], content["order"]) == ("icrs", 7)
    polygons = [shapely.geometry.shape(one["geometry"]) for one in content["features"]]
    outline = mask.outline()
    assert [len(one.interiors) for one in polygons] == [len(one.holes) for one in outline] == [1, 1, 0]
    for polygon in polygons:
        assert polygon.exterior.is_ccw
        assert polygon.is_valid
        assert not any(hole.is_ccw for hole in polygon.interiors)
        assert polygon.exterior.coords[0] == polygon.exterior.coords[-1]
    # Cells are small here, so that sides in the plane of longitude and latitude are close enough to great circles.
    lon, lat = np.degrees(healpix.centres(np.arange(healpix.n_cells(7), dtype=np.uint64), 7))
    places = shapely.points(np.where(lon > 180, lon - 360, lon), lat)
    inside = np.any([shapely.contains(polygon, places) for polygon in polygons], axis=0)
    assert Mask(RangeSet.from_cells(np.flatnonzero(inside), 7)) == mask


def test_stcs(tmp_path):
    mask = Mask.from_regions(ISLAND, order=6)
    mask.write(tmp_path / "m.stcs")
    lines = (tmp_path / "m.stcs").read_text().splitlines()
    assert lines[0] == "Union ICRS ("
    assert lines[-1] == ")"
    polygons = [re.fullmatch(r"  Polygon( -?\d+\.\d{6} -?\d+\.\d{6})+", line) for line in lines[1:-1]]
    assert len(polygons) == 3
    assert all(polygons)
    one = Mask(RangeSet.from_cells([5], 6), frame="galactic")
    one.write(tmp_path / "one.stcs")
    text = (tmp_path / "one.stcs").read_text()
    assert text.startswith("Polygon GALACTIC ")
    # Anticlockwise as seen from inside the sphere, where longitudes grow to the left: clockwise in a plane.
    x, y = np.array(text.split()[2:], dtype=float).reshape(-1, 2).T
    assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() < 0


@pytest.mark.parametrize("name", NAMES)
def test_simplified(tmp_path, name):
    mask = Mask.from_regions("icrs; circle(40, 10, 5)", order=9)
    mask.write(tmp_path / name)
    mask.write(tmp_path / f"less-{name}", simplify="0.1 deg")
    sizes = [(tmp_path / one).stat().st_size for one in (name, f"less-{name}")]
    assert sizes[1] < 0.4 * sizes[0]
    with pytest.raises(ValueError, match=r"no ring is larger than simplify"):
        mask.write(tmp_path / "none.reg", simplify="30 deg")


def test_what_region_files_do_not_hold(tmp_path):
    axis = EnergyAxis([1, 2, 4] * u.TeV)
    energy = Mask([RangeSet.from_cells([5], 2), RangeSet.from_cells([6], 2)], energy=axis)
    for name in NAMES:
        with pytest.raises(ValueError, match=r"2 different planes in its 2 bins.*mask\[i\]"):
            energy.write(tmp_path / name)
        with pytest.raises(ValueError, match="the mask is empty"):
            Mask.empty(order=3).write(tmp_path / name)
    for name in ("m.fits", "m.txt", "m.json"):
        with pytest.raises(ValueError, match=r"simplify= is an option of the format 'ds9' or 'crtf' or .*is '"):
            Mask.full().write(tmp_path / name, simplify="1 deg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_region_file_is_not_a_mask_file(tmp_path, name):
    Mask(RangeSet.from_cells([5], 6)).write(tmp_path / name)
    (tmp_path / "other").write_bytes((tmp_path / name).read_bytes())
    for file in (name, "other"):
        with pytest.raises(MaskFormatError, match=r"a region file.*Mask\.from_regions"):
            Mask.read(tmp_path / file)


def test_formats_of_region_files():
    for name in ("ds9", "crtf", "geojson", "stcs"):
        assert io.formats[name].write_options == ("simplify",)
