"""Pictures that the commands write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpmask.cli.terminal import save
from hpmask.mask import Mask
from hpmask.plotting.static import KEPT, field_axes

if TYPE_CHECKING:
    from astropy.wcs import WCS


__all__ = ["all_sky", "bins", "field"]


def all_sky(
    mask: Mask, path: Path, *, title: str | None = None, dpi: int = 150, overwrite: bool, **options: Any
) -> None:
    """Write a picture of the whole sky; the options are those of `hpmask.plotting.static.plot`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.8), dpi=dpi, layout="constrained")
    mask.plot(figure=figure, title=title, **options)
    save(figure, path, overwrite=overwrite)


def bins(mask: Mask, path: Path, *, title: str | None = None, dpi: int = 150, overwrite: bool, **options: Any) -> None:
    """Write a picture of each energy bin; the options are those of `hpmask.plotting.static.plot_grid`."""
    from matplotlib.figure import Figure

    figure = Figure(dpi=dpi, layout="constrained")
    mask.plot_grid(figure=figure, **options)
    if title is not None:
        figure.suptitle(title)
    save(figure, path, overwrite=overwrite)


def field(
    mask: Mask,
    path: Path,
    wcs: WCS,
    shape: tuple[int, int],
    *,
    title: str | None = None,
    dpi: int = 150,
    overwrite: bool,
) -> None:
    """Write a picture of the field of an image."""
    from matplotlib.figure import Figure

    ny, nx = shape
    # As wide as high as the image, within reason, and room for labels.
    ratio = min(4.0, max(0.25, ny / nx))
    figure = Figure(figsize=(6.4, 1.0 + 5.4 * ratio), dpi=dpi, layout="constrained")
    ax = mask.plot(field_axes(figure, wcs, shape), kept=KEPT, alpha=1.0, title=title)
    # Below the picture the legend hides nothing of it.
    legend = ax.get_legend()
    assert legend is not None
    handles = legend.legend_handles
    legend.remove()
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    save(figure, path, overwrite=overwrite)
