"""The spatial models of the sources of gammapy's catalogs, which each have ways of their own to give them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Missing", "catalog_models"]


class Missing(str):
    """In place of a model: why there is none."""

    __slots__ = ()


def catalog_models(catalog: Any) -> Iterator[tuple[str, Any]]:
    """Names of sources and their spatial models, several of a source that has several components.

    Parameters
    ----------
    catalog : `~gammapy.catalog.SourceCatalog`
        The catalog.

    Yields
    ------
    name : str
    model : `~gammapy.modeling.models.SpatialModel` or Missing
    """
    points = _fermi_points(catalog)
    for k in range(len(catalog.table)):
        if points is not None and points[k]:
            continue
        source = catalog[k]
        for model in _models(source):
            yield source.name, model
    if points is not None:
        yield from _points(catalog, points)


def _fermi_points(catalog: Any) -> np.ndarray[Any, Any] | None:
    """Which rows of a Fermi catalog are points: some thousands, too slow to be asked one by one."""
    if "Extended_Source_Name" not in catalog.table.colnames:
        return None
    column = np.ma.filled(np.ma.asarray(catalog.table["Extended_Source_Name"]), "")
    names = np.char.strip(np.asarray(column).astype(str))
    return np.asarray((names == "") | (names == "--"))


def _points(catalog: Any, points: np.ndarray[Any, Any]) -> Iterator[tuple[str, Any]]:
    from gammapy.modeling.models import PointSpatialModel

    # As the catalog's sources have them: see `spatial_model` of gammapy's SourceCatalogObjectFermiBase.
    at = catalog.positions[points].icrs
    for name, lon, lat in zip(catalog.table["Source_Name"][points], at.ra, at.dec, strict=True):
        yield str(name).strip(), PointSpatialModel(lon_0=lon, lat_0=lat, frame="icrs")


def _models(source: Any) -> list[Any]:
    """The spatial models of one source."""
    try:
        if hasattr(source, "components_models"):
            return _sum_of_gaussians(source) or [source.spatial_model()]
        if "which" not in inspect.signature(source.spatial_model).parameters:
            model = source.spatial_model()
            return [model if model is not None else Missing("no morphology in the catalog")]
        if hasattr(source, "n_models"):
            # 2HWC: a test radius beside the point.
            return [source.spatial_model("extended" if source.n_models == 2 else "point")]
        # LHAASO: one by each detector, or by one of them.
        both = [source.sky_model(which) for which in ("WCDA", "KM2A") if _has(source, which)]
        return [model.spatial_model for model in both if model is not None]
    except FileNotFoundError as error:
        return [Missing(f"a template that is not there ({error})")]


def _sum_of_gaussians(source: Any) -> list[Any]:
    """The components of a source of the HGPS that is a sum of some: none, if it is not.

    gammapy's ``components_models`` evaluates each on the way, which warns of those of size 0.
    """
    several = source.data["Spatial_Model"] in ("2-Gaussian", "3-Gaussian")
    if several or (source.data["Spatial_Model"] == "Gaussian" and source.spatial_model().sigma.value == 0):
        return [component.spatial_model() for component in source.components]
    return []


def _has(source: Any, which: str) -> bool:
    return any(which in str(source.data[name]) for name in ("Model_a", "Model_b"))
