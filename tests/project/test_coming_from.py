"""The page for users of other tools: its calls of hpmask run, and the central ones give what the other tool gives."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord, get_body
from astropy.table import Table
from astropy.time import Time

import hpmask
from hpmask import EnergyAxis, HealpixMap, Mask, MaskSet
from hpmask.wcs import field_wcs

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"


def rows():
    """The rows of the tables: the heading of the section, and the three cells."""
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
        if line.startswith("| ") and heading:
            cells = [cell.replace(r"\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if cells[1] != "hpmask":
                yield heading, cells


def calls(column):
    """The pieces of code in a column of the tables, by section."""
    return [
        pytest.param(heading, code, id=f"{heading.split()[0]}: {code}")
        for heading, cells in rows()
        for code in re.findall(r"`([^`]+)`", cells[column])
    ]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the page says that its names are."""
    folder = tmp_path_factory.mktemp("coming")
    center = SkyCoord(10, 20, unit="deg")
    lon, lat = [10, 11, 40], [20, 21, -5]
    a, b = (Mask.from_cones(center, radius, order=8) for radius in ("5 deg", "3 deg"))
    region = "icrs; circle(10, 20, 1)"
    wcs, shape = field_wcs(center, "4 deg", binsz="0.02 deg")
    (folder / "stars.reg").write_text(region.replace("; ", "\n"))
    (folder / "mask.ply").write_text(
        "1 polygons\npolygon 0 ( 1 caps, 1 weight, 0 pixel, 0.0038 str):\n 0.0 0.0 1.0 0.0006\n"
    )
    rng = np.random.default_rng(1)
    skymap = HealpixMap(rng.uniform(0.5, 1, 12 << 12) / (12 << 12) / 0.75, nest=True, frame="icrs")
    hpmask.io.write_map(skymap, folder / "skymap.fits")
    a.write(folder / "mask.fits")
    MaskSet({"star": a, "halo": b}).write(folder / "layers.fits")
    polygon = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [5, 8], [0, 0]]]}
    return folder, {
        "hpmask": hpmask,
        "np": np,
        "u": u,
        "SkyCoord": SkyCoord,
        "get_body": get_body,
        "Mask": Mask,
        "MaskSet": MaskSet,
        "mask": a,
        "a": a,
        "b": b,
        "masks": MaskSet({"star": a, "halo": b}),
        "coord": SkyCoord(lon, lat, unit="deg"),
        "lon_deg": lon,
        "lat_deg": lat,
        "center": center,
        "corners": SkyCoord([0, 9, 5], [0, 0, 8], unit="deg"),
        "radius": "5 deg",
        "region": region,
        "regions": [region],
        "table": Table({"ra": lon, "dec": lat}),
        "skymap": skymap,
        "m": a.to_healpix(order=6),
        "p": polygon,
        "shapes": hpmask.Shapes.cones(center, "1 deg"),
        "wcs": wcs,
        "shape": shape,
        "axis": EnergyAxis([0.1, 1, 10] * u.TeV),
        "path": str(folder / "mask.fits"),
        "site": EarthLocation.from_geodetic(0 * u.deg, 30 * u.deg),
        "times": Time("2024-05-23 22:00") + np.arange(2) * u.hour,
    }


@pytest.mark.deep
@pytest.mark.parametrize(("heading", "code"), calls(1))
def test_calls_of_hpmask_run(names, heading, code, monkeypatch):
    folder, space = names
    monkeypatch.chdir(folder)
    if "geom" in code:
        maps = pytest.importorskip("gammapy.maps")
        space = space | {"geom": maps.WcsGeom.create(skydir=space["center"], width=4, binsz=0.05)}
    if code == "mask.to_exclusion_mask()":
        pytest.importorskip("gammapy")
    if 'format="healsparse"' in code:
        space = space | {"path": str(folder / "healsparse.hsp")}
    if 'format="healpix"' in code:
        space = space | {"path": str(folder / "healpix.fits")}
    if code == "Mask.from_map(path, 0.5)":
        space["mask"].write(folder / "flat.fits", format="healpix", overwrite=True)
        space = space | {"path": str(folder / "flat.fits")}
    if code.startswith("Mask.from_polygons([p])"):
        pytest.importorskip("shapely")
        from shapely.geometry import shape

        space = space | {"p": shape(space["p"])}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "some|order", UserWarning)
        value = eval(code, space)
    assert value is not None or ".write(" in code
    pyplot.close("all")


# What the left columns have besides Python: commands, and names without arguments.
IN_WORDS = (
    *("hp.dist2holes", "m", "p", "snap", "balkanize", "unify", "pixelize", "rasterize", "grow", "rotate"),
    *("shapely.remove_small_holes", "gdf.within(p)", "gdf.sjoin", "shapely.STRtree", "observability_table"),
    *("ligo-skymap-contour", "ligo-skymap-contour-moc"),
)


class Peers:
    """The names of the left columns, for each tool that is installed."""

    def __init__(self, folder, mine):
        self.folder, self.mine = folder, mine
        self.mask, self.center, self.coord = mine["mask"], mine["center"], mine["coord"]
        self._known = {}

    def of(self, tool):
        """The names of a tool, made once."""
        if tool not in self._known:
            self._known[tool] = getattr(self, tool)()
        return self._known[tool]

    def gammapy(self):
        maps = pytest.importorskip("gammapy.maps")
        makers = pytest.importorskip("gammapy.makers")
        axis = maps.MapAxis.from_energy_edges([0.1, 1, 10] * u.TeV)
        geom = maps.WcsGeom.create(skydir=self.center, width=4, binsz=0.05, axes=[axis])
        m = Mask.from_cones(self.center, "1 deg", order=11).to_gammapy(geom.to_image())
        m.write(self.folder / "map.fits", overwrite=True)
        regions = pytest.importorskip("regions")
        region = regions.CircleSkyRegion(self.center, 1 * u.deg)
        return {
            "Map": maps.Map,
            "RingBackgroundMaker": makers.RingBackgroundMaker,
            "geom": geom,
            "m": m,
            "path": self.folder / "map.fits",
            "region": region,
            "regions": [region],
        }

    def mocpy(self):
        mocpy = pytest.importorskip("mocpy")
        moc = self.mask.to_moc()
        moc.save(self.folder / "moc.fits", overwrite=True)
        figure = pyplot.figure()
        skymap = self.mine["skymap"]
        uniq = np.arange(12 << 12) + (4 << 12)
        area = 4 * np.pi / (12 << 12)
        return {
            "MOC": mocpy.MOC,
            "moc": moc,
            "lon": self.center.ra,
            "lat": self.center.dec,
            "radius": 5 * u.deg,
            "max_depth": 10,
            "region": pytest.importorskip("regions").CircleSkyRegion(self.center, 1 * u.deg),
            "uniq": uniq,
            "values": skymap.values,
            "map_table": Table({"UNIQ": uniq, "PROBDENSITY": skymap.values / area / u.sr}),
            "path": self.folder / "moc.fits",
            "ax": figure.add_subplot(projection=self.mine["wcs"]),
        }

    def healpy(self):
        hp = pytest.importorskip("healpy")
        hp.write_map(self.folder / "flat64.fits", self.mine["m"], overwrite=True)
        return {
            "hp": hp,
            "vec": self.center.cartesian.xyz.value,
            "vertices": self.mine["corners"].cartesian.xyz.value.T,
            "path": self.folder / "flat64.fits",
            "lon_deg": np.array(self.mine["lon_deg"]),
            "lat_deg": np.array(self.mine["lat_deg"]),
        }

    def healsparse(self):
        hsp = pytest.importorskip("healsparse")
        wide = hsp.HealSparseMap.make_empty(32, 256, hsp.WIDE_MASK, wide_mask_maxbits=2)
        wide.set_bits_pix(np.arange(100), [0])
        values = hsp.HealSparseMap.make_empty(32, 256, np.float64)
        values[np.arange(5000)] = np.ones(5000)
        m = self.mask.to_healsparse(bit_packed=False)
        m.write(str(self.folder / "m.hsp"), clobber=True)
        return {"hsp": hsp, "m": m, "wide": wide, "values": values, "path": str(self.folder / "m.hsp")}

    def astropy(self):
        regions = pytest.importorskip("regions")
        names = ("Regions", "CircleSkyRegion", "EllipseSkyRegion", "RectangleSkyRegion", "PolygonSkyRegion")
        region = regions.CircleSkyRegion(self.center, 1 * u.deg)
        return {name: getattr(regions, name) for name in names} | {"region": region}

    def shapely(self):
        shapely = pytest.importorskip("shapely")
        p = shapely.Polygon([(0, 0), (9, 0), (5, 8)])
        return {"shapely": shapely, "p": p, "q": p.buffer(1)}

    def ligo(self):
        """Those of astroplan: ligo.skymap is compared below."""
        astroplan = pytest.importorskip("astroplan")
        names = ("AltitudeConstraint", "AirmassConstraint", "MoonSeparationConstraint")
        names += ("is_observable", "is_always_observable")
        return {name: getattr(astroplan, name) for name in names} | {
            "observer": astroplan.Observer(location=self.mine["site"]),
            "targets": [astroplan.FixedTarget(one) for one in self.coord],
        }


OF_LIGO = ("read_sky_map", "find_greedy_credible_levels", "crossmatch", "rasterize")


@pytest.fixture(scope="module")
def peers(names):
    return Peers(*names)


@pytest.mark.parametrize(
    ("heading", "code"),
    [
        one
        for one in calls(0)
        if one.values[0].split()[0] not in ("mangle", "skykatana")
        and one.values[1] not in IN_WORDS
        and not one.values[1].startswith((*OF_LIGO, "nmt."))
    ],
)
def test_calls_of_other_tools_run(names, peers, heading, code, monkeypatch):
    folder, mine = names
    monkeypatch.chdir(folder)
    tool = re.match(r"\w+", heading)[0]
    if code.startswith(("moc.fill", "moc.border")):
        pytest.importorskip("cdshealpix")  # which mocpy needs for pictures only
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = mine | peers.of(tool)
        eval(code, space)
    pyplot.close("all")


class TestSame:
    """Central rows: both sides give the same."""

    def test_mocpy(self, peers):
        space = peers.mocpy()
        moc, mask = space["moc"], peers.mask
        for theirs, mine in (
            (moc.degrade_to_order(6), mask.at_order(6, mode="overlap")),
            (moc.complement(), ~mask),
            (moc.extended(), mask.dilate(steps=1)),
            (moc.contracted(), mask.erode(steps=1)),
        ):
            assert Mask.from_moc(theirs) == mine
        cone = space["MOC"].from_cone(space["lon"], space["lat"], radius=5 * u.deg, max_depth=10)
        mine = Mask.from_cones(peers.center, "5 deg", order=10, mode="overlap")
        assert mine <= Mask.from_moc(cone)
        assert (Mask.from_moc(cone) - mine).area < 0.01 * mine.area
        box = space["MOC"].from_box(
            space["lon"], space["lat"], a=2 * u.deg, b=1 * u.deg, angle=30 * u.deg, max_depth=10
        )
        assert box.sky_fraction * 41253 == pytest.approx(
            Mask.from_boxes(peers.center, "4 deg", "2 deg", "30 deg").area.value, rel=0.1
        )
        ellipse = space["MOC"].from_elliptical_cone(
            space["lon"], space["lat"], a=2 * u.deg, b=1 * u.deg, pa=30 * u.deg, max_depth=10
        )
        mine = Mask.from_ellipses(peers.center, "2 deg", "1 deg", "30 deg", order=10)
        assert (mine - Mask.from_moc(ellipse)).area < 0.01 * mine.area

    def test_healpy(self, peers):
        space = peers.healpy()
        hp, m, mask = space["hp"], peers.mine["m"], peers.mask
        disc = Mask.from_cones(peers.center, "5 deg", order=6)
        assert np.array_equal(np.flatnonzero(disc.to_healpix()), hp.query_disc(64, space["vec"], np.radians(5)))
        inclusive = hp.query_disc(64, space["vec"], np.radians(5), inclusive=True)
        wide = Mask.from_cones(peers.center, "5 deg", order=6, mode="overlap")
        assert set(np.flatnonzero(wide.to_healpix())) <= set(inclusive)
        strip = Mask.from_zone(lat=("10 deg", "30 deg"), order=6, closed="both")
        assert np.array_equal(np.flatnonzero(strip.to_healpix()), hp.query_strip(64, np.radians(60), np.radians(80)))
        coarse = hp.ud_grade(m.astype(float), 16)
        assert np.array_equal(mask.at_order(6).at_order(4, threshold=0.5).to_healpix(), coarse > 0.5)
        fractions = mask.at_order(6).fraction(4, full=True)
        assert np.array_equal(fractions.values[hp.ring2nest(16, np.arange(3072))], coarse)

    def test_healsparse(self, peers):
        space = peers.healsparse()
        m, mask = space["m"], peers.mask
        fractions = mask.fraction(5)
        theirs = m.fracdet_map(32)
        assert np.array_equal(theirs[fractions.cells.astype(np.int64)], fractions.values)
        assert mask.area.value == pytest.approx(m.get_valid_area())
        assert np.array_equal(m.valid_pixels, mask.planes[0].cells())
        circle = (
            space["hsp"]
            .Circle(ra=10, dec=20, radius=1, value=True)
            .get_map(nside_coverage=32, nside_sparse=1024, dtype=np.bool_)
        )
        assert Mask.from_map(circle, frame="icrs") == Mask.from_cones(peers.center, "1 deg", order=10)

    def test_regions(self, peers):
        space = peers.astropy()
        center, corners = peers.center, peers.mine["corners"]
        for region, mask in (
            (space["CircleSkyRegion"](center, 1 * u.deg), Mask.from_cones(center, "1 deg", order=10)),
            (
                space["EllipseSkyRegion"](center, 4 * u.deg, 2 * u.deg, 30 * u.deg),
                Mask.from_ellipses(center, "2 deg", "1 deg", "120 deg", order=10),
            ),
            (
                space["RectangleSkyRegion"](center, 4 * u.deg, 2 * u.deg),
                Mask.from_boxes(center, "4 deg", "2 deg", order=10),
            ),
            (space["PolygonSkyRegion"](corners), Mask.from_polygons(corners, order=10)),
        ):
            assert Mask.from_regions(region, order=10) == mask
            # As the package has them on an image, but for cells at the edge.
            inside = region.to_pixel(peers.mine["wcs"]).to_mask(mode="center").to_image(peers.mine["shape"])
            if inside is not None and mask <= Mask.from_cones(center, "2.1 deg", order=10):
                assert (mask.to_wcs(peers.mine["wcs"], peers.mine["shape"]) != (inside > 0)).mean() < 0.01

    def test_ligo_skymap(self, peers):
        levels = pytest.importorskip("ligo.skymap.postprocess.util").find_greedy_credible_levels
        crossmatch = pytest.importorskip("ligo.skymap.postprocess.crossmatch").crossmatch
        skymap = peers.mine["skymap"]
        kept = levels(skymap.values) <= 0.9
        mask = Mask.from_skymap(skymap, 0.9, crossing="exclude")
        assert np.array_equal(mask.to_healpix(nest=True), kept)
        area = skymap.areas.value
        table = Table({"UNIQ": np.arange(12 << 12) + (4 << 12), "PROBDENSITY": skymap.values / area / u.sr})
        found = crossmatch(table, peers.coord, contours=(0.9,))
        assert np.allclose(found.probdensity, skymap.at(peers.coord) / area)
        assert found.contour_areas[0] == pytest.approx(Mask.from_skymap(skymap, 0.9).area.value, rel=1e-3)

    def test_gammapy(self, peers):
        space = peers.gammapy()
        geom = space["geom"]
        theirs = geom.region_mask(space["regions"], inside=False)
        mine = (~Mask.from_regions(space["regions"], order=13)).to_gammapy(geom)
        assert (theirs.data != mine.data).mean() < 1e-3
        energy = geom.energy_mask(energy_min=1 * u.TeV)
        assert np.array_equal(energy.data, Mask.from_energy(peers.mine["axis"], "1 TeV").to_gammapy(geom).data)


def test_words_of_other_tools_are_found():
    text = PAGE.read_text(encoding="utf-8")
    for word in (
        "degrade",
        "cone",
        "fracdet",
        "randoms",
        "exclusion",
        "mollview",
        "buffer",
        "difference",
        "unary_union",
    ):
        assert word in text


def test_each_tool_has_rows():
    sections = [heading for heading, _ in rows()]
    for tool in (
        "gammapy",
        "mocpy",
        "healpy",
        "healsparse",
        "regions",
        "mangle",
        "shapely",
        "ligo.skymap",
        "skykatana",
    ):
        assert sum(tool in heading for heading in sections) >= 8, tool
    assert all(len(cells) == 3 for _, cells in rows())
