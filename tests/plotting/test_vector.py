"""Fills and edges as paths. Referee: the picture of the same mask as an image, pixel by pixel."""

import io
import itertools

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from profiles import cases, examples

from hpmask import Mask, RangeSet
from hpmask.plotting import clipping, outlines, raster, vector

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

LIME, RED = (0.0, 1.0, 0.0, 1.0), (1.0, 0.0, 0.0, 1.0)


def wcs_of(projection="MOL", center=(180.0, 0.0), step=1.0, axes=("RA---", "DEC--"), angle=0.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [axis + projection for axis in axes]
    wcs.wcs.crval = center
    wcs.wcs.crpix = 1, 1
    wcs.wcs.cdelt = -step, step
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    if projection in ("COE", "COD", "BON"):
        wcs.wcs.set_pv([(2, 1, 45.0)])
    return wcs


def axes_of(wcs, half, *, size=(2.8, 2.1), dpi=50):
    """Axes that fill a figure, `half` as wide as high in units of pixels."""
    figure = Figure(figsize=size, dpi=dpi)
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1), projection=wcs)
    ax.coords.frame.set_linewidth(0)
    for coord in ax.coords:
        coord.set_ticks_visible(False)
        coord.set_ticklabel_visible(False)
        coord.set_auto_axislabel(False)
    ax.set_xlim(-half, half)
    ax.set_ylim(-0.75 * half, 0.75 * half)
    return ax


def drawn(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3].astype(int)


def difference(wcs, half, mask, colours=(LIME, RED), **options):
    """The fraction of pixels in which the paths differ from the image by more than half of the colours' difference."""
    pictures = []
    for as_paths in (False, True):
        ax = axes_of(wcs, half, **options)
        raster.draw_image(ax, [mask], list(colours), vector=as_paths)
        pictures.append(drawn(ax.figure))
    return float((np.abs(pictures[0] - pictures[1]).max(axis=2) > 150).mean())


def masks():
    rng = np.random.default_rng(5)

    def cones(lon, lat, radius, order=6):
        return Mask.from_cones(SkyCoord(lon, lat, unit="deg"), radius, order=order)

    poles = cones([0, 40], [90, -90], "20 deg")
    return {
        "poles": poles,
        "all but the poles": ~poles,
        "at the seam": cones([0, 180, 90], [10, 40, -5], "25 deg"),
        "full": Mask.full(),
        "empty": ~Mask.full(),
        "north": Mask.from_zone(lat=("0 deg", "90 deg"), order=6),
        "around both poles": Mask.from_zone(lat=("-30 deg", "45 deg"), order=5),
        "quarter": Mask.from_zone(lon=("80 deg", "200 deg"), order=5),
        "a base cell at the pole": Mask(RangeSet.from_cells([0], 0)),
        "base cells that touch": Mask(RangeSet.from_cells([0, 2, 5, 8], 0)),
        "random": Mask(RangeSet.from_cells(rng.integers(0, 768, 300), 3)),
        "hole": Mask.from_regions("icrs; annulus(178, 60, 20, 40)", order=6),
    }


MASKS = masks()
ALL_SKY = ("MOL", "AIT", "CAR", "CEA", "SFL", "PAR", "COE", "COD", "ZEA", "SIN", "ARC", "STG", "TAN", "BON")
CENTRES = ((180.0, 0.0), (0.0, 0.0), (77.0, 0.0), (40.0, 35.0), (0.0, 90.0))


@pytest.mark.parametrize("name", MASKS)
def test_the_whole_sky(name):
    for projection, centre in (("MOL", (180.0, 0.0)), ("AIT", (0.0, 0.0)), ("CAR", (77.0, 0.0))):
        assert difference(wcs_of(projection, centre), 190, MASKS[name]) < 0.003, (projection, centre)


@pytest.mark.deep
@pytest.mark.parametrize(("projection", "centre"), list(itertools.product(ALL_SKY, CENTRES)))
def test_every_projection(projection, centre):
    if (projection, centre) == ("COD", CENTRES[-1]):
        # A cone at the pole: its cut is not found, and such maps are drawn as images.
        with pytest.raises(ValueError, match="the map is cut in a way that is not known"):
            difference(wcs_of(projection, centre), 190, MASKS["quarter"])
        return
    # Three of them for each: all of them for each projection.
    turn = CENTRES.index(centre) + ALL_SKY.index(projection)
    for name in [*MASKS, *MASKS][3 * turn % len(MASKS) :][: min(cases(3), len(MASKS))]:
        assert difference(wcs_of(projection, centre), 190, MASKS[name]) < 0.003, name


@examples(12)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(ALL_SKY),
    st.tuples(st.floats(0, 360), st.floats(-90, 90)),
    st.floats(-2, 1.9),
    st.sampled_from(["icrs", "galactic"]),
    st.sampled_from([("RA---", "DEC--"), ("GLON-", "GLAT-")]),
)
def test_random_masks_views_and_frames(seed, projection, centre, size, frame, axes):
    rng = np.random.default_rng(seed)
    order = int(np.clip(4 - 3 * size, 1, 12))
    # Random cells in the field, and whole large cells.
    where = SkyCoord(*centre, unit="deg", frame="icrs" if axes[0] == "RA---" else "galactic")
    far = rng.uniform(0, min(150, 10**size), 150) * u.deg
    around = where.directional_offset_by(rng.uniform(0, 360, 150) * u.deg, far)
    mask = Mask.from_cones(around, f"{min(20, 10**size / 20):.8f} deg", order=order, mode="overlap", frame=frame)
    mask = mask ^ Mask(RangeSet.from_cells(rng.integers(0, 48, 12), 1), frame=frame)
    half = 10.0**size
    assert difference(wcs_of(projection, centre, 1.0, axes, rng.uniform(0, 6)), half, mask) < 0.006


def test_a_wrong_path_is_noticed(monkeypatch):
    free = clipping._free_point
    monkeypatch.setattr(clipping, "_free_point", lambda *args: (free(*args)[0], not free(*args)[1]))
    assert difference(wcs_of(), 190, MASKS["at the seam"]) > 0.3


def test_cells_have_no_hairlines():
    """Cells side by side are one path, and colours beside each other do not let the background through."""
    mask = MASKS["random"] | MASKS["north"]
    ax = axes_of(wcs_of(), 60, size=(4, 3), dpi=80)
    ax.set_facecolor("black")
    raster.draw_image(ax, [mask], [LIME, RED], vector=True)
    assert drawn(ax.figure).sum(axis=2).min() > 240
    ax = axes_of(wcs_of(), 60, size=(4, 3), dpi=80)
    raster.draw_image(ax, [Mask.full()], [(0, 0, 1, 0.5), RED], vector=True)
    assert (np.ptp(drawn(ax.figure).reshape(-1, 3), axis=0) <= 1).all()


def test_clear_and_half_clear_colours():
    for colours in (((0, 0, 0, 0), RED), (LIME, (0, 0, 0, 0)), ((0, 1, 0, 0.5), (1, 0, 0, 0.5))):
        assert difference(wcs_of("AIT", (0, 0)), 190, MASKS["hole"], colours) < 0.003


def test_paths_are_small_and_lie_on_cell_edges():
    mask = Mask(RangeSet.from_cells([5], 2))
    ax = axes_of(wcs_of("TAN", (78.75, 19.47), 0.1), 300)
    ((path, _),) = [pair for pair in vector_paths(ax, mask) if len(pair[0].points)]
    world = SkyCoord(*ax.wcs.wcs_pix2world(*path.points.T, 0), unit="deg")
    # Just inside and just outside of each point there is sky of both kinds.
    for angle in (0, 90, 180, 270):
        near = world.directional_offset_by(angle * u.deg, 0.05 * u.deg)
        inside = mask.contains(near)
        assert 0 < inside.sum() < inside.size
    assert 4 <= len(path.points) < 100


def vector_paths(ax, mask):
    (path,) = vector.paths_of(ax, [(mask, mask.planes[0])], "icrs")
    return [(path, LIME)]


@pytest.mark.deep
def test_files_have_paths_where_these_are_few():
    def size_of(mask, as_paths, kind="pdf"):
        ax = axes_of(wcs_of(), 170, size=(3.4, 1.8), dpi=100)
        raster.draw_image(ax, [mask], [LIME, RED], vector=as_paths)
        out = io.BytesIO()
        ax.figure.savefig(out, format=kind)
        return out.tell(), out.getvalue()

    few, text = size_of(MASKS["hole"], None, "svg")
    assert b"<image" not in text
    assert few < 60_000
    assert b"<image" in size_of(MASKS["hole"], False, "svg")[1]
    assert size_of(MASKS["hole"], None)[0] < size_of(MASKS["hole"], False)[0] + 3000
    rng = np.random.default_rng(1)
    many = Mask(RangeSet.from_cells(np.unique(rng.integers(0, 12 << 18, 400_000)), 9))
    assert b"<image" in size_of(many, None, "svg")[1]
    with pytest.raises(ValueError, match="vector=True, but this picture cannot be drawn as paths: its masks have"):
        size_of(many, True)
    ax = axes_of(wcs_of("HPX"), 190)
    with pytest.raises(ValueError, match="the map cannot be cut along lines: the projection HPX"):
        raster.draw_image(ax, [MASKS["hole"]], [LIME, RED], vector=True)
    # A small field needs no cut.
    assert difference(wcs_of("HPX", (10.0, 10.0), 0.1), 90, MASKS["random"]) < 0.003


def test_masks_of_two_frames():
    north = Mask.from_zone(lat=("20 deg", "90 deg"), order=6, frame="galactic", zone_frame="galactic")
    pictures = []
    for as_paths in (False, True):
        ax = axes_of(wcs_of(), 190)
        raster.draw_image(ax, [MASKS["hole"], north], [LIME, (0, 0, 1, 1), RED], vector=as_paths)
        pictures.append(drawn(ax.figure))
    assert (np.abs(pictures[0] - pictures[1]).max(axis=2) > 150).mean() < 0.003
    with pytest.raises(ValueError, match="different frames, and their colours are not opaque"):
        raster.draw_image(axes_of(wcs_of(), 190), [MASKS["hole"], north], [LIME, (0, 0, 1, 0.5), RED], vector=True)


# ---------------------------------------------------------------------- edges


def edge_pixels(ax):
    return drawn(ax.figure).sum(axis=2) < 500


@pytest.mark.deep
@pytest.mark.parametrize("projection", ["MOL", "TAN", "HPX", "ZEA"])
def test_edges_are_where_the_mask_changes(projection):
    wcs = wcs_of(projection, (180.0, 0.0), 1.0)
    for name in ("at the seam", "hole", "all but the poles", "around both poles", "full", "empty"):
        mask = MASKS[name]
        ax = axes_of(wcs, 170, size=(4, 3), dpi=60)
        (artist,) = outlines.draw_outlines(ax, mask, color="black", linewidth=1.5)
        found = edge_pixels(ax)
        image = raster.paint(raster.chart_of(ax, "icrs"), [mask], [LIME, RED], (0, 0, 240, 180))
        sky, inside = image[..., 3] == 1, image[..., 1]
        expected = sky & (inside > 0.2) & (inside < 0.8)
        near = outlines._widened(found, 1)
        assert (expected & ~near).sum() <= 0.02 * max(expected.sum(), 1), name
        allowed = outlines._widened(sky & (inside > 0) & (inside < 1), 2)
        for axis in (0, 1):
            allowed |= np.roll(outlines._widened(np.abs(np.diff(inside, axis=axis, append=0)) > 0.3, 1), 1, axis) & sky
        # The border of the map itself is no edge of the mask.
        assert (found & ~allowed).sum() <= 0.02 * max(found.sum(), 1), name
        assert artist in ax.patches


@pytest.mark.deep
def test_edges_of_a_million_ranges():
    rng = np.random.default_rng(2)
    cells = np.unique(rng.integers(0, 12 << 22, 1_100_000))
    fine = Mask(RangeSet.from_cells(cells, 11)) | MASKS["at the seam"]
    ax = axes_of(wcs_of(), 170, size=(3, 2), dpi=60)
    (artist,) = outlines.draw_outlines(ax, fine, color="black", linewidth=0.5)
    assert artist._path().points.shape[0] < 400_000
    assert 0 < edge_pixels(ax).mean() < 0.9
    # Of a part, in full.
    ax = axes_of(wcs_of("TAN", (100.0, 50.0), 0.01), 170, size=(3, 2), dpi=60)
    (artist,) = outlines.draw_outlines(ax, fine, color="black", linewidth=0.5)
    exact = fine & Mask.from_cones(SkyCoord(100, 50, unit="deg"), "3 deg", order=11)
    assert artist._path().points.shape[0] > exact.planes[0].n_ranges


def test_hatches_line_styles_and_files():
    for kind in ("png", "pdf", "svg"):
        ax = axes_of(wcs_of(), 170)
        limits = ax.get_xlim(), ax.get_ylim(), ax.dataLim.get_points().tolist()
        outlines.draw_outlines(ax, MASKS["hole"], color="red", linestyle="--", hatch="///", alpha=0.5)
        outlines.draw_paths(ax, [MASKS["poles"]], [LIME, (0, 0, 0, 0)], edges="blue")
        ax.figure.savefig(io.BytesIO(), format=kind, bbox_inches="tight")
        assert (ax.get_xlim(), ax.get_ylim(), ax.dataLim.get_points().tolist()) == limits
    found = drawn(ax.figure)
    assert ((found[..., 0] > 200) & (found[..., 1] < 180)).mean() > 0.002
    assert ((found[..., 2] > 200) & (found[..., 0] < 100) & (found[..., 1] < 150)).any()
