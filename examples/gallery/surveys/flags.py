"""
Flags for a catalog
===================

A ``MaskSet`` has named layers, and ``flag`` adds a column to a table, with one bit for
each layer. The names of the bits go with the column.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from hpmask import Mask, MaskSet

rng = np.random.default_rng(1)
stars = SkyCoord(10 + rng.uniform(-1, 1, 50), rng.uniform(-1, 1, 50), unit="deg")
radius = rng.uniform(3, 9, 50) * u.arcmin
layers = MaskSet(
    {
        "g": Mask.from_zone(("9 deg", "10.7 deg"), ("-1 deg", "1 deg"), order=12),
        "r": Mask.from_zone(("9.3 deg", "11 deg"), ("-1 deg", "1 deg"), order=12),
        "star": Mask.from_cones(stars, radius, order=14),
    }
)

ra, dec = 10 + rng.uniform(-1.1, 1.1, 6000), rng.uniform(-1.1, 1.1, 6000)
galaxies = layers.flag(Table({"ra": ra, "dec": dec}), "flags")
print(galaxies["flags"].info.description)

# %%
# Each combination of flags has a number. Its names are looked up in the set.

figure, ax = plt.subplots(figsize=(7, 5.6), layout="constrained")
for flag in np.unique(galaxies["flags"]):
    rows = galaxies[galaxies["flags"] == flag]
    name = ", ".join(layers.names_of(flag)) or "none"
    ax.scatter(rows["ra"], rows["dec"], s=3, label=f"{flag}: {name}")
ax.set(xlim=(11.15, 8.85), xlabel="RA [deg]", ylabel="Dec [deg]", aspect="equal")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, title="flags")
plt.show()
