"""Masks from gammapy's objects. Their type decides how they are converted."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from astropy import units as u

from hpmask._utils.modes import Mode
from hpmask._utils.parallel import for_the_call
from hpmask.core.value import MaskValue, with_history
from hpmask.energy.axis import EnergyAxis
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.from_maps import from_map
from hpmask.interop.gammapy.sources import from_sources
from hpmask.values.criterion import Criterion

__all__ = ["from_gammapy"]


@for_the_call
def from_gammapy(
    data: Any,
    threshold: Any = None,
    *,
    low: Any = None,
    high: Any = None,
    keep: str = ">",
    closed: str = "left",
    nan: str = "raise",
    connectivity: int = 8,
    invert: bool = False,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str | None = None,
    outside: bool | None = None,
    extension: Any = None,
    invalid: Literal["raise", "skip"] | None = None,
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    progress: bool | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_gammapy`."""
    need_gammapy()
    from gammapy.maps import Geom, Map

    criterion = Criterion.of(threshold, low=low, high=high, keep=keep, closed=closed, connectivity=connectivity)
    of_maps: dict[str, Any] = {"outside": outside, "threshold": threshold, "low": low, "high": high}
    for name, value, default in (("nan", nan, "raise"), ("invert", invert, False)):
        of_maps[name] = None if value == default else value
    of_sources = {"extension": extension, "invalid": invalid, "energy": energy, "progress": progress}
    if isinstance(data, Map):
        _check_unused(of_sources, "catalogs and models", data)
        return from_map(
            data,
            criterion,
            nan=nan,
            invert=invert,
            order=order,
            resolution=resolution,
            mode=mode,
            outside=False if outside is None else outside,
            frame=frame,
        )
    if isinstance(data, Geom):
        _check_unused(of_maps, "maps", data)
        _check_unused(of_sources, "catalogs and models", data)
        everywhere = Map.from_geom(data, data=np.ones(data.data_shape, dtype=np.bool_))
        mask = from_map(everywhere, order=order, resolution=resolution, mode=mode, frame=frame)
        return with_history(mask, f"from_gammapy({type(data).__name__}, order={mask.order}, mode={mode!r})")
    if not _has_sources(data):
        raise TypeError(
            "data must be a map, a geometry, a SourceCatalog, Models, a model or a list of models of gammapy, "
            f"got {type(data).__name__}{_hint(data)}"
        )
    _check_unused(of_maps, "maps", data)
    return from_sources(
        data,
        extension,
        order=order,
        resolution=resolution,
        mode=mode,
        frame="icrs" if frame is None else frame,
        invalid="raise" if invalid is None else invalid,
        energy=energy,
        progress=bool(progress),
    )


def _has_sources(data: Any) -> bool:
    """Whether an object is a catalog, a model or a list of models. The items of a list are checked later."""
    from gammapy.catalog import SourceCatalog
    from gammapy.modeling.models import DatasetModels, ModelBase

    return isinstance(data, SourceCatalog | DatasetModels | ModelBase | list | tuple)


def _check_unused(options: dict[str, Any], kind: str, data: Any) -> None:
    """Raise a TypeError if an option is given that does not apply to this kind of object."""
    for name, value in options.items():
        if value is not None:
            raise TypeError(f"{name} is an option for {kind} only, and data is a {type(data).__name__}")


def _hint(data: Any) -> str:
    """The function that takes an object of another kind, for an error."""
    from gammapy.datasets import Dataset

    if isinstance(data, Dataset):
        return ": hpmask.interop.gammapy.from_dataset takes datasets"
    return ": Mask.from_catalog takes tables and files of catalogs" if hasattr(data, "colnames") else ""
