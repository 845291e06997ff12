"""
MOCs from and to mocpy
======================

A mask without energy bins is a MOC, and mocpy's objects convert both ways without loss.
Files are MOCs as well: Aladin, TOPCAT and mocpy read what ``write`` makes.
"""

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from mocpy import MOC

from hpmask import Mask
from hpmask.plotting import plot

moc = MOC.from_elliptical_cone(
    lon=Longitude(30 * u.deg),
    lat=Latitude(-10 * u.deg),
    a=10 * u.deg,
    b=4 * u.deg,
    pa=30 * u.deg,
    max_depth=9,
)
mask = Mask.from_moc(moc)
print(mask.to_moc() == moc)

# %%
# A margin around the MOC of another program.

plot(
    {"with a margin of 1°": mask.dilate("1 deg"), "the MOC": mask},
    center=SkyCoord(30, -10, unit="deg"),
    width="28 deg",
    alpha=1,
)
plt.show()
