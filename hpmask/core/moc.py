"""Which masks a MOC (multi-order coverage map) of the IVOA can hold."""

from __future__ import annotations

from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue

__all__ = ["moc_plane"]


def moc_plane(mask: MaskValue) -> RangeSet:
    """The one plane of a mask that a MOC can hold, at the order of the mask.

    Raises
    ------
    ValueError
        If the mask has energy bins, or its frame is not ICRS. A MOC has neither energies nor other frames.
    """
    if mask.energy is not None:
        raise ValueError(
            f"a MOC has no energy, but the mask has {mask.energy.n_bins} bins: "
            "combine them with reduce('any') or reduce('all')"
        )
    if mask.frame != "icrs":
        raise ValueError(f"a MOC is in ICRS, but the mask is {mask.frame}: convert it with to_frame('icrs')")
    return mask.planes[0].at_order(mask.order)
