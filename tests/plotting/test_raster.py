"""The image that is computed when it is drawn. Referee: `Mask.contains` at the places that astropy's WCS gives."""

import base64
import inspect
import io
import pickle
import re

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from hpmask import Mask, RangeSet
from hpmask.plotting import charts, raster
from tests._support.profiles import examples

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.backend_bases import MouseEvent, TimerBase  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

# Since matplotlib 3.10, motion events say which buttons are down.
HAS_BUTTONS = "buttons" in inspect.signature(MouseEvent).parameters
LIME, RED = (0.0, 1.0, 0.0, 1.0), (1.0, 0.0, 0.0, 1.0)
BLUE = (0.0, 0.0, 1.0, 1.0)


def wcs_of(projection="TAN", center=(83.6, 22.0), step=0.5, axes=("RA---", "DEC--"), angle=0.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [axis + projection for axis in axes]
    wcs.wcs.crval = center
    wcs.wcs.crpix = 1, 1
    wcs.wcs.cdelt = -step, step
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return wcs


def sky_axes(wcs, limits, *, size=(4, 3), dpi=50):
    """Axes that fill a figure."""
    figure = Figure(figsize=size, dpi=dpi)
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1), projection=wcs)
    for coord in ax.coords:
        coord.set_ticks_visible(False)
        coord.set_ticklabel_visible(False)
    ax.coords.frame.set_linewidth(0)
    ax.set_xlim(limits[:2])
    ax.set_ylim(limits[2:])
    return ax


def pixels(figure):
    """The colours of the figure, 0 to 255, the lowest row first."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3].astype(int)


def wrong(ax, mask):
    """The fraction of pixels without the colour of the mask at their centre, and of those that are mixed."""
    found = pixels(ax.figure)
    ny, nx = found.shape[:2]
    points = np.stack(np.meshgrid(np.arange(nx) + 0.5, np.arange(ny) + 0.5), axis=-1).reshape(-1, 2)
    x, y = ax.transData.inverted().transform(points).T
    lon, lat = ax.wcs.wcs_pix2world(x, y, 0)
    sky = np.isfinite(lon)
    frame = "galactic" if str(ax.wcs.wcs.ctype[0]).startswith("GLON") else "icrs"
    expected = np.full((nx * ny, 3), 255)
    kept = mask.contains(SkyCoord(lon[sky], lat[sky], unit="deg", frame=frame))
    expected[sky] = np.where(kept[:, np.newaxis], (0, 255, 0), (255, 0, 0))
    found = found.reshape(-1, 3)
    # Of two fully opaque colours, a pixel has both in proportion of its four samples.
    mixed = ~((found == (0, 255, 0)) | (found == (255, 0, 0)) | (found == 255)).all(axis=1)
    mixed |= (np.abs(found[:, 2]) > 0) & (found != 255).any(axis=1)
    far = np.abs(found - expected).max(axis=1) > 200
    return float((far & ~mixed).mean()), float(mixed.mean())


@pytest.fixture(scope="module")
def discs():
    rng = np.random.default_rng(3)
    places = SkyCoord(rng.uniform(0, 360, 300), np.degrees(np.arcsin(rng.uniform(-1, 1, 300))), unit="deg")
    near = SkyCoord(rng.uniform(78, 89, 60), rng.uniform(17, 27, 60), unit="deg")
    poles = SkyCoord([0, 10, 180], [89, -88, 1], unit="deg")
    masks = [
        Mask.from_cones(where, radius, order=11)
        for where, radius in ((places, "4 deg"), (near, "0.4 deg"), (poles, "5 deg"))
    ]
    return ~(masks[0] | masks[1] | masks[2])


VIEWS = {
    "field": (wcs_of(), (-20, 20, -15, 15)),
    "turned": (wcs_of(angle=1.0, projection="ARC"), (20, -20, -15, 15)),
    "pole": (wcs_of(center=(40.0, 89.0), projection="SIN"), (-40, 40, -30, 30)),
    "all sky": (wcs_of("MOL", (180, 0), 1.0), (-170, 170, -90, 90)),
    "galactic": (wcs_of("AIT", (0, 0), 1.0, ("GLON-", "GLAT-")), (-170, 170, -90, 90)),
    "swapped": (None, (-20, 20, -15, 15)),
}


@pytest.mark.deep
def test_pixels_are_those_of_the_mask_at_every_zoom_and_dpi(discs):
    for name, (wcs, limits) in VIEWS.items():
        if name == "swapped":
            continue
        ax = sky_axes(wcs, limits)
        artist = raster.draw_image(ax, [discs], [LIME, RED])
        assert artist in ax.images
        for zoom, dpi in ((1, 50), (0.3, 50), (0.3, 80), (0.05, 80), (1, 50)):
            ax.set_xlim(limits[0] * zoom, limits[1] * zoom)
            ax.set_ylim(limits[2] * zoom, limits[3] * zoom)
            ax.figure.set_dpi(dpi)
            bad, mixed = wrong(ax, discs)
            # A pixel is mixed or right, but for parts of a pixel that are smaller than half of one.
            assert bad < 0.002, (name, zoom, dpi)
            assert mixed < 0.25
        ax.figure.set_size_inches(2, 3)
        assert wrong(ax, discs)[0] < 0.002


def test_a_wrong_picture_is_noticed(discs):
    ax = sky_axes(*VIEWS["field"])
    shifted = discs.rotate if False else ~Mask.from_cones(SkyCoord(84, 22, unit="deg"), "3 deg", order=11)
    raster.draw_image(ax, [shifted], [LIME, RED])
    assert wrong(ax, discs)[0] > 0.05


def test_limits_autoscaling_and_data_limits_stay(discs):
    ax = sky_axes(*VIEWS["field"])
    ax.autoscale(True)
    before = (ax.get_xlim(), ax.get_ylim(), ax.dataLim.get_points().tolist(), ax.get_aspect())
    raster.draw_image(ax, [discs], [LIME, RED])
    pixels(ax.figure)
    assert (ax.get_xlim(), ax.get_ylim(), ax.dataLim.get_points().tolist(), ax.get_aspect()) == before
    ax.plot([1, 2], [3, 4])
    assert ax.get_xlim()[1] < 3


def test_several_layers_and_clear_colours(discs):
    ax = sky_axes(*VIEWS["field"])
    north = Mask.from_zone(lat=("22 deg", "90 deg"), order=11).to_frame("galactic")
    artist = raster.draw_image(ax, [discs, north], [LIME, BLUE, (1, 0, 0, 0)])
    found = pixels(ax.figure)
    assert (found[-10:] == (0, 0, 255)).all()
    assert set(map(tuple, found[:50].reshape(-1, 3))) >= {(0, 255, 0), (255, 255, 255)}
    # No dark edges between a colour and no colour: what is clear does not tint its neighbours.
    image = artist.get_array()
    partly = (image[..., 3] > 0) & (image[..., 3] < 1) & (image[..., 2] == 0)
    assert partly.any()
    np.testing.assert_allclose(image[partly][:, :3], [[0, 1, 0]] * partly.sum(), atol=1e-6)
    artist.set_layers([discs], [RED, LIME])
    assert (pixels(ax.figure)[..., 2] == 0).all()


def test_it_computes_only_what_has_changed(discs, monkeypatch):
    calls = []
    paint = raster.paint
    monkeypatch.setattr(raster, "paint", lambda *args, **kwargs: calls.append(1) or paint(*args, **kwargs))
    ax = sky_axes(*VIEWS["field"])
    artist = raster.draw_image(ax, [discs], [LIME, RED])
    assert not calls
    for change, count in (
        (lambda: None, 1),
        (lambda: ax.set_title("title"), 1),
        (lambda: ax.set_xlim(0, 5), 2),
        (lambda: ax.figure.set_dpi(60), 3),
        (lambda: artist.set_layers([discs], [RED, LIME]), 4),
        (lambda: ax.set_position((0.1, 0.1, 0.8, 0.8)), 5),
        (lambda: artist.set_visible(False), 5),
    ):
        change()
        ax.figure.canvas.draw()
        assert len(calls) == count
    other = wcs_of(center=(10, 10))
    artist.set_visible(True)
    ax.reset_wcs(other)
    ax.figure.canvas.draw()
    assert len(calls) == 6


@pytest.mark.parametrize("kind", ["png", "pdf", "svg", "ps", "jpg"])
def test_files(discs, kind, tmp_path):
    ax = sky_axes(*VIEWS["all sky"], size=(3.4, 1.8))
    raster.draw_image(ax, [discs], [LIME, RED])
    for options in ({}, {"dpi": 150}, {"bbox_inches": "tight"}):
        out = io.BytesIO()
        ax.figure.savefig(out, format=kind, **options)
        assert out.tell() > 2000
        if kind == "png":
            out.seek(0)
            image = matplotlib.image.imread(out)
            assert image.shape[1] == pytest.approx(3.4 * options.get("dpi", 50), abs=12)
    assert ax.figure.dpi == 50


def test_the_image_in_a_file_of_vectors_has_a_resolution_of_its_own(discs):
    pypdf = pytest.importorskip("pypdf")
    ax = sky_axes(*VIEWS["field"], size=(3.4, 2.55))
    raster.draw_image(ax, [discs], [LIME, RED], vector=False)
    for dpi, expected in ((50, 200), (300, 300)):
        out = io.BytesIO()
        ax.figure.savefig(out, format="pdf", dpi=dpi)
        (image,) = pypdf.PdfReader(out).pages[0].images
        assert image.image.size[0] == pytest.approx(3.4 * expected, abs=2)
    svg = io.StringIO()
    ax.figure.savefig(svg, format="svg")
    (source,) = re.findall(r'xlink:href="data:image/png;base64,([^"]+)"', svg.getvalue())
    colours = matplotlib.image.imread(io.BytesIO(base64.b64decode(source)))
    ny, nx = colours.shape[:2]
    assert nx == pytest.approx(3.4 * 200, abs=2)
    (place,) = re.findall(r'width="[0-9.]+" height="[0-9.]+" transform="matrix\(([^)]+)\)"', svg.getvalue())
    xx, yx, xy, yy, x0, y0 = map(float, place.split())
    assert yx == xy == 0
    # The pixels of the file, whose unit is a point, from the top.
    x = (x0 + xx * (np.arange(nx) + 0.5)) / 72 / 3.4 * 40 - 20
    y = 15 - (y0 + yy * (np.arange(ny) + 0.5)) / 72 / 2.55 * 30
    kept = discs.contains(ax.wcs.pixel_to_world(*np.meshgrid(x, y)))
    assert ((colours[..., 1] > 0.6) != kept).mean() < 0.01


def test_figures_can_be_pickled(discs):
    # Those of astropy cannot.
    figure = Figure(figsize=(3, 2), dpi=50)
    FigureCanvasAgg(figure)
    raster.draw_image(figure.add_subplot(projection="mollweide"), [discs], [LIME, RED])
    before = pixels(figure)
    again = pickle.loads(pickle.dumps(figure))
    FigureCanvasAgg(again)
    assert np.array_equal(pixels(again), before)
    with pytest.raises(AttributeError, match="no attribute 'SkyPicture'"):
        raster.SkyPicture  # noqa: B018


class _Timer(TimerBase):
    """A timer whose time passes when the test says so."""

    started = 0

    def _timer_start(self):
        type(self).started += 1


class _Canvas(FigureCanvasAgg):
    _timer_cls = _Timer


def test_coarse_while_the_view_moves_and_sharp_afterwards(discs, monkeypatch):
    monkeypatch.setattr(raster, "_SLOW", 0.0)
    # However slow the machine is: the views follow each other in less time.
    monkeypatch.setattr(raster, "_REST", 1000.0)
    ax = sky_axes(*VIEWS["field"])
    _Canvas(ax.figure)
    artist = raster.draw_image(ax, [discs], [LIME, RED])
    sharp = pixels(ax.figure)
    for shift in (1, 2):
        ax.set_xlim(-20 + shift, 20 + shift)
        coarse = pixels(ax.figure)
    assert np.array_equal(coarse[::3, ::3], coarse[1::3, 1::3][: len(coarse[::3])])
    out = io.BytesIO()
    ax.figure.savefig(out, format="rgba")
    saved = np.frombuffer(out.getvalue(), np.uint8).reshape(150, 200, 4)[::-1, :, :3]
    timer = artist._timer
    assert _Timer.started
    timer._on_timer()
    found = pixels(ax.figure)
    assert np.array_equal(saved, found)
    assert not np.array_equal(found, coarse)
    assert wrong(ax, discs)[0] < 0.002
    assert not np.array_equal(found, sharp)


def test_a_dragged_window_shows_the_sky_under_it(discs):
    """Events of a mouse through matplotlib's own navigation."""
    from matplotlib.backend_bases import FigureManagerBase, NavigationToolbar2

    ax = sky_axes(*VIEWS["field"])
    canvas = ax.figure.canvas
    FigureManagerBase(canvas, 1)
    toolbar = NavigationToolbar2(canvas)
    raster.draw_image(ax, [discs], [LIME, RED])
    pixels(ax.figure)
    toolbar.pan()

    def mouse(name, x, y, button=1):
        more = {"buttons": [button]} if name.startswith("motion") and HAS_BUTTONS else {}
        canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, button, **more))

    mouse("button_press_event", 100, 75)
    for x in range(100, 150, 10):
        mouse("motion_notify_event", x, 75)
        canvas.draw()
    mouse("button_release_event", 150, 75)
    np.testing.assert_allclose(ax.get_xlim(), (-30, 10), atol=2)
    assert wrong(ax, discs)[0] < 0.002
    toolbar.zoom()
    mouse("button_press_event", 50, 30)
    mouse("motion_notify_event", 120, 90)
    mouse("button_release_event", 120, 90)
    assert np.ptp(ax.get_xlim()) < 20
    assert wrong(ax, discs)[0] < 0.002
    toolbar.home()
    assert ax.get_xlim() == (-20, 20)
    assert wrong(ax, discs)[0] < 0.002


@examples(15)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["TAN", "SIN", "STG", "ARC", "ZEA", "CAR", "CEA", "MER", "SFL", "MOL", "AIT", "PAR", "COE"]),
    st.floats(0, 360),
    st.floats(-90, 90),
    st.floats(0.003, 1.5),
)
def test_samples_between_pixels_are_where_they_should_be(seed, projection, lon, lat, step):
    """The interpolated samples against those that astropy gives one by one."""
    rng = np.random.default_rng(seed)
    wcs = wcs_of(projection, (lon, lat), step, angle=rng.uniform(0, 6))
    if projection == "COE":
        wcs.wcs.set_pv([(2, 1, 45.0)])
    ax = sky_axes(wcs, (-60, 60, -45, 45))
    chart = charts.chart_of(ax, "icrs")
    cells = RangeSet.from_cells(np.unique(rng.integers(0, 12 << 16, 200_000)), 8)
    mask = Mask(cells)
    image = raster.paint(chart, [mask], [(1, 1, 1, 1), (0.5, 0.5, 0.5, 0.5)], (0.0, 0.0, 40, 30), 5.0)
    x, y = np.meshgrid((np.arange(80) + 0.5) * 2.5, (np.arange(60) + 0.5) * 2.5)
    places = ax.transData.inverted().transform(np.stack([x.ravel(), y.ravel()], axis=-1))
    world = np.array(wcs.wcs_pix2world(*places.T, 0))
    sky = np.isfinite(world[0])
    alpha = np.zeros(sky.size)
    alpha[sky] = np.where(mask.contains(SkyCoord(*world[:, sky], unit="deg")), 1, 0.5)
    expected = alpha.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    # A sample may fall into the cell next to its own if it lies at the edge.
    assert (np.abs(image[..., 3] - expected) > 0.01).mean() < 0.05
    assert ((image[..., 3] > 0) != (expected > 0)).mean() < 0.002
