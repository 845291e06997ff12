"""
A coarser mask, by the fraction that is kept
============================================

A coarse map needs a coarse mask. ``at_order`` with a threshold keeps the coarse cells
of which more than that fraction is kept. A high threshold is careful, and a low one
loses little sky.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask, MaskSet

center = SkyCoord(150, 2, unit="deg")
field = Mask.from_cones(center, "4.5 deg", order=12)
mask = field - Mask.from_cones(field.random(250, seed=1), "9 arcmin", order=12)

masks = {"order 12": mask}
for threshold in (0.5, 0.75, 0.95):
    masks[f"order 7, more than {threshold:.0%}"] = mask.at_order(7, threshold=threshold)
for name, some in masks.items():
    print(f"{name}: {some.area:.1f}")

MaskSet(masks).plot_grid(
    center=center, width="10 deg", legend=False, figsize=(7.5, 7.5)
)
plt.show()
