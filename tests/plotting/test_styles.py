"""Colours that everybody can tell apart, styles that fit a mask, and text that follows rcParams.

Referees: the matrices of Machado, Oliveira & Fernandes 2009 (IEEE Trans. Vis. Comput. Graph. 15, 1291), and
CIEDE2000 of scikit-image.
"""

import itertools

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
color = pytest.importorskip("skimage.color")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb, to_rgba  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from hpmask.plotting import styles  # noqa: E402

# What people see who lack one kind of cones, as matrices of linear RGB.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen(rgb, sight):
    """An sRGB colour as it is seen, in CIE Lab."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SIGHTS[sight]) @ linear, 0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return color.rgb2lab(rgb[np.newaxis, np.newaxis])[0, 0]


def over(colour, page, alpha):
    return alpha * np.array(to_rgb(colour)) + (1 - alpha) * np.array(to_rgb(page))


def least_difference(colours, sight):
    labs = [seen(rgb, sight) for rgb in colours]
    return min(color.deltaE_ciede2000(a, b) for a, b in itertools.combinations(labs, 2))


def least_grey(colours):
    """The least difference of lightness, 0 to 100."""
    light = [seen(rgb, "usual")[0] for rgb in colours]
    return min(abs(a - b) for a, b in itertools.combinations(light, 2))


PALETTES = {
    "one mask": [over(colour, "white", 1) for colour in (styles.KEPT, styles.PARTLY, styles.EXCLUDED)],
    "one mask, dark": [
        over(colour, "black", 1) for colour in (styles.DARK_KEPT, styles.DARK_PARTLY, styles.DARK_EXCLUDED)
    ],
    "several masks": [np.ones(3), *(over(pair[0], "white", styles.SHARED) for pair in styles.PAIRS)],
    "several masks, dark": [np.zeros(3), *(over(pair[0], "black", styles.SHARED) for pair in styles.PAIRS)],
}


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("palette", PALETTES)
def test_colours_differ_for_everybody(palette, sight):
    # A difference of 2 is just noticed side by side, one of 10 at a glance.
    assert least_difference(PALETTES[palette], sight) > 10


@pytest.mark.parametrize("palette", PALETTES)
def test_colours_differ_in_grey(palette):
    assert least_grey(PALETTES[palette]) > 8


def test_a_bad_palette_is_noticed():
    bad = [np.array(to_rgb(name)) for name in ("#cc4444", "#448844")]
    assert least_difference(bad, "usual") > 40
    assert least_difference(bad, "deuteranopia") < 20
    assert least_grey(bad) < 5


def test_edges_contrast_with_their_fills_and_the_page():
    for fill, edge, dark_edge in styles.PAIRS:
        for page, line in (("white", edge), ("black", dark_edge)):
            mixed = seen(over(fill, page, styles.SHARED), "usual")
            assert abs(seen(np.array(to_rgb(line)), "usual")[0] - mixed[0]) > 15
            assert abs(seen(np.array(to_rgb(line)), "usual")[0] - seen(np.array(to_rgb(page)), "usual")[0]) > 40


# ---------------------------------------------------------------- which style


HOLE = ~Mask.from_cones(SkyCoord(83, 22, unit="deg"), "15 deg", order=5)
LOOK = styles.Look.of(Figure(figsize=(7.5, 4)))


def test_the_style_fits_the_mask():
    assert styles.paint_of(HOLE, LOOK).style == "exclusion"
    assert styles.paint_of(~HOLE, LOOK).style == "footprint"
    assert styles.paint_of(Mask.full(), LOOK).style == "exclusion"
    assert styles.paint_of(Mask.empty(), LOOK).style == "footprint"
    for style in styles.STYLES:
        assert styles.paint_of(HOLE, LOOK, style=style).style == style
    for style in ("excluded", "", 3):
        with pytest.raises(ValueError, match="style must be 'exclusion', 'footprint' or 'outline', got"):
            HOLE.plot(style=style)
    axis = EnergyAxis([1, 2, 4] * u.TeV)
    assert styles.paint_of(Mask.stack([~HOLE, ~HOLE], axis), LOOK).style == "footprint"
    assert styles.paint_of(Mask.stack([~HOLE, HOLE], axis), LOOK, energy="1.5 TeV").style == "footprint"


@pytest.mark.parametrize("style", styles.STYLES)
def test_each_style_draws_what_it_says(style):
    paint = styles.paint_of(HOLE, LOOK, style=style)
    (kept, excluded), edge = paint.colours, paint.edge
    drawn = {name for name, colour in (("kept", kept), ("excluded", excluded), ("edge", edge)) if colour[3] > 0}
    assert drawn == {"exclusion": {"kept", "excluded"}, "footprint": {"kept", "edge"}, "outline": {"edge"}}[style]
    over_image = styles.paint_of(HOLE, LOOK, style=style, overlay=True)
    assert over_image.colours[0][3] == (0.5 if style == "footprint" else 0)
    assert over_image.colours[1][3] == (0.5 if style == "exclusion" else 0)


def test_masks_that_share_a_picture_differ():
    paints = [styles.paint_of(HOLE, LOOK, shared=True, number=n) for n in range(12)]
    assert len({(paint.colours[-1], paint.hatch) for paint in paints}) == 12
    lines = [styles.paint_of(HOLE, LOOK, style="outline", shared=True, number=n) for n in range(12)]
    assert len({(paint.edge, paint.linestyle) for paint in lines}) == 12


def test_colours_of_each():
    names = ["a", "b"]
    assert styles.of_each(None, names, "kept") == [None, None]
    assert styles.of_each("red", names, "kept") == ["red", "red"]
    assert styles.of_each((1, 0, 0), names, "kept") == [(1, 0, 0)] * 2
    assert styles.of_each(["red", None], names, "kept") == ["red", None]
    assert styles.of_each({"b": "red"}, names, "kept") == [None, "red"]
    with pytest.raises(ValueError, match="kept must have one colour for each of the 2 masks, got 3"):
        styles.of_each(["r", "g", "b"], names, "kept")
    with pytest.raises(ValueError, match="edge has a colour for 'c', but the masks are a, b"):
        styles.of_each({"c": "red"}, names, "edge")


# ---------------------------------------------------------------- rcParams


@pytest.fixture(autouse=True)
def _figures():
    yield
    plt.close("all")


def test_text_and_sizes_follow_rcparams():
    rc = {"text.color": "darkgreen", "font.size": 13, "figure.figsize": (5, 3), "figure.dpi": 70}
    with plt.rc_context(rc):
        ax = HOLE.plot(title="holes")
        figure = ax.figure
        assert tuple(figure.get_size_inches()) == (5, 3)
        assert figure.dpi == 70
        assert to_rgb(ax.title.get_color()) == to_rgb("darkgreen")
        assert ax.title.get_fontsize() == pytest.approx(13 * 1.2)
        legend = ax.get_legend()
        assert {text.get_fontsize() for text in legend.get_texts()} == {13.0}
        assert {to_rgb(text.get_color()) for text in legend.get_texts()} == {to_rgb("darkgreen")}
        assert ax.coords[0]._ticklabels.get_color() == "darkgreen"
        assert tuple(HOLE.plot(figsize=(4, 2)).figure.get_size_inches()) == (4, 2)
    # Sizes that nobody has set are those of the picture.
    sizes = [styles.Look.of(Figure(figsize=(width, 3))).title_size for width in (3.4, 7.5, 33)]
    assert sizes[0] < sizes[1] == 12 < sizes[2]


def test_dark_pages():
    with plt.style.context("dark_background"):
        look = styles.Look.of(plt.figure())
        assert look.is_dark
        assert to_rgba(look.page) == (0, 0, 0, 1)
        ax = HOLE.plot(title="holes")
        ink = to_rgb(ax.title.get_color())
        assert ink == (1, 1, 1)
        shown = styles.paint_of(HOLE, look)
        for colour in shown.colours:
            # White labels with black borders are readable on the fills.
            assert seen(np.array(colour[:3]), "usual")[0] < 65
    assert not styles.Look.of(plt.figure()).is_dark
    clear = Figure(facecolor="none")
    assert not styles.Look.of(clear).is_dark


def test_grids_follow_rcparams():
    with plt.rc_context({"grid.color": "red", "grid.alpha": 0.9, "grid.linewidth": 2.5, "grid.linestyle": "--"}):
        style = styles.grid_style(LOOK)
    assert style == {"color": "red", "alpha": 0.9, "linewidth": 2.5, "linestyle": "--"}
    assert styles.grid_style(LOOK)["alpha"] == 0.25
