"""What a picture shows: frames, middles in every form, units of longitudes. Referee: SkyCoord."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from hpmask import Mask, MaskSet
from tests._support.profiles import examples

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from hpmask.plotting import all_sky_axes, views  # noqa: E402
from hpmask.plotting.views import View  # noqa: E402
from hpmask.wcs import field_wcs  # noqa: E402

ASTROPY = {"icrs": "icrs", "galactic": "galactic", "ecliptic": "barycentricmeanecliptic"}
DISC = Mask.from_cones(SkyCoord(35, -10, unit="deg"), "5 deg", order=7)


@pytest.fixture(autouse=True)
def _figures():
    yield
    plt.close("all")


def middle_of(view):
    """The position in the middle of a field."""
    ny, nx = view.shape
    return view.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)


@pytest.mark.parametrize("frame", ASTROPY)
@pytest.mark.parametrize(
    "center",
    ["35 -10", "35, -10", "35 -10.0", "35d -10d", (35 * u.deg, -10 * u.deg), ("35 deg", "-10 deg"), [35, -10] * u.deg],
    ids=str,
)
def test_positions_in_every_form(frame, center):
    wanted = SkyCoord(35, -10, unit="deg", frame=ASTROPY[frame])
    view = View.of(DISC, frame=frame, center=center, width="4 deg")
    assert middle_of(view).separation(wanted).deg < 1e-6
    whole = View.of(DISC, frame=frame, center=center)
    assert whole.center == pytest.approx(35)
    again = View.of(DISC, frame=frame, center=wanted, width="4 deg")
    assert middle_of(again).separation(wanted).deg < 1e-6


def test_sexagesimal_positions_and_longitudes():
    view = View.of(DISC, center="02h20m -10d00m", width="4 deg")
    assert middle_of(view).separation(SkyCoord(35, -10, unit="deg")).deg < 1e-6
    for text in ("35 deg", "2100 arcmin", "35"):
        if text == "35":
            with pytest.raises(ValueError, match="center must be 'auto', a longitude such as '83 deg', or a position"):
                View.of(DISC, center=text)
        else:
            assert View.of(DISC, center=text).center == pytest.approx(35)


@pytest.mark.parametrize(
    ("center", "error", "words"),
    [
        ("nonsense", ValueError, "center must be 'auto', a longitude such as '83 deg', or a position"),
        ("400 95", ValueError, "center must be 'auto'"),
        ((35, -10), TypeError, r"center\[0\] must be a Quantity"),
        ((1 * u.deg, 2 * u.deg, 3 * u.deg), ValueError, "center must be one position"),
        (([1, 2] * u.deg, 3 * u.deg), ValueError, "center must be one position"),
        (35, TypeError, "center must be a SkyCoord, a Quantity, or a text such as '83 deg', '35 -10'.*got int: 35"),
        (35 * u.m, ValueError, "center must be an angle"),
        (SkyCoord([1, 2], [3, 4], unit="deg"), ValueError, "center must be one position, got 2"),
        (np.nan * u.deg, ValueError, "center must be one longitude"),
    ],
)
def test_other_middles(center, error, words):
    for options in ({}, {"width": "3 deg"}):
        with pytest.raises(error, match=words):
            DISC.plot(center=center, **options)


@pytest.mark.parametrize("frame", ASTROPY)
def test_frames(frame):
    """Positions of astropy lie where the axes have them: longitude to the left, latitude upwards."""
    for ax, wanted in (
        (all_sky_axes(Figure(), frame=frame, center="40 deg"), 40),
        (DISC.plot(figure=Figure(), frame=frame, center="40 20", width="30 deg", legend=False), 40),
    ):
        own = ax.get_transform(ASTROPY[frame])
        x, y = own.transform([(wanted, 20), (wanted + 5, 20), (wanted, 25)]).T
        assert x[1] < x[0]
        assert y[2] > y[0]
        coord = SkyCoord([wanted, 45, 38], [20, 22, 12], unit="deg", frame=ASTROPY[frame])
        direct = own.transform(np.stack([coord.spherical.lon.deg, coord.spherical.lat.deg], axis=-1))
        by_icrs = ax.get_transform("icrs").transform(np.stack([coord.icrs.ra.deg, coord.icrs.dec.deg], axis=-1))
        np.testing.assert_allclose(direct, by_icrs, atol=1e-4)
    with pytest.raises(ValueError, match="frame must be 'icrs', 'galactic' or 'ecliptic', got 'fk5'"):
        DISC.plot(frame="fk5")


@pytest.mark.parametrize("frame", ASTROPY)
@pytest.mark.parametrize("options", [{}, {"center": "35 -10", "width": "40 deg"}])
def test_pixels_are_those_of_the_mask(frame, options):
    mask = Mask.from_cones(SkyCoord([35, 20, 200], [-10, 5, 60], unit="deg"), "12 deg", order=7)
    figure = Figure(figsize=(5, 3), dpi=60)
    ax = mask.plot(
        figure=figure, frame=frame, kept="lime", excluded="red", alpha=1, edge="none", legend=False, **options
    )
    ax.coords.grid(False)
    for coord in ax.coords:
        coord.set_ticklabel_visible(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[::-1, :, :3]
    rng = np.random.default_rng(2)
    coord = SkyCoord(rng.uniform(0, 360, 4000), np.degrees(np.arcsin(rng.uniform(-1, 1, 4000))), unit="deg")
    there = coord.transform_to(ASTROPY[frame]).spherical
    with np.errstate(invalid="ignore"):
        x, y = ax.get_transform(ASTROPY[frame]).transform(np.stack([there.lon.deg, there.lat.deg], axis=-1)).T
    box = ax.bbox
    inside = np.isfinite(x) & (x > box.x0 + 3) & (x < box.x1 - 3) & (y > box.y0 + 3) & (y < box.y1 - 3)
    if options:
        inside &= coord.separation(SkyCoord(35, -10, unit="deg", frame=ASTROPY[frame])) < 60 * u.deg
    colours = image[y[inside].astype(int), x[inside].astype(int)].astype(int)
    kept = mask.contains(coord[inside])
    sharp = np.abs(colours[:, 0] - colours[:, 1]) > 250
    assert sharp.sum() > 50
    assert ((colours[:, 1] > 128) == kept)[sharp].mean() > 0.99


def drawn_labels(ax, number):
    ax.figure.canvas.draw()
    labels = ax.coords[number]._ticklabels
    return {text for side in labels.get_visible_axes() for text in labels.text.get(side, ())}


@pytest.mark.deep
@pytest.mark.parametrize("options", [{}, {"center": "35 -10", "width": "10 deg"}])
def test_units_of_longitudes(options):
    for unit, mark in ((None, "°"), ("hour", "h")):
        figure = Figure(figsize=(6, 4))
        FigureCanvasAgg(figure)
        ax = DISC.plot(figure=figure, lon_unit=unit, **options)
        labels = drawn_labels(ax, 0)
        assert labels
        assert all(mark in label or (mark == "h" and "m" in label) for label in labels)
        assert all("°" in label for label in drawn_labels(ax, 1))
    for draw in (DISC.plot, DISC.plot_grid):
        with pytest.raises(ValueError, match="lon_unit must be 'deg' or 'hour', got 'rad'"):
            draw(lon_unit="rad", **options)


def test_names_of_axes():
    names = {"icrs": ("RA (ICRS)", "Dec (ICRS)"), "galactic": ("Galactic longitude", "Galactic latitude")}
    names["ecliptic"] = ("Ecliptic longitude", "Ecliptic latitude")
    for frame, wanted in names.items():
        ax = DISC.plot(figure=Figure(), frame=frame, center=SkyCoord(35, -10, unit="deg"), width="10 deg")
        assert tuple(coord.get_axislabel() for coord in ax.coords) == wanted


# ---------------------------------------------------------------- the middle of a mask


@pytest.mark.parametrize("frame", ASTROPY)
def test_a_footprint_is_not_cut(frame):
    for lon in (0, 90, 179, 300):
        patch = Mask.from_cones(SkyCoord([lon - 30, lon, lon + 25], [0, 10, -20], unit="deg"), "15 deg", order=6)
        middle = View.of(patch, frame=frame, center="auto").center
        rng = np.random.default_rng(1)
        coord = SkyCoord(rng.uniform(0, 360, 20000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20000))), unit="deg")
        kept = coord[patch.contains(coord)].transform_to(ASTROPY[frame]).spherical.lon.deg
        assert np.abs((kept - middle + 180) % 360 - 180).max() < 178


@examples(10)
@given(st.floats(0, 360), st.floats(-60, 60), st.floats(1, 25))
def test_the_middle_of_a_disc_is_its_centre(lon, lat, radius):
    centre = SkyCoord(lon, lat, unit="deg")
    disc = Mask.from_cones(centre, radius * u.deg, order=7)
    for mask in (disc, ~disc):
        view = View.of(mask, center="auto", width="10 deg")
        assert middle_of(view).separation(centre).deg < 1
    middle = View.of(disc, center="auto").center
    assert abs((middle - lon + 180) % 360 - 180) < 2.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kept": "nocolour"}, "must be colours like 'red' or '#ffcc00', got 'nocolour'"),
        ({"edge": 5}, "must be colours like 'red' or '#ffcc00', got 5"),
        ({"alpha": 2}, "alpha must be from 0 to 1, got 2"),
        ({"alpha": np.nan}, "alpha must be from 0 to 1, got nan"),
    ],
)
def test_colours_and_opacity(options, words):
    with pytest.raises(ValueError, match=words):
        DISC.plot(center="auto", width="12 deg", **options)


@pytest.mark.parametrize("shape", [(0, 10), (3, 10, 10), (10.5, 10), 10])
def test_shapes_of_images(shape):
    wcs, _ = field_wcs(SkyCoord(35, -10, unit="deg"), "4 deg", binsz="0.1 deg")
    with pytest.raises(ValueError, match="shape must be "):
        DISC.plot(wcs=wcs, shape=shape)


@pytest.mark.parametrize(("radius", "order"), [("0.01 arcsec", 29), ("1 arcsec", 20), ("1 arcmin", 15)])
def test_the_middle_of_a_small_disc_is_in_it(radius, order):
    centre = SkyCoord(83.6, 22, unit="deg")
    disc = Mask.from_cones(centre, radius, order=order)
    for mask in (disc, ~disc):
        view = View.of(mask, center="auto", width=3 * u.Quantity(radius))
        assert middle_of(view).separation(centre) < 0.2 * u.Quantity(radius)


def test_masks_without_a_middle():
    with pytest.raises(ValueError, match="center='auto' needs a mask that is somewhere"):
        Mask.empty().plot(center="auto", width="3 deg")
    for mask in (Mask.empty(), Mask.full()):
        assert View.of(mask, center="auto").center is None
    both = MaskSet({"a": DISC, "b": Mask.from_cones(SkyCoord(55, -10, unit="deg"), "5 deg", order=7)})
    ax = both.plot(center="auto", figure=Figure())
    assert ax.wcs.wcs.crval[0] == pytest.approx(45, abs=1.5)
    assert views.FRAMES["ecliptic"] == ASTROPY["ecliptic"]
