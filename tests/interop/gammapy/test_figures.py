"""The figures that gammapy's own tests state for masks, with masks of ours in place of gammapy's.

Energies agree exactly. Pixel counts agree exactly where a pixel is decided by its centre, and up to the pixels of the
outline where gammapy grows and shrinks by a kernel of pixels. Left out is what has no meaning on the sphere: kernels
that are wider than high, and points that are four pixels large.
"""

import gammapy_fields  # noqa: F401  (skips without gammapy)
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.datasets import MapDataset, MapDatasetOnOff
from gammapy.estimators import ExcessMapEstimator
from gammapy.maps import HpxGeom, Map, MapAxis, RegionGeom, WcsGeom
from gammapy.modeling.models import GaussianSpatialModel, Models, PowerLawSpectralModel, SkyModel
from gammapy.stats import CashFitStatistic
from regions import CircleSkyRegion

from hpmask import EnergyAxis, Mask

ORIGIN = SkyCoord(0, 0, unit="deg")
# Cells of a tenth of an arcsecond: no centre of a pixel is in doubt for them.
FINE = 21
# What is grown by a tenth of a pixel more or less is the same.
GROWN = 14


def square():
    return WcsGeom.create(skydir=ORIGIN, binsz=0.02, width=2)


def field():
    """The 2 x 2 deg of `square`."""
    return Mask.from_zone(("-1 deg", "1 deg"), ("-1 deg", "1 deg"), order=GROWN)


def outline(map_):
    """Number of pixels along the outline of what is True."""
    data = np.pad(map_.data, 1)
    edges = [(data[1:] ^ data[:-1]).sum(), (data[:, 1:] ^ data[:, :-1]).sum()]
    return int(sum(edges))


# ---------------------------------------------------------------------- regions


def test_region_mask():
    geom = WcsGeom.create(npix=(3, 3), binsz=2, proj="CAR")
    discs = Mask.from_cones(SkyCoord([0, 20], [0, 20], unit="deg"), "0.999 deg", order=12)
    assert discs.to_gammapy(geom).data.sum() == 1
    assert (~discs).to_gammapy(geom).data.sum() == 8


def test_circle():
    disc = Mask.from_cones(ORIGIN, "1 deg", order=FINE)
    assert disc.to_gammapy(square()).data.sum() == pytest.approx(7860, abs=8)
    # Exactly what great-circle distances say.
    assert disc.to_gammapy(square()).data.sum() == (square().separation(ORIGIN) < 1 * u.deg).sum()


def test_spherical_circle():
    disc = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "10 deg", order=16)
    assert disc.contains(SkyCoord([20.1, 22], [20, 20], unit="deg")).tolist() == [True, False]


# ---------------------------------------------------------------------- energies


def test_energy_mask():
    axis = MapAxis.from_nodes([1, 10, 100], interp="log", name="energy", unit="TeV")
    geom = WcsGeom.create(npix=(1, 1), binsz=1, axes=[axis])
    energy = EnergyAxis(axis.edges)
    for limits, kept in (
        (("3 TeV", None), [False, True, True]),
        ((None, "30 TeV"), [True, False, False]),
        (("3 TeV", "40 TeV"), [False, True, False]),
    ):
        assert Mask.from_energy(energy, *limits).to_gammapy(geom).data.ravel().tolist() == kept


def test_masks_along_other_axes():
    """The figures of test_make_mask_geom: images, HEALPix and a region with three axes."""
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=5)
    phase = MapAxis.from_bounds(0, 1, nbin=6, name="phase")
    other = MapAxis.from_bounds(1, 10, nbin=4, unit="TeV", name="freq")
    axes = [energy, phase, other]
    along = EnergyAxis(other.edges, name="freq", interp="lin")
    mask = Mask.from_energy(along, "3 TeV", "5 TeV", round_to_edge=True)
    map_ = mask.to_gammapy(WcsGeom.create(10, axes=axes))
    assert map_.data.sum(axis=(1, 2, 3, 4)).tolist() == [0, 3000, 0, 0]
    map_ = mask.to_gammapy(HpxGeom.create(binsz=10, frame="galactic", axes=axes))
    assert map_.data.sum(axis=(1, 2, 3)).tolist() == [0, 23040, 0, 0]
    region = RegionGeom.create(CircleSkyRegion(SkyCoord(2, 4.5, unit="deg"), 0.1 * u.deg), axes=axes)
    low = Mask.from_energy(EnergyAxis(energy.edges), "1 TeV", "3 TeV")
    assert low.to_gammapy(region).data.sum() == 48


def test_energy_range():
    axis = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=20)
    energy = EnergyAxis(axis.edges)
    one, two = (SkyCoord(266.5, lat, unit="deg") for lat in (-29.3, -28.7))

    def disc(center):
        return Mask.from_cones(center, "0.5 deg", order=12)

    mask = (
        (disc(one) & Mask.from_energy(energy, "1 TeV", "7 TeV"))
        | (disc(two) & Mask.from_energy(energy, "2 TeV", "8 TeV"))
        | Mask.from_energy(energy, "3 TeV", "6 TeV")
    )
    where = SkyCoord([265, one.ra.deg, two.ra.deg, 266.5], [-28, one.dec.deg, two.dec.deg, -29], unit="deg")
    low, high = mask.energy_range(where)
    assert u.allclose(low, axis.edges[[15, 10, 14, 10]])
    assert u.allclose(high, axis.edges[[17, 18, 19, 19]])
    # The same from a dataset that has the mask.
    geom = WcsGeom.create(skydir=where[-1], binsz=0.05, width=3, axes=[axis])
    dataset = MapDataset(mask_safe=mask.to_gammapy(geom))
    low_map, high_map = dataset.energy_range_safe
    assert u.allclose(low_map.get_by_coord({"skycoord": where}), low.value)
    assert u.allclose(high_map.get_by_coord({"skycoord": where}), high.value)


# ---------------------------------------------------------------------- growing and shrinking


def test_boundary_mask():
    """A box kernel eats as much from the sides of a field as a disc does."""
    theirs = square().boundary_mask(0.3 * u.deg)
    ours = field().erode("0.3 deg").to_gammapy(square())
    assert theirs.data.sum() == 4900
    assert abs(int(ours.data.sum()) - 4900) <= outline(theirs)
    assert ((ours.data ^ theirs.data).sum()) <= outline(theirs)


def test_erode():
    """gammapy's disc for 0.2 deg is 11 pixels of 0.02 deg."""
    circle = Mask.from_cones(ORIGIN, "1 deg", order=GROWN)
    theirs = square().region_mask("icrs;circle(0, 0, 1)").binary_erode(width=0.2 * u.deg, use_fft=False)
    assert theirs.data.sum() == 4832
    ours = circle.erode("0.22 deg").to_gammapy(square())
    assert (ours.data ^ theirs.data).sum() <= outline(theirs) / 2
    assert ours.data.sum() == pytest.approx(np.pi * 39**2, rel=0.01)


def test_dilate():
    circle = Mask.from_cones(ORIGIN, "0.8 deg", order=GROWN)
    theirs = square().region_mask("icrs;circle(0, 0, 0.8)").binary_dilate(width=0.2 * u.deg, use_fft=False)
    assert theirs.data.sum() == 8048
    ours = circle.dilate("0.22 deg").to_gammapy(square())
    assert (ours.data ^ theirs.data).sum() <= outline(theirs) / 2
    # Beyond the map the sphere goes on.
    assert circle.dilate("0.22 deg").area.value == pytest.approx(np.pi * 1.02**2, rel=0.002)


def test_dilate_and_erode_in_energy_bins():
    axis = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=2)
    geom = WcsGeom.create(skydir=ORIGIN, binsz=0.02, width=2, axes=[axis])
    energy = EnergyAxis(axis.edges)
    mask = field() & Mask.full(energy=energy)
    eroded = mask.erode("0.3 deg").to_gammapy(geom)
    assert abs(int(eroded.data.sum()) - 9800) <= 2 * 4 * 70
    assert mask.erode("0.3 deg").dilate("0.62 deg").to_gammapy(geom).data.all()


# ---------------------------------------------------------------------- datasets


def test_to_masked():
    axis = MapAxis.from_energy_bounds(1, 10, 2, unit="TeV")
    geom = WcsGeom.create(npix=(10, 10), binsz=0.05, axes=[axis])
    theirs = Map.from_geom(geom, data=True, dtype=bool)
    theirs.data[0][5:8] = False
    mask = Mask.from_gammapy(theirs)
    dataset = MapDataset(counts=Map.from_geom(geom, data=1), mask_safe=mask.to_gammapy(geom))
    assert dataset.to_masked().counts.data.sum() == 170


def test_to_image():
    axis = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=2)
    geom = WcsGeom.create(skydir=ORIGIN, binsz=0.5, width=(1, 1), axes=[axis])
    data = np.array([[[False, True], [True, True]], [[False, False], [True, True]]])
    mask = Mask.from_gammapy(Map.from_geom(geom, data=data))
    dataset = MapDataset.create(geom)
    dataset.mask_safe = mask.to_gammapy(geom)
    image = dataset.to_image().mask_safe.data
    assert image.squeeze().tolist() == [[False, True], [True, True]]
    np.testing.assert_array_equal(mask.reduce("any").to_gammapy(geom.to_image()).data, image.squeeze())


def test_weights():
    half = Mask.from_zone(("-100 deg", "0 deg"), None, order=10)
    map_ = Map.create(npix=(200, 200), binsz=0.9)
    map_.data[...] = 1
    weights = half.to_gammapy(map_.geom)
    assert map_.to_region_nd_map(weights=weights, func=np.sum).data.squeeze() == 2e4
    assert map_.to_region_nd_map(weights=weights, func=np.mean).data.squeeze() == 1


def test_select_models():
    axis = MapAxis.from_energy_edges(np.logspace(-1, 1, 3), unit="TeV")
    geom = WcsGeom.create(skydir=ORIGIN, width=(5, 4), axes=[axis], binsz=0.02)
    models = Models(
        [
            SkyModel(
                PowerLawSpectralModel(),
                GaussianSpatialModel(lon_0=f"{lon} deg", lat_0="0 deg", sigma="0.1 deg"),
                name=name,
            )
            for name, lon in (("1", 0), ("2", 1.1), ("3", -1.8))
        ]
    )
    mask = Mask.from_cones(ORIGIN, "1 deg", order=12).to_gammapy(geom)
    assert models.select_mask(mask, use_evaluation_region=True).names == ["1", "2"]
    assert models.select_mask(mask, use_evaluation_region=False).names == ["1"]
    assert models.select_mask(mask, margin=0.6 * u.deg, use_evaluation_region=True).names == ["1", "2", "3"]


def test_region_that_a_model_reaches():
    axis = MapAxis.from_edges(np.logspace(-1, 1, 3), unit="TeV", name="energy")
    geom = RegionGeom.create("galactic;circle(0, 0, 0.2)", axes=[axis], binsz_wcs="0.05 deg")
    mask = Mask.full(frame="galactic").to_gammapy(geom)
    model = SkyModel(
        PowerLawSpectralModel(),
        GaussianSpatialModel(lon_0="0.2 deg", lat_0="0 deg", sigma="0.1 deg", frame="galactic"),
    )
    assert model.contributes(mask, margin=0 * u.deg)


def test_cash():
    class Dataset:
        """As much of one as the statistic wants."""

    axis = MapAxis.from_energy_bounds("1 TeV", "8 TeV", nbin=3)
    geom = RegionGeom.create("icrs;circle(0, 0, 0.2)", axes=[axis])
    energy = EnergyAxis(axis.edges)
    mask = Mask.from_energy(energy, None, "2 TeV") | Mask.from_energy(energy, "4 TeV", None)
    dataset = Dataset()
    dataset.counts = Map.from_geom(geom, data=np.array([1.0, 2, 3]).reshape(3, 1, 1))
    dataset.npred = lambda: dataset.counts
    dataset.mask = mask.to_gammapy(geom)
    assert CashFitStatistic.stat_sum_dataset(dataset) == pytest.approx(1.40832626799)


@pytest.mark.deep
def test_excess_map():
    """A cross of pixels left out of an excess map."""
    axis = MapAxis.from_energy_bounds(0.1, 10, 2, unit="TeV")
    geom = WcsGeom.create(npix=20, binsz=0.02, axes=[axis])
    dataset = MapDatasetOnOff.create(geom)
    dataset.mask_safe += np.ones(dataset.data_shape, dtype=bool)
    for name, value in (("counts", 2), ("counts_off", 1), ("acceptance", 1), ("acceptance_off", 1)):
        setattr(dataset, name, getattr(dataset, name) + value)
    dataset.exposure.data += 1e6
    dataset.psf = None
    # Column 10 is at longitudes of -0.02 to 0, row 10 at latitudes of 0 to 0.02.
    column = Mask.from_zone(("-0.02 deg", "0 deg"), None, order=18)
    row = Mask.from_zone(None, ("0 deg", "0.02 deg"), order=18)
    dataset.mask_fit = (~(column | row)).to_gammapy(geom)
    assert (~dataset.mask_fit.data[0]).sum() == 39
    result = ExcessMapEstimator(0.11 * u.deg, correlate_off=True).run(dataset)
    assert np.isnan(result["npred"].data[0, 10, 10])
    assert result["npred"].data[0, 9, 9] == pytest.approx(304)
    assert result["sqrt_ts"].data[0, 9, 9] == pytest.approx(7.186745, abs=1e-3)
