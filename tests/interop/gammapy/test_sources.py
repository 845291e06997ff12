"""Masks of gammapy's models and catalogs, by what the models say of their extent."""

import warnings

import gammapy_fields  # noqa: F401  (skips without gammapy)
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from gammapy.catalog import (
    SourceCatalog1LHAASO,
    SourceCatalog2HWC,
    SourceCatalog3FGL,
    SourceCatalog3FHL,
    SourceCatalogHGPS,
)
from gammapy.maps import HpxGeom, HpxNDMap, Map, WcsGeom
from gammapy.modeling.models import (
    ConstantSpatialModel,
    DiskSpatialModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    GeneralizedGaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    Shell2SpatialModel,
    ShellSpatialModel,
    SkyModel,
    TemplateSpatialModel,
)
from gammapy_fields import CRAB, ENERGY
from regions import EllipseSkyRegion

from hpmask import EnergyAxis, Mask
from hpmask.interop.gammapy import Extension

ORDER = 12
AT = {"lon_0": CRAB.ra, "lat_0": CRAB.dec}


def disc(radius, **options):
    return Mask.from_cones(CRAB, radius, order=ORDER, **options)


def sky(spatial, name=None):
    return SkyModel(PowerLawSpectralModel(), spatial, name=name)


@pytest.mark.parametrize(
    ("model", "radius"),
    [
        (GaussianSpatialModel(**AT, sigma="0.2 deg"), 1.0),
        (DiskSpatialModel(**AT, r_0="0.5 deg", edge_width=0.1), 0.55),
        (ShellSpatialModel(**AT, radius="0.4 deg", width="0.1 deg"), 0.5),
        (Shell2SpatialModel(**AT, r_0="0.6 deg", eta=0.2), 0.6),
        (GeneralizedGaussianSpatialModel(**AT, r_0="0.2 deg", eta=0.5), 5 * 0.2 / np.sqrt(2)),
    ],
)
def test_round_models(model, radius):
    assert Mask.from_gammapy(model, order=ORDER) == disc(radius * u.deg)
    assert Mask.from_gammapy([model], extension=Extension(margin="0.1 deg"), order=ORDER) == disc(
        (radius + 0.1) * u.deg
    )
    assert Mask.from_gammapy(Models([sky(model)]), extension=Extension(minimum="2 deg"), order=ORDER) == disc("2 deg")
    # All of the light is in: gammapy's own integral over the mask.
    geom = WcsGeom.create(skydir=CRAB, binsz=0.01, width=4)
    image = model.evaluate_geom(geom).value
    kept = Mask.from_gammapy(model, order=16).to_gammapy(geom).data
    assert image[~kept].sum() < 2e-5 * image.sum()
    if isinstance(model, ShellSpatialModel | Shell2SpatialModel):
        assert kept[geom.separation(CRAB) < 0.2 * u.deg].all()


@pytest.mark.parametrize("containment", [0.393469, pytest.param(0.68, marks=pytest.mark.deep), 0.95])
@pytest.mark.parametrize("eta", [None, pytest.param(0.3, marks=pytest.mark.deep), 1.0])
def test_containment_of_gaussians(containment, eta):
    if eta is None:
        model = GaussianSpatialModel(**AT, sigma="0.1 deg", e=0.7, phi="30 deg")
    else:
        model = GeneralizedGaussianSpatialModel(**AT, r_0="0.1 deg", eta=eta, e=0.7, phi="30 deg")
    geom = WcsGeom.create(skydir=CRAB, binsz=0.005, width=3)
    image = model.evaluate_geom(geom).value
    kept = Mask.from_gammapy(model, extension=Extension(containment=containment), order=17).to_gammapy(geom).data
    assert image[kept].sum() / image.sum() == pytest.approx(containment, abs=0.01)


def test_ellipses():
    for model, major in (
        (GaussianSpatialModel(**AT, sigma="0.2 deg", e=0.8, phi="40 deg"), 1.0),
        (DiskSpatialModel(**AT, r_0="1 deg", e=0.8, phi="40 deg", edge_width=0.2), 1.2),
    ):
        for margin in (0, 0.3):
            region = EllipseSkyRegion(
                CRAB, height=2 * (major + margin) * u.deg, width=2 * (0.6 * major + margin) * u.deg, angle=40 * u.deg
            )
            ours = Mask.from_gammapy(model, extension=Extension(margin=margin * u.deg), order=ORDER)
            assert ours == Mask.from_regions(region, order=ORDER)


def test_frames():
    for frame in ("icrs", "galactic", "fk5"):
        there = CRAB.transform_to(frame).spherical
        model = GaussianSpatialModel(lon_0=there.lon, lat_0=there.lat, sigma="0.1 deg", e=0.5, phi="0 deg", frame=frame)
        for mask_frame in ("icrs", "galactic"):
            mask = Mask.from_gammapy(model, order=ORDER, frame=mask_frame)
            assert mask.frame == mask_frame
            assert mask.contains(CRAB)
            north = SkyCoord(there.lon, there.lat + 0.49 * u.deg, frame=frame)
            east = SkyCoord(there.lon + 0.49 * u.deg / np.cos(there.lat), there.lat, frame=frame)
            assert mask.contains(north)
            assert not mask.contains(east)


def test_points():
    model = sky(PointSpatialModel(**AT), "point")
    cell = Mask.from_gammapy([model], order=ORDER)
    assert cell.planes[0].n_cells == 1
    assert cell.contains(CRAB)
    assert Mask.from_gammapy([model], extension=Extension(margin="0.3 deg"), order=ORDER) == disc("0.3 deg")
    assert Mask.from_gammapy([model], extension="0.3 deg", order=ORDER) == disc("0.3 deg")
    assert Mask.from_gammapy([model], order=ORDER, mode="overlap").contains(CRAB)
    assert Mask.from_gammapy([model], order=ORDER, mode="inside").area == 0


def test_templates():
    geom = WcsGeom.create(skydir=CRAB, binsz=0.05, width=3, frame="icrs")
    data = (geom.separation(CRAB) < 0.5 * u.deg).astype(float)
    template = TemplateSpatialModel(Map.from_geom(geom, data=data, unit="sr-1"), normalize=False)
    mask = Mask.from_gammapy([sky(template)], order=ORDER)
    np.testing.assert_array_equal(mask.to_gammapy(geom).data, data > 0)
    wide = Mask.from_gammapy([sky(template)], extension=Extension(margin="0.2 deg"), order=ORDER)
    assert disc("0.65 deg").issubset(wide)
    assert wide.issubset(disc("0.75 deg"))
    cells = HpxGeom.create(nside=256, region=f"DISK({CRAB.ra.deg},{CRAB.dec.deg},2)", frame="icrs")
    data = (cells.separation(CRAB) < 0.5 * u.deg).astype(float)
    template = TemplateSpatialModel(HpxNDMap(cells, data=data, unit="sr-1"), normalize=False)
    mask = Mask.from_gammapy([template], order=8)
    np.testing.assert_array_equal(mask.to_gammapy(cells).data, data > 0)


def test_models_without_an_edge():
    nowhere = [sky(ConstantSpatialModel(), "diffuse"), sky(None, "spectrum")]
    everywhere = WcsGeom.create(binsz=10)
    nowhere.append(
        sky(TemplateSpatialModel(Map.from_geom(everywhere, data=1.0, unit="sr-1"), normalize=False), "isotropic")
    )
    point = sky(PointSpatialModel(**AT), "point")
    background = FoVBackgroundModel(dataset_name="x")
    for model in nowhere:
        with pytest.raises(ValueError, match=rf"1 of 2 sources has no extent.*'{model.name}'.*invalid='skip'"):
            Mask.from_gammapy(Models([point, model, background]), order=ORDER)
    with pytest.warns(UserWarning, match="3 of 4 sources have no extent.*'diffuse': ConstantSpatialModel.*left out"):
        mask = Mask.from_gammapy(
            Models([*nowhere, point]), extension=Extension(margin="1 deg"), order=ORDER, invalid="skip"
        )
    assert mask == disc("1 deg")
    assert "4 sources, 5 sigma, margin 1 deg" in mask.history
    assert "3 left out" in mask.history
    # Nothing but background is nothing.
    assert Mask.from_gammapy(Models([background]), order=ORDER).area == 0


def test_with_energy():
    axis = EnergyAxis(ENERGY.edges)
    mask = Mask.from_gammapy(GaussianSpatialModel(**AT, sigma="0.1 deg"), order=ORDER, energy=axis)
    assert mask.energy == axis
    assert mask == Mask(disc("0.5 deg").planes * 3, energy=axis)


def test_radii_per_energy_bin():
    axis = EnergyAxis(ENERGY.edges)
    models = Models([sky(PointSpatialModel(**AT), "one")])
    wanted = Mask.from_cones(CRAB, [[0.3, 0.2, 0.1]] * u.deg, order=ORDER, energy=axis)
    assert Mask.from_gammapy(models, extension=[[0.3, 0.2, 0.1]] * u.deg, order=ORDER, energy=axis) == wanted
    assert (
        Mask.from_gammapy(models, extension=lambda energy: [0.3, 0.2, 0.1] * u.deg, order=ORDER, energy=axis) == wanted
    )


@pytest.mark.parametrize(
    ("extension", "error", "facts"),
    [
        ([0.3, 0.2] * u.deg, ValueError, r"shape \(2,\)"),
        ([[0.3, 0.2]] * u.deg, ValueError, r"\(1, 3\).*shape \(1, 2\)"),
        ("200 deg", ValueError, "200.0 deg"),
        ("x", ValueError, "'x'"),
        (0.3, TypeError, "0.3"),
    ],
)
def test_errors_of_radii_name_the_argument(extension, error, facts):
    point = PointSpatialModel(**AT)
    with pytest.raises(error, match=f"^extension .*{facts}"):
        Mask.from_gammapy(point, extension=extension, order=ORDER, energy=EnergyAxis(ENERGY.edges))


def test_bad_extensions():
    for options in (
        {"n_sigma": 0},
        {"containment": 0.9, "n_sigma": 3},
        {"n_sigma": np.nan},
        {"containment": 1},
        {"margin": "-1 deg"},
        {"minimum": [1, 2] * u.deg},
    ):
        with pytest.raises(ValueError, match=next(iter(options))):
            Extension(**options)
    with pytest.raises(TypeError, match="margin"):
        Extension(margin=0.1)


# ---------------------------------------------------------------------- catalogs


def test_part_of_a_fermi_catalog(data):
    """Points, which are taken from the table at once, and extended sources, of which some lack their template."""
    catalog = SourceCatalog3FHL(data("catalogs/gll_psch_v13_3FHL.fit.gz"))
    names = np.ma.filled(np.ma.asarray(catalog.table["Extended_Source_Name"]), "").astype(str)
    extended = np.array([bool(name.strip()) for name in names])
    rows = np.sort(np.r_[np.flatnonzero(extended)[:8], np.flatnonzero(~extended)[:20]])
    catalog.table = catalog.table[rows]
    with pytest.warns(UserWarning, match=r"of 28 sources have no extent.*missing"):
        mask = Mask.from_gammapy(catalog, extension=Extension(margin="0.2 deg"), order=10, invalid="skip")
    points = catalog.positions[~extended[rows]]
    assert Mask.from_cones(points, "0.2 deg", order=10) <= mask
    with pytest.raises(ValueError, match=r"of 28 sources have no extent.*missing.*invalid='skip'"):
        Mask.from_gammapy(catalog, order=10)


@pytest.mark.deep
def test_a_fermi_catalog(data):
    catalog = SourceCatalog3FHL(data("catalogs/gll_psch_v13_3FHL.fit.gz"))
    with pytest.warns(UserWarning, match=r"of 1556 sources have no extent.*missing"):
        mask = Mask.from_gammapy(catalog, extension=Extension(margin="0.2 deg"), order=10, invalid="skip")
    # Each source as gammapy has it: points that were not asked one by one, too.
    rng = np.random.default_rng(1)
    for k in rng.choice(len(catalog.table), 40, replace=False):
        source = catalog[int(k)]
        if source.is_pointlike:
            assert Mask.from_cones(source.spatial_model().position, "0.2 deg", order=10).issubset(mask)
    extended = [source for source in catalog if not source.is_pointlike]
    assert len(extended) > 20
    checked = 0
    for source in extended:
        try:
            model = source.spatial_model()
        except FileNotFoundError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            region = model.to_region(size_factor=5) if isinstance(model, GaussianSpatialModel) else model.to_region()
        assert Mask.from_regions(region, order=10, mode="inside").issubset(mask)
        checked += 1
    assert checked > 15
    # Discs around all positions are those of its table.
    table = Mask.from_catalog(catalog.table, "0.2 deg", order=10)
    with pytest.warns(UserWarning, match=r"of 1556 sources have no extent.*missing"):
        discs = Mask.from_gammapy(catalog, extension="0.2 deg", order=10, invalid="skip")
    assert discs <= table
    points = catalog.positions[[source.is_pointlike for source in catalog]]
    assert discs.contains(points).all()


@pytest.mark.deep
def test_all_points_of_3fgl_are_as_gammapy_has_them(data):
    catalog = SourceCatalog3FGL(data("catalogs/gll_psc_v16_3FGL.fit.gz"))
    with pytest.warns(UserWarning, match="left out"):
        mask = Mask.from_gammapy(catalog, extension=Extension(margin="0.1 deg"), order=9, invalid="skip")
    assert mask.contains(catalog.positions).mean() > 0.995


def test_sums_of_gaussians(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        catalog = SourceCatalogHGPS(data("catalogs/hgps_catalog_v1.fits.gz"))
    # All shells and sums of three, and some of the others.
    kinds = np.asarray(catalog.table["Spatial_Model"]).astype(str)
    catalog.table = catalog.table[np.isin(np.char.strip(kinds), ["Shell", "3-Gaussian"]) | (np.arange(kinds.size) < 12)]
    mask = Mask.from_gammapy(catalog, extension=Extension(margin="0.1 deg"), order=12, frame="galactic")
    assert mask.contains(catalog.positions).all()
    shells = [source for source in catalog if source.data["Spatial_Model"] == "Shell"]
    assert shells
    for source in shells:
        whole = Mask.from_cones(source.position, source.data["Size"] + 0.1 * u.deg, order=12, frame="galactic")
        assert whole.issubset(mask)
    several = next(source for source in catalog if source.data["Spatial_Model"] == "3-Gaussian")
    for component in several.components:
        model = component.spatial_model()
        assert Mask.from_cones(model.position, 5 * model.sigma.quantity, order=12, frame="galactic").issubset(mask)


def test_a_radius_beside_the_point(tmp_path):
    """2HWC: some sources have a second, extended model."""
    table = Table({"source_name": ["one", "two"], "glon": [10.0, 20.0] * u.deg, "glat": [0.0, 1.0] * u.deg})
    table["pos_err"] = [0.1, 0.1] * u.deg
    for k, dnde, radius in ((0, [1, 1], [0, 0]), (1, [np.nan, 1], [np.nan, 1.5])):
        table[f"spec{k}_dnde"] = np.array(dnde) * u.Unit("cm-2 s-1 TeV-1")
        table[f"spec{k}_radius"] = np.array(radius) * u.deg
    table.write(tmp_path / "2hwc.ecsv")
    catalog = SourceCatalog2HWC(tmp_path / "2hwc.ecsv")
    mask = Mask.from_gammapy(catalog, extension=Extension(margin="0.1 deg"), order=11, frame="galactic")
    at = SkyCoord([10, 20], [0, 1], unit="deg", frame="galactic")
    # The soft edge of gammapy's disk is 1 % of its radius.
    assert mask == Mask.from_cones(at, [0.1, 1.5 * 1.01 + 0.1] * u.deg, order=11, frame="galactic")


def test_a_model_by_each_detector(tmp_path):
    """LHAASO: by WCDA, by KM2A, or by both."""
    table = Table({"Source_Name": ["both", "one"], "Model_a": ["WCDA", "KM2A"], "Model_b": ["KM2A", ""]})
    for tag, ra, size in (("", [10, 40], [0.2, 0]), ("_b", [10.5, 0], [0.3, 0])):
        table[f"RAJ2000{tag}"], table[f"DECJ2000{tag}"] = ra * u.deg, [20, 30] * u.deg
        table[f"r39{tag}"], table[f"r39_ul{tag}"] = size * u.deg, [0, 0.1] * u.deg
        table[f"pos_err{tag}"] = [0.1, 0.1] * u.deg
        table[f"E0{tag}"] = [3, 50] * u.TeV
        for name in ("N0", "N0_err"):
            table[f"{name}{tag}"] = [1e-13, 1e-14] * u.Unit("cm-2 s-1 TeV-1")
        table[f"gamma{tag}"], table[f"gamma_err{tag}"] = [2.5, 3.0], [0.1, 0.1]
    table.write(tmp_path / "lhaaso.fits")
    catalog = SourceCatalog1LHAASO(tmp_path / "lhaaso.fits")
    mask = Mask.from_gammapy(catalog, extension=Extension(n_sigma=3, margin="0.1 deg"), order=11)
    at = SkyCoord([10, 10.5, 40], [20, 20, 30], unit="deg", frame="fk5")
    assert mask == Mask.from_cones(at, [0.7, 1.0, 0.1] * u.deg, order=11)
