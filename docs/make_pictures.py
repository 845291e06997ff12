"""Draw the pictures of the documentation, from real masks, into docs/pictures.

    python docs/make_pictures.py

The build of the pages runs this script: the pictures show what hpmask does now.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Polygon
from numpy.typing import NDArray

from hpmask import EnergyAxis, HealpixMap, Mask, MaskSet, RangeSet, Shapes, coverage, find_exclusion
from hpmask.geometry import healpix
from hpmask.plotting.styles import EXCLUDED, KEPT
from hpmask.wcs import field_wcs

PICTURES = Path(__file__).parent / "pictures"

INK = "#37474f"
# One colour per order, from coarse to fine.
ORDERS = ["#16425b", "#2f6690", "#5b92b8", "#8fbcd8", "#c3dcec"]

CENTER = SkyCoord(45.0, 22.0, unit="deg")
RADIUS = 4.1 * u.deg

STYLE = {
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "hpmask",
}


def on_plane(vectors: NDArray[np.float64], center: SkyCoord = CENTER) -> NDArray[np.float64]:
    """Project unit vectors onto the tangent plane at `center`, in degrees, east to the left."""
    lon, lat = center.icrs.ra.rad, center.icrs.dec.rad
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    height = vectors @ np.cross(east, north)
    return np.degrees(np.stack([-(vectors @ east) / height, vectors @ north / height], axis=-1))


def outlines(cells: NDArray[np.uint64], order: int) -> NDArray[np.float64]:
    """The edges of cells on the plane, shape (n, points, 2)."""
    return on_plane(healpix.edges(cells, order, steps=4))


def near(order: int, reach: float) -> NDArray[np.uint64]:
    """Cells within `reach` degrees of CENTER."""
    around = Mask.from_cones(CENTER, reach * u.deg, order=order, mode="overlap")
    return around.planes[0].cells()


def outline_of_disc(ax: Axes) -> None:
    angle = np.linspace(0, 360, 361) * u.deg
    edge = CENTER.directional_offset_by(angle, RADIUS).cartesian.xyz.value.T
    ax.plot(*on_plane(edge).T, color=EXCLUDED, linewidth=1.6)


def bare(ax: Axes, reach: float) -> None:
    ax.set_aspect("equal")
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_axis_off()


def moc() -> Figure:
    """A disc as cells of mixed sizes, and the same cells as ranges of numbers."""
    figure = Figure(figsize=(9.2, 4.2), layout="constrained")
    sky, line = figure.subplots(1, 2, width_ratios=[1, 1.05])
    finest = 7
    plane = Mask.from_cones(CENTER, RADIUS, order=finest).planes[0]
    by_order = plane.cells_by_order()
    colours = dict(zip(by_order, ORDERS, strict=False))
    names = []
    for order, cells in by_order.items():
        sky.add_collection(
            PolyCollection(outlines(cells, order), facecolor=colours[order], edgecolor="white", linewidth=0.7)
        )
        count = f"{cells.size} cell{'' if cells.size == 1 else 's'}"
        names.append(Patch(color=colours[order], label=f"order {order}: {count}"))
    outline_of_disc(sky)
    bare(sky, 4.8)
    n_mixed = sum(cells.size for cells in by_order.values())
    sky.set_title(f"{plane.n_cells} cells of order {finest} are {n_mixed} cells of mixed orders", fontsize=10)

    # The cell numbers of order 7, 64 per line, without the empty lines.
    rows = np.unique(plane.cells() // np.uint64(64)).tolist()
    for order, cells in by_order.items():
        n = 4 ** (finest - order)
        for first in cells.astype(int) * n:
            for a in range(first, first + n, 64):
                line.barh(
                    rows.index(a // 64),
                    min(n, 64),
                    left=a % 64,
                    height=0.5,
                    align="center",
                    color=colours[order],
                )
    for i, row in enumerate(rows):
        line.text(-2, i, f"{row * 64}", ha="right", va="center", fontsize=8)
        line.plot([0, 64], [i, i], color=INK, alpha=0.3, linewidth=0.8, zorder=0)
    line.set_xlim(-1, 65)
    line.set_ylim(len(rows) - 0.4, -0.6)
    line.set_axis_off()
    line.set_title(f"the same as {plane.n_ranges} ranges of cell numbers of order {finest}", fontsize=10)
    figure.legend(handles=names, loc="outside lower center", ncols=len(names), frameon=False)
    return figure


def modes() -> Figure:
    """The same disc in the three modes."""
    figure = Figure(figsize=(9.2, 3.5), layout="constrained")
    order = 5
    grid = near(order, 9.0)
    centres = on_plane(healpix.centre_vectors(grid, order))
    labels = {
        "inside": "the cell is fully inside the disc",
        "center": "the centre of the cell is in the disc",
        "overlap": "any part of the cell is in the disc",
    }
    for ax, (mode, words) in zip(figure.subplots(1, 3), labels.items(), strict=True):
        cells = Mask.from_cones(CENTER, RADIUS, order=order, mode=mode).planes[0].cells()
        ax.add_collection(PolyCollection(outlines(grid, order), facecolor="none", edgecolor="#c5d0d6", linewidth=0.7))
        ax.add_collection(PolyCollection(outlines(cells, order), facecolor=ORDERS[3], edgecolor="white", linewidth=0.9))
        shown = centres[np.abs(centres).max(axis=1) < 6.3]
        ax.plot(*shown.T, linestyle="none", marker=".", markersize=3, color=INK, alpha=0.7)
        outline_of_disc(ax)
        bare(ax, 6.6)
        ax.set_title(f'mode="{mode}"', fontsize=11, family="monospace")
        ax.text(0.5, -0.02, f"{words}: {cells.size} cells", transform=ax.transAxes, ha="center", va="top")
    return figure


def kept() -> Figure:
    """Shapes, and the mask that leaves them out."""
    figure = Figure(figsize=(9.2, 2.9), dpi=150, layout="constrained")
    left, right = figure.subfigures(1, 2)
    mask = exclusion()
    (~mask).plot(figure=left, style="exclusion", title="sources | plane", legend=False)
    mask.plot(figure=right, style="exclusion", title="mask = ~(sources | plane)", legend=False)
    figure.legend(
        handles=[Patch(color=KEPT, label="True"), Patch(color=EXCLUDED, label="False")],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
    return figure


def exclusion() -> Mask:
    """A Galactic plane and some bright stars of the northern winter and southern summer."""
    stars = SkyCoord(
        [101.3, 96.0, 219.9, 213.9, 279.2, 79.2, 78.6, 114.8, 24.4, 88.8, 210.9, 297.7, 187.0, 69.0, 201.3],
        [-16.7, -52.7, -60.8, 19.2, 38.8, 46.0, -8.2, 5.2, -57.2, 7.4, -60.4, 8.9, -63.1, 16.5, -11.2],
        unit="deg",
    )
    sources = Mask.from_cones(stars, "6 deg", order=8)
    plane = Mask.from_zone(lat=("-8 deg", "8 deg"), zone_frame="galactic", order=8)
    return ~(sources | plane)


def energy() -> Figure:
    """A mask whose discs become smaller with energy."""
    axis = EnergyAxis([0.1, 1, 10, 100] * u.GeV)
    sources = SkyCoord([30, 83, 150, 200, 266, 310], [20, 22, -40, 55, -29, 40], unit="deg")
    mask = ~Mask.from_cones(sources, [[15, 8, 3]] * u.deg, order=8, energy=axis)
    figure = Figure(figsize=(9.2, 2.5), dpi=150, layout="constrained")
    return mask.plot_grid(figure=figure, ncols=3)


def order_of_numbers() -> Figure:
    """A base cell, divided twice, with the NESTED numbers of its parts."""
    figure = Figure(figsize=(9.2, 3.1), layout="constrained")
    for ax, order in zip(figure.subplots(1, 3), (0, 1, 2), strict=True):
        cells = RangeSet.from_cells([4], 0).cells(order)
        x, y = _in_base_cell(cells, order)
        n = 1 << order
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        for cell, i, j in zip(cells, x, y, strict=True):
            square = (corners + [i, j]) / n
            ax.add_patch(
                Polygon(
                    np.stack([square[:, 1] - square[:, 0], square.sum(axis=1)], axis=-1),
                    facecolor=ORDERS[4] if cell % 2 == 0 else ORDERS[3],
                    edgecolor="white",
                    linewidth=1.5,
                )
            )
            ax.text((j - i) / n, (i + j + 1) / n, str(cell), ha="center", va="center", fontsize=12 - 2 * order)
        ax.set_xlim(-1.05, 1.05)
        ax.set_ylim(-0.05, 2.05)
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.set_title(f"order {order}: {12 * 4**order} cells on the sky", fontsize=10)
    return figure


def _in_base_cell(cells: NDArray[np.uint64], order: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """x (north-east) and y (north-west) of cells: the even and the odd bits of their numbers."""
    inner = cells.astype(int) % (1 << 2 * order)
    x, y = np.zeros_like(inner), np.zeros_like(inner)
    for bit in range(order):
        x |= (inner >> 2 * bit & 1) << bit
        y |= (inner >> 2 * bit + 1 & 1) << bit
    return x, y


def growing() -> Figure:
    """A mask near the pole, dilated, eroded, and the strip along its edge."""
    figure = Figure(figsize=(9.2, 3.5), layout="constrained")
    pole = SkyCoord(0, 90, unit="deg")
    stars = SkyCoord([0, 100, 215, 235, 300], [86.2, 87.5, 84.5, 85.5, 88.0], unit="deg")
    mask = Mask.from_cones(stars, [1.9, 0.6, 1.2, 1.1, 1.0] * u.deg, order=10)
    labels = {
        'dilate("0.6 deg")': (mask.dilate("0.6 deg"), mask),
        'erode("0.6 deg")': (mask, mask.erode("0.6 deg")),
        'boundary("0.3 deg", side="both")': (mask.boundary("0.3 deg", side="both"), None),
    }
    for ax, (title, (outer, inner)) in zip(figure.subplots(1, 3), labels.items(), strict=True):
        for some, colour in ((outer, ORDERS[3]), (inner, ORDERS[1])):
            if some is not None:
                cells, orders = some.planes[0].multi_order_cells()
                for order in np.unique(orders):
                    edges = on_plane(healpix.edges(cells[orders == order], int(order), steps=4), pole)
                    ax.add_collection(PolyCollection(edges, facecolor=colour, edgecolor=colour, linewidth=0.2))
        bare(ax, 7.0)
        ax.plot(0, 0, marker="+", color=INK)
        ax.set_title(title, fontsize=10, family="monospace")
    return figure


def thresholds() -> Figure:
    """A significance map on HEALPix cells, what exceeds a threshold, and the region that hysteresis finds."""
    order = 8
    cells = near(order, 9.5)
    places = on_plane(healpix.centre_vectors(cells, order))
    rng = np.random.default_rng(7)
    values = np.zeros(cells.size)
    # Correlated noise of unit width, and three sources.
    for at, height in zip(rng.uniform(-10, 10, (900, 2)), rng.normal(size=900), strict=True):
        values += height * np.exp(-((places - at) ** 2).sum(axis=1) / 0.5)
    values /= values.std()
    for at, height, width in (((-2.5, 1.5), 7, 0.7), ((-1.2, 2.6), 4, 0.9), ((3, -2.5), 8, 0.6)):
        values += height * np.exp(-((places - np.array(at)) ** 2).sum(axis=1) / (2 * width**2))
    map_ = HealpixMap(values, cells=cells, order=order, nest=True, frame="icrs")
    figure = Figure(figsize=(9.2, 3.4), layout="constrained")
    panels = {
        "the map": None,
        "threshold=2": Mask.from_map(map_, 2),
        "low=2, high=5": Mask.from_map(map_, low=2, high=5),
    }
    for ax, (title, mask) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        shown = PolyCollection(
            outlines(map_.cells, order), array=map_.values, cmap="Blues", edgecolor="face", linewidth=0.2
        )
        shown.set_clim(-2, 9)
        ax.add_collection(shown)
        if mask is not None:
            inside = mask.planes[0].cells()
            ax.add_collection(
                PolyCollection(outlines(inside, order), facecolor=EXCLUDED, edgecolor=EXCLUDED, linewidth=0.2)
            )
        bare(ax, 6.3)
        ax.set_title(title, fontsize=11, family="monospace" if mask is not None else None)
    figure.colorbar(shown, ax=figure.axes, label="significance", shrink=0.8)
    return figure


def significance() -> Figure:
    """A simulated survey: its significance, the sky that is excluded, and the factor of the background."""
    rng = np.random.default_rng(7)
    order = 7
    cells = np.arange(12 << (2 * order), dtype=np.uint64)
    place = healpix.centre_vectors(cells, order)
    exposure = np.where(place[:, 2] > -0.9, 1 + 0.8 * place[:, 2], 0)
    sources = SkyCoord(rng.uniform(0, 360, 300), np.degrees(np.arcsin(rng.uniform(-0.85, 1, 300))), unit="deg")
    width = np.where(np.arange(300) % 3 == 0, 1.0, 0.3)
    expected = 6 * exposure
    strength = 10 ** rng.uniform(2, 4.5, 300)
    for center, sigma, total in zip(sources.cartesian.xyz.value.T, width, strength, strict=True):
        shape = np.exp((place @ center - 1) / np.radians(sigma) ** 2)
        expected = expected + total * shape / shape.sum() * exposure
    counts = HealpixMap(rng.poisson(expected), nest=True, frame="icrs")
    found = find_exclusion(counts, counts.with_values(6 * exposure / 1.3), "0.8 deg", dilate="0.5 deg")

    figure = Figure(figsize=(9.2, 3.4), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=[2.4, 1])
    sky = figure.add_subplot(grid[0], projection="mollweide")
    lon, lat = np.meshgrid(np.linspace(-np.pi, np.pi, 1441), np.linspace(-np.pi / 2, np.pi / 2, 721))
    # East is to the left.
    number = healpix.cells_at(-lon, lat, order)
    shown = sky.pcolormesh(
        lon, lat, found.significance.sqrt_ts.values[number], cmap="RdBu_r", vmin=-8, vmax=8, rasterized=True
    )
    excluded = (~found.mask.to_healpix(nest=True))[number]
    sky.contour(lon, lat, excluded, levels=[0.5], colors=INK, linewidths=0.5)
    sky.set_xticklabels([])
    sky.set_yticklabels([])
    sky.grid(False)
    figure.colorbar(shown, ax=sky, label="sqrt(TS)", shrink=0.7, extend="both")
    sky.set_title("significance, and the outline of the excluded sky", fontsize=10)
    steps = figure.add_subplot(grid[1])
    steps.semilogy(found.history["iteration"], found.history["normalisation"] / 1.3 - 1, "o-", color=EXCLUDED)
    steps.set_xlabel("iteration")
    steps.set_title("background, relative error", fontsize=10)
    return figure


def sky_map() -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.float64]]:
    """Cells of three orders, and a probability density on them: a part of a ring around a point south of CENTER."""
    ring, cells, orders = SkyCoord(45.0, 17.0, unit="deg"), [], []
    coarse = near(5, 25.0)
    for order, reach in ((5, 2.6), (6, 1.5), (7, 0.0)):
        lon, lat = healpix.centres(coarse, order)
        away = abs(ring.separation(SkyCoord(lon, lat, unit="rad")).deg - 6.0)
        fine = away < reach
        cells.append(coarse[~fine])
        orders.append(np.full(np.count_nonzero(~fine), order, dtype=np.uint8))
        coarse = (4 * coarse[fine][:, np.newaxis] + np.arange(4, dtype=np.uint64)).ravel()
    numbers, levels = np.concatenate(cells), np.concatenate(orders)
    lon, lat = np.concatenate([healpix.centres(some, int(k)) for some, k in zip(cells, (5, 6, 7), strict=True)], axis=1)
    center = SkyCoord(lon, lat, unit="rad")
    away, angle = ring.separation(center).deg, ring.position_angle(center).wrap_at("180d").deg
    return numbers, levels, np.exp(-0.5 * ((away - 6.0) / 0.8) ** 2 - 0.5 * ((angle - 10) / 50) ** 2)


def sky_maps() -> Figure:
    """A sky map with its credible regions, and the cells that a field of view cuts."""
    cells, orders, density = sky_map()
    uniq = cells + (np.uint64(4) << (np.uint64(2) * orders.astype(np.uint64)))
    table = {"UNIQ": uniq, "PROBDENSITY": density}
    half, most = Mask.from_skymap(table, [0.5, 0.9], normalize=True)
    edges = np.concatenate([outlines(cells[orders == k], int(k)) for k in np.unique(orders)])
    value = np.concatenate([density[orders == k] for k in np.unique(orders)])
    figure = Figure(figsize=(8.4, 4.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for ax in (left, right):
        ax.add_collection(PolyCollection(edges, array=value, cmap="Blues", edgecolor="#b9c7d0", linewidth=0.3))
        bare(ax, 10.5)
    for mask, colour in ((most, EXCLUDED), (half, INK)):
        strip = mask.boundary(steps=1, side="inner")
        for order, some in strip.planes[0].cells_by_order().items():
            left.add_collection(PolyCollection(outlines(some, order), facecolor=colour, alpha=0.75))
    names = [Patch(color=INK, alpha=0.75, label="50 %"), Patch(color=EXCLUDED, alpha=0.75, label="90 %")]
    left.legend(handles=names, loc="upper right")
    left.set_title("Mask.from_skymap(table, [0.5, 0.9])", fontsize=10, family="monospace")
    field = Mask.from_cones(CENTER, RADIUS, order=12)
    outline_of_disc(right)
    part = field.sum_of(table) / Mask.full().sum_of(table)
    right.set_title(f"field.sum_of(table) = {part:.3f}", fontsize=10, family="monospace")
    return figure


def shapes() -> Figure:
    """Two chips, and the discs, spikes and bleed trails of stars and the trail of a satellite on them."""
    order = 13
    chips = SkyCoord(CENTER.ra.deg + np.array([-1.0, 1.0]), CENTER.dec.deg + np.zeros(2), unit="deg")
    kept = Mask.from_boxes(chips, "1.75 deg", "3.4 deg", "3 deg", order=order)
    stars = chips[[0, 0, 1, 1, 1]].spherical_offsets_by(
        [0.3, -0.35, 0.25, -0.4, 0.1] * u.deg, [0.9, -0.8, 0.3, -1, 1.2] * u.deg
    )
    radius = [0.16, 0.08, 0.2, 0.06, 0.1] * u.deg
    ends = CENTER.spherical_offsets_by([-2.4, 2.3] * u.deg, [-1.1, 0.9] * u.deg)
    spikes = [Mask.from_boxes(stars, "0.03 deg", 6 * radius, angle, order=order) for angle in ("40 deg", "130 deg")]
    parts = {
        "from_boxes: chips": (kept, KEPT),
        "from_paths: a trail": (Mask.from_paths(SkyCoord(ends), "0.05 deg", order=order), ORDERS[2]),
        "from_boxes: bleed trails": (
            Mask.from_boxes(stars[[0, 2]], "0.05 deg", [1.9, 2.3] * u.deg, "3 deg", order=order),
            ORDERS[1],
        ),
        "from_boxes: spikes": (spikes[0] | spikes[1], ORDERS[0]),
        "from_cones: stars": (Mask.from_cones(stars, radius, order=order), EXCLUDED),
    }
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    ax = figure.subplots()
    for number, (mask, colour) in enumerate(parts.values()):
        part = mask & kept
        for k, cells in part.planes[0].cells_by_order().items():
            ax.add_collection(
                PolyCollection(outlines(cells, k), facecolor=colour, edgecolor=colour, linewidth=0.1, zorder=2 + number)
            )
    bare(ax, 2.2)
    names = [Patch(color=colour, label=label) for label, (_, colour) in parts.items()]
    figure.legend(handles=names, loc="outside right center", frameon=False)
    return figure


def mask_sets() -> Figure:
    """The layers of a survey, as on the page about them, and the sky that remains."""
    rng = np.random.default_rng(1)
    stars = SkyCoord(10 + rng.uniform(-1, 1, 60), rng.uniform(-1, 1, 60), unit="deg")
    radius = rng.uniform(1, 4, 60) * u.arcmin
    masks = MaskSet(
        {
            "g": Mask.from_zone(("9 deg", "10.7 deg"), ("-1 deg", "1 deg"), order=12),
            "r": Mask.from_zone(("9.3 deg", "11 deg"), ("-1 deg", "1 deg"), order=12),
            "star": Mask.from_cones(stars, radius, order=14),
            "halo": Mask.from_cones(stars[radius > 3 * u.arcmin], "8 arcmin", order=12),
        }
    )
    rest = masks.combine(keep=["g", "r"], exclude=["star", "halo"])
    figure = Figure(figsize=(9.2, 2.3), layout="constrained")
    masks.with_layers({"(g & r) - star - halo": rest}).plot_grid(
        center=SkyCoord(10, 0, unit="deg"),
        width="2.4 deg",
        ncols=5,
        kept="#5b92b8",
        excluded="#f3f6f8",
        legend=False,
        figure=figure,
    )
    for ax in figure.axes:
        for axis in ax.coords:
            axis.set_ticklabel_visible(False)
            axis.set_ticks_visible(False)
            axis.set_axislabel("")
    return figure


def outline_of_mask() -> Figure:
    """A mask on an image, the rings of its outline, and the outline with fewer points."""
    field = "icrs; circle(45, 22, 4); circle(50, 20, 3); -circle(44, 22.5, 1.2); circle(41, 17.5, 0.7)"
    mask = Mask.from_regions(field, order=8)
    wcs, shape = field_wcs(SkyCoord(46.0, 21.0, unit="deg"), "16 deg", height="12 deg", binsz="0.02 deg")
    image = mask.to_wcs(wcs, shape)
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    for k, simplify in enumerate((None, "0.3 deg")):
        ax = figure.add_subplot(1, 2, k + 1, projection=wcs)
        ax.imshow(image, cmap=ListedColormap(["white", KEPT]), origin="lower")
        for polygon in mask.outline(simplify=simplify):
            for ring, colour in ((polygon.outer, EXCLUDED), *((hole, INK) for hole in polygon.holes)):
                closed = ring[[*range(len(ring)), 0]]
                ax.plot(
                    closed.ra.deg,
                    closed.dec.deg,
                    transform=ax.get_transform("icrs"),
                    color=colour,
                    linewidth=1.3,
                    marker="o" if simplify else "",
                    markersize=3,
                )
        words = "" if simplify is None else f'simplify="{simplify}"'
        ax.set_title(f"mask.outline({words})", fontsize=10, family="monospace")
        ax.set_xlabel("right ascension")
        ax.set_ylabel("declination" if k == 0 else " ")
    return figure


def exposures() -> Figure:
    """The number of chips that cover each place, as on the page about maps."""
    lon, lat = np.meshgrid(np.arange(40, 50, 0.9), np.arange(15, 28, 0.9))
    offsets = np.random.default_rng(1).uniform(-0.3, 0.3, (3, 2, lon.size))
    centers = SkyCoord(lon.ravel() + offsets[:, 0], lat.ravel() + offsets[:, 1], unit="deg").ravel()
    counts = coverage(Shapes.boxes(centers, "1.1 deg", "1.1 deg", "20 deg"), order=10)
    figure = Figure(figsize=(4.6, 4), layout="constrained")
    ax = figure.add_subplot()
    east, north = np.meshgrid(np.linspace(51, 39, 500), np.linspace(14, 28.5, 600))
    image = ax.imshow(
        counts.at(SkyCoord(east, north, unit="deg")),
        origin="lower",
        extent=(51, 39, 14, 28.5),
        aspect=1 / np.cos(np.radians(21)),
        cmap="Blues",
    )
    figure.colorbar(image, ax=ax, label="chips")
    ax.set(xlabel="right ascension (deg)", ylabel="declination (deg)")
    return figure


def randoms() -> Figure:
    """Random positions, fractions, patches and tiles of one footprint, as on the page about them."""
    center = SkyCoord(150, 2, unit="deg")
    field = Mask.from_boxes(center, "10 deg", "10 deg", order=11)
    mask = field - Mask.from_cones(field.random(60, seed=1), "20 arcmin", order=11)
    figure = Figure(figsize=(9.2, 9.2), layout="constrained")
    panels = figure.subplots(2, 2)
    east, north = np.meshgrid(np.linspace(156, 144, 600), np.linspace(-4, 8, 600))
    grid = SkyCoord(east, north, unit="deg")
    inside = mask.contains(grid)

    def show(ax: Axes, values: NDArray[np.float64], **words: Any) -> AxesImage:
        return ax.imshow(values, origin="lower", extent=(156, 144, -4, 8), **words)

    ax = panels[0, 0]
    show(ax, np.where(inside, 1.0, np.nan), cmap=ListedColormap([KEPT]))
    found = mask.random(density="30 deg-2", seed=2)
    ax.plot(found.ra.deg, found.dec.deg, ".", color=ORDERS[0], markersize=2)
    ax.set_title('mask.random(density="30 deg-2")', fontsize=10, family="monospace")

    ax = panels[0, 1]
    fractions = mask.fraction(6)
    cells = healpix.cells_at(np.radians(east), np.radians(north), 6)
    place = np.minimum(np.searchsorted(fractions.cells, cells), fractions.n_cells - 1)
    values = np.where(fractions.cells[place] == cells, fractions.values[place], np.nan)
    image = show(ax, values, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=ax, shrink=0.8)
    ax.set_title("mask.fraction(6)", fontsize=10, family="monospace")

    ax = panels[1, 0]
    numbers = mask.patches(20).numbers(grid)
    # Neighbours in number get colours that differ.
    colours = np.where(numbers >= 0, numbers * 7 % 20, np.nan)
    show(ax, colours, cmap="tab20", interpolation="nearest")
    ax.set_title("mask.patches(20)", fontsize=10, family="monospace")

    ax = panels[1, 1]
    show(ax, np.where(inside, 1.0, np.nan), cmap=ListedColormap([KEPT]))
    lon, lat = (one.ravel() for one in np.meshgrid(np.arange(145.2, 156, 1.6), np.arange(-3.2, 8, 1.6)))
    tiles = Shapes.boxes(SkyCoord(lon, lat, unit="deg"), "1.4 deg", "1.4 deg", "15 deg")
    angle = np.radians(15)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = 0.7 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) @ turn.T
    for x, y, part in zip(lon, lat, mask.fraction_in(tiles), strict=True):
        colour = ORDERS[1] if part > 0.5 else EXCLUDED
        ax.add_patch(Polygon(corners + [x, y], closed=True, fill=False, edgecolor=colour, linewidth=1))
        ax.text(x, y, f"{part:.2f}", ha="center", va="center", fontsize=7, color=colour)
    ax.set_title("mask.fraction_in(tiles)", fontsize=10, family="monospace")
    for ax in panels.ravel():
        ax.set(xlim=(156, 144), ylim=(-4, 8), xlabel="right ascension (deg)", ylabel="declination (deg)")
    return figure


ALL = {
    "randoms": randoms,
    "shapes": shapes,
    "outlines": outline_of_mask,
    "significance": significance,
    "sky_maps": sky_maps,
    "exposures": exposures,
    "growing": growing,
    "numbers": order_of_numbers,
    "mask_sets": mask_sets,
    "moc": moc,
    "modes": modes,
    "kept": kept,
    "energy": energy,
    "thresholds": thresholds,
}


def main(folder: Path = PICTURES) -> None:
    """Draw all pictures."""
    folder.mkdir(exist_ok=True, parents=True)
    with rc_context(STYLE):
        for name, draw in ALL.items():
            draw().savefig(folder / f"{name}.png", dpi=160, facecolor="white")


if __name__ == "__main__":
    main()
