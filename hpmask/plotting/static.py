"""Static pictures of masks: the whole sky, a field, over an image, each energy bin, and the preview in notebooks."""

from __future__ import annotations

import html as _html
import math
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle, as_count, as_flag, one_angle
from hpmask._utils.words import percent_text
from hpmask.core import lookup
from hpmask.core.rangeset import RangeSet
from hpmask.core.transform import reduce
from hpmask.core.value import MaskValue
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.wcs import field
from hpmask.wcs.grid import celestial
from hpmask.wcs.inputs import as_target

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.wcs import WCS
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "View",
    "all_sky_axes",
    "bin_title",
    "check_overlay",
    "draw_image",
    "field_axes",
    "grid_shape",
    "html",
    "layer_colours",
    "need_matplotlib",
    "patches",
    "plot",
    "plot_grid",
    "redraw_image",
    "sized_figure",
]

KEPT = "#d5e6f1"
PARTLY = "#f2c48d"
EXCLUDED = "#b4482d"
OVERLAY = 0.5
INK = "#37474f"

# Pixels per inch of new figures.
DPI = 120

# Samples per pixel of the picture along each axis. Their mean makes smooth edges.
_SAMPLES = 2
# Pixels along the width of the WCS of a field, which give its size to a thousandth.
_FIELD_PIXELS = 1000
_ALL_SKY = ("MOL", "AIT")
# Steps of the graticule in degrees, and the longitude in the middle of an all-sky picture.
_STEP = 30
_MIDDLE = {"icrs": 180.0, "galactic": 0.0}
_NAMES = {"icrs": "ICRS", "galactic": "Galactic"}
# Labels for the names that astropy gives to the axes of an image.
_LABELS = {
    "pos.eq.ra": "right ascension",
    "pos.eq.dec": "declination",
    "pos.galactic.lon": "l",
    "pos.galactic.lat": "b",
}


@dataclass(frozen=True, slots=True)
class View:
    """The part of the sky that a picture shows: all of it in a projection, or the field of an image.

    `frame`, `projection` and `center` (in degrees) belong to the whole sky, `wcs` and `shape` to a field.
    """

    frame: str = "icrs"
    projection: str = "MOL"
    center: float | None = None
    wcs: Any = None
    shape: tuple[int, int] = (1, 1)

    @classmethod
    def of(
        cls,
        mask: MaskValue,
        *,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | str | None = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
        projection: str | None = None,
        wcs: Any = None,
        shape: tuple[int, int] | None = None,
        hdu: int | str | None = None,
    ) -> View:
        """The view that the options of `hpmask.Mask.plot` describe."""
        if wcs is not None:
            for name, value in (("frame", frame), ("center", center), ("width", width), ("height", height)):
                if value is not None:
                    raise ValueError(f"wcs gives the whole field: it cannot be combined with {name}")
            if projection is not None:
                raise ValueError("wcs gives the whole field: it cannot be combined with projection")
            return cls._of_image(wcs, shape, hdu)
        for name, value in (("shape", shape), ("hdu", hdu)):
            if value is not None:
                raise ValueError(f"{name} belongs to an image: give its wcs, too")
        frame = frames.check_frame(mask.frame if frame is None else frame)
        if width is not None:
            return cls._of_field(center, width, height, frame, "TAN" if projection is None else projection)
        if height is not None:
            raise ValueError("height belongs to a field: give its center and width, too")
        projection = "MOL" if projection is None else projection
        if not isinstance(projection, str) or projection.upper() not in _ALL_SKY:
            raise ValueError(
                f"projection of the whole sky must be 'MOL' or 'AIT', got {projection!r}: give center and width to "
                "draw a field in another projection"
            )
        return cls(frame, projection.upper(), _middle(center, frame))

    @classmethod
    def _of_image(cls, wcs: Any, shape: tuple[int, int] | None, hdu: int | str | None) -> View:
        target = as_target(wcs, hdu)
        wcs = celestial(target.wcs)
        shape = target.shape or wcs.array_shape if shape is None else shape
        if shape is None:
            raise ValueError("wcs has no number of pixels: give shape=(ny, nx)")
        return cls(wcs=wcs, shape=shape)

    @classmethod
    def _of_field(cls, center: Any, width: Any, height: Any, frame: str, projection: str) -> View:
        if not isinstance(center, SkyCoord):
            given = "none" if center is None else f"{center!r}"
            raise TypeError(f"center must be a SkyCoord, the middle of a field with a width, got {given}")
        size = one_angle(width, "width", unit=u.deg)
        wcs, shape = field.field_wcs(
            center, width, height=height, binsz=size / _FIELD_PIXELS * u.deg, projection=projection, frame=frame
        )
        return cls(wcs=wcs, shape=shape)

    @property
    def figsize(self) -> tuple[float, float]:
        """The size in inches of a figure that shows one picture."""
        # A field is as high as its image, within reason, with room for labels.
        return (10.0, 5.8) if self.wcs is None else (6.4, 1.0 + 5.4 * self._ratio(0.25, 4.0))

    def grid_figsize(self, n_rows: int, n_cols: int, title: str | None = None) -> tuple[float, float]:
        """The size in inches of a figure that shows a grid of pictures, and a title."""
        height = 3.1 if self.wcs is None else 0.8 + 5.0 * self._ratio(0.0, 2.0)
        return 5.6 * n_cols, height * n_rows + (0.4 if title is None else 0.8)

    def _ratio(self, least: float, most: float) -> float:
        return min(most, max(least, self.shape[0] / self.shape[1]))

    def axes(self, figure: Figure | SubFigure, position: Any = 111, label_size: float = 9) -> WCSAxes:
        """Empty axes that show it."""
        if self.wcs is not None:
            return field_axes(figure, self.wcs, self.shape, position=position)
        center = None if self.center is None else self.center * u.deg
        return all_sky_axes(
            figure,
            frame=self.frame,
            center=center,
            projection=self.projection,
            position=position,
            label_size=label_size,
        )


def _middle(center: SkyCoord | u.Quantity | str | None, frame: str) -> float | None:
    """The longitude in the middle of an all-sky picture, in degrees."""
    if center is None:
        return None
    if isinstance(center, SkyCoord):
        lon, _ = frames.to_lonlat(center, frame, "center")
        if lon.ndim:
            raise ValueError(f"center must be one position, got {lon.size}")
        return math.degrees(lon.item())
    angle = as_angle(center, "center")
    if angle.ndim or not np.isfinite(angle.value):
        raise ValueError(f"center must be one longitude, got {center}")
    return float(angle.to_value(u.deg))


def plot(
    mask: MaskValue,
    ax: WCSAxes | None = None,
    *,
    energy: u.Quantity | str | None = None,
    kept: Any = None,
    excluded: Any = None,
    alpha: float | None = None,
    legend: bool = True,
    title: str | None = None,
    figure: Figure | SubFigure | None = None,
    figsize: tuple[float, float] | None = None,
    **view: Any,
) -> WCSAxes:
    """See `hpmask.Mask.plot`."""
    need_matplotlib()
    legend = as_flag(legend, "legend")
    layers = _layers(mask, energy)
    if ax is not None:
        check_overlay(ax, figure, figsize, view)
        colours = _draw(ax, layers, kept, excluded, OVERLAY if alpha is None else alpha)
        if legend:
            ax.legend(handles=patches(layers, colours, percent=False), loc="upper right", labelcolor=INK)
    else:
        shown = View.of(mask, **view)
        figure = sized_figure(figure, figsize, shown.figsize)
        ax = shown.axes(figure)
        colours = _draw(ax, layers, KEPT if kept is None else kept, excluded, 1.0 if alpha is None else alpha)
        if legend:
            _legend(ax, figure, layers, colours, all_sky=shown.wcs is None)
    if title is not None:
        ax.set_title(title, color=INK, fontsize=13, pad=12)
    return ax


def _legend(
    ax: WCSAxes,
    figure: Figure | SubFigure,
    layers: list[tuple[str, MaskValue]],
    colours: list[tuple[float, ...]],
    *,
    all_sky: bool,
) -> None:
    """Say below the picture which colour is which, or in a corner if there is no room below."""
    if all_sky:
        ax.legend(handles=patches(layers, colours, percent=True), loc="upper center", **_BELOW)
        return
    handles = patches(layers, colours, percent=False)
    if handles and figure.get_layout_engine() is not None:
        figure.legend(handles=handles, loc="outside lower center", **_LEGEND)
    else:
        ax.legend(handles=handles, loc="upper right", labelcolor=INK)


def sized_figure(figure: Any, figsize: tuple[float, float] | None, default: tuple[float, float]) -> Any:
    """The figure that was given, in `figsize` if that was given, or else a new one of pyplot's."""
    if figure is None:
        from matplotlib import pyplot

        return pyplot.figure(figsize=default if figsize is None else figsize, dpi=DPI, layout="constrained")
    if figsize is not None:
        if not hasattr(figure, "set_size_inches"):
            raise ValueError("figsize cannot be given with a subfigure, whose size is that of its place in the figure")
        figure.set_size_inches(figsize)
    return figure


def check_overlay(ax: Any, figure: Any, figsize: Any, view: dict[str, Any]) -> None:
    """Raise unless `ax` can be drawn over and no other axes are asked for. Set its limits if it has none yet."""
    from astropy.visualization.wcsaxes import WCSAxes

    if not isinstance(ax, WCSAxes):
        raise TypeError(f"ax must be a WCSAxes, such as plt.subplot(projection=wcs), got {type(ax).__name__}")
    for name, value in {"figure": figure, "figsize": figsize, **view}.items():
        if value is not None:
            raise ValueError(f"ax is drawn over as it is: it cannot be combined with {name}")
    _show_field(ax)


def _show_field(ax: Any) -> None:
    """Let axes that show nothing yet show all pixels of their WCS."""
    # Limits that were set, by the user or by an image, stay.
    if ax.has_data() or not (ax.get_autoscalex_on() and ax.get_autoscaley_on()):
        return
    shape = getattr(ax.wcs, "array_shape", None)
    if shape is None or len(shape) != 2:
        raise ValueError(
            "ax shows no part of the sky yet, and its WCS has no number of pixels: draw an image on it first, set its "
            "limits, or set wcs.array_shape = (ny, nx)"
        )
    ax.set_xlim(-0.5, shape[1] - 0.5)
    ax.set_ylim(-0.5, shape[0] - 0.5)
    ax.set_aspect("equal")


def plot_grid(
    mask: MaskValue,
    *,
    ncols: int | None = None,
    kept: Any = None,
    excluded: Any = None,
    alpha: float | None = None,
    legend: bool = True,
    title: str | None = None,
    figure: Figure | SubFigure | None = None,
    figsize: tuple[float, float] | None = None,
    **view: Any,
) -> Figure | SubFigure:
    """See `hpmask.Mask.plot_grid`."""
    need_matplotlib()
    legend = as_flag(legend, "legend")
    shown = View.of(mask, **view)
    n_rows, n_cols = grid_shape(len(mask.planes), ncols)
    figure = sized_figure(figure, figsize, shown.grid_figsize(n_rows, n_cols, title))
    for i, plane in enumerate(mask.planes):
        ax = shown.axes(figure, (n_rows, n_cols, i + 1), 7)
        layers = [("kept", type(mask)(plane, frame=mask.frame))]
        colours = _draw(ax, layers, KEPT if kept is None else kept, excluded, 1.0 if alpha is None else alpha)
        words = [] if mask.energy is None else [bin_title(mask.energy, i)]
        if shown.wcs is None:
            words.append(f"{percent_text(plane)} kept")
        ax.set_title(": ".join(words), color=INK, fontsize=10)
    if legend and (handles := patches(layers, colours, percent=False)):
        place = "lower center" if figure.get_layout_engine() is None else "outside lower center"
        figure.legend(handles=handles, loc=place, **_LEGEND)
    if title is not None:
        figure.suptitle(title, color=INK)
    return figure


def grid_shape(n: int, ncols: int | None) -> tuple[int, int]:
    """Numbers of rows and columns of a grid of `n` pictures."""
    ncols = math.ceil(math.sqrt(n)) if ncols is None else as_count(ncols, "ncols", least=1)
    return -(-n // ncols), ncols


def html(mask: MaskValue) -> str:
    """The preview of a mask in notebooks, as HTML: its facts, and a small picture if matplotlib is installed."""
    facts = repr(mask).removeprefix("<").removesuffix(">").split(" | ")
    text = "<br>".join(_html.escape(fact) for fact in facts)
    picture = ""
    if _has_matplotlib():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.4, 2.4), dpi=100, layout="constrained")
        ax = all_sky_axes(figure, frame=mask.frame, label_size=6)
        _draw(ax, _layers(mask, None), KEPT, None, 1.0)
        png = BytesIO()
        figure.savefig(png, format="png", transparent=True)
        source = b64encode(png.getvalue()).decode()
        picture = f'<img alt="the mask on the sky" src="data:image/png;base64,{source}"/>'
    return (
        '<div class="hpmask" style="display: flex; align-items: center; gap: 1em">'
        f'{picture}<div style="line-height: 1.5">{text}</div></div>'
    )


def bin_title(energy: EnergyAxis, i: int) -> str:
    """The edges of bin `i` as text: "10-100 GeV"."""
    low, high = energy.energy_min[i], energy.energy_max[i]
    return f"{low.value:.4g}-{high.value:.4g} {high.unit.to_string()}"


def all_sky_axes(
    figure: Figure | SubFigure,
    *,
    frame: str = "icrs",
    center: SkyCoord | u.Quantity | str | None = None,
    projection: str = "MOL",
    position: Any = 111,
    label_size: float = 9,
) -> WCSAxes:
    """Add empty axes of the whole sky to a figure, with a graticule. Longitude increases to the left.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        Figure that gets the axes.
    frame : {"icrs", "galactic"}, optional
        Frame of the graticule.
    center : `~astropy.units.Quantity`, str or `~astropy.coordinates.SkyCoord`, optional
        Longitude in the middle, as an angle or as a position that has it; by default 180 deg in ICRS and 0 deg in
        Galactic coordinates.
    projection : {"MOL", "AIT"}, optional
        Projection: Mollweide or Hammer-Aitoff, both of equal area.
    position : int or tuple, optional
        Place in the figure, as in ``figure.add_subplot``.
    label_size : float, optional
        Size of the labels, in points.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.

    Raises
    ------
    TypeError
        If `center` is a number without a unit.
    ValueError
        If the frame, the projection or the centre is not valid.

    Examples
    --------
    Sources over a mask:

    >>> from astropy.coordinates import SkyCoord
    >>> from matplotlib.figure import Figure
    >>> from hpmask import Mask
    >>> from hpmask.plotting import all_sky_axes
    >>> ax = all_sky_axes(Figure(layout="constrained"), frame="galactic")
    >>> ax = Mask.from_zone(lat=("-2 deg", "2 deg"), zone_frame="galactic", order=7).plot(ax)
    >>> crab = SkyCoord(83.633, 22.014, unit="deg")
    >>> _ = ax.plot(crab.ra.deg, crab.dec.deg, "*", transform=ax.get_transform("icrs"))
    """
    from astropy.visualization.wcsaxes.frame import EllipticalFrame
    from astropy.wcs import WCS

    frame = frames.check_frame(frame)
    if projection not in _ALL_SKY:
        raise ValueError(f"projection must be 'MOL' or 'AIT', got {projection!r}")
    middle = _MIDDLE[frame] if center is None else _middle(center, frame)
    # A pixel is one degree in the middle. Both ellipses have semi-axes of 2 sqrt 2 and sqrt 2 radians.
    half = math.degrees(math.sqrt(2))
    wcs = WCS(naxis=2)
    axes = ("RA---", "DEC--") if frame == "icrs" else ("GLON-", "GLAT-")
    wcs.wcs.ctype = [axis + projection for axis in axes]
    wcs.wcs.crval = [middle, 0]
    wcs.wcs.cdelt = [-1, 1]
    wcs.wcs.crpix = [1, 1]
    if frame == "icrs":
        wcs.wcs.radesys = "ICRS"
    position = position if isinstance(position, tuple) else (position,)
    ax = figure.add_subplot(*position, projection=wcs, frame_class=EllipticalFrame)
    ax.set_xlim(-2 * half, 2 * half)
    ax.set_ylim(-half, half)
    ax.set_aspect("equal")
    _graticule(ax, frame, label_size)
    return ax


def field_axes(figure: Figure | SubFigure, wcs: WCS, shape: tuple[int, int], *, position: Any = 111) -> WCSAxes:
    """Add empty axes with the field of an image to a figure, with a grid of coordinates.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        Figure that gets the axes.
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the image.
    shape : (int, int)
        Number of pixels (ny, nx).
    position : int or tuple, optional
        Place in the figure, as in ``figure.add_subplot``.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes, whose limits are the edges of the image.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from matplotlib.figure import Figure
    >>> from hpmask.plotting import field_axes
    >>> from hpmask.wcs.field import field_wcs
    >>> wcs, shape = field_wcs(SkyCoord(83.63, 22.01, unit="deg"), "10 deg", binsz="0.1 deg")
    >>> ax = field_axes(Figure(layout="constrained"), wcs, shape)
    >>> ax.get_xlim() == (-0.5, 99.5)
    True
    """
    position = position if isinstance(position, tuple) else (position,)
    ax = figure.add_subplot(*position, projection=wcs)
    ax.set_xlim(-0.5, shape[1] - 0.5)
    ax.set_ylim(-0.5, shape[0] - 0.5)
    ax.set_aspect("equal")
    for coord, name in zip(ax.coords, wcs.world_axis_physical_types, strict=True):
        coord.set_axislabel(_LABELS.get(name, name))
    ax.coords.grid(color=INK, alpha=0.25, linewidth=0.6)
    return ax


def _graticule(ax: Any, frame: str, label_size: float) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2, foreground="white", alpha=0.85)]
    lon, lat = ax.coords
    # The labels of both axes would meet at the left and right ends.
    middle = ax.wcs.wcs.crval[0]
    steps = np.arange(0, 360, _STEP)
    lon.set_ticks(steps[np.abs((steps - middle + 180) % 360 - 180) <= 180 - _STEP / 2] * u.deg)
    lat.set_ticks(spacing=_STEP * u.deg)
    for coord in (lon, lat):
        coord.set_major_formatter("d")
        coord.set_ticks_visible(False)
        coord.set_ticklabel(size=label_size, color=INK, exclude_overlapping=True, path_effects=halo)
    lon.set_axislabel("")
    lat.set_axislabel("")
    ax.coords.grid(color=INK, alpha=0.25, linewidth=0.6)
    ax.coords.frame.set_color(INK)
    ax.coords.frame.set_linewidth(0.9)
    ax.text(
        0.995,
        0.98,
        _NAMES[frame],
        transform=ax.transAxes,
        ha="right",
        va="top",
        color=INK,
        size=label_size + 1,
    )


def _layers(mask: MaskValue, energy: u.Quantity | str | None) -> list[tuple[str, MaskValue]]:
    """The name and the sky of each colour except that of excluded sky."""
    cls = type(mask)
    if energy is not None:
        if mask.energy is None:
            raise ValueError("energy is given, but the mask has no energy bins")
        number = np.atleast_1d(mask.energy.bin_of(energy))
        if number.size != 1 or number[0] < 0:
            raise ValueError(f"energy must lie in one of the bins of {mask.energy}, got {energy}")
        return [("kept", cls(mask.planes[number[0]], frame=mask.frame))]
    if len({id(plane) for plane in mask.planes}) == 1:
        return [("kept", cls(mask.planes[0], frame=mask.frame))]
    always = reduce(mask, "all")
    return [("kept in all bins", always), ("kept in some bins", reduce(mask, "any") - always)]


def _draw(
    ax: Any,
    layers: list[tuple[str, MaskValue]],
    kept: Any,
    excluded: Any,
    alpha: float,
) -> list[tuple[float, ...]]:
    """Draw the layers. Returns their colours, and that of excluded sky at the end."""
    colours = layer_colours(len(layers), kept, EXCLUDED if excluded is None else excluded, alpha)
    draw_image(ax, [layer for _, layer in layers], colours)
    return colours


def layer_colours(count: int, kept: Any, excluded: Any, alpha: float) -> list[tuple[float, ...]]:
    """The colours of some layers and, at the end, of excluded sky."""
    from matplotlib.colors import to_rgba

    # None is clear, as "none" is in matplotlib. A colour may have an opacity of its own.
    given = (to_rgba("none" if colour is None else colour) for colour in (*(kept, PARTLY)[:count], excluded))
    return [(red, green, blue, opacity * alpha) for red, green, blue, opacity in given]


def draw_image(ax: Any, layers: list[MaskValue], colours: list[tuple[float, ...]]) -> Any:
    """Draw masks without energy, and the sky outside all of them, within the present limits of the axes."""
    limits = ax.get_xlim(), ax.get_ylim()
    image, extent = _image(ax, layers, colours)
    artist = ax.imshow(
        image,
        origin="lower",
        extent=extent,
        interpolation="nearest",
        aspect=ax.get_aspect(),
        zorder=0.5,
    )
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
    return artist


def redraw_image(ax: Any, artist: Any, layers: list[MaskValue], colours: list[tuple[float, ...]]) -> None:
    """Draw other masks in the image that `draw_image` made."""
    image, extent = _image(ax, layers, colours)
    artist.set_data(image)
    artist.set_extent(extent)


def _image(
    ax: Any, layers: list[MaskValue], colours: list[tuple[float, ...]]
) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """The colours of the pixels of the axes on the screen, shape (ny, nx, 4), and their extent."""
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    box = ax.get_window_extent()
    nx, ny = max(1, math.ceil(box.width)), max(1, math.ceil(box.height))
    image = np.zeros((ny, nx, 4))
    # In blocks of rows, to save memory.
    rows = max(1, 500_000 // (nx * _SAMPLES**2))
    for start in range(0, ny, rows):
        stop = min(ny, start + rows)
        x = x0 + (x1 - x0) * (np.arange(nx * _SAMPLES) + 0.5) / (nx * _SAMPLES)
        y = y0 + (y1 - y0) * (np.arange(start * _SAMPLES, stop * _SAMPLES) + 0.5) / (ny * _SAMPLES)
        sky, coord = _positions(ax, x, y, layers[0].frame)
        colour = np.zeros((*sky.shape, 4))
        values = np.broadcast_to(np.array(colours[-1]), (coord.size, 4)).copy()
        for rgba, layer in zip(colours, layers, strict=False):
            values[lookup.contains(layer.planes, layer.order, layer.frame, None, coord, None)] = rgba
        colour[sky] = values
        image[start:stop] = _mean(colour)
    return image, (x0, x1, y0, y1)


# Legends below a picture.
_LEGEND: dict[str, Any] = {"ncols": 3, "frameon": False, "labelcolor": INK}
_BELOW: dict[str, Any] = {**_LEGEND, "bbox_to_anchor": (0.5, -0.01)}


def patches(layers: list[tuple[str, MaskValue]], colours: list[tuple[float, ...]], *, percent: bool) -> list[Any]:
    """The entries of a legend. Transparent sky has no entry."""
    from matplotlib.patches import Patch

    names = [*(name for name, _ in layers), "excluded"]
    if percent:
        planes = [layer.planes[0] for _, layer in layers]
        planes.append(~RangeSet.union_all(planes))
        names = [f"{name} ({percent_text(plane)} of the sky)" for name, plane in zip(names, planes, strict=True)]
    return [
        Patch(facecolor=colour, edgecolor=INK, linewidth=0.5, label=name)
        for name, colour in zip(names, colours, strict=True)
        if colour[3] > 0
    ]


def _positions(
    ax: Any, x: NDArray[np.float64], y: NDArray[np.float64], frame: str
) -> tuple[NDArray[np.bool_], SkyCoord]:
    """Which pixels of a grid lie on the sky, shape (ny, nx), and their positions, shape (n,)."""
    to_sky = (ax.get_transform(frame) - ax.transData).inverted()
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    lon, lat = to_sky.transform(points).T
    sky = np.isfinite(lon) & np.isfinite(lat)
    coord = SkyCoord(lon[sky], lat[sky], unit="deg", frame=frame)
    return sky.reshape(y.size, x.size), coord


def _mean(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """The colours of pixels: the mean of their samples, weighted by opacity."""
    ny, nx = colour.shape[0] // _SAMPLES, colour.shape[1] // _SAMPLES
    samples = colour.reshape(ny, _SAMPLES, nx, _SAMPLES, 4)
    alpha = samples[..., 3:].mean(axis=(1, 3))
    rgb = (samples[..., :3] * samples[..., 3:]).mean(axis=(1, 3))
    rgb = np.divide(rgb, alpha, out=np.zeros_like(rgb), where=alpha > 0)
    return np.concatenate([rgb, alpha], axis=-1)


def _has_matplotlib() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def need_matplotlib() -> None:
    """Raise an ImportError that names the extra, unless matplotlib is installed."""
    if not _has_matplotlib():
        raise ImportError('pictures need matplotlib: pip install "hpmask[plot]"')
