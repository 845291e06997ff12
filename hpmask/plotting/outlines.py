"""Edges of masks on axes, as lines that are computed when they are drawn, and hatches over their sky."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask.core.value import MaskValue
from hpmask.plotting.charts import chart_of, sky_axes
from hpmask.plotting.raster import Colours, as_bytes, clip, draw_image, paint, state_of, window_of
from hpmask.plotting.vector import FlatPath, NoPaths, paths_of, rounded

__all__ = ["draw_outlines", "draw_paths", "sky_lines_class"]


def draw_paths(
    ax: Any, layers: list[MaskValue], colours: Colours, *, edges: Any = None, frame: str | None = None
) -> Any:
    """Draw masks as paths on the screen, too, and their edges.

    `edges` is a colour for the edges of all layers, or a list with a colour or None for each. The other parameters, the
    result and the errors are those of `draw_image` with ``vector=True``.
    """
    made = draw_image(ax, layers, colours, frame, vector=True)
    if edges is not None:
        every = edges if isinstance(edges, list) else [edges] * len(layers)
        for layer, colour in zip(layers, every, strict=True):
            if colour is not None:
                draw_outlines(ax, layer, color=colour, frame=frame)
    return made


def draw_outlines(
    ax: Any,
    mask: MaskValue,
    *,
    color: Any,
    linewidth: float = 1.0,
    linestyle: Any = "solid",
    hatch: str | None = None,
    alpha: float | None = None,
    frame: str | None = None,
) -> list[Any]:
    """Draw the edges of a mask without energy, and a hatch over its sky. Limits of the axes stay as they are.

    Edges run along the sides of cells. Those of a mask with very many cells are drawn with cells of the size of the
    screen's pixels.

    Parameters
    ----------
    ax : matplotlib axes
        As in `hpmask.plotting.raster.draw_image`.
    mask : Mask
        A mask without energy.
    color : colour of matplotlib
        Colour of lines and hatch.
    linewidth : float, optional
        In points.
    linestyle : str or tuple, optional
        As in matplotlib.
    hatch : str, optional
        As in matplotlib.
    alpha : float, optional
        Opacity, 0 to 1.
    frame : str, optional
        Frame of axes that do not know theirs, by default that of the mask.

    Returns
    -------
    list of `~matplotlib.artist.Artist`
        The artists.
    """
    ax = sky_axes(ax)
    made = sky_lines_class()(ax, mask, mask.frame if frame is None else frame)
    made.set(facecolor="none", edgecolor=color, linewidth=linewidth, linestyle=linestyle, hatch=hatch, alpha=alpha)
    ax.add_artist(made)
    made.set_clip_path(ax.patch)
    return [made]


@cache
def sky_lines_class() -> type:
    """The class of the artist. It is made when matplotlib is needed first."""
    from matplotlib.patches import Patch
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox, IdentityTransform

    class SkyLines(Patch):
        """The edges of a mask, which are computed when they are drawn.

        Parameters
        ----------
        ax : matplotlib axes
            Axes that show the sky.
        mask : Mask
            A mask without energy.
        frame : str
            Frame of axes that do not know theirs.
        """

        axes: Any
        _dash_pattern: Any

        def __init__(self, ax: Any, mask: MaskValue, frame: str) -> None:
            chart_of(ax, frame)
            super().__init__(fill=False)
            self.set_zorder(0.6)
            # Corners of cells are sharp, and ends of lines meet the border.
            self.set_joinstyle("round")
            self._mask = mask
            self._frame = frame
            self._kept: tuple[Any, FlatPath | None] | None = None

        def __getstate__(self) -> dict[str, Any]:
            state: Any = super().__getstate__()
            return {**state, "_kept": None}

        def get_path(self) -> Any:
            """The path in the present view, in the plane of the axes' projection."""
            path = self._path()
            return Path(np.zeros((0, 2))) if path is None else path.lines()

        def get_transform(self) -> Any:
            """From the plane of the projection to the screen."""
            return IdentityTransform() if self.axes is None else chart_of(self.axes, self._frame).to_display

        def get_window_extent(self, renderer: Any = None) -> Any:
            """The box of the axes."""
            return Bbox(self.axes.bbox.get_points())

        def contains(self, mouseevent: Any, radius: float | None = None) -> tuple[bool, dict[str, Any]]:
            """False: it does not answer to the mouse."""
            return False, {}

        def draw(self, renderer: Any) -> None:
            """Compute the lines for the present view, and draw them."""
            if not self.get_visible():
                return
            path = self._path()
            if path is None:
                self._draw_pixels(renderer)
                self.stale = False
                return
            to_display = self.get_transform()
            is_file = renderer.option_scale_image()

            def finished(some: Any) -> tuple[Any, Any]:
                return (rounded(some), IdentityTransform()) if is_file else (some, to_display)

            into = to_display if is_file else None
            gc = renderer.new_gc()
            clip(self, gc)
            gc.set_url(self.get_url())
            gc.set_alpha(self.get_alpha())
            gc.set_snap(False)
            gc.set_foreground(self.get_edgecolor(), isRGBA=True)
            if self.get_hatch():
                gc.set_linewidth(0)
                gc.set_hatch(self.get_hatch())
                gc.set_hatch_color(self.get_edgecolor())
                if hasattr(gc, "set_hatch_linewidth"):  # since matplotlib 3.10
                    gc.set_hatch_linewidth(self.get_hatch_linewidth())
                renderer.draw_path(gc, *finished(path.fill(into)), None)
                gc.set_hatch(None)
            if self.get_linewidth() > 0:
                gc.set_linewidth(self.get_linewidth())
                gc.set_dashes(*self._dash_pattern)
                gc.set_joinstyle(self.get_joinstyle())
                gc.set_capstyle(self.get_capstyle())
                renderer.draw_path(gc, *finished(path.lines(into)), None)
            gc.restore()
            self.stale = False

        def _path(self) -> FlatPath | None:
            """The edges in the present view, or None if the map cannot be cut along lines."""
            chart = chart_of(self.axes, self._frame)
            key = (tuple(self.axes.bbox.extents), *state_of(chart))
            if self._kept is None or self._kept[0] != key:
                try:
                    (path,) = paths_of(self.axes, [(self._mask, self._mask.planes[0])], self._frame, coarsen=True)
                except NoPaths:
                    path = None
                self._kept = (key, path)
            return self._kept[1]

        def _draw_pixels(self, renderer: Any) -> None:
            """The pixels that the edges pass, on a map whose cuts are not known."""
            scale = renderer.get_image_magnification()
            window = window_of(self.axes.bbox, scale)
            chart = chart_of(self.axes, self._frame)
            # Sky in the mask, sky outside, and no sky have different values.
            shades = paint(chart, [self._mask], [(1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0)], window, 1 / scale)
            inside, sky = shades[..., 0], shades[..., 3] == 1
            edge = (inside > 0) & (inside < 1) & sky
            for axis in (0, 1):
                near, far = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(None, -1),)
                edge[near] |= (np.abs(inside[near] - inside[far]) > 0.5) & sky[near] & sky[far]
            wide = max(0, round(0.5 * (self.get_linewidth() * self.axes.figure.dpi / 72 * scale - 1)))
            image = np.zeros((*edge.shape, 4), dtype=np.float32)
            image[_widened(edge, wide)] = self.get_edgecolor()
            gc = renderer.new_gc()
            clip(self, gc)
            renderer.draw_image(gc, window[0] / scale, window[1] / scale, as_bytes(image))
            gc.restore()

    SkyLines.__qualname__ = "SkyLines"
    return SkyLines


def __getattr__(name: str) -> Any:
    if name == "SkyLines":
        return sky_lines_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _widened(edge: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Pixels within some steps of True ones, along rows and columns."""
    for _ in range(steps):
        wider = edge.copy()
        wider[1:] |= edge[:-1]
        wider[:-1] |= edge[1:]
        wider[:, 1:] |= edge[:, :-1]
        wider[:, :-1] |= edge[:, 1:]
        edge = wider
    return edge
