"""Static pictures of masks: the whole sky, a field, over an image, several masks together, and each energy bin."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from astropy import units as u

from hpmask._utils.arguments import as_count, as_flag
from hpmask._utils.words import percent_text
from hpmask.core.value import MaskValue
from hpmask.energy.axis import EnergyAxis
from hpmask.plotting import legends
from hpmask.plotting.charts import chart_of, needs_frame, sky_axes
from hpmask.plotting.outlines import draw_outlines
from hpmask.plotting.raster import draw_image
from hpmask.plotting.styles import (
    LINES,
    Look,
    Paint,
    bin_at,
    changed,
    check_style,
    common_style,
    layers_of,
    need_matplotlib,
    of_each,
    paint_of,
    paints_of,
)
from hpmask.plotting.views import View, name_axes

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["bin_title", "check_overlay", "draw_paint", "grid_shape", "plot", "plot_grid", "sized_figure"]


# The width of the title of a field, in widths of the figure.
_FIELD_SHARE = 0.72


def plot(
    mask: MaskValue | Mapping[str, MaskValue],
    ax: WCSAxes | None = None,
    *,
    style: str | None = None,
    energy: u.Quantity | str | None = None,
    kept: Any = None,
    excluded: Any = None,
    edge: Any = None,
    label: str | None = None,
    alpha: float | None = None,
    legend: bool = True,
    title: str | None = None,
    vector: bool | None = None,
    figure: Figure | SubFigure | None = None,
    figsize: tuple[float, float] | None = None,
    **view: Any,
) -> WCSAxes:
    """See `hpmask.Mask.plot`."""
    need_matplotlib()
    legend, style = as_flag(legend, "legend"), check_style(style)
    vector = None if vector is None else as_flag(vector, "vector")
    masks = _named(mask, label)
    first, *others = masks.values()
    frame = None
    if ax is not None:
        ax = sky_axes(ax)
        frame = view.pop("frame", None) if needs_frame(ax) else None
        check_overlay(ax, figure, figsize, view)
        place = legends.place_of(ax)
        look = Look.of(ax.figure) if place is None else place.look
    else:
        shown = View.of(first, others=tuple(others), **view)
        figure = sized_figure(figure, figsize, shown.figsize)
        look = Look.of(figure)
        place = None
    done = 0 if ax is None else legends.count_of_masks(ax)
    options: dict[str, Any] = {"style": style, "energy": energy, "alpha": alpha}
    colours: dict[str, Any] = {"kept": kept, "excluded": excluded, "edge": edge}
    if isinstance(mask, Mapping):
        numbers = [done + i for i in range(len(masks))]
        paints = paints_of(masks, look, numbers=numbers, **options, **colours)
    else:
        shared = done > 0
        paints = [
            paint_of(mask, look, label=label, number=done, shared=shared, overlay=ax is not None, **options, **colours)
        ]
    if ax is None:
        assert figure is not None
        ax = shown.axes(figure, look=look)
        place = legends.Place(look, is_all_sky=shown.is_all_sky, pad=shown.pad(look))
        legends.remember(ax, place)
    for i, paint in enumerate(paints):
        draw_paint(ax, paint, look, frame, vector)
        legends.add_entries(ax, paint, percent=place is not None and place.is_all_sky, number=done + i)
    if legend:
        legends.show_legend(ax)
    if title is not None:
        # The labels at the left of a field move its middle to the right.
        share = 1.0 if place is None or place.is_all_sky else _FIELD_SHARE
        set_title(ax, title, look, share=share, pad=0.0 if place is None else place.pad)
    return ax


def set_title(ax: Any, title: str, look: Look, *, share: float = 1.0, pad: float = 0.0) -> None:
    """Set the title of axes, in as many lines as fit a share of the width of the figure."""
    from matplotlib import rcParams

    text = ax.set_title(title, fontsize=look.title_size, color=look.ink, pad=rcParams["axes.titlepad"] + pad)
    _wrap(text, ax.figure, share)


def _wrap(text: Any, figure: Any, share: float = 1.0) -> None:
    """Break the lines of a text that is wider than a share of the figure."""
    lines = text.get_text().split("\n")
    most = max(len(line) for line in lines)
    while most > 8 and text.get_window_extent().width > 0.97 * share * figure.bbox.width:
        most -= 1
        text.set_text("\n".join(part for line in lines for part in textwrap.wrap(line, most) or [""]))


def _named(mask: Any, label: Any) -> Mapping[str, MaskValue]:
    """The masks of a picture by name; one mask may be without a name."""
    if label is not None and not isinstance(label, str):
        raise TypeError(f"label must be a text, got {type(label).__name__}")
    if not isinstance(mask, Mapping):
        return {"": mask}
    if label is not None:
        raise ValueError("label names one mask: several masks are named by the keys of their mapping")
    if not mask:
        raise ValueError("there is no mask to draw: the mapping is empty")
    for name, one in mask.items():
        if not isinstance(name, str):
            raise TypeError(f"the names of masks must be texts, got {name!r}")
        if not isinstance(one, MaskValue):
            raise TypeError(f"{name!r} must be a Mask, got {type(one).__name__}")
    return mask


def draw_paint(ax: Any, paint: Paint, look: Look, frame: str | None = None, vector: bool | None = None) -> list[Any]:
    """Draw a mask: its fills, then its edges. Returns what was drawn."""
    drawn = []
    if any(colour[3] > 0 for colour in paint.colours):
        drawn.append(draw_image(ax, [layer for _, layer in paint.layers], paint.colours, frame, vector=vector))
    if paint.edge[3] == 0 and paint.hatch is None:
        return drawn
    width = look.scale * (1.4 if paint.style == "outline" else 0.8)
    drawn += draw_outlines(
        ax, paint.shape, color=paint.edge, linewidth=width, linestyle=paint.linestyle, hatch=paint.hatch, frame=frame
    )
    if paint.style == "outline" and len(paint.layers) == 2:
        # The sky that is kept in all bins, inside that which is kept in some.
        inner = paint.layers[0][1]
        drawn += draw_outlines(ax, inner, color=paint.edge, linewidth=width, linestyle=LINES[1], frame=frame)
    return drawn


def check_figsize(figsize: Any) -> None:
    """Raise unless `figsize` is a width and a height above 0; matplotlib may read a unit after them."""
    try:
        width, height = (float(size) for size in tuple(figsize)[:2])
    except (TypeError, ValueError):
        raise ValueError(f"figsize must be (width, height) in inches, got {figsize!r}") from None
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise ValueError(f"figsize must be (width, height) in inches, both above 0, got {figsize!r}")


def sized_figure(figure: Any, figsize: tuple[float, float] | None, default: tuple[float, float]) -> Any:
    """The figure that was given, in `figsize` if that was given, or else a new one of pyplot's."""
    if figsize is not None:
        check_figsize(figsize)
    if figure is None:
        from matplotlib import pyplot

        if figsize is None:
            figsize = changed("figure.figsize") or default
        return pyplot.figure(figsize=figsize, layout="constrained")
    if figsize is not None:
        if not hasattr(figure, "set_size_inches"):
            raise ValueError("figsize cannot be given with a subfigure, whose size is that of its place in the figure")
        figure.set_size_inches(figsize)
    return figure


def check_overlay(ax: Any, figure: Any, figsize: Any, view: dict[str, Any]) -> None:
    """Raise unless `ax` can be drawn over and no other axes are asked for. Set its limits if it has none yet."""
    from astropy.visualization.wcsaxes import WCSAxes

    chart_of(ax, "icrs")
    for name, value in {"figure": figure, "figsize": figsize, **view}.items():
        if value is not None:
            raise ValueError(f"ax is drawn over as it is: it cannot be combined with {name}")
    if isinstance(ax, WCSAxes):
        _show_field(ax)


def _show_field(ax: Any) -> None:
    """Let axes that show nothing yet show all pixels of their WCS, and name their coordinates."""
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
    name_axes(ax)


def plot_grid(
    mask: MaskValue | Mapping[str, MaskValue],
    *,
    ncols: int | None = None,
    style: str | None = None,
    energy: u.Quantity | str | None = None,
    kept: Any = None,
    excluded: Any = None,
    edge: Any = None,
    label: str | None = None,
    alpha: float | None = None,
    legend: bool = True,
    title: str | None = None,
    vector: bool | None = None,
    figure: Figure | SubFigure | None = None,
    figsize: tuple[float, float] | None = None,
    **view: Any,
) -> Figure | SubFigure:
    """See `hpmask.Mask.plot_grid`."""
    need_matplotlib()
    from matplotlib import rcParams

    legend, style = as_flag(legend, "legend"), check_style(style)
    vector = None if vector is None else as_flag(vector, "vector")
    masks = _named(mask, label)
    first, *others = masks.values()
    panels = _panels(masks if isinstance(mask, Mapping) else mask, energy, style)
    shown = View.of(first, others=tuple(others), **view)
    n_rows, n_cols = grid_shape(len(panels), ncols)
    figure = sized_figure(figure, figsize, shown.grid_figsize(n_rows, n_cols, title))
    look = Look.of(figure, columns=n_cols)
    names = list(masks) if isinstance(mask, Mapping) else [""] * len(panels)
    colours = {"kept": kept, "excluded": excluded, "edge": edge}
    own = {name: of_each(value, names, name) for name, value in colours.items()}
    axes = []
    for i, (words, sky, layers, fitting) in enumerate(panels):
        ax = shown.axes(figure, (n_rows, n_cols, i + 1), look)
        paint = paint_of(
            sky,
            look,
            style=fitting,
            layers=layers,
            alpha=alpha,
            label=label,
            **{name: given[i] for name, given in own.items()},
        )
        draw_paint(ax, paint, look, vector=vector)
        legends.add_entries(ax, paint, percent=False, number=0)
        percent = ""
        if shown.is_all_sky and len(layers) == 1:
            percent = f"{percent_text(layers[0][1].planes[0])} kept"
        text = ": ".join(part for part in (words, percent) if part)
        pad = rcParams["axes.titlepad"] * look.scale + shown.pad(look)
        ax.set_title(text, color=look.ink, fontsize=look.label_size, pad=pad, parse_math=False)
        if not shown.is_all_sky:
            _share_labels(ax, i, len(panels), n_cols)
        axes.append(ax)
    if legend:
        legends.show_figure_legend(figure, axes, look)
    if title is not None:
        _wrap(figure.suptitle(title, color=look.ink, fontsize=look.title_size * 1.1), figure)
    return figure


def _share_labels(ax: Any, number: int, count: int, n_cols: int) -> None:
    """Keep the names of the axes of a field at the left and at the foot of a grid only."""
    lon, lat = ax.coords
    if number % n_cols:
        lat.set_axislabel(" ")
        lat.set_auto_axislabel(False)
    if number + n_cols < count:
        lon.set_axislabel(" ")
        lon.set_auto_axislabel(False)


def _panels(
    masks: MaskValue | Mapping[str, MaskValue], energy: Any, style: str | None
) -> list[tuple[str, MaskValue, list[tuple[str, MaskValue]], str | None]]:
    """The title, the mask, its layers, and the style of each picture of a grid; None is the style that fits."""
    if isinstance(masks, Mapping):
        return [(name, mask, layers_of(mask, energy), style) for name, mask in masks.items()]
    mask = masks
    if energy is not None:
        number = bin_at(mask, energy)
        assert mask.energy is not None  # bin_at raises without
        return [(bin_title(mask.energy, number), mask, layers_of(mask, energy), style)]
    bins = [("kept", type(mask)(plane, frame=mask.frame)) for plane in mask.planes]
    style = common_style(bins) if style is None else style
    titles = [""] if mask.energy is None else [bin_title(mask.energy, i) for i in range(len(bins))]
    return [(words, mask, [one], style) for words, one in zip(titles, bins, strict=True)]


def grid_shape(n: int, ncols: int | None) -> tuple[int, int]:
    """Numbers of rows and columns of a grid of `n` pictures."""
    ncols = math.ceil(math.sqrt(n)) if ncols is None else as_count(ncols, "ncols", least=1)
    return -(-n // ncols), ncols


def bin_title(energy: EnergyAxis, i: int) -> str:
    """The edges of bin `i` as text: "10-100 GeV"."""
    low, high = energy.energy_min[i], energy.energy_max[i]
    return f"{low.value:.4g}-{high.value:.4g} {high.unit.to_string()}"
