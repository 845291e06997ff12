"""Pictures of masks: the whole sky, over a sky image, each energy bin, a notebook's preview."""

from __future__ import annotations

import html as _html
import math
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle, as_flag
from hpmask._utils.words import percent_text
from hpmask.core import lookup
from hpmask.core.rangeset import RangeSet
from hpmask.core.transform import reduce
from hpmask.core.value import MaskValue
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.wcs.grid import celestial
from hpmask.wcs.inputs import as_target

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.wcs import WCS
    from matplotlib.figure import Figure, SubFigure

__all__ = ["all_sky_axes", "bin_title", "field_axes", "html", "need_matplotlib", "plot", "plot_grid"]

KEPT = "#d5e6f1"
PARTLY = "#f2c48d"
EXCLUDED = "#b4482d"
OVERLAY = 0.5
INK = "#37474f"

# Samples per pixel of the picture and axis: their mean makes smooth edges.
_SAMPLES = 2
# Steps of the graticule, and the longitude in the middle of an all-sky picture.
_STEP = 30
_MIDDLE = {"icrs": 180 * u.deg, "galactic": 0 * u.deg}
_NAMES = {"icrs": "ICRS", "galactic": "Galactic"}
# The names that astropy gives to the axes of an image, and what astronomers call them.
_LABELS = {
    "pos.eq.ra": "right ascension",
    "pos.eq.dec": "declination",
    "pos.galactic.lon": "l",
    "pos.galactic.lat": "b",
}


def plot(
    mask: MaskValue,
    ax: WCSAxes | None = None,
    *,
    energy: u.Quantity | str | None = None,
    frame: str | None = None,
    center: u.Quantity | str | None = None,
    projection: str = "MOL",
    kept: Any = None,
    excluded: Any = None,
    alpha: float | None = None,
    legend: bool = True,
    title: str | None = None,
    figure: Figure | None = None,
) -> WCSAxes:
    """Draw a mask: the whole sky, or over a sky image that is already there.

    Longitude increases to the left. Each pixel of the picture is decided by the mask at positions inside it.

    Parameters
    ----------
    mask : Mask
        The mask.
    ax : `~astropy.visualization.wcsaxes.WCSAxes`, optional
        Axes with a projection to draw over, as they are zoomed now: ``plt.subplot(projection=wcs)``. Axes that show
        nothing yet get all pixels of their WCS. By default the whole sky is drawn in a figure of its own.
    energy : `~astropy.units.Quantity` or str, optional
        An energy, for a mask with energy bins: its bin is drawn. By default all bins are, and sky that is
        kept in some of them only has a colour of its own.
    frame : {"icrs", "galactic"}, optional
        Frame of an all-sky picture, by default the mask's.
    center : `~astropy.units.Quantity` or str, optional
        Longitude in the middle of an all-sky picture: by default 180 deg for ICRS, 0 deg for Galactic.
    projection : {"MOL", "AIT"}, optional
        Projection of an all-sky picture: Mollweide or Hammer-Aitoff, both of equal area.
    kept, excluded : colour, optional
        Colours of the sky that is kept and that is not, "none" for none. Over an image, kept sky is by default left
        clear.
    alpha : float, optional
        Opacity, by default 1 for the whole sky and 0.5 over an image.
    legend : bool, optional
        Say which colour is which.
    title : str, optional
        Title of the axes.
    figure : `~matplotlib.figure.Figure`, optional
        Figure that gets the all-sky picture, by default a new one of pyplot's.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `ax` has no sky projection.
    ValueError
        If `energy` is in no bin, or given for a mask without energy, or `ax` shows nothing yet and its WCS has no
        number of pixels.

    Examples
    --------
    >>> from hpmask import Mask
    >>> plane = Mask.from_zone(None, ("-2 deg", "2 deg"), zone_frame="galactic", order=7)
    >>> ax = (~plane).plot(title="all but the Galactic plane")
    >>> ax.figure.savefig("sky.png")  # doctest: +SKIP
    """
    need_matplotlib()
    legend = as_flag(legend, "legend")
    layers = _layers(mask, energy)
    all_sky = ax is None
    if all_sky and figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(10, 5.8), dpi=120, layout="constrained")
    ax, kept, alpha = canvas(
        mask, ax, figure, frame=frame, center=center, projection=projection, kept=kept, alpha=alpha
    )
    colours = _draw(ax, layers, kept, EXCLUDED if excluded is None else excluded, alpha)
    if legend and all_sky:
        ax.legend(handles=patches(layers, colours, percent=True), loc="upper center", **_BELOW)
    elif legend:
        ax.legend(handles=patches(layers, colours, percent=False), loc="upper right", labelcolor=INK)
    if title is not None:
        ax.set_title(title, color=INK, fontsize=13, pad=12)
    return ax


def canvas(
    mask: MaskValue,
    ax: WCSAxes | None,
    figure: Figure | None,
    *,
    frame: str | None,
    center: u.Quantity | str | None,
    projection: str,
    kept: Any,
    alpha: float | None,
) -> tuple[WCSAxes, Any, float]:
    """Axes to draw on, the colour of kept sky and the opacity: those given, or of the whole sky in `figure`."""
    if ax is not None:
        check_axes(ax)
        _show_field(ax)
        return ax, kept, OVERLAY if alpha is None else alpha
    assert figure is not None
    ax = all_sky_axes(figure, frame=frame or mask.frame, center=center, projection=projection)
    return ax, KEPT if kept is None else kept, 1.0 if alpha is None else alpha


def _show_field(ax: Any) -> None:
    """Let axes that show nothing yet show all pixels of their WCS."""
    # Limits that were set, or that an image has set, stay.
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
    frame: str | None = None,
    center: u.Quantity | str | None = None,
    projection: str = "MOL",
    wcs: Any = None,
    shape: tuple[int, int] | None = None,
    n_cols: int | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a picture of each energy bin, of the whole sky or of the field of an image.

    Parameters
    ----------
    mask : Mask
        The mask; one without energy gives one picture.
    frame, center, projection
        As in `plot`, for the whole sky.
    wcs : `~astropy.wcs.WCS`, FITS header, path, image HDU or gammapy geometry, optional
        The image whose field is drawn, as in `hpmask.Mask.to_wcs`.
    shape : (int, int), optional
        Number of pixels (ny, nx) of the image, by default what the WCS has.
    n_cols : int, optional
        Number of columns, by default as many as rows, or one more.
    figure : `~matplotlib.figure.Figure`, optional
        Figure to draw in, which gets the size that the grid needs; by default a new one of pyplot's.

    Returns
    -------
    `~matplotlib.figure.Figure`

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If `n_cols` is not positive, or no shape is known.

    Examples
    --------
    >>> from astropy import units as u
    >>> from hpmask import EnergyAxis, Mask
    >>> mask = Mask.full(energy=EnergyAxis([1, 10, 100] * u.GeV))
    >>> figure = mask.plot_grid()
    >>> [ax.get_title() for ax in figure.axes]
    ['1-10 GeV: 100 % kept', '10-100 GeV: 100 % kept']
    """
    need_matplotlib()
    n = len(mask.planes)
    if n_cols is None:
        n_cols = math.ceil(math.sqrt(n))
    if n_cols < 1:
        raise ValueError(f"n_cols must be a positive number, got {n_cols}")
    n_rows = -(-n // n_cols)
    size = 5.6 * n_cols, 3.1 * n_rows + 0.4
    if wcs is not None:
        target = as_target(wcs)
        wcs = celestial(target.wcs)
        shape = target.shape or wcs.array_shape if shape is None else shape
        if shape is None:
            raise ValueError("the WCS has no shape: give shape=(ny, nx)")
        size = 5.6 * n_cols, (5.0 * min(shape[0] / shape[1], 2) + 0.8) * n_rows + 0.4
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=size, dpi=120, layout="constrained")
    else:
        figure.set_size_inches(size)
    for i, plane in enumerate(mask.planes):
        position = (n_rows, n_cols, i + 1)
        if wcs is not None and shape is not None:
            ax = field_axes(figure, wcs, shape, position=position)
        else:
            ax = all_sky_axes(
                figure,
                frame=frame or mask.frame,
                center=center,
                projection=projection,
                position=position,
                label_size=7,
            )
        layers = [("kept", type(mask)(plane, frame=mask.frame))]
        colours = _draw(ax, layers, KEPT, EXCLUDED, 1.0)
        words = [] if mask.energy is None else [bin_title(mask.energy, i)]
        if wcs is None:
            words.append(f"{percent_text(plane)} kept")
        ax.set_title(": ".join(words), color=INK, fontsize=10)
    figure.legend(handles=patches(layers, colours, percent=False), loc="outside lower center", **_LEGEND)
    return figure


def html(mask: MaskValue) -> str:
    """What a notebook shows of a mask: its facts, and a small picture where matplotlib is installed.

    Parameters
    ----------
    mask : Mask
        The mask.

    Returns
    -------
    str
        HTML.
    """
    facts = repr(mask).removeprefix("<").removesuffix(">").split(" | ")
    text = "<br>".join(_html.escape(fact) for fact in facts)
    picture = ""
    if _has_matplotlib():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.4, 2.4), dpi=100, layout="constrained")
        ax = all_sky_axes(figure, frame=mask.frame, label_size=6)
        _draw(ax, _layers(mask, None), KEPT, EXCLUDED, 1.0)
        png = BytesIO()
        figure.savefig(png, format="png", transparent=True)
        source = b64encode(png.getvalue()).decode()
        picture = f'<img alt="the mask on the sky" src="data:image/png;base64,{source}"/>'
    return (
        '<div class="hpmask" style="display: flex; align-items: center; gap: 1em">'
        f'{picture}<div style="line-height: 1.5">{text}</div></div>'
    )


def bin_title(energy: EnergyAxis, i: int) -> str:
    """The edges of bin `i`, to be read: "10-100 GeV"."""
    low, high = energy.energy_min[i], energy.energy_max[i]
    return f"{low.value:.4g}-{high.value:.4g} {high.unit.to_string()}"


def all_sky_axes(
    figure: Figure | SubFigure,
    *,
    frame: str = "icrs",
    center: u.Quantity | str | None = None,
    projection: str = "MOL",
    position: Any = 111,
    label_size: float = 9,
) -> WCSAxes:
    """Empty axes of the whole sky, with a graticule; longitude increases to the left.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
        Figure that gets the axes.
    frame : {"icrs", "galactic"}, optional
        Frame of the graticule.
    center : `~astropy.units.Quantity` or str, optional
        Longitude in the middle, by default 180 deg for ICRS, 0 deg for Galactic.
    projection : {"MOL", "AIT"}, optional
        Mollweide or Hammer-Aitoff.
    position : int or tuple, optional
        Place in the figure, as of ``figure.add_subplot``.
    label_size : float, optional
        Size of the labels, in points.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`

    Raises
    ------
    ValueError
        If the frame or the projection is another one.
    """
    from astropy.visualization.wcsaxes.frame import EllipticalFrame
    from astropy.wcs import WCS

    frame = frames.check_frame(frame)
    if projection not in ("MOL", "AIT"):
        raise ValueError(f"projection must be 'MOL' or 'AIT', got {projection!r}")
    middle = _MIDDLE[frame] if center is None else as_angle(center, "center")
    # A pixel is a degree in the middle. Both ellipses have half axes of 2 sqrt 2 and sqrt 2 radians.
    half = math.degrees(math.sqrt(2))
    wcs = WCS(naxis=2)
    axes = ("RA---", "DEC--") if frame == "icrs" else ("GLON-", "GLAT-")
    wcs.wcs.ctype = [axis + projection for axis in axes]
    wcs.wcs.crval = [middle.to_value(u.deg), 0]
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
    """Empty axes of the field of an image, with a grid.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
        Figure that gets the axes.
    wcs : `~astropy.wcs.WCS`
        The WCS of the image.
    shape : (int, int)
        Number of pixels (ny, nx).
    position : int or tuple, optional
        Place in the figure, as of ``figure.add_subplot``.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
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
    # Not at the left and right ends, where the labels of both axes would meet.
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
    """What is drawn: the name and the sky of each colour but the excluded one."""
    cls = type(mask)
    if energy is not None:
        if mask.energy is None:
            raise ValueError("energy is given, but the mask has no energy bins")
        number = np.atleast_1d(mask.energy.bin_of(energy))
        if number.size != 1 or number[0] < 0:
            raise ValueError(f"energy must be in one of the bins of {mask.energy}, got {energy}")
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
    """Draw the layers; returns their colours and the one of excluded sky."""
    colours = layer_colours(len(layers), kept, excluded, alpha)
    draw_image(ax, [layer for _, layer in layers], colours)
    return colours


def layer_colours(count: int, kept: Any, excluded: Any, alpha: float) -> list[tuple[float, ...]]:
    """Colours of some layers and of excluded sky; clear where there is none."""
    from matplotlib.colors import to_rgba

    # None is clear, as "none" is for matplotlib; a colour may have an opacity of its own.
    given = (to_rgba("none" if colour is None else colour) for colour in (*(kept, PARTLY)[:count], excluded))
    return [(red, green, blue, opacity * alpha) for red, green, blue, opacity in given]


def draw_image(ax: Any, layers: list[MaskValue], colours: list[tuple[float, ...]]) -> Any:
    """Draw masks without energy, and the sky that is in none of them, over the axes as they are zoomed now."""
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
    """Put other masks into what `draw_image` drew."""
    image, extent = _image(ax, layers, colours)
    artist.set_data(image)
    artist.set_extent(extent)


def _image(
    ax: Any, layers: list[MaskValue], colours: list[tuple[float, ...]]
) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """Colours of the pixels that axes have on the screen, shape (ny, nx, 4), and their place in the axes."""
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    box = ax.get_window_extent()
    nx, ny = max(1, math.ceil(box.width)), max(1, math.ceil(box.height))
    image = np.zeros((ny, nx, 4))
    # Rows in blocks, so that memory stays small.
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
    """Entries of a legend; sky that is left clear has none."""
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
    """Which pixels of a grid are sky, shape (ny, nx), and the positions of those, shape (n,)."""
    to_sky = (ax.get_transform(frame) - ax.transData).inverted()
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    lon, lat = to_sky.transform(points).T
    sky = np.isfinite(lon) & np.isfinite(lat)
    coord = SkyCoord(lon[sky], lat[sky], unit="deg", frame=frame)
    return sky.reshape(y.size, x.size), coord


def _mean(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours of pixels from those of their samples; opacity weighs them."""
    ny, nx = colour.shape[0] // _SAMPLES, colour.shape[1] // _SAMPLES
    samples = colour.reshape(ny, _SAMPLES, nx, _SAMPLES, 4)
    alpha = samples[..., 3:].mean(axis=(1, 3))
    rgb = (samples[..., :3] * samples[..., 3:]).mean(axis=(1, 3))
    rgb = np.divide(rgb, alpha, out=np.zeros_like(rgb), where=alpha > 0)
    return np.concatenate([rgb, alpha], axis=-1)


def check_axes(ax: Any) -> None:
    from astropy.visualization.wcsaxes import WCSAxes

    if not isinstance(ax, WCSAxes):
        raise TypeError(f"ax must be a WCSAxes, as of plt.subplot(projection=wcs), got {type(ax).__name__}")


def _has_matplotlib() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def need_matplotlib() -> None:
    if not _has_matplotlib():
        raise ImportError('pictures need matplotlib: pip install "hpmask[plot]"')
