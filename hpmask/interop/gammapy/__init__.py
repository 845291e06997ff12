"""To and from gammapy: masks on its geometries and for its makers, from its maps, datasets, models and PSFs.

`Mask.to_gammapy`, `Mask.for_gammapy`, `Mask.from_gammapy` and `Mask.from_catalog` are the common ways in and out; the
functions here are what goes beyond a single mask.
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
