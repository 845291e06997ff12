"""The spatial models of the sources in gammapy's catalogs. Each catalog gives them in a different way."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Missing", "catalog_models"]


class Missing(str):
    """The reason why a source has no spatial model, in place of the model."""

    __slots__ = ()


def catalog_models(catalog: Any) -> Iterator[tuple[str, Any]]:
    """Names of sources and their spatial models. A source with several components comes several times.

    Parameters
    ----------
    catalog : `~gammapy.catalog.SourceCatalog`
        The catalog.

    Yields
    ------
    name : str
        The name of the source.
    model : `~gammapy.modeling.models.SpatialModel` or Missing
        Its model, or the reason why it has none.
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
    """Which rows of a Fermi catalog are points, shape (n_rows,); None for other catalogs.

    There are thousands of them, too many for gammapy to make a source object for each.
    """
    if "Extended_Source_Name" not in catalog.table.colnames:
        return None
    column = np.ma.filled(np.ma.asarray(catalog.table["Extended_Source_Name"]), "")
    names = np.char.strip(np.asarray(column).astype(str))
    return np.asarray((names == "") | (names == "--"))


def _points(catalog: Any, points: np.ndarray[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Names and models of the rows that are points."""
    from gammapy.modeling.models import PointSpatialModel

    # The same model as `spatial_model` of gammapy's SourceCatalogObjectFermiBase gives.
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
            # 2HWC gives a test radius in addition to the point.
            return [source.spatial_model("extended" if source.n_models == 2 else "point")]
        # LHAASO has a model from each detector, or from one of them.
        both = [source.sky_model(which) for which in ("WCDA", "KM2A") if _has(source, which)]
        return [model.spatial_model for model in both if model is not None]
    except FileNotFoundError as error:
        return [Missing(f"its template file is missing ({error})")]


def _sum_of_gaussians(source: Any) -> list[Any]:
    """The components of an HGPS source that is a sum of Gaussians; empty for other sources.

    gammapy's ``components_models`` is not used, because it evaluates each component and warns about those of size 0.
    """
    several = source.data["Spatial_Model"] in ("2-Gaussian", "3-Gaussian")
    if several or (source.data["Spatial_Model"] == "Gaussian" and source.spatial_model().sigma.value == 0):
        return [component.spatial_model() for component in source.components]
    return []


def _has(source: Any, which: str) -> bool:
    """Whether a LHAASO source has a model from the detector `which`."""
    return any(which in str(source.data[name]) for name in ("Model_a", "Model_b"))
