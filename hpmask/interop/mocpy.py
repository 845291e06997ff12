"""Masks to and from `mocpy.MOC`."""

from __future__ import annotations

from mocpy import MOC

from hpmask.core.moc import moc_plane
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask

__all__ = ["from_moc", "to_moc"]


def from_moc(moc: MOC) -> MaskValue:
    """See `hpmask.Mask.from_moc`."""
    if not isinstance(moc, MOC):
        raise TypeError(f"moc must be a mocpy.MOC, a coverage of the sky, got {type(moc).__name__}")
    plane = RangeSet(moc.to_depth29_ranges, moc.max_order)
    return new_mask(plane, history=f"from_moc(order={plane.order})")


def to_moc(mask: MaskValue) -> MOC:
    """See `hpmask.Mask.to_moc`."""
    return MOC.from_depth29_ranges(mask.order, moc_plane(mask).ranges)
