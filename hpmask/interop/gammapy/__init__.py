"""To and from gammapy: masks on its geometries and for its makers, from its maps, datasets, models and PSFs.

`Mask.to_gammapy`, `Mask.for_gammapy`, `Mask.from_gammapy` and `Mask.from_catalog` are the common ways in and out; the
functions here are what goes beyond a single mask.
"""

from __future__ import annotations

from hpmask.interop.gammapy.datasets import (
    DatasetMasks,
    fit_energy_range,
    from_dataset,
    offset_masks,
    set_mask_fit,
)
from hpmask.interop.gammapy.exclusion import ExclusionMask
from hpmask.interop.gammapy.maps import from_map
from hpmask.interop.gammapy.needed import need_gammapy
from hpmask.interop.gammapy.onto import to_map
from hpmask.interop.gammapy.psf import PsfContainment, containment
from hpmask.interop.gammapy.sources import Extension, from_sources, is_sources

__all__ = [
    "DatasetMasks",
    "ExclusionMask",
    "Extension",
    "PsfContainment",
    "containment",
    "fit_energy_range",
    "from_dataset",
    "from_map",
    "from_sources",
    "is_sources",
    "need_gammapy",
    "offset_masks",
    "set_mask_fit",
    "to_map",
]
