"""
Find the exclusion mask in the data
===================================

The background is known up to a factor, which can be measured only away from sources.
``find_exclusion`` repeats both steps until nothing changes: significance with a
background, and background without the significant sky.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import HealpixMap, find_exclusion

# %%
# Counts on the whole sky: a background of 5 per cell, and 40 sources.

cells = HEALPix(nside=2**6, order="nested", frame="icrs")
sky = cells.healpix_to_skycoord(np.arange(cells.npix))
rng = np.random.default_rng(9)
lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 40)))
expected = np.full(cells.npix, 5.0)
for source in SkyCoord(rng.uniform(0, 360, 40), lat, unit="deg"):
    expected += rng.pareto(1) * 15 * np.exp(-(sky.separation(source).deg ** 2) / 2)
counts = HealpixMap(rng.poisson(expected), nest=True, frame="icrs")

# %%
# The model of the background has the shape, but is too low by a factor of 1.5.

model = counts.with_values(np.full(cells.npix, 5 / 1.5))
found = find_exclusion(counts, model, "2 deg", dilate="1 deg")
print(found.history["normalisation"])

found.mask.plot(style="exclusion")
plt.show()
