"""To and from `mocpy.MOC`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mocpy import MOC

from hpmask.rangeset import RangeSet
from hpmask.words import counted

if TYPE_CHECKING:
    from hpmask.mask import Mask

__all__ = ["from_mask", "to_rangeset"]


def to_rangeset(moc: MOC) -> RangeSet:
    """The sky of a MOC, with its order.

    Parameters
    ----------
    moc : mocpy.MOC
        A space MOC.

    Returns
    -------
    RangeSet

    Raises
    ------
    TypeError
        If it is anything else, one of mocpy's time or frequency MOCs included.

    Examples
    --------
    >>> from mocpy import MOC
    >>> from hpmask.interop.mocpy import to_rangeset
    >>> to_rangeset(MOC.from_string("1/0-3 2/20"))
    RangeSet(order=2, n_ranges=2, n_cells=17)
    """
    if not isinstance(moc, MOC):
        raise TypeError(f"moc must be a mocpy.MOC, a coverage of the sky, got {type(moc).__name__}")
    return RangeSet(moc.to_depth29_ranges, moc.max_order)


def from_mask(mask: Mask) -> MOC:
    """The MOC of a mask, of the mask's order.

    Parameters
    ----------
    mask : Mask
        A mask without energy, in ICRS: a MOC knows neither bins nor other frames.

    Returns
    -------
    mocpy.MOC

    Raises
    ------
    ValueError
        If the mask has energy bins or is in another frame.

    Examples
    --------
    >>> from hpmask import Mask
    >>> from hpmask.interop.mocpy import from_mask
    >>> from_mask(Mask.full(order=2)).to_string()
    '0/0-11 2/'
    """
    if mask.energy is not None:
        raise ValueError(
            f"a MOC has no energy, the mask has {counted(mask.energy.n_bins, 'bin')}: "
            "reduce('any') or reduce('all') makes one sky of them"
        )
    if mask.frame != "icrs":
        raise ValueError(f"a MOC is ICRS, the mask is {mask.frame}: bring it there with to_frame('icrs')")
    return MOC.from_depth29_ranges(mask.order, mask.planes[0].ranges)
