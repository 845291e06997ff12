"""
Combine masks
=============

Masks are sets of sky, with the operators of Python's sets: ``|``, ``&``, ``-``, ``^``
and ``~``. The result is exact for masks of any orders.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask, MaskSet

a = Mask.from_cones(SkyCoord(9, 0, unit="deg"), "2 deg", order=10)
b = Mask.from_boxes(SkyCoord(11, 0, unit="deg"), "3 deg", "3 deg", "20 deg", order=10)

masks = MaskSet(
    {
        "a": a,
        "b": b,
        "a | b": a | b,
        "a & b": a & b,
        "a - b": a - b,
        "a ^ b": a ^ b,
    }
)
masks.plot_grid(
    ncols=3,
    center=SkyCoord(10, 0, unit="deg"),
    width="7 deg",
    height="5 deg",
    legend=False,
    figsize=(8, 4.6),
)
plt.show()
