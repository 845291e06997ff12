"""Pictures that the commands write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpmask.mask import Mask
from hpmask.plotting.static import grid_shape
from hpmask.plotting.views import View

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from matplotlib.figure import Figure


__all__ = ["DPI", "all_sky", "bins", "field"]

# Pixels per inch of pictures, unless a size is given.
DPI = 150


def all_sky(
    mask: Mask,
    path: Path,
    *,
    figsize: tuple[float, float] | None = None,
    dpi: int | None = None,
    view: dict[str, Any] | None = None,
    **options: Any,
) -> None:
    """Write a picture of the whole sky, or of the field of a `view`; the options are those of `hpmask.Mask.plot`."""
    from matplotlib.figure import Figure

    view = view or {}
    # Not a figure of pyplot's, which would need a display for some backends.
    figure = Figure(
        figsize=View.of(mask, **view).figsize if figsize is None else figsize, dpi=dpi or DPI, layout="constrained"
    )
    mask.plot(figure=figure, **view, **options)
    _save(figure, path)


def bins(
    mask: Mask,
    path: Path,
    *,
    ncols: int | None = None,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    dpi: int | None = None,
    view: dict[str, Any] | None = None,
    **options: Any,
) -> None:
    """Write a picture of each energy bin; the options are those of `hpmask.Mask.plot_grid`."""
    from matplotlib.figure import Figure

    view = view or {}
    size = View.of(mask, **view).grid_figsize(*grid_shape(len(mask.planes), ncols), title)
    figure = Figure(figsize=size if figsize is None else figsize, dpi=dpi or DPI, layout="constrained")
    mask.plot_grid(figure=figure, ncols=ncols, title=title, **view, **options)
    _save(figure, path)


def field(mask: Mask, path: Path, wcs: WCS, shape: tuple[int, int], *, title: str | None = None) -> None:
    """Write a picture of the field of an image."""
    all_sky(mask, path, title=title, view={"wcs": wcs, "shape": shape})


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format=path.suffix.lower().removeprefix("."))
