"""
Densities, corrected by the fraction that is kept
=================================================

The number of galaxies in a coarse cell depends on how much of the cell is masked.
``fraction`` returns the kept fraction of each cell, and the density follows.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.values import counts_map

center = SkyCoord(150, 2, unit="deg")
field = Mask.from_cones(center, "8 deg", order=12)
stars = Mask.from_cones(field.random(900, seed=1), "12 arcmin", order=12)
mask = field - stars
galaxies = mask.random(200_000, seed=7)

fraction = mask.fraction(6)
counts = counts_map(galaxies, order=6).values[fraction.cells]
density = counts / (fraction.values * fraction.areas).to_value("deg2")

# %%
# Divided by the area of the cells, the density falls with the fraction. Divided by the
# area that is kept, it is right everywhere. Only the noise depends on the fraction.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
naive = counts / fraction.areas.to_value("deg2")
truth = len(galaxies) / mask.area.to_value("deg2")
for ax, values, title in zip(
    axes, (naive, density), ("counts / area", "counts / kept area"), strict=True
):
    ax.plot(fraction.values, values, ".", alpha=0.6)
    ax.axhline(truth, color="C3", label="true density")
    ax.set(xlabel="kept fraction", title=title, ylim=(0, 1.5 * truth))
axes[0].set_ylabel("galaxies per square degree")
axes[0].legend()
plt.show()
