"""What Mask.from_gammapy takes, and which options go with what."""

import subprocess
import sys

import gammapy_fields  # noqa: F401  (skips without gammapy)
import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from gammapy.catalog import SourceCatalog3FHL
from gammapy.maps import HpxGeom, Map, RegionGeom, WcsGeom
from gammapy.modeling.models import (
    DiskSpatialModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateSpatialModel,
)
from gammapy_fields import CRAB, ENERGY, map_dataset
from regions import CircleSkyRegion

from hpmask import EnergyAxis, Mask
from hpmask.interop.gammapy import Extension

POINT = PointSpatialModel(lon_0=CRAB.ra, lat_0=CRAB.dec)
SOURCE = SkyModel(PowerLawSpectralModel(), POINT, name="source")
GEOM = WcsGeom.create(skydir=CRAB, binsz=0.1, width=2, axes=[ENERGY])
MAP = Map.from_geom(GEOM, data=np.ones(GEOM.data_shape, dtype=bool))


def test_every_kind_of_sources():
    wanted = Mask.from_cones(CRAB, "0.3 deg", order=10)
    dataset = map_dataset(CRAB)
    dataset.models = [SOURCE, FoVBackgroundModel(dataset_name=dataset.name)]
    for data in (
        POINT,
        SOURCE,
        [POINT],
        (SOURCE,),
        Models([SOURCE]),
        dataset.models,
        Models([SOURCE, *dataset.models[1:]]),
    ):
        for extension in ("0.3 deg", 0.3 * u.deg, Extension(margin="0.3 deg")):
            mask = Mask.from_gammapy(data, extension=extension, order=10)
            assert type(mask) is Mask
            assert mask == wanted
            assert mask.history.startswith("from_gammapy(")
    assert Mask.from_gammapy([], order=10).is_empty


@pytest.mark.parametrize(
    "data",
    [
        MAP,
        Map.from_geom(HpxGeom(16), data=np.ones(3072, dtype=bool)),
        Map.from_geom(RegionGeom.create(CircleSkyRegion(CRAB, 1 * u.deg)), data=True),
    ],
    ids=["image", "HEALPix", "region"],
)
@pytest.mark.parametrize(
    "option",
    [
        {"extension": "1 deg"},
        {"invalid": "raise"},
        {"energy": EnergyAxis(ENERGY.edges)},
        {"progress": False},
    ],
    ids=lambda option: next(iter(option)),
)
def test_options_of_sources_with_maps(data, option):
    Mask.from_gammapy(data, order=8)
    (name,) = option
    with pytest.raises(TypeError, match=rf"^{name} .*{type(data).__name__}"):
        Mask.from_gammapy(data, order=8, **option)


@pytest.mark.parametrize("data", [POINT, [SOURCE], Models([SOURCE])], ids=lambda data: type(data).__name__)
@pytest.mark.parametrize("outside", [True, False])
def test_options_of_maps_with_sources(data, outside):
    with pytest.raises(TypeError, match=rf"^outside .*{type(data).__name__}"):
        Mask.from_gammapy(data, order=8, outside=outside)


@pytest.mark.parametrize("frame", [None, "icrs", "galactic"])
def test_frames(frame):
    """Maps keep theirs, sources come in ICRS."""
    galactic = WcsGeom.create(skydir=CRAB, binsz=0.1, width=2, frame="galactic")
    map_ = Map.from_geom(galactic, data=np.ones(galactic.data_shape, dtype=bool))
    assert Mask.from_gammapy(map_, order=8, frame=frame).frame == (frame or "galactic")
    assert Mask.from_gammapy(POINT, order=8, frame=frame).frame == (frame or "icrs")


@pytest.mark.parametrize("n_threads", [1, 3])
def test_threads_make_no_difference(n_threads):
    mask = ~Mask.from_cones(CRAB, "0.4 deg", order=12)
    for geom in (
        GEOM,
        HpxGeom(128, frame="galactic"),
        HpxGeom(100, nest=False),
        RegionGeom.create(CircleSkyRegion(CRAB, 1 * u.deg)),
    ):
        map_ = mask.to_gammapy(geom, n_threads=n_threads)
        np.testing.assert_array_equal(map_.data, mask.to_gammapy(geom).data)
        exclusion = mask.to_exclusion_mask(n_threads=n_threads)
        np.testing.assert_array_equal(map_.data, exclusion.interp_to_geom(geom).data)
        if not (geom.is_hpx and geom.nside.flat[0] == 100):
            back = Mask.from_gammapy(map_, order=9, frame="icrs", n_threads=n_threads)
            assert back == Mask.from_gammapy(map_, order=9, frame="icrs", n_threads=1)
    discs = Mask.from_gammapy(POINT, extension="1 deg", order=10, n_threads=n_threads)
    assert discs == Mask.from_gammapy(POINT, extension="1 deg", order=10)
    with pytest.raises(ValueError, match=r"^n_threads"):
        mask.to_gammapy(GEOM, n_threads=0)
    with pytest.raises(ValueError, match=r"^n_threads"):
        mask.to_exclusion_mask(n_threads=0)


def test_progress(capfd):
    Mask.from_gammapy(POINT, extension="1 deg", order=8, progress=True)
    shown = capfd.readouterr()
    assert shown.out == ""


def cap(radius):
    """The area of a disc."""
    return 2 * np.pi * (1 - np.cos(radius)) * u.sr


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_default_order_fits_the_smallest_source(frame):
    """Its area is right to 1 %."""
    small = DiskSpatialModel(lon_0="10 deg", lat_0="60 deg", r_0="0.2 deg", edge_width=0)
    large = GaussianSpatialModel(lon_0="100 deg", lat_0="-20 deg", sigma="0.4 deg")
    narrow = GaussianSpatialModel(lon_0="200 deg", lat_0="10 deg", sigma="0.1 deg", e=0.9, phi="20 deg")
    mask = Mask.from_gammapy([large, small, POINT], frame=frame)
    areas = np.sort(mask.components().area.to_value(u.sr))
    assert np.allclose(areas[1:], [cap(0.2 * u.deg).value, cap(2 * u.deg).value], rtol=0.01)
    assert f"order={mask.order}" in mask.history
    alone = Mask.from_gammapy(narrow, frame=frame)
    assert alone.area.to_value(u.deg**2) == pytest.approx(np.pi * 0.5**2 * np.sqrt(1 - 0.9**2), rel=0.01)
    assert Mask.from_gammapy([large, narrow], frame=frame).order == alone.order
    axis = EnergyAxis(ENERGY.edges)
    bins = Mask.from_gammapy(POINT, extension=[[1, 0.5, 0.2]] * u.deg, frame=frame, energy=axis)
    assert u.allclose(bins.area, cap([1, 0.5, 0.2] * u.deg), rtol=0.01)


def test_default_order_of_templates():
    geom = WcsGeom.create(skydir=CRAB, binsz=0.05, width=2)
    data = (geom.separation(CRAB) < 0.5 * u.deg).astype(float)
    template = TemplateSpatialModel(Map.from_geom(geom, data=data, unit="sr-1"), normalize=False)
    mask = Mask.from_gammapy(template)
    assert mask.order == Mask.from_gammapy(Map.from_geom(geom, data=data > 0)).order
    np.testing.assert_array_equal(mask.to_gammapy(geom).data, data > 0)


def test_points_have_no_order():
    with pytest.raises(ValueError, match="order or resolution must be given"):
        Mask.from_gammapy(POINT)
    assert Mask.from_gammapy(POINT, resolution="1 arcmin").order == 12


@pytest.mark.parametrize("data", [POINT, MAP], ids=["source", "map"])
def test_resolution_instead_of_an_order(data):
    assert Mask.from_gammapy(data, resolution="4 arcmin") == Mask.from_gammapy(data, order=10)
    with pytest.raises(TypeError, match="order and resolution exclude each other"):
        Mask.from_gammapy(data, order=10, resolution="4 arcmin")


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (None, "NoneType"),
        (np.ones(12, dtype=bool), "ndarray"),
        (Table({"ra": [1.0], "dec": [2.0]}), r"Table.*Mask\.from_catalog"),
        ("file.fits", "str"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_things(data, facts):
    with pytest.raises(TypeError, match=f"^data must be .*{facts}"):
        Mask.from_gammapy(data, order=8)


# ---------------------------------------------------------------------- geometries


@pytest.mark.parametrize(
    "geom",
    [
        GEOM.to_image(),
        WcsGeom.create(skydir=CRAB.galactic, binsz=0.1, width=(3, 1), frame="galactic"),
        WcsGeom.create(skydir=(83.0, 60.0), binsz=0.1, width=(3, 1), proj="TAN"),
        HpxGeom(32, region="DISK(80,20,5)"),
        HpxGeom(16, frame="galactic"),
        RegionGeom.create("icrs;circle(83,22,1)"),
        RegionGeom.create("galactic;box(184,-5,2,1,30)"),
    ],
    ids=lambda geom: f"{type(geom).__name__} {geom.frame}",
)
def test_a_geometry_is_the_sky_that_it_covers(geom):
    mask = Mask.from_gammapy(geom)
    assert mask.frame == geom.frame
    assert mask.history.startswith(f"from_gammapy({type(geom).__name__}, order=")
    assert mask.to_gammapy(geom).data.all()
    # gammapy says itself which positions are on its pixels.
    rng = np.random.default_rng(1)
    center = geom.center_skydir.icrs
    around = center.directional_offset_by(rng.uniform(0, 360, 20000) * u.deg, rng.uniform(0, 6, 20000) * u.deg)
    assert (mask.contains(around) != geom.contains(around)).mean() < 0.01
    solid_angle = geom.solid_angle().to_value(u.deg**2)
    total = solid_angle * geom.data_shape[-1] if geom.is_hpx else solid_angle.sum()
    assert mask.area.to_value(u.deg**2) == pytest.approx(total, rel=0.01)


def test_a_geometry_keeps_its_energy_bins():
    mask = Mask.from_gammapy(GEOM)
    assert mask == Mask.from_gammapy(MAP)
    assert mask.energy.n_bins == 3
    narrower = mask.erode(lambda energy: [0.1, 0.2, 0.3] * u.deg).to_gammapy(GEOM).data.sum(axis=(1, 2))
    np.testing.assert_allclose(narrower, [18**2, 16**2, 14**2], atol=4 * 18)


@pytest.mark.parametrize("option", [{"threshold": 1}, {"nan": "keep"}, {"outside": True}, {"extension": "1 deg"}])
def test_a_geometry_has_no_values(option):
    with pytest.raises(TypeError, match=f"{next(iter(option))} is an option for .*WcsGeom"):
        Mask.from_gammapy(GEOM, **option)


# ---------------------------------------------------------------------- errors


def test_an_axis_of_gammapy():
    hint = r"(\w+) must be an EnergyAxis, got MapAxis: hpmask\.interop\.gammapy\.axis_from_gammapy\(\1\) makes one"
    for make in (lambda: Mask.from_energy(ENERGY, "1 TeV"), lambda: Mask.from_cones(CRAB, "1 deg", energy=ENERGY)):
        with pytest.raises(TypeError, match=hint):
            make()


def test_a_dataset():
    with pytest.raises(TypeError, match=r"MapDataset.*from_dataset"):
        Mask.from_gammapy(map_dataset(CRAB), order=8)


def test_what_is_no_model():
    for data in ([POINT, 1], [MAP], PowerLawSpectralModel()):
        with pytest.raises(
            TypeError, match=f"^data must hold models .*{len(data) - 1 if isinstance(data, list) else 0}"
        ):
            Mask.from_gammapy(data, order=5)


def test_from_catalog_says_where_gammapys_objects_go(data):
    catalog = SourceCatalog3FHL(data("catalogs/gll_psch_v13_3FHL.fit.gz"))
    with pytest.raises(TypeError, match=r"^table must be .*SourceCatalog3FHL.*Mask\.from_gammapy.*\.table"):
        Mask.from_catalog(catalog, "0.2 deg", order=8)
    with pytest.raises(TypeError, match=r"^table must be .*Models.*Mask\.from_gammapy"):
        Mask.from_catalog(Models([SOURCE]), "0.2 deg", order=8)


@pytest.mark.deep
def test_from_catalog_loads_no_neighbour():
    """A table needs neither the modules of hpmask.interop nor gammapy or mocpy."""
    code = (
        "import sys, numpy as np; from astropy.table import Table; from hpmask import Mask\n"
        "Mask.from_catalog(Table({'ra': [1.0], 'dec': [2.0]}), '1 deg', order=5)\n"
        "print(*(name for name in sys.modules"
        " if name.startswith('hpmask.interop') or name.split('.')[0] in ('gammapy', 'mocpy')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
