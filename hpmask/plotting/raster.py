"""The sky on axes as an image, which is computed when it is drawn: sharp after a zoom, a resize, and at any dpi.

The picture is an artist of matplotlib. Each time that it is drawn, it takes the pixels of the renderer, finds their
positions on the sky and looks these up in the masks. What has not changed since the last time is used again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from hpmask.core import lookup
from hpmask.core.value import MaskValue
from hpmask.plotting.charts import Chart, chart_of, sky_axes
from hpmask.plotting.vector import FlatPath, NoPaths, fill_layers, paths_of, rounded

__all__ = ["as_bytes", "clip", "draw_image", "paint", "redraw_image", "sky_image_class", "state_of", "window_of"]

Floats = NDArray[np.float64]
Colours = Sequence[tuple[float, ...]]
# The first pixel in units of pixels, and the numbers of pixels: x0, y0, nx, ny.
Window = tuple[float, float, int, int]

# The positions of the pixels of axes with several images, one after the other of which needs them.
_shared_grids: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()

# Samples per pixel along each axis. Their mean makes smooth edges.
_SAMPLES = 2
# Pixels in one step, to save memory.
_STEP = 400_000
# Where longitudes of neighbouring pixels differ by more than this, in radians, samples are not interpolated.
_STEEP = 0.02
# Least dots per inch of the image in a file of vectors.
_FILE_DPI = 200
# While the view changes, a picture that takes longer than this (in seconds) is drawn coarsely, until the view has
# rested for the time of `_REST`.
_SLOW = 0.06
_REST = 0.25
_COARSE = 3


def draw_image(
    ax: Any, layers: list[MaskValue], colours: Colours, frame: str | None = None, *, vector: bool | None = None
) -> Any:
    """Draw masks without energy, and the sky outside all of them. Limits of the axes stay as they are.

    Parameters
    ----------
    ax : matplotlib axes
        One of those that `hpmask.plotting.charts.chart_of` takes.
    layers : list of Mask
        Masks without energy. A later one lies over those before it.
    colours : list of (float, float, float, float)
        The colour of each as RGBA, 0 to 1, and at the end that of the sky outside all of them.
    frame : str, optional
        Frame of axes that do not know theirs, by default that of the first mask.
    vector : bool, optional
        Whether to draw paths in place of an image. By default, paths in files of vectors (PDF, SVG, PS) where they are
        not too many, and an image elsewhere.

    Returns
    -------
    SkyImage
        The artist.

    Raises
    ------
    TypeError
        If axes of this kind show no sky.
    ValueError
        If `vector` is True and the picture cannot be drawn as paths.
    """
    ax = sky_axes(ax)
    made = sky_image_class()(ax, layers, colours, layers[0].frame if frame is None else frame, vector)
    ax.add_image(made)
    made.set_clip_path(ax.patch)
    return made


def redraw_image(ax: Any, artist: Any, layers: list[MaskValue], colours: Colours) -> None:
    """Show other masks in the artist that `draw_image` made."""
    artist.set_layers(layers, colours)


def paint(
    chart: Chart,
    layers: list[MaskValue],
    colours: Colours,
    window: Window,
    step: float = 1.0,
    samples: int = _SAMPLES,
    shared: dict[Any, _Grid] | None = None,
) -> NDArray[np.float32]:
    """The colours of pixels of the screen.

    Parameters
    ----------
    chart : Chart
        The sky on the axes.
    layers, colours
        As in `draw_image`.
    window : (float, float, int, int)
        The lower left corner of the first pixel and the numbers of pixels, in units of pixels of the picture.
    step : float, optional
        The size of a pixel of the picture in pixels of the screen.
    samples : int, optional
        Samples of a pixel along each axis.
    shared : dict, optional
        The positions of the last picture on the same axes, which are used again if they are those of this one.

    Returns
    -------
    numpy.ndarray of float32, shape (ny, nx, 4)
        RGBA from 0 to 1, the lowest row first. Pixels outside the sky are clear.
    """
    x0, y0, nx, ny = window
    image = np.empty((ny, nx, 4), dtype=np.float32)
    back = chart.to_display.inverted()
    places = [((j + 0.5) / samples - 0.5, (i + 0.5) / samples - 0.5) for i, j in np.ndindex(samples, samples)]
    n_colours = len(colours) + 1
    palette = _palette(colours, len(places))
    rows = max(2, _STEP // nx)
    for start in range(0, ny, rows):
        stop = min(ny, start + rows)
        # One row and column more on each side, for differences.
        x = (x0 + np.arange(-1, nx + 1, dtype=np.float64) + 0.5) * step
        y = (y0 + np.arange(start - 1, stop + 1, dtype=np.float64) + 0.5) * step
        grid = _shared_grid(chart, back, x, y, step, shared if rows >= ny else None)
        code = np.zeros((stop - start, nx), dtype=np.intp)
        for place in places:
            code *= n_colours
            code += _numbers(chart, layers, *grid.at(*place))
        if palette is not None:
            np.take(palette, code, axis=0, out=image[start:stop])
        else:
            image[start:stop] = _mean_of(colours, code, len(places))
    return image


# Mixtures of colours that are computed beforehand.
_MIXTURES = 1 << 16


def _palette(colours: Colours, n_samples: int) -> NDArray[np.float32] | None:
    """The colours of all mixtures of samples, or None if there are too many."""
    count = (len(colours) + 1) ** n_samples
    return None if count > _MIXTURES else _mean_of(colours, np.arange(count), n_samples)


def _mean_of(colours: Colours, code: NDArray[np.intp], n_samples: int) -> NDArray[np.float32]:
    """The mean colours of samples, weighted by opacity. The digits of `code` are the samples' numbers."""
    table = np.array([*colours, (0.0,) * 4])
    # The colour of a clear sample does not count.
    table[:, :3] *= table[:, 3:]
    total = np.zeros((*code.shape, 4))
    for _ in range(n_samples):
        code, digit = np.divmod(code, len(table))
        total += table[digit]
    total /= n_samples
    alpha = total[..., 3:]
    np.divide(total[..., :3], alpha, out=total[..., :3], where=alpha > 0)
    return total.astype(np.float32)


def _shared_grid(chart: Chart, back: Any, x: Floats, y: Floats, step: float, shared: dict[Any, _Grid] | None) -> _Grid:
    """The positions of a grid: those in `shared` if they are the same, or else new ones, which replace them."""
    if shared is None:
        return _Grid(chart, back, x, y, step)
    key = (x[0], y[0], x.size, y.size, step, *state_of(chart))
    if key not in shared:
        shared.clear()
        shared[key] = _Grid(chart, back, x, y, step, remember=True)
    return shared[key]


class _Grid:
    """The positions of a grid of pixels, and of samples beside their centres.

    `x` and `y` are the centres, with one pixel more on each side, and `step` is their distance. `remember` keeps the
    samples' positions for the next time.
    """

    def __init__(self, chart: Chart, back: Any, x: Floats, y: Floats, step: float, *, remember: bool = False) -> None:
        self._found: dict[tuple[float, float], tuple[Floats, Floats]] | None = {} if remember else None
        self._chart, self._back, self._step = chart, back, step
        self._x, self._y = x[1:-1], y[1:-1]
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        self._lon, self._lat = (angle.reshape(y.size, x.size) for angle in chart.sky(back.transform(points)))
        self._slopes: tuple[Floats, ...] | None = None

    def at(self, dx: float, dy: float) -> tuple[Floats, Floats]:
        """Positions at a distance from the centres, in pixels along x and y."""
        if self._found is None:
            return self._computed(dx, dy)
        if (dx, dy) not in self._found:
            self._found[dx, dy] = self._computed(dx, dy)
        return self._found[dx, dy]

    def _computed(self, dx: float, dy: float) -> tuple[Floats, Floats]:
        lon, lat = self._lon[1:-1, 1:-1], self._lat[1:-1, 1:-1]
        if dx == dy == 0:
            return lon, lat
        if self._slopes is None:
            self._slopes = self._differences()
            lon_x, lon_y, lat_x, lat_y = self._slopes
            # Beside the rim, the poles and the seams, the differences are not known or not small.
            steep = np.maximum(np.abs(lon_x), np.abs(lon_y))
            steep += np.maximum(np.abs(lat_x), np.abs(lat_y))
            smooth = (steep < _STEEP) & (np.abs(lat) + steep < np.pi / 2)
            self._row, self._column = np.nonzero(~smooth)
        lon_x, lon_y, lat_x, lat_y = self._slopes
        new_lon, new_lat = lon + dx * lon_x, lat + dx * lat_x
        new_lon += dy * lon_y
        new_lat += dy * lat_y
        if self._row.size:
            x, y = self._x[self._column] + dx * self._step, self._y[self._row] + dy * self._step
            exact = self._chart.sky(self._back.transform(np.stack([x, y], axis=-1)))
            new_lon[self._row, self._column], new_lat[self._row, self._column] = exact
        return new_lon, new_lat

    def _differences(self) -> tuple[Floats, ...]:
        """The changes of longitude and latitude from pixel to pixel along x and y."""
        slopes = []
        for values in (self._lon, self._lat):
            slopes.append(values[1:-1, 2:] - values[1:-1, :-2])
            slopes.append(values[2:, 1:-1] - values[:-2, 1:-1])
        for change in slopes[:2]:
            jump = np.abs(change) > np.pi
            change[jump] -= np.copysign(2 * np.pi, change[jump])
        for change in slopes:
            change *= 0.5
        return tuple(slopes)


def _numbers(chart: Chart, layers: list[MaskValue], lon: Floats, lat: Floats) -> NDArray[np.integer]:
    """The number of the colour of each position: that of a layer, of the sky outside, or of no sky."""
    sky = np.isfinite(lon)
    whole = bool(sky.all())
    lon, lat = (lon.reshape(-1), lat.reshape(-1)) if whole else (lon[sky], lat[sky])
    positions = {}
    found: NDArray[np.integer] = np.full(lon.size, len(layers), dtype=np.uint8 if len(layers) < 254 else np.intp)
    for k, layer in enumerate(layers):
        if layer.frame not in positions:
            positions[layer.frame] = chart.positions(lon, lat, layer.frame)
        inside = lookup.contains(layer.planes, layer.order, None, positions[layer.frame], None, invalid="skip")
        found[inside] = k
    if whole:
        return found.reshape(sky.shape)
    numbers = np.full(sky.shape, len(layers) + 1, dtype=found.dtype)
    numbers[sky] = found
    return numbers


@cache
def sky_image_class() -> type:
    """The class of the artist. It is made when matplotlib is needed first."""
    from matplotlib.backend_bases import TimerBase
    from matplotlib.image import AxesImage
    from matplotlib.transforms import Affine2D, Bbox, IdentityTransform

    class SkyImage(AxesImage):
        """An image of masks that computes its pixels when it is drawn.

        Parameters
        ----------
        ax : matplotlib axes
            Axes that show the sky.
        layers, colours, frame, vector
            As in `draw_image`.
        """

        def __init__(
            self, ax: Any, layers: list[MaskValue], colours: Colours, frame: str, vector: bool | None = None
        ) -> None:
            # Raises for axes of another kind.
            chart_of(ax, frame)
            super().__init__(ax, interpolation="nearest", origin="lower")
            self.set_zorder(0.5)
            self._frame = frame
            self._layers, self._colours = list(layers), list(colours)
            self._version = 0
            self._kept: tuple[Any, Any] | None = None
            self._vector = vector
            self._paths: tuple[Any, Any] | None = None
            if vector:
                try:
                    self._make_paths()
                except NoPaths as error:
                    raise ValueError(
                        f"vector=True, but this picture cannot be drawn as paths: {error}. With vector=None, it is an "
                        "image where paths do not do"
                    ) from error
            self._view: Any = None
            self._viewed = self._cost = 0.0
            self._timer: Any = None

        def __getstate__(self) -> dict[str, Any]:
            state: Any = super().__getstate__()
            return {**state, "_kept": None, "_paths": None, "_view": None, "_timer": None}

        @property
        def layers(self) -> list[MaskValue]:
            """The masks."""
            return list(self._layers)

        @property
        def colours(self) -> list[tuple[float, ...]]:
            """The colours of the masks and of the sky outside them."""
            return list(self._colours)

        def set_layers(self, layers: list[MaskValue], colours: Colours) -> None:
            """Show other masks."""
            self._layers, self._colours = list(layers), list(colours)
            self._version += 1
            self.stale = True

        def get_array(self) -> NDArray[np.float32]:
            """The picture as it is on the screen now, shape (ny, nx, 4), the lowest row first."""
            self.axes.apply_aspect()
            return np.asarray(self._picture(window_of(self.axes.bbox, 1.0), 1.0))

        def get_size(self) -> tuple[int, int]:
            """The numbers of rows and columns."""
            _, _, nx, ny = window_of(self.axes.bbox, 1.0)
            return ny, nx

        def get_extent(self) -> tuple[float, float, float, float]:
            """The limits of the axes: left, right, bottom, top."""
            (left, right), (bottom, top) = sorted(self.axes.get_xlim()), sorted(self.axes.get_ylim())
            return left, right, bottom, top

        def get_window_extent(self, renderer: Any = None) -> Any:
            """The box of the axes."""
            return Bbox(self.axes.bbox.get_points())

        def get_cursor_data(self, event: Any) -> None:
            """Nothing: the colours have no numbers."""
            return

        def can_composite(self) -> bool:
            """Whether other images may be merged with it, which would fix its resolution."""
            return False

        def draw(self, renderer: Any) -> None:
            """Compute the pixels for the renderer's resolution, and draw them."""
            if not self.get_visible():
                self.stale = False
                return
            gc = renderer.new_gc()
            clip(self, gc)
            alpha = self.get_alpha()
            gc.set_alpha(1.0 if alpha is None else alpha)
            gc.set_url(self.get_url())
            gc.set_gid(self.get_gid())
            is_file = renderer.option_scale_image()
            if (self._vector or (self._vector is None and is_file)) and self._fill(renderer, gc, is_file):
                gc.restore()
                self.stale = False
                return
            scale = renderer.get_image_magnification()
            box = self.axes.bbox
            if is_file:
                # A file of vectors, whose unit is 1/72 inch. Its image has a resolution of its own.
                scale = max(scale, _FILE_DPI / 72)
                window = window_of(box, scale)
                image = as_bytes(self._picture(window, 1 / scale))
                turn = Affine2D().scale(window[2] / scale, window[3] / scale)
                renderer.draw_image(gc, window[0] / scale, window[1] / scale, image, turn)
            else:
                window = window_of(box, scale)
                coarse = self._coarseness(window)
                image = as_bytes(self._picture(window, 1 / scale, coarse))
                renderer.draw_image(gc, window[0], window[1], image)
            gc.restore()
            self.stale = False

        def _fill(self, renderer: Any, gc: Any, is_file: bool) -> bool:
            """Draw the masks as paths. Returns whether that is possible in the present view."""
            try:
                paths, to_display = self._make_paths()
            except NoPaths:
                return False
            gc.set_linewidth(0)
            gc.set_snap(False)
            alpha = self.get_alpha()
            for path, colour in paths:
                face = colour if alpha is None else (*colour[:3], colour[3] * alpha)
                if is_file:
                    renderer.draw_path(gc, rounded(path.fill(to_display)), IdentityTransform(), face)
                else:
                    renderer.draw_path(gc, path.fill(), to_display, face)
            return True

        def _make_paths(self) -> tuple[list[tuple[FlatPath, tuple[float, ...]]], Any]:
            """The paths in the present view, each with its colour, and their transformation to the screen."""
            chart = chart_of(self.axes, self._frame)
            key = (tuple(self.axes.bbox.extents), self._version, *state_of(chart))
            if self._paths is None or self._paths[0] != key:
                fills = fill_layers(self._layers, self._colours)
                sets = [(mask, plane) for mask, plane, _ in fills]
                made = paths_of(self.axes, sets, self._frame)
                self._paths = (key, [(path, colour) for path, (*_, colour) in zip(made, fills, strict=True)])
            return self._paths[1], chart.to_display

        def _picture(self, window: Window, step: float, coarse: int = 1) -> NDArray[np.float32]:
            """The colours of the pixels of a window, computed unless they are those of the last time."""
            chart = chart_of(self.axes, self._frame)
            key = (window, step, coarse, self._version, *state_of(chart))
            if self._kept is not None and self._kept[0] == key:
                return self._kept[1]  # type: ignore[no-any-return]
            began = time.perf_counter()
            if coarse == 1:
                several = sum(isinstance(other, SkyImage) for other in self.axes.images) > 1
                shared = _shared_grids.setdefault(self.axes, {}) if several else None
                image = paint(chart, self._layers, self._colours, window, step, shared=shared)
                self._cost = time.perf_counter() - began
            else:
                x0, y0, nx, ny = window
                small = (x0 / coarse, y0 / coarse, -(-nx // coarse), -(-ny // coarse))
                image = paint(chart, self._layers, self._colours, small, step * coarse, 1)
                image = image.repeat(coarse, axis=0).repeat(coarse, axis=1)[:ny, :nx]
            self._kept = (key, image)
            return image

        def _coarseness(self, window: Window) -> int:
            """1, or the size of the pixels while the view is being moved."""
            now = time.monotonic()
            view = (window, *state_of(chart_of(self.axes, self._frame)))
            moving = self._view is not None and view != self._view and now - self._viewed < _REST
            if view != self._view:
                self._view, self._viewed = view, now
            elif self._timer is not None and now - self._viewed < _REST:
                moving = True
            canvas = self.axes.figure.canvas
            if not moving or self._cost < _SLOW or canvas.is_saving():
                return 1
            if self._timer is None:
                self._timer = canvas.new_timer(interval=int(1000 * _REST))
                self._timer.single_shot = True
                self._timer.add_callback(self._rest)
            if type(self._timer) is TimerBase:
                # No event loop would draw the picture again.
                self._timer = None
                return 1
            self._timer.stop()
            self._timer.start()
            return _COARSE

        def _rest(self) -> None:
            """Draw the picture in full, after the view has come to rest."""
            self._timer = None
            self._viewed = 0.0
            if self.axes is not None:
                self.stale = True
                self.axes.figure.canvas.draw_idle()

    # A module attribute, so that figures can be pickled.
    SkyImage.__qualname__ = "SkyImage"
    return SkyImage


def __getattr__(name: str) -> Any:
    if name == "SkyImage":
        return sky_image_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def clip(artist: Any, gc: Any) -> None:
    """Clip what a renderer draws as an artist is clipped."""
    if artist.get_clip_on():
        if artist.get_clip_box() is not None:
            gc.set_clip_rectangle(artist.get_clip_box())
        gc.set_clip_path(artist.get_clip_path())


def window_of(box: Any, scale: float) -> Window:
    """The pixels that cover a box of the screen."""
    x0, y0, x1, y1 = (value * scale for value in box.extents)
    left, bottom = np.floor(x0 + 1e-6), np.floor(y0 + 1e-6)
    return float(left), float(bottom), max(1, int(np.ceil(x1 - left - 1e-6))), max(1, int(np.ceil(y1 - bottom - 1e-6)))


def state_of(chart: Chart) -> tuple[Any, ...]:
    """What a picture depends on besides its pixels and its masks."""
    if chart.to_display.is_affine:
        return chart.key, chart.to_display.get_matrix().tobytes()
    corners = chart.to_display.transform([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.7, 0.4]])
    return chart.key, corners.tobytes()


def as_bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(255 * image), dtype=np.uint8)
