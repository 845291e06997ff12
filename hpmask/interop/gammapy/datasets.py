"""Masks of gammapy's datasets and observations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask._utils.arguments import as_angle, as_flag
from hpmask._utils.modes import Mode
from hpmask.core.value import MaskValue
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.energies import energy_axis
from hpmask.interop.gammapy.from_maps import from_map
from hpmask.interop.gammapy.to_maps import to_map
from hpmask.regions.masks import from_cones

__all__ = ["DatasetMasks", "fit_energy_range", "from_dataset", "offset_masks", "set_mask_fit"]


class DatasetMasks(NamedTuple):
    """The two masks of a dataset; None where it has none."""

    safe: MaskValue | None
    fit: MaskValue | None


def from_dataset(
    dataset: Any,
    *,
    order: int | None = None,
    mode: Mode = "center",
    outside: bool = False,
    frame: str | None = None,
) -> DatasetMasks:
    """The masks of a dataset.

    Parameters
    ----------
    dataset : `~gammapy.datasets.MapDataset` or `~gammapy.datasets.SpectrumDataset`
        Or their ON-OFF kinds.
    order, mode, outside, frame
        As in `hpmask.Mask.from_gammapy`. The order is needed for the region of a spectrum.

    Returns
    -------
    DatasetMasks
        The masks ``safe`` and ``fit``, in this order; None where the dataset has none.
    """
    need_gammapy()
    masks = []
    for name in ("mask_safe", "mask_fit"):
        if not hasattr(dataset, name):
            raise TypeError(f"dataset must be a MapDataset or SpectrumDataset of gammapy, got {type(dataset).__name__}")
        map_ = getattr(dataset, name)
        masks.append(None if map_ is None else from_map(map_, order=order, mode=mode, outside=outside, frame=frame))
    return DatasetMasks(*masks)


def set_mask_fit(datasets: Any, mask: MaskValue, *, mode: Mode = "center", update: bool = False) -> None:
    """Set `mask_fit` of datasets to a mask, each on its own pixels.

    Parameters
    ----------
    datasets : `~gammapy.datasets.Datasets`, dataset or list of datasets
        Maps and spectra. If one does not go with the mask, none is changed.
    mask : Mask
        Without energy, or with the energy bins of the datasets.
    mode : {"center", "overlap", "inside"}, optional
        As in `hpmask.Mask.to_gammapy`.
    update : bool, optional
        Keep only what the present `mask_fit` keeps, too.

    Raises
    ------
    TypeError, ValueError
        If a dataset has no pixels, or other energy bins; it is named.
    """
    need_gammapy()
    update = as_flag(update, "update")
    new = []
    for dataset in _as_list(datasets):
        geom = _geom_of(dataset)
        try:
            map_ = to_map(mask, geom, mode=mode)
        except ValueError as error:
            raise ValueError(f"dataset {dataset.name!r}: {error}") from error
        if update and dataset.mask_fit is not None:
            map_.data &= np.asarray(dataset.mask_fit.data, dtype=np.bool_)
        new.append((dataset, map_))
    for dataset, map_ in new:
        dataset.mask_fit = map_


def fit_energy_range(dataset: Any, mask: MaskValue, *, mode: Mode = "center") -> u.Quantity | None:
    """The energies between which a dataset would be fitted with a mask.

    Parameters
    ----------
    dataset : `~gammapy.datasets.MapDataset` or `~gammapy.datasets.SpectrumDataset`
        The dataset; its `mask_safe` counts, its `mask_fit` does not.
    mask : Mask
        Without energy, or with the energy bins of the dataset.
    mode : {"center", "overlap", "inside"}, optional
        As in `hpmask.Mask.to_gammapy`.

    Returns
    -------
    `~astropy.units.Quantity`, shape (2,), or None
        The lower edge of the lowest and the upper edge of the highest bin in which any pixel is kept; bins between them
        may be empty. None if no pixel is.
    """
    need_gammapy()
    geom = _geom_of(dataset)
    kept = to_map(mask, geom, mode=mode).data
    if dataset.mask_safe is not None:
        kept = kept & np.asarray(dataset.mask_safe.data, dtype=np.bool_)
    axis = energy_axis(geom)
    if axis is None:
        raise ValueError(f"dataset {dataset.name!r} has no energy axis")
    # gammapy's data have the axes the other way round.
    place = len(geom.axes) - 1 - [one.name for one in geom.axes].index(axis.name)
    bins = np.flatnonzero(kept.any(axis=tuple(k for k in range(kept.ndim) if k != place)))
    if not bins.size:
        return None
    return u.Quantity([axis.edges[bins[0]], axis.edges[bins[-1] + 1]])


def offset_masks(
    observations: Any,
    offset_max: u.Quantity | str,
    *,
    order: int,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
) -> list[MaskValue]:
    """For each observation, the sky within an offset from its pointing.

    `hpmask.union_all` of them is the field of a survey.

    Parameters
    ----------
    observations : `~gammapy.data.Observations`, iterable of observations, or `~astropy.coordinates.SkyCoord`
        Observations, whose pointing in the middle of their time counts, or pointings, of shape (n,).
    offset_max : `~astropy.units.Quantity` or str
        Largest offset: a scalar, or one per observation, shape (n,); with `energy` also (n, n_bins) or (1, n_bins).
    order, mode, frame, energy
        As in `hpmask.Mask.from_cones`.

    Returns
    -------
    list of Mask

    Examples
    --------
    >>> import hpmask
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask.interop.gammapy import offset_masks
    >>> pointings = SkyCoord([83.6, 84.6], [22.0, 22.0], unit="deg")
    >>> fields = offset_masks(pointings, "2 deg", order=10)
    >>> print(f"{fields[0].area:.2f} {hpmask.union_all(fields).area:.2f}")
    12.55 deg2 16.23 deg2
    """
    pointings = observations if isinstance(observations, SkyCoord) else _pointings(observations)
    pointings = frames.seen(pointings, frames.check_frame(frame), "observations")
    n = pointings.size
    angle = as_angle(offset_max, "offset_max")
    each = angle.ndim > 0 and angle.shape[0] == n
    if not each and angle.ndim and not (angle.ndim == 2 and angle.shape[0] == 1):
        raise ValueError(f"offset_max must be a scalar or have one row per observation ({n}), got shape {angle.shape}")
    fields = []
    for k, pointing in enumerate(pointings.reshape(n)):
        radius = angle[k : k + 1] if each else angle
        fields.append(from_cones(pointing, radius, order=order, mode=mode, frame=frame, energy=energy))
    return fields


def _pointings(observations: Iterable[Any]) -> SkyCoord:
    found = []
    for k, observation in enumerate(observations):
        if not hasattr(observation, "get_pointing_icrs"):
            raise TypeError(f"observations must be observations of gammapy, number {k} is {type(observation).__name__}")
        found.append(observation.get_pointing_icrs(observation.tmid))
    if not found:
        raise ValueError("observations must hold at least one")
    return SkyCoord([one.ra for one in found], [one.dec for one in found], frame="icrs")


def _as_list(datasets: Any) -> list[Any]:
    return [datasets] if hasattr(datasets, "mask_fit") else list(datasets)


def _geom_of(dataset: Any) -> Any:
    geom = getattr(dataset, "_geom", None)
    if geom is None or not hasattr(geom, "data_shape"):
        raise TypeError(
            f"dataset must have pixels or a region, as a MapDataset or SpectrumDataset, got {type(dataset).__name__}"
        )
    return geom
