"""
Stars by their magnitude
========================

Bright stars need wide masks. A law gives the radius for each magnitude: a table, with
its logarithm interpolated, or a function.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from hpmask import Mask
from hpmask.catalog import MagnitudeLaw

# %%
# A catalog of stars, more of them at fainter magnitudes.

rng = np.random.default_rng(3)
n = 120
stars = Table(
    {
        "ra": 150 + rng.uniform(-0.6, 0.6, n),
        "dec": 2 + rng.uniform(-0.6, 0.6, n),
        "mag": 14 + 2 * np.log10(rng.uniform(0, 1, n) + 1e-4),
    }
)
law = MagnitudeLaw("mag", {6: "12 arcmin", 9: "5 arcmin", 14: "1 arcmin"})
mask = ~Mask.from_catalog(stars, law, order=14)

# %%
# Every star lies in the middle of its disc.

center = SkyCoord(150, 2, unit="deg")
ax = mask.plot(center=center, width="1 deg", style="exclusion")
size = 4 * (14.5 - stars["mag"])
ax.scatter(
    stars["ra"],
    stars["dec"],
    s=size,
    color="white",
    transform=ax.get_transform("icrs"),
)
plt.show()
