"""Pictures of the energy bins of a mask, with a slider to choose the bin."""

from __future__ import annotations

import html
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

from astropy import units as u

from hpmask._utils.arguments import as_flag
from hpmask._utils.words import percent_text
from hpmask.core.value import MaskValue
from hpmask.plotting import legends, static
from hpmask.plotting.charts import sky_axes
from hpmask.plotting.styles import Look, Paint, bin_at, changed, check_style, common_style, need_matplotlib, paint_of
from hpmask.plotting.views import View

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.figure import Figure
    from matplotlib.widgets import Slider

__all__ = ["BinPlot", "plot_interactive"]


# The fraction of the figure's height that the slider and the labels above it need.
_ROOM = 0.18
# The legend of the whole sky stands below it.
_BELOW: dict[str, Any] = {"bbox_to_anchor": (0.5, 0.01), "ncols": 2, "frameon": False}


class BinPlot:
    """A picture of an energy bin with a slider to the others, as `hpmask.Mask.plot_interactive` returns it.

    It lives as long as its figure, so it need not be stored. In a notebook without interactive figures, it is displayed
    as a picture of each bin with a slider in HTML.

    Parameters
    ----------
    mask : Mask
        The mask, with energy bins.
    ax : `~astropy.visualization.wcsaxes.WCSAxes`
        Axes to draw in.
    slider : `matplotlib.widgets.Slider`
        A slider over the indices of the bins.
    paints : list
        How each bin is painted.
    title : str or None
        A line above the name of the bin.
    look : object
        Colours and sizes of the text.
    vector : bool or None
        Whether to draw shapes in place of pixels, as in `hpmask.Mask.plot`.

    Attributes
    ----------
    ax : `~astropy.visualization.wcsaxes.WCSAxes`
        Axes of the picture.
    slider : `matplotlib.widgets.Slider`
        The slider. Its value is the index of the bin, and ``slider.set_val(i)`` shows another bin.
    figure : `~matplotlib.figure.Figure`
        The figure.

    See Also
    --------
    hpmask.Mask.plot_interactive : Makes it.

    Examples
    --------
    >>> from astropy import units as u
    >>> from hpmask import EnergyAxis, Mask
    >>> picture = Mask.full(energy=EnergyAxis([1, 10, 100] * u.GeV)).plot_interactive()
    >>> picture.slider.set_val(1)
    >>> picture.ax.get_title()
    '10-100 GeV: 100 % kept'
    """

    def __init__(
        self,
        mask: MaskValue,
        ax: WCSAxes,
        slider: Slider,
        paints: list[Paint],
        title: str | None,
        look: Look,
        vector: bool | None,
    ) -> None:
        self.ax = ax
        self.slider = slider
        self._mask = mask
        self._paints = paints
        self._title = title
        self._look = look
        self._vector = vector
        self._artists: list[Any] = []
        self._show(slider.val)
        slider.on_changed(self._show)
        # matplotlib has only weak references to sliders.
        slider.ax._hpmask_plot = self  # type: ignore[attr-defined]

    @property
    def figure(self) -> Figure:
        """The figure."""
        return self.ax.figure  # type: ignore[no-any-return]

    def _show(self, value: float) -> None:
        i = min(max(round(value), 0), len(self._paints) - 1)
        for artist in self._artists:
            artist.remove()
        self._artists = static.draw_paint(self.ax, self._paints[i], self._look, vector=self._vector)
        self._label(i)
        self.figure.canvas.draw_idle()

    def _label(self, i: int) -> None:
        assert self._mask.energy is not None
        name = static.bin_title(self._mask.energy, i)
        self.slider.valtext.set_text(name)
        text = f"{name}: {percent_text(self._mask.planes[i])} kept"
        text = text if self._title is None else f"{self._title}\n{text}"
        self.ax.set_title(text, color=self._look.ink, fontsize=self._look.title_size)

    def to_html(self) -> str:
        """Return the pictures of all bins with a slider, as self-contained HTML.

        Returns
        -------
        str
            A ``<div>`` with the pictures as embedded PNG.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis, Mask
        >>> picture = Mask.full(energy=EnergyAxis([1, 10, 100] * u.GeV)).plot_interactive(figsize=(4, 3))
        >>> picture.to_html().count("<img")
        2
        """
        value = self.slider.val
        self.slider.ax.set_visible(False)
        pictures = []
        for i in range(len(self._paints)):
            self._show(i)
            png = BytesIO()
            self.figure.savefig(png, format="png", dpi=90)
            source = b64encode(png.getvalue()).decode()
            text = html.escape(self.ax.get_title(), quote=True)
            hidden = " hidden" if i != round(value) else ""
            pictures.append(f'<img{hidden} alt="{text}" style="max-width: 100%" src="data:image/png;base64,{source}"/>')
        self.slider.ax.set_visible(True)
        self._show(value)
        move = "this.parentElement.querySelectorAll('img').forEach((one, i) => {one.hidden = i != this.value})"
        return (
            f'<div class="hpmask">{"".join(pictures)}<br><input type="range" aria-label="energy bin" min="0" '
            f'max="{len(pictures) - 1}" value="{round(value)}" style="width: 60%" oninput="{move}"/></div>'
        )

    def _repr_html_(self) -> str | None:
        return None if _is_interactive() else self.to_html()


def plot_interactive(
    mask: MaskValue,
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
    figure: Figure | None = None,
    figsize: tuple[float, float] | None = None,
    **view: Any,
) -> BinPlot:
    """See `hpmask.Mask.plot_interactive`."""
    need_matplotlib()
    legend, style = as_flag(legend, "legend"), check_style(style)
    vector = None if vector is None else as_flag(vector, "vector")
    if mask.energy is None:
        raise ValueError("the mask has no energy bins to choose from: use plot")
    layers = [("kept", type(mask)(plane, frame=mask.frame)) for plane in mask.planes]
    if style is None:
        style = common_style(layers)
    first = 0 if energy is None else bin_at(mask, energy)
    overlay = ax is not None
    if ax is not None:
        ax = sky_axes(ax)
        static.check_overlay(ax, figure, figsize, view)
        if ax.figure.get_layout_engine() is None:
            ax.figure.subplots_adjust(bottom=max(ax.figure.subplotpars.bottom, _ROOM))
        look = Look.of(ax.figure)
    else:
        shown = View.of(mask, **view)
        figure = _figure(figure, figsize, shown)
        look = Look.of(figure)
        ax = shown.axes(figure, look=look)
    paints = [
        paint_of(
            mask,
            look,
            layers=[layer],
            style=style,
            kept=kept,
            excluded=excluded,
            edge=edge,
            label=label,
            alpha=alpha,
            overlay=overlay,
        )
        for layer in layers
    ]
    legends.add_entries(ax, paints[0], percent=False, number=0)
    picture = BinPlot(mask, ax, _slider(ax, mask, first, look), paints, title, look, vector)
    if legend:
        where = {"loc": "lower right"} if overlay or not shown.is_all_sky else {"loc": "upper center", **_BELOW}
        ax.legend(fontsize=look.legend_size, **where)
    return picture


def _slider(ax: Any, mask: MaskValue, first: int, look: Look) -> Slider:
    from matplotlib.widgets import Slider

    place = ax.figure.add_axes((0.2, 0.02, 0.5, 0.04))
    last = len(mask.planes) - 1
    # A slider of length 0 is not allowed.
    slider = Slider(place, "energy", 0, max(last, 0.5), valinit=first, valstep=range(last + 1), color=look.ink)
    for text in (slider.label, slider.valtext):
        text.set_color(look.ink)
        text.set_fontsize(look.tick_size)
    return slider


def _figure(figure: Figure | None, figsize: tuple[float, float] | None, shown: View) -> Figure:
    """The figure that was given, or a new one, with room for the slider."""
    all_sky = shown.wcs is None
    if figure is None:
        figsize = changed("figure.figsize") if figsize is None else figsize
        width, height = shown.figsize
        figure = _new_figure((width, height + (0.3 if all_sky else 0.6)) if figsize is None else figsize)
    elif figsize is not None:
        figure.set_size_inches(figsize)
    if figure.get_layout_engine() is None and all_sky:
        figure.subplots_adjust(left=0.06, right=0.94, top=0.91, bottom=_ROOM)
    elif figure.get_layout_engine() is None:
        figure.subplots_adjust(left=0.14, right=0.96, top=0.92, bottom=_ROOM + 0.02)
    return figure


def _new_figure(figsize: tuple[float, float]) -> Figure:
    if _is_interactive():
        from matplotlib import pyplot

        return pyplot.figure(figsize=figsize)  # type: ignore[no-any-return]
    from matplotlib.figure import Figure

    # A notebook would show a figure of pyplot's a second time.
    return Figure(figsize=figsize)


def _is_interactive() -> bool:
    """Whether the figures of matplotlib react to the mouse."""
    import matplotlib

    backend = str(matplotlib.get_backend()).lower()
    return not ("inline" in backend or backend in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"))
