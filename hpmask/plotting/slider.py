"""Pictures of a mask's energy bins, with a slider that goes from bin to bin."""

from __future__ import annotations

import html
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

from astropy import units as u

from hpmask._utils.words import percent_text
from hpmask.core.value import MaskValue
from hpmask.plotting import static

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.figure import Figure
    from matplotlib.widgets import Slider

__all__ = ["BinPlot", "plot_interactive"]


# Part of the figure's height that the slider and the labels above it need.
_ROOM = 0.18


class BinPlot:
    """What `plot_interactive` drew.

    It lives as long as its figure, so that it need not be kept. In a notebook whose pictures do not move, it shows a
    slider of its own, with a picture for each bin.

    Attributes
    ----------
    ax : `~astropy.visualization.wcsaxes.WCSAxes`
        The picture.
    slider : `matplotlib.widgets.Slider`
        The slider; its value is the number of the bin.
    """

    def __init__(self, mask: MaskValue, ax: WCSAxes, slider: Slider, colours: list[tuple[float, ...]]) -> None:
        self.ax = ax
        self.slider = slider
        self._mask = mask
        self._bins = list(mask)
        self._colours = colours
        self._artist = static.draw_image(ax, self._bins[:1], colours)
        self._label(0)
        slider.on_changed(self._show)
        # matplotlib knows sliders by weak references only.
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
        self.ax.set_title(f"{name}: {percent_text(self._mask.planes[i])} kept", color=static.INK, fontsize=12)

    def to_html(self) -> str:
        """The pictures of all bins with a slider, as a piece of HTML that needs nothing else."""
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
    frame: str | None = None,
    center: u.Quantity | str | None = None,
    projection: str = "MOL",
    kept: Any = None,
    excluded: Any = None,
    alpha: float | None = None,
    figure: Figure | None = None,
) -> BinPlot:
    """Draw an energy bin of a mask, with a slider that goes to the others.

    After a zoom the next move of the slider draws in full detail.

    Parameters
    ----------
    mask : Mask
        A mask with energy bins.
    ax : `~astropy.visualization.wcsaxes.WCSAxes`, optional
        Axes with a projection to draw over, such as those of gammapy's ``Map.plot``; the slider goes below. By default
        the whole sky is drawn.
    frame, center, projection, kept, excluded, alpha, figure
        As in `hpmask.plotting.static.plot`.

    Returns
    -------
    BinPlot
        With the axes, the figure and the slider. Where windows and notebooks are interactive (``%matplotlib widget``)
        matplotlib's slider is at work; other notebooks show a picture for each bin with a slider in HTML.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `ax` has no sky projection.
    ValueError
        If the mask has no energy bins.

    Examples
    --------
    >>> from astropy import units as u
    >>> from hpmask import EnergyAxis, Mask
    >>> mask = Mask.full(energy=EnergyAxis([1, 10, 100] * u.GeV))
    >>> picture = mask.plot_interactive()
    >>> picture.slider.set_val(1)
    >>> picture.ax.get_title()
    '10-100 GeV: 100 % kept'
    """
    static.need_matplotlib()
    if mask.energy is None:
        raise ValueError("the mask has no energy bins to go through: plot draws it")
    if ax is None:
        figure = _new_figure() if figure is None else figure
        if figure.get_layout_engine() is None:
            figure.subplots_adjust(left=0.03, right=0.97, top=0.93, bottom=0.1)
    over = ax is not None
    ax, kept, alpha = static.canvas(
        mask, ax, figure, frame=frame, center=center, projection=projection, kept=kept, alpha=alpha
    )
    if over and ax.figure.get_layout_engine() is None:
        ax.figure.subplots_adjust(bottom=max(ax.figure.subplotpars.bottom, _ROOM))
    colours = static.layer_colours(1, kept, static.EXCLUDED if excluded is None else excluded, alpha)
    ax.legend(
        handles=static.patches([("kept", mask[0])], colours, percent=False),
        loc="lower right",
        labelcolor=static.INK,
    )
    return BinPlot(mask, ax, _slider(ax, mask), colours)


def _slider(ax: Any, mask: MaskValue) -> Slider:
    from matplotlib.widgets import Slider

    place = ax.figure.add_axes((0.2, 0.02, 0.5, 0.04))
    last = len(mask.planes) - 1
    # A slider must have a length.
    slider = Slider(place, "energy", 0, max(last, 0.5), valinit=0, valstep=range(last + 1), color=static.INK)
    for text in (slider.label, slider.valtext):
        text.set_color(static.INK)
    return slider


def _new_figure() -> Figure:
    if _is_interactive():
        from matplotlib import pyplot

        return pyplot.figure(figsize=(10, 6), dpi=120)  # type: ignore[no-any-return]
    from matplotlib.figure import Figure

    # Not pyplot's: a notebook would show it once more.
    return Figure(figsize=(10, 6), dpi=120)


def _is_interactive() -> bool:
    """Whether matplotlib draws to something that answers to the mouse."""
    import matplotlib

    backend = str(matplotlib.get_backend()).lower()
    return not ("inline" in backend or backend in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"))
