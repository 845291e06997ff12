"""To and from `mocpy.MOC`."""

from __future__ import annotations

from mocpy import MOC

from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue
from hpmask.io.text import sky_of

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


def from_mask(mask: MaskValue) -> MOC:
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
    return MOC.from_depth29_ranges(mask.order, sky_of(mask).ranges)
