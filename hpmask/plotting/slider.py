"""Pictures of the energy bins of a mask, with a slider to choose the bin."""

from __future__ import annotations

import html
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

from hpmask._utils.arguments import as_flag
from hpmask._utils.words import percent_text
from hpmask.core.value import MaskValue
from hpmask.plotting import static

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.figure import Figure
    from matplotlib.widgets import Slider

__all__ = ["BinPlot", "plot_interactive"]


# The fraction of the figure's height that the slider and the labels above it need.
_ROOM = 0.18


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
    colours : list of (float, float, float, float)
        Two colours as RGBA, 0 to 1: of the sky that is kept, and of the excluded sky.
    title : str, optional
        A line above the name of the bin.

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
        self, mask: MaskValue, ax: WCSAxes, slider: Slider, colours: list[tuple[float, ...]], title: str | None = None
    ) -> None:
        self.ax = ax
        self.slider = slider
        self._mask = mask
        self._bins = list(mask)
        self._colours = colours
        self._title = title
        self._artist = static.draw_image(ax, self._bins[:1], colours)
        self._label(0)
        slider.on_changed(self._show)
        # matplotlib has only weak references to sliders.
        slider.ax._hpmask_plot = self  # type: ignore[attr-defined]

    @property
    def figure(self) -> Figure:
        """The figure."""
        return self.ax.figure  # type: ignore[no-any-return]

    def _show(self, value: float) -> None:
        i = min(max(round(value), 0), len(self._bins) - 1)
        static.redraw_image(self.ax, self._artist, [self._bins[i]], self._colours)
        self._label(i)
        self.figure.canvas.draw_idle()

    def _label(self, i: int) -> None:
        assert self._mask.energy is not None
        name = static.bin_title(self._mask.energy, i)
        self.slider.valtext.set_text(name)
        text = f"{name}: {percent_text(self._mask.planes[i])} kept"
        self.ax.set_title(text if self._title is None else f"{self._title}\n{text}", color=static.INK, fontsize=12)

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
        for i in range(len(self._bins)):
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
    kept: Any = None,
    excluded: Any = None,
    alpha: float | None = None,
    legend: bool = True,
    title: str | None = None,
    figure: Figure | None = None,
    figsize: tuple[float, float] | None = None,
    **view: Any,
) -> BinPlot:
    """See `hpmask.Mask.plot_interactive`."""
    static.need_matplotlib()
    legend = as_flag(legend, "legend")
    if mask.energy is None:
        raise ValueError("the mask has no energy bins to choose from: use plot")
    if ax is not None:
        static.check_overlay(ax, figure, figsize, view)
        if ax.figure.get_layout_engine() is None:
            ax.figure.subplots_adjust(bottom=max(ax.figure.subplotpars.bottom, _ROOM))
        alpha = static.OVERLAY if alpha is None else alpha
    else:
        shown = static.View.of(mask, **view)
        figure = _figure(figure, figsize, shown)
        ax = shown.axes(figure)
        kept = static.KEPT if kept is None else kept
        alpha = 1.0 if alpha is None else alpha
    colours = static.layer_colours(1, kept, static.EXCLUDED if excluded is None else excluded, alpha)
    if legend:
        handles = static.patches([("kept", mask[0])], colours, percent=False)
        ax.legend(handles=handles, loc="lower right", labelcolor=static.INK)
    return BinPlot(mask, ax, _slider(ax, mask), colours, title)


def _slider(ax: Any, mask: MaskValue) -> Slider:
    from matplotlib.widgets import Slider

    place = ax.figure.add_axes((0.2, 0.02, 0.5, 0.04))
    last = len(mask.planes) - 1
    # A slider of length 0 is not allowed.
    slider = Slider(place, "energy", 0, max(last, 0.5), valinit=0, valstep=range(last + 1), color=static.INK)
    for text in (slider.label, slider.valtext):
        text.set_color(static.INK)
    return slider


def _figure(figure: Figure | None, figsize: tuple[float, float] | None, shown: static.View) -> Figure:
    """The figure that was given, or a new one, with room for the slider."""
    all_sky = shown.wcs is None
    if figure is None:
        width, height = shown.figsize
        figure = _new_figure((width, height + (0.2 if all_sky else 0.6)) if figsize is None else figsize)
    elif figsize is not None:
        figure.set_size_inches(figsize)
    if figure.get_layout_engine() is None and all_sky:
        figure.subplots_adjust(left=0.03, right=0.97, top=0.93, bottom=0.1)
    elif figure.get_layout_engine() is None:
        figure.subplots_adjust(left=0.14, right=0.96, top=0.92, bottom=_ROOM + 0.02)
    return figure


def _new_figure(figsize: tuple[float, float]) -> Figure:
    if _is_interactive():
        from matplotlib import pyplot

        return pyplot.figure(figsize=figsize, dpi=static.DPI)  # type: ignore[no-any-return]
    from matplotlib.figure import Figure

    # A notebook would show a figure of pyplot's a second time.
    return Figure(figsize=figsize, dpi=static.DPI)


def _is_interactive() -> bool:
    """Whether the figures of matplotlib react to the mouse."""
    import matplotlib

    backend = str(matplotlib.get_backend()).lower()
    return not ("inline" in backend or backend in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"))
