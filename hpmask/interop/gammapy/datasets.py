"""Masks of gammapy's datasets and observations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask._utils.arguments import as_flag
from hpmask._utils.modes import Mode
from hpmask._utils.parallel import for_the_call
from hpmask.core.value import MaskValue, check_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.energy_bins import energy_axis_of
from hpmask.interop.gammapy.from_maps import from_map
from hpmask.interop.gammapy.radii import checked_radii
from hpmask.interop.gammapy.to_maps import to_map
from hpmask.regions.batches import Shapes
from hpmask.regions.masks import from_shapes

__all__ = ["DatasetMasks", "fit_energy_range", "from_dataset", "offset_masks", "set_mask_fit"]


class DatasetMasks(NamedTuple):
    """The two masks of a dataset, as `from_dataset` returns them.

    Parameters
    ----------
    safe : Mask or None
        The mask from ``dataset.mask_safe``, or None if the dataset has none.
    fit : Mask or None
        The mask from ``dataset.mask_fit``, or None if the dataset has none.
    """

    safe: MaskValue | None
    fit: MaskValue | None


@for_the_call
def from_dataset(
    dataset: Any,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    outside: bool = False,
    frame: str | None = None,
    n_threads: int | None = None,
) -> DatasetMasks:
    """Return the safe mask and the fit mask of a dataset.

    Parameters
    ----------
    dataset : `~gammapy.datasets.MapDataset` or `~gammapy.datasets.SpectrumDataset`
        The dataset. The ON-OFF datasets of both kinds are possible, too.
    order : int, optional
        Order of the cells, 0 to 29, by default as in `hpmask.Mask.from_gammapy`.
    resolution : `~astropy.units.Quantity` or str, optional
        Instead of `order`, the largest width of a cell, as in `hpmask.Mask.from_gammapy`.
    mode : {"center", "overlap", "inside"}, optional
        As in `hpmask.Mask.from_gammapy`.
    outside : bool, optional
        Whether the sky outside the dataset is kept.
    frame : {"icrs", "galactic"}, optional
        Frame of the masks, by default that of the dataset.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

    Returns
    -------
    DatasetMasks
        The masks ``safe`` and ``fit``, in this order, each with the energy bins of the dataset; None for a mask that
        the dataset does not have.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError, ValueError
        If `dataset` has no such masks, or one of them cannot be converted.

    Examples
    --------
    >>> import pytest
    >>> datasets = pytest.importorskip("gammapy.datasets", exc_type=ImportError)
    >>> from gammapy.maps import MapAxis, WcsGeom
    >>> from hpmask.interop.gammapy import from_dataset
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> dataset = datasets.MapDataset.create(WcsGeom.create(skydir=(83.6, 22), width=2, binsz=0.1, axes=[axis]))
    >>> safe, fit = from_dataset(dataset)
    >>> safe.is_empty, fit
    (array([ True,  True]), None)
    """
    need_gammapy()
    masks: list[MaskValue | None] = []
    for name in ("mask_safe", "mask_fit"):
        if not hasattr(dataset, name):
            raise TypeError(f"dataset must be a MapDataset or SpectrumDataset of gammapy, got {type(dataset).__name__}")
        map_ = getattr(dataset, name)
        if map_ is None:
            masks.append(None)
            continue
        masks.append(
            from_map(
                map_,
                order=order,
                resolution=resolution,
                mode=mode,
                outside=outside,
                frame=frame,
                argument=f"dataset.{name}",
            )
        )
    return DatasetMasks(*masks)


@for_the_call
def set_mask_fit(
    datasets: Any, mask: MaskValue, *, mode: Mode = "center", update: bool = False, n_threads: int | None = None
) -> None:
    """Set ``mask_fit`` of datasets to a mask, each on its own pixels.

    If one of the datasets does not fit the mask, none of them is changed.

    Parameters
    ----------
    datasets : `~gammapy.datasets.Datasets`, dataset or list of datasets
        Map datasets and spectra.
    mask : Mask
        A mask without energy, or with the energy bins of the datasets.
    mode : {"center", "overlap", "inside"}, optional
        As in `hpmask.Mask.to_gammapy`.
    update : bool, optional
        Combine the mask with the present ``mask_fit``: keep the sky that both keep.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError, ValueError
        If a dataset has no pixels or other energy bins. The error names the dataset.

    Examples
    --------
    >>> import pytest
    >>> datasets = pytest.importorskip("gammapy.datasets", exc_type=ImportError)
    >>> from astropy.coordinates import SkyCoord
    >>> from gammapy.maps import MapAxis, WcsGeom
    >>> from hpmask import Mask
    >>> from hpmask.interop.gammapy import set_mask_fit
    >>> crab = SkyCoord(83.6, 22.0, unit="deg")
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> dataset = datasets.MapDataset.create(WcsGeom.create(skydir=crab, width=2, binsz=0.1, axes=[axis]))
    >>> set_mask_fit(dataset, ~Mask.from_cones(crab, "0.3 deg", order=12))
    >>> dataset.mask_fit.data.shape, int((~dataset.mask_fit.data[0]).sum())
    ((2, 20, 20), 32)
    """
    need_gammapy()
    check_mask(mask, "mask")
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


@for_the_call
def fit_energy_range(
    dataset: Any, mask: MaskValue, *, mode: Mode = "center", n_threads: int | None = None
) -> tuple[u.Quantity, u.Quantity]:
    """Return the energies between which a dataset would be fitted with a mask.

    Parameters
    ----------
    dataset : `~gammapy.datasets.MapDataset` or `~gammapy.datasets.SpectrumDataset`
        The dataset. Its ``mask_safe`` is applied, its present ``mask_fit`` is not.
    mask : Mask
        A mask without energy, or with the energy bins of the dataset.
    mode : {"center", "overlap", "inside"}, optional
        As in `hpmask.Mask.to_gammapy`.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

    Returns
    -------
    energy_min, energy_max : scalar `~astropy.units.Quantity`
        The lower edge of the first and the upper edge of the last bin in which any pixel is kept, in the unit of the
        dataset's energy axis. Bins between them may be empty. Both are NaN if no pixel is kept.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError, ValueError
        If the dataset has no pixels or no energy axis, or its energy bins are not those of the mask.

    Examples
    --------
    >>> import pytest
    >>> datasets = pytest.importorskip("gammapy.datasets", exc_type=ImportError)
    >>> from gammapy.maps import MapAxis, WcsGeom
    >>> from hpmask import Mask
    >>> from hpmask.interop.gammapy import axis_from_gammapy, fit_energy_range
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2)
    >>> dataset = datasets.MapDataset.create(WcsGeom.create(skydir=(83.6, 22), width=2, binsz=0.1, axes=[axis]))
    >>> mask = Mask.from_energy(axis_from_gammapy(axis), "10 TeV")
    >>> fit_energy_range(dataset, mask)  # no pixel is safe yet
    (<Quantity nan TeV>, <Quantity nan TeV>)
    >>> dataset.mask_safe.data[...] = True
    >>> fit_energy_range(dataset, mask)
    (<Quantity 10. TeV>, <Quantity 100. TeV>)
    """
    need_gammapy()
    check_mask(mask, "mask")
    geom = _geom_of(dataset)
    kept = to_map(mask, geom, mode=mode).data
    if dataset.mask_safe is not None:
        kept = kept & np.asarray(dataset.mask_safe.data, dtype=np.bool_)
    axis = energy_axis_of(geom)
    if axis is None:
        raise ValueError(f"dataset {dataset.name!r} has no energy axis")
    # The axes of gammapy's data are in reverse order.
    place = len(geom.axes) - 1 - [one.name for one in geom.axes].index(axis.name)
    bins = np.flatnonzero(kept.any(axis=tuple(k for k in range(kept.ndim) if k != place)))
    if not bins.size:
        return np.nan * axis.unit, np.nan * axis.unit
    return u.Quantity(axis.edges[bins[0]]), u.Quantity(axis.edges[bins[-1] + 1])


@for_the_call
def offset_masks(
    observations: Any,
    offset_max: Any,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
) -> list[MaskValue]:
    """Return the mask of each observation: the sky within an offset from its pointing.

    The union of the masks (`hpmask.union_all`) is the field of a survey.

    Parameters
    ----------
    observations : `~gammapy.data.Observations`, iterable of observations, or `~astropy.coordinates.SkyCoord`
        The observations, or their pointings of shape (n,). The pointing of an observation is taken at the middle of
        its time.
    offset_max : `~astropy.units.Quantity`, str or callable
        Largest offset, 0 to 180 deg: a scalar, or one per observation of shape (n,); with `energy` also shape
        (n, n_bins) or (1, n_bins), or a function of the energy axis that returns shape (n_bins,) or one of these.
    order : int, optional
        Order of the cells, 0 to 29, by default as in `hpmask.Mask.from_cones`.
    resolution : `~astropy.units.Quantity` or str, optional
        Instead of `order`, the largest width of a cell, as in `hpmask.Mask.from_cones`.
    mode : {"center", "overlap", "inside"}, optional
        As in `hpmask.Mask.from_cones`.
    frame : {"icrs", "galactic"}, optional
        Frame of the masks.
    energy : EnergyAxis, optional
        Energy bins of the masks.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

    Returns
    -------
    list of Mask
        One mask per observation, in their order.

    Raises
    ------
    TypeError, ValueError
        If there is no observation, an item is not an observation or has no finite pointing, or `offset_max` is not
        an angle of such a shape from 0 to 180 deg.

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
    angle = checked_radii(offset_max, "offset_max", energy, n=n)
    each = angle.ndim > 0 and angle.shape[0] == n
    fields = []
    for k, pointing in enumerate(pointings.reshape(n)):
        radius = angle[k : k + 1] if each else angle
        fields.append(
            from_shapes(
                Shapes.cones(pointing, radius),
                "from_cones",
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
            )
        )
    return fields


def _pointings(observations: Iterable[Any]) -> SkyCoord:
    """The pointings of observations at the middle of their time, shape (n,)."""
    found = []
    for k, observation in enumerate(observations):
        if not hasattr(observation, "get_pointing_icrs"):
            raise TypeError(f"observations must be observations of gammapy, number {k} is {type(observation).__name__}")
        found.append(observation.get_pointing_icrs(observation.tmid))
    if not found:
        raise ValueError("observations must hold at least one observation, got none")
    return SkyCoord([one.ra for one in found], [one.dec for one in found], frame="icrs")


def _as_list(datasets: Any) -> list[Any]:
    """Datasets as a list. A single one has the attribute mask_fit."""
    return [datasets] if hasattr(datasets, "mask_fit") else list(datasets)


def _geom_of(dataset: Any) -> Any:
    """The geometry of a dataset's counts."""
    # gammapy has no public name for it that all datasets share.
    geom = getattr(dataset, "_geom", None)
    if geom is None or not hasattr(geom, "data_shape"):
        raise TypeError(
            f"dataset must have pixels or a region, as a MapDataset or SpectrumDataset, got {type(dataset).__name__}"
        )
    return geom
