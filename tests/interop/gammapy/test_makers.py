"""gammapy's background makers with our masks, on simulated observations.

The referees are the makers themselves, with gammapy's own fine masks of the same regions, and with the exact great-
circle distance at each of their pixels.
"""

import gammapy_fields  # noqa: F401  (skips without gammapy)
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.makers import (
    AdaptiveRingBackgroundMaker,
    FoVBackgroundMaker,
    ReflectedRegionsBackgroundMaker,
    ReflectedRegionsFinder,
    RingBackgroundMaker,
    WobbleRegionsFinder,
)
from gammapy.maps import Map, WcsGeom
from gammapy_fields import CRAB, ENERGY, map_dataset, observation, spectrum_dataset
from regions import CircleSkyRegion

from hpmask import EnergyAxis, Mask

# Centres of the fields.
PLACES = {
    "Crab": CRAB,
    "north pole": SkyCoord(30, 89.6, unit="deg"),
    "lon 180": SkyCoord(180, 40, unit="deg"),
    "lon 0, Galactic": SkyCoord(0.1, -0.2, unit="deg", frame="galactic"),
}
# Places for every run, and the others for the deep ones.
EACH_PLACE = [
    place if place in ("Crab", "north pole") else pytest.param(place, marks=pytest.mark.deep) for place in PLACES
]
# Sources in each field: offset from its centre, position angle and radius, all in deg.
SOURCES = [(0.4, 20, 0.3), (0.9, 140, 0.25), (0.7, 260, 0.2)]
# So fine that the size of the cells does not matter.
ORDER = 18


def sources(center):
    return [
        (center.directional_offset_by(angle * u.deg, offset * u.deg), radius * u.deg)
        for offset, angle, radius in SOURCES
    ]


def ours(found):
    center = SkyCoord([one.icrs for one, _ in found])
    return ~Mask.from_cones(center, u.Quantity([radius for _, radius in found]), order=ORDER)


def exact(found, geom):
    """The mask on a geometry by great-circle distance."""
    coord = geom.to_image().get_coord().skycoord
    keep = np.ones(coord.shape, dtype=bool)
    for source, radius in found:
        keep &= coord.separation(source) > radius
    return Map.from_geom(geom.to_image(), data=keep)


def fine(found, center):
    """gammapy's own mask of the regions, on small pixels."""
    geom = WcsGeom.create(skydir=center, binsz=0.01, width=5, proj="TAN", frame=center.frame.name)
    return geom.region_mask([CircleSkyRegion(source, radius) for source, radius in found], inside=False)


def norm_after(dataset, exclusion, **options):
    result = FoVBackgroundMaker(exclusion_mask=exclusion, **options).run(dataset)
    return result.background_model.spectral_model.norm.value


# ---------------------------------------------------------------------- field of view


@pytest.mark.parametrize("place", EACH_PLACE)
def test_field_of_view(place):
    center = PLACES[place]
    found = sources(center)

    def dataset():
        return map_dataset(center, sources=found, norm=1.2, proj="TAN")

    norm = norm_after(dataset(), ours(found).to_exclusion_mask())
    assert norm == norm_after(dataset(), exact(found, dataset().counts.geom))
    assert norm == pytest.approx(norm_after(dataset(), fine(found, center)), rel=1e-3)
    # It was worth it.
    assert abs(norm - 1.2) < 0.01 < norm_after(dataset(), None) - norm


def test_field_of_view_by_a_fit():
    found = sources(CRAB)
    norms = [
        norm_after(map_dataset(CRAB, sources=found, norm=1.2), exclusion, method="fit")
        for exclusion in (ours(found).to_exclusion_mask(), fine(found, CRAB))
    ]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)


def test_field_of_view_leaves_the_mask_of_the_user():
    dataset = map_dataset(CRAB)
    exclusion = ours(sources(CRAB)).to_exclusion_mask()
    before = exclusion.mask
    FoVBackgroundMaker(exclusion_mask=exclusion).run(dataset)
    assert dataset.mask_fit is None
    assert exclusion.mask is before
    assert not np.shares_memory(
        exclusion.interp_to_geom(dataset._geom).data, exclusion.interp_to_geom(dataset._geom).data
    )


def test_source_smaller_than_a_pixel():
    """At the centres of pixels, a small source excludes nothing; with mode="inside" it excludes the pixel it is in."""
    source = SkyCoord(CRAB.ra + 0.026 * u.deg, CRAB.dec + 0.026 * u.deg)
    geom = map_dataset(CRAB, binsz=0.1).counts.geom
    mask = ~Mask.from_cones(source, "0.01 deg", order=16)
    assert mask.to_exclusion_mask().interp_to_geom(geom).data.all()
    inside = mask.to_exclusion_mask(mode="inside").interp_to_geom(geom).data
    assert 1 <= (~inside[0]).sum() <= 4
    assert norm_after(map_dataset(CRAB, binsz=0.1), mask.to_exclusion_mask(mode="inside")) > 0


def test_energy_dependent():
    """Each energy bin its own exclusion; gammapy's referee is a cube of masks on the same pixels."""
    axis = EnergyAxis(ENERGY.edges)
    mask = ~Mask.from_cones(CRAB, [[0.8, 0.4, 0.2]] * u.deg, order=ORDER, energy=axis)
    dataset = map_dataset(CRAB, norm=0.9)
    separation = dataset.counts.geom.to_image().get_coord().skycoord.separation(CRAB)
    cube = np.array([separation > radius * u.deg for radius in (0.8, 0.4, 0.2)])
    theirs = Map.from_geom(dataset.counts.geom, data=cube)
    assert norm_after(dataset, mask.to_exclusion_mask()) == norm_after(map_dataset(CRAB, norm=0.9), theirs)


# ---------------------------------------------------------------------- rings


@pytest.mark.parametrize("place", EACH_PLACE)
def test_ring(place):
    center = PLACES[place]
    found = sources(center)
    dataset = map_dataset(center, sources=found, proj="TAN")
    results = []
    for exclusion in (ours(found).to_exclusion_mask(), exact(found, dataset.counts.geom), fine(found, center)):
        maker = RingBackgroundMaker(r_in="0.5 deg", width="0.3 deg", exclusion_mask=exclusion)
        results.append(maker.run(dataset))
    for name in ("counts_off", "acceptance_off"):
        mine, by_distance, by_gammapy = (getattr(result, name).data for result in results)
        assert np.isfinite(mine).all()
        np.testing.assert_array_equal(mine, by_distance)
        assert mine.sum() == pytest.approx(by_gammapy.sum(), rel=2e-3)
    excluded = RingBackgroundMaker(r_in="0.5 deg", width="0.3 deg").run(dataset).counts_off.data.sum()
    assert results[0].counts_off.data.sum() < 0.95 * excluded


def test_adaptive_ring():
    found = sources(CRAB)
    dataset = map_dataset(CRAB, sources=found, binsz=0.1).to_image()
    results = []
    for exclusion in (ours(found).to_exclusion_mask(), exact(found, dataset.counts.geom), fine(found, CRAB)):
        maker = AdaptiveRingBackgroundMaker(
            r_in="0.4 deg", r_out_max="1.2 deg", width="0.2 deg", stepsize="0.2 deg", exclusion_mask=exclusion
        )
        results.append(maker.run(dataset))
    mine, by_distance, by_gammapy = (result.counts_off.data for result in results)
    np.testing.assert_array_equal(mine, by_distance)
    # A pixel of the outline more or less makes another ring the first one that is large enough.
    assert np.nansum(mine) == pytest.approx(np.nansum(by_gammapy), rel=2e-2)


# ---------------------------------------------------------------------- reflected regions


def around(center, at=0.6):
    """An ON region, and sources in the way of some of its reflections."""
    on = CircleSkyRegion(center.directional_offset_by(90 * u.deg, at * u.deg), 0.11 * u.deg)
    blocks = [
        (center.directional_offset_by(200 * u.deg, at * u.deg), 0.2 * u.deg),
        (center.directional_offset_by(300 * u.deg, at * u.deg), 0.12 * u.deg),
    ]
    return on, blocks


@pytest.mark.parametrize(
    ("place", "finder"),
    [
        ("Crab", WobbleRegionsFinder(n_off_regions=9)),
        ("north pole", ReflectedRegionsFinder()),
        *(
            pytest.param(place, finder, marks=pytest.mark.deep)
            for place in PLACES
            for finder in (ReflectedRegionsFinder(), WobbleRegionsFinder(n_off_regions=9))
        ),
    ],
)
def test_reflected_regions(place, finder):
    center = PLACES[place]
    on, blocks = around(center)
    reference = finder._create_reference_geometry(on, center)
    found = [
        finder.run(on, center, exclusion_mask=exclusion)[0]
        for exclusion in (ours(blocks).to_exclusion_mask(), exact(blocks, reference), fine(blocks, center))
    ]
    free = finder.run(on, center)[0]
    assert 3 <= len(found[0]) < len(free)
    assert len(found[0]) == len(found[1])
    for mine, theirs in zip(found[0], found[1], strict=True):
        assert mine.center.separation(theirs.center) < 1e-6 * u.arcsec
    assert abs(len(found[0]) - len(found[2])) <= (0 if place == "Crab" else 1)
    for region in found[0]:
        assert all(
            region.center.separation(source) > radius + region.radius - 0.015 * u.deg for source, radius in blocks
        )


def test_reflected_regions_maker():
    pointing = SkyCoord(CRAB.ra, CRAB.dec)
    on, blocks = around(pointing)
    counts = []
    for exclusion in (ours(blocks).to_exclusion_mask(), fine(blocks, pointing)):
        maker = ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion)
        result = maker.run(spectrum_dataset(on), observation(pointing))
        counts.append(result.counts_off.data.ravel())
    assert counts[0].sum() > 100
    np.testing.assert_array_equal(counts[0], counts[1])
    cube = Mask.full(energy=EnergyAxis(ENERGY.edges)).to_exclusion_mask()
    with pytest.raises(ValueError, match="spatial dimension"):
        ReflectedRegionsBackgroundMaker(exclusion_mask=cube)


def test_regions_far_apart():
    """Discs 120 deg apart, of which gammapy's HEALPix mask loses one, and at the pole and across lon 180."""
    far = SkyCoord([0, 120, 179.9, 240], [0, 0, 30, 89.7], unit="deg")
    mask = ~Mask.from_cones(far, "0.3 deg", order=ORDER)
    found = [(one, 0.3 * u.deg) for one in far]
    for center in far:
        dataset = map_dataset(center, sources=found, norm=1.1, proj="TAN", width=2)
        theirs = exact(found, dataset.counts.geom)
        np.testing.assert_array_equal(mask.to_exclusion_mask().interp_to_geom(dataset._geom).data[0], theirs.data)
        assert 90 < (~theirs.data).sum() < 130
        assert norm_after(dataset, mask.to_exclusion_mask()) == pytest.approx(1.1, abs=0.02)
