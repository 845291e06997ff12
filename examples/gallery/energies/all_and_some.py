"""
Kept in all energy bins, or in some of them
===========================================

A radius may have one column for each energy bin. A picture of the whole mask shows the
sky that is kept in all bins, in some of them, and in none.
"""

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask

axis = EnergyAxis([0.1, 1, 10, 100] * u.GeV)
names = ["Crab", "Vela", "Geminga", "3C 454.3", "Mrk 421", "LMC", "W 44", "Cen A"]
sources = SkyCoord(
    [83.6, 128.8, 98.5, 343.5, 166.1, 80.9, 284.0, 201.4],
    [22.0, -45.2, 17.8, 16.1, 38.2, -69.8, 1.4, -43.0],
    unit="deg",
)
mask = ~Mask.from_cones(sources, [[14, 7, 3]] * u.deg, order=8, energy=axis)

ax = mask.plot()
for name, source in zip(names, sources, strict=True):
    ax.text(
        source.ra.deg,
        source.dec.deg + 4,
        name,
        transform=ax.get_transform("icrs"),
        ha="center",
        va="bottom",
        size=8,
    )
plt.show()
