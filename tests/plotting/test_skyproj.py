"""Pictures on maps of skyproj. Referee: skyproj's own places of positions, with `Mask.contains`."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
skyproj = pytest.importorskip("skyproj")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402

MAPS = {
    "Skyproj": {"lon_0": 180.0},
    "McBrydeSkyproj": {},
    "LaeaSkyproj": {"lon_0": 30.0, "lat_0": -90.0},
    "MollweideSkyproj": {"lon_0": 100.0},
    "HammerSkyproj": {"celestial": False},
    "EqualEarthSkyproj": {"lon_0": -60.0},
    "ObliqueMollweideSkyproj": {"lat_p": 45.0, "lon_p": -60.0},
    "AlbersSkyproj": {},
    "GnomonicSkyproj": {"lon_0": 10.0, "lat_0": 20.0, "extent": [-15, 35, 0, 40]},
}


@pytest.fixture(autouse=True)
def _figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def mask():
    """All sky but discs at the seams and at the poles."""
    discs = SkyCoord([178, 0, 90, 10, 278], [30, 88, -85, 20, -20], unit="deg")
    return ~Mask.from_cones(discs, "15 deg", order=7)


def sky_map(name, **options):
    figure = plt.figure(figsize=(5, 3.5), dpi=80)
    return getattr(skyproj, name)(ax=figure.add_subplot(111), gridlines=False, **options)


def colours_at(ax, lon, lat):
    """The colours of the picture at positions in degrees, and which of them are in it."""
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255
    places = ax.transData.transform(ax.projection.transform_points(lon, lat))
    box = ax.get_window_extent()
    (x, y), inside = places.T, np.isfinite(places).all(axis=1)
    # Away from the line around the map.
    inside &= (x > box.x0 + 3) & (x < box.x1 - 3) & (y > box.y0 + 3) & (y < box.y1 - 3)
    found = np.zeros((len(lon), 3))
    found[inside] = image[y[inside].astype(int), x[inside].astype(int)]
    return found, inside


def far_from_edges(mask, lon, lat, frame="icrs"):
    """Positions that are three degrees and more away from the edge of a mask, and whether it holds them."""
    coord = SkyCoord(lon, lat, unit="deg", frame=frame)
    wide, narrow = mask.dilate("3 deg").contains(coord), mask.erode("3 deg").contains(coord)
    return wide == narrow, narrow


@pytest.mark.parametrize("name", MAPS)
def test_every_position_has_its_colour(name, mask):
    sky = sky_map(name, **MAPS[name])
    ax = mask.plot(sky, kept="lime", excluded="red", alpha=1, legend=False)
    assert ax is sky.ax
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(0, 360, 6000), np.degrees(np.arcsin(rng.uniform(-1, 1, 6000)))
    if name == "GnomonicSkyproj":
        lon, lat = rng.uniform(-5, 25, 6000), rng.uniform(5, 35, 6000)
    elsewhere, kept = far_from_edges(mask, lon, lat)
    colours, inside = colours_at(ax, lon, lat)
    # The line around the map covers places at the seam.
    inside &= colours.max(axis=1) > 0.9
    use = inside & elsewhere
    assert use.sum() > 3000
    assert (use & ~kept).sum() > 200
    red = colours[:, 0] > colours[:, 1]
    assert np.array_equal(red[use], ~kept[use])
    if name not in ("Skyproj", "GnomonicSkyproj"):
        # No colour outside the sky.
        figure = np.asarray(ax.figure.canvas.buffer_rgba())[::-1, :, :3]
        box = ax.get_window_extent()
        corner = figure[int(box.y0 if name == "AlbersSkyproj" else box.y1 - 1), int(box.x0)]
        assert corner.min() > 200


def test_frames(mask):
    """The map has no frame: it is that of the mask, or the one that is given."""
    lon, lat = np.random.default_rng(4).uniform([[-180], [-85]], [[180], [85]], (2, 3000))
    for frame in (None, "galactic"):
        ax = mask.plot(sky_map("McBrydeSkyproj"), frame=frame, kept="lime", excluded="red", alpha=1, legend=False)
        elsewhere, kept = far_from_edges(mask, lon, lat, frame or "icrs")
        colours, inside = colours_at(ax, lon, lat)
        use = inside & elsewhere & (colours.max(axis=1) > 0.9) & (colours.min(axis=1) < 0.5)
        assert use.sum() > 2000
        assert np.array_equal(colours[use, 0] > colours[use, 1], ~kept[use])
    with pytest.raises(ValueError, match="frame"):
        mask.plot(sky_map("McBrydeSkyproj"), frame="fk4")


def test_limits_legend_and_options(mask):
    sky = sky_map("MollweideSkyproj")
    limits = sky.ax.get_xlim(), sky.ax.get_ylim()
    ax = mask.plot(ax=sky.ax, title="holes")
    assert (ax.get_xlim(), ax.get_ylim()) == limits
    assert ax.get_title() == "holes"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["excluded"]
    for words in ({"width": "3 deg"}, {"projection": "MOL"}, {"figsize": (3, 3)}):
        with pytest.raises(ValueError, match=f"cannot be combined with {next(iter(words))}"):
            mask.plot(sky, **words)
    with pytest.raises(TypeError, match="a map of skyproj"):
        mask.plot(plt.figure().add_subplot())


def test_energy_bins(mask):
    by_energy = Mask.stack([mask, Mask.full()], EnergyAxis([1, 2, 5] * u.TeV))
    ax = by_energy.plot(sky_map("HammerSkyproj"), kept="lime", alpha=1)
    assert len(ax.get_legend().get_texts()) == 3
    picture = by_energy.plot_interactive(sky_map("HammerSkyproj"))
    picture.slider.set_val(1)
    assert picture.ax.get_title().endswith("100 % kept")
