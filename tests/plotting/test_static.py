"""Pictures: what colour is where, what the text says, and what happens without matplotlib."""

import functools
import inspect
import io
import re
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from hpmask import EnergyAxis, Mask, MaskSet, RangeSet, plotting

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from hpmask.plotting import styles  # noqa: E402

CRAB = SkyCoord(83.633, 22.014, unit="deg")


@pytest.fixture(autouse=True)
def _figures(monkeypatch):
    """Small pictures, which take less time, and none for the next test."""
    monkeypatch.setitem(matplotlib.rcParams, "figure.dpi", 60)
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def hole():
    """All sky but 15 deg around the Crab."""
    return ~Mask.from_cones(CRAB, "15 deg", order=6)


@functools.lru_cache(maxsize=1)
def rendered(figure):
    """The pixels of a figure, row 0 at the bottom."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255


def colour_at(ax, position):
    """The colour that a figure has at a position of the sky: the median of 3 x 3 pixels."""
    image = rendered(ax.figure)
    lonlat = position.transform_to("icrs")
    x, y = ax.get_transform("icrs").transform((lonlat.ra.deg, lonlat.dec.deg))
    i, j = int(y), int(x)
    return np.median(image[i - 1 : i + 2, j - 1 : j + 2].reshape(-1, 3), axis=0)


def is_colour(value, colour):
    # The graticule and the edges of shapes tint pixels a little.
    return np.abs(np.asarray(value) - to_rgb(colour)).max() < 0.06


# Away from the graticule, whose lines are every 30 deg.
AWAY = SkyCoord([100, 200, 290, 75, 40], [-50, 10, 70, -40, -10], unit="deg")


class TestAllSky:
    @pytest.mark.parametrize("frame", ["icrs", "galactic"])
    @pytest.mark.parametrize("projection", ["MOL", "AIT"])
    def test_colours_are_where_the_sky_is(self, hole, frame, projection):
        ax = hole.plot(frame=frame, projection=projection)
        inside = CRAB.directional_offset_by(50 * u.deg, [4, 8] * u.deg)
        for position in inside:
            assert is_colour(colour_at(ax, position), styles.EXCLUDED)
        for position in AWAY:
            assert is_colour(colour_at(ax, position), styles.KEPT)

    @pytest.mark.parametrize("frame", ["icrs", "galactic"])
    def test_longitude_increases_to_the_left_and_latitude_upwards(self, hole, frame):
        ax = hole.plot(frame=frame)
        to_display = ax.get_transform(frame)
        middle = 180 if frame == "icrs" else 0
        west, east = to_display.transform([(middle - 20, 0), (middle + 20, 0)])
        assert east[0] < west[0]
        south, north = to_display.transform([(middle, -20), (middle, 20)])
        assert south[1] < north[1]

    def test_middle(self, hole):
        ax = hole.plot(center="83 deg")
        box = ax.get_window_extent()
        x, _ = ax.get_transform("icrs").transform((83, 0))
        assert x == pytest.approx((box.x0 + box.x1) / 2, abs=0.5)

    def test_galactic_plane_lies_flat_in_a_galactic_picture(self):
        lon = np.arange(0, 360, 0.5)
        belt = SkyCoord(lon, np.zeros_like(lon), unit="deg", frame="galactic")
        ax = (~Mask.from_cones(belt, "3 deg", order=6)).plot(frame="galactic")
        plane = SkyCoord([10, 100, 200, 300], [1.5, -1.5, 1.5, 1.5], unit="deg", frame="galactic")
        for position in plane:
            assert is_colour(colour_at(ax, position), styles.EXCLUDED)
        off = SkyCoord([10, 100, 200, 315], [7, -7, 8, 8], unit="deg", frame="galactic")
        for position in off:
            assert is_colour(colour_at(ax, position), styles.KEPT)

    def test_area_of_the_colours_is_that_of_the_mask(self, hole):
        # Both projections are of equal area.
        ax = hole.plot(legend=False)
        image = ax.images[0].get_array()
        sky = image[..., 3] > 0.99
        excluded = np.abs(image[..., :3] - to_rgb(styles.EXCLUDED)).max(axis=-1) < 0.2
        assert (sky & excluded).sum() / sky.sum() == pytest.approx(1 - hole.sky_fraction, rel=0.02)

    def test_outside_the_sky_is_clear(self, hole):
        image = hole.plot().images[0].get_array()
        for corner in (image[0, 0], image[0, -1], image[-1, 0], image[-1, -1]):
            assert corner[3] == 0

    def test_words(self, hole):
        ax = hole.plot(title="my mask")
        assert ax.get_title() == "my mask"
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert [label.split()[0] for label in labels] == ["kept", "excluded"]
        assert f"{100 * hole.sky_fraction:.3g} %" in labels[0]
        assert "ICRS" in [text.get_text() for text in ax.texts]
        assert "Galactic" in [text.get_text() for text in hole.plot(frame="galactic").texts]

    def test_no_legend(self, hole):
        assert hole.plot(legend=False).get_legend() is None

    def test_own_colours(self, hole):
        ax = hole.plot(kept="white", excluded="black")
        assert is_colour(colour_at(ax, CRAB.directional_offset_by(50 * u.deg, 4 * u.deg)), "black")
        assert is_colour(colour_at(ax, AWAY[0]), "white")

    def test_figure_that_is_given(self, hole):
        figure = Figure(figsize=(5, 3))
        ax = hole.plot(figure=figure)
        assert ax.figure is figure
        assert not plt.get_fignums()

    @pytest.mark.parametrize("mask", [Mask.full(), Mask.empty(), Mask.full(order=29)])
    def test_full_and_empty(self, mask):
        ax = mask.plot()
        expected = styles.KEPT if mask.sky_fraction else "white"
        assert is_colour(colour_at(ax, AWAY[0]), expected)

    def test_bad_options(self, hole):
        with pytest.raises(ValueError, match="must be 'MOL' or 'AIT', got 'TAN'"):
            hole.plot(projection="TAN")
        with pytest.raises(ValueError, match="frame must be"):
            hole.plot(frame="fk5")
        with pytest.raises(TypeError, match=r"center must be a SkyCoord, a Quantity, or a text.*got int: 180"):
            hole.plot(center=180)
        with pytest.raises(ValueError, match="center must be one longitude"):
            hole.plot(center=[1, 2, 3] * u.deg)
        with pytest.raises(ValueError, match="center must be one position"):
            hole.plot(center=SkyCoord([1, 2], [3, 4], unit="deg"))
        with pytest.raises(ValueError, match="no energy bins"):
            hole.plot(energy="1 TeV")


@pytest.fixture(scope="module")
def by_energy():
    """Holes of 20, 10 and 5 deg in three bins."""
    axis = EnergyAxis([1, 10, 100, 1000] * u.GeV)
    planes = [(~Mask.from_cones(CRAB, radius, order=6)).planes[0] for radius in ("20 deg", "10 deg", "5 deg")]
    return Mask(planes, energy=axis)


class TestEnergy:
    at = CRAB.directional_offset_by(50 * u.deg, 8 * u.deg)

    @pytest.mark.deep
    def test_a_bin(self, by_energy):
        assert is_colour(colour_at(by_energy.plot(energy="20 GeV"), self.at), styles.EXCLUDED)
        assert is_colour(colour_at(by_energy.plot(energy="200 GeV"), self.at), styles.KEPT)

    def test_all_bins(self, by_energy):
        ax = by_energy.plot()
        assert is_colour(colour_at(ax, self.at), styles.PARTLY)
        assert is_colour(colour_at(ax, CRAB.directional_offset_by(50 * u.deg, 3 * u.deg)), styles.EXCLUDED)
        assert is_colour(colour_at(ax, AWAY[0]), styles.KEPT)
        labels = [text.get_text().split(" (")[0] for text in ax.get_legend().get_texts()]
        assert labels == ["kept in all bins", "kept in some bins", "excluded"]

    def test_energy_in_no_bin(self, by_energy):
        with pytest.raises(ValueError, match="energy must lie in one of the bins"):
            by_energy.plot(energy="2 TeV")

    @pytest.mark.deep
    def test_grid(self, by_energy):
        figure = by_energy.plot_grid()
        titles = [ax.get_title() for ax in figure.axes]
        assert [title.split(":")[0] for title in titles] == ["1-10 GeV", "10-100 GeV", "100-1000 GeV"]
        colours = [colour_at(ax, self.at) for ax in figure.axes]
        expected = [styles.EXCLUDED, styles.EXCLUDED, styles.KEPT]
        assert [is_colour(*pair) for pair in zip(colours, expected, strict=True)] == [True] * 3

    def test_grid_without_energy(self, hole):
        figure = hole.plot_grid()
        assert [ax.get_title() for ax in figure.axes] == [f"{100 * hole.sky_fraction:.3g} % kept"]

    def test_grid_columns(self, by_energy):
        figure = by_energy.plot_grid(ncols=3)
        assert len({round(ax.get_position().y0, 3) for ax in figure.axes}) == 1
        for ncols, error in ((0, ValueError), (-1, ValueError), (1.5, TypeError)):
            with pytest.raises(error, match=f"ncols must be .*got {ncols}"):
                by_energy.plot_grid(ncols=ncols)

    def test_grid_options(self, by_energy):
        given = Figure(figsize=(4, 3))
        figure = by_energy.plot_grid(
            kept="white", excluded="black", alpha=0.5, legend=False, title="Holes", figure=given, ncols=1
        )
        given.set_dpi(150)
        assert figure is given
        assert tuple(figure.get_size_inches()) == (4, 3)
        assert figure.get_suptitle() == "Holes"
        assert not figure.legends
        for ax in figure.axes:
            assert is_colour(colour_at(ax, CRAB.directional_offset_by(50 * u.deg, 2.5 * u.deg)), "0.5")
            assert is_colour(colour_at(ax, AWAY[0]), "white")
        assert tuple(by_energy.plot_grid(figsize=(5, 2)).get_size_inches()) == (5, 2)
        assert plt.get_fignums() == [1]
        assert [text.get_text() for text in by_energy.plot_grid().legends[0].get_texts()] == ["kept", "excluded"]
        for wrong in ((0, 3), (2, -1), (np.nan, 3), 3, (3,), "big"):
            with pytest.raises(ValueError, match="figsize must be "):
                by_energy.plot_grid(figsize=wrong)
        half = Figure().subfigures(1, 2)[0]
        assert by_energy.plot_grid(figure=half) is half
        with pytest.raises(ValueError, match="figsize cannot be given with a subfigure"):
            by_energy.plot_grid(figure=half, figsize=(4, 3))

    def test_grid_of_a_field(self, by_energy, tangent):
        figure = by_energy.plot_grid(wcs=tangent, shape=(100, 100))
        assert [ax.get_title() for ax in figure.axes] == ["1-10 GeV", "10-100 GeV", "100-1000 GeV"]
        colours = [colour_at(ax, self.at) for ax in figure.axes]
        expected = [styles.EXCLUDED, styles.EXCLUDED, styles.KEPT]
        assert [is_colour(*pair) for pair in zip(colours, expected, strict=True)] == [True] * 3
        for ax in figure.axes:
            assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 99.5), (-0.5, 99.5))
        with pytest.raises(ValueError, match=r"no number of pixels: give shape=\(ny, nx\)"):
            by_energy.plot_grid(wcs=tangent)
        tangent.array_shape = (50, 100)
        assert by_energy.plot_grid(wcs=tangent).axes[0].get_ylim() == (-0.5, 49.5)


@pytest.fixture
def tangent():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [CRAB.ra.deg, CRAB.dec.deg]
    wcs.wcs.crpix = [50.5, 50.5]
    wcs.wcs.cdelt = [-0.5, 0.5]
    return wcs


class TestField:
    """Pictures of a part of the sky, in axes of their own."""

    @pytest.mark.parametrize(
        ("options", "ctype"),
        [
            ({}, "RA---TAN"),
            ({"frame": "galactic"}, "GLON-TAN"),
            ({"projection": "ait", "height": "50 deg"}, "RA---AIT"),
        ],
    )
    def test_center_and_width(self, hole, options, ctype):
        ax = hole.plot(center=CRAB, width="40 deg", **options)
        assert ax.wcs.wcs.ctype[0] == ctype
        # The width, at the scale in the middle of the picture.
        x0, x1, y0, y1 = *ax.get_xlim(), *ax.get_ylim()
        west, east = ax.wcs.pixel_to_world((x0 + x1) / 2 + np.array([-5, 5]), [(y0 + y1) / 2] * 2)
        tolerance = 0.03 if ctype.endswith("TAN") else 1
        assert west.separation(east).deg * (x1 - x0) / 10 == pytest.approx(40, abs=tolerance)
        assert (y1 - y0) / (x1 - x0) == pytest.approx(1.25 if "height" in options else 1)
        wanted = CRAB.transform_to("galactic" if "frame" in options else "icrs")
        middle = ax.wcs.pixel_to_world((x0 + x1) / 2, (y0 + y1) / 2)
        assert middle.separation(wanted).deg < 0.05
        for distance, colour in ((14, styles.EXCLUDED), (16, styles.KEPT)):
            for position in CRAB.directional_offset_by([20, 110, 200, 290] * u.deg, distance * u.deg):
                assert is_colour(colour_at(ax, position), colour)

    def test_wcs(self, hole, tangent):
        tangent.array_shape = (60, 100)
        ax = hole.plot(wcs=tangent)
        assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 99.5), (-0.5, 59.5))
        ax = hole.plot(wcs=tangent, shape=(100, 100), kept="none", title="Crab", figsize=(3, 4))
        assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 99.5), (-0.5, 99.5))
        assert ax.get_title() == "Crab"
        assert tuple(ax.figure.get_size_inches()) == (3, 4)
        assert is_colour(colour_at(ax, CRAB.directional_offset_by(110 * u.deg, 10 * u.deg)), styles.EXCLUDED)
        assert is_colour(colour_at(ax, CRAB.directional_offset_by(110 * u.deg, 20 * u.deg)), "white")
        legends = [text.get_text() for text in ax.figure.legends[0].get_texts()]
        assert legends == ["excluded"]
        # A figure without a layout has no room below the axes.
        ax = hole.plot(wcs=tangent, figure=Figure())
        assert len(ax.get_legend().get_texts()) == 2
        assert not ax.figure.legends

    def test_file_with_several_images(self, hole, tangent, tmp_path):
        images = [fits.ImageHDU(np.zeros((n, 100)), tangent.to_header(), name=f"N{n}") for n in (20, 40)]
        fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "two.fits")
        assert hole.plot(wcs=tmp_path / "two.fits", hdu="N40").get_ylim() == (-0.5, 39.5)

    def test_the_middle_of_the_sky_may_be_a_position(self, hole):
        ax = hole.plot(center=CRAB, frame="galactic")
        assert ax.wcs.wcs.crval[0] == pytest.approx(CRAB.galactic.l.deg)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            (
                {"width": "3 deg"},
                TypeError,
                "center must be the position in the middle of a field with a width, got none",
            ),
            (
                {"width": "3 deg", "center": "83 deg"},
                TypeError,
                "center must be the position.*got the longitude '83 deg' only",
            ),
            ({"width": "-3 deg", "center": CRAB}, ValueError, "width must be a positive angle"),
            ({"height": "3 deg"}, ValueError, "height belongs to a field"),
            ({"shape": (3, 4)}, ValueError, "shape belongs to an image"),
            ({"hdu": 1}, ValueError, "hdu belongs to an image"),
            ({"wcs": WCS(naxis=2), "width": "3 deg"}, ValueError, "cannot be combined with width"),
            ({"wcs": WCS(naxis=2), "projection": "TAN"}, ValueError, "cannot be combined with projection"),
            ({"center": CRAB, "width": "3 deg", "projection": "XXX"}, ValueError, "one of TAN,.* got 'XXX'"),
        ],
    )
    def test_options_that_do_not_fit(self, by_energy, options, error, message):
        for draw in (by_energy.plot, by_energy.plot_grid, by_energy.plot_interactive):
            with pytest.raises(error, match=message):
                draw(**options)
        assert not plt.get_fignums()

    def test_axes_have_their_own_field(self, by_energy, tangent):
        ax = Figure().add_subplot(projection=tangent)
        options = {
            "frame": "icrs",
            "center": CRAB,
            "width": "3 deg",
            "wcs": tangent,
            "figsize": (3, 4),
            "figure": ax.figure,
        }
        for name, value in options.items():
            for draw in (by_energy.plot, by_energy.plot_interactive):
                with pytest.raises(ValueError, match=f"cannot be combined with {name}"):
                    draw(ax, **{name: value})


def test_the_functions_take_the_options_of_the_methods():
    names = {}
    for name in ("plot", "plot_grid", "plot_interactive"):
        names[name] = set(inspect.signature(getattr(Mask, name)).parameters) - {"self"}
        assert getattr(plotting, name).__doc__ == f"See `hpmask.Mask.{name}`."
        assert set(inspect.signature(getattr(plotting, name)).parameters) - {"mask", "view", "options"} <= names[name]
    assert names["plot"] == names["plot_grid"] - {"ncols"} | {"ax"} == names["plot_interactive"]
    for name in ("plot", "plot_grid"):
        assert set(inspect.signature(getattr(MaskSet, name)).parameters) - {"self"} == names[name] - {"label"}


class TestOverlay:
    def test_tints_what_is_excluded_and_leaves_the_rest(self, hole, tangent):
        figure = Figure()
        ax = figure.add_subplot(projection=tangent)
        ax.imshow(np.ones((100, 100)), vmin=0, vmax=1, cmap="gray")
        limits = ax.get_xlim(), ax.get_ylim()
        assert hole.plot(ax) is ax
        assert (ax.get_xlim(), ax.get_ylim()) == limits
        tint = (1 + np.array(to_rgb(styles.EXCLUDED))) / 2
        assert is_colour(colour_at(ax, CRAB), tint)
        assert is_colour(colour_at(ax, CRAB.directional_offset_by(120 * u.deg, 22 * u.deg)), "white")

    def test_zoomed_and_turned_axes(self, hole, tangent):
        angle = np.radians(30)
        tangent.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        figure = Figure()
        ax = figure.add_subplot(projection=tangent)
        ax.set_xlim(70, 20)
        ax.set_ylim(30, 90)
        hole.plot(ax, kept="blue", excluded="red", alpha=1)
        assert ax.get_xlim() == (70, 20)
        for angle in range(0, 360, 40):
            for distance in (6, 14, 16, 20):
                position = CRAB.directional_offset_by(angle * u.deg, distance * u.deg)
                x, y = tangent.world_to_pixel(position)
                if 22 < x < 68 and 32 < y < 88:
                    expected = "blue" if hole.contains(position) else "red"
                    assert is_colour(colour_at(ax, position), expected)

    def test_galactic_axes(self, hole):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]
        wcs.wcs.crval = [184, 0]
        wcs.wcs.crpix = [50.5, 50.5]
        wcs.wcs.cdelt = [-0.5, 0.5]
        ax = plotting.field_axes(Figure(), wcs, (100, 100))
        hole.plot(ax)
        assert ax.coords[0].get_axislabel() == "Galactic longitude"
        assert is_colour(colour_at(ax, CRAB), (1 + np.array(to_rgb(styles.EXCLUDED))) / 2)

    def test_needs_a_projection(self, hole):
        with pytest.raises(TypeError, match="ax must be a WCSAxes"):
            hole.plot(Figure().add_subplot())


def test_plot_without_matplotlib_names_the_extra(hole, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (hole.plot, hole.plot_grid):
        with pytest.raises(ImportError, match=r'pip install "hpmask\[plot\]"'):
            draw()


@pytest.mark.deep
def test_importing_hpmask_loads_no_matplotlib():
    code = "import sys, hpmask, hpmask.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------- axes that show nothing yet


def fresh_axes(figure, array_shape=(60, 80)):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "GLON-TAN", "GLAT-TAN"
    wcs.wcs.crval = 184.56, -5.78
    wcs.wcs.crpix = 40.5, 30.5
    wcs.wcs.cdelt = -0.1, 0.1
    wcs.array_shape = array_shape
    return figure.add_subplot(projection=wcs)


def test_fresh_axes_show_the_pixels_of_their_wcs():
    disc = Mask.from_cones(SkyCoord(184.56, -5.78, unit="deg", frame="galactic"), "1 deg", order=10)
    ax = fresh_axes(Figure())
    assert disc.plot(ax) is ax
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 79.5), (-0.5, 59.5))
    image = ax.images[0].get_array()
    # Kept sky is tinted: the disc, pi deg2 of 48 deg2.
    assert np.mean(image[..., 3] > 0.25) == pytest.approx(np.pi / 48, abs=0.01)


def test_limits_that_were_set_stay():
    for limits in ((0, 1), (10, 20)):
        ax = fresh_axes(Figure(), None)
        ax.set_xlim(limits)
        ax.set_ylim(limits)
        Mask.full().plot(ax)
        assert ax.get_xlim() == ax.get_ylim() == limits
    ax = fresh_axes(Figure(), None)
    ax.imshow(np.zeros((7, 9)))
    Mask.full().plot(ax)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 8.5), (-0.5, 6.5))


def test_fresh_axes_without_a_number_of_pixels():
    with pytest.raises(ValueError, match=r"ax shows no part of the sky yet.*set wcs.array_shape = \(ny, nx\)"):
        Mask.full().plot(fresh_axes(Figure(), None))


@pytest.mark.deep
def test_no_colour_draws_nothing():
    disc = Mask.from_cones(SkyCoord(184.56, -5.78, unit="deg", frame="galactic"), "1 deg", order=10)
    nothing = dict.fromkeys(("kept", "excluded", "edge"), "none")
    for style in ("exclusion", "footprint", "outline"):
        for colours in ({}, {"kept": "red"}, {"excluded": "blue"}, {"kept": "red", "excluded": "blue"}):
            ax = fresh_axes(Figure())
            given = {**nothing, **colours}
            disc.plot(ax, style=style, **given)
            shown = rendered(ax.figure)
            seen = {name: is_seen(shown, colour) for name, colour in (("kept", "red"), ("excluded", "blue"))}
            legend = ax.get_legend()
            names = set() if legend is None else {text.get_text() for text in legend.get_texts()}
            if style == "outline":
                assert not names
                assert not any(seen.values())
            else:
                assert names == set(colours)
                assert seen == {name: name in colours for name in seen}
    assert styles.rgba((1, 0, 0, 0.5), 0.5) == (1, 0, 0, 0.25)
    assert styles.rgba("none") == styles.rgba(None) == (0, 0, 0, 0)


def is_seen(image, colour, opacity=0.5):
    """Whether a part of a picture has a colour over white."""
    mixed = opacity * np.array(to_rgb(colour)) + 1 - opacity
    return (np.abs(image - mixed).max(axis=-1) < 0.02).sum() > 50


def test_grid_of_what_to_wcs_takes():
    maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    geom = maps.WcsGeom.create(skydir=(83.63, 22.01), width=(4, 2), binsz=0.1)
    header = geom.wcs.to_header()
    header["NAXIS1"], header["NAXIS2"] = 40, 20
    for wcs in (geom, header, geom.wcs):
        ax = Mask.full().plot_grid(wcs=wcs).axes[0]
        assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 39.5), (-0.5, 19.5))


@pytest.mark.parametrize("order", [0, 5, 10, 20, 29])
def test_nearly_all_of_the_sky_is_not_all_of_it(order):
    hole = Mask(RangeSet.from_cells([0], order))
    rest = ~hole
    assert "| 1 of the sky" not in repr(rest)
    assert "| 0 of the sky" not in repr(hole)
    shown = re.search(r"([0-9.e-]+) of the sky", repr(rest))
    assert 0.9 < float(shown[1]) < 1
    names = [text.get_text() for text in rest.plot().get_legend().get_texts()]
    kept, excluded = (float(re.search(r"\(([0-9.e-]+) % of the sky", name)[1]) for name in names)
    assert 90 < kept < 100
    assert excluded == pytest.approx(100 * hole.sky_fraction, rel=5e-3)
    assert "| 1 of the sky" in repr(Mask.full())


def test_one_is_singular():
    one = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "3 deg", order=6, energy=EnergyAxis([1, 2] * u.TeV))
    assert "| 1 bin 1-2 TeV |" in repr(one)
    assert "(1 disc," in one.history
    assert "(1 region," in Mask.from_regions("icrs; circle(10, 20, 3)", order=6).history


# ---------------------------------------------------------------------- sets


@pytest.mark.deep
def test_each_layer_of_a_set_has_a_picture():
    axis = EnergyAxis([1, 10, 100] * u.GeV)
    north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
    masks = MaskSet({"$g$": north, "<b>": Mask.from_energy(axis, energy_min="10 GeV") & north})
    figure = masks.plot_grid(title="two")
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["$g$: 50.5 % kept", "<b>"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "kept",
        "kept in all bins",
        "kept in some bins",
        "excluded",
    ]
    figure.savefig(io.BytesIO())
    field = masks.plot_grid(center=SkyCoord(10, 0, unit="deg"), width="10 deg", legend=False)
    assert [ax.get_title() for ax in field.axes] == list(masks)
    html = masks._repr_html_()
    assert "<td>&lt;b&gt;</td><td>5</td><td>2 bins 1-100 GeV</td>" in html
    assert "MaskSet icrs order=5 | 2 layers" in html
