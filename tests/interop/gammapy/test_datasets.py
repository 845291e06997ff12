"""Masks of gammapy's datasets: there, back, and what a fit makes of them."""

import operator
import warnings

import gammapy_fields  # noqa: F401  (skips without gammapy)
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import FixedPointingInfo, Observation, Observations
from gammapy.datasets import Datasets, FluxPointsDataset, SpectrumDataset
from gammapy.irf import PSF3D, PSFMap
from gammapy.makers import FoVBackgroundMaker, ReflectedRegionsBackgroundMaker
from gammapy.maps import Map, MapAxis, RegionGeom
from gammapy.modeling import Fit
from gammapy.modeling.models import FoVBackgroundModel, GaussianSpatialModel, PowerLawSpectralModel, SkyModel
from gammapy_fields import CRAB, ENERGY, TRUE, map_dataset, observation, spectrum_dataset
from regions import CircleSkyRegion

from hpmask import EnergyAxis, Mask
from hpmask.interop.gammapy import containment, fit_energy_range, from_dataset, offset_masks, set_mask_fit

AXIS = EnergyAxis(ENERGY.edges)
NEIGHBOUR = SkyCoord(84.3, 22.6, unit="deg")


def exclusion():
    return ~Mask.from_cones(NEIGHBOUR, "0.4 deg", order=14)


def energies(low, high):
    return Mask.from_energy(AXIS, low, high)


def nothing_kept(span):
    """Whether both ends of a range are NaN, with the unit of the axis."""
    assert len(span) == 2
    assert all(one.isscalar and one.unit == u.TeV for one in span)
    return all(np.isnan(one) for one in span)


# ---------------------------------------------------------------------- mask_fit


def test_a_mask_passes_gammapys_checks():
    dataset = map_dataset(CRAB)
    dataset.mask_fit = exclusion().to_gammapy(dataset.counts.geom)
    kept = dataset.mask.data
    np.testing.assert_array_equal(kept, dataset.mask_fit.data)
    assert dataset.mask_fit.geom is dataset.counts.geom
    assert dataset.mask_image.data.sum() == kept[0].sum()
    stacked = dataset.cutout(CRAB, "2 deg", name="cutout")
    assert stacked.mask_fit.data.sum() < kept.sum()


def test_set_mask_fit():
    near, far = map_dataset(CRAB, name="a"), map_dataset(NEIGHBOUR, name="b", proj="TAN")
    spectrum = spectrum_dataset(CircleSkyRegion(CRAB, 0.1 * u.deg), name="c")
    mask = exclusion() & energies("2 TeV", None)
    for datasets in (Datasets([near, far, spectrum]), [near, far, spectrum]):
        for one in datasets:
            one.mask_fit = None
        set_mask_fit(datasets, mask)
        for one in datasets:
            assert one.mask_fit.geom is one._geom
            np.testing.assert_array_equal(one.mask_fit.data, mask.to_gammapy(one._geom).data)
    set_mask_fit(near, energies(None, "5 TeV"), update=True)
    both = mask & energies(None, "5 TeV")
    np.testing.assert_array_equal(near.mask_fit.data, both.to_gammapy(near._geom).data)


def test_set_mask_fit_changes_all_or_none():
    other = map_dataset(CRAB, axis=MapAxis.from_energy_bounds("1 TeV", "9 TeV", nbin=3), name="other bins")
    datasets = [map_dataset(CRAB), other]
    with pytest.raises(ValueError, match="dataset 'other bins': the energy bins of the mask are not those of geom"):
        set_mask_fit(datasets, energies("2 TeV", None))
    assert datasets[0].mask_fit is None
    with pytest.raises(TypeError, match="got FluxPointsDataset"):
        set_mask_fit([FluxPointsDataset.__new__(FluxPointsDataset)], exclusion())


def test_energy_range():
    dataset = map_dataset(CRAB)
    assert u.allclose(u.Quantity(fit_energy_range(dataset, exclusion())), [1, 10] * u.TeV)
    middle = u.Quantity(fit_energy_range(dataset, energies("2 TeV", "6 TeV")))
    assert u.allclose(middle, ENERGY.edges[1:3])
    # As gammapy has it, once the mask is set.
    set_mask_fit(dataset, energies("2 TeV", "6 TeV"))
    low, high = dataset.energy_range_total
    assert u.allclose(middle, u.Quantity([low, high]))
    dataset.mask_safe.data[1:] = False
    assert nothing_kept(fit_energy_range(dataset, energies("2 TeV", "6 TeV")))
    with warnings.catch_warnings():
        # gammapy gives NaN, too, and numpy warns on the way.
        warnings.simplefilter("ignore")
        assert nothing_kept(dataset.energy_range_total)
    assert u.allclose(u.Quantity(fit_energy_range(dataset, exclusion())), ENERGY.edges[:2])
    spectrum = spectrum_dataset(CircleSkyRegion(NEIGHBOUR, 0.1 * u.deg))
    spectrum.mask_safe = None
    assert nothing_kept(fit_energy_range(spectrum, exclusion()))
    bare = map_dataset(CRAB)
    bare.counts, bare.mask_safe = Map.from_geom(bare.counts.geom.to_image()), None
    with pytest.raises(ValueError, match="no energy axis"):
        fit_energy_range(bare, exclusion())


def test_from_dataset():
    dataset = map_dataset(CRAB)
    mask = exclusion() & energies("2 TeV", None)
    set_mask_fit(dataset, mask)
    dataset.mask_safe.data[0] = False
    safe, fit = from_dataset(dataset)
    for ours, theirs in ((safe, dataset.mask_safe), (fit, dataset.mask_fit)):
        np.testing.assert_array_equal(ours.to_gammapy(dataset._geom).data, theirs.data)
    both = safe & fit
    np.testing.assert_array_equal(both.to_gammapy(dataset._geom).data, dataset.mask.data)
    dataset.mask_fit = None
    assert from_dataset(dataset).fit is None


def test_from_a_spectrum():
    spectrum = spectrum_dataset(CircleSkyRegion(CRAB, 0.1 * u.deg))
    spectrum.mask_safe.data[1:] = True
    masks = from_dataset(spectrum, order=12)
    assert masks.fit is None
    assert (masks.safe.to_gammapy(spectrum._geom).data == spectrum.mask_safe.data).all()
    assert not masks.safe.planes[0]
    with pytest.raises(TypeError, match="got Map"):
        from_dataset(MapAxis.from_edges([1, 2], name="energy"))


# ---------------------------------------------------------------------- fits


@pytest.mark.deep
def test_spectral_fit():
    """A spectrum whose first bin is spoilt: our energy mask and gammapy's give the same fit, and the right one."""
    axis = MapAxis.from_energy_bounds("1 TeV", "30 TeV", nbin=8)
    geom = RegionGeom.create(CircleSkyRegion(CRAB, 0.2 * u.deg), axes=[axis])
    results = []
    for way in ("ours", "gammapy", None):
        dataset = SpectrumDataset.create(geom, energy_axis_true=TRUE.upsample(4), name="spectrum")
        dataset.exposure.quantity = np.full(dataset.exposure.data.shape, 3e14) * u.Unit("cm2 s")
        dataset.background = Map.from_geom(geom, data=np.full(geom.data_shape, 2.0))
        dataset.mask_safe.data[...] = True
        truth = PowerLawSpectralModel(index=2.2, amplitude="1e-12 cm-2 s-1 TeV-1")
        dataset.models = [SkyModel(truth.copy(), name="source")]
        dataset.fake(random_state=3)
        dataset.counts.data[0] *= 3
        model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude="2e-12 cm-2 s-1 TeV-1"), name="source")
        dataset.models = [model]
        if way == "ours":
            dataset.mask_fit = Mask.from_energy(EnergyAxis(axis.edges), "1.5 TeV", None).to_gammapy(geom)
        elif way == "gammapy":
            dataset.mask_fit = geom.energy_mask(energy_min=1.5 * u.TeV)
        result = Fit().run([dataset])
        assert result.success
        results.append(np.append(model.parameters.value, dataset.stat_sum()))
    np.testing.assert_array_equal(results[0], results[1])
    assert abs(results[0][0] - 2.2) < 0.1 < abs(results[2][0] - 2.2)


@pytest.mark.deep
def test_3d_fit():
    """A source next to another that is not in the model: masks of the same circle and energies, the same parameters."""
    results = []
    for way in ("ours", "gammapy"):
        dataset = map_dataset(CRAB, binsz=0.08, width=2.5)
        source = SkyModel(
            PowerLawSpectralModel(index=2.3, amplitude="1e-7 cm-2 s-1 TeV-1"),
            GaussianSpatialModel(lon_0=CRAB.ra, lat_0=CRAB.dec, sigma="0.15 deg"),
            name="source",
        )
        other = SkyModel(
            PowerLawSpectralModel(index=1.5, amplitude="1e-7 cm-2 s-1 TeV-1"),
            GaussianSpatialModel(lon_0=NEIGHBOUR.ra, lat_0=NEIGHBOUR.dec, sigma="0.1 deg"),
            name="other",
        )
        background = FoVBackgroundModel(dataset_name=dataset.name)
        dataset.models = [source, other, background]
        dataset.fake(random_state=1)
        dataset.models = [source, background]
        source.spectral_model.index.value, source.spatial_model.sigma.value = 2.0, 0.2
        source.spatial_model.lon_0.frozen = source.spatial_model.lat_0.frozen = True
        if way == "ours":
            mask = ~Mask.from_cones(NEIGHBOUR, "0.5 deg", order=18) & energies(None, "5 TeV")
            dataset.mask_fit = mask.to_gammapy(dataset.counts.geom)
        else:
            geom = dataset.counts.geom
            circle = CircleSkyRegion(NEIGHBOUR, 0.5 * u.deg)
            dataset.mask_fit = geom.region_mask([circle], inside=False) & geom.energy_mask(energy_max=5 * u.TeV)
        result = Fit().run([dataset])
        assert result.success
        results.append((source.parameters.free_parameters.value, dataset.mask_fit.data))
    # gammapy's circle is one of its pixels.
    assert (results[0][1] != results[1][1]).sum() <= 4
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=2e-3)
    free = source.parameters.free_parameters
    assert free.names == ["index", "amplitude", "sigma"]
    errors = [parameter.error for parameter in free]
    assert (np.abs(results[0][0] - [2.3, 1e-7, 0.15]) < 3 * np.array(errors)).all()
    assert errors[2] < 0.02


# ---------------------------------------------------------------------- observations


def test_offset_masks():
    pointings = SkyCoord([83.6, 84.6, 0], [22, 22, 89.9], unit="deg")
    runs = Observations(
        [
            Observation(obs_id=k, pointing=FixedPointingInfo(fixed_icrs=p), gti=observation(CRAB, n_events=1).gti)
            for k, p in enumerate(pointings)
        ]
    )
    fields = offset_masks(runs, "2 deg", order=10)
    assert fields == [Mask.from_cones(p, "2 deg", order=10) for p in pointings]
    assert offset_masks(pointings, "2 deg", order=10) == fields
    # As gammapy's SafeMaskMaker has it.
    geom = map_dataset(CRAB, width=6).counts.geom.to_image()
    ours = offset_masks(CRAB, "2 deg", order=18)[0].to_gammapy(geom).data
    np.testing.assert_array_equal(ours, (geom.separation(CRAB) < 2 * u.deg))
    each = offset_masks(pointings, [1, 2, 3] * u.deg, order=10)
    assert each == [Mask.from_cones(p, r, order=10) for p, r in zip(pointings, [1, 2, 3] * u.deg, strict=True)]
    per_bin = offset_masks(pointings, [[1, 2, 3]] * u.deg, order=10, energy=AXIS)
    assert per_bin[1] == Mask.from_cones(pointings[1], [[1, 2, 3]] * u.deg, order=10, energy=AXIS)
    assert offset_masks(pointings, lambda axis: [1, 2, 3] * u.deg, order=10, energy=AXIS) == per_bin
    pole = offset_masks(pointings, [180] * 3 * u.deg, order=3)
    assert all(one.is_full for one in pole)
    with pytest.raises(TypeError, match="number 0 is str"):
        offset_masks(["1"], "2 deg", order=10)
    with pytest.raises(ValueError, match="at least one observation"):
        offset_masks([], "2 deg", order=10)


@pytest.mark.parametrize(
    ("offset_max", "error", "facts"),
    [
        ([1, 2] * u.deg, ValueError, r"\(3,\).*got shape \(2,\)"),
        ([1, np.nan, 3] * u.deg, ValueError, r"0 to 180 deg.*\(1,\).*nan"),
        ("-1 deg", ValueError, r"0 to 180 deg.*-1\.0 deg"),
        ("181 deg", ValueError, r"0 to 180 deg.*181\.0 deg"),
        ([[1, 2, 3]] * u.deg, ValueError, "energy"),
        (lambda axis: 1 * u.deg, ValueError, "energy"),
        (2.0, TypeError, "2.0"),
        ("2 TeV", ValueError, "TeV"),
    ],
)
def test_errors_of_offsets_name_the_argument(offset_max, error, facts):
    pointings = SkyCoord([83.6, 84.6, 0], [22, 22, 89.9], unit="deg")
    with pytest.raises(error, match=rf"^offset_max .*{facts}"):
        offset_masks(pointings, offset_max, order=10)


# ---------------------------------------------------------------------- PSFs


@pytest.mark.parametrize("interp", ["log", "lin"])
def test_containment_of_a_map(interp):
    sigma = np.array([0.2, 0.15, 0.1, 0.08, 0.06, 0.05]) * u.deg
    psf = PSFMap.from_gauss(TRUE, sigma=sigma)
    axis = EnergyAxis([0.7, 2, 5, 15] * u.TeV, interp=interp)
    width = containment(psf, 0.95)
    radii = width(axis)
    assert radii.shape == (3,)
    # The lower edge has the wider PSF.
    expected = psf.containment_radius(0.95, energy_true=axis.energy_min)
    assert u.allclose(radii, expected, rtol=1e-6)
    assert (np.diff(radii) < 0).all()
    assert u.allclose(containment(psf, 0.393)(axis)[0], 0.2 * u.deg, rtol=0.15)
    star = Mask.from_cones(CRAB, "0.1 deg", order=13, energy=axis)
    wide = star.dilate(width)
    assert wide == star.dilate(radii)
    assert (np.diff(wide.area) < 0).all()
    assert "95% containment of PSFMap" in wide.history


def test_containment_of_a_response():
    energy = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=6, name="energy_true")
    offset = MapAxis.from_bounds(0, 3, nbin=3, unit="deg", name="offset", node_type="center")
    rad = MapAxis.from_edges(np.linspace(0, 1, 201), unit="deg", name="rad")
    sigma = 0.1 + 0.05 * offset.center.value[:, np.newaxis]
    profile = np.exp(-0.5 * (rad.center.value / sigma) ** 2) / (2 * np.pi * sigma**2)
    psf = PSF3D([energy, offset, rad], data=np.broadcast_to(profile, (6, 3, 200)).copy(), unit="deg-2")
    axis = EnergyAxis([1, 3, 10] * u.TeV)
    for at, s in (("0 deg", 0.1), ("3 deg", 0.25)):
        radii = containment(psf, 0.68, offset=at)(axis)
        assert u.allclose(radii, 1.51 * s * u.deg, rtol=0.05)


def test_containment_that_is_none():
    psf = map_dataset(CRAB).psf
    for fraction in (0, 1, -0.1, np.nan):
        with pytest.raises(ValueError, match="fraction must be"):
            containment(psf, fraction)
    with pytest.raises(TypeError, match="got Map"):
        containment(ENERGY, 0.9)
    psf.psf_map.data[...] = np.nan
    with pytest.raises(ValueError, match=r"no radius of 90% containment in energy bin 0, 1\.0 TeV to"):
        containment(psf, 0.9)(AXIS)


def test_containment_beyond_the_last_radius():
    """gammapy's PSF map ends at 0.66 deg. Beyond that, the radius cannot be relied on."""
    psf = PSFMap.from_gauss(TRUE, sigma=0.4 * u.deg)
    assert psf.containment_radius(0.99, energy_true=2 * u.TeV) < 0.7 * u.deg
    energy, offset = TRUE, MapAxis.from_bounds(0, 1, nbin=2, unit="deg", name="offset", node_type="center")
    rad = MapAxis.from_edges(np.linspace(0, 0.5, 51), unit="deg", name="rad")
    profile = np.exp(-0.5 * (rad.center.value / 0.4) ** 2) / (2 * np.pi * 0.4**2)
    cut = PSF3D([energy, offset, rad], data=np.broadcast_to(profile, (6, 2, 50)).copy(), unit="deg-2")
    with pytest.raises(ValueError, match=r"no radius of 95% .* 5\d"):
        containment(cut, 0.95)(AXIS)


# ---------------------------------------------------------------------- a mask in place of a map


@pytest.mark.parametrize("safe", [True, False], ids=["with mask_safe", "without mask_safe"])
@pytest.mark.parametrize(
    "use",
    [
        lambda dataset: dataset.mask.data,
        lambda dataset: dataset.stat_sum(),
        lambda dataset: dataset.mask_image,
        lambda dataset: dataset.energy_range_total,
        lambda dataset: dataset.to_image(),
        lambda dataset: dataset.to_masked(),
        lambda dataset: dataset.write("never.fits"),
        lambda dataset: str(dataset),
    ],
)
def test_a_mask_without_pixels_as_mask_fit(safe, use):
    """gammapy does not check what is assigned; whatever uses it says what to do."""
    dataset = map_dataset(CRAB)
    if not safe:
        dataset.mask_safe = None
    mask = ~Mask.from_cones(CRAB, "0.3 deg", order=11)
    dataset.mask_fit = mask
    with pytest.raises((TypeError, AttributeError), match=r"to_gammapy\(geom\)|to_exclusion_mask\(\)"):
        use(dataset)
    dataset.mask_fit = mask.to_gammapy(dataset.counts.geom)
    assert np.isfinite(dataset.stat_sum())


@pytest.mark.parametrize("operation", [operator.and_, operator.or_, operator.xor, operator.mul, operator.iand])
def test_a_map_combined_with_a_mask(operation):
    """numpy would make a map of masks from this."""
    map_ = map_dataset(CRAB).mask_safe
    with pytest.raises(TypeError, match=r"because it has no pixels: to_gammapy\(geom\)"):
        operation(map_, ~Mask.from_cones(CRAB, "0.3 deg", order=11))
    assert map_.data.dtype == bool


def test_a_mask_as_the_data_of_a_map():
    with pytest.raises(AttributeError, match=r"no attribute 'shape'.*to_gammapy\(geom\)"):
        Map.from_geom(map_dataset(CRAB).counts.geom, data=Mask.full())


@pytest.mark.parametrize(
    "maker",
    [FoVBackgroundMaker, lambda exclusion_mask: ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion_mask)],
)
def test_a_mask_without_pixels_for_a_maker(maker):
    with pytest.raises(TypeError, match=r"to_exclusion_mask\(\)"):
        maker(exclusion_mask=Mask.full()).run(map_dataset(CRAB))
