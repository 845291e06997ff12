"""Masks on the pixels of images, and masks from images.

`field_wcs` makes the WCS of an image from its centre and width, and `wcs_like` reads it from a FITS file. The other
modules do the work of `hpmask.Mask.to_wcs`, `~hpmask.Mask.to_wcs_many`, `~hpmask.Mask.write_wcs` and
`~hpmask.Mask.from_wcs`.
"""

from hpmask.wcs.field import field_wcs, wcs_like

__all__ = ["field_wcs", "wcs_like"]
