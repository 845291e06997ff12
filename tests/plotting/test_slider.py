"""Pictures with a slider: each bin's colours, titles, zooms, and the HTML of notebooks."""

import base64
import gc
import io
import re
import weakref

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from hpmask import EnergyAxis, Mask

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from hpmask.plotting import slider, static, styles  # noqa: E402

CRAB = SkyCoord(83.633, 22.014, unit="deg")
AXIS = EnergyAxis([1, 10, 100, 1000] * u.GeV)


@pytest.fixture(autouse=True)
def _figures(monkeypatch):
    """Small pictures, which take less time, and none for the next test."""
    monkeypatch.setitem(matplotlib.rcParams, "figure.dpi", 60)
    yield
    plt.close("all")


@pytest.fixture
def mask():
    """Without 20, 10 and 5 deg around the Crab."""
    return ~Mask.from_cones(CRAB, [[20, 10, 5]] * u.deg, order=7, energy=AXIS)


def colour_at(ax, position):
    """Colour of the picture at a position, 0 to 1."""
    figure = ax.figure
    canvas = figure.canvas if hasattr(figure.canvas, "buffer_rgba") else FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    x, y = ax.transData.transform(ax.wcs.world_to_pixel_values(position.ra.deg, position.dec.deg))
    return pixels[pixels.shape[0] - 1 - round(float(y)), round(float(x)), :3] / 255


def is_kept(picture, offset):
    """Whether the picture has a position at some degrees north of the Crab in the colour of kept sky."""
    colour = colour_at(picture.ax, SkyCoord(CRAB.ra, CRAB.dec + offset * u.deg))
    if np.allclose(colour, to_rgb(styles.KEPT), atol=0.02):
        return True
    assert np.allclose(colour, to_rgb(styles.EXCLUDED), atol=0.02)
    return False


@pytest.mark.deep
def test_each_bin(mask, monkeypatch):
    # At this size the edges of the discs are clear of the graticule.
    monkeypatch.setitem(matplotlib.rcParams, "figure.dpi", 180)
    picture = mask.plot_interactive()
    assert (picture.slider.valmin, picture.slider.valmax, picture.slider.val) == (0, 2, 0)
    for i, radius in enumerate((20, 10, 5)):
        picture.slider.set_val(i)
        assert not is_kept(picture, radius - 2.5)
        assert is_kept(picture, radius + 2.5)
        name = static.bin_title(AXIS, i)
        assert picture.slider.valtext.get_text() == name
        assert picture.ax.get_title() == f"{name}: {100 * mask.sky_fraction[i]:.3g} % kept"
    picture.slider.set_val(1.4)
    assert picture.ax.get_title().startswith("10-100 GeV")


def test_it_lives_with_its_figure(mask):
    figure = Figure(figsize=(5, 3))
    picture = mask.plot_interactive(figure=figure)
    slider, alive = picture.slider, weakref.ref(picture)
    del picture
    gc.collect()
    slider.set_val(2)
    assert figure.axes[0].get_title().startswith("100-1000 GeV")
    assert alive() is not None


def test_after_a_zoom_in_full_detail(mask):
    picture = mask.plot_interactive()
    (image,) = picture.ax.images
    everywhere = image.get_extent()
    x, y = picture.ax.wcs.world_to_pixel_values(CRAB.ra.deg, CRAB.dec.deg)
    picture.ax.set_xlim(x - 12, x + 12)
    picture.ax.set_ylim(y - 7, y + 7)
    picture.slider.set_val(2)
    (image,) = picture.ax.images
    np.testing.assert_allclose(image.get_extent(), [x - 12, x + 12, y - 7, y + 7])
    assert picture.ax.get_xlim() == (x - 12, x + 12)
    assert len(picture.ax.images) == 1
    assert everywhere != image.get_extent()
    assert not is_kept(picture, 4.3)
    assert is_kept(picture, 5.7)


def test_options(mask):
    figure = Figure(figsize=(5, 3))
    picture = mask.plot_interactive(
        figure=figure, frame="galactic", center="180 deg", projection="AIT", kept="white", excluded="black", alpha=0.5
    )
    assert picture.figure is figure
    assert list(picture.ax.wcs.wcs.ctype) == ["GLON-AIT", "GLAT-AIT"]
    np.testing.assert_allclose(np.unique(picture.ax.images[0].get_array()[..., 3])[-1], 0.5)


def test_a_field(mask):
    picture = mask.plot_interactive(center=CRAB, width="50 deg", height="40 deg", title="holes", legend=False)
    assert list(picture.ax.wcs.wcs.ctype) == ["RA---TAN", "DEC--TAN"]
    assert picture.ax.get_legend() is None
    for i, radius in enumerate((20, 10, 5)):
        picture.slider.set_val(i)
        assert not is_kept(picture, 3.5 - radius)
        if radius < 15:
            assert is_kept(picture, -3.5 - radius)
        first, second = picture.ax.get_title().split("\n")
        assert (first, second.split(":")[0]) == ("holes", static.bin_title(AXIS, i))
    # The slider does not lie over the picture or its labels.
    FigureCanvasAgg(picture.figure).draw()
    renderer = picture.figure.canvas.get_renderer()
    assert picture.slider.ax.get_tightbbox(renderer).y1 < picture.ax.get_tightbbox(renderer).y0


def test_over_an_image(mask):
    wcs = WCS(
        {
            "CTYPE1": "RA---TAN",
            "CRVAL1": 83.63,
            "CRPIX1": 50.5,
            "CDELT1": -0.3,
            "CTYPE2": "DEC--TAN",
            "CRVAL2": 22.01,
            "CRPIX2": 50.5,
            "CDELT2": 0.3,
        }
    )
    ax = plt.figure().add_subplot(projection=wcs)
    ax.imshow(np.zeros((100, 100)), cmap="gray", vmin=0, vmax=1)
    picture = mask.plot_interactive(ax)
    assert picture.ax is ax
    excluded = np.array(to_rgb(styles.EXCLUDED)) / 2
    for i, radius in enumerate((20, 10, 5)):
        picture.slider.set_val(i)
        inside = SkyCoord(CRAB.ra, CRAB.dec - 4 * u.deg)
        np.testing.assert_allclose(colour_at(ax, inside), excluded, atol=0.02)
        if radius < 14:
            outside = SkyCoord(CRAB.ra, CRAB.dec - (radius + 1) * u.deg)
            np.testing.assert_allclose(colour_at(ax, outside), 0, atol=0.02)
    low = picture.slider.ax.get_position().y1
    assert low < ax.get_position().y0


@pytest.mark.parametrize("kind", ["wcs", "galactic", "hpx"])
def test_over_maps_of_gammapy(mask, kind):
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    if kind == "hpx":
        sky = maps.Map.create(binsz=2, map_type="hpx", frame="icrs")
    else:
        sky = maps.Map.create(skydir=CRAB, npix=100, binsz=0.3, frame="icrs" if kind == "wcs" else "galactic")
    plotted = sky.plot(cmap="gray")
    ax = plotted[0] if isinstance(plotted, tuple) else plotted
    before = colour_at_frame(ax, CRAB)
    picture = mask.plot_interactive(ax)
    picture.slider.set_val(1)
    expected = before / 2 + np.array(to_rgb(styles.EXCLUDED)) / 2
    np.testing.assert_allclose(colour_at_frame(ax, CRAB), expected, atol=0.03)
    at_12 = SkyCoord(CRAB.ra, CRAB.dec - 12 * u.deg)
    np.testing.assert_allclose(colour_at_frame(ax, at_12), before, atol=0.03)
    mask.plot(ax, energy="5 GeV")
    assert len(ax.images) >= 2


def colour_at_frame(ax, position):
    """`colour_at` for axes of any frame."""
    canvas = ax.figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    x, y = ax.transData.transform([ax.wcs.world_to_pixel(position)])[0]
    return pixels[pixels.shape[0] - 1 - round(float(y)), round(float(x)), :3] / 255


def test_html(mask):
    picture = mask.plot_interactive(figure=Figure(figsize=(4, 2.5)))
    picture.slider.set_val(1)
    text = picture._repr_html_()
    sources = re.findall(r'<img( hidden)? alt="(.+?)" style=".+?" src="data:image/png;base64,(.+?)"/>', text)
    assert [hidden for hidden, _, _ in sources] == [" hidden", "", " hidden"]
    assert [alt.split(":")[0] for _, alt, _ in sources] == [static.bin_title(AXIS, i) for i in range(3)]
    pictures = [plt.imread(io.BytesIO(base64.b64decode(source))) for _, _, source in sources]
    red = [np.isclose(one[..., :3], to_rgb(styles.EXCLUDED), atol=0.02).all(axis=-1).sum() for one in pictures]
    assert red[0] > 1.5 * red[1] > 2 * red[2] > 0  # with the square of the legend
    assert '<input type="range" aria-label="energy bin" min="0" max="2" value="1"' in text
    # and the slider is as it was
    assert picture.slider.val == 1
    assert picture.slider.ax.get_visible()
    assert picture.ax.get_title().startswith("10-100 GeV")


def test_no_html_where_windows_answer(mask, monkeypatch):
    picture = mask.plot_interactive(figure=Figure(figsize=(4, 2.5)))
    for backend, is_static in (
        ("agg", True),
        ("module://matplotlib_inline.backend_inline", True),
        ("inline", True),
        ("svg", True),
        ("QtAgg", False),
        ("TkAgg", False),
        ("module://ipympl.backend_nbagg", False),
        ("widget", False),
    ):
        monkeypatch.setattr(matplotlib, "get_backend", lambda backend=backend: backend)
        assert slider._is_interactive() is not is_static
    assert picture._repr_html_() is None


def test_one_bin():
    picture = Mask.full(energy=AXIS[:1]).plot_interactive()
    assert picture.slider.val == 0
    picture.slider.set_val(0.5)
    assert picture.ax.get_title() == "1-10 GeV: 100 % kept"
    assert is_kept(picture, 1)


def test_bad_input(mask):
    with pytest.raises(ValueError, match="the mask has no energy bins"):
        Mask.full().plot_interactive()
    with pytest.raises(TypeError, match="ax must be a WCSAxes"):
        mask.plot_interactive(plt.figure().add_subplot())
