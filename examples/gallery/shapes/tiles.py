"""
A footprint of tiles
====================

A survey observes tiles in rows of declination. The tiles overlap a little, and the
footprint is their union. ``center="auto"`` puts it in the middle of the picture:
right ascension 0 does not cut it in two.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask, Shapes

rows = []
for dec in np.arange(-30, 16, 2.8):
    n = int(110 * np.cos(np.radians(dec)) / 2.8)
    ra = np.linspace(-60, 50, n) + 8 * np.sin(np.radians(4 * dec))
    rows += [(lon % 360, dec) for lon in ra]
tiles = SkyCoord(rows, unit="deg")

footprint = Mask.from_boxes(tiles, "3 deg", "3 deg", order=9)
footprint.plot(style="footprint", center="auto", label=f"{len(tiles)} tiles")

# %%
# The area of the tiles, one by one, is larger than that of the footprint.

alone = Shapes.boxes(tiles, "3 deg", "3 deg")
print(f"{footprint.area:.0f} of sky, {footprint.area_in(alone).sum():.0f} of tiles")
plt.show()
