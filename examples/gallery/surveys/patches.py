"""
Patches for a jackknife
=======================

``patches`` divides a mask into compact parts of equal area. The jackknife repeats a
measurement without each of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.plotting import plot

center = SkyCoord(150, 2, unit="deg")
field = Mask.from_ellipses(center, "9 deg", "6 deg", "70 deg", order=11)
mask = field - Mask.from_cones(field.random(60, seed=3), "0.3 deg", order=11)

patches = mask.patches(16)
print(patches)

# %%
# Patches are masks. ``numbers`` says in which of them a position is.

colours = plt.get_cmap("tab20c").colors
ax = plot(
    {f"{i}": patch for i, patch in enumerate(patches)},
    style="footprint",
    kept=colours[:16],
    center=center,
    width="20 deg",
    height="15 deg",
    legend=False,
)
galaxies = mask.random(5000, seed=5)
numbers = patches.numbers(galaxies)
for i in range(len(patches)):
    inside = galaxies[numbers == i]
    at = np.mean(inside.ra.deg), np.mean(inside.dec.deg)
    ax.text(*at, str(i), transform=ax.get_transform("icrs"), ha="center", va="center")
plt.show()
