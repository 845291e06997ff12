"""What pictures look like: styles, colours, and the sizes of text and lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from hpmask.core.rangeset import RangeSet
from hpmask.core.transform import reduce
from hpmask.core.value import MaskValue

__all__ = [
    "STYLES",
    "Look",
    "Paint",
    "changed",
    "check_style",
    "grid_style",
    "need_matplotlib",
    "paint_of",
    "paints_of",
]

STYLES = ("exclusion", "footprint", "outline")

KEPT = "#d5e6f1"
PARTLY = "#f2c48d"
EXCLUDED = "#b4482d"
# The same on a dark page.
DARK_KEPT = "#27404f"
DARK_PARTLY = "#d9b06b"
DARK_EXCLUDED = "#cc5530"
# Masks that share a picture: the colours of fills, of their edges, and of the edges on a dark page. The fills are those
# of P. Tol (SRON/EPS/TN/09-002, issue 3.2, 2021), chosen and ordered so that they differ also in grey and for people
# with colour-blindness, at the opacity of shared pictures. Where colours come again, hatches tell the masks apart.
PAIRS = (
    ("#4477aa", "#1d3f66", "#9cc3e6"),
    ("#eecc66", "#8a6a00", "#f5e0a0"),
    ("#dd7788", "#8f3044", "#f2b5bf"),
    ("#882255", "#4f0d2e", "#cf7fa6"),
)
HATCHES = (None, "////", "....", "\\\\\\\\", "xxxx")
LINES = ("solid", "dashed", "dashdot", "dotted")

# Opacity over an image, and of footprints and masks that share a picture.
OVERLAY = 0.5
SHARED = 0.75

# The width in inches of a picture in which text has the sizes of matplotlib's defaults.
_WIDTH = 7.5
_SMALLEST, _LARGEST = 0.6, 4.0
# Text shrinks less than small pictures, and least beside others.
_POWER, _GRID_POWER = 0.45, 0.25

Rgba = tuple[float, float, float, float]
CLEAR: Rgba = (0.0, 0.0, 0.0, 0.0)


def need_matplotlib() -> None:
    """Raise an ImportError that names the extra, unless matplotlib is installed."""
    if not has_matplotlib():
        raise ImportError('pictures need matplotlib: pip install "hpmask[plot]"')


def has_matplotlib() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def check_style(style: Any) -> str | None:
    """`style`, checked."""
    if style is not None and style not in STYLES:
        raise ValueError(f"style must be 'exclusion', 'footprint' or 'outline', got {style!r}")
    return None if style is None else str(style)


def changed(key: str) -> Any:
    """A parameter of matplotlib (rcParams) if the user or a style sheet changed it, or else None."""
    from matplotlib import rcParams, rcParamsDefault

    return rcParams[key] if rcParams[key] != rcParamsDefault[key] else None


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of text and sizes that fit a picture: those of rcParams, or where these are defaults, scaled with it."""

    ink: Any
    page: Any
    width: float
    scale: float
    tick_size: float
    label_size: float
    title_size: float
    legend_size: float
    is_dark: bool

    @classmethod
    def of(cls, figure: Any, *, columns: int = 1, label_size: float | None = None) -> Look:
        """The look of pictures in a figure or subfigure, side by side in some columns."""
        from matplotlib import rcParams
        from matplotlib.colors import to_rgba

        whole = getattr(figure, "figure", figure)
        width = figure.bbox.width / whole.dpi / columns
        scale = width / _WIDTH
        scale = min(
            _LARGEST, max(_SMALLEST, scale if scale > 1 else scale ** (_POWER if columns == 1 else _GRID_POWER))
        )
        page = next(
            (color for color in (figure.get_facecolor(), whole.get_facecolor()) if to_rgba(color)[3] > 0),
            rcParams["figure.facecolor"],
        )
        tick = _size("xtick.labelsize", scale)
        return cls(
            ink=rcParams["text.color"],
            page=page,
            width=width,
            scale=scale,
            tick_size=0.9 * tick if label_size is None else label_size,
            label_size=_size("axes.labelsize", scale) if label_size is None else label_size + 1,
            title_size=_size("axes.titlesize", scale),
            legend_size=_size("legend.fontsize", scale),
            is_dark=luminance(page) < 0.2,
        )

    def halo(self) -> list[Any]:
        """A border around text, in the colour of the page, that makes it readable on any fill."""
        from matplotlib.patheffects import withStroke

        return [withStroke(linewidth=2 * self.scale, foreground=self.page, alpha=0.85)]


def _size(key: str, scale: float) -> float:
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    size = FontProperties(size=rcParams[key]).get_size_in_points()
    return float(size if changed(key) is not None or changed("font.size") is not None else size * scale)


def grid_style(look: Look) -> dict[str, Any]:
    """The options of the lines of a grid of coordinates."""
    width, alpha = changed("grid.linewidth"), changed("grid.alpha")
    return {
        "color": changed("grid.color") or look.ink,
        "alpha": 0.25 if alpha is None else alpha,
        "linewidth": 0.6 * look.scale if width is None else width,
        "linestyle": changed("grid.linestyle") or "solid",
    }


def luminance(colour: Any) -> float:
    """The relative luminance of a colour, 0 to 1 (WCAG 2.1: that of sRGB)."""
    from matplotlib.colors import to_rgb

    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def rgba(colour: Any, alpha: float = 1.0) -> Rgba:
    """A colour of matplotlib as RGBA, with its own opacity times `alpha`. None is clear, as "none"."""
    from matplotlib.colors import to_rgba

    try:
        red, green, blue, opacity = to_rgba("none" if colour is None else colour)
    except ValueError:
        raise ValueError(f"kept, excluded and edge must be colours like 'red' or '#ffcc00', got {colour!r}") from None
    return (red, green, blue, opacity * alpha)


def _comparable(colour: Any) -> Any:
    """A colour as a value that can be compared: an array as a tuple."""
    value = colour.tolist() if isinstance(colour, np.ndarray) else colour
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Paint:
    """How one mask is painted: its layers with names and colours, the colour of excluded sky, and its edge."""

    style: str
    mask: MaskValue
    layers: list[tuple[str, MaskValue]]
    colours: list[Rgba]
    edge: Rgba = CLEAR
    linestyle: str = "solid"
    hatch: str | None = None
    label: str | None = None

    @property
    def shape(self) -> MaskValue:
        """The sky that the picture is about, without energy: what is kept in some bin, or what is excluded in all."""
        plane = RangeSet.union_all([layer.planes[0] for _, layer in self.layers])
        return type(self.mask)(~plane if self.style == "exclusion" else plane, frame=self.mask.frame)


def layers_of(mask: MaskValue, energy: u.Quantity | str | None) -> list[tuple[str, MaskValue]]:
    """The name and the sky of each colour except that of excluded sky."""
    cls = type(mask)
    if energy is not None:
        return [("kept", cls(mask.planes[bin_at(mask, energy)], frame=mask.frame))]
    if len({id(plane) for plane in mask.planes}) == 1:
        return [("kept", cls(mask.planes[0], frame=mask.frame))]
    always = reduce(mask, "all")
    return [("kept in all bins", always), ("kept in some bins", reduce(mask, "any") - always)]


def bin_at(mask: MaskValue, energy: u.Quantity | str) -> int:
    """The bin of a mask that contains an energy."""
    if mask.energy is None:
        raise ValueError("energy is given, but the mask has no energy bins")
    number = np.atleast_1d(mask.energy.bin_of(energy))
    if number.size != 1 or number[0] < 0:
        raise ValueError(f"energy must lie in one of the bins of {mask.energy}, got {energy}")
    return int(number[0])


def common_style(bins: list[tuple[str, MaskValue]]) -> str:
    """One style for all bins of a mask: that of the mean."""
    mean = sum(sky.planes[0].sky_fraction for _, sky in bins) / len(bins)
    return "exclusion" if mean > 0.5 else "footprint"


def style_of(layers: list[tuple[str, MaskValue]]) -> str:
    """The style that fits: an exclusion mask keeps more than half of the sky, a footprint keeps less."""
    return "exclusion" if sum(layer.planes[0].sky_fraction for _, layer in layers) > 0.5 else "footprint"


def paint_of(
    mask: MaskValue,
    look: Look,
    *,
    style: str | None = None,
    energy: u.Quantity | str | None = None,
    layers: list[tuple[str, MaskValue]] | None = None,
    kept: Any = None,
    excluded: Any = None,
    edge: Any = None,
    label: str | None = None,
    alpha: float | None = None,
    shared: bool = False,
    overlay: bool = False,
    number: int = 0,
) -> Paint:
    """How to paint a mask.

    Parameters
    ----------
    mask : MaskValue
        The mask.
    look : Look
        The look of the picture.
    style, energy, kept, excluded, edge, label, alpha
        The options of `hpmask.Mask.plot`.
    layers : list of (str, MaskValue), optional
        What is painted, if it is not the whole mask.
    shared : bool, optional
        Whether the picture shows several masks.
    overlay : bool, optional
        Whether it is drawn over something else.
    number : int, optional
        Its number among the masks of a picture, which gives the colours.
    """
    if alpha is not None and not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be from 0 to 1, got {alpha}")
    kept, excluded, edge = (_comparable(colour) for colour in (kept, excluded, edge))
    layers = layers_of(mask, energy) if layers is None else layers
    style = style_of(layers) if style is None else style
    clear = shared or overlay
    fill, light_edge, dark_edge = PAIRS[number % len(PAIRS)]
    own_edge = dark_edge if look.is_dark else light_edge
    if alpha is None:
        alpha = OVERLAY if overlay and not shared else SHARED if shared or style == "footprint" else 1.0
    hatch, linestyle = HATCHES[number // len(PAIRS) % len(HATCHES)], "solid"
    partly: str | None = DARK_PARTLY if look.is_dark else PARTLY
    line: Any = "none"
    if style == "exclusion":
        first = kept
        if kept is None and not clear:
            first = DARK_KEPT if look.is_dark else KEPT
        outer = excluded
        if excluded is None:
            outer = fill if shared else DARK_EXCLUDED if look.is_dark else EXCLUDED
        line = "none" if not shared else own_edge if excluded is None else excluded
    elif style == "footprint":
        first, outer = (fill if kept is None else kept), excluded
        line = own_edge if kept is None else kept
    else:
        # One colour is that of the lines.
        first = outer = partly = None
        given = [colour for colour in (kept, excluded) if colour not in (None, "none")]
        line = given[0] if given else own_edge
        linestyle, hatch = LINES[number // len(PAIRS) % len(LINES)], None
    colours = [rgba(first, alpha), rgba(None if kept == "none" else partly, alpha)][: len(layers)]
    colours.append(rgba(outer, alpha))
    if edge is not None:
        line = edge
    return Paint(style, mask, layers, colours, rgba(line), linestyle, hatch, label)


def paints_of(
    masks: Mapping[str, MaskValue],
    look: Look,
    *,
    numbers: list[int],
    kept: Any = None,
    excluded: Any = None,
    edge: Any = None,
    **options: Any,
) -> list[Paint]:
    """How to paint several masks in one picture, each named by its key."""
    each = [
        of_each(value, list(masks), name) for value, name in ((kept, "kept"), (excluded, "excluded"), (edge, "edge"))
    ]
    return [
        paint_of(mask, look, kept=a, excluded=b, edge=c, label=name, number=number, shared=True, **options)
        for (name, mask), number, a, b, c in zip(masks.items(), numbers, *each, strict=True)
    ]


def of_each(colours: Any, names: list[str], argument: str) -> list[Any]:
    """The colour of each mask, from one colour for all, a list of colours, or a mapping by names."""
    from matplotlib.colors import is_color_like

    if isinstance(colours, Mapping):
        unknown = [name for name in colours if name not in names]
        if unknown:
            raise ValueError(f"{argument} has a colour for {unknown[0]!r}, but the masks are {', '.join(names)}")
        return [colours.get(name) for name in names]
    if colours is None or is_color_like(colours) or isinstance(colours, str):
        return [colours] * len(names)
    given = list(colours)
    if len(given) != len(names):
        raise ValueError(f"{argument} must have one colour for each of the {len(names)} masks, got {len(given)}")
    return given
