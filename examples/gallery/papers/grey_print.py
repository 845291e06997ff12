"""
Colours of your own, and grey print
===================================

Masks in one picture must be told apart without colour, too: by light and dark fills and
by edges. ``kept``, ``excluded`` and ``edge`` take all colours of matplotlib, a list has
one for each mask, and "none" draws nothing.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask, MaskSet

center = SkyCoord(60, -40, unit="deg")
layers = MaskSet(
    {
        "wide": Mask.from_cones(center, "9 deg", order=10),
        "deep": Mask.from_boxes(center, "9 deg", "6 deg", "25 deg", order=10),
        "ultra-deep": Mask.from_cones(center, "1.5 deg", order=10),
    }
)
layers.plot(
    kept=["0.85", "0.55", "0.15"],
    edge="black",
    center=center,
    width="22 deg",
    figsize=(5, 5),
)
plt.show()
