"""Mask.cutout. Referee: the intersection with the region's cells."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from strategies import range_sets

from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.regions.clip import clipped


@given(range_sets(), range_sets())
def test_clipped_is_the_intersection(plane, region):
    assert clipped(plane, region) == plane & region


def random_mask(order=9, seed=0, **options):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 360, 3000), np.degrees(np.arcsin(rng.uniform(-1, 1, 3000)))
    return Mask.from_cones(SkyCoord(lon, lat, unit="deg"), "1 deg", order=order, **options)


@pytest.mark.parametrize("place", [(83.6, 22), (0, 0), (10, 90), (200, -89.5), (45, 41.8)])
def test_disc(place):
    center = SkyCoord(*place, unit="deg")
    for mask in (random_mask(), ~random_mask(), random_mask(frame="galactic")):
        for radius in (0.7, 5.0, 60.0):
            part = mask.cutout(center, radius=radius * u.deg)
            least = Mask.from_cones(center, radius * u.deg, order=mask.order, frame=mask.frame)
            most = Mask.from_cones(center, 1.02 * radius * u.deg + 0.3 * u.deg, order=mask.order, frame=mask.frame)
            assert (mask & least).issubset(part)
            assert part.issubset(mask & most)
            assert part.order == mask.order
            assert "cutout" in part.history


def test_rectangle():
    center = SkyCoord(83.6, 22, unit="deg")
    mask = ~random_mask()
    part = mask.cutout(center, width="4 deg", height="2 deg")
    assert part == mask.cutout(center, width=4 * u.deg, height=2 * u.deg)
    assert mask.cutout(center, width="4 deg") == mask.cutout(center, width="4 deg", height="4 deg")
    region = Mask.from_regions("icrs; box(83.6, 22, 4d, 2d, 0)", order=9)
    assert (mask & region).issubset(part)
    assert part.area.value < 9.5


def test_energy():
    axis = EnergyAxis([1, 2, 3] * u.TeV)
    center = SkyCoord(10, 10, unit="deg")
    mask = Mask.from_cones(center, [[3, 5]] * u.deg, order=9, energy=axis)
    part = mask.cutout(center, radius="4 deg")
    assert part.energy == axis
    assert part.planes[0] == mask.planes[0]
    assert part.area[1] < mask.area[1]


def test_fine_masks_stay_small():
    center = SkyCoord(10, 10, unit="deg")
    mask = Mask(RangeSet.full(29))
    part = mask.cutout(center, radius="10 deg")
    assert part.n_ranges < 5000
    assert mask.cutout(center, radius="180 deg") == mask


@pytest.mark.parametrize("size", ["0 deg", "-1 deg", "nan deg", [1, 2] * u.deg, "181 deg"])
@pytest.mark.parametrize("name", ["radius", "width", "height"])
def test_bad_sizes(name, size):
    sizes = {"radius": size} if name == "radius" else {"width": "1 deg", "height": "1 deg", name: size}
    with pytest.raises(ValueError, match=f"{name} must be"):
        Mask.full().cutout(SkyCoord(1, 2, unit="deg"), **sizes)


def test_largest_sizes():
    center = SkyCoord(1, 2, unit="deg")
    assert Mask.full().cutout(center, radius="180 deg").is_full
    with pytest.raises(ValueError, match="width must be below 180"):
        Mask.full().cutout(center, width="180 deg", height="1 deg")


def test_bad_kinds():
    with pytest.raises(TypeError, match="radius must be"):
        Mask.full().cutout(SkyCoord(1, 2, unit="deg"), radius=3.0)
    with pytest.raises(ValueError, match="center must be one position"):
        Mask.full().cutout(SkyCoord([1, 2], [2, 3], unit="deg"), radius="1 deg")


@pytest.mark.parametrize("sizes", [{}, {"height": "1 deg"}, {"radius": "1 deg", "width": "1 deg"}])
def test_either_a_radius_or_width_and_height(sizes):
    with pytest.raises(TypeError, match="either radius or width and height"):
        Mask.full().cutout(SkyCoord(1, 2, unit="deg"), **sizes)
