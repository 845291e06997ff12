"""Masks to and from gammapy: its geometries, background makers, maps, catalogs, models, datasets and PSFs.

`hpmask.Mask.to_gammapy`, `hpmask.Mask.to_exclusion_mask` and `hpmask.Mask.from_gammapy` convert single masks. The
functions of this module work on datasets, observations, PSFs and energy axes.
"""

from __future__ import annotations

from hpmask.interop.gammapy.axes import axis_from_gammapy, axis_to_gammapy
from hpmask.interop.gammapy.datasets import (
    DatasetMasks,
    fit_energy_range,
    from_dataset,
    offset_masks,
    set_mask_fit,
)
from hpmask.interop.gammapy.exclusion import ExclusionMask
from hpmask.interop.gammapy.psf import containment
from hpmask.interop.gammapy.sources import Extension

__all__ = [
    "DatasetMasks",
    "ExclusionMask",
    "Extension",
    "axis_from_gammapy",
    "axis_to_gammapy",
    "containment",
    "fit_energy_range",
    "from_dataset",
    "offset_masks",
    "set_mask_fit",
]
