"""Legends: what they name, how they grow with each mask, and where they are."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from hpmask import EnergyAxis, Mask, MaskSet, plotting

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from hpmask.plotting import legends  # noqa: E402

NORTH = Mask.from_zone(lat=("30 deg", "90 deg"), order=5)
BAND = ~Mask.from_zone(lat=("-10 deg", "10 deg"), order=5)
PATCH = Mask.from_cones(SkyCoord(120, -40, unit="deg"), "20 deg", order=6)


def figure():
    return Figure(figsize=(8, 5), dpi=60, layout="constrained")


def names(ax):
    legend = ax.get_legend() or (ax.figure.legends[0] if ax.figure.legends else None)
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def percent(value):
    return f"{100 * value:.3g} %"


def test_one_mask():
    assert names(NORTH.plot(figure=figure())) == [f"kept ({percent(NORTH.sky_fraction)} of the sky)"]
    assert names(BAND.plot(figure=figure())) == [
        f"kept ({percent(BAND.sky_fraction)} of the sky)",
        f"excluded ({percent(1 - BAND.sky_fraction)} of the sky)",
    ]
    (edge,) = names(NORTH.plot(figure=figure(), style="outline"))
    assert edge == f"edge of the kept sky ({percent(NORTH.sky_fraction)} of the sky)"
    assert names(BAND.plot(figure=figure(), legend=False)) == []


def test_labels_say_what_is_drawn():
    assert names(NORTH.plot(figure=figure(), label="north")) == [f"north ({percent(NORTH.sky_fraction)} of the sky)"]
    assert names(BAND.plot(figure=figure(), label="band")) == [f"band ({percent(1 - BAND.sky_fraction)} excluded)"]
    for mask, part in (
        (NORTH, f"{percent(NORTH.sky_fraction)} of the sky"),
        (BAND, f"{percent(1 - BAND.sky_fraction)} excl"),
    ):
        (name,) = names(mask.plot(figure=figure(), label="name", style="outline"))
        assert name.startswith(f"name ({part}")
    # A field has no part of the sky.
    assert names(BAND.plot(figure=figure(), label="band", center="0 0", width="30 deg")) == ["band"]
    with pytest.raises(TypeError, match="label must be a text, got int"):
        BAND.plot(label=3)


def test_bins():
    axis = EnergyAxis([1, 2, 4] * u.TeV)
    both = Mask.stack([NORTH, PATCH], axis)
    found = names(both.plot(figure=figure(), label="bins"))
    assert [name.split(" (")[0] for name in found] == ["bins", "bins, in some bins"]
    assert names(both.plot(figure=figure(), energy="1.5 TeV", label="one")) == [
        f"one ({percent(NORTH.sky_fraction)} of the sky)"
    ]


@pytest.mark.parametrize("field", [False, True])
def test_successive_masks_build_one_legend(field):
    view = {"center": "0 0", "width": "60 deg"} if field else {}
    ax = NORTH.plot(figure=figure(), label="north", **view)
    BAND.plot(ax, label="band")
    PATCH.plot(ax, label="patch", style="outline")
    ax.plot([10, 20], [30, 40], "k*", transform=ax.get_transform("icrs"), label="sources")
    NORTH.plot(ax, kept="black", label="again")
    assert [name.split(" (")[0] for name in names(ax)] == ["north", "band", "patch", "sources", "again"]
    assert len(ax.figure.legends) == (1 if field else 0)
    assert (ax.get_legend() is None) == field
    assert legends.count_of_masks(ax) == 4
    entries = [one for one in (*ax.patches, *ax.lines) if str(one.get_gid()).startswith("hpmask-")]
    assert len(entries) == 4
    # matplotlib's own way has all of them, too.
    assert len(ax.legend().get_texts()) == 5
    ax.clear()
    assert legends.count_of_masks(ax) == 0


def test_several_masks():
    masks = MaskSet({"north": NORTH, "band": BAND, "$x$": PATCH})
    wanted = [
        f"north ({percent(NORTH.sky_fraction)} of the sky)",
        f"band ({percent(1 - BAND.sky_fraction)} excluded)",
        f"$x$ ({percent(PATCH.sky_fraction)} of the sky)",
    ]
    assert names(masks.plot(figure=figure())) == wanted
    assert names(plotting.plot(dict(masks), figure=figure())) == wanted
    ax = PATCH.plot(figure=figure(), label="first")
    masks.plot(ax)
    # The longest of them do not fit in one row of the figure in full.
    full = [f"first ({percent(PATCH.sky_fraction)} of the sky)", *wanted]
    assert names(ax) == [name.replace(" % of the sky", " %") for name in full]
    for bad, error, words in (
        ({}, ValueError, "there is no mask to draw"),
        ({1: NORTH}, TypeError, "the names of masks must be texts, got 1"),
        ({"a": 3}, TypeError, "'a' must be a Mask, got int"),
    ):
        with pytest.raises(error, match=words):
            plotting.plot(bad)
    with pytest.raises(ValueError, match="label names one mask"):
        plotting.plot(dict(masks), label="x")


def test_colours_of_several_masks_are_where_they_keep_or_exclude():
    """Each pixel against `contains` of each mask: opaque colours, the later above the earlier."""
    masks = MaskSet({"north": NORTH, "band": BAND, "patch": PATCH})
    given = {"kept": {"north": "red", "patch": "blue"}, "excluded": ["none", "lime", "none"]}
    ax = masks.plot(figure=figure(), alpha=1, edge="none", legend=False, **given)
    images = [image.get_array() for image in ax.images]
    assert len(images) == 3
    ny, nx = images[0].shape[:2]
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x, y = np.meshgrid(x0 + (x1 - x0) * (np.arange(nx) + 0.5) / nx, y0 + (y1 - y0) * (np.arange(ny) + 0.5) / ny)
    lon, lat = ax.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    sky = np.isfinite(lon)
    coord = SkyCoord(lon[sky], lat[sky], unit="deg")
    for image, mask, colour, shown in zip(
        images, masks.values(), ("red", "lime", "blue"), (NORTH, ~BAND, PATCH), strict=True
    ):
        alpha = image[..., 3].ravel()
        assert (alpha[~sky] < 1).all()
        drawn = alpha[sky]
        pure = (drawn == 0) | (drawn == 1)
        assert pure.mean() > 0.9
        assert ((drawn > 0) == shown.contains(coord))[pure].mean() > 0.99
        np.testing.assert_allclose(
            image[..., :3].reshape(-1, 3)[sky][drawn == 1], [to_rgb(colour)] * (drawn == 1).sum()
        )
        assert mask.frame == "icrs"


def test_legends_fit_small_figures():
    masks = MaskSet({f"a long name of a layer {i}": NORTH for i in range(7)})
    small = Figure(figsize=(3.4, 4), dpi=100, layout="constrained")
    ax = masks.plot(figure=small)
    assert ax.get_legend().get_window_extent().width <= 340
    assert len(names(ax)) == 7
    few = masks.map(lambda mask: mask).renamed({name: name[-1] for name in masks})
    assert few.plot(figure=figure()).get_legend()._ncols == 4


def test_axes_of_others_have_a_legend_in_a_corner():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [120, -40]
    wcs.wcs.cdelt = [-1, 1]
    wcs.wcs.crpix = [20, 20]
    wcs.array_shape = (40, 40)
    ax = Figure().add_subplot(projection=wcs)
    PATCH.plot(ax, label="patch")
    BAND.plot(ax, label="band")
    assert names(ax) == ["patch", "band"]
    assert ax.get_legend()._loc == 1
    assert not ax.figure.legends


def test_one_legend_for_a_grid():
    masks = MaskSet({"north": NORTH, "band": BAND, "patch": PATCH})
    whole = masks.plot_grid(figure=figure())
    (legend,) = whole.legends
    assert [text.get_text() for text in legend.get_texts()] == ["kept", "excluded"]
    assert not masks.plot_grid(figure=figure(), legend=False).legends
    own = masks.plot_grid(figure=figure(), kept=["red", "white", "blue"])
    faces = [
        next(one for one in ax.patches if str(one.get_gid()).startswith("hpmask-")).get_facecolor()[:3]
        for ax in own.axes
    ]
    assert faces == [to_rgb("red"), to_rgb("white"), to_rgb("blue")]
    assert len(own.legends) == 1


def test_outlines_without_labels_have_one_entry_which_is_a_line():
    ax = NORTH.plot(figure=figure(), style="outline")
    for mask in (PATCH, NORTH, PATCH):
        mask.plot(ax, style="outline")
    assert names(ax) == ["edge of the kept sky"]
    assert len(ax.get_legend().get_lines()) == 1
    assert legends.count_of_masks(ax) == 4


def test_colours_may_be_arrays():
    given = {"kept": np.array([1.0, 0, 0, 1]), "excluded": np.array([0, 0, 1.0, 1]), "edge": np.array([0, 1.0, 0, 1])}
    for style in ("exclusion", "footprint", "outline"):
        assert names(BAND.plot(figure=figure(), style=style, **given))
